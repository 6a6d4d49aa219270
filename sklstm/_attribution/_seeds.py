"""From multipliers of the responses to those of the last hidden states: head and pooling."""

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..nn import LSTMNetwork
from ._readout import Readout
from ._recording import Recording
from ._rules import slope, split_max, through_softmax

# Steps of each sequence that play for the maximum. All of them would cost their number times as
# much; with 2 the Shapley values of that game are within a tenth.
CANDIDATES = 2


class HiddenSeeds(ABC):
    """Multipliers that come into hidden states from above, in the order of time."""

    @abstractmethod
    def add_to(self, multipliers: Tensor, time: int, units: slice) -> None:
        """Add those of some units at one time step.

        Parameters
        ----------
        multipliers : Tensor of shape (*pairs, n_outputs, n_units)
        time : int
        units : slice
            Of one direction.
        """


class OfDirection(NamedTuple):
    """Seeds as the sweep of one direction asks for them."""

    seeds: HiddenSeeds
    units: slice
    last: int | None  # the last time step, where the layer starts there

    def add_to(self, multipliers: Tensor, step: int) -> None:
        """Add those of the layer's own step."""
        time = step if self.last is None else self.last - step
        self.seeds.add_to(multipliers, time, self.units)


class Stored(HiddenSeeds):
    """Multipliers of the layer above's inputs, shape (n_timesteps, *pairs, n_outputs, size)."""

    def __init__(self, multipliers: Tensor) -> None:
        self.multipliers = multipliers

    def add_to(self, multipliers: Tensor, time: int, units: slice) -> None:
        multipliers += self.multipliers[time][..., units]


def seeds_from_head(
    network: LSTMNetwork, readout: Readout, recording: Recording, reference: Recording
) -> tuple[HiddenSeeds, Tensor | None, Tensor]:
    """Go back through what lies above the last layer.

    Returns
    -------
    seeds : HiddenSeeds
    direct : Tensor of shape (*pairs, n_outputs, input_size), or None
        Multipliers of the last input, where the head sees it.
    units : float64 Tensor of shape (n_outputs,)
        The multipliers are of the outputs in these units, so that float32 holds them.
    """
    raw, raw_ref = (_raw_outputs(network, side) for side in (recording, reference))
    multipliers = _through_scale(network, readout, raw, raw_ref)
    units = multipliers.abs().movedim(-2, -1).flatten(0, -2).amax(0)
    units = torch.where(units > 0, units, 1.0)
    of_features = ((multipliers / units[:, None]) @ network.head.weight.double()).float()
    if network.pooling is None:
        n_timesteps = len(recording.hidden)
        every_step = of_features.expand(*[-1] * (of_features.ndim - 3), n_timesteps, -1, -1)
        return _Steps(every_step), None, units.repeat(n_timesteps)
    sizes = [recording.hidden.shape[-1]] * len(network.pooling.poolings)
    *pooled, direct = of_features.split([*sizes, network.n_direct], dim=-1)
    parts = [
        _seeds_of(name, part, network, recording.hidden, reference.hidden)
        for name, part in zip(network.pooling.poolings, pooled, strict=True)
    ]
    return _Sum(parts), direct if network.n_direct else None, units


def _seeds_of(
    pooling: str, of_pooled: Tensor, network: LSTMNetwork, hidden: Tensor, hidden_ref: Tensor
) -> HiddenSeeds:
    if pooling == "last":
        return _Last(of_pooled, len(hidden), network.recurrent.hidden_size)
    if pooling == "mean":
        return _Everywhere(of_pooled / len(hidden))
    if pooling == "max":
        return _Max(of_pooled, hidden, hidden_ref)
    assert network.pooling is not None and network.pooling.score is not None
    return _Attention(of_pooled, hidden, hidden_ref, network.pooling.score)


def _raw_outputs(network: LSTMNetwork, recording: Recording) -> Tensor:
    rows = recording.hidden.shape[1:-1]
    hidden, vectors = (
        part.flatten(1, -2).transpose(0, 1) for part in (recording.hidden, recording.inputs)
    )
    return network.from_hidden(hidden, vectors, None).double().unflatten(0, rows)


def _through_scale(network: LSTMNetwork, readout: Readout, raw: Tensor, raw_ref: Tensor) -> Tensor:
    """Multipliers of the raw outputs, float64 of shape (*pairs, [T,] n_responses, n_outputs)."""
    order = network.order
    outputs, outputs_ref = (
        (side if order is None else order(side)) * network.y_scale + network.y_mean
        for side in (raw, raw_ref)
    )
    multipliers = readout.multipliers(outputs, outputs_ref) * network.y_scale
    if order is None:
        return multipliers
    # q_j is the median plus or minus all gaps between: those further out need each gap, too.
    by_quantile = multipliers.unflatten(-1, (-1, len(order.quantiles)))
    median = order.median
    below, above = by_quantile[..., :median], by_quantile[..., median + 1 :]
    total = by_quantile.sum(-1, keepdim=True)
    gaps = torch.cat([-below.cumsum(-1), total, above.flip(-1).cumsum(-1).flip(-1)], dim=-1)
    softplus = nn.functional.softplus
    slopes = slope(softplus(raw), softplus(raw_ref), raw, raw_ref, raw.sigmoid())
    slopes = slopes.unflatten(-1, (-1, len(order.quantiles)))
    slopes[..., median] = 1.0
    return (gaps * slopes[..., None, :, :]).flatten(-2)


class _Sum(HiddenSeeds):
    """Poolings side by side."""

    def __init__(self, parts: list[HiddenSeeds]) -> None:
        self.parts = parts

    def add_to(self, multipliers: Tensor, time: int, units: slice) -> None:
        for part in self.parts:
            part.add_to(multipliers, time, units)


class _Steps(HiddenSeeds):
    """One group of responses per time step, shape (*pairs, n_timesteps, n_responses, size)."""

    def __init__(self, of_features: Tensor) -> None:
        self.of_features = of_features

    def add_to(self, multipliers: Tensor, time: int, units: slice) -> None:
        own = self.of_features[..., time, :, units]
        n_responses = own.shape[-2]
        multipliers[..., time * n_responses : (time + 1) * n_responses, :] += own


class _Last(HiddenSeeds):
    """Each direction's final state."""

    def __init__(self, of_pooled: Tensor, n_timesteps: int, hidden_size: int) -> None:
        self.of_pooled = of_pooled
        self.final = {0: n_timesteps - 1, hidden_size: 0}

    def add_to(self, multipliers: Tensor, time: int, units: slice) -> None:
        if time == self.final[units.start]:
            multipliers += self.of_pooled[..., units]


class _Everywhere(HiddenSeeds):
    """The same at every step."""

    def __init__(self, of_step: Tensor) -> None:
        self.of_step = of_step

    def add_to(self, multipliers: Tensor, time: int, units: slice) -> None:
        multipliers += self.of_step[..., units]


class _Max(HiddenSeeds):
    """Each unit's largest value: a game of the steps where it is large, in either sequence.

    The players are the ``CANDIDATES`` largest steps of the sequence and those of the reference.
    """

    def __init__(self, of_pooled: Tensor, hidden: Tensor, hidden_ref: Tensor) -> None:
        self.of_pooled = of_pooled
        k = min(CANDIDATES, len(hidden))
        own, ref = (_largest_steps(side, k) for side in (hidden, hidden_ref))
        pairs = torch.broadcast_shapes(own.shape, ref.shape)[1:]
        own, ref = own.expand(k, *pairs), ref.expand(k, *pairs)
        steps = torch.cat([own, ref])
        values, values_ref = (
            side.expand(-1, *pairs).gather(0, steps) for side in (hidden, hidden_ref)
        )
        # A step that both have is one player; the other one is made to change nothing.
        again = (ref[:, None] == own).any(1)
        lowest = torch.minimum(values, values_ref).amin(0)
        for side in (values, values_ref):
            side[k:] = torch.where(again, lowest, side[k:])
        derivative = torch.zeros_like(values)
        derivative[0] = 0.5 + 0.5 * (own[0] == ref[0]).to(values)
        derivative[k] = 0.5 - 0.5 * again[0].to(values)
        shares = split_max(values, values_ref, derivative)
        self.shares = hidden.new_zeros(len(hidden), *pairs).scatter_add_(0, steps, shares)

    def add_to(self, multipliers: Tensor, time: int, units: slice) -> None:
        share = self.shares[time, ..., None, units]
        multipliers.addcmul_(share, self.of_pooled[..., units])


def _largest_steps(hidden: Tensor, k: int) -> Tensor:
    # The first of equal ones: units of a relu are zero at many steps.
    found = [hidden.argmax(0, keepdim=True)]
    for _ in range(k - 1):
        hidden = hidden.scatter(0, found[-1], -torch.inf)
        found.append(hidden.argmax(0, keepdim=True))
    return torch.cat(found)


class _Attention(HiddenSeeds):
    """A weighted mean; the weights are a softmax of scores, which see the hidden states, too."""

    def __init__(
        self, of_pooled: Tensor, hidden: Tensor, hidden_ref: Tensor, score: nn.Linear
    ) -> None:
        self.of_pooled = of_pooled
        self.weight = score.weight[0]
        # Time goes last, after the pairs. Differences of large scores need the digits.
        scores, scores_ref = (
            (side @ self.weight).movedim(0, -1).double() for side in (hidden, hidden_ref)
        )
        self.mean_weight = ((scores.softmax(-1) + scores_ref.softmax(-1)) / 2).float()
        of_weights = of_pooled @ hidden.movedim(0, -1) + of_pooled @ hidden_ref.movedim(0, -1)
        self.of_scores = through_softmax(
            of_weights.double() / 2, scores[..., None, :], scores_ref[..., None, :]
        ).float()

    def add_to(self, multipliers: Tensor, time: int, units: slice) -> None:
        multipliers.addcmul_(self.mean_weight[..., time, None, None], self.of_pooled[..., units])
        multipliers.addcmul_(self.of_scores[..., time, None], self.weight[units])
