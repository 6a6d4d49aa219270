"""One HTML page that needs nothing beside it."""

import base64
import io
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any, NamedTuple

# A light page of one column. System fonts, so that nothing is loaded.
STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1b1f24; background: #fff;
       margin: 0 auto; padding: 1rem 1.25rem 4rem; max-width: 60rem; }
h1 { font-size: 1.7rem; margin: 1rem 0 0.25rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 0.5rem; border-bottom: 1px solid #d0d7de; }
h3 { font-size: 1rem; margin: 1.5rem 0 0.25rem; }
p { max-width: 46rem; }
nav a { margin-right: 1rem; }
a { color: #0550ae; }
img { max-width: 100%; height: auto; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: 0.5rem 0 1rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.2rem 0.8rem 0.2rem 0; text-align: right; border-bottom: 1px solid #eaeef2; }
th:first-child, td:first-child { text-align: left; }
"""


class Section(NamedTuple):
    """A part of the page: HTML below a heading."""

    title: str
    parts: Sequence[str]


def page(title: str, subtitle: str, sections: Iterable[Section]) -> str:
    """The whole document."""
    sections = list(sections)
    links = "".join(
        f'<a href="#part-{i}">{escape(section.title)}</a>' for i, section in enumerate(sections)
    )
    body = "".join(
        f'<section id="part-{i}"><h2>{escape(section.title)}</h2>{"".join(section.parts)}</section>'
        for i, section in enumerate(sections)
    )
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body><h1>{escape(title)}</h1>"
        f"<p>{escape(subtitle)}</p><nav>{links}</nav>{body}</body></html>\n"
    )


def heading(text: str) -> str:
    """A heading inside a section."""
    return f"<h3>{escape(text)}</h3>"


def paragraph(text: str) -> str:
    """Plain text."""
    return f"<p>{escape(text)}</p>"


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Numbers have four significant digits."""
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(_cell(value))}</td>' for value in row)}</tr>" for row in rows
    )
    return f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>'


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def picture(draw: Callable[..., Any], size: tuple[float, float], text: str) -> str:
    """What ``draw`` draws into an axis.

    Parameters
    ----------
    draw : callable
        Takes a matplotlib ``ax``.
    size : (float, float)
        Width and height in inches.
    text : str
        What a reader who cannot see it is told.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=100, layout="constrained")
    draw(ax=figure.subplots())
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi="figure")  # whatever the settings of the user
    data = base64.b64encode(file.getvalue()).decode("ascii")
    return f'<p><img alt="{escape(text)}" src="data:image/png;base64,{data}"></p>'
