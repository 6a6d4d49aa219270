"""What the network makes of a sequence, as one vector."""

import torch
from torch import Tensor

from ..nn import LSTMNetwork
from ..nn._pooling import Pooling


@torch.inference_mode()
def pooled_states(network: LSTMNetwork, x: Tensor, lengths: Tensor | None) -> Tensor:
    """Hidden states of the last layer, pooled as for the head.

    Parameters
    ----------
    network : LSTMNetwork
    x : Tensor of shape (n, n_timesteps, n_features)
        In original units.
    lengths : int64 Tensor of shape (n,), or None where every step is real

    Returns
    -------
    Tensor of shape (n, size)
        Of a network that returns sequences their mean over time.
    """
    stack, pooling = network.recurrent, network.pooling
    hidden = stack(network.vectors(network.standardize(x)), lengths)
    if pooling is None:
        pooling = Pooling(stack.output_size, ["mean"], stack.bidirectional)
    return pooling(hidden, lengths)
