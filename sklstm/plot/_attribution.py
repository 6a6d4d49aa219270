"""AttributionDisplay: what each input of one row added to its output."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..explain import Explanation, explain_shap
from . import _checks
from ._outputs import check_explanation, chosen_output, output_text
from ._rows import one_row, symbols_of_pipeline
from ._symbols import symbols_at
from ._view import view_of_row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KINDS = ("auto", "heatmap", "bars", "waterfall", "logo")


class AttributionDisplay:
    """What each input of one row added to the output of a model.

    It is recommended to use :meth:`from_explanation` or :meth:`from_estimator`. All parameters
    are stored as attributes.

    Parameters
    ----------
    values : array of shape (n_timesteps, n_features), (n_timesteps,) or (n_players,)
        What each cell, time step, or other player added, in units of the output. They are those
        of time steps where ``times`` is given.
    names : sequence of str
        Names of the features of a sequence, those of ``data`` where values are of time steps;
        else of the players.
    base_value : float, optional
        Output that is expected without knowing the row. None or NaN where the values add up to
        nothing.
    output_value : float, optional
        Output of the row.
    times : sequence, optional
        Label of each time step: number, date or text.
    data : array of shape (n_timesteps, n_features) or (n_players,), optional
        The row itself.
    symbols : sequence of str, optional
        Symbol at each time step, for ``kind="logo"``.
    label : str, default="output"
        Name of the output.

    Attributes
    ----------
    ax_ : Axes
        Panel of the attribution.
    axes_ : array of Axes
        All panels from top to bottom: series and attribution, or attribution alone.
    figure_ : Figure
        Figure that holds them.
    artists_ : list of matplotlib artists
        Image, bars or letters of the attribution.
    shown_ : int array
        Positions of the players that have a bar of their own, or of the time steps on the
        picture.

    See Also
    --------
    ImportanceDisplay : The same of many rows.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.plot import AttributionDisplay
    >>> X = np.random.default_rng(0).normal(size=(150, 6, 3))
    >>> model = LSTMRegressor(hidden_size=8, random_state=0).fit(X, 3 * X[:, 4, 1])
    >>> explanation = model.explain_shap(X[:20], background=X[20:])
    >>> display = AttributionDisplay.from_explanation(explanation, row=2)
    >>> display.frame().loc[:1, ["timestep", "feature"]]
      timestep feature
    0        0      x0
    1        0      x1
    >>> display.plot(kind="waterfall").ax_.get_xlabel()
    'time step'
    >>> int(np.abs(display.by_time()).argmax())
    4

    In one call:

    >>> display = AttributionDisplay.from_estimator(model, X[:20], background=X[20:], row=2)
    """

    ax_: Any
    axes_: NDArray[Any]
    figure_: "Figure"
    artists_: list[Any]
    shown_: NDArray[np.int64]

    def __init__(
        self,
        values: ArrayLike,
        *,
        names: Sequence[str],
        base_value: float | None = None,
        output_value: float | None = None,
        times: Sequence[Any] | None = None,
        data: ArrayLike | None = None,
        symbols: Sequence[str] | None = None,
        label: str = "output",
    ) -> None:
        flat = _checks.floats("values", values).ndim == 1
        self.values = _checks.numbers("values", values, *((None,) if flat else (None, None)))
        if not self.values.size:
            raise ValueError("The 'values' parameter must have entries. Got none.")
        n = len(self.values)
        if not flat and times is None:
            times = range(n)
        self.times = None if times is None else _checks.labels("times", times, n)
        of_players = flat and times is None
        if of_players:
            self.data = None if data is None else _checks.numbers("data", data, n)
        else:
            width = None if flat else self.values.shape[1]
            self.data = None if data is None else _checks.numbers("data", data, n, width)
        n_names = n if of_players else self.values.shape[-1]
        if flat and not of_players:
            n_names = len(names) if self.data is None else self.data.shape[1]
        self.names = [str(name) for name in _checks.labels("names", names, n_names)]
        self.base_value = np.nan if base_value is None else float(base_value)
        self.output_value = np.nan if output_value is None else float(output_value)
        self.symbols = symbols
        if symbols is not None:
            self.symbols = [str(symbol) for symbol in _checks.labels("symbols", list(symbols), n)]
        self.label = label

    @classmethod
    def from_explanation(
        cls,
        explanation: Explanation,
        row: int = 0,
        *,
        output: Any = None,
        times: Sequence[Any] | None = None,
        symbols: Sequence[str] | None = None,
        kind: str = "auto",
        ax: Any = None,
    ) -> Self:
        """Draw one row of an Explanation.

        Parameters
        ----------
        explanation : Explanation
        row : int, default=0
            Its position.
        output : int, str or tuple, optional
            As in ``Explanation.output``. None takes the predicted class, the last time step of
            outputs per step, the middle quantile, and else the first output.
        times : sequence of length n_timesteps, optional
            Label of each time step of the row, padding included: numbers, dates or texts. None
            counts from 0.
        symbols : str or sequence of str, optional
            For data that are codes, the symbol of each code: ``"ACGT"``. A code beyond them is
            "?".
        kind : {"auto", "heatmap", "bars", "waterfall", "logo"}, default="auto"
            As in :meth:`plot`.
        ax : Axes or array of Axes, optional
            As in :meth:`plot`.

        Returns
        -------
        AttributionDisplay

        Raises
        ------
        ValueError
            If a parameter is not as described.
        """
        check_explanation(explanation)
        one = explanation[_checks.position("row", row, len(explanation))]
        one = chosen_output(one, output)
        view = view_of_row(one, times)
        if symbols is not None or kind == "logo":
            view["symbols"] = symbols_at(view["data"], view["names"], symbols)
        display = cls(
            base_value=one.base_values[0],
            output_value=one.output_values[0],
            label=output_text(one),
            **view,
        )
        return display.plot(ax, kind=kind)

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: Any,
        *,
        background: Any = None,
        row: int = 0,
        output: Any = None,
        level: Any = "cell",
        method: str = "auto",
        response_method: str = "auto",
        random_state: Any = None,
        kind: str = "auto",
        ax: Any = None,
    ) -> Self:
        """Explain one row by ``explain_shap`` and draw it.

        Of rows in front of a SlidingWindow the time steps have the names of the rows of a
        DataFrame; of symbols in front of a SequenceOneHotEncoder the logo is drawn.

        Parameters
        ----------
        model : fitted LSTMRegressor or LSTMClassifier, Pipeline, search, or other estimator
        X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays
            Of a table in front of a SlidingWindow all rows are explained: pass few.
        background : array-like of the same kind, optional
            As in ``explain_shap``.
        row : int, default=0
            Position in X of the row to draw.
        output : int, str or tuple, optional
            As in :meth:`from_explanation`.
        level : {"cell", "feature", "timestep"}, int or mapping, default="cell"
            As in ``explain_shap``.
        method : str, default="auto"
            As in ``explain_shap``.
        response_method : str, default="auto"
            As in ``explain_shap``.
        random_state : int, RandomState instance or None, default=None
            As in ``explain_shap``.
        kind : {"auto", "heatmap", "bars", "waterfall", "logo"}, default="auto"
            As in :meth:`plot`.
        ax : Axes or array of Axes, optional
            As in :meth:`plot`.

        Returns
        -------
        AttributionDisplay

        Raises
        ------
        ValueError
            As ``explain_shap`` and :meth:`from_explanation`.
        """
        X, row, index = one_row(model, X, row)
        explanation = explain_shap(
            model,
            X,
            background=background,
            method=method,
            level=level,
            response_method=response_method,
            random_state=random_state,
        )
        in_time = explanation.level in ("cell", "timestep")
        times, rows = None, explanation.table_rows
        if index is not None and rows is not None and in_time:
            times = [index[i] if i >= 0 else "" for i in rows[row]]
        symbols = symbols_of_pipeline(model, X) if in_time else None
        return cls.from_explanation(
            explanation, row, output=output, times=times, symbols=symbols, kind=kind, ax=ax
        )

    def plot(self, ax: "Axes | None" = None, *, kind: str = "auto") -> Self:
        """Draw it.

        Parameters
        ----------
        ax : Axes or array of Axes, optional
            None makes a figure. Sequences have two panels, series and attribution: an Axes is
            split for them, an array of two is taken as it is.
        kind : {"auto", "heatmap", "bars", "waterfall", "logo"}, default="auto"
            "heatmap" has the cells of a sequence below its series. "bars" has one bar for each
            time step below the series, or one for each of the largest players and one for the
            sum of the others. "waterfall" goes from the base value to the output, time step by
            time step. "logo" writes the symbols as high as what they added, downwards where it
            is negative: up to 60 of them, else the stretch of 60 that added most. Words have bars
            instead. "auto" is "logo" where there are symbols, "heatmap" for cells of sequences,
            and "bars".

        Returns
        -------
        AttributionDisplay
            Itself.

        Raises
        ------
        ImportError
            Without matplotlib.
        ValueError
            If the values cannot be drawn in this way.
        """
        _checks.choice("kind", kind, KINDS)
        _checks.choice("kind", kind, ["auto", *self._kinds()])
        _checks.canvas(self)
        from . import _draw_attribution

        _draw_attribution.draw(self, ax, self._kinds()[0] if kind == "auto" else kind)
        return self

    def _kinds(self) -> list[str]:
        """What can be drawn, the best first."""
        kinds = ["logo"] if self.symbols is not None else []
        kinds += ["heatmap"] if self.values.ndim == 2 else ["bars"]
        adds_up = not np.isnan(self.base_value)
        return [*kinds, "waterfall"] if self.times is not None and adds_up else kinds

    def frame(self) -> Any:
        """The numbers as a table.

        Returns
        -------
        pandas.DataFrame
            One row for each cell (``timestep``, ``feature``), time step (``timestep``) or other
            player (``player``), with its ``value``, and ``data`` and ``symbol`` where each has
            one.

        Raises
        ------
        ImportError
            Without pandas.
        """
        pd = _checks.pandas(self)
        n = len(self.values)
        columns: dict[str, Any] = {}
        width = self.values.shape[1] if self.values.ndim == 2 else 1
        if self.times is None:
            columns["player"] = self.names
        else:
            columns["timestep"] = [time for time in self.times for _ in range(width)]
            if self.values.ndim == 2:
                columns["feature"] = self.names * n
        columns["value"] = self.values.ravel()
        if self.data is not None and self.data.size == self.values.size:
            columns["data"] = self.data.ravel()
        if self.symbols is not None:
            columns["symbol"] = [symbol for symbol in self.symbols for _ in range(width)]
        return pd.DataFrame(columns)

    def by_time(self) -> NDArray[np.float64]:
        """What each time step added.

        Returns
        -------
        array of shape (n_timesteps,)
        """
        return self.values.reshape(len(self.values), -1).sum(axis=1)
