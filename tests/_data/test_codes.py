"""Integer codes: every container gives the same record, and what is no code is named."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal

from sklstm._data import _codes, codes_seen, largest_code, read_codes
from sklstm._data._codes import LARGEST_CODE

RAGGED = [[3, 0, 5], [7], [1, 1], [9, 2, 4, 0, 0]]


def padded(at_start=False, dtype=np.int64, width=5):
    array = np.full((4, width), -1, dtype=dtype)
    for row, codes in zip(array, RAGGED, strict=True):
        row[slice(width - len(codes), None) if at_start else slice(len(codes))] = codes
    return array


def objects():
    array = np.empty(4, dtype=object)
    array[:] = [np.array(codes) for codes in RAGGED]
    return array


CONTAINERS = {
    "lists": RAGGED,
    "tuple of tuples": tuple(map(tuple, RAGGED)),
    "arrays": [np.array(codes, dtype=np.uint8) for codes in RAGGED],
    "columns": [np.array(codes)[:, None] for codes in RAGGED],
    "floats": [np.array(codes, dtype=np.float32) for codes in RAGGED],
    "object array": objects(),
    "Series": pd.Series(RAGGED),
    "padded at the end": padded(),
    "padded at the start": padded(at_start=True),
    "padded at both ends": np.pad(padded(), ((0, 0), (2, 3)), constant_values=-1),
    "3-D": padded()[:, :, None],
    "3-D, NaN": np.where(padded() < 0, np.nan, padded())[:, :, None],
    "int8": padded(dtype=np.int8),
    "float32": padded(dtype=np.float32),
    "Fortran": np.asfortranarray(padded()),
    "view": np.repeat(padded(), 2, axis=1)[:, ::2],
    "nested lists": padded().tolist(),
    "pandas": pd.DataFrame(padded(), columns=list("abcde")),
    "pandas Int64": pd.DataFrame(padded()).astype("Int64"),
    "polars": pl.DataFrame(padded(), schema=list("abcde")),
    "objects in 2-D": padded().astype(object),
}


def rows_of(sequences):
    values = sequences.take(slice(None))[:, :, 0]
    return [row[:length].tolist() for row, length in zip(values, sequences.lengths, strict=True)]


@pytest.mark.parametrize("X", CONTAINERS.values(), ids=CONTAINERS.keys())
def test_every_container_holds_the_same_codes(X):
    sequences = read_codes(X)
    assert sequences.n_features == 1
    assert_array_equal(sequences.lengths, [3, 1, 2, 5])
    assert rows_of(sequences) == RAGGED
    # Also of some rows only, and zero after their ends.
    part = sequences.take(np.array([1, 0]))[:, :, 0]
    assert_array_equal(part, [[7, 0, 0], [3, 0, 5]])


def test_memory_map_stays_on_disk(tmp_path):
    np.save(tmp_path / "codes.npy", padded())
    sequences = read_codes(np.load(tmp_path / "codes.npy", mmap_mode="r"))
    assert not sequences.in_memory
    assert rows_of(sequences) == RAGGED


def test_array_without_padding_has_none():
    sequences = read_codes(np.arange(12).reshape(3, 4))
    assert sequences.starts is None
    assert sequences.uniform
    assert sequences.n_columns == 4


@pytest.mark.parametrize("n_rows", [1, 5, 64])
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_chunks_do_not_show(n_rows, size, monkeypatch):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 9, size=(n_rows, 6))
    for row in codes:
        row[: rng.integers(0, 3)] = -1
        row[6 - rng.integers(0, 3) :] = -1
    expected = [row[row >= 0].tolist() for row in codes]
    monkeypatch.setattr(_codes, "rows_per_chunk", lambda *_: size)
    assert rows_of(read_codes(codes)) == expected


def test_largest_and_seen_codes_are_of_the_given_rows():
    for X in (RAGGED, padded(at_start=True)):
        sequences = read_codes(X)
        assert largest_code(sequences, np.arange(4)) == 9
        assert largest_code(sequences, np.array([1, 2])) == 7
        assert_array_equal(np.flatnonzero(codes_seen(sequences, np.array([1, 2]), 10)), [1, 7])
        # Padding is no code 0.
        assert_array_equal(
            np.flatnonzero(codes_seen(sequences, np.arange(4), 10)), [0, 1, 2, 3, 4, 5, 7, 9]
        )


def test_largest_code_there_is():
    sequences = read_codes([[LARGEST_CODE, 0]])
    assert largest_code(sequences, np.arange(1)) == LARGEST_CODE == 16_777_215


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (-2, "-2"),
        (0.5, "0.5"),
        (LARGEST_CODE + 1, "16777216"),
        (2**40, "1099511627776"),
        (1e300, "1e\\+300"),
    ],
)
@pytest.mark.parametrize("ragged", [False, True])
def test_what_is_no_code_is_named_with_its_place(value, named, ragged):
    rows = [[1.0, 2.0, 3.0], [4.0, 5.0, value]]
    X = [[1.0], *rows] if ragged else np.array([[1, -1, -1], *rows])
    message = rf"integer codes from 0 to 16777215.*Got {named} at sample 2, time step 2\."
    with pytest.raises(ValueError, match=message):
        read_codes(X)


@pytest.mark.parametrize("X", [[[1, -1, 2], [1, 2, 3]], [[0, 1], [1, -1, 2]]])
def test_padding_inside_a_sequence_is_no_padding(X):
    with pytest.raises(ValueError, match=r"Got -1 at sample [01], time step 1\."):
        read_codes(X)


def test_padding_of_a_list_has_no_place():
    with pytest.raises(ValueError, match=r"Got -1 at sample 1, time step 2\."):
        read_codes([[1], [1, 2, -1]])


def test_row_of_padding_alone():
    X = padded()
    X[2] = -1
    with pytest.raises(ValueError, match="Sample 2 of X has no code: all its values are -1"):
        read_codes(X)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((3, 4, 2)), "one integer code per time step. Got 2 features"),
        ([np.zeros((4, 2)), np.zeros((3, 2))], "one integer code per time step. Got 2 features"),
        ([[1, 2], []], "Sample 1 of X has no time step"),
        (np.zeros((0, 4)), "0 sample"),
        (np.array([[1.0, np.nan]]), "NaN at sample 0, column 1"),
        (np.array([[1.0, np.inf]]), "infinity at sample 0, column 1"),
        (pd.DataFrame({"a": [1, None]}, dtype="Int64"), "NaN at sample 1, column 'a'"),
        (np.array([[1j]]), "Complex"),
        (np.array(5), "list of sequences. Got 5"),
        (["some words", "others"], "Got texts: put SequenceTokenizer"),
    ],
)
def test_other_input_is_refused(X, message):
    with pytest.raises(ValueError, match=message):
        read_codes(X)


def test_number_of_time_steps_is_that_of_the_columns():
    assert rows_of(read_codes(padded(), n_timesteps=5)) == RAGGED
    with pytest.raises(ValueError, match="Got 2 features per time step"):
        read_codes(np.zeros((3, 4)), n_timesteps=2)
    with pytest.raises(ValueError, match="'n_timesteps' parameter"):
        read_codes(padded(), n_timesteps=3)
