"""Quantiles of a fitted model, the bands that they make, and the times of its rows."""

from collections.abc import Sequence
from typing import Any

from sklearn.pipeline import Pipeline

from ._rows import fitted_lstm


def quantiles_of(model: Any, X: Any) -> tuple[Any, tuple[float, ...]] | None:
    """Predicted quantiles and their levels; None of a model that has none."""
    model = getattr(model, "best_estimator_", model)
    if isinstance(model, Pipeline):  # it passes predict on, and not predict_quantiles
        return quantiles_of(model[-1], model[:-1].transform(X) if len(model) > 1 else X)
    if getattr(model, "loss", None) != "quantile" or not hasattr(model, "predict_quantiles"):
        return None
    return model.predict_quantiles(X), fitted_lstm(model).net_.module_.architecture["quantiles"]


def bands_of(levels: Sequence[float]) -> list[tuple[int, int]]:
    """Positions of the two levels of each band, the widest one first."""
    return [
        (a, b)
        for a, low in enumerate(levels)
        for b, high in enumerate(levels)
        if a < b and abs(low + high - 1) < 1e-9
    ]


def index_of(*containers: Any) -> Any:
    """Index of the first of them that is of pandas, with more than row numbers in it."""
    for container in containers:
        index = getattr(container, "index", None)
        if index is None or callable(index):  # of a list it is a method
            continue
        if type(index).__name__ != "RangeIndex":
            return index
    return None
