"""What an ONNX file says about the estimator that it was made of, beside the graph."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import is_classifier

from .._version import __version__

Description = dict[str, Any]

# The key in the metadata of the file.
KEY = "sklstm"
# Raised when an older ``load_onnx`` would read a new file wrongly. Files of all protocols stay
# readable: fill in here what an old description lacks.
PROTOCOL = 1


def describe(estimator: Any, first: Any, of_columns: bool) -> Description:
    """Everything that ``load_onnx`` needs to know, as JSON can hold it.

    Parameters
    ----------
    estimator : fitted LSTM
    first : estimator or fitted transformer
        What X goes into.
    of_columns : bool
        Whether each column of X, which is a table, is treated in its own way.
    """
    network = estimator.net_.module_
    names = getattr(first, "feature_names_in_", None)
    description = {
        "protocol": PROTOCOL,
        "version": __version__,
        "n_timesteps": None if estimator.n_timesteps is None else int(estimator.n_timesteps),
        "n_features_in_": estimator.n_features_in_,
        "n_sequence_features_": estimator.n_sequence_features_,
        "n_timesteps_in_": estimator.n_timesteps_in_,
        "_n_columns": estimator._n_columns,
        "feature_names_in_": None if names is None else [str(name) for name in names],
        "of_columns": of_columns,
        "codes": network.embedding is not None,
        "return_sequences": network.architecture["return_sequences"],
    }
    if is_classifier(estimator):
        classes = estimator.classes_
        labels = {
            "classes": classes.tolist(),
            "classes_dtype": classes.dtype.str,
            "multilabel": estimator._multilabel,
        }
        return {**description, "kind": "classifier", **labels}
    outputs = {
        "single_output": estimator._single_output,
        "quantiles": network.architecture["quantiles"],
    }
    return {**description, "kind": "regressor", **outputs}


def to_metadata(description: Description) -> dict[str, str]:
    """As entries of the metadata of an ONNX file."""
    return {KEY: json.dumps(description)}


def from_metadata(metadata: Mapping[str, str], path: Any) -> Description:
    """Back from these entries.

    Raises
    ------
    ValueError
        Where ``export_onnx`` did not write them, or a newer version did.
    """
    try:
        description = json.loads(metadata[KEY])
        protocol = description["protocol"]
        newer = protocol > PROTOCOL
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} was not written by sklstm.io.export_onnx.") from error
    if newer:
        raise ValueError(
            f"{path} was written by sklstm {description.get('version')}, with protocol {protocol} "
            f"of its ONNX files. This is sklstm {__version__}, which reads protocols up to "
            f"{PROTOCOL}. Update it."
        )
    return {"of_columns": False, **description}


def read_classes(description: Description) -> Any:
    """The class labels, of the type that the estimator had."""
    return np.array(description["classes"], dtype=np.dtype(description["classes_dtype"]))
