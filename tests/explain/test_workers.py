"""The n_jobs parameter of every function that has it."""

from concurrent.futures import CancelledError

import numpy as np
import pytest
from joblib import delayed

from sklstm import LSTMRegressor
from sklstm.explain import (
    explain_gradients,
    explain_lime,
    explain_permutation,
    explain_shap,
    explain_units,
    explain_variance,
)
from sklstm.explain._workers import LOSSES, in_order

X = np.random.default_rng(0).normal(size=(20, 4, 2))
MODEL = LSTMRegressor(hidden_size=3, max_epochs=1, random_state=0).fit(X, X[:, 0, 0])
CALLS = {
    "shap": lambda n_jobs: explain_shap(MODEL, X, background=X, n_jobs=n_jobs),
    "gradients": lambda n_jobs: explain_gradients(MODEL, X, n_jobs=n_jobs),
    "lime": lambda n_jobs: explain_lime(MODEL, X, background=X, n_jobs=n_jobs),
    "permutation": lambda n_jobs: explain_permutation(MODEL, X, X[:, 0, 0], n_jobs=n_jobs),
    "units": lambda n_jobs: explain_units(MODEL, X, background=X, n_jobs=n_jobs),
    "variance": lambda n_jobs: explain_variance(MODEL, X, n_jobs=n_jobs),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("n_jobs", [0, 1.5, "all", True])
def test_no_number_of_workers_is_named(name, n_jobs):
    with pytest.raises(ValueError, match="'n_jobs' parameter must be None or an int other than 0"):
        CALLS[name](n_jobs)


class Cluster:
    """A task that Dask would give up at some of its calls, for the data that it has lost."""

    def __init__(self, *lost):
        self.lost = lost
        self.calls = []

    def __call__(self, item):
        self.calls.append(item)
        if len(self.calls) in self.lost:
            raise CancelledError
        return item * 2


@pytest.mark.parametrize("return_as", ["generator", "list"])
@pytest.mark.parametrize("items", [range(6), [1, 0, 1], []])
def test_results_come_in_order(items, return_as):
    found = in_order(delayed(abs), items, 2, return_as)
    assert list(found) == list(items)


def test_what_was_lost_is_computed_again_and_nothing_else():
    task = Cluster(1, 4, 5, 6)
    assert list(in_order(delayed(task), range(5), None)) == [0, 2, 4, 6, 8]
    assert task.calls == [0, 0, 1, 2, 2, 2, 2, 3, 4]


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_cancelled_error_of_the_users_own_is_no_loss(n_jobs):
    def scorer(model, X, y):
        if X is not given:
            raise CancelledError("of mine")
        return 0.0

    given = X[:3]
    with pytest.raises(CancelledError, match="of mine"):
        explain_permutation(MODEL, given, given[:, 0, 0], scoring=scorer, n_jobs=n_jobs)


def test_what_is_lost_again_and_again_is_an_error():
    task = Cluster(*range(3, 99))
    found = in_order(delayed(task), range(5), None)
    assert [next(found), next(found)] == [0, 2]
    with pytest.raises(RuntimeError, match=r"died 4 times .* 2 of 5 tasks are done\. The logs"):
        next(found)
    assert len(task.calls) == 2 + 1 + LOSSES
