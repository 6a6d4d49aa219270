"""The last rows of a table up to each of its rows, as views until a batch is built."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._utils._sklearn import get_namespace
from ._mapped import mapping_of, request_rows
from ._sequences import Sequences


class Windows:
    """An array-like of shape (n, lookback, n_features) over the rows of one table.

    Window i is the run of rows that ends at row ``ends[i]`` of the table and is ``lengths[i]``
    rows long; what is missing to ``lookback`` rows is padding at the start, steps of NaN in the
    array that ``numpy.asarray`` makes. A selection of rows is again a view of the table.

    Parameters
    ----------
    table : float array of shape (n_rows, n_features)
    ends : int64 array of shape (n,)
    lengths : int64 array of shape (n,)
        From 1 to ``lookback``.
    lookback : int
    """

    ndim = 3
    device = "cpu"

    def __init__(
        self,
        table: NDArray[Any],
        ends: NDArray[np.int64],
        lengths: NDArray[np.int64],
        lookback: int,
    ) -> None:
        self.table = table
        self.ends = ends
        self.lengths = lengths
        self.lookback = lookback

    @property
    def shape(self) -> tuple[int, int, int]:
        """Samples, time steps, features."""
        return (len(self.ends), self.lookback, self.table.shape[1])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the table."""
        return self.table.dtype

    def __array_namespace__(self, api_version: str | None = None) -> Any:
        # scikit-learn asks for it where it dispatches on the array API; NumPy's functions take
        # whatever has __array__.
        return get_namespace(self.table)[0]

    def __len__(self) -> int:
        return len(self.ends)

    def __repr__(self) -> str:
        return f"<Windows of shape {self.shape} over a table of {len(self.table)} rows>"

    def __getitem__(self, key: Any) -> Any:
        """Windows of the selected rows, or an array where the key selects anything else."""
        parts = (key if isinstance(key, tuple) else (key,)) or (...,)
        while len(parts) > 1 and _selects_everything(parts[-1]):
            parts = parts[:-1]
        rows: Any = slice(None) if _selects_everything(parts[0]) else parts[0]
        if len(parts) == 1 and (isinstance(rows, slice) or np.ndim(rows) == 1):
            return Windows(self.table, self.ends[rows], self.lengths[rows], self.lookback)
        if len(parts) == 1 and isinstance(rows, int | np.integer):
            return np.asarray(self[[rows]])[0]
        return np.asarray(self)[key]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("Windows are made of their table by copying; copy=False is not met.")
        steps = np.arange(1 - self.lookback, 1)
        values = self.table[np.maximum(self.ends[:, None] + steps, 0)]
        values[steps <= -self.lengths[:, None]] = np.nan
        return values if dtype is None else values.astype(dtype, copy=False)


def _selects_everything(key: Any) -> bool:
    return key is Ellipsis or (isinstance(key, slice) and key == slice(None))


class WindowSequences(Sequences):
    """Windows as sequences, padding left out."""

    table: NDArray[Any]
    starts: NDArray[np.int64]

    def __init__(self, windows: Windows) -> None:
        table = windows.table
        in_memory = mapping_of(table) is None
        super().__init__(windows.lengths, table.shape[1], "array", in_memory=in_memory)
        self.lookback = windows.lookback
        self.table = table
        self.starts = windows.ends - windows.lengths + 1

    def take(self, rows: slice | NDArray[np.int64]) -> NDArray[Any]:
        starts, lengths = self.starts[rows], self.lengths[rows]
        request_rows(self.table, starts, lengths)
        steps = np.arange(lengths.max())
        if self.uniform:
            return self.table[starts[:, None] + steps]
        # Past its end a short window repeats its last row, which is then overwritten.
        values = self.table[starts[:, None] + np.minimum(steps, lengths[:, None] - 1)]
        values[steps >= lengths[:, None]] = 0.0
        return values

    def like_original(self, X: Any, values: NDArray[Any]) -> Any:
        padded = np.full((len(self), self.lookback, self.n_features), np.nan, values.dtype)
        for target, row, length in zip(padded, values, self.lengths, strict=True):
            target[self.lookback - length :] = row[:length]
        return padded

    def container_steps(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return np.full_like(self.lengths, self.lookback), self.lookback - self.lengths
