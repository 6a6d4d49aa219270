"""What a smaller network costs: bytes, speed, score, fidelity and explanations beside the original.

Every line is a network made smaller in one way, relative to the default one on the same set. Run it
with ``python benchmarks/simplify.py``, or with the names of sets, ``vowels`` or ``digits``.
"""

import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from _sets import shipped

from sklstm import LSTMClassifier
from sklstm.simplify import compare, distill, prune, quantize

EPOCHS = 15
SMALL = 28  # hidden units of a student with about a quarter of the weights


def smaller(model, X, y):
    """Networks made of ``model``, by name."""
    train = X, y
    student = LSTMClassifier(hidden_size=SMALL, random_state=0)
    contribution = {"importance": "contribution", "epochs": EPOCHS, "random_state": 0}
    yield "half of the units, magnitude", prune(model)
    yield f"and {EPOCHS} epochs", prune(model, *train, epochs=EPOCHS, random_state=0)
    yield f"contribution, {EPOCHS} epochs", prune(model, *train, **contribution)
    yield "half of the weights", prune(model, kind="weights")
    yield "8 bits", quantize(model, bits=8)
    yield "4 bits", quantize(model, bits=4)
    yield f"student of {SMALL} units", distill(model, student, X)
    yield "the same, trained on labels", student.fit(X, y)


def main():
    """Print a table for each set."""
    torch.set_num_threads(1)
    sets = shipped()
    for name in sys.argv[1:] or ["vowels", "digits"]:
        [split] = sets[name].splits()
        model = LSTMClassifier(random_state=0).fit(split.X_train, split.y_train)
        test = split.X_test[-256:], split.y_test[-256:]
        print(f"\n{sets[name].name}, {len(split.y_train)} rows for training")
        print(f"{'':30s}{'bytes':>8s}{'faster':>8s}{'score':>8s}{'fidelity':>10s}{'rank':>8s}")
        score = model.score(split.X_test, split.y_test)
        print(f"{'as fitted':30s}{1:8.2f}{1:8.1f}{score:8.3f}{1:10.3f}{1:8.2f}")
        answers = model.predict(split.X_test)
        for text, small in smaller(model, split.X_train, split.y_train):
            found = compare(model, small, *test, n_explained=20, random_state=0)
            size = found.pickle_bytes[1] / found.pickle_bytes[0]
            speed = found.latency_batch[0] / found.latency_batch[1]
            score = small.score(split.X_test, split.y_test)
            same = np.mean(small.predict(split.X_test) == answers)
            rank = found.rank_correlation
            print(f"{text:30s}{size:8.2f}{speed:8.1f}{score:8.3f}{same:10.3f}{rank:8.2f}")


if __name__ == "__main__":
    main()
