"""Checks of the parameters of the generators."""

from numbers import Integral, Real

import numpy as np


def check_integer(function: str, parameter: str, value: object, minimum: int) -> None:
    """Raise a ValueError unless ``value`` is an integer of at least ``minimum``."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < minimum:
        raise ValueError(
            f"The {parameter!r} parameter of {function} must be an integer of at least {minimum}. "
            f"Got {value!r} instead."
        )


def check_number(
    function: str, parameter: str, value: object, maximum: float | None = None
) -> None:
    """Raise a ValueError unless ``value`` is a finite number from 0 to ``maximum``."""
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not number or not 0 <= value < np.inf or (maximum is not None and value > maximum):  # type: ignore[operator]
        limits = "of at least 0" if maximum is None else f"between 0 and {maximum:g}"
        raise ValueError(
            f"The {parameter!r} parameter of {function} must be a finite number {limits}. "
            f"Got {value!r} instead."
        )


def new_random_state(function: str, random_state: object) -> np.random.RandomState:
    """The generator that ``random_state`` stands for; None is a new one, never the global one."""
    if isinstance(random_state, np.random.RandomState):
        return random_state
    seed = isinstance(random_state, Integral) and not isinstance(random_state, bool)
    if random_state is None or (seed and 0 <= random_state < 2**32):  # type: ignore[operator]
        return np.random.RandomState(random_state)  # type: ignore[arg-type]
    raise ValueError(
        f"The 'random_state' parameter of {function} must be an integer from 0 to 2**32 - 1, a "
        f"numpy.random.RandomState or None. Got {random_state!r} instead."
    )
