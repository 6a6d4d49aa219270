"""ImportanceDisplay: which inputs count over many rows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..explain import Explanation
from . import _checks
from ._grids import grid_of, in_time, mean_sizes, of_output
from ._outputs import check_explanation, named_output, output_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KEYS_OF_PERMUTATION = ("importances", "importances_mean")
KEYS_OF_VARIANCE = ("first_order", "total_order", "player_names")


class ImportanceDisplay:
    """Importance of each input over many rows.

    Bars with error bars, the largest first; time steps in their order; boxes where the importance
    was measured several times; cells of sequences as a heat map. It is recommended to use one of
    the class methods. All parameters are stored as attributes.

    Parameters
    ----------
    importances : array of shape (n_players,) or (n_timesteps, n_features)
        One number for each player; those of cells have two axes.
    names : sequence of str
        Of the players, or of the features.
    interval : array of shape (n_players, 2), optional
        Low and high ends of the error bars.
    repeats : array of shape (n_players, n_repeats), optional
        Measurements whose mean the importances are, drawn as boxes: from the first to the third
        quartile, a line at the median, whiskers to the smallest and the largest.
    total : array of the shape of importances, optional
        A second importance, beside the first one; of cells it is drawn instead.
    total_interval : array of shape (n_players, 2), optional
        Low and high ends of its error bars.
    times : sequence, optional
        Labels of the time steps, where the players are cells or time steps.
    label : str, default="importance"
        What the numbers are.
    series : tuple of two str, default=("first", "total")
        Names of the first and the second importance.
    additive : bool, default=False
        Whether the importances of many players are drawn as their sum, instead of their mean.

    Attributes
    ----------
    ax_ : Axes
        The panel.
    figure_ : Figure
        Figure that holds it.
    artists_ : list of matplotlib artists
        Bars, boxes or image; bars of ``total`` come after all others.
    shown_ : int array
        Positions of the players that have a bar of their own, in the order of the bars.

    See Also
    --------
    AttributionDisplay : One row of an Explanation.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.plot import ImportanceDisplay
    >>> X = np.random.default_rng(0).normal(size=(150, 6, 3))
    >>> y = 3 * X[:, 4, 1]
    >>> model = LSTMRegressor(hidden_size=8, random_state=0).fit(X, y)
    >>> importance = model.explain_permutation(X, y, random_state=0)
    >>> display = ImportanceDisplay.from_permutation(importance, names=["a", "b", "c"])
    >>> display.frame().set_index("player")["importance"].idxmax()
    'b'
    >>> explanation = model.explain_shap(X[:20], background=X[20:])
    >>> display = ImportanceDisplay.from_explanation(explanation.by("feature"))
    >>> display = ImportanceDisplay.from_variance(model.explain_variance(X, random_state=0))
    """

    ax_: Any
    figure_: "Figure"
    artists_: list[Any]
    shown_: NDArray[np.int64]

    def __init__(
        self,
        importances: ArrayLike,
        *,
        names: Sequence[str],
        interval: ArrayLike | None = None,
        repeats: ArrayLike | None = None,
        total: ArrayLike | None = None,
        total_interval: ArrayLike | None = None,
        times: Sequence[Any] | None = None,
        label: str = "importance",
        series: tuple[str, str] = ("first", "total"),
        additive: bool = False,
    ) -> None:
        flat = _checks.floats("importances", importances).ndim == 1
        shape = (None,) if flat else (None, None)
        self.importances = _checks.numbers("importances", importances, *shape)
        n = len(self.importances)
        if not self.importances.size:
            raise ValueError("The 'importances' parameter must have entries. Got none.")
        if not flat and times is None:
            times = range(n)
        self.times = None if times is None else _checks.labels("times", times, n)
        n_names = self.importances.shape[-1]
        self.names = [str(name) for name in _checks.labels("names", names, n_names)]

        def optional(name: str, values: ArrayLike | None, *shape: int | None) -> Any:
            return None if values is None else _checks.numbers(name, values, *shape)

        self.interval = optional("interval", interval, n, 2)
        self.repeats = optional("repeats", repeats, n, None)
        self.total = optional("total", total, *self.importances.shape)
        self.total_interval = optional("total_interval", total_interval, n, 2)
        self.series = tuple(_checks.labels("series", series, 2))
        self.label, self.additive = label, additive

    @classmethod
    def from_explanation(
        cls, explanation: Explanation, *, output: Any = None, ax: Any = None
    ) -> Self:
        """Draw the mean absolute values of an Explanation.

        The error bars are the standard error of the mean over the rows: what other rows of the
        same kind would change.

        Parameters
        ----------
        explanation : Explanation
        output : int, str or tuple, optional
            As in ``Explanation.output``; None takes the mean over all outputs.
        ax : Axes, optional
            Where to draw; None makes a figure.

        Returns
        -------
        ImportanceDisplay
        """
        check_explanation(explanation)
        one = named_output(explanation, output)
        sizes, error = mean_sizes(one)
        label = f"mean |value|, {output_text(one)}"
        if one.output_values[0].size > 1:
            label += f", mean of {one.output_values[0].size} outputs"
        interval = None
        if error is not None and sizes.ndim == 1:
            interval = np.stack([sizes - error, sizes + error], axis=1)
        return cls(
            sizes,
            names=list((one.feature_names if sizes.ndim == 2 else one.player_names) or ()),
            interval=interval,
            times=range(len(sizes)) if sizes.ndim == 2 or one.level == "timestep" else None,
            label=label,
            additive=True,
        ).plot(ax)

    @classmethod
    def from_permutation(
        cls, result: Any, *, names: Sequence[str] | None = None, ax: Any = None
    ) -> Self:
        """Draw what ``explain_permutation`` of this library or of scikit-learn has returned.

        Parameters
        ----------
        result : Bunch
            Of one scorer.
        names : sequence of str, optional
            Of the players, of cells of the features. None takes those of the result, or numbers.
        ax : Axes, optional
            Where to draw; None makes a figure.

        Returns
        -------
        ImportanceDisplay
        """
        _checks.found(result, KEYS_OF_PERMUTATION, "one scorer's permutation importances")
        mean = np.asarray(result["importances_mean"], dtype=np.float64)
        known = list(result.get("player_names", map(str, range(mean.shape[-1]))))
        times = range(len(mean)) if mean.ndim == 2 or in_time(known) else None
        if mean.ndim == 2 and len(known) != mean.shape[1]:
            known = grid_of(known)[1]
        return cls(
            mean,
            names=known if names is None else names,
            repeats=None if mean.ndim == 2 else result["importances"],
            times=times,
            label="permutation importance (drop of the score)",
        ).plot(ax)

    @classmethod
    def from_variance(cls, result: Any, *, output: Any = None, ax: Any = None) -> Self:
        """Draw the first-order and total indices of ``explain_variance``, with their intervals.

        Parameters
        ----------
        result : Bunch
        output : int, str or tuple, optional
            Position or name of an output, one for each axis of the outputs. None takes the mean
            over the outputs, without intervals where there are several.
        ax : Axes, optional
            Where to draw; None makes a figure.

        Returns
        -------
        ImportanceDisplay
        """
        _checks.found(result, KEYS_OF_VARIANCE, "explain_variance")
        (first, first_interval), (total, total_interval) = (
            of_output(result, key, output) for key in ("first_order", "total_order")
        )
        names = list(result["player_names"])
        times: Any = range(len(names)) if in_time(names) else None
        n_timesteps, features = grid_of(names)
        if n_timesteps > 1:
            first, total = (values.reshape(n_timesteps, -1) for values in (first, total))
            first_interval = total_interval = times = None
            names = features
        return cls(
            first,
            names=names,
            interval=first_interval,
            total=total,
            total_interval=total_interval,
            times=times,
            label="Sobol index (share of variance)",
            series=("first-order", "total"),
        ).plot(ax)

    def plot(self, ax: Any = None, *, n_top: int = 20) -> Self:
        """Draw it.

        Parameters
        ----------
        ax : Axes, optional
            None makes a figure.
        n_top : int, default=20
            Largest number of bars, where the players are not in time. Fewer are drawn where more
            do not fit. The last one stands for all others.

        Returns
        -------
        ImportanceDisplay
            Itself.

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        _checks.at_least_one("n_top", n_top)
        canvas = _checks.canvas(self)
        self.ax_ = canvas.one_axes(ax)
        self.figure_ = canvas.root_figure(self.ax_)
        from . import _draw_importance

        _draw_importance.draw(self, n_top)
        return self

    def frame(self) -> Any:
        """The numbers as a table.

        Returns
        -------
        pandas.DataFrame
            One row for each player (``player``), time step (``timestep``) or cell (both
            ``timestep`` and ``feature``): ``importance``; ``low`` and ``high``; ``total``,
            ``total_low`` and ``total_high``; ``repeat_0`` and so on; as far as they are known.

        Raises
        ------
        ImportError
            Without pandas.
        """
        pd = _checks.pandas(self)
        columns: dict[str, Any] = {"player": self.names}
        if self.importances.ndim == 2:
            assert self.times is not None
            times = [time for time in self.times for _ in self.names]
            columns = {"timestep": times, "feature": self.names * len(self.times)}
        elif self.times is not None:
            columns = {"timestep": self.times}
        columns["importance"] = self.importances.ravel()
        if self.interval is not None:
            columns["low"], columns["high"] = self.interval.T
        if self.total is not None:
            columns["total"] = self.total.ravel()
        if self.total_interval is not None:
            columns["total_low"], columns["total_high"] = self.total_interval.T
        if self.repeats is not None:
            columns.update({f"repeat_{k}": values for k, values in enumerate(self.repeats.T)})
        return pd.DataFrame(columns)
