"""From one hidden state per time step to one vector per sequence."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ._init import empty_linear

POOLINGS = ("last", "mean", "max", "attention")
# Beside a pooling: the last real step of the input itself.
INPUT = "input"


class Pooling(nn.Module):
    """One or several poolings over the real time steps, side by side.

    "last" takes each direction's final state: the forward one at the last real step, the backward
    one at the first. "mean" and "max" are over the real steps. "attention" is a weighted mean,
    with weights ``softmax(h_t · w)`` over the real steps (Bahdanau, Cho & Bengio, ICLR 2015, with
    a linear score); ``w`` starts at zero, so that it starts as the mean.

    Parameters
    ----------
    size : int
        Of the hidden state, both directions together.
    poolings : sequence of {"last", "mean", "max", "attention"}
    bidirectional : bool
        Whether the second half of ``size`` belongs to the backward direction.
    """

    def __init__(self, size: int, poolings: Sequence[str], bidirectional: bool) -> None:
        super().__init__()
        self.poolings = tuple(poolings)
        self.bidirectional = bidirectional
        self.output_size = size * len(self.poolings)
        self.score = empty_linear(size, 1, bias=False) if "attention" in self.poolings else None

    def reset_parameters(self) -> None:
        """Attention starts as the mean."""
        if self.score is not None:
            nn.init.zeros_(self.score.weight)

    def forward(self, hidden: Tensor, lengths: Tensor | None) -> Tensor:
        """Pool.

        Parameters
        ----------
        hidden : Tensor of shape (n, n_timesteps, size)
        lengths : int64 Tensor of shape (n,), or None where every step is real

        Returns
        -------
        Tensor of shape (n, output_size)
        """
        padded = None
        if lengths is not None and self.poolings != ("last",):
            steps = torch.arange(hidden.shape[1], device=hidden.device)
            padded = (steps >= lengths[:, None])[:, :, None]
        pooled = [self._pool(pooling, hidden, lengths, padded) for pooling in self.poolings]
        return pooled[0] if len(pooled) == 1 else torch.cat(pooled, dim=1)

    def _pool(
        self, pooling: str, hidden: Tensor, lengths: Tensor | None, padded: Tensor | None
    ) -> Tensor:
        if pooling == "last":
            return _final_states(hidden, lengths, self.bidirectional)
        if pooling == "max":
            return (hidden if padded is None else hidden.masked_fill(padded, -torch.inf)).amax(1)
        if pooling == "attention":
            return self._attend(hidden, padded)
        return _mean(hidden, lengths, padded)

    def _attend(self, hidden: Tensor, padded: Tensor | None) -> Tensor:
        assert self.score is not None
        weight = self.score.weight
        if not self.training:  # as in _mean
            hidden, weight = hidden.double(), weight.double()
        if padded is not None:
            hidden = hidden.masked_fill(padded, 0.0)
        score = nn.functional.linear(hidden, weight)
        if padded is not None:
            score = score.masked_fill(padded, -torch.inf)
        return (score.softmax(1) * hidden).sum(1).float()


def _mean(hidden: Tensor, lengths: Tensor | None, padded: Tensor | None) -> Tensor:
    # Summed in float64 and rounded, the mean does not show in which order the kernel summed,
    # which depends on the padding.
    if lengths is None or padded is None:
        return hidden.mean(1, dtype=torch.float64).float()
    total = hidden.masked_fill(padded, 0.0).sum(1, dtype=torch.float64)
    return (total / lengths[:, None]).float()


def last_step(x: Tensor, lengths: Tensor | None) -> Tensor:
    """The last real step of each sequence, shape (n, size)."""
    if lengths is None:
        return x[:, -1]
    return x[torch.arange(len(x), device=x.device), lengths - 1]


def _final_states(hidden: Tensor, lengths: Tensor | None, bidirectional: bool) -> Tensor:
    final = last_step(hidden, lengths)
    if not bidirectional:
        return final
    size = hidden.shape[2] // 2
    return torch.cat([final[:, :size], hidden[:, 0, size:]], dim=1)
