"""Everything the estimators accept as y, read into float64 columns."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target


def read_targets(y: Any, n_samples: int) -> NDArray[np.float64]:
    """Regression targets as they are shaped, ``(n,)`` or ``(n, n_outputs)``, in float64."""
    targets = check_array(
        y, ensure_2d=False, dtype=np.float64, ensure_all_finite=False, input_name="y"
    )
    if targets.ndim > 2 or targets.ndim == 0:
        raise ValueError(f"y must have shape (n,) or (n, n_outputs). Got shape {targets.shape}.")
    _check_length(targets, n_samples)
    _check_finite(targets)
    return targets


def read_labels(y: Any, n_samples: int) -> tuple[NDArray[Any], bool]:
    """Class labels, shape (n,), or a multilabel indicator, shape (n, n_labels).

    Returns
    -------
    labels : array
    multilabel : bool
    """
    labels = y if hasattr(y, "tocsr") else np.asarray(y)
    if getattr(labels, "dtype", None) is not None and labels.dtype.kind == "f":
        _check_finite(labels)
    check_classification_targets(y)
    kind = type_of_target(y, input_name="y")
    if kind == "multilabel-indicator":
        labels = check_array(y, accept_sparse=False, dtype=np.float64, input_name="y")
        _check_length(labels, n_samples)
        return labels.astype(np.int64), True
    if kind == "multiclass-multioutput":
        raise ValueError(
            "y has several columns of classes. LSTMClassifier takes one column of labels, or a "
            "0/1 indicator with one column per label; wrap it in MultiOutputClassifier instead."
        )
    labels = column_or_1d(y, warn=True)
    _check_length(labels, n_samples)
    missing = [i for i, label in enumerate(labels) if label is None or label != label]
    if missing:
        raise ValueError(f"Input y contains a missing label (NaN or None) at sample {missing[0]}.")
    return labels, False


def encode_labels(labels: NDArray[Any], classes: NDArray[Any]) -> NDArray[np.int64]:
    """Index of each label in the sorted ``classes``; an unknown label is an error."""
    codes = np.searchsorted(classes, labels).clip(max=len(classes) - 1)
    unknown = classes[codes] != labels
    if unknown.any():
        first = unknown.argmax()
        raise ValueError(
            f"y contains the class {labels[first]!r} (sample {first}), which is not among the "
            f"classes of the first fit: {list(classes)!r}. Name all classes in the first call: "
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
