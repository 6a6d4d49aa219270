"""evaluate_explanation: its ranking is the true one, its numbers are those of the measures."""

from functools import cache, partial

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.datasets import make_expression_profiles, make_motif_sequences
from sklstm.explain import explain_gradients, explain_lime, explain_shap
from sklstm.metrics import (
    agreement,
    comprehensiveness,
    deletion_curve,
    evaluate_explanation,
    ground_truth_auc,
    insertion_curve,
    max_sensitivity,
    sparseness,
)
from sklstm.preprocessing import SequenceOneHotEncoder

TABLE = np.random.default_rng(0).normal(3, 2, size=(60, 5))
LINEAR = LinearRegression().fit(TABLE, TABLE @ [1.0, -2.0, 0.0, 3.0, 0.5] + 7)
ROWS, BACKGROUND = TABLE[:20], TABLE[40:]
OPTIONS = {"background": BACKGROUND, "random_state": 0}


@cache
def of_linear():
    return explain_shap(LINEAR, ROWS, background=BACKGROUND)


def worse(e, *amounts):
    """Explanations with more and more noise, and the values of other players."""
    rng = np.random.default_rng(1)
    found = {"as it is": e}
    for amount in amounts:
        noise = amount * e.values.std() * rng.normal(size=e.values.shape)
        found[f"noise {amount}"] = e._replace(values=e.values + noise)
    return found


def test_the_ranking_is_the_true_one_on_planted_cells():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 6, 3))
    truth = np.zeros((6, 3), dtype=bool)
    truth[4, 1] = truth[2, 0] = truth[5, 2] = True
    y = 2 * X[:, 4, 1] + X[:, 2, 0] - 1.5 * X[:, 5, 2]
    model = LSTMRegressor(hidden_size=6, max_epochs=20, random_state=0).fit(X, y)
    e = explain_shap(model, X[:15], background=X[250:260])
    explanations = worse(e, 0.7, 2.0, 20.0)
    result = evaluate_explanation(
        model, X[:15], dict(reversed(explanations.items())), background=X[250:260], random_state=0
    )
    auc = {name: ground_truth_auc(one, truth).value for name, one in explanations.items()}
    assert list(result.table.index[:-1]) == sorted(auc, key=lambda name: -auc[name])
    assert result.recommended == "as it is"
    assert result.table["faithfulness"].iloc[0] > result.table["faithfulness"].iloc[-1] + 0.4
    infidelity = result.table["infidelity"].iloc[:-1]
    assert infidelity.is_monotonic_increasing and infidelity.iloc[0] < 0.5


def test_the_ranking_is_the_true_one_for_a_forest_on_gene_expression():
    data = make_expression_profiles(300, 12, 5, random_state=0)
    flat = data.data.reshape(300, -1).astype(float)
    columns = [f"{name}[{t}]" for t in range(12) for name in data.feature_names]
    genes = {
        name: [c for c, column in enumerate(columns) if column.startswith(f"{name}[")]
        for name in data.feature_names
    }
    model = RandomForestClassifier(20, max_depth=6, random_state=0).fit(flat, data.target)
    truth = np.isin(np.arange(5), data.informative_genes)
    e = explain_shap(model, flat[:12], background=flat[200:210], level=genes)
    other = e._replace(values=np.roll(e.values, 1, axis=1))
    explanations = {"rolled": other, "shap": e}
    result = evaluate_explanation(
        model, flat[:12], explanations, background=flat[200:210], random_state=0
    )
    auc = {name: ground_truth_auc(one, truth).value for name, one in explanations.items()}
    assert auc["shap"] > auc["rolled"]
    assert list(result.table.index) == ["shap", "rolled", "random order"]
    assert result.recommended == "shap"


def test_the_ranking_is_the_true_one_on_motifs():
    """Of methods and of noise, with letters of a motif as the truth."""
    data = make_motif_sequences(300, 12, motif="GGC", random_state=0)
    X = np.array(SequenceOneHotEncoder("ACGT").fit_transform(data.data))
    model = LSTMClassifier(8, max_epochs=40, random_state=0).fit(X, data.target)
    found = np.flatnonzero((data.target == 1) & (model.predict(X) == 1))[:20]
    places = np.arange(12) - data.motif_start[found, None]
    truth = (places >= 0) & (places < 3)
    options = {"background": X[data.target == 0][:10]}
    e = explain_shap(model, X[found], **options, level="timestep")
    explanations = worse(e, 1.0, 4.0)
    result = evaluate_explanation(
        model, X[found], dict(reversed(explanations.items())), **options, random_state=0
    )
    auc = {name: ground_truth_auc(one, truth).value for name, one in explanations.items()}
    assert auc["as it is"] > 0.8
    assert list(result.table.index[:-1]) == sorted(auc, key=lambda name: -auc[name])
    assert result.recommended == "as it is"


def test_the_table_holds_the_measures():
    e = of_linear()
    lime = partial(explain_lime, background=BACKGROUND, random_state=0)
    result = evaluate_explanation(LINEAR, ROWS, {"shap": e, "lime": lime}, **OPTIONS)
    row = result.table.loc["shap"]
    curves = [curve(LINEAR, ROWS, e, **OPTIONS) for curve in (deletion_curve, insertion_curve)]
    for name, curve in zip(["deletion", "insertion"], curves, strict=True):
        assert (row[name], row[f"{name}_error"]) == pytest.approx(
            (curve.area, curve.standard_error)
        )
        assert result.table.loc["random order", name] == pytest.approx(0.5)
    assert row["faithfulness"] == pytest.approx(curves[1].area - curves[0].area)
    assert row["comprehensiveness"] == comprehensiveness(LINEAR, ROWS, e, **OPTIONS).value
    assert row["sparseness"] == sparseness(e).value
    assert row["infidelity"] < 1e-12 and row["additivity_gap"] < 1e-12
    assert row["agreement"] == agreement(e, lime(LINEAR, ROWS)).rank_correlation
    assert np.isnan(row["sensitivity"])
    seed = np.random.RandomState(0).randint(2**31 - 1)
    expected = max_sensitivity(LINEAR, ROWS, lime, n_samples=3, random_state=seed).value
    assert result.table.loc["lime", "sensitivity"] == expected


def test_of_equals_the_one_with_the_smaller_infidelity_is_recommended():
    e = of_linear()
    explanations = {"doubled": e._replace(values=2 * e.values), "shap": e}
    result = evaluate_explanation(LINEAR, ROWS, explanations, **OPTIONS)
    assert result.recommended == "shap"
    assert "'doubled' is as faithful; of these it has the smallest infidelity" in result.reason
    alone = evaluate_explanation(LINEAR, ROWS, {"shap": e}, **OPTIONS)
    assert alone.recommended == "shap" and np.isnan(alone.table.loc["shap", "agreement"])


class Constant(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        self.fitted_ = True
        return self

    def predict(self, X):
        return np.full(len(X), 3.0)


def test_nothing_is_recommended_where_nothing_is_known():
    e = of_linear()
    wrong = {"wrong": e._replace(values=-e.values)}
    result = evaluate_explanation(LINEAR, ROWS, wrong, **OPTIONS)
    assert result.recommended is None and "not better than random ones" in result.reason
    one = evaluate_explanation(LINEAR, ROWS[:1], {"exact": e[:1]}, **OPTIONS)
    assert one.recommended is None and "no standard error" in one.reason
    model = Constant().fit(TABLE, None)
    flat = explain_shap(model, ROWS, background=BACKGROUND)
    result = evaluate_explanation(model, ROWS, {"flat": flat}, **OPTIONS)
    assert result.recommended is None and "nothing to explain" in result.reason


def test_slopes_take_part():
    X = np.random.default_rng(2).normal(size=(40, 5, 2))
    model = LSTMRegressor(4, max_epochs=3, random_state=0).fit(X, X[:, 3, 0])
    e = explain_gradients(model, X[:8], method="saliency")
    result = evaluate_explanation(model, X[:8], {"slopes": e}, background=X[20:], random_state=0)
    row = result.table.loc["slopes"]
    assert np.isnan(row[["infidelity", "additivity_gap"]]).all() and np.isfinite(row["deletion"])


def test_codes_have_no_sensitivity():
    X = np.random.default_rng(2).integers(0, 4, size=(40, 5))
    model = LSTMRegressor(4, max_epochs=3, embedding_size=2, random_state=0).fit(X, X[:, 3])
    explain = partial(explain_shap, background=X[20:])
    result = evaluate_explanation(model, X[:8], {"shap": explain}, background=X[20:])
    row = result.table.loc["shap"]
    assert np.isnan(row["sensitivity"]) and np.isfinite(row["infidelity"])


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"explanations": {}}, "'explanations' parameter must be a mapping"),
        ({"explanations": of_linear()}, "'explanations' parameter must be a mapping"),
        ({"explanations": {"random order": of_linear()}}, "none of them 'random order'"),
        ({"explanations": {"a": 3}}, r"'explanations\[a\]' parameter must be an Explanation"),
        ({"n_steps": 0}, "'n_steps' parameter"),
        ({"X": ROWS[::-1]}, "The explanation 'a': .*must be of this model and X"),
        ({"background": None}, "'background' parameter is required"),
        (
            {"explanations": {"a": of_linear(), "b": of_linear()[:3]}},
            r"same rows, players and outputs. 'b' has values of shape \(3, 5\)",
        ),
    ],
)
def test_bad_arguments(changes, message):
    given = {"model": LINEAR, "X": ROWS, "explanations": {"a": of_linear()}, **OPTIONS}
    with pytest.raises(ValueError, match=message):
        evaluate_explanation(**{**given, **changes})
