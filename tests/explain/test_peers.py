"""shap's explainers on sequences: against exact values, and without traces in the process."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from torch.testing import assert_close

from sklstm import LSTMRegressor
from sklstm._attribution import Readout
from sklstm._attribution._coalitions import exact
from sklstm.explain._peers import shap_kernel

NAMES = ("kernel", "permutation", "partition")
STEPS, FEATURES = 4, 3
# Cells of a player need not be neighbours, nor do the numbers follow the first cells.
PLAYERS = torch.tensor([[3, 1, 3], [3, 1, 2], [2, 2, 2], [3, 1, 0]])


def numbered(n_players):
    return torch.arange(STEPS * FEATURES).view(STEPS, FEATURES) % n_players


def product_value(z):
    """Two responses, in which all cells or neighbours interact."""
    z = z.flatten(1)
    return torch.stack([10 + z.sin().cumsum(1).prod(1).cos(), (z[:, :-1] * z[:, 1:]).sum(1)], 1)


def sequences(*shape, seed=0, steps=STEPS):
    draws = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, steps, FEATURES, generator=draws, dtype=torch.float64)


def weights(n_references):
    """Unequal ones."""
    weights = torch.arange(1.0, n_references + 1, dtype=torch.float64)
    return weights / weights.sum()


X, REFERENCES, WEIGHTS = sequences(3), sequences(1, 5, seed=1), weights(5)


def explained(name, players=PLAYERS, *, value=product_value, seed=0, budget=None, x=X, refs=None):
    refs = REFERENCES if refs is None else refs
    return shap_kernel(name, value, seed, budget, x, refs, weights(refs.shape[1]), players)


def true(players, value=product_value):
    return exact(value, X, REFERENCES, WEIGHTS, players, 1024)


def change(value=product_value, x=X, refs=REFERENCES):
    base = [weights(len(others)) @ value(others) for others in refs]
    return value(x) - torch.stack(base)


class Counted:
    """A value that keeps the number of rows of each call."""

    def __init__(self, value=product_value, fails_at=None):
        self.value, self.rows, self.fails_at = value, [], fails_at

    def __call__(self, z):
        self.rows.append(len(z))
        if len(self.rows) == self.fails_at:
            raise RuntimeError("out of memory")
        return self.value(z)


@cache
def network_value():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, STEPS, FEATURES))
    model = LSTMRegressor(4, max_epochs=3, random_state=0, device="cpu")
    model.fit(X, X[:, 1, 0] * X[:, 2, 1])
    network = model.net_.module_.eval()
    readout = Readout(torch.eye(1, dtype=torch.float64), None)
    return lambda z: readout(network(z)).flatten(1)


@pytest.mark.parametrize("n_players", range(1, 9))
@pytest.mark.parametrize("n_responses", [1, 2])
def test_kernel_with_all_coalitions_is_exact(n_players, n_responses):
    def value(z):
        return product_value(z)[:, :n_responses]

    values, error, *_ = explained("kernel", numbered(n_players), value=value)
    assert values.shape == error.shape == (3, n_players, n_responses)
    assert values.dtype == torch.float64
    assert (error == 0).all()
    assert_close(values, true(numbered(n_players), value), rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n_players", [1, 2])
def test_one_or_two_players_leave_no_choice(name, n_players):
    values, error, *_ = explained(name, numbered(n_players))
    assert_close(values, true(numbered(n_players)), rtol=0, atol=1e-12)
    assert (error is None) == (name == "partition")
    assert error is None or error.max() < 1e-12


@pytest.mark.parametrize("name", NAMES)
def test_each_row_may_have_its_own_references(name):
    refs = sequences(3, 4, seed=2)
    together = explained(name, refs=refs).values
    for i in range(3):
        alone = explained(name, x=X[i : i + 1], refs=refs[i : i + 1]).values
        assert_array_equal(together[i : i + 1], alone)
    assert_close(together.sum(1), change(refs=refs), rtol=0, atol=1e-9)


@pytest.mark.parametrize("name, n_coalitions", [("kernel", 150), ("permutation", 100)])
def test_standard_error_tells_the_error(name, n_coalitions):
    players = numbered(8)
    runs = [explained(name, players, seed=seed, budget=5 * n_coalitions) for seed in range(60)]
    errors = torch.stack([run.values - true(players) for run in runs])[..., 0]
    told = torch.stack([run.standard_error for run in runs])[..., 0]
    assert errors.abs().max() > 0.1
    ratio = (errors.square().mean() / told.square().mean()).sqrt()
    assert 0.9 < ratio < 1.1
    if name == "permutation":
        assert (errors.mean(0).abs() < 4 * errors.std(0) / 60**0.5).all()


def test_permutation_is_near_and_exact_where_players_interact_in_pairs():
    values, error, *_ = explained("permutation", budget=5 * 9 * 100)
    gap = (values - true(PLAYERS)).abs()
    assert 0.005 < error[..., 0].max() < 0.5 * values[..., 0].abs().max()
    assert (gap <= 4 * error + 1e-12).all()
    assert gap[..., 1].max() < 1e-12


def test_a_budget_buys_precision():
    errors = [explained("permutation", budget=5 * 9 * n).standard_error.norm() for n in (4, 400)]
    assert errors[1] < 0.2 * errors[0]
    players = numbered(12)
    gaps = [
        (explained("kernel", players, budget=5 * n).values - true(players)).norm()
        for n in (80, 2000)
    ]
    assert gaps[1] < 0.3 * gaps[0]


def test_kernel_keeps_more_than_ten_players():
    slopes = torch.linspace(1, 2, 12, dtype=torch.float64)
    values, *_ = explained(
        "kernel", numbered(12), value=lambda z: z.flatten(1) @ slopes[:, None], budget=400
    )
    mean = torch.einsum("j,jtf->tf", WEIGHTS, REFERENCES[0])
    assert_close(values[..., 0], (slopes * (X - mean).flatten(1)), rtol=0, atol=1e-9)


def orders(tree):
    """All orders of the leaves in which each subtree stays together."""
    if isinstance(tree, int):
        return [[tree]]
    left, right = (orders(part) for part in tree)
    pairs = list(itertools.product(left, right))
    return [a + b for a, b in pairs] + [b + a for a, b in pairs]


def owen_values(tree, players, refs=REFERENCES):
    """The definition: a player's mean gain over the orders that the tree allows."""
    result = torch.zeros(3, int(players.max()) + 1, 2, dtype=torch.float64)
    allowed = orders(tree)
    for i, order in itertools.product(range(3), allowed):
        present = torch.zeros_like(players, dtype=torch.bool)
        before = WEIGHTS @ product_value(refs[0])
        for player in order:
            present |= players == player
            after = WEIGHTS @ product_value(torch.where(present, X[i], refs[0]))
            result[i, player] += (after - before) / len(allowed)
            before = after
    return result


@pytest.mark.parametrize(
    "players, tree",
    [
        (PLAYERS, ((3, 1), (2, 0))),
        (numbered(3), (0, (1, 2))),
        (numbered(6), ((0, (1, 2)), (3, (4, 5)))),
    ],
)
def test_partition_gives_owen_values(players, tree):
    values, error, *_ = explained("partition", players)
    assert error is None
    expected = owen_values(tree, players)
    assert_close(values, expected, rtol=0, atol=1e-9)
    assert (expected - true(players)).abs().max() > 0.1


def test_partition_shares_what_it_cannot_open():
    values, *_ = explained("partition", numbered(8), budget=5 * 4)
    halves = exact(product_value, X, REFERENCES, WEIGHTS, numbered(8) // 4, 1024)
    assert_close(values, halves.repeat_interleave(4, 1) / 4, rtol=0, atol=1e-12)


def test_partition_counts_evaluations():
    """The tree of eight players has 42 coalitions beside nobody and everybody."""
    complete = explained("partition", numbered(8)).values
    enough = explained("partition", numbered(8), budget=5 * 44).values
    fewer = explained("partition", numbered(8), budget=5 * 30).values
    assert_close(complete, enough, rtol=0, atol=1e-12)
    assert (complete - fewer).abs().max() > 0.01


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("budget", [None, 1, 5 * 40])
def test_values_add_up(name, budget):
    for players in (PLAYERS, numbered(12)):
        values = explained(name, players, budget=budget).values
        assert_close(values.sum(1), change(), rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_many_players(name):
    x, refs = sequences(1, steps=100), sequences(1, 2, seed=1, steps=100)
    slopes = torch.linspace(-1, 2, 300, dtype=torch.float64)

    def value(z):
        linear = (z.flatten(1) * slopes).sum(1)
        return torch.stack([linear, linear.sin()], 1)

    players = torch.arange(300).view(100, FEATURES)
    values, *_ = explained(name, players, value=value, x=x, refs=refs)
    assert_close(values.sum(1), change(value, x, refs), rtol=0, atol=1e-9)
    if name != "partition":
        shares = slopes * (x - torch.einsum("j,ijtf->itf", weights(2), refs)).flatten(1)
        assert_close(values[..., 0], shares, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("unit", [1e-14, 1e9])
def test_units_of_the_output_do_not_matter(name, unit):
    plain = explained(name).values
    values = explained(name, value=lambda z: unit * product_value(z)).values
    assert_close(values / unit, plain, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_a_response_that_never_changes(name):
    values = explained(name, value=lambda z: torch.full((len(z), 1), 7.0)).values
    assert (values == 0).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("some", [[1], [1, 2, 3], [0, 1, 2, 3]])
def test_players_that_do_not_differ_have_exact_zeros(name, some):
    same = torch.isin(PLAYERS, torch.tensor(some))
    x = X.clone()
    x[0] = torch.where(same, 1.0, x[0])
    refs = torch.where(same, 1.0, REFERENCES)
    values, error, *_ = explained(name, value=network_value(), x=x, refs=refs)
    assert (values[0, some] == 0).all()
    assert error is None or (error[0, some] == 0).all()
    others = [player for player in range(4) if player not in some]
    assert (values[0, others] != 0).all()
    assert (values[1] != 0).all()
    assert_close(values.sum(1), change(network_value(), x, refs), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_players_that_change_nothing(name):
    def value(z):
        return product_value(torch.where(PLAYERS == 2, 1.0, z))

    values = explained(name, value=value).values
    assert values[:, 2].abs().max() < 1e-12
    assert values[:, [0, 1, 3]].abs().min() > 1e-6


def test_players_that_do_not_differ_leave_the_tree_as_it_is():
    tree = ((0, (1, 2)), (3, (4, 5)))
    players = numbered(6)
    refs = torch.where(torch.isin(players, torch.tensor([1, 3])), X[0], REFERENCES)
    values = explained("partition", players, refs=refs).values
    assert (values[0, [1, 3]] == 0).all()
    assert_close(values, owen_values(tree, players, refs), rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_players_that_do_not_differ_cost_nothing(name):
    players, value = numbered(12), Counted()
    refs = torch.where(players % 4 > 0, X[0], REFERENCES)
    values, error, *_ = explained(name, players, value=value, x=X[:1], refs=refs, budget=5 * 70)
    assert sum(value.rows) <= 1 + 5 * (2**3 - 1)
    expected = exact(product_value, X[:1], refs, WEIGHTS, players, 1024)
    assert (values[0, np.arange(12) % 4 > 0] == 0).all()
    if name == "kernel":
        assert (error == 0).all()
        assert_close(values, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_alone_and_in_a_batch(name):
    players, value = numbered(9), network_value()
    together = explained(name, players, value=value, budget=5 * 100)
    for i in range(3):
        alone = explained(name, players, value=value, budget=5 * 100, x=X[i : i + 1])
        for whole, part in zip(together, alone, strict=True):
            assert whole is None or torch.equal(whole[i : i + 1], part)


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides(name):
    def run(seed):
        return explained(name, numbered(12), seed=seed, budget=5 * 90).values

    np.random.seed(5)
    first = run(1)
    np.random.seed(6)
    assert torch.equal(first, run(1))
    if name != "partition":
        assert not torch.equal(first, run(2))


def assert_untouched(state):
    for before, now in zip(state, np.random.get_state(), strict=True):
        assert_array_equal(before, now)


@pytest.mark.parametrize("name", NAMES)
def test_no_trace_in_the_process(name, capfd):
    np.random.standard_normal()  # leaves half a pair in the state
    state, draws = np.random.get_state(), torch.random.get_rng_state()
    explained(name, numbered(12), budget=5 * 90)
    assert_untouched(state)
    assert torch.equal(draws, torch.random.get_rng_state())
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("call", [1, 2, 3, 4])
def test_an_error_of_the_network_is_passed_on(name, call, capfd):
    state = np.random.get_state()
    with pytest.raises(RuntimeError, match="out of memory"):
        explained(name, value=Counted(fails_at=call), x=X.repeat(3, 1, 1))
    assert_untouched(state)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["kernel", "permutation"])
def test_threads_do_not_share_draws(name):
    def run(seed):
        return explained(name, numbered(12), seed=seed, budget=5 * 90).values

    state = np.random.get_state()
    with ThreadPoolExecutor(4) as pool:
        values = list(pool.map(run, range(8)))
    assert_untouched(state)
    for seed, part in enumerate(values):
        assert torch.equal(part, run(seed))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n_references", [1, 30, 1100])
def test_batches_are_large_and_bounded(name, n_references):
    value = Counted()
    refs = sequences(1, n_references, seed=1)
    explained(name, numbered(5), value=value, x=X[:1], refs=refs)
    assert max(value.rows) <= 1024
    assert sum(value.rows) <= 1 + n_references * (2**5 - 1)
    if name != "partition":
        assert len(value.rows) <= 2 + 10 + 2 * n_references * 2**5 // 1024 * 2


@pytest.mark.parametrize(
    "name, n_coalitions", [("kernel", 300), ("permutation", 300), ("partition", 90)]
)
def test_the_budget_is_kept(name, n_coalitions):
    """Coalitions that come twice are evaluated once."""
    value = Counted()
    explained(name, numbered(12), value=value, x=X[:1], budget=5 * n_coalitions)
    assert 5 * n_coalitions / 2 < sum(value.rows) <= 5 * n_coalitions + 1
