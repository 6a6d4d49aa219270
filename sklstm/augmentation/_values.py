"""Augmentations of the values; the time axis stays as it is."""

from dataclasses import dataclass, replace

import torch

from ._batch import TrainingBatch
from ._checks import read_number


@dataclass(frozen=True)
class Jitter:
    """Add Gaussian noise to every value.

    For sensors: the network learns not to read the last digits [1]_.

    Parameters
    ----------
    scale : float, default=0.1
        Standard deviation of the noise, in standard deviations of the feature (in units of X
        with ``standardize=False``). With the default the noise adds 1 percent to a feature's
        variance; where that is too gentle, 0.3 adds 9 percent.

    Raises
    ------
    ValueError
        Where ``scale`` is negative or no finite number.

    See Also
    --------
    Scale : Changes a whole feature of a sequence by one factor.

    References
    ----------
    .. [1] T. T. Um et al., "Data Augmentation of Wearable Sensor Data for Parkinson's Disease
       Monitoring using Convolutional Neural Networks", ICMI 2017.

    Examples
    --------
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.augmentation import Jitter
    >>> from sklstm.datasets import load_japanese_vowels
    >>> X, y = load_japanese_vowels(return_X_y=True)
    >>> model = LSTMClassifier(16, augmentation=[Jitter(scale=0.2)], max_epochs=2).fit(X, y)
    """

    scale: float = 0.1

    def __post_init__(self) -> None:
        read_number(self, "scale", "of at least 0", lambda scale: scale >= 0)

    def __call__(self, batch: TrainingBatch, generator: torch.Generator) -> TrainingBatch:
        """Return the batch with noisy values."""
        noise = torch.empty_like(batch.x).normal_(0.0, self.scale, generator=generator)
        return replace(batch, x=noise.add_(batch.x))


@dataclass(frozen=True)
class Scale:
    """Multiply each feature of each sequence by a random factor around 1.

    For amplitudes that differ between recordings more than their meaning does: gain, loudness,
    the fit of a sensor [1]_. The factor changes the distance from the feature's mean over all
    training rows, because this is what the network reads; with ``standardize=False`` it changes
    the value.

    Parameters
    ----------
    scale : float, default=0.1
        Standard deviation of the factors, which are normal around 1. With the default, nearly
        all lie between 0.7 and 1.3; from about 0.4, some turn a feature upside down.

    Raises
    ------
    ValueError
        Where ``scale`` is negative or no finite number.

    See Also
    --------
    Jitter : Changes each value by itself.

    References
    ----------
    .. [1] T. T. Um et al., "Data Augmentation of Wearable Sensor Data for Parkinson's Disease
       Monitoring using Convolutional Neural Networks", ICMI 2017.

    Examples
    --------
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.augmentation import Scale
    >>> from sklstm.datasets import load_japanese_vowels
    >>> X, y = load_japanese_vowels(return_X_y=True)
    >>> model = LSTMClassifier(16, augmentation=[Scale(scale=0.2)], max_epochs=2).fit(X, y)
    """

    scale: float = 0.1

    def __post_init__(self) -> None:
        read_number(self, "scale", "of at least 0", lambda scale: scale >= 0)

    def __call__(self, batch: TrainingBatch, generator: torch.Generator) -> TrainingBatch:
        """Return the batch with scaled features."""
        factors = torch.empty_like(batch.x[:, :1]).normal_(1.0, self.scale, generator=generator)
        return replace(batch, x=batch.x * factors)


@dataclass(frozen=True)
class ChannelDropout:
    """Set whole features of a sequence to 0, their mean.

    It is the mean as long as the estimator standardises, and 0 with ``standardize=False``.
    The network learns not to rely on any feature alone: the dropout of [1]_ on inputs, the same
    for all time steps. Features that are kept keep their values. A univariate series stays as it
    is, because one feature is always kept.

    Parameters
    ----------
    p : float, default=0.1
        Probability that a feature of a sequence is dropped. With the default, half of the
        sequences of 7 features stay whole.

    Raises
    ------
    ValueError
        Where ``p`` is no number from 0 to below 1.

    See Also
    --------
    TimeMask : Drops time steps.

    References
    ----------
    .. [1] N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from
       Overfitting", Journal of Machine Learning Research 15, 2014.

    Examples
    --------
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.augmentation import ChannelDropout
    >>> from sklstm.datasets import load_japanese_vowels
    >>> X, y = load_japanese_vowels(return_X_y=True)
    >>> model = LSTMClassifier(16, augmentation=[ChannelDropout(p=0.2)], max_epochs=2).fit(X, y)
    """

    p: float = 0.1

    def __post_init__(self) -> None:
        read_number(self, "p", "of at least 0 and below 1", lambda p: 0 <= p < 1)

    def __call__(self, batch: TrainingBatch, generator: torch.Generator) -> TrainingBatch:
        """Return the batch without some of its features."""
        draws = torch.empty_like(batch.x[:, :1]).uniform_(generator=generator)
        # The feature of the largest draw is kept where all are below p.
        dropped = draws < draws.amax(2, keepdim=True).clamp(max=self.p)
        return replace(batch, x=batch.x.masked_fill(dropped, 0.0))
