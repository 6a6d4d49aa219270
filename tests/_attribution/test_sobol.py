"""Sobol indices against scipy, a slow twin and known truth."""

import numpy as np
import pytest
from scipy import stats

from sklstm._attribution import _sobol, sobol_indices

OPTIONS = {"confidence_level": 0.9, "n_resamples": 40}


def samples(n, rng, *functions, n_players=3):
    """Outputs of A, B and the mixtures for players that are uniform on [0, 1]."""
    A, B = rng.random_sample((2, n, n_players))
    mixed = np.repeat(A[None], n_players, axis=0)
    for player in range(n_players):
        mixed[player, :, player] = B[:, player]
    return [np.stack([f(X) for f in functions], axis=-1) for X in (A, B, mixed)]


def product(X):
    return np.prod(4 * X - 0.5, axis=-1)


def additive(X):
    return X @ np.array([1.0, 2.0, 0.0])


def test_indices_are_those_of_scipy_but_for_the_variance():
    f_A, f_B, f_AB = samples(256, np.random.RandomState(0), product, additive)
    result = sobol_indices(f_A, f_B, f_AB, **OPTIONS, rng=np.random.RandomState(0))
    for k in range(2):
        outputs = {"f_A": f_A[:, k], "f_B": f_B[:, k], "f_AB": f_AB[:, :, k]}
        known = stats.sobol_indices(
            func={name: np.expand_dims(f, -2) for name, f in outputs.items()}, n=256
        )
        pooled = np.concatenate([f_A[:, k], f_B[:, k]]).var()
        variance = result.variance[k]
        np.testing.assert_allclose(
            result.first_order[:, k] * variance, known.first_order.ravel() * pooled, atol=1e-12
        )
        np.testing.assert_allclose(
            result.total_order[:, k] * variance, known.total_order.ravel() * pooled, atol=1e-12
        )


@pytest.mark.parametrize("entries", [None, 300])
def test_a_slow_twin_computes_the_same(entries, monkeypatch):
    if entries is not None:
        monkeypatch.setattr(_sobol, "COUNT_ENTRIES", entries)
    n = 100
    f_A, f_B, f_AB = samples(n, np.random.RandomState(1), product, additive)
    result = sobol_indices(f_A, f_B, f_AB, **OPTIONS, rng=np.random.RandomState(2))
    centre = np.concatenate([f_A, f_B]).mean(axis=0)

    def shares(rows, player, k):
        variance = first = total = 0
        for j in rows:
            a, b, ab = f_A[j, k], f_B[j, k], f_AB[player, j, k]
            variance += (a - b) ** 2 / 2
            first += (b - centre[k]) * (ab - a)
            total += (a - ab) ** 2 / 2
        return first / variance, total / variance

    rng = np.random.RandomState(2)
    resamples = [rng.randint(n, size=n) for _ in range(40)]
    for player in range(3):
        for k in range(2):
            found = result.first_order[player, k], result.total_order[player, k]
            np.testing.assert_allclose(found, shares(range(n), player, k), atol=1e-12)
            bounds = np.quantile(
                [shares(rows, player, k) for rows in resamples], [0.05, 0.95], axis=0
            )
            np.testing.assert_allclose(
                result.first_order_interval[player, k], bounds[:, 0], atol=1e-12
            )
            np.testing.assert_allclose(
                result.total_order_interval[player, k], bounds[:, 1], atol=1e-12
            )


def test_intervals_hold_the_truth_as_often_as_they_say():
    mean, variance = 1.5, 16 / 12
    whole = (mean**2 + variance) ** 3 - mean**6
    first = variance * mean**4 / whole
    total = variance * (mean**2 + variance) ** 2 / whole
    rng, inside = np.random.RandomState(0), []
    for _ in range(150):
        outputs = samples(400, rng, product)
        found = sobol_indices(*outputs, confidence_level=0.9, n_resamples=200, rng=rng)
        for truth, (low, high) in (
            (first, found.first_order_interval[:, 0].T),
            (total, found.total_order_interval[:, 0].T),
        ):
            inside.append((low <= truth) & (truth <= high))
    assert 0.85 < np.mean(inside) < 0.95


def test_what_a_sample_shares_with_its_counterpart_is_no_variance():
    rng = np.random.RandomState(0)
    outputs = samples(200, rng, additive)
    shared = 100 * rng.random_sample((200, 1))
    found = sobol_indices(*outputs, **OPTIONS, rng=np.random.RandomState(0))
    moved = sobol_indices(*(f + shared for f in outputs), **OPTIONS, rng=np.random.RandomState(0))
    np.testing.assert_allclose(moved.variance, found.variance)
    np.testing.assert_allclose(moved.total_order, found.total_order)


def test_first_order_indices_are_centred_within_what_is_shared():
    rng = np.random.RandomState(0)
    lone, near = [], []
    for seed in range(60):
        outputs = samples(300, rng, product)
        kind = np.append(rng.randint(4, size=299), 7)
        moved = [f + 50 * kind[:, None] for f in outputs]
        options = {**OPTIONS, "n_resamples": 2, "rng": np.random.RandomState(seed)}
        lone.append(sobol_indices(*outputs, **options).first_order)
        near.append(sobol_indices(*moved, **options, shared=kind).first_order)
    np.testing.assert_allclose(np.mean(near, axis=0), np.mean(lone, axis=0), atol=0.05)
    assert np.std(near) < 1.5 * np.std(lone)


def test_an_output_that_does_not_vary_has_no_shares():
    f_A, f_B, f_AB = samples(20, np.random.RandomState(0), additive, lambda X: 0 * X[..., 0] + 5)
    found = sobol_indices(f_A, f_B, f_AB, **OPTIONS, rng=np.random.RandomState(0))
    assert found.variance[1] == 0
    for name in ("first_order", "total_order", "first_order_interval", "total_order_interval"):
        values = getattr(found, name)
        assert np.isfinite(values[:, 0]).all()
        assert np.isnan(values[:, 1]).all()
