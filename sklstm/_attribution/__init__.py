"""Explanations as kernels on tensors; they know networks, but no estimators."""

from ._blocked import blocked
from ._coalitions import exact
from ._deep import deep
from ._gradient import expected_gradients
from ._modes import explaining
from ._prefixes import are_windows, exact_windows, shares_prefixes
from ._readout import Readout
from ._states import States, rows_of_record, saturated, states
from ._units import unit_contributions, unit_held

__all__ = [
    "Readout",
    "States",
    "are_windows",
    "blocked",
    "deep",
    "exact",
    "exact_windows",
    "expected_gradients",
    "explaining",
    "rows_of_record",
    "saturated",
    "shares_prefixes",
    "states",
    "unit_contributions",
    "unit_held",
]
