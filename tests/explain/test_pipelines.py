"""explain_shap through Pipelines, searches and models of any kind."""

import copy
import itertools
import math
from functools import cache

import numpy as np
import pandas as pd
import polars as pl
import pytest
from rounding import assert_same_numbers
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    BaggingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingRegressor,
)
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectKBest, VarianceThreshold, f_regression
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
)

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.explain import Explanation, explain_shap
from sklstm.explain._pipelines import _places
from sklstm.preprocessing import (
    SequenceOneHotEncoder,
    SequenceTokenizer,
    SequenceWise,
    SlidingWindow,
)

SMALL = {"hidden_size": 4, "max_epochs": 3, "random_state": 0}
RNG = np.random.default_rng(0)
COLUMNS = [f"col{i}" for i in range(6)]
TABLE = pd.DataFrame(RNG.normal(3, 5, size=(60, 6)), columns=COLUMNS)
Y = (TABLE["col2"] - TABLE["col5"]).to_numpy() / 5
LABELS = np.array(["low", "mid", "high"])[(Y > -0.5).astype(int) + (Y > 0.5)]
SEQUENCES = RNG.normal(1, 3, size=(60, 5, 3))
RAGGED = [row[:k] for row, k in zip(SEQUENCES, RNG.integers(2, 6, 60), strict=True)]
MIXED = pd.DataFrame(
    {
        "city": RNG.choice(["rome", "oslo", "lima"], 60),
        "temp": TABLE["col2"],
        "kind": pd.Categorical(RNG.choice(["a", "b"], 60)),
        "wind": TABLE["col5"],
    }
)


def hours(n=60, seed=1):
    """Two sites whose rows alternate, a hole in one of them, and a column of text."""
    rng = np.random.default_rng(seed)
    when = pd.date_range("2024-03-01", periods=n // 2, freq="h").repeat(2).to_series()
    when.iloc[n // 2 :: 2] += pd.Timedelta("9h")
    return pd.DataFrame(
        {
            "wind": rng.normal(size=n),
            "site": ["north", "south"] * (n // 2),
            "note": ["?"] * n,
            "when": when.to_numpy(),
            "temp": rng.normal(10, 4, size=n),
        }
    )


@cache
def windowed():
    frame = hours()
    model = make_pipeline(
        ColumnTransformer(
            [
                ("scale", StandardScaler(), ["temp", "wind"]),
                ("keep", "passthrough", ["when", "site"]),
            ],
            verbose_feature_names_out=False,
        ).set_output(transform="pandas"),
        SlidingWindow(4, time="when", groups="site"),
        LSTMRegressor(**SMALL),
    )
    return model.fit(frame, frame["temp"] - 10)


@cache
def mixing(classifier=True):
    columns = ColumnTransformer(
        [
            ("city", OneHotEncoder(sparse_output=False), ["city", "kind"]),
            ("pca", PCA(2), ["temp", "wind"]),
        ]
    )
    if classifier:
        return make_pipeline(columns, LSTMClassifier(**SMALL)).fit(MIXED, LABELS)
    return make_pipeline(columns, LSTMRegressor(**SMALL)).fit(MIXED, Y)


def brute_force(value, n_players):
    """Shapley values of a game, from the definition with orders of the players."""
    known = cache(value)
    total = 0
    for order in itertools.permutations(range(n_players)):
        gains = [None] * n_players
        for k, player in enumerate(order):
            gains[player] = known(frozenset(order[: k + 1])) - known(frozenset(order[:k]))
        total = total + np.array(gains)
    return total / math.factorial(n_players)


def same_values(a, b, **tolerance):
    np.testing.assert_allclose(a.values, b.values, **({"rtol": 1e-5, "atol": 1e-7} | tolerance))
    np.testing.assert_allclose(a.base_values, b.base_values, rtol=1e-6)


def adds_up(explanation, outputs):
    assert_same_numbers(explanation.output_values, outputs)
    assert explanation.additivity_gap.max() < 1e-5


# One-to-one steps


@pytest.mark.parametrize("level", ["cell", "feature", "timestep", 2])
def test_a_scaler_in_front_of_a_table_changes_nothing_but_the_data(level):
    model = make_pipeline(
        "passthrough", StandardScaler(), LSTMRegressor(n_timesteps=3, **SMALL)
    ).fit(TABLE, Y)
    X, background = TABLE[:6], TABLE[10:30]
    e = explain_shap(model, X, background=background, level=level)
    scaled = [model[:-1].transform(part) for part in (X, background)]
    same_values(e, explain_shap(model[-1], scaled[0], background=scaled[1], level=level))
    adds_up(e, model.predict(X))
    np.testing.assert_array_equal(e.data, X)
    assert e.feature_names == tuple(COLUMNS)
    assert e.n_timesteps == 3
    if level == "cell":
        assert e.by("feature").player_names == ("x0", "x1")


@pytest.mark.parametrize("X", [SEQUENCES, RAGGED], ids=["3-D", "ragged"])
def test_sequence_wise_scaling_changes_nothing_but_the_data(X):
    model = make_pipeline(SequenceWise(StandardScaler()), LSTMClassifier(**SMALL))
    model.fit(X, LABELS)
    e = explain_shap(model, X[:6], background=SEQUENCES[20:40])
    scaled = [model[0].transform(part) for part in (X[:6], SEQUENCES[20:40])]
    plain = explain_shap(model[-1], scaled[0], background=scaled[1])
    same_values(e, plain)
    adds_up(e, model.decision_function(X[:6]))
    for data, row in zip(e.data, X, strict=False):
        np.testing.assert_array_equal(data[: len(row)], row)
    if X is RAGGED:
        np.testing.assert_array_equal(e.lengths, plain.lengths)


def test_sequences_in_an_object_array_have_the_names_of_their_features():
    model = make_pipeline(SequenceWise(StandardScaler()), LSTMRegressor(**SMALL))
    model.fit(SEQUENCES, Y)
    objects = np.empty(6, dtype=object)
    objects[:] = RAGGED[:6]
    e = explain_shap(model, objects, background=SEQUENCES[20:40])
    listed = explain_shap(model, RAGGED[:6], background=SEQUENCES[20:40])
    same_values(e, listed)
    assert e.feature_names == listed.feature_names == ("x0", "x1", "x2")


def test_own_background_rows_go_through_the_steps():
    model = make_pipeline(SequenceWise(StandardScaler()), LSTMRegressor(**SMALL))
    model.fit(SEQUENCES, Y)
    own = SEQUENCES[10:22].reshape(4, 3, 5, 3)
    e = explain_shap(model, SEQUENCES[:4], background=own)
    alone = explain_shap(model, SEQUENCES[1:2], background=own[1])
    np.testing.assert_allclose(e.values[1], alone.values[0], rtol=1e-5, atol=1e-7)


def test_missing_steps_that_are_imputed_are_real():
    X = SEQUENCES[:4].copy()
    X[0, 2] = np.nan
    X[1, 3:] = np.nan
    X[2, 0, 1] = np.nan
    X[3, :2] = np.nan
    model = make_pipeline(
        SequenceWise(make_pipeline(SimpleImputer(), MinMaxScaler())), LSTMRegressor(**SMALL)
    ).fit(SEQUENCES, Y)
    e = explain_shap(model, X, background=SEQUENCES[10:30])
    same_values(
        e,
        explain_shap(
            model[-1], model[0].transform(X), background=model[0].transform(SEQUENCES[10:30])
        ),
    )
    assert e.lengths.tolist() == [5, 3, 5, 3]
    assert e.values[0, 2].all()
    np.testing.assert_array_equal(e.data, X)


def test_columns_that_are_moved_dropped_and_used_twice():
    columns = ColumnTransformer(
        [
            ("scale", StandardScaler(), ["col4", "col1"]),
            ("first", "passthrough", slice("col0", "col0")),
            ("again", make_pipeline(SimpleImputer(), MinMaxScaler()), [4]),
        ]
    )
    X, background = TABLE[:6], TABLE[10:30]
    model = make_pipeline(columns, LSTMRegressor(n_timesteps=2, **SMALL)).fit(TABLE, Y)
    e = explain_shap(model, X, background=background, method="deep")
    cells = [columns_.transform(part) for columns_ in [model[0]] for part in (X, background)]
    plain = explain_shap(model[-1], cells[0], background=cells[1], method="deep").values
    expected = np.zeros((6, 6))
    expected[:, 4] = plain[:, 0] + plain[:, 3]
    expected[:, 1] = plain[:, 1]
    expected[:, 0] = plain[:, 2]
    np.testing.assert_allclose(e.values, expected, rtol=1e-6)
    adds_up(e, model.predict(X))

    def value(row, present):
        hybrids = background.copy()
        hybrids[[COLUMNS[i] for i in present]] = X.iloc[row][[COLUMNS[i] for i in present]].values
        return model.predict(hybrids).mean()

    exact = explain_shap(model, X[:1], background=background, method="exact")
    by_definition = brute_force(lambda present: value(0, sorted(present)), 5)
    np.testing.assert_allclose(exact.values[0, :5], by_definition, atol=1e-6)
    for level in ("timestep", 2, {"a": slice(0, 1), "b": slice(1, None)}):
        with pytest.raises(ValueError, match="groups of columns here: a step moves columns"):
            explain_shap(model, X, background=background, level=level)
    groups = {"twice": "col4", "rest": [0, 1, "col2", "col3", "col5"]}
    grouped = explain_shap(model, X, background=background, level=groups, method="deep")
    np.testing.assert_allclose(grouped.values[:, 0], expected[:, 4], rtol=1e-6)


def test_columns_are_found_by_name_where_the_step_finds_them():
    columns = ColumnTransformer([("scale", StandardScaler(), ["col4", "col1", "col3"])])
    model = make_pipeline(columns, LSTMRegressor(**SMALL)).fit(TABLE, Y)
    e = explain_shap(model, TABLE[:6], background=TABLE[10:])
    other = TABLE[["col3", "col0", "col4", "col1"]].assign(extra="?")
    moved = explain_shap(model, other[:6], background=other[10:])
    adds_up(moved, model.predict(TABLE[:6]))
    assert moved.feature_names == tuple(other.columns)
    np.testing.assert_array_equal(moved.values[:, [0, 2, 3]], e.values[:, [3, 4, 1]])
    assert not moved.values[:, [1, 4]].any()


def test_selection_log_and_arrays_with_remembered_names():
    X = TABLE.abs() + 1
    model = Pipeline(
        [
            ("log", FunctionTransformer(np.log1p)),
            (
                "inner",
                Pipeline([("best", SelectKBest(f_regression, k=4)), ("scale", RobustScaler())]),
            ),
            ("lstm", LSTMRegressor(**SMALL)),
        ]
    ).fit(X, Y)
    e = explain_shap(model, X[:5], background=X[20:])
    adds_up(e, model.predict(X[:5]))
    kept = model["inner"]["best"].get_support()
    assert e.values[:, kept].all()
    assert not e.values[:, ~kept].any()
    assert e.feature_names == tuple(COLUMNS)
    bare = make_pipeline(StandardScaler(), LSTMRegressor(**SMALL)).fit(X.to_numpy(), Y)
    e = explain_shap(bare, X[:5].to_numpy(), background=X[20:].to_numpy())
    assert e.feature_names == ("x0", "x1", "x2", "x3", "x4", "x5")
    same_values(e, explain_shap(bare, X[:5].to_numpy().tolist(), background=X[20:].to_numpy()))


ONE_TO_ONE = [
    Binarizer(threshold=2.5),
    MaxAbsScaler(),
    MinMaxScaler(),
    PowerTransformer(),
    QuantileTransformer(n_quantiles=20),
    RobustScaler(),
    StandardScaler(),
    SimpleImputer(),
    FunctionTransformer(),
    FunctionTransformer(np.cbrt),
    VarianceThreshold(27.0),
    SelectKBest(k=3),
    make_pipeline("passthrough", VarianceThreshold(27.0), StandardScaler()),
    ColumnTransformer([("a", StandardScaler(), [4, 2])], remainder="passthrough"),
    ColumnTransformer([("a", "drop", [1]), ("b", SelectKBest(k=1), slice(2, 5))]),
    ColumnTransformer(
        [
            ("a", "passthrough", [False, True, False, False, False, True]),
            ("b", RobustScaler(), [-1]),
        ]
    ),
]


@pytest.mark.parametrize("step", ONE_TO_ONE, ids=range(len(ONE_TO_ONE)))
def test_a_one_to_one_step_is_one(step):
    X = TABLE.to_numpy()
    step = copy.deepcopy(step).fit(X, LABELS)
    places = _places(step, 6)
    before = step.transform(X)
    assert len(places) == before.shape[1]
    for column in range(6):
        changed = X.copy()
        changed[:, column] += 4.0
        differs = (step.transform(changed) != before).any(axis=0)
        assert differs.tolist() == (places == column).tolist()


class Doubled(StandardScaler):
    def transform(self, X):
        return np.roll(super().transform(X), 1, axis=1)


@pytest.mark.parametrize(
    "step",
    [
        PCA(2),
        Normalizer(),
        SplineTransformer(),
        PolynomialFeatures(1),
        SimpleImputer(add_indicator=True),
        FunctionTransformer(np.cumsum),
        FunctionTransformer(np.flip),
        Doubled(),
        make_pipeline(StandardScaler(), PCA(2)),
        ColumnTransformer([("a", StandardScaler(), [0]), ("b", PCA(1), [1, 2])]),
        ColumnTransformer([("a", "passthrough", [0]), ("b", OneHotEncoder(), [1])]),
    ],
    ids=range(11),
)
def test_other_steps_are_not_taken_for_one_to_one(step):
    X = np.where(TABLE > 6, np.nan, TABLE) if isinstance(step, SimpleImputer) else TABLE.to_numpy()
    assert _places(copy.deepcopy(step).fit(X), 6) is None


def test_an_imputer_that_drops_a_column_is_not_one_to_one():
    X = TABLE.to_numpy().copy()
    X[:, 3] = np.nan
    assert _places(SimpleImputer().fit(X), 6) is None
    assert _places(SimpleImputer(keep_empty_features=True).fit(X), 6) is not None


# Windows


def test_windows_in_the_users_columns():
    model, frame = windowed(), hours()
    kept = frame.copy(), frame.iloc[:40].copy()
    e = explain_shap(model, frame, background=frame.iloc[:40])
    pd.testing.assert_frame_equal(frame, kept[0])
    assert e.values.shape == (60, 4, 3)
    assert e.feature_names == ("wind", "note", "temp")
    adds_up(e, model.predict(frame))
    windows, background = (model[:-1].transform(part) for part in (frame, frame.iloc[:40]))
    plain = explain_shap(model[-1], windows, background=background)
    np.testing.assert_allclose(e.values[:, :, [2, 0]], plain.values, rtol=1e-6, atol=1e-9)
    assert not e.values[:, :, 1].any()
    np.testing.assert_array_equal(e.lengths, windows.lengths)
    assert e.lengths.min() == 1
    # Row 21 is the southern site, whose rows are the odd ones.
    np.testing.assert_array_equal(e.data[21, :, 2], frame["temp"][15:22:2])
    assert np.isnan(e.data[21, :, 1]).all()
    assert not e.values[0, :3].any()


@pytest.mark.parametrize(
    "level", ["feature", "timestep", {"air": ["wind", "temp"], "text": "note"}]
)
def test_levels_of_windows(level):
    model, frame = windowed(), hours()
    e = explain_shap(model, frame[40:], background=frame[:40], level=level)
    adds_up(e, model.predict(frame[40:]))
    if level == "feature":
        assert e.player_names == ("wind", "note", "temp")
        assert not e.values[:, 1].any()
        assert e.values[:, [0, 2]].all()


def by_table_slowly(e, members):
    """Sum over the windows of rows of one site without a hole between them."""
    total = np.zeros((len(e), *e.values.shape[2:]))
    for window, rows in enumerate(members):
        for step, row in enumerate(rows, start=4 - len(rows)):
            total[row] += e.values[window, step]
    return total


def test_by_table_sums_a_row_over_its_windows():
    model, frame = windowed(), hours()
    e = explain_shap(model, frame, background=frame[:40])
    members = []
    for row in range(60):
        # The northern site has a hole between rows 28 and 30.
        first = row % 2 if row % 2 or row < 30 else 30
        members.append([r for r in range(row - 6, row + 1, 2) if r >= first])
    assert [len(rows) for rows in members] == e.lengths.tolist()
    table = e.by("table")
    np.testing.assert_allclose(table.values, by_table_slowly(e, members), rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(table.data, e.data[:, -1])
    assert table.feature_names == ("wind", "note", "temp")
    assert np.isnan(table.base_values).all()
    assert np.isnan(table.additivity_gap).all()
    assert table.derivation == ("windows summed by row of the table",)
    assert "windows summed by row" in repr(table)
    assert len(table.to_frame()) == 180


def test_by_table_of_some_windows_several_outputs_and_a_file(tmp_path):
    frame = hours(40)[["wind", "temp"]]
    y = np.stack([frame["wind"], frame["temp"]], axis=1)
    model = make_pipeline(SlidingWindow(3), LSTMRegressor(**SMALL)).fit(frame, y)
    e = explain_shap(model, frame, background=frame)
    assert e.by("table").values.shape == (40, 2, 2)
    some = e[10:14].by("table")
    np.testing.assert_allclose(
        some.values[1], e.values[11, 2] + e.values[12, 1] + e.values[13, 0], rtol=1e-9
    )
    np.testing.assert_allclose(some.values[3], e.values[13, 2], rtol=1e-9)
    first = e.values[10, 2] + e.values[11, 1] + e.values[12, 0]
    np.testing.assert_allclose(some.values[0], first, rtol=1e-9)
    e.save(tmp_path / "e.npz")
    loaded = Explanation.load(tmp_path / "e.npz")
    np.testing.assert_array_equal(loaded.by("table").values, e.by("table").values)
    np.testing.assert_array_equal(
        e.output("1").abs().by("table").values, e.abs().by("table").values[..., 1]
    )
    for wrong in (e.by("feature"), e.abs().mean(), e.by("table")):
        with pytest.raises(ValueError, match=r"by\('table'\) sums the cells of windows"):
            wrong.by("table")
    plain = explain_shap(
        model[-1], np.asarray(model[0].transform(frame)), background=SEQUENCES[:, :3, :2]
    )
    with pytest.raises(ValueError, match="not of such windows"):
        plain.by("table")
    direct = explain_shap(
        model[-1], model[0].transform(frame), background=model[0].transform(frame)
    )
    np.testing.assert_allclose(direct.by("table").values, e.by("table").values, rtol=1e-6)


def test_a_group_may_be_a_feature_too():
    X = hours()[["wind", "temp"]].assign(site=[0, 1] * 30).to_numpy()
    twice = ColumnTransformer([("all", "passthrough", [0, 1, 2]), ("again", "passthrough", [2])])
    model = make_pipeline(twice, SlidingWindow(3, groups=3), LSTMRegressor(**SMALL)).fit(X, Y)
    e = explain_shap(model, X[:6], background=X)
    assert e.feature_names == ("x0", "x1", "x2")
    adds_up(e, model.predict(X[:6]))
    assert e.values[4:, :, 2].any()


def test_windows_that_reach_back_into_the_rows_of_fit():
    frame = hours()[["wind", "temp"]].set_axis(pd.date_range("2024", periods=60, freq="h"))
    for steps in ([], [StandardScaler().set_output(transform="pandas")]):
        model = make_pipeline(*steps, SlidingWindow(4), LSTMRegressor(**SMALL))
        model.fit(frame[:40], frame["temp"][:40])
        e = explain_shap(model, frame[40:], background=frame[:40])
        adds_up(e, model.predict(frame[40:]))
        assert e.lengths is None
        expected = frame.to_numpy()[37:41].copy()
        if steps:  # what the scaler read is not known any more
            expected[:3] = np.nan
        np.testing.assert_array_equal(e.data[0], expected)
        table = e.by("table")
        np.testing.assert_allclose(table.values[0], sum(e.values[k, 3 - k] for k in range(4)))


def test_missing_rows_that_are_imputed_in_front_of_windows():
    frame = hours()[["wind", "temp"]]
    frame.loc[[0, 1, 7], :] = np.nan
    model = make_pipeline(SimpleImputer(), SlidingWindow(4), LSTMRegressor(**SMALL))
    model.fit(frame, Y)
    e = explain_shap(model, frame, background=frame)
    assert e.lengths[:5].tolist() == [1, 2, 3, 4, 4]
    adds_up(e, model.predict(frame))
    assert len(e.to_frame()) == 2 * e.lengths.sum()


def test_a_search_over_a_pipeline_of_windows():
    frame = hours()[["wind", "temp"]]
    model = make_pipeline(
        SlidingWindow(3),
        SequenceWise(StandardScaler()),
        LSTMRegressor(loss="quantile", quantiles=(0.1, 0.5, 0.9), **SMALL),
    )
    search = GridSearchCV(model, {"lstmregressor__hidden_size": [2]}, cv=2).fit(frame, Y)
    options = {
        "background": frame,
        "level": "feature",
        "response_method": "predict_quantiles",
        "target": np.array([-1.0, 0.0, 1.0]),
    }
    e = explain_shap(search, frame[:9], **options)
    best = search.best_estimator_
    quantiles = best[-1].predict_quantiles(best[:-1].transform(frame[:9]))
    np.testing.assert_allclose(e.output_values, quantiles[:, 2] - quantiles[:, 0], rtol=1e-6)
    assert e.additivity_gap.max() < 1e-5
    assert e.player_names == ("wind", "temp")
    same_values(e, explain_shap(best, frame[:9], **options))
    inner = make_pipeline(StandardScaler(), GridSearchCV(LSTMRegressor(**SMALL), {}, cv=2)).fit(
        TABLE, Y
    )
    adds_up(explain_shap(inner, TABLE[:3], background=TABLE[9:]), inner.predict(TABLE[:3]))


def test_sequence_outputs_of_windows():
    frame = hours()[["wind", "temp"]]
    y = np.asarray(SlidingWindow(3).fit_transform(frame))[:, :, 0]
    y[np.isnan(y)] = 0.0
    model = make_pipeline(SlidingWindow(3), LSTMRegressor(return_sequences=True, **SMALL))
    model.fit(frame, y)
    e = explain_shap(model, frame[:6], background=frame)
    assert e.values.shape == (6, 3, 2, 3)
    assert_same_numbers(e.output_values, model.predict(frame[:6]))
    assert np.nanmax(e.additivity_gap) < 1e-5


@pytest.mark.parametrize("X", [TABLE, SEQUENCES], ids=["table", "windows"])
def test_rows_that_were_kept_are_the_background(X):
    step = StandardScaler().set_output(transform="pandas")
    if X is SEQUENCES:
        X, step = hours()[["wind", "temp"]], SlidingWindow(3)
    model = make_pipeline(step, LSTMRegressor(keep_background=10_000, **SMALL)).fit(X, Y)
    e = explain_shap(model, X[:8])
    adds_up(e, model.predict(X[:8]))
    same_values(e, explain_shap(model, X[:8], background=X))
    np.testing.assert_array_equal(e.data[:, -1], X.iloc[:8] if e.data.ndim == 3 else X["col5"][:8])


# Symbols


def test_symbols_have_one_value_each():
    texts = ["ACGT", "GGTA", "AAAC", "TTT", "CCNA", "GATC"] * 5
    labels = [text.count("A") > 1 for text in texts]
    encoder = SequenceOneHotEncoder("ACGT", handle_unknown="uniform")
    model = make_pipeline(encoder, LSTMClassifier(**SMALL)).fit(texts, labels)
    e = explain_shap(model, ["TAC", "NG"], background=texts, method="deep")
    one_hot, background = encoder.transform(["TAC", "NG"]), encoder.transform(texts)
    plain = explain_shap(model[-1], one_hot, background=background, method="deep")
    np.testing.assert_allclose(e.values, plain.values.sum(axis=2, keepdims=True), atol=1e-7)
    np.testing.assert_array_equal(e.data[:, :, 0], [[3, 0, 1], [4, 2, np.nan]])
    assert e.feature_names == ("symbol",)
    frame = pd.DataFrame({"promoter": ["TAC", "NG"]})
    assert explain_shap(model, frame, background=texts).feature_names == ("promoter",)
    assert explain_shap(model, frame["promoter"], background=texts).feature_names == ("promoter",)


def test_tokens_have_one_value_each():
    texts = ["a good film", "bad bad film", "good", "a bad one"] * 5
    model = make_pipeline(SequenceTokenizer(), LSTMClassifier(embedding_size=3, **SMALL))
    model.fit(texts, [1, 0, 1, 0] * 5)
    e = explain_shap(model, ["good film", "bad"], background=texts)
    assert e.values.shape == (2, 2, 1)
    codes = model[0].vocabulary_
    np.testing.assert_array_equal(
        e.data[:, :, 0], [[codes["good"], codes["film"]], [codes["bad"], np.nan]]
    )
    adds_up(e, model.decision_function(["good film", "bad"]))
    assert e.lengths.tolist() == [2, 1]


# Models as a whole


@pytest.mark.parametrize("level", ["cell", {"place": ["city", "kind"], "air": [1, "wind"]}])
def test_a_mixing_step_by_the_definition(level):
    model, X, background = mixing(), MIXED[:3], MIXED[10:18]
    groups = list(level.values()) if isinstance(level, dict) else [[i] for i in range(4)]
    groups = [[MIXED.columns.get_loc(m) if isinstance(m, str) else m for m in g] for g in groups]
    kept = X.copy(), background.copy()
    e = explain_shap(model, X, background=background, level=level, response_method="predict_proba")
    assert e.method == "exact (model-agnostic)"
    assert e.output_names == ("high", "low", "mid")
    adds_up(e, model.predict_proba(X))
    for row in range(3):

        def value(present, row=row):
            hybrids = background.copy()
            for player in present:
                for column in groups[player]:
                    name = MIXED.columns[column]
                    hybrids[name] = [X.iloc[row][name]] * len(background)
            return model.predict_proba(hybrids).mean(axis=0)

        np.testing.assert_allclose(e.values[row], brute_force(value, len(groups)), atol=1e-6)
        np.testing.assert_allclose(e.base_values[row], value([]), rtol=1e-6)
    pd.testing.assert_frame_equal(X, kept[0])
    pd.testing.assert_frame_equal(background, kept[1])
    assert np.isnan(e.data[:, [0, 2]]).all()
    np.testing.assert_array_equal(e.data[:, [1, 3]], X[["temp", "wind"]])
    assert e.feature_names == tuple(MIXED.columns)


def test_polars_and_objects_are_explained_like_pandas():
    frame = MIXED[["city", "temp", "wind"]]
    columns = ColumnTransformer(
        [("city", OneHotEncoder(sparse_output=False), [0]), ("pca", PCA(1), [1, 2])]
    )
    explanations = []
    for X in (frame, pl.from_pandas(frame.astype({"city": object})), frame.to_numpy(object)):
        model = make_pipeline(columns, LSTMRegressor(**SMALL)).fit(X, Y)
        before = copy.deepcopy(X)
        explanations.append(explain_shap(model, X[:4], background=X[20:30]))
        assert (before == X).to_numpy().all() if hasattr(X, "to_numpy") else (before == X).all()
    for other in explanations[1:]:
        same_values(explanations[0], other)
    assert explanations[1].feature_names == ("city", "temp", "wind")


@pytest.mark.parametrize("X", [SEQUENCES, RAGGED], ids=["3-D", "ragged"])
def test_a_mixing_step_on_sequences(X):
    model = make_pipeline(
        SequenceWise(StandardScaler()), SequenceWise(PCA(2)), LSTMRegressor(**SMALL)
    ).fit(X, Y)
    e = explain_shap(model, X[:3], background=SEQUENCES[20:26], level="timestep")
    assert e.method == "exact (model-agnostic)"
    adds_up(e, model.predict(X[:3]))
    length = len(X[0])

    def value(present):
        hybrids = SEQUENCES[20:26, :length].copy()
        hybrids[:, sorted(present)] = X[0][sorted(present)]
        return model.predict(hybrids).mean()

    np.testing.assert_allclose(e.values[0, :length], brute_force(value, length), atol=1e-6)
    assert not e.values[0, length:].any()
    np.testing.assert_array_equal(e.data[0, :length], X[0])


class Flat(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return np.nan_to_num(np.asarray(X)).reshape(len(X), -1)


def test_windows_in_front_of_a_linear_model():
    frame = hours()[["wind", "temp"]]
    model = make_pipeline(SlidingWindow(3), Flat(), LinearRegression()).fit(frame, Y)
    e = explain_shap(model, frame[:6], background=frame[20:])
    adds_up(e, model.predict(frame[:6]))
    coef = model[-1].coef_.reshape(3, 2)
    windows = np.asarray(model[0].transform(frame[20:]))[2:]
    np.testing.assert_allclose(e.values[4], (e.data[4] - windows.mean(axis=0)) * coef, atol=1e-9)
    # A short window is compared with the first real steps of the others, at its own place.
    firsts = np.concatenate([windows[:, 0], frame[20:21], frame[20:21]])
    expected = (e.data[0, 2] - firsts.mean(axis=0)) * coef[2]
    np.testing.assert_allclose(e.values[0], [[0, 0], [0, 0], expected], atol=1e-9)


class Counted(LinearRegression):
    n_rows = 0

    def predict(self, X):
        type(self).n_rows += len(X)
        return super().predict(X)


@pytest.mark.parametrize("kind", ["floats", "objects", "frame"])
def test_equal_cells_are_not_evaluated(kind):
    X = {"floats": TABLE.to_numpy(), "objects": TABLE.to_numpy(object), "frame": TABLE}[kind]
    model = make_pipeline(PolynomialFeatures(2), Counted()).fit(X, Y)
    near = X[:1].copy()
    if kind == "frame":
        near.iloc[0, 3:5] = [1.0, 2.0]
    else:
        near[0, 3:5] = [1.0, 2.0]
    Counted.n_rows = 0
    e = explain_shap(model, near, background=X[:1])
    assert Counted.n_rows < 10  # of 64
    assert (e.values != 0).tolist() == [[False, False, False, True, True, False]]


def test_an_order_and_its_reverse_are_exact_for_pairs_of_players():
    model = make_pipeline(PolynomialFeatures(2), LinearRegression()).fit(TABLE, Y * TABLE["col1"])
    options = {"background": TABLE[10:20], "budget": 1}
    sampled, exact = (
        explain_shap(model, TABLE[:4], **options, method=method)
        for method in ("permutation", "exact")
    )
    np.testing.assert_allclose(sampled.values, exact.values, atol=1e-9)
    assert sampled.standard_error.max() < 1e-6


def test_a_list_of_frames_stays_one():
    X = [pd.DataFrame(row, columns=["u", "v", "w"]) for row in RAGGED]
    pca = ColumnTransformer([("pca", PCA(1), ["w", "u"])])
    model = make_pipeline(SequenceWise(pca), LSTMRegressor(**SMALL)).fit(X, Y)
    e = explain_shap(model, X[:3], background=X[10:], level="feature")
    adds_up(e, model.predict(X[:3]))
    assert e.feature_names == ("u", "v", "w")
    assert not e.values[:, 1].any()


def test_a_mixing_step_behind_windows():
    frame = hours()[["wind", "temp"]]
    model = make_pipeline(SlidingWindow(3), SequenceWise(PCA(1)), LSTMRegressor(**SMALL))
    model.fit(frame, Y)
    e = explain_shap(model, frame[:6], background=frame)
    assert e.method == "exact (model-agnostic)"
    adds_up(e, model.predict(frame[:6]))
    assert e.lengths.tolist() == [1, 2, 3, 3, 3, 3]
    assert e.by("table").values.shape == (6, 2)


def test_permutations_are_near_exact_and_say_how_near():
    model = mixing()
    options = {"background": MIXED[10:20]}
    exact = explain_shap(model, MIXED[:8], **options, method="exact")
    errors = []
    for seed in range(5):
        e = explain_shap(
            model, MIXED[:8], **options, method="permutation", tolerance=1e-9, random_state=seed
        )
        assert e.method == "permutation (model-agnostic)"
        adds_up(e, model.decision_function(MIXED[:8]))
        errors.append((e.values - exact.values) / np.maximum(e.standard_error, 1e-12))
    assert 0.7 < np.sqrt(np.mean(np.square(errors))) < 1.5
    rough = explain_shap(
        model, MIXED[:8], **options, method="permutation", tolerance=10.0, random_state=4
    )
    assert rough.standard_error.mean() > 1.3 * e.standard_error.mean()
    capped = explain_shap(
        model, MIXED[:8], **options, method="permutation", tolerance=1e-9, budget=1, random_state=4
    )
    np.testing.assert_array_equal(capped.values, rough.values)


def test_many_players_are_sampled_and_rows_are_explained_apart():
    model = make_pipeline(SequenceWise(PCA(2)), LSTMRegressor(**SMALL)).fit(SEQUENCES, Y)
    options = {"background": SEQUENCES[20:30], "random_state": 3}
    e = explain_shap(model, SEQUENCES[:3], **options)
    assert e.method == "permutation (model-agnostic)"
    adds_up(e, model.predict(SEQUENCES[:3]))
    alone = explain_shap(model, SEQUENCES[2:3], **options)
    np.testing.assert_allclose(alone.values[0], e.values[2], rtol=1e-6, atol=1e-8)
    jobs = explain_shap(model, SEQUENCES[:3], **options, n_jobs=2)
    np.testing.assert_array_equal(jobs.values, e.values)
    state = np.random.get_state()[1].copy()
    other = explain_shap(model, SEQUENCES[:3], background=SEQUENCES[20:30])
    assert not np.array_equal(other.values, e.values)
    assert np.array_equal(state, np.random.get_state()[1])


def test_models_without_an_lstm():
    forest = RandomForestClassifier(5, random_state=0).fit(TABLE, LABELS)
    e = explain_shap(forest, TABLE[:3], background=TABLE[10:30], target="mid")
    assert e.response_method == "predict_proba"
    np.testing.assert_array_equal(e.output_values, forest.predict_proba(TABLE[:3])[:, 2])
    linear = make_pipeline(StandardScaler(), LogisticRegression()).fit(TABLE, LABELS == "low")
    e = explain_shap(linear, TABLE[:3], background=TABLE[10:30])
    scaled = linear[0].transform(TABLE)
    np.testing.assert_allclose(
        e.values, (scaled[:3] - scaled[10:30].mean(axis=0)) * linear[1].coef_[0], rtol=1e-9
    )
    assert e.output_names == ("True",)
    target = TransformedTargetRegressor(LSTMRegressor(**SMALL), transformer=StandardScaler())
    model = make_pipeline(StandardScaler(), target).fit(TABLE, Y)
    adds_up(explain_shap(model, TABLE[:3], background=TABLE[10:30]), model.predict(TABLE[:3]))


def test_the_explainers_of_shap_explain_any_model():
    forest = RandomForestClassifier(5, random_state=0).fit(TABLE, LABELS)
    options = {"background": TABLE[10:30], "random_state": 0}
    truth = explain_shap(forest, TABLE[:3], **options, method="exact")
    kernel = explain_shap(forest, TABLE[:3], **options, method="kernel", budget=10**6)
    assert kernel.method == "kernel (model-agnostic)"
    np.testing.assert_allclose(kernel.values, truth.values, atol=1e-8)
    # Owen values of two groups are their Shapley values; of more, another sharing of one sum.
    groups = {"first": [0, 2], "others": [i for i in range(TABLE.shape[1]) if i not in (0, 2)]}
    truth = explain_shap(forest, TABLE[:3], **options, method="exact", level=groups)
    partition = explain_shap(forest, TABLE[:3], **options, method="partition", level=groups)
    np.testing.assert_allclose(partition.values, truth.values, atol=1e-8)
    adds_up(explain_shap(forest, TABLE[:3], **options, method="partition"), truth.output_values)


def test_outputs_are_chosen_and_ordered():
    model, options = mixing(), {"background": MIXED[10:20], "response_method": "predict_proba"}
    all_three = explain_shap(model, MIXED[:2], **options)
    chosen = explain_shap(model, MIXED[:2], **options, target=["mid", "low", "high"])
    assert chosen.output_names == ("mid", "low", "high")
    np.testing.assert_array_equal(chosen.output_values, all_three.output_values[:, [2, 1, 0]])
    np.testing.assert_allclose(chosen.values, all_three.values[..., [2, 1, 0]])
    regressor = mixing(classifier=False)
    half = explain_shap(regressor, MIXED[:2], background=MIXED[10:20], target=np.array([0.5]))
    np.testing.assert_allclose(half.output_values, regressor.predict(MIXED[:2]) / 2)


# Bad input


def plain():
    return make_pipeline(StandardScaler(), LSTMRegressor(**SMALL)).fit(TABLE, Y)


def without_refit():
    return GridSearchCV(LSTMRegressor(**SMALL), {}, cv=2, refit=False).fit(TABLE, Y)


def per_step():
    model = make_pipeline(SequenceWise(PCA(2)), LSTMRegressor(return_sequences=True, **SMALL))
    return model.fit(SEQUENCES, SEQUENCES[:, :, 0])


def two_targets():
    return MultiOutputClassifier(LogisticRegression()).fit(TABLE, np.stack([Y > 0, Y > 1], axis=1))


def pca_windows():
    return make_pipeline(PCA(2), SlidingWindow(3), LSTMRegressor(**SMALL)).fit(TABLE, Y)


def bagged_windows():
    return BaggingRegressor(
        make_pipeline(SlidingWindow(3), LSTMRegressor(**SMALL)), 2, random_state=0
    ).fit(TABLE, Y)


class Words(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return np.array([[len(text), text.count("a")] for text in X], dtype=float)


def texts():
    return make_pipeline(Words(), LSTMRegressor(**SMALL)).fit(["a", "ab", "caa", "b"], [0, 1, 2, 3])


@pytest.mark.parametrize(
    "make, X, options, match",
    [
        (plain, TABLE, {}, "The 'background' parameter is required"),
        (mixing, MIXED, {}, "The 'background' parameter is required"),
        (
            plain,
            TABLE,
            {"background": TABLE[COLUMNS[:3]]},
            "'background' parameter: The feature na",
        ),
        (plain, TABLE[COLUMNS[:3]], {"background": TABLE}, "The feature names should match"),
        (plain, TABLE[COLUMNS[::-1]], {"background": TABLE}, "The feature names should match"),
        (plain, TABLE, {"background": TABLE, "level": "feature"}, "X is 2-D and univariate"),
        (
            mixing,
            MIXED,
            {"background": MIXED[["city"]]},
            "must be a table like X. X is a DataFrame",
        ),
        (
            mixing,
            MIXED,
            {"background": MIXED.to_numpy()},
            r"array with 4 columns\. Make it one too, with",
        ),
        (
            mixing,
            MIXED,
            {"background": MIXED, "method": "deep"},
            r"ColumnTransformer \(step 'column",
        ),
        (
            mixing,
            MIXED,
            {"background": MIXED, "level": "timestep"},
            "mixes columns, so the columns",
        ),
        (mixing, MIXED, {"background": MIXED, "target": "none"}, "The 'target' parameter must be"),
        (
            mixing,
            MIXED,
            {"background": MIXED, "response_method": "predict"},
            "labels are no numbers",
        ),
        (
            per_step,
            SEQUENCES,
            {"background": SEQUENCES},
            "not possible with an output for each time step",
        ),
        (pca_windows, TABLE, {"background": TABLE}, r"PCA \(step 'pca'\) is not a one-to-one step"),
        (bagged_windows, TABLE, {"background": TABLE}, "BaggingRegressor is not a one-to-one step"),
        (without_refit, TABLE, {"background": TABLE}, "no best_estimator_ to explain"),
        (two_targets, TABLE, {"background": TABLE}, "must return an array of numbers"),
        (texts, ["a", "ba"], {"background": ["a", "b"]}, "list of sequences. Got texts"),
    ],
)
def test_bad_input_is_named(make, X, options, match):
    with pytest.raises(ValueError, match=match):
        explain_shap(make(), X, **options)


def test_the_net_of_an_estimator_is_no_model():
    net = LSTMRegressor(**SMALL).fit(SEQUENCES, Y).net_
    for call in net.predict, lambda X: explain_shap(net, X, background=X):
        with pytest.raises(TypeError, match=r"Pass the estimator itself as the model"):
            call(SEQUENCES)


def test_a_model_that_scikit_learn_does_not_know_is_refused():
    class Own:
        def fit(self, X, y):
            return self

        def predict(self, X):
            return np.zeros(len(X))

    with pytest.raises(ValueError, match=r"'model' parameter .* inherit from sklearn.base.BaseEst"):
        explain_shap(Own(), TABLE, background=TABLE)


@pytest.mark.parametrize("frozen", [FrozenEstimator, lambda m: make_pipeline(FrozenEstimator(m))])
def test_a_frozen_pipeline_is_explained_as_the_pipeline(frozen):
    model = make_pipeline(SequenceWise(StandardScaler()), LSTMRegressor(**SMALL)).fit(SEQUENCES, Y)
    X, options = SEQUENCES[:3], {"background": SEQUENCES[10:20], "random_state": 0}
    expected = explain_shap(model, X, **options)
    found = explain_shap(frozen(model), X, **options)
    assert_same_numbers(found.values, expected.values)


def test_other_bad_input_is_named():
    with pytest.raises(NotFittedError):
        explain_shap(make_pipeline(StandardScaler(), LSTMRegressor()), TABLE, background=TABLE)
    model = make_pipeline(SequenceWise(PCA(2)), LSTMRegressor(**SMALL)).fit(SEQUENCES, Y)
    with pytest.raises(
        ValueError, match=r"evaluates all coalitions of at most 16 players\. Got 20"
    ):
        X = np.concatenate([SEQUENCES] * 2, axis=2)[:, :4, :5]
        wide = make_pipeline(SequenceWise(PCA(2)), LSTMRegressor(**SMALL)).fit(X, Y)
        explain_shap(wide, X, background=X, method="exact")
    with pytest.raises(ValueError, match=r"must have the 3 features of X\. Got 2"):
        explain_shap(model, SEQUENCES, background=SEQUENCES[:, :, :2])
    with pytest.raises(ValueError, match="one of \\('predict',\\) for Trans"):
        target = TransformedTargetRegressor(LSTMRegressor(**SMALL)).fit(TABLE, Y)
        explain_shap(target, TABLE, background=TABLE, response_method="predict_proba")
    with pytest.raises(ValueError, match="every row of the background is shorter"):
        explain_shap(model, SEQUENCES, background=SEQUENCES[:, :3])


@pytest.mark.parametrize("shape", [(1, 4), (5, 2), (3, 3)])
def test_a_function_of_sequences_reads_their_features(shape):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, *shape))
    y = X[:, -1, 0] - X[:, 0, 1]
    lstm = LSTMRegressor(hidden_size=4, max_epochs=3, random_state=0)
    model = make_pipeline(FunctionTransformer(np.arctan), lstm).fit(X, y)
    e = explain_shap(model, X[:3], background=X[10:20], method="deep")
    own = model[-1].explain_shap(np.arctan(X[:3]), background=np.arctan(X[10:20]), method="deep")
    np.testing.assert_array_equal(e.values, own.values)
    np.testing.assert_array_equal(e.data, X[:3])


def test_members_of_an_ensemble_may_be_forests():
    table = RNG.normal(size=(30, 3))
    members = [("line", LinearRegression()), ("forest", RandomForestRegressor(3, random_state=0))]
    model = VotingRegressor(members).fit(table, table[:, 0])
    e = explain_shap(model, table[:2], background=table[5:])
    np.testing.assert_allclose(e.base_values + e.values.sum(axis=1), model.predict(table[:2]))
