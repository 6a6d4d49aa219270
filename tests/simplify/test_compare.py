"""compare: what two models cost, and how alike they are."""

import pickle
import time

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import spearmanr
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.explain import explain_shap
from sklstm.preprocessing import SlidingWindow
from sklstm.simplify import compare, distill, prune, quantize
from sklstm.simplify._compare import rank_correlation
from sklstm.simplify._comparison import Comparison

X = np.random.default_rng(0).normal(size=(60, 6, 3))
Y = 2 * X[:, 4, 1] + X[:, 2, 0]
LABELS = np.array(["a", "b", "c"])[np.digitize(Y, [-1, 1])]
SMALL = {"hidden_size": 6, "max_epochs": 4, "batch_size": 16, "random_state": 0}
QUICK = {"n_repeats": 1, "random_state": 0}
PAIRS = ["parameters", "nonzero_parameters", "pickle_bytes", "latency_row", "latency_batch"]
PAIRS += ["score", "additivity_gap"]


def regressor(**params):
    return LSTMRegressor(**{**SMALL, **params}).fit(X, Y)


def test_a_model_is_like_itself():
    model = regressor()
    found = compare(model, model, X, Y, n_repeats=3)
    for name in (*PAIRS[:3], *PAIRS[5:]):
        before, after = found[name]
        assert before == after, name
    assert found.fidelity == 1.0
    assert_allclose(found.rank_correlation, 1.0)
    assert found.pickle_bytes[0] == len(pickle.dumps(model))
    assert found.score[0] == model.score(X, Y)
    assert found.n_batch == 60


@pytest.mark.parametrize("classify", [False, True])
def test_numbers_are_those_that_they_are_called(classify):
    y = LABELS if classify else Y
    before = (LSTMClassifier if classify else LSTMRegressor)(**SMALL).fit(X, y)
    after = prune(before, fraction=0.5)
    found = compare(before, after, X, y, n_explained=100, **QUICK)
    metric = accuracy_score if classify else r2_score
    assert found.fidelity == metric(before.predict(X), after.predict(X))
    assert found.score == (before.score(X, y), after.score(X, y))
    count = [sum(p.numel() for p in m.net_.module_.parameters()) for m in (before, after)]
    assert found.parameters == tuple(count)
    assert found.nonzero_parameters[1] <= count[1]
    # All rows are explained, beside 50: those of one more call are near.
    values = [explain_shap(m, X, background=X).values.reshape(60, 18, -1) for m in (before, after)]
    slow = [
        spearmanr(values[0][i, :, k], values[1][i, :, k]).statistic
        for i in range(60)
        for k in range(values[0].shape[2])
    ]
    assert_allclose(found.rank_correlation, np.mean(slow), atol=0.05)
    assert 0 <= max(found.additivity_gap) < 1e-5


def test_zeros_are_counted():
    model = regressor()
    found = compare(model, prune(model, kind="weights"), X, Y, n_explained=0, **QUICK)
    assert found.parameters[0] == found.parameters[1]
    assert found.nonzero_parameters[1] < 0.65 * found.nonzero_parameters[0]
    assert np.isnan(found.rank_correlation) and np.isnan(found.additivity_gap).all()


def test_rank_correlation_is_that_of_spearman_without_padding():
    first, second = np.random.default_rng(0).normal(size=(2, 5, 2, 7))
    rows = zip(first.reshape(10, 7), second.reshape(10, 7), strict=True)
    slow = [spearmanr(a, b).statistic for a, b in rows]
    assert_allclose(rank_correlation(first, second), np.mean(slow))
    padded = [np.concatenate([v, np.zeros((5, 2, 4))], axis=2) for v in (first, second)]
    assert_allclose(rank_correlation(*padded), np.mean(slow))
    assert_allclose(rank_correlation(first, -first), -1.0)
    assert np.isnan(rank_correlation(first, second[..., :3]))
    assert np.isnan(rank_correlation(np.ones((1, 1, 4)), np.ones((1, 1, 4))))


class Slow(LSTMRegressor):
    def predict(self, X):
        time.sleep(0.002 * len(X) / 60 + 0.002)
        return super().predict(X)


def test_latency_is_that_of_predict():
    quick, slow = regressor(), Slow(**SMALL).fit(X, Y)
    found = compare(quick, slow, X, Y, n_explained=0, n_repeats=5)
    assert found.latency_row[1] > found.latency_row[0] + 0.001
    assert found.latency_batch[1] > found.latency_batch[0] + 0.003
    assert found.latency_batch[1] < 1.0


def test_ragged_rows_and_outputs_of_every_step():
    ragged = [row[: 2 + i % 5] for i, row in enumerate(X)]
    y = [np.cumsum(row[:, 0]) for row in ragged]
    model = LSTMRegressor(**SMALL, return_sequences=True).fit(ragged, y)
    found = compare(model, prune(model, ragged), ragged, y, n_explained=10, **QUICK)
    small = prune(model, ragged)
    flat = [np.concatenate(m.predict(ragged)) for m in (model, small)]
    assert_allclose(found.fidelity, r2_score(*flat))
    assert 0 < found.rank_correlation < 1


def test_pipelines_searches_and_other_estimators():
    table = X[:, 0]
    model = make_pipeline(SlidingWindow(3), LSTMRegressor(**SMALL)).fit(table, Y)
    search = GridSearchCV(model, {"lstmregressor__pooling": ["last"]}, cv=2).fit(table, Y)
    found = compare(model, search, table, Y, n_explained=5, **QUICK)
    assert 0 < found.rank_correlation < 1
    other = compare(search, Ridge().fit(table, Y), table, Y, n_explained=5, **QUICK)
    assert np.isnan(other.rank_correlation)  # it reads no windows
    assert np.isnan(other.parameters[1])
    assert other.pickle_bytes[0] == len(pickle.dumps(search.best_estimator_))


def test_the_cells_of_a_flat_row_are_those_of_the_sequence():
    flat, binary = X[:, :3].reshape(60, -1), LABELS == "a"
    lstm = LSTMClassifier(**SMALL, n_timesteps=3).fit(flat, binary)
    linear = LogisticRegression().fit(flat, binary)
    found = compare(lstm, linear, flat, binary, n_explained=4, **QUICK)
    again = compare(make_pipeline(PCA(9), linear).fit(flat, binary), lstm, flat, binary, **QUICK)
    assert -1 < found.rank_correlation < 1
    assert np.isfinite(again.additivity_gap).all()
    found = compare(lstm, LinearSVC().fit(flat, binary), flat, binary, **QUICK)
    assert np.isnan(found.additivity_gap).tolist() == [False, True]
    assert np.isnan(found.rank_correlation)
    assert 0 <= found.fidelity <= 1


def test_the_table():
    model = regressor()
    found = compare(model, prune(model), X, Y, n_explained=5, **QUICK)
    lines = str(found).splitlines()
    assert lines[0].split() == ["before", "after", "after/before"]
    assert len(lines) == 10
    assert max(map(len, lines)) <= 80
    assert "latency of 60 rows (ms)" in str(found)
    assert repr(found) == str(found)
    frame = found.to_frame()
    assert list(frame.columns) == ["before", "after"]
    assert frame.loc["fidelity"].isna().tolist() == [True, False]
    assert frame.loc["parameters"].tolist() == list(found.parameters)
    without = compare(model, model, X, Y, n_explained=0, **QUICK)
    assert str(without).splitlines()[-1] == "rank correlation"


def test_several_models_are_each_compared_with_the_first():
    model = regressor()
    small, coded, line = prune(model), quantize(model), Ridge()
    line = distill(model, line, X)
    others = {"half": small, "8 bits": coded, "a line with a long name, cut": line}
    found = compare(model, others, X, Y, n_explained=4, **QUICK)
    assert found.models == ("before", *others)
    for k, other in enumerate(others.values()):
        pair = compare(model, other, X, Y, n_explained=4, **QUICK)
        for name in ("parameters", "nonzero_parameters", "pickle_bytes", "score"):
            assert_array_equal(getattr(pair, name), np.array(found[name])[[0, k + 1]])
        assert found.fidelity[k] == pair.fidelity
        assert_allclose(found.rank_correlation[k], pair.rank_correlation)
        assert_allclose(found.additivity_gap[k + 1], pair.additivity_gap[1], atol=1e-6)
    assert len(found.latency_row) == len(found.latency_batch) == 4
    frame = found.to_frame()
    assert list(frame.columns) == ["before", *others]
    assert frame.loc["fidelity"].isna().tolist() == [True, False, False, False]
    assert frame.loc["n_batch"].tolist()[1:] == [60, 60, 60]
    lines = str(found).splitlines()
    assert lines[0].split() == ["parameters", "bytes", "ms", "score", "fidelity", "rank"]
    assert [line.split()[0] for line in lines[1:-1]] == ["before", "half", "8", "a"]
    assert "a line with a long na…" in lines[4] and max(map(len, lines)) <= 80


def test_the_frontier_holds_what_nothing_beats():
    found = Comparison(
        models=("before", "a", "b", "twin of b", "dear", "bad", "unknown"),
        parameters=(100, 10, 20, 20, 200, 30, np.nan),
        latency_row=(1.0, 5.0, 4.0, 3.0, 2.0, 6.0, 0.5),
        score=(0.9, 0.5, 0.7, 0.7, 0.9, 0.6, 1.0),
    )
    assert found.frontier() == ["a", "b", "twin of b", "before"]
    assert found.frontier("latency_row") == ["unknown"]
    with pytest.raises(ValueError, match=r"'cost' parameter must be one of .* Got 'size'"):
        found.frontier("size")


@pytest.mark.parametrize("after", [{}, {"before": 3}, {1: 3}])
def test_a_mapping_that_is_none(after):
    with pytest.raises(ValueError, match="'after' parameter of compare must be a fitted model, or"):
        compare(regressor(), after, X, Y)


@pytest.mark.parametrize(
    "params, message",
    [
        ({"n_explained": -1}, "'n_explained' parameter of compare must be"),
        ({"n_repeats": 0}, "'n_repeats' parameter of compare must be"),
        ({"random_state": -1}, "'random_state' parameter must be"),
        ({"X": X[:, :, :2]}, "X has 2 features per time step"),
        ({"y": None}, "compare needs y"),
        ({"y": Y[:3]}, "X and y must have the same number of samples"),
    ],
)
def test_bad_input(params, message):
    model = regressor()
    arguments = {"X": X, "y": Y, **params}
    with pytest.raises(ValueError, match=message):
        compare(model, model, **arguments)


def test_models_that_cannot_be_compared():
    classifier = LSTMClassifier(**SMALL).fit(X, LABELS)
    with pytest.raises(ValueError, match=r"all regressors or all classifiers. Got LSTMR.*'after'"):
        compare(regressor(), classifier, X, Y)
    with pytest.raises(ValueError, match=r"must have a score. Got StandardScaler as 'after'"):
        compare(regressor(), StandardScaler().fit(X[:, 0]), X, Y)
    other = LSTMClassifier(**SMALL).fit(X, LABELS == "a")
    with pytest.raises(ValueError, match=r"the same classes. Got \['a', 'b', 'c'\], and \[False"):
        compare(classifier, other, X, LABELS)
