"""Explanations: one function per method, for an estimator, a fitted Pipeline or a search."""

from ._explanation import Explanation
from ._gates import explain_gates
from ._gradients import explain_gradients
from ._lime import explain_lime
from ._permutation import explain_permutation
from ._shap import explain_shap
from ._units import explain_units
from ._variance import explain_variance

__all__ = [
    "Explanation",
    "explain_gates",
    "explain_gradients",
    "explain_lime",
    "explain_permutation",
    "explain_shap",
    "explain_units",
    "explain_variance",
]
