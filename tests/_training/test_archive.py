"""Nested tensors and numbers, to a file and back, and what is wrong with a file."""

import math
from collections import OrderedDict

import numpy as np
import pytest
import safetensors.torch
import torch

from sklstm._training._archive import VERSION, digest, read, write

STATE = {
    "weights": OrderedDict(
        a=torch.arange(6.0).view(2, 3), b=torch.tensor(1.5, dtype=torch.float64)
    ),
    "empty": torch.zeros(0, 2),
    "kinds": {
        0: torch.tensor([1, -2]),
        1: torch.tensor([True, False]),
        2: torch.tensor([0.1, math.inf], dtype=torch.bfloat16),
    },
    "tuple": (0.9, 0.999),
    "nested": [[torch.ones(2)], (), {}, [None, True, 1, 2**70, -0.0, math.inf, 1e-310, "é"]],
    "key": {(1, "two"): 3.0, None: 4},
}


def assert_same(one, two):
    if isinstance(one, torch.Tensor):
        assert one.dtype == two.dtype
        assert torch.equal(one, two)
    elif isinstance(one, dict):
        assert list(one) == list(two)
        for key in one:
            assert_same(one[key], two[key])
    elif isinstance(one, list | tuple):
        assert type(one) is type(two)
        assert len(one) == len(two)
        for first, second in zip(one, two, strict=True):
            assert_same(first, second)
    else:
        assert (type(one), repr(one)) == (type(two), repr(two))


def test_a_state_comes_back_as_it_was(tmp_path):
    write(tmp_path / "file", "k", STATE)
    assert_same({**STATE, "weights": dict(STATE["weights"])}, read(tmp_path / "file", "k"))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_any_safetensors_reader_reads_the_tensors(tmp_path):
    write(tmp_path / "file", "k", STATE)
    stored = safetensors.torch.load_file(tmp_path / "file")
    assert any(torch.equal(tensor, STATE["weights"]["a"]) for tensor in stored.values())


def test_what_is_read_does_not_hold_on_to_the_file(tmp_path):
    write(tmp_path / "file", "k", {"a": torch.zeros(3), "b": torch.zeros(3)})
    state = read(tmp_path / "file", "k")
    state["a"].add_(1)
    assert torch.equal(state["b"], torch.zeros(3))
    assert_same(read(tmp_path / "file", "k")["a"], torch.zeros(3))


def test_views_of_one_tensor_are_kept(tmp_path):
    whole = torch.arange(6.0).view(2, 3)
    write(tmp_path / "file", "k", [whole[0], whole.T, whole])
    assert_same(read(tmp_path / "file", "k"), [whole[0], whole.T.contiguous(), whole])


def test_every_wrong_byte_is_found(tmp_path):
    path = tmp_path / "file"
    write(path, "k", {"weights": torch.arange(5.0), "rate": 0.1, "history": [{"loss": 0.5}]})
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    unseen = []
    for position in range(len(content)):
        wrong = bytearray(content)
        wrong[position] ^= 1 << rng.integers(8)
        path.write_bytes(wrong)
        try:
            read(path, "k")
        except ValueError:
            continue
        unseen.append(position)
    assert unseen == []


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.99])
def test_a_file_that_was_cut_off_is_not_read(tmp_path, share):
    path = tmp_path / "file"
    write(path, "k", STATE)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match="no complete safetensors file"):
        read(path, "k")


@pytest.mark.parametrize("header", [None, {"tree": "1"}, {"digest": "0", "tree": "1"}])
def test_another_safetensors_file_is_not_read(tmp_path, header):
    (tmp_path / "file").write_bytes(safetensors.torch.save({"a": torch.ones(2)}, header))
    with pytest.raises(ValueError, match=r"no complete .* checkpoint|has changed"):
        read(tmp_path / "file", "k")


def test_a_file_of_another_fit_or_version_is_not_read(tmp_path, monkeypatch):
    write(tmp_path / "file", "other", STATE)
    with pytest.raises(ValueError, match="written for another fit, as other"):
        read(tmp_path / "file", "k")
    monkeypatch.setattr("sklstm._training._archive.VERSION", VERSION + 1)
    with pytest.raises(ValueError, match=f"of version {VERSION}, and this sklstm reads"):
        read(tmp_path / "file", "other")


@pytest.mark.parametrize("value", [np.longdouble(1), np.zeros(2), 1j, {1}, object()])
def test_other_objects_are_refused_before_anything_is_written(tmp_path, value):
    with pytest.raises(TypeError, match=type(value).__name__):
        write(tmp_path / "file", "k", {"state": [value]})
    assert list(tmp_path.iterdir()) == []


def test_numpy_scalars_come_back_as_plain_numbers(tmp_path):
    numbers = [np.float64(0.1), np.float32(0.1), np.int64(3), np.bool_(True)]
    write(tmp_path / "file", "k", numbers)
    assert_same(read(tmp_path / "file", "k"), [0.1, float(np.float32(0.1)), 3, True])


def test_the_digest_tells_states_apart():
    states = [
        {"a": torch.zeros(2)},
        {"a": torch.zeros(2, dtype=torch.float64)},
        {"a": torch.zeros(2, 1)},
        {"a": torch.tensor([0.0, -0.0])},
        {"b": torch.zeros(2)},
        [torch.zeros(2)],
        (torch.zeros(2),),
        [0.0, 0.0],
        [0, 0],
    ]
    assert len({digest(state) for state in states}) == len(states)
    assert digest(states[0]) == digest({"a": torch.zeros(2)})
