"""joblib's workers."""

from collections.abc import Callable
from numbers import Integral
from typing import Any

from joblib import delayed


def check_n_jobs(n_jobs: Any) -> None:
    """Raise where it is no number of joblib workers."""
    if n_jobs is None:
        return
    if not isinstance(n_jobs, Integral) or isinstance(n_jobs, bool) or n_jobs == 0:
        raise ValueError(
            f"The 'n_jobs' parameter must be None or an int other than 0. Got {n_jobs!r} instead."
        )


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


def _called(bound: _Common, *own: Any) -> Any:
    return bound(*own)
