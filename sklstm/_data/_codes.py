"""Sequences of integer codes, as tokenizers make them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._reading import read_sequences
from ._sequences import DenseSequences, Sequences, rows_per_chunk
from ._stored import StoredArray

PADDING = -1
# float32 holds whole numbers up to here.
LARGEST_CODE = 2**24 - 1


def read_codes(X: Any, *, n_timesteps: int | None = None, estimator: Any = None) -> Sequences:
    """Read integer codes from 0 on: one time step per column, or lists of their own lengths.

    Parameters
    ----------
    X : array-like of shape (n, n_timesteps) or (n, n_timesteps, 1), or n arrays
        Of an array, -1 at the start or end of a row is padding.
    n_timesteps : int, optional
        For 2-D X; it must be the number of columns.
    estimator : object, optional
        Named in messages.

    Raises
    ------
    ValueError
        Where X is not as described; the message names the sample and time step.
    """
    if _holds_text(X):
        raise ValueError(
            "With embedding_size, X must hold integer codes. Got texts: put SequenceTokenizer() in "
            "front."
        )
    sequences = read_sequences(X, n_timesteps=n_timesteps, estimator=estimator)
    if sequences.n_features != 1:
        raise ValueError(
            f"With embedding_size, X must hold one integer code per time step. Got "
            f"{sequences.n_features} features per time step."
        )
    if isinstance(sequences, DenseSequences) and sequences.starts is None:
        starts, lengths = _find_code_padding(sequences.values)
        sequences = DenseSequences(
            sequences.values, starts, lengths, sequences.layout, sequences.n_columns
        )
    _check_codes(sequences)
    return sequences


def _holds_text(X: Any) -> bool:
    try:
        first = next(iter(X))
    except (TypeError, StopIteration):
        return False
    if isinstance(first, list | tuple) and first:
        first = first[0]
    return isinstance(first, str) and not hasattr(X, "columns")


def _find_code_padding(
    codes: NDArray[Any] | StoredArray,
) -> tuple[NDArray[np.int64] | None, NDArray[np.int64]]:
    n, n_timesteps, _ = codes.shape
    starts, lengths = np.zeros(n, dtype=np.int64), np.full(n, n_timesteps, dtype=np.int64)
    size = rows_per_chunk(n_timesteps, 1)
    for begin in range(0, n, size):
        real = codes[begin : begin + size][:, :, 0] != PADDING
        empty = ~real.any(axis=1)
        if empty.any():
            raise ValueError(
                f"Sample {begin + empty.argmax()} of X has no code: all its values are -1, which "
                "is padding. Every sequence needs at least 1."
            )
        part = slice(begin, begin + size)
        starts[part] = real.argmax(axis=1)
        lengths[part] = n_timesteps - real[:, ::-1].argmax(axis=1) - starts[part]
    return (None if (lengths == n_timesteps).all() else starts), lengths


def _check_codes(sequences: Sequences) -> None:
    for rows in sequences.chunks():
        codes = sequences.take(rows)[:, :, 0]
        wrong = (codes < 0) | (codes > LARGEST_CODE) | (codes != np.floor(codes))
        if wrong.any():
            sample, step = np.argwhere(wrong)[0]
            raise ValueError(
                "With embedding_size, X must hold integer codes from 0 to "
                f"{LARGEST_CODE}; -1 at the start or end of a row of an array is padding. Got "
                f"{codes[sample, step]:.15g} at sample {rows[sample]}, time step {step}."
            )


def codes_seen(sequences: Sequences, rows: NDArray[np.int64], n_codes: int) -> NDArray[np.bool_]:
    """Which of the codes below ``n_codes`` are among the given rows."""
    seen = np.zeros(n_codes, dtype=bool)
    for part in sequences.chunks(rows):
        codes = sequences.take(part)[:, :, 0]
        real = np.arange(codes.shape[1]) < sequences.lengths[part, None]
        seen[codes[real].astype(np.int64)] = True
    return seen


def largest_code(sequences: Sequences, rows: NDArray[np.int64]) -> int:
    """Of the given rows."""
    return max(int(sequences.take(part).max()) for part in sequences.chunks(rows))
