"""A masked array of dask is read as the same of NumPy: what is masked is missing."""

import dask.array as da
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm._data import read_codes, read_sequences, read_targets, read_weights
from sklstm.preprocessing import SequenceWise, SlidingWindow, make_windows

X = np.random.default_rng(0).normal(size=(12, 4, 2)) * 9
y = X[:, 0, 0]
LABELS = np.where(y > 0, "a", "b")
# A value inside a sequence, the last step of one, and a sample.
CELL, STEP, SAMPLE = np.zeros(X.shape, bool), np.zeros(X.shape, bool), np.arange(12) == 5
CELL[3, 1, 0] = STEP[3, 3] = True
MODEL = LSTMRegressor(2, max_epochs=1, random_state=0).fit(X, y)


def classified(y):
    return LSTMClassifier(2, max_epochs=1).fit(X, y)


def same_steps(y):
    return LSTMRegressor(2, max_epochs=1, return_sequences=True).fit(X, y)


def explained(background):
    return MODEL.explain_shap(X[:1], background=background)


READ = {
    "array": (MODEL.predict, X, STEP),
    "integers": (MODEL.predict, X.astype(int), STEP),
    "explained": (lambda X: MODEL.explain_gradients(X).values, X, STEP),
    "transformed": (SequenceWise(StandardScaler()).fit_transform, X, STEP),
    "not masked": (MODEL.predict, X.astype(np.float32), np.zeros(X.shape, bool)),
}
REFUSED = {
    "array": (read_sequences, X, CELL, "sample 3, time step 1, feature 0"),
    "table": (read_sequences, X.reshape(12, 8), CELL.reshape(12, 8), "sample 3, column 2"),
    "list": (lambda X: read_sequences(list(X)), X, CELL, "sample 3, time step 1, feature 0"),
    "codes": (read_codes, abs(X[:, :, 0]).astype(int), STEP[:, :, 0], "sample 3, column 3"),
    "targets": (lambda y: read_targets(y, 12), y, SAMPLE, "sample 5"),
    "labels": (classified, LABELS, SAMPLE, "missing label .* at sample 5"),
    "numbers of classes": (classified, (y > 0).astype(int), SAMPLE, "missing label .* sample 5"),
    "targets of each step": (same_steps, X[:, :, 0], CELL[:, :, 0], "sample 3, time step 1"),
    "weights": (lambda w: read_weights(w, 12), np.ones(12), SAMPLE, "sample 5"),
    "background": (explained, X, CELL, "'background' .* sample 3, time step 1, feature 0"),
    "backgrounds": (explained, X[None], CELL[None], "'background' .* sample 3, time step 1"),
    "windows": (SlidingWindow(3).fit_transform, X[:, :, 0], CELL[:, :, 0], "row 3, column 1"),
    "series": (lambda X: make_windows(X, 3), y, SAMPLE, "row 5, column 0"),
}


def kinds(values, mask):
    chunks = [da.from_array(array, chunks=5) for array in (values, mask)]
    return np.ma.array(values, mask=mask), da.ma.masked_array(*chunks)


@pytest.mark.parametrize("read, values, mask", READ.values(), ids=READ.keys())
def test_a_masked_step_at_the_end_is_padding(read, values, mask):
    missing = np.where(mask, np.nan, values)
    for X in kinds(values, mask):
        assert_array_equal(read(X), read(missing), strict=True)


@pytest.mark.parametrize("read, values, mask, place", REFUSED.values(), ids=REFUSED.keys())
def test_another_masked_value_is_missing(read, values, mask, place):
    for given in kinds(values, mask):
        with pytest.raises(ValueError, match=place):
            read(given)
    read(da.from_array(values, chunks=5))
