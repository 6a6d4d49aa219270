"""Rescale rule, softmax and maximum against what they promise."""

import pytest
import torch
from oracles.deeplift import Quantity, largest, multipliers_of
from torch.testing import assert_close

from sklstm._attribution._rules import slope, through_softmax
from sklstm._attribution._seeds import _Max

dtypes = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
FUNCTIONS = {
    "sigmoid": (torch.sigmoid, lambda z: z.sigmoid() * (1 - z.sigmoid())),
    "tanh": (torch.tanh, lambda z: 1 - z.tanh() ** 2),
    "softplus": (torch.nn.functional.softplus, torch.sigmoid),
}
functions = pytest.mark.parametrize("function", FUNCTIONS)


def normal(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


def slope_of(function, into, into_ref):
    call, derivative = FUNCTIONS[function]
    return slope(call(into), call(into_ref), into, into_ref, derivative(into))


# ---------------------------------------------------------------- rescale rule


@dtypes
@functions
def test_slope_is_the_quotient_of_the_differences(function, dtype):
    into, into_ref = normal(1000, dtype=dtype), normal(1000, seed=1, dtype=dtype)
    found = slope_of(function, into, into_ref)
    call, _ = FUNCTIONS[function]
    for a, b, share in zip(into.double(), into_ref.double(), found, strict=True):
        expected = (call(a) - call(b)) / (a - b)
        # What is left of the digits of the difference.
        tolerance = 4 * torch.finfo(dtype).eps * (1 + 1 / abs(a - b))
        assert abs(share.double() - expected) <= tolerance


@dtypes
@functions
def test_slope_is_the_derivative_where_nothing_differs(function, dtype):
    into = normal(100, dtype=dtype)
    assert_close(slope_of(function, into, into), FUNCTIONS[function][1](into))


@dtypes
@functions
def test_slope_goes_over_to_the_derivative(function, dtype):
    eps = torch.finfo(dtype).eps
    into, call = normal(100, dtype=dtype), FUNCTIONS[function]
    for exponent in range(0, 60):
        delta = 2.0**-exponent
        found = slope_of(function, into + delta, into)
        exact = call[1](into.double())
        # Curvature, and what rounding can do where one takes over from the other.
        atol = delta + 4 * eps ** (1 / 3)
        assert_close(found.double(), exact, rtol=0, atol=atol)


@dtypes
@functions
def test_slope_times_difference_is_the_difference(function, dtype):
    call, _ = FUNCTIONS[function]
    into = 3 * normal(500, dtype=dtype)
    for scale in (
        1e-30,
        1e-12,
        1e-9,
        1e-7,
        1e-6,
        1e-5,
        3e-5,
        1e-4,
        1e-3,
        1e-2,
        1e-1,
        1.0,
        1e2,
        1e6,
    ):
        into_ref = into + scale * normal(500, seed=2, dtype=dtype)
        found = slope_of(function, into, into_ref) * (into - into_ref)
        difference = call(into) - call(into_ref)
        size = torch.maximum(call(into).abs(), call(into_ref).abs()).clamp(min=1.0)
        assert ((found - difference).abs() / size).max() <= 2 * torch.finfo(dtype).eps


@dtypes
@pytest.mark.parametrize("delta", [1e3, 1e9, 1e18, 1e30])
def test_slope_over_huge_differences(delta, dtype):
    into = torch.tensor([delta, -delta], dtype=dtype)
    for function, change in (("sigmoid", 0.5), ("tanh", 1.0)):
        found = slope_of(function, into, torch.zeros_like(into))
        assert_close(found * delta, torch.full_like(into, change))


@dtypes
@pytest.mark.parametrize("scale", [1e-30, 1e-9, 1e-6, 1e-5, 1e-4, 1.0])
def test_slope_across_a_kink(scale, dtype):
    into, into_ref = scale * normal(500, dtype=dtype), scale * normal(500, seed=1, dtype=dtype)
    into[:50] = into_ref[:50]
    out, out_ref = into.relu(), into_ref.relu()
    found = slope(out, out_ref, into, into_ref, out.sign(), smooth=False)
    difference = out - out_ref
    assert_close(found * (into - into_ref), difference, rtol=4 * torch.finfo(dtype).eps, atol=0)
    assert (found >= 0).all() and (found <= 1 + 2 * torch.finfo(dtype).eps).all()
    assert torch.equal(found[:50], out[:50].sign())


# ---------------------------------------------------------------- softmax


def softmax_gap(multipliers, scores, scores_ref):
    found = through_softmax(multipliers, scores, scores_ref)
    assert found.isfinite().all()
    change = multipliers * (scores.softmax(-1) - scores_ref.softmax(-1))
    return ((found * (scores - scores_ref)).sum(-1) - change.sum(-1)).abs()


@dtypes
@pytest.mark.parametrize("shift", [-500.0, -50.0, -10.0, 0.0, 10.0, 50.0, 500.0])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 5.0, 30.0, 500.0])
def test_softmax_adds_up(scale, shift, dtype):
    multipliers = normal(1000, 4, dtype=dtype)
    scores = scale * normal(1000, 4, seed=1, dtype=dtype) + shift
    scores_ref = scale * normal(1000, 4, seed=2, dtype=dtype)
    gap = softmax_gap(multipliers, scores, scores_ref)
    largest = scores.abs().amax(-1) + scores_ref.abs().amax(-1) + 1
    share = gap / (torch.finfo(dtype).eps * largest * multipliers.abs().sum(-1))
    assert share.max() <= 5


def test_softmax_against_a_loop():
    m, z, r = normal(4), 2 * normal(4, seed=1), normal(4, seed=2)
    total, total_ref = z.exp().sum(), r.exp().sum()
    log, log_ref = total.log(), total_ref.log()
    found = through_softmax(m, z, r)
    for j in range(4):
        expected = 0.0
        for k in range(4):
            u, u_ref = z[k] - log, r[k] - log_ref
            outer = (u.exp() - u_ref.exp()) / (u - u_ref)
            of_log = (z[j].exp() - r[j].exp()) / (z[j] - r[j])
            of_log *= (log - log_ref) / (total - total_ref)
            expected += m[k] * outer * (float(j == k) - of_log)
        assert_close(found[j], expected, rtol=1e-12, atol=1e-12)


@dtypes
def test_softmax_of_equal_scores_has_its_derivative(dtype):
    scores, multipliers = normal(20, 5, dtype=dtype), normal(20, 5, seed=1, dtype=dtype)
    p = scores.softmax(-1)
    expected = p * (multipliers - (p * multipliers).sum(-1, keepdim=True))
    assert_close(through_softmax(multipliers, scores, scores), expected)


def test_softmax_of_one_score_is_constant():
    found = through_softmax(normal(10, 1), normal(10, 1, seed=1), normal(10, 1, seed=2))
    assert_close(found, torch.zeros(10, 1, dtype=torch.float64), rtol=0, atol=1e-14)


# ---------------------------------------------------------------- maximum


def sequences(scale=1.0, ties=True):
    """Pairs of sequences, with equal entries and equal sequences among them."""
    h, r = normal(300, 6), scale * normal(300, 6, seed=1)
    if ties:
        h[:50], r[:50] = h[:50].round(), r[:50].round()
    r[50:60] = h[50:60]
    r[60:90, 2:] = h[60:90, 2:]
    return h, r


def shares(h, r):
    """Multipliers of all steps of one unit, per pair."""
    pooled = _Max(h.new_ones(1, 1, 1), h.t()[..., None], r.t()[..., None])
    result = h.new_zeros(h.shape[1], len(h), 1, 1)
    for time, multipliers in enumerate(result):
        pooled.add_to(multipliers, time, slice(0, 1))
    return result[:, :, 0, 0].t()


@dtypes
@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e3])
def test_maximum_adds_up_with_shares_between_0_and_1(scale, dtype):
    h, r = (part.to(dtype) for part in sequences(scale))
    found = shares(h, r)
    change = h.amax(-1) - r.amax(-1)
    eps = torch.finfo(dtype).eps
    size = torch.maximum(h.abs().amax(-1), r.abs().amax(-1))
    gap = ((found * (h - r)).sum(-1) - change).abs()
    assert (gap / (eps * (1 + size))).max() <= 4
    # A share beyond is rounding, of which little is left once it is multiplied.
    beyond = (found - found.clamp(0, 1)) * (h - r)
    assert (beyond.abs() / (eps * (1 + size))[:, None]).max() <= 4


def test_maximum_equals_the_slow_twin():
    h, r = sequences(ties=False)
    found = shares(h, r) * (h - r)
    for x, ref, values in zip(h.tolist(), r.tolist(), found, strict=True):
        entries = [Quantity(*pair) for pair in zip(x, ref, strict=True)]
        total = multipliers_of(largest(entries))
        expected = [total.get(id(q), 0.0) * q.change for q in entries]
        assert_close(values, torch.tensor(expected, dtype=torch.float64), rtol=1e-9, atol=1e-12)


def test_maximum_of_equal_sequences_has_its_derivative():
    h = normal(20, 6)
    expected = torch.nn.functional.one_hot(h.argmax(-1), 6).double()
    assert_close(shares(h, h), expected)


def test_maximum_of_one_step():
    h, r = normal(20, 1), normal(20, 1, seed=1)
    assert_close(shares(h, r), torch.ones_like(h))


def test_maximum_taken_at_one_step_has_all_of_it():
    h, r = torch.tensor([[1.0, 5.0, 2.0]]), torch.tensor([[0.0, 3.0, 2.5]])
    assert_close(shares(h, r), torch.tensor([[0.0, 1.0, 0.0]]))
