"""The n_jobs parameter."""

from numbers import Integral
from typing import Any


def check_n_jobs(n_jobs: Any) -> None:
    """Raise where it is no number of joblib workers."""
    if n_jobs is None:
        return
    if not isinstance(n_jobs, Integral) or isinstance(n_jobs, bool) or n_jobs == 0:
        raise ValueError(
            f"The 'n_jobs' parameter must be None or an int other than 0. Got {n_jobs!r} instead."
        )
