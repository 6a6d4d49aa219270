"""Further epochs of a simplified network."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .._data import read_weights
from .._training import draw_seed, match_outputs


def check_data(function: str, epochs: int, X: Any) -> None:
    """Training needs data."""
    if epochs and X is None:
        raise ValueError(
            f"The 'epochs' parameter of {function} needs X to train on. Got epochs={epochs} "
            "without X."
        )


def train_further(
    estimator: Any,
    model: Any,
    X: Any,
    y: Any,
    sample_weight: Any,
    epochs: int,
    random: np.random.RandomState,
) -> None:
    """Fine-tune a smaller copy of a model on what it reads.

    On targets, as ``fit`` with ``warm_start`` does; without them on what the model returns.
    """
    if not epochs:
        return
    if y is not None:
        estimator._fit(X, y, sample_weight, epochs=epochs, resume=True, scheduled=True)
        return
    sequences = estimator._read_known(X)
    weights = read_weights(sample_weight, len(sequences.lengths))
    networks = estimator.net_.module_, model.net_.module_
    match_outputs(*networks, sequences, weights, epochs, draw_seed(random))


@contextmanager
def zeros_kept(network: torch.nn.Module, zeros: dict[str, NDArray[np.bool_]]) -> Iterator[None]:
    """Within, weights where ``zeros`` is true get no gradient; once zero they stay it.

    Of every optimizer of torch that a gradient of zero does not move, weight decay or not.
    """
    handles = []
    with torch.inference_mode(False):
        for name, parameter in network.named_parameters():
            if name in zeros:
                factor = torch.from_numpy(~zeros[name]).to(parameter)
                handles.append(parameter.register_hook(factor.mul))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
