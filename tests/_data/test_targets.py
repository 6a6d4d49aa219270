"""Everything the estimators accept as y."""

import datetime
import enum
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import torch
from numpy.testing import assert_array_equal
from sklearn.exceptions import DataConversionWarning

from sklstm._data import encode_labels, read_labels, read_targets

VALUES = np.array([1.0, -2.0, 0.0, 3.0])
CODES = np.array([2, 0, 1, 0, 2])
NAMES = np.array(["b", "a", "c"])


class Colour(enum.Enum):
    """Labels without an order."""

    RED = 1
    BLUE = 2


def objects(items):
    array = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):
        array[i] = item
    return array


def message(read, y, n, error=ValueError):
    with pytest.raises(error) as excinfo:
        read(y, n)
    assert type(excinfo.value) is error
    return str(excinfo.value)


# ---------------------------------------------------------------- numbers

ONE_COLUMN = {
    "array": lambda y: y,
    "float32": lambda y: y.astype(np.float32),
    "float16": lambda y: y.astype(np.float16),
    "big-endian": lambda y: y.astype(">f8"),
    "int": lambda y: y.astype(int),
    "object": lambda y: y.astype(object),
    "objects of NumPy": lambda y: objects(list(y)),
    "reversed": lambda y: y[::-1].copy()[::-1],
    "read-only": lambda y: np.broadcast_to(y, y.shape),
    "list": lambda y: y.tolist(),
    "tuple": tuple,
    "series": lambda y: pd.Series(y, index=[3, 2, 1, 0]),
    "nullable series": lambda y: pd.Series(y, dtype="Float64"),
    "polars": pl.Series,
    "tensor": torch.tensor,
}


@pytest.mark.parametrize("kind", ONE_COLUMN)
def test_one_target_per_row(kind):
    targets = read_targets(ONE_COLUMN[kind](VALUES), 4)
    assert targets.dtype == np.float64
    assert_array_equal(targets, VALUES, strict=True)


SEVERAL_COLUMNS = {
    "array": lambda y: y,
    "float32": lambda y: y.astype(np.float32),
    "fortran": np.asfortranarray,
    "object": lambda y: y.astype(object),
    "lists": lambda y: y.tolist(),
    "list of arrays": list,
    "data frame": lambda y: pd.DataFrame(y, index=[3, 2, 1, 0]),
    "polars": pl.DataFrame,
}


@pytest.mark.parametrize("kind", SEVERAL_COLUMNS)
@pytest.mark.parametrize("n_outputs", [1, 3])
def test_several_targets_per_row(kind, n_outputs):
    y = np.outer(VALUES, np.arange(1, n_outputs + 1))
    targets = read_targets(SEVERAL_COLUMNS[kind](y), 4)
    assert_array_equal(targets, y, strict=True)


def test_booleans_are_zeros_and_ones():
    assert_array_equal(read_targets(VALUES > 0, 4), [1.0, 0.0, 0.0, 1.0])


BAD_VALUES = {"NaN": np.nan, "infinity": np.inf, "minus infinity": -np.inf}


@pytest.mark.parametrize("value", BAD_VALUES)
@pytest.mark.parametrize("kind", sorted(set(ONE_COLUMN) - {"int", "nullable series"}))
def test_value_that_is_no_number_is_named_with_its_sample(kind, value):
    y = VALUES.copy()
    y[2] = BAD_VALUES[value]
    text = message(read_targets, ONE_COLUMN[kind](y), 4)
    assert "y" in text.split()
    assert value.split()[-1] in text
    assert "sample 2" in text
    assert "output" not in text


@pytest.mark.parametrize("value", BAD_VALUES)
@pytest.mark.parametrize("kind", SEVERAL_COLUMNS)
def test_value_that_is_no_number_is_named_with_its_output(kind, value):
    y = np.outer(VALUES, [1.0, 2.0, 3.0])
    y[3, 0] = y[2, 1] = BAD_VALUES[value]
    text = message(read_targets, SEVERAL_COLUMNS[kind](y), 4)
    assert value.split()[-1] in text
    assert "sample 2, output 1" in text


MISSING = {
    "None": [1.0, None, 2.0],
    "nullable float": pd.Series([1.0, None, 2.0], dtype="Float64"),
    "nullable int": pd.Series([1, None, 2], dtype="Int64"),
    "NA among objects": objects([1.0, pd.NA, 2.0]),
    "polars null": pl.Series([1.0, None, 2.0]),
    "masked": np.ma.masked_array([1.0, 5.0, 2.0], [False, True, False]),
}


@pytest.mark.parametrize("kind", MISSING)
def test_missing_target_is_named(kind):
    text = message(read_targets, MISSING[kind], 3)
    assert "NaN" in text
    assert "sample 1" in text


@pytest.mark.parametrize("n", [3, 5])
@pytest.mark.parametrize("build", [lambda y: y, list, lambda y: y[:, None], pd.Series])
def test_other_length_is_refused_with_both_lengths(n, build):
    text = message(read_targets, build(VALUES), n)
    assert f"{n} in X" in text
    assert "4 in y" in text


@pytest.mark.parametrize(
    ("y", "n"),
    [(3.0, 1), (np.array(3.0), 1), (np.zeros((4, 1, 1)), 4), (np.zeros((4, 0)), 4), ([], 0)],
    ids=["number", "0-D", "3-D", "no column", "empty"],
)
def test_other_shapes_of_y_are_refused(y, n):
    message(read_targets, y, n)


@pytest.mark.parametrize(
    "y",
    [
        np.array(["a", "b", "c", "d"]),
        objects(["a", 1.0, 2.0, 3.0]),
        VALUES + 1j,
        [[1.0], [1.0, 2.0], [1.0], [1.0]],
        np.array(["2020-01-01"] * 4, "datetime64[D]"),
        np.array([1, 2, 3, 4], "timedelta64[D]"),
        [10**400, 1, 2, 3],
    ],
    ids=["text", "text among numbers", "complex", "ragged", "dates", "durations", "huge integer"],
)
def test_targets_that_are_no_real_numbers_are_refused(y):
    message(read_targets, y, 4)


@pytest.mark.skipif(
    np.finfo(np.longdouble).max == sys.float_info.max, reason="longdouble is float64 here"
)
def test_target_beyond_float64_is_named():
    y = VALUES.astype(np.longdouble)
    y[1] = np.longdouble("1e4000")
    text = message(read_targets, y, 4)
    assert "too large" in text
    assert "sample 1" in text


def test_sparse_targets_are_refused_with_the_way_out():
    text = message(read_targets, scipy.sparse.csr_matrix(VALUES[:, None]), 4, TypeError)
    assert "toarray" in text


# ---------------------------------------------------------------- labels

LABELS = {
    "int": CODES,
    "negative": CODES - 1,
    "unsigned": CODES.astype(np.uint8),
    "beyond int64": np.uint64(2**63) + CODES.astype(np.uint64),
    "int beyond float64": 2**62 + CODES,
    "whole floats": CODES.astype(float),
    "bool": CODES > 0,
    "text": NAMES[CODES],
    "text objects": NAMES[CODES].astype(object),
    "empty text": np.array(["", "a", "b"])[CODES],
    "dates": np.array(["2020-01-01", "2019-01-01", "2021-01-01"], "datetime64[D]")[CODES],
    "durations": np.array([3, 1, 2], "timedelta64[D]")[CODES],
}
CONTAINERS = {
    "array": lambda y: y,
    "list": lambda y: y.tolist(),
    "tuple": lambda y: tuple(y.tolist()),
    "series": lambda y: pd.Series(y, index=[4, 3, 2, 1, 0]),
    "polars": lambda y: pl.Series(y.tolist()),
}


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("container", CONTAINERS)
def test_labels_of_any_type(kind, container):
    y = LABELS[kind]
    if container != "array" and kind in ("dates", "durations", "beyond int64"):
        y = y.astype("M8[ns]") if kind == "dates" else y
        container = "series"
    labels, multilabel = read_labels(CONTAINERS[container](y), 5)
    assert multilabel is False
    assert labels.shape == (5,)
    assert_array_equal(labels, y)
    classes = np.unique(labels)
    assert_array_equal(classes[encode_labels(labels, classes)], labels)


def test_categories_are_labels():
    y = pd.Series(pd.Categorical.from_codes(CODES, list(NAMES)))
    assert read_labels(y, 5)[0].tolist() == NAMES[CODES].tolist()


@pytest.mark.parametrize("dtype", ["string", "Int64", "boolean"])
def test_nullable_series_are_labels(dtype):
    y = {"string": NAMES[CODES], "Int64": CODES, "boolean": CODES > 0}[dtype]
    assert read_labels(pd.Series(y, dtype=dtype), 5)[0].tolist() == y.tolist()


def test_column_of_labels_is_flattened_with_a_warning():
    with pytest.warns(DataConversionWarning, match="column-vector"):
        labels, multilabel = read_labels(CODES[:, None], 5)
    assert not multilabel
    assert_array_equal(labels, CODES)


INDICATOR = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]])
INDICATORS = {
    "int": INDICATOR,
    "bool": INDICATOR > 0,
    "float": INDICATOR.astype(float),
    "unsigned": INDICATOR.astype(np.uint8),
    "fortran": np.asfortranarray(INDICATOR),
    "lists": INDICATOR.tolist(),
    "data frame": pd.DataFrame(INDICATOR),
    "polars": pl.DataFrame(INDICATOR),
}


@pytest.mark.parametrize("kind", INDICATORS)
def test_multilabel_indicators(kind):
    labels, multilabel = read_labels(INDICATORS[kind], 4)
    assert multilabel is True
    assert labels.dtype == np.int64
    assert_array_equal(labels, INDICATOR)


@pytest.mark.parametrize("values", [(-1, 1), (1, 2), (0, 5), (0, -1)])
def test_indicator_of_other_values_than_0_and_1_is_refused(values):
    text = message(read_labels, np.array(values)[INDICATOR], 4)
    assert "0" in text
    assert "1" in text
    assert str(next(value for value in values if value not in (0, 1))) in text


MISSING_LABELS = {
    "NaN": (np.array([0.0, np.nan, 1.0]), 1),
    "infinity": (np.array([0.0, 1.0, np.inf]), 2),
    "NaN in a list": ([0, float("nan"), 1], 1),
    "None among numbers": (objects([0, None, 1]), 1),
    "None in a list of numbers": ([0, None, 1], 1),
    "None among text": (objects(["a", None, "b"]), 1),
    "None in a list of text": (["a", None, "b"], 1),
    "None alone with one label": (objects(["a", "a", None]), 2),
    "NaN among text": (objects(["a", np.nan, "b"]), 1),
    "NaN in a list of text": (["a", float("nan"), "b"], 1),
    "NaN in a series of text": (pd.Series(["a", np.nan, "b"]), 1),
    "NA in a nullable series": (pd.Series([0, None, 1], dtype="Int64"), 1),
    "NA in a string series": (pd.Series(["a", None, "b"], dtype="string"), 1),
    "NA among objects": (objects(["a", pd.NA, "b"]), 1),
    "missing category": (pd.Series(pd.Categorical.from_codes([0, -1, 1], ["a", "b"])), 1),
    "not a time": (np.array(["2020", "NaT", "2021"], "datetime64[D]"), 1),
    "not a duration": (np.array([1, "NaT", 2], "timedelta64[D]"), 1),
    "column of text": (pd.DataFrame({"y": ["a", None, "b"]}), 1),
    "column of objects": (np.array([["a"], [None], ["b"]], dtype=object), 1),
    "polars null text": (pl.Series(["a", None, "b"]), 1),
    "polars null number": (pl.Series([0, None, 1]), 1),
    "masked": (np.ma.masked_array([0, 5, 1], [False, True, False]), 1),
}


@pytest.mark.parametrize("kind", MISSING_LABELS)
def test_missing_label_is_named_with_its_sample(kind):
    y, sample = MISSING_LABELS[kind]
    text = message(read_labels, y, 3)
    assert f"sample {sample}" in text
    assert any(word in text for word in ("NaN", "missing", "infinity"))


SPOILED = {
    "array": np.asarray,
    "lists": lambda y: y.tolist(),
    "objects": lambda y: y.astype(object),
    "None in lists": lambda y: np.where(np.isnan(y), None, y.astype(object)).tolist(),
    "data frame": pd.DataFrame,
    "nullable data frame": lambda y: pd.DataFrame(y).astype("Int64"),
    "polars": pl.DataFrame,
    "masked": lambda y: np.ma.masked_array(np.nan_to_num(y).astype(int), np.isnan(y)),
}


@pytest.mark.parametrize("kind", SPOILED)
def test_missing_entry_of_an_indicator_is_named_with_its_output(kind):
    y = INDICATOR.astype(float)
    y[2, 1] = np.nan
    text = message(read_labels, SPOILED[kind](y), 4)
    assert "sample 2, output 1" in text
    assert "NaN" in text or "missing" in text


def test_infinite_entry_of_an_indicator_is_named_with_its_output():
    y = INDICATOR.astype(float)
    y[2, 1] = np.inf
    assert "sample 2, output 1" in message(read_labels, y, 4)


@pytest.mark.parametrize("n", [4, 6])
@pytest.mark.parametrize("container", CONTAINERS)
def test_other_number_of_labels_is_refused_with_both_lengths(n, container):
    text = message(read_labels, CONTAINERS[container](NAMES[CODES]), n)
    assert f"{n} in X" in text
    assert "5 in y" in text


def test_other_number_of_indicator_rows_is_refused():
    assert "3 in X and 4 in y" in message(read_labels, INDICATOR, 3)


UNKNOWN = {
    "continuous": CODES[:2] + 0.5,
    "several continuous columns": np.array([[0.5, 1.0], [1.0, 0.0]]),
    "several columns of classes": np.array([[0, 1, 2], [2, 1, 0]]),
    "mixed types": objects([1, "a"]),
    "sets": [{1}, {2}],
    "enums": objects([Colour.RED, Colour.BLUE]),
    "date objects": objects([datetime.date(2020, 1, 1), datetime.date(2021, 1, 1)]),
    "sequences": [[1], [2, 3]],
    "3-D": np.zeros((2, 1, 1), int),
    "number": 1,
    "complex": CODES[:2] + 1j,
}


@pytest.mark.parametrize("kind", UNKNOWN)
def test_labels_that_are_no_labels_are_refused(kind):
    message(read_labels, UNKNOWN[kind], 2)


def test_bytes_are_refused_with_the_way_out():
    text = message(read_labels, np.array([b"a", b"b", b"a"]), 3, TypeError)
    assert "Convert" in text


def test_sparse_indicator_is_refused_with_the_way_out():
    text = message(read_labels, scipy.sparse.csr_matrix(INDICATOR), 4, TypeError)
    assert "toarray" in text


def test_several_columns_of_classes_are_refused_with_the_way_out():
    assert "MultiOutputClassifier" in message(read_labels, np.array([[0, 1], [2, 1]]), 2)


# ---------------------------------------------------------------- codes


@pytest.mark.parametrize("kind", LABELS)
def test_codes_are_positions_among_the_classes(kind):
    y = LABELS[kind]
    classes = np.unique(y)
    codes = encode_labels(y, classes)
    assert codes.dtype == np.int64
    assert codes.tolist() == [classes.tolist().index(label) for label in y.tolist()]


@pytest.mark.parametrize(
    ("classes", "labels", "unknown"),
    [
        ([0, 1, 3], [0, 2, 1], "2"),
        ([0, 1, 3], [3, 4], "4"),
        ([0, 1, 3], [3, -1], "-1"),
        (["a", "c"], ["c", "b"], "'b'"),
        (["a", "c"], ["c", "d"], "'d'"),
        (["a", "c"], ["c", ""], "''"),
    ],
)
def test_unknown_label_is_named_with_its_sample_and_the_classes(classes, labels, unknown):
    with pytest.raises(ValueError, match=r"not among the\s+classes") as excinfo:
        encode_labels(np.array(labels), np.array(classes))
    text = str(excinfo.value)
    assert unknown in text
    assert "sample 1" in text
    for label in classes:
        assert repr(label) in text


def test_classes_that_do_not_occur_are_no_error():
    codes = encode_labels(np.array(["c", "a"]), np.array(["a", "b", "c", "d"]))
    assert codes.tolist() == [2, 0]
