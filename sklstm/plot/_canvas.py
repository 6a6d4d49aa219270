"""What the displays draw with; imported when one of them is drawn, because of matplotlib."""

import textwrap
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.gridspec import GridSpec, GridSpecFromSubplotSpec
from matplotlib.image import AxesImage
from matplotlib.textpath import TextPath
from matplotlib.ticker import FuncFormatter, Locator, MaxNLocator
from numpy.typing import NDArray

# Okabe & Ito's colours, which people with any colour vision can tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
LINE_STYLES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1, 1, 1)), (0, (1, 1)))
# The ends of the diverging map.
POSITIVE, NEGATIVE, NEUTRAL = "#B2182B", "#2166AC", "#777777"
DIVERGING, SEQUENTIAL = "RdBu_r", "viridis"
SMALL = 8  # points, of labels


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
    sharey: bool = False,
) -> NDArray[Any]:
    """Panels that share their time axis, of shape ``shape``.

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
        grid = GridSpecFromSubplotSpec(*shape, subplot_spec=place, height_ratios=heights)
        ax.remove()
    return np.asarray(grid.subplots(sharex=True, sharey=sharey, squeeze=False))


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
    bar.set_label(wrapped(label, ax, 1), fontsize=SMALL)
    bar.ax.tick_params(labelsize=SMALL)
    bar.locator = MaxNLocator(int(np.clip(size_in_points(ax)[1] / (2.5 * SMALL), 1, 5)))
    bar.update_ticks()
    return bar


class NameLocator(Locator):
    """Ticks at as many of the whole positions as their names leave room for."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        longest = max(names, key=len, default="")
        self.width = TextPath((0, 0), longest or " ", size=SMALL).get_extents().width + SMALL

    def __call__(self) -> list[float]:
        """Ticks of the visible part of the axis."""
        axis: Any = self.axis
        return self.tick_values(*axis.get_view_interval())

    def tick_values(self, vmin: float, vmax: float) -> list[float]:
        """Ticks between two positions."""
        low, high = sorted((vmin, vmax))
        axis: Any = self.axis
        along_x = axis.axis_name == "x"
        needed = self.width if along_x else 1.3 * SMALL
        points = size_in_points(axis.axes)[0 if along_x else 1]
        every = needed * (high - low) / max(points, 1.0)
        step = next(
            k * 10**power for power in range(9) for k in (1, 2, 5) if k * 10**power >= every
        )
        places = range(len(self.names))
        scale = (high - low) / max(points, 1.0)

        def inside(tick: int) -> bool:
            # The text at an end of the x axis must not reach into the next panel.
            room = max(0.0, self._text_width(tick) - SMALL) / 2 * scale if along_x else 0.0
            return low + room <= tick <= high - room

        ticks: list[float] = [tick for tick in places[::step] if inside(tick)]
        if len(ticks) < 2 and any(map(inside, places)):
            first = next(tick for tick in places if inside(tick))
            ticks = [tick for tick in places[first::step] if inside(tick)]
        return ticks or [round((low + high) / 2)]

    def _text_width(self, tick: int) -> float:
        longest = max(map(len, self.names))
        return (self.width - SMALL) * len(self.names[tick]) / max(longest, 1)


def size_in_points(ax: Axes) -> tuple[float, float]:
    """Width and height of a panel."""
    figure: Any = ax.get_figure(root=True)
    box = ax.get_window_extent()
    return box.width * 72 / figure.dpi, box.height * 72 / figure.dpi


def name_ticks(axis: Any, names: Sequence[Any]) -> None:
    """Name the positions 0, 1, 2 and so on of an axis, as many as there is room for."""
    longest = name_length(axis.axes) if axis.axis_name == "y" else 20
    texts = [shortened(str(name), longest) for name in names]

    def text_at(position: float, _: Any = None) -> str:
        near = round(position)
        inside = abs(position - near) < 1e-6 and 0 <= near < len(texts)
        return texts[near] if inside else ""

    axis.set_major_locator(NameLocator(texts))
    axis.set_major_formatter(FuncFormatter(text_at))
    axis.set_tick_params(labelsize=SMALL)


def shortened(text: str, longest: int) -> str:
    """With dots in the middle, where names differ least often."""
    if len(text) <= longest:
        return text
    head = (longest - 1) // 2
    return f"{text[:head]}…{text[len(text) - (longest - 1 - head) :]}"


def name_length(ax: Axes) -> int:
    """Number of letters of a name that leave most of the width to the picture."""
    return int(np.clip(size_in_points(ax)[0] / 20, 8, 20))


def wrapped(text: str, ax: Axes, direction: int) -> str:
    """On as many lines as it takes along the x axis (0) or the y axis (1) of a panel."""
    letters = int(size_in_points(ax)[direction] / (0.6 * (SMALL + 1)))
    return "\n".join(textwrap.wrap(text, max(letters, 6), break_long_words=False))


def n_names_fit(ax: Axes) -> int:
    """Number of names that fit one above the other."""
    return max(3, int(0.9 * size_in_points(ax)[1] / (1.3 * SMALL)))


def title(ax: Axes, text: str) -> None:
    """A title that does not run out of a small picture."""
    ax.set_title(text, fontsize=SMALL, loc="left", wrap=True)


def axis_label(ax: Axes, *, x: str | None = None, y: str | None = None) -> None:
    """Labels in the size of all others."""
    if x is not None:
        ax.set_xlabel(x, fontsize=SMALL + 1)
    if y is not None:
        ax.set_ylabel(y, fontsize=SMALL + 1)
    ax.tick_params(labelsize=SMALL)


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
