"""Tables with one row per time step, as SlidingWindow and make_windows read them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array

from .._data import as_array, computed, name_the_column, naming, rows_per_chunk


def read_rows(X: Any, *, name: str = "X", estimator: Any = None) -> NDArray[Any]:
    """Read a table as float32 or float64, every cell of which is finite.

    Raises
    ------
    ValueError
        Where a cell is NaN or infinite, or a column holds no numbers; the message names the row
        and the column.
    """
    X = computed(X)
    if isinstance(X, np.ma.MaskedArray):
        X = as_array(X)
    _check_no_dates(X, name)
    try:
        with naming(name):
            rows = check_array(
                X,
                dtype=[np.float64, np.float32],
                ensure_all_finite=False,
                estimator=estimator,
                input_name=name,
            )
    except (TypeError, ValueError) as error:
        name_the_column(
            X,
            name,
            error,
            "Encode it first, name it as the time= or groups= of a SlidingWindow, or drop it.",
        )
        raise
    for start in range(0, len(rows), step := rows_per_chunk(1, rows.shape[1])):
        finite = np.isfinite(rows[start : start + step])
        if finite.all():
            continue
        row, column = np.argwhere(~finite)[0]
        row += start
        column_name = repr(X.columns[column]) if hasattr(X, "columns") else column
        where = f"at row {row}, column {column_name}"
        if np.isnan(rows[row, column]):
            raise ValueError(
                f"Input {name} contains NaN {where}. A window cannot tell a missing value from "
                "padding: impute before the window, with SimpleImputer() or a forward fill "
                "(frame.ffill())."
            )
        raise ValueError(f"Input {name} contains infinity {where}. Replace or clip it first.")
    return rows


def about_jumps(n_jumps: int) -> str:
    """What to do where too many jumps of the time index cut a series."""
    if n_jumps == 0:
        return ""
    return (
        f" The times jump {n_jumps} time(s), by a step that is not the usual one. Where jumps mean "
        "nothing, as weekends do to a series of trading days, take the rows as consecutive: "
        "frame.reset_index(drop=True)."
    )


def _check_no_dates(X: Any, name: str) -> None:
    if hasattr(X, "columns") and hasattr(X, "dtypes"):
        columns = dict(zip(X.columns, X.dtypes, strict=True))
    else:
        columns = {0: getattr(X, "dtype", None)}
    for column, dtype in columns.items():
        temporal = getattr(dtype, "is_temporal", None)  # polars
        if temporal() if temporal else getattr(dtype, "kind", "O") in "mM":
            raise ValueError(
                f"Column {column!r} of {name} holds {dtype}, not numbers. Make it the index, name "
                "it as the time= of a SlidingWindow, or drop it."
            )
