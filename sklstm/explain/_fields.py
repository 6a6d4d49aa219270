"""The fields of an Explanation as they are given, each read by itself."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._data import as_array, to_numeric


def read_array(name: str, value: Any, whole: bool) -> NDArray[Any]:
    """As an array of float64, or of int64 where they are ``whole`` numbers.

    Contiguous: a sum must not depend on how the values were laid out before.
    """
    if value is None:
        raise ValueError(f"{name} must be an array of numbers. Got None.")
    try:
        array = to_numeric(as_array(value), name)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be an array of numbers: {error}") from error
    if whole and array.dtype.kind not in "iu":
        raise ValueError(f"{name} must be whole numbers. Got dtype {array.dtype}.")
    return np.ascontiguousarray(array, dtype=np.int64 if whole else np.float64).view()


def read_names(name: str, value: Any) -> tuple[str, ...]:
    """As a tuple of texts."""
    try:
        if not isinstance(value, str | bytes):
            return tuple(map(str, value))
    except TypeError:
        pass
    raise ValueError(f"{name} must be a sequence of names. Got {value!r:.80}.")


def check_text(name: str, value: Any) -> None:
    """Raise where it is none."""
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a text. Got {value!r:.80}.")
