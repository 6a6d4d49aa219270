"""compare."""

import pickle
import time
from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.base import is_classifier
from sklearn.metrics import accuracy_score, r2_score

from .._data import check_same_rows, flatten_steps
from .._utils._sklearn import (
    Interval,
    num_samples,
    safe_indexing,
    validate_parameter_constraints,
)
from ..explain import Explanation, explain_shap
from ..explain._pipelines import is_lstm
from ..explain._random import own_random_state
from ._comparison import Comparison
from ._fitted import Fitted
from ._rows import draw, draw_background

FloatArray = NDArray[np.float64]
Models = Sequence[Fitted]

_CONSTRAINTS: dict[str, Any] = {
    "n_explained": [Interval(Integral, 0, None, closed="left")],
    "n_repeats": [Interval(Integral, 1, None, closed="left")],
}
# Rows of the batch that is timed, and background rows of the explanations.
BATCH, BACKGROUND = 256, 50


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

    With several models in place of the second it gives the frontier of cost and score.

    Parameters
    ----------
    before : fitted estimator, Pipeline or search
    after : fitted estimator, Pipeline or search, or mapping from names to such
        All of them regressors, or all classifiers of the same classes.
    X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays
        Rows that none of them has seen, as in ``predict`` of each.
    y : array-like of shape (n,) or (n, n_outputs)
        Their targets.
    n_explained : int, default=50
        Number of rows, drawn from X, that each model explains; 0 for no explanations. Models that
        are not LSTMs of this library take seconds for each where there are many cells.
    n_repeats : int, default=50
        Number of times that each latency is measured.
    random_state : int, RandomState instance or None, default=None
        Fixes which rows are explained.

    Returns
    -------
    Comparison
        A Bunch whose ``print`` is a table, ``to_frame()`` a DataFrame and ``plot()`` a picture;
        ``frontier(cost)`` names the models that no other beats in cost and score. Tuples, of
        ``before`` and then of each other model:

        * ``models``: "before" and "after", or the names.
        * ``parameters``, ``nonzero_parameters``: of the network; NaN for other estimators.
        * ``pickle_bytes``: of the pickled model, its history and settings with it.
        * ``latency_row``, ``latency_batch``: seconds of ``predict`` for the first row, and for the
          first ``n_batch`` (256 at most): the least of ``n_repeats``, in which the models take
          turns.
        * ``score``: R² or accuracy, on X and y.
        * ``additivity_gap``: largest of ``explain_shap``, in output units; NaN without
          explanations.

        Numbers, or with a mapping tuples of each model but ``before``:

        * ``fidelity``: R² of the predictions of ``after`` as if those of ``before`` were the
          truth, or the share of rows in which both predict the same label.
        * ``rank_correlation``: of Spearman, between the Shapley values of the cells of a row in
          both models, the mean over rows and outputs. Cells that are 0 in both, such as padding,
          do not count. NaN without explanations, or where the last estimators read other cells.

        And ``n_batch``.

    Raises
    ------
    ValueError
        Where a parameter is not as described.
    TypeError
        Where X is sparse, or holds objects that are no numbers.

    See Also
    --------
    prune : Take out units or weights.
    sklstm.explain.explain_shap : The explanations.

    Notes
    -----
    Explained are the last estimators, at the input that they read, beside at most 50 rows of X:
    logits of LSTM classifiers, and probabilities where another estimator is among them; one that
    has none is not explained. A correlation of values does not say that both are right, and two
    fits of one network that differ in ``random_state`` alone do not reach 1. Latencies depend on
    the machine, and on what else it does; the least one does so least.

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

    Several sizes:

    >>> smaller = {
    ...     f"{fraction:.0%} gone": prune(model, X[:200], y[:200], fraction=fraction, epochs=10)
    ...     for fraction in (0.25, 0.5, 0.75)
    ... }
    >>> comparison = compare(model, smaller, X[200:], y[200:], random_state=0)
    >>> comparison.parameters
    (1331, 807, 411, 143)
    >>> comparison.frontier()[0]
    '75% gone'
    """
    parameters = {"n_explained": n_explained, "n_repeats": n_repeats}
    validate_parameter_constraints(_CONSTRAINTS, parameters, "compare")
    if y is None:
        raise ValueError("compare needs y, the targets of X, for the score. Got None.")
    names, models = _read(before, after)
    _check_kind(names, models)
    check_same_rows(X, y=y)
    random = own_random_state(random_state)
    n_batch = min(num_samples(X), BATCH)
    weights = [_parameters(model.last) for model in models]
    gaps = correlations = (np.nan,) * len(models)
    if n_explained:
        gaps, correlations = _drift(models, X, n_explained, random)
    several = isinstance(after, Mapping)
    fidelities = _fidelities(models, X)
    return Comparison(
        models=names,
        parameters=tuple(len(w) or np.nan for w in weights),
        nonzero_parameters=tuple(np.count_nonzero(w) if len(w) else np.nan for w in weights),
        pickle_bytes=tuple(len(pickle.dumps(model.model)) for model in models),
        latency_row=_latencies(models, safe_indexing(X, [0]), n_repeats),
        latency_batch=_latencies(models, safe_indexing(X, np.arange(n_batch)), n_repeats),
        score=tuple(float(model.model.score(X, y)) for model in models),
        additivity_gap=gaps,
        fidelity=fidelities[1:] if several else fidelities[1],
        rank_correlation=correlations[1:] if several else correlations[1],
        n_batch=n_batch,
    )


def _read(before: Any, after: Any) -> tuple[tuple[str, ...], Models]:
    """Names and models, that of ``before`` first."""
    if not isinstance(after, Mapping):
        return ("before", "after"), [Fitted.of(before, "before"), Fitted.of(after, "after")]
    if not after or not all(isinstance(name, str) for name in after) or "before" in after:
        raise ValueError(
            "The 'after' parameter of compare must be a fitted model, or a mapping from names, "
            f"none of them 'before', to such. Got {after!r:.80} instead."
        )
    others = [Fitted.of(model, "after") for model in after.values()]
    return ("before", *after), [Fitted.of(before, "before"), *others]


def _check_kind(names: Sequence[str], models: Models) -> None:
    for name, (model, _) in zip(names, models, strict=True):
        if not hasattr(model, "score"):
            raise ValueError(
                f"The models must have a score. Got {type(model).__name__} as {name!r}."
            )
    first = models[0].last
    for name, other in zip(names[1:], (model.last for model in models[1:]), strict=True):
        if is_classifier(first) != is_classifier(other):
            raise ValueError(
                "The models must be all regressors or all classifiers. Got "
                f"{type(first).__name__}, and {type(other).__name__} as {name!r}."
            )
        if is_classifier(first) and not np.array_equal(first.classes_, other.classes_):
            classes = [np.asarray(model.classes_).tolist() for model in (first, other)]
            raise ValueError(
                f"The models must have the same classes. Got {classes[0]}, and {classes[1]} as "
                f"{name!r}."
            )


def _parameters(estimator: Any) -> FloatArray:
    if not is_lstm(estimator):
        return np.empty(0)
    parts = [p.detach().flatten().cpu().numpy() for p in estimator.net_.module_.parameters()]
    return np.concatenate(parts)


def _latencies(models: Models, X: Any, n_repeats: int) -> tuple[float, ...]:
    seconds = np.empty((len(models), n_repeats))
    for model in models:
        model.model.predict(X)  # the first call loads and allocates
    for repeat in range(n_repeats):
        for own, model in zip(seconds, models, strict=True):
            begin = time.perf_counter()
            model.model.predict(X)
            own[repeat] = time.perf_counter() - begin
    return tuple(seconds.min(axis=1).tolist())


def _fidelities(models: Models, X: Any) -> tuple[float, ...]:
    measure = accuracy_score if is_classifier(models[0].last) else r2_score
    per_step = is_lstm(models[0].last) and models[0].last._returns_sequences()
    first, *others = (model.model.predict(X) for model in models)
    found = [1.0]
    for other in others:
        pair = flatten_steps(first, other, None)[:2] if per_step else (first, other)
        found.append(float(measure(*pair)))
    return tuple(found)


def _drift(
    models: Models, X: Any, n: int, random: np.random.RandomState
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Largest additivity gap of each, and rank correlation with the first; NaN where unknown."""
    reached = [model.passed(X) for model in models]
    lstms = all(is_lstm(model.last) for model in models)
    response = "auto" if lstms or not is_classifier(models[0].last) else "predict_proba"
    n_rows = num_samples(reached[0])
    rows = draw(n_rows, n, random)
    others = draw_background(models[0].last, reached[0], n_rows, BACKGROUND, random)
    seed = int(random.randint(2**31 - 1))

    def explained(model: Fitted, own: Any) -> Explanation | None:
        if response != "auto" and not hasattr(model.last, response):
            return None
        return explain_shap(
            model.last,
            safe_indexing(own, rows),
            background=safe_indexing(own, others),
            response_method=response,
            random_state=seed,
        )

    found = [explained(model, own) for model, own in zip(models, reached, strict=True)]
    gaps = [np.nan if e is None else float(np.nanmax(e.additivity_gap)) for e in found]
    correlations = [
        np.nan
        if e is None or found[0] is None
        else rank_correlation(_by_cell(found[0]), _by_cell(e))
        for e in found
    ]
    return tuple(gaps), tuple(correlations)


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
