"""ComparisonDisplay: score and likeness of models over what they cost."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from . import _checks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Numbers of compare, the labels of their axes, and the factor of the unit there.
COSTS = {
    "parameters": ("parameters", 1),
    "pickle_bytes": ("bytes", 1),
    "latency_batch": ("milliseconds", 1e3),
}
QUALITIES = {"score": "score", "fidelity": "fidelity", "rank_correlation": "rank correlation"}
MARKERS = "osD^vPX"


class ComparisonDisplay:
    """Models as points: score, fidelity and rank correlation over parameters, bytes and latency.

    It is recommended to use :meth:`from_comparison` or :meth:`from_estimator`. All parameters are
    stored as attributes.

    Parameters
    ----------
    models : sequence of str
        Names; the first is that of the model that the others are compared with.
    costs : mapping from str to array of shape (n_models,)
        What they cost, by the label of the axis: a column of panels for each.
    qualities : mapping from str to array of shape (n_models,)
        What they are worth, more is better: a row of panels for each. The first is the score.

    Raises
    ------
    ValueError
        Where a parameter is not as described.

    Attributes
    ----------
    axes_ : array of Axes of shape (n_qualities, n_costs)
        The panels.
    figure_ : Figure
        Figure that holds them.
    points_ : array of PathCollection of shape (n_qualities, n_costs, n_models)
        A marker for each model.
    frontiers_ : list of Line2D
        One for each panel of the first row: through the models that no other beats.

    See Also
    --------
    sklstm.simplify.compare : Computes the numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.plot import ComparisonDisplay
    >>> from sklstm.simplify import prune, quantize
    >>> X = np.random.default_rng(0).normal(size=(60, 8, 2))
    >>> y = X[:, -3:, 0].sum(axis=1)
    >>> model = LSTMRegressor(hidden_size=8, max_epochs=5, random_state=0).fit(X, y)
    >>> smaller = {"half": prune(model, X), "8 bits": quantize(model)}
    >>> display = ComparisonDisplay.from_estimator(model, smaller, X, y, random_state=0)
    >>> display.axes_.shape
    (3, 3)

    A comparison that is at hand:

    >>> from sklstm.simplify import compare
    >>> comparison = compare(model, smaller, X, y, n_explained=0, random_state=0)
    >>> display = ComparisonDisplay.from_comparison(comparison)
    >>> display.plot().frame().shape[0]  # the model, and two that are smaller
    3
    """

    axes_: Any
    figure_: "Figure"
    points_: Any
    frontiers_: list[Any]

    def __init__(
        self,
        models: Sequence[str],
        costs: Mapping[str, ArrayLike],
        qualities: Mapping[str, ArrayLike],
    ) -> None:
        self.models = [str(name) for name in _checks.labels("models", models)]
        self.costs = self._read("costs", costs)
        self.qualities = self._read("qualities", qualities)

    def _read(self, name: str, values: Any) -> dict[str, Any]:
        if not isinstance(values, Mapping) or not values:
            raise ValueError(
                f"The {name!r} parameter must be a mapping from labels to numbers. Got "
                f"{values!r:.80} instead."
            )
        n = len(self.models)
        return {
            str(label): _checks.numbers(name, array, n, like="models")
            for label, array in values.items()
        }

    @classmethod
    def from_estimator(
        cls, before: Any, after: Any, X: Any, y: Any, *, random_state: Any = None, ax: Any = None
    ) -> Self:
        """Compare models, and draw them.

        Parameters
        ----------
        before : fitted estimator, Pipeline or search
        after : fitted estimator, Pipeline or search, or mapping from names to such
        X, y : array-like
            Rows that none of them has seen, and their targets.
        random_state : int, RandomState instance or None, default=None
            As in :func:`sklstm.simplify.compare`.
        ax : Axes, optional
            Where to draw; None makes a figure.

        Returns
        -------
        ComparisonDisplay

        Raises
        ------
        ValueError, TypeError
            As :func:`sklstm.simplify.compare`.
        """
        from ..simplify import compare

        return cls.from_comparison(compare(before, after, X, y, random_state=random_state), ax=ax)

    @classmethod
    def from_comparison(cls, comparison: Any, *, ax: Any = None) -> Self:
        """Draw what ``compare`` returned.

        Parameters
        ----------
        comparison : Comparison
        ax : Axes, optional
            Where to draw; None makes a figure.

        Returns
        -------
        ComparisonDisplay
            Without panels for what is not known of any model.

        Raises
        ------
        ValueError
            If it is something else.
        """
        _checks.found(comparison, ["models", *COSTS, *QUALITIES], "compare")

        costs = {
            text: factor * np.array(comparison.of_models(name))
            for name, (text, factor) in COSTS.items()
        }
        qualities = {text: np.array(comparison.of_models(name)) for name, text in QUALITIES.items()}
        for text, values in qualities.items():
            if text != "score" and np.isfinite(values).any():
                values[0] = 1.0  # the first model is like itself
        known = [
            {text: values for text, values in part.items() if np.isfinite(values).any()}
            for part in (costs, qualities)
        ]
        return cls(comparison.models, *known).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the panels.

        Parameters
        ----------
        ax : Axes or array of Axes, optional
            An Axes gives its place to the panels; None makes a figure.

        Returns
        -------
        ComparisonDisplay
            Itself.

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        canvas = _checks.canvas(self)
        shape = len(self.qualities), len(self.costs)
        self.axes_ = canvas.split_axes(ax, shape, sharex="col", sharey="row")
        self.figure_ = canvas.root_figure(self.axes_[0, 0])
        self.points_ = np.empty((*shape, len(self.models)), dtype=object)
        self.frontiers_ = []
        for i, (quality, worth) in enumerate(self.qualities.items()):
            for j, (cost, price) in enumerate(self.costs.items()):
                panel = self.axes_[i, j]
                if i == 0:
                    self.frontiers_ += panel.plot(*frontier(price, worth), color=canvas.NEUTRAL)
                for k in range(len(self.models)):
                    self.points_[i, j, k] = self._point(canvas, panel, k, price[k], worth[k])
                panel.margins(0.1)
                canvas.logarithmic_x(panel, price)
                canvas.axis_label(
                    panel,
                    x=cost if i + 1 == shape[0] else None,
                    y=canvas.wrapped(quality, panel, 1) if j == 0 else None,
                )
                panel.label_outer()
        canvas.legend(self.axes_[0, -1], len(self.models))
        return self

    def _point(self, canvas: Any, panel: Any, k: int, cost: float, worth: float) -> Any:
        rounds, colour = divmod(k, len(canvas.COLOURS))
        return panel.scatter(
            cost,
            worth,
            s=36,
            color=canvas.COLOURS[colour],
            marker="*" if k == 0 else MARKERS[rounds % len(MARKERS)],
            label=canvas.shortened(self.models[k], 24),
            zorder=3,
        )

    def frame(self) -> Any:
        """The numbers as a table.

        Returns
        -------
        pandas.DataFrame
            One row for each ``model``, a column for each cost and quality.

        Raises
        ------
        ImportError
            Without pandas.
        """
        columns = {"model": self.models, **self.costs, **self.qualities}
        return _checks.pandas(self).DataFrame(columns)


def frontier(cost: Any, worth: Any) -> tuple[Any, Any]:
    """Corners of the line above and left of which there is no model."""
    order = np.lexsort([-worth, cost])
    order = order[np.isfinite(cost[order]) & np.isfinite(worth[order])]
    best = np.maximum.accumulate(worth[order]) if len(order) else worth[order]
    corners = np.flatnonzero(np.diff(best, prepend=-np.inf) > 0)
    x, y = cost[order][corners], best[corners]
    # A step: to the cost of the next model the score stays that of the one before.
    return np.repeat(x, 2)[1:], np.repeat(y, 2)[: max(2 * len(y) - 1, 0)]
