"""From one hidden state per time step to one vector per sequence."""

import torch
from torch import Tensor

POOLINGS = ("last", "mean", "max")


def pool(hidden: Tensor, lengths: Tensor | None, pooling: str, bidirectional: bool) -> Tensor:
    """Pool hidden states over the real time steps.

    Parameters
    ----------
    hidden : Tensor of shape (n, n_timesteps, size)
    lengths : int64 Tensor of shape (n,), or None where every step is real
    pooling : {"last", "mean", "max"}
        "last" takes each direction's final state: the forward one at the last real step, the
        backward one at the first step.
    bidirectional : bool
        Whether the second half of ``size`` belongs to the backward direction.

    Returns
    -------
    Tensor of shape (n, size)
    """
    if pooling == "last":
        return _final_states(hidden, lengths, bidirectional)
    if lengths is None and pooling == "max":
        return hidden.amax(1)
    # Summed in float64 and rounded, the mean does not show in which order the kernel summed,
    # which depends on the padding.
    if lengths is None:
        return hidden.mean(1, dtype=torch.float64).float()
    padded = (torch.arange(hidden.shape[1], device=hidden.device) >= lengths[:, None])[:, :, None]
    if pooling == "mean":
        total = hidden.masked_fill(padded, 0.0).sum(1, dtype=torch.float64)
        return (total / lengths[:, None]).float()
    return hidden.masked_fill(padded, -torch.inf).amax(1)


def _final_states(hidden: Tensor, lengths: Tensor | None, bidirectional: bool) -> Tensor:
    if lengths is None:
        final = hidden[:, -1]
    else:
        final = hidden[torch.arange(len(hidden), device=hidden.device), lengths - 1]
    if not bidirectional:
        return final
    size = hidden.shape[2] // 2
    return torch.cat([final[:, :size], hidden[:, 0, size:]], dim=1)
