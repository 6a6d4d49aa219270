"""explain_permutation."""

from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.metrics import check_scoring
from sklearn.utils import Bunch

from ._players import Level, Players, players_of
from ._random import own_random_state


def explain_permutation(
    model: Any,
    X: Any,
    y: Any,
    *,
    level: Level = "feature",
    scoring: Any = None,
    n_repeats: int = 5,
    n_jobs: int | None = None,
    sample_weight: Any = None,
    random_state: Any = None,
) -> Bunch | dict[str, Bunch]:
    """Permutation importance of features, time steps or cells of sequences.

    The values of one feature (its whole series), of one time step (all its features) or of one
    cell are exchanged between the rows, and the drop of the score is its importance [1]_.
    On 2-D X with ``level="cell"`` this is ``sklearn.inspection.permutation_importance``, number
    for number.

    Parameters
    ----------
    model : fitted estimator, Pipeline or search
        Any fitted scikit-learn estimator; the players are the inputs that it takes.
    X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays
        Rows that the model was not trained on, as it takes them; DataFrames stay DataFrames.
        Read into memory, and copied for every permutation.
    y : array-like of shape (n,) or (n, n_outputs)
        Their targets.
    level : {"feature", "timestep", "cell"}, default="feature"
        What is exchanged. In a table, "cell" is a column; in front of a SlidingWindow so is
        "feature", and the columns of time and groups stay as they are. Time steps count from
        the start of each sequence. Where lengths differ, a step is exchanged between the
        sequences that reach it, and a feature's series comes from a sequence at least as long,
        cut at its end.
    scoring : str, callable, list, tuple, dict or None, default=None
        Scorer as in scikit-learn; None is the model's ``score``. Several scorers give one
        Bunch each.
    n_repeats : int, default=5
        Number of permutations of each player.
    n_jobs : int or None, default=None
        Number of joblib workers.
    sample_weight : array-like of shape (n,), optional
        Weights passed to the scorer.
    random_state : int, RandomState instance or None, default=None
        Fixes the permutations; None is different in every call.

    Returns
    -------
    Bunch, or dict of Bunch for several scorers
        ``importances`` of shape (n_players, n_repeats), ``importances_mean`` and
        ``importances_std`` of shape (n_players,), in units of the score. Players are features,
        time steps or columns; the cells of sequences are (n_timesteps, n_features), so that
        ``importances`` has shape (n_timesteps, n_features, n_repeats).

    Raises
    ------
    ValueError
        Where ``level`` or ``n_repeats`` is not as described, and for ``level="feature"`` on
        univariate 2-D X.

    References
    ----------
    .. [1] L. Breiman, "Random Forests", Machine Learning 45(1), 2001.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.explain import explain_permutation
    >>> X = np.random.default_rng(0).normal(size=(150, 6, 3))
    >>> y = X[:, :, 1].sum(axis=1)
    >>> model = LSTMRegressor(hidden_size=8, max_epochs=20, random_state=0).fit(X, y)
    >>> result = explain_permutation(model, X, y, random_state=0)
    >>> int(result.importances_mean.argmax())
    1
    """
    if not isinstance(n_repeats, int | np.integer) or n_repeats < 1:
        raise ValueError(f"The 'n_repeats' parameter must be an int >= 1. Got {n_repeats!r}.")
    players = players_of(model, X, level)
    scorer = check_scoring(model, scoring=scoring)
    seed = own_random_state(random_state).randint(np.iinfo(np.int32).max + 1)
    weights = {} if sample_weight is None else {"sample_weight": sample_weight}

    baseline = scorer(model, X, y, **weights)
    scores = Parallel(n_jobs=n_jobs)(
        delayed(_permuted_scores)(model, players, player, y, scorer, n_repeats, seed, weights)
        for player in range(int(np.prod(players.shape)))
    )
    if isinstance(baseline, dict):
        return {
            name: _bunch(value, [[s[name] for s in repeats] for repeats in scores], players)
            for name, value in baseline.items()
        }
    return _bunch(baseline, scores, players)


def _permuted_scores(
    model: Any,
    players: Players,
    player: int,
    y: Any,
    scorer: Any,
    n_repeats: int,
    seed: int,
    weights: dict[str, Any],
) -> list[Any]:
    # The same order of draws as in scikit-learn: one seed for every player, each repetition a
    # further shuffle of the last.
    rng = np.random.RandomState(seed)
    shuffled = np.arange(len(players))
    order = shuffled.copy()
    scores = []
    for _ in range(n_repeats):
        rng.shuffle(shuffled)
        order = order[shuffled]
        scores.append(scorer(model, players.permuted(player, order, rng), y, **weights))
    return scores


def _bunch(baseline: float, scores: list[list[float]], players: Players) -> Bunch:
    drops: NDArray[np.float64] = baseline - np.asarray(scores, dtype=np.float64)
    importances = drops.reshape(*players.shape, -1)
    return Bunch(
        importances_mean=importances.mean(axis=-1),
        importances_std=importances.std(axis=-1),
        importances=importances,
    )
