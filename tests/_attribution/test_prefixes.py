"""Windows of time: the tree of prefixes against plain enumeration, and what it saves."""

from functools import cache

import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm._attribution import Readout
from sklstm._attribution._coalitions import exact
from sklstm._attribution._prefixes import are_windows, exact_windows, shares_prefixes
from sklstm.nn import POOLINGS

pytestmark = pytest.mark.cpu  # tensors lie there; test_gpu.py explains on a GPU

N, STEPS, FEATURES = 60, 7, 2

SMALL = {
    "hidden_size": 4,
    "bidirectional": False,
    "pooling": "last",
    "max_epochs": 4,
    "learning_rate": 0.05,
    "random_state": 0,
}
SHARING = {
    **{name: {"pooling": name} for name in POOLINGS},
    "all poolings": {"pooling": ["attention", "input", "last", "max", "mean"]},
    "stacked": {"num_layers": 3, "pooling": ["last", "attention"]},
    "bidirectional, last": {"bidirectional": True},
    "bidirectional, mean": {"bidirectional": True, "pooling": "mean"},
    "bidirectional, max": {"bidirectional": True, "pooling": "max"},
    "bidirectional, all": {"bidirectional": True, "pooling": ["max", "last", "input", "mean"]},
    "peephole": {"cell": "peephole", "num_layers": 2},
    "peephole, bidirectional": {"cell": "peephole", "bidirectional": True},
    "relu": {"activation": "relu", "pooling": ["attention", "max"]},
    "relu, bidirectional": {"activation": "relu", "bidirectional": True, "pooling": "mean"},
    "not standardized": {"standardize": False},
    "quantiles": {"loss": "quantile", "quantiles": (0.1, 0.3, 0.5, 0.8), "pooling": "mean"},
    "classes": {"classes": 4, "pooling": "mean"},
    "two classes": {"classes": 2},
    "codes": {"embedding_size": 3, "pooling": ["max", "input"]},
}
NOT_SHARING = {
    "bidirectional, attention": {"bidirectional": True, "pooling": ["attention", "last"]},
    "stacked, bidirectional": {"bidirectional": True, "num_layers": 2},
    "steps": {"return_sequences": True},
}
WINDOWS = {
    "unequal": [0, 1, 1, 1, 2, 3, 3],
    "one": [0] * STEPS,
    "steps": list(range(STEPS)),
    "not in the order of time": [1, 1, 2, 2, 2, 0, 0],
    "one without a cell": [0, 0, 2, 2, 2, 3, 3],
}


class LastOfGRU(nn.Module):
    def __init__(self, n_features, n_outputs, random_state):
        super().__init__()
        self.gru = nn.GRU(n_features, 4, batch_first=True)
        self.head = nn.Linear(4, n_outputs)

    def forward(self, x, lengths):
        return self.head(self.gru(x)[0][torch.arange(len(x)), lengths - 1])


@cache
def trained(name):
    """Network, what is read from it, and sequences."""
    params = {**SMALL, **{**SHARING, **NOT_SHARING}[name]}
    rng = np.random.default_rng(0)
    X = rng.normal([5.0, -2e4], [2.0, 0.5], size=(N, STEPS, FEATURES))
    if "embedding_size" in params:
        X = rng.integers(0, 6, size=(N, STEPS, 1)).astype(float)
    Z = (X - X.mean((0, 1))) / X.std((0, 1))
    if name == "not standardized":
        X = Z
    y = Z[:, 1, 0] * Z[:, 4, -1] + Z[:, -1, 0]
    n_classes, link = params.pop("classes", 0), None
    if n_classes:
        labels = np.digitize(y, np.quantile(y, np.arange(1, n_classes) / n_classes))
        model = LSTMClassifier(**params).fit(X, labels)
        link = "softmax" if n_classes > 2 else "sigmoid"
    elif params.get("return_sequences"):
        del params["pooling"]
        model = LSTMRegressor(**params).fit(X, Z[:, :, 0].cumsum(1))
    else:
        model = LSTMRegressor(**params).fit(X[:, :, 0] if "embedding_size" in params else X, y)
    network = model.net_.module_.eval()
    # Two responses that look at all outputs.
    weight = rng.normal(size=(2, network.architecture["n_outputs"]))
    return network, Readout(torch.from_numpy(weight), link), torch.from_numpy(X)


def windows(name, n_features=FEATURES):
    return torch.tensor(WINDOWS[name])[:, None].expand(-1, n_features)


def weights(n_references):
    """Unequal ones."""
    weights = torch.arange(1.0, n_references + 1, dtype=torch.float64)
    return weights / weights.sum()


@torch.inference_mode()
def assert_as_enumerated(network, readout, X, references, players, max_rows=64):
    x = X[:3]
    found = exact_windows(
        network, readout, x, references, weights(references.shape[1]), players, max_rows
    )
    expected = exact(
        lambda z: readout(network(z)),
        x,
        references,
        weights(references.shape[1]),
        players,
        1000,
    )
    spread = readout(network(X)).std(0)
    assert (expected.abs().amax((0, 1)) > 0.1 * spread).all()
    assert found.dtype == torch.float64
    assert_close(found / spread, expected / spread, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", SHARING)
def test_every_network_as_enumerated(name):
    network, readout, X = trained(name)
    assert shares_prefixes(network)
    players = windows("unequal", X.shape[2])
    assert_as_enumerated(network, readout, X, X[None, 10:15], players)


@pytest.mark.parametrize("name", ["all poolings", "bidirectional, all"])
@pytest.mark.parametrize("partition", WINDOWS)
@pytest.mark.parametrize("of_each_row", [False, True])
def test_all_windows_as_enumerated(name, partition, of_each_row):
    network, readout, X = trained(name)
    references = X[10:25].view(3, 5, STEPS, FEATURES) if of_each_row else X[None, 10:15]
    assert_as_enumerated(network, readout, X, references, windows(partition))


@pytest.mark.parametrize("name", NOT_SHARING)
def test_networks_without_a_prefix_are_not_taken(name):
    assert not shares_prefixes(trained(name)[0])


def test_a_module_of_ones_own_is_not_taken():
    X = np.random.default_rng(0).normal(size=(20, 3, 2))
    model = LSTMRegressor(module=LastOfGRU, max_epochs=1, random_state=0).fit(X, X[:, -1, 0])
    assert not shares_prefixes(model.net_.module_)


def test_what_windows_are():
    assert all(are_windows(windows(name)) for name in WINDOWS)
    assert not are_windows(torch.tensor([[0, 0], [1, 1], [0, 0]]))
    assert not are_windows(torch.tensor([[0, 0], [0, 1]]))


@pytest.mark.parametrize("max_rows", [7, 40, 300, 10_000])
@pytest.mark.parametrize("name", ["all poolings", "bidirectional, all"])
@torch.inference_mode()
def test_batches_do_not_show(name, max_rows):
    network, readout, X = trained(name)
    given = X[:3], X[None, 10:15], weights(5), windows("steps")
    found = exact_windows(network, readout, *given, max_rows)
    expected = exact(lambda z: readout(network(z)), *given, 1000)
    assert_close(found, expected, rtol=0, atol=1e-6 * float(readout(network(X)).std()))


@pytest.mark.parametrize("limit", ["OUTPUTS", "ROWS"])
def test_little_memory_does_not_show(limit, monkeypatch):
    network, readout, X = trained("all poolings")
    if limit == "OUTPUTS":
        monkeypatch.setattr("sklstm._attribution._prefixes.OUTPUTS", 50)
    else:
        monkeypatch.setattr("sklstm._attribution._coalitions.TABLE", 100)
    assert_as_enumerated(network, readout, X, X[None, 10:15], windows("unequal"), 1000)


@pytest.mark.parametrize("name", ["stacked", "bidirectional, all"])
@pytest.mark.parametrize("max_rows", [32, 100])
def test_states_of_prefixes_are_shared(name, max_rows):
    network, readout, X = trained(name)
    x, references, players = X[:4], X[None, 10:18], windows("unequal")
    calls = []
    layers = [*network.recurrent.forward_layers, *network.recurrent.backward_layers]
    hooks = [
        layer.register_forward_pre_hook(lambda _, given: calls.append(given[0].shape[:2]))
        for layer in layers
    ]
    exact_windows(network, readout, x, references, weights(8), players, max_rows)
    for hook in hooks:
        hook.remove()
    assert max(n for n, _ in calls) <= max_rows
    assert min(n for n, _ in calls) > max_rows / 2
    # Windows of 1, 3, 1 and 2 steps, for 32 pairs; the other direction reads them backward.
    forward, backward = 2 * 1 + 4 * 3 + 8 * 1 + 16 * 2, 2 * 2 + 4 * 1 + 8 * 3 + 16 * 1
    per_pair = forward + backward if network.recurrent.bidirectional else 3 * forward
    assert sum(n * steps for n, steps in calls) == 32 * per_pair


@pytest.mark.parametrize("scale", [1e5, -1e5])
def test_sharp_attention(scale):
    network, readout, X = trained("attention")
    weight = network.pooling.score.weight
    before = weight.detach().clone()
    try:
        with torch.no_grad():
            weight.fill_(scale)
        assert_as_enumerated(network, readout, X, X[None, 10:15], windows("unequal"))
    finally:
        with torch.no_grad():
            weight.copy_(before)


def test_window_that_is_the_same_has_no_value():
    network, readout, X = trained("all poolings")
    references = X[None, 10:15].expand(3, -1, -1, -1).clone()
    references[:, :, 1:4] = X[:3, None, 1:4]
    values = exact_windows(network, readout, X[:3], references, weights(5), windows("unequal"), 100)
    assert (values[:, 1] == 0).all()
    assert (values[:, [0, 2, 3]] != 0).all()
