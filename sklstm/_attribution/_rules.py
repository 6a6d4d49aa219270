"""Multipliers: what DeepLIFT puts in the place of derivatives.

A multiplier m of an operation says how much of the output's difference from its reference is
due to an input's: summed over the inputs, m times the input's difference is the output's
difference, exactly. Linear maps keep their derivative; the others are here.
"""

import math
from functools import cache

import torch
from torch import Tensor


def smallest_difference(dtype: torch.dtype) -> float:
    """Of the inputs of a smooth function; nearer ones have the derivative for their slope."""
    # There the derivative misses the output's difference by the square of this, and beyond it
    # the rounding of the quotient is of the same relative size.
    return torch.finfo(dtype).eps ** (2 / 3)


def slope(
    out: Tensor,
    out_ref: Tensor,
    into: Tensor,
    into_ref: Tensor,
    derivative: Tensor,
    smooth: bool = True,
) -> Tensor:
    """Rescale rule of an elementwise function: its difference over that of its input.

    Where the inputs are nearly equal it is the ``derivative``; of a function with kinks, where
    they are equal.
    """
    delta = into - into_ref
    far = delta.abs() > (smallest_difference(delta.dtype) if smooth else 0.0)
    return torch.where(far, (out - out_ref) / delta, derivative)


def through_softmax(multipliers: Tensor, scores: Tensor, scores_ref: Tensor) -> Tensor:
    """Multipliers of the scores, from those of their softmax; along the last axis.

    With L the logarithm of the sum of exponentials, ``p_k = exp(z_k - L)``: the rescale rule for
    the outer exponential, and for the exponentials and the logarithm in L.
    """
    total, total_ref = (z.logsumexp(-1, keepdim=True) for z in (scores, scores_ref))
    log_p, log_p_ref = scores.log_softmax(-1), scores_ref.log_softmax(-1)
    p, p_ref = scores.softmax(-1), scores_ref.softmax(-1)
    # The exponentials and their sum, both divided by the larger sum. So the larger of s and s_ref
    # is 1, and so is the logarithm's derivative where they are equal.
    largest = torch.maximum(total, total_ref)
    s, s_ref = (total - largest).exp(), (total_ref - largest).exp()
    of_sum = slope(total, total_ref, s, s_ref, torch.ones_like(s))
    of_total = slope(p * s, p_ref * s_ref, scores, scores_ref, p * s) * of_sum
    kept = multipliers * slope(p, p_ref, log_p, log_p_ref, p)
    return kept - of_total * kept.sum(-1, keepdim=True)


def split_max(values: Tensor, values_ref: Tensor, derivative: Tensor) -> Tensor:
    """Multipliers of the maximum of a few players: Shapley values over differences.

    They lie between 0 and 1, because a maximum never changes by more than what it is taken of.

    Parameters
    ----------
    values, values_ref : Tensor of shape (n_players, ...)
        Of the sequence and of the reference.
    derivative : Tensor of shape (n_players, ...)
        Where the two are equal.
    """
    # Of all coalitions, player p in those with bit p.
    game = torch.stack([values_ref[0], values[0]])
    for own, ref in zip(values[1:], values_ref[1:], strict=True):
        game = torch.cat([torch.maximum(game, ref), torch.maximum(game, own)])
    shapley = torch.tensordot(game.new_tensor(_shapley_matrix(len(values))), game, dims=1)
    zero = torch.zeros_like(shapley)
    return slope(shapley, zero, values, values_ref, derivative, smooth=False).clamp_(0, 1)


@cache
def _shapley_matrix(n_players: int) -> list[list[float]]:
    """From the values of all coalitions to the Shapley value of each player."""
    matrix = [[0.0] * 2**n_players for _ in range(n_players)]
    for player, row in enumerate(matrix):
        for coalition in range(2**n_players):
            others = coalition & ~(1 << player)
            weight = 1 / (n_players * math.comb(n_players - 1, others.bit_count()))
            row[coalition] = -weight if coalition == others else weight
    return matrix
