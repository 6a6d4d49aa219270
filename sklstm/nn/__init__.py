"""The network in plain torch: recurrent stack, pooling, head and standardisation."""

from ._network import LSTMNetwork
from ._pooling import POOLINGS

__all__ = ["POOLINGS", "LSTMNetwork"]
