"""What the archive of skops may hold, checked before skops reads it.

skops checks the types in a file. Here are the sizes: a file can claim an array that is larger
than itself, or a small part a million times.
"""

import io
import json
import zipfile
from typing import Any

import numpy as np

_SCHEMA = "schema.json"
# What parts are built by. The others call functions, unpack compressed data, or believe numbers
# in the file that index memory.
_LOADERS = {
    "DTypeNode",
    "DictNode",
    "FunctionNode",
    "JsonNode",
    "ListNode",
    "MaskedArrayNode",
    "NdArrayNode",
    "ObjectNode",
    "SetNode",
    "SliceNode",
    "TupleNode",
    "TypeNode",
}
_ARRAYS = {"ndarray", "bool", "datetime64", "str_", "timedelta64"} | {
    f"{kind}{bits}" for kind in ("int", "uint", "float") for bits in (8, 16, 32, 64)
}


def check_archive(data: bytes) -> None:
    """Raise any kind of exception where skops should not read the archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise ValueError("its members are compressed")
        sizes = {member.filename: member.file_size for member in members}
        if len(sizes) < len(members) or sum(sizes.values()) > len(data):
            raise ValueError("its members overlap")
        schema = archive.read(_SCHEMA)
        for name in sizes.keys() - {_SCHEMA}:
            _check_array(archive.read(name))
    _Parts(sizes, len(data)).size(json.loads(schema))


def compact(data: bytes) -> bytes:
    """The same archive without white space in its JSON, which is two thirds of it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(packed, "w") as smaller:
        for name in archive.namelist():
            member: bytes | str = archive.read(name)
            if name == _SCHEMA:
                member = json.dumps(json.loads(member), separators=(",", ":"))
            smaller.writestr(name, member)
    return packed.getvalue()


def _check_array(member: bytes) -> None:
    """The array is as large as its header says, and holds no objects."""
    file = io.BytesIO(member)
    version = np.lib.format.read_magic(file)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }[version]
    shape, _, dtype = read_header(file)
    size = dtype.itemsize
    for n in shape:
        size *= n
    if dtype.hasobject or min(shape, default=0) < 0 or size != len(member) - file.tell():
        raise ValueError(f"an array of shape {shape} and {dtype} does not fill its place")


class _Parts:
    """The parts that skops would build.

    skops takes a part whose number it has seen for the one that it saw first, so that few of
    them can stand for very many. It writes all of them in full; then they are as many as they
    look.

    Parameters
    ----------
    members : dict
        Sizes of the arrays in the archive.
    n_bytes : int
        That all arrays may take together.
    """

    def __init__(self, members: dict[str, int], n_bytes: int) -> None:
        self.members = members
        self.n_bytes = n_bytes
        self._sizes: dict[int, int] = {}
        self._read: set[tuple[Any, str]] = set()

    def size(self, part: Any) -> int:
        """Check a part and count those in it."""
        if isinstance(part, list):
            return 1 + sum(map(self.size, part))
        if not isinstance(part, dict):
            return 1
        if "__loader__" in part:
            self._check(part)
        size = 1 + sum(map(self.size, part.values()))
        if "__id__" in part and self._sizes.setdefault(part["__id__"], size) != size:
            raise ValueError("two of its parts have the same number")
        return size

    def _check(self, part: dict[str, Any]) -> None:
        name = f"{part['__module__']}.{part['__class__']}"
        if part["__loader__"] not in _LOADERS:
            raise ValueError(f"it holds {name}, which is not among the safe parts")
        if part["__loader__"] != "NdArrayNode":
            return
        if part["__class__"] not in _ARRAYS:
            raise ValueError(f"it holds an array of type {name}")
        if part["type"] != "numpy":
            if len(part["shape"]["content"]) != 1:
                raise ValueError("it holds an array of objects with more than one axis")
        elif (part.get("__id__"), part["file"]) not in self._read:
            self._read.add((part.get("__id__"), part["file"]))
            self.n_bytes -= self.members[part["file"]]
            if self.n_bytes < 0:
                raise ValueError("it repeats its arrays")
