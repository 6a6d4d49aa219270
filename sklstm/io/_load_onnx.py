"""load_onnx."""

import os

from .._utils._extras import load_extra
from .._utils._files import in_full
from ._description import from_metadata
from ._predictors import OnnxClassifier, OnnxRegressor


def load_onnx(path: str | os.PathLike[str]) -> "OnnxRegressor | OnnxClassifier":
    """A predictor from a file of ``export_onnx``, without torch.

    It needs NumPy, SciPy, scikit-learn and onnxruntime, reads X as the estimator did, in every
    layout, with the same checks, and predicts the same up to float32 rounding.

    Parameters
    ----------
    path : str or path-like
        A leading ``~`` is your home folder.

    Returns
    -------
    OnnxRegressor or OnnxClassifier
        With the methods and the fitted attributes of the estimator that are about prediction:
        ``predict``; ``predict_quantiles`` of a fit with ``loss="quantile"``; ``predict_proba``,
        ``predict_log_proba``, ``decision_function`` and ``classes_``; ``n_features_in_``,
        ``n_sequence_features_``, ``n_timesteps_in_``, ``feature_names_in_``. It computes on one
        thread; calls from several threads run side by side.

    Raises
    ------
    ValueError
        Where the file is no ONNX file, or not one that ``export_onnx`` wrote.
    OSError
        Where it cannot be read.
    ImportError
        Where onnxruntime is missing: ``pip install 'sklstm[onnx]'``.

    See Also
    --------
    export_onnx : Writes the file.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.datasets import load_japanese_vowels
    >>> from sklstm.io import export_onnx, load_onnx
    >>> X, y = load_japanese_vowels(return_X_y=True)
    >>> model = LSTMClassifier(hidden_size=8, max_epochs=2, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export_onnx(model, Path(folder) / "vowels.onnx")
    ...     shipped = load_onnx(Path(folder) / "vowels.onnx")
    >>> bool((shipped.predict(X) == model.predict(X)).all())
    True
    """
    runtime = load_extra("onnxruntime", "load_onnx", "onnx")
    content = in_full(path).read_bytes()
    options = runtime.SessionOptions()
    # More threads wait for each other by spinning, and cost a single row more than they give.
    options.intra_op_num_threads = 1
    try:
        session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a class for each cause, and no common one
        raise ValueError(f"onnxruntime cannot read {path} as an ONNX file: {error}") from error
    description = from_metadata(session.get_modelmeta().custom_metadata_map, path)
    kind = OnnxClassifier if description["kind"] == "classifier" else OnnxRegressor
    return kind(session, description)
