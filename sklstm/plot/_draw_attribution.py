"""The panels of an AttributionDisplay; imported when one is drawn, because of matplotlib."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from . import _canvas
from ._logo import LONGEST_SYMBOL, draw_logo
from ._times import time_texts
from ._top import largest, strongest_stretch

if TYPE_CHECKING:
    from ._attribution import AttributionDisplay

N_SERIES = 5
N_SYMBOLS = 60


def draw(display: "AttributionDisplay", ax: Any, kind: str) -> None:
    """Draw on the display's own attributes."""
    over_time = display.times is not None
    reading = kind == "logo" or not over_time
    series = over_time and display.symbols is None and display.data is not None
    if series and kind != "logo":
        display.axes_ = _canvas.split_axes(ax, (2, 1), (1.0, 1.3)).ravel()
        _series(display.axes_[0], display)
    else:
        display.axes_ = np.array([_canvas.one_axes(ax)])
    below = display.ax_ = display.axes_[-1]
    display.figure_ = _canvas.root_figure(below)
    draw_panel = {
        "heatmap": _heat_map,
        "waterfall": _waterfall,
        "logo": _logo,
        "bars": _bars_over_time if over_time else _bars,
    }[kind]
    note = draw_panel(below, display)
    _canvas.title(display.axes_[0], _sum_text(display) + note)
    if not reading:
        _time_axis(below, display)


def _sum_text(display: "AttributionDisplay") -> str:
    base, output = display.base_value, display.output_value
    if np.isnan(base):
        return display.label
    return f"{display.label}: {output:.3g} = usual {base:.3g} {output - base:+.3g}"


def _time_axis(ax: Axes, display: "AttributionDisplay") -> None:
    assert display.times is not None
    texts = time_texts(display.times)
    if display.symbols is not None:
        texts = list(display.symbols)
    _canvas.name_ticks(ax.xaxis, texts)
    ax.set_xlim(-0.5, len(texts) - 0.5)
    _canvas.axis_label(ax, x="time step" if display.symbols is None else "symbol")
    display.shown_ = np.arange(len(texts))


def _series(ax: Axes, display: "AttributionDisplay") -> None:
    """The features with the largest attributions, on one scale where it shows all of them."""
    data = display.data
    assert data is not None
    n = data.shape[1]
    sizes = np.abs(display.values).sum(axis=0) if display.values.ndim == 2 else np.zeros(n)
    known = np.any(np.isfinite(data), axis=0)
    order = [i for i in largest(sizes, n) if known[i]]
    shown = sorted(order[:N_SERIES])
    lines = [data[:, i] for i in shown]
    scaled = not _on_one_scale(lines)
    for k, (i, line) in enumerate(zip(shown, lines, strict=True)):
        ax.plot(
            _unit_scale(line) if scaled else line,
            color=_canvas.COLOURS[k],
            linestyle=_canvas.LINE_STYLES[k],
            marker="." if len(line) <= 40 else None,
            markersize=4,
            linewidth=1.2,
            label=_canvas.shortened(display.names[i], _canvas.name_length(ax)),
        )
    label = _canvas.shortened(display.names[shown[0]], 14) if len(shown) == 1 else "data"
    few = f" ({len(shown)} of {data.shape[1]})" if len(shown) < data.shape[1] else ""
    _canvas.axis_label(ax, y=("scaled" if scaled else label) + few)
    _canvas.legend(ax, len(shown))
    ax.locator_params(axis="y", nbins=4)


def _on_one_scale(lines: list[NDArray[np.float64]]) -> bool:
    if len(lines) < 2:
        return True
    spans = [np.nanmax(line) - np.nanmin(line) for line in lines]
    whole = np.nanmax(lines) - np.nanmin(lines)
    return all(span >= 0.15 * whole for span in spans if span > 0)


def _unit_scale(line: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = np.nanmin(line), np.nanmax(line)
    return (line - low) / (high - low) if high > low else np.where(np.isnan(line), np.nan, 0.5)


def _heat_map(ax: Axes, display: "AttributionDisplay") -> str:
    image = _canvas.heat_map(ax, display.values.T, signed=True)
    _canvas.name_ticks(ax.yaxis, display.names)
    display.artists_ = [image, _canvas.colour_bar(image, ax, "added to output")]
    return ""


def _bars_over_time(ax: Axes, display: "AttributionDisplay") -> str:
    values = display.by_time()
    bars = _canvas.upright_bars(
        ax, np.arange(len(values)), values, width=0.9, colours=_colours(values)
    )
    ax.axhline(0, color=_canvas.ink(), linewidth=0.6)
    _canvas.axis_label(ax, y="added to output")
    display.artists_ = [bars]
    return ""


def _waterfall(ax: Axes, display: "AttributionDisplay") -> str:
    values = display.by_time()
    after = display.base_value + np.cumsum(values)
    place = np.arange(len(values))
    bars = _canvas.upright_bars(
        ax, place, values, bottom=after - values, width=1.0, colours=_colours(values)
    )
    steps = ax.stairs(
        after,
        np.arange(len(values) + 1) - 0.5,
        baseline=None,
        color=_canvas.ink(),
        linewidth=0.6,
    )
    ax.axhline(display.base_value, color=_canvas.ink(), linestyle=":", linewidth=1, label="usual")
    ax.axhline(
        display.output_value, color=_canvas.ink(), linestyle="--", linewidth=1, label="output"
    )
    _canvas.axis_label(ax, y="output so far")
    _canvas.legend(ax, 2)
    ax.locator_params(axis="y", nbins=5)
    display.artists_ = [bars, steps]
    return ""


def _bars(ax: Axes, display: "AttributionDisplay") -> str:
    """One bar for each of the largest players, and one for the others."""
    values = display.values
    shown = largest(np.abs(values), min(20, _canvas.n_names_fit(ax)))
    names = [_name_and_data(display, i, _canvas.name_length(ax)) for i in shown]
    heights = values[shown]
    if len(shown) < len(values):
        names.append(f"other {len(values) - len(shown)}, sum")
        heights = np.append(heights, values.sum() - heights.sum())
    display.shown_ = shown
    display.artists_ = horizontal_bars(ax, heights, names)
    _canvas.axis_label(ax, x="added to output")
    return ""


def horizontal_bars(ax: Axes, values: NDArray[np.float64], names: list[str]) -> list[Any]:
    """Signed bars from top to bottom."""
    bars = ax.barh(np.arange(len(values)), values, height=0.8, color=_colours(values))
    ax.axvline(0, color=_canvas.ink(), linewidth=0.6)
    ax.set_yticks(np.arange(len(values)), names, fontsize=_canvas.SMALL)
    ax.set_ylim(len(values) - 0.5, -0.5)
    ax.locator_params(axis="x", nbins=5)
    return list(bars)


def _name_and_data(display: "AttributionDisplay", i: int, longest: int) -> str:
    name = _canvas.shortened(display.names[i], longest)
    if display.data is None or np.isnan(display.data[i]):
        return name
    return f"{name} = {display.data[i]:.3g}"


def _logo(ax: Axes, display: "AttributionDisplay") -> str:
    """Symbols as high as what they added; words get a bar each."""
    assert display.symbols is not None and display.times is not None
    values, texts = display.by_time(), time_texts(display.times)
    words = max(map(len, display.symbols)) > LONGEST_SYMBOL
    fitting = min(N_SYMBOLS, _canvas.n_names_fit(ax)) if words else N_SYMBOLS
    part = strongest_stretch(values, fitting)
    shown, symbols = values[part], display.symbols[part]
    display.shown_ = np.arange(part.start, part.stop)
    if words:
        names = [_canvas.shortened(symbol, _canvas.name_length(ax)) for symbol in symbols]
        display.artists_ = horizontal_bars(ax, shown, names)
        _canvas.axis_label(ax, x="added to output")
    else:
        display.artists_ = draw_logo(ax, shown, symbols, sorted(set(display.symbols)))
        _canvas.name_ticks(ax.xaxis, texts[part])
        _canvas.axis_label(ax, x="position", y="added to output")
    if len(shown) == len(values):
        return ""
    return (
        f"\nstrongest {fitting} of {len(values)} positions: {texts[part][0]} to {texts[part][-1]}"
    )


def _colours(values: NDArray[np.float64]) -> list[str]:
    return [_canvas.POSITIVE if value >= 0 else _canvas.NEGATIVE for value in values]
