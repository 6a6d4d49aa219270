"""Responses of the outputs, and their multipliers."""

import pytest
import torch
from torch.testing import assert_close

from sklstm._attribution import Readout

links = pytest.mark.parametrize("link", [None, "sigmoid", "softmax"])


def normal(*shape, seed=0, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(shape, generator=generator, dtype=torch.float64)


@links
@pytest.mark.parametrize("offset", [None, torch.tensor([3.0, -1.0], dtype=torch.float64)])
def test_responses(link, offset):
    weight, outputs = normal(2, 3), normal(4, 3, seed=1)
    found = Readout(weight, link, offset)(outputs)
    for row in range(4):
        z = outputs[row]
        p = {
            None: z,
            "sigmoid": 1 / (1 + (-z).exp()),
            "softmax": z.exp() / z.exp().sum(),
        }[link]
        for k in range(2):
            constant = 0.0 if offset is None else offset[k]
            assert_close(found[row, k], sum(weight[k] * p) + constant)


@links
@pytest.mark.parametrize("scale", [1e-6, 1.0, 20.0, 500.0])
@pytest.mark.parametrize("steps", [(), (5,)], ids=["pooled", "per step"])
def test_multipliers_add_up(link, scale, steps):
    readout = Readout(normal(2, 3), link, normal(2, seed=5))
    outputs = normal(4, 1, *steps, 3, seed=1, scale=scale)
    reference = normal(1, 6, *steps, 3, seed=2, scale=scale)
    multipliers = readout.multipliers(outputs, reference)
    assert multipliers.shape[-2:] == (2, 3) and multipliers.ndim == outputs.ndim + 1
    found = (multipliers * (outputs - reference)[..., None, :]).sum(-1)
    change = readout(outputs) - readout(reference)
    assert_close(found, change, rtol=0, atol=1e-13 * max(1.0, scale))


@links
def test_multipliers_of_equal_outputs_are_the_derivatives(link):
    readout, outputs = Readout(normal(2, 3), link), normal(3, seed=1)
    expected = torch.autograd.functional.jacobian(readout, outputs)
    found = readout.multipliers(outputs[None], outputs[None])[0]
    assert_close(found, expected)


def test_moves_to_a_device():
    readout = Readout(normal(2, 3), "softmax", normal(2)).to("meta")
    assert readout.weight.is_meta and readout.offset.is_meta and readout.link == "softmax"
    assert Readout(normal(2, 3)).to("meta").offset is None
