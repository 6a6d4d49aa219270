"""Exact Shapley values: every coalition of the players is evaluated."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

# Values of coalitions that are held at once.
TABLE = 2**20

Value = Callable[[Tensor], Tensor]


def shapley_values(values: Tensor) -> Tensor:
    r"""Shapley values of games that are given in full.

    .. math::

        \phi_j = \sum_{S \not\ni j} \frac{|S|! \, (M - 1 - |S|)!}{M!} (v(S \cup j) - v(S))

    Parameters
    ----------
    values : Tensor of shape (2**M, ...)
        Value of every coalition: player j is in the coalition where bit j of the index is set.

    Returns
    -------
    float64 Tensor of shape (M, ...)

    References
    ----------
    .. [1] Shapley (1953), "A value for n-person games", Contributions to the Theory of Games 2.
    """
    n_players = len(values).bit_length() - 1
    values = values.double()
    sizes = torch.zeros(1, dtype=torch.int64, device=values.device)
    for _ in range(n_players - 1):
        sizes = torch.cat([sizes, sizes + 1])
    by_size = [1 / (n_players * math.comb(n_players - 1, size)) for size in range(n_players)]
    weights = values.new_tensor(by_size)[sizes]  # of the coalitions of the other players
    result = values.new_empty(n_players, *values.shape[1:])
    for player in range(n_players):
        without, joined = values.unflatten(0, (-1, 2, 2**player)).unbind(1)
        result[player] = torch.tensordot(weights, (joined - without).flatten(0, 1), dims=1)
    return result


@torch.inference_mode()
def exact(
    value: Value, x: Tensor, references: Tensor, weights: Tensor, players: Tensor, max_rows: int
) -> Tensor:
    """Interventional Shapley values: absent players are taken from the references [1]_.

    The value of a coalition is the weighted mean over the references. A player that is the same
    in a row and in a reference takes no part in their game, which halves its coalitions.

    Parameters
    ----------
    value : callable
        From sequences (m, n_timesteps, n_features) to responses (m, n_responses).
    x : Tensor of shape (n, n_timesteps, n_features)
    references : Tensor of shape (1 or n, n_references, n_timesteps, n_features)
    weights : float64 Tensor of shape (n_references,)
        They sum to 1.
    players : int64 Tensor of shape (n_timesteps, n_features)
        The player that each cell belongs to, counted from 0.
    max_rows : int
        Sequences that ``value`` is given at once.

    Returns
    -------
    float64 Tensor of shape (n, n_players, n_responses)

    References
    ----------
    .. [1] Lundberg & Lee (2017), "A unified approach to interpreting model predictions", NeurIPS.
    """
    n_players, n_references = int(players.max()) + 1, len(weights)
    alone = _in_batches(value, references.flatten(0, 1), max_rows).unflatten(0, (-1, n_references))
    complete = _in_batches(value, x, max_rows)
    n_responses = complete.shape[1]
    size = rows_at_once(n_players, n_references, n_responses, max_rows)
    result = complete.new_zeros(len(x), n_players, n_responses)
    for rows in (slice(start, start + size) for start in range(0, len(x), size)):
        theirs = slice(None) if len(references) == 1 else rows
        games = _Games(value, x[rows], references[theirs], weights, players, max_rows)
        games.add_to(result[rows], alone[theirs], complete[rows])
    return result


def rows_at_once(n_players: int, n_references: int, n_responses: int, max_rows: int) -> int:
    """Rows whose games are played together: enough for large batches, not more."""
    return max(1, min(max_rows // n_references, TABLE // (n_responses << n_players)))


class _Games:
    """The games of a few rows against their references."""

    def __init__(
        self,
        value: Value,
        x: Tensor,
        references: Tensor,
        weights: Tensor,
        players: Tensor,
        max_rows: int,
    ) -> None:
        self.value, self.players, self.max_rows = value, players, max_rows
        self.x, self.references = x, references.expand(len(x), -1, -1, -1)
        self.weights = weights[:, None]

    def add_to(self, result: Tensor, alone: Tensor, complete: Tensor) -> None:
        """Add the Shapley values of all pairs to ``result`` (n, n_players, n_responses).

        ``alone`` (1 or n, n_references, n_responses) and ``complete`` (n, n_responses) are the
        values of the coalitions of nobody and of everybody.
        """
        alone = alone.expand(len(self.x), -1, -1)
        patterns, pattern_of = self._varying(result.shape[1]).unique(return_inverse=True)
        for k, pattern in enumerate(patterns.tolist()):
            varying = [j for j in range(result.shape[1]) if pattern >> j & 1]
            if not varying:
                continue
            table = result.new_zeros(2 ** len(varying), len(self.x), result.shape[2])
            for pairs in (pattern_of == k).nonzero().split(self.max_rows):
                row, reference = pairs.unbind(1)
                weights = self.weights[reference]
                table[0].index_add_(0, row, alone[row, reference] * weights)
                table[-1].index_add_(0, row, complete[row] * weights)
                self._fill(table, row, reference, varying)
            result[:, varying] += shapley_values(table).movedim(1, 0)

    def _varying(self, n_players: int) -> Tensor:
        """One bit per player that differs in a pair, shape (n, n_references)."""
        differs = (self.x[:, None] != self.references).flatten(2)
        cells = differs.new_zeros(*differs.shape[:2], n_players, dtype=torch.float32)
        cells.index_add_(2, self.players.flatten(), differs.float())
        bits = 2 ** torch.arange(n_players, device=cells.device)
        return ((cells > 0) * bits).sum(2)

    def _fill(self, table: Tensor, row: Tensor, reference: Tensor, varying: list[int]) -> None:
        """Add the values of all pairs to those coalitions that are neither empty nor full."""
        own, other = self.x[row], self.references[row, reference]
        place = self.players.new_zeros(int(self.players.max()) + 1)
        place[varying] = torch.arange(len(varying), device=place.device)
        place = place[self.players]
        weights, size = self.weights[reference], max(1, self.max_rows // len(row))
        for first in range(1, len(table) - 1, size):
            coalitions = torch.arange(first, min(first + size, len(table) - 1), device=row.device)
            present = (coalitions[:, None, None] >> place & 1).bool()
            hybrids = torch.where(present[:, None], own, other)
            values = self.value(hybrids.flatten(0, 1)).unflatten(0, hybrids.shape[:2])
            table[first : first + len(coalitions)].index_add_(1, row, values * weights)


def _in_batches(value: Value, x: Tensor, max_rows: int) -> Tensor:
    return torch.cat([value(part).double() for part in x.split(max_rows)])
