"""The players of a game: cells, features, time steps, or groups of cells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVELS = ("cell", "feature", "timestep")


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


def read_level(
    level: Any, n_timesteps: int, feature_names: Sequence[str], one_series: bool
) -> Level:
    """Read the parameter.

    Parameters
    ----------
    level : str, int or mapping
    n_timesteps : int
        Of the longest sequence.
    feature_names : sequence of str
        Of the last axis of what the LSTM reads.
    one_series : bool
        Whether X is a table whose columns are the time steps of one feature.
    """
    n_features = len(feature_names)
    steps, features = np.indices((n_timesteps, n_features))
    if isinstance(level, Mapping):
        return _groups(level, n_timesteps, list(feature_names))
    if isinstance(level, int | np.integer) and not isinstance(level, bool) and level >= 1:
        starts = range(0, n_timesteps, int(level))
        names = [f"steps {start} to {min(start + level, n_timesteps) - 1}" for start in starts]
        return Level("group", steps // int(level), len(names), names)
    if level == "cell":
        return Level(level, steps * n_features + features, n_timesteps * n_features)
    if level == "timestep":
        return Level(level, steps, n_timesteps)
    if level == "feature":
        if one_series:
            raise ValueError(
                "X is 2-D and univariate: its columns are time steps, and there is one feature. "
                "Use level='cell' for the columns, or set the estimator's n_timesteps= where the "
                "columns are several features."
            )
        return Level(level, features, n_features)
    raise ValueError(
        f"The 'level' parameter must be one of {LEVELS}, a number of time steps that make a "
        "window, or a mapping from names to features, slices of time steps or pairs of these. "
        f"Got {level!r} instead."
    )


def _groups(groups: Mapping[Any, Any], n_timesteps: int, feature_names: list[str]) -> Level:
    table = np.full((n_timesteps, len(feature_names)), -1)
    for player, (name, members) in enumerate(groups.items()):
        if isinstance(members, str | int | np.integer | slice | tuple):
            members = [members]
        for member in members:
            cells = _cells(name, member, feature_names)
            if (table[cells] >= 0).any():
                raise ValueError(f"The 'level' parameter: group {name!r} has cells of another one.")
            table[cells] = player
    if (table < 0).any():
        step, feature = np.argwhere(table < 0)[0]
        raise ValueError(
            f"The 'level' parameter: time step {step} of feature {feature_names[feature]!r} is in "
            "no group. Every cell must be in one; add a group for the rest."
        )
    return Level("group", table, len(groups), [str(name) for name in groups])


def _cells(name: Any, member: Any, feature_names: list[str]) -> tuple[Any, Any]:
    """Index of a feature's series, of time steps, or of some steps of a feature."""
    steps: Any = slice(None)
    if isinstance(member, slice):
        return member, slice(None)
    if isinstance(member, tuple) and len(member) == 2 and isinstance(member[0], slice):
        steps, member = member
    if isinstance(member, str) and member in feature_names:
        return steps, feature_names.index(member)
    if (
        isinstance(member, int | np.integer)
        and not isinstance(member, bool)
        and -len(feature_names) <= member < len(feature_names)
    ):
        return steps, int(member)
    raise ValueError(
        f"The 'level' parameter: group {name!r} must hold features, among {feature_names} or their "
        f"positions, slices of time steps, or pairs (slice, feature). Got {member!r}."
    )
