"""Training: weights, optimizers, resuming, early stopping, callbacks, Ctrl-C, divergence."""

import copy
import os
import pickle
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from plain import PLAIN
from sklearn.base import clone
from sklearn.callback import ProgressBar as SklearnProgressBar
from sklearn.callback import ScoringMonitor
from sklearn.metrics import get_scorer, r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from skorch.callbacks import (
    BatchScoring,
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    Freezer,
    GradientNormClipping,
    LRScheduler,
    PrintLog,
    ProgressBar,
    TrainEndCheckpoint,
)

from sklstm import LSTMClassifier, LSTMRegressor

ROOT = Path(__file__).parents[1]
N, STEPS, FEATURES = 30, 5, 2


def make_X(n=N, kind="3-D", seed=0):
    X = np.random.default_rng(seed).normal(size=(n, STEPS, FEATURES))
    if kind == "2-D":
        return X.reshape(n, -1)
    if kind == "ragged":
        return [x[: 2 + i % 4] for i, x in enumerate(X)]
    if kind == "padded":
        for i, x in enumerate(X):
            x[: i % 3] = np.nan
            x[STEPS - i % 2 :] = np.nan
    return X


def make_y(n=N, kind="number", seed=0):
    rng = np.random.default_rng(seed + 100)
    return {
        "number": lambda: rng.normal(size=n),
        "numbers": lambda: rng.normal(size=(n, 3)),
        "binary": lambda: np.arange(n) % 2,
        "labels": lambda: np.array(["a", "b", "c"])[np.arange(n) % 3],
        "multilabel": lambda: rng.integers(0, 2, size=(n, 3)),
    }[kind]()


def easy_problem(n=60, seed=0):
    """A linear function of the last step: a small network learns it in a few epochs."""
    X = np.random.default_rng(seed).normal(size=(n, STEPS, FEATURES))
    return X, X[:, -1] @ [1.0, -0.5]


def take(X, rows):
    return [X[i] for i in rows] if isinstance(X, list) else X[rows]


def regressor(**params):
    fixed = {"hidden_size": 4, "max_epochs": 3, "random_state": 0}
    return LSTMRegressor(**(PLAIN | fixed | params))


def classifier(**params):
    fixed = {"hidden_size": 4, "max_epochs": 3, "random_state": 0}
    return LSTMClassifier(**(PLAIN | fixed | params))


def weights_of(model):
    return {name: w.cpu().numpy().copy() for name, w in model.net_.module_.state_dict().items()}


def losses_of(model):
    return [{k: v for k, v in row.items() if k != "dur"} for row in model.history_]


def outputs_of(model, X):
    return model.decision_function(X) if hasattr(model, "classes_") else model.predict(X)


def assert_same_model(one, two):
    """Equal to the last bit: weights, scaling, losses, classes."""
    first, second = weights_of(one), weights_of(two)
    assert first.keys() == second.keys()
    for name in first:
        assert_array_equal(first[name], second[name], err_msg=name, strict=True)
    assert losses_of(one) == losses_of(two)
    assert one.n_epochs_ == two.n_epochs_
    if hasattr(one, "classes_"):
        assert_array_equal(one.classes_, two.classes_, strict=True)


def assert_different_weights(one, two):
    first, second = weights_of(one), weights_of(two)
    assert any(not np.array_equal(first[name], second[name]) for name in first)


def callback_of(model, kind):
    """The copy of a callback that fit worked with."""
    (found,) = [cb for _, cb in model.net_.callbacks_ if isinstance(cb, kind)]
    return found


class Watch(Callback):
    """Records what a callback is told, and the weights at the end of each epoch."""

    def initialize(self):
        self.events_, self.weights_, self.valid_rows_, self.train_rows_ = [], [], None, None
        return self

    def on_train_begin(self, net, **kwargs):
        self.events_.append("train begin")

    def on_train_end(self, net, **kwargs):
        self.events_.append("train end")

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        self.events_.append("epoch end")
        self.train_rows_ = dataset_train.rows.copy()
        self.valid_rows_ = None if dataset_valid is None else dataset_valid.rows.copy()
        self.weights_.append({k: w.cpu().clone() for k, w in net.module_.state_dict().items()})


class CountBatches(Callback):
    def initialize(self):
        self.begun_ = {True: 0, False: 0}
        self.ended_ = {True: 0, False: 0}
        self.gradients_ = 0
        return self

    def on_batch_begin(self, net, batch=None, training=None, **kwargs):
        self.begun_[training] += 1

    def on_batch_end(self, net, batch=None, training=None, **kwargs):
        self.ended_[training] += 1

    def on_grad_computed(self, net, named_parameters, **kwargs):
        self.gradients_ += 1


class RaiseAt(Callback):
    """Raises an exception once, at an event of the given epoch."""

    def __init__(self, epoch, exception=KeyboardInterrupt, event="epoch_end"):
        self.epoch = epoch
        self.exception = exception
        self.event = event

    def _raise(self, net, event):
        if event == self.event and net.history[-1, "epoch"] == self.epoch:
            raise self.exception("by the test")

    def on_epoch_begin(self, net, **kwargs):
        self._raise(net, "epoch_begin")

    def on_epoch_end(self, net, **kwargs):
        self._raise(net, "epoch_end")

    def on_batch_end(self, net, training=None, **kwargs):
        self._raise(net, "train_batch_end" if training else "valid_batch_end")


# ---------------------------------------------------------------------------- sample weights

WEIGHT_CASES = {
    "3-D": (regressor(), "3-D", "number"),
    "2-D": (regressor(), "2-D", "number"),
    "2-D, time steps": (regressor(n_timesteps=STEPS), "2-D", "number"),
    "ragged": (regressor(), "ragged", "number"),
    "padded": (regressor(), "padded", "number"),
    "minibatches": (regressor(batch_size=4), "3-D", "number"),
    "ragged minibatches": (regressor(batch_size=2), "ragged", "number"),
    "clipping": (regressor(batch_size=4, clip_norm=0.01), "3-D", "number"),
    "no clipping": (regressor(batch_size=4, clip_norm=None), "3-D", "number"),
    "dropout": (regressor(num_layers=2, dropout=0.4, batch_size=8), "3-D", "number"),
    "bidirectional": (regressor(bidirectional=True), "3-D", "number"),
    "bidirectional ragged dropout": (
        regressor(bidirectional=True, num_layers=2, dropout=0.4, batch_size=8),
        "ragged",
        "number",
    ),
    "mean pooling": (regressor(pooling="mean", batch_size=8), "ragged", "number"),
    "not standardized": (regressor(standardize=False), "3-D", "number"),
    "absolute error": (regressor(loss="absolute_error", batch_size=8), "3-D", "number"),
    "early stopping": (
        regressor(early_stopping=True, validation_fraction=0.3, batch_size=4),
        "3-D",
        "number",
    ),
    "early stopping ragged": (regressor(early_stopping=True, max_epochs=5), "ragged", "number"),
    "several outputs": (regressor(batch_size=8), "3-D", "numbers"),
    "sgd": (regressor(optimizer="sgd", batch_size=8), "3-D", "number"),
    "LBFGS": (regressor(optimizer=torch.optim.LBFGS, learning_rate=0.1), "3-D", "number"),
    "binary": (classifier(batch_size=8), "3-D", "binary"),
    "labels": (classifier(batch_size=8), "ragged", "labels"),
    "balanced": (classifier(class_weight="balanced", batch_size=8), "3-D", "labels"),
    "class weights": (classifier(class_weight={"a": 1, "b": 3, "c": 0.3}), "3-D", "labels"),
    "stratified early stopping, balanced": (
        classifier(early_stopping=True, validation_fraction=0.3, class_weight="balanced"),
        "3-D",
        "labels",
    ),
    "multilabel": (classifier(batch_size=8), "3-D", "multilabel"),
    "multilabel early stopping": (classifier(early_stopping=True), "ragged", "multilabel"),
}
weight_cases = pytest.mark.parametrize(
    "model, X_kind, y_kind", WEIGHT_CASES.values(), ids=WEIGHT_CASES.keys()
)


@weight_cases
def test_a_sample_weight_equals_repetition(model, X_kind, y_kind):
    X, y = make_X(kind=X_kind), make_y(kind=y_kind)
    rng = np.random.default_rng(1)
    weight = rng.integers(0, 4, size=N)
    assert set(weight) == {0, 1, 2, 3}
    repeated = rng.permutation(np.repeat(np.arange(N), weight))
    weighted = clone(model).fit(X, y, sample_weight=weight)
    assert_same_model(weighted, clone(model).fit(take(X, repeated), y[repeated]))
    # Without weights it is another model, so the weights are not ignored.
    assert_different_weights(weighted, clone(model).fit(X, y))


@weight_cases
def test_weight_zero_equals_removal(model, X_kind, y_kind):
    X, y = make_X(kind=X_kind), make_y(kind=y_kind)
    weight = np.random.default_rng(2).integers(0, 2, size=N).astype(float)
    kept = np.flatnonzero(weight)
    assert 0 < len(kept) < N
    weighted = clone(model).fit(X, y, sample_weight=weight)
    assert_same_model(weighted, clone(model).fit(take(X, kept), y[kept]))
    # weight 1 is no weight
    unweighted = clone(model).fit(X, y)
    assert_same_model(unweighted, clone(model).fit(X, y, sample_weight=np.ones(N)))
    assert_different_weights(weighted, unweighted)


@pytest.mark.parametrize("length", [1, STEPS - 1, STEPS + 3])
def test_weight_zero_removes_the_only_row_of_another_length(length):
    X, y = make_X(), make_y()
    model = regressor(batch_size=4)
    odd = [*X, np.ones((length, FEATURES))]
    weight = np.r_[np.ones(N), 0.0]
    weighted = clone(model).fit(odd, np.r_[y, 7.0], sample_weight=weight)
    assert_same_model(weighted, clone(model).fit(list(X), y))


def test_weight_zero_removes_a_very_long_row():
    X, y = make_X(200), make_y(200)
    long = np.ones((60_000, FEATURES))
    weighted = regressor().fit([*X, long], np.r_[y, 0.0], sample_weight=np.r_[np.ones(200), 0.0])
    assert_same_model(weighted, regressor().fit(list(X), y))


def test_weight_zero_removes_a_class():
    X, y = make_X(), make_y(kind="labels")
    model = classifier(class_weight="balanced").fit(X, y, sample_weight=y != "c")
    assert_array_equal(model.classes_, ["a", "b"])
    assert_same_model(model, classifier(class_weight="balanced").fit(X[y != "c"], y[y != "c"]))


def test_weight_zero_is_not_the_newest_row():
    X, y = make_X(), make_y()
    model = regressor(early_stopping=True, validation_split="last", validation_fraction=0.2)
    weight = np.r_[np.ones(N - 10), np.zeros(10)]
    weighted = clone(model).fit(X, y, sample_weight=weight)
    assert_same_model(weighted, clone(model).fit(X[: N - 10], y[: N - 10]))


@pytest.mark.parametrize("copies", [1, 20])
@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_a_common_factor_of_the_weights_does_not_hurt(factor, copies):
    X, y = easy_problem()
    X, y = np.repeat(X, copies, axis=0), np.repeat(y, copies)
    model = regressor(hidden_size=8, max_epochs=60).fit(X, y, sample_weight=np.full(len(X), factor))
    assert model.score(X, y) > 0.9


def test_relative_weights_decide_between_contradicting_rows():
    X = np.zeros((2, 3, 1))
    model = regressor(max_epochs=150).fit(X, [0.0, 1.0], sample_weight=[1, 3])
    assert_allclose(model.predict(X), 0.75, atol=0.02)


def test_distinct_rows_are_not_merged():
    values = np.array([0.0, 1.0, 2.0, -1.0])
    grid = np.stack(np.meshgrid(values, values, values, values, indexing="ij"), -1).reshape(-1, 4)
    X, y = grid[:, :3, None], grid[:, 3]
    watch = callback_of(regressor(max_epochs=1, callbacks=[Watch()]).fit(X, y), Watch)
    assert sorted(watch.train_rows_) == list(range(4**4))
    # a shorter sequence is not the longer one with zeros at its end
    ragged = [np.ones((1, 1)), np.array([[1.0], [0.0]]), np.array([[1.0], [0.0], [0.0]])]
    model = regressor(max_epochs=1, callbacks=[Watch()]).fit(ragged, [1.0, 1.0, 1.0])
    assert sorted(callback_of(model, Watch).train_rows_) == [0, 1, 2]


def test_equal_rows_are_merged():
    X = np.array([[0.0, 1.5], [-0.0, 1.5], [0.0, 1.5], [0.0, 1.25]])[:, :, None]
    for X_equal in (X, X.astype(np.float32), list(X)):
        model = regressor(max_epochs=1, callbacks=[Watch()]).fit(X_equal, [0.0, -0.0, 1.0, 0.0])
        assert len(callback_of(model, Watch).train_rows_) == 3


def plain_torch_r2(X, y, epochs, batch_size=32):
    """R² that an ordinary training loop reaches, without merging anything."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        lstm = torch.nn.LSTM(X.shape[2], 16, batch_first=True)
        head = torch.nn.Linear(16, 1)
        parameters = [*lstm.parameters(), *head.parameters()]
        optimizer = torch.optim.AdamW(parameters, lr=0.01, weight_decay=0.0)
        x, target = torch.tensor(X).float(), torch.tensor((y - y.mean()) / y.std()).float()
        for _ in range(epochs):
            for rows in torch.randperm(len(x)).split(batch_size):
                output = head(lstm(x[rows])[0][:, -1])[:, 0]
                optimizer.zero_grad()
                (output - target[rows]).square().mean().backward()
                torch.nn.utils.clip_grad_norm_(parameters, 1.0)
                optimizer.step()
        with torch.no_grad():
            return r2_score(target, head(lstm(x)[0][:, -1])[:, 0])


@pytest.mark.parametrize("kinds", [4, 32, 40])
def test_merging_does_not_starve_training(kinds):
    rng = np.random.default_rng(0)
    rows = rng.integers(0, kinds, 10_000)
    X, y = rng.normal(size=(kinds, 6, 2))[rows], rng.normal(size=kinds)[rows]
    model = regressor(hidden_size=16, max_epochs=4).fit(X, y)
    reached = plain_torch_r2(X, y, epochs=4)
    assert reached > 0.95
    assert model.score(X, y) > reached - 0.02


@pytest.mark.parametrize("kinds", [1, 2, 8, 31, 33, 200])
def test_merging_keeps_the_number_of_steps(kinds):
    # 1000 rows in batches of 32 are 32 steps, however many of them differ.
    rows = np.arange(1000) % kinds
    X, y = make_X(kinds)[rows], make_y(kinds)[rows]
    model = regressor(max_epochs=1, callbacks=[CountBatches()]).fit(X, y)
    assert 16 <= callback_of(model, CountBatches).ended_[True] <= 64


@pytest.mark.parametrize(("kind", "n_copies"), [("3-D", 1), ("ragged", 4)])
def test_rows_go_to_the_device_once_for_several_batches(kind, n_copies, monkeypatch):
    # A GPU would be waited for at each copy.
    copied, batches = [], []
    to = torch.Tensor.to

    class OneEpoch(Callback):
        def on_epoch_begin(self, net, dataset_train=None, **kwargs):
            with monkeypatch.context() as patch:
                patch.setattr(torch.Tensor, "to", lambda *args: copied.append(args) or to(*args))
                batches.extend(dataset_train.shuffled(torch.Generator()))

    regressor(max_epochs=1, batch_size=4, callbacks=[OneEpoch()]).fit(make_X(64, kind), make_y(64))
    assert len(batches) == 16
    assert len(copied) == n_copies


# ----------------------------------------------------------------- class weights and targets


@pytest.mark.parametrize(
    "class_weight, probability",
    [
        (None, 0.1),
        ("balanced", 0.5),
        ({"no": 1, "yes": 9}, 0.5),
        ({"no": 1, "yes": 3}, 0.25),
        ({"no": 0.5, "yes": 0.5}, 0.1),
    ],
)
def test_class_weight_of_two_classes(class_weight, probability):
    # All sequences are the same, so the best probability is known.
    X, y = np.ones((100, 3, 1)), np.array(["no"] * 90 + ["yes"] * 10)
    model = classifier(class_weight=class_weight, max_epochs=150, learning_rate=0.02).fit(X, y)
    assert_allclose(model.predict_proba(X)[:, 1], probability, atol=0.02)


@pytest.mark.parametrize(
    "class_weight, probabilities",
    [
        (None, [0.8, 0.15, 0.05]),
        ("balanced", [1 / 3, 1 / 3, 1 / 3]),
        ({0: 1, 1: 1, 2: 3}, [0.8 / 1.1, 0.15 / 1.1, 0.15 / 1.1]),
    ],
)
def test_class_weight_of_three_classes(class_weight, probabilities):
    X, y = np.ones((100, 3, 1)), np.repeat([0, 1, 2], [80, 15, 5])
    model = classifier(class_weight=class_weight, max_epochs=150, learning_rate=0.02).fit(X, y)
    assert_allclose(model.predict_proba(X[:1]), [probabilities], atol=0.02)


def test_balanced_finds_more_of_the_rare_class():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, STEPS, 1))
    y = (X[:, -1, 0] + rng.normal(size=200) > 2.0).astype(int)
    assert 0.02 < y.mean() < 0.15
    found = {}
    for class_weight in (None, "balanced"):
        model = classifier(class_weight=class_weight, max_epochs=15).fit(X, y)
        found[class_weight] = model.predict(X)[y == 1].mean()
    assert found["balanced"] > found[None] + 0.2


def test_class_weights_are_applied_to_the_validation_loss():
    X, y = np.ones((100, 3, 1)), np.repeat([0, 1], [90, 10])
    X = X + np.random.default_rng(0).normal(scale=1e-3, size=X.shape)
    model = classifier(
        class_weight="balanced", early_stopping=True, validation_fraction=0.3, max_epochs=1
    ).fit(X, y)
    probability = model.predict_proba(X)
    # An untrained network's balanced loss is near log 2 whatever the shares of the classes.
    rows = callback_of(clone(model).set_params(callbacks=[Watch()]).fit(X, y), Watch).valid_rows_
    factor = np.where(y == 1, 5.0, 5 / 9)[rows]
    loss = -np.log(probability[rows, y[rows]])
    assert_allclose(model.history_[0]["valid_loss"], np.average(loss, weights=factor), rtol=1e-4)


def test_several_outputs_are_learned_in_their_own_units():
    X, _ = easy_problem(n=100)
    y = np.c_[1e4 * X[:, -1, 0], 1e-4 * X[:, -1, 1] + 5.0, X[:, -1].sum(axis=1)]
    model = regressor(hidden_size=8, max_epochs=60).fit(X, y)
    scores = r2_score(y, model.predict(X), multioutput="raw_values")
    assert scores.shape == (3,)
    assert (scores > 0.9).all()


def test_multilabel_is_learned():
    X, _ = easy_problem(n=100)
    y = (np.c_[X[:, -1], X[:, -1].sum(axis=1)] > 0).astype(int)
    model = classifier(hidden_size=8, max_epochs=60, learning_rate=0.03).fit(X, y)
    assert (model.predict(X) == y).mean(axis=0).min() > 0.9


# -------------------------------------------------------------------------------- optimizers

OPTIMIZERS = [
    ("adamw", {}),
    ("adam", {}),
    ("rmsprop", {}),
    ("sgd", {"learning_rate": 0.05}),
    (torch.optim.NAdam, {}),
    (torch.optim.SGD, {"learning_rate": 0.3}),
    (torch.optim.LBFGS, {"learning_rate": 0.1, "batch_size": 64}),
]


@pytest.mark.parametrize("clip_norm", [1.0, None])
@pytest.mark.parametrize("weight_decay", [0.0, 1e-4])
@pytest.mark.parametrize("optimizer, params", OPTIMIZERS)
def test_optimizers(optimizer, params, weight_decay, clip_norm):
    X, y = easy_problem()
    model = regressor(optimizer=optimizer, weight_decay=weight_decay, clip_norm=clip_norm)
    model.set_params(max_epochs=20, **params)
    model.fit(X, y)
    losses = [row["train_loss"] for row in model.history_]
    assert losses[-1] < 0.5 * losses[0]
    name = optimizer if isinstance(optimizer, str) else optimizer.__name__.lower()
    assert type(model.net_.optimizer_).__name__.lower() == name


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "rmsprop", "sgd", torch.optim.NAdam])
def test_weight_decay_shrinks_the_matrices(optimizer):
    X, y = easy_problem()
    norms = []
    for weight_decay in (0.0, 3.0):
        model = regressor(optimizer=optimizer, weight_decay=weight_decay, max_epochs=20)
        module = model.fit(X, y).net_.module_
        norms.append(sum(p.detach().square().sum() for p in module.parameters() if p.ndim > 1))
    assert norms[1] < 0.7 * norms[0]


def test_weight_decay_spares_biases():
    X, y = np.zeros((8, 3, 1)), np.zeros(8)
    model = regressor(weight_decay=10.0, learning_rate=0.05, max_epochs=30).fit(X, y)
    parameters = dict(model.net_.module_.named_parameters())
    matrices = [p for p in parameters.values() if p.ndim > 1]
    assert all(p.abs().max() < 1e-3 for p in matrices)
    forget_biases = [p for p in parameters.values() if p.ndim == 1 and p.max() > 0.9]
    assert forget_biases  # they start at 1


@pytest.mark.parametrize("clip_norm", [0.001, None])
def test_clip_norm_bounds_each_step(clip_norm):
    X, y = easy_problem()
    model = regressor(optimizer=torch.optim.SGD, learning_rate=0.1, clip_norm=clip_norm)
    model.set_params(callbacks=[CountBatches(), Watch()], max_epochs=2).fit(X, y)
    assert callback_of(model, CountBatches).ended_[True] == 4
    first, second = callback_of(model, Watch).weights_
    moved = sum((second[k] - first[k]).square().sum() for k in first).sqrt()
    assert (moved <= 2 * 0.1 * 0.001 * 1.01) == (clip_norm is not None)


@pytest.mark.parametrize("optimizer", [dict, torch.optim.lr_scheduler.StepLR, torch.nn.Linear])
def test_a_class_that_is_no_optimizer_is_a_clear_error(optimizer):
    with pytest.raises((ValueError, TypeError), match="'optimizer' parameter"):
        regressor(optimizer=optimizer).fit(make_X(), make_y())


@pytest.mark.parametrize("callbacks", [["x"], [None, 3]])
def test_a_thing_that_is_no_callback_is_a_clear_error(callbacks):
    with pytest.raises((ValueError, TypeError), match="'callbacks' parameter"):
        regressor(callbacks=callbacks).fit(make_X(), make_y())


# ------------------------------------------------------------------------------- partial_fit

PARTIAL_CASES = {
    "plain": (regressor(), "3-D", "number"),
    "dropout": (regressor(dropout=0.5, num_layers=2, batch_size=8), "3-D", "number"),
    "ragged bidirectional": (regressor(bidirectional=True, batch_size=4), "ragged", "number"),
    "2-D": (regressor(n_timesteps=STEPS), "2-D", "number"),
    "several outputs": (regressor(), "3-D", "numbers"),
    "sgd": (regressor(optimizer="sgd"), "3-D", "number"),
    "NAdam": (regressor(optimizer=torch.optim.NAdam, weight_decay=0.1), "3-D", "number"),
    "LBFGS": (regressor(optimizer=torch.optim.LBFGS, learning_rate=0.1), "3-D", "number"),
    "labels": (classifier(dropout=0.3), "ragged", "labels"),
    "binary, class weights": (classifier(class_weight={0: 1, 1: 5}), "3-D", "binary"),
    "multilabel": (classifier(), "3-D", "multilabel"),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("model, X_kind, y_kind", PARTIAL_CASES.values(), ids=PARTIAL_CASES.keys())
def test_partial_fit_k_times_equals_fit_of_k_epochs(model, X_kind, y_kind, weighted):
    X, y = make_X(kind=X_kind), make_y(kind=y_kind)
    weight = np.arange(N) % 4 if weighted else None
    stepwise = clone(model).set_params(early_stopping=True, validation_fraction=0.5)
    options = {"classes": np.unique(y)} if y_kind in ("labels", "binary") else {}
    for k in range(1, 5):
        assert stepwise.partial_fit(X, y, sample_weight=weight, **options) is stepwise
        assert stepwise.n_epochs_ == k
    assert_same_model(
        stepwise, clone(model).set_params(max_epochs=4).fit(X, y, sample_weight=weight)
    )


def test_partial_fit_knows_its_classes_from_the_first_call():
    X, y = make_X(), make_y(kind="labels")
    model = classifier().partial_fit(X[y == "a"], y[y == "a"], classes=["c", "b", "a", "d"])
    assert_array_equal(model.classes_, ["a", "b", "c", "d"])
    assert model.predict_proba(X).shape == (N, 4)
    model.partial_fit(X, y)
    model.partial_fit(X[y == "c"], y[y == "c"], classes=["a", "b", "c", "d"])
    assert model.n_epochs_ == 3


@pytest.mark.parametrize("label", ["d", "", "zzzz"])
def test_partial_fit_refuses_an_unknown_label_and_keeps_the_model(label):
    X, y = make_X(), make_y(kind="labels")
    model, twin = (classifier().partial_fit(X, y, classes=["a", "b", "c"]) for _ in range(2))
    wrong = y.astype(object)
    wrong[4] = label
    with pytest.raises(ValueError, match=rf"{label!r}.*sample 4"):
        model.partial_fit(X, wrong)
    assert_same_model(model, twin)
    assert_same_model(model.partial_fit(X, y), twin.partial_fit(X, y))


@pytest.mark.parametrize(
    "classes, y",
    [([0, 1], ["a"] * N), (["a", "b"], [0] * N), ([0, 1], [0.5] * N), ([0, 1], [2] * N)],
)
def test_partial_fit_refuses_labels_of_another_type(classes, y):
    with pytest.raises(ValueError, match=r"not among the classes|continuous"):
        classifier().partial_fit(make_X(), y, classes=classes)


def test_partial_fit_refuses_other_classes():
    X, y = make_X(), make_y(kind="binary")
    model = classifier().partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match="classes"):
        model.partial_fit(X, y, classes=[0, 1, 2])
    assert_same_model(model, classifier().partial_fit(X, y))


def test_partial_fit_of_one_class_alone_needs_classes():
    with pytest.raises(ValueError, match="2 classes"):
        classifier().partial_fit(make_X(), np.zeros(N, dtype=int))


@pytest.mark.parametrize("fitted", [False, True])
def test_partial_fit_refuses_balanced(fitted):
    X, y = make_X(), make_y(kind="binary")
    model = classifier()
    if fitted:
        model.fit(X, y)
    model.set_params(class_weight="balanced")
    with pytest.raises(ValueError, match=r"balanced.*partial_fit"):
        model.partial_fit(X, y, classes=[0, 1])
    assert hasattr(model, "net_") == fitted


def test_partial_fit_accepts_multilabel_classes():
    X, y = make_X(), make_y(kind="multilabel")
    model = classifier().partial_fit(X, y, classes=[0, 1, 2]).partial_fit(X, y, classes=[0, 1, 2])
    assert_same_model(model, classifier(max_epochs=2).fit(X, y))


def test_partial_fit_keeps_the_scaling_of_the_first_call():
    X, y = make_X(), make_y()
    model = regressor().partial_fit(X, y)
    before = weights_of(model)
    after = weights_of(model.partial_fit(100 + 50 * X, 1e3 * y))
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert changed == set(dict(model.net_.module_.named_parameters()))


# -------------------------------------------------------------------------------- warm start


@pytest.mark.parametrize("model, X_kind, y_kind", PARTIAL_CASES.values(), ids=PARTIAL_CASES.keys())
def test_warm_start_goes_on(model, X_kind, y_kind):
    X, y = make_X(kind=X_kind), make_y(kind=y_kind)
    warm = clone(model).set_params(warm_start=True, max_epochs=2).fit(X, y)
    warm.set_params(max_epochs=3).fit(X, y)
    assert warm.n_epochs_ == 5
    assert [row["epoch"] for row in warm.history_] == [1, 2, 3, 4, 5]
    assert_same_model(warm, clone(model).set_params(max_epochs=5).fit(X, y))


def test_without_warm_start_fit_begins_anew():
    X, y = make_X(), make_y()
    model = regressor().fit(100 + X, -y)
    assert_same_model(model.fit(X, y), regressor().fit(X, y))


def test_warm_start_keeps_the_scaling():
    X, y = make_X(), make_y()
    model = regressor(warm_start=True).fit(X, y)
    before = weights_of(model)
    after = weights_of(model.fit(100 + 50 * X, 1e3 * y))
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert changed == set(dict(model.net_.module_.named_parameters()))


def test_warm_start_with_early_stopping():
    X, y = easy_problem()
    model = regressor(warm_start=True, early_stopping=True, max_epochs=4).fit(X, y)
    rows = callback_of(model.set_params(callbacks=[Watch()]).fit(X, y), Watch).valid_rows_
    first = callback_of(regressor(early_stopping=True, callbacks=[Watch()]).fit(X, y), Watch)
    # The same rows are held out again: none of them has been trained on.
    assert_array_equal(rows, first.valid_rows_)
    assert [row["epoch"] for row in model.history_] == list(range(1, 9))
    assert all("valid_loss" in row for row in model.history_)


@pytest.mark.parametrize(
    "change, X, y",
    [
        ({}, make_X()[:, :, :1], make_y()),
        ({}, np.ones((N, STEPS, 3)), make_y()),
        ({}, make_X(), make_y(kind="numbers")),
        ({"hidden_size": 5}, make_X(), make_y()),
        ({"num_layers": 2}, make_X(), make_y()),
        ({"bidirectional": True}, make_X(), make_y()),
    ],
    ids=["fewer features", "more features", "outputs", "hidden_size", "num_layers", "directions"],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_resuming_with_another_shape_is_an_error_that_loses_nothing(method, change, X, y):
    def train(model):
        return getattr(model, method)(make_X(), make_y())

    model, twin = train(regressor(warm_start=True)), train(regressor(warm_start=True))
    expected = "|".join(change) or "features|n_outputs|output"
    with pytest.raises(ValueError, match=expected):
        getattr(model.set_params(**change), method)(X, y)
    assert_same_model(model, twin)
    assert_array_equal(model.predict(make_X()), twin.predict(make_X()))
    model.set_params(**{name: twin.get_params()[name] for name in change})
    assert_same_model(train(model), train(twin))


def test_warm_start_refuses_another_number_of_columns():
    X, y = make_X(kind="2-D"), make_y()
    model = regressor(warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match="features"):
        model.fit(X[:, :4], y)
    assert_same_model(model, regressor().fit(X, y))


def test_warm_start_refuses_another_class_but_not_a_missing_one():
    X, y = make_X(), make_y(kind="labels")
    model, twin = (classifier(warm_start=True).fit(X, y) for _ in range(2))
    with pytest.raises(ValueError, match="'d'"):
        model.fit(X, np.where(y == "c", "d", y))
    with pytest.raises(ValueError, match="multilabel"):
        model.fit(X, make_y(kind="multilabel"))
    assert_same_model(model, twin)
    model.fit(X[y != "c"], y[y != "c"])
    assert_array_equal(model.classes_, ["a", "b", "c"])
    assert model.predict_proba(X).shape == (N, 3)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("optimizer", ["adamw", "sgd", torch.optim.SGD])
def test_resuming_takes_over_a_new_learning_rate(optimizer, method):
    X, y = make_X(), make_y()
    model = regressor(optimizer=optimizer, warm_start=True)
    getattr(model, method)(X, y)
    before = weights_of(model)
    getattr(model.set_params(learning_rate=1e-30), method)(X, y)
    for name, weight in weights_of(model).items():
        assert_array_equal(weight, before[name])
    getattr(model.set_params(learning_rate=0.01), method)(X, y)
    assert not np.array_equal(weights_of(model)["head.weight"], before["head.weight"])


def unchanged(epoch):
    return 1.0


def halved(epoch):
    return 0.5**epoch


@pytest.mark.parametrize(
    "scheduler",
    [
        LRScheduler(policy="StepLR", step_size=1, gamma=1.0),
        LRScheduler(policy="LambdaLR", lr_lambda=unchanged),
    ],
    ids=["StepLR", "LambdaLR"],
)
def test_resuming_takes_over_a_new_learning_rate_behind_a_scheduler(scheduler):
    X, y = make_X(), make_y()
    model = regressor(warm_start=True, callbacks=[scheduler]).fit(X, y)
    assert [row["event_lr"] for row in model.history_] == [0.01] * 3
    model.set_params(learning_rate=1e-30).fit(X, y)
    assert [row["event_lr"] for row in model.history_[3:]] == [1e-30] * 3


@pytest.mark.parametrize("change", ["scheduler", "optimizer", "weight_decay", "pickle"])
def test_a_scheduler_works_where_training_goes_on(change):
    X, y = make_X(), make_y()
    model = regressor(warm_start=True)
    scheduler = LRScheduler(policy="StepLR", step_size=1, gamma=0.5)
    if change != "scheduler":
        model.set_params(callbacks=[scheduler])
    model.fit(X, y)
    if change == "scheduler":
        model.set_params(callbacks=[scheduler])
    elif change == "pickle":
        model = pickle.loads(pickle.dumps(model))
    else:
        model.set_params(**{change: {"optimizer": "sgd", "weight_decay": 0.1}[change]})
    model.fit(X, y)
    assert model.n_epochs_ == 6
    rates = [row["event_lr"] for row in model.history_[3:]]
    assert_allclose(np.divide(rates[1:], rates[:-1]), 0.5)


@pytest.mark.parametrize(
    "policy, options",
    [
        ("StepLR", {"step_size": 1, "gamma": 0.5}),
        ("ExponentialLR", {"gamma": 0.5}),
        ("CosineAnnealingLR", {"T_max": 8}),
        ("LambdaLR", {"lr_lambda": halved}),
    ],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_schedule_goes_on_or_begins_anew(policy, options, method):
    # Anything else, such as one step too few, is a schedule that nobody asked for.
    X, y = make_X(), make_y()
    scheduler = LRScheduler(policy=policy, **options)
    straight = regressor(callbacks=[scheduler], max_epochs=6).fit(X, y)
    model = regressor(callbacks=[scheduler], warm_start=True, max_epochs=3).fit(X, y)
    for _ in range(1 if method == "fit" else 3):
        getattr(model, method)(X, y)
    expected, rates = ([row["event_lr"] for row in m.history_] for m in (straight, model))
    anew = expected[:3] if method == "fit" else expected[:1] * 3
    assert np.allclose(rates, expected) or np.allclose(rates, expected[:3] + anew), rates


def test_a_scheduler_of_an_earlier_fit_leaves_the_learning_rate_alone():
    X, y = make_X(), make_y()
    scheduler = LRScheduler(policy="StepLR", step_size=1, gamma=1e-20)
    model = regressor(warm_start=True, callbacks=[scheduler]).fit(X, y)
    before = weights_of(model)
    model.set_params(callbacks=None).fit(X, y)
    assert not np.array_equal(weights_of(model)["head.weight"], before["head.weight"])


def test_warm_start_takes_over_another_optimizer():
    X, y = make_X(), make_y()
    model = regressor(warm_start=True).fit(X, y).set_params(optimizer="sgd").fit(X, y)
    assert isinstance(model.net_.optimizer_, torch.optim.SGD)
    assert model.n_epochs_ == 6


# ---------------------------------------------------------------------------- early stopping


def held_out(model, X, y, **params):
    """The rows that a fit watches, and those that it trains on."""
    watch = callback_of(clone(model).set_params(callbacks=[Watch()], **params).fit(X, y), Watch)
    return watch.valid_rows_, watch.train_rows_


def squared_error(model, y, rows, train, X):
    """Validation loss as the documentation defines it: of the standardised target."""
    return np.mean(((model.predict(X) - y)[rows] / y[train].std()) ** 2)


@pytest.mark.parametrize("split", ["random", "last"])
def test_early_stopping_stops_and_restores_the_best_epoch(split):
    X, y = make_X(40), make_y(40)  # noise: more training makes it worse
    model = regressor(
        early_stopping=True,
        validation_split=split,
        validation_fraction=0.25,
        n_iter_no_change=4,
        max_epochs=300,
        learning_rate=0.05,
    ).fit(X, y)
    losses = [row["valid_loss"] for row in model.history_]
    best = int(np.argmin(losses))
    assert model.n_epochs_ == len(losses) < 300
    assert len(losses) == best + 1 + 4
    rows, train = held_out(model, X, y)
    assert_allclose(squared_error(model, y, rows, train, X), losses[best], rtol=1e-5)
    assert not np.isclose(losses[-1], losses[best], rtol=1e-3)  # or else nothing was restored
    weights, watch = (
        weights_of(model),
        callback_of(clone(model).set_params(callbacks=[Watch()]).fit(X, y), Watch),
    )
    for name, weight in watch.weights_[best].items():
        assert_array_equal(weights[name], weight)


def test_early_stopping_of_a_classifier_restores_the_best_epoch():
    X, y = make_X(40), make_y(40, kind="labels")
    model = classifier(
        early_stopping=True, validation_fraction=0.3, n_iter_no_change=3, learning_rate=0.05
    )
    model.set_params(max_epochs=300).fit(X, y)
    rows, _ = held_out(model, X, y)
    codes = np.searchsorted(model.classes_, y)
    loss = -model.predict_log_proba(X)[rows, codes[rows]].mean()
    losses = [row["valid_loss"] for row in model.history_]
    assert_allclose(loss, min(losses), rtol=1e-5)
    assert not np.isclose(losses[-1], min(losses), rtol=1e-3)


def test_early_stopping_restores_the_best_epoch_also_where_max_epochs_ends_training():
    X, y = make_X(40), make_y(40)
    model = regressor(early_stopping=True, validation_split="last", validation_fraction=0.25)
    model.set_params(n_iter_no_change=1000, max_epochs=40, learning_rate=0.05).fit(X, y)
    losses = [row["valid_loss"] for row in model.history_]
    assert len(losses) == 40
    assert np.argmin(losses) < 30
    rows, train = np.arange(30, 40), np.arange(30)
    assert_allclose(squared_error(model, y, rows, train, X), min(losses), rtol=1e-5)


def test_early_stopping_counts_a_small_improvement():
    X, y = easy_problem()
    model = regressor(
        early_stopping=True,
        validation_split="last",
        validation_fraction=0.5,
        n_iter_no_change=2,
        learning_rate=2e-5,
        max_epochs=12,
    ).fit(X, y)
    losses = [row["valid_loss"] for row in model.history_]
    assert (np.diff(losses) < 0).all()  # each epoch is better than the last
    assert len(losses) == 12
    rows, train = np.arange(30, 60), np.arange(30)
    assert_allclose(squared_error(model, y, rows, train, X), losses[-1], rtol=1e-6)


@pytest.mark.parametrize("fraction, n_valid", [(0.1, 4), (0.25, 10), (0.5, 20), (0.99, 39)])
@pytest.mark.parametrize("split", ["random", "last"])
def test_validation_rows_are_the_fraction_and_are_not_trained_on(split, fraction, n_valid):
    X, y = make_X(40), make_y(40)
    model = regressor(early_stopping=True, validation_split=split, max_epochs=1)
    rows, train = held_out(model, X, y, validation_fraction=fraction)
    assert len(rows) == pytest.approx(n_valid, abs=1)
    assert sorted([*rows, *train]) == list(range(40))


def test_validation_rows_are_stratified():
    y = np.random.default_rng(0).permutation(np.repeat(["a", "b", "c"], [60, 30, 10]))
    X = make_X(100)
    for seed in range(3):
        model = classifier(early_stopping=True, max_epochs=1, random_state=seed)
        rows, _ = held_out(model, X, y, validation_fraction=0.2)
        assert_array_equal(np.unique(y[rows], return_counts=True)[1], [12, 6, 2])


def test_random_validation_rows_depend_on_the_random_state_alone():
    X, y = make_X(), make_y()
    model = regressor(early_stopping=True, max_epochs=1, validation_fraction=0.3)
    first, _ = held_out(model, X, y)
    again, _ = held_out(model, X, y)
    other, _ = held_out(model, X, y, random_state=1)
    assert_array_equal(np.sort(first), np.sort(again))
    assert set(first) != set(other)


def test_a_class_of_one_row_stays_in_training():
    X, y = make_X(), np.array(["rare", *["a", "b"] * 15])[:N]
    for seed in range(5):
        model = classifier(early_stopping=True, max_epochs=1, random_state=seed)
        rows, _ = held_out(model, X, y, validation_fraction=0.5)
        assert "rare" not in y[rows]


def test_the_last_split_watches_the_newest_rows():
    X, y = make_X(40), make_y(40)
    X[30:] += 1000.0  # the newest rows are unlike the rest
    model = regressor(early_stopping=True, validation_split="last", validation_fraction=0.25)
    rows, train = held_out(model, X, y)
    assert set(rows) == set(range(30, 40))
    assert set(train) == set(range(30))
    # and the scaling has not seen them
    model.fit(X, y)
    assert np.abs(weights_of(model)["x_mean"]).max() < 1
    # nor does it know them where they also occur among the older rows
    twice = np.r_[X[:30], X[:10]]
    rows, train = held_out(model, twice, np.r_[y[:30], y[:10]])
    assert len(rows) == 10
    assert len(train) == 30


@pytest.mark.parametrize("split", ["random", "last"])
@pytest.mark.parametrize(
    "X, y", [(make_X(1), [1.0]), (np.ones((1, 3, 1)), [0.0])], ids=["one row", "constant row"]
)
def test_early_stopping_with_too_few_rows_is_an_error(X, y, split):
    model = regressor(early_stopping=True, validation_split=split)
    with pytest.raises(ValueError, match=r"early_stopping.*2.*samples"):
        model.fit(X, y)
    assert not hasattr(model, "net_")


def test_early_stopping_with_one_distinct_row_is_an_error():
    with pytest.raises(ValueError, match=r"early_stopping.*2 different samples"):
        regressor(early_stopping=True).fit(np.ones((20, 3, 1)), np.ones(20))


def test_early_stopping_with_two_rows_works():
    model = regressor(early_stopping=True).fit(make_X(2), [0.0, 1.0])
    assert len(model.history_) == 3


# ----------------------------------------------------------------------------------- history


@pytest.mark.parametrize("early_stopping", [False, True])
def test_history(early_stopping):
    X, y = easy_problem()
    model = regressor(early_stopping=early_stopping, callbacks=[CountBatches()]).fit(X, y)
    assert type(model.history_) is list
    assert len(model.history_) == model.n_epochs_ == 3
    for i, row in enumerate(model.history_):
        assert type(row) is dict
        assert row["epoch"] == i + 1
        assert type(row["train_loss"]) is float
        assert type(row["dur"]) is float
        assert row["dur"] >= 0
        assert ("valid_loss" in row) == early_stopping
        assert "batches" not in row
    if early_stopping:
        assert all(type(row["valid_loss"]) is float for row in model.history_)


def test_the_train_loss_is_the_mean_over_the_rows():
    # With a vanishing learning rate the loss of the epoch is the loss of the initial network.
    X, y = easy_problem(n=50)
    model = regressor(learning_rate=1e-30, max_epochs=1, batch_size=8).fit(X, y)
    expected = np.mean((model.predict(X) - y) ** 2) / y.var()
    assert_allclose(model.history_[0]["train_loss"], expected, rtol=1e-5)


# -------------------------------------------------------------------------- skorch callbacks


def test_skorch_early_stopping():
    X, y = make_X(), make_y()
    callback = EarlyStopping(monitor="train_loss", patience=2, threshold=1e9, threshold_mode="abs")
    model = regressor(callbacks=[callback], max_epochs=50).fit(X, y)
    assert model.n_epochs_ == 3


def test_skorch_early_stopping_restores_weights():
    X, y = make_X(40), make_y(40)
    model = regressor(early_stopping=True, validation_split="last", validation_fraction=0.25)
    model.set_params(n_iter_no_change=500, max_epochs=200, learning_rate=0.05)
    model.set_params(callbacks=[EarlyStopping(patience=3, load_best=True, threshold=0)]).fit(X, y)
    losses = [row["valid_loss"] for row in model.history_]
    assert len(losses) < 200
    error = squared_error(model, y, np.arange(30, 40), np.arange(30), X)
    assert_allclose(error, min(losses), rtol=1e-5)


@pytest.mark.parametrize("step_every", ["epoch", "batch"])
def test_skorch_lr_scheduler(step_every):
    X, y = easy_problem()
    scheduler = LRScheduler(policy="StepLR", step_size=1, gamma=1e-15, step_every=step_every)
    model = regressor(callbacks=[scheduler, Watch()], max_epochs=3).fit(X, y)
    _, second, third = callback_of(model, Watch).weights_
    for name in second:
        assert_array_equal(second[name], third[name])
    if step_every == "epoch":
        assert_allclose([row["event_lr"] for row in model.history_], [1e-2, 1e-17, 1e-32])


def test_skorch_lr_scheduler_on_plateau():
    X, y = easy_problem()
    scheduler = LRScheduler(policy="ReduceLROnPlateau", monitor="valid_loss", patience=0)
    model = regressor(callbacks=[scheduler], early_stopping=True).fit(X, y)
    assert model.n_epochs_ == 3


@pytest.mark.parametrize("on_train", [False, True])
def test_skorch_epoch_scoring_r2(on_train):
    X, y = easy_problem(n=80)
    model = regressor(
        early_stopping=True, validation_split="last", validation_fraction=0.25, max_epochs=8
    )
    scoring = EpochScoring("r2", lower_is_better=False, on_train=on_train)
    model.set_params(callbacks=[scoring]).fit(X, y)
    assert len(model.history_) == 8
    assert all(np.isfinite(row["r2"]) for row in model.history_)
    if not on_train:
        assert_allclose(model.history_[-1]["r2"], model.score(X[60:], y[60:]), rtol=1e-4)
        assert model.history_[-1]["r2_best"]


@pytest.mark.parametrize("y_kind", ["binary", "labels", "multilabel"])
@pytest.mark.parametrize("on_train", [False, True])
def test_skorch_epoch_scoring_accuracy(y_kind, on_train):
    X, y = make_X(40), make_y(40, kind=y_kind)
    model = classifier(
        early_stopping=True, validation_split="last", validation_fraction=0.25, max_epochs=4
    )
    scoring = EpochScoring("accuracy", name="acc", lower_is_better=False, on_train=on_train)
    model.set_params(callbacks=[scoring, Watch()]).fit(X, y)
    assert all(0 <= row["acc"] <= 1 for row in model.history_)
    if not on_train:
        model.net_.module_.load_state_dict(callback_of(model, Watch).weights_[-1])
        assert_allclose(model.history_[-1]["acc"], model.score(X[30:], y[30:]))


@pytest.mark.parametrize(
    "y_kind, name",
    [
        ("binary", "f1"),
        ("binary", "roc_auc"),
        ("binary", "neg_log_loss"),
        ("labels", "roc_auc_ovr"),
        ("labels", "neg_log_loss"),
    ],
)
def test_skorch_epoch_scoring_of_probabilities(y_kind, name):
    X, y = make_X(40), make_y(40, kind=y_kind)
    model = classifier(
        early_stopping=True, validation_split="last", validation_fraction=0.25, max_epochs=4
    )
    scoring = EpochScoring(name, lower_is_better=False)
    model.set_params(callbacks=[scoring, Watch()]).fit(X, y)
    model.net_.module_.load_state_dict(callback_of(model, Watch).weights_[-1])
    expected = get_scorer(name)(model, X[30:], y[30:])
    assert_allclose(model.history_[-1][name], expected, rtol=1e-5)


def test_skorch_epoch_scoring_of_several_outputs():
    X, y = make_X(), make_y(kind="numbers")
    scoring = EpochScoring("r2", lower_is_better=False, on_train=True)
    model = regressor(callbacks=[scoring]).fit(X, y)
    assert all(row["r2"] < 1 for row in model.history_)


def test_skorch_epoch_scoring_without_validation_rows_records_nothing():
    model = regressor(callbacks=[EpochScoring("r2")]).fit(make_X(), make_y())
    assert all("r2" not in row for row in model.history_)


@pytest.mark.parametrize("on_train", [False, True])
def test_skorch_batch_scoring(on_train):
    X, y = easy_problem()
    scoring = BatchScoring("neg_mean_squared_error", on_train=on_train, lower_is_better=False)
    model = regressor(callbacks=[scoring], early_stopping=True, batch_size=8).fit(X, y)
    name = "train_loss" if on_train else "valid_loss"
    for row in model.history_:
        assert_allclose(row["neg_mean_squared_error"], -row[name], rtol=1e-4)


def test_skorch_checkpoint(tmp_path):
    X, y = make_X(40), make_y(40)
    model = regressor(early_stopping=True, validation_fraction=0.25, n_iter_no_change=100)
    model.set_params(max_epochs=20, learning_rate=0.05)
    checkpoint = Checkpoint(monitor="valid_loss_best", dirname=str(tmp_path))
    model.set_params(callbacks=[checkpoint]).fit(X, y)
    assert {"params.pt", "optimizer.pt", "history.json"} <= {p.name for p in tmp_path.iterdir()}
    losses = [row["valid_loss"] for row in model.history_]
    best = [losses[i] == min(losses[: i + 1]) for i in range(20)]
    assert 1 < sum(best) < 20
    assert [row["event_cp"] for row in model.history_] == best
    saved = torch.load(tmp_path / "params.pt", weights_only=True, map_location="cpu")
    for name, weight in weights_of(model).items():  # early stopping restored the same epoch
        assert_array_equal(saved[name], weight)


def test_skorch_checkpoint_restores_the_best(tmp_path):
    X, y = make_X(40), make_y(40)
    checkpoint = Checkpoint(
        monitor=lambda net: len(net.history) == 2, dirname=str(tmp_path), load_best=True
    )
    model = regressor(callbacks=[checkpoint], max_epochs=5).fit(X, y)
    expected = regressor(max_epochs=2).fit(X, y)
    for name, weight in weights_of(expected).items():
        assert_array_equal(weights_of(model)[name], weight)


def test_skorch_train_end_checkpoint(tmp_path):
    model = regressor(callbacks=[TrainEndCheckpoint(dirname=str(tmp_path))])
    model.fit(make_X(), make_y())
    saved = torch.load(tmp_path / "train_end_params.pt", weights_only=True, map_location="cpu")
    for name, weight in weights_of(model).items():
        assert_array_equal(saved[name], weight)
    assert (tmp_path / "train_end_history.json").exists()
    assert (tmp_path / "train_end_optimizer.pt").exists()


def test_skorch_gradient_norm_clipping():
    X, y = make_X(), make_y()
    params = {"optimizer": torch.optim.SGD, "learning_rate": 0.1, "max_epochs": 2}
    clipping = GradientNormClipping(gradient_clip_value=1e-3)
    model = regressor(callbacks=[clipping, Watch()], clip_norm=None, **params).fit(X, y)
    first, second = callback_of(model, Watch).weights_
    moved = sum((second[k] - first[k]).square().sum() for k in first).sqrt()
    assert 0 < moved <= 0.1 * 1e-3 * 1.01


def test_skorch_freezer():
    model = regressor(callbacks=[Freezer("recurrent.*"), Watch()], max_epochs=4)
    watch = callback_of(model.fit(make_X(), make_y()), Watch)
    first, last = watch.weights_[0], watch.weights_[-1]
    for name in first:
        frozen = not name.startswith("head")
        assert torch.equal(first[name], last[name]) == frozen, name


def test_skorch_progress_bar(capsys):
    X, y = easy_problem()
    model = regressor(callbacks=[ProgressBar()], early_stopping=True)
    model.fit(X, y)
    assert model.n_epochs_ == 3
    assert "it/s" in capsys.readouterr().err


def test_skorch_print_log(capsys):
    # skorch's PrintLog prints where the net is verbose.
    model = regressor(callbacks=[PrintLog()], early_stopping=True, verbose=1)
    model.fit(make_X(), make_y())
    assert "train_loss" in capsys.readouterr().out


PRINTED = []


def test_skorch_print_log_to_a_sink():
    PRINTED.clear()
    regressor(callbacks=[PrintLog(sink=PRINTED.append)], early_stopping=True).fit(
        make_X(), make_y()
    )
    header, _, *rows = PRINTED
    assert all(name in header for name in ("epoch", "train_loss", "valid_loss", "dur"))
    assert len(rows) == 3


@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_custom_callback_counts_batches(early_stopping):
    X, y = easy_problem(n=60)
    model = regressor(callbacks=[CountBatches()], batch_size=8, early_stopping=early_stopping)
    counts = callback_of(model.fit(X, y), CountBatches)
    assert counts.begun_ == counts.ended_
    assert counts.gradients_ == counts.ended_[True]
    assert counts.ended_[True] == 3 * (7 if early_stopping else 8)
    assert (counts.ended_[False] >= 3) == early_stopping


def test_callbacks_do_not_change_the_model():
    X, y = make_X(), make_y()
    model = regressor(callbacks=[CountBatches(), Watch(), EpochScoring("r2", on_train=True)])
    plain, watched = weights_of(regressor().fit(X, y)), weights_of(model.fit(X, y))
    for name in plain:
        assert_array_equal(plain[name], watched[name])


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_callbacks_are_told_of_begin_and_end(method):
    model = regressor(callbacks=[Watch()], max_epochs=1)
    getattr(model, method)(make_X(), make_y())
    assert callback_of(model, Watch).events_ == ["train begin", "epoch end", "train end"]


@pytest.mark.parametrize("container", [list, tuple])
def test_named_callbacks_and_tuples(container):
    model = regressor(callbacks=container([("counter", CountBatches()), Watch()]))
    model.fit(make_X(), make_y())
    assert dict(model.net_.callbacks_)["counter"].ended_[True] == 3


def test_a_callback_may_have_the_name_of_one_of_ours():
    callbacks = [("EarlyStopping", EarlyStopping(monitor="train_loss", patience=50))]
    model = regressor(callbacks=callbacks, early_stopping=True).fit(make_X(), make_y())
    assert dict(model.net_.callbacks_)["EarlyStopping"].monitor == "train_loss"


def every_callback(folder):
    return [
        EarlyStopping(monitor="train_loss"),
        LRScheduler(policy="StepLR", step_size=1),
        EpochScoring("r2", on_train=True),
        BatchScoring("r2", on_train=True, name="batch_r2"),
        Checkpoint(monitor="train_loss_best", dirname=str(folder)),
        GradientNormClipping(1.0),
        Freezer("head.bias"),
        ProgressBar(),
        PrintLog(),
        TrainEndCheckpoint(dirname=str(folder)),
        CountBatches(),
        Watch(),
    ]


def test_the_callbacks_parameter_is_not_changed(tmp_path):
    callbacks = every_callback(tmp_path)
    before = [(id(cb), copy.deepcopy(vars(cb))) for cb in callbacks]
    pickled = pickle.dumps(callbacks)
    model = regressor(callbacks=callbacks).fit(make_X(), make_y())
    assert model.callbacks is callbacks
    assert [(id(cb), vars(cb)) for cb in callbacks] == before
    assert pickle.dumps(callbacks) == pickled
    used = [cb for _, cb in model.net_.callbacks_]
    assert not {id(cb) for cb in used} & {id(cb) for cb in callbacks}


@pytest.mark.parametrize("i", range(12))
def test_an_estimator_with_callbacks_can_be_cloned(i, tmp_path):
    callback = every_callback(tmp_path)[i]
    model = regressor(callbacks=[callback])
    twin = clone(model)
    assert twin.callbacks[0] is not callback
    assert vars(twin.callbacks[0]).keys() == vars(callback).keys()
    assert_same_model(twin.fit(make_X(), make_y()), clone(model).fit(make_X(), make_y()))
    clone(model.fit(make_X(), make_y()))


def test_callbacks_work_in_a_grid_search(tmp_path):
    X, y = easy_problem()
    search = GridSearchCV(regressor(callbacks=every_callback(tmp_path)), {"hidden_size": [2, 3]})
    search.fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


# ------------------------------------------------------------------------------------ verbose


@pytest.mark.parametrize("verbose", [1, True])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_verbose_shows_a_progress_bar(capsys, verbose, early_stopping):
    X, y = easy_problem()
    model = regressor(verbose=verbose, early_stopping=early_stopping).fit(X, y)
    shown = capsys.readouterr()
    assert shown.out == ""
    last = re.split(r"[\r\n]+", shown.err.strip())[-1]
    assert "LSTMRegressor" in last
    assert "3/3" in last
    assert f"train_loss={model.history_[-1]['train_loss']:.4g}" in last
    assert ("valid_loss=" in last) == early_stopping
    assert re.search(r"\d\d:\d\d<\d\d:\d\d", last)  # elapsed<remaining


@pytest.mark.parametrize("early_stopping", [False, True])
def test_not_verbose_prints_nothing(capfd, early_stopping):
    X, y = make_X(40), make_y(40, kind="labels")
    model = classifier(early_stopping=early_stopping, n_iter_no_change=1, max_epochs=30)
    model.fit(X, y)
    model.set_params(warm_start=True, max_epochs=1).fit(X, y)
    model.partial_fit(X, y).predict_proba(X)
    assert capfd.readouterr() == ("", "")


def test_partial_fit_is_verbose_too(capsys):
    regressor(verbose=1).partial_fit(make_X(), make_y())
    assert "1/1" in capsys.readouterr().err


def test_the_progress_bar_closes_after_ctrl_c(capsys):
    with pytest.raises(KeyboardInterrupt):
        regressor(verbose=1, callbacks=[RaiseAt(2)]).fit(make_X(), make_y())
    assert capsys.readouterr().err.endswith("\n")


# ------------------------------------------------------------------------------------- Ctrl-C

EVENTS = ["epoch_begin", "train_batch_end", "epoch_end"]


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("epoch", [1, 3])
def test_ctrl_c_leaves_a_fitted_model(epoch, event, early_stopping):
    X, y = easy_problem()
    model = regressor(early_stopping=early_stopping, max_epochs=50)
    model.set_params(callbacks=[RaiseAt(epoch, event=event)])
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    complete = epoch if event == "epoch_end" else epoch - 1
    assert model.n_epochs_ == len(model.history_) == complete
    assert [row["epoch"] for row in model.history_] == list(range(1, complete + 1))
    assert np.isfinite(model.predict(X)).all()
    assert model.n_features_in_ == FEATURES
    if event != "train_batch_end" and complete and not early_stopping:
        expected = regressor(max_epochs=complete).fit(X, y)
        assert_same_model(model, expected)


@pytest.mark.parametrize("event", [*EVENTS, "valid_batch_end"])
def test_after_ctrl_c_every_row_of_the_history_is_complete(event):
    X, y = easy_problem()
    model = regressor(early_stopping=True, max_epochs=50)
    with pytest.raises(KeyboardInterrupt):
        model.set_params(callbacks=[RaiseAt(3, event=event)]).fit(X, y)
    for i, row in enumerate(model.history_):
        assert row.keys() >= {"epoch", "train_loss", "valid_loss", "dur"}
        assert row["epoch"] == i + 1


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_training_goes_on_after_ctrl_c(method, event):
    X, y = easy_problem()
    model = regressor(callbacks=[RaiseAt(3, event=event)], warm_start=True, max_epochs=50)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    done = model.n_epochs_
    model.set_params(callbacks=None, max_epochs=1)
    getattr(model, method)(X, y)
    assert model.n_epochs_ == done + 1
    assert [row["epoch"] for row in model.history_] == list(range(1, done + 2))
    if event != "train_batch_end":
        assert_same_model(model, regressor(max_epochs=done + 1).fit(X, y))


def test_ctrl_c_keeps_what_a_warm_start_learned():
    X, y = easy_problem()
    model = regressor(warm_start=True).fit(X, y).set_params(callbacks=[RaiseAt(5)])
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert_same_model(model, regressor(max_epochs=5).fit(X, y))


def test_ctrl_c_in_partial_fit():
    X, y = easy_problem()
    model = regressor(callbacks=[RaiseAt(2)]).partial_fit(X, y)
    with pytest.raises(KeyboardInterrupt):
        model.partial_fit(X, y)
    assert_same_model(model, regressor(max_epochs=2).fit(X, y))


@pytest.mark.parametrize("event", ["epoch_begin", "train_batch_end", "epoch_end"])
def test_ctrl_c_with_early_stopping_restores_the_best_epoch_so_far(event):
    X, y = make_X(40), make_y(40)
    model = regressor(early_stopping=True, validation_split="last", validation_fraction=0.25)
    model.set_params(n_iter_no_change=1000, max_epochs=40, learning_rate=0.05)
    with pytest.raises(KeyboardInterrupt):
        model.set_params(callbacks=[RaiseAt(30, event=event)]).fit(X, y)
    losses = [row["valid_loss"] for row in model.history_]
    assert np.argmin(losses) < 25
    error = squared_error(model, y, np.arange(30, 40), np.arange(30), X)
    assert_allclose(error, min(losses), rtol=1e-5)


def test_ctrl_c_at_the_end_of_the_best_epoch_keeps_it():
    X, y = easy_problem()
    model = regressor(early_stopping=True, validation_split="last", validation_fraction=0.5)
    with pytest.raises(KeyboardInterrupt):
        model.set_params(callbacks=[RaiseAt(3)]).fit(X, y)
    losses = [row["valid_loss"] for row in model.history_]
    assert np.argmin(losses) == 2
    error = squared_error(model, y, np.arange(30, 60), np.arange(30), X)
    assert_allclose(error, min(losses), rtol=1e-5)


FITS = []


class CountFits(Callback):
    def on_train_begin(self, net, **kwargs):
        FITS.append(1)


def test_ctrl_c_stops_a_grid_search():
    X, y = easy_problem()
    FITS.clear()
    model = regressor(callbacks=[CountFits(), RaiseAt(2)])
    search = GridSearchCV(make_pipeline(model), {"lstmregressor__hidden_size": [2, 3]})
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, y)
    assert len(FITS) == 1


def test_ctrl_c_is_not_lost_in_a_callback_that_fails_at_the_end(tmp_path):
    # Nothing is saved yet, so Checkpoint cannot load its file when training ends.
    model = regressor(
        callbacks=[
            RaiseAt(1, event="epoch_begin"),
            Checkpoint(monitor="train_loss_best", dirname=str(tmp_path), load_best=True),
        ]
    )
    with pytest.raises(KeyboardInterrupt):
        model.fit(make_X(), make_y())


def test_divergence_is_not_hidden_by_a_callback_that_fails_at_the_end(tmp_path):
    checkpoint = Checkpoint(monitor="train_loss_best", dirname=str(tmp_path), load_best=True)
    model = regressor(callbacks=[checkpoint], standardize=False, clip_norm=None)
    with pytest.raises(ValueError, match="diverged in epoch 1"):
        model.fit(make_X(), 1e30 * make_y())


SIGINT_SCRIPT = """
import signal
import numpy as np
from skorch.callbacks import Callback
from sklstm import LSTMRegressor

signal.signal(signal.SIGINT, signal.default_int_handler)

class Tell(Callback):
    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 3:
            print("training", flush=True)

X = np.random.default_rng(0).normal(size=(64, 10, 2))
y = X[:, -1, 0]
model = LSTMRegressor(8, max_epochs=10**7, callbacks=[Tell()], random_state=0)
try:
    model.fit(X, y)
except KeyboardInterrupt:
    print("interrupted", model.n_epochs_ >= 3, len(model.history_) == model.n_epochs_,
          np.isfinite(model.predict(X)).all())
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for a single process")
def test_a_real_sigint():
    process = subprocess.Popen(
        [sys.executable, "-c", SIGINT_SCRIPT],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        assert process.stdout.readline() == "training\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert out == "interrupted True True True\n", err
    assert process.returncode == 0


# --------------------------------------------------------------------------------- divergence

DIVERGING = {
    "sgd": ({"optimizer": "sgd", "learning_rate": 1e30}, 1.0, 1.0),
    "SGD class": ({"optimizer": torch.optim.SGD, "learning_rate": 1e30}, 1.0, 1.0),
    "adamw": ({"learning_rate": 1e30}, 1.0, 1.0),
    "no clipping": ({"optimizer": "sgd", "learning_rate": 1e30, "clip_norm": None}, 1.0, 1.0),
    "extreme y": ({"standardize": False, "clip_norm": None}, 1.0, 1e30),
    "extreme X and y": ({"standardize": False, "clip_norm": None}, 1e30, 1e25),
    "early stopping": (
        {"optimizer": "sgd", "learning_rate": 1e30, "early_stopping": True},
        1.0,
        1.0,
    ),
}
diverging = pytest.mark.parametrize(
    "params, X_factor, y_factor", DIVERGING.values(), ids=DIVERGING.keys()
)


@diverging
def test_divergence_is_an_error_that_says_what_to_do(params, X_factor, y_factor):
    X, y = easy_problem()
    model = regressor(max_epochs=20, **params)
    with pytest.raises(ValueError, match=r"diverged in epoch \d+") as error:
        model.fit(X * X_factor, y * y_factor)
    assert "learning_rate" in str(error.value)
    assert "clip_norm" in str(error.value)
    assert not hasattr(model, "net_")


def test_divergence_names_the_epoch():
    class Poison(Callback):
        def on_epoch_begin(self, net, **kwargs):
            if len(net.history) == 4:
                with torch.no_grad():
                    net.module_.head.weight.fill_(torch.nan)

    model = regressor(max_epochs=20, callbacks=[Poison()])
    with pytest.raises(ValueError, match="diverged in epoch 4"):
        model.fit(*easy_problem())


def test_divergence_of_a_classifier():
    X, y = make_X(), make_y(kind="labels")
    model = classifier(optimizer="sgd", learning_rate=1e38, clip_norm=None, max_epochs=20)
    with pytest.raises(ValueError, match=r"diverged in epoch \d+.*learning_rate"):
        model.fit(X, y)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    "bad",
    [
        {"learning_rate": 1e30},
        {"learning_rate": 1e30, "optimizer": "sgd"},
        {"learning_rate": 1e30, "optimizer": torch.optim.SGD, "clip_norm": None},
        {"callbacks": [RaiseAt(5, RuntimeError)]},
        {"callbacks": [RaiseAt(4, RuntimeError, "train_batch_end")]},
    ],
    ids=["learning rate", "optimizer", "class", "callback error", "callback error in a batch"],
)
@pytest.mark.parametrize("optimizer", ["adamw", "sgd", torch.optim.LBFGS])
def test_a_failing_warm_start_loses_nothing(optimizer, bad, method):
    X, y = easy_problem()
    good = {"learning_rate": 0.01, "optimizer": optimizer, "clip_norm": 1.0, "callbacks": None}
    model, twin = (
        regressor(warm_start=True, dropout=0.3, num_layers=2, **good).fit(X, y) for _ in range(2)
    )
    predictions, history = model.predict(X), copy.deepcopy(model.history_)
    model.set_params(**bad)
    with pytest.raises((ValueError, RuntimeError), match=r"diverged|by the test"):
        for _ in range(20):  # partial_fit may need some epochs
            predictions, history = model.predict(X), copy.deepcopy(model.history_)
            getattr(model, method)(X, y)
            twin.set_params(**{k: v for k, v in bad.items() if k != "callbacks"})
            getattr(twin, method)(X, y)
    assert_array_equal(model.predict(X), predictions)
    assert model.history_ == history
    assert_same_model(model, twin)
    for again in (model, twin):
        again.set_params(**good).partial_fit(X, y)
        again.set_params(max_epochs=2).fit(X, y)
    assert_same_model(model, twin)


@diverging
def test_a_failing_fit_keeps_the_earlier_model(params, X_factor, y_factor):
    X, y = easy_problem()
    model, twin = regressor().fit(X, y), regressor().fit(X, y)
    before = vars(model).copy()
    model.set_params(max_epochs=20, **params)
    with pytest.raises(ValueError, match="diverged"):
        model.fit(X * X_factor, y * y_factor)
    assert model.net_ is before["net_"]
    assert_same_model(model, twin)
    assert_array_equal(model.predict(X), twin.predict(X))
    model.set_params(**{name: twin.get_params()[name] for name in model.get_params()})
    assert_same_model(model.partial_fit(X, y), twin.partial_fit(X, y))


@pytest.mark.parametrize(
    "X, y, weight",
    [
        (np.full((N, STEPS, FEATURES), np.inf), make_y(), None),
        (make_X(), np.full(N, np.nan), None),
        (make_X(), make_y()[:-1], None),
        (make_X(), make_y(), -np.ones(N)),
        (make_X(), make_y(), np.ones(N + 1)),
        (make_X(), None, None),
    ],
    ids=["inf", "NaN", "length", "negative weight", "weights", "no y"],
)
@pytest.mark.parametrize("warm_start", [False, True])
def test_wrong_data_keep_the_earlier_model(X, y, weight, warm_start):
    X_good, y_good = easy_problem()
    model = regressor(warm_start=warm_start).fit(X_good, y_good)
    with pytest.raises(ValueError):
        model.fit(X, y, sample_weight=weight)
    assert_same_model(model, regressor().fit(X_good, y_good))


@pytest.mark.parametrize("weight", [np.zeros(N), np.zeros(N, dtype=int)])
def test_all_weights_zero_is_a_clear_error(weight):
    with pytest.raises(ValueError, match="weight"):
        regressor().fit(make_X(), make_y(), sample_weight=weight)
    with pytest.raises(ValueError, match="weight"):
        classifier().fit(make_X(), make_y(kind="labels"), sample_weight=weight)


def test_an_error_in_a_callback_leaves_an_unfitted_estimator_unfitted():
    model = regressor(callbacks=[RaiseAt(2, RuntimeError)])
    with pytest.raises(RuntimeError, match="by the test"):
        model.fit(make_X(), make_y())
    assert not hasattr(model, "net_")
    assert not hasattr(model, "n_features_in_")


# ------------------------------------------------------------------- scikit-learn's callbacks

LOG = []


class Listener:
    """A scikit-learn callback: logs its events and stops after an epoch."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after

    def setup(self, estimator, context):
        LOG.append(("setup", context.task_name))

    def teardown(self, estimator, context):
        LOG.append(("teardown", context.task_name))

    def on_fit_task_begin(self, estimator, context):
        LOG.append(("begin", context.task_name, context.task_id, context.max_subtasks))

    def on_fit_task_end(
        self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None
    ):
        prediction = None if fitted_estimator is None else fitted_estimator.predict(X)
        n_epochs = None if fitted_estimator is None else fitted_estimator.n_epochs_
        LOG.append(("end", context.task_name, context.task_id, prediction, n_epochs))
        return context.task_name == "epoch" and context.task_id + 1 == self.stop_after


@pytest.fixture
def log():
    LOG.clear()
    return LOG


def test_sklearn_callbacks_hear_of_every_epoch(log):
    X, y = easy_problem()
    model = regressor().set_callbacks(Listener()).fit(X, y)
    assert [event[:2] for event in log] == [
        ("setup", "fit"),
        ("begin", "fit"),
        *[("begin", "epoch"), ("end", "epoch")] * 3,
        ("end", "fit"),
        ("teardown", "fit"),
    ]
    assert log[1][3] == 3
    ends = [event for event in log if event[0] == "end"]
    for k, (_, _, _, prediction, n_epochs) in enumerate(ends[:3], start=1):
        expected = regressor(max_epochs=k).fit(X, y)
        assert n_epochs == k
        assert_array_equal(prediction, expected.predict(X))
    assert_array_equal(ends[3][3], model.predict(X))
    assert_same_model(model, regressor().fit(X, y))


class Keeper(Listener):
    """Keeps the estimators that it is given, for after the fit."""

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        LOG.append(fitted_estimator)


def test_the_estimators_that_a_sklearn_callback_keeps_stay_as_they_were(log):
    X, y = easy_problem()
    regressor().set_callbacks(Keeper()).fit(X, y)
    kept = [entry for entry in log if isinstance(entry, LSTMRegressor)]
    assert len(kept) == 4
    for k, model in enumerate(kept[:3], start=1):
        assert_same_model(model, regressor(max_epochs=k).fit(X, y))


def test_a_sklearn_callback_stops_training(log):
    X, y = easy_problem()
    model = regressor(max_epochs=50).set_callbacks(Listener(stop_after=4)).fit(X, y)
    assert model.n_epochs_ == 4
    assert_same_model(model, regressor(max_epochs=4).fit(X, y))
    assert log[-1] == ("teardown", "fit")


@pytest.mark.parametrize("y_kind", ["labels", "multilabel"])
def test_sklearn_callbacks_of_a_classifier(log, y_kind):
    X, y = make_X(kind="ragged"), make_y(kind=y_kind)
    classifier().set_callbacks(Listener()).fit(X, y)
    ends = [event for event in log if event[0] == "end"]
    for k, event in enumerate(ends[:3], start=1):
        assert_array_equal(event[3], classifier(max_epochs=k).fit(X, y).predict(X))


def test_sklearn_callbacks_under_warm_start(log):
    X, y = easy_problem()
    model = regressor(warm_start=True).fit(X, y).set_callbacks(Listener()).fit(X, y)
    ends = [event for event in log if event[:2] == ("end", "epoch")]
    assert [event[4] for event in ends] == [4, 5, 6]
    assert_array_equal(ends[-1][3], model.predict(X))
    assert not np.array_equal(ends[0][3], ends[1][3])


def test_sklearn_callbacks_are_torn_down_after_an_error(log):
    model = regressor(optimizer="sgd", learning_rate=1e30, max_epochs=20)
    with pytest.raises(ValueError, match="diverged"):
        model.set_callbacks(Listener()).fit(*easy_problem())
    assert log[-1] == ("teardown", "fit")
    log.clear()
    with pytest.raises(KeyboardInterrupt):
        regressor(callbacks=[RaiseAt(2)]).set_callbacks(Listener()).fit(*easy_problem())
    assert log[-1] == ("teardown", "fit")


@pytest.mark.parametrize("weighted", [False, True])
def test_sklearn_scoring_monitor(weighted):
    X, y = easy_problem()
    weight = np.arange(len(y)) % 3 if weighted else None
    monitor = ScoringMonitor(scoring="r2")
    model = regressor(max_epochs=5).set_callbacks(monitor).fit(X, y, sample_weight=weight)
    rows = monitor.get_logs().data
    scores = [row["r2"] for row in rows if row["task_name"] == "epoch"]
    expected = [regressor(max_epochs=k).fit(X, y, weight).score(X, y, weight) for k in range(1, 6)]
    assert_allclose(scores, expected, rtol=1e-9)
    assert_allclose(model.score(X, y, weight), scores[-1])


def test_sklearn_scoring_monitor_in_a_grid_search_over_a_pipeline():
    X, y = easy_problem()
    monitor = ScoringMonitor(scoring="r2")
    model = regressor().set_callbacks(monitor)
    pipeline = make_pipeline(FunctionTransformer(), model)
    search = GridSearchCV(pipeline, {"lstmregressor__hidden_size": [2, 3]}, cv=3).fit(X, y)
    runs = monitor.get_logs(select="all")
    epochs = [row for run in runs for row in run.data if row["task_name"] == "epoch"]
    assert len(epochs) == 3 * (2 * 3 + 1)
    assert np.isfinite([row["r2"] for row in epochs]).all()
    assert np.isfinite(search.predict(X)).all()


class PropagatedListener(Listener):
    """A callback of the search that hears of the epochs of every fit within."""

    max_propagation_depth = None


def test_a_sklearn_callback_is_propagated_from_a_grid_search_over_a_pipeline(log):
    X, y = easy_problem()
    # A transformer without callbacks would make scikit-learn warn.
    pipeline = make_pipeline("passthrough", regressor())
    search = GridSearchCV(pipeline, {"lstmregressor__hidden_size": [2, 3]}, cv=3)
    search.set_callbacks(PropagatedListener(stop_after=2)).fit(X, y)
    epochs = [event for event in log if event[:2] == ("end", "epoch")]
    assert len(epochs) == 2 * (2 * 3 + 1)  # each fit stops after two epochs
    assert all(np.isfinite(event[3]).all() for event in epochs)
    assert search.best_estimator_[-1].n_epochs_ == 2


@pytest.mark.parametrize("where", ["estimator", "search"])
def test_sklearn_progress_bar(where, capsys):
    pytest.importorskip("rich")
    X, y = easy_problem()
    model = regressor()
    if where == "estimator":
        model.set_callbacks(SklearnProgressBar()).fit(X, y)
    else:
        search = GridSearchCV(make_pipeline(model), {"lstmregressor__hidden_size": [2]}, cv=2)
        search.set_callbacks(SklearnProgressBar(max_propagation_depth=None)).fit(X, y)
    assert "LSTMRegressor" in capsys.readouterr().out


# ------------------------------------------------------------------------------ unscaled data


@pytest.mark.parametrize(
    "X_scale, X_shift, y_scale, y_shift",
    [
        ([1.0, 1.0], 0.0, 1.0, 0.0),
        ([1e6, 1e-6], 0.0, 1.0, 0.0),
        ([1e-6, 1e-6], 0.0, 1e9, 0.0),
        ([1.0, 1.0], 1e6, 1e-9, 0.0),
        ([1e-3, 1e3], 1e4, 1.0, 1e9),
        ([1.0, 1.0], 0.0, 1e9, 0.0),
        ([1.0, 1.0], 0.0, 1e-9, 0.0),
        ([1e100, 1e-100], 0.0, 1e100, 0.0),
    ],
)
def test_unscaled_data_train_as_well_as_scaled_data(X_scale, X_shift, y_scale, y_shift):
    X, y = easy_problem(n=100)
    X, y = X * X_scale + X_shift, y * y_scale + y_shift
    assert regressor(hidden_size=8, max_epochs=50).fit(X, y).score(X, y) > 0.9


def test_the_unit_does_not_change_the_model():
    X, y = easy_problem()
    model = regressor(batch_size=len(X))  # in one batch the order of the rows does not matter
    expected = clone(model).fit(X, y).predict(X)
    units = [2.0**20, 2.0**-20]
    assert_allclose(
        model.fit(X * units, y * 2.0**30).predict(X * units) * 2.0**-30, expected, atol=1e-3
    )


def test_a_classifier_trains_on_unscaled_data():
    X, target = easy_problem(n=100)
    X = X * [1e6, 1e-6]
    model = classifier(hidden_size=8, max_epochs=40).fit(X, target > 0)
    assert model.score(X, target > 0) > 0.9


def test_without_standardize_the_data_are_taken_as_they_are():
    X, y = easy_problem()
    model = regressor(standardize=False, hidden_size=8, max_epochs=60).fit(X, y)
    assert model.score(X, y) > 0.9
    weights = weights_of(model)
    assert_array_equal(weights["x_mean"], 0)
    assert_array_equal(weights["x_scale"], 1)
    assert_array_equal(weights["y_mean"], 0)
    assert_array_equal(weights["y_scale"], 1)
