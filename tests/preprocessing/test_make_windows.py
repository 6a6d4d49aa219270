import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_matrix

from sklstm import LSTMRegressor
from sklstm.datasets import load_mauna_loa_co2
from sklstm.preprocessing import make_windows

RNG = np.random.default_rng(0)


def slow_windows(values, lookback, horizon, column, stride, runs):
    X, y, ends = [], [], []
    for start, stop in runs:
        for end in range(start + lookback - 1, stop - horizon, stride):
            X.append([values[row] for row in range(end - lookback + 1, end + 1)])
            y.append([values[row][column] for row in range(end + 1, end + horizon + 1)])
            ends.append(end)
    y = np.array(y)
    return np.array(X), y[:, 0] if horizon == 1 else y, np.array(ends)


def assert_equal(found, expected):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)
        assert np.shape(a) == np.shape(b)


@pytest.mark.parametrize("lookback, horizon, stride", [(1, 1, 1), (4, 1, 1), (4, 3, 1), (5, 2, 3)])
def test_twin(lookback, horizon, stride):
    table = RNG.normal(size=(20, 3))
    found = make_windows(table, lookback, horizon, target=1, stride=stride)
    assert_equal(found, slow_windows(table, lookback, horizon, 1, stride, [(0, 20)]))


def test_rows_that_carry_their_number():
    rows = np.arange(50.0)
    X, y, index = make_windows(rows, 10, 5)
    assert X.shape == (36, 10, 1)
    np.testing.assert_array_equal(X[:, -1, 0], index)
    np.testing.assert_array_equal(y, index[:, None] + np.arange(1, 6))
    # Every complete window is there, and none more.
    assert (X[0, 0, 0], y[-1, -1]) == (0, 49)


@pytest.mark.parametrize("horizon, stride", [(1, 1), (2, 1), (2, 3)])
def test_nothing_reaches_over_a_hole_in_the_index(horizon, stride):
    index = pd.date_range("2024-01-01", periods=40, freq="h").delete([15, 16, 20])
    frame = pd.DataFrame(RNG.normal(size=(37, 2)), index=index, columns=["a", "b"])
    X, y, ends = make_windows(frame, 4, horizon, target="b", stride=stride)
    # The run from 17 to 19 is too short for any.
    expected = slow_windows(frame.to_numpy(), 4, horizon, 1, stride, [(0, 15), (18, 37)])
    assert_equal((X, y), expected[:2])
    pd.testing.assert_index_equal(ends, index[expected[2]])


def test_no_copy_of_an_unbroken_series():
    rows = RNG.normal(size=(1000, 2))
    X, _, _ = make_windows(rows, 100, target=0)
    assert np.shares_memory(X, rows)
    with pytest.raises(ValueError, match="read-only"):
        X[0] = 0


def test_exactly_one_window():
    X, y, index = make_windows([1.0, 2, 3], 2, stride=5)
    assert_equal((X, y, index), ([[[1.0], [2.0]]], [3.0], [1]))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_types(dtype):
    X, y, _ = make_windows(np.arange(6, dtype=dtype), 2)
    assert X.dtype == y.dtype == (np.float32 if dtype == "float32" else np.float64)


def test_containers():
    values = [1.0, 4.0, 2.0, 8.0]
    expected = make_windows(values, 2)
    frame = pd.DataFrame({"a": values})
    for series in (frame["a"], frame, pl.DataFrame({"a": values}), pl.Series("a", values)):
        assert_equal(make_windows(series, 2), expected)
    labels = pd.Series(values, index=list("wxyz"))
    assert make_windows(labels, 2)[2].tolist() == ["x", "y"]


@pytest.mark.parametrize("target", ["b", 1, -1, np.int64(1)])
def test_ways_to_name_the_target(target):
    frame = pd.DataFrame({"a": np.arange(5.0), "b": np.arange(5.0) * 10})
    assert make_windows(frame, 2, target=target)[1].tolist() == [20, 30, 40]
    assert make_windows(frame.to_numpy(), 2, target=1)[1].tolist() == [20, 30, 40]


def test_the_future_does_not_matter():
    rows = RNG.normal(size=30)
    X, _, index = make_windows(rows, 5, 2)
    for row in range(5, 29):
        changed = rows.copy()
        changed[row + 1 :] += 100
        known = index <= row
        np.testing.assert_array_equal(make_windows(changed, 5, 2)[0][known], X[known])


def test_co2_weeks_ahead():
    frame = load_mauna_loa_co2(as_frame=True).frame.interpolate()
    X, y, index = make_windows(frame, 52, 26)
    assert X.shape == (len(frame) - 77, 52, 1)
    assert y.shape == (len(X), 26)
    model = LSTMRegressor(4, max_epochs=1, random_state=0).fit(X[:100], y[:100])
    assert model.predict(X[100:110]).shape == (10, 26)
    assert index[0] == frame.index[51]


@pytest.mark.parametrize("name", ["lookback", "horizon", "stride"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "2", None, True])
def test_counts(name, value):
    with pytest.raises(ValueError, match=f"'{name}' parameter of make_windows must be an int"):
        make_windows(np.arange(9.0), **{"lookback": 2, name: value})


@pytest.mark.parametrize("target", [None, "c", 2, -3, 0.5])
def test_targets_that_do_not_exist(target):
    frame = pd.DataFrame({"a": [1.0, 2, 3], "b": [1.0, 2, 3]})
    with pytest.raises(ValueError, match=r"'target' .* \['a', 'b'\]. Got"):
        make_windows(frame, 1, target=target)
    with pytest.raises(ValueError, match=r"'target' .* \[0, 1\]. Got"):
        make_windows(frame.to_numpy(), 1, target=target)


def test_too_short():
    with pytest.raises(ValueError, match=r"lookback=4 and horizon=3 need 7 rows.*series has 6"):
        make_windows(np.arange(6.0), 4, 3)
    index = pd.date_range("2024-01-01", periods=10, freq="h").delete(4)
    with pytest.raises(ValueError, match=r"series has 5\. The times jump 1 time.*weekends"):
        make_windows(pd.Series(np.arange(9.0), index=index), 4, 3)


@pytest.mark.parametrize(
    "series, message",
    [
        ([1.0, np.nan, 3.0], "series contains NaN at row 1, column 0.*impute before the window"),
        ([1.0, np.inf, 3.0], "series contains infinity at row 1"),
        (np.ma.masked_equal([1.0, 2.0, 3.0], 2), "series contains NaN at row 1, column 0"),
        (pd.DataFrame({"a": [1.0, None, 2.0]}), "row 1, column 'a'"),
        ([], "0 sample"),
        (np.zeros((2, 2, 2)), "dim 3"),
        ([[1.0, 2.0], [3.0]], "Input series must have rows of one length"),
        (["a", "b", "c"], "convert|dtype"),
        (3.0, "scalar"),
    ],
)
def test_values(series, message):
    with pytest.raises(ValueError, match=message):
        make_windows(series, 1)


def test_a_sparse_table():
    with pytest.raises(TypeError, match="Sparse data was passed for series"):
        make_windows(csr_matrix(np.eye(3)), 1)


@pytest.mark.parametrize(
    "order, message", [([0, 2, 1], "decreases at row 2"), ([0, 1, 1], "repeats")]
)
def test_times_must_increase(order, message):
    index = pd.date_range("2024-01-01", periods=3)[order]
    with pytest.raises(ValueError, match=message):
        make_windows(pd.Series([1.0, 2, 3], index=index), 1)
