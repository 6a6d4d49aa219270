"""explain_shap."""

import warnings
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from .._attribution import explaining
from .._data import Sequences, StepLayout
from ..nn import ScaledNetwork
from ._agnostic import Model, explained
from ._agnostic import choose as choose_sampler
from ._background import Background, read_background
from ._composition import check_model
from ._explanation import Explanation
from ._hybrids import rows_of
from ._inputs import Inputs, inputs_of, own_inputs
from ._kernels import Work, choose_kernel
from ._levels import Level
from ._pipelines import Passed, Route
from ._random import own_random_state
from ._responses import Response, read_response
from ._rows import Attributed, attributed
from ._states import states_of
from ._workers import check_n_jobs

FloatArray = NDArray[np.float64]

# Gaps that are not worth a warning: a share of the spread, where values add up; and what float32
# rounds of a standardised output, float64 of the output.
ADDITIVE = 1e-4
ROUNDING = 1e-6, 1e-12


def explain_shap(
    model: Any,
    X: Any,
    *,
    background: Any = None,
    method: str = "auto",
    level: str | int | Mapping[str, Any] = "cell",
    response_method: str = "auto",
    target: Any = None,
    n_blocks: int = 2,
    tolerance: float = 0.01,
    max_nodes: int = 64,
    budget: int | None = None,
    n_jobs: int | None = None,
    random_state: Any = None,
) -> Explanation:
    """Shapley explanations: what every cell of X adds to the output, beside a background.

    The values of a row sum to its output minus the mean output of the background, in the space
    that was asked for. How the sum is shared depends on ``method``:

    * ``"deep"``: the DeepLIFT rule [1]_, [2]_ for LSTMs: one sweep back through the network for
      each pair of a row and a background row, at about the cost of a gradient. It adds up to
      rounding, and is near the Shapley values, but not equal to them.
    * ``"blocked"``: the same rule for random blocks of players that are switched from the
      background to X one after the other. Nearer to the Shapley values with more blocks, at
      three to four times ``n_blocks`` times the cost for a partition of each background row. It
      begins with half of them; with as many blocks as players it samples them without bias.
    * ``"gradient"``: expected gradients [3]_, with Gauss-Legendre nodes instead of random ones.
      Good where the network is smooth, poor where it is saturated; the additivity gap shows it.
      The one fast method for a ``module`` of your own.
    * ``"exact"``: Shapley values, from all coalitions of at most 16 players.
    * ``"kernel"``, ``"permutation"``, ``"partition"``: shap's own explainers of these names, made
      to work on sequences, to check the others. They are slow. "partition" shares groups of
      players that the budget does not suffice to open equally.

    Parameters
    ----------
    model : fitted LSTMRegressor or LSTMClassifier, Pipeline, search, or other estimator
        Of a Pipeline or a search the players are its own inputs, see Notes.
    X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays
        Rows to explain, as in ``predict`` of the model: for a Pipeline what its first step reads.
    background : array-like of the same kind, or of shape (n, m, n_timesteps, n_features), optional
        Rows that X is compared with, usually the training rows or some hundred of them. The cost
        grows with their number, up to 500; of more, 200 stand for all, see Notes. A single row is
        a baseline. An array with four axes holds ``m`` rows for each row of X. Each background
        row is cut at its end to the length of the explained row; shorter ones are not used for
        it. In front of a SlidingWindow a table in order of time: its windows are the background
        rows. None takes the rows that an LSTM with ``keep_background`` has kept, behind the
        one-to-one steps of a Pipeline.
    method : {"auto", "deep", "blocked", "gradient", "exact", "kernel", "permutation", \
            "partition"}, default="auto"
        See above. "auto" is "exact" where that takes at most ``budget`` (by default 4096)
        evaluations for each row, and "deep" otherwise; for a ``module`` of your own "gradient".
        The longest row of X decides for all.
        Models that have to be explained as a whole (Notes) take "exact", which is "auto" for up
        to 10 players, "kernel", "partition", and "permutation": random orders of the players,
        each forwards and backwards, until the standard errors are below ``tolerance``.
    level : {"cell", "feature", "timestep", "window"}, int or mapping, default="cell"
        The players of the game. "window" makes ten windows of nearly equal length of the time
        steps of the longest row, an int windows of so many steps. A mapping from names holds, for
        each, features (of a table columns) by name or position, slices of time steps, or pairs
        ``(slice, feature)``; every cell must be in one group.
        ``Explanation.by`` sums the cells of one explanation instead, which answers another
        question: Shapley values of features are not the sums of those of their cells. For "deep"
        and "gradient" both are the same.
    response_method : {"auto", "decision_function", "predict_proba", "predict", \
            "predict_quantiles"}, default="auto"
        The output that is explained. "auto" is ``decision_function`` for classifiers
        (``predict_proba`` where there is none), ``predict`` for regressors.
    target : label, position, list or float array, optional
        Which of several outputs; None is all of them. A label is a class or a quantile, and with
        several outputs and quantiles a pair ``(output, quantile)``. A float array of the shape
        of one row's output weighs the outputs: ``np.array([-1.0, 0.0, 1.0])`` is the width of an
        interval. An array of several such has as many outputs.
    n_blocks : int, default=2
        Of "blocked".
    tolerance : float, default=0.01
        "gradient" doubles its nodes until the additivity gap, and "blocked" its partitions until
        the standard errors are below this share of the output's spread: its standard deviation
        over the background plus the distance of the row from its mean. Beside a single background
        row the unit of a standardised output takes the place of the first.
    max_nodes : int, default=64
        Largest number of nodes of "gradient".
    budget : int, optional
        Evaluations of the network for each row of X that "blocked" and the methods of shap may
        use. "blocked" takes at least four samples, each a partition for a sixteenth of the
        background (for one row at least), and beyond one partition for each background row whole
        rounds; None stands for 64 of these. Of the whole model for "permutation", which draws at
        least four orders for each background row; None stands for 16.
    n_jobs : int, optional
        Number of joblib workers.
    random_state : int, RandomState instance or None, default=None
        Fixes the partitions of "blocked" and the orders of "permutation".

    Returns
    -------
    Explanation
        Values of shape (n, n_timesteps, n_features), (n, n_columns) for a table, or
        (n, n_players) at other levels, followed by the shape of one row's output.

    Raises
    ------
    ValueError
        Where a parameter is not as described; where ``background`` is missing, or every row of
        it is shorter than a row of X.
    TypeError
        Where X is sparse, or holds objects that are no numbers.

    Warns
    -----
    UserWarning
        Where the values of a row miss its output, with "gradient" by more than ``tolerance`` of the
        spread, with the others by more than rounding.

    See Also
    --------
    explain_permutation : What the score loses when a feature is shuffled.

    Notes
    -----
    Rows are explained apart: a row's values do not depend on the rows beside it. Steps of padding
    have the value 0.

    More than 500 background rows are put into 200 clusters by k-means of the pooled hidden states
    (of other models, of outputs and numeric cells; of a ``module``, of outputs). The row next to
    the centre of each stands for its cluster, with the share of the cluster as weight;
    ``derivation`` of the explanation says so. What is chosen does not depend on X or on
    ``random_state``. Where lengths differ, the choice is made anew for the rows that are long
    enough, cut to about the length of the explained row, and up to 500 of these are used as they
    are. The base value is then off by one or two hundredths of the standard deviation of the
    outputs, and values of features by one to four hundredths of their size; the values add up to
    the output all the same. Values are means over the background rows: the mean of explanations
    beside parts of at most 500 rows, weighted by their sizes, is that beside all. Rows of X's own
    (four axes) and kept ones are used as they are.

    Through a Pipeline, names and data are those of its X. Steps whose outputs are functions of
    one input each pass the values of the LSTM through as they are: scikit-learn's scalers,
    ``PowerTransformer``, ``QuantileTransformer``, ``SimpleImputer``, feature selection,
    ``FunctionTransformer`` of a ufunc, ``ColumnTransformer`` and Pipelines of these,
    ``SequenceWise`` of these, and

    * ``SlidingWindow``: values of shape (n, lookback, n_columns), without the columns of times and
      groups. ``Explanation.by("table")`` sums what a cell adds to all the windows that contain
      it.
    * ``SequenceTokenizer`` and ``SequenceOneHotEncoder``: one value for each token or symbol,
      shape (n, n_timesteps, 1). The data are codes: of a symbol its position in the alphabet, of
      an unknown one the size of the alphabet.

    A column that is dropped has the value 0. From any other step on (PCA, one-hot encoding of
    categories), and for an estimator that is not an LSTM of this library, the model is explained
    as a whole, by its outputs for rows that are part X and part background, and ``method`` ends in
    "(model-agnostic)". Its columns may hold anything; the data of what is no number are NaN.
    Columns that are mixed or moved are features, not time steps.

    References
    ----------
    .. [1] Shrikumar, Greenside & Kundaje (2017), "Learning important features through
       propagating activation differences", ICML.
    .. [2] Lundberg & Lee (2017), "A unified approach to interpreting model predictions",
       NeurIPS.
    .. [3] Erion, Janizek, Sturmfels, Lundberg & Lee (2021), "Improving performance of deep
       learning models with axiomatic attribution priors and expected gradients", Nature
       Machine Intelligence.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.explain import explain_shap
    >>> X = np.random.default_rng(0).normal(size=(150, 6, 3))
    >>> y = 3 * X[:, 4, 1]
    >>> model = LSTMRegressor(hidden_size=8, random_state=0).fit(X, y)
    >>> explanation = explain_shap(model, X[:20], background=X[20:120])
    >>> explanation.values.shape
    (20, 6, 3)
    >>> importance = explanation.abs().mean()
    >>> np.unravel_index(importance.values[0].argmax(), (6, 3))
    (np.int64(4), np.int64(1))
    >>> bool(explanation.additivity_gap.max() < 1e-5)
    True
    """
    check_model(model)
    check_n_jobs(n_jobs)
    route = Route.of(model, X)
    passed = route.passed(X)
    options = Options(response_method, target, method, level, n_jobs)
    seed = int(own_random_state(random_state).randint(2**31 - 1))
    work = Work(n_blocks, tolerance, max_nodes, budget, seed)
    through = through_network if route.reaches_lstm else through_model
    with torch.inference_mode(False):  # the caller may be inside of it
        explanation, deviation, unit = through(route, X, passed, background, options, work)
    warn_of_gap(explanation, deviation, unit, tolerance)
    return explanation


class Options(NamedTuple):
    """Parameters of explain_shap that say what is explained."""

    response_method: str
    target: Any
    method: str
    level: Any
    n_jobs: int | None


def through_network(
    route: Route,
    X: Any,
    passed: Passed,
    background: Any,
    options: Options,
    work: Any,
    choose: Any = choose_kernel,
    compare: Any = None,
) -> tuple[Explanation, FloatArray, FloatArray]:
    """Explain the LSTM behind one-to-one steps.

    Parameters
    ----------
    route, X, passed, background, options, work
    choose : callable
        ``choose_kernel``, or what has its parameters and returns a name and a kernel.
    compare : callable or None
        ``references_of``, or what has its parameters and returns a Background.

    Returns
    -------
    explanation : Explanation
    deviation : array of shape (n,) + out
        Of the background's outputs.
    unit : array of shape out, or one that broadcasts to it
        Of a standardised output.
    """
    estimator = route.last
    network = estimator.net_.module_
    response = read_response(estimator, options.response_method, options.target)
    readout = response.readout.to(network.x_mean.device)
    sequences = estimator._read_known(passed.X)
    references = (compare or references_of)(route, background, sequences)
    if route.first:
        inputs = inputs_of(route, X, passed, estimator)
    else:
        inputs = own_inputs(estimator, sequences, passed.X)
    players, of_network = inputs.level(options.level)
    counts = of_network.n_players, references.n_references
    method, kernel = choose(options.method, network, readout, work, *counts)
    result = attributed(
        network, readout, kernel, sequences, references, of_network, method, options.n_jobs
    )
    with explaining(network, network.x_mean.device):
        outputs = _outputs(estimator, response, passed.X, StepLayout.of(sequences))
    names = _output_names(response, network)
    said = references.summary(sequences.lengths)
    explanation = _explanation(
        inputs, players, result, outputs, response.method, method, names, said
    )
    unit = readout.unit(network.y_scale).cpu().numpy().reshape(response.shape)
    return explanation, result.deviation.reshape(outputs.shape), unit


def references_of(route: Route, background: Any, sequences: Sequences) -> Background:
    """Background rows behind the one-to-one steps, or those that the LSTM kept in fit."""
    estimator = route.last
    kept = getattr(estimator, "_background", None)
    if background is None and kept is not None:
        codes = estimator.net_.module_.embedding is not None
        return Background(estimator._read(kept, codes))
    network = estimator.net_.module_
    return read_background(
        lambda rows: route.passed(rows).X,
        estimator._read_known,
        background,
        sequences.lengths,
        lambda _, rows: partial(states_of, network, rows),
    )


def through_model(
    route: Route,
    X: Any,
    passed: Passed,
    background: Any,
    options: Options,
    work: Any,
    choose: Any = choose_sampler,
) -> tuple[Explanation, FloatArray, FloatArray]:
    """Explain any model as a whole, from the first step on that is not one-to-one.

    Parameters
    ----------
    route, X, passed, background, options, work
    choose : callable
        ``choose_sampler``, or what has its parameters and returns a name and an explainer.
    """
    model = Model(route, passed.X, options.response_method, options.target)
    rows = rows_of(route, passed.X, background, model.all_outputs)
    inputs = inputs_of(route, X, passed)
    players, of_model = inputs.level(options.level)
    n_players = len(np.unique(of_model.table))
    method, explain = choose(options.method, n_players, route.mixing, work)
    result = explained(model, rows, of_model, explain, options.n_jobs)
    outputs, response = model.outputs, model.response
    named = method if method == "lime" else f"{method} (model-agnostic)"
    explanation = _explanation(
        inputs, players, result, outputs, response.method, named, response.names, rows.summary()
    )
    return explanation, result.deviation.reshape(outputs.shape), np.zeros(())


def _explanation(
    inputs: Inputs,
    players: Level,
    result: Attributed,
    outputs: FloatArray,
    response_method: str,
    method: str,
    output_names: Any,
    derivation: tuple[str, ...],
) -> Explanation:
    out, error, fidelity = outputs.shape[1:], result.standard_error, result.local_fidelity
    return Explanation(
        values=inputs.by_player(result.values, out, players),
        base_values=result.base_values.reshape(outputs.shape),
        output_values=outputs,
        data=inputs.data,
        feature_names=inputs.names,
        response_method=response_method,
        level=players.name,
        method=method,
        lengths=inputs.lengths,
        standard_error=None if error is None else inputs.by_player(error, out, players),
        output_names=output_names,
        player_names=players.names,
        n_timesteps=inputs.n_timesteps,
        derivation=derivation,
        table_rows=inputs.table_rows,
        local_fidelity=None if fidelity is None else fidelity.reshape(outputs.shape),
        player_of_cell=players.of_cells(inputs.data.shape[1:]),
    )


def warn_of_gap(
    explanation: Explanation, deviation: FloatArray, unit: FloatArray, tolerance: float
) -> None:
    """Say that values do not add up, which happens where the arithmetic or a method fails.

    ``unit`` is of a standardised output, for each of the responses.
    """
    by_path = explanation.method in ("gradient", "integrated")
    outputs, base = explanation.output_values, explanation.base_values
    share = tolerance if by_path else ADDITIVE
    excess = excess_of(explanation.additivity_gap, outputs, base, deviation, unit, share)
    if not (excess > 0).any():
        return
    row = np.unravel_index(excess.argmax(), excess.shape)
    n_rows = np.count_nonzero((excess > 0).reshape(len(excess), -1).any(axis=1))
    if by_path:
        hint = "Raise max_nodes; where the network is saturated, other methods are better."
    elif np.isnan(explanation.values).any():
        hint = "Some of them are not finite."
    else:
        hint = "Inputs or states of this size are beyond float32."
    warnings.warn(
        f"The values of {n_rows} of {len(excess)} rows do not add up. The largest gap is "
        f"{explanation.additivity_gap[row]:.3g}, at sample {row[0]}, where the output is "
        f"{outputs[row]:.3g} and the base value {base[row]:.3g}. {hint}",
        UserWarning,
        stacklevel=3,
    )


def excess_of(
    gap: FloatArray,
    outputs: FloatArray,
    base: FloatArray,
    deviation: FloatArray,
    unit: FloatArray,
    share: float = ADDITIVE,
) -> FloatArray:
    """How far gaps are above those that are not worth a warning, which are below zero."""
    allowed = share * (deviation + np.abs(outputs - base))
    allowed += ROUNDING[0] * unit + ROUNDING[1] * np.abs(outputs)
    excess = gap - allowed
    excess[np.isnan(excess)] = np.inf
    excess[np.isnan(outputs)] = -np.inf  # padded steps
    return excess


def _outputs(estimator: Any, response: Response, X: Any, layout: StepLayout) -> FloatArray:
    """What the method returns, as one array, NaN at padded steps."""
    outputs = getattr(estimator, response.method)(X)
    if not estimator._returns_sequences():
        return response.selected(outputs)
    steps = response.selected(layout.pick(outputs, "the output"))
    n_timesteps = int(layout.sizes.max())
    padded = np.full((len(layout.lengths), n_timesteps, *steps.shape[1:]), np.nan)
    index = np.arange(n_timesteps)
    ends = layout.first + layout.lengths
    padded[(index >= layout.first[:, None]) & (index < ends[:, None])] = steps
    return padded


def _output_names(response: Response, network: ScaledNetwork) -> Any:
    if not network.architecture["return_sequences"]:
        return response.names
    if response.shape == ():
        return None
    return [None, *([response.names] if len(response.shape) == 1 else response.names or [])]
