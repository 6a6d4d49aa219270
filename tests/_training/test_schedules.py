"""Schedules against torch's own and by hand, and what the estimators do with them."""

import math
import pickle
import warnings

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from plain import PLAIN
from skorch.callbacks import Callback
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm._training import SCHEDULES
from sklstm._training._schedules import cosine, make_schedule, one_cycle

schedules = pytest.mark.parametrize("name", SCHEDULES)
SMALL = PLAIN | {"learning_rate": 0.01, "batch_size": 8, "max_epochs": 3, "random_state": 0}


def optimizer_of(learning_rate=0.5, n_groups=2):
    groups = [{"params": [torch.nn.Parameter(torch.zeros(2))]} for _ in range(n_groups)]
    optimizer = torch.optim.SGD(groups, lr=learning_rate)
    for group in optimizer.param_groups:
        group["initial_lr"] = learning_rate
    return optimizer


def rates_of(name, n_steps, learning_rate=0.5):
    """The rate of each step of a run."""
    optimizer = optimizer_of(learning_rate)
    schedule = make_schedule(optimizer, name, n_steps, patience=3)
    rates = []
    for _ in range(n_steps):
        first, second = (group["lr"] for group in optimizer.param_groups)
        assert first == second
        rates.append(first)
        schedule.end_batch()
    return rates


def rates_of_torch(make, n_steps, learning_rate=0.5):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(2))], lr=learning_rate)
    scheduler, rates = make(optimizer), []
    for _ in range(n_steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


# ---------------------------------------------------------------- values


@pytest.mark.parametrize("n_steps", [1, 2, 7, 100])
def test_cosine_equals_that_of_torch(n_steps):
    theirs = rates_of_torch(lambda optimizer: CosineAnnealingLR(optimizer, n_steps), n_steps)
    assert_allclose(rates_of("cosine", n_steps), theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("n_steps", [10, 30, 1000])
def test_one_cycle_equals_that_of_torch(n_steps):
    # torch counts the rate after the last step, 0 here, as a step, and ends the climb one earlier.
    def one_cycle_of_torch(optimizer):
        return OneCycleLR(
            optimizer,
            max_lr=0.5,
            total_steps=n_steps + 1,
            pct_start=(0.3 * n_steps + 1) / (n_steps + 1),
            div_factor=25,
            final_div_factor=math.inf,
            cycle_momentum=False,
        )

    theirs = rates_of_torch(one_cycle_of_torch, n_steps)
    assert_allclose(rates_of("one_cycle", n_steps), theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("n_steps", [1, 2, 3, 4, 50])
@pytest.mark.parametrize("name", ["one_cycle", "cosine"])
def test_no_step_has_rate_zero_or_more_than_the_learning_rate(name, n_steps):
    rates = rates_of(name, n_steps)
    assert min(rates) > 0
    assert max(rates) <= 0.5


def test_shape_of_the_schedules():
    assert [cosine(x) for x in (0, 0.5, 1)] == pytest.approx([1, 0.5, 0])
    assert [one_cycle(x) for x in (0, 0.15, 0.3, 0.65, 1)] == pytest.approx([0.04, 0.52, 1, 0.5, 0])
    shares = [one_cycle(x) for x in np.linspace(0, 1, 1001)]
    assert (np.diff(shares[:301]) > 0).all()
    assert (np.diff(shares[300:]) < 0).all()


def test_constant_leaves_the_optimizer_alone():
    assert rates_of("constant", 5) == [0.5] * 5


@pytest.mark.parametrize("name", ["one_cycle", "cosine"])
def test_steps_beyond_the_plan_have_the_last_rate(name):
    optimizer = optimizer_of()
    schedule = make_schedule(optimizer, name, 4, patience=3)
    for _ in range(20):
        schedule.end_batch()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0, abs=1e-15)


# ---------------------------------------------------------------- plateau


def plateau_rates(losses, patience, name="train_loss"):
    """The rate after each epoch."""
    optimizer, rates = optimizer_of(1.0), []
    schedule = make_schedule(optimizer, "plateau", 99, patience)
    for loss in losses:
        schedule.end_batch()
        schedule.end_epoch({name: loss})
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


def test_plateau_falls_after_as_many_epochs_without_improvement_as_it_is_patient():
    assert plateau_rates([1, 1, 1, 1, 1, 1, 1], 3) == pytest.approx([1, 1, 1, 0.1, 0.1, 0.1, 0.01])
    assert plateau_rates([1, 2, 2, 0.9, 2, 2, 0.8], 3) == [1] * 7
    assert plateau_rates([3, 2, 1, 2, 3], 1) == pytest.approx([1, 1, 1, 0.1, 0.01])


def test_smallest_improvement_counts():
    losses = [1 - i * 1e-7 for i in range(20)]
    assert plateau_rates(losses, 1) == [1] * 20


def test_plateau_looks_at_the_validation_loss():
    optimizer = optimizer_of(1.0)
    schedule = make_schedule(optimizer, "plateau", 99, 2)
    for epoch in range(3):
        schedule.end_epoch({"train_loss": 1.0 / (1 + epoch), "valid_loss": 1.0 + epoch})
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1)


def expected_plateau(losses, patience, learning_rate):
    """The rate during each epoch, by hand."""
    rates, best, since = [learning_rate], math.inf, 0
    for loss in losses:
        since = 0 if loss < best else since + 1
        best = min(best, loss)
        if since == patience:
            learning_rate, since = learning_rate / 10, 0
        rates.append(learning_rate)
    return rates[:-1]


# ---------------------------------------------------------------- estimators


class Rates(Callback):
    """The learning rate of each step and the epochs' ends."""

    def initialize(self):
        self.rates_, self.per_epoch_ = [], []
        return self

    def on_grad_computed(self, net, **kwargs):
        self.rates_.append(net.optimizer_.param_groups[0]["lr"])

    def on_epoch_end(self, net, **kwargs):
        self.per_epoch_.append(len(self.rates_))


def data(n=30, seed=0):
    X = np.random.default_rng(seed).normal(size=(n, 5, 2))
    return X, X[:, -1, 0]


def regressor(**params):
    defaults = SMALL | {"max_epochs": 4, "batch_size": 7, "callbacks": [Rates()]}
    return LSTMRegressor(4, **(defaults | params))


def seen(model):
    return dict(model.net_.callbacks_)["Rates"]


@pytest.mark.parametrize("n", [1, 5, 7, 8, 30])
@pytest.mark.parametrize("name", ["one_cycle", "cosine"])
def test_rates_of_a_fit_follow_the_schedule_to_the_last_step(name, n):
    model = regressor(lr_schedule=name, learning_rate=0.02).fit(*data(n))
    rates = seen(model).rates_
    assert len(rates) == 4 * math.ceil(n / 7)
    assert_allclose(rates, rates_of(name, len(rates), 0.02), rtol=1e-12)


def test_repeated_rows_take_part_in_the_plan():
    X, y = data(3)
    model = regressor(lr_schedule="cosine").fit(X, y, sample_weight=[50, 50, 50])
    rates = seen(model).rates_
    assert len(rates) > 4
    assert_allclose(rates, rates_of("cosine", len(rates), 0.01), rtol=1e-12)


def test_early_stopping_cuts_the_plan_of_max_epochs():
    X, _ = data()
    y = np.random.default_rng(1).normal(size=len(X))  # nothing to learn: it stops early
    model = regressor(
        lr_schedule="cosine", early_stopping=True, n_iter_no_change=2, max_epochs=200
    ).fit(X, y)
    assert model.n_epochs_ < 100
    steps = math.ceil(27 / 7)
    rates = seen(model).rates_
    assert len(rates) == steps * model.n_epochs_
    assert_allclose(rates, rates_of("cosine", 200 * steps, 0.01)[: len(rates)], rtol=1e-12)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_plateau_of_a_fit(early_stopping):
    X, _ = data()
    y = np.random.default_rng(1).normal(size=len(X))
    model = regressor(
        lr_schedule="plateau",
        early_stopping=early_stopping,
        learning_rate=0.3,
        optimizer="sgd",
        n_iter_no_change=6,
        max_epochs=25,
    ).fit(X, y)
    losses = [row["valid_loss" if early_stopping else "train_loss"] for row in model.history_]
    rates = [seen(model).rates_[end - 1] for end in seen(model).per_epoch_]
    assert_allclose(rates, expected_plateau(losses, 3, 0.3), rtol=1e-9)
    assert rates[-1] < 0.3


def test_plateau_comes_before_early_stopping():
    X, _ = data()
    y = np.random.default_rng(1).normal(size=len(X))
    for patience in (2, 3, 10):
        model = regressor(
            lr_schedule="plateau", early_stopping=True, n_iter_no_change=patience, max_epochs=300
        ).fit(X, y)
        rates = seen(model).rates_
        assert model.n_epochs_ < 300
        assert rates[-1] < rates[0]


@schedules
def test_warm_start_begins_the_schedule_anew(name):
    model = regressor(lr_schedule=name, warm_start=True)
    first = seen(model.fit(*data())).rates_
    second = seen(model.fit(*data())).rates_
    assert_allclose(second, first, rtol=1e-12)
    assert model.n_epochs_ == 8


@schedules
def test_partial_fit_keeps_the_rate(name):
    model = regressor(lr_schedule=name, learning_rate=0.02).partial_fit(*data())
    assert seen(model).rates_ == [0.02] * 5
    assert seen(model.partial_fit(*data())).rates_ == [0.02] * 5
    fitted = regressor(lr_schedule=name, learning_rate=0.02).fit(*data())
    assert seen(fitted.partial_fit(*data())).rates_ == [0.02] * 5


@schedules
def test_partial_fit_equals_a_fit_with_the_constant_schedule(name):
    X, y = data()
    parts = regressor(lr_schedule=name, callbacks=None)
    for _ in range(3):
        parts.partial_fit(X, y)
    whole = regressor(lr_schedule="constant", max_epochs=3, callbacks=None).fit(X, y)
    assert_array_equal(parts.predict(X), whole.predict(X))


@schedules
def test_sample_weight_two_equals_the_row_twice(name):
    X, y = data(20)
    weights = np.ones(20)
    weights[:6] = 2
    repeated = np.repeat(np.arange(20), weights.astype(int))
    weighted = regressor(lr_schedule=name, callbacks=None).fit(X, y, sample_weight=weights)
    twice = regressor(lr_schedule=name, callbacks=None).fit(X[repeated], y[repeated])
    assert_array_equal(weighted.predict(X), twice.predict(X))


@schedules
@pytest.mark.parametrize(
    "optimizer", ["adamw", "adam", "rmsprop", "sgd", torch.optim.LBFGS, torch.optim.NAdam]
)
def test_every_optimizer_trains_with_every_schedule(name, optimizer):
    X, y = data()
    searching = optimizer is torch.optim.LBFGS  # needs the whole gradient
    batches = {"batch_size": 30, "max_epochs": 3} if searching else {}
    model = regressor(lr_schedule=name, optimizer=optimizer, **batches).fit(X, y)
    losses = [row["train_loss"] for row in model.history_]
    assert losses[-1] < losses[0]


def test_schedules_give_different_models_and_the_same_seed_the_same():
    X, y = data()
    predictions = [
        regressor(lr_schedule=name, callbacks=None).fit(X, y).predict(X) for name in SCHEDULES[:3]
    ]
    for i, one in enumerate(predictions):
        for other in predictions[:i]:
            assert not np.array_equal(one, other)
    again = regressor(lr_schedule="one_cycle", callbacks=None).fit(X, y).predict(X)
    assert_array_equal(again, predictions[SCHEDULES.index("one_cycle")])


def test_one_step_of_training_in_all():
    for name in SCHEDULES:
        model = regressor(lr_schedule=name, max_epochs=1, batch_size=99).fit(*data())
        (rate,) = seen(model).rates_
        assert 0 < rate <= 0.01


@schedules
def test_fitted_model_with_a_schedule_is_pickled_and_goes_on(name):
    X, y = data()
    model = regressor(lr_schedule=name, warm_start=True, callbacks=None).fit(X, y)
    copy = pickle.loads(pickle.dumps(model))
    assert_array_equal(copy.predict(X), model.predict(X))
    assert copy.fit(X, y).n_epochs_ == 8


def test_torch_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in SCHEDULES:
            LSTMClassifier(4, lr_schedule=name, max_epochs=2).fit(data()[0], np.arange(30) % 2)


@pytest.mark.parametrize("wrong", ["step", "", None, 3, "Cosine"])
def test_other_names_are_refused(wrong):
    with pytest.raises(ValueError, match="'lr_schedule' parameter of LSTMRegressor"):
        regressor(lr_schedule=wrong).fit(*data())
