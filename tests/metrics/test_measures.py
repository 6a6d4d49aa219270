"""Measures of explanations beside slow twins and known answers."""

from functools import cache, partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import spearmanr
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LinearRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.explain import explain_gradients, explain_lime, explain_shap
from sklstm.metrics import (
    additivity_gap,
    agreement,
    comprehensiveness,
    ground_truth_auc,
    infidelity,
    max_sensitivity,
    randomization_test,
    sparseness,
    sufficiency,
)
from sklstm.metrics._infidelity import random_sets
from sklstm.metrics._sensitivity import changed

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 6, 3))
Y = 2 * X[:, 4, 1] + X[:, 2, 0]
TABLE = rng.normal(3, 2, size=(60, 5))
WEIGHTS = np.array([1.0, -2.0, 0.0, 3.0, 0.5])
LINEAR = LinearRegression().fit(TABLE, TABLE @ WEIGHTS + 7)
ROWS, BACKGROUND = X[:6], X[60:75]
T_ROWS, T_BACKGROUND = TABLE[:20], TABLE[40:]
OPTIONS = {"background": T_BACKGROUND}


@cache
def regressor():
    return LSTMRegressor(hidden_size=5, max_epochs=10, random_state=0).fit(X, Y)


@cache
def of_linear():
    return explain_shap(LINEAR, T_ROWS, **OPTIONS)


@cache
def of_lstm():
    return explain_shap(regressor(), ROWS, background=BACKGROUND)


def ragged_explanation():
    rows = [ROWS[0], ROWS[1, :4], ROWS[2, :3]]
    return rows, explain_shap(regressor(), rows, background=BACKGROUND)


class Product(RegressorMixin, BaseEstimator):
    """Two players that matter together, and three dummies."""

    def fit(self, X, y):
        self.fitted_ = True
        return self

    def predict(self, X):
        return np.asarray(X)[:, 0] * np.asarray(X)[:, 1]


# comprehensiveness and sufficiency


@pytest.mark.parametrize("measure, kept", [(comprehensiveness, False), (sufficiency, True)])
def test_what_is_lost_is_that_of_a_slow_loop(measure, kept):
    e, model = of_lstm(), regressor()
    result = measure(model, ROWS, e, background=BACKGROUND)
    base = model.predict(BACKGROUND).mean()
    expected, distances = [], []
    for row, values, output in zip(ROWS, e.values, e.output_values, strict=True):
        sign = np.sign(output - base)
        first = np.argsort(-sign * values.ravel(), kind="stable")
        lost = []
        for count in (1, 1, 2, 4, 9):  # of 18 cells
            chosen = np.isin(np.arange(18), first[:count]).reshape(6, 3)
            replaced = np.where(chosen != kept, BACKGROUND, row)
            lost.append(sign * (output - model.predict(replaced).mean()))
        expected.append(np.mean(lost))
        distances.append(abs(output - base))
    np.testing.assert_allclose(result.rows, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(result.value, np.sum(expected) / np.sum(distances), rtol=1e-4)
    np.testing.assert_allclose(np.mean(result.by_fraction), result.value)
    assert result.standard_error > 0


def test_a_permuted_explanation_names_less():
    e = of_linear()
    permuted = e._replace(values=np.roll(e.values, 2, axis=1))
    for measure, sign in ((comprehensiveness, 1), (sufficiency, -1)):
        good, bad = (measure(LINEAR, T_ROWS, one, **OPTIONS).value for one in (e, permuted))
        assert sign * (good - bad) > 0.3
    everything = comprehensiveness(LINEAR, T_ROWS, e, fractions=[1], **OPTIONS)
    np.testing.assert_allclose(everything.value, 1)
    np.testing.assert_allclose(sufficiency(LINEAR, T_ROWS, e, fractions=[1], **OPTIONS).value, 0)


# infidelity


def test_exact_values_of_a_linear_model_have_no_infidelity():
    e = of_linear()
    assert infidelity(LINEAR, T_ROWS, e, **OPTIONS).value < 1e-12
    nothing = infidelity(LINEAR, T_ROWS, e._replace(values=0 * e.values), **OPTIONS)
    np.testing.assert_allclose(nothing.value, 1)
    permuted = e._replace(values=np.roll(e.values, 1, axis=1))
    assert infidelity(LINEAR, T_ROWS, permuted, **OPTIONS).value > 0.5
    lime = explain_lime(LINEAR, T_ROWS, random_state=0, **OPTIONS)
    assert 0 < infidelity(LINEAR, T_ROWS, lime, **OPTIONS).value < 0.05


def test_infidelity_is_the_formula_of_the_paper():
    """With I = x - x0 on a set, attributions per unit of I, as other libraries have it."""
    model, baseline = regressor(), BACKGROUND[:1]
    e = explain_shap(model, ROWS, background=baseline)
    result = infidelity(model, ROWS, e, background=baseline, n_samples=12, random_state=3)
    seed = np.random.RandomState(3).randint(2**31 - 1)
    sets = random_sets(18, 12, seed).reshape(-1, 6, 3)
    for row, values, expected in zip(ROWS, e.values, result.rows, strict=True):
        perturbations = np.where(sets, row - baseline, 0.0)
        slopes = values / (row - baseline[0])
        inner = (perturbations * slopes).sum(axis=(1, 2))
        change = model.predict(row[None]) - model.predict(row - perturbations)
        np.testing.assert_allclose(expected, np.mean((inner - change) ** 2), rtol=1e-3, atol=1e-9)


def test_sets_are_of_all_sizes():
    sets = random_sets(5, 50, 0)
    assert sorted(set(sets.sum(axis=1))) == [1, 2, 3, 4, 5]
    assert np.ptp(np.bincount(sets.sum(axis=1))[1:]) <= 15
    assert random_sets(1, 3, 0).all()


def test_interactions_cannot_be_told_apart():
    model = Product().fit(TABLE, None)
    e = explain_shap(model, T_ROWS, method="exact", **OPTIONS)
    assert 0.001 < infidelity(model, T_ROWS, e, **OPTIONS).value < 0.5


# additivity gap, sparseness, ground truth


def test_gap_is_a_share_of_the_difference():
    e = of_linear()
    assert additivity_gap(e).value < 1e-12
    half = additivity_gap(e._replace(values=e.values / 2))
    np.testing.assert_allclose(half.value, 0.5)
    np.testing.assert_allclose(half.rows, np.abs(e.output_values - e.base_values) / 2)
    with pytest.raises(ValueError, match=r"must have base values.*absolute values"):
        additivity_gap(e.abs())


def slow_gini(values):
    a = np.sort(np.abs(values.ravel()))
    n = len(a)
    return np.sum((2 * np.arange(1, n + 1) - n - 1) * a) / (n * np.sum(a))


def test_sparseness_is_the_gini_index_of_real_players():
    e = of_lstm()
    np.testing.assert_allclose(sparseness(e).rows, [slow_gini(v) for v in e.values])
    rows, ragged = ragged_explanation()
    expected = [slow_gini(v[: len(r)]) for v, r in zip(ragged.values, rows, strict=True)]
    np.testing.assert_allclose(sparseness(ragged).rows, expected)
    by_step = [slow_gini(v[: len(r)].sum(1)) for v, r in zip(ragged.values, rows, strict=True)]
    np.testing.assert_allclose(sparseness(ragged.by("timestep")).rows, by_step)
    groups = ragged.by({"early": slice(0, 3), "late": slice(3, None)})
    assert sparseness(groups).rows[2] == 0  # one player
    equal = e._replace(values=np.ones_like(e.values))
    np.testing.assert_allclose(sparseness(equal).value, 0, atol=1e-12)
    one = np.zeros_like(e.values)
    one[:, 2, 1] = -3
    np.testing.assert_allclose(sparseness(e._replace(values=one)).value, 17 / 18)
    assert np.isnan(sparseness(e._replace(values=0 * one)).value)


def test_ground_truth_is_found_where_it_is():
    rows, e = ragged_explanation()
    truth = np.zeros((6, 3), dtype=bool)
    truth[4, 1] = truth[2, 0] = True
    result = ground_truth_auc(e, truth)
    expected = [
        roc_auc_score(truth[: len(r)].ravel(), np.abs(v[: len(r)]).ravel())
        for v, r in zip(e.values, rows, strict=True)
    ]
    np.testing.assert_allclose(result.rows, expected)
    np.testing.assert_allclose(result.value, np.mean(expected))
    perfect = e._replace(values=np.where(truth, -5.0, 0.1) * (e.values != 0))
    assert ground_truth_auc(perfect, truth).value == 1
    none = ground_truth_auc(e, np.broadcast_to(truth, (3, 6, 3)) & False)
    assert np.isnan(none.value)
    with pytest.raises(ValueError, match=r"'truth' .* shape \(6, 3\) or \(3, 6, 3\). Got int64"):
        ground_truth_auc(e, truth.astype(int))


def test_several_outputs_are_averaged():
    model = LSTMClassifier(4, max_epochs=3, random_state=0).fit(X, np.digitize(Y, [-1, 1]))
    e = model.explain_shap(ROWS, background=BACKGROUND)
    singles = [sparseness(e.output(k)) for k in range(3)]
    np.testing.assert_allclose(sparseness(e).rows, np.stack([s.rows for s in singles], axis=1))
    np.testing.assert_allclose(sparseness(e).value, np.mean([s.value for s in singles]))


# agreement


def test_agreement_is_that_of_scipy():
    a = of_lstm()
    b = explain_gradients(regressor(), ROWS, background=BACKGROUND)
    result = agreement(a, b, k=4)
    for i in range(6):
        u, v = np.abs(a.values[i]).ravel(), np.abs(b.values[i]).ravel()
        np.testing.assert_allclose(result.rows[i], spearmanr(u, v).statistic)
    tops = [
        len({*np.argsort(-np.abs(u).ravel())[:4]} & {*np.argsort(-np.abs(v).ravel())[:4]}) / 4
        for u, v in zip(a.values, b.values, strict=True)
    ]
    np.testing.assert_allclose(result.top_k, np.mean(tops))
    same = agreement(a, a)
    assert (same.rank_correlation, same.top_k, same.signs) == pytest.approx((1, 1, 1))
    negated = agreement(a, a._replace(values=-a.values))
    assert (negated.rank_correlation, negated.top_k, negated.signs) == pytest.approx((1, 1, 0))
    absolute = agreement(a, a.abs())
    assert absolute.rank_correlation == pytest.approx(1) and np.isnan(absolute.signs)
    flat = agreement(a, a._replace(values=np.ones_like(a.values)))
    assert np.isnan(flat.rank_correlation)


def test_agreement_leaves_padding_out():
    _, a = ragged_explanation()
    b = a._replace(values=a.values**3)
    result = agreement(a, b, k=100)
    assert result.rank_correlation == pytest.approx(1) and result.top_k == 1
    with pytest.raises(ValueError, match="'second' parameter must be of the rows"):
        agreement(a, a.by("feature"))


# max_sensitivity


def test_sensitivity_of_a_linear_model_is_known():
    explain = partial(explain_shap, **OPTIONS)
    result = max_sensitivity(LINEAR, T_ROWS, explain, radius=0.1, n_samples=3, random_state=5)
    draws = np.random.default_rng(np.random.RandomState(5).randint(2**31 - 1))
    before = explain(LINEAR, T_ROWS).values
    largest = np.zeros(20)
    for _ in range(3):
        noise = draws.uniform(-0.1, 0.1, size=T_ROWS.shape) * T_ROWS.std(axis=0)
        largest = np.maximum(largest, np.linalg.norm(WEIGHTS * noise, axis=1))
    np.testing.assert_allclose(result.rows, largest / np.linalg.norm(before, axis=1))
    wider = max_sensitivity(LINEAR, T_ROWS, explain, radius=1.0, n_samples=3, random_state=5)
    np.testing.assert_allclose(wider.rows, 10 * result.rows)


def test_an_explanation_that_ignores_the_row_is_not_sensitive():
    e = of_linear()
    assert max_sensitivity(LINEAR, T_ROWS, lambda model, X: e).value == 0


def test_columns_may_have_numbers_for_names_or_one_name_twice():
    for names in (list(range(5)), list("aabcd")):
        frame = pd.DataFrame(TABLE, columns=names)
        after = changed(frame, 0.1, np.random.default_rng(0))
        assert list(after.columns) == names
        size = np.abs(after.to_numpy() - TABLE).max(axis=0)
        assert (size > 0).all() and (size <= 0.1 * TABLE.std(axis=0)).all()
    np.testing.assert_array_equal(frame.to_numpy(), TABLE)


@pytest.mark.parametrize("kind", ["ragged", "padded", "frames", "pandas", "polars", "table"])
def test_changes_stay_in_the_container(kind):
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"a": TABLE[:, 0], "b": TABLE[:, 1], "c": np.arange(60), "d": "x"})
    padded = X[:3].copy()
    padded[1, 4:] = np.nan
    before = {
        "ragged": [X[0], X[1, :4].astype(np.float32)],
        "padded": padded,
        "frames": [pd.DataFrame(x, columns=list("abc")) for x in X[:2]],
        "pandas": frame,
        "polars": pl.DataFrame({name: list(frame[name]) for name in frame}),
        "table": TABLE,
    }[kind]
    after = changed(before, 0.1, draw)
    assert type(after) is type(before) and len(after) == len(before)
    if kind in ("pandas", "polars"):
        assert list(after.columns) == list(before.columns)
        for column in "cd":
            assert list(after[column]) == list(before[column])
        assert 0 < np.abs(after["a"] - before["a"]).max() <= 0.1 * TABLE[:, 0].std()
    elif kind == "padded":
        np.testing.assert_array_equal(np.isnan(after), np.isnan(before))
    elif kind == "frames":
        assert list(after[0].columns) == list("abc") and not after[0].equals(before[0])
    else:
        for a, b in zip(after, before, strict=True):
            assert a.shape == b.shape and 0 < np.abs(a - b).max() < 1


# randomization_test


def test_weights_that_are_lost_change_the_explanation():
    many = np.random.default_rng(1).normal(size=(300, 6, 3))
    model = LSTMRegressor(4, num_layers=2, bidirectional=True, max_epochs=15, random_state=0).fit(
        many, 3 * many[:, 1, 1]
    )
    pipe = make_pipeline(StandardScaler(), LinearRegression()).fit(TABLE, TABLE[:, 0])
    before = model.predict(ROWS)
    explain = partial(explain_shap, background=BACKGROUND)
    result = randomization_test(model, ROWS, explain, random_state=0)
    assert result.layers == ["head", "recurrent.layers.1", "recurrent.layers.0"]
    np.testing.assert_array_equal(model.predict(ROWS), before)
    assert result.value == result.rank_correlation[-1] < 0.6
    again = randomization_test(model, ROWS, explain, random_state=0)
    np.testing.assert_array_equal(again.rank_correlation, result.rank_correlation)
    blind = explain(model, ROWS)
    of_the_data = randomization_test(model, ROWS, lambda model, X: blind, random_state=0)
    np.testing.assert_allclose(of_the_data.rank_correlation, 1)
    with pytest.raises(ValueError, match=r"must end in an LSTM.*Got LinearRegression"):
        randomization_test(pipe, TABLE, explain)


# Bad input


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: comprehensiveness(LINEAR, T_ROWS, of_linear(), fractions=[]), "'fractions'"),
        (lambda: sufficiency(LINEAR, T_ROWS, of_linear(), fractions=0.5), "'fractions'.* Got 0.5"),
        (lambda: sufficiency(LINEAR, T_ROWS, of_linear(), fractions=[0, 1]), "above 0"),
        (lambda: sufficiency(LINEAR, T_ROWS, of_linear()), "'background' parameter is required"),
        (lambda: infidelity(LINEAR, T_ROWS, of_linear(), n_samples=0), "'n_samples'.* Got 0"),
        (lambda: infidelity(LINEAR, T_ROWS, of_linear().abs(), **OPTIONS), "Got absolute values"),
        (lambda: additivity_gap(3), "'explanation' parameter must be an Explanation"),
        (lambda: sparseness(None), "Got NoneType"),
        (lambda: sparseness(of_linear()[:0]), "must have rows"),
        (lambda: agreement(of_linear(), of_linear(), k=0), "'k' parameter"),
        (lambda: max_sensitivity(LINEAR, T_ROWS, 3), "'explain' parameter must be a callable"),
        (
            lambda: max_sensitivity(LINEAR, T_ROWS, partial(explain_shap, **OPTIONS), radius=0),
            "'radius' parameter must be a number > 0. Got 0",
        ),
        (
            lambda: max_sensitivity(
                LINEAR, T_ROWS.astype(int), partial(explain_shap, background=TABLE.astype(int))
            ),
            "X must hold floats.*int64",
        ),
        (
            lambda: max_sensitivity(LINEAR, T_ROWS[:1], partial(explain_shap, **OPTIONS)),
            r"X must hold floats that vary within a column.* Got 1 row\(s\)",
        ),
        (
            lambda: max_sensitivity(LINEAR, T_ROWS, lambda model, X: 3),
            "'explain' parameter must be an Explanation.*Got int",
        ),
        (lambda: randomization_test(regressor(), ROWS, None), "'explain' parameter must be"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
