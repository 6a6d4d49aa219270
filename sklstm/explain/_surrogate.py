"""explain_surrogate."""

from itertools import product
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LassoCV, LogisticRegression, MultiTaskLassoCV
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import Bunch

from .._utils._numbers import as_float
from ..preprocessing import SlidingWindow
from ._agnostic import Model
from ._composition import check_model
from ._inputs import read_inputs
from ._names import names_of_level
from ._pipelines import Passed, Route, is_lstm
from ._random import own_random_state
from ._rules import rules_of
from ._summaries import SequenceCells, SequenceSummaries, WindowsOfTable
from ._variance import refuse_sequence_outputs

KINDS = ("tree", "linear", "forest")
INPUTS = ("summaries", "cells")
FEWEST_ROWS = 20
N_TREES = 100


def explain_surrogate(
    model: Any,
    X: Any,
    *,
    kind: str = "tree",
    inputs: str = "summaries",
    response_method: str = "auto",
    max_depth: int | None = 3,
    test_size: float = 0.25,
    n_jobs: int | None = None,
    random_state: Any = None,
) -> Bunch:
    """Surrogate: a simple model of the model's predictions, and how far it can be trusted.

    A tree, a linear model or a small forest learns, from some rows of X, what the model predicts
    for them, as TREPAN did [1]_. Its inputs are numbers that a person would say of a sequence.
    The ``fidelity`` says on the other rows how much of the model it has caught: the rules of a
    surrogate with a low fidelity say little of the model. No targets are needed, and the more
    rows X has, the better.

    Parameters
    ----------
    model : fitted estimator, Pipeline or search
        Any fitted scikit-learn estimator.
    X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays
        At least 20 rows, as in ``predict``. Neither symbols nor tokens: they have no mean.
    kind : {"tree", "linear", "forest"}, default="tree"
        "tree" is a decision tree. "linear" is a linear model of standardised inputs: the Lasso
        with a penalty chosen by cross-validation, of labels a logistic regression. "forest" is
        a random forest of 100 trees, which has no rules, only importances: what can be had where
        a single tree is not enough.
    inputs : {"summaries", "cells"}, default="summaries"
        "summaries" are, of each feature, its last value, the values 1, 2, 3, 6, 12, 24 ... steps
        before the end (those that nine of ten sequences have), mean, minimum, maximum, trend (the
        slope of the least-squares line, per step) and standard deviation. "cells" are
        the values at each time step, of sequences of one length, or the columns of a table. In
        a table whose columns are no time steps of the model there is nothing to summarise.
    response_method : {"auto", "predict", "decision_function", "predict_proba", \
            "predict_quantiles"}, default="auto"
        What is learned. "auto" is ``predict``: numbers of a regressor, labels of a classifier. All
        others are numbers, of several outputs at once where there are.
    max_depth : int or None, default=3
        Of a tree, and of those of a forest. None is unlimited, which suits a forest better.
    test_size : float, default=0.25
        Share of the rows that the fidelity is computed on, drawn at random.
    n_jobs : int, optional
        Number of joblib workers of "forest", and of "linear" in cross-validation.
    random_state : int, RandomState instance or None, default=None
        Fixes the held-out rows and the trees.

    Returns
    -------
    Bunch
        model : Pipeline
            The fitted surrogate. It takes the same X as ``model``.
        fidelity : float
            Of the surrogate as a model of the model's predictions, on held-out rows: R² for
            numbers (mean over the outputs), accuracy for labels (of all labels of a row). 1 is a
            perfect copy.
        baseline : float
            The same for the best constant: about 0 for numbers, the share of the most frequent
            label for labels.
        rules : str
            The rules of the tree; the coefficients in units of the inputs, ordered by what a
            standard deviation of the input changes, the first 20 of each output; or the 20
            largest importances of the forest.
        feature_names : list of str
            Of the inputs of the tree, linear model or forest.
        test_rows : int64 array
            Positions of the held-out rows.

    Raises
    ------
    ValueError
        Where a parameter is not as described, X cannot be summarised, or all predictions are the
        same. For an LSTM with ``return_sequences=True``.
    TypeError
        Where X is sparse, or holds objects that are no numbers.

    See Also
    --------
    explain_shap : What each cell of each row adds to its output.
    explain_variance : Shares of players in the variance of the output.

    Notes
    -----
    A surrogate explains the model for rows like X, not the world, and not why the model does so:
    of two correlated inputs it takes either. Neighbouring windows of a series are nearly the same
    row, so that held-out ones are not new, and the fidelity is too good.

    Through a Pipeline the inputs are values of its X, whatever the steps make of them; of a table
    in front of a SlidingWindow they summarise its windows. Where a value is missing (a sequence is
    shorter than a lag, a step of the Pipeline imputes), a linear model takes the mean, and a tree
    goes the way that suited such rows best, which its text does not say. The trees of
    scikit-learn do not split inputs whose range is below 1e-7, nor outputs whose standard deviation
    is below 1.5e-8: use other units.

    References
    ----------
    .. [1] Craven & Shavlik (1996), "Extracting tree-structured representations of trained
       networks", NeurIPS 8.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.explain import explain_surrogate
    >>> X = np.random.default_rng(0).normal(size=(300, 6, 2))
    >>> y = np.where(X[:, -1, 0] > 0, 10.0, -10.0)
    >>> model = LSTMRegressor(hidden_size=8, random_state=0).fit(X, y)
    >>> surrogate = explain_surrogate(model, X, max_depth=1, random_state=0)
    >>> print(surrogate.rules)
    |--- x0: last <= ...
    |   |--- value: [-...]
    |--- x0: last >  ...
    |   |--- value: [...]
    >>> bool(surrogate.fidelity > 0.8)
    True
    >>> surrogate.model.predict(X[:5]).shape
    (5,)
    """
    check_model(model)
    _check_parameters(kind, inputs, max_depth, test_size)
    seed = int(own_random_state(random_state).randint(2**31 - 1))
    route = Route.of(model, X)
    refuse_sequence_outputs(route, "explain_surrogate")
    _refuse_symbols(route)
    passed = route.passed(X)
    reading = _reading(route, X, passed, inputs)
    Z, names = reading.fit_transform(X), reading[-1].get_feature_names_out().tolist()
    answers, labels, outputs = _answers(model, route, passed, X, response_method)
    train, test = _split(answers, labels, test_size, seed)
    simple = _simple_model(kind, labels, answers, max_depth, n_jobs, seed)
    simple.fit(Z[train], answers[train])
    constant = DummyClassifier() if labels else DummyRegressor()
    constant.fit(Z[train], answers[train])
    return Bunch(
        model=Pipeline([*reading.steps, *simple.steps]),
        fidelity=_fidelity(simple, Z[test], answers[test], labels),
        baseline=_fidelity(constant, Z[test], answers[test], labels),
        rules=rules_of(simple, names, outputs),
        feature_names=names,
        test_rows=test,
    )


def _check_parameters(kind: Any, inputs: Any, max_depth: Any, test_size: Any) -> None:
    for name, value, known in (("kind", kind, KINDS), ("inputs", inputs, INPUTS)):
        if not isinstance(value, str) or value not in known:
            raise ValueError(f"The {name!r} parameter must be one of {known}. Got {value!r}.")
    whole = isinstance(max_depth, Integral) and not isinstance(max_depth, bool)
    if max_depth is not None and not (whole and max_depth >= 1):
        raise ValueError(
            f"The 'max_depth' parameter must be None or an int >= 1. Got {max_depth!r} instead."
        )
    if not 0 < as_float(test_size) < 1:
        raise ValueError(
            f"The 'test_size' parameter must be a float between 0 and 1. Got {test_size!r} instead."
        )


def _refuse_symbols(route: Route) -> None:
    codes = is_lstm(route.last) and route.last.net_.module_.embedding is not None
    if route.kind == "symbols" or codes:
        raise ValueError(
            "X holds symbols or tokens, which have no mean and no trend. Of one-hot symbols, "
            "explain the steps behind the encoder: explain_surrogate(model[1:], "
            "model[:1].transform(X)). Of tokens, explain_shap says which ones matter."
        )


def _reading(route: Route, X: Any, passed: Passed, inputs: str) -> Pipeline:
    """The first steps of the surrogate, from X to a table of inputs; not fitted."""
    of_names = SequenceCells if inputs == "cells" else SequenceSummaries
    if route.windowed:
        steps = route.first[: [type(step) for step in route.first].index(SlidingWindow) + 1]
        columns = route.features if len(steps) == 1 else np.unique(route.columns).tolist()
        windows = WindowsOfTable([FrozenEstimator(step) for step in steps], columns)
        reader = of_names([route.names[column] for column in columns])
        return Pipeline([("windows", windows), ("inputs", reader)])
    read = read_inputs(route, X, passed)
    names, n_timesteps = read.names, None
    if read.data.ndim == 2 and inputs == "summaries":
        if read.why_columns is not None:
            raise ValueError(
                f"inputs='summaries' needs time steps: {read.why_columns}, so the columns of X are "
                "none. Use inputs='cells'."
            )
        n_timesteps = read.shape[0]
        names = list(names_of_level("feature", read.data.shape[1:], names, n_timesteps))
    return Pipeline([("inputs", of_names(names, n_timesteps))])


def _answers(
    model: Any, route: Route, passed: Passed, X: Any, response_method: str
) -> tuple[NDArray[Any], bool, list[str]]:
    """Predictions, whether they are labels, and names of several outputs."""
    if is_classifier(route.last) and response_method in ("auto", "predict"):
        answers = np.asarray(model.predict(X))
        several = answers.shape[1] if answers.ndim > 1 else 0
        return answers, True, [str(i) for i in range(several)]
    of_model = Model(route, passed.X, response_method, None)
    outputs = of_model.outputs
    if outputs.ndim == 1:
        return outputs, False, []
    names: Any = of_model.response.names
    axes = [names] if outputs.ndim == 2 else names
    known = [axis or range(size) for axis, size in zip(axes, outputs.shape[1:], strict=True)]
    flat = outputs.reshape(len(outputs), -1)
    return flat, False, [": ".join(map(str, one)) for one in product(*known)]


def _split(
    answers: NDArray[Any], labels: bool, test_size: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows to learn from and rows to test on, with the same labels in both where possible."""
    n = len(answers)
    if n < FEWEST_ROWS:
        raise ValueError(f"X must have at least {FEWEST_ROWS} rows, to learn and to test. Got {n}.")
    if (answers == answers[0]).all():
        raise ValueError(
            f"The model's predictions for all {n} rows of X are the same, "
            f"{answers[0].tolist()!r}: there is nothing that a surrogate could learn."
        )
    n_test = min(max(2, round(n * test_size)), n - FEWEST_ROWS // 2)
    rows, groups = np.arange(n), None
    if labels and answers.ndim == 1:
        known, counts = np.unique(answers, return_counts=True)
        # The only row with a label is one to learn from.
        common = np.flatnonzero(np.isin(answers, known[counts > 1]))
        if 0 < np.count_nonzero(counts > 1) <= min(n_test, len(common) - n_test):
            rows, groups = common, answers[common]
    _, test = train_test_split(rows, test_size=n_test, random_state=seed, stratify=groups)
    return np.setdiff1d(np.arange(n), test), np.sort(test)


def _fidelity(simple: Any, Z: NDArray[Any], answers: NDArray[Any], labels: bool) -> float:
    """R², or the share of rows all of whose labels are right.

    Not ``score``, which refuses several labels that are not 0 or 1.
    """
    if not labels:
        return float(simple.score(Z, answers))
    right = simple.predict(Z).reshape(answers.shape) == answers
    return float(right.reshape(len(right), -1).all(axis=1).mean())


def _simple_model(
    kind: str,
    labels: bool,
    answers: NDArray[Any],
    max_depth: int | None,
    n_jobs: int | None,
    seed: int,
) -> Pipeline:
    """Not yet fitted; its last step is named by its kind."""
    if kind == "tree":
        tree = DecisionTreeClassifier if labels else DecisionTreeRegressor
        return Pipeline([(kind, tree(max_depth=max_depth, random_state=seed))])
    if kind == "forest":
        forest = RandomForestClassifier if labels else RandomForestRegressor
        options = {"max_depth": max_depth, "n_jobs": n_jobs, "random_state": seed}
        return Pipeline([(kind, forest(N_TREES, **options))])
    if labels and answers.ndim > 1:
        raise ValueError(
            "kind='linear' learns one label for each row, and this model gives several. Use "
            "kind='tree', or response_method='predict_proba'."
        )
    if labels:
        linear: Any = LogisticRegression(max_iter=1000)
    else:
        lasso = LassoCV if answers.ndim == 1 else MultiTaskLassoCV
        # Penalties below a hundredth of the largest add many weights and little fidelity. Without
        # a random_state it draws from the global one, though the result does not depend on it.
        linear = lasso(alphas=30, eps=1e-2, max_iter=10_000, n_jobs=n_jobs, random_state=seed)
    # A sequence that is too short for a lag, and values that are missing, count as usual ones.
    fill = SimpleImputer(keep_empty_features=True)
    return Pipeline([("fill", fill), ("scale", StandardScaler()), (kind, linear)])
