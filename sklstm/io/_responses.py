"""From the network's outputs to what the file returns: predictions, labels, probabilities."""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._graph import Graph
from ._network import ROWS, STEPS


def add_regressor_outputs(graph: Graph, outputs: str, architecture: dict[str, Any]) -> None:
    """Predictions and, where there are some, quantiles."""
    axes: list[Any] = [ROWS, STEPS] if architecture["return_sequences"] else [ROWS]
    quantiles = architecture["quantiles"]
    n_targets = architecture["n_outputs"]
    if quantiles is not None:
        n_targets //= len(quantiles)
        table = graph.add("Reshape", outputs, [*[0] * len(axes), n_targets, len(quantiles)])
        outputs = graph.add("Gather", table, quantiles.index(0.5), axis=-1)
    graph.output("variable", outputs, np.float64, [*axes, n_targets], "Predictions.")
    if quantiles is not None:
        shape = [*axes, n_targets, len(quantiles)]
        graph.output("quantiles", table, np.float64, shape, f"Quantiles {list(quantiles)}.")


def add_classifier_outputs(graph: Graph, logits: str, classifier: Any) -> None:
    """Labels, probabilities and scores, from one logit for each class, label, or two classes."""
    add = graph.add
    axes: list[Any] = [ROWS]
    if classifier.net_.module_.architecture["return_sequences"]:
        axes.append(STEPS)
    shape = [*axes, len(classifier.classes_)]
    label_kind: type = np.int64
    if classifier._multilabel:
        label_shape = score_shape = shape
        scores, probabilities = logits, _sigmoid(graph, logits)
        label = graph.cast(add("Greater", logits, 0.0), np.int64)
    else:
        labels = _exported_labels(classifier.classes_)
        label_kind, label_shape = (str if labels.dtype == object else np.int64), axes
        if len(labels) == 2:
            scores, score_shape = add("Squeeze", logits, [-1]), axes
            probabilities = _sigmoid(graph, add("Concat", add("Neg", logits), logits, axis=-1))
            code = graph.cast(add("Greater", scores, 0.0), np.int64)
        else:
            scores, score_shape = add("Sub", logits, add("ReduceMean", logits, axes=[-1])), shape
            probabilities = add("Softmax", logits, axis=-1)
            code = add("ArgMax", logits, axis=-1, keepdims=0)
        label = add("Gather", labels, code)
    graph.output("label", label, label_kind, label_shape, "Predicted labels.")
    graph.output("probabilities", probabilities, np.float64, shape, "In the order of the classes.")
    graph.output("scores", scores, np.float64, score_shape, "What decision_function returns.")


def _sigmoid(graph: Graph, logits: str) -> str:
    # ONNX Runtime's own operator is off by 4e-8 of the value at -20, and 0 at -40.
    odds_against = graph.add("Exp", graph.add("Neg", logits))
    return graph.add("Reciprocal", graph.add("Add", 1.0, odds_against))


def _exported_labels(classes: NDArray[Any]) -> NDArray[Any]:
    """Labels as ONNX has them: text, as objects, or int64."""
    if all(isinstance(label, str) for label in classes.tolist()):
        broken = [label for label in classes.tolist() if re.search("[\ud800-\udfff]", label)]
        if broken:
            raise ValueError(
                "export_onnx writes labels in UTF-8, which has no surrogates. Got the label "
                f"{broken[0]!r}. Fit on the codes of a LabelEncoder."
            )
        return classes.astype(object)
    if classes.dtype.kind in "biuf":
        labels = classes.astype(np.int64)
        if np.array_equal(labels, classes):
            return labels
    raise ValueError(
        "export_onnx writes labels that are text, whole numbers or booleans. The classes here are "
        f"of dtype {classes.dtype}: {classes[:3].tolist()!r}. Fit on the codes of a LabelEncoder."
    )
