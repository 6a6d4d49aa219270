"""Explanations, transformers and splits of random sequences keep what they promise."""

from functools import cache

import numpy as np
import pytest
from arbitrary import RAGGED, even, ragged, trials
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.model_selection import WindowSplit
from sklstm.preprocessing import (
    SequenceOneHotEncoder,
    SequenceTokenizer,
    SequenceWise,
    SlidingWindow,
    make_windows,
)

TINY = {"hidden_size": 2, "max_epochs": 1, "random_state": 0, "device": "cpu"}
X = np.random.default_rng(0).normal(size=(12, 5, 2))
MODELS = {
    "regressor": (LSTMRegressor(**TINY), X.sum((1, 2))),
    "classifier": (LSTMClassifier(**TINY), np.arange(12) % 3),
    "peepholes": (LSTMRegressor(**TINY, cell="peephole", pooling="attention"), X[:, 0]),
}


@cache
def fitted(name):
    model, y = MODELS[name]
    return model.fit(X, y)


@pytest.mark.parametrize("method", ["deep", "blocked", "exact"])
@trials(10)
@given(name=st.sampled_from(sorted(MODELS)), items=ragged(), layout=st.sampled_from(sorted(RAGGED)))
def test_values_add_up_for_each_row_alone_in_every_container(method, name, items, layout):
    def explain(rows):
        level = "timestep" if method == "exact" else "cell"
        return fitted(name).explain_shap(
            rows, background=X[:2], method=method, level=level, random_state=0
        )

    found = explain(items)
    assert found.additivity_gap.max() < 1e-4
    assert np.isfinite(found.values).all()
    for row, item in enumerate(items):
        assert (found.values[row, len(item) :] == 0).all()
    last = explain(items[-1:])
    steps = len(items[-1])
    assert_allclose(found.values[-1, :steps], last.values[0, :steps], atol=1e-6)
    if "padded" not in layout and layout != "masked":
        assert_array_equal(explain(RAGGED[layout](items)).values, found.values)


@trials(20)
@given(name=st.sampled_from(sorted(MODELS)), items=ragged())
def test_gates_lie_between_their_limits(name, items):
    gates = fitted(name).explain_gates(items)
    for row, item in enumerate(items):
        for gate in gates.input_gate, gates.forget_gate, gates.output_gate:
            assert ((gate[row, : len(item)] >= 0) & (gate[row, : len(item)] <= 1)).all()


# ---------------------------------------------------------------- transformers


@trials(30)
@given(
    items=ragged(),
    scaler=st.sampled_from([StandardScaler(), MinMaxScaler(), FunctionTransformer()]),
    layout=st.sampled_from(["tuple", "objects", "float16", "gaps", "padded at the end"]),
)
def test_scaled_steps_are_those_of_one_long_table_and_come_back(items, scaler, layout):
    data = RAGGED[layout](items)
    wise = SequenceWise(scaler)
    scaled = wise.fit_transform(data)
    expected = scaler.fit_transform(np.concatenate(items).astype(np.asarray(data[0]).dtype))
    real = np.concatenate([row[: len(item)] for row, item in zip(scaled, items, strict=True)])
    assert_allclose(real, expected, rtol=1e-2, atol=1e-2)
    back = wise.inverse_transform(scaled)
    for row, item in zip(back, items, strict=True):
        assert_allclose(row[: len(item)], item, rtol=1e-2, atol=1e-2)


@trials(30)
@given(texts=st.lists(st.text("ACGT", min_size=1, max_size=6), min_size=1, max_size=5))
def test_symbols_and_words_come_back(texts):
    rows = SequenceOneHotEncoder("ACGT").fit_transform(texts)
    for row, text in zip(rows, texts, strict=True):
        steps = np.asarray(row)[: len(text)]
        assert (steps.sum(axis=1) == 1).all()
        assert "".join("ACGT"[code] for code in steps.argmax(axis=1)) == text
    words = [" ".join(text.lower()) for text in texts]
    tokenizer = SequenceTokenizer(tokenizer=str.split).fit(words)
    back = tokenizer.inverse_transform(tokenizer.transform(words))
    assert [" ".join(row) for row in back] == words


@trials(30)
@given(table=even(3, n_timesteps=5), lookback=st.integers(1, 5), horizon=st.integers(1, 3))
def test_windows_are_slices_of_the_table(table, lookback, horizon):
    table = np.concatenate(table)
    windows = SlidingWindow(lookback).fit_transform(table)
    assert len(windows) == len(table)
    values = np.asarray(windows)
    for row in range(lookback - 1, len(table)):
        assert_array_equal(values[row], table[row + 1 - lookback : row + 1])
    if len(table) >= lookback + horizon:
        X, y, _ = make_windows(table, lookback, horizon, target=0)
        for i, window in enumerate(X):
            assert_array_equal(window, table[i : i + lookback])
            end = i + lookback
            assert_array_equal(np.ravel(y[i]), table[end : end + horizon, 0])


@trials(30)
@given(
    n_rows=st.integers(8, 60),
    n_splits=st.integers(2, 4),
    horizon=st.integers(1, 3),
    lookback=st.integers(1, 3),
)
def test_training_targets_lie_before_the_first_test_origin(n_rows, n_splits, horizon, lookback):
    splitter = WindowSplit(n_splits, horizon=horizon, lookback=lookback)
    try:
        folds = list(splitter.split(np.zeros((n_rows, 1))))
    except ValueError as error:
        assert "nothing to train on" in str(error)
        return
    assert len(folds) == n_splits
    for train, test in folds:
        assert len(train) and len(test)
        assert train.max() + horizon <= test.min()
