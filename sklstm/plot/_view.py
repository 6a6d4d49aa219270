"""The numbers of one row of an Explanation, over time where they are."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..explain import Explanation
from ..explain._exports import data_of_players
from ..explain._names import real_steps
from ._checks import labels


def view_of_row(one: Explanation, times: Sequence[Any] | None) -> dict[str, Any]:
    """Values, names, times and data of an explanation of one row and output, without padding."""
    values, data, names = one.values[0], one.data[0], list(one.feature_names)
    if one.level != "timestep" and (one.level != "cell" or one.n_timesteps is None):
        if times is not None:
            raise ValueError("The 'times' parameter must be None for players that are not in time.")
        # Of a feature with several time steps the data would be a mean.
        players = data_of_players(one) if one.n_timesteps is None else None
        return {
            "values": values,
            "names": one.player_names,
            "data": None if players is None else players[0],
        }
    n_timesteps = one.n_timesteps or one.data.shape[1]
    kept = np.arange(n_timesteps)
    steps = list(range(n_timesteps) if times is None else labels("times", times, n_timesteps))
    if one.data.ndim == 3:
        kept = np.flatnonzero(real_steps(one)[0])
    else:  # columns that are time steps
        data = data.reshape(n_timesteps, -1)
        values = values.reshape(data.shape) if one.level == "cell" else values
        if data.shape[1] > 1:
            names = [f"x{i}" for i in range(data.shape[1])]
        else:
            steps, names = (names if times is None else steps), ["value"]
    return {
        "values": values[kept],
        "names": names,
        "times": [steps[i] for i in kept],
        "data": data[kept],
    }
