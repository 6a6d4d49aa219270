"""ground_truth_auc."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import roc_auc_score
from sklearn.utils import Bunch

from .._data import naming
from ..explain import Explanation
from ._outputs import mean
from ._sizes import sizes_of


def ground_truth_auc(explanation: Explanation, truth: ArrayLike) -> Bunch:
    """How well the size of the values tells the players that matter from the others.

    For data whose truth is known, such as those of :mod:`sklstm.datasets` that are made: the area
    under the ROC curve of the absolute values, row by row [1]_. It measures the explanation and the
    model together: a model that has not learned the truth cannot be explained by it.

    Parameters
    ----------
    explanation : Explanation
    truth : bool array of the shape of one row's players, or of all rows' (n, ...)
        Whether a player matters: shape (n_timesteps, n_features) for cells of sequences,
        (n_players,) otherwise.

    Returns
    -------
    Bunch
        value, standard_error : float
            Mean over outputs and rows, and its error over rows: 1 where all that matter have
            larger values than all others, 0.5 for chance.
        rows : array of shape (n,) + out
            Of each row; NaN where all of its players matter, or none. Players of padding do not
            count.

    Raises
    ------
    ValueError
        If ``truth`` is not of these shapes, or not of True and False.

    References
    ----------
    .. [1] Arras, Osman & Samek (2022), "CLEVR-XAI: a benchmark dataset for the ground truth
       evaluation of neural network explanations", Information Fusion.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklstm.explain import explain_shap
    >>> from sklstm.metrics import ground_truth_auc
    >>> X = np.random.default_rng(0).normal(size=(40, 5))
    >>> model = LinearRegression().fit(X, X[:, 1])
    >>> e = explain_shap(model, X[:20], background=X[20:40])
    >>> ground_truth_auc(e, [False, True, False, False, False]).value
    1.0
    """
    sizes, real, out = sizes_of(explanation)
    players = explanation.values.shape[1 : explanation.values.ndim - len(out)]
    with naming("truth"):
        array = np.asarray(truth)
    if array.dtype != np.bool_ or array.shape not in (players, (len(sizes), *players)):
        raise ValueError(
            f"The 'truth' parameter must be an array of bool of shape {players} or "
            f"{(len(sizes), *players)}. Got {array.dtype} of shape {array.shape}."
        )
    known = np.broadcast_to(array, (len(sizes), *players)).reshape(real.shape)
    result = np.full((len(sizes), sizes.shape[2]), np.nan)
    for i, o in np.ndindex(result.shape):
        own = known[i, real[i]]
        if own.any() and not own.all() and not np.isnan(sizes[i, :, o]).any():
            result[i, o] = roc_auc_score(own, sizes[i, real[i], o])
    value, error = mean(result)
    return Bunch(value=value, standard_error=error, rows=result.reshape(len(result), *out))
