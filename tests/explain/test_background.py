"""Rows that stand for a large background."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import nn

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm._data import read_sequences
from sklstm.explain import explain_shap
from sklstm.explain._representatives import (
    N_COORDINATES,
    Clusters,
    clusters_of,
    cut_for,
    outputs_and_cells,
    representatives,
    summary,
)
from sklstm.preprocessing import SequenceTokenizer, SequenceWise, SlidingWindow

SMALL = {"hidden_size": 4, "max_epochs": 3, "batch_size": 64, "random_state": 0}
WEIGHTED = ("200 of 1200 background rows, weighted",)


@pytest.fixture(scope="module")
def skewed():
    """1200 sequences, of which one in fifty is far from the others, and a model of them."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1200, 5, 2))
    X[::50, 2:, 0] += 8
    y = np.tanh(X[:, 1, 1]) + X[:, 3, 0] * (1 + 0.3 * X[:, 4, 1])
    return X, y, fitted(X, y)


def fitted(X, y, seed=0):
    options = {**SMALL, "hidden_size": 8, "max_epochs": 15, "random_state": seed}
    return LSTMRegressor(**options).fit(X, y)


def mean_of_parts(model, X, background, **options):
    """Values beside all rows of the background: they are means over its rows."""
    parts = [
        explain_shap(model, X, background=part, **options) for part in np.array_split(background, 4)
    ]
    assert not any(e.derivation for e in parts)
    return sum(e.values for e in parts) / 4, sum(e.base_values for e in parts) / 4


def distance(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


def adds_up(e, atol=1e-5):
    total = e.values.reshape(len(e), e.n_players, -1).sum(axis=1)
    outputs = e.output_values.reshape(len(e), -1)
    np.testing.assert_allclose(e.base_values.reshape(len(e), -1) + total, outputs, atol=atol)


def test_up_to_500_rows_are_taken_as_they_are(skewed):
    X, _, model = skewed
    few = model.explain_shap(X[:3], background=X[:500])
    assert few.derivation == ()
    np.testing.assert_allclose(few.base_values, model.predict(X[:500]).mean(), atol=1e-6)
    more = model.explain_shap(X[:3], background=X[:501])
    assert more.derivation == ("200 of 501 background rows, weighted",)
    assert "derived: 200 of 501 background rows, weighted" in repr(more)
    assert more.by("feature").derivation[0] == more.derivation[0]
    adds_up(more)


def distances(model, X, method, seed=0):
    """Of values and of base values to those of the whole: of the summary, and of random rows."""
    options = {"method": method, "random_state": 0}
    values, base = mean_of_parts(model, X[:6], X, **options)
    e = model.explain_shap(X[:6], background=X, **options)
    assert e.derivation == WEIGHTED
    adds_up(e, atol=0.05 if method == "gradient" else 1e-5)
    rng = np.random.default_rng(seed)
    at_random = [
        model.explain_shap(X[:6], background=X[rng.choice(1200, 200, replace=False)], **options)
        for _ in range(4)
    ]
    of_summary = distance(e.values, values), distance(e.base_values, base)
    of_random = [(distance(r.values, values), distance(r.base_values, base)) for r in at_random]
    return of_summary, np.mean(of_random, axis=0)


def test_they_are_nearer_to_the_whole_than_random_rows(skewed):
    X, y, _ = skewed
    # Of a single model that is a matter of chance.
    found = [distances(fitted(X, y, seed), X, "deep", seed) for seed in range(4)]
    of_summary, of_random = np.mean(found, axis=0)
    assert of_summary[0] < 0.7 * of_random[0]
    assert of_summary[1] < 0.6 * of_random[1]


@pytest.mark.parametrize("method", ["blocked", "gradient"])
def test_they_are_nearer_by_every_method(skewed, method):
    X, _, model = skewed
    of_summary, of_random = distances(model, X, method)
    assert of_summary[0] < of_random[0]
    assert of_summary[1] < 0.6 * of_random[1]


@pytest.mark.parametrize("level, method", [("feature", "exact"), ("cell", "deep")])
def test_shares_are_counted_by_every_method(skewed, level, method):
    X, _, model = skewed
    distinct = X[:60].repeat(np.arange(60) % 19 + 1, axis=0)[:520]
    options = {"level": level, "method": method, "random_state": 0}
    values, base = mean_of_parts(model, X[-2:], distinct, **options)
    e = model.explain_shap(X[-2:], background=distinct, **options)
    # Each distinct row is a cluster, so that nothing is lost.
    n_distinct = len(np.unique(distinct, axis=0))
    assert e.derivation == (f"{n_distinct} of 520 background rows, weighted",)
    np.testing.assert_allclose(e.base_values, base, atol=1e-6)
    np.testing.assert_allclose(e.values, values, atol=1e-6)


def test_the_choice_depends_on_the_background_alone(skewed):
    X, _, model = skewed
    e = model.explain_shap(X[:6], background=X, random_state=0)
    again = model.explain_shap(X[:6], background=X, random_state=1)
    np.testing.assert_array_equal(e.values, again.values)
    alone = model.explain_shap(X[4:5], background=X)
    np.testing.assert_allclose(alone.values, e.values[4:5], atol=1e-6)
    np.testing.assert_array_equal(alone.base_values, e.base_values[4:5])


def test_targets_and_probabilities_have_the_same_rows(skewed):
    X, y, _ = skewed
    model = LSTMClassifier(**SMALL).fit(X, np.digitize(y, [-1, 1]))
    every = model.explain_shap(X[:3], background=X)
    one = model.explain_shap(X[:3], background=X, target=2)
    np.testing.assert_allclose(one.values, every.values[..., 2], atol=1e-6)
    np.testing.assert_allclose(one.base_values, every.base_values[:, 2], atol=1e-6)
    adds_up(model.explain_shap(X[:3], background=X, response_method="predict_proba"))


def test_rows_of_ones_own_and_kept_rows_all_count(skewed):
    X, y, model = skewed
    own = np.broadcast_to(X[:600], (2, 600, 5, 2))
    e = model.explain_shap(X[:2], background=own)
    assert e.derivation == ()
    np.testing.assert_allclose(e.base_values, model.predict(X[:600]).mean(), atol=1e-6)
    keeper = LSTMRegressor(**SMALL, keep_background=600).fit(X, y)
    e = keeper.explain_shap(X[:2])
    assert e.derivation == ()
    np.testing.assert_allclose(
        e.base_values, keeper.predict(np.asarray(keeper._background)).mean(), atol=1e-6
    )


def test_lengths_that_differ(skewed):
    X, _, model = skewed
    lengths = np.where(np.arange(1200) < 300, 5, np.arange(1200) % 3 + 2)
    background = [row[:k] for row, k in zip(X, lengths, strict=True)]
    rows = [X[0][:2], X[1][:3], X[2]]
    e = model.explain_shap(rows, background=background)
    assert e.derivation == WEIGHTED
    adds_up(e)
    # The longest row has 300 to compare with: each stands for itself.
    np.testing.assert_allclose(e.base_values[2], model.predict(X[:300]).mean(), atol=1e-6)
    longest = model.explain_shap(rows[2:], background=background)
    assert longest.derivation == ()
    np.testing.assert_array_equal(longest.base_values, e.base_values[2:])
    for i, k in enumerate([2, 3]):
        whole = model.predict(X[lengths >= k][:, :k])
        np.testing.assert_allclose(e.base_values[i], whole.mean(), atol=0.1 * whole.std())
    padded = np.full((1200, 5, 2), np.nan)
    for row, sequence in zip(padded, background, strict=True):
        row[: len(sequence)] = sequence
    same = model.explain_shap(rows, background=padded)
    np.testing.assert_array_equal(same.values, e.values)
    with pytest.raises(ValueError, match="sample 1 has 5 time steps, and every row of the backg"):
        model.explain_shap([X[0][:2], X[1]], background=[row[:4] for row in background])


def test_the_choice_of_a_method_does_not_depend_on_the_lengths_beside(skewed):
    X, _, model = skewed
    lengths = np.where(np.arange(1200) < 300, 5, 2)
    background = [row[:k] for row, k in zip(X, lengths, strict=True)]
    rows = [X[2], X[0][:2]]
    options = {"background": background, "level": "feature", "budget": 1000}
    both, longest = (model.explain_shap(some, **options) for some in (rows, rows[:1]))
    assert both.method == longest.method == "exact"
    np.testing.assert_allclose(longest.values[0], both.values[0], atol=1e-9)


def test_tokens_and_sequence_outputs(skewed):
    X = skewed[0]
    words = np.array(["no", "not", "good", "bad", "very"])
    draws = np.random.default_rng(0).integers(0, 5, size=(1200, 4))
    texts = [" ".join(words[row[: 2 + i % 3]]) for i, row in enumerate(draws)]
    model = make_pipeline(SequenceTokenizer(), LSTMClassifier(embedding_size=3, **SMALL))
    model.fit(texts, draws[:, 0] > 2)
    e = explain_shap(model, texts[:4], background=texts)
    # 30 + 150 + 750 texts are possible, of the longest only some hundred rows.
    assert e.derivation[0].endswith("of 1200 background rows, weighted")
    adds_up(e)
    stepwise = LSTMRegressor(return_sequences=True, **SMALL).fit(X, X[:, :, 0])
    e = stepwise.explain_shap(X[:2], background=X)
    assert e.derivation == WEIGHTED
    adds_up(e)


def test_many_windows_have_the_same_rule():
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(1203, 2)), columns=["u", "v"])
    model = make_pipeline(StandardScaler(), SlidingWindow(4), LSTMRegressor(**SMALL))
    model.fit(table, table["u"].rolling(3).sum().fillna(0))
    e = explain_shap(model, table[:8], background=table)
    assert e.derivation == ("200 of 1203 background rows, weighted",)
    windows = model[:-1].transform(table)
    plain = model[-1].explain_shap(windows[:8], background=windows)
    np.testing.assert_array_equal(e.values, plain.values)
    full = model.predict(table)[3:]
    np.testing.assert_allclose(e.base_values[5], full.mean(), atol=0.05 * full.std())
    # A short first window is compared with the first rows of all.
    firsts = model[-1].predict(windows.table[np.maximum(windows.ends - 3, 0)][:, None])
    np.testing.assert_allclose(e.base_values[0], firsts.mean(), atol=0.1 * firsts.std())
    assert explain_shap(model, table[:8], background=table[:500]).derivation == ()


def test_models_that_are_explained_as_a_whole(skewed):
    X, y, _ = skewed
    model = make_pipeline(SequenceWise(PCA(2)), LSTMRegressor(**SMALL)).fit(X, y)
    values, base = mean_of_parts(model, X[:4], X, level="feature")
    e = explain_shap(model, X[:4], background=X, level="feature")
    assert e.method == "exact (model-agnostic)"
    assert e.derivation == WEIGHTED
    adds_up(e)
    assert distance(e.values, values) < 0.1
    np.testing.assert_allclose(e.base_values, base, atol=0.05 * y.std())
    ragged = [row[: 3 + i % 3] for i, row in enumerate(X)]
    e = explain_shap(model, ragged[:4], background=ragged, level="feature")
    assert e.derivation[0].endswith("of 1200 background rows, weighted")
    adds_up(e)


@pytest.mark.parametrize("method", ["exact", "permutation"])
def test_tables_of_any_kind(method):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(1200, 3)) * [1, 1e6, 1e-6], columns=list("abc"))
    table["kind"] = np.where(np.arange(1200) % 40 == 0, "rare", "usual")
    table.loc[::7, "b"] = np.nan
    steps = ColumnTransformer([("one", OneHotEncoder(), ["kind"])], remainder="passthrough")
    target = (table["kind"] == "rare") | (table["a"] > 1)
    forest = make_pipeline(steps, RandomForestClassifier(5, random_state=0)).fit(table, target)
    options = {"background": table, "method": method, "target": True, "random_state": 0}
    e = explain_shap(forest, table[:3], **options)
    assert e.derivation == WEIGHTED
    adds_up(e)
    assert e.base_values[0] == pytest.approx(forest.predict_proba(table)[:, 1].mean(), abs=0.02)


def test_the_mean_of_a_linear_model_is_nearly_met():
    X = np.random.default_rng(0).normal(size=(3000, 6))
    model = LinearRegression().fit(X, X @ np.arange(6))
    e = explain_shap(model, X[:2], background=X)
    expected = (X[:2] - X.mean(axis=0)) * model.coef_
    assert np.abs(e.values - expected).max() < 0.1 * np.abs(expected).max()
    assert abs(e.base_values[0] - model.predict(X).mean()) < 0.02 * model.predict(X).std()


class Mean(nn.Module):
    def __init__(self, n_features, n_outputs, random_state):
        super().__init__()
        self.head = nn.Linear(n_features, n_outputs)

    def forward(self, x, lengths):
        return self.head(x.mean(1))


def test_a_module_of_ones_own_is_described_by_its_outputs(skewed):
    X, y, _ = skewed
    model = LSTMRegressor(module=Mean, max_epochs=3, random_state=0).fit(X, y)
    e = model.explain_shap(X[:3], background=X)
    assert e.derivation == WEIGHTED
    whole = model.predict(X)
    np.testing.assert_allclose(e.base_values, whole.mean(), atol=0.02 * whole.std())


def test_the_world_is_as_before(skewed):
    X, _, model = skewed
    state, torch_state = np.random.get_state()[1].copy(), torch.random.get_rng_state()
    model.explain_shap(X[:2], background=X)
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    assert torch.equal(torch.random.get_rng_state(), torch_state)
    assert not model.net_.module_.training


def test_a_memory_map_is_read_in_parts(skewed, tmp_path):
    model = skewed[2]
    path = tmp_path / "rows.npy"
    rows = np.lib.format.open_memmap(path, "w+", np.float32, (40_000, 20, 2))
    rows[:] = np.random.default_rng(0).normal(size=rows.shape)
    rows.flush()
    background = np.load(path, mmap_mode="r")
    tracemalloc.start()
    e = model.explain_shap(np.asarray(background[:2]), background=background)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert e.derivation == ("200 of 40000 background rows, weighted",)
    assert peak < 60e6


@pytest.mark.parametrize("longest", [1, 5, 8, 29, 100])
def test_rows_are_cut_at_few_lengths(longest):
    cuts = [cut_for(length, longest) for length in range(1, longest + 1)]
    assert all(length <= cut <= 1.25 * length + 1 for length, cut in enumerate(cuts, 1))
    assert cuts == sorted(cuts)
    assert cuts[-1] == longest
    assert len(set(cuts)) <= 21


def slow_representatives(usable, labels, distances):
    chosen = {}
    for label in set(labels[usable]):
        members = [i for i in np.flatnonzero(usable) if labels[i] == label]
        nearest = min(members, key=lambda i: (distances[i], i))
        chosen[nearest] = len(members) / usable.sum()
    return sorted(chosen), [chosen[i] for i in sorted(chosen)]


@pytest.mark.parametrize("share", [1.0, 0.7])
def test_the_nearest_usable_row_stands_for_a_cluster(share):
    rng = np.random.default_rng(0)
    labels, distances = rng.integers(0, 30, 1000), rng.normal(size=1000)
    order = np.lexsort((distances, labels))
    usable = rng.random(1000) < share
    rows, weights = representatives(usable, Clusters(order, labels[order]))
    expected = slow_representatives(usable, labels, distances)
    assert rows.tolist() == expected[0]
    np.testing.assert_allclose(weights, expected[1])
    assert weights.sum() == pytest.approx(1)
    few = usable & (np.arange(1000) < 400)
    rows, weights = representatives(few, Clusters(order, labels[order]))
    assert rows.tolist() == np.flatnonzero(few).tolist()
    np.testing.assert_allclose(weights, 1 / len(rows))
    assert summary(few, Clusters(order, labels[order])) == ()


def test_points_of_any_size_and_equal_points_are_clustered():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(600, 3)).astype(np.float32)
    plain = clusters_of(points)
    huge = clusters_of(points * np.float32(2.0**100))
    np.testing.assert_array_equal(huge.order, plain.order)
    with_hole = points.copy()
    with_hole[0, 0] = np.nan
    assert len(clusters_of(with_hole).order) == 600
    same = clusters_of(np.ones((600, 2), dtype=np.float32))
    rows, weights = representatives(np.ones(600, dtype=bool), same)
    assert len(rows) == len(weights) <= 200
    assert weights.sum() == pytest.approx(1)


def test_outputs_and_cells_weigh_the_same():
    rng = np.random.default_rng(0)
    cells = rng.normal(5, 1e4, size=(700, 40, 3))
    cells[:, :, 2] = 1.0
    cells[3, 2, 0] = np.nan
    ragged = [row[: 20 + i % 21] for i, row in enumerate(np.nan_to_num(cells))]
    for sequences in (read_sequences(ragged), read_sequences(np.nan_to_num(cells))):
        points = outputs_and_cells(rng.normal(size=(700, 2)) * 1e-3, sequences, 40)
        assert points.shape == (700, 2 + N_COORDINATES)
        assert np.isfinite(points).all()
        spread = points.var(axis=0)
        assert spread[:2].sum() == pytest.approx(1, rel=1e-3)
        assert spread[2:].sum() == pytest.approx(1, rel=1e-3)
