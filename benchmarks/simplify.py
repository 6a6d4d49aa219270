"""What a smaller network costs: bytes, speed, score, fidelity and explanations beside the original.

Every line is a network made smaller in one way, relative to the default one on the same set. Run it
with ``python benchmarks/simplify.py``, or with the names of sets, ``vowels``, ``digits`` or
``weather``; with ``bytes`` it says where the bytes of a pickle of 8-bit weights are.
"""

import os
import pickle
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from _sets import Split, shipped
from sklearn.base import clone
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.datasets import load_nyc_weather
from sklstm.preprocessing import make_windows
from sklstm.simplify import compare, distill, prune, quantize

EPOCHS = 15
SMALL = 28  # hidden units of a network with about a quarter of the weights
WEATHER = ["temp", "dewp", "humid", "pressure", "wind_speed", "precip", "visib"]


def weather():
    """Temperature an hour ahead from 24 hours; 2500 windows, tested on the 1000 that follow."""
    table = load_nyc_weather(as_frame=True).frame[WEATHER].ffill().to_numpy()
    X, y, _ = make_windows(table, 24, 1, target=0)
    y = y.ravel()
    return Split(X[:2500], y[:2500], X[2500:3500], y[2500:3500])


def split_and_model(name):
    """A set, and the network that is made smaller."""
    if name == "weather":
        return weather(), LSTMRegressor(max_epochs=15, random_state=0)
    [split] = shipped()[name].splits()
    return split, LSTMClassifier(max_epochs=60 if name == "vowels" else 30, random_state=0)


def smaller(model, X, y):
    """Networks made of ``model``, by name."""
    start = {"random_state": 0}
    student = clone(model).set_params(hidden_size=SMALL)
    of_quarter = {"fraction": 1 - SMALL / model.hidden_size, "epochs": 2 * EPOCHS}
    return {
        "another fit": clone(model).set_params(random_state=1).fit(X, y),
        "half of the units": prune(model, X, **start),
        f"{EPOCHS} epochs on targets": prune(model, X, y, epochs=EPOCHS, **start),
        f"{EPOCHS} epochs on answers": prune(model, X, epochs=EPOCHS, **start),
        "by contribution": prune(model, X, importance="contribution", epochs=EPOCHS, **start),
        "by mutual information": prune(model, X, y, importance="mutual_information", **start),
        f"{SMALL} units, {2 * EPOCHS} epochs": prune(model, X, **of_quarter, **start),
        "half of the weights": prune(model, kind="weights"),
        f"and {EPOCHS} epochs": prune(model, X, kind="weights", epochs=EPOCHS, **start),
        "8 bits": quantize(model, bits=8),
        "4 bits": quantize(model, bits=4),
        f"student of {SMALL} units": distill(model, student, X),
        "the same, on targets": student.fit(X, y),
    }


def cpu_seconds(models, X, n_rounds=20):
    """Least processor time of a prediction of each; the models take turns.

    The latencies of ``compare`` are those of the clock, which on a busy machine tell of others.
    """
    least = np.full(len(models), np.inf)
    for _ in range(n_rounds):
        for k, model in enumerate(models):
            begin = time.process_time()
            model.predict(X)
            least[k] = min(least[k], time.process_time() - begin)
    return least


def print_table(model, models, split, n_explained):
    """Everything beside the first model."""
    options = {"n_explained": n_explained, "n_repeats": 1, "random_state": 0}
    found = compare(model, models, split.X_test, split.y_test, **options)
    seconds = cpu_seconds([model, *models.values()], split.X_test[:256])
    print(f"{'':24s}{'bytes':>7s}{'faster':>8s}{'score':>8s}{'fidelity':>10s}{'rank':>7s}")
    sizes = np.array(found.pickle_bytes)
    likeness = zip((1.0, *found.fidelity), (1.0, *found.rank_correlation), strict=True)
    for k, (fidelity, rank) in enumerate(likeness):
        line = f"{found.models[k]:24s}{sizes[k] / sizes[0]:7.2f}{seconds[0] / seconds[k]:8.1f}"
        print(f"{line}{found.score[k]:8.3f}{fidelity:10.3f}{rank:7.2f}", flush=True)


def print_sizes():
    """Of a classifier of 9 labels from 12 features, both ways."""
    X, y = np.random.default_rng(0).normal(size=(60, 9, 12)), np.arange(60) % 9
    print(f"{'units':>6s}{'float32':>10s}{'8 bits':>9s}{'share':>7s}   share of the 8 bits")
    for units in (32, 64, 128, 256, 512):
        model = LSTMClassifier(hidden_size=units, max_epochs=3, random_state=0).fit(X, y)
        small = quantize(model)
        sizes = [len(pickle.dumps(one)) for one in (model, small)]
        parts = {"integers": 0, "scales": 0, "biases": 0}
        for name, array in small.__getstate__()["net_"]["weights"].items():
            if isinstance(array, dict):
                parts["integers"] += array["codes"].nbytes
                parts["scales"] += array["scale"].nbytes
            elif "bias" in name:
                parts["biases"] += array.nbytes
        parts["all else"] = sizes[1] - sum(parts.values())
        shares = ", ".join(f"{name} {size / sizes[0]:.3f}" for name, size in parts.items())
        print(f"{units:6d}{sizes[0]:10,d}{sizes[1]:9,d}{sizes[1] / sizes[0]:7.3f}   {shares}")


def main():
    """Print a table for each set."""
    torch.set_num_threads(1)
    for name in sys.argv[1:] or ["vowels", "digits", "weather", "bytes"]:
        if name == "bytes":
            print_sizes()
            continue
        split, model = split_and_model(name)
        X, y = split.X_train, split.y_train
        model.fit(X, y)
        print(f"\n{name}: {len(y)} rows for training, {len(split.y_test)} to test")
        models = smaller(model, X, y)
        print_table(model, models, split, 50)
        if not np.isnan(X).any():
            tree = DecisionTreeRegressor if name == "weather" else DecisionTreeClassifier
            tree = distill(model, tree(max_depth=8, random_state=0), X)
            print_table(model, {"a tree of depth 8": tree}, split, 0)


if __name__ == "__main__":
    main()
