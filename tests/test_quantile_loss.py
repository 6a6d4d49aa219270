"""``loss="quantile"``: coverage, order, shapes, the contract, and bad input."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from plain import PLAIN
from scipy.stats import norm
from sklearn.base import clone
from sklearn.metrics import make_scorer, mean_pinball_loss
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import EpochScoring

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.augmentation import Mixup

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
SMALL = PLAIN | {
    "hidden_size": 4,
    "learning_rate": 0.01,
    "batch_size": 8,
    "max_epochs": 3,
    "random_state": 0,
}


def quantile_regressor(**params):
    options = SMALL | {"loss": "quantile"} | params
    if "return_sequences" in options:  # which takes no other pooling than the default
        del options["pooling"]
    return LSTMRegressor(**options)


def data(n=24, kind="3-D", n_targets=None, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 5, 2))
    y = rng.normal(size=n if n_targets is None else (n, n_targets))
    if kind == "2-D":
        X = X.reshape(n, -1)
    if kind == "ragged":
        X = [x[: 1 + i % 5] for i, x in enumerate(X)]
    return X, y


def noisy(n, seed):
    """Mean and spread of y, far from 0, depend on a feature each."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(size=(n, 4, 2))
    mean = 1000 + 10 * (X[:, -1, 0] + X[:, 0, 0])
    spread = 2 + 8 * X[:, -1, 1]
    return X, mean + spread * rng.normal(size=n), mean, spread


@pytest.fixture(scope="module")
def noisy_model():
    X, y, _, _ = noisy(1500, 0)
    options = {"quantiles": QUANTILES, "lr_schedule": "one_cycle", "max_epochs": 15}
    return quantile_regressor(hidden_size=16, batch_size=32, **options).fit(X, y)


# ---------------------------------------------------------------- what the numbers mean


def test_share_of_targets_below_each_quantile(noisy_model):
    X, y, _, spread = noisy(4000, 1)
    below = y[:, None] < noisy_model.predict_quantiles(X)
    assert_allclose(below.mean(0), QUANTILES, atol=0.04)
    # Also where the noise is small and where it is large, not only on average.
    for part in (spread < 4, spread > 8):
        assert_allclose(below[part].mean(0), QUANTILES, atol=0.08)


def test_quantiles_are_near_the_true_ones_in_the_units_of_y(noisy_model):
    X, _, mean, spread = noisy(4000, 1)
    true = mean[:, None] + spread[:, None] * norm.ppf(QUANTILES)
    predicted = noisy_model.predict_quantiles(X)
    assert (np.abs(predicted - true).mean(0) < [2, 1.5, 1.5, 1.5, 2.5]).all()
    width = predicted[:, -1] - predicted[:, 0]
    assert np.corrcoef(width, spread)[0, 1] > 0.9


def test_pinball_loss_beats_that_of_constant_quantiles(noisy_model):
    X, y, _, _ = noisy(4000, 1)
    for q, column in zip(QUANTILES, noisy_model.predict_quantiles(X).T, strict=True):
        constant = np.full_like(y, np.quantile(y, q))
        assert mean_pinball_loss(y, column, alpha=q) < 0.9 * mean_pinball_loss(y, constant, alpha=q)


def test_predict_is_the_median_and_score_its_r2(noisy_model):
    X, y, _, _ = noisy(200, 2)
    median = noisy_model.predict_quantiles(X)[:, 2]
    assert_array_equal(noisy_model.predict(X), median)
    assert noisy_model.score(X, y) == pytest.approx(
        1 - np.sum((y - median) ** 2) / np.sum((y - y.mean()) ** 2)
    )


def test_quantiles_never_cross_also_far_from_the_training_data(noisy_model):
    rng = np.random.default_rng(3)
    for scale in (1.0, 1e3, 1e9, 1e300):
        X = rng.normal(size=(500, 4, 2)) * scale
        assert (np.diff(noisy_model.predict_quantiles(X)) >= 0).all()


def test_quantiles_of_an_untrained_network_never_cross_in_any_unit():
    X, y = data()
    for unit in (1e-12, 1.0, 1e12):
        model = quantile_regressor(quantiles=[i / 50 for i in range(1, 50)], max_epochs=1)
        table = model.fit(X, 1e6 * unit + unit * y).predict_quantiles(X)
        assert table.shape == (24, 49)
        assert (np.diff(table) >= 0).all()
        assert (table[:, 0] < table[:, -1]).all()


def test_unit_of_y_does_not_matter():
    X, y = data()
    one = quantile_regressor(batch_size=24).fit(X, y).predict_quantiles(X)
    other = quantile_regressor(batch_size=24).fit(X, 8 * y + 16).predict_quantiles(X)
    assert_allclose(other, 8 * one + 16, rtol=1e-4, atol=1e-3)


def test_constant_target_is_harmless():
    X, _ = data()
    model = quantile_regressor(max_epochs=60, learning_rate=0.05).fit(X, np.full(24, 7.0))
    assert_allclose(model.predict(X), 7, atol=0.2)
    assert_allclose(model.predict_quantiles(X), 7, atol=0.5)


def test_median_alone_is_close_to_absolute_error():
    X, y, mean, _ = noisy(400, 0)
    median = quantile_regressor(quantiles=(0.5,), max_epochs=10, learning_rate=0.03).fit(X, y)
    assert median.predict_quantiles(X).shape == (400, 1)
    assert_array_equal(median.predict_quantiles(X)[:, 0], median.predict(X))
    assert np.abs(median.predict(X) - mean).mean() < 3


# ---------------------------------------------------------------- shapes


@pytest.mark.parametrize("kind", ["3-D", "2-D", "ragged"])
@pytest.mark.parametrize("n_targets", [None, 1, 3])
def test_shapes(kind, n_targets):
    X, y = data(kind=kind, n_targets=n_targets)
    model = quantile_regressor().fit(X, y)
    table = model.predict_quantiles(X)
    assert table.dtype == np.float64
    assert table.shape == (*y.shape, 3)
    assert (np.diff(table) >= 0).all()
    assert_array_equal(model.predict(X), table[..., 1])
    # One row alone, and in another order.
    assert_array_equal(model.predict_quantiles(X[:1]), table[:1])
    assert_array_equal(model.predict_quantiles(X[::-1]), table[::-1])


def test_each_target_has_its_own_unit():
    X, y = data(60, n_targets=2)
    model = quantile_regressor(max_epochs=20).fit(X, y * [1, 1000] + [0, 5e4])
    table = model.predict_quantiles(X)
    assert np.abs(table[:, 0]).max() < 10
    assert_allclose(table[:, 1], 5e4, atol=1e4)
    widths = (table[..., -1] - table[..., 0]).mean(0)
    assert 200 < widths[1] / widths[0] < 5000


@pytest.mark.parametrize("n_targets", [None, 2])
@pytest.mark.parametrize("kind", ["3-D", "padded", "ragged"])
def test_one_table_per_time_step(kind, n_targets):
    X, _ = data(kind="ragged" if kind == "ragged" else "3-D")
    if kind == "padded":
        X[::2, 3:] = np.nan
        X[1::2, :1] = np.nan
    shape = () if n_targets is None else (n_targets,)
    rng = np.random.default_rng(5)
    if kind == "ragged":
        y = [rng.normal(size=(len(x), *shape)) for x in X]
    else:
        y = rng.normal(size=(24, 5, *shape))
    model = quantile_regressor(return_sequences=True).fit(X, y)
    median, table = model.predict(X), model.predict_quantiles(X)
    assert isinstance(table, list) == (kind == "ragged")
    for x, one, all_of_it in zip(X, median, table, strict=True):
        assert all_of_it.shape == (*np.shape(one), 3)
        assert_array_equal(all_of_it[..., 1], one)
        real = ~np.isnan(x[:, 0])
        assert_array_equal(np.isnan(all_of_it).reshape(len(x), -1).any(1), ~real)
        assert (np.diff(all_of_it[real]) >= 0).all()


def test_column_names_and_positions_of_a_frame():
    X, y = data(kind="2-D")
    frame = pd.DataFrame(X, columns=[f"t{i}" for i in range(10)])
    model = quantile_regressor().fit(frame, y)
    assert_array_equal(
        model.predict_quantiles(frame), quantile_regressor().fit(X, y).predict_quantiles(X)
    )
    with pytest.raises(ValueError, match="feature names"):
        model.predict_quantiles(frame.iloc[:, ::-1])


# ---------------------------------------------------------------- the estimator's contract


def test_method_exists_only_with_the_quantile_loss():
    assert hasattr(quantile_regressor(), "predict_quantiles")
    for loss in ("squared_error", "absolute_error", "huber"):
        model = LSTMRegressor(loss=loss)
        assert not hasattr(model, "predict_quantiles")
        with pytest.raises(AttributeError) as info:
            model.predict_quantiles([[0.0]])
        assert "loss='quantile'" in str(info.value.__cause__)
        assert loss in str(info.value.__cause__)
    assert not hasattr(LSTMClassifier(), "predict_quantiles")


def test_loss_changed_after_fit():
    X, y = data()
    model = quantile_regressor().fit(X, y)
    median = model.predict(X)
    assert_array_equal(model.set_params(loss="huber").predict(X), median)
    plain = quantile_regressor(loss="squared_error").fit(X, y).set_params(loss="quantile")
    with pytest.raises(ValueError, match=r"needs a fit with loss='quantile'.*'squared_error'"):
        plain.predict_quantiles(X)


def test_quantiles_changed_after_fit_wait_for_the_next_fit():
    X, y = data()
    model = quantile_regressor().fit(X, y)
    table = model.predict_quantiles(X)
    assert_array_equal(model.set_params(quantiles=[0.5, 0.6]).predict_quantiles(X), table)
    assert model.fit(X, y).predict_quantiles(X).shape == (24, 2)


@pytest.mark.parametrize("changed", [{"quantiles": [0.2, 0.5, 0.8]}, {"loss": "absolute_error"}])
def test_training_does_not_go_on_with_other_quantiles(changed):
    X, y = data()
    model = quantile_regressor(warm_start=True).fit(X, y)
    table = model.predict_quantiles(X)
    with pytest.raises(ValueError, match="Training cannot go on from the fitted network"):
        model.set_params(**changed).fit(X, y)
    assert_array_equal(model.set_params(loss="quantile").predict_quantiles(X), table)
    same = model.set_params(quantiles=np.array([0.1, 0.5, 0.9]))  # the same numbers
    assert same.fit(X, y).n_epochs_ == 6


def test_partial_fit_equals_fit():
    X, y = data(n_targets=2)
    parts = quantile_regressor(dropout=0.3)
    for _ in range(3):
        parts.partial_fit(X, y)
    whole = quantile_regressor(dropout=0.3).fit(X, y)
    assert_array_equal(parts.predict_quantiles(X), whole.predict_quantiles(X))


@pytest.mark.parametrize("return_sequences", [False, True])
def test_sample_weight_two_equals_the_row_twice(return_sequences):
    X, y = data(kind="ragged")
    if return_sequences:
        y = [x[:, 0] for x in X]
    weights = np.ones(24)
    weights[:5] = 2
    weights[-1] = 0
    rows = np.repeat(np.arange(24), weights.astype(int))
    model = quantile_regressor(return_sequences=return_sequences)
    weighted = clone(model).fit(X, y, sample_weight=weights)
    twice = clone(model).fit([X[i] for i in rows], [y[i] for i in rows])
    one, other = weighted.predict_quantiles(X), twice.predict_quantiles(X)
    for row, same in zip(one, other, strict=True):
        assert_array_equal(row, same)


def test_padding_changes_nothing():
    X, y = data(kind="ragged")
    padded = np.full((24, 9, 2), np.nan)
    for row, x in zip(padded, X, strict=True):
        row[2 : 2 + len(x)] = x
    ragged = quantile_regressor().fit(X, y)
    dense = quantile_regressor().fit(padded, y)
    assert_array_equal(dense.predict_quantiles(padded), ragged.predict_quantiles(X))
    assert_array_equal(ragged.predict_quantiles(padded), ragged.predict_quantiles(X))


def test_pickle_keeps_the_quantiles():
    X, y = data(n_targets=2)
    model = quantile_regressor(quantiles=(0.3, 0.5)).fit(X, y)
    copy = pickle.loads(pickle.dumps(model))
    assert_array_equal(copy.predict_quantiles(X), model.predict_quantiles(X))


def test_early_stopping_watches_the_pinball_loss():
    X, y = data(60)
    model = quantile_regressor(early_stopping=True, max_epochs=10, n_iter_no_change=20).fit(X, y)
    losses = [row["valid_loss"] for row in model.history_]
    best = quantile_regressor(
        early_stopping=True, max_epochs=int(np.argmin(losses)) + 1, n_iter_no_change=20
    ).fit(X, y)
    assert_array_equal(model.predict_quantiles(X), best.predict_quantiles(X))


def test_search_over_quantiles_with_a_scorer_of_the_median():
    X, y = data()
    search = GridSearchCV(
        quantile_regressor(max_epochs=1),
        {"quantiles": [(0.1, 0.5, 0.9), [0.25, 0.5, 0.75], (0.5,)]},
        scoring=make_scorer(mean_pinball_loss, greater_is_better=False, alpha=0.5),
        cv=2,
        error_score="raise",
    ).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_callbacks_that_score_see_the_median():
    X, y = data()

    def rows_seen(net, dataset, y):
        return float(net.predict(dataset).shape[1])

    callback = EpochScoring(rows_seen, name="columns", on_train=True)
    model = quantile_regressor(callbacks=[callback]).fit(X, y)
    assert [row["columns"] for row in model.history_] == [1.0] * 3


def test_mixup_mixes_the_targets():
    X, y = data()
    model = quantile_regressor(augmentation=[Mixup(1.0)]).fit(X, y)
    plain = quantile_regressor().fit(X, y)
    assert not np.array_equal(model.predict(X), plain.predict(X))
    assert (np.diff(model.predict_quantiles(X)) >= 0).all()


def test_parameter_is_not_changed_by_fit():
    quantiles = [0.1, 0.5, 0.9]
    model = quantile_regressor(quantiles=quantiles).fit(*data())
    assert model.quantiles is quantiles
    assert quantiles == [0.1, 0.5, 0.9]
    assert clone(model).quantiles == quantiles


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    "wrong",
    [
        (),
        (0.1, 0.9),
        (0.5, 0.1),
        (0.5, 0.5),
        (0.0, 0.5),
        (0.5, 1.0),
        (-0.1, 0.5),
        (0.5, np.nan),
        ("0.5",),
        (None, 0.5),
        [[0.1, 0.5]],
        (0.5, np.inf),
        0.5,
        "0.5",
        None,
    ],
    ids=repr,
)
def test_wrong_quantiles_are_named(wrong):
    X, y = data()
    with pytest.raises(ValueError, match="The 'quantiles' parameter of LSTMRegressor must be"):
        quantile_regressor(quantiles=wrong).fit(X, y)


def test_array_of_quantiles():
    X, y = data()
    model = quantile_regressor(quantiles=np.array([0.2, 0.5, 0.8])).fit(X, y)
    same = quantile_regressor(quantiles=[0.2, 0.5, 0.8]).fit(X, y)
    assert_array_equal(model.predict_quantiles(X), same.predict_quantiles(X))


def test_quantiles_of_another_loss_are_not_looked_at():
    X, y = data()
    model = quantile_regressor(loss="huber", quantiles=(0.1, 0.2)).fit(X, y)
    assert model.predict(X).shape == (24,)


@pytest.mark.parametrize("n_targets", [None, 2])
def test_wrong_targets_and_sequences(n_targets):
    X, y = data(n_targets=n_targets)
    with pytest.raises(ValueError, match="NaN"):
        quantile_regressor().fit(X, np.where(np.arange(y.size).reshape(y.shape) == 3, np.nan, y))
    model = quantile_regressor().fit(X, y)
    with pytest.raises(ValueError, match="3 features"):
        model.predict_quantiles(np.zeros((2, 5, 3)))
