"""Modes are as they were before, also after an error."""

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


def test_flags_of_a_gpu_are_set_and_come_back(monkeypatch):
    # The flags belong to the process and can be read where there is no GPU.
    cudnn = torch.backends.cudnn
    names = ("enabled", "benchmark", "deterministic", "allow_tf32")

    def flags():
        return [getattr(cudnn, name) for name in names], torch.get_float32_matmul_precision()

    before = flags()
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: torch.no_grad())
    with explaining(nn.Identity(), torch.device("cuda")):
        assert not cudnn.enabled
        assert torch.get_float32_matmul_precision() == "highest"
    assert (
        [getattr(cudnn, name) for name in names],
        torch.get_float32_matmul_precision(),
    ) == before
