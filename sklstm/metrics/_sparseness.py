"""sparseness."""

import numpy as np
from sklearn.utils import Bunch

from ..explain import Explanation
from ._outputs import mean
from ._sizes import sizes_of


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

    Raises
    ------
    ValueError
        If ``explanation`` is none, or has no rows.

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
    >>> e = explain_shap(model, X[:20], background=X[20:40])
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
