"""Strings and lists of symbols or words, out of whatever container they come in."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._data import is_missing

Symbols = str | Sequence[Any]


def read_items(
    X: Any, collection: str, item: str, *, cells_are_strings: bool = True
) -> list[Symbols]:
    """The items of X, each as a string or a sequence of symbols, which may be empty.

    Parameters
    ----------
    X : list, array, Series or DataFrame
        A row of a table is an item and a cell a symbol; of a single column each cell is an item.
    collection, item : str
        What X and its items are, for messages: "sequences" and "a string or a list of symbols".
    cells_are_strings : bool
        Whether a string that is the cell of a single column is an item, not a symbol.
    """
    if isinstance(X, str | bytes):
        one = "string" if isinstance(X, str) else "bytes object"
        raise ValueError(f"X must be a list of {collection}. Got one {one}: put it in a list, [X].")
    items = _items(X, collection, cells_are_strings)
    if len(items) == 0:
        raise ValueError(f"X has 0 {collection[:-1]}(s) while a minimum of 1 is required.")
    return [_read_item(value, sample, item) for sample, value in enumerate(items)]


def is_missing_cell(value: Any) -> bool:
    """Whether a value is one cell, and missing."""
    return np.ndim(value) == 0 and is_missing(value)


def _items(X: Any, collection: str, cells_are_strings: bool) -> Sequence[Any]:
    if isinstance(X, list | tuple):
        return X
    if hasattr(X, "to_list"):  # a pandas or polars Series
        return X.to_list()
    if np.shape(X) == (0, 0):  # of such a table polars 1.1 makes no array
        return []
    array = X if isinstance(X, np.ndarray) else np.asarray(X, dtype=object)
    if array.ndim not in (1, 2):
        got = f"shape {array.shape}" if array.ndim else f"{X!r}"
        raise ValueError(
            f"X must be a list, array or Series of {collection}, or a table whose rows are "
            f"{collection}. Got {got}."
        )
    items = array.tolist()
    if array.ndim == 1 or array.shape[1] != 1:
        return items
    # The cells of a single column are items, unless only a symbol can be meant.
    kinds = (str, list, tuple, np.ndarray) if cells_are_strings else (list, tuple, np.ndarray)
    return [
        row[0] if isinstance(row[0], kinds) or is_missing_cell(row[0]) else row for row in items
    ]


def _read_item(value: Any, sample: int, item: str) -> Symbols:
    if hasattr(value, "to_list"):
        return value.to_list()
    if isinstance(value, np.ndarray) and value.ndim == 1:
        return value.tolist()
    if isinstance(value, str | list | tuple):
        return value
    if is_missing_cell(value):
        raise ValueError(f"Sample {sample} of X is missing ({value!r}). Drop it.")
    got = repr(value) if np.ndim(value) == 0 else f"shape {np.shape(value)}"
    hint = " Decode it first." if isinstance(value, bytes) else ""
    raise ValueError(
        f"Sample {sample} of X must be {item}. Got {got}, of type {type(value).__name__}.{hint}"
    )
