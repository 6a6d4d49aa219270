"""reduce_layers: stacked networks with fewer layers."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.preprocessing import SequenceWise
from sklstm.simplify import reduce_layers
from sklstm.simplify._fitted import weights_of

X = np.random.default_rng(0).normal(size=(60, 6, 3))
Y = 2 * X[:, 4, 1] + X[:, 2, 0]
SMALL = {"hidden_size": 4, "num_layers": 3, "max_epochs": 2, "batch_size": 16, "random_state": 0}
NETWORKS = {
    "default": {},
    "everything": {"bidirectional": True, "cell": "peephole", "pooling": ["attention", "input"]},
    "steps": {"return_sequences": True},
}


def fitted(**params):
    model = LSTMRegressor(**{**SMALL, **params})
    return model.fit(X, np.cumsum(X[:, :, 0], axis=1) if model.return_sequences else Y)


@pytest.mark.parametrize("params", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_the_first_layers_and_the_head_are_those_of_the_model(params, num_layers):
    model = fitted(**params)
    before = pickle.dumps(model)
    small = reduce_layers(model, num_layers=num_layers)
    assert small.num_layers == num_layers
    kept, weights = weights_of(small), weights_of(model)
    for name, array in kept.items():
        assert_array_equal(array, weights[name])
    assert {name for name in weights if name not in kept} == {
        name for name in weights if any(f"layers.{k}." in name for k in range(num_layers, 3))
    }
    shapes = {name: array.shape for name, array in kept.items()}
    y = model.predict(X)
    assert shapes == {
        name: array.shape for name, array in weights_of(clone(small).fit(X, y)).items()
    }
    assert pickle.dumps(model) == before


def test_the_head_reads_the_states_of_the_layer_that_is_left():
    model = fitted(pooling="mean")
    network = model.net_.module_
    found = model.explain_gates(X).hidden_state[:, :, 0, 0]
    weights = weights_of(model)
    output = found.mean(axis=1) @ weights["head.weight"][0] + weights["head.bias"][0]
    expected = output * weights["y_scale"] + weights["y_mean"]
    assert len(network.recurrent.forward_layers) == 3
    assert_allclose(reduce_layers(model).predict(X), expected, atol=1e-5)


def test_fine_tuning_through_a_pipeline():
    labels = np.where(Y > 0, "up", "down")
    steps = SequenceWise(StandardScaler()), LSTMClassifier(**SMALL)
    model = make_pipeline(*steps).fit(X, labels)
    small = reduce_layers(model, X, labels, epochs=20)
    assert small[-1].n_epochs_ == 22
    assert small.score(X, labels) > reduce_layers(model).score(X, labels)
    assert small[-1].explain_shap(X[:3], background=X[:9]).additivity_gap.max() < 1e-5
    small[-1].partial_fit(X, labels)
    assert reduce_layers(small).predict(X).shape == (60,)


def test_fine_tuning_on_the_answers_of_the_model():
    model = LSTMRegressor(**{**SMALL, "num_layers": 2, "max_epochs": 20}).fit(X, Y)
    small = reduce_layers(model, X, epochs=20, random_state=0)
    missed = [
        np.square(m.predict(X) - model.predict(X)).mean() for m in (reduce_layers(model), small)
    ]
    assert missed[1] < 0.3 * missed[0]
    assert small.n_epochs_ == 20
    one, two = (reduce_layers(model, X, epochs=2, random_state=0) for _ in range(2))
    assert_array_equal(one.predict(X), two.predict(X))


@pytest.mark.parametrize(
    "params, message",
    [
        ({"num_layers": 0}, "'num_layers' parameter of reduce_layers must be"),
        ({"num_layers": 4}, "must be at most 3, the layers that the network has. Got 4"),
        ({"epochs": 1.5}, "'epochs' parameter of reduce_layers must be"),
        ({"epochs": 1}, "needs X to train on"),
    ],
)
def test_bad_input(params, message):
    with pytest.raises(ValueError, match=message):
        reduce_layers(fitted(), **params)
