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


def record(network: LSTMNetwork, x: Tensor, into: Recording | None = None) -> Recording:
    """Run the network up to the last hidden states.

    Parameters
    ----------
    network : LSTMNetwork
    x : Tensor of shape (*rows, n_timesteps, n_features)
        In original units; every step is real.
    into : Recording, optional
        Not needed any more; overwritten if it is of as many sequences. New memory takes as long
        as what is written to it.
    """
    if into is not None and into.hidden.shape[:-1] != (x.shape[-2], *x.shape[:-2]):
        into = None
    z = network.standardize(x.flatten(0, -3)).clamp_(-LARGEST, LARGEST)
    stack = network.recurrent
    inputs = hidden = network.vectors(z).transpose(0, 1).unflatten(1, x.shape[:-2])
    layers = []
    backward_layers: list[Any] = list(stack.backward_layers)
    forward_layer: Any
    for i, forward_layer in enumerate(stack.forward_layers):
        old = (None, None) if into is None else into.layers[i]
        records = [record_layer(forward_layer, hidden, old[0])]
        if stack.bidirectional:
            records.append(record_layer(backward_layers[i], hidden.flip(0), old[1]))
            hidden = torch.cat([records[0].hidden, records[1].hidden.flip(0)], dim=-1)
        else:
            hidden = records[0].hidden
        layers.append(tuple(records))
    return Recording(inputs, layers, hidden)


def record_layer(layer: LSTMLayer, x: Tensor, into: LayerRecord | None = None) -> LayerRecord:
    """Run one layer over ``x`` of shape (n_timesteps, *rows, input_size)."""
    weight_ih, weight_hh, bias_ih, bias_hh = layer.lstm.all_weights[0]
    squash = torch.relu if layer.relu else torch.tanh
    peephole = layer.weight_peephole
    n_timesteps, *rows, _ = x.shape
    size = weight_hh.shape[1]
    if into is None:
        by_gate = [x.new_empty(n_timesteps, *rows, 4, size) for _ in range(3)]
        by_unit = [x.new_empty(n_timesteps, *rows, size) for _ in range(2)]
        into = LayerRecord(*by_gate, *by_unit)
    z, gates, partners = (
        part.view(n_timesteps, -1, 4 * size) for part in (into.z, into.gates, into.partners)
    )
    cells, hidden = (part.view(n_timesteps, -1, size) for part in (into.cells, into.hidden))
    flat_x, flat_z = x.reshape(-1, x.shape[-1]), z.view(-1, 4 * size)
    torch.addmm(bias_ih + bias_hh, flat_x, weight_ih.t(), out=flat_z)
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
    return into
