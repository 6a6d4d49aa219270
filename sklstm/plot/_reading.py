"""What a report is about: a model, rows, their predictions, and the rows that are explained."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier

from .._data import Sequences, flatten_steps
from ..explain import Explanation, explain_permutation, explain_shap
from ..explain._inputs import rows_of_windows
from ..explain._pipelines import Route, is_lstm
from ..explain._shap import references_of

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Rows that are explained, that are permuted, and that a background drawn from X has; of those its
# longest are some, so that every row finds one that reaches its end.
EXPLAINED = 200
PERMUTED = 1000
BACKGROUND = 100
LONGEST = 10
# Of either, where the model has to be explained as a whole, which is slow.
FEW = 20
# Numbers that the explanation of all rows may have.
ENTRIES = 2**24
# Columns of a table that are players one by one; more are so many windows.
COLUMNS = 40
N_WINDOWS = 10


@dataclass(frozen=True)
class Reading:
    """A fitted model and rows with targets.

    Attributes
    ----------
    model : estimator, Pipeline or search
    X, y : array-like
    background : array-like, or None for the rows that the model kept
    seed : int
    route : Route
    read : array-like
        What the LSTM reads of X.
    sequences : Sequences
        The same, read.
    """

    model: Any
    X: Any
    y: Any
    background: Any
    seed: int
    route: Route
    read: Any
    sequences: Sequences

    @classmethod
    def of(cls, model: Any, X: Any, y: Any, background: Any, seed: int) -> "Reading":
        """Check and read what `report` is given."""
        route = Route.of(model, X)
        if not is_lstm(route.last):
            raise ValueError(
                "The 'model' parameter must be a fitted LSTMRegressor or LSTMClassifier, or a "
                f"Pipeline or search that ends in one. Got {type(route.last).__name__} at its end."
            )
        read = Route.inside(model).passed(X).X
        sequences = route.last._read_known(read)
        n, n_targets = len(sequences), len(y) if hasattr(y, "__len__") else 1
        if n < 2 or n_targets != n:
            raise ValueError(
                "A report needs at least 2 rows in X, and as many targets in y. "
                f"Got {n} rows and {n_targets} targets."
            )
        return cls(model, X, y, background, seed, route, read, sequences)

    def __len__(self) -> int:
        return len(self.sequences)

    @property
    def lstm(self) -> Any:
        """The last step."""
        return self.route.last

    @property
    def per_step(self) -> bool:
        """Whether there is an output for each time step."""
        return bool(self.lstm._returns_sequences())

    @property
    def classifies(self) -> bool:
        """Whether the outputs are classes."""
        return is_classifier(self.lstm)

    @property
    def searched(self) -> bool:
        """Whether the model is a search, which may score in its own way."""
        return hasattr(self.model, "scorer_")

    @property
    def counts_something(self) -> bool:
        """Whether the numbers in X are amounts, and not codes."""
        return self.route.kind != "symbols" and self.lstm.net_.module_.embedding is None

    @cached_property
    def predicted(self) -> Any:
        """Predictions of all rows."""
        return self.model.predict(self.X)

    @cached_property
    def true(self) -> Any:
        """Targets of all rows, in the shape of the predictions: a column may be one output."""
        if self.per_step:
            return self.y
        true, shape = np.asarray(self.y), np.shape(self.predicted)
        if true.size != np.prod(shape):
            raise ValueError(f"The targets in y must have shape {shape}. Got shape {true.shape}.")
        return true.reshape(shape)

    @cached_property
    def flat(self) -> tuple[Any, Any]:
        """Targets and predictions; those of time steps one after the other."""
        if self.per_step:
            return flatten_steps(self.y, self.predicted)[:2]
        return self.true, self.predicted

    @cached_property
    def probability(self) -> FloatArray | None:
        """Of the true classes, shape (n,) or (n, n_labels); None where there are none."""
        if not self.classifies or self.per_step:
            return None
        table = self.model.predict_proba(self.X)
        if self.true.ndim == 2:
            return np.where(self.true == 1, table, 1 - table)
        matches = self.true[:, None] == self.lstm.classes_
        return np.asarray((table * matches).sum(axis=1))

    @cached_property
    def errors(self) -> FloatArray:
        """Of each row; of a classifier the probability of what is not true."""
        if self.probability is not None:
            return (1 - self.probability).reshape(len(self), -1).mean(axis=1)
        if self.per_step:
            return np.array([self._error_of_steps(row) for row in range(len(self))])
        true = self.true.astype(np.float64).reshape(len(self), -1)
        missed = np.abs(true - self.predicted.reshape(true.shape))
        spread = true.std(axis=0)
        return (missed / np.where(spread > 0, spread, 1)).mean(axis=1)

    def _error_of_steps(self, row: int) -> float:
        true, predicted = steps_of(self, row)
        if self.classifies:
            return float(np.mean(true != predicted))
        return float(np.mean(np.abs(true.astype(np.float64) - predicted.astype(np.float64))))

    @cached_property
    def references(self) -> Any:
        """Background: some of the given rows, those kept by the model, or some of X."""
        if self.background is None and not self.drawn:
            return None
        rows = self.X if self.background is None else self.background
        if self.route.windowed:
            return rows  # its windows are thinned out
        n = BACKGROUND if self.route.reaches_lstm else FEW
        drawn = np.random.default_rng([self.seed, 0]).permutation(len(rows))[:n]
        if len(drawn) == len(rows):
            return rows
        longest = np.argsort(self._lengths(rows), kind="stable")[-LONGEST:]
        return take(rows, np.union1d(drawn[: -len(longest)], longest))

    def _lengths(self, rows: Any) -> IntArray:
        """Of what the LSTM reads of rows."""
        if not self.route.reaches_lstm:
            return np.zeros(len(rows), dtype=np.int64)
        lengths: IntArray = self.lstm._read_known(self.route.passed(rows).X).lengths
        return lengths

    @property
    def drawn(self) -> bool:
        """Whether the background is drawn from X."""
        return self.background is None and getattr(self.lstm, "_background", None) is None

    @cached_property
    def explainable(self) -> IntArray:
        """Rows that are explained at all: that the background reaches, of a table its last ones."""
        rows = np.arange(len(self))
        if self.route.windowed:
            full = rows[self.sequences.lengths == self.sequences.max_length]
            return full[-self._at_most :]
        if not self.route.reaches_lstm:
            return rows
        background = references_of(self.route, self.references, self.sequences)
        reached = background.sequences.lengths.max()
        found = rows[self.sequences.lengths <= reached]
        if not len(found):
            raise ValueError(
                f"The 'background' parameter must reach the end of some rows of X. Its longest row "
                f"has {reached} time steps, the shortest of X {self.sequences.lengths.min()}."
            )
        return found

    @property
    def _at_most(self) -> int:
        if not self.route.reaches_lstm:
            return FEW
        architecture = self.lstm.net_.module_.architecture
        n_timesteps = self.sequences.max_length
        out = architecture["n_outputs"] * (n_timesteps if self.per_step else 1)
        entries = n_timesteps * self.sequences.n_features * out
        return min(EXPLAINED, max(5, ENTRIES // entries))

    @cached_property
    def examples(self) -> list[tuple[str, int]]:
        """Rows that are shown, and why."""
        order = self.explainable[np.argsort(self.errors[self.explainable], kind="stable")]
        if len(order) < 5:
            return [("row", int(row)) for row in order]
        middle = len(order) // 2
        names = ["best", "typical", "typical", "typical", "worst"]
        rows = order[[0, middle - 1, middle, middle + 1, -1]]
        return list(zip(names, rows.tolist(), strict=True))

    @cached_property
    def explained(self) -> IntArray:
        """Rows whose explanations are averaged, the examples among them."""
        if self.route.windowed:
            return self.explainable
        examples = [row for _, row in self.examples]
        rows = np.random.default_rng([self.seed, 1]).permutation(self.explainable)
        return np.union1d(rows[: self._at_most - len(examples)], examples)

    @cached_property
    def explanation(self) -> Explanation:
        """Of the explained rows, by cells."""
        rows = self.explained
        if self.route.windowed:
            # Of several groups the rows of a window may lie far apart.
            windows: Any = self.route.passed(self.X).windows
            needed = rows_of_windows(windows)[rows]
            start = int(needed[needed >= 0].min())
            part = take(self.X, np.arange(start, rows[-1] + 1))
            return self._explained(part)[rows - start]
        return self._explained(take(self.X, rows))

    def _explained(self, X: Any) -> Explanation:
        return explain_shap(self.model, X, background=self.references, random_state=self.seed)

    @cached_property
    def level(self) -> Any:
        """Players of the global explanations: features, columns, time steps, or windows."""
        e = self.explanation
        if e.data.ndim == 2:
            n_columns = e.data.shape[1]
            if e.n_timesteps is not None and e.n_timesteps < n_columns:
                return "feature"
            if n_columns <= COLUMNS:
                return "cell"
            size = -(-n_columns // N_WINDOWS)
            places = np.arange(n_columns)
            if not self.route.rest and np.array_equal(self.route.columns, places):
                return size
            # Columns that a step mixes or moves are no time steps.
            parts = np.split(places, range(size, n_columns, size))
            return {f"columns {part[0]} to {part[-1]}": part.tolist() for part in parts}
        n_timesteps, n_features = e.data.shape[1:]
        if n_features > COLUMNS and not self.route.windowed:
            return self._largest_features()
        if n_features > 1 or self.route.windowed:
            return "feature"
        return "timestep" if n_timesteps <= COLUMNS else -(-n_timesteps // N_WINDOWS)

    def _largest_features(self) -> dict[str, Any]:
        """Those that move the output most, one by one, and the others together."""
        e = self.explanation.by("feature").abs().mean()
        sizes = np.nanmean(e.values[0].reshape(e.n_players, -1), axis=1)
        order = np.argsort(-sizes, kind="stable").tolist()
        others = sorted(order[COLUMNS // 2 :])
        names = {e.feature_names[i]: i for i in sorted(order[: COLUMNS // 2])}
        return names | {f"{len(others)} others": others}

    @cached_property
    def importance(self) -> Explanation:
        """Mean absolute Shapley values of the players."""
        return self.explanation.by(self.level).abs().mean()

    @cached_property
    def permutation(self) -> Any:
        """Drops of the score of the players, a Bunch; None where X is text."""
        if self.route.kind == "symbols":
            return None
        rows = np.arange(len(self))[-PERMUTED:]
        if not self.route.windowed:
            drawn = np.random.default_rng([self.seed, 2]).permutation(len(self))[:PERMUTED]
            rows = np.sort(drawn)
        X, y = take(self.X, rows), take(self.y, rows)
        return explain_permutation(self.model, X, y, level=self.level, random_state=self.seed)


def steps_of(reading: Reading, row: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Targets and predictions of the real time steps of a sequence output."""
    predicted = np.asarray(reading.predicted[row])
    flat = predicted.reshape(len(predicted), -1)
    real = np.array([step[0] is not None and step[0] == step[0] for step in flat])
    true = np.asarray(reading.y[row])
    return (true[real] if len(true) == len(real) else true), predicted[real]


def take(rows: Any, positions: IntArray) -> Any:
    """Some rows, in the same container."""
    if hasattr(rows, "iloc"):
        return rows.iloc[positions]
    if isinstance(rows, list | tuple):
        return [rows[position] for position in positions]
    return rows[positions] if hasattr(rows, "shape") else take(list(rows), positions)
