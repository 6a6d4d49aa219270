import matplotlib.pyplot as plt
import numpy as np
import pytest
from pictures import SIZES, axes_of_size, check_texts, nothing_global_changes
from sklearn.utils import Bunch

from sklstm import LSTMRegressor
from sklstm.explain import explain_gates
from sklstm.plot import ActivationDisplay, GateDisplay

GATES = ["forget_gate", "input_gate", "output_gate", "candidate"]


@pytest.fixture(scope="module")
def model():
    X = np.random.default_rng(0).normal(size=(30, 6, 2))
    model = LSTMRegressor(
        hidden_size=5, num_layers=2, bidirectional=True, max_epochs=2, random_state=0
    )
    return model.fit(X, X[:, 0, 0])


@pytest.fixture(scope="module")
def X():
    X = np.random.default_rng(1).normal(size=(4, 6, 2))
    X[2, :2] = np.nan
    return X


@pytest.fixture(scope="module")
def gates(model, X):
    return explain_gates(model, X)


def random_gates(n_timesteps, hidden_size):
    values = np.random.default_rng(0).random((4, n_timesteps, hidden_size))
    return GateDisplay(*values, half_life=np.arange(hidden_size), title="layer 0, backwards")


def test_gates_are_heat_maps_sorted_by_half_life(gates):
    display = GateDisplay.from_gates(gates, 1, layer=1, direction=1)
    half_life = gates.half_life[1, 1]
    assert display.units == np.argsort(-half_life).tolist()
    for image, name in zip(display.images_, GATES, strict=True):
        expected = gates[name][1, :, 1, 1, display.units]
        np.testing.assert_array_equal(image.get_array(), expected)
        assert image.get_cmap().name == ("RdBu_r" if name == "candidate" else "viridis")
    assert display.images_[0].get_clim() == (0, 1)
    low, high = display.images_[3].get_clim()
    assert -low == high
    frame = display.frame()
    for name in GATES:
        expected = gates[name][1, :, 1, 1, display.units].T.ravel()
        np.testing.assert_array_equal(frame[name], expected)
    np.testing.assert_array_equal(frame["half_life"], half_life[frame["unit"]])
    assert display.axes_[0, 0].get_ylabel().split() == ["layer", "1,", "backwards"]


def test_units_without_a_half_life_come_last(gates):
    changed = Bunch(**gates)
    changed.half_life = gates.half_life.copy()
    changed.half_life[0, 0, :2] = np.nan, np.inf
    display = GateDisplay.from_gates(changed)
    assert (display.units[0], display.units[-1]) == (1, 0)


def test_padding_is_left_out(gates, model, X):
    display = GateDisplay.from_gates(gates, 2)
    assert display.times == [2, 3, 4, 5]
    np.testing.assert_array_equal(
        display.forget_gate, gates.forget_gate[2, 2:, 0, 0][:, display.units]
    )
    states = ActivationDisplay.from_estimator(model, X, row=2)
    np.testing.assert_array_equal(states.hidden_state, gates.hidden_state[2, 2:])
    assert GateDisplay.from_estimator(model, X, row=2).times == display.times
    named = GateDisplay.from_gates(gates, 2, times=list("abcdef"))
    assert named.times == list("cdef")


def test_hidden_states_of_all_layers_have_one_scale(gates):
    display = ActivationDisplay.from_gates(gates, 3)
    assert display.axes_.shape == (2, 2)
    states = gates.hidden_state[3]
    top = np.abs(states).max()
    for k, image in enumerate(display.images_):
        np.testing.assert_array_equal(image.get_array(), states[:, k // 2, k % 2].T)
        assert image.get_clim() == (-top, top)
    frame = display.frame()
    one = frame[(frame.layer == 1) & (frame.direction == 0) & (frame.unit == 4)]
    np.testing.assert_array_equal(one["hidden_state"], states[:, 1, 0, 4])
    assert one["timestep"].tolist() == list(range(6))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (300, 300)])
def test_no_text_lies_on_another(size, shape):
    display = random_gates(*shape)
    assert display.plot(axes_of_size(size)) is display
    check_texts(display.figure_)
    days = np.datetime64("2020-01-01T00") + np.arange(shape[0])
    states = np.random.default_rng(0).normal(size=(shape[0], 3, 2, shape[1]))
    display = ActivationDisplay(states, times=days)
    assert display.plot(axes_of_size(size)) is display
    check_texts(display.figure_)


def test_they_are_drawn_where_they_are_told(gates):
    figure, axes = plt.subplots(2, 4)
    display, states = random_gates(4, 3), ActivationDisplay(np.ones((3, 1, 2, 4)))
    with nothing_global_changes():
        display.plot(axes[:, :2])
        states.plot(axes[0, 2:])
    assert display.axes_.tolist() == axes[:, :2].tolist()
    assert states.axes_.tolist() == [axes[0, 2:].tolist()]
    with nothing_global_changes():
        display.plot(axes[1, 3])
    assert display.figure_ is figure and len(figure.axes) == 7 + 4
    assert display.plot().figure_ is not figure


@pytest.mark.parametrize(
    "options, message",
    [
        ({"row": 4}, "'row' parameter must be an int from -4 to 3. Got 4"),
        ({"layer": 2}, "'layer' parameter must be an int from -2 to 1. Got 2"),
        ({"direction": 2}, "'direction' parameter must be an int from -2 to 1. Got 2"),
        ({"times": [1]}, "'times' parameter must have 6 entries. Got 1"),
        ({"ax": [1, 2]}, "'ax' parameter must be None, an Axes or 4 of them"),
    ],
)
def test_bad_arguments(gates, options, message):
    with pytest.raises(ValueError, match=message):
        GateDisplay.from_gates(gates, **options)


def test_bad_numbers(gates):
    with pytest.raises(ValueError, match=r"Bunch of explain_gates was expected, with .*half_life"):
        GateDisplay.from_gates(Bunch(forget_gate=gates.forget_gate))
    with pytest.raises(ValueError, match="Bunch of explain_gates was expected"):
        ActivationDisplay.from_gates(np.zeros(3))
    with pytest.raises(ValueError, match=r"'candidate' parameter must be an array of shape \(1, 2"):
        GateDisplay(np.ones((1, 2)), np.ones((1, 2)), np.ones((1, 2)), np.ones((1, 3)))
    with pytest.raises(ValueError, match="must have steps and units"):
        GateDisplay(*np.ones((4, 0, 2)))
    with pytest.raises(ValueError, match="'hidden_state' parameter must have steps and units"):
        ActivationDisplay(np.ones((0, 1, 1, 2)))
