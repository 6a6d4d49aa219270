"""compare."""

import pickle
import time
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.base import is_classifier
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import Bunch

from .._data import flatten_steps
from .._utils._extras import load_extra
from .._utils._sklearn import (
    Interval,
    num_samples,
    safe_indexing,
    validate_parameter_constraints,
)
from ..explain import Explanation, explain_shap
from ..explain._pipelines import is_lstm
from ..explain._random import own_random_state
from ._fitted import Fitted
from ._rows import draw, draw_background

FloatArray = NDArray[np.float64]

_CONSTRAINTS: dict[str, Any] = {
    "n_explained": [Interval(Integral, 0, None, closed="left")],
    "n_repeats": [Interval(Integral, 1, None, closed="left")],
}
# Rows of the batch that is timed, and background rows of the explanations.
BATCH, BACKGROUND = 256, 50


class Comparison(Bunch):
    """What ``compare`` returns: a Bunch that prints as a table."""

    def to_frame(self) -> Any:
        """As a DataFrame of pandas with the columns "before" and "after"."""
        pd = load_extra("pandas", "Comparison.to_frame")
        rows = {
            name: list(value) if isinstance(value, tuple) else [np.nan, value]
            for name, value in self.items()
        }
        return pd.DataFrame.from_dict(rows, orient="index", columns=["before", "after"])

    def __repr__(self) -> str:
        lines: list[tuple[str, ...]] = [("", "before", "after", "after/before")]
        for label, name, unit, form in _LINES:
            value = self[name]
            before, after = value if isinstance(value, tuple) else (np.nan, value)
            ratio = after / before if unit and before else np.nan
            label = label.format(rows=self["n_batch"])
            cells = [(before * (unit or 1), form), (after * (unit or 1), form), (ratio, ".2f")]
            lines.append((label, *("" if np.isnan(x) else format(x, f) for x, f in cells)))
        width = max(len(line[0]) for line in lines)
        return "\n".join(
            f"{line[0]:{width}}{line[1]:>12}{line[2]:>12}{line[3]:>14}".rstrip() for line in lines
        )

    __str__ = __repr__


# Label, name, factor of the unit in the table (None where a ratio means nothing), and format.
_LINES: list[tuple[str, str, float | None, str]] = [
    ("parameters", "parameters", 1, ",.0f"),
    ("parameters that are not 0", "nonzero_parameters", 1, ",.0f"),
    ("pickle (bytes)", "pickle_bytes", 1, ",.0f"),
    ("latency of 1 row (ms)", "latency_row", 1e3, ".3g"),
    ("latency of {rows} rows (ms)", "latency_batch", 1e3, ".3g"),
    ("score", "score", None, ".4f"),
    ("fidelity", "fidelity", None, ".4f"),
    ("largest additivity gap", "additivity_gap", None, ".1e"),
    ("rank correlation", "rank_correlation", None, ".4f"),
]


def compare(
    before: Any,
    after: Any,
    X: Any,
    y: Any,
    *,
    n_explained: int = 50,
    n_repeats: int = 50,
    random_state: Any = None,
) -> Comparison:
    """What two models cost, how well they predict, and whether they say and explain the same.

    Parameters
    ----------
    before, after : fitted estimator, Pipeline or search
        Both regressors, or both classifiers of the same classes.
    X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays
        Rows that both have not seen, as in ``predict`` of both.
    y : array-like of shape (n,) or (n, n_outputs)
        Their targets.
    n_explained : int, default=50
        Number of rows, drawn from X, that both models explain; 0 for no explanations. Models that
        are not LSTMs of this library take seconds for each where there are many cells.
    n_repeats : int, default=50
        Number of times that each latency is measured.
    random_state : int, RandomState instance or None, default=None
        Fixes which rows are explained.

    Returns
    -------
    Comparison
        A Bunch whose ``print`` is a table and whose ``to_frame()`` a DataFrame. Pairs (before,
        after):

        * ``parameters``, ``nonzero_parameters``: of the network; NaN for other estimators.
        * ``pickle_bytes``: of the pickled model, its history and settings with it.
        * ``latency_row``, ``latency_batch``: median seconds of ``predict`` for the first row, and
          for the first ``n_batch`` (256 at most); both models take turns.
        * ``score``: R² or accuracy, on X and y.
        * ``additivity_gap``: largest of ``explain_shap``, in output units; NaN without
          explanations.

        Numbers:

        * ``fidelity``: R² of the predictions of ``after`` as if those of ``before`` were the
          truth, or the share of rows in which both predict the same label.
        * ``rank_correlation``: of Spearman, between the Shapley values of the cells of a row in
          both models, the mean over rows and outputs. Cells that are 0 in both, such as padding,
          do not count. NaN without explanations, or where the last estimators read other cells.
        * ``n_batch``.

    Raises
    ------
    ValueError
        Where a parameter is not as described.

    See Also
    --------
    prune : Take out units or weights.
    sklstm.explain.explain_shap : The explanations.

    Notes
    -----
    Explained are the last estimators, at the input that they read, beside at most 50 rows of X:
    logits of two LSTM classifiers, and probabilities where another estimator is among them, or
    nothing where it has none. A
    correlation of values does not say that both are right. Latencies depend on the machine and on
    what else it does; those of two models are measured side by side, so that their ratio is
    steadier than they are.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.simplify import compare, prune
    >>> X = np.random.default_rng(0).normal(size=(300, 8, 2))
    >>> y = X[:, -3:, 0].sum(axis=1)
    >>> model = LSTMRegressor(hidden_size=16, random_state=0).fit(X[:200], y[:200])
    >>> small = prune(model, X[:200], y[:200], epochs=20)
    >>> comparison = compare(model, small, X[200:], y[200:], random_state=0)
    >>> print(comparison)
                                   before       after  after/before
    parameters                      1,331         411          0.31
    ...
    >>> bool(comparison.fidelity > 0.95 and comparison.rank_correlation > 0.7)
    True
    """
    parameters = {"n_explained": n_explained, "n_repeats": n_repeats}
    validate_parameter_constraints(_CONSTRAINTS, parameters, "compare")
    if y is None:
        raise ValueError("compare needs y, the targets of X, for the score. Got None.")
    pair = Fitted.of(before), Fitted.of(after)
    _check_kind(pair)
    random = own_random_state(random_state)
    n_batch = min(num_samples(X), BATCH)
    weights = [_parameters(fitted.last) for fitted in pair]
    gaps, correlation = (np.nan, np.nan), np.nan
    if n_explained:
        gaps, correlation = _drift(pair, X, n_explained, random)
    return Comparison(
        parameters=(len(weights[0]) or np.nan, len(weights[1]) or np.nan),
        nonzero_parameters=tuple(np.count_nonzero(w) if len(w) else np.nan for w in weights),
        pickle_bytes=tuple(len(pickle.dumps(fitted.model)) for fitted in pair),
        latency_row=_latency(pair, safe_indexing(X, [0]), n_repeats),
        latency_batch=_latency(pair, safe_indexing(X, np.arange(n_batch)), n_repeats),
        score=tuple(float(fitted.model.score(X, y)) for fitted in pair),
        additivity_gap=gaps,
        fidelity=_fidelity(pair, X),
        rank_correlation=correlation,
        n_batch=n_batch,
    )


def _check_kind(pair: tuple[Fitted, Fitted]) -> None:
    kinds = [is_classifier(fitted.last) for fitted in pair]
    if kinds[0] != kinds[1]:
        names = [type(fitted.last).__name__ for fitted in pair]
        raise ValueError(
            "The models must be both regressors or both classifiers. Got "
            f"{names[0]} and {names[1]}."
        )
    if kinds[0] and not np.array_equal(pair[0].last.classes_, pair[1].last.classes_):
        classes = [np.asarray(fitted.last.classes_).tolist() for fitted in pair]
        raise ValueError(
            f"The models must have the same classes. Got {classes[0]} and {classes[1]}."
        )


def _parameters(estimator: Any) -> FloatArray:
    if not is_lstm(estimator):
        return np.empty(0)
    parts = [p.detach().flatten().cpu().numpy() for p in estimator.net_.module_.parameters()]
    return np.concatenate(parts)


def _latency(pair: tuple[Fitted, Fitted], X: Any, n_repeats: int) -> tuple[float, float]:
    seconds = np.empty((2, n_repeats))
    for fitted in pair:
        fitted.model.predict(X)  # the first call loads and allocates
    for repeat in range(n_repeats):
        for own, fitted in zip(seconds, pair, strict=True):
            begin = time.perf_counter()
            fitted.model.predict(X)
            own[repeat] = time.perf_counter() - begin
    medians = np.median(seconds, axis=1)
    return float(medians[0]), float(medians[1])


def _fidelity(pair: tuple[Fitted, Fitted], X: Any) -> float:
    first, second = (fitted.model.predict(X) for fitted in pair)
    if is_lstm(pair[0].last) and pair[0].last._returns_sequences():
        first, second, _ = flatten_steps(first, second, None)
    return float((accuracy_score if is_classifier(pair[0].last) else r2_score)(first, second))


def _drift(
    pair: tuple[Fitted, Fitted], X: Any, n: int, random: np.random.RandomState
) -> tuple[tuple[float, float], float]:
    """Largest additivity gaps, and the rank correlation."""
    reached = [fitted.passed(X) for fitted in pair]
    lstms = all(is_lstm(fitted.last) for fitted in pair)
    response = "auto" if lstms or not is_classifier(pair[0].last) else "predict_proba"
    if response != "auto" and not all(hasattr(fitted.last, response) for fitted in pair):
        return (np.nan, np.nan), np.nan
    n_rows = num_samples(reached[0])
    rows = draw(n_rows, n, random)
    others = draw_background(pair[0].last, reached[0], n_rows, BACKGROUND, random)
    seed = int(random.randint(2**31 - 1))
    explained = [
        explain_shap(
            fitted.last,
            safe_indexing(own, rows),
            background=safe_indexing(own, others),
            response_method=response,
            random_state=seed,
        )
        for fitted, own in zip(pair, reached, strict=True)
    ]
    gaps = [float(np.nanmax(e.additivity_gap)) for e in explained]
    return (gaps[0], gaps[1]), rank_correlation(*(_by_cell(e) for e in explained))


def _by_cell(e: Explanation) -> FloatArray:
    """Values of shape (n, n_outputs, n_cells)."""
    n, n_outputs = len(e.values), int(np.prod(e.output_values.shape[1:]))
    values = np.asarray(e.values, dtype=np.float64).reshape(n, -1, n_outputs)
    return values.swapaxes(1, 2)


def rank_correlation(first: FloatArray, second: FloatArray) -> float:
    """Mean of Spearman's over rows and outputs; NaN where there is none.

    Parameters
    ----------
    first, second : arrays of shape (n, n_outputs, n_cells)
        What is 0 in both does not count.
    """
    if first.shape != second.shape:
        return np.nan
    found = []
    flat = (part.reshape(-1, first.shape[2]) for part in (first, second))
    for a, b in zip(*flat, strict=True):
        counts = (a != 0) | (b != 0)
        ranks = np.stack([rankdata(a[counts]), rankdata(b[counts])])
        if counts.sum() > 1 and (np.ptp(ranks, axis=1) > 0).all():
            found.append(np.corrcoef(ranks)[0, 1])
    return float(np.mean(found)) if found else np.nan
