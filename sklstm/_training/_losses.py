"""Losses of one batch, on standardised targets or logits."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

Loss = Callable[[Tensor, Tensor, Tensor | None], Tensor]


def _weighted(elementwise: Callable[..., Tensor]) -> Loss:
    """Mean over the batch; with weights (of mean 1 over all rows) a weighted one."""

    def loss(output: Tensor, target: Tensor, weights: Tensor | None) -> Tensor:
        if weights is None:
            return elementwise(output, target, reduction="mean")
        per_row = elementwise(output, target, reduction="none")
        if per_row.ndim > 1:
            per_row = per_row.mean(1)
        return (per_row * weights).mean()

    return loss


LOSSES: dict[str, Loss] = {
    "squared_error": _weighted(F.mse_loss),
    "absolute_error": _weighted(F.l1_loss),
    "huber": _weighted(F.huber_loss),
    "cross_entropy": _weighted(F.cross_entropy),
    "binary_cross_entropy": _weighted(F.binary_cross_entropy_with_logits),
}
