"""Any model as a whole: rows that are part X, part background, go through its steps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import is_classifier
from torch import Tensor
from tqdm import tqdm

from .._attribution._coalitions import exact
from ._hybrids import Rows
from ._kernels import Work
from ._levels import Level
from ._peers import SHAP_METHODS, shap_kernel
from ._pipelines import Route, is_lstm
from ._responses import Response, check_class_of_two, outputs_named, read_response
from ._rows import PATIENCE, Attributed, moments_of
from ._sampling import sampled
from ._workers import in_order, task_of

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

METHODS = ("exact", "permutation", "kernel", "partition")
# Players up to which "auto" is "exact", and up to which "exact" is allowed.
FEW_PLAYERS = 10
MAX_PLAYERS = 16
# Rows of a call of the model, and explained rows between two steps of the progress bar.
CALL_ROWS = 4096
CHUNK_ROWS = 16
# Rounds of permutations without a budget.
MAX_ROUNDS = 16


class Model:
    """The steps from the first that mixes cells on, as a function from rows to responses.

    Attributes
    ----------
    response : Response
    outputs : array of shape (n,) + out
        Of the explained rows.
    """

    def __init__(self, route: Route, X: Any, response_method: str, target: Any) -> None:
        self.steps, self.last = [step for _, step in route.rest], route.last
        X = self._before_last(X)
        if is_lstm(self.last):
            if self.last._returns_sequences():
                raise ValueError(
                    f"{route.mixing} is not a one-to-one step, so the pipeline has to be explained "
                    "as a whole, which is not possible with an output for each time step. Explain "
                    "the last step, explain_shap(model[-1], model[:-1].transform(X), ...)."
                )
            self.response = read_response(self.last, response_method, target)
            outputs = self._returned(self.response.method, X)
        else:
            method = _method(self.last, response_method)
            outputs = self._returned(method, X)
            self.response = _response(self.last, method, outputs.shape[1:], target)
        self.outputs = self.response.selected(outputs)

    def __call__(self, X: Any) -> FloatArray:
        """Responses, shape (n, n_responses)."""
        returned = self._returned(self.response.method, self._before_last(X))
        return self.response.selected(returned).reshape(len(returned), -1)

    def all_outputs(self, X: Any) -> FloatArray:
        """What the method returns, whatever the target, shape (n, n_outputs)."""
        returned = self._returned(self.response.method, self._before_last(X))
        return returned.reshape(len(returned), -1)

    def _before_last(self, X: Any) -> Any:
        for step in self.steps:
            X = step.transform(X)
        return X

    def _returned(self, method: str, X: Any) -> FloatArray:
        outputs = getattr(self.last, method)(X)
        if not hasattr(outputs, "shape") or np.asarray(outputs).dtype.kind not in "buif":
            raise ValueError(
                f"{type(self.last).__name__}.{method} must return an array of numbers to be "
                f"explained. Got {type(outputs).__name__}."
            )
        return np.asarray(outputs, dtype=np.float64)


def _method(estimator: Any, method: str) -> str:
    """The method of an estimator of another library that is explained."""
    known = ("decision_function", "predict_proba") if is_classifier(estimator) else ("predict",)
    allowed = tuple(name for name in known if hasattr(estimator, name))
    if method == "auto" and allowed:
        return allowed[0]
    if method not in allowed:
        raise ValueError(
            f"The 'response_method' parameter must be 'auto' or one of {allowed} for "
            f"{type(estimator).__name__}. Got {method!r} instead."
        )
    return method


def _response(estimator: Any, method: str, shape: tuple[int, ...], target: Any) -> Response:
    if len(shape) > 1:
        raise ValueError(
            f"{type(estimator).__name__}.{method} returns {shape} numbers for a row. Only a "
            "number or a list of numbers for each row can be explained here."
        )
    classes = getattr(estimator, "classes_", ())
    names: Sequence[Any] | None = list(range(shape[0])) if shape else None
    if method != "predict" and isinstance(classes, np.ndarray) and classes.ndim == 1:
        names = classes.tolist() if shape == classes.shape else names
        if shape == () and len(classes) == 2:
            names = classes.tolist()[1:]
            check_class_of_two(target, classes.tolist())
    return outputs_named(method, shape, names, target)


class Part(NamedTuple):
    """Of some rows, (n, n_players, k), and (n, k) of base values and deviations."""

    values: FloatArray
    error: FloatArray | None
    base: FloatArray
    deviation: FloatArray | None = None
    fidelity: FloatArray | None = None


# From cells (m, T, F) to responses (m, k).
Value = Callable[[FloatArray], FloatArray]
Explain = Callable[[Value, FloatArray, FloatArray, FloatArray, IntArray], Part]


def choose(method: str, n_players: int, mixing: str, work: Work) -> tuple[str, Explain]:
    """The name of the method, chosen where it is "auto", and its explainer."""
    if method == "auto":
        method = "exact" if n_players <= FEW_PLAYERS else "permutation"
    if method not in METHODS:
        raise ValueError(
            f"The 'method' parameter must be 'auto' or one of {METHODS}, because {mixing} is not "
            f"a one-to-one step in front of an LSTM. Got {method!r} instead."
        )
    if method == "exact" and n_players > MAX_PLAYERS:
        raise ValueError(
            f"method='exact' evaluates all coalitions of at most {MAX_PLAYERS} players. Got "
            f"{n_players}. Use method='permutation', or groups as level."
        )
    return method, partial(shapley, method, work)


def explained(
    model: Model, rows: Rows, level: Level, explain: Explain, n_jobs: int | None
) -> Attributed:
    """Values of all rows and what they are relative to.

    Parameters
    ----------
    explain : callable
        From a function of cells, rows of one length, their references, the shares of these, and
        the player of each cell to a Part.
    """
    n, k = len(rows.lengths), int(np.prod(model.response.shape))
    values, base = np.zeros((n, level.n_players, k)), np.zeros((n, k))
    deviation = np.full((n, k), np.nan)
    errors: FloatArray | None = None
    fidelity: FloatArray | None = None
    chunks = _chunks(rows)
    task = task_of(_explain_chunk, model, rows, level.table, explain)
    bar = tqdm(total=n, desc="Explaining", unit="row", delay=PATIENCE, leave=False)
    for chunk, (players, part) in zip(chunks, in_order(task, chunks, n_jobs), strict=True):
        values[chunk[:, None], players] = part.values
        base[chunk] = part.base
        if part.deviation is not None:
            deviation[chunk] = part.deviation
        if part.fidelity is not None:
            fidelity = np.zeros((n, k)) if fidelity is None else fidelity
            fidelity[chunk] = part.fidelity
        if part.error is not None:
            errors = np.zeros_like(values) if errors is None else errors
            errors[chunk[:, None], players] = part.error
        bar.update(len(chunk))
    bar.close()
    return Attributed(values, errors, base, deviation, fidelity)


def _chunks(rows: Rows) -> list[IntArray]:
    """Rows of one length and place, a few at a time."""
    shapes = np.stack([rows.first, rows.lengths], axis=1)
    chunks = []
    for shape in np.unique(shapes, axis=0):
        same = np.flatnonzero((shapes == shape).all(axis=1))
        chunks += np.array_split(same, -(-len(same) // CHUNK_ROWS))
    return chunks


def _explain_chunk(
    model: Model, rows: Rows, table: IntArray, explain: Explain, chunk: IntArray
) -> tuple[IntArray, Part]:
    """Players that have cells in these rows, and what they add."""
    (x, references), weights = rows.cells(chunk), rows.weights(chunk)
    first = int(rows.first[chunk[0]])
    players, renumbered = np.unique(table[first : first + x.shape[1]], return_inverse=True)
    renumbered = renumbered.reshape(x.shape[1:])

    def value(cells: FloatArray) -> FloatArray:
        parts = np.array_split(cells, -(-len(cells) // CALL_ROWS))
        return np.concatenate([model(rows.joined(part, first)) for part in parts])

    return players, explain(value, x, references, weights, renumbered)


def shapley(
    method: str,
    work: Work,
    value: Value,
    x: FloatArray,
    references: FloatArray,
    weights: FloatArray,
    players: IntArray,
) -> Part:
    """Shapley values, by one of METHODS."""
    alone = value(references.reshape(-1, *x.shape[1:]))
    alone = alone.reshape(len(references), references.shape[1], -1)
    base, deviation = (
        np.broadcast_to(moment.numpy(), (len(x), alone.shape[2]))
        for moment in moments_of(torch.from_numpy(alone), torch.from_numpy(weights))
    )
    if method == "exact":
        values = exact(
            partial(on_tensors, value),
            torch.from_numpy(x),
            torch.from_numpy(references),
            torch.from_numpy(weights),
            torch.from_numpy(players),
            CALL_ROWS,
        )
        return Part(values.numpy(), None, base, deviation)
    if method in SHAP_METHODS and method != "permutation":  # which has a sampler of its own
        tensors = map(torch.from_numpy, (x, references, weights, players))
        of_tensors = partial(on_tensors, value)
        result = shap_kernel(method, of_tensors, work.seed, work.budget, *tensors)
        error = result.standard_error
        return Part(
            result.values.numpy(), None if error is None else error.numpy(), base, deviation
        )
    full = value(x)
    allowed = work.tolerance * (deviation + np.abs(full - base))
    game = _Game(value, x, references, weights, players, alone, full)
    return Part(*_sampled(game, allowed, work), base, deviation)


def on_tensors(value: Value, cells: Tensor) -> Tensor:
    """A function of arrays, of tensors."""
    return torch.from_numpy(value(cells.numpy()))


@dataclass(frozen=True)
class _Game:
    """Rows against references, whose own responses are known.

    Attributes
    ----------
    value : callable
    x : array of shape (n, T, F)
    references : array of shape (1 or n, R, T, F)
    weights : array of shape (R,)
    players : int64 array of shape (T, F)
    alone : array of shape (1 or n, R, k)
    full : array of shape (n, k)
    """

    value: Any
    x: FloatArray
    references: FloatArray
    weights: FloatArray
    players: IntArray
    alone: FloatArray
    full: FloatArray

    @property
    def n_players(self) -> int:
        return int(self.players.max()) + 1

    def values(self, rows: IntArray, rng: np.random.Generator) -> FloatArray:
        """Sampled values of rows, (n, n_players, k): one order, both ways, for each reference.

        The orders are the same for all rows.
        """
        n_players, n_references = self.n_players, self.references.shape[1]
        orders = np.stack([rng.permutation(n_players) for _ in range(n_references)])
        ranks = np.stack([orders, n_players - 1 - orders], axis=1)
        total = np.zeros((len(rows), n_players, self.full.shape[1]))
        pairs = np.indices((len(rows), n_references)).reshape(2, -1)
        size = max(1, CALL_ROWS // max(1, 2 * (n_players - 1)))
        for start in range(0, pairs.shape[1], size):
            row, reference = pairs[:, start : start + size]
            added = self._added(rows[row], reference, ranks[reference])
            np.add.at(total, row, added * self.weights[reference, None, None])
        return total

    def _added(self, row: IntArray, reference: IntArray, ranks: IntArray) -> FloatArray:
        """What each player adds when it joins, mean of both ways, (n_pairs, n_players, k)."""
        own = row if len(self.references) > 1 else np.zeros_like(row)
        x, other = self.x[row], self.references[own, reference]
        sizes = np.arange(1, self.n_players).reshape(-1, 1, 1)
        present = ranks[:, :, self.players][:, :, None] < sizes
        hybrids = np.where(present, x[:, None, None], other[:, None, None])
        ends = (len(row), 2, 1, self.full.shape[1])
        path = [np.broadcast_to(self.alone[own, reference][:, None, None], ends)]
        if self.n_players > 1:
            inner = self.value(hybrids.reshape(-1, *x.shape[1:]))
            path.append(inner.reshape(*hybrids.shape[:3], -1))
        path.append(np.broadcast_to(self.full[row][:, None, None], ends))
        added = np.diff(np.concatenate(path, axis=2), axis=2)
        return np.take_along_axis(added, ranks[..., None], axis=2).mean(axis=1)


def _sampled(game: _Game, allowed: FloatArray, work: Work) -> tuple[FloatArray, FloatArray]:
    """Mean of rounds of orders, and its standard error."""
    max_rounds = MAX_ROUNDS
    if work.budget is not None:
        max_rounds = work.budget // (2 * game.n_players * game.references.shape[1])

    def draw(rows: Tensor, _: slice, number: int) -> Tensor:
        values = game.values(rows.numpy(), np.random.default_rng([work.seed, number]))
        return torch.from_numpy(values)[None]

    one_stratum = torch.ones(1, dtype=torch.float64)
    allowed = allowed[:, None]
    mean, error = sampled(draw, torch.from_numpy(allowed), one_stratum, max_rounds)
    return mean.numpy(), error.numpy()
