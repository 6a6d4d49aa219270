"""The parts of a report."""

import platform
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
from scipy.stats import spearmanr
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    mean_absolute_error,
    r2_score,
    root_mean_squared_error,
)

from .._data import flatten_steps
from ..explain import Explanation, explain_gates
from ..nn import LSTMNetwork
from ._activations import ActivationDisplay
from ._attribution import AttributionDisplay
from ._gates import GateDisplay
from ._importance import ImportanceDisplay
from ._learning_curve import LearningCurveDisplay
from ._page import Section, heading, paragraph, picture, table
from ._reading import Reading, steps_of, take

WIDE, TALL = (8.0, 3.2), (8.0, 5.0)
LIBRARIES = ("sklstm", "scikit-learn", "torch", "skorch", "shap", "numpy")
# Features and classes that have a line of their own.
LINES = 20


def _data(reading: Reading) -> Section:
    sequences, e = reading.sequences, reading.explanation
    lengths = sequences.lengths
    rows: list[tuple[str, Any]] = [
        ("rows", len(reading)),
        ("features", sequences.n_features),
    ]
    if sequences.uniform:
        rows.append(("time steps", sequences.max_length))
    else:
        low, middle, high = np.percentile(lengths, [0, 50, 100])
        rows.append(("time steps", f"{low:.0f} to {high:.0f}, half of the rows up to {middle:.0f}"))
    parts = [table(["", "X"], rows)]
    if reading.route.kind != "symbols":
        data = e.data.reshape(-1, e.data.shape[-1])
        names = ["feature" if e.data.ndim == 3 else "column", "mean", "deviation", "low", "high"]
        shown = [
            (name, *(float(f(column)) for f in (np.nanmean, np.nanstd, np.nanmin, np.nanmax)))
            for name, column in zip(e.feature_names[:LINES], data.T, strict=False)
            if np.isfinite(column).any()
        ]
        text = f"Of the {len(e)} rows that are explained below"
        more = len(e.feature_names) - LINES
        parts.append(paragraph(f"{text}; {more} more are not listed." if more > 0 else f"{text}:"))
        parts.append(table(names, shown))
    return Section("Data", [*parts, _targets(reading)])


def _targets(reading: Reading) -> str:
    """What y is like."""
    true = _flat(reading)[0]
    if true.ndim == 2 and reading.classifies:
        rows = [(f"label {i}", float(share)) for i, share in enumerate(true.mean(axis=0)[:LINES])]
        return table(["y", "share of rows"], rows)
    if reading.classifies:
        labels, counts = np.unique(true, return_counts=True)
        order = np.argsort(-counts, kind="stable")[:LINES]
        return table(["y", "number"], [(labels[i], int(counts[i])) for i in order])
    columns = true.reshape(len(true), -1).astype(np.float64).T[:LINES]
    return table(
        ["y", "mean", "deviation", "low", "high"],
        [
            (f"output {i}", *(float(f(column)) for f in (np.mean, np.std, np.min, np.max)))
            for i, column in enumerate(columns)
        ],
    )


def _flat(reading: Reading) -> tuple[Any, Any]:
    """Targets and predictions; those of time steps one after the other."""
    if reading.per_step:
        return flatten_steps(reading.y, reading.predicted, None)[:2]
    return np.asarray(reading.y), np.asarray(reading.predicted)


def _score(reading: Reading) -> Section:
    true, predicted = _flat(reading)
    if reading.classifies:
        rows = list(_scores_of_labels(true, predicted))
    else:
        rows = list(_scores_of_numbers(true.astype(np.float64), predicted.astype(np.float64)))
    text = "On all rows"
    text += ", every time step counted once." if reading.per_step else "."
    text += " The constant is the "
    text += "most frequent label" if reading.classifies else "mean of y"
    text += " in these rows, so that it is a little better than one that can be known before."
    return Section("Score", [table(["", "model", "constant"], rows), paragraph(text)])


def _scores_of_labels(true: Any, predicted: Any) -> Iterator[tuple[Any, ...]]:
    if true.ndim == 2:
        constant = np.tile(true.mean(axis=0) >= 0.5, (len(true), 1)).astype(int)
        name = "rows with all labels right"
        yield name, *(float(accuracy_score(true, guess)) for guess in (predicted, constant))
        yield "labels right", *(float(np.mean(true == guess)) for guess in (predicted, constant))
        return
    labels, counts = np.unique(true, return_counts=True)
    constant = np.full(len(true), labels[counts.argmax()])
    yield "accuracy", *(float(accuracy_score(true, guess)) for guess in (predicted, constant))
    balanced = float(balanced_accuracy_score(true, predicted))
    yield "balanced accuracy", balanced, 1 / len(labels)


def _scores_of_numbers(true: Any, predicted: Any) -> Iterator[tuple[Any, ...]]:
    constant = np.broadcast_to(true.mean(axis=0), true.shape)
    metrics = {
        "R²": r2_score,
        "root mean squared error": root_mean_squared_error,
        "mean absolute error": mean_absolute_error,
    }
    for name, metric in metrics.items():
        yield name, *(float(metric(true, guess)) for guess in (predicted, constant))


def _training(reading: Reading) -> Section:
    lstm = reading.lstm
    rows = [("epochs", lstm.n_epochs_)]
    seconds = sum(row.get("dur", 0) for row in lstm.history_)
    if seconds:
        rows.append(("seconds", f"{seconds:.1f}"))
    drawn = picture(
        lambda ax: LearningCurveDisplay.from_estimator(lstm, ax=ax), WIDE, "loss by epoch"
    )
    return Section("Training", [table(["", "fit"], rows), drawn])


def _importance(reading: Reading) -> Section:
    e = reading.explanation
    source = "rows of X itself" if reading.drawn else "the given background"
    if reading.background is None and not reading.drawn:
        source = "the training rows that the model kept"
    text = (
        f"Mean absolute Shapley value over {len(e)} rows beside {source}, by the method "
        f"{e.method!r}, in units of {e.response_method}."
    )
    if e.output_values.ndim > 1:
        text += " Means over the outputs."
    view = e.by(reading.level)
    parts = [
        heading("What the predictions are made of"),
        paragraph(text),
        picture(
            lambda ax: ImportanceDisplay.from_explanation(view, ax=ax),
            WIDE,
            "mean absolute Shapley values",
        ),
    ]
    drops = reading.permutation
    if drops is None:
        return Section("What matters", parts)
    parts += [
        heading("What the score would lose"),
        paragraph(
            "Drop of the score when the values are exchanged between rows, "
            f"{drops.importances.shape[-1]} times."
        ),
        picture(
            lambda ax: ImportanceDisplay.from_permutation(drops, ax=ax),
            WIDE,
            "drop of the score by permutation",
        ),
        paragraph(_agreement(reading)),
    ]
    return Section("What matters", parts)


def _agreement(reading: Reading) -> str:
    shapley = reading.importance.values[0]
    shapley = np.nanmean(shapley.reshape(reading.importance.n_players, -1), axis=1)
    drops = reading.permutation.importances_mean.ravel()
    if len(drops) < 3 or np.ptp(drops) == 0 or np.ptp(shapley) == 0:
        return "There are too few inputs that matter to say how far the two orders agree."
    correlation = float(spearmanr(shapley, drops).statistic)
    how = "well" if correlation >= 0.75 else "in part" if correlation > 0.4 else "hardly"
    return (
        f"The two orders agree {how}: their rank correlation is {correlation:.2f}. They answer "
        "two questions. An input that the model uses but that does not help the score is "
        "important in the first only; two inputs that stand for each other share the second."
    )


def _examples(reading: Reading) -> Section:
    e = reading.explanation
    parts = [
        paragraph(
            "Every picture shows a row and what its cells added to the output, beside the usual "
            f"output of the background. Output: {e.response_method}."
        )
    ]
    place = {int(row): i for i, row in enumerate(reading.explained)}
    for why, row in reading.examples:
        one = _one_output(reading, e[place[row]])
        parts += [
            heading(f"Row {row} ({why}): {_outcome(reading, row)}"),
            picture(
                partial(AttributionDisplay.from_explanation, one), TALL, f"attribution of row {row}"
            ),
        ]
    return Section("Examples", parts)


def _one_output(reading: Reading, e: Explanation) -> Explanation:
    """Of a row: the predicted class, or the output that differs most from the usual."""
    outputs = e.output_values[0]
    if outputs.ndim == 0:
        return e
    difference = np.abs(outputs - e.base_values[0])
    if reading.classifies and not reading.per_step:
        difference = outputs
    return e.output(*map(int, np.unravel_index(np.nanargmax(difference), outputs.shape)))


def _outcome(reading: Reading, row: int) -> str:
    if reading.per_step:
        true, predicted = steps_of(reading, row)
        if reading.classifies:
            return f"{np.mean(true == predicted):.0%} of the time steps right"
        return f"mean absolute error {reading.errors[row]:.4g}"
    pair = [_text(take(rows, np.array([row]))) for rows in (reading.y, reading.predicted)]
    text = "true {}, predicted {}".format(*pair)
    if reading.probability is None or reading.probability.ndim > 1:
        return text
    return f"{text}, probability of the true class {reading.probability[row]:.2g}"


def _text(rows: Any) -> str:
    value = np.asarray(rows)[0]
    if np.ndim(value):
        return "(" + ", ".join(_text([part]) for part in value) + ")"
    return f"{value:.4g}" if isinstance(value, float | np.floating) else f"{value}"


def _inside(reading: Reading) -> Section:
    if not isinstance(reading.lstm.net_.module_, LSTMNetwork):
        text = "The network is a module of your own, whose inside is not known."
        return Section("Inside the network", [paragraph(text)])
    row = reading.examples[len(reading.examples) // 2][1]
    bunch = explain_gates(reading.lstm, reading.read_row(row))
    half_life = bunch.half_life
    rows = []
    for layer, by_direction in enumerate(half_life):
        for direction, units in zip(("forward", "backward"), by_direction, strict=False):
            quartiles = np.percentile(units, [0, 25, 50, 75, 100], method="nearest")
            rows.append((f"layer {layer}, {direction}", *map(float, quartiles)))
    return Section(
        "Inside the network",
        [
            paragraph(
                "Half-life of the memory of the hidden units, in time steps: after so many, half "
                f"of what a unit remembers is left. Measured on row {row}."
            ),
            table(
                [
                    "",
                    "shortest",
                    "a quarter below",
                    "half below",
                    "three quarters below",
                    "longest",
                ],
                rows,
            ),
            heading(f"Gates of row {row}"),
            picture(partial(GateDisplay.from_gates, bunch), TALL, "gates by unit and time step"),
            heading(f"Hidden states of row {row}"),
            picture(
                partial(ActivationDisplay.from_gates, bunch), TALL, "hidden states by unit and step"
            ),
        ],
    )


def _quality(reading: Reading) -> Section:
    e = reading.explanation
    spread = float(np.nanstd(e.output_values))
    gap = float(np.nanmax(e.additivity_gap))
    rows: list[tuple[Any, ...]] = [
        ("method", e.method),
        ("largest additivity gap", gap),
        ("as a share of the outputs' deviation", gap / spread if spread else 0.0),
    ]
    if e.standard_error is not None:
        rows.append(("largest standard error", float(np.nanmax(e.standard_error))))
    text = (
        "The additivity gap is what the values of a row miss of its output. It says that nothing "
        "is lost, not that every value is the Shapley value: the method does."
    )
    return Section("Quality of the explanations", [table(["", ""], rows), paragraph(text)])


def _setup(reading: Reading) -> Section:
    lstm = reading.lstm
    n_weights = sum(weight.numel() for weight in lstm.net_.module_.parameters())
    versions = [("Python", platform.python_version())]
    versions += [(name, version(name)) for name in LIBRARIES]
    return Section(
        "Parameters and versions",
        [
            table(
                ["parameter", "value"], [(k, repr(v)) for k, v in lstm.get_params(False).items()]
            ),
            paragraph(f"The network has {n_weights} weights."),
            paragraph(f"The model: {' '.join(repr(reading.model).split())}"),
            table(["library", "version"], versions),
        ],
    )


SECTIONS: tuple[Callable[[Reading], Section], ...] = (
    _data,
    _score,
    _training,
    _importance,
    _examples,
    _inside,
    _quality,
    _setup,
)
