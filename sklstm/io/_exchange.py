"""An object with other parts in place of some of its own."""

from collections.abc import Callable
from typing import Any

import numpy as np


def exchanged(value: Any, exchange: Callable[[Any], Any]) -> Any:
    """The same with other parts, in new containers and estimators where a part is another.

    Parameters
    ----------
    value : object
    exchange : callable
        Returns what takes the place of its argument; the argument itself where it stays.
    """
    seen: dict[int, tuple[Any, Any]] = {}  # the originals, too: a number is theirs while they live

    def visit(old: Any) -> Any:
        if id(old) not in seen:
            new = exchange(old)
            seen[id(old)] = old, parts(old) if new is old else new
        return seen[id(old)][1]

    def parts(old: Any) -> Any:
        kind: Any = type(old)
        if kind in (list, tuple):
            new = [visit(item) for item in old]
            return old if all(map(_same, old, new)) else kind(new)
        if isinstance(old, np.ndarray) and old.dtype == object and old.ndim == 1:
            items = np.ma.getdata(old)  # a search has candidates in masked arrays
            new = [visit(item) for item in items]
            if all(map(_same, items, new)):
                return old
            array = old.copy()
            for i, item in enumerate(new):
                np.ma.getdata(array)[i] = item
            return array
        if isinstance(old, dict) or (
            hasattr(old, "__dict__") and kind.__module__.startswith(("sklearn.", "sklstm."))
        ):
            attributes = old if isinstance(old, dict) else vars(old)
            changed = {key: visit(item) for key, item in attributes.items()}
            if all(map(_same, attributes.values(), changed.values())):
                return old
            new_object = kind.__new__(kind)
            (new_object if isinstance(old, dict) else vars(new_object)).update(changed)
            return new_object
        return old

    return visit(value)


def _same(one: Any, two: Any) -> bool:
    return one is two
