"""The DeepLIFT rule of one LSTM layer in one direction, for many pairs at once."""

from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor

from ..nn._cells import LSTMLayer
from ._recording import LayerRecord
from ._rules import slope


class Seeds(Protocol):
    """Multipliers that come into a layer's hidden states from above."""

    def add_to(self, multipliers: Tensor, step: int) -> None:
        """Add those of h_step to ``multipliers`` of shape (*pairs, n_outputs, hidden_size)."""


def sweep(
    layer: LSTMLayer, record: LayerRecord, reference: LayerRecord, n_outputs: int, seeds: Seeds
) -> Iterator[tuple[int, Tensor]]:
    """Multipliers of the layer's inputs, from its last step to its first.

    The rule goes backward in time as back-propagation does. A sigmoid or tanh has the rescale
    rule [1]_. A product of two factors that both vary is split by
    ``Δ(a b) = (b + b') / 2 Δa + (a + a') / 2 Δb``, which are the Shapley values of the two
    factors. Both are exact, and so is their chain.

    Parameters
    ----------
    layer : LSTMLayer
    record, reference : LayerRecord
        Of the sequences and of their references; their rows broadcast to the pairs.
    n_outputs : int
        Multipliers of so many outputs are taken back together.
    seeds : Seeds

    Yields
    ------
    step : int
    multipliers : Tensor of shape (*pairs, n_outputs, input_size)
        Part of a buffer that the next step overwrites.

    References
    ----------
    .. [1] Shrikumar, Greenside & Kundaje (2017), "Learning important features through
       propagating activation differences", ICML.
    """
    weight_ih, weight_hh, _, _ = layer.lstm.all_weights[0]
    size = weight_hh.shape[1]
    weight = torch.cat([weight_hh, weight_ih], dim=1)
    peepholes = layer.weight_peephole
    coefficients = _Coefficients(record, reference, layer.relu)
    shape = (*coefficients.pairs, n_outputs)

    z = weight.new_empty(*shape, 4, size)
    z_ifg, (z_i, z_f, _, z_o) = z[..., :3, :], z.unbind(-2)
    flat_z = z.view(-1, 4 * size)
    back = weight.new_empty(len(flat_z), weight.shape[1])
    h, x = back.view(*shape, -1).split([size, weight.shape[1] - size], dim=-1)
    h.zero_()
    c = weight.new_zeros(*shape, size)
    for step in reversed(range(len(record.z))):
        of_ifg, of_o, c_to_h, c_to_c = coefficients.at(step)
        seeds.add_to(h, step)
        torch.mul(h, of_o, out=z_o)
        c.addcmul_(h, c_to_h)
        if peepholes is not None:
            c.addcmul_(z_o, peepholes[2])
        torch.mul(c[..., None, :], of_ifg, out=z_ifg)
        c.mul_(c_to_c)
        if peepholes is not None:
            c.addcmul_(z_i, peepholes[0]).addcmul_(z_f, peepholes[1])
        torch.mm(flat_z, weight, out=back)
        yield step, x


class _Coefficients:
    """What a step multiplies by, shared by all outputs; every call overwrites the last result."""

    def __init__(self, record: LayerRecord, reference: LayerRecord, relu: bool) -> None:
        self.sides = record, reference
        self.relu = relu
        shapes = (side.cells.shape[1:-1] for side in self.sides)
        self.pairs = torch.broadcast_shapes(*shapes)
        size = record.cells.shape[-1]
        self.gates = _Slopes(record.z, (*self.pairs, 4, size))
        self.cell = _Slopes(record.z, (*self.pairs, size))
        self.c_to_c = record.z.new_empty(*self.pairs, size)

    def at(self, step: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Of z_i, z_f and z_g from c_t; of z_o from h_t; of c_t from h_t; of c_(t-1) from c_t."""
        a, b = self.sides
        gates, partners = a.gates[step], a.partners[step]
        _, f, g, o = gates.unbind(-2)
        _, f_ref, _, o_ref = b.gates[step].unbind(-2)
        squashed, squashed_ref = partners[..., 3, :], b.partners[step, ..., 3, :]

        derivative = torch.addcmul(gates, gates, gates, value=-1)
        derivative[..., 2, :] = self._derivative(g)
        of_gates = self.gates.between(gates, b.gates[step], a.z[step], b.z[step], derivative)
        if self.relu:
            g_ref, z, z_ref = (part[..., 2, :] for part in (b.gates[step], a.z[step], b.z[step]))
            of_gates[..., 2, :] = _slope_of_relu(g, g_ref, z, z_ref)
        self.gates.times_mean(partners, b.partners[step])
        c_to_h = self.cell.between(
            squashed, squashed_ref, a.cells[step], b.cells[step], self._derivative(squashed)
        )
        if self.relu:
            c_to_h.copy_(_slope_of_relu(squashed, squashed_ref, a.cells[step], b.cells[step]))
        self.cell.times_mean(o, o_ref)
        torch.lerp(f, f_ref, 0.5, out=self.c_to_c)
        # An axis for the outputs.
        axis = len(self.pairs)
        of_gates = of_gates.unsqueeze(axis)
        return (
            of_gates[..., :3, :],
            of_gates[..., 3, :],
            c_to_h.unsqueeze(axis),
            self.c_to_c.unsqueeze(axis),
        )

    def _derivative(self, squashed: Tensor) -> Tensor:
        if self.relu:
            return squashed.sign()
        return torch.addcmul(squashed.new_ones(()), squashed, squashed, value=-1)


def _slope_of_relu(out: Tensor, out_ref: Tensor, into: Tensor, into_ref: Tensor) -> Tensor:
    return slope(out, out_ref, into, into_ref, out.sign(), smooth=False)


class _Slopes:
    """The rescale rule without new memory and without masks, which are slow.

    Near zero the quotient is blended with the derivative: ``(Δout Δin + ε s) / (Δin² + ε)``.
    Times Δin this misses Δout by less than ε times the second derivative, which is below its
    rounding, and that rounding is blown up to no more than ``eps / (2 √ε)``.
    """

    def __init__(self, like: Tensor, shape: tuple[int, ...]) -> None:
        self.result, self.delta = like.new_empty(2, *shape)
        self.epsilon = like.new_tensor(torch.finfo(like.dtype).eps / 100)

    def between(
        self, out: Tensor, out_ref: Tensor, into: Tensor, into_ref: Tensor, derivative: Tensor
    ) -> Tensor:
        delta = torch.sub(into, into_ref, out=self.delta)
        result = torch.sub(out, out_ref, out=self.result)
        torch.addcmul(derivative * self.epsilon, result, delta, out=result)
        return result.div_(torch.addcmul(self.epsilon, delta, delta, out=delta))

    def times_mean(self, factor: Tensor, factor_ref: Tensor) -> None:
        self.result.mul_(torch.lerp(factor, factor_ref, 0.5, out=self.delta))
