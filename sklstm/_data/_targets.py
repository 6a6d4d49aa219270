"""Everything the estimators accept as y, read into float64 columns."""

from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from ._checks import is_missing, naming, to_numeric
from ._stored import as_array, computed


@naming("y")
def read_targets(y: Any, n_samples: int) -> NDArray[np.float64]:
    """Regression targets as they are shaped, ``(n,)`` or ``(n, n_outputs)``, in float64."""
    if hasattr(y, "tocsr"):
        y = check_array(y, accept_sparse=False, input_name="y")
    targets = as_array(y)
    if targets.ndim not in (1, 2) or 0 in targets.shape:
        raise ValueError(f"y must have shape (n,) or (n, n_outputs). Got shape {targets.shape}.")
    _check_length(targets, n_samples)
    targets = to_numeric(targets, "y").astype(np.float64)
    _check_finite(targets)
    return targets


@naming("y")
def read_labels(y: Any, n_samples: int) -> tuple[NDArray[Any], bool]:
    """Class labels, shape (n,), or a multilabel indicator, shape (n, n_labels).

    Returns
    -------
    labels : array
    multilabel : bool
    """
    y = computed(y)
    _check_no_label_is_missing(y)
    with np.errstate(invalid="ignore"):  # whole numbers beyond int64
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y")
    if kind == "multilabel-indicator":
        indicator = check_array(y, accept_sparse=False, dtype=np.float64, input_name="y")
        _check_length(indicator, n_samples)
        other = indicator[(indicator != 0) & (indicator != 1)]
        if len(other):
            raise ValueError(
                f"y has {indicator.shape[1]} columns, so it must be an indicator of 0 and 1. Got "
                f"{other[0]:g}."
            )
        return indicator.astype(np.int64), True
    if kind == "multiclass-multioutput":
        raise ValueError(
            "y has several columns of classes. LSTMClassifier takes one column of labels, or a "
            "0/1 indicator with one column per label; wrap it in MultiOutputClassifier instead."
        )
    labels = column_or_1d(y, warn=True)
    _check_length(labels, n_samples)
    return labels, False


def _check_no_label_is_missing(y: Any) -> None:
    if hasattr(y, "tocsr"):
        return
    if isinstance(y, list | tuple | np.ma.MaskedArray):
        # As objects: one array of text and NaN would be all text, of masked numbers all numbers.
        labels = np.array(y.tolist() if isinstance(y, np.ma.MaskedArray) else y, dtype=object)
    else:
        labels = np.asarray(y)
    if labels.dtype.kind == "f" and labels.ndim:
        _check_finite(labels)
    if labels.dtype.kind not in "OmM":
        return
    for where, label in np.ndenumerate(labels):
        if np.ndim(label):
            continue
        output = f", output {where[1]}" if len(where) > 1 else ""
        place = f"at sample {where[0] if where else 0}{output}"
        if is_missing(label):
            raise ValueError(f"Input y contains a missing label (NaN or None) {place}.")
        if isinstance(label, Real) and label in (np.inf, -np.inf):
            raise ValueError(f"Input y contains infinity {place}.")


def read_classes(classes: Any) -> NDArray[Any]:
    """The sorted labels that are named in the first call of ``partial_fit``."""
    must = "The 'classes' parameter of partial_fit must be a list of labels of one type"
    try:
        labels = np.asarray(classes)
        missing = any(np.ndim(label) == 0 and is_missing(label) for label in labels.ravel())
        if labels.ndim == 1 and labels.size and not missing:
            return np.unique(labels)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{must}: {error}. Got {classes!r} instead.") from error
    raise ValueError(f"{must}, none of them missing. Got {classes!r} instead.")


def encode_labels(
    labels: NDArray[Any],
    classes: NDArray[Any],
    where: Callable[[int], str] = "sample {}".format,
) -> NDArray[np.int64]:
    """Index of each label in the sorted ``classes``; an unknown label is an error.

    ``where`` tells, for the error, the place in y of a position in ``labels``.
    """
    try:
        codes = np.searchsorted(classes, labels).clip(max=len(classes) - 1)
    except TypeError as error:
        raise ValueError(
            f"y holds labels of another type than the classes of the first fit, "
            f"{classes.tolist()!r}: {error}."
        ) from error
    unknown = classes[codes] != labels
    if unknown.any():
        first = int(unknown.argmax())
        label = labels[first : first + 1].tolist()[0]
        raise ValueError(
            f"y contains the class {label!r} ({where(first)}), which is not among the classes of "
            f"the first fit: {classes.tolist()!r}. Name all classes in the first call: "
            "partial_fit(X, y, classes=[...])."
        )
    return codes


def _check_length(y: NDArray[Any], n_samples: int) -> None:
    if len(y) != n_samples:
        raise ValueError(
            f"X and y must have the same number of samples. Got {n_samples} in X and {len(y)} in y."
        )


def _check_finite(y: NDArray[Any]) -> None:
    finite = np.isfinite(y)
    if not finite.all():
        where = np.argwhere(~finite)[0]
        what = "infinity or a value too large for dtype('float64')"
        if np.isnan(y[tuple(where)]):
            what = "NaN"
        output = f", output {where[1]}" if len(where) > 1 else ""
        raise ValueError(f"Input y contains {what}. First seen at sample {where[0]}{output}.")
