import matplotlib.pyplot as plt
import numpy as np
import pytest
from pictures import SIZES, axes_of_size, check_texts, nothing_global_changes
from sklearn.linear_model import LinearRegression

from sklstm.plot import ComparisonDisplay
from sklstm.simplify import compare
from sklstm.simplify._comparison import Comparison

COSTS = {"parameters": [900, 10, 100, 400], "bytes": [7e3, 7e3, 7e3, 7e3]}
SCORE = {"score": [0.9, 0.5, 0.95, 0.7]}
MODELS = ["before", "a", "b", "c"]


def test_points_are_the_models_and_the_line_is_the_frontier():
    display = ComparisonDisplay(MODELS, COSTS, SCORE).plot()
    assert display.axes_.shape == (1, 2) and display.points_.shape == (1, 2, 4)
    for panel, cost in enumerate(COSTS.values()):
        found = [point.get_offsets()[0].tolist() for point in display.points_[0, panel]]
        assert found == list(map(list, zip(cost, SCORE["score"], strict=True)))
    first, second = (line.get_xydata().tolist() for line in display.frontiers_)
    assert first == [[10, 0.5], [100, 0.5], [100, 0.95]]
    assert second == [[7e3, 0.95]]
    labels = [text.get_text() for text in display.axes_[0, -1].get_legend().get_texts()]
    assert labels == MODELS
    assert display.frame().columns.tolist() == ["model", "parameters", "bytes", "score"]


def test_a_comparison_is_drawn_as_it_is():
    X = np.random.default_rng(0).normal(size=(40, 3))
    y = X[:, 0] + 0.1 * X[:, 1]
    before, after = LinearRegression().fit(X, y), LinearRegression().fit(X[:, :3] * 1.0, 2 * y)
    found = compare(before, after, X, y, n_repeats=1, n_explained=3, random_state=0)
    display = found.plot()
    assert list(display.costs) == ["bytes", "milliseconds"]  # it has no parameters to count
    assert list(display.qualities) == ["score", "fidelity", "rank correlation"]
    frame = display.frame()
    np.testing.assert_array_equal(frame["score"], found.score)
    np.testing.assert_array_equal(frame["fidelity"], [1.0, found.fidelity])
    np.testing.assert_allclose(frame["milliseconds"], np.array(found.latency_batch) * 1e3)
    without = compare(before, {"twice": after}, X, y, n_repeats=1, n_explained=0)
    assert list(without.plot().qualities) == ["score", "fidelity"]
    again = ComparisonDisplay.from_estimator(before, after, X, y, random_state=0)
    assert again.models == ["before", "after"]


@pytest.mark.parametrize("size", SIZES)
def test_no_text_on_another(size):
    rng, n = np.random.default_rng(0), 9
    numbers = {name: tuple(rng.uniform(1, 2000, n)) for name in ("parameters", "pickle_bytes")}
    found = Comparison(
        models=("before", "a $^{name} that is long" * 2, *map(str, range(n - 2))),
        latency_batch=tuple(rng.uniform(0.002, 0.004, n)),
        score=tuple(rng.uniform(0.8, 0.9, n)),
        fidelity=tuple(rng.uniform(0.8, 0.9, n - 1)),
        rank_correlation=(np.nan, *rng.uniform(0.8, 0.9, n - 2)),
        **numbers,
    )
    display = ComparisonDisplay.from_comparison(found, ax=axes_of_size(size))
    check_texts(display.figure_)


def test_it_is_drawn_where_it_is_told():
    figure, axes = plt.subplots(1, 2)
    display = ComparisonDisplay(MODELS, COSTS, SCORE)
    with nothing_global_changes():
        assert display.plot(axes) is display
    assert display.axes_.tolist() == [axes.tolist()] and display.figure_ is figure


def test_bad_arguments():
    with pytest.raises(ValueError, match="'costs' parameter must be a mapping"):
        ComparisonDisplay(MODELS, {}, SCORE)
    with pytest.raises(
        ValueError, match=r"'qualities' .* shape \(4\), as 'models' has. Got shape \(1,\)"
    ):
        ComparisonDisplay(MODELS, COSTS, {"score": [1]})
    with pytest.raises(ValueError, match="A Bunch of compare was expected"):
        ComparisonDisplay.from_comparison(3)
