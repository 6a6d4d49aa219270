"""Data larger than memory: memory maps and arrays that are read by their rows."""

import os
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from stores import STORES

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm._data import _sequences
from sklstm._training import _batches

ROOT = Path(__file__).parents[1]
N, STEPS, FEATURES = 120, 6, 3
SMALL = {"hidden_size": 4, "max_epochs": 2, "random_state": 0}


def make_data(layout="3-D", dtype=np.float64):
    rng = np.random.default_rng(0)
    X = (4 * rng.normal(size=(N, STEPS, FEATURES))).astype(dtype)
    y = X[:, -1, 0] + 0.5 * X[:, -2, 1].astype(np.float64)
    if layout == "padded":
        X[::3, :2] = X[1, -1] = np.nan
    if layout == "table":
        X = X.reshape(N, -1)
    if layout == "codes":
        X = rng.integers(0, 5, size=(N, STEPS))
        X[::4, 4:] = -1
    return X, y


def mapped(X, folder):
    np.save(folder / "X.npy", X)
    return np.load(folder / "X.npy", mmap_mode="r")


def joblib_mapped(X, folder):
    joblib.dump(X, folder / "X.joblib")
    return joblib.load(folder / "X.joblib", mmap_mode="r")


def raw(X, folder):
    X.tofile(folder / "X.dat")
    return np.memmap(folder / "X.dat", X.dtype, "r", shape=X.shape)


SOURCES = {
    "memory map": mapped,
    "joblib": joblib_mapped,
    "raw memory map": raw,
    **{name: lambda X, folder, store=store: store(X) for name, store in STORES.items()},
}
sources = pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES.keys())
LAYOUTS = {
    "3-D": (LSTMRegressor(**SMALL), *make_data()),
    "float16": (LSTMRegressor(**SMALL), *make_data(dtype=np.float16)),
    "other byte order": (LSTMRegressor(**SMALL), *make_data(dtype=">f4")),
    "integers": (LSTMRegressor(**SMALL), *make_data(dtype=np.int16)),
    "Fortran order": (LSTMRegressor(**SMALL), np.asfortranarray(make_data()[0]), make_data()[1]),
    "padded": (LSTMRegressor(**SMALL, early_stopping=True), *make_data("padded")),
    "table": (LSTMRegressor(**SMALL, n_timesteps=STEPS), *make_data("table")),
    "univariate table": (LSTMRegressor(**SMALL), *make_data("table")),
    "codes": (LSTMRegressor(**SMALL, embedding_size=2), *make_data("codes")),
    "per step": (LSTMRegressor(**SMALL, return_sequences=True), *[make_data()[0]] * 2),
    "classifier": (LSTMClassifier(**SMALL, keep_background=5), *make_data()),
}
LAYOUTS["classifier"] = (*LAYOUTS["classifier"][:2], make_data()[1] > 0)


def assert_same(one, two):
    if isinstance(one, list):
        for first, second in zip(one, two, strict=True):
            assert_array_equal(first, second)
    else:
        assert_array_equal(one, two, strict=True)


@sources
@pytest.mark.parametrize("layout", LAYOUTS)
def test_on_disk_is_as_in_memory(source, layout, tmp_path, monkeypatch):
    monkeypatch.setattr(_sequences, "CHUNK_BYTES", 2**12)
    monkeypatch.setattr(_batches, "INFERENCE_ENTRIES", 2**10)
    model, X, y = LAYOUTS[layout]
    stored, weight = source(X, tmp_path), np.arange(N) % 3
    expected = clone(model).fit(X, y, sample_weight=weight)
    fitted = clone(model).fit(stored, y, sample_weight=weight)
    assert_same(fitted.predict(stored), expected.predict(X))
    assert fitted.score(stored, y) == expected.score(X, y)
    assert fitted.n_features_in_ == expected.n_features_in_
    if hasattr(stored, "most_rows"):
        assert 0 < stored.most_rows < N


@sources
def test_targets_and_weights_may_be_mapped_too(source, tmp_path):
    X, y = make_data()
    (tmp_path / "more").mkdir()
    expected = LSTMRegressor(**SMALL).fit(X, y, sample_weight=np.arange(N))
    y_mapped = mapped(y, tmp_path / "more")
    weight = raw(np.arange(N), tmp_path / "more")
    fitted = LSTMRegressor(**SMALL).fit(source(X, tmp_path), y_mapped, sample_weight=weight)
    assert_same(fitted.predict(X), expected.predict(X))


@sources
def test_slices_are_explained_beside_all_rows(source, tmp_path):
    X, y = make_data()
    stored = source(X, tmp_path)
    model = LSTMRegressor(**SMALL).fit(X, y)
    options = {"background": stored}, {"background": X}
    for method in ("deep", "gradient", "blocked"):
        one, two = (
            model.explain_shap(rows[:4], method=method, random_state=0, **option)
            for rows, option in zip((stored, X), options, strict=True)
        )
        assert_array_equal(one.values, two.values)
        assert_array_equal(one.base_values, two.base_values)
    one, two = (
        model.explain_permutation(rows[:40], y[:40], level="feature", random_state=0)
        for rows in (stored, X)
    )
    assert_array_equal(one.importances, two.importances)


class RowsAlone:
    """What the guide asks of an array, and nothing that makes an array of NumPy of it."""

    def __init__(self, values):
        self._values = values
        self.shape, self.dtype, self.ndim = values.shape, values.dtype, values.ndim

    def __getitem__(self, rows):
        return self._values[rows]


EXPLAIN = {
    "shap": lambda model, X, y: model.explain_shap(X, background=X).values,
    "gradients": lambda model, X, y: model.explain_gradients(X).values,
    "permutation": lambda model, X, y: model.explain_permutation(X, y, random_state=0).importances,
}


@pytest.mark.parametrize("explain", EXPLAIN.values(), ids=EXPLAIN.keys())
def test_what_has_rows_alone_is_explained_as_a_whole(explain):
    X, y = make_data()
    model = LSTMRegressor(**SMALL).fit(RowsAlone(X), y)
    assert_array_equal(explain(model, RowsAlone(X), y), explain(model, X, y))


@sources
def test_partial_fit_over_chunks(source, tmp_path):
    X, y = make_data()
    stored = source(X, tmp_path)
    by_chunks, in_memory = LSTMRegressor(**SMALL), LSTMRegressor(**SMALL)
    for _ in range(2):
        for begin in range(0, N, 40):
            rows = slice(begin, begin + 40)
            by_chunks.partial_fit(stored[rows], y[rows])
            in_memory.partial_fit(X[rows], y[rows])
    assert_same(by_chunks.predict(stored), in_memory.predict(X))
    assert by_chunks.n_epochs_ == 6


@sources
def test_partial_fit_of_all_rows_is_a_fit(source, tmp_path):
    X, y = make_data()
    stored = source(X, tmp_path)
    repeated = LSTMRegressor(**SMALL)
    for _ in range(SMALL["max_epochs"]):
        repeated.partial_fit(stored, y)
    at_once = LSTMRegressor(**SMALL, lr_schedule="constant").fit(X, y)
    assert_same(repeated.predict(X), at_once.predict(X))


@sources
def test_a_checkpoint_of_stored_rows_is_that_of_the_array(source, tmp_path):
    X, y = make_data()
    folder = tmp_path / "folder"
    model = LSTMRegressor(**SMALL, checkpoint=folder).fit(X, y)
    again = clone(model).fit(source(X, tmp_path), y)
    assert len(list(folder.iterdir())) == 1
    assert_same(again.predict(X), model.predict(X))


@sources
def test_a_wrong_value_is_named_and_nothing_is_lost(source, tmp_path):
    X, y = make_data()
    model = LSTMRegressor(**SMALL).fit(X, y)
    before = model.predict(X)
    X[77, 2, 1] = np.nan
    stored = source(X, tmp_path)
    for call in (lambda: model.fit(stored, y), lambda: model.predict(stored)):
        with pytest.raises(ValueError, match="NaN at sample 77, time step 2, feature 1"):
            call()
    X[77, 2, 1] = 0
    assert_same(model.predict(make_data()[0]), before)


# ------------------------------------------------------------------------------------ memory

# What a process has resident is what it allocated (RssAnon, which the limit RLIMIT_DATA stops)
# and pages of the file that the system lends it and takes back when memory is short (RssFile).
# So a memory map is measured by the first alone. A store that reads by itself is measured by
# all that the process ever had resident.
LIMITED = """
import resource, sys
import numpy as np
from sklearn.cluster import KMeans
from sklstm import LSTMRegressor
from sklstm._data import _sequences
from sklstm._training import _batches
from sklstm.explain import _rows

path, limit = sys.argv[1], int(sys.argv[2])
_sequences.CHUNK_BYTES, _batches.INFERENCE_ENTRIES, _rows.FORWARD_ROWS = 2**20, 2**17, 128


class FromFile:
    dtype, ndim = np.dtype(np.float32), 3

    def __init__(self, mapped):
        self.shape, self.offset = mapped.shape, mapped.offset
        self.row = int(np.prod(self.shape[1:]))

    def __getitem__(self, rows):
        if isinstance(rows, slice):
            begin, end, _ = rows.indices(self.shape[0])
            runs = [(begin, end - begin)]
        else:
            runs = [(row, 1) for row in rows.tolist()]
        with open(path, "rb", buffering=0) as file:
            parts = []
            for row, count in runs:
                file.seek(self.offset + 4 * self.row * row)
                parts.append(np.fromfile(file, np.float32, self.row * count))
        return np.concatenate(parts).reshape(-1, *self.shape[1:])

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("was read whole")


mapped = np.load(path, mmap_mode="r")
by_rows = FromFile(mapped)
y = np.arange(len(mapped)) % 7 * 1.0
model = LSTMRegressor(16, max_epochs=1, batch_size=64, random_state=0)


def use(X, y):
    model.fit(X, y)
    model.partial_fit(X, y)
    assert np.isfinite(model.predict(X)).all()
    assert np.isfinite(model.score(X, y))
    model.explain_permutation(X[:20], y[:20], level="timestep", n_repeats=1, random_state=0)


def explain(X):
    e = model.explain_shap(X[:3], background=X, method="deep")
    assert np.isfinite(e.values).all()


def status(name):
    with open("/proc/self/status") as lines:
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))


KMeans(2, n_init=1).fit(np.random.default_rng(0).normal(size=(500, 50)))
few = by_rows[:300]
use(few, y[:300])  # imports, compiled kernels, pools
explain(few)
data = status("VmData")
resource.setrlimit(resource.RLIMIT_DATA, (data + limit, data + 2 * limit))
before = status("VmHWM")
use(by_rows, y)
assert status("VmHWM") - before < limit, (before, status("VmHWM"))
use(mapped, y)
# 200 rows stand for the background, in float64, whatever the size of the file.
resource.setrlimit(resource.RLIMIT_DATA, (data + 2 * limit, data + 2 * limit))
explain(by_rows)
explain(mapped)
"""


@pytest.fixture(scope="module")
def large_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("large") / "X.npy"
    X = np.lib.format.open_memmap(path, "w+", np.float32, (10_000, 10, 300))  # 120 MB
    block = np.random.default_rng(0).normal(size=X.shape[1:]).astype(np.float32)
    for row in range(len(X)):
        X[row] = block
        X[row, :, 0] += row
    X.flush()
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc and limits anonymous memory")
def test_fit_predict_and_explain_in_a_quarter_of_the_file(large_file):
    limit = large_file.stat().st_size // 4
    run = subprocess.run(
        [sys.executable, "-c", LIMITED, large_file, str(limit)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        # glibc gives memory back at once, so that what is measured does not depend on its pools
        env=os.environ | {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536"},
    )
    assert run.returncode == 0, run.stderr[-3000:]
