"""agreement."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.utils import Bunch

from ..explain import Explanation
from ._checks import check_count
from ._outputs import mean
from ._paths import has_signs
from ._sizes import sizes_of

FloatArray = NDArray[np.float64]


def agreement(first: Explanation, second: Explanation, *, k: int = 5) -> Bunch:
    """How far two explanations of the same rows agree on what matters.

    Spearman's rank correlation of the absolute values, and how many of the ``k`` players with
    the largest ones are the same [1]_.

    Parameters
    ----------
    first, second : Explanation
        Of the same rows, players and outputs: two methods, two fits of a model, two backgrounds.
    k : int, default=5
        Number of players at the top; fewer where a row has fewer.

    Returns
    -------
    Bunch
        rank_correlation, rank_correlation_standard_error : float
            Mean over outputs and rows, and its error over rows: 1 is the same order, 0 none.
        top_k, top_k_standard_error : float
            Share of the top players that are the same.
        signs, signs_standard_error : float
            Share of the top players that are the same and have the same sign; NaN of slopes and
            absolute values.
        rows : array of shape (n,) + out
            Rank correlation of each row; NaN where all absolute values are the same in one of
            the two. Players of padding do not count.

    Raises
    ------
    ValueError
        If the two are not of the same rows, players and outputs, or ``k`` is not as described.

    Notes
    -----
    Two explanations may agree and both be wrong. Where they differ, at most one tells what the
    model does; :func:`deletion_curve` and :func:`infidelity` ask the model.

    References
    ----------
    .. [1] Krishna, Han, Gu, Wu, Jabbari & Lakkaraju (2022), "The disagreement problem in
       explainable machine learning: a practitioner's perspective".

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklstm.explain import explain_lime, explain_shap
    >>> from sklstm.metrics import agreement
    >>> X = np.random.default_rng(0).normal(size=(80, 5))
    >>> model = LinearRegression().fit(X, X @ [4.0, 2.0, 1.0, 0.0, 0.0])
    >>> shap = explain_shap(model, X[:20], background=X[20:21])
    >>> lime = explain_lime(model, X[:20], background=X[20:21], random_state=0)
    >>> agreement(shap, lime, k=3).top_k
    1.0
    """
    check_count("k", k)
    (a, real, out), (b, other, other_out) = sizes_of(first, "first"), sizes_of(second, "second")
    if first.values.shape != second.values.shape or out != other_out or (real != other).any():
        raise ValueError(
            "The 'second' parameter must be of the rows, players and outputs of the first. Their "
            f"values have shapes {second.values.shape} and {first.values.shape}."
        )
    correlation, shared, signed = np.full((3, len(a), a.shape[2]), np.nan)
    signs = [np.sign(e.values).reshape(a.shape) for e in (first, second)]
    same_sign = signs[0] == signs[1]
    for i, o in np.ndindex(correlation.shape):
        u, v = a[i, real[i], o], b[i, real[i], o]
        if np.isnan(u).any() or np.isnan(v).any():
            continue
        correlation[i, o] = rank_correlation(u, v)
        size = min(k, len(u))
        both = np.intersect1d(_top(u, size), _top(v, size))
        shared[i, o] = len(both) / size
        signed[i, o] = same_sign[i, real[i], o][both].sum() / size
    if not (has_signs(first) and has_signs(second)):
        signed[:] = np.nan
    result = Bunch(rows=correlation.reshape(len(a), *out))
    for name, rows in (("rank_correlation", correlation), ("top_k", shared), ("signs", signed)):
        result[name], result[f"{name}_standard_error"] = mean(rows)
    return result


def rank_correlation(a: FloatArray, b: FloatArray) -> float:
    """Spearman's, of two vectors; NaN where one of them is constant."""
    ranks = [rankdata(part) for part in (a, b)]
    centred = [part - part.mean() for part in ranks]
    spread = np.sqrt(np.prod([np.square(part).sum() for part in centred]))
    return float(centred[0] @ centred[1] / spread) if spread > 0 else np.nan


def _top(values: FloatArray, size: int) -> NDArray[np.int64]:
    return np.argsort(-values, kind="stable")[:size]
