"""Explanations: one function per method, for an estimator, a fitted Pipeline or a search."""

from ._explanation import Explanation
from ._permutation import explain_permutation
from ._shap import explain_shap
from ._surrogate import explain_surrogate
from ._variance import explain_variance

__all__ = [
    "Explanation",
    "explain_permutation",
    "explain_shap",
    "explain_surrogate",
    "explain_variance",
]
