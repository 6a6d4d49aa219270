"""make_windows: complete windows of a series and the values that follow them."""

from numbers import Integral
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from .._data import as_array, index_times, is_usual, naming, steps_between, usual_step
from ._rows import about_jumps, read_rows


def make_windows(
    series: Any,
    lookback: int,
    horizon: int = 1,
    *,
    target: str | int | None = None,
    stride: int = 1,
) -> tuple[NDArray[Any], NDArray[Any], Any]:
    """Cut a series into complete windows and the values that follow them.

    Where the series has a DatetimeIndex (or a PeriodIndex, or a TimedeltaIndex), no window and no
    target reaches over a jump in it: a step that is at least half as long again as the usual
    (median) one, or at most half of it.

    Parameters
    ----------
    series : array-like or DataFrame of shape (n_rows, n_columns), or (n_rows,)
        One row per time step, in order of time.
    lookback : int
        Number of rows in a window.
    horizon : int, default=1
        Number of rows to predict: the 1st to the ``horizon``-th after the window.
    target : str or int, default=None
        Name or position of the column to predict. None where there is one column.
    stride : int, default=1
        A window ends at every ``stride``-th row.

    Returns
    -------
    X : ndarray of shape (n_windows, lookback, n_columns)
        float32 where the series is, else float64. A read-only view of the series where it has no
        jump.
    y : ndarray of shape (n_windows,) or (n_windows, horizon)
        Values of ``target`` after each window; 1-D where ``horizon`` is 1.
    index : pandas Index or int64 ndarray of shape (n_windows,)
        Where each window ends, the moment of the forecast: labels of a pandas series, else row
        numbers.

    Raises
    ------
    ValueError
        Where a value is missing or infinite, times do not increase, the series is too short for
        one window and its horizon, or a parameter is not as described.
    TypeError
        Where ``series`` is sparse, or holds objects that are no numbers.

    See Also
    --------
    SlidingWindow : The same inside a pipeline, one window for every row.
    sklstm.model_selection.WindowSplit : Folds whose windows and targets do not overlap.

    Examples
    --------
    >>> from sklstm.preprocessing import make_windows
    >>> X, y, index = make_windows([1, 2, 3, 4, 5, 6], lookback=3, horizon=2)
    >>> X[:, :, 0]
    array([[1., 2., 3.],
           [2., 3., 4.]])
    >>> y
    array([[4., 5.],
           [5., 6.]])
    >>> index
    array([2, 3])

    Hourly weather, the temperature of the next day:

    >>> from sklstm.datasets import load_nyc_weather
    >>> frame = load_nyc_weather(as_frame=True).frame[["temp", "humid"]].ffill()
    >>> X, y, index = make_windows(frame, lookback=48, horizon=24, target="temp", stride=24)
    >>> X.shape, y.shape, str(index[0])
    ((361, 48, 2), (361, 24), '2013-01-03 00:00:00')
    """
    for name, value in {"lookback": lookback, "horizon": horizon, "stride": stride}.items():
        if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
            raise ValueError(
                f"The {name!r} parameter of make_windows must be an int of at least 1. Got "
                f"{value!r} instead."
            )
    with naming("series"):
        table = _as_table(series)
    rows = read_rows(table, name="series")
    column = _target_column(table, target)
    last = _ends(series, len(rows), lookback, horizon, stride)
    views = sliding_window_view(rows, lookback, axis=0).transpose(0, 2, 1)
    steps = np.diff(last)
    if len(last) == 1 or (steps == stride).all():
        X = views[last[0] - lookback + 1 : last[-1] - lookback + 2 : stride]
    else:
        X = np.ascontiguousarray(views[last - lookback + 1])
    y = rows[last[:, None] + np.arange(1, horizon + 1), column]
    index = series.index[last] if hasattr(series, "iloc") else last
    return X, y[:, 0] if horizon == 1 else y, index


def _as_table(series: Any) -> Any:
    """What has one dimension as a column, and a list as an array."""
    if hasattr(series, "columns") or getattr(series, "ndim", 1) != 1:
        return series
    if hasattr(series, "to_frame"):
        return series.to_frame()
    try:
        rows = as_array(series)
    except ValueError as error:
        raise ValueError(f"Input series must have rows of one length: {error}") from error
    return rows[:, None] if rows.ndim == 1 else rows


def _target_column(table: Any, target: str | int | None) -> int:
    shape = np.shape(table)
    names = list(table.columns) if hasattr(table, "columns") else list(range(shape[1]))
    if target is None and shape[1] == 1:
        return 0
    if isinstance(target, str) and target in names:
        return names.index(target)
    if isinstance(target, Integral) and -shape[1] <= target < shape[1]:
        return range(shape[1])[int(target)]
    raise ValueError(
        f"The 'target' parameter of make_windows must name one of the columns of the series, "
        f"{names}. Got "
        f"{target!r}."
    )


def _ends(series: Any, n_rows: int, lookback: int, horizon: int, stride: int) -> NDArray[np.int64]:
    """Last row of each window whose rows and targets lie in one run without a jump."""
    begins = np.zeros(n_rows, dtype=bool)
    begins[0] = True
    times = index_times(series.index) if hasattr(series, "iloc") else None
    if times is not None:
        steps = steps_between(times.values, begins.copy(), np.arange(n_rows), times.labels)
        begins |= ~is_usual(steps, usual_step(steps[1:]))
    starts = np.flatnonzero(begins)
    ends = np.append(starts[1:], n_rows)
    runs = [
        np.arange(start + lookback - 1, end - horizon, stride)
        for start, end in zip(starts, ends, strict=True)
    ]
    last = np.concatenate(runs).astype(np.int64)
    if len(last) == 0:
        raise ValueError(
            f"lookback={lookback} and horizon={horizon} need {lookback + horizon} rows in a row. "
            f"The longest run of the series has {int((ends - starts).max())}."
            f"{about_jumps(len(starts) - 1)}"
        )
    return last
