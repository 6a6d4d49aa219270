"""Explanations: one function per method, for an estimator, a fitted Pipeline or a search."""

from ._permutation import explain_permutation

__all__ = ["explain_permutation"]
