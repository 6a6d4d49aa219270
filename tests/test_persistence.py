"""Fitted estimators survive pickle, joblib, cloudpickle and copies, and stay small."""

import copy
import io
import os
import pickle
import subprocess
import sys
from pathlib import Path

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from rounding import assert_same_numbers
from sklearn.base import clone
from sklearn.callback import ScoringMonitor
from sklearn.exceptions import InconsistentVersionWarning, NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import (
    BatchScoring,
    Callback,
    EarlyStopping,
    EpochScoring,
    Freezer,
    GradientNormClipping,
    LRScheduler,
    PrintLog,
)

from sklstm import LSTMClassifier, LSTMRegressor

ROOT = Path(__file__).parents[1]
N, STEPS, FEATURES = 24, 5, 2


def make_data(kind="3-D", target="number", n=N):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, STEPS, FEATURES))
    y = {
        "number": rng.normal(size=n),
        "numbers": rng.normal(size=(n, 3)),
        "text": np.array(["früh", "spät", "nie"])[np.arange(n) % 3],
        "object": np.array(["früh", "spät", "nie"], dtype=object)[np.arange(n) % 3],
        "bool": np.arange(n) % 2 == 0,
        "multilabel": rng.integers(0, 2, size=(n, 3)),
    }[target]
    if kind == "ragged":
        return [x[: 1 + i % STEPS] for i, x in enumerate(X)], y
    if kind == "padded":
        X[::2, 0] = np.nan
    if kind == "table":
        X = X.reshape(n, -1)
    if kind == "frame":
        X = pd.DataFrame(X.reshape(n, -1), columns=[f"c{i}" for i in range(STEPS * FEATURES)])
    return X, y


CASES = {
    "regressor": (LSTMRegressor(4), "3-D", "number"),
    "standardize=False": (LSTMRegressor(4, standardize=False), "padded", "number"),
    "several outputs": (LSTMRegressor(4, 2, bidirectional=True, dropout=0.2), "3-D", "numbers"),
    "table": (LSTMRegressor(4, n_timesteps=STEPS), "table", "number"),
    "frame": (LSTMRegressor(4, pooling="max"), "frame", "number"),
    "early stopping": (LSTMRegressor(4, early_stopping=True), "ragged", "number"),
    "optimizer class": (LSTMRegressor(4, optimizer=torch.optim.NAdam), "3-D", "number"),
    "RandomState": (LSTMRegressor(4, random_state=np.random.RandomState(0)), "3-D", "number"),
    "text labels": (LSTMClassifier(4, class_weight="balanced"), "ragged", "text"),
    "object labels": (LSTMClassifier(4, pooling="mean"), "3-D", "object"),
    "bool labels": (LSTMClassifier(4), "3-D", "bool"),
    "multilabel": (LSTMClassifier(4, early_stopping=True), "3-D", "multilabel"),
}
cases = pytest.mark.parametrize("model, kind, target", CASES.values(), ids=CASES.keys())


def fitted(model, kind, target):
    return clone(model).set_params(max_epochs=3).fit(*make_data(kind, target))


def through_joblib(model, path, *, mmap_mode=None, **options):
    joblib.dump(model, path / "model.joblib", **options)
    return joblib.load(path / "model.joblib", mmap_mode=mmap_mode)


ROUND_TRIPS = {
    **{
        f"pickle {protocol}": lambda model, _, p=protocol: pickle.loads(pickle.dumps(model, p))
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)
    },
    "joblib": through_joblib,
    "joblib, compressed": lambda model, path: through_joblib(model, path, compress=("gzip", 3)),
    "joblib, memory-mapped": lambda model, path: through_joblib(model, path, mmap_mode="r"),
    "joblib, copy on write": lambda model, path: through_joblib(model, path, mmap_mode="c"),
    "cloudpickle": lambda model, _: cloudpickle.loads(cloudpickle.dumps(model)),
    "deepcopy": lambda model, _: copy.deepcopy(model),
    "copy": lambda model, _: copy.copy(model),
    "twice": lambda model, _: pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(model)))),
}
round_trips = pytest.mark.parametrize("trip", ROUND_TRIPS.values(), ids=ROUND_TRIPS.keys())


def assert_predicts_the_same(one, two, X):
    assert_array_equal(one.predict(X), two.predict(X), strict=True)
    if hasattr(one, "classes_"):
        assert_array_equal(one.predict_proba(X), two.predict_proba(X), strict=True)
        assert_array_equal(one.decision_function(X), two.decision_function(X), strict=True)


def weights_of(model):
    return {name: w.cpu().numpy() for name, w in model.net_.module_.state_dict().items()}


def assert_same_weights(one, two):
    first, second = weights_of(one), weights_of(two)
    assert first.keys() == second.keys()
    for name in first:
        assert_array_equal(first[name], second[name], err_msg=name, strict=True)


# -------------------------------------------------------------------------------- round trips


@round_trips
@cases
def test_a_round_trip_keeps_everything(model, kind, target, trip, tmp_path):
    original = fitted(model, kind, target)
    X, _ = make_data(kind, target)
    loaded = trip(original, tmp_path)
    assert type(loaded) is type(original)
    assert_predicts_the_same(original, loaded, X)
    assert_same_weights(original, loaded)
    assert loaded.history_ == original.history_
    assert [list(row) for row in loaded.history_] == [list(row) for row in original.history_]
    assert loaded.n_epochs_ == original.n_epochs_
    public = {name for name in vars(original) if name.endswith("_")}
    assert {name for name in vars(loaded) if name.endswith("_")} == public
    for name in public - {"net_", "history_"}:
        assert_array_equal(getattr(loaded, name), getattr(original, name))
    before, after = original.get_params(), loaded.get_params()
    assert before.keys() == after.keys()
    for name in before.keys() - {"random_state"}:
        assert before[name] == after[name]
    # and the original is as it was
    assert_predicts_the_same(original, fitted_twin(original), X)


def fitted_twin(model):
    return pickle.loads(pickle.dumps(model))


@pytest.mark.parametrize("name", ["joblib, memory-mapped", "joblib"])
def test_a_loaded_model_does_not_need_its_file(name, tmp_path):
    original = fitted(*CASES["regressor"])
    loaded = ROUND_TRIPS[name](original, tmp_path)
    (tmp_path / "model.joblib").write_bytes(b"")
    X, y = make_data()
    assert_predicts_the_same(original, loaded, X)
    loaded.partial_fit(X, y)


def test_joblib_stores_the_weights_as_arrays_that_it_can_map(tmp_path):
    model = LSTMRegressor(64, max_epochs=1).fit(*make_data())
    path = tmp_path / "model.joblib"
    joblib.dump(model, path)
    assert weights_of(model)["head.weight"].tobytes() in path.read_bytes()


@pytest.mark.parametrize("make_copy", [copy.deepcopy, copy.copy, fitted_twin])
def test_a_copy_is_trained_on_its_own(make_copy):
    X, y = make_data()
    original = fitted(*CASES["regressor"])
    expected, history = original.predict(X), copy.deepcopy(original.history_)
    twin = make_copy(original).partial_fit(X, y)
    assert_array_equal(original.predict(X), expected)
    assert original.history_ == history
    assert not np.array_equal(twin.predict(X), expected)
    before = twin.predict(X)
    original.partial_fit(X, y)
    assert_array_equal(twin.predict(X), before)


@cases
def test_clone_gives_an_unfitted_twin(model, kind, target):
    original = fitted(model, kind, target)
    twin = clone(original)
    assert not hasattr(twin, "net_")
    with pytest.raises(NotFittedError):
        twin.predict(make_data(kind, target)[0])
    twin.set_params(random_state=0)
    again = clone(original).set_params(random_state=0)
    data = make_data(kind, target)
    assert_predicts_the_same(twin.fit(*data), again.fit(*data), data[0])


@round_trips
@pytest.mark.parametrize("model", [LSTMRegressor(7), LSTMClassifier(7, class_weight="balanced")])
def test_an_unfitted_estimator_is_kept(model, trip, tmp_path):
    loaded = trip(model, tmp_path)
    assert loaded.get_params() == model.get_params()
    assert not hasattr(loaded, "net_")
    X, y = make_data(target="text" if isinstance(model, LSTMClassifier) else "number")
    loaded.set_params(max_epochs=1).fit(X, y)


def test_inside_a_pipeline_and_a_search(tmp_path):
    X, y = make_data("table", "text")
    pipeline = make_pipeline(StandardScaler(), LSTMClassifier(4, max_epochs=2))
    search = GridSearchCV(pipeline, {"lstmclassifier__hidden_size": [2, 3]}, cv=2).fit(X, y)
    for trip in ROUND_TRIPS.values():
        assert_predicts_the_same(search, trip(search, tmp_path), X)


SCRIPT = """
import pickle, sys
import numpy as np
models, inputs = pickle.load(open(sys.argv[1], "rb"))
assert "sklstm" in sys.modules
pickle.dump([m.predict(X) for m, X in zip(models, inputs)], open(sys.argv[2], "wb"))
"""


def test_a_fresh_process_predicts_the_same(tmp_path):
    models = [fitted(*case) for case in CASES.values()]
    # A model whose state says "cuda", in a process that sees no GPU.
    models.append(fitted(*CASES["regressor"]).set_params(device="cuda"))
    inputs = [make_data(kind, target)[0] for _, kind, target in CASES.values()]
    inputs.append(inputs[0])
    (tmp_path / "in").write_bytes(pickle.dumps((models, inputs)))
    subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, tmp_path / "in", tmp_path / "out"],
        check=True,
        cwd=ROOT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
    )
    for model, X, there in zip(
        models, inputs, pickle.loads((tmp_path / "out").read_bytes()), strict=True
    ):
        here = model.predict(X)
        assert (here.dtype, here.shape) == (there.dtype, there.shape)
        assert_same_numbers(here, there)


# ------------------------------------------------------------------------------------- history


def test_the_history_of_many_epochs_is_kept():
    X, y = make_data()
    model = LSTMRegressor(4, max_epochs=200, batch_size=64, random_state=0).fit(X, y)
    loaded = fitted_twin(model)
    assert loaded.history_ == model.history_
    assert [row["epoch"] for row in loaded.history_] == list(range(1, 201))


class Record(Callback):
    """Records values of many types, some of them not in every epoch."""

    def on_epoch_end(self, net, **kwargs):
        epoch = len(net.history)
        net.history.record("int", epoch)
        net.history.record("big", 2**70)
        net.history.record("text", "é" * epoch)
        net.history.record("list", [epoch, None, {"a": 1.5}])
        net.history.record("float32", np.float32(epoch))
        net.history.record("float64", np.float64(epoch) / 3)
        net.history.record("bool_", np.bool_(epoch % 2))
        net.history.record("array", np.arange(3, dtype=np.uint8))
        net.history.record("not finite", [np.inf, -np.inf, 0.0][epoch % 3])
        net.history.record("mixed", epoch if epoch % 2 else 0.5)
        net.history.record("flag or number", True if epoch % 2 else 0.5)
        if epoch % 2:
            net.history.record("sometimes", 0.25)


def test_what_callbacks_recorded_is_kept():
    X, y = make_data()
    model = LSTMRegressor(4, max_epochs=11, callbacks=[Record()]).fit(X, y)
    loaded = pickle.loads(cloudpickle.dumps(model))
    assert len(loaded.history_) == 11
    for before, after in zip(model.history_, loaded.history_, strict=True):
        assert after.keys() == before.keys()
        for name, value in before.items():
            assert type(after[name]) is type(value), name
            assert_array_equal(after[name], value, err_msg=name)


class RecordNone(Callback):
    def on_epoch_end(self, net, **kwargs):
        net.history.record("none", None)
        net.history.record("best so far", None if len(net.history) < 3 else 0.5)


def test_a_recorded_none_is_kept():
    X, y = make_data()
    model = LSTMRegressor(4, max_epochs=4, callbacks=[RecordNone()]).fit(X, y)
    assert fitted_twin(model).history_ == model.history_


class RecordTensor(Callback):
    def on_epoch_end(self, net, **kwargs):
        net.history.record("norm", torch.tensor(0.5))


def test_a_recorded_tensor_becomes_a_number():
    X, y = make_data()
    model = LSTMRegressor(4, max_epochs=2, callbacks=[RecordTensor()]).fit(X, y)
    assert [row["norm"] for row in model.history_] == [0.5, 0.5]
    assert b"torch" not in pickle.dumps(model.set_params(callbacks=None))


class Interrupt(Callback):
    def on_batch_end(self, net, **kwargs):
        if len(net.history) == 3:
            raise KeyboardInterrupt


@pytest.mark.parametrize("early_stopping", [False, True])
def test_after_ctrl_c_and_further_training_the_history_is_kept(early_stopping):
    X, y = make_data()
    model = LSTMRegressor(4, warm_start=True, early_stopping=early_stopping, random_state=0)
    with pytest.raises(KeyboardInterrupt):
        model.set_params(callbacks=[Interrupt()]).fit(X, y)
    assert fitted_twin(model).history_ == model.history_
    model.set_params(callbacks=None, max_epochs=2).fit(X, y)
    loaded = fitted_twin(model)
    assert loaded.history_ == model.history_
    assert loaded.n_epochs_ == len(loaded.history_)


class InterruptAtOnce(Callback):
    def on_train_begin(self, net, **kwargs):
        raise KeyboardInterrupt


def test_a_model_without_a_complete_epoch_is_kept():
    X, y = make_data()
    model = LSTMRegressor(4, callbacks=[InterruptAtOnce()])
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    model.set_params(callbacks=None)
    loaded = fitted_twin(model)
    assert loaded.history_ == []
    assert loaded.n_epochs_ == 0
    assert_predicts_the_same(model, loaded, X)
    assert loaded.partial_fit(X, y).n_epochs_ == 1


# ---------------------------------------------------------------------------- size and content


def raw_bytes(model):
    return sum(w.nbytes for w in weights_of(model).values())


def assert_small(model, fitted_model=None, extra=0):
    raw = raw_bytes(model if fitted_model is None else fitted_model)
    limit = 1.3 * raw + 20_000 + extra
    assert len(pickle.dumps(model)) <= limit
    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    assert len(buffer.getvalue()) <= limit


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 3])
@pytest.mark.parametrize("hidden_size", [1, 16, 128])
def test_size(hidden_size, num_layers, bidirectional):
    model = LSTMRegressor(hidden_size, num_layers, bidirectional=bidirectional, max_epochs=1)
    assert_small(model.fit(*make_data()))


@pytest.mark.parametrize(
    "params, extra",
    [
        ({}, 0),
        ({"early_stopping": True}, 0),
        # What a callback records is the user's: one float and one flag per epoch.
        ({"callbacks": [EpochScoring("r2", on_train=True)]}, 9_000),
        ({"callbacks": [BatchScoring("neg_mean_squared_error", on_train=True)]}, 9_000),
        ({"callbacks": [LRScheduler(policy="StepLR", step_size=100)]}, 9_000),
    ],
    ids=["plain", "early stopping", "EpochScoring", "BatchScoring", "LRScheduler"],
)
def test_size_after_a_thousand_epochs(params, extra):
    X, y = np.arange(6.0).reshape(3, 2, 1), np.arange(3.0)
    model = LSTMRegressor(4, max_epochs=1000, n_iter_no_change=1000, random_state=0, **params)
    assert model.fit(X, y).n_epochs_ == 1000
    assert_small(model, extra=extra)


CALLBACKS = [
    EarlyStopping(monitor="train_loss", load_best=True),
    LRScheduler(policy="StepLR", step_size=1),
    EpochScoring("r2", on_train=True),
    BatchScoring("r2", on_train=True, name="batch"),
    GradientNormClipping(1.0),
    Freezer("head.bias"),
    PrintLog(),
]


@pytest.mark.parametrize("callback", CALLBACKS, ids=lambda callback: type(callback).__name__)
def test_size_with_callbacks(callback):
    X, y = make_data(n=400)
    model = LSTMRegressor(8, max_epochs=10, batch_size=4, callbacks=[callback]).fit(X, y)
    assert_small(model)
    loaded = fitted_twin(model)
    assert_predicts_the_same(model, loaded, X)
    assert loaded.history_ == model.history_
    loaded.partial_fit(X, y)


def test_size_of_the_best_estimator_of_a_search():
    X, y = make_data(n=300)
    search = GridSearchCV(LSTMRegressor(max_epochs=2), {"hidden_size": [8, 32]}, cv=2).fit(X, y)
    assert_small(search.best_estimator_)
    search = GridSearchCV(
        make_pipeline(LSTMRegressor(max_epochs=2)), {"lstmregressor__hidden_size": [8, 32]}, cv=2
    ).fit(X, y)
    assert_small(search.best_estimator_, search.best_estimator_[-1])


def test_size_with_a_sklearn_callback():
    X, y = make_data(n=300)
    model = LSTMRegressor(8, max_epochs=3).set_callbacks(ScoringMonitor(scoring="r2")).fit(X, y)
    assert_small(model)
    assert_predicts_the_same(model, fitted_twin(model), X)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_size_does_not_depend_on_the_number_of_rows(early_stopping):
    sizes = []
    for n in (30, 3000):
        model = LSTMRegressor(4, max_epochs=2, early_stopping=early_stopping, random_state=0)
        sizes.append(len(pickle.dumps(model.fit(*make_data(n=n)))))
    assert abs(sizes[0] - sizes[1]) < 100


class Recorder(pickle.Unpickler):
    """Notes each class and function that a pickle names."""

    def __init__(self, file):
        super().__init__(file)
        self.names = set()

    def find_class(self, module, name):
        self.names.add(f"{module}.{name}")
        return super().find_class(module, name)


@pytest.mark.parametrize("name", [name for name in CASES if name != "optimizer class"])
@pytest.mark.parametrize("trained", ["fit", "partial_fit", "loaded", "interrupted"])
def test_no_torch_in_the_pickle(name, trained):
    model, kind, target = CASES[name]
    X, y = make_data(kind, target)
    model = fitted(model, kind, target)
    if trained == "partial_fit":
        if isinstance(model, LSTMClassifier):
            model.set_params(class_weight=None)
        model.partial_fit(X, y)
    elif trained == "loaded":
        model = fitted_twin(model)
    elif trained == "interrupted":
        with pytest.raises(KeyboardInterrupt):
            model.set_params(callbacks=[Interrupt()]).fit(X, y)
        model.set_params(callbacks=None)
    recorder = Recorder(io.BytesIO(pickle.dumps(model)))
    recorder.load()
    packages = {name.split(".")[0] for name in recorder.names}
    assert packages <= {"sklstm", "numpy", "builtins", "_codecs", "copyreg"}
    assert {name for name in recorder.names if name.startswith("sklstm")} == {
        f"{type(model).__module__}.{type(model).__name__}"
    }
    assert b"torch" not in pickle.dumps(model)
    assert b"skorch" not in pickle.dumps(model)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_no_data_in_the_pickle(dtype, early_stopping):
    X, y = make_data()
    X, y = X.astype(dtype), y.astype(dtype)
    weight = np.random.default_rng(5).uniform(1, 2, size=N)
    model = LSTMRegressor(4, early_stopping=early_stopping, max_epochs=3)
    model.set_params(callbacks=[EpochScoring("r2", on_train=True)])
    stored = pickle.dumps(model.fit(X, y, sample_weight=weight))
    parameters = weights_of(model)
    z = (X - parameters["x_mean"]) / parameters["x_scale"]
    target = (y - parameters["y_mean"]) / parameters["y_scale"]
    for values in (X, y, z, target, weight):
        for number in np.ravel(values)[:40]:
            for width in (np.float64, np.float32):
                assert width(number).tobytes() not in stored


# -------------------------------------------------------------------------- devices and versions


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:3", "mps"])
def test_a_model_of_a_missing_device_loads_on_the_cpu(device, monkeypatch):
    X, y = make_data()
    model = LSTMRegressor(4, device="cpu", max_epochs=2).fit(X, y)
    expected = model.predict(X)
    stored = pickle.dumps(model.set_params(device=device))
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    loaded = pickle.loads(stored)
    assert_array_equal(loaded.predict(X), expected)
    assert loaded.device == device
    assert loaded.partial_fit(X, y).n_epochs_ == 3
    assert loaded.set_params(warm_start=True).fit(X, y).n_epochs_ == 5
    # A new network is another thing: it is asked for on a device that is not there.
    with pytest.raises(ValueError, match="'device' parameter"):
        clone(loaded).fit(X, y)
    copy.deepcopy(loaded)


def test_another_version_warns(monkeypatch):
    X, _ = make_data()
    model = fitted(*CASES["regressor"])
    with monkeypatch.context() as patch:
        patch.setattr("sklstm._base.__version__", "0.0.0.dev7")
        stored = pickle.dumps(model)
    with pytest.warns(InconsistentVersionWarning, match=r"LSTMRegressor.*0\.0\.0\.dev7") as caught:
        loaded = pickle.loads(stored)
    assert len(caught) == 1
    assert caught[0].message.original_sklearn_version == "0.0.0.dev7"
    assert_predicts_the_same(model, loaded, X)
    assert not [name for name in vars(loaded) if "version" in name]
    pickle.loads(pickle.dumps(loaded))  # which does not warn


def test_another_version_of_an_unfitted_estimator_warns(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("sklstm._base.__version__", "99.0")
        stored = pickle.dumps(LSTMClassifier())
    with pytest.warns(InconsistentVersionWarning, match=r"LSTMClassifier.*99\.0"):
        pickle.loads(stored)


def test_reading_the_state_does_not_change_the_model():
    X, y = make_data()
    model = fitted(*CASES["regressor"])
    expected = model.predict(X)
    state = model.__getstate__()
    model.__getstate__()
    weights = copy.deepcopy(state["net_"])
    loaded = LSTMRegressor.__new__(LSTMRegressor)
    loaded.__setstate__(state)
    loaded.partial_fit(X, y)
    assert_array_equal(model.predict(X), expected)
    # and the state can be read a second time
    again = LSTMRegressor.__new__(LSTMRegressor)
    again.__setstate__(state)
    assert_array_equal(again.predict(X), expected)
    assert pickle.dumps(weights) == pickle.dumps(state["net_"])


# --------------------------------------------------------------------------- training after load


@pytest.mark.parametrize("method", ["partial_fit", "fit"])
@cases
def test_training_goes_on_after_a_load(model, kind, target, method):
    if model.get_params().get("class_weight") == "balanced":  # which partial_fit refuses
        model = clone(model).set_params(class_weight=None)
    X, y = make_data(kind, target)
    loaded = fitted_twin(fitted(model, kind, target))
    before = outputs(loaded, X)
    loaded.set_params(warm_start=True, max_epochs=2, early_stopping=False)
    getattr(loaded, method)(X, y)
    added = 2 if method == "fit" else 1
    assert loaded.n_epochs_ == len(loaded.history_) == 3 + added
    assert [row["epoch"] for row in loaded.history_] == list(range(1, 4 + added))
    assert not np.array_equal(outputs(loaded, X), before)
    # and again
    assert fitted_twin(loaded).partial_fit(X, y).n_epochs_ == 4 + added


def outputs(model, X):
    return model.decision_function(X) if hasattr(model, "classes_") else model.predict(X)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"dropout": 0.4, "num_layers": 2, "batch_size": 4},
        {"early_stopping": True, "n_iter_no_change": 50},
        {"bidirectional": True, "weight_decay": 0.1},
    ],
    ids=["plain", "dropout", "early stopping", "bidirectional"],
)
@pytest.mark.parametrize("method", ["partial_fit", "fit"])
def test_a_load_in_between_changes_nothing_but_the_moments(params, method):
    # Plain SGD has no moments, so that a load in between must not be visible at all.
    X, y = make_data()
    model = LSTMRegressor(
        4,
        optimizer=torch.optim.SGD,
        learning_rate=0.1,
        random_state=0,
        warm_start=True,
        max_epochs=3,
    )
    straight, loaded = (clone(model).set_params(**params).fit(X, y) for _ in range(2))
    for _ in range(2):
        getattr(straight, method)(X, y)
        loaded = getattr(fitted_twin(loaded), method)(X, y)
    assert_same_weights(straight, loaded)
    for one, two in zip(straight.history_, loaded.history_, strict=True):
        assert {**one, "dur": 0} == {**two, "dur": 0}


def test_after_ctrl_c_a_load_in_between_changes_nothing():
    X, y = make_data()
    model = LSTMRegressor(
        4, optimizer=torch.optim.SGD, learning_rate=0.1, batch_size=4, random_state=0
    )
    with pytest.raises(KeyboardInterrupt):
        model.set_params(callbacks=[Interrupt()]).fit(X, y)
    model.set_params(callbacks=None)
    loaded = fitted_twin(model)
    assert_same_weights(model.partial_fit(X, y), loaded.partial_fit(X, y))


def test_a_loaded_classifier_keeps_its_classes():
    X, y = make_data(target="text")
    model = LSTMClassifier(4).partial_fit(X[y != "nie"], y[y != "nie"], classes=np.unique(y))
    loaded = fitted_twin(model)
    assert_array_equal(loaded.classes_, ["früh", "nie", "spät"])
    loaded.partial_fit(X, y)
    with pytest.raises(ValueError, match="nirgends"):
        loaded.partial_fit(X, np.where(y == "nie", "nirgends", y))


def test_a_failing_fit_of_a_loaded_model_loses_nothing():
    X, y = make_data()
    original = fitted(*CASES["regressor"])
    loaded = fitted_twin(original)
    loaded.set_params(warm_start=True, optimizer="sgd", learning_rate=1e30, max_epochs=20)
    with pytest.raises(ValueError, match="diverged"):
        loaded.fit(X, y)
    assert_same_weights(original, loaded)
    assert loaded.history_ == original.history_
    loaded.set_params(**original.get_params())
    assert_same_weights(fitted_twin(original).partial_fit(X, y), loaded.partial_fit(X, y))


def test_the_net_of_a_loaded_model_computes_predictions():
    X, _ = make_data()
    loaded = fitted_twin(fitted(*CASES["regressor"]))
    assert not loaded.net_.module_.training
    network = loaded.net_.module_
    with torch.no_grad():
        output = network(torch.tensor(X, device=network.x_mean.device), None)
    assert_allclose(output[:, 0].cpu().numpy(), loaded.predict(X), rtol=1e-6)
