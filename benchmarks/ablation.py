"""What each default is worth: the defaults, and the defaults with one choice taken back.

Each row is a choice, each column a data set: mean and standard deviation of the test score over
the seeds. Run it with ``python benchmarks/ablation.py``; ``--rst`` prints the tables of the docs.
"""

import argparse
import os
from contextlib import ExitStack
from unittest import mock

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from _sets import shipped
from accuracy import print_rst, score

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.nn import _cells
from sklstm.nn._init import init_lstm_

SETS = {LSTMClassifier: ["vowels", "digits"], LSTMRegressor: ["sunspots", "elnino6", "seattle"]}


def forget_nothing_special(lstm, generator):
    """The usual initialisation, without a bias of the forget gate."""
    init_lstm_(lstm, generator)
    torch.nn.init.zeros_(lstm.bias_ih_l0)


def glorot_recurrent(lstm, generator):
    """The usual initialisation, recurrent weights like those of the inputs."""
    init_lstm_(lstm, generator)
    for gate in lstm.weight_hh_l0.detach().chunk(4):
        torch.nn.init.xavier_uniform_(gate, generator=generator)


def choices(estimator_class):
    """Of each choice its name, parameters that take it back, and an initialisation."""
    rows = [
        ("the defaults", {}, None),
        ('pooling="last"', {"pooling": "last"}, None),
        ('pooling="max"', {"pooling": "max"}, None),
        ('pooling="attention"', {"pooling": "attention"}, None),
        ("dropout=0", {"dropout": 0.0}, None),
        ("recurrent_dropout=0.2", {"recurrent_dropout": 0.2}, None),
        ('lr_schedule="constant"', {"lr_schedule": "constant"}, None),
        ('lr_schedule="cosine"', {"lr_schedule": "cosine"}, None),
        ("batch_size=32", {"batch_size": 32}, None),
        ("clip_norm=None", {"clip_norm": None}, None),
        ("early_stopping=True", {"early_stopping": True}, None),
        ('cell="peephole"', {"cell": "peephole"}, None),
        ("forget bias 0", {}, forget_nothing_special),
        ("Glorot recurrent weights", {}, glorot_recurrent),
    ]
    if estimator_class is LSTMClassifier:
        rows += [
            ("bidirectional=False", {"bidirectional": False}, None),
            ("weight_decay=0", {"weight_decay": 0.0}, None),
            ("label_smoothing=0.1", {"label_smoothing": 0.1}, None),
        ]
    else:
        rows += [
            ('pooling without "input"', {"pooling": ("last", "mean", "max")}, None),
            ("bidirectional=True", {"bidirectional": True}, None),
            ("weight_decay=0.3", {"weight_decay": 0.3}, None),
            ("max_epochs=15", {"max_epochs": 15}, None),
            ("dropout=0.3", {"dropout": 0.3}, None),
        ]
    return rows


def cells(estimator_class, parameters, init, n_seeds):
    """Mean and spread of each set."""
    found = []
    for name in SETS[estimator_class]:
        with ExitStack() as stack:
            if init is not None:
                stack.enter_context(mock.patch.object(_cells, "init_lstm_", init))
            scores = [
                score(shipped()[name], lambda s: estimator_class(**parameters, random_state=s), i)
                for i in range(n_seeds)
            ]
        values = np.array([value for value, _ in scores])
        found.append(f"{values.mean():.3f} ± {values.std():.3f}")
    return found


def main():
    """Both classes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rst", action="store_true", help="print tables for the docs")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for estimator_class, names in SETS.items():
        header = [estimator_class.__name__, *(shipped()[name].name for name in names)]
        rows = []
        for name, parameters, init in choices(estimator_class):
            rows.append([name, *cells(estimator_class, parameters, init, arguments.seeds)])
            if not arguments.rst:
                print("".join(cell.ljust(26) for cell in rows[-1]), flush=True)
        if arguments.rst:
            print_rst(header, rows)
            print()


if __name__ == "__main__":
    main()
