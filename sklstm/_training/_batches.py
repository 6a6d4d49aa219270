"""Training rows, standardised once, cut into batches."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .._data import Sequences, rows_per_chunk
from ..nn import ScaledNetwork

# Merged rows are repeated within an epoch only while the epoch is shorter than this.
MAX_REPEATED_STEPS = 32
# Batches are gathered this many at a time: one copy serves them all.
BATCHES_PER_GATHER = 64
# Among this many batches of sequences of different length, rows are sorted by length.
BATCHES_PER_SORT = 4
# Each new number of steps makes the LSTM kernel compile itself again: round it up.
STEP_MULTIPLE = 4
# The linear algebra kernels take another path for a single row, whose last bits differ.
ROW_MULTIPLE = 4
# Hidden-state entries per batch of inference: large enough to be fast, small enough to stay
# in the cache.
INFERENCE_ENTRIES = 2**18
# A GPU waits between batches, and has room for so many times more.
GPU_FACTOR = 64
# More fill no GPU any better, and cuDNN has kernels that fail beyond 65 535 of something.
MOST_ROWS = 2**15

Batch = tuple[dict[str, Tensor | None], Tensor]


def resolve_batch_size(batch_size: int | str, n_rows: int) -> int:
    """For "auto" so many rows that few make enough steps, and many do not make too many."""
    if isinstance(batch_size, str):
        return max(4, min(32, n_rows // 10), min(128, n_rows // 40))
    return batch_size


def passes_per_epoch(n_rows: int, total_weight: float, batch_size: int) -> int:
    """How often an epoch goes through the merged rows.

    ``n_rows`` distinct rows stand for ``total_weight`` rows; without a repetition a table of
    10 000 rows of 32 kinds would take one step per epoch instead of hundreds. The summed
    weight is the same before and after rows are merged, so repeating a row and weighting it
    agree. The bound keeps the scale of the weights from mattering much.
    """
    steps = math.ceil(n_rows / batch_size)
    wanted = min(total_weight / batch_size, MAX_REPEATED_STEPS)
    return max(1, int(wanted // steps))


def as_tensor(values: NDArray[Any]) -> Tensor:
    """A tensor over ``values``, which are copied only where torch cannot hold them."""
    borrowable = values.flags.c_contiguous and values.flags.writeable and min(values.strides) >= 0
    return torch.from_numpy(values if borrowable else values.copy(order="C"))


@dataclass(eq=False)
class Batches:
    """An epoch's batches of standardised sequences, targets and weights.

    Rows in memory are standardised once and kept as one tensor on the device, of windows the
    table that they share; rows of a memory map are read and standardised a few batches at a
    time.

    Parameters
    ----------
    sequences : Sequences
    rows : int64 array of shape (n,)
    targets : Tensor of shape (n, ...)
        Aligned with ``rows``; with ``per_step`` of shape (n, n_timesteps, ...).
    weights : float32 Tensor of shape (n,), or None where all rows weigh the same
        With mean 1 in the first call of ``fit`` or ``partial_fit``. With ``per_step`` of shape
        (n, n_timesteps), 0 at padded steps.
    per_step : bool
        Whether there is one target per time step.
    network : LSTMNetwork
        Whose scaling is applied.
    batch_size : int
    device : torch.device
    passes : int
        How often an epoch goes through the rows.
    """

    sequences: Sequences
    rows: NDArray[np.int64]
    targets: Tensor
    weights: Tensor | None
    network: ScaledNetwork
    batch_size: int
    device: torch.device
    passes: int = 1
    per_step: bool = False

    def __post_init__(self) -> None:
        self.targets = self.targets.to(self.device)
        self.weights = None if self.weights is None else self.weights.to(self.device)
        # On the CPU, where batches are put together; an index is copied to the device once for
        # several batches, because a GPU is waited for.
        self.lengths = torch.from_numpy(self.sequences.lengths[self.rows])
        self.lengths_on_device = self.lengths.to(self.device)
        # Of these rows: what another row's length is must not show.
        self.max_length = int(self.lengths.max())
        self.uniform = int(self.lengths.min()) == self.max_length
        self.values: Tensor | None = None
        # Of each row in a tensor of all steps; None where values has one entry per row.
        self.starts: Tensor | None = None
        if not self.sequences.in_memory:
            return
        table, starts = self.sequences.table, self.sequences.starts
        if table is not None and starts is not None:
            self.values = self._standardize_table(table)
            self.starts = torch.from_numpy(starts[self.rows]).to(self.device)
        else:
            self.values = self._standardize_all()
            if not self.uniform:
                ends = torch.cumsum(self.lengths, 0)
                self.starts = (ends - self.lengths).to(self.device)

    def __len__(self) -> int:
        return len(self.rows) * self.passes

    @property
    def n_batches(self) -> int:
        """Number of batches of an epoch."""
        return math.ceil(len(self.rows) / self.batch_size) * self.passes

    def shuffled(self, generator: torch.Generator) -> Iterator[Batch]:
        """One epoch in random order, in batches whose sizes differ by at most one row."""
        n = len(self.rows)
        order = torch.cat([_permutation(n, generator) for _ in range(self.passes)])
        sizes = _even_sizes(n, self.batch_size) * self.passes
        step = self._batches_per_gather()
        begin = 0
        for i in range(0, len(sizes), step):
            block_sizes = sizes[i : i + step]
            block = order[begin : begin + sum(block_sizes)]
            begin += len(block)
            if self.uniform:
                yield from self._cut(block, block.to(self.device), block_sizes)
            else:
                block = block[torch.argsort(self.lengths[block], stable=True)]
                parts = block.split(block_sizes)
                indices = block.to(self.device).split(block_sizes)
                for k in _permutation(len(parts), generator).tolist():
                    yield from self._cut(parts[k], indices[k], [len(parts[k])])

    def in_order(self) -> Iterator[Batch]:
        """Every row once, in batches."""
        size = inference_rows(self.network, self.max_length)
        for part in torch.arange(len(self.rows), device="cpu").split(size):
            yield from self._cut(part, part.to(self.device), [len(part)])

    def _batches_per_gather(self) -> int:
        if not self.uniform:
            return BATCHES_PER_SORT
        rows = rows_per_chunk(self.max_length, self.sequences.n_features)
        return min(BATCHES_PER_GATHER, max(1, rows // self.batch_size))

    def _cut(self, block: Tensor, index: Tensor, sizes: list[int]) -> Iterator[Batch]:
        """Batches of the rows ``block``, which are ``index`` on the device."""
        z, lengths = self._gather(block, index)
        targets = self.targets[index]
        weights = None if self.weights is None else self.weights[index]
        if self.per_step:
            targets, weights = _at_steps(targets, z.shape[1]), _at_steps(weights, z.shape[1])
        begin = 0
        for size in sizes:
            cut = slice(begin, begin + size)
            begin += size
            x = {
                "z": z[cut],
                "lengths": None if lengths is None else lengths[cut],
                "weights": None if weights is None else weights[cut],
            }
            yield x, targets[cut]

    def _gather(self, block: Tensor, index: Tensor) -> tuple[Tensor, Tensor | None]:
        lengths = None if self.uniform else self.lengths_on_device[index]
        longest = self.max_length
        if lengths is not None:
            longest = -(-int(self.lengths[block].max()) // STEP_MULTIPLE) * STEP_MULTIPLE
        if self.values is None:
            z = self._standardize(self.sequences.take(self.rows[block.numpy()]))
            if longest > z.shape[1]:
                z = nn.functional.pad(z, (0, 0, 0, longest - z.shape[1]))
        elif self.starts is None:
            z = self.values[index]
        else:
            steps = torch.arange(longest, device=self.device)
            if lengths is not None:
                steps = steps.clamp(max=lengths[:, None] - 1)
            z = self.values[self.starts[index][:, None] + steps]
        return z, lengths

    def _standardize(self, values: NDArray[Any]) -> Tensor:
        return self.network.standardize(as_tensor(values).to(self.device))

    def _standardize_table(self, table: NDArray[Any]) -> Tensor:
        size = rows_per_chunk(1, table.shape[1])
        steps = torch.empty(table.shape, dtype=torch.float32, device=self.device)
        for begin in range(0, len(table), size):
            part = slice(begin, begin + size)
            steps[part] = self._standardize(table[part, None])[:, 0]
        return steps

    def _standardize_all(self) -> Tensor:
        """(n, n_timesteps, n_features), or all steps in a row where lengths differ."""
        n_steps, n_features = int(self.lengths.sum()), self.sequences.n_features
        steps = torch.empty(n_steps, n_features, dtype=torch.float32, device=self.device)
        begin = 0
        for rows in self.sequences.chunks(self.rows):
            z = self._standardize(self.sequences.take(rows))
            if self.uniform:
                z = z.flatten(0, 1)
            else:
                lengths = torch.from_numpy(self.sequences.lengths[rows])
                real = torch.arange(z.shape[1], device="cpu") < lengths[:, None]
                z = z[real.to(self.device)]
            steps[begin : begin + len(z)] = z
            begin += len(z)
        if self.uniform:
            return steps.view(len(self.rows), -1, n_features)
        return steps


def inference_rows(network: ScaledNetwork, n_timesteps: int) -> int:
    """Rows of a batch whose gradients are not needed."""
    # Many features beside few hidden units are more to read than to compute.
    readable = rows_per_chunk(n_timesteps, network.architecture["n_features"])
    entries = INFERENCE_ENTRIES * (GPU_FACTOR if network.x_mean.is_cuda else 1)
    rows = min(readable, MOST_ROWS, entries // (n_timesteps * network.width))
    return max(ROW_MULTIPLE, rows)


def _permutation(n: int, generator: torch.Generator) -> Tensor:
    # The device is named everywhere: torch's default device is the caller's to set.
    return torch.randperm(n, generator=generator, device="cpu")


def _even_sizes(n: int, batch_size: int) -> list[int]:
    # A last batch of one row would weigh that row as much as a whole batch.
    count = math.ceil(n / batch_size)
    small, larger = divmod(n, count)
    return [small + 1] * larger + [small] * (count - larger)


def _at_steps(values: Any, n_timesteps: int) -> Any:
    """Cut or padded with zeros along the time steps."""
    missing = n_timesteps - values.shape[1]
    if missing <= 0:
        return values[:, :n_timesteps]
    return torch.cat([values, values.new_zeros(len(values), missing, *values.shape[2:])], dim=1)
