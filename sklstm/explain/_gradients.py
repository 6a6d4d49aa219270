"""explain_gradients."""

from dataclasses import dataclass
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .._attribution import Readout, input_x_gradient, saliency, smoothgrad
from .._data import Sequences
from .._data._sequences import RaggedSequences
from .._utils._numbers import as_float
from ..nn import ScaledNetwork
from ._background import Background
from ._composition import check_model
from ._explanation import Explanation
from ._kernels import Work, by_player, gradient_kernel
from ._pipelines import Route, is_lstm
from ._random import own_random_state
from ._rows import Kernel, Values
from ._shap import Options, references_of, through_network, warn_of_gap
from ._workers import check_n_jobs

METHODS = ("integrated", "saliency", "input_x_gradient", "smoothgrad")


def explain_gradients(
    model: Any,
    X: Any,
    *,
    method: str = "integrated",
    background: Any = None,
    response_method: str = "auto",
    target: Any = None,
    tolerance: float = 0.01,
    max_nodes: int = 256,
    n_samples: int = 50,
    noise: float = 0.15,
    n_jobs: int | None = None,
    random_state: Any = None,
) -> Explanation:
    """Gradient explanations: how the output responds to a small change of every cell of X.

    * ``"integrated"``: integrated gradients [1]_, from a baseline to the row. The values of a row
      sum to its output minus that of the baseline, up to ``additivity_gap``; they are the one
      method here that says what a cell added.
    * ``"saliency"``: the gradient at the row, with its sign [2]_; ``Explanation.abs`` gives the
      map that is usually drawn. How much the output changes per unit of the cell, not how much
      the cell's value added.
    * ``"input_x_gradient"``: the gradient times the cell's distance from its mean in training
      [3]_: what a straight line through the row would say that the cell added. The same number
      in any unit of X.
    * ``"smoothgrad"``: the mean gradient at noisy copies of the row [4]_; steadier than the
      gradient at a point, where the network has kinks.

    Parameters
    ----------
    model : fitted LSTMRegressor or LSTMClassifier, Pipeline or search
        Of a Pipeline or a search, its steps in front of the LSTM must be one-to-one, see
        :func:`explain_shap`.
    X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays
        Rows to explain, as in ``predict`` of the model: for a Pipeline what its first step reads.
    method : {"integrated", "saliency", "input_x_gradient", "smoothgrad"}, default="integrated"
        See above.
    background : array-like of the same kind, or of shape (n, m, n_timesteps, n_features), optional
        Of "integrated": the baseline. Of several rows the values are the mean over them, which
        are expected gradients; lengths as in :func:`explain_shap`. None takes the rows that an
        LSTM with ``keep_background`` has kept, else a row that holds the mean of each feature in
        training at every step (0 with ``standardize=False``), and for tokens a vector of zeros.
    response_method : {"auto", "decision_function", "predict_proba", "predict", \
            "predict_quantiles"}, default="auto"
        The output that is explained, as in :func:`explain_shap`.
    target : label, position, list or float array, optional
        Which of several outputs, as in :func:`explain_shap`.
    tolerance : float, default=0.01
        "integrated" doubles its nodes until the additivity gap is below this share of the output's
        spread, as in :func:`explain_shap`.
    max_nodes : int, default=256
        Largest number of nodes of "integrated".
    n_samples : int, default=50
        Noisy copies of each row, of "smoothgrad".
    noise : float, default=0.15
        Of "smoothgrad": standard deviation of the noise, as a share of that of each feature in
        training (of 1 with ``standardize=False``), or of the vectors of the tokens.
    n_jobs : int, optional
        Number of joblib workers.
    random_state : int, RandomState instance or None, default=None
        Fixes the noise of "smoothgrad".

    Returns
    -------
    Explanation
        Of cells: values of shape (n, n_timesteps, n_features), or (n, n_columns) for a table,
        followed by the shape of one row's output. In units of the output; "saliency" and
        "smoothgrad" in units of the output per unit of X. Only "integrated" adds up: of the others
        ``base_values`` and ``additivity_gap`` are NaN. "smoothgrad" has a ``standard_error``.

    Raises
    ------
    ValueError
        Where a parameter is not as described, a step of the Pipeline mixes cells, or the model
        is no LSTM of this library.
    TypeError
        Where X is sparse, or holds objects that are no numbers.

    Warns
    -----
    UserWarning
        Where the values of "integrated" miss the output by more than ``tolerance``.

    See Also
    --------
    explain_shap : Values that add up to rounding, beside a background.

    Notes
    -----
    Through a Pipeline, names and data are those of its X, and "integrated" and "input_x_gradient"
    pass through its one-to-one steps as they are. "saliency" and "smoothgrad" are then per unit of
    what the LSTM reads: behind a StandardScaler, per standard deviation. Gradients of features
    in different units cannot be compared; multiplied by the standard deviations of the features
    they can.

    Tokens and symbols cannot change a little. "integrated" and "input_x_gradient" sum over the
    parts of a token's vector or a symbol's one-hot code; "saliency" and "smoothgrad" give the
    length of the gradient by that vector, which has no sign.

    Steps of padding have the value 0, and a row's values do not depend on the rows beside it.
    Where a gate or a class is saturated, a gradient is near 0 however much the cell matters.

    References
    ----------
    .. [1] Sundararajan, Taly & Yan (2017), "Axiomatic attribution for deep networks", ICML.
    .. [2] Simonyan, Vedaldi & Zisserman (2013), "Deep inside convolutional networks:
       visualising image classification models and saliency maps".
    .. [3] Shrikumar, Greenside, Shcherbina & Kundaje (2016), "Not just a black box: learning
       important features through propagating activation differences".
    .. [4] Smilkov, Thorat, Kim, Viégas & Wattenberg (2017), "SmoothGrad: removing noise by
       adding noise".

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.explain import explain_gradients
    >>> X = np.random.default_rng(0).normal(size=(150, 6, 3))
    >>> y = 3 * X[:, 4, 1]
    >>> model = LSTMRegressor(hidden_size=8, random_state=0).fit(X, y)
    >>> explanation = explain_gradients(model, X[:20])
    >>> explanation.values.shape
    (20, 6, 3)
    >>> total = explanation.base_values + explanation.values.sum(axis=(1, 2))
    >>> bool(np.allclose(total, model.predict(X[:20]), atol=0.1))
    True
    >>> slopes = explain_gradients(model, X[:20], method="saliency")
    >>> bool(slopes.values[:, 4, 1].mean() > 1)
    True
    """
    check_model(model)
    check_n_jobs(n_jobs)
    _check(method, background, n_samples, noise)
    route = Route.of(model, X)
    if not is_lstm(route.last):
        raise ValueError(
            f"explain_gradients needs an LSTM of this library. {type(route.last).__name__} has no "
            "gradients: use explain_lime or explain_shap."
        )
    if not route.reaches_lstm:
        raise ValueError(
            f"{route.mixing} is not a one-to-one step in front of an LSTM of this library, and "
            "gradients cannot be carried through it. Explain the last step, "
            "explain_gradients(model[-1], model[:-1].transform(X)), or use explain_shap."
        )
    passed = route.passed(X)
    seed = int(own_random_state(random_state).randint(2**31 - 1))
    work = GradientWork(
        1, tolerance, max_nodes, None, seed, n_samples, float(noise), _is_symbols(route)
    )
    options = Options(response_method, target, method, "cell", n_jobs)
    with torch.inference_mode(False):  # the caller may be inside of it
        explanation, deviation, unit = through_network(
            route, X, passed, background, options, work, _choose, _baseline
        )
    if method == "integrated":
        warn_of_gap(explanation, deviation, unit, tolerance)
    return explanation


@dataclass(frozen=True)
class GradientWork(Work):
    """Parameters of the methods, besides those of explain_shap.

    Attributes
    ----------
    n_samples : int
    noise : float
    symbols : bool
        Whether cells are tokens or symbols.
    """

    n_samples: int
    noise: float
    symbols: bool


def _check(method: Any, background: Any, n_samples: Any, noise: Any) -> None:
    if not isinstance(method, str) or method not in METHODS:
        raise ValueError(
            f"The 'method' parameter must be one of {METHODS}. Got {method!r} instead."
        )
    if background is not None and method != "integrated":
        raise ValueError(
            f"The 'background' parameter is of method='integrated': {method!r} looks at each row "
            "alone. Leave it out."
        )
    if not isinstance(n_samples, Integral) or isinstance(n_samples, bool) or n_samples < 2:
        raise ValueError(
            f"The 'n_samples' parameter must be an int >= 2. Got {n_samples!r} instead."
        )
    if not 0 < as_float(noise) <= 1e6:
        raise ValueError(
            f"The 'noise' parameter must be a number > 0, and at most 1e6. Got {noise!r} instead."
        )


def _is_symbols(route: Route) -> bool:
    return route.kind == "symbols" or route.last.net_.module_.embedding is not None


def _baseline(route: Route, background: Any, sequences: Sequences) -> Background:
    """The background, or else the mean of each feature; of codes, one that training did not see."""
    network = route.last.net_.module_
    if background is not None or getattr(route.last, "_background", None) is not None:
        return references_of(route, background, sequences)
    mean = network.x_mean.cpu().numpy()
    if network.embedding is not None:
        mean = np.full(1, len(network.embedding.weight))
    return Background(RaggedSequences([np.tile(mean, (int(sequences.lengths.max()), 1))]))


def _choose(
    method: str,
    network: ScaledNetwork,
    readout: Readout,
    work: GradientWork,
    n_players: int,
    n_references: int,
) -> tuple[str, Kernel]:
    kernels: dict[str, Any] = {
        "integrated": gradient_kernel,
        "saliency": _saliency,
        "input_x_gradient": _input_x_gradient,
        "smoothgrad": _smoothgrad,
    }
    return method, partial(kernels[method], network, readout, work)


def _saliency(
    network: ScaledNetwork,
    readout: Readout,
    work: GradientWork,
    x: Tensor,
    references: Tensor,
    weights: Tensor,
    players: Tensor,
) -> Values:
    return _without_base(_of_cells(saliency(network, readout, x), work, players))


def _input_x_gradient(
    network: ScaledNetwork,
    readout: Readout,
    work: GradientWork,
    x: Tensor,
    references: Tensor,
    weights: Tensor,
    players: Tensor,
) -> Values:
    return _without_base(by_player(input_x_gradient(network, readout, x), players))


def _smoothgrad(
    network: ScaledNetwork,
    readout: Readout,
    work: GradientWork,
    x: Tensor,
    references: Tensor,
    weights: Tensor,
    players: Tensor,
) -> Values:
    result = smoothgrad(network, readout, x, _noise(network, work, x.shape[1]).to(x.device))
    values = _of_cells(result.mean, work, players)
    n_cells = players.numel()
    # The error of a length, or of the sum for a column that is read twice, is not known.
    alone = not work.symbols and int(players.max()) + 1 == n_cells
    return _without_base(values, by_player(result.standard_error, players) if alone else None)


def _without_base(values: Tensor, standard_error: Tensor | None = None) -> Values:
    """Values that are relative to nothing."""
    return Values(values, standard_error, values.new_full(values[:, 0].shape, torch.nan))


def _noise(network: ScaledNetwork, work: GradientWork, n_timesteps: int) -> Tensor:
    """The same for every row, and in its first steps for rows of any length."""
    size = network.architecture["n_features"]
    spread = np.ones(size)
    if network.embedding is not None:
        spread = network.embedding.weight.detach().cpu().numpy().std(axis=0)
        size = len(spread)
    noise = np.empty((work.n_samples, n_timesteps, size), dtype=np.float32)
    for sample in range(work.n_samples):
        rng = np.random.default_rng([work.seed, sample])
        noise[sample] = work.noise * spread * rng.standard_normal((n_timesteps, size))
    return torch.from_numpy(noise)


def _of_cells(gradients: Tensor, work: GradientWork, players: Tensor) -> Tensor:
    """Gradients of the cells of X, (n, n_players, k), or their lengths, of tokens and symbols."""
    if not work.symbols:
        return by_player(gradients, players)
    squares = gradients.square()
    if squares.shape[2] != players.shape[1]:  # parts of an embedding's vectors
        squares = squares.sum(2, keepdim=True)
    return by_player(squares, players).sqrt()
