"""export_onnx."""

import os
from typing import Any

from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from .._training import pack_net
from .._utils._extras import load_extra
from .._utils._files import replacing
from .._version import __version__
from ..explain._composition import check_model
from ..explain._pipelines import is_lstm
from ._description import describe, to_metadata
from ._front import operations_of, steps_of
from ._graph import Graph
from ._network import NetworkGraph
from ._responses import add_classifier_outputs, add_regressor_outputs


def export_onnx(model: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted LSTM as an ONNX file, which predicts without torch.

    The file holds all of ``predict``: the standardisation of the inputs, the network, the units of
    the targets or the probabilities and labels. ``load_onnx`` reads it back as a predictor with
    the methods of the estimator; any ONNX runtime, in any language, reads it as it is.

    Parameters
    ----------
    model : fitted LSTMRegressor or LSTMClassifier
        Or a search that has found one, or a Pipeline whose other steps are scalers
        (StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler), alone or in a SequenceWise. Of
        what `quantize` returns the integers are written: with 64 units the file has a third of the
        size.
    path : str or path-like
        A file there is replaced when the new one is complete, as `save` does it. A
        leading ``~`` is your home folder.

    Raises
    ------
    ValueError
        Where ``model`` is or holds something else, or is not fitted; where it has a ``module`` of
        its own; where its classes are neither text nor whole numbers or booleans.
    TypeError
        Where ``path`` is no path.
    ImportError
        Where onnx is missing: ``pip install 'sklstm[onnx]'``.

    See Also
    --------
    load_onnx : Predict from such a file.

    Notes
    -----
    The graph (operator set 17, standard operators alone) has two inputs:

    * ``X``: float64 of shape (n, n_timesteps, n_features); of an estimator with ``embedding_size``
      int64 codes of shape (n, n_timesteps). n and n_timesteps are free in every call; behind a
      scaler of the columns of a table n_timesteps is that of the table.
    * ``lengths``: int64 of shape (n,), from 1 to n_timesteps. What follows the first ``lengths[i]``
      steps of sequence i is ignored; it must be finite.

    The outputs are named as skl2onnx names them, numbers are float64:

    * of a regressor ``variable``, shape (n, n_targets), and with ``loss="quantile"`` ``quantiles``,
      shape (n, n_targets, n_quantiles);
    * of a classifier ``label``, int64 or text of shape (n,), ``probabilities``, shape (n,
      n_classes), and ``scores``, what ``decision_function`` returns; of multilabel y ``label``
      holds 0 and 1 in shape (n, n_labels).

    With ``return_sequences=True`` all outputs have the axis of the time steps after the first; what
    stands at padded steps means nothing.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from pathlib import Path
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.io import export_onnx, load_onnx
    >>> X = np.random.default_rng(0).normal(size=(50, 8, 2))
    >>> model = LSTMRegressor(hidden_size=8, max_epochs=2, random_state=0).fit(X, X[:, -1, 0])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export_onnx(model, Path(folder) / "model.onnx")
    ...     shipped = load_onnx(Path(folder) / "model.onnx")
    >>> bool(np.allclose(shipped.predict(X), model.predict(X), rtol=0, atol=1e-5))
    True
    """
    onnx = load_extra("onnx", "export_onnx", "onnx")
    check_model(model)
    steps = steps_of(model)
    (_, first), (_, estimator) = steps[0], steps[-1]
    _check_lstm(estimator)
    front = operations_of(steps[:-1], estimator, model)
    packed = pack_net(estimator.net_)
    graph = Graph(onnx)
    network = NetworkGraph(graph, packed["architecture"], packed["weights"], front)
    if is_classifier(estimator):
        add_classifier_outputs(graph, network.outputs(), estimator)
    else:
        add_regressor_outputs(graph, network.outputs(), packed["architecture"])
    of_columns = any(operand.ndim == 2 for _, operand in front)
    metadata = to_metadata(describe(estimator, first, of_columns))
    exported = graph.model(type(estimator).__name__, ("sklstm", __version__), metadata)
    with replacing(path) as file:
        file.write(exported.SerializeToString(deterministic=True))


def _check_lstm(model: Any) -> None:
    name = type(model).__name__
    if not is_lstm(model):
        raise ValueError(
            "The 'model' parameter of export_onnx must be a fitted LSTMRegressor or "
            f"LSTMClassifier. Got an instance of {name!r} instead."
        )
    check_is_fitted(model)
    if "module" in model.net_.module_.architecture:
        raise ValueError(
            f"export_onnx writes the built-in network, and this {name} has a module of its own "
            "(module=). Keep it with save or joblib."
        )
