"""deletion_curve and insertion_curve: known areas, a slow twin, every kind of X and model."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.datasets import load_japanese_vowels
from sklstm.explain import explain_lime, explain_shap
from sklstm.metrics import deletion_curve, insertion_curve
from sklstm.preprocessing import SequenceOneHotEncoder, SlidingWindow

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 6, 3))
Y = 2 * X[:, 4, 1] + X[:, 2, 0]
TABLE = rng.normal(3, 2, size=(60, 5))
WEIGHTS = np.array([1.0, -2.0, 0.0, 3.0, 0.5])
LINEAR = LinearRegression().fit(TABLE, TABLE @ WEIGHTS + 7)
ROWS, BACKGROUND = X[:6], X[60:75]
T_ROWS, T_BACKGROUND = TABLE[:20], TABLE[40:]


@cache
def regressor(**parameters):
    options = {"hidden_size": 5, "max_epochs": 8, "random_state": 0, **parameters}
    return LSTMRegressor(**options).fit(X, Y)


@cache
def of_linear():
    return explain_shap(LINEAR, T_ROWS, background=T_BACKGROUND)


def slow_curve(predict, x, background, order, inserted):
    """Outputs of one row along an order of its cells."""
    points = []
    for count in range(len(order) + 1):
        rows = background.copy() if inserted else np.repeat(x[None], len(background), axis=0)
        source = x if inserted else background
        for cell in order[:count]:
            rows.reshape(len(rows), -1)[:, cell] = source.reshape(
                -1 if inserted else len(rows), 1 if inserted else x.size
            )[cell if inserted else slice(None), 0 if inserted else cell]
        points.append(predict(rows).mean())
    return np.array(points)


@pytest.mark.parametrize("curve, inserted", [(deletion_curve, False), (insertion_curve, True)])
@pytest.mark.parametrize("sequences", [False, True])
def test_curves_are_those_of_a_slow_loop(curve, inserted, sequences):
    model = regressor() if sequences else LINEAR
    x, background = (ROWS, BACKGROUND) if sequences else (T_ROWS, T_BACKGROUND)
    e = explain_shap(model, x, background=background)
    result = curve(model, x, e, background=background, n_steps=e.n_players)
    base = model.predict(background).mean()
    areas, differences = [], []
    for i, row in enumerate(x):
        sign = np.sign(model.predict(x)[i] - base)
        order = np.argsort(-sign * e.values[i].ravel(), kind="stable")
        expected = slow_curve(model.predict, row, background, order, inserted)
        np.testing.assert_allclose(result.curves[i], expected, rtol=1e-5, atol=1e-5)
        left = sign * (expected - base)
        areas.append((left[1:] + left[:-1]).sum() / 2 / e.n_players)
        differences.append(abs(model.predict(x)[i] - base))
    np.testing.assert_allclose(result.areas, areas, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(result.area, np.sum(areas) / np.sum(differences), rtol=1e-4)
    np.testing.assert_allclose(result.curve[[0, -1]], [0, 1] if inserted else [1, 0], atol=1e-5)


def test_of_a_linear_model_no_order_is_better_and_the_reversed_one_is_worst():
    e = of_linear()
    options = {"background": T_BACKGROUND, "random_state": 0}
    best = deletion_curve(LINEAR, T_ROWS, e, **options)
    worst = deletion_curve(LINEAR, T_ROWS, e._replace(values=-e.values), **options)
    np.testing.assert_allclose(best.random_area, 0.5)
    np.testing.assert_allclose(worst.area, 1 - best.area)
    assert best.area < 0.3 and best.gain > 4 * best.gain_standard_error
    generator = np.random.default_rng(1)
    for _ in range(5):
        permuted = e._replace(values=generator.permuted(e.values, axis=1))
        other = deletion_curve(LINEAR, T_ROWS, permuted, **options)
        assert (best.areas <= other.areas + 1e-9).all() and best.area < other.area
    inserted = insertion_curve(LINEAR, T_ROWS, e, **options)
    np.testing.assert_allclose(inserted.area, 1 - best.area)  # nothing interacts
    np.testing.assert_allclose(inserted.gain, best.gain)


def test_what_players_are_dummies_is_no_matter():
    e = of_linear()
    swapped = e.values.copy()
    swapped[:, 2] = 1e-12 * np.arange(20)
    options = {"background": T_BACKGROUND, "n_steps": 5}
    a = deletion_curve(LINEAR, T_ROWS, e, **options)
    b = deletion_curve(LINEAR, T_ROWS, e._replace(values=swapped), **options)
    np.testing.assert_allclose(a.areas, b.areas, atol=1e-9)


class Constant(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        self.fitted_ = True
        return self

    def predict(self, X):
        return np.full(len(X), 3.0)


def test_a_constant_model_has_no_area():
    model = Constant().fit(TABLE, None)
    e = explain_shap(model, T_ROWS, background=T_BACKGROUND)
    result = deletion_curve(model, T_ROWS, e, background=T_BACKGROUND)
    assert np.isnan([result.area, result.gain, result.standard_error]).all()
    assert (result.curves == 3).all()


def test_slopes_and_absolute_values_are_ordered_by_size():
    e = of_linear()
    a = deletion_curve(LINEAR, T_ROWS, e.abs(), background=T_BACKGROUND, n_steps=5)
    order = np.argsort(-np.abs(e.values[3]), kind="stable")
    expected = slow_curve(LINEAR.predict, T_ROWS[3], T_BACKGROUND, order, False)
    np.testing.assert_allclose(a.curves[3], expected)


@pytest.mark.parametrize("level", ["cell", "feature", "timestep", 4, {"a": [0, 2], "b": [1]}])
def test_players_are_those_of_the_explanation(level):
    model = regressor()
    e = explain_shap(model, ROWS, background=BACKGROUND, level=level, method="deep")
    result = deletion_curve(model, ROWS, e, background=BACKGROUND, n_steps=e.n_players)
    table = np.zeros((6, 3), dtype=int)
    table += {"cell": np.arange(18).reshape(6, 3), "feature": np.arange(3)}.get(
        level if isinstance(level, str) else "", 0
    )
    if level == "timestep":
        table += np.arange(6)[:, None]
    elif level == 4:
        table += np.arange(6)[:, None] // 4
    elif isinstance(level, dict):
        table += np.array([0, 1, 0])
    values, base = e.values[1].ravel(), model.predict(BACKGROUND).mean()
    order = np.argsort(-np.sign(e.output_values[1] - base) * values, kind="stable")
    half = int(np.round(e.n_players / 2))
    removed = np.isin(table, order[:half])
    rows = np.where(removed, BACKGROUND, ROWS[1])
    np.testing.assert_allclose(result.curves[1, half], model.predict(rows).mean(), rtol=1e-5)
    by_view = explain_shap(model, ROWS, background=BACKGROUND, method="deep").by(level)
    again = deletion_curve(model, ROWS, by_view, background=BACKGROUND, n_steps=e.n_players)
    np.testing.assert_allclose(again.curves, result.curves, rtol=1e-4, atol=1e-4)


def test_rows_of_any_length_and_place_alone_and_together():
    data = load_japanese_vowels()
    ragged, y = [row[~np.isnan(row[:, 0])] for row in data.data[:60]], data.target[:60]
    model = LSTMClassifier(hidden_size=4, max_epochs=2, random_state=0).fit(ragged, y)
    explained = [row for row in ragged if len(row) <= 20][:5]
    assert len(set(map(len, explained))) > 1
    e = model.explain_shap(explained, background=ragged[20:])
    options = {"background": ragged[20:], "random_state": 0, "n_steps": 4}
    result = deletion_curve(model, explained, e, **options)
    assert result.curves.shape == (5, 5, *e.output_values.shape[1:])
    longest = max(map(len, explained))
    for front in (False, True):
        padded = np.full((5, longest + 2, ragged[0].shape[1]), np.nan)
        for place, row in zip(padded, explained, strict=True):
            start = longest + 2 - len(row) if front else 0
            place[start : start + len(row)] = row
        e_padded = model.explain_shap(padded, background=ragged[20:])
        same = deletion_curve(model, padded, e_padded, **options)
        np.testing.assert_allclose(same.curves, result.curves, rtol=1e-4, atol=1e-5)
    one = deletion_curve(model, explained[2:3], e[2], **options)
    np.testing.assert_allclose(one.curves[0], result.curves[2], rtol=1e-5, atol=1e-6)
    assert np.isnan(one.standard_error) and np.isfinite(one.area)


def test_one_of_several_outputs():
    labels = np.digitize(Y, [-1, 1])
    model = LSTMClassifier(hidden_size=4, max_epochs=4, random_state=0).fit(X, labels)
    every = model.explain_shap(ROWS, background=BACKGROUND)
    options = {"background": BACKGROUND, "random_state": 0}
    result = deletion_curve(model, ROWS, every, **options)
    for k in range(3):
        for e in (every.output(k), model.explain_shap(ROWS, background=BACKGROUND, target=k)):
            one = deletion_curve(model, ROWS, e, **options)
            np.testing.assert_allclose(one.areas, result.areas[:, k], rtol=1e-4, atol=1e-5)
    total = np.abs(result.curves[:, 0] - result.curves[:, -1]).sum()
    np.testing.assert_allclose(result.area, result.areas.sum() / total)


def test_outputs_that_are_large_beside_their_spread_are_told_apart():
    y = X[:, :, :2] + 1e5
    model = LSTMRegressor(4, max_epochs=20, return_sequences=True, random_state=0).fit(X, y)
    options = {"background": BACKGROUND, "random_state": 0}
    every = deletion_curve(model, ROWS, model.explain_shap(ROWS, background=BACKGROUND), **options)
    for target in ([1], [1, 0]):
        e = model.explain_shap(ROWS, background=BACKGROUND, target=target)
        some = deletion_curve(model, ROWS, e, **options)
        np.testing.assert_allclose(some.curves, every.curves[..., target], rtol=1e-7)


@pytest.mark.parametrize("size", [0.0, 1e6])
@pytest.mark.parametrize("n", [1, 6])
def test_an_explanation_of_another_model_is_refused(size, n):
    """Also where the outputs of all models are alike in all but the last digits."""
    models = [
        LSTMRegressor(4, max_epochs=3, random_state=seed).fit(X, Y / Y.std() + size)
        for seed in (0, 1)
    ]
    e = models[0].explain_shap(ROWS[:n], background=BACKGROUND)
    noise = 1e-5 * np.abs(e.output_values - e.base_values).max() * (-1) ** np.arange(n)
    for one in (e, e._replace(output_values=e.output_values + noise)):  # of another machine
        deletion_curve(models[0], ROWS[:n], one, background=BACKGROUND)
        with pytest.raises(ValueError, match="must be of this model and X"):
            deletion_curve(models[1], ROWS[:n], one, background=BACKGROUND)


def test_an_output_for_each_time_step():
    y = np.cumsum(X[:, :, 0], axis=1)
    model = regressor_of_steps = LSTMRegressor(
        hidden_size=4, max_epochs=3, return_sequences=True, random_state=0
    ).fit(X, y)
    rows = [ROWS[0], ROWS[1, :4]]
    e = regressor_of_steps.explain_shap(rows, background=BACKGROUND)
    result = deletion_curve(model, rows, e, background=BACKGROUND, n_steps=3)
    assert result.curves.shape == (2, 4, 6)
    assert np.isnan(result.curves[1, :, 4:]).all() and np.isfinite(result.curves[1, :, :4]).all()
    np.testing.assert_allclose(result.curves[0, 0], model.predict(rows)[0], rtol=1e-5)
    assert np.isfinite(result.area)
    short = deletion_curve(model, rows[1:], e[1], background=BACKGROUND, n_steps=3)
    assert short.curves.shape == (1, 4, 4)
    np.testing.assert_allclose(short.curves[0], result.curves[1, :, :4], rtol=1e-5, atol=1e-5)


def test_through_pipelines_and_searches():
    frame = pd.DataFrame(
        {"a": TABLE[:, 0], "b": TABLE[:, 1], "c": np.array(list("xyz"))[rng.integers(3, size=60)]}
    )
    y = frame["a"] + (frame["c"] == "x")
    from sklearn.compose import make_column_transformer

    mixed = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["c"]), remainder="passthrough"),
        RandomForestClassifier(10, random_state=0),
    ).fit(frame, y > y.mean())
    e = explain_shap(mixed, frame[:8], background=frame[30:])
    result = insertion_curve(mixed, frame[:8], e, background=frame[30:], random_state=0)
    assert result.gain > 0
    sliding = make_pipeline(StandardScaler(), SlidingWindow(3), LSTMRegressor(4, max_epochs=2))
    sliding.fit(TABLE, TABLE[:, 0])
    e = explain_shap(sliding, TABLE[:8], background=TABLE[20:])
    result = deletion_curve(sliding, TABLE[:8], e, background=TABLE[20:], random_state=0)
    np.testing.assert_allclose(result.curves[:, 0], sliding.predict(TABLE[:8]), rtol=1e-5)
    search = GridSearchCV(
        make_pipeline(PCA(3), LinearRegression()), {"pca__n_components": [2]}, cv=2
    )
    search.fit(TABLE, TABLE[:, 0])
    e = explain_lime(search, T_ROWS, background=T_BACKGROUND, random_state=0)
    assert deletion_curve(search, T_ROWS, e, background=T_BACKGROUND).gain > 0
    texts = ["".join(row) for row in np.array(list("ACGT"))[rng.integers(4, size=(40, 7))]]
    dna = make_pipeline(SequenceOneHotEncoder("ACGT"), LSTMClassifier(4, max_epochs=2))
    dna.fit(texts, [text[2] == "A" for text in texts])
    e = explain_shap(dna, texts[:4], background=texts[20:])
    result = deletion_curve(dna, texts[:4], e, background=texts[20:], n_steps=7)
    assert result.curves.shape == (4, 8)


def test_kept_rows_and_large_backgrounds():
    model = LSTMRegressor(4, max_epochs=2, keep_background=20, random_state=0).fit(X, Y)
    e = model.explain_shap(ROWS)
    result = deletion_curve(model, ROWS, e)
    np.testing.assert_allclose(result.curves[:, -1], e.base_values, rtol=1e-5)
    linear = LinearRegression().fit(TABLE, TABLE[:, 0])
    many = np.random.default_rng(3).normal(size=(700, 5))
    e = explain_shap(linear, T_ROWS, background=many)
    curves = [
        deletion_curve(linear, T_ROWS, e, background=many, random_state=seed).curves
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(curves[0], curves[1])
    assert not np.array_equal(curves[0], curves[2])
    np.testing.assert_allclose(np.ptp(curves[0][:, -1]), 0, atol=1e-9)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"explanation": 3}, "'explanation' parameter must be an Explanation.*Got int"),
        ({"n_steps": 0}, "'n_steps' parameter must be an int >= 1. Got 0"),
        ({"n_random": 1.5}, "'n_random' parameter must be an int >= 1. Got 1.5"),
        ({"random_state": "a"}, "'random_state' parameter"),
        ({"background": None}, "'background' parameter is required"),
        ({"X": T_ROWS[:3]}, "It has 20 rows, and X 3"),
        ({"X": T_ROWS[::-1]}, "must be of this model and X"),
        ({"X": T_ROWS[:, :4]}, "columns|features"),
        ({"model": LinearRegression().fit(TABLE, TABLE[:, 1] ** 2)}, "must be of this model and X"),
    ],
)
@pytest.mark.parametrize("curve", [deletion_curve, insertion_curve])
def test_bad_arguments(curve, changes, message):
    given = {"model": LINEAR, "X": T_ROWS, "explanation": of_linear(), "background": T_BACKGROUND}
    with pytest.raises(ValueError, match=message):
        curve(**{**given, **changes})


def test_rows_longer_than_the_background_are_named():
    model = LSTMRegressor(4, max_epochs=2, random_state=0).fit(X, Y)
    e = model.explain_shap(ROWS, background=BACKGROUND)
    with pytest.raises(ValueError, match="sample 0 has 6 time steps, and every row of the backgr"):
        deletion_curve(model, ROWS, e, background=BACKGROUND[:, :3])


def test_weighted_sums_of_outputs_are_refused():
    both = LinearRegression().fit(TABLE, np.stack([TABLE[:, 0], TABLE[:, 1]], axis=1))
    e = explain_shap(both, T_ROWS, background=T_BACKGROUND, target=np.array([1.0, 1.0]))
    with pytest.raises(ValueError, match="weighted sum of outputs"):
        deletion_curve(both, T_ROWS, e, background=T_BACKGROUND)
