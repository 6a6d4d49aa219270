"""Random changes to training batches, for the ``augmentation`` parameter of the estimators."""

from ._batch import TrainingBatch
from ._mixup import Mixup
from ._steps import Crop, TimeMask, TimeWarp
from ._values import ChannelDropout, Jitter, Scale

__all__ = [
    "ChannelDropout",
    "Crop",
    "Jitter",
    "Mixup",
    "Scale",
    "TimeMask",
    "TimeWarp",
    "TrainingBatch",
]
