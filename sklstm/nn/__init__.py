"""The network in plain torch: recurrent layers, pooling, head and standardisation."""

from typing import Any

from ._custom import CustomNetwork, ModuleFactory
from ._network import LSTMNetwork
from ._pooling import INPUT, POOLINGS
from ._recurrent import BatchPart
from ._scaled import LARGEST, ScaledNetwork
from ._shapes import weight_shapes

__all__ = [
    "INPUT",
    "LARGEST",
    "POOLINGS",
    "BatchPart",
    "CustomNetwork",
    "LSTMNetwork",
    "ModuleFactory",
    "ScaledNetwork",
    "build_network",
    "weight_shapes",
]


def build_network(architecture: dict[str, Any]) -> ScaledNetwork:
    """The network of an architecture, whose weights are still to be drawn or loaded."""
    return (CustomNetwork if "module" in architecture else LSTMNetwork)(**architecture)
