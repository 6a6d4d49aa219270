"""How many of scikit-learn's checks the estimators of one library pass, as lines of JSON.

evidence.py runs this file with the interpreter of the library's environment:
``python _conformity.py LIBRARY``.
"""

import json
import os
import sys
import warnings
from collections import Counter

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["KERAS_BACKEND"] = "torch"
os.environ["SCIPY_ARRAY_API"] = "1"  # without it scikit-learn leaves checks out

from sklearn.utils.estimator_checks import check_estimator


def findable(thing):
    """Let pickle find a class or function that is written inside another."""
    thing.__module__, thing.__qualname__ = __name__, thing.__name__
    globals()[thing.__name__] = thing


def sklstm():
    """Both, at their defaults."""
    from sklstm import LSTMClassifier, LSTMRegressor

    return [LSTMRegressor(), LSTMClassifier()]


def skorch():
    """An LSTM over the columns of a row."""
    import torch
    from skorch import NeuralNetClassifier, NeuralNetRegressor

    class Network(torch.nn.Module):
        def __init__(self, n_outputs=1):
            super().__init__()
            self.lstm = torch.nn.LSTM(1, 16, batch_first=True)
            self.head = torch.nn.Linear(16, n_outputs)

        def forward(self, x):
            return self.head(self.lstm(x.float()[..., None])[0][:, -1])

    findable(Network)
    options = {"verbose": 0, "train_split": None}
    classifier = NeuralNetClassifier(
        Network, module__n_outputs=3, criterion=torch.nn.CrossEntropyLoss, **options
    )
    return [NeuralNetRegressor(Network, **options), classifier]


def scikeras():
    """An LSTM over the columns of a row, built when the shapes are known."""
    import keras
    from scikeras.wrappers import KerasClassifier, KerasRegressor

    def network(meta, n_outputs, activation):
        layers = [
            keras.layers.Input((meta["n_features_in_"],)),
            keras.layers.Reshape((meta["n_features_in_"], 1)),
            keras.layers.LSTM(16),
            keras.layers.Dense(n_outputs, activation),
        ]
        return keras.Sequential(layers)

    def regression(meta):
        return network(meta, meta["n_outputs_"], None)

    def classification(meta):
        return network(meta, meta["n_classes_"], "softmax")

    findable(regression)
    findable(classification)
    options = {"verbose": 0, "optimizer": "adam"}
    return [
        KerasRegressor(regression, loss="mse", **options),
        KerasClassifier(classification, loss="sparse_categorical_crossentropy", **options),
    ]


def tslearn():
    """Nearest neighbours by dynamic time warping."""
    from tslearn.neighbors import KNeighborsTimeSeriesClassifier, KNeighborsTimeSeriesRegressor

    return [KNeighborsTimeSeriesRegressor(), KNeighborsTimeSeriesClassifier()]


def aeon():
    """Nearest neighbours by dynamic time warping, which take the short rows of the checks."""
    from aeon.classification.distance_based import KNeighborsTimeSeriesClassifier
    from aeon.regression.distance_based import KNeighborsTimeSeriesRegressor

    return [KNeighborsTimeSeriesRegressor(), KNeighborsTimeSeriesClassifier()]


def sktime():
    """LSTM-FCN."""
    from sktime.classification.deep_learning.lstmfcn import LSTMFCNClassifierTorch
    from sktime.regression.deep_learning.lstmfcn import LSTMFCNRegressorTorch

    return [LSTMFCNRegressorTorch(num_epochs=1), LSTMFCNClassifierTorch(num_epochs=1)]


LIBRARIES = {
    library.__name__: library for library in (sklstm, skorch, scikeras, tslearn, aeon, sktime)
}


def main():
    """One line for each estimator."""
    warnings.simplefilter("ignore")
    for estimator in LIBRARIES[sys.argv[1]]():
        report = {"estimator": type(estimator).__name__}
        try:
            results = check_estimator(estimator, on_skip=None, on_fail=None)
        except Exception as error:  # the checks do not start
            report["error"] = type(error).__name__
        else:
            report |= Counter(result["status"] for result in results)
        print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main()
