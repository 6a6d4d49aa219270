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
# Share of a column's square that must be left beside the other columns, and of all weight that it
# must have.
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
        Adjusted R² of the model, see ``_Fit.fidelity``.
    standard_error : array of the shape of values, or None where players were selected
    """

    values: FloatArray
    base_values: FloatArray
    fidelity: FloatArray
    standard_error: FloatArray | None


@dataclass(frozen=True)
class Sample:
    """Patterns of players that are off, the references in their place, and what a pattern counts.

    Attributes
    ----------
    off : bool array of shape (n_patterns, n_players)
        The first pattern is the row itself.
    reference : int64 array of shape (n_patterns, n_draws)
    weight : array of shape (n_patterns,)
    """

    off: BoolArray
    reference: IntArray
    weight: FloatArray

    @classmethod
    def draw(
        cls, shape: tuple[int, int], n_players: int, shares: FloatArray, width: float, seed: int
    ) -> "Sample":
        """A number of players from 1 on, each as likely, then as many players at random.

        The row counts as all patterns of another size together: no player off is as likely.

        Parameters
        ----------
        shape : (int, int)
            Of ``reference``.
        n_players : int
        shares : array of shape (n_references,)
            How likely each reference is.
        width : float
            Of the kernel, ``exp(-(share of players off / width)²)``.
        seed : int
        """
        rng = np.random.default_rng(seed)
        n_patterns = shape[0]
        off = np.zeros((n_patterns, n_players), dtype=np.bool_)
        sizes = rng.integers(1, n_players + 1, size=n_patterns)
        for pattern in range(1, n_patterns):
            off[pattern, rng.permutation(n_players)[: sizes[pattern]]] = True
        with np.errstate(over="ignore"):  # a width near 0 leaves no weight
            weight = np.exp(-((off.mean(axis=1) / float(width)) ** 2))
        weight[0] = max(1.0, (n_patterns - 1) / n_players)
        return cls(off, rng.choice(len(shares), shape, p=shares / shares.sum()), weight)


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

    The response of a pattern is the mean over its references.

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
    ValueError
        Where a response is not finite.
    numpy.linalg.LinAlgError
        Where the patterns do not determine the models.

    References
    ----------
    .. [1] Ribeiro, Singh & Guestrin (2016), "'Why should I trust you?': explaining the
       predictions of any classifier", KDD.
    """
    responses = _responses(value, x, references, players, sample, max_rows)
    if not np.isfinite(responses).all():
        raise ValueError("The output of a row that is part X, part background is not finite.")
    fit = _Fit(sample, *_mean_and_noise(responses))
    return fit.of_all() if select is None else fit.of_selected(select)


def _responses(
    value: Value, x: Tensor, references: Tensor, players: Tensor, sample: Sample, max_rows: int
) -> FloatArray:
    """Of every row, pattern and reference, shape (n, n_patterns, n_draws, n_responses)."""
    off = torch.from_numpy(sample.off).to(x.device)
    chosen = torch.from_numpy(sample.reference.ravel()).to(x.device)
    n_draws, each = sample.reference.shape[1], sample.reference.size
    parts = []
    size = max(1, min(max_rows, ENTRIES // players.numel()))
    for first in range(0, len(x) * each, size):
        number = torch.arange(first, min(first + size, len(x) * each), device=x.device)
        row, number = number // each, number % each
        own = row if len(references) > 1 else torch.zeros_like(row)
        is_off = off[number // n_draws][:, players]
        parts.append(value(torch.where(is_off, references[own, chosen[number]], x[row])).cpu())
    return torch.cat(parts).double().numpy().reshape(len(x), *sample.reference.shape, -1)


def _mean_and_noise(responses: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean over the draws, and its variance; of a single draw, which is a baseline, none."""
    n_draws = responses.shape[2]
    mean = responses.mean(axis=2)
    if n_draws == 1:
        return mean, np.zeros_like(mean)
    return mean, responses.var(axis=2, ddof=1) / n_draws


class _Fit:
    """Least squares of centred columns, for which the Gram matrix of the players is enough.

    A column is 1 where its player is on. Sums over patterns are weighted; the weights sum to 1.

    Parameters
    ----------
    sample : Sample
    responses, noise : arrays of shape (n, n_patterns, n_responses)
        Of each pattern, and the variance of what it is measured with.
    """

    def __init__(self, sample: Sample, responses: FloatArray, noise: FloatArray) -> None:
        self.on, self.noise = ~sample.off, noise
        self.weight = sample.weight / sample.weight.sum()
        self.mean_on = self.weight @ self.on
        self.mean = self.weight @ responses
        self.responses = responses - self.mean[:, None]  # centred, for sums that keep their digits
        n, _, k = responses.shape
        n_players = self.on.shape[1]
        self.gram = np.zeros((n_players, n_players))
        self.product = np.zeros((n_players, n, k))
        for some in self._blocks():
            columns = self._columns(some)
            weighted = self.weight[some, None] * columns
            self.gram += weighted.T @ columns
            self.product += np.tensordot(weighted, self.responses[:, some], axes=(0, 1))
        if not self.gram.diagonal().min() > INDEPENDENT:
            # Beside the row itself, or beside other players, what is left is rounding.
            raise np.linalg.LinAlgError("a player is off in no pattern that has weight")

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
        squares = np.empty_like(self.responses)
        for some in self._blocks():
            columns = self._columns(some)
            left = 1 - self._leverage(columns, self._influence(factor, columns, some), some)
            squares[:, some] = (self.responses[:, some] - columns @ values) ** 2 / left[:, None]
        variance = np.zeros_like(values)
        for some in self._blocks():
            variance += self._influence(factor, self._columns(some), some).T ** 2 @ squares[:, some]
        return LocalLinear(
            values, self._base(values), self._fidelity(squares, self.noise), np.sqrt(variance)
        )

    def of_selected(self, select: Select) -> LocalLinear:
        """One model for each row and response, of the players that are selected for it."""
        n_players, n, k = self.product.shape
        values = np.zeros((n, n_players, k))
        squares = np.empty_like(self.responses)
        every = slice(None)
        for row, response in np.ndindex(n, k):
            product, residuals = self.product[:, row, response], self.responses[row, :, response]
            left = 1 - self.weight
            used = np.flatnonzero(select(self.gram, product))
            if len(used):
                factor = cholesky(self.gram[np.ix_(used, used)])
                values[row, used, response] = scipy.linalg.cho_solve(factor, product[used])
                columns = self.on[:, used] - self.mean_on[used]
                residuals = residuals - columns @ values[row, used, response]
                influence = self._influence(factor, columns, every)
                left = 1 - self._leverage(columns, influence, every)
            squares[row, :, response] = residuals**2 / left
        return LocalLinear(values, self._base(values), self._fidelity(squares, self.noise), None)

    def _base(self, values: FloatArray) -> FloatArray:
        return self.mean - np.einsum("p,ipk->ik", self.mean_on, values)

    def _influence(
        self, factor: tuple[FloatArray, bool], columns: FloatArray, some: slice
    ) -> FloatArray:
        """Of the response of each pattern on each value, shape (n_patterns, n_players)."""
        return scipy.linalg.cho_solve(factor, columns.T).T * self.weight[some, None]

    def _leverage(self, columns: FloatArray, influence: FloatArray, some: slice) -> FloatArray:
        """Of the response of each pattern on the model there; with 1, there is no residual."""
        leverage = (influence * columns).sum(axis=1) + self.weight[some]
        return np.minimum(leverage, 1 - INDEPENDENT)

    def _fidelity(self, squares: FloatArray, noise: FloatArray) -> FloatArray:
        """Share of the variance of what the patterns' responses are beside all references.

        From the measured squares their noise is subtracted. Residuals are divided by what the fit
        leaves of them, as in the adjusted R². 1 where responses vary by rounding only, NaN where
        they vary no more than by noise.
        """
        measured = self.responses**2 / (1 - self.weight)[:, None]
        left, total = (self.weight @ (part - noise) for part in (squares, measured))
        share = np.divide(left, total, out=np.full_like(left, np.nan), where=total > 0)
        share[self.weight @ measured <= (1e-12 * self.mean) ** 2] = 0
        return 1 - np.maximum(share, 0)


def cholesky(gram: FloatArray) -> tuple[FloatArray, bool]:
    """Factor of a Gram matrix, or a LinAlgError where its columns are not independent."""
    factor = scipy.linalg.cho_factor(gram, lower=True)
    squares = np.diag(factor[0]) ** 2
    if not (squares > INDEPENDENT * np.diag(gram)).all():
        raise np.linalg.LinAlgError("columns are not independent")
    return factor
