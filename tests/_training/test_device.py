"""Which device a name means, on machines that have others."""

import pytest
import torch

from sklstm._training import resolve_device

MACHINES = {"no GPU": (None, 0), "two GPUs": ("cuda", 2), "a Mac": ("mps", 1)}


@pytest.fixture
def on(monkeypatch):
    def move_to(machine):
        kind, count = MACHINES[machine]
        found = None if kind is None else torch.device(kind)
        monkeypatch.setattr(torch.accelerator, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: found)
        monkeypatch.setattr(torch.accelerator, "device_count", lambda: count)

    return move_to


@pytest.mark.parametrize(
    ("device", "machine", "expected"),
    [
        ("auto", "no GPU", "cpu"),
        ("auto", "two GPUs", "cuda"),
        ("auto", "a Mac", "cpu"),  # where torch has no float64
        ("cpu", "two GPUs", "cpu"),
        ("cuda", "two GPUs", "cuda"),
        ("cuda:1", "two GPUs", "cuda:1"),
        ("mps", "a Mac", "mps"),
    ],
)
def test_a_name_is_a_device(device, machine, expected, on):
    on(machine)
    assert resolve_device(device) == torch.device(expected)


def test_gpus_are_not_looked_for_by_who_keeps_off_them(monkeypatch):
    # That would start CUDA, which forks of the process could not use any more.
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: pytest.fail("looked for"))
    assert resolve_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize(
    ("device", "machine"),
    [
        ("cuda", "no GPU"),
        ("cuda:0", "no GPU"),
        ("cuda", "a Mac"),
        ("cuda:2", "two GPUs"),
        ("mps", "two GPUs"),
        ("nonsense", "two GPUs"),
    ],
)
def test_what_is_missing_is_an_error_or_the_cpu(device, machine, on):
    on(machine)
    with pytest.raises(ValueError, match=f"'device' parameter .*{device}"):
        resolve_device(device)
    assert resolve_device(device, fall_back=True) == torch.device("cpu")
