"""Pictures of explanations and predictions, as Display classes in scikit-learn's manner.

A class method computes and draws, ``plot`` draws again elsewhere, ``frame`` gives the numbers.
Matplotlib is needed to draw: ``pip install 'sklstm[plot]'``.
"""

from ._attribution import AttributionDisplay
from ._importance import ImportanceDisplay

__all__ = ["AttributionDisplay", "ImportanceDisplay"]
