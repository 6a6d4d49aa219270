"""Names of classes and functions that are trusted in a file beside those that skops trusts."""

from types import FunctionType
from typing import Any

import sklearn.feature_selection
import sklearn.metrics
import sklearn.model_selection

from .. import model_selection, preprocessing

# What estimators of scikit-learn hold when they are fitted, and types that choose columns.
_NAMES = [
    "builtins.object",
    "numpy.dtype",
    "numpy.floating",
    "numpy.integer",
    "numpy.number",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.compose._column_transformer.make_column_selector",
    "sklearn.metrics._scorer._CurveScorer",
    "sklearn.metrics._scorer._MultimetricScorer",
    "sklearn.metrics._scorer._PassthroughScorer",
    "sklearn.metrics._scorer._Scorer",
    "sklearn.model_selection._split._CVIterableWrapper",
    "sklearn.utils._bunch.Bunch",
    "sklstm.metrics._sequence_scorer.SequenceScorer",
]


def trusted_types() -> list[str]:
    """Of this library the estimators; of scikit-learn the splitters, scores and what holds them."""
    trusted: list[Any] = []
    for module in (preprocessing, model_selection):
        trusted += [value for value in _public(module) if isinstance(value, type)]
    trusted += [
        value
        for value in _public(sklearn.model_selection)
        if isinstance(value, type) and hasattr(value, "get_n_splits")
    ]
    for module in (sklearn.metrics, sklearn.feature_selection):
        trusted += [value for value in _public(module) if isinstance(value, FunctionType)]
    return [*map(name_of, trusted), *_NAMES]


def name_of(item: Any) -> str:
    """Of a class or function, as skops writes it."""
    return f"{item.__module__}.{item.__name__}"


def _public(module: Any) -> list[Any]:
    # Names whose use scikit-learn calls experimental are not to be had before they are asked for.
    return [getattr(module, name) for name in module.__all__ if name in vars(module)]
