"""infidelity."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from ..explain import Explanation
from ._checks import check_count, seed_of
from ._game import Game, Masks, game_of
from ._outputs import share
from ._paths import empty, ends_of, has_signs


def infidelity(
    model: Any,
    X: Any,
    explanation: Explanation,
    *,
    background: Any = None,
    n_samples: int = 50,
    random_state: Any = None,
) -> Bunch:
    """How far the sum of the values of some players is from what is lost without them.

    Random sets of players are replaced by those of background rows. The values of a set should
    sum to the difference that this makes [1]_; the mean square of what they miss is the
    infidelity.

    Parameters
    ----------
    model : fitted estimator, Pipeline or search
        That was explained.
    X : array-like
        The explained rows, as they were passed to the explanation.
    explanation : Explanation
        Of the model and X; its values must be parts of the output, no slopes or absolute values.
    background : array-like, optional
        As in :func:`deletion_curve`.
    n_samples : int, default=50
        Number of random sets; of every size as many. They are the same for all rows.
    random_state : int, RandomState instance or None, default=None
        Fixes the sets, and the rows that are drawn from a large background.

    Returns
    -------
    Bunch
        value, standard_error : float
            Mean square of what is missed, as a share of the mean square of the differences: 0
            is best, and 1 what values of 0 would have. The error is over the rows of X.
        rows : array of shape (n,) + out
            The infidelity of each row, in squared units of the output.

    Raises
    ------
    ValueError
        If a parameter is not as described, or the explanation is not of this model and X, or of
        slopes or absolute values.
    TypeError
        Where X is sparse, or holds objects that are no numbers.

    Notes
    -----
    This is the infidelity of [1]_ for the perturbation to a baseline, with the mean over the
    background rows in place of the baseline, and sets of random size. Where players interact no
    values have an infidelity of 0. Values for another background are measured beside this one.

    References
    ----------
    .. [1] Yeh, Hsieh, Suggala, Inouye & Ravikumar (2019), "On the (in)fidelity and sensitivity of
       explanations", NeurIPS.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklstm.explain import explain_shap
    >>> from sklstm.metrics import infidelity
    >>> X = np.random.default_rng(0).normal(size=(40, 5))
    >>> model = LinearRegression().fit(X, X @ [4.0, 2.0, 1.0, 0.0, 0.0])
    >>> e = explain_shap(model, X[:20], background=X[20:40])
    >>> bool(infidelity(model, X[:20], e, background=X[20:40]).value < 1e-9)
    True
    """
    check_count("n_samples", n_samples)
    seed = seed_of(random_state)
    game = game_of(model, X, explanation, background, seed)
    check_parts(explanation)
    return infidelity_of(game, n_samples, seed)


def check_parts(explanation: Explanation) -> None:
    """Raise where values are no parts of the output."""
    if not has_signs(explanation):
        what = "absolute values" if "absolute values" in explanation.derivation else "slopes"
        raise ValueError(
            "The 'explanation' parameter must be of values that are parts of the output. Got "
            f"{what} of method {explanation.method!r}."
        )


def infidelity_of(game: Game, n_samples: int, seed: int) -> Bunch:
    """What infidelity returns."""
    missed, differences = empty(game), empty(game)
    for part in game.parts():
        n, n_players, _ = part.values.shape
        sets = random_sets(n_players, n_samples, seed)
        output = ends_of(part).output
        responses = part.replaced(np.broadcast_to(sets, (n, *sets.shape)))
        lost = output[:, None] - responses
        claimed = np.einsum("sp,npk->nsk", sets, part.values)
        missed[part.rows] = np.square(claimed - lost).mean(axis=1)
        differences[part.rows] = np.square(lost).mean(axis=1)
    result = share(missed, differences)
    return Bunch(
        value=result.value,
        standard_error=result.standard_error,
        rows=missed.reshape(len(missed), *game.out),
    )


def random_sets(n_players: int, n_samples: int, seed: int) -> Masks:
    """Random sets of 1 to n_players players, (n_samples, n_players), of each size as many."""
    rng = np.random.default_rng([seed, n_players])
    sizes = np.linspace(1, n_players, n_samples).round().astype(np.int64)
    ranks: NDArray[np.int64] = np.stack([rng.permutation(n_players) for _ in range(n_samples)])
    return ranks < sizes[:, None]
