"""sequence_scorer against loops over the real time steps, and in scikit-learn's tools."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.callback import ScoringMonitor
from sklearn.linear_model import Ridge
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    get_scorer,
    log_loss,
    mean_absolute_error,
    mean_squared_error,
    r2_score,
    roc_auc_score,
)
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    RandomizedSearchCV,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.metrics import sequence_scorer
from sklstm.preprocessing import SequenceWise, SlidingWindow

N, STEPS = 24, 5
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, STEPS, 2))
LENGTHS = np.arange(N) % STEPS + 1
RAGGED = [x[:length] for x, length in zip(X, LENGTHS, strict=True)]
PADDED = np.full((N, STEPS + 1, 2), np.nan)
for _row, _x in zip(PADDED, RAGGED, strict=True):
    _row[-len(_x) :] = _x
CONTAINERS = {"3-D": X, "ragged": RAGGED, "padded": PADDED}
containers = pytest.mark.parametrize("data", CONTAINERS.values(), ids=CONTAINERS.keys())
WEIGHTS = RNG.integers(0, 4, N).astype(float)


def targets(data, kind="number"):
    """A running sum of each sequence, NaN or None where it is padded."""
    make = {
        "number": lambda s: s,
        "numbers": lambda s: np.c_[s, -2 * s],
        "flag": lambda s: (s > 0).astype(int),
        "text": lambda s: np.where(s > 0, "up", "down"),
        "three": lambda s: np.digitize(s, [-0.5, 0.5]),
        "two labels": lambda s: np.c_[s > 0, s > 1].astype(int),
    }[kind]
    sums = [make(np.nancumsum(x[:, 0])) for x in data]
    return sums if isinstance(data, list) else np.array(sums)


PLAIN = {
    "hidden_size": 4,
    "max_epochs": 2,
    "batch_size": 32,
    "learning_rate": 0.01,
    "lr_schedule": "constant",
    "dropout": 0.0,
    "bidirectional": False,
    "weight_decay": 0.0,
    "clip_norm": 1.0,
    "random_state": 0,
}


def regressor(**params):
    return LSTMRegressor(return_sequences=True, **{**PLAIN, **params})


def classifier(**params):
    return LSTMClassifier(return_sequences=True, **{**PLAIN, **params})


def real_steps(data, *per_step):
    """Loops over samples and steps: the entries of each argument where X is no padding."""
    chosen = [[] for _ in per_step]
    for i, x in enumerate(data):
        for t, step in enumerate(x):
            if not np.isnan(step).any():
                for values, items in zip(chosen, per_step, strict=True):
                    values.append(items[i][t])
    return [np.array(values) for values in chosen]


def step_weights(data, weights=WEIGHTS):
    return np.array([w for w, x in zip(weights, data, strict=True) for s in x if np.isfinite(s[0])])


@containers
def test_every_real_step_counts_once(data):
    y = targets(data)
    model = regressor().fit(data, y)
    true, predicted = real_steps(data, y, model.predict(data))
    assert len(true) == (N * STEPS if data is X else LENGTHS.sum())
    mae = np.mean([abs(a - b) for a, b in zip(true, predicted, strict=True)])
    assert_allclose(sequence_scorer(mean_absolute_error)(model, data, y), mae)
    loss = sequence_scorer(mean_absolute_error, greater_is_better=False)
    assert_allclose(loss(model, data, y), -mae)
    assert_allclose(
        loss(model, data, y, sample_weight=WEIGHTS),
        -np.average(abs(true - predicted), weights=step_weights(data)),
    )
    assert sequence_scorer(r2_score)(model, data, y) == model.score(data, y)
    assert sequence_scorer(r2_score)(model, data, y, sample_weight=WEIGHTS) == model.score(
        data, y, WEIGHTS
    )


@containers
def test_several_outputs_and_options(data):
    y = targets(data, "numbers")
    model = regressor().fit(data, y)
    true, predicted = real_steps(data, y, model.predict(data))
    assert true.shape == predicted.shape == (len(true), 2)
    score = sequence_scorer(mean_squared_error, multioutput=[0.9, 0.1])(model, data, y)
    assert_allclose(score, ((true - predicted) ** 2).mean(axis=0) @ [0.9, 0.1])


@containers
@pytest.mark.parametrize("kind", ["flag", "text", "three"])
def test_labels(data, kind):
    y = targets(data, kind)
    model = classifier().fit(data, y)
    true, predicted = real_steps(data, y, model.predict(data))
    assert_allclose(sequence_scorer(accuracy_score)(model, data, y), (true == predicted).mean())
    macro = sequence_scorer(f1_score, average="macro")(model, data, y)
    assert_allclose(macro, f1_score(true, predicted, average="macro"))
    assert model.score(data, y) == (true == predicted).mean()
    weighted = np.average(true == predicted, weights=step_weights(data))
    assert_allclose(model.score(data, y, WEIGHTS), weighted)


@containers
@pytest.mark.parametrize("kind", ["flag", "text", "three"])
def test_probabilities(data, kind):
    y = targets(data, kind)
    model = classifier(max_epochs=8).fit(data, y)
    true, probability = real_steps(data, y, model.predict_proba(data))
    chosen = probability[np.arange(len(true)), np.searchsorted(model.classes_, true)]
    scorer = sequence_scorer(log_loss, response_method="predict_proba", greater_is_better=False)
    assert_allclose(scorer(model, data, y), np.log(chosen).mean())


@containers
@pytest.mark.parametrize("response_method", ["predict_proba", "decision_function"])
@pytest.mark.parametrize("positive", ["down", "up"])
def test_pos_label_is_what_the_metric_asks_for(data, response_method, positive):
    y = targets(data, "text")
    model = classifier(max_epochs=8).fit(data, y)
    true, probability = real_steps(data, y, model.predict_proba(data))
    expected = average_precision_score(true == positive, probability[:, int(positive == "up")])
    scorer = sequence_scorer(
        average_precision_score, response_method=response_method, pos_label=positive
    )
    assert_allclose(scorer(model, data, y), expected)


def test_pos_label_is_that_of_scikit_learns_scorers():
    # average_precision_score has pos_label=1, here the first class
    y = targets(X, "flag") + 1
    flat = classifier(max_epochs=4).fit(X, y)
    whole, labels = X.reshape(-1, 1, 2), y.reshape(-1)
    pooled = LSTMClassifier(**{**PLAIN, "max_epochs": 4}, pooling="last").fit(whole, labels)
    steps = classifier(max_epochs=4).fit(whole, labels[:, None])
    scorer = sequence_scorer(average_precision_score, response_method="predict_proba")
    theirs = get_scorer("average_precision")
    assert_allclose(scorer(steps, whole, labels[:, None]), theirs(pooled, whole, labels), atol=1e-6)
    true, probability = y.ravel(), flat.predict_proba(X).reshape(-1, 2)
    assert_allclose(scorer(flat, X, y), average_precision_score(true == 1, probability[:, 0]))


@containers
def test_multilabel(data):
    y = targets(data, "two labels")
    model = classifier().fit(data, y)
    true, predicted = real_steps(data, y, model.predict(data))
    assert_allclose(model.score(data, y), (true == predicted).all(axis=1).mean())
    true, probability = real_steps(data, y, model.predict_proba(data))
    expected = np.mean([roc_auc_score(true[:, k], probability[:, k]) for k in range(2)])
    for response_method in ("predict_proba", "decision_function"):
        scorer = sequence_scorer(roc_auc_score, response_method=response_method)
        assert_allclose(scorer(model, data, y), expected)


def test_any_estimator_and_metric():
    class Constant(BaseEstimator):
        def predict(self, X):
            return [np.full(len(x), 2.0) for x in X]

    def longest_error(y_true, y_pred):
        return abs(y_true - y_pred).max()

    y = targets(RAGGED)
    assert sequence_scorer(longest_error)(Constant(), RAGGED, y) == abs(np.hstack(y) - 2).max()


# ------------------------------------------------------------------------ scikit-learn's tools


@containers
def test_cross_validation(data):
    y = targets(data)
    scorer = sequence_scorer(mean_absolute_error, greater_is_better=False)
    folds = [(np.arange(8, N), np.arange(8)), (np.arange(16), np.arange(16, N))]
    scores = cross_val_score(regressor(), data, y, cv=folds, scoring=scorer, error_score="raise")

    def take(items, rows):
        return [items[i] for i in rows] if isinstance(items, list) else items[rows]

    for score, (train, test) in zip(scores, folds, strict=True):
        model = regressor().fit(take(data, train), take(y, train))
        true, predicted = real_steps(
            take(data, test), take(y, test), model.predict(take(data, test))
        )
        assert_allclose(score, -abs(true - predicted).mean())


@containers
@pytest.mark.parametrize("kind", ["flag", "text", "three", "two labels"])
def test_cross_validation_of_labels(data, kind):
    y = targets(data, kind)
    pipeline = make_pipeline(SequenceWise(StandardScaler()), classifier())
    scores = cross_validate(
        pipeline,
        data,
        y,
        cv=GroupKFold(3),
        groups=np.arange(N) // 4,
        scoring={"mine": sequence_scorer(accuracy_score)},
        return_estimator=True,
        return_indices=True,
        return_train_score=True,
        error_score="raise",
    )
    for fold, model in enumerate(scores["estimator"]):
        rows = scores["indices"]["test"][fold]
        part = [data[i] for i in rows] if isinstance(data, list) else data[rows]
        true, predicted = real_steps(part, [y[i] for i in rows], model.predict(part))
        hits = (true == predicted).reshape(len(true), -1).all(axis=1)
        assert_allclose(scores["test_mine"][fold], hits.mean())


@containers
def test_searches(data):
    y = targets(data)
    scoring = {
        "r2": sequence_scorer(r2_score),
        "mae": sequence_scorer(mean_absolute_error, greater_is_better=False),
    }
    pipeline = make_pipeline(SequenceWise(StandardScaler()), regressor())
    grid = {"lstmregressor__max_epochs": [1, 10]}
    search = GridSearchCV(pipeline, grid, cv=2, scoring=scoring, refit="mae", error_score="raise")
    search.fit(data, y)
    assert search.best_params_ == {"lstmregressor__max_epochs": 10}
    assert_allclose(search.score(data, y), scoring["mae"](search, data, y))
    (worse, better) = search.cv_results_["mean_test_mae"]
    assert worse < better < 0
    drawn = RandomizedSearchCV(pipeline, grid, n_iter=2, cv=2, scoring=scoring["r2"], refit=False)
    drawn.fit(data, y)
    assert_allclose(drawn.best_score_, search.cv_results_["mean_test_r2"].max())


@containers
def test_a_search_weights_its_scores(data):
    y = targets(data)
    scorer = sequence_scorer(mean_absolute_error, greater_is_better=False)
    fold = [(np.arange(N), np.arange(N))]
    model = regressor().fit(data, y, WEIGHTS)
    true, predicted = real_steps(data, y, model.predict(data))
    weighted = -np.average(abs(true - predicted), weights=step_weights(data))
    for scoring in (scorer, {"score": scorer}):
        search = GridSearchCV(
            regressor(), {"max_epochs": [2]}, cv=fold, scoring=scoring, refit=False
        )
        search.fit(data, y, sample_weight=WEIGHTS)
        assert_allclose(search.cv_results_["mean_test_score"], weighted)


def test_a_metric_without_weights_gets_none_in_a_search():
    def error(y_true, y_pred):
        return -abs(y_true - y_pred).mean()

    search = GridSearchCV(
        regressor(), {"max_epochs": [1]}, cv=2, scoring=sequence_scorer(error), error_score="raise"
    )
    with pytest.warns(UserWarning, match="does not support sample_weight"):
        search.fit(X, targets(X), sample_weight=WEIGHTS)


def test_metadata_routing():
    y = targets(RAGGED)
    fold = [(np.arange(N), np.arange(N))]
    with config_context(enable_metadata_routing=True):
        scorer = sequence_scorer(mean_absolute_error).set_score_request(sample_weight=True)
        model = regressor().set_fit_request(sample_weight=False)
        score = cross_val_score(
            model, RAGGED, y, cv=fold, scoring=scorer, params={"sample_weight": WEIGHTS}
        )
    true, predicted = real_steps(RAGGED, y, regressor().fit(RAGGED, y).predict(RAGGED))
    expected = np.average(abs(true - predicted), weights=step_weights(RAGGED))
    assert_allclose(score, expected)


@containers
def test_scoring_monitor(data):
    y = targets(data)
    scorer = sequence_scorer(r2_score)
    monitor = ScoringMonitor(scoring=scorer)
    model = regressor(max_epochs=3).set_callbacks(monitor).fit(data, y, sample_weight=WEIGHTS)
    scores = [row["score"] for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    expected = [
        regressor(max_epochs=k).fit(data, y, WEIGHTS).score(data, y, WEIGHTS) for k in (1, 2, 3)
    ]
    assert_allclose(scores, expected)
    assert_allclose(scores[-1], scorer(model, data, y, sample_weight=WEIGHTS))


@containers
def test_permutation_importance(data):
    y = targets(data)
    model = regressor(max_epochs=20, hidden_size=8).fit(data, y)
    for scoring in (None, sequence_scorer(r2_score)):  # the default is model.score
        result = model.explain_permutation(data, y, scoring=scoring, random_state=0)
        assert result.importances_mean[0] > 0.2  # y is a sum of the first feature
        assert abs(result.importances_mean[1]) < 0.1
    weighted = model.explain_permutation(
        data,
        y,
        scoring={"r2": sequence_scorer(r2_score)},
        sample_weight=WEIGHTS,
        level="timestep",
        random_state=0,
    )["r2"]
    assert weighted.importances.shape == (STEPS, 5)
    plain = model.explain_permutation(
        data, y, sample_weight=WEIGHTS, level="timestep", random_state=0
    )
    assert_allclose(weighted.importances, plain.importances)


def test_windows_in_a_pipeline():
    table = np.random.default_rng(0).normal(size=(40, 2))
    windows = SlidingWindow(4).fit(table).transform(table)
    y = 2 * np.nan_to_num(np.asarray(windows)[:, :, 0])
    model = make_pipeline(StandardScaler(), SlidingWindow(4), regressor(max_epochs=10))
    model.fit(table, y)
    predicted = model.predict(table)
    assert np.isnan(predicted).sum() == 3 + 2 + 1
    real = ~np.isnan(predicted)
    score = sequence_scorer(mean_squared_error)(model, table, y)
    assert_allclose(score, ((predicted - y)[real] ** 2).mean())


def test_scorers_of_scikit_learn_work_without_padding():
    y = targets(X)
    model = regressor().fit(X, y)
    theirs = get_scorer("neg_mean_absolute_error")(model, X, y)
    ours = sequence_scorer(mean_absolute_error, greater_is_better=False)(model, X, y)
    assert_allclose(theirs, ours)
    scores = cross_val_score(regressor(), X, y, cv=3, scoring="r2", error_score="raise")
    assert np.isfinite(scores).all()


# ------------------------------------------------------------------------------- the object


def test_repr_pickle_and_clone():
    scorer = sequence_scorer(f1_score, greater_is_better=False, average="micro")
    assert repr(scorer) == (
        "sequence_scorer(f1_score, greater_is_better=False, response_method='predict', "
        "average=micro)"
    )
    y = targets(PADDED, "three")
    model = classifier().fit(PADDED, y)
    for copy in (pickle.loads(pickle.dumps(scorer)), clone(scorer, safe=False)):
        assert copy(model, PADDED, y) == scorer(model, PADDED, y)


@pytest.mark.parametrize("metric", ["r2", None, 3])
def test_a_metric_must_be_callable(metric):
    with pytest.raises(ValueError, match=r"'metric' parameter of sequence_scorer.* Got"):
        sequence_scorer(metric)


def test_response_methods_are_checked():
    with pytest.raises(ValueError, match=r"'response_method' parameter.* Got 'transform'"):
        sequence_scorer(r2_score, response_method="transform")


def test_models_without_sequences_are_named():
    y = targets(X)[:, -1]
    scorer = sequence_scorer(r2_score)
    for model in (LSTMRegressor(4, max_epochs=1), Ridge()):
        data = X if isinstance(model, LSTMRegressor) else X[:, :, 0]
        with pytest.raises(ValueError, match=r"return_sequences=True.* shape \(24,\)"):
            scorer(model.fit(data, y), data, y)


def test_wrong_weights_are_named():
    y = targets(RAGGED)
    model = regressor().fit(RAGGED, y)
    for score in (model.score, lambda *a, **k: sequence_scorer(r2_score)(model, *a, **k)):
        with pytest.raises(ValueError, match=r"sample_weight must have shape \(24,\)"):
            score(RAGGED, y, sample_weight=np.ones(LENGTHS.sum()))


def test_a_missing_target_reaches_the_metric():
    y = targets(PADDED)
    model = regressor().fit(PADDED, y)
    y[3, -1] = np.nan  # a real step
    with pytest.raises(ValueError, match="NaN"):
        model.score(PADDED, y)
