"""Explanations as kernels on tensors; they know networks, but no estimators."""

from ._blocked import blocked
from ._coalitions import exact
from ._deep import deep
from ._gradient import expected_gradients
from ._modes import explaining
from ._prefixes import are_windows, exact_windows, shares_prefixes
from ._readout import Readout
from ._states import pooled_states

__all__ = [
    "Readout",
    "are_windows",
    "blocked",
    "deep",
    "exact",
    "exact_windows",
    "expected_gradients",
    "explaining",
    "pooled_states",
    "shares_prefixes",
]
