"""Where the time steps of X and y meet: against loops over samples and steps."""

import itertools

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array

from sklstm._data import StepLayout, flatten_steps, read_sequences, read_step_targets

LENGTHS = [3, 1, 4, 2]
N, STEPS = len(LENGTHS), 6
FIRST = [0, 5, 1, 3]


def values(k=None, seed=0):
    """Ragged targets, one array per sample."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=length if k is None else (length, k)) for length in LENGTHS]


def padded(items, first=FIRST, steps=STEPS, missing=np.nan):
    """One array of all samples, ``missing`` around the real steps."""
    dtype = object if missing is None else np.result_type(*items, type(missing))
    array = np.full((len(items), steps, *items[0].shape[1:]), missing, dtype)
    for row, item, start in zip(array, items, first, strict=True):
        row[start : start + len(item)] = item
    return array


def X_padded(first=FIRST):
    return padded([np.ones((length, 2)) for length in LENGTHS], first)


def X_ragged():
    return [np.ones((length, 2)) for length in LENGTHS]


CONTAINERS = {
    "padded at both ends": X_padded(),
    "padded at the end": X_padded([0] * N),
    "padded at the start": X_padded([STEPS - length for length in LENGTHS]),
    "list": X_ragged(),
    "object array": pd.Series(X_ragged()).to_numpy(),
    "Series": pd.Series(X_ragged()),
    "list of padded arrays": list(X_padded()),
}
containers = pytest.mark.parametrize("X", CONTAINERS.values(), ids=CONTAINERS.keys())


def first_steps(X):
    return [int(np.isfinite(x[:, 0]).argmax()) for x in X]


def layout_of(X):
    return StepLayout.of(read_sequences(X))


def as_targets(kind, X, items):
    """The same targets, as users may hold them."""
    sizes = [len(x) for x in X]
    whole = [
        padded([item], [start], size)[0]
        for item, start, size in zip(items, first_steps(X), sizes, strict=True)
    ]
    return {
        "list": lambda: items,
        "tuple": lambda: tuple(items),
        "lists": lambda: [item.tolist() for item in items],
        "object array": lambda: pd.Series(items).to_numpy(),
        "Series": lambda: pd.Series(items, index=np.arange(N) + 7),
        "list of Series": lambda: [pd.Series(i, index=np.arange(len(i)) + 3) for i in items],
        "polars Series": lambda: pl.Series([item.tolist() for item in items]),
        "as long as X": lambda: whole,
        "mixed": lambda: [items[0], whole[1], items[2].tolist(), tuple(whole[3])],
        "array": lambda: np.array(whole),
        "nested lists": lambda: [row.tolist() for row in whole],
        "DataFrame": lambda: pd.DataFrame(whole, index=np.arange(N) + 7),
        "polars DataFrame": lambda: pl.DataFrame(np.array(whole)),
        "infinite padding": lambda: np.nan_to_num(np.array(whole), nan=np.inf),
        "None in the padding": lambda: np.where(np.isnan(whole), None, whole),
        "pandas NA in the padding": lambda: np.where(np.isnan(whole), pd.NA, whole),
        "masked padding": lambda: np.ma.masked_invalid(whole),
        "masked arrays": lambda: [np.ma.masked_invalid(row) for row in whole],
    }[kind]()


RECTANGULAR = [
    "array",
    "nested lists",
    "DataFrame",
    "polars DataFrame",
    "infinite padding",
    "None in the padding",
    "pandas NA in the padding",
    "masked padding",
]
ANY = [
    "list",
    "tuple",
    "lists",
    "object array",
    "Series",
    "list of Series",
    "polars Series",
    "as long as X",
    "mixed",
    "masked arrays",
]


@pytest.mark.parametrize("kind", ANY)
@containers
def test_targets_of_any_container(X, kind):
    items = values()
    steps, layout = read_step_targets(as_targets(kind, X, items), read_sequences(X))
    assert_array_equal(steps.astype(float), np.concatenate(items))
    assert_array_equal(layout.lengths, LENGTHS)


@pytest.mark.parametrize("kind", RECTANGULAR)
@pytest.mark.parametrize("name", [name for name in CONTAINERS if "padded" in name])
def test_targets_of_one_array(name, kind):
    X = CONTAINERS[name]
    items = values()
    steps, _ = read_step_targets(as_targets(kind, X, items), read_sequences(X))
    assert steps.dtype == np.float64
    assert_array_equal(steps, np.concatenate(items))


@containers
def test_several_outputs(X):
    items = values(k=3)
    expected = np.concatenate(items)
    steps, _ = read_step_targets(items, read_sequences(X))
    assert_array_equal(steps, expected)
    frames = [pd.DataFrame(item, columns=list("abc")) for item in items]
    assert_array_equal(read_step_targets(frames, read_sequences(X))[0], expected)
    if not isinstance(X, list | pd.Series) and X.ndim == 3:
        steps, _ = read_step_targets(padded(items, first_steps(X)), read_sequences(X))
        assert_array_equal(steps, expected)


@pytest.mark.parametrize(
    "labels, dtype",
    [
        ([np.array([True, False, True]), np.array([False])], bool),
        ([np.array([3, 4, 3]), np.array([4])], np.int64),
        ([np.array([0.5, 1.5, 0.5]), np.array([1.5])], np.float64),
        ([np.array(["ab", "c", "ab"]), np.array(["c"])], "<U2"),
    ],
)
def test_labels_keep_their_type_beside_missing_ones(labels, dtype):
    X = padded([np.ones((3, 1)), np.ones((1, 1))], [0, 1], 3)
    y = padded(labels, [0, 1], 3, missing=None)
    for given in (y, y.tolist(), list(y), pd.DataFrame(y), labels, [i.tolist() for i in labels]):
        steps, _ = read_step_targets(given, read_sequences(X))
        assert steps.dtype == dtype
        assert_array_equal(steps, np.concatenate(labels))


def test_a_mix_of_numbers_and_text_stays_what_it_is():
    y = np.array([["a", 1, None], [2.5, None, None]], dtype=object)
    X = padded([np.ones((2, 1)), np.ones((1, 1))], [0, 0], 3)
    steps, _ = read_step_targets(y, read_sequences(X))
    assert steps.tolist() == ["a", 1, 2.5]


@pytest.mark.parametrize(
    "kind, wrong",
    [
        *itertools.product(["floats"], [np.nan, np.inf, -np.inf]),
        *itertools.product(
            ["objects", "text", "list", "nested lists"], [np.nan, np.inf, -np.inf, None, pd.NA]
        ),
    ],
)
@containers
def test_a_missing_target_is_named(X, kind, wrong):
    items = [item.astype(object) for item in values()]
    if kind == "text":
        items = [np.where(item > 0, "a", "b").astype(object) for item in items]
    items[2][1] = wrong
    if kind == "floats":
        items = [item.astype(float) for item in items]
    if kind == "list":
        items = [item.tolist() for item in items]
    if kind == "nested lists":  # of two outputs
        items = [[[value, 1.0] for value in item] for item in items]
    step = first_steps(X)[2] + 1
    with pytest.raises(ValueError, match=f"y contains NaN.* at sample 2, time step {step}\\."):
        read_step_targets(items, read_sequences(X))


def test_a_masked_target_is_missing():
    X, y = np.ones((2, 3, 1)), np.arange(6.0).reshape(2, 3)
    mask = np.zeros((2, 3), dtype=bool)
    mask[1, 2] = True
    whole = np.ma.array(y, mask=mask)
    for given in (whole, list(whole), [y[0], whole[1]]):
        with pytest.raises(ValueError, match="sample 1, time step 2"):
            read_step_targets(given, read_sequences(X))


def test_text_and_nan_are_not_the_label_nan():
    X = [np.ones((2, 1)), np.ones((2, 1))]
    for y in ([["a", "b"], ["b", np.nan]], [np.array(["a", "b"]), ["b", np.nan]]):
        with pytest.raises(ValueError, match="sample 1, time step 1"):
            read_step_targets(y, read_sequences(X))


WRONG = {
    "1-D": (lambda: np.ones(N), r"one target per time step.* Got .*1\.0.* at sample 0"),
    "list of numbers": (lambda: [1.0] * N, r"one target per time step.* Got .*1\.0.* at sample 0"),
    "labels of equal length": (lambda: ["ab"] * N, r"one target per time step.* Got 'ab' at sam"),
    "labels": (lambda: ["a", "b", "c", "dd"], r"one target per time step.* Got 'a' at sample 0"),
    "Series": (lambda: pd.Series(np.ones(N)), r"one target per time step.* at sample 0"),
    "number": (lambda: 3.0, "one target per time step.* Got an instance of 'float'"),
    "generator": (lambda: (x for x in "ab"), "one target per time step.* of 'generator'"),
    "sparse": (lambda: csr_array(np.eye(N)), "one target per time step.* of 'csr_array'"),
    "one too many": (lambda: [*values(), np.ones(2)], "same number of samples. Got 4 in X and 5"),
    "one too few": (lambda: values()[:-1], "same number of samples. Got 4 in X and 3 in y"),
    "none": (lambda: [], "same number of samples. Got 4 in X and 0 in y"),
    "too long": (
        lambda: [*values()[:2], np.ones(7), values()[3]],
        r"Sample 2 has 4 time steps.*but 7 targets",
    ),
    "too short": (
        lambda: [*values()[:3], np.ones(1)],
        r"Sample 3 has 2 time steps.*but 1 targets",
    ),
    "empty": (lambda: [*values()[:3], np.ones(0)], r"Sample 3 has 2 time steps.*but 0 targets"),
    "too wide": (lambda: np.ones((N, STEPS + 1)), "Sample 0 has 3 time steps.*but 7 targets"),
    "another k": (
        lambda: [*values(k=2)[:3], np.ones((2, 3))],
        r"same number of targets per time step. Got shape \(2, 3\) at sample 3, \(3, 2\) at",
    ),
    "another k, equal lengths": (
        lambda: [np.ones((STEPS, 1 + i % 2)) for i in range(N)],
        "same number of targets per time step|Sample 0 has 3 time steps",
    ),
    "ragged outputs": (
        lambda: [*values()[:3], [[1.0], [1.0, 2.0]]],
        "Sample 3 of y is not an array",
    ),
    "four axes": (
        lambda: [np.ones((length, 2, 2)) for length in LENGTHS],
        r"one target per time step.*Got \(2, 2\) targets",
    ),
}


@pytest.mark.parametrize("make, message", WRONG.values(), ids=WRONG.keys())
@containers
def test_wrong_targets_are_named(X, make, message):
    with pytest.raises(ValueError, match=message):
        read_step_targets(make(), read_sequences(X))


def test_the_padded_length_is_named():
    with pytest.raises(ValueError, match=r"Sample 0 has 3 time steps \(6 with padding\), but 2 t"):
        read_step_targets(np.ones((N, 2)), read_sequences(X_padded()))
    with pytest.raises(ValueError, match=r"Sample 0 has 3 time steps, but 2 targets"):
        read_step_targets(np.ones((N, 2)), read_sequences(X_ragged()))


@containers
def test_where_names_the_place_in_the_container(X):
    layout = layout_of(X)
    expected = [
        f"sample {i}, time step {start + step}"
        for i, (start, length) in enumerate(zip(first_steps(X), LENGTHS, strict=True))
        for step in range(length)
    ]
    assert [layout.where(position) for position in range(sum(LENGTHS))] == expected


@pytest.mark.parametrize("k", [None, 3])
@containers
def test_pad_and_restore(X, k):
    items = values(k)
    layout = layout_of(X)
    whole = layout.pad(np.concatenate(items))
    assert whole.shape[:2] == (N, max(LENGTHS))
    for row, item in zip(whole, items, strict=True):
        assert_array_equal(row[: len(item)], item)
        assert (row[len(item) :] == 0).all()
    whole[whole == 0] = 99.0  # what stands there means nothing
    restored = layout.restore(whole, np.nan)
    assert isinstance(restored, np.ndarray) == (isinstance(X, np.ndarray) and X.ndim == 3)
    for x, row, item, start in zip(X, restored, items, first_steps(X), strict=True):
        assert len(row) == len(x)
        assert row.dtype == np.float64
        assert_array_equal(row[start : start + len(item)], item)
        rest = np.delete(row, np.arange(start, start + len(item)), axis=0)
        assert np.isnan(rest).all()


@containers
def test_restore_labels(X):
    items = [np.arange(length) for length in LENGTHS]
    layout = layout_of(X)
    restored = layout.restore(layout.pad(np.concatenate(items)), None)
    for x, row, item, start in zip(X, restored, items, first_steps(X), strict=True):
        expected = [None] * len(x)
        expected[start : start + len(item)] = item.tolist()
        assert row.tolist() == expected
        if len(x) == len(item):
            assert row.dtype == (object if isinstance(restored, np.ndarray) else items[0].dtype)


def test_without_padding_labels_are_no_objects():
    layout = layout_of(np.ones((2, 3, 1)))
    labels = np.array([["a", "b", "a"], ["b", "b", "a"]])
    assert layout.restore(labels, None).dtype == "<U1"


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["numbers", "several outputs", "integers", "text", "flags"])
@containers
def test_flatten_steps(X, kind, weighted):
    make = {
        "numbers": lambda item: item,
        "several outputs": lambda item: np.c_[item, item + 1],
        "integers": lambda item: (item > 0).astype(np.int64),
        "text": lambda item: np.where(item > 0, "a", "bc"),
        "flags": lambda item: item > 0,
    }[kind]
    true, predicted = ([make(item) for item in values(seed=s)] for s in (0, 1))
    layout = layout_of(X)
    missing = np.nan if kind in ("numbers", "several outputs") else None
    y_pred = layout.restore(layout.pad(np.concatenate(predicted)), missing)
    weights = np.array([0.0, 1.0, 2.5, 0.5]) if weighted else None
    for y_true in (true, layout.restore(layout.pad(np.concatenate(true)), missing)):
        flat = flatten_steps(y_true, y_pred, weights)
        assert flat[0].dtype == np.concatenate(true).dtype
        assert flat[1].dtype == np.concatenate(predicted).dtype
        assert_array_equal(flat[0], np.concatenate(true))
        assert_array_equal(flat[1], np.concatenate(predicted))
        if weighted:
            assert_array_equal(flat[2], [0.0] * 3 + [1.0] + [2.5] * 4 + [0.5] * 2)
        else:
            assert flat[2] is None


def test_flatten_steps_names_what_is_wrong():
    y_pred = padded(values())
    with pytest.raises(ValueError, match=r"return_sequences=True.* Got predictions of shape \(4,"):
        flatten_steps(values(), np.ones(N))
    with pytest.raises(ValueError, match=r"return_sequences=True.* Got predictions of shape \(\)"):
        flatten_steps(values(), [1.0, 2.0, 3.0, 4.0])
    with pytest.raises(ValueError, match=r"sample_weight must have shape \(4,\).* Got .*\(3,\)"):
        flatten_steps(values(), y_pred, np.ones(3))
    with pytest.raises(ValueError, match=r"sample_weight must have shape \(4,\).* \(4, 6\)"):
        flatten_steps(values(), y_pred, np.ones((4, 6)))
    with pytest.raises(ValueError, match="Got 4 in X and 3 in y"):
        flatten_steps(values()[:3], y_pred)
    with pytest.raises(ValueError, match="Sample 1 has 1 time steps"):
        flatten_steps([values()[0]] * N, y_pred)
