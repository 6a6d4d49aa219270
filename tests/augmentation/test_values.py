import numpy as np
import pytest
import torch
from scipy import stats

from sklstm.augmentation import ChannelDropout, Jitter, Scale


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_jitter_is_independent_gaussian_noise(make_batch):
    batch = make_batch([20] * 200, 4)
    noise = (Jitter(0.3)(batch, seeded()).x - batch.x).numpy()
    assert stats.kstest(noise.ravel(), stats.norm(0, 0.3).cdf).pvalue > 0.01
    rows, steps, features = noise[:-1], noise[:, :-1], noise[..., :-1]
    for one, other in ((rows, noise[1:]), (steps, noise[:, 1:]), (features, noise[..., 1:])):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 4 / np.sqrt(one.size)


def test_scale_is_one_factor_per_sequence_and_feature(make_batch):
    batch = make_batch([10, 7, 1] * 500, 4)
    result = Scale(0.3)(batch, seeded())
    factors = (result.x / batch.x).numpy()
    assert np.nanmax(np.nanstd(factors, axis=1)) < 1e-5
    first = factors[:, 0]
    assert stats.kstest(first.ravel(), stats.norm(1, 0.3).cdf).pvalue > 0.01
    for one, other in ((first[1:], first[:-1]), (first[:, 1:], first[:, :-1])):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 4 / np.sqrt(one.size)


def dropped_features(batch, result):
    """Which features of each row are all 0; the others must be as they were."""
    dropped = np.zeros((len(batch.x), batch.x.shape[2]), dtype=bool)
    for i, length in enumerate(batch.lengths.tolist()):
        for j in range(batch.x.shape[2]):
            before, after = batch.x[i, :length, j], result.x[i, :length, j]
            dropped[i, j] = (after == 0).all()
            assert dropped[i, j] or after.equal(before)
    return dropped


@pytest.mark.parametrize("p, n_features", [(0.1, 5), (0.5, 3), (0.9, 2), (0.99, 4), (0.9, 1)])
def test_channel_dropout_drops_whole_features_but_never_all(p, n_features, make_batch):
    batch = make_batch([6, 2, 4, 1] * 1000, n_features)
    dropped = dropped_features(batch, ChannelDropout(p)(batch, seeded()))
    assert not dropped.all(axis=1).any()
    # Independent with probability p, but where all are dropped one of them is kept.
    expected = p - p**n_features / n_features
    error = 4 * np.sqrt(0.25 / len(dropped))
    np.testing.assert_allclose(dropped.mean(axis=0), expected, atol=error)
    one_kept = (dropped.sum(axis=1) == n_features - 1).mean()
    assert one_kept == pytest.approx(
        n_features * p ** (n_features - 1) * (1 - p) + p**n_features, abs=error
    )
