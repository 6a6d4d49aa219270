"""explain_variance on functions with known indices, real containers and bad input."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from joblib import parallel_config
from plain import PLAIN
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.datasets import load_japanese_vowels
from sklstm.explain import explain_variance
from sklstm.explain._agnostic import Model
from sklstm.explain._hybrids import rows_of
from sklstm.explain._independent import IndependentPlayers
from sklstm.explain._inputs import read_inputs
from sklstm.explain._pipelines import Route
from sklstm.preprocessing import SequenceTokenizer, SlidingWindow

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 4, 3))
Y = 2 * X[:, -1, 0] + X[:, 1, 1]
RAGGED = [row[:k] for row, k in zip(X, RNG.integers(2, 5, 80), strict=True)]
PADDED = np.stack([np.r_[np.full((4 - len(row), 3), np.nan), row] for row in RAGGED])
WEIGHTS = RNG.normal(size=(4, 3))
SMALL = {**PLAIN, "hidden_size": 4, "max_epochs": 4, "random_state": 0}
FAST = {"n_samples": 64, "n_resamples": 50, "random_state": 0}
ARRAYS = (
    "first_order",
    "total_order",
    "first_order_interval",
    "total_order_interval",
    "variance",
    "mean",
)


class Known(RegressorMixin, BaseEstimator):
    """A model that is a known function of X."""

    def __init__(self, function):
        self.function = function
        self.n_rows = 0

    def fit(self, X, y=None):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def predict(self, X):
        self.n_rows += len(X)
        return self.function(X)


def linear(rows):
    """Sum over the real cells of a row, weighted by their steps from its start."""
    totals = []
    for row in rows:
        row = np.asarray(row)[~np.isnan(row).all(axis=1)]
        totals.append((row * WEIGHTS[: len(row)]).sum())
    return np.array(totals)


def ishigami(rows):
    x = rows.reshape(len(rows), -1)
    return np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])


def same(a, b, **tolerance):
    assert a.player_names == b.player_names
    for name in ARRAYS:
        if tolerance:
            np.testing.assert_allclose(a[name], b[name], **tolerance)
        else:
            np.testing.assert_array_equal(a[name], b[name])


def fit(model, X=X, y=Y):
    return model.fit(X, y)


@pytest.fixture(scope="module")
def lstm():
    return fit(LSTMRegressor(**SMALL))


# Known truth


@pytest.mark.parametrize("table", [False, True])
def test_the_indices_of_the_ishigami_function(table):
    even = ((np.arange(400) + 0.5) / 400 * 2 - 1) * np.pi
    x = np.stack([RNG.permutation(even) for _ in range(4)], axis=1)
    found = explain_variance(
        Known(ishigami),
        x if table else x[:, None],
        level="cell",
        n_samples=20_000,
        n_resamples=200,
        confidence_level=0.9999,
        random_state=0,
    )
    alone = 0.5 * (1 + 0.1 * np.pi**4 / 5) ** 2, 49 / 8
    together = 0.01 * np.pi**8 * 8 / 225
    variance = sum(alone) + together
    assert found.variance == pytest.approx(variance, rel=0.03)
    assert found.mean == pytest.approx(3.5, abs=0.1)
    first = np.array([alone[0], alone[1], 0, 0]) / variance
    total = np.array([alone[0] + together, alone[1], together, 0]) / variance
    np.testing.assert_allclose(found.first_order, first, atol=0.02)
    np.testing.assert_allclose(found.total_order, total, atol=0.02)
    for truth, (low, high) in (
        (first, found.first_order_interval.T),
        (total, found.total_order_interval.T),
    ):
        assert ((low <= truth) & (truth <= high)).all()
    # A player without effect has none, exactly.
    assert found.total_order[3] == found.first_order[3] == 0


GROUPS = {"early": [slice(0, 2)], "late x0": [(slice(2, 4), 0)], "late": [(slice(2, 4), "x1"), (
    slice(2, 4), 2)]}  # fmt: skip


@pytest.mark.parametrize(
    "level, names, parts",
    [
        ("feature", ["x0", "x1", "x2"], lambda c: c.sum(axis=1)),
        ("timestep", [f"step {i}" for i in range(4)], lambda c: c.sum(axis=2)),
        ("cell", [f"x{j}[{i}]" for i in range(4) for j in range(3)], lambda c: c.reshape(80, -1)),
        (3, ["steps 0 to 2", "step 3"], lambda c: np.add.reduceat(c, [0, 3], 1).sum(axis=2)),
        (
            GROUPS,
            list(GROUPS),
            lambda c: np.stack(
                [c[:, :2].sum((1, 2)), c[:, 2:, 0].sum(1), c[:, 2:, 1:].sum((1, 2))], axis=1
            ),
        ),
    ],
    ids=["feature", "timestep", "cell", "windows", "groups"],
)
def test_an_additive_function_has_the_variances_of_its_parts(level, names, parts):
    found = explain_variance(Known(linear), X, level=level, n_samples=6000, random_state=0)
    variances = parts(X * WEIGHTS).var(axis=0)
    assert found.player_names == names
    assert found.variance == pytest.approx(variances.sum(), rel=0.07)
    np.testing.assert_allclose(found.first_order, variances / variances.sum(), atol=0.03)
    np.testing.assert_allclose(found.total_order, variances / variances.sum(), atol=0.03)


@pytest.mark.parametrize("level", ["feature", "timestep"])
def test_of_different_lengths_the_variance_is_that_within_a_length(level):
    found = explain_variance(Known(linear), RAGGED, level=level, n_samples=8000, random_state=0)
    lengths = np.array([len(row) for row in RAGGED])
    variances = 0
    for length in lengths:
        donors = np.stack([row[:length] for row in RAGGED if len(row) >= length])
        parts = (donors * WEIGHTS[:length]).sum(axis=1 if level == "feature" else 2)
        parts = np.pad(parts, [(0, 0), (0, 0 if level == "feature" else 4 - length)])
        variances = variances + parts.var(axis=0) / len(RAGGED)
    assert found.variance == pytest.approx(variances.sum(), rel=0.05)
    np.testing.assert_allclose(found.first_order, variances / variances.sum(), atol=0.03)
    np.testing.assert_allclose(found.total_order, variances / variances.sum(), atol=0.03)


def longer_is_more(rows):
    return linear(rows) + 100 * np.array([len(row) for row in rows])


def test_a_large_effect_of_the_length_leaves_the_indices_as_they_are():
    options = {"level": "timestep", "n_samples": 2000, "random_state": 0}
    found = explain_variance(Known(linear), RAGGED, **options)
    longer = explain_variance(Known(longer_is_more), RAGGED, **options)
    np.testing.assert_allclose(longer.first_order, found.first_order, atol=1e-9)


def test_a_trained_network_finds_the_features_of_its_target():
    x = RNG.normal(size=(300, 5, 3))
    model = LSTMRegressor(hidden_size=8, random_state=0).fit(x, 2 * x[:, -1, 0] + x[:, -1, 1])
    found = model.explain_variance(x, random_state=0)
    np.testing.assert_allclose(found.first_order, [0.8, 0.2, 0], atol=0.1)
    cells = model.explain_variance(x, level="cell", n_samples=256, random_state=0)
    best = np.argsort(cells.total_order)[-2:]
    assert [cells.player_names[i] for i in best] == ["x1[4]", "x0[4]"]


# The rows that are drawn


@pytest.mark.parametrize("data", [X, RAGGED, PADDED], ids=["3-D", "ragged", "padded"])
@pytest.mark.parametrize("level", ["feature", 2, "cell"])
def test_a_slow_twin_builds_the_same_rows(data, level):
    seen = []

    def look(rows):
        seen.extend(np.array(row) for row in rows)
        return linear(rows)

    route = Route.of(Known(look), data)
    passed = route.passed(data)
    _, of_model = read_inputs(route, data, passed).level(level)
    model = Model(route, passed.X, "auto", None)
    seen.clear()
    independent = IndependentPlayers(model, rows_of(route, passed.X, data), of_model)
    lengths_of, (donors, _) = independent.draw(50, np.random.RandomState(0))
    outputs = independent.outputs(lengths_of, donors)
    own = [np.asarray(row)[~np.isnan(row).all(axis=1)] for row in data]
    expected = []
    for length_of, donor in zip(lengths_of, donors, strict=True):
        row = np.array(data[length_of], dtype=float)
        places = np.flatnonzero(~np.isnan(row).all(axis=1))
        assert all(len(own[i]) >= len(places) for i in np.unique(donor[of_model.table[places]]))
        for step, place in enumerate(places):
            for feature in range(3):
                row[place, feature] = own[donor[of_model.table[place, feature]]][step, feature]
        expected.append(row)
    np.testing.assert_allclose(outputs[:, 0], linear(expected))
    # They are predicted in another order.
    assert sorted(r.tobytes() for r in seen) == sorted(r.tobytes() for r in expected)


def test_outputs_are_in_the_order_of_the_rows_drawn(monkeypatch):
    monkeypatch.setattr("sklstm.explain._independent.CALL_ROWS", 7)
    whole = explain_variance(Known(linear), RAGGED, **FAST)
    monkeypatch.undo()
    same(explain_variance(Known(linear), RAGGED, **FAST), whole)


def test_every_row_that_may_be_drawn_is():
    model = Model(Route.of(Known(linear), RAGGED), RAGGED, "auto", None)
    route = Route.of(model.last, RAGGED)
    _, level = read_inputs(route, RAGGED, route.passed(RAGGED)).level("feature")
    independent = IndependentPlayers(model, rows_of(route, RAGGED, RAGGED), level)
    lengths_of, donors = independent.draw(5000, np.random.RandomState(0))
    lengths = np.array([len(row) for row in RAGGED])
    for length in (2, 3, 4):
        of_length = donors[:, lengths[lengths_of] == length]
        assert set(of_length.ravel()) == set(np.flatnonzero(lengths >= length))


def test_rows_are_counted():
    model = Known(linear)
    found = explain_variance(model, X, level="timestep", **FAST)
    assert found.n_evaluations == 64 * (4 + 2) == model.n_rows - 1  # one row of X tells the shape


# Containers, models and outputs


@pytest.mark.parametrize("level", ["feature", "timestep"])
def test_ragged_and_padded_sequences_give_the_same(level):
    ends = [np.r_[row, np.full((4 - len(row), 3), np.nan)] for row in RAGGED]
    model = fit(LSTMRegressor(**SMALL), RAGGED)
    found = model.explain_variance(RAGGED, level=level, **FAST)
    same(model.explain_variance(np.stack(ends), level=level, **FAST), found, rtol=1e-4, atol=1e-6)
    if level == "feature":
        same(model.explain_variance(PADDED, level=level, **FAST), found, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("level", ["feature", "timestep", "cell", 2])
def test_a_table_gives_what_its_sequences_give(level, lstm):
    table = X.reshape(80, -1)
    names = [f"c{i}" for i in range(12)]
    frame = pd.DataFrame(table, columns=names)
    expected = lstm.explain_variance(X, level=level, **FAST)
    for data in (table, frame):
        model = fit(LSTMRegressor(n_timesteps=4, **SMALL), data)
        found = model.explain_variance(data, level=level, **FAST)
        if level == "cell":
            named = data is frame
            assert found.player_names == (names if named else [f"x{i}" for i in range(12)])
            found.player_names = expected.player_names
        same(found, expected, rtol=1e-4, atol=1e-6)


def test_every_output_has_its_own_indices():
    labels = np.array(["a", "b", "c"])[np.digitize(Y, [-1, 1])]
    model = fit(LSTMClassifier(**SMALL), X, labels)
    found = model.explain_variance(X, **FAST)
    assert found.first_order.shape == found.total_order.shape == (3, 3)
    assert found.first_order_interval.shape == found.total_order_interval.shape == (3, 3, 2)
    assert found.variance.shape == found.mean.shape == (3,)
    assert found.output_names == ("a", "b", "c")
    one = model.explain_variance(X, target="b", **FAST)
    assert one.output_names == ("b",)
    np.testing.assert_allclose(one.total_order, found.total_order[:, 1])
    assert isinstance(one.variance, float)
    assert isinstance(one.mean, float)
    proba = model.explain_variance(X, response_method="predict_proba", **FAST)
    assert proba.mean.sum() == pytest.approx(1)


def test_quantiles_of_several_targets_have_two_axes():
    model = LSTMRegressor(loss="quantile", quantiles=(0.1, 0.5, 0.9), **SMALL)
    model = fit(model, X, np.stack([Y, -Y], axis=1))
    found = model.explain_variance(X, response_method="predict_quantiles", **FAST)
    assert found.first_order.shape == (3, 2, 3)
    assert found.total_order_interval.shape == (3, 2, 3, 2)


def test_a_scaler_in_front_changes_nothing():
    frame = pd.DataFrame(10 + 5 * X.reshape(80, -1), columns=[f"c{i}" for i in range(12)])
    model = fit(make_pipeline(StandardScaler(), LSTMRegressor(n_timesteps=4, **SMALL)), frame)
    found = explain_variance(model, frame, level={"a": ["c0", "c3"], "b": slice(2, 4), "c": [
        "c1", "c2", "c4", "c5"]}, **FAST)  # fmt: skip
    scaled = model[0].transform(frame)
    groups = {"a": [(slice(0, 2), 0)], "b": slice(2, 4), "c": [(slice(0, 2), 1), (slice(0, 2), 2)]}
    same(found, explain_variance(model[1], scaled, level=groups, **FAST), rtol=1e-5, atol=1e-7)


def test_columns_that_no_step_reads_have_no_share():
    frame = pd.DataFrame({"a": X[:, 0, 0], "b": X[:, 0, 1], "text": "?"})
    columns = ColumnTransformer([("scale", StandardScaler(), ["b"])])
    model = fit(make_pipeline(columns, LSTMRegressor(**SMALL)), frame)
    found = explain_variance(model, frame, level="cell", **FAST)
    assert found.player_names == ["a", "b", "text"]
    np.testing.assert_allclose(found.total_order, [0, 1, 0], atol=1e-6)
    assert found.n_evaluations == 64 * 3


def test_windows_of_a_table_are_its_features():
    frame = pd.DataFrame({"wind": X[:, 0, 0], "temp": X[:, 0, 1]})
    model = fit(make_pipeline(SlidingWindow(3), LSTMRegressor(**SMALL)), frame)
    found = explain_variance(model, frame, **FAST)
    assert found.player_names == ["wind", "temp"]
    windows = model[0].transform(frame)
    same_as = explain_variance(model[1], np.asarray(windows), **FAST)
    np.testing.assert_allclose(found.total_order, same_as.total_order, rtol=1e-4)
    cells = explain_variance(model, frame, level="cell", **FAST)
    assert cells.player_names[:3] == ["wind[0]", "temp[0]", "wind[1]"]


def test_tokens_are_players_with_and_without_their_step():
    texts = [" ".join(RNG.choice(["good", "bad", "so", "it"], size=3)) for _ in range(60)]
    score = np.array([t.split().count("good") - t.split().count("bad") for t in texts])
    tokenizer = SequenceTokenizer()
    lstm = LSTMRegressor(**SMALL | {"max_epochs": 20, "embedding_size": 3})
    model = fit(make_pipeline(tokenizer, lstm), texts, score)
    found = explain_variance(model, texts, level="timestep", **FAST)
    assert found.player_names == ["step 0", "step 1", "step 2"]
    codes = model[0].transform(texts)
    same(explain_variance(model[1], codes, level="timestep", **FAST), found)
    padded = np.full((60, 5), -1)
    padded[:, :3] = np.stack(list(codes))
    same(explain_variance(model[1], padded, level="timestep", **FAST), found)


def test_any_model_and_a_search_have_indices():
    table = pd.DataFrame(
        {"city": RNG.choice(["rome", "oslo"], 80), "wind": X[:, 0, 0], "noise": X[:, 0, 1]}
    )
    labels = (table["city"] == "rome") ^ (table["wind"] > 0.5)
    encode = ColumnTransformer(
        [("city", OneHotEncoder(), ["city"])], remainder="passthrough", sparse_threshold=0
    )
    for last in (RandomForestClassifier(n_estimators=10, random_state=0), LSTMClassifier(**SMALL)):
        model = fit(make_pipeline(encode, last), table, labels)
        found = explain_variance(model, table, target=None, **FAST)
        assert found.player_names == ["city", "wind", "noise"]
        assert found.total_order.shape[0] == 3
    search = GridSearchCV(
        make_pipeline(PCA(3), LSTMRegressor(n_timesteps=3, **SMALL)),
        {"lstmregressor__hidden_size": [3]},
        cv=2,
    ).fit(X.reshape(80, -1), Y)
    found = explain_variance(search, X.reshape(80, -1), level="cell", **FAST)
    same(explain_variance(search.best_estimator_, X.reshape(80, -1), level="cell", **FAST), found)


def test_real_sequences_of_different_lengths():
    X, y = load_japanese_vowels(return_X_y=True)
    model = LSTMClassifier(**SMALL).fit(X[:100], y[:100])
    found = model.explain_variance(X[:100], n_samples=128, n_resamples=50, random_state=0)
    assert np.isfinite(found.first_order).all()
    low, high = np.moveaxis(found.total_order_interval, -1, 0)
    assert ((low <= found.total_order) & (found.total_order <= high)).mean() > 0.99
    assert (found.total_order >= 0).all()


# Manners


def test_workers_and_seeds(lstm):
    found = lstm.explain_variance(X, **FAST)
    same(lstm.explain_variance(X, **FAST), found)
    with parallel_config(backend="threading"):
        same(lstm.explain_variance(X, n_jobs=2, **FAST), found)
    before, seed = np.random.get_state()[1].copy(), torch.random.get_rng_state()
    other = lstm.explain_variance(X, **FAST | {"random_state": None})
    assert (np.random.get_state()[1] == before).all()
    assert torch.equal(torch.random.get_rng_state(), seed)
    assert (other.first_order != found.first_order).any()


def test_nothing_is_changed(lstm):
    data, parameters = X.copy(), copy.deepcopy(lstm.get_params())
    lstm.net_.module_.train()
    before = lstm.predict(X)
    lstm.explain_variance(data, **FAST)
    assert lstm.net_.module_.training
    np.testing.assert_array_equal(data, X)
    np.testing.assert_array_equal(lstm.predict(X), before)
    assert lstm.get_params() == parameters


class Constant(ClassifierMixin, Known):
    """Says nothing that is a number."""


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"n_samples": 1}, "'n_samples' parameter must be an int >= 2. Got 1 instead"),
        ({"n_samples": 10.0}, "'n_samples' parameter must be an int >= 2. Got 10.0 instead"),
        ({"n_resamples": 0}, "'n_resamples' parameter must be an int >= 2. Got 0 instead"),
        ({"confidence_level": 95}, "'confidence_level' parameter .* between 0 and 1. Got 95"),
        ({"confidence_level": "x"}, "'confidence_level' parameter .* Got 'x'"),
        ({"level": "windows"}, "'level' parameter must be one of .* Got 'windows'"),
        ({"level": {"a": "x0"}}, "'level' parameter: time step 0 of feature 'x1' is in no group"),
        ({"response_method": "predict_proba"}, "'response_method' parameter .* 'predict_proba'"),
        ({"target": 3}, "'target' parameter .* Got 3"),
    ],
)
def test_wrong_parameters_are_named(lstm, arguments, message):
    with pytest.raises(ValueError, match=message):
        lstm.explain_variance(X, **arguments)


def test_wrong_models_and_data_are_named(lstm):
    with pytest.raises(NotFittedError):
        explain_variance(LSTMRegressor(), X)
    with pytest.raises(NotFittedError):
        LSTMRegressor().explain_variance(X)
    with pytest.raises(ValueError, match="X must have at least 2 rows"):
        lstm.explain_variance(X[:1])
    with pytest.raises(ValueError, match="2 features per time step"):
        lstm.explain_variance(X[:, :, :2])
    hole = X.copy()
    hole[3, 1, 2] = np.nan
    with pytest.raises(ValueError, match="sample 3"):
        lstm.explain_variance(hole)
    steps = LSTMRegressor(hidden_size=4, max_epochs=1, return_sequences=True).fit(X, X[:, :, 0])
    with pytest.raises(ValueError, match="explain_variance explains one output"):
        steps.explain_variance(X)
    univariate = fit(LSTMRegressor(**SMALL), X[:, :, 0])
    with pytest.raises(ValueError, match="Use level='cell'"):
        univariate.explain_variance(X[:, :, 0])
    with pytest.raises(ValueError, match="'response_method' parameter must be 'auto'"):
        explain_variance(Constant(linear), X)
    with pytest.raises(ValueError, match="must return an array of numbers"):
        explain_variance(Known(lambda rows: ["a"] * len(rows)), X)
