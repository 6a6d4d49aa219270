"""From the network's outputs to the numbers that are explained."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ._rules import slope, through_softmax


@dataclass(frozen=True)
class Readout:
    """A linear map of the outputs or of their probabilities.

    Attributes
    ----------
    weight : float64 Tensor of shape (n_responses, n_outputs)
    link : {None, "sigmoid", "softmax"}
        From logits to probabilities.
    offset : float64 Tensor of shape (n_responses,), or None for zero
    """

    weight: Tensor
    link: Literal["sigmoid", "softmax"] | None = None
    offset: Tensor | None = None

    def __call__(self, outputs: Tensor) -> Tensor:
        """Responses, along the last axis."""
        if self.link == "sigmoid":
            outputs = outputs.sigmoid()
        elif self.link == "softmax":
            outputs = outputs.softmax(-1)
        responses = outputs @ self.weight.t()
        return responses if self.offset is None else responses + self.offset

    def multipliers(self, outputs: Tensor, reference: Tensor) -> Tensor:
        """Multipliers of the outputs, shape (*pairs, n_responses, n_outputs).

        Where nothing but a linear map is between they do not depend on the pair, and its axes
        have length 1.
        """
        if self.link is None:
            return self.weight.expand(*[1] * (outputs.ndim - 1), -1, -1)
        if self.link == "sigmoid":
            p, p_ref = outputs.sigmoid(), reference.sigmoid()
            return self.weight * slope(p, p_ref, outputs, reference, p * (1 - p))[..., None, :]
        return through_softmax(self.weight, outputs[..., None, :], reference[..., None, :])

    def unit(self, y_scale: Tensor) -> Tensor:
        """Size of the responses' changes for outputs in units of ``y_scale``."""
        return self.weight.abs() @ y_scale

    def to(self, device: torch.device) -> "Readout":
        """The same on another device."""
        offset = None if self.offset is None else self.offset.to(device)
        return Readout(self.weight.to(device), self.link, offset)
