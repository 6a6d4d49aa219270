"""The axes of an Explanation: what they mean, their names, and checks that all agree."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._fields import read_names

if TYPE_CHECKING:
    from ._explanation import Explanation

LEVELS = ("cell", "feature", "timestep", "group")


def shape_of_players(e: "Explanation") -> tuple[int, ...]:
    """Axes of ``values`` between the rows and the outputs."""
    if e.level == "cell":
        return e.data.shape[1:]
    if e.level == "group":
        return (len(e.player_names or ()),)
    if e.n_timesteps is None:
        return (e.data.shape[1],)
    return (e.n_timesteps if e.level == "timestep" else n_features(e, e.n_timesteps),)


def n_features(e: "Explanation", n_timesteps: int) -> int:
    return e.data.shape[2] if e.data.ndim == 3 else e.data.shape[1] // n_timesteps


def names_of_players(e: "Explanation") -> Sequence[str]:
    """Default names."""
    if e.level == "group":
        raise ValueError("player_names must name the groups at level='group'. Got None.")
    return names_of_level(e.level, e.data.shape[1:], e.feature_names, e.n_timesteps)


def names_of_level(
    level: str, shape: tuple[int, ...], columns: Sequence[str], n_timesteps: int | None
) -> Sequence[str]:
    """Names of cells, features or time steps.

    Parameters
    ----------
    level : {"cell", "feature", "timestep"}
    shape : tuple of int
        Of the data of one row: time steps and features, or columns of a table.
    columns : sequence of str
        Names of its last axis.
    n_timesteps : int or None
        None where the columns of a table are not known to be time steps.
    """
    table = len(shape) == 1
    if n_timesteps is None or (table and level == "cell"):
        return columns
    # The columns of a table are named, the features that they are steps of are not.
    features = [f"x{i}" for i in range(shape[0] // n_timesteps)] if table else columns
    return usual_names(level, n_timesteps, features)


def usual_names(level: str, n_timesteps: int, features: Sequence[str]) -> Sequence[str]:
    """Names of cells, time steps or features."""
    steps = range(n_timesteps)
    if level == "cell":
        return [f"{name}[{step}]" for step in steps for name in features]
    return [f"step {step}" for step in steps] if level == "timestep" else features


def names_of_outputs(names: Any, out: tuple[int, ...]) -> tuple[Any, ...] | None:
    """Check the names: flat for up to one output axis, else a sequence or None for each."""
    if names is None:
        return None
    axes: tuple[Any, ...] = (names,)
    if len(out) > 1:
        axes = tuple(names) if isinstance(names, Iterable) else ()
    found = [None if axis is None else read_names("output_names", axis) for axis in axes]
    sizes = [None if axis is None else len(axis) for axis in found]
    expected = out or (1,)
    if len(sizes) != len(expected) or any(
        size not in (None, k) for size, k in zip(sizes, expected, strict=True)
    ):
        raise ValueError(
            f"output_names must name outputs of shape {out}, that of output_values. Got {names!r}."
        )
    return found[0] if len(out) <= 1 else tuple(found)


def names_by_axis(e: "Explanation") -> list[Sequence[str] | None]:
    """Names of each output axis."""
    n_axes = e.output_values.ndim - 1
    if e.output_names is not None and n_axes > 1:
        return list(e.output_names)
    return [e.output_names] * n_axes


def real_steps(e: "Explanation") -> NDArray[np.bool_]:
    """Time steps that are not padding, shape (n, n_timesteps) of 3-D data."""
    n_timesteps = e.data.shape[1]
    if e.lengths is None:
        return np.ones(e.data.shape[:2], dtype=np.bool_)
    missing = np.asarray(np.isnan(e.data).all(axis=2))
    before = np.where(missing.all(axis=1), n_timesteps, missing.argmin(axis=1))
    # Real steps that a step of a Pipeline imputes may be missing too.
    first = np.minimum(before, n_timesteps - e.lengths)[:, None]
    steps = np.arange(n_timesteps)
    return np.asarray((steps >= first) & (steps < first + e.lengths[:, None]))


def check_columns(e: "Explanation") -> None:
    """Agree on the axes of ``data``."""
    if e.level not in LEVELS:
        raise ValueError(f"level must be one of {LEVELS}. Got {e.level!r}.")
    if e.data.ndim not in (2, 3) or e.data.shape[-1] != len(e.feature_names):
        raise ValueError(
            "data must be a table or 3-D, its last axis named by feature_names. Got shape "
            f"{e.data.shape} and {len(e.feature_names)} names."
        )
    if 0 in e.data.shape[1:]:
        raise ValueError(f"data must have time steps and features. Got shape {e.data.shape}.")
    steps, n_columns = e.n_timesteps, e.data.shape[1]
    if steps is None:
        return
    whole = isinstance(steps, int | np.integer) and not isinstance(steps, bool)
    if not whole or steps < 1 or n_columns % steps:
        raise ValueError(
            f"n_timesteps must be an int that divides the {n_columns} columns of data. Got "
            f"{steps!r}."
        )
    if e.data.ndim == 3 and steps != n_columns:
        raise ValueError(f"n_timesteps={steps} is not that of data of shape {e.data.shape}.")


def check_shapes(e: "Explanation") -> None:
    """Agree on players, rows and outputs."""
    players, out = shape_of_players(e), e.output_values.shape[1:]
    n_names = len(e.player_names or ())
    by = f"by data of shape {e.data.shape} at level {e.level!r}"
    if n_names != np.prod(players):
        raise ValueError(
            f"player_names must name players of shape {players}, {by}. Got {n_names} names."
        )
    by += f", {n_names} player_names and output_values of shape {e.output_values.shape}"
    for name, shape in (
        ("output_values", (len(e.data), *out)),
        ("base_values", (len(e.data), *out)),
        ("values", (len(e.data), *players, *out)),
        ("standard_error", (len(e.data), *players, *out)),
        ("local_fidelity", (len(e.data), *out)),
        ("table_rows", e.data.shape[:2]),
    ):
        array = getattr(e, name)
        if array is not None and array.shape != shape:
            raise ValueError(f"{name} must have shape {shape}, {by}. Got {array.shape}.")


def check_cells(e: "Explanation") -> None:
    """Agree on the cells of the groups."""
    cells, shape = e.player_of_cell, e.data.shape[1:]
    if cells is None:
        return
    if e.level != "group" or cells.shape != shape or not 0 <= cells.min() <= cells.max():
        raise ValueError(
            f"player_of_cell must number the groups of data of shape {shape}, at level='group'. "
            f"Got {cells!r} at level {e.level!r}."
        )
    if cells.max() >= len(e.player_names or ()):
        raise ValueError(
            f"player_of_cell has the group {cells.max()}, which has no name. Got "
            f"{len(e.player_names or ())} player_names."
        )


def check_numbers(e: "Explanation") -> None:
    """Values are finite, and so are all base values of outputs that exist, or none of them."""
    for name in ("values", "base_values", "output_values"):
        array = getattr(e, name)
        wrong = ~np.isfinite(array) if name == "values" else np.isinf(array)
        if wrong.any():
            row = int(np.argwhere(wrong)[0, 0])
            raise ValueError(f"{name} must be finite. Got {array[wrong][0]} in row {row}.")
    missing = np.isnan(e.base_values) & ~np.isnan(e.output_values)
    if missing.any() and not np.isnan(e.base_values).all():
        row = int(np.argwhere(missing)[0, 0])
        raise ValueError(
            "base_values must be finite where output_values are, or NaN throughout. Got NaN in row "
            f"{row}."
        )


def check_padding(e: "Explanation") -> bool:
    """Whether there is padding; an error where it is not NaN in the data, and 0 in values."""
    assert e.lengths is not None
    n, longest = e.data.shape[:2]
    if e.data.ndim == 2 or e.lengths.shape != (n,):
        raise ValueError(
            f"lengths must be of shape ({n},) for 3-D data, and None for a table. Got shape "
            f"{e.lengths.shape} for data of shape {e.data.shape}."
        )
    if np.any((e.lengths < 1) | (e.lengths > longest)):
        raise ValueError(f"lengths must be from 1 to {longest}. Got {e.lengths}.")
    padding = ~real_steps(e)
    if not np.isnan(e.data[padding]).all():
        raise ValueError("data must be NaN at padding, which the lengths leave of it.")
    if e.level in ("cell", "timestep") and np.any(e.values[padding]):
        raise ValueError("values must be 0 at padding, which the lengths leave of data.")
    return bool(padding.any())
