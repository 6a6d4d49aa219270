import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from pictures import SIZES, axes_of_size, check_texts, nothing_global_changes
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.plot import ForecastDisplay
from sklstm.preprocessing import SlidingWindow

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
FEW = {"hidden_size": 4, "max_epochs": 2, "random_state": 0}


@pytest.fixture(scope="module")
def table():
    days = pd.date_range("2020-01-01", periods=60, name="day")
    rng = np.random.default_rng(0)
    return pd.DataFrame(rng.normal(size=(60, 2)), columns=["a", "b"], index=days)


@pytest.fixture(scope="module")
def model(table):
    lstm = LSTMRegressor(loss="quantile", quantiles=LEVELS, **FEW)
    return make_pipeline(SlidingWindow(4), lstm).fit(table, table["a"].rename("warmth (°C)"))


def band_ends(band, n):
    corners = band.get_paths()[0].vertices
    return corners[1 : n + 1, 1], corners[n + 2 : 2 * n + 2, 1][::-1]


def test_predictions_observations_and_bands_are_drawn_over_the_days(model, table):
    y = table["a"].rename("warmth (°C)")
    display = ForecastDisplay.from_estimator(model, table, y)
    frame = display.frame()
    np.testing.assert_array_equal(frame["prediction"], model.predict(table))
    np.testing.assert_array_equal(frame["observed"], y)
    assert frame["index"].tolist() == table.index.tolist()
    quantiles = model[-1].predict_quantiles(model[0].transform(table))
    names = [f"quantile_{level:g}" for level in LEVELS]
    np.testing.assert_array_equal(frame[names], quantiles)
    assert [line.get_label() for line in display.lines_] == ["prediction", "observed"]
    for line, column in zip(display.lines_, ["prediction", "observed"], strict=True):
        np.testing.assert_array_equal(line.get_ydata(), frame[column])
        np.testing.assert_array_equal(line.get_xdata(), table.index.to_numpy())
    assert [band.get_label() for band in display.bands_] == ["90 % band", "50 % band"]
    for band, (low, high) in zip(display.bands_, [(0, 4), (1, 3)], strict=True):
        ends = band_ends(band, 60)
        np.testing.assert_array_equal(ends, quantiles[:, [low, high]].T)
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("day", "warmth (°C)")


def test_a_search_has_its_bands_too(table):
    lstm = LSTMRegressor(loss="quantile", quantiles=LEVELS, **FEW)
    search = GridSearchCV(lstm, {"hidden_size": [2]}, cv=2).fit(table, table["a"])
    display = ForecastDisplay.from_estimator(search, table)
    np.testing.assert_array_equal(
        display.quantiles, search.best_estimator_.predict_quantiles(table)
    )
    assert display.observed is None and len(display.bands_) == 2
    assert display.index is table.index


def test_any_regressor_and_one_of_several_horizons(table):
    y = table.to_numpy()
    model = Ridge().fit(table, y)
    display = ForecastDisplay.from_estimator(model, table, y, output=1, index=range(60))
    np.testing.assert_array_equal(display.predictions, model.predict(table)[:, 1])
    np.testing.assert_array_equal(display.observed, y[:, 1])
    assert display.levels is None and not display.bands_
    frame = pd.DataFrame(y, columns=["today", "tomorrow"])
    named = ForecastDisplay.from_estimator(model, table, frame, output=1)
    assert named.label == "tomorrow" and named.index is table.index


def test_rows_are_drawn_in_order_of_time():
    display = ForecastDisplay([3.0, 1.0, 2.0], index=[30, 10, 20]).plot()
    assert display.lines_[0].get_xydata().tolist() == [[10, 1], [20, 2], [30, 3]]


def test_quantiles_without_partner_are_lines():
    quantiles = np.array([[1.0, 2.0, 3.0], [2.0, 3.0, 4.0]])
    display = ForecastDisplay([2.0, 3.0], quantiles=quantiles, levels=(0.1, 0.3, 0.9)).plot()
    assert [band.get_label() for band in display.bands_] == ["80 % band"]
    assert display.lines_[-1].get_label() == "30 % quantile"
    np.testing.assert_array_equal(display.lines_[-1].get_ydata(), quantiles[:, 1])


def test_of_many_rows_every_peak_is_kept():
    rng = np.random.default_rng(0)
    observed = rng.normal(size=30_000)
    observed[12_345], observed[23_456] = 50, -60
    observed[5000:6000] = np.nan
    display = ForecastDisplay(np.zeros(30_000), observed=observed).plot()
    x, drawn = display.lines_[1].get_data()
    assert len(drawn) <= 2002
    assert np.nanmax(drawn) == 50 and np.nanmin(drawn) == -60
    np.testing.assert_array_equal(drawn, observed[x.astype(int)])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("step", ["min", "h", "D", "W", "MS", "YS"])
def test_no_text_lies_on_another(size, step):
    index = pd.date_range("2020-01-01", periods=100, freq=step)
    quantiles = np.sort(np.random.default_rng(0).normal(size=(100, 5)), axis=1)
    display = ForecastDisplay(
        quantiles[:, 2], observed=quantiles[:, 1], quantiles=quantiles, levels=LEVELS, index=index
    )
    assert display.plot(axes_of_size(size)) is display
    check_texts(display.figure_)


@pytest.mark.parametrize(
    "index",
    [
        pd.period_range("2020-01", periods=3, freq="M"),
        pd.date_range("2020-01-01", periods=3, tz="Europe/Berlin"),
        pd.date_range("2020-01-01", periods=3).tolist(),
        pd.Series(pd.date_range("2020-01-01", periods=3), index=[7, 8, 9]),
        pd.Series(pd.period_range("2020-01", periods=3, freq="M")),
        iter(pd.date_range("2020-01-01", periods=3)),
        np.arange("2020-01-01", "2020-01-04", dtype="M8[D]"),
    ],
    ids=["periods", "zone", "list", "series", "series of periods", "iterator", "numpy"],
)
def test_any_kind_of_dates(index):
    display = ForecastDisplay([1.0, 2.0, 3.0], index=index).plot()
    day = mdates.num2date(mdates.date2num(display.lines_[0].get_xdata()[0]))
    assert (day.year, day.month, day.day, day.hour) == (2020, 1, 1, 0)


@pytest.mark.parametrize("size", SIZES)
def test_texts_as_index_and_a_single_row(size):
    names = [f"quarter {k}" for k in range(40)]
    display = ForecastDisplay(np.arange(40.0), index=names).plot(axes_of_size(size))
    check_texts(display.figure_)
    single = ForecastDisplay([1.0], observed=[2.0]).plot(axes_of_size(size))
    check_texts(single.figure_)
    assert single.lines_[0].get_marker() == "o"


def test_it_is_drawn_where_it_is_told():
    figure, axes = plt.subplots(1, 2)
    display = ForecastDisplay([2.0, 1.0])
    with nothing_global_changes():
        display.plot(axes[1])
    assert display.ax_ is axes[1] and display.figure_ is figure
    assert display.plot().figure_ is not figure


@pytest.mark.parametrize(
    "options, message",
    [
        ({"predictions": []}, "'predictions' parameter must have rows"),
        ({"observed": [1.0]}, r"'observed' parameter must be an array of shape \(2\)"),
        ({"levels": [0.1]}, "must be given together"),
        ({"levels": [0.9, 0.1], "quantiles": np.zeros((2, 2))}, "'levels' parameter must ascend"),
        ({"levels": [0.1, 1.0], "quantiles": np.zeros((2, 2))}, "'levels' parameter must ascend"),
        ({"levels": [], "quantiles": np.zeros((2, 0))}, "'levels' parameter must ascend"),
        ({"levels": [0.1], "quantiles": np.zeros((2, 2))}, r"shape \(2, 1\)"),
        ({"index": [1]}, "'index' parameter must have 2 entries, as 'predictions' has. Got 1"),
    ],
)
def test_bad_numbers(options, message):
    with pytest.raises(ValueError, match=message):
        ForecastDisplay(**{"predictions": [1.0, 2.0], **options})


def test_bad_arguments(table):
    classifier = LSTMClassifier(**FEW).fit(table, np.arange(60) % 2)
    with pytest.raises(ValueError, match=r"A forecast is of numbers. Got a classifier"):
        ForecastDisplay.from_estimator(classifier, table)
    with pytest.raises(ValueError, match=r"'model' parameter must predict. Got StandardScaler"):
        ForecastDisplay.from_estimator(StandardScaler().fit(table), table)
    series = np.asarray(table)[:, :, None]
    steps = LSTMRegressor(return_sequences=True, **FEW).fit(series, series[:, :, 0])
    with pytest.raises(ValueError, match="one for each time step"):
        ForecastDisplay.from_estimator(steps, series)
    with pytest.raises(ValueError, match=r"'output' parameter must be 0: there is one. Got 1"):
        ForecastDisplay.from_predictions(None, [1.0, 2.0], output=1)
    with pytest.raises(ValueError, match=r"'output' parameter must be an int from -2 to 1. Got 2"):
        ForecastDisplay.from_predictions(None, np.zeros((3, 2)), output=2)
    with pytest.raises(ValueError, match="Of outputs at every time step pass those of one row"):
        ForecastDisplay.from_predictions(None, np.zeros((3, 2, 2)))
