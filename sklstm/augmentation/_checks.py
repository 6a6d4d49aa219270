"""Checks of parameters."""

import math
from collections.abc import Callable

from .._utils._numbers import as_float
from ._batch import TrainingBatch


def read_number(owner: object, name: str, requirement: str, valid: Callable[[float], bool]) -> None:
    """Make ``owner.name`` a float; a ValueError where it is none, not finite, or not ``valid``."""
    value = getattr(owner, name)
    number = as_float(value)
    if not (math.isfinite(number) and valid(number)):
        raise ValueError(
            f"The {name!r} parameter of {type(owner).__name__} must be a number {requirement}. "
            f"Got {value!r} instead."
        )
    object.__setattr__(owner, name, number)  # of a frozen record


def check_one_target(owner: object, batch: TrainingBatch) -> None:
    """Raise a ValueError where targets of time steps would no longer meet their steps."""
    if batch.targets.ndim == 3:
        raise ValueError(
            f"{type(owner).__name__} moves time steps, so it does not work with "
            "return_sequences=True, where each step has its own target. Jitter, Scale, TimeMask "
            "and ChannelDropout do."
        )
