"""SlidingWindow: a table with one row per time step as one window per row."""

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted, validate_data

from .._data import Windows
from .._utils._sklearn import Interval, fit_context
from ._base import SequenceTransformer
from ._row_table import RowTable
from ._rows import about_jumps


class SlidingWindow(SequenceTransformer):
    """Turn each row of a table into the window of rows that ends there.

    .. warning::
       Without a time index rows are taken as consecutive. A shuffled split (``KFold`` with
       ``shuffle=True``, ``train_test_split``) makes neighbours of rows that are far apart, and
       scores a model on times that lie between those it was trained on. So does whatever draws
       rows at random, such as ``BaggingRegressor`` around a pipeline. Split in order of time,
       with `sklstm.model_selection.WindowSplit`, and keep a DatetimeIndex or name the ``time``
       column, so that no window reaches over a hole.

    Row ``i`` of the output is the sequence of rows ``i - lookback + 1`` to ``i`` of the table:
    nothing in it is later than row ``i``. There are as many windows as rows. The first rows of a
    series get shorter windows, which the estimators read as shorter sequences.

    A series ends where its group ends, where X ends, and where the time index jumps: a step
    that is at least half as long again as the usual (median) one of its group, or at most half
    of it. Within a group times must increase.

    Parameters
    ----------
    lookback : int
        Number of rows in a window, at least 1.
    time : str or int, default=None
        Name (in a DataFrame) or position of the column that holds the times: dates, durations or
        numbers, which are taken as they are (20240131 is a number, not a date). It is not part
        of the windows. None takes the index of a pandas DataFrame where that is a DatetimeIndex,
        TimedeltaIndex or PeriodIndex; an index of text is no time index.
    groups : str or int, default=None
        Name or position of the column that tells several series apart, whose rows may be mixed
        in any way. It is not part of the windows.

    Attributes
    ----------
    step_ : float or None
        The usual time between two rows of a group, over all groups; in nanoseconds where times
        are dates or durations. A group of ``fit`` that has a usual step of its own goes by that.
        None without times.
    n_features_in_ : int
        Number of columns of the table, ``time`` and ``groups`` among them.
    feature_names_in_ : ndarray of shape (n_columns,)
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

    >>> window = SlidingWindow(lookback=3).fit(table)
    >>> window.transform(table).shape, window.get_feature_names_out(["temp", "wind"])
    ((4, 3, 2), array(['temp', 'wind'], dtype=object))
    >>> window = window.set_output(transform="default")  # windows are never a DataFrame

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
        "time": [str, Interval(Integral, None, None, closed="neither"), None],
        "groups": [str, Interval(Integral, None, None, closed="neither"), None],
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
        TypeError
            Where X is sparse, or holds objects that are no numbers.
        """
        table = RowTable(X, self.time, self.groups, self)
        by_group, step = table.usual_steps()
        lengths = table.run_lengths(self._usual(table, by_group, step))
        if lengths.max() < self.lookback:
            n_jumps = int((lengths == 1).sum()) - len(table.keys)
            raise ValueError(
                f"The 'lookback' parameter of SlidingWindow is {self.lookback}, which is longer "
                f"than the longest series of X: {lengths.max()} of its {len(table)} sample(s). "
                f"Series are told apart by groups={self.groups!r}.{about_jumps(n_jumps)}"
            )
        validate_data(self, X, skip_check_array=True)
        self.step_ = None if np.isnan(step) else step
        self._steps = by_group
        self._time_kind = table.time_kind
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
        TypeError
            Where X is sparse, or holds objects that are no numbers.
        """
        check_is_fitted(self)
        self._validate_params()
        table = RowTable(X, self.time, self.groups, self)
        validate_data(self, X, reset=False, skip_check_array=True)
        self._check_times(table)
        usual = self._usual(table, self._steps, self.step_)
        lengths = table.run_lengths(usual)
        rows, ends, lengths = table.with_tails(lengths, self._tails, usual)
        lengths = np.minimum(lengths, self.lookback)
        return Windows(rows, table.unsorted(ends), table.unsorted(lengths), self.lookback)

    def _check_times(self, table: RowTable) -> None:
        """Where ``fit`` saw times X must have them, of the same kind; else they do not count."""
        if self._time_kind is None and self.time is None:
            table.ignore_times()
        if table.time_kind != self._time_kind:
            raise ValueError(
                f"SlidingWindow was fitted on times that are {self._time_kind}. Those of X are "
                f"{table.time_kind or 'missing: it has no time index'}; they do not compare."
            )

    def _usual(
        self, table: RowTable, by_group: dict[Any, float], overall: float | None
    ) -> NDArray[np.float64]:
        """The usual step of each group of the table, that of all where it has none of its own."""
        fallback = np.nan if overall is None else overall
        if np.isnan(fallback):
            fallback = table.usual_steps()[1]
        steps = np.array([by_group.get(key, fallback) for key in table.keys])
        return np.where(np.isnan(steps), fallback, steps)

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
