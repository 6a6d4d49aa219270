"""How good explanations are, and measures of predictions per time step."""

from ._curves import deletion_curve, insertion_curve
from ._sequence_scorer import sequence_scorer

__all__ = ["deletion_curve", "insertion_curve", "sequence_scorer"]
