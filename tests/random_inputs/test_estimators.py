"""Both estimators on random X, y, weights and parameters: a right answer, or an error to read."""

import pickle
from functools import cache

import numpy as np
import pytest
from arbitrary import (
    ARRAYS,
    FINITE,
    PARAMETERS,
    RAGGED,
    TABLES,
    anything,
    attempt,
    even,
    is_refused,
    ragged,
    trials,
)
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.base import clone

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.io import load, save

N, STEPS = 12, 4
TINY = {"hidden_size": 2, "max_epochs": 1, "random_state": 0, "device": "cpu"}
X = np.random.default_rng(0).normal(size=(N, STEPS, 2))
ITEMS = [x[: 1 + i % STEPS] for i, x in enumerate(X)]
Y = X.sum((1, 2))
LABELS = np.array(["a", "b", "c"])[np.arange(N) % 3]
INDICATOR = np.eye(3, dtype=int)[np.arange(N) % 3]
FITS = {
    "regressor": (LSTMRegressor(**TINY), X, Y),
    "two outputs": (LSTMRegressor(**TINY, bidirectional=True), X, np.column_stack([Y, -Y])),
    "quantiles": (LSTMRegressor(**TINY, loss="quantile"), X, Y),
    "two classes": (LSTMClassifier(**TINY), ITEMS, LABELS == "a"),
    "classes": (LSTMClassifier(**TINY, cell="peephole", pooling="attention"), ITEMS, LABELS),
    "labels": (LSTMClassifier(**TINY), X, INDICATOR),
    "steps": (LSTMRegressor(**TINY, return_sequences=True), X, X[:, :, 0]),
    "labels of steps": (LSTMClassifier(**TINY, return_sequences=True), X, X[:, :, 0] > 0),
    "codes": (LSTMClassifier(**TINY, embedding_size=2), np.arange(N * STEPS).reshape(N, -1), Y > 0),
    "table": (LSTMRegressor(**TINY), X[:, :, 0], Y),
    "steps in a table": (LSTMRegressor(**TINY, n_timesteps=STEPS), X.reshape(N, -1), Y),
}
ONE_ANSWER = st.sampled_from(
    ["regressor", "two outputs", "quantiles", "two classes", "classes", "labels"]
)
METHODS = ("predict", "predict_quantiles", "predict_proba", "decision_function")


@cache
def fitted(name):
    model, data, y = FITS[name]
    return clone(model).fit(data, y)


def answers(model, data):
    """All that a model says of sequences, by method."""
    methods = [method for method in METHODS if hasattr(model, method)]
    if getattr(model, "loss", None) != "quantile" and "predict_quantiles" in methods:
        methods.remove("predict_quantiles")
    return {method: getattr(model, method)(data) for method in methods}


def assert_same(got, expected):
    assert got.keys() == expected.keys()
    for method, values in expected.items():
        assert len(got[method]) == len(values)
        for row, expected_row in zip(got[method], values, strict=True):
            assert_array_equal(row, expected_row)


def n_rows(data):
    return data.shape[0] if hasattr(data, "shape") else len(data)


def assert_answers(predictions, data):
    """One for each row; finite wherever there is a time step."""
    assert len(predictions) == n_rows(data)
    for row in map(np.asarray, predictions):
        assert row.dtype.kind != "f" or not np.isinf(row).any()
        assert row.dtype.kind != "f" or row.ndim or np.isfinite(row)
        # Where there is one prediction per step, NaN and None stand at padded ones.
        assert row.size == 0 or any(value == value for value in row.flat)


# ---------------------------------------------------------------- the same sequences


@trials(60)
@given(name=ONE_ANSWER, items=ragged(), layout=st.sampled_from(sorted(RAGGED)))
def test_containers_of_ragged_sequences_get_the_same_answers(name, items, layout):
    assert_same(answers(fitted(name), RAGGED[layout](items)), answers(fitted(name), items))


@trials(40)
@given(name=ONE_ANSWER, array=even(), layout=st.sampled_from(sorted(ARRAYS)))
def test_containers_of_an_array_get_the_same_answers(name, array, layout):
    assert_same(answers(fitted(name), ARRAYS[layout](array)), answers(fitted(name), array))


@pytest.mark.filterwarnings("ignore:X has feature names")  # scikit-learn's, for a fit on an array
@trials(40)
@given(
    array=even(2, n_timesteps=STEPS),
    layout=st.sampled_from(sorted(TABLES)),
    univariate=st.booleans(),
)
def test_tables_get_the_answers_of_the_array(array, layout, univariate):
    array = array[:, :, :1] if univariate else array
    model = fitted("table" if univariate else "steps in a table")
    table = TABLES[layout](array.reshape(len(array), -1))
    assert_array_equal(model.predict(table), model.predict(array))


@trials(40)
@given(
    name=ONE_ANSWER | st.sampled_from(["steps", "labels of steps"]),
    items=ragged(values=FINITE),
    order=st.randoms(use_true_random=False),
)
def test_answers_do_not_depend_on_the_other_rows_or_their_order(name, items, order):
    model = fitted(name)
    together = answers(model, items)
    rows = order.sample(range(len(items)), order.randint(1, len(items)))
    some = answers(model, [items[row] for row in rows])
    assert_same(
        some, {method: [values[row] for row in rows] for method, values in together.items()}
    )
    assert_answers(together["predict"], items)


# ---------------------------------------------------------------- anything


@pytest.mark.parametrize("name", FITS)
@trials(25)
@given(data=anything())
def test_predict_answers_or_says_what_is_wrong_with_x(name, data):
    model = fitted(name)
    before = pickle.dumps(model)
    predictions = attempt(model.predict, data, says="X|array|[Ss]ample|Complex data")
    if not is_refused(predictions):
        assert_answers(predictions, data)
    assert pickle.dumps(model) == before


@pytest.mark.parametrize("name", FITS)
@trials(25)
@given(part=st.sampled_from(["X", "y", "sample_weight"]), value=anything(), data=st.data())
def test_fit_learns_or_says_what_is_wrong_and_keeps_the_model(name, part, value, data):
    _, train, y = FITS[name]
    model = pickle.loads(pickle.dumps(fitted(name)))
    model.set_params(warm_start=data.draw(st.booleans(), label="warm_start"))
    before = pickle.dumps(model)
    arguments = {"X": train, "y": y, "sample_weight": None, part: value}
    if is_refused(
        attempt(model.fit, **arguments, says=f"{part}|array|[Ss]ample|class|label|target|Complex")
    ):
        assert pickle.dumps(model) == before
    else:
        assert_answers(model.predict(arguments["X"]), arguments["X"])


@trials(60)
@given(classes=anything() | st.lists(st.sampled_from(["a", "b", "c", "d", 1, 0.5]), max_size=5))
def test_partial_fit_takes_classes_or_says_what_is_wrong(classes):
    model = LSTMClassifier(**TINY)
    if not is_refused(attempt(model.partial_fit, X, LABELS, classes=classes, says="class")):
        assert set(LABELS) <= set(model.classes_)
        assert model.predict_proba(X).shape == (N, len(model.classes_))


@trials(40)
@given(part=st.sampled_from(["X", "y", "sample_weight"]), value=anything())
def test_score_is_a_number_or_says_what_is_wrong(part, value):
    arguments = {"X": X, "y": Y, "sample_weight": None, part: value}
    score = attempt(fitted("regressor").score, **arguments)
    assert is_refused(score) or np.isfinite(score) or n_rows(arguments["X"]) < 2


# ---------------------------------------------------------------- parameters

# What starts processes, writes files or prints is tested elsewhere.
OF_NO_USE = {"checkpoint", "verbose"}
NAMES = sorted(set(LSTMRegressor(**TINY).get_params()) - OF_NO_USE)


@trials(150)
@given(name=st.sampled_from(NAMES), value=PARAMETERS)
def test_a_parameter_is_used_or_named_with_what_it_must_be(name, value):
    model = LSTMRegressor(**TINY)
    attributes = set(vars(model))
    model.set_params(**{name: value})
    if is_refused(attempt(model.fit, X, Y, says=f"{name}|columns|seed")):
        assert set(vars(model)) == attributes
    else:
        assert_answers(model.predict(X), X)


VALID = {
    "hidden_size": st.integers(1, 3),
    "num_layers": st.integers(1, 2),
    "bidirectional": st.booleans(),
    "cell": st.sampled_from(["lstm", "peephole"]),
    "activation": st.sampled_from(["tanh", "relu"]),
    "pooling": st.sampled_from(["last", "mean", "max", "attention", ("last", "input")]),
    "dropout": st.floats(0, 0.9),
    "recurrent_dropout": st.floats(0, 0.9),
    "loss": st.sampled_from(["squared_error", "absolute_error", "huber", "quantile"]),
    "optimizer": st.sampled_from(["adamw", "adam", "rmsprop", "sgd"]),
    "lr_schedule": st.sampled_from(["constant", "one_cycle"]),
    "batch_size": st.just("auto") | st.integers(1, 20),
    "early_stopping": st.booleans(),
    "validation_split": st.sampled_from(["random", "last"]),
    "standardize": st.booleans(),
    "keep_background": st.integers(0, 20),
    "tbptt_steps": st.none() | st.integers(1, 5),
}


@trials(25)
@given(params=st.fixed_dictionaries({}, optional=VALID), items=ragged())
def test_any_valid_model_comes_back_from_a_pickle_a_file_and_a_clone(
    params, items, tmp_path_factory
):
    model = LSTMRegressor(**TINY | params)
    assert clone(model).get_params() == model.get_params()
    model.fit(ITEMS, Y)
    path = tmp_path_factory.getbasetemp() / "random.sklstm"
    save(model, path)
    for twin in pickle.loads(pickle.dumps(model)), load(path), clone(model).fit(ITEMS, Y):
        assert twin.get_params() == model.get_params()
        assert_same(answers(twin, items), answers(model, items))
