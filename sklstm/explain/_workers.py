"""joblib's workers."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from numbers import Integral
from typing import Any

from joblib import Parallel, delayed

# Losses, one after the other without a result between them, with which a call goes on. Dask gives a
# task as many.
LOSSES = 3


def check_n_jobs(n_jobs: Any) -> None:
    """Raise where it is no number of joblib workers."""
    if n_jobs is None:
        return
    if not isinstance(n_jobs, Integral) or isinstance(n_jobs, bool) or n_jobs == 0:
        raise ValueError(
            f"The 'n_jobs' parameter must be None or an int other than 0. Got {n_jobs!r} instead."
        )


class _OwnError(Exception):
    """A CancelledError of the function itself, which Dask did not lose."""


class _Common:
    """A function and the arguments that all its tasks have in common."""

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self.function = function
        self.arguments = arguments

    def __call__(self, *own: Any) -> Any:
        return self.function(*self.arguments, *own)

    def __sizeof__(self) -> int:
        # Dask sends an argument that is large to each worker once, a small one with every task,
        # and does not see what is inside of ours.
        return 2**20


def task_of(function: Callable[..., Any], *common: Any) -> Callable[..., Any]:
    """From arguments of a call, which follow the ``common`` ones, to a task for joblib."""
    bound = _Common(function, common)
    return lambda *own: delayed(_called)(bound, *own)


def in_order(
    task: Callable[..., Any], items: Sequence[Any], n_jobs: int | None, return_as: str = "generator"
) -> Iterator[Any]:
    """Results of the tasks of the items, in their order.

    Dask cannot make again what was sent to a worker that died before another one had it, and gives
    up all tasks that need it. It is sent again then, with the tasks whose results are missing.

    Parameters
    ----------
    task : callable
        From an item to a task for joblib.
    items : sequence
    n_jobs : int or None
    return_as : {"generator", "list"}
        Of ``joblib.Parallel``; a list comes from every backend.

    Raises
    ------
    RuntimeError
        Where it was lost ``LOSSES`` times more.
    """
    done = losses = 0
    while done < len(items):
        try:
            with Parallel(n_jobs=n_jobs, return_as=return_as) as parallel:
                for result in parallel(task(item) for item in items[done:]):
                    yield result
                    done, losses = done + 1, 0
        except _OwnError as error:
            raise error.args[0] from error.__cause__
        except CancelledError as error:
            losses += 1
            if losses > LOSSES:
                raise RuntimeError(
                    f"Dask's workers died {losses} times with the data that the tasks have in "
                    f"common, which no other worker had, and {done} of {len(items)} tasks are "
                    "done. The logs of the workers say why; often the data and the model do not "
                    "fit into their memory."
                ) from error


def _called(bound: _Common, *own: Any) -> Any:
    try:
        return bound(*own)
    except CancelledError as error:
        raise _OwnError(error) from None
