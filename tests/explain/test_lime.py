"""explain_lime on estimators of any kind, through Pipelines and searches."""

import inspect
import pickle
from functools import cache

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from joblib import parallel_config
from rounding import assert_same_numbers
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LassoLars, LinearRegression, LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.datasets import load_japanese_vowels
from sklstm.explain import Explanation, explain_gradients, explain_lime, explain_shap
from sklstm.explain._lime import on_lasso_path
from sklstm.preprocessing import SequenceTokenizer, SequenceWise, SlidingWindow

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 7, 3))
Y = 2 * X[:, 4, 1] + X[:, 2, 0] * X[:, 6, 2]
LABELS = np.array(["a", "b", "c"])[np.digitize(Y, [-1, 1])]
SMALL = {"hidden_size": 5, "max_epochs": 5, "batch_size": 16, "random_state": 0}
ROWS, BACKGROUND = X[:4], X[60:80]
TABLE = rng.normal(3, 2, size=(90, 6))
COEFFICIENTS = np.array([1.0, -2.0, 0.0, 3.0, 0.5, -1.0])
LINEAR = LinearRegression().fit(TABLE, TABLE @ COEFFICIENTS + 7)
OPTIONS = {"random_state": 0, "n_samples": 400}


@cache
def regressor(**parameters):
    return LSTMRegressor(**{**SMALL, **parameters}).fit(X, Y)


def same(a, b, size=1e-5):
    np.testing.assert_allclose(a, b, rtol=0, atol=size * np.abs(b).max())


def adds_up_to_the_local_model(e):
    """The gap is the distance of the sum from the output, and no more than that."""
    total = e.base_values + e.values.reshape(len(e), e.n_players, *e.base_values.shape[1:]).sum(1)
    np.testing.assert_allclose(np.abs(total - e.output_values), e.additivity_gap)


# Ground truth


def test_local_slopes_of_a_linear_model_are_found():
    e = explain_lime(LINEAR, TABLE[:5], background=TABLE[30:], random_state=0, n_samples=4000)
    expected = COEFFICIENTS * (TABLE[:5] - TABLE[30:].mean(axis=0))
    z = (e.values - expected) / e.standard_error
    assert np.abs(z).max() < 4 and z.std() > 0.3
    assert e.standard_error.max() < 0.6
    np.testing.assert_allclose(e.output_values, LINEAR.predict(TABLE[:5]))
    assert e.local_fidelity.shape == (5,) and e.local_fidelity.min() > 0.9
    adds_up_to_the_local_model(e)
    # Beside a baseline nothing is drawn but patterns, and nothing is left of the error.
    one = explain_lime(LINEAR, TABLE[:5], background=TABLE[30:31], **OPTIONS)
    np.testing.assert_allclose(one.values, COEFFICIENTS * (TABLE[:5] - TABLE[30]), atol=1e-9)
    np.testing.assert_allclose(one.local_fidelity, 1)
    np.testing.assert_allclose(one.base_values, LINEAR.predict(TABLE[30:31])[0])


class Local(BaseEstimator):
    """A function that is flat but near the first row, where it is steep."""

    def fit(self, X, y):
        self.fitted_ = True
        return self

    def predict(self, X):
        near = (X[:, :4] == TABLE[0, :4]).sum(axis=1) >= 3
        return near * 10.0


def test_a_narrow_kernel_is_more_local():
    model = Local().fit(TABLE, None)
    wide, narrow = (
        explain_lime(model, TABLE[:1], background=TABLE[30:31], random_state=0, kernel_width=width)
        for width in (10.0, 0.1)
    )
    # One player that is off changes nothing; two of the first four do.
    assert wide.values[0, :4].min() > 2.5
    assert np.abs(narrow.values).max() < 1e-2 and narrow.additivity_gap[0] < 1e-3


def test_planted_cells_are_found():
    many = np.random.default_rng(1).normal(size=(1000, 7, 3))
    truth = np.zeros((7, 3), bool)
    truth[3, 2] = truth[5, 0] = True
    model = LSTMRegressor(hidden_size=12, dropout=0.0, max_epochs=30, random_state=0)
    model.fit(many, 2 * many[:, 3, 2] - many[:, 5, 0])
    e = model.explain_lime(many[:10], background=many[100:200], random_state=0)
    assert roc_auc_score(truth.ravel(), e.abs().mean().values.ravel()) == 1.0
    expected = 2 * (many[:10, 3, 2] - many[100:200, 3, 2].mean())
    assert np.corrcoef(expected, e.values[:, 3, 2])[0, 1] > 0.97
    sparse = model.explain_lime(many[:10], background=many[100:200], random_state=0, n_nonzero=2)
    assert (np.count_nonzero(sparse.values, axis=(1, 2)) <= 2).all()
    large = np.abs(e.values[:, [3, 5], [2, 0]]).min(axis=1) > 0.5
    assert large.sum() > 2
    assert all(set(np.flatnonzero(v)) == {11, 15} for v in sparse.values[large])


# Sparsity


def test_the_path_of_the_lasso_is_followed_as_far_as_wanted():
    design = rng.normal(size=(200, 8))
    design -= design.mean(axis=0)
    y = design @ [5.0, 0, 4, 0, 3, 0, 2, 1] + rng.normal(size=200)
    y -= y.mean()
    alphas = np.geomspace(0.01, 10, 150)
    path = [LassoLars(alpha=a, fit_intercept=False).fit(design, y).coef_ != 0 for a in alphas]
    gram, product = design.T @ design / 200, design.T @ y / 200
    for n in range(1, 8):
        twin = next(used for used in path if used.sum() <= n)
        for scale in (1e-8, 1.0, 1e8):
            chosen = on_lasso_path(n, gram, product * scale)
            assert chosen.sum() == n and np.array_equal(chosen, twin)
    assert on_lasso_path(8, gram, product).all()
    assert not on_lasso_path(3, gram, 0 * product).any()


def test_sparse_models_have_few_players():
    options = {**OPTIONS, "background": TABLE[30:31]}
    e = explain_lime(LINEAR, TABLE[:5], **options, n_nonzero=2)
    assert (np.count_nonzero(e.values, axis=1) == 2).all()
    assert e.standard_error is None
    assert (e.local_fidelity < 1).all()
    adds_up_to_the_local_model(e)
    # The largest of them; the third has no slope.
    full = explain_lime(LINEAR, TABLE[:5], **options)
    assert np.array_equal(np.abs(full.values).argmax(axis=1), np.abs(e.values).argmax(axis=1))
    five = explain_lime(LINEAR, TABLE[:5], **options, n_nonzero=5)
    np.testing.assert_allclose(five.values, full.values, atol=1e-9)
    model = LSTMClassifier(**SMALL).fit(X, LABELS)
    every = model.explain_lime(ROWS, background=BACKGROUND, **OPTIONS, n_nonzero=3)
    assert (np.count_nonzero(every.values, axis=(1, 2)) == 3).all()


# What can be explained


@pytest.mark.parametrize("level, n", [("cell", 21), ("feature", 3), ("timestep", 7), (3, 3)])
def test_levels_of_sequences(level, n):
    e = regressor().explain_lime(ROWS, background=BACKGROUND, level=level, **OPTIONS)
    assert (e.n_players, e.method) == (n, "lime")
    assert e.values.shape == ((4, 7, 3) if level == "cell" else (4, n))
    assert_same_numbers(e.output_values, regressor().predict(ROWS))
    assert e.standard_error.shape == e.values.shape
    adds_up_to_the_local_model(e)
    assert "local fidelity (R²): at least" in repr(e)


def test_groups_and_windows_agree_with_shapley_values_of_a_nearly_linear_model():
    groups = {"one": 1, "early": (slice(0, 4), [0, 2][0]), "rest": [(slice(4, 7), 0), 2]}
    options = {"background": BACKGROUND, "level": groups}
    e = regressor().explain_lime(ROWS, **options, random_state=0)
    exact = regressor().explain_shap(ROWS, **options)
    assert np.corrcoef(e.values.ravel(), exact.values.ravel())[0, 1] > 0.9
    assert e.player_names == ("one", "early", "rest")


def test_padded_and_ragged_sequences():
    padded = X[:6].copy()
    padded[:2, :2] = np.nan
    padded[2:4, 5:] = np.nan
    options = {"background": BACKGROUND, **OPTIONS}
    e = regressor().explain_lime(padded, **options)
    assert not e.values[np.isnan(padded)].any() and e.values[0, 2:].all()
    assert e.lengths.tolist() == [5, 5, 5, 5, 7, 7]
    ragged = [x[~np.isnan(x[:, 0])] for x in padded]
    again = regressor().explain_lime(ragged, **options)
    for i, x in enumerate(ragged):
        first = 2 if i < 2 else 0
        same(again.values[i, : len(x)], e.values[i, first : first + len(x)])
        alone = regressor().explain_lime([x], **options)
        same(alone.values[0], again.values[i, : len(x)])
        same(alone.local_fidelity, again.local_fidelity[i : i + 1])


def test_2_d_in_2_d_out():
    flat = LSTMRegressor(**SMALL, n_timesteps=7).fit(X.reshape(120, -1), Y)
    cube = regressor().explain_lime(ROWS, background=BACKGROUND, **OPTIONS)
    options = {"background": BACKGROUND.reshape(20, -1), **OPTIONS}
    e = flat.explain_lime(ROWS.reshape(4, -1), **options)
    same(e.values, cube.values.reshape(4, -1))
    feature = flat.explain_lime(ROWS.reshape(4, -1), **options, level="feature")
    assert feature.player_names == ("x0", "x1", "x2")
    series = LSTMRegressor(**SMALL).fit(X[:, :, 1], Y)
    with pytest.raises(ValueError, match="Use level='cell'"):
        series.explain_lime(ROWS[:, :, 1], background=BACKGROUND[:, :, 1], level="feature")


def test_every_output_of_a_classifier_and_targets():
    model = LSTMClassifier(**SMALL).fit(X, LABELS)
    options = {"background": BACKGROUND, **OPTIONS}
    e = model.explain_lime(ROWS, **options, response_method="predict_proba")
    assert e.values.shape == (4, 7, 3, 3) and e.local_fidelity.shape == (4, 3)
    assert np.abs(e.values.sum(axis=-1)).max() < 1e-6  # no shift of all probabilities
    one = model.explain_lime(ROWS, **options, response_method="predict_proba", target="b")
    same(one.values, e.output("b").values)
    same(one.local_fidelity, e.output("b").local_fidelity)


def test_outputs_of_every_step():
    steps = LSTMRegressor(**SMALL, return_sequences=True).fit(X, X[:, :, 0].cumsum(axis=1))
    short = X[:3].copy()
    short[0, 5:] = np.nan
    e = steps.explain_lime(short, background=BACKGROUND, **OPTIONS)
    assert e.values.shape == (3, 7, 3, 7) and e.local_fidelity.shape == (3, 7)
    assert np.isnan(e.local_fidelity[0, 5:]).all() and np.isfinite(e.local_fidelity[1:]).all()
    assert np.abs(e.values[1, 0, 0, 3]) > 0


def test_tokens_and_kept_backgrounds():
    codes = np.random.default_rng(1).integers(0, 6, size=(80, 5))
    y = (codes == 3).sum(axis=1) - (codes == 1).sum(axis=1)
    parameters = {**SMALL, "max_epochs": 30, "embedding_size": 4, "keep_background": 20}
    model = LSTMRegressor(**parameters).fit(codes, y)
    values = model.explain_lime(codes[:15], random_state=0).values.reshape(15, 5)
    assert values[codes[:15] == 3].mean() > 0.5 and values[codes[:15] == 1].mean() < -0.5
    pipeline = make_pipeline(SequenceTokenizer(), LSTMRegressor(**SMALL, embedding_size=3))
    texts = [" ".join("abcdef"[code] for code in row) for row in codes]
    pipeline.fit(texts, y)
    e = explain_lime(pipeline, texts[:3], background=texts[20:], **OPTIONS)
    assert e.values.shape == (3, 5, 1) and e.feature_names == ("token",)


def test_windows_of_a_table_and_searches():
    table = pd.DataFrame(X[:, 0, :2], columns=["wind", "rain"])
    pipeline = make_pipeline(
        StandardScaler(), SlidingWindow(4), LSTMRegressor(hidden_size=4, max_epochs=2)
    )
    search = GridSearchCV(pipeline, {"lstmregressor__learning_rate": [0.01]}, cv=2)
    search.fit(table, table["rain"])
    e = explain_lime(search, table[60:70], background=table[:60], **OPTIONS)
    assert e.values.shape == (10, 4, 2) and e.feature_names == ("wind", "rain")
    whole = e.by("table")
    assert whole.values.shape == (10, 2) and whole.local_fidelity is None


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_any_estimator_of_a_table_with_text(frame):
    mixed = frame(
        {"city": rng.choice(["rome", "oslo"], 90).tolist(), "temp": TABLE[:, 0], "x": TABLE[:, 1]}
    )
    y = (TABLE[:, 0] > 3) ^ (np.asarray(mixed["city"]) == "rome")
    columns = OneHotEncoder(sparse_output=False, handle_unknown="ignore")
    model = make_pipeline(columns, LogisticRegression()).fit(mixed, y)
    e = explain_lime(model, mixed[:5], background=mixed[30:], **OPTIONS)
    assert e.values.shape == (5, 3) and e.method == "lime"
    assert e.feature_names == ("city", "temp", "x")
    np.testing.assert_allclose(e.output_values, model.decision_function(mixed[:5]))
    adds_up_to_the_local_model(e)


def test_forests_and_networks_behind_a_step_that_mixes():
    forest = RandomForestClassifier(5, random_state=0).fit(TABLE, LABELS[:90])
    e = explain_lime(forest, TABLE[:3], background=TABLE[30:], **OPTIONS)
    assert e.values.shape == (3, 6, 3) and e.response_method == "predict_proba"
    assert e.local_fidelity.shape == (3, 3)
    network = make_pipeline(PCA(4), LSTMRegressor(**SMALL, n_timesteps=2))
    network.fit(TABLE, TABLE @ COEFFICIENTS)
    e = explain_lime(network, TABLE[:3], background=TABLE[30:], **OPTIONS)
    assert e.values.shape == (3, 6)
    wide = make_pipeline(SequenceWise(PCA(2)), LSTMRegressor(**SMALL)).fit(X, Y)
    ragged = [x[: 4 + i % 3] for i, x in enumerate(ROWS)]
    e = explain_lime(wide, ragged, background=BACKGROUND, level="timestep", **OPTIONS)
    assert e.values.shape == (4, 6) and not e.values[0, 4:].any()


# The rest of the contract


def test_rows_apart_jobs_and_random_states(monkeypatch):
    options = {"background": BACKGROUND, **OPTIONS}
    e = regressor().explain_lime(ROWS, **options)
    assert np.array_equal(regressor().explain_lime(ROWS, **options).values, e.values)
    same(regressor().explain_lime(ROWS[2:3], **options).values, e.values[2:3])
    other = regressor().explain_lime(ROWS, **{**options, "random_state": 1})
    assert not np.allclose(other.values, e.values)
    monkeypatch.setattr("sklstm.explain._rows.FEW_ROWS", 2)
    monkeypatch.setattr("sklstm.explain._agnostic.CHUNK_ROWS", 2)
    with parallel_config(backend="threading"):
        same(regressor().explain_lime(ROWS, **options, n_jobs=2).values, e.values)
        plain = explain_lime(LINEAR, TABLE[:5], background=TABLE, **OPTIONS, n_jobs=2)
    same(plain.values, explain_lime(LINEAR, TABLE[:5], background=TABLE, **OPTIONS).values)


@pytest.mark.parametrize("function", [explain_lime, explain_gradients, explain_shap])
def test_methods_have_the_parameters_of_the_functions(function):
    parameters = list(inspect.signature(function).parameters.values())[1:]
    method = getattr(LSTMClassifier, function.__name__)
    of_method = list(inspect.signature(method).parameters.values())[1:]
    for one, other in zip(parameters, of_method, strict=True):
        assert (one.name, one.default, one.kind) == (other.name, other.default, other.kind)


def test_own_background_rows():
    own = np.broadcast_to(BACKGROUND, (4, *BACKGROUND.shape)).copy()
    own[1] += 1
    e = regressor().explain_lime(ROWS, background=own, **OPTIONS)
    shared = regressor().explain_lime(ROWS, background=BACKGROUND, **OPTIONS)
    same(e.values[[0, 2, 3]], shared.values[[0, 2, 3]])
    assert not np.allclose(e.values[1], shared.values[1])


def test_many_cells_in_bounded_memory(monkeypatch):
    long = rng.normal(size=(6, 120, 10))
    model = LSTMRegressor(hidden_size=4, max_epochs=1, random_state=0).fit(long, long[:, -1, 0])
    largest = []
    whole = torch.where
    monkeypatch.setattr("sklstm._attribution._lime.ENTRIES", 2**18)
    monkeypatch.setattr(
        "torch.where", lambda *parts: (largest.append(parts[0].numel()), whole(*parts))[1]
    )
    options = {"background": long[1:], "random_state": 0, "n_samples": 2600}
    e = model.explain_lime(long[:1], **options)
    assert e.values.shape == (1, 120, 10)
    assert 0 < max(largest) <= 2**18
    with pytest.raises(ValueError, match=r"at most 4096 players. There are 6000.*windows"):
        model.explain_lime(np.ones((1, 600, 10)), background=np.ones((1, 600, 10)))


def test_the_estimator_and_the_world_are_as_before():
    model = pickle.loads(pickle.dumps(regressor()))
    before = pickle.dumps(model)
    state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()
    model.explain_lime(ROWS, background=BACKGROUND, n_samples=200)
    linear = pickle.dumps(LINEAR)
    explain_lime(LINEAR, TABLE[:2], background=TABLE, n_samples=200)
    assert pickle.dumps(LINEAR) == linear
    assert np.array_equal(state, np.random.get_state()[1])
    assert torch.equal(torch_state, torch.get_rng_state())
    assert pickle.dumps(model) == before


def test_real_speech_and_files(tmp_path):
    X_train, y_train = load_japanese_vowels(return_X_y=True, subset="train")
    model = LSTMClassifier(hidden_size=8, max_epochs=3, random_state=0).fit(X_train, y_train)
    e = model.explain_lime(X_train[::90], background=X_train[::4], level="feature", random_state=0)
    assert e.values.shape == (3, 12, 9)
    assert np.median(e.local_fidelity) > 0.5
    e.save(tmp_path / "file")
    loaded = Explanation.load(tmp_path / "file")
    assert np.array_equal(loaded.local_fidelity, e.local_fidelity)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"background": None}, "Pass background=X_train"),
        ({"background": BACKGROUND[..., :2]}, "'background' parameter: X has 2 features"),
        ({"level": "steps"}, "The 'level' parameter must be"),
        ({"n_samples": 0}, "'n_samples' parameter must be None or an int >= 1. Got 0 instead."),
        ({"n_samples": 45}, "'n_samples' parameter must be at least 46 .* 21 players. Got 45"),
        ({"n_samples": 45.0}, "The 'n_samples' parameter"),
        ({"kernel_width": 0}, "'kernel_width' parameter must be a number > 0. Got 0 instead."),
        ({"kernel_width": None}, "The 'kernel_width' parameter"),
        ({"kernel_width": np.inf}, "The 'kernel_width' parameter"),
        ({"kernel_width": 1e-3}, "not enough for a model of 21 players"),
        # Every player is off alone somewhere, but that weighs nothing beside the row.
        ({"kernel_width": 0.005, "n_samples": 4000}, "not enough for a model of 21 players"),
        ({"n_nonzero": 0}, "The 'n_nonzero' parameter must be None or an int >= 1"),
        ({"n_nonzero": True}, "The 'n_nonzero' parameter"),
        ({"response_method": "decision_function"}, "The 'response_method' parameter must be"),
        ({"target": 3}, "The 'target' parameter must be among"),
    ],
)
def test_bad_input_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        regressor().explain_lime(ROWS, **{"background": BACKGROUND, **options})


class Infinite(LinearRegression):
    def predict(self, X):
        return np.where(X[:, 0] == TABLE[0, 0], 1.0, np.inf)


def test_bad_input_of_other_models_is_named():
    with pytest.raises(ValueError, match="part X, part background is not finite"):
        explain_lime(Infinite().fit(TABLE, TABLE[:, 0]), TABLE[:1], background=TABLE, **OPTIONS)
    with pytest.raises(ValueError, match="Pass background=X_train"):
        explain_lime(LINEAR, TABLE[:3])
    with pytest.raises(ValueError, match="not enough for a model of 6 players"):
        explain_lime(LINEAR, TABLE[:3], background=TABLE, kernel_width=1e-3)
    with pytest.raises(ValueError, match="not fitted"):
        explain_lime(LinearRegression(), TABLE[:3], background=TABLE)
