"""What of a fitted LSTM is explained: a method's output, or some of its numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import is_classifier

from .._attribution import Readout

METHODS = ("decision_function", "predict_proba", "predict", "predict_quantiles")
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Response:
    """The numbers that are explained.

    Attributes
    ----------
    method : str
        Of the estimator.
    full_shape : tuple of int
        Of what the method returns for one row, or for one time step where each has an output.
    shape : tuple of int
        Of what is explained of it.
    names : sequence, or None where there is one number
        Of the explained numbers; of two axes, one sequence or None for each.
    select : array of shape (n_explained, n_returned)
        From all numbers to those that are explained.
    readout : Readout
        From the network's outputs to the explained numbers.
    """

    method: str
    full_shape: tuple[int, ...]
    shape: tuple[int, ...]
    names: Sequence[Any] | None
    select: Matrix
    readout: Readout

    def selected(self, outputs: Matrix) -> Matrix:
        """The explained numbers, from those that the method returns."""
        if self.shape == self.full_shape and np.array_equal(self.select, np.eye(len(self.select))):
            return outputs
        lead = outputs.shape[: outputs.ndim - len(self.full_shape)]
        return (outputs.reshape(*lead, -1) @ self.select.T).reshape(*lead, *self.shape)


def read_response(estimator: Any, response_method: str, target: Any) -> Response:
    """Read the two parameters, for a fitted LSTMRegressor or LSTMClassifier."""
    if not isinstance(response_method, str):  # an array would be compared entry by entry
        raise ValueError(
            f"The 'response_method' parameter must be a str. Got {response_method!r} instead."
        )
    read = _of_classifier if is_classifier(estimator) else _of_regressor
    method, link, weight, offset, shape, names = read(estimator, response_method)
    if is_classifier(estimator) and shape == ():
        check_class_of_two(target, estimator.classes_.tolist())
    select, selected_shape, selected_names = _select(target, shape, names, method)
    readout = Readout(
        torch.from_numpy(select @ weight),
        link,
        None if offset is None else torch.from_numpy(select @ offset),
    )
    return Response(method, shape, selected_shape, selected_names, select, readout)


def outputs_named(
    method: str, shape: tuple[int, ...], names: Sequence[Any] | None, target: Any
) -> Response:
    """Response of an estimator that returns numbers of this shape for a row."""
    select, selected_shape, selected_names = _select(target, shape, names, method)
    readout = Readout(torch.from_numpy(select))
    return Response(method, shape, selected_shape, selected_names, select, readout)


def check_class_of_two(target: Any, classes: Sequence[Any]) -> None:
    """Raise where the first of two classes is asked for, of a number that speaks for the second."""
    for one in target if isinstance(target, list) else [target]:
        if _among(one, classes[:1]) is not None and _among(one, classes[1:]) is None:
            raise ValueError(
                f"The 'target' parameter is {one!r}, but decision_function of two classes is one "
                f"number, which speaks for {classes[1]!r}: with the other sign its values are "
                f"those of {one!r}. Leave target out, or explain response_method='predict_proba'."
            )


_Parts = tuple[
    str,
    Literal["sigmoid", "softmax"] | None,
    Matrix,
    Matrix | None,
    tuple[int, ...],
    Sequence[Any] | None,
]


def _of_classifier(estimator: Any, method: str) -> _Parts:
    if method == "auto":
        method = "decision_function"
    if method not in METHODS[:2]:
        raise ValueError(
            "The 'response_method' parameter must be 'auto', 'decision_function' or "
            f"'predict_proba' for a classifier: labels are no numbers. Got {method!r} instead."
        )
    classes = estimator.classes_.tolist()
    k = len(classes)
    multilabel = estimator._multilabel
    if method == "predict_proba":
        if multilabel:
            return method, "sigmoid", np.eye(k), None, (k,), classes
        if k == 2:
            return method, "sigmoid", np.array([[-1.0], [1.0]]), np.array([1.0, 0.0]), (2,), classes
        return method, "softmax", np.eye(k), None, (k,), classes
    if multilabel:
        return method, None, np.eye(k), None, (k,), classes
    if k == 2:
        return method, None, np.eye(1), None, (), classes[1:]
    return method, None, np.eye(k) - 1 / k, None, (k,), classes


def _of_regressor(estimator: Any, method: str) -> _Parts:
    if method == "auto":
        method = "predict"
    quantiles = estimator.net_.module_.architecture["quantiles"]
    allowed = ("predict",) if quantiles is None else METHODS[2:]
    if method not in allowed:
        raise ValueError(
            f"The 'response_method' parameter must be 'auto' or one of {allowed} for this "
            f"regressor; predict_quantiles needs loss='quantile'. Got {method!r} instead."
        )
    n_outputs = estimator.net_.module_.architecture["n_outputs"]
    n_quantiles = 1 if quantiles is None else len(quantiles)
    n_targets = n_outputs // n_quantiles
    single = estimator._single_output
    every = np.eye(n_outputs)
    if method == "predict":
        median = 0 if quantiles is None else quantiles.index(0.5)
        targets = list(range(n_targets))
        shape = () if single else (n_targets,)
        return method, None, every[median::n_quantiles], None, shape, None if single else targets
    if single:
        return method, None, every, None, (n_quantiles,), list(quantiles)
    return method, None, every, None, (n_targets, n_quantiles), [None, list(quantiles)]


def _select(
    target: Any, shape: tuple[int, ...], names: Sequence[Any] | None, method: str
) -> tuple[Matrix, tuple[int, ...], Sequence[Any] | None]:
    """Rows of numbers that are explained, their shape and their names."""
    n = int(np.prod(shape))
    every = np.eye(n)
    if target is None:
        return every, shape, names
    if isinstance(target, np.ndarray) and target.dtype.kind == "f":
        one = shape or (1,)
        if target.shape[-len(one) :] != one or target.ndim > len(one) + 1 or not len(target):
            raise ValueError(
                f"The 'target' parameter, an array of weights, must be of the shape {one} of the "
                f"outputs of {method}, or hold several such. Got shape {target.shape}."
            )
        if not np.isfinite(target).all():
            raise ValueError(
                f"The 'target' parameter, an array of weights, must be finite. Got {target!r}."
            )
        weights = target.reshape(-1, n).astype(np.float64)
        several = target.ndim > len(one)
        return weights, (len(target),) if several else (), None if several else ["weighted"]
    if isinstance(target, np.ndarray) and target.ndim:
        raise ValueError(
            "The 'target' parameter must be a list where it names outputs, or an array of floats "
            f"where it weighs them. Got an array of {target.dtype}."
        )
    if isinstance(target, list):
        found = [_position(one, shape, names, method) for one in target]
        if not found:
            raise ValueError(f"The 'target' parameter must not be an empty list. Got {target!r}.")
        return every[[i for i, _ in found]], (len(found),), [name for _, name in found]
    position, name = _position(target, shape, names, method)
    return every[[position]], (), [name]


def _position(
    target: Any, shape: tuple[int, ...], names: Sequence[Any] | None, method: str
) -> tuple[int, Any]:
    """Place of one number among the flattened outputs, and its name."""
    if len(shape) == 2:
        index = target if isinstance(target, tuple) else ()
        if len(index) == 2 and names is not None:
            quantiles = names[1]
            output = _among(index[0], list(range(shape[0])))
            quantile = _among(index[1], quantiles)
            if output is not None and quantile is not None:
                return output * shape[1] + quantile, (output, quantiles[quantile])
        raise ValueError(
            f"The 'target' parameter must be (output, quantile), a list of such, or an array of "
            f"weights of shape {shape}. Got {target!r} instead."
        )
    known = list(names) if names is not None else [0]
    position = _among(target, known)
    if position is None:
        raise ValueError(
            f"The 'target' parameter must be among the outputs of {method}: {known!r}, or the "
            f"position of one. Got {target!r} instead."
        )
    return position, known[position]


def _among(target: Any, known: Sequence[Any]) -> int | None:
    """Place of a name, or else a position as it is; names that are integers come first."""
    target = target.item() if isinstance(target, np.generic) else target
    if isinstance(target, str | int | float | bool) and target in known:
        return list(known).index(target)
    numbered = all(isinstance(name, int) for name in known)
    if isinstance(target, int) and not numbered and -len(known) <= target < len(known):
        return target % len(known)
    return None
