"""What one ``fit`` is known by: a hash of all that decides its result."""

import hashlib
import json
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .._data import Sequences
from .._version import __version__
from ._archive import digest
from ._identity import identity
from ._net import LSTMNet
from ._prepare import Target

# Parameters that change nothing of what is trained, or show in the net that training begins with.
ELSEWHERE = frozenset(
    {
        "callbacks",
        "checkpoint",
        "device",
        "keep_background",
        "random_state",
        "verbose",
        "warm_start",
    }
)


def fingerprint(
    estimator_class: type,
    parameters: dict[str, Any],
    net: LSTMNet,
    sequences: Sequences,
    target: Target,
    weights: NDArray[np.float64],
) -> str:
    """Hash parameters, seed, initial weights, data and versions; the data in chunks.

    Rows count in their order, although most fits do not depend on it. Functions and classes
    among the parameters count by their names and their code.

    Raises
    ------
    ValueError
        Where a parameter cannot be pickled.
    """
    name = f"{estimator_class.__module__}.{estimator_class.__qualname__}"
    optimizer = getattr(net, "optimizer_", None)
    start = {
        "weights": net.module_.state_dict(),
        "optimizer": None if optimizer is None else optimizer.state_dict(),
        "weight_unit": net.weight_unit,
    }
    record = {
        "versions": [__version__, torch.__version__],
        "estimator": name,
        "parameters": {
            parameter: _hash_of(parameter, value)
            for parameter, value in sorted(parameters.items())
            if parameter not in ELSEWHERE
        },
        "device": torch.device(net.device).type,
        "seed": net.seed,
        "start": digest(start),
        "n_epochs": len(net.history),
        "target": [target.criterion, target.n_outputs],
    }
    hasher = hashlib.blake2b(json.dumps(record).encode(), digest_size=16)
    arrays = [weights, target.columns, sequences.lengths]
    for array in [*arrays, *([] if target.factors is None else [target.factors])]:
        _add(hasher, array)
    for rows in sequences.chunks():
        _add(hasher, sequences.take(rows))
    return hasher.hexdigest()


def _hash_of(parameter: str, value: Any) -> str:
    try:
        return identity(value)
    except Exception as error:  # pickle raises several types
        raise ValueError(
            f"The {parameter!r} parameter must be picklable with a checkpoint, whose file is named "
            f"by a hash of the parameters. Got {value!r}: {error}"
        ) from error


def _add(hasher: Any, array: NDArray[Any]) -> None:
    hasher.update(f"{array.dtype} {array.shape}".encode())
    hasher.update(np.ascontiguousarray(array))
