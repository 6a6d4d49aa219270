"""Arrays and JSON in one npz file, without pickle."""

import json
import os
import zipfile
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from .._utils._files import replacing

FORMAT = "sklstm.Explanation"
# Raise it when a change of the fields makes older readers fail, and keep reading the old ones.
VERSION = 1
INTEGERS = ("lengths", "table_rows", "player_of_cell")


def write(
    path: str | os.PathLike[str], arrays: dict[str, NDArray[Any]], texts: dict[str, Any]
) -> None:
    """Write the file, which appears only when it is complete."""
    header = json.dumps({"format": FORMAT, "version": VERSION, **texts})
    with replacing(path) as file:
        np.savez(file, header=np.array(header), **arrays)  # type: ignore[arg-type]


def read(file: IO[bytes]) -> dict[str, Any]:
    """Read arrays and texts; any kind of exception where the file is something else."""
    archive = np.load(file, allow_pickle=False)
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise ValueError("it is a single array")
    with archive:
        # A compressed member may claim any size; ours are as large as the file says.
        members = archive.zip.infolist() if archive.zip is not None else []
        if any(info.compress_type != zipfile.ZIP_STORED for info in members):
            raise ValueError("its members are compressed")
        if "header" not in archive.files:
            raise ValueError("it has no header")
        texts = json.loads(str(archive["header"]))
        if not isinstance(texts, dict) or texts.pop("format", None) != FORMAT:
            raise ValueError("its header is of another format")
        version = texts.pop("version", None)
        if version != VERSION:
            raise ValueError(f"it is of version {version}, and this sklstm reads {VERSION}")
        arrays = {name: archive[name] for name in archive.files if name != "header"}
    for name, array in arrays.items():
        if array.dtype.kind != ("i" if name in INTEGERS else "f"):
            raise ValueError(f"{name} has dtype {array.dtype}")
    return arrays | texts
