"""Everything the estimators accept as X, against a reader that loops over Python floats."""

import math
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import torch
from numpy.testing import assert_array_equal

from sklstm._data import Sequences, read_sequences
from sklstm._data import _sequences as module

# Small whole numbers are the same in every dtype.
VALUES = np.random.default_rng(0).integers(-4, 5, (5, 4, 3)).astype(np.float64)
LENGTHS = [4, 1, 3, 4, 2]
COLUMNS = [f"c{i}" for i in range(12)]
NAN = float("nan")


# ---------------------------------------------------------------- the slow twin


def slow_steps(row):
    """Steps of one sequence as lists of floats, without the NaN steps at both ends."""
    steps = [[float(value) for value in step] for step in row]
    while all(math.isnan(value) for value in steps[0]):
        del steps[0]
    while all(math.isnan(value) for value in steps[-1]):
        del steps[-1]
    return steps


def slow_table(rows, n_timesteps):
    """Cells of each row dealt out to ``n_timesteps`` steps."""
    sequences = []
    for row in rows:
        cells = [float(cell) for cell in row]
        k = len(cells) // n_timesteps
        sequences.append([cells[step * k : (step + 1) * k] for step in range(n_timesteps)])
    return sequences


def assert_reads_as(sequences, expected):
    """Whether a record holds the expected sequences, whatever rows are taken."""
    n = len(expected)
    assert isinstance(sequences, Sequences)
    assert len(sequences) == n
    assert sequences.lengths.dtype == np.int64
    assert sequences.lengths.tolist() == [len(steps) for steps in expected]
    assert sequences.n_features == len(expected[0][0])
    assert sequences.max_length == max(len(steps) for steps in expected)
    assert sequences.uniform == (len({len(steps) for steps in expected}) == 1)
    last_first = np.arange(n)[::-1]
    for rows in (slice(0, n), slice(n - 1, n + 7), slice(0, 1), last_first, np.array([0, 0])):
        wanted = [expected[row] for row in np.arange(n)[rows]]
        taken = sequences.take(rows)
        assert isinstance(taken, np.ndarray)
        assert taken.shape == (len(wanted), max(map(len, wanted)), sequences.n_features)
        assert taken.dtype in (np.float32, np.float64)
        assert taken.dtype.isnative
        for got, steps in zip(taken, wanted, strict=True):
            assert got[: len(steps)].tolist() == steps
            assert not got[len(steps) :].any()


def ragged(dtype=np.float64):
    return [x[:length].astype(dtype) for x, length in zip(VALUES, LENGTHS, strict=True)]


def padded(starts, n_timesteps=6, dtype=np.float64):
    X = np.full((len(VALUES), n_timesteps, 3), np.nan, dtype)
    for row, (x, start) in enumerate(zip(ragged(), starts, strict=True)):
        X[row, start : start + len(x)] = x
    return X


def object_array(items):
    array = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):
        array[i] = item
    return array


def message(X, error=ValueError, **kwargs):
    with pytest.raises(error) as excinfo:
        read_sequences(X, **kwargs)
    assert type(excinfo.value) is error
    return str(excinfo.value)


# ---------------------------------------------------------------- 3-D arrays

DTYPES = [
    "float64",
    "float32",
    "float16",
    ">f8",
    ">f4",
    "int64",
    "int8",
    ">i2",
    "object",
    "longdouble",
]


@pytest.mark.parametrize("dtype", DTYPES)
def test_3d_array_of_any_dtype(dtype):
    X = VALUES.astype(dtype)
    sequences = read_sequences(X)
    assert_reads_as(sequences, [slow_steps(row) for row in X])
    assert sequences.layout == "array"
    assert sequences.n_columns is None
    assert sequences.in_memory


@pytest.mark.parametrize("dtype", ["bool", "uint8"])
def test_3d_array_of_unsigned_dtype(dtype):
    X = (VALUES > 0).astype(dtype)
    assert_reads_as(read_sequences(X), [slow_steps(row) for row in X])


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("float32", "float32"), ("float16", "float32"), ("int16", "float64"), ("object", "float64")],
)
@pytest.mark.parametrize(
    "build", [lambda X: X, list, lambda X: X[:, :, 0]], ids=["3-D", "list", "2-D"]
)
def test_values_are_read_in_the_narrowest_float_that_holds_them(dtype, expected, build):
    sequences = read_sequences(build(VALUES.astype(dtype)))
    assert sequences.take(slice(0, 5)).dtype == expected


def test_whole_numbers_beyond_float32_keep_their_digits():
    X = np.array([[[2**53 - 1]], [[2**24 + 1]]])
    assert read_sequences(X).take(slice(0, 2)).ravel().tolist() == [2**53 - 1, 2**24 + 1]


def test_sequences_of_float32_and_float64_are_read_in_float64():
    precise = np.array([[1 / 3], [2 / 3]])
    taken = read_sequences([np.float32([[1], [2], [3]]), precise]).take(slice(0, 2))
    assert taken.dtype == np.float64
    assert_array_equal(taken[1, :2], precise)


MEMORY_LAYOUTS = {
    "fortran": np.asfortranarray,
    "features first": lambda X: np.ascontiguousarray(X.swapaxes(1, 2)).swapaxes(1, 2),
    "samples last": lambda X: np.ascontiguousarray(X.transpose(1, 2, 0)).transpose(2, 0, 1),
    "rows reversed": lambda X: X[::-1].copy()[::-1],
    "steps reversed": lambda X: X[:, ::-1].copy()[:, ::-1],
    "strided": lambda X: np.repeat(np.repeat(X, 2, 1), 3, 2)[:, ::2, ::3],
    "misaligned": lambda X: np.frombuffer(b"x" + X.tobytes(), X.dtype, offset=1).reshape(X.shape),
    "tensor": torch.tensor,
    "buffer": lambda X: memoryview(X.copy()),
}


@pytest.mark.parametrize("layout", MEMORY_LAYOUTS)
def test_3d_array_of_any_memory_layout(layout):
    X = MEMORY_LAYOUTS[layout](VALUES)
    assert_reads_as(read_sequences(X), [slow_steps(row) for row in VALUES])


def test_overlapping_windows_are_not_copied():
    series = np.arange(20.0)
    X = np.lib.stride_tricks.sliding_window_view(series, 6)[:, :, None]
    sequences = read_sequences(X)
    assert_reads_as(sequences, [[[float(i + j)] for j in range(6)] for i in range(15)])
    assert np.shares_memory(sequences.take(slice(0, 15)), series)


def test_reading_leaves_a_writable_x_unchanged():
    X = padded([1, 5, 0, 2, 3])
    before = X.copy()
    sequences = read_sequences(X)
    sequences.take(slice(0, 5))
    sequences.take(np.arange(5))
    assert_array_equal(X, before)


@pytest.mark.parametrize("build", [lambda: VALUES, lambda: padded([1, 5, 0, 2, 3])])
def test_read_only_arrays_are_read(build):
    X = build()
    X.flags.writeable = False
    assert_reads_as(read_sequences(X), [slow_steps(row) for row in X])


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 4, 3), (5, 1, 3), (5, 4, 1)])
def test_axes_of_length_one(shape):
    X = VALUES[tuple(slice(0, size) for size in shape)]
    assert_reads_as(read_sequences(X), [slow_steps(row) for row in X])


# ---------------------------------------------------------------- padding


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "object"])
@pytest.mark.parametrize(
    "starts", [[0, 0, 0, 0, 0], [2, 5, 3, 2, 4], [1, 5, 0, 2, 3]], ids=["end", "start", "both"]
)
@pytest.mark.parametrize("chunk_bytes", [1, 16 * 2**20])
def test_nan_padding_is_cut_off(dtype, starts, chunk_bytes, monkeypatch):
    monkeypatch.setattr(module, "CHUNK_BYTES", chunk_bytes)
    X = padded(starts).astype(dtype)
    sequences = read_sequences(X)
    assert_reads_as(sequences, [slow_steps(row) for row in X])
    assert sequences.lengths.tolist() == LENGTHS


def test_padding_of_all_samples_alike_gives_uniform_sequences():
    X = np.concatenate([np.full((5, 2, 3), np.nan), VALUES, np.full((5, 1, 3), np.nan)], axis=1)
    assert_reads_as(read_sequences(X), [slow_steps(row) for row in VALUES])


def test_none_in_an_object_array_is_padding_like_nan():
    X = padded([1, 5, 0, 2, 3])
    with_none = np.where(np.isnan(X), None, X.astype(object))
    assert_reads_as(read_sequences(with_none), [slow_steps(row) for row in X])


def test_padded_items_of_a_list_are_cut_off():
    X = padded([1, 5, 0, 2, 3])
    items = [X[0], X[1].tolist(), X[2, :3], X[3, 1:], X[4].astype(np.float32)]
    sequences = read_sequences(items)
    assert_reads_as(sequences, [slow_steps(row) for row in X])
    assert sequences.layout == "ragged"


def test_zeros_at_the_end_of_a_sequence_are_values():
    X = np.zeros((2, 3, 2))
    assert read_sequences(X).lengths.tolist() == [3, 3]
    assert read_sequences(list(X)).lengths.tolist() == [3, 3]


def test_padding_may_hold_any_nan_bit_pattern():
    X = padded([1, 5, 0, 2, 3])
    payload = np.array([0xFFF8DEADBEEF0001], np.uint64).view(np.float64)[0]
    odd = np.where(np.isnan(X), payload, X)
    assert_reads_as(read_sequences(odd), [slow_steps(row) for row in X])


# ---------------------------------------------------------------- lists of sequences

RAGGED = {
    "list": ragged,
    "tuple": lambda: tuple(ragged()),
    "object array": lambda: object_array(ragged()),
    "nested lists": lambda: [x.tolist() for x in ragged()],
    "nested tuples": lambda: tuple(tuple(map(tuple, x.tolist())) for x in ragged()),
    "object array of lists": lambda: object_array([x.tolist() for x in ragged()]),
    "float32": lambda: ragged(np.float32),
    "mixed dtypes": lambda: [
        x.astype(dtype)
        for x, dtype in zip(ragged(), ["f4", "f8", ">f8", "i2", object], strict=True)
    ],
    "fortran": lambda: [np.asfortranarray(x) for x in ragged()],
    "reversed": lambda: [x[::-1].copy()[::-1] for x in ragged()],
    "series of arrays": lambda: pd.Series(ragged()),
    "series with an index of its own": lambda: pd.Series(ragged(), index=[7, 7, 0, 3, 1]),
    "series of lists": lambda: pd.Series([x.tolist() for x in ragged()]),
    "data frames": lambda: [pd.DataFrame(x) for x in ragged()],
    "polars frames": lambda: [pl.DataFrame(x) for x in ragged()],
    "tensors": lambda: [torch.tensor(x) for x in ragged()],
    "polars series of lists": lambda: pl.Series([x.tolist() for x in ragged()]),
}


@pytest.mark.parametrize("kind", RAGGED)
def test_sequences_of_different_length(kind):
    sequences = read_sequences(RAGGED[kind]())
    assert_reads_as(sequences, [slow_steps(x) for x in ragged()])
    assert sequences.layout == "ragged"
    assert sequences.n_columns is None
    assert sequences.in_memory


EQUAL = {
    "list": list,
    "tuple": tuple,
    "nested lists": lambda X: X.tolist(),
    "object array": lambda X: object_array(list(X)),
    "series of arrays": lambda X: pd.Series(list(X)),
    "object array of objects": lambda X: object_array([x.astype(object) for x in X]),
    "objects of NumPy": lambda X: scalars(X, np.float64),
    "objects without axes": lambda X: scalars(X, lambda value: np.array(float(value))),
    "tensors without axes": lambda X: scalars(X, lambda value: torch.tensor(float(value))),
}


def scalars(X, kind):
    """Array of objects, each of which holds one number."""
    array = np.empty(X.shape, dtype=object)
    for where, value in np.ndenumerate(X):
        array[where] = kind(value)
    return array


@pytest.mark.parametrize("kind", EQUAL)
@pytest.mark.parametrize("shape", [(5, 4, 3), (1, 4, 3), (5, 1, 1), (1, 1, 1)])
def test_sequences_of_equal_length(kind, shape):
    X = VALUES[tuple(slice(0, size) for size in shape)]
    assert_reads_as(read_sequences(EQUAL[kind](X)), [slow_steps(row) for row in X])


UNIVARIATE = {
    "list of arrays": list,
    "tuple of arrays": tuple,
    "object array of arrays": object_array,
    "lists": lambda series: [x.tolist() for x in series],
    "object array of lists": lambda series: object_array([x.tolist() for x in series]),
    "pandas series of arrays": pd.Series,
    "pandas series of lists": lambda series: pd.Series([x.tolist() for x in series]),
    "polars series of lists": lambda series: pl.Series([x.tolist() for x in series]),
    "list of pandas series": lambda series: [pd.Series(x) for x in series],
    "list of polars series": lambda series: [pl.Series(x) for x in series],
    "list of tensors": lambda series: [torch.tensor(x) for x in series],
}


@pytest.mark.parametrize("kind", UNIVARIATE)
@pytest.mark.parametrize("lengths", [[4, 1, 3], [4, 4, 4], [1, 1], [3]])
def test_one_dimensional_series_are_univariate_sequences(kind, lengths):
    series = [VALUES[i, :length, 0].copy() for i, length in enumerate(lengths)]
    sequences = read_sequences(UNIVARIATE[kind](series))
    assert_reads_as(sequences, [[[value] for value in x.tolist()] for x in series])


def test_lists_of_ranges_are_univariate_sequences():
    assert_reads_as(read_sequences([range(3), range(1)]), [[[0.0], [1.0], [2.0]], [[0.0]]])


def test_one_and_two_dimensional_series_may_be_mixed():
    items = [VALUES[0, :, :1], VALUES[1, :2, 0]]
    expected = [slow_steps(items[0]), [[value] for value in items[1].tolist()]]
    assert_reads_as(read_sequences(items), expected)


def test_taking_rows_gives_an_array_of_ones_own():
    items = ragged()
    sequences = read_sequences(items)
    sequences.take(slice(0, 5))[:] = 99.0
    for item, original in zip(items, ragged(), strict=True):
        assert_array_equal(item, original)


# ---------------------------------------------------------------- tables

TABLES = {
    "array": lambda T: T,
    "float32": lambda T: T.astype(np.float32),
    "float16": lambda T: T.astype(np.float16),
    "big-endian": lambda T: T.astype(">f8"),
    "int": lambda T: T.astype(int),
    "object": lambda T: T.astype(object),
    "fortran": np.asfortranarray,
    "reversed": lambda T: T[::-1, ::-1].copy()[::-1, ::-1],
    "read-only": lambda T: np.broadcast_to(T, T.shape),
    "nested lists": lambda T: T.tolist(),
    "nested tuples": lambda T: tuple(map(tuple, T.tolist())),
    "list of arrays": list,
    "DataFrame": lambda T: pd.DataFrame(T, columns=COLUMNS),
    "DataFrame of mixed dtypes": lambda T: pd.DataFrame(T, columns=COLUMNS).astype(
        {"c0": np.float32, "c1": int, "c2": "Int64", "c3": "Float32", "c4": np.int8}
    ),
    "DataFrame of objects": lambda T: pd.DataFrame(T.astype(object), columns=COLUMNS),
    "DataFrame with an index": lambda T: pd.DataFrame(T, index=[9, 9, 1, 0, 4]),
    "polars": lambda T: pl.DataFrame(T, schema=COLUMNS),
    "polars int": lambda T: pl.DataFrame(T.astype(int), schema=COLUMNS),
    "tensor": torch.tensor,
}


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("n_timesteps", [None, 1, 2, 4, 12])
def test_tables(kind, n_timesteps):
    table = VALUES.reshape(5, 12)
    sequences = read_sequences(TABLES[kind](table), n_timesteps=n_timesteps)
    assert_reads_as(sequences, slow_table(table, n_timesteps or 12))
    assert sequences.layout == "table"
    assert sequences.n_columns == 12
    assert sequences.in_memory


def test_table_of_booleans():
    table = VALUES.reshape(5, 12) > 0
    for X in (table, pd.DataFrame(table)):
        assert_reads_as(read_sequences(X), slow_table(table, 12))


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (5, 1)])
def test_tables_of_one_row_or_column(shape):
    table = VALUES.reshape(5, 12)[: shape[0], : shape[1]]
    for X in (table, table.tolist(), pd.DataFrame(table)):
        assert_reads_as(read_sequences(X), slow_table(table, shape[1]))


def test_features_of_a_table_are_time_step_major():
    X = [[11, 12, 21, 22, 31, 32]]
    assert read_sequences(X, n_timesteps=3).take(slice(0, 1))[0].tolist() == [
        [11, 12],
        [21, 22],
        [31, 32],
    ]


# ---------------------------------------------------------------- memory maps


@pytest.fixture(params=["float32", "int16", "float64", ">f4"])
def memory_map(request, tmp_path):
    path = tmp_path / "x.dat"
    VALUES.astype(request.param).tofile(path)
    return np.memmap(path, request.param, "r", shape=VALUES.shape)


def test_memory_map(memory_map):
    sequences = read_sequences(memory_map)
    assert_reads_as(sequences, [slow_steps(row) for row in VALUES])
    assert not sequences.in_memory


VIEWS = {
    "slice": lambda X: X[1:, ::2],
    "plain array": np.asarray,
    "swapped": lambda X: X.swapaxes(1, 2),
    "reversed": lambda X: X[::-1],
}


@pytest.mark.parametrize("view", VIEWS)
def test_view_of_a_memory_map_is_one_too(memory_map, view):
    X = VIEWS[view](memory_map)
    sequences = read_sequences(X)
    assert_reads_as(sequences, [slow_steps(row) for row in VIEWS[view](VALUES)])
    assert not sequences.in_memory


def test_two_dimensional_memory_map_is_not_copied(memory_map):
    sequences = read_sequences(memory_map.reshape(5, 12), n_timesteps=4)
    assert_reads_as(sequences, [slow_steps(row) for row in VALUES])
    assert sequences.layout == "table"
    assert not sequences.in_memory


def test_copy_of_a_memory_map_is_in_memory(memory_map):
    assert read_sequences(np.array(memory_map)).in_memory


@pytest.mark.parametrize("chunk_bytes", [1, 16 * 2**20])
def test_padded_memory_map(tmp_path, chunk_bytes, monkeypatch):
    monkeypatch.setattr(module, "CHUNK_BYTES", chunk_bytes)
    X = padded([1, 5, 0, 2, 3], dtype=np.float32)
    np.save(tmp_path / "x.npy", X)
    sequences = read_sequences(np.load(tmp_path / "x.npy", mmap_mode="r"))
    assert_reads_as(sequences, [slow_steps(row) for row in X])
    assert not sequences.in_memory


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_bad_value_in_a_memory_map_is_found_in_any_chunk(tmp_path, wrong, monkeypatch):
    monkeypatch.setattr(module, "CHUNK_BYTES", 1)
    X = VALUES.astype(np.float32)
    X[4, 2, 1] = wrong
    np.save(tmp_path / "x.npy", X)
    text = message(np.load(tmp_path / "x.npy", mmap_mode="r"))
    assert "sample 4, time step 2, feature 1" in text


# ---------------------------------------------------------------- chunks


@pytest.mark.parametrize("n_rows", [1, 2, 3, 5])
@pytest.mark.parametrize("build", [lambda: VALUES, ragged, lambda: padded([1, 5, 0, 2, 3])])
@pytest.mark.parametrize("rows", [None, np.array([4, 0, 0, 3, 1, 2])])
def test_chunks_cover_the_rows_in_order(n_rows, build, rows, monkeypatch):
    sequences = read_sequences(build())
    size = 8 * sequences.max_length * sequences.n_features
    monkeypatch.setattr(module, "CHUNK_BYTES", n_rows * size)
    chunks = list(sequences.chunks(rows))
    asked = np.arange(5) if rows is None else rows
    assert_array_equal(np.concatenate(chunks), asked)
    assert [len(chunk) for chunk in chunks[:-1]] == [n_rows] * (len(chunks) - 1)
    assert 1 <= len(chunks[-1]) <= n_rows
    taken = [x for chunk in chunks for x in sequences.take(chunk)]
    for row, x in zip(asked, taken, strict=True):
        length = sequences.lengths[row]
        assert_array_equal(x[:length], sequences.take(np.array([row]))[0])
        assert not x[length:].any()


def test_a_chunk_holds_at_least_one_row(monkeypatch):
    monkeypatch.setattr(module, "CHUNK_BYTES", 1)
    assert [len(chunk) for chunk in read_sequences(VALUES).chunks()] == [1] * 5


@pytest.mark.parametrize("chunk_bytes", [1, 200, 16 * 2**20])
@pytest.mark.parametrize("sample", range(5))
def test_bad_cell_is_named_by_its_row_in_x_not_in_its_chunk(sample, chunk_bytes, monkeypatch):
    monkeypatch.setattr(module, "CHUNK_BYTES", chunk_bytes)
    X = VALUES.copy()
    X[sample, 1, 2] = np.inf
    assert f"sample {sample}, time step 1, feature 2" in message(X)
    assert f"sample {sample}, column 5" in message(X.reshape(5, 12))
    X[sample] = np.nan
    assert f"Sample {sample} of X" in message(X)


# ---------------------------------------------------------------- NaN and infinity


def spoiled(cells, value):
    X = VALUES.copy()
    for cell in cells:
        X[cell] = value
    return X


NOT_PADDING = {
    "one cell in the middle": ([(2, 1, 0)], (2, 1, 0)),
    "a whole step in the middle": ([(2, 1)], (2, 1, 0)),
    "part of the first step": ([(3, 0, 2)], (3, 0, 2)),
    "part of the last step": ([(4, 3, 1)], (4, 3, 1)),
    "part of a step beside padding": ([(1, 3), (1, 2, 1)], (1, 2, 1)),
    "a gap between padding and padding": ([(0, 0), (0, 2), (0, 3, 1)], (0, 2, 0)),
    "the first of several": ([(2, 2, 1), (4, 1, 0), (2, 3, 0)], (2, 2, 1)),
}
CONTAINERS = {
    "array": lambda X: X,
    "float32": lambda X: X.astype(np.float32),
    "float16": lambda X: X.astype(np.float16),
    "object": lambda X: X.astype(object),
    "list": list,
    "nested lists": lambda X: X.tolist(),
    "object array": lambda X: object_array(list(X)),
    "series": lambda X: pd.Series(list(X)),
    "fortran": np.asfortranarray,
}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("case", NOT_PADDING)
def test_nan_that_is_not_padding_is_named(case, container):
    cells, (sample, step, feature) = NOT_PADDING[case]
    text = message(CONTAINERS[container](spoiled(cells, np.nan)))
    assert "NaN" in text
    assert f"sample {sample}, time step {step}, feature {feature}" in text
    assert "impute" in text
    assert "SequenceWise(SimpleImputer())" in text
    assert "ffill()" in text
    assert "start or end" in text


INFINITE = {
    "one cell": [],
    "beside padding": [(2, 0)],
    "in a chunk with padding": [(1, 3), (3, 0)],
    "before a NaN that is wrong too": [(2, 2, 0)],
}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("value", [np.inf, -np.inf])
@pytest.mark.parametrize("case", INFINITE)
def test_infinity_is_named(case, value, container):
    X = spoiled(INFINITE[case], np.nan)
    X[2, 1, 0] = value
    text = message(CONTAINERS[container](X))
    assert "infinity" in text
    assert "sample 2, time step 1, feature 0" in text
    assert "NaN" not in text


def with_random_gaps(seed):
    """Padding at both ends of each sample and, sometimes, gaps; what is right or wrong with it."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(4, 5, 2))
    for sample in range(4):
        start, end = sorted(rng.integers(0, 6, 2))
        X[sample, :start] = X[sample, end:] = np.nan
    X[rng.random(X.shape) < rng.choice([0.0, 0.02, 0.1])] = np.nan
    expected, wrong = [], []
    for sample, x in enumerate(X.tolist()):
        real = [step for step, values in enumerate(x) if not all(map(math.isnan, values))]
        if not real:
            wrong.append(f"Sample {sample} of X has no time step")
            continue
        steps = range(real[0], real[-1] + 1)
        expected.append([x[step] for step in steps])
        gaps = [(step, k) for step in steps for k in range(2) if math.isnan(x[step][k])]
        if gaps:
            wrong.append(f"NaN at sample {sample}, time step {gaps[0][0]}, feature {gaps[0][1]}.")
    return X, expected, wrong


@pytest.mark.parametrize("build", [lambda X: X, list], ids=["array", "list"])
def test_random_gaps_are_either_padding_or_named(build):
    n_padded = 0
    for seed in range(200):
        X, expected, wrong = with_random_gaps(seed)
        if wrong:
            text = message(build(X))
            assert any(part in text for part in wrong), (seed, text)
        else:
            assert_reads_as(read_sequences(build(X)), expected)
            n_padded += 1
    assert 20 < n_padded < 180


def test_step_of_infinities_at_the_end_is_no_padding():
    assert "sample 1, time step 3, feature 0" in message(spoiled([(1, 3)], np.inf))


@pytest.mark.parametrize("container", CONTAINERS)
def test_sample_of_nan_alone_is_named(container):
    text = message(CONTAINERS[container](spoiled([(3,)], np.nan)))
    assert "Sample 3 of X" in text
    assert "at least 1" in text
    assert "NaN" in text


def test_time_step_in_a_message_counts_from_the_start_of_what_was_passed():
    X = [VALUES[0], np.vstack([np.full((2, 3), np.nan), VALUES[1]])]
    X[1][4, 1] = np.nan
    assert "sample 1, time step 4, feature 1" in message(X)
    wide = np.stack([np.vstack([VALUES[0], VALUES[0, :2]]), X[1]])
    assert "sample 1, time step 4, feature 1" in message(wide)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("build", [lambda series: series, object_array, pd.Series])
def test_bad_value_in_a_univariate_series_is_named(value, build):
    series = [np.arange(4.0), np.arange(3.0)]
    series[1][1] = value
    text = message(build(series))
    assert "sample 1, time step 1, feature 0" in text
    assert ("NaN" if np.isnan(value) else "infinity") in text


BAD_TABLES = {
    "array": (lambda T: T, "column 7"),
    "float32": (lambda T: T.astype(np.float32), "column 7"),
    "object": (lambda T: T.astype(object), "column 7"),
    "nested lists": (lambda T: T.tolist(), "column 7"),
    "list of arrays": (list, "column 7"),
    "DataFrame": (lambda T: pd.DataFrame(T, columns=COLUMNS), "column 'c7'"),
    "DataFrame of objects": (
        lambda T: pd.DataFrame(T.astype(object), columns=COLUMNS),
        "column 'c7'",
    ),
    "polars": (lambda T: pl.DataFrame(T, schema=COLUMNS), "column 'c7'"),
}


@pytest.mark.parametrize("kind", BAD_TABLES)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("n_timesteps", [None, 4])
def test_bad_cell_of_a_table_is_named_with_its_column(kind, value, n_timesteps):
    build, column = BAD_TABLES[kind]
    table = VALUES.reshape(5, 12).copy()
    table[3, 7] = value
    text = message(build(table), n_timesteps=n_timesteps)
    assert f"sample 3, {column}" in text
    assert ("SimpleImputer() or a forward fill" if np.isnan(value) else "infinity") in text


@pytest.mark.parametrize("columns", [slice(0, 3), slice(9, 12)], ids=["start", "end"])
@pytest.mark.parametrize("n_timesteps", [None, 4])
def test_nan_at_the_ends_of_a_table_row_is_no_padding(columns, n_timesteps):
    table = VALUES.reshape(5, 12).copy()
    table[1, columns] = np.nan
    text = message(table, n_timesteps=n_timesteps)
    assert f"sample 1, column {columns.start}" in text
    assert "3-D" in text


MISSING = {
    "None in nested lists": lambda: [[1.0, 2.0], [3.0, None]],
    "None in an object array": lambda: np.array([[1.0, 2.0], [3.0, None]], dtype=object),
    "None in a DataFrame": lambda: pd.DataFrame({"a": [1, 3], "b": [2, None]}),
    "NA in a nullable DataFrame": lambda: pd.DataFrame(
        {"a": [1, 3], "b": pd.array([2, None], dtype="Int64")}
    ),
    "NA in nested lists": lambda: [[1.0, 2.0], [3.0, pd.NA]],
    "NA in an object array": lambda: np.array([[1.0, 2.0], [3.0, pd.NA]], dtype=object),
    "NA in a DataFrame of objects": lambda: pd.DataFrame(
        {"a": [1, 3], "b": np.array([2, pd.NA], dtype=object)}
    ),
    "null in polars": lambda: pl.DataFrame({"a": [1, 3], "b": [2, None]}),
}


@pytest.mark.parametrize("kind", MISSING)
def test_missing_value_of_any_kind_in_a_table_is_named(kind):
    X = MISSING[kind]()
    text = message(X)
    assert "NaN" in text
    column = "'b'" if hasattr(X, "columns") else "1"
    assert f"sample 1, column {column}" in text


@pytest.mark.parametrize("missing", [None, pd.NA], ids=["None", "NA"])
@pytest.mark.parametrize(
    "build", [lambda X: X, list, lambda X: X.tolist()], ids=["3-D", "list", "nested lists"]
)
def test_missing_object_in_a_sequence_is_named(missing, build):
    X = VALUES.astype(object)
    X[2, 1, 0] = missing
    assert "sample 2, time step 1, feature 0" in message(build(X))


@pytest.mark.parametrize("hidden", [np.nan, 5.0])
@pytest.mark.parametrize(
    "build", [lambda X: X, list, lambda X: X[:, :, 0]], ids=["3-D", "list", "2-D"]
)
def test_masked_cell_is_not_read_as_a_value(hidden, build):
    X = np.ma.masked_array(VALUES.copy())
    X[2, 1, 0] = hidden
    X[2, 1, 0] = np.ma.masked
    text = message(build(X))
    assert "sample 2" in text


OVERFLOW = {
    "3-D longdouble": lambda big: big[None],
    "2-D longdouble": lambda big: big,
    "list of longdouble": lambda big: [big, big[:1]],
}


@pytest.mark.skipif(
    np.finfo(np.longdouble).max == sys.float_info.max, reason="longdouble is float64 here"
)
@pytest.mark.parametrize("kind", OVERFLOW)
def test_number_beyond_float64_is_an_error_not_infinity(kind):
    big = np.ones((2, 2), np.longdouble)
    big[1, 0] = np.longdouble("1e4000")
    text = message(OVERFLOW[kind](big))
    assert "infinity" in text or "too large" in text


@pytest.mark.parametrize(
    "build",
    [lambda n: [[n]], lambda n: [[[n]]], lambda n: [[[n]], [[1], [2]]]],
    ids=["2-D", "3-D", "list"],
)
def test_python_integer_beyond_float64_is_an_error_not_a_crash(build):
    X = build(10**400)
    message(X)
    message(np.array(X, dtype=object) if len(X) == 1 else object_array(X))


# ---------------------------------------------------------------- shapes


@pytest.mark.parametrize("shape", [(0, 4, 3), (5, 0, 3), (5, 4, 0), (0, 0, 0)])
def test_empty_axis_of_a_3d_array_is_named(shape):
    text = message(np.empty(shape))
    axis = shape.index(0)
    assert f"0 {['sample', 'time step', 'feature'][axis]}(s)" in text
    assert str(shape) in text
    assert "minimum of 1" in text


@pytest.mark.parametrize("build", [lambda T: T, pd.DataFrame], ids=["array", "DataFrame"])
@pytest.mark.parametrize("shape", [(0, 4), (5, 0)])
def test_empty_table_is_refused(shape, build):
    text = message(build(np.empty(shape)))
    assert f"0 {'sample' if shape[0] == 0 else 'feature'}(s)" in text
    assert "minimum of 1" in text


@pytest.mark.parametrize("build", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_empty_data_frame_is_refused_with_the_requirement(build):
    assert "minimum of 1" in message(build())


@pytest.mark.parametrize("X", [[], (), np.empty(0, dtype=object), [[]], [[[]]], [[], []]])
def test_empty_lists_are_refused(X):
    message(X)


@pytest.mark.parametrize(
    "empty", [np.empty((0, 3)), [], np.empty(0), np.empty((0, 3), int)], ids=str
)
@pytest.mark.parametrize("build", [lambda X: X, tuple, object_array, pd.Series])
def test_sequence_without_time_step_is_named(empty, build):
    text = message(build([VALUES[0], VALUES[1, :2], empty]))
    assert "Sample 2 of X has no time step" in text
    assert "at least 1" in text


def test_empty_univariate_series_is_named():
    assert "Sample 1 of X has no time step" in message([[1.0, 2.0], []])


def test_sequence_without_feature_is_named():
    text = message([VALUES[0], np.empty((2, 0))])
    assert "Sample 1 of X has 0 feature(s)" in text
    assert "minimum of 1" in text


@pytest.mark.parametrize("build", [lambda X: X, object_array, pd.Series])
@pytest.mark.parametrize("wrong", [VALUES[3, :2, :2], VALUES[3, :, 0], VALUES[3, :, :2].tolist()])
def test_other_number_of_features_is_named_with_both_counts(build, wrong):
    text = message(build([VALUES[0], VALUES[1, :2], wrong]))
    assert f"Sample 2 of X has {1 if np.ndim(wrong) == 1 else 2} features" in text
    assert "3" in text.replace("Sample 2 of X", "")


@pytest.mark.parametrize(
    ("wrong", "shape"),
    [(VALUES, "(5, 4, 3)"), (3.0, "()"), (None, "()"), (VALUES[:1], "(1, 4, 3)")],
)
def test_item_of_another_dimension_is_named_with_its_shape(wrong, shape):
    text = message([VALUES[0], VALUES[1, :2], wrong])
    assert "Sample 2 of X" in text
    assert "(length, n_features)" in text
    assert shape in text


@pytest.mark.parametrize("wrong", [[[1.0, 2.0], [3.0]], [[1.0], 2.0], [[], [1.0]]])
def test_item_whose_steps_differ_in_features_is_named(wrong):
    text = message([[[1.0, 2.0], [3.0, 4.0]], wrong])
    assert "Sample 1 of X" in text
    assert "(length, n_features)" in text


def test_number_beside_a_series_is_named():
    assert "Sample 1 of X" in message([[1.0, 2.0], 3.0])


@pytest.mark.parametrize("X", [np.zeros(3), [1.0, 2.0], pd.Series([1.0, 2.0])], ids=type)
def test_one_dimensional_x_is_refused(X):
    text = message(X)
    assert "3-D" in text and "2-D" in text and "X[None]" in text


@pytest.mark.parametrize("X", [3.0, None, "ACGT", {"a": [1.0]}, {1.0}, iter([VALUES])], ids=type)
def test_what_is_no_array_is_refused(X):
    assert "X must be 3-D (n_samples, n_timesteps, n_features)" in message(X)
    assert repr(X)[:80] in message(X)


@pytest.mark.parametrize("dtype", [float, object])
def test_four_dimensional_array_is_refused_with_the_shapes_that_are_taken(dtype):
    text = message(np.zeros((2, 2, 2, 2), dtype))
    assert "(2, 2, 2, 2)" in text
    assert "3-D" in text or "n_timesteps" in text, "3-D is taken, so '<= 2' is no requirement"


@pytest.mark.parametrize(("n_columns", "n_timesteps"), [(7, 3), (7, 14), (12, 5)])
@pytest.mark.parametrize("build", [lambda T: T, pd.DataFrame, lambda T: T.tolist()])
def test_columns_that_n_timesteps_does_not_divide_are_refused(n_columns, n_timesteps, build):
    text = message(build(np.zeros((2, n_columns))), n_timesteps=n_timesteps)
    assert f"{n_columns} columns" in text
    assert "n_timesteps" in text
    assert str(n_timesteps) in text


# ---------------------------------------------------------------- what is no real number

NO_NUMBERS = {
    "text": np.full((2, 2, 2), "a"),
    "bytes": np.full((2, 2, 2), b"a"),
    "void": np.zeros((2, 2, 2), "V4"),
    "records": np.zeros((2, 2, 2), [("a", float)]),
    "dates": np.full((2, 2, 2), "2020-01-01", "datetime64[D]"),
    "durations": np.full((2, 2, 2), 1, "timedelta64[D]"),
}


@pytest.mark.parametrize("kind", NO_NUMBERS)
@pytest.mark.parametrize(
    "build",
    [lambda X: X, lambda X: [X[0], X[1, :1]], lambda X: X[:, :, 0]],
    ids=["3-D", "list", "2-D"],
)
def test_what_is_no_number_is_refused_in_every_layout(kind, build):
    X = build(NO_NUMBERS[kind])
    text = message(X)
    if isinstance(X, list):
        assert "Sample 0 of X" in text


def test_column_of_dates_is_refused():
    message(pd.DataFrame({"when": pd.to_datetime(["2020-01-01", "2021-01-01"])}))


@pytest.mark.parametrize(
    "build",
    [
        lambda X: X,
        lambda X: X.tolist(),
        lambda X: X[:, :, 0],
        lambda X: X[:, :, 0].tolist(),
        lambda X: pd.DataFrame(X[:, :, 0]),
    ],
    ids=["3-D", "nested lists", "2-D", "2-D lists", "DataFrame"],
)
def test_text_among_objects_is_quoted(build):
    X = np.full((2, 2, 2), 1.0, dtype=object)
    X[1, 0, 0] = "north"
    with pytest.raises(ValueError, match=r"north|<U|strings"):
        read_sequences(build(X))


def test_text_among_lists_of_different_length_is_named():
    text = message([[[1.0], [2.0]], [["north"]]])
    assert "Sample 1 of X" in text


@pytest.mark.parametrize("X", ["AC", ["ACGT", "AC"], [list("ACGT"), list("AC")]], ids=str)
def test_sequences_of_letters_are_refused(X):
    message(X)


@pytest.mark.parametrize(
    "build",
    [
        lambda X: X,
        lambda X: [X[0], X[1, :2]],
        lambda X: X[:, :, 0],
        lambda X: pd.DataFrame(X[:, :, 0]),
        lambda X: X.tolist(),
    ],
    ids=["3-D", "list", "2-D", "DataFrame", "nested lists"],
)
def test_complex_numbers_are_refused(build):
    assert "Complex data not supported" in message(build(VALUES + 1j))


@pytest.mark.parametrize(
    "build",
    [
        lambda X: X.astype(object),
        lambda X: X[:, :, 0].astype(object),
        lambda X: list(X.astype(object)),
        np.ma.masked_array,
    ],
    ids=["3-D objects", "2-D objects", "list of objects", "masked"],
)
def test_complex_numbers_in_disguise_are_refused_too(build):
    message(build(VALUES + 1j))


@pytest.mark.parametrize("build", [scipy.sparse.csr_matrix, scipy.sparse.coo_array])
def test_sparse_matrix_is_refused_with_the_way_out(build):
    text = message(build(np.eye(3)), TypeError)
    assert "parse" in text
    assert "toarray" in text


def test_sparse_items_are_named():
    assert "Sample 0 of X" in message([scipy.sparse.csr_matrix(np.eye(3))] * 2)


@pytest.mark.parametrize(
    "build",
    [
        lambda X: X,
        lambda X: np.array(X, dtype=object),
        lambda X: [X, X],
        lambda X: pd.DataFrame(X),
        lambda X: [X, X[:1]],
    ],
    ids=["2-D lists", "2-D objects", "3-D lists", "DataFrame", "list"],
)
def test_decimal_numbers_are_read_as_floats(build):
    X = build([[Decimal("1.5"), Decimal("2")], [Decimal("3"), Decimal("4")]])
    assert read_sequences(X).take(slice(0, 1)).ravel()[:2].tolist() == [1.5, 2.0]
