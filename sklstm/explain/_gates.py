"""explain_gates."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from .._attribution import saturated
from .._data import StepLayout
from ._inside import Inside

FloatArray = NDArray[np.float64]

ARRAYS = (
    "input_gate",
    "forget_gate",
    "output_gate",
    "candidate",
    "cell_state",
    "hidden_state",
)


def explain_gates(model: Any, X: Any) -> Bunch:
    r"""Gates and states of every layer, direction and time step, and what they remember.

    .. math::

        c_t = f_t \odot c_{t-1} + i_t \odot g_t, \qquad h_t = o_t \odot \phi(c_t)

    The forget gate :math:`f` says what share of a memory cell is kept, the input gate :math:`i`
    how much of the candidate :math:`g` is written to it, the output gate :math:`o` how much of it
    is shown [1]_; :math:`\phi` is the ``activation`` of the network, tanh or relu.

    Parameters
    ----------
    model : fitted LSTMRegressor or LSTMClassifier, Pipeline or search
        The last step is the LSTM; X goes through the steps in front of it, whatever they are.
    X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays
        Rows as in ``predict`` of the model. The result takes 24 bytes for each row, time step and
        unit: pass the rows that you look at.

    Returns
    -------
    Bunch
        Float32 arrays of shape (n, n_timesteps, n_layers, n_directions, hidden_size), NaN at
        padding. Time steps are those of what the LSTM reads (of 2-D rows its ``n_timesteps``,
        behind a SlidingWindow the window, of ragged X those of the longest row), in the order of
        time for the backward direction, too. The forward direction is 0.

        * ``input_gate``, ``forget_gate``, ``output_gate``: between 0, closed, and 1, open.
        * ``candidate``: what would be written.
        * ``cell_state``, ``hidden_state``: after the step.

        Float64 arrays of shape (n, n_timesteps, n_layers, n_directions), NaN at padding:

        * ``forgetting``: mean of :math:`1 - f` over the units. There is nothing to forget yet at
          the first step of a row (of the backward direction: at its last).
        * ``writing``: mean of :math:`|i g|` over the units, in units of the cell state.

        Float64 arrays of shape (n_layers, n_directions, hidden_size):

        * ``half_life``: steps after which half of what a unit remembers is left,
          :math:`\ln 2 / -\ln \bar f`, where :math:`\bar f` is the mean of its forget gate over
          all real steps of X but the first of each row. It is infinite where the gate is always
          1, 0 where it is always 0, and NaN where no row has a second step.
        * ``saturation``: a Bunch of such arrays, the share of all real steps at which a gate or
          an activation hardly moves [2]_: ``input_gate``, ``forget_gate`` and ``output_gate``
          within 0.1 of 0 or 1; ``candidate`` and ``cell_output``, which is :math:`\phi(c_t)`,
          within 0.1 of -1 or 1 for tanh, and at 0 for relu.

    Raises
    ------
    ValueError
        Where the last step is no LSTM of this library, or has a ``module`` of its own; where X is
        not as in ``predict``.
    TypeError
        Where X is sparse, or holds objects that are no numbers.

    See Also
    --------
    explain_units : What each hidden unit adds to the output.

    Notes
    -----
    States are computed in float32, as in ``predict``, and equal those of ``torch.nn.LSTM`` to
    rounding. The half-life is that of a memory which meets the gate at its mean at every step: a
    unit that holds on for long and then forgets at once has the half-life of one that leaks
    slowly. With peepholes the gates see the cell state, which the formula does not follow.

    References
    ----------
    .. [1] Gers, Schmidhuber & Cummins (2000), "Learning to forget: continual prediction with
       LSTM", Neural Computation 12(10).
    .. [2] Karpathy, Johnson & Fei-Fei (2016), "Visualizing and understanding recurrent
       networks", ICLR workshop.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.explain import explain_gates
    >>> X = np.random.default_rng(0).normal(size=(100, 12, 2))
    >>> y = X[:, :, 0].sum(axis=1)
    >>> model = LSTMRegressor(hidden_size=4, max_epochs=10, random_state=0).fit(X, y)
    >>> gates = explain_gates(model, X[:5])
    >>> gates.forget_gate.shape  # one layer, one direction
    (5, 12, 1, 1, 4)
    >>> gates.half_life.shape
    (1, 1, 4)
    >>> gates.forgetting.shape
    (5, 12, 1, 1)
    """
    inside = Inside.of(model, X, "explain_gates")
    layout, shape = StepLayout.of(inside.sequences), inside.shape
    steps = len(layout.lengths), int(layout.sizes.max())
    result = Bunch(**{name: np.full((*steps, *shape), np.nan, np.float32) for name in ARRAYS})
    forgetting, writing = np.full((2, *steps, *shape[:2]), np.nan)
    kept, near_limit = np.zeros(shape), Bunch()
    for chunk, found in inside.states():
        where = chunk.rows, chunk.steps
        for name in ARRAYS:
            result[name][where] = getattr(found, name).cpu().numpy()
        forgetting[where] = (1 - found.forget_gate).mean(-1).cpu().numpy()
        writing[where] = (found.input_gate * found.candidate).abs().mean(-1).cpu().numpy()
        kept += _kept(result.forget_gate[where])
        for name, at_limit in saturated(found, inside.relu).items():
            counts = at_limit.sum((0, 1)).cpu().numpy()
            near_limit[name] = near_limit.get(name, 0) + counts
    n_steps = int(layout.lengths.sum())
    saturation = Bunch(**{name: counts / n_steps for name, counts in near_limit.items()})
    return Bunch(
        **result,
        half_life=_half_life(kept, n_steps - len(layout.lengths)),
        saturation=saturation,
        forgetting=forgetting,
        writing=writing,
    )


def _kept(forget_gate: NDArray[np.float32]) -> FloatArray:
    """Sum of the forget gate over the steps that have a memory, shape (L, D, H)."""
    directions = forget_gate[:, 1:, :, :1], forget_gate[:, :-1, :, 1:]
    return np.concatenate([part.sum((0, 1), dtype=np.float64) for part in directions], axis=1)


def _half_life(kept: FloatArray, n_steps: int) -> FloatArray:
    if n_steps == 0:
        return np.full(kept.shape, np.nan)
    with np.errstate(divide="ignore"):
        return np.log(2) / np.abs(np.log(kept / n_steps))
