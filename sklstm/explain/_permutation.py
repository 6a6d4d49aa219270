"""explain_permutation."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from .._data import check_same_rows
from ._composition import check_estimator
from ._orders import Orders, read_orders
from ._players import Players, players_of
from ._random import own_random_state
from ._scoring import read_scorer
from ._workers import check_n_jobs, in_order, task_of


def explain_permutation(
    model: Any,
    X: Any,
    y: Any,
    *,
    level: str | int | Mapping[str, Any] = "feature",
    scoring: Any = None,
    n_repeats: int = 5,
    block_size: int | None = None,
    groups: Any = None,
    n_jobs: int | None = None,
    sample_weight: Any = None,
    random_state: Any = None,
) -> Bunch | dict[str, Bunch]:
    """Permutation importance: what the score loses when values are exchanged between rows.

    The values of a player (a feature's whole series, a time step of all features, a cell, a
    window of time or a group of cells) are exchanged between the rows, and the drop of the
    score is its importance [1]_, [2]_. On 2-D X with ``level="cell"`` this is
    ``sklearn.inspection.permutation_importance``, number for number.

    Parameters
    ----------
    model : fitted estimator, Pipeline or search
        Any fitted scikit-learn estimator; the players are the inputs that it takes.
    X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays
        Rows that the model was not trained on, as it takes them; DataFrames stay DataFrames.
        Read into memory, one copy for each worker, in which values are exchanged in place:
        what a scorer keeps of X changes later. Codes for an LSTM with ``embedding_size`` may be
        padded with -1.
    y : array-like of shape (n,) or (n, n_outputs)
        Their targets.
    level : {"feature", "timestep", "cell", "window"}, int or mapping, default="feature"
        What is exchanged. "window" makes ten windows of nearly equal length of the time steps,
        an int windows of so many steps, and a mapping from names groups, each of features (of a
        table columns) by name or position, slices of time steps, or pairs ``(slice, feature)``;
        every cell must be in one group. In a table, "cell" is a column; so is "feature" where
        columns are no time steps: for a model that holds no LSTM, in front of steps that mix or
        move columns, and in front of a SlidingWindow, whose columns of time and groups stay as
        they are. Time steps count from the start of each sequence. Where lengths differ,
        sequences that reach no step of a player are left out of its exchange, and a donor that is
        too short is replaced by a random sequence that is long enough, cut at its end.
    scoring : str, callable, list, tuple, dict or None, default=None
        Scorer as in scikit-learn; None is the model's ``score``. Several scorers give one
        Bunch each.
    n_repeats : int, default=5
        Number of permutations of each player.
    block_size : int or None, default=None
        Exchange blocks of so many consecutive rows instead of single rows, for rows in order of
        time: within a block the player keeps its own course from row to row, so that a model
        that looks at changes is not shown changes that never happen [3]_. Take blocks that are
        long beside the time in which the series forgets itself, and beside ``lookback`` in front
        of a SlidingWindow, and short beside the number of rows. The last block may be shorter.
    groups : array-like of shape (n,), optional
        A label for each row. Values are exchanged only between rows of one group, so that the
        importance is conditional on the group [4]_: what a player says beyond the season, the
        subject, or the bin of a correlated feature. Rows that are alone in their group keep
        their values. With ``block_size`` the blocks are of consecutive rows of a group.
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
        ``importances_std`` of shape (n_players,), in units of the score, and ``player_names``, a
        list of str. The cells of sequences are (n_timesteps, n_features), so that
        ``importances`` has shape (n_timesteps, n_features, n_repeats); their names are in order
        of time, then of features.

    Raises
    ------
    ValueError
        Where ``level``, ``n_repeats``, ``block_size`` or ``groups`` is not as described, where
        no group has two rows (or two blocks), for ``level="feature"`` on univariate 2-D X, and for
        time steps of a table whose columns are none.
    TypeError
        Where X is sparse, or holds objects that are no numbers.

    See Also
    --------
    explain_shap : What each cell adds to the output of a row.

    Notes
    -----
    Importance is what this model loses, not what the data hold: of two features that say the
    same, each alone can be exchanged at little loss. The standard deviation is that of the
    permutations, for these rows and this model; other rows or another fit differ by more.

    References
    ----------
    .. [1] Breiman (2001), "Random forests", Machine Learning 45(1).
    .. [2] Fisher, Rudin & Dominici (2019), "All models are wrong, but many are useful: learning
       a variable's importance by studying an entire class of prediction models
       simultaneously", Journal of Machine Learning Research 20(177).
    .. [3] Künsch (1989), "The jackknife and the bootstrap for general stationary observations",
       The Annals of Statistics 17(3): blocks that keep the dependence of a series.
    .. [4] Strobl, Boulesteix, Kneib, Augustin & Zeileis (2008), "Conditional variable importance
       for random forests", BMC Bioinformatics 9:307.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.explain import explain_permutation
    >>> X = np.random.default_rng(0).normal(size=(150, 6, 3))
    >>> y = X[:, :, 1].sum(axis=1)
    >>> model = LSTMRegressor(hidden_size=8, max_epochs=20, random_state=0).fit(X, y)
    >>> result = explain_permutation(model, X, y, random_state=0)
    >>> result.player_names[result.importances_mean.argmax()]
    'x1'
    """
    check_estimator(model)
    check_n_jobs(n_jobs)
    check_same_rows(X, y=y, sample_weight=sample_weight)
    whole = isinstance(n_repeats, int | np.integer) and not isinstance(n_repeats, bool)
    if not whole or n_repeats < 1:
        raise ValueError(
            f"The 'n_repeats' parameter must be an int >= 1. Got {n_repeats!r} instead."
        )
    players = players_of(model, X, level)
    orders = read_orders(groups, block_size, len(players.cells.lengths))
    scorer = read_scorer(model, scoring)
    seed = own_random_state(random_state).randint(np.iinfo(np.int32).max + 1)
    score = _Score(
        model, y, scorer, {} if sample_weight is None else {"sample_weight": sample_weight}
    )

    baseline = score(X)
    task = task_of(_permuted_scores, score, players, orders, n_repeats, seed)
    scores = [*in_order(task, range(len(players)), n_jobs, return_as="list")]
    if isinstance(baseline, dict):
        return {
            name: _bunch(value, [[s[name] for s in repeats] for repeats in scores], players)
            for name, value in baseline.items()
        }
    return _bunch(baseline, scores, players)


class _Score(NamedTuple):
    """A scorer and all that it takes but X."""

    model: Any
    y: Any
    scorer: Any
    weights: dict[str, Any]

    def __call__(self, X: Any) -> Any:
        return self.scorer(self.model, X, self.y, **self.weights)


def _permuted_scores(
    score: _Score, players: Players, orders: Orders, n_repeats: int, seed: int, player: int
) -> list[Any]:
    # The same order of draws as in scikit-learn: one seed for every player.
    rng = np.random.RandomState(seed)
    exchanged = players.cells.exchange(*players.cells_of(player))
    needed, lengths = players.needed(player), players.cells.lengths
    return [
        score(exchanged(orders.donors(order, needed, lengths, rng)))
        for order in orders.draw(n_repeats, rng)
    ]


def _bunch(baseline: float, scores: list[list[float]], players: Players) -> Bunch:
    drops: NDArray[np.float64] = baseline - np.asarray(scores, dtype=np.float64)
    importances = drops.reshape(*players.shape, -1)
    return Bunch(
        importances_mean=importances.mean(axis=-1),
        importances_std=importances.std(axis=-1),
        importances=importances,
        player_names=list(players.names),
    )
