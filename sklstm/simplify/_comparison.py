"""Comparison: the numbers of two or more models, as a table, a frame and a picture."""

from typing import Any

import numpy as np
from sklearn.utils import Bunch

from .._utils._extras import load_extra

# Numbers that say how large or slow a model is.
COSTS = ("parameters", "nonzero_parameters", "pickle_bytes", "latency_row", "latency_batch")
# Label, name, factor of the unit in the table (None where a ratio means nothing), and format.
_LINES: list[tuple[str, str, float | None, str]] = [
    ("parameters", "parameters", 1, ",.0f"),
    ("parameters that are not 0", "nonzero_parameters", 1, ",.0f"),
    ("pickle (bytes)", "pickle_bytes", 1, ",.0f"),
    ("latency of 1 row (ms)", "latency_row", 1e3, ".3g"),
    ("latency of {rows} rows (ms)", "latency_batch", 1e3, ".3g"),
    ("score", "score", None, ".4f"),
    ("fidelity", "fidelity", None, ".4f"),
    ("largest additivity gap", "additivity_gap", None, ".1e"),
    ("rank correlation", "rank_correlation", None, ".4f"),
]
# Of a table with a line for each model: title, width, name, factor and format.
_COLUMNS: list[tuple[str, int, str, float, str]] = [
    ("parameters", 12, "parameters", 1, ",.0f"),
    ("bytes", 11, "pickle_bytes", 1, ",.0f"),
    ("ms", 8, "latency_batch", 1e3, ".3g"),
    ("score", 8, "score", 1, ".4f"),
    ("fidelity", 10, "fidelity", 1, ".4f"),
    ("rank", 8, "rank_correlation", 1, ".4f"),
]
LONGEST = 22  # letters of a name in the table


class Comparison(Bunch):
    """What ``compare`` returns: a Bunch that prints as a table."""

    def to_frame(self) -> Any:
        """As a DataFrame of pandas with a column for each model, "before" the first."""
        pd = load_extra("pandas", "Comparison.to_frame")
        rows = {name: self.of_models(name) for name in self if name != "models"}
        return pd.DataFrame.from_dict(rows, orient="index", columns=list(self.models))

    def frontier(self, cost: str = "parameters") -> list[str]:
        """Names of the models that no other beats, the cheapest first.

        A model is beaten by one that costs no more and has no lower score, and is better in one of
        the two.

        Parameters
        ----------
        cost : {"parameters", "nonzero_parameters", "pickle_bytes", "latency_row", \
"latency_batch"}, default="parameters"
            What a model costs. Latencies are measured, so that those of models of one size differ
            a little.

        Returns
        -------
        list of str
            Models whose cost is NaN are not among them.
        """
        if cost not in COSTS:
            raise ValueError(f"The 'cost' parameter must be one of {list(COSTS)}. Got {cost!r}.")
        points = list(zip(self.of_models(cost), self.of_models("score"), strict=True))

        def beaten(own: tuple[float, float]) -> bool:
            return any(c <= own[0] and s >= own[1] and (c, s) != own for c, s in points)

        known = [
            (point[0], name)
            for name, point in zip(self.models, points, strict=True)
            if not np.isnan(point).any() and not beaten(point)
        ]
        return [name for _, name in sorted(known, key=lambda pair: pair[0])]

    def plot(self, ax: Any = None) -> Any:
        """Draw score and likeness over parameters, bytes and latency.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; None makes a figure.

        Returns
        -------
        sklstm.plot.ComparisonDisplay
        """
        from ..plot import ComparisonDisplay

        return ComparisonDisplay.from_comparison(self, ax=ax)

    def of_models(self, name: str) -> list[float]:
        """A number of each model; NaN of the first where it is one that compares with the first."""
        value = self[name]
        found = list(value) if isinstance(value, tuple) else [value] * (len(self.models) - 1)
        return [np.nan] * (len(self.models) - len(found)) + found

    def __repr__(self) -> str:
        return self._of_pair() if self.models == ("before", "after") else self._of_several()

    __str__ = __repr__

    def _of_pair(self) -> str:
        lines: list[tuple[str, ...]] = [("", *self.models, "after/before")]
        for label, name, unit, form in _LINES:
            before, after = self.of_models(name)
            ratio = after / before if unit and before else np.nan
            label = label.format(rows=self["n_batch"])
            cells = [(before * (unit or 1), form), (after * (unit or 1), form), (ratio, ".2f")]
            lines.append((label, *(_cell(x, f) for x, f in cells)))
        width = max(len(line[0]) for line in lines)
        return "\n".join(
            f"{line[0]:{width}}{line[1]:>12}{line[2]:>12}{line[3]:>14}".rstrip() for line in lines
        )

    def _of_several(self) -> str:
        names = [n if len(n) <= LONGEST else f"{n[: LONGEST - 1]}…" for n in self.models]
        lines = ["".join(f"{title:>{width}}" for title, width, *_ in _COLUMNS)]
        for i in range(len(names)):
            cells = [
                (_cell(self.of_models(name)[i] * unit, form), width)
                for _, width, name, unit, form in _COLUMNS
            ]
            lines.append("".join(f"{cell:>{width}}" for cell, width in cells))
        widest = max(map(len, names))
        named = zip(["", *names], lines, strict=True)
        table = "\n".join(f"{name:{widest}}{line}".rstrip() for name, line in named)
        return f"{table}\nms: latency of {self['n_batch']} rows; rank: rank correlation"


def _cell(number: float, form: str) -> str:
    return "" if np.isnan(number) else format(number, form)
