"""additivity_gap."""

import numpy as np
from sklearn.utils import Bunch

from ..explain import Explanation
from ._game import check_explanation
from ._outputs import share


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
    >>> e = explain_shap(model, X[:20], background=X[20:40])
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
