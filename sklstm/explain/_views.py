"""Other views of an Explanation: one output, sums of cells, means over rows."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._levels import read_level
from ._names import names_by_axis, real_steps

if TYPE_CHECKING:
    from ._explanation import Explanation

FloatArray = NDArray[np.float64]


def one_output(e: "Explanation", which: tuple[int | str, ...]) -> dict[str, Any]:
    """Fields of the explanation of one output, or of the leading axes of it."""
    out = e.output_values.shape[1:]
    if not 1 <= len(which) <= len(out):
        raise ValueError(
            f"output() takes 1 to {len(out)} of the output axes {out}. Got {which!r}."
            if out
            else "This explanation has one output. output() has nothing to choose from."
        )
    names = names_by_axis(e)
    index = tuple(map(_position, which, names, out))
    kept = names[len(which) :]
    chosen = [str(i) if axis is None else axis[i] for i, axis in zip(index, names, strict=False)]
    of_row: Any = (slice(None), *index)
    of_player: Any = (slice(None),) * (e.values.ndim - len(out)) + index
    return {
        "values": e.values[of_player],
        "standard_error": None if e.standard_error is None else e.standard_error[of_player],
        "base_values": e.base_values[of_row],
        "output_values": e.output_values[of_row],
        "local_fidelity": None if e.local_fidelity is None else e.local_fidelity[of_row],
        "output_names": kept if len(kept) > 1 else kept[0] if kept else [", ".join(chosen)],
    }


def _position(which: Any, names: Sequence[str] | None, size: int) -> int:
    """Position of an output that is given by position or name."""
    if isinstance(which, str):
        if names is not None and names.count(which) == 1:
            return names.index(which)
        known = "The outputs have no names." if names is None else f"The outputs are {names}."
    else:
        known = f"There are {size} outputs."
        if _is_int(which) and -size <= which < size:
            return int(which) % size
    raise ValueError(f"There is no single output {which!r}. {known}")


def _is_int(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def sums_of_cells(e: "Explanation", players: str | int | Mapping[str, Any]) -> dict[str, Any]:
    """Fields of the explanation of features, time steps, windows or groups."""
    columns = e.feature_names if e.data.ndim == 2 else None
    n_timesteps = e.n_timesteps or e.data.shape[1]
    names = e.feature_names
    if columns is not None:
        names = [f"x{i}" for i in range(len(columns) // n_timesteps)]
    level = read_level(players, n_timesteps, names, columns, "players")
    cells = e.values.reshape(len(e), level.table.size, *e.output_values.shape[1:])
    table = level.table.ravel()
    sums = [cells[:, table == player].sum(axis=1) for player in range(level.n_players)]
    return {
        "values": np.stack(sums, axis=1),
        "level": level.name,
        "player_names": level.names,
        "player_of_cell": level.of_cells(e.data.shape[1:]),
    }


def sums_over_windows(e: "Explanation") -> dict[str, Any]:
    """Fields of the explanation of a table's rows, each in all windows that contain it."""
    rows = e.table_rows
    if rows is None or e.level != "cell":
        raise ValueError(
            "by('table') sums the cells of windows, which a SlidingWindow makes of a table. This "
            f"explanation is of {e.level}s"
            + (", and not of such windows." if rows is None else ". Explain at level='cell'.")
        )
    own = rows[:, -1]  # the row that each window ends at
    known, place = np.unique(own, return_inverse=True)
    nearest = np.minimum(np.searchsorted(known, rows), len(known) - 1)
    inside = known[nearest] == rows
    sums = np.zeros((len(known), *e.values.shape[2:]))
    np.add.at(sums, nearest[inside], e.values[inside])
    return {
        "values": sums[place],
        "base_values": np.full_like(e.base_values, np.nan),
        "data": e.data[:, -1],
        "lengths": None,
        "standard_error": None,
        "player_names": None,
        "n_timesteps": None,
        "table_rows": None,
        "local_fidelity": None,
    }


def over_rows(e: "Explanation", operation: str) -> dict[str, Any]:
    """Fields of the mean or sum over the rows in which an output exists."""
    if not len(e):
        raise ValueError(f"There are no rows to take the {operation} of.")
    exists = ~np.isnan(e.output_values)
    count = exists.sum(axis=0, keepdims=True)
    weight = 1 / np.maximum(count, 1) if operation == "mean" else np.ones(count.shape)
    nowhere = np.where(count, 0, np.nan)

    def along_players(array: NDArray[Any]) -> NDArray[Any]:
        players = (1,) * (e.values.ndim - array.ndim)
        return array.reshape(len(array), *players, *array.shape[1:])

    def total(array: FloatArray, where: NDArray[np.bool_]) -> FloatArray:
        return np.sum(array, axis=0, keepdims=True, where=where)

    return {
        "values": total(e.values, along_players(exists)) * along_players(weight),
        "base_values": total(e.base_values, exists) * weight + nowhere,
        "output_values": total(e.output_values, exists) * weight + nowhere,
        "data": mean_of_real(e.data, axis=0)[None],
        "lengths": None if e.lengths is None else real_steps(e).any(axis=0).sum(keepdims=True),
        "standard_error": None,
        "table_rows": None,
        "local_fidelity": None,
    }


def mean_of_real(data: FloatArray, axis: int) -> FloatArray:
    """Mean of what is not NaN; NaN where there is nothing else."""
    count = np.sum(~np.isnan(data), axis=axis)
    return np.divide(np.nansum(data, axis=axis), count, out=count * np.nan, where=count > 0)
