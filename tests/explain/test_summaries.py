"""Summaries of sequences beside a slow twin."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone

from sklstm.explain._summaries import SequenceCells, SequenceSummaries, WindowsOfTable
from sklstm.preprocessing import SlidingWindow

RNG = np.random.default_rng(0)
X = RNG.normal(3, 2, size=(30, 6, 2))
RAGGED = [row[:k] for row, k in zip(X, [2, *RNG.integers(4, 7, 29)], strict=True)]
NAMES = ["temp", "wind"]
AT_END = np.stack([np.r_[row, np.full((6 - len(row), 2), np.nan)] for row in RAGGED])
AT_START = np.stack([np.r_[np.full((6 - len(row), 2), np.nan), row] for row in RAGGED])
KINDS = ["last", "1 step before the end", "2 steps before the end", "3 steps before the end"]
KINDS += ["mean", "min", "max", "trend per step", "standard deviation"]


def slow(row):
    """Summaries of one sequence, feature by feature."""
    found = []
    for series in np.asarray(row).T:
        known = series[~np.isnan(series)]
        steps = np.flatnonzero(~np.isnan(series))
        found.append(series[-1])
        found += [series[-1 - lag] if lag < len(series) else np.nan for lag in (1, 2, 3)]
        found += [np.mean(known), np.min(known), np.max(known)]
        found.append(np.polyfit(steps, known, 1)[0] if len(known) > 1 else 0)
        found.append(np.std(known))
    return found


@pytest.mark.parametrize(
    "data", [X, RAGGED, AT_START, AT_END, [pd.DataFrame(row, columns=NAMES) for row in RAGGED]],
    ids=["3-D", "ragged", "at start", "at end", "frames"],
)  # fmt: skip
def test_summaries_are_those_of_a_slow_twin(data):
    summaries = SequenceSummaries(NAMES).fit(data)
    rows = X if data is X else RAGGED
    np.testing.assert_allclose(summaries.transform(data), [slow(row) for row in rows])
    expected = [f"{name}: {kind}" for name in NAMES for kind in KINDS]
    assert summaries.get_feature_names_out().tolist() == expected


def test_missing_values_are_left_out():
    holes = X.copy()
    holes[RNG.random(X.shape) < 0.2] = np.nan
    holes[0, 2:] = [[5, np.nan]] * 4
    found = SequenceSummaries(NAMES).fit(holes).transform(holes)
    np.testing.assert_allclose(found[1:], [slow(row) for row in holes[1:]])
    holes[0, :, 1] = np.nan
    wind = SequenceSummaries(NAMES).fit(holes).transform(holes)[0, 9:]
    assert np.isnan(wind).all()


def test_lags_are_those_that_nine_of_ten_sequences_have():
    rows = [RNG.normal(size=(k, 1)) for k in (3, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30)]
    assert SequenceSummaries(["x0"]).fit(rows).lags_ == [1, 2, 3, 6, 12, 24]
    assert SequenceSummaries(["x0"]).fit(rows[:2]).lags_ == [1, 2]


def test_shorter_and_longer_sequences_than_in_fit():
    summaries = SequenceSummaries(NAMES).fit(X)
    rows = [RNG.normal(size=(k, 2)) for k in (1, 2, 40)]
    np.testing.assert_allclose(summaries.transform(rows), [slow(row) for row in rows])


def test_of_single_steps_there_is_nothing_but_the_value():
    summaries = SequenceSummaries(NAMES).fit(X[:, :1])
    np.testing.assert_array_equal(summaries.transform(X[:, :1]), X[:, 0])
    assert summaries.get_feature_names_out().tolist() == NAMES


@pytest.mark.parametrize("frame", [np.asarray, pd.DataFrame, pl.DataFrame])
def test_the_columns_of_a_table_are_time_steps(frame):
    table = frame(X.reshape(30, -1))
    found = SequenceSummaries(NAMES, n_timesteps=6).fit(table).transform(table)
    np.testing.assert_allclose(found, [slow(row) for row in X])


def test_cells_are_the_values_as_they_are():
    cells = SequenceCells(NAMES).fit(X)
    np.testing.assert_array_equal(cells.transform(list(X)), X.reshape(30, -1))
    assert cells.get_feature_names_out().tolist()[:3] == ["temp[0]", "wind[0]", "temp[1]"]
    columns = [f"c{i}" for i in range(12)]
    table = SequenceCells(columns).fit(X.reshape(30, -1))
    np.testing.assert_array_equal(table.transform(X.reshape(30, -1)), X.reshape(30, -1))
    assert table.get_feature_names_out().tolist() == columns
    with pytest.raises(ValueError, match=r"of one length.* 6 time steps, and sample 0 of X has 2"):
        cells.transform(RAGGED)


def test_windows_hold_the_values_of_the_table_in_front_of_all_steps():
    frame = pd.DataFrame({"site": list("ab") * 20, "temp": RNG.normal(size=40), "note": "?"})
    frame["wind"] = np.arange(40.0)

    class Doubled:
        def transform(self, X):
            return X[["wind", "site", "temp"]].assign(wind=2 * X["wind"])

    window = SlidingWindow(3, groups="site").fit(Doubled().transform(frame))
    reader = WindowsOfTable([Doubled(), window], [1, 3])
    found = np.asarray(reader.transform(frame))
    for i, row in enumerate(found):
        expected = frame[["temp", "wind"]].to_numpy()[max(i % 2, i - 4) : i + 1 : 2]
        np.testing.assert_array_equal(row[3 - len(expected) :], expected)
        assert np.isnan(row[: 3 - len(expected)]).all()


def test_they_are_transformers():
    for reader in (SequenceSummaries(NAMES), SequenceCells(NAMES)):
        fitted = clone(reader).fit(X)
        again = pickle.loads(pickle.dumps(fitted))
        np.testing.assert_array_equal(again.transform(X), fitted.transform(X))
        assert not hasattr(clone(fitted), "lags_")


@pytest.mark.parametrize(
    "data, message",
    [
        (X[:, :, :1], "X has 1 features, but this model is expecting 2"),
        (pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, "x"]}), "Column 'b' of X holds 'x' in row 1"),
        (np.array([[1.0, "y"]], dtype=object), "Column 1 of X holds 'y' in row 0"),
    ],
)
def test_what_cannot_be_read_is_named(data, message):
    with pytest.raises(ValueError, match=message):
        SequenceSummaries(NAMES).fit(data)


def test_a_table_of_other_columns_is_refused():
    with pytest.raises(ValueError, match="X has 11 columns, not 6 time steps"):
        SequenceSummaries(NAMES, n_timesteps=6).fit(X.reshape(30, -1)[:, 1:])
