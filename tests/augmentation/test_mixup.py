from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from sklstm.augmentation import Mixup
from sklstm.augmentation._mixup import symmetric_beta

LENGTHS = {"uniform": [8] * 12, "ragged": [8, 1, 3, 8, 2, 1, 5, 6, 7, 4, 8, 2]}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def parts(targets):
    """Of each row its share and its partner, read from mixed rows of the identity matrix."""
    found = []
    for i, row in enumerate(targets.double().numpy()):
        others = np.flatnonzero(np.delete(row, i))
        assert len(others) <= 1
        assert row.sum() == pytest.approx(1)
        partner = np.arange(len(row))[np.arange(len(row)) != i][others[0]] if len(others) else i
        found.append((row[i], partner))
    return found


@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS.keys())
@pytest.mark.parametrize("alpha", [0.2, 1.0, 8.0])
def test_rows_targets_and_weights_are_mixed_in_the_same_shares(alpha, lengths, make_batch):
    batch = make_batch(lengths, weighted=True)
    result = Mixup(alpha)(batch, seeded())
    mixed = parts(Mixup(alpha)(replace(batch, weights=None), seeded()).targets)
    for i, (share, j) in enumerate(mixed):
        own, other = batch.x[i, : lengths[i]].numpy(), batch.x[j, : lengths[j]].numpy()
        # The partner is stretched from end to end.
        times = np.linspace(0, lengths[j] - 1, lengths[i])
        for k in range(own.shape[1]):
            stretched = np.interp(times, np.arange(lengths[j]), other[:, k])
            np.testing.assert_allclose(
                result.x[i, : lengths[i], k],
                share * own[:, k] + (1 - share) * stretched,
                atol=1e-5,
            )
        expected = share * batch.weights[i] + (1 - share) * batch.weights[j]
        assert result.weights[i].item() == pytest.approx(expected.item(), rel=1e-5)
        # Each target counts with its share and the weight of its row.
        target = share * batch.weights[i] * batch.targets[i]
        target = target + (1 - share) * batch.weights[j] * batch.targets[j]
        np.testing.assert_allclose(result.weights[i] * result.targets[i], target, atol=1e-5)
    assert sorted(j for _, j in mixed) == list(range(len(lengths)))
    assert len({round(share, 6) for share, _ in mixed}) > 6


def test_without_weights_there_are_none(make_batch):
    assert Mixup()(make_batch([4] * 6), seeded()).weights is None


def test_a_row_alone_stays_as_it_is(make_batch):
    batch = make_batch([5], weighted=True)
    result = Mixup(1.0)(batch, seeded())
    torch.testing.assert_close(result.x, batch.x)
    torch.testing.assert_close(result.weights, batch.weights)


def test_every_row_meets_every_other(make_batch):
    batch = make_batch([3] * 5)
    partners = [[j for _, j in parts(Mixup(1.0)(batch, seeded(s)).targets)] for s in range(400)]
    counts = np.array([np.bincount(column, minlength=5) for column in zip(*partners, strict=True)])
    assert stats.chisquare(counts, axis=1).pvalue.min() > 0.001


@pytest.mark.parametrize("alpha", [0.2, 0.5, 1.0, 2.5, 50.0])
def test_shares_follow_the_beta_distribution(alpha):
    shares = symmetric_beta(alpha, 20_000, seeded()).numpy()
    assert shares.dtype == np.float64
    assert stats.kstest(shares, stats.beta(alpha, alpha).cdf).pvalue > 0.01


@pytest.mark.parametrize("alpha", [1e-300, 1e-6, 1e-3])
def test_a_tiny_alpha_mixes_nothing(alpha):
    shares = symmetric_beta(alpha, 10_000, seeded()).numpy()
    assert np.isfinite(shares).all()
    assert (abs(shares - 0.5) > 0.499).mean() > 0.98
    assert shares.mean() == pytest.approx(0.5, abs=0.02)


def test_a_huge_alpha_mixes_in_halves():
    np.testing.assert_allclose(symmetric_beta(1e12, 1000, seeded()), 0.5, atol=1e-5)
