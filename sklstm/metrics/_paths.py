"""Rows on their way to the background, player after player."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..explain import Explanation
from ._game import Game, Masks, Part

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

SLOPES = ("saliency", "smoothgrad")


def has_signs(explanation: Explanation) -> bool:
    """Whether a value says if a player raises the output; slopes and absolute values do not."""
    return explanation.method not in SLOPES and "absolute values" not in explanation.derivation


class Ends(NamedTuple):
    """Responses of some rows, and of their references, (n, k), and the sign of the difference."""

    output: FloatArray
    base: FloatArray
    sign: FloatArray

    @property
    def size(self) -> FloatArray:
        return np.abs(self.output - self.base)

    def along(self, responses: FloatArray) -> FloatArray:
        """What is left of the difference, (n, m, k), in the direction of the output."""
        return self.sign[:, None] * (responses - self.base[:, None])


def ends_of(part: Part) -> Ends:
    """Of the rows as they are, and with all players replaced."""
    n, n_players, _ = part.values.shape
    masks = np.zeros((n, 2, n_players), dtype=np.bool_)
    masks[:, 1] = True
    responses = part.replaced(masks)
    output, base = responses[:, 0], responses[:, 1]
    return Ends(output, base, np.sign(output - base))


def ranks_of(values: FloatArray, sign: FloatArray | None) -> IntArray:
    """Rank of each player, (n, n_players, k): 0 is the first to be replaced.

    Parameters
    ----------
    values : array of shape (n, n_players, k)
    sign : array of shape (n, k), or None
        First are the players that moved the output in this direction; None is by absolute value.
    """
    keys = -np.abs(values) if sign is None else -sign[:, None] * values
    order = keys.argsort(axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(values.shape[1])[None, :, None], axis=1)
    return ranks


def responses_along(part: Part, ranks: IntArray, counts: IntArray, inserted: bool) -> FloatArray:
    """Responses (n, m, k) with the first players replaced, or with these alone left.

    Parameters
    ----------
    part : Part
    ranks : int64 array of shape (n, n_players, k) or (n, n_players)
        The order of each output, or one for all of them.
    counts : int64 array of shape (m,)
        How many are the first.
    inserted : bool
        Whether these alone are of the row, instead of the background.
    """

    def masks(one: IntArray) -> Masks:
        first = one[:, None] < counts[:, None]
        return ~first if inserted else first

    if ranks.ndim == 2:
        return part.replaced(masks(ranks))
    columns = [part.replaced(masks(ranks[:, :, o]))[:, :, o] for o in range(ranks.shape[2])]
    return np.stack(columns, axis=2)


def signs_for(explanation: Explanation, ends: Ends) -> FloatArray | None:
    """The direction in which values are ordered."""
    return ends.sign if has_signs(explanation) else None


def random_ranks(n_players: int, n_orders: int, seed: int) -> IntArray:
    """Ranks of players in random orders, each both ways, (2 * n_orders, n_players).

    The same for all rows. Of both ways the mean area of an additive game is that of a straight
    line.
    """
    rng = np.random.default_rng([seed, n_players])
    orders = np.stack([rng.permutation(n_players) for _ in range(n_orders)])
    return np.concatenate([orders, n_players - 1 - orders])


def empty(game: Game, *size: int) -> FloatArray:
    """To be filled row by row, shape (n, *size, k)."""
    return np.full((len(game.values), *size, game.values.shape[2]), np.nan)
