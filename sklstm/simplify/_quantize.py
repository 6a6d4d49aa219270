"""quantize."""

from numbers import Integral
from typing import Any

from .._training import to_integers
from ._fitted import Fitted, rebuilt, weights_of

MATRICES = ("weight_ih_l0", "weight_hh_l0", "head.weight", "embedding.weight")


def quantize(model: Any, *, bits: int = 8) -> Any:
    """Round the weights of a fitted LSTM to integers of few bits, for a small file.

    The pickle holds the integers; where it is loaded they become float32 again, and the network
    computes as before: as fast, not faster. Each row of a matrix (LSTM, head, vectors of codes)
    has a scale of its own, the largest absolute value of the row by 127 or by 7 [1]_. Biases,
    peepholes, attention and the scaling of the data stay as they are.

    Parameters
    ----------
    model : fitted LSTMRegressor or LSTMClassifier, Pipeline or search
        It stays as it is.
    bits : {8, 4}, default=8
        With 8 a weight is off by at most 1/254 of the largest of its row, with 4 by 1/14.

    Returns
    -------
    estimator or Pipeline
        A fitted one of the class of ``model``, of a search that of its ``best_estimator_``.

    Raises
    ------
    ValueError
        Where ``bits`` is not as described; where the LSTM has a ``module`` of its own.

    See Also
    --------
    prune : Take out hidden units, for speed.
    compare : What it has cost and what it has brought.

    Notes
    -----
    Training, pruning or taking out layers makes other weights, which are no such integers: quantise
    last. A pickle also holds the parameters and the history of training, which count in
    a small network.

    References
    ----------
    .. [1] Jacob, Kligys, Chen, Zhu, Tang, Howard, Adam & Kalenichenko (2018), "Quantization and
       training of neural networks for efficient integer-arithmetic-only inference", CVPR.

    Examples
    --------
    >>> import pickle
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.simplify import quantize
    >>> X = np.random.default_rng(0).normal(size=(200, 8, 2))
    >>> y = X[:, -3:, 0].sum(axis=1)
    >>> model = LSTMRegressor(random_state=0).fit(X, y)
    >>> small = quantize(model)
    >>> bool(len(pickle.dumps(small)) < 0.35 * len(pickle.dumps(model)))
    True
    >>> bool(abs(small.score(X, y) - model.score(X, y)) < 0.005)
    True
    """
    if not isinstance(bits, Integral) or bits not in (4, 8):
        raise ValueError(f"The 'bits' parameter of quantize must be 8 or 4. Got {bits!r} instead.")
    fitted = Fitted.of_lstm(model, "quantize")
    weights = {
        name: to_integers(array, bits) if name.endswith(MATRICES) else array
        for name, array in weights_of(fitted.last).items()
    }
    return fitted.with_last(rebuilt(fitted.last, weights))
