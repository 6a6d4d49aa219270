"""How good explanations are, and measures of predictions per time step."""

from ._additivity import additivity_gap
from ._agreement import agreement
from ._curves import deletion_curve, insertion_curve
from ._evaluation import evaluate_explanation
from ._fractions import comprehensiveness, sufficiency
from ._ground_truth import ground_truth_auc
from ._infidelity import infidelity
from ._randomization import randomization_test
from ._sensitivity import max_sensitivity
from ._sequence_scorer import sequence_scorer
from ._sparseness import sparseness

__all__ = [
    "additivity_gap",
    "agreement",
    "comprehensiveness",
    "deletion_curve",
    "evaluate_explanation",
    "ground_truth_auc",
    "infidelity",
    "insertion_curve",
    "max_sensitivity",
    "randomization_test",
    "sequence_scorer",
    "sparseness",
    "sufficiency",
]
