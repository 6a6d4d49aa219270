"""An Explanation as a table, as the record that shap plots, and as text."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._names import n_features, names_by_axis, real_steps
from ._views import mean_of_real

if TYPE_CHECKING:
    from ._explanation import Explanation

FloatArray = NDArray[np.float64]


def to_frame(e: "Explanation") -> Any:
    """See ``Explanation.to_frame``."""
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError("Explanation.to_frame requires pandas. Install pandas.") from error

    out = e.output_values.shape[1:]
    shape = e.values.shape[: e.values.ndim - len(out)]
    kept = np.ones(e.values.shape, dtype=np.bool_)
    if e.lengths is not None and e.level in ("cell", "timestep"):
        steps = real_steps(e)
        kept &= steps.reshape(steps.shape + (1,) * (e.values.ndim - 2))
    exists = ~np.isnan(e.output_values)
    kept &= exists.reshape(len(e), *(1,) * (len(shape) - 1), *out)

    index = np.nonzero(kept)
    columns: dict[str, Any] = {"sample": index[0]}
    if len(shape) == 3:
        columns["timestep"] = index[1]
        columns["feature"] = _named(e.feature_names, index[2])
    elif e.level == "timestep":
        columns["timestep"] = index[1]
    else:
        columns["group" if e.level == "group" else "feature"] = _named(e.player_names, index[1])
    for axis, names in enumerate(names_by_axis(e)):
        key = "output" if len(out) == 1 else f"output_{axis}"
        columns[key] = _named(names, index[len(shape) + axis])
    columns["value"] = e.values[index]
    data = data_of_players(e)
    if data is not None:
        columns["data"] = data.reshape(shape)[index[: len(shape)]]
    if e.standard_error is not None:
        columns["standard_error"] = e.standard_error[index]
    return pd.DataFrame(columns)


def _named(names: Sequence[str] | None, positions: NDArray[np.int64]) -> NDArray[Any]:
    return positions if names is None else np.asarray(names, dtype=object)[positions]


def to_shap(e: "Explanation") -> Any:
    """See ``Explanation.to_shap``."""
    import shap

    out = e.output_values.shape[1:]
    return shap.Explanation(
        e.values.reshape(len(e), e.n_players, *out).copy(),
        base_values=e.base_values.copy(),
        data=data_of_players(e),
        feature_names=list(e.player_names or ()),
        output_names=list(e.output_names) if e.output_names and len(out) == 1 else None,
    )


def data_of_players(e: "Explanation") -> FloatArray | None:
    """One number for each player, shape (n, n_players); None of groups, which have no value."""
    n = len(e)
    if e.level == "group":
        return None
    if e.level == "cell" or e.n_timesteps is None:
        return e.data.reshape(n, e.n_players).copy()
    cells = e.data.reshape(n, e.n_timesteps, n_features(e, e.n_timesteps))
    return mean_of_real(cells, axis=1 if e.level == "feature" else 2)


def describe(e: "Explanation") -> str:
    """The lines of ``repr``."""
    rows = "1 row" if len(e) == 1 else f"{len(e)} rows"
    lines = [
        f"Explanation of {rows}: method={e.method!r}, level={e.level!r}, "
        f"response_method={e.response_method!r}",
        f"values {e.values.shape}: {_players_text(e)}, {_outputs_text(e)}",
    ]
    if e.derivation:
        lines.append(f"derived: {', then '.join(e.derivation)}")
    gap = e.additivity_gap[~np.isnan(e.additivity_gap)]
    without = "the values do not add up to outputs" if len(e) else "there are no rows"
    text = f"at most {gap.max():.2g}" if gap.size else f"none, {without}"
    lines.append(f"additivity gap: {text}")
    if e.standard_error is not None and e.standard_error.size:
        lines.append(f"standard error: at most {e.standard_error.max():.2g}")
    if e.local_fidelity is not None and (~np.isnan(e.local_fidelity)).any():
        lines.append(f"local fidelity (R²): at least {np.nanmin(e.local_fidelity):.2g}")
    if e.values.size:
        size = np.abs(e.values).reshape(len(e), e.n_players, -1).mean(axis=(0, 2))
        names = e.player_names or ()
        top = np.argsort(-size, kind="stable")[:3]
        most = ", ".join(f"{names[i]} {size[i]:.3g}" for i in top)
        lines.append(f"largest mean |value|: {most}")
    return "\n  ".join(lines)


def _players_text(e: "Explanation") -> str:
    if e.level != "cell":
        return f"{e.n_players} {e.level.replace('timestep', 'time step')}s"
    if e.data.ndim == 2:
        return f"{e.n_players} columns"
    steps = str(e.n_timesteps) if e.lengths is None else f"{e.lengths.min()}–{e.lengths.max()}"
    return f"{steps} time steps × {e.data.shape[2]} features"


def _outputs_text(e: "Explanation") -> str:
    out = e.output_values.shape[1:]
    names = e.output_names or ()
    if not out:
        return f"output {names[0]}" if names else "one output"
    if len(out) > 1:
        return f"outputs {out}"
    shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    return f"{out[0]} outputs" + (f" ({shown})" if names else "")
