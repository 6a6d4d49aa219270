"""Merged rows against a dict of bytes; the order of the result depends on content alone."""

import itertools
import struct

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sklstm._data import _sequences, merge_identical_rows, read_sequences

N_STEPS, N_FEATURES = 3, 2


@pytest.fixture(params=[1, 16 * 2**20], ids=["row by row", "one chunk"], autouse=True)
def chunk_bytes(request, monkeypatch):
    monkeypatch.setattr(_sequences, "CHUNK_BYTES", request.param)


def random_rows(seed, n=60):
    """Few different values, so that many rows are equal."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 2, (n, N_STEPS, N_FEATURES)) * 0.5
    y = rng.integers(0, 2, (n, 1)) * 1.0
    w = rng.integers(0, 4, n) * 1.0
    return X, y, w


def random_ragged(seed, n=60):
    X, y, w = random_rows(seed, n)
    lengths = np.random.default_rng(seed + 1).integers(1, N_STEPS + 1, n)
    return [x[:length] for x, length in zip(X, lengths, strict=True)], y, w


def key(x, target):
    """Content of a row as bytes, every number as the float64 that it equals."""
    steps = [b"".join(struct.pack("d", float(v) + 0.0) for v in step) for step in np.asarray(x)]
    return tuple(steps), tuple(float(t) + 0.0 for t in target)


def slow_merge(X, y, w, rows):
    groups = {}
    for row in rows:
        if w[row] > 0:
            groups.setdefault(key(X[row], y[row]), []).append(row)
    return groups


def merged_keys(X, y, w, rows=None):
    """Keys and weights in the order in which they come out."""
    rows = np.arange(len(y)) if rows is None else rows
    representatives, weights = merge_identical_rows(read_sequences(X), y, w, rows)
    return [key(X[row], y[row]) for row in representatives], weights


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("data", [random_rows, random_ragged])
def test_equal_rows_are_merged_and_no_others(data, seed):
    X, y, w = data(seed)
    rows = np.random.default_rng(seed).permutation(60)[:45]
    representatives, weights = merge_identical_rows(read_sequences(X), y, w, rows)
    groups = slow_merge(X, y, w, rows)
    assert 1 < len(groups) < 45
    assert len(representatives) == len(weights) == len(groups)
    for row, weight in zip(representatives, weights, strict=True):
        group = groups.pop(key(X[row], y[row]))
        assert row in group
        assert weight == sum(w[i] for i in group)
    assert not groups


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("data", [random_rows, random_ragged])
def test_result_does_not_depend_on_the_order_of_the_rows(data, seed):
    X, y, w = data(seed)
    keys, weights = merged_keys(X, y, w)
    for rows in np.arange(60)[::-1], np.random.default_rng(seed).permutation(60):
        again, weights_again = merged_keys(X, y, w, rows)
        assert again == keys
        assert_array_equal(weights_again, weights)
        shuffled = [X[row] for row in rows]
        again, weights_again = merged_keys(shuffled, y[rows], w[rows])
        assert again == keys
        assert_array_equal(weights_again, weights)


def test_repeated_row_is_the_row_with_the_summed_weight():
    X, y, w = random_rows(0)
    keys, weights = merged_keys(X, y, w)
    repeats = w.astype(int)
    again, weights_again = merged_keys(
        np.repeat(X, repeats, 0), np.repeat(y, repeats, 0), np.ones(repeats.sum())
    )
    assert again == keys
    assert_array_equal(weights_again, weights)


@pytest.mark.parametrize("order", list(itertools.permutations([0.1, 0.2, 0.3])))
def test_summed_weight_does_not_depend_on_the_order_of_the_rows(order):
    sequences, y = read_sequences(np.zeros((3, 2, 1))), np.zeros((3, 1))
    _, expected = merge_identical_rows(sequences, y, np.array([0.1, 0.2, 0.3]), np.arange(3))
    _, weights = merge_identical_rows(sequences, y, np.array(order), np.arange(3))
    assert_array_equal(weights, expected)


LAYOUTS = {
    "float32": lambda X: X.astype(np.float32),
    "float16": lambda X: X.astype(np.float16),
    "object": lambda X: X.astype(object),
    "fortran": np.asfortranarray,
    "swapped": lambda X: np.ascontiguousarray(X.swapaxes(1, 2)).swapaxes(1, 2),
    "samples last": lambda X: np.ascontiguousarray(X.transpose(1, 2, 0)).transpose(2, 0, 1),
    "big-endian": lambda X: X.astype(">f8"),
    "list": list,
    "list of fortran": lambda X: [np.asfortranarray(x) for x in X],
    "nested lists": lambda X: X.tolist(),
    "padded at the end": lambda X: np.pad(
        X, ((0, 0), (0, 2), (0, 0)), constant_values=np.nan
    ),
    "padded at the start": lambda X: np.pad(
        X, ((0, 0), (2, 0), (0, 0)), constant_values=np.nan
    ),
}  # fmt: skip


def merge_as(X, y, w):
    return merge_identical_rows(read_sequences(X), y, w, np.arange(len(y)))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_result_does_not_depend_on_dtype_or_layout(layout):
    X, y, w = random_rows(3)
    for got, expected in zip(merge_as(LAYOUTS[layout](X), y, w), merge_as(X, y, w), strict=True):
        assert_array_equal(got, expected)


def test_table_merges_like_the_array():
    X, y, w = random_rows(3)
    sequences = read_sequences(X.reshape(60, -1), n_timesteps=N_STEPS)
    got = merge_identical_rows(sequences, y, w, np.arange(60))
    for part, expected in zip(got, merge_as(X, y, w), strict=True):
        assert_array_equal(part, expected)


def test_memory_map_merges_like_the_array(tmp_path):
    X, y, w = random_rows(3)
    np.save(tmp_path / "x.npy", X.astype(np.float32))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    for part, expected in zip(merge_as(mapped, y, w), merge_as(X, y, w), strict=True):
        assert_array_equal(part, expected)


@pytest.mark.parametrize("side", ["start", "end", "both"])
def test_padded_and_ragged_sequences_merge_alike(side):
    items, y, w = random_ragged(2)
    padded = np.full((60, N_STEPS, N_FEATURES), np.nan)
    for i, x in enumerate(items):
        free = N_STEPS - len(x)
        start = {"start": free, "end": 0, "both": free // 2}[side]
        padded[i, start : start + len(x)] = x
    for got, expected in zip(merge_as(padded, y, w), merge_as(items, y, w), strict=True):
        assert_array_equal(got, expected)


def test_a_longer_sequence_of_zeros_is_another_one():
    items = [np.zeros((1, 2)), np.zeros((3, 2)), np.zeros((2, 2)), np.zeros((3, 2))]
    representatives, weights = merge_as(items, np.zeros((4, 1)), np.ones(4))
    assert sorted(representatives) == [0, 1, 2]
    assert sorted(weights) == [1, 1, 2]


def test_value_of_x_and_value_of_y_are_not_mixed_up():
    items = [np.array([[1.0], [2.0]]), np.array([[1.0]])]
    assert len(merge_as(items, np.array([[3.0], [2.0]]), np.ones(2))[0]) == 2


def test_minus_zero_equals_zero_in_x_and_y():
    X = np.array([[[0.0]], [[-0.0]], [[0.0]]])
    representatives, weights = merge_as(X, np.array([[0.0], [0.0], [-0.0]]), np.ones(3))
    assert len(representatives) == 1
    assert weights.tolist() == [3.0]


def test_neighbouring_floats_are_different():
    X = np.array([[[1.0]], [[np.nextafter(1.0, 2.0)]]])
    assert len(merge_as(X, np.zeros((2, 1)), np.ones(2))[0]) == 2
    y = np.array([[1.0], [np.nextafter(1.0, 2.0)]])
    assert len(merge_as(X[[0, 0]], y, np.ones(2))[0]) == 2


@pytest.mark.parametrize(
    "values",
    [1.0 + np.arange(6) * 2.0**-40, 1e300 * np.arange(1, 7), 1e-300 * np.arange(6)],
    ids=["alike in float32", "beyond float32", "below float32"],
)
@pytest.mark.parametrize("place", ["X", "y"])
def test_rows_that_differ_in_float64_alone_are_told_apart_in_any_order(values, place):
    values = np.repeat(values, [1, 2, 1, 3, 1, 2])
    one = np.ones(10)
    X, y = (values, one) if place == "X" else (one, values)
    X, y, w = X[:, None, None], y[:, None], np.arange(1.0, 11.0)
    keys, weights = merged_keys(X, y, w)
    assert len(set(keys)) == 6
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(10)
        again, weights_again = merged_keys(X[order], y[order], w[order])
        assert again == keys
        assert_array_equal(weights_again, weights)


def test_all_columns_of_y_count():
    y = np.array([[0.0, 1.0], [0.0, 2.0], [0.0, 1.0]])
    representatives, weights = merge_as(np.zeros((3, 2, 1)), y, np.ones(3))
    assert sorted(representatives) == [0, 1]
    assert sorted(weights) == [1, 2]


def test_rows_of_weight_zero_are_dropped():
    X = np.arange(4.0)[:, None, None]
    representatives, weights = merge_as(X, np.zeros((4, 1)), np.array([0.0, 2.0, 0.0, 0.5]))
    assert sorted(zip(representatives.tolist(), weights.tolist(), strict=True)) == [
        (1, 2.0),
        (3, 0.5),
    ]


def test_only_the_given_rows_are_looked_at():
    X = np.zeros((5, 2, 1))
    representatives, weights = merge_identical_rows(
        read_sequences(X), np.zeros((5, 1)), np.arange(1.0, 6.0), np.array([4, 2])
    )
    assert representatives.tolist() in ([4], [2])
    assert weights.tolist() == [8.0]


def test_order_of_distinct_rows_differs_from_the_order_given():
    X = np.arange(30.0)[:, None, None]
    representatives, _ = merge_as(X, np.zeros((30, 1)), np.ones(30))
    assert sorted(representatives) == list(range(30))
    assert representatives.tolist() != list(range(30))
