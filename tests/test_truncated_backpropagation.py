"""``tbptt_steps=``: gradients of a slow twin, the same predictions, less memory."""

import pickle
import time

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from plain import PLAIN
from torch.testing import assert_close

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.nn import LSTMNetwork

N_FEATURES, STEPS = 2, 11
LENGTHS = torch.tensor([4, 11, 1, 6, 8])
SMALL = PLAIN | {"learning_rate": 0.01, "batch_size": 8, "max_epochs": 3, "random_state": 0}
RECURRENCES = [
    {},
    {"cell": "peephole"},
    {"activation": "relu"},
    {"recurrent_dropout": 0.4},
    {"cell": "peephole", "recurrent_dropout": 0.4, "bidirectional": True},
]

lengths_or_none = pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "ragged"])
recurrences = pytest.mark.parametrize(
    "recurrence", RECURRENCES, ids=lambda r: "+".join(r) or "lstm"
)


def network(tbptt_steps, **changes):
    architecture = {"num_layers": 1, "bidirectional": False, "dropout": 0.0} | changes
    built = LSTMNetwork(N_FEATURES, 2, 5, tbptt_steps=tbptt_steps, **architecture)
    built.reset_parameters(torch.Generator().manual_seed(0))
    return built.train()


def sequences(n_timesteps=STEPS):
    return torch.randn(5, n_timesteps, N_FEATURES, generator=torch.Generator().manual_seed(1))


def outputs_and_gradients(model, x, lengths):
    model.zero_grad()
    x = x.clone().requires_grad_()
    with model.drawing_from(torch.Generator().manual_seed(3)):
        outputs = model.encode(x, lengths)
    outputs.square().sum().backward()
    return outputs.detach(), x.grad, {name: p.grad for name, p in model.named_parameters()}


# ---------------------------------------------------------------- the slow twin


def slow_layer(lstm, x, cuts):
    """One sequence, step by step; gradients do not pass the steps in ``cuts``."""
    weight_ih, weight_hh, bias_ih, bias_hh = lstm.all_weights[0]
    h = c = torch.zeros(lstm.hidden_size)
    hidden = []
    for t, step in enumerate(x):
        if t in cuts:
            h, c = h.detach(), c.detach()
        i, f, g, o = (weight_ih @ step + weight_hh @ h + bias_ih + bias_hh).chunk(4)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        hidden.append(h)
    return torch.stack(hidden)


def slow_outputs(model, x, lengths, cuts):
    outputs = []
    stack = model.recurrent
    for row, length in zip(x, lengths, strict=True):
        hidden = row[:length]
        for i, layer in enumerate(stack.forward_layers):
            forward = slow_layer(layer.lstm, hidden, cuts)
            if stack.bidirectional:
                backward = slow_layer(stack.backward_layers[i].lstm, hidden.flip(0), cuts)
                forward = torch.cat([forward, backward.flip(0)], dim=1)
            hidden = forward
        outputs.append(model.head(pooled(model, hidden)))
    return torch.stack(outputs)


def pooled(model, hidden):
    if model.pooling.poolings == ("mean",):
        return hidden.mean(0)
    size = 5 if model.recurrent.bidirectional else 10
    return torch.cat([hidden[-1, :size], hidden[0, size:]])


@lengths_or_none
@pytest.mark.parametrize("tbptt_steps", [1, 3, 10])
@pytest.mark.parametrize("pooling", ["last", "mean"])
@pytest.mark.parametrize(("num_layers", "bidirectional"), [(1, False), (2, True)])
def test_gradients_equal_a_twin_that_detaches_its_states(
    lengths, tbptt_steps, pooling, num_layers, bidirectional
):
    # Sequences of one length are cut from their end, others from their beginning.
    first = STEPS % tbptt_steps if lengths is None else 0
    cuts = range(first, STEPS, tbptt_steps)
    shape = {"num_layers": num_layers, "bidirectional": bidirectional, "pooling": (pooling,)}
    model, twin = network(tbptt_steps, **shape), network(None, **shape)
    outputs, grad_x, grads = outputs_and_gradients(model, sequences(), lengths)

    x = sequences().requires_grad_()
    full = [STEPS] * 5 if lengths is None else lengths.tolist()
    expected = slow_outputs(twin, x, full, cuts)
    expected.square().sum().backward()
    assert_close(outputs, expected, rtol=1e-5, atol=1e-6)
    assert_close(grad_x, x.grad, rtol=1e-4, atol=1e-6)
    for name, parameter in twin.named_parameters():
        assert_close(grads[name], parameter.grad, rtol=1e-4, atol=1e-5)
    _, _, untruncated = outputs_and_gradients(twin, sequences(), lengths)
    assert any(not torch.allclose(grads[name], untruncated[name], rtol=1e-3) for name in grads)


@lengths_or_none
@recurrences
@pytest.mark.parametrize("tbptt_steps", [STEPS, STEPS + 1, 10**6])
def test_runs_as_long_as_the_sequences_are_full_back_propagation(lengths, recurrence, tbptt_steps):
    truncated = outputs_and_gradients(network(tbptt_steps, **recurrence), sequences(), lengths)
    full = outputs_and_gradients(network(None, **recurrence), sequences(), lengths)
    assert torch.equal(truncated[0], full[0])
    assert torch.equal(truncated[1], full[1])
    for name, gradient in full[2].items():
        assert torch.equal(truncated[2][name], gradient), name


@lengths_or_none
@recurrences
@pytest.mark.parametrize("tbptt_steps", [1, 4])
def test_outputs_are_those_without_truncation(lengths, recurrence, tbptt_steps):
    truncated, _, _ = outputs_and_gradients(
        network(tbptt_steps, **recurrence), sequences(), lengths
    )
    full, _, _ = outputs_and_gradients(network(None, **recurrence), sequences(), lengths)
    assert_close(truncated, full, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("n_timesteps", [7, 8, 9, 12, 13])
def test_last_output_has_a_whole_run_behind_it(n_timesteps):
    _, grad_x, _ = outputs_and_gradients(network(4), sequences(n_timesteps), None)
    reached = (grad_x != 0).all(dim=2).all(dim=0)
    assert_array_equal(reached, np.arange(n_timesteps) >= n_timesteps - 4)


def test_run_of_a_ragged_sequence_does_not_depend_on_its_batch():
    model, x = network(3), sequences()
    _, _, grads = outputs_and_gradients(model, x, LENGTHS)
    total = {name: torch.zeros_like(gradient) for name, gradient in grads.items()}
    for row, length in enumerate(LENGTHS):
        longer = torch.cat([x[row, :length], torch.zeros(6, N_FEATURES)])[None]
        for name, gradient in outputs_and_gradients(model, longer, length[None])[2].items():
            total[name] += gradient
    for name, gradient in grads.items():
        assert_close(gradient, total[name], rtol=1e-4, atol=1e-5)


def test_content_of_the_padding_changes_nothing():
    padded = (torch.arange(STEPS) >= LENGTHS[:, None])[:, :, None]
    results = [
        outputs_and_gradients(network(4, bidirectional=True, activation="relu"), x, LENGTHS)
        for x in (sequences().masked_fill(padded, 0.0), sequences().masked_fill(padded, 1e30))
    ]
    assert torch.equal(results[0][0], results[1][0])
    for name, gradient in results[0][2].items():
        assert torch.equal(gradient, results[1][2][name])


@pytest.mark.parametrize("tbptt_steps", [None, 4, 5, 100])
def test_relu_states_rest_at_zero_in_the_padding_of_every_run(tbptt_steps):
    # Let run on, they could overflow there, and the gradients with them.
    stack = network(tbptt_steps, activation="relu").recurrent
    hidden = stack(torch.ones(5, STEPS, N_FEATURES), LENGTHS)
    padded = torch.arange(STEPS) >= LENGTHS[:, None]
    assert (hidden[padded] == 0).all()
    assert (hidden[~padded] > 0).any(dim=1).all()


def test_evaluation_knows_no_runs():
    x = sequences()
    assert torch.equal(network(2).eval()(x), network(None).eval()(x))


# ---------------------------------------------------------------- long sequences


def saved_bytes(model, x):
    """What autograd keeps of a forward pass, each tensor once."""
    storages = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = model.encode(x, None)
    return sum(storages.values()), output


@pytest.mark.parametrize("cell", ["lstm", "peephole"])
def test_less_is_kept_of_long_sequences(cell):
    x = torch.zeros(2, 2000, N_FEATURES)
    full, _ = saved_bytes(network(None, cell=cell), x)
    truncated, _ = saved_bytes(network(50, cell=cell), x)
    assert truncated < full / 3


def test_ten_thousand_steps():
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(10_000 - 200 * i, 1)) for i in range(4)]
    y = np.array([x[-5:].sum() for x in X])
    begin = time.process_time()
    model = regressor(tbptt_steps=100, bidirectional=True, max_epochs=1, batch_size=2).fit(X, y)
    assert time.process_time() - begin < 30
    assert np.isfinite(model.predict(X)).all()


# ---------------------------------------------------------------- the estimator's contract


def data(kind="ragged", n=24):
    X = np.random.default_rng(0).normal(size=(n, STEPS, N_FEATURES))
    y = X[:, 0, 0]
    if kind == "3-D":
        return X, y
    if kind == "ragged":
        return [x[: 1 + i % STEPS] for i, x in enumerate(X)], y
    for i, x in enumerate(X):
        x[1 + i % STEPS :] = np.nan
    return X, y


def regressor(**params):
    return LSTMRegressor(5, **(SMALL | {"tbptt_steps": 3} | params))


def assert_same_weights(one, other):
    one, other = (model.net_.module_.state_dict() for model in (one, other))
    for name in one:
        assert torch.equal(one[name], other[name]), name


def test_short_sequences_train_as_without_it():
    X, y = data()
    truncated = regressor(tbptt_steps=STEPS + 1, dropout=0.2).fit(X, y)
    assert_same_weights(truncated, regressor(tbptt_steps=None, dropout=0.2).fit(X, y))


@pytest.mark.parametrize("kind", ["3-D", "ragged"])
def test_partial_fit_equals_fit_to_the_last_bit(kind):
    X, y = data(kind)
    options = {"dropout": 0.2, "recurrent_dropout": 0.2, "num_layers": 2}
    parts = regressor(**options)
    for _ in range(3):
        parts.partial_fit(X, y)
    assert_same_weights(parts, regressor(**options).fit(X, y))


def test_padded_and_weighted_rows():
    X, y = data()
    model = regressor().fit(X, y)
    assert_same_weights(regressor().fit(data("padded")[0], y), model)
    rows = np.repeat(np.arange(24), 1 + (np.arange(24) < 6))
    weighted = regressor().fit(X, y, sample_weight=1.0 + (np.arange(24) < 6))
    assert_same_weights(weighted, regressor().fit([X[i] for i in rows], y[rows]))


def test_random_states_are_left_alone():
    X, y = data()
    torch.manual_seed(0)
    before = torch.get_rng_state()
    regressor(dropout=0.2, recurrent_dropout=0.2).fit(X, y)
    assert torch.equal(torch.get_rng_state(), before)


def test_one_target_per_step():
    X, _ = data()
    y = [x[:, 0] > 0 for x in X]
    model = LSTMClassifier(
        5,
        return_sequences=True,
        bidirectional=False,
        tbptt_steps=3,
        max_epochs=20,
        learning_rate=0.03,
        random_state=0,
    ).fit(X, y)
    assert model.score(X, y) > 0.9


def test_embedded_codes():
    codes = np.random.default_rng(0).integers(0, 5, size=(24, STEPS))
    model = regressor(embedding_size=3).fit(codes, codes[:, -1])
    assert np.isfinite(model.predict(codes)).all()


def test_pickle():
    X, y = data()
    model = regressor().fit(X, y)
    copy = pickle.loads(pickle.dumps(model))
    assert_array_equal(copy.predict(X), model.predict(X))


@pytest.mark.parametrize("wrong", [0, -3, 2.5, "10"])
def test_wrong_numbers_are_named(wrong):
    with pytest.raises(ValueError, match="The 'tbptt_steps' parameter of LSTMRegressor"):
        regressor(tbptt_steps=wrong).fit(*data())
