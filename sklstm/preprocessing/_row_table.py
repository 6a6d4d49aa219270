"""RowTable: a table by group, its times, and where its series begin and end."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._data import (
    Times,
    as_array,
    column_times,
    index_times,
    is_missing,
    is_usual,
    naming,
    steps_between,
    usual_step,
)
from ._rows import read_rows


class RowTable:
    """The rows of X sorted by group: values, times and the first row of each group.

    Parameters
    ----------
    X : array-like or DataFrame of shape (n, n_columns)
    time, groups : str, int or None
        As in SlidingWindow.
    estimator : object
        Named in messages.

    Attributes
    ----------
    kept : list of int
        Columns of X that are features.
    order : int64 array of shape (n,), or None
        Row of X for each row here; None where they are the same.
    values : float array of shape (n, len(kept))
    keys : list
        Groups in their order.
    starts : int64 array of shape (n_groups,)
        First row of each group.
    time_kind : str or None
        What times count; None without times.
    times : array of shape (n,) or None
    steps : float64 array of shape (n,) or None
        Time since the row before; 0 at the first row of each group.
    """

    def __init__(self, X: Any, time: Any, groups: Any, estimator: Any) -> None:
        with naming("X"):
            features, self.kept, times, groups_column = _split_columns(X, time, groups)
        self.values = read_rows(features, estimator=estimator)
        n = len(self.values)
        self.order: NDArray[np.int64] | None = None
        self.keys: list[Any] = [None]
        first = np.zeros(n, dtype=bool)
        first[0] = True
        if groups_column is not None:
            self.keys, codes = _codes(groups_column, groups)
            if (np.diff(codes) < 0).any():
                self.order = np.argsort(codes, kind="stable")
                codes, self.values = codes[self.order], self.values[self.order]
            first[1:] = codes[1:] != codes[:-1]
        self.starts = np.flatnonzero(first)
        self.time_kind = self.times = self.steps = None
        if times is not None:
            rows = np.arange(n) if self.order is None else self.order
            self.time_kind, self.times = times.kind, times.values[rows]
            name = "time" if time is None else f"time column {time!r}"
            self.steps = steps_between(self.times, first, rows, times.labels, name)

    def __len__(self) -> int:
        return len(self.values)

    def ignore_times(self) -> None:
        """Take the rows of a group as consecutive."""
        self.time_kind = self.times = self.steps = None

    def usual_steps(self) -> tuple[dict[Any, float], float]:
        """The usual step of each group, and that of all; NaN where there is none."""
        if self.steps is None:
            return {}, np.nan
        ends = np.append(self.starts[1:], len(self))
        steps = [self.steps[a + 1 : b] for a, b in zip(self.starts, ends, strict=True)]
        by_group = zip(self.keys, map(usual_step, steps), strict=True)
        return dict(by_group), usual_step(np.concatenate(steps))

    def run_lengths(self, usual: NDArray[np.float64]) -> NDArray[np.int64]:
        """Number of rows of its series up to each row, for the usual step of each group."""
        begins = np.zeros(len(self), dtype=bool)
        if self.steps is not None:
            sizes = np.diff(np.append(self.starts, len(self)))
            begins = ~is_usual(self.steps, np.repeat(usual, sizes))
        begins[self.starts] = True
        position = np.arange(len(self))
        return position - np.maximum.accumulate(np.where(begins, position, 0)) + 1

    def tails(self, lengths: NDArray[np.int64], n_rows: int) -> dict[Any, Any]:
        """Time and last rows of each group's last series, where times are known."""
        if self.times is None or n_rows == 0:
            return {}
        last = np.append(self.starts[1:], len(self)) - 1
        kept = np.minimum(lengths[last], n_rows)
        return {
            key: (self.times[end], self.values[end + 1 - count : end + 1].copy())
            for key, end, count in zip(self.keys, last, kept, strict=True)
        }

    def with_tails(
        self, lengths: NDArray[np.int64], tails: dict[Any, Any], usual: NDArray[np.float64]
    ) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64]]:
        """Rows, each row's place among them and the length of its series up to it.

        Before a group that goes on directly where an earlier table stopped come the last rows
        of that table.
        """
        places = np.arange(len(self))
        added = np.zeros(len(self), dtype=np.int64)
        inserted = []
        if self.times is None:
            return self.values, places, lengths
        for key, start, step in zip(self.keys, self.starts, usual, strict=True):
            end, rows = tails.get(key, (None, None))
            if end is not None and is_usual(self.times[start] - end, step):
                inserted.append(rows)
                added[start] = len(rows)
        if not inserted:
            return self.values, places, lengths
        at = np.repeat(places, added)
        values = np.insert(self.values, at, np.concatenate(inserted), axis=0)
        lengths = lengths + added[places - lengths + 1]
        return values, places + np.cumsum(added), lengths

    def unsorted(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        """In the order of the rows of X."""
        if self.order is None:
            return values
        original = np.empty_like(values)
        original[self.order] = values
        return original


def _split_columns(X: Any, time: Any, groups: Any) -> tuple[Any, list[int], Times | None, Any]:
    """Features, their positions, times and groups."""
    if not hasattr(X, "columns"):
        X = X if hasattr(X, "tocsr") else as_array(X)
    if len(X.shape) != 2 or X.shape[1] == 0:
        return X, [], None, None
    features = list(range(X.shape[1]))
    times = keys = None
    if time is not None:
        times = _times(_take(X, features, time, "time"), time)
    elif hasattr(X, "iloc"):
        times = index_times(X.index)
    if groups is not None:
        keys = _take(X, features, groups, "groups")
    if not features:
        raise ValueError(
            "X has no column besides those that the 'time' and 'groups' parameters of "
            f"SlidingWindow name: time={time!r}, groups={groups!r}."
        )
    if len(features) < X.shape[1]:
        # A slice is a view: a memory map stays one.
        block = slice(features[0], features[-1] + 1)
        columns = block if len(features) == block.stop - block.start else features
        X = (X.iloc if hasattr(X, "iloc") else X)[:, columns]
    return X, features, times, keys


def _take(X: Any, features: list[int], column: Any, parameter: str) -> Any:
    """A column of X, which is no feature then."""
    names = list(X.columns) if hasattr(X, "columns") else []
    try:
        at = names.index(column) if isinstance(column, str) else range(X.shape[1])[column]
    except (ValueError, IndexError):
        has = f"the columns {names}"
        if not names:
            has = (
                f"{X.shape[1]} columns without names. Steps before it keep DataFrames with "
                'set_output(transform="pandas")'
            )
        raise ValueError(
            f"The {parameter!r} parameter of SlidingWindow must name a column of X. Got "
            f"{column!r}; X has {has}."
        ) from None
    if at in features:
        features.remove(at)
    return (X.iloc if hasattr(X, "iloc") else X)[:, at]


def _times(column: Any, name: Any) -> Times:
    if hasattr(column, "set_axis"):  # a pandas Series, which may have a time zone or periods
        times = index_times(column.set_axis(column).index)
        if times is not None:
            return times
    return column_times(np.asarray(column), name)


def _codes(groups: Any, name: Any) -> tuple[list[Any], NDArray[np.int64]]:
    """The groups, and the number of each row's group."""
    numbers: dict[Any, int] = {}
    codes = np.empty(len(groups), dtype=np.int64)
    for row, key in enumerate(np.asarray(groups).tolist()):
        if is_missing(key):
            raise ValueError(f"The groups column {name!r} is missing at row {row}.")
        codes[row] = numbers.setdefault(key, len(numbers))
    return list(numbers), codes
