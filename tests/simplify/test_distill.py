"""distill: students of every kind."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.explain import explain_shap
from sklstm.preprocessing import SequenceWise, SlidingWindow
from sklstm.simplify import compare, distill

X = np.random.default_rng(0).normal(size=(80, 5, 3))
Y = 2 * X[:, 4, 1] + X[:, 2, 0]
LABELS = np.array(["a", "b", "c"])[np.digitize(Y, [-1, 1])]
SMALL = {"hidden_size": 6, "max_epochs": 10, "batch_size": 16, "random_state": 0}
STUDENT = {"hidden_size": 2, "max_epochs": 30, "batch_size": 16, "random_state": 0}
SIZES = {"hidden_size": [1, 2]}
UNLABELLED = np.random.default_rng(1).normal(size=(200, 5, 3))


def regressor(**params):
    return LSTMRegressor(**{**SMALL, **params}).fit(X, Y)


def classifier(**params):
    return LSTMClassifier(**{**SMALL, **params}).fit(X, LABELS)


def test_a_student_of_a_regressor_learns_its_predictions():
    teacher = regressor()
    before = pickle.dumps(teacher)
    student = LSTMRegressor(**STUDENT)
    small = distill(teacher, student, UNLABELLED)
    assert not hasattr(student, "net_")
    expected = clone(student).fit(UNLABELLED, teacher.predict(UNLABELLED))
    assert_array_equal(small.predict(X), expected.predict(X))
    assert compare(teacher, small, X, Y, n_explained=0, n_repeats=1).fidelity > 0.8
    assert pickle.dumps(teacher) == before


def test_an_exact_student_is_the_teacher():
    """A linear teacher is learned by a linear student to rounding."""
    teacher = make_pipeline(StandardScaler(), LinearRegression()).fit(X[:, 0], Y)
    student = distill(teacher, LinearRegression(), UNLABELLED[:, 0])
    assert_allclose(student.predict(X[:, 0]), teacher.predict(X[:, 0]))
    assert [name for name, _ in student.steps] == ["standardscaler", "linearregression"]


def test_a_student_of_a_classifier_learns_its_probabilities():
    teacher = classifier()
    flat = UNLABELLED.reshape(200, -1)
    linear = distill(teacher, LogisticRegression(C=1e6, max_iter=5000), UNLABELLED)
    # The slow way: the optimum of the cross entropy has residuals without any linear trend.
    missed = linear.predict_proba(UNLABELLED) - teacher.predict_proba(UNLABELLED)
    assert_allclose(flat.T @ missed / 200, 0.0, atol=3e-3)
    assert_allclose(missed.mean(axis=0), 0.0, atol=3e-3)
    hard = LogisticRegression(C=1e6, max_iter=5000).fit(flat, teacher.predict(UNLABELLED))
    assert np.abs(flat.T @ (hard.predict_proba(flat) - teacher.predict_proba(UNLABELLED))).max() > 2


def test_a_leaf_of_a_tree_has_the_mean_probability_of_its_rows():
    teacher = classifier()
    tree = distill(teacher, DecisionTreeClassifier(max_depth=2, random_state=0), UNLABELLED)
    leaves = tree[-1].apply(tree[:-1].transform(UNLABELLED))
    mean = teacher.predict_proba(UNLABELLED)[leaves == leaves[0]].mean(axis=0)
    assert_allclose(tree.predict_proba(UNLABELLED)[0], mean, atol=2e-3)
    assert_array_equal(tree.classes_, teacher.classes_)
    found = explain_shap(tree, X[:2, :, :], background=X[:5], level="feature")
    assert found.values.shape == (2, 3, 3)


@pytest.mark.parametrize("labels", [LABELS, LABELS == "a"], ids=["three classes", "two"])
def test_a_small_classifier(labels):
    teacher = LSTMClassifier(**SMALL).fit(X, labels)
    student = LSTMClassifier(**{**STUDENT, "hidden_size": 4, "dropout": 0.0, "weight_decay": 0.0})
    small = distill(teacher, student, UNLABELLED)
    assert small.hidden_size == 4
    assert_array_equal(small.classes_, teacher.classes_)
    assert (small.predict(X) == teacher.predict(X)).mean() > 0.8
    assert_array_equal(pickle.loads(pickle.dumps(small)).predict(X), small.predict(X))


def test_every_class_is_known_to_the_student_however_unlikely():
    teacher = classifier()
    sure = X[LABELS == "c"][:3]
    small = distill(teacher, DecisionTreeClassifier(max_depth=1, random_state=0), sure)
    assert_array_equal(small.classes_, ["a", "b", "c"])


def test_what_takes_no_weights_learns_labels():
    teacher = classifier()
    near = distill(teacher, KNeighborsClassifier(1), X)
    assert_array_equal(near.predict(X), teacher.predict(X))
    with pytest.raises(ValueError, match="takes none, such as KNeighborsClassifier"):
        distill(teacher, KNeighborsClassifier(1), X, sample_weight=np.ones(80))


@pytest.mark.cpu  # a tree cuts between numbers that differ by their last bit
@pytest.mark.parametrize("classify", [False, True])
def test_weights_of_rows(classify):
    teacher = classifier() if classify else regressor()
    tree = (DecisionTreeClassifier if classify else DecisionTreeRegressor)(max_depth=3)
    tree.set_params(random_state=0)
    weights = (np.arange(80) < 40).astype(float)
    some = distill(teacher, tree, X[:40])
    zero = distill(teacher, tree, X, sample_weight=weights)
    whole = distill(teacher, tree, X)
    assert_array_equal(some.predict(UNLABELLED), zero.predict(UNLABELLED))
    assert (whole.predict(UNLABELLED) != zero.predict(UNLABELLED)).any()


def test_pipelines_keep_their_first_steps():
    table = X[:, 0]
    teacher = make_pipeline(StandardScaler(), SlidingWindow(3), LSTMRegressor(**SMALL))
    teacher.fit(table, Y)
    small = distill(teacher, LSTMRegressor(**STUDENT), table)
    assert [type(step) for _, step in small.steps] == [type(step) for _, step in teacher.steps]
    assert small[-1].hidden_size == 2
    assert small[0] is not teacher[0]
    assert_array_equal(small[0].mean_, teacher[0].mean_)


def test_students_may_be_pipelines():
    teacher = classifier()
    scaled = make_pipeline(StandardScaler(), LogisticRegression())
    assert distill(teacher, scaled, UNLABELLED).predict(X).shape == (80,)
    own = make_pipeline(SequenceWise(StandardScaler()), LSTMClassifier(**STUDENT))
    found = distill(teacher, own, X)
    assert [name for name, _ in found.steps] == ["sequencewise", "lstmclassifier"]


def test_students_may_be_searches():
    teacher = regressor()
    found = distill(teacher, GridSearchCV(LSTMRegressor(**STUDENT), SIZES, cv=2), X)
    assert found.best_estimator_.n_features_in_ == X.shape[2]  # it reads sequences, not cells
    found = distill(teacher, GridSearchCV(Ridge(), {"alpha": [1, 2]}, cv=2), X)
    assert [name for name, _ in found.steps] == ["cells", "student"]


def test_ragged_rows_and_outputs_of_every_step():
    ragged = [row[: 2 + i % 4] for i, row in enumerate(X)]
    sums = [np.cumsum(row[:, 0]) for row in ragged]
    params = {"return_sequences": True}
    teacher = LSTMRegressor(**SMALL, **params).fit(ragged, sums)
    small = distill(teacher, LSTMRegressor(**STUDENT, **params), ragged)
    assert [len(row) for row in small.predict(ragged)] == [len(row) for row in ragged]
    signs = [np.where(row > 0, "+", "-") for row in sums]
    teacher = LSTMClassifier(**SMALL, **params).fit(ragged, signs)
    small = distill(teacher, LSTMClassifier(**STUDENT, **params), ragged)
    assert_array_equal(small.classes_, ["+", "-"])
    with pytest.raises(ValueError, match=r"one length\. X has sequences of 2 to 5 time steps"):
        distill(LSTMRegressor(**SMALL).fit(ragged, Y), LinearRegression(), ragged)


def test_several_outputs_and_labels():
    two = np.stack([Y, -Y], axis=1)
    teacher = LSTMRegressor(**SMALL).fit(X, two)
    assert distill(teacher, LinearRegression(), X).predict(X).shape == (80, 2)
    teacher = LSTMClassifier(**SMALL).fit(X, (two > 0).astype(int))
    assert distill(teacher, LSTMClassifier(**STUDENT), X).predict(X).shape == (80, 2)


@pytest.mark.parametrize(
    "student, message",
    [
        (LSTMRegressor, "'student' parameter of distill must be an estimator"),
        (None, "'student' parameter of distill must be an estimator"),
        (StandardScaler(), "must be an estimator that predicts. Got StandardScaler"),
        (LSTMClassifier(), "must be a regressor, as LSTMRegressor is"),
        (LSTMRegressor(loss="quantile"), "another loss than 'quantile'"),
        (GridSearchCV(LSTMRegressor(loss="quantile"), SIZES), "another loss than 'quantile'"),
    ],
    ids=["class", "none", "transformer", "classifier", "quantile", "search"],
)
def test_bad_students(student, message):
    with pytest.raises(ValueError, match=message):
        distill(regressor(), student, X)


def test_bad_data():
    with pytest.raises(NotFittedError):
        distill(LSTMRegressor(), LinearRegression(), X)
    with pytest.raises(ValueError, match=r"'model' parameter .* must predict\. Got Standard"):
        distill(StandardScaler().fit(X[:, 0]), LinearRegression(), X)
    with pytest.raises(ValueError, match="X has 2 features"):
        distill(regressor(), LinearRegression(), X[:, :, :2])
    with pytest.raises(ValueError, match="sample_weight"):
        distill(regressor(), LinearRegression(), X, sample_weight=np.ones(3))
