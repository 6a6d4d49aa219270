"""Modes that explanations need, set for their duration."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import nn


@contextmanager
def explaining(module: nn.Module, device: torch.device) -> Iterator[None]:
    """Evaluation mode, float32 as it is, and LSTMs that can be differentiated.

    On a GPU, cuDNN computes no gradients of an LSTM in evaluation mode, and both cuDNN and cuBLAS
    may round products to TF32. torch's own kernels take its place, with full products. These are
    settings of the process: other threads see them for that time.
    """
    in_training = [part for part in module.modules() if part.training]
    with ExitStack() as stack:
        for part in in_training:
            part.training = False
            stack.callback(setattr, part, "training", True)
        stack.enter_context(torch.autocast(device.type, enabled=False))
        if device.type == "cuda":
            precision = torch.get_float32_matmul_precision()
            torch.set_float32_matmul_precision("highest")
            stack.callback(torch.set_float32_matmul_precision, precision)
            stack.enter_context(torch.backends.cudnn.flags(enabled=False))
        yield
