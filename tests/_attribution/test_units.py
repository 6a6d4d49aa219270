"""Contributions of hidden units against a slow twin, and networks with a unit held."""

from itertools import chain

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from oracles.deeplift import (
    Quantity,
    layer_states,
    multipliers_of,
    outputs_of,
    pooled,
    read,
    responses_of,
)
from torch.testing import assert_close

from sklstm._attribution import Readout, _deep, unit_contributions, unit_held
from sklstm.nn import LSTMNetwork

SIZE, INPUTS, OUTPUTS, STEPS = 3, 2, 2, 4
EVERY_POOLING = ("last", "mean", "max", "attention", "input")
NETWORKS = {
    "last": {},
    "every pooling": {"pooling": EVERY_POOLING},
    "stacked": {"num_layers": 3, "pooling": ("mean",)},
    "both ways": {"bidirectional": True},
    "stacked, both ways": {"num_layers": 2, "bidirectional": True, "pooling": EVERY_POOLING},
    "peephole": {"cell": "peephole", "num_layers": 2, "bidirectional": True},
    "relu": {"activation": "relu", "num_layers": 2, "pooling": ("max", "attention")},
    "steps": {"return_sequences": True, "num_layers": 2, "bidirectional": True},
    "codes": {"embedding": (5, 3), "num_layers": 2, "pooling": ("last", "input")},
}
networks = pytest.mark.parametrize("name", NETWORKS)


def network_of(name):
    defaults = {"num_layers": 1, "bidirectional": False, "dropout": 0.0}
    params = defaults | NETWORKS[name]
    n_features = 1 if "embedding" in params else INPUTS
    network = LSTMNetwork(n_features, OUTPUTS, SIZE, **params).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.8)
    network.y_scale[:] = torch.tensor([3.0, 0.5])
    network.y_mean[:] = torch.tensor([2.0, -1.0])
    return network


def draw(network, *shape, seed=0):
    if network.embedding is not None:
        codes = np.random.default_rng(seed).integers(0, 6, size=(*shape, 1))
        return torch.from_numpy(codes).double()
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(*shape, INPUTS)))


def layers_of(stack, level):
    both = stack.forward_layers, stack.backward_layers
    return [layers[level] for layers in both[: 1 + stack.bidirectional]]


def slow_contributions(network, x, reference, weight, link):
    """Of each layer's hidden states, and of what the head reads past them.

    Above a layer its hidden states are numbers of their own, that come from nowhere: so nothing
    reaches a state through a later one of its own layer.
    """
    steps = zip(read(network, x), read(network, reference), strict=True)
    inputs = [[Quantity(*pair) for pair in zip(*step, strict=True)] for step in steps]
    hidden, by_layer = inputs, []
    n_layers = len(network.recurrent.forward_layers)
    for level in range(n_layers):
        hidden = [
            [Quantity(q.value, q.reference) for q in step] for step in up(network, level, hidden)
        ]
        responses = respond(network, level + 1, hidden, inputs, weight, link)
        multipliers = [multipliers_of(response) for response in responses]
        by_layer.append(
            [[of(total, unit) for total in multipliers] for unit in zip(*hidden, strict=True)]
        )
    direct = [of(total, inputs[-1]) for total in multipliers]
    return by_layer, direct, [response.change for response in responses]


def of(multipliers, quantities):
    return sum(multipliers.get(id(q), 0.0) * q.change for q in quantities)


def up(network, level, inputs):
    both = [
        layer_states(layer, inputs[:: -1 if k else 1])[:: -1 if k else 1]
        for k, layer in enumerate(layers_of(network.recurrent, level))
    ]
    return [list(chain(*step)) for step in zip(*both, strict=True)]


def respond(network, level, hidden, inputs, weight, link):
    for above in range(level, len(network.recurrent.forward_layers)):
        hidden = up(network, above, hidden)
    groups = hidden if network.pooling is None else [pooled(network, hidden, inputs)]
    return [
        response
        for features in groups
        for response in responses_of(outputs_of(network, features), weight, link)
    ]


@pytest.mark.parametrize("link", [None, "softmax"])
@networks
def test_contributions_are_those_of_a_slow_twin_and_add_up(monkeypatch, name, link):
    network = network_of(name)
    x, references = draw(network, 2, STEPS), draw(network, 1, 3, STEPS, seed=1)
    shares = torch.tensor([0.5, 0.2, 0.3], dtype=torch.float64)
    weight = torch.tensor([[1.0, -2.0], [0.5, 0.25], [0.0, 1.0]], dtype=torch.float64)
    monkeypatch.setattr(_deep, "KEPT_ENTRIES", 2000)  # several chunks
    found = unit_contributions(network, Readout(weight, link), x, references, shares)
    n_layers, size = len(network.recurrent.forward_layers), network.recurrent.output_size
    assert found.dtype == torch.float64
    for row in range(2):
        layers, direct, change = (
            sum(float(share) * np.array(part) for share, part in zip(shares, parts, strict=True))
            for parts in zip(
                *(
                    slow_contributions(
                        network, x[row].tolist(), other.tolist(), weight.tolist(), link
                    )
                    for other in references[0]
                ),
                strict=True,
            )
        )
        scale = np.abs(layers).max()
        units = found[row, :-1].reshape(n_layers, size, -1)
        assert_allclose(units, layers, rtol=1e-3, atol=2e-5 * scale)
        assert_allclose(found[row, -1], direct, rtol=1e-3, atol=2e-5 * scale)
        for layer in units:
            assert_allclose(layer.sum(0) + found[row, -1], change, rtol=1e-4, atol=2e-5 * scale)


def test_each_row_may_have_references_of_its_own():
    network = network_of("stacked, both ways")
    x, references = draw(network, 3, STEPS), draw(network, 3, 2, STEPS, seed=1)
    weights, readout = torch.full((2,), 0.5, dtype=torch.float64), Readout(torch.eye(2).double())
    found = unit_contributions(network, readout, x, references, weights)
    for i in range(3):
        alone = unit_contributions(network, readout, x[[i]], references[[i]], weights)
        assert_close(found[[i]], alone, rtol=1e-5, atol=1e-5)


# ---------------------------------------------------------------- a unit held


def held_states(layer, x, unit, value):
    """Hidden states of a layer, one of which is read as ``value`` at every step."""
    W, R, b, b_h = layer.lstm.all_weights[0]
    p = torch.zeros(3, SIZE) if layer.weight_peephole is None else layer.weight_peephole
    phi = torch.relu if layer.relu else torch.tanh
    h, c = torch.zeros(2, len(x), SIZE)
    hidden = []
    for x_t in x.unbind(1):
        seen = h.clone()
        if unit is not None:
            seen[:, unit] = value
        z_i, z_f, z_g, z_o = (x_t @ W.t() + seen @ R.t() + b + b_h).chunk(4, dim=1)
        i, f = torch.sigmoid(z_i + p[0] * c), torch.sigmoid(z_f + p[1] * c)
        c = f * c + i * phi(z_g)
        h = torch.sigmoid(z_o + p[2] * c) * phi(c)
        hidden.append(h)
    hidden = torch.stack(hidden, dim=1)
    if unit is not None:
        hidden[:, :, unit] = value
    return hidden


@networks
@torch.no_grad()
def test_a_held_unit_says_the_same_at_every_step_to_everybody(name):
    network = network_of(name)
    stack, x = network.recurrent, draw(network, 4, STEPS)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    plain = network(x)
    for layer, direction, unit in np.ndindex(len(stack.forward_layers), 1 + stack.bidirectional, 3):
        hidden = vectors = network.vectors(network.standardize(x))
        for level in range(len(stack.forward_layers)):
            both = [
                held_states(
                    one_way,
                    hidden.flip(1) if k else hidden,
                    unit if (level, k) == (layer, direction) else None,
                    0.3,
                )
                for k, one_way in enumerate(layers_of(stack, level))
            ]
            both[1:] = [states.flip(1) for states in both[1:]]
            hidden = torch.cat(both, dim=2)
        expected = network.original_unit(network.from_hidden(hidden, vectors, None))
        with unit_held(network, layer, direction, unit, 0.3):
            found = network(x)
        assert_close(found, expected, rtol=1e-5, atol=1e-5)
        assert (found - plain).abs().max() > 1e-4
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())


def test_the_network_is_restored_after_an_error():
    network = network_of("every pooling")
    before = {key: value.clone() for key, value in network.state_dict().items()}
    with pytest.raises(KeyError), unit_held(network, 0, 0, 1, 5.0):
        assert not all(torch.equal(before[k], v) for k, v in network.state_dict().items())
        raise KeyError
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
