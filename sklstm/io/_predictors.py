"""What load_onnx returns."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit, log_softmax
from sklearn.utils.metaestimators import available_if

from .._data import StepLayout, in_batches, read_known
from ._description import Description, read_classes

FloatArray = NDArray[np.float64]

# Time steps of a batch: many enough to be fast, few enough to stay in the cache. Of long sequences
# at least some rows: one alone takes as many passes through the weights as four.
BATCH_STEPS, BATCH_ROWS = 4096, 4


class _OnnxPredictor:
    """Reads X as the estimator does, runs the graph, and returns what the estimator returns.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
    description : dict
        As of ``describe``.
    """

    n_timesteps: int | None
    n_features_in_: int
    n_sequence_features_: int
    n_timesteps_in_: int | None
    _n_columns: int | None

    def __init__(self, session: Any, description: Description) -> None:
        self._session = session
        self._codes = description["codes"]
        self._return_sequences = description["return_sequences"]
        names = ("n_timesteps", "n_features_in_", "n_sequence_features_", "n_timesteps_in_")
        for name in (*names, "_n_columns"):
            setattr(self, name, description[name])
        if description["feature_names_in_"] is not None:
            self.feature_names_in_ = np.array(description["feature_names_in_"], dtype=object)

    def _run(
        self,
        X: Any,
        output: str,
        decode: Callable[[NDArray[Any]], NDArray[Any]],
        missing: Any = np.nan,
    ) -> Any:
        """One output of the graph, decoded; ``missing`` stands at padded steps."""
        sequences = read_known(X, self, codes=self._codes)

        def compute(rows: Any) -> NDArray[Any]:
            x = sequences.take(rows)
            x = x[:, :, 0].astype(np.int64) if self._codes else np.asarray(x, np.float64, order="C")
            return self._session.run([output], {"X": x, "lengths": sequences.lengths[rows]})[0]

        size = max(BATCH_ROWS, BATCH_STEPS // sequences.max_length)
        decoded = decode(in_batches(sequences, size, compute, per_step=self._return_sequences))
        if not self._return_sequences:
            return decoded
        return StepLayout.of(sequences).restore(decoded, missing)


def _has_quantiles(regressor: Any) -> bool:
    return regressor.quantiles is not None


class OnnxRegressor(_OnnxPredictor):
    """Predicts as the ``LSTMRegressor`` that was exported; see its methods.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
    description : dict
    """

    def __init__(self, session: Any, description: Description) -> None:
        super().__init__(session, description)
        self._single_output = description["single_output"]
        quantiles = description["quantiles"]
        self.quantiles = None if quantiles is None else tuple(quantiles)

    def predict(self, X: Any) -> Any:
        """Predict the targets."""
        return self._run(X, "variable", lambda y: y[..., 0] if self._single_output else y)

    @available_if(_has_quantiles)
    def predict_quantiles(self, X: Any) -> Any:
        """Predict the quantiles of the targets."""
        return self._run(X, "quantiles", lambda q: q[..., 0, :] if self._single_output else q)


class OnnxClassifier(_OnnxPredictor):
    """Predicts as the ``LSTMClassifier`` that was exported; see its methods.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
    description : dict
    """

    def __init__(self, session: Any, description: Description) -> None:
        super().__init__(session, description)
        self.classes_ = read_classes(description)
        self._multilabel = description["multilabel"]

    def predict(self, X: Any) -> Any:
        """Predict the labels, of the type of ``classes_``."""
        return self._run(X, "label", lambda y: y.astype(self.classes_.dtype), missing=None)

    def predict_proba(self, X: Any) -> Any:
        """Predict the probability of each class."""
        return self._run(X, "probabilities", lambda p: p)

    def predict_log_proba(self, X: Any) -> Any:
        """Predict the logarithm of the probability of each class."""
        return self._run(X, "scores", self._log_probabilities)

    def decision_function(self, X: Any) -> Any:
        """Logits."""
        return self._run(X, "scores", lambda scores: scores)

    def _log_probabilities(self, scores: FloatArray) -> FloatArray:
        if self._multilabel:
            return log_expit(scores)
        if len(self.classes_) == 2:
            return np.stack([log_expit(-scores), log_expit(scores)], axis=-1)
        return log_softmax(scores, axis=-1)
