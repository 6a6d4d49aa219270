"""Transformers for sequences: windows, scaling over time steps, symbols, words."""

from ._make_windows import make_windows
from ._one_hot import SequenceOneHotEncoder
from ._sequence_wise import SequenceWise
from ._sliding_window import SlidingWindow
from ._tokenizer import SequenceTokenizer

__all__ = [
    "SequenceOneHotEncoder",
    "SequenceTokenizer",
    "SequenceWise",
    "SlidingWindow",
    "make_windows",
]
