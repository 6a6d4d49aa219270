"""Augmentations of the time axis."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ._batch import TrainingBatch
from ._checks import check_one_target, read_number
from ._resampling import resample

# Half waves whose sum is the speed of a time warp.
N_WAVES = 3


@dataclass(frozen=True)
class TimeWarp:
    """Run each sequence faster in some parts and slower in others.

    The first and the last step keep their place and the length stays; between them, values are
    interpolated linearly at the warped times. The speed is 1 plus a random sum of cosines, a
    smooth curve in the manner of [1]_ whose bounds are known.

    Parameters
    ----------
    scale : float, default=0.3
        Largest change of speed: with the default, a sequence runs at 0.7 to 1.3 times its
        speed, and no step moves by more than a tenth of the length.

    Raises
    ------
    ValueError
        Where ``scale`` is no number from 0 to below 1, at which time would stand still.

    See Also
    --------
    Crop : Changes where a sequence begins and ends.

    References
    ----------
    .. [1] T. T. Um et al., "Data Augmentation of Wearable Sensor Data for Parkinson's Disease
       Monitoring using Convolutional Neural Networks", ICMI 2017.

    Examples
    --------
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.augmentation import TimeWarp
    >>> from sklstm.datasets import load_japanese_vowels
    >>> X, y = load_japanese_vowels(return_X_y=True)
    >>> model = LSTMClassifier(16, augmentation=[TimeWarp(scale=0.5)], max_epochs=2).fit(X, y)
    """

    scale: float = 0.3

    def __post_init__(self) -> None:
        read_number(self, "scale", "of at least 0 and below 1", lambda scale: 0 <= scale < 1)

    def __call__(self, batch: TrainingBatch, generator: torch.Generator) -> TrainingBatch:
        """Return the batch with warped time."""
        check_one_target(self, batch)
        x = batch.x
        options: dict[str, Any] = {"dtype": torch.float64, "device": x.device}
        last = (batch.lengths - 1).double()[:, None]
        steps = torch.arange(x.shape[1], **options)
        time = steps / last.clamp(min=1)
        # The shift is sum of a_k sin(pi k t) / (pi k), 0 at both ends. Its slope, the change of
        # speed, is sum of a_k cos(pi k t), within the sum of |a_k| = scale < 1: time runs forward.
        waves = torch.empty(len(x), N_WAVES, **options).normal_(generator=generator)
        waves *= self.scale / waves.abs().sum(1, keepdim=True)
        frequencies = torch.pi * torch.arange(1, N_WAVES + 1, **options)
        shift = (time[:, :, None] * frequencies).sin() @ (waves / frequencies)[:, :, None]
        return replace(batch, x=resample(x, steps + last * shift[:, :, 0], last))


@dataclass(frozen=True)
class Crop:
    """Cut steps off the start and the end of each sequence.

    What is left is a random contiguous part [1]_, and the sequence is that much shorter. For
    recordings that begin and end by chance; not for forecasts from a window, whose last steps
    matter most.

    Parameters
    ----------
    max_fraction : float, default=0.2
        Largest share of a sequence's steps that is cut off. The number of steps is uniform from
        0 to this share of the length, rounded down, and so is the part of them that is cut from
        the start.

    Raises
    ------
    ValueError
        Where ``max_fraction`` is no number from 0 to below 1.

    See Also
    --------
    TimeMask : Hides steps and keeps the length.

    References
    ----------
    .. [1] A. Le Guennec, S. Malinowski and R. Tavenard, "Data Augmentation for Time Series
       Classification using Convolutional Neural Networks", ECML/PKDD Workshop on Advanced
       Analytics and Learning on Temporal Data, 2016 (window slicing).

    Examples
    --------
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.augmentation import Crop
    >>> from sklstm.datasets import load_japanese_vowels
    >>> X, y = load_japanese_vowels(return_X_y=True)
    >>> model = LSTMClassifier(16, augmentation=[Crop(max_fraction=0.1)], max_epochs=2).fit(X, y)
    """

    max_fraction: float = 0.2

    def __post_init__(self) -> None:
        _check_fraction(self)

    def __call__(self, batch: TrainingBatch, generator: torch.Generator) -> TrainingBatch:
        """Return the batch with shorter sequences."""
        check_one_target(self, batch)
        cut = _random_size(batch.lengths, self.max_fraction, generator)
        lengths = batch.lengths - cut
        start = _random_integers(cut, generator)
        steps = torch.arange(batch.x.shape[1], device=batch.x.device)
        index = torch.minimum(start[:, None] + steps, batch.lengths[:, None] - 1)
        rows = torch.arange(len(index), device=index.device)[:, None]
        return replace(batch, x=batch.x[rows, index], lengths=lengths)


@dataclass(frozen=True)
class TimeMask:
    """Set a random run of time steps of each sequence to 0, the mean of each feature.

    The time masking of SpecAugment [1]_: the network learns not to rely on any part of the
    sequence alone. It is the mean as long as the estimator standardises, and 0 with
    ``standardize=False``.

    Parameters
    ----------
    max_fraction : float, default=0.2
        Largest share of a sequence's steps that is masked. The number of steps is uniform from 0
        to this share of the length, rounded down; at least one step is kept.

    Raises
    ------
    ValueError
        Where ``max_fraction`` is no number from 0 to below 1.

    See Also
    --------
    Crop : Takes steps away, and only at the ends.
    ChannelDropout : Masks features.

    References
    ----------
    .. [1] D. S. Park et al., "SpecAugment: A Simple Data Augmentation Method for Automatic
       Speech Recognition", Interspeech 2019.

    Examples
    --------
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.augmentation import TimeMask
    >>> from sklstm.datasets import load_japanese_vowels
    >>> X, y = load_japanese_vowels(return_X_y=True)
    >>> model = LSTMClassifier(16, augmentation=[TimeMask(max_fraction=0.3)], max_epochs=2)
    >>> model = model.fit(X, y)
    """

    max_fraction: float = 0.2

    def __post_init__(self) -> None:
        _check_fraction(self)

    def __call__(self, batch: TrainingBatch, generator: torch.Generator) -> TrainingBatch:
        """Return the batch with a run of zeros in each sequence."""
        masked = _random_size(batch.lengths, self.max_fraction, generator)
        start = _random_integers(batch.lengths - masked, generator)[:, None]
        steps = torch.arange(batch.x.shape[1], device=batch.x.device)
        inside = (steps >= start) & (steps < start + masked[:, None])
        return replace(batch, x=batch.x.masked_fill(inside[:, :, None], 0.0))


def _check_fraction(owner: Crop | TimeMask) -> None:
    requirement = "of at least 0 and below 1"
    read_number(owner, "max_fraction", requirement, lambda fraction: 0 <= fraction < 1)


def _random_size(lengths: Tensor, max_fraction: float, generator: torch.Generator) -> Tensor:
    """Number of steps to take from each sequence, never all of them."""
    return _random_integers((lengths.double() * max_fraction).long(), generator)


def _random_integers(most: Tensor, generator: torch.Generator) -> Tensor:
    """An integer from 0 to ``most``, both included, for each entry of ``most``."""
    draws = torch.empty_like(most, dtype=torch.float64).uniform_(generator=generator)
    # A draw just below 1 rounds up in the product.
    return torch.minimum((draws * (most + 1)).long(), most)
