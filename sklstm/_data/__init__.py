"""From anything array-like to one record of sequences, and from labels to numbers."""

from ._merging import merge_identical_rows
from ._reading import read_sequences
from ._scaling import column_scale, weighted_scale
from ._sequences import Sequences, rows_per_chunk
from ._splitting import split_last, split_random
from ._targets import encode_labels, read_labels, read_targets

__all__ = [
    "Sequences",
    "column_scale",
    "encode_labels",
    "merge_identical_rows",
    "read_labels",
    "read_sequences",
    "read_targets",
    "rows_per_chunk",
    "split_last",
    "split_random",
    "weighted_scale",
]
