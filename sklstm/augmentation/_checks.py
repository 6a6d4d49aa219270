"""Checks of parameters."""

import math
from collections.abc import Callable
from numbers import Real

from ._batch import TrainingBatch


def check_number(
    owner: object, name: str, requirement: str, valid: Callable[[float], bool]
) -> None:
    """Raise a ValueError where ``owner.name`` is no finite number, or not ``valid``."""
    value = getattr(owner, name)
    try:
        number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # an int beyond float64
        number = False
    if not (number and valid(value)):
        raise ValueError(
            f"The {name!r} parameter of {type(owner).__name__} must be a number {requirement}. "
            f"Got {value!r} instead."
        )


def check_one_target(owner: object, batch: TrainingBatch) -> None:
    """Raise a ValueError where targets of time steps would no longer meet their steps."""
    if batch.targets.ndim == 3:
        raise ValueError(
            f"{type(owner).__name__} moves time steps, so it does not work with "
            "return_sequences=True, where each step has its own target. Jitter, Scale, TimeMask "
            "and ChannelDropout do."
        )
