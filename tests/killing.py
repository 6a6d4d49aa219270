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


def replace_and_stop(*paths, replace=os.replace):
    replace(*paths)
    os.kill(os.getpid(), signal.SIGSTOP)


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


def fit_until(moment, case, folder, name):
    function, action = MOMENTS[moment]
    setattr(os, function, at_third_call(getattr(os, function), action))
    fit(case, folder, name)


def fit_in_steps(case, folder, name):
    os.replace = replace_and_stop
    fit(case, folder, name)


def fit(case, folder, name):
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
    """Number of times that it was killed.

    A child stops when it has written a file, so that each comes further than the one before, and
    is killed at any moment until it has written another.
    """
    kills = 0
    while True:
        pid = in_child(lambda: fit_in_steps(case, folder, name))
        _, status = os.waitpid(pid, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            os.kill(pid, signal.SIGCONT)
            time.sleep(random.uniform(0, 0.01))
            os.kill(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
        if os.WIFEXITED(status):
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
        _, status = os.waitpid(in_child(lambda: fit_until(moment, case, folder, name)), 0)  # noqa: B023
        assert os.WTERMSIG(status) == signal.SIGKILL, moment
    kills = {name: kill_until_done(case, folder, name) for name, case in cases.items()}
    assert min(kills.values()) >= 2, kills
    in_child(lambda: fit_with_small_files(cases["ragged"], folder))
    assert os.wait()[1] == 0


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
