import matplotlib.pyplot as plt
import numpy as np
import pytest
from pictures import SIZES, axes_of_size, check_texts, nothing_global_changes
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.plot import LearningCurveDisplay

FEW = {"hidden_size": 4, "max_epochs": 3, "random_state": 0}
X = np.random.default_rng(0).normal(size=(40, 5))


def test_lines_are_the_losses_of_the_history():
    model = LSTMRegressor(early_stopping=True, **FEW).fit(X, X[:, 0])
    display = LearningCurveDisplay.from_estimator(model)
    for line, key in zip(display.lines_, ["train_loss", "valid_loss"], strict=True):
        losses = [epoch[key] for epoch in model.history_]
        np.testing.assert_array_equal(line.get_xydata(), np.stack([[1, 2, 3], losses], axis=1))
        np.testing.assert_array_equal(display.frame()[key], losses)
    assert display.frame()["epoch"].tolist() == [1, 2, 3]
    valid = [epoch["valid_loss"] for epoch in model.history_]
    assert display.best_epoch == np.argmin(valid) + 1
    ring = display.ax_.get_lines()[2]
    assert ring.get_xydata().tolist() == [[display.best_epoch, min(valid)]]
    assert display.ax_.get_ylabel() == "loss (squared error)"


def test_without_validation_there_is_one_line_and_no_best_epoch():
    model = LSTMClassifier(early_stopping=False, **FEW).fit(X, np.arange(40) % 2)
    display = LearningCurveDisplay.from_estimator(model)
    assert len(display.ax_.get_lines()) == 1 and display.best_epoch is None
    assert display.frame().columns.tolist() == ["epoch", "train_loss"]
    assert display.ax_.get_ylabel() == "loss (log loss)"


def test_the_lstm_at_the_end_of_a_search_is_found():
    pipe = make_pipeline(StandardScaler(), LSTMRegressor(**FEW))
    search = GridSearchCV(pipe, {"lstmregressor__hidden_size": [2]}, cv=2).fit(X, X[:, 0])
    display = LearningCurveDisplay.from_estimator(search)
    history = search.best_estimator_[-1].history_
    np.testing.assert_array_equal(display.train_loss, [epoch["train_loss"] for epoch in history])


def test_the_scale_is_logarithmic_over_decades_only():
    assert LearningCurveDisplay([1.0, 0.5]).plot().ax_.get_yscale() == "linear"
    assert LearningCurveDisplay([1.0, 0.01]).plot().ax_.get_yscale() == "log"
    assert LearningCurveDisplay([1.0, -0.01]).plot().ax_.get_yscale() == "linear"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("n", [1, 3, 300])
def test_no_text_lies_on_another(size, n):
    losses = np.exp(-np.arange(n) / 50)
    display = LearningCurveDisplay(losses, valid_loss=losses + 0.1, loss="some long name of a loss")
    assert display.plot(axes_of_size(size)) is display
    check_texts(display.figure_)


def test_it_is_drawn_where_it_is_told():
    figure, axes = plt.subplots(1, 2)
    display = LearningCurveDisplay([2.0, 1.0])
    with nothing_global_changes():
        display.plot(axes[1])
    assert display.ax_ is axes[1] and display.figure_ is figure
    assert display.plot().figure_ is not figure


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"must end in an LSTM of this library. Got Ridge"):
        LearningCurveDisplay.from_estimator(Ridge().fit(X, X[:, 0]))
    with pytest.raises(ValueError, match="'train_loss' parameter must have epochs"):
        LearningCurveDisplay([])
    with pytest.raises(ValueError, match=r"'valid_loss' .* shape \(2\). Got shape \(1,\)"):
        LearningCurveDisplay([1.0, 2.0], valid_loss=[1.0])
