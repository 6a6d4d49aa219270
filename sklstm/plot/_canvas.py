"""What the displays draw with; imported when one of them is drawn, because of matplotlib."""

from collections.abc import Sequence
from typing import Any, Literal

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import PolyCollection
from matplotlib.gridspec import GridSpec, GridSpecFromSubplotSpec
from matplotlib.image import AxesImage
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from numpy.typing import NDArray

from ._text import SMALL as SMALL
from ._text import n_names_fit as n_names_fit
from ._text import name_length as name_length
from ._text import name_ticks as name_ticks
from ._text import plain as plain
from ._text import root_figure as root_figure
from ._text import shortened as shortened
from ._text import size_in_points as size_in_points
from ._text import wrapped as wrapped

# Okabe & Ito's colours, which people with any colour vision can tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
LINE_STYLES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1, 1, 1)))
# The ends of the diverging map.
POSITIVE, NEGATIVE, NEUTRAL = "#B2182B", "#2166AC", "#777777"
DIVERGING, SEQUENTIAL = "RdBu_r", "viridis"


def ink() -> str:
    """The colour of lines that are neither data nor attributions: white in a dark style."""
    return plt.rcParams["axes.edgecolor"]


def one_axes(ax: Any) -> Axes:
    """The axes to draw on, in a new figure where none is given."""
    if ax is None:
        return plt.subplots(layout="constrained")[1]
    if not isinstance(ax, Axes):
        raise ValueError(f"The 'ax' parameter must be an Axes of matplotlib or None. Got {ax!r}.")
    return ax


def split_axes(
    ax: Any,
    shape: tuple[int, int],
    heights: Sequence[float] | None = None,
    *,
    sharex: Literal["col"] | bool = True,
    sharey: Literal["row"] | bool = False,
) -> NDArray[Any]:
    """Panels that share their axes, mostly that of time, of shape ``shape``.

    Parameters
    ----------
    ax : None, Axes or array of Axes
        None makes a figure; an Axes is split and gives its place away; an array is taken as it is.
    """
    if ax is not None and not isinstance(ax, Axes):
        found = np.asarray(ax, dtype=object)
        if found.size != np.prod(shape) or not all(isinstance(a, Axes) for a in found.ravel()):
            raise ValueError(
                f"The 'ax' parameter must be None, an Axes or {np.prod(shape)} of them. Got {ax!r}."
            )
        return found.reshape(shape)
    if ax is None:
        figure: Any = plt.figure(layout="constrained")
        grid: Any = GridSpec(*shape, figure=figure, height_ratios=heights)
    else:
        figure, place = ax.figure, ax.get_subplotspec()
        if place is None:  # axes that were put somewhere by hand
            box = ax.get_position()
            place = GridSpec(
                1, 1, figure=figure, left=box.x0, right=box.x1, bottom=box.y0, top=box.y1
            )[0]
        if root_figure(ax).get_layout_engine() is None:
            # Nothing else keeps the names, legend and colour bar from the panels beside.
            place = GridSpecFromSubplotSpec(1, 3, place, width_ratios=(0.5, 4, 1), wspace=0)[1]
        grid = GridSpecFromSubplotSpec(*shape, subplot_spec=place, height_ratios=heights)
        ax.remove()
    return np.asarray(grid.subplots(sharex=sharex, sharey=sharey, squeeze=False))


def heat_map(
    ax: Axes, values: NDArray[Any], *, signed: bool, top: float | None = None
) -> AxesImage:
    """Rows of values from top to bottom; colours are centred on 0 where values have signs."""
    if top is None:
        sizes = np.abs(values[np.isfinite(values)])
        top = sizes.max() if sizes.size and sizes.max() > 0 else 1.0
    known = values[np.isfinite(values)]
    return ax.imshow(
        values,
        aspect="auto",
        cmap=colormaps[DIVERGING if signed else SEQUENTIAL].with_extremes(bad="0.85"),
        vmin=-top if signed else min(0.0, known.min(initial=0.0)),
        vmax=top,
    )


def colour_bar(image: AxesImage, ax: Axes, label: str) -> Any:
    """A colour bar beside a panel, which keeps its width: panels share their time axis."""
    place = ax.inset_axes((1.02, 0.0, 0.025, 1.0))
    bar = ax.figure.colorbar(image, cax=place)
    bar.set_label(plain(wrapped(label, ax, 1)), fontsize=SMALL)
    bar.ax.tick_params(labelsize=SMALL)
    bar.ax.yaxis.get_offset_text().set_fontsize(SMALL)
    bar.locator = MaxNLocator(int(np.clip(size_in_points(ax)[1] / (2.5 * SMALL), 1, 5)))
    bar.update_ticks()
    return bar


def upright_bars(
    ax: Axes,
    place: NDArray[Any],
    heights: NDArray[np.float64],
    *,
    width: float,
    colours: Any,
    bottom: Any = 0.0,
) -> PolyCollection:
    """Bars as one artist, which is fast for thousands of time steps."""
    left, right = place - width / 2, place + width / 2
    low = np.broadcast_to(bottom, heights.shape)
    high = low + heights
    corners = [(left, low), (left, high), (right, high), (right, low)]
    outlines = np.stack([np.stack(corner, axis=-1) for corner in corners], axis=1)
    bars = PolyCollection(list(outlines), facecolors=colours, linewidths=0)
    ax.add_collection(bars)
    ax.autoscale_view()
    return bars


def title(ax: Axes, text: str) -> None:
    """A title that does not run out of a small picture."""
    ax.set_title(plain(text), fontsize=SMALL, loc="left", wrap=True)


def axis_label(ax: Axes, *, x: str | None = None, y: str | None = None) -> None:
    """Labels in the size of all others."""
    if x is not None:
        ax.set_xlabel(plain(x), fontsize=SMALL + 1)
    if y is not None:
        ax.set_ylabel(plain(y), fontsize=SMALL + 1)
    ax.tick_params(labelsize=SMALL)
    for axis in (ax.xaxis, ax.yaxis):
        axis.get_offset_text().set_fontsize(SMALL)


def legend(ax: Axes, n_entries: int) -> None:
    """Beside the panel, where it covers nothing; none for a single entry."""
    if n_entries > 1:
        ax.legend(
            loc="upper left",
            bbox_to_anchor=(1.0, 1.03),
            fontsize=SMALL - 1,
            frameon=False,
            borderaxespad=0.2,
            handlelength=1.6,
        )


def legend_above(ax: Axes, handles: Sequence[Any] | None = None) -> None:
    """Above the panel, where it covers nothing, on as many lines as its width asks for."""
    known: Any = ax.get_legend_handles_labels()[0] if handles is None else handles
    texts = [handle.get_label() for handle in known]
    letters = max(map(len, texts), default=1) + 6  # with the piece of line and the gap
    columns = int(size_in_points(ax)[0] / (0.55 * SMALL * letters))
    ax.legend(
        known,
        texts,
        ncols=int(np.clip(columns, 1, len(texts))),
        loc="lower left",
        bbox_to_anchor=(0, 1),
        borderaxespad=0.1,
        fontsize=SMALL,
        frameon=False,
        handlelength=1.6,
        columnspacing=1.2,
    )


def whole_numbers(axis: Axis) -> None:
    """Ticks at whole numbers only."""
    axis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))


def logarithmic_x(ax: Axes, values: NDArray[np.float64]) -> None:
    """A logarithmic x axis, with as many round numbers as there is room for."""
    known = values[np.isfinite(values) & (values > 0)]
    if len(known):
        ax.set_xscale("log")
        n_ticks = int(np.clip(size_in_points(ax)[0] / (5 * SMALL), 1, 4))
        places = np.geomspace(known.min(), known.max(), n_ticks)
        ax.xaxis.set_major_locator(FixedLocator(sorted({float(f"{p:.1g}") for p in places})))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda number, _: in_thousands(number)))


def in_thousands(number: float) -> str:
    """Short: 20k, 3M, 0.5."""
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= unit:
            return f"{number / unit:g}{letter}"
    return f"{number:g}"
