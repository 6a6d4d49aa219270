"""How good the defaults are: LSTMClassifier and LSTMRegressor beside simple models, untuned.

Each row is a data set, each column a model at its defaults: the score on the test part, for
models with random weights its mean and standard deviation over the seeds. Accuracy is better
where higher, RMSE where lower. Run it with ``python benchmarks/accuracy.py``.
``--data FOLDER`` adds the sets of that folder that are not part of the project.
"""

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from _loops import HandWritten
from _sets import from_folder, shipped
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import RidgeClassifierCV, RidgeCV
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier, NeuralNetRegressor

from sklstm import LSTMClassifier, LSTMRegressor

ALPHAS = np.logspace(-3, 4, 8)


class PlainSkorch:
    """What a person writes by hand in an afternoon: scaled steps, nn.LSTM, Adam.

    100 epochs, 20 where there are many rows. Padding is filled with zeros after scaling, and
    the last state is that after the padding.
    """

    def __init__(self, classifies, seed):
        self.classifies = classifies
        self.seed = seed

    def fit(self, X, y):
        """Scale inputs and target, then train."""
        self.x_scaler = StandardScaler().fit(X.reshape(-1, X.shape[2]))
        if self.classifies:
            self.classes, target = np.unique(y, return_inverse=True)
            kind, n_outputs, options = NeuralNetClassifier, len(self.classes), {}
            options["criterion"] = torch.nn.CrossEntropyLoss
        else:
            self.y_scaler = StandardScaler().fit(y[:, None])
            target = self.y_scaler.transform(y[:, None]).astype(np.float32)
            kind, n_outputs, options = NeuralNetRegressor, 1, {}
        torch.manual_seed(self.seed)
        module = HandWritten(X.shape[2], 64)
        module.head = torch.nn.Linear(64, n_outputs)
        self.net = kind(
            module,
            optimizer=torch.optim.Adam,
            lr=1e-3,
            max_epochs=100 if len(X) < 2000 else 20,
            batch_size=32,
            train_split=None,
            verbose=0,
            **options,
        )
        self.net.fit(self._scaled(X), target)
        return self

    def predict(self, X):
        """Labels, or numbers in their unit."""
        output = self.net.predict(self._scaled(X))
        return self.classes[output] if self.classifies else self.y_scaler.inverse_transform(output)

    def _scaled(self, X):
        steps = self.x_scaler.transform(X.reshape(-1, X.shape[2]))
        return np.nan_to_num(steps).reshape(X.shape).astype(np.float32)


class Flat:
    """A model of rows reads each sequence as one long row; padding is filled with zeros."""

    def __init__(self, model):
        self.model = model

    def fit(self, X, y):
        """Fit the model to the rows."""
        self.model.fit(self._rows(X), y)
        return self

    def predict(self, X):
        """Predict from the rows."""
        return self.model.predict(self._rows(X))

    def _rows(self, X):
        return np.nan_to_num(X).reshape(len(X), -1)


def models(classifies):
    """Of each model its name, a function of the seed that makes it, and whether seeds matter."""
    if classifies:
        ridge, forest, neighbour = RidgeClassifierCV, RandomForestClassifier, KNeighborsClassifier
    else:
        ridge, forest, neighbour = RidgeCV, RandomForestRegressor, KNeighborsRegressor
    lstm = LSTMClassifier if classifies else LSTMRegressor
    trees = {"max_features": "sqrt", "random_state": 0}
    return {
        "sklstm": (lambda seed: lstm(random_state=seed), True),
        "ridge": (lambda _: Flat(make_pipeline(StandardScaler(), ridge(ALPHAS))), False),
        "forest": (lambda _: Flat(forest(**trees)), False),
        "1-NN": (lambda _: Flat(make_pipeline(StandardScaler(), neighbour(1))), False),
        "skorch": (lambda seed: PlainSkorch(classifies, seed), True),
    }


def score(data_set, make, seed):
    """Mean over the splits, and the seconds of all fits."""
    values, seconds = [], 0.0
    for split in data_set.splits():
        model = make(seed)
        begin = time.process_time()
        model.fit(split.X_train, split.y_train)
        seconds += time.process_time() - begin
        predicted = np.asarray(model.predict(split.X_test))
        if data_set.metric == "accuracy":
            values.append(np.mean(predicted == split.y_test))
        else:
            values.append(np.sqrt(np.mean((predicted.ravel() - split.y_test) ** 2)))
    return np.mean(values), seconds


def row(data_set, n_seeds):
    """The cells of one set: scores, then the seconds of one fit of the two LSTMs."""
    cells, seconds = [data_set.name, data_set.metric], {}
    for name, (make, is_random) in models(data_set.metric == "accuracy").items():
        results = [score(data_set, make, seed) for seed in range(n_seeds if is_random else 1)]
        scores, times = np.transpose(results)
        spread = f" ± {scores.std():.3f}" if is_random else ""
        cells.append(f"{scores.mean():.3f}{spread}")
        seconds[name] = times.mean()
    return [*cells, f"{seconds['sklstm']:.1f}", f"{seconds['skorch']:.1f}"]


def print_rst(header, rows):
    """A list-table for the docs."""
    print(".. list-table::\n   :header-rows: 1\n")
    for cells in [header, *rows]:
        for i, cell in enumerate(cells):
            print(f"   {'*' if i == 0 else ' '} - {cell}")


def print_plain(cells, widths=(26, 9, 16, 8, 8, 8, 16, 9, 9)):
    """One line of the plain table."""
    print("".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)), flush=True)


def main():
    """All sets, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="*", help="their short names; default: all")
    parser.add_argument("--seeds", type=int, default=5, help="fits of each LSTM, default 5")
    parser.add_argument("--data", help="a folder with sets that are not part of the project")
    parser.add_argument("--rst", action="store_true", help="print a table for the docs")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    sets = shipped() | (from_folder(arguments.data) if arguments.data else {})
    chosen = arguments.sets or list(sets)
    unknown = sorted(set(chosen) - set(sets))
    if unknown:
        parser.error(f"no such sets: {unknown}. There are {list(sets)}")
    header = ["set", "measure", *models(True), "s/fit", "s skorch"]
    rows = []
    if not arguments.rst:
        print_plain(header)
    for name in chosen:
        rows.append(row(sets[name], arguments.seeds))
        if not arguments.rst:
            print_plain(rows[-1])
    if arguments.rst:
        print_rst(header, rows)


if __name__ == "__main__":
    main()
