"""Tables with one row per time step, as SlidingWindow and make_windows read them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array

from .._data import rows_per_chunk


def read_rows(X: Any, *, name: str = "X", estimator: Any = None) -> NDArray[Any]:
    """Read a table as float32 or float64, every cell of which is finite.

    Raises
    ------
    ValueError
        Where a cell is NaN or infinite; the message names its row and column.
    """
    rows = check_array(
        X,
        dtype=[np.float64, np.float32],
        ensure_all_finite=False,
        estimator=estimator,
        input_name=name,
    )
    for start in range(0, len(rows), step := rows_per_chunk(1, rows.shape[1])):
        finite = np.isfinite(rows[start : start + step])
        if finite.all():
            continue
        row, column = np.argwhere(~finite)[0]
        row += start
        where = f"at row {row}, column {_column_name(X, column)}"
        if np.isnan(rows[row, column]):
            raise ValueError(
                f"Input {name} contains NaN {where}. A window cannot tell a missing value from "
                "padding: impute before the window, with SimpleImputer() or a forward fill "
                "(frame.ffill())."
            )
        raise ValueError(f"Input {name} contains infinity {where}. Replace or clip it first.")
    return rows


def _column_name(X: Any, column: int) -> str:
    return repr(X.columns[column]) if hasattr(X, "columns") else str(column)
