"""Measures of predictions per time step."""

from ._sequence_scorer import sequence_scorer

__all__ = ["sequence_scorer"]
