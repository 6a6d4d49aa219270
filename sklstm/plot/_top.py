"""The largest of many players, and how the others are summed up."""

import numpy as np
from numpy.typing import NDArray


def largest(sizes: NDArray[np.float64], n_top: int) -> NDArray[np.int64]:
    """Positions of the largest, the first one first; NaN come last."""
    order = np.argsort(-np.nan_to_num(sizes, nan=-np.inf), kind="stable")
    # A bar for all others needs the place of one, so that a single one left out would gain nothing.
    return order if len(order) <= n_top else order[: max(1, n_top - 1)]


def strongest_stretch(values: NDArray[np.float64], length: int) -> slice:
    """The consecutive positions of this number whose absolute values sum to most."""
    if len(values) <= length:
        return slice(0, len(values))
    sums = np.convolve(np.abs(values), np.ones(length), mode="valid")
    start = int(sums.argmax())
    return slice(start, start + length)
