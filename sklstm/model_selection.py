"""Splits for sequences that do not leak."""

import warnings
from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import BaseCrossValidator, TimeSeriesSplit
from sklearn.utils import indexable

from ._data import check_same_rows, index_times
from ._utils._sklearn import Interval, num_samples, validate_parameter_constraints

__all__ = ["WindowSplit"]

Folds = Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]


class WindowSplit(BaseCrossValidator):
    """Folds in order of time that share no target and, on demand, no observation.

    A row is a forecast origin: a model reads the rows up to it and predicts a value ``horizon``
    rows later. `sklearn.model_selection.TimeSeriesSplit` without a gap trains on targets that lie
    inside the test fold, and `KFold` trains on the rows around every test row; both report a
    lower error than the model will have.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.
    horizon : int
        How many rows after its origin a target lies; of several steps ahead, the last.
    lookback : int, default=None
        Number of rows in a window, the origin among them. If given, training stops ``lookback``
        - 1 rows earlier: no window or target of training shares an observation with a window or
        target of the test fold. None lets the first test windows reach back into the rows of
        training, as they do when a model is in use.
    test_size : int, default=None
        Number of rows in a test fold. None is ``n_rows // (n_splits + 1)``.
    max_train_size : int, default=None
        Largest number of training rows, so that the training sets slide. None trains on all
        rows up to a fold: the training sets expand.

    Raises
    ------
    ValueError
        Where a parameter is not as described.

    See Also
    --------
    sklstm.preprocessing.SlidingWindow : Windows of the rows of a table, in a pipeline.
    sklstm.preprocessing.make_windows : Windows and targets as arrays, before the split.
    sklearn.model_selection.TimeSeriesSplit : The same test folds, for rows of their own.

    Notes
    -----
    Before a fold whose first row is ``t`` the training rows are those with ``row + horizon < t``,
    or with ``row + horizon < t - lookback + 1``. This is purging as in [1]_; no embargo is
    needed, because nothing after a test fold is trained on.

    Rows must be in order of time, one per time step. Where X or y has a pandas DatetimeIndex,
    TimedeltaIndex or PeriodIndex, this is checked. For windows cut with a ``stride``, divide
    ``horizon`` and ``lookback`` by it and round up.

    Cross-validation passes each fold alone. A pipeline with ``SlidingWindow`` therefore scores
    the first ``lookback`` - 1 rows of a fold with short windows; ``make_windows`` before the
    split gives every row its full window.

    References
    ----------
    .. [1] M. López de Prado, "Advances in Financial Machine Learning", Wiley, 2018, chapter 7.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm.model_selection import WindowSplit
    >>> X = np.arange(12.0).reshape(12, 1)
    >>> for train, test in WindowSplit(n_splits=3, horizon=2).split(X):
    ...     print(train, test)
    [0] [3 4 5]
    [0 1 2 3] [6 7 8]
    [0 1 2 3 4 5 6] [ 9 10 11]

    Windows of 3 rows that share nothing:

    >>> for train, test in WindowSplit(n_splits=2, horizon=2, lookback=3, test_size=3).split(X):
    ...     print(train, test)
    [0 1] [6 7 8]
    [0 1 2 3 4] [ 9 10 11]

    Sunspots 5 years ahead, from the 22 years before:

    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklstm.datasets import load_sunspots
    >>> from sklstm.preprocessing import make_windows
    >>> X, y, _ = make_windows(load_sunspots().data, lookback=22, horizon=5)
    >>> cv = WindowSplit(n_splits=4, horizon=5, lookback=22)
    >>> cv.get_n_splits()
    4
    >>> cross_val_score(Ridge(), X[:, :, 0], y[:, -1], cv=cv).shape
    (4,)
    """

    _parameter_constraints: dict[str, Any] = {
        "n_splits": [Interval(Integral, 2, None, closed="left")],
        "horizon": [Interval(Integral, 1, None, closed="left")],
        "lookback": [Interval(Integral, 1, None, closed="left"), None],
        "test_size": [Interval(Integral, 1, None, closed="left"), None],
        "max_train_size": [Interval(Integral, 1, None, closed="left"), None],
    }

    def __init__(
        self,
        n_splits: int = 5,
        *,
        horizon: int,
        lookback: int | None = None,
        test_size: int | None = None,
        max_train_size: int | None = None,
    ) -> None:
        self.n_splits = n_splits
        self.horizon = horizon
        self.lookback = lookback
        self.test_size = test_size
        self.max_train_size = max_train_size
        validate_parameter_constraints(self._parameter_constraints, vars(self), "WindowSplit")

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Folds:
        """Row numbers of each training set and test fold.

        Parameters
        ----------
        X : array-like, DataFrame or list of n samples
            Rows in order of time.
        y : array-like of n samples, default=None
            Their targets; only its index is read.
        groups : object, default=None
            Ignored, with a warning.

        Returns
        -------
        iterator of (train, test)
            Two int arrays per fold, in order of time.

        Raises
        ------
        ValueError
            Where there are too few rows, X and y differ in length, or a time index decreases or
            repeats itself.
        """
        if groups is not None:
            warnings.warn("The groups parameter is ignored by WindowSplit", stacklevel=2)
        check_same_rows(X, y=y)
        X, y = indexable(X, y)
        for name, data in {"X": X, "y": y}.items():
            _check_times(getattr(data, "index", None), name)
        n_rows = num_samples(X)
        gap = self.horizon + (self.lookback or 1) - 1
        test_size = self.test_size or max(1, n_rows // (self.n_splits + 1))
        self._check_rows(n_rows, test_size, gap)
        folds = TimeSeriesSplit(
            self.n_splits, max_train_size=self.max_train_size, test_size=test_size, gap=gap
        )
        return folds.split(np.empty(n_rows))

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Number of folds.

        Parameters
        ----------
        X : object, default=None
            Ignored.
        y : object, default=None
            Ignored.
        groups : object, default=None
            Ignored.

        Returns
        -------
        int
        """
        return self.n_splits

    def _check_rows(self, n_rows: int, test_size: int, gap: int) -> None:
        needed = self.n_splits * test_size + gap + 1
        if n_rows < needed:
            terms, lower = "horizon", f"n_splits={self.n_splits}, horizon={self.horizon}"
            if self.lookback is not None:
                terms, lower = "horizon + lookback - 1", f"{lower}, lookback={self.lookback}"
            raise ValueError(
                f"{self.n_splits} test folds of {test_size} row(s) and a gap of {gap} row(s) "
                f"({terms}) before the first leave nothing to train on: X has {n_rows} row(s), "
                f"{needed} are needed. Lower {lower} or test_size."
            )


def _check_times(index: Any, name: str) -> None:
    """Raise where a time index is not that of one series in order of time."""
    times = index_times(index)
    if times is None:
        return
    wrong = np.flatnonzero(np.diff(times.values) <= 0)
    if len(wrong):
        row = int(wrong[0]) + 1
        same = times.values[row] == times.values[row - 1]
        what = "repeats itself" if same else "decreases"
        raise ValueError(
            f"The time index of {name} {what} at row {row}: {index[row]} follows {index[row - 1]}. "
            "WindowSplit needs one row per time step: sort the rows by time; for several series "
            "in one table, split each series on its own, or whole series with GroupKFold."
        )
