"""One training in several processes, each of which takes a part of the rows of every batch."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from ..nn import BatchPart
from ._batches import Batch

# Before torch 2.8 (2.9, to be safe) the end of a process group holds the interpreter's lock while
# it waits for gloo's threads.
_END_HOLDS_THE_LOCK = torch.__version__ < "2.9"


class Share:
    """The part of one process in the trainings that it shares with others.

    All processes go through the same batches with the same weights and the same random numbers.
    Each runs the network on its part of a batch's rows; gradients are summed over the processes.

    All exchanges within a training sum tensors of the same shapes, and a flag. So a process that
    fails can raise its flag in whatever exchange comes next: a training succeeds in all processes
    or in none.

    Parameters
    ----------
    rank, size : int
        The number of this process, from 0 on, and how many there are.
    group : torch.distributed.ProcessGroup, optional
        Of these processes. A process that is alone has none, and exchanges nothing.
    seed : int
        The same in all processes: where ``random_state`` is None, seeds come from it.
    """

    def __init__(self, rank: int = 0, size: int = 1, group: Any = None, seed: int = 0) -> None:
        self.rank = rank
        self.size = size
        self.group = group
        self.part = None if size == 1 else BatchPart(rank)
        self.fitting = False  # whether the others expect an exchange
        self._seeds = np.random.SeedSequence(seed)
        self._tensors: list[Tensor] = []
        # What this process adds to the next exchange where it has failed.
        self._nothing: list[Tensor] = []

    def entropy(self) -> np.random.SeedSequence:
        """Where a seed comes from that nobody has asked for."""
        return np.random.SeedSequence() if self.size == 1 else self._seeds.spawn(1)[0]

    def begin(self, fingerprint: int, tensors: Iterable[Tensor]) -> None:
        """Check that all processes train the same network on the same rows.

        Parameters
        ----------
        fingerprint : int
            Of all that must be the same, below 2 ** 53.
        tensors : iterable of Tensor
            Parameters and buffers, of which the float32 ones are kept the same from now on.
        """
        own = torch.zeros(self.size, dtype=torch.float64, device="cpu")
        own[self.rank] = fingerprint
        (found,) = self._sum([own])
        if not bool((found == fingerprint).all()):
            self.end()
            raise ValueError(
                "All processes of data_parallel must call fit with the same X, y, sample_weight "
                "and parameters. Theirs are different."
            )
        self._tensors = [tensor for tensor in tensors if tensor.dtype == torch.float32]
        self._nothing = [torch.zeros_like(tensor) for tensor in self._tensors]
        self._nothing.append(self._nothing[0].new_zeros(()))

    def cut(self, batch: Batch) -> tuple[Batch, float]:
        """The rows of a batch that this process takes, and their share of the batch.

        Where there are fewer rows than processes, some take the first row with a share of 0: so
        they draw the same masks and sum the same gradients as the others.
        """
        if self.part is None:
            return batch, 1.0
        inputs, targets = batch
        n = len(targets)
        begin, end = self.rank * n // self.size, (self.rank + 1) * n // self.size
        rows = slice(begin, end) if begin < end else slice(0, 1)
        self.part.n_rows, self.part.rows = n, rows
        own = {name: None if value is None else value[rows] for name, value in inputs.items()}
        return (own, targets[rows]), (end - begin) / n

    def sum_gradients(self, loss: Tensor) -> Tensor:
        """Sum the gradients over the processes, in place; returns the sum of the losses."""
        if self.size == 1:
            return loss
        pairs = zip(self._tensors, self._nothing, strict=False)
        gradients = [zero if tensor.grad is None else tensor.grad for tensor, zero in pairs]
        *sums, loss = self._sum([*gradients, loss])
        for tensor, gradient in zip(self._tensors, sums, strict=True):
            tensor.grad = gradient if tensor.requires_grad else None
        return loss

    @torch.no_grad()
    def of_first(self, number: float) -> float:
        """The number that the first process has. All take its weights and buffers, too.

        Other processors may round in other ways, and what a module of the user's own notes down
        of its rows is different in each process.
        """
        if self.size == 1:
            return number
        first = self._nothing
        if self.rank == 0:
            first = [*self._tensors, torch.full_like(first[-1], number)]
        *sums, found = self._sum(first)
        for tensor, value in zip(self._tensors, sums, strict=True):
            tensor.copy_(value)
        return found.item()

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in one of the processes."""
        if self.size == 1:
            return flag
        *nothing, zero = self._nothing
        return bool(self._sum([*nothing, torch.full_like(zero, flag)])[-1] > 0)

    def end_together(self) -> None:
        """Wait until all processes have come to the end of the fit."""
        self.any(False)
        self.end()

    def fail(self) -> None:
        """Tell the others, which wait in the next exchange of this fit."""
        if not self.fitting:
            return
        nothing = self._nothing or [torch.zeros(self.size, dtype=torch.float64, device="cpu")]
        with suppress(RuntimeError):
            self._sum(nothing, failed=True)

    def end(self) -> None:
        """No process expects another exchange: the fit is done, or all raise the same error."""
        self.fitting = False
        self._tensors, self._nothing = [], []

    def _sum(self, tensors: list[Tensor], failed: bool = False) -> list[Tensor]:
        flag = tensors[0].new_full((1,), failed)
        flat = torch.cat([*(tensor.detach().reshape(-1) for tensor in tensors), flag])
        gone = None
        try:
            dist.all_reduce(flat, group=self.group)
        except RuntimeError as error:
            gone = error  # its traceback holds what was exchanged
        else:
            wait_until_free(flat)
        if gone or flat[-1] > 0:
            self.end()
            raise RuntimeError(
                "The fit was stopped because it failed in another process of data_parallel, or "
                "because that process is gone. Its own message says why."
            ) from gone
        parts = flat[:-1].split([tensor.numel() for tensor in tensors])
        return [part.view(tensor.shape) for part, tensor in zip(parts, tensors, strict=True)]


def wait_until_free(tensor: Tensor) -> None:
    """Wait until gloo's thread has let go of a tensor that it has exchanged.

    It does so a little after the result is there. A tensor that Python has let go of before is
    freed by the thread, which takes the interpreter's lock for it: a process group that ended
    meanwhile would hold the lock and wait for the thread.
    """
    owners: Any = tensor  # torch's own annotations do not know _use_count
    while _END_HOLDS_THE_LOCK and not tensor.is_cuda and owners._use_count() > 1:
        time.sleep(0)


ALONE = Share()
_SHARE = ContextVar("sklstm_share", default=ALONE)


def current_share() -> Share:
    """The part that fits take here; alone in threads that the user starts, too."""
    return _SHARE.get()


@contextmanager
def shared(share: Share) -> Iterator[None]:
    """Within, fits take this part."""
    token = _SHARE.set(share)
    try:
        yield
    finally:
        _SHARE.reset(token)


@contextmanager
def all_or_none() -> Iterator[None]:
    """A fit that fails in one process fails in all, and none waits for it.

    A process that Ctrl-C stops is not expected to go on.
    """
    share = current_share()
    if share.fitting:  # a callback fits something else
        share = ALONE
    try:
        share.fitting = share.size > 1
        with shared(share):
            yield
    except Exception:
        share.fail()
        raise
    finally:
        share.end()
