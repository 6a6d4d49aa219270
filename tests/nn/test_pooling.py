"""Poolings against loops over the sequences and their real time steps."""

import itertools
import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from rounding import assert_same_numbers
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from torch.testing import assert_close

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.nn._pooling import POOLINGS, Pooling

SIZE = 6
LENGTHS = torch.tensor([4, 9, 1, 8])
CONCATENATIONS = [*((p,) for p in POOLINGS), ("mean", "last"), ("attention", "max"), POOLINGS[::-1]]

poolings = pytest.mark.parametrize("poolings", CONCATENATIONS, ids="+".join)
lengths_or_none = pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "ragged"])
directions = pytest.mark.parametrize("bidirectional", [False, True], ids=["one way", "both ways"])
modes = pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])


def states(seed=0):
    return torch.randn(4, 9, SIZE, generator=torch.Generator().manual_seed(seed))


def pooling_of(poolings, bidirectional=False, training=False, scale=1.0):
    pooling = Pooling(SIZE, poolings, bidirectional).train(training)
    pooling.reset_parameters()
    if pooling.score is not None:
        with torch.no_grad():
            pooling.score.weight.normal_(0, scale, generator=torch.Generator().manual_seed(1))
    return pooling


def slow_pool(name, rows, bidirectional, weight):
    """One sequence, step by step, in Python numbers."""
    length, values = len(rows), rows.double().tolist()
    if name == "last":
        half = SIZE // 2 if bidirectional else SIZE
        return values[length - 1][:half] + values[0][half:]
    if name == "mean":
        return [sum(step[j] for step in values) / length for j in range(SIZE)]
    if name == "max":
        return [max(step[j] for step in values) for j in range(SIZE)]
    scores = [sum(a * b for a, b in zip(step, weight, strict=True)) for step in values]
    shares = [math.exp(score - max(scores)) for score in scores]
    return [
        sum(share * step[j] for share, step in zip(shares, values, strict=True)) / sum(shares)
        for j in range(SIZE)
    ]


def slow(pooling, hidden, lengths):
    lengths = [hidden.shape[1]] * len(hidden) if lengths is None else lengths.tolist()
    weight = None if pooling.score is None else pooling.score.weight[0].double().tolist()
    pooled = []
    for row, length in zip(hidden, lengths, strict=True):
        parts = [
            slow_pool(name, row[:length], pooling.bidirectional, weight)
            for name in pooling.poolings
        ]
        pooled.append([*itertools.chain(*parts)])
    return torch.tensor(pooled)


@poolings
@directions
@lengths_or_none
@modes
def test_each_pooling_equals_a_loop_over_the_real_steps(poolings, bidirectional, lengths, training):
    pooling = pooling_of(poolings, bidirectional, training)
    pooled = pooling(states(), lengths)
    assert pooled.shape == (4, SIZE * len(poolings)) == (4, pooling.output_size)
    assert pooled.dtype == torch.float32
    assert_close(pooled, slow(pooling, states(), lengths), rtol=1e-5, atol=1e-6)


@poolings
@modes
@pytest.mark.parametrize("value", [7.0, math.nan, math.inf, -math.inf])
def test_padding_reaches_neither_the_outputs_nor_a_gradient(poolings, training, value):
    expected, expected_grad, expected_score = pool_and_differentiate(poolings, training, 0.0)
    pooled, grad, score = pool_and_differentiate(poolings, training, value)
    assert torch.equal(pooled, expected)
    padded = torch.arange(9) >= LENGTHS[:, None]
    assert (grad[padded] == 0).all()
    assert torch.equal(grad[~padded], expected_grad[~padded])
    assert torch.isfinite(grad).all()
    if score is not None:
        assert torch.equal(score, expected_score)
        assert torch.isfinite(score).all()


def pool_and_differentiate(poolings, training, value):
    padded = torch.arange(9) >= LENGTHS[:, None]
    hidden = states().masked_fill(padded[:, :, None], value).requires_grad_()
    pooling = pooling_of(poolings, training=training)
    pooled = pooling(hidden, LENGTHS)
    pooled.square().sum().backward()
    score = None if pooling.score is None else pooling.score.weight.grad
    return pooled.detach(), hidden.grad, score


@poolings
@directions
def test_a_sequence_alone_in_a_batch_or_padded_gives_the_same_bits(poolings, bidirectional):
    pooling = pooling_of(poolings, bidirectional)
    batch = pooling(states(), LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        assert torch.equal(pooling(states()[row : row + 1, :length], None)[0], batch[row])


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "ragged"])
def test_attention_starts_as_the_mean(lengths):
    attention = Pooling(SIZE, ("attention",), False)
    attention.reset_parameters()
    mean = Pooling(SIZE, ("mean",), False)
    assert_close(attention(states(), lengths), mean(states(), lengths), rtol=1e-6, atol=1e-7)


def test_attention_learns_from_its_start():
    attention = Pooling(SIZE, ("attention",), False)
    attention.reset_parameters()
    attention(states(), LENGTHS).square().sum().backward()
    assert (attention.score.weight.grad != 0).all()


@modes
def test_large_scores_pick_one_step_and_stay_finite(training):
    pooling = pooling_of(("attention",), training=training, scale=1e30)
    pooled = pooling(states(), LENGTHS)
    weight = pooling.score.weight[0].double()
    for row, length in enumerate(LENGTHS.tolist()):
        best = (states()[row, :length].double() @ weight).argmax()
        assert_close(pooled[row], states()[row, best], rtol=1e-6, atol=0)


def test_gradient_of_attention_equals_numerical_differences():
    pooling = pooling_of(("attention",), training=True)
    hidden = states().requires_grad_()
    pooling(hidden, LENGTHS).square().sum().backward()
    weight = pooling.score.weight.detach()

    def loss(hidden, weight):
        score = (hidden @ weight[0]).masked_fill(torch.arange(9) >= LENGTHS[:, None], -torch.inf)
        return (score.softmax(1)[:, :, None] * hidden).sum(1).square().sum()

    for i, gradient in enumerate((hidden.grad, pooling.score.weight.grad)):
        flat = (states().double(), weight.double())[i].flatten()
        for entry in range(0, len(flat), 7):
            either_side = []
            for shift in (1e-5, -1e-5):
                inputs = [states().double(), weight.double().clone()]
                inputs[i].view(-1)[entry] += shift
                either_side.append(loss(*inputs))
            slope = (either_side[0] - either_side[1]) / 2e-5
            assert_close(gradient.flatten()[entry].double(), slope, rtol=1e-4, atol=1e-5)


def test_last_asks_for_no_weights_and_attention_for_one_vector():
    assert not list(Pooling(SIZE, ("last", "mean", "max"), True).parameters())
    assert [p.shape for p in Pooling(SIZE, POOLINGS, True).parameters()] == [(1, SIZE)]


# ---------------------------------------------------------------- the parameter of the estimators

N, STEPS = 20, 6
SETS = ["attention", ["last", "max"], ["input", "attention"], [*POOLINGS, "input"]]
sets = pytest.mark.parametrize("poolings", SETS, ids=str)


def regressor(pooling, **params):
    defaults = {"max_epochs": 2, "batch_size": 8, "random_state": 0}
    return LSTMRegressor(5, pooling=pooling, **(defaults | params))


def ragged(seed=0):
    rng = np.random.default_rng(seed)
    X = [rng.normal(size=(1 + i % STEPS, 2)) for i in range(N)]
    return X, np.array([x[-1, 0] for x in X])


def weights_of(model):
    return {name: weight.clone() for name, weight in model.net_.module_.state_dict().items()}


def assert_same_weights(one, other):
    one, other = weights_of(one), weights_of(other)
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


@sets
@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_and_other_rows_change_no_bit_of_a_model(poolings, bidirectional):
    X, y = ragged()
    padded = np.full((N, STEPS + 3, 2), np.nan)
    for row, x in zip(padded, X, strict=True):
        row[2 : 2 + len(x)] = x
    model = regressor(poolings, bidirectional=bidirectional).fit(X, y)
    assert_same_weights(regressor(poolings, bidirectional=bidirectional).fit(padded, y), model)
    expected = model.predict(X)
    assert_same_numbers(model.predict(padded), expected)
    assert_same_numbers(np.concatenate([model.predict([x]) for x in X]), expected)
    assert_same_numbers(model.predict(X[::-1]), expected[::-1])


@sets
def test_contract_of_the_training(poolings):
    X, y = ragged()
    model = regressor(poolings, lr_schedule="constant").fit(X, y)
    parts = regressor(poolings).partial_fit(X, y).partial_fit(X, y)
    assert_same_weights(parts, model)
    rows = np.repeat(np.arange(N), 1 + (np.arange(N) < 4))
    weighted = regressor(poolings).fit(X, y, sample_weight=1.0 + (np.arange(N) < 4))
    assert_same_weights(regressor(poolings).fit([X[i] for i in rows], y[rows]), weighted)


def test_list_and_tuple_are_the_same_and_are_not_changed():
    X, y = ragged()
    pooling = ["mean", "last"]
    model = regressor(pooling).fit(X, y)
    assert model.pooling is pooling and pooling == ["mean", "last"]
    assert_same_weights(regressor(("mean", "last")).fit(X, y), model)
    assert_same_weights(clone(model).fit(X, y), model)
    assert_same_weights(regressor(["max"]).fit(X, y), regressor("max").fit(X, y))


def test_search_over_poolings():
    X, y = ragged()
    search = GridSearchCV(regressor("last"), {"pooling": SETS}, cv=2, error_score="raise")
    assert np.isfinite(search.fit(X, y).cv_results_["mean_test_score"]).all()


def test_training_does_not_go_on_with_another_pooling():
    X, y = ragged()
    model = regressor(["last", "max"], warm_start=True).fit(X, y)
    expected = model.predict(X)
    with pytest.raises(ValueError, match="cannot go on from the fitted network: pooling is"):
        model.set_params(pooling=["last"]).fit(X, y)
    assert_array_equal(model.predict(X), expected)
    assert model.set_params(pooling=("last", "max")).fit(X, y).n_epochs_ == 4


@pytest.mark.parametrize(
    "wrong",
    [[], "first", ["first"], ["last", "last"], [["last"]], [None], None, 3, "input", ["input"]],
    ids=repr,
)
@pytest.mark.parametrize("estimator", [LSTMRegressor, LSTMClassifier])
def test_wrong_poolings_are_named(wrong, estimator):
    X, y = ragged()
    with pytest.raises(ValueError, match=f"The 'pooling' parameter of {estimator.__name__} must"):
        estimator(5, pooling=wrong).fit(X, y > 0)


@pytest.mark.parametrize("estimator", [LSTMRegressor, LSTMClassifier])
def test_what_returns_sequences_pools_nothing(estimator):
    X, _ = ragged()
    y = [x[:, 0] > 0 for x in X]
    assert estimator(5, return_sequences=True, max_epochs=1).fit(X, y).net_.module_.pooling is None
    with pytest.raises(ValueError, match=r"'pooling' parameter .* return_sequences=True"):
        estimator(5, return_sequences=True, pooling=["attention"]).fit(X, y)


# ---------------------------------------------------------------- the input beside the hidden state


@pytest.mark.parametrize("embedding_size", [None, 3])
def test_head_sees_the_last_real_step_of_the_input(embedding_size):
    if embedding_size is None:
        X, y = ragged()
    else:
        X = [np.arange(1 + i % STEPS) % 4 for i in range(N)]
        y = np.arange(N)
    options = {"embedding_size": embedding_size, "max_epochs": 1}
    beside = regressor(["last", "input"], **options).fit(X, y).net_.module_.eval()
    assert beside.head.in_features == 5 + (embedding_size or 2)
    with torch.no_grad():
        beside.head.weight[:, :5] = 0.0
    device = beside.x_mean.device
    for x in (torch.as_tensor(x, device=device) for x in X):
        last = x[-1]
        if embedding_size is None:
            z = ((last - beside.x_mean) / beside.x_scale).float()
        else:
            z = beside.embedding.weight[last]
        expected = beside.head.weight[0, 5:] @ z + beside.head.bias[0]
        steps = x.reshape(1, len(x), -1).double()
        longer = torch.cat([steps, torch.ones_like(steps)], dim=1)
        output = beside(longer, torch.tensor([len(x)], device=device))
        assert_close(output[0, 0], expected.double() * beside.y_scale[0] + beside.y_mean[0])


def test_input_starts_without_weight():
    X, y = ragged()
    start = regressor(["last", "input"], max_epochs=1, learning_rate=1e-30).fit(X, y)
    without = regressor("last", max_epochs=1, learning_rate=1e-30).fit(X, y)
    weight = start.net_.module_.head.weight
    assert (weight[:, 5:].abs() < 1e-20).all()
    assert (weight[:, :5] != 0).all()
    assert without.net_.module_.head.in_features == 5


def test_input_makes_a_linear_trend_easy():
    X = np.random.default_rng(0).normal(size=(60, STEPS, 2))
    y = X[:, -1] @ [3.0, -1.0]
    options = {"max_epochs": 30, "learning_rate": 0.05, "dropout": 0.0}
    with_input = regressor(["last", "input"], **options).fit(X, y)
    assert with_input.score(X, y) > 0.95
    # Unlike the hidden state, the input has no bound.
    assert with_input.predict(100 * X[:5]) == pytest.approx(100 * y[:5], rel=0.5, abs=50)
