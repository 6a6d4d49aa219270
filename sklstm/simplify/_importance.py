"""How much each hidden unit matters, and what it says on average."""

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.feature_selection import mutual_info_classif, mutual_info_regression

from .._attribution import explaining
from .._data import check_same_rows, read_step_targets
from .._utils._sklearn import num_samples, safe_indexing
from ..explain import explain_units
from ..explain._inside import Inside
from ..nn._pooling import Pooling
from ._rows import draw, draw_background

FloatArray = NDArray[np.float64]

# Rows (of networks that return sequences, time steps) that the mean states and the mutual
# information are of, and rows and background rows of the contributions: more of them change
# the order of the units little, and cost as much as training.
ROWS, STEPS = 1000, 2000
EXPLAINED, BACKGROUND = 200, 50
NEIGHBOURS = 3


class Sampled(NamedTuple):
    """Some rows of X, as the LSTM reads them, and of y."""

    X: Any
    y: Any

    @classmethod
    def of(cls, X: Any, y: Any, n: int, random: np.random.RandomState) -> "Sampled":
        """Draw at most ``n`` rows."""
        check_same_rows(X, y=y)
        rows = draw(num_samples(X), n, random)
        return cls(_picked(X, rows, "X"), None if y is None else _picked(y, rows, "y"))


def _picked(data: Any, rows: NDArray[np.int64], name: str) -> Any:
    try:
        return safe_indexing(data, rows)
    except (TypeError, LookupError) as error:
        raise ValueError(
            f"{name} must be an array, a DataFrame or a list, whose rows can be picked. Got "
            f"{type(data).__name__}."
        ) from error


class Activity(NamedTuple):
    """Hidden states of some rows.

    Attributes
    ----------
    mean : array of shape (n_layers, n_directions, hidden_size)
        Over all real steps.
    pooled : array of shape (n_poolings, n_directions, hidden_size)
        Mean of what the head reads.
    of_rows : array of shape (n, n_numbers, n_layers, n_directions, hidden_size)
        Pooled states of every layer; of a network that returns sequences, the states of all
        real steps, one row after the other.
    """

    mean: FloatArray
    pooled: FloatArray
    of_rows: FloatArray


def activity_of(estimator: Any, X: Any) -> Activity:
    """Run the network."""
    inside = Inside.of(estimator, X, "prune")
    network, n_rows = inside.network, len(inside.sequences)
    own = network.pooling
    poolings = ["mean"] if own is None else [p for p in own.poolings if p != "attention"]
    inner = Pooling(int(np.prod(inside.shape[1:])), poolings or ["mean"], inside.shape[1] == 2)
    rows: list[Any] = [None] * n_rows
    total, at_head = np.zeros(inside.shape), []
    with torch.inference_mode(), explaining(network, network.x_mean.device):
        for chunk, found in inside.states():
            hidden = found.hidden_state  # (n, n_timesteps, n_layers, n_directions, size)
            total += hidden.double().sum((0, 1)).cpu().numpy()
            if own is None:
                states = hidden.cpu().numpy()
            else:
                at_head.append(own(hidden[:, :, -1].flatten(2), None).double().cpu().numpy())
                pooled = [inner(layer.flatten(2), None) for layer in hidden.unbind(2)]
                states = np.stack([part.cpu().numpy() for part in pooled], axis=1)
                states = states.reshape(len(hidden), inside.shape[0], -1, *inside.shape[1:])
                states = states.swapaxes(1, 2)
            for row, state in zip(chunk.rows, states, strict=True):
                rows[row] = state
    mean = total / inside.sequences.lengths.sum()
    if own is None:
        return Activity(mean, mean[-1:], np.concatenate(rows)[:, None])
    of_head = np.concatenate(at_head).mean(0).reshape(-1, *inside.shape[1:])
    return Activity(mean, of_head, np.stack(rows))


def contribution(estimator: Any, X: Any, random: np.random.RandomState) -> FloatArray:
    """Mean size of what each unit adds to the outputs, in units of their spread."""
    n_rows = num_samples(X)
    explained = safe_indexing(X, draw(n_rows, EXPLAINED, random))
    others = draw_background(estimator, X, n_rows, BACKGROUND, random)
    units = explain_units(estimator, explained, background=safe_indexing(X, others))
    n = len(units.output_values)
    outputs = units.output_values.reshape(n, -1)
    spread = np.nanstd(outputs, axis=0)
    sizes = np.abs(units.contribution).reshape(*units.contribution.shape[:4], -1).mean(0)
    varies = spread > 0
    return sizes[..., varies] @ (1 / spread[varies])


def mutual_information(
    estimator: Any, sampled: Sampled, activity: Activity, random: np.random.RandomState
) -> FloatArray:
    """Of each unit's pooled state with the target, in nats.

    The largest over the poolings, the sum over the outputs.
    """
    target, states = sampled.y, activity.of_rows
    if estimator._returns_sequences():
        target, _ = read_step_targets(target, estimator._read_known(sampled.X))
        steps = draw(len(target), STEPS, random)
        target, states = target[steps], states[steps]
    if len(states) <= NEIGHBOURS:
        raise ValueError(
            f"importance='mutual_information' needs more than {NEIGHBOURS} rows. Got {len(states)}."
        )
    columns = np.asarray(target).reshape(len(states), -1).T
    estimate = mutual_info_classif if is_classifier(estimator) else mutual_info_regression
    flat = states.reshape(len(states), -1)
    seed = int(random.randint(2**31 - 1))
    options = {"n_neighbors": NEIGHBOURS, "random_state": seed}
    found = sum(estimate(flat, column, **options) for column in columns)
    return np.asarray(found).reshape(states.shape[1:]).max(0)
