"""From sequences, targets and weights to the batches of training and validation."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from .._data import (
    Sequences,
    column_scale,
    merge_identical_rows,
    split_last,
    split_random,
    weighted_scale,
)
from ..nn import LSTMNetwork
from ._batches import Batches, passes_per_epoch
from ._net import LSTMNet


@dataclass(frozen=True)
class Target:
    """y in the form that training reads.

    Attributes
    ----------
    columns : float64 array of shape (n, k)
        What makes two rows identical: values, class codes or label indicators.
    criterion : str
        Name of the loss.
    n_outputs : int
        Number of outputs of the network.
    strata : int64 array of shape (n,) or None
        Classes that a random validation split keeps in proportion.
    factors : float64 array of shape (n,) or None
        Class weights: they multiply the loss, but do not stand for repeated rows.
    """

    columns: NDArray[np.float64]
    criterion: str
    n_outputs: int
    strata: NDArray[np.int64] | None = None
    factors: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class DataOptions:
    """How rows are split, scaled and cut."""

    batch_size: int
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
    network, device = net.module_, torch.device(net.device)
    if first:
        net.weight_unit = _mean_weight(target, training)
        if options.standardize:
            _set_scale(network, sequences, target, training)
    with np.errstate(over="ignore"):
        total_weight = training.weights.sum()
    passes = passes_per_epoch(len(training.rows), total_weight, options.batch_size)

    def batches(part: _Part, passes: int) -> Batches:
        return Batches(
            sequences,
            part.rows,
            _target_tensor(network, target, part.rows),
            _loss_weights(target, part, net.weight_unit),
            network,
            options.batch_size,
            device,
            passes,
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


def _set_scale(network: LSTMNetwork, sequences: Sequences, target: Target, part: _Part) -> None:
    mean, scale = weighted_scale(sequences, part.rows, part.weights)
    network.x_mean.copy_(torch.from_numpy(mean))
    network.x_scale.copy_(torch.from_numpy(scale))
    if target.strata is None and "entropy" not in target.criterion:
        mean, scale = column_scale(target.columns[part.rows], part.weights)
        network.y_mean.copy_(torch.from_numpy(mean))
        network.y_scale.copy_(torch.from_numpy(scale))


def _target_tensor(network: LSTMNetwork, target: Target, rows: NDArray[np.int64]) -> torch.Tensor:
    columns = torch.from_numpy(target.columns[rows])
    if target.criterion == "cross_entropy":
        return columns[:, 0].long()
    mean, scale = network.y_mean.cpu(), network.y_scale.cpu()
    return ((columns - mean) / scale).float()


def _weights_in_loss(target: Target, part: _Part) -> NDArray[np.float64]:
    if target.factors is None:
        return part.weights
    return part.weights * target.factors[part.rows]


def _mean_weight(target: Target, part: _Part) -> float:
    weights = _weights_in_loss(target, part)
    largest = weights.max()
    if not 0 < largest < np.inf:
        raise ValueError(
            "The weights of the training rows, sample_weight times class_weight, must be finite "
            f"and not all 0. The largest is {largest}."
        )
    return float(largest * (weights / largest).mean())


def _loss_weights(target: Target, part: _Part, unit: float | None) -> torch.Tensor | None:
    weights = _weights_in_loss(target, part) / (unit or 1.0)
    if (weights == 1).all():
        return None
    return torch.from_numpy(weights).float()
