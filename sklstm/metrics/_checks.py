"""Checks of parameters of the metrics."""

from numbers import Integral
from typing import Any

from .._utils._numbers import as_float
from ..explain._random import own_random_state


def check_count(name: str, value: Any, minimum: int = 1) -> int:
    """As an int of at least a minimum."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < minimum:
        raise ValueError(
            f"The {name!r} parameter must be an int >= {minimum}. Got {value!r} instead."
        )
    return int(value)


def check_positive(name: str, value: Any) -> float:
    """As a finite number above 0."""
    if not 0 < as_float(value) < float("inf"):
        raise ValueError(f"The {name!r} parameter must be a number > 0. Got {value!r} instead.")
    return float(value)


def seed_of(random_state: Any) -> int:
    """A seed of one's own."""
    return int(own_random_state(random_state).randint(2**31 - 1))


def check_explain(explain: Any) -> None:
    """Raise where it cannot be called."""
    if not callable(explain):
        raise ValueError(
            "The 'explain' parameter must be a callable from a model and X to an Explanation, such "
            f"as partial(explain_shap, background=X_train). Got {explain!r:.80} instead."
        )
