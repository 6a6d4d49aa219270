"""A hash of parameters that is the same in every process, functions and classes included."""

import inspect
from collections.abc import Iterator
from types import CodeType
from typing import Any

import torch
from joblib.hashing import NumpyHasher

# Which versions of these a fit ran on is recorded beside its parameters.
KNOWN_BY_NAME = frozenset({"builtins", "sklstm", "torch"})
CONSTANTS = (bool, int, float, complex, str, bytes, list, tuple, dict, type(None))


def identity(value: Any) -> str:
    """Hash by content, as ``joblib.hash``; functions and classes by name and compiled code.

    The code stays the same on its way to a worker process, where pickle finds neither what a
    script or notebook defines nor its source. What a function calls does not count.
    """
    return _Hasher().hash(value)


class _Hasher(NumpyHasher):
    def __init__(self) -> None:
        super().__init__()
        self._described: set[int] = set()

    def reducer_override(self, obj: Any) -> Any:
        """What pickle writes in place of ``obj``."""
        if isinstance(obj, torch.Tensor):  # of which pickle writes other bytes each time
            content = obj.detach().cpu().reshape(-1).view(torch.uint8).numpy()
            return list, ([str(obj.dtype), tuple(obj.shape), content],)
        if not (inspect.isfunction(obj) or inspect.isclass(obj)):
            return NotImplemented
        module = (obj.__module__ or "").replace("__mp_main__", "__main__")  # of a spawned process
        if module.partition(".")[0] in KNOWN_BY_NAME:
            return NotImplemented
        description: list[Any] = [module, obj.__qualname__]
        if id(obj) not in self._described:  # a method that calls super() holds its class
            self._described.add(id(obj))
            description += _members(obj) if inspect.isclass(obj) else _parts(obj)
        return list, (description,)


def _parts(function: Any) -> list[Any]:
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    return [_compiled(function.__code__), function.__defaults__, function.__kwdefaults__, cells]


def _compiled(code: CodeType) -> list[Any]:
    constants = [_constant(value) for value in code.co_consts]
    return [code.co_code, code.co_names, code.co_varnames, constants]


def _constant(value: Any) -> Any:
    if isinstance(value, CodeType):
        return _compiled(value)
    return sorted(map(repr, value)) if isinstance(value, frozenset) else repr(value)


def _members(cls: type) -> Iterator[Any]:
    """Bases, methods, and attributes that are plain values."""
    yield from cls.__bases__
    for name, member in sorted(vars(cls).items()):
        member = getattr(member, "__func__", getattr(member, "fget", member))
        hidden = name.startswith("__") and name.endswith("__")
        if inspect.isfunction(member) or (type(member) in CONSTANTS and not hidden):
            yield name, member
