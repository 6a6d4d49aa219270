"""X as cells that its rows exchange, in the container that the model reads."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .._data import StepLayout, Windows
from .._data._reading import find_layout, item_values
from ._hybrids import framed

IntArray = NDArray[np.int64]


class Cells(Protocol):
    """X whose rows can exchange cells.

    Attributes
    ----------
    lengths : int64 array of shape (n,)
        Time steps of each row, which are counted from its own first real step on.
    """

    @property
    def lengths(self) -> IntArray: ...

    def working_copy(self) -> "Cells":
        """Cells that may be written to."""

    def exchanged(self, steps: IntArray, features: IntArray, donors: IntArray) -> Any:
        """Context in which the cells at these steps and features are those of the donors.

        Parameters
        ----------
        steps, features : int64 arrays of shape (n_cells,)
            Rows that do not reach a step have no cell there.
        donors : int64 array of shape (n,)
            Rows that reach all the steps that the row reaches.

        Returns
        -------
        context manager
            That gives X in its container, which holds as long as the context.
        """


@dataclass(frozen=True)
class ArrayCells:
    """Cells of arrays, which are exchanged in place.

    Attributes
    ----------
    values : array of shape (n_steps, n_features)
        All time steps, one row of X after the other, padding included.
    first : int64 array of shape (n,)
        Position in it of each row's first real step.
    lengths : int64 array of shape (n,)
    contained : callable
        Makes the container of X out of ``values``, without a copy.
    """

    values: NDArray[Any]
    first: IntArray
    lengths: IntArray
    contained: Callable[[NDArray[Any]], Any]

    def working_copy(self) -> "ArrayCells":
        return replace(self, values=self.values.copy(order="C"))

    @contextmanager
    def exchanged(self, steps: IntArray, features: IntArray, donors: IntArray) -> Iterator[Any]:
        flat = self.values.reshape(-1)
        places = steps * self.values.shape[1] + features
        inside: Any = steps < self.lengths[:, None]
        own, other = (
            (first[:, None] * self.values.shape[1] + places)[inside]
            for first in (self.first, self.first[donors])
        )
        before = flat[own]
        flat[own] = flat[other]
        yield self.contained(self.values)
        flat[own] = before


@dataclass(frozen=True)
class FrameCells:
    """Cells of a DataFrame, whose rows are one step. Columns are replaced and never written to."""

    frame: Any

    @property
    def lengths(self) -> IntArray:
        return np.ones(len(self.frame), dtype=np.int64)

    def working_copy(self) -> "FrameCells":
        return self

    @contextmanager
    def exchanged(self, steps: IntArray, features: IntArray, donors: IntArray) -> Iterator[Any]:
        if not hasattr(self.frame, "iloc"):
            columns = [self.frame.to_series(column)[donors] for column in features.tolist()]
            yield self.frame.with_columns(columns)
            return
        X = self.frame.copy(deep=False)
        for column in features.tolist():
            # The row labels stay; only the values move.
            X.isetitem(column, self.frame.iloc[donors, column].set_axis(self.frame.index))
        yield X


def cells_of_table(X: Any) -> ArrayCells | FrameCells:
    """Of a table whose rows are one step: all columns are features."""
    if hasattr(X, "columns"):
        return FrameCells(X)
    ones = np.ones(len(X), dtype=np.int64)
    return ArrayCells(X, np.arange(len(X)), ones, partial(_shaped, X.shape, None))


def cells_of_sequences(X: Any, layout: StepLayout) -> ArrayCells:
    """Of sequences, or of rows of codes in a table."""
    first = np.cumsum(layout.sizes) - layout.sizes + layout.first
    if layout.in_list:
        items = find_layout(X)[1]
        frame = items[0] if hasattr(items[0], "columns") else None
        as_list = isinstance(X, list | tuple)
        listed = partial(_listed, np.cumsum(layout.sizes)[:-1], as_list, frame)
        return ArrayCells(np.concatenate(list(item_values(items))), first, layout.lengths, listed)
    array = np.asarray(X) if isinstance(X, Windows) or hasattr(X, "columns") else find_layout(X)[1]
    values = array.reshape(layout.sizes.sum(), -1)
    contained = partial(_shaped, array.shape, X if hasattr(X, "columns") else None)
    return ArrayCells(values, first, layout.lengths, contained)


def _shaped(shape: tuple[int, ...], frame: Any, values: NDArray[Any]) -> Any:
    array = values.reshape(shape)
    return array if frame is None else framed(frame, array)


def _listed(ends: IntArray, as_list: bool, frame: Any, values: NDArray[Any]) -> Any:
    items: list[Any] = np.split(values, ends)
    if frame is not None:
        items = [framed(frame, item) for item in items]
    if as_list:
        return items
    objects = np.empty(len(items), dtype=object)
    objects[:] = items
    return objects
