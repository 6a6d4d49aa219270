"""Training and inference: the only folder that imports skorch."""

from skorch.callbacks import Callback

from ._augment import Augmentation
from ._callbacks import EpochBar, EpochTasks, best_epoch
from ._checkpoint import Checkpoint
from ._device import resolve_device
from ._fingerprint import fingerprint
from ._forks import use_one_thread_in_forks
from ._inference import forward_batches
from ._integers import codes_of, from_integers, to_integers
from ._matching import match_outputs
from ._net import LSTMNet, TrainingOptions
from ._optimizers import check_optimizer
from ._prepare import DataOptions, Target, prepare_batches
from ._rollback import restored_on_error
from ._schedules import SCHEDULES
from ._seeding import derived_seed, draw_seed, seeded_generator
from ._sharing import Share, all_or_none, current_share, shared, wait_until_free
from ._state import (
    build_net,
    copy_net,
    pack_history,
    pack_net,
    unpack_history,
    unpack_net,
    weight_arrays,
)

use_one_thread_in_forks()

__all__ = [
    "SCHEDULES",
    "Augmentation",
    "Callback",
    "Checkpoint",
    "DataOptions",
    "EpochBar",
    "EpochTasks",
    "LSTMNet",
    "Share",
    "Target",
    "TrainingOptions",
    "all_or_none",
    "best_epoch",
    "build_net",
    "check_optimizer",
    "codes_of",
    "copy_net",
    "current_share",
    "derived_seed",
    "draw_seed",
    "fingerprint",
    "forward_batches",
    "from_integers",
    "match_outputs",
    "pack_history",
    "pack_net",
    "prepare_batches",
    "resolve_device",
    "restored_on_error",
    "seeded_generator",
    "shared",
    "to_integers",
    "unpack_history",
    "unpack_net",
    "wait_until_free",
    "weight_arrays",
]
