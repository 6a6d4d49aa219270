"""The module that the estimators train, save and explain."""

from typing import Any

import torch
from torch import Tensor, nn

from ._init import empty_linear, init_linear_
from ._pooling import pool
from ._recurrent import RecurrentStack

# Largest standardised input.
LARGEST = 1e30


class LSTMNetwork(nn.Module):
    """LSTM layers, pooling and a linear head, between two standardisations.

    Called, it reads sequences in original units and returns predictions in original units:
    standardise the inputs, ``encode``, undo the target's standardisation. Training runs
    ``encode`` alone, on data that were standardised once. The scaling lives in float64
    buffers, so that an input far from zero (a time stamp, a pressure in pascal) keeps its
    digits; the layers compute in float32.

    Parameters
    ----------
    n_features, n_outputs, hidden_size, num_layers : int
    bidirectional : bool
    dropout : float
        Between layers and before the head, while training.
    pooling : {"last", "mean", "max"}
    """

    def __init__(
        self,
        n_features: int,
        n_outputs: int,
        hidden_size: int,
        num_layers: int,
        bidirectional: bool,
        dropout: float,
        pooling: str,
    ) -> None:
        super().__init__()
        self.architecture: dict[str, Any] = {
            "n_features": n_features,
            "n_outputs": n_outputs,
            "hidden_size": hidden_size,
            "num_layers": num_layers,
            "bidirectional": bidirectional,
            "dropout": dropout,
            "pooling": pooling,
        }
        self.pooling = pooling
        self.recurrent = RecurrentStack(n_features, hidden_size, num_layers, bidirectional, dropout)
        self.head = empty_linear(self.recurrent.output_size, n_outputs)
        self.x_mean: Tensor
        self.x_scale: Tensor
        self.y_mean: Tensor
        self.y_scale: Tensor
        for name, size in (("x", n_features), ("y", n_outputs)):
            options: dict[str, Any] = {"dtype": torch.float64, "device": "cpu"}
            self.register_buffer(f"{name}_mean", torch.zeros(size, **options))
            self.register_buffer(f"{name}_scale", torch.ones(size, **options))

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Draw all weights from ``generator``."""
        self.recurrent.reset_parameters(generator)
        init_linear_(self.head, generator)

    def set_generator(self, generator: torch.Generator | None) -> None:
        """Draw dropout masks from ``generator`` from now on."""
        self.recurrent.dropout.generator = generator

    def standardize(self, x: Tensor) -> Tensor:
        """Original units to zero mean and unit variance, float32."""
        # One row of steps and features is a longer run for the kernels than the features alone,
        # and a product costs a third of a quotient.
        mean = self.x_mean.expand(x.shape[1:]).contiguous()
        inverse = self.x_scale.reciprocal().expand(x.shape[1:]).contiguous()
        # Values beyond float32 stay finite, and so do the sums of the first layer.
        return (x - mean).mul_(inverse).float().clamp_(-LARGEST, LARGEST)

    def encode(self, z: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Head outputs for standardised sequences, in the target's standardised units."""
        hidden = self.recurrent(z, lengths)
        pooled = pool(hidden, lengths, self.pooling, self.recurrent.bidirectional)
        if self.training:
            return self.head(self.recurrent.dropout(pooled))
        # The matrix product sums in another order in a batch of another size; in float64 and
        # rounded that does not show.
        weight, bias = self.head.weight.double(), self.head.bias.double()
        return nn.functional.linear(pooled.double(), weight, bias).float()

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Predict from sequences in original units.

        Parameters
        ----------
        x : float Tensor of shape (n, n_timesteps, n_features)
        lengths : int64 Tensor of shape (n,), optional
            Number of real time steps of each sequence; what follows them is ignored.

        Returns
        -------
        float64 Tensor of shape (n, n_outputs)
            Predictions in the target's units, or logits.
        """
        return self.encode(self.standardize(x), lengths) * self.y_scale + self.y_mean
