"""One model, fitted and asked in a process of its own.

evidence.py runs this file with the interpreter of the environment that the model's library lives
in. ``python _peer.py NAME DATA SEED`` reads the arrays of an npz file and prints one line of JSON;
the predictions go into a file beside the data.
"""

import json
import os
import sys
import time
from functools import partial
from importlib import import_module, metadata

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["KERAS_BACKEND"] = "torch"

import numpy as np


def epochs_for(X):
    """Of the networks written by hand: 100, or 20 where there are many rows."""
    return 100 if len(X) < 2000 else 20


class Scaled:
    """Zero mean and unit variance of steps and, for numbers, targets; padding becomes zero."""

    def __init__(self, X, y, classifies):
        self.mean, self.scale = np.nanmean(X, (0, 1)), np.nanstd(X, (0, 1))
        self.scale[self.scale == 0] = 1
        self.classes = np.unique(y) if classifies else None
        self.y_mean, self.y_scale = (0.0, 1.0) if classifies else (y.mean(), y.std())

    def steps(self, X):
        """Sequences as the network reads them."""
        return np.nan_to_num((X - self.mean) / self.scale).astype(np.float32)

    def target(self, y):
        """Codes of labels, or standardised numbers."""
        if self.classes is not None:
            return np.searchsorted(self.classes, y)
        return ((y - self.y_mean) / self.y_scale).astype(np.float32)

    def answer(self, output):
        """Labels, or numbers in their unit."""
        if self.classes is not None:
            return self.classes[np.argmax(output, axis=1)]
        return np.ravel(output) * self.y_scale + self.y_mean


class Keras:
    """An LSTM layer of 64 and a dense head, as the guide of Keras writes it; on torch."""

    packages = ("keras", "torch")

    def __init__(self, classifies, seed):
        self.classifies, self.seed = classifies, seed

    def fit(self, X, y):
        """Mask padding, train with Adam."""
        import keras

        keras.utils.set_random_seed(self.seed)
        self.scaled = Scaled(X, y, self.classifies)
        n_outputs = len(self.scaled.classes) if self.classifies else 1
        layers = [keras.layers.Input(X.shape[1:])]
        if np.isnan(X).any():
            layers.append(keras.layers.Masking())
        layers.append(keras.layers.LSTM(64))
        layers.append(keras.layers.Dense(n_outputs, "softmax" if self.classifies else None))
        self.model = keras.Sequential(layers)
        loss = "sparse_categorical_crossentropy" if self.classifies else "mse"
        self.model.compile("adam", loss)
        options = {"epochs": epochs_for(X), "batch_size": 32, "verbose": 0}
        self.model.fit(self.scaled.steps(X), self.scaled.target(y), **options)

    def predict(self, X):
        """Labels or numbers."""
        return self.scaled.answer(self.model.predict(self.scaled.steps(X), verbose=0))


class Warping:
    """tslearn's nearest neighbour by dynamic time warping; it reads ragged sequences."""

    packages = ("tslearn", "scikit-learn")

    def __init__(self, classifies, seed):
        self.classifies = classifies

    def fit(self, X, y):
        """Scale the steps, keep the sequences."""
        from tslearn.neighbors import KNeighborsTimeSeriesClassifier

        if not self.classifies:
            raise SystemExit("tslearn's regressor is not measured")
        self.mean, self.scale = np.nanmean(X, (0, 1)), np.nanstd(X, (0, 1))
        self.scale[self.scale == 0] = 1
        self.model = KNeighborsTimeSeriesClassifier(1).fit((X - self.mean) / self.scale, y)

    def predict(self, X):
        """Labels."""
        return self.model.predict((X - self.mean) / self.scale)


class Rocket:
    """aeon's MiniRocket: random convolutions and a ridge; padding becomes the mean."""

    packages = ("aeon", "scikit-learn")

    def __init__(self, classifies, seed):
        self.classifies, self.seed = classifies, seed

    def fit(self, X, y):
        """Steps of every feature after each other, as aeon reads them."""
        if self.classifies:
            from aeon.classification.convolution_based import MiniRocketClassifier as Model
        else:
            from aeon.regression.convolution_based import MiniRocketRegressor as Model

        self.scaled = Scaled(X, y, False) if not self.classifies else Scaled(X, y, True)
        self.model = Model(random_state=self.seed).fit(self._cases(X), y)

    def predict(self, X):
        """Labels or numbers."""
        return self.model.predict(self._cases(X))

    def _cases(self, X):
        steps = self.scaled.steps(X).swapaxes(1, 2).astype(np.float64)
        if missing := max(9 - steps.shape[2], 0):  # its shortest series
            steps = np.pad(steps, ((0, 0), (0, 0), (0, missing)))
        return steps


class ConvolutionAndLSTM:
    """sktime's LSTM-FCN in torch, 200 epochs in place of its 2000."""

    packages = ("sktime", "torch")

    def __init__(self, classifies, seed):
        self.classifies, self.seed = classifies, seed

    def fit(self, X, y):
        """Steps of every feature after each other, as sktime reads them."""
        if self.classifies:
            from sktime.classification.deep_learning.lstmfcn import LSTMFCNClassifierTorch as Model
        else:
            from sktime.regression.deep_learning.lstmfcn import LSTMFCNRegressorTorch as Model

        self.scaled = Scaled(X, y, self.classifies)
        self.model = Model(num_epochs=200, random_state=self.seed)
        target = y if self.classifies else self.scaled.target(y)
        self.model.fit(self.scaled.steps(X).swapaxes(1, 2), target)

    def predict(self, X):
        """Labels or numbers."""
        output = self.model.predict(self.scaled.steps(X).swapaxes(1, 2))
        return output if self.classifies else self.scaled.answer(output)


class Here:
    """A model of accuracy.py, which lives in the environment of sklstm."""

    def __init__(self, name, packages, classifies, seed):
        from accuracy import models

        self.packages = packages
        self.model = models(classifies)[name][0](seed)

    def fit(self, X, y):
        """As accuracy.py does."""
        self.model.fit(X, y)

    def predict(self, X):
        """Labels or numbers."""
        return self.model.predict(X)


PEERS = {
    "sklstm": partial(Here, "sklstm", ("sklstm", "torch")),
    "skorch": partial(Here, "skorch", ("skorch", "torch")),
    "ridge": partial(Here, "ridge", ("scikit-learn",)),
    "forest": partial(Here, "forest", ("scikit-learn",)),
    "keras": Keras,
    "tslearn": Warping,
    "aeon": Rocket,
    "sktime": ConvolutionAndLSTM,
}


def peak_memory():
    """Most resident memory so far, in MB."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


def version(package):
    """Of an installed package, or of a checkout that is only on the path."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return import_module(package).__version__


def main():
    """Fit, predict, report."""
    name, path, seed = sys.argv[1:]
    with np.load(path) as arrays:
        X, y, X_test = (arrays[part] for part in ("X_train", "y_train", "X_test"))
    make = partial(PEERS[name], y.dtype.kind != "f")
    # What is compiled or loaded at the first call is nobody's time to fit.
    first = np.unique(y, return_index=True)[1] if y.dtype.kind != "f" else np.arange(20)
    make(0).fit(X[first], y[first])
    model = make(int(seed))
    seconds = []
    for step in (lambda: model.fit(X, y), lambda: model.predict(X_test)):
        begin = time.process_time()
        answer = step()
        seconds.append(time.process_time() - begin)
    np.save(f"{path}.npy", np.asarray(answer))
    versions = {package: version(package) for package in model.packages}
    report = {"fit": seconds[0], "predict": seconds[1], "memory": peak_memory()}
    print(json.dumps({**report, "versions": versions}))


if __name__ == "__main__":
    main()
