"""A script: a model is used in processes that are forked and spawned, after torch used threads."""

import multiprocessing
import sys

import numpy as np
import torch

from sklstm import LSTMRegressor

RNG = np.random.default_rng(0)
# Large enough for torch to share its products out to threads.
X = RNG.normal(size=(1000, 10, 8))
Y = X[:, -1, 0]


def use(model):
    fitted = LSTMRegressor(hidden_size=64, max_epochs=1, random_state=1).fit(X[:200], Y[:200])
    return model.predict(X), fitted.predict(X[:20])


if __name__ == "__main__":
    torch.set_num_threads(2)
    model = LSTMRegressor(hidden_size=64, max_epochs=1, random_state=0).fit(X, Y)
    expected = use(model)
    for method in sys.argv[1:]:
        with multiprocessing.get_context(method).Pool(1) as pool:
            found = pool.apply_async(use, [model]).get(timeout=120)
        for there, here in zip(found, expected, strict=True):
            np.testing.assert_array_equal(there, here, err_msg=method)
    assert torch.get_num_threads() == 2
