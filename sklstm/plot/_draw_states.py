"""Panels of units by time; imported when one is drawn, because of matplotlib."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from . import _canvas
from ._times import time_texts


def draw_units(
    ax: Axes,
    values: NDArray[Any],
    times: Sequence[Any],
    units: Sequence[int],
    *,
    title: str,
    signed: bool,
    top: float | None,
) -> AxesImage:
    """A heat map of values of shape (n_timesteps, hidden_size), one row for each unit."""
    image = _canvas.heat_map(ax, values.T, signed=signed, top=top)
    _canvas.name_ticks(ax.yaxis, units)
    _canvas.name_ticks(ax.xaxis, time_texts(times))
    _canvas.title(ax, title)
    return image
