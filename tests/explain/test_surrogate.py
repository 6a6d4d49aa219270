"""explain_surrogate on models of known truth, real containers and bad input."""

import pickle
import re

import numpy as np
import pandas as pd
import pytest
import torch
from plain import PLAIN
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.datasets import load_japanese_vowels
from sklstm.explain import explain_surrogate
from sklstm.preprocessing import SequenceOneHotEncoder, SequenceTokenizer, SlidingWindow

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 5, 3))
RAGGED = [row[:k] for row, k in zip(X, RNG.integers(3, 6, 120), strict=True)]
PADDED = np.stack([np.r_[np.full((5 - len(row), 3), np.nan), row] for row in RAGGED])
LABELS = np.array(["low", "mid", "high"])[np.digitize(X[:, -1, 1], [-0.5, 0.5])]
SMALL = {**PLAIN, "hidden_size": 4, "max_epochs": 3, "random_state": 0}
KINDS = ("tree", "linear", "forest")


class Known(RegressorMixin, BaseEstimator):
    """A model that is a known function of the rows of X."""

    def __init__(self, function):
        self.function = function

    def fit(self, X, y=None):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def predict(self, X):
        return np.array([self.function(np.asarray(row)) for row in X])


class KnownLabels(ClassifierMixin, Known):
    """The same with labels."""


def first_rule(surrogate):
    return surrogate.rules.splitlines()[0]


# Known truth


def test_a_network_that_learned_the_last_value_gets_a_rule_on_it():
    x = [
        pd.DataFrame(row, columns=["wind", "temp", "rain"]) for row in RNG.normal(size=(250, 4, 3))
    ]
    y = np.array([4 * row["temp"].iloc[-1] for row in x])
    model = LSTMRegressor(hidden_size=8, random_state=0).fit(x, y)
    tree = model.explain_surrogate(x, random_state=0)
    assert first_rule(tree).startswith("|--- temp: last <= ")
    assert tree.fidelity > 0.7
    assert abs(tree.baseline) < 0.1
    linear = model.explain_surrogate(x, kind="linear", random_state=0)
    assert re.match(r" {4}\+[34]\.\d* × temp: last  ", linear.rules.splitlines()[1])
    forest = model.explain_surrogate(x, kind="forest", random_state=0)
    assert first_rule(forest).endswith("  temp: last")


def test_a_classifier_of_means_gets_a_rule_on_the_mean():
    x = RNG.normal(size=(250, 4, 3))
    y = np.where(x[:, :, 2].mean(axis=1) > 0.3, "wet", "dry")
    model = LSTMClassifier(hidden_size=8, random_state=0).fit(x, y)
    tree = model.explain_surrogate(x, max_depth=1, random_state=0)
    found = re.match(r"\|--- x2: mean <= ([\d.]+)\n\|   \|--- class: dry", tree.rules)
    assert float(found[1]) == pytest.approx(0.3, abs=0.1)
    assert tree.fidelity > 0.9 > tree.baseline > 0.5
    assert set(tree.model.predict(x)) == {"dry", "wet"}


def test_a_rule_is_found_as_it_is():
    model = Known(lambda row: 10.0 if row[-3, 1] > 0.25 else -10.0)
    tree = explain_surrogate(model, X, random_state=0)
    assert tree.fidelity == 1
    assert re.fullmatch(
        r"\|--- x1: 2 steps before the end <= 0\.\d+\n"
        r"\|   \|--- value: \[-10\.\d*\]\n"
        r"\|--- x1: 2 steps before the end >  0\.\d+\n"
        r"\|   \|--- value: \[10\.\d*\]\n",
        tree.rules,
    )


def test_a_linear_model_has_coefficients_in_units_of_x():
    x = X * [1, 100, 0.01] + [5, 0, 3]
    model = Known(lambda row: 7 + 3 * row[-1, 0] - 0.02 * row[:, 1].mean())
    linear = explain_surrogate(model, x, kind="linear", random_state=0)
    assert linear.fidelity > 0.99
    lines = linear.rules.splitlines()
    assert float(lines[0].removeprefix("output = ")) == pytest.approx(7, abs=0.5)
    found = dict(re.match(r" +([-+.\d]+) × (.+?)  \(", line).group(2, 1) for line in lines[1:3])
    assert list(found) == ["x0: last", "x1: mean"]
    assert float(found["x0: last"]) == pytest.approx(3, rel=0.05)
    assert float(found["x1: mean"]) == pytest.approx(-0.02, rel=0.1)
    assert lines[-1].endswith(" without")
    # The formula is what the model computes.
    expected = linear.model.predict(x)
    inputs = linear.model[0].transform(x)
    total = np.full(len(x), float(lines[0].removeprefix("output = ")))
    for line in lines[1:]:
        if part := re.match(r" +([-+.\de]+) × (.+?)  \(", line):
            total += float(part[1]) * inputs[:, linear.feature_names.index(part[2])]
    np.testing.assert_allclose(total, expected, atol=0.02)


def test_the_log_odds_of_a_label():
    model = KnownLabels(lambda row: "b" if row[-1, 0] > 0 else "a")
    linear = explain_surrogate(model, X, kind="linear", random_state=0)
    lines = linear.rules.splitlines()
    assert lines[0].startswith("log-odds of b = ")
    assert re.match(r" +\+.* × x0: last ", lines[1])
    several = KnownLabels(lambda row: "abc"[int(np.digitize(row[-1, 0], [-0.5, 0.5]))])
    linear = explain_surrogate(several, X, kind="linear", random_state=0)
    assert re.findall(r"log-odds of (.)", linear.rules) == ["a", "b", "c"]


def test_small_and_large_numbers_keep_their_digits():
    for scale in (1e-4, 1e7):
        model = Known(lambda row, scale=scale: scale * np.sign(row[-1, 0]))
        rules = explain_surrogate(model, X * scale, max_depth=1, random_state=0).rules
        threshold, *values = (float(n) for n in re.findall(r"-?[\d.]+(?=\]|\n\|   )", rules)[:3])
        assert abs(threshold) < 0.1 * scale
        np.testing.assert_allclose(np.abs([*values]).max(), scale, rtol=0.01)


# Fidelity


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("labels", [False, True])
def test_fidelity_is_that_of_the_held_out_rows(kind, labels):
    model = LSTMClassifier(**SMALL).fit(X, LABELS) if labels else LSTMRegressor(**SMALL)
    model = model if labels else model.fit(X, X[:, -1, 1])
    found = model.explain_surrogate(X, kind=kind, random_state=1)
    test = found.test_rows
    assert len(test) == 30
    metric = accuracy_score if labels else r2_score
    truth = model.predict(X)
    assert found.fidelity == pytest.approx(metric(truth[test], found.model.predict(X[test])))
    train = np.delete(truth, test)
    values, counts = np.unique(train, return_counts=True)
    constant = values[counts.argmax()] if labels else train.mean()
    assert found.baseline == pytest.approx(metric(truth[test], np.full(30, constant)))
    assert found.feature_names == found.model["inputs"].get_feature_names_out().tolist()


def test_held_out_rows_are_not_learned():
    noise = dict(zip(map(bytes, X), RNG.normal(size=len(X)), strict=True))
    model = Known(lambda row: noise[bytes(row)])
    found = explain_surrogate(model, X, max_depth=None, random_state=0)
    truth = model.predict(X)
    train = np.delete(np.arange(len(X)), found.test_rows)
    np.testing.assert_allclose(found.model.predict(X[train]), truth[train])
    assert found.fidelity < 0
    # Without a limit all rules are in the text.
    assert found.rules.count("value") == len(train)
    assert "truncated" not in found.rules


# Containers, models and outputs


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("data", [X, RAGGED, PADDED], ids=["3-D", "ragged", "padded"])
def test_the_surrogate_takes_the_same_x(data, kind):
    y = np.array([row[-1, 1] for row in data])
    model = LSTMRegressor(**SMALL).fit(data, y)
    found = model.explain_surrogate(data, kind=kind, random_state=0)
    predicted = found.model.predict(data)
    assert predicted.shape == (120,)
    again = pickle.loads(pickle.dumps(found.model))
    np.testing.assert_array_equal(again.predict(data), predicted)
    # Products of matrices of another height may sum in another order.
    np.testing.assert_allclose(found.model.predict(data[5:10]), predicted[5:10], rtol=1e-12)
    other = clone(found.model).fit(data, model.predict(data))
    assert other.predict(data).shape == (120,)
    shorter = [row[~np.isnan(row).all(axis=1)][-1:] for row in data]
    assert np.isfinite(found.model.predict(shorter)).all()


def test_ragged_and_padded_sequences_give_the_same():
    model = LSTMRegressor(**SMALL).fit(RAGGED, [row[-1, 1] for row in RAGGED])
    rules = model.explain_surrogate(RAGGED, random_state=0).rules
    assert model.explain_surrogate(PADDED, random_state=0).rules == rules


def test_cells_of_sequences_and_columns_of_tables():
    model = Known(lambda row: 5.0 * (row.ravel()[7] > 0.1))
    found = explain_surrogate(model, X, inputs="cells", random_state=0)
    assert first_rule(found).startswith("|--- x1[2] <= 0.")
    assert found.fidelity == 1
    table = pd.DataFrame(X.reshape(120, -1), columns=[f"c{i}" for i in range(15)])
    model = RandomForestRegressor(n_estimators=5, random_state=0).fit(table, table["c7"] > 0.1)
    found = explain_surrogate(model, table, inputs="cells", random_state=0)
    assert first_rule(found).startswith("|--- c7 <= 0.")
    assert found.model.predict(table).shape == (120,)


def test_a_scaler_in_front_changes_no_units():
    frame = pd.DataFrame(100 + 50 * X.reshape(120, -1), columns=[f"c{i}" for i in range(15)])
    lstm = LSTMRegressor(n_timesteps=5, hidden_size=8, random_state=0)
    model = make_pipeline(StandardScaler(), lstm).fit(frame, np.sign(X[:, -1, 0]))
    found = explain_surrogate(model, frame, random_state=0)
    threshold = re.match(r"\|--- x0: last <= ([\d.]+)\n", found.rules)[1]
    assert float(threshold) == pytest.approx(100, abs=15)
    search = GridSearchCV(model, {"lstmregressor__max_epochs": [2]}, cv=2).fit(frame, X[:, -1, 0])
    best = explain_surrogate(search.best_estimator_, frame, random_state=0)
    assert explain_surrogate(search, frame, random_state=0).rules == best.rules


@pytest.mark.parametrize("scaled", [False, True])
def test_windows_are_summarised_in_units_of_the_table(scaled):
    frame = pd.DataFrame(
        {"site": list("ab") * 150, "temp": 20 + 5 * RNG.normal(size=300), "wind": 0.0, "note": "?"}
    )
    frame["wind"] = RNG.normal(size=300)
    columns = frame if scaled else frame[["site", "temp", "wind"]]
    window = SlidingWindow(4, groups="site")
    lstm = LSTMRegressor(hidden_size=8, random_state=0)
    scale = ColumnTransformer(
        [("scale", StandardScaler(), ["wind", "temp"]), ("keep", "passthrough", ["site"])],
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    steps = [scale, window, lstm] if scaled else [window, lstm]
    model = make_pipeline(*steps).fit(columns, np.where(frame["temp"] > 20, 10, -10))
    found = explain_surrogate(model, columns, random_state=0)
    threshold = re.match(r"\|--- temp: last <= ([\d.]+)\n", found.rules)[1]
    assert float(threshold) == pytest.approx(20, abs=1.5)
    assert found.fidelity > 0.6
    assert {"temp: 2 steps before the end", "wind: trend per step"} <= set(found.feature_names)
    assert not any("note" in name or "site" in name for name in found.feature_names)
    predicted = found.model.predict(columns)
    assert r2_score(model.predict(columns), predicted) > 0.6
    again = pickle.loads(pickle.dumps(found.model))
    np.testing.assert_array_equal(again.predict(columns), predicted)
    clone(found.model).fit(columns, model.predict(columns))


def test_missing_values_that_the_pipeline_imputes():
    table = X.reshape(120, -1).copy()
    table[RNG.random(table.shape) < 0.1] = np.nan
    lstm = LSTMRegressor(n_timesteps=5, **SMALL)
    model = make_pipeline(SimpleImputer(), lstm).fit(table, X[:, -1, 0])
    for kind in KINDS:
        for inputs in ("summaries", "cells"):
            found = explain_surrogate(model, table, kind=kind, inputs=inputs, random_state=0)
            assert np.isfinite(found.fidelity)


def test_a_rule_on_what_is_missing():
    rows = [row[:k] for row, k in zip(X, np.where(np.arange(120) % 20, 5, 2), strict=True)]
    model = Known(lambda row: float(len(row)))
    found = explain_surrogate(model, rows, random_state=0)
    assert found.fidelity == 1
    lines = found.rules.splitlines()
    assert re.fullmatch(r"\|--- x\d: 2 steps before the end is known", lines[0])
    assert re.fullmatch(r"\|--- x\d: 2 steps before the end is missing", lines[2])
    assert lines[1:4:2] == ["|   |--- value: [5.00]", "|   |--- value: [2.00]"]


def test_several_numbers_are_learned_at_once():
    model = LSTMClassifier(**SMALL).fit(X, LABELS)
    for kind in KINDS:
        found = model.explain_surrogate(
            X, kind=kind, response_method="predict_proba", random_state=0
        )
        assert found.model.predict(X).shape == (120, 3)
        truth = model.predict_proba(X)[found.test_rows]
        predicted = found.model.predict(X[found.test_rows])
        assert found.fidelity == pytest.approx(r2_score(truth, predicted))
        if kind == "tree":
            assert first_rule(found) == "values: [high, low, mid]"
        if kind == "linear":
            assert re.findall(r"^(\w+) = ", found.rules, flags=re.M) == ["high", "low", "mid"]
    quantiles = LSTMRegressor(loss="quantile", **SMALL).fit(X, X[:, -1, 0])
    found = quantiles.explain_surrogate(X, response_method="predict_quantiles", random_state=0)
    assert found.model.predict(X).shape == (120, 3)
    two = LSTMRegressor(loss="quantile", quantiles=(0.2, 0.5), **SMALL).fit(X, X[:, -1, :2])
    found = two.explain_surrogate(X, response_method="predict_quantiles", random_state=0)
    assert first_rule(found) == "values: [0: 0.2, 0: 0.5, 1: 0.2, 1: 0.5]"


def test_several_labels_of_a_row():
    y = (X[:, -1, :2] > 0).astype(int)
    model = LSTMClassifier(**SMALL).fit(X, y)
    found = model.explain_surrogate(X, random_state=0)
    test = found.test_rows
    assert found.fidelity == accuracy_score(model.predict(X[test]), found.model.predict(X[test]))
    with pytest.raises(ValueError, match="kind='linear' learns one label"):
        model.explain_surrogate(X, kind="linear")


@pytest.mark.parametrize("names", [[0, 1], ["no", "yes"]])
def test_the_rules_have_all_labels_of_a_row(names):
    table = X[:, 0]
    model = KnownLabels(lambda row: np.array(names)[[int(row[0] > 0), int(row[1] > 0.5)]])
    found = explain_surrogate(model, table, inputs="cells", max_depth=2, random_state=0)
    assert found.fidelity == 1 > found.baseline
    title, *lines = found.rules.splitlines()
    assert title == "labels: [0, 1]"
    leaves = [re.fullmatch(r".*--- labels: \[(.*), (.*)\]", line) for line in lines]
    leaves = [leaf.groups() for leaf in leaves if leaf]
    assert len(leaves) == 4
    # Leaves are numbered from the top of the text down.
    tree = found.model[-1]
    number = tree.apply(found.model[:-1].transform(table))
    order = np.searchsorted(np.unique(number), number)
    np.testing.assert_array_equal(np.array(leaves)[order], model.predict(table).astype(str))


def test_the_only_row_with_a_label_is_learned():
    table = X[:40, 0]
    model = KnownLabels(lambda row: "top" if row[0] == table[:, 0].max() else "other")
    for seed in range(12):
        found = explain_surrogate(model, table, kind="linear", inputs="cells", random_state=seed)
        assert table[:, 0].argmax() not in found.test_rows
        assert len(found.test_rows) == 10


def test_real_sequences_of_different_lengths():
    X, y = load_japanese_vowels(return_X_y=True)
    model = LSTMClassifier(**SMALL | {"max_epochs": 10}).fit(X, y)
    for kind in KINDS:
        found = model.explain_surrogate(X, kind=kind, random_state=0)
        assert found.fidelity > found.baseline + 0.2
        assert np.mean(found.model.predict(X) == model.predict(X)) > found.baseline + 0.2


def test_one_hot_symbols_behind_their_encoder():
    words = ["".join(RNG.choice(list("ACGT"), size=6)) for _ in range(120)]
    model = make_pipeline(SequenceOneHotEncoder("ACGT"), LSTMRegressor(**SMALL))
    model.fit(words, [word.count("A") for word in words])
    with pytest.raises(ValueError, match=r"explain_surrogate\(model\[1:\], model\[:1\]"):
        explain_surrogate(model, words)
    found = explain_surrogate(model[1:], model[:1].transform(words), random_state=0)
    assert found.model.predict(model[:1].transform(words)).shape == (120,)


# Manners


def test_seeds_and_workers():
    model = LSTMRegressor(**SMALL).fit(X, X[:, -1, 1])
    before, seed = np.random.get_state()[1].copy(), torch.random.get_rng_state()
    copy = X.copy()
    for kind in KINDS:
        found = model.explain_surrogate(X, kind=kind, random_state=3)
        again = model.explain_surrogate(X, kind=kind, random_state=3)
        np.testing.assert_array_equal(again.model.predict(X), found.model.predict(X))
        np.testing.assert_array_equal(again.test_rows, found.test_rows)
    fresh = model.explain_surrogate(X)
    assert (fresh.test_rows != found.test_rows).any()
    assert (np.random.get_state()[1] == before).all()
    assert torch.equal(torch.random.get_rng_state(), seed)
    np.testing.assert_array_equal(X, copy)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"kind": "lasso"}, "'kind' parameter must be one of .* Got 'lasso'"),
        ({"kind": ["tree"]}, "'kind' parameter must be one of .* Got .'tree'."),
        ({"inputs": "raw"}, "'inputs' parameter must be one of .* Got 'raw'"),
        ({"max_depth": 0}, "'max_depth' parameter must be None or an int >= 1. Got 0 instead"),
        ({"max_depth": 2.5}, "'max_depth' parameter .* Got 2.5"),
        ({"test_size": 1}, "'test_size' parameter .* between 0 and 1. Got 1 instead"),
        ({"test_size": "x"}, "'test_size' parameter .* Got 'x' instead"),
        ({"response_method": "transform"}, "'response_method' parameter .* Got 'transform'"),
    ],
)
def test_wrong_parameters_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        explain_surrogate(LSTMRegressor(**SMALL).fit(X, X[:, 0, 0]), X, **arguments)


def test_wrong_models_and_data_are_named():
    with pytest.raises(NotFittedError):
        LSTMRegressor().explain_surrogate(X)
    model = LSTMRegressor(**SMALL).fit(RAGGED, X[:, 0, 0])
    with pytest.raises(ValueError, match="at least 20 rows, to learn and to test"):
        model.explain_surrogate(RAGGED[:19])
    with pytest.raises(ValueError, match="inputs='cells' needs sequences of one length"):
        model.explain_surrogate(RAGGED, inputs="cells")
    with pytest.raises(ValueError, match="predictions for all 120 rows of X are the same, 5"):
        explain_surrogate(Known(lambda row: 5.0), X)
    steps = LSTMRegressor(hidden_size=4, max_epochs=1, return_sequences=True).fit(X, X[:, :, 0])
    with pytest.raises(ValueError, match="explain_surrogate explains one output"):
        steps.explain_surrogate(X)
    table = X.reshape(120, -1)
    mixing = make_pipeline(PCA(4), LSTMRegressor(n_timesteps=2, **SMALL)).fit(table, table[:, 0])
    with pytest.raises(ValueError, match=r"needs time steps: PCA .*inputs='cells'"):
        explain_surrogate(mixing, table)
    assert explain_surrogate(mixing, table, inputs="cells").feature_names[0] == "x0"
    with pytest.raises(ValueError, match="needs time steps: Ridge mixes columns"):
        explain_surrogate(Ridge().fit(table, table[:, 0]), table)


def test_tokens_are_refused():
    texts = [" ".join(RNG.choice(["good", "bad"], size=3)) for _ in range(40)]
    lstm = LSTMRegressor(embedding_size=2, **SMALL)
    model = make_pipeline(SequenceTokenizer(), lstm).fit(texts, np.arange(40))
    for part, data in ((model, texts), (model[1], model[0].transform(texts))):
        with pytest.raises(ValueError, match="tokens, which have no mean"):
            explain_surrogate(part, data)
