"""WindowSplit against the observations that its rows stand for."""

import itertools
import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    TimeSeriesSplit,
    cross_val_predict,
    cross_val_score,
    cross_validate,
)
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMRegressor
from sklstm.datasets import load_mauna_loa_co2, load_nyc_weather
from sklstm.model_selection import WindowSplit
from sklstm.preprocessing import SlidingWindow, make_windows


def observations(rows, lookback, horizon):
    """Numbers of all observations that the windows and the targets of some rows hold."""
    windows = [range(row - lookback + 1, row + 1) for row in rows]
    return {step for window in windows for step in window} | {row + horizon for row in rows}


SIZES = list(
    itertools.product((9, 16, 25, 40), (2, 3, 5), (1, 2, 4), (None, 1, 3, 6), (None, 1, 3))
)


def folds(n, n_splits, horizon, lookback, test_size, **params):
    """Folds, or None where there are too few rows."""
    cv = WindowSplit(n_splits, horizon=horizon, lookback=lookback, test_size=test_size, **params)
    try:
        return list(cv.split(np.zeros((n, 1))))
    except ValueError as error:
        assert "are needed" in str(error)
        return None


def may_be_trained_on(row, test, horizon, lookback):
    """Whether a row's target lies before the first test origin, and it shares no observation."""
    if row + horizon >= min(test):
        return False
    if lookback is None:
        return True
    return not observations([row], lookback, horizon) & observations(test, lookback, horizon)


def test_no_observation_is_shared_and_no_more_row_could_be_trained_on():
    n_folds = 0
    for n, n_splits, horizon, lookback, test_size in SIZES:
        for train, test in folds(n, n_splits, horizon, lookback, test_size) or ():
            clean = [row for row in range(n) if may_be_trained_on(row, test, horizon, lookback)]
            assert train.tolist() == clean, (n, n_splits, horizon, lookback, test_size)
            n_folds += 1
    assert n_folds > 500


def test_windows_reach_back_into_training_only_where_no_lookback_is_given():
    for lookback, shared in ((None, True), (4, False)):
        cv = WindowSplit(3, horizon=2, lookback=lookback)
        for train, test in cv.split(np.zeros(40)):
            assert bool(observations(train, 4, 2) & observations(test, 4, 2)) == shared
            assert train.max() + 2 < test.min()


def slow_folds(n, n_splits, horizon, lookback, test_size, max_train_size):
    size = n // (n_splits + 1) if test_size is None else test_size
    for k in range(n_splits):
        start = n - (n_splits - k) * size
        test = list(range(start, start + size))
        train = []
        for row in range(n):
            first = start if lookback is None else start - lookback + 1
            if row + horizon < first:
                train.append(row)
        yield train[-max_train_size:] if max_train_size else train, test


@pytest.mark.parametrize("max_train_size", [None, 1, 5, 100])
def test_same_as_a_loop_over_the_rows(max_train_size):
    n_splits_made = n_refused = 0
    for n, n_splits, horizon, lookback, test_size in SIZES:
        found = folds(n, n_splits, horizon, lookback, test_size, max_train_size=max_train_size)
        expected = list(slow_folds(n, n_splits, horizon, lookback, test_size, max_train_size))
        size = len(expected[0][1])
        if found is None:
            assert size == 0 or len(expected[0][0]) == 0 or expected[0][1][0] < 0
            n_refused += 1
            continue
        n_splits_made += 1
        assert [(a.tolist(), b.tolist()) for a, b in found] == expected
    assert n_splits_made > 200
    assert n_refused > 20


def test_test_folds_are_those_of_time_series_split():
    for n, n_splits, test_size in itertools.product((30, 41), (2, 5), (None, 2, 4)):
        ours = WindowSplit(n_splits, horizon=2, lookback=3, test_size=test_size)
        theirs = TimeSeriesSplit(n_splits, test_size=test_size)
        for (_, found), (_, expected) in zip(
            ours.split(np.zeros(n)), theirs.split(np.zeros(n)), strict=True
        ):
            assert_array_equal(found, expected)


def test_no_target_or_window_of_a_real_series_is_shared():
    series = np.arange(60.0)
    X, y, index = make_windows(series, lookback=5, horizon=3)
    for train, test in WindowSplit(3, horizon=3, lookback=5).split(X, y, None):
        trained = set(X[train].ravel()) | set(y[train].ravel())
        tested = set(X[test].ravel()) | set(y[test].ravel())
        assert not trained & tested
        assert min(tested) - max(trained) == 1
        assert index[test[0]] > index[train[-1]] + 3


@pytest.mark.parametrize("stride, horizon, lookback", [(2, 3, 5), (3, 3, 5), (4, 9, 2), (5, 1, 1)])
def test_strided_windows_as_the_notes_say(stride, horizon, lookback):
    X, y, _ = make_windows(np.arange(200.0), lookback, horizon, stride=stride)
    cv = WindowSplit(4, horizon=-(-horizon // stride), lookback=-(-lookback // stride))
    for train, test in cv.split(X):
        trained = set(X[train].ravel()) | set(y[train].ravel())
        assert not trained & (set(X[test].ravel()) | set(y[test].ravel()))


# ---------------------------------------------------------------- as a splitter of scikit-learn


def test_repr_and_number_of_splits():
    cv = WindowSplit(3, horizon=24)
    expected = (
        "WindowSplit(horizon=24, lookback=None, max_train_size=None, n_splits=3, test_size=None)"
    )
    assert " ".join(repr(cv).split()) == expected
    assert cv.get_n_splits() == cv.get_n_splits(np.zeros(9), None, groups=3) == 3
    assert WindowSplit(horizon=1).n_splits == 5
    assert repr(pickle.loads(pickle.dumps(cv))) == repr(cv)


def series(n=60, as_frame=False):
    rng = np.random.default_rng(0)
    X = np.sin(np.arange(n) / 3)[:, None] + 0.1 * rng.normal(size=(n, 2))
    if as_frame:
        X = pd.DataFrame(X, pd.date_range("2024-01-01", periods=n, freq="h"), columns=["a", "b"])
        return X.iloc[:-2], X["a"].shift(-2).dropna()
    return X[:-2], X[2:, 0]


def test_cross_validation_uses_its_folds():
    for as_frame in (False, True):
        X, y = series(as_frame=as_frame)
        cv = WindowSplit(4, horizon=2, lookback=3)
        expected = []
        values, targets = np.asarray(X), np.asarray(y)
        for train, test in cv.split(X):
            model = Ridge().fit(values[train], targets[train])
            expected.append(model.score(values[test], targets[test]))
        assert_allclose(cross_val_score(Ridge(), X, y, cv=cv), expected)
        search = GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=cv).fit(X, y)
        assert search.n_splits_ == 4
        assert search.cv_results_["mean_test_score"][1] == pytest.approx(np.mean(expected))
        result = cross_validate(Ridge(), X, y, cv=cv, return_estimator=True, return_indices=True)
        assert len(result["estimator"]) == 4
        for found, (train, test) in zip(
            zip(result["indices"]["train"], result["indices"]["test"], strict=True),
            cv.split(X),
            strict=True,
        ):
            assert_array_equal(found[0], train)
            assert_array_equal(found[1], test)


@pytest.mark.parametrize("kind", ["3-D", "ragged", "object array", "windows", "table"])
def test_every_kind_of_sequences(kind):
    table, _ = series()
    windows, targets, _ = make_windows(table[:, 0], lookback=4, horizon=1)
    X = {
        "3-D": windows,
        "ragged": [x[: 2 + i % 3] for i, x in enumerate(windows)],
        "object array": np.array([x[: 2 + i % 3] for i, x in enumerate(windows)], dtype=object),
        "windows": SlidingWindow(4).fit_transform(table[: len(windows), :1]),
        "table": windows[:, :, 0],
    }[kind]
    cv = WindowSplit(3, horizon=1, lookback=4, test_size=5)
    model = LSTMRegressor(4, max_epochs=2, random_state=0)
    scores = cross_val_score(model, X, targets, cv=cv)
    assert scores.shape == (3,)
    assert np.isfinite(scores).all()
    train, test = list(cv.split(X))[-1]
    take = (lambda rows: [X[i] for i in rows]) if isinstance(X, list) else (lambda rows: X[rows])
    fitted = clone(model).fit(take(train), targets[train])
    assert scores[-1] == fitted.score(take(test), targets[test])


def test_rows_in_and_one_prediction_per_row_out():
    frame = load_nyc_weather(as_frame=True).frame[["temp", "humid"]].ffill()[:400]
    X, y = frame.iloc[:-24], frame["temp"].shift(-24).dropna()
    model = make_pipeline(
        StandardScaler().set_output(transform="pandas"),
        SlidingWindow(lookback=12),
        LSTMRegressor(4, max_epochs=2, random_state=0),
    )
    cv = WindowSplit(3, horizon=24, lookback=12)
    assert np.isfinite(cross_val_score(model, X, y, cv=cv)).all()
    grid = {"slidingwindow__lookback": [6, 12]}
    search = GridSearchCV(model, grid, cv=cv).fit(X, y)
    assert len(search.predict(X)) == len(X)


def test_groups_are_ignored_with_a_warning():
    cv = WindowSplit(2, horizon=1)
    with pytest.warns(UserWarning, match="groups parameter is ignored by WindowSplit"):
        found = cv.split(np.zeros(9), groups=np.zeros(9))
    for a, b in zip(found, cv.split(np.zeros(9)), strict=True):
        assert_array_equal(a[0], b[0])


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize("name", ["n_splits", "horizon", "lookback", "test_size", "max_train_size"])
@pytest.mark.parametrize("value", [0, -1, 2.0, "3", [1]])
def test_bad_parameters_are_named(name, value):
    with pytest.raises(ValueError, match=f"'{name}' parameter of WindowSplit must be") as error:
        WindowSplit(**{"horizon": 1, name: value})
    assert f"Got {value!r} instead" in str(error.value)


def test_least_parameters():
    with pytest.raises(ValueError, match=r"'n_splits' parameter .* Got 1 instead"):
        WindowSplit(1, horizon=1)
    with pytest.raises(ValueError, match=r"'horizon' parameter .* Got None instead"):
        WindowSplit(horizon=None)
    with pytest.raises(TypeError, match="horizon"):
        WindowSplit(3)
    assert WindowSplit(np.int64(2), horizon=np.int32(1)).get_n_splits() == 2


@pytest.mark.parametrize("lookback, test_size", [(None, None), (1, None), (1, 1), (4, 1), (4, 3)])
def test_too_few_rows_are_counted(lookback, test_size):
    cv = WindowSplit(3, horizon=2, lookback=lookback, test_size=test_size)
    gap = 2 if lookback is None else 2 + lookback - 1
    needed = 3 * (test_size or 1) + gap + 1
    with pytest.raises(ValueError, match=rf"X has {needed - 1} row\(s\), {needed} are needed"):
        cv.split(np.zeros(needed - 1))
    train, _ = next(iter(cv.split(np.zeros(needed))))
    assert train.tolist() == [0]


def test_the_error_says_what_to_lower():
    with pytest.raises(
        ValueError, match=r"gap of 30 row\(s\) \(horizon \+ lookback - 1\)"
    ) as error:
        WindowSplit(5, horizon=11, lookback=20).split(np.zeros(60))
    assert "5 test folds of 10 row(s)" in str(error.value)
    lower = "Lower n_splits=5, horizon=11, lookback=20 or test_size."
    assert f"81 are needed. {lower}" in str(error.value)


@pytest.mark.parametrize("X", [3.0, None])
def test_what_is_no_rows_is_an_error(X):
    with pytest.raises(ValueError, match=r"X must have a row for each sample\. Got"):
        WindowSplit(2, horizon=1).split(X)


def test_lengths_of_X_and_y_must_agree():
    with pytest.raises(ValueError, match=r"same number of samples\. Got 9 in X and 8 in y"):
        WindowSplit(2, horizon=1).split(np.zeros(9), np.zeros(8))


HOURS = pd.date_range("2024-01-01", periods=9, freq="h")
INDEXES = {
    "datetime": HOURS,
    "time zone": HOURS.tz_localize("Europe/Paris"),
    "period": HOURS.to_period("h"),
    "timedelta": HOURS - HOURS[0],
}


@pytest.mark.parametrize("kind", INDEXES)
@pytest.mark.parametrize("where", ["X", "y"])
def test_times_must_increase(kind, where):
    index = INDEXES[kind]
    cv = WindowSplit(2, horizon=1)

    def split(index):
        data = pd.Series(np.arange(9.0), index)
        if where == "X":
            return list(cv.split(data.to_frame()))
        return list(cv.split(np.zeros(9), data))

    assert len(split(index)) == 2
    # holes are allowed
    longer = index.append(index[-1:] + (index[-1] - index[0]))[[*range(8), 9]]
    assert len(split(longer)) == 2
    with pytest.raises(ValueError, match=f"time index of {where} repeats itself at row 4") as error:
        split(index[[0, 1, 2, 3, 3, 4, 5, 6, 7]])
    assert f"{index[3]} follows {index[3]}" in str(error.value)
    with pytest.raises(ValueError, match=f"time index of {where} decreases at row 5") as error:
        split(index[[0, 1, 2, 3, 4, 0, 1, 2, 3]])
    assert f"{index[0]} follows {index[4]}" in str(error.value)
    assert "sort the rows by time; for several series" in str(error.value)
    with pytest.raises(ValueError, match="decreases at row 1"):
        split(index[::-1])


def test_missing_time_is_an_error():
    index = HOURS.insert(4, pd.NaT)[:9]
    with pytest.raises(ValueError, match="row 4"):
        WindowSplit(2, horizon=1).split(pd.DataFrame(np.zeros((9, 1)), index))


def test_an_index_of_numbers_may_be_in_any_order():
    X = pd.DataFrame(np.zeros((9, 1)), index=[3, 1, 1, 0, 5, 2, 8, 8, 2])
    assert len(list(WindowSplit(2, horizon=1).split(X))) == 2


# ---------------------------------------------------------------- what it is for


def mean_error(X, y, cv):
    model = KNeighborsRegressor(n_neighbors=1)
    return -cross_val_score(model, X, y, cv=cv, scoring="neg_mean_absolute_error").mean()


def test_shuffled_folds_flatter_a_model_of_the_weather():
    frame = load_nyc_weather(as_frame=True).frame[["temp"]].ffill()
    X, y, _ = make_windows(frame, lookback=24, horizon=24)
    X, y = X[:, :, 0], y[:, -1]
    flattered = mean_error(X, y, KFold(5, shuffle=True, random_state=0))
    honest = mean_error(X, y, WindowSplit(5, horizon=24, lookback=24))
    persistence = mean_absolute_error(y, X[:, -1])
    # Neighbours in time give away the answer, so that the model seems better than today's
    # temperature; on days to come it is worse.
    assert flattered < 0.7 * persistence
    assert honest > persistence
    # What the folds report is what the last weeks bring.
    model = KNeighborsRegressor(n_neighbors=1).fit(X[:-2000], y[:-2000])
    used = mean_absolute_error(y[-1900:], model.predict(X[-1900:]))
    assert abs(used - honest) < abs(used - flattered)


def test_shuffled_folds_flatter_a_model_of_co2():
    co2 = load_mauna_loa_co2(as_frame=True).frame.ffill()
    X, y, _ = make_windows(co2, lookback=52, horizon=13)
    X, y = X[:, :, 0], y[:, -1]
    flattered = mean_error(X, y, KFold(5, shuffle=True, random_state=0))
    honest = mean_error(X, y, WindowSplit(5, horizon=13, lookback=52))
    assert flattered < 0.2 * honest


def test_plain_time_series_split_trains_on_targets_of_the_test_fold():
    X, y = series()
    for (train, test), (clean, _) in zip(
        TimeSeriesSplit(4).split(X), WindowSplit(4, horizon=2).split(X), strict=True
    ):
        assert (train + 2 >= test[0]).sum() == 2
        assert (clean + 2 < test[0]).all()
    with pytest.raises(ValueError, match="partitions"):
        cross_val_predict(Ridge(), X, y, cv=WindowSplit(4, horizon=2))
