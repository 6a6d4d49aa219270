"""Arrays that are no NumPy arrays and may be larger than memory: zarr, HDF5, dask."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def computed(X: Any) -> Any:
    """The array of NumPy that one of dask stands for, with its mask; X itself where it is another.

    NumPy asks dask for the values alone.
    """
    is_dask = hasattr(X, "__dask_graph__") and not hasattr(X, "columns")
    return X.compute() if is_dask else X


def as_array(X: Any) -> NDArray[Any]:
    """An array over X; what is masked is missing. Tensors may be on a GPU, or of a graph."""
    X = computed(X)
    if is_stored(X) and not hasattr(X, "__array__"):  # NumPy would take it for one object
        X = X[:]
    if isinstance(X, np.ma.MaskedArray) and X.dtype.kind in "fiub":
        return np.ma.filled(X.astype(np.float64), np.nan)
    return np.asarray(X.detach().cpu() if hasattr(X, "detach") else X)


class StoredArray:
    """An array of which some rows are read at a time.

    Parameters
    ----------
    source : object
        With ``shape`` and ``dtype``, read by slices of its rows, and by increasing row numbers,
        through ``oindex`` where it has one, as zarr's arrays do.
    row_shape : tuple of int, optional
        To see each row in another shape.
    """

    def __init__(self, source: Any, row_shape: tuple[int, ...] | None = None) -> None:
        self.source = source
        self.dtype: np.dtype[Any] = source.dtype
        self.shape = (source.shape[0], *(row_shape or source.shape[1:]))

    def __len__(self) -> int:
        return self.shape[0]

    def reshape(self, n_rows: int, *row_shape: int) -> "StoredArray":
        """Of as many rows."""
        return StoredArray(self.source, row_shape)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> NDArray[Any]:
        """Read rows in any order, some of them more than once."""
        if isinstance(rows, slice):
            values = as_array(self.source[rows])
        else:
            # HDF5 asks for increasing numbers, and a chunk of zarr is unpacked once for all.
            distinct, places = np.unique(rows, return_inverse=True)
            values = self._read(distinct)
            if not np.array_equal(distinct, rows):
                values = values[places]
        return values.reshape(-1, *self.shape[1:])

    def _read(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        first, last = int(rows[0]), int(rows[-1])
        if last - first + 1 == len(rows):
            return as_array(self.source[first : last + 1])
        return as_array(getattr(self.source, "oindex", self.source)[rows])


def is_stored(X: Any) -> bool:
    """Whether X is read by its rows, and not made a NumPy array whole."""
    if isinstance(X, np.ndarray) or hasattr(X, "columns") or hasattr(X, "tocsr"):
        return False
    dtype = getattr(X, "dtype", None)
    return (
        isinstance(dtype, np.dtype)
        and dtype not in (object, np.longdouble)  # whose values have to be converted
        and getattr(X, "ndim", 0) > 1
        and hasattr(X, "__getitem__")
    )
