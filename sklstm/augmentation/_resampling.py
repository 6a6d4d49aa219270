"""Sequences read between their time steps."""

import torch
from torch import Tensor


def resample(x: Tensor, positions: Tensor, last: Tensor, rows: Tensor | None = None) -> Tensor:
    """Interpolate linearly between the time steps of each sequence.

    Parameters
    ----------
    x : Tensor of shape (n, n_timesteps, n_features)
    positions : float64 Tensor of shape (m, k)
        Times to read at, in steps.
    last : float64 Tensor of shape (m, 1)
        The last real step; positions outside 0 to ``last`` are read at the nearer end.
    rows : int64 Tensor of shape (m,), optional
        The sequence that each row of ``positions`` reads, by default its own.

    Returns
    -------
    Tensor of shape (m, k, n_features)
    """
    positions = torch.minimum(positions.clamp(min=0), last)
    if rows is None:
        rows = torch.arange(len(x), device=x.device)
    before, after = positions.long(), positions.ceil().long()
    share = (positions - before).to(x.dtype)[:, :, None]
    return torch.lerp(x[rows[:, None], before], x[rows[:, None], after], share)
