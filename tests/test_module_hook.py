"""``module=``: a torch module of one's own keeps the estimators' contract."""

import functools
import importlib
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cloudpickle
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from plain import PLAIN
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from skorch.callbacks import Callback
from torch import nn

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.augmentation import Jitter

ROOT = Path(__file__).parents[1]
N, STEPS, FEATURES = 32, 6, 3
SMALL = PLAIN | {"learning_rate": 0.01, "batch_size": 8, "max_epochs": 3, "random_state": 0}


# ---------------------------------------------------------------- what users may bring


class GRU(nn.Module):
    """Drops hidden units with torch's own dropout."""

    def __init__(self, n_features, n_outputs, random_state, dropout=0.3, sequences=False):
        super().__init__()
        self.sequences = sequences
        self.gru = nn.GRU(n_features, 8, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(8, n_outputs)

    def forward(self, x, lengths):
        hidden, _ = self.gru(x)
        if not self.sequences:
            hidden = hidden[torch.arange(len(x)), lengths - 1]
        return self.head(self.dropout(hidden))


class Convolution(nn.Module):
    """With the running statistics of batch normalisation."""

    def __init__(self, n_features, n_outputs, random_state):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(n_features, 8, 3, padding=1), nn.BatchNorm1d(8), nn.ReLU()
        )
        self.head = nn.Linear(8, n_outputs)

    def forward(self, x, lengths):
        features = self.layers(x.transpose(1, 2))
        real = torch.arange(x.shape[1], device=x.device) < lengths[:, None]
        return self.head((features * real[:, None]).sum(2) / lengths[:, None])


class Transformer(nn.Module):
    """An encoder that must be told of the padding."""

    def __init__(self, n_features, n_outputs, random_state):
        super().__init__()
        self.project = nn.Linear(n_features, 8)
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.2, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = nn.Linear(8, n_outputs)

    def forward(self, x, lengths):
        padded = torch.arange(x.shape[1], device=x.device) >= lengths[:, None]
        hidden = self.encoder(self.project(x), src_key_padding_mask=padded)
        hidden = hidden.masked_fill(padded[:, :, None], 0.0)
        return self.head(hidden.sum(1) / lengths[:, None])


class Watched(nn.Module):
    """Keeps what it is given."""

    seen = None

    def __init__(self, n_features, n_outputs, random_state):
        super().__init__()
        self.head = nn.Linear(n_features, n_outputs)
        Watched.arguments = n_features, n_outputs, random_state

    def forward(self, x, lengths):
        if Watched.seen is not None:
            Watched.seen.append((x.clone(), lengths.clone(), self.training))
        return self.head(x[torch.arange(len(x)), lengths - 1])


class CodeReader(nn.Module):
    """Has an embedding of its own."""

    def __init__(self, n_features, n_outputs, random_state):
        super().__init__()
        self.embedding = nn.Embedding(10, 4)
        self.head = nn.Linear(4, n_outputs)

    def forward(self, x, lengths):
        real = torch.arange(x.shape[1], device=x.device) < lengths[:, None]
        vectors = self.embedding(x[:, :, 0].long()) * real[:, :, None]
        return self.head(vectors.sum(1) / lengths[:, None])


def plain_gru(n_features, n_outputs, random_state):
    return GRU(n_features, n_outputs, random_state, dropout=0.0)


def frozen_gru(n_features, n_outputs, random_state):
    module = plain_gru(n_features, n_outputs, random_state)
    module.gru.requires_grad_(False)
    return module


MODULES = [GRU, Convolution, Transformer]
modules = pytest.mark.parametrize("module", MODULES)


def data(kind="3-D", n=N, seed=0):
    rng = np.random.default_rng(seed)
    X = 5 + 3 * rng.normal(size=(n, STEPS, FEATURES))
    y = X[:, 0, 0] - 2 * X[:, 0, 1]
    if kind == "2-D":
        X = X.reshape(n, -1)
    if kind == "ragged":
        X = [x[: 1 + i % STEPS] for i, x in enumerate(X)]
    if kind == "padded":
        for i, x in enumerate(X):
            x[1 + i % STEPS :] = np.nan
    return X, y


def regressor(module=GRU, **params):
    return LSTMRegressor(module=module, **(SMALL | {"n_timesteps": STEPS} | params))


def classifier(module=GRU, **params):
    return LSTMClassifier(module=module, **(SMALL | params))


def weights_of(model):
    return {k: w.clone() for k, w in model.net_.module_.state_dict().items()}


def assert_same_weights(one, other):
    one, other = weights_of(one), weights_of(other)
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


@pytest.fixture(autouse=True)
def _global_states_stay():
    torch.manual_seed(99)
    torch.rand(3)
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    yield
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)


@pytest.fixture
def _watching():
    Watched.seen = []
    yield
    Watched.seen = None


# ---------------------------------------------------------------- it learns


@modules
@pytest.mark.parametrize("kind", ["2-D", "ragged"])
def test_modules_learn(module, kind):
    X, y = data(kind)
    model = regressor(module, max_epochs=15, learning_rate=0.03).fit(X, y)
    assert model.history_[-1]["train_loss"] < model.history_[0]["train_loss"] * 0.7
    predictions = model.predict(X)
    assert predictions.dtype == np.float64
    assert predictions.shape == (N,)
    assert np.corrcoef(predictions, y)[0, 1] > 0.6


@modules
@pytest.mark.parametrize("n_classes", [2, 4])
def test_classes(module, n_classes):
    X, y = data("ragged")
    labels = np.array(["a", "b", "c", "d"])[np.argsort(np.argsort(y)) * n_classes // N]
    model = classifier(
        module, max_epochs=15, learning_rate=0.03, label_smoothing=0.1, class_weight="balanced"
    )
    model.fit(X, labels)
    assert model.score(X, labels) > 1.3 / n_classes
    assert_allclose(model.predict_proba(X).sum(1), 1)
    assert model.net_.module_.architecture["n_outputs"] == (1 if n_classes == 2 else 4)


def test_multilabel():
    X, y = data()
    indicator = np.stack([y > 0, X[:, -1, 0] > 5], axis=1).astype(int)
    model = classifier(max_epochs=5).fit(X, indicator)
    assert model.predict_proba(X).shape == (N, 2)
    assert set(np.unique(model.predict(X))) <= {0, 1}


def test_several_targets_in_their_own_units():
    X, y = data()
    both = np.stack([y, 1e6 + 1e3 * y], axis=1)
    model = regressor(plain_gru, max_epochs=20, learning_rate=0.03).fit(X, both)
    assert model.predict(X).shape == (N, 2)
    assert model.score(X, both) > 0.5


def test_quantiles():
    X, y = data("ragged")
    model = regressor(loss="quantile", quantiles=(0.1, 0.5, 0.8, 0.9)).fit(X, y)
    table = model.predict_quantiles(X)
    assert table.shape == (N, 4)
    assert (np.diff(table) >= 0).all()
    assert_array_equal(table[:, 1], model.predict(X))
    assert model.net_.module_.architecture["n_outputs"] == 4


@pytest.mark.parametrize("kind", ["3-D", "ragged", "padded"])
def test_one_output_per_time_step(kind):
    X, _ = data(kind)
    y = [2 * x[:, 0] for x in X]
    model = regressor(
        functools.partial(GRU, sequences=True), return_sequences=True, max_epochs=10
    ).fit(X, y if kind == "ragged" else np.stack(y))
    for x, predicted in zip(X, model.predict(X), strict=True):
        assert_array_equal(np.isnan(predicted), np.isnan(x[:, 0]))
    assert model.score(X, y) > 0.3


# ---------------------------------------------------------------- what the module is given


@pytest.mark.usefixtures("_watching")
@pytest.mark.parametrize("kind", ["3-D", "ragged", "padded"])
@pytest.mark.parametrize("phase", ["fit", "predict"])
def test_sequences_are_standardised_and_zero_after_their_ends(kind, phase):
    X, y = data(kind)
    model = regressor(Watched, max_epochs=1)
    model.fit(X, y)
    if phase == "predict":
        Watched.seen.clear()
        model.predict(X)
    sequences = [x[~np.isnan(x[:, 0])] for x in X]
    steps = np.concatenate(sequences)
    expected = {
        tuple(np.round((x[-1] - steps.mean(0)) / steps.std(0), 3)): len(x) for x in sequences
    }
    found = {}
    for x, lengths, training in Watched.seen:
        assert training == (phase == "fit")
        assert (x.dtype, lengths.dtype) == (torch.float32, torch.int64)
        assert x.ndim == 3 and lengths.shape == (len(x),)
        assert 1 <= lengths.min() and lengths.max() <= x.shape[1]
        for row, length in zip(x, lengths.tolist(), strict=True):
            assert (row[length:] == 0).all()
            assert (row[:length] != 0).all()
            found[tuple(np.round(row[length - 1].double().cpu().numpy(), 3))] = length
    assert {tuple(map(float, k)): v for k, v in found.items()} == pytest.approx(expected)


@pytest.mark.parametrize("random_state", [0, 2**31, np.random.RandomState(1)])
def test_arguments_of_the_factory(random_state):
    X, y = data()
    regressor(Watched, random_state=random_state).fit(X, np.stack([y, y, y], axis=1))
    n_features, n_outputs, seed = Watched.arguments
    assert (n_features, n_outputs) == (FEATURES, 3)
    assert type(seed) is int
    np.random.RandomState(seed)  # NumPy takes it, too


@pytest.mark.usefixtures("_watching")
def test_codes_reach_a_module_that_has_an_embedding():
    codes = np.random.default_rng(0).integers(0, 10, size=(N, STEPS))
    regressor(Watched, standardize=False).fit(codes, codes[:, 0])
    for x, _, _ in Watched.seen:
        assert x.shape[2] == 1
        assert set(x.unique().tolist()) <= set(range(10))
    ragged = [row[: 1 + i % STEPS] for i, row in enumerate(codes)]
    y = np.array([(row == 3).mean() for row in ragged])
    model = regressor(CodeReader, standardize=False, max_epochs=30, learning_rate=0.05)
    assert model.fit(ragged, y).score(ragged, y) > 0.8


def test_augmentations_apply():
    X, y = data()
    changed = regressor(plain_gru, augmentation=[Jitter(0.5)]).fit(X, y)
    assert not np.array_equal(changed.predict(X), regressor(plain_gru).fit(X, y).predict(X))


# ---------------------------------------------------------------- the data contract


@modules
def test_ragged_padded_and_shuffled_rows_agree(module):
    X, y = data("ragged")
    padded, _ = data("padded")
    model = regressor(module).fit(X, y)
    assert_same_weights(regressor(module).fit(padded, y), model)
    expected = model.predict(X)
    assert_array_equal(model.predict(padded), expected)
    order = np.random.default_rng(0).permutation(N)
    assert_same_weights(regressor(module).fit([X[i] for i in order], y[order]), model)
    # The rest is the module's own arithmetic, whose last bits we do not rule.
    assert_allclose(model.predict([X[i] for i in order]), expected[order], rtol=1e-5, atol=1e-5)
    alone = np.concatenate([model.predict([x]) for x in X])
    assert_allclose(alone, expected, rtol=1e-5, atol=1e-5)


@modules
def test_sample_weight_two_equals_the_row_twice(module):
    X, y = data("ragged")
    weights = np.ones(N)
    weights[:5] = 2
    weights[-3:] = 0
    rows = np.repeat(np.arange(N), weights.astype(int))
    weighted = regressor(module).fit(X, y, sample_weight=weights)
    twice = regressor(module).fit([X[i] for i in rows], y[rows])
    assert_same_weights(weighted, twice)


@modules
@pytest.mark.parametrize("kind", ["3-D", "ragged"])
def test_partial_fit_equals_fit_to_the_last_bit(module, kind):
    X, y = data(kind)
    whole = regressor(module, lr_schedule="constant").fit(X, y)
    parts = regressor(module)
    for _ in range(3):
        torch.rand(2, generator=torch.Generator())
        parts.partial_fit(X, y)
    assert_same_weights(parts, whole)
    assert_array_equal(parts.predict(X), whole.predict(X))


@modules
def test_warm_start_goes_on(module):
    X, y = data()
    whole = regressor(module, max_epochs=5).fit(X, y)
    model = regressor(module, warm_start=True, max_epochs=2).fit(X, y)
    assert_same_weights(model.set_params(max_epochs=3).fit(X, y), whole)


@pytest.mark.parametrize(
    "changed", [{"module": Convolution}, {"module": None}, {"module": lambda *a: GRU(*a)}]
)
def test_warm_start_refuses_another_module(changed):
    X, y = data()
    model = regressor(warm_start=True).fit(X, y)
    expected = model.predict(X)
    with pytest.raises(ValueError, match="Training cannot go on from the fitted network"):
        model.set_params(**changed).fit(X, y)
    assert_array_equal(model.predict(X), expected)
    built_in = regressor(None, warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match="Training cannot go on from the fitted network"):
        built_in.set_params(module=GRU).fit(X, y)


@modules
def test_early_stopping_goes_back_to_the_best_epoch(module):
    X, y = data(n=60)
    y = np.random.default_rng(1).normal(size=60)
    model = regressor(module, early_stopping=True, max_epochs=60, n_iter_no_change=4).fit(X, y)
    best = int(np.argmin([row["valid_loss"] for row in model.history_])) + 1
    assert best < model.n_epochs_ < 60
    shorter = regressor(module, early_stopping=True, max_epochs=best, n_iter_no_change=4)
    assert_same_weights(shorter.fit(X, y), model)  # running statistics included


# ---------------------------------------------------------------- random numbers


@modules
def test_random_state_fixes_everything_whatever_the_global_state(module):
    X, y = data("ragged")
    with torch.random.fork_rng():
        torch.manual_seed(1)
        one = regressor(module).fit(X, y)
        torch.manual_seed(2)
        other = regressor(module).fit(X, y)
    assert_same_weights(one, other)
    different = regressor(module, random_state=1).fit(X, y)
    assert not torch.equal(
        different.net_.module_.body.head.weight, one.net_.module_.body.head.weight
    )
    first, second = (regressor(module, random_state=None).fit(X, y) for _ in range(2))
    assert not torch.equal(
        first.net_.module_.body.head.weight, second.net_.module_.body.head.weight
    )


def test_dropout_of_torch_is_drawn_anew_in_every_batch_and_off_in_predict():
    X, y = data()
    masks = []

    class Masks(nn.Module):
        def __init__(self, n_features, n_outputs, random_state):
            super().__init__()
            self.dropout = nn.Dropout(0.5)
            self.head = nn.Linear(n_features, n_outputs)

        def forward(self, x, lengths):
            masks.append(self.dropout(torch.ones(20)))
            return self.head(x[:, -1])

    model = regressor(Masks).fit(X, y)
    assert len(masks) == 12
    for i, mask in enumerate(masks):
        assert (mask == 0).any()
        assert not any(torch.equal(mask, other) for other in masks[:i])
    masks.clear()
    assert_array_equal(model.predict(X), model.predict(X))
    assert all((mask == 1).all() for mask in masks)


def test_fits_in_threads_do_not_disturb_each_other():
    X, y = data()
    expected = regressor().fit(X, y)
    before = torch.get_rng_state()
    with ThreadPoolExecutor(4) as pool:
        models = list(pool.map(lambda _: regressor().fit(X, y), range(8)))
    for model in models:
        assert_same_weights(model, expected)
    assert torch.equal(torch.get_rng_state(), before)


class Failing(nn.Module):
    def __init__(self, n_features, n_outputs, random_state, error, when):
        super().__init__()
        torch.rand(1)
        if when == "built":
            raise error
        self.head, self.error, self.when, self.calls = (
            nn.Linear(n_features, n_outputs),
            error,
            when,
            0,
        )

    def forward(self, x, lengths):
        torch.rand(1) if self.training else None
        self.calls += 1
        if (self.when == "training" and self.calls == 3) or self.when == self.training:
            raise self.error
        return self.head(x[:, -1])


@pytest.mark.parametrize("error", [RuntimeError("stop"), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("when", ["built", "training"])
def test_global_state_is_put_back_after_an_error(error, when):
    X, y = data()
    before = torch.get_rng_state()
    with pytest.raises(type(error)):
        regressor(functools.partial(Failing, error=error, when=when)).fit(X, y)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_fit_inside_a_callback_of_a_fit():
    X, y = data()
    alone = regressor().fit(X, y)

    class Nested(Callback):
        def on_batch_end(self, net, training=False, **kwargs):
            if training:
                regressor(max_epochs=1, random_state=7).fit(X, y)

    assert_same_weights(regressor(callbacks=[Nested()]).fit(X, y), alone)


# ---------------------------------------------------------------- what holds on to the module


def test_pretrained_layers_of_the_factory_are_not_trained():
    X, y = data()
    with torch.random.fork_rng():
        pretrained = nn.GRU(FEATURES, 8, batch_first=True, dtype=torch.float64)
    before = {k: w.clone() for k, w in pretrained.state_dict().items()}

    def factory(n_features, n_outputs, random_state):
        module = GRU(n_features, n_outputs, random_state)
        module.gru = pretrained
        return module

    model = regressor(factory).fit(X, y)
    for name, weight in pretrained.state_dict().items():
        assert torch.equal(weight, before[name])
        assert weight.dtype == torch.float64
        assert not torch.equal(
            model.net_.module_.body.gru.state_dict()[name].cpu().double(), weight
        )
    assert_same_weights(regressor(factory).fit(X, y), model)


def test_one_module_for_all_calls_is_not_shared_between_estimators():
    X, y = data()
    with torch.random.fork_rng():
        shared = GRU(FEATURES, 1, 0)
    one = regressor(lambda *args: shared).fit(X, y)
    expected = one.predict(X)
    other = clone(one).fit(X, -y)
    assert_array_equal(one.predict(X), expected)
    assert not np.array_equal(other.predict(X), expected)


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "rmsprop", "sgd", torch.optim.NAdam])
@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
def test_frozen_layers_stay_as_they_are_built(optimizer, weight_decay):
    X, y = data()
    model = regressor(frozen_gru, optimizer=optimizer, weight_decay=weight_decay).fit(X, y)
    body = model.net_.module_.body
    seed = model.net_.module_.architecture["random_state"]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        built = frozen_gru(FEATURES, 1, seed)
    for name, weight in built.gru.state_dict().items():
        assert torch.equal(body.gru.state_dict()[name].cpu(), weight)
        assert not getattr(body.gru, name).requires_grad
    assert not torch.equal(body.head.weight.cpu(), built.head.weight)


def test_weight_decay_spares_biases_and_norms():
    X, y = data()
    one_step = {"max_epochs": 1, "batch_size": N, "optimizer": "sgd", "learning_rate": 0.1}
    plain = regressor(Convolution, **one_step).fit(X, y).net_.module_.body
    decayed = regressor(Convolution, weight_decay=0.5, **one_step).fit(X, y).net_.module_.body
    for (name, weight), other in zip(plain.named_parameters(), decayed.parameters(), strict=True):
        assert torch.equal(weight, other) == (weight.ndim == 1), name
        assert other.norm() <= weight.norm()


@modules
def test_pickle(module):
    X, y = data("ragged")
    model = regressor(module).fit(X, y)
    copy = pickle.loads(pickle.dumps(model))
    assert_array_equal(copy.predict(X), model.predict(X))
    assert copy.partial_fit(X, y).n_epochs_ == 4
    assert not np.array_equal(copy.predict(X), model.predict(X))


def test_pickle_of_a_lambda():
    X, y = data()
    model = regressor(lambda *args: GRU(*args)).fit(X, y)
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(model)
    copy = cloudpickle.loads(cloudpickle.dumps(model))
    assert_array_equal(copy.predict(X), model.predict(X))


def test_pickle_is_read_in_another_process(tmp_path, monkeypatch):
    (tmp_path / "my_network.py").write_text(
        "from torch import nn\n\n\n"
        "class Mean(nn.Module):\n"
        "    def __init__(self, n_features, n_outputs, random_state):\n"
        "        super().__init__()\n"
        "        self.head = nn.Linear(n_features, n_outputs)\n\n"
        "    def forward(self, x, lengths):\n"
        "        return self.head(x.sum(1) / lengths[:, None])\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    X, y = data()
    model = regressor(importlib.import_module("my_network").Mean).fit(X, y)
    (tmp_path / "model.pkl").write_bytes(pickle.dumps((model, X, y, model.predict(X))))
    script = (
        f"import pickle, sys; sys.path.append({str(ROOT)!r})\n"
        "model, X, y, expected = pickle.load(open('model.pkl', 'rb'))\n"
        "assert (model.predict(X) == expected).all()\n"
        "model.partial_fit(X, y)\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)


def test_clone_and_search_over_factories():
    X, y = data()
    original = regressor(functools.partial(GRU, dropout=0.5))
    copy = clone(original)
    assert copy.module.keywords == {"dropout": 0.5}
    assert "GRU" in repr(original)
    search = GridSearchCV(
        make_pipeline(FunctionTransformer(), regressor(max_epochs=2)),
        {"lstmregressor__module": [GRU, Convolution, None]},
        cv=2,
        error_score="raise",
    ).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_permutation_importance_of_a_module():
    X, y = data()
    model = regressor(plain_gru, max_epochs=15, learning_rate=0.03).fit(X, y)
    importances = model.explain_permutation(X, y, random_state=0).importances_mean
    assert importances.argmin() == 2


# ---------------------------------------------------------------- bad modules


def returning(change):
    class Returning(Watched):
        def forward(self, x, lengths):
            return change(super().forward(x, lengths), x)

    return Returning


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda out, x: out[:, 0], r"\(8,\)"),
        (lambda out, x: out[:-1], r"\(7, 1\)"),
        (lambda out, x: torch.cat([out, out], 1), r"\(8, 2\)"),
        (lambda out, x: x, r"\(8, 6, 3\)"),
        (lambda out, x: (out, out), "tuple"),
        (lambda out, x: out.detach().cpu().numpy(), "ndarray"),
        (lambda out, x: None, "NoneType"),
    ],
)
def test_outputs_of_another_shape_are_refused(change, found):
    X, y = data()
    with pytest.raises(ValueError, match=rf"shape \(8, 1\) for 8 sequences of 6 .* Got {found}"):
        regressor(returning(change)).fit(X, y)
    with pytest.raises(ValueError, match=r"shape \(8, 6, 1\)"):
        regressor(GRU, return_sequences=True).fit(X, np.zeros((N, STEPS)))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_outputs_of_another_precision_are_taken(dtype):
    X, y = data()
    model = regressor(returning(lambda out, x: out.to(dtype))).fit(X, y)
    assert model.predict(X).dtype == np.float64


@pytest.mark.parametrize("built", [3, None, GRU, {"a": 1}], ids=repr)
def test_a_factory_must_return_a_module(built):
    X, y = data()
    with pytest.raises(ValueError, match=r"'module' parameter must be a callable .* It returned"):
        regressor(lambda *args: built).fit(X, y)


@pytest.mark.parametrize("wrong", [3, "GRU", [GRU]])
def test_the_parameter_must_be_callable(wrong):
    X, y = data()
    with pytest.raises(ValueError, match="The 'module' parameter of LSTMRegressor must be"):
        regressor(wrong).fit(X, y)


def test_a_module_in_the_place_of_a_factory_is_named():
    X, y = data()
    with torch.random.fork_rng():
        module = GRU(FEATURES, 1, 0)
    with pytest.raises(ValueError, match=r"'module' parameter must be a callable.*Got .* 'GRU'"):
        regressor(module).fit(X, y)


def test_embedding_size_has_no_place_beside_a_module():
    codes = np.zeros((N, STEPS), dtype=int)
    with pytest.raises(ValueError, match="'embedding_size' parameter must be None with a 'module'"):
        regressor(embedding_size=4).fit(codes, np.arange(N))


@pytest.mark.parametrize("when", ["built", "training"])
@pytest.mark.parametrize("warm_start", [False, True])
def test_an_error_of_the_module_is_raised_and_what_was_fitted_is_kept(when, warm_start):
    X, y = data()
    error = ArithmeticError("of my own")
    failing = functools.partial(Failing, error=error, when=when)
    with pytest.raises(ArithmeticError, match="of my own"):
        regressor(failing).fit(X, y)
    model = regressor(warm_start=warm_start).fit(X, y)
    expected = model.predict(X)
    # With warm_start the other module is refused before it is built.
    with pytest.raises(ValueError if warm_start else ArithmeticError):
        model.set_params(module=failing).fit(X, y)
    assert_array_equal(model.predict(X), expected)
    assert model.n_epochs_ == 3


def test_weights_after_an_error_in_a_further_fit_are_those_before_it():
    X, y = data()
    model = regressor(
        functools.partial(Failing, error=ArithmeticError("later"), when=None), warm_start=True
    ).fit(X, y)
    before = weights_of(model)
    body = model.net_.module_.body
    body.when, body.calls = "training", 0
    with pytest.raises(ArithmeticError, match="later"):
        model.fit(X, y)
    for name, weight in weights_of(model).items():
        assert torch.equal(weight, before[name])
    assert len(model.history_) == 3


def test_outputs_that_are_not_finite_stop_the_fit():
    X, y = data()
    with pytest.raises(ValueError, match="Training diverged in epoch 1: the train_loss is nan"):
        regressor(returning(lambda out, x: out * torch.nan)).fit(X, y)
