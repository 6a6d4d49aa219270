"""The rows that early stopping watches."""

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

Rows = NDArray[np.int64]


def split_last(rows: Rows, fraction: float) -> tuple[Rows, Rows]:
    """Training rows and the newest ``fraction`` of the rows, which are in order of time."""
    n_valid = _n_valid(len(rows), fraction)
    return rows[:-n_valid], rows[-n_valid:]


def split_random(n: int, fraction: float, strata: Rows | None, seed: int) -> tuple[Rows, Rows]:
    """Positions of training and validation rows among n, classes kept in proportion.

    Parameters
    ----------
    n : int
    fraction : float
    strata : int64 array of shape (n,), optional
        Class of each row. A class of one row stays in training.
    seed : int
    """
    n_valid = _n_valid(n, fraction)
    positions = np.arange(n)
    if strata is None:
        return _sorted(train_test_split(positions, test_size=n_valid, random_state=seed))
    counts = np.bincount(strata)
    n_classes = np.count_nonzero(counts > 1)
    kept = positions[counts[strata] == 1]
    rest = positions[counts[strata] > 1]
    stratify: Rows | None = strata[rest]
    if not n_classes <= n_valid <= len(rest) - n_classes:
        # Too few rows for every class to be watched; one of each stays in training.
        kept = np.unique(strata, return_index=True)[1]
        rest, stratify = np.setdiff1d(positions, kept), None
    if len(rest) <= n_valid:
        kept, rest = positions[:0], positions
    train, valid = train_test_split(rest, test_size=n_valid, random_state=seed, stratify=stratify)
    return _sorted((np.concatenate([train, kept]), valid))


def _n_valid(n: int, fraction: float) -> int:
    if n < 2:
        raise ValueError(
            "early_stopping=True needs at least 2 different samples of positive weight, one to "
            f"train on and one to watch. Got {n} sample(s)."
        )
    return min(n - 1, max(1, round(fraction * n)))


def _sorted(parts: tuple[Rows, Rows]) -> tuple[Rows, Rows]:
    return np.sort(parts[0]), np.sort(parts[1])
