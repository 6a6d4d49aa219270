"""What load_onnx returns."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit, log_softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.metaestimators import available_if

from .._data import StepLayout, flatten_steps, in_batches, read_known
from .._utils._extras import load_extra
from ._description import Description, from_metadata, read_classes

FloatArray = NDArray[np.float64]

# Time steps of a batch: many enough to be fast, few enough to stay in the cache. Of long sequences
# at least some rows: one alone takes as many passes through the weights as four.
BATCH_STEPS, BATCH_ROWS = 4096, 4


def read_predictor(content: bytes, name: str) -> "OnnxRegressor | OnnxClassifier":
    """The predictor of a file.

    Parameters
    ----------
    content : bytes
        Of the file.
    name : str
        Of the file, for messages.

    Raises
    ------
    ValueError
        Where the file is no ONNX file, or not one that ``export_onnx`` wrote.
    """
    runtime = load_extra("onnxruntime", "load_onnx", "onnx")
    options = runtime.SessionOptions()
    # More threads wait for each other by spinning, and cost a single row more than they give.
    options.intra_op_num_threads = 1
    try:
        session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a class for each cause, and no common one
        raise ValueError(f"onnxruntime cannot read {name} as an ONNX file: {error}") from error
    description = from_metadata(session.get_modelmeta().custom_metadata_map, name)
    predictor = OnnxClassifier() if description["kind"] == "classifier" else OnnxRegressor()
    predictor._content, predictor._session = content, session
    predictor._take(description)
    return predictor


class _OnnxPredictor(BaseEstimator):
    """Reads X as the estimator does, runs the graph, and returns what the estimator returns.

    To scikit-learn it is a fitted estimator without parameters.
    """

    _content: bytes
    _session: Any
    _of_columns: bool
    _codes: bool
    _return_sequences: bool

    n_timesteps: int | None
    n_features_in_: int
    n_sequence_features_: int
    n_timesteps_in_: int | None
    _n_columns: int | None

    def __getstate__(self) -> dict[str, Any]:
        # What set_score_request has asked for is all that is not in the file.
        return {"content": self._content, "requests": vars(self).get("_metadata_request")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(vars(read_predictor(state["content"], "a pickle")))
        if state["requests"] is not None:
            self._metadata_request = state["requests"]

    def __sklearn_clone__(self) -> Self:
        return self  # without the file there would be nothing

    def fit(self, X: Any, y: Any = None) -> None:
        """Refused: the file has what predicts, and not what trains."""
        raise NotImplementedError(
            f"{type(self).__name__} comes from an ONNX file and only predicts. Fit the LSTM, and "
            "export it again. Where scikit-learn would fit it, wrap it in its FrozenEstimator."
        )

    def _take(self, description: Description) -> None:
        """Fill the attributes in from what ``describe`` wrote."""
        self._of_columns = description["of_columns"]
        self._codes = description["codes"]
        self._return_sequences = description["return_sequences"]
        names = ("n_timesteps", "n_features_in_", "n_sequence_features_", "n_timesteps_in_")
        for name in (*names, "_n_columns"):
            setattr(self, name, description[name])
        if description["feature_names_in_"] is not None:
            self.feature_names_in_ = np.array(description["feature_names_in_"], dtype=object)

    def _score(self, metric: Callable[..., float], X: Any, y: Any, sample_weight: Any) -> float:
        y_pred = self.predict(X)
        if self._return_sequences:
            y, y_pred, sample_weight = flatten_steps(y, y_pred, sample_weight)
        return metric(y, y_pred, sample_weight=sample_weight)

    def _run(
        self,
        X: Any,
        output: str,
        decode: Callable[[NDArray[Any]], NDArray[Any]],
        missing: Any = np.nan,
    ) -> Any:
        """One output of the graph, decoded; ``missing`` stands at padded steps."""
        sequences = read_known(X, self, codes=self._codes)
        if self._of_columns and sequences.layout != "table":
            raise ValueError(
                "X must be 2-D (n, n_columns): the step in front of the LSTM scales the columns of "
                "a table."
            )

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


class OnnxRegressor(RegressorMixin, _OnnxPredictor):
    """Predicts as the ``LSTMRegressor`` that was exported; see its methods."""

    def _take(self, description: Description) -> None:
        super()._take(description)
        self._single_output = description["single_output"]
        quantiles = description["quantiles"]
        self.quantiles = None if quantiles is None else tuple(quantiles)

    def predict(self, X: Any) -> Any:
        """Predict the targets."""
        return self._run(X, "variable", lambda y: y[..., 0] if self._single_output else y)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R² of the predictions; of all real time steps where there are several."""
        return self._score(r2_score, X, y, sample_weight)

    @available_if(_has_quantiles)
    def predict_quantiles(self, X: Any) -> Any:
        """Predict the quantiles of the targets."""
        return self._run(X, "quantiles", lambda q: q[..., 0, :] if self._single_output else q)


class OnnxClassifier(ClassifierMixin, _OnnxPredictor):
    """Predicts as the ``LSTMClassifier`` that was exported; see its methods."""

    def _take(self, description: Description) -> None:
        super()._take(description)
        self.classes_ = read_classes(description)
        self._multilabel = description["multilabel"]

    def predict(self, X: Any) -> Any:
        """Predict the labels, of the type of ``classes_``."""
        return self._run(X, "label", lambda y: y.astype(self.classes_.dtype), missing=None)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Accuracy of the predictions; of all real time steps where there are several."""
        return self._score(accuracy_score, X, y, sample_weight)

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
