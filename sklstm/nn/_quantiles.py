"""Quantiles that cannot cross."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class NonCrossing(nn.Module):
    """Raw outputs to quantiles in their order: the median, and positive gaps on both sides.

    With raw outputs ``r`` and the median at index ``m``: ``q_m = r_m``,
    ``q_j = q_{j-1} + softplus(r_j)`` above it and ``q_j = q_{j+1} - softplus(r_j)`` below.

    Parameters
    ----------
    quantiles : sequence of float
        Increasing, 0.5 among them.
    """

    def __init__(self, quantiles: Sequence[float]) -> None:
        super().__init__()
        self.quantiles = tuple(quantiles)
        self.median = self.quantiles.index(0.5)

    def initial_bias(self, n_targets: int) -> Tensor:
        """Raw outputs of the quantiles of a standard normal target, one run per target."""
        probabilities = torch.tensor(self.quantiles, dtype=torch.float64, device="cpu")
        gaps = torch.special.ndtri(probabilities).diff()
        raw = gaps.expm1().log()  # the inverse of softplus
        zero = torch.zeros(1, dtype=torch.float64, device="cpu")
        raw = torch.cat([raw[: self.median], zero, raw[self.median :]])
        return raw.float().repeat(n_targets)

    def forward(self, raw: Tensor) -> Tensor:
        """Raw outputs ``(..., n_targets * n_quantiles)``, target by target."""
        # The last bits of softplus depend on the place in memory; computed in float64 and rounded
        # they do not show.
        raw = raw.double().unflatten(-1, (-1, len(self.quantiles)))
        gaps = nn.functional.softplus(raw)
        median = raw[..., self.median, None]
        below = median - gaps[..., : self.median].flip(-1).cumsum(-1).flip(-1)
        above = median + gaps[..., self.median + 1 :].cumsum(-1)
        return torch.cat([below, median, above], dim=-1).flatten(-2).float()
