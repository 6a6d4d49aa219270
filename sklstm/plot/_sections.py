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
    mean_absolute_error,
    r2_score,
    recall_score,
    root_mean_squared_error,
)

from .._version import __version__
from ..explain import explain_gates
from ..nn import LSTMNetwork
from ._activations import ActivationDisplay
from ._attribution import AttributionDisplay
from ._gates import GateDisplay, layer_name
from ._importance import ImportanceDisplay
from ._learning_curve import LearningCurveDisplay
from ._page import Section, heading, paragraph, picture, table
from ._reading import Reading, steps_of, take
from ._rows import symbols_of_pipeline

WIDE, TALL = (8.0, 3.2), (8.0, 5.0)
LIBRARIES = ("scikit-learn", "torch", "skorch", "shap", "numpy")
# Features and classes that have a line of their own.
LINES = 20
MOMENTS = ("mean", "standard deviation", "lowest", "highest")


def _data(reading: Reading) -> Section:
    sequences, e = reading.sequences, reading.explanation
    rows: list[tuple[str, Any]] = [
        ("rows", len(reading)),
        ("features", sequences.n_features),
    ]
    if sequences.uniform:
        rows.append(("time steps", sequences.max_length))
    else:
        low, middle, high = np.percentile(sequences.lengths, [0, 50, 100])
        rows.append(("time steps", f"{low:.0f} to {high:.0f}, median {middle:.0f}"))
    parts = [table(["", "X"], rows)]
    if reading.counts_something:
        data = e.data.reshape(-1, e.data.shape[-1])
        name = "feature" if e.data.ndim == 3 else "column"
        shown = [
            (name, *_moments(column[np.isfinite(column)]))
            for name, column in zip(e.feature_names[:LINES], data.T, strict=False)
            if np.isfinite(column).any()
        ]
        text = f"Of the {len(e)} rows that are explained below"
        more = len(e.feature_names) - LINES
        parts.append(paragraph(f"{text}; {more} more are not listed." if more > 0 else f"{text}:"))
        parts.append(table([name, *MOMENTS], shown))
    return Section("Data", [*parts, _targets(reading)])


def _moments(values: Any) -> list[float]:
    return [float(f(values)) for f in (np.mean, np.std, np.min, np.max)]


def _targets(reading: Reading) -> str:
    """What y is like."""
    true = reading.flat[0]
    if true.ndim == 2 and reading.classifies:
        shares = [(f"label {i}", float(share)) for i, share in enumerate(true.mean(axis=0)[:LINES])]
        return table(["y", "share of rows"], shares)
    if reading.classifies:
        labels, counts = np.unique(true, return_counts=True)
        order = np.argsort(-counts, kind="stable")[:LINES]
        return table(["y", "number"], [(labels[i], int(counts[i])) for i in order])
    columns = true.reshape(len(true), -1).astype(np.float64).T
    names = [f"output {i}" for i in range(len(columns))] if len(columns) > 1 else ["y"]
    rows = [(name, *_moments(column)) for name, column in zip(names, columns, strict=True)]
    return table(["", *MOMENTS], rows[:LINES])


def _score(reading: Reading) -> Section:
    constant = "mean of y"
    if reading.classifies:
        several = reading.flat[0].ndim > 1
        constant = "most frequent value of each label" if several else "most frequent label"
    steps = ", every time step counted once" if reading.per_step else ""
    text = (
        f"Measured on all rows{steps}. The constant is a model that knows nothing of X: its answer "
        f"is always the {constant} of these rows."
    )
    return Section("Score", [table(["", "model", "constant"], _scores(reading)), paragraph(text)])


def _scores(reading: Reading) -> Iterator[tuple[Any, ...]]:
    """Names of scores, those of the model and those of a constant; the model's own one first."""
    true, predicted = reading.flat
    if not reading.classifies:
        true, predicted = true.astype(np.float64), predicted.astype(np.float64)
        constant = np.broadcast_to(true.mean(axis=0), true.shape)
        metrics = {
            "R², the share of the variance of y that is predicted": r2_score,
            "root mean squared error": root_mean_squared_error,
            "mean absolute error": mean_absolute_error,
        }
        for name, metric in metrics.items():
            yield name, *(float(metric(true, guess)) for guess in (predicted, constant))
    elif true.ndim == 2:
        constant = np.tile(true.mean(axis=0) >= 0.5, (len(true), 1)).astype(int)
        name = "share of rows with all labels right"
        yield name, *(float(accuracy_score(true, guess)) for guess in (predicted, constant))
        name = "share of labels that are right"
        yield name, *(float(np.mean(true == guess)) for guess in (predicted, constant))
    else:
        labels, counts = np.unique(true, return_counts=True)
        constant = np.full(len(true), labels[counts.argmax()])
        guesses = predicted, constant
        name = "accuracy, the share that is right"
        yield name, *(float(accuracy_score(true, guess)) for guess in guesses)
        name = "balanced accuracy, its mean over the labels"
        each = {"labels": labels, "average": "macro", "zero_division": 0}
        yield name, *(float(recall_score(true, guess, **each)) for guess in guesses)


def _training(reading: Reading) -> Section:
    lstm = reading.lstm
    rows = [("epochs", lstm.n_epochs_)]
    seconds = sum(row.get("dur", 0) for row in lstm.history_)
    if seconds:
        rows.append(("seconds", f"{seconds:.1f}"))
    text = "An epoch is one pass over the training rows. Training makes the loss small."
    drawn = picture(
        lambda ax: LearningCurveDisplay.from_estimator(lstm, ax=ax), WIDE, "loss by epoch"
    )
    return Section("Training", [table(["", "fit"], rows), paragraph(text), drawn])


def _output(reading: Reading) -> str:
    """What is explained, in words."""
    e = reading.explanation
    if e.response_method == "predict":
        return "the prediction"
    name = f"the score of a class ({e.response_method}): the higher, the more probable the class"
    if e.output_values.ndim == 1 and e.output_names:
        return f"the score of the class {e.output_names[0]} (above 0 it is predicted)"
    return name


def _importance(reading: Reading) -> Section:
    e = reading.explanation
    source = "rows of X itself" if reading.drawn else "the given background"
    if reading.background is None and not reading.drawn:
        source = "training rows that the model kept"
    text = (
        f"Explained is {_output(reading)}. What it differs by from a usual output, which is the "
        f"mean over {source}, is split into what each input added to it, in the manner of Shapley "
        f"values (method {e.method!r}). Shown is the mean size of these parts over {len(e)} rows"
    )
    text += " and all outputs." if e.output_values.ndim > 1 else "."
    if len(e) > 1:
        text += " Lines at the ends of bars are standard errors: what other rows would change."
    view = e.by(reading.level)
    parts = [
        heading("What the predictions are made of"),
        paragraph(text),
        picture(
            lambda ax: ImportanceDisplay.from_explanation(view, ax=ax),
            WIDE,
            "mean size of what each input added",
        ),
    ]
    drops = reading.permutation
    if drops is None:
        return Section("What matters", parts)
    name = "its score in the search" if reading.searched else next(_scores(reading))[0]
    parts += [
        heading("What the score would lose"),
        paragraph(
            f"How much the model loses ({name}) when the values of an input are exchanged between "
            f"rows at random, {drops.importances.shape[-1]} times. Below 0 it gains."
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
    limits = {0.75: "agree well", 0.4: "agree in part", -0.4: "hardly agree", -2.0: "disagree"}
    how = next(words for limit, words in limits.items() if correlation >= limit)
    return (
        f"The two orders {how}: their rank correlation is {correlation:.2f}. They answer two "
        "questions. An input may move the predictions without making them better; and of two "
        "inputs that say the same, either can be exchanged at little loss."
    )


def _examples(reading: Reading) -> Section:
    e, symbols = reading.explanation, symbols_of_pipeline(reading.model, reading.X)
    place = {int(row): i for i, row in enumerate(reading.explained)}
    parts = [paragraph(_about_examples(reading, symbols is not None))]
    for why, row in reading.examples:
        draw = partial(
            AttributionDisplay.from_explanation, e, place[row], symbols=symbols, kind="auto"
        )
        parts += [
            heading(f"Row {row} ({why}): {_outcome(reading, row)}"),
            picture(draw, TALL, f"attribution of row {row}"),
        ]
    return Section("Examples", parts)


def _about_examples(reading: Reading, of_symbols: bool) -> str:
    text = (
        "Rows count from 0. The line on top of a picture says: output = usual output + all that "
        "the row added to it."
    )
    if of_symbols:
        text += " Symbols that raised the output point up or to the right, the others down or left."
    else:
        text += " Red has raised the output, blue has lowered it."
    text += f" The output is {_output(reading)}."
    shown = []
    if reading.explanation.output_values.ndim > 1 + reading.per_step:
        shown.append("the class with the highest score" if reading.classifies else "the first one")
    if reading.per_step:
        shown.append("the last time step")
    if shown:
        text += f" Of several, that of {' at '.join(shown)} is shown."
    if len(reading.examples) < 5:
        return text
    n = len(reading.explainable)
    return (
        f"{text} Best and worst are the rows with the smallest and the largest error of "
        f"{'the last ' if n < len(reading) and reading.route.windowed else ''}{n} rows, typical "
        "those around the median."
    )


def _outcome(reading: Reading, row: int) -> str:
    if reading.per_step:
        true, predicted = steps_of(reading, row)
        if reading.classifies:
            return f"{np.mean(true == predicted):.0%} of the time steps right"
        return f"mean absolute error {reading.errors[row]:.4g}"
    text = f"true {_text(reading.true[row])}, predicted {_text(reading.predicted[row])}"
    if reading.probability is None or reading.probability.ndim > 1:
        return text
    return f"{text}, probability of the true class {reading.probability[row]:.2g}"


def _text(value: Any) -> str:
    if np.ndim(value):
        return "(" + ", ".join(map(_text, value)) + ")"
    return f"{value:.4g}" if isinstance(value, float | np.floating) else f"{value}"


def _inside(reading: Reading) -> Section:
    title = "Inside the network"
    if not isinstance(reading.lstm.net_.module_, LSTMNetwork):
        text = "The network is a module of your own, whose inside is not known."
        return Section(title, [paragraph(text)])
    row = reading.examples[len(reading.examples) // 2][1]
    bunch = explain_gates(reading.lstm, take(reading.read, np.array([row])))
    parts = []
    # At a single time step there is no memory yet.
    if not np.isnan(bunch.half_life).any():
        text = (
            "A network of this kind has hidden units, which remember. The half-life of a unit is "
            "the number of time steps after which half of what it remembers is left. Measured on "
            f"row {row}, the quartiles over the units:"
        )
        names = ["", "shortest", "first quartile", "median", "third quartile", "longest"]
        parts += [paragraph(text), table(names, _half_lives(bunch.half_life))]
    return Section(
        title,
        [
            *parts,
            heading(f"Gates of row {row}"),
            paragraph(
                f"Of every hidden unit of {layer_name(0, 0, bunch.half_life.shape[1])}, at every "
                "time step. 1 is open, 0 is closed. The forget gate keeps what is remembered, the "
                "input gate adds the candidate to it, the output gate shows it to the rest of the "
                "network."
            ),
            picture(partial(GateDisplay.from_gates, bunch), TALL, "gates by unit and time step"),
            heading(f"Hidden states of row {row}"),
            paragraph("What every unit shows."),
            picture(
                partial(ActivationDisplay.from_gates, bunch), TALL, "hidden states by unit and step"
            ),
        ],
    )


def _half_lives(half_life: Any) -> Iterator[tuple[Any, ...]]:
    for layer, by_direction in enumerate(half_life):
        for direction, units in enumerate(by_direction):
            quartiles = np.percentile(units, [0, 25, 50, 75, 100], method="nearest")
            yield layer_name(layer, direction, len(by_direction)), *map(float, quartiles)


def _quality(reading: Reading) -> Section:
    e = reading.explanation
    spread = float(np.nanstd(e.output_values))
    gap = float(np.nanmax(e.additivity_gap))
    rows: list[tuple[Any, ...]] = [("method", e.method), ("largest gap", gap)]
    if spread:
        rows.append(("as a share of the outputs' standard deviation", gap / spread))
    if e.standard_error is not None:
        rows.append(("largest standard error of a value", float(np.nanmax(e.standard_error))))
    text = (
        "The gap is what the usual output and all that was added miss of the output. A small one "
        "says that nothing is lost. How near each part is to its Shapley value depends on the "
        "method."
    )
    return Section("Quality of the explanations", [table(["", ""], rows), paragraph(text)])


def _setup(reading: Reading) -> Section:
    lstm = reading.lstm
    n_weights = sum(weight.numel() for weight in lstm.net_.module_.parameters())
    versions = [("Python", platform.python_version()), ("sklstm", __version__)]
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
