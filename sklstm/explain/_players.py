"""The parts of X that an explanation permutes or switches: cells, features, time steps."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .._data import Sequences, read_sequences

Level = Literal["feature", "timestep", "cell"]
LEVELS: tuple[Level, ...] = ("feature", "timestep", "cell")
Rows = NDArray[np.int64]

# Where scikit-learn's meta-estimators keep the estimator they were given.
_INNER = ("best_estimator_", "estimator", "regressor", "classifier", "base_estimator")


class Players(ABC):
    """X as a set of players.

    Attributes
    ----------
    shape : tuple of int
        Of the players: ``(n_features,)``, ``(n_timesteps,)``, ``(n_timesteps, n_features)`` or
        ``(n_columns,)``.
    """

    shape: tuple[int, ...]

    @abstractmethod
    def __len__(self) -> int:
        """Number of rows."""

    @abstractmethod
    def permuted(self, player: int, order: Rows, rng: np.random.RandomState) -> Any:
        """X, in the container it came in, with one player's values taken from other rows.

        Parameters
        ----------
        player : int
            Position among the players, flattened.
        order : int64 array of shape (n,)
            A permutation of the rows: row i takes the player's values of row ``order[i]``.
        rng : RandomState
            Draws another row where that one is too short.
        """


def players_of(model: Any, X: Any, level: Level) -> Players:
    """Read X as the players of a level.

    Parameters
    ----------
    model : fitted estimator, Pipeline or search
        Asked for ``n_timesteps`` where X is a table.
    X : array-like
        As in ``fit``.
    level : {"feature", "timestep", "cell"}
    """
    if level not in LEVELS:
        raise ValueError(f"The 'level' parameter must be one of {LEVELS}. Got {level!r} instead.")
    frame = hasattr(X, "columns")
    sequences = None if frame else read_sequences(X)
    if sequences is None or sequences.n_columns is not None:
        X = X if frame else np.asarray(X)
        return _TablePlayers(X, _groups_of_columns(model, X, level))
    return _SequencePlayers(X, sequences, level)


def _groups_of_columns(model: Any, X: Any, level: Level) -> NDArray[np.int64]:
    """Columns of a table that make each player, shape (n_players, n_columns of each)."""
    n_columns = X.shape[1]
    columns = np.arange(n_columns)
    steps = _flat_steps(model)
    window = next((step for step in steps if hasattr(step, "lookback")), None)
    if window is not None:
        if level == "timestep":
            raise ValueError(
                "A row of X is a time step of all the windows that reach it: level='timestep' has "
                "no meaning in front of a SlidingWindow. Use level='feature' for the columns, or "
                "explain the last step on the windows, model[:-1].transform(X)."
            )
        kept = np.delete(columns, _apart(window, X, first=window is steps[0]))
        return kept[:, None]
    if level == "cell":
        return columns[:, None]
    n_timesteps = _steps_of_columns(model)
    if n_timesteps is None:
        if level == "feature":
            raise ValueError(
                "X is 2-D and univariate: its columns are time steps, and there is one "
                "feature. Use level='cell' for the columns, or set the estimator's "
                "n_timesteps= where the columns are several features."
            )
        return columns[:, None]
    if n_columns % n_timesteps:
        raise ValueError(
            f"X has {n_columns} columns, which n_timesteps={n_timesteps} of the last step does "
            "not divide: the steps before it change the columns. Use level='cell' for the "
            "columns of X."
        )
    by_step = columns.reshape(n_timesteps, -1)
    return by_step.T if level == "feature" else by_step


def _flat_steps(model: Any) -> list[Any]:
    """The steps of a pipeline, of the pipelines in it, and of what a search or ensemble holds."""
    if hasattr(model, "steps"):
        return [part for _, step in model.steps for part in _flat_steps(step)]
    return next((_flat_steps(inner) for inner in _inner(model)), [model])


def _inner(model: Any) -> Iterator[Any]:
    """The estimator that a meta-estimator was given, or else those it fitted."""
    given = [getattr(model, name, None) for name in _INNER]
    members = getattr(model, "estimators_", None)
    first = [estimator for estimator in given if estimator is not None][:1]
    yield from first or (np.ravel(members).tolist() if members is not None else [])


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


def _steps_of_columns(model: Any) -> int | None:
    """The ``n_timesteps`` of the estimator that a search, Pipeline or ensemble is made of.

    None where each column is a time step; an error where no estimator says.
    """
    found = set(_all_n_timesteps(model))
    if len(found) != 1:
        raise ValueError(
            f"{type(model).__name__} does not tell how the columns of 2-D X are time steps and "
            "features: it holds no single n_timesteps=. Use level='cell' for the columns."
        )
    return found.pop()


def _all_n_timesteps(model: Any) -> Iterator[int | None]:
    if hasattr(model, "n_timesteps"):
        yield model.n_timesteps
    elif hasattr(model, "steps"):
        yield from _all_n_timesteps(model.steps[-1][1])
    else:
        for estimator in _inner(model):
            yield from _all_n_timesteps(estimator)


class _TablePlayers(Players):
    """Columns of a 2-D array or a DataFrame, or groups of them."""

    def __init__(self, X: Any, columns: NDArray[np.int64]) -> None:
        self.X = X
        self.columns = columns
        self.shape = (len(columns),)

    def __len__(self) -> int:
        return len(self.X)

    def permuted(self, player: int, order: Rows, rng: np.random.RandomState) -> Any:
        columns = self.columns[player]
        if isinstance(self.X, np.ndarray):
            X = self.X.copy()
            X[:, columns] = self.X[np.ix_(order, columns)]
            return X
        if hasattr(self.X, "iloc"):
            X = self.X.copy()
            for column in columns:
                # The row labels stay; only the values move.
                X.isetitem(column, self.X.iloc[order, column].set_axis(self.X.index))
            return X
        return self.X.with_columns([self.X.to_series(column)[order] for column in columns.tolist()])


class _SequencePlayers(Players):
    """Cells of 3-D, padded or ragged X; time steps count from each sequence's own start."""

    def __init__(self, X: Any, sequences: Sequences, level: Level) -> None:
        self.X = X
        self.sequences = sequences
        self.lengths = sequences.lengths
        self.values = sequences.take(slice(0, len(sequences)))
        self.level = level
        _, n_timesteps, n_features = self.values.shape
        self.shape = {
            "feature": (n_features,),
            "timestep": (n_timesteps,),
            "cell": (n_timesteps, n_features),
        }[level]

    def __len__(self) -> int:
        return len(self.sequences)

    def permuted(self, player: int, order: Rows, rng: np.random.RandomState) -> Any:
        values = self.values.copy()
        if self.level == "feature":
            donors = self._long_enough(order, rng)
            values[:, :, player] = self.values[donors, :, player]
        else:
            step, feature = player, slice(None)
            if self.level == "cell":
                step, feature = divmod(player, values.shape[2])
            reaching = np.flatnonzero(self.lengths > step)
            donors = order[self.lengths[order] > step]
            values[reaching, step, feature] = self.values[donors, step, feature]
        return self.sequences.like_original(self.X, values)

    def _long_enough(self, order: Rows, rng: np.random.RandomState) -> Rows:
        """Each row's donor; one that ends too early is replaced by a random longer row."""
        donors = order.copy()
        for row in np.flatnonzero(self.lengths[donors] < self.lengths):
            donors[row] = rng.choice(np.flatnonzero(self.lengths >= self.lengths[row]))
        return donors
