"""additivity_gap, sparseness and ground_truth_auc: measures of an explanation alone."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import roc_auc_score
from sklearn.utils import Bunch

from ..explain import Explanation
from ..explain._names import real_steps
from ._game import check_explanation
from ._outputs import mean, share

FloatArray = NDArray[np.float64]


def additivity_gap(explanation: Explanation) -> Bunch:
    """How much of the output the values of an explanation miss, or have too much.

    Base value and values of a row should sum to its output: the local accuracy of [1]_, the
    completeness of other authors.

    Parameters
    ----------
    explanation : Explanation

    Returns
    -------
    Bunch
        value, standard_error : float
            Sum of the gaps of all rows and outputs over the sum of the distances of the outputs
            from their base values. 0 is best, and 1 what values of 0 would have. The error is
            over rows.
        rows : array of shape (n,) + out
            ``explanation.additivity_gap``, in units of the output.

    Raises
    ------
    ValueError
        If the values are relative to nothing, such as slopes or absolute values.

    References
    ----------
    .. [1] Lundberg & Lee (2017), "A unified approach to interpreting model predictions",
       NeurIPS.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklstm.explain import explain_shap
    >>> from sklstm.metrics import additivity_gap
    >>> X = np.random.default_rng(0).normal(size=(40, 5))
    >>> model = LinearRegression().fit(X, X[:, 0])
    >>> e = explain_shap(model, X[:20], background=X[20:])
    >>> bool(additivity_gap(e).value < 1e-9)
    True
    """
    check_explanation(explanation)
    if np.isnan(explanation.base_values).all():
        raise ValueError(
            "The 'explanation' parameter must have base values. Those of method "
            f"{explanation.method!r} ({', '.join(explanation.derivation) or 'as it is'}) add up "
            "to nothing."
        )
    gap = explanation.additivity_gap
    result = share(gap, np.abs(explanation.output_values - explanation.base_values))
    return Bunch(value=result.value, standard_error=result.standard_error, rows=gap.copy())


def sparseness(explanation: Explanation) -> Bunch:
    """How few players have most of the value: the Gini index of the absolute values.

    0 where all players have the same value, near 1 where one has all [1]_, [2]_. A sparse
    explanation is easier to read; it is not for that reason right.

    Parameters
    ----------
    explanation : Explanation

    Returns
    -------
    Bunch
        value, standard_error : float
            Mean over outputs and rows, and its error over rows.
        rows : array of shape (n,) + out
            Of each row; NaN where all values are 0. Players of padding do not count.

    References
    ----------
    .. [1] Chalasani, Chen, Chowdhury, Wu & Jha (2020), "Concise explanations of neural networks
       using adversarial training", ICML.
    .. [2] Hurley & Rickard (2009), "Comparing measures of sparsity", IEEE Transactions on
       Information Theory.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklstm.explain import explain_shap
    >>> from sklstm.metrics import sparseness
    >>> X = np.random.default_rng(0).normal(size=(40, 5))
    >>> model = LinearRegression().fit(X, X[:, 0])
    >>> e = explain_shap(model, X[:20], background=X[20:])
    >>> round(sparseness(e).value, 2)
    0.8
    """
    sizes, real, out = sizes_of(explanation)
    result = np.full((len(sizes), sizes.shape[2]), np.nan)
    for i, o in np.ndindex(result.shape):
        own = np.sort(sizes[i, real[i], o])
        n = len(own)
        if (total := own.sum()) > 0:
            result[i, o] = ((2 * np.arange(1, n + 1) - n - 1) * own).sum() / (n * total)
    value, error = mean(result)
    return Bunch(value=value, standard_error=error, rows=result.reshape(len(result), *out))


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
    >>> e = explain_shap(model, X[:20], background=X[20:])
    >>> ground_truth_auc(e, [False, True, False, False, False]).value
    1.0
    """
    sizes, real, out = sizes_of(explanation)
    players = explanation.values.shape[1 : explanation.values.ndim - len(out)]
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


def sizes_of(
    explanation: Explanation,
) -> tuple[FloatArray, NDArray[np.bool_], tuple[int, ...]]:
    """Absolute values (n, n_players, k), which players each row has, and the outputs' shape.

    Of outputs that do not exist the values are NaN.
    """
    check_explanation(explanation)
    e, n, out = explanation, len(explanation), explanation.output_values.shape[1:]
    sizes = np.abs(e.values).reshape(n, e.n_players, -1)
    missing = np.isnan(e.output_values.reshape(n, 1, -1))
    return np.where(missing, np.nan, sizes), _present(e), out


def _present(e: Explanation) -> NDArray[np.bool_]:
    """Which players have a real cell in each row, (n, n_players)."""
    present = np.ones((len(e), e.n_players), dtype=np.bool_)
    if e.lengths is None:
        return present
    real = real_steps(e)
    if e.level == "cell":
        return np.repeat(real, e.data.shape[2], axis=1)
    if e.level == "timestep":
        return real
    if e.player_of_cell is not None:
        for player in range(e.n_players):
            steps = (e.player_of_cell == player).any(axis=1)
            present[:, player] = real[:, steps].any(axis=1)
    return present
