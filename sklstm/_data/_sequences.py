"""The record that every X is read into."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ._mapped import mapping_of, request_rows
from ._stored import StoredArray

Layout = Literal["table", "array", "ragged"]

# Rows are validated, hashed and scaled in chunks of about this many bytes, so that an array
# on disk is never in memory whole.
CHUNK_BYTES = 16 * 2**20


class Sequences(ABC):
    """``n`` sequences whose values are read on demand.

    Attributes
    ----------
    lengths : int64 array of shape (n,)
        Number of real time steps of each sequence, at least 1.
    n_features : int
    layout : {"table", "array", "ragged"}
        What the caller passed: 2-D rows, a 3-D array, or sequences of their own lengths.
    n_columns : int or None
        Number of columns of a table.
    in_memory : bool
        False for memory maps and stored arrays, which are read batch by batch and never copied
        whole.
    first_frame : DataFrame or None
        Of a list of DataFrames, the first, whose column names hold for all.
    table : float array of shape (n_steps, n_features) or None
        Time steps that sequences share: sequence i is ``lengths[i]`` rows from ``starts[i]`` on.
        None where each sequence has its own steps.
    starts : int64 array of shape (n,) or None
        See ``table``; of a padded array the first real step of each sample.
    """

    table: NDArray[Any] | None = None
    starts: NDArray[np.int64] | None = None

    def __init__(
        self,
        lengths: NDArray[np.int64],
        n_features: int,
        layout: Layout,
        n_columns: int | None = None,
        in_memory: bool = True,
    ) -> None:
        self.lengths = lengths
        self.n_features = n_features
        self.layout = layout
        self.n_columns = n_columns
        self.in_memory = in_memory
        self.first_frame: Any = None
        self.max_length = int(lengths.max())
        self.uniform = int(lengths.min()) == self.max_length

    def __len__(self) -> int:
        return len(self.lengths)

    @abstractmethod
    def take(self, rows: slice | NDArray[np.int64]) -> NDArray[Any]:
        """Read rows into a fresh or borrowed ``(len(rows), longest, n_features)`` array.

        float32 where the source is float32, else float64; zero after a sequence's end.
        """

    @abstractmethod
    def like_original(self, X: Any, values: NDArray[Any]) -> Any:
        """Other values for all rows, as ``take`` reads them, in the container that X came in."""

    @abstractmethod
    def container_steps(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Number of time steps of each sample of X, padding included, and the first real one."""

    def chunks(self, rows: NDArray[np.int64] | None = None) -> Iterator[NDArray[np.int64]]:
        """Split row numbers into chunks of bounded size."""
        if rows is None:
            rows = np.arange(len(self))
        if len(rows) == 0:
            return
        size = rows_per_chunk(int(self.lengths[rows].max()), self.n_features)
        for start in range(0, len(rows), size):
            yield rows[start : start + size]


class DenseSequences(Sequences):
    """A 3-D array, each sample's real part a run of time steps."""

    def __init__(
        self,
        values: NDArray[Any] | StoredArray,
        starts: NDArray[np.int64] | None,
        lengths: NDArray[np.int64],
        layout: Layout,
        n_columns: int | None,
    ) -> None:
        in_memory = not isinstance(values, StoredArray) and mapping_of(values) is None
        super().__init__(lengths, values.shape[2], layout, n_columns, in_memory)
        self.values = values
        self.starts = starts

    def take(self, rows: slice | NDArray[np.int64]) -> NDArray[Any]:
        if isinstance(self.values, np.ndarray) and not isinstance(rows, slice):
            request_rows(self.values, rows)
        values = as_float(self.values[rows])
        if self.starts is None:
            return values
        lengths, starts = self.lengths[rows], self.starts[rows]
        steps = np.arange(lengths.max())
        inside = steps < lengths[:, None]
        index = np.where(inside, starts[:, None] + steps, 0)
        values = np.take_along_axis(values, index[:, :, None], axis=1)
        values[~inside] = 0.0
        return values

    def like_original(self, X: Any, values: NDArray[Any]) -> Any:
        if self.starts is None:
            return values.reshape(len(self), -1) if self.layout == "table" else values
        padded = np.full(self.values.shape, np.nan, values.dtype)
        for target, row, start, length in zip(
            padded, values, self.starts, self.lengths, strict=True
        ):
            target[start : start + length] = row[:length]
        return padded

    def container_steps(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        starts = np.zeros_like(self.lengths) if self.starts is None else self.starts
        return np.full_like(self.lengths, self.values.shape[1]), starts


class RaggedSequences(Sequences):
    """A list of 2-D arrays, without the ``(before, after)`` steps of padding of each."""

    def __init__(
        self, arrays: list[NDArray[Any]], padding: dict[int, tuple[int, int]] | None = None
    ) -> None:
        lengths = np.array([len(array) for array in arrays], dtype=np.int64)
        super().__init__(lengths, arrays[0].shape[1], "ragged")
        self.arrays = arrays
        self.padding = padding or {}
        self.dtype = np.result_type(*{array.dtype for array in arrays})

    def take(self, rows: slice | NDArray[np.int64]) -> NDArray[Any]:
        lengths = self.lengths[rows]
        values = np.zeros((len(lengths), lengths.max(), self.n_features), self.dtype)
        for target, row in zip(values, np.arange(len(self))[rows], strict=True):
            target[: self.lengths[row]] = self.arrays[row]
        return values

    def like_original(self, X: Any, values: NDArray[Any]) -> Any:
        arrays = [row[:length] for row, length in zip(values, self.lengths, strict=True)]
        for sample, steps in self.padding.items():
            arrays[sample] = np.pad(arrays[sample], (steps, (0, 0)), constant_values=np.nan)
        if isinstance(X, list | tuple):
            return arrays
        objects = np.empty(len(arrays), dtype=object)
        objects[:] = arrays
        return objects

    def container_steps(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        sizes, first = self.lengths.copy(), np.zeros_like(self.lengths)
        for sample, (before, after) in self.padding.items():
            first[sample] = before
            sizes[sample] += before + after
        return sizes, first


def rows_per_chunk(n_timesteps: int, n_features: int) -> int:
    """How many rows of this shape are read at a time."""
    return max(1, CHUNK_BYTES // (8 * n_timesteps * n_features))


def as_float(values: NDArray[Any]) -> NDArray[Any]:
    """float32 where that holds the values, else float64."""
    if values.dtype in (np.float32, np.float64):
        return np.asarray(values)
    return values.astype(np.float32 if values.dtype == np.float16 else np.float64)
