"""Identical rows merged, in an order that depends on their content alone.

A sample weight of 2 must give the same model as the row twice, to the last bit, whatever the
order of the rows. Training is therefore a function of the *set* of distinct rows and their
summed weights: rows are put in the order of a hash of their content.
"""

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from ._sequences import Sequences

_DIGEST_BYTES = 16


def merge_identical_rows(
    sequences: Sequences,
    targets: NDArray[np.float64],
    weights: NDArray[np.float64],
    rows: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Merge rows whose sequence and target are equal.

    Parameters
    ----------
    sequences : Sequences
    targets : array of shape (n, n_outputs)
    weights : array of shape (n,)
    rows : int64 array
        The rows to look at; those of weight zero are dropped.

    Returns
    -------
    representatives : int64 array
        One row number per distinct row, in an order that the content fixes.
    summed_weights : float64 array of the same length
    """
    rows = rows[weights[rows] > 0]
    digests = np.empty(len(rows), dtype=f"S{_DIGEST_BYTES}")
    position = 0
    for chunk in sequences.chunks(rows):
        # Adding zero turns -0.0 into 0.0; float64 makes equal values of any dtype equal bytes.
        values = sequences.take(chunk).astype(np.float64) + 0.0
        for row, sequence in zip(chunk, values, strict=True):
            state = blake2b(sequence[: sequences.lengths[row]], digest_size=_DIGEST_BYTES)
            state.update(targets[row] + 0.0)
            digests[position] = state.digest()
            position += 1
    _, first, inverse = np.unique(digests, return_index=True, return_inverse=True)
    return rows[first], np.bincount(inverse, weights=weights[rows]).astype(np.float64)
