import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import same_color
from pictures import (
    SIZES,
    axes_of_size,
    check_texts,
    heights,
    nothing_global_changes,
    widths,
)
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression
from sklearn.utils import Bunch

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.plot import AttributionDisplay, ImportanceDisplay

FEW = {"hidden_size": 4, "max_epochs": 2, "random_state": 0}


@pytest.fixture(scope="module")
def X():
    return np.random.default_rng(0).normal(size=(40, 7, 3))


@pytest.fixture(scope="module")
def explanation(X):
    model = LSTMClassifier(**FEW).fit(X, np.arange(40) % 3)
    return model.explain_shap(X[:8], background=X[8:])


def of_variance(n, out=(), names=None):
    rng = np.random.default_rng(0)
    first = rng.random((n, *out)) / n
    total = first + rng.random((n, *out)) / n
    reach = np.array([-0.1, 0.2]) / n
    return Bunch(
        first_order=first,
        total_order=total,
        first_order_interval=first[..., None] + reach,
        total_order_interval=total[..., None] + reach,
        player_names=names or [f"feature number {i}" for i in range(n)],
        output_names=("u", "v")[: out[0]] if out else None,
    )


def labels_of(display):
    return [label.get_text() for label in display.ax_.get_yticklabels()]


def test_bars_are_mean_absolute_values_with_their_standard_error(explanation):
    by_feature = explanation.by("feature")
    display = ImportanceDisplay.from_explanation(by_feature, output=1)
    sizes = np.abs(by_feature.values[..., 1])
    order = np.argsort(-sizes.mean(axis=0))
    np.testing.assert_allclose(widths(display.artists_), sizes.mean(axis=0)[order])
    assert labels_of(display) == [f"x{i}" for i in order]
    frame = display.frame().set_index("player")
    np.testing.assert_allclose(frame["importance"], sizes.mean(axis=0))
    error = sizes.std(axis=0, ddof=1) / np.sqrt(8)
    np.testing.assert_allclose(frame["high"] - frame["importance"], error)
    np.testing.assert_allclose(frame["importance"] - frame["low"], error)
    drawn = display.ax_.collections[0].get_segments()
    np.testing.assert_allclose([line[:, 0] for line in drawn], frame[["low", "high"]].iloc[order])


def test_all_outputs_count_alike(explanation):
    display = ImportanceDisplay.from_explanation(explanation)
    expected = np.abs(explanation.values).mean(axis=(0, 3))
    np.testing.assert_allclose(display.artists_[0].get_array(), expected.T)
    np.testing.assert_allclose(display.frame()["importance"], expected.ravel())
    assert "mean of 3 outputs" in display.label


def test_time_steps_stay_in_their_order(explanation):
    display = ImportanceDisplay.from_explanation(explanation.by("timestep"), output="2")
    expected = np.abs(explanation.values.sum(axis=2)[..., 2]).mean(axis=0)
    np.testing.assert_allclose(heights(display.artists_[0]), expected)
    assert display.frame()["timestep"].tolist() == list(range(7))


def test_outputs_that_do_not_exist_are_left_out(X):
    model = LSTMRegressor(return_sequences=True, bidirectional=False, **FEW).fit(X, X[:, :, 0])
    X = X[:4].copy()
    X[:2, 5:] = np.nan
    explanation = model.explain_shap(X, background=np.zeros((1, 7, 3)))
    last = ImportanceDisplay.from_explanation(explanation, output=6)
    np.testing.assert_allclose(
        last.importances, np.abs(explanation.values[2:, ..., 6]).mean(axis=0)
    )
    with pytest.raises(ValueError, match="does not exist in any row"):
        ImportanceDisplay.from_explanation(explanation[:2], output=6)


def test_boxes_hold_the_repeats():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(50, 3))
    y = table @ [1.0, 0.0, 3.0]
    model = LinearRegression().fit(table, y)
    result = permutation_importance(model, table, y, n_repeats=7, random_state=0)
    display = ImportanceDisplay.from_permutation(result, names=["a", "b", "c"])
    assert labels_of(display) == ["c", "a", "b"]
    order = [2, 0, 1]
    first, third = np.quantile(result.importances, [0.25, 0.75], axis=1)
    np.testing.assert_allclose([box.get_x() for box in display.artists_], first[order])
    np.testing.assert_allclose(widths(display.artists_), (third - first)[order])
    whiskers, medians = display.ax_.collections
    ends = [segment[:, 0] for segment in whiskers.get_segments()]
    low, high = result.importances.min(axis=1), result.importances.max(axis=1)
    np.testing.assert_allclose(ends, np.stack([low, high], axis=1)[order])
    lines = [segment[0, 0] for segment in medians.get_segments()]
    np.testing.assert_allclose(lines, np.median(result.importances, axis=1)[order])
    frame = display.frame()
    np.testing.assert_array_equal(frame["importance"], result.importances_mean)
    np.testing.assert_array_equal(frame["repeat_6"], result.importances[:, 6])
    assert ImportanceDisplay.from_permutation(result).names == ["0", "1", "2"]


def test_permuted_cells_are_a_heat_map():
    rng = np.random.default_rng(0)
    importances = rng.normal(size=(4, 2, 5))
    result = Bunch(importances=importances, importances_mean=importances.mean(axis=2))
    display = ImportanceDisplay.from_permutation(result)
    np.testing.assert_array_equal(display.artists_[0].get_array(), importances.mean(axis=2).T)
    assert display.artists_[0].get_clim()[0] == importances.mean(axis=2).min() < 0
    result.player_names = [f"{name}[{step}]" for step in range(4) for name in "ab"]
    assert ImportanceDisplay.from_permutation(result).names == ["a", "b"]
    steps = Bunch(
        importances=importances[:, 0],
        importances_mean=importances[:, 0].mean(axis=1),
        player_names=[f"step {step}" for step in range(4)],
    )
    assert ImportanceDisplay.from_permutation(steps).times == [0, 1, 2, 3]


def test_first_and_total_order_stand_side_by_side():
    result = of_variance(3)
    display = ImportanceDisplay.from_variance(result)
    order = np.argsort(-result.total_order)
    np.testing.assert_array_equal(widths(display.artists_[:3]), result.first_order[order])
    np.testing.assert_array_equal(widths(display.artists_[3:]), result.total_order[order])
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["first-order", "total"]
    frame = display.frame()
    np.testing.assert_array_equal(frame[["low", "high"]], result.first_order_interval)
    np.testing.assert_array_equal(frame[["total_low", "total_high"]], result.total_order_interval)


def test_outputs_of_sobol_indices():
    result = of_variance(3, (2,))
    for output in (1, "v", -1):
        display = ImportanceDisplay.from_variance(result, output=output)
        np.testing.assert_array_equal(display.total, result.total_order[:, 1])
        np.testing.assert_array_equal(display.interval, result.first_order_interval[:, 1])
    display = ImportanceDisplay.from_variance(result)
    np.testing.assert_array_equal(display.importances, result.first_order.mean(axis=1))
    assert display.interval is None
    with pytest.raises(ValueError, match=r"'output' parameter must be one of \['u', 'v'\]"):
        ImportanceDisplay.from_variance(result, output="w")
    with pytest.raises(ValueError, match=r"'output' parameter must be of 1 axes"):
        ImportanceDisplay.from_variance(result, output=(0, 1))


def test_sobol_indices_of_cells_are_a_heat_map_of_the_total():
    result = of_variance(6, names=[f"{name}[{step}]" for step in range(3) for name in "ab"])
    display = ImportanceDisplay.from_variance(result)
    drawn = display.artists_[0].get_array()
    np.testing.assert_array_equal(drawn, result.total_order.reshape(3, 2).T)
    assert display.names == ["a", "b"]
    steps = ImportanceDisplay.from_variance(of_variance(3, names=[f"step {i}" for i in range(3)]))
    assert steps.times == [0, 1, 2]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("n", [1, 3, 300])
@pytest.mark.parametrize("in_time", [False, True])
def test_no_text_lies_on_another(size, n, in_time):
    names = [f"step {i}" for i in range(n)] if in_time else None
    display = ImportanceDisplay.from_variance(of_variance(n, names=names), ax=axes_of_size(size))
    check_texts(display.figure_)


@pytest.mark.parametrize("size", SIZES)
def test_no_text_lies_on_another_in_a_heat_map(size):
    names = [f"feature number {i}" for i in range(300)]
    display = ImportanceDisplay(np.random.default_rng(0).random((300, 300)), names=names)
    check_texts(display.plot(axes_of_size(size)).figure_)


@pytest.mark.parametrize("additive", [True, False])
def test_the_last_bar_stands_for_all_others(additive):
    values = np.random.default_rng(0).random(50)
    display = ImportanceDisplay(values, names=list(map(str, range(50))), additive=additive)
    display.plot(n_top=5)
    rest = np.sort(values)[:-4]
    expected = rest.sum() if additive else rest.mean()
    np.testing.assert_allclose(widths(display.artists_)[-1], expected)
    assert labels_of(display)[-1] == f"other 46, {'sum' if additive else 'mean'}"
    assert len(display.frame()) == 50


def test_plot_returns_itself_and_draws_where_it_is_told():
    display = ImportanceDisplay([1.0, 2.0], names=["a", "b"])
    figure, axes = plt.subplots(1, 2)
    with nothing_global_changes():
        assert display.plot(axes[1]) is display
    assert display.ax_ is axes[1] and display.figure_ is figure
    assert display.plot().figure_ is not figure


def test_an_explanation_draws_what_fits_it(explanation):
    assert isinstance(explanation.plot(), ImportanceDisplay)
    assert isinstance(explanation.plot(output=0), ImportanceDisplay)
    assert isinstance(explanation.abs().mean().plot(), ImportanceDisplay)
    single = explanation[3].plot()
    assert isinstance(single, AttributionDisplay)
    row = explanation.plot(3, output=2)
    np.testing.assert_array_equal(row.values, explanation.values[3, ..., 2])
    assert explanation.plot(0).values.shape == (7, 3)


@pytest.mark.parametrize(
    "draw, message",
    [
        (lambda: ImportanceDisplay([], names=[]), "must have entries"),
        (lambda: ImportanceDisplay([[1.0], 2.0], names=["a"]), "'importances' .* hold numbers"),
        (lambda: ImportanceDisplay([1.0], names=["a", "b"]), "'names' parameter must have 1"),
        (
            lambda: ImportanceDisplay([1.0], names=["a"], interval=[1.0, 2.0]),
            r"'interval' parameter must be an array of shape \(1, 2\)",
        ),
        (lambda: ImportanceDisplay([1.0], names=["a"]).plot(n_top=0), "'n_top' .*>= 1. Got 0"),
        (lambda: ImportanceDisplay([1.0], names=["a"]).plot(3), "'ax' parameter must be an Axes"),
        (lambda: ImportanceDisplay.from_permutation({"r2": {}}), "one scorer's"),
        (lambda: ImportanceDisplay.from_variance(3), "Bunch of explain_variance was expected"),
        (lambda: ImportanceDisplay.from_explanation(3), "must be an Explanation"),
    ],
    ids=[
        "none",
        "ragged",
        "names",
        "interval",
        "n_top",
        "ax",
        "scorers",
        "variance",
        "explanation",
    ],
)
def test_bad_arguments(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()


def test_texts_that_overlap_or_are_cut_would_be_noticed():
    figure, ax = plt.subplots()
    ax.text(0.5, 0.5, "one text")
    check_texts(figure)
    other = ax.text(0.52, 0.51, "another")
    with pytest.raises(AssertionError, match="one text"):
        check_texts(figure)
    other.set_position((1.3, 0.2))
    with pytest.raises(AssertionError, match="another"):
        check_texts(figure)


def test_lines_can_be_seen_in_a_dark_style():
    with plt.style.context("dark_background"):
        display = ImportanceDisplay([1.0, 2.0], names=["a", "b"], interval=[[0, 2], [1, 3]]).plot()
    zero, bars = display.ax_.get_lines()[-1], display.ax_.collections[0]
    assert same_color(zero.get_color(), "white")
    assert same_color(bars.get_color()[0], "white")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("unit", [1e-9, 1e9])
def test_a_long_label_leaves_room_for_the_power_of_ten(unit, size):
    label = "importance in units that are rather long to say in words"
    importances = unit * np.array([1.0, 3.0, 2.0])
    display = ImportanceDisplay(importances, names=["name" * 9] * 3, label=label)
    check_texts(display.plot(axes_of_size(size)).figure_)
