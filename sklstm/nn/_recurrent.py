"""Stacked, optionally bidirectional LSTM layers over sequences of different length."""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ._cells import LSTMLayer


@dataclass
class BatchPart:
    """The rows of a batch that one of several processes sees.

    Attributes
    ----------
    number : int
        Of the process.
    n_rows : int
        Of the whole batch.
    rows : slice
        Those of the process.
    """

    number: int
    n_rows: int = 0
    rows: slice = field(default_factory=lambda: slice(0))


class GeneratorDropout(nn.Module):
    """Inverted dropout whose masks come from a generator of one's own.

    ``nn.Dropout`` and the ``dropout`` argument of ``nn.LSTM`` draw from torch's global
    generator, so that two fits in two threads would disturb each other.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.generator: torch.Generator | None = None
        self.part: BatchPart | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Zero each entry of ``x`` with probability ``p`` while training."""
        if not self.training or self.p == 0.0:
            return x
        # Row after row, however x lies in memory: a part of a batch takes its part of the mask.
        shape = x.shape if self.part is None else (self.part.n_rows, *x.shape[1:])
        mask = x.new_empty(shape).bernoulli_(1.0 - self.p, generator=self.generator)
        if self.part is not None:
            mask = mask[self.part.rows]
        return x * mask.div_(1.0 - self.p)


class RecurrentStack(nn.Module):
    """LSTM layers, each a forward one and, if bidirectional, one that runs backward.

    The layers run in one direction each, which puts our own dropout between them and lets the
    backward direction start at each sequence's own last step instead of in the padding.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        bidirectional: bool,
        cell: str,
        activation: str,
        dropout: float,
        recurrent_dropout: float,
        tbptt_steps: int | None,
    ) -> None:
        super().__init__()
        self.bidirectional = bidirectional
        self.tbptt_steps = tbptt_steps
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.output_size = hidden_size * (2 if bidirectional else 1)
        sizes = [input_size] + [self.output_size] * (num_layers - 1)

        def layers(sizes: list[int]) -> nn.ModuleList:
            return nn.ModuleList(LSTMLayer(size, hidden_size, cell, activation) for size in sizes)

        self.forward_layers = layers(sizes)
        self.backward_layers = layers(sizes if bidirectional else [])
        self.dropout = GeneratorDropout(dropout)
        self.recurrent_dropout = GeneratorDropout(recurrent_dropout)

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Draw all weights from ``generator``."""
        for layer in [*self.forward_layers, *self.backward_layers]:
            layer.reset_parameters(generator)

    def forward(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        """Hidden states of the last layer.

        Parameters
        ----------
        x : Tensor of shape (n, n_timesteps, input_size)
        lengths : int64 Tensor of shape (n,), or None where every step is real

        Returns
        -------
        Tensor of shape (n, n_timesteps, output_size)
            Forward states first, then backward states. Entries at padded steps are undefined.
        """
        for i, layer in enumerate(self.forward_layers):
            if i:
                x = self.dropout(x)
            hidden = self._run(layer, x, lengths)
            if self.bidirectional:
                backward = self._run(self.backward_layers[i], reverse(x, lengths), lengths)
                hidden = torch.cat([hidden, reverse(backward, lengths)], dim=2)
            x = hidden
        return x

    def _run(self, layer: nn.Module, x: Tensor, lengths: Tensor | None) -> Tensor:
        if not self.training:
            return layer(x, lengths=lengths)[0]
        mask = None
        if self.recurrent_dropout.p:
            mask = self.recurrent_dropout(x.new_ones(len(x), self.hidden_size))
        if self.tbptt_steps is None:
            return layer(x, None, mask, lengths)[0]
        # Truncated back-propagation (Williams & Peng, Neural Computation 1990): the state goes on
        # from chunk to chunk, the gradient does not.
        chunks, state, begin = [], None, 0
        for chunk in x.split(_chunk_sizes(x.shape[1], self.tbptt_steps, lengths), dim=1):
            left = None if lengths is None else (lengths - begin).clamp(min=0)
            begin += chunk.shape[1]
            # What a chunk's gradient needs is computed again when it is needed, in less memory.
            hidden, (h, c) = checkpoint(
                layer, chunk, state, mask, left, use_reentrant=False, preserve_rng_state=False
            )
            state = (h.detach(), c.detach())
            chunks.append(hidden)
        return torch.cat(chunks, dim=1)


def _chunk_sizes(n_timesteps: int, size: int, lengths: Tensor | None) -> list[int]:
    # The last step, where the loss is, has a whole chunk behind it. Sequences of different length
    # end anywhere; cut from step 0 on, they are cut alike in every batch.
    first = n_timesteps % size if lengths is None else 0
    rest = n_timesteps - first
    sizes = [first] + [size] * (rest // size) + [rest % size]
    return [size for size in sizes if size]


def reverse(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Reverse each sequence within its own length; padding stays where it is."""
    if lengths is None:
        return x.flip(1)
    steps = torch.arange(x.shape[1], device=x.device)
    mirrored = lengths[:, None] - 1 - steps
    index = torch.where(mirrored >= 0, mirrored, steps)
    return x.gather(1, index[:, :, None].expand(-1, -1, x.shape[2]))
