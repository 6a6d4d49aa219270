"""Checks of parameters."""

import math
from collections.abc import Callable
from numbers import Real


def check_number(
    owner: object, name: str, requirement: str, valid: Callable[[float], bool]
) -> None:
    """Raise a ValueError where ``owner.name`` is no finite number, or not ``valid``."""
    value = getattr(owner, name)
    number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not (number and valid(value)):
        raise ValueError(
            f"The {name!r} parameter of {type(owner).__name__} must be a number {requirement}. "
            f"Got {value!r} instead."
        )
