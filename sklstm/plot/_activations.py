"""ActivationDisplay: hidden states of all layers while they read one row."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..explain import explain_gates
from . import _checks
from ._gates import layer_name, real_steps

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class ActivationDisplay:
    """Hidden states of every layer and direction while they read one row, units by time.

    It is recommended to use :meth:`from_gates` or :meth:`from_estimator`. All parameters are
    stored as attributes.

    Parameters
    ----------
    hidden_state : array of shape (n_timesteps, n_layers, n_directions, hidden_size)
        What each unit tells the next layer, or the head.
    times : sequence, optional
        Label of each time step: number, date or text; None counts from 0.

    Raises
    ------
    ValueError
        Where a parameter is not as described.

    Attributes
    ----------
    axes_ : array of Axes of shape (n_layers, n_directions)
        Panels; the layer nearest to the input is on top.
    ax_ : Axes
        The first of them.
    figure_ : Figure
        Figure that holds them.
    images_ : list of AxesImage
        In the order of the panels. All have the same scale.

    See Also
    --------
    GateDisplay : Gates of one layer.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.plot import ActivationDisplay
    >>> X = np.random.default_rng(0).normal(size=(100, 12, 2))
    >>> model = LSTMRegressor(hidden_size=4, num_layers=2, max_epochs=5, random_state=0)
    >>> _ = model.fit(X, X[:, :, 0].sum(axis=1))
    >>> display = ActivationDisplay.from_estimator(model, X[:10], row=3)
    >>> display.frame().columns.tolist()
    ['timestep', 'layer', 'direction', 'unit', 'hidden_state']
    >>> gates = model.explain_gates(X[:10])
    >>> ActivationDisplay.from_gates(gates, row=3)
    <sklstm.plot._activations.ActivationDisplay object at ...>
    """

    axes_: NDArray[Any]
    ax_: Any
    figure_: "Figure"
    images_: list[Any]

    def __init__(self, hidden_state: ArrayLike, *, times: Sequence[Any] | None = None) -> None:
        self.hidden_state = _checks.numbers("hidden_state", hidden_state, None, None, None, None)
        n = len(self.hidden_state)
        if not self.hidden_state.size:
            raise ValueError(
                "The 'hidden_state' parameter must have steps and units. Got shape "
                f"{self.hidden_state.shape}."
            )
        self.times = _checks.labels(
            "times", range(n) if times is None else times, n, "hidden_state"
        )

    @classmethod
    def from_gates(
        cls, gates: Any, row: int = 0, *, times: Sequence[Any] | None = None, ax: Any = None
    ) -> Self:
        """Draw what ``explain_gates`` has returned.

        Parameters
        ----------
        gates : Bunch
        row : int, default=0
            Its position.
        times : sequence of length n_timesteps, optional
            Label of each time step of the row, padding included; None counts from 0.
        ax : Axes or array of Axes, optional
            As in :meth:`plot`.

        Returns
        -------
        ActivationDisplay

        Raises
        ------
        ValueError
            If a parameter is not as described.
        """
        _checks.found(gates, ("hidden_state",), "explain_gates")
        row = _checks.position("row", row, len(gates["hidden_state"]))
        steps, labels = real_steps(gates, row, times)
        return cls(gates["hidden_state"][row][steps], times=labels).plot(ax)

    @classmethod
    def from_estimator(cls, model: Any, X: Any, *, row: int = 0, ax: Any = None) -> Self:
        """Record the states by ``explain_gates`` and draw those of one row.

        Parameters
        ----------
        model : fitted LSTMRegressor or LSTMClassifier, Pipeline or search
        X : array-like
            Rows as in ``predict`` of the model.
        row : int, default=0
            Position in X of the row to draw.
        ax : Axes or array of Axes, optional
            As in :meth:`plot`.

        Returns
        -------
        ActivationDisplay

        Raises
        ------
        ValueError, TypeError
            As ``explain_gates`` and :meth:`from_gates`.
        """
        return cls.from_gates(explain_gates(model, X), row, ax=ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw it.

        Parameters
        ----------
        ax : Axes or array of Axes, optional
            None makes a figure; an Axes is split into a panel for each layer and direction; an
            array of so many is taken as it is.

        Returns
        -------
        ActivationDisplay
            Itself.

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        canvas = _checks.canvas(self)
        from ._draw_states import draw_units

        _, n_layers, n_directions, hidden_size = self.hidden_state.shape
        self.axes_ = canvas.split_axes(ax, (n_layers, n_directions), sharey=True)
        self.ax_ = self.axes_[0, 0]
        self.figure_ = canvas.root_figure(self.ax_)
        top = float(np.nanmax(np.abs(self.hidden_state))) or 1.0
        self.images_ = [
            draw_units(
                self.axes_[layer, direction],
                self.hidden_state[:, layer, direction],
                self.times,
                range(hidden_size),
                title=layer_name(layer, direction, n_directions),
                signed=True,
                top=top,
            )
            for layer in range(n_layers)
            for direction in range(n_directions)
        ]
        for layer in range(n_layers):
            canvas.axis_label(self.axes_[layer, 0], y="unit")
            image = self.images_[(layer + 1) * n_directions - 1]
            canvas.colour_bar(image, self.axes_[layer, -1], "hidden state")
        for panel in self.axes_[-1]:
            canvas.axis_label(panel, x="time step")
        return self

    def frame(self) -> Any:
        """The numbers as a table.

        Returns
        -------
        pandas.DataFrame
            One row for each ``timestep``, ``layer``, ``direction`` and ``unit``, with its
            ``hidden_state``.

        Raises
        ------
        ImportError
            Without pandas.
        """
        pd = _checks.pandas(self)
        step, layer, direction, unit = np.indices(self.hidden_state.shape).reshape(4, -1)
        return pd.DataFrame(
            {
                "timestep": [self.times[i] for i in step],
                "layer": layer,
                "direction": direction,
                "unit": unit,
                "hidden_state": self.hidden_state.ravel(),
            }
        )
