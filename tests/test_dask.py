"""Searches and explanations on a Dask cluster of several processes on this machine."""

import os
import signal
import threading
import time
from contextlib import contextmanager

import joblib
import numpy as np
import pytest
import torch
from dask.distributed import Client, LocalCluster
from sklearn.linear_model import LinearRegression
from sklearn.metrics import make_scorer, r2_score
from sklearn.model_selection import GridSearchCV

from sklstm import LSTMRegressor
from sklstm.explain import explain_permutation, explain_shap

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 5, 3))
Y = X[:, 4, 1] + X[:, 0, 0] ** 2
MODEL = LSTMRegressor(hidden_size=4, max_epochs=2, random_state=0).fit(X, Y)
TABLE = X.reshape(80, -1)
LINEAR = LinearRegression().fit(TABLE, Y)


@contextmanager
def cluster_of(n_workers):
    options = {"processes": True, "threads_per_worker": 2 // n_workers, "dashboard_address": ":0"}
    with (
        LocalCluster(n_workers=n_workers, host="127.0.0.1", **options) as cluster,
        Client(cluster) as found,
    ):
        yield found


@pytest.fixture(scope="module")
def client():
    with cluster_of(2) as found:
        yield found


@pytest.fixture
def on_dask(client):
    with joblib.parallel_config(backend="dask"):
        yield client


def search():
    model = LSTMRegressor(hidden_size=4, max_epochs=2, random_state=0)
    found = GridSearchCV(model, {"hidden_size": [3, 4], "dropout": [0.0, 0.3]}, cv=2).fit(X, Y)
    return found.cv_results_["mean_test_score"]


CALLS = {
    "search": search,
    "permutation": lambda: explain_permutation(MODEL, X, Y, random_state=0).importances,
    # 80 rows are three chunks of this method.
    "blocked": lambda: (
        explain_shap(MODEL, X, background=X[:20], method="blocked", random_state=0, budget=8).values
    ),
    "as a whole": lambda: explain_shap(LINEAR, TABLE, background=TABLE[:9], random_state=0).values,
    "gradients": lambda: MODEL.explain_gradients(X).values,
    "lime": lambda: MODEL.explain_lime(X[:9], background=X, random_state=0).values,
    "variance": lambda: MODEL.explain_variance(X, n_samples=64, random_state=0).total_order,
    "units": lambda: MODEL.explain_units(X, Y, background=X[:9]).ablation,
}


@pytest.fixture(scope="module")
def alone():
    return {name: call() for name, call in CALLS.items()}


@pytest.mark.parametrize("name", CALLS)
def test_workers_find_the_same_numbers(alone, on_dask, name):
    np.testing.assert_array_equal(CALLS[name](), alone[name])


def test_workers_do_not_compute_on_more_threads_than_they_have(client):
    assert set(client.run(torch.get_num_threads).values()) == {1}


def test_large_data_are_sent_once_and_not_with_every_task(on_dask):
    # Dask warns of tasks of 10 MB, and warnings are errors.
    table = RNG.normal(size=(14_000, 100))
    assert table.nbytes > 10 * 2**20
    model = LinearRegression().fit(table, table[:, 0])
    columns = {"first": ["x0"], "rest": [f"x{i}" for i in range(1, 100)]}
    found = explain_permutation(model, table, table[:, 0], level=columns, n_repeats=1)
    assert found.importances_mean[0] > 1.5
    assert abs(found.importances_mean[1]) < 1e-9


def slow_r2(y, predicted):
    time.sleep(0.05)
    return r2_score(y, predicted)


def test_the_tasks_of_a_worker_that_dies_are_done_by_others(on_dask):
    pids = on_dask.run(os.getpid)

    def kill():
        holders = ()
        while len(holders) < 2:  # both have begun
            time.sleep(0.02)
            held = [workers for key, workers in on_dask.who_has().items() if "_Common" in str(key)]
            holders = held[0] if held else ()
        os.kill(pids[holders[0]], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    call = {"scoring": make_scorer(slow_r2), "n_repeats": 8, "random_state": 0, "level": "cell"}
    found = explain_permutation(MODEL, X, Y, **call)
    killer.join(timeout=60)
    with joblib.parallel_config(backend="sequential"):
        expected = explain_permutation(MODEL, X, Y, **call | {"scoring": "r2"})
    np.testing.assert_array_equal(found.importances, expected.importances)


class Deadly:
    """A scorer that ends the first worker that calls it."""

    def __init__(self, marker):
        self.marker = marker
        self.caller = os.getpid()

    def __call__(self, model, X, y):
        if os.getpid() != self.caller and not self.marker.exists():
            self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return r2_score(y, model.predict(X))


def test_data_that_died_with_the_only_worker_that_had_them_are_sent_again(tmp_path):
    expected = explain_permutation(MODEL, X, Y, random_state=0, level="cell")
    with cluster_of(1), joblib.parallel_config(backend="dask"):
        scoring = Deadly(tmp_path / "marker")
        found = explain_permutation(MODEL, X, Y, scoring=scoring, random_state=0, level="cell")
    assert scoring.marker.exists()
    np.testing.assert_array_equal(found.importances, expected.importances)
