"""Fits that are killed with -9 until they come to their end: ``python killing.py inputs folder``.

One process that only forks: importing torch takes longer than the fits. ``inputs`` holds a pickled
dict of ``(model, X, y)``; the fitted models are left in ``folder``.
"""

import os
import pickle
import random
import resource
import signal
import sys
import time
import traceback
from pathlib import Path

from sklstm import LSTMRegressor


def die(*args):
    os.kill(os.getpid(), signal.SIGKILL)


def cut_and_die(file):
    os.ftruncate(file, os.fstat(file).st_size // 2)
    die()


def replace_and_die(*paths, replace=os.replace):
    replace(*paths)
    die()


# A function of os, and what is called in its place in the third write.
MOMENTS = {
    "half written": ("fsync", cut_and_die),
    "written": ("replace", die),
    "replaced": ("replace", replace_and_die),
}


def at_third_call(function, action):
    calls = []

    def patched(*args):
        calls.append(args)
        return action(*args) if len(calls) == 3 else function(*args)

    return patched


def in_child(action):
    """Number of a forked process that does it."""
    if pid := os.fork():
        return pid
    try:
        action()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def fit(case, folder, name, moment=None):
    if moment is not None:
        function, action = MOMENTS[moment]
        setattr(os, function, at_third_call(getattr(os, function), action))
    model, X, y = case
    model.set_params(checkpoint=folder / name).fit(X, y)
    (folder / f"{name}.pickle").write_bytes(pickle.dumps(model))


def fit_with_small_files(case, folder):
    model, X, y = case
    resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))
    try:
        model.set_params(checkpoint=folder / "limited").fit(X, y)
    except OSError as error:
        assert not hasattr(model, "net_")
        (folder / "limited.txt").write_text(str(error))


def kill_until_done(case, folder, name):
    """Number of times that it was killed."""

    def inodes():
        return {path.stat().st_ino for path in (folder / name).glob("*.safetensors")}

    def ended(pid):
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    kills = 0
    while True:
        before, pid = inodes(), in_child(lambda: fit(case, folder, name))
        # At any moment after the next file, so that it comes to its end.
        while inodes() <= before and not ended(pid):
            time.sleep(0.001)
        time.sleep(random.uniform(0, 0.02))
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        if not os.WIFSIGNALED(status):
            assert status == 0
            return kills
        kills += 1


def main(inputs, folder):
    random.seed(0)
    LSTMRegressor(1, max_epochs=1).fit([[0.0], [1.0]], [0.0, 1.0])  # imports what children need
    cases = pickle.loads(inputs.read_bytes())
    name = next(iter(cases))
    for moment in MOMENTS:
        case = cases[name]
        _, status = os.waitpid(in_child(lambda: fit(case, folder, name, moment)), 0)  # noqa: B023
        assert os.WTERMSIG(status) == signal.SIGKILL, moment
    kills = {name: kill_until_done(case, folder, name) for name, case in cases.items()}
    assert min(kills.values()) >= 2, kills
    in_child(lambda: fit_with_small_files(cases["ragged"], folder))
    assert os.wait()[1] == 0


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
