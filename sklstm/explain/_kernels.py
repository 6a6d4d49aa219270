"""The methods of explain_shap, by name."""

from dataclasses import dataclass
from functools import partial
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .._attribution import (
    Readout,
    are_windows,
    blocked,
    deep,
    exact,
    exact_windows,
    expected_gradients,
    shares_prefixes,
)
from ..nn import LSTMNetwork, ScaledNetwork
from ._peers import SHAP_METHODS, shap_kernel
from ._rows import Kernel, Values, base_of, responses, rows_of_pass
from ._sampling import sampled

METHODS = ("deep", "blocked", "gradient", "exact", *SHAP_METHODS)
# Of "exact": the most players, and for "auto" the most evaluations of a row.
MAX_PLAYERS = 16
FEW_EVALUATIONS = 4096
# Nodes of expected gradients at the first try.
FIRST_NODES = 4
# Of "blocked": partitions for each reference, and parts of the background that are sampled apart.
MAX_PARTITIONS = 64
MAX_STRATA = 16


@dataclass(frozen=True)
class Work:
    """How much work the methods may do, checked; the parameters of explain_shap.

    Attributes
    ----------
    n_blocks : int
    tolerance : float
    max_nodes : int
    budget : int or None
    seed : int
    """

    n_blocks: int
    tolerance: float
    max_nodes: int
    budget: int | None
    seed: int

    def __post_init__(self) -> None:
        for name in ("n_blocks", "max_nodes", "budget"):
            value = getattr(self, name)
            if name == "budget" and value is None:
                continue
            if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
                raise ValueError(
                    f"The {name!r} parameter must be an int >= 1. Got {value!r} instead."
                )
        tolerance = self.tolerance
        if not isinstance(tolerance, Real) or isinstance(tolerance, bool) or not tolerance > 0:
            raise ValueError(
                f"The 'tolerance' parameter must be a number > 0. Got {tolerance!r} instead."
            )

    def max_rounds(self, n_references: int, n_blocks: int) -> float:
        """Partitions of "blocked" for each reference: every block is evaluated in two orders."""
        if self.budget is None:
            return MAX_PARTITIONS
        return self.budget / (2 * n_blocks * n_references)


def choose_kernel(
    method: str,
    network: ScaledNetwork,
    readout: Readout,
    work: Work,
    n_players: int,
    n_references: int,
) -> tuple[str, Kernel]:
    """The name of the method, chosen where it is "auto", and its kernel."""
    built_in = isinstance(network, LSTMNetwork)
    if isinstance(method, str) and method == "auto":
        few = n_players <= MAX_PLAYERS and 2**n_players * n_references <= (
            work.budget or FEW_EVALUATIONS
        )
        method = "exact" if few else "deep" if built_in else "gradient"
    if not isinstance(method, str) or method not in METHODS:
        raise ValueError(
            f"The 'method' parameter must be 'auto' or one of {METHODS}. Got {method!r} instead."
        )
    if method in ("deep", "blocked") and not built_in:
        raise ValueError(
            f"method={method!r} needs the inside of the built-in network, and this estimator has a "
            "module of your own. Use method='gradient'."
        )
    if method == "exact" and n_players > MAX_PLAYERS:
        raise ValueError(
            f"method='exact' evaluates every coalition of at most {MAX_PLAYERS} players. There are "
            f"{n_players}: explain level='feature', level='timestep', windows (an int) or groups."
        )
    if method in SHAP_METHODS:
        value = partial(responses, network, readout)
        return method, partial(shap_kernel, method, value, work.seed, work.budget)
    kernels: dict[str, Any] = {
        "deep": _deep,
        "blocked": _blocked,
        "gradient": gradient_kernel,
        "exact": _exact,
    }
    return method, partial(kernels[method], network, readout, work)


@torch.inference_mode()
def _exact(
    network: ScaledNetwork,
    readout: Readout,
    work: Work,
    x: Tensor,
    references: Tensor,
    weights: Tensor,
    players: Tensor,
) -> Values:
    if isinstance(network, LSTMNetwork) and shares_prefixes(network) and are_windows(players):
        rows = x, references, weights, players
        return Values(exact_windows(network, readout, *rows, rows_of_pass(network, x.shape[1])))

    def value(z: Tensor) -> Tensor:
        return readout(network.original_unit(network.encode(z))).flatten(1)

    # Standardised once, not in every coalition.
    others = network.standardize(references.flatten(0, 1)).unflatten(0, references.shape[:2])
    at_once = rows_of_pass(network, x.shape[1])
    return Values(exact(value, network.standardize(x), others, weights, players, at_once))


def _deep(
    network: LSTMNetwork,
    readout: Readout,
    work: Work,
    x: Tensor,
    references: Tensor,
    weights: Tensor,
    players: Tensor,
) -> Values:
    return Values(by_player(deep(network, readout, x, references, weights), players))


def _blocked(
    network: LSTMNetwork,
    readout: Readout,
    work: Work,
    x: Tensor,
    references: Tensor,
    weights: Tensor,
    players: Tensor,
) -> Values:
    """The rule, and samples of what blocks change in it.

    A few strata of the background have a sample each, its control variate the rule for the same
    pairs: so a part of the background is enough where little changes. Once all strata are there,
    it cancels.
    """
    n_references, size = references.shape[1], min(work.n_blocks, int(players.max()) + 1)
    rng = np.random.default_rng([work.seed, 0])
    parts = np.array_split(rng.permutation(n_references), _n_strata(n_references))
    shares = weights.new_zeros(len(parts), n_references)
    for share, part in zip(shares, parts, strict=True):
        share[part] = weights[part]
    of_parts = shares.sum(1)
    shares /= of_parts[:, None]

    rule = by_player(deep(network, readout, x, references, shares), players)

    def draw(rows: Tensor, strata: slice, number: int) -> Tensor:
        some = torch.from_numpy(np.concatenate(parts[strata])).to(x.device)
        others = references[:, some] if len(references) == 1 else references[rows][:, some]
        rng = np.random.default_rng([work.seed, 1 + number])
        pairs = x[rows], others, shares[strata, some]
        cells = blocked(network, readout, *pairs, players, size, rng)
        return by_player(cells, players) - rule[strata, rows]

    difference, deviation = _difference(network, readout, x, references, weights)
    allowed = work.tolerance * (deviation + difference.abs())[:, None]
    max_samples = int(work.max_rounds(n_references, size) * len(parts))
    change, error = sampled(draw, allowed, of_parts, max_samples)
    return Values(torch.tensordot(of_parts, rule, 1) + change, error)


def _n_strata(n_references: int) -> int:
    """A power of 2, because samples are doubled."""
    return min(MAX_STRATA, 1 << (n_references.bit_length() - 1))


def gradient_kernel(
    network: ScaledNetwork,
    readout: Readout,
    work: Work,
    x: Tensor,
    references: Tensor,
    weights: Tensor,
    players: Tensor,
) -> Values:
    """Nodes are doubled for the rows whose values do not add up yet."""
    difference, deviation = _difference(network, readout, x, references, weights)
    allowed = work.tolerance * (deviation + difference.abs())
    values = x.new_zeros(*x.shape, difference.shape[1])
    rows, n_nodes = torch.arange(len(x), device=x.device), min(FIRST_NODES, work.max_nodes)
    while True:
        others = references if len(references) == 1 else references[rows]
        values[rows] = expected_gradients(network, readout, x[rows], others, weights, n_nodes)
        gap = (values[rows].sum((1, 2)) - difference[rows]).abs()
        rows = rows[(gap > allowed[rows]).any(1)]
        if len(rows) == 0 or n_nodes >= work.max_nodes:
            return Values(by_player(values, players))
        n_nodes = min(2 * n_nodes, work.max_nodes)


@torch.inference_mode()
def _difference(
    network: ScaledNetwork, readout: Readout, x: Tensor, references: Tensor, weights: Tensor
) -> tuple[Tensor, Tensor]:
    """Response minus base value, (n, n_responses), and deviation of the references' responses."""
    base, deviation = base_of(network, readout, references, weights)
    return responses(network, readout, x) - base, deviation


def by_player(cells: Tensor, players: Tensor) -> Tensor:
    """Sum the cells of each player, (..., n_timesteps, n_features, k) to (..., n_players, k)."""
    n_players = int(players.max()) + 1
    flat = cells.flatten(-3, -2)
    if n_players == flat.shape[-2] and bool((players.flatten().diff() == 1).all()):
        return flat
    sums = flat.new_zeros(*flat.shape[:-2], n_players, flat.shape[-1])
    return sums.index_add_(-2, players.flatten(), flat)
