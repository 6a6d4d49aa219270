"""Run a kernel over the rows of X: sequences of one shape at a time, in chunks."""

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from .._attribution import Readout, explaining
from .._data import Sequences
from ..nn import ScaledNetwork
from ._background import Background
from ._levels import Level
from ._workers import in_order, task_of

FloatArray = NDArray[np.float64]

# Numbers that one call of a kernel returns, and rows that it takes: many where they share work, few
# where each is much work, so that a progress bar moves.
CHUNK_ENTRIES = 2**19
CHUNK_ROWS = {
    "deep": 256,
    "blocked": 32,
    "gradient": 64,
    "integrated": 64,
    "saliency": 256,
    "smoothgrad": 64,
}
FEW_ROWS = 8
# Rows of a forward pass, and entries of hidden states or inputs that it may have.
FORWARD_ROWS = 1024
FORWARD_ENTRIES = 2**25
# A progress bar appears after so many seconds.
PATIENCE = 5.0


class Values(NamedTuple):
    """Of the players of some rows, shape (n, n_players, n_responses).

    A network that returns sequences has ``n_timesteps * n_responses`` responses. Base values,
    where they are not the mean of the references, and the fidelity of a local model have shape
    (n, n_responses).
    """

    values: Tensor
    standard_error: Tensor | None = None
    base_values: Tensor | None = None
    local_fidelity: Tensor | None = None


class Kernel(Protocol):
    """Explains rows of one length beside references of that length."""

    def __call__(self, x: Tensor, references: Tensor, weights: Tensor, players: Tensor) -> Values:
        """Explain.

        Parameters
        ----------
        x : float64 Tensor of shape (n, n_timesteps, n_features)
        references : float64 Tensor of shape (1 or n, n_references, n_timesteps, n_features)
        weights : float64 Tensor of shape (n_references,)
            Of sum 1.
        players : int64 Tensor of shape (n_timesteps, n_features)
            From 0 on, each with a cell at least.
        """


class Chunk(NamedTuple):
    """Rows whose sequences start and end at the same steps of X."""

    rows: NDArray[np.int64]
    steps: slice


class Attributed(NamedTuple):
    """Of all rows.

    Attributes
    ----------
    values : array of shape (n, n_players) + out
    standard_error : the same, or None
    base_values : array of shape (n,) + out
        Weighted mean response of each row's references; NaN at padded steps.
    deviation : array of shape (n,) + out
        Standard deviation of the references' responses; of a single reference, the unit of a
        standardised output. NaN where the method has base values of its own.
    local_fidelity : array of shape (n,) + out, or None
        Of a local model.
    """

    values: FloatArray
    standard_error: FloatArray | None
    base_values: FloatArray
    deviation: FloatArray
    local_fidelity: FloatArray | None = None


def attributed(
    network: ScaledNetwork,
    readout: Readout,
    kernel: Kernel,
    sequences: Sequences,
    background: Background,
    level: Level,
    method: str,
    n_jobs: int | None,
) -> Attributed:
    """Values of all rows and what they are relative to."""
    per_step = network.architecture["return_sequences"]
    n_timesteps = len(level.table)
    out = (n_timesteps, len(readout.weight)) if per_step else (len(readout.weight),)
    n = len(sequences)
    values = np.zeros((n, level.n_players, *out))
    errors: FloatArray | None = None
    base, deviation, fidelity = np.full((3, n, *out), np.nan)
    size = CHUNK_ENTRIES // (level.n_players * int(np.prod(out)))
    task = task_of(_explain_chunk, network, readout, kernel)
    chunks = list(_chunks(sequences, min(max(1, size), CHUNK_ROWS.get(method, FEW_ROWS))))

    def task_of_chunk(chunk: Chunk) -> Any:
        return task(*_read(sequences, background, chunk), level.table[chunk.steps])

    with explaining(network, network.x_mean.device):
        bar = tqdm(total=n, desc="Explaining", unit="row", delay=PATIENCE, leave=False)
        results = in_order(task_of_chunk, chunks, n_jobs)
        for chunk, (players, part, part_error, of_rows) in zip(chunks, results, strict=True):
            where: Any = (chunk.rows[:, None], players)
            rows: Any = chunk.rows
            if per_step:
                where, rows = (*where, chunk.steps), (rows, chunk.steps)
                part = part.reshape(*part.shape[:2], -1, out[-1])
            values[where] = part
            base[rows], deviation[rows], fidelity[rows] = of_rows
            if part_error is not None:
                if errors is None:
                    errors = np.zeros_like(values)
                errors[where] = part_error.reshape(part.shape)
            bar.update(len(chunk.rows))
        bar.close()
    return Attributed(values, errors, base, deviation, fidelity if method == "lime" else None)


def _chunks(sequences: Sequences, size: int) -> Iterator[Chunk]:
    _, first = sequences.container_steps()
    shapes = np.stack([first, sequences.lengths], axis=1)
    for start, length in np.unique(shapes, axis=0):
        rows = np.flatnonzero((shapes == (start, length)).all(axis=1))
        for part in np.array_split(rows, -(-len(rows) // size)):
            yield Chunk(part, slice(int(start), int(start + length)))


def _read(
    sequences: Sequences, background: Background, chunk: Chunk
) -> tuple[FloatArray, FloatArray, FloatArray]:
    x = sequences.take(chunk.rows).astype(np.float64)
    return x, background.of(chunk.rows, x.shape[1]), background.weights(x.shape[1])


def _explain_chunk(
    network: ScaledNetwork,
    readout: Readout,
    kernel: Kernel,
    x: FloatArray,
    references: FloatArray,
    shares: FloatArray,
    table: NDArray[np.int64],
) -> tuple[NDArray[np.int64], FloatArray, FloatArray | None, FloatArray]:
    """Players that have cells in these rows, their values and errors; base, deviation, fidelity."""
    device = network.x_mean.device
    players, renumbered = np.unique(table, return_inverse=True)
    weights = torch.from_numpy(shares).to(device)
    others = torch.from_numpy(references).to(device)
    with explaining(network, device):  # another process has settings of its own
        result = kernel(
            torch.from_numpy(x).to(device),
            others,
            weights,
            torch.from_numpy(renumbered.reshape(table.shape)).to(device),
        )
        base, deviation, fidelity = result.base_values, None, result.local_fidelity
        if base is None:
            base, deviation = base_of(network, readout, others, weights)
    error = result.standard_error
    unknown = result.values.new_full((len(x), result.values.shape[2]), torch.nan)
    parts = (unknown if part is None else part for part in (base, deviation, fidelity))
    of_rows = torch.stack([part.expand(len(x), -1) for part in parts])
    if network.architecture["return_sequences"]:
        of_rows = of_rows.unflatten(2, (x.shape[1], -1))
    return (
        players,
        result.values.cpu().numpy(),
        None if error is None else error.cpu().numpy(),
        of_rows.cpu().numpy(),
    )


def moments_of(values: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation over the second axis."""
    mean = torch.einsum("ij...,j->i...", values, weights)
    square = torch.einsum("ij...,j->i...", (values - mean[:, None]).square(), weights)
    return mean, square.sqrt()


def base_of(
    network: ScaledNetwork, readout: Readout, references: Tensor, weights: Tensor
) -> tuple[Tensor, Tensor]:
    """Mean and deviation of the references' responses, each of shape (1 or n, n_responses)."""
    mean, deviation = moments_of(responses_of(network, readout, references), weights)
    if references.shape[1] == 1:  # a baseline deviates by nothing; tolerances need a scale
        unit = readout.unit(network.y_scale)
        deviation = unit.repeat(deviation.shape[1] // len(unit)).expand_as(deviation)
    return mean, deviation


def responses_of(network: ScaledNetwork, readout: Readout, references: Tensor) -> Tensor:
    """Responses of the references, shape (1 or n, n_references, n_responses)."""
    every = responses(network, readout, references.flatten(0, 1))
    return every.unflatten(0, references.shape[:2])


@torch.inference_mode()
def responses(network: ScaledNetwork, readout: Readout, rows: Tensor) -> Tensor:
    """Responses of sequences of one length, flattened to shape (n, n_responses)."""
    parts = rows.split(rows_of_pass(network, rows.shape[1]))
    return torch.cat([readout(network(part)).flatten(1) for part in parts])


def rows_of_pass(network: ScaledNetwork, n_timesteps: int) -> int:
    """Rows of a forward pass in bounded memory."""
    entries = n_timesteps * max(network.width, network.architecture["n_features"])
    return max(1, min(FORWARD_ROWS, FORWARD_ENTRIES // entries))
