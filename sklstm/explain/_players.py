"""X as players whose values are exchanged between rows: features, time steps, cells, groups."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._data import StepLayout, read_codes
from .._data._reading import find_layout
from ._cells import Cells, cells_of_sequences, cells_of_table
from ._composition import all_n_timesteps, all_steps
from ._hybrids import as_table
from ._inputs import layout_of
from ._levels import Level, check_level_of_columns, columns_alone, read_level
from ._names import usual_names
from ._pipelines import SYMBOLS, Route, input_names

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Players:
    """The parts of X that are exchanged.

    Attributes
    ----------
    cells : Cells
    table : int64 array of shape (n_timesteps, n_features), or (1, n_columns)
        The player of each cell; -1 of a cell that belongs to none.
    names : sequence of str
    shape : tuple of int
        Of the players: ``(n_players,)``, or ``(n_timesteps, n_features)`` of cells of sequences.
    """

    cells: Cells
    table: IntArray
    names: Sequence[str]
    shape: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.names)

    def cells_of(self, player: int) -> tuple[IntArray, IntArray]:
        """Time steps and features of a player."""
        steps, features = np.nonzero(self.table == player)
        return steps, features

    def needed(self, player: int) -> IntArray:
        """Time steps up to the last that each row has of a player; 0 where it has none."""
        steps = np.flatnonzero((self.table == player).any(axis=1))
        reached = np.searchsorted(steps, self.cells.lengths)
        return np.append(0, steps + 1)[reached]


def players_of(model: Any, X: Any, level: Any) -> Players:
    """Read X as the players of a level.

    Parameters
    ----------
    model : fitted estimator, Pipeline or search
        Asked for ``n_timesteps`` where X is a table.
    X : array-like
        As in ``fit``.
    level : str, int or mapping
        See ``_levels.read_level``.
    """
    steps = all_steps(model)
    if type(steps[0]) in SYMBOLS and not hasattr(X, "columns"):
        raise ValueError(
            f"X holds texts or symbols, which {type(steps[0]).__name__} reads. Explain the steps "
            "behind it, explain_permutation(model[1:], model[0].transform(X), y)."
        )
    if getattr(steps[0], "embedding_size", None) is not None:
        layout = StepLayout.of(read_codes(X))
        if layout.in_list or (layout.lengths < layout.sizes).any():
            return _of_sequences(X, layout, ["x0"], level)
    if find_layout(X)[0] != "table":
        return _of_sequences(X, layout_of(X), input_names(X, [model], "sequences"), level)
    X = X if hasattr(X, "columns") else as_table(X, "X")
    if 0 in X.shape:
        raise ValueError(f"X must have rows and columns. Got shape {X.shape}.")
    players, names = _level_of_table(model, steps, X, level)
    table = players.table.reshape(1, -1)
    return Players(cells_of_table(X), table, names, (len(names),))


def _of_sequences(X: Any, layout: StepLayout, features: Sequence[str], level: Any) -> Players:
    n_timesteps = int(layout.lengths.max())
    players = read_level(level, n_timesteps, features, None)
    names = players.names or usual_names(players.name, n_timesteps, features)
    shape = players.table.shape if players.name == "cell" else (players.n_players,)
    return Players(cells_of_sequences(X, layout), players.table, names, shape)


def _level_of_table(
    model: Any, steps: list[Any], X: Any, level: Any
) -> tuple[Level, Sequence[str]]:
    """Players of the columns of a table, and their names."""
    n_columns = X.shape[1]
    names = input_names(X, [model], "table")
    window = next((step for step in steps if hasattr(step, "lookback")), None)
    if window is not None:
        check_level_of_columns(
            level,
            "a row of X is a time step of all the windows of a SlidingWindow that reach it (for "
            "time steps explain the last step, model[-1], on model[:-1].transform(X))",
        )
        kept = np.delete(np.arange(n_columns), _apart(window, X, first=window is steps[0]))
        names = [names[column] for column in kept]
        players = read_level(level, 1, names, None)
        table = np.full(n_columns, -1)
        table[kept] = players.table
        return Level(players.name, table, players.n_players), players.names or names
    if level == "cell" or (isinstance(level, Mapping) and columns_alone(level)):
        players = read_level(level, 1, names, None)
        return players, players.names or names
    why = _why_columns(model, X)
    if why is not None:
        check_level_of_columns(level, why)
        players = read_level(level, 1, names, None)
        return players, players.names or names
    n_timesteps = _steps_of_columns(model)
    if n_columns % (n_timesteps or 1):
        raise ValueError(
            f"X has {n_columns} columns, which n_timesteps={n_timesteps} does not divide."
        )
    size = n_timesteps or n_columns
    features = [f"x{i}" for i in range(n_columns // size)]
    players = read_level(level, size, features, names)
    usual = names if n_timesteps is None else usual_names(players.name, size, features)
    return players, players.names or usual


def _why_columns(model: Any, X: Any) -> str | None:
    """Why the columns of a table are no time steps; None where they are."""
    if not set(all_n_timesteps(model)):
        return f"{type(model).__name__} holds no LSTM that reads columns as time steps"
    route = Route.of(model, X)
    if route.rest:
        return f"{route.mixing} mixes columns"
    if not np.array_equal(route.columns, np.arange(X.shape[1])):
        return "a step in front of the LSTM moves or drops columns"
    return None


def _steps_of_columns(model: Any) -> int | None:
    """The ``n_timesteps`` of the estimator that a search, Pipeline or ensemble is made of.

    None where each column is a time step; an error where its members do not agree.
    """
    found = set(all_n_timesteps(model))
    if len(found) != 1:
        raise ValueError(
            f"{type(model).__name__} does not tell how the columns of 2-D X are time steps and "
            "features: it holds no single n_timesteps=. Use level='cell' for the columns, or "
            "groups of them."
        )
    return found.pop()


def _apart(window: Any, X: Any, first: bool) -> list[int]:
    """Columns of X that tell the window the time and the group of each row."""
    names = list(X.columns) if hasattr(X, "columns") else []
    places = []
    for column in (window.time, window.groups):
        if column is None:
            continue
        if isinstance(column, str) and column in names:
            places.append(names.index(column))
        elif not isinstance(column, str) and first:
            places.append(column)
        else:
            raise ValueError(
                f"It is not clear which column of X is the column {column!r} of the SlidingWindow: "
                "a step before it moves or renames columns. Explain the steps from the "
                "SlidingWindow on, on the table that they read."
            )
    return places
