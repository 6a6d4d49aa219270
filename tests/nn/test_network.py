"""The network against ``torch.nn.LSTM`` with the same weights, packed for different lengths."""

import copy
import json
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.testing import assert_close

from sklstm.nn import POOLINGS, LSTMNetwork, build_network
from sklstm.nn._recurrent import GeneratorDropout, RecurrentStack, reverse

N_FEATURES = 3
LENGTHS = torch.tensor([4, 7, 1, 6, 7])
SHAPES = [(1, False), (1, True), (3, False), (3, True)]

shapes = pytest.mark.parametrize(
    ("num_layers", "bidirectional"), SHAPES, ids=["one", "one both ways", "three", "three both"]
)
lengths_or_none = pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "ragged"])


def network(seed=0, **changes):
    architecture = {
        "n_features": N_FEATURES,
        "n_outputs": 2,
        "hidden_size": 5,
        "num_layers": 1,
        "bidirectional": False,
        "dropout": 0.0,
    } | changes
    if isinstance(architecture.get("pooling"), str):
        architecture["pooling"] = (architecture["pooling"],)
    built = LSTMNetwork(**architecture)
    built.reset_parameters(torch.Generator().manual_seed(seed))
    # Biases that differ, so that a gate in the wrong place is seen; attention unlike the mean.
    with torch.no_grad():
        generator = torch.Generator().manual_seed(seed + 1)
        for name, parameter in built.named_parameters():
            if "bias" in name or "score" in name:
                parameter.add_(torch.randn(parameter.shape, generator=generator) / 4)
    return built.eval()


def sequences(n=5, n_timesteps=7, dtype=torch.float32):
    generator = torch.Generator().manual_seed(42)
    return torch.randn(n, n_timesteps, N_FEATURES, generator=generator, dtype=dtype)


def padding_filled(x, lengths, value):
    padded = torch.arange(x.shape[1]) >= lengths[:, None]
    return x.masked_fill(padded[:, :, None], value)


def lstms(layers):
    """The ``nn.LSTM`` that holds the weights of each layer."""
    return [layer.lstm for layer in layers]


def twin_of(stack):
    """One ``nn.LSTM`` holding the weights of all layers and directions."""
    first = lstms(stack.forward_layers)[0]
    twin = nn.LSTM(
        first.input_size,
        first.hidden_size,
        len(stack.forward_layers),
        batch_first=True,
        bidirectional=stack.bidirectional,
    )
    with torch.no_grad():
        for layer in range(len(stack.forward_layers)):
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                ours = getattr(lstms(stack.forward_layers)[layer], f"{name}_l0")
                getattr(twin, f"{name}_l{layer}").copy_(ours)
                if stack.bidirectional:
                    ours = getattr(lstms(stack.backward_layers)[layer], f"{name}_l0")
                    getattr(twin, f"{name}_l{layer}_reverse").copy_(ours)
    return twin


def twin_states(twin, x, lengths):
    """Hidden states of each sequence at its real steps, and the final states of each."""
    full = torch.full((len(x),), x.shape[1]) if lengths is None else lengths
    packed = pack_padded_sequence(x, full, batch_first=True, enforce_sorted=False)
    output, (final, _) = twin(packed)
    output, _ = pad_packed_sequence(output, batch_first=True)
    directions = 2 if twin.bidirectional else 1
    final = torch.cat(list(final[-directions:]), dim=1)
    return [row[:length] for row, length in zip(output, full, strict=True)], final


def pooled_by(pooling, model, states, final):
    """The vector of each sequence, from its own states alone."""
    if pooling == "last":
        return final
    if pooling == "mean":
        return torch.stack([state.mean(0) for state in states])
    if pooling == "max":
        return torch.stack([state.amax(0) for state in states])
    score = model.pooling.score.weight[0].detach()
    return torch.stack([torch.softmax(state @ score, 0) @ state for state in states])


# ---------------------------------------------------------------- recurrent layers


@shapes
@lengths_or_none
def test_hidden_states_equal_torch_lstm(num_layers, bidirectional, lengths):
    stack = network(num_layers=num_layers, bidirectional=bidirectional).recurrent
    hidden = stack(sequences(), lengths)
    assert hidden.shape == (5, 7, stack.output_size)
    states, _ = twin_states(twin_of(stack), sequences(), lengths)
    for ours, expected in zip(hidden, states, strict=True):
        assert_close(ours[: len(expected)], expected, rtol=1e-5, atol=1e-6)


@shapes
@lengths_or_none
@pytest.mark.parametrize("pooling", POOLINGS)
def test_outputs_equal_torch_lstm(num_layers, bidirectional, lengths, pooling):
    model = network(num_layers=num_layers, bidirectional=bidirectional, pooling=pooling)
    states, final = twin_states(twin_of(model.recurrent), sequences(), lengths)
    pooled = pooled_by(pooling, model, states, final)
    expected = pooled @ model.head.weight.T + model.head.bias
    assert_close(model.encode(sequences(), lengths), expected, rtol=1e-5, atol=1e-6)


@shapes
@pytest.mark.parametrize("pooling", POOLINGS)
def test_gradients_equal_torch_lstm(num_layers, bidirectional, pooling):
    model = network(num_layers=num_layers, bidirectional=bidirectional, pooling=pooling)
    twin, x = twin_of(model.recurrent), sequences()
    model.encode(x, LENGTHS).square().sum().backward()
    states, final = twin_states(twin, x, LENGTHS)
    pooled = pooled_by(pooling, model, states, final)
    (pooled @ model.head.weight.detach().T + model.head.bias.detach()).square().sum().backward()
    directions = [("", model.recurrent.forward_layers)]
    directions += [("_reverse", model.recurrent.backward_layers)] if bidirectional else []
    for suffix, layers in directions:
        for layer, lstm in enumerate(lstms(layers)):
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                ours = getattr(lstm, f"{name}_l0")
                theirs = getattr(twin, f"{name}_l{layer}{suffix}")
                assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-5)


@shapes
def test_full_lengths_equal_no_lengths(num_layers, bidirectional):
    for pooling in POOLINGS:
        model = network(num_layers=num_layers, bidirectional=bidirectional, pooling=pooling)
        full = torch.full((5,), 7)
        assert_close(model(sequences(), full), model(sequences()), rtol=0, atol=1e-7)


@shapes
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("value", [0.0, 1e30, -7.0, math.nan, math.inf, -math.inf])
def test_content_of_the_padding_changes_no_bit(num_layers, bidirectional, pooling, value):
    model = network(num_layers=num_layers, bidirectional=bidirectional, pooling=pooling)
    expected = model(sequences(), LENGTHS)
    assert torch.isfinite(expected).all()
    assert torch.equal(model(padding_filled(sequences(), LENGTHS, value), LENGTHS), expected)


@shapes
@pytest.mark.parametrize("pooling", POOLINGS)
def test_each_sequence_alone_and_cut_gives_its_output_of_the_batch(
    num_layers, bidirectional, pooling
):
    model = network(num_layers=num_layers, bidirectional=bidirectional, pooling=pooling)
    batch = model(sequences(), LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        alone = model(sequences()[row : row + 1, :length])
        assert_close(alone[0], batch[row], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("value", [0.0, 5.0, -1e4])
def test_padding_gets_no_gradient_and_spoils_none(pooling, value):
    model = network(bidirectional=True, num_layers=2, pooling=pooling)
    model.encode(sequences(), LENGTHS).sum().backward()
    expected = {name: p.grad.clone() for name, p in model.named_parameters()}
    model.zero_grad()
    z = padding_filled(sequences(), LENGTHS, value).requires_grad_()
    model.encode(z, LENGTHS).sum().backward()
    padded = (torch.arange(7) >= LENGTHS[:, None])[:, :, None].expand_as(z)
    assert (z.grad[padded] == 0).all()
    assert (z.grad[~padded] != 0).any()
    for name, parameter in model.named_parameters():
        assert_close(parameter.grad, expected[name], rtol=1e-5, atol=1e-6)


@shapes
@pytest.mark.parametrize("pooling", POOLINGS)
@lengths_or_none
def test_gradients_reach_every_parameter(num_layers, bidirectional, pooling, lengths):
    model = network(
        num_layers=num_layers, bidirectional=bidirectional, pooling=pooling, dropout=0.2
    ).train()
    encoded(model, 0, lengths).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert (parameter.grad != 0).any(), name


def test_last_state_of_the_backward_direction_has_read_the_whole_sequence():
    model = network(bidirectional=True)
    x = sequences().requires_grad_()
    model.encode(x, LENGTHS).square().sum().backward()
    for row, length in enumerate(LENGTHS.tolist()):
        assert (x.grad[row, :length].abs().sum(1) > 0).all()


# ---------------------------------------------------------------- reverse


@pytest.mark.parametrize("lengths", [None, LENGTHS, torch.full((5,), 7), torch.ones(5).long()])
@pytest.mark.parametrize("n_features", [1, 3])
def test_reverse_turns_each_sequence_within_its_length(lengths, n_features):
    x = sequences()[:, :, :n_features]
    expected = x.clone()
    for row in range(5):
        length = 7 if lengths is None else int(lengths[row])
        for step in range(length):
            expected[row, step] = x[row, length - 1 - step]
    assert torch.equal(reverse(x, lengths), expected)
    assert torch.equal(reverse(reverse(x, lengths), lengths), x)


# ---------------------------------------------------------------- random numbers


@pytest.fixture
def _global_states_stay():
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    yield
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)


@pytest.mark.usefixtures("_global_states_stay")
def test_construction_and_drawing_leave_the_global_random_states_alone():
    network(num_layers=2, bidirectional=True, dropout=0.5)


@pytest.mark.usefixtures("_global_states_stay")
def test_dropout_leaves_the_global_random_states_alone():
    model = network(num_layers=2, dropout=0.5).train()
    encoded(model, 0).sum().backward()


def test_same_seed_gives_the_same_network_whatever_the_global_state():
    torch.manual_seed(1)
    first = network(7, num_layers=2, bidirectional=True)
    torch.manual_seed(2)
    second = network(7, num_layers=2, bidirectional=True)
    other = network(8, num_layers=2, bidirectional=True)
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[name]), name
        if "weight" in name:
            assert not torch.equal(tensor, other.state_dict()[name]), name


def test_every_matrix_is_drawn_anew():
    model = network(hidden_size=N_FEATURES, num_layers=3, bidirectional=True)
    matrices = [p for name, p in model.named_parameters() if "weight_hh" in name]
    assert len(matrices) == 6
    blocks = [block for matrix in matrices for block in matrix.split(N_FEATURES)]
    for i, block in enumerate(blocks):
        for other in blocks[:i]:
            assert not torch.equal(block, other)


def test_initial_weights_follow_their_rules():
    built = LSTMNetwork(3, 2, 16, 2, True, 0.0, pooling=("last", "attention"))
    built.reset_parameters(torch.Generator().manual_seed(0))
    stack = built.recurrent
    for lstm in lstms([*stack.forward_layers, *stack.backward_layers]):
        bound = math.sqrt(6 / (lstm.input_size + 16))
        assert 0.8 * bound < lstm.weight_ih_l0.abs().max() <= bound
        for gate in lstm.weight_hh_l0.split(16):
            assert_close(gate @ gate.T, torch.eye(16), rtol=0, atol=1e-6)
        bias = (lstm.bias_ih_l0 + lstm.bias_hh_l0).reshape(4, 16)
        assert (bias[1] == 1).all()  # torch's order of gates: input, forget, cell, output
        assert (bias[[0, 2, 3]] == 0).all()
    assert (built.head.bias == 0).all()
    assert (built.pooling.score.weight == 0).all()
    bound = math.sqrt(6 / (2 * 32 + 2))
    assert 0.8 * bound < built.head.weight.abs().max() <= bound


# ---------------------------------------------------------------- dropout


def dropped(p, seed, n=20_000):
    dropout = GeneratorDropout(p).train()
    dropout.generator = torch.Generator().manual_seed(seed)
    return dropout(torch.ones(n))


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_zeroes_a_share_and_keeps_the_mean(p):
    values = dropped(p, 0)
    kept = values != 0
    assert_close(values[kept], torch.full_like(values[kept], 1 / (1 - p)))
    assert abs(kept.float().mean() - (1 - p)) < 0.02
    assert not torch.equal(values, dropped(p, 1))
    assert torch.equal(values, dropped(p, 0))


def test_dropout_draws_new_masks_with_every_call():
    dropout = GeneratorDropout(0.5).train()
    dropout.generator = torch.Generator().manual_seed(0)
    assert not torch.equal(dropout(torch.ones(99)), dropout(torch.ones(99)))


@pytest.mark.parametrize(("p", "training"), [(0.0, True), (0.0, False), (0.7, False)])
def test_dropout_that_is_off_draws_nothing(p, training):
    dropout = GeneratorDropout(p).train(training)
    dropout.generator = torch.Generator().manual_seed(0)
    before = dropout.generator.get_state()
    x = torch.randn(9, generator=torch.Generator().manual_seed(1))
    assert torch.equal(dropout(x), x)
    assert torch.equal(dropout.generator.get_state(), before)


def encoded(model, seed, lengths=LENGTHS):
    with model.drawing_from(torch.Generator().manual_seed(seed)):
        return model.encode(sequences(), lengths)


@pytest.mark.parametrize("num_layers", [1, 2])
def test_dropout_of_the_network_depends_on_its_generator_alone(num_layers):
    model = network(num_layers=num_layers, dropout=0.5).train()
    torch.manual_seed(0)
    first = encoded(model, 3)
    torch.manual_seed(1)
    assert torch.equal(encoded(model, 3), first)
    assert not torch.equal(encoded(model, 4), first)


def test_dropout_acts_before_the_head_and_between_layers():
    single = network(dropout=0.5).train()
    expected = single.eval().encode(sequences())
    assert not torch.equal(encoded(single.train(), 0), expected)
    stack = RecurrentStack(N_FEATURES, 5, 2, False, "lstm", "tanh", 0.5, 0.0, None)
    stack.reset_parameters(torch.Generator().manual_seed(0))
    stack.dropout.generator = torch.Generator().manual_seed(0)
    assert not torch.equal(stack.train()(sequences(), None), stack.eval()(sequences(), None))


@pytest.mark.usefixtures("_global_states_stay")
def test_recurrent_dropout_depends_on_the_generator_alone():
    model = network(recurrent_dropout=0.5).train()
    first = encoded(model, 3)
    assert torch.equal(encoded(model, 3), first)
    assert not torch.equal(encoded(model, 4), first)
    assert not torch.equal(model.eval().encode(sequences(), LENGTHS), first)


def test_generator_is_let_go_also_after_an_error():
    model = network(dropout=0.5, recurrent_dropout=0.5).train()
    with pytest.raises(RuntimeError, match="stop"):
        with model.drawing_from(torch.Generator()):
            raise RuntimeError("stop")
    assert model.recurrent.dropout.generator is None
    assert model.recurrent.recurrent_dropout.generator is None


def test_evaluation_ignores_dropout():
    plain = network(num_layers=2)
    dropping = network(num_layers=2, dropout=0.9, recurrent_dropout=0.9)
    assert torch.equal(plain(sequences()), dropping(sequences()))


# ---------------------------------------------------------------- standardisation


def scaled(model, x_mean, x_scale, y_mean=0.0, y_scale=1.0):
    for name, value in (
        ("x_mean", x_mean),
        ("x_scale", x_scale),
        ("y_mean", y_mean),
        ("y_scale", y_scale),
    ):
        buffer = getattr(model, name)
        buffer.copy_(torch.as_tensor(value, dtype=torch.float64).expand_as(buffer))
    return model


def test_inputs_and_outputs_are_in_original_units():
    model = scaled(network(), [1.0, -2.0, 300.0], [0.5, 2.0, 1e4], [7.0, -1e6], [3.0, 1e-3])
    x = sequences(dtype=torch.float64)
    z = ((x - model.x_mean) / model.x_scale).float()
    expected = model.encode(z, LENGTHS).double() * torch.tensor([3.0, 1e-3], dtype=torch.float64)
    expected = expected + torch.tensor([7.0, -1e6], dtype=torch.float64)
    output = model(x, LENGTHS)
    assert output.dtype == torch.float64
    assert torch.equal(output, expected)


def test_input_far_from_zero_keeps_its_digits():
    noise = sequences(dtype=torch.float64) * 1e-3
    model = scaled(network(), 1e9, 1e-3)
    x = 1e9 + noise
    exact = (x.numpy().astype(np.longdouble) - np.longdouble(1e9)) / np.longdouble(1e-3)
    z = model.standardize(x)
    assert z.dtype == torch.float32
    assert_close(z, torch.from_numpy(exact.astype(np.float32)), rtol=1e-6, atol=1e-6)
    assert z.unique().numel() == z.numel()


def test_output_far_from_zero_keeps_its_digits():
    model = scaled(network(), 0.0, 1.0, 1e9, 1e-3)
    spread = (model(sequences()) - 1e9) / 1e-3
    assert_close(spread.float(), model.encode(sequences()), rtol=0, atol=2e-4)


def test_float32_input_of_equal_value_gives_the_same_output():
    model = scaled(network(), 0.3, 1.7, 2.0, 0.1)
    x = sequences()
    assert torch.equal(model(x), model(x.double()))


def test_buffers_are_saved_and_moved_but_not_trained():
    model = network()
    assert {"x_mean", "x_scale", "y_mean", "y_scale"} <= set(model.state_dict())
    assert not any(name[:2] in ("x_", "y_") for name, _ in model.named_parameters())
    assert all(buffer.dtype == torch.float64 for buffer in model.buffers())
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())


# ---------------------------------------------------------------- architecture


@shapes
@pytest.mark.parametrize("pooling", POOLINGS)
def test_architecture_rebuilds_the_network(num_layers, bidirectional, pooling):
    model = network(
        num_layers=num_layers, bidirectional=bidirectional, pooling=pooling, dropout=0.3
    )
    architecture = json.loads(json.dumps(model.architecture))  # tuples become lists
    rebuilt = build_network(architecture).eval()
    assert json.loads(json.dumps(rebuilt.architecture)) == architecture
    rebuilt.load_state_dict(scaled(model, 0.5, 2.0, -1.0, 3.0).state_dict())
    assert torch.equal(rebuilt(sequences(), LENGTHS), model(sequences(), LENGTHS))
    assert rebuilt.recurrent.dropout.p == 0.3


def test_network_can_be_copied_and_the_copy_is_independent():
    model = network(num_layers=2, bidirectional=True)
    expected = model(sequences(), LENGTHS).detach()
    twin = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.add_(1.0)
    assert torch.equal(model(sequences(), LENGTHS), expected)
    assert not torch.equal(twin(sequences(), LENGTHS), expected)


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("n_timesteps", [1, 2])
@pytest.mark.parametrize("hidden_size", [1, 2])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_axes_of_length_one(n, n_timesteps, hidden_size, pooling):
    model = network(hidden_size=hidden_size, bidirectional=True, num_layers=2, pooling=pooling)
    x = sequences(n, n_timesteps)
    lengths = torch.full((n,), n_timesteps)
    assert model(x).shape == (n, 2)
    assert_close(model(x, lengths), model(x), rtol=0, atol=1e-7)
    states, final = twin_states(twin_of(model.recurrent), x, None)
    expected = pooled_by(pooling, model, states, final) @ model.head.weight.T + model.head.bias
    assert_close(model.encode(x), expected, rtol=1e-5, atol=1e-6)
