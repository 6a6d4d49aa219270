"""Identical rows merged, in an order that depends on their content alone.

A sample weight of 2 must give the same model as the row twice, to the last bit, whatever the
order of the rows. Training is therefore a function of the *set* of distinct rows and their
summed weights: rows are put in the order of a hash of their content.
"""

import numpy as np
from numpy.typing import NDArray

from ._sequences import Sequences

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


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
    targets : array of shape (n, n_outputs), or (n, n_timesteps, n_outputs) of every time step
        What stands at padded steps does not count.
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
    # The order comes from values rounded to float32, so that a last bit in X, which differs
    # between machines, does not change it; rows that agree so far are told apart in float64.
    rounded = _hashes(sequences, targets, rows, np.float32)
    _, inverse, counts = np.unique(rounded, return_inverse=True, return_counts=True)
    exact = np.zeros_like(rounded)
    alike = np.flatnonzero(counts[inverse] > 1)
    exact[alike] = _hashes(sequences, targets, rows[alike], np.float64)
    # The weights of a group are summed from the smallest, in whatever order the rows came.
    order = np.lexsort((weights[rows], exact, rounded))
    rounded, exact, rows = rounded[order], exact[order], rows[order]
    first = np.ones(len(rows), dtype=bool)
    first[1:] = (rounded[1:] != rounded[:-1]) | (exact[1:] != exact[:-1])
    summed = np.bincount(np.cumsum(first) - 1, weights=weights[rows])
    return rows[first], summed.astype(np.float64)


def _hashes(
    sequences: Sequences,
    targets: NDArray[np.float64],
    rows: NDArray[np.int64],
    dtype: type[np.floating],
) -> NDArray[np.uint64]:
    hashes = np.empty(len(rows), dtype=np.uint64)
    begin = 0
    for chunk in sequences.chunks(rows):
        lengths = sequences.lengths[chunk]
        x_hash = _row_hash(_words(sequences.take(chunk), dtype), lengths * sequences.n_features)
        # Padded as far as the longest of all rows, which must not show in the order of others.
        n_targets = lengths * targets.shape[2] if targets.ndim == 3 else None
        y_hash = _row_hash(_words(targets[chunk], dtype), n_targets)
        hashes[begin : begin + len(chunk)] = x_hash ^ _mix(y_hash)
        begin += len(chunk)
    return hashes


def _words(values: NDArray[np.floating], dtype: type[np.floating]) -> NDArray[np.uint64]:
    """The bits of each row, one row of the result for one entry of the first axis."""
    # One dtype makes equal values equal bits; adding zero turns -0.0 into 0.0.
    with np.errstate(over="ignore"):
        bits = values.reshape(len(values), -1).astype(dtype) + dtype(0)
    return bits.view(np.uint32 if dtype is np.float32 else np.uint64).astype(np.uint64)


def _row_hash(words: NDArray[np.uint64], lengths: NDArray[np.int64] | None) -> NDArray[np.uint64]:
    """64-bit hash of each row's first ``lengths`` words.

    The sum of one hash per word, each salted with the word's position: two distinct rows agree
    with a probability of 2^-64.
    """
    position = np.arange(1, words.shape[1] + 1, dtype=np.uint64) * _GOLDEN
    hashes = _mix(words + position)
    if lengths is not None and lengths.min() < words.shape[1]:
        hashes[np.arange(words.shape[1]) >= lengths[:, None]] = 0
    return hashes.sum(axis=1, dtype=np.uint64)


def _mix(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The output function of splitmix64 (Steele, Lea & Flood, OOPSLA 2014), word by word."""
    words = words ^ (words >> np.uint64(30))
    words *= np.uint64(0xBF58476D1CE4E5B9)
    words ^= words >> np.uint64(27)
    words *= np.uint64(0x94D049BB133111EB)
    words ^= words >> np.uint64(31)
    return words
