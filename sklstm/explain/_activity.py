"""When hidden units are active: their means, what excites them, and where they do not move."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._attribution import States, saturated
from ._inside import Inside
from ._rows import Chunk


def activity_of(inside: Inside, n_excite: int) -> dict[str, NDArray[Any]]:
    """Over all real steps.

    Returns
    -------
    dict
        ``mean``, ``saturated`` and ``dead`` of shape (n_layers, n_directions, hidden_size),
        ``exciting`` and ``exciting_state`` as in ``explain_units``.
    """
    total, at_limit, at_zero = np.zeros((3, *inside.shape))
    highest = _Highest(min(n_excite, len(inside.sequences)), inside.shape)
    for chunk, found in inside.states():
        total += found.hidden_state.double().sum((0, 1)).cpu().numpy()
        if not inside.relu:
            at_limit += saturated(found, relu=False)["cell_output"].sum((0, 1)).cpu().numpy()
        at_zero += (found.cell_output == 0).sum((0, 1)).cpu().numpy()
        highest.add(chunk, found)
    n_steps = inside.sequences.lengths.sum()
    return {
        "mean": total / n_steps,
        "saturated": at_limit / n_steps,
        "dead": at_zero / n_steps,
        "exciting": np.stack([highest.row, highest.step], axis=-1),
        "exciting_state": highest.state,
    }


class _Highest:
    """The rows whose highest hidden state is highest, for each unit."""

    def __init__(self, n: int, shape: tuple[int, ...]) -> None:
        self.n = n
        self.state = np.empty((*shape, 0))
        self.row, self.step = np.empty((2, *shape, 0), dtype=np.int64)

    def add(self, chunk: Chunk, found: States) -> None:
        hidden = np.moveaxis(found.hidden_state.cpu().numpy(), (0, 1), (-2, -1))
        step = hidden.argmax(axis=-1)  # the first of equal ones
        state = np.take_along_axis(hidden, step[..., None], axis=-1)[..., 0]
        row, step = np.broadcast_to(chunk.rows, state.shape), step + chunk.steps.start
        state, row, step = (
            np.concatenate(parts, axis=-1)
            for parts in (
                (self.state, state),
                (self.row, row),
                (self.step, step),
            )
        )
        best = np.lexsort((row, -state))[..., : self.n]
        self.state, self.row, self.step = (
            np.take_along_axis(part, best, axis=-1) for part in (state, row, step)
        )
