"""Rows whose players come from rows of X that are drawn independently of each other."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._agnostic import CALL_ROWS, Model
from ._hybrids import Rows
from ._levels import Level

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Cells of the rows that the model is called with.
CALL_ENTRIES = 2**24


class IndependentPlayers:
    """The distribution of X without the dependence between its players.

    A drawn row has the length of a row of X, and takes each player's cells from one of the rows
    that are at least as long, cut at their ends.

    Parameters
    ----------
    model : Model
    rows : Rows
        Of X.
    level : Level
        Of the cells that the model reads.
    """

    def __init__(self, model: Model, rows: Rows, level: Level) -> None:
        self.model, self.rows, self.n_players = model, rows, level.n_players
        self.cells = _aligned(rows)
        n_features = self.cells.shape[2]
        # Of a table every column is a feature here, whatever the network makes of it.
        self.table = level.table.reshape(-1, n_features)
        self.order = np.argsort(-rows.lengths, kind="stable")
        longest_first = -rows.lengths[self.order]
        # Of each row, how many rows are at least as long.
        self.n_donors = np.searchsorted(longest_first, -rows.lengths, side="right")

    def draw(self, n_samples: int, rng: np.random.RandomState) -> tuple[IntArray, IntArray]:
        """Two samples of rows, and what each pair of them has in common.

        Returns
        -------
        lengths_of : int64 array of shape (n_samples,)
            Rows of X whose lengths they have.
        donors : int64 array of shape (2, n_samples, n_players)
            Rows of X that the players come from.
        """
        lengths_of = rng.randint(len(self.order), size=n_samples)
        places = rng.random_sample((2, n_samples, self.n_players))
        places *= self.n_donors[lengths_of][:, None]
        return lengths_of, self.order[places.astype(np.int64)]

    def outputs(self, lengths_of: IntArray, donors: IntArray) -> FloatArray:
        """Responses, shape (n_samples, k)."""
        shapes = np.stack([self.rows.first, self.rows.lengths], axis=1)[lengths_of]
        order = np.lexsort(shapes.T)
        size = max(1, min(CALL_ROWS, CALL_ENTRIES // self.table.size))
        parts = np.array_split(order, -(-len(order) // size))
        found = np.concatenate([self.model(self._joined(shapes, donors, part)) for part in parts])
        outputs = np.empty_like(found)
        outputs[order] = found
        return outputs

    def _joined(self, shapes: IntArray, donors: IntArray, part: IntArray) -> Any:
        """Some of the rows, in the container that the model reads."""
        _, starts = np.unique(shapes[part], axis=0, return_index=True)
        pieces = []
        for same in np.split(part, np.sort(starts)[1:]):
            first, length = shapes[same[0]]
            _, steps, features = np.indices((1, length, self.cells.shape[2]))
            donor = donors[same][:, self.table[first : first + length]]
            pieces.append(self.rows.joined(self.cells[donor, steps, features], first))
        if len(pieces) == 1:
            return pieces[0]
        if isinstance(pieces[0], list):
            return [row for piece in pieces for row in piece]
        return np.concatenate(pieces)


def _aligned(rows: Rows) -> FloatArray:
    """All rows from their first time steps on, (n, n_timesteps, n_features), NaN behind them."""
    shapes = np.stack([rows.first, rows.lengths], axis=1)
    aligned: FloatArray | None = None
    for shape in np.unique(shapes, axis=0):
        same = np.flatnonzero((shapes == shape).all(axis=1))
        cells, _ = rows.cells(same)
        if aligned is None:
            size = len(shapes), int(rows.lengths.max()), cells.shape[2]
            aligned = np.full(size, np.nan)
        aligned[same, : cells.shape[1]] = cells
    assert aligned is not None
    return aligned
