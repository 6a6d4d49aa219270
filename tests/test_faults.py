"""Many threads, other processes, and thousands of calls: the same answers, and nothing is kept."""

import gc
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import in_other_processes
import numpy as np
import pytest
import torch
from rounding import assert_same_numbers

from sklstm import LSTMClassifier, LSTMRegressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 5, 2))
Y = X[:, -1, 0] + X[:, 0, 1]
LABELS = np.array(["low", "middle", "high"])[np.digitize(Y, [-0.5, 0.5])]
MODEL = LSTMClassifier(hidden_size=4, num_layers=2, dropout=0.3, max_epochs=2, random_state=0)
MODEL.fit(X, LABELS)
BACKGROUND = X[:6]
RAGGED = [row[: 2 + i % 4] for i, row in enumerate(X)]

# What several threads may ask of one fitted estimator.
CALLS = {
    "predict": lambda: MODEL.predict(X),
    "predict_proba": lambda: MODEL.predict_proba(X),
    "ragged": lambda: MODEL.decision_function(RAGGED),
    "one row": lambda: MODEL.predict_proba(X[3:4]),
    "pickle": lambda: pickle.loads(pickle.dumps(MODEL)).predict_proba(X),
    "shap": lambda: MODEL.explain_shap(X[:4], background=BACKGROUND).values,
    "exact": lambda: MODEL.explain_shap(X[:2], background=BACKGROUND, level="timestep").values,
    "gradients": lambda: MODEL.explain_gradients(X[:4]).values,
    "gates": lambda: MODEL.explain_gates(X[:4]).forget_gate,
    "units": lambda: MODEL.explain_units(X, LABELS, background=BACKGROUND).ablation,
    "permutation": lambda: MODEL.explain_permutation(X, LABELS, random_state=0).importances,
    "lime": lambda: MODEL.explain_lime(X[:2], background=BACKGROUND, random_state=0).values,
}


def at_once(calls):
    """Results of calls that begin at the same time, each in a thread."""
    barrier = threading.Barrier(len(calls))

    def begin(call):
        barrier.wait(timeout=60)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(begin, calls))


def test_sixteen_threads_use_one_fitted_estimator():
    names = [*CALLS, *["predict_proba"] * (16 - len(CALLS))]
    alone = {name: call() for name, call in CALLS.items()}
    modes = [module.training for module in MODEL.net_.module_.modules()]
    for _ in range(3):
        for name, found in zip(names, at_once([CALLS[name] for name in names]), strict=True):
            assert_same_numbers(found, alone[name], err_msg=name)
    assert [module.training for module in MODEL.net_.module_.modules()] == modes


def test_predictions_while_the_estimator_is_fitted_anew_are_of_one_fit_or_the_other():
    model = LSTMRegressor(hidden_size=4, dropout=0.5, max_epochs=3)
    possible = [model.set_params(random_state=seed).fit(X, Y).predict(X) for seed in range(2)]
    done = threading.Event()

    def refit():
        try:
            for i in range(10):
                model.set_params(random_state=i % 2).fit(X, Y)
        finally:
            done.set()

    def predict():
        found = [model.predict(X)]
        while not done.is_set():
            found.append(model.predict(X))
        return found

    found = at_once([predict, refit])[0]
    assert all(any(np.array_equal(one, two) for two in possible) for one in found)


def test_other_processes_find_the_same_numbers():
    script = Path(in_other_processes.__file__)
    methods = sorted({"fork", "spawn"} & set(multiprocessing.get_all_start_methods()))
    done = subprocess.run(
        [sys.executable, str(script), *methods],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"PYTHONPATH": str(script.parent.parent)},
    )
    assert done.returncode == 0, done.stderr


def use(i):
    rows = slice(i % 5, 20)
    regressor = LSTMRegressor(hidden_size=2, max_epochs=1, random_state=i).fit(X[rows], Y[rows])
    classifier = LSTMClassifier(hidden_size=2, max_epochs=1, random_state=i)
    classifier.fit(RAGGED[rows], LABELS[rows]).predict(RAGGED)
    pickle.loads(pickle.dumps(regressor)).partial_fit(X, Y).predict(X)
    MODEL.explain_shap(X[:2], background=BACKGROUND)
    with pytest.raises(ValueError, match="infinity"):
        MODEL.predict(np.full_like(X, np.inf))


def test_fits_predicts_explanations_and_errors_leave_nothing_behind():
    def held(first, last):
        for i in range(first, last):
            use(i)
        gc.collect()
        objects = gc.get_objects()
        tensors = sum(issubclass(type(item), torch.Tensor) for item in objects)
        # Of arrays alone: Python's caches keep some names, up to a bound.
        arrays = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
        traces = tracemalloc.take_snapshot().filter_traces([arrays]).statistics("filename")
        return sum(trace.size for trace in traces), len(objects), tensors

    use(0)
    tracemalloc.start()
    try:
        memory, objects, tensors = held(0, 3)
        more_memory, more_objects, more_tensors = held(3, 13)
    finally:
        tracemalloc.stop()
    assert more_tensors == tensors
    assert more_objects - objects < 5  # one for every second round
    assert more_memory - memory < 5 * X.nbytes
