"""comprehensiveness and sufficiency."""

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from ..explain import Explanation
from ._checks import seed_of
from ._game import Game, game_of
from ._outputs import share
from ._paths import empty, ends_of, ranks_of, responses_along, signs_for

FloatArray = NDArray[np.float64]

FRACTIONS = (0.01, 0.05, 0.1, 0.2, 0.5)


def comprehensiveness(
    model: Any,
    X: Any,
    explanation: Explanation,
    *,
    background: Any = None,
    fractions: Sequence[float] = (0.01, 0.05, 0.1, 0.2, 0.5),
    random_state: Any = None,
) -> Bunch:
    """What is lost of the output without the players that an explanation names first.

    The first 1, 5, 10, 20 and 50 per cent of the players are replaced by those of background
    rows [1]_. More is better: an explanation that names all that matters leaves nothing.

    Parameters
    ----------
    model : fitted estimator, Pipeline or search
        That was explained.
    X : array-like
        The explained rows, as they were passed to the explanation.
    explanation : Explanation
        Of the model and X.
    background : array-like, optional
        As in :func:`deletion_curve`.
    fractions : sequence of float, default=(0.01, 0.05, 0.1, 0.2, 0.5)
        Shares of the players that are replaced; at least one player is.
    random_state : int, RandomState instance or None, default=None
        Fixes the rows that are drawn from a large background.

    Returns
    -------
    Bunch
        value, standard_error : float
            Mean loss over the fractions, as a share of the distance of the output from that of
            the background: 0 is nothing lost, 1 as much as without all players; more than 1 where
            the others speak against the output. The error is over the rows of X.
        by_fraction : array of shape (n_fractions,)
            The same of each fraction.
        rows : array of shape (n,) + out
            Of each row, in units of the output.

    Raises
    ------
    ValueError
        If a parameter is not as described, or the explanation is not of this model and X.
    TypeError
        Where X is sparse, or holds objects that are no numbers.

    Notes
    -----
    Order, outputs and the weights of rows are those of :func:`deletion_curve`.

    References
    ----------
    .. [1] DeYoung, Jain, Rajani, Lehman, Xiong, Socher & Wallace (2020), "ERASER: a benchmark to
       evaluate rationalized NLP models", ACL.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklstm.explain import explain_shap
    >>> from sklstm.metrics import comprehensiveness
    >>> X = np.random.default_rng(0).normal(size=(80, 10))
    >>> model = LinearRegression().fit(X, 3 * X[:, 4])
    >>> e = explain_shap(model, X[:20], background=X[20:40])
    >>> round(comprehensiveness(model, X[:20], e, background=X[20:40]).value, 3)
    1.0
    """
    return _lost(False, model, X, explanation, background, fractions, random_state)


def sufficiency(
    model: Any,
    X: Any,
    explanation: Explanation,
    *,
    background: Any = None,
    fractions: Sequence[float] = (0.01, 0.05, 0.1, 0.2, 0.5),
    random_state: Any = None,
) -> Bunch:
    """What is lost of the output when the players that an explanation names first are all there is.

    All but the first 1, 5, 10, 20 and 50 per cent of the players are replaced by those of
    background rows [1]_. Less is better: 0 where the players that are named first suffice.

    Parameters
    ----------
    model : fitted estimator, Pipeline or search
        That was explained.
    X : array-like
        The explained rows, as they were passed to the explanation.
    explanation : Explanation
        Of the model and X.
    background : array-like, optional
        As in :func:`deletion_curve`.
    fractions : sequence of float, default=(0.01, 0.05, 0.1, 0.2, 0.5)
        Shares of the players that are left; at least one player is.
    random_state : int, RandomState instance or None, default=None
        Fixes the rows that are drawn from a large background.

    Returns
    -------
    Bunch
        With the keys of :func:`comprehensiveness`. Below 0 where the named players alone lead to
        more than the output.

    Raises
    ------
    ValueError
        If a parameter is not as described, or the explanation is not of this model and X.
    TypeError
        Where X is sparse, or holds objects that are no numbers.

    References
    ----------
    .. [1] DeYoung, Jain, Rajani, Lehman, Xiong, Socher & Wallace (2020), "ERASER: a benchmark to
       evaluate rationalized NLP models", ACL.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklstm.explain import explain_shap
    >>> from sklstm.metrics import sufficiency
    >>> X = np.random.default_rng(0).normal(size=(80, 10))
    >>> model = LinearRegression().fit(X, 3 * X[:, 4])
    >>> e = explain_shap(model, X[:20], background=X[20:40])
    >>> abs(round(sufficiency(model, X[:20], e, background=X[20:40]).value, 3))
    0.0
    """
    return _lost(True, model, X, explanation, background, fractions, random_state)


def _lost(
    kept: bool,
    model: Any,
    X: Any,
    explanation: Explanation,
    background: Any,
    fractions: Any,
    random_state: Any,
) -> Bunch:
    shares = _read(fractions)
    game = game_of(model, X, explanation, background, seed_of(random_state))
    return lost_of(game, explanation, kept, shares)


def lost_of(game: Game, explanation: Explanation, kept: bool, fractions: FloatArray) -> Bunch:
    """What comprehensiveness and sufficiency return."""
    lost, sizes = empty(game, len(fractions)), empty(game)
    for part in game.parts():
        counts = np.ceil(fractions * part.values.shape[1] - 1e-9).astype(np.int64)
        ends = ends_of(part)
        ranks = ranks_of(part.values, signs_for(explanation, ends))
        unique, place = np.unique(counts, return_inverse=True)
        responses = responses_along(part, ranks, unique, kept)[:, place]
        lost[part.rows] = ends.sign[:, None] * (ends.output[:, None] - responses)
        sizes[part.rows] = ends.size
    of_rows = lost.mean(axis=1)
    result = share(of_rows, sizes)
    return Bunch(
        value=result.value,
        standard_error=result.standard_error,
        by_fraction=np.array([share(lost[:, i], sizes).value for i in range(len(fractions))]),
        rows=of_rows.reshape(len(of_rows), *game.out),
    )


def _read(fractions: Any) -> FloatArray:
    try:
        numbers = list(fractions)
    except TypeError:
        numbers = [None]
    real = all(isinstance(x, Real) and not isinstance(x, bool) for x in numbers)
    if not numbers or not real or not all(0 < x <= 1 for x in numbers):
        raise ValueError(
            "The 'fractions' parameter must be a sequence of numbers above 0 and up to 1. Got "
            f"{fractions!r} instead."
        )
    return np.array(numbers, dtype=np.float64)
