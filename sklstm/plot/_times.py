"""Labels of time steps."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def time_texts(times: Sequence[Any]) -> list[str]:
    """Short texts: dates without what is the same for all, anything else as it is."""
    array = np.asarray(times)
    if array.dtype.kind == "O":
        try:
            array = np.array([np.datetime64(_naive(time)) for time in times])
        except (TypeError, ValueError):
            return [str(time) for time in times]
    if array.dtype.kind != "M":
        return [str(time) for time in array.tolist()]
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
