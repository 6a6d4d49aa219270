"""reduce_layers."""

from numbers import Integral
from typing import Any

from .._utils._sklearn import Interval, validate_parameter_constraints
from ..explain._random import own_random_state
from ._fitted import Fitted, rebuilt, weights_of
from ._training import check_data, train_further

_CONSTRAINTS: dict[str, Any] = {
    "num_layers": [Interval(Integral, 1, None, closed="left")],
    "epochs": [Interval(Integral, 0, None, closed="left")],
}


def reduce_layers(
    model: Any,
    X: Any = None,
    y: Any = None,
    *,
    num_layers: int = 1,
    epochs: int = 0,
    sample_weight: Any = None,
    random_state: Any = None,
) -> Any:
    """Take the upper layers out of a stacked LSTM.

    The first ``num_layers`` layers stay as they are, because they are the ones that read the
    input, and the head reads the last of them. Its weights were learned for other states: without
    fine-tuning the predictions mean little.

    Parameters
    ----------
    model : fitted LSTMRegressor or LSTMClassifier, Pipeline or search
        It stays as it is.
    X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays, optional
        Rows to fine-tune on, as in ``fit`` of the model.
    y : array-like of shape (n,) or (n, n_outputs), optional
        Their targets, for fine-tuning on them.
    num_layers : int, default=1
        So many layers are left.
    epochs : int, default=0
        So many epochs of fine-tuning on X follow: without y on what ``model`` returns, with y on
        the targets, as in :func:`prune`.
    sample_weight : array-like of shape (n,), optional
        Weights of the rows in fine-tuning.
    random_state : int, RandomState instance or None, default=None
        Fixes the order and the noise of rows in fine-tuning without y.

    Returns
    -------
    estimator or Pipeline
        A fitted one of the class of ``model``, of a search that of its ``best_estimator_``.

    Raises
    ------
    ValueError
        Where a parameter is not as described; where the network has fewer layers; where the LSTM
        has a ``module`` of its own.
    TypeError
        Where X is sparse, or holds objects that are no numbers.

    See Also
    --------
    prune : Take out hidden units instead.
    distill : Train a student of any shape.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.simplify import reduce_layers
    >>> X = np.random.default_rng(0).normal(size=(200, 8, 2))
    >>> y = X[:, -3:, 0].sum(axis=1)
    >>> model = LSTMRegressor(hidden_size=8, num_layers=2, random_state=0).fit(X, y)
    >>> small = reduce_layers(model, X, epochs=30, random_state=0)
    >>> small
    LSTMRegressor(hidden_size=8, random_state=0)
    >>> bool(small.score(X, y) > model.score(X, y) - 0.02)
    True
    """
    parameters = {"num_layers": num_layers, "epochs": epochs}
    validate_parameter_constraints(_CONSTRAINTS, parameters, "reduce_layers")
    fitted = Fitted.of_lstm(model, "reduce_layers")
    check_data("reduce_layers", epochs, X)
    random = own_random_state(random_state)
    n_layers = len(fitted.last.net_.module_.recurrent.forward_layers)
    if num_layers > n_layers:
        raise ValueError(
            f"The 'num_layers' parameter of reduce_layers must be at most {n_layers}, the layers "
            f"that the network has. Got {num_layers!r} instead."
        )
    weights = {
        name: array
        for name, array in weights_of(fitted.last).items()
        if _layer_of(name) < num_layers
    }
    new = rebuilt(fitted.last, weights, num_layers=int(num_layers))
    if epochs:
        X = fitted.passed(X)
    train_further(new, fitted.last, X, y, sample_weight, epochs, random)
    return fitted.with_last(new)


def _layer_of(name: str) -> int:
    """Of a weight; those that are of no layer are there with the first."""
    parts = name.split(".")
    return int(parts[2]) if parts[0] == "recurrent" else 0
