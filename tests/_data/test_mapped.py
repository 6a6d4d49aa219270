"""The pages that random rows of a memory map are asked for."""

import mmap
import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sklstm._data import Windows, read_sequences
from sklstm._data._mapped import mapping_of, request_rows

PAGE = mmap.PAGESIZE
needs_madvise = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no madvise")


class Recording(mmap.mmap):
    """An anonymous memory map that notes which of its pages were asked for."""

    requests: list

    def madvise(self, advice, start, length):
        assert advice == mmap.MADV_WILLNEED
        assert start % PAGE == 0 and length > 0
        self.requests.append((start // PAGE, -(-(start + length) // PAGE)))


def mapped(shape, dtype=np.float32, offset=0):
    mapping = Recording(-1, offset + int(np.prod(shape)) * np.dtype(dtype).itemsize)
    mapping.requests = []
    return mapping, np.ndarray(shape, dtype, buffer=mapping, offset=offset)


def pages_by_hand(mapping, array, rows):
    """The page of every value."""
    start = np.frombuffer(mapping, np.uint8).__array_interface__["data"][0]
    pages = set()
    for row in rows:
        for index in np.ndindex(array.shape[1:]):
            address = array[(slice(row, row + 1), *index)].__array_interface__["data"][0] - start
            pages |= {address // PAGE, (address + array.itemsize - 1) // PAGE}
    return pages


def pages_asked_for(mapping):
    assert len(set(mapping.requests)) == len(mapping.requests)
    return [page for request in mapping.requests for page in range(*request)]


@needs_madvise
@pytest.mark.parametrize("offset", [0, 128])
@pytest.mark.parametrize("shape", [(60, 10, 250), (60, 3, 2), (60, 1025), (60, 16, 64)])
def test_pages_of_random_rows_are_asked_for_once(shape, offset):
    mapping, array = mapped(shape, offset=offset)
    rows = np.random.default_rng(0).integers(0, 60, size=9)
    request_rows(array, rows)
    asked = pages_asked_for(mapping)
    assert sorted(asked) == sorted(set(asked))
    assert set(asked) == pages_by_hand(mapping, array, rows)


@needs_madvise
@pytest.mark.parametrize(
    "view",
    [lambda a: a[5:], lambda a: a[::2], lambda a: a[3:40].reshape(37, -1), lambda a: a[:, 2:]],
    ids=["slice", "every other row", "table", "later steps"],
)
def test_pages_of_a_view(view):
    mapping, array = mapped((60, 10, 250), offset=64)
    rows = np.array([7, 17, 3, 4, 17])
    request_rows(view(array), rows)
    assert pages_by_hand(mapping, view(array), rows) == set(pages_asked_for(mapping))


@needs_madvise
def test_rows_in_a_run_are_one_request():
    mapping, array = mapped((60, 10, 250))
    request_rows(array, np.arange(10, 50))
    assert len(mapping.requests) == 1
    assert set(pages_asked_for(mapping)) == pages_by_hand(mapping, array, range(10, 50))


@needs_madvise
def test_pages_of_windows():
    mapping, table = mapped((5000, 7))
    starts, counts = np.array([4000, 100, 120, 0, 2000]), np.array([30, 30, 5, 1, 400])
    request_rows(table, starts, counts)
    rows = np.concatenate([np.arange(s, s + c) for s, c in zip(starts, counts, strict=True)])
    assert set(pages_asked_for(mapping)) == pages_by_hand(mapping, table, rows)


@needs_madvise
@pytest.mark.parametrize("view", [lambda a: a[::-1], lambda a: a.T, lambda a: a[:0]])
def test_rows_that_do_not_lie_in_a_row_are_left_to_the_system(view):
    mapping, array = mapped((60, 10, 250))
    request_rows(view(array), np.arange(len(view(array))))
    assert mapping.requests == []


def test_arrays_in_memory_are_left_alone():
    array = np.zeros((5, 4, 3))
    assert mapping_of(array) is None
    request_rows(array, np.arange(5))


@needs_madvise
def test_a_system_that_refuses_is_no_error():
    class Refusing(Recording):
        def madvise(self, *request):
            self.requests.append(request)
            raise OSError("not of this file system")

    mapping = Refusing(-1, 4000)
    mapping.requests = []
    request_rows(np.ndarray((10, 100), np.float32, buffer=mapping), np.array([3, 1]))
    assert len(mapping.requests) == 1


@needs_madvise
@pytest.mark.parametrize("layout", ["array", "padded", "windows"])
def test_sequences_ask_before_they_read(layout):
    mapping, array = mapped((2000, 100) if layout == "windows" else (60, 20, 100))
    array[:] = np.random.default_rng(0).normal(size=array.shape)
    X = array
    if layout == "padded":
        array[::2, 15:] = np.nan
    if layout == "windows":
        X = Windows(array, np.arange(19, 2000, 33)[:60], np.full(60, 20), 20)
    sequences = read_sequences(X)
    assert not sequences.in_memory
    mapping.requests.clear()
    rows = np.array([41, 3, 17, 30])
    values = sequences.take(rows)
    assert len(mapping.requests) == 4
    expected = np.nan_to_num(np.asarray(X))[rows]
    assert_array_equal(values, expected[:, : values.shape[1]])
