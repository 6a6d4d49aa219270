"""All sequences through a function that takes a batch of them."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._sequences import Sequences

Rows = slice | NDArray[np.int64]


def in_batches(
    sequences: Sequences, size: int, compute: Callable[[Rows], NDArray[Any]], *, per_step: bool
) -> NDArray[Any]:
    """What ``compute`` returns for batches of rows, as one array.

    Sequences of different length are taken in order of length, so that padding costs little.

    Parameters
    ----------
    sequences : Sequences
    size : int
        Rows of a batch.
    compute : callable
        From rows, to be read with ``sequences.take``, to an array with one entry for each.
    per_step : bool
        Whether the second axis of what it returns is that of the time steps.

    Returns
    -------
    array of shape (n, ...), or (n, longest, ...) with ``per_step``
        In the latter each sequence goes from step 0 on; what stands at padded steps means nothing.
    """
    n = len(sequences)
    if n <= size:
        return compute(slice(0, n))
    # One array for all: small results that stay between large buffers that go break up the heap.
    whole: Any = None
    order = None if sequences.uniform else np.argsort(sequences.lengths, kind="stable")
    for i in range(0, n, size):
        rows = slice(i, i + size) if order is None else order[i : i + size]
        part = compute(rows)
        if whole is None:
            axes = part.shape[2:] if per_step else part.shape[1:]
            shape = (n, sequences.max_length, *axes) if per_step else (n, *axes)
            whole = np.zeros(shape, part.dtype)
        if per_step:
            whole[rows, : part.shape[1]] = part
        else:
            whole[rows] = part
    return whole
