"""The n_jobs parameter of every function that has it."""

import numpy as np
import pytest

from sklstm import LSTMRegressor
from sklstm.explain import (
    explain_gradients,
    explain_lime,
    explain_permutation,
    explain_shap,
    explain_units,
    explain_variance,
)

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
