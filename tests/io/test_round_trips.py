"""What is saved is loaded as it was, number for number."""

import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_array_equal
from scipy.stats import loguniform, norm, randint
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import (
    ColumnTransformer,
    TransformedTargetRegressor,
    make_column_selector,
    make_column_transformer,
)
from sklearn.decomposition import PCA
from sklearn.ensemble import BaggingRegressor, StackingRegressor, VotingRegressor
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    StratifiedKFold,
    TunedThresholdClassifierCV,
)
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from torch import nn

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.augmentation import Jitter, Mixup
from sklstm.io import load, save
from sklstm.model_selection import WindowSplit
from sklstm.preprocessing import (
    SequenceOneHotEncoder,
    SequenceTokenizer,
    SequenceWise,
    SlidingWindow,
)
from sklstm.simplify import prune, quantize

ROOT = Path(__file__).parents[2]
N, STEPS = 24, 4


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.sklstm"


def regressor(**options):
    return LSTMRegressor(**{"hidden_size": 2, "max_epochs": 1, "random_state": 0, **options})


def classifier(**options):
    return LSTMClassifier(**{"hidden_size": 2, "max_epochs": 1, "random_state": 0, **options})


rng = np.random.default_rng(0)
X = rng.normal(size=(N, STEPS, 2))
RAGGED = [x[: 1 + i % STEPS] for i, x in enumerate(X)]
TABLE = X.reshape(N, -1)
FRAME = pd.DataFrame(TABLE, columns=[f"c{i}" for i in range(TABLE.shape[1])])
CODES = rng.integers(0, 5, size=(N, STEPS))
y = rng.normal(size=N)
THIRDS = np.arange(N) % 3


def labels(*names, dtype=None):
    return np.array(names, dtype=dtype)[np.arange(N) % len(names)]


LSTMS = {
    "plain": (regressor(), X, y),
    "layers": (regressor(num_layers=2, bidirectional=True), X, np.c_[y, y, -y]),
    "peephole": (regressor(cell="peephole", activation="relu", pooling="attention"), RAGGED, y),
    "quantiles": (regressor(loss="quantile", quantiles=[0.1, 0.5, 0.7]), X, np.c_[y, -y]),
    "steps": (regressor(return_sequences=True, loss="huber"), X, X[:, :, 0]),
    "table": (regressor(n_timesteps=STEPS, keep_background=3), TABLE, y),
    "frame": (regressor(early_stopping=True, keep_background=3), FRAME, y),
    "ragged background": (regressor(keep_background=3), RAGGED, y),
    "embedding": (regressor(embedding_size=3, keep_background=2), CODES, y),
    "ragged codes": (regressor(embedding_size=3, keep_background=2), [c[:2] for c in CODES], y),
    "NumPy parameters": (
        regressor(
            hidden_size=np.int64(3),
            dropout=np.float32(0.1),
            cell=np.str_("lstm"),
            standardize=np.bool_(False),
            learning_rate=np.float64(0.1),
        ),
        X,
        y,
    ),
    "optimizer class": (regressor(optimizer=torch.optim.NAdam), X, y),
    "RandomState": (regressor(random_state=np.random.RandomState(3)), X, y),
    "None": (regressor(random_state=None, clip_norm=None, tbptt_steps=2), X, y),
    "augmentation": (regressor(augmentation=[Jitter(0.2), Mixup()], callbacks=[]), X, y),
    "two classes": (classifier(class_weight="balanced"), X, labels("früh", "spät")),
    "three classes": (classifier(class_weight={"a": 1, "b": 2.0, "c": 1}), X, labels(*"abc")),
    "objects": (classifier(), X, labels("long label", "b", "c", dtype=object)),
    "odd texts": (classifier(), X, labels("\ud83d", "\ude00\ud83d", "\U0001f600", "\x00e")),
    "wide texts": (classifier(), X, labels("a", "b", dtype="U100")),
    "integers": (classifier(), X, labels(-1, 2**40)),
    "bytes": (classifier(), X, labels(1, 2, 3, dtype=np.uint8)),
    "bools": (classifier(), X, labels(True, False)),
    "floats": (classifier(), X, labels(0.0, 1.0)),
    "days": (classifier(), X, labels("2024-02-28", "2024-02-29", dtype="datetime64[D]")),
    "durations": (classifier(), X, labels(1, 2, 3, dtype="timedelta64[ns]")),
    "label of each step": (
        classifier(return_sequences=True),
        X,
        np.where(X[:, :, 0] > 0, "u", "d"),
    ),
    "multilabel": (classifier(), X, np.c_[THIRDS == 0, THIRDS == 1, y > 0].astype(int)),
}
lstms = pytest.mark.parametrize("model, X, y", LSTMS.values(), ids=LSTMS.keys())


def assert_same(one, two, X):
    assert type(one) is type(two)
    for name in ("predict", "predict_proba", "decision_function", "predict_quantiles"):
        if hasattr(one, name):
            assert_array_equal(getattr(one, name)(X), getattr(two, name)(X), strict=True)


def assert_equal_values(one, two):
    """Of the same types and values, through containers."""
    assert type(one) is type(two)
    if isinstance(one, dict):
        assert list(one) == list(two)
        for key in one:
            assert_equal_values(one[key], two[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(two)
        for item, other in zip(one, two, strict=True):
            assert_equal_values(item, other)
    elif isinstance(one, np.random.RandomState):
        assert_equal_values(one.get_state(legacy=False), two.get_state(legacy=False))
    elif isinstance(one, np.ndarray):
        assert_array_equal(one, two, strict=True)
    else:
        assert one == two


@lstms
def test_everything_in_a_pickle_is_in_the_file(model, X, y, path):
    model = clone(model).fit(X, y)
    save(model, path)
    loaded = load(path)
    assert_same(model, loaded, X)
    assert_equal_values(model.__getstate__(), loaded.__getstate__())
    # and training goes on from there
    loaded.set_params(warm_start=True, early_stopping=False)
    assert loaded.fit(X, y).n_epochs_ == 2


def test_labels_of_another_byte_order_come_back_in_that_of_the_machine(path):
    model = classifier().fit(X, labels(1, 2).astype(np.dtype(np.int32).newbyteorder()))
    save(model, path)
    assert_array_equal(load(path).predict(X), model.predict(X))
    assert load(path).classes_.dtype == np.int32


@pytest.mark.parametrize("bits", [4, 8])
def test_integers_of_a_quantised_model_stay_integers(bits, path):
    large = classifier(hidden_size=32).fit(X, labels(*"abc"))
    model = quantize(large, bits=bits)
    save(model, path)
    assert_same(model, load(path), X)
    assert_equal_values(model.__getstate__(), load(path).__getstate__())
    small = path.stat().st_size
    save(large, path)
    assert path.stat().st_size > 2 * small


def test_a_pruned_model_whose_parameters_are_those_of_its_network(path):
    model = prune(regressor(hidden_size=4).fit(X, y))
    save(model, path)
    assert_same(model, load(path), X)


def test_parameters_that_were_changed_after_fit(path):
    model = regressor().fit(X, y).set_params(hidden_size=9, pooling="max")
    save(model, path)
    assert_same(model, load(path), X)
    assert load(path).hidden_size == 9


@pytest.mark.parametrize("model", [regressor(), classifier(class_weight="balanced")])
def test_an_unfitted_estimator(model, path):
    save(model, path)
    assert load(path).get_params() == model.get_params()
    assert not hasattr(load(path), "net_")


def test_the_history_of_callbacks_is_kept(path):
    model = regressor(max_epochs=9).fit(X, y)
    for row in model.history_:
        row["number"] = 2**70
        row["list"] = [row["epoch"], None, {"a": 1.5, 3: "é"}, np.inf, np.float32(2)]
        row["flag"] = row["epoch"] % 2 == 0
        if row["epoch"] % 2:
            row["sometimes"] = np.arange(3)
    save(model, path)
    assert_equal_values(model.history_, load(path).history_)


class Network(nn.Module):
    def __init__(self, n_features, n_outputs, random_state):
        super().__init__()
        self.linear = nn.Linear(n_features, n_outputs)
        self.norm = nn.BatchNorm1d(n_outputs)

    def forward(self, x, lengths):
        return self.norm(self.linear(x.mean(1)))


def other_network(n_features, n_outputs, random_state):
    return nn.LSTM(n_features, n_outputs)


def test_a_module_of_ones_own_is_given_again(path):
    model = regressor(module=Network).fit(X, y)
    save(model, path)
    assert_same(model, load(path, module=Network), X)
    assert load(path, module=Network).module is Network
    with pytest.raises(ValueError, match=r"weights of a torch module, .*Network.*module=\.\.\."):
        load(path)
    with pytest.raises(ValueError, match=r"cannot be loaded.*linear"):
        load(path, module=other_network)
    save(regressor(), path)
    with pytest.raises(ValueError, match="must be None"):
        load(path, module=Network)


def test_the_folder_of_checkpoints_stays_behind(path, tmp_path):
    model = LSTMRegressor(hidden_size=2, max_epochs=1, random_state=0, checkpoint=tmp_path / "c")
    save(model.fit(np.ones((4, 3, 1)), np.arange(4.0)), path)
    loaded = load(path)
    assert loaded.checkpoint is None
    assert loaded.get_params() == model.get_params() | {"checkpoint": None}


def test_a_loaded_model_does_not_need_its_file(path):
    model = regressor(keep_background=2).fit(X, y)
    save(model, path)
    loaded = load(path)
    path.write_bytes(b"")
    assert_same(model, loaded, X)
    assert loaded._background.flags.writeable
    loaded.partial_fit(X, y)


def test_a_text_or_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(regressor(), "model")
    assert load("model").hidden_size == load(tmp_path / "model").hidden_size == 2
    for wrong in (None, 3, b"model"):
        with pytest.raises(TypeError):
            save(regressor(), wrong)
        with pytest.raises(TypeError):
            load(wrong)
    with pytest.raises(FileNotFoundError):
        load("another")


def test_saving_changes_nothing(path):
    pipeline = make_pipeline(SlidingWindow(3), regressor()).fit(TABLE, y)
    before = pickle.dumps(pipeline)
    save(pipeline, path)
    assert pickle.dumps(pipeline) == before


def test_the_weights_are_a_safetensors_file(path):
    from safetensors.numpy import load_file

    model = regressor().fit(X, y)
    save(model, path)
    weights = model.net_.module_.state_dict()
    arrays = load_file(path)
    for name, weight in weights.items():
        assert_array_equal(arrays[f"net_.weights.{name}"], weight.cpu().numpy(), strict=True)


# --------------------------------------------------------------------------- around an estimator

TIMES = pd.DataFrame(
    {
        "a": y,
        "b": TABLE[:, 0],
        "time": pd.date_range("2020", periods=N, freq="h"),
        "kind": labels("u", "v", "w", dtype=object),
    }
)
SERIES = TIMES.assign(kind=np.repeat(["u", "v"], N // 2))
FLAGS = TIMES.assign(kind=np.repeat([False, True], N // 2))
NUMBERS = TIMES[["a", "b"]]
BY_KIND = SlidingWindow(3, time="time", groups="kind")
BY_COLUMN = ColumnTransformer(
    [
        ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), ["a", "b"]),
        ("kinds", OneHotEncoder(sparse_output=False), ["kind"]),
    ],
    remainder="passthrough",
    verbose_feature_names_out=False,
).set_output(transform="pandas")
AROUND = {
    "scaler": (make_pipeline(StandardScaler(), regressor()), TABLE, y),
    "windows": (
        make_pipeline(SlidingWindow(3, time="time", groups="kind"), regressor()),
        SERIES,
        y,
    ),
    "bool keys": (
        make_pipeline(SlidingWindow(3, time="time", groups="kind"), regressor()),
        FLAGS,
        y,
    ),
    "columns": (make_pipeline(BY_COLUMN, SlidingWindow(3, time="time"), regressor()), TIMES, y),
    "selector": (
        make_pipeline(
            make_column_transformer((StandardScaler(), make_column_selector("a|b"))), regressor()
        ),
        TIMES,
        y,
    ),
    "selector of types": (
        make_pipeline(
            make_column_transformer(
                (StandardScaler(), make_column_selector(dtype_include=[np.number, object]))
            ),
            regressor(),
        ),
        NUMBERS,
        y,
    ),
    "each step": (make_pipeline(SequenceWise(StandardScaler()), regressor()), X, y),
    "symbols": (
        make_pipeline(SequenceOneHotEncoder("ACGT"), classifier()),
        ["ACGT", "TT"] * (N // 2),
        labels("u", "v"),
    ),
    "texts": (
        make_pipeline(SequenceTokenizer(), classifier(embedding_size=2)),
        ["a b c", "c a"] * (N // 2),
        labels("u", "v"),
    ),
    "union": (
        make_pipeline(FeatureUnion([("a", StandardScaler()), ("b", PCA(1))]), regressor()),
        TABLE,
        y,
    ),
    "ufunc": (make_pipeline(FunctionTransformer(np.tanh), regressor()), TABLE, y),
    "selection": (make_pipeline(SelectKBest(f_regression, k=2), regressor()), TABLE, y),
    "passthrough": (Pipeline([("a", "passthrough"), ("b", regressor())]), TABLE, y),
    "target": (TransformedTargetRegressor(regressor(), transformer=StandardScaler()), X, y),
    "vote": (VotingRegressor([("a", regressor()), ("b", regressor(hidden_size=3))]), TABLE, y),
    "bag": (BaggingRegressor(regressor(), 2, random_state=0), TABLE, y),
    "stack": (StackingRegressor([("a", regressor())], cv=2), TABLE, y),
    "outputs": (MultiOutputRegressor(regressor()), TABLE, np.c_[y, -y]),
    "calibration": (CalibratedClassifierCV(classifier(), cv=2), TABLE, labels("u", "v")),
    "temperature": (
        CalibratedClassifierCV(classifier(), cv=2, method="temperature"),
        TABLE,
        labels("u", "v", "w"),
    ),
    "threshold": (TunedThresholdClassifierCV(classifier(), cv=2), TABLE, THIRDS == 0),
}


@pytest.mark.parametrize("model, X, y", AROUND.values(), ids=AROUND.keys())
def test_estimators_of_scikit_learn_around_it(model, X, y, path):
    model = clone(model).fit(X, y)
    save(model, path)
    assert_same(model, load(path), X)
    assert [str(key) for key in load(path).get_params()] == [*map(str, model.get_params())]


def test_series_go_on_after_a_load(path):
    window = clone(BY_KIND).fit(FLAGS)
    save(window, path)
    later = FLAGS.assign(time=FLAGS["time"] + pd.Timedelta(hours=N))
    assert_array_equal(load(path).transform(later), window.transform(later))
    assert load(path)._steps.keys() == {False, True}


@pytest.mark.parametrize(
    "search",
    [
        GridSearchCV(
            make_pipeline(StandardScaler(), regressor()),
            {"lstmregressor__hidden_size": [2, 3], "lstmregressor__pooling": ["max", ("last",)]},
            cv=WindowSplit(2, horizon=1),
            scoring="neg_mean_absolute_error",
        ),
        GridSearchCV(
            classifier(),
            {"class_weight": [None, {0: 1.0, 1: 3.0}]},
            cv=StratifiedKFold(2),
            scoring=["accuracy", "roc_auc"],
            refit="accuracy",
        ),
        RandomizedSearchCV(
            regressor(), {"learning_rate": np.logspace(-3, -2, 3)}, n_iter=2, cv=2, random_state=0
        ),
        RandomizedSearchCV(
            regressor(),
            {"learning_rate": loguniform(1e-3, 1e-2), "hidden_size": randint(2, high=4)},
            n_iter=2,
            cv=[(np.arange(12), np.arange(12, N))],
            random_state=0,
        ),
    ],
    ids=["grid", "several scores", "random", "distributions"],
)
def test_a_search_is_saved_as_a_whole(search, path):
    target = np.arange(N) % 2 if isinstance(search.estimator, LSTMClassifier) else y
    search = clone(search).fit(TABLE, target)
    save(search, path)
    loaded = load(path)
    assert_same(search, loaded, TABLE)
    assert loaded.score(TABLE, target) == search.score(TABLE, target)
    assert_equal_values(loaded.best_params_, search.best_params_)
    assert loaded.cv_results_.keys() == search.cv_results_.keys()
    for name, column in search.cv_results_.items():
        assert list(loaded.cv_results_[name]) == list(column), name


def test_a_search_for_the_estimator(path):
    pipeline = Pipeline([("scaler", StandardScaler()), ("model", regressor())])
    candidates = {"model": [regressor(), Ridge(), regressor(hidden_size=3)]}
    search = GridSearchCV(pipeline, candidates, cv=2).fit(TABLE, y)
    save(search, path)
    loaded = load(path)
    assert_same(search, loaded, TABLE)
    assert [*map(str, loaded.cv_results_["param_model"])] == [*map(str, candidates["model"])]
    assert isinstance(search.cv_results_["param_model"][0], LSTMRegressor)


def test_distributions_draw_as_before(path):
    drawn = {"a": loguniform(1e-3, 1e-2), "b": randint(2, high=4), "c": norm(loc=1)}
    save(RandomizedSearchCV(regressor(), drawn, random_state=0), path)
    loaded = load(path).param_distributions
    for name, distribution in drawn.items():
        expected = distribution.rvs(9, random_state=0)
        assert_array_equal(loaded[name].rvs(9, random_state=0), expected, strict=True)


def test_the_cache_of_a_pipeline_stays_behind(path, tmp_path):
    pipeline = make_pipeline(StandardScaler(), regressor(), memory=str(tmp_path / "cache"))
    save(make_pipeline(pipeline.fit(TABLE, y)), path)
    assert load(path)[0].memory is None
    assert pipeline.memory is not None
    assert_same(pipeline, load(path), TABLE)


def test_a_large_vocabulary_takes_little_more_than_its_letters(path):
    words = [f'"wörd" {i}' for i in range(2000)]
    tokenizer = SequenceTokenizer(tokenizer=list).fit([words])
    save(tokenizer, path)
    assert list(load(path).vocabulary_.items()) == list(tokenizer.vocabulary_.items())
    assert path.stat().st_size < 3 * sum(map(len, words))


def test_metadata_requests_are_kept(path):
    with config_context(enable_metadata_routing=True):
        model = make_pipeline(
            StandardScaler().set_fit_request(sample_weight=False),
            regressor().set_fit_request(sample_weight=True),
        )
        save(model, path)
        loaded = load(path)
        for one, two in zip(model, loaded, strict=True):
            assert str(one.get_metadata_routing()) == str(two.get_metadata_routing())
        loaded.fit(TABLE, y, sample_weight=np.ones(N))
        save(model[-1], path)
        assert load(path).get_metadata_routing().fit.requests == {"sample_weight": True}


def test_an_estimator_that_occurs_twice_is_one(path):
    model = regressor().fit(TABLE, y)
    save(Pipeline([("a", "passthrough"), ("b", model)]), path)
    once = path.stat().st_size
    vote = VotingRegressor([("a", model), ("b", model)])
    save(vote, path)
    (_, one), (_, two) = load(path).estimators
    assert one is two
    assert path.stat().st_size < 1.3 * once


# --------------------------------------------------------------------------- other machines

SCRIPT = """
import pickle, sys
import numpy as np
from sklstm.io import load
X, expected = pickle.load(open(sys.argv[2], "rb"))
assert load(sys.argv[1]).predict(X).tobytes() == expected
assert "skops" not in sys.modules
"""


def test_a_fresh_process_without_the_device_or_skops_predicts_the_same(path, tmp_path):
    model = regressor().set_params(device="cpu").fit(X, y).set_params(device="cuda")
    save(model, path)
    (tmp_path / "in").write_bytes(pickle.dumps((X, model.predict(X).tobytes())))
    subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, path, tmp_path / "in"],
        check=True,
        cwd=ROOT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
    )


def test_another_version_warns(path, monkeypatch):
    model = regressor().fit(X, y)
    with monkeypatch.context() as patch:
        patch.setattr("sklstm._base.__version__", "99.0")
        save(model, path)
    with pytest.warns(InconsistentVersionWarning, match=r"LSTMRegressor.*99\.0") as caught:
        loaded = load(path)
    assert len(caught) == 1
    assert_same(model, loaded, X)


def test_a_parameter_that_an_older_version_did_not_have_has_its_default(path, monkeypatch):
    from sklstm.io import _estimators

    written = _estimators.write_lstm

    def older(*args):
        entry = written(*args)
        del entry["parameters"]["tbptt_steps"], entry["parameters"]["validation_split"]
        return entry

    model = regressor().fit(X, y)
    monkeypatch.setattr("sklstm.io._save_load.write_lstm", older)
    save(model, path)
    assert load(path).get_params() == model.get_params()


def test_a_copy_is_saved_as_the_original(path):
    model = regressor().fit(X, y)
    save(copy.deepcopy(model), path)
    assert_same(model, load(path), X)
