import matplotlib.pyplot as plt
import numpy as np
import pytest
from pictures import SIZES, axes_of_size, check_texts, nothing_global_changes
from sklearn.linear_model import LinearRegression

from sklstm.explain import explain_lime, explain_shap
from sklstm.metrics import deletion_curve, insertion_curve
from sklstm.plot import DeletionCurveDisplay

X = np.random.default_rng(0).normal(size=(60, 5))
MODEL = LinearRegression().fit(X, X @ [4.0, 2.0, 1.0, 0.0, 0.0])
OPTIONS = {"background": X[30:], "random_state": 0}
E = explain_shap(MODEL, X[:10], background=X[30:])


@pytest.mark.parametrize("inserted", [False, True])
def test_lines_are_the_curves(inserted):
    display = DeletionCurveDisplay.from_estimator(MODEL, X[:10], E, inserted=inserted, **OPTIONS)
    curve = (insertion_curve if inserted else deletion_curve)(MODEL, X[:10], E, **OPTIONS)
    own, chance = display.lines_
    expected = np.stack([curve.fractions, curve.curve], axis=1)
    np.testing.assert_array_equal(own.get_xydata(), expected)
    np.testing.assert_array_equal(chance.get_ydata(), curve.random_curve)
    assert own.get_label().endswith(f": {curve.area:.2f}")
    assert chance.get_label() == "random order: 0.50"
    assert display.ax_.get_xlabel().endswith("put in" if inserted else "replaced")
    frame = display.frame()
    np.testing.assert_array_equal(frame["random order"], curve.random_curve)
    again = DeletionCurveDisplay.from_curve(curve, inserted=inserted)
    np.testing.assert_array_equal(again.frame()["explanation"], curve.curve)


@pytest.mark.parametrize("size", SIZES)
def test_several_explanations_and_no_text_on_another(size):
    several = {"SHAP": E, "LIME": explain_lime(MODEL, X[:10], **OPTIONS), "a $^{long} name" * 4: E}
    display = DeletionCurveDisplay.from_estimator(
        MODEL, X[:10], several, ax=axes_of_size(size), **OPTIONS
    )
    assert len(display.lines_) == 4
    labels = [line.get_label() for line in display.lines_]
    assert "…" in labels[2] and labels[2].endswith(labels[0].removeprefix("SHAP"))
    check_texts(display.figure_)


def test_it_is_drawn_where_it_is_told():
    figure, axes = plt.subplots(1, 2)
    display = DeletionCurveDisplay([0, 1], {"a": [1, 0]})
    with nothing_global_changes():
        assert display.plot(axes[1]) is display
    assert display.ax_ is axes[1] and display.figure_ is figure
    assert display.lines_[0].get_label() == "a"
    assert display.frame().columns.tolist() == ["fraction", "a"]


def test_bad_arguments():
    with pytest.raises(ValueError, match="'curves' parameter must be a mapping"):
        DeletionCurveDisplay([0, 1], {})
    with pytest.raises(
        ValueError, match=r"'curves' .* shape \(2\), as 'fractions' has. Got shape \(1,\)"
    ):
        DeletionCurveDisplay([0, 1], {"a": [1]})
    with pytest.raises(ValueError, match="no curve named 'random order'"):
        DeletionCurveDisplay([0, 1], {"random order": [1, 0]})
    with pytest.raises(ValueError, match="'curve' parameter must be what deletion_curve"):
        DeletionCurveDisplay.from_curve(3)
    with pytest.raises(ValueError, match="A Bunch of deletion_curve was expected"):
        DeletionCurveDisplay.from_curve({"a": {"curve": [1]}})
    with pytest.raises(ValueError, match="'explanation' parameter must be an Explanation"):
        DeletionCurveDisplay.from_estimator(MODEL, X[:10], 3, **OPTIONS)
