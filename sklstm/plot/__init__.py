"""Pictures of explanations and predictions, as Display classes in scikit-learn's manner.

A class method computes and draws, ``plot`` draws again elsewhere, ``frame`` gives the numbers.
Matplotlib is needed to draw: ``pip install 'sklstm[plot]'``.
"""

from ._activations import ActivationDisplay
from ._attribution import AttributionDisplay
from ._comparison import ComparisonDisplay
from ._deletion_curve import DeletionCurveDisplay
from ._forecast import ForecastDisplay
from ._gates import GateDisplay
from ._importance import ImportanceDisplay
from ._learning_curve import LearningCurveDisplay
from ._report import report

__all__ = [
    "ActivationDisplay",
    "AttributionDisplay",
    "ComparisonDisplay",
    "DeletionCurveDisplay",
    "ForecastDisplay",
    "GateDisplay",
    "ImportanceDisplay",
    "LearningCurveDisplay",
    "report",
]
