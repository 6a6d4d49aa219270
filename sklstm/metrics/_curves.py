"""deletion_curve and insertion_curve."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from ..explain import Explanation
from ._checks import check_count, seed_of
from ._game import Game, Part, game_of
from ._outputs import share
from ._paths import (
    Ends,
    empty,
    ends_of,
    random_ranks,
    ranks_of,
    responses_along,
    signs_for,
)

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def deletion_curve(
    model: Any,
    X: Any,
    explanation: Explanation,
    *,
    background: Any = None,
    n_steps: int = 10,
    n_random: int = 2,
    random_state: Any = None,
) -> Bunch:
    """How the output falls when the players with the largest values are taken away first.

    Player by player (cell, feature, time step, group: those of the explanation) is replaced by the
    values of background rows, and the mean output over these is recorded, from the row as it is
    to the mean output of the background [1]_, [2]_. The faster it gets there, the better the
    explanation knows what the output rests on.

    Parameters
    ----------
    model : fitted estimator, Pipeline or search
        That was explained.
    X : array-like
        The explained rows, as they were passed to the explanation.
    explanation : Explanation
        Of the model and X.
    background : array-like, optional
        Rows that players are replaced from, as in :func:`sklstm.explain.explain_shap`; usually
        those of the explanation. Of more than 25, 25 are used. None takes the rows that an LSTM
        with ``keep_background`` has kept.
    n_steps : int, default=10
        Number of steps from all players to none; fewer where there are fewer players.
    n_random : int, default=2
        Number of random orders that the order is compared with, each of them both ways. They are
        the same for all rows.
    random_state : int, RandomState instance or None, default=None
        Fixes the random orders, and the rows that are drawn from a large background.

    Returns
    -------
    Bunch
        area, standard_error : float
            Mean height of the curve, in units of the distance of the output from that of the
            background: 0.5 for a straight line, less (also below 0) is better. The errors are
            those of the mean over the rows of X.
        random_area, random_standard_error : float
            Of the random orders.
        gain, gain_standard_error : float
            How much better the area is than that of the random orders; above 0 is better.
        fractions : array of shape (n_steps + 1,)
            Share of the players that are replaced.
        curve, random_curve : arrays of shape (n_steps + 1,)
            Share of the difference that is left, from 1 to 0.
        curves, random_curves : arrays of shape (n, n_steps + 1) + out
            Outputs of each row, in units of the output.
        areas : array of shape (n,) + out
            Of each row, in units of the output.

    Raises
    ------
    ValueError
        If a parameter is not as described, or the explanation is not of this model and X.
    TypeError
        Where X is sparse, or holds objects that are no numbers.

    See Also
    --------
    insertion_curve : The way back.
    sklstm.plot.DeletionCurveDisplay : Draws it.

    Notes
    -----
    Players are taken in the order of their values, in the direction of the output: where the
    output is above that of the background, the largest first, and where it is below, the smallest.
    Slopes and absolute values have no direction, and are taken by size. Every output has an order
    of its own. Rows and outputs whose output differs more from the background count more: areas
    are sums of all rows and outputs over the sum of their differences. ``Explanation.output``
    chooses one output. The numbers are NaN where no output differs.

    Rows that are part background may be rows that never occur, as in all explanations that switch
    players off. The same background takes part in the explanation and in its measure: an
    explanation beside another background answers another question, and its area says so.

    References
    ----------
    .. [1] Samek, Binder, Montavon, Lapuschkin & Müller (2017), "Evaluating the visualization of
       what a deep neural network has learned", IEEE TNNLS.
    .. [2] Petsiuk, Das & Saenko (2018), "RISE: randomized input sampling for explanation of
       black-box models", BMVC.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklstm.explain import explain_shap
    >>> from sklstm.metrics import deletion_curve
    >>> X = np.random.default_rng(0).normal(size=(80, 5))
    >>> model = LinearRegression().fit(X, X @ [4.0, 2.0, 1.0, 0.0, 0.0])
    >>> e = explain_shap(model, X[:20], background=X[20:40])
    >>> curve = deletion_curve(model, X[:20], e, background=X[20:], random_state=0)
    >>> curve.area < 0.3 < curve.random_area
    True
    """
    return _curve(False, model, X, explanation, background, n_steps, n_random, random_state)


def insertion_curve(
    model: Any,
    X: Any,
    explanation: Explanation,
    *,
    background: Any = None,
    n_steps: int = 10,
    n_random: int = 2,
    random_state: Any = None,
) -> Bunch:
    """How the output rises when the players with the largest values are put in first.

    The way back of :func:`deletion_curve`: from rows of the background, player by player is
    replaced by the values of the explained row [1]_. The faster the output of the row is reached,
    the better.

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
    n_steps : int, default=10
        Number of steps from no player to all; fewer where there are fewer players.
    n_random : int, default=2
        Number of random orders that the order is compared with, each of them both ways.
    random_state : int, RandomState instance or None, default=None
        Fixes the random orders, and the rows that are drawn from a large background.

    Returns
    -------
    Bunch
        With the keys of :func:`deletion_curve`. Here more ``area`` is better (also above 1), the
        ``gain`` is again above 0 where the order is better than random ones, ``curve`` goes from 0
        to 1, and ``fractions`` is the share of the players that are those of the row.

    Raises
    ------
    ValueError
        If a parameter is not as described, or the explanation is not of this model and X.
    TypeError
        Where X is sparse, or holds objects that are no numbers.

    References
    ----------
    .. [1] Petsiuk, Das & Saenko (2018), "RISE: randomized input sampling for explanation of
       black-box models", BMVC.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklstm.explain import explain_shap
    >>> from sklstm.metrics import insertion_curve
    >>> X = np.random.default_rng(0).normal(size=(80, 5))
    >>> model = LinearRegression().fit(X, X @ [4.0, 2.0, 1.0, 0.0, 0.0])
    >>> e = explain_shap(model, X[:20], background=X[20:40])
    >>> curve = insertion_curve(model, X[:20], e, background=X[20:], random_state=0)
    >>> curve.area > 0.7 > curve.random_area
    True
    """
    return _curve(True, model, X, explanation, background, n_steps, n_random, random_state)


def _curve(
    inserted: bool,
    model: Any,
    X: Any,
    explanation: Explanation,
    background: Any,
    n_steps: int,
    n_random: int,
    random_state: Any,
) -> Bunch:
    n_steps, n_random = check_count("n_steps", n_steps), check_count("n_random", n_random)
    seed = seed_of(random_state)
    game = game_of(model, X, explanation, background, seed)
    return curve_of(game, explanation, inserted, n_steps, n_random, seed)


class Followed(NamedTuple):
    """Rows along orders of their players.

    Attributes
    ----------
    curves : array of shape (n, n_points, k)
        Outputs.
    along : array of shape (n, n_points, k)
        What is left of the difference from the background, in the direction of the output.
    areas, sizes : arrays of shape (n, k)
        Area below that, and the difference.
    """

    curves: FloatArray
    along: FloatArray
    areas: FloatArray
    sizes: FloatArray


# Of some rows and their ends, the orders that are followed.
Orders = Callable[[Part, Ends], list[IntArray]]


def own_orders(explanation: Explanation) -> Orders:
    """Those of an explanation."""
    return lambda part, ends: [ranks_of(part.values, signs_for(explanation, ends))]


def random_orders(n_random: int, seed: int) -> Orders:
    """Random ones, whose mean is taken."""

    def orders(part: Part, ends: Ends) -> list[IntArray]:
        n, n_players, _ = part.values.shape
        ranks = random_ranks(n_players, n_random, seed)
        return [np.broadcast_to(one, (n, n_players)) for one in ranks]

    return orders


def followed(game: Game, orders: Orders, inserted: bool, n_steps: int) -> Followed:
    """Take players away, or put them in, along orders."""
    fractions = np.linspace(0, 1, n_steps + 1)
    points = len(fractions)
    result = Followed(empty(game, points), empty(game, points), empty(game), empty(game))
    for part in game.parts():
        n_players = part.values.shape[1]
        counts = np.unique(np.round(fractions * n_players).astype(np.int64))
        to_grid = _interpolation(counts / n_players, fractions)
        ends = ends_of(part)
        every = [responses_along(part, one, counts, inserted) for one in orders(part, ends)]
        responses = np.mean(every, axis=0)
        along = ends.along(responses)
        result.curves[part.rows] = to_grid(responses)
        result.along[part.rows] = to_grid(along)
        result.areas[part.rows] = np.trapezoid(along, counts / n_players, axis=1)
        result.sizes[part.rows] = ends.size
    return result


def curve_of(
    game: Game, explanation: Explanation, inserted: bool, n_steps: int, n_random: int, seed: int
) -> Bunch:
    """What deletion_curve and insertion_curve return."""
    own = followed(game, own_orders(explanation), inserted, n_steps)
    chance = followed(game, random_orders(n_random, seed), inserted, n_steps)
    better = own.areas - chance.areas if inserted else chance.areas - own.areas
    area, random_area, gain = (
        share(total, own.sizes) for total in (own.areas, chance.areas, better)
    )
    shape = own.curves.shape[:2]
    return Bunch(
        area=area.value,
        standard_error=area.standard_error,
        random_area=random_area.value,
        random_standard_error=random_area.standard_error,
        gain=gain.value,
        gain_standard_error=gain.standard_error,
        fractions=np.linspace(0, 1, n_steps + 1),
        curve=_mean_curve(own.along, own.sizes),
        random_curve=_mean_curve(chance.along, own.sizes),
        curves=own.curves.reshape(*shape, *game.out),
        random_curves=chance.curves.reshape(*shape, *game.out),
        areas=own.areas.reshape(shape[0], *game.out),
    )


def _interpolation(known: FloatArray, wanted: FloatArray) -> Any:
    """A function from responses (n, m, k) at known fractions to those at wanted ones."""
    weights = np.stack([np.interp(wanted, known, unit) for unit in np.eye(len(known))], axis=1)
    return lambda responses: np.einsum("gm,nmk->ngk", weights, responses)


def _mean_curve(along: FloatArray, sizes: FloatArray) -> FloatArray:
    points = range(along.shape[1])
    return np.array([share(along[:, point], sizes).value for point in points])
