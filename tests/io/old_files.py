"""Files of each protocol, and what their models predict.

Run it when the protocol is raised: it adds files of the new protocol. Those of older protocols were
written by older versions of sklstm and stay as they are.
"""

import json
from pathlib import Path

import numpy as np
from sklearn.pipeline import make_pipeline

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.io import save
from sklstm.preprocessing import SlidingWindow
from sklstm.simplify import quantize

FOLDER = Path(__file__).parent / "old_files"
X = np.sin(np.arange(72.0)).reshape(12, 3, 2)
TABLE = X.reshape(12, 6)
y = X[:, -1, 0]


def models():
    """Fitted models, by name, and what they predict from."""
    options = {"hidden_size": 2, "max_epochs": 2, "random_state": 0, "device": "cpu"}
    regressor = LSTMRegressor(**options, loss="quantile", keep_background=2)
    classifier = LSTMClassifier(**options, num_layers=2)
    window = make_pipeline(SlidingWindow(3), LSTMRegressor(**options))
    return {
        "regressor": (regressor.fit(X, y), X),
        "classifier": (quantize(classifier.fit(X, np.where(y > 0, "up", "down"))), X),
        "pipeline": (window.fit(TABLE, y), TABLE),
    }


def outputs(model, X):
    """Numbers that the model predicts."""
    return model.predict_proba(X) if hasattr(model, "classes_") else model.predict(X)


if __name__ == "__main__":
    from sklstm.io._save_load import PROTOCOL

    FOLDER.mkdir(exist_ok=True)
    predicted = {}
    for name, (model, rows) in models().items():
        save(model, FOLDER / f"{name}_{PROTOCOL}.sklstm")
        predicted[name] = outputs(model, rows).tolist()
    text = json.dumps(predicted, indent=1)
    (FOLDER / f"predictions_{PROTOCOL}.json").write_text(text + "\n")
