"""What can be checked of a picture without looking at it."""

from contextlib import contextmanager
from itertools import combinations

import matplotlib
import matplotlib.pyplot as plt
import numpy as np

SIZES = (4, 3), (10, 6)


def axes_of_size(size):
    return plt.subplots(figsize=size, layout="constrained")[1]


def texts_of(figure):
    """Boxes of all texts that are visible, by what they say."""
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    found = []
    for ax in figure.findobj(matplotlib.axes.Axes):
        texts = [ax.title, ax._left_title, ax.xaxis.label, ax.yaxis.label, *ax.texts]
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            shown = [
                tick.label1
                for tick in axis.get_major_ticks()
                if low - 1e-9 * (high - low) <= tick.get_loc() <= high + 1e-9 * (high - low)
            ]
            texts += [*shown, axis.get_offset_text()]
        if ax.get_legend():
            texts += ax.get_legend().get_texts()
        if not ax.get_visible():
            continue
        found += [(t.get_text(), t.get_window_extent(renderer)) for t in texts if t.get_visible()]
    return [(text, box) for text, box in found if text.strip()]


def check_texts(figure):
    """No text lies on another one, or outside of the picture."""
    found = texts_of(figure)
    assert found
    for (a, box_a), (b, box_b) in combinations(found, 2):
        wide = min(box_a.x1, box_b.x1) - max(box_a.x0, box_b.x0)
        high = min(box_a.y1, box_b.y1) - max(box_a.y0, box_b.y0)
        assert wide <= 1 or high <= 1, (a, b)
    width, height = figure.canvas.get_width_height()
    for text, box in found:
        assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1, text


@contextmanager
def nothing_global_changes():
    """The settings of matplotlib, and which figure and axes are the current ones."""
    figure, ax = plt.subplots(1, 2)
    plt.sca(ax[0])
    before = dict(matplotlib.rcParams), plt.get_fignums()
    yield
    assert (dict(matplotlib.rcParams), plt.get_fignums()) == before
    assert plt.gcf() is figure and plt.gca() is ax[0]
    plt.close(figure)


def corners(bars):
    """Low and high ends of upright bars, which are one artist."""
    outlines = np.array([path.vertices[:2, 1] for path in bars.get_paths()])
    return outlines[:, 0], outlines[:, 1]


def heights(bars):
    low, high = corners(bars)
    return high - low


def widths(bars):
    return np.array([bar.get_width() for bar in bars])
