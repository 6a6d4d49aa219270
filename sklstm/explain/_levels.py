"""The players of a game: cells, features, time steps, or groups of cells."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVELS = ("cell", "feature", "timestep", "window")
# That "window" makes of the time steps.
N_WINDOWS = 10


@dataclass(frozen=True)
class Level:
    """Who plays.

    Attributes
    ----------
    name : {"cell", "feature", "timestep", "group"}
    table : int64 array of shape (n_timesteps, n_features)
        The player of each cell, of the longest sequence; shorter ones have its first steps.
    n_players : int
    names : sequence of str, or None for the usual names
    """

    name: str
    table: NDArray[np.int64]
    n_players: int
    names: Sequence[str] | None = None

    def of_cells(self, shape: tuple[int, ...]) -> NDArray[np.int64] | None:
        """The player of each cell, where the name of the level does not say it."""
        return self.table.reshape(shape) if self.name == "group" else None


def read_level(
    level: Any,
    n_timesteps: int,
    feature_names: Sequence[str],
    columns: Sequence[str] | None,
    parameter: str = "level",
) -> Level:
    """Read the parameter.

    Parameters
    ----------
    level : str, int or mapping
    n_timesteps : int
        Of the longest sequence.
    feature_names : sequence of str
        Of the last axis of what the LSTM reads.
    columns : sequence of str, or None
        Of a table whose columns are time steps, time step by time step.
    parameter : str
        Its name, for messages.
    """
    n_features = len(feature_names)
    steps, features = np.indices((n_timesteps, n_features))
    if isinstance(level, Mapping):
        return _groups(level, n_timesteps, list(feature_names), columns, parameter)
    if isinstance(level, int | np.integer) and not isinstance(level, bool) and level >= 1:
        return _windows(steps // int(level))
    name = level if isinstance(level, str) else None  # an array would be compared entry by entry
    if name == "window":
        return _windows(steps * min(N_WINDOWS, n_timesteps) // n_timesteps)
    if name == "cell":
        return Level(name, steps * n_features + features, n_timesteps * n_features)
    if name == "timestep":
        return Level(name, steps, n_timesteps)
    if name == "feature":
        if columns is not None and n_features == 1:
            raise ValueError(
                "X is 2-D and univariate: its columns are time steps, and there is one feature. "
                "Use level='cell' for the columns, or set the estimator's n_timesteps= where the "
                "columns are several features."
            )
        return Level(name, features, n_features)
    raise ValueError(
        f"The {parameter!r} parameter must be one of {LEVELS}, a number of time steps that make a "
        "window, or a mapping from names to features, slices of time steps or pairs of these. "
        f"Got {level!r} instead."
    )


def _windows(table: NDArray[np.int64]) -> Level:
    ends = np.cumsum(np.bincount(table[:, 0]))
    bounds = zip([0, *ends], ends - 1, strict=False)
    names = [f"step {a}" if a == b else f"steps {a} to {b}" for a, b in bounds]
    return Level("group", table, len(names), names)


def _groups(
    groups: Mapping[Any, Any],
    n_timesteps: int,
    feature_names: list[str],
    columns: Sequence[str] | None,
    parameter: str,
) -> Level:
    prefix = f"The {parameter!r} parameter:"
    names = [str(name) for name in groups]
    if len(set(names)) < len(names):
        raise ValueError(f"{prefix} groups have the same name, in {names}.")
    table = np.full((n_timesteps, len(feature_names)), -1)
    for player, (name, members) in enumerate(groups.items()):
        for member in as_members(members):
            cells = _cells(name, member, table.shape, feature_names, columns, prefix)
            if not np.isin(table[cells], (-1, player)).all():
                raise ValueError(f"{prefix} {member!r} of group {name!r} is in another group, too.")
            table[cells] = player
        if not (table == player).any():
            raise ValueError(f"{prefix} group {name!r} has no cells. Got {members!r}.")
    if (table < 0).any():
        step, feature = np.argwhere(table < 0)[0]
        raise ValueError(
            f"{prefix} time step {step} of feature {feature_names[feature]!r} is in "
            f"no group. Every cell must be in one; add a group for the rest. Got {groups!r}."
        )
    return Level("group", table, len(groups), names)


def check_level_of_columns(level: Any, why: str) -> None:
    """Refuse time steps where the columns of a table are none."""
    if isinstance(level, str):
        steps = level in ("timestep", "window")
    else:
        steps = isinstance(level, int | np.integer) or not columns_alone(level)
    if steps:
        raise ValueError(
            f"The 'level' parameter must be 'cell', 'feature' or groups of columns here: {why}, so "
            f"the columns of X are no time steps. Got {level!r} instead."
        )


def columns_alone(level: Any) -> bool:
    """Whether groups hold whole columns or features, and no slices of time steps."""
    groups = level.values() if isinstance(level, Mapping) else ()
    members = (member for group in groups for member in as_members(group))
    return not any(isinstance(member, slice | tuple) for member in members)


def as_members(group: Any) -> list[Any]:
    """What is in a group; a single member needs no list."""
    if isinstance(group, str | slice | tuple) or not isinstance(group, Iterable):
        return [group]
    return list(group)


def _cells(
    group: Any,
    member: Any,
    shape: tuple[int, ...],
    feature_names: list[str],
    columns: Sequence[str] | None,
    prefix: str,
) -> tuple[Any, Any]:
    """Index of a feature's series, of time steps, of some steps of a feature, or of a column."""
    steps: Any = slice(None)
    if isinstance(member, slice):
        return member, slice(None)
    pair = isinstance(member, tuple) and len(member) == 2 and isinstance(member[0], slice)
    if pair:
        steps, member = member
    names = feature_names if columns is None or pair else list(columns)
    position = None
    if isinstance(member, str) and names.count(member) == 1:
        position = names.index(member)
    elif isinstance(member, int | np.integer) and not isinstance(member, bool):
        position = int(member) if -len(names) <= member < len(names) else None
    if position is None:
        raise ValueError(
            f"{prefix} group {group!r} must hold names or positions among {names}, "
            f"slices of time steps, or pairs (slice, feature). Got {member!r}."
        )
    if names is feature_names:
        return steps, position
    step, feature = divmod(position % len(names), shape[1])
    return step, feature
