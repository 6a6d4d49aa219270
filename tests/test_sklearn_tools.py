"""scikit-learn's tools around the estimators, for every layout of X that a tool can carry.

Most tests compare a tool with the same computation written out: fits are reproducible to the
last bit, so equality is exact wherever the tool itself adds no arithmetic.
"""

import html
import inspect
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from plain import PLAIN
from sklearn import config_context
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.exceptions import NotFittedError, UnsetMetadataPassedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import SequentialFeatureSelector
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import PartialDependenceDisplay, partial_dependence, permutation_importance
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import (
    balanced_accuracy_score,
    f1_score,
    get_scorer,
    log_loss,
    mean_absolute_error,
    r2_score,
    roc_auc_score,
)
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
    TimeSeriesSplit,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    validation_curve,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import (
    ClassifierChain,
    MultiOutputClassifier,
    MultiOutputRegressor,
    RegressorChain,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.utils import estimator_html_repr
from sklearn.utils.validation import check_is_fitted

from sklstm import LSTMClassifier, LSTMRegressor

# --- One easy problem in six layouts ------------------------------------------------------------

N, T, F = 48, 5, 2
ROWS = np.arange(N)
TABLES = ["2-D", "DataFrame"]
UNIFORM = ["2-D", "DataFrame", "3-D"]
VARIABLE = ["padded", "object", "list"]
LAYOUTS = UNIFORM + VARIABLE
NAMES = [f"x{feature}_t{step}" for step in range(T) for feature in range(F)]
SIGNAL_COLUMN = NAMES.index(f"x0_t{T - 1}")

_rng = np.random.default_rng(0)
SIGNAL = _rng.permutation(np.linspace(-2, 2, N))  # feature 0 of the last step; the rest is noise
NOISE = 0.3 * _rng.normal(size=(N, T, F))
LENGTHS = _rng.integers(3, T + 1, size=N)
TARGET = 3 * SIGNAL + 10  # positive
TWO_TARGETS = np.column_stack([TARGET, -2 * TARGET])
BINARY = (SIGNAL > 0).astype(int)
THREE_CLASSES = np.digitize(SIGNAL, [-0.67, 0.67])
CLASSES = {2: BINARY, 3: THREE_CLASSES}
TWO_LABELS = np.column_stack([SIGNAL > 0, SIGNAL > 0.5]).astype(int)
WEIGHTS = _rng.integers(0, 4, size=N).astype(float)
GROUPS = ROWS % 6

THREE_FOLDS = KFold(3)
TWO_FOLDS = KFold(2)
# R² of a constant is 0, and a guess is right in half of the rows.
BETTER_THAN_CHANCE = 0.65


def sequences(layout):
    """All of length T in three ways of writing that, or of length LENGTHS in three others."""
    if layout in UNIFORM:
        values = NOISE.copy()
        values[:, -1, 0] = SIGNAL
        if layout == "3-D":
            return values
        table = values.reshape(N, T * F)
        return pd.DataFrame(table, columns=NAMES) if layout == "DataFrame" else table
    items = [NOISE[row, :length].copy() for row, length in enumerate(LENGTHS)]
    for item, signal in zip(items, SIGNAL, strict=True):
        item[-1, 0] = signal
    if layout == "list":
        return items
    if layout == "object":
        array = np.empty(N, dtype=object)
        array[:] = items
        return array
    padded = np.full((N, T, F), np.nan)
    for row, item in enumerate(items):  # at the end of even rows, at the start of odd ones
        start = (row % 2) * (T - len(item))
        padded[row, start : start + len(item)] = item
    return padded


def small(estimator_class, layout=None, **params):
    table = layout in TABLES
    defaults = PLAIN | {"hidden_size": 8, "batch_size": 16, "max_epochs": 6, "learning_rate": 0.1}
    defaults |= {"n_timesteps": T if table else None, "random_state": 0}
    return estimator_class(**(defaults | params))


def regressor(layout=None, **params):
    return small(LSTMRegressor, layout, **params)


def classifier(layout=None, **params):
    return small(LSTMClassifier, layout, **params)


def take(X, rows):
    if isinstance(X, list):
        return [X[row] for row in rows]
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]


@dataclass(frozen=True)
class Problem:
    """X, y and an unfitted model; its methods are what the tools are compared with."""

    layout: str
    X: Any
    y: Any
    model: Any

    def fit(self, train=ROWS, sample_weight=None, **params):
        if sample_weight is not None:
            sample_weight = sample_weight[train]
        model = clone(self.model).set_params(**params)
        return model.fit(take(self.X, train), self.y[train], sample_weight=sample_weight)

    def predict(self, train=ROWS, test=ROWS, method="predict", **params):
        return getattr(self.fit(train, **params), method)(take(self.X, test))

    def score(self, train, test, sample_weight=None, **params):
        model = self.fit(train, sample_weight, **params)
        test_weight = None if sample_weight is None else sample_weight[test]
        return model.score(take(self.X, test), self.y[test], sample_weight=test_weight)

    def scores(self, cv, groups=None, **params):
        return [self.score(*fold, **params) for fold in cv.split(ROWS, self.y, groups)]

    def out_of_fold(self, cv, method="predict", **params):
        parts = [self.predict(*fold, method, **params) for fold in cv.split(ROWS)]
        return np.concatenate(parts)


@pytest.fixture(params=LAYOUTS)
def layout(request):
    return request.param


@pytest.fixture(params=["regressor", "classifier"])
def problem(request, layout):
    return make_problem(request.param, layout)


@pytest.fixture
def regression(layout):
    return make_problem("regressor", layout)


@pytest.fixture
def classification(layout):
    return make_problem("classifier", layout)


def make_problem(kind, layout, **params):
    if kind == "regressor":
        return Problem(layout, sequences(layout), TARGET, regressor(layout, **params))
    return Problem(layout, sequences(layout), BINARY, classifier(layout, **params))


def same(actual, expected):
    """To the last bit, of the same dtype, and finite where it is numbers."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    np.testing.assert_array_equal(actual, expected, strict=True)
    assert actual.dtype.kind != "f" or np.isfinite(actual).all()


def good(score):
    assert np.mean(score) > BETTER_THAN_CHANCE


# --- Model selection ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["regressor", "classifier"])
@pytest.mark.parametrize("layouts", [UNIFORM, VARIABLE], ids=["uniform", "variable"])
def test_layouts_of_the_same_sequences_agree(kind, layouts):
    predictions = []
    for layout in layouts:
        problem = make_problem(kind, layout)
        predictions.append(cross_val_predict(problem.model, problem.X, problem.y, cv=TWO_FOLDS))
    good(make_problem(kind, layouts[0]).scores(TWO_FOLDS))
    for other in predictions[1:]:
        same(other, predictions[0])


def test_cross_val_score(problem):
    scores = cross_val_score(problem.model, problem.X, problem.y, cv=THREE_FOLDS)
    same(scores, problem.scores(THREE_FOLDS))
    good(scores)


def test_cross_validate(problem):
    result = cross_validate(
        problem.model,
        problem.X,
        problem.y,
        cv=TWO_FOLDS,
        return_train_score=True,
        return_estimator=True,
        return_indices=True,
    )
    good(result["train_score"])
    for fold, model in enumerate(result["estimator"]):
        train, test = (result["indices"][part][fold] for part in ("train", "test"))
        same(model.predict(take(problem.X, test)), problem.predict(train, test))
        assert result["test_score"][fold] == problem.score(train, test)
        assert result["train_score"][fold] == problem.score(train, train)


def test_cross_val_predict(problem):
    predictions = cross_val_predict(problem.model, problem.X, problem.y, cv=TWO_FOLDS)
    same(predictions, problem.out_of_fold(TWO_FOLDS))
    assert predictions.dtype == problem.y.dtype


@pytest.mark.parametrize("method", ["predict_proba", "predict_log_proba", "decision_function"])
def test_cross_val_predict_other_methods(classification, method):
    problem = classification
    outputs = cross_val_predict(problem.model, problem.X, problem.y, cv=TWO_FOLDS, method=method)
    same(outputs, problem.out_of_fold(TWO_FOLDS, method))
    assert outputs.shape == ((N,) if method == "decision_function" else (N, 2))


def test_grid_search(problem):
    grid = {"hidden_size": [4, 8], "pooling": ["last"]}
    search = GridSearchCV(problem.model, grid, cv=TWO_FOLDS).fit(problem.X, problem.y)
    means = [np.mean(problem.scores(TWO_FOLDS, hidden_size=size)) for size in (4, 8)]
    same(search.cv_results_["mean_test_score"], means)
    assert search.best_params_ == {"hidden_size": [4, 8][np.argmax(means)], "pooling": "last"}
    good(search.best_score_)
    same(search.predict(problem.X), problem.predict(**search.best_params_))
    assert search.n_features_in_ == search.best_estimator_.n_features_in_


def test_randomized_search(problem):
    search = RandomizedSearchCV(
        problem.model, {"max_epochs": range(4, 8)}, n_iter=2, cv=TWO_FOLDS, random_state=0
    ).fit(problem.X, problem.y)
    for params, score in zip(
        search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True
    ):
        assert score == np.mean(problem.scores(TWO_FOLDS, **params))
    assert search.best_estimator_.n_epochs_ == search.best_params_["max_epochs"]
    good(search.score(problem.X, problem.y))


def test_halving_search_over_epochs(problem):
    search = HalvingGridSearchCV(
        problem.model,
        {"hidden_size": [4, 6, 8]},
        resource="max_epochs",
        min_resources=2,
        max_resources=6,
        factor=3,
        cv=TWO_FOLDS,
        random_state=0,
    ).fit(problem.X, problem.y)
    assert search.n_resources_ == [2, 6]
    assert search.n_candidates_ == [3, 1]
    assert search.best_estimator_.n_epochs_ == 6
    assert search.best_score_ == np.mean(problem.scores(TWO_FOLDS, **search.best_params_))
    same(search.predict(problem.X), problem.predict(**search.best_params_))
    good(search.score(problem.X, problem.y))


@pytest.mark.parametrize(
    ("cv", "groups"), [(TimeSeriesSplit(2), None), (GroupKFold(2), GROUPS)], ids=["time", "group"]
)
def test_splitters(problem, cv, groups):
    scores = cross_val_score(problem.model, problem.X, problem.y, cv=cv, groups=groups)
    same(scores, problem.scores(cv, groups))
    good(scores[-1])


def test_learning_curve(problem):
    sizes, train_scores, test_scores = learning_curve(
        problem.model, problem.X, problem.y, cv=TWO_FOLDS, train_sizes=[0.5, 1.0]
    )
    same(sizes, [N // 4, N // 2])
    assert train_scores.shape == test_scores.shape == (2, 2)
    for fold, (train, test) in enumerate(TWO_FOLDS.split(ROWS)):
        assert test_scores[0, fold] == problem.score(train[: N // 4], test)
        assert test_scores[1, fold] == problem.score(train, test)
        assert train_scores[1, fold] == problem.score(train, train)


def test_learning_curve_by_partial_fit():
    problem = make_problem("classifier", "3-D")
    options = {"cv": TWO_FOLDS, "train_sizes": [N // 4, N // 2]}
    _, _, scores = learning_curve(
        problem.model, problem.X, problem.y, exploit_incremental_learning=True, **options
    )
    for fold, (train, test) in enumerate(TWO_FOLDS.split(ROWS)):
        model = clone(problem.model)
        for size, part in enumerate((train[: N // 4], train[N // 4 :])):
            model.partial_fit(problem.X[part], problem.y[part], classes=[0, 1])
            assert scores[size, fold] == model.score(problem.X[test], problem.y[test])


def test_validation_curve(problem):
    train_scores, test_scores = validation_curve(
        problem.model,
        problem.X,
        problem.y,
        cv=TWO_FOLDS,
        param_name="max_epochs",
        param_range=[1, 6],
    )
    same(test_scores, [problem.scores(TWO_FOLDS, max_epochs=epochs) for epochs in (1, 6)])
    assert train_scores[1].mean() > train_scores[0].mean()


# --- Composition --------------------------------------------------------------------------------


def double(X):
    return [2 * x for x in X] if isinstance(X, list) else 2 * X


def test_pipeline_with_function_transformer(problem):
    pipeline = make_pipeline(FunctionTransformer(double), problem.model).fit(problem.X, problem.y)
    direct = clone(problem.model).fit(double(problem.X), problem.y)
    same(pipeline.predict(problem.X), direct.predict(double(problem.X)))
    good(pipeline.score(problem.X, problem.y))
    assert pipeline[-1].n_sequence_features_ == F
    same(
        cross_val_score(pipeline, problem.X, problem.y, cv=TWO_FOLDS),
        Problem(problem.layout, double(problem.X), problem.y, problem.model).scores(TWO_FOLDS),
    )


def test_search_over_a_step_of_a_pipeline(problem):
    pipeline = make_pipeline(FunctionTransformer(), problem.model)
    name = f"{type(problem.model).__name__.lower()}__hidden_size"
    search = GridSearchCV(pipeline, {name: [4, 8]}, cv=TWO_FOLDS).fit(problem.X, problem.y)
    means = [np.mean(problem.scores(TWO_FOLDS, hidden_size=size)) for size in (4, 8)]
    same(search.cv_results_["mean_test_score"], means)
    same(search.predict(problem.X), problem.predict(hidden_size=[4, 8][np.argmax(means)]))


def test_transformed_target(regression):
    X, y = regression.X, regression.y
    model = TransformedTargetRegressor(regression.model, func=np.log, inverse_func=np.exp)
    direct = clone(regression.model).fit(X, np.log(y))
    same(model.fit(X, y).predict(X), np.exp(direct.predict(X)))
    good(model.score(X, y))


def test_transformed_target_of_two_outputs(regression):
    X, y = regression.X, TWO_TARGETS
    model = TransformedTargetRegressor(regression.model, transformer=StandardScaler()).fit(X, y)
    scaler = StandardScaler().fit(y)
    direct = clone(regression.model).fit(X, scaler.transform(y)).predict(X)
    same(model.predict(X), scaler.inverse_transform(direct))
    good(model.score(X, y))


def test_multi_output_regressor(regression):
    X, y = regression.X, TWO_TARGETS
    model = MultiOutputRegressor(regression.model).fit(X, y)
    columns = [clone(regression.model).fit(X, column).predict(X) for column in y.T]
    same(model.predict(X), np.column_stack(columns))
    good(model.score(X, y))


def test_multi_output_classifier(classification):
    X, y = classification.X, TWO_LABELS
    model = MultiOutputClassifier(classification.model).fit(X, y)
    columns = [clone(classification.model).fit(X, column) for column in y.T]
    same(model.predict(X), np.column_stack([column.predict(X) for column in columns]))
    for actual, column in zip(model.predict_proba(X), columns, strict=True):
        same(actual, column.predict_proba(X))
    good(model.score(X, y))


def test_several_outputs_without_a_wrapper(layout):
    X, y = sequences(layout), TWO_TARGETS
    predictions = cross_val_predict(regressor(layout), X, y, cv=TWO_FOLDS)
    same(predictions, Problem(layout, X, y, regressor(layout)).out_of_fold(TWO_FOLDS))
    assert predictions.shape == y.shape
    good(r2_score(y, predictions))


def test_several_labels_without_a_wrapper(layout):
    X, y = sequences(layout), TWO_LABELS
    problem = Problem(layout, X, y, classifier(layout))
    search = GridSearchCV(problem.model, {"max_epochs": [1, 6]}, cv=TWO_FOLDS, scoring="f1_macro")
    search.fit(X, y)
    same(search.predict(X), problem.predict(**search.best_params_))
    good(f1_score(y, search.predict(X), average="macro"))
    probabilities = cross_val_predict(problem.model, X, y, cv=TWO_FOLDS, method="predict_proba")
    same(probabilities, problem.out_of_fold(TWO_FOLDS, "predict_proba"))
    assert probabilities.shape == y.shape


def test_one_vs_rest(classification):
    X, y = classification.X, THREE_CLASSES
    model = OneVsRestClassifier(classification.model).fit(X, y)
    columns = [clone(classification.model).fit(X, (y == k).astype(int)) for k in range(3)]
    decisions = np.column_stack([column.decision_function(X) for column in columns])
    same(model.decision_function(X), decisions)
    same(model.predict(X), decisions.argmax(axis=1))
    good(model.score(X, y))


def test_calibration_in_folds(classification):
    X, y = classification.X, classification.y
    model = CalibratedClassifierCV(classification.model, cv=TWO_FOLDS).fit(X, y)
    for calibrated, (train, _) in zip(
        model.calibrated_classifiers_, TWO_FOLDS.split(ROWS), strict=True
    ):
        same(
            calibrated.estimator.predict_proba(X),
            classification.predict(train, method="predict_proba"),
        )
    probabilities = model.predict_proba(X)
    assert probabilities.shape == (N, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    good(model.score(X, y))


@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "temperature"])
def test_calibration_of_a_fitted_model(layout, method):
    X, y = sequences(layout), BINARY
    fitted = classifier(layout).fit(X, y)
    model = CalibratedClassifierCV(FrozenEstimator(fitted), method=method).fit(X, y)
    calibrated = model.predict_proba(X)[np.argsort(fitted.decision_function(X)), 1]
    assert (np.diff(calibrated) > -1e-12).all()  # it maps the decisions in their order
    assert np.ptp(calibrated) > 0.5
    good(model.score(X, y))


def test_temperature_keeps_the_predictions_of_three_classes(layout):
    X, y = sequences(layout), THREE_CLASSES
    fitted = classifier(layout).fit(X, y)
    model = CalibratedClassifierCV(FrozenEstimator(fitted), method="temperature").fit(X, y)
    same(model.predict(X), fitted.predict(X))
    before, after = (log_loss(y, m.predict_proba(X)) for m in (fitted, model))
    assert after <= before + 1e-6


def test_voting_regressor(regression):
    X, y = regression.X, regression.y
    model = VotingRegressor(
        [("a", regression.model), ("b", clone(regression.model).set_params(hidden_size=4))]
    )
    model.fit(X, y)
    both = [regression.predict(), regression.predict(hidden_size=4)]
    np.testing.assert_allclose(model.predict(X), np.mean(both, axis=0), rtol=1e-12)
    good(model.score(X, y))


@pytest.mark.parametrize("voting", ["soft", "hard"])
def test_voting_classifier(classification, voting):
    X, y = classification.X, classification.y
    other = clone(classification.model).set_params(hidden_size=4)
    model = VotingClassifier([("a", classification.model), ("b", other)], voting=voting).fit(X, y)
    method = "predict_proba" if voting == "soft" else "predict"
    both = [
        classification.predict(method=method),
        classification.predict(method=method, hidden_size=4),
    ]
    if voting == "soft":
        np.testing.assert_allclose(model.predict_proba(X), np.mean(both, axis=0), rtol=1e-12)
    else:  # a draw goes to the first class
        same(model.predict(X), np.minimum(*both))
    good(model.score(X, y))


def test_stacking_regressor(regression):
    X, y = regression.X, regression.y
    other = clone(regression.model).set_params(hidden_size=4)
    model = StackingRegressor(
        [("a", regression.model), ("b", other)], LinearRegression(), cv=TWO_FOLDS
    ).fit(X, y)
    meta = [regression.out_of_fold(TWO_FOLDS, hidden_size=size) for size in (8, 4)]
    final = LinearRegression().fit(np.column_stack(meta), y)
    inputs = np.column_stack([regression.predict(hidden_size=size) for size in (8, 4)])
    same(model.transform(X), inputs)
    np.testing.assert_allclose(model.predict(X), final.predict(inputs), rtol=1e-12)
    good(model.score(X, y))


def test_stacking_classifier(classification):
    X, y = classification.X, classification.y
    model = StackingClassifier(
        [("a", classification.model)], LogisticRegression(), cv=TWO_FOLDS
    ).fit(X, y)
    meta = classification.out_of_fold(TWO_FOLDS, "predict_proba")[:, 1:]
    inputs = classification.predict(method="predict_proba")[:, 1:]
    same(model.transform(X), inputs)
    expected = LogisticRegression().fit(meta, y).predict_proba(inputs)
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-12)
    good(model.score(X, y))


def test_stacking_of_fitted_models(problem):
    stacking = StackingClassifier if is_classifier(problem.model) else StackingRegressor
    model = stacking([("a", problem.fit())], cv="prefit").fit(problem.X, problem.y)
    assert model.transform(problem.X).shape == (N, 1)
    good(model.score(problem.X, problem.y))


def test_frozen_estimator(problem):
    fitted = problem.fit()
    before = fitted.predict(problem.X)
    frozen = FrozenEstimator(fitted).fit(take(problem.X, ROWS[:9]), problem.y[8::-1])
    same(frozen.predict(problem.X), before)
    assert clone(frozen).estimator is fitted
    good(frozen.score(problem.X, problem.y))


def test_tuned_threshold(classification):
    X, y = classification.X, classification.y
    model = TunedThresholdClassifierCV(classification.model, cv=TWO_FOLDS).fit(X, y)
    positive = classification.predict(method="predict_proba")[:, 1]
    same(model.predict(X), (positive >= model.best_threshold_).astype(y.dtype))
    assert 0 < model.best_threshold_ < 1
    good(model.score(X, y))


@pytest.mark.parametrize(
    ("method", "threshold"), [("predict_proba", 0.3), ("decision_function", 0.5)]
)
def test_fixed_threshold(classification, method, threshold):
    X, y = classification.X, classification.y
    model = FixedThresholdClassifier(
        classification.model, threshold=threshold, response_method=method
    ).fit(X, y)
    outputs = classification.predict(method=method)
    outputs = outputs[:, 1] if method == "predict_proba" else outputs
    same(model.predict(X), (outputs >= threshold).astype(y.dtype))
    good(model.score(X, y))


# --- Copies, files, parameters ------------------------------------------------------------------


def test_clone(problem):
    fitted = problem.fit()
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        check_is_fitted(copy)
    same(copy.fit(problem.X, problem.y).predict(problem.X), fitted.predict(problem.X))


@pytest.mark.parametrize("mmap_mode", [None, "r"])
def test_joblib(problem, tmp_path, mmap_mode):
    pipeline = make_pipeline(FunctionTransformer(double), problem.model).fit(problem.X, problem.y)
    joblib.dump(pipeline, tmp_path / "model.joblib")
    loaded = joblib.load(tmp_path / "model.joblib", mmap_mode=mmap_mode)
    same(loaded.predict(problem.X), pipeline.predict(problem.X))
    assert loaded.score(problem.X, problem.y) == pipeline.score(problem.X, problem.y)
    assert loaded[-1].get_params() == pipeline[-1].get_params()
    same(clone(loaded).fit(problem.X, problem.y).predict(problem.X), pipeline.predict(problem.X))


@pytest.mark.parametrize("estimator_class", [LSTMRegressor, LSTMClassifier])
def test_get_and_set_params(estimator_class):
    signature = inspect.signature(estimator_class).parameters
    model = estimator_class()
    assert model.get_params() == {name: p.default for name, p in signature.items()}
    assert model.set_params(hidden_size=5, pooling="max") is model
    assert (model.hidden_size, model.get_params()["pooling"]) == (5, "max")
    pipeline = make_pipeline(StandardScaler(), model)
    pipeline.set_params(**{f"{estimator_class.__name__.lower()}__hidden_size": 6})
    assert model.hidden_size == 6
    with pytest.raises(ValueError, match="Invalid parameter 'units' for estimator LSTM"):
        model.set_params(units=3)


@pytest.mark.parametrize(
    ("name", "value"),
    [("hidden_size", 0), ("pooling", "first"), ("dropout", 1.0), ("max_epochs", 2.5)],
)
def test_a_wrong_parameter_is_named_by_fit(problem, name, value):
    model = clone(problem.model).set_params(**{name: value})  # set_params itself never checks
    with pytest.raises(ValueError, match=f"The '{name}' parameter of LSTM"):
        model.fit(problem.X, problem.y)


# --- Tools that need 2-D rows -------------------------------------------------------------------


@pytest.fixture(params=TABLES)
def table(request):
    return request.param


@pytest.fixture(params=["regressor", "classifier"])
def tabular(request, table):
    return make_problem(request.param, table)


def test_standard_scaler(tabular):
    X, y = tabular.X, tabular.y
    pipeline = make_pipeline(StandardScaler(), tabular.model)
    direct = Problem("2-D", StandardScaler().fit_transform(X), y, tabular.model)
    same(pipeline.fit(X, y).predict(X), direct.predict())
    assert pipeline[-1].n_timesteps_in_ == T
    assert pipeline[-1].n_sequence_features_ == F
    good(cross_val_score(pipeline, X, y, cv=TWO_FOLDS))


def test_column_transformer(tabular):
    X, y = tabular.X, tabular.y
    early, late = (
        (NAMES[:4], NAMES[4:]) if tabular.layout == "DataFrame" else (slice(4), slice(4, 10))
    )
    columns = ColumnTransformer([("a", StandardScaler(), early), ("b", MinMaxScaler(), late)])
    values = np.asarray(X)
    parts = (
        StandardScaler().fit_transform(values[:, :4]),
        MinMaxScaler().fit_transform(values[:, 4:]),
    )
    direct = Problem("2-D", np.hstack(parts), y, tabular.model)
    pipeline = make_pipeline(columns, tabular.model).fit(X, y)
    same(pipeline.predict(X), direct.predict())
    good(pipeline.score(X, y))


def test_regressor_chain(table):
    X, y = sequences(table), TWO_TARGETS
    chain = RegressorChain(regressor()).fit(X, y)  # the chain adds columns: steps of one value
    first = regressor().fit(np.asarray(X), y[:, 0])
    second = regressor().fit(np.column_stack([X, y[:, 0]]), y[:, 1])
    expected = first.predict(np.asarray(X))
    expected = np.column_stack([expected, second.predict(np.column_stack([X, expected]))])
    same(chain.predict(X), expected)
    good(chain.score(X, y))


def test_classifier_chain(table):
    X, y = sequences(table), TWO_LABELS
    chain = ClassifierChain(classifier(), random_state=0).fit(X, y)
    second = classifier().fit(np.column_stack([X, y[:, 0]]), y[:, 1])
    first = chain.predict(X)[:, 0]
    same(chain.predict(X)[:, 1], second.predict(np.column_stack([X, first])).astype(float))
    good(np.mean(chain.predict(X) == y))


def test_a_chain_with_steps_of_several_features_says_why_not():
    with pytest.raises(ValueError, match=r"X has 11 columns, .*'n_timesteps' parameter \(5\)"):
        RegressorChain(regressor("2-D")).fit(sequences("2-D"), TWO_TARGETS)


def test_one_vs_one(table):
    X, y = sequences(table), THREE_CLASSES
    model = OneVsOneClassifier(classifier(table)).fit(X, y)
    pairs = [(0, 1), (0, 2), (1, 2)]
    for estimator, (low, high) in zip(model.estimators_, pairs, strict=True):
        rows = np.flatnonzero((y == low) | (y == high))
        direct = classifier("2-D").fit(np.asarray(X)[rows], (y[rows] == high).astype(int))
        same(estimator.predict_proba(np.asarray(X)), direct.predict_proba(np.asarray(X)))
    good(model.score(X, y))


@pytest.mark.parametrize("kind", ["regressor", "classifier"])
def test_bagging(kind, table):
    problem = make_problem(kind, table)
    bagging = BaggingClassifier if kind == "classifier" else BaggingRegressor
    model = bagging(problem.model, n_estimators=2, random_state=0).fit(problem.X, problem.y)
    values = np.asarray(problem.X)
    method = "predict_proba" if kind == "classifier" else "predict"
    outputs = []
    for estimator, rows in zip(model.estimators_, model.estimators_samples_, strict=True):
        # A row drawn twice, or given the weight 2: the same model.
        direct = clone(estimator).fit(values[rows], problem.y[rows])
        outputs.append(getattr(direct, method)(values))
        same(getattr(estimator, method)(values), outputs[-1])
    np.testing.assert_allclose(getattr(model, method)(problem.X), np.mean(outputs, axis=0))
    assert not np.array_equal(*outputs)
    good(model.score(problem.X, problem.y))


@pytest.mark.parametrize("kind", ["regressor", "classifier"])
def test_bagging_of_columns(kind):
    problem = make_problem(kind, "2-D", n_timesteps=None)
    bagging = BaggingClassifier if kind == "classifier" else BaggingRegressor
    model = bagging(problem.model, n_estimators=3, max_features=0.9, random_state=0)
    model.fit(problem.X, problem.y)
    assert {estimator.n_features_in_ for estimator in model.estimators_} == {9}
    assert model.predict(problem.X).shape == (N,)
    good(model.score(problem.X, problem.y))


def test_permutation_importance(tabular):
    fitted = tabular.fit()
    result = permutation_importance(fitted, tabular.X, tabular.y, n_repeats=3, random_state=0)
    assert result.importances.shape == (T * F, 3)
    assert result.importances_mean.argmax() == SIGNAL_COLUMN
    assert (
        result.importances_mean[SIGNAL_COLUMN]
        > 3 * np.delete(result.importances_mean, SIGNAL_COLUMN).max()
    )


def test_permutation_importance_through_a_pipeline(tabular):
    pipeline = make_pipeline(StandardScaler(), tabular.model).fit(tabular.X, tabular.y)
    scoring = "neg_log_loss" if is_classifier(pipeline) else "neg_mean_absolute_error"
    result = permutation_importance(
        pipeline, tabular.X, tabular.y, n_repeats=2, scoring=scoring, random_state=0
    )
    assert result.importances_mean.argmax() == SIGNAL_COLUMN


def test_partial_dependence(tabular):
    fitted = tabular.fit()
    column = NAMES[SIGNAL_COLUMN] if tabular.layout == "DataFrame" else SIGNAL_COLUMN
    result = partial_dependence(fitted, tabular.X, [column], grid_resolution=4, kind="both")
    assert result.individual.shape == (1, N, 4)
    for point, average in zip(result.grid_values[0], result.average[0], strict=True):
        table = tabular.X.copy()
        if tabular.layout == "DataFrame":
            table[column] = point
        else:
            table[:, column] = point
        if is_classifier(fitted):
            expected = fitted.predict_proba(table)[:, 1].mean()
        else:
            expected = fitted.predict(table).mean()
        np.testing.assert_allclose(average, expected, rtol=1e-12)
    assert result.average[0, -1] > result.average[0, 0]  # y rises with this column


def test_partial_dependence_display(tabular):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    columns = (
        [NAMES[SIGNAL_COLUMN], NAMES[0]] if tabular.layout == "DataFrame" else [SIGNAL_COLUMN, 0]
    )
    display = PartialDependenceDisplay.from_estimator(
        tabular.fit(), tabular.X, columns, grid_resolution=4
    )
    high, low = (np.ptp(line.get_ydata()) for line in display.lines_.ravel())
    assert high > 3 * low
    import matplotlib.pyplot as plt

    plt.close(display.figure_)


def test_sequential_feature_selector(tabular):
    model = clone(tabular.model).set_params(n_timesteps=None, hidden_size=4, max_epochs=4)
    selector = SequentialFeatureSelector(model, n_features_to_select=1, cv=TWO_FOLDS)
    selector.fit(tabular.X, tabular.y)
    same(np.flatnonzero(selector.get_support()), [SIGNAL_COLUMN])
    pipeline = make_pipeline(selector, model).fit(tabular.X, tabular.y)
    assert pipeline[-1].n_features_in_ == 1
    good(pipeline.score(tabular.X, tabular.y))


def test_self_training(table):
    X, truth = sequences(table), BINARY
    hidden = ROWS % 3 == 0
    y = np.where(hidden, -1, truth)
    model = SelfTrainingClassifier(classifier(table), threshold=0.7).fit(X, y)
    labelled = np.flatnonzero(model.transduction_ != -1)
    assert len(labelled) > (~hidden).sum()
    values = np.asarray(X)
    direct = classifier("2-D").fit(values[labelled], model.transduction_[labelled])
    same(model.predict_proba(X), direct.predict_proba(values))
    good(np.mean(model.predict(X)[hidden] == truth[hidden]))


@pytest.mark.parametrize("kind", ["regressor", "classifier"])
def test_stacking_with_passthrough(kind, table):
    problem = make_problem(kind, table)
    stacking = StackingClassifier if kind == "classifier" else StackingRegressor
    model = stacking([("a", problem.model)], passthrough=True, cv=TWO_FOLDS)
    model.fit(problem.X, problem.y)
    method = "predict_proba" if kind == "classifier" else "predict"
    outputs = problem.predict(method=method)
    outputs = outputs[:, 1:] if kind == "classifier" else outputs[:, None]
    same(np.asarray(model.transform(problem.X)), np.hstack([outputs, problem.X]))
    assert model.final_estimator_.n_features_in_ == 1 + T * F
    good(model.score(problem.X, problem.y))


@pytest.mark.parametrize("layout", ["2-D", "DataFrame", "3-D"])
def test_ada_boost_classifier(layout):
    X, y = sequences(layout), BINARY
    model = AdaBoostClassifier(classifier(layout), n_estimators=2, random_state=0).fit(X, y)
    values = np.asarray(X)
    # The first estimator sees equal weights that sum to 1.
    first = clone(model.estimators_[0]).fit(values, y, sample_weight=np.full(N, 1 / N))
    same(model.estimators_[0].predict_proba(values), first.predict_proba(values))
    assert model.predict_proba(X).shape == (N, 2)
    good(model.score(X, y))


@pytest.mark.parametrize("layout", ["2-D", "DataFrame", "3-D"])
def test_ada_boost_regressor(layout):
    X, y = sequences(layout), TARGET
    model = AdaBoostRegressor(regressor(layout), n_estimators=2, random_state=0).fit(X, y)
    assert len(model.estimators_) == 2
    outputs = [estimator.predict(np.asarray(X)) for estimator in model.estimators_]
    assert not np.array_equal(*outputs)
    predictions = model.predict(X)
    assert ((predictions == outputs[0]) | (predictions == outputs[1])).all()  # weighted median
    good(model.score(X, y))


def test_ada_boost_classifier_refuses_a_pipeline():
    model = AdaBoostClassifier(make_pipeline(StandardScaler(), classifier("2-D")))
    with pytest.raises(ValueError, match="Pipeline doesn't support sample_weight"):
        model.fit(sequences("2-D"), BINARY)


TOOLS_FOR_TABLES = {
    "StandardScaler": make_pipeline(StandardScaler(), regressor()),
    "ColumnTransformer": ColumnTransformer([("a", StandardScaler(), [0])]),
    "RegressorChain": RegressorChain(regressor()),
    "ClassifierChain": ClassifierChain(classifier()),
    "OneVsOneClassifier": OneVsOneClassifier(classifier()),
    "BaggingRegressor": BaggingRegressor(regressor(), n_estimators=2),
    "BaggingClassifier": BaggingClassifier(classifier(), n_estimators=2),
    "SequentialFeatureSelector": SequentialFeatureSelector(regressor(max_epochs=1)),
    "SelfTrainingClassifier": SelfTrainingClassifier(classifier()),
    "StackingRegressor": StackingRegressor([("a", regressor())], passthrough=True, cv=2),
    "StackingClassifier": StackingClassifier([("a", classifier())], passthrough=True, cv=2),
}


@pytest.mark.parametrize("name", TOOLS_FOR_TABLES)
def test_tools_for_tables_refuse_3d(name):
    y = TWO_LABELS if name.endswith("Chain") else BINARY
    with pytest.raises(ValueError, match=r"dim 3|3 dimension"):
        clone(TOOLS_FOR_TABLES[name]).fit(sequences("3-D"), y)


def test_inspection_refuses_3d():
    problem = make_problem("regressor", "3-D")
    fitted = problem.fit()
    with pytest.raises(ValueError, match="dim 3"):
        permutation_importance(fitted, problem.X, problem.y)
    with pytest.raises(ValueError, match="features must be less than len"):  # it counts time steps
        PartialDependenceDisplay.from_estimator(fitted, problem.X, [SIGNAL_COLUMN])


# --- Metadata routing ---------------------------------------------------------------------------


@pytest.fixture
def routing():
    with config_context(enable_metadata_routing=True):
        yield


def requesting(model):
    return model.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)


def test_weights_and_groups_through_search_and_pipeline(problem, routing):
    first = FunctionTransformer()
    if problem.layout in TABLES:
        first = StandardScaler().set_fit_request(sample_weight=True)
    model = requesting(clone(problem.model))
    name = f"{type(model).__name__.lower()}__hidden_size"
    search = GridSearchCV(make_pipeline(first, model), {name: [4, 8]}, cv=GroupKFold(2))
    search.fit(problem.X, problem.y, sample_weight=WEIGHTS, groups=GROUPS)

    expected = {4: [], 8: []}
    for size, scores in expected.items():
        for train, test in GroupKFold(2).split(ROWS, problem.y, GROUPS):
            X = problem.X
            if problem.layout in TABLES:
                scaler = StandardScaler().fit(take(X, train), sample_weight=WEIGHTS[train])
                X = scaler.transform(X)
            direct = Problem(problem.layout, X, problem.y, problem.model)
            scores.append(direct.score(train, test, WEIGHTS, hidden_size=size))
    for fold in range(2):
        column = search.cv_results_[f"split{fold}_test_score"]
        same(column, [expected[4][fold], expected[8][fold]])

    X = search.best_estimator_[:-1].transform(problem.X)
    direct = Problem(problem.layout, X, problem.y, problem.model)
    method = "predict_proba" if is_classifier(model) else "predict"
    best = {"hidden_size": search.best_params_[name]}
    outputs = getattr(search, method)(problem.X)
    same(outputs, getattr(direct.fit(sample_weight=WEIGHTS, **best), method)(X))
    assert not np.array_equal(outputs, direct.predict(method=method, **best))
    # Half of the answers are wrong, and weigh nothing.
    half = N // 2
    y = np.where(ROWS < half, problem.y, problem.y.max() + problem.y.min() - problem.y)
    weighted = search.score(problem.X, y, sample_weight=(ROWS < half).astype(float))
    assert weighted == pytest.approx(search.score(take(problem.X, ROWS[:half]), y[:half]))
    assert search.score(problem.X, y) < weighted


def test_weights_and_groups_through_cross_validate(problem, routing):
    result = cross_validate(
        requesting(clone(problem.model)),
        problem.X,
        problem.y,
        cv=GroupKFold(2),
        params={"sample_weight": WEIGHTS, "groups": GROUPS},
        return_estimator=True,
    )
    method = "decision_function" if is_classifier(problem.model) else "predict"
    folds = GroupKFold(2).split(ROWS, problem.y, GROUPS)
    for fold, (train, test) in enumerate(folds):
        assert result["test_score"][fold] == problem.score(train, test, WEIGHTS)
        outputs = getattr(result["estimator"][fold], method)(problem.X)
        same(outputs, getattr(problem.fit(train, WEIGHTS), method)(problem.X))
        assert not np.array_equal(outputs, problem.predict(train, method=method))


def test_weights_reach_the_scorer_only_where_asked(routing):
    problem = make_problem("regressor", "3-D")
    model = clone(problem.model).set_fit_request(sample_weight=False)
    scorer = get_scorer("neg_mean_absolute_error").set_score_request(sample_weight=True)
    scores = cross_validate(
        model, problem.X, problem.y, cv=TWO_FOLDS, scoring=scorer, params={"sample_weight": WEIGHTS}
    )["test_score"]
    expected = [
        -mean_absolute_error(
            problem.y[test], problem.predict(train, test), sample_weight=WEIGHTS[test]
        )
        for train, test in TWO_FOLDS.split(ROWS)
    ]
    np.testing.assert_allclose(scores, expected, rtol=1e-12)


def test_weights_that_nobody_asked_for_are_an_error(problem, routing):
    search = GridSearchCV(problem.model, {"hidden_size": [4]}, cv=TWO_FOLDS)
    with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
        search.fit(problem.X, problem.y, sample_weight=WEIGHTS)


REGRESSION_WRAPPERS = {
    "voting": lambda m: VotingRegressor([("a", m)]),
    "stacking": lambda m: StackingRegressor([("a", m)], cv=TWO_FOLDS),
    "multi_output": MultiOutputRegressor,
    "target": TransformedTargetRegressor,
    "pipeline": lambda m: make_pipeline(FunctionTransformer(), m),
}
CLASSIFICATION_WRAPPERS = {
    "voting": lambda m: VotingClassifier([("a", m)], voting="soft"),
    "stacking": lambda m: StackingClassifier([("a", m)], cv=TWO_FOLDS),
    "multi_output": MultiOutputClassifier,
    "one_vs_rest": OneVsRestClassifier,
    "calibrated": lambda m: CalibratedClassifierCV(m, cv=TWO_FOLDS, ensemble=False),
    "tuned_threshold": lambda m: TunedThresholdClassifierCV(
        m,
        cv=TWO_FOLDS,
        scoring=get_scorer("balanced_accuracy").set_score_request(sample_weight=True),
    ),
    "fixed_threshold": FixedThresholdClassifier,
    "pipeline": lambda m: make_pipeline(FunctionTransformer(), m),
}


def innermost(wrapper):
    """The LSTM estimator that a fitted tool holds."""
    if hasattr(wrapper, "steps"):
        return wrapper[-1]
    if hasattr(wrapper, "calibrated_classifiers_"):
        return wrapper.calibrated_classifiers_[0].estimator
    for name in ("estimator_", "regressor_"):
        if hasattr(wrapper, name):
            return getattr(wrapper, name)
    return wrapper.estimators_[0]


@pytest.mark.parametrize(
    ("kind", "wrapper"),
    [
        *[("regressor", name) for name in REGRESSION_WRAPPERS],
        *[("classifier", name) for name in CLASSIFICATION_WRAPPERS],
    ],
)
@pytest.mark.parametrize("layout", ["3-D", "list"])
def test_weights_through_other_tools(kind, wrapper, layout, routing):
    problem = make_problem(kind, layout)
    tools = REGRESSION_WRAPPERS if kind == "regressor" else CLASSIFICATION_WRAPPERS
    y = problem.y[:, None] if wrapper == "multi_output" else problem.y
    tool = tools[wrapper](clone(problem.model).set_fit_request(sample_weight=True))
    inner = innermost(tool.fit(problem.X, y, sample_weight=WEIGHTS))
    method = "decision_function" if kind == "classifier" else "predict"
    outputs = getattr(inner, method)(problem.X)
    same(outputs, getattr(problem.fit(sample_weight=WEIGHTS), method)(problem.X))
    assert not np.array_equal(outputs, problem.predict(method=method))


def test_weights_without_routing(problem):
    pipeline = make_pipeline(FunctionTransformer(), problem.model)
    name = f"{type(problem.model).__name__.lower()}__sample_weight"
    weighted = problem.fit(sample_weight=WEIGHTS)
    method = "decision_function" if is_classifier(weighted) else "predict"
    expected = getattr(weighted, method)(problem.X)
    pipeline.fit(problem.X, problem.y, **{name: WEIGHTS})
    same(getattr(pipeline, method)(problem.X), expected)
    search = GridSearchCV(problem.model, {"hidden_size": [8]}, cv=TWO_FOLDS)
    search.fit(problem.X, problem.y, sample_weight=WEIGHTS)
    same(getattr(search, method)(problem.X), expected)
    assert not np.array_equal(expected, problem.predict(method=method))


@pytest.mark.parametrize("estimator_class", [LSTMRegressor, LSTMClassifier])
def test_metadata_that_can_be_requested(estimator_class, routing):
    requests = estimator_class().get_metadata_routing()
    assert set(requests.fit.requests) == {"sample_weight"}
    assert set(requests.score.requests) == {"sample_weight"}
    wanted = {"sample_weight"} | ({"classes"} if estimator_class is LSTMClassifier else set())
    assert set(requests.partial_fit.requests) == wanted


# --- set_output and HTML ------------------------------------------------------------------------


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("kind", ["regressor", "classifier"])
def test_set_output_feeds_names(kind, library):
    frames = pytest.importorskip(library)
    problem = make_problem(kind, "2-D")
    frame = frames.DataFrame({name: problem.X[:, i] for i, name in enumerate(NAMES)})
    scaler = StandardScaler().set_output(transform=library)
    pipeline = make_pipeline(scaler, problem.model).fit(frame, problem.y)
    model = pipeline[-1]
    assert list(model.feature_names_in_) == NAMES
    assert model.n_features_in_ == T * F
    scaled = scaler.transform(frame)
    assert isinstance(scaled, frames.DataFrame)
    direct = clone(problem.model).fit(scaled.to_numpy(), problem.y)
    same(pipeline.predict(frame), direct.predict(scaled.to_numpy()))
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(scaled[NAMES[::-1]])
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        same(model.predict(scaled.to_numpy()), pipeline.predict(frame))


def test_set_output_of_a_column_transformer(tabular):
    columns = ColumnTransformer(
        [("a", StandardScaler(), slice(4)), ("b", "passthrough", slice(4, 10))]
    )
    pipeline = make_pipeline(columns, tabular.model).set_output(transform="pandas")
    pipeline.fit(tabular.X, tabular.y)
    names = list(pipeline[-1].feature_names_in_)
    assert names == list(columns.get_feature_names_out())
    assert len(names) == T * F
    good(pipeline.score(tabular.X, tabular.y))


@pytest.mark.parametrize("layout", ["2-D", "3-D"])
def test_names_are_forgotten_by_a_fit_without_names(layout):
    model = regressor("2-D").fit(sequences("DataFrame"), TARGET)
    assert list(model.feature_names_in_) == NAMES
    model.fit(sequences(layout), TARGET)
    assert not hasattr(model, "feature_names_in_")
    same(model.predict(sequences("2-D")), model.predict(sequences(layout)))  # and no warning


def documented_lines(estimator_class, name):
    entry = re.search(
        rf"^{name} : (.*)\n((?: {{4}}.*\n)+)", inspect.getdoc(estimator_class), re.MULTILINE
    )
    return [entry[1], *(line.strip() for line in entry[2].splitlines())]


def test_html_contains_the_parameters(problem):
    model = clone(problem.model)
    for fitted in (model, problem.fit()):
        page = fitted._repr_html_()
        rows = re.findall(r'<td class="param">\s*(?:<a.*?>)?\s*(\w+)', page, re.DOTALL)
        assert set(model.get_params()) <= set(rows)
        assert '<td class="value">8</td>' in page  # hidden_size
    assert "n_epochs_" in page
    assert "<span>Fitted</span>" in page


@pytest.mark.parametrize("estimator_class", [LSTMRegressor, LSTMClassifier])
def test_html_contains_the_documentation_of_the_parameters(estimator_class):
    page = estimator_html_repr(estimator_class())
    for name in estimator_class().get_params():
        for line in documented_lines(estimator_class, name):
            assert html.escape(line) in page, f"{name}: {line}"


def test_html_of_a_search_over_a_pipeline(problem):
    pipeline = make_pipeline(FunctionTransformer(), problem.model)
    name = type(problem.model).__name__
    search = GridSearchCV(pipeline, {f"{name.lower()}__max_epochs": [1, 2]}, cv=TWO_FOLDS)
    assert name in estimator_html_repr(search)
    page = estimator_html_repr(search.fit(problem.X, problem.y))
    for text in ("FunctionTransformer", name, "learning_rate", "best_estimator_"):
        assert text in page


# --- Workers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["regressor", "classifier"])
@pytest.mark.parametrize("layout", ["2-D", "3-D", "padded", "object", "list"])
@pytest.mark.parametrize(
    "options",
    # In loky workers arrays of more than max_nbytes are read-only memory maps.
    [{"backend": "threading"}, {"backend": "loky", "max_nbytes": 100}],
    ids=["threading", "loky"],
)
def test_search_in_workers_gives_the_same_bits(kind, layout, options):
    problem = make_problem(kind, layout, dropout=0.2)

    def search(n_jobs):
        grid = {"hidden_size": [4, 8]}
        model = GridSearchCV(problem.model, grid, cv=TWO_FOLDS, n_jobs=n_jobs)
        return model.fit(problem.X, problem.y)

    alone = search(1)
    with joblib.parallel_config(**options):
        shared = search(2)
    for column in ("split0_test_score", "split1_test_score", "mean_test_score"):
        same(shared.cv_results_[column], alone.cv_results_[column])
    assert shared.best_params_ == alone.best_params_
    same(shared.predict(problem.X), alone.predict(problem.X))
    good(alone.score(problem.X, problem.y))


def test_fitted_models_come_back_from_workers(problem):
    with joblib.parallel_config(backend="loky", max_nbytes=100):
        result = cross_validate(
            problem.model, problem.X, problem.y, cv=TWO_FOLDS, n_jobs=2, return_estimator=True
        )
    for model, (train, _) in zip(result["estimator"], TWO_FOLDS.split(ROWS), strict=True):
        same(model.predict(problem.X), problem.predict(train))


# --- Scorers and labels -------------------------------------------------------------------------


def test_regression_scorers(regression):
    names = ["r2", "neg_mean_absolute_error"]
    result = cross_validate(
        regression.model, regression.X, regression.y, cv=TWO_FOLDS, scoring=names
    )
    good(result["test_r2"])
    for fold, (train, test) in enumerate(TWO_FOLDS.split(ROWS)):
        predictions = regression.predict(train, test)
        assert result["test_r2"][fold] == r2_score(regression.y[test], predictions)
        error = mean_absolute_error(regression.y[test], predictions)
        assert result["test_neg_mean_absolute_error"][fold] == -error


@pytest.mark.parametrize("n_classes", [2, 3])
def test_classification_scorers(layout, n_classes):
    X, y = sequences(layout), CLASSES[n_classes]
    problem = Problem(layout, X, y, classifier(layout))
    names = ["neg_log_loss", "roc_auc_ovr", "balanced_accuracy"]
    result = cross_validate(problem.model, X, y, cv=TWO_FOLDS, scoring=names)
    good(result["test_roc_auc_ovr"])
    for fold, (train, test) in enumerate(TWO_FOLDS.split(ROWS)):
        probabilities = problem.predict(train, test, "predict_proba")
        scores = probabilities[:, 1] if n_classes == 2 else probabilities
        expected = {
            "neg_log_loss": -log_loss(y[test], probabilities),
            "roc_auc_ovr": roc_auc_score(y[test], scores, multi_class="ovr"),
            "balanced_accuracy": balanced_accuracy_score(y[test], problem.predict(train, test)),
        }
        for name, value in expected.items():
            assert result[f"test_{name}"][fold] == pytest.approx(value, rel=1e-12)


LABELS = {
    "str": np.array(["no", "yes"]),
    "bool": np.array([False, True]),
    "int": np.array([-3, 7]),
    "uint8": np.array([0, 1], dtype=np.uint8),
    "object": np.array(["no", "yes"], dtype=object),
}
LABEL_TOOLS = {
    "pipeline": lambda m: make_pipeline(FunctionTransformer(), m),
    "grid_search": lambda m: GridSearchCV(
        m, {"hidden_size": [4, 8]}, cv=TWO_FOLDS, scoring="roc_auc"
    ),
    "one_vs_rest": OneVsRestClassifier,
    "calibrated": lambda m: CalibratedClassifierCV(m, cv=TWO_FOLDS),
    "voting": lambda m: VotingClassifier([("a", m)], voting="soft"),
    "stacking": lambda m: StackingClassifier([("a", m)], cv=TWO_FOLDS),
    "tuned_threshold": lambda m: TunedThresholdClassifierCV(m, cv=TWO_FOLDS),
    "fixed_threshold": FixedThresholdClassifier,
}


def predictions_of(tool, y):
    X = sequences("object")
    if tool == "cross_val_predict":
        return cross_val_predict(classifier(), X, y, cv=TWO_FOLDS)
    if tool == "frozen":
        return FrozenEstimator(classifier().fit(X, y)).fit(X, y).predict(X)
    if tool == "multi_output":
        return MultiOutputClassifier(classifier()).fit(X, y[:, None]).predict(X)[:, 0]
    return LABEL_TOOLS[tool](classifier()).fit(X, y).predict(X)


@cache
def predictions_of_codes(tool):
    return predictions_of(tool, BINARY)


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("tool", [*LABEL_TOOLS, "cross_val_predict", "frozen", "multi_output"])
def test_labels_of_any_type(tool, kind):
    values = LABELS[kind]
    predictions = predictions_of(tool, values[BINARY])
    if tool == "one_vs_rest":  # which gives back a str array for objects
        predictions = predictions.astype(values.dtype)
    same(predictions, values[predictions_of_codes(tool)])
    good(np.mean(predictions == values[BINARY]))


@pytest.mark.parametrize(
    ("values", "convert"),
    [
        (["no", "so", "yes"], np.array),
        (["no", "so", "yes"], lambda y: np.array(y, dtype=object)),
        (["no", "so", "yes"], list),
        (["no", "so", "yes"], pd.Series),
        (["no", "so", "yes"], lambda y: pd.Series(pd.Categorical(y))),
        ([-3, 7, 8], np.array),
        ([-3, 7, 8], lambda y: pd.Series(y, index=ROWS[::-1])),
        ([0, 1, 200], lambda y: np.array(y, dtype=np.uint8)),
        ([-1.0, 0.0, 5.0], np.array),
        ([False, True], np.array),
    ],
    ids="str object list Series Categorical int int_Series uint8 float bool".split(),
)
def test_the_model_does_not_depend_on_the_type_of_the_labels(values, convert):
    X, codes = sequences("list"), CLASSES[len(values)]
    y = convert([values[code] for code in codes])
    model, expected = classifier().fit(X, y), classifier().fit(X, codes)
    assert list(model.classes_) == values
    same(model.predict_proba(X), expected.predict_proba(X))
    assert list(model.predict(X)) == [values[code] for code in expected.predict(X)]
    assert model.score(X, y) == expected.score(X, codes)
    good(model.score(X, y))
