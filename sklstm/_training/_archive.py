"""Nested tensors and numbers in one safetensors file, without pickle.

Tensors are the file's tensors; what holds them is JSON in its header, beside a digest of
both. A file that was cut off, or in which a bit is wrong, is not read.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from .._utils._files import replacing

FORMAT = "sklstm.checkpoint"
# Raise it when the state of training changes; a checkpoint of another version is not read.
VERSION = 1

Tensors = dict[str, Tensor]


def digest(state: Any) -> str:
    """A hash of nested tensors and numbers."""
    tensors: Tensors = {}
    return _digest(_flatten(state, tensors), tensors)


def write(path: Path, key: str, state: Any) -> None:
    """Write the file, which takes its name only when all of it is on the disk.

    Raises
    ------
    TypeError
        Where the state holds something else than tensors, numbers, text, lists, tuples and
        dicts.
    OSError
        Where it cannot be written; an earlier file of that name is still there.
    """
    tensors: Tensors = {}
    tree = _flatten({"format": FORMAT, "version": VERSION, "key": key, "state": state}, tensors)
    header = {"tree": tree, "digest": _digest(tree, tensors)}
    content = safetensors.torch.save(tensors, header)
    with replacing(path) as file:
        file.write(content)


def read(path: Path, key: str) -> Any:
    """Read what ``write`` has written for ``key``; a ValueError where it is something else."""
    content = path.read_bytes()
    try:
        tensors = {name: tensor.clone() for name, tensor in safetensors.torch.load(content).items()}
        length = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + length])["__metadata__"]
        intact = header["digest"] == _digest(header["tree"], tensors)
        record = _nest(json.loads(header["tree"]), tensors) if intact else None
    except Exception as error:  # of any type, by what is wrong with the bytes
        raise ValueError(f"it is no complete safetensors file of a checkpoint ({error})") from error
    if record is None:
        raise ValueError("its content has changed since it was written")
    if (record["format"], record["version"]) != (FORMAT, VERSION):
        raise ValueError(f"it is of version {record['version']}, and this sklstm reads {VERSION}")
    if record["key"] != key:
        raise ValueError(f"it was written for another fit, as {record['key']}")
    return record["state"]


def _digest(tree: str, tensors: Tensors) -> str:
    hasher: Any = hashlib.blake2b(tree.encode(), digest_size=16)
    for name in sorted(tensors):
        tensor = tensors[name]
        hasher.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        hasher.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return hasher.hexdigest()


def _flatten(value: Any, tensors: Tensors) -> str:
    """JSON of ``value``, whose tensors are put into ``tensors``."""
    return json.dumps(_to_json(value, tensors))


def _to_json(value: Any, tensors: Tensors) -> Any:
    # Containers are pairs of their kind and their content, so that a tuple comes back as one.
    if isinstance(value, Tensor):
        name = str(len(tensors))
        # A copy: safetensors refuses tensors that share memory.
        tensors[name] = value.detach().to("cpu", copy=True).contiguous()
        return ["tensor", name]
    if isinstance(value, Mapping):  # whose keys may be numbers
        return ["dict", [[_to_json(item, tensors) for item in pair] for pair in value.items()]]
    if isinstance(value, list | tuple):
        return [type(value).__name__, [_to_json(item, tensors) for item in value]]
    if isinstance(value, np.generic):  # a rate from numpy.logspace
        value = value.item()
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise TypeError(f"an instance of {type(value).__name__!r}")


def _nest(value: Any, tensors: Tensors) -> Any:
    """The reverse of ``_to_json``."""
    if not isinstance(value, list):
        return value
    kind, content = value
    if kind == "tensor":
        return tensors[content]
    items = [_nest(item, tensors) if kind != "dict" else item for item in content]
    if kind == "dict":
        return {_nest(k, tensors): _nest(v, tensors) for k, v in items}
    return tuple(items) if kind == "tuple" else items
