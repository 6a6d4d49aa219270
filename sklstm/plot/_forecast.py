"""ForecastDisplay: predictions beside what was observed, with bands of quantiles."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import is_classifier

from ..explain._composition import check_model, named_steps
from . import _checks
from ._quantiles import bands_of, index_of, quantiles_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class ForecastDisplay:
    """Predictions of numbers over time, what was observed, and bands of quantiles.

    It is recommended to use :meth:`from_estimator` or :meth:`from_predictions`. All parameters
    are stored as attributes.

    Parameters
    ----------
    predictions : array of shape (n,)
        One number for each row, in units of the target.
    observed : array of shape (n,), optional
        What came; NaN where it is not known.
    quantiles : array of shape (n, n_quantiles), optional
        Predicted quantiles.
    levels : sequence of float, optional
        Level of each quantile, between 0 and 1, ascending. Two that sum to 1 make a band; those
        that have no partner are lines, except the median.
    index : sequence, optional
        Times of the rows: dates, numbers or texts. None counts from 0.
    label : str, default="target"
        Name and unit of the target.

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
        Prediction, observation where there is one, quantiles without partner.
    bands_ : list of PolyCollection
        The widest band first.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.plot import ForecastDisplay
    >>> X = np.random.default_rng(0).normal(size=(150, 6, 3))
    >>> y = X[:, 4, 1]
    >>> model = LSTMRegressor(
    ...     hidden_size=8, loss="quantile", quantiles=(0.05, 0.5, 0.95), random_state=0
    ... ).fit(X[:100], y[:100])
    >>> display = ForecastDisplay.from_estimator(model, X[100:], y[100:])
    >>> display.frame().columns.tolist()
    ['index', 'prediction', 'observed', 'quantile_0.05', 'quantile_0.5', 'quantile_0.95']
    >>> [name for name, low, high in display.bands()]
    ['90 % band']

    Predictions of any model:

    >>> display = ForecastDisplay.from_predictions(y[100:], model.predict(X[100:]))
    """

    ax_: Any
    figure_: "Figure"
    lines_: list[Any]
    bands_: list[Any]

    def __init__(
        self,
        predictions: ArrayLike,
        *,
        observed: ArrayLike | None = None,
        quantiles: ArrayLike | None = None,
        levels: Sequence[float] | None = None,
        index: Sequence[Any] | None = None,
        label: str = "target",
    ) -> None:
        self.predictions = _checks.numbers("predictions", predictions, None)
        n = len(self.predictions)
        if not n:
            raise ValueError("The 'predictions' parameter must have rows. Got none.")
        self.observed = None
        if observed is not None:
            self.observed = _checks.numbers("observed", observed, n, like="predictions")
        if (quantiles is None) != (levels is None):
            raise ValueError(
                "The 'quantiles' and 'levels' parameters must be given together. Got one of them."
            )
        self.quantiles, self.levels = None, None
        if quantiles is not None and levels is not None:
            self.levels = tuple(float(level) for level in levels)
            if not self.levels or np.any(np.diff([0.0, *self.levels, 1.0]) <= 0):
                raise ValueError(
                    "The 'levels' parameter must ascend between 0 and 1. Got "
                    f"{self.levels} instead."
                )
            self.quantiles = _checks.numbers("quantiles", quantiles, n, len(self.levels))
        self.index = range(n) if index is None else index
        labels = _checks.labels("index", self.index, n, "predictions")
        if not hasattr(self.index, "__getitem__"):  # a set, or an iterator
            self.index = labels
        self.label = label

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: Any,
        y: Any = None,
        *,
        index: Sequence[Any] | None = None,
        output: int = 0,
        label: str | None = None,
        ax: Any = None,
    ) -> Self:
        """Predict and draw.

        Parameters
        ----------
        model : fitted LSTMRegressor, Pipeline, search, or other regressor
            Bands are drawn for LSTMs with ``loss="quantile"``, also at the end of a Pipeline.
        X : array-like
            Rows as in ``predict`` of the model.
        y : array-like of shape (n,) or (n, n_outputs), optional
            What was observed.
        index : sequence of length n, optional
            Times of the rows. None takes the index of y or of X, if one is a pandas object.
        output : int, default=0
            Which of several outputs or horizons.
        label : str, optional
            Name and unit of the target; None takes the name of y, if it has one.
        ax : Axes, optional
            Where to draw; None makes a figure.

        Returns
        -------
        ForecastDisplay

        Raises
        ------
        ValueError
            For a classifier, and for outputs at every time step; as ``predict``.
        TypeError
            As ``predict`` of the model.
        """
        check_model(model)
        if is_classifier(model):
            raise ValueError(f"A forecast is of numbers. Got a classifier: {model!r:.80}.")
        *_, (_, last) = named_steps(model)
        if not hasattr(last, "predict"):
            raise ValueError(f"The 'model' parameter must predict. Got {model!r:.80}.")
        if getattr(last, "return_sequences", False):
            raise ValueError(
                "A forecast has one number for each row. This model has one for each time step: "
                "pass those of one row to from_predictions."
            )
        predictions = model.predict(X)
        found = quantiles_of(model, X)
        quantiles, levels = (None, None) if found is None else found
        return cls.from_predictions(
            y,
            predictions,
            quantiles=quantiles,
            levels=levels,
            index=index_of(y, X) if index is None else index,
            output=output,
            label=label,
            ax=ax,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_pred: Any,
        *,
        quantiles: Any = None,
        levels: Sequence[float] | None = None,
        index: Sequence[Any] | None = None,
        output: int = 0,
        label: str | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw predictions that are at hand.

        Parameters
        ----------
        y_true : array-like of shape (n,) or (n, n_outputs), or None
            What was observed.
        y_pred : array-like of shape (n,) or (n, n_outputs)
            Predictions.
        quantiles : array-like of shape (n, n_quantiles) or (n, n_outputs, n_quantiles), optional
            As ``predict_quantiles`` returns them.
        levels : sequence of float, optional
            Level of each quantile.
        index : sequence of length n, optional
            Times of the rows. None takes the index of y_true, if it is a pandas object.
        output : int, default=0
            Which of several outputs or horizons.
        label : str, optional
            Name and unit of the target; None takes the name of y_true, if it has one.
        ax : Axes, optional
            Where to draw; None makes a figure.

        Returns
        -------
        ForecastDisplay

        Raises
        ------
        ValueError
            If the shapes are others.
        """
        names = getattr(y_true, "columns", None)
        name = getattr(y_true, "name", None)
        if names is not None and -len(names) <= output < len(names):
            name = names[output]
        index = index_of(y_true) if index is None else index
        return cls(
            _one_output("y_pred", y_pred, output, 1),
            observed=None if y_true is None else _one_output("y_true", y_true, output, 1),
            quantiles=None if quantiles is None else _one_output("quantiles", quantiles, output, 2),
            levels=levels,
            index=index,
            label=label if label is not None else "target" if name is None else str(name),
        ).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw it, in order of time.

        Of more than some thousand rows the smallest and the largest of each short stretch are
        drawn, so that no peak is lost.

        Parameters
        ----------
        ax : Axes, optional
            None makes a figure.

        Returns
        -------
        ForecastDisplay
            Itself.

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        canvas = _checks.canvas(self)
        self.ax_ = canvas.one_axes(ax)
        self.figure_ = canvas.root_figure(self.ax_)
        from . import _draw_forecast

        _draw_forecast.draw(self)
        return self

    def bands(self) -> list[tuple[str, Any, Any]]:
        """Name, low and high end of each band.

        Returns
        -------
        list of (str, array of shape (n,), array of shape (n,))
            The widest one first.
        """
        if self.quantiles is None or self.levels is None:
            return []
        return [
            (f"{100 * (self.levels[b] - self.levels[a]):.3g} % band", *self.quantiles[:, [a, b]].T)
            for a, b in bands_of(self.levels)
        ]

    def frame(self) -> Any:
        """The numbers as a table.

        Returns
        -------
        pandas.DataFrame
            One row for each row of X: ``index``, ``prediction``, ``observed``, and
            ``quantile_0.05`` and so on.

        Raises
        ------
        ImportError
            Without pandas.
        """
        pd = _checks.pandas(self)
        columns: dict[str, Any] = {"index": list(self.index), "prediction": self.predictions}
        if self.observed is not None:
            columns["observed"] = self.observed
        if self.quantiles is not None and self.levels is not None:
            for level, values in zip(self.levels, self.quantiles.T, strict=True):
                columns[f"quantile_{level:g}"] = values
        return pd.DataFrame(columns)


def _one_output(name: str, values: Any, output: int, n_axes: int) -> Any:
    """Of an array with one axis more the output that was asked for."""
    array = np.asarray(values)
    if array.dtype.kind == "O" or array.ndim not in (n_axes, n_axes + 1):
        raise ValueError(
            f"The {name!r} parameter must have one number for each row and output. Got shape "
            f"{array.shape}. Of outputs at every time step pass those of one row."
        )
    if array.ndim == n_axes:
        if output not in (0, -1):
            raise ValueError(f"The 'output' parameter must be 0: there is one. Got {output!r}.")
        return array
    return array[:, _checks.position("output", output, array.shape[1])]
