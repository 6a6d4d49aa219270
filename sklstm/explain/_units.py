"""explain_units."""

import warnings
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import Bunch
from torch import Tensor

from .._attribution import Readout, explaining, unit_contributions
from .._data import StepLayout, check_same_rows
from ..nn import LSTMNetwork
from ._ablation import Ablation
from ._activity import activity_of
from ._inside import Inside
from ._levels import Level
from ._responses import read_response
from ._rows import Values, attributed
from ._shap import _output_names, _outputs, excess_of, references_of
from ._workers import check_n_jobs


def explain_units(
    model: Any,
    X: Any,
    y: Any = None,
    *,
    background: Any = None,
    response_method: str = "auto",
    target: Any = None,
    scoring: Any = None,
    n_excite: int = 5,
    n_jobs: int | None = None,
) -> Bunch:
    """What every hidden unit adds to the output, what it is worth, and what excites it.

    The contributions of the units of a layer sum to the output minus the mean output of the
    background, in the space that was asked for. They are those of ``explain_shap`` with
    ``method="deep"``, stopped at the hidden states [1]_: as conductance [2]_ is for gradients,
    what flows through a unit.

    Parameters
    ----------
    model : fitted LSTMRegressor or LSTMClassifier, Pipeline or search
        The last step is the LSTM; X goes through the steps in front of it, whatever they are.
    X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays
        Rows as in ``predict`` of the model.
    y : array-like of shape (n,) or (n, n_outputs), optional
        Their targets, for ``ablation``.
    background : array-like of the same kind, or of shape (n, m, n_timesteps, n_features), optional
        Rows that X is compared with, as in ``explain_shap``. None takes the rows that an LSTM
        with ``keep_background`` has kept.
    response_method : {"auto", "decision_function", "predict_proba", "predict", \
            "predict_quantiles"}, default="auto"
        The output that is explained, as in ``explain_shap``.
    target : label, position, list or float array, optional
        Which of several outputs, as in ``explain_shap``; None is all of them.
    scoring : str, callable or None, default=None
        Scorer of ``ablation``, as in scikit-learn. It is given the LSTM and what that reads. None
        is the ``score`` of the LSTM, or the scorer of a search.
    n_excite : int, default=5
        Number of rows in ``exciting``, or all rows where X has fewer.
    n_jobs : int, optional
        Number of joblib workers.

    Returns
    -------
    Bunch
        The axes (n_layers, n_directions, hidden_size) are the units; direction 0 is forward.

        * ``contribution`` of shape (n, n_layers, n_directions, hidden_size) followed by the shape
          of one row's output: summed over the time steps of the row.
        * ``direct``, of the shape of the output: what the head reads from the input past all
          units, where "input" is among the ``pooling``; 0 otherwise.
        * ``base_values``, ``output_values``, of the shape of the output: the mean output of the
          background, and the output.
        * ``additivity_gap`` of shape (n, n_layers) followed by that of one output: how far
          ``base_values + direct`` and the units of a layer miss ``output_values``.
        * ``ablation`` of shape (n_layers, n_directions, hidden_size), or None without y: the drop
          of the score when whatever reads the unit (the next step of its layer, the layer above,
          the head) reads its mean over all real steps of X instead [3]_.
        * ``exciting`` of shape (n_layers, n_directions, hidden_size, n_excite, 2): row of X and
          time step at which the hidden state is highest, the highest first. Every row counts once,
          at its highest step; time steps are those of what the LSTM reads.
        * ``exciting_state`` of shape (n_layers, n_directions, hidden_size, n_excite): the hidden
          state there.
        * ``saturated``, ``dead`` of shape (n_layers, n_directions, hidden_size): share of all
          real steps at which the activation of the cell state is within 0.1 of -1 or 1 (tanh; 0
          for relu, which has no upper limit), and at which it is exactly 0 (of relu networks; in
          tanh networks only a unit without weights is dead).
        * ``output_names``: of the outputs; None where there is one.

    Raises
    ------
    ValueError
        Where a parameter is not as described; where ``background`` is missing, or every row of
        it is shorter than a row of X; where the last step is no LSTM of this library, or has a
        ``module`` of its own; where ``scoring`` is given without y.
    TypeError
        Where X is sparse, or holds objects that are no numbers.

    Warns
    -----
    UserWarning
        Where the contributions of a row miss its output by more than rounding.

    See Also
    --------
    explain_shap : What every cell of X adds to the output.
    explain_gates : Gates and states of every time step.

    Notes
    -----
    Layers come one after the other, so the contributions of each layer sum to the same: those of
    two layers must not be added. With the poolings "last", "mean" and "max" and an output that is
    linear in the head's (``predict``, ``decision_function``), the contribution of a unit of the
    last layer is its weight in the head times the difference of its pooled state from that of the
    background. With "attention" a unit also moves the weights of the steps, and what that changes
    is part of its contribution.

    Contribution and ablation answer different questions: a unit may add much to each output
    without being missed, because others say the same. Padding counts for nothing.

    References
    ----------
    .. [1] Shrikumar, Greenside & Kundaje (2017), "Learning important features through
       propagating activation differences", ICML.
    .. [2] Dhamdhere, Sundararajan & Yan (2019), "How important is a neuron?", ICLR.
    .. [3] Morcos, Barrett, Rabinowitz & Botvinick (2018), "On the importance of single
       directions for generalization", ICLR.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.explain import explain_units
    >>> X = np.random.default_rng(0).normal(size=(120, 8, 2))
    >>> y = X[:, -3:, 0].sum(axis=1)
    >>> model = LSTMRegressor(hidden_size=6, random_state=0).fit(X, y)
    >>> units = explain_units(model, X[:20], y[:20], background=X[20:])
    >>> units.contribution.shape  # rows, layers, directions, units
    (20, 1, 1, 6)
    >>> total = units.base_values + units.direct + units.contribution.sum(axis=(1, 2, 3))
    >>> bool(np.allclose(total, model.predict(X[:20]), atol=1e-5))
    True
    >>> row, step = units.exciting[0, 0, 3, 0]  # what excites unit 3 most
    """
    check_n_jobs(n_jobs)
    inside = Inside.of(model, X, "explain_units")
    check_same_rows(X, y=y)
    if not isinstance(n_excite, Integral) or isinstance(n_excite, bool) or n_excite < 1:
        raise ValueError(f"The 'n_excite' parameter must be an int >= 1. Got {n_excite!r} instead.")
    if y is None and scoring is not None:
        raise ValueError(
            f"The 'scoring' parameter needs y to score the predictions. Got scoring={scoring!r} "
            "without y."
        )
    with torch.inference_mode(False):  # the caller may be inside of it
        scores = None if y is None else Ablation(model, inside, y, scoring)
        result = _contributions(inside, background, response_method, target, n_jobs)
        activity = activity_of(inside, int(n_excite))
        mean = activity.pop("mean")
        drops = None if scores is None else scores.drops(mean, n_jobs)
    return Bunch(**result, ablation=drops, **activity)


def _contributions(
    inside: Inside, background: Any, response_method: str, target: Any, n_jobs: int | None
) -> dict[str, Any]:
    network, sequences = inside.network, inside.sequences
    response = read_response(inside.route.last, response_method, target)
    readout = response.readout.to(network.x_mean.device)
    references = references_of(inside.route, background, sequences)
    layout = StepLayout.of(sequences)
    # The units are players that are there at every time step, the input past them is the last.
    n_players = int(np.prod(inside.shape)) + 1
    table = np.broadcast_to(np.arange(n_players), (int(layout.sizes.max()), n_players))
    kernel = partial(_of_units, network, readout)
    found = attributed(
        network,
        readout,
        kernel,
        sequences,
        references,
        Level("unit", table, n_players),
        "deep",
        n_jobs,
    )
    with explaining(network, network.x_mean.device):
        outputs = _outputs(inside.route.last, response, inside.X, layout)
    base, direct = found.base_values.reshape(outputs.shape), found.values[:, -1]
    direct = direct.reshape(outputs.shape)
    contribution = found.values[:, :-1].reshape(len(outputs), *inside.shape, *outputs.shape[1:])
    total = (base + direct)[:, None] + contribution.sum(axis=(2, 3))
    gap = np.abs(total - outputs[:, None])
    deviation = found.deviation.reshape(outputs.shape)
    unit = readout.unit(network.y_scale).cpu().numpy().reshape(response.shape)
    _warn_of(excess_of(gap.max(axis=1), outputs, base, deviation, unit))
    return {
        "contribution": contribution,
        "direct": direct,
        "base_values": base,
        "output_values": outputs,
        "additivity_gap": gap,
        "output_names": _output_names(response, network),
    }


def _warn_of(excess: NDArray[np.float64]) -> None:
    rows = np.flatnonzero((excess > 0).reshape(len(excess), -1).any(axis=1))
    if len(rows):
        warnings.warn(
            f"The contributions of {len(rows)} of {len(excess)} rows do not add up; the first is "
            f"sample {rows[0]}. Inputs or states of this size are beyond float32.",
            UserWarning,
            stacklevel=4,
        )


def _of_units(
    network: LSTMNetwork,
    readout: Readout,
    x: Tensor,
    references: Tensor,
    weights: Tensor,
    players: Tensor,
) -> Values:
    return Values(unit_contributions(network, readout, x, references, weights))
