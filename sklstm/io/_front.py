"""Steps of a Pipeline in front of an LSTM that a graph can compute: scalers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler
from sklearn.utils.validation import check_is_fitted

from ..explain._pipelines import PASSTHROUGH
from ..preprocessing import SequenceWise

# Operators of ONNX and their second operands, of shape (n_features,) or (n_timesteps, n_features).
Operations = list[tuple[str, NDArray[np.float64]]]


def steps_of(model: Any) -> list[tuple[str, Any]]:
    """Names and steps of a Pipeline, or of what a search has found; of another model itself.

    Pipelines inside are followed, and steps that do nothing left out.
    """
    model = getattr(model, "best_estimator_", model)
    if not hasattr(model, "steps"):
        return [("", model)]
    before = [(name, step) for name, step in model.steps[:-1] if step not in PASSTHROUGH]
    return before + steps_of(model.steps[-1][1])


def operations_of(steps: list[tuple[str, Any]], estimator: Any, model: Any) -> Operations:
    """What the steps in front of an LSTM compute.

    Parameters
    ----------
    steps : list of (str, transformer)
    estimator : LSTMRegressor or LSTMClassifier
    model : Pipeline or search
        What they are steps of, for the message.

    Raises
    ------
    NotFittedError
        Where a step is not fitted.
    ValueError
        Where a step is no scaler, or what it scales are codes.
    """
    for _, step in steps:
        check_is_fitted(step)
    found = [(step, _operations_of_scaler(step)) for _, step in steps]
    codes = estimator.net_.module_.embedding is not None
    others = [of for (of, _), (_, known) in zip(steps, found, strict=True) if codes or not known]
    if others:
        pipeline = "model.best_estimator_" if hasattr(model, "best_estimator_") else "model"
        raise ValueError(
            "export_onnx writes scalers (StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler) "
            f"and the LSTM, and this {type(model).__name__} has other steps in front of it: "
            f"{', '.join(others)}. Export its last step, export_onnx({pipeline}[-1], path), and "
            f"let the file read what {pipeline}[:-1].transform(X) returns."
        )
    operations: Operations = []
    for step, known in found:
        # A scaler of a table has a number for each column, and time steps are columns.
        shape = -1 if type(step) is SequenceWise else (-1, estimator.n_sequence_features_)
        operations += [(operator, operand.reshape(shape)) for operator, operand in known]
    return operations


def _operations_of_scaler(step: Any) -> Operations:
    """In the order of scikit-learn; none where it is no known scaler."""
    scaler = step.transformer_ if type(step) is SequenceWise else step
    used: list[tuple[str, Any]] = []
    if type(scaler) is StandardScaler:
        used = [("Sub", scaler.mean_ if scaler.with_mean else 0.0)]
        used += [("Div", scaler.scale_ if scaler.with_std else 1.0)]
    elif type(scaler) is RobustScaler:
        used = [("Sub", scaler.center_ if scaler.with_centering else 0.0)]
        used += [("Div", scaler.scale_ if scaler.with_scaling else 1.0)]
    elif type(scaler) is MaxAbsScaler:
        used = [("Div", scaler.scale_), *_clipping(scaler, -1.0, 1.0)]
    elif type(scaler) is MinMaxScaler:
        used = [("Mul", scaler.scale_), ("Add", scaler.min_)]
        used += _clipping(scaler, *scaler.feature_range)
    return [
        (operator, np.broadcast_to(np.float64(numbers), scaler.n_features_in_))
        for operator, numbers in used
    ]


def _clipping(scaler: Any, low: float, high: float) -> list[tuple[str, Any]]:
    return [("Max", low), ("Min", high)] if scaler.clip else []
