"""Quantiles that cannot cross, whatever the network says."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch.testing import assert_close

from sklstm.nn import LSTMNetwork
from sklstm.nn._quantiles import NonCrossing

SETS = [
    (0.5,),
    (0.1, 0.5, 0.9),
    (0.5, 0.9),
    (0.01, 0.5),
    (0.5, 0.6, 0.7, 0.8),
    (0.05, 0.25, 0.5, 0.75, 0.95),
    tuple(i / 100 for i in range(1, 100)),
]
sets = pytest.mark.parametrize("quantiles", SETS, ids=lambda q: f"{len(q)} from {q[0]}")


def raw_outputs(quantiles, scale, seed=0, n=200, n_targets=2):
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(n, n_targets * len(quantiles), generator=generator)


def softplus(x):
    return math.log1p(math.exp(-abs(x))) + max(x, 0.0)


def slow_quantiles(raw, quantiles):
    """One target of one row, in Python numbers."""
    m = quantiles.index(0.5)
    ordered = [0.0] * len(raw)
    ordered[m] = raw[m]
    for j in range(m + 1, len(raw)):
        ordered[j] = ordered[j - 1] + softplus(raw[j])
    for j in range(m - 1, -1, -1):
        ordered[j] = ordered[j + 1] - softplus(raw[j])
    return ordered


@sets
@pytest.mark.parametrize("scale", [0.1, 3.0])
def test_outputs_equal_a_loop_over_quantiles(quantiles, scale):
    raw = raw_outputs(quantiles, scale, n=20)
    ordered = NonCrossing(quantiles)(raw).unflatten(1, (2, -1))
    for row, expected in zip(raw.unflatten(1, (2, -1)), ordered, strict=True):
        for target in range(2):
            slow = torch.tensor(slow_quantiles(row[target].tolist(), quantiles))
            assert_close(expected[target], slow, rtol=1e-5, atol=1e-5)


@sets
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1.0, 20.0, 1e3, 1e10, 1e30])
def test_quantiles_never_cross(quantiles, scale):
    for seed in range(3):
        ordered = NonCrossing(quantiles)(raw_outputs(quantiles, scale, seed))
        assert torch.isfinite(ordered).all()
        assert (ordered.unflatten(-1, (2, -1)).diff(dim=-1) >= 0).all()


@sets
def test_extreme_raw_outputs_never_cross_either(quantiles):
    values = torch.tensor([-3e37, -1e4, -104.0, -88.0, -1e-45, 0.0, 1e-45, 19.9, 20.1, 1e4])
    pick = torch.randint(len(values), (500, len(quantiles)), generator=torch.Generator())
    ordered = NonCrossing(quantiles)(values[pick])
    assert torch.isfinite(ordered).all()
    assert (ordered.diff(dim=-1) >= 0).all()


@sets
def test_the_median_is_its_own_raw_output(quantiles):
    m = quantiles.index(0.5)
    raw = raw_outputs(quantiles, 5.0)
    ordered = NonCrossing(quantiles)(raw)
    assert torch.equal(ordered.unflatten(-1, (2, -1))[..., m], raw.unflatten(-1, (2, -1))[..., m])


def test_leading_axes_stay():
    order, raw = NonCrossing((0.1, 0.5, 0.9)), raw_outputs((0.1, 0.5, 0.9), 1.0, n=12)
    assert torch.equal(order(raw.reshape(4, 3, 6)), order(raw).reshape(4, 3, 6))


@sets
def test_initial_bias_gives_the_quantiles_of_a_standard_normal_target(quantiles):
    order = NonCrossing(quantiles)
    bias = order.initial_bias(3)
    assert bias.dtype == torch.float32
    expected = np.tile(norm.ppf(quantiles), 3)
    assert_close(order(bias).double(), torch.from_numpy(expected), rtol=0, atol=1e-5)


@sets
def test_network_starts_at_the_quantiles_of_the_target(quantiles):
    network = LSTMNetwork(2, 2 * len(quantiles), 4, 1, False, 0.0, quantiles=quantiles)
    network.reset_parameters(torch.Generator().manual_seed(0))
    network.head.weight.data.zero_()
    expected = torch.from_numpy(np.tile(norm.ppf(quantiles), (5, 2))).float()
    assert_close(network.eval().encode(torch.randn(5, 3, 2)), expected, rtol=0, atol=1e-5)


def test_gradients_are_finite_everywhere():
    raw = torch.tensor([[-1e30, 1.0, 1e30], [-200.0, 0.0, 200.0]], requires_grad=True)
    NonCrossing((0.1, 0.5, 0.9))(raw).sum().backward()
    assert torch.isfinite(raw.grad).all()
    assert (raw.grad[:, 1] == 3).all()  # all three follow the median
