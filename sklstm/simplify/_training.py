"""Further epochs of a simplified network."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray


def check_data(function: str, epochs: int, X: Any, y: Any) -> None:
    """Training needs data."""
    if epochs and (X is None or y is None):
        missing = "X" if X is None else "y"
        raise ValueError(
            f"The 'epochs' parameter of {function} needs X and y to train on. Got "
            f"epochs={epochs} without {missing}."
        )


def train_further(estimator: Any, X: Any, y: Any, sample_weight: Any, epochs: int) -> None:
    """As ``fit`` with ``warm_start``, on what the estimator reads; for an own copy of it."""
    if epochs:
        estimator._fit(X, y, sample_weight, epochs=epochs, resume=True, scheduled=True)


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
