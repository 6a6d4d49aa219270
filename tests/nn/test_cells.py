"""The LSTM layer against the equations, written as a plain loop over time."""

import copy
import itertools

import pytest
import torch
from torch import nn
from torch.autograd import gradcheck
from torch.testing import assert_close

from sklstm.nn import _cells
from sklstm.nn._cells import LSTMLayer
from sklstm.nn._init import empty_lstm, init_lstm_

N_FEATURES = 3
CELLS = [("lstm", "tanh"), ("lstm", "relu"), ("peephole", "tanh"), ("peephole", "relu")]
STEPPED = CELLS[1:]

cells = pytest.mark.parametrize(("cell", "activation"), CELLS)
stepped = pytest.mark.parametrize(("cell", "activation"), STEPPED)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def made(cell="lstm", activation="tanh", hidden_size=4, input_size=N_FEATURES, seed=0):
    """A layer whose biases and peepholes differ, so that a gate in the wrong place is seen."""
    layer = LSTMLayer(input_size, hidden_size, cell, activation)
    layer.reset_parameters(generator(seed))
    draws = generator(seed + 1)
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            if "bias" in name or "peephole" in name:
                parameter.add_(torch.randn(parameter.shape, generator=draws) / 2)
    return layer


def inputs(n, n_timesteps, hidden_size=4, dtype=torch.float32, seed=2):
    """Sequences, a state and a dropout mask."""
    draws = generator(seed)

    def randn(*shape):
        return torch.randn(*shape, generator=draws).to(dtype)

    mask = torch.empty(n, hidden_size).bernoulli_(0.7, generator=draws).to(dtype) / 0.7
    return (
        randn(n, n_timesteps, N_FEATURES),
        (randn(n, hidden_size), randn(n, hidden_size)),
        mask,
    )


def twin(layer, cell, activation, x, state=None, mask=None):
    """The equations of the docstring, one step after the other."""
    lstm, phi = layer.lstm, getattr(torch, activation)
    W, R = lstm.weight_ih_l0.chunk(4), lstm.weight_hh_l0.chunk(4)
    b = (lstm.bias_ih_l0 + lstm.bias_hh_l0).chunk(4)
    zero = torch.zeros(lstm.hidden_size, dtype=x.dtype)
    p_i, p_f, p_o = layer.weight_peephole if cell == "peephole" else (zero, zero, zero)
    h, c = (torch.zeros(len(x), lstm.hidden_size, dtype=x.dtype),) * 2 if state is None else state
    hidden = []
    for x_t in x.unbind(1):
        seen = h if mask is None else h * mask
        i = torch.sigmoid(x_t @ W[0].T + seen @ R[0].T + b[0] + p_i * c)
        f = torch.sigmoid(x_t @ W[1].T + seen @ R[1].T + b[1] + p_f * c)
        g = phi(x_t @ W[2].T + seen @ R[2].T + b[2])
        c = f * c + i * g
        o = torch.sigmoid(x_t @ W[3].T + seen @ R[3].T + b[3] + p_o * c)
        h = o * phi(c)
        hidden.append(h)
    return torch.stack(hidden, 1), (h, c)


def run_and_differentiate(forward, parameters, x, state):
    """Outputs, and the gradients of a weighted sum of all of them."""
    leaves = [x, *(state or ())]
    leaves = [leaf.detach().clone().requires_grad_() for leaf in leaves]
    hidden, (h, c) = forward(leaves[0], tuple(leaves[1:]) or None)
    draws = generator(9)
    loss = sum((a * torch.randn(a.shape, generator=draws)).sum() for a in (hidden, h, c))
    return (hidden, h, c), torch.autograd.grad(loss, [*leaves, *parameters])


# ---------------------------------------------------------------- the equations


@cells
@pytest.mark.parametrize("with_mask", [False, True], ids=["no mask", "mask"])
@pytest.mark.parametrize("with_state", [False, True], ids=["zeros", "state"])
@pytest.mark.parametrize(
    ("n", "n_timesteps", "hidden_size", "block"),
    [(5, 7, 4, 64), (32, 7, 4, 64), (1, 1, 3, 64), (3, 7, 5, 3), (2, 6, 2, 3)],
)
def test_equals_a_loop_over_the_equations(
    monkeypatch, cell, activation, with_mask, with_state, n, n_timesteps, hidden_size, block
):
    monkeypatch.setattr(_cells, "BLOCK", block)
    layer = made(cell, activation, hidden_size).double()
    x, state, mask = inputs(n, n_timesteps, hidden_size, torch.float64)
    state, mask = state if with_state else None, mask if with_mask else None
    parameters = list(layer.parameters())
    outputs, gradients = run_and_differentiate(
        lambda x, state: layer(x, state, mask), parameters, x, state
    )
    expected, expected_gradients = run_and_differentiate(
        lambda x, state: twin(layer, cell, activation, x, state, mask), parameters, x, state
    )
    assert_close(outputs, expected, rtol=1e-12, atol=1e-12)
    assert_close(gradients, expected_gradients, rtol=1e-11, atol=1e-12)


@stepped
@pytest.mark.parametrize("with_mask", [False, True], ids=["no mask", "mask"])
def test_gradients_by_finite_differences(cell, activation, with_mask):
    layer = made(cell, activation).double()
    x, state, mask = inputs(3, 4, dtype=torch.float64)
    names = [name for name, _ in layer.named_parameters()]

    def function(x, h, c, *weights):
        weights = dict(zip(names, weights, strict=True))
        arguments = (x, (h, c), mask if with_mask else None)
        hidden, (h, c) = torch.func.functional_call(layer, weights, arguments)
        return hidden, h, c

    leaves = [a.detach().requires_grad_() for a in (x, *state, *layer.parameters())]
    assert gradcheck(function, leaves)


def test_zero_peepholes_equal_torch_lstm():
    layer = made("peephole", hidden_size=16)
    nn.init.zeros_(layer.weight_peephole)
    lstm = layer.lstm
    x, (h, c), _ = inputs(20, 30, 16)
    outputs, gradients = run_and_differentiate(layer, list(lstm.parameters()), x, (h, c))

    def torch_lstm(x, state):
        hidden, (h, c) = lstm(x, (state[0][None], state[1][None]))
        return hidden, (h[0], c[0])

    expected = run_and_differentiate(torch_lstm, list(lstm.parameters()), x, (h, c))
    assert_close(outputs, expected[0], rtol=1e-5, atol=1e-6)
    assert_close(gradients, expected[1], rtol=1e-4, atol=1e-4)
    with torch.no_grad():
        layer.weight_peephole[2] += 0.1
    assert (layer(x, (h, c))[0] - expected[0][0]).abs().max() > 1e-3


def test_the_standard_layer_is_torch_lstm_to_the_last_bit():
    layer = made(hidden_size=8)
    x, state, _ = inputs(6, 5, 8)
    hidden, (h, c) = layer(x)
    expected, (expected_h, expected_c) = layer.lstm(x)
    assert torch.equal(hidden, expected)
    assert torch.equal(h, expected_h[0]) and torch.equal(c, expected_c[0])
    assert torch.equal(layer(x, state)[0], layer.lstm(x, tuple(s[None] for s in state))[0])


def test_relu_by_hand():
    layer = LSTMLayer(1, 1, "peephole", "relu")
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        layer.lstm.weight_ih_l0[2] = 1.0  # g = relu(x); i = f = 1/2
        layer.weight_peephole[2] = 1.0  # o = sigmoid(c)
    hidden, (h, c) = layer(torch.tensor([[[4.0], [-3.0], [100.0]]]))
    cell = torch.tensor([2.0, 1.0, 50.5])  # c/2 + relu(x)/2
    assert_close(hidden[0, :, 0], torch.sigmoid(cell) * cell)
    assert_close((h.item(), c.item()), (50.5, 50.5))
    hidden, (_, c) = layer(torch.zeros(1, 1, 1), (torch.zeros(1, 1), torch.full((1, 1), -6.0)))
    assert c.item() == -3.0 and hidden.item() == 0.0  # phi(c) of a negative cell


def test_each_peephole_moves_its_own_gate():
    x, state, _ = inputs(3, 1)
    layer = made("peephole", seed=4)
    nn.init.zeros_(layer.weight_peephole)
    base, (_, base_c) = layer(x, state)
    for row in range(3):
        nn.init.zeros_(layer.weight_peephole)
        with torch.no_grad():
            layer.weight_peephole[row, 1] = 1.0
        hidden, (_, c) = layer(x, state)
        moved, moved_c = (hidden != base)[:, 0], c != base_c
        assert moved[:, 1].all() and not moved[:, [0, 2, 3]].any()
        assert moved_c[:, 1].all() == (row < 2)  # the output gate does not reach the cell


def test_the_mask_is_the_same_at_every_step():
    layer = made("peephole", hidden_size=6)
    x, _, _ = inputs(4, 9, 6)
    mask = torch.tensor([1.0, 1.0, 0.0, 1.0, 1.0, 1.0]).expand(4, 6)
    masked, _ = layer(x, mask=mask)
    without = copy.deepcopy(layer)
    with torch.no_grad():
        without.lstm.weight_hh_l0[:, 2] = 0.0  # nobody hears unit 2
    assert_close(masked, without(x)[0])
    assert not torch.allclose(masked, layer(x)[0], atol=1e-3)


# ---------------------------------------------------------------- states and padding


@cells
@pytest.mark.parametrize("n", [4, 16])
def test_two_chunks_equal_one_run(cell, activation, n):
    layer = made(cell, activation)
    x, state, mask = inputs(n, 10)
    for m in (None, mask):
        whole, last = layer(x, state, m)
        first, middle = layer(x[:, :6], state, m)
        second, end = layer(x[:, 6:], middle, m)
        assert_close(torch.cat([first, second], 1), whole, rtol=0, atol=1e-6)
        assert_close(end, last, rtol=0, atol=1e-6)
        assert torch.equal(last[0], whole[:, -1])


@cells
@pytest.mark.parametrize("fill", [0.0, -7.0, 1e30])
def test_what_stands_in_the_padding_does_not_matter(cell, activation, fill):
    layer = made(cell, activation)
    x, _, mask = inputs(5, 9)
    lengths = torch.tensor([9, 1, 4, 8, 4])
    padded = torch.arange(9) >= lengths[:, None]

    def gradients(x, real):
        x = x.clone().requires_grad_()
        hidden, _ = layer(x, None, mask, lengths)
        loss = hidden.masked_fill(~real[:, :, None], 0.0).square().sum()
        return hidden.detach(), *torch.autograd.grad(loss, [x, *layer.parameters()])

    hidden, of_x, *others = gradients(x.masked_fill(padded[:, :, None], fill), ~padded)
    assert (of_x[padded] == 0).all()
    alone = [
        layer(row[None, :length], None, m[None])
        for row, length, m in zip(x, lengths.tolist(), mask, strict=True)
    ]
    for ours, (expected, _), length in zip(hidden, alone, lengths.tolist(), strict=True):
        assert_close(ours[:length], expected[0], rtol=1e-5, atol=1e-6)
    loss = sum(expected.square().sum() for expected, _ in alone)
    expected = torch.autograd.grad(loss, list(layer.parameters()))
    assert_close(others, list(expected), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell", ["lstm", "peephole"])
def test_relu_that_explodes_in_the_padding(cell):
    layer = LSTMLayer(N_FEATURES, 4, cell, "relu")
    layer.reset_parameters(generator())
    with torch.no_grad():  # f = i = o = 1 and g = 2 h, soon
        layer.lstm.weight_hh_l0.copy_(2.0 * torch.eye(4).repeat(4, 1))
    x, _, _ = inputs(3, 200)
    lengths = torch.tensor([3, 3, 2])

    def gradients(x, lengths):
        hidden, _ = layer(x, lengths=lengths)
        real = hidden[torch.arange(x.shape[1]) < torch.tensor([3, 3, 2])[:, None]]
        return torch.autograd.grad(real.sum(), list(layer.parameters()))

    assert not all(g.isfinite().all() for g in gradients(x, None))
    assert_close(gradients(x, lengths), gradients(x[:, :3], None))
    assert (layer(x, lengths=lengths)[0][0, 3:] == 0).all()


def test_float32_stays_near_float64_over_many_steps():
    x, state, _ = inputs(4, 1000, 16)
    layer = made("peephole", hidden_size=16)
    exact = copy.deepcopy(layer).double()(x.double(), tuple(s.double() for s in state))
    assert_close(layer(x, state)[0].double(), exact[0], rtol=1e-4, atol=1e-5)


# ---------------------------------------------------------------- autograd


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("n", [3, 16])
@stepped
def test_inference_gives_the_bits_of_training(cell, activation, n, context):
    layer = made(cell, activation)
    x, state, mask = inputs(n, 8)
    for m in (None, mask):
        trained = layer(x, state, m)
        with context():
            inferred = layer(x, state, m)
        assert not inferred[0].requires_grad and trained[0].requires_grad
        assert torch.equal(trained[0], inferred[0])
        assert torch.equal(trained[1][1], inferred[1][1])


@stepped
def test_inference_keeps_one_cell_state(monkeypatch, cell, activation):
    kept = []
    step = _cells._step

    def see(*arguments):
        kept.append([a.untyped_storage().nbytes() for a in arguments[5:7]])
        step(*arguments)

    monkeypatch.setattr(_cells, "_step", see)
    layer, (x, _, _) = made(cell, activation), inputs(16, 50)
    layer(x)
    with torch.no_grad():
        layer(x)
    assert kept == [[51 * 16 * 4 * 4] * 2, [16 * 4 * 4] * 2]


@stepped
def test_only_what_is_asked_for_gets_a_gradient(cell, activation):
    layer = made(cell, activation)
    x, (h, c), mask = inputs(3, 5)
    leaf = x.clone().requires_grad_()
    everything = torch.autograd.grad(
        layer(leaf, (h, c), mask)[0].sum(), [leaf, *layer.parameters()]
    )
    layer(x, (h, c), mask)[0].sum().backward()  # of the weights alone
    assert_close([p.grad for p in layer.parameters()], list(everything[1:]))
    layer.requires_grad_(False)
    (of_x,) = torch.autograd.grad(layer(leaf, (h, c), mask)[0].sum(), [leaf])
    assert_close(of_x, everything[0])
    h = h.clone().requires_grad_()
    (of_h,) = torch.autograd.grad(layer(x, (h, c))[0].sum(), [h])
    assert of_h.shape == h.shape and of_h.abs().max() > 0
    assert not layer(x, mask=mask)[0].requires_grad


@stepped
@pytest.mark.parametrize("part", ["hidden", "h", "c"])
def test_a_loss_of_one_output(cell, activation, part):
    layer = made(cell, activation).double()
    x, _, _ = inputs(3, 5, dtype=torch.float64)

    def loss(outputs):
        hidden, (h, c) = outputs
        return {"hidden": hidden, "h": h, "c": c}[part].sum()

    parameters = list(layer.parameters())
    found = torch.autograd.grad(loss(layer(x)), parameters, allow_unused=True)
    expected = torch.autograd.grad(
        loss(twin(layer, cell, activation, x)), parameters, allow_unused=True
    )
    for a, b in zip(found, expected, strict=True):
        assert_close(a, torch.zeros_like(a) if b is None else b, rtol=1e-11, atol=1e-12)


@stepped
def test_backward_twice_but_not_of_the_gradient(cell, activation):
    layer = made(cell, activation)
    x = inputs(3, 5)[0].requires_grad_()
    loss = layer(x)[0].square().sum()
    one = torch.autograd.grad(loss, [x, *layer.parameters()], retain_graph=True)
    assert all(
        torch.equal(*pair)
        for pair in zip(one, torch.autograd.grad(loss, [x, *layer.parameters()]), strict=True)
    )
    loss = layer(x)[0].square().sum()
    (gradient,) = torch.autograd.grad(loss, [x], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_writing_into_the_output_is_noticed():
    layer = made("peephole")
    hidden, _ = layer(inputs(16, 5)[0])
    loss = hidden.square().sum()
    with torch.no_grad():
        hidden.mul_(2.0)
    with pytest.raises(RuntimeError, match="inplace"):
        loss.backward()


# ---------------------------------------------------------------- the same bits everywhere


@stepped
@pytest.mark.parametrize("hidden_size", [1, 2, 5, 6, 8, 16, 31, 50, 64])
def test_a_row_does_not_depend_on_its_batch(cell, activation, hidden_size):
    layer = made(cell, activation, hidden_size)
    x, _, _ = inputs(70, 6, hidden_size)
    with torch.inference_mode():
        whole, (_, c) = layer(x)
        for n in (1, 2, 3, 4, 5, 8, 15, 16, 17, 32, 33, 64):
            part, (_, part_c) = layer(x[:n])
            assert torch.equal(part, whole[:n]) and torch.equal(part_c, c[:n])
        for row in (0, 7, 69):
            assert torch.equal(layer(x[row : row + 1])[0][0], whole[row])


@stepped
@pytest.mark.parametrize("hidden_size", [1, 5, 6, 7, 9, 10, 11, 16, 31, 64, 200])
@pytest.mark.parametrize("n", [5, 128])
def test_number_of_threads(cell, activation, hidden_size, n):
    layer = made(cell, activation, hidden_size)
    x, state, mask = inputs(n, 10, hidden_size)
    results = []
    before = torch.get_num_threads()
    try:
        for n_threads in (1, 2):
            torch.set_num_threads(n_threads)
            results.append(
                run_and_differentiate(
                    lambda x, s: layer(x, s, mask), list(layer.parameters()), x, state
                )
            )
    finally:
        torch.set_num_threads(before)
    for one, two in zip(itertools.chain(*results[0]), itertools.chain(*results[1]), strict=True):
        assert torch.equal(one, two)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@cells
def test_on_a_gpu(cell, activation):
    layer = made(cell, activation).double()
    on_gpu = copy.deepcopy(layer).cuda()
    x, state, mask = inputs(5, 7, dtype=torch.float64)
    lengths = torch.tensor([7, 3, 1, 7, 5])
    for m in (None, mask):
        hidden, _ = layer(x, state, m, lengths)
        there, _ = on_gpu(
            x.cuda(),
            tuple(s.cuda() for s in state),
            None if m is None else m.cuda(),
            lengths.cuda(),
        )
        hidden[:, 0].sum().backward()
        there[:, 0].sum().backward()
        assert_close(there[0].cpu(), hidden[0], rtol=1e-9, atol=1e-10)
    for a, b in zip(layer.parameters(), on_gpu.parameters(), strict=True):
        assert_close(b.grad.cpu(), a.grad, rtol=1e-9, atol=1e-10)


# ---------------------------------------------------------------- weights


@cells
def test_initial_weights(cell, activation):
    layer = LSTMLayer(30, 20, cell, activation)
    layer.reset_parameters(generator(3))
    lstm = layer.lstm
    limit = (6 / (30 + 20)) ** 0.5  # Glorot & Bengio (2010), of one gate
    for gate in lstm.weight_ih_l0.chunk(4):
        assert 0.95 * limit < gate.abs().max() <= limit
        assert_close(gate.std().item(), limit / 3**0.5, rtol=0.1, atol=0)
    for gate in lstm.weight_hh_l0.chunk(4):
        assert_close(gate @ gate.T, torch.eye(20), rtol=0, atol=1e-6)
    bias = (lstm.bias_ih_l0 + lstm.bias_hh_l0).view(4, 20)
    assert torch.equal(bias, torch.tensor([0.0, 1.0, 0.0, 0.0])[:, None].expand(4, 20))
    if cell == "lstm":
        assert layer.weight_peephole is None
    else:
        assert layer.weight_peephole.shape == (3, 20)
        assert (layer.weight_peephole == 0).all()


@cells
def test_weights_come_from_the_generator_alone(cell, activation):
    state = torch.get_rng_state()
    layer = LSTMLayer(3, 4, cell, activation)
    layer.reset_parameters(generator(5))
    layer(*inputs(3, 5))[0].sum().backward()
    assert torch.equal(torch.get_rng_state(), state)
    again = LSTMLayer(3, 4, cell, activation)
    again.reset_parameters(generator(5))
    other = LSTMLayer(3, 4, cell, activation)
    other.reset_parameters(generator(6))
    for name, weight in layer.state_dict().items():
        assert weight.dtype == torch.float32 and weight.device.type == "cpu"
        assert torch.equal(weight, again.state_dict()[name])
    assert not torch.equal(layer.lstm.weight_hh_l0, other.lstm.weight_hh_l0)


def test_all_cells_start_as_the_same_lstm():
    lstm = empty_lstm(3, 4)
    init_lstm_(lstm, generator())
    for cell, activation in CELLS:
        layer = LSTMLayer(3, 4, cell, activation)
        layer.reset_parameters(generator())
        for a, b in zip(layer.lstm.parameters(), lstm.parameters(), strict=True):
            assert torch.equal(a, b)


def test_peepholes_leave_zero():
    layer = LSTMLayer(3, 4, "peephole")
    layer.reset_parameters(generator())
    layer(inputs(5, 6)[0])[0].sum().backward()
    assert (layer.weight_peephole.grad != 0).all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_the_default_dtype_does_not_matter(dtype):
    try:
        torch.set_default_dtype(dtype)
        layer = LSTMLayer(3, 4, "peephole")
    finally:
        torch.set_default_dtype(torch.float32)
    assert all(p.dtype == torch.float32 and p.device.type == "cpu" for p in layer.parameters())
