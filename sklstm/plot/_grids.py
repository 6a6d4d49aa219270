"""Importances of players: their means over rows, their outputs, and which lie in time."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..explain import Explanation
from ._checks import position

FloatArray = NDArray[np.float64]


def mean_sizes(e: Explanation) -> tuple[FloatArray, FloatArray | None]:
    """Mean absolute values over the outputs and rows, and the standard error over the rows.

    An output that does not exist (NaN) is left out; the error of a single row is None.
    """
    n_outputs = e.output_values.ndim - 1
    n_axes = e.values.ndim - n_outputs
    exists = ~np.isnan(e.output_values)
    exists = exists.reshape(len(e), *(1,) * (n_axes - 1), *e.output_values.shape[1:])
    outputs = tuple(range(n_axes, e.values.ndim))
    count = exists.sum(axis=outputs)
    sums = np.sum(np.abs(e.values), axis=outputs, where=np.broadcast_to(exists, e.values.shape))
    rows = np.flatnonzero(count.ravel())
    if not len(rows):
        raise ValueError("This output does not exist in any row of the Explanation.")
    sizes = sums[rows] / count[rows]
    mean = sizes.mean(axis=0)
    return mean, None if len(rows) < 2 else sizes.std(axis=0, ddof=1) / np.sqrt(len(rows))


def in_time(names: Sequence[str]) -> bool:
    """Whether these are the names of all time steps."""
    return len(names) > 1 and list(names) == [f"step {step}" for step in range(len(names))]


def grid_of(names: Sequence[str]) -> tuple[int, list[str]]:
    """Number of time steps and names of the features of players that are cells; else one step."""
    parts = [re.fullmatch(r"(.*)\[(\d+)\]", name) for name in names]
    features = [part[1] for part in parts if part and part[2] == "0"]
    n_timesteps = len(names) // len(features) if features else 1
    expected = [f"{name}[{step}]" for step in range(n_timesteps) for name in features]
    return (n_timesteps, features) if list(names) == expected else (1, list(names))


def of_output(result: Any, key: str, output: Any) -> tuple[FloatArray, FloatArray | None]:
    """Numbers of one output and their intervals; of several outputs the mean alone."""
    values = np.asarray(result[key], dtype=np.float64)
    interval = result.get(f"{key}_interval")
    names = result.get("output_names")
    n_axes = values.ndim - 1
    wanted = () if output is None else output if isinstance(output, tuple) else (output,)
    if len(wanted) > n_axes:
        raise ValueError(f"The 'output' parameter must be of {n_axes} axes. Got {output!r}.")
    of_axes = [names] if n_axes == 1 else list(names or [None] * n_axes)
    index: Any = tuple(
        _place(which, of_axes[axis], values.shape[axis + 1]) for axis, which in enumerate(wanted)
    )
    index = (slice(None), *index)
    values = values[index]
    if values.ndim > 1:
        return values.reshape(len(values), -1).mean(axis=1), None
    return values, None if interval is None else np.asarray(interval)[index]


def _place(which: Any, names: Sequence[Any] | None, size: int) -> int:
    if isinstance(which, str):
        known = [str(name) for name in names or ()]
        if which not in known:
            raise ValueError(f"The 'output' parameter must be one of {known}. Got {which!r}.")
        return known.index(which)
    return position("output", which, size)
