"""The times of a table's rows, and where one series ends and the next begins."""

import datetime
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Times:
    """When the rows of a table were observed.

    Attributes
    ----------
    values : int64 or float64 array of shape (n,)
        Nanoseconds (since 1970, UTC where there is a time zone), numbers of periods, or numbers.
    kind : str
        What they count; times of two kinds do not compare.
    labels : sequence of length n
        As the caller gave them, for messages.
    """

    values: NDArray[Any]
    kind: str
    labels: Any


def index_times(index: Any) -> Times | None:
    """Times of a pandas DatetimeIndex, TimedeltaIndex or PeriodIndex; None of another index."""
    if not hasattr(index, "asi8"):
        return None
    if index.hasnans:
        raise ValueError(
            f"The time index is missing (NaT) at row {int(np.argmax(index.isna()))}. Drop the row "
            "or fill in its time."
        )
    if not hasattr(index, "as_unit"):
        return Times(index.asi8, f"periods of {index.freqstr}", index)
    kind = "durations" if index.dtype.kind == "m" else "dates"
    if getattr(index, "tz", None) is not None:
        kind = "dates with a time zone"
    return Times(index.as_unit("ns").asi8, kind, index)


def column_times(column: NDArray[Any], name: Any) -> Times:
    """Times of a column of numbers, dates or durations."""
    given = column
    if column.dtype == object:
        column = np.array(column.tolist())
        if isinstance(given[0], datetime.date):
            column = column.astype("datetime64[us]")
    kind = {"M": "dates", "m": "durations"}.get(column.dtype.kind, "numbers")
    wrong = "missing or infinite"
    if kind != "numbers":
        missing = np.isnat(column)
        values = column.astype(f"{column.dtype.kind}8[ns]").astype(np.int64)
        wrong = "missing or outside the years 1678 to 2261"
        # NumPy wraps around where 64 bits of nanoseconds do not reach.
        missing |= values.astype(f"{column.dtype.kind}8[ns]").astype(column.dtype) != column
    elif column.dtype.kind in "iuf":
        missing = ~np.isfinite(column)
        values = column.astype(np.float64 if column.dtype.kind == "f" else np.int64)
    else:
        raise ValueError(
            f"The time column {name!r} must hold dates, durations or numbers. Got dtype "
            f"{given.dtype}: convert it first, for example with pandas.to_datetime."
        )
    if missing.any():
        raise ValueError(
            f"The time column {name!r} is {wrong} at row {int(missing.argmax())}. Drop the row or "
            "fill in its time."
        )
    return Times(values, kind, given)


def steps_between(
    times: NDArray[Any],
    first: NDArray[np.bool_],
    rows: NDArray[np.int64],
    labels: Any,
    name: str = "time",
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
    name : str
        What messages call them.

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
            f"The {name} {what} at row {row}: {labels[row]} follows {labels[before]} (row "
            f"{before}). {advice} Where the table holds several series, name the column that tells "
            "them apart: groups=."
        )
    return steps


def usual_step(steps: NDArray[np.float64]) -> float:
    """The median step; NaN of none."""
    return float(np.median(steps)) if len(steps) else float("nan")


def is_usual(steps: Any, usual: Any) -> Any:
    """Whether a step is the usual one.

    It may be half as long or half as long again: months differ in length, and sensors are not
    punctual. A missing row makes a step of twice the length. No step is usual where ``usual`` is
    NaN.
    """
    return (steps > 0.5 * usual) & (steps < 1.5 * usual)
