"""Values of parameters and fitted attributes as JSON, with their arrays beside it."""

import dataclasses
import math
import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .. import augmentation
from ._file import Arrays

_NUMBERS: dict[str, Any] = {
    "bool": np.bool_,
    **{
        f"{kind}{bits}": getattr(np, f"{kind}{bits}")
        for kind in ("int", "uint")
        for bits in (8, 16, 32, 64)
    },
    **{f"float{bits}": getattr(np, f"float{bits}") for bits in (16, 32, 64)},
}
# Of an array of texts, each of which NumPy gives the room of the longest.
_LARGEST_TEXT = 2**24


# The halves of a character, side by side: JSON has the same escapes for them and for the character.
_HALVES = re.compile("[\ud800-\udbff][\udc00-\udfff]")


class UnsafeError(ValueError):
    """A value that a file does not hold."""


def why_changed(values: Iterable[Any]) -> str | None:
    """What a file would do to one of the texts among the values; None where it keeps them."""
    for value in values:
        if isinstance(value, str) and _HALVES.search(value):
            return f"holds the text {value!r}, whose surrogates would come back as one character"
    return None


class Writer:
    """Encodes values; collects their arrays under the names of their places."""

    def __init__(self) -> None:
        self.arrays: Arrays = {}

    def encode(self, value: Any, where: str) -> Any:
        """JSON that `Reader` reads as a value of the same type.

        Raises
        ------
        UnsafeError
            Where there is none: for functions, and for objects that neither Python nor NumPy nor
            sklstm defines.
        """
        kind = type(value)
        if value is None or kind in (bool, int):
            return value
        if kind in (str, np.str_):
            (text,) = self._texts([str(value)], where)
            return text if kind is str else {"scalar": text, "dtype": "str"}
        if kind is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if kind is list:
            return self._items(value, where)
        if kind is tuple:
            return {"tuple": self._items(value, where)}
        if kind is dict:
            return {
                "dict": [
                    [self.encode(key, f"a key of {where}"), self.encode(item, f"{where}.{key}")]
                    for key, item in value.items()
                ]
            }
        if isinstance(value, np.ndarray):
            return self._array(value, where)
        if isinstance(value, np.generic) and value.dtype.name in _NUMBERS:
            return {"scalar": self.encode(value.item(), where), "dtype": value.dtype.name}
        return self._object(value, where)

    def _items(self, values: Any, where: str) -> list[Any]:
        return [self.encode(value, f"{where}.{i}") for i, value in enumerate(values)]

    def _texts(self, texts: list[str], where: str) -> list[str]:
        if reason := why_changed(texts):
            raise UnsafeError(f"{where} {reason}")
        return texts

    def _array(self, array: NDArray[Any], where: str) -> Any:
        if type(array) in (np.ndarray, np.memmap):
            array = array.astype(array.dtype.newbyteorder("="), copy=False)
            if array.dtype.kind in "mM":
                numbers = self._array(array.view(np.int64), where)
                return {"times": numbers, "dtype": array.dtype.name}
            if array.dtype.name in _NUMBERS:
                name = where
                while name in self.arrays:
                    name += "'"
                self.arrays[name] = array
                return {"array": name}
            if array.dtype.kind == "O" and array.ndim == 1:
                return {"objects": self._items(array.tolist(), where)}
            if array.dtype.kind == "U" and array.ndim == 1 and array.size <= _LARGEST_TEXT:
                width = array.dtype.itemsize // np.dtype("U1").itemsize
                if width * len(array) <= _LARGEST_TEXT:
                    return {"texts": self._texts(array.tolist(), where), "width": width}
        raise UnsafeError(
            f"{where} is an array of type {type(array).__name__}, dtype {array.dtype} and shape "
            f"{array.shape}"
        )

    def _object(self, value: Any, where: str) -> Any:
        name = getattr(value, "__name__", type(value).__name__)
        if isinstance(value, np.random.RandomState):
            return {"RandomState": self.encode(value.get_state(legacy=False), where)}
        if isinstance(value, type) and getattr(torch.optim, name, None) is value:
            return {"optimizer": name}
        if name in augmentation.__all__ and type(value) is getattr(augmentation, name):
            options = dataclasses.asdict(value)
            return {"augmentation": name, "options": self.encode(options, where)}
        what = value if isinstance(value, type) or callable(value) else type(value)
        where_from = f"{getattr(what, '__module__', '?')}.{getattr(what, '__qualname__', name)}"
        raise UnsafeError(f"{where} is or holds {where_from}")


class Reader:
    """Decodes what `Writer` encoded; each array is taken once."""

    def __init__(self, arrays: Arrays) -> None:
        self.arrays = dict(arrays)

    def decode(self, value: Any) -> Any:
        """The value; any kind of exception where the JSON is no value.

        Nothing is looked up by name but numbers of NumPy, optimizers of torch and augmentations of
        this library.
        """
        if isinstance(value, list):
            return [self.decode(item) for item in value]
        if not isinstance(value, dict):
            return value
        match value:
            case {"tuple": list(items), **rest} if not rest:
                return tuple(self.decode(item) for item in items)
            case {"dict": list(pairs), **rest} if not rest:
                return {self.decode(key): self.decode(item) for key, item in pairs}
            case {"float": "nan" | "inf" | "-inf" as text, **rest} if not rest:
                return float(text)
            case {"array": str(name), **rest} if not rest:
                return np.array(self.arrays.pop(name))
            case {"scalar": scalar, "dtype": "str", **rest} if not rest:
                return np.str_(_of_type(scalar, str))
            case {"scalar": scalar, "dtype": str(dtype), **rest} if not rest:
                return _NUMBERS[dtype](_of_type(self.decode(scalar), int | float))
            case {"objects": list(items), **rest} if not rest:
                array = np.empty(len(items), dtype=object)
                array[:] = [self.decode(item) for item in items]
                return array
            case {"texts": list(texts), "width": int(width), **rest} if not rest:
                if not 0 < width * max(len(texts), 1) <= _LARGEST_TEXT:
                    raise ValueError(f"texts of width {width}")
                return np.array([_of_type(text, str) for text in texts], dtype=f"U{width}")
            case {"times": times, "dtype": str(dtype), **rest} if not rest:
                if np.dtype(dtype).kind not in "mM":
                    raise ValueError(f"times of dtype {dtype}")
                return _of_type(self.decode(times), np.ndarray).view(dtype)
            case _:
                return self._object(value)

    def _object(self, value: dict[str, Any]) -> Any:
        match value:
            case {"RandomState": state, **rest} if not rest:
                return _random_state(self.decode(state))
            case {"optimizer": str(name), **rest} if not rest:
                optimizer = getattr(torch.optim, name)
                if isinstance(optimizer, type) and issubclass(optimizer, torch.optim.Optimizer):
                    return optimizer
            case {"augmentation": str(name), "options": options, **rest} if not rest:
                if name in augmentation.__all__ and name != "TrainingBatch":
                    return getattr(augmentation, name)(**self.decode(options))
        raise ValueError(f"a value of keys {sorted(value)}")


def _random_state(state: Any) -> np.random.RandomState:
    key, position = state["state"]["key"], state["state"]["pos"]
    # NumPy believes the position, and would read beyond the key.
    if key.dtype != np.uint32 or key.shape != (624,) or position not in range(625):
        raise ValueError("a RandomState of another size")
    random_state = np.random.RandomState()
    random_state.set_state(state)
    return random_state


def _of_type(value: Any, kind: Any) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"a value of type {type(value).__name__}")
    return value
