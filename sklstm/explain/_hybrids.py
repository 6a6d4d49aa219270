"""Rows that are part X and part background, in the container that a model reads."""

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .._data import Sequences, Windows, is_missing, read_sequences
from .._data._reading import find_layout
from .._data._sequences import RaggedSequences
from ._background import Background, check_background, read_background
from ._inputs import numbers, sequence_data
from ._pipelines import Route
from ._representatives import (
    MAX_ROWS,
    Clusters,
    clusters_of,
    outputs_and_cells,
    representatives,
    summary,
)

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
# From rows as a model reads them to its outputs, (n, n_outputs).
Outputs = Callable[[Any], FloatArray]


class Rows(Protocol):
    """X and the background as arrays of cells that can be exchanged.

    Attributes
    ----------
    lengths, first : int64 arrays of shape (n,)
        Time steps of each row, and the first of them.
    """

    lengths: IntArray
    first: IntArray

    def own(self, rows: IntArray) -> FloatArray:
        """Of rows of one length, (n, T, F)."""

    def cells(self, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        """The same, and those of their references, (1 or n, R, T, F)."""

    def weights(self, rows: IntArray) -> FloatArray:
        """Shares of these references, (R,)."""

    def summary(self) -> tuple[str, ...]:
        """How many rows of the background stand for all of it, if not each for itself."""

    def joined(self, cells: FloatArray, first: int) -> Any:
        """Cells (m, T, F) in the container that the model reads."""


class TableRows:
    """A table is one time step whose cells are the numbers of rows in which they are found.

    So cells of any kind can be exchanged and compared.
    """

    def __init__(self, X: Any, background: Any, outputs: Outputs | None = None) -> None:
        self.frame = X if hasattr(X, "columns") else None
        if self.frame is None:
            X, background = as_table(X, "X"), as_table(background, "The 'background' parameter:")
        _check_columns(X, background)
        self.n = len(X)
        self.columns = [_joined_columns(X, background, i) for i in range(X.shape[1])]
        self.codes = np.stack([codes_of(np.asarray(column)) for column in self.columns], axis=1)
        self.lengths = np.ones(self.n, dtype=np.int64)
        self.first = np.zeros(self.n, dtype=np.int64)
        self.clusters: Clusters | None = None
        self.usable = np.ones(len(self.codes) - self.n, dtype=np.bool_)
        if outputs is not None and len(self.usable) > MAX_ROWS:
            cells = RaggedSequences(list(numbers(background)[:, None]))
            self.clusters = clusters_of(outputs_and_cells(outputs(background), cells, 1))
        self.chosen, self.shares = representatives(self.usable, self.clusters)

    def own(self, rows: IntArray) -> FloatArray:
        return self.codes[rows, None].astype(np.float64)

    def cells(self, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        references = self.codes[self.n + self.chosen].astype(np.float64)
        return self.own(rows), references[None, :, None]

    def weights(self, rows: IntArray) -> FloatArray:
        return self.shares

    def summary(self) -> tuple[str, ...]:
        return summary(self.usable, self.clusters)

    def joined(self, cells: FloatArray, first: int) -> Any:
        codes = cells[:, 0].astype(np.int64)
        if self.frame is None:
            parts = zip(self.columns, codes.T, strict=True)
            return np.stack([column[code] for column, code in parts], axis=1)
        if not hasattr(self.frame, "iloc"):
            parts = zip(self.columns, codes.T, strict=True)
            return type(self.frame)([column[code] for column, code in parts])
        import pandas as pd

        taken = [
            column.take(code).reset_index(drop=True)
            for column, code in zip(self.columns, codes.T, strict=True)
        ]
        return pd.concat(taken, axis=1).set_axis(self.frame.columns, axis=1)


def as_table(X: Any, name: str) -> NDArray[Any]:
    """An array with rows and columns."""
    array = X.toarray() if hasattr(X, "toarray") else np.asarray(X)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(
            f"{name} must be a table with rows and columns, or sequences. Got shape {array.shape}."
        )
    return array


def _check_columns(X: Any, background: Any) -> None:
    frames = [hasattr(part, "columns") for part in (X, background)]
    wanted = list(X.columns) if all(frames) else X.shape[1]
    got = list(background.columns) if all(frames) else background.shape[1]
    if frames[0] != frames[1] or wanted != got:
        hint = ""
        if frames == [True, False] and X.shape[1] == background.shape[1]:
            hint = " Make it one too, with the columns of X."
        raise ValueError(
            "The 'background' parameter must be a table like X. X is "
            f"{_described(X)}; the background is {_described(background)}.{hint}"
        )


def _described(X: Any) -> str:
    if hasattr(X, "columns"):
        return f"a DataFrame with the columns {list(X.columns)}"
    return f"an array with {X.shape[1]} columns"


def _joined_columns(X: Any, background: Any, i: int) -> Any:
    if isinstance(X, np.ndarray):
        return np.concatenate([X[:, i], background[:, i]])
    if not hasattr(X, "iloc"):
        return X.to_series(i).clone().append(background.to_series(i))
    import pandas as pd

    return pd.concat([X.iloc[:, i], background.iloc[:, i]], ignore_index=True)


def codes_of(values: NDArray[Any]) -> IntArray:
    """For each value the position of the first that is the same."""
    if values.dtype.kind != "O":
        _, first, inverse = np.unique(values, return_index=True, return_inverse=True)
        return first[inverse]
    seen: dict[Any, int] = {}
    keys = (None if is_missing(value) else (type(value), value) for value in values)
    return np.array([seen.setdefault(key, i) for i, key in enumerate(keys)])


class SequenceRows:
    """3-D, padded or ragged sequences of numbers, which may be missing inside."""

    def __init__(
        self, X: Any, background: Any, route: Route, outputs: Outputs | None = None
    ) -> None:
        data, layout = sequence_data(X)
        self.lengths, self.first = layout.lengths, layout.first
        self.data = data
        self.size = None if layout.in_list else data.shape[1]
        item = find_layout(X)[1][0] if layout.in_list else None
        self.frame = item if hasattr(item, "columns") else None
        self.background: Background = read_background(
            lambda some: route.passed(some).X,
            _sequences,
            background,
            self.lengths,
            outputs and (lambda some, read: partial(outputs_and_cells, outputs(some), read)),
        )
        n_features = self.background.sequences.n_features
        if n_features != data.shape[2]:
            raise ValueError(
                f"The 'background' parameter must have the {data.shape[2]} features of X. Got "
                f"{n_features}."
            )

    def own(self, rows: IntArray) -> FloatArray:
        first = self.first[rows[0]]
        return self.data[rows, first : first + self.lengths[rows[0]]]

    def cells(self, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        return self.own(rows), self.background.of(rows, int(self.lengths[rows[0]]))

    def weights(self, rows: IntArray) -> FloatArray:
        return self.background.weights(int(self.lengths[rows[0]]))

    def summary(self) -> tuple[str, ...]:
        return self.background.summary(self.lengths)

    def joined(self, cells: FloatArray, first: int) -> Any:
        if self.size is not None:
            n, length, n_features = cells.shape
            padded = np.full((n, self.size, n_features), np.nan)
            padded[:, first : first + length] = cells
            return padded
        if self.frame is None:
            return list(cells)
        return [framed(self.frame, item) for item in cells]


def framed(frame: Any, values: NDArray[Any]) -> Any:
    """A DataFrame with the columns of another; its index, where it is as long."""
    if hasattr(frame, "iloc"):
        index = frame.index if len(frame) == len(values) else None
        return type(frame)(values, index, frame.columns)
    return type(frame)(values, schema=list(frame.columns))


def _sequences(X: Any) -> Sequences:
    """Sequences that may have missing values inside; of windows none are missing."""
    if isinstance(X, Windows):
        return read_sequences(X)
    data, layout = sequence_data(X)
    ends = layout.first + layout.lengths
    return RaggedSequences(
        [row[start:end] for row, start, end in zip(data, layout.first, ends, strict=True)]
    )


def rows_of(route: Route, X: Any, background: Any, outputs: Outputs | None = None) -> Rows:
    """The cells of X behind the one-to-one steps, and those of the background.

    With the outputs of the model some rows of a large background stand for all.
    """
    check_background(background)
    if isinstance(X, Windows) or find_layout(X)[0] != "table":
        return SequenceRows(X, background, route, outputs)
    return TableRows(X, route.passed(background).X, outputs)
