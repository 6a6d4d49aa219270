"""Losses of one batch, on standardised targets or logits."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

ELEMENTWISE: dict[str, Callable[..., Tensor]] = {
    "squared_error": F.mse_loss,
    "absolute_error": F.l1_loss,
    "huber": F.huber_loss,
    "cross_entropy": F.cross_entropy,
    "binary_cross_entropy": F.binary_cross_entropy_with_logits,
}


class WeightedLoss(nn.Module):
    """Mean over the batch of a loss by name, weighted where rows have weights."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.elementwise = ELEMENTWISE[name]

    def forward(self, output: Tensor, target: Tensor, weights: Tensor | None) -> Tensor:
        """Loss of one batch; the weights are of mean 1 over all training rows."""
        if weights is None:
            return self.elementwise(output, target, reduction="mean")
        per_row = self.elementwise(output, target, reduction="none")
        if per_row.ndim > 1:
            per_row = per_row.mean(1)
        return (per_row * weights).mean()
