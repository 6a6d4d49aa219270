"""One LSTM layer in one direction: torch's fused kernel, and what that kernel cannot do."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ._init import empty_lstm, init_lstm_

State = tuple[Tensor, Tensor]

# Steps whose gradients are held at once; more of them leave the cache, fewer are many small calls.
BLOCK = 64


class LSTMLayer(nn.Module):
    r"""One LSTM layer in one direction, with or without peepholes.

    .. math::

        i_t &= \sigma(W_i x_t + R_i (m \odot h_{t-1}) + p_i \odot c_{t-1} + b_i) \\
        f_t &= \sigma(W_f x_t + R_f (m \odot h_{t-1}) + p_f \odot c_{t-1} + b_f) \\
        g_t &= \phi(W_g x_t + R_g (m \odot h_{t-1}) + b_g) \\
        c_t &= f_t \odot c_{t-1} + i_t \odot g_t \\
        o_t &= \sigma(W_o x_t + R_o (m \odot h_{t-1}) + p_o \odot c_t + b_o) \\
        h_t &= o_t \odot \phi(c_t)

    The peepholes :math:`p` let the gates see the cell [1]_; without them and without the mask
    :math:`m` this is ``torch.nn.LSTM``, and with :math:`\phi = \tanh` it runs on torch's fused
    kernel. Everything else is stepped here. The mask is dropout on the recurrence: the same
    units are dropped at every step of a sequence [2]_.

    Parameters
    ----------
    input_size, hidden_size : int
    cell : {"lstm", "peephole"}
    activation : {"tanh", "relu"}
        :math:`\phi`, of the candidate and of the output. The gates are sigmoid.

    Attributes
    ----------
    lstm : torch.nn.LSTM
        Holds the weights, gates in torch's order i, f, g, o.
    weight_peephole : Parameter of shape (3, hidden_size), or None
        :math:`p_i, p_f, p_o`.

    References
    ----------
    .. [1] Gers & Schmidhuber (2000), "Recurrent nets that time and count", IJCNN.
    .. [2] Gal & Ghahramani (2016), "A theoretically grounded application of dropout in
       recurrent neural networks", NeurIPS.
    """

    def __init__(
        self, input_size: int, hidden_size: int, cell: str = "lstm", activation: str = "tanh"
    ) -> None:
        super().__init__()
        self.relu = activation == "relu"
        self.fused = cell == "lstm" and not self.relu
        self.lstm = empty_lstm(input_size, hidden_size)
        self.weight_peephole: nn.Parameter | None = None
        if cell == "peephole":
            options: dict[str, Any] = {"device": "cpu", "dtype": torch.float32}
            self.weight_peephole = nn.Parameter(torch.empty(3, hidden_size, **options))

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Draw all weights from ``generator``.

        The peepholes start at zero: the layer starts as the standard LSTM of the same seed, and
        their gradients do not vanish there.
        """
        init_lstm_(self.lstm, generator)
        if self.weight_peephole is not None:
            nn.init.zeros_(self.weight_peephole)

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        mask: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """Hidden states of all steps, and the state after the last one.

        Parameters
        ----------
        x : Tensor of shape (n, n_timesteps, input_size)
        state : (h, c), each of shape (n, hidden_size), optional
            Where the sequences go on from; zeros otherwise.
        mask : Tensor of shape (n, hidden_size), optional
            Factor of the previous hidden state: 0 where a unit is dropped, else 1 / (1 - p).
        lengths : int64 Tensor of shape (n,), optional
            Number of real time steps of each sequence. Only ``activation="relu"`` needs it: its
            states could overflow in the padding and turn the gradients to NaN.

        Returns
        -------
        hidden : Tensor of shape (n, n_timesteps, hidden_size)
            Entries at padded steps are undefined.
        state : (h, c), each of shape (n, hidden_size)
            Undefined for sequences that end in padding.
        """
        if self.fused and mask is None:
            if state is None:
                hidden, (h, c) = self.lstm(x)
            else:
                hidden, (h, c) = self.lstm(x, (state[0][None], state[1][None]))
            return hidden, (h[0], c[0])
        weight_ih, weight_hh, bias_ih, bias_hh = self.lstm.all_weights[0]
        inputs = (
            x,
            *((None, None) if state is None else state),
            weight_ih,
            weight_hh,
            bias_ih + bias_hh,
            self.weight_peephole,
            mask,
            lengths if self.relu else None,
            self.relu,
        )
        if torch.is_grad_enabled():
            hidden, c = _Recurrence.apply(*inputs)
        else:
            hidden, c, _ = _run(*inputs, keep=False)
        return hidden, (hidden[:, -1], c)


# Inside, sequences are columns, as in the equations: one step is (4 H, m) = (4 H, H) @ (H, m), and
# each gate is one contiguous block. Time is the first axis; the states have one step more than the
# gates, the first being the one before the sequence.


class _Recurrence(torch.autograd.Function):
    """The stepped layer as one operation that can be differentiated once.

    The gradient of a step is linear in the gradients of h_t and c_t, with coefficients that do not
    depend on them. So for a block of steps these are computed at once, the loop backward has six
    operations, and the gradient of each weight is one product after it.
    """

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> tuple[Tensor, Tensor]:
        hidden, c, kept = _run(*inputs, keep=True)
        x, _, _, weight_ih, weight_hh, _, peephole, _, _, relu = inputs
        ctx.n, ctx.relu = len(x), relu
        ctx.save_for_backward(weight_ih, weight_hh, peephole, *kept)
        ctx.set_materialize_grads(False)
        return hidden, c

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_hidden: Tensor | None, grad_last: Tensor | None) -> tuple[Any, ...]:
        weight_ih, weight_hh, peephole, x, mask, gates, hidden, cells, squashed = ctx.saved_tensors
        needs_x, needs_h, needs_c, *needs_weights = ctx.needs_input_grad
        grad_h, grad_c = torch.zeros_like(hidden), torch.zeros_like(cells[0])
        if grad_hidden is not None:
            grad_h[1:, :, : ctx.n] = grad_hidden.permute(1, 2, 0)
        if grad_last is not None:
            grad_c[:, : ctx.n] = grad_last.t()
        grad_x = torch.empty_like(x) if needs_x else None
        grads = [
            torch.zeros_like(weight_ih),
            torch.zeros_like(weight_hh),
            weight_ih.new_zeros(len(weight_ih)),
            None if peephole is None else torch.zeros_like(peephole),
        ]

        for start in reversed(range(0, len(gates), BLOCK)):
            steps, states = slice(start, start + BLOCK), slice(start, start + BLOCK + 1)
            block = gates[steps], cells[states], squashed[states]
            c_to_h, c_to_c, z = _slopes(*block, peephole, ctx.relu)
            _step_back(grad_h[states], grad_c, c_to_h, c_to_c, z, weight_hh, mask)
            if grad_x is not None:
                grad_x[steps] = weight_ih.t() @ z.flatten(1, 2)
            if any(needs_weights):
                _add_weight_gradients(grads, z, x[steps], hidden[states], cells[states], mask)

        return (
            None if grad_x is None else grad_x.permute(2, 0, 1)[: ctx.n],
            grad_h[0].t()[: ctx.n] if needs_h else None,
            grad_c.t()[: ctx.n] if needs_c else None,
            *(grads if any(needs_weights) else [None] * len(grads)),
            *[None] * 3,
        )


def _run(
    x: Tensor,
    h: Tensor | None,
    c: Tensor | None,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias: Tensor,
    peephole: Tensor | None,
    mask: Tensor | None,
    lengths: Tensor | None,
    relu: bool,
    *,
    keep: bool,
) -> tuple[Tensor, Tensor, list[Tensor | None]]:
    """Hidden states, last cell state and, if ``keep``, what the gradient needs."""
    n, n_timesteps, _ = x.shape
    hidden_size = weight_hh.shape[1]
    # A sequence's result shall not depend on the batch that it is in. So the last one is repeated
    # until sigmoid runs over whole vectors (other code computes its tail) and the products are not
    # small (those sum in another order).
    missing = -n % (64 if hidden_size < 4 else 32 if hidden_size % 2 else 16)
    x = _columns(x, missing)
    h, c, mask = (None if a is None else _columns(a, missing) for a in (h, c, mask))
    gates = torch.baddbmm(bias[:, None], weight_ih.expand(n_timesteps, -1, -1), x)
    if lengths is not None:  # closed gates hold h and c at zero
        padded = torch.arange(n_timesteps, device=x.device)[:, None] >= _columns(lengths, missing)
        gates.masked_fill_(padded[:, None], -torch.inf)
    shape = (n_timesteps + 1, hidden_size, n + missing)
    # Where nothing is kept, all steps of the cell share one place.
    hidden, cells, squashed = (
        x.new_empty(shape) if needed else x.new_empty(shape[1:]).expand(shape)
        for needed in (True, keep, keep)
    )
    hidden[0] = 0.0 if h is None else h
    cells[0] = 0.0 if c is None else c
    _step(gates, weight_hh, peephole, mask, hidden, cells, squashed, relu, keep)
    kept = [x, mask, gates, hidden, cells, squashed]
    return hidden[1:].permute(2, 0, 1)[:n], cells[-1].t()[:n], kept


@torch.inference_mode()  # spares each operation the bookkeeping for autograd
def _step(
    gates: Tensor,
    weight_hh: Tensor,
    peephole: Tensor | None,
    mask: Tensor | None,
    hidden: Tensor,
    cells: Tensor,
    squashed: Tensor,
    relu: bool,
    keep: bool,
) -> None:
    """Fill ``hidden``, ``cells`` and ``squashed`` (the activation of ``cells``), step by step.

    ``gates`` holds the inputs' part of what each gate squashes and, if ``keep``, the gates
    afterwards.
    """
    squash = _relu if relu else torch.tanh
    z = torch.empty_like(gates[0])
    i, f, g, o = by_gate = z.view(4, *hidden.shape[1:])
    i_and_f = by_gate[:2]
    if peephole is not None:
        p_if, p_o = peephole[:2, :, None], peephole[2, :, None]
    (h, *hs), (c, *cs), (_, *squasheds) = hidden.unbind(), cells.unbind(), squashed.unbind()
    seen = torch.empty_like(h)
    for gates_t, h_t, c_t, squashed_t in zip(gates.unbind(), hs, cs, squasheds, strict=True):
        seen = h if mask is None else torch.mul(h, mask, out=seen)
        torch.addmm(gates_t, weight_hh, seen, out=z)
        if peephole is not None:
            i_and_f.addcmul_(p_if, c)
        i_and_f.sigmoid_()
        squash(g, out=g)
        c = torch.mul(f, c, out=c_t).addcmul_(i, g)
        if peephole is not None:
            o.addcmul_(p_o, c)
        o.sigmoid_()
        h = torch.mul(o, squash(c, out=squashed_t), out=h_t)
        if keep:
            gates_t.copy_(z)


def _slopes(
    gates: Tensor, cells: Tensor, squashed: Tensor, peephole: Tensor | None, relu: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Coefficients of the gradient: dh_t / dc_t, dc_t / dc_(t-1), and those of z.

    z is what the gates squash, shape (n_timesteps, 4, hidden_size, m): of c_t for i, f and g, of
    h_t for o.
    """
    gates = gates.view(len(gates), 4, *cells.shape[1:])
    i, f, g, o = gates.unbind(1)
    z = torch.addcmul(gates, gates, gates, value=-1)
    z_i, z_f, z_g, z_o = z.unbind(1)
    z_i.mul_(g)
    z_f.mul_(cells[:-1])
    torch.mul(i, _slope(g, relu), out=z_g)
    z_o.mul_(squashed[1:])
    c_to_h = _slope(squashed[1:], relu).mul_(o)
    c_to_c = f
    if peephole is not None:
        p_i, p_f, p_o = peephole[:, :, None]
        c_to_h.addcmul_(z_o, p_o)
        c_to_c = torch.addcmul(f, z_i, p_i).addcmul_(z_f, p_f)
    return c_to_h, c_to_c, z


@torch.inference_mode()
def _step_back(
    grad_h: Tensor,
    grad_c: Tensor,
    c_to_h: Tensor,
    c_to_c: Tensor,
    z: Tensor,
    weight_hh: Tensor,
    mask: Tensor | None,
) -> None:
    """Turn what comes from outside into gradients, in place, from the last step to the first.

    ``grad_h`` becomes the gradient of each h_t, ``grad_c`` that of the first c, and the
    coefficients ``z`` become the gradient of z.
    """
    # With a number of rows that is no multiple of 4 the product sums in another order where torch
    # has more threads.
    weight = nn.functional.pad(weight_hh.t(), (0, 0, 0, -len(grad_c) % 4))
    product = grad_c.new_empty(len(weight), grad_c.shape[1])
    into_h = product[: len(grad_c)]
    *before, h_t = grad_h.unbind()
    parts = c_to_h, c_to_c, z.flatten(1, 2), z[:, :3], z[:, 3]
    steps = zip(before, *(part.unbind() for part in parts), strict=True)
    for h_before, c_to_h_t, c_to_c_t, z_t, z_ifg, z_o in reversed(list(steps)):
        grad_c.addcmul_(h_t, c_to_h_t)
        z_ifg.mul_(grad_c)
        z_o.mul_(h_t)
        grad_c.mul_(c_to_c_t)
        torch.mm(weight, z_t, out=product)
        h_t = h_before.add_(into_h) if mask is None else h_before.addcmul_(into_h, mask)


def _add_weight_gradients(
    grads: list[Any], z: Tensor, x: Tensor, hidden: Tensor, cells: Tensor, mask: Tensor | None
) -> None:
    """Add to the gradients of weight_ih, weight_hh, bias and peephole, from that of z."""
    weight_ih, weight_hh, bias, peephole = grads
    flat = _flat(z.flatten(1, 2))
    weight_ih.addmm_(flat, _flat(x).t())
    weight_hh.addmm_(flat, _flat(hidden[:-1] if mask is None else hidden[:-1] * mask).t())
    bias += flat.sum(1)
    if peephole is not None:
        z_i, z_f, _, z_o = flat.chunk(4)
        before, after = _flat(cells[:-1]), _flat(cells[1:])
        peephole[0] += torch.linalg.vecdot(z_i, before)
        peephole[1] += torch.linalg.vecdot(z_f, before)
        peephole[2] += torch.linalg.vecdot(z_o, after)


def _columns(a: Tensor, missing: int) -> Tensor:
    """(n, ..., k) to (..., k, n + missing): sequences become columns, the last one repeated."""
    if missing:
        a = torch.cat([a, a[-1:].expand(missing, *a.shape[1:])])
    return a.movedim(0, -1).contiguous()


def _flat(a: Tensor) -> Tensor:
    """(n_timesteps, k, m) to (k, n_timesteps * m)."""
    return a.transpose(0, 1).flatten(1)


def _relu(a: Tensor, out: Tensor) -> Tensor:
    return torch.clamp_min(a, 0.0, out=out)


def _slope(squashed: Tensor, relu: bool) -> Tensor:
    """Derivative of the activation, from its value."""
    if relu:
        return squashed.sign()
    return torch.addcmul(squashed.new_ones(()), squashed, squashed, value=-1)
