"""Expected gradients: a loop over pairs and nodes, and functions whose integral is known."""

import numpy as np
import pytest
import torch
from plain import PLAIN

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm._attribution import Readout, expected_gradients, explaining

pytestmark = pytest.mark.cpu  # tensors lie there; test_gpu.py explains on a GPU

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 5, 3))
Y = X[:, 1, 0] * X[:, 3, 1] + X[:, 2, 0]
SMALL = {"hidden_size": 4, "max_epochs": 3, "random_state": 0}
ROWS = torch.from_numpy(X[:3])
REFERENCES = torch.from_numpy(X[20:24])
WEIGHTS = torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64)


def readout_of(network, link=None):
    return Readout(torch.eye(network.architecture["n_outputs"], dtype=torch.float64), link)


def looped(network, readout, n_nodes):
    """One gradient at a time, in the original unit of X."""
    points, point_weights = np.polynomial.legendre.leggauss(n_nodes)
    result = 0.0
    for weight, reference in zip(WEIGHTS.tolist(), REFERENCES, strict=True):
        for point, point_weight in zip((points + 1) / 2, point_weights / 2, strict=True):
            path = (reference + point * (ROWS - reference)).requires_grad_()
            responses = readout(network(path)).flatten(1)
            gradients = [
                torch.autograd.grad(response.sum(), path, retain_graph=True)[0]
                for response in responses.unbind(1)
            ]
            difference = (ROWS - reference)[..., None]
            result = result + weight * point_weight * torch.stack(gradients, -1) * difference
    return result.detach().numpy()


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"num_layers": 2, "bidirectional": True, "pooling": ["attention", "mean"]},
        {"cell": "peephole"},
        {"activation": "relu", "pooling": "last"},
        {"loss": "quantile"},
        {"return_sequences": True},
    ],
)
@pytest.mark.parametrize("n_nodes", [1, 4])
def test_equals_a_loop_over_pairs_and_nodes(parameters, n_nodes):
    y = X[:, :, 0] if "return_sequences" in parameters else Y
    network = LSTMRegressor(**SMALL, **parameters).fit(X, y).net_.module_
    readout = readout_of(network)
    with explaining(network, torch.device("cpu")):
        found = expected_gradients(network, readout, ROWS, REFERENCES[None], WEIGHTS, n_nodes)
    expected = looped(network, readout, n_nodes)
    assert found.shape == expected.shape and found.dtype == torch.float64
    np.testing.assert_allclose(found, expected, atol=1e-6 * np.abs(expected).max())


def test_probabilities_and_references_of_each_row():
    model = LSTMClassifier(**SMALL).fit(X, np.digitize(Y, [-0.5, 0.5]))
    network = model.net_.module_
    readout = readout_of(network, "softmax")
    found = expected_gradients(network, readout, ROWS, REFERENCES[None], WEIGHTS, 3)
    np.testing.assert_allclose(found, looped(network, readout, 3), atol=1e-7)
    # A shift of all probabilities is impossible.
    np.testing.assert_allclose(found.sum(-1), 0, atol=1e-7)
    own = REFERENCES.expand(3, -1, -1, -1)
    again = expected_gradients(network, readout, ROWS, own, WEIGHTS, 3)
    np.testing.assert_allclose(again, found, atol=1e-7)


@pytest.mark.parametrize("rows", [1, 7, 10_000])
def test_batches_change_nothing(rows, monkeypatch):
    network = LSTMRegressor(**SMALL).fit(X, Y).net_.module_
    readout = readout_of(network)
    expected = expected_gradients(network, readout, ROWS, REFERENCES[None], WEIGHTS, 4)
    monkeypatch.setattr("sklstm._attribution._gradient.ROWS", rows)
    found = expected_gradients(network, readout, ROWS, REFERENCES[None], WEIGHTS, 4)
    np.testing.assert_allclose(found, expected, atol=1e-6)


class Cubic(torch.nn.Module):
    """The sum of the cubes of the first feature, exactly integrated by two nodes."""

    def __init__(self, n_features, n_outputs, random_state):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(()))

    def forward(self, x, lengths):
        return self.scale * (x[:, :, :1] ** 3).sum(1)


def test_nodes_integrate_a_polynomial_exactly():
    model = LSTMRegressor(**{**SMALL, **PLAIN}, module=Cubic, standardize=False)
    network = model.fit(X, Y).net_.module_
    scale = network.body.scale.item()
    found = expected_gradients(network, readout_of(network), ROWS, REFERENCES[None], WEIGHTS, 2)[
        ..., 0
    ].numpy()
    cubes = torch.einsum("b,nbt->nt", WEIGHTS, ROWS[:, None, :, 0] ** 3 - REFERENCES[..., 0] ** 3)
    np.testing.assert_allclose(found[..., 0], scale * cubes, rtol=1e-5, atol=1e-6)
    assert not found[..., 1:].any()
