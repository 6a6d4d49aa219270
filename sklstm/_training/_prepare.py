"""From sequences, targets and weights to the batches of training and validation."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from .._data import (
    Sequences,
    codes_seen,
    column_scale,
    merge_identical_rows,
    split_last,
    split_random,
    weighted_scale,
)
from ..nn import ScaledNetwork
from ._batches import Batches, passes_per_epoch, resolve_batch_size
from ._net import LSTMNet


@dataclass(frozen=True)
class Target:
    """y in the form that training reads.

    Attributes
    ----------
    columns : float64 array of shape (n, k), or (n, n_timesteps, k) of one target per time step
        What makes two rows identical: values, class codes or label indicators. Zero at padded
        steps.
    criterion : str
        Name of the loss.
    n_outputs : int
        Number of outputs of the network.
    strata : int64 array of shape (n,) or None
        Classes that a random validation split keeps in proportion.
    factors : float64 array of shape (n,) or (n, n_timesteps), or None
        Class weights: they multiply the loss, but do not stand for repeated rows.
    """

    columns: NDArray[np.float64]
    criterion: str
    n_outputs: int
    strata: NDArray[np.int64] | None = None
    factors: NDArray[np.float64] | None = None

    @property
    def per_step(self) -> bool:
        """Whether there is one target per time step."""
        return self.columns.ndim == 3


@dataclass(frozen=True)
class DataOptions:
    """How rows are split, scaled and cut."""

    batch_size: int | str
    standardize: bool
    validation_fraction: float | None
    validation_split: str
    split_seed: int


@dataclass(frozen=True)
class _Part:
    rows: NDArray[np.int64]
    weights: NDArray[np.float64]


def prepare_batches(
    net: LSTMNet,
    sequences: Sequences,
    target: Target,
    weights: NDArray[np.float64],
    options: DataOptions,
    *,
    first: bool,
) -> tuple[Batches, Batches | None]:
    """Merge, split, scale and standardise.

    Parameters
    ----------
    net : LSTMNet
        Where ``first`` is true, the training rows fix the scaling of its module and the weight
        that counts as 1 in the loss; further calls keep them.
    sequences : Sequences of length n
    target : Target
    weights : float64 array of shape (n,)
    options : DataOptions
    first : bool

    Returns
    -------
    training : Batches
    validation : Batches or None
        None where ``options.validation_fraction`` is None.
    """
    training, validation = _split(sequences, target, weights, options)
    network, device = net.module_, net.module_.x_mean.device
    if first:
        net.weight_unit = _mean_weight(sequences, target, training)
        if options.standardize:
            _set_scale(network, sequences, target, training)
        if network.embedding is not None:
            seen = codes_seen(sequences, training.rows, len(network.embedding.weight))
            network.embedding.forget_unseen(torch.from_numpy(seen))
    with np.errstate(over="ignore"):
        total_weight = training.weights.sum()
    batch_size = resolve_batch_size(options.batch_size, len(training.rows))
    passes = passes_per_epoch(len(training.rows), total_weight, batch_size)

    def batches(part: _Part, passes: int) -> Batches:
        return Batches(
            sequences,
            part.rows,
            _target_tensor(network, target, part.rows),
            _loss_weights(sequences, target, part, net.weight_unit),
            network,
            batch_size,
            device,
            passes,
            target.per_step,
        )

    return batches(training, passes), None if validation is None else batches(validation, 1)


def _split(
    sequences: Sequences,
    target: Target,
    weights: NDArray[np.float64],
    options: DataOptions,
) -> tuple[_Part, _Part | None]:
    def merged(rows: NDArray[np.int64]) -> _Part:
        return _Part(*merge_identical_rows(sequences, target.columns, weights, rows))

    rows = np.flatnonzero(weights > 0)
    if options.validation_fraction is None:
        return merged(rows), None
    if options.validation_split == "last":
        training, validation = split_last(rows, options.validation_fraction)
        return merged(training), merged(validation)
    everything = merged(rows)
    strata = None if target.strata is None else target.strata[everything.rows]
    training, validation = split_random(
        len(everything.rows), options.validation_fraction, strata, options.split_seed
    )
    return (
        _Part(everything.rows[training], everything.weights[training]),
        _Part(everything.rows[validation], everything.weights[validation]),
    )


def _set_scale(network: ScaledNetwork, sequences: Sequences, target: Target, part: _Part) -> None:
    if network.embedding is None:
        mean, scale = weighted_scale(sequences, part.rows, part.weights)
        network.x_mean.copy_(torch.from_numpy(mean))
        network.x_scale.copy_(torch.from_numpy(scale))
    if target.strata is None and "entropy" not in target.criterion:
        columns, weights = target.columns[part.rows], part.weights
        if target.per_step:
            real = _real_steps(sequences, target, part)
            columns, weights = columns[real], np.broadcast_to(weights[:, None], real.shape)[real]
        mean, scale = column_scale(columns, weights)
        # Of several quantiles of a target, all are in its unit.
        n_quantiles = target.n_outputs // target.columns.shape[-1]
        network.y_mean.copy_(torch.from_numpy(mean.repeat(n_quantiles)))
        network.y_scale.copy_(torch.from_numpy(scale.repeat(n_quantiles)))


def _target_tensor(network: ScaledNetwork, target: Target, rows: NDArray[np.int64]) -> torch.Tensor:
    columns = torch.from_numpy(target.columns[rows])
    if target.criterion == "cross_entropy":
        return columns[..., 0].long()
    n_quantiles = target.n_outputs // target.columns.shape[-1]
    mean, scale = network.y_mean.cpu()[::n_quantiles], network.y_scale.cpu()[::n_quantiles]
    return ((columns - mean) / scale).float()


def _real_steps(sequences: Sequences, target: Target, part: _Part) -> NDArray[np.bool_]:
    return np.arange(target.columns.shape[1]) < sequences.lengths[part.rows, None]


def _weights_in_loss(sequences: Sequences, target: Target, part: _Part) -> NDArray[np.float64]:
    """Of each row, or of each time step, 0 where it is padding."""
    weights = part.weights
    if target.per_step:
        weights = weights[:, None] * _real_steps(sequences, target, part)
    return weights if target.factors is None else weights * target.factors[part.rows]


def _mean_weight(sequences: Sequences, target: Target, part: _Part) -> float:
    """What a row, or a time step, weighs on average."""
    weights = _weights_in_loss(sequences, target, part)
    largest = weights.max()
    if not 0 < largest < np.inf:
        raise ValueError(
            "The weights of the training rows, sample_weight times class_weight, must be finite "
            f"and not all 0. The largest is {largest}."
        )
    n = sequences.lengths[part.rows].sum() if target.per_step else len(weights)
    return float(largest * ((weights / largest).sum() / n))


def _loss_weights(
    sequences: Sequences, target: Target, part: _Part, unit: float | None
) -> torch.Tensor | None:
    weights = _weights_in_loss(sequences, target, part) / (unit or 1.0)
    if target.per_step:
        # The mean over rows of their sums is then the mean over time steps.
        weights /= sequences.lengths[part.rows].mean()
    elif (weights == 1).all():
        return None
    return torch.from_numpy(weights).float()
