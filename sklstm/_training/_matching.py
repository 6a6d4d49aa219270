"""Training one network to return what another one returns."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .._data import Sequences
from ..nn import ScaledNetwork
from ._batches import Batches, resolve_batch_size
from ._seeding import seeded_generator

_ORDER, _NOISE = 6, 7
# Of Adam, at the beginning; it falls to zero along a cosine.
LEARNING_RATE = 5e-3
# Noise is normal, with a size of its own for each row: up to this many standard deviations.
LARGEST_NOISE = 0.6


@torch.inference_mode(False)
@torch.enable_grad()
def match_outputs(
    network: ScaledNetwork,
    teacher: ScaledNetwork,
    sequences: Sequences,
    weights: NDArray[np.float64],
    epochs: int,
    seed: int,
) -> None:
    """Least squares on the outputs of the teacher, for rows with noise that is new each time.

    Outputs are those of the networks before the scaling of the target is undone: logits, or
    targets in standard deviations. Noise asks for more than the same answers at the rows: for the
    same slopes about them. No dropout.

    Parameters
    ----------
    network, teacher : ScaledNetwork
        Of the same outputs and the same scaling; the first one is changed.
    sequences : Sequences of length n
        Codes get no noise.
    weights : float64 array of shape (n,)
    epochs, seed : int

    Raises
    ------
    ValueError
        Where a weight of the network is no longer finite.
    """
    device = network.x_mean.device
    teacher = copy.deepcopy(teacher).to(device).eval()
    rows = np.flatnonzero(weights > 0)
    row_weights = torch.from_numpy(weights[rows] / weights[rows].mean()).float()
    batch_size = resolve_batch_size("auto", len(rows))
    nothing = torch.empty(len(rows), 0)
    batches = Batches(sequences, rows, nothing, row_weights, network, batch_size, device)
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * batches.n_batches)
    noise = seeded_generator(seed, _NOISE, device=device)
    with _without_dropout(network):
        for epoch in range(epochs):
            for x, _ in batches.shuffled(seeded_generator(seed, epoch, _ORDER)):
                z, lengths = x["z"], x["lengths"]
                assert z is not None
                if network.embedding is None:
                    z = _noisy(z, noise)
                with torch.no_grad():
                    wanted = teacher.encode(z, lengths)
                missed = (network.encode(z, lengths) - wanted).square().mean(-1)
                optimizer.zero_grad()
                _mean(missed, x["weights"], lengths).backward()
                optimizer.step()
                schedule.step()
    if not all(bool(torch.isfinite(p).all()) for p in network.parameters()):
        raise ValueError("Fine-tuning diverged. Look for extreme values in X.")


@contextmanager
def _without_dropout(network: nn.Module) -> Iterator[None]:
    """Within, the network learns in evaluation mode.

    In that mode cuDNN computes no gradients. So torch's own LSTMs, which drop nothing, train.
    """
    network.eval()
    for part in network.modules():
        if isinstance(part, nn.LSTM):
            part.train()
    try:
        yield
    finally:
        network.eval()


def _noisy(z: Tensor, generator: torch.Generator) -> Tensor:
    options: Any = {"generator": generator, "device": z.device}
    size = torch.rand((len(z), 1, 1), **options) * LARGEST_NOISE
    return z + size * torch.randn(z.shape, **options)


def _mean(missed: Tensor, weights: Tensor | None, lengths: Tensor | None) -> Tensor:
    """Of rows (n,), or of the real steps of each, (n, n_timesteps)."""
    if missed.ndim == 2:
        if lengths is not None:
            real = torch.arange(missed.shape[1], device=missed.device) < lengths[:, None]
            missed = torch.where(real, missed, 0.0)
        missed = missed.sum(1) / missed.shape[1]
    return (missed if weights is None else missed * weights).mean()
