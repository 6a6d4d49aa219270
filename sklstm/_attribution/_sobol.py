"""Sobol indices from the outputs of two independent samples and of their mixtures."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Entries of the matrix of resampled rows that is in memory at a time.
COUNT_ENTRIES = 2**22


class SobolIndices(NamedTuple):
    """Of ``k`` outputs; NaN where an output does not vary.

    Attributes
    ----------
    first_order, total_order : array of shape (n_players, k)
    first_order_interval, total_order_interval : array of shape (n_players, k, 2)
    variance : array of shape (k,)
    """

    first_order: FloatArray
    total_order: FloatArray
    first_order_interval: FloatArray
    total_order_interval: FloatArray
    variance: FloatArray


def sobol_indices(
    f_A: FloatArray,
    f_B: FloatArray,
    f_AB: FloatArray,
    *,
    confidence_level: float,
    n_resamples: int,
    rng: np.random.RandomState,
    shared: IntArray | None = None,
) -> SobolIndices:
    """First-order indices by eq. (b) and total ones by eq. (f) of table 2 in [1]_.

    The variance is half the mean squared difference of A and B. Unlike the variance of both
    together it stays right where a sample and its counterpart share something that is no player
    (the length of a sequence): everything is then within what is shared.

    Parameters
    ----------
    f_A, f_B : array of shape (n_samples, k)
    f_AB : array of shape (n_players, n_samples, k)
        Of the sample A in which one player comes from B.
    confidence_level : float
        Of the percentile intervals.
    n_resamples : int
        Bootstrap samples of the rows of A and B.
    rng : RandomState
    shared : int64 array of shape (n_samples,), optional
        What a row of A and its counterpart in B have in common: the same number for the same. The
        indices have the same mean without it, and first-order ones vary more.

    References
    ----------
    .. [1] Saltelli et al. (2010), "Variance based sensitivity analysis of model output. Design
       and estimator for the total sensitivity index", Computer Physics Communications 181(2).
    """
    centre = (f_A + f_B).mean(axis=0) / 2
    if shared is not None:
        centre = _centres(f_A + f_B, shared)
        # Of this centre, too, the product with the difference of A and the mixture has mean 0.
        centre = np.where(np.isnan(centre), (f_A + f_AB) / 2, centre)
    terms = np.concatenate(
        [
            (f_A - f_B)[None] ** 2 / 2,
            (f_B - centre) * (f_AB - f_A),
            (f_A - f_AB) ** 2 / 2,
        ]
    )
    means = terms.mean(axis=1)
    tail = (1 - confidence_level) / 2
    resampled = _shares(_resampled_means(terms, n_resamples, rng))
    intervals = np.moveaxis(np.quantile(resampled, [tail, 1 - tail], axis=0), 0, -1)
    first, total = np.split(_shares(means), 2)
    first_interval, total_interval = np.split(intervals, 2)
    return SobolIndices(first, total, first_interval, total_interval, means[0])


def _centres(sums: FloatArray, shared: IntArray) -> FloatArray:
    """Means of the other rows that share the same; NaN where there are none.

    A row that were centred by itself would bias its product.
    """
    _, group, counts = np.unique(shared, return_inverse=True, return_counts=True)
    totals = np.zeros((len(counts), sums.shape[1]))
    np.add.at(totals, group, sums)
    others = 2.0 * (counts[group, None] - 1)
    return np.divide(totals[group] - sums, others, out=np.full_like(sums, np.nan), where=others > 0)


def _shares(means: FloatArray) -> FloatArray:
    """Parts of the variance, which comes first, of shape (..., 1 + n, k)."""
    variance = means[..., :1, :]
    with np.errstate(invalid="ignore"):
        return np.where(variance > 0, means[..., 1:, :] / variance, np.nan)


def _resampled_means(terms: FloatArray, n_resamples: int, rng: np.random.RandomState) -> FloatArray:
    """Means of terms of shape (m, n_samples, k) over bootstrap samples, (n_resamples, m, k)."""
    n = terms.shape[1]
    means = np.empty((n_resamples, terms.shape[0], terms.shape[2]))
    size = max(1, COUNT_ENTRIES // n)
    for start in range(0, n_resamples, size):
        block = means[start : start + size]
        drawn = rng.randint(n, size=(len(block), n)) + n * np.arange(len(block))[:, None]
        counts = np.bincount(drawn.ravel(), minlength=len(block) * n).reshape(len(block), n)
        block[:] = np.tensordot(counts / n, terms, axes=(1, 1))
    return means
