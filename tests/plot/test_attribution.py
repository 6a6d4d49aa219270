import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from pictures import (
    SIZES,
    axes_of_size,
    check_texts,
    corners,
    heights,
    nothing_global_changes,
    texts_of,
    widths,
)
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.plot import AttributionDisplay
from sklstm.preprocessing import SequenceOneHotEncoder, SequenceTokenizer, SlidingWindow

FEW = {"hidden_size": 4, "max_epochs": 2, "random_state": 0}


@pytest.fixture(scope="module")
def X():
    return np.random.default_rng(0).normal(size=(40, 7, 3))


@pytest.fixture(scope="module")
def regressor(X):
    return LSTMRegressor(**FEW).fit(X, X[:, 4, 1])


@pytest.fixture(scope="module")
def explanation(regressor, X):
    return regressor.explain_shap(X[:4], background=X[4:])


def of_values(n_timesteps, n_features):
    rng = np.random.default_rng(1)
    values = rng.normal(size=(n_timesteps, n_features))
    names = [f"feature number {i}" for i in range(n_features)]
    return AttributionDisplay(
        values, names=names, data=values * 3, base_value=1.5, output_value=1.5 + values.sum()
    )


def test_the_heat_map_has_the_values_of_the_row_with_time_to_the_right(explanation):
    display = AttributionDisplay.from_explanation(explanation, row=2)
    values = explanation.values[2]
    np.testing.assert_array_equal(display.artists_[0].get_array(), values.T)
    frame = display.frame()
    np.testing.assert_array_equal(frame["value"], values.ravel())
    np.testing.assert_array_equal(frame["data"], explanation.data[2].ravel())
    assert frame.loc[4, ["timestep", "feature"]].tolist() == [1, "x1"]
    low, high = display.artists_[0].get_clim()
    assert -low == high == np.abs(values).max()
    for line, column in zip(display.axes_[0].get_lines(), explanation.data[2].T, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), column)


def test_the_waterfall_goes_from_the_base_value_to_the_output(explanation):
    display = AttributionDisplay.from_explanation(explanation, row=1, kind="waterfall")
    starts, ends = corners(display.artists_[0])
    np.testing.assert_allclose(ends - starts, explanation.by("timestep").values[1])
    np.testing.assert_allclose(starts[0], explanation.base_values[1])
    np.testing.assert_allclose(starts[1:], ends[:-1])
    np.testing.assert_allclose(ends[-1], explanation.output_values[1], rtol=1e-5)


def test_time_steps_have_a_bar_each_below_the_series(explanation):
    by_time = explanation.by("timestep")
    display = AttributionDisplay.from_explanation(by_time, row=3)
    np.testing.assert_array_equal(heights(display.artists_[0]), by_time.values[3])
    np.testing.assert_array_equal(display.frame()["value"], by_time.values[3])
    assert len(display.axes_) == 2


def test_features_have_bars_by_size(explanation):
    by_feature = explanation.by("feature")
    display = AttributionDisplay.from_explanation(by_feature)
    order = np.argsort(-np.abs(by_feature.values[0]))
    np.testing.assert_array_equal(widths(display.artists_), by_feature.values[0][order])
    texts = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert texts == [f"x{i}" for i in order]


@pytest.mark.parametrize("size", SIZES)
def test_many_players_are_summed_up(size):
    values = np.random.default_rng(0).normal(size=300)
    names = [f"feature number {i}" for i in range(300)]
    display = AttributionDisplay(values, names=names, base_value=0, output_value=values.sum())
    display.plot(axes_of_size(size))
    n_shown = len(display.shown_)
    assert 5 < n_shown < 20
    np.testing.assert_array_equal(widths(display.artists_)[:-1], values[display.shown_])
    np.testing.assert_allclose(widths(display.artists_).sum(), values.sum())
    assert display.ax_.get_yticklabels()[-1].get_text() == f"other {300 - n_shown}, sum"
    assert np.abs(values[display.shown_]).min() >= np.sort(np.abs(values))[-n_shown]
    assert len(display.frame()) == 300
    check_texts(display.figure_)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ["heatmap", "waterfall"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (300, 300), (300, 1), (2, 300)])
def test_no_text_lies_on_another(size, kind, shape):
    display = of_values(*shape).plot(axes_of_size(size), kind=kind)
    check_texts(display.figure_)


@pytest.mark.parametrize("size", SIZES)
def test_dates_are_labels(size):
    values = np.zeros((200, 2))
    times = pd.date_range("2020-01-01", periods=200, freq="h")
    display = AttributionDisplay(values, names=["a", "b"], data=values, times=times)
    display.plot(axes_of_size(size))
    check_texts(display.figure_)
    axis = display.ax_.xaxis
    ticks, shown = axis.get_majorticklocs(), axis.get_majorticklabels()
    assert len(ticks) >= 2
    for tick, label in zip(ticks, shown, strict=True):
        assert label.get_text() == times[int(tick)].strftime("%m-%d %H:%M")
    assert display.frame()["timestep"][399] == times[-1]


def test_plot_returns_itself_and_draws_where_it_is_told():
    display = of_values(5, 2)
    figure, axes = plt.subplots(2, 3)
    with nothing_global_changes():
        assert display.plot(axes[0, 1]) is display
    assert display.figure_ is figure and len(display.axes_) == 2
    with nothing_global_changes():
        display.plot(axes[:, 2])
    assert display.axes_.tolist() == axes[:, 2].tolist()
    assert display.plot().figure_ is not figure
    by_hand = plt.figure().add_axes((0.2, 0.2, 0.5, 0.5))
    place = display.plot(by_hand).ax_.get_position()
    assert 0.2 < place.x0 < place.x1 < 0.7 and place.y0 == pytest.approx(0.2)


@pytest.mark.parametrize("layout", [None, "constrained", "tight"])
def test_panels_keep_to_their_place_beside_others(layout):
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout=layout)
    for ax in axes:
        of_values(20, 3).plot(ax)
    check_texts(figure)


def test_padding_is_left_out(regressor, X):
    padded = X[:3].copy()
    padded[1, :3] = np.nan
    display = AttributionDisplay.from_estimator(regressor, padded, background=X[4:], row=1)
    assert display.times == [3, 4, 5, 6]
    assert display.values.shape == (4, 3)
    whole = regressor.explain_shap(padded, background=X[4:])
    np.testing.assert_allclose(display.values, whole.values[1, 3:])
    ragged = [row[~np.isnan(row[:, 0])] for row in padded]
    display = AttributionDisplay.from_estimator(regressor, ragged, background=X[4:], row=1)
    np.testing.assert_allclose(display.values, whole.values[1, 3:], atol=1e-7)
    assert display.times == [0, 1, 2, 3]


def test_columns_that_are_time_steps(X):
    table = X.reshape(len(X), -1)
    model = LSTMRegressor(n_timesteps=7, **FEW).fit(table, X[:, 4, 1])
    display = AttributionDisplay.from_estimator(model, table, background=table[5:])
    assert display.values.shape == (7, 3)
    explained = model.explain_shap(table[:1], background=table[5:])
    np.testing.assert_array_equal(display.values.ravel(), explained.values[0])
    series = pd.DataFrame(X[:, :, 0], columns=list("abcdefg"))
    model = LSTMRegressor(**FEW).fit(series, X[:, 4, 0])
    options = {"background": series, "row": 3}
    steps = AttributionDisplay.from_estimator(model, series, level="timestep", **options)
    assert steps.times == list("abcdefg") and steps.data.shape == (7, 1)
    cells = AttributionDisplay.from_estimator(model, series, **options)
    assert cells.frame()["player"].tolist() == list("abcdefg")
    np.testing.assert_array_equal(cells.frame()["data"], series.loc[3])


def test_windows_of_a_table_have_its_dates(X):
    days = pd.date_range("2020-01-01", periods=40)
    table = pd.DataFrame(X[:, 0], columns=["a", "b", "c"], index=days)
    model = make_pipeline(SlidingWindow(5), LSTMRegressor(**FEW)).fit(table, X[:, 0, 1])
    display = AttributionDisplay.from_estimator(model, table, background=table, row=10)
    assert display.times == days[6:11].tolist()
    np.testing.assert_array_equal(display.data, table[6:11])
    first = AttributionDisplay.from_estimator(model, table, background=table, row=1)
    assert first.times == days[:2].tolist()


@pytest.fixture(scope="module")
def classifier(X):
    return LSTMClassifier(**FEW).fit(X, np.array(["u", "v", "w"])[np.arange(40) % 3])


def test_the_predicted_class_is_drawn_unless_another_is_asked_for(classifier, X):
    explanation = classifier.explain_shap(X[:9], background=X[9:])
    for row, predicted in enumerate(classifier.predict(X[:9])):
        display = AttributionDisplay.from_explanation(explanation, row)
        assert display.label == f"decision_function of {predicted}"
    display = AttributionDisplay.from_explanation(explanation, 4, output="w")
    np.testing.assert_array_equal(display.values, explanation.values[4, ..., 2])


def test_outputs_per_step_show_the_last_one(X):
    y = X[:, :, 0]
    model = LSTMRegressor(return_sequences=True, bidirectional=False, **FEW).fit(X, y)
    X = X[:2].copy()
    X[1, 5:] = np.nan
    explanation = model.explain_shap(X, background=np.zeros((1, 7, 3)))
    for row, last in enumerate([6, 4]):
        display = AttributionDisplay.from_explanation(explanation, row)
        assert display.output_value == explanation.output_values[row, last]


def test_of_quantiles_the_median_is_drawn(X):
    model = LSTMRegressor(loss="quantile", quantiles=(0.1, 0.5, 0.9), **FEW)
    model.fit(X, X[:, 4, :2])
    explanation = model.explain_shap(X[:2], background=X, response_method="predict_quantiles")
    display = AttributionDisplay.from_explanation(explanation, 1)
    np.testing.assert_array_equal(display.values, explanation.values[1, ..., 0, 1])
    display = AttributionDisplay.from_explanation(explanation, 1, output=(1, "0.9"))
    np.testing.assert_array_equal(display.values, explanation.values[1, ..., 1, 2])


def test_symbols_are_letters_as_high_as_their_values():
    texts = ["ACGTAC", "GGNTTA", "CATTAG", "TTACGT"]
    model = make_pipeline(
        SequenceOneHotEncoder("ACGT", handle_unknown="zero"), LSTMClassifier(**FEW)
    )
    model.fit(texts, [0, 1, 0, 1])
    display = AttributionDisplay.from_estimator(model, texts, background=texts, row=1)
    assert display.symbols == list("GG?TTA") == display.frame()["symbol"].tolist()
    values = display.by_time()
    for k, (letter, value) in enumerate(zip(display.artists_, values, strict=True)):
        box = letter.get_path().get_extents()
        assert box.y1 - box.y0 == pytest.approx(abs(value))
        assert (box.y1 > 0) == (value > 0)
        assert (box.x0 + box.x1) / 2 == pytest.approx(k)
    colours = [letter.get_facecolor() for letter in display.artists_]
    assert colours[0] == colours[1] and colours[3] == colours[4] != colours[0]


def test_one_hot_features_are_symbols_too():
    values = np.random.default_rng(0).normal(size=(30, 6, 4))
    codes = np.random.default_rng(1).integers(4, size=(30, 6))
    X = np.eye(4)[codes]
    model = LSTMRegressor(**FEW).fit(X, values[:, 0, 0])
    explanation = model.explain_shap(X[:2], background=X)
    display = AttributionDisplay.from_explanation(explanation, 1, symbols="ACGT")
    assert display.symbols == ["ACGT"[code] for code in codes[1]]
    with pytest.raises(ValueError, match=r"'symbols' parameter must name 4 features. Got 3"):
        AttributionDisplay.from_explanation(explanation, symbols="ACG")
    with pytest.raises(ValueError, match="neither codes nor one-hot"):
        noise = model.explain_shap(X[:2] + 0.1, background=X)
        AttributionDisplay.from_explanation(noise, kind="logo")


@pytest.mark.parametrize("size", SIZES)
def test_of_long_sequences_the_strongest_stretch_is_shown(size):
    values = np.zeros(300)
    values[200:250] = np.linspace(-1, 2, 50)
    symbols = np.random.default_rng(0).choice(list("ACDEFGHIKLMNPQRSTVWY"), 300)
    display = AttributionDisplay(values, names=["symbol"], times=range(300), symbols=symbols)
    display.plot(axes_of_size(size))
    assert display.shown_[0] <= 200 and display.shown_[-1] >= 249 and len(display.shown_) == 60
    first, last = display.shown_[[0, -1]]
    assert f"strongest 60 of 300 positions: {first} to {last}" in display.ax_.get_title("left")
    check_texts(display.figure_)


@pytest.mark.parametrize("size", SIZES)
def test_words_have_bars_in_reading_order(size):
    texts = ["not a good film at all", "a really good film", "never a bad film"] * 4
    model = make_pipeline(SequenceTokenizer(), LSTMClassifier(embedding_size=3, **FEW))
    model.fit(texts, [0, 1, 1] * 4)
    display = AttributionDisplay.from_estimator(
        model, texts, background=texts, row=0, ax=axes_of_size(size)
    )
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels == texts[0].split()
    np.testing.assert_array_equal(widths(display.artists_), display.by_time())
    check_texts(display.figure_)


def test_values_that_add_up_to_nothing_have_no_waterfall(explanation):
    display = AttributionDisplay.from_explanation(explanation.abs())
    assert display.axes_[0].get_title("left") == "predict"
    with pytest.raises(ValueError, match=r"'kind' parameter must be one of .*'heatmap'"):
        display.plot(kind="waterfall")


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"row": 4}, "'row' parameter must be an int from -4 to 3. Got 4"),
        ({"row": 1.0}, "'row' parameter must be an int"),
        ({"kind": "pie"}, "'kind' parameter must be one of .*Got 'pie'"),
        ({"kind": "logo"}, "neither codes nor one-hot"),
        ({"kind": "bars"}, "'kind' parameter must be one of .*'heatmap'"),
        ({"times": [1, 2]}, "'times' parameter must have 7 entries. Got 2"),
        ({"ax": 3}, "'ax' parameter must be None, an Axes or 2 of them. Got 3"),
        ({"output": "u"}, "one output"),
    ],
)
def test_bad_arguments(explanation, changes, message):
    with pytest.raises(ValueError, match=message):
        AttributionDisplay.from_explanation(explanation, **changes)
    assert not plt.get_fignums()


@pytest.mark.parametrize(
    "values, options, message",
    [
        (np.zeros((2, 2, 2)), {"names": ["a"]}, "'values' parameter must be an array of shape"),
        ([], {"names": []}, "'values' parameter must have entries"),
        (
            [[1.0, 2.0]],
            {"names": ["a"]},
            "'names' parameter must have 2 entries, as 'values' has. Got 1",
        ),
        (
            [1.0, 2.0],
            {"names": ["a"]},
            "'names' parameter must have 2 entries, as 'values' has. Got 1",
        ),
        (["p"], {"names": ["a"]}, "'values' parameter must hold numbers"),
        ([[1.0], None], {"names": ["a"]}, "'values' parameter must hold numbers"),
        ([1j], {"names": ["a"]}, "'values' parameter must hold numbers"),
        (
            [1.0],
            {"names": ["a"], "data": [1, 2]},
            r"shape \(1\), as 'values' has. Got shape \(2,\)",
        ),
        (
            [1.0],
            {"names": ["a"], "times": [0], "symbols": "AB"},
            "'symbols' parameter must have 1 e",
        ),
    ],
)
def test_bad_numbers(values, options, message):
    with pytest.raises(ValueError, match=message):
        AttributionDisplay(values, **options)


def test_an_explanation_is_needed(explanation):
    with pytest.raises(ValueError, match="'explanation' parameter must be an Explanation"):
        AttributionDisplay.from_explanation(np.zeros(3))
    with pytest.raises(ValueError, match="must have rows"):
        AttributionDisplay.from_explanation(explanation[:0])
    with pytest.raises(ValueError, match="'times' parameter must be None"):
        AttributionDisplay.from_explanation(explanation.by("feature"), times=range(7))


def test_without_matplotlib_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    display = of_values(2, 2)
    with pytest.raises(ImportError, match=r"AttributionDisplay.plot requires.*'sklstm\[plot\]'"):
        display.plot()
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(
        ImportError, match=r"AttributionDisplay.frame requires pandas. Install pandas"
    ):
        display.frame()


@pytest.mark.parametrize("names", [["_a", "b $x_{$", "cost $ $"], ["a\nb", r"\$c", "$x$"]])
def test_names_are_written_as_they_are(names):
    values = np.random.default_rng(0).normal(size=(5, 3))
    shown = [" ".join(name.split()) for name in names]
    display = AttributionDisplay(values, names=names, data=values).plot()
    texts = [label for label, _ in texts_of(display.figure_)]
    bars = AttributionDisplay(values[0], names=names, label=names[2]).plot()
    texts_of_bars = [label for label, _ in texts_of(bars.figure_)]
    for name in shown:
        for found in (texts, texts_of_bars):
            assert any(
                text.strip().replace(r"\$", "$") == name.replace(r"\$", "$") for text in found
            )


def test_thousands_of_steps_take_no_time():
    values = np.random.default_rng(0).normal(size=(5000, 20))
    display = AttributionDisplay(values, names=list("abcdefghijklmnopqrst"), base_value=0.0)
    assert len(display.plot(kind="waterfall").figure_.findobj(Patch)) < 20


def test_any_part_of_a_figure_is_drawn_on():
    figure = Figure(layout="constrained")  # without pyplot
    FigureCanvasAgg(figure)
    left, right = figure.subfigures(1, 2)
    display = of_values(5, 2).plot(right.subplots())
    assert display.figure_ is figure and display.axes_[0].get_subplotspec() is not None
    assert not plt.get_fignums() and not left.axes
    check_texts(figure)


def test_any_fitted_estimator_is_explained():
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 3)), columns=["a", "b", "c"])
    model = Ridge().fit(table, table @ [1.0, 0.0, -2.0])
    display = AttributionDisplay.from_estimator(model, table, background=table, row=-1)
    expected = model.coef_ * (table.iloc[-1] - table.mean())
    np.testing.assert_allclose(display.frame().set_index("player")["value"], expected, atol=1e-9)
    with pytest.raises(ValueError, match="background"):
        AttributionDisplay.from_estimator(model, table)
    with pytest.raises(NotFittedError):
        AttributionDisplay.from_estimator(Ridge(), table, background=table)


def test_a_row_whose_cells_are_no_numbers_has_no_series():
    values = np.ones((3, 2))
    display = AttributionDisplay(values, names=["a", "b"], data=values * np.nan).plot()
    assert not display.axes_[0].get_lines()
