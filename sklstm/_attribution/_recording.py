"""Forward passes of the network that keep every intermediate value."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..nn import LSTMNetwork
from ..nn._cells import LSTMLayer

# Largest standardised input: gates are long saturated, and the squares in the sweep are finite.
LARGEST = 1e15


@dataclass(frozen=True)
class LayerRecord:
    """All steps of one LSTM layer in one direction, in the order in which it takes them.

    Attributes
    ----------
    z : Tensor of shape (n_timesteps, *rows, 4, hidden_size)
        What the gates i, f, g, o squash.
    gates : Tensor of shape (n_timesteps, *rows, 4, hidden_size)
    partners : Tensor of shape (n_timesteps, *rows, 4, hidden_size)
        What each gate is multiplied by: g_t, c_(t-1), i_t and squashed c_t.
    cells : Tensor of shape (n_timesteps, *rows, hidden_size)
    hidden : Tensor of shape (n_timesteps, *rows, hidden_size)
    """

    z: Tensor
    gates: Tensor
    partners: Tensor
    cells: Tensor
    hidden: Tensor


@dataclass(frozen=True)
class Recording:
    """All steps of all layers, for sequences of one length.

    Attributes
    ----------
    inputs : Tensor of shape (n_timesteps, *rows, input_size)
        What the first layer reads: standardised inputs, or vectors of codes.
    layers : sequence of (forward,) or (forward, backward)
        The backward record runs from the last step to the first.
    hidden : Tensor of shape (n_timesteps, *rows, output_size)
        Of the last layer, both directions, in the order of time.
    """

    inputs: Tensor
    layers: Sequence[tuple[LayerRecord, ...]]
    hidden: Tensor


def record(network: LSTMNetwork, x: Tensor) -> Recording:
    """Run the network up to the last hidden states.

    Parameters
    ----------
    network : LSTMNetwork
    x : Tensor of shape (*rows, n_timesteps, n_features)
        In original units; every step is real.
    """
    z = network.standardize(x.flatten(0, -3)).clamp_(-LARGEST, LARGEST)
    stack = network.recurrent
    inputs = hidden = network.vectors(z).transpose(0, 1).unflatten(1, x.shape[:-2])
    layers = []
    backward_layers: list[Any] = list(stack.backward_layers)
    forward_layer: Any
    for i, forward_layer in enumerate(stack.forward_layers):
        records = [record_layer(forward_layer, hidden)]
        if stack.bidirectional:
            records.append(record_layer(backward_layers[i], hidden.flip(0)))
            hidden = torch.cat([records[0].hidden, records[1].hidden.flip(0)], dim=-1)
        else:
            hidden = records[0].hidden
        layers.append(tuple(records))
    return Recording(inputs, layers, hidden)


def record_layer(layer: LSTMLayer, x: Tensor) -> LayerRecord:
    """Run one layer over ``x`` of shape (n_timesteps, *rows, input_size)."""
    weight_ih, weight_hh, bias_ih, bias_hh = layer.lstm.all_weights[0]
    squash = torch.relu if layer.relu else torch.tanh
    peephole = layer.weight_peephole
    n_timesteps, *rows, _ = x.shape
    size = weight_hh.shape[1]
    z = torch.addmm(bias_ih + bias_hh, x.reshape(-1, x.shape[-1]), weight_ih.t())
    z = z.view(n_timesteps, -1, 4 * size)
    gates, partners = torch.empty_like(z), torch.empty_like(z)
    cells, hidden = (z.new_empty(n_timesteps, z.shape[1], size) for _ in range(2))
    h = c = torch.zeros_like(cells[0])
    for t in range(n_timesteps):
        z_t, gates_t = z[t].addmm_(h, weight_hh.t()), gates[t]
        i, f, g, o = gates_t.split(size, dim=1)
        if peephole is not None:
            z_t[:, : 2 * size].addcmul_(peephole[:2].flatten(), torch.cat([c, c], dim=1))
        torch.sigmoid(z_t, out=gates_t)
        g.copy_(squash(z_t[:, 2 * size : 3 * size]))
        before, c = c, torch.addcmul(f * c, i, g, out=cells[t])
        if peephole is not None:
            o.copy_(torch.sigmoid(z_t[:, 3 * size :].addcmul_(peephole[2], c)))
        squashed = squash(c)
        h = torch.mul(o, squashed, out=hidden[t])
        torch.cat([g, before, i, squashed], dim=1, out=partners[t])
    by_gate = (part.view(n_timesteps, *rows, 4, size) for part in (z, gates, partners))
    by_unit = (part.view(n_timesteps, *rows, size) for part in (cells, hidden))
    return LayerRecord(*by_gate, *by_unit)
