"""Weights as integers of few bits: what a quantised net keeps in its pickle."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = dict[str, Any]


def to_integers(matrix: NDArray[np.float32], bits: int) -> Integers:
    """Round each row to multiples of its own scale, which is symmetric about zero.

    Parameters
    ----------
    matrix : float32 array of shape (n_rows, n_columns)
    bits : {4, 8}

    Returns
    -------
    dict
        ``codes``: int8 of the shape of the matrix, or uint8 of shape (ceil(size / 2),) with two
        codes of four bits in each, the first in the lower half; ``scale``: float32 of shape
        (n_rows, 1); ``shape``.
    """
    largest = 2 ** (bits - 1) - 1
    scale = (np.abs(matrix).max(axis=1, keepdims=True) / largest).astype(np.float32)
    codes = np.rint(matrix / np.where(scale > 0, scale, 1)).clip(-largest, largest)
    codes = codes.astype(np.int8)
    if bits == 4:
        halves = np.append(codes.ravel(), np.zeros(codes.size % 2, dtype=np.int8)) & 0xF
        codes = (halves[::2] | halves[1::2] << 4).view(np.uint8)
    return {"codes": codes, "scale": scale, "shape": matrix.shape}


def from_integers(integers: Integers) -> NDArray[np.float32]:
    """The matrix that the integers stand for."""
    return codes_of(integers) * np.asarray(integers["scale"])


def codes_of(integers: Integers) -> NDArray[np.int8]:
    """The integers, in the shape of the matrix."""
    codes, shape = np.asarray(integers["codes"]), integers["shape"]
    if codes.dtype == np.uint8:
        halves = np.stack([codes << 4, codes & 0xF0], axis=1).view(np.int8) >> 4
        codes = halves.ravel()[: int(np.prod(shape))].reshape(shape)
    return codes
