"""What the built-in network and a user's own module share: units on both sides."""

from abc import abstractmethod
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from ._embedding import CodeEmbedding
from ._quantiles import NonCrossing
from ._recurrent import BatchPart

# Largest standardised input.
LARGEST = 1e30


class ScaledNetwork(nn.Module):
    """A network between two standardisations.

    Called, it reads sequences in original units and returns predictions in original units:
    standardise the inputs, ``encode``, undo the target's standardisation. Training runs
    ``encode`` alone, on data that were standardised once. The scaling lives in float64
    buffers, so that an input far from zero (a time stamp, a pressure in pascal) keeps its
    digits; the layers compute in float32.

    Parameters
    ----------
    architecture : dict
        What it is built from; it holds at least ``n_features``, ``n_outputs``,
        ``return_sequences`` and ``quantiles``.
    """

    # Hidden-state entries per time step, the measure of the memory that a forward pass takes.
    width: int
    # Where the one feature is an integer code.
    embedding: CodeEmbedding | None

    def __init__(self, architecture: dict[str, Any]) -> None:
        super().__init__()
        self.architecture = architecture
        self.embedding = None
        quantiles = architecture["quantiles"]
        self.order = None if quantiles is None else NonCrossing(quantiles)
        self.x_mean: Tensor
        self.x_scale: Tensor
        self.y_mean: Tensor
        self.y_scale: Tensor
        sizes = {"x": architecture["n_features"], "y": architecture["n_outputs"]}
        for name, size in sizes.items():
            options: dict[str, Any] = {"dtype": torch.float64, "device": "cpu"}
            self.register_buffer(f"{name}_mean", torch.zeros(size, **options))
            self.register_buffer(f"{name}_scale", torch.ones(size, **options))

    @abstractmethod
    def _outputs(self, vectors: Tensor, lengths: Tensor | None) -> Tensor:
        """Outputs, before quantiles are put in order."""

    @abstractmethod
    def drawing_from(
        self, generator: torch.Generator, part: BatchPart | None = None
    ) -> AbstractContextManager[None]:
        """Within, dropout masks are drawn from ``generator``, of a ``part`` of each batch."""

    def standardize(self, x: Tensor) -> Tensor:
        """Original units to zero mean and unit variance, float32."""
        # One row of steps and features is a longer run for the kernels than the features alone,
        # and a product costs a third of a quotient.
        mean = self.x_mean.expand(x.shape[1:]).contiguous()
        inverse = self.x_scale.reciprocal().expand(x.shape[1:]).contiguous()
        # Values beyond float32 stay finite, and so do the sums of the first layer.
        return (x - mean).mul_(inverse).float().clamp_(-LARGEST, LARGEST)

    def encode(self, z: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Outputs for standardised sequences, in the target's standardised units."""
        return self.from_vectors(self.vectors(z), lengths)

    def vectors(self, z: Tensor) -> Tensor:
        """What the first layer reads: standardised sequences, or the vectors of their codes."""
        return z if self.embedding is None else self.embedding(z[:, :, 0])

    def from_vectors(self, vectors: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Outputs in the target's standardised units."""
        outputs = self._outputs(vectors, lengths)
        return outputs if self.order is None else self.order(outputs)

    def original_unit(self, encoded: Tensor) -> Tensor:
        """Outputs in the target's units, float64."""
        return encoded * self.y_scale + self.y_mean

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Predict from sequences in original units.

        Parameters
        ----------
        x : float Tensor of shape (n, n_timesteps, n_features)
        lengths : int64 Tensor of shape (n,), optional
            Number of real time steps of each sequence; what follows them is ignored.

        Returns
        -------
        float64 Tensor of shape (n, n_outputs), or (n, n_timesteps, n_outputs) of a network that \
returns sequences
            Predictions in the target's units, or logits.
        """
        return self.original_unit(self.encode(self.standardize(x), lengths))
