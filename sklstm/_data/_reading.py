"""Everything that the estimators accept as X, read into one record."""

from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array

from ._checks import (
    check_table,
    find_padding,
    name_the_column,
    naming,
    real_steps,
    to_numeric,
)
from ._sequences import DenseSequences, Layout, RaggedSequences, Sequences, as_float
from ._stored import StoredArray, as_array, is_stored
from ._windows import Windows, WindowSequences


@naming("X")
def read_sequences(X: Any, *, n_timesteps: int | None = None, estimator: Any = None) -> Sequences:
    """Read X, check it and return it as sequences.

    Parameters
    ----------
    X : array, DataFrame, list, object array, or what ``StoredArray`` reads
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
    if isinstance(X, Windows):
        if len(X) == 0:
            raise ValueError(
                f"Found array with 0 sample(s) (shape={X.shape}) while a minimum of 1 is required."
            )
        return WindowSequences(X)
    layout, content = _stored_layout(X) if is_stored(X) else find_layout(X)
    if layout == "ragged":
        return _read_ragged(content)
    if layout == "array":
        values = array_values(content)
        starts, lengths = find_padding(values)
        return DenseSequences(values, starts, lengths, "array", None)
    return _read_table(content, n_timesteps, estimator)


def _stored_layout(X: Any) -> tuple[Layout, Any]:
    _check_dimensions(X)
    if not all(isinstance(size, Integral) for size in X.shape):
        raise ValueError(
            f"X does not know how many rows it has (shape {X.shape}). Call its "
            "compute_chunk_sizes() first, which dask needs after rows were picked by their values."
        )
    return "table" if X.ndim == 2 else "array", StoredArray(X)


@naming("X")
def find_layout(X: Any) -> tuple[Layout, Any]:
    """What X is, and X as a table, a 3-D array or sized items."""
    if is_frame(X) or hasattr(X, "tocsr"):
        return "table", X
    items = _items_of_ragged(X)
    if items is not None:
        return "ragged", items
    array = as_array(X)
    if array.ndim == 3:
        return "array", array
    _check_dimensions(array)
    return "table", X if array.dtype == object else array


def _check_dimensions(array: Any) -> None:
    if array.ndim not in (2, 3):
        got, hint = f"shape {array.shape}", ""
        if array.ndim == 0:
            got = repr(array.tolist())[:80]
        elif array.dtype.kind in "US":
            got, hint = "texts", " Put SequenceTokenizer() or SequenceOneHotEncoder() in front."
        elif array.ndim == 1:
            hint = " Reshape your data: one sequence is one row, X[None]."
        raise ValueError(
            "X must be 3-D (n_samples, n_timesteps, n_features), 2-D (n_samples, n_columns), or a "
            f"list of sequences. Got {got}.{hint}"
        )


def is_frame(X: Any) -> bool:
    """Whether X is a DataFrame, of pandas or polars."""
    return hasattr(X, "columns") and hasattr(X, "shape")


def _items_of_ragged(X: Any) -> Any:
    """The sequences, where X is a list of them; None where it is a table or a 3-D array."""
    if hasattr(X, "to_list"):  # a pandas or polars Series
        items = X.to_list()
    elif isinstance(X, list | tuple) or (
        isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1
    ):
        items = X
    else:
        return None
    dimensions = {_ndim(item) for item in items}
    if dimensions <= {0}:
        return None
    # A list of rows of equal length is a table; objects of any length are series.
    if dimensions == {1} and isinstance(X, list | tuple) and len({len(row) for row in X}) == 1:
        return None
    return items


def _ndim(item: Any) -> int:
    try:
        return np.ndim(item)
    except ValueError:  # a nested list whose rows differ in length
        return 2


def _read_ragged(items: Any) -> Sequences:
    arrays: list[NDArray[Any]] = []
    padding: dict[int, tuple[int, int]] = {}
    for sample, array in enumerate(item_values(items)):
        if not np.isfinite(array).all():
            (first,), (end,) = real_steps(array[None], sample)
            padding[sample] = int(first), int(len(array) - end)
            array = array[first:end]
        arrays.append(as_float(array))
    sequences = RaggedSequences(arrays, padding)
    if is_frame(items[0]):
        sequences.first_frame = items[0]
    return sequences


def item_values(items: Any) -> Iterator[NDArray[Any]]:
    """Numbers of each sequence of a list, shape (length, n_features), finite or not."""
    n_features = None
    for sample, item in enumerate(items):
        name = f"Sample {sample} of X"
        if is_frame(item) != is_frame(items[0]):
            raise ValueError(
                f"{name} is of type {type(item).__name__}, but sample 0 of "
                f"{type(items[0]).__name__}; all sequences must be DataFrames, or none."
            )
        if is_frame(item) and list(item.columns) != list(items[0].columns):
            raise ValueError(
                f"{name} has other column names than sample 0; all sequences need the same "
                "features in the same order."
            )
        array = _read_item(item, name)
        if n_features is None:
            n_features = array.shape[1]
        if array.shape[1] != n_features:
            raise ValueError(
                f"{name} has {array.shape[1]} features, but sample 0 has {n_features}; "
                "all sequences need the same features."
            )
        yield array


def _read_item(item: Any, name: str) -> NDArray[Any]:
    try:
        array = as_array(item)
    except ValueError as error:
        raise ValueError(
            f"{name} is not an array of shape (length, n_features): {error}"
        ) from error
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2:
        raise ValueError(f"{name} must have shape (length, n_features). Got shape {array.shape}.")
    if len(array) == 0:
        raise ValueError(
            f"{name} has no time step (shape {array.shape}); every sequence needs at least 1. "
            "Drop it."
        )
    if array.shape[1] == 0:
        raise ValueError(
            f"{name} has 0 feature(s) (shape={array.shape}) while a minimum of 1 is required."
        )
    return to_numeric(array, name)


def array_values(array: Any) -> Any:
    """Numbers of a 3-D array, finite or not."""
    for size, what in zip(array.shape, ("sample", "time step", "feature"), strict=True):
        if size == 0:
            raise ValueError(
                f"Found array with 0 {what}(s) (shape={array.shape}) while a minimum of 1 is "
                "required."
            )
    return to_numeric(array, "X")


def _read_table(X: Any, n_timesteps: int | None, estimator: Any) -> Sequences:
    table = table_values(X, estimator)
    check_table(X, table)
    n_samples, n_columns = table.shape
    k = n_timesteps or n_columns
    if n_columns % k:
        raise ValueError(
            f"X has {n_columns} columns, which the 'n_timesteps' parameter ({k}) does not divide."
        )
    values = table.reshape(n_samples, k, n_columns // k)
    lengths = np.full(n_samples, k, dtype=np.int64)
    return DenseSequences(values, None, lengths, "table", n_columns)


def table_values(X: Any, estimator: Any) -> Any:
    """Numbers of a table, finite or not."""
    try:
        return to_numeric(_checked_table(X, estimator), "X")
    except (TypeError, ValueError) as error:
        if not hasattr(X, "tocsr"):
            name_the_column(X, "X", error, "Encode it first, or drop it.")
        raise


def _checked_table(X: Any, estimator: Any) -> Any:
    if type(X) is np.ndarray and X.dtype in (np.float32, np.float64) and X.ndim == 2 and X.size:
        return X
    if isinstance(X, StoredArray):
        if 0 not in X.shape:
            return X
        X = np.empty(X.shape)
    if is_frame(X) and X.shape[1] == 0:
        raise ValueError(
            f"Found array with 0 feature(s) (shape={X.shape}) while a minimum of 1 is required."
        )
    if isinstance(X, np.ndarray) and X.dtype != object:
        X = to_numeric(X, "X")
    options = {"dtype": "numeric", "ensure_all_finite": False, "estimator": estimator}
    try:
        return check_array(X, input_name="X", **options)
    except (TypeError, OverflowError):
        if hasattr(X, "tocsr"):
            raise
        # pandas' NA among objects and numbers beyond float64 stop NumPy's conversion.
        return check_array(to_numeric(np.array(X, dtype=object), "X"), input_name="X", **options)
