"""The same random_state gives the same model to the last bit, and nothing global is touched."""

import hashlib
import os
import pickle
import random
import signal
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from numpy.testing import assert_array_equal
from sklearn.base import clone
from skorch.callbacks import Callback

from sklstm import LSTMClassifier, LSTMRegressor

ROOT = Path(__file__).parents[1]
N, STEPS, FEATURES = 40, 6, 3


def make_data(kind, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, STEPS, FEATURES))
    if kind == "ragged":
        X = [x[: 2 + i % 5] for i, x in enumerate(X)]
    return X, rng.normal(size=N), np.array(["a", "b", "c"])[np.arange(N) % 3]


MODELS = {
    "regressor": (LSTMRegressor(8, max_epochs=3, batch_size=8), "3-D"),
    "stacked, dropout": (
        LSTMRegressor(8, 2, dropout=0.4, bidirectional=True, max_epochs=3, batch_size=8),
        "3-D",
    ),
    "ragged, dropout": (LSTMRegressor(8, 2, dropout=0.4, max_epochs=3, batch_size=4), "ragged"),
    "early stopping": (
        LSTMRegressor(8, dropout=0.2, early_stopping=True, max_epochs=5, validation_fraction=0.3),
        "3-D",
    ),
    "classifier": (
        LSTMClassifier(
            8, dropout=0.3, max_epochs=3, batch_size=8, class_weight="balanced", early_stopping=True
        ),
        "ragged",
    ),
    "mean pooling, sgd": (
        LSTMClassifier(8, pooling="mean", optimizer="sgd", max_epochs=3, batch_size=8),
        "3-D",
    ),
}
models = pytest.mark.parametrize("model, kind", MODELS.values(), ids=MODELS.keys())


def fitted(model, kind, *, rows=None, random_state=0, sample_weight=None):
    X, number, label = make_data(kind)
    y = label if isinstance(model, LSTMClassifier) else number
    if rows is not None:
        X = [X[i] for i in rows] if isinstance(X, list) else X[rows]
        y = y[rows]
    model = clone(model).set_params(random_state=random_state)
    return model.fit(X, y, sample_weight=sample_weight)


def fingerprint(model):
    """A hash of every weight, the scaling and the losses."""
    digest = hashlib.sha256()
    for name, tensor in model.net_.module_.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.cpu().numpy().tobytes())
    for row in model.history_:
        digest.update(repr({k: v for k, v in row.items() if k != "dur"}).encode())
    return digest.hexdigest()


def outputs(model, X):
    return model.decision_function(X) if isinstance(model, LSTMClassifier) else model.predict(X)


@models
def test_twice_in_one_process(model, kind):
    one, two = fitted(model, kind), fitted(model, kind)
    assert fingerprint(one) == fingerprint(two)
    X = make_data(kind)[0]
    assert_array_equal(outputs(one, X), outputs(two, X), strict=True)
    assert fingerprint(one) != fingerprint(fitted(model, kind, random_state=1))


@models
def test_the_global_random_state_is_not_read(model, kind):
    prints = set()
    for seed in range(2):
        np.random.seed(seed)
        torch.manual_seed(seed)
        random.seed(seed)
        prints.add(fingerprint(fitted(model, kind)))
    assert len(prints) == 1


@models
def test_refitting_one_estimator(model, kind):
    X, number, label = make_data(kind)
    y = label if isinstance(model, LSTMClassifier) else number
    again = fitted(model, kind)
    first = fingerprint(again)
    assert fingerprint(again.fit(X, y)) == first


SCRIPT = """
import pickle, sys
import numpy as np
np.random.seed(99)
models, X, y = pickle.load(open(sys.argv[1], "rb"))
pickle.dump([model.fit(*data) for model, data in zip(models, zip(X, y))], open(sys.argv[2], "wb"))
"""


@pytest.mark.parametrize("n_threads", [1, 2])
def test_in_a_fresh_process(tmp_path, n_threads):
    data = [make_data(kind) for _, kind in MODELS.values()]
    X = [d[0] for d in data]
    y = [
        d[2] if isinstance(m, LSTMClassifier) else d[1]
        for d, (m, _) in zip(data, MODELS.values(), strict=True)
    ]
    unfitted = [clone(model).set_params(random_state=0) for model, _ in MODELS.values()]
    (tmp_path / "in").write_bytes(pickle.dumps((unfitted, X, y)))
    subprocess.run(
        [sys.executable, "-c", SCRIPT, tmp_path / "in", tmp_path / "out"],
        check=True,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": str(n_threads), "OMP_WAIT_POLICY": "PASSIVE"},
    )
    there = pickle.loads((tmp_path / "out").read_bytes())
    for name, model in zip(MODELS, there, strict=True):
        assert fingerprint(model) == fingerprint(fitted(*MODELS[name])), name


def test_in_loky_workers():
    jobs = [
        (clone(model).set_params(random_state=0), *make_data(kind))
        for model, kind in MODELS.values()
    ]
    there = Parallel(n_jobs=2, backend="loky")(
        delayed(model.fit)(X, label if isinstance(model, LSTMClassifier) else number)
        for model, X, number, label in jobs
    )
    for name, model in zip(MODELS, there, strict=True):
        assert fingerprint(model) == fingerprint(fitted(*MODELS[name])), name


@contextmanager
def torch_threads(n):
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("name", ["stacked, dropout", "ragged, dropout", "classifier"])
def test_number_of_threads(name):
    model, kind = MODELS[name]
    prints, predictions = [], []
    for n in (1, 2):
        with torch_threads(n):
            result = fitted(model, kind)
            prints.append(fingerprint(result))
            predictions.append(outputs(result, make_data(kind)[0]))
    assert prints[0] == prints[1]
    assert_array_equal(predictions[0], predictions[1])


@pytest.mark.parametrize("hidden_size, bidirectional", [(64, False), (100, True)])
def test_number_of_threads_where_torch_uses_them(hidden_size, bidirectional):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(128, 10, 5)), rng.normal(size=128)
    model = LSTMRegressor(
        hidden_size, 2, bidirectional=bidirectional, batch_size=128, max_epochs=3, random_state=0
    )
    prints, predictions = set(), []
    for n in (1, 2):
        with torch_threads(n):
            result = clone(model).fit(X, y)
            prints.add(fingerprint(result))
            predictions.append(result.predict(X))
    assert len(prints) == 1
    assert_array_equal(predictions[0], predictions[1])


@models
def test_row_order_does_not_matter(model, kind):
    expected = fingerprint(fitted(model, kind))
    for seed in range(2):
        rows = np.random.default_rng(seed).permutation(N)
        assert fingerprint(fitted(model, kind, rows=rows)) == expected
    assert fingerprint(fitted(model, kind, rows=np.arange(N)[::-1])) == expected


@pytest.mark.parametrize("repeated", [False, True])
@models
def test_row_order_does_not_matter_with_fractional_weights(model, kind, repeated):
    rng = np.random.default_rng(0)
    rows = rng.integers(0, N, size=3 * N) if repeated else np.arange(N)
    weight = rng.uniform(0.1, 1.0, size=len(rows))
    expected = fingerprint(fitted(model, kind, rows=rows, sample_weight=weight))
    for seed in range(4):
        order = np.random.default_rng(seed).permutation(len(rows))
        again = fitted(model, kind, rows=rows[order], sample_weight=weight[order])
        assert fingerprint(again) == expected


def test_row_order_matters_to_the_time_ordered_split():
    model = LSTMRegressor(8, early_stopping=True, validation_split="last", max_epochs=2)
    reverse = np.arange(N)[::-1]
    assert fingerprint(fitted(model, "3-D")) != fingerprint(fitted(model, "3-D", rows=reverse))


# ---------------------------------------------------------------------------------- threading


BARRIER = threading.Barrier(2)


class Wait(Callback):
    """Makes two fits in two threads go side by side, epoch by epoch."""

    def on_epoch_begin(self, net, **kwargs):
        BARRIER.wait(timeout=30)

    def on_epoch_end(self, net, **kwargs):
        BARRIER.wait(timeout=30)


def in_threads(calls):
    with ThreadPoolExecutor(len(calls)) as pool:
        futures = [pool.submit(call) for call in calls]
        return [future.result(timeout=60) for future in futures]


@pytest.mark.parametrize("pair", [("stacked, dropout",) * 2, ("regressor", "ragged, dropout")])
def test_two_fits_at_once(pair):
    jobs = [(MODELS[name], seed) for seed, name in enumerate(pair)]
    alone = [fingerprint(fitted(*job, random_state=seed)) for job, seed in jobs]

    def fit(job, seed):
        model, kind = job
        watched = clone(model).set_params(callbacks=[Wait()])
        return fingerprint(fitted(watched, kind, random_state=seed))

    for _ in range(2):
        together = in_threads([lambda job=job, seed=seed: fit(job, seed) for job, seed in jobs])
        assert together == alone


def test_many_fits_at_once():
    model, kind = MODELS["stacked, dropout"]
    alone = [fingerprint(fitted(model, kind, random_state=i)) for i in range(4)]
    together = in_threads(
        [lambda i=i: fingerprint(fitted(model, kind, random_state=i % 4)) for i in range(8)]
    )
    assert together == alone * 2


@models
def test_eight_threads_predict_at_once(model, kind):
    result = fitted(model, kind)
    inputs = [make_data(kind, seed)[0] for seed in range(8)]
    alone = [outputs(result, X) for X in inputs]
    barrier = threading.Barrier(8)

    def predict(X):
        barrier.wait(timeout=30)
        return [outputs(result, X) for _ in range(10)]

    for expected, found in zip(
        alone, in_threads([lambda X=X: predict(X) for X in inputs]), strict=True
    ):
        for prediction in found:
            assert_array_equal(prediction, expected, strict=True)


def test_prediction_while_another_model_is_trained():
    model, kind = MODELS["stacked, dropout"]
    result, X = fitted(model, kind), make_data(kind)[0]
    expected, print_alone = result.predict(X), fingerprint(fitted(model, kind, random_state=1))
    done = threading.Event()

    def predict():
        found = [result.predict(X)]
        while not done.is_set():
            found.append(result.predict(X))
        return found

    def train():
        try:
            return fingerprint(fitted(model, kind, random_state=1))
        finally:
            done.set()

    found, trained = in_threads([predict, train])
    for prediction in found:
        assert_array_equal(prediction, expected)
    assert trained == print_alone


def test_a_callback_may_predict_with_another_model():
    model, kind = MODELS["stacked, dropout"]
    other, X = fitted(model, kind, random_state=5), make_data(kind)[0]
    expected = fingerprint(fitted(model, kind))

    class Predict(Callback):
        def on_batch_end(self, net, **kwargs):
            other.predict(X)

        def __deepcopy__(self, memo):
            return self

    assert fingerprint(fitted(clone(model).set_params(callbacks=[Predict()]), kind)) == expected


# -------------------------------------------------------------------------------- global state


def global_state():
    return {
        "numpy": pickle.dumps(np.random.get_state()),
        "torch": torch.get_rng_state().numpy().tobytes(),
        "random": random.getstate(),
        "threads": torch.get_num_threads(),
        "interop threads": torch.get_num_interop_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "warn only": torch.is_deterministic_algorithms_warn_only_enabled(),
        "fill": torch.utils.deterministic.fill_uninitialized_memory,
        "grad": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "dtype": torch.get_default_dtype(),
        "device": torch.get_default_device(),
        "matmul": torch.get_float32_matmul_precision(),
        "anomaly": torch.is_anomaly_enabled(),
        "cudnn": [
            getattr(torch.backends.cudnn, name)
            for name in ("enabled", "deterministic", "benchmark", "allow_tf32")
        ],
        "mkldnn": torch.backends.mkldnn.enabled,
        "denormal": torch.tensor([1e-40]).mul(1).item(),
        "numpy errors": np.geterr(),
        "print options": np.get_printoptions(),
        "warnings": list(warnings.filters),
        "environment": dict(os.environ),
        "signals": signal.getsignal(signal.SIGINT),
        "excepthook": sys.excepthook,
    }


@contextmanager
def unusual_flags():
    """Flags that differ from their defaults, so that resetting them shows too."""
    cudnn = torch.backends.cudnn
    before = (cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32)
    cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32 = True, True, False
    torch.use_deterministic_algorithms(True, warn_only=True)
    errors = np.seterr(over="raise")
    try:
        with torch.no_grad():
            yield
    finally:
        np.seterr(**errors)
        torch.use_deterministic_algorithms(False)
        cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32 = before


@contextmanager
def usual_flags():
    yield


@pytest.mark.parametrize("flags", [usual_flags, unusual_flags])
@models
def test_nothing_global_changes(model, kind, flags):
    X, number, label = make_data(kind)
    y = label if isinstance(model, LSTMClassifier) else number
    with flags():
        before = global_state()
        result = fitted(model, kind)
        assert global_state() == before
        outputs(result, X)
        assert global_state() == before
        state = pickle.dumps(result)
        assert global_state() == before
        loaded = pickle.loads(state)
        assert global_state() == before
        loaded.set_params(class_weight=None) if isinstance(model, LSTMClassifier) else None
        loaded.partial_fit(X, y)
        assert global_state() == before
        fitted(model, kind, random_state=None)
        assert global_state() == before


class Fail(Callback):
    def __init__(self, exception):
        self.exception = exception

    def on_batch_end(self, net, **kwargs):
        raise self.exception


@pytest.mark.parametrize("exception", [KeyboardInterrupt, RuntimeError])
def test_nothing_global_changes_where_a_fit_stops(exception):
    model, kind = MODELS["stacked, dropout"]
    before = global_state()
    with pytest.raises(exception):
        fitted(clone(model).set_params(callbacks=[Fail(exception)]), kind)
    assert global_state() == before


@contextmanager
def default_dtype(dtype):
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def deterministic():
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize(
    "context",
    [
        torch.no_grad,
        deterministic,
        lambda: default_dtype(torch.float64),
        lambda: np.errstate(over="raise", invalid="raise", divide="raise"),
    ],
    ids=["no_grad", "deterministic", "float64", "NumPy errors raise"],
)
@models
def test_global_settings_do_not_change_the_model(model, kind, context):
    X = make_data(kind)[0]
    expected = fitted(model, kind)
    with context():
        result = fitted(model, kind)
        prediction = outputs(result, X)
        loaded = pickle.loads(pickle.dumps(result))
    assert fingerprint(result) == fingerprint(expected)
    assert_array_equal(prediction, outputs(expected, X), strict=True)
    assert_array_equal(outputs(loaded, X), prediction, strict=True)


# --------------------------------------------------------------------------------- random_state


@models
def test_without_random_state_every_fit_differs(model, kind):
    prints = set()
    for _ in range(3):
        np.random.seed(0)
        torch.manual_seed(0)
        random.seed(0)
        prints.add(fingerprint(fitted(model, kind, random_state=None)))
    assert len(prints) == 3


@models
def test_random_state_instance(model, kind):
    state = np.random.RandomState(3)
    first = fingerprint(fitted(model, kind, random_state=np.random.RandomState(3)))
    X, number, label = make_data(kind)
    y = label if isinstance(model, LSTMClassifier) else number
    shared = clone(model).set_params(random_state=state)
    assert fingerprint(shared.fit(X, y)) == first
    assert shared.random_state is state
    assert fingerprint(shared.fit(X, y)) != first  # the instance has moved on, as in scikit-learn
    assert state.randint(2**31 - 1) != np.random.RandomState(3).randint(2**31 - 1)


@pytest.mark.parametrize("seed", [0, 1, 2**31, 2**32 - 1])
@pytest.mark.parametrize("kind", [int, np.int64, np.uint32])
def test_integer_seeds(seed, kind):
    model = LSTMRegressor(4, early_stopping=True, dropout=0.2, max_epochs=1)
    expected = fingerprint(fitted(model, "3-D", random_state=seed))
    assert fingerprint(fitted(model, "3-D", random_state=kind(seed))) == expected


@pytest.mark.parametrize(
    "change",
    [{"random_state": 1}, {"random_state": 2**32 - 1}, {"random_state": np.random.RandomState(0)}],
)
def test_the_seed_decides_each_random_choice(change):
    X, y, _ = make_data("3-D")

    def moves(**params):
        """Initial weights, dropout and order, validation rows."""
        seen = []

        class See(Callback):
            def on_train_begin(self, net, **kwargs):
                seen.append(net.module_.head.weight.detach().cpu().numpy().copy())

            def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
                seen.append(np.sort(dataset_valid.rows))

            def on_batch_end(self, net, batch=None, y_pred=None, training=None, **kwargs):
                if training and len(seen) == 2:
                    seen.append(batch[1].cpu().numpy().copy())

            def __deepcopy__(self, memo):
                return self

        params = {"random_state": 0, **params}
        model = LSTMRegressor(4, early_stopping=True, max_epochs=1, batch_size=4, **params)
        model.set_params(callbacks=[See()], validation_fraction=0.3).fit(X, y)
        return seen

    one, two, other = moves(), moves(), moves(**change)
    assert len(one) == 3
    for a, b, c in zip(one, two, other, strict=True):
        assert_array_equal(a, b)
        assert not np.array_equal(a, c)


def test_epochs_have_orders_and_dropout_of_their_own():
    orders, outputs_by_position = [], []

    class See(Callback):
        def on_batch_end(self, net, batch=None, y_pred=None, **kwargs):
            orders.append(tuple(batch[1].flatten().tolist()))
            outputs_by_position.append(tuple(y_pred.detach().flatten().tolist()))

        def __deepcopy__(self, memo):
            return self

    # All sequences are equal and no step is taken: only dropout can change an output.
    X, y = np.ones((N, STEPS, 1)), np.arange(float(N))
    model = LSTMRegressor(32, dropout=0.5, max_epochs=4, batch_size=N, learning_rate=1e-30)
    model.set_params(standardize=False, random_state=0, callbacks=[See()]).fit(X, y)
    assert np.ptp(outputs_by_position[0]) > 0.01
    assert len(orders) == len(set(orders)) == 4
    assert len(set(outputs_by_position)) == 4
