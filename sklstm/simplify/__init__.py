"""Smaller networks that answer and explain as the large one did."""

from ._compare import compare
from ._prune import prune

__all__ = ["compare", "prune"]
