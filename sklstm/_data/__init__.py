"""From anything array-like to one record of sequences, and from labels to numbers."""

from ._batching import in_batches
from ._checks import check_same_rows, is_missing, name_the_column, naming, to_numeric
from ._codes import codes_seen, largest_code, read_codes
from ._inputs import read_input, read_known
from ._merging import merge_identical_rows
from ._per_step import StepLayout, flatten_steps, read_step_targets
from ._reading import read_sequences
from ._sampling import sample_rows
from ._scaling import column_scale, weighted_scale
from ._sequences import Sequences, rows_per_chunk
from ._splitting import split_last, split_random
from ._steps import TimeSteps, read_steps
from ._stored import as_array, computed
from ._targets import encode_labels, read_classes, read_labels, read_targets
from ._timeline import Times, column_times, index_times, is_usual, steps_between, usual_step
from ._weights import read_weights
from ._windows import Windows

__all__ = [
    "Sequences",
    "StepLayout",
    "TimeSteps",
    "Times",
    "Windows",
    "as_array",
    "check_same_rows",
    "codes_seen",
    "column_scale",
    "column_times",
    "computed",
    "encode_labels",
    "flatten_steps",
    "in_batches",
    "index_times",
    "is_missing",
    "is_usual",
    "largest_code",
    "merge_identical_rows",
    "name_the_column",
    "naming",
    "read_classes",
    "read_codes",
    "read_input",
    "read_known",
    "read_labels",
    "read_sequences",
    "read_step_targets",
    "read_steps",
    "read_targets",
    "read_weights",
    "rows_per_chunk",
    "sample_rows",
    "split_last",
    "split_random",
    "steps_between",
    "to_numeric",
    "usual_step",
    "weighted_scale",
]
