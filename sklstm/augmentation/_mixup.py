"""Mixup."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ._batch import TrainingBatch
from ._checks import check_one_target, read_number
from ._resampling import resample


@dataclass(frozen=True)
class Mixup:
    """Mix each row with another row of the batch, targets and weights included.

    A row becomes ``share * row + (1 - share) * other``, and its target likewise: the value, or
    the probability of each class [1]_. The share is drawn from Beta(alpha, alpha), for each row
    by itself. Where rows have weights, targets are mixed in proportion to share times weight, and
    the weights in the shares. The other sequence is first stretched to the length of the row, by
    linear interpolation, so that their beginnings and ends meet.

    Callbacks that score training batches see the mixed targets.

    It comes last in ``augmentation``, so that what is mixed has been changed independently.

    Parameters
    ----------
    alpha : float, default=0.2
        The smaller, the more often a row stays nearly as it is or becomes nearly the
        other; 1 makes all shares alike. The default, from the middle of the 0.1 to 0.4 of [1]_,
        leaves two thirds of the shares within 0.1 of 0 or 1.

    Raises
    ------
    ValueError
        Where ``alpha`` is not a finite number above 0.

    See Also
    --------
    Jitter : Leaves the targets as they are, like all other augmentations.

    References
    ----------
    .. [1] H. Zhang, M. Cisse, Y. N. Dauphin and D. Lopez-Paz, "mixup: Beyond Empirical Risk
       Minimization", ICLR 2018.

    Examples
    --------
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.augmentation import Mixup
    >>> from sklstm.datasets import load_japanese_vowels
    >>> X, y = load_japanese_vowels(return_X_y=True)
    >>> model = LSTMClassifier(16, augmentation=[Mixup(alpha=0.4)], max_epochs=2).fit(X, y)
    """

    alpha: float = 0.2

    def __post_init__(self) -> None:
        read_number(self, "alpha", "above 0", lambda alpha: alpha > 0)

    def __call__(self, batch: TrainingBatch, generator: torch.Generator) -> TrainingBatch:
        """Return the batch with mixed rows."""
        check_one_target(self, batch)
        x, n = batch.x, len(batch.x)
        partner = torch.randperm(n, generator=generator, device=x.device)
        share = symmetric_beta(self.alpha, n, generator).float()

        x = _mix(x, _partners(batch, partner), share)
        own, weights, weight_share = batch.weights, None, share
        if own is not None:
            weights = _mix(own, own[partner], share)
            # Each target keeps the weight of its row, or rare heavy rows would lose theirs: the
            # weighted mean of the targets is, on average, what it was.
            weight_share = torch.where(weights > 0, share * own / weights, share)
        targets = _mix(batch.targets, batch.targets[partner], weight_share)
        return replace(batch, x=x, targets=targets, weights=weights)


def _mix(row: Tensor, other: Tensor, share: Tensor) -> Tensor:
    return torch.lerp(other, row, share.view(-1, *[1] * (row.ndim - 1)))


def _partners(batch: TrainingBatch, partner: Tensor) -> Tensor:
    """The partner of each row, at the length of the row."""
    last = (batch.lengths - 1).double()[:, None]
    partner_last = last[partner]
    steps = torch.arange(batch.x.shape[1], dtype=torch.float64, device=batch.x.device)
    return resample(batch.x, steps * partner_last / last.clamp(min=1), partner_last, partner)


def symmetric_beta(alpha: float, n: int, generator: torch.Generator) -> Tensor:
    """Draw from Beta(alpha, alpha), float64.

    By T / sqrt(2 alpha + T^2) = 2 B - 1, where T is Student's t with 2 alpha degrees of freedom,
    and the polar method for T (R. W. Bailey, Mathematics of Computation 62, 1994). torch's own
    sampler takes no generator.
    """
    options: dict[str, Any] = {"dtype": torch.float64, "device": generator.device}
    radius, angle = torch.empty(2, n, **options).uniform_(generator=generator)
    cosine, rest = (2 * torch.pi * angle).cos(), radius ** (1 / alpha)
    share = 0.5 + 0.5 * cosine * ((1 - rest) / (rest + (1 - rest) * cosine**2)).sqrt()
    return share.clamp(0, 1)
