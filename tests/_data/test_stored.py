"""Arrays that are read by their rows give what the same NumPy array gives."""

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_array_equal
from stores import STORES

from sklstm._data import _sequences as module
from sklstm._data import read_codes, read_sequences
from sklstm._data._stored import StoredArray

VALUES = np.random.default_rng(0).integers(-4, 5, (7, 4, 3)).astype(np.float64)
DTYPES = ["float64", "float32", "float16", ">f4", ">i2", "int64", "uint8", "bool"]
ROWS = [
    slice(0, 7),
    slice(5, 99),
    np.array([2]),
    np.array([1, 2, 3]),
    np.array([6, 0, 0, 3, 6]),
    np.arange(7)[::-1],
]
stores = pytest.mark.parametrize("store", STORES.values(), ids=STORES.keys())


def padded():
    X = VALUES.copy()
    X[::2, 0] = np.nan
    X[3, 2:] = np.nan
    return X


def assert_reads_as(sequences, expected):
    assert not sequences.in_memory
    assert (sequences.layout, sequences.n_columns) == (expected.layout, expected.n_columns)
    assert_array_equal(sequences.lengths, expected.lengths)
    for rows in ROWS:
        assert_array_equal(sequences.take(rows), expected.take(rows), strict=True)
    for one, two in zip(sequences.container_steps(), expected.container_steps(), strict=True):
        assert_array_equal(one, two)


@stores
@pytest.mark.parametrize("dtype", DTYPES)
def test_three_dimensions(store, dtype):
    X = VALUES.astype(dtype)
    assert_reads_as(read_sequences(store(X)), read_sequences(X))


@stores
def test_padding(store):
    assert_reads_as(read_sequences(store(padded())), read_sequences(padded()))


@stores
@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_what_is_masked_is_missing(store, dtype):
    X = np.ma.array(VALUES.astype(dtype), mask=np.isnan(padded()))
    assert_reads_as(read_sequences(store(X)), read_sequences(X))


@stores
@pytest.mark.parametrize("n_timesteps", [None, 4])
def test_a_table(store, n_timesteps):
    table = VALUES.reshape(7, 12)
    expected = read_sequences(table, n_timesteps=n_timesteps)
    assert_reads_as(read_sequences(store(table), n_timesteps=n_timesteps), expected)


@stores
@pytest.mark.parametrize("dtype", ["int32", "float64"])
def test_codes(store, dtype):
    codes = np.abs(VALUES[:, :, 0]).astype(dtype)
    codes[::2, 3] = codes[1, 0] = -1
    for X in (codes, codes[:, :, None]):
        assert_reads_as(read_codes(store(X)), read_codes(X))


@stores
def test_other_values_come_back_in_one_array(store):
    X = padded()
    sequences, expected = read_sequences(store(X)), read_sequences(X)
    values = expected.take(slice(None)) + 1
    assert_array_equal(sequences.like_original(X, values), expected.like_original(X, values))


@stores
@pytest.mark.parametrize("build", [padded, lambda: VALUES, lambda: VALUES.reshape(7, -1)])
def test_few_rows_are_read_at_a_time(store, build, monkeypatch):
    monkeypatch.setattr(module, "CHUNK_BYTES", 2 * 8 * 12)
    stored = store(build())
    sequences = read_sequences(stored)
    for rows in sequences.chunks(np.arange(7)[::-1]):
        sequences.take(rows)
    assert stored.most_rows == 2


def message(X, **options):
    with pytest.raises((ValueError, TypeError)) as caught:
        read_sequences(X, **options)
    return str(caught.value)


def with_value(value, flat=False):
    X = VALUES.astype(np.float64)
    X[4, 2, 1] = value
    return X.reshape(7, -1) if flat else X


WRONG = {
    "NaN inside": with_value(np.nan),
    "infinity": with_value(np.inf),
    "NaN in a table": with_value(np.nan, flat=True),
    "infinity in a table": with_value(-np.inf, flat=True),
    "no real step": np.full((2, 3, 1), np.nan),
    "no sample": VALUES[:0],
    "no feature": VALUES[:, :, :0],
    "no row": VALUES[:0, 0],
    "no column": VALUES[:, 0, :0],
    "complex": VALUES.astype(complex),
    "text": VALUES.astype(str),
    "dates": VALUES.astype("datetime64[s]"),
    "four dimensions": VALUES[None],
}


@stores
@pytest.mark.parametrize("wrong", WRONG)
def test_errors_are_those_of_the_array(store, wrong):
    assert message(store(WRONG[wrong])) == message(WRONG[wrong])


@stores
def test_an_unknown_number_of_rows(store):
    stored = store(VALUES)
    stored.shape = (np.nan, 4, 3)
    assert r"how many rows it has (shape (nan, 4, 3)). Call its compute_chunk" in message(stored)


@stores
def test_columns_that_do_not_divide(store):
    assert "does not divide" in message(store(VALUES[0]), n_timesteps=2)


@pytest.mark.parametrize(
    "X",
    [VALUES, torch.tensor(VALUES), pd.DataFrame(VALUES[0]), VALUES.tolist(), np.ma.array(VALUES)],
    ids=lambda X: type(X).__name__,
)
def test_what_is_in_memory_stays_there(X):
    assert read_sequences(X).in_memory


def test_a_row_in_another_shape():
    stored = StoredArray(STORES["HDF5"](VALUES)).reshape(7, 6, 2)
    assert (len(stored), stored.shape) == (7, (7, 6, 2))
    rows = np.array([3, 1, 3])
    assert_array_equal(stored[rows], VALUES.reshape(7, 6, 2)[rows])
