"""Fits that several processes share: a script for torchrun, whose cases the tests run alone."""

import os
import pickle
import sys
from pathlib import Path
from threading import Thread

import numpy as np
import torch
from plain import PLAIN
from skorch.callbacks import Callback
from torch import nn

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.augmentation import Jitter, Mixup
from sklstm.distributed import data_parallel

RNG = np.random.default_rng(0)
LENGTHS = RNG.integers(2, 9, 43)
RAGGED = [RNG.normal(size=(length, 3)) for length in LENGTHS]
X = RNG.normal(size=(43, 6, 3))
Y = X[:, -1, 0] + X[:, 0, 1] ** 2
LABELS = np.array(["a", "b", "c"])[np.digitize(Y, [0.3, 1.0])]
WEIGHTS = RNG.uniform(0.2, 3.0, 43)
CODES = RNG.integers(0, 5, (43, 6))


def regressor(**params):
    fixed = {"hidden_size": 5, "max_epochs": 3, "batch_size": 8, "random_state": 0}
    return LSTMRegressor(**(PLAIN | fixed | params))


def classifier(**params):
    fixed = {"hidden_size": 5, "max_epochs": 3, "batch_size": 8, "random_state": 0}
    return LSTMClassifier(**(PLAIN | fixed | params))


class Linear(nn.Module):
    """A module of the user's own, with a parameter that it does not use."""

    def __init__(self, n_features, n_outputs, random_state):
        super().__init__()
        self.linear = nn.Linear(n_features, n_outputs)
        self.unused = nn.Parameter(torch.ones(2))

    def forward(self, x, lengths):
        return self.linear(x.sum(1))


class FewSteps(torch.optim.LBFGS):
    """So few that rounding does not grow."""

    def __init__(self, params, lr):
        super().__init__(params, lr=lr, max_iter=3)


def partial_fits(X, y):
    model = regressor(dropout=0.3)
    for _ in range(3):
        model.partial_fit(X, y)
    return model.set_params(warm_start=True).fit(X, y)


CASES = {
    "defaults": lambda: LSTMRegressor(8, max_epochs=3, random_state=0).fit(RAGGED, Y, WEIGHTS),
    "dropout of two layers": lambda: regressor(
        num_layers=2, dropout=0.4, recurrent_dropout=0.2, bidirectional=True
    ).fit(RAGGED, Y),
    "clipped gradients": lambda: regressor(optimizer="sgd", clip_norm=0.05).fit(X, Y),
    "early stopping": lambda: regressor(
        early_stopping=True, lr_schedule="plateau", n_iter_no_change=2, max_epochs=8
    ).fit(X, Y),
    "augmentation": lambda: regressor(augmentation=[Jitter(0.3), Mixup()]).fit(RAGGED, Y, WEIGHTS),
    "lbfgs": lambda: regressor(optimizer=FewSteps, learning_rate=0.1, batch_size=64).fit(X, Y),
    "fewer rows than processes": lambda: regressor(batch_size=1, dropout=0.2, max_epochs=1).fit(
        X[:9], Y[:9]
    ),
    "targets at time steps": lambda: LSTMRegressor(
        5, return_sequences=True, dropout=0.3, max_epochs=3, batch_size=8, random_state=0
    ).fit(RAGGED, [row[:, 0] for row in RAGGED], WEIGHTS),
    "quantiles": lambda: regressor(loss="quantile", tbptt_steps=4).fit(X, Y),
    "classes": lambda: classifier(class_weight="balanced", label_smoothing=0.1).fit(X, LABELS),
    "codes": lambda: classifier(embedding_size=3).fit(CODES, LABELS),
    "partial fits": lambda: partial_fits(X, Y),
    "relu": lambda: regressor(cell="peephole", activation="relu").fit(RAGGED, Y),
    "own module": lambda: regressor(module=Linear).fit(X, Y),
}


def fitted(name):
    """Weights of a case, and the losses of its epochs."""
    model = CASES[name]()
    losses = [[row["train_loss"], row.get("valid_loss", 0.0)] for row in model.history_]
    arrays = {name: w.numpy(force=True) for name, w in model.net_.module_.state_dict().items()}
    return arrays | {"losses": np.array(losses)}


class Failing(Callback):
    """Raises at an event, in one process."""

    def __init__(self, event, rank):
        def fail(net, **kwargs):
            if rank:
                raise KeyError(event)

        setattr(self, event, fail)


class StopInOne(Callback):
    """Stops after the second epoch, in one process."""

    def __init__(self, rank):
        self.rank = rank

    def on_epoch_end(self, net, **kwargs):
        net.stop_training = self.rank == 1 and len(net.history) == 2


def told(fit, *args, **kwargs):
    """What a fit raises."""
    try:
        fit(*args, **kwargs)
    except Exception as error:
        return [kind.__name__ for kind in type(error).__mro__], str(error)
    return [], ""


def resumed(folder, **params):
    """A fit whose checkpoint is there already, and the file itself."""
    model = regressor(dropout=0.2, checkpoint=folder, **params)
    first = model.fit(X, Y).predict(X)
    again = model.fit(X, Y).predict(X)
    return np.array_equal(first, again), [path.name for path in Path(folder).iterdir()]


def failures(rank, folder):
    """What every process says of fits that fail in process 1, or in all."""
    wrong = X.copy()
    wrong[4, 2, 0] = np.nan if rank else 0.0
    kept = regressor().fit(X, Y)
    before = kept.predict(X)
    found = {
        "missing value": told(kept.fit, wrong, Y),
        "other targets": told(kept.fit, X, Y + rank),
        "other rows": told(kept.fit, X + rank, Y),
        "diverges": told(regressor(learning_rate=1e30, clip_norm=None).fit, X * 1e30, Y),
    }
    own_folder = Path(folder) / f"checkpoints of {rank}"
    _, (file,) = resumed(own_folder)
    if rank:
        (own_folder / file).unlink()
    found["another checkpoint"] = told(resumed, own_folder)
    no_folder = Path(__file__) if rank else own_folder
    found["no folder"] = told(regressor(checkpoint=no_folder).fit, X, Y)
    for event in ("on_train_begin", "on_batch_end", "on_epoch_end", "on_train_end"):
        model = regressor(callbacks=[Failing(event, rank)])
        found[event] = told(model.fit, X, Y)
    found["kept"] = np.array_equal(kept.predict(X), before)
    return found


def leave_often():
    """Groups that end right after an exchange, on one core: torch 2.6 waited for ever there."""
    if hasattr(os, "sched_setaffinity"):
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(cores)})
    for _ in range(40):
        with data_parallel():
            regressor(max_epochs=1).fit(X[:2], Y[:2])
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


def main(folder):
    states = torch.get_rng_state(), np.random.get_state()[1].copy()
    with data_parallel() as processes:
        rank = processes.rank
        found = {"processes": tuple(processes), "cases": {name: fitted(name) for name in CASES}}
        found["failures"] = failures(rank, folder)
        found["resumed"], _ = resumed(Path(folder) / "checkpoints")
        found["after failures"] = fitted("defaults")
        found["no seed"] = regressor(random_state=None).fit(X, Y).predict(X)
        found["stopped"] = regressor(callbacks=[StopInOne(rank)]).fit(X, Y).n_epochs_
        alone = []
        if rank:  # nobody else would answer
            thread = Thread(target=lambda: alone.append(fitted("defaults")))
            thread.start()
            thread.join()
        found["in a thread"] = alone
    found["outside"] = fitted("defaults") if rank else None
    leave_often()
    with data_parallel() as processes:
        found["again"] = fitted("defaults")
        found["pickled"] = pickle.loads(pickle.dumps(regressor().fit(X, Y))).predict(X)
        found["states"] = bool(torch.equal(torch.get_rng_state(), states[0])) and np.array_equal(
            np.random.get_state()[1], states[1]
        )
        if rank:
            Path(folder, f"{rank}.pkl").write_bytes(pickle.dumps(found))
            os._exit(0)  # without a word
        found["gone"] = told(regressor().fit, X, Y)
    Path(folder, f"{rank}.pkl").write_bytes(pickle.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
