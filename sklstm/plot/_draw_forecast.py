"""The panel of a ForecastDisplay; imported when one is drawn, because of matplotlib."""

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from numpy.typing import NDArray

from . import _canvas
from ._quantiles import bands_of
from ._times import as_times, time_texts

if TYPE_CHECKING:
    from ._forecast import ForecastDisplay

FloatArray = NDArray[np.float64]
PREDICTED = _canvas.COLOURS[0]
# More would lie on the same pixel.
N_STRETCHES = 1000
N_DOTS = 150


def draw(display: "ForecastDisplay") -> None:
    """Draw on the display's own axes."""
    ax, x = display.ax_, _positions(display)
    order = np.argsort(x, kind="stable")
    x = x[order]
    bands, n_bands = display.bands(), len(display.bands())
    display.bands_, display.lines_ = [], []
    for k, (label, low, high) in enumerate(bands):
        low, high = low[order], high[order]
        shown = np.union1d(extremes(low), extremes(high))
        display.bands_.append(
            ax.fill_between(
                x[shown],
                low[shown],
                high[shown],
                color=PREDICTED,
                alpha=0.2 + 0.2 * k / max(n_bands - 1, 1),
                linewidth=0,
                label=label,
            )
        )

    def line(values: FloatArray, **style: Any) -> None:
        shown = extremes(values[order])
        display.lines_.extend(ax.plot(x[shown], values[order][shown], **style))

    few = len(x) <= N_DOTS
    alone = {"marker": "o", "markersize": 4} if len(x) == 1 else {}
    line(display.predictions, color=PREDICTED, linewidth=1.2, label="prediction", **alone)
    if display.observed is not None:
        style = {"linestyle": "", "marker": "."} if few else {"linewidth": 0.6}
        line(display.observed, color=_canvas.ink(), label="observed", **style)
    _other_quantiles(display, line)
    _label(display)


def _positions(display: "ForecastDisplay") -> Any:
    """Dates or numbers; places of texts."""
    times = as_times(display.index)
    if times is not None:
        return times
    try:
        return np.asarray(display.index, dtype=np.float64)
    except (TypeError, ValueError):
        return np.arange(len(display.index))


def extremes(values: FloatArray) -> NDArray[np.int64]:
    """Positions of the smallest and the largest value of each of many stretches; all of few."""
    n = len(values)
    if n <= 2 * N_STRETCHES:
        return np.arange(n)
    ends = np.linspace(0, n, N_STRETCHES + 1).astype(np.int64)
    kept = [0, n - 1]
    for start, stop in pairwise(ends):
        part = values[start:stop]
        if not np.isnan(part).all():
            kept += [start + int(np.nanargmin(part)), start + int(np.nanargmax(part))]
    return np.unique(kept)


def _other_quantiles(display: "ForecastDisplay", line: Any) -> None:
    """Quantiles that have no partner."""
    if display.levels is None or display.quantiles is None:
        return
    paired = {k for band in bands_of(display.levels) for k in band}
    alone = [k for k, level in enumerate(display.levels) if k not in paired and level != 0.5]
    for number, k in enumerate(alone):
        style = _canvas.LINE_STYLES[1 + number % (len(_canvas.LINE_STYLES) - 1)]
        label = f"{100 * display.levels[k]:.3g} % quantile"
        line(display.quantiles[:, k], color=PREDICTED, linewidth=0.8, linestyle=style, label=label)


def _label(display: "ForecastDisplay") -> None:
    ax = display.ax_
    dates = as_times(display.index) is not None
    if dates:
        locator = AutoDateLocator(minticks=3, maxticks=6)
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    elif any(isinstance(time, str) for time in display.index):
        _canvas.name_ticks(ax.xaxis, time_texts(list(display.index)))
    else:
        ax.locator_params(axis="x", nbins=6)
    ax.margins(x=0.01)
    name = getattr(display.index, "name", None)
    _canvas.axis_label(
        ax,
        x=str(name) if name is not None else "time" if dates else "row",
        y=_canvas.wrapped(display.label, ax, 1),
    )
    _canvas.legend_above(ax)
