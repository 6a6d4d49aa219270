"""DeletionCurveDisplay: what is left of the output as players are taken away, or put in."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from . import _checks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RANDOM = "random order"
KEYS = "fractions", "curve", "random_curve", "area", "random_area"


class DeletionCurveDisplay:
    """Deletion or insertion curves, beside random orders.

    It is recommended to use :meth:`from_estimator` or :meth:`from_curve`. All parameters are stored
    as attributes.

    Parameters
    ----------
    fractions : array of shape (n_points,)
        Share of the players that are replaced, or put in.
    curves : mapping from str to array of shape (n_points,)
        Share of the difference from the background that is left, for each explanation.
    random_curve : array of shape (n_points,), optional
        The same of random orders.
    areas : mapping from str to float, optional
        Of the curves, for the legend; of random orders under "random order".
    inserted : bool, default=False
        Whether players are put in.

    Raises
    ------
    ValueError
        Where a parameter is not as described.

    Attributes
    ----------
    ax_ : Axes
        The panel.
    figure_ : Figure
        Figure that holds it.
    lines_ : list of Line2D
        One for each curve, that of random orders last.

    See Also
    --------
    sklstm.metrics.deletion_curve : Computes the numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklstm.explain import explain_shap
    >>> from sklstm.plot import DeletionCurveDisplay
    >>> X = np.random.default_rng(0).normal(size=(80, 5))
    >>> model = LinearRegression().fit(X, X @ [4.0, 2.0, 1.0, 0.0, 0.0])
    >>> e = explain_shap(model, X[:20], background=X[20:])
    >>> display = DeletionCurveDisplay.from_estimator(model, X[:20], e, background=X[20:])
    >>> display.frame().columns.tolist()
    ['fraction', 'exact (model-agnostic)', 'random order']

    A curve that is at hand:

    >>> from sklstm.metrics import deletion_curve
    >>> curve = deletion_curve(model, X[:20], e, background=X[20:], random_state=0)
    >>> display = DeletionCurveDisplay.from_curve(curve)
    """

    ax_: Any
    figure_: "Figure"
    lines_: list[Any]

    def __init__(
        self,
        fractions: ArrayLike,
        curves: Mapping[str, ArrayLike],
        *,
        random_curve: ArrayLike | None = None,
        areas: Mapping[str, float] | None = None,
        inserted: bool = False,
    ) -> None:
        self.fractions = _checks.numbers("fractions", fractions, None)
        n = len(self.fractions)
        if not isinstance(curves, Mapping) or not curves:
            raise ValueError(
                "The 'curves' parameter must be a mapping from names to curves. Got "
                f"{curves!r:.80} instead."
            )
        self.curves = {
            str(name): _checks.numbers("curves", curve, n, like="fractions")
            for name, curve in curves.items()
        }
        if RANDOM in self.curves:
            raise ValueError(
                f"The 'curves' parameter must have no curve named {RANDOM!r}, the name of "
                "random_curve."
            )
        self.random_curve = None
        if random_curve is not None:
            self.random_curve = _checks.numbers("random_curve", random_curve, n, like="fractions")
        self.areas = dict(areas or {})
        self.inserted = inserted

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: Any,
        explanation: Any,
        *,
        background: Any = None,
        inserted: bool = False,
        random_state: Any = None,
        ax: Any = None,
    ) -> Self:
        """Compute the curves of one explanation, or of several, and draw them.

        Parameters
        ----------
        model : fitted estimator, Pipeline or search
        X : array-like
            The explained rows.
        explanation : Explanation, or mapping from names to Explanations
        background : array-like, optional
            As in :func:`sklstm.metrics.deletion_curve`.
        inserted : bool, default=False
            Insertion instead of deletion.
        random_state : int, RandomState instance or None, default=None
            Fixes the random orders.
        ax : Axes, optional
            Where to draw; None makes a figure.

        Returns
        -------
        DeletionCurveDisplay

        Raises
        ------
        ValueError, TypeError
            As :func:`sklstm.metrics.deletion_curve`.
        """
        from ..metrics import deletion_curve, insertion_curve

        compute = insertion_curve if inserted else deletion_curve
        if not isinstance(explanation, Mapping):
            explanation = {getattr(explanation, "method", ""): explanation}
        options = {"background": background, "random_state": random_state}
        found = {name: compute(model, X, e, **options) for name, e in explanation.items()}
        return cls.from_curve(found, inserted=inserted, ax=ax)

    @classmethod
    def from_curve(cls, curve: Any, *, inserted: bool = False, ax: Any = None) -> Self:
        """Draw what ``deletion_curve`` or ``insertion_curve`` returned.

        Parameters
        ----------
        curve : Bunch, or mapping from names to Bunches of the same number of steps
            The random orders that are drawn are those of the first.
        inserted : bool, default=False
            Whether they are of ``insertion_curve``.
        ax : Axes, optional
            Where to draw; None makes a figure.

        Returns
        -------
        DeletionCurveDisplay

        Raises
        ------
        ValueError
            If they are of something else.
        """
        curves = {"explanation": curve} if hasattr(curve, "curve") else curve
        if not isinstance(curves, Mapping) or not curves:
            raise ValueError(
                "The 'curve' parameter must be what deletion_curve returned, or a mapping from "
                f"names to such. Got {curve!r:.80} instead."
            )
        for one in curves.values():
            _checks.found(one, KEYS, "deletion_curve")
        first = next(iter(curves.values()))
        areas = {str(name): one.area for name, one in curves.items()}
        return cls(
            first.fractions,
            {name: one.curve for name, one in curves.items()},
            random_curve=first.random_curve,
            areas={**areas, RANDOM: first.random_area},
            inserted=inserted,
        ).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the curves, with their areas in the legend.

        Parameters
        ----------
        ax : Axes, optional
            None makes a figure.

        Returns
        -------
        DeletionCurveDisplay
            Itself.

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        canvas = _checks.canvas(self)
        self.ax_ = canvas.one_axes(ax)
        self.figure_ = canvas.root_figure(self.ax_)
        self.lines_ = []
        for k, (name, curve) in enumerate(self.curves.items()):
            self.lines_ += self.ax_.plot(
                self.fractions,
                curve,
                color=canvas.COLOURS[k % len(canvas.COLOURS)],
                linestyle=canvas.LINE_STYLES[k // len(canvas.COLOURS) % len(canvas.LINE_STYLES)],
                label=canvas.shortened(name, 24) + self._area(name),
            )
        if self.random_curve is not None:
            self.lines_ += self.ax_.plot(
                self.fractions,
                self.random_curve,
                color=canvas.NEUTRAL,
                linestyle=":",
                label=RANDOM + self._area(RANDOM),
            )
        self.ax_.axhline(0, color=canvas.ink(), linewidth=0.5)
        what = "put in" if self.inserted else "replaced"
        canvas.axis_label(
            self.ax_,
            x=f"share of players {what}",
            y=canvas.wrapped("share of the difference", self.ax_, 1),
        )
        canvas.legend_above(self.ax_, self.lines_)
        return self

    def _area(self, name: str) -> str:
        return f": {self.areas[name]:.2f}" if name in self.areas else ""

    def frame(self) -> Any:
        """The numbers as a table.

        Returns
        -------
        pandas.DataFrame
            One row for each ``fraction``, a column for each explanation, and ``random order``.

        Raises
        ------
        ImportError
            Without pandas.
        """
        columns = {"fraction": self.fractions, **self.curves}
        if self.random_curve is not None:
            columns[RANDOM] = np.asarray(self.random_curve)
        return _checks.pandas(self).DataFrame(columns)
