"""Pipelines, searches and other estimators of scikit-learn around LSTMs, through skops.

What skops is given has something else in the place of what it would not bring back as it was, or
only at length: a `Slot` for each LSTM, `Asked` for metadata requests, which hold the estimator that
they belong to, `Drawn` for a distribution of SciPy, `Pairs` for a dict whose keys are no text, and
`Numbers` for a vocabulary, each word of which would be a part of its own.
"""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.stats
from scipy.stats.distributions import rv_continuous, rv_discrete, rv_frozen
from sklearn.base import BaseEstimator
from sklearn.utils.metadata_routing import MetadataRequest

from .._base import BaseLSTM
from .._utils._extras import load_extra
from ._archive import check_archive, compact
from ._exchange import exchanged
from ._requests import Requests, request_of, requests_of
from ._trusted import name_of, trusted_types
from ._values import UnsafeError, why_changed


class Slot:
    """The place of an LSTM.

    Parameters
    ----------
    index : int
        Of its entry in the header.
    """

    def __init__(self, index: int) -> None:
        self.index = index


class Pairs:
    """The place of a dict.

    Parameters
    ----------
    items : list of (key, value)
    """

    def __init__(self, items: list[tuple[Any, Any]]) -> None:
        self.items = items


class Numbers:
    """The place of a dict from texts to integers.

    Parameters
    ----------
    items : dict
    """

    def __init__(self, items: dict[str, int]) -> None:
        self.text = np.frombuffer(json.dumps(items).encode(), dtype=np.uint8)

    def items(self) -> dict[str, int]:
        """The dict."""
        items = json.loads(self.text.tobytes())
        if not _is_numbers(items):
            raise ValueError("a dict of integers holds something else")
        return items


class Drawn:
    """The place of a distribution of SciPy, whose state would run code of its own when it is set.

    Parameters
    ----------
    name : str
        In ``scipy.stats``.
    args : tuple
    options : dict
    """

    def __init__(self, name: str, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        self.name = name
        self.args = args
        self.options = options

    def distribution(self) -> Any:
        """The distribution."""
        family = getattr(scipy.stats, self.name)
        if not isinstance(family, rv_continuous | rv_discrete):
            raise ValueError(f"it holds scipy.stats.{self.name}, which is no distribution")
        return family(*self.args, **self.options)


class Asked:
    """The place of metadata requests.

    Parameters
    ----------
    requests : dict of dict
    owner : str
    """

    def __init__(self, requests: Requests, owner: str) -> None:
        self.requests = requests
        self.owner = owner


def dumps(model: Any, slot_of: Callable[[Any], Slot]) -> bytes:
    """The bytes of skops; ``slot_of`` gives the slot of an LSTM."""

    def exchange(value: Any) -> Any:
        if reason := why_changed(value if isinstance(value, dict | set) else [value]):
            raise UnsafeError(reason)
        if isinstance(value, BaseLSTM):
            return slot_of(value)
        if isinstance(value, MetadataRequest):
            return Asked(requests_of(value), type(value.owner).__name__)
        if isinstance(value, rv_frozen) and _is_of_scipy(value.dist):
            return Drawn(value.dist.name, value.args, value.kwds)
        if _is_numbers(value):
            return Numbers(value)
        if type(value) is dict and not all(type(key) is str for key in value):
            return Pairs([exchanged(pair, exchange) for pair in value.items()])
        return value

    try:
        return _safe_bytes(exchanged(model, exchange))
    except UnsafeError as error:
        raise UnsafeError(_with_place(str(error), model, exchange)) from error


def _safe_bytes(value: Any) -> bytes:
    skops = load_extra("skops.io", "sklstm.io.save", extra="skops")
    try:
        data = compact(skops.dumps(value))
        unsafe = set(skops.get_untrusted_types(data=data)) - set(_trusted())
    except Exception as error:
        raise UnsafeError(f"holds a part that skops cannot save: {error}") from error
    if unsafe:
        raise UnsafeError(
            f"holds {', '.join(sorted(unsafe))}, not among the safe classes and functions of "
            "scikit-learn and sklstm"
        )
    try:
        check_archive(data)
    except ValueError as error:
        raise UnsafeError(f"could not be loaded: {error}") from error
    return data


def _with_place(reason: str, model: Any, exchange: Callable[[Any], Any]) -> str:
    """What is not safe, in which parameter, and the way out."""
    parameters = model.get_params()
    # An LSTM has a slot, and parameters that skops does not see.
    lstms = tuple(f"{name}__" for name, value in parameters.items() if isinstance(value, BaseLSTM))
    places = []
    for name, value in parameters.items():
        if name.startswith(lstms):
            continue
        try:
            _safe_bytes(exchanged(value, exchange))
        except UnsafeError as error:
            places.append((name.count("__"), name, value, str(error)))
    if not places:
        return f"it {reason}. Leave it out, or use joblib"
    # The innermost and last: a step is unsafe where its parameter is, and steps where one is.
    _, name, value, reason = max(reversed(places), key=lambda place: place[0])
    what = getattr(value, "__qualname__", f"of type {type(value).__name__}")
    return (
        f"its parameter {name}, {what}, {reason}. Replace it by something that is safe, do its "
        "work in front of the model, or use joblib"
    )


def loads(data: bytes, estimators: list[Any]) -> Any:
    """The model; any kind of exception where the bytes are no safe model."""
    skops = load_extra("skops.io", "sklstm.io.load", extra="skops")
    check_archive(data)
    filled = set()

    def exchange(value: Any) -> Any:
        if isinstance(value, Slot):
            filled.add(value.index)
            return estimators[value.index]
        if isinstance(value, Asked):
            return request_of(value.requests, value.owner)
        if isinstance(value, Drawn):
            return value.distribution()
        if isinstance(value, Numbers):
            return value.items()
        if isinstance(value, Pairs):
            return {exchanged(key, exchange): exchanged(v, exchange) for key, v in value.items}
        if isinstance(value, BaseEstimator) and getattr(value, "memory", None) is not None:
            value.memory = None  # joblib would write pickles there, and run those that it finds
        return value

    model = exchanged(skops.loads(data, trusted=_trusted()), exchange)
    if not isinstance(model, BaseEstimator) or filled != set(range(len(estimators))):
        raise ValueError("it is no estimator")
    return model


def _trusted() -> list[str]:
    return [*map(name_of, (Slot, Pairs, Numbers, Drawn, Asked)), *trusted_types()]


def _is_numbers(value: Any) -> bool:
    if type(value) is not dict or not value:
        return False
    return all(type(key) is str and type(number) is int for key, number in value.items())


def _is_of_scipy(family: Any) -> bool:
    return type(family) is type(getattr(scipy.stats, family.name, None))
