"""Letters as high as numbers; imported when a logo is drawn, because of matplotlib."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D
from numpy.typing import NDArray

from ._canvas import COLOURS, NEUTRAL, ink
from ._symbols import UNKNOWN

# Longer symbols would be too narrow to read.
LONGEST_SYMBOL = 3
NUCLEOTIDES = {"A": "#009E73", "C": "#0072B2", "G": "#E69F00", "T": "#D55E00", "U": "#D55E00"}


def draw_logo(
    ax: Axes, values: NDArray[np.float64], symbols: Sequence[str], alphabet: Sequence[str]
) -> list[Any]:
    """Symbol k at x = k, from 0 to its value; upside down below 0."""
    colours, letters = colours_of(alphabet), []
    paths = {symbol: _unit_path(symbol) for symbol in set(symbols)}
    for k, (value, symbol) in enumerate(zip(values, symbols, strict=True)):
        place = Affine2D().scale(0.9, value).translate(k, 0)
        letter = PathPatch(
            paths[symbol].transformed(place), facecolor=colours[symbol], edgecolor="none"
        )
        letters.append(ax.add_patch(letter))
    low, high = min(0.0, values.min()), max(0.0, values.max())
    room = 0.05 * (high - low) or 1.0
    ax.axhline(0, color=ink(), linewidth=0.6)
    ax.set_xlim(-0.5, len(values) - 0.5)
    ax.set_ylim(low - room if low < 0 else 0, high + room)
    return letters


def colours_of(alphabet: Sequence[str]) -> dict[str, str]:
    """A colour for each symbol; of nucleotides always the same ones."""
    known = [symbol for symbol in alphabet if symbol != UNKNOWN]
    if {symbol.upper() for symbol in known} <= set(NUCLEOTIDES) | {"N"}:
        colours = {symbol: NUCLEOTIDES.get(symbol.upper(), NEUTRAL) for symbol in known}
    else:
        colours = {symbol: COLOURS[k % len(COLOURS)] for k, symbol in enumerate(known)}
    return {**colours, UNKNOWN: NEUTRAL}


def _unit_path(symbol: str) -> Path:
    """Outline of a symbol, of width 1 around x = 0 and of height 1 from y = 0."""
    outline = TextPath((0, 0), symbol or " ", size=1, prop=FontProperties(weight="bold"))
    box = outline.get_extents()
    if not len(outline.vertices) or not box.width or not box.height:
        return Path([(-0.5, 0), (0.5, 0), (0.5, 1), (-0.5, 1), (-0.5, 0)])
    # A thin letter like I keeps some of its form.
    width = max(box.width, 0.45)
    move = Affine2D().translate(-(box.x0 + box.width / 2), -box.y0)
    return outline.transformed(move.scale(1 / width, 1 / box.height))
