"""Absolute values of the players that rows have."""

import numpy as np
from numpy.typing import NDArray

from ..explain import Explanation
from ..explain._names import real_steps
from ._game import check_explanation

FloatArray = NDArray[np.float64]


def sizes_of(
    explanation: Explanation, name: str = "explanation"
) -> tuple[FloatArray, NDArray[np.bool_], tuple[int, ...]]:
    """Absolute values (n, n_players, k), which players each row has, and the outputs' shape.

    Of outputs that do not exist the values are NaN. ``name`` is that of the parameter.
    """
    check_explanation(explanation, name)
    e, n, out = explanation, len(explanation), explanation.output_values.shape[1:]
    sizes = np.abs(e.values).reshape(n, e.n_players, -1)
    missing = np.isnan(e.output_values.reshape(n, 1, -1))
    return np.where(missing, np.nan, sizes), _present(e), out


def _present(e: Explanation) -> NDArray[np.bool_]:
    """Which players have a real cell in each row, (n, n_players)."""
    present = np.ones((len(e), e.n_players), dtype=np.bool_)
    if e.lengths is None:
        return present
    real = real_steps(e)
    if e.level == "cell":
        return np.repeat(real, e.data.shape[2], axis=1)
    if e.level == "timestep":
        return real
    if e.player_of_cell is not None:
        for player in range(e.n_players):
            steps = (e.player_of_cell == player).any(axis=1)
            present[:, player] = real[:, steps].any(axis=1)
    return present
