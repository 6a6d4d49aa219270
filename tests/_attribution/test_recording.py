"""Recorded forward passes and the sweep back through one layer, against loops over time."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from oracles.deeplift import Quantity, layer_states, linear, multipliers_of
from torch.testing import assert_close

from sklstm._attribution._recording import record, record_layer
from sklstm._attribution._sweep import sweep
from sklstm.nn import LSTMNetwork
from sklstm.nn._cells import LSTMLayer

SIZE, INPUTS, STEPS = 5, 3, 6
CELLS = [(cell, activation) for cell in ("lstm", "peephole") for activation in ("tanh", "relu")]
cells = pytest.mark.parametrize(("cell", "activation"), CELLS)
dtypes = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def layer_of(cell, activation, dtype=torch.float32):
    layer = LSTMLayer(INPUTS, SIZE, cell, activation)
    for seed, weight in enumerate(layer.parameters()):
        weight.data = draw(*weight.shape, seed=seed).to(dtype)
    return layer


@torch.no_grad()
def recorded(layer, x):
    return record_layer(layer, x)


# ---------------------------------------------------------------- forward


@cells
@dtypes
def test_states_are_those_of_the_layer(cell, activation, dtype):
    layer = layer_of(cell, activation, dtype)
    x = draw(STEPS, 7, INPUTS, seed=9).to(dtype)
    with torch.no_grad():
        hidden, (_, c) = layer(x.transpose(0, 1))
    found = recorded(layer, x)
    assert_close(found.hidden.transpose(0, 1), hidden)
    assert_close(found.cells[-1], c)


@dtypes
def test_states_are_those_of_torch(dtype):
    layer = layer_of("lstm", "tanh", dtype)
    x = draw(STEPS, 7, INPUTS, seed=9).to(dtype)
    with torch.no_grad():
        hidden, (_, c) = layer.lstm(x.transpose(0, 1))
    found = recorded(layer, x)
    assert_close(found.hidden.transpose(0, 1), hidden)
    assert_close(found.cells[-1], c[0])


@cells
def test_every_part_by_the_equations(cell, activation):
    layer = layer_of(cell, activation, torch.float64)
    x = draw(STEPS, 2, 4, INPUTS, seed=9)
    found = recorded(layer, x)
    W, R, b, b_h = (weight.detach().numpy() for weight in layer.lstm.all_weights[0])
    p = np.zeros((3, SIZE)) if cell == "lstm" else layer.weight_peephole.detach().numpy()

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    def squash(z):
        return np.maximum(z, 0) if activation == "relu" else np.tanh(z)

    for row in np.ndindex(2, 4):
        h = c = np.zeros(SIZE)
        for t in range(STEPS):
            before = c
            z = (W @ x[t][row].numpy() + b + R @ h + b_h).reshape(4, SIZE)
            z[0] += p[0] * c
            z[1] += p[1] * c
            i, f, g = sigmoid(z[0]), sigmoid(z[1]), squash(z[2])
            c = f * c + i * g
            z[3] += p[2] * c
            o = sigmoid(z[3])
            h = o * squash(c)
            for name, expected in {
                "z": z,
                "gates": [i, f, g, o],
                "partners": [g, before, i, squash(c)],
                "cells": c,
                "hidden": h,
            }.items():
                assert_allclose(getattr(found, name)[t][row], expected, rtol=1e-10, atol=1e-12)


def network_of(**params):
    defaults = {"num_layers": 2, "bidirectional": True, "dropout": 0.5, "pooling": ("mean",)}
    network = LSTMNetwork(INPUTS, 1, SIZE, **(defaults | params)).eval()
    network.reset_parameters(torch.Generator().manual_seed(0))
    network.x_mean[:] = torch.tensor([1.0, 2.0, -3.0])[: len(network.x_mean)]
    network.x_scale[:] = torch.tensor([1.0, 0.5, 7.0])[: len(network.x_scale)]
    return network


@pytest.mark.parametrize("params", [{}, {"bidirectional": False}, {"num_layers": 1}], ids=str)
@cells
@torch.no_grad()
def test_network_is_recorded_in_the_order_of_time(params, cell, activation):
    network = network_of(cell=cell, activation=activation, **params)
    x = 2 * draw(2, 3, STEPS, INPUTS)
    found = record(network, x)
    inputs = network.standardize(x.flatten(0, 1))
    hidden = network.recurrent(inputs, None)
    assert_close(found.inputs.movedim(0, 2).flatten(0, 1), inputs)
    assert_close(found.hidden.movedim(0, 2).flatten(0, 1), hidden)
    stack = network.recurrent
    assert len(found.layers) == len(stack.forward_layers)
    assert {len(layer) for layer in found.layers} == {1 + stack.bidirectional}
    if stack.bidirectional:  # its own order: from the last step to the first
        backward = found.layers[-1][1].hidden.flip(0)
        assert_close(backward, found.hidden[..., SIZE:])


@torch.no_grad()
def test_codes_are_recorded_as_their_vectors():
    network = LSTMNetwork(1, 1, SIZE, 1, False, 0.0, embedding=(4, 3)).eval()
    network.reset_parameters(torch.Generator().manual_seed(0))
    codes = torch.tensor([[0, 3, 1], [2, 2, 7]])  # 7 was not in training
    found = record(network, codes[..., None].double())
    for row, step in np.ndindex(2, 3):
        code = int(codes[row, step])
        expected = torch.zeros(3) if code > 3 else network.embedding.weight[code]
        assert torch.equal(found.inputs[step, row], expected)


@cells
def test_a_record_in_old_memory_is_the_same(cell, activation):
    network = network_of(cell=cell, activation=activation, num_layers=2, bidirectional=True)
    old, new = draw(7, STEPS, INPUTS, seed=8), draw(7, STEPS, INPUTS, seed=9)
    with torch.inference_mode():
        expected, into = record(network, new), record(network, old)
        found = record(network, new, into)
        assert found.layers[1][1].z.data_ptr() == into.layers[1][1].z.data_ptr()
        assert_close(found.hidden, expected.hidden, rtol=0, atol=0)
        for layer, expected_layer in zip(found.layers, expected.layers, strict=True):
            for side, expected_side in zip(layer, expected_layer, strict=True):
                for name in ("z", "gates", "partners", "cells", "hidden"):
                    assert torch.equal(getattr(side, name), getattr(expected_side, name))
        # Of another shape it is left alone.
        before = into.hidden.clone()
        assert_close(record(network, new[:3], into).hidden, expected.hidden[:, :3])
        assert torch.equal(into.hidden, before)


# ---------------------------------------------------------------- backward


class Everywhere:
    """The same multipliers come into every hidden state from above."""

    def __init__(self, weight):
        self.weight = weight

    def add_to(self, multipliers, step):
        multipliers += self.weight[step]


@cells
def test_sweep_in_float64_equals_the_slow_twin(cell, activation):
    layer = layer_of(cell, activation, torch.float64)
    x, ref = draw(STEPS, 2, 1, INPUTS, seed=9), draw(STEPS, 1, 3, INPUTS, seed=10)
    weight = draw(STEPS, 2, SIZE, seed=11)  # of two outputs
    with torch.no_grad():
        steps = sweep(layer, recorded(layer, x), recorded(layer, ref), 2, Everywhere(weight))
        found = {step: multipliers.clone() for step, multipliers in steps}
    assert [*found] == [*reversed(range(STEPS))]
    for row, other in np.ndindex(2, 3):
        own = [
            [Quantity(*pair) for pair in zip(*sides, strict=True)]
            for sides in zip(x[:, row, 0].tolist(), ref[:, 0, other].tolist(), strict=True)
        ]
        states = [h for step in layer_states(layer, own) for h in step]
        for k in range(2):
            pairs = [*zip(weight[:, k].flatten().tolist(), states, strict=True)]
            total = multipliers_of(linear(pairs))
            expected = [[total[id(q)] for q in step] for step in own]
            values = torch.stack([found[t][row, other, k] for t in range(STEPS)])
            assert_allclose(values, expected, rtol=1e-7, atol=1e-9)


@cells
def test_sweep_of_equal_sequences_is_the_gradient(cell, activation):
    layer = layer_of(cell, activation, torch.float64)
    x = draw(STEPS, 4, INPUTS, seed=9).requires_grad_()
    weight = draw(STEPS, 1, SIZE, seed=11)
    hidden, _ = layer(x.transpose(0, 1))
    (hidden.transpose(0, 1) * weight).sum().backward()
    record = recorded(layer, x.detach())
    with torch.no_grad():
        for step, multipliers in sweep(layer, record, record, 1, Everywhere(weight)):
            assert_close(multipliers[:, 0], x.grad[step], rtol=1e-9, atol=1e-12)
