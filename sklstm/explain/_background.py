"""The rows that explanations compare with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._data import Sequences, as_array
from ._representatives import (
    MAX_ROWS,
    N_REPRESENTATIVES,
    Clusters,
    Points,
    clusters_of,
    cut_for,
    representatives,
    summary,
)

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Background:
    """Reference rows, the same for every explained row or each row's own.

    Attributes
    ----------
    sequences : Sequences
        With ``own``, those of row i are i * n_each to (i + 1) * n_each.
    n_each : int or None
        Number of references of each row, where it has its own.
    clusters : dict from int to Clusters, or None
        Of rows that are so many that some stand for all, by the length at which they are cut.
        None where all count.
    """

    sequences: Sequences
    n_each: int | None = None
    clusters: Mapping[int, Clusters] | None = None

    @property
    def n_references(self) -> int:
        """Of a row of the usual length, whatever the lengths of the explained rows."""
        if self.n_each is not None:
            return self.n_each
        n_rows = len(self.sequences)
        return n_rows if self.clusters is None or n_rows <= MAX_ROWS else N_REPRESENTATIVES

    def of(self, rows: IntArray, length: int) -> FloatArray:
        """References cut to a length, shape (1 or len(rows), n_references, length, n_features).

        A reference that is shorter is not used.
        """
        lengths = self.sequences.lengths
        if self.n_each is None:
            chosen, _ = self._chosen(length)
            if len(chosen) == 0:
                raise ValueError(
                    f"X: sample {rows[0]} has {length} time steps, and every row of the "
                    f"background is shorter: the longest has {lengths.max()}. Rows are cut to the "
                    "length of the explained one; add background rows of that length."
                )
            return self.sequences.take(chosen)[None, :, :length].astype(np.float64)
        own = (rows[:, None] * self.n_each + np.arange(self.n_each)).ravel()
        if (short := lengths[own] < length).any():
            raise ValueError(
                f"X: sample {own[short][0] // self.n_each} has {length} time steps, and one of its "
                f"own background rows has {lengths[own][short][0]}."
            )
        values = self.sequences.take(own)[:, :length].astype(np.float64)
        return values.reshape(len(rows), self.n_each, *values.shape[1:])

    def weights(self, length: int) -> FloatArray:
        """Shares of the references of rows of this length, of sum 1."""
        if self.n_each is not None:
            return np.full(self.n_each, 1 / self.n_each)
        return self._chosen(length)[1]

    def summary(self, lengths: IntArray) -> tuple[str, ...]:
        """Where rows stand for others, how many; beside explained rows of these lengths."""
        if self.n_each is not None or len(lengths) == 0:
            return ()
        length = int(lengths.min())
        return summary(self.sequences.lengths >= length, self._clusters(length))

    def _chosen(self, length: int) -> tuple[IntArray, FloatArray]:
        return representatives(self.sequences.lengths >= length, self._clusters(length))

    def _clusters(self, length: int) -> Clusters | None:
        return (self.clusters or {}).get(cut_for(length, self.sequences.max_length))


def check_background(background: Any) -> None:
    """Raise where there is none."""
    if background is None:
        raise ValueError(
            "The 'background' parameter is required: an explanation says how the output differs "
            "from what is expected, and the background says what is expected. Pass "
            "background=X_train."
        )


def read_background(
    transform: Callable[[Any], Any],
    read: Callable[[Any], Sequences],
    background: Any,
    lengths: IntArray,
    describe: Callable[[Any, Sequences], Callable[[int], Points]] | None = None,
) -> Background:
    """Read the parameter.

    Parameters
    ----------
    transform : callable
        From what is like the user's X to what ``read`` and ``describe`` take.
    read : callable
        To sequences.
    background
        The parameter.
    lengths : int64 array of shape (n,)
        Of the rows of X.
    describe : callable or None
        Of the rows and their sequences, gives a function from the length at which they are cut to
        numbers of shape (n, n_numbers), by which some rows are chosen to stand for all where they
        are many. None leaves them all.
    """
    check_background(background)
    n_each = None
    if getattr(background, "ndim", None) == 4:
        background = as_array(background)
        if len(background) != len(lengths):
            raise ValueError(
                "The 'background' parameter of shape (n, n_references, n_timesteps, n_features) "
                f"must have references for each of the {len(lengths)} rows of X. Got "
                f"{len(background)}."
            )
        n_each = background.shape[1]
        background = background.reshape(len(lengths) * n_each, *background.shape[2:])
    try:
        rows = transform(background)
        sequences = read(rows)
    except (TypeError, ValueError) as error:
        raise ValueError(f"The 'background' parameter: {error}") from error
    if describe is None or n_each is not None:
        return Background(sequences, n_each)
    return Background(sequences, None, _clusters(sequences, lengths, partial(describe, rows)))


def _clusters(
    sequences: Sequences,
    lengths: IntArray,
    describe: Callable[[Sequences], Callable[[int], Points]],
) -> dict[int, Clusters]:
    """At the cuts of those lengths of which there are many references."""
    distinct = np.unique(lengths)
    n_usable = len(sequences) - np.searchsorted(np.sort(sequences.lengths), distinct)
    many = distinct[n_usable > MAX_ROWS].tolist()
    if not many:
        return {}
    points = describe(sequences)
    cuts = {cut_for(length, sequences.max_length) for length in many}
    return {cut: clusters_of(points(cut)) for cut in sorted(cuts)}
