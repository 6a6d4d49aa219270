"""Explanations: one function per method, for an estimator, a fitted Pipeline or a search."""

from ._explanation import Explanation
from ._gates import explain_gates
from ._permutation import explain_permutation
from ._shap import explain_shap
from ._units import explain_units

__all__ = ["Explanation", "explain_gates", "explain_permutation", "explain_shap", "explain_units"]
