"""Losses of one batch, on standardised targets or logits."""

from collections.abc import Callable, Sequence

import torch
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
    """Mean over the batch of a loss by name, weighted where rows have weights.

    Parameters
    ----------
    name : str
        One of ``ELEMENTWISE``, or "quantile".
    quantiles : sequence of float, optional
        With "quantile".
    """

    def __init__(self, name: str, quantiles: Sequence[float] | None = None) -> None:
        super().__init__()
        self.name = name
        self.elementwise = ELEMENTWISE.get(name) or PinballLoss(quantiles or ())

    def forward(
        self,
        output: Tensor,
        target: Tensor,
        weights: Tensor | None,
        label_smoothing: float = 0.0,
    ) -> Tensor:
        """Loss of one batch.

        Parameters
        ----------
        output : Tensor of shape (n, k) or (n, n_timesteps, k)
        target : Tensor
            Values, indicators or probabilities of the same shape (of quantiles one per target),
            or class codes without the last axis.
        weights : Tensor of shape (n,) or (n, n_timesteps), or None
            Of mean 1 over all training rows; those of time steps sum to 1 over a row, on average,
            and are 0 where there is no step.
        label_smoothing : float
            Share of each label that is spread evenly over the classes (Szegedy et al., CVPR 2016).
        """
        options = {}
        if self.name == "cross_entropy":
            options = {"label_smoothing": label_smoothing}
            if output.ndim == 3:  # torch wants the classes second
                output = output.transpose(1, 2)
                target = target.transpose(1, 2) if target.ndim == 3 else target
        elif label_smoothing:
            target = torch.lerp(target, torch.full_like(target, 0.5), label_smoothing)
        if weights is None:
            return self.elementwise(output, target, reduction="mean", **options)
        losses = self.elementwise(output, target, reduction="none", **options)
        if losses.ndim > weights.ndim:
            losses = losses.mean(-1)
        losses = losses * weights
        return losses.mean() if losses.ndim == 1 else losses.sum(1).mean()


class PinballLoss:
    """Loss whose minimum is a quantile, for all quantiles (Koenker & Bassett, 1978)."""

    def __init__(self, quantiles: Sequence[float]) -> None:
        self.quantiles = torch.tensor(quantiles, dtype=torch.float32, device="cpu")

    def __call__(self, output: Tensor, target: Tensor, reduction: str) -> Tensor:
        """``output`` holds all quantiles of a target side by side."""
        if self.quantiles.device != output.device:  # a copy in every batch would wait for a GPU
            self.quantiles = self.quantiles.to(output.device)
        quantiles = self.quantiles
        error = target[..., None] - output.unflatten(-1, (-1, len(quantiles)))
        losses = torch.maximum(quantiles * error, (quantiles - 1) * error)
        return losses.mean() if reduction == "mean" else losses.mean(-1)
