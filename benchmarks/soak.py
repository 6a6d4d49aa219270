"""Ten thousand fits and predicts in one process: does memory grow?

    python benchmarks/soak.py            # 10 000 rounds
    python benchmarks/soak.py 1000

A round fits an estimator, predicts, pickles it and fits it further. Every tenth of the rounds a
line says how much memory the process holds (resident, Linux), how many objects Python's collector
knows, and how many tensors there are. The first tenth is the warm-up; a leak shows as growth that
goes on after it.
"""

import gc
import pickle
import sys
import time
from pathlib import Path

import numpy as np
import torch

from sklstm import LSTMClassifier, LSTMRegressor

PAGE = 4096


def one_round(i: int) -> None:
    rng = np.random.default_rng(i)
    n_rows, n_steps = int(rng.integers(4, 12)), int(rng.integers(2, 7))
    X = rng.normal(size=(n_rows, n_steps, 2))
    y = X[:, -1, 0]
    if i % 2:
        model = LSTMRegressor(hidden_size=2, max_epochs=1, random_state=i).fit(X, y)
    else:
        labels = np.arange(n_rows) % 2
        model = LSTMClassifier(hidden_size=2, max_epochs=1, random_state=i).fit(X, labels)
        model.predict_proba(list(X))
    model.predict(X)
    if i % 10 == 1:
        pickle.loads(pickle.dumps(model)).partial_fit(X, y).predict(X)


def resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * PAGE / 2**20


def main(n_rounds: int) -> None:
    torch.set_num_threads(1)
    print("rounds   resident MiB   objects   tensors   ms a round (processor)")
    first = None
    for tenth in range(1, 11):
        begin = time.process_time()
        for i in range((tenth - 1) * n_rounds // 10, tenth * n_rounds // 10):
            one_round(i)
        spent = (time.process_time() - begin) / (n_rounds // 10)
        gc.collect()
        objects = gc.get_objects()
        tensors = sum(type(item) in (torch.Tensor, torch.nn.Parameter) for item in objects)
        memory, n_objects = resident(), len(objects)
        del objects
        first = first or (memory, n_objects)
        print(
            f"{tenth * n_rounds // 10:6}   {memory:12.1f}   {n_objects:7}   {tensors:7}   "
            f"{1000 * spent:.1f}",
            flush=True,
        )
    rounds = 0.9 * n_rounds
    print(
        f"growth a round after the warm-up: {1024 * (memory - first[0]) / rounds:.3f} KiB, "
        f"{(n_objects - first[1]) / rounds:.4f} objects"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
