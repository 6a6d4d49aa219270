"""load_onnx."""

import os

from .._utils._files import in_full
from ._predictors import OnnxClassifier, OnnxRegressor, read_predictor


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
        ``n_sequence_features_``, ``n_timesteps_in_``, ``feature_names_in_``; and ``score``, R² or
        accuracy. scikit-learn takes it for a fitted estimator whose ``fit`` is an error: scorers,
        displays and ``permutation_importance`` work. A pickle of it holds the file. It computes on
        one thread; calls from several threads run side by side.

    Raises
    ------
    ValueError
        Where the file is no ONNX file, or not one that ``export_onnx`` wrote.
    TypeError
        Where ``path`` is no path.
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
    path = in_full(path)
    return read_predictor(path.read_bytes(), str(path))
