"""shap's own explainers behind explain_shap, as cross-checks of the methods of this library.

shap gets the game in the place of a network: a function of who is present, whose explained row
is all ones and whose background is one row of zeros. So its explainers know nothing of sequences
and references, and evaluate many coalitions in one call.
"""

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ._rows import FORWARD_ROWS, Values, moments_of

SHAP_METHODS = ("kernel", "permutation", "partition")

FloatArray = NDArray[np.float64]
Value = Callable[[Tensor], Tensor]

# Repetitions of "kernel", whose spread is the standard error.
MAX_REPEATS = 4
MIN_REPEATS = 2
# Of "permutation" without a budget, shap's own choice.
N_PERMUTATIONS = 10

# shap draws from NumPy's global generator, of which all threads have the same one.
_GLOBAL_RANDOM_STATE = threading.Lock()


def shap_kernel(
    name: str,
    value: Value,
    seed: int,
    budget: int | None,
    x: Tensor,
    references: Tensor,
    weights: Tensor,
    players: Tensor,
) -> Values:
    """Explain rows with an explainer of shap [1]_.

    The value of a coalition is the weighted mean over the references. Players that are the same
    in a row and in all its references do not take part, and have the value 0.

    Parameters
    ----------
    name : {"kernel", "permutation", "partition"}
        * "kernel": regression on coalitions; exact where the budget allows all ``2**n_players``.
        * "permutation": random orders of the players, each forwards and backwards.
        * "partition": Owen values of a balanced binary tree over the players, in the order of
          their first cells. A group that the budget does not suffice to open is shared equally
          among its players.
    value : callable
        From sequences (m, n_timesteps, n_features) to responses (m, n_responses).
    seed : int
        Used anew for each row.
    budget : int or None
        Sequences that may be evaluated for each row. "kernel" takes as many more as make its
        regression well-posed, twice, and "permutation" takes two orders at least. None stands for
        ten orders, and for ``2 * n_players + 2048`` coalitions of the other two.
    x, references, weights, players : Tensor
        As in ``Kernel``.

    Returns
    -------
    Values
        The standard error is 0 where the values are exact, and None for "partition".

    Notes
    -----
    NumPy's global random state is seeded while this runs, and restored at the end.

    References
    ----------
    .. [1] Lundberg & Lee (2017), "A unified approach to interpreting model predictions", NeurIPS.
    """
    explain = {"kernel": _kernel, "permutation": _permutation, "partition": _partition}[name]
    n_coalitions = None if budget is None else budget // len(weights)
    order = _by_first_cell(players)
    values, errors = [], []
    with _restored_random_state():
        for row, others in zip(x, references.expand(len(x), -1, -1, -1), strict=True):
            game = _Game(value, row, others, weights, players, order)
            if game.n_players < 2:
                part = np.repeat(game.complete, game.n_players, axis=0)
                error = None if name == "partition" else np.zeros_like(part)
            else:
                part, error = explain(game, seed, n_coalitions)
            values.append(game.of_all_players(part))
            if error is not None:
                errors.append(game.of_all_players(error))
    return Values(torch.stack(values), torch.stack(errors) if errors else None)


@contextmanager
def _restored_random_state() -> Iterator[None]:
    with _GLOBAL_RANDOM_STATE:
        state = np.random.get_state()  # noqa: NPY002, it is shap's
        try:
            yield
        finally:
            np.random.set_state(state)  # noqa: NPY002


def _by_first_cell(players: Tensor) -> NDArray[np.int64]:
    """Players in the order of their first cells, time step by time step."""
    _, first = np.unique(players.cpu().numpy(), return_index=True)
    return first.argsort()


class _Game:
    """What shap explains: a function of which of the players of one row are present.

    Its values are relative to that of nobody, in units of the spread of each response: shap takes
    numbers below 1e-10 for 0, and compares responses with one another. Each coalition is
    evaluated once.

    Attributes
    ----------
    n_players : int
        That take part.
    takes_part : bool array
        Of all players, in their order.
    complete : array of shape (1, n_responses)
        Value of everybody.
    """

    def __init__(
        self,
        value: Value,
        x: Tensor,
        references: Tensor,
        weights: Tensor,
        players: Tensor,
        order: NDArray[np.int64],
    ) -> None:
        self._value, self._x, self._references, self._weights = value, x, references, weights
        differing = players[(x != references).any(0)].unique().cpu().numpy()
        self.takes_part = np.isin(order, differing)
        self._members = torch.from_numpy(order[self.takes_part]).to(x.device)
        self.n_players, self._n_all = len(self._members), len(order)
        # Cells of the other players read a last entry of the mask, which is always absent.
        place = players.new_full((self._n_all,), self.n_players)
        place[self._members] = torch.arange(self.n_players, device=x.device)
        self._place = place[players]
        self._alone = self._responses(references)
        _, deviation = moments_of(self._alone[None], weights)
        complete = self._gains(self._responses(x[None])[:, None])
        scale = deviation + complete.abs()
        self._scale = torch.where(scale > 0, scale, 1.0)
        self.complete = (complete / self._scale).cpu().numpy()
        nobody, everybody = np.zeros_like(self.takes_part[: self.n_players]), self.complete[0]
        self._known = {nobody.tobytes(): np.zeros_like(everybody), (~nobody).tobytes(): everybody}

    def __call__(self, masks: FloatArray) -> FloatArray:
        """Values of coalitions, from (m, n_players) to (m, n_responses)."""
        present = masks > 0.5
        keys = [mask.tobytes() for mask in present]
        new = {key: mask for key, mask in zip(keys, present, strict=True) if key not in self._known}
        if new:
            values = self._evaluated(np.stack(list(new.values())))
            self._known.update(zip(new, values, strict=True))
        return np.stack([self._known[key] for key in keys])

    def of_all_players(self, values: FloatArray) -> Tensor:
        """In units of the responses, for all players in the order of their numbers."""
        part = torch.from_numpy(values).to(self._scale.device) * self._scale
        result = part.new_zeros(self._n_all, part.shape[1])
        result[self._members] = part
        return result

    def _evaluated(self, masks: NDArray[np.bool_]) -> FloatArray:
        n_references = len(self._references)
        padded = np.pad(masks, ((0, 0), (0, 1)))
        gains = []
        for part in torch.from_numpy(padded).split(max(1, FORWARD_ROWS // n_references)):
            present = part.to(self._x.device)[:, self._place]
            hybrids = torch.where(present[:, None], self._x, self._references)
            values = self._responses(hybrids.flatten(0, 1))
            gains.append(self._gains(values.unflatten(0, (-1, n_references))))
        return (torch.cat(gains) / self._scale).cpu().numpy()

    @torch.inference_mode()
    def _responses(self, sequences: Tensor) -> Tensor:
        return torch.cat([self._value(part).double() for part in sequences.split(FORWARD_ROWS)])

    def _gains(self, values: Tensor) -> Tensor:
        """Mean over the references of what is gained, (m, 1 or n_references, n_responses)."""
        return torch.einsum("ijk,j->ik", values - self._alone, self._weights)


def _kernel(
    game: _Game, seed: int, n_coalitions: int | None
) -> tuple[FloatArray, FloatArray | None]:
    import shap

    n_players = game.n_players
    total = _default_coalitions(game) if n_coalitions is None else n_coalitions
    # From here on shap takes each player alone and all others without it, and draws the rest:
    # fewer coalitions may leave the regression without a solution, or with a very bad one.
    enough = math.ceil(2 * (n_players - 1) * sum(1 / k for k in range(1, n_players)))
    n_repeats = min(max(total // enough, MIN_REPEATS), MAX_REPEATS)
    n_samples = max(total // n_repeats, enough)
    if n_repeats * n_samples >= 2**n_players - 2:
        n_repeats, n_samples = 1, 2**n_players - 2
    explainer = shap.KernelExplainer(game, np.zeros((1, n_players)))
    np.random.seed(seed)  # noqa: NPY002
    return _mean_and_error(
        # Without l1_reg=False all but ten players have the value 0.
        [
            explainer.shap_values(np.ones(n_players), nsamples=n_samples, l1_reg=False)
            for _ in range(n_repeats)
        ]
    )


def _permutation(
    game: _Game, seed: int, n_coalitions: int | None
) -> tuple[FloatArray, FloatArray | None]:
    import shap

    size = 2 * game.n_players + 1
    n_permutations = N_PERMUTATIONS if n_coalitions is None else max(2, n_coalitions // size)
    masker = shap.maskers.Independent(np.zeros((1, game.n_players)))
    explainer = shap.PermutationExplainer(game, masker, seed=seed)
    return _mean_and_error(
        [_called(explainer, game, max_evals=size) for _ in range(n_permutations)]
    )


def _partition(
    game: _Game, seed: int, n_coalitions: int | None
) -> tuple[FloatArray, FloatArray | None]:
    import shap

    total = _default_coalitions(game) if n_coalitions is None else n_coalitions
    tree = _balanced_tree(game.takes_part)
    masker = shap.maskers.Partition(np.zeros((1, game.n_players)), clustering=tree)
    explainer = shap.PartitionExplainer(game, masker)
    np.random.seed(seed)  # noqa: NPY002, which of two groups is opened first is drawn
    # shap counts the coalitions of nobody and everybody; two more split the first group.
    return _called(explainer, game, max_evals=max(4, total)), None


def _default_coalitions(game: _Game) -> int:
    """What shap takes for its KernelExplainer."""
    return 2 * game.n_players + 2048


def _called(explainer: Any, game: _Game, max_evals: int) -> FloatArray:
    """Values (n_players, n_responses); shap drops the axis of a single response."""
    values = explainer(np.ones((1, game.n_players)), max_evals=max_evals, silent=True).values
    return values.reshape(game.n_players, -1)


def _mean_and_error(repeats: list[FloatArray]) -> tuple[FloatArray, FloatArray]:
    """Mean of independent repetitions and its standard error, 0 for a single, exact one."""
    parts, n_repeats = np.stack(repeats), len(repeats)
    if n_repeats == 1:
        return parts[0], np.zeros_like(parts[0])
    return parts.mean(0), parts.std(0, ddof=1) / math.sqrt(n_repeats)


def _balanced_tree(takes_part: NDArray[np.bool_]) -> FloatArray:
    """Linkage matrix, as in SciPy, of a balanced binary tree over all players in their order.

    Without the leaves of players that do not take part, which changes no Owen value.
    """
    leaves = takes_part.cumsum() - 1
    n_leaves = int(takes_part.sum())
    merges: list[tuple[int, int, float, int]] = []

    def grow(start: int, stop: int) -> tuple[int, int] | None:
        """Number of the node over some players, and of its leaves."""
        if not takes_part[start:stop].any():
            return None
        if stop - start == 1:
            return int(leaves[start]), 1
        middle = (start + stop) // 2
        left, right = grow(start, middle), grow(middle, stop)
        if left is None or right is None:
            return left or right
        size = left[1] + right[1]
        # shap asks of the distance only that it is not negative.
        merges.append((left[0], right[0], 1.0, size))
        return n_leaves + len(merges) - 1, size

    grow(0, len(takes_part))
    return np.array(merges, dtype=np.float64)
