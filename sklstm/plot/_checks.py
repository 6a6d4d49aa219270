"""Checks of what the displays are given, and what all of them share."""

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._utils._extras import load_extra

FloatArray = NDArray[np.float64]


def canvas(display: Any) -> ModuleType:
    """The module that draws, for a call of plot; an ImportError without matplotlib."""
    caller = f"{type(display).__name__}.plot"
    load_extra("matplotlib", caller, "plot")
    from . import _canvas

    return _canvas


def pandas(display: Any) -> ModuleType:
    """The library of tables, for a call of frame."""
    return load_extra("pandas", f"{type(display).__name__}.frame")


def floats(name: str, values: ArrayLike) -> FloatArray:
    """As a float array."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"The {name!r} parameter must hold numbers. Got {values!r}.") from error


def numbers(name: str, values: ArrayLike, *shape: int | None) -> FloatArray:
    """As a float array of this shape, where None stands for any size."""
    array = floats(name, values)
    sizes = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
    if array.ndim != len(shape) or any(
        n not in (None, m) for n, m in zip(shape, array.shape, strict=True)
    ):
        raise ValueError(
            f"The {name!r} parameter must be an array of shape {sizes}. Got shape {array.shape}."
        )
    return array


def labels(name: str, values: Sequence[Any], size: int) -> list[Any]:
    """As a list of this length."""
    found = [values] if isinstance(values, str) else list(values)
    if len(found) != size:
        raise ValueError(f"The {name!r} parameter must have {size} entries. Got {len(found)}.")
    return found


def position(name: str, value: Any, size: int) -> int:
    """As an index from 0 on."""
    is_int = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_int or not -size <= value < size:
        raise ValueError(
            f"The {name!r} parameter must be an int from {-size} to {size - 1}. Got {value!r} "
            "instead."
        )
    return int(value) % size


def choice(name: str, value: Any, options: Sequence[str]) -> None:
    """Whether it is one of these."""
    if not (isinstance(value, str) and value in options):
        raise ValueError(
            f"The {name!r} parameter must be one of {list(options)} here. Got {value!r} instead."
        )


def at_least_one(name: str, value: Any) -> None:
    """Whether it is an int of 1 or more."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
        raise ValueError(f"The {name!r} parameter must be an int >= 1. Got {value!r} instead.")


def found(result: Any, keys: Sequence[str], maker: str) -> None:
    """Whether a Bunch has these keys."""
    missing = [key for key in keys if not (hasattr(result, "keys") and key in result)]
    if missing:
        raise ValueError(f"A Bunch of {maker} was expected, with {missing}. Got {result!r:.80}.")
