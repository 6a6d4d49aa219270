import numpy as np
import pytest

from sklstm._data import Windows, read_sequences

RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(30, 2))
# Windows of all lengths up to 4, in no order of rows.
ENDS = np.array([3, 0, 29, 7, 7, 12])
LENGTHS = np.array([4, 1, 4, 2, 4, 3])


def windows(dtype=np.float64):
    return Windows(TABLE.astype(dtype), ENDS, LENGTHS, 4)


def slow_array(dtype=np.float64):
    array = np.full((len(ENDS), 4, 2), np.nan, dtype)
    for row, (end, length) in enumerate(zip(ENDS, LENGTHS, strict=True)):
        for back in range(length):
            array[row, 3 - back] = TABLE[end - back]
    return array


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_array_is_padded_at_the_start(dtype):
    array = np.asarray(windows(dtype))
    assert array.dtype == dtype
    np.testing.assert_array_equal(array, slow_array(dtype))


def test_shape_and_name():
    assert windows().shape == (6, 4, 2)
    assert windows().ndim == 3
    assert len(windows()) == 6
    assert repr(windows()) == "<Windows of shape (6, 4, 2) over a table of 30 rows>"


@pytest.mark.parametrize(
    "key",
    [
        slice(1, 5, 2),
        slice(None, None, -1),
        [2, 0],
        [],
        np.array([5, 5, 1]),
        np.array([True, False] * 3),
        Ellipsis,
        slice(None),
        (np.array([4, 2]), Ellipsis),
        (slice(0, 3), slice(None), slice(None)),
    ],
    ids=str,
)
def test_a_selection_of_rows_is_a_view_of_the_same_table(key):
    selected = windows()[key]
    assert isinstance(selected, Windows)
    np.testing.assert_array_equal(np.asarray(selected), slow_array()[key])


@pytest.mark.parametrize(
    "key",
    [
        0,
        -1,
        np.int64(2),
        (0, 1),
        (slice(None), -1),
        (..., 0),
        (slice(2), slice(1, 3)),
        (1, 2, 1),
        None,
        np.array(3),
    ],
    ids=str,
)
def test_any_other_selection_is_an_array(key):
    selected = windows()[key]
    assert not isinstance(selected, Windows)
    np.testing.assert_array_equal(selected, slow_array()[key])


def test_conversion_to_another_type():
    array = np.asarray(windows(), dtype=np.float32)
    assert array.dtype == np.float32
    with pytest.raises(ValueError, match="copy=False"):
        np.asarray(windows(), copy=False)


def test_a_table_is_not_copied_by_selecting():
    view = windows()
    assert view[1:].table is view.table


@pytest.mark.parametrize("rows", [slice(0, 6), np.array([5, 1, 1]), np.array([0, 2, 4])])
@pytest.mark.parametrize("lookback_only", [False, True])
def test_sequences_are_those_of_the_padded_array(rows, lookback_only):
    lazy, dense = windows(), slow_array()
    if lookback_only:
        lazy, dense = lazy[[0, 2, 4]], dense[[0, 2, 4]]
        rows = slice(0, 3) if isinstance(rows, slice) else rows % 3
    lazy, dense = read_sequences(lazy), read_sequences(dense)
    np.testing.assert_array_equal(lazy.lengths, dense.lengths)
    assert (lazy.uniform, lazy.max_length, lazy.n_features) == (lookback_only, 4, 2)
    np.testing.assert_array_equal(lazy.take(rows), dense.take(rows))


def test_other_values_come_back_as_a_padded_array():
    sequences = read_sequences(windows())
    values = sequences.take(slice(0, 6)) + 1
    np.testing.assert_array_equal(sequences.like_original(windows(), values), slow_array() + 1)


def test_no_window_is_an_error():
    with pytest.raises(ValueError, match=r"0 sample\(s\) \(shape=\(0, 4, 2\)\)"):
        read_sequences(windows()[[]])


def test_a_table_on_disk_is_read_batch_by_batch(tmp_path):
    np.save(tmp_path / "table.npy", TABLE)
    table = np.load(tmp_path / "table.npy", mmap_mode="r")
    sequences = read_sequences(Windows(table, ENDS, LENGTHS, 4))
    assert not sequences.in_memory
    assert read_sequences(windows()).in_memory
    np.testing.assert_array_equal(
        sequences.take(slice(0, 6)), read_sequences(windows()).take(slice(0, 6))
    )


def test_all_of_it_and_none_of_it():
    np.testing.assert_array_equal(np.asarray(windows()[()]), slow_array())
    with pytest.raises(IndexError):
        windows()[30]
    with pytest.raises(IndexError):
        windows()["a"]
