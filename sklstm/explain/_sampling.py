"""Means of samples, of which more are drawn for the rows whose standard error is too large."""

from collections.abc import Callable

import torch
from torch import Tensor

# Of the first try; a standard error needs a few.
FIRST_SAMPLES = 4

# From rows, strata and the number of samples so far to samples (n_strata, n_rows, ...).
Draw = Callable[[Tensor, slice, int], Tensor]


def sampled(
    draw: Draw, allowed: Tensor, weights: Tensor, max_samples: int
) -> tuple[Tensor, Tensor]:
    """Weighted mean over strata, and its standard error.

    Strata take turns, and the number of samples is doubled. Before each stratum has been drawn
    twice, the standard error is that of strata drawn at random, so it holds their differences,
    which have no part in the error once all of them are there: it is too large rather than too
    small.

    Parameters
    ----------
    draw : callable
        Samples of some rows, one of each of the strata. They are independent.
    allowed : Tensor of shape (n, ...)
        A row is done when all its standard errors are below this.
    weights : float64 Tensor of shape (n_strata,)
        They sum to 1. The number of strata is a power of 2.
    max_samples : int
        Rounded down to whole rounds of the strata.

    Returns
    -------
    values, standard_error : Tensor of shape (n, ...)

    References
    ----------
    .. [1] Cochran (1977), "Sampling Techniques", chapter 5.
    """
    n_strata = len(weights)
    rows = torch.arange(len(allowed), device=allowed.device)
    done, wanted = 0, FIRST_SAMPLES
    while True:
        while done < wanted:
            first = done % n_strata
            strata = slice(first, min(first + wanted - done, n_strata))
            new = draw(rows, strata, done)
            if done == 0:
                values, errors, squares = new.new_zeros(3, *new.shape[1:])
                sums = new.new_zeros(n_strata, *new.shape[1:])
            sums[strata] += new
            squares += torch.tensordot(weights[strata].square(), new.square(), 1)
            done += strata.stop - first
        values[rows], errors[rows] = _estimate(sums, squares, weights, done)
        unsure = (errors[rows] > allowed[rows]).flatten(1).any(1)
        wanted = min(2 * done, max_samples)
        if wanted > n_strata:
            wanted -= wanted % n_strata
        if not unsure.any() or wanted <= done:
            return values, errors
        rows, sums, squares = rows[unsure], sums[:, unsure], squares[unsure]


def _estimate(sums: Tensor, squares: Tensor, weights: Tensor, done: int) -> tuple[Tensor, Tensor]:
    """Mean and standard error from sums by stratum and weighted squares."""
    n_seen, n_rounds = min(done, len(weights)), max(1, done // len(weights))
    means, shares = sums[:n_seen] / n_rounds, weights[:n_seen] / weights[:n_seen].sum()
    mean = torch.tensordot(shares, means, 1)
    if n_rounds == 1:
        spread = torch.tensordot(shares.square(), (means - mean).square(), 1)
        return mean, (spread * n_seen / (n_seen - 1)).sqrt()
    within = squares - n_rounds * torch.tensordot(shares.square(), means.square(), 1)
    return mean, (within.clamp(min=0) / (n_rounds * (n_rounds - 1))).sqrt()
