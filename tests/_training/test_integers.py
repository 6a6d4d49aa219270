"""Matrices as integers of 8 and 4 bits."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklstm._training import from_integers, to_integers


def slow(matrix, largest):
    result = np.zeros(matrix.shape)
    for i, row in enumerate(matrix.tolist()):
        scale = max(map(abs, row)) / largest
        for k, value in enumerate(row):
            result[i, k] = scale * round(value / scale) if scale else 0.0
    return result


@pytest.mark.parametrize("bits, largest", [(8, 127), (4, 7)])
@pytest.mark.parametrize("shape", [(5, 8), (3, 5), (1, 1)])
def test_rows_are_rounded_to_multiples_of_their_scale(bits, largest, shape):
    matrix = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    integers = to_integers(matrix, bits)
    found = from_integers(integers)
    assert found.dtype == np.float32
    assert_allclose(found, slow(matrix, largest), atol=1e-6)
    scale = np.abs(matrix).max(axis=1, keepdims=True) / largest
    assert (np.abs(found - matrix) <= scale * 0.5001).all()
    assert integers["codes"].nbytes == -(-matrix.size * bits // 8)


@pytest.mark.parametrize("bits", [8, 4])
def test_every_code_comes_back(bits):
    largest = 2 ** (bits - 1) - 1
    matrix = np.arange(-largest, largest + 1, dtype=np.float32)[None] * np.float32(0.5)
    assert_array_equal(from_integers(to_integers(matrix, bits)), matrix)
    zeros = np.zeros((2, 3), dtype=np.float32)
    assert_array_equal(from_integers(to_integers(zeros, bits)), zeros)
