"""The rows that explanations compare with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._data import Sequences

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Background:
    """Reference rows, the same for every explained row or each row's own.

    Attributes
    ----------
    sequences : Sequences
        With ``own``, those of row i are i * n_each to (i + 1) * n_each.
    n_each : int or None
        Number of references of each row, where it has its own.
    """

    sequences: Sequences
    n_each: int | None = None

    @property
    def n_references(self) -> int:
        """Most references that a row has."""
        return len(self.sequences) if self.n_each is None else self.n_each

    def of(self, rows: NDArray[np.int64], length: int) -> FloatArray:
        """References cut to a length, shape (1 or len(rows), n_references, length, n_features).

        A reference that is shorter is not used.
        """
        lengths = self.sequences.lengths
        if self.n_each is None:
            usable = np.flatnonzero(lengths >= length)
            if len(usable) == 0:
                raise ValueError(
                    f"X: sample {rows[0]} has {length} time steps, and every row of the "
                    f"background is shorter: the longest has {lengths.max()}. Rows are cut to the "
                    "length of the explained one; add background rows of that length."
                )
            return self.sequences.take(usable)[None, :, :length].astype(np.float64)
        own = (rows[:, None] * self.n_each + np.arange(self.n_each)).ravel()
        if (short := lengths[own] < length).any():
            raise ValueError(
                f"X: sample {own[short][0] // self.n_each} has {length} time steps, and one of its "
                f"own background rows has {lengths[own][short][0]}."
            )
        values = self.sequences.take(own)[:, :length].astype(np.float64)
        return values.reshape(len(rows), self.n_each, *values.shape[1:])


def check_background(background: Any) -> None:
    """Raise where there is none."""
    if background is None:
        raise ValueError(
            "The 'background' parameter is required: an explanation says how the output differs "
            "from what is expected, and the background says what is expected. Pass "
            "background=X_train."
        )


def read_background(read: Callable[[Any], Sequences], background: Any, n_rows: int) -> Background:
    """Read the parameter, by a function that reads what is like X."""
    check_background(background)
    n_each = None
    if getattr(background, "ndim", None) == 4:
        background = np.asarray(background)
        if len(background) != n_rows:
            raise ValueError(
                "The 'background' parameter of shape (n, n_references, n_timesteps, n_features) "
                f"must have references for each of the {n_rows} rows of X. Got {len(background)}."
            )
        n_each = background.shape[1]
        background = background.reshape(-1, *background.shape[2:])
    try:
        return Background(read(background), n_each)
    except ValueError as error:
        raise ValueError(f"The 'background' parameter: {error}") from error
