"""Smaller networks that answer and explain as the large one did."""

from ._compare import compare
from ._distill import distill
from ._prune import prune
from ._quantize import quantize
from ._reduce_layers import reduce_layers

__all__ = ["compare", "distill", "prune", "quantize", "reduce_layers"]
