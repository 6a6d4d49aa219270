"""Gradients at the rows: differences of the network's outputs, and loops."""

import copy

import numpy as np
import pytest
import torch
from plain import PLAIN

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm._attribution import Readout, explaining, input_x_gradient, saliency, smoothgrad

pytestmark = pytest.mark.cpu  # tensors lie there; test_gpu.py explains on a GPU

rng = np.random.default_rng(0)
X = rng.normal([3, -40, 0], [1, 5, 0.1], size=(40, 5, 3))
Y = 7 * (X[:, 1, 0] - 3) * (X[:, 3, 1] + 40) + 20 * X[:, 2, 2]
SMALL = {"hidden_size": 4, "max_epochs": 3, "random_state": 0}
ROWS = torch.from_numpy(X[:3])

NETWORKS = {
    "default": {},
    "stacked": {"num_layers": 2, "bidirectional": True, "pooling": ["attention", "mean"]},
    "peephole": {"cell": "peephole", "pooling": "last"},
    "relu": {"activation": "relu", "pooling": "last"},
    "not standardised": {"standardize": False},
    "quantiles": {"loss": "quantile"},
    "sequences": {"return_sequences": True},
}


def readout_of(network, link=None):
    return Readout(torch.eye(network.architecture["n_outputs"], dtype=torch.float64), link)


def fitted(parameters):
    y = X[:, :, 0] if "return_sequences" in parameters else Y
    return LSTMRegressor(**SMALL, **parameters).fit(X, y).net_.module_


def differences(network, readout, x, step=1e-3):
    """Slope of every response by every cell, from two outputs beside it, cell by cell.

    The layers compute in float64, but the outputs are rounded to float32.
    """
    network = copy.deepcopy(network)
    network.recurrent.double()
    if network.pooling is not None:
        network.pooling.double()

    def response(rows):
        z = (rows - network.x_mean) / network.x_scale
        return readout(network.original_unit(network.from_vectors(z))).flatten(1)

    slopes = []
    for t, f in np.ndindex(*x.shape[1:]):
        beside = torch.zeros_like(x)
        beside[:, t, f] = step * network.x_scale[f]
        with torch.no_grad():
            slope = (response(x + beside) - response(x - beside)) / (2 * step)
        slopes.append(slope / network.x_scale[f])
    return torch.stack(slopes, 1).unflatten(1, x.shape[1:])


@pytest.mark.parametrize("parameters", NETWORKS.values(), ids=NETWORKS)
def test_saliency_is_the_slope_per_unit_of_the_cell(parameters):
    network = fitted(parameters)
    readout = readout_of(network)
    with explaining(network, torch.device("cpu")):
        found = saliency(network, readout, ROWS)
        expected = differences(network, readout, ROWS)
    assert found.shape == expected.shape and found.dtype == torch.float64
    per_spread = network.x_scale[:, None]
    size = (expected * per_spread).abs().max()
    torch.testing.assert_close(found * per_spread, expected * per_spread, rtol=0, atol=2e-3 * size)


@pytest.mark.parametrize("link", [None, "softmax"])
def test_saliency_is_the_derivative_of_the_whole_module(link):
    labels = np.digitize(Y, np.quantile(Y, [0.3, 0.6]))
    network = LSTMClassifier(**SMALL).fit(X, labels).net_.module_
    readout = readout_of(network, link)
    found = saliency(network, readout, ROWS)
    for k in range(3):
        rows = ROWS.clone().requires_grad_()
        readout(network(rows))[:, k].sum().backward()
        torch.testing.assert_close(found[..., k], rows.grad, rtol=1e-4, atol=1e-7)
    if link:
        torch.testing.assert_close(found.sum(-1), 0 * found[..., 0], atol=1e-7, rtol=0)


def test_input_x_gradient_is_measured_from_the_mean_of_training():
    network = fitted({})
    readout = readout_of(network)
    expected = saliency(network, readout, ROWS)[..., 0] * (ROWS - network.x_mean)
    found = input_x_gradient(network, readout, ROWS)[..., 0]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)
    assert network.x_mean[1] < -35


def test_smoothgrad_is_the_mean_of_gradients_at_noisy_rows():
    network = fitted({})
    readout = readout_of(network)
    noise = torch.from_numpy(rng.normal(size=(5, 5, 3)).astype(np.float32))
    found = smoothgrad(network, readout, ROWS, noise)
    one_by_one = torch.stack(
        [saliency(network, readout, ROWS + part * network.x_scale) for part in noise.double()]
    )
    torch.testing.assert_close(found.mean, one_by_one.mean(0), rtol=1e-4, atol=1e-5)
    error = one_by_one.std(0) / 5**0.5
    torch.testing.assert_close(found.standard_error, error, rtol=1e-3, atol=1e-5)


def test_tokens_have_gradients_of_their_vectors():
    codes = np.random.default_rng(0).integers(0, 6, size=(40, 5))
    y = (codes == 3).sum(axis=1) - (codes == 1).sum(axis=1)
    network = LSTMRegressor(**SMALL, embedding_size=4).fit(codes, y).net_.module_
    x = torch.from_numpy(codes[:3, :, None]).double()
    readout = readout_of(network)
    vectors = network.vectors(network.standardize(x)).detach().requires_grad_()
    readout(network.original_unit(network.from_vectors(vectors))).sum().backward()
    found = saliency(network, readout, x)[..., 0]
    torch.testing.assert_close(found, vectors.grad.double())
    product = (vectors.grad * vectors).sum(2, keepdim=True).detach().double()
    torch.testing.assert_close(input_x_gradient(network, readout, x)[..., 0], product)
    still = smoothgrad(network, readout, x, torch.zeros(2, 5, 4))
    torch.testing.assert_close(still.mean[..., 0], found)


@pytest.mark.parametrize("rows", [1, 7])
def test_batches_change_nothing(rows, monkeypatch):
    network = fitted({})
    readout = readout_of(network)
    noise = torch.from_numpy(rng.normal(size=(5, 5, 3)).astype(np.float32))
    expected = saliency(network, readout, ROWS), *smoothgrad(network, readout, ROWS, noise)
    monkeypatch.setattr("sklstm._attribution._saliency.ROWS", rows)
    found = saliency(network, readout, ROWS), *smoothgrad(network, readout, ROWS, noise)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


class Cubic(torch.nn.Module):
    """The sum of the cubes of the first feature."""

    def __init__(self, n_features, n_outputs, random_state):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(()))

    def forward(self, x, lengths):
        return self.scale * (x[:, :, :1] ** 3).sum(1)


def test_a_module_of_ones_own_has_known_slopes():
    model = LSTMRegressor(**{**SMALL, **PLAIN}, module=Cubic, standardize=False)
    network = model.fit(X, Y).net_.module_
    expected = torch.zeros_like(ROWS)
    expected[..., 0] = 3 * network.body.scale.item() * ROWS[..., 0] ** 2
    found = saliency(network, readout_of(network), ROWS)[..., 0]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
