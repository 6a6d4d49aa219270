"""explain_lime."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import lars_path_gram
from torch import Tensor

from .._attribution import LocalLinear, Readout, Sample, local_linear
from .._utils._numbers import as_float
from ..nn import ScaledNetwork
from ._agnostic import CALL_ROWS, Explain, Part, Value, on_tensors
from ._composition import check_model
from ._explanation import Explanation
from ._pipelines import Route
from ._random import own_random_state
from ._rows import Kernel, Values, responses, rows_of_pass
from ._shap import Options, through_model, through_network
from ._workers import check_n_jobs

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Copies of each row where their number is not given: these, and four for each player.
SAMPLES = 2048
# Rows of the background for each pattern of players: as many as leave this number of patterns, and
# two for each player.
PATTERNS = 256
FEWEST_DRAWS, MOST_DRAWS = 2, 4
# The least squares hold the square of this.
MAX_PLAYERS = 4096


def explain_lime(
    model: Any,
    X: Any,
    *,
    background: Any = None,
    level: str | int | Mapping[str, Any] = "cell",
    n_samples: int | None = None,
    kernel_width: float = 0.5,
    n_nonzero: int | None = None,
    response_method: str = "auto",
    target: Any = None,
    n_jobs: int | None = None,
    random_state: Any = None,
) -> Explanation:
    """Local linear explanations (LIME): a small linear model of the output near every row.

    In each of many copies of a row some players (cells, features, time steps, groups) are
    switched off, which means that they have the values of a random row of the background. A
    linear model of which players are on is fitted to the outputs of the copies, those with few
    players off counting most [1]_. Its coefficients are the values. For any fitted estimator of
    scikit-learn.

    Parameters
    ----------
    model : fitted LSTMRegressor or LSTMClassifier, Pipeline, search, or other estimator
        Of a Pipeline or a search the players are its own inputs, see :func:`explain_shap`.
    X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays
        Rows to explain, as in ``predict`` of the model: for a Pipeline what its first step reads.
    background : array-like of the same kind, or of shape (n, m, n_timesteps, n_features), optional
        Rows that players are replaced from, as in :func:`explain_shap`. The cost does not grow
        with their number. None takes the rows that an LSTM with ``keep_background`` has kept.
    level : {"cell", "feature", "timestep"}, int or mapping, default="cell"
        The players, as in :func:`explain_shap`. Windows of time (an int) or features need far
        fewer samples than the cells of long sequences; 4096 players are the most.
    n_samples : int, optional
        Copies of each row: two to four for each pattern of players that are off, beside as many
        rows of the background. None stands for 2048, and four more for each player.
    kernel_width : float, default=0.5
        A copy in which the share ``d`` of the players is off has the weight
        ``exp(-(d / kernel_width)**2)``. A smaller width looks at a smaller neighbourhood, and uses
        fewer of the copies. Every number of players that are off is as likely.
    n_nonzero : int, optional
        Sparse models: at most so many players with a value, chosen along the path of the Lasso,
        for every output apart. The values are of least squares on those. None uses all players.
    response_method : {"auto", "decision_function", "predict_proba", "predict", \
            "predict_quantiles"}, default="auto"
        The output that is explained, as in :func:`explain_shap`.
    target : label, position, list or float array, optional
        Which of several outputs, as in :func:`explain_shap`.
    n_jobs : int, optional
        Number of joblib workers.
    random_state : int, RandomState instance or None, default=None
        Fixes the copies.

    Returns
    -------
    Explanation
        Values of shape (n, n_timesteps, n_features), (n, n_columns) for a table, or
        (n, n_players) at other levels, followed by the shape of one row's output. ``base_values``
        is the linear model with all players off; with the values it sums to the linear model at
        the row, and ``additivity_gap`` is how far that is from the output. ``local_fidelity``, of
        shape (n,) + out, is the weighted R² of the linear model for the mean output beside the
        background, from 1 (linear) to 0 and below; an estimate, adjusted for the number of players
        and for the draws of background rows, and NaN where these hide it. ``standard_error`` is
        that of drawing patterns and background rows; None with ``n_nonzero``.

    Raises
    ------
    ValueError
        Where a parameter is not as described; where ``background`` is missing; where the samples
        are too few for the players, or for so narrow a kernel; where outputs are not finite.
    TypeError
        Where X is sparse, or holds objects that are no numbers.

    See Also
    --------
    explain_shap : Values that add up, from the same games.
    explain_gradients : The slope of an LSTM itself.

    Notes
    -----
    For a model that is linear in the cells the values are the slopes times the distance from the
    mean of the background, which are the Shapley values, up to the error of sampling. Where
    ``local_fidelity`` is low, what the output does around the row is not linear, and the values
    tell little of it: take groups of cells as players, or another method. Switching players off
    makes rows that may never occur.

    Rows are explained apart: a row's values do not depend on the rows beside it. The copies of
    rows of one length have the same players off, so that rows can be compared.

    References
    ----------
    .. [1] Ribeiro, Singh & Guestrin (2016), "'Why should I trust you?': explaining the
       predictions of any classifier", KDD.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.explain import explain_lime
    >>> X = np.random.default_rng(0).normal(size=(150, 6, 3))
    >>> y = 3 * X[:, 4, 1]
    >>> model = LSTMRegressor(hidden_size=8, random_state=0).fit(X, y)
    >>> explanation = explain_lime(model, X[:5], background=X[20:120], random_state=0)
    >>> explanation.values.shape
    (5, 6, 3)
    >>> explanation.abs().mean().values[0].argmax() == 4 * 3 + 1
    np.True_
    >>> explanation.local_fidelity.shape
    (5,)
    """
    check_model(model)
    check_n_jobs(n_jobs)
    seed = int(own_random_state(random_state).randint(2**31 - 1))
    sampling = Sampling(n_samples, kernel_width, n_nonzero, seed)
    route = Route.of(model, X)
    passed = route.passed(X)
    options = Options(response_method, target, "lime", level, n_jobs)
    with torch.inference_mode(False):  # the caller may be inside of it
        if route.reaches_lstm:
            of_network = _choose_kernel
            return through_network(route, X, passed, background, options, sampling, of_network)[0]
        return through_model(route, X, passed, background, options, sampling, _choose_explainer)[0]


@dataclass(frozen=True)
class Sampling:
    """How samples are drawn and models fitted, checked; the parameters of explain_lime."""

    n_samples: int | None
    kernel_width: float
    n_nonzero: int | None
    seed: int

    def __post_init__(self) -> None:
        for name in ("n_samples", "n_nonzero"):
            value = getattr(self, name)
            integer = isinstance(value, Integral) and not isinstance(value, bool)
            if value is not None and (not integer or value < 1):
                raise ValueError(
                    f"The {name!r} parameter must be None or an int >= 1. Got {value!r} instead."
                )
        width = self.kernel_width
        if not 0 < as_float(width) < np.inf:
            raise ValueError(
                f"The 'kernel_width' parameter must be a number > 0. Got {width!r} instead."
            )

    def shape(self, n_players: int, n_references: int) -> tuple[int, int]:
        """Numbers of patterns, and of references for each, where they are enough."""
        n_used = n_players if self.n_nonzero is None else min(self.n_nonzero, n_players)
        if n_players > MAX_PLAYERS:
            raise ValueError(
                f"A local linear model is of at most {MAX_PLAYERS} players. There are {n_players}: "
                "explain level='feature', level='timestep', windows (an int) or groups."
            )
        n_samples = self.n_samples or SAMPLES + 4 * n_players
        fewest = min(FEWEST_DRAWS, n_references)
        if n_samples < fewest * (n_used + 2):
            raise ValueError(
                f"The 'n_samples' parameter must be at least {fewest * (n_used + 2)} for a model "
                f"of {n_used} players. Got {n_samples}. Raise it, or explain level='feature', "
                "level='timestep', windows (an int) or groups."
            )
        wanted = np.clip(n_samples // (PATTERNS + 2 * n_players), FEWEST_DRAWS, MOST_DRAWS)
        n_draws = min(int(wanted), n_references)
        return int(n_samples) // n_draws, n_draws

    def fit(
        self,
        value: Callable[[Tensor], Tensor],
        x: Tensor,
        references: Tensor,
        weights: FloatArray,
        players: Tensor,
        max_rows: int,
    ) -> LocalLinear:
        """Local models of some rows of one length."""
        n_players = int(players.max()) + 1
        shape = self.shape(n_players, len(weights))
        sample = Sample.draw(shape, n_players, weights, self.kernel_width, self.seed)
        select = None if self.n_nonzero is None else partial(on_lasso_path, self.n_nonzero)
        try:
            return local_linear(value, x, references, players, sample, select, max_rows)
        except np.linalg.LinAlgError as error:
            raise ValueError(
                f"With kernel_width={self.kernel_width!r}, {shape[0]} patterns of players that are "
                f"off are not enough for a model of {n_players} players: most have no weight. "
                "Raise the 'kernel_width' or the 'n_samples' parameter."
            ) from error


def on_lasso_path(n_nonzero: int, gram: FloatArray, product: FloatArray) -> NDArray[np.bool_]:
    """Players of the last model on the Lasso's path that has no more than so many."""
    used = np.zeros(len(gram), dtype=np.bool_)
    largest = np.abs(product).max()
    if n_nonzero >= len(gram) or largest == 0:
        return ~used if largest else used
    with warnings.catch_warnings():
        # It stops where the residuals are nothing but rounding, which is what is wanted.
        warnings.simplefilter("ignore", ConvergenceWarning)
        # Its tolerances are absolute. More steps than players: some are dropped on the way.
        _, _, path = lars_path_gram(
            product / largest,
            gram / gram.diagonal().max(),
            n_samples=1,
            method="lasso",
            max_iter=2 * n_nonzero + 10,
        )
    counts = np.count_nonzero(path, axis=0)
    last = counts.argmax() if counts.max() <= n_nonzero else (counts > n_nonzero).argmax() - 1
    return path[:, last] != 0


def _choose_kernel(
    method: str,
    network: ScaledNetwork,
    readout: Readout,
    sampling: Sampling,
    n_players: int,
    n_references: int,
) -> tuple[str, Kernel]:
    return method, partial(_of_network, network, readout, sampling)


def _of_network(
    network: ScaledNetwork,
    readout: Readout,
    sampling: Sampling,
    x: Tensor,
    references: Tensor,
    weights: Tensor,
    players: Tensor,
) -> Values:
    value = partial(responses, network, readout)
    shares, max_rows = weights.cpu().numpy(), rows_of_pass(network, x.shape[1])
    fit = sampling.fit(value, x, references, shares, players, max_rows)
    error = fit.standard_error
    return Values(
        torch.from_numpy(fit.values),
        None if error is None else torch.from_numpy(error),
        torch.from_numpy(fit.base_values),
        torch.from_numpy(fit.fidelity),
    )


def _choose_explainer(
    method: str, n_players: int, mixing: str, sampling: Sampling
) -> tuple[str, Explain]:
    return method, partial(_of_model, sampling)


def _of_model(
    sampling: Sampling,
    value: Value,
    x: FloatArray,
    references: FloatArray,
    weights: FloatArray,
    players: IntArray,
) -> Part:
    own, others = (torch.from_numpy(np.ascontiguousarray(part)) for part in (x, references))
    on_tensor = partial(on_tensors, value)
    fit = sampling.fit(on_tensor, own, others, weights, torch.from_numpy(players), CALL_ROWS)
    return Part(fit.values, fit.standard_error, fit.base_values, fidelity=fit.fidelity)
