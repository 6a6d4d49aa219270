"""prune."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._utils._sklearn import Interval, StrOptions, validate_parameter_constraints
from ..explain._random import own_random_state
from ._fitted import Fitted, Weights, rebuilt, weights_of
from ._importance import ROWS, Sampled, activity_of, contribution, mutual_information
from ._training import check_data, train_further, zeros_kept
from ._units import Units

_CONSTRAINTS: dict[str, Any] = {
    "fraction": [Interval(Real, 0, 1, closed="left")],
    "kind": [StrOptions({"units", "weights"})],
    "importance": [StrOptions({"magnitude", "contribution", "mutual_information"})],
    "epochs": [Interval(Integral, 0, None, closed="left")],
}


def prune(
    model: Any,
    X: Any = None,
    y: Any = None,
    *,
    fraction: float = 0.5,
    kind: str = "units",
    importance: str = "magnitude",
    epochs: int = 0,
    sample_weight: Any = None,
    random_state: Any = None,
) -> Any:
    """Take out of a fitted LSTM the hidden units, or the single weights, that matter least.

    Without hidden units all matrices are smaller: the network is faster, its pickle smaller, and
    ``hidden_size`` of the new estimator says so. As many units go from every layer and direction,
    because ``hidden_size`` is one number. Single weights become zeros in matrices of the same
    size [1]_, which is not faster; compressed files are smaller.

    Parameters
    ----------
    model : fitted LSTMRegressor or LSTMClassifier, Pipeline or search
        It stays as it is.
    X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays, optional
        Rows as in ``predict`` of the model, usually the training rows. Where they are given, what
        read a unit that is gone reads its mean instead, which biases take up. Without them it
        reads 0.
    y : array-like of shape (n,) or (n, n_outputs), optional
        Their targets, which "mutual_information" needs, for fine-tuning on them.
    fraction : float, default=0.5
        Share that goes: of the units of each layer and direction, rounded, one is kept in any
        case; or of the entries of each matrix (LSTM, attention, head), rounded down. Biases,
        peepholes and vectors of codes are no such matrices.
    kind : {"units", "weights"}, default="units"
    importance : {"magnitude", "contribution", "mutual_information"}, default="magnitude"
        Of a unit. "magnitude" is the Euclidean norm of the weights by which it is read; that of a
        weight is its absolute value, the only choice for ``kind="weights"``. "contribution" is the
        mean size of what the unit adds to the output (see ``explain_units``), for at most 200 rows
        of X beside at most 50 of them. "mutual_information" is that of its state, pooled as for
        the head (by attention as the mean), with y, estimated from nearest neighbours [2]_ of at
        most 1000 rows, or 2000 steps of a network that returns sequences.
    epochs : int, default=0
        So many epochs of fine-tuning on X follow. Without y the network learns to return what
        ``model`` returns [3]_, also where X is a little different: it keeps the predictions and
        their explanations better, and needs no targets. With y it learns the targets, as in
        ``fit`` with ``warm_start``. Pruned weights stay 0; in later training of yours they grow
        again.
    sample_weight : array-like of shape (n,), optional
        Weights of the rows in fine-tuning.
    random_state : int, RandomState instance or None, default=None
        Fixes the rows that are drawn from a large X, the noise of the mutual information, and
        that of fine-tuning without y.

    Returns
    -------
    estimator or Pipeline
        A fitted one of the class of ``model``, of a search that of its ``best_estimator_``.

    Raises
    ------
    ValueError
        Where a parameter is not as described; where X or y is missing that something needs; where
        the LSTM has a ``module`` of its own.
    TypeError
        Where X is sparse, or holds objects that are no numbers.

    See Also
    --------
    compare : What it has cost and what it has brought.
    sklstm.explain.explain_units : What each unit does.

    Notes
    -----
    Fine-tuning without y is least squares on logits, or on targets in standard deviations, with
    Adam at a rate that falls from 0.005 to 0. Noise of up to 0.6 standard deviations of a feature
    is added to X, new in every epoch, and the model answers for the noisy row; codes get none. With
    y the history goes on from that of the model, without it is that of the model.

    Units with little contribution to these outputs may do much to the states of others:
    "contribution" sees what lies above a layer, not what a state does to later states of its own
    layer.

    References
    ----------
    .. [1] Han, Pool, Tran & Dally (2015), "Learning both weights and connections for efficient
       neural networks", NeurIPS 28.
    .. [2] Kraskov, Stögbauer & Grassberger (2004), "Estimating mutual information", Physical
       Review E 69.
    .. [3] Ba & Caruana (2014), "Do deep nets really need to be deep?", NeurIPS 27.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.simplify import prune
    >>> X = np.random.default_rng(0).normal(size=(200, 8, 2))
    >>> y = X[:, -3:, 0].sum(axis=1)
    >>> model = LSTMRegressor(hidden_size=16, random_state=0).fit(X, y)
    >>> small = prune(model, X, epochs=20, random_state=0)
    >>> small
    LSTMRegressor(hidden_size=8, random_state=0)
    >>> bool(small.score(X, y) > model.score(X, y) - 0.02)
    True
    """
    parameters = {
        "fraction": fraction,
        "kind": kind,
        "importance": importance,
        "epochs": epochs,
    }
    validate_parameter_constraints(_CONSTRAINTS, parameters, "prune")
    fitted = Fitted.of_lstm(model, "prune")
    _check_needs(kind, importance, X, y)
    check_data("prune", epochs, X)
    random = own_random_state(random_state)
    if X is not None:
        X = fitted.passed(X)
    if kind == "weights":
        new, zeros = _without_weights(fitted.last, fraction)
        with zeros_kept(new.net_.module_, zeros):
            train_further(new, fitted.last, X, y, sample_weight, epochs, random)
    else:
        new = _without_units(fitted.last, X, y, fraction, importance, random)
        train_further(new, fitted.last, X, y, sample_weight, epochs, random)
    return fitted.with_last(new)


def _check_needs(kind: str, importance: str, X: Any, y: Any) -> None:
    if kind == "weights" and importance != "magnitude":
        raise ValueError(
            "The 'importance' parameter of prune must be 'magnitude' with kind='weights'. Got "
            f"{importance!r} instead."
        )
    needed = {"contribution": ("X",), "mutual_information": ("X", "y")}.get(importance, ())
    missing = [name for name, data in (("X", X), ("y", y)) if name in needed and data is None]
    if missing:
        raise ValueError(f"importance={importance!r} needs {' and '.join(missing)}.")


def _without_units(
    estimator: Any,
    X: Any,
    y: Any,
    fraction: float,
    importance: str,
    random: np.random.RandomState,
) -> Any:
    units, weights = Units(estimator.net_.module_), weights_of(estimator)
    size = units.shape[-1]
    n_kept = max(1, size - int(np.rint(float(fraction) * size)))
    sampled = activity = None
    if X is not None:
        sampled = Sampled.of(X, y, ROWS, random)
        activity = activity_of(estimator, sampled.X)
    if importance == "contribution":
        scores = contribution(estimator, X, random)
    elif importance == "mutual_information":
        assert sampled is not None and activity is not None
        scores = mutual_information(estimator, sampled, activity, random)
    else:
        scores = units.magnitude(weights)
    # Of equal ones the first stay.
    order = np.argsort(-scores, axis=-1, kind="stable")
    kept = np.sort(order[..., :n_kept], axis=-1)
    if activity is not None:
        removed = np.ones(units.shape, dtype=bool)
        np.put_along_axis(removed, kept, False, axis=-1)
        units.hold(weights, removed, activity.mean, activity.pooled)
    return rebuilt(estimator, units.keep(weights, kept), hidden_size=n_kept)


def _without_weights(estimator: Any, fraction: float) -> tuple[Any, dict[str, NDArray[np.bool_]]]:
    weights, zeros = weights_of(estimator), {}
    for name in _matrices(weights):
        matrix = weights[name]
        order = np.argsort(np.abs(matrix), axis=None, kind="stable")
        gone = np.zeros(matrix.size, dtype=bool)
        gone[order[: int(fraction * matrix.size)]] = True
        zeros[name] = gone.reshape(matrix.shape)
        matrix[zeros[name]] = 0.0
    return rebuilt(estimator, weights), zeros


def _matrices(weights: Weights) -> list[str]:
    """Names of matrices that multiply inputs or states."""
    lstm = ("weight_ih_l0", "weight_hh_l0")
    return [
        name
        for name in weights
        if name.endswith(lstm) or name in ("head.weight", "pooling.score.weight")
    ]
