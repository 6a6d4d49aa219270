"""Modes that explanations need, set for their duration."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn


@contextmanager
def explaining(module: nn.Module, device: torch.device) -> Iterator[None]:
    """Evaluation mode, float32 as it is, and LSTMs that can be differentiated."""
    in_training = [part for part in module.modules() if part.training]
    with ExitStack() as stack:
        for part in in_training:
            part.training = False
            stack.callback(setattr, part, "training", True)
        stack.enter_context(torch.autocast(device.type, enabled=False))
        if device.type == "cuda":
            stack.enter_context(_ON_GPUS)
        yield


class _FullProducts:
    """Within, torch's own kernels run LSTMs on GPUs, with full products.

    cuDNN computes no gradients of an LSTM in evaluation mode, and both cuDNN and cuBLAS may round
    products to TF32. These are settings of the process: other threads see them for that time.
    Where several explain at once, the first sets them and the last puts them back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before = ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._set()
            self._inside += 1

    def __exit__(self, *_: Any) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._before.close()

    def _set(self) -> None:
        cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
        self._before.callback(setattr, cudnn, "enabled", cudnn.enabled)
        cudnn.enabled = False
        # From torch 2.9 on there are two ways. Reading the old one is an error where the caller
        # has used the new one; the new one can always be read.
        if hasattr(matmul, "fp32_precision"):
            self._before.callback(setattr, matmul, "fp32_precision", matmul.fp32_precision)
            matmul.fp32_precision = "ieee"
        else:
            precision = torch.get_float32_matmul_precision()
            self._before.callback(torch.set_float32_matmul_precision, precision)
            torch.set_float32_matmul_precision("highest")


_ON_GPUS = _FullProducts()
