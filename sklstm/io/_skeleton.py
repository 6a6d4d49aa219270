"""Pipelines, searches and other estimators of scikit-learn around LSTMs, through skops.

What skops is given has a `Slot` in the place of each LSTM, `Pairs` in the place of each dict whose
keys are no text, which skops would not bring back as they were, and `Asked` in the place of
metadata requests, which hold the estimator that they belong to.
"""

from collections.abc import Callable
from types import FunctionType
from typing import Any

import sklearn.feature_selection
import sklearn.metrics
import sklearn.model_selection
from sklearn.base import BaseEstimator
from sklearn.utils.metadata_routing import MetadataRequest

from .. import model_selection, preprocessing
from .._base import BaseLSTM
from .._utils._extras import load_extra
from ._archive import check_archive, compact
from ._requests import Requests, request_of, requests_of
from ._values import UnsafeError


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


def dumps(model: Any, slot_of: Callable[[Any], Slot]) -> bytes:
    """The bytes of skops; ``slot_of`` gives the slot of an LSTM."""

    def exchange(value: Any) -> Any:
        if isinstance(value, BaseLSTM):
            return slot_of(value)
        if isinstance(value, MetadataRequest):
            return Asked(requests_of(value), type(value.owner).__name__)
        if type(value) is dict and not all(type(key) is str for key in value):
            return Pairs([(key, exchanged(item, exchange)) for key, item in value.items()])
        return value

    skops = load_extra("skops.io", "sklstm.io.save", extra="skops")
    try:
        data = compact(skops.dumps(exchanged(model, exchange)))
        unsafe = set(skops.get_untrusted_types(data=data)) - set(trusted_types())
    except Exception as error:
        raise UnsafeError(f"a part of it is none that skops can save: {error}") from error
    if unsafe:
        raise UnsafeError(
            f"it holds {', '.join(sorted(unsafe))}, not among the safe classes and functions of "
            "scikit-learn and sklstm. Leave it out, or use joblib"
        )
    check_archive(data)
    return data


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
        if isinstance(value, Pairs):
            return {exchanged(key, exchange): exchanged(v, exchange) for key, v in value.items}
        return value

    model = exchanged(skops.loads(data, trusted=trusted_types()), exchange)
    if not isinstance(model, BaseEstimator) or filled != set(range(len(estimators))):
        raise ValueError("it is no estimator")
    return model


def trusted_types() -> list[str]:
    """Names of classes and functions that are trusted beside those that skops trusts itself.

    Estimators of this library, and of scikit-learn the splitters, the functions that score and
    select, and what holds them.
    """
    trusted: list[Any] = [Slot, Pairs, Asked]
    for module in (preprocessing, model_selection):
        trusted += [value for value in _public(module) if isinstance(value, type)]
    trusted += [
        value
        for value in _public(sklearn.model_selection)
        if isinstance(value, type) and hasattr(value, "get_n_splits")
    ]
    for module in (sklearn.metrics, sklearn.feature_selection):
        trusted += [value for value in _public(module) if isinstance(value, FunctionType)]
    return [f"{item.__module__}.{item.__name__}" for item in trusted] + [
        "numpy.dtype",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.compose._column_transformer.make_column_selector",
        "sklearn.metrics._scorer._MultimetricScorer",
        "sklearn.metrics._scorer._PassthroughScorer",
        "sklearn.metrics._scorer._Scorer",
        "sklearn.utils._bunch.Bunch",
        "sklstm.metrics._sequence_scorer.SequenceScorer",
    ]


def _public(module: Any) -> list[Any]:
    # Names whose use scikit-learn calls experimental are not to be had before they are asked for.
    return [getattr(module, name) for name in module.__all__ if name in vars(module)]
