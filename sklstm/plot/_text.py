"""Names and labels that fit their place; imported when one is drawn, because of matplotlib."""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.textpath import TextPath
from matplotlib.ticker import FuncFormatter, Locator

SMALL = 8  # points, of labels


class NameLocator(Locator):
    """Ticks at as many of the whole positions as their names leave room for."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        longest = max(names, key=len, default="")
        self.width = (
            TextPath((0, 0), longest.strip() or "-", size=SMALL).get_extents().width + SMALL
        )

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
    """On one line, with dots in the middle, where names differ least often."""
    text = " ".join(text.split())
    if len(text) > longest:
        head = (longest - 1) // 2
        text = f"{text[:head]}…{text[len(text) - (longest - 1 - head) :]}"
    return plain(text)


def plain(text: str) -> str:
    """As it is: no formula between dollars, and not hidden because of its first letter."""
    text = text.replace("\\$", "$").replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def name_length(ax: Axes) -> int:
    """Number of letters of a name that leave most of the width to the picture."""
    return int(np.clip(size_in_points(ax)[0] / 16, 8, 20))


def wrapped(text: str, ax: Axes, direction: int) -> str:
    """On as many lines as it takes along the x axis (0) or the y axis (1) of a panel."""
    letters = int(size_in_points(ax)[direction] / (0.6 * (SMALL + 1)))
    if direction == 0:  # the power of ten of the ticks is beside it on the right
        letters -= 10
    return "\n".join(textwrap.wrap(text, max(letters, 6), break_long_words=False))


def n_names_fit(ax: Axes) -> int:
    """Number of names that fit one above the other."""
    return max(3, int(0.9 * size_in_points(ax)[1] / (1.3 * SMALL)))


def root_figure(ax: Axes) -> Any:
    """The whole figure, also of axes in a part of it."""
    figure: Any = ax.get_figure()
    return figure.canvas.figure


def size_in_points(ax: Axes) -> tuple[float, float]:
    """Width and height of a panel."""
    box, dpi = ax.get_window_extent(), root_figure(ax).dpi
    return box.width * 72 / dpi, box.height * 72 / dpi
