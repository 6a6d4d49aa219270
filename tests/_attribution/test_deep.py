"""LSTM DeepLIFT against a slow twin, and what it promises of every network of this library."""

import copy
from functools import cache

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from oracles.deeplift import slow_contributions
from torch.testing import assert_close

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm._attribution import Readout, _deep, deep
from sklstm.nn import POOLINGS

pytestmark = pytest.mark.cpu  # tensors lie there; test_gpu.py explains on a GPU

N, STEPS, FEATURES = 60, 5, 2

POOLED = {
    "last": {"pooling": "last"},
    "mean": {"pooling": "mean"},
    "max": {"pooling": "max"},
    "attention": {"pooling": "attention"},
    "default": {},
    "all": {"pooling": [*POOLINGS, "input"]},
    "attention, input": {"pooling": ["attention", "input"]},
    "bidirectional": {"bidirectional": True},
    "stacked": {"num_layers": 2},
    "stacked, bidirectional": {
        "num_layers": 3,
        "bidirectional": True,
        "pooling": ["attention", "max", "last"],
    },
    "peephole": {"cell": "peephole"},
    "peephole, stacked, bidirectional": {
        "cell": "peephole",
        "num_layers": 2,
        "bidirectional": True,
    },
    "relu": {"activation": "relu"},
    "relu, peephole, bidirectional": {
        "activation": "relu",
        "cell": "peephole",
        "bidirectional": True,
    },
    "not standardized": {"standardize": False},
    "quantiles": {"loss": "quantile", "quantiles": (0.1, 0.3, 0.5, 0.8, 0.9)},
}
# Of what the data look like: see ``dataset``.
KINDS = {
    "targets": ("targets", {}),
    "quantiles of targets": ("targets", {"loss": "quantile", "quantiles": (0.2, 0.5, 0.7)}),
    "classes": ("classes", {}),
    "classes, attention": ("classes", {"pooling": "attention", "num_layers": 2}),
    "two classes": ("binary", {}),
    "labels": ("labels", {}),
    "codes": ("codes", {"embedding_size": 3}),
    "codes, bidirectional": ("codes", {"embedding_size": 3, "bidirectional": True}),
    "steps": ("steps", {}),
    "steps, bidirectional": ("steps", {"num_layers": 2, "bidirectional": True}),
    "quantiles of steps": ("steps", {"loss": "quantile"}),
    "classes of steps": ("step classes", {}),
}
VARIANTS = {**{name: ("target", params) for name, params in POOLED.items()}, **KINDS}
LINKS = {"classes": "softmax", "binary": "sigmoid", "labels": "sigmoid", "step classes": "softmax"}
# With its link where the outputs are logits, and without.
CASES = [
    *((name, None) for name in VARIANTS),
    *((name, LINKS[kind]) for name, (kind, _) in VARIANTS.items() if kind in LINKS),
]
cases = pytest.mark.parametrize(("name", "link"), CASES)


def dataset(kind, n_timesteps=STEPS):
    rng = np.random.default_rng(0)
    X = rng.normal([5.0, -2.0], [2.0, 0.1], size=(N, n_timesteps, FEATURES))
    if kind == "codes":
        X = rng.integers(0, 6, size=(N, n_timesteps))
        return X, (X[:, :-1] * X[:, 1:]).mean(1)
    Z = (X - [5.0, -2.0]) / [2.0, 0.1]
    y = 10.0 + 3.0 * (Z[:, 1, 0] * Z[:, 3, 1] + Z[:, -1, 1] + np.abs(Z[:, 2]).sum(1))
    steps = Z.sum(2).cumsum(1)
    classes = np.digitize(y, np.quantile(y, [0.3, 0.6]))
    return X, {
        "target": y,
        "targets": np.stack([y, Z[:, 0, 0] - 5.0], axis=1),
        "classes": classes,
        "binary": classes > 1,
        "labels": np.stack([classes > 0, classes > 1, Z[:, 0, 0] > 0], axis=1).astype(int),
        "steps": steps,
        "step classes": np.digitize(steps, [-1.0, 1.0]),
    }[kind]


def fit(kind, X, y, **params):
    estimator = LSTMClassifier if kind in LINKS else LSTMRegressor
    defaults = {"max_epochs": 8, "learning_rate": 0.03, "dropout": 0.0, "random_state": 0}
    sequences = kind in ("steps", "step classes")
    model = estimator(4, return_sequences=sequences, **(defaults | params)).fit(X, y)
    return model.net_.module_.eval()


@cache
def trained(name):
    """Network and sequences, as float64."""
    kind, params = VARIANTS[name]
    X, y = dataset(kind)
    return fit(kind, X, y, **params), torch.from_numpy(X.reshape(N, STEPS, -1).astype(float))


def weights(network, seed=0):
    """Two responses that look at all outputs."""
    shape = 2, network.architecture["n_outputs"]
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def explain(network, x, reference, readout, weights=None):
    """Contributions, shape (n, n_responses, n_timesteps, n_features).

    References are of shape (B, ...), or (n, B, ...) where each row has its own.
    """
    reference = reference if reference.ndim == 4 else reference[None]
    n = reference.shape[1]
    weights = torch.full((n,), 1 / n, dtype=torch.float64) if weights is None else weights
    values = deep(network, readout, x, reference, weights)
    assert values.dtype == torch.float64
    return values.permute(0, 3, 1, 2)


@torch.no_grad()
def responses(network, x, readout):
    return readout(network(x)).flatten(1)


def assert_complete(network, x, reference, readout, tolerance=1e-5):
    """The sums miss the change of the responses by this share of their standard deviation."""
    values = explain(network, x, reference, readout)
    outputs, base = (responses(network, side, readout) for side in (x, reference))
    gap = values.sum((2, 3)) + base.mean(0) - outputs
    spread = torch.cat([outputs, base]).std(0)
    assert (spread > 0).all()
    assert (gap.abs() / spread).max() <= tolerance


def assert_same(found, expected):
    """To rounding: a quotient of small differences is known to fewer digits than its parts."""
    assert_close(found, expected, rtol=0, atol=2e-5 * float(expected.abs().max()))


# ---------------------------------------------------------------- the rule


@cases
def test_equals_the_slow_twin(name, link):
    network, X = trained(name)
    x, reference = X[:2], X[2:6]
    readout = Readout(weights(network), link)
    found = explain(network, x, reference, readout)
    expected, outputs = [], responses(network, X, readout)
    for i, own in enumerate(x):
        pairs = []
        for j, ref in enumerate(reference):
            sides = own.numpy(), ref.numpy()
            values, change = slow_contributions(network, *sides, readout.weight.tolist(), link)
            # The twin is twin of this network, and adds up.
            assert_allclose(change, outputs[i] - outputs[2 + j], rtol=1e-5, atol=1e-5)
            assert_allclose(values.sum((1, 2)), change, rtol=1e-9, atol=1e-12)
            pairs.append(values)
        expected.append(np.mean(pairs, axis=0))
    assert_same(found, torch.tensor(np.array(expected)))


# ---------------------------------------------------------------- sums


@cases
def test_adds_up(name, link):
    network, X = trained(name)
    assert_complete(network, X[:20], X[20:], Readout(weights(network), link))


@cases
def test_adds_up_where_the_network_is_saturated(name, link):
    network, X = trained(name)
    network = copy.deepcopy(network)
    with torch.no_grad():
        for weight in network.recurrent.parameters():
            weight *= 10.0
        if network.pooling is not None and network.pooling.score is not None:
            network.pooling.score.weight *= 10.0
    assert_complete(network, X[:20], X[20:], Readout(weights(network), link))


@pytest.mark.parametrize(
    "params", [{}, *({"pooling": p} for p in POOLINGS), {"cell": "peephole"}], ids=str
)
def test_adds_up_over_long_sequences(params):
    X, y = dataset("target", 200)
    network = fit("target", X, y, max_epochs=2, **params)
    x = torch.from_numpy(X)
    assert_complete(network, x[:5], x[5:25], Readout(weights(network)))


@pytest.mark.parametrize("name", ["default", "attention", "stacked, bidirectional", "relu"])
def test_adds_up_far_from_zero_and_with_a_constant_feature(name):
    X, y = dataset("target")
    constant = np.full((N, STEPS, 1), 3.0)
    X = np.concatenate([1e5 + 300.0 * X, constant], axis=2)
    network = fit("target", X, y, **VARIANTS[name][1])
    x, readout = torch.from_numpy(X), Readout(weights(network))
    assert_complete(network, x[:20], x[20:], readout)
    assert (explain(network, x[:20], x[20:], readout)[..., -1] == 0).all()


@pytest.mark.parametrize("name", ["last", "max", "peephole", "stacked, bidirectional"])
def test_adds_up_where_an_entry_is_a_fill_value(name):
    network, X = trained(name)
    x = X[:20].clone()
    x[::2, 2, 0] = 9.97e36  # that of netCDF
    network = copy.deepcopy(network)
    if network.n_direct:
        with torch.no_grad():
            network.head.weight[:, -FEATURES:] = 0.0
    assert_complete(network, x, X[20:], Readout(weights(network)))


@cases
def test_is_zero_against_itself(name, link):
    network, X = trained(name)
    values = explain(network, X[:3], X[:3, None], Readout(weights(network), link))
    assert (values == 0).all()


@cases
def test_is_zero_where_the_cells_are_equal(name, link):
    network, X = trained(name)
    x, reference = X[:3], X[10:15].clone()
    equal = torch.rand(STEPS, X.shape[2], generator=torch.Generator().manual_seed(0)) < 0.5
    x[:, equal], reference[:, equal] = X[0, equal], X[0, equal]
    readout = Readout(weights(network), link)
    values = explain(network, x, reference, readout)
    assert equal.any() and (values[:, :, equal] == 0).all()
    assert (values[:, -1, ~equal] != 0).any()


@pytest.mark.parametrize("distance", [1e-1, 1e-3, 1e-4, 1e-5, 1e-6])
@pytest.mark.parametrize("name", POOLED)
def test_adds_up_close_to_the_reference(name, distance):
    network, X = trained(name)
    readout = Readout(weights(network))
    noise = torch.randn(X.shape, generator=torch.Generator().manual_seed(0), dtype=X.dtype)
    near = X + distance * noise * X.std((0, 1))
    values = explain(network, near, X[:, None], readout)
    change = responses(network, near, readout) - responses(network, X, readout)
    spread = responses(network, X, readout).std(0)
    assert ((values.sum((2, 3)) - change).abs() / spread).max() <= 1e-5


# ---------------------------------------------------------------- properties


@pytest.mark.parametrize("name", ["stacked, bidirectional", "quantiles", "classes", "steps"])
def test_is_linear_in_the_outputs(name):
    network, X = trained(name)
    n_outputs = network.architecture["n_outputs"]
    weight = weights(network)
    each = explain(network, X[:5], X[5:10], Readout(torch.eye(n_outputs, dtype=torch.float64)))
    found = explain(network, X[:5], X[5:10], Readout(weight))
    if network.pooling is None:
        each, found = (values.unflatten(1, (STEPS, -1)) for values in (each, found))
        expected = torch.einsum("ro,nsotf->nsrtf", weight, each)
    else:
        expected = torch.einsum("ro,notf->nrtf", weight, each)
    assert_same(found, expected)


@cases
def test_is_the_mean_over_the_references_in_any_order(name, link):
    network, X = trained(name)
    x, reference, readout = X[:4], X[4:12], Readout(weights(network), link)
    found = explain(network, x, reference, readout)
    single = [explain(network, x, ref[None], readout) for ref in reference]
    assert_same(found, torch.stack(single).mean(0))
    assert_same(explain(network, x, reference.flip(0), readout), found)
    own = reference.expand(len(x), *reference.shape)
    assert_same(explain(network, x, own, readout), found)


@cases
def test_rows_may_have_their_own_references(name, link):
    network, X = trained(name)
    readout = Readout(weights(network), link)
    own = X[4:24].unflatten(0, (4, 5))
    found = explain(network, X[:4], own, readout)
    expected = [explain(network, x[None], ref, readout) for x, ref in zip(X[:4], own, strict=True)]
    assert_same(found, torch.cat(expected))


@cases
def test_a_row_alone_and_beside_others_is_the_same(name, link):
    network, X = trained(name)
    readout = Readout(weights(network), link)
    batch = explain(network, X[:20], X[20:30], readout)
    for row in (0, 7, 19):
        alone = explain(network, X[row : row + 1], X[20:30], readout)
        assert_same(alone[0], batch[row])


@cases
def test_references_may_have_weights(name, link):
    network, X = trained(name)
    weight = torch.tensor([0.5, 0.0, 0.1, 0.4], dtype=torch.float64)
    readout = Readout(weights(network), link)
    found = explain(network, X[:4], X[4:8], readout, weight)
    single = [explain(network, X[:4], ref[None], readout) for ref in X[4:8]]
    expected = sum(w * values for w, values in zip(weight, single, strict=True))
    assert_same(found, expected)


@pytest.mark.parametrize("entries", [1, 1000])
@pytest.mark.parametrize("name", ["default", "stacked, bidirectional", "codes", "steps"])
def test_does_not_depend_on_the_size_of_the_batches(name, entries, monkeypatch):
    network, X = trained(name)
    readout = Readout(weights(network))
    sides = (X[:5], X[20:27]), (X[:3], X[20:32].unflatten(0, (3, 4)))
    expected = [explain(network, *side, readout) for side in sides]
    monkeypatch.setattr(_deep, "STEP_ENTRIES", entries)
    for side, values in zip(sides, expected, strict=True):
        found = explain(network, *side, readout)
        assert_same(found, values)


@pytest.mark.parametrize("name", POOLED)
def test_a_feature_without_weight_gets_zero(name):
    network, X = trained(name)
    network = copy.deepcopy(network)
    with torch.no_grad():
        for layers in (network.recurrent.forward_layers, network.recurrent.backward_layers):
            for layer in layers[:1]:
                layer.lstm.weight_ih_l0[:, 1] = 0.0
        if network.n_direct:
            network.head.weight[:, -1] = 0.0
    values = explain(network, X[:5], X[5:10], Readout(weights(network)))
    assert (values[..., 1] == 0).all()
    assert (values[..., 0] != 0).any()


def test_does_not_look_ahead():
    network, X = trained("steps")
    values = explain(network, X[:5], X[5:10], Readout(torch.ones(1, 1, dtype=torch.float64)))
    for time in range(STEPS):
        assert (values[:, time, time + 1 :] == 0).all()
        assert (values[:, time, time] != 0).all()
