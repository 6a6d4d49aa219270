"""SlidingWindow: a table with one row per time step as one window per row."""

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted, validate_data

from .._data import (
    Windows,
    column_times,
    index_times,
    is_missing,
    is_usual,
    steps_between,
    usual_step,
)
from .._utils._sklearn import Interval, fit_context
from ._base import SequenceTransformer
from ._rows import read_rows


class SlidingWindow(SequenceTransformer):
    """Turn each row of a table into the window of rows that ends there.

    .. warning::
       Without a time index rows are taken as consecutive. A shuffled split (``KFold`` with
       ``shuffle=True``, ``train_test_split``) makes neighbours of rows that are far apart, and
       scores a model on times that lie between those it was trained on. Split in order of time,
       with `sklstm.model_selection.WindowSplit`, and keep a DatetimeIndex or name the ``time``
       column, so that no window reaches over a hole.

    Row ``i`` of the output is the sequence of rows ``i - lookback + 1`` to ``i`` of the table:
    nothing in it is later than row ``i``. There are as many windows as rows. The first rows of a
    series get shorter windows, which the estimators read as shorter sequences.

    A series ends where its group ends, where X ends, and where the time index jumps: a step
    that is at least half as long again as the usual (median) one, or at most half of it.
    Within a group times must increase.

    Parameters
    ----------
    lookback : int
        Number of rows in a window, at least 1.
    time : str or int, default=None
        Name (in a DataFrame) or position of the column that holds the times: dates or numbers.
        It is not part of the windows. None takes the DatetimeIndex of a pandas DataFrame where
        there is one.
    groups : str or int, default=None
        Name or position of the column that tells several series apart, whose rows may be mixed
        in any way. It is not part of the windows.

    Attributes
    ----------
    step_ : float or None
        The usual time between two rows; in microseconds where times are dates. None without
        times.
    n_features_in_ : int
        Number of columns of the table, ``time`` and ``groups`` among them.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column names, where X has names that are all strings.

    See Also
    --------
    make_windows : Complete windows and their targets as arrays, before any split.
    sklstm.model_selection.WindowSplit : Folds in order of time.

    Notes
    -----
    The output is an array-like of shape (n_rows, lookback, n_columns) that holds the table once;
    windows are copied out of it batch by batch. ``numpy.asarray`` makes the array, in which
    steps of NaN at the start pad short windows.

    ``transform`` looks back into the rows of ``fit`` only where the time index shows that its
    first row comes directly after them, so predictions for the hours after training have full
    windows from the first on.

    A ``StandardScaler`` in front drops the DatetimeIndex, unless the pipeline is told to keep
    tables: ``make_pipeline(...).set_output(transform="pandas")``. The estimators scale their
    inputs themselves, so there may be no need for one.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm.preprocessing import SlidingWindow
    >>> table = np.arange(8.0).reshape(4, 2)
    >>> windows = SlidingWindow(lookback=3).fit_transform(table)
    >>> windows.shape
    (4, 3, 2)
    >>> np.asarray(windows)[[0, 3]]
    array([[[nan, nan],
            [nan, nan],
            [ 0.,  1.]],
    <BLANKLINE>
           [[ 2.,  3.],
            [ 4.,  5.],
            [ 6.,  7.]]])

    A table goes through a pipeline row by row, one prediction per row:

    >>> from sklearn.pipeline import make_pipeline
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.datasets import load_seattle_weather
    >>> frame = load_seattle_weather(as_frame=True).frame
    >>> X, y = frame.iloc[:-1], frame["temp_max"].shift(-1).dropna()
    >>> model = make_pipeline(SlidingWindow(14), LSTMRegressor(max_epochs=2, random_state=0))
    >>> model.fit(X[:1000], y[:1000]).predict(X[1000:]).shape
    (460,)
    """

    _parameter_constraints = {
        "lookback": [Interval(Integral, 1, None, closed="left")],
        "time": [str, Integral, None],
        "groups": [str, Integral, None],
    }

    def __init__(self, lookback, *, time=None, groups=None):
        self.lookback = lookback
        self.time = time
        self.groups = groups

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn the usual time step, and remember the last rows of each series.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_rows, n_columns)
            One row per time step.
        y : None
            Ignored.

        Returns
        -------
        SlidingWindow
            The fitted transformer.

        Raises
        ------
        ValueError
            Where X has a missing or infinite value, its times do not increase within a group, or
            no series is as long as ``lookback``.
        """
        table = _Table(self, X)
        step = None if table.steps is None else usual_step(table.steps, table.first)
        lengths = table.run_lengths(step)
        if lengths.max() < self.lookback:
            end = "" if table.steps is None else ", the jumps of the time index,"
            raise ValueError(
                f"The 'lookback' parameter of SlidingWindow is {self.lookback}, which is longer "
                f"than the longest series of X: {lengths.max()} sample(s) of the {len(lengths)} "
                f"between the ends of groups{end} and of X."
            )
        validate_data(self, X, skip_check_array=True)
        self.step_ = step
        self._kept = table.kept
        self._tails = table.tails(lengths, self.lookback - 1)
        return self

    def transform(self, X):
        """Windows that end at each row.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_rows, n_columns)
            One row per time step; the columns of ``fit``.

        Returns
        -------
        array-like of shape (n_rows, lookback, n_columns)
            float32 where X is, else float64; without the columns ``time`` and ``groups``.

        Raises
        ------
        ValueError
            As ``fit``, or where X has other columns.
        """
        check_is_fitted(self)
        table = _Table(self, X)
        validate_data(self, X, reset=False, skip_check_array=True)
        lengths = table.run_lengths(self.step_)
        rows, ends, lengths = table.with_tails(lengths, self._tails, self.step_)
        lengths = np.minimum(lengths, self.lookback)
        return Windows(rows, table.unsorted(ends), table.unsorted(lengths), self.lookback)

    def get_feature_names_out(self, input_features=None):
        """Names of the columns that the windows hold.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Used where ``fit`` saw no names.

        Returns
        -------
        ndarray of str objects, shape (n_columns,)
        """
        check_is_fitted(self)
        names = getattr(self, "feature_names_in_", input_features)
        if names is None:
            names = [f"x{i}" for i in range(self.n_features_in_)]
        if len(names) != self.n_features_in_:
            raise ValueError(
                f"input_features should have length {self.n_features_in_}. Got {len(names)}."
            )
        return np.array([names[i] for i in self._kept], dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class _Table:
    """X sorted by group: values, times and the first row of each group.

    Attributes
    ----------
    kept : list of int
        Columns of X that are features.
    order : int64 array of shape (n,), or None
        Row of X for each row here; None where they are the same.
    values : float array of shape (n, n_columns)
    keys : list
        Groups in their order.
    first : bool array of shape (n,)
        Whether a row is the first of its group.
    times : array of shape (n,) or None
    steps : float64 array of shape (n,) or None
        Time since the row before.
    """

    def __init__(self, transformer: SlidingWindow, X: Any) -> None:
        features, self.kept, times, labels, groups = _split_columns(
            X, transformer.time, transformer.groups
        )
        self.values = read_rows(features, estimator=transformer)
        n = len(self.values)
        self.order, self.first, self.keys = None, np.zeros(n, dtype=bool), [None]
        self.first[0] = True
        if groups is not None:
            self.keys, codes = _codes(groups, transformer.groups)
            self.order = np.argsort(codes, kind="stable")
            codes = codes[self.order]
            self.first[1:] = codes[1:] != codes[:-1]
            self.values = self.values[self.order]
        self.times, self.steps = times, None
        if times is not None:
            rows = np.arange(n) if self.order is None else self.order
            self.times = times[rows]
            self.steps = steps_between(self.times, self.first, rows, labels)

    def run_lengths(self, step: float | None) -> NDArray[np.int64]:
        """Number of rows of its series up to each row."""
        begins = self.first
        if self.steps is not None:
            begins = begins | ~is_usual(self.steps, step)
        position = np.arange(len(begins))
        return position - np.maximum.accumulate(np.where(begins, position, 0)) + 1

    def tails(self, lengths: NDArray[np.int64], n_rows: int) -> dict[Any, Any]:
        """Time and last rows of each group's last series, where times are known."""
        if self.times is None or n_rows == 0:
            return {}
        last = np.append(np.flatnonzero(self.first)[1:], len(self.first)) - 1
        kept = np.minimum(lengths[last], n_rows)
        return {
            key: (self.times[end], self.values[end + 1 - count : end + 1].copy())
            for key, end, count in zip(self.keys, last, kept, strict=True)
        }

    def with_tails(
        self, lengths: NDArray[np.int64], tails: dict[Any, Any], step: float | None
    ) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64]]:
        """Rows, each row's place among them and the length of its series up to it.

        Before a group that goes on directly where an earlier table stopped come the last rows
        of that table.
        """
        places = np.arange(len(lengths))
        if self.times is None:
            return self.values, places, lengths
        inserted, where = [], []
        run_starts = places - lengths + 1
        for key, start in zip(self.keys, np.flatnonzero(self.first), strict=True):
            end, rows = tails.get(key, (None, None))
            if end is not None and is_usual(self.times[start] - end, step):
                inserted.append(rows)
                where.append(np.full(len(rows), start))
                lengths = lengths + len(rows) * (run_starts == start)
        if not inserted:
            return self.values, places, lengths
        at = np.concatenate(where)
        values = np.insert(self.values, at, np.concatenate(inserted), axis=0)
        return values, places + np.searchsorted(at, places, side="right"), lengths

    def unsorted(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        """In the order of the rows of X."""
        if self.order is None:
            return values
        original = np.empty_like(values)
        original[self.order] = values
        return original


def _split_columns(X: Any, time: Any, groups: Any) -> tuple[Any, list[int], Any, Any, Any]:
    """Features, their positions, times as numbers and as they were given, and groups."""
    if not hasattr(X, "columns"):
        X = X if hasattr(X, "tocsr") else np.asarray(X)
    if len(X.shape) != 2 or X.shape[1] == 0:
        return X, [], None, None, None
    features = list(range(X.shape[1]))
    times = labels = keys = None
    if time is None:
        if hasattr(X, "iloc"):
            times, labels = index_times(X.index), X.index
    else:
        times, labels = _times(_take(X, features, time, "time"), time)
    if groups is not None:
        keys = _take(X, features, groups, "groups")
    if not features:
        raise ValueError(
            "X has no column besides those that the 'time' and 'groups' parameters of "
            f"SlidingWindow name: time={time!r}, groups={groups!r}."
        )
    if len(features) < X.shape[1]:
        X = (X.iloc if hasattr(X, "iloc") else X)[:, features]
    return X, features, times, labels, keys


def _take(X: Any, features: list[int], column: Any, parameter: str) -> Any:
    """A column of X, which is no feature then."""
    names = list(X.columns) if hasattr(X, "columns") else []
    try:
        at = names.index(column) if isinstance(column, str) else range(X.shape[1])[column]
    except (ValueError, IndexError):
        has = f"the columns {names}"
        if not names:
            has = (
                f"{X.shape[1]} columns without names. Steps before it keep DataFrames with "
                'set_output(transform="pandas")'
            )
        raise ValueError(
            f"The {parameter!r} parameter of SlidingWindow must name a column of X. Got "
            f"{column!r}; X has {has}."
        ) from None
    if at in features:
        features.remove(at)
    return (X.iloc if hasattr(X, "iloc") else X)[:, at]


def _times(column: Any, name: Any) -> tuple[Any, Any]:
    """Times as numbers, and as they were given."""
    if hasattr(column, "set_axis"):  # a pandas Series
        index = column.set_axis(column).index
        times = index_times(index)
        if times is not None:
            return times, index
    column = np.asarray(column)
    return column_times(column, name), column


def _codes(groups: Any, name: Any) -> tuple[list[Any], NDArray[np.int64]]:
    """The groups, and the number of each row's group."""
    numbers: dict[Any, int] = {}
    codes = np.empty(len(groups), dtype=np.int64)
    for row, key in enumerate(np.asarray(groups).tolist()):
        if is_missing(key):
            raise ValueError(f"The groups column {name!r} is missing at row {row}.")
        codes[row] = numbers.setdefault(key, len(numbers))
    return list(numbers), codes
