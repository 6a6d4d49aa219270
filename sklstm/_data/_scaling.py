"""Weighted mean and scale of each column, in float64 and in one fixed order.

Sums are einsum's plain loops: BLAS would split them by the number of threads, and the last
bits of the model with them.
"""

import numpy as np
from numpy.typing import NDArray

from ._sequences import Sequences

Scale = tuple[NDArray[np.float64], NDArray[np.float64]]


def weighted_scale(
    sequences: Sequences, rows: NDArray[np.int64], weights: NDArray[np.float64]
) -> Scale:
    """Mean and standard deviation of each feature over the real time steps of ``rows``.

    Parameters
    ----------
    sequences : Sequences
    rows : int64 array
    weights : float64 array of shape (len(rows),)
        One weight per sequence; each of its steps counts with it.

    Returns
    -------
    mean, scale : float64 arrays of shape (n_features,)
        The scale of a constant feature is 1.
    """
    weights = weights / weights.max()
    # Sums are taken of differences from the first step: a constant feature gives exact zeros,
    # and one far from zero keeps its digits.
    origin = sequences.take(rows[:1])[0, 0].astype(np.float64)
    total, mean, squares = 0.0, np.zeros(sequences.n_features), np.zeros(sequences.n_features)
    begin = 0
    with np.errstate(over="ignore", invalid="ignore"):
        for chunk in sequences.chunks(rows):
            values = sequences.take(chunk) - origin
            lengths = sequences.lengths[chunk]
            step_weights = np.repeat(weights[begin : begin + len(chunk)], lengths)
            begin += len(chunk)
            if lengths.min() == values.shape[1]:
                steps = values.reshape(-1, sequences.n_features)
            else:
                steps = values[np.arange(values.shape[1]) < lengths[:, None]]
            # Parallel update of mean and sum of squares (Chan, Golub & LeVeque 1983, eq. 2.1).
            chunk_total = step_weights.sum()
            chunk_mean = np.einsum("n,nf->f", step_weights, steps) / chunk_total
            steps -= chunk_mean
            difference = chunk_mean - mean
            squares += np.einsum("n,nf,nf->f", step_weights, steps, steps)
            squares += difference**2 * (total * chunk_total / (total + chunk_total))
            total += chunk_total
            mean += difference * (chunk_total / total)
    return _safe_scale(origin + mean, squares / total, "feature", "X")


def column_scale(targets: NDArray[np.float64], weights: NDArray[np.float64]) -> Scale:
    """Weighted mean and standard deviation of each target column, shape (n_outputs,)."""
    shares = weights / weights.max()
    shares /= shares.sum()
    with np.errstate(over="ignore", invalid="ignore"):
        differences = targets - targets[0]
        mean = np.einsum("n,nk->k", shares, differences)
        variance = np.einsum("n,nk->k", shares, (differences - mean) ** 2)
    return _safe_scale(targets[0] + mean, variance, "output", "y")


def _safe_scale(
    mean: NDArray[np.float64], variance: NDArray[np.float64], what: str, name: str
) -> Scale:
    overflow = ~np.isfinite(mean) | ~np.isfinite(variance)
    if overflow.any():
        raise ValueError(
            f"The values of {what} {overflow.argmax()} of {name} are too large to be standardised "
            "in float64. Rescale them first."
        )
    # A column that differs from its mean by rounding alone is constant.
    rounding = 10 * np.finfo(np.float64).eps * np.abs(mean)
    scale = np.sqrt(variance)
    return mean, np.where((scale <= rounding) | (scale == 0), 1.0, scale)
