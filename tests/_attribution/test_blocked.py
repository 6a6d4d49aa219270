"""Blocks of players: from the DeepLIFT rule to Shapley values."""

import numpy as np
import pytest
import torch

from sklstm import LSTMRegressor
from sklstm._attribution import Readout, blocked, deep, exact

pytestmark = pytest.mark.cpu  # tensors lie there; test_gpu.py explains on a GPU

N_TIMESTEPS, N_FEATURES, N_REFERENCES = 4, 2, 6
CELLS = torch.arange(N_TIMESTEPS * N_FEATURES).reshape(N_TIMESTEPS, N_FEATURES)
WEIGHTS = torch.full((N_REFERENCES,), 1 / N_REFERENCES, dtype=torch.float64)
READOUT = Readout(torch.eye(1, dtype=torch.float64))


@pytest.fixture(scope="module", params=[{}, {"pooling": "last", "num_layers": 2}])
def network(request):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, N_TIMESTEPS, N_FEATURES))
    y = X[:, 1, 0] * X[:, 3, 1] + X[:, 2, 0]
    model = LSTMRegressor(hidden_size=6, max_epochs=20, random_state=0, **request.param)
    return model.fit(X, y).net_.module_


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(1)
    x = torch.from_numpy(rng.normal(size=(3, N_TIMESTEPS, N_FEATURES)))
    return x, torch.from_numpy(rng.normal(size=(1, N_REFERENCES, N_TIMESTEPS, N_FEATURES)))


def draws(network, rows, n_blocks, n_draws, players=CELLS):
    """Independent estimates, shape (n_draws, n, n_timesteps, n_features)."""
    found = [
        blocked(network, READOUT, *rows, WEIGHTS, players, n_blocks, np.random.default_rng(seed))
        for seed in range(n_draws)
    ]
    return torch.stack(found)[..., 0].numpy()


def truth(network, rows):
    @torch.inference_mode()
    def value(x):
        return READOUT(network(x))

    return exact(value, *rows, WEIGHTS, CELLS, 512).reshape(3, N_TIMESTEPS, N_FEATURES).numpy()


def test_one_block_is_the_rule_itself(network, rows):
    expected = deep(network, READOUT, *rows, WEIGHTS)[..., 0].numpy()
    np.testing.assert_allclose(draws(network, rows, 1, 1)[0], expected, atol=1e-6)


@pytest.mark.parametrize("n_blocks", [2, 3, 8, 100])
def test_values_add_up_for_every_number_of_blocks(network, rows, n_blocks):
    with torch.inference_mode():
        difference = network(rows[0])[:, 0] - network(rows[1][0])[:, 0].mean()
    totals = draws(network, rows, n_blocks, 1)[0].sum(axis=(1, 2))
    np.testing.assert_allclose(totals, difference, atol=1e-6)


def test_as_many_blocks_as_players_are_shapley_values_without_bias(network, rows):
    found = draws(network, rows, 8, 60)
    error = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    z = (found.mean(axis=0) - truth(network, rows)) / error
    assert np.abs(z).max() < 4
    assert 0.6 < np.sqrt(np.mean(z**2)) < 1.5
    size = np.linalg.norm(truth(network, rows))
    assert np.linalg.norm(found.mean(axis=0) - truth(network, rows)) < 0.05 * size


def test_more_blocks_leave_less_bias(network, rows):
    expected = truth(network, rows)
    size = np.linalg.norm(expected)
    bias = {
        n_blocks: np.linalg.norm(draws(network, rows, n_blocks, 30).mean(axis=0) - expected) / size
        for n_blocks in (1, 2, 4)
    }
    assert bias[4] < bias[2] < bias[1]
    assert bias[4] < 0.1


def test_players_of_a_block_are_switched_together(network, rows):
    # With features as players and two blocks, an order is that of the two features.
    players = torch.arange(N_FEATURES).expand(N_TIMESTEPS, N_FEATURES)
    found = draws(network, rows, 2, 2, players)

    @torch.inference_mode()
    def value(x):
        return READOUT(network(x))

    expected = exact(value, *rows, WEIGHTS, players, 512)[..., 0].numpy()
    # Both orders of two players are all there are: exact, and the same for every draw.
    np.testing.assert_allclose(found[0].sum(axis=1), expected, atol=1e-6)
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)


def test_references_of_each_row(network, rows):
    x, references = rows
    own = references.expand(3, -1, -1, -1).clone()
    shared = draws(network, rows, 3, 1)
    np.testing.assert_allclose(draws(network, (x, own), 3, 1), shared, atol=1e-6)


@pytest.mark.parametrize("n_blocks", [1, 3])
def test_several_rows_of_weights_are_several_means(network, rows, n_blocks):
    weights = torch.from_numpy(np.random.default_rng(3).dirichlet(np.ones(N_REFERENCES), size=4))

    def of(weights):
        rng = np.random.default_rng(0)
        return blocked(network, READOUT, *rows, weights, CELLS, n_blocks, rng)

    together = of(weights)
    assert together.shape == (4, 3, N_TIMESTEPS, N_FEATURES, 1)
    for one, found in zip(weights, together, strict=True):
        np.testing.assert_allclose(found, of(one), atol=1e-6)
    if n_blocks == 1:
        np.testing.assert_allclose(together, deep(network, READOUT, *rows, weights), atol=1e-6)
