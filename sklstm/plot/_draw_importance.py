"""The panel of an ImportanceDisplay; imported when one is drawn, because of matplotlib."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import _canvas
from ._times import time_texts
from ._top import largest

if TYPE_CHECKING:
    from ._importance import ImportanceDisplay

FloatArray = NDArray[np.float64]
FIRST, SECOND = _canvas.COLOURS[5], _canvas.COLOURS[0]


def draw(display: "ImportanceDisplay", n_top: int) -> None:
    """Draw on the display's own axes."""
    if display.importances.ndim == 2:
        _heat_map(display)
    elif display.times is not None:
        _over_time(display)
    else:
        _largest(display, n_top)


def _heat_map(display: "ImportanceDisplay") -> None:
    ax, values, label = display.ax_, display.importances, display.label
    if display.total is not None:
        values, label = display.total, f"{display.series[1]} {label}"
    image = _canvas.heat_map(ax, values.T, signed=False)
    _canvas.name_ticks(ax.yaxis, display.names)
    _time_axis(display)
    display.shown_ = np.arange(display.importances.size)
    display.artists_ = [image, _canvas.colour_bar(image, ax, _canvas.shortened(label, 60))]


def _time_axis(display: "ImportanceDisplay") -> None:
    assert display.times is not None
    _canvas.name_ticks(display.ax_.xaxis, time_texts(display.times))
    display.ax_.set_xlim(-0.5, len(display.times) - 0.5)
    _canvas.axis_label(display.ax_, x="time step")


def _over_time(display: "ImportanceDisplay") -> None:
    display.shown_ = np.arange(len(display.importances))
    _parts(display, display.shown_, None)
    _time_axis(display)
    _canvas.axis_label(display.ax_, y=_canvas.wrapped(display.label, display.ax_, 1))
    display.ax_.axhline(0, color=_canvas.ink(), linewidth=0.6)


def _largest(display: "ImportanceDisplay", n_top: int) -> None:
    ax, n = display.ax_, len(display.importances)
    sizes = display.importances if display.total is None else display.total
    n_bars = min(n_top, _canvas.n_names_fit(ax) - (display.total is not None))
    shown = display.shown_ = largest(sizes, n_bars)
    names = [_canvas.shortened(display.names[i], _canvas.name_length(ax)) for i in shown]
    others = None
    if len(shown) < n:
        others = np.setdiff1d(np.arange(n), shown)
        names.append(f"other {len(others)}, {'sum' if display.additive else 'mean'}")
    _parts(display, shown, others)
    ax.set_yticks(np.arange(len(names)), names, fontsize=_canvas.SMALL)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.locator_params(axis="x", nbins=5)
    _canvas.axis_label(ax, x=_canvas.wrapped(display.label, ax, 0))
    ax.axvline(0, color=_canvas.ink(), linewidth=0.6)


def _parts(display: "ImportanceDisplay", shown: NDArray[np.int64], others: Any) -> None:
    """Boxes, or one or two series of bars."""
    if display.repeats is not None:
        display.artists_ = _boxes(display, shown, others)
        return
    if display.total is None:
        display.artists_ = _bars(
            display, display.importances, display.interval, shown, others, 0, 0.8, SECOND
        )
        return
    display.artists_ = _bars(
        display, display.importances, display.interval, shown, others, -0.2, 0.4, FIRST
    ) + _bars(display, display.total, display.total_interval, shown, others, 0.2, 0.4, SECOND)
    first, total = display.artists_[0], display.artists_[len(display.artists_) // 2]
    first.set_label(display.series[0])
    total.set_label(display.series[1])
    _canvas.legend_above(display.ax_, [first, total])


def _bars(
    display: "ImportanceDisplay",
    values: FloatArray,
    interval: FloatArray | None,
    shown: NDArray[np.int64],
    others: Any,
    offset: float,
    width: float,
    colour: str,
) -> list[Any]:
    """Bars from left to right of time steps, from top to bottom of other players."""
    lengths, place = values[shown], np.arange(len(shown)) + offset
    upright = display.times is not None
    if others is not None:
        rest = values[others].sum() if display.additive else values[others].mean()
        lengths, place = np.append(lengths, rest), np.append(place, len(shown) + offset)
    bars: list[Any]
    if upright:
        bars = [_canvas.upright_bars(display.ax_, place, lengths, width=width, colours=colour)]
    else:
        bars = list(display.ax_.barh(place, lengths, width, color=colour))
    if interval is not None:
        ends = interval[shown]
        centre = lengths[: len(shown)]
        reach = np.maximum(np.stack([centre - ends[:, 0], ends[:, 1] - centre]), 0)
        x, y = place[: len(shown)], centre
        display.ax_.errorbar(
            *((x, y) if upright else (y, x)),
            **{"yerr" if upright else "xerr": reach},
            fmt="none",
            ecolor=_canvas.ink(),
            elinewidth=1,
            capsize=2 if len(shown) <= 40 else 0,
        )
    return bars


def _boxes(display: "ImportanceDisplay", shown: NDArray[np.int64], others: Any) -> list[Any]:
    """A box from quartile to quartile, a line at the median, whiskers to the ends."""
    assert display.repeats is not None
    repeats = display.repeats[shown]
    if others is not None:
        rest = display.repeats[others]
        rest = rest.sum(axis=0) if display.additive else rest.mean(axis=0)
        repeats = np.concatenate([repeats, rest[None]])
    low, first, median, third, high = np.quantile(repeats, [0, 0.25, 0.5, 0.75, 1], axis=1)
    place, ax = np.arange(len(repeats)), display.ax_
    upright = display.times is not None
    whiskers, medians = (ax.vlines, ax.hlines) if upright else (ax.hlines, ax.vlines)
    whiskers(place, low, high, color=_canvas.ink(), linewidth=1)
    if upright:
        boxes = ax.bar(
            place, third - first, 0.6, bottom=first, color=FIRST, edgecolor=_canvas.ink()
        )
    else:
        boxes = ax.barh(place, third - first, 0.6, left=first, color=FIRST, edgecolor=_canvas.ink())
    medians(median, place - 0.3, place + 0.3, color=_canvas.COLOURS[1], linewidth=2)
    return list(boxes)
