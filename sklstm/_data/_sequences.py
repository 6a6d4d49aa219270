"""Everything the estimators accept as X, read into one record of sequences."""

import mmap
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array

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
        False for memory maps, which are read batch by batch and never copied whole.
    """

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

    def chunks(self, rows: NDArray[np.int64] | None = None) -> Iterator[NDArray[np.int64]]:
        """Split row numbers into chunks of bounded size."""
        if rows is None:
            rows = np.arange(len(self))
        size = rows_per_chunk(self.max_length, self.n_features)
        for start in range(0, len(rows), size):
            yield rows[start : start + size]


class _DenseSequences(Sequences):
    def __init__(
        self,
        values: NDArray[Any],
        starts: NDArray[np.int64] | None,
        lengths: NDArray[np.int64],
        layout: Layout,
        n_columns: int | None,
    ) -> None:
        super().__init__(lengths, values.shape[2], layout, n_columns, not is_memory_mapped(values))
        self.values = values
        self.starts = starts

    def take(self, rows: slice | NDArray[np.int64]) -> NDArray[Any]:
        values = _as_float(self.values[rows])
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


class _RaggedSequences(Sequences):
    def __init__(self, arrays: list[NDArray[Any]]) -> None:
        lengths = np.array([len(array) for array in arrays], dtype=np.int64)
        super().__init__(lengths, arrays[0].shape[1], "ragged")
        self.arrays = arrays
        self.dtype = np.result_type(*{array.dtype for array in arrays})

    def take(self, rows: slice | NDArray[np.int64]) -> NDArray[Any]:
        lengths = self.lengths[rows]
        values = np.zeros((len(lengths), lengths.max(), self.n_features), self.dtype)
        for target, row in zip(values, np.arange(len(self))[rows], strict=True):
            target[: self.lengths[row]] = self.arrays[row]
        return values

    def like_original(self, X: Any, values: NDArray[Any]) -> Any:
        arrays = [row[:length] for row, length in zip(values, self.lengths, strict=True)]
        if isinstance(X, list | tuple):
            return arrays
        objects = np.empty(len(arrays), dtype=object)
        objects[:] = arrays
        return objects


def rows_per_chunk(n_timesteps: int, n_features: int) -> int:
    """How many rows of this shape are read at a time."""
    return max(1, CHUNK_BYTES // (8 * n_timesteps * n_features))


def is_memory_mapped(array: Any) -> bool:
    """Whether an array is a view of a file."""
    while array is not None:
        if isinstance(array, np.memmap | mmap.mmap):
            return True
        array = getattr(array, "base", None)
    return False


def read_sequences(X: Any, *, n_timesteps: int | None = None, estimator: Any = None) -> Sequences:
    """Read X, check it and return it as sequences.

    Parameters
    ----------
    X : array, DataFrame, list or object array
        3-D ``(n, n_timesteps, n_features)``, with whole steps of NaN at the start or end of a
        sample as padding; 2-D ``(n, n_columns)``, one univariate series per row, or
        ``n_timesteps`` steps of ``n_columns / n_timesteps`` features, time-step-major; or ``n``
        arrays of shape ``(length, n_features)``.
    n_timesteps : int, optional
        For 2-D X.
    estimator : object, optional
        Named in messages.

    Raises
    ------
    ValueError, TypeError
        Where X is empty, of another shape, not numeric, or has a NaN that is not padding or
        an infinity; the message names the sample, time step and feature.
    """
    if isinstance(X, np.ndarray) and X.dtype != object and X.ndim == 3:
        return _read_array(X)
    if not _is_plain_table(X):
        items = _items_of_ragged(X)
        if items is not None:
            return _read_ragged(items)
        array = np.asarray(X)
        if array.ndim == 3:
            return _read_array(array)
    return _read_table(X, n_timesteps, estimator)


def _is_plain_table(X: Any) -> bool:
    return (
        (isinstance(X, np.ndarray) and X.dtype != object)
        or hasattr(X, "columns")
        or hasattr(X, "tocsr")
    )


def _items_of_ragged(X: Any) -> Any:
    """The sequences, where X is a list of them; None where X is a table or a 3-D array."""
    if hasattr(X, "to_numpy"):  # a pandas or polars Series of arrays
        X = X.to_numpy()
    if isinstance(X, np.ndarray) and (X.dtype != object or X.ndim != 1):
        return None
    if not isinstance(X, list | tuple | np.ndarray) or len(X) == 0:
        return None
    dimensions = [_ndim(item) for item in X]
    if any(d >= 2 for d in dimensions):
        return X
    # Rows of equal length are a table; of different length, univariate series.
    if all(d == 1 for d in dimensions) and len({len(item) for item in X}) > 1:
        return X
    return None


def _ndim(item: Any) -> int:
    try:
        return np.ndim(item)
    except ValueError:  # a nested list whose rows differ in length
        return 2


def _read_ragged(items: Any) -> Sequences:
    arrays: list[NDArray[Any]] = []
    for sample, item in enumerate(items):
        try:
            array = _to_numeric(np.asarray(item), f"Sample {sample} of X")
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"Sample {sample} of X is not an array of shape (length, n_features): {error}"
            ) from error
        if array.ndim == 1:
            array = array[:, None]
        if array.ndim != 2:
            raise ValueError(
                f"Sample {sample} of X must have shape (length, n_features). "
                f"Got shape {array.shape}."
            )
        if len(array) == 0:
            raise ValueError(
                f"Sample {sample} of X has no time step (shape {array.shape}); "
                "every sequence needs at least 1. Drop it."
            )
        if array.shape[1] == 0:
            raise ValueError(
                f"Sample {sample} of X has 0 feature(s) (shape={array.shape}) "
                "while a minimum of 1 is required."
            )
        if arrays and array.shape[1] != arrays[0].shape[1]:
            raise ValueError(
                f"Sample {sample} of X has {array.shape[1]} features, but sample 0 has "
                f"{arrays[0].shape[1]}; all sequences need the same features."
            )
        finite = np.isfinite(array)
        if not finite.all():
            first, end = _real_steps(array[None], sample)
            array = array[first[0] : end[0]]
        arrays.append(_as_float(array))
    return _RaggedSequences(arrays)


def _read_array(values: NDArray[Any]) -> Sequences:
    values = _to_numeric(values, "X")
    n_samples, n_timesteps, n_features = values.shape
    for size, what in ((n_samples, "sample"), (n_timesteps, "time step"), (n_features, "feature")):
        if size == 0:
            raise ValueError(
                f"Found array with 0 {what}(s) (shape={values.shape}) while a minimum of 1 is "
                "required."
            )
    starts, lengths = _find_padding(values)
    return _DenseSequences(values, starts, lengths, "array", None)


def _read_table(X: Any, n_timesteps: int | None, estimator: Any) -> Sequences:
    table = X
    if not (
        type(X) is np.ndarray and X.dtype in (np.float32, np.float64) and X.ndim == 2 and X.size
    ):
        table = check_array(
            X,
            dtype="numeric",
            ensure_all_finite=False,
            estimator=estimator,
            input_name="X",
        )
    n_samples, n_columns = table.shape
    k = n_timesteps or n_columns
    if n_columns % k:
        raise ValueError(
            f"X has {n_columns} columns, which the 'n_timesteps' parameter ({k}) does not divide."
        )
    for start in range(0, n_samples, step := rows_per_chunk(1, n_columns)):
        finite = np.isfinite(table[start : start + step])
        if not finite.all():
            row, column = np.argwhere(~finite)[0]
            _raise_not_finite_in_table(X, table[start + row, column], start + row, column)
    values = table.reshape(n_samples, k, n_columns // k)
    lengths = np.full(n_samples, k, dtype=np.int64)
    return _DenseSequences(values, None, lengths, "table", n_columns)


def _raise_not_finite_in_table(X: Any, value: Any, row: int, column: int) -> None:
    name = repr(X.columns[column]) if hasattr(X, "columns") else column
    if np.isnan(value):
        raise ValueError(
            f"Input X contains NaN at sample {row}, column {name}. In 2-D X every NaN is a "
            "missing value: impute it first. Sequences of different length go in a list, or in "
            "a 3-D array padded with NaN steps."
        )
    raise ValueError(
        f"Input X contains infinity at sample {row}, column {name}. Replace or clip it first."
    )


def _find_padding(
    values: NDArray[Any],
) -> tuple[NDArray[np.int64] | None, NDArray[np.int64]]:
    """Start (None if all zero and nothing is padded) and length of each sample's real part."""
    n_samples, n_timesteps, n_features = values.shape
    starts: NDArray[np.int64] | None = None
    lengths = np.full(n_samples, n_timesteps, dtype=np.int64)
    size = rows_per_chunk(n_timesteps, n_features)
    for begin in range(0, n_samples, size):
        chunk = values[begin : begin + size]
        if np.isfinite(chunk).all():
            continue
        first, end = _real_steps(chunk, begin)
        if starts is None:
            starts = np.zeros(n_samples, dtype=np.int64)
        starts[begin : begin + size] = first
        lengths[begin : begin + size] = end - first
    return starts, lengths


def _real_steps(
    values: NDArray[Any], first_sample: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First real step and end of each sample; an error where something else is not finite."""
    _, n_timesteps, _ = values.shape
    missing = np.isnan(values)
    padding = missing.all(axis=2)
    empty = padding.all(axis=1)
    if empty.any():
        raise ValueError(
            f"Sample {first_sample + empty.argmax()} of X has no time step: all its values are "
            "NaN. Every sequence needs at least 1 real step. Drop it."
        )
    first = (~padding).argmax(axis=1)
    end = n_timesteps - (~padding[:, ::-1]).argmax(axis=1)
    steps = np.arange(n_timesteps)
    outside = (steps < first[:, None]) | (steps >= end[:, None])
    wrong = ~np.isfinite(values) & ~outside[:, :, None]
    if wrong.any():
        sample, step, feature = np.argwhere(wrong)[0]
        where = f"at sample {first_sample + sample}, time step {step}, feature {feature}"
        if missing[sample, step, feature]:
            raise ValueError(
                f"Input X contains NaN {where}. Only whole time steps of NaN at the start or "
                "end of a sample are padding; impute missing values inside a sequence first."
            )
        raise ValueError(f"Input X contains infinity {where}. Replace or clip it first.")
    return first, end


def _to_numeric(values: NDArray[Any], name: str) -> NDArray[Any]:
    """Objects to float64; what is no number is an error."""
    if values.dtype == object:
        values = values.astype(np.float64)
    if values.dtype.kind not in "fiub":
        kind = "Complex data" if values.dtype.kind == "c" else f"dtype {values.dtype}"
        raise ValueError(f"{kind} not supported: {name} must be real numbers.")
    return values


def _as_float(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype in (np.float32, np.float64):
        return np.asarray(values)
    return values.astype(np.float32 if values.dtype == np.float16 else np.float64)
