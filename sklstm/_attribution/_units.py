"""What hidden units contribute to the output, and networks in which one of them says nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from ..nn import LSTMNetwork
from ._deep import recorded_pairs, steps_back, summed
from ._readout import Readout
from ._recording import Recording
from ._seeds import HiddenSeeds, Stored, seeds_from_head


@torch.inference_mode()
def unit_contributions(
    network: LSTMNetwork, readout: Readout, x: Tensor, references: Tensor, weights: Tensor
) -> Tensor:
    """DeepLIFT contributions of hidden states, by the rules of ``deep``.

    All that the first layer reads reaches the output through the hidden states of every layer:
    those of each layer, with the inputs that the head sees, add up to the change of the output.
    A state counts by what lies above it; what it does to later states of its own layer is counted
    there.

    Parameters
    ----------
    network, readout, x, references, weights
        As in ``deep``.

    Returns
    -------
    float64 Tensor of shape (n, n_layers * output_size + 1, n_outputs)
        Summed over time; from the first layer to the last, forward units first. The last one is
        that of the inputs that the head sees.
    """
    n, n_timesteps, _ = x.shape
    n_outputs = len(readout.weight) * (n_timesteps if network.pooling is None else 1)
    n_units = len(network.recurrent.forward_layers) * network.recurrent.output_size
    total = weights.new_zeros(n, n_units + 1, n_outputs)
    for rows, some, own, other in recorded_pairs(network, x, references, n_outputs):
        seeds, direct, unit = seeds_from_head(network, readout, own, other)
        parts = [*_layers(network, own, other, seeds, n_outputs, weights[some])]
        total[rows, :-1] += torch.cat(parts[::-1], dim=-1).transpose(1, 2) * unit
        if direct is not None:
            delta = (own.inputs[-1] - other.inputs[-1]) * weights[some, None].float()
            total[rows, -1] += (direct * delta[..., None, :]).sum((1, 3)) * unit
    return total


def _layers(
    network: LSTMNetwork,
    recording: Recording,
    reference: Recording,
    seeds: HiddenSeeds,
    n_outputs: int,
    weights: Tensor,
) -> Iterator[Tensor]:
    """Contributions of each layer's units, (n, n_outputs, output_size), the last layer first."""
    stack, n_timesteps = network.recurrent, len(recording.inputs)
    size = stack.hidden_size
    directions = [slice(k, k + size) for k in range(0, stack.output_size, size)]
    for level in reversed(range(len(recording.layers))):
        hidden, hidden_ref = (_hidden(side, level) for side in (recording, reference))
        total = weights.new_zeros(len(hidden[0]), n_outputs, stack.output_size)
        pairs = torch.broadcast_shapes(hidden.shape[1:-1], hidden_ref.shape[1:-1])
        multipliers = hidden.new_empty(*pairs, n_outputs, stack.output_size)
        for time in range(n_timesteps):
            multipliers.zero_()
            for units in directions:
                seeds.add_to(multipliers[..., units], time, units)
            delta = (hidden[time] - hidden_ref[time]) * weights[:, None].float()
            total += (multipliers * delta[..., None, :]).sum(1)
        yield total
        if level:
            steps = steps_back(stack, level, recording, reference, n_outputs, seeds)
            seeds = Stored(summed(steps, n_timesteps))


def _hidden(recording: Recording, level: int) -> Tensor:
    """Hidden states of a layer, both directions, in the order of time."""
    forward, *backward = (one_way.hidden for one_way in recording.layers[level])
    return torch.cat([forward, *(states.flip(0) for states in backward)], dim=-1)


@contextmanager
def unit_held(
    network: LSTMNetwork, layer: int, direction: int, unit: int, value: float
) -> Iterator[None]:
    """Within, whatever reads a hidden unit reads this value instead, at every step.

    Its own layer's next step, the layer above and the head read it by a column of weights each:
    the column is zero, and the bias has what it would add.
    """
    readers = [*_readers(network, layer, direction, unit)]
    saved = [(part, part.clone()) for reader in readers for part in reader[:2] if part is not None]
    try:
        with torch.no_grad():
            for weight, bias, column in readers:
                if bias is not None:
                    bias += weight[:, column] * value
                weight[:, column] = 0.0
        yield
    finally:
        with torch.no_grad():
            for part, values in saved:
                part.copy_(values)


def _readers(
    network: LSTMNetwork, layer: int, direction: int, unit: int
) -> Iterator[tuple[Tensor, Tensor | None, int]]:
    """Weight, bias and column of each linear map that reads a hidden unit."""
    stack, pooling = network.recurrent, network.pooling
    layers: list[Any] = [stack.forward_layers, stack.backward_layers][: 1 + stack.bidirectional]
    own = layers[direction][layer].lstm
    yield own.weight_hh_l0, own.bias_hh_l0, unit
    column = direction * stack.hidden_size + unit
    if layer + 1 < len(stack.forward_layers):
        for one_way in layers:
            above = one_way[layer + 1].lstm
            yield above.weight_ih_l0, above.bias_ih_l0, column
        return
    for k in range(1 if pooling is None else len(pooling.poolings)):
        yield network.head.weight, network.head.bias, k * stack.output_size + column
    if pooling is not None and pooling.score is not None:
        # What is the same at every step does not change the weights of attention.
        yield pooling.score.weight, None, column
