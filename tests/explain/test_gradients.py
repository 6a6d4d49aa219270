"""explain_gradients on the two estimators, through Pipelines and searches."""

import copy
import pickle
from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch
from joblib import parallel_config
from plain import PLAIN
from rounding import assert_same_numbers
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.datasets import load_japanese_vowels
from sklstm.explain import explain_gradients
from sklstm.preprocessing import (
    SequenceOneHotEncoder,
    SequenceTokenizer,
    SequenceWise,
    SlidingWindow,
)

rng = np.random.default_rng(0)
X = rng.normal([2, -30, 0], [1, 4, 0.2], size=(120, 7, 3))
Z = (X - [2, -30, 0]) / [1, 4, 0.2]
Y = 2 * Z[:, 4, 1] + Z[:, 2, 0] * Z[:, 6, 2]
LABELS = np.digitize(Y, [-1, 1])
SMALL = {"hidden_size": 6, "max_epochs": 8, "batch_size": 16, "random_state": 0}
ROWS, BACKGROUND = X[:8], X[60:80]
METHODS = ["integrated", "saliency", "input_x_gradient", "smoothgrad"]
methods = pytest.mark.parametrize("method", METHODS)


@cache
def regressor(**parameters):
    return LSTMRegressor(**{**SMALL, **parameters}).fit(X, Y)


def same(a, b, size=1e-5):
    np.testing.assert_allclose(a, b, rtol=0, atol=size * np.abs(b).max())


@cache
def planted():
    """Sequences of which two cells matter, and a model that has found them."""
    many = np.random.default_rng(1).normal(size=(1000, 7, 3))
    model = LSTMRegressor(hidden_size=12, max_epochs=40, dropout=0.0, random_state=0)
    return many, model.fit(many, 2 * many[:, 3, 2] - many[:, 5, 0])


@methods
@pytest.mark.parametrize("parameters", [{}, {"cell": "peephole", "num_layers": 2}], ids=str)
def test_shapes_names_and_what_adds_up(method, parameters):
    model = regressor(**parameters)
    e = model.explain_gradients(ROWS, method=method, random_state=0)
    assert e.values.shape == (8, 7, 3) and (e.method, e.level) == (method, "cell")
    assert_same_numbers(e.output_values, model.predict(ROWS))
    assert np.array_equal(e.data, ROWS)
    assert np.isnan(e.base_values).all() == (method != "integrated")
    assert np.isnan(e.additivity_gap).all() == (method != "integrated")
    assert (e.standard_error is not None) == (method == "smoothgrad")
    assert e.by("feature").values.shape == (8, 3)


def test_integrated_gradients_go_from_the_mean_of_training():
    model = regressor(pooling="last")
    e = model.explain_gradients(ROWS, tolerance=1e-5)
    mean = X.mean(axis=(0, 1))
    np.testing.assert_allclose(e.base_values, model.predict(np.tile(mean, (1, 7, 1)))[0], rtol=1e-5)
    assert e.additivity_gap.max() < 1e-4 * Y.std()
    given = model.explain_gradients(ROWS, background=np.tile(mean, (1, 7, 1)), tolerance=1e-5)
    same(given.values, e.values)


def test_integrated_gradients_of_several_rows_are_expected_gradients():
    model = regressor()
    options = {"background": BACKGROUND, "max_nodes": 64}
    e = model.explain_gradients(ROWS, **options)
    twin = model.explain_shap(ROWS, **options, method="gradient")
    assert np.array_equal(e.values, twin.values)
    assert np.array_equal(e.base_values, twin.base_values)
    own = np.broadcast_to(BACKGROUND, (8, *BACKGROUND.shape))
    options["background"] = own
    same(model.explain_gradients(ROWS, **options).values, e.values)


def test_rows_that_fit_kept_are_the_baselines():
    model = regressor(keep_background=10)
    kept = model.explain_gradients(ROWS)
    base = model.explain_shap(ROWS, method="gradient").base_values
    np.testing.assert_allclose(kept.base_values, base)
    assert np.ptp(kept.base_values) == 0
    mean = regressor().explain_gradients(ROWS)
    assert not np.allclose(kept.base_values, mean.base_values, rtol=1e-4)


def test_a_gap_is_told():
    model = regressor(pooling="last")
    with pytest.warns(UserWarning, match="8 of 8 rows do not add up.*Raise max_nodes"):
        model.explain_gradients(ROWS, tolerance=1e-9, max_nodes=2)


def mean_of_steps(n_features, n_outputs, random_state):
    class Body(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(n_features, n_outputs)

        def forward(self, x, lengths):
            return self.linear(x.sum(1) / lengths[:, None])

    return Body()


def test_a_linear_module_has_one_slope_everywhere():
    model = LSTMRegressor(**{**SMALL, **PLAIN, "module": mean_of_steps}).fit(X, Y)
    slopes = LinearRegression().fit(X[:, 0], model.predict(X[:, :1])).coef_ / 7
    for method in ("saliency", "smoothgrad"):
        e = model.explain_gradients(ROWS, method=method, random_state=0)
        np.testing.assert_allclose(e.values, np.broadcast_to(slopes, ROWS.shape), rtol=1e-4)
    product = slopes * (ROWS - X.mean(axis=(0, 1)))
    for method in ("input_x_gradient", "integrated"):
        same(model.explain_gradients(ROWS, method=method).values, product)


@methods
def test_the_unit_of_a_feature(method):
    model, options = copy.deepcopy(regressor()), {"method": method, "random_state": 0}
    before = model.explain_gradients(ROWS, **options).values
    scale, shift = np.array([1.8, 0.1, 1.0]), np.array([32.0, 0.0, -5.0])
    network = model.net_.module_
    factor, term = (torch.from_numpy(a).to(network.x_mean.device) for a in (scale, shift))
    network.x_mean.mul_(factor).add_(term)
    network.x_scale *= factor
    after = model.explain_gradients(ROWS * scale + shift, **options).values
    slopes = method in ("saliency", "smoothgrad")
    same(after * scale if slopes else after, before)


@methods
def test_padded_and_ragged_sequences(method):
    padded = X.copy()
    padded[:4, :2] = np.nan
    padded[4:6, 5:] = np.nan
    model, options = regressor(), {"method": method, "random_state": 0}
    e = model.explain_gradients(padded[:8], **options)
    assert not e.values[np.isnan(padded[:8])].any()
    assert np.array_equal(e.data, padded[:8], equal_nan=True)
    assert e.values[0, 2:].all()
    ragged = [x[~np.isnan(x[:, 0])] for x in padded[:8]]
    again = model.explain_gradients(ragged, **options)
    for i, x in enumerate(ragged):
        first = 2 if i < 4 else 0
        same(again.values[i, : len(x)], e.values[i, first : first + len(x)])
        assert not again.values[i, len(x) :].any()
        alone = model.explain_gradients([x], **options)
        same(alone.values[0], again.values[i, : len(x)])


@methods
def test_2_d_in_2_d_out(method):
    options = {"method": method, "random_state": 0}
    cube = regressor().explain_gradients(ROWS, **options)
    names = [f"{name}{step}" for step in range(7) for name in "abc"]
    frame = pd.DataFrame(X.reshape(120, -1), columns=names)
    flat = LSTMRegressor(**SMALL, n_timesteps=7).fit(frame, Y)
    e = flat.explain_gradients(frame[:8], **options)
    np.testing.assert_allclose(e.values, cube.values.reshape(8, -1), rtol=1e-6)
    assert e.feature_names == tuple(names)
    same(e.by("feature").values, cube.by("feature").values)
    series = LSTMRegressor(**SMALL).fit(X[:, :, 1], Y)
    assert series.explain_gradients(ROWS[:, :, 1], **options).values.shape == (8, 7)


@methods
def test_every_output_of_a_classifier_and_targets(method):
    model = LSTMClassifier(**SMALL).fit(X, np.array(["a", "b", "c"])[LABELS])
    options = {"method": method, "random_state": 0, "tolerance": 1e9}  # as many nodes for all
    e = model.explain_gradients(ROWS, **options)
    assert e.values.shape == (8, 7, 3, 3) and e.output_names == ("a", "b", "c")
    size = np.abs(e.values).max()
    assert np.abs(e.values.sum(axis=-1)).max() < 1e-5 * size  # of centred logits
    one = model.explain_gradients(ROWS, **options, target="b")
    same(one.values, e.values[..., 1], 1e-5)
    p = model.explain_gradients(ROWS, **options, response_method="predict_proba", target="c")
    assert_same_numbers(p.output_values, model.predict_proba(ROWS)[:, 2])


@methods
def test_quantiles_and_outputs_of_every_step(method):
    options = {"method": method, "random_state": 0}
    model = regressor(loss="quantile")
    e = model.explain_gradients(ROWS, **options, response_method="predict_quantiles")
    assert e.values.shape == (8, 7, 3, 3)
    steps = LSTMRegressor(**SMALL, return_sequences=True).fit(X, X[:, :, 0].cumsum(axis=1))
    short = X[:3].copy()
    short[0, 5:] = np.nan
    e = steps.explain_gradients(short, **options)
    assert e.values.shape == (3, 7, 3, 7)
    assert np.isnan(e.output_values[0, 5:]).all() and not e.values[0, :, :, 5:].any()
    future = np.arange(7)[:, None] > np.arange(7)
    assert not e.values.transpose(1, 3, 0, 2)[future].any()
    assert e.values[1, 0, 0, 6] != 0


@methods
def test_tokens_have_one_value_each(method):
    codes = np.random.default_rng(1).integers(0, 6, size=(80, 5))
    y = (codes == 3).sum(axis=1) - (codes == 1).sum(axis=1)
    model = LSTMRegressor(**{**SMALL, "max_epochs": 30}, embedding_size=4).fit(codes, y)
    ragged = [row[: 3 + i % 3].tolist() for i, row in enumerate(codes[:6])]
    options = {"method": method, "random_state": 0}
    e = model.explain_gradients(ragged, **options)
    assert e.values.shape == (6, 5, 1) and not e.values[0, 3:].any()
    assert e.standard_error is None
    values = model.explain_gradients(codes[:30], **options).values.reshape(30, 5)
    if method == "integrated":
        assert values[codes[:30] == 3].mean() > 0.5 and values[codes[:30] == 1].mean() < -0.5
        base = model.explain_gradients(codes[:30], **options).base_values
        np.testing.assert_allclose(base, model.predict(np.full((1, 5), 99))[0], rtol=1e-6)
    elif method != "input_x_gradient":
        assert (values > 0).all()  # lengths


@methods
def test_a_row_alone_and_in_a_batch_has_the_same_values(method):
    model = regressor(num_layers=2)
    options = {"method": method, "random_state": 3}
    e = model.explain_gradients(ROWS, **options)
    for i in (0, 5):
        same(model.explain_gradients(ROWS[i : i + 1], **options).values[0], e.values[i], 1e-4)
    same(model.explain_gradients(ROWS[::-1], **options).values[::-1], e.values, 1e-4)


def test_smoothgrad_is_reproducible_and_grows_surer():
    model = regressor()
    options = {"method": "smoothgrad"}
    a, b, c = (model.explain_gradients(ROWS, **options, random_state=s) for s in (1, 1, 2))
    assert np.array_equal(a.values, b.values) and not np.array_equal(a.values, c.values)
    many = model.explain_gradients(ROWS, **options, n_samples=800, random_state=0)
    assert 3 < a.standard_error.mean() / many.standard_error.mean() < 5
    z = (a.values - many.values) / np.hypot(a.standard_error, many.standard_error)
    assert z.std() < 1.5
    # Without noise to speak of it is the gradient.
    still = model.explain_gradients(ROWS, **options, noise=1e-6)
    same(still.values, model.explain_gradients(ROWS, method="saliency").values, 1e-3)


@methods
def test_the_estimator_and_the_world_are_as_before(method):
    model = pickle.loads(pickle.dumps(regressor()))
    before = pickle.dumps(model)
    model.net_.module_.recurrent.train()
    state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()
    with torch.inference_mode():
        e = model.explain_gradients(ROWS, method=method)
    assert np.isfinite(e.values).all()
    assert model.net_.module_.recurrent.training
    model.net_.module_.eval()
    assert np.array_equal(state, np.random.get_state()[1])
    assert torch.equal(torch_state, torch.get_rng_state())
    assert pickle.dumps(model) == before
    assert not any(p.grad is not None for p in model.net_.module_.parameters())


def test_several_jobs_give_the_same(monkeypatch):
    model = regressor()
    monkeypatch.setattr("sklstm.explain._rows.CHUNK_ROWS", {})
    monkeypatch.setattr("sklstm.explain._rows.FEW_ROWS", 3)
    options = {"method": "smoothgrad", "random_state": 0}
    one = model.explain_gradients(ROWS, **options)
    with parallel_config(backend="threading"):
        two = model.explain_gradients(ROWS, **options, n_jobs=2)
    same(two.values, one.values)


# Through Pipelines


@methods
def test_a_scaler_in_front_passes_the_values_on(method):
    model = make_pipeline(SequenceWise(StandardScaler()), LSTMRegressor(**SMALL)).fit(X, Y)
    options = {"method": method, "random_state": 0}
    e = explain_gradients(model, ROWS, **options)
    inside = model[-1].explain_gradients(model[0].transform(ROWS), **options)
    assert np.array_equal(e.values, inside.values)
    assert np.array_equal(e.data, ROWS)


@methods
def test_windows_of_a_table_and_searches(method):
    table = pd.DataFrame(X[:, 0, :2], columns=["wind", "rain"])
    pipeline = make_pipeline(
        StandardScaler(), SlidingWindow(4), LSTMRegressor(hidden_size=4, max_epochs=2)
    )
    search = GridSearchCV(pipeline, {"lstmregressor__learning_rate": [0.01]}, cv=2)
    search.fit(table, table["rain"])
    options = {"method": method, "random_state": 0}
    e = explain_gradients(search, table[60:90], **options)
    assert e.values.shape == (30, 4, 2) and e.feature_names == ("wind", "rain")
    if method == "integrated":
        assert e.additivity_gap.max() < 0.05 * table["rain"].std()
    assert e.by("table").values.shape == (30, 2)


@methods
def test_a_column_that_is_used_twice_and_one_that_is_dropped(method):
    table = pd.DataFrame(Z[:, 0, :3], columns=["wind", "rain", "note"])
    columns = ColumnTransformer(
        [("a", "passthrough", ["rain", "wind"]), ("b", StandardScaler(), ["rain"])]
    )
    model = make_pipeline(columns, LSTMRegressor(**SMALL)).fit(table, table["rain"])
    options = {"method": method, "random_state": 0}
    e = explain_gradients(model, table[:5], **options)
    inside = model[-1].explain_gradients(columns.transform(table[:5]), **options)
    same(e.values[:, 0], inside.values[:, 1])
    same(e.values[:, 1], inside.values[:, 0] + inside.values[:, 2])
    assert not e.values[:, 2].any() and e.standard_error is None


@methods
def test_symbols_have_one_value_each(method):
    texts = ["".join(row) for row in rng.choice(list("ACGT"), size=(60, 6))]
    y = np.array([text.count("G") for text in texts], dtype=float)
    network = LSTMRegressor(**SMALL, standardize=False)
    one_hot = make_pipeline(SequenceOneHotEncoder("ACGT"), network).fit(texts, y)
    e = explain_gradients(one_hot, texts[:5], method=method, random_state=0)
    assert e.values.shape == (5, 6, 1)
    inside = one_hot[-1].explain_gradients(
        one_hot[0].transform(texts[:5]), method=method, random_state=0
    )
    if method in ("saliency", "smoothgrad"):
        same(e.values[..., 0], np.linalg.norm(inside.values, axis=2))
        assert e.standard_error is None
    else:
        same(e.values[..., 0], inside.values.sum(axis=2))
    tokens = make_pipeline(SequenceTokenizer(), LSTMRegressor(**SMALL, embedding_size=3))
    sentences = [" ".join(text) for text in texts]
    tokens.fit(sentences, y)
    e = explain_gradients(tokens, sentences[:5], method=method, random_state=0)
    assert e.values.shape == (5, 6, 1) and e.feature_names == ("token",)


def test_steps_that_mix_cells_and_other_models_are_refused():
    table = X[:, 0]
    mixed = make_pipeline(PCA(2), LSTMRegressor(hidden_size=2, max_epochs=1)).fit(table, Y)
    with pytest.raises(ValueError, match=r"PCA \(step 'pca'\) is not a one-to-one step"):
        explain_gradients(mixed, table[:5])
    with pytest.raises(ValueError, match=r"needs an LSTM.* LinearRegression has no gradients"):
        explain_gradients(LinearRegression().fit(table, Y), table[:5])


# Ground truth


@methods
def test_planted_cells_are_found(method):
    many, model = planted()
    truth = np.zeros((7, 3), bool)
    truth[3, 2] = truth[5, 0] = True
    e = model.explain_gradients(many[:50], method=method, random_state=0)
    importance = e.abs().mean().values[0]
    assert roc_auc_score(truth.ravel(), importance.ravel()) == 1.0
    if method in ("saliency", "smoothgrad"):  # the slopes themselves
        assert abs(e.values[:, 3, 2].mean() - 2) < 0.1
        assert abs(e.values[:, 5, 0].mean() + 1) < 0.1
    else:  # what the cells add, beside their mean, 0
        assert np.corrcoef(2 * many[:50, 3, 2], e.values[:, 3, 2])[0, 1] > 0.99


def test_real_speech_adds_up_for_every_class():
    X_train, y_train = load_japanese_vowels(return_X_y=True, subset="train")
    model = LSTMClassifier(hidden_size=8, max_epochs=3, random_state=0).fit(X_train, y_train)
    e = model.explain_gradients(X_train[::30])
    assert e.values.shape == (9, X_train.shape[1], 12, 9)
    # In units of a logit, and of the distance from the baseline.
    allowed = 0.01 * (2 + np.abs(e.output_values - e.base_values)) + 1e-6
    assert (e.additivity_gap < allowed).all()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"method": "gradient"}, "The 'method' parameter must be one of"),
        ({"method": "saliency", "background": BACKGROUND}, "of method='integrated'"),
        ({"background": BACKGROUND[..., :2]}, "'background' parameter: X has 2 features"),
        ({"background": BACKGROUND[:, :4]}, "sample 0 has 7 time steps, and every row of the"),
        ({"response_method": "decision_function"}, "The 'response_method' parameter must be"),
        ({"target": 3}, "The 'target' parameter must be among"),
        ({"tolerance": 0}, "The 'tolerance' parameter must be a number > 0"),
        ({"max_nodes": 0}, "The 'max_nodes' parameter must be an int >= 1"),
        ({"n_samples": 1}, "The 'n_samples' parameter must be an int >= 2. Got 1 instead."),
        ({"n_samples": True}, "The 'n_samples' parameter"),
        (
            {"noise": 0},
            "The 'noise' parameter must be a number > 0, and at most 1e6. Got 0 instead.",
        ),
        ({"noise": np.nan}, "The 'noise' parameter"),
        ({"noise": "high"}, "The 'noise' parameter"),
        ({"random_state": "a"}, "'random_state' parameter must be None"),
    ],
)
def test_bad_input_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        regressor().explain_gradients(ROWS, **options)


def test_bad_rows_and_an_unfitted_model_are_refused():
    bad = ROWS.copy()
    bad[2, 3, 1] = np.nan
    with pytest.raises(ValueError, match="sample 2"):
        regressor().explain_gradients(bad)
    with pytest.raises(ValueError, match="not fitted"):
        explain_gradients(LSTMRegressor(), ROWS)
