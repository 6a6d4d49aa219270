"""Gates and states of a network, against torch's own and a loop over the equations."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch.testing import assert_close

from sklstm._attribution import rows_of_record, saturated, states
from sklstm.nn import LSTMNetwork

SIZE, INPUTS, STEPS, ROWS = 4, 3, 6, 5
CELLS = [(cell, activation) for cell in ("lstm", "peephole") for activation in ("tanh", "relu")]
cells = pytest.mark.parametrize(("cell", "activation"), CELLS)
stacks = pytest.mark.parametrize(
    "params",
    [{}, {"num_layers": 3}, {"num_layers": 2, "bidirectional": True}],
    ids=["one layer", "three layers", "two layers, both ways"],
)


def network_of(**params):
    """With weights of which each matters, peepholes and biases among them."""
    defaults = {"num_layers": 1, "bidirectional": False, "dropout": 0.0}
    network = LSTMNetwork(INPUTS, 1, SIZE, **(defaults | params)).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.7)
    network.x_mean[:] = torch.tensor([1.0, 2.0, -3.0])
    network.x_scale[:] = torch.tensor([1.0, 0.5, 7.0])
    return network


def sequences():
    return torch.randn(
        ROWS, STEPS, INPUTS, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )


def directions(stack, level):
    layers = [stack.forward_layers[level]]
    return [*layers, stack.backward_layers[level]] if stack.bidirectional else layers


@stacks
@torch.no_grad()
def test_states_are_those_of_torch_at_every_step(params):
    network, x = network_of(**params), sequences()
    found = states(network, x)
    shape = ROWS, STEPS, len(network.recurrent.forward_layers), 1 + network.recurrent.bidirectional
    assert {tuple(part.shape) for part in found} == {(*shape, SIZE)}
    inputs = network.standardize(x)
    for level in range(shape[2]):
        below = inputs
        outputs = []
        for k, layer in enumerate(directions(network.recurrent, level)):
            own = below.flip(1) if k else below
            hidden, _ = layer.lstm(own)
            outputs.append(hidden.flip(1) if k else hidden)
            assert_close(found.hidden_state[:, :, level, k], outputs[-1])
            for step in range(STEPS):  # the state after so many steps
                _, (h, c) = layer.lstm(own[:, : step + 1])
                time = STEPS - 1 - step if k else step
                assert_close(found.cell_state[:, time, level, k], c[0])
                assert_close(found.hidden_state[:, time, level, k], h[0])
        inputs = torch.cat(outputs, dim=2)


PARTS = (
    "input_gate",
    "forget_gate",
    "candidate",
    "output_gate",
    "cell_state",
    "hidden_state",
    "cell_output",
)


def unrolled(layer, x):
    """Everything at each step of one sequence, in the order in which the layer takes it."""
    W, R, b, b_h = (weight.detach().double().numpy() for weight in layer.lstm.all_weights[0])
    peephole = layer.weight_peephole
    p = np.zeros((3, SIZE)) if peephole is None else peephole.detach().double().numpy()
    phi = (lambda z: np.maximum(z, 0)) if layer.relu else np.tanh
    h = c = np.zeros(SIZE)
    for x_t in x:
        z_i, z_f, z_g, z_o = np.split(W @ x_t + R @ h + b + b_h, 4)
        i, f = (1 / (1 + np.exp(-z)) for z in (z_i + p[0] * c, z_f + p[1] * c))
        g = phi(z_g)
        c = f * c + i * g
        o = 1 / (1 + np.exp(-z_o - p[2] * c))
        h = o * phi(c)
        yield i, f, g, o, c, h, phi(c)


@stacks
@cells
def test_every_part_by_the_equations(params, cell, activation):
    network, x = network_of(cell=cell, activation=activation, **params), sequences()
    found = states(network, x)
    for row in range(ROWS):
        inputs = ((x[row] - network.x_mean) / network.x_scale).numpy()
        for level in range(len(network.recurrent.forward_layers)):
            outputs = []
            for k, layer in enumerate(directions(network.recurrent, level)):
                order = slice(None, None, -1 if k else 1)
                expected = np.array([*unrolled(layer, inputs[order])])[order]
                for name, value in zip(PARTS, expected.transpose(1, 0, 2), strict=True):
                    assert_allclose(
                        getattr(found, name)[row, :, level, k], value, rtol=1e-4, atol=1e-5
                    )
                outputs.append(expected[:, 5])
            inputs = np.concatenate(outputs, axis=1)


def test_what_hardly_moves():
    gates = dict.fromkeys(("input_gate", "forget_gate", "output_gate"), torch.tensor([0.05, 0.5]))
    found = SimpleNamespace(
        **{**gates, "forget_gate": torch.tensor([0.95, 0.85])},
        candidate=torch.tensor([-0.95, 0.0]),
        cell_output=torch.tensor([0.85, 1.0]),
    )
    tanh = {name: value.tolist() for name, value in saturated(found, relu=False).items()}
    assert tanh == {
        "input_gate": [True, False],
        "forget_gate": [True, False],
        "output_gate": [True, False],
        "candidate": [True, False],
        "cell_output": [False, True],
    }
    relu = {name: value.tolist() for name, value in saturated(found, relu=True).items()}
    assert relu["candidate"] == [False, True] and relu["cell_output"] == [False, False]
    assert relu["forget_gate"] == [True, False]


def test_long_sequences_are_recorded_a_few_at_a_time():
    network = network_of(num_layers=2, bidirectional=True)
    few, many = rows_of_record(network, 5000), rows_of_record(network, 500)
    assert 1 < few and 9 * few < many < 12 * few
    assert rows_of_record(network, 10**9) == 1
