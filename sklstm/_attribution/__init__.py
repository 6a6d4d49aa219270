"""Explanations as kernels on tensors; they know networks, but no estimators."""

from ._blocked import blocked
from ._coalitions import exact
from ._deep import deep
from ._gradient import expected_gradients
from ._lime import LocalLinear, Sample, local_linear
from ._modes import explaining
from ._prefixes import are_windows, exact_windows, shares_prefixes
from ._readout import Readout
from ._saliency import input_x_gradient, saliency, smoothgrad
from ._sobol import SobolIndices, sobol_indices
from ._states import States, rows_of_record, saturated, states
from ._units import unit_contributions, unit_held

__all__ = [
    "LocalLinear",
    "Readout",
    "Sample",
    "SobolIndices",
    "States",
    "are_windows",
    "blocked",
    "deep",
    "exact",
    "exact_windows",
    "expected_gradients",
    "explaining",
    "input_x_gradient",
    "local_linear",
    "rows_of_record",
    "saliency",
    "saturated",
    "shares_prefixes",
    "smoothgrad",
    "sobol_indices",
    "states",
    "unit_contributions",
    "unit_held",
]
