"""A model as a game: its responses to rows some of whose players are those of the background."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from .._attribution import explaining
from .._data import StepLayout
from ..explain import Explanation
from ..explain._agnostic import CALL_ROWS, Model
from ..explain._composition import check_model
from ..explain._hybrids import Rows, rows_of
from ..explain._inputs import Inputs, inputs_of, own_inputs
from ..explain._pipelines import Passed, Route
from ..explain._responses import read_response
from ..explain._rows import responses
from ..explain._shap import _outputs, references_of
from ._outputs import columns_explained

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Masks = NDArray[np.bool_]

# References of each row; of more, so many are drawn.
MAX_REFERENCES = 25


class Part(NamedTuple):
    """Some rows of one length.

    Attributes
    ----------
    rows : int64 array of shape (n,)
    values : array of shape (n, n_players, k)
        Explained values of the players that have cells in these rows.
    replaced : callable
        From masks (n, m, n_players) of players to the mean responses, (n, m, k), of rows in which
        these players are those of the background.
    """

    rows: IntArray
    values: FloatArray
    replaced: Callable[[Masks], FloatArray]


@dataclass(frozen=True)
class Game:
    """Explained rows of X, and what the model makes of their parts.

    Several outputs (classes, quantiles, time steps) are k columns.

    Attributes
    ----------
    values : array of shape (n, n_players, k)
    outputs : array of shape (n, k)
        NaN at time steps that a sequence output does not have.
    out : tuple of int
        Shape of the outputs of one row.
    """

    values: FloatArray
    outputs: FloatArray
    out: tuple[int, ...]
    _cells: "NetworkRows | ModelRows"
    _players: IntArray
    _columns: IntArray
    _seed: int

    def parts(self) -> Iterator[Part]:
        """The rows, those of one length and place together."""
        shapes = np.stack([self._cells.first, self._cells.lengths], axis=1)
        for first, length in np.unique(shapes, axis=0):
            rows = np.flatnonzero((shapes == (first, length)).all(axis=1))
            table = self._players[first : first + length]
            present, renumbered = np.unique(table, return_inverse=True)
            cells = renumbered.reshape(table.shape)
            yield Part(
                rows,
                self.values[rows][:, present],
                partial(self._replaced, rows, cells),
            )

    def _replaced(self, rows: IntArray, cells: IntArray, masks: Masks) -> FloatArray:
        weights = self._cells.weights(rows)
        if not len(weights):
            self._cells.cells(rows)  # says which row is longer than all references
        chosen = self._drawn(weights)
        size = max(1, CALL_ROWS // len(chosen))
        first, n_masks = int(self._cells.first[rows[0]]), masks.shape[1]
        result = np.empty((len(rows) * n_masks, len(self._columns)))
        for start in range(0, len(result), size):
            row, mask = np.divmod(np.arange(start, min(start + size, len(result))), n_masks)
            known, place = np.unique(row, return_inverse=True)
            x, references = self._cells.cells(rows[known])
            others = references[:, chosen][place if len(references) > 1 else np.zeros_like(place)]
            absent = masks[row, mask][:, cells]
            hybrids = np.where(absent[:, None], others, x[place, None])
            returned = self._cells.value(hybrids.reshape(-1, *x.shape[1:]), first)
            means = returned[:, self._columns].reshape(len(row), len(chosen), -1).mean(axis=1)
            result[start : start + size] = means
        return result.reshape(len(rows), n_masks, -1)

    def _drawn(self, weights: FloatArray) -> IntArray:
        """Places of the references that are used: all of a few with equal weights."""
        if len(weights) <= MAX_REFERENCES and np.ptp(weights) < 1e-12:
            return np.arange(len(weights))
        # Systematic sampling: each as often as its weight says, up to one.
        order = np.random.default_rng([self._seed, len(weights)])
        shuffled = order.permutation(len(weights))
        places = (np.arange(MAX_REFERENCES) + order.uniform()) / MAX_REFERENCES
        ends = np.cumsum(weights[shuffled])
        return shuffled[np.minimum(np.searchsorted(ends, places), len(weights) - 1)]


class NetworkRows:
    """Rows behind one-to-one steps, read by the network of an LSTM itself."""

    def __init__(self, route: Route, passed: Passed, background: Any) -> None:
        self.estimator = route.last
        self.sequences = self.estimator._read_known(passed.X)
        self.references = references_of(route, background, self.sequences)
        self.lengths = self.sequences.lengths
        _, self.first = self.sequences.container_steps()
        self.n_timesteps = int(StepLayout.of(self.sequences).sizes.max())

    def outputs(self, method: str, X: Any) -> FloatArray:
        """All that a method returns, and the names of it."""
        self.response = read_response(self.estimator, method, None)
        network = self.estimator.net_.module_
        with explaining(network, network.x_mean.device):
            return _outputs(self.estimator, self.response, X, StepLayout.of(self.sequences))

    def cells(self, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        x = self.sequences.take(rows).astype(np.float64)
        return x, self.references.of(rows, x.shape[1])

    def weights(self, rows: IntArray) -> FloatArray:
        return self.references.weights(int(self.lengths[rows[0]]))

    def value(self, cells: FloatArray, first: int) -> FloatArray:
        network, readout = self.estimator.net_.module_, self.response.readout
        device = network.x_mean.device
        with explaining(network, device):
            rows = torch.from_numpy(cells).to(device)
            result = responses(network, readout.to(device), rows).cpu().numpy()
        if not self.estimator._returns_sequences():
            return result
        steps = result.reshape(*cells.shape[:2], -1)
        padded = np.full((len(cells), self.n_timesteps, steps.shape[2]), np.nan)
        padded[:, first : first + cells.shape[1]] = steps
        return padded.reshape(len(cells), -1)


class ModelRows:
    """Rows in their container, read by the steps of any model."""

    def __init__(self, route: Route, passed: Passed, background: Any, method: str) -> None:
        self.model = Model(route, passed.X, method, None)
        self.response = self.model.response
        self.rows: Rows = rows_of(route, passed.X, background, self.model.all_outputs)
        self.lengths, self.first = self.rows.lengths, self.rows.first
        self.cells, self.weights = self.rows.cells, self.rows.weights

    def outputs(self, method: str, X: Any) -> FloatArray:
        return self.model.outputs

    def value(self, cells: FloatArray, first: int) -> FloatArray:
        return self.model(self.rows.joined(cells, first))


def game_of(model: Any, X: Any, explanation: Explanation, background: Any, seed: int) -> Game:
    """Read a model, the explained X, and the background beside which it was explained.

    Parameters
    ----------
    seed : int
        Fixes which rows of a large background are used.
    """
    check_model(model)
    check_explanation(explanation)
    route = Route.of(model, X)
    passed = route.passed(X)
    method = explanation.response_method
    cells: NetworkRows | ModelRows
    if route.reaches_lstm:
        cells = NetworkRows(route, passed, background)
        if route.first:
            inputs = inputs_of(route, X, passed, route.last)
        else:
            inputs = own_inputs(route.last, cells.sequences, passed.X)
    else:
        cells = ModelRows(route, passed, background, method)
        inputs = inputs_of(route, X, passed)
    with torch.inference_mode(False):
        outputs = cells.outputs(method, passed.X)
    explanation = without_padding(explanation, inputs.data.shape[1])
    columns = columns_explained(explanation, outputs, cells.response)
    n, k = len(explanation), len(columns)
    return Game(
        explanation.values.reshape(n, explanation.n_players, k),
        explanation.output_values.reshape(n, k),
        explanation.output_values.shape[1:],
        cells,
        _players(explanation, inputs),
        columns,
        seed,
    )


def check_explanation(explanation: Any, name: str = "explanation") -> None:
    """Raise where it is none, or has no rows."""
    if not isinstance(explanation, Explanation):
        raise ValueError(
            f"The {name!r} parameter must be an Explanation, which explain_shap and others "
            f"return. Got {type(explanation).__name__} instead."
        )
    if not len(explanation):
        raise ValueError(f"The {name!r} parameter must have rows. Got an Explanation of none.")


def without_padding(explanation: Explanation, n_timesteps: int) -> Explanation:
    """Some rows of an explanation, without the time steps that only others of them had."""
    e, longest = explanation, explanation.data.shape[1]
    cut = slice(0, n_timesteps)
    if e.lengths is None or longest <= n_timesteps or not np.isnan(e.data[:, n_timesteps:]).all():
        return e
    changes: dict[str, Any] = {"data": e.data[:, cut], "n_timesteps": None, "standard_error": None}
    values = e.values
    if e.level in ("cell", "timestep"):
        changes["player_names"] = None
        values = values[:, cut]
    if e.player_of_cell is not None:
        changes["player_of_cell"] = e.player_of_cell[cut]
    per_step = e.output_values.ndim > 1 and e.output_values.shape[1] == longest
    if per_step and np.isnan(e.output_values[:, n_timesteps:]).all():
        axis = values.ndim - e.output_values.ndim + 1
        values = np.take(values, np.arange(n_timesteps), axis=axis)
        changes |= {k: getattr(e, k)[:, cut] for k in ("output_values", "base_values")}
        changes |= {"output_names": None, "local_fidelity": None}
    return e._replace(values=values, **changes)


def _players(explanation: Explanation, inputs: Inputs) -> IntArray:
    """The player of each cell that the model reads."""
    if explanation.data.shape[1:] != inputs.data.shape[1:]:
        raise ValueError(
            "The 'explanation' parameter must be of this X: the data of its rows have shape "
            f"{explanation.data.shape[1:]}, and those of X {inputs.data.shape[1:]}."
        )
    if explanation.level != "group":
        return inputs.level(explanation.level)[1].table
    if explanation.player_of_cell is None:  # a file of an earlier version
        raise ValueError(
            "The 'explanation' parameter is of groups whose cells are not known. Explain again."
        )
    return explanation.player_of_cell.ravel()[inputs.cells]
