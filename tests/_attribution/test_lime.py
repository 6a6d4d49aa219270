"""Local linear models: plain least squares on a design that is written out."""

import numpy as np
import pytest
import torch

from sklstm._attribution import LocalLinear, Sample, local_linear
from sklstm._attribution._lime import _Fit, cholesky

rng = np.random.default_rng(0)
X = torch.from_numpy(rng.normal(size=(3, 2, 4)))
REFERENCES = torch.from_numpy(rng.normal(1, 2, size=(1, 6, 2, 4)))
PLAYERS = torch.tensor([[0, 1, 2, 3], [0, 1, 4, 3]])
SLOPES = torch.from_numpy(rng.normal(size=(2, 4, 2)))


def linear(z):
    return torch.einsum("ntf,tfk->nk", z, SLOPES) + 5


def curved(z):
    return linear(z) + torch.stack([(z[:, 0, 0] * z[:, 1, 2]), z[:, 0, 1].sin()], 1)


def drawn(n_patterns=300, n_draws=3, n_references=6, width=0.5, seed=0):
    return Sample.draw((n_patterns, n_draws), 5, np.full(n_references, 1.0), width, seed)


def fitted(value, sample=None, x=X, references=REFERENCES, select=None) -> LocalLinear:
    return local_linear(value, x, references, PLAYERS, sample or drawn(), select, 1000)


def true_values(x=X, references=REFERENCES):
    """Of the linear function: slopes times distance from the mean reference, by player."""
    cells = (x - references.mean(1))[..., None] * SLOPES
    values = torch.zeros(len(x), 5, 2, dtype=torch.float64)
    return values.index_add_(1, PLAYERS.flatten(), cells.flatten(1, 2)).numpy()


def written_out(value, sample, row, used=slice(None)):
    """Coefficients, intercept and errors of one row, from the responses of single rows."""
    design, y, noise = [], [], []
    for off, chosen in zip(sample.off, sample.reference, strict=True):
        mask = torch.from_numpy(off)[PLAYERS]
        rows = [torch.where(mask, REFERENCES[0, r], X[row]) for r in chosen]
        responses = torch.cat([value(one[None]) for one in rows]).numpy()
        y.append(responses.mean(axis=0))
        noise.append(responses.var(axis=0, ddof=1) / 3)
        design.append([1.0, *~off[used]])
    design, y, noise = np.array(design, dtype=float), np.array(y), np.array(noise)
    root = np.sqrt(sample.weight)[:, None]
    found = np.linalg.lstsq(root * design, root * y, rcond=None)[0]
    inverse = np.linalg.inv((design * sample.weight[:, None]).T @ design)
    hat = design @ inverse @ (design * sample.weight[:, None]).T
    squares = (y - design @ found) ** 2 / (1 - np.diag(hat))[:, None]
    half = inverse @ (design * sample.weight[:, None]).T
    errors = np.sqrt(half**2 @ squares)
    share = sample.weight / sample.weight.sum()
    centred = (y - share @ y) ** 2 / (1 - share)[:, None]
    total = share @ (centred - noise)
    fidelity = 1 - (share @ (squares - noise)) / np.where(total > 0, total, np.nan)
    return found[1:], found[0], errors[1:], fidelity


@pytest.mark.parametrize("width", [0.3, 1.0])
def test_equals_least_squares_written_out(width):
    sample = drawn(60, width=width)
    fit = fitted(curved, sample)
    for row in range(3):
        values, base, errors, fidelity = written_out(curved, sample, row)
        np.testing.assert_allclose(fit.values[row], values, rtol=1e-8)
        np.testing.assert_allclose(fit.base_values[row], base, rtol=1e-8)
        np.testing.assert_allclose(fit.standard_error[row], errors, rtol=1e-6)
        np.testing.assert_allclose(fit.fidelity[row], np.minimum(fidelity, 1), rtol=1e-6)


def test_selected_players_are_fitted_alone():
    sample = drawn(60)
    fit = fitted(curved, sample, select=lambda gram, product: np.arange(5) % 2 == 0)
    for row in range(3):
        values, base, _, fidelity = written_out(curved, sample, row, [0, 2, 4])
        np.testing.assert_allclose(fit.values[row, [0, 2, 4]], values, rtol=1e-8)
        assert not fit.values[row, [1, 3]].any()
        np.testing.assert_allclose(fit.base_values[row], base, rtol=1e-8)
        np.testing.assert_allclose(fit.fidelity[row], np.minimum(fidelity, 1), rtol=1e-6)
    assert fit.standard_error is None
    nobody = fitted(curved, sample, select=lambda gram, product: np.zeros(5, bool))
    assert not nobody.values.any()
    np.testing.assert_allclose(nobody.fidelity[:, 0], 0, atol=1e-12)


def test_the_selection_sees_the_weighted_design():
    sample = drawn(60)
    seen = []

    def select(gram, product):
        seen.append((gram, product))
        return np.ones(5, bool)

    fitted(curved, sample, select=select)
    on, share = ~sample.off, sample.weight / sample.weight.sum()
    columns = on - share @ on
    np.testing.assert_allclose(seen[0][0], columns.T @ (columns * share[:, None]), atol=1e-14)
    assert len(seen) == 6
    # Its solution is the values.
    np.testing.assert_allclose(
        np.linalg.solve(*seen[1]), fitted(curved, sample).values[0, :, 1], rtol=1e-8
    )


def test_a_linear_function_beside_one_reference_is_found_exactly():
    fit = fitted(linear, drawn(50, 1, 1), references=REFERENCES[:, :1])
    np.testing.assert_allclose(fit.values, true_values(X, REFERENCES[:, :1]), rtol=1e-9)
    np.testing.assert_allclose(fit.base_values, linear(REFERENCES[0, :1]).expand(3, 2), rtol=1e-9)
    np.testing.assert_allclose(fit.fidelity, 1, atol=1e-9)
    np.testing.assert_allclose(fit.standard_error, 0, atol=1e-9)


def test_errors_are_those_of_sampling():
    runs = [fitted(linear, drawn(200, 2, seed=seed)) for seed in range(200)]
    z = [(fit.values - true_values()) / fit.standard_error for fit in runs]
    assert np.abs(np.mean(z, axis=0)).max() < 0.3  # 4 errors of the mean of 200
    assert 0.85 < np.std(z) < 1.15
    # Their fidelity is that of a linear function, though most of the variance is of references.
    fidelity = np.median([fit.fidelity[:, 0] for fit in runs], axis=0)
    assert fidelity.min() > 0.93


def test_fidelity_is_that_of_the_best_linear_model():
    def product(z):
        return (z[:, 0, 0] * z[:, 0, 1])[:, None]

    # The mean response over the references is the product of two players that are 1 or 0.
    x = torch.ones(1, 2, 4, dtype=torch.float64)
    references = torch.stack(
        [torch.tensor([a, b]).repeat(2, 2) for a in (-1.0, 1.0) for b in (-1.0, 1.0)]
    ).double()[None]
    players = torch.tensor([[0, 1, 2, 3], [4, 5, 6, 7]])
    sample = Sample.draw((4000, 2), 8, np.ones(4), 0.5, 0)
    fit = local_linear(product, x, references, players, sample, None, 1000)
    on, share = ~sample.off, sample.weight / sample.weight.sum()
    y = (on[:, 0] & on[:, 1]).astype(float)
    design = np.column_stack([np.ones(len(on)), on])
    root = np.sqrt(share)
    left = y - design @ np.linalg.lstsq(root[:, None] * design, root * y, rcond=None)[0]
    expected = 1 - share @ left**2 / (share @ (y - share @ y) ** 2)
    assert 0.3 < expected < 0.95
    np.testing.assert_allclose(fit.fidelity, expected, atol=0.05)


def test_fidelity_is_not_known_where_draws_hide_it():
    responses = rng.normal(size=(2, 300, 1))
    noise = np.array([1e-6, 5.0])[:, None, None] * np.ones_like(responses)
    found = _Fit(drawn(), responses, noise).of_all().fidelity
    assert abs(found[0, 0]) < 0.3 and np.isnan(found[1, 0])


def test_a_constant_is_explained_by_nobody():
    fit = fitted(lambda z: torch.full((len(z), 2), 0.1, dtype=torch.float64))
    np.testing.assert_allclose(fit.values, 0, atol=1e-15)
    np.testing.assert_allclose(fit.base_values, 0.1)
    np.testing.assert_array_equal(fit.fidelity, 1)


def test_rows_and_batches_change_nothing(monkeypatch):
    own = torch.from_numpy(rng.normal(size=(3, 6, 2, 4)))
    together = fitted(curved, references=own)
    monkeypatch.setattr("sklstm._attribution._lime.ENTRIES", 70)
    for i in range(3):
        alone = fitted(curved, x=X[i : i + 1], references=own[i : i + 1])
        np.testing.assert_allclose(alone.values[0], together.values[i], rtol=1e-9)
        np.testing.assert_allclose(alone.standard_error[0], together.standard_error[i], rtol=1e-9)
        np.testing.assert_allclose(alone.fidelity[0], together.fidelity[i], rtol=1e-9)


def test_patterns_follow_the_documented_kernel():
    shares = np.array([0.5, 0.25, 0.25, 0.0])
    sample = Sample.draw((4000, 3), 10, shares, 0.4, 1)
    assert not sample.off[0].any() and sample.off[1:].any(axis=1).all()
    sizes = np.bincount(sample.off[1:].sum(axis=1), minlength=11)[1:]
    assert sizes.min() > 300  # each number of players is as likely
    share = sample.off.mean(axis=1)
    np.testing.assert_allclose(sample.weight[1:], np.exp(-((share[1:] / 0.4) ** 2)))
    np.testing.assert_allclose(sample.weight[0], 3999 / 10)
    found = np.bincount(sample.reference.ravel(), minlength=4) / sample.reference.size
    np.testing.assert_allclose(found, shares, atol=0.02)
    np.testing.assert_allclose(sample.off[1:].mean(axis=0), 0.55, atol=0.03)
    again = Sample.draw((4000, 3), 10, shares, 0.4, 1)
    assert np.array_equal(again.off, sample.off)


def test_columns_that_are_not_independent_are_an_error():
    column = rng.normal(size=(50, 3))
    design = np.column_stack([column, column[:, 0] + 1e-7 * column[:, 1]])
    with pytest.raises(np.linalg.LinAlgError):
        cholesky(design.T @ design)
    with pytest.raises(np.linalg.LinAlgError):
        fitted(linear, drawn(60, width=0.005))
