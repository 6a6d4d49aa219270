"""distill."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.validation import has_fit_parameter

from .._data import Windows, read_weights
from .._data._reading import find_layout
from .._utils._sklearn import num_samples, safe_indexing
from ..explain._inputs import sequence_data
from ..explain._pipelines import input_names
from ..explain._summaries import SequenceCells
from ._fitted import Fitted

IntArray = NDArray[np.int64]

# A copy of a row for a class that the teacher all but rules out costs as much as any other.
LEAST_PROBABILITY = 1e-3


def distill(model: Any, student: Any, X: Any, *, sample_weight: Any = None) -> Any:
    """Train a student on the answers of a fitted model [1]_, [2]_.

    The student of a regressor learns its predictions. That of a classifier learns its
    probabilities: of each row it gets a copy for every class, with the label of the class and, as
    its weight, the probability that the teacher gives it, so that its expected loss is the cross
    entropy with the teacher. No targets are needed: X may be rows that nobody has labelled.

    Parameters
    ----------
    model : fitted LSTMRegressor or LSTMClassifier, Pipeline or search
        The teacher, which may be any other estimator, too. It stays as it is.
    student : estimator
        Of the same kind, not fitted; a clone is. An LSTM of other parameters, or any estimator
        of scikit-learn: where the teacher reads sequences, it reads their cells as the columns of
        a row, which must all be of one length.
    X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays
        Rows as in ``predict`` of the model.
    sample_weight : array-like of shape (n,), optional
        Weights of the rows.

    Returns
    -------
    estimator or Pipeline
        The fitted student. Of a Pipeline, the student takes the place of the last step: the steps
        in front of it are copies. One that reads the cells of sequences comes in a Pipeline with
        the step "cells".

    Raises
    ------
    ValueError
        Where a parameter is not as described; where the student is an LSTM of quantiles, of which
        the teacher's predictions say nothing.
    TypeError
        Where X is sparse, or holds objects that are no numbers.

    See Also
    --------
    compare : What it has cost and what it has brought.
    sklstm.explain.explain_surrogate : A simple model that explains instead of replacing.

    Notes
    -----
    Copies of a probability below 0.001 are left out, except the one row of each class that is its
    likeliest. A student that takes no ``sample_weight`` learns the teacher's labels, as does one
    that has several labels for a row, or one for every time step. Its own settings count as
    in any fit: an LSTM student trains for its ``max_epochs``.

    References
    ----------
    .. [1] Hinton, Vinyals & Dean (2015), "Distilling the knowledge in a neural network",
       NeurIPS workshop on deep learning.
    .. [2] Craven & Shavlik (1996), "Extracting tree-structured representations of trained
       networks", NeurIPS 8.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> import numpy as np
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.simplify import distill
    >>> X = np.random.default_rng(0).normal(size=(300, 6, 2))
    >>> y = np.where(X[:, -1, 0] > 0, "up", "down")
    >>> teacher = LSTMClassifier(hidden_size=16, max_epochs=20, random_state=0).fit(X, y)
    >>> student = LSTMClassifier(hidden_size=4, max_epochs=20, random_state=0)
    >>> small = distill(teacher, student, X)
    >>> bool((small.predict(X) == teacher.predict(X)).mean() > 0.9)
    True
    >>> tree = distill(teacher, DecisionTreeClassifier(max_depth=1, random_state=0), X)
    >>> tree
    Pipeline(steps=[('cells', SequenceCells(names=['x0', 'x1'])),
                    ('student', DecisionTreeClassifier(max_depth=1, random_state=0))])
    >>> bool((tree.predict(X) == teacher.predict(X)).mean() > 0.9)
    True
    """
    fitted = Fitted.of(model)
    _check_student(fitted.last, student)
    X = fitted.passed(X)
    student = _reading_cells(clone(student), fitted.last, X)
    path, pupil = _last_step(student)
    weighted = has_fit_parameter(pupil, "sample_weight")
    weights = None
    if sample_weight is not None:
        if not weighted:
            raise ValueError(
                f"The 'sample_weight' parameter must be None for a student that takes none, such as"
                f" {type(pupil).__name__}."
            )
        weights = read_weights(sample_weight, num_samples(X))
    y = fitted.last.predict(X)
    one_label = is_classifier(fitted.last) and isinstance(y, np.ndarray) and y.ndim == 1
    if one_label and weighted and hasattr(fitted.last, "predict_proba"):
        rows, y, shares = _copies(fitted.last, X)
        X, weights = safe_indexing(X, rows), shares if weights is None else weights[rows] * shares
    student.fit(X, y, **({} if weights is None else {path + "sample_weight": weights}))
    return fitted.with_last(student)


def _check_student(teacher: Any, student: Any) -> None:
    if not hasattr(teacher, "predict"):
        raise ValueError(f"The 'model' parameter of distill must predict. Got {teacher!r:.80}.")
    if isinstance(student, type) or not (hasattr(student, "fit") and hasattr(student, "predict")):
        raise ValueError(
            "The 'student' parameter of distill must be an estimator that predicts. Got "
            f"{student!r} instead."
        )
    if is_classifier(teacher) != is_classifier(student):
        kind = "classifier" if is_classifier(teacher) else "regressor"
        raise ValueError(
            f"The 'student' parameter of distill must be a {kind}, as {type(teacher).__name__} is. "
            f"Got {student!r} instead."
        )
    pupil = _inside(student, -1)
    if hasattr(pupil, "_read_known") and getattr(pupil, "loss", None) == "quantile":
        raise ValueError(
            "The 'student' parameter of distill must have another loss than 'quantile': the "
            "teacher's predictions say nothing about quantiles."
        )


def _last_step(student: Any) -> tuple[str, Any]:
    """Prefix of the names of the last step's parameters, and that step."""
    path = ""
    while isinstance(student, Pipeline):
        name, student = student.steps[-1]
        path += f"{name}__"
    return path, student


def _inside(student: Any, place: int) -> Any:
    """The first or last estimator of Pipelines and searches."""
    while True:
        if isinstance(student, Pipeline):
            student = student.steps[place][1]
        elif hasattr(student, "refit") and hasattr(student, "estimator"):  # a search
            student = student.estimator
        else:
            return student


def _reading_cells(student: Any, teacher: Any, X: Any) -> Any:
    """The student, behind a step that makes columns of sequences where it needs one."""
    if not isinstance(X, Windows) and find_layout(X)[0] == "table":
        return student
    first = _inside(student, 0)
    tags = get_tags(first)
    if tags.input_tags.three_d_array or tags.no_validation:
        return student
    lengths = sequence_data(X)[1].lengths
    if len(np.unique(lengths)) > 1:
        raise ValueError(
            f"The student {type(first).__name__} reads the cells of sequences, which must be of "
            f"one length. X has sequences of {lengths.min()} to {lengths.max()} time steps."
        )
    cells = SequenceCells(input_names(X, [teacher], "sequences"))
    steps = student.steps if isinstance(student, Pipeline) else [("student", student)]
    return Pipeline([("cells", cells), *steps])


def _copies(teacher: Any, X: Any) -> tuple[IntArray, NDArray[Any], NDArray[np.float64]]:
    """Rows, one label for each, and its probability."""
    probabilities = teacher.predict_proba(X)
    likely = probabilities >= LEAST_PROBABILITY
    likely[probabilities.argmax(axis=0), np.arange(probabilities.shape[1])] = True
    rows, codes = np.nonzero(likely)
    return rows, teacher.classes_[codes], probabilities[likely]
