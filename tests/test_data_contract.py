"""The data contract, kept by both estimators from fit to predict."""

import os
import pickle
import subprocess
import sys
import textwrap
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from plain import PLAIN
from rounding import assert_same_numbers
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from skorch.callbacks import Callback

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm._training import _batches

N, STEPS, FEATURES = 24, 6, 2
COLUMNS = [f"c{i}" for i in range(STEPS * FEATURES)]
RNG = np.random.default_rng(0)
# Equal in float32 and float64, so that every container holds the same numbers.
X = RNG.normal(size=(N, STEPS, FEATURES)).astype(np.float32).astype(np.float64)
LENGTHS = RNG.permutation(np.arange(N) % STEPS + 1)
ITEMS = [x[:length] for x, length in zip(X, LENGTHS, strict=True)]
Y = X.sum((1, 2)) + 3.0
LABELS = np.array(["low", "middle", "high"])[np.digitize(Y, [2.5, 3.5])]
WEIGHT = RNG.integers(1, 4, N) * 0.5

SMALL = PLAIN | {"hidden_size": 5, "max_epochs": 3, "batch_size": 7, "random_state": 0}
# What uses validation rows, dropout, weights and batches of different make-up, all at once.
BUSY = SMALL | {"dropout": 0.2, "early_stopping": True, "validation_fraction": 0.25}


def object_array(items):
    array = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):
        array[i] = item
    return array


def padded(items, starts, n_timesteps):
    values = np.full((len(items), n_timesteps, items[0].shape[1]), np.nan)
    for row, start, item in zip(values, starts, items, strict=True):
        row[start : start + len(item)] = item
    return values


def outputs(model, X):
    """Everything a model says of X, side by side, one row per sample."""
    if isinstance(model, LSTMRegressor):
        return model.predict(X).reshape(len(X), -1)
    parts = [model.decision_function(X), model.predict_proba(X), model.predict_log_proba(X)]
    return np.column_stack([part.reshape(len(X), -1) for part in parts])


def memory_mapped(array, path):
    np.save(path, array)
    return np.load(path, mmap_mode="r")


# ---------------------------------------------------------------- rows are on their own

MODELS = {
    "one output": (LSTMRegressor(**SMALL), Y),
    "three outputs": (LSTMRegressor(**SMALL), np.column_stack([Y, -Y, Y**2])),
    "sixteen units": (LSTMRegressor(**SMALL | {"hidden_size": 16}), np.column_stack([Y, -Y])),
    "mean": (LSTMRegressor(**(SMALL | {"pooling": "mean"})), Y),
    "mean of one unit": (LSTMRegressor(**(SMALL | {"hidden_size": 1, "pooling": "mean"})), Y),
    "peepholes": (LSTMRegressor(**(SMALL | {"cell": "peephole"})), Y),
    "attention": (LSTMRegressor(**(SMALL | {"pooling": ["attention", "input"]})), Y),
    "max": (LSTMRegressor(**(SMALL | {"pooling": "max", "num_layers": 2})), Y),
    "both directions": (LSTMRegressor(**(SMALL | {"bidirectional": True, "num_layers": 2})), Y),
    "two classes": (LSTMClassifier(**SMALL), LABELS == "low"),
    "three classes": (LSTMClassifier(**(SMALL | {"bidirectional": True})), LABELS),
    "three classes, mean": (LSTMClassifier(**(SMALL | {"pooling": "mean"})), LABELS),
    "nine labels": (LSTMClassifier(**SMALL), RNG.integers(0, 2, (N, 9))),
}


@pytest.fixture(scope="module", params=MODELS)
def fitted(request):
    model, y = MODELS[request.param]
    return clone(model).fit(ITEMS, y)


MANY = [RNG.normal(size=(length, FEATURES)) for length in RNG.integers(1, 20, 300)]
EVEN = RNG.normal(size=(300, 11, FEATURES))
DATA = {"ragged": MANY, "even": list(EVEN)}


@pytest.fixture(scope="module", params=DATA)
def many(request, fitted):
    """300 rows and what the model says of them in one batch."""
    rows = DATA[request.param]
    return rows, outputs(fitted, rows)


def test_row_alone_gives_its_output_of_the_batch(fitted, many):
    rows, expected = many
    alone = np.concatenate([outputs(fitted, [row]) for row in rows[:60]])
    assert_same_numbers(alone, expected[:60])


@pytest.mark.parametrize("size", range(2, 10))
def test_rows_in_any_batch_size_give_the_same_output(fitted, many, size):
    rows, expected = many
    for begin in range(0, 60, size):
        part = slice(begin, begin + size)
        assert_same_numbers(outputs(fitted, rows[part]), expected[part])


def test_order_of_the_rows_does_not_matter(fitted, many):
    rows, expected = many
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(300)
        assert_same_numbers(outputs(fitted, [rows[i] for i in order]), expected[order])


def test_the_other_rows_do_not_matter(fitted, many):
    rows, expected = many
    others = [np.full((step, FEATURES), 1e6) for step in (1, 40)]
    assert_same_numbers(outputs(fitted, [others[1], *rows[:9], others[0]])[1:-1], expected[:9])


@pytest.mark.parametrize("entries", [1, 2_000, 20_000])
def test_rows_beyond_one_inference_batch_give_the_same_output(fitted, many, entries, monkeypatch):
    rows, expected = many
    monkeypatch.setattr(_batches, "INFERENCE_ENTRIES", entries)
    monkeypatch.setattr(_batches, "GPU_FACTOR", 1)
    assert_same_numbers(outputs(fitted, rows), expected)


def test_dense_array_gives_the_output_of_the_list(fitted):
    assert_same_numbers(outputs(fitted, EVEN), outputs(fitted, list(EVEN)))


@pytest.mark.parametrize("extra", [0, 1, 3, 30])
@pytest.mark.parametrize("side", ["start", "end", "both"])
def test_padding_does_not_change_an_output(fitted, side, extra):
    items = MANY[:40]
    longest = max(map(len, items)) + extra
    starts = {
        "start": [longest - len(item) for item in items],
        "end": [0] * len(items),
        "both": [(longest - len(item)) // 2 for item in items],
    }[side]
    together = padded(items, starts, longest)
    expected = outputs(fitted, items)
    assert_same_numbers(outputs(fitted, together), expected)
    each = [outputs(fitted, together[i : i + 1]) for i in range(len(items))]
    assert_same_numbers(np.concatenate(each), expected)
    assert_same_numbers(outputs(fitted, list(together)), expected)


@pytest.mark.parametrize(
    "view",
    [
        lambda A: A[::-1][:1],
        lambda A: A[::-1][:5],
        lambda A: A[:3, ::-1],
        lambda A: A[:3, ::-1][:, :1],
        lambda A: A[:3, :, ::-1],
        lambda A: A[7:8, 4:5],
        lambda A: A[::7, ::3],
        lambda A: np.asfortranarray(A[:9]),
        lambda A: np.broadcast_to(A[:1], (3, *A.shape[1:])),
        lambda A: np.ascontiguousarray(A[:9].swapaxes(1, 2)).swapaxes(1, 2),
    ],
    ids=[
        "last row",
        "last rows",
        "steps reversed",
        "last step",
        "features reversed",
        "one step",
        "strided",
        "fortran",
        "broadcast",
        "features first",
    ],
)
def test_view_gives_the_output_of_its_copy(fitted, view):
    assert_same_numbers(outputs(fitted, view(EVEN)), outputs(fitted, np.array(view(EVEN))))


# ---------------------------------------------------------------- the same data, the same model


def fit_outputs(estimator, X, y, **params):
    model = clone(estimator).set_params(**params).fit(X, y, sample_weight=WEIGHT)
    return outputs(model, X)


ESTIMATORS = {
    "regressor": (LSTMRegressor(**BUSY), Y),
    "classifier": (LSTMClassifier(**BUSY), LABELS),
    "mean": (
        LSTMRegressor(**(BUSY | {"pooling": "mean", "bidirectional": True})),
        np.column_stack([Y, -Y]),
    ),
}
both = pytest.mark.parametrize("kind", ESTIMATORS)


@pytest.fixture(scope="module")
def expected_outputs():
    """What each estimator says after a fit on the plain 3-D array, the list, one feature."""
    return {
        (kind, name): fit_outputs(estimator, data, y)
        for kind, (estimator, y) in ESTIMATORS.items()
        for name, data in (("array", X), ("ragged", ITEMS), ("univariate", X[:, :, :1]))
    }


ARRAY_LAYOUTS = {
    "float32": lambda: X.astype(np.float32),
    "big-endian": lambda: X.astype(">f8"),
    "object": lambda: X.astype(object),
    "fortran": lambda: np.asfortranarray(X),
    "features first": lambda: np.ascontiguousarray(X.swapaxes(1, 2)).swapaxes(1, 2),
    "features outermost": lambda: np.ascontiguousarray(np.moveaxis(X, 2, 0)).transpose(1, 2, 0),
    "samples last": lambda: np.ascontiguousarray(np.moveaxis(X, 0, 2)).transpose(2, 0, 1),
    "rows reversed": lambda: X[::-1].copy()[::-1],
    "read-only": lambda: np.broadcast_to(X, X.shape),
    "tensor": lambda: torch.tensor(X),
    "list": lambda: list(X),
    "tuple": lambda: tuple(X),
    "nested lists": lambda: X.tolist(),
    "object array": lambda: object_array(list(X)),
    "series": lambda: pd.Series(list(X)),
    "list of data frames": lambda: [pd.DataFrame(x) for x in X],
    "padded at the start": lambda: padded(list(X), [3] * N, STEPS + 3),
    "padded at the end": lambda: padded(list(X), [0] * N, STEPS + 3),
    "padded here and there": lambda: padded(list(X), np.arange(N) % 4, STEPS + 3),
}


@both
@pytest.mark.parametrize("layout", ARRAY_LAYOUTS)
def test_layouts_of_the_same_sequences_give_the_same_model(kind, layout, expected_outputs):
    got = fit_outputs(ESTIMATORS[kind][0], ARRAY_LAYOUTS[layout](), ESTIMATORS[kind][1])
    assert_same_numbers(got, expected_outputs[kind, "array"])


TABLE = X.reshape(N, -1)
TABLES = {
    "array": lambda: TABLE,
    "float32": lambda: TABLE.astype(np.float32),
    "fortran": lambda: np.asfortranarray(TABLE),
    "nested lists": lambda: TABLE.tolist(),
    "pandas": lambda: pd.DataFrame(TABLE, columns=COLUMNS, index=np.arange(N)[::-1]),
    "pandas built by column": lambda: pd.DataFrame(dict(zip(COLUMNS, TABLE.T, strict=True))),
    "pandas float32": lambda: pd.DataFrame(TABLE, columns=COLUMNS, dtype=np.float32),
    "polars": lambda: pl.DataFrame(TABLE, schema=COLUMNS),
}


@both
@pytest.mark.parametrize("layout", TABLES)
def test_tables_of_the_same_sequences_give_the_same_model(kind, layout, expected_outputs):
    got = fit_outputs(ESTIMATORS[kind][0], TABLES[layout](), ESTIMATORS[kind][1], n_timesteps=STEPS)
    assert_same_numbers(got, expected_outputs[kind, "array"])


UNIVARIATE = {
    "array": lambda: X[:, :, 0],
    "nested lists": lambda: X[:, :, 0].tolist(),
    "list of arrays": lambda: list(X[:, :, 0]),
    "pandas": lambda: pd.DataFrame(X[:, :, 0], columns=COLUMNS[:STEPS]),
    "polars": lambda: pl.DataFrame(X[:, :, 0], schema=COLUMNS[:STEPS]),
    "object array": lambda: object_array(list(X[:, :, 0])),
    "series of arrays": lambda: pd.Series(list(X[:, :, 0])),
}


@both
@pytest.mark.parametrize("layout", UNIVARIATE)
def test_series_in_rows_are_univariate_sequences(kind, layout, expected_outputs):
    got = fit_outputs(ESTIMATORS[kind][0], UNIVARIATE[layout](), ESTIMATORS[kind][1])
    assert_same_numbers(got, expected_outputs[kind, "univariate"])


RAGGED_LAYOUTS = {
    "tuple": lambda: tuple(ITEMS),
    "object array": lambda: object_array(ITEMS),
    "nested lists": lambda: [item.tolist() for item in ITEMS],
    "float32": lambda: [item.astype(np.float32) for item in ITEMS],
    "mixed dtypes": lambda: [
        item.astype(np.float32 if i % 2 else object) for i, item in enumerate(ITEMS)
    ],
    "series": lambda: pd.Series(ITEMS),
    "padded at the start": lambda: padded(ITEMS, STEPS - LENGTHS, STEPS),
    "padded at the end": lambda: padded(ITEMS, [0] * N, STEPS),
    "padded at both sides": lambda: padded(ITEMS, (STEPS - LENGTHS) // 2 + 1, STEPS + 2),
    "list of padded": lambda: list(padded(ITEMS, (STEPS - LENGTHS) // 2 + 1, STEPS + 2)),
}


@both
@pytest.mark.parametrize("layout", RAGGED_LAYOUTS)
def test_layouts_of_the_same_ragged_sequences_give_the_same_model(kind, layout, expected_outputs):
    got = fit_outputs(ESTIMATORS[kind][0], RAGGED_LAYOUTS[layout](), ESTIMATORS[kind][1])
    assert_same_numbers(got, expected_outputs[kind, "ragged"])


MAPPED = {
    "array": (lambda: X.astype(np.float32), {}, "array"),
    "float64 array": (lambda: X, {}, "array"),
    "table": (lambda: TABLE.astype(np.float32), {"n_timesteps": STEPS}, "array"),
    "padded": (lambda: padded(ITEMS, STEPS - LENGTHS, STEPS).astype(np.float32), {}, "ragged"),
}


@both
@pytest.mark.parametrize("layout", MAPPED)
@pytest.mark.parametrize("chunk_bytes", [300, 16 * 2**20])
def test_memory_map_gives_the_same_model(
    kind, layout, chunk_bytes, expected_outputs, tmp_path, monkeypatch
):
    build, params, name = MAPPED[layout]
    mapped = memory_mapped(build(), tmp_path / "x.npy")
    estimator, y = ESTIMATORS[kind]
    if chunk_bytes == 300:  # chunked sums may differ in their last bits
        monkeypatch.setattr("sklstm._data._sequences.CHUNK_BYTES", chunk_bytes)
        data = {"array": X, "ragged": ITEMS}[name]
        expected = fit_outputs(estimator, data, y)
    else:
        expected = expected_outputs[kind, name]
    assert_same_numbers(fit_outputs(estimator, mapped, y, **params), expected)


def test_memory_map_of_integers_gives_the_model_of_the_numbers(tmp_path):
    whole = np.round(X * 100).astype(np.int16)
    mapped = memory_mapped(whole, tmp_path / "x.npy")
    estimator, y = ESTIMATORS["regressor"]
    assert_same_numbers(fit_outputs(estimator, mapped, y), fit_outputs(estimator, whole * 1.0, y))


@both
def test_fit_leaves_its_arguments_as_they_were(kind):
    estimator, y = ESTIMATORS[kind]
    data, y, weight = padded(ITEMS, STEPS - LENGTHS, STEPS), y.copy(), WEIGHT.copy()
    before = data.copy(), y.copy(), weight.copy()
    clone(estimator).fit(data, y, sample_weight=weight)
    for array, original in zip((data, y, weight), before, strict=True):
        assert_array_equal(array, original)


@both
def test_read_only_arguments_are_accepted(kind):
    estimator, y = ESTIMATORS[kind]
    arrays = [np.array(a) for a in (X, y, WEIGHT)]
    for array in arrays:
        array.flags.writeable = False
    model = clone(estimator).fit(arrays[0], arrays[1], sample_weight=arrays[2])
    assert len(model.predict(arrays[0])) == N


@both
def test_model_does_not_hold_on_to_the_callers_data(kind):
    estimator, y = ESTIMATORS[kind]
    data = X.copy()
    model = clone(estimator).fit(data, y)
    expected = outputs(model, X)
    data[:] = 1e9
    assert_same_numbers(outputs(model, X), expected)


# ---------------------------------------------------------------- shapes and types


@pytest.mark.parametrize("shape", [(N,), (N, 1), (N, 2), (N, 5)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, int])
def test_predictions_are_float64_of_the_shape_of_y(shape, dtype):
    y = np.resize(Y * 10, shape).astype(dtype)
    model = LSTMRegressor(**SMALL).fit(X, y)
    for rows in (X, X[:1], X.astype(np.float32), ITEMS, X.astype(int)):
        predicted = model.predict(rows)
        assert predicted.dtype == np.float64
        assert predicted.shape == (len(rows), *shape[1:])


@pytest.mark.parametrize("n_classes", [2, 3])
def test_shapes_of_a_classifier(n_classes):
    y = np.arange(N) % n_classes
    model = LSTMClassifier(**SMALL).fit(X.astype(np.float32), y)
    for rows in (X[:5], X[:1]):
        n = len(rows)
        decision, proba = model.decision_function(rows), model.predict_proba(rows)
        assert decision.shape == ((n,) if n_classes == 2 else (n, n_classes))
        assert proba.shape == model.predict_log_proba(rows).shape == (n, n_classes)
        assert decision.dtype == proba.dtype == model.predict_log_proba(rows).dtype == np.float64
        assert_allclose(proba.sum(1), 1.0, rtol=1e-12)
        assert_allclose(np.log(proba), model.predict_log_proba(rows), rtol=1e-9)
        assert model.predict(rows).shape == (n,)
        assert_array_equal(model.predict(rows), model.classes_[proba.argmax(1)])


@pytest.mark.parametrize("n_labels", [2, 4])
@pytest.mark.parametrize("dtype", [int, bool, float])
def test_shapes_of_a_multilabel_classifier(n_labels, dtype):
    y = np.random.default_rng(0).integers(0, 2, (N, n_labels)).astype(dtype)
    model = LSTMClassifier(**SMALL).fit(X, y)
    for rows in (X[:5], X[:1]):
        proba, decision = model.predict_proba(rows), model.decision_function(rows)
        assert proba.shape == decision.shape == (len(rows), n_labels)
        assert proba.dtype == decision.dtype == np.float64
        assert_allclose(proba, 1 / (1 + np.exp(-decision)), rtol=1e-12)
        predicted = model.predict(rows)
        assert set(np.unique(predicted)) <= {0, 1}
        assert_array_equal(predicted, proba > 0.5)


@pytest.mark.parametrize(
    "y",
    [
        np.arange(N) % 3 - 1,
        np.array(["b", "a", "ä"])[np.arange(N) % 3],
        np.array(["b", "a"], dtype=object)[np.arange(N) % 2],
        np.arange(N) % 2 == 0,
        (np.arange(N) % 2).astype(float),
        np.array(["2020", "2021"], "datetime64[Y]")[np.arange(N) % 2],
    ],
    ids=["int", "text", "objects", "bool", "float", "dates"],
)
def test_predicted_labels_are_of_the_type_of_y(y):
    model = LSTMClassifier(**SMALL).fit(X, y)
    assert_array_equal(model.classes_, np.unique(y), strict=True)
    predicted = model.predict(X)
    assert predicted.dtype == y.dtype
    assert set(predicted.tolist()) <= set(y.tolist())


ATTRIBUTES = {
    "array": (lambda: X, None, (FEATURES, STEPS, FEATURES)),
    "ragged": (lambda: ITEMS, None, (FEATURES, None, FEATURES)),
    "list of equal length": (lambda: list(X), None, (FEATURES, STEPS, FEATURES)),
    "padded": (lambda: padded(ITEMS, [0] * N, 9), None, (FEATURES, None, FEATURES)),
    "padded alike": (lambda: padded(list(X), [2] * N, 9), None, (FEATURES, STEPS, FEATURES)),
    "table": (lambda: TABLE, None, (12, 12, 1)),
    "table of steps": (lambda: TABLE, STEPS, (12, STEPS, FEATURES)),
    "one step": (lambda: TABLE, 1, (12, 1, 12)),
    "univariate series": (lambda: [x[:, 0] for x in ITEMS], None, (1, None, 1)),
    "pandas": (lambda: pd.DataFrame(TABLE, columns=COLUMNS), STEPS, (12, STEPS, FEATURES)),
    "polars": (lambda: pl.DataFrame(TABLE, schema=COLUMNS), None, (12, 12, 1)),
    "pandas without names": (lambda: pd.DataFrame(TABLE), None, (12, 12, 1)),
}


def fitted_attributes(model):
    return {name for name in vars(model) if name.endswith("_") or name.startswith("_")}


@both
@pytest.mark.parametrize("layout", ATTRIBUTES)
def test_attributes_say_what_was_read(kind, layout):
    build, n_timesteps, expected = ATTRIBUTES[layout]
    estimator, y = ESTIMATORS[kind]
    model = clone(estimator).set_params(n_timesteps=n_timesteps).fit(build(), y)
    got = model.n_features_in_, model.n_timesteps_in_, model.n_sequence_features_
    assert got == expected
    assert all(value is None or type(value) is int for value in got)
    if layout in ("pandas", "polars"):
        assert model.feature_names_in_.tolist() == COLUMNS
        assert model.feature_names_in_.dtype == object
    else:
        assert not hasattr(model, "feature_names_in_")


@pytest.mark.parametrize("first", ["pandas", "array", "ragged", "table"])
@pytest.mark.parametrize("second", ["polars", "array", "ragged", "table"])
def test_second_fit_forgets_the_first(first, second):
    estimator = LSTMRegressor(**SMALL)
    build, n_timesteps, _ = ATTRIBUTES[second]
    fresh = clone(estimator).set_params(n_timesteps=n_timesteps).fit(build(), Y)
    model = clone(estimator).set_params(n_timesteps=ATTRIBUTES[first][1])
    model.fit(ATTRIBUTES[first][0](), np.column_stack([Y, Y]))
    model.set_params(n_timesteps=n_timesteps).fit(build(), Y)
    assert fitted_attributes(model) == fitted_attributes(fresh)
    for name in ("n_features_in_", "n_timesteps_in_", "n_sequence_features_", "n_epochs_"):
        assert getattr(model, name) == getattr(fresh, name)
    assert_same_numbers(outputs(model, build()), outputs(fresh, build()))


# ---------------------------------------------------------------- prediction in other layouts


def test_array_and_table_are_interchangeable_after_fit():
    model = LSTMRegressor(**SMALL, n_timesteps=STEPS).fit(X, Y)
    expected = model.predict(X)
    assert_same_numbers(model.predict(TABLE), expected)
    model.fit(TABLE, Y)
    for rows in (X, list(X), object_array(list(X)), padded(list(X), [1] * N, 8)):
        assert_same_numbers(model.predict(rows), expected)


@pytest.mark.parametrize("n_timesteps", [1, 3, 50])
def test_sequences_may_be_longer_or_shorter_than_in_training(n_timesteps):
    model = LSTMRegressor(**SMALL).fit(X, Y)
    rows = np.random.default_rng(0).normal(size=(3, n_timesteps, FEATURES))
    assert np.isfinite(model.predict(rows)).all()


def test_univariate_series_of_equal_length_are_read_after_a_ragged_fit():
    series = [item[:, 0] for item in ITEMS]
    model = LSTMRegressor(**SMALL).fit(series, Y)
    expected = model.predict(series)
    for i, one in enumerate(series):
        assert_same_numbers(model.predict([one]), expected[i : i + 1])
        assert_same_numbers(model.predict(object_array([one])), expected[i : i + 1])


WRONG_FEATURES = {
    "array": (X, X[:, :, :1], ["1 features", f"{FEATURES} features"]),
    "array for list": (ITEMS, np.zeros((2, 4, 3)), ["3 features", f"{FEATURES} features"]),
    "list": (X, [np.zeros((3, 5)), np.zeros((1, 5))], ["5 features", f"{FEATURES} features"]),
    "table for array": (X, TABLE, ["1 features", f"{FEATURES} features"]),
    "array for table": (TABLE, X, [f"{FEATURES} features", "1 features"]),
    "more columns": (TABLE, np.zeros((2, 13)), ["13 features", "12 features"]),
    "fewer columns": (TABLE, np.zeros((2, 11)), ["11 features", "12 features"]),
    "nested lists": (TABLE, np.zeros((2, 11)).tolist(), ["11 features", "12 features"]),
}


@pytest.mark.parametrize("estimator", [LSTMRegressor(**SMALL), LSTMClassifier(**SMALL)])
@pytest.mark.parametrize("case", WRONG_FEATURES)
def test_other_features_in_predict_are_named_with_both_counts(estimator, case):
    train, rows, fragments = WRONG_FEATURES[case]
    model = clone(estimator).fit(train, np.arange(N) % 3)
    with pytest.raises(ValueError, match=type(model).__name__) as excinfo:
        model.predict(rows)
    for fragment in fragments:
        assert fragment in str(excinfo.value)


def test_other_number_of_steps_in_a_table_is_refused():
    model = LSTMRegressor(**SMALL, n_timesteps=STEPS).fit(TABLE, Y)
    with pytest.raises(ValueError, match=r"18 features.*12 features"):
        model.predict(np.zeros((2, 18)))


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
@pytest.mark.parametrize(
    ("columns", "named"),
    [
        (COLUMNS[::-1], "same order"),
        (["other", *COLUMNS[1:]], "other"),
        (COLUMNS[:-1], "c11"),
        ([*COLUMNS, "extra"], "extra"),
    ],
    ids=["reordered", "renamed", "missing", "additional"],
)
def test_other_columns_in_predict_are_named(frame, columns, named):
    train = pd.DataFrame(TABLE, columns=COLUMNS)
    model = LSTMRegressor(**SMALL).fit(train, Y)
    rows = frame({name: [0.5, 1.0] for name in columns})
    with pytest.raises(ValueError, match=named):
        model.predict(rows)


@pytest.mark.parametrize("y", [np.stack([Y, Y], axis=1), np.ones((len(Y), 3))], ids=[2, 3])
def test_other_number_of_targets_in_score_is_refused(y):
    model = LSTMRegressor(**SMALL).fit(TABLE, Y)
    with pytest.raises(ValueError, match=r"y must have a column for each output, 1\. Got shape"):
        model.score(TABLE, y)
    model.fit(TABLE, y)
    with pytest.raises(ValueError, match=rf"each output, {y.shape[1]}\. Got shape \({len(Y)},\)"):
        model.score(TABLE, Y)
    assert model.score(TABLE, y) < 1


@pytest.mark.parametrize("name", ["learning_rate", "clip_norm", "weight_decay", "dropout"])
def test_a_fraction_is_no_float(name):
    with pytest.raises(ValueError, match=rf"'{name}' parameter of LSTM.*Got Fraction\(1, 3\)"):
        LSTMRegressor(**{**SMALL, name: Fraction(1, 3)}).fit(TABLE, Y)


def test_frames_of_either_library_are_read_after_either():
    pandas, polars = TABLES["pandas"](), TABLES["polars"]()
    model = LSTMRegressor(**SMALL, n_timesteps=STEPS).fit(pandas, Y)
    expected = model.predict(pandas)
    assert_same_numbers(model.predict(polars), expected)
    assert_same_numbers(model.fit(polars, Y).predict(pandas), expected)


# ---------------------------------------------------------------- errors and what they leave


def with_cell(value, *cell):
    bad = X.copy()
    bad[cell] = value
    return bad


BAD_X = {
    "NaN inside": (with_cell(np.nan, 4, 2, 1), "sample 4, time step 2, feature 1"),
    "NaN in part of a step": (with_cell(np.nan, 4, 0, 1), "sample 4, time step 0, feature 1"),
    "infinity": (with_cell(np.inf, 23, 5, 0), "sample 23, time step 5, feature 0"),
    "sample of NaN": (with_cell(np.nan, 7), "Sample 7"),
    "NaN in a list": (list(with_cell(np.nan, 4, 2, 1)), "sample 4, time step 2, feature 1"),
    "empty sequence": ([*ITEMS[:5], np.empty((0, FEATURES)), *ITEMS[6:]], "Sample 5"),
    "other features": ([*ITEMS[:5], np.zeros((2, 3)), *ITEMS[6:]], "Sample 5"),
    "no rows": (X[:0], "0 sample"),
    "no steps": (X[:, :0], "0 time step"),
    "no features": (X[:, :, :0], "0 feature"),
    "NaN in a table": (with_cell(np.nan, 4, 2, 1)[:, :, 1], "sample 4, column 2"),
    "1-D": (X[:, 0, 0], r"X must be 3-D .*shape \(24,\)"),
    "4-D": (X[None], r"X must be 3-D .*shape \(1, 24, 6, 2\)"),
    "text": (X.astype(str), "dtype"),
    "complex": (X + 1j, "Complex"),
    "too large": (with_cell(1e200, 4, 2, 1), "feature 1"),
}
BAD_Y = {
    "regressor": {
        "NaN": (np.where(np.arange(N) == 3, np.nan, Y), "sample 3"),
        "infinity": (np.where(np.arange(N) == 3, -np.inf, Y), "sample 3"),
        "NaN in a column": (
            np.column_stack([Y, np.where(np.arange(N) == 3, np.nan, Y)]),
            "sample 3, output 1",
        ),
        "too short": (Y[:-1], "23"),
        "too long": (np.r_[Y, 1.0], "25"),
        "3-D": (Y[:, None, None], "dim 3|shape"),
        "text": (LABELS, "convert|dtype|number"),
        "none": (None, "None"),
        "too large": (np.where(np.arange(N) == 3, 1e200, Y), "output 0"),
    },
    "classifier": {
        "NaN": (np.where(np.arange(N) == 3, np.nan, np.arange(N) % 2), "sample 3"),
        "NaN in a column": (
            np.where(np.arange(N * 2).reshape(N, 2) == 7, np.nan, np.eye(2)[np.arange(N) % 2]),
            "sample 3, output 1",
        ),
        "infinity": ([np.inf, *[1.0, 0.0] * (N // 2 - 1), 1.0], "infinity at sample 0"),
        "one number": (np.inf, "array|label"),
        "numbers": (Y, "continuous"),
        "too short": (LABELS[:-1], "23"),
        "too long": (np.append(LABELS, "low"), "25"),
        "one class": (np.full(N, "low"), "2 classes|class"),
        "none": (None, "None"),
        "two columns of classes": (np.arange(N * 2).reshape(N, 2) % 3, "several columns"),
    },
}
BAD_WEIGHT = {
    "negative": (-WEIGHT, "[Nn]egative"),
    "NaN": (np.where(np.arange(N) == 3, np.nan, WEIGHT), "NaN"),
    "infinity": (np.where(np.arange(N) == 3, np.inf, WEIGHT), "infinity"),
    "too short": (WEIGHT[:-1], "23"),
    "2-D": (np.column_stack([WEIGHT, WEIGHT]), "1D"),
    "2-D with opposite infinities": (np.full((N, 2), [np.inf, -np.inf]), "1D"),
    "opposite infinities": (np.resize([np.inf, -np.inf], N), "infinity, at sample 0"),
    "one NaN": (np.nan, "NaN"),
    "one infinity": (np.inf, "infinity"),
    "complex": (WEIGHT * 1j, "sample_weight must be real"),
    "text": (LABELS, "sample_weight must be real"),
    "of different lengths": ([[1.0]] * (N - 1) + [[1.0, 2.0]], "sample_weight must be one number"),
    "too large for a float": (np.array([10**400] * N, dtype=object), "sample_weight must be real"),
    "all zero": (np.zeros(N), "non-zero"),
}


def bad_calls(kind):
    estimator, y = {"regressor": (LSTMRegressor, Y), "classifier": (LSTMClassifier, LABELS)}[kind]
    calls = {f"X {name}": (bad, y, None, text) for name, (bad, text) in BAD_X.items()}
    calls |= {f"y {name}": (X, bad, None, text) for name, (bad, text) in BAD_Y[kind].items()}
    calls |= {f"weight {name}": (X, y, bad, text) for name, (bad, text) in BAD_WEIGHT.items()}
    return [
        pytest.param(estimator, y, bad_x, bad_y, weight, text, id=f"{kind} {name}")
        for name, (bad_x, bad_y, weight, text) in calls.items()
    ]


BAD_CALLS = bad_calls("regressor") + bad_calls("classifier")
# Scaling and classes are fixed by the first fit, so these are fine when training goes on.
FINE_LATER = ("too large", "one class")
BAD_SECOND_CALLS = [
    pytest.param(*call.values, method, id=f"{method}, {call.id}")
    for method in ("fit", "warm fit", "partial_fit")
    for call in BAD_CALLS
    if method == "fit" or not call.id.endswith(FINE_LATER)
]
BAD_CALL = "estimator", "y", "bad_x", "bad_y", "bad_weight", "text"


@pytest.fixture(scope="module")
def fitted_once():
    cache = {}

    def model(estimator, y):
        if estimator not in cache:
            cache[estimator] = pickle.dumps(estimator(**SMALL).fit(X, y))
        return pickle.loads(cache[estimator])

    return model


@pytest.mark.parametrize((*BAD_CALL, "method"), BAD_SECOND_CALLS)
def test_bad_second_call_names_the_problem_and_keeps_the_model(
    estimator, y, bad_x, bad_y, bad_weight, text, method, fitted_once
):
    model = fitted_once(estimator, y).set_params(warm_start=method == "warm fit")
    before, net, attributes = pickle.dumps(model), model.net_, set(vars(model))
    expected = outputs(model, X)
    call = model.partial_fit if method == "partial_fit" else model.fit
    with pytest.raises(ValueError, match=text):
        call(bad_x, bad_y, sample_weight=bad_weight)
    assert set(vars(model)) == attributes
    assert model.net_ is net
    assert pickle.dumps(model) == before
    assert_same_numbers(outputs(model, X), expected)


@pytest.mark.parametrize(
    ("classes", "text"),
    [
        ([], "'classes' parameter of partial_fit"),
        (["low", None], "'classes' parameter of partial_fit"),
        ([0.0, np.nan], "'classes' parameter of partial_fit"),
        (["low", ["high"]], "'classes' parameter of partial_fit"),
        (np.array([1, "low"], dtype=object), "of one type"),
        (np.zeros((2, 2)), "'classes' parameter of partial_fit"),
        ("low", "'classes' parameter of partial_fit"),
        (np.array([1, 2], dtype=object), "another type than the classes"),
    ],
    ids=repr,
)
def test_bad_classes_are_named(classes, text):
    model = LSTMClassifier(**SMALL)
    with pytest.raises(ValueError, match=text):
        model.partial_fit(X, LABELS, classes=classes)
    assert not hasattr(model, "net_")


@pytest.mark.parametrize(BAD_CALL, BAD_CALLS)
def test_bad_first_fit_leaves_nothing_behind(estimator, y, bad_x, bad_y, bad_weight, text):
    model = estimator(**SMALL)
    attributes = set(vars(model))
    with pytest.raises(ValueError, match=text):
        model.fit(bad_x, bad_y, sample_weight=bad_weight)
    assert set(vars(model)) == attributes
    with pytest.raises(NotFittedError):
        model.predict(X)


@pytest.mark.parametrize("case", sorted(set(BAD_X) - {"too large"}))
@both
def test_bad_x_in_predict_is_named(case, kind, fitted_once):
    model = fitted_once(type(ESTIMATORS[kind][0]), ESTIMATORS[kind][1])
    bad, text = BAD_X[case]
    with pytest.raises(ValueError, match=text):
        model.predict(bad)


@pytest.mark.parametrize("kind", ["regressor", "classifier"])
def test_training_goes_on_after_a_bad_call_as_if_it_had_not_been(kind):
    estimator, y = ESTIMATORS[kind]
    expected = clone(estimator).fit(X, y).partial_fit(X, y).partial_fit(X, y)
    model = clone(estimator).fit(X, y).partial_fit(X, y)
    for bad_x, bad_y in (with_cell(np.nan, 4, 2, 1), y), (X, y[:-1]), (X[:, :, :1], y):
        with pytest.raises(ValueError, match="X"):
            model.partial_fit(bad_x, bad_y)
    assert_same_numbers(outputs(model.partial_fit(X, y), X), outputs(expected, X))


@pytest.mark.parametrize("kind", ["regressor", "classifier"])
@pytest.mark.parametrize("method", ["fit", "warm fit", "partial_fit"])
def test_training_that_diverges_keeps_the_model(kind, method):
    estimator, y = ESTIMATORS[kind]
    params = {"optimizer": "sgd", "early_stopping": False}
    model = clone(estimator).set_params(**params, warm_start=method == "warm fit").fit(X, y)
    twin = clone(model).fit(X, y)
    expected, history = outputs(model, X), list(model.history_)
    model.set_params(learning_rate=1e38, clip_norm=None)
    call = model.partial_fit if method == "partial_fit" else model.fit
    with pytest.raises(ValueError, match="diverged") as excinfo:
        call(X * [1e3, -1e3], y)
    assert "learning_rate" in str(excinfo.value)
    assert_same_numbers(outputs(model, X), expected)
    assert model.history_ == history
    model.set_params(learning_rate=0.01, clip_norm=1.0)
    assert_same_numbers(outputs(model.partial_fit(X, y), X), outputs(twin.partial_fit(X, y), X))


class FailsInItsSecondEpoch(Callback):
    """Stands for whatever goes wrong after a part of the training is done."""

    def on_train_begin(self, net, **kwargs):
        self.epochs_ = 0

    def on_epoch_end(self, net, **kwargs):
        self.epochs_ += 1
        if self.epochs_ == 2:
            raise OSError("disk full")


@pytest.mark.parametrize("kind", ["regressor", "classifier"])
@pytest.mark.parametrize("warm_start", [False, True])
def test_training_that_fails_half_way_keeps_the_model(kind, warm_start):
    estimator, y = ESTIMATORS[kind]
    model = clone(estimator).set_params(warm_start=warm_start).fit(X, y)
    twin = clone(model).fit(X, y)
    expected, history = outputs(model, X), list(model.history_)
    with pytest.raises(OSError, match="disk full"):
        model.set_params(callbacks=[FailsInItsSecondEpoch()]).fit(X, y)
    assert_same_numbers(outputs(model, X), expected)
    assert model.history_ == history
    model.set_params(callbacks=None).partial_fit(X, y)
    assert_same_numbers(outputs(model, X), outputs(twin.partial_fit(X, y), X))
    assert model.n_epochs_ == twin.n_epochs_


# ---------------------------------------------------------------- memory

SCRIPT = """
import resource, sys
import numpy as np
from sklstm import LSTMRegressor
from sklstm._data import _sequences
from sklstm._training import _batches

_sequences.CHUNK_BYTES, _batches.INFERENCE_ENTRIES = 2**20, 2**17
path, params = sys.argv[1], eval(sys.argv[2])
model = LSTMRegressor(hidden_size=2, max_epochs=2, batch_size=8, device="cpu", **params)
X = np.load(path, mmap_mode="r")
y = np.arange(len(X)) % 7 * 1.0
few = np.array(X[:80])
model.fit(few, y[:80]).predict(few)  # imports, compiled kernels, pools
del few

def data_size():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmData"))

# Pages of the file do not count, what NumPy and torch allocate does.
limit = 1024 * data_size() + int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
assert np.isfinite(model.fit(X, y).predict(X)).all()
"""


@pytest.fixture(scope="module")
def large_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("large") / "x.npy"
    shape = (1000, 20, 400)  # 32 MB
    mapped = np.lib.format.open_memmap(path, "w+", np.float32, shape)
    block = np.random.default_rng(0).normal(size=shape[1:]).astype(np.float32)
    for row in range(shape[0]):
        mapped[row] = block
        mapped[row, :, 0] += row
    mapped.flush()
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc and limits anonymous memory")
def test_memory_map_is_never_in_memory_whole(large_file):
    params = {"early_stopping": True, "validation_fraction": 0.5}  # see also test_large_data
    size = large_file.stat().st_size
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), large_file, repr(params), str(size // 2)],
        capture_output=True,
        text=True,
        check=False,
        # glibc gives memory back at once, so that what is measured does not depend on its pools
        env=os.environ | {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536"},
    )
    assert run.returncode == 0, run.stderr[-2000:]


# ---------------------------------------------------------------- extremes

EXTREME = {
    "10 000 steps": np.random.default_rng(0).normal(size=(3, 10_000, 2)),
    "one step": X[:, :1],
    "one row": X[:1],
    "one feature": X[:, :, :1],
    "one of each": X[:1, :1, :1],
    "two rows": X[:2],
    "one sequence of one step among longer ones": [X[0, :1], *X[1:]],
    "one very long sequence among short ones": [np.tile(X[0], (300, 1)), *X[1:, :1]],
    "many features": np.random.default_rng(0).normal(size=(5, 3, 500)),
    "one constant feature": np.dstack([X[:, :, 0], np.full((N, STEPS), 0.1)]),
    "constant features": np.full((N, STEPS, 3), [0.1, -1e9, 0.0]),
    "zeros": np.zeros((N, STEPS, 1)),
    "equal rows": np.repeat(X[:1], N, axis=0),
    "tiny units": X * 1e-12,
    "huge units": X * 1e12,
    "tinier units": X * 1e-100,
    "huger units": X * 1e100,
    "units far apart": X * [1e-12, 1e12],
    "far from zero": X + 1e9,
    "booleans": X > 0,
    "whole numbers": np.round(X * 10).astype(np.int8),
    "half precision": X.astype(np.float16),
}


@pytest.mark.parametrize(
    ("kind", "case"),
    [("regressor", case) for case in EXTREME]
    + [("classifier", case) for case in EXTREME if len(EXTREME[case]) > 1],
)
def test_extreme_sequences_train_and_predict_finite_values(kind, case):
    data = EXTREME[case]
    n = len(data)
    estimator = {"regressor": LSTMRegressor, "classifier": LSTMClassifier}[kind]
    model = estimator(**SMALL | {"max_epochs": 2}).fit(data, np.arange(n) % 2)
    assert np.isfinite([row["train_loss"] for row in model.history_]).all()
    got = outputs(model, data)
    assert len(got) == n
    assert np.isfinite(got).all()


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("constant", [0.0, 0.1, -1e12, 1e-12, 1e100])
def test_constant_targets_are_predicted(constant, n_outputs):
    y = np.full((N, n_outputs), constant)
    model = LSTMRegressor(**SMALL | {"max_epochs": 60, "hidden_size": 8}).fit(X, y)
    assert_allclose(model.predict(X), y, rtol=0.2, atol=0.2)


@pytest.mark.parametrize("unit", [1e-100, 1e-12, 1e12, 1e100])
def test_units_of_x_and_y_do_not_matter(unit):
    whole_batch = SMALL | {"batch_size": N}
    expected = LSTMRegressor(**whole_batch).fit(X, Y).predict(X)
    got = LSTMRegressor(**whole_batch).fit(X * unit, Y * unit).predict(X * unit)
    assert_allclose(got / unit, expected, rtol=1e-4)


@pytest.mark.parametrize("offset", [1e6, 1e9])
def test_distance_from_zero_does_not_matter(offset):
    whole_batch = SMALL | {"batch_size": N}
    expected = LSTMRegressor(**whole_batch).fit(X, Y).predict(X)
    got = LSTMRegressor(**whole_batch).fit(X + offset, Y + offset).predict(X + offset)
    assert_allclose(got - offset, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("constant", [0.1, 1 / 3, 1e9 + 0.1])
@pytest.mark.parametrize("n", [N, 400])
def test_rounding_of_a_feature_that_was_constant_hardly_moves_a_prediction(constant, n):
    varying = np.random.default_rng(0).normal(size=(n, 10))
    train = np.dstack([varying, np.full((n, 10), constant)])
    model = LSTMRegressor(**SMALL).fit(train, varying.sum(1))
    expected = model.predict(train)
    assert np.ptp(expected) > 0.01
    train[:, :, 1] *= 1 + 1e-9 / constant
    assert_allclose(model.predict(train), expected, atol=1e-4)


@pytest.mark.parametrize("value", [1e30, 1e39, 1e100, 1e308])
@pytest.mark.parametrize(
    "params",
    [{}, {"bidirectional": True}, {"pooling": "mean"}, {"num_layers": 2}, {"standardize": False}],
    ids=str,
)
def test_finite_input_never_gives_nan(value, params):
    model = LSTMRegressor(**(SMALL | params)).fit(X, Y)
    rows = X[:4].copy()
    rows[1, 2] = [value, -value]
    rows[2, 0] = [value, value]
    assert np.isfinite(model.predict(rows)).all()


def test_masked_array_does_not_smuggle_nan_into_a_prediction():
    model = LSTMRegressor(**SMALL).fit(X, Y)
    rows = np.ma.masked_array(with_cell(np.nan, 4, 2, 1), with_cell(-9.0, 4, 2, 1) == -9.0)
    with pytest.raises(ValueError, match="sample 4"):
        model.predict(rows)


@pytest.mark.parametrize("values", [(-1, 1), (1, 2)])
def test_indicator_of_other_values_than_0_and_1_is_not_trained_on(values):
    y = np.array(values)[np.random.default_rng(0).integers(0, 2, (N, 3))]
    model = LSTMClassifier(**SMALL)
    with pytest.raises(ValueError, match="0"):
        model.fit(X, y)
    assert not hasattr(model, "net_")


@both
@pytest.mark.parametrize("ragged", [False, True])
def test_rows_of_weight_zero_leave_no_trace(kind, ragged):
    estimator, y = ESTIMATORS[kind]
    data = ITEMS if ragged else list(X)
    extra = [np.full((1, FEATURES), 1e200), np.zeros((50, FEATURES)) + 7.0, X[3]]
    other = np.full_like(y[:3], "none" if kind == "classifier" else 1e200)
    expected = clone(estimator).fit(data, y, sample_weight=WEIGHT)
    model = clone(estimator).fit(
        [*extra[:2], *data, extra[2]],
        np.concatenate([other[:2], y, other[2:]]),
        sample_weight=np.concatenate([[0.0, 0.0], WEIGHT, [0.0]]),
    )
    assert_same_numbers(outputs(model, X), outputs(expected, X))


@pytest.mark.parametrize("order_seed", range(3))
@pytest.mark.parametrize("weights", ["halves", "tenths"])
def test_order_of_the_training_rows_does_not_change_a_bit(order_seed, weights):
    data, y = np.concatenate([X, X[:9], X[:9]]), np.r_[Y, Y[:9], Y[:9]]
    w = np.random.default_rng(0).integers(1, 9, len(y)) * {"halves": 0.5, "tenths": 0.1}[weights]
    order = np.random.default_rng(order_seed).permutation(len(y))
    expected = LSTMRegressor(**BUSY).fit(data, y, w).predict(X)
    got = LSTMRegressor(**BUSY).fit(data[order], y[order], w[order]).predict(X)
    assert_same_numbers(got, expected)
