"""Some rows that stand for all."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..explain._pipelines import is_lstm

IntArray = NDArray[np.int64]


def draw(n_rows: int, n: int, random: np.random.RandomState) -> IntArray:
    """At most ``n`` of them, in their order."""
    return np.arange(n_rows) if n_rows <= n else np.sort(random.permutation(n_rows)[:n])


def draw_background(
    estimator: Any, X: Any, n_rows: int, n: int, random: np.random.RandomState
) -> IntArray:
    """Rows to compare with; among them the longest, because a shorter one serves no longer row."""
    longest = int(estimator._read_known(X).lengths.argmax()) if is_lstm(estimator) else 0
    others = np.delete(np.arange(n_rows), longest)
    return np.sort([longest, *others[draw(len(others), n - 1, random)]])
