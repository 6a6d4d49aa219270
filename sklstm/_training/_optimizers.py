"""Optimizers by name, in torch's fused form where there is one."""

import inspect
from typing import Any

import torch
from torch import nn

OPTIMIZERS: dict[str, tuple[type[torch.optim.Optimizer], dict[str, Any]]] = {
    "adamw": (torch.optim.AdamW, {"fused": True}),
    "adam": (torch.optim.Adam, {"fused": True}),
    "rmsprop": (torch.optim.RMSprop, {}),
    "sgd": (torch.optim.SGD, {"fused": True, "momentum": 0.9, "nesterov": True}),
}


def check_optimizer(optimizer: Any, weight_decay: float, estimator_name: str) -> None:
    """Raise where a class is no optimizer, or cannot decay weights and should."""
    if isinstance(optimizer, str):
        return
    if not issubclass(optimizer, torch.optim.Optimizer):
        raise ValueError(
            f"The 'optimizer' parameter of {estimator_name} must be one of "
            f"{sorted(OPTIMIZERS)} or a subclass of torch.optim.Optimizer. Got {optimizer!r} "
            "instead."
        )
    if weight_decay and "weight_decay" not in inspect.signature(optimizer).parameters:
        raise ValueError(
            f"The 'weight_decay' parameter is {weight_decay!r}, but {optimizer.__name__} has "
            "none. Set it to 0."
        )


def make_optimizer(
    module: nn.Module,
    optimizer: str | type[torch.optim.Optimizer],
    learning_rate: float,
    weight_decay: float,
) -> torch.optim.Optimizer:
    """Build the optimizer of a module's weights.

    Weight decay is applied to the weight matrices; biases are spared. A torch class is called
    with the parameters, ``lr`` and, where it knows it, ``weight_decay``.
    """
    parameters = list(module.parameters())
    optimizer_class: Any = optimizer
    options: dict[str, Any] = {}
    if isinstance(optimizer, str):
        optimizer_class, options = OPTIMIZERS[optimizer]
    if weight_decay:
        groups = [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
        return optimizer_class(groups, lr=learning_rate, **options)
    if "weight_decay" in inspect.signature(optimizer_class).parameters:
        options = {**options, "weight_decay": 0.0}
    return optimizer_class(parameters, lr=learning_rate, **options)
