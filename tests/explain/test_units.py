"""explain_units on the two estimators, in every container, and through Pipelines."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from joblib import parallel_config
from rounding import ROUNDING, assert_same_numbers
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.datasets import load_japanese_vowels
from sklstm.explain import explain_gates, explain_units
from sklstm.preprocessing import SequenceWise, SlidingWindow

X = np.random.default_rng(0).normal(size=(80, 6, 3))
Y = 2 * X[:, 4, 1] + X[:, 2, 0]
LABELS = np.digitize(Y, [-1, 1])
SMALL = {"hidden_size": 4, "max_epochs": 4, "batch_size": 16, "random_state": 0}
ROWS, BACKGROUND = X[:8], X[40:60]
DEEP = {"num_layers": 2, "bidirectional": True}
EVERYTHING = {**DEEP, "cell": "peephole", "pooling": ["attention", "max", "mean", "last", "input"]}
NETWORKS = {
    "default": {},
    "last": {"pooling": "last"},
    "attention": {"pooling": "attention"},
    "stacked": {"num_layers": 3},
    "everything": EVERYTHING,
    "relu": {"activation": "relu", "num_layers": 2},
    "not standardised": {"standardize": False},
    "quantile": {"loss": "quantile"},
}


def regressor(**params):
    return LSTMRegressor(**{**SMALL, **params}).fit(X, Y)


def assert_adds_up(units, outputs):
    """Base value, direct part and the units of each layer are the output."""
    assert_same_numbers(units.output_values, outputs)
    outputs = units.output_values
    spread = np.nanstd(outputs, axis=0).max()
    for layer in range(units.contribution.shape[1]):
        own = units.contribution[:, layer]
        total = units.base_values + units.direct + own.sum(axis=(1, 2))
        np.testing.assert_allclose(total, outputs, atol=1e-5 * spread)
        np.testing.assert_allclose(units.additivity_gap[:, layer], np.abs(total - outputs))
        assert np.abs(own).max() > 0.01 * spread
    assert units.additivity_gap.shape == (*units.contribution.shape[:2], *outputs.shape[1:])


# ---------------------------------------------------------------- contributions


@pytest.mark.parametrize("params", NETWORKS.values(), ids=NETWORKS)
def test_the_units_of_every_layer_add_up_to_the_output(params):
    model = regressor(**params)
    units = model.explain_units(ROWS, background=BACKGROUND)
    shape = params.get("num_layers", 1), 1 + params.get("bidirectional", False), 4
    assert units.contribution.shape == (8, *shape)
    assert_adds_up(units, model.predict(ROWS))
    np.testing.assert_allclose(
        units.base_values, model.predict(BACKGROUND).mean(), rtol=max(1e-6, ROUNDING)
    )
    assert units.direct.any() == ("input" in np.ravel(params.get("pooling", ["input"])))
    assert units.ablation is None and units.output_names is None


@pytest.mark.parametrize("method", ["decision_function", "predict_proba"])
def test_every_output_of_a_classifier_adds_up(method):
    model = LSTMClassifier(**SMALL, **DEEP).fit(X, np.array(["a", "b", "c"])[LABELS])
    units = model.explain_units(ROWS, background=BACKGROUND, response_method=method)
    assert units.contribution.shape == (8, 2, 2, 4, 3)
    assert_adds_up(units, getattr(model, method)(ROWS))
    assert list(units.output_names) == ["a", "b", "c"]
    one = model.explain_units(ROWS, background=BACKGROUND, response_method=method, target="b")
    np.testing.assert_allclose(one.contribution, units.contribution[..., 1], atol=1e-6)


def test_several_targets_quantiles_and_sequence_outputs_add_up():
    model = LSTMRegressor(**SMALL, loss="quantile").fit(X, np.stack([Y, X[:, 0, 0]], axis=1))
    units = model.explain_units(ROWS, background=BACKGROUND, response_method="predict_quantiles")
    assert units.contribution.shape == (8, 1, 1, 4, 2, 3)
    assert_adds_up(units, model.predict_quantiles(ROWS))
    padded = X.copy()
    padded[:4, :2] = np.nan
    model = LSTMRegressor(**SMALL, **DEEP, return_sequences=True).fit(padded, X.cumsum(1)[:, :, :2])
    units = model.explain_units(padded[:8], background=BACKGROUND)
    assert units.contribution.shape == (8, 2, 2, 4, 6, 2)
    assert_adds_up(units, model.predict(padded[:8]))
    assert not units.contribution[:4, ..., :2, :].any()


def test_containers_agree():
    rng = np.random.default_rng(1)
    model = regressor(**DEEP)
    padded = ROWS.copy()
    padded[0, :2] = padded[1, 4:] = np.nan
    ragged = [row[~np.isnan(row[:, 0])] for row in padded]
    expected = model.explain_units(padded, Y[:8], background=BACKGROUND)
    assert_adds_up(expected, model.predict(padded))
    found = model.explain_units(ragged, Y[:8], background=BACKGROUND)
    for name in ("contribution", "ablation", "exciting_state", "saturated", "dead"):
        np.testing.assert_allclose(found[name], expected[name], atol=1e-6)
    alone = model.explain_units(padded[:1], background=BACKGROUND)
    np.testing.assert_allclose(alone.contribution, expected.contribution[:1], atol=1e-6)
    table = LSTMRegressor(**SMALL, **DEEP, n_timesteps=6).fit(X.reshape(80, -1), Y)
    found = table.explain_units(ROWS.reshape(8, -1), background=BACKGROUND.reshape(20, -1))
    expected = model.explain_units(ROWS, background=BACKGROUND)
    np.testing.assert_allclose(found.contribution, expected.contribution, atol=1e-5)
    codes = rng.integers(0, 5, size=(80, 6))
    tokens = LSTMRegressor(**SMALL, embedding_size=3).fit(codes, Y)
    rows = [codes[0], codes[1, :4], codes[2]]
    units = tokens.explain_units(rows, background=codes[20:40])
    assert_adds_up(units, tokens.predict(rows))


@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
def test_above_the_last_layer_it_is_the_head_times_the_difference(pooling):
    model = regressor(**DEEP, pooling=pooling)
    units = model.explain_units(ROWS, background=BACKGROUND)

    def pooled(rows):
        hidden = model.explain_gates(rows).hidden_state[:, :, -1].astype(np.float64)
        if pooling == "last":
            return np.stack([hidden[:, -1, 0], hidden[:, 0, 1]], axis=1)
        return hidden.mean(axis=1) if pooling == "mean" else hidden.max(axis=1)

    network = model.net_.module_
    weight = (network.head.weight[0].detach() * network.y_scale).cpu().numpy()
    expected = (pooled(ROWS) - pooled(BACKGROUND).mean(axis=0)) * weight.reshape(2, 4)
    np.testing.assert_allclose(units.contribution[:, -1], expected, atol=1e-5)


def apart(**params):
    """Unit k of both layers reads feature k alone; unit 2 is not read by anybody."""
    model = LSTMRegressor(**{**SMALL, "hidden_size": 3}, num_layers=2, pooling="last", **params)
    network = model.fit(X, Y).net_.module_
    own = torch.eye(3, device=network.x_mean.device).repeat(4, 1)
    with torch.no_grad():
        for layer in network.recurrent.forward_layers:
            layer.lstm.weight_ih_l0.mul_(own)
            layer.lstm.weight_hh_l0.mul_(own)
        network.head.weight[:, 2] = 0.0
    return model


def test_units_that_read_a_feature_each_have_its_value():
    model = apart()
    units = model.explain_units(ROWS, Y[:8], background=BACKGROUND)
    e = model.explain_shap(ROWS, background=BACKGROUND, method="deep")
    by_feature = e.values.sum(axis=1)
    for layer in range(2):
        np.testing.assert_allclose(units.contribution[:, layer, 0], by_feature, atol=1e-6)
    assert not units.contribution[:, :, 0, 2].any()
    assert not units.ablation[:, 0, 2].any()
    assert units.ablation[:, 0, :2].all()


# ---------------------------------------------------------------- ablation


def test_without_the_only_unit_that_is_read_nothing_is_known():
    """One unit of the last layer at its mean: a constant forecast."""
    model = apart()
    with torch.no_grad():
        model.net_.module_.head.weight[:, 0] = 0.0
    units = model.explain_units(X, Y, background=BACKGROUND)
    mean = model.explain_gates(X).hidden_state[:, :, 1, 0, 1].mean(dtype=np.float64)
    network = model.net_.module_
    weight, bias = network.head.weight[0, 1].item(), network.head.bias.item()
    constant = (weight * mean + bias) * network.y_scale.item() + network.y_mean.item()
    expected = model.score(X, Y) - r2_score(Y, np.full(80, constant))
    np.testing.assert_allclose(units.ablation[1, 0], [0, expected, 0], atol=1e-6)
    assert units.ablation[:, 0, 1].all() and not units.ablation[0, 0, [0, 2]].any()


@pytest.mark.parametrize("scoring", [None, "neg_mean_absolute_error"])
def test_ablation_is_the_drop_of_the_score_without_the_unit(scoring):
    model = regressor(**DEEP, pooling=["mean", "last"])
    units = model.explain_units(X, Y, background=BACKGROUND, scoring=scoring)
    mean = model.explain_gates(X).hidden_state.mean(axis=(0, 1), dtype=np.float64)

    def score(model):
        predicted = model.predict(X)
        return r2_score(Y, predicted) if scoring is None else -mean_absolute_error(Y, predicted)

    assert units.ablation.shape == (2, 2, 4) and np.abs(units.ablation).max() > 1e-3
    for layer, direction, unit in [(0, 0, 1), (0, 1, 3), (1, 0, 2), (1, 1, 0)]:
        held = copy.deepcopy(model)
        stack, head = held.net_.module_.recurrent, held.net_.module_.head
        both = stack.forward_layers, stack.backward_layers
        column, value = 4 * direction + unit, mean[layer, direction, unit]
        own = both[direction][layer].lstm
        readers = [(own.weight_hh_l0, own.bias_hh_l0, unit)]
        if layer == 0:
            readers += [(one[1].lstm.weight_ih_l0, one[1].lstm.bias_ih_l0, column) for one in both]
        else:
            readers += [(head.weight, head.bias, k + column) for k in (0, 8)]
        with torch.no_grad():
            for weight, bias, k in readers:
                bias.add_(weight[:, k].clone(), alpha=value)
                weight[:, k] = 0.0
        expected = score(model) - score(held)
        np.testing.assert_allclose(units.ablation[layer, direction, unit], expected, atol=1e-6)


def test_labels_and_steps_are_scored_and_jobs_change_nothing():
    model = LSTMClassifier(**SMALL, bidirectional=False).fit(X, LABELS)
    units = model.explain_units(X, LABELS, background=BACKGROUND, scoring="neg_log_loss")
    with parallel_config("threading"):
        jobs = model.explain_units(
            X, LABELS, background=BACKGROUND, scoring="neg_log_loss", n_jobs=2
        )
    np.testing.assert_array_equal(units.ablation, jobs.ablation)
    np.testing.assert_allclose(units.contribution, jobs.contribution, atol=1e-7)
    assert units.ablation.any()
    steps = LSTMRegressor(**SMALL, return_sequences=True).fit(X, X[:, :, 0].cumsum(axis=1))
    units = steps.explain_units(X, X[:, :, 0].cumsum(axis=1), background=BACKGROUND[:2])
    assert units.ablation.max() > 0.01


def test_the_fitted_network_itself_is_never_without_a_unit():
    model = regressor()
    seen = []

    def score(estimator, X, y):
        seen.append(model.predict(ROWS))
        return estimator.score(X, y)

    units = model.explain_units(X, Y, background=BACKGROUND[:1], scoring=score)
    assert len(seen) == 5 and units.ablation.any()
    assert all(np.array_equal(seen[0], outputs) for outputs in seen)


# ---------------------------------------------------------------- what excites


def test_exciting_rows_and_steps_are_those_of_the_highest_states():
    padded = X.copy()
    padded[:20, :2] = np.nan
    padded[20:30, 4:] = np.nan
    model = LSTMRegressor(**SMALL, **DEEP).fit(padded, Y)
    units = model.explain_units(padded, background=BACKGROUND, n_excite=7)
    hidden = model.explain_gates(padded).hidden_state
    assert units.exciting.shape == (2, 2, 4, 7, 2) and units.exciting.dtype == np.int64
    for place in np.ndindex(2, 2, 4):
        own = hidden[:, :, *place]
        highest = [(np.nanmax(row), np.nanargmax(row)) for row in own]
        order = sorted(range(80), key=lambda i: (-highest[i][0], i))[:7]
        expected = [(row, highest[row][1]) for row in order]
        assert units.exciting[place].tolist() == [list(pair) for pair in expected]
        rows, steps = units.exciting[place].T
        np.testing.assert_allclose(units.exciting_state[place], own[rows, steps], atol=1e-7)
    assert model.explain_units(ROWS[:3], background=BACKGROUND).exciting.shape == (2, 2, 4, 3, 2)


def test_the_input_that_a_unit_waits_for_excites_it():
    """Unit 1 writes where feature 1 is high and forgets nothing until the next step."""
    model = LSTMRegressor(**{**SMALL, "hidden_size": 2}, standardize=False).fit(X, Y)
    lstm = model.net_.module_.recurrent.forward_layers[0].lstm
    with torch.no_grad():
        for parameter in lstm.parameters():
            parameter.zero_()
        lstm.weight_ih_l0[5, 1] = 1.0  # candidate of unit 1
        lstm.bias_ih_l0[2:4] = -20.0  # both forget
    units = model.explain_units(X, background=BACKGROUND, n_excite=5)
    flat = np.argsort(-X[:, :, 1].max(axis=1))[:5]
    assert units.exciting[0, 0, 1, :, 0].tolist() == flat.tolist()
    assert units.exciting[0, 0, 1, :, 1].tolist() == X[flat, :, 1].argmax(axis=1).tolist()
    assert units.dead[0, 0].tolist() == [1, 0]  # unit 0 has no weights
    assert not units.saturated.any()


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_saturated_and_dead_are_shares_of_real_steps(activation):
    model = LSTMRegressor(**SMALL, **DEEP, activation=activation, standardize=False).fit(9 * X, Y)
    units = model.explain_units(9 * X, background=9 * BACKGROUND)
    share = model.explain_gates(9 * X).saturation.cell_output
    assert share.max() > 0.05
    expected, zero = (units.saturated, units.dead)[:: 1 if activation == "tanh" else -1]
    np.testing.assert_array_equal(expected, share)
    assert not zero.any()


# ---------------------------------------------------------------- Pipelines and real data


def test_x_and_background_go_through_any_steps():
    pipeline = make_pipeline(SequenceWise(PCA(2)), LSTMRegressor(**SMALL))
    search = GridSearchCV(
        pipeline,
        {"lstmregressor__hidden_size": [2]},
        scoring="neg_mean_absolute_error",
        cv=2,
    ).fit(X, Y)
    units = explain_units(search, ROWS, Y[:8], background=BACKGROUND)
    assert_adds_up(units, search.predict(ROWS))
    before, last = search.best_estimator_[:-1], search.best_estimator_[-1]
    expected = last.explain_units(
        before.transform(ROWS),
        Y[:8],
        background=before.transform(BACKGROUND),
        scoring="neg_mean_absolute_error",
    )
    for name in ("contribution", "ablation", "exciting"):
        np.testing.assert_array_equal(units[name], expected[name])


def test_the_scorer_is_that_of_the_search_or_the_one_given():
    pipeline = make_pipeline(FunctionTransformer(), LSTMRegressor(**SMALL))
    grid, metrics = {"lstmregressor__hidden_size": [2]}, {"a": "r2", "b": "neg_mean_absolute_error"}
    search = GridSearchCV(pipeline, grid, scoring=metrics, refit="b", cv=2)
    model = Pipeline([("nothing", "passthrough"), ("search", search)]).fit(X, Y)

    def ablated(**options):
        return explain_units(model, X, Y, background=BACKGROUND[:1], **options).ablation

    last = model[-1].best_estimator_[-1]
    for name, scoring in metrics.items():
        expected = last.explain_units(X, Y, background=BACKGROUND[:1], scoring=scoring).ablation
        np.testing.assert_array_equal(ablated(scoring=scoring), expected)
        assert np.array_equal(ablated(), expected) == (name == "b")

    def error(model, X, y):
        return -np.abs(model.predict(X) - y).mean()

    np.testing.assert_allclose(ablated(scoring=error), expected)


def test_windows_of_a_table_and_rows_that_were_kept():
    rng = np.random.default_rng(1)
    table = pd.DataFrame(rng.normal(size=(60, 2)), columns=["a", "b"])
    y = table["a"] + table["b"].shift(1, fill_value=0)
    model = make_pipeline(SlidingWindow(4), LSTMRegressor(**SMALL, keep_background=10))
    model.fit(table, y)
    for background in (table, None):
        units = explain_units(model, table[10:30], y[10:30], background=background)
        assert units.contribution.shape == (20, 1, 1, 4)
        assert_adds_up(units, model.predict(table[10:30]))
        assert units.exciting[..., 0].max() < 20 and units.exciting[..., 1].max() < 4


def test_real_data_of_many_lengths():
    X_train, y_train = load_japanese_vowels(return_X_y=True)[:2]
    rows, labels = X_train[::6], y_train[::6]
    model = LSTMClassifier(hidden_size=6, max_epochs=15, random_state=0).fit(rows, labels)
    lengths = (~np.isnan(rows[:, :, 0])).sum(axis=1)
    long = np.argsort(-lengths)[:5]
    units = model.explain_units(rows[:10], labels[:10], background=rows[long])
    assert_adds_up(units, model.decision_function(rows[:10]))
    assert units.contribution.shape == (10, 1, 2, 6, 9)


# ---------------------------------------------------------------- the world around


def test_bad_input_is_named():
    model = regressor()
    with pytest.raises(NotFittedError):
        LSTMRegressor().explain_units(ROWS, background=BACKGROUND)
    with pytest.raises(ValueError, match="'model' parameter of explain_units"):
        explain_units(RandomForestRegressor(n_estimators=2).fit(X[:, 0], Y), X[:, 0])
    with pytest.raises(ValueError, match="background=X_train"):
        model.explain_units(ROWS)
    for n_excite in (0, 2.5, True, "many"):
        with pytest.raises(ValueError, match="'n_excite' parameter must be an int >= 1"):
            model.explain_units(ROWS, background=BACKGROUND, n_excite=n_excite)
    with pytest.raises(ValueError, match="'scoring' parameter needs y"):
        model.explain_units(ROWS, background=BACKGROUND, scoring="r2")
    for scoring in ("no such score", ["r2"], {"a": "r2"}, lambda model, X, y: {"a": 1}):
        with pytest.raises(ValueError, match="'scoring' parameter"):
            model.explain_units(ROWS, Y[:8], background=BACKGROUND, scoring=scoring)
    with pytest.raises(ValueError, match="X and y must have the same number of samples"):
        model.explain_units(ROWS, Y, background=BACKGROUND)
    with pytest.raises(ValueError, match="'response_method' parameter"):
        model.explain_units(ROWS, background=BACKGROUND, response_method="predict_proba")
    with pytest.raises(ValueError, match="'target' parameter"):
        model.explain_units(ROWS, background=BACKGROUND, target=3)
    with pytest.raises(ValueError, match="every row of the background is shorter"):
        model.explain_units(ROWS, background=BACKGROUND[:, :3])
    with pytest.raises(ValueError, match="'background' parameter: "):
        model.explain_units(ROWS, background=BACKGROUND[:, :, :2])


def test_sums_that_fail_are_told():
    model = LSTMRegressor(**SMALL, num_layers=2, activation="relu", standardize=False).fit(X, Y)
    huge = ROWS.copy()
    huge[[2, 5]] *= 1e22
    with pytest.warns(UserWarning, match="2 of 8 rows do not add up; the first is sample 2"):
        units = model.explain_units(huge, background=BACKGROUND)
    assert not (units.additivity_gap[2] < 1).all()
    assert units.additivity_gap[3].max() < 1e-4


def test_the_estimator_and_the_world_are_as_before():
    model = pickle.loads(pickle.dumps(regressor(**DEEP)))
    before = pickle.dumps(model)
    model.net_.module_.recurrent.train()
    state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()
    units = model.explain_units(ROWS, Y[:8], background=BACKGROUND)
    assert model.net_.module_.recurrent.training
    model.net_.module_.eval()
    with torch.inference_mode():
        again = model.explain_units(ROWS, Y[:8], background=BACKGROUND)
    np.testing.assert_array_equal(again.ablation, units.ablation)
    np.testing.assert_array_equal(again.contribution, units.contribution)
    assert pickle.dumps(model) == before
    assert np.array_equal(state, np.random.get_state()[1])
    assert torch.equal(torch_state, torch.get_rng_state())
    assert not any(p.grad is not None for p in model.net_.module_.parameters())


def test_gates_and_units_speak_of_the_same_units():
    model = regressor(**EVERYTHING)
    units = model.explain_units(ROWS, background=BACKGROUND)
    gates = explain_gates(model, ROWS)
    rows, steps = units.exciting[1, 1, 2].T
    np.testing.assert_array_equal(
        units.exciting_state[1, 1, 2], gates.hidden_state[rows, steps, 1, 1, 2]
    )
