import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

from sklstm import LSTMRegressor
from sklstm.datasets import load_el_nino, load_nyc_weather
from sklstm.model_selection import WindowSplit
from sklstm.preprocessing import SlidingWindow, make_windows

RNG = np.random.default_rng(0)
# A row of a window depends on the rows before it by definition.
DEPENDENT = ("check_methods_sample_order_invariance", "check_methods_subset_invariance")


@parametrize_with_checks(
    [SlidingWindow(1), SlidingWindow(3)],
    expected_failed_checks=lambda transformer: (
        dict.fromkeys(DEPENDENT, "a window reaches over the rows before")
        if transformer.lookback > 1
        else {}
    ),
)
def test_scikit_learn(estimator, check):
    check(estimator)


def test_no_check_is_skipped():
    results = check_estimator(SlidingWindow(1), on_skip=None, on_fail=None)
    assert {result["status"] for result in results} == {"passed"}
    assert len(results) >= 45


def hourly(n, start="2024-01-01", columns="ab"):
    index = pd.date_range(start, periods=n, freq="h")
    return pd.DataFrame(RNG.normal(size=(n, len(columns))), index=index, columns=list(columns))


def slow_windows(frame, lookback, breaks=(), groups=None):
    """One row at a time; a break lies before each row number of ``breaks``."""
    values = frame.to_numpy()
    groups = np.zeros(len(frame)) if groups is None else np.asarray(groups)
    expected = np.full((len(frame), lookback, values.shape[1]), np.nan)
    for row in range(len(frame)):
        history = [row]
        for earlier in range(row - 1, -1, -1):
            if any(earlier < b <= history[0] for b in breaks) or len(history) == lookback:
                break
            if groups[earlier] == groups[row]:
                history.insert(0, earlier)
        expected[row, lookback - len(history) :] = values[history]
    return expected


def assert_windows(windows, expected):
    assert windows.shape == expected.shape
    np.testing.assert_array_equal(np.asarray(windows), expected)


class TestWindows:
    @pytest.mark.parametrize("lookback", [1, 2, 7, 20])
    def test_each_row_ends_its_window(self, lookback):
        frame = hourly(20)
        windows = SlidingWindow(lookback).fit_transform(frame)
        assert_windows(windows, slow_windows(frame, lookback))
        assert_windows(SlidingWindow(lookback).fit_transform(frame.to_numpy()), np.asarray(windows))

    def test_the_future_does_not_matter(self):
        frame = hourly(30)
        window = SlidingWindow(5).fit(frame)
        before = np.asarray(window.transform(frame))
        for row in range(30):
            changed = frame.copy()
            changed.iloc[row + 1 :] = RNG.normal(size=(29 - row, 2)) * 100
            after = np.asarray(SlidingWindow(5).fit(changed).transform(changed))
            np.testing.assert_array_equal(after[: row + 1], before[: row + 1])
            after = np.asarray(window.transform(changed))
            np.testing.assert_array_equal(after[: row + 1], before[: row + 1])

    def test_a_prediction_does_not_see_the_future(self):
        frame = hourly(60)
        model = make_pipeline(SlidingWindow(5), LSTMRegressor(max_epochs=1, random_state=0))
        model.fit(frame, frame["a"])
        changed = frame.copy()
        changed.iloc[40:] = 99.0
        np.testing.assert_array_equal(model.predict(frame)[:40], model.predict(changed)[:40])

    @pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool"])
    def test_types(self, dtype):
        table = np.arange(8).reshape(4, 2).astype(dtype)
        windows = np.asarray(SlidingWindow(2).fit_transform(table))
        assert windows.dtype == (np.float32 if dtype == "float32" else np.float64)
        np.testing.assert_array_equal(windows[1], table[:2])

    def test_the_table_is_neither_copied_nor_written(self):
        table = RNG.normal(size=(50, 2))
        table.flags.writeable = False
        windows = SlidingWindow(5).fit_transform(table)
        assert np.shares_memory(windows.table, table)


class TestTime:
    def test_a_hole_begins_a_new_series(self):
        frame = hourly(40).drop(index=pd.date_range("2024-01-01 10:00", periods=3, freq="h"))
        windows = SlidingWindow(6).fit_transform(frame)
        assert_windows(windows, slow_windows(frame, 6, breaks=[10]))

    @pytest.mark.parametrize("freq", ["MS", "ME", "QS", "YS", "W", "D", "15min"])
    def test_calendar_steps_are_one_series(self, freq):
        index = pd.date_range("2000-01-01", periods=40, freq=freq)
        frame = pd.DataFrame({"a": RNG.normal(size=40)}, index=index)
        assert_windows(SlidingWindow(30).fit_transform(frame), slow_windows(frame, 30))
        frame = frame.drop(index=index[20])
        assert_windows(SlidingWindow(10).fit_transform(frame), slow_windows(frame, 10, [20]))

    def test_el_nino_is_one_series_of_months(self):
        frame = load_el_nino(as_frame=True).frame
        assert_windows(SlidingWindow(24).fit_transform(frame), slow_windows(frame, 24))

    @pytest.mark.parametrize("freq", ["h", "D"])
    def test_summer_time_is_no_hole(self, freq):
        index = pd.date_range("2024-03-25", periods=200, freq=freq, tz="Europe/Berlin")
        frame = pd.DataFrame({"a": RNG.normal(size=200)}, index=index)
        assert_windows(SlidingWindow(50).fit_transform(frame), slow_windows(frame, 50))

    def test_an_early_row_begins_a_new_series(self):
        times = [0.0, 1.0, 2.0, 2.4, 3.4, 4.4]
        frame = pd.DataFrame({"t": times, "a": range(6)})
        windows = SlidingWindow(3, time="t").fit_transform(frame)
        assert_windows(windows, slow_windows(frame[["a"]], 3, breaks=[3]))

    @pytest.mark.parametrize(
        "times",
        [
            pd.date_range("2024-01-01", periods=20, freq="h"),
            pd.date_range("2024-01-01", periods=20, freq="h", tz="America/New_York"),
            pd.date_range("2024-01-01", periods=20, freq="h").astype("datetime64[s]"),
            pd.timedelta_range("0h", periods=20, freq="h"),
            pd.period_range("2024-01", periods=20, freq="M"),
            np.arange(20),
            np.arange(20) / 3,
            np.arange(20, dtype=np.uint8),
            np.arange(20).astype(object),
        ],
        ids=lambda times: str(times.dtype),
    )
    def test_kinds_of_time_columns(self, times):
        frame = pd.DataFrame({"a": RNG.normal(size=20), "t": times}).drop(index=[8, 9])
        window = SlidingWindow(4, time="t").fit(frame)
        assert_windows(window.transform(frame), slow_windows(frame[["a"]], 4, breaks=[8]))
        assert window.get_feature_names_out().tolist() == ["a"]
        assert window.n_features_in_ == 2

    def test_a_column_of_dates(self):
        dates = [d.date() for d in pd.date_range("2024-01-01", periods=20)]
        frame = pl.DataFrame({"t": dates, "a": np.arange(20.0)})
        frame = frame.filter(pl.col("a") != 8)
        windows = SlidingWindow(4, time="t").fit_transform(frame)
        assert_windows(windows, slow_windows(frame[["a"]], 4, breaks=[8]))

    def test_a_time_column_by_position(self):
        table = np.column_stack([np.arange(20.0), RNG.normal(size=(20, 2))])
        table = np.delete(table, 8, axis=0)
        expected = slow_windows(pd.DataFrame(table[:, 1:]), 4, breaks=[8])
        assert_windows(SlidingWindow(4, time=0).fit_transform(table), expected)
        assert_windows(SlidingWindow(4, time=-3).fit_transform(table.tolist()), expected)
        assert_windows(SlidingWindow(4, time=0).fit_transform(pd.DataFrame(table)), expected)

    @pytest.mark.parametrize(
        "order, message",
        [
            ([0, 2, 1, 3], r"decreases at row 2: 2024-01-01 01:00:00 follows 2024-01-01 02:00:00"),
            ([0, 1, 1, 3], r"repeats itself at row 2: 2024-01-01 01:00:00.*groups="),
        ],
    )
    def test_times_must_increase(self, order, message):
        frame = hourly(4).iloc[order]
        with pytest.raises(ValueError, match=message):
            SlidingWindow(2).fit(frame)
        window = SlidingWindow(2).fit(hourly(4))
        with pytest.raises(ValueError, match=message):
            window.transform(frame)
        frame = frame.rename_axis("when").reset_index()
        with pytest.raises(ValueError, match=message):
            SlidingWindow(2, time="when").fit(frame)

    @pytest.mark.parametrize(
        "times, message",
        [
            (
                ["2024-01-01", "2024-01-02"],
                "'t' must hold dates, durations or numbers.*to_datetime",
            ),
            ([0.0, np.nan], "'t' is missing or infinite at row 1"),
            ([0.0, np.inf], "'t' is missing or infinite at row 1"),
            (pd.to_datetime(["2024-01-01", None]), r"missing \(NaT\) at row 1"),
            (pd.PeriodIndex(["2024-01", None], freq="M"), r"missing \(NaT\) at row 1"),
        ],
    )
    def test_times_that_are_no_times(self, times, message):
        with pytest.raises(ValueError, match=message):
            SlidingWindow(1, time="t").fit(pd.DataFrame({"t": times, "a": [1.0, 2.0]}))

    def test_a_missing_time_in_the_index(self):
        frame = hourly(3)
        frame.index = pd.DatetimeIndex([*frame.index[:2], None])
        with pytest.raises(ValueError, match=r"time index is missing \(NaT\) at row 2"):
            SlidingWindow(1).fit(frame)

    def test_an_index_of_numbers_says_nothing(self):
        frame = hourly(10).reset_index(drop=True).drop(index=[4])
        assert_windows(SlidingWindow(3).fit_transform(frame), slow_windows(frame, 3))


class TestKindsOfTime:
    """Times of transform that do not compare with those of fit never make windows silently."""

    @pytest.mark.parametrize("fitted", ["dates", "zone", "periods", "durations", "minutes"])
    @pytest.mark.parametrize("given", ["dates", "zone", "periods", "durations", "minutes"])
    def test_index(self, fitted, given):
        dates = pd.date_range("2024-01-01", periods=20, freq="h")
        index = {
            "dates": dates,
            "zone": dates.tz_localize("UTC"),
            "periods": dates.to_period("h"),
            "durations": dates - dates[0],
            "minutes": dates.to_period("min"),
        }
        window = SlidingWindow(4).fit(hourly(20).set_axis(index[fitted]))
        frame = hourly(20).set_axis(index[given])
        if fitted == given:
            assert_windows(window.transform(frame), slow_windows(frame, 4))
            return
        with pytest.raises(ValueError, match=r"was fitted on times that are .* do not compare"):
            window.transform(frame)

    def test_units_of_dates_compare(self):
        frame = hourly(30)
        window = SlidingWindow(4).fit(frame[:20])
        seconds = frame[20:].set_axis(frame.index[20:].as_unit("s"))
        assert_windows(window.transform(seconds), slow_windows(frame, 4)[20:])

    def test_no_times_after_times(self):
        window = SlidingWindow(4).fit(hourly(20))
        with pytest.raises(ValueError, match=r"are dates\. Those of X are missing"):
            window.transform(hourly(20).reset_index(drop=True))

    def test_times_after_no_times_do_not_count(self):
        window = SlidingWindow(4).fit(hourly(20).reset_index(drop=True))
        frame = hourly(20).drop(index=pd.Timestamp("2024-01-01 08:00"))
        assert_windows(window.transform(frame), slow_windows(frame, 4))

    def test_numbers_and_dates(self):
        frame = hourly(20).assign(t=np.arange(20))
        window = SlidingWindow(4, time="t").fit(frame)
        with pytest.raises(ValueError, match=r"are numbers\. Those of X are dates"):
            window.transform(frame.assign(t=frame.index))

    def test_a_fit_without_two_rows_of_a_group_leaves_the_step_to_transform(self):
        window = SlidingWindow(1).fit(hourly(1))
        assert window.step_ is None
        window.set_params(lookback=3)
        frame = hourly(10).drop(index=pd.Timestamp("2024-01-01 05:00"))
        assert_windows(window.transform(frame), slow_windows(frame, 3, [5]))

    @pytest.mark.parametrize("freq", ["100ns", "1300ns"])
    def test_steps_below_a_microsecond(self, freq):
        index = pd.date_range("2024-01-01", periods=20, freq=freq)
        frame = hourly(20).set_axis(index).drop(index=index[8])
        expected = slow_windows(frame, 4, [8])
        assert_windows(SlidingWindow(4).fit_transform(frame), expected)
        for times in (frame.index, frame.index.to_numpy(), frame.index.asi8.astype(object)):
            table = frame.reset_index(drop=True).assign(t=times)
            assert_windows(SlidingWindow(4, time="t").fit_transform(table), expected)

    def test_years_that_nanoseconds_do_not_reach(self):
        column = np.array(["1500-01-01", "1501-01-01"], dtype="datetime64[D]")
        frame = pl.DataFrame({"t": column, "a": [1.0, 2.0]})
        with pytest.raises(ValueError, match="outside the years 1678 to 2261 at row 0"):
            SlidingWindow(1, time="t").fit(frame)


class TestGroups:
    def test_each_group_has_its_own_step(self):
        first = hourly(100).assign(who="hourly")
        second = hourly(40).assign(who="daily")
        second.index = pd.date_range("2024-01-01", periods=40, freq="D")
        second = second.drop(index=second.index[10])
        frame = pd.concat([first, second]).sort_index(kind="stable")
        window = SlidingWindow(5, groups="who").fit(frame)
        windows = np.asarray(window.transform(frame))
        who = (frame["who"] == "hourly").to_numpy()
        np.testing.assert_array_equal(windows[who], slow_windows(first[["a", "b"]], 5))
        np.testing.assert_array_equal(windows[~who], slow_windows(second[["a", "b"]], 5, [10]))
        assert window.step_ == 3600 * 10**9
        # A new group goes by the step of all.
        third = hourly(10).assign(who="new")
        assert_windows(window.transform(third), slow_windows(third[["a", "b"]], 5))

    def test_many_groups_go_on_quickly(self):
        # 20 000 groups; one pass over the rows for each of them would take minutes.
        index = pd.DatetimeIndex(np.tile(pd.date_range("2024-01-01", periods=4, freq="h"), 20_000))
        frame = pd.DataFrame({"a": np.arange(80_000.0), "who": np.arange(80_000) // 4}, index=index)
        window = SlidingWindow(3, groups="who").fit(frame)
        later = frame.set_axis(index + pd.Timedelta(hours=4))
        windows = window.transform(later)
        assert set(windows.lengths.tolist()) == {3}
        first = np.asarray(windows[:1])[0, :, 0]
        np.testing.assert_array_equal(first, [2, 3, 0])

    @pytest.mark.parametrize("as_polars", [False, True])
    def test_mixed_rows(self, as_polars):
        frame = pd.DataFrame({"a": np.arange(40.0), "who": RNG.choice(["x", "y", "z"], 40)})
        expected = slow_windows(frame[["a"]], 5, groups=frame["who"])
        if as_polars:
            frame = pl.DataFrame({name: frame[name].to_list() for name in frame})
        window = SlidingWindow(5, groups="who").fit(frame)
        assert_windows(window.transform(frame), expected)
        assert window.get_feature_names_out().tolist() == ["a"]

    def test_groups_by_position(self):
        groups = np.repeat([3.0, 1.0, 2.0], 10)
        table = np.column_stack([RNG.normal(size=30), groups])
        expected = slow_windows(pd.DataFrame(table[:, :1]), 4, groups=groups)
        assert_windows(SlidingWindow(4, groups=1).fit_transform(table), expected)

    def test_each_group_has_its_own_times(self):
        first, second = hourly(20), hourly(20).drop(index=pd.Timestamp("2024-01-01 08:00"))
        first["who"], second["who"] = 0, 1
        frame = pd.concat([first, second]).sort_index(kind="stable")
        windows = np.asarray(SlidingWindow(4, groups="who").fit_transform(frame))
        who = frame["who"].to_numpy()
        values = frame[["a", "b"]]
        np.testing.assert_array_equal(windows[who == 0], slow_windows(values[who == 0], 4))
        np.testing.assert_array_equal(windows[who == 1], slow_windows(values[who == 1], 4, [8]))

    def test_a_group_is_missing(self):
        frame = pd.DataFrame({"a": [1.0, 2.0], "who": ["x", None]})
        with pytest.raises(ValueError, match="groups column 'who' is missing at row 1"):
            SlidingWindow(1, groups="who").fit(frame)


class TestMemory:
    def test_rows_of_fit_come_before_the_rows_that_follow_directly(self):
        frame = hourly(30)
        window = SlidingWindow(6).fit(frame[:20])
        full = slow_windows(frame, 6)
        assert_windows(window.transform(frame[20:]), full[20:])
        assert_windows(window.transform(frame[20:22]), full[20:22])

    @pytest.mark.parametrize("start", [0, 10, 19, 21, 25])
    def test_other_rows_stand_alone(self, start):
        frame = hourly(30)
        window = SlidingWindow(6).fit(frame[:20])
        part = frame[start:]
        assert_windows(window.transform(part), slow_windows(part, 6))

    def test_without_times_nothing_is_remembered(self):
        frame = hourly(30).reset_index(drop=True)
        window = SlidingWindow(6).fit(frame[:20])
        assert_windows(window.transform(frame[20:]), slow_windows(frame[20:], 6))

    def test_only_the_last_series_is_remembered(self):
        frame = hourly(30).drop(index=pd.Timestamp("2024-01-01 17:00"))
        window = SlidingWindow(6).fit(frame[:19])
        assert_windows(window.transform(frame[19:]), slow_windows(frame, 6, [17])[19:])

    def test_each_group_continues_its_own(self):
        frames = [hourly(30).assign(who=who) for who in "xyz"]
        frame = pd.concat(frames).sort_index(kind="stable")
        train, test = frame[frame.index < "2024-01-01 20:00"], frame[60:]
        # y has a hole of one hour, and w is new.
        test = test[(test["who"] != "y") | (test.index > test.index[0])]
        test = test.replace({"who": {"z": "w"}})
        windows = np.asarray(SlidingWindow(6, groups="who").fit(train).transform(test))
        for who, history in {"x": frames[0], "y": frames[1][21:], "w": frames[2][20:]}.items():
            expected = slow_windows(history[["a", "b"]], 6)
            rows = (test["who"] == who).to_numpy()
            np.testing.assert_array_equal(windows[rows], expected[-rows.sum() :])

    def test_lookback_of_one_needs_no_memory(self):
        frame = hourly(10)
        window = SlidingWindow(1).fit(frame[:5])
        assert_windows(window.transform(frame[5:]), slow_windows(frame, 1)[5:])

    def test_memory_survives_a_pickle_and_not_a_clone(self):
        frame = hourly(30)
        window = SlidingWindow(6).fit(frame[:20])
        loaded = pickle.loads(pickle.dumps(window))
        assert_windows(loaded.transform(frame[20:]), slow_windows(frame, 6)[20:])
        with pytest.raises(NotFittedError):
            clone(window).transform(frame)

    def test_a_pickle_holds_only_the_last_rows(self):
        assert len(pickle.dumps(SlidingWindow(5).fit(hourly(100_000)))) < 5_000

    def test_fit_takes_new_memory(self):
        frame = hourly(30)
        window = SlidingWindow(6).fit(frame[:20]).fit(frame[:10])
        assert_windows(window.transform(frame[20:]), slow_windows(frame[20:], 6))
        assert_windows(window.transform(frame[10:]), slow_windows(frame, 6)[10:])


class TestTables:
    def test_masked_values_are_missing(self):
        table = np.ma.masked_greater(np.arange(9.0)[:, None], 5)
        with pytest.raises(ValueError, match="NaN at row 6"):
            SlidingWindow(3).fit(table)
        with pytest.raises(ValueError, match="NaN at row 6"):
            make_windows(table, 3)

    @pytest.mark.parametrize("time", [0, 2])
    def test_a_memory_map_stays_one_beside_its_time(self, tmp_path, time):
        table = RNG.normal(size=(20, 3))
        table[:, time] = np.arange(20)
        np.save(tmp_path / "table.npy", table)
        on_disk = np.load(tmp_path / "table.npy", mmap_mode="r")
        windows = SlidingWindow(4, time=time).fit_transform(on_disk)
        assert np.shares_memory(windows.table, on_disk)

    def test_groups_in_order_are_not_copied(self):
        table = np.column_stack([RNG.normal(size=(20, 2)), np.repeat([0, 1], 10)])
        windows = SlidingWindow(4, groups=2).fit_transform(table)
        assert np.shares_memory(windows.table, table)

    @pytest.mark.parametrize(
        "column, message",
        [
            (pd.date_range("2024-01-01", periods=10), r"'c' of X holds datetime64.*time="),
            (
                pd.date_range("2024-01-01", periods=10, tz="UTC"),
                r"'c' of X holds datetime64.*time=",
            ),
            (list("abababcdcd"), r"'c' of X must be real numbers: .*groups="),
            (["2024-01-01"] * 10, r"'c' of X must be real numbers: .*time="),
        ],
    )
    def test_columns_of_other_things_are_named(self, column, message):
        frame = hourly(10).reset_index(drop=True).assign(c=column)
        for fit in (SlidingWindow(2).fit, lambda X: make_windows(X, 2, target="a")):
            with pytest.raises(ValueError, match=message.replace("of X", "of (X|series)")):
                fit(frame)

    def test_polars_dates_are_named(self):
        days = [d.date() for d in pd.date_range("2024-01-01", periods=3)]
        with pytest.raises(ValueError, match="'c' of X holds Date, not numbers"):
            SlidingWindow(2).fit(pl.DataFrame({"a": [1.0, 2.0, 3.0], "c": days}))

    def test_an_array_of_dates(self):
        with pytest.raises(ValueError, match="holds datetime64"):
            SlidingWindow(1).fit(np.array([["2024-01-01"]], dtype="datetime64[D]"))

    def test_parameters_are_checked_again(self):
        window = SlidingWindow(2).fit(hourly(5)).set_params(lookback=0)
        with pytest.raises(ValueError, match="'lookback' parameter"):
            window.transform(hourly(5))


class TestErrors:
    @pytest.mark.parametrize("as_frame", [False, True])
    def test_missing_values_name_row_and_column(self, as_frame):
        frame = hourly(10)
        frame.iloc[7, 1] = np.nan
        X = frame if as_frame else frame.to_numpy()
        column = "'b'" if as_frame else "1"
        message = rf"NaN at row 7, column {column}.*impute before the window.*SimpleImputer\(\)"
        with pytest.raises(ValueError, match=message):
            SlidingWindow(2).fit(X)
        with pytest.raises(ValueError, match=message):
            SlidingWindow(2).fit(X[:5]).transform(X)
        with pytest.raises(ValueError, match="infinity at row 7"):
            SlidingWindow(2).fit(np.nan_to_num(frame, nan=np.inf))

    def test_the_time_column_counts_not_among_the_features_of_the_message(self):
        frame = pd.DataFrame({"t": [0, 1, 2], "a": [0.0, np.nan, 1.0]})
        with pytest.raises(ValueError, match="row 1, column 'a'"):
            SlidingWindow(2, time="t").fit(frame)

    def test_lookback_longer_than_every_series(self):
        with pytest.raises(ValueError, match=r"'lookback' parameter .* is 11, .* series of X: 10"):
            SlidingWindow(11).fit(hourly(10))
        frame = hourly(10).drop(index=pd.Timestamp("2024-01-01 04:00"))
        with pytest.raises(
            ValueError, match=r"series of X: 5 of its 9 sample.*jump 1 time.*weekends"
        ):
            SlidingWindow(6).fit(frame)
        # Later a short table is short windows: one row, the moment it was measured.
        assert SlidingWindow(10).fit(hourly(10)).transform(hourly(1)).shape == (1, 10, 2)

    @pytest.mark.parametrize("lookback", [0, -1, 2.0, "3", None])
    def test_lookback(self, lookback):
        with pytest.raises(ValueError, match="'lookback' parameter of SlidingWindow must be"):
            SlidingWindow(lookback).fit(hourly(10))

    @pytest.mark.parametrize("parameter", ["time", "groups"])
    def test_columns_that_do_not_exist(self, parameter):
        for column, message in {
            "c": r"must name a column of X. Got 'c'; X has the columns \['a', 'b'\]",
            2: "must name a column of X. Got 2",
            -3: "must name a column of X. Got -3",
        }.items():
            with pytest.raises(ValueError, match=f"'{parameter}' parameter .*{message}"):
                SlidingWindow(2, **{parameter: column}).fit(hourly(10))
        with pytest.raises(ValueError, match=r"without names.*set_output"):
            SlidingWindow(2, **{parameter: "a"}).fit(hourly(10).to_numpy())
        with pytest.raises(ValueError, match=f"'{parameter}' parameter .* must be"):
            SlidingWindow(2, **{parameter: ["a"]}).fit(hourly(10))

    def test_no_column_is_left(self):
        with pytest.raises(ValueError, match=r"no column besides.*time='a', groups='b'"):
            SlidingWindow(2, time="a", groups="b").fit(hourly(10).cumsum().abs())

    @pytest.mark.parametrize(
        "X, message",
        [
            (np.zeros(5), "Reshape your data"),
            (np.zeros((5, 2, 2)), "dim 3"),
            (np.zeros((0, 2)), r"0 sample\(s\)"),
            (np.zeros((3, 0)), r"0 feature\(s\)"),
            ([["a", "b"]], "could not convert|dtype"),
        ],
    )
    def test_other_shapes(self, X, message):
        with pytest.raises(ValueError, match=message):
            SlidingWindow(1).fit(X)
        with pytest.raises(ValueError, match=message):
            SlidingWindow(1).fit(np.zeros((3, 2))).transform(X)

    def test_other_columns_than_in_fit(self):
        window = SlidingWindow(2).fit(hourly(10))
        with pytest.raises(ValueError, match="feature names should match"):
            window.transform(hourly(10, columns="ba"))
        with pytest.raises(ValueError, match="3 features, but SlidingWindow is expecting 2"):
            SlidingWindow(2).fit(np.zeros((4, 2))).transform(np.zeros((4, 3)))

    def test_a_failed_fit_keeps_what_was_fitted(self):
        frame = hourly(30)
        window = SlidingWindow(6).fit(frame[:20])
        with pytest.raises(ValueError):
            window.fit(np.full((30, 3), np.nan))
        assert_windows(window.transform(frame[20:]), slow_windows(frame, 6)[20:])

    def test_not_fitted(self):
        with pytest.raises(NotFittedError):
            SlidingWindow(2).transform(hourly(10))
        with pytest.raises(NotFittedError):
            SlidingWindow(2).get_feature_names_out()


class TestNames:
    def test_names(self):
        assert SlidingWindow(2).fit(hourly(5)).get_feature_names_out().tolist() == ["a", "b"]
        window = SlidingWindow(2, time=0).fit(np.arange(10.0).reshape(5, 2))
        assert window.get_feature_names_out().tolist() == ["x1"]
        assert window.get_feature_names_out(["t", "a"]).tolist() == ["a"]
        with pytest.raises(ValueError, match=r"length 2\. Got 1"):
            window.get_feature_names_out(["t"])

    def test_a_pipeline_can_be_told_to_keep_tables(self):
        model = make_pipeline(StandardScaler(), SlidingWindow(3)).set_output(transform="pandas")
        frame = hourly(30).drop(index=pd.Timestamp("2024-01-01 09:00"))
        windows = model.fit_transform(frame)
        scaled = StandardScaler().set_output(transform="pandas").fit_transform(frame)
        assert_windows(windows, slow_windows(scaled, 3, [9]))

    def test_the_global_configuration_makes_no_table_of_windows(self):
        with config_context(transform_output="pandas"):
            windows = make_pipeline(StandardScaler(), SlidingWindow(3)).fit_transform(hourly(30))
        assert windows.shape == (30, 3, 2)

    def test_a_column_transformer_says_that_it_takes_tables_only(self):
        with pytest.raises(ValueError, match="should be 2D"):
            make_column_transformer((SlidingWindow(3), ["a"])).fit_transform(hourly(10))


class TestPipelines:
    def weather(self, n=600):
        frame = load_nyc_weather(as_frame=True).frame.drop(columns="wind_gust").ffill().dropna()
        return frame.iloc[:n], frame["temp"].shift(-24).dropna().iloc[:n]

    def model(self):
        lstm = LSTMRegressor(8, max_epochs=2, random_state=0)
        return make_pipeline(StandardScaler(), SlidingWindow(12), lstm)

    def test_cross_validation(self):
        X, y = self.weather()
        scores = cross_val_score(self.model(), X, y, cv=WindowSplit(3, lookback=12, horizon=24))
        assert scores.shape == (3,)
        assert np.isfinite(scores).all()
        assert cross_val_predict(self.model(), X, y, cv=3).shape == (600,)

    def test_a_search_over_the_lookback(self):
        X, y = self.weather(300)
        search = GridSearchCV(
            self.model(),
            {"slidingwindow__lookback": [1, 6]},
            cv=WindowSplit(2, lookback=6, horizon=24),
        )
        search.fit(X, y)
        assert search.predict(X[-5:]).shape == (5,)

    def test_folds_with_holes_have_short_windows_not_false_ones(self):
        X, _ = self.weather(300)
        for train, _ in KFold(5, shuffle=True, random_state=0).split(X):
            part = X.iloc[train]
            windows = SlidingWindow(4).fit_transform(part)
            holes = 1 + np.flatnonzero(np.diff(train) > 1)
            assert_windows(windows, slow_windows(part, 4, holes))

    def test_lazy_windows_train_as_their_array_does(self):
        X, y = self.weather(300)
        windows = SlidingWindow(12).fit_transform(X)
        weights = RNG.integers(1, 3, size=300)
        lstm = LSTMRegressor(8, max_epochs=2, early_stopping=True, random_state=0)
        lazy = clone(lstm).fit(windows, y, weights)
        dense = clone(lstm).fit(np.asarray(windows), y, weights)
        np.testing.assert_array_equal(lazy.predict(windows), dense.predict(np.asarray(windows)))
        np.testing.assert_array_equal(lazy.predict(windows[50:]), dense.predict(windows)[50:])

    def test_windows_of_one_length_train_as_their_array_does(self):
        X, y = self.weather(300)
        windows = SlidingWindow(12).fit_transform(X)[11:]
        lstm = LSTMRegressor(8, max_epochs=2, random_state=0)
        lazy = clone(lstm).fit(windows, y[11:])
        dense = clone(lstm).fit(np.asarray(windows), y[11:])
        assert lazy.n_timesteps_in_ == 12
        np.testing.assert_array_equal(lazy.predict(windows), dense.predict(windows))

    def test_a_table_on_disk_trains_as_one_in_memory(self, tmp_path):
        X, y = self.weather(300)
        table = X.to_numpy(dtype=np.float32)
        np.save(tmp_path / "table.npy", table)
        on_disk = np.load(tmp_path / "table.npy", mmap_mode="r")
        model = make_pipeline(SlidingWindow(12), LSTMRegressor(8, max_epochs=2, random_state=0))
        expected = clone(model).fit(table, y).predict(table)
        np.testing.assert_array_equal(model.fit(on_disk, y).predict(on_disk), expected)

    def test_windows_go_through_scikit_learns_tools(self):
        X, y = self.weather(200)
        windows = SlidingWindow(6).fit_transform(X)
        lstm = LSTMRegressor(4, max_epochs=1, random_state=0)
        assert cross_val_predict(lstm, windows, y, cv=3).shape == (200,)
        shortened = make_pipeline(
            SlidingWindow(6), FunctionTransformer(lambda w: w[:, -3:]), clone(lstm)
        )
        assert shortened.fit(X, y).predict(X).shape == (200,)

    def test_the_pipeline_explains_itself(self):
        X, y = self.weather(100)
        model = make_pipeline(SlidingWindow(3), LSTMRegressor(4, max_epochs=1, random_state=0))
        windows = SlidingWindow(3).fit_transform(X)
        result = model.fit(X, y)[-1].explain_permutation(windows, y, n_repeats=2, random_state=0)
        assert result.importances.shape == (8, 2)


MEMORY = """
import resource
import numpy as np
from sklearn.pipeline import make_pipeline
from sklstm import LSTMRegressor
from sklstm.preprocessing import SlidingWindow, make_windows

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

def fit_and_predict(X):
    lstm = LSTMRegressor(1, batch_size=2048, max_epochs=1, random_state=0)
    make_pipeline(SlidingWindow(100), lstm).fit(X, X[:, 0]).predict(X)

X = np.random.default_rng(0).normal(size=(50_000, 8))
fit_and_predict(X[:3000])
before = peak()
fit_and_predict(X)
print((peak() - before) / (100 * X.nbytes))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kilobytes on Linux")
def test_windows_are_not_in_memory():
    done = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True
    )
    # As float32 they would take a half; most of what is measured are buffers of fixed size.
    assert float(done.stdout) < 0.25
