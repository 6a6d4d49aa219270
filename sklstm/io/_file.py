"""A text and arrays in one safetensors file, with a checksum over every byte."""

import hashlib
import json
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load as from_bytes
from safetensors.numpy import save as to_bytes

Arrays = dict[str, NDArray[Any]]
Content = dict[str, Any]

# The file begins with the length of its header in eight bytes. The header is JSON and begins with
# our text, which is JSON too, and the text with the checksum: SHA-256 of the file with zeros in
# the place of the checksum.
_LENGTH = 8
_PREFIX = b'{"__metadata__":{"sklstm":"{\\"sha256\\": \\"'
_ZEROS = b"0" * 64
_BEGIN = _LENGTH + len(_PREFIX)
_END = _BEGIN + len(_ZEROS)
LARGEST_HEADER = 100_000_000  # as in the safetensors library


def pack(content: Content, arrays: Arrays) -> bytearray:
    """The bytes of a file."""
    text = json.dumps({"sha256": _ZEROS.decode(), **content}, allow_nan=False)
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    packed = bytearray(to_bytes(contiguous, {"sklstm": text}))
    _header_length(packed)
    packed[_BEGIN:_END] = _digest(packed).hexdigest().encode()
    return packed


def read(path: str | os.PathLike[str]) -> tuple[Content, Arrays]:
    """Content and arrays of a file, whose every byte is as it was written.

    Raises
    ------
    ValueError
        Where it is another kind of file, was cut off or damaged.
    """
    with open(path, "rb") as file:
        start = file.read(_END)
        if start[_LENGTH:_BEGIN] != _PREFIX:
            pickle = start[:1] == b"\x80"
            hint = ". It looks like a pickle, which joblib.load would run" if pickle else ""
            raise ValueError(f"sklstm.io.save did not write it{hint}")
        digest = _digest(start)
        while chunk := file.read(2**20):
            digest.update(chunk)
        if digest.hexdigest().encode() != start[_BEGIN:]:
            raise ValueError("its checksum is wrong: it was cut off, damaged or changed")
        length = _header_length(start)
        file.seek(0)
        packed = file.read()
    header = json.loads(packed[_LENGTH : _LENGTH + length])
    content = json.loads(header["__metadata__"]["sklstm"])
    del content["sha256"]
    return content, from_bytes(packed)


def _header_length(packed: bytes | bytearray) -> int:
    length = int.from_bytes(packed[:_LENGTH], "little")
    if length > LARGEST_HEADER:
        raise ValueError(
            f"its header has {length} bytes, and {LARGEST_HEADER} are allowed: labels, names, and "
            "what callbacks recorded in the history"
        )
    return length


def _digest(packed: bytes | bytearray) -> Any:
    """The checksum of what begins so, to be updated with what follows."""
    digest = hashlib.sha256(packed[:_BEGIN])
    digest.update(_ZEROS)
    digest.update(memoryview(packed)[_END:])
    return digest
