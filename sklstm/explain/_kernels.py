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

METHODS = ("deep", "blocked", "gradient", "exact", *SHAP_METHODS)
# Of "exact": the most players, and for "auto" the most evaluations of a row.
MAX_PLAYERS = 16
FEW_EVALUATIONS = 4096
# Of the first try: nodes of expected gradients, partitions of blocked.
FIRST_NODES = 4
FIRST_PARTITIONS = 4
MAX_PARTITIONS = 64


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

    def max_partitions(self, n_references: int) -> int:
        """Partitions of "blocked", each of which evaluates every block in two orders."""
        if self.budget is None:
            return MAX_PARTITIONS
        return max(FIRST_PARTITIONS, self.budget // (2 * self.n_blocks * n_references))


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
    if method == "auto":
        few = n_players <= MAX_PLAYERS and 2**n_players * n_references <= (
            work.budget or FEW_EVALUATIONS
        )
        method = "exact" if few else "deep" if built_in else "gradient"
    if method not in METHODS:
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

    value = partial(responses, network, readout)
    at_once = rows_of_pass(network, x.shape[1])
    return Values(exact(value, x, references, weights, players, at_once))


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
    """Partitions are doubled for the rows whose standard error is too large."""
    difference, deviation = _difference(network, readout, x, references, weights)
    allowed = work.tolerance * (deviation + difference.abs())[:, None]
    n_players = int(players.max()) + 1
    values, errors = x.new_zeros(2, len(x), n_players, difference.shape[1])
    rows, sums, squares = torch.arange(len(x), device=x.device), values.clone(), values.clone()
    max_partitions = work.max_partitions(references.shape[1])
    done, wanted = 0, FIRST_PARTITIONS
    while True:
        others = references if len(references) == 1 else references[rows]
        for partition in range(done, wanted):
            rng = np.random.default_rng([work.seed, partition])
            cells = blocked(network, readout, x[rows], others, weights, players, work.n_blocks, rng)
            part = by_player(cells, players)
            sums, squares = sums + part, squares + part * part
        done = wanted
        mean = sums / done
        values[rows] = mean
        errors[rows] = ((squares / done - mean * mean).clamp(min=0) / (done - 1)).sqrt()
        unsure = (errors[rows] > allowed[rows]).flatten(1).any(1)
        if not unsure.any() or done >= max_partitions:
            return Values(values, errors)
        rows, sums, squares = rows[unsure], sums[unsure], squares[unsure]
        wanted = min(2 * done, max_partitions)


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
    """Sum the cells of each player, (n, n_timesteps, n_features, k) to (n, n_players, k)."""
    n_players = int(players.max()) + 1
    flat = cells.flatten(1, 2)
    if n_players == flat.shape[1] and bool((players.flatten().diff() == 1).all()):
        return flat
    sums = flat.new_zeros(len(flat), n_players, flat.shape[2])
    return sums.index_add_(1, players.flatten(), flat)
