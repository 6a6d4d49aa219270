import numpy as np
import pytest
import torch

from sklstm.augmentation._resampling import resample

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("own_rows", [True, False])
def test_it_is_linear_interpolation_within_each_sequence(own_rows):
    x = RNG.normal(size=(5, 9, 2)).astype(np.float32)
    lengths = np.array([9, 1, 4, 2, 7])
    rows = np.arange(5) if own_rows else np.array([4, 4, 0, 1, 2])
    for i, length in enumerate(lengths):
        x[i, length:] = np.nan
    positions = RNG.uniform(-2, 11, size=(5, 30))
    positions[:, :9] = np.arange(9)
    result = resample(
        torch.from_numpy(x),
        torch.from_numpy(positions),
        torch.from_numpy(lengths[rows] - 1.0)[:, None],
        None if own_rows else torch.from_numpy(rows),
    )
    assert result.dtype == torch.float32
    for i, row in enumerate(rows):
        steps = np.arange(lengths[row])
        for j in range(2):
            # np.interp holds the first and the last value, too.
            expected = np.interp(positions[i], steps, x[row, : lengths[row], j].astype(np.float64))
            np.testing.assert_allclose(result[i, :, j], expected, atol=1e-6)


def test_whole_steps_are_copied_exactly():
    x = torch.from_numpy(RNG.normal(size=(3, 6, 2)).astype(np.float32))
    steps = torch.arange(6, dtype=torch.float64).expand(3, -1)
    assert torch.equal(resample(x, steps, torch.full((3, 1), 5.0, dtype=torch.float64)), x)
