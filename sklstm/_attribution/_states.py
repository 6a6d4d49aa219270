"""Gates and states of every layer, direction and time step, side by side."""

from typing import NamedTuple

import torch
from torch import Tensor

from ..nn import LSTMNetwork
from ._recording import LayerRecord, record

# Numbers that a recording of several sequences may keep, and those of a unit at a step.
RECORD_ENTRIES = 2**24
OF_UNIT = 28
# A gate or a tanh this near to a limit of its range is saturated.
NEAR = 0.1


class States(NamedTuple):
    """Each of shape (n, n_timesteps, n_layers, n_directions, hidden_size), in the order of time.

    ``cell_output`` is the activation of the cell state, which the output gate lets out.
    """

    input_gate: Tensor
    forget_gate: Tensor
    candidate: Tensor
    output_gate: Tensor
    cell_state: Tensor
    hidden_state: Tensor
    cell_output: Tensor


@torch.inference_mode()
def states(network: LSTMNetwork, x: Tensor) -> States:
    """Run the network and keep its gates and states.

    Parameters
    ----------
    network : LSTMNetwork
    x : Tensor of shape (n, n_timesteps, n_features)
        In original units; every step is real.
    """
    layers = [
        torch.stack([_in_order(one_way, bool(k)) for k, one_way in enumerate(layer)], dim=-2)
        for layer in record(network, x).layers
    ]
    return States(*torch.stack(layers, dim=-3).transpose(1, 2))


def _in_order(record: LayerRecord, backward: bool) -> Tensor:
    """The fields of ``States``, each of shape (n_timesteps, n, hidden_size), in order of time."""
    output = record.partners[..., 3, :]
    every = torch.stack([*record.gates.unbind(-2), record.cells, record.hidden, output])
    return every.flip(1) if backward else every


def rows_of_record(network: LSTMNetwork, n_timesteps: int) -> int:
    """Rows that are recorded together in bounded memory."""
    stack = network.recurrent
    of_step = OF_UNIT * stack.output_size * len(stack.forward_layers)
    return max(1, RECORD_ENTRIES // (n_timesteps * of_step))


def saturated(found: States, relu: bool) -> dict[str, Tensor]:
    """Where each activation hardly moves, as bools.

    A gate is within ``NEAR`` of 0 or 1, a tanh within ``NEAR`` of -1 or 1, and a relu at 0.
    """
    gates = {
        name: (getattr(found, name) - 0.5).abs() >= 0.5 - NEAR
        for name in ("input_gate", "forget_gate", "output_gate")
    }
    activations = {
        name: value == 0 if relu else value.abs() >= 1 - NEAR
        for name in ("candidate", "cell_output")
        for value in [getattr(found, name)]
    }
    return gates | activations
