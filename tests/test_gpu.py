"""A GPU computes what the CPU computes, to rounding, and hands back NumPy."""

import pickle
from functools import cache

import numpy as np
import pytest
import torch
from joblib import parallel_config
from numpy.testing import assert_allclose

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.simplify import distill

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

N, STEPS, FEATURES = 60, 6, 3
rng = np.random.default_rng(0)
X = rng.normal([5.0, -20.0, 0.0], [2.0, 0.5, 1.0], size=(N, STEPS, FEATURES))
Z = (X - [5.0, -20.0, 0.0]) / [2.0, 0.5, 1.0]
Y = 3.0 * Z[:, 1, 0] * Z[:, 3, 1] + Z[:, -1, 2]
RAGGED = [x[: 1 + i % STEPS] for i, x in enumerate(X)]
CODES = rng.integers(0, 6, size=(N, STEPS))
LABELS = np.digitize(Y, [-1.0, 1.0])
SMALL = {"max_epochs": 5, "learning_rate": 0.03, "dropout": 0.0, "random_state": 0}

CASES = {
    "default": (LSTMRegressor, X, Y, {}),
    "sequences of different length": (LSTMRegressor, RAGGED, Y, {}),
    "stacked": (LSTMRegressor, RAGGED, Y, {"num_layers": 2, "bidirectional": True}),
    "all poolings": (LSTMRegressor, X, Y, {"pooling": ["last", "mean", "max", "input"]}),
    "peephole": (LSTMRegressor, X, Y, {"cell": "peephole"}),
    "relu": (LSTMRegressor, RAGGED, Y, {"activation": "relu"}),
    "quantiles": (LSTMRegressor, X, Y, {"loss": "quantile"}),
    "codes": (LSTMRegressor, CODES, Y, {"embedding_size": 3}),
    "steps": (LSTMRegressor, X, Z[:, :, 0], {"return_sequences": True}),
    "short gradients": (LSTMRegressor, RAGGED, Y, {"tbptt_steps": 2}),
    "classes": (LSTMClassifier, X, LABELS, {}),
    "two classes": (LSTMClassifier, RAGGED, LABELS > 1, {}),
}
cases = pytest.mark.parametrize("name", CASES)


@cache
def fitted(name, device):
    estimator, X, y, params = CASES[name]
    return estimator(5, device=device, **SMALL, **params).fit(X, y)


def on_gpu(name):
    """The model of the CPU, with the same weights."""
    moved = pickle.loads(pickle.dumps(fitted(name, "cpu")))
    return pickle.loads(pickle.dumps(moved.set_params(device="cuda")))


def outputs(model, X):
    values = model.predict(X) if isinstance(model, LSTMRegressor) else model.predict_proba(X)
    return np.concatenate(list(values)) if values.dtype == object else values


def assert_same(found, expected, tolerance=1e-4):
    """To a share of the largest value."""
    assert_allclose(found, expected, rtol=0, atol=tolerance * np.nanmax(np.abs(expected)))


@cases
def test_the_same_weights_predict_the_same(name):
    model = on_gpu(name)
    assert all(weight.is_cuda for weight in model.net_.module_.parameters())
    assert_same(outputs(model, CASES[name][1]), outputs(fitted(name, "cpu"), CASES[name][1]))


@cases
def test_the_same_seed_learns_the_same(name):
    # The weights and the order of the rows are drawn on the CPU; dropout masks are not.
    model = fitted(name, "cuda")
    assert all(weight.is_cuda for weight in model.net_.module_.parameters())
    expected = outputs(fitted(name, "cpu"), CASES[name][1])
    assert_same(outputs(model, CASES[name][1]), expected, 1e-2)


@cases
def test_a_model_of_a_gpu_goes_on_and_comes_back(name):
    _, X, y, _ = CASES[name]
    model = pickle.loads(pickle.dumps(fitted(name, "cuda")))
    n_epochs = model.n_epochs_
    assert model.partial_fit(X, y).n_epochs_ == n_epochs + 1
    back = pickle.loads(pickle.dumps(model.set_params(device="cpu")))
    assert not any(weight.is_cuda for weight in back.net_.module_.parameters())
    assert_same(outputs(back, X), outputs(model, X))


EXPLANATIONS = {
    **{
        f"shap, {method}": ("explain_shap", {"method": method, "level": "feature"})
        for method in ("deep", "blocked", "gradient", "exact", "kernel", "permutation")
    },
    "shap of cells": ("explain_shap", {"method": "deep"}),
    "lime": ("explain_lime", {}),
    **{
        method: ("explain_gradients", {"method": method})
        for method in ("integrated", "saliency", "input_x_gradient", "smoothgrad")
    },
}


@cases
def test_every_network_is_explained_the_same(name):
    X = CASES[name][1]
    expected, found = (
        model.explain_shap(X[:5], background=X[5:15], method="deep")
        for model in (fitted(name, "cpu"), on_gpu(name))
    )
    assert_same(found.values, expected.values, 1e-3)
    assert np.nanmax(found.additivity_gap) < 1e-4 * np.nanmax(np.abs(found.output_values))


@pytest.mark.parametrize("explanation", EXPLANATIONS)
@pytest.mark.parametrize("name", ["stacked", "all poolings", "classes"])
def test_explanations_are_the_same(name, explanation):
    X = CASES[name][1]
    method, params = EXPLANATIONS[explanation]
    if explanation not in ("saliency", "input_x_gradient", "smoothgrad"):
        params = {**params, "background": X[5:15]}
    expected, found = (
        getattr(model, method)(X[:5], random_state=0, **params)
        for model in (fitted(name, "cpu"), on_gpu(name))
    )
    assert_same(found.values, expected.values, 1e-3)
    assert_same(found.output_values, expected.output_values)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_workers_find_the_same(backend):
    # cuDNN has no gradients of a network that predicts: workers must do without it, too.
    X, model = CASES["default"][1], on_gpu("default")
    options = {"background": X[5:15], "method": "gradient"}
    expected = model.explain_shap(X[:5], **options)
    with parallel_config(backend=backend, n_jobs=2):
        found = model.explain_shap(X[:5], **options)
    assert_same(found.values, expected.values)
    assert torch.backends.cudnn.enabled


def test_gates_and_units_are_the_same():
    here, there = fitted("stacked", "cpu"), on_gpu("stacked")
    expected, found = (model.explain_gates(RAGGED[:9]) for model in (here, there))
    for name, value in expected.items():
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            assert_same(found[name], value)
    expected, found = (
        model.explain_units(RAGGED[:9], Y[:9], background=RAGGED[9:]) for model in (here, there)
    )
    assert_same(found.contribution, expected.contribution, 1e-3)
    assert_same(found.ablation, expected.ablation, 1e-3)


def test_variance_is_the_same():
    X = CASES["default"][1]
    expected, found = (
        model.explain_variance(X, n_samples=64, random_state=0)
        for model in (fitted("default", "cpu"), on_gpu("default"))
    )
    assert_same(found.total_order, expected.total_order, 1e-3)


def test_dropout_is_drawn_from_the_seed_and_leaves_the_generator_of_the_gpu_alone():
    options = {**SMALL, "dropout": 0.5, "recurrent_dropout": 0.3, "device": "cuda"}
    before = torch.cuda.get_rng_state()
    first, second = (LSTMRegressor(5, **options).fit(X, Y).predict(X) for _ in range(2))
    assert torch.equal(torch.cuda.get_rng_state(), before)
    assert_same(first, second, 1e-2)
    other = LSTMRegressor(5, **{**options, "random_state": 1}).fit(X, Y).predict(X)
    assert np.abs(other - first).max() > 0.1 * np.abs(first).max()


def test_a_student_learns_from_a_teacher_elsewhere():
    teacher = fitted("default", "cpu")
    student = distill(teacher, LSTMRegressor(3, device="cuda", **SMALL), X)
    assert all(weight.is_cuda for weight in student.net_.module_.parameters())
    assert np.isfinite(student.predict(X)).all()
