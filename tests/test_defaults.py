"""What the defaults decide by the data: batch size, direction, poolings, decay."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from plain import PLAIN
from rounding import ON_GPU
from skorch.callbacks import Callback, Freezer

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm._training._batches import resolve_batch_size

TINY = {"hidden_size": 4, "max_epochs": 3, "random_state": 0}


def data(n=40, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 6, 2))
    return X, X[:, -1, 0] - X[:, 0, 1]


@pytest.mark.parametrize(
    ("n_rows", "size"),
    [(1, 4), (39, 4), (50, 5), (199, 19), (320, 32), (1319, 32), (2000, 50), (10_000, 128)],
)
def test_auto_batch_size_grows_with_the_rows_within_bounds(n_rows, size):
    assert resolve_batch_size("auto", n_rows) == size
    assert resolve_batch_size(7, n_rows) == 7


@pytest.mark.parametrize("estimator_class", [LSTMRegressor, LSTMClassifier])
def test_weights_stand_for_repetitions_with_all_defaults(estimator_class):
    X, y = data()
    y = y if estimator_class is LSTMRegressor else (y > 0)
    weight = np.random.default_rng(1).integers(0, 3, size=len(X))
    weighted = estimator_class(**TINY).fit(X, y, sample_weight=weight)
    repeated = estimator_class(**TINY).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    assert_array_equal(weighted.predict(X), repeated.predict(X))


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_few_rows_are_enough(n):
    X, y = data(n)
    assert np.isfinite(LSTMRegressor().fit(X, y).predict(X)).all()
    if n > 1:
        labels = np.arange(n) % 2
        assert set(LSTMClassifier().fit(X, labels).predict(X)) <= {0, 1}


def test_constant_features_and_targets_are_harmless():
    X, _ = data()
    X[:, :, 1] = 1e6
    assert_allclose(LSTMRegressor(**TINY).fit(X, np.full(40, 7.0)).predict(X), 7.0, atol=0.5)
    labels = X[:, -1, 0] > 0
    assert np.isfinite(LSTMClassifier(**TINY).fit(X, labels).predict_proba(X)).all()


def directions(model):
    return 1 + model.net_.module_.recurrent.bidirectional


def test_the_classifier_reads_both_ways_unless_steps_are_labelled():
    X, y = data()
    assert directions(LSTMClassifier(**TINY).fit(X, y > 0)) == 2
    assert directions(LSTMClassifier(bidirectional=False, **TINY).fit(X, y > 0)) == 1
    steps = X.cumsum(axis=1)[:, :, 0] > 0
    model = LSTMClassifier(return_sequences=True, **TINY).fit(X, steps)
    assert directions(model) == 1
    # so no prediction depends on later steps
    later = X.copy()
    later[:, 4:] += 5.0
    assert_array_equal(model.predict_proba(later)[:, :4], model.predict_proba(X)[:, :4])
    both = LSTMClassifier(return_sequences=True, bidirectional=True, **TINY).fit(X, steps)
    assert directions(both) == 2
    assert (both.predict_proba(later)[:, :4] != both.predict_proba(X)[:, :4]).any()


def test_the_regressor_takes_no_auto_direction():
    X, y = data()
    with pytest.raises(ValueError, match="'bidirectional' parameter of LSTMRegressor must be"):
        LSTMRegressor(bidirectional="auto").fit(X, y)


# ---------------------------------------------------------------- pooling "input"


@pytest.mark.parametrize("ragged", [False, True])
def test_input_is_the_last_real_step_seen_by_the_head(ragged):
    X, y = data()
    X = [x[: 2 + i % 5] for i, x in enumerate(X)] if ragged else list(X)
    model = LSTMRegressor(pooling=["max", "input"], standardize=False, **TINY).fit(X, y)
    network = model.net_.module_
    expected = []
    for x in X:
        x = torch.tensor(x, dtype=torch.float32, device=network.x_mean.device)[None]
        with torch.no_grad():
            features = torch.cat([network.recurrent(x, None).amax(1), x[:, -1]], dim=1)
            expected.append(network.head(features).item())
    assert_allclose(model.predict(X), expected, rtol=1e-4, atol=1e-5)


def test_input_starts_without_effect():
    X, y = data()
    model = LSTMRegressor(pooling=["max", "input"], **TINY)
    model.set_params(optimizer="sgd", learning_rate=1e-30).fit(X, y)
    assert (model.net_.module_.head.weight[:, 4:].abs() < 1e-20).all()
    assert (model.net_.module_.head.weight[:, :4] != 0).all()


@pytest.mark.parametrize(
    "pooling", ["input", ["input"], ["last", "last"], [], ["last", "first"], [3], "first"]
)
def test_bad_pooling(pooling):
    X, y = data()
    with pytest.raises(ValueError, match="'pooling' parameter of LSTMRegressor"):
        LSTMRegressor(pooling=pooling).fit(X, y)


def test_input_and_max_follow_a_level_beyond_the_training_range():
    rng = np.random.default_rng(0)
    walks = rng.normal(size=(200, 12, 1)).cumsum(axis=1)
    shifted = walks[:50] + 30.0
    errors = {}
    for pooling in ("last", ("last", "input")):
        model = LSTMRegressor(16, pooling=pooling, max_epochs=30, random_state=0)
        model.fit(walks, walks[:, -1, 0])
        errors[pooling] = np.abs(model.predict(shifted) - shifted[:, -1, 0]).mean()
    assert errors["last", "input"] < 0.5 * errors["last"]


# ---------------------------------------------------------------- weight decay


@pytest.mark.parametrize("weight_decay", [0.0, 0.5])
def test_decay_equals_that_of_adamw(weight_decay):
    X, y = data()
    fixed = PLAIN | TINY | {"batch_size": 40, "clip_norm": None, "weight_decay": weight_decay}
    model = LSTMRegressor(**fixed).fit(X, y)
    twin = LSTMRegressor(**(fixed | {"learning_rate": 1e-30, "max_epochs": 1})).fit(X, y)
    network = twin.net_.module_  # as it was initialised
    groups = [
        {"params": [p for p in network.parameters() if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in network.parameters() if p.ndim == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=0.01)
    device = network.x_mean.device
    x = network.standardize(torch.tensor(X, device=device))
    target = torch.tensor((y - y.mean()) / y.std(), dtype=torch.float32, device=device)
    network.train()
    for _ in range(3):
        optimizer.zero_grad()
        (network.encode(x)[:, 0] - target).square().mean().backward()
        optimizer.step()
    for ours, theirs in zip(model.net_.module_.parameters(), network.parameters(), strict=True):
        assert_allclose(ours.detach().cpu(), theirs.detach().cpu(), rtol=1e-3, atol=1e-5)


def test_decay_never_turns_the_weights_around():
    X, y = data()
    fixed = PLAIN | TINY | {"optimizer": "sgd", "learning_rate": 3.0, "weight_decay": 1.0}
    network = LSTMRegressor(**fixed).fit(X, y).net_.module_
    assert all(p.abs().max() < 10 for p in network.parameters() if p.ndim > 1)


def test_an_optimizer_class_decays_nothing_by_itself():
    class Own(torch.optim.AdamW):
        def __init__(self, params, **options):
            super().__init__(params, **options)

    X, y = data()
    model = LSTMRegressor(optimizer=Own, weight_decay=0.0, **TINY).fit(X, y)
    assert [group["weight_decay"] for group in model.net_.optimizer_.param_groups] == [0.0]


# ---------------------------------------------------------------- what callbacks and callers do


def test_a_callback_that_sets_the_learning_rate_is_not_overruled():
    class Stop(Callback):
        def on_epoch_begin(self, net, **kwargs):
            for group in net.optimizer_.param_groups:
                group["lr"] = 1e-30

    X, y = data()
    still = LSTMRegressor(callbacks=[Stop()], **TINY).fit(X, y)
    first = LSTMRegressor(**(TINY | {"learning_rate": 1e-30})).fit(X, y)
    # The schedule sets the rate of the first batch before the callback, and then no more.
    assert_allclose(still.predict(X), first.predict(X), atol=0.05)


def test_weights_that_are_frozen_later_stay():
    X, y = data()
    model = LSTMRegressor(warm_start=True, **TINY).fit(X, y)
    before = model.net_.module_.recurrent.forward_layers[0].lstm.weight_hh_l0.detach().clone()
    model.set_params(callbacks=[Freezer("recurrent*", at=lambda net: True)]).fit(X, y)
    after = model.net_.module_.recurrent.forward_layers[0].lstm.weight_hh_l0
    assert torch.equal(before, after)


@pytest.mark.parametrize("cell", ["lstm", "peephole"])
def test_the_mixed_precision_of_the_caller_changes_nothing(cell):
    X, y = data()
    outside = LSTMRegressor(cell=cell, **TINY).fit(X, y)
    with torch.autocast("cuda" if ON_GPU else "cpu", dtype=torch.bfloat16):
        inside = LSTMRegressor(cell=cell, **TINY).fit(X, y)
        assert_array_equal(inside.predict(X), outside.predict(X))


def test_partial_fit_keeps_the_shape_of_the_first_targets():
    X, y = data()
    model = LSTMRegressor(**TINY).partial_fit(X, y).partial_fit(X, y[:, None])
    assert model.predict(X).shape == y.shape


def test_a_module_without_anything_to_train_is_a_clear_error():
    X, y = data()
    with pytest.raises(ValueError, match="'module' parameter must have a parameter that requires"):
        LSTMRegressor(module=lambda n_features, n_outputs, seed: torch.nn.Identity()).fit(X, y)
