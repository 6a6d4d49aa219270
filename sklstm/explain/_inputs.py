"""The cells of X: their data, their names, and where they end up behind one-to-one steps."""

from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._data import Sequences, StepLayout, TimeSteps, Windows, read_steps
from ..preprocessing import SequenceOneHotEncoder, SlidingWindow
from ._levels import Level, check_level_of_columns, read_level
from ._names import names_of_level
from ._pipelines import Passed, Route

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Inputs:
    """What the user passed as X.

    Attributes
    ----------
    data : array of shape (n, n_timesteps, n_features) or (n, n_columns)
        NaN at padding, and where a cell is no number.
    names : list of str
        Of the last axis of data.
    cells : int64 array of shape (n_timesteps, n_features)
        For each cell that the estimator reads, of the longest sequence, the cell of data that it
        comes from, flattened.
    shape : tuple of two ints
        Time steps and features that the cells of data are, flattened.
    lengths : int64 array of shape (n,), or None where there is no padding
    n_timesteps : int or None
        Number of time steps that the columns of a table are known to be.
    why_columns : str or None
        Why the columns of a table are not time steps.
    table_rows : int64 array of shape (n, n_timesteps), or None
        Of windows, the row of X at each time step, or -1.
    """

    data: FloatArray
    names: list[str]
    cells: IntArray
    shape: tuple[int, int]
    lengths: IntArray | None = None
    n_timesteps: int | None = None
    why_columns: str | None = None
    table_rows: IntArray | None = None

    def level(self, level: Any) -> tuple[Level, Level]:
        """The players, as cells of data, and as cells of what the estimator reads."""
        table = self.data.ndim == 2
        n_timesteps, n_features = self.shape
        if self.why_columns is not None:
            check_level_of_columns(level, self.why_columns)
        own = table and self.why_columns is None
        names = [f"x{i}" for i in range(n_features)] if own else self.names
        players = read_level(level, n_timesteps, names, self.names if own else None)
        return players, replace(players, table=players.table.ravel()[self.cells])

    def by_player(self, values: FloatArray, out: tuple[int, ...], players: Level) -> FloatArray:
        """Values of shape (n, n_players) + out; cells of sequences have two axes."""
        axes: tuple[int, ...] = (players.n_players,)
        if players.name == "cell":
            axes = self.data.shape[1:]
        return values.reshape(len(values), *axes, *out)

    def player_names(self, players: Level) -> list[str]:
        """Names of the players; cells of sequences one by one."""
        if players.names is not None:
            return list(players.names)
        shape = self.data.shape[1:]
        n_timesteps = shape[0] if len(shape) == 2 else self.n_timesteps
        return list(names_of_level(players.name, shape, self.names, n_timesteps))


def read_inputs(route: Route, X: Any, passed: Passed) -> Inputs:
    """Of X in front of any model."""
    if not route.reaches_lstm:
        return inputs_of(route, X, passed)
    if route.first:
        return inputs_of(route, X, passed, route.last)
    return own_inputs(route.last, route.last._read_known(passed.X), passed.X)


def own_inputs(estimator: Any, sequences: Sequences, X: Any) -> Inputs:
    """Of X that the estimator reads itself."""
    layout = StepLayout.of(sequences)
    n_timesteps, n_features = int(layout.sizes.max()), sequences.n_features
    table = sequences.layout == "table" and sequences.starts is None
    whole = bool((layout.lengths == n_timesteps).all())  # a single row may be padded, too
    names = getattr(estimator, "feature_names_in_", None)
    n_names = n_timesteps * n_features if table else n_features
    if names is None or len(names) != n_names:
        names = [f"x{i}" for i in range(n_names)]
    rows = sequences.take(slice(0, len(sequences)))
    data = _placed([row[:k] for row, k in zip(rows, layout.lengths, strict=True)], layout)
    return Inputs(
        data.reshape(len(data), -1) if table else data,
        [str(name) for name in names],
        np.arange(n_timesteps * n_features).reshape(n_timesteps, n_features),
        (n_timesteps, n_features),
        None if table or whole else sequences.lengths,
        estimator.n_timesteps if table else None,
        table_rows=rows_of_windows(X) if isinstance(X, Windows) else None,
    )


def inputs_of(route: Route, X: Any, passed: Passed, estimator: Any = None) -> Inputs:
    """Of X in front of a Pipeline.

    Parameters
    ----------
    estimator : LSTM or None
        That the one-to-one steps lead to.
    """
    if passed.windows is not None:
        return _windows_inputs(route, X, passed.windows)
    if route.kind == "table":
        return _table_inputs(route, X, estimator)
    data, layout = sequence_data(X if passed.symbols is None else passed.symbols)
    if route.first and type(route.first[0]) is SequenceOneHotEncoder:
        data = _positions(data, layout)
    n_timesteps, n_features = data.shape[1:]
    uniform = bool((layout.lengths == n_timesteps).all())
    return Inputs(
        data,
        route.names,
        _each_step(route.columns, n_timesteps, n_features),
        (n_timesteps, n_features),
        None if uniform else layout.lengths,
    )


def _table_inputs(route: Route, X: Any, estimator: Any) -> Inputs:
    data = _numbers(X)
    n_columns = data.shape[1]
    same = np.array_equal(route.columns, np.arange(n_columns))
    if estimator is None or not same:
        shape = 1, len(route.columns)
        if estimator is not None:
            shape = (estimator.n_timesteps or len(route.columns)), -1
        return Inputs(
            data,
            route.names,
            route.columns.reshape(shape),
            (1, n_columns),
            why_columns=(
                f"{route.mixing} mixes columns" if estimator is None else "a step moves columns"
            ),
        )
    n_timesteps = estimator.n_timesteps or n_columns
    shape = n_timesteps, n_columns // n_timesteps
    cells = np.arange(n_columns).reshape(shape)
    return Inputs(data, route.names, cells, shape, n_timesteps=estimator.n_timesteps)


def _windows_inputs(route: Route, X: Any, windows: Windows) -> Inputs:
    """Windows of the user's table, time and groups apart."""
    rows = rows_of_windows(windows)
    features = route.features
    data = _numbers(X)[:, features][rows]
    data[rows < 0] = np.nan
    # Rows of fit in front of X are known only where the SlidingWindow read them unchanged.
    if type(route.first[0]) is SlidingWindow:
        data = np.asarray(windows).astype(np.float64)
    places = np.array([features.index(column) for column in route.columns], dtype=np.int64)
    n_timesteps, n_features = data.shape[1:]
    uniform = bool((windows.lengths == n_timesteps).all())
    return Inputs(
        data,
        [route.names[column] for column in features],
        _each_step(places, n_timesteps, n_features),
        (n_timesteps, n_features),
        None if uniform else windows.lengths,
        table_rows=rows,
    )


def rows_of_windows(windows: Windows) -> IntArray:
    """Row of X at each step of each window; -1 for padding and for rows in front of X."""
    row_of = np.full(len(windows.table), -1)
    row_of[windows.ends] = np.arange(len(windows))  # each row of X ends one window
    steps = np.arange(1 - windows.lookback, 1)
    rows = row_of[np.maximum(windows.ends[:, None] + steps, 0)]
    rows[steps <= -windows.lengths[:, None]] = -1
    return rows


def sequence_data(X: Any) -> tuple[FloatArray, StepLayout]:
    """Sequences as one array, NaN at padding, and where they lie in it."""
    if isinstance(X, Windows):
        return np.asarray(X).astype(np.float64), layout_of(X)
    steps = read_steps(X)
    layout = _layout_of(steps)
    return _placed(np.split(steps.values, np.cumsum(steps.lengths)[:-1]), layout), layout


def layout_of(X: Any) -> StepLayout:
    """Where the real steps of sequences lie, which may have missing values inside."""
    if isinstance(X, Windows):
        sizes = np.full(len(X), X.lookback)
        return StepLayout(X.lengths, sizes, sizes - X.lengths, False)
    return _layout_of(read_steps(X))


def _layout_of(steps: TimeSteps) -> StepLayout:
    marks = steps.replaced(np.ones((len(steps.values), 1))).restored()
    real = [~np.isnan(mark[:, 0]) for mark in marks]
    return StepLayout(
        steps.lengths,
        np.array([len(mark) for mark in real]),
        np.array([mark.argmax() for mark in real]),
        isinstance(marks, list) or marks.ndim == 1,
    )


def _placed(rows: list[NDArray[Any]], layout: StepLayout) -> FloatArray:
    data = np.full((len(rows), int(layout.sizes.max()), rows[0].shape[1]), np.nan)
    for target, row, start in zip(data, rows, layout.first, strict=True):
        target[start : start + len(row)] = row
    return data


def _positions(data: FloatArray, layout: StepLayout) -> FloatArray:
    """Of one-hot symbols in the alphabet; its size for an unknown symbol."""
    codes = np.where(data.max(axis=2) == 1, data.argmax(axis=2), data.shape[2])[:, :, None]
    return np.where(np.isnan(data[:, :, :1]), np.nan, codes)


def _each_step(columns: IntArray, n_timesteps: int, n_features: int) -> IntArray:
    return np.arange(n_timesteps)[:, None] * n_features + columns


def _numbers(X: Any) -> FloatArray:
    """The cells of a table that are numbers, NaN for the others."""
    if not hasattr(X, "columns"):
        X = np.asarray(X.toarray() if hasattr(X, "toarray") else X)
        return np.stack([_of_column(column) for column in X.T], axis=1)
    columns = (X.iloc[:, i] if hasattr(X, "iloc") else X[:, i] for i in range(X.shape[1]))
    return np.stack([_of_column(np.asarray(column)) for column in columns], axis=1)


def _of_column(column: NDArray[Any]) -> FloatArray:
    if column.dtype.kind in "buif":
        return column.astype(np.float64)
    cells = column.tolist() if column.dtype.kind == "O" else [None] * len(column)
    return np.array([float(cell) if isinstance(cell, Real) else np.nan for cell in cells])
