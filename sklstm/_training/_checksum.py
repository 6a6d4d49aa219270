"""One number for all that processes which share a training must have in common."""

from dataclasses import replace
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from ._batches import Batches

if TYPE_CHECKING:
    from ._net import LSTMNet


def checksum(net: "LSTMNet", batches: list[Batches], epochs: int) -> int:
    """Of weights, scaling, options, targets and weights of rows, and the first row of X.

    The rest of X may be larger than memory. Where inputs are standardised, the scaling tells most
    differences.
    """
    options = replace(net.options_, augmentation=[], callbacks=[], verbose=0)
    total = crc32(repr((net.seed, net.criterion, epochs, options)).encode())
    for tensor in net.module_.state_dict().values():
        total = crc32(tensor.detach().cpu().contiguous().numpy().tobytes(), total)
    for part in batches:
        total = crc32(repr((part.batch_size, part.passes, len(part.rows))).encode(), total)
        weights = [] if part.weights is None else [part.weights]
        for tensor in [part.lengths, part.targets, *weights]:
            total = crc32(tensor.cpu().contiguous().numpy().tobytes(), total)
        first = part.sequences.take(part.rows[:1])
        total = crc32(np.ascontiguousarray(first).tobytes(), total)
    return total
