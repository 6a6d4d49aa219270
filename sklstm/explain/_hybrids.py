"""Rows that are part X and part background, in the container that a model reads."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .._data import Windows, is_missing
from .._data._reading import find_layout
from .._data._sequences import RaggedSequences
from ._background import Background, check_background, read_background
from ._inputs import sequence_data
from ._pipelines import Route

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class Rows(Protocol):
    """X and the background as arrays of cells that can be exchanged.

    Attributes
    ----------
    lengths, first : int64 arrays of shape (n,)
        Time steps of each row, and the first of them.
    """

    lengths: IntArray
    first: IntArray

    def cells(self, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        """Of rows of one length, (n, T, F), and of their references, (1 or n, R, T, F)."""

    def joined(self, cells: FloatArray, first: int) -> Any:
        """Cells (m, T, F) in the container that the model reads."""


class TableRows:
    """A table is one time step whose cells are the numbers of rows in which they are found.

    So cells of any kind can be exchanged and compared.
    """

    def __init__(self, X: Any, background: Any) -> None:
        self.frame = X if hasattr(X, "columns") else None
        if self.frame is None:
            X, background = as_table(X, "X"), as_table(background, "The 'background' parameter:")
        _check_columns(X, background)
        self.n = len(X)
        self.columns = [_joined_columns(X, background, i) for i in range(X.shape[1])]
        self.codes = np.stack([codes_of(np.asarray(column)) for column in self.columns], axis=1)
        self.lengths = np.ones(self.n, dtype=np.int64)
        self.first = np.zeros(self.n, dtype=np.int64)

    def cells(self, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        codes = self.codes.astype(np.float64)
        return codes[rows, None], codes[None, self.n :, None]

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
        raise ValueError(
            "The 'background' parameter must be a table like X. X is "
            f"{_described(X)}; the background is {_described(background)}."
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

    def __init__(self, X: Any, background: Any, route: Route) -> None:
        data, layout = sequence_data(X)
        self.lengths, self.first = layout.lengths, layout.first
        self.data = data
        self.size = None if layout.in_list else data.shape[1]
        item = find_layout(X)[1][0] if layout.in_list else None
        self.frame = item if hasattr(item, "columns") else None
        self.background: Background = read_background(
            lambda some: _sequences(route.passed(some, few=True).X), background, len(data)
        )
        n_features = self.background.sequences.n_features
        if n_features != data.shape[2]:
            raise ValueError(
                f"The 'background' parameter must have the {data.shape[2]} features of X. Got "
                f"{n_features}."
            )

    def cells(self, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        first, length = self.first[rows[0]], int(self.lengths[rows[0]])
        return self.data[rows, first : first + length], self.background.of(rows, length)

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


def _sequences(X: Any) -> RaggedSequences:
    """Sequences that may have missing values inside."""
    data, layout = sequence_data(X)
    ends = layout.first + layout.lengths
    return RaggedSequences(
        [row[start:end] for row, start, end in zip(data, layout.first, ends, strict=True)]
    )


def rows_of(route: Route, X: Any, background: Any) -> Rows:
    """The cells of X behind the one-to-one steps, and those of the background."""
    check_background(background)
    if isinstance(X, Windows) or find_layout(X)[0] != "table":
        return SequenceRows(X, background, route)
    return TableRows(X, route.passed(background, few=True).X)
