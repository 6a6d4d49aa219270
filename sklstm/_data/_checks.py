"""What must hold for the values of X, and the errors where it does not."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._utils._sklearn import is_pandas_na, num_samples
from ._sequences import rows_per_chunk
from ._stored import StoredArray

# As messages tell to write it.
FORWARD_FILL = "lambda steps: pandas.DataFrame(steps).ffill()"


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Within, an error of NumPy or scikit-learn that names no parameter begins with this one."""
    try:
        yield
    except (TypeError, ValueError, OverflowError) as error:
        if re.search(rf"\b{name}\b", str(error)):
            raise
        kind = ValueError if isinstance(error, ValueError | OverflowError) else TypeError
        raise kind(f"{name}: {error}") from error


def check_same_rows(X: Any, **others: Any) -> int:
    """The number of rows; an error where something that goes with X, such as y, has another."""
    n_rows = _n_rows(X, "X")
    for name, data in others.items():
        if data is not None and (n := _n_rows(data, name)) != n_rows:
            raise ValueError(
                f"X and {name} must have the same number of samples. Got {n_rows} in X and {n} in "
                f"{name}."
            )
    return n_rows


def _n_rows(data: Any, name: str) -> int:
    try:
        return num_samples(data)
    except TypeError as error:
        raise ValueError(f"{name} must have a row for each sample. Got {data!r:.80}.") from error


def name_the_column(X: Any, name: str, error: Exception, advice: str) -> None:
    """Raise for the first column of a DataFrame that does not turn into numbers."""
    for column in getattr(X, "columns", []):
        try:
            to_numeric(np.asarray(X[column]), f"Column {column!r} of {name}")
        except (TypeError, ValueError) as found:
            raise ValueError(f"{found} {advice}") from error


def is_missing(value: Any) -> bool:
    """Whether an object is None, NaN, NaT, pandas' NA or masked."""
    return value is None or value is np.ma.masked or is_pandas_na(value) or value != value


def to_numeric(values: NDArray[Any], name: str) -> NDArray[Any]:
    """Real numbers as they are, objects as float64, missing objects as NaN.

    Raises
    ------
    ValueError, TypeError
        Where something is no real number; the message begins with ``name``.
    """
    if values.dtype == object:
        flat = [np.nan if v is None or is_pandas_na(v) else v for v in values.ravel()]
        if any(isinstance(v, complex | np.complexfloating) for v in flat):
            raise ValueError(f"Complex data not supported: {name} must be real numbers.")
        for value in flat:
            if isinstance(value, list | tuple) or getattr(value, "shape", ()) != ():
                raise ValueError(
                    f"{name} must be real numbers. Got {type(value).__name__} in the place of a "
                    "number: sequences go in a list or a 3-D array, not into cells of a table."
                )
        try:
            return np.array(flat, dtype=np.float64).reshape(values.shape)
        except TypeError as error:
            raise TypeError(f"{name} must be real numbers: {error}.") from error
        except (ValueError, OverflowError) as error:
            raise ValueError(f"{name} must be real numbers: {error}.") from error
    if values.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {name} must be real numbers.")
    if values.dtype.kind not in "fiub":
        raise ValueError(f"{name} must be real numbers. Got dtype {values.dtype}.")
    if values.dtype.itemsize > 8:
        with np.errstate(over="ignore"):
            return values.astype(np.float64)
    return values


def check_table(X: Any, table: NDArray[Any] | StoredArray) -> None:
    """Raise where a cell of 2-D X is not finite, naming its column."""
    for start in range(0, len(table), step := rows_per_chunk(1, table.shape[1])):
        part = table[start : start + step]
        finite = np.isfinite(part)
        if finite.all():
            continue
        row, column = np.argwhere(~finite)[0]
        name = repr(X.columns[column]) if hasattr(X, "columns") else column
        where = f"at sample {start + row}, column {name}"
        if np.isnan(part[row, column]):
            raise ValueError(
                f"Input X contains NaN {where}. In 2-D X every NaN is a missing value: impute it "
                "first, with SimpleImputer() or a forward fill (frame.ffill(axis=1)). Sequences "
                "of different length go in a list, or in a 3-D array padded with NaN steps."
            )
        raise ValueError(f"Input X contains infinity {where}. Replace or clip it first.")


def find_padding(
    values: NDArray[Any] | StoredArray,
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
        first, end = real_steps(chunk, begin)
        if starts is None:
            starts = np.zeros(n_samples, dtype=np.int64)
        starts[begin : begin + size] = first
        lengths[begin : begin + size] = end - first
    return starts, lengths


def real_steps(
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
                "end of a sample are padding; impute missing values inside a sequence first, with "
                "SequenceWise(SimpleImputer()) or a forward fill of each sequence: "
                f"SequenceWise(FunctionTransformer({FORWARD_FILL}))."
            )
        raise ValueError(f"Input X contains infinity {where}. Replace or clip it first.")
    return first, end
