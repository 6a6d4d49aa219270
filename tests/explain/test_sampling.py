"""Means of samples by strata: no bias, errors that are true, work only where it is wanted."""

import numpy as np
import pytest
import torch

from sklstm.explain._sampling import sampled

N_ROWS, N_VALUES = 3, 40


class Strata:
    """Normal samples around means that differ between strata."""

    def __init__(self, weights, seed=0, noise=1.0):
        self.weights = torch.tensor(weights, dtype=torch.float64)
        rng = np.random.default_rng(99)
        self.means = torch.from_numpy(rng.normal(size=(len(weights), N_ROWS, N_VALUES)))
        self.noise = noise * torch.tensor([1.0, 3.0, 0.1])[:, None]
        self.rng = np.random.default_rng(seed)
        self.drawn = np.zeros((len(weights), N_ROWS), int)

    def __call__(self, rows, strata, number):
        assert number == self.drawn.sum(0).max()
        self.drawn[strata, rows] += 1
        means = self.means[strata][:, rows]
        return means + self.noise[rows] * torch.from_numpy(self.rng.normal(size=means.shape))

    @property
    def truth(self):
        return torch.tensordot(self.weights, self.means, 1)


def run(weights, max_samples, tolerance=0.0, **options):
    draw = Strata(weights, **options)
    return draw, *sampled(draw, torch.full((N_ROWS, 1), tolerance), draw.weights, max_samples)


@pytest.mark.parametrize("weights", [[1.0], [0.3, 0.7], [0.1, 0.2, 0.4, 0.3], [0.125] * 8], ids=len)
def test_the_mean_is_weighted_and_the_error_is_true(weights):
    z = []
    for seed in range(10):
        draw, mean, error = run(weights, 16, seed=seed)
        assert (draw.drawn == 16 // len(weights)).all()
        z.append((mean - draw.truth) / error)
    assert 0.9 < torch.stack(z).square().mean().sqrt() < 1.15


@pytest.mark.parametrize("weights", [[0.25] * 4, [0.05, 0.2, 0.05, 0.2, 0.05, 0.2, 0.05, 0.2]])
def test_the_first_errors_are_rather_too_large(weights):
    ratios = []
    for max_samples in (1, len(weights)):
        draws = [run(weights, max_samples, seed=seed) for seed in range(20)]
        assert all(draw.drawn.sum(0).tolist() == [max(4, max_samples)] * 3 for draw, *_ in draws)
        spread = torch.stack([mean for _, mean, _ in draws]).var(0)
        error = torch.stack([error for *_, error in draws])
        ratios.append(float((spread.mean() / error.square().mean()).sqrt()))
    assert all(0.3 < ratio < 1.0 for ratio in ratios)


def test_a_mean_and_its_error_by_hand():
    _, mean, error = run([0.25, 0.75], 8)
    again = Strata([0.25, 0.75])
    rows = torch.arange(N_ROWS)
    rounds = [again(rows, slice(0, 2), 2 * k) for k in range(4)]
    by_stratum = torch.stack(rounds).transpose(0, 1)
    expected = 0.25 * by_stratum[0].mean(0) + 0.75 * by_stratum[1].mean(0)
    torch.testing.assert_close(mean, expected)
    variance = (0.25**2 * by_stratum[0].var(0) + 0.75**2 * by_stratum[1].var(0)) / 4
    torch.testing.assert_close(error, variance.sqrt())


def test_only_rows_that_are_unsure_are_drawn_again():
    draw, _, error = run([0.5, 0.5], 1024, tolerance=0.5)
    first, second, third = draw.drawn.sum(0)
    assert third == 4  # little noise
    assert third < first < second < 1024
    assert (error < 0.5).all()
    # Not in the middle of a round.
    draw, *_ = run([0.125] * 8, 30)
    assert (draw.drawn == 3).all()


def test_a_row_does_not_depend_on_the_others():
    noise = torch.from_numpy(np.random.default_rng(0).normal(size=(64, 2, N_ROWS, N_VALUES)))

    def draw_of(own):
        return lambda rows, strata, number: noise[number // 2][strata][:, own][:, rows]

    weights = torch.full((2,), 0.5, dtype=torch.float64)
    allowed = torch.tensor([[0.7], [0.4], [0.2]])
    values, errors = sampled(draw_of(torch.arange(3)), allowed, weights, 128)
    for row in range(3):
        own = torch.tensor([row])
        alone, its_error = sampled(draw_of(own), allowed[own], weights, 128)
        assert torch.equal(alone[0], values[row])
        assert torch.equal(its_error[0], errors[row])
