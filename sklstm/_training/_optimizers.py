"""Optimizers by name, in torch's fused form where there is one."""

from typing import Any

import torch
from torch import nn

OPTIMIZERS: dict[str, tuple[type[torch.optim.Optimizer], dict[str, Any]]] = {
    "adamw": (torch.optim.AdamW, {"fused": True}),
    "adam": (torch.optim.Adam, {"fused": True}),
    "rmsprop": (torch.optim.RMSprop, {}),
    "sgd": (torch.optim.SGD, {"fused": True, "momentum": 0.9, "nesterov": True}),
}


def check_optimizer(optimizer: Any, estimator_name: str) -> None:
    """Raise where a class is no optimizer."""
    if not isinstance(optimizer, str) and not issubclass(optimizer, torch.optim.Optimizer):
        raise ValueError(
            f"The 'optimizer' parameter of {estimator_name} must be one of "
            f"{sorted(OPTIMIZERS)} or a subclass of torch.optim.Optimizer. Got {optimizer!r} "
            "instead."
        )


def make_optimizer(
    module: nn.Module, optimizer: str | type[torch.optim.Optimizer], learning_rate: float
) -> torch.optim.Optimizer:
    """Build the optimizer of a module's weights, which decays none: see ``decay``.

    A torch class is called with the parameters and ``lr``.
    """
    optimizer_class: Any = optimizer
    options: dict[str, Any] = {}
    if isinstance(optimizer, str):
        optimizer_class, options = OPTIMIZERS[optimizer]
    built = optimizer_class(list(module.parameters()), lr=learning_rate, **options)
    for group in built.param_groups:
        if "weight_decay" in group:
            group["weight_decay"] = 0.0
    return built


@torch.no_grad()
def decay(weights: list[nn.Parameter], learning_rate: float, weight_decay: float) -> None:
    """Shrink the weight matrices; biases are spared.

    Decoupled from the gradient (Loshchilov & Hutter, ICLR 2019), as in AdamW, so that the
    parameter means the same for every optimizer.
    """
    for weight in weights:
        if weight.ndim > 1:
            weight.mul_(max(0.0, 1 - learning_rate * weight_decay))
