"""Numbers that a person would say of a sequence, as the inputs of a simple model."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from .._data import Windows, is_missing
from .._data._reading import find_layout
from ._inputs import numbers, sequence_data

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class SequenceReader(TransformerMixin, BaseEstimator, ABC):
    """Sequences, or tables whose columns are time steps, as rows of an array.

    Parameters
    ----------
    names : list of str
        Of the features of the sequences, or, for "cells" of a table, of its columns.
    n_timesteps : int or None
        Of a table.
    """

    def __init__(self, names: Sequence[str], n_timesteps: int | None = None) -> None:
        self.names = names
        self.n_timesteps = n_timesteps

    def _read(self, X: Any) -> tuple[FloatArray, IntArray]:
        """Sequences (n, n_timesteps, n_features), NaN in front of shorter ones; lengths."""
        if isinstance(X, Windows) or find_layout(X)[0] != "table":
            data, layout = sequence_data(X)
            lengths, ends = layout.lengths, layout.first + layout.lengths
            size = int(lengths.max())
            steps = np.arange(-size, 0) + ends[:, None]
            data = np.take_along_axis(data, np.maximum(steps, 0)[:, :, None], axis=1)
            data[np.arange(size) < size - lengths[:, None]] = np.nan
        else:
            data = _table_of_numbers(X)
            n_timesteps = self.n_timesteps or 1
            if data.shape[1] % n_timesteps:
                raise ValueError(f"X has {data.shape[1]} columns, not {n_timesteps} time steps.")
            data = data.reshape(len(data), n_timesteps, -1)
            lengths = np.full(len(data), n_timesteps)
        if data.shape[2] != len(self.names):
            raise ValueError(
                f"X has {data.shape[2]} features, but this model is expecting "
                f"{len(self.names)} features as input."
            )
        return data, lengths

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Names of the columns that transform returns."""
        check_is_fitted(self)
        return np.array(self._names_out(), dtype=object)

    @abstractmethod
    def _names_out(self) -> list[str]:
        """Names of the columns that transform returns."""


class SequenceCells(SequenceReader):
    """Every feature at every time step, of sequences of one length."""

    def fit(self, X: Any, y: Any = None) -> "SequenceCells":
        """Remember the number of time steps."""
        self.n_steps_ = self._read(X)[0].shape[1]
        return self

    def transform(self, X: Any) -> FloatArray:
        """Cells of X, shape (n, n_timesteps * n_features)."""
        check_is_fitted(self)
        data, lengths = self._read(X)
        if (other := lengths != self.n_steps_).any():
            raise ValueError(
                "inputs='cells' needs sequences of one length. The longest sequence of fit has "
                f"{self.n_steps_} time steps, and sample {other.argmax()} of X has "
                f"{lengths[other][0]}. Use inputs='summaries'."
            )
        return data.reshape(len(data), -1)

    def _names_out(self) -> list[str]:
        if self.n_steps_ == 1:
            return list(self.names)
        return [f"{name}[{step}]" for step in range(self.n_steps_) for name in self.names]


class SequenceSummaries(SequenceReader):
    """Of every feature its last values, mean, extremes, trend and standard deviation.

    Missing values inside of a sequence are left out; a summary of nothing is NaN.
    """

    def fit(self, X: Any, y: Any = None) -> "SequenceSummaries":
        """Choose lags that nine of ten sequences have."""
        _, lengths = self._read(X)
        # The first windows of a table are short, which is no reason to leave out all lags.
        self.lags_ = _lags(int(np.quantile(lengths, 0.1, method="lower")))
        self.of_steps_ = bool(lengths.max() > 1)
        return self

    def transform(self, X: Any) -> FloatArray:
        """Summaries of X, shape (n, n_summaries * n_features), feature by feature."""
        check_is_fitted(self)
        data, _ = self._read(X)
        if not self.of_steps_:
            return data[:, -1]
        lagged = np.full((len(data), len(self.lags_), data.shape[2]), np.nan)
        for i, lag in enumerate(self.lags_):
            if lag < data.shape[1]:
                lagged[:, i] = data[:, -1 - lag]
        summaries = np.concatenate([data[:, -1:], lagged, _moments(data)], axis=1)
        return summaries.transpose(0, 2, 1).reshape(len(data), -1)

    def _names_out(self) -> list[str]:
        if not self.of_steps_:
            return list(self.names)
        lags = [f"{lag} {'steps' if lag > 1 else 'step'} before the end" for lag in self.lags_]
        kinds = ["last", *lags, "mean", "min", "max", "trend per step", "standard deviation"]
        return [f"{name}: {kind}" for name in self.names for kind in kinds]


class WindowsOfTable(TransformerMixin, BaseEstimator):
    """Windows of a table as the user wrote it, in front of steps that change its columns.

    Parameters
    ----------
    steps : list of fitted transformers
        The last is the SlidingWindow.
    columns : list of int
        Of the table, that are in the windows.
    """

    def __init__(self, steps: list[Any], columns: list[int]) -> None:
        self.steps = steps
        self.columns = columns

    def fit(self, X: Any, y: Any = None) -> "WindowsOfTable":
        """Do nothing: the steps are fitted."""
        return self

    def transform(self, X: Any) -> Windows:
        """One window for each row of X."""
        windows = X
        for step in self.steps:
            windows = step.transform(windows)
        if len(self.steps) == 1:
            return windows
        # Rows of fit in front of X are known only behind the steps.
        table = np.full((len(windows.table), len(self.columns)), np.nan)
        table[windows.ends] = numbers(X)[:, self.columns]
        return Windows(table, windows.ends, windows.lengths, windows.lookback)


def _lags(length: int) -> list[int]:
    """1, 2, 3, 6, 12, 24, 48 and so on: the last steps, and half a day and days of hours."""
    lags, lag = [1, 2], 3
    while lag < length:
        lags.append(lag)
        lag *= 2
    return [lag for lag in lags if lag < length]


def _moments(data: FloatArray) -> FloatArray:
    """Mean, minimum, maximum, trend and standard deviation, shape (n, 5, n_features)."""
    real = ~np.isnan(data)
    count = real.sum(axis=1).astype(np.float64)
    low = np.where(real, data, np.inf).min(axis=1)
    high = np.where(real, data, -np.inf).max(axis=1)
    steps = np.broadcast_to(np.arange(data.shape[1], dtype=np.float64)[:, None], data.shape[1:])
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(real, data, 0).sum(axis=1) / count
        centre = np.where(real, steps, 0).sum(axis=1) / count
        deviation = np.where(real, data - mean[:, None], 0)
        time = np.where(real, steps - centre[:, None], 0)
        spread = (time**2).sum(axis=1)
        # A single value has no trend.
        trend = np.where(spread > 0, (time * deviation).sum(axis=1) / spread, 0.0)
        std = np.sqrt((deviation**2).sum(axis=1) / count)
    result = np.stack([mean, low, high, trend, std], axis=1)
    return np.where(count[:, None] > 0, result, np.nan)


def _table_of_numbers(X: Any) -> FloatArray:
    """The cells of a table; an error where one is neither a number nor missing."""
    if not hasattr(X, "columns"):
        X = np.asarray(X.toarray() if hasattr(X, "toarray") else X)
    cells = numbers(X)
    for column in np.flatnonzero(np.isnan(cells).any(axis=0)).tolist():
        values = X.iloc[:, column] if hasattr(X, "iloc") else X[:, column]
        for row in np.flatnonzero(np.isnan(cells[:, column])):
            value = np.asarray(values)[row]
            if not is_missing(value):
                name = X.columns[column] if hasattr(X, "columns") else column
                raise ValueError(
                    f"A surrogate reads numbers. Column {name!r} of X holds {value!r} in row "
                    f"{row}: encode it in front of the model, and explain the steps behind."
                )
    return cells
