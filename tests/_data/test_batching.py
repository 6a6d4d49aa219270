"""Sequences through a function of a batch."""

import numpy as np
import pytest

from sklstm._data import in_batches, read_sequences

RNG = np.random.default_rng(0)
X = [RNG.normal(size=(length, 2)) for length in (3, 1, 5, 2, 5, 4, 1)]


def sums(sequences):
    return lambda rows: sequences.take(rows).sum(axis=1)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_each_row_is_at_its_place(size):
    sequences = read_sequences(X)
    found = in_batches(sequences, size, sums(sequences), per_step=False)
    np.testing.assert_allclose(found, [x.sum(axis=0) for x in X])
    uniform = read_sequences(np.stack([X[2], X[4], X[2]]))
    found = in_batches(uniform, size, sums(uniform), per_step=False)
    np.testing.assert_allclose(found, [x.sum(axis=0) for x in (X[2], X[4], X[2])])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_each_step_is_at_its_place(size):
    sequences = read_sequences(X)
    found = in_batches(sequences, size, sequences.take, per_step=True)
    assert found.shape == (7, 5, 2)
    for row, x in zip(found, X, strict=True):
        np.testing.assert_array_equal(row[: len(x)], x)


def test_short_sequences_are_not_computed_as_long_ones():
    sequences, shapes = read_sequences(X), []

    def compute(rows):
        values = sequences.take(rows)
        shapes.append(values.shape[:2])
        return values[:, 0]

    in_batches(sequences, 3, compute, per_step=False)
    assert shapes == [(3, 2), (3, 5), (1, 5)]
