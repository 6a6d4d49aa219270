"""return_sequences=True: one target per time step, in every container, against slow twins."""

import copy
import functools
import pickle
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from rounding import ROUNDING, assert_same_numbers
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import cross_val_predict, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm._training import _batches
from sklstm.augmentation import ChannelDropout, Crop, Jitter, Mixup, Scale, TimeMask, TimeWarp
from sklstm.datasets import load_japanese_vowels, load_sunspots
from sklstm.preprocessing import SequenceWise, SlidingWindow, make_windows

N, STEPS, FEATURES = 14, 7, 2
LENGTHS = [5, 1, 3, 6, 2, 5, 4, 1, 6, 6, 3, 2, 5, 4]
FIRST = [STEPS - length - i % 2 for i, length in enumerate(LENGTHS)]
RNG = np.random.default_rng(0)
RAGGED = [RNG.normal(size=(length, FEATURES)) for length in LENGTHS]


def pad(items, first=FIRST, missing=np.nan, steps=STEPS):
    """The items as one array, ``missing`` around each."""
    items = [np.asarray(item) for item in items]
    dtype = object if missing is None else np.result_type(*items, type(missing))
    array = np.full((len(items), steps, *items[0].shape[1:]), missing, dtype)
    for row, item, start in zip(array, items, first, strict=True):
        row[start : start + len(item)] = item
    return array


def targets(kind="number", X=RAGGED):
    make = {
        "number": lambda s: s,
        "numbers": lambda s: np.c_[s, 100 - 20 * s, s**2],
        "binary": lambda s: np.where(s > 0, "up", "down"),
        "labels": lambda s: np.digitize(s, [-0.6, 0.6]),
        "multilabel": lambda s: np.c_[s > 0, s > 0.8, s < -0.4].astype(int),
    }[kind]
    return [make(x[:, 0].cumsum() - 0.1 * x[:, 1]) for x in X]


KINDS = ["number", "numbers", "binary", "labels", "multilabel"]


# Small, and plain: a test asks for what it is about.
PLAIN = {
    "hidden_size": 4,
    "max_epochs": 2,
    "batch_size": 32,
    "learning_rate": 0.01,
    "lr_schedule": "constant",
    "dropout": 0.0,
    "bidirectional": False,
    "weight_decay": 0.0,
    "clip_norm": 1.0,
    "random_state": 0,
}


def regressor(**params):
    return LSTMRegressor(return_sequences=True, **{**PLAIN, **params})


def classifier(**params):
    return LSTMClassifier(return_sequences=True, **{**PLAIN, **params})


def model_for(kind, **params):
    return (regressor if kind in ("number", "numbers") else classifier)(**params)


def outputs_of(model, X):
    return model.decision_function(X) if hasattr(model, "classes_") else model.predict(X)


def weights_of(model):
    return {name: w.cpu().numpy().copy() for name, w in model.net_.module_.state_dict().items()}


def losses_of(model):
    return [{k: v for k, v in row.items() if k != "dur"} for row in model.history_]


def assert_same_model(one, two):
    """Equal to the last bit: weights, scaling, losses, classes."""
    first, second = weights_of(one), weights_of(two)
    assert first.keys() == second.keys()
    for name in first:
        assert_array_equal(first[name], second[name], err_msg=name, strict=True)
    assert losses_of(one) == losses_of(two)
    if hasattr(one, "classes_"):
        assert_array_equal(one.classes_, two.classes_, strict=True)


def assert_other_model(one, two):
    first, second = weights_of(one), weights_of(two)
    assert any(not np.array_equal(first[name], second[name]) for name in first)


def take(items, rows):
    return [items[i] for i in rows] if isinstance(items, list) else items[rows]


# -------------------------------------------------------------------------------- containers


def frames(items):
    return [pd.DataFrame(item, columns=["a", "b"]) for item in items]


def memory_map(tmp_path):
    np.save(tmp_path / "X.npy", pad(RAGGED))
    return np.load(tmp_path / "X.npy", mmap_mode="r")


X_CONTAINERS = {
    "list": lambda _: RAGGED,
    "tuple": lambda _: tuple(RAGGED),
    "object array": lambda _: pd.Series(RAGGED).to_numpy(),
    "Series": lambda _: pd.Series(RAGGED, index=np.arange(N) + 5),
    "DataFrames": lambda _: frames(RAGGED),
    "polars frames": lambda _: [pl.DataFrame(x, schema=["a", "b"]) for x in RAGGED],
    "padded": lambda _: pad(RAGGED),
    "padded at the end": lambda _: pad(RAGGED, [0] * N),
    "padded at the start": lambda _: pad(RAGGED, [STEPS - length for length in LENGTHS]),
    "list of padded arrays": lambda _: list(pad(RAGGED)),
    "memory map": memory_map,
}
x_containers = pytest.mark.parametrize("container", X_CONTAINERS)


@functools.cache
def model_of_the_list(kind):
    return model_for(kind, batch_size=5, dropout=0.3).fit(RAGGED, targets(kind))


@x_containers
@pytest.mark.parametrize("kind", KINDS)
def test_the_container_changes_neither_the_model_nor_a_prediction(container, kind, tmp_path):
    X, y = X_CONTAINERS[container](tmp_path), targets(kind)
    expected = model_of_the_list(kind)
    model = model_for(kind, batch_size=5, dropout=0.3).fit(X, y)
    assert_same_model(model, expected)

    predicted, proper = model.predict(X), expected.predict(RAGGED)
    array, numbers = hasattr(X, "ndim") and X.ndim == 3, kind in ("number", "numbers")
    assert isinstance(predicted, np.ndarray if array else list)
    for x, got, row in zip(X, predicted, proper, strict=True):
        values = np.asarray(x)
        real = ~np.isnan(values).all(axis=1)
        assert len(got) == len(values)
        assert row.dtype == (
            np.float64 if kind in ("number", "numbers") else expected.classes_.dtype
        )
        assert_array_equal(got[real].astype(row.dtype), row)
        assert pd.isna(got[~real]).all()
        if not numbers:
            assert got[~real].ravel().tolist() == [None] * got[~real].size
    assert model.score(X, y) == expected.score(RAGGED, y)


@x_containers
def test_targets_in_the_shape_of_X(container, tmp_path):
    X, y = X_CONTAINERS[container](tmp_path), targets()
    expected = regressor().fit(RAGGED, y)
    first = [int(np.isfinite(np.asarray(x)[:, 0]).argmax()) for x in X]
    same = [pad([item], [i], steps=len(x))[0] for x, item, i in zip(X, y, first, strict=True)]
    for given in (same, pd.Series(same), [item.tolist() for item in same]):
        assert_same_model(regressor().fit(X, given), expected)
    if len({len(row) for row in same}) == 1:
        for given in (np.array(same), pd.DataFrame(same), pl.DataFrame(np.array(same))):
            model = regressor().fit(X, given)
            assert_same_model(model, expected)
            assert model.score(X, given) == expected.score(RAGGED, y)


@pytest.mark.parametrize("kind", KINDS)
def test_3d_without_padding(kind):
    X = RNG.normal(size=(9, 4, 2))
    y = np.array(targets(kind, X))
    model = model_for(kind).fit(X, y)
    assert_same_model(model, model_for(kind).fit(list(X), list(y)))
    predicted = model.predict(X)
    assert predicted.shape == y.shape
    assert predicted.dtype == (np.float64 if kind.startswith("number") else y.dtype)
    for row, x in zip(predicted, X, strict=True):
        assert_same_numbers(row, model.predict([x])[0])


@pytest.mark.parametrize("k", [1, 2])
def test_tables(k):
    cube = RNG.normal(size=(10, 6 // k, k))
    table, y = cube.reshape(10, 6), cube.cumsum(axis=1)[:, :, 0]
    expected = regressor().fit(cube, y)
    columns = [f"c{i}" for i in range(6)]
    for X in (table, table.tolist(), pd.DataFrame(table), pl.DataFrame(table, schema=columns)):
        model = regressor(n_timesteps=None if k == 1 else 3).fit(X, y)
        assert_same_model(model, expected)
        assert_array_equal(model.predict(X), expected.predict(cube))
        assert model.predict(X).shape == y.shape


def test_windows():
    table = RNG.normal(size=(30, 2))
    windows = SlidingWindow(5).fit(table).transform(table)
    padded = np.asarray(windows)
    y = padded[:, :, 0] * 3  # NaN where windows are short
    model = regressor(batch_size=8).fit(windows, y)
    assert_same_model(model, regressor(batch_size=8).fit(padded, y))
    predicted = model.predict(windows)
    assert predicted.shape == (30, 5)
    assert_array_equal(np.isnan(predicted), np.isnan(y))
    assert_array_equal(predicted, model.predict(padded))
    assert_same_numbers(predicted[7:9], model.predict(windows[7:9]))
    whole = windows[4:]
    assert_array_equal(regressor().fit(whole, y[4:]).predict(whole).shape, (26, 5))


def test_codes():
    codes = np.array([[1, 2, 0, -1], [2, 2, 1, 0], [-1, 0, 1, -1], [3, 0, 2, 1]])
    y = np.where(codes < 0, None, codes % 2)
    model = classifier(embedding_size=3).fit(codes, y)
    ragged = [row[row >= 0] for row in codes]
    assert_same_model(model, classifier(embedding_size=3).fit(ragged, [r % 2 for r in ragged]))
    assert_array_equal(model.predict(codes) == None, codes < 0)  # noqa: E711


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 5, 2), (6, 1, 2)])
@pytest.mark.parametrize("k", [None, 1, 2])
def test_one_row_or_step(shape, k):
    X = RNG.normal(size=shape)
    y = X[:, :, 0] if k is None else np.repeat(X[:, :, :1], k, axis=2)
    assert regressor().fit(X, y).predict(X).shape == y.shape
    predicted = regressor().fit(list(X), list(y)).predict(list(X))
    assert [row.shape for row in predicted] == [row.shape for row in y]


def test_a_sequence_of_one_step_equals_the_pooled_model():
    X, y = RNG.normal(size=(20, 1, 3)), RNG.normal(size=20)
    pooled = LSTMRegressor(**{**PLAIN, "max_epochs": 3}, pooling="last").fit(X, y)
    model = regressor(max_epochs=3).fit(X, y[:, None])
    assert_allclose(model.predict(X)[:, 0], pooled.predict(X), rtol=1e-5)


def test_the_last_step_is_what_pooling_last_predicts():
    X, y = RAGGED, targets()
    model = regressor(num_layers=2).fit(X, y)
    pooled = LSTMRegressor(num_layers=2, pooling="last", **PLAIN).fit(X, [row[-1] for row in y])
    pooled.net_.module_.load_state_dict(model.net_.module_.state_dict())
    last = [row[-1] for row in model.predict(X)]
    assert_allclose(pooled.predict(X), last, rtol=max(1e-6, ROUNDING))
    # and the prediction of a step is that of the sequence cut after it
    for x, row in zip(X, model.predict(X), strict=True):
        for step in range(len(x)):
            assert_same_numbers(model.predict([x[: step + 1]])[0], row[: step + 1])


def test_bidirectional_sees_the_future():
    x = RNG.normal(size=(1, 6, 2))
    other = x.copy()
    other[0, -1] += 5.0
    for kind, params, sees in [
        ("number", {"bidirectional": False}, False),
        ("number", {"bidirectional": True}, True),
        ("labels", {"bidirectional": True}, True),
        ("labels", {"bidirectional": "auto"}, False),  # the default
    ]:
        model = model_for(kind, **params).fit(RAGGED, targets(kind))
        before, after = outputs_of(model, x)[0], outputs_of(model, other)[0]
        assert (before[-1] != after[-1]).any()
        assert (before[:-1] != after[:-1]).any() == sees


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"bidirectional": True},
        {"num_layers": 2},
        {"cell": "peephole"},
        {"activation": "relu"},
        {"loss": "quantile"},
    ],
)
def test_neither_padding_nor_the_rows_beside_it_change_a_prediction(params, monkeypatch):
    # 70 sequences in many batches of inference
    lengths = np.random.default_rng(1).integers(1, 12, 70)
    X = [RNG.normal(size=(length, 2)) for length in lengths]
    model = regressor(hidden_size=16, **params).fit(X, targets(X=X))
    predicted = model.predict(X)
    alone = [model.predict([x])[0] for x in X]
    at_end, at_start = pad(X, [0] * 70, steps=13), pad(X, 13 - lengths, steps=13)
    monkeypatch.setattr(_batches, "INFERENCE_ENTRIES", 1000)
    monkeypatch.setattr(_batches, "GPU_FACTOR", 1)
    assert _batches.inference_rows(model.net_.module_, 13) < 10
    for expected, *others in zip(
        alone,
        predicted,
        model.predict(X),
        model.predict(at_end),
        model.predict(at_start),
        strict=True,
    ):
        assert np.isfinite(expected).all()
        for other in others:
            assert_same_numbers(other[np.isfinite(other)], expected)


# ------------------------------------------------------------------------------------ labels


def test_types_of_labels():
    flags = [row > 0 for row in targets()]
    for make, dtype in [
        (lambda row: row, bool),
        (lambda row: row.astype(int) * 3, np.int64),
        (lambda row: row.astype(float), np.float64),
        (lambda row: np.where(row, "yes", "no"), "<U3"),
    ]:
        y = [make(row) for row in flags]
        for X, given in [
            (RAGGED, y),
            (RAGGED, [row.astype(object) for row in y]),
            (RAGGED, [row.tolist() for row in y]),
            (pad(RAGGED), pad(y, missing=None)),
            (pad(RAGGED), pd.DataFrame(pad(y, missing=None))),
        ]:
            model = classifier().fit(X, given)
            assert model.classes_.dtype == dtype
            assert_array_equal(model.classes_, np.unique(np.concatenate(y)))
            predicted = model.predict(X)
            hits = [
                row[start : start + len(true)] == true if isinstance(X, np.ndarray) else row == true
                for row, true, start in zip(predicted, y, FIRST, strict=True)
            ]
            assert_allclose(model.score(X, given), np.concatenate(hits).mean())


def test_predictions_are_valid_targets():
    X, y = pad(RAGGED), pad(targets("labels"), missing=None)
    predicted = classifier(max_epochs=30).fit(X, y).predict(X)
    assert predicted.dtype == object
    real = [row[i : i + n].astype(int) for row, i, n in zip(predicted, FIRST, LENGTHS, strict=True)]
    assert_same_model(classifier().fit(X, predicted), classifier().fit(RAGGED, real))


@pytest.mark.parametrize("kind", ["binary", "labels", "multilabel"])
@pytest.mark.parametrize("ragged", [True, False])
def test_probabilities(kind, ragged):
    X = RAGGED if ragged else pad(RAGGED)
    model = classifier(max_epochs=5).fit(X, targets(kind))
    logits, labels = model.decision_function(X), model.predict(X)
    probability, log_probability = model.predict_proba(X), model.predict_log_proba(X)
    n_classes = len(model.classes_)
    for i, length in enumerate(LENGTHS):
        steps = slice(None) if ragged else slice(FIRST[i], FIRST[i] + length)
        z, p, q, label = (a[i][steps] for a in (logits, probability, log_probability, labels))
        assert p.shape == (length, n_classes)
        assert_allclose(np.exp(q), p, rtol=1e-12)
        if kind == "multilabel":
            assert_allclose(p, 1 / (1 + np.exp(-z)))
            assert_array_equal(label, (p > 0.5).astype(int))
            continue
        assert_allclose(p.sum(axis=1), 1.0)
        assert_array_equal(label, model.classes_[p.argmax(axis=1)])
        if kind == "binary":
            assert z.shape == (length,)
            assert_allclose(p[:, 1], 1 / (1 + np.exp(-z)))
        else:
            assert_allclose(z.sum(axis=1), 0.0, atol=1e-12)
            assert_allclose(p, np.exp(z) / np.exp(z).sum(axis=1, keepdims=True))
    if not ragged:
        padding = np.isnan(X[:, :, 0])
        for values in (logits, probability, log_probability):
            assert_array_equal(np.isnan(values).reshape(N, STEPS, -1).all(axis=2), padding)
            assert_array_equal(np.isnan(values).reshape(N, STEPS, -1).any(axis=2), padding)


def test_quantiles():
    y = targets("numbers")
    model = regressor(loss="quantile", quantiles=[0.05, 0.5, 0.8, 0.9], max_epochs=5)
    model.fit(RAGGED, y)
    table = model.predict_quantiles(RAGGED)
    for row, median, length in zip(table, model.predict(RAGGED), LENGTHS, strict=True):
        assert row.shape == (length, 3, 4)
        assert (np.diff(row, axis=2) > 0).all()
        assert_array_equal(row[:, :, 1], median)
    assert_array_equal(model.predict_quantiles(pad(RAGGED))[3, FIRST[3] : FIRST[3] + 6], table[3])
    single = regressor(loss="quantile").fit(pad(RAGGED), targets())
    table = single.predict_quantiles(pad(RAGGED))
    assert table.shape == (N, STEPS, 3)
    assert_array_equal(table[:, :, 1], single.predict(pad(RAGGED)))


# ------------------------------------------------------------------------ losses, by slow twins


class Watch(Callback):
    """The rows of training and validation."""

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        self.train_rows_ = dataset_train.rows.tolist()
        self.valid_rows_ = [] if dataset_valid is None else dataset_valid.rows.tolist()


def loss_of_step(kind, loss, true, output, model, target_scale, smoothing):
    """Loss of one time step, and of one target after the other."""
    if kind in ("number", "numbers"):
        _, scale = target_scale
        errors = np.atleast_1d((true - output) / scale)
        if loss == "squared_error":
            return np.mean([e**2 for e in errors])
        if loss == "absolute_error":
            return np.mean([abs(e) for e in errors])
        return np.mean([e**2 / 2 if abs(e) < 1 else abs(e) - 0.5 for e in errors])
    log_p = output
    if kind == "multilabel":
        p = np.exp(log_p)
        t = true * (1 - smoothing) + 0.5 * smoothing
        return np.mean(-t * np.log(p) - (1 - t) * np.log(1 - p))
    n_classes = len(log_p)
    share = np.full(n_classes, smoothing / n_classes)
    share[list(model.classes_).index(true)] += 1 - smoothing
    return -(share * log_p).sum()


TWINS = {
    "squared": ("number", {}, {}),
    "absolute": ("number", {"loss": "absolute_error"}, {}),
    "huber": ("number", {"loss": "huber"}, {}),
    "several outputs": ("numbers", {}, {}),
    "binary": ("binary", {}, {}),
    "labels": ("labels", {}, {}),
    "multilabel": ("multilabel", {}, {}),
    "smoothed labels": ("labels", {"label_smoothing": 0.3}, {}),
    "smoothed binary": ("binary", {"label_smoothing": 0.3}, {}),
    "balanced": ("labels", {"class_weight": "balanced"}, {}),
    "balanced binary": ("binary", {"class_weight": "balanced"}, {}),
    "class weights": ("labels", {"class_weight": {0: 1.0, 1: 5.0, 2: 0.5}}, {}),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("container", ["list", "padded"])
@pytest.mark.parametrize("kind, params, _", TWINS.values(), ids=TWINS.keys())
def test_the_loss_is_the_mean_over_all_real_steps(kind, params, _, container, weighted, tmp_path):
    """With a learning rate of nearly 0 the losses are those of the model as it is."""
    X, y = X_CONTAINERS[container](tmp_path), targets(kind)
    sample_weight = np.arange(N) % 3 * 0.7 if weighted else np.ones(N)
    model = model_for(
        kind,
        learning_rate=1e-30,
        max_epochs=1,
        batch_size=4,
        early_stopping=True,
        validation_fraction=0.4,
        callbacks=[Watch()],
        **params,
    )
    model.fit(X, y, sample_weight=sample_weight)
    watch = next(cb for _, cb in model.net_.callbacks_ if isinstance(cb, Watch))
    assert len(watch.train_rows_) >= 4
    assert len(watch.valid_rows_) >= 3

    outputs = (
        model.predict(RAGGED) if kind in ("number", "numbers") else model.predict_log_proba(RAGGED)
    )
    steps_of = {
        part: [(i, t) for i in rows for t in range(LENGTHS[i])]
        for part, rows in [("train", watch.train_rows_), ("valid", watch.valid_rows_)]
    }
    scale = (None, None)
    if kind in ("number", "numbers"):
        values = np.array([y[i][t] for i, t in steps_of["train"]])
        w = np.array([sample_weight[i] for i, _ in steps_of["train"]])
        mean = np.average(values, axis=0, weights=w)
        scale = mean, np.sqrt(np.average((values - mean) ** 2, axis=0, weights=w))
    factor = {}
    if params.get("class_weight") == "balanced":
        flat = [y[i][t] for i in range(N) for t in range(LENGTHS[i])]
        w = [sample_weight[i] for i in range(N) for t in range(LENGTHS[i])]
        total = sum(w)
        for c in model.classes_:
            of_class = sum(v for v, label in zip(w, flat, strict=True) if label == c)
            factor[c] = total / (len(model.classes_) * of_class)
    elif params.get("class_weight"):
        factor = params["class_weight"]

    losses, weights = {}, {}
    for part, steps in steps_of.items():
        smoothing = params.get("label_smoothing", 0.0) if part == "train" else 0.0
        losses[part] = np.array(
            [
                loss_of_step(
                    kind,
                    params.get("loss", "squared_error"),
                    y[i][t],
                    outputs[i][t],
                    model,
                    scale,
                    smoothing,
                )
                for i, t in steps
            ]
        )
        weights[part] = np.array(
            [sample_weight[i] * (factor[y[i][t]] if factor else 1.0) for i, t in steps]
        )
    row = model.history_[0]
    train = np.average(losses["train"], weights=weights["train"])
    assert_allclose(row["train_loss"], train, rtol=2e-5)
    # In the unit of the training rows, so that weights do not depend on the split.
    valid = np.mean(losses["valid"] * weights["valid"]) / weights["train"].mean()
    assert_allclose(row["valid_loss"], valid, rtol=2e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weighted", [False, True])
def test_a_step_of_gradient_descent_against_one_sequence_at_a_time(kind, weighted):
    y = targets(kind)
    sample_weight = np.arange(1, N + 1) / 7 if weighted else None
    options = {"optimizer": torch.optim.SGD, "clip_norm": None, "max_epochs": 1, "batch_size": N}
    before = model_for(kind, learning_rate=1e-30, **options).fit(RAGGED, y, sample_weight)
    after = model_for(kind, learning_rate=0.5, **options).fit(RAGGED, y, sample_weight)

    module = copy.deepcopy(before.net_.module_).cpu()
    total, total_weight = 0.0, 0.0
    for i, x in enumerate(RAGGED):
        weight = 1.0 if sample_weight is None else sample_weight[i]
        output = module.encode(module.standardize(torch.tensor(x)[None]))[0]
        for t in range(len(x)):
            if kind in ("number", "numbers"):
                true = (torch.tensor(np.atleast_1d(y[i][t])) - module.y_mean) / module.y_scale
                loss = ((output[t] - true) ** 2).mean()
            elif kind == "multilabel":
                p = output[t].sigmoid()
                true = torch.tensor(y[i][t])
                loss = -(true * p.log() + (1 - true) * (1 - p).log()).mean()
            elif kind == "binary":
                p = output[t, 0].sigmoid()
                loss = -(p if y[i][t] == "up" else 1 - p).log()
            else:
                loss = -output[t].log_softmax(0)[y[i][t]]
            total = total + weight * loss
            total_weight += weight
    (total / total_weight).backward()
    gradients = {name: p.grad for name, p in module.named_parameters()}
    assert max(float(g.abs().max()) for g in gradients.values()) > 1e-3
    start, end = (weights_of(model) for model in (before, after))
    for name, gradient in gradients.items():
        assert_allclose(start[name] - end[name], 0.5 * gradient.numpy(), atol=2e-6)


def test_constant_targets():
    model = regressor(max_epochs=1, learning_rate=1e-30).fit(
        RAGGED, [np.full(n, 7.0) for n in LENGTHS]
    )
    values = np.concatenate(model.predict(RAGGED))
    assert_allclose(values, 7.0, atol=2.0)
    assert_allclose(model.history_[0]["train_loss"], ((values - 7) ** 2).mean(), rtol=1e-5)
    with pytest.raises(ValueError, match="at least 2 classes"):
        classifier().fit(RAGGED, [np.zeros(n, int) for n in LENGTHS])


# ------------------------------------------------------------------------------ sample weights

WEIGHT_CASES = {
    "number": ("number", {"batch_size": 4}),
    "numbers": ("numbers", {"batch_size": 4, "dropout": 0.3, "num_layers": 2}),
    "quantile": ("number", {"batch_size": 4, "loss": "quantile"}),
    "binary": ("binary", {"batch_size": 4}),
    "balanced": ("labels", {"batch_size": 4, "class_weight": "balanced"}),
    "multilabel": ("multilabel", {"batch_size": 4}),
    "early stopping": ("number", {"batch_size": 4, "early_stopping": True, "max_epochs": 4}),
    "early stopping, labels": ("labels", {"early_stopping": True, "validation_fraction": 0.3}),
}
weight_cases = pytest.mark.parametrize(
    "kind, params", WEIGHT_CASES.values(), ids=WEIGHT_CASES.keys()
)


@weight_cases
@pytest.mark.parametrize("padded", [False, True])
def test_a_sample_weight_equals_repetition(kind, params, padded):
    X, y = pad(RAGGED) if padded else RAGGED, targets(kind)
    weight = np.arange(N) % 4
    rows = np.random.default_rng(1).permutation(np.repeat(np.arange(N), weight))
    weighted = model_for(kind, **params).fit(X, y, sample_weight=weight)
    assert_same_model(weighted, model_for(kind, **params).fit(take(X, rows), take(y, rows)))
    assert_other_model(weighted, model_for(kind, **params).fit(X, y))


@weight_cases
def test_the_order_of_the_rows_does_not_matter(kind, params):
    rows, y = np.random.default_rng(2).permutation(N), targets(kind)
    expected = model_for(kind, **params).fit(RAGGED, y)
    assert_same_model(model_for(kind, **params).fit(take(RAGGED, rows), take(y, rows)), expected)
    y[0], y[3] = y[3][:5], np.r_[y[0], y[0][:1]]  # of other sequences
    assert_other_model(model_for(kind, **params).fit(RAGGED, y), expected)


@weight_cases
@pytest.mark.parametrize("length", [1, 40])
def test_weight_zero_removes_a_row_of_any_length(kind, params, length):
    X, y = RAGGED, targets(kind)
    odd = np.ones((length, FEATURES))
    weight = np.r_[np.ones(N), 0.0]
    weighted = model_for(kind, **params)
    weighted.fit([*X, odd], [*y, targets(kind, [odd])[0]], sample_weight=weight)
    assert_same_model(weighted, model_for(kind, **params).fit(X, y))


@pytest.mark.parametrize("kind", KINDS)
def test_the_defaults(kind):
    estimator = LSTMRegressor if kind in ("number", "numbers") else LSTMClassifier
    model = estimator(8, return_sequences=True, max_epochs=2, random_state=0)
    y, weight = targets(kind), np.arange(N) % 4
    rows = np.random.default_rng(1).permutation(np.repeat(np.arange(N), weight))
    repeated = clone(model).fit(take(RAGGED, rows), take(y, rows))
    assert_same_model(clone(model).fit(pad(RAGGED), y, sample_weight=weight), repeated)
    assert len(repeated.predict(RAGGED)) == N


def test_weight_zero_removes_a_class():
    y = targets("labels")
    y[0] = np.full(5, 9)
    weight = np.r_[0.0, np.ones(N - 1)]
    model = classifier().fit(RAGGED, y, sample_weight=weight)
    assert_array_equal(model.classes_, [0, 1, 2])
    assert_same_model(model, classifier().fit(RAGGED[1:], y[1:]))


def test_only_equal_rows_are_merged():
    # the same X with other targets, and targets that differ in one step only
    X = [np.ones((3, 1)), np.ones((3, 1)), np.ones((3, 1)), np.ones((2, 1)), np.ones((3, 1))]
    y = [[1.0, 0, 0], [1.0, 0, 1], [1.0, 0, 0], [1.0, 0], [0.0, 1, 0]]
    model = regressor(max_epochs=1, callbacks=[Watch()]).fit(X, y)
    rows = model.net_.callbacks_[0][1].train_rows_
    assert sorted(rows) in ([0, 1, 3, 4], [1, 2, 3, 4])


# ------------------------------------------------------------------------- going on, and early


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("padded", [False, True])
def test_partial_fit_and_warm_start_equal_one_fit(kind, padded):
    X, y = pad(RAGGED) if padded else RAGGED, targets(kind)
    params = {"batch_size": 5, "dropout": 0.2}
    expected = model_for(kind, max_epochs=3, **params).fit(X, y)
    steps = model_for(kind, **params)
    warm = model_for(kind, max_epochs=1, warm_start=True, **params)
    for _ in range(3):
        steps.partial_fit(X, y)
        warm.fit(X, y)
    assert_same_model(steps, expected)
    assert_same_model(warm, expected)


def test_going_on_with_sequences_of_other_length():
    long = [RNG.normal(size=(30, 2)) for _ in range(4)]
    model = regressor(optimizer="sgd", learning_rate=1e-30).partial_fit(RAGGED, targets())
    model.partial_fit(long, targets(X=long))
    module = model.net_.module_
    errors = np.concatenate(model.predict(long)) - np.concatenate(targets(X=long))
    # still the mean over time steps, in the unit of the first call
    loss = ((errors / module.y_scale.cpu().numpy()) ** 2).mean()
    assert_allclose(model.history_[1]["train_loss"], loss, rtol=1e-5)
    assert model.n_timesteps_in_ is None


def test_going_on_with_other_outputs_is_an_error():
    y = targets()
    model = regressor(warm_start=True).fit(RAGGED, y)
    kept = weights_of(model)
    with pytest.raises(ValueError, match="n_outputs is 3, but was 1"):
        model.partial_fit(RAGGED, targets("numbers"))
    with pytest.raises(ValueError, match="return_sequences is False, but was True"):
        clone(model).fit(RAGGED, y).set_params(return_sequences=False).fit(
            RAGGED, [row[0] for row in y]
        )
    labelled = classifier().partial_fit(RAGGED, targets("labels"), classes=[0, 1, 2, 3])
    assert len(labelled.classes_) == 4
    strange = targets("labels")
    strange[3][2] = 8
    with pytest.raises(ValueError, match=r"class 8 \(sample 3, time step 2\)"):
        labelled.partial_fit(RAGGED, strange)
    with pytest.raises(ValueError, match=rf"class 8 \(sample 3, time step {FIRST[3] + 2}\)"):
        labelled.partial_fit(pad(RAGGED), strange, sample_weight=np.r_[0, np.ones(N - 1)])
    with pytest.raises(ValueError, match="multilabel indicator, as in the first call"):
        labelled.partial_fit(RAGGED, targets("multilabel"))
    for name, w in weights_of(model).items():
        assert_array_equal(w, kept[name])


def test_a_parameter_set_after_fit_does_not_change_predictions():
    model = regressor().fit(RAGGED, targets())
    expected = model.predict(RAGGED)
    model.set_params(return_sequences=False)
    for row, other in zip(model.predict(RAGGED), expected, strict=True):
        assert_array_equal(row, other)
    assert model.score(RAGGED, targets()) == model.set_params(return_sequences=True).score(
        RAGGED, targets()
    )


@pytest.mark.parametrize("split", ["random", "last"])
@pytest.mark.parametrize("kind", ["number", "labels"])
def test_early_stopping_goes_back_to_the_best_epoch(kind, split):
    X, y = RAGGED, targets(kind)
    params = {
        "early_stopping": True,
        "validation_split": split,
        "validation_fraction": 0.3,
        "n_iter_no_change": 2,
        "learning_rate": 0.1,
        "max_epochs": 60,
    }
    model = model_for(kind, **params, callbacks=[Watch()]).fit(X, y)
    losses = [row["valid_loss"] for row in model.history_]
    assert len(losses) < 60
    best = int(np.argmin(losses)) + 1
    assert best < len(losses)
    watch = next(cb for _, cb in model.net_.callbacks_ if isinstance(cb, Watch))
    if split == "last":
        assert sorted(watch.valid_rows_) == list(range(N - 4, N))
    again = model_for(kind, **{**params, "max_epochs": best}).fit(X, y)
    for name, w in weights_of(again).items():
        assert_array_equal(w, weights_of(model)[name])


@pytest.mark.parametrize("kind", KINDS)
def test_pickle_and_clone(kind):
    X, y = pad(RAGGED), targets(kind)
    model = model_for(kind).fit(X, y)
    other = pickle.loads(pickle.dumps(model))
    assert_same_model(model, other)
    assert_array_equal(outputs_of(model, X), outputs_of(other, X))
    assert_array_equal(model.predict(X), other.predict(X))
    assert other.score(X, y) == model.score(X, y)
    fresh = clone(model)
    assert fresh.return_sequences and not hasattr(fresh, "net_")
    assert_same_model(fresh.fit(X, y), model)


def test_a_network_of_ones_own():
    class PerStep(torch.nn.Module):
        def __init__(self, n_features, n_outputs):
            super().__init__()
            self.linear = torch.nn.Linear(n_features, n_outputs)

        def forward(self, x, lengths):
            padding = torch.arange(x.shape[1], device=x.device) >= lengths[:, None]
            # what stands there must not matter
            return self.linear(x).masked_fill(padding[:, :, None], torch.nan)

    def module(n_features, n_outputs, random_state):
        return PerStep(n_features, n_outputs)

    y = [3 * x[:, 0] + 5 for x in RAGGED]
    model = regressor(module=module, max_epochs=80, learning_rate=0.2)
    for X in (RAGGED, pad(RAGGED)):
        assert model.fit(X, y).score(X, y) > 0.999
    labels = [np.digitize(row, [3, 6]) for row in y]
    model = classifier(module=module, max_epochs=40, learning_rate=0.2).fit(RAGGED, labels)
    assert model.score(RAGGED, labels) > 0.8
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(np.concatenate(model.predict_log_proba(RAGGED))).all()


def test_relu_in_long_padding():
    X = [np.full((1, 2), 1e4), RNG.normal(size=(300, 2)), np.full((2, 2), -1e4)]
    y = [np.ones(len(x)) for x in X]
    for seed in range(3):
        model = regressor(activation="relu", hidden_size=32, standardize=False, random_state=seed)
        assert np.isfinite(model.fit(X, y).history_[-1]["train_loss"])


# -------------------------------------------------------------------------------- augmentation


@pytest.mark.parametrize("kind", ["number", "labels", "multilabel"])
@pytest.mark.parametrize("change", [Jitter(), Scale(), TimeMask(), ChannelDropout(0.5)])
def test_augmentations_that_keep_time(change, kind):
    X, y = RAGGED, targets(kind)
    model = model_for(kind, augmentation=[change], batch_size=5).fit(X, y)
    assert_other_model(model, model_for(kind, batch_size=5).fit(X, y))
    assert_same_model(
        model,
        model_for(kind, augmentation=[change], batch_size=5).fit(pad(X), pad(y, missing=None)),
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", [TimeWarp(), Crop(), Mixup()])
def test_augmentations_that_move_time_are_refused(change, kind):
    name = type(change).__name__
    with pytest.raises(ValueError, match=f"{name} moves time steps.* return_sequences=True"):
        model_for(kind, augmentation=[change]).fit(RAGGED, targets(kind))


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda b, g: replace(b, x=b.x[:, :4].contiguous()), r"must return x .*shape \(14, 8, 2\)"),
        (lambda b, g: replace(b, lengths=b.lengths.clamp(max=2)), "the lengths it was given"),
        (lambda b, g: replace(b, weights=None), "must return weights"),
        (lambda b, g: replace(b, weights=b.weights[:, 0]), r"must return weights .*\(14, 8\)"),
        (lambda b, g: replace(b, targets=b.targets[:, 0]), r"must return targets .*\(14, 8, 1\)"),
    ],
)
def test_what_an_augmentation_returns_is_checked(change, message):
    with pytest.raises(ValueError, match=message):
        regressor(augmentation=[change]).fit(RAGGED, targets())


def test_an_augmentation_of_ones_own():
    seen = []

    def look(batch, generator):
        seen.append(batch)
        return replace(batch, x=-batch.x, targets=-batch.targets)

    regressor(augmentation=[look], max_epochs=1).fit(RAGGED, targets())
    (batch,) = seen
    assert batch.targets.shape == (N, 8, 1)
    real = np.arange(8) < batch.lengths.cpu().numpy()[:, None]
    assert_array_equal(batch.weights.cpu() > 0, real)
    assert_allclose(batch.weights.sum().item(), N, rtol=1e-6)
    seen.clear()
    classifier(augmentation=[look], max_epochs=1).fit(RAGGED, targets("labels"))
    assert seen[0].targets.shape == (N, 8, 3)
    assert_array_equal(seen[0].targets.cpu()[real].sum(1), torch.ones(int(real.sum())))


# ------------------------------------------------------------------------------- wrong inputs


@pytest.mark.parametrize("make", [regressor, classifier])
def test_wrong_targets(make):
    y = targets("number" if make is regressor else "labels")
    cases = [
        ([row[0] for row in y], "one target per time step.* at sample 0"),
        (np.array([row[0] for row in y]), "one target per time step.* at sample 0"),
        (y[:-1], "Got 14 in X and 13 in y"),
        ([*y[:4], y[4][:1], *y[5:]], "Sample 4 has 2 time steps, but 1 targets"),
        (None, "requires y to be passed"),
        (3, "one target per time step"),
        ([*y[:2], [0.0, None, 1.0], *y[3:]], "sample 2, time step 1"),
    ]
    model = make().fit(RAGGED, y)
    kept = weights_of(model)
    for wrong, message in cases:
        for method in (model.fit, model.partial_fit):
            with pytest.raises(ValueError, match=message):
                method(RAGGED, wrong)
    for name, w in weights_of(model).items():
        assert_array_equal(w, kept[name])


def test_padding_needs_no_target_and_a_real_step_does():
    X, y = pad(RAGGED), pad(targets())
    expected = regressor().fit(RAGGED, targets())
    padding = np.isnan(y)
    for filler in (0.0, np.nan, np.inf, 1e300):
        assert_same_model(regressor().fit(X, np.where(padding, filler, y)), expected)
    y[2, FIRST[2] + 1] = np.nan
    with pytest.raises(ValueError, match=f"sample 2, time step {FIRST[2] + 1}"):
        regressor().fit(X, y)


def test_continuous_labels_and_text_targets():
    with pytest.raises(ValueError, match=r"Unknown label type|continuous"):
        classifier().fit(RAGGED, targets())
    with pytest.raises(ValueError, match="y must be real numbers"):
        regressor().fit(RAGGED, targets("binary"))
    with pytest.raises(ValueError, match=r"several columns of classes|indicator of 0 and 1"):
        classifier().fit(RAGGED, [np.c_[row, row] for row in targets("labels")])


@pytest.mark.parametrize("make", [regressor, classifier])
@pytest.mark.parametrize("pooling", ["mean", "max", "attention", ["mean", "max"]])
def test_pooling_is_an_error(make, pooling):
    y = targets("number" if make is regressor else "labels")
    with pytest.raises(ValueError, match=r"'pooling' parameter of LSTM.* return_sequences=True"):
        make(pooling=pooling).fit(RAGGED, y)


def test_a_subclass_with_its_own_parameters():
    class Small(LSTMRegressor):
        def __init__(self, max_epochs=1, return_sequences=False):
            super().__init__(4, max_epochs=max_epochs, return_sequences=return_sequences)

    Small().fit(RAGGED, [row[-1] for row in targets()])
    assert len(Small(return_sequences=True).fit(RAGGED, targets()).predict(RAGGED)) == N


def test_class_weights_are_checked():
    with pytest.raises(ValueError, match="must be None for a multilabel y"):
        classifier(class_weight="balanced").fit(RAGGED, targets("multilabel"))
    with pytest.raises(ValueError, match="must not be negative"):
        classifier(class_weight={0: -1}).fit(RAGGED, targets("labels"))


def test_sample_weights_are_one_per_sequence():
    with pytest.raises(ValueError, match="sample_weight must be a 1D array"):
        regressor().fit(RAGGED, targets(), sample_weight=np.ones((N, STEPS)))
    with pytest.raises(ValueError, match="sample_weight"):
        regressor().fit(RAGGED, targets(), sample_weight=np.ones(sum(LENGTHS)))


# ---------------------------------------------------------------------------- in scikit-learn


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("padded", [False, True])
def test_in_a_pipeline(kind, padded):
    X, y = pad(RAGGED) if padded else RAGGED, targets(kind)
    model = make_pipeline(SequenceWise(StandardScaler()), model_for(kind)).fit(X, y)
    predicted = model.predict(X)
    assert isinstance(predicted, np.ndarray if padded else list)
    plain = model_for(kind).fit(X, y)
    if kind in ("number", "numbers"):  # the network standardises by itself
        flat = [p[~np.isnan(p)] for p in predicted]
        for row, other in zip(flat, plain.predict(RAGGED), strict=True):
            assert_allclose(row, other.ravel(), rtol=1e-3, atol=1e-4)
    metric = r2_score if kind in ("number", "numbers") else accuracy_score
    assert np.isfinite(model.score(X, y))
    if not padded:
        expected = metric(np.concatenate(y), np.concatenate(predicted))
        assert_allclose(model.score(X, y), expected)


def test_split_and_cross_val_predict():
    X, y = RNG.normal(size=(12, 4, 2)), RNG.normal(size=(12, 4))
    predicted = cross_val_predict(regressor(), X, y, cv=3)
    rows = np.arange(4, 12)
    assert_array_equal(predicted[:4], regressor().fit(X[rows], y[rows]).predict(X[:4]))
    a, b, c, d = train_test_split(RAGGED, targets(), random_state=0)
    assert np.isfinite(regressor().fit(a, c).score(b, d))


def test_transformed_targets_without_padding():
    X = RNG.normal(size=(12, 4, 2))
    y = np.exp(X.cumsum(axis=1)[:, :, 0])
    model = TransformedTargetRegressor(regressor(), func=np.log, inverse_func=np.exp)
    inner = regressor().fit(X, np.log(y))
    assert_allclose(model.fit(X, y).predict(X), np.exp(inner.predict(X)))


@functools.cache
def importances_of_the_list(level):
    return (
        regressor()
        .fit(RAGGED, targets())
        .explain_permutation(RAGGED, targets(), level=level, n_repeats=2, random_state=0)
    )


@pytest.mark.parametrize("level, shape", [("feature", (2,)), ("timestep", (6,)), ("cell", (6, 2))])
@pytest.mark.parametrize("container", ["DataFrames", "padded", "list of padded arrays"])
def test_permutation_importance(container, level, shape, tmp_path):
    X, y = X_CONTAINERS[container](tmp_path), targets()
    if container != "DataFrames":
        y = [pad([item], [i], steps=STEPS)[0] for item, i in zip(y, FIRST, strict=True)]
    model = regressor().fit(X, y)
    result = model.explain_permutation(X, y, level=level, n_repeats=2, random_state=0)
    assert result.importances_mean.shape == shape
    assert_array_equal(result.importances, importances_of_the_list(level).importances)


# ------------------------------------------------------------------------------------ real data


def test_speakers_are_known_better_the_longer_they_speak():
    X, y = load_japanese_vowels(return_X_y=True)
    X_test, y_test = load_japanese_vowels(return_X_y=True, subset="test")
    X_test = [x[np.isfinite(x[:, 0])] for x in X_test]
    model = classifier(hidden_size=32, max_epochs=8)
    model.fit(X, [np.full(len(x), label) for x, label in zip(X, y, strict=True)])
    predicted = model.predict(X_test)
    first, last = (
        np.mean([row[t] == label for row, label in zip(predicted, y_test, strict=True)])
        for t in (0, -1)
    )
    assert last > 0.85
    assert last > first + 0.1


def test_sunspots_of_the_next_year_at_every_step():
    series = load_sunspots().data
    X, y, _ = make_windows(series, 22, 1)
    nexts = np.concatenate([X[:, 1:, 0], y.reshape(-1, 1)], axis=1)  # of each step of each window
    train, test = np.arange(0, 180), np.arange(202, len(X))
    model = regressor(hidden_size=16, max_epochs=25)
    predicted = model.fit(X[train], nexts[train]).predict(X[test])

    def rmse(step, values):
        return np.sqrt(np.mean((values[:, step] - nexts[test][:, step]) ** 2))

    assert rmse(-1, predicted) < 0.9 * rmse(-1, X[test][:, :, 0])  # persistence
    assert rmse(-1, predicted) < rmse(0, predicted)  # the memory of 22 years helps
