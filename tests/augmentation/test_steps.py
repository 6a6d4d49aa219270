import numpy as np
import pytest
import torch

from sklstm.augmentation import Crop, TimeMask, TimeWarp


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def with_clock(batch):
    """The batch, its first feature replaced by the number of the time step."""
    batch.x[:, :, 0] = torch.arange(batch.x.shape[1])
    return batch


def rows(batch):
    return [x[:n].numpy() for x, n in zip(batch.x, batch.lengths.tolist(), strict=True)]


@pytest.mark.parametrize("scale", [0.05, 0.3, 0.9, 0.999])
def test_time_warp_reads_every_feature_at_the_same_warped_times(scale, make_batch):
    batch = with_clock(make_batch([40, 2, 3, 17, 1, 40] * 5))
    moved = 0
    for before, after in zip(rows(batch), rows(TimeWarp(scale)(batch, seeded())), strict=True):
        times, steps = after[:, 0], np.arange(len(before))
        assert times[0] == 0 and times[-1] == len(before) - 1
        np.testing.assert_array_equal(after[0], before[0])
        np.testing.assert_array_equal(after[-1], before[-1])
        for j in range(1, before.shape[1]):
            expected = np.interp(times, steps, before[:, j])
            np.testing.assert_allclose(after[:, j], expected, atol=1e-4)
        assert (abs(times - steps) <= scale / np.pi * (len(before) - 1) + 1e-4).all()
        moved += len(before) > 2 and abs(times - steps).max() > 0.01 * len(before) * scale
    assert moved >= 15


@pytest.mark.parametrize("scale", [0.3, 0.99])
def test_time_warp_runs_forward_at_a_smooth_bounded_speed(scale, make_batch):
    batch = with_clock(make_batch([500, 100] * 100, 1))
    fastest, slowest, speeds = 1.0, 1.0, []
    for times in rows(TimeWarp(scale)(batch, seeded())):
        speed = np.diff(times[:, 0])
        assert (speed > 0).all()
        assert (abs(speed - 1) <= scale + 1e-3).all()
        # The speed changes by at most scale times the slope of its fastest wave.
        assert (abs(np.diff(speed)) <= scale * 3 * np.pi / (len(times) - 1) + 1e-3).all()
        fastest, slowest = max(fastest, speed.max()), min(slowest, speed.min())
        speeds.append(speed[0])
    assert fastest > 1 + 0.95 * scale and slowest < 1 - 0.95 * scale
    assert abs(np.mean(speeds) - 1) < 0.1 * scale


def test_time_warp_of_a_line_is_the_line_at_the_warped_times(make_batch):
    batch = with_clock(make_batch([30] * 8, 2))
    batch.x[:, :, 1] = 5 - 2 * batch.x[:, :, 0]
    for times, line in (row.T for row in rows(TimeWarp(0.8)(batch, seeded()))):
        np.testing.assert_allclose(line, 5 - 2 * times, atol=1e-4)


@pytest.mark.parametrize("max_fraction", [0.2, 0.5, 0.95])
def test_a_crop_is_a_part_of_the_sequence(max_fraction, make_batch):
    batch = make_batch([10, 4, 1, 7, 25] * 20)
    shorter = 0
    for before, after in zip(rows(batch), rows(Crop(max_fraction)(batch, seeded())), strict=True):
        found = [
            start
            for start in range(len(before) - len(after) + 1)
            if np.array_equal(before[start : start + len(after)], after)
        ]
        assert len(found) == 1
        assert len(before) >= len(after) >= max(1, (1 - max_fraction) * len(before))
        shorter += len(after) < len(before)
    assert shorter > 20


def test_all_crops_of_a_size_are_equally_frequent(make_batch):
    batch = with_clock(make_batch([10] * 6000, 1, n_timesteps=14))
    result = Crop(0.2)(batch, seeded())
    starts = np.array([row[0, 0] for row in rows(result)], dtype=int)
    cut = 10 - result.lengths.numpy()
    expected = {(0, 0): 1 / 3, (1, 0): 1 / 6, (1, 1): 1 / 6}
    expected |= {(2, start): 1 / 9 for start in range(3)}
    assert set(zip(cut.tolist(), starts.tolist(), strict=True)) == set(expected)
    for (size, start), share in expected.items():
        assert ((cut == size) & (starts == start)).mean() == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize("max_fraction", [0.2, 0.5, 0.95])
def test_a_time_mask_is_one_run_of_zeros(max_fraction, make_batch):
    batch = make_batch([10, 4, 1, 7, 25] * 20)
    longest = 0
    for before, after in zip(
        rows(batch), rows(TimeMask(max_fraction)(batch, seeded())), strict=True
    ):
        masked = np.flatnonzero((after == 0).all(axis=1))
        np.testing.assert_array_equal(np.delete(after, masked, 0), np.delete(before, masked, 0))
        assert not np.signbit(after[masked]).any()
        if len(masked):
            assert len(masked) == masked[-1] - masked[0] + 1
        assert len(masked) <= min(len(before) - 1, max_fraction * len(before))
        longest = max(longest, len(masked))
    assert longest >= 0.8 * max_fraction * 25


def test_all_time_masks_of_a_size_are_equally_frequent(make_batch):
    batch = make_batch([10] * 6000, 1, n_timesteps=14)
    zero = np.stack(rows(TimeMask(0.2)(batch, seeded())))[:, :, 0] == 0
    sizes, starts = zero.sum(axis=1), zero.argmax(axis=1)
    assert set(sizes.tolist()) == {0, 1, 2}
    for size in (0, 1, 2):
        assert (sizes == size).mean() == pytest.approx(1 / 3, abs=0.03)
    for size in (1, 2):
        counts = np.bincount(starts[sizes == size])
        assert len(counts) == 11 - size
        np.testing.assert_allclose(counts / counts.sum(), 1 / len(counts), atol=0.03)
