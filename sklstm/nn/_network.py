"""The module that the estimators train, save and explain."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ._embedding import CodeEmbedding
from ._init import empty_linear, init_linear_
from ._pooling import INPUT, Pooling, last_step
from ._recurrent import BatchPart, RecurrentStack
from ._scaled import ScaledNetwork


class LSTMNetwork(ScaledNetwork):
    """LSTM layers, pooling and a linear head, between two standardisations.

    Parameters
    ----------
    n_features, n_outputs, hidden_size, num_layers : int
    bidirectional : bool
    cell : {"lstm", "peephole"}
    activation : {"tanh", "relu"}
    dropout : float
        Between layers and before the head, while training.
    recurrent_dropout : float
        On the previous hidden state, the same units at every step, while training.
    tbptt_steps : int or None
        Number of steps that gradients go back through, in chunks.
    pooling : sequence of {"last", "mean", "max", "attention", "input"}
        "input" is the last real step of the input, which the head then sees beside the hidden
        states; its weights start at zero.
    return_sequences : bool
        One output per time step, in place of pooling.
    quantiles : sequence of float or None
        The outputs are these quantiles of each target, target by target.
    embedding : (int, int) or None
        Number of codes and size of their vectors; the one feature is then a code.
    """

    def __init__(
        self,
        n_features: int,
        n_outputs: int,
        hidden_size: int,
        num_layers: int,
        bidirectional: bool,
        dropout: float,
        cell: str = "lstm",
        activation: str = "tanh",
        recurrent_dropout: float = 0.0,
        tbptt_steps: int | None = None,
        pooling: Sequence[str] = ("last",),
        return_sequences: bool = False,
        quantiles: Sequence[float] | None = None,
        embedding: tuple[int, int] | None = None,
    ) -> None:
        architecture = {k: v for k, v in locals().items() if k not in ("self", "__class__")}
        super().__init__(architecture)
        self.embedding = None if embedding is None else CodeEmbedding(*embedding)
        self.recurrent = RecurrentStack(
            n_features if embedding is None else embedding[1],
            hidden_size,
            num_layers,
            bidirectional,
            cell,
            activation,
            dropout,
            recurrent_dropout,
            tbptt_steps,
        )
        size = self.recurrent.output_size
        self.pooling = None
        self.n_direct = 0  # inputs that the head sees
        if not return_sequences:
            poolings = [name for name in pooling if name != INPUT]
            self.pooling = Pooling(size, poolings, bidirectional)
            self.n_direct = self.recurrent.input_size if INPUT in pooling else 0
        pooled_size = size if self.pooling is None else self.pooling.output_size
        self.head = empty_linear(pooled_size + self.n_direct, n_outputs)
        self.width = size + self.recurrent.input_size

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Draw all weights from ``generator``."""
        self.recurrent.reset_parameters(generator)
        init_linear_(self.head, generator)
        with torch.no_grad():
            self.head.weight[:, self.head.in_features - self.n_direct :] = 0.0
        if self.pooling is not None:
            self.pooling.reset_parameters()
        if self.embedding is not None:
            self.embedding.reset_parameters(generator)
        if self.order is not None:
            n_targets = self.head.out_features // len(self.order.quantiles)
            with torch.no_grad():
                self.head.bias.copy_(self.order.initial_bias(n_targets))

    @contextmanager
    def drawing_from(
        self, generator: torch.Generator, part: BatchPart | None = None
    ) -> Iterator[None]:
        """Within, dropout masks are drawn from ``generator``, and cut to ``part``."""
        dropouts = self.recurrent.dropout, self.recurrent.recurrent_dropout
        for dropout in dropouts:
            dropout.generator, dropout.part = generator, part
        try:
            yield
        finally:
            for dropout in dropouts:
                dropout.generator = dropout.part = None

    def _outputs(self, vectors: Tensor, lengths: Tensor | None) -> Tensor:
        return self.from_hidden(self.recurrent(vectors, lengths), vectors, lengths)

    def from_hidden(self, hidden: Tensor, vectors: Tensor, lengths: Tensor | None) -> Tensor:
        """Outputs, before quantiles are put in order, from the last layer's hidden states.

        Parameters
        ----------
        hidden : Tensor of shape (n, n_timesteps, output_size)
        vectors : Tensor of shape (n, n_timesteps, input_size)
            What the first layer reads.
        lengths : int64 Tensor of shape (n,), or None where every step is real
        """
        features = hidden if self.pooling is None else self.pooling(hidden, lengths)
        features = self.recurrent.dropout(features)
        if self.n_direct:
            features = torch.cat([features, last_step(vectors, lengths)], dim=1)
        if self.training:
            return self.head(features)
        # The matrix product sums in another order in a batch of another size; in float64 and
        # rounded that does not show.
        weight, bias = self.head.weight.double(), self.head.bias.double()
        return nn.functional.linear(features.double(), weight, bias).float()
