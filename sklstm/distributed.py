"""One fit in several processes, on one machine or many."""

import atexit
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.distributed as dist

from ._training import Share, current_share, shared, wait_until_free

__all__ = ["data_parallel"]


class Processes(NamedTuple):
    """What ``data_parallel`` yields.

    Attributes
    ----------
    rank : int
        The number of this process, from 0 on.
    size : int
        How many there are.
    """

    rank: int
    size: int


@contextmanager
def data_parallel(*, timeout: float = 1800.0) -> Iterator[Processes]:
    """Within, the processes that ``torchrun`` has started train each network together.

    Every process runs the same script and calls ``fit`` with the same X and y. All go through the
    same batches; each runs the network on its part of the rows of a batch, and the gradients are
    summed over the processes before the optimizer takes its step. So ``batch_size`` is that of all
    processes together, and the fitted estimator, which is the same in every process, is the one
    that a single process would have, to rounding. Synchronous training of this kind is described
    in [1]_.

    Outside of ``torchrun`` there is one process, and ``fit`` is what it always is.

    Parameters
    ----------
    timeout : float, default=1800.0
        Seconds that a process waits for the others before ``fit`` raises a RuntimeError: longer
        than one of them may need to read X.

    Yields
    ------
    Processes
        ``rank``, the number of this process from 0 on, and ``size``, how many there are. Write
        files where the rank is 0.

    Raises
    ------
    ValueError
        Where ``timeout`` is no number above 0, or too large. From ``fit``, in all processes, where
        they were given different rows or parameters.
    RuntimeError
        From ``fit`` where it has failed in another process, whose own error says why, or where
        that process is gone. A fit succeeds in all processes or in none.

    Notes
    -----
    Fits are shared where they are called in the thread that entered the context, within a search
    or a Pipeline, too, but not in joblib's workers. ``predict``, ``score`` and the ``explain``
    functions do in each process all that they are asked to do. Callbacks run in each process, on
    its part of a batch. With ``random_state=None`` the processes agree on a seed; a splitter of
    scikit-learn needs one.

    What is not shared out: each process reads and standardises all rows (of a memory map a few
    batches at a time), applies the augmentations to whole batches, and runs the validation rows.
    A small network on small batches is faster in one process.

    Of a ``module`` of your own, dropout masks are other ones than in a single process, and batch
    normalisation sees the rows of its process; the running statistics are those of process 0.

    A process group that the script has initialised is used as it is. Otherwise one is initialised
    from the environment, and stays until the process ends. Gradients travel by gloo on CPUs, by
    NCCL on GPUs, where each process takes the one that ``LOCAL_RANK`` counts.

    References
    ----------
    .. [1] Goyal et al. (2017), "Accurate, large minibatch SGD: training ImageNet in 1 hour",
       arXiv:1706.02677.

    Examples
    --------
    A script ``train.py``, which ``torchrun --nproc-per-node 2 train.py`` runs in two processes and
    ``python train.py`` in one:

    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.distributed import data_parallel
    >>> X = np.random.default_rng(0).normal(size=(200, 10, 3))
    >>> y = X[:, -1, 0]
    >>> with data_parallel() as processes:
    ...     model = LSTMRegressor(hidden_size=8, max_epochs=3, random_state=0).fit(X, y)
    >>> if processes.rank == 0:
    ...     model.predict(X[:5]).shape
    (5,)
    """
    if not isinstance(timeout, Real) or isinstance(timeout, bool) or not 0 < timeout < math.inf:
        raise ValueError(
            f"The 'timeout' parameter must be a number above 0. Got {timeout!r} instead."
        )
    try:
        wait = timedelta(seconds=float(timeout))
    except OverflowError as error:
        raise ValueError(f"The 'timeout' parameter is too large: {timeout!r} seconds.") from error
    share = current_share()
    if share.size > 1 or not _join_the_others(wait):
        yield Processes(share.rank, share.size)
        return
    on_gpus = torch.cuda.is_available() and dist.is_nccl_available()
    # A group of our own: what the script exchanges cannot come between.
    group = dist.new_group(backend="cpu:gloo,cuda:nccl" if on_gpus else "gloo", timeout=wait)
    try:
        seed = torch.tensor(int(np.random.SeedSequence().generate_state(1)[0]), device="cpu")
        dist.broadcast(seed, src=0, group=group)
        wait_until_free(seed)
        share = Share(dist.get_rank(), dist.get_world_size(), group, int(seed))
        with _own_gpu() if on_gpus else nullcontext(), shared(share):
            yield Processes(share.rank, share.size)
    finally:
        dist.destroy_process_group(group)


def _join_the_others(wait: timedelta) -> bool:
    """Whether there are others. Where torchrun has started them, all meet here."""
    if not dist.is_available():
        return False
    if not dist.is_initialized() and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        dist.init_process_group(timeout=wait)
        atexit.register(_leave)
    return dist.is_initialized() and dist.get_world_size() > 1


def _leave() -> None:
    # torchrun's meeting point lets nobody in twice, so the group stays until the end.
    if dist.is_initialized():
        dist.destroy_process_group()


def _own_gpu() -> Any:
    """Within, the current device is the one of this process."""
    local_rank = int(os.environ.get("LOCAL_RANK", dist.get_rank()))
    return torch.cuda.device(local_rank % torch.cuda.device_count())
