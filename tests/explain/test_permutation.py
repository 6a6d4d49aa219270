"""explain_permutation against scikit-learn, a slow twin and known truth."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.ensemble import BaggingRegressor, VotingRegressor
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.explain import explain_permutation
from sklstm.explain._players import players_of
from sklstm.preprocessing import SequenceTokenizer, SequenceWise, SlidingWindow

N, STEPS, FEATURES = 60, 5, 3
KEYS = ("importances", "importances_mean", "importances_std")


@pytest.fixture(scope="module")
def data():
    """The target is feature 1, summed over time, and feature 2 of the last step."""
    X = np.random.default_rng(0).normal(size=(N, STEPS, FEATURES))
    return X, X[:, :, 1].sum(axis=1) + 3 * X[:, -1, 2]


class KnownModel:
    """The true function of ``data`` on any layout; a model whose importances are known."""

    def __init__(self, seen=None):
        self.seen = seen

    def fit(self, X, y):
        return self

    def predict(self, X):
        if self.seen is not None:
            self.seen.append([np.array(row) for row in X])  # X holds for this call only
        rows = [np.asarray(row)[~np.isnan(np.asarray(row)).all(axis=1)] for row in X]
        return np.array([row[:, 1].sum() + 3 * row[-1, 2] for row in rows])

    def score(self, X, y, sample_weight=None):
        return -np.average((self.predict(X) - y) ** 2, weights=sample_weight)


def assert_same(result, expected):
    for key in KEYS:
        np.testing.assert_array_equal(result[key], expected[key])


@pytest.fixture(scope="module")
def fitted(data):
    X, y = data
    return LSTMRegressor(hidden_size=6, max_epochs=15, random_state=0).fit(X, y)


@pytest.fixture(scope="module")
def fitted_table(data):
    X, y = data
    model = LSTMRegressor(hidden_size=6, max_epochs=15, n_timesteps=STEPS, random_state=0)
    return model.fit(X.reshape(N, -1), y)


@pytest.mark.parametrize("scoring", [None, "neg_mean_absolute_error"])
@pytest.mark.parametrize("weighted", [False, True])
def test_cells_of_a_table_are_scikit_learns_permutation_importance(
    data, fitted_table, scoring, weighted
):
    X, y = data
    weights = np.arange(N) % 3 + 1.0 if weighted else None
    arguments = {"n_repeats": 3, "random_state": 7, "scoring": scoring, "sample_weight": weights}
    result = fitted_table.explain_permutation(X.reshape(N, -1), y, level="cell", **arguments)
    expected = permutation_importance(fitted_table, X.reshape(N, -1), y, **arguments)
    assert result.importances.shape == (STEPS * FEATURES, 3)
    assert_same(result, expected)


def test_cells_of_a_sequence_equal_the_cells_of_the_flattened_table(data, fitted, fitted_table):
    X, y = data
    result = fitted.explain_permutation(X, y, level="cell", n_repeats=2, random_state=0)
    flat = fitted_table.explain_permutation(
        X.reshape(N, -1), y, level="cell", n_repeats=2, random_state=0
    )
    assert result.importances.shape == (STEPS, FEATURES, 2)
    np.testing.assert_allclose(
        result.importances.reshape(-1, 2), flat.importances, rtol=1e-6, atol=1e-12
    )


@pytest.mark.parametrize("level", ["feature", "timestep", "cell"])
def test_all_layouts_agree_where_lengths_are_equal(data, fitted, fitted_table, level):
    X, y = data
    objects = np.empty(N, dtype=object)
    objects[:] = list(X)
    expected = fitted.explain_permutation(X, y, level=level, n_repeats=2, random_state=3)
    for other in (list(X), objects):
        assert_same(
            fitted.explain_permutation(other, y, level=level, n_repeats=2, random_state=3),
            expected,
        )
    table = fitted_table.explain_permutation(
        X.reshape(N, -1), y, level=level, n_repeats=2, random_state=3
    )
    np.testing.assert_allclose(
        table.importances.ravel(), expected.importances.ravel(), rtol=1e-6, atol=1e-12
    )


@pytest.mark.parametrize("level, player", [("feature", 2), ("timestep", 1), ("cell", 7)])
def test_a_repeat_is_what_a_slow_twin_computes(data, level, player):
    X, y = data
    model = KnownModel()
    result = explain_permutation(model, X, y, level=level, n_repeats=2, random_state=5)
    rng = np.random.RandomState(np.random.RandomState(5).randint(np.iinfo(np.int32).max + 1))
    shuffled = np.arange(N)
    permuted = X.copy()
    drops = []
    for _ in range(2):
        rng.shuffle(shuffled)
        before = permuted.copy()
        for i in range(N):
            if level == "feature":
                permuted[i, :, player] = before[shuffled[i], :, player]
            elif level == "timestep":
                permuted[i, player, :] = before[shuffled[i], player, :]
            else:
                step, feature = divmod(player, FEATURES)
                permuted[i, step, feature] = before[shuffled[i], step, feature]
        drops.append(model.score(X, y) - model.score(permuted, y))
    np.testing.assert_allclose(
        result.importances.reshape(-1, 2)[player], drops, rtol=1e-12, atol=1e-12
    )


def test_inputs_that_play_no_part_have_no_importance(data):
    X, y = data
    feature = explain_permutation(KnownModel(), X, y, level="feature", random_state=0)
    assert feature.importances_mean[0] == 0
    assert (feature.importances_mean[1:] > 1).all()
    cell = explain_permutation(KnownModel(), X, y, level="cell", random_state=0)
    expected = np.zeros((STEPS, FEATURES), dtype=bool)
    expected[:, 1] = expected[-1, 2] = True
    np.testing.assert_array_equal(cell.importances_mean > 0, expected)


@pytest.fixture(scope="module")
def ragged():
    rng = np.random.default_rng(1)
    return [rng.normal(size=(rng.integers(2, 8), FEATURES)) for _ in range(40)]


def padded(sequences, where):
    X = np.full((len(sequences), 9, FEATURES), np.nan)
    for row, sequence in zip(X, sequences, strict=True):
        if where == "start":
            row[len(row) - len(sequence) :] = sequence
        else:
            row[: len(sequence)] = sequence
    return X


@pytest.mark.parametrize("level", ["feature", "timestep", "cell"])
def test_ragged_and_padded_sequences_give_the_same(ragged, level):
    y = KnownModel().predict(ragged)
    expected = explain_permutation(KnownModel(), ragged, y, level=level, random_state=0)
    for where in ("start", "end"):
        result = explain_permutation(
            KnownModel(), padded(ragged, where), y, level=level, random_state=0
        )
        assert_same(result, expected)


@pytest.mark.parametrize("level, n_players", [("feature", FEATURES), ("timestep", 7)])
def test_permuted_ragged_sequences_keep_their_lengths_and_take_real_values(
    ragged, level, n_players
):
    seen = []
    y = KnownModel().predict(ragged)
    result = explain_permutation(
        KnownModel(seen), ragged, y, level=level, n_repeats=1, random_state=0
    )
    assert result.importances.shape == (n_players, 1)
    values = {value for sequence in ragged for value in sequence.ravel()}
    changed = np.zeros(n_players, dtype=bool)
    for player, X in enumerate(seen[1:]):
        assert [len(row) for row in X] == [len(row) for row in ragged]
        for row, original in zip(X, ragged, strict=True):
            assert set(row.ravel()) <= values
            different = np.argwhere(row != original)
            changed[player] |= len(different) > 0
            assert (different[:, 1 if level == "feature" else 0] == player).all()
    assert changed.all()


def test_a_feature_is_replaced_by_the_start_of_a_sequence_at_least_as_long(ragged):
    seen = []
    explain_permutation(
        KnownModel(seen), ragged, KnownModel().predict(ragged), n_repeats=1, random_state=0
    )
    series = [sequence[:, 0] for sequence in ragged]
    for row in seen[1]:
        donors = [
            s for s in series if len(s) >= len(row) and np.array_equal(s[: len(row)], row[:, 0])
        ]
        assert donors


def test_dataframes_stay_dataframes_with_their_columns_and_index(data):
    X, y = data
    frame = pd.DataFrame(X.reshape(N, -1), index=np.arange(N)[::-1])
    frame.columns = [f"c{i}" for i in range(frame.shape[1])]
    frame["kind"] = np.where(y > 0, "a", "b")
    seen = []

    def check(frame):
        seen.append(frame)
        return frame.drop(columns="kind")

    model = make_pipeline(FunctionTransformer(check), LinearRegression()).fit(frame, y)
    result = explain_permutation(model, frame, y, level="cell", n_repeats=2, random_state=0)
    expected = permutation_importance(model, frame, y, n_repeats=2, random_state=0)
    assert_same(result, expected)
    for permuted in seen:
        pd.testing.assert_index_equal(permuted.index, frame.index)
        pd.testing.assert_index_equal(permuted.columns, frame.columns)
    assert result.importances_mean[-1] == 0


def test_polars_frames_give_what_arrays_give(data, fitted_table):
    X, y = data
    table = X.reshape(N, -1)
    frame = pl.DataFrame({f"c{i}": table[:, i] for i in range(table.shape[1])})
    model = LSTMRegressor(hidden_size=6, max_epochs=15, n_timesteps=STEPS, random_state=0)
    model.fit(frame, y)
    for level in ("feature", "cell"):
        assert_same(
            model.explain_permutation(frame, y, level=level, n_repeats=2, random_state=0),
            fitted_table.explain_permutation(table, y, level=level, n_repeats=2, random_state=0),
        )


def test_features_of_a_table_reach_through_a_pipeline_and_a_search(data):
    X, y = data
    table = X.reshape(N, -1)
    pipeline = make_pipeline(
        StandardScaler(),
        LSTMRegressor(hidden_size=4, max_epochs=5, n_timesteps=STEPS, random_state=0),
    )
    search = GridSearchCV(pipeline, {"lstmregressor__hidden_size": [4]}, cv=2).fit(table, y)
    result = explain_permutation(search, table, y, n_repeats=2, random_state=0)
    assert result.importances.shape == (FEATURES, 2)
    assert_same(
        result,
        explain_permutation(search.best_estimator_, table, y, n_repeats=2, random_state=0),
    )


def test_several_scorers_give_one_bunch_each(data, fitted):
    X, y = data
    both = fitted.explain_permutation(
        X, y, scoring=["r2", "neg_mean_squared_error"], n_repeats=2, random_state=0
    )
    assert set(both) == {"r2", "neg_mean_squared_error"}
    for name, result in both.items():
        assert_same(
            result, fitted.explain_permutation(X, y, scoring=name, n_repeats=2, random_state=0)
        )


def test_a_scorer_of_ones_own(data, fitted):
    X, y = data
    scorer = make_scorer(lambda truth, prediction: -np.abs(truth - prediction).max())
    result = fitted.explain_permutation(X, y, scoring=scorer, random_state=0)
    assert result.importances_mean[2] > result.importances_mean[0]


def test_workers_change_nothing(data, fitted):
    X, y = data
    assert_same(
        fitted.explain_permutation(X, y, level="timestep", n_jobs=2, random_state=0),
        fitted.explain_permutation(X, y, level="timestep", n_jobs=1, random_state=0),
    )


def test_random_state_fixes_the_result_and_none_touches_no_global_state(data, fitted):
    X, y = data
    first = fitted.explain_permutation(X, y, random_state=0)
    assert_same(fitted.explain_permutation(X, y, random_state=0), first)
    assert_same(fitted.explain_permutation(X, y, random_state=np.random.RandomState(0)), first)
    before = np.random.get_state()[1].copy()
    fresh = fitted.explain_permutation(X, y)
    assert (np.random.get_state()[1] == before).all()
    assert (fresh.importances != first.importances).any()


def test_x_is_not_changed(data, fitted, ragged):
    X, y = data
    before = X.copy()
    fitted.explain_permutation(X, y, level="cell", n_repeats=1, random_state=0)
    np.testing.assert_array_equal(X, before)
    X.flags.writeable = False
    fitted.explain_permutation(X, y, n_repeats=1, random_state=0)
    X.flags.writeable = True


def test_classifier_on_ragged_sequences(ragged):
    y = np.array(["up" if sequence[-1, 2] > 0 else "down" for sequence in ragged])
    model = LSTMClassifier(hidden_size=8, max_epochs=40, random_state=0).fit(ragged, y)
    result = model.explain_permutation(ragged, y, scoring="neg_log_loss", random_state=0)
    assert result.importances_mean.argmax() == 2


def test_a_univariate_table_has_cells_but_no_features(data):
    X, y = data
    model = LSTMRegressor(hidden_size=4, max_epochs=2, random_state=0).fit(X[:, :, 0], y)
    with pytest.raises(ValueError, match=r"level='cell'.*n_timesteps="):
        model.explain_permutation(X[:, :, 0], y)
    assert model.explain_permutation(X[:, :, 0], y, level="cell").importances.shape == (STEPS, 5)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"level": "windows"}, "'level' parameter.*'windows'"),
        ({"level": 0}, "'level' parameter.*0"),
        ({"level": {"some": [0]}}, "'level' parameter.*'x1' is in no group"),
        ({"n_repeats": 0}, "'n_repeats' parameter.*0"),
        ({"n_repeats": 1.5}, "'n_repeats' parameter.*1.5"),
        ({"n_repeats": True}, "'n_repeats' parameter.*True"),
        ({"block_size": N}, f"'block_size' parameter.*{N - 1}. Got {N} instead"),
        ({"groups": np.arange(N)}, "'groups' parameter.*more than a row"),
    ],
)
def test_bad_arguments_are_named(data, fitted, arguments, message):
    with pytest.raises(ValueError, match=message):
        fitted.explain_permutation(*data, **arguments)


def test_y_of_another_length_is_an_error(data, fitted):
    X, y = data
    with pytest.raises(ValueError, match="X and y must have the same number of samples"):
        fitted.explain_permutation(X, y[:-1])


def test_an_unfitted_estimator_says_so(data):
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError):
        LSTMRegressor().explain_permutation(*data)


@pytest.mark.parametrize("wrap", [BaggingRegressor, TransformedTargetRegressor, FrozenEstimator])
def test_features_of_a_table_reach_through_scikit_learns_wrappers(data, wrap):
    X, y = data
    table = X.reshape(N, -1)
    inner = LSTMRegressor(hidden_size=4, max_epochs=5, n_timesteps=STEPS, random_state=0)
    model = wrap(inner.fit(table, y)).fit(table, y)
    result = explain_permutation(model, table, y, n_repeats=1, random_state=0)
    assert result.importances.shape == (FEATURES, 1)


def test_a_pipeline_that_drops_columns_has_cells_but_no_features(data):
    X, y = data
    table = X.reshape(N, -1)[:, :7]
    model = make_pipeline(
        SelectKBest(f_regression, k=6), LSTMRegressor(n_timesteps=3, max_epochs=2, random_state=0)
    ).fit(table, y)
    with pytest.raises(ValueError, match="a step in front of the LSTM moves or drops columns"):
        explain_permutation(model, table, y, level="timestep")
    assert explain_permutation(model, table, y, level="cell").importances.shape == (7, 5)
    assert explain_permutation(model, table, y, level="feature").importances.shape == (7, 5)


SWAPPED = ColumnTransformer([("b", "passthrough", [1, 0, *range(2, STEPS * FEATURES)])])


@pytest.mark.parametrize("level", ["window", "timestep", 2])
@pytest.mark.parametrize("step", [PCA(2 * STEPS), SWAPPED], ids=["mixed", "moved"])
def test_columns_that_a_step_mixes_or_moves_are_no_time_steps(data, step, level):
    X, y = data
    table = X.reshape(N, -1)
    lstm = LSTMRegressor(n_timesteps=STEPS, hidden_size=2, max_epochs=1, random_state=0)
    model = make_pipeline(step, lstm).fit(table, y)
    with pytest.raises(ValueError, match=r"(PCA .* mixes|a step .* moves).*no time steps"):
        explain_permutation(model, table, y, level=level)
    by_column = explain_permutation(model, table, y, random_state=0)
    by_cell = explain_permutation(model, table, y, level="cell", random_state=0)
    np.testing.assert_array_equal(by_column.importances, by_cell.importances)


def test_the_columns_of_a_wrapper_without_n_timesteps_are_features(data):
    X, y = data
    model = BaggingRegressor(LinearRegression()).fit(X[:, :, 0], y)
    assert explain_permutation(model, X[:, :, 0], y, n_repeats=1).importances.shape == (STEPS, 1)


def test_voting_over_tables_knows_its_features_and_steps(data):
    X, y = data
    table = X.reshape(N, -1)
    members = [
        (
            str(seed),
            LSTMRegressor(hidden_size=4, max_epochs=3, n_timesteps=STEPS, random_state=seed),
        )
        for seed in range(2)
    ]
    model = VotingRegressor(members).fit(table, y)
    assert explain_permutation(model, table, y, n_repeats=1).importances.shape == (FEATURES, 1)
    steps = explain_permutation(model, table, y, level="timestep", n_repeats=1)
    assert steps.importances.shape == (STEPS, 1)


@pytest.mark.parametrize("level", ["window", "timestep", 2])
def test_a_table_of_a_model_without_time_steps_has_columns_alone(data, level):
    X, y = data
    model = LinearRegression().fit(X.reshape(N, -1), y)
    with pytest.raises(ValueError, match="LinearRegression holds no LSTM"):
        explain_permutation(model, X.reshape(N, -1), y, level=level)


WIDE = np.random.default_rng(4).normal(size=(40, 13, 2))
GROUPS = {"early": slice(0, 4), "late first": (slice(4, 13), 0), "late second": (slice(4, 13), 1)}
# The cells of the first and the last player of each level, and its players' names.
LEVELS_OF_WIDE = [
    ("window", [(0, 0), (0, 1), (1, 0), (1, 1)], [(12, 0), (12, 1)], "steps 0 to 1"),
    (6, [(t, f) for t in range(6) for f in range(2)], [(12, 0), (12, 1)], "steps 0 to 5"),
    (GROUPS, [(t, f) for t in range(4) for f in range(2)], [(t, 1) for t in range(4, 13)], "early"),
    ("feature", [(t, 0) for t in range(13)], [(t, 1) for t in range(13)], "x0"),
]


class SumOfCells:
    """Every cell has its own weight; of a sequence of any length."""

    weights = np.random.default_rng(5).normal(size=(13, 2))

    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.array([(row * self.weights[: len(row)]).sum() for row in map(real, X)])

    def score(self, X, y):
        return -np.mean((self.predict(X) - y) ** 2)


def real(row):
    row = np.asarray(row)
    return row[~np.isnan(row).all(axis=1)]


def slow_drops(model, rows, y, cells, n_repeats, strata, block_size, seed):
    """One cell and one row after the other."""
    rng = np.random.RandomState(np.random.RandomState(seed).randint(np.iinfo(np.int32).max + 1))
    drops, order, shuffled = [], np.arange(len(rows)), np.arange(len(rows))
    for _ in range(n_repeats):
        if strata is None:
            rng.shuffle(shuffled)
            order = order[shuffled]
        else:
            for stratum in strata:
                starts = range(0, len(stratum), block_size)
                blocks = [stratum[start : start + block_size] for start in starts]
                order[stratum] = [i for b in rng.permutation(len(blocks)) for i in blocks[b]]
        permuted = [row.copy() for row in rows]
        donors = {}
        for stratum in [range(len(rows))] if strata is None else strata:
            reached = {
                i: max([t + 1 for t, _ in cells if t < len(rows[i])] or [0]) for i in stratum
            }
            takers = [i for i in stratum if reached[i]]
            givers = [order[i] for i in stratum if reached[order[i]]]
            for taker, giver in zip(takers, givers, strict=True):
                donors[taker] = giver
                if len(rows[giver]) < reached[taker]:
                    enough = [i for i in stratum if len(rows[i]) >= reached[taker]]
                    donors[taker] = rng.choice(enough)
        for row, donor in donors.items():
            for t, f in cells:
                if t < len(rows[row]):
                    permuted[row][t, f] = rows[donor][t, f]
        drops.append(model.score(rows, y) - model.score(permuted, y))
    return drops


EXCHANGES = {
    "rows": {},
    "blocks": {"block_size": 7},
    "groups": {"groups": np.arange(40) % 3},
    "both": {"groups": np.arange(40) % 3, "block_size": 4},
}


@pytest.mark.parametrize("layout", ["array", "ragged", "padded"])
@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize("level, first, last, name", LEVELS_OF_WIDE)
def test_levels_and_exchanges_are_those_of_a_slow_twin(layout, exchange, level, first, last, name):
    rows = list(WIDE)
    if layout != "array":
        lengths = np.random.default_rng(6).integers(2, 14, size=40)
        lengths[0] = 13
        rows = [row[:length] for row, length in zip(rows, lengths, strict=True)]
    X = {"array": WIDE, "ragged": rows}.get(layout)
    if layout == "padded":
        X = np.full((40, 15, 2), np.nan)
        for target, row in zip(X, rows, strict=True):
            target[14 - len(row) : 14] = row
    model, options = SumOfCells(), EXCHANGES[exchange]
    y = model.predict(X) + np.random.default_rng(7).normal(size=40)
    result = explain_permutation(model, X, y, level=level, n_repeats=2, random_state=3, **options)
    assert result.player_names[0] == name
    assert len(result.player_names) == len(result.importances)
    strata = None
    if options:
        labels = options.get("groups", np.zeros(40))
        strata = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    for player, cells in ((0, first), (-1, last)):
        expected = slow_drops(model, rows, y, cells, 2, strata, options.get("block_size", 1), 3)
        np.testing.assert_allclose(result.importances[player], expected, rtol=1e-9, atol=1e-12)


class Planted:
    """The sum of two time steps of one feature."""

    def fit(self, X, y):
        return self

    def predict(self, X):
        return X[:, 10:12, 1].sum(axis=1)

    def score(self, X, y):
        return -np.mean((self.predict(X) - y) ** 2)


def test_only_the_window_of_the_cells_that_matter_has_importance():
    X = np.random.default_rng(0).normal(size=(400, 24, 2))
    y = Planted().predict(X)
    result = explain_permutation(Planted(), X, y, level="window", n_repeats=20, random_state=0)
    lost = dict(zip(result.player_names, result.importances_mean, strict=True))
    # 24 steps in ten windows. Two independent sums of variance 2 differ by 4 in square.
    assert list(lost)[:2] == ["steps 0 to 2", "steps 3 to 4"]
    assert lost.pop("steps 10 to 11") == pytest.approx(4, rel=0.1)
    assert set(lost.values()) == {0}


@pytest.mark.parametrize("level", ["cell", "feature", "timestep", "window", 2, "groups"])
@pytest.mark.parametrize("layout", ["array", "ragged", "table", "univariate", "frame"])
def test_players_have_the_names_that_an_explanation_gives_them(data, layout, level):
    X, y = data
    groups = {"a": slice(0, 3), "b": slice(3, None)}
    if layout == "ragged":
        X = [row[: 2 + i % 4] for i, row in enumerate(X)]
    if layout == "univariate":
        X = X[:, :, 0]
    if layout in ("table", "frame"):
        X = X.reshape(N, -1)
    if layout == "frame":
        X = pd.DataFrame(X, columns=[f"c{i}" for i in range(X.shape[1])])
        groups = {"a": [f"c{i}" for i in range(7)], "b": [f"c{i}" for i in range(7, 15)]}
    if layout == "univariate" and level == "feature":
        return
    n_timesteps = STEPS if layout in ("table", "frame") else None
    model = LSTMRegressor(2, max_epochs=1, n_timesteps=n_timesteps, random_state=0).fit(X, y)
    level = groups if level == "groups" else level
    explanation = model.explain_shap(X[:4], background=X, level=level, method="gradient")
    result = model.explain_permutation(X, y, level=level, n_repeats=1, random_state=0)
    assert result.player_names == list(explanation.player_names)
    assert result.importances_mean.shape == explanation.values.shape[1:]


class TestSlidingWindow:
    """In front of a SlidingWindow the columns of a table are the features."""

    def table(self):
        rng = np.random.default_rng(0)
        frame = pd.DataFrame(rng.normal(size=(300, 3)), columns=["noise", "signal", "weak"])
        y = frame["signal"] + frame["signal"].shift(1, fill_value=0) + 0.2 * frame["weak"]
        frame.insert(1, "when", pd.date_range("2024-01-01", periods=300, freq="h"))
        return frame, y

    def fitted(self, window):
        lstm = LSTMRegressor(8, max_epochs=20, random_state=0)
        return make_pipeline(window, lstm)

    def test_columns_are_features_and_the_time_is_none(self):
        frame, y = self.table()
        model = self.fitted(SlidingWindow(3, time="when")).fit(frame, y)
        result = explain_permutation(model, frame, y, random_state=0)
        noise, signal, weak = result.importances_mean
        assert signal > 1
        assert abs(noise) < weak < 0.2
        # Twin: one column at a time, through the pipeline.
        features = frame.drop(columns="when")
        alone = self.fitted(SlidingWindow(3)).fit(features, y)
        twin = permutation_importance(alone, features, y, random_state=0)
        np.testing.assert_allclose(result.importances_mean, twin.importances_mean)

    def test_positions_searches_and_groups(self):
        frame, y = self.table()
        table = frame.assign(when=np.arange(300.0), who=1).to_numpy(dtype=float)
        search = GridSearchCV(
            self.fitted(SlidingWindow(3, time=1, groups=-1)), {"slidingwindow__lookback": [3]}, cv=2
        ).fit(table, y)
        result = explain_permutation(search, table, y, random_state=0)
        assert result.importances.shape == (3, 5)
        assert result.importances_mean.argmax() == 1

    def test_a_row_is_no_time_step(self):
        frame, y = self.table()
        model = self.fitted(SlidingWindow(3, time="when")).fit(frame, y)
        with pytest.raises(ValueError, match=r"SlidingWindow.*model\[:-1\].*Got 'timestep'"):
            explain_permutation(model, frame, y, level="timestep")

    def test_the_window_is_found_in_a_pipeline_in_a_pipeline(self):
        frame, y = self.table()
        X = frame[["noise", "signal", "weak"]]
        inner = make_pipeline(StandardScaler(), SlidingWindow(3))
        model = make_pipeline(inner, LSTMRegressor(4, max_epochs=2, random_state=0)).fit(X, y)
        assert explain_permutation(model, X, y, random_state=0).importances.shape == (3, 5)
        with pytest.raises(ValueError, match="SlidingWindow"):
            explain_permutation(model, X, y, level="window")

    def test_cells_are_columns_without_time_and_groups(self):
        frame, y = self.table()
        frame = frame.assign(who=1)
        model = self.fitted(SlidingWindow(3, time="when", groups="who")).fit(frame, y)
        by_cell = explain_permutation(model, frame, y, level="cell", random_state=0)
        by_feature = explain_permutation(model, frame, y, level="feature", random_state=0)
        np.testing.assert_array_equal(by_cell.importances, by_feature.importances)

    def test_a_position_is_a_position_whatever_the_column_is_called(self):
        frame, y = self.table()
        X = pd.DataFrame(frame.drop(columns="when").assign(who=1.0).to_numpy()[:, [3, 0, 1, 2]])
        X.columns = [1, 2, 0, 3]
        model = self.fitted(SlidingWindow(3, groups=0)).fit(X, y)
        result = explain_permutation(model, X, y, random_state=0)
        assert result.importances_mean.argmax() == 1  # of noise, signal, weak

    def test_columns_that_a_step_before_may_have_moved(self):
        frame, y = self.table()
        X = frame.drop(columns="when").assign(who=1.0)
        moved = FunctionTransformer(lambda X: X.iloc[:, ::-1])
        model = make_pipeline(moved, SlidingWindow(3, groups=0), LSTMRegressor(4, max_epochs=1))
        model.fit(X, y)
        with pytest.raises(ValueError, match="not clear which column of X is the column 0"):
            explain_permutation(model, X, y)


class Change(BaseEstimator):
    """The last change of a series, from a window of two steps."""

    def fit(self, X, y):
        self.fitted_ = True
        return self

    def predict(self, X):
        X = np.asarray(X)
        return np.nan_to_num(X[:, -1, 0] - X[:, -2, 0])

    def score(self, X, y):
        return -np.mean((self.predict(X) - y) ** 2)


def slow_series(n, memory, rng):
    """Of variance 1, whose changes have variance 2 (1 - memory)."""
    series = [rng.normal()]
    for shock in rng.normal(scale=np.sqrt(1 - memory**2), size=n - 1):
        series.append(memory * series[-1] + shock)
    return np.array(series)


def test_blocks_keep_the_changes_of_a_series():
    """Another series of the same kind has other changes, but of the same size."""
    table = slow_series(4000, 0.98, np.random.default_rng(0))[:, None]
    model = make_pipeline(SlidingWindow(2), Change()).fit(table, table[:, 0])
    y = model.predict(table)
    variance = y.var()
    rows = explain_permutation(model, table, y, random_state=0, n_repeats=10)
    blocks = explain_permutation(model, table, y, random_state=0, n_repeats=10, block_size=250)
    # An independent series loses twice the variance of the changes, and here 16 of 4000 windows
    # lie across two blocks, whose change is of variance 2. Single rows make all changes such.
    assert blocks.importances_mean[0] == pytest.approx(2 * variance + 2 * 16 / 4000, rel=0.15)
    assert rows.importances_mean[0] == pytest.approx(2 * table.var() + variance, rel=0.15)
    assert rows.importances_mean[0] > 20 * blocks.importances_mean[0]


class MeanOfTwo:
    """Half of each of two features of the last step."""

    def fit(self, X, y):
        return self

    def predict(self, X):
        return X[:, -1, :2].mean(axis=1)

    def score(self, X, y):
        return -np.mean((self.predict(X) - y) ** 2)


def test_beyond_the_other_a_redundant_feature_has_little_importance():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 3, 3))
    X[:, :, 1] = X[:, :, 0] + 0.1 * rng.normal(size=(2000, 3))
    y = MeanOfTwo().predict(X)
    season = np.digitize(X[:, -1, 0], np.quantile(X[:, -1, 0], np.arange(1, 40) / 40))
    alone = explain_permutation(MeanOfTwo(), X, y, random_state=0)
    conditional = explain_permutation(MeanOfTwo(), X, y, groups=season, random_state=0)
    # Exchanging a feature x loses half of its variance; within bins, half of that within them.
    within = np.mean([X[season == s, -1, 1].var() for s in range(40)])
    assert alone.importances_mean[1] == pytest.approx(X[:, -1, 1].var() / 2, rel=0.05)
    assert conditional.importances_mean[1] == pytest.approx(within / 2, rel=0.05)
    assert conditional.importances_mean[1] < 0.05 * alone.importances_mean[1]
    assert conditional.importances_mean[2] == alone.importances_mean[2] == 0


@pytest.fixture(scope="module")
def codes():
    rng = np.random.default_rng(0)
    lengths = rng.integers(2, 7, size=40)
    rows = [rng.integers(0, 5, size=length) for length in lengths]
    y = np.array([row[0] for row in rows], dtype=float)
    model = LSTMRegressor(4, embedding_size=3, max_epochs=3, random_state=0).fit(rows, y)
    return model, rows, y


class TestCodes:
    """Rows of codes, of which -1 is padding."""

    def padded(self, rows, size=8):
        X = np.full((len(rows), size), -1)
        for target, row in zip(X, rows, strict=True):
            target[: len(row)] = row
        return X

    @pytest.mark.parametrize("level", ["timestep", "cell", "feature", "window", 2])
    def test_padding_is_no_code(self, codes, level):
        model, rows, y = codes
        ragged = model.explain_permutation(rows, y, level=level, n_repeats=2, random_state=0)
        padded = self.padded(rows)
        for X in (padded, padded[:, :, None], np.roll(padded, 1, axis=1)):
            result = model.explain_permutation(X, y, level=level, n_repeats=2, random_state=0)
            np.testing.assert_allclose(result.importances, ragged.importances, rtol=1e-6)
            assert result.player_names == ragged.player_names

    def test_dataframes(self, codes):
        model, rows, y = codes
        padded = self.padded(rows)
        expected = model.explain_permutation(padded, y, level="timestep", random_state=0)
        names = [f"t{i}" for i in range(8)]
        for frame in (
            pd.DataFrame(padded, columns=names, index=np.arange(40)[::-1]),
            pl.DataFrame(padded, schema=names),
        ):
            named = clone(model).fit(frame, y)
            result = named.explain_permutation(frame, y, level="timestep", random_state=0)
            assert_same(result, expected)

    def test_in_a_search(self, codes):
        model, rows, y = codes
        padded = self.padded(rows)
        search = GridSearchCV(model, {"hidden_size": [4]}, cv=2).fit(padded, y)
        result = explain_permutation(search, padded, y, level="timestep", random_state=0)
        assert result.importances.shape == (6, 5)


def test_texts_are_explained_as_tokens():
    texts = ["good film", "bad film", "a good one", "bad"] * 10
    y = np.array([1.0, 0, 1, 0] * 10)
    lstm = LSTMRegressor(4, embedding_size=3, max_epochs=3, random_state=0)
    model = make_pipeline(SequenceTokenizer(), lstm).fit(texts, y)
    with pytest.raises(ValueError, match=r"SequenceTokenizer.*model\[1:\]"):
        explain_permutation(model, texts, y)
    codes = model[0].transform(texts)
    result = explain_permutation(model[1:], codes, y, level="timestep", random_state=0)
    assert result.importances.shape == (3, 5)


def test_missing_values_that_a_step_imputes(data):
    X, y = data
    holed = X.copy()
    holed[::7, 2, 1] = np.nan
    model = make_pipeline(
        SequenceWise(SimpleImputer()), LSTMRegressor(2, max_epochs=2, random_state=0)
    ).fit(holed, y)
    result = explain_permutation(model, holed, y, random_state=0)
    assert_same(explain_permutation(model, list(holed), y, random_state=0), result)
    table = holed.reshape(N, -1)
    ridge = make_pipeline(SimpleImputer(), LinearRegression()).fit(table, y)
    assert_same(
        explain_permutation(ridge, table, y, level="cell", random_state=0),
        permutation_importance(ridge, table, y, random_state=0),
    )


def test_sequences_in_dataframes_keep_their_columns(ragged):
    names = ["hum", "temp", "wind"]
    frames = [pd.DataFrame(row, columns=names) for row in ragged]
    y = KnownModel().predict(ragged)
    lstm = LSTMRegressor(2, max_epochs=2, random_state=0)
    model = make_pipeline(SequenceWise(StandardScaler()), lstm).fit(frames, y)
    result = explain_permutation(model, frames, y, random_state=0)  # a warning is an error
    assert result.player_names == names
    objects = np.empty(len(frames), dtype=object)
    objects[:] = frames
    assert_same(explain_permutation(model, objects, y, random_state=0), result)


def test_groups_of_columns_of_any_model(data):
    X, y = data
    table = X.reshape(N, -1)
    frame = pd.DataFrame(table, columns=[f"c{i}" for i in range(15)])
    model = LinearRegression().fit(frame, y)
    groups = {"first": ["c0", 1, 2, 3, 4], "rest": [f"c{i}" for i in range(5, 15)]}
    result = explain_permutation(model, frame, y, level=groups, random_state=0)
    assert result.player_names == list(groups)
    as_array = LinearRegression().fit(table, y)
    by_position = {"first": range(5), "rest": range(5, 15)}
    other = explain_permutation(as_array, table, y, level=by_position, random_state=0)
    np.testing.assert_allclose(other.importances, result.importances, rtol=1e-9)
    with pytest.raises(ValueError, match=r"LinearRegression holds no LSTM.*Got 'window'"):
        explain_permutation(model, frame, y, level="window")
    by_column = explain_permutation(model, frame, y, random_state=0)
    assert by_column.player_names == [*frame.columns]
    by_cell = explain_permutation(model, frame, y, level="cell", random_state=0)
    np.testing.assert_array_equal(by_column.importances, by_cell.importances)


def test_a_player_has_one_copy_of_x_in_which_only_its_cells_change(data, ragged):
    X, _ = data
    for rows in (X, list(X), ragged, padded(ragged, "start")):
        players = players_of(KnownModel(), rows, "window")
        before = players.cells.values.copy()
        donors = np.full(len(rows), players.cells.lengths.argmax())
        for player in range(len(players)):
            exchanged = players.cells.exchange(*players.cells_of(player))
            first = exchanged(donors)
            assert np.shares_memory(np.asarray(exchanged(donors)[0]), np.asarray(first[0]))
            for row, original in zip(first, rows, strict=True):
                changed = (np.asarray(row) != original) & ~np.isnan(original)
                reached = original[~np.isnan(original).all(axis=1)]
                assert changed.sum() <= (players.table[: len(reached)] == player).sum()
            for row, original in zip(exchanged(np.arange(len(rows))), rows, strict=True):
                np.testing.assert_array_equal(row, original)
        np.testing.assert_array_equal(players.cells.values, before)
