"""GateDisplay: what the gates of a layer did while it read one row."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..explain import explain_gates
from . import _checks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GATES = ("forget_gate", "input_gate", "output_gate", "candidate")


class GateDisplay:
    """Gates and candidate of one layer while it read one row, units by time.

    It is recommended to use :meth:`from_gates` or :meth:`from_estimator`. All parameters are
    stored as attributes.

    Parameters
    ----------
    forget_gate : array of shape (n_timesteps, hidden_size)
        Between 0, the memory is cleared, and 1, it is kept.
    input_gate : array of shape (n_timesteps, hidden_size)
        Between 0, nothing is written, and 1.
    output_gate : array of shape (n_timesteps, hidden_size)
        Between 0, nothing is shown, and 1.
    candidate : array of shape (n_timesteps, hidden_size)
        What would be written.
    half_life : array of shape (hidden_size,), optional
        Steps after which half of what a unit remembers is left.
    units : sequence of int, optional
        Number of each unit, from top to bottom; None counts from 0.
    times : sequence, optional
        Label of each time step: number, date or text; None counts from 0.
    title : str, default=""
        Which layer is drawn.

    Raises
    ------
    ValueError
        Where a parameter is not as described.

    Attributes
    ----------
    axes_ : array of Axes of shape (2, 2)
        Panels of the forget and input gate, and of the output gate and candidate below.
    ax_ : Axes
        The first of them.
    figure_ : Figure
        Figure that holds them.
    images_ : list of AxesImage
        In the order of the panels.

    See Also
    --------
    ActivationDisplay : Hidden states of all layers.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.plot import GateDisplay
    >>> X = np.random.default_rng(0).normal(size=(100, 12, 2))
    >>> model = LSTMRegressor(hidden_size=4, max_epochs=5, random_state=0)
    >>> _ = model.fit(X, X[:, :, 0].sum(axis=1))
    >>> display = GateDisplay.from_estimator(model, X[:10], row=3)
    >>> display.frame().columns.tolist()
    ['timestep', 'unit', 'forget_gate', 'input_gate', 'output_gate', 'candidate', 'half_life']
    >>> gates = model.explain_gates(X[:10])
    >>> GateDisplay.from_gates(gates, row=3)
    <sklstm.plot._gates.GateDisplay object at ...>
    """

    axes_: NDArray[Any]
    ax_: Any
    figure_: "Figure"
    images_: list[Any]

    def __init__(
        self,
        forget_gate: ArrayLike,
        input_gate: ArrayLike,
        output_gate: ArrayLike,
        candidate: ArrayLike,
        *,
        half_life: ArrayLike | None = None,
        units: Sequence[int] | None = None,
        times: Sequence[Any] | None = None,
        title: str = "",
    ) -> None:
        self.forget_gate = _checks.numbers("forget_gate", forget_gate, None, None)
        shape = self.forget_gate.shape
        if not self.forget_gate.size:
            raise ValueError(
                f"The 'forget_gate' parameter must have steps and units. Got shape {shape}."
            )
        self.input_gate = _checks.numbers("input_gate", input_gate, *shape, like="forget_gate")
        self.output_gate = _checks.numbers("output_gate", output_gate, *shape, like="forget_gate")
        self.candidate = _checks.numbers("candidate", candidate, *shape, like="forget_gate")
        self.half_life = None
        if half_life is not None:
            self.half_life = _checks.numbers("half_life", half_life, shape[1], finite=False)
        self.units = _checks.labels(
            "units", range(shape[1]) if units is None else units, shape[1], "forget_gate"
        )
        self.times = _checks.labels(
            "times", range(shape[0]) if times is None else times, shape[0], "forget_gate"
        )
        self.title = title

    @classmethod
    def from_gates(
        cls,
        gates: Any,
        row: int = 0,
        *,
        layer: int = 0,
        direction: int = 0,
        times: Sequence[Any] | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw what ``explain_gates`` has returned, the unit with the longest half-life on top.

        Parameters
        ----------
        gates : Bunch
        row : int, default=0
            Its position.
        layer : int, default=0
            The first is nearest to the input.
        direction : int, default=0
            0 reads forwards, 1 backwards.
        times : sequence of length n_timesteps, optional
            Label of each time step of the row, padding included; None counts from 0.
        ax : Axes or array of 4 Axes, optional
            As in :meth:`plot`.

        Returns
        -------
        GateDisplay

        Raises
        ------
        ValueError
            If a parameter is not as described.
        """
        _checks.found(gates, (*GATES, "half_life"), "explain_gates")
        n, _, n_layers, n_directions, _ = gates["forget_gate"].shape
        row = _checks.position("row", row, n)
        layer = _checks.position("layer", layer, n_layers)
        direction = _checks.position("direction", direction, n_directions)
        steps, labels = real_steps(gates, row, times)
        half_life = gates["half_life"][layer, direction]
        # Units that were never seen to remember (NaN) come last.
        units = np.argsort(-np.nan_to_num(half_life, nan=-1.0), kind="stable")
        return cls(
            *(gates[name][row, :, layer, direction][np.ix_(steps, units)] for name in GATES),
            half_life=half_life[units],
            units=units.tolist(),
            times=labels,
            title=layer_name(layer, direction, n_directions),
        ).plot(ax)

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: Any,
        *,
        row: int = 0,
        layer: int = 0,
        direction: int = 0,
        ax: Any = None,
    ) -> Self:
        """Record the gates by ``explain_gates`` and draw those of one row.

        Parameters
        ----------
        model : fitted LSTMRegressor or LSTMClassifier, Pipeline or search
        X : array-like
            Rows as in ``predict`` of the model; half-lives are those over all of them.
        row : int, default=0
            Position in X of the row to draw.
        layer : int, default=0
            The first is nearest to the input.
        direction : int, default=0
            0 reads forwards, 1 backwards.
        ax : Axes or array of 4 Axes, optional
            As in :meth:`plot`.

        Returns
        -------
        GateDisplay

        Raises
        ------
        ValueError, TypeError
            As ``explain_gates`` and :meth:`from_gates`.
        """
        gates = explain_gates(model, X)
        return cls.from_gates(gates, row, layer=layer, direction=direction, ax=ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw it.

        Parameters
        ----------
        ax : Axes or array of 4 Axes, optional
            None makes a figure; an Axes is split into four; an array is taken as it is.

        Returns
        -------
        GateDisplay
            Itself.

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        canvas = _checks.canvas(self)
        from ._draw_states import draw_units

        self.axes_ = canvas.split_axes(ax, (2, 2), sharey=True)
        self.ax_ = self.axes_[0, 0]
        self.figure_ = canvas.root_figure(self.ax_)
        self.images_ = []
        for panel, name in zip(self.axes_.ravel(), GATES, strict=True):
            gate = name != "candidate"
            self.images_.append(
                draw_units(
                    panel,
                    getattr(self, name),
                    self.times,
                    self.units,
                    title=name.replace("_", " "),
                    signed=not gate,
                    top=1.0 if gate else None,
                )
            )
        canvas.colour_bar(self.images_[1], self.axes_[0, 1], "gate")
        canvas.colour_bar(self.images_[3], self.axes_[1, 1], "candidate")
        order = "unit" if self.half_life is None else "unit by half-life"
        for panel, text in zip(self.axes_[:, 0], (self.title, order), strict=True):
            canvas.axis_label(panel, y=canvas.wrapped(text, panel, 1))
        for panel in self.axes_[1]:
            canvas.axis_label(panel, x="time step")
        return self

    def frame(self) -> Any:
        """The numbers as a table.

        Returns
        -------
        pandas.DataFrame
            One row for each ``timestep`` and ``unit``: the gates, the candidate, and the
            ``half_life`` of the unit.

        Raises
        ------
        ImportError
            Without pandas.
        """
        pd = _checks.pandas(self)
        columns: dict[str, Any] = {
            "timestep": [time for time in self.times for _ in self.units],
            "unit": self.units * len(self.times),
        }
        columns.update({name: getattr(self, name).ravel() for name in GATES})
        if self.half_life is not None:
            columns["half_life"] = np.tile(self.half_life, len(self.times))
        return pd.DataFrame(columns)


def real_steps(gates: Any, row: int, times: Sequence[Any] | None) -> tuple[Any, list[Any]]:
    """Positions of the steps of a row that are not padding, and their labels."""
    states = gates["forget_gate" if "forget_gate" in gates else "hidden_state"][row]
    n = len(states)
    labels = list(range(n)) if times is None else _checks.labels("times", times, n)
    steps = np.flatnonzero(~np.isnan(states.reshape(n, -1)).any(axis=1))
    return steps, [labels[step] for step in steps]


def layer_name(layer: int, direction: int, n_directions: int) -> str:
    """Where in the network."""
    reading = ("", f", {('forwards', 'backwards')[direction]}")[n_directions > 1]
    return f"layer {layer}{reading}"
