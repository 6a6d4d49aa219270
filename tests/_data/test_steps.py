"""Time steps as one table, against the sequences that the estimators read."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from sklstm._data import read_sequences, read_steps

VALUES = np.random.default_rng(0).normal(size=(5, 4, 3))
PADDED = VALUES.copy()
PADDED[0, :2] = PADDED[1, 3:] = PADDED[2, 0] = PADDED[2, 2:] = np.nan

READABLE = {
    "3-D": VALUES,
    "padded": PADDED,
    "objects": PADDED.astype(object),
    "list": list(PADDED),
    "ragged": [x[: 1 + i % 4] for i, x in enumerate(VALUES)],
    "frames": [pd.DataFrame(x) for x in PADDED],
    "series": [np.arange(3.0), np.arange(5.0)],
    "table": VALUES[:, :, 0],
    "frame": pd.DataFrame(VALUES[:, :, 0]),
}


@pytest.mark.parametrize("kind", READABLE)
def test_steps_are_those_that_the_estimators_read(kind):
    X = READABLE[kind]
    steps, sequences = read_steps(X), read_sequences(X)
    assert_array_equal(steps.lengths, sequences.lengths)
    assert len(steps) == len(sequences)
    assert steps.n_features == sequences.n_features
    assert steps.n_columns == sequences.n_columns
    expected = [
        sequences.take(np.array([i]))[0, :length] for i, length in enumerate(sequences.lengths)
    ]
    assert_array_equal(steps.values, np.concatenate(expected))
    for found, wanted in zip(steps.tables(), expected, strict=True):
        assert_array_equal(found, wanted)
    assert_array_equal(steps.repeat(np.arange(len(X))), np.repeat(np.arange(len(X)), steps.lengths))


@pytest.mark.parametrize("kind", READABLE)
def test_restored_steps_are_what_was_read(kind):
    X = READABLE[kind]
    found = read_steps(X).restored()
    assert len(found) == len(X)
    for a, b in zip(found, X.to_numpy() if kind == "frame" else X, strict=True):
        assert_array_equal(a, np.reshape(np.asarray(b, dtype=np.float64), np.shape(a)))


def test_other_features_take_the_place_of_the_steps():
    steps = read_steps(PADDED)
    found = steps.replaced(np.ones((len(steps.values), 2))).restored()
    assert_array_equal(found, np.where(np.isnan(PADDED[:, :, :2]), np.nan, 1.0))
    assert_array_equal(steps.restored(), PADDED)


def test_steps_cannot_be_written():
    for X in (VALUES, PADDED, list(VALUES)):
        with pytest.raises(ValueError, match="read-only"):
            read_steps(X).values[0] = 0.0


def test_layout_says_where_the_real_steps_lie():
    nan = np.nan
    X = np.array([[[nan], [1], [nan], [3], [nan]], [[1], [2], [3], [4], [5]]])
    for rows, in_list in ((X, False), (list(X), True)):
        layout = read_steps(rows).layout
        assert layout.in_list is in_list
        np.testing.assert_array_equal(layout.sizes, [5, 5])
        np.testing.assert_array_equal(layout.first, [1, 0])
        np.testing.assert_array_equal(layout.lengths, [3, 5])
    layout = read_steps([X[1, :2], X[0, 1:]]).layout
    np.testing.assert_array_equal(layout.sizes, [2, 4])
    np.testing.assert_array_equal(layout.first, [0, 0])
    np.testing.assert_array_equal(layout.lengths, [2, 3])
    whole = read_steps(np.zeros((3, 4, 2))).layout
    np.testing.assert_array_equal(
        [whole.sizes, whole.first, whole.lengths], [[4] * 3, [0] * 3, [4] * 3]
    )
