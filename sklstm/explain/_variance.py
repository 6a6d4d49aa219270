"""explain_variance."""

from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import Bunch
from tqdm import tqdm

from .._attribution import sobol_indices
from .._utils._numbers import as_float
from ._agnostic import Model
from ._composition import check_model
from ._hybrids import rows_of
from ._independent import FloatArray, IndependentPlayers
from ._inputs import read_inputs
from ._names import names_of_outputs
from ._pipelines import Route, is_lstm
from ._random import own_random_state
from ._rows import PATIENCE
from ._workers import check_n_jobs, in_order, task_of


def explain_variance(
    model: Any,
    X: Any,
    *,
    level: str | int | Mapping[str, Any] = "feature",
    n_samples: int = 2048,
    response_method: str = "auto",
    target: Any = None,
    confidence_level: float = 0.95,
    n_resamples: int = 1000,
    n_jobs: int | None = None,
    random_state: Any = None,
) -> Bunch:
    """Sobol indices: the share of the output's variance that is due to each player.

    Of a player (a feature's whole series, a time step, a window, a cell or a group), the
    first-order index is the share of the variance that it explains alone, and the total one the
    share that would remain if all others were known: what it does alone and in interactions with
    others [1]_. Both are 0 for a player that the output does not depend on, and equal for one
    that only adds to it. First-order indices sum to at most 1, total ones to at least 1, each to
    1 where nothing interacts. No targets are needed: this is about what the model does, not
    about whether it is right.

    Parameters
    ----------
    model : fitted estimator, Pipeline or search
        Any fitted scikit-learn estimator; the players are the inputs that it takes.
    X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays
        Rows whose values are drawn, as in ``predict``. Usually the training or the test rows.
    level : {"feature", "timestep", "cell"}, int or mapping, default="feature"
        The players, as in `explain_shap`: an int makes windows of so many time steps, a mapping
        from names groups of features, slices of time steps, or pairs ``(slice, feature)``.
    n_samples : int, default=2048
        Pairs of rows that are drawn. The model predicts ``n_samples * (n_players + 2)`` rows. The
        intervals become half as wide with four times as many.
    response_method : {"auto", "decision_function", "predict_proba", "predict", \
            "predict_quantiles"}, default="auto"
        The output whose variance is explained, as in `explain_shap`.
    target : label, position, list or float array, optional
        Which of several outputs, as in `explain_shap`; None is all of them, each on its own.
    confidence_level : float, default=0.95
        Of the intervals.
    n_resamples : int, default=1000
        Bootstrap samples behind the intervals.
    n_jobs : int, optional
        Number of joblib workers.
    random_state : int, RandomState instance or None, default=None
        Fixes the rows that are drawn; None is different in every call.

    Returns
    -------
    Bunch
        With ``out`` the shape of the output of one row:

        first_order, total_order : array of shape (n_players,) + out
            Shares of the variance; estimates near 0 may be negative. NaN for an output that does
            not vary. The cells of sequences are in the order of ``X[0].ravel()``.
        first_order_interval, total_order_interval : array of shape (n_players,) + out + (2,)
            Low and high ends of bootstrap intervals for what more samples would give. They do
            not say what another X or another training would change.
        variance, mean : array of shape out, or float
            Of the output over the drawn rows.
        player_names : list of str
            In the order of the shares.
        output_names : tuple or None
            Of the axes of out.
        n_evaluations : int
            Rows that the model predicted for the indices.

    Raises
    ------
    ValueError
        Where a parameter is not as described, or X has a single row. For an LSTM with
        ``return_sequences=True``.
    TypeError
        Where X is sparse, or holds objects that are no numbers.

    See Also
    --------
    explain_permutation : What the score loses when a player is shuffled.
    explain_shap : What each cell of each row adds to its output.

    Notes
    -----
    The players are drawn independently of each other, each from a row of X of its own; a feature's
    series comes from one row as a whole. That is what makes the variance a sum of parts. Where
    players depend on each other the drawn rows are unlike any data (a warm hour between two cold
    ones, at the level of time steps), the model extrapolates, and ``variance`` is not that of its
    predictions for X. Then make players of what belongs together: features instead of cells,
    windows instead of time steps, groups of correlated features.

    Where lengths differ, a drawn row has the length of a random row of X, and its players come
    from rows that are at least as long, cut at their ends. The length itself is no player: the
    variance is that within a length, averaged over the lengths.

    The estimators are those of Saltelli et al. [2]_ for first-order indices and of Jansen [3]_ for
    total ones. Rows are drawn at random: a Sobol sequence, which needs an order of the rows to be
    of use, was not measurably better.

    References
    ----------
    .. [1] Sobol (2001), "Global sensitivity indices for nonlinear mathematical models and their
       Monte Carlo estimates", Mathematics and Computers in Simulation 55.
    .. [2] Saltelli et al. (2010), "Variance based sensitivity analysis of model output. Design
       and estimator for the total sensitivity index", Computer Physics Communications 181(2).
    .. [3] Jansen (1999), "Analysis of variance designs for model output", Computer Physics
       Communications 117.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.explain import explain_variance
    >>> X = np.random.default_rng(0).normal(size=(200, 6, 3))
    >>> y = 2 * X[:, -1, 0] + X[:, -1, 1]
    >>> model = LSTMRegressor(hidden_size=8, random_state=0).fit(X, y)
    >>> result = explain_variance(model, X, n_samples=512, random_state=0)
    >>> result.player_names
    ['x0', 'x1', 'x2']
    >>> bool(result.first_order[0] > 0.6 and result.total_order[2] < 0.1)
    True
    """
    check_model(model)
    check_n_jobs(n_jobs)
    _check_parameters(n_samples, confidence_level, n_resamples)
    rng = own_random_state(random_state)
    route = Route.of(model, X)
    refuse_sequence_outputs(route, "explain_variance")
    X = _without_padded_codes(route, X)
    passed = route.passed(X)
    inputs = read_inputs(route, X, passed)
    rows = rows_of(route, passed.X, X)
    if len(rows.lengths) < 2:
        raise ValueError("X must have at least 2 rows, from which values are drawn. Got 1.")
    one_row = rows.joined(rows.own(np.zeros(1, dtype=np.int64)), int(rows.first[0]))
    of_model = Model(route, one_row, response_method, target)
    players, level_of_model = inputs.level(level)
    independent = IndependentPlayers(of_model, rows, level_of_model)

    lengths_of, (A, B) = independent.draw(n_samples, rng)
    f_A, f_B = independent.outputs(lengths_of, A), independent.outputs(lengths_of, B)
    acting = np.unique(level_of_model.table).tolist()  # a column that is dropped does nothing
    f_AB = np.repeat(f_A[None], players.n_players, axis=0)
    task = task_of(_with_player, independent, lengths_of, A, B)
    bar = tqdm(total=len(acting), desc="Explaining", unit="player", delay=PATIENCE, leave=False)
    for player, outputs in zip(acting, in_order(task, acting, n_jobs), strict=True):
        f_AB[player] = outputs
        bar.update()
    bar.close()
    lengths = rows.lengths[lengths_of]
    indices = sobol_indices(
        f_A,
        f_B,
        f_AB,
        confidence_level=float(confidence_level),
        n_resamples=n_resamples,
        rng=rng,
        shared=lengths if lengths.min() < lengths.max() else None,
    )
    out = of_model.response.shape
    shape = (players.n_players, *out)
    return Bunch(
        first_order=indices.first_order.reshape(shape),
        total_order=indices.total_order.reshape(shape),
        first_order_interval=indices.first_order_interval.reshape(*shape, 2),
        total_order_interval=indices.total_order_interval.reshape(*shape, 2),
        variance=indices.variance.reshape(out)[()],
        mean=np.concatenate([f_A, f_B]).mean(axis=0).reshape(out)[()],
        player_names=inputs.player_names(players),
        output_names=names_of_outputs(of_model.response.names, out),
        n_evaluations=n_samples * (len(acting) + 2),
    )


def _check_parameters(n_samples: Any, confidence_level: Any, n_resamples: Any) -> None:
    for name, value in (("n_samples", n_samples), ("n_resamples", n_resamples)):
        if not isinstance(value, Integral) or isinstance(value, bool) or value < 2:
            raise ValueError(f"The {name!r} parameter must be an int >= 2. Got {value!r} instead.")
    if not 0 < as_float(confidence_level) < 1:
        raise ValueError(
            "The 'confidence_level' parameter must be a float between 0 and 1. Got "
            f"{confidence_level!r} instead."
        )


def refuse_sequence_outputs(route: Route, function: str) -> None:
    """Outputs at time steps have no common shape where lengths differ."""
    if is_lstm(route.last) and route.last._returns_sequences():
        raise ValueError(
            f"{function} explains one output, or one list of outputs, for each row. This "
            f"{type(route.last).__name__} has one for each time step (return_sequences=True)."
        )


def _without_padded_codes(route: Route, X: Any) -> Any:
    """Codes that an LSTM reads itself as sequences of their own lengths, which can be cut."""
    if route.first or not route.reaches_lstm or route.last.net_.module_.embedding is None:
        return X
    sequences = route.last._read_known(X)
    rows = sequences.take(slice(0, len(sequences)))
    return [row[:length] for row, length in zip(rows, sequences.lengths, strict=True)]


def _with_player(
    independent: IndependentPlayers, lengths_of: Any, A: Any, B: Any, player: int
) -> FloatArray:
    """Outputs of the sample A in which one player comes from B."""
    donors = A.copy()
    donors[:, player] = B[:, player]
    return independent.outputs(lengths_of, donors)
