"""Labels of time steps."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray


def as_times(times: Sequence[Any]) -> NDArray[np.datetime64] | None:
    """As dates of NumPy, without time zones; None where they are no dates."""
    times = getattr(times, "array", times)  # of pandas, whose Series have a to_timestamp, too
    if hasattr(times, "to_timestamp"):  # periods
        times = times.to_timestamp()
    try:
        array = np.asarray(times)
    except ValueError:  # labels that are lists
        return None
    if array.dtype.kind == "O" and all(isinstance(time, date) for time in array):
        array = np.array([np.datetime64(_naive(time)) for time in array])
    return array if array.dtype.kind == "M" else None


def time_texts(times: Sequence[Any]) -> list[str]:
    """Short texts: dates without what is the same for all, anything else as it is."""
    array = as_times(times)
    if array is None:
        return [str(time) for time in times]
    days, months = array.astype("M8[D]"), array.astype("M8[M]")
    if not np.array_equal(days.astype(array.dtype), array):  # hours within days
        texts = np.datetime_as_string(array, unit="m").tolist()
        years = np.unique(array.astype("M8[Y]"))
        return [text.replace("T", " ")[5 if len(years) == 1 else 0 :] for text in texts]
    unit: Any = "M" if np.array_equal(months.astype("M8[D]"), days) and len(array) > 1 else "D"
    return np.datetime_as_string(array, unit=unit).tolist()


def _naive(time: Any) -> Any:
    """Without its time zone, as the clock showed it."""
    return time.replace(tzinfo=None) if getattr(time, "tzinfo", None) is not None else time
