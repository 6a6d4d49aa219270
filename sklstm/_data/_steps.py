"""The time steps of all sequences as one table, and the way back."""

from collections.abc import Iterator
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._utils._sklearn import adapter_of_frame, get_feature_names
from ._checks import naming
from ._per_step import StepLayout
from ._reading import array_values, find_layout, is_frame, item_values, table_values
from ._sequences import Layout


class TimeSteps:
    """Real time steps, one sequence after the other.

    Missing values count as values here: only whole steps of NaN at the start or end of a 3-D or
    ragged sequence are padding, which is left out.

    Attributes
    ----------
    values : array of shape (n_steps, n_features)
        Any real dtype; read-only.
    lengths : int64 array of shape (n,)
        Number of steps of each sequence.
    n_columns : int or None
        Number of columns of a table.
    first_frame : DataFrame or None
        X if that is a DataFrame; of a list of DataFrames the first.
    """

    def __init__(
        self,
        X: Any,
        layout: Layout,
        values: NDArray[Any],
        sizes: NDArray[np.int64],
        first_frame: Any,
    ) -> None:
        self.n_columns = int(sizes[0]) if layout == "table" else None
        self.first_frame = first_frame
        self._ragged = layout == "ragged"
        self._as_list = isinstance(X, list | tuple)
        self._sizes = sizes
        # Where the real steps are among all; None where nothing is padding.
        self._real = None if layout == "table" else _find_real_steps(values, sizes)
        if self._real is None:
            self.values, self.lengths = values.view(), sizes
        else:
            self.values = values[self._real]
            self.lengths = np.add.reduceat(self._real, np.cumsum(sizes) - sizes, dtype=np.int64)
        self.values.flags.writeable = False  # it may be the caller's array

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def n_features(self) -> int:
        """Number of features of a step."""
        return self.values.shape[1]

    @property
    def layout(self) -> StepLayout:
        """Where the steps lie in the container that X came in."""
        first = np.zeros_like(self._sizes)
        if self._real is not None:
            places = np.flatnonzero(self._real)[np.cumsum(self.lengths) - self.lengths]
            first = places - (np.cumsum(self._sizes) - self._sizes)
        return StepLayout(self.lengths, self._sizes, first, self._ragged)

    def repeat(self, values: NDArray[Any]) -> NDArray[Any]:
        """One value per sequence to one per step."""
        return np.repeat(values, self.lengths, axis=0)

    def table(self) -> Any:
        """The steps; as a DataFrame where sequences came as DataFrames with names."""
        return self._named(self.values)

    def tables(self) -> Iterator[Any]:
        """The steps of each sequence, the caller's to write to."""
        ends = np.cumsum(self.lengths)
        for start, end in zip(ends - self.lengths, ends, strict=True):
            yield self._named(self.values[start:end].copy())

    def replaced(self, values: NDArray[Any]) -> "TimeSteps":
        """Other features of the same steps."""
        other = copy(self)
        other.values, other.first_frame = values, None
        return other

    def restored(self) -> Any:
        """The steps in the container that X came in, padding where it was.

        A table of one feature is 2-D, of several features 3-D.
        """
        values, n_features = self.values, self.values.shape[1]
        if self._real is not None:
            if values.dtype.kind != "f":
                values = values.astype(np.result_type(values.dtype, np.float32))
            padded = np.full((len(self._real), n_features), np.nan, values.dtype)
            padded[self._real] = values
            values = padded
        if self.n_columns is not None and n_features == 1:
            return values.reshape(len(self), self.n_columns)
        if not self._ragged:
            return values.reshape(len(self), self._sizes[0], n_features)
        arrays = np.split(values, np.cumsum(self._sizes)[:-1])
        if self._as_list:
            return arrays
        objects = np.empty(len(arrays), dtype=object)
        objects[:] = arrays
        return objects

    def _named(self, values: NDArray[Any]) -> Any:
        names = get_feature_names(self.first_frame)
        if names is None or not self._ragged:
            return values
        return adapter_of_frame(self.first_frame).create_container(values, None, names)


@naming("X")
def read_steps(X: Any, *, estimator: Any = None) -> TimeSteps:
    """Read X, whose values may be missing or infinite, and return its time steps.

    Parameters
    ----------
    X : array, DataFrame, list or object array
        As for ``read_sequences``; a column of a table is a time step of the only feature.
    estimator : object, optional
        Named in messages.

    Raises
    ------
    ValueError, TypeError
        Where X is empty, of another shape or not numeric, or a sequence has no real step.
    """
    layout, content = find_layout(X)
    if layout == "ragged":
        arrays = list(item_values(content))
        sizes = np.array([len(array) for array in arrays], dtype=np.int64)
        first_frame = content[0] if is_frame(content[0]) else None
        return TimeSteps(X, layout, np.concatenate(arrays), sizes, first_frame)
    if layout == "array":
        values = array_values(content)
    else:
        values = table_values(content, estimator)[:, :, None]
    n, n_timesteps, n_features = values.shape
    sizes = np.full(n, n_timesteps, dtype=np.int64)
    first_frame = X if is_frame(X) else None
    return TimeSteps(X, layout, values.reshape(-1, n_features), sizes, first_frame)


def _find_real_steps(values: NDArray[Any], sizes: NDArray[np.int64]) -> NDArray[np.bool_] | None:
    """Which rows lie between the first and the last step of their sequence that is not all NaN.

    None for all of them.
    """
    if values.dtype.kind != "f":
        return None
    missing = np.isnan(values[:, 0])
    if not missing.any():
        return None
    missing[missing] = np.isnan(values[missing]).all(axis=1)
    rows, starts = np.arange(len(values)), np.cumsum(sizes) - sizes
    first = np.minimum.reduceat(np.where(missing, len(values), rows), starts)
    last = np.maximum.reduceat(np.where(missing, -1, rows), starts)
    if (last < 0).any():
        raise ValueError(
            f"Sample {(last < 0).argmax()} of X has no time step: all its values are NaN. Every "
            "sequence needs at least 1 real step. Drop it."
        )
    real = (rows >= np.repeat(first, sizes)) & (rows <= np.repeat(last, sizes))
    return None if real.all() else real
