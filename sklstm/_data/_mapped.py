"""Memory maps, and which of their pages are needed next."""

import contextlib
import mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray


def mapping_of(array: Any) -> mmap.mmap | None:
    """The memory map that an array is a view of."""
    while array is not None and not isinstance(array, mmap.mmap):
        array = getattr(array, "base", None)
    return array


def request_rows(
    array: NDArray[Any], starts: NDArray[np.int64], counts: NDArray[np.int64] | int = 1
) -> None:
    """Ask the system to read rows of a memory map, all at once and nothing beside them.

    A page that is touched before it is read costs a wait, and on many disks megabytes around
    it, which random rows do not need. Where this request is not known, nothing happens.

    Parameters
    ----------
    array : array
        Any; one in memory is left alone.
    starts : int64 array of shape (n,)
        The first row of each run.
    counts : int64 array of shape (n,), or int
        Number of rows of each run.
    """
    mapping = mapping_of(array)
    if mapping is None or not hasattr(mmap, "MADV_WILLNEED") or len(starts) == 0:
        return
    # Of row 0, as addresses; those of other rows are `stride` apart.
    low, high = np.lib.array_utils.byte_bounds(array[:1])
    stride = array.strides[0]
    if not high - low <= stride:
        return  # Backwards, or rows that lie through each other, as in Fortran order.
    origin = np.frombuffer(mapping, np.uint8).__array_interface__["data"][0]
    begins = (low - origin + starts * stride) // mmap.PAGESIZE
    ends = -(-(high - origin + (starts + counts - 1) * stride) // mmap.PAGESIZE)
    order = np.argsort(begins, kind="stable")
    begins, ends = begins[order], np.maximum.accumulate(ends[order])
    first = np.append(True, begins[1:] > ends[:-1])
    last = np.append(first[1:], True)
    with contextlib.suppress(OSError):  # The file system may not know the request.
        for begin, end in zip(begins[first].tolist(), ends[last].tolist(), strict=True):
            offset = begin * mmap.PAGESIZE
            mapping.madvise(mmap.MADV_WILLNEED, offset, end * mmap.PAGESIZE - offset)
