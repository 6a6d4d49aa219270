"""LSTM DeepLIFT: contributions of every cell that add up to the change of the output."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ..nn import LSTMNetwork
from ..nn._recurrent import RecurrentStack
from ._readout import Readout
from ._recording import Recording, record
from ._seeds import HiddenSeeds, OfDirection, Stored, seeds_from_head
from ._sweep import sweep

# Entries of the buffers of a time step: more of them leave the cache.
STEP_ENTRIES = 2**20
# Entries of what is kept of all time steps.
KEPT_ENTRIES = 2**27


@torch.inference_mode()
def deep(
    network: LSTMNetwork, readout: Readout, x: Tensor, references: Tensor, weights: Tensor
) -> Tensor:
    """DeepLIFT contributions, averaged over the references as in DeepSHAP [1]_.

    Parameters
    ----------
    network : LSTMNetwork
    readout : Readout
    x : Tensor of shape (n, n_timesteps, n_features)
        In original units; every step is real.
    references : Tensor of shape (1 or n, n_references, n_timesteps, n_features)
    weights : float64 Tensor of shape ([n_means,] n_references)
        They sum to 1. Several rows of them make several means, at little cost.

    Returns
    -------
    float64 Tensor of shape ([n_means,] n, n_timesteps, n_features, n_responses)
        With ``n_timesteps * n_responses`` of a network that returns sequences.

    References
    ----------
    .. [1] Lundberg & Lee (2017), "A unified approach to interpreting model predictions",
       NeurIPS.
    """
    n, n_timesteps, _ = x.shape
    n_outputs = len(readout.weight) * (n_timesteps if network.pooling is None else 1)
    total = zeros(network, weights, n, n_timesteps, n_outputs)
    for rows, some, own, other in recorded_pairs(network, x, references, n_outputs):
        part = contributions(network, readout, own, other, weights[..., some])
        total[..., rows, :, :, :] += part
    return total if network.embedding is None else total.sum(-2, keepdim=True)


def recorded_pairs(
    network: LSTMNetwork, x: Tensor, references: Tensor, n_outputs: int
) -> Iterator[tuple[Tensor, Tensor, Recording, Recording]]:
    """Some rows, some references, and the recordings of both, in bounded memory."""
    n, n_timesteps, _ = x.shape
    for some, rows_of in chunks(network, n, references.shape[1], n_timesteps, n_outputs):
        shared = record(network, references[:, some]) if len(references) == 1 else None
        for rows in rows_of:
            own = record(network, x[rows, None])
            other = record(network, references[rows][:, some]) if shared is None else shared
            yield rows, some, own, other


def zeros(
    network: LSTMNetwork, weights: Tensor, n: int, n_timesteps: int, n_outputs: int
) -> Tensor:
    """Contributions of nothing."""
    shape = n, n_timesteps, network.recurrent.input_size, n_outputs
    return weights.new_zeros(*weights.shape[:-1], *shape)


def contributions(
    network: LSTMNetwork,
    readout: Readout,
    recording: Recording,
    reference: Recording,
    weights: Tensor,
) -> Tensor:
    """Contributions of what the first layer reads, for the pairs of two recordings.

    Returns
    -------
    float64 Tensor of shape ([n_means,] n, n_timesteps, input_size, n_outputs)
        Sums over the second axis of the pairs, with ``weights`` of shape ([n_means,] second axis).
    """
    seeds, direct, units = seeds_from_head(network, readout, recording, reference)
    n_outputs = len(units)
    weights_of_means = weights.float().view(-1, weights.shape[-1])

    def times_difference(multipliers: Tensor, time: int) -> Tensor:
        delta = recording.inputs[time] - reference.inputs[time]
        of_pairs = multipliers * delta[..., None, :]
        return (weights_of_means @ of_pairs.flatten(2)).unflatten(2, of_pairs.shape[2:])

    stack, n_timesteps = network.recurrent, len(recording.inputs)
    for level in reversed(range(1, len(recording.layers))):
        steps = steps_back(stack, level, recording, reference, n_outputs, seeds)
        seeds = Stored(summed(steps, n_timesteps))
    steps = steps_back(stack, 0, recording, reference, n_outputs, seeds)
    total = summed(((time, times_difference(m, time)) for time, m in steps), n_timesteps)
    if direct is not None:
        total[-1] += times_difference(direct, -1)
    # From (n_timesteps, n, n_means, n_outputs, input_size).
    means = total.permute(2, 1, 0, 4, 3) * units
    return means if weights.ndim == 2 else means[0]


def steps_back(
    stack: RecurrentStack,
    level: int,
    recording: Recording,
    reference: Recording,
    n_outputs: int,
    seeds: HiddenSeeds,
) -> Iterator[tuple[int, Tensor]]:
    """Multipliers of a layer's inputs at each time step, one direction after the other."""
    last = len(recording.inputs) - 1
    layers: list[Any] = [stack.forward_layers[level]]
    if stack.bidirectional:
        layers.append(stack.backward_layers[level])
    sides = recording.layers[level], reference.layers[level]
    for k, (layer, own, ref) in enumerate(zip(layers, *sides, strict=True)):
        units = slice(k * stack.hidden_size, (k + 1) * stack.hidden_size)
        one_way = OfDirection(seeds, units, last if k else None)
        for step, multipliers in sweep(layer, own, ref, n_outputs, one_way):
            yield last - step if k else step, multipliers


def summed(steps: Iterator[tuple[int, Tensor]], n_timesteps: int) -> Tensor:
    """Sum for each time step, time first."""
    time, part = next(steps)
    total = part.new_zeros(n_timesteps, *part.shape)
    total[time] = part
    for time, part in steps:
        total[time] += part
    return total


def chunks(
    network: LSTMNetwork,
    n: int,
    n_references: int,
    n_timesteps: int,
    n_outputs: int,
    records_per_pair: int = 0,
) -> Iterator[tuple[Tensor, tuple[Tensor, ...]]]:
    """Some references, and the rows that they are paired with a few at a time.

    So many pairs that a step's buffers stay in the cache, and so few sequences that what is kept
    of all steps is bounded. Pairs may have records of their own; the memory of these is reused,
    so there are rather more chunks.
    """
    size, both = network.recurrent.hidden_size, network.recurrent.output_size
    n_layers = len(network.recurrent.forward_layers)
    device = network.x_mean.device
    entries = STEP_ENTRIES * (64 if device.type == "cuda" else 1) // (2 if records_per_pair else 1)
    pairs = entries // (size * (12 + 7 * n_outputs))
    # A pair has multipliers between layers and shares of the maximum, a sequence its record.
    of_sequence = 17 * both * n_layers
    of_pair = both * (n_outputs * (n_layers > 1) + 1) + records_per_pair * of_sequence
    pairs = max(1, min(pairs, KEPT_ENTRIES // (n_timesteps * of_pair)))
    sequences = max(1, KEPT_ENTRIES // (n_timesteps * of_sequence))
    for some in torch.arange(n_references, device=device).split(min(pairs, sequences)):
        rows = torch.arange(n, device=device)
        yield some, rows.split(max(1, min(pairs // len(some), sequences)))
