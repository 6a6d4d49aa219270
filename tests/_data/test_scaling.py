"""Means and scales against scikit-learn and NumPy on the real time steps, written out."""

import math
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.preprocessing import StandardScaler

from sklstm._data import _sequences, column_scale, read_sequences, weighted_scale

ONE_CHUNK = 16 * 2**20


@pytest.fixture(params=[1, 200, ONE_CHUNK], ids=["row by row", "some rows", "one chunk"])
def chunked(request, monkeypatch):
    monkeypatch.setattr(_sequences, "CHUNK_BYTES", request.param)


def items_of(n=30, n_features=3, seed=0):
    rng = np.random.default_rng(seed)
    scale = np.array([1e-3, 1.0, 1e4])[:n_features]
    return [rng.normal(5.0, 1.0, (length, n_features)) * scale for length in rng.integers(1, 7, n)]


def slow_scale(items, weights):
    """Mean and standard deviation in exact arithmetic."""
    steps = [(step, Fraction(w)) for x, w in zip(items, weights, strict=True) for step in x]
    total = sum(w for _, w in steps)
    mean, scale = [], []
    for k in range(items[0].shape[1]):
        values = [(Fraction(float(step[k])), w) for step, w in steps]
        m = sum(v * w for v, w in values) / total
        mean.append(float(m))
        scale.append(math.sqrt(sum((v - m) ** 2 * w for v, w in values) / total))
    return mean, scale


WEIGHTS = {
    "ones": np.ones(30),
    "random": np.random.default_rng(1).random(30) + 1e-3,
    "uneven": 10.0 ** np.random.default_rng(1).integers(-6, 7, 30),
    "whole": np.random.default_rng(1).integers(1, 9, 30) * 1.0,
}


@pytest.mark.usefixtures("chunked")
@pytest.mark.parametrize("weights", WEIGHTS)
def test_scale_of_ragged_sequences_equals_exact_arithmetic(weights):
    items, w = items_of(), WEIGHTS[weights]
    mean, scale = weighted_scale(read_sequences(items), np.arange(30), w)
    assert mean.dtype == scale.dtype == np.float64
    exact_mean, exact_scale = slow_scale(items, w)
    assert_allclose(mean, exact_mean, rtol=1e-13)
    assert_allclose(scale, exact_scale, rtol=1e-13)


@pytest.mark.usefixtures("chunked")
@pytest.mark.parametrize("weights", WEIGHTS)
def test_scale_equals_standard_scaler_on_the_real_steps(weights):
    items, w = items_of(), WEIGHTS[weights]
    steps = np.concatenate(items)
    scaler = StandardScaler().fit(steps, sample_weight=np.repeat(w, [len(x) for x in items]))
    mean, scale = weighted_scale(read_sequences(items), np.arange(30), w)
    assert_allclose(mean, scaler.mean_, rtol=1e-11)
    assert_allclose(scale, scaler.scale_, rtol=1e-11)


@pytest.mark.usefixtures("chunked")
def test_padding_does_not_count():
    items = items_of()
    padded = np.full((30, 9, 3), np.nan)
    for i, x in enumerate(items):
        padded[i, i % 3 : i % 3 + len(x)] = x
    expected = weighted_scale(read_sequences(items), np.arange(30), WEIGHTS["random"])
    got = weighted_scale(read_sequences(padded), np.arange(30), WEIGHTS["random"])
    assert_array_equal(got, expected)


@pytest.mark.usefixtures("chunked")
def test_only_the_given_rows_count_each_with_its_weight():
    items, rows = items_of(), np.array([7, 3, 20, 11])
    w = np.array([1.0, 2.0, 0.5, 4.0])
    mean, scale = weighted_scale(read_sequences(items), rows, w)
    exact_mean, exact_scale = slow_scale([items[row] for row in rows], w)
    assert_allclose(mean, exact_mean, rtol=1e-13)
    assert_allclose(scale, exact_scale, rtol=1e-13)


@pytest.mark.parametrize(
    "build",
    [
        np.asfortranarray,
        lambda X: np.ascontiguousarray(X.swapaxes(1, 2)).swapaxes(1, 2),
        lambda X: np.ascontiguousarray(X.transpose(1, 2, 0)).transpose(2, 0, 1),
        lambda X: X.astype(np.float32),
        list,
    ],
    ids=["fortran", "features first", "samples last", "float32", "list"],
)
def test_layout_and_dtype_do_not_change_a_bit(build):
    X = np.random.default_rng(0).normal(size=(40, 7, 3)).astype(np.float32).astype(np.float64)
    rows, w = np.random.default_rng(1).permutation(40), np.random.default_rng(2).random(40)
    expected = weighted_scale(read_sequences(X), rows, w)
    assert_array_equal(weighted_scale(read_sequences(build(X)), rows, w), expected)


@pytest.mark.usefixtures("chunked")
@pytest.mark.parametrize("factor", [0.125, 3.0, 1e-12, 1e12, 1e-200, 1e200])
def test_scale_of_the_weights_does_not_matter(factor):
    items, w = items_of(), WEIGHTS["random"]
    expected = weighted_scale(read_sequences(items), np.arange(30), w)
    got = weighted_scale(read_sequences(items), np.arange(30), w * factor)
    assert_allclose(got, expected, rtol=1e-12)
    y = np.concatenate([x[:1] for x in items])
    assert_allclose(column_scale(y, w * factor), column_scale(y, w), rtol=1e-12)


# ---------------------------------------------------------------- columns far from zero


@pytest.mark.usefixtures("chunked")
@pytest.mark.parametrize("offset", [1e9, -1e9])
def test_small_noise_on_a_huge_offset_keeps_its_scale(offset):
    noise = np.random.default_rng(0).normal(size=(30, 4, 1))
    X = offset + noise
    mean, scale = weighted_scale(read_sequences(X), np.arange(30), np.ones(30))
    exact_mean, exact_scale = slow_scale(X, np.ones(30))
    assert_allclose(mean, exact_mean, rtol=1e-15)
    assert_allclose(scale, exact_scale, rtol=1e-6)


def test_target_with_small_noise_on_a_huge_offset_keeps_its_scale():
    y = 1e9 + np.random.default_rng(0).normal(size=(200, 1)) * 1e-2
    mean, scale = column_scale(y, np.ones(200))
    exact_mean, exact_scale = slow_scale(y[:, None], np.ones(200))
    assert_allclose(mean, exact_mean, rtol=1e-15)
    assert_allclose(scale, exact_scale, rtol=1e-6)


@pytest.mark.parametrize("unit", [1e-150, 1e-100, 1e-12, 1e12, 1e100, 1e150])
def test_extreme_units_are_scaled(unit):
    X = np.random.default_rng(0).normal(size=(30, 4, 2))
    mean, scale = weighted_scale(read_sequences(X * unit), np.arange(30), np.ones(30))
    assert_allclose(mean / unit, X.mean((0, 1)), rtol=1e-10)
    assert_allclose(scale / unit, X.std((0, 1)), rtol=1e-10)
    mean, scale = column_scale(X[:, 0] * unit, np.ones(30))
    assert_allclose(scale / unit, X[:, 0].std(0), rtol=1e-10)


# ---------------------------------------------------------------- constant columns

CONSTANTS = [0.0, 0.1, 1 / 3, -0.7, 1e-12, 1e9 + 0.1, -1e12 / 7, 5e-324]


@pytest.mark.usefixtures("chunked")
@pytest.mark.parametrize("constant", CONSTANTS)
@pytest.mark.parametrize("weights", ["ones", "random"])
def test_scale_of_a_constant_feature_is_one(constant, weights):
    items = [np.column_stack([x[:, 1], np.full(len(x), constant)]) for x in items_of()]
    mean, scale = weighted_scale(read_sequences(items), np.arange(30), WEIGHTS[weights])
    assert scale[1] == 1.0
    assert scale[0] != 1.0
    assert_allclose(mean[1], constant, rtol=1e-13)


@pytest.mark.parametrize("n", [100, 1_000, 20_000])
@pytest.mark.parametrize("constant", [0.1, 1 / 3, 1e9 + 0.1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scale_of_a_constant_feature_is_one_however_many_steps(n, constant, dtype):
    X = np.full((n // 10, 10, 2), constant, dtype)
    X[:, :, 0] = np.random.default_rng(0).normal(size=(n // 10, 10))
    _, scale = weighted_scale(read_sequences(X), np.arange(n // 10), np.ones(n // 10))
    assert scale[1] == 1.0
    assert scale[0] != 1.0


@pytest.mark.parametrize("n", [1, 10, 1_000, 20_000])
@pytest.mark.parametrize("constant", [0.0, 0.1, 1 / 3, 1e-12, 1e9 + 0.1, 5e-324])
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_scale_of_a_constant_target_is_one(n, constant, n_outputs):
    for weights in np.ones(n), np.random.default_rng(0).random(n) + 0.1:
        _, scale = column_scale(np.full((n, n_outputs), constant), weights)
        assert_array_equal(scale, 1.0)


@pytest.mark.usefixtures("chunked")
def test_single_step_has_scale_one():
    mean, scale = weighted_scale(read_sequences([[[3.0, -4.0]]]), np.array([0]), np.array([0.3]))
    assert_allclose(mean, [3.0, -4.0])
    assert scale.tolist() == [1.0, 1.0]


@pytest.mark.usefixtures("chunked")
def test_feature_that_varies_in_its_last_digits_is_not_constant():
    X = np.full((30, 4, 1), 1e9)
    X[::2] += 1e-3
    _, scale = weighted_scale(read_sequences(X), np.arange(30), np.ones(30))
    assert_allclose(scale, 5e-4, rtol=1e-3)


# ---------------------------------------------------------------- targets and overflow


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_target_scale_equals_weighted_average(n_outputs):
    rng = np.random.default_rng(0)
    y, w = rng.normal(3.0, 2.0, (50, n_outputs)), rng.random(50) + 0.1
    mean, scale = column_scale(y, w)
    expected = np.average(y, axis=0, weights=w)
    assert mean.shape == scale.shape == (n_outputs,)
    assert_allclose(mean, expected, rtol=1e-13)
    assert_allclose(scale, np.average((y - expected) ** 2, axis=0, weights=w) ** 0.5, rtol=1e-13)


@pytest.mark.usefixtures("chunked")
@pytest.mark.parametrize("value", [1e200, -1e200, 1.7e308])
def test_feature_too_large_to_be_squared_is_named(value):
    X = np.random.default_rng(0).normal(size=(30, 4, 3))
    X[17, 2, 1] = value
    with pytest.raises(ValueError, match=r"feature 1 of X are too large") as excinfo:
        weighted_scale(read_sequences(X), np.arange(30), np.ones(30))
    assert "Rescale" in str(excinfo.value)


@pytest.mark.parametrize("value", [1e200, -1e200, 1.7e308])
def test_target_too_large_to_be_squared_is_named(value):
    y = np.random.default_rng(0).normal(size=(30, 3))
    y[4:6, 2] = value
    with pytest.raises(ValueError, match=r"output 2 of y are too large") as excinfo:
        column_scale(y, np.ones(30))
    assert "Rescale" in str(excinfo.value)


def test_large_values_that_can_be_squared_are_no_error():
    X = np.full((4, 2, 1), 1e150)
    X[::2] *= -1
    _, scale = weighted_scale(read_sequences(X), np.arange(4), np.ones(4))
    assert_allclose(scale, 1e150)
