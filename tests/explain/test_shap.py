"""explain_shap on the two estimators."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from joblib import parallel_config
from plain import PLAIN
from rounding import ROUNDING, assert_same_numbers
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.datasets import load_japanese_vowels, make_motif_sequences
from sklstm.explain import explain_shap
from sklstm.preprocessing import SequenceOneHotEncoder

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 7, 3))
Y = 2 * X[:, 4, 1] + X[:, 2, 0] * X[:, 6, 2]
LABELS = np.digitize(Y, [-1, 1])
SMALL = {"hidden_size": 6, "max_epochs": 8, "batch_size": 16, "random_state": 0}
ROWS, BACKGROUND = X[:8], X[60:80]

NETWORKS = {
    "default": {},
    "last": {"pooling": "last"},
    "mean": {"pooling": "mean"},
    "max": {"pooling": "max"},
    "attention": {"pooling": "attention"},
    "stacked": {"num_layers": 2},
    "bidirectional": {"bidirectional": True},
    "stacked bidirectional": {"num_layers": 2, "bidirectional": True},
    "peephole": {"cell": "peephole"},
    "relu": {"activation": "relu"},
    "everything": {
        "cell": "peephole",
        "num_layers": 2,
        "bidirectional": True,
        "pooling": ["attention", "max", "mean", "last", "input"],
    },
    "not standardised": {"standardize": False},
    "absolute error": {"loss": "absolute_error"},
}


def gap(explanation):
    """Of the sums, relative to the spread of the outputs."""
    return (explanation.additivity_gap / explanation.output_values.std(axis=0)).max()


def regressor(**parameters):
    return LSTMRegressor(**{**SMALL, **parameters}).fit(X, Y)


def classifier(**parameters):
    return LSTMClassifier(**{**SMALL, **parameters}).fit(X, LABELS)


@pytest.mark.parametrize("parameters", NETWORKS.values(), ids=NETWORKS)
def test_values_add_up_for_every_network(parameters):
    model = regressor(**parameters)
    e = model.explain_shap(ROWS, background=BACKGROUND)
    assert e.values.shape == (8, 7, 3)
    assert_same_numbers(e.output_values, model.predict(ROWS))
    np.testing.assert_allclose(e.base_values, model.predict(BACKGROUND).mean(), rtol=1e-6)
    assert gap(e) < 1e-5
    assert np.abs(e.values).max() > 0.05


@pytest.mark.parametrize("method", ["decision_function", "predict_proba"])
@pytest.mark.parametrize("kind", ["two", "three", "multilabel"])
def test_values_add_up_for_every_output_of_a_classifier(method, kind):
    indicator = np.stack([Y > 0, X[:, 0, 0] > 0, Y > 1], axis=1).astype(int)
    y = {"two": np.where(Y > 0, "up", "down"), "three": LABELS, "multilabel": indicator}[kind]
    model = LSTMClassifier(**SMALL).fit(X, y)
    e = model.explain_shap(ROWS, background=BACKGROUND, response_method=method)
    expected = getattr(model, method)(ROWS)
    assert_same_numbers(e.output_values, expected)
    assert e.values.shape == (8, 7, 3, *expected.shape[1:])
    np.testing.assert_allclose(
        e.base_values[0], getattr(model, method)(BACKGROUND).mean(axis=0), rtol=1e-5, atol=1e-7
    )
    assert gap(e) < 1e-5


def test_values_add_up_for_several_targets_and_for_quantiles():
    y = np.stack([Y, 1000 * X[:, 3, 0]], axis=1)
    model = LSTMRegressor(**SMALL).fit(X, y)
    e = model.explain_shap(ROWS, background=BACKGROUND)
    assert e.values.shape == (8, 7, 3, 2)
    assert gap(e) < 1e-5
    model = LSTMRegressor(**SMALL, loss="quantile", quantiles=(0.1, 0.5, 0.75, 0.9)).fit(X, y)
    median = model.explain_shap(ROWS, background=BACKGROUND)
    scale = y.std(axis=0)
    assert_same_numbers(median.output_values, model.predict(ROWS))
    e = model.explain_shap(ROWS, background=BACKGROUND, response_method="predict_quantiles")
    assert e.values.shape == (8, 7, 3, 2, 4)
    assert gap(e) < 1e-5
    np.testing.assert_allclose(e.values[..., 1] / scale, median.values / scale, atol=1e-6)


def test_the_width_of_an_interval_is_explained():
    model = regressor(loss="quantile")
    every = model.explain_shap(ROWS, background=BACKGROUND, response_method="predict_quantiles")
    width = model.explain_shap(
        ROWS,
        background=BACKGROUND,
        response_method="predict_quantiles",
        target=np.array([-1.0, 0.0, 1.0]),
    )
    quantiles = model.predict_quantiles(ROWS)
    np.testing.assert_allclose(width.output_values, quantiles[:, 2] - quantiles[:, 0])
    np.testing.assert_allclose(width.values, every.values[..., 2] - every.values[..., 0], atol=1e-6)
    together = model.explain_shap(
        ROWS,
        background=BACKGROUND,
        response_method="predict_quantiles",
        target=np.vstack([np.eye(3), [-1.0, 0.0, 1.0]]),
    )
    np.testing.assert_allclose(together.values[..., :3], every.values, atol=1e-6)
    np.testing.assert_allclose(together.values[..., 3], width.values, atol=1e-6)
    assert gap(together) < 1e-5


def test_targets_are_named_or_numbered():
    model = LSTMClassifier(**SMALL).fit(X, np.array(["a", "b", "c"])[LABELS])
    every = model.explain_shap(ROWS, background=BACKGROUND)
    for target, k in [("b", 1), (1, 1), (-1, 2)]:
        e = model.explain_shap(ROWS, background=BACKGROUND, target=target)
        assert e.values.shape == (8, 7, 3)
        np.testing.assert_allclose(e.values, every.values[..., k], atol=1e-6)
        assert np.array_equal(e.output_values, every.output_values[:, k])
    e = model.explain_shap(ROWS, background=BACKGROUND, target=["c", "a"])
    np.testing.assert_allclose(e.values, every.values[..., [2, 0]], atol=1e-6)
    # Labels that are integers are labels, not positions.
    model = LSTMClassifier(**SMALL).fit(X, np.array([3, 2, 7])[LABELS])
    two = model.explain_shap(ROWS, background=BACKGROUND, target=2)
    assert_same_numbers(two.output_values, model.decision_function(ROWS)[:, 0])


@pytest.mark.parametrize("method", ["deep", "blocked", "gradient"])
def test_one_output_per_time_step(method):
    model = LSTMRegressor(**SMALL, return_sequences=True, bidirectional=True)
    model.fit(X, X[:, :, 0].cumsum(axis=1))
    e = model.explain_shap(ROWS[:3], background=BACKGROUND, method=method, tolerance=1e-3)
    assert e.values.shape == (3, 7, 3, 7)
    assert_same_numbers(e.output_values, model.predict(ROWS[:3]))
    assert gap(e) < (1e-2 if method == "gradient" else 1e-5)
    one_way = LSTMRegressor(**SMALL, return_sequences=True).fit(X, X[:, :, 0].cumsum(axis=1))
    e = one_way.explain_shap(ROWS[:3], background=BACKGROUND, method=method)
    future = np.arange(7)[:, None] > np.arange(7)
    assert not e.values.transpose(1, 3, 0, 2)[future].any()


@pytest.mark.parametrize("method", ["deep", "blocked", "gradient"])
def test_padding_has_no_value_and_stays_where_it_is(method):
    padded = X.copy()
    padded[:4, :2] = np.nan
    padded[4:6, 5:] = np.nan
    model = LSTMRegressor(**SMALL).fit(padded, Y)
    options = {"background": BACKGROUND, "method": method, "random_state": 0}
    e = model.explain_shap(padded[:8], **options)
    assert not e.values[np.isnan(padded[:8])].any()
    assert np.array_equal(e.data, padded[:8], equal_nan=True)
    assert e.values[0, 2:].all()
    # Ragged and padded are the same sequences.
    ragged = [x[~np.isnan(x[:, 0])] for x in padded[:8]]
    again = model.explain_shap(ragged, **options)
    for i, x in enumerate(ragged):
        first = 2 if i < 4 else 0
        mine = e.values[i, first : first + len(x)]
        np.testing.assert_allclose(again.values[i, : len(x)], mine, atol=1e-6)
        assert not again.values[i, len(x) :].any()
    # References are cut at their end.
    cut = model.explain_shap(X[4:5, :5], **{**options, "background": BACKGROUND[:, :5]})
    np.testing.assert_allclose(e.values[4, :5], cut.values[0], atol=1e-6)


def test_one_output_per_time_step_of_padded_sequences():
    padded = X.copy()
    padded[:20, :2] = np.nan
    model = LSTMRegressor(**SMALL, return_sequences=True).fit(padded, X[:, :, 0])
    e = model.explain_shap(padded[18:22], background=BACKGROUND)
    assert np.isnan(e.output_values[:2, :2]).all() and np.isnan(e.base_values[:2, :2]).all()
    assert not e.values[:2, :2].any() and not e.values[:2, :, :, :2].any()
    assert_same_numbers(e.output_values, model.predict(padded[18:22]))
    assert np.nanmax(e.additivity_gap) < 1e-5


@pytest.mark.parametrize("method", ["deep", "blocked", "gradient"])
def test_a_row_alone_and_in_a_batch_has_the_same_values(method):
    model = regressor(num_layers=2)
    options = {"background": BACKGROUND, "method": method, "random_state": 3}
    e = model.explain_shap(ROWS, **options)
    for i in (0, 5):
        alone = model.explain_shap(ROWS[i : i + 1], **options)
        np.testing.assert_allclose(alone.values[0], e.values[i], rtol=1e-5, atol=1e-5)
    shuffled = model.explain_shap(ROWS[::-1], **options)
    np.testing.assert_allclose(shuffled.values[::-1], e.values, rtol=1e-5, atol=1e-5)


def test_2_d_in_2_d_out():
    model = LSTMRegressor(**SMALL).fit(X[:, :, 1], Y)
    e = model.explain_shap(ROWS[:, :, 1], background=BACKGROUND[:, :, 1])
    assert e.values.shape == (8, 7)
    with pytest.raises(ValueError, match="Use level='cell'"):
        model.explain_shap(ROWS[:, :, 1], background=BACKGROUND[:, :, 1], level="feature")
    flat = LSTMRegressor(**SMALL, n_timesteps=7).fit(X.reshape(120, -1), Y)
    e = flat.explain_shap(ROWS.reshape(8, -1), background=BACKGROUND.reshape(20, -1))
    cube = regressor().explain_shap(ROWS, background=BACKGROUND)
    np.testing.assert_allclose(e.values, cube.values.reshape(8, -1), atol=1e-9)
    np.testing.assert_allclose(e.by("feature").values, cube.by("feature").values, atol=1e-9)
    level = flat.explain_shap(
        ROWS.reshape(8, -1),
        background=BACKGROUND.reshape(20, -1),
        level="feature",
        method="deep",
    )
    np.testing.assert_allclose(level.values, cube.by("feature").values, atol=1e-9)


def test_levels_are_players_of_their_own():
    model = regressor()
    cells = model.explain_shap(ROWS, background=BACKGROUND)
    groups = {"one": 1, "others": [0, 2]}
    for level, shape in [("feature", 3), ("timestep", 7), (3, 3), (groups, 2)]:
        deep = model.explain_shap(ROWS, background=BACKGROUND, level=level, method="deep")
        assert deep.values.shape == (8, shape)
        np.testing.assert_allclose(
            deep.values.sum(axis=1), cells.values.sum(axis=(1, 2)), atol=1e-6
        )
        e = model.explain_shap(ROWS, background=BACKGROUND, level=level, method="blocked")
        assert gap(e) < 1e-5
        assert e.standard_error.shape == e.values.shape
    e = model.explain_shap(ROWS, background=BACKGROUND, level=groups, method="deep")
    np.testing.assert_allclose(e.values[:, 0], cells.values[:, :, 1].sum(axis=1), atol=1e-6)
    assert list(e.player_names) == ["one", "others"]
    e = model.explain_shap(ROWS, background=BACKGROUND, level="window", method="deep")
    np.testing.assert_array_equal(  # ten windows of seven steps are the steps
        e.values, model.explain_shap(ROWS, background=BACKGROUND, level=1, method="deep").values
    )
    parts = {
        "end": slice(4, None),
        "start of 0": (slice(0, 4), 0),
        "rest": [(slice(0, 4), 1), (slice(4), 2)],
    }
    e = model.explain_shap(ROWS, background=BACKGROUND, level=parts, method="deep")
    np.testing.assert_allclose(e.values[:, 0], cells.values[:, 4:].sum(axis=(1, 2)), atol=1e-6)
    np.testing.assert_allclose(e.values[:, 1], cells.values[:, :4, 0].sum(axis=1), atol=1e-6)


def test_groups_of_the_columns_of_a_table():
    names = [f"{name}{step}" for step in range(7) for name in "abc"]
    frame = pd.DataFrame(X.reshape(120, -1), columns=names)
    model = LSTMRegressor(**SMALL, n_timesteps=7).fit(frame, Y)
    options = {"background": frame[60:80], "method": "deep"}
    cells = model.explain_shap(frame[:8], **options)
    groups = {"start": ["a0", "b0"], "end": -1, "middle": [2, *range(3, 20)]}
    e = model.explain_shap(frame[:8], **options, level=groups)
    np.testing.assert_allclose(e.values[:, 0], cells.values[:, :2].sum(axis=1), atol=1e-6)
    np.testing.assert_allclose(e.values[:, 1], cells.values[:, -1], atol=1e-6)
    # A feature of the last axis, with its time steps.
    pairs = {f"feature {i}": (slice(None), i) for i in range(3)}
    e = model.explain_shap(frame[:8], **options, level=pairs)
    np.testing.assert_allclose(e.values, cells.by("feature").values, atol=1e-6)


@pytest.mark.parametrize("unit", [1e-100, 1e100])
def test_the_unit_of_the_target_does_not_matter(unit):
    model = regressor()
    plain = model.explain_shap(ROWS, background=BACKGROUND)
    for buffer in (model.net_.module_.y_mean, model.net_.module_.y_scale):
        buffer *= unit
    scaled = model.explain_shap(ROWS, background=BACKGROUND)
    assert gap(scaled) < 1e-5
    np.testing.assert_allclose(scaled.values / unit, plain.values, rtol=1e-6, atol=1e-9)


def test_rows_that_are_all_the_same_add_up_without_a_warning():
    same = np.repeat(X[:1], 10, axis=0)
    e = regressor().explain_shap(same, background=same)
    np.testing.assert_allclose(e.values, 0, atol=1e-7)


def test_backgrounds_of_every_kind():
    model = regressor()
    shared = model.explain_shap(ROWS, background=BACKGROUND)
    own = np.broadcast_to(BACKGROUND, (8, *BACKGROUND.shape))
    each = model.explain_shap(ROWS, background=own)
    np.testing.assert_allclose(each.values, shared.values, atol=1e-6)
    np.testing.assert_allclose(each.base_values, shared.base_values, atol=1e-6)
    baseline = np.zeros((1, 7, 3))
    one = model.explain_shap(ROWS, background=baseline)
    np.testing.assert_allclose(one.base_values, model.predict(baseline)[0], rtol=1e-6)
    # The mean over references is the mean of explanations with one.
    single = [model.explain_shap(ROWS, background=b[None]).values for b in BACKGROUND]
    np.testing.assert_allclose(np.mean(single, axis=0), shared.values, atol=1e-6)
    # A row beside itself.
    itself = model.explain_shap(ROWS, background=ROWS[:, None])
    assert not itself.values.any()


def test_blocked_is_deep_with_one_block_and_reproducible():
    model = classifier()
    deep = model.explain_shap(ROWS, background=BACKGROUND)
    one = model.explain_shap(ROWS, background=BACKGROUND, method="blocked", n_blocks=1)
    np.testing.assert_allclose(one.values, deep.values, atol=1e-6)
    np.testing.assert_allclose(one.standard_error, 0, atol=1e-6)
    options = {"background": BACKGROUND, "method": "blocked"}
    a, b, c = (model.explain_shap(ROWS, **options, random_state=seed) for seed in (1, 1, 2))
    assert np.array_equal(a.values, b.values)
    assert not np.array_equal(a.values, c.values)
    assert gap(a) < 1e-5


def test_auto_is_exact_where_that_is_cheap():
    model = regressor()
    options = {"background": BACKGROUND, "level": "feature"}
    auto = model.explain_shap(ROWS, **options)
    assert auto.method == "exact"
    assert gap(auto) < 1e-9
    assert model.explain_shap(ROWS, **options, budget=100).method == "deep"
    assert model.explain_shap(ROWS, background=BACKGROUND).method == "deep"
    assert model.explain_shap(ROWS, background=BACKGROUND, level=1).method == "exact"
    with pytest.raises(ValueError, match="There are 21: explain level"):
        model.explain_shap(ROWS, background=BACKGROUND, method="exact")


@pytest.mark.parametrize("level", ["feature", "timestep", 3])
def test_the_methods_agree(level):
    model = regressor(bidirectional=True)
    options = {"background": BACKGROUND[:8], "level": level, "random_state": 0}
    exact = model.explain_shap(ROWS[:2], **options, method="exact")
    size = np.linalg.norm(exact.values)
    for method, error, settings in [
        ("deep", 0.4, {}),
        ("blocked", 0.2, {}),
        ("blocked", 0.03, {"n_blocks": 7, "tolerance": 2e-3, "budget": 4000}),
        ("gradient", 0.4, {"tolerance": 0.1}),
        ("kernel", ROUNDING, {}),
    ]:
        e = model.explain_shap(ROWS[:2], **options, method=method, **settings)
        assert e.method == method
        assert np.linalg.norm(e.values - exact.values) < error * size, method


def test_exact_of_lengths_that_differ():
    ragged = [x[: 3 + i % 4] for i, x in enumerate(ROWS)]
    model = LSTMRegressor(**SMALL).fit([x[: 4 + i % 4] for i, x in enumerate(X)], Y)
    e = model.explain_shap(ragged, background=BACKGROUND, level="timestep", method="exact")
    assert e.values.shape == (8, 6)
    assert gap(e) < 1e-9
    assert not e.values[0, 3:].any()


def test_a_smaller_tolerance_is_more_work():
    model = regressor()
    options = {
        "background": BACKGROUND[:4],
        "method": "blocked",
        "n_blocks": 6,
        "random_state": 0,
    }
    rough = model.explain_shap(ROWS[:3], **options, tolerance=10.0)
    fine = model.explain_shap(ROWS[:3], **options, tolerance=5e-3)
    assert fine.standard_error.mean() < rough.standard_error.mean() / 2
    capped = model.explain_shap(ROWS[:3], **options, tolerance=1e-9, budget=2 * 6 * 4)
    assert np.array_equal(capped.values, rough.values)
    # A budget for half of the background is what it begins with.
    options["background"] = BACKGROUND[:16]
    half, least, first = (
        model.explain_shap(ROWS[:3], **options, **work)
        for work in ({"budget": 2 * 6 * 8}, {"budget": 1}, {"tolerance": 10.0})
    )
    assert np.array_equal(half.values, first.values)
    assert not np.array_equal(least.values, first.values)


@pytest.mark.parametrize(
    ("n_background", "partitions", "low", "high"),
    [(1, 4, 0.8, 1.25), (18, 2, 0.8, 1.25), (18, 1, 0.3, 1.1), (18, 0, 0.5, 1.2)],
)
def test_standard_errors_of_blocked_are_those_of_its_draws(n_background, partitions, low, high):
    # With less than two partitions for each background row they are too large rather than small.
    model = regressor(pooling="last")
    options = {"background": BACKGROUND[:n_background], "method": "blocked", "n_blocks": 4}
    budget = max(1, partitions * 2 * 4 * n_background)
    draws = [
        model.explain_shap(ROWS, **options, tolerance=1e-9, budget=budget, random_state=seed)
        for seed in range(12)
    ]
    values = np.stack([e.values for e in draws])
    errors = np.stack([e.standard_error for e in draws])
    spread = np.sqrt(values.var(axis=0, ddof=1).mean() / (errors**2).mean())
    assert low < spread < high
    assert max(gap(e) for e in draws) < 1e-5


def test_samples_of_blocked_are_unbiased_for_a_part_of_the_background():
    model = regressor(pooling="last")
    options = {"background": BACKGROUND, "level": "feature", "method": "blocked", "n_blocks": 3}
    exact = model.explain_shap(ROWS, background=BACKGROUND, level="feature", method="exact")
    draws = [
        model.explain_shap(ROWS, **options, tolerance=1e-9, budget=1, random_state=seed).values
        for seed in range(40)
    ]
    # As many blocks as players: Shapley values.
    error = np.std(draws, axis=0, ddof=1) / np.sqrt(len(draws))
    z = (np.mean(draws, axis=0) - exact.values) / error
    assert 0.6 < np.sqrt(np.mean(z**2)) < 1.5


def test_blocks_that_there_are_no_players_for_are_not_counted():
    model = regressor()
    options = {"background": BACKGROUND[:4], "level": "feature", "method": "blocked"}
    options |= {"tolerance": 1e-9, "budget": 2 * 3 * 4 * 2, "random_state": 0}
    three, more = (model.explain_shap(ROWS[:3], **options, n_blocks=n) for n in (3, 1000))
    np.testing.assert_array_equal(more.values, three.values)
    np.testing.assert_array_equal(more.standard_error, three.standard_error)


def test_no_two_draws_of_blocked_are_from_the_same_random_numbers(monkeypatch):
    model, states = regressor(), []
    generator = np.random.default_rng

    def noted(*seed):
        rng = generator(*seed)
        states.append(rng.bit_generator.state["state"]["state"])
        return rng

    options = {"method": "blocked", "n_blocks": 7, "tolerance": 1e-9, "budget": 10_000}
    monkeypatch.setattr(np.random, "default_rng", noted)
    model.explain_shap(ROWS[:3], background=BACKGROUND, **options, random_state=0)
    assert len(states) > 3
    assert len(set(states)) == len(states)


def test_gradient_doubles_its_nodes_and_warns_where_that_is_not_enough():
    model = regressor(pooling="last")
    rough, fine = (
        model.explain_shap(ROWS, background=BACKGROUND, method="gradient", tolerance=tolerance)
        for tolerance in (0.5, 1e-5)
    )
    assert gap(fine) < 1e-4 < gap(rough)
    with pytest.warns(UserWarning, match="8 of 8 rows do not add up"):
        model.explain_shap(
            ROWS, background=BACKGROUND, method="gradient", tolerance=1e-9, max_nodes=2
        )


def mean_of_steps(n_features, n_outputs, random_state):
    class Body(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(n_features, n_outputs)

        def forward(self, x, lengths):
            return self.linear(x.sum(1) / lengths[:, None])

    return Body()


def test_a_module_of_ones_own_is_explained_by_gradients():
    model = LSTMRegressor(**{**SMALL, **PLAIN, "module": mean_of_steps}).fit(X, Y)
    e = model.explain_shap(ROWS, background=BACKGROUND)
    assert e.method == "gradient"
    # Linear: the values are weights times differences.
    weights = model.predict(np.eye(3)[:, None] * 7) - model.predict(np.zeros((1, 1, 3)))
    expected = (ROWS - BACKGROUND.mean(axis=0)) * weights / 49
    np.testing.assert_allclose(e.values, expected, atol=1e-6)
    with pytest.raises(ValueError, match="method='deep' needs the inside"):
        model.explain_shap(ROWS, background=BACKGROUND, method="deep")


def test_tokens_have_one_value_each():
    codes = np.random.default_rng(1).integers(0, 6, size=(80, 5))
    y = (codes == 3).sum(axis=1) - (codes == 1).sum(axis=1)
    model = LSTMRegressor(**{**SMALL, "max_epochs": 30}, embedding_size=4).fit(codes, y)
    e = model.explain_shap(codes[:10], background=codes[10:40])
    assert e.values.reshape(10, -1).shape == (10, 5)
    values = e.values.reshape(10, 5)
    assert values[codes[:10] == 3].mean() > 0.5
    assert values[codes[:10] == 1].mean() < -0.5
    assert gap(e) < 1e-5
    ragged = [row[: 3 + i % 3].tolist() for i, row in enumerate(codes[:6])]
    e = model.explain_shap(ragged, background=codes[10:40])
    assert e.values.shape == (6, 5, 1)
    assert not e.values[0, 3:].any()


def test_the_estimator_and_the_world_are_as_before():
    model = pickle.loads(pickle.dumps(regressor()))  # without the gradients of training
    before = pickle.dumps(model)
    model.net_.module_.recurrent.train()
    state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()
    for method in ("deep", "blocked", "gradient"):
        e = model.explain_shap(ROWS, background=BACKGROUND, method=method, random_state=0)
        assert model.net_.module_.recurrent.training
        assert gap(e) < 0.1
    model.net_.module_.eval()
    assert np.array_equal(state, np.random.get_state()[1])
    assert torch.equal(torch_state, torch.get_rng_state())
    assert pickle.dumps(model) == before
    assert not any(p.grad is not None for p in model.net_.module_.parameters())
    with torch.inference_mode():
        model.explain_shap(ROWS, background=BACKGROUND, method="gradient")


def test_several_jobs_give_the_same():
    model = classifier()
    options = {"background": BACKGROUND, "method": "blocked", "random_state": 0}
    one = model.explain_shap(ROWS, **options)
    with parallel_config(backend="threading"):
        two = model.explain_shap(ROWS, **options, n_jobs=2)
    np.testing.assert_allclose(two.values, one.values, atol=1e-7)
    three = model.explain_shap(ROWS, **options, n_jobs=2)
    np.testing.assert_allclose(three.values, one.values, atol=1e-7)


def test_inputs_far_from_zero_add_up():
    far = X * 1e-3 + np.array([1e5, 0.0, -3e4])
    model = LSTMRegressor(**SMALL).fit(far, 1e6 + Y)
    e = model.explain_shap(far[:8], background=far[60:80])
    assert gap(e) < 1e-5


def test_planted_cells_are_found():
    many = np.random.default_rng(1).normal(size=(400, 7, 3))
    truth = np.zeros((7, 3), bool)
    truth[3, 2] = truth[5, 0] = True
    y = 2 * many[:, 3, 2] - many[:, 5, 0]
    model = LSTMRegressor(hidden_size=16, random_state=0).fit(many, y)
    e = model.explain_shap(many[:50], background=many[100:150])
    importance = e.abs().mean().values[0]
    assert roc_auc_score(truth.ravel(), importance.ravel()) == 1.0
    # What each of them adds is known, row by row.
    expected = 2 * (many[:50, 3, 2] - many[100:150, 3, 2].mean())
    assert np.corrcoef(expected, e.values[:, 3, 2])[0, 1] > 0.98


def test_a_planted_motif_is_found_in_every_sequence():
    motifs = make_motif_sequences(n_samples=1000, motif="TGACTCA", length=30, random_state=0)
    encoded = np.array(SequenceOneHotEncoder("ACGT").fit_transform(motifs.data))
    model = LSTMClassifier(hidden_size=24, standardize=False, max_epochs=30, random_state=0)
    model.fit(encoded[:900], motifs.target[:900])
    test = np.arange(900, 1000)
    test = test[(motifs.target[test] == 1) & (model.predict(encoded[test]) == 1)]
    assert len(test) > 40
    e = model.explain_shap(encoded[test], background=encoded[:50]).by("timestep")
    starts = motifs.motif_start[test]
    inside = (np.arange(30) >= starts[:, None]) & (np.arange(30) < starts[:, None] + 7)
    found = [roc_auc_score(*pair) for pair in zip(inside, e.values, strict=True)]
    assert np.mean(found) > 0.98
    assert e.additivity_gap.max() < 1e-4


def test_real_speech_adds_up_for_every_class():
    X_train, y_train = load_japanese_vowels(return_X_y=True, subset="train")
    model = LSTMClassifier(hidden_size=12, max_epochs=5, random_state=0).fit(X_train, y_train)
    e = model.explain_shap(X_train[::30], background=X_train[::4])
    assert e.values.shape == (9, X_train.shape[1], 12, 9)
    assert gap(e) < 1e-5


@pytest.mark.parametrize(
    "options, message",
    [
        ({"background": None}, "Pass background=X_train"),
        ({"n_jobs": 0}, "'n_jobs' parameter must be None or an int other than 0. Got 0"),
        ({"random_state": "a"}, "'random_state' parameter must be None, an int from 0 .* Got 'a'"),
        ({"random_state": -1}, "'random_state' parameter must be None, an int from 0 .* Got -1"),
        ({"background": BACKGROUND[:, :4]}, "sample 0 has 7 time steps, and every row of the"),
        ({"background": BACKGROUND[..., :2]}, "'background' parameter: X has 2 features"),
        ({"background": BACKGROUND[:0]}, "'background' parameter"),
        ({"background": np.zeros((8, 2, 7, 2))}, "'background' parameter: X has 2 features"),
        ({"background": np.zeros((8, 0, 7, 3))}, "'background' parameter"),
        ({"background": np.zeros((3, 2, 7, 3))}, "for each of the 8 rows of X. Got 3"),
        ({"method": "shapley"}, "The 'method' parameter must be"),
        ({"level": "steps"}, "The 'level' parameter must be"),
        ({"level": 0}, "The 'level' parameter must be"),
        ({"level": {"a": [0, 1]}}, "feature 'x2' is in no group"),
        ({"level": {"a": [0, 1], "b": [1, 2]}}, "1 of group 'b' is in another group"),
        ({"level": {"a": [0, 1, 2], "b": []}}, "group 'b' has no cells"),
        ({"level": {"a": [0, 1, 2], "b": slice(9, 12)}}, "group 'b' has no cells"),
        ({"level": {"a": None}}, "group 'a' must hold names or positions"),
        ({"level": {1: 0, "1": [1, 2]}}, "groups have the same name"),
        ({"level": {"a": ["nope"]}}, "group 'a' must hold names or positions"),
        ({"response_method": "decision_function"}, "The 'response_method' parameter must be"),
        ({"response_method": np.ones(2)}, "The 'response_method' parameter must be"),
        ({"method": np.ones(2)}, "The 'method' parameter must be"),
        ({"level": np.ones(2)}, "The 'level' parameter must be"),
        ({"response_method": "predict_quantiles"}, "needs loss='quantile'"),
        ({"target": 3}, "The 'target' parameter must be among"),
        ({"target": np.ones(2)}, r"must be of the shape \(1,\)"),
        ({"target": np.full(1, np.nan)}, "an array of weights, must be finite"),
        ({"target": np.array([0, 0])}, "must be a list where it names outputs"),
        ({"target": []}, "must not be an empty list"),
        ({"tolerance": 0}, "The 'tolerance' parameter must be a number > 0"),
        ({"n_blocks": 0}, "The 'n_blocks' parameter must be an int >= 1"),
        ({"max_nodes": 1.5}, "The 'max_nodes' parameter"),
        ({"budget": 0}, "The 'budget' parameter"),
    ],
)
def test_bad_input_is_named(options, message):
    model = regressor()
    with pytest.raises(ValueError, match=message):
        model.explain_shap(ROWS, **{"background": BACKGROUND, **options})


def test_the_first_of_two_classes_is_that_of_the_other_sign():
    two = LSTMClassifier(**SMALL).fit(X, np.where(Y > 0, "yes", "no"))
    for target in ("no", ["yes", "no"]):
        with pytest.raises(ValueError, match="which speaks for 'yes': with the other sign"):
            two.explain_shap(ROWS, background=BACKGROUND, target=target)
    yes = two.explain_shap(ROWS, background=BACKGROUND, target="yes")
    assert yes.output_names == ("yes",)
    p = two.explain_shap(ROWS, background=BACKGROUND, target="no", response_method="predict_proba")
    assert_same_numbers(p.output_values, two.predict_proba(ROWS)[:, 0])


def test_labels_cannot_be_explained():
    with pytest.raises(ValueError, match="labels are no numbers"):
        classifier().explain_shap(ROWS, background=BACKGROUND, response_method="predict")


def test_an_unfitted_model_is_refused():
    with pytest.raises(ValueError, match="not fitted"):
        explain_shap(clone(regressor()), ROWS, background=BACKGROUND)


def test_rows_that_fit_kept_are_the_background():
    model = LSTMRegressor(**SMALL, keep_background=10).fit(X, Y)
    e = model.explain_shap(ROWS)
    assert gap(e) < 1e-5
    again = LSTMRegressor(**SMALL, keep_background=10).fit(X, Y)
    assert np.array_equal(again.explain_shap(ROWS).values, e.values)
    loaded = pickle.loads(pickle.dumps(model))
    assert np.array_equal(loaded.explain_shap(ROWS).values, e.values)
    # They do not change the model, and rows without weight are not among them.
    assert np.array_equal(model.predict(ROWS), regressor().predict(ROWS))
    weights = (np.arange(120) < 3).astype(float)
    few = LSTMRegressor(**SMALL, keep_background=10).fit(X, Y, sample_weight=weights)
    given = few.explain_shap(ROWS, background=X[:3])
    np.testing.assert_allclose(few.explain_shap(ROWS).values, given.values, atol=1e-6)
    assert not np.array_equal(e.values, given.values)


@pytest.mark.parametrize("layout", ["table", "ragged", "codes", "pipeline"])
def test_rows_are_kept_in_every_layout(layout):
    options = {**SMALL, "keep_background": 20}
    if layout == "table":
        model, rows = LSTMRegressor(**options).fit(X[:, :, 0], Y), X[:3, :, 0]
    elif layout == "ragged":
        rows = [x[: 4 + i % 4] for i, x in enumerate(X)]
        model, rows = LSTMRegressor(**options).fit(rows, Y), rows[:3]
    elif layout == "codes":
        rows = np.digitize(X[:, :, 0], [-1, 0, 1])
        model, rows = LSTMRegressor(**options, embedding_size=3).fit(rows, Y), rows[:3]
    else:
        model = make_pipeline(StandardScaler(), LSTMRegressor(**options, n_timesteps=7))
        rows = X.reshape(120, -1)
        model, rows = model.fit(rows, Y), rows[:3]
    e = explain_shap(model, rows)
    assert e.additivity_gap.max() < 1e-5
    assert np.abs(e.values).max() > 0


def test_training_on_keeps_the_rows_of_the_first_fit():
    model = LSTMRegressor(**SMALL, keep_background=5)
    model.partial_fit(X[:20], Y[:20]).partial_fit(X[20:40], Y[20:40])
    kept = model._background
    assert all((row == X[:20]).all(axis=(1, 2)).any() for row in kept)
    with pytest.raises(ValueError, match="The 'keep_background' parameter"):
        LSTMRegressor(**SMALL, keep_background=-1).fit(X, Y)
