"""Through the steps of a Pipeline: which cell of its X each number that the LSTM reads is."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.feature_selection import (
    GenericUnivariateSelect,
    SelectFdr,
    SelectFpr,
    SelectFromModel,
    SelectFwe,
    SelectKBest,
    SelectPercentile,
    SequentialFeatureSelector,
    VarianceThreshold,
)
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from .._data import Windows, naming
from .._data._reading import find_layout
from ..preprocessing import (
    SequenceOneHotEncoder,
    SequenceTokenizer,
    SequenceWise,
    SlidingWindow,
)
from ._composition import all_steps, named_steps

IntArray = NDArray[np.int64]

# Each output of these is a function of the one input at its place. Exact types: a subclass may
# do anything.
COLUMN_WISE = (
    Binarizer,
    MaxAbsScaler,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
# Each output of these is one of the inputs.
SELECTORS = (
    GenericUnivariateSelect,
    SelectFdr,
    SelectFpr,
    SelectFromModel,
    SelectFwe,
    SelectKBest,
    SelectPercentile,
    SequentialFeatureSelector,
    VarianceThreshold,
)
SYMBOLS = (SequenceOneHotEncoder, SequenceTokenizer)
PASSTHROUGH = (None, "passthrough")


class Passed(NamedTuple):
    """What the one-to-one steps made of X.

    Attributes
    ----------
    X : array-like
        Behind the last of them.
    symbols : array-like or None
        Behind a tokenizer or encoder.
    windows : Windows or None
        Behind a SlidingWindow.
    """

    X: Any
    symbols: Any = None
    windows: Windows | None = None


@dataclass(frozen=True)
class Route:
    """The steps of a fitted model, up to the first that mixes cells, and those from it on.

    Attributes
    ----------
    first : list of transformers
        One-to-one steps.
    rest : list of (str, transformer)
        Steps from the first that is not one-to-one on, without the last estimator.
    last : estimator
    names : list of str
        Of the columns of X, or of the features of its sequences.
    columns : int64 array
        Behind the one-to-one steps, the column of X that each feature or column comes from.
    kind : {"table", "sequences", "symbols"}
        What X is.
    windowed : bool
        Whether there is a SlidingWindow among the one-to-one steps.
    apart : set of int
        Columns of X that it reads as times and groups.
    """

    first: list[Any]
    rest: list[tuple[str, Any]]
    last: Any
    names: list[str]
    columns: IntArray
    kind: str
    windowed: bool = False
    apart: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, model: Any, X: Any) -> "Route":
        """Follow the columns of X as far as they stay apart."""
        *steps, (_, last) = named_steps(model)
        steps = [(name, step) for name, step in steps if step not in PASSTHROUGH]
        kind = _kind(steps, X)
        names = input_names(X, [step for _, step in steps] or [last], kind)
        columns, windowed, apart = np.arange(len(names)), False, set[int]()
        n_first = 0
        for _, step in steps:
            read = columns if n_first else _columns_read(step, names, X, kind)
            if type(step) is SlidingWindow and kind == "table" and not windowed:
                kept = np.array(step._kept, dtype=np.int64)
                apart = set(np.delete(read, kept).tolist()) - set(read[kept].tolist())
                windowed, columns = True, read[kept]
            elif type(step) is SequenceOneHotEncoder and n_first == 0:
                columns = np.zeros(len(step.alphabet), dtype=np.int64)
            elif not (type(step) is SequenceTokenizer and n_first == 0):
                places = _places(step, len(read))
                if places is None:
                    break
                columns = read[places]
            n_first += 1
        first, rest = [step for _, step in steps[:n_first]], steps[n_first:]
        route = cls(first, rest, last, names, columns, kind, windowed, apart)
        _refuse_windows(route)
        return route

    @classmethod
    def inside(cls, model: Any) -> "Route":
        """All steps in front of the last estimator, for what is seen inside of that.

        Whatever they do: columns are not followed.
        """
        *steps, (_, last) = named_steps(model)
        first = [step for _, step in steps if step not in PASSTHROUGH]
        return cls(first, [], last, [], np.empty(0, dtype=np.int64), "sequences")

    @property
    def reaches_lstm(self) -> bool:
        """Whether the one-to-one steps lead to an estimator of this library."""
        return not self.rest and is_lstm(self.last)

    @property
    def mixing(self) -> str:
        """The step that ends the one-to-one steps, for messages."""
        name, step = self.rest[0] if self.rest else ("", self.last)
        return f"{type(step).__name__} (step {name!r})" if name else type(step).__name__

    @property
    def features(self) -> list[int]:
        """Columns of X without those that are times and groups."""
        return [column for column in range(len(self.names)) if column not in self.apart]

    def passed(self, X: Any) -> Passed:
        """Transform X."""
        symbols = windows = None
        for step in self.first:
            X = step.transform(X)
            if type(step) in SYMBOLS:
                symbols = X
            if type(step) is SlidingWindow:
                windows = X
        return Passed(X, symbols, windows)


def is_lstm(estimator: Any) -> bool:
    """Whether this is a fitted estimator of this library."""
    return hasattr(estimator, "net_") and hasattr(estimator, "_read_known")


def _kind(steps: list[tuple[str, Any]], X: Any) -> str:
    if steps and type(steps[0][1]) in SYMBOLS:
        return "symbols"
    return "table" if find_layout(X)[0] == "table" else "sequences"


@naming("X")
def input_names(X: Any, steps: list[Any], kind: str) -> list[str]:
    """Names of the columns of X or the features of its sequences, as the user wrote them."""
    if kind == "symbols":
        name = X.columns[0] if hasattr(X, "columns") and len(X.columns) == 1 else None
        name = getattr(X, "name", name)
        return [
            ("token" if type(steps[0]) is SequenceTokenizer else "symbol")
            if name is None
            else str(name)
        ]
    layout, content = ("table", X) if kind == "table" else find_layout(X)
    sample = content[0] if layout == "ragged" else content
    shape = np.shape(sample)
    n = shape[-1] if len(shape) > 1 else 1
    names = getattr(sample, "columns", getattr(steps[0], "feature_names_in_", ()))
    return [str(name) for name in names] if len(names) == n else [f"x{i}" for i in range(n)]


def _columns_read(step: Any, names: list[str], X: Any, kind: str) -> IntArray:
    """Position in X of each column that the first step was fitted to.

    A ColumnTransformer finds columns by name, wherever they are. Where X does not have them, or
    not as many, the step will say so: transform before the positions are used.
    """
    wanted = getattr(step, "feature_names_in_", None)
    if type(step) is ColumnTransformer and wanted is not None and hasattr(X, "columns"):
        places = {name: i for i, name in enumerate(names)}
        return np.array([places.get(name, -1) for name in wanted], dtype=np.int64)
    # Of sequences a FunctionTransformer counts the time steps.
    return np.arange(getattr(step, "n_features_in_", len(names)) if kind == "table" else len(names))


def _places(step: Any, n: int) -> IntArray | None:
    """The input that each output of a step is a function of; None where it mixes inputs.

    Parameters
    ----------
    step : fitted transformer
    n : int
        Number of columns or features that it reads.
    """
    same, kind = np.arange(n), type(step)
    if step in PASSTHROUGH or kind in COLUMN_WISE:
        return same
    if kind in SELECTORS:
        return same[step.get_support(indices=True)]
    if kind is SimpleImputer:
        # It drops columns that are empty in fit, unless it is told to keep them.
        whole = len(step.get_feature_names_out()) == n
        return same if whole and not step.add_indicator else None
    if kind is FunctionTransformer:
        alone = isinstance(step.func, np.ufunc) and step.func.nin == step.func.nout == 1
        return same if step.func is None or (alone and not step.kw_args) else None
    if kind is Pipeline:
        for _, part in step.steps:
            places = _places(part, len(same))
            if places is None:
                return None
            same = same[places]
        return same
    if kind is SequenceWise:
        if not step._on_table:
            return _places(step.transformer_, n)
        of_step = _places(step.transformer_, 1)
        return same if of_step is not None and len(of_step) == 1 else None
    return _of_columns(step, n) if kind is ColumnTransformer else None


def _of_columns(step: ColumnTransformer, n: int) -> IntArray | None:
    """Of the columns that the parts of a ColumnTransformer give."""
    result = np.full(sum(place.stop - place.start for place in step.output_indices_.values()), -1)
    for name, part, columns in step.transformers_:
        place = step.output_indices_[name]
        if part == "drop" or place.start == place.stop:
            continue
        chosen = _chosen(columns, getattr(step, "feature_names_in_", ()), n)
        places = _places(part, len(chosen))
        if places is None or len(places) != place.stop - place.start:
            return None
        result[place] = chosen[places]
    return result


def _chosen(columns: Any, names: Any, n: int) -> IntArray:
    """Positions of columns that are given by names, positions, a slice or a mask."""
    known = list(names)
    if isinstance(columns, slice):
        start, stop = columns.start, columns.stop
        if isinstance(start, str) or isinstance(stop, str):  # labels, the last one included
            start = None if start is None else known.index(start)
            stop = None if stop is None else known.index(stop) + 1
        return np.arange(n)[slice(start, stop, columns.step)]
    one = isinstance(columns, str | int | np.integer)
    found = np.asarray([columns] if one else columns)
    if found.dtype.kind in "OUT":
        return np.array([known.index(name) for name in found.tolist()], dtype=np.int64)
    return np.arange(n)[found] if len(found) else np.empty(0, dtype=np.int64)


def _refuse_windows(route: Route) -> None:
    """Behind a mixing step, windows make one row of X part of many."""
    parts = [*(step for _, step in route.rest), route.last]
    if any(type(inner) is SlidingWindow for part in parts for inner in all_steps(part)):
        raise ValueError(
            f"{route.mixing} is not a one-to-one step, and a SlidingWindow in it or behind it puts "
            "each row of X into many windows, so that rows cannot be explained apart. Explain the "
            "steps from the SlidingWindow on: where it is step k of a Pipeline, "
            "explain_shap(model[k:], model[:k].transform(X), "
            "background=model[:k].transform(background))."
        )
