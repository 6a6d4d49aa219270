"""Local linear models of a row's response, from rows in which some players are switched off."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.linalg
import torch
from numpy.typing import NDArray
from torch import Tensor

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]
Value = Callable[[Tensor], Tensor]
# From the Gram matrix (p, p) and the products with a response (p,), both of centred columns, to the
# players that the model may use, (p,).
Select = Callable[[FloatArray, FloatArray], BoolArray]

# Entries of the arrays that are made at a time.
ENTRIES = 2**22
# Share of a column's square that must be left beside the other columns.
INDEPENDENT = 1e-9


@dataclass(frozen=True)
class LocalLinear:
    """Linear models of some rows.

    Attributes
    ----------
    values : array of shape (n, n_players, n_responses)
        What each player adds when it is on.
    base_values : array of shape (n, n_responses)
        With all players off.
    fidelity : array of shape (n, n_responses)
        Weighted R² of the model on the samples it was fitted to.
    standard_error : array of the shape of values, or None where players were selected
    """

    values: FloatArray
    base_values: FloatArray
    fidelity: FloatArray
    standard_error: FloatArray | None


@dataclass(frozen=True)
class Sample:
    """Which players are off, beside which reference, and how much that counts.

    Attributes
    ----------
    off : bool array of shape (n_samples, n_players)
        The first sample is the row itself.
    reference : int64 array of shape (n_samples,)
    weight : array of shape (n_samples,)
    """

    off: BoolArray
    reference: IntArray
    weight: FloatArray

    @classmethod
    def draw(
        cls, n_samples: int, n_players: int, n_references: int, width: float, seed: int
    ) -> "Sample":
        """A number of players from 1 on, each as likely, then as many players at random.

        The kernel is ``exp(-(share of players that are off / width)²)``.
        """
        rng = np.random.default_rng(seed)
        off = np.zeros((n_samples, n_players), dtype=np.bool_)
        sizes = rng.integers(1, n_players + 1, size=n_samples)
        for sample in range(1, n_samples):
            off[sample, rng.permutation(n_players)[: sizes[sample]]] = True
        share = off.mean(axis=1)
        reference = rng.integers(n_references, size=n_samples)
        return cls(off, reference, np.exp(-((share / width) ** 2)))


def local_linear(
    value: Value,
    x: Tensor,
    references: Tensor,
    players: Tensor,
    sample: Sample,
    select: Select | None,
    max_rows: int,
) -> LocalLinear:
    """Weighted least squares on responses of rows that are part x, part reference [1]_.

    Parameters
    ----------
    value : callable
        From rows (m, n_timesteps, n_features) to responses (m, n_responses).
    x : float64 Tensor of shape (n, n_timesteps, n_features)
    references : float64 Tensor of shape (1 or n, n_references, n_timesteps, n_features)
    players : int64 Tensor of shape (n_timesteps, n_features)
    sample : Sample
        The same for every row.
    select : callable or None
        Chooses the players of each model.
    max_rows : int
        Rows of a call of ``value``.

    Returns
    -------
    LocalLinear

    Raises
    ------
    numpy.linalg.LinAlgError
        Where the samples do not determine the models.

    References
    ----------
    .. [1] Ribeiro, Singh & Guestrin (2016), ""Why should I trust you?": explaining the
       predictions of any classifier", KDD.
    """
    responses = _responses(value, x, references, players, sample, max_rows)
    fit = _Fit(sample, responses)
    if select is None:
        return fit.of_all()
    return fit.of_selected(select)


def _responses(
    value: Value, x: Tensor, references: Tensor, players: Tensor, sample: Sample, max_rows: int
) -> FloatArray:
    """Of every row and sample, shape (n, n_samples, n_responses)."""
    off = torch.from_numpy(sample.off).to(x.device)
    chosen = torch.from_numpy(sample.reference).to(x.device)
    n_samples = len(off)
    parts = []
    size = max(1, min(max_rows, ENTRIES // players.numel()))
    for first in range(0, len(x) * n_samples, size):
        pair = torch.arange(first, min(first + size, len(x) * n_samples), device=x.device)
        row, number = pair // n_samples, pair % n_samples
        own = row if len(references) > 1 else torch.zeros_like(row)
        hybrids = torch.where(off[number][:, players], references[own, chosen[number]], x[row])
        parts.append(value(hybrids).cpu().double().numpy())
    return np.concatenate(parts).reshape(len(x), n_samples, -1)


class _Fit:
    """Least squares of centred columns, for which the Gram matrix of the players is enough.

    A column is 1 where its player is on. Sums over samples are weighted, and the weights sum to 1.
    """

    def __init__(self, sample: Sample, responses: FloatArray) -> None:
        self.on = ~sample.off
        self.weight = sample.weight / sample.weight.sum()
        self.mean_on = self.weight @ self.on
        self.mean = np.einsum("s,isk->ik", self.weight, responses)
        self.responses = responses - self.mean[:, None]  # centred, for sums that keep their digits
        n, _, k = responses.shape
        n_players = self.on.shape[1]
        self.gram = np.zeros((n_players, n_players))
        self.product = np.zeros((n_players, n, k))
        for some in self._blocks():
            weighted = self.weight[some, None] * self._columns(some)
            self.gram += weighted.T @ self._columns(some)
            self.product += np.tensordot(weighted.T, self.responses[:, some], axes=(1, 1))

    def _blocks(self) -> list[slice]:
        size = max(1, ENTRIES // self.on.shape[1])
        return [slice(first, first + size) for first in range(0, len(self.on), size)]

    def _columns(self, some: slice) -> FloatArray:
        return self.on[some] - self.mean_on

    def of_all(self) -> LocalLinear:
        """One model for each row and response, of all players."""
        factor = cholesky(self.gram)
        n_players, n, k = self.product.shape
        solved = scipy.linalg.cho_solve(factor, self.product.reshape(n_players, -1))
        values = np.moveaxis(solved.reshape(n_players, n, k), 0, 1)
        residuals = self._residuals(values)
        return LocalLinear(
            values,
            self._base(values),
            self._fidelity(residuals),
            self._standard_error(factor, residuals),
        )

    def of_selected(self, select: Select) -> LocalLinear:
        """One model for each row and response, of the players that are selected for it."""
        n_players, n, k = self.product.shape
        values = np.zeros((n, n_players, k))
        for row, response in np.ndindex(n, k):
            product = self.product[:, row, response]
            used = np.flatnonzero(select(self.gram, product))
            if len(used):
                factor = cholesky(self.gram[np.ix_(used, used)])
                values[row, used, response] = scipy.linalg.cho_solve(factor, product[used])
        return LocalLinear(
            values, self._base(values), self._fidelity(self._residuals(values)), None
        )

    def _base(self, values: FloatArray) -> FloatArray:
        return self.mean - np.einsum("p,ipk->ik", self.mean_on, values)

    def _residuals(self, values: FloatArray) -> FloatArray:
        residuals = self.responses.copy()
        for some in self._blocks():
            residuals[:, some] -= np.matmul(self._columns(some), values)
        return residuals

    def _fidelity(self, residuals: FloatArray) -> FloatArray:
        """Weighted R²; 1 where the response does not vary but by rounding."""
        left, total = (
            np.einsum("s,isk->ik", self.weight, part**2) for part in (residuals, self.responses)
        )
        rounding = (1e-12 * np.abs(self.mean)) ** 2
        share = np.divide(left, total, out=np.zeros_like(left), where=total > rounding)
        return 1 - share

    def _standard_error(self, factor: tuple[FloatArray, bool], residuals: FloatArray) -> FloatArray:
        """Of the coefficients, by the sandwich estimator HC2.

        The weights are those of a kernel and not of precision, so that the usual error of weighted
        least squares is not that of these. A sample with leverage 1 has no residual.
        """
        n, _, k = residuals.shape
        variance = np.zeros((n, self.on.shape[1], k))
        for some in self._blocks():
            columns, weight = self._columns(some), self.weight[some]
            influence = scipy.linalg.cho_solve(factor, columns.T).T * weight[:, None]
            leverage = (influence * columns).sum(axis=1) + weight
            squares = residuals[:, some] ** 2 / np.maximum(1 - leverage, INDEPENDENT)[:, None]
            variance += np.matmul((influence**2).T, squares)
        return np.sqrt(variance)


def cholesky(gram: FloatArray) -> tuple[FloatArray, bool]:
    """Factor of a Gram matrix, or a LinAlgError where its columns are not independent."""
    factor = scipy.linalg.cho_factor(gram, lower=True)
    squares = np.diag(factor[0]) ** 2
    if not (squares > INDEPENDENT * np.diag(gram)).all():
        raise np.linalg.LinAlgError("columns are not independent")
    return factor
