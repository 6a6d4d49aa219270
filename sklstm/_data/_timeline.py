"""The times of a table's rows, and where one series ends and the next begins."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Times = NDArray[Any]  # int64 or float64


def index_times(index: Any) -> Times | None:
    """Times of a pandas DatetimeIndex, TimedeltaIndex or PeriodIndex as integers, else None.

    Microseconds since 1970 (UTC where the index has a time zone), or the numbers of periods.
    """
    if hasattr(index, "as_unit"):
        index = index.as_unit("us")
    times = getattr(index, "asi8", None)
    if times is not None and index.hasnans:
        raise ValueError(
            f"The time index is missing (NaT) at row {int(np.argmax(index.isna()))}. Drop the row "
            "or fill in its time."
        )
    return times


def column_times(column: NDArray[Any], name: Any) -> Times:
    """Times of a column of numbers, dates or times, as numbers."""
    if column.dtype == object:
        try:
            column = column.astype(np.float64)
        except (TypeError, ValueError):
            pass
    if column.dtype.kind in "mM":
        missing = np.isnat(column)
        times = column.astype(f"{column.dtype.kind}8[us]").astype(np.int64)
    elif column.dtype.kind in "iuf":
        missing = ~np.isfinite(column)
        times = column.astype(np.float64 if column.dtype.kind == "f" else np.int64)
    else:
        raise ValueError(
            f"The time column {name!r} must hold dates, times or numbers. Got dtype "
            f"{column.dtype}: convert it first, for example with pandas.to_datetime."
        )
    if missing.any():
        raise ValueError(
            f"The time column {name!r} is missing or infinite at row {int(missing.argmax())}. Drop "
            "the row or fill in its time."
        )
    return times


def steps_between(
    times: Times, first: NDArray[np.bool_], rows: NDArray[np.int64], labels: Any
) -> NDArray[np.float64]:
    """Time since the row before; 0 at the first row of each group.

    Parameters
    ----------
    times : array of shape (n,)
    first : bool array of shape (n,)
        Whether a row is the first of its group.
    rows : int64 array of shape (n,)
        Number of each row in the caller's table, for messages.
    labels : sequence
        Times as the caller gave them, in the order of his table.

    Raises
    ------
    ValueError
        Where a time within a group is not later than the one before.
    """
    steps = np.zeros(len(times))
    steps[1:] = np.diff(times)
    steps[first] = 0
    wrong = (steps <= 0) & ~first
    if wrong.any():
        at = int(wrong.argmax())
        before, row = rows[at - 1], rows[at]
        what, advice = "decreases", "Sort the rows by time."
        if steps[at] == 0:
            what, advice = "repeats itself", "Keep one row per time."
        raise ValueError(
            f"The time {what} at row {row}: {labels[row]} follows {labels[before]} (row {before}). "
            f"{advice} Where the table holds several series, name the column that tells them "
            "apart: groups=."
        )
    return steps


def usual_step(steps: NDArray[np.float64], first: NDArray[np.bool_]) -> float | None:
    """The median time between two rows of a group; None where no group has two rows."""
    return float(np.median(steps[~first])) if not first.all() else None


def is_usual(steps: Any, usual: float | None) -> Any:
    """Whether a step is the usual one.

    It may be half as long or half as long again: months differ in length, and sensors are not
    punctual. A missing row makes a step of twice the length.
    """
    if usual is None:
        return np.zeros(np.shape(steps), dtype=bool)
    return (steps > 0.5 * usual) & (steps < 1.5 * usual)
