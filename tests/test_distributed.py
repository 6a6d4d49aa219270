"""Several processes train one network: what comes out is what one process gives."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import fits_together
import numpy as np
import pytest
import torch

from sklstm.distributed import data_parallel

pytestmark = pytest.mark.cpu  # NCCL takes no two processes on one GPU

SCRIPT = Path(fits_together.__file__)
ELSEWHERE = "failed in another process of data_parallel"


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What each of two processes has noted down, by torchrun on this machine."""
    folder = tmp_path_factory.mktemp("together")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    packages = os.pathsep.join([str(SCRIPT.parent), str(SCRIPT.parent.parent)])
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": packages}
    done = subprocess.run(
        [*command, str(SCRIPT), str(folder)],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    return [pickle.loads((folder / f"{rank}.pkl").read_bytes()) for rank in range(2)]


def check(arrays, expected, atol):
    assert arrays.keys() == expected.keys()
    for name, array in arrays.items():
        np.testing.assert_allclose(array, expected[name], rtol=0, atol=atol, err_msg=name)


@pytest.mark.parametrize("name", fits_together.CASES)
def test_two_processes_train_the_network_of_one(found, name):
    first, second = (process["cases"][name] for process in found)
    check(second, first, 0)
    check(first, fits_together.fitted(name), 2e-6)


def test_the_processes_are_counted(found):
    assert [process["processes"] for process in found] == [(0, 2), (1, 2)]


@pytest.mark.parametrize(
    "name, error, message",
    [
        ("missing value", "ValueError", "at sample 4"),
        ("no folder", "OSError", "'checkpoint' parameter"),
        ("on_train_begin", "KeyError", "on_train_begin"),
        ("on_batch_end", "KeyError", "on_batch_end"),
        ("on_epoch_end", "KeyError", "on_epoch_end"),
        ("on_train_end", "KeyError", "on_train_end"),
    ],
)
def test_what_fails_in_one_process_fails_in_all(found, name, error, message):
    (first, first_message), (second, second_message) = (p["failures"][name] for p in found)
    assert "RuntimeError" in first and ELSEWHERE in first_message
    assert error in second and message in second_message


@pytest.mark.parametrize(
    "name, message",
    [
        ("other targets", "same X, y, sample_weight and parameters"),
        ("other rows", "same X, y, sample_weight and parameters"),
        ("diverges", "Training diverged in epoch"),
    ],
)
def test_what_is_wrong_with_all_is_told_by_all(found, name, message):
    for process in found:
        error, text = process["failures"][name]
        assert "ValueError" in error and message in text


def test_processes_go_on_from_one_checkpoint_and_tell_where_theirs_differ(found):
    assert all(process["resumed"] for process in found)
    (first, first_message), (second, message) = (p["failures"]["another checkpoint"] for p in found)
    assert "RuntimeError" in first and ELSEWHERE in first_message
    assert "ValueError" in second and "has 3 epochs in its folder, this one has 0" in message


def test_after_failures_the_processes_go_on(found):
    assert all(process["failures"]["kept"] for process in found)
    for process in found:
        check(process["after failures"], found[0]["cases"]["defaults"], 0)
        check(process["again"], found[0]["cases"]["defaults"], 0)


def test_a_process_that_is_gone_is_an_error_of_the_others(found):
    error, message = found[0]["gone"]
    assert "RuntimeError" in error and "that process is gone" in message


def test_without_a_seed_the_processes_agree_on_one(found):
    np.testing.assert_array_equal(found[0]["no seed"], found[1]["no seed"])


def test_a_callback_of_one_process_stops_all(found):
    assert [process["stopped"] for process in found] == [2, 2]


def test_threads_and_what_comes_after_are_not_shared(found):
    alone = fits_together.fitted("defaults")
    check(found[1]["in a thread"][0], alone, 0)
    check(found[1]["outside"], alone, 0)


def test_pickles_and_random_states_are_as_ever(found):
    np.testing.assert_array_equal(found[0]["pickled"], found[1]["pickled"])
    assert found[0]["states"] and found[1]["states"]


def test_outside_of_torchrun_a_process_is_alone():
    with data_parallel() as processes:
        assert tuple(processes) == (0, 1)
        check(fits_together.fitted("classes"), fits_together.fitted("classes"), 0)
    assert not torch.distributed.is_initialized()


@pytest.mark.parametrize(
    "timeout", [0, -1.0, float("inf"), float("nan"), "long", True, 1e300, 10**400]
)
def test_a_timeout_is_a_number_above_0(timeout):
    with pytest.raises(ValueError, match="'timeout' parameter"):
        with data_parallel(timeout=timeout):
            pass
