"""A scikit-learn metric over all time steps of all sequences."""

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray
from sklearn.base import is_classifier

from .._data import flatten_steps
from .._utils._sklearn import BaseScorer

RESPONSES = ("predict", "predict_proba", "decision_function")


class SequenceScorer(BaseScorer):
    """What `sequence_scorer` returns."""

    def _score(
        self,
        method_caller: Any,
        estimator: Any,
        X: Any,
        y_true: Any,
        sample_weight: Any = None,
        **options: Any,
    ) -> float:
        """Score the predictions of ``estimator`` for X; the base class calls it."""
        y_pred = getattr(estimator, self._response_method)(X)
        y_true, y_pred, weights = flatten_steps(y_true, y_pred, sample_weight)
        if y_true.ndim == 1 and is_classifier(estimator):
            y_pred = self._of_positive_class(y_pred, list(estimator.classes_))
        if weights is not None:
            options["sample_weight"] = weights
        return self._sign * self._score_func(y_true, y_pred, **{**self._kwargs, **options})

    def _of_positive_class(self, y_pred: NDArray[Any], classes: list[Any]) -> NDArray[Any]:
        """What scikit-learn's scorers hand to a metric where there are two classes."""
        if self._response_method == "predict" or len(classes) != 2:
            return y_pred
        positive = self._get_pos_label()
        first = positive is not None and positive == classes[0]
        if self._response_method == "decision_function":
            return -y_pred if first else y_pred
        return y_pred[:, 0 if first else 1]

    def __repr__(self) -> str:
        return super().__repr__().replace("make_scorer", "sequence_scorer", 1)


def sequence_scorer(
    metric: Callable[..., float],
    *,
    response_method: str = "predict",
    greater_is_better: bool = True,
    **options: Any,
) -> SequenceScorer:
    """Make a scorer of a metric for estimators that return sequences.

    The real time steps of all sequences are put in one row, and each counts once: a long
    sequence counts more than a short one, padding does not count.

    Parameters
    ----------
    metric : callable
        A metric of scikit-learn, or any ``(y_true, y_pred, **options) -> float`` that takes y of
        shape (n,) or (n, n_outputs), of probabilities (n, n_classes).
    response_method : {"predict", "predict_proba", "decision_function"}, default="predict"
        Which method of the estimator is scored. Of the probabilities of two classes, the metric
        gets that of ``classes_[1]``, or of its ``pos_label``.
    greater_is_better : bool, default=True
        False of a loss, which is then negated, so that a search can maximise the score.
    **options : object
        Passed to ``metric``.

    Returns
    -------
    callable
        ``scorer(estimator, X, y, sample_weight=None)``, for the ``scoring`` parameter of
        ``cross_val_score``, ``GridSearchCV`` and the like. A sample weight is one per sequence,
        which each of its steps gets.

    Raises
    ------
    ValueError
        Where a parameter is not as described.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.metrics import f1_score
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.metrics import sequence_scorer
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(rng.integers(4, 9), 1)) for _ in range(60)]
    >>> y = [x[:, 0].cumsum() > 0 for x in X]
    >>> model = LSTMClassifier(8, return_sequences=True, max_epochs=20, random_state=0)
    >>> scores = cross_val_score(model, X, y, cv=3, scoring=sequence_scorer(f1_score))
    >>> bool(scores.mean() > 0.8)
    True
    """
    if not callable(metric):
        raise ValueError(
            "The 'metric' parameter of sequence_scorer must be a callable (y_true, y_pred) -> "
            f"float, such as sklearn.metrics.f1_score. Got {metric!r} instead."
        )
    if not isinstance(response_method, str) or response_method not in RESPONSES:
        raise ValueError(
            f"The 'response_method' parameter of sequence_scorer must be one of {RESPONSES}. Got "
            f"{response_method!r} instead."
        )
    return SequenceScorer(metric, 1 if greater_is_better else -1, options, response_method)
