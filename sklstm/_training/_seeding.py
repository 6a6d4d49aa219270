"""Random numbers from generators of our own; torch's and NumPy's global ones are not touched."""

from numbers import Integral
from typing import Any

import numpy as np
import torch

from ._sharing import current_share


def draw_seed(random_state: Any) -> int:
    """One seed from scikit-learn's ``random_state``; None takes fresh entropy."""
    if random_state is None:
        return int(current_share().entropy().generate_state(1)[0])
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(random_state.randint(2**31 - 1))


def derived_seed(seed: int, *key: int) -> int:
    """An independent seed for each purpose and epoch.

    Every epoch has seeds of its own, so that training can go on after a pickle exactly as it
    would have, without a generator's state being kept.
    """
    return int(np.random.SeedSequence([seed, *key]).generate_state(1, np.uint64)[0])


def seeded_generator(seed: int, *key: int, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator for one purpose of one epoch."""
    generator = torch.Generator(device)
    generator.manual_seed(derived_seed(seed, *key))
    return generator
