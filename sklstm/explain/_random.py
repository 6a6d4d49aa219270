"""Random states that leave the caller's global one alone."""

from typing import Any

import numpy as np
from sklearn.utils import check_random_state


def own_random_state(random_state: Any) -> np.random.RandomState:
    """scikit-learn's ``random_state``; None is fresh in every call, and not the global state."""
    try:
        return check_random_state(np.random.RandomState() if random_state is None else random_state)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "The 'random_state' parameter must be None, an int from 0 to 2**32 - 1 or a "
            f"RandomState instance. Got {random_state!r} instead."
        ) from error
