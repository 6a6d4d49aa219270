"""Numbers as users write them."""

from numbers import Real
from typing import Any


def as_float(value: Any) -> float:
    """A real number as a float; NaN where it is something else, infinity where it is too large."""
    if not isinstance(value, Real) or isinstance(value, bool):
        return float("nan")
    try:
        return float(value)
    except OverflowError:  # of an int
        return float("inf")
