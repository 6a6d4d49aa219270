"""Some of the rows of X, as a container of their own."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._sequences import Sequences


def sample_rows(
    sequences: Sequences, weights: NDArray[np.float64], n_rows: int, seed: int, dtype: Any
) -> NDArray[Any] | list[NDArray[Any]]:
    """Rows of positive weight, drawn without replacement; all, where there are fewer.

    Returns
    -------
    array of shape (n_rows, n_columns) or (n_rows, n_timesteps, n_features), or list of arrays
        A table where X was one, and a list where lengths differ.
    """
    rows = np.flatnonzero(weights > 0)
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(rows, size=min(n_rows, len(rows)), replace=False))
    values = sequences.take(rows).astype(dtype)
    if not sequences.uniform:
        return [
            row[:length].copy() for row, length in zip(values, sequences.lengths[rows], strict=True)
        ]
    return values.reshape(len(rows), -1) if sequences.layout == "table" else values
