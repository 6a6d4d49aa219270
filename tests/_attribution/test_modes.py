"""Modes are as they were before, also after an error."""

from contextlib import ExitStack, nullcontext
from operator import attrgetter

import pytest
import torch
from torch import nn

from sklstm._attribution import explaining


def test_only_what_was_training_trains_again():
    module = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
    module[1].eval()
    with explaining(module, torch.device("cpu")):
        assert not any(part.training for part in module.modules())
    assert module.training and module[0].training and not module[1].training


def test_modes_come_back_after_an_error():
    module = nn.Dropout()
    with pytest.raises(KeyError), explaining(module, torch.device("cpu")):
        raise KeyError
    assert module.training


def test_autocast_of_the_caller_does_not_reach_in():
    a = torch.ones(2, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        with explaining(nn.Identity(), torch.device("cpu")):
            assert (a @ a).dtype == torch.float32
        assert (a @ a).dtype == torch.bfloat16


# ---------------------------------------------------------------- flags of a GPU
# They belong to the process, and can be set and read where there is no GPU.

GPU = torch.device("cuda")
MATMUL, CUDNN = torch.backends.cuda.matmul, torch.backends.cudnn
needs_new_names = pytest.mark.skipif(
    not hasattr(MATMUL, "fp32_precision"), reason="torch has them from 2.9 on"
)


@pytest.fixture(autouse=True)
def no_gpu_is_needed(monkeypatch, request):
    if "gpu" in request.node.name:
        monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())


def flags():
    names = ("enabled", "benchmark", "deterministic", "allow_tf32")
    return [getattr(CUDNN, name) for name in names], torch.get_float32_matmul_precision()


@pytest.mark.parametrize("precision", ["highest", "high", "medium"])
def test_flags_of_a_gpu_are_set_and_come_back(precision):
    usual = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        before = flags()
        with explaining(nn.Identity(), GPU):
            assert not CUDNN.enabled
            assert getattr(MATMUL, "fp32_precision", "ieee") == "ieee"
        assert flags() == before
    finally:
        torch.set_float32_matmul_precision(usual)


@needs_new_names
@pytest.mark.parametrize(
    ("part", "value"), [("cuda.matmul", "tf32"), ("cuda.matmul", "none"), ("cudnn.rnn", "ieee")]
)
def test_what_was_set_by_its_new_name_on_a_gpu_comes_back(part, value):
    # What was set by its new name cannot be read by its old one.
    changed = attrgetter(part)(torch.backends)
    usual = changed.fp32_precision
    changed.fp32_precision = value
    try:
        parts = [MATMUL, CUDNN, CUDNN.rnn, CUDNN.conv, torch.backends.mkldnn.matmul]
        before = [part.fp32_precision for part in parts]
        with explaining(nn.Identity(), GPU):
            assert MATMUL.fp32_precision == "ieee" and not CUDNN.enabled
        assert [part.fp32_precision for part in parts] == before and CUDNN.enabled
    finally:
        changed.fp32_precision = usual


def test_who_ends_first_leaves_the_flags_of_a_gpu_to_the_others():
    # As in two threads.
    before = flags()
    first, second = ExitStack(), ExitStack()
    for stack in (first, second):
        stack.enter_context(explaining(nn.Identity(), GPU))
    first.close()
    assert not CUDNN.enabled
    second.close()
    assert flags() == before
