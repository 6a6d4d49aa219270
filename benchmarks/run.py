"""Fit, predict, import and grid search beside plain torch and plain skorch, in one run.

Every row is a ratio: sklstm's time over the other's, both measured in turn in this process (or
in processes of their own), as the median over several rounds. Below 1 is faster. Run it with
``make bench`` on an otherwise idle machine.
"""

import argparse
import os
import subprocess
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from _loops import HandWritten, standardized, train_fused, train_plain
from sklearn.pipeline import make_pipeline
from skorch import NeuralNetRegressor

from sklstm import LSTMRegressor
from sklstm.preprocessing import SlidingWindow

# rows, time steps, features, hidden units, batch size
SIZES = [
    (2048, 24, 7, 64, 32),
    (4096, 12, 4, 16, 128),
    (4096, 12, 4, 16, 32),
    (2048, 100, 1, 32, 32),
]
# The network and training of the hand-written loops.
PLAIN = {
    "pooling": "last",
    "dropout": 0.0,
    "learning_rate": 0.01,
    "lr_schedule": "constant",
    "weight_decay": 0.0,
    "clip_norm": 1.0,
    "early_stopping": False,
    "random_state": 0,
}


def rounds(functions, n):
    """Seconds of each function in each of n rounds, taken in turn; shape (n, n_functions)."""
    for function in functions:
        function()
    seconds = np.empty((n, len(functions)))
    for i in range(n):
        for j, function in enumerate(functions):
            begin = now()
            function()
            seconds[i, j] = now() - begin
    return seconds


def now():
    """Seconds, when the work that a GPU was given is done."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter()


def ratio(seconds, ours, theirs):
    """Median over rounds of the ratio within a round."""
    return np.median(seconds[:, ours] / seconds[:, theirs])


def show(name, value, target, note=""):
    """One row of the report."""
    verdict = "" if target is None else f"(at most {target:.2f})"
    print(f"  {name:<58} {value:6.2f}  {verdict} {note}".rstrip(), flush=True)


def data(n, n_timesteps, n_features):
    """Noise with a target that depends on the last step; the numbers do not change the time."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, n_timesteps, n_features)).astype(np.float32)
    return X, 2.0 * X[:, -1, 0]


def skorch_net(n_features, hidden_size, batch_size, epochs, device="cpu"):
    """The same network in skorch, set up as its documentation does."""
    return NeuralNetRegressor(
        HandWritten(n_features, hidden_size),
        optimizer=torch.optim.AdamW,
        lr=0.01,
        max_epochs=epochs,
        batch_size=batch_size,
        train_split=None,
        verbose=0,
        device=device,
    )


def fit(size, epochs, n_rounds, device):
    """The whole ``fit(X, y)`` call."""
    n, n_timesteps, n_features, hidden, batch = size
    X, y = data(n, n_timesteps, n_features)
    z, target = standardized(X, y)
    options = {**PLAIN, "batch_size": batch, "max_epochs": epochs, "device": device}

    def ours(X):
        LSTMRegressor(hidden, **options).fit(X, y)

    X64 = X.astype(np.float64)
    seconds = rounds(
        [
            lambda: ours(X),
            lambda: ours(X64),
            lambda: train_plain(X, y, hidden, batch, epochs, device),
            lambda: train_fused(X, y, hidden, batch, epochs, device),
            lambda: skorch_net(n_features, hidden, batch, epochs, device).fit(z, target),
        ],
        n_rounds,
    )
    print(f"fit {n} x {n_timesteps} x {n_features}, hidden {hidden}, batch {batch}")
    plain = 1.00 if device == "cpu" else 1.10
    for column, dtype in ((0, "float32"), (1, "float64")):
        show(f"sklstm ({dtype}) / plain loop", ratio(seconds, column, 2), plain)
        show(f"sklstm ({dtype}) / fused loop", ratio(seconds, column, 3), 1.10)
    show("sklstm (float32) / skorch", ratio(seconds, 0, 4), None)


def cells(size, epochs, n_rounds, device):
    """What torch's fused kernel cannot do, beside what it can."""
    n, n_timesteps, n_features, hidden, batch = size
    X, y = data(n, n_timesteps, n_features)
    kinds = [
        ("peephole", {"cell": "peephole"}, 3.0),
        ("relu", {"activation": "relu"}, None),
        ("recurrent dropout", {"recurrent_dropout": 0.2}, None),
    ]

    def fit_with(options):
        options = {
            **PLAIN,
            "batch_size": batch,
            "max_epochs": epochs,
            "device": device,
            **options,
        }
        return lambda: LSTMRegressor(hidden, **options).fit(X, y)

    seconds = rounds([fit_with(options) for _, options, _ in [("", {}, 0), *kinds]], n_rounds)
    print(f"fit {n} x {n_timesteps} x {n_features}, hidden {hidden}, batch {batch}")
    for column, (name, _, target) in enumerate(kinds, start=1):
        show(f"{name} / standard cell", ratio(seconds, column, 0), target)


def predict(size, n_rounds, device):
    """All rows at once, and one row."""
    n, n_timesteps, n_features, hidden, batch = size
    X, y = data(n, n_timesteps, n_features)
    options = {**PLAIN, "batch_size": batch, "max_epochs": 1, "device": device}
    model = LSTMRegressor(hidden, **options).fit(X, y)
    bare = HandWritten(n_features, hidden).eval().to(device)
    net = skorch_net(n_features, hidden, batch, 1, device).fit(X, y[:, None])

    def compare(name, X, repeat, target):
        tensor = torch.from_numpy(X)

        def ours():
            for _ in range(repeat):
                model.predict(X)

        def forward():
            with torch.no_grad():
                for _ in range(repeat):
                    bare(tensor.to(device)).cpu()

        def skorch():
            for _ in range(repeat):
                net.predict(X)

        seconds = rounds([ours, forward, skorch], 3 * n_rounds)
        show(f"{name}: sklstm / bare module", ratio(seconds, 0, 1), target)
        show(f"{name}: sklstm / skorch", ratio(seconds, 0, 2), None)

    print(f"predict {n} x {n_timesteps} x {n_features}, hidden {hidden}")
    compare("all rows", X, 1, 1.1)
    compare("one row", X[:1], 100, 3.0)


def ragged(epochs, n_rounds, device):
    """Lengths spread evenly from 5 to 100 steps: how much of the padding is computed."""
    rng = np.random.default_rng(0)
    sequences = [rng.normal(size=(rng.integers(5, 101), 4)).astype("f") for _ in range(2048)]
    y = np.array([sequence[-1, 0] for sequence in sequences])
    padded = np.zeros((2048, 100, 4), dtype=np.float32)
    for row, sequence in zip(padded, sequences, strict=True):
        row[: len(sequence)] = sequence

    def model():
        options = {**PLAIN, "batch_size": 32, "max_epochs": epochs, "device": device}
        return LSTMRegressor(32, **options)

    seconds = rounds([lambda: model().fit(sequences, y), lambda: model().fit(padded, y)], n_rounds)
    print("fit 2048 sequences of 5 to 100 steps, 52 on average")
    show("ragged / padded to 100 steps", ratio(seconds, 0, 1), None, "(0.53 of the steps are real)")


def import_time(n_rounds):
    """In fresh processes."""

    def run(statement):
        return lambda: subprocess.run([sys.executable, "-c", statement], check=True)

    statements = [
        "from sklstm import LSTMClassifier, LSTMRegressor",
        "import torch, sklearn.model_selection, sklearn.pipeline",
        "import sklstm",
    ]
    seconds = rounds([run(statement) for statement in statements], n_rounds)
    print("import")
    show("both estimators / torch and scikit-learn", ratio(seconds, 0, 1), 1.10)
    show("import sklstm alone / torch and scikit-learn", ratio(seconds, 2, 1), None)


GRID = """
import time
from sklearn.model_selection import GridSearchCV
from sklstm import LSTMClassifier
from sklstm.datasets import load_japanese_vowels
X, y = load_japanese_vowels(return_X_y=True)
grid = {"hidden_size": [32, 64], "dropout": [0.0, 0.3]}
if __name__ == "__main__":
    model = LSTMClassifier(max_epochs=EPOCHS, random_state=0, device="DEVICE")
    GridSearchCV(model, grid, cv=2, n_jobs=JOBS, refit=False).fit(X, y)  # starts the workers
    begin = time.perf_counter()
    GridSearchCV(model, grid, cv=4, n_jobs=JOBS, refit=False).fit(X, y)
    print(time.perf_counter() - begin)
"""


def grid_search(epochs, n_rounds, device):
    """GridSearchCV with one and two workers, torch threads as a user gets them, and one each."""
    as_they_come = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    as_they_come["OMP_WAIT_POLICY"] = "PASSIVE"
    threads = {"all cores": as_they_come, "one thread": {**as_they_come, "OMP_NUM_THREADS": "1"}}
    print(f"GridSearchCV, 16 fits on the vowels ({os.cpu_count()} cores)")
    target = 1 / 1.7 if device == "cpu" else None  # workers share one GPU
    for name, environment in threads.items():
        seconds = np.empty((n_rounds, 2))
        for i in range(n_rounds):
            for j, jobs in enumerate((1, 2)):
                script = GRID.replace("JOBS", str(jobs)).replace("EPOCHS", str(epochs))
                seconds[i, j] = output_of(script.replace("DEVICE", device), environment)
        show(f"2 workers / 1 worker, torch on {name}", ratio(seconds, 1, 0), target)


def output_of(script, environment):
    """The number that a script prints in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, check=True, capture_output=True, text=True
    )
    return float(done.stdout)


MEMORY = """
import resource
import numpy as np
from sklearn.pipeline import make_pipeline
from sklstm import LSTMRegressor
from sklstm.preprocessing import SlidingWindow

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

X = np.random.default_rng(0).normal(size=(ROWS, 2)).astype(np.float32)
options = {"batch_size": 4096, "max_epochs": 1, "device": "DEVICE"}
model = make_pipeline(SlidingWindow(100), LSTMRegressor(2, **options))
model.fit(X[:9000], X[:9000, 0])  # what torch needs for itself
before = peak()
model.fit(X, X[:, 0])
print((peak() - before) / (100 * X.nbytes))
"""


def windows(epochs, n_rounds, n_rows, device):
    """A SlidingWindow beside the array of its windows: time, and memory beyond the table.

    The memory is that of the process, not of a GPU.
    """
    table, y = data(4096, 1, 4)
    table = table[:, 0]
    copied = np.asarray(SlidingWindow(48).fit_transform(table))

    def model():
        return LSTMRegressor(32, max_epochs=epochs, batch_size=32, device=device, **PLAIN)

    seconds = rounds(
        [
            lambda: make_pipeline(SlidingWindow(48), model()).fit(table, y),
            lambda: model().fit(copied, y),
        ],
        n_rounds,
    )
    print("windows of 48 rows, table of 4096 rows, 4 columns")
    show("fit: SlidingWindow / array of the windows", ratio(seconds, 0, 1), 1.10)
    script = MEMORY.replace("ROWS", str(n_rows)).replace("DEVICE", device)
    name = f"memory, {n_rows} rows, lookback 100: added / windows"
    show(name, output_of(script, dict(os.environ)), None)


def main():
    """Run all of it, or what is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = "fit, cells, predict, ragged, windows, import, grid"
    parser.add_argument("part", nargs="*", help=names)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--rows", type=int, default=300_000, help="of the table in windows")
    parser.add_argument("--device", default="cpu", help="of all parts but import")
    arguments = parser.parse_args()
    epochs, n_rounds, device = arguments.epochs, arguments.rounds, arguments.device
    torch.set_num_threads(1)
    parts = {
        "fit": lambda: [fit(size, epochs, n_rounds, device) for size in SIZES],
        "cells": lambda: [cells(size, epochs, n_rounds, device) for size in SIZES],
        "predict": lambda: [predict(size, n_rounds, device) for size in SIZES[:2] + SIZES[3:]],
        "ragged": lambda: ragged(4 * epochs, n_rounds, device),
        "windows": lambda: windows(epochs, n_rounds, arguments.rows, device),
        "import": lambda: import_time(n_rounds),
        "grid": lambda: grid_search(4 * epochs, max(3, n_rounds // 3), device),
    }
    threads = torch.get_num_threads()
    print(f"torch {torch.__version__}, {threads} thread, {device}; medians of ratios")
    for name in arguments.part or parts:
        parts[name]()


if __name__ == "__main__":
    main()
