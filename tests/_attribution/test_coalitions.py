"""Exact Shapley values against their definition and against shap."""

import itertools
import math
from functools import cache

import numpy as np
import pytest
import shap
import torch
from numpy.testing import assert_allclose
from torch.testing import assert_close

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm._attribution import Readout
from sklstm._attribution._coalitions import TABLE, exact, rows_at_once, shapley_values
from sklstm.nn import POOLINGS

pytestmark = pytest.mark.cpu  # tensors lie there; test_gpu.py explains on a GPU

N, STEPS, FEATURES = 60, 4, 3

SMALL = {"hidden_size": 4, "max_epochs": 4, "learning_rate": 0.05, "random_state": 0}
VARIANTS = {
    "last": {"bidirectional": False, "pooling": "last"},
    "all poolings": {"bidirectional": False, "pooling": [*POOLINGS, "input"]},
    "default": {},
    "stacked, bidirectional": {"num_layers": 2, "bidirectional": True, "pooling": "attention"},
    "peephole": {"cell": "peephole"},
    "relu": {"activation": "relu"},
    "quantiles": {"loss": "quantile", "quantiles": (0.1, 0.5, 0.7)},
    "classes": {"classes": 3},
    "steps": {"return_sequences": True},
}
# Cells of a player need not be neighbours.
PLAYERS = torch.tensor([[0, 1, 0], [0, 1, 2], [2, 2, 2], [0, 1, 3]])
ONE_PLAYER = torch.zeros(STEPS, FEATURES, dtype=torch.int64)


def permutation_values(worth, n_players):
    """The definition: a player's mean gain over all orders; ``worth`` is a function of a set."""
    totals = [0.0] * n_players
    for order in itertools.permutations(range(n_players)):
        present = frozenset()
        for player in order:
            totals[player] += worth(present | {player}) - worth(present)
            present |= {player}
    return np.array([total / math.factorial(n_players) for total in totals])


def twin(value, x, references, weights, players):
    """Row by row and cell by cell, shape (n, n_players, n_responses)."""
    n_players = int(players.max()) + 1
    results = []
    for i, row in enumerate(x):
        others = references[0 if len(references) == 1 else i]

        @cache
        def worth(present, row=row, others=others):
            hybrids = others.clone()
            for t, f in np.ndindex(*players.shape):
                if int(players[t, f]) in present:
                    hybrids[:, t, f] = row[t, f]
            return weights.numpy() @ value(hybrids).numpy()

        results.append(permutation_values(worth, n_players))
    return torch.from_numpy(np.stack(results))


def product_value(x):
    """Two responses in which all cells interact."""
    z = x.flatten(1)
    return torch.stack([z.sin().cumsum(1).prod(1), (z[:, :-1] * z[:, 1:]).sum(1)], 1)


def sequences(*shape, seed=0):
    draws = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, STEPS, FEATURES, generator=draws, dtype=torch.float64)


def weights(n_references):
    """Unequal ones."""
    weights = torch.arange(1.0, n_references + 1, dtype=torch.float64)
    return weights / weights.sum()


class Counted:
    """A value that keeps the number of rows of each call."""

    def __init__(self, value):
        self.value, self.rows = value, []

    def __call__(self, x):
        self.rows.append(len(x))
        return self.value(x)


@cache
def trained(name):
    rng = np.random.default_rng(0)
    X = rng.normal([5.0, -2.0, 1e4], [2.0, 0.1, 1.0], size=(N, STEPS, FEATURES))
    Z = X - X.mean((0, 1))
    y = Z[:, 1, 0] * Z[:, 2, 1] * 5 + Z[:, -1, 2]
    params = {**SMALL, **VARIANTS[name]}
    n_classes = params.pop("classes", None)
    if n_classes:
        model = LSTMClassifier(**params).fit(X, np.digitize(y, np.quantile(y, [0.3, 0.7])))
    elif params.get("return_sequences"):
        model = LSTMRegressor(**params).fit(X, Z[:, :, 0].cumsum(1))
    else:
        model = LSTMRegressor(**params).fit(X, y)
    network = model.net_.module_.eval()
    readout = Readout(
        torch.eye(network.architecture["n_outputs"], dtype=torch.float64),
        "softmax" if n_classes else None,
    )
    return lambda z: readout(network(z)).flatten(1), torch.from_numpy(X)


@pytest.mark.parametrize("n_players", [1, 2, 3, 4, 5])
def test_values_of_a_table_are_the_definition(n_players):
    table = torch.randn(2**n_players, 2, 3, generator=torch.Generator().manual_seed(n_players))

    def worth(present):
        return table[sum(2**player for player in present)].double().numpy()

    values = shapley_values(table)
    assert values.dtype == torch.float64
    assert_allclose(values, permutation_values(worth, n_players), rtol=0, atol=1e-14)


def test_axioms():
    draws = torch.Generator().manual_seed(0)
    table = torch.rand(2, 2, 2, 2, 2, generator=draws, dtype=torch.float64)  # bits 4 to 0
    table[:, 1] = table[:, 0]  # player 3 changes nothing
    table = (table + table.transpose(0, 4)) / 2  # players 0 and 4 are alike
    values = shapley_values(table.flatten())
    assert values[3] == 0.0
    assert_close(values[0], values[4], rtol=0, atol=1e-15)
    assert abs(values[0] - values[1]) > 0.01
    assert_close(values.sum(), table[1, 1, 1, 1, 1] - table[0, 0, 0, 0, 0])
    other = torch.rand(32, generator=draws, dtype=torch.float64)
    both = shapley_values(3 * table.flatten() - other)
    assert_close(both, 3 * values - shapley_values(other))


@pytest.mark.parametrize("of_each_row", [False, True])
@pytest.mark.parametrize("players", [PLAYERS, PLAYERS // 3, ONE_PLAYER])
def test_exact_is_the_definition(players, of_each_row):
    x, references = sequences(3), sequences(3 if of_each_row else 1, 5, seed=1)
    values = exact(product_value, x, references, weights(5), players, 64)
    assert values.shape == (3, int(players.max()) + 1, 2)
    assert_close(values, twin(product_value, x, references, weights(5), players))


def test_one_player_has_the_whole_difference():
    x, references = sequences(3), sequences(1, 5, seed=1)
    value = Counted(product_value)
    values = exact(value, x, references, weights(5), ONE_PLAYER, 64)
    expected = product_value(x) - weights(5) @ product_value(references[0])
    assert_close(values[:, 0], expected)
    assert sum(value.rows) == 3 + 5


@pytest.mark.parametrize("max_rows", [1, 2, 7, 16, 100, 10_000])
@pytest.mark.parametrize("of_each_row", [False, True])
def test_batches_do_not_show(max_rows, of_each_row):
    x, references = sequences(11), sequences(11 if of_each_row else 1, 6, seed=1)
    value = Counted(product_value)
    values = exact(value, x, references, weights(6), PLAYERS, max_rows)
    assert max(value.rows) <= max_rows
    # The empty coalition does not see the row, the full one not the references.
    assert sum(value.rows) == 11 * 6 * (2**4 - 2) + 11 + (66 if of_each_row else 6)
    whole = exact(product_value, x, references, weights(6), PLAYERS, 100_000)
    assert_close(values, whole, rtol=0, atol=1e-13)


def test_batches_are_large():
    value = Counted(product_value)
    exact(value, sequences(40), sequences(1, 5, seed=1), weights(5), PLAYERS, 100)
    assert len(value.rows) <= 1 + 1 + 40 * 5 * 14 / 50


@pytest.mark.parametrize("n_players", [1, 4, 10, 12, 16])
@pytest.mark.parametrize("n_responses", [1, 40])
def test_rows_at_once(n_players, n_responses):
    rows = rows_at_once(n_players, 50, n_responses, 2000)
    assert rows == 1 or rows * n_responses * 2**n_players <= TABLE
    assert rows == 40 or (rows + 1) * n_responses * 2**n_players > TABLE
    assert rows_at_once(2, 50, 1, 20) == 1


def test_players_that_do_not_differ_take_no_part():
    x, references = sequences(3), sequences(1, 5, seed=1).expand(3, -1, -1, -1).clone()
    same = [(0, slice(None), [1]), (0, [2, 3], [0, 2]), (1, slice(None), [0, 1, 2, 3])]
    n_coalitions = torch.full((3, 5), 2**4)
    for i, some, alike in same:
        for player in alike:
            where = PLAYERS == player
            references[i, some] = torch.where(where, x[i], references[i, some])
            n_coalitions[i, some] //= 2
    value = Counted(product_value)
    values = exact(value, x, references, weights(5), PLAYERS, 64)
    assert_close(values, twin(product_value, x, references, weights(5), PLAYERS))
    assert (values[0, 1] == 0).all()
    assert (values[1] == 0).all()
    assert (values[0, [0, 2, 3]] != 0).all()
    hybrids = (n_coalitions - 2).clamp(min=0).sum()
    assert sum(value.rows) == 3 + 15 + hybrids


@pytest.mark.parametrize("name", VARIANTS)
@torch.inference_mode()
def test_trained_networks(name):
    value, X = trained(name)
    x, references = X[:2], X[None, 10:14]
    values = exact(value, x, references, weights(4), PLAYERS, 32)
    change = value(x) - weights(4) @ value(references[0])
    spread = value(X).std()
    assert change.abs().max() > 0.1 * spread
    expected = twin(value, x, references, weights(4), PLAYERS)
    assert_close(values, expected, rtol=0, atol=float(1e-6 * spread))
    assert_close(values.sum(1), change, rtol=0, atol=float(1e-12 * spread))


@pytest.mark.parametrize("name", ["last", "default", "classes"])
@torch.inference_mode()
def test_shap_gives_the_same_on_flat_rows(name):
    value, X = trained(name)
    x, references = X[:2, :3], X[10:14, :3]
    players = torch.arange(3 * FEATURES).view(3, FEATURES)
    values = exact(value, x, references[None], torch.full((4,), 0.25).double(), players, 256)
    # shap takes numbers for equal that differ by 1e-5 of their size: let it see small ones.
    centre = X.mean((0, 1))

    def predict(flat):
        return value(torch.from_numpy(flat).view(-1, 3, FEATURES) + centre).numpy()

    own, others = ((part - centre).flatten(1).numpy() for part in (x, references))
    masker = shap.maskers.Independent(others, max_samples=len(others))
    theirs = shap.ExactExplainer(predict, masker)(own).values
    spread = float(value(X).std())
    assert np.abs(theirs).max() > 0.1 * spread
    assert_allclose(values.reshape(theirs.shape), theirs, rtol=0, atol=1e-6 * spread)
