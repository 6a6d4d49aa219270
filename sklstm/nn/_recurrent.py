"""Stacked, optionally bidirectional LSTM layers over sequences of different length."""

import torch
from torch import Tensor, nn

from ._init import empty_lstm, init_lstm_


class GeneratorDropout(nn.Module):
    """Inverted dropout whose masks come from a generator of one's own.

    ``nn.Dropout`` and the ``dropout`` argument of ``nn.LSTM`` draw from torch's global
    generator, so that two fits in two threads would disturb each other.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.generator: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Zero each entry of ``x`` with probability ``p`` while training."""
        if not self.training or self.p == 0.0:
            return x
        mask = torch.empty_like(x).bernoulli_(1.0 - self.p, generator=self.generator)
        return x * mask.div_(1.0 - self.p)


class RecurrentStack(nn.Module):
    """LSTM layers, each a forward ``nn.LSTM`` and, if bidirectional, one that runs backward.

    The layers are separate one-layer, one-direction ``nn.LSTM`` modules, which keeps each of
    them on torch's fused kernel, puts our own dropout between them, and lets the backward
    direction start at each sequence's own last step instead of in the padding.
    """

    def __init__(
        self,
        n_features: int,
        hidden_size: int,
        num_layers: int,
        bidirectional: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        self.bidirectional = bidirectional
        self.output_size = hidden_size * (2 if bidirectional else 1)
        sizes = [n_features] + [self.output_size] * (num_layers - 1)
        self.forward_layers = nn.ModuleList(empty_lstm(size, hidden_size) for size in sizes)
        self.backward_layers = nn.ModuleList(
            empty_lstm(size, hidden_size) for size in (sizes if bidirectional else [])
        )
        self.dropout = GeneratorDropout(dropout)

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Draw all weights from ``generator``."""
        for lstm in [*self.forward_layers, *self.backward_layers]:
            init_lstm_(lstm, generator)

    def forward(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        """Hidden states of the last layer.

        Parameters
        ----------
        x : Tensor of shape (n, n_timesteps, n_features)
        lengths : int64 Tensor of shape (n,), or None where every step is real

        Returns
        -------
        Tensor of shape (n, n_timesteps, output_size)
            Forward states first, then backward states. Entries at padded steps are undefined.
        """
        for layer, lstm in enumerate(self.forward_layers):
            if layer:
                x = self.dropout(x)
            hidden, _ = lstm(x)
            if self.bidirectional:
                backward, _ = self.backward_layers[layer](reverse(x, lengths))
                hidden = torch.cat([hidden, reverse(backward, lengths)], dim=2)
            x = hidden
        return x


def reverse(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Reverse each sequence within its own length; padding stays where it is."""
    if lengths is None:
        return x.flip(1)
    steps = torch.arange(x.shape[1], device=x.device)
    mirrored = lengths[:, None] - 1 - steps
    index = torch.where(mirrored >= 0, mirrored, steps)
    return x.gather(1, index[:, :, None].expand(-1, -1, x.shape[2]))
