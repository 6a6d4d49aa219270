"""Training and inference: the only folder that imports skorch."""

from skorch.callbacks import EarlyStopping

from ._callbacks import EpochBar, EpochTasks
from ._device import resolve_device
from ._inference import forward_batches
from ._net import LSTMNet, TrainingOptions
from ._prepare import DataOptions, Target, prepare_batches
from ._rollback import restored_on_error
from ._seeding import derived_seed, draw_seed, seeded_generator
from ._state import build_net, copy_net, pack_history, pack_net, unpack_history, unpack_net

__all__ = [
    "DataOptions",
    "EarlyStopping",
    "EpochBar",
    "EpochTasks",
    "LSTMNet",
    "Target",
    "TrainingOptions",
    "build_net",
    "copy_net",
    "derived_seed",
    "draw_seed",
    "forward_batches",
    "pack_history",
    "pack_net",
    "prepare_batches",
    "resolve_device",
    "restored_on_error",
    "seeded_generator",
    "unpack_history",
    "unpack_net",
]
