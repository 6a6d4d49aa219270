"""Pooled states of sequences."""

import numpy as np
import pytest
import torch

from sklstm import LSTMRegressor
from sklstm._attribution import pooled_states

pytestmark = pytest.mark.cpu  # tensors lie there; test_gpu.py explains on a GPU

X = np.random.default_rng(0).normal(3, 2, size=(60, 6, 2))


@pytest.mark.parametrize(
    "parameters",
    [{}, {"pooling": "last", "bidirectional": True}, {"pooling": ["max", "input"]}],
    ids=["default", "last", "max"],
)
def test_the_head_makes_the_outputs_of_them(parameters):
    model = LSTMRegressor(hidden_size=4, max_epochs=2, random_state=0, **parameters)
    network = model.fit(X, X[:, 0, 1]).net_.module_
    x, lengths = torch.from_numpy(X), torch.tensor([6, 2, 4] * 20)
    states = pooled_states(network, x, lengths)
    direct = network.standardize(x)[torch.arange(60), lengths - 1]
    features = torch.cat([states, direct], dim=1)[:, : network.head.in_features]
    if not network.n_direct:
        assert states.shape[1] == network.head.in_features
    outputs = network.original_unit(network.head(features))
    torch.testing.assert_close(outputs, network(x, lengths), atol=1e-5, rtol=1e-5)


def test_states_of_a_network_that_returns_sequences_are_means():
    model = LSTMRegressor(hidden_size=4, max_epochs=2, random_state=0, return_sequences=True)
    network = model.fit(X, X[:, :, 1]).net_.module_
    x = torch.from_numpy(X)
    hidden = network.recurrent(network.standardize(x), None)
    torch.testing.assert_close(pooled_states(network, x, None), hidden.mean(1))
    short = pooled_states(network, x, torch.full((60,), 4))
    torch.testing.assert_close(short, pooled_states(network, x[:, :4], None))
