"""Training and inference: the only folder that imports skorch."""

from skorch.callbacks import Callback

from ._augment import Augmentation
from ._callbacks import EpochBar, EpochTasks, best_epoch
from ._device import resolve_device
from ._inference import forward_batches
from ._integers import codes_of, from_integers, to_integers
from ._matching import match_outputs
from ._net import LSTMNet, TrainingOptions
from ._optimizers import check_optimizer
from ._prepare import DataOptions, Target, prepare_batches
from ._rollback import restored_on_error
from ._schedules import SCHEDULES
from ._seeding import derived_seed, draw_seed, seeded_generator
from ._state import (
    build_net,
    copy_net,
    pack_history,
    pack_net,
    unpack_history,
    unpack_net,
    weight_arrays,
)

__all__ = [
    "SCHEDULES",
    "Augmentation",
    "Callback",
    "DataOptions",
    "EpochBar",
    "EpochTasks",
    "LSTMNet",
    "Target",
    "TrainingOptions",
    "best_epoch",
    "build_net",
    "check_optimizer",
    "codes_of",
    "copy_net",
    "derived_seed",
    "draw_seed",
    "forward_batches",
    "from_integers",
    "match_outputs",
    "pack_history",
    "pack_net",
    "prepare_batches",
    "resolve_device",
    "restored_on_error",
    "seeded_generator",
    "to_integers",
    "unpack_history",
    "unpack_net",
    "weight_arrays",
]
