"""What is exported predicts what the estimator predicts, without torch."""

import copy
import os
import pickle
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
import torch
from joblib import Parallel, delayed
from sklearn import config_context
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import permutation_importance
from sklearn.linear_model import Ridge
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    RobustScaler,
    StandardScaler,
)
from sklearn.utils.validation import check_is_fitted

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.explain import explain_permutation
from sklstm.io import export_onnx, load_onnx
from sklstm.io._predictors import BATCH_STEPS
from sklstm.preprocessing import SequenceWise, SlidingWindow
from sklstm.simplify import quantize
from sklstm.simplify._quantize import MATRICES

# Largest difference of a prediction, by the largest spread of an output over the rows. Measured:
# up to 2.3e-6, with three draws of the weights.
TOLERANCE = 1e-5
N, STEPS, FEATURES = 24, 7, 3
LENGTHS = np.r_[1, STEPS, np.random.default_rng(1).integers(1, STEPS + 1, N - 2)]
CODES = 9


def sequences(seed=0):
    """Far from zero, in different units."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(N, STEPS, FEATURES)) * [1.0, 50.0, 1e-3] + [0.0, 1e5, 2.0]


def cut(X):
    return [x[:length] for x, length in zip(X, LENGTHS, strict=True)]


def padded(X, value=np.nan):
    X = X.copy()
    X[np.arange(STEPS) >= LENGTHS[:, None]] = value
    return X


def layouts(X, codes):
    """The same rows in every container, and few of them."""
    yield "array", X
    yield "float32", X.astype(np.float32)
    yield "ragged", cut(X)
    yield "padded", padded(X, -1 if codes else np.nan)
    yield "one row", X[3:4]
    yield "one step", X[:, :1]
    yield "one row of one step", X[3:4, :1]


def with_other_weights(model, seed=0):
    """All weights drawn anew, so that none stays at a zero where it started."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.net_.module_.parameters():
            weight.copy_(0.6 * torch.randn(weight.shape, generator=generator))
    return model


def fitted(kind, target, **options):
    X = sequences()
    if "embedding_size" in options:
        X = np.random.default_rng(0).integers(0, CODES, (N, STEPS))
    model = kind(**{"hidden_size": 4, "max_epochs": 1, "random_state": 0} | options)
    return with_other_weights(model.fit(X, target))


def exported(model, path):
    export_onnx(model, path / "model.onnx")
    return load_onnx(path / "model.onnx")


def assert_same(found, expected, where=""):
    """Labels and padding equal, numbers up to rounding."""
    if isinstance(expected, list):
        assert isinstance(found, list) and len(found) == len(expected)
        found, expected = np.concatenate(found), np.concatenate(expected)
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    if expected.dtype != np.float64:
        np.testing.assert_array_equal(found, expected, where)
        return
    spread = np.nanmax(np.nanstd(expected, axis=0)) if len(expected) > 1 else 0.0
    np.testing.assert_allclose(found, expected, 1e-5, TOLERANCE * spread, err_msg=where)


RNG = np.random.default_rng(2)
NUMBERS = RNG.normal(5, 3, size=(N, STEPS, 2))
TWO = RNG.integers(0, 2, (N, STEPS))
THREE = RNG.integers(0, 3, (N, STEPS))
LABELS = RNG.integers(0, 2, (N, STEPS, 3))
QUANTILES = {"loss": "quantile", "quantiles": (0.05, 0.3, 0.5, 0.9)}
ALL = ("input", "attention", "max", "last", "mean")

REGRESSORS = {
    **{name: {"pooling": name} for name in ("last", "mean", "max", "attention")},
    **{
        f"{name}, both ways": {"pooling": name, "bidirectional": True}
        for name in ("last", "mean", "max", "attention")
    },
    "input": {"pooling": ("last", "input")},
    "all poolings": {"pooling": ALL, "bidirectional": True, "num_layers": 2},
    "peephole": {"cell": "peephole"},
    "relu": {"activation": "relu"},
    "peephole and relu, stacked, both ways": {
        "cell": "peephole",
        "activation": "relu",
        "num_layers": 2,
        "bidirectional": True,
    },
    "three layers": {"num_layers": 3},
    "one unit": {"hidden_size": 1},
    "not standardised": {"standardize": False},
    "what only training sees": {"tbptt_steps": 3, "recurrent_dropout": 0.2, "dropout": 0.5},
    "codes": {"embedding_size": 3},
    "codes, all poolings": {"embedding_size": 2, "pooling": ALL, "bidirectional": True},
    "quantiles": QUANTILES,
    "one quantile": {"loss": "quantile", "quantiles": (0.5,)},
}
per_step = {"return_sequences": True}
CASES = {
    **{name: (LSTMRegressor, NUMBERS[:, 0, 0], options) for name, options in REGRESSORS.items()},
    "two targets": (LSTMRegressor, NUMBERS[:, 0], {}),
    "one target in a column": (LSTMRegressor, NUMBERS[:, 0, :1], {}),
    "quantiles of two targets": (LSTMRegressor, NUMBERS[:, 0], QUANTILES),
    "per step": (LSTMRegressor, NUMBERS[:, :, 0], per_step),
    "per step, both ways": (LSTMRegressor, NUMBERS, per_step | {"bidirectional": True}),
    "per step, quantiles of two": (LSTMRegressor, NUMBERS, per_step | QUANTILES),
    "per step, codes": (LSTMRegressor, NUMBERS, per_step | {"embedding_size": 2}),
    "two classes": (LSTMClassifier, TWO[:, 0], {}),
    "three classes": (LSTMClassifier, THREE[:, 0], {}),
    "three classes of text": (LSTMClassifier, np.array(["no", "", "Ω ja"])[THREE[:, 0]], {}),
    "multilabel": (LSTMClassifier, LABELS[:, 0], {}),
    "per step, two classes": (LSTMClassifier, np.array(["a", "b"])[TWO], per_step),
    "per step, three classes": (LSTMClassifier, THREE, per_step),
    "per step, multilabel": (LSTMClassifier, LABELS, per_step),
    "classes of codes": (LSTMClassifier, THREE[:, 0], {"embedding_size": 3}),
}


@pytest.mark.parametrize("name", CASES)
def test_the_file_predicts_what_the_estimator_predicts(name, tmp_path):
    kind, target, options = CASES[name]
    model = fitted(kind, target, **options)
    shipped = exported(model, tmp_path)
    methods = ["predict"]
    if kind is LSTMClassifier:
        methods += ["predict_proba", "predict_log_proba", "decision_function"]
    if "loss" in options:
        methods.append("predict_quantiles")
    codes = "embedding_size" in options
    X = np.random.default_rng(5).integers(0, CODES, (N, STEPS)) if codes else sequences(seed=5)
    for layout, rows in layouts(X, codes):
        for method in methods:
            found, expected = (getattr(of, method)(rows) for of in (shipped, model))
            assert_same(found, expected, f"{method}, {layout}")


def test_a_row_alone_is_the_row_in_a_batch(tmp_path):
    shipped = exported(fitted(LSTMClassifier, THREE[:, 0], hidden_size=13), tmp_path)
    X = cut(sequences())
    alone = [shipped.decision_function([x]) for x in X]
    np.testing.assert_array_equal(np.concatenate(alone), shipped.decision_function(X))


def test_many_rows_are_read_in_batches(tmp_path):
    model = fitted(LSTMRegressor, NUMBERS, return_sequences=True)
    shipped = exported(model, tmp_path)
    assert BATCH_STEPS < 40 * N * STEPS
    X = np.tile(sequences(), (40, 1, 1))
    ragged = cut(sequences()) * 40
    assert_same(shipped.predict(X), model.predict(X))
    assert_same(shipped.predict(ragged), model.predict(ragged))
    stored = np.memmap(tmp_path / "X", np.float64, "w+", shape=X.shape)
    stored[:] = X
    stored.flush()
    stored = np.memmap(tmp_path / "X", np.float64, "r", shape=X.shape)
    assert_same(shipped.predict(stored), model.predict(X))


def test_threads_may_share_a_predictor(tmp_path):
    shipped = exported(fitted(LSTMRegressor, NUMBERS[:, 0]), tmp_path)
    parts = [sequences(seed) for seed in range(8)]
    expected = [shipped.predict(X) for X in parts]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(shipped.predict, parts))
    np.testing.assert_array_equal(found, expected)


SCORED = ["last", "two targets", "per step", "two classes", "multilabel", "per step, three classes"]


@pytest.mark.parametrize("name", SCORED)
def test_scores_are_those_of_the_estimator(name, tmp_path):
    kind, target, options = CASES[name]
    model = fitted(kind, target, **options)
    shipped = exported(model, tmp_path)
    X, y = cut(sequences()), target
    if options.get("return_sequences"):
        y = [steps[: len(x)] for x, steps in zip(X, target, strict=True)]
    for weights in (None, np.arange(N)):
        score = shipped.score(X, y, sample_weight=weights)
        assert score == pytest.approx(model.score(X, y, sample_weight=weights), rel=1e-4)
    assert shipped.score(X, y) != score


@pytest.mark.parametrize("name", ["two targets", "three classes of text", "quantiles"])
def test_it_is_pickled_as_its_file(name, tmp_path):
    kind, target, options = CASES[name]
    shipped = exported(fitted(kind, target, **options), tmp_path)
    content = (tmp_path / "model.onnx").read_bytes()
    (tmp_path / "model.onnx").unlink()
    pickled = pickle.dumps(shipped)
    assert len(pickled) < len(content) + 200
    for copied in (pickle.loads(pickled), copy.deepcopy(shipped)):
        assert vars(copied).keys() == vars(shipped).keys()
        np.testing.assert_array_equal(copied.predict(sequences()), shipped.predict(sequences()))
    X = [sequences(seed) for seed in range(2)]
    found = Parallel(n_jobs=2)(delayed(shipped.predict)(x) for x in X)
    np.testing.assert_array_equal(found, [shipped.predict(x) for x in X])


def test_what_was_requested_for_its_score_is_pickled(tmp_path):
    shipped = exported(fitted(LSTMRegressor, NUMBERS[:, 0, 0]), tmp_path)
    with config_context(enable_metadata_routing=True):
        shipped.set_score_request(sample_weight="weights")
        for copied in (pickle.loads(pickle.dumps(shipped)), copy.deepcopy(shipped)):
            assert copied.get_metadata_routing().score.requests == {"sample_weight": "weights"}


def test_it_stands_where_the_estimator_stood(tmp_path):
    X, target = sequences().reshape(N, -1), np.array(["a", "b"])[TWO[:, 0]]
    options = {"hidden_size": 4, "n_timesteps": STEPS, "max_epochs": 2, "random_state": 0}
    model = LSTMClassifier(**options).fit(X, target)
    shipped = exported(model, tmp_path)
    assert is_classifier(shipped)
    assert not is_regressor(shipped)
    check_is_fitted(shipped)
    assert repr(shipped) == "OnnxClassifier()"
    importances = [
        permutation_importance(of, X, target, n_repeats=2, random_state=0).importances
        for of in (shipped, model)
    ]
    np.testing.assert_array_equal(*importances)
    importances = [
        explain_permutation(of, X, target, random_state=0).importances for of in (shipped, model)
    ]
    np.testing.assert_array_equal(*importances)
    for scoring in ("accuracy", "roc_auc", "neg_log_loss"):
        found, expected = (get_scorer(scoring)(of, X, target) for of in (shipped, model))
        assert found == pytest.approx(expected, rel=1e-5)
    scaler = StandardScaler().fit(X)
    assert make_pipeline(scaler, shipped).score(X, target) == shipped.score(
        scaler.transform(X), target
    )
    calibrated = CalibratedClassifierCV(FrozenEstimator(shipped)).fit(X, target)
    assert calibrated.predict_proba(X).shape == (N, 2)
    assert is_regressor(exported(fitted(LSTMRegressor, NUMBERS[:, 0]), tmp_path))


def test_it_is_not_fitted_again(tmp_path):
    shipped = exported(fitted(LSTMRegressor, NUMBERS[:, 0, 0]), tmp_path)
    assert clone(shipped) is shipped
    with pytest.raises(NotImplementedError, match="OnnxRegressor comes from an ONNX file"):
        shipped.fit(sequences(), NUMBERS[:, 0, 0])
    with pytest.raises(ValueError, match=r"(?s)All the 2 fits failed.*only predicts\. Fit"):
        cross_val_score(shipped, sequences(), NUMBERS[:, 0, 0], cv=2)


def test_certain_classes_have_their_small_probabilities(tmp_path):
    for target in (TWO[:, 0], THREE[:, 0], LABELS[:, 0]):
        model = fitted(LSTMClassifier, target)
        with torch.no_grad():
            model.net_.module_.head.weight.mul_(80)
        shipped, X = exported(model, tmp_path), sequences()
        smallest = model.predict_proba(X).min()
        assert 0 < smallest < 1e-18
        # The logits, of up to some hundreds, agree in seven digits.
        np.testing.assert_allclose(shipped.predict_proba(X), model.predict_proba(X), rtol=1e-3)
        assert_same(shipped.predict_log_proba(X), model.predict_log_proba(X))


def test_a_code_that_training_did_not_see_is_a_vector_of_zeros(tmp_path):
    model = fitted(LSTMRegressor, NUMBERS[:, 0, 0], embedding_size=3)
    X = np.full((1, STEPS), 10**6)
    assert_same(exported(model, tmp_path).predict(X), model.predict(X))


KINDS_OF_LABELS = {
    "text": np.array(["a", "bcd"]),
    "objects": np.array(["a", "bcd"], dtype=object),
    "booleans": np.array([False, True]),
    "small integers": np.array([-3, 7], dtype=np.int8),
    "large integers": np.array([0, 2**62]),
    "unsigned integers": np.array([3, 200], dtype=np.uint8),
    "floats": np.array([-1.0, 1.0]),
}


@pytest.mark.parametrize("name", KINDS_OF_LABELS)
def test_labels_keep_their_type(name, tmp_path):
    model = fitted(LSTMClassifier, KINDS_OF_LABELS[name][TWO[:, 0]])
    shipped = exported(model, tmp_path)
    assert shipped.classes_.dtype == model.classes_.dtype
    assert shipped.classes_.tolist() == model.classes_.tolist()
    assert_same(shipped.predict(sequences()), model.predict(sequences()))


def test_other_labels_are_refused(tmp_path):
    days = np.array(["2024-01-01", "2024-01-02"], dtype="M8[D]")
    model = fitted(LSTMClassifier, days[TWO[:, 0]])
    with pytest.raises(ValueError, match=r"text, whole numbers or booleans.*datetime64"):
        export_onnx(model, tmp_path / "model.onnx")
    model = fitted(LSTMClassifier, np.array(["a", "\ud83d"])[TWO[:, 0]])
    with pytest.raises(ValueError, match=r"no surrogates. Got the label '\\ud83d'\. Fit on"):
        export_onnx(model, tmp_path / "model.onnx")
    model = fitted(LSTMClassifier, np.array([1, 2**63 + 5], dtype=np.uint64)[TWO[:, 0]])
    with pytest.raises(ValueError, match=r"text, whole numbers or booleans.*uint64"):
        export_onnx(model, tmp_path / "model.onnx")


FRAME = pd.DataFrame(sequences().reshape(N, -1)[:, :6], columns=list("abcdef"))
ATTRIBUTES = ("n_features_in_", "n_sequence_features_", "n_timesteps_in_", "n_timesteps")


def test_tables_and_names(tmp_path):
    model = LSTMRegressor(3, n_timesteps=3, max_epochs=1).fit(FRAME, NUMBERS[:, 0, 0])
    shipped = exported(model, tmp_path)
    assert [getattr(shipped, name) for name in ATTRIBUTES] == [6, 2, 3, 3]
    assert shipped.feature_names_in_.tolist() == list("abcdef")
    assert_same(shipped.predict(FRAME), model.predict(FRAME))
    with pytest.warns(UserWarning, match="does not have valid feature names, but OnnxRegressor"):
        assert_same(shipped.predict(FRAME.to_numpy()), model.predict(FRAME))

    model = LSTMRegressor(3, max_epochs=1).fit(cut(sequences()), NUMBERS[:, 0, 0])
    shipped = exported(model, tmp_path)
    assert [getattr(shipped, name) for name in ATTRIBUTES] == [3, 3, None, None]
    assert not hasattr(shipped, "feature_names_in_")
    assert not hasattr(shipped, "predict_quantiles")
    assert not hasattr(shipped, "predict_proba")


def bad_inputs():
    yield FRAME[list("bacdef")]
    yield FRAME[list("abcd")]
    yield FRAME.to_numpy()[:, :4]
    yield FRAME.to_numpy().reshape(N, 2, 3)
    yield FRAME.where(FRAME > -1)
    yield FRAME.to_numpy()[:0]
    yield FRAME.to_numpy()[0]
    yield [[["a", "b"]]]


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_bad_input_is_told_as_the_estimator_tells_it(tmp_path):
    model = LSTMRegressor(3, n_timesteps=3, max_epochs=1).fit(FRAME, NUMBERS[:, 0, 0])
    shipped = exported(model, tmp_path)
    for X in bad_inputs():
        with pytest.raises(ValueError) as expected:
            model.predict(X)
        with pytest.raises(ValueError) as found:
            shipped.predict(X)
        assert str(found.value) == str(expected.value).replace("LSTMRegressor", "OnnxRegressor")


@pytest.mark.parametrize("bits", [8, 4])
def test_integers_are_written_as_integers(bits, tmp_path):
    options = {"bidirectional": True, "pooling": ALL, "cell": "peephole", "hidden_size": 40}
    model = fitted(LSTMRegressor, NUMBERS[:, 0], **options)
    small = quantize(model, bits=bits)
    assert_same(exported(small, tmp_path).predict(sequences()), small.predict(sequences()))
    file = onnx.load(tmp_path / "model.onnx")
    sizes = Counter()
    for constant in file.graph.initializer:
        sizes[constant.data_type] += np.prod(constant.dims, dtype=int)
    weights = model.net_.module_.state_dict()
    matrices = sum(w.numel() for name, w in weights.items() if name.endswith(MATRICES))
    assert sizes[onnx.TensorProto.INT8] == matrices
    assert sizes[onnx.TensorProto.FLOAT] < 0.2 * matrices
    size = file.ByteSize()
    export_onnx(model, tmp_path / "model.onnx")
    assert size < 0.45 * (tmp_path / "model.onnx").stat().st_size

    codes = fitted(LSTMClassifier, TWO[:, 0], embedding_size=3)
    small = quantize(codes, bits=bits)
    X = np.random.default_rng(0).integers(0, CODES, (N, STEPS))
    assert_same(exported(small, tmp_path).predict_proba(X), small.predict_proba(X))


def test_where_one_direction_was_trained_further_the_other_stays_integers(tmp_path):
    model = quantize(fitted(LSTMRegressor, NUMBERS[:, 0], bidirectional=True))
    with torch.no_grad():
        model.net_.module_.recurrent.backward_layers[0].lstm.weight_hh_l0.mul_(1.1)
    assert_same(exported(model, tmp_path).predict(sequences()), model.predict(sequences()))


def test_the_raw_graph_is_as_documented(tmp_path):
    path = tmp_path / "model.onnx"
    X = sequences()
    after_the_end = padded(X, 1e6)
    model = fitted(LSTMClassifier, np.array(["no", "so", "yes"])[THREE[:, 0]])
    export_onnx(model, path)
    session = onnxruntime.InferenceSession(path)
    inputs = {i.name: (i.type, i.shape) for i in session.get_inputs()}
    assert inputs == {
        "X": ("tensor(double)", ["n", "n_timesteps", FEATURES]),
        "lengths": ("tensor(int64)", ["n"]),
    }
    outputs = {o.name: (o.type, o.shape) for o in session.get_outputs()}
    assert outputs == {
        "label": ("tensor(string)", ["n"]),
        "probabilities": ("tensor(double)", ["n", 3]),
        "scores": ("tensor(double)", ["n", 3]),
    }
    label, probabilities, scores = session.run(None, {"X": after_the_end, "lengths": LENGTHS})
    assert label.tolist() == model.predict(cut(X)).tolist()
    assert_same(probabilities, model.predict_proba(cut(X)))
    assert_same(scores, model.decision_function(cut(X)))

    model = fitted(LSTMRegressor, NUMBERS[:, :, 0], **per_step, **QUANTILES)
    export_onnx(model, path)
    session = onnxruntime.InferenceSession(path)
    shapes = {o.name: o.shape for o in session.get_outputs()}
    axes = ["n", "n_timesteps", 1]
    assert shapes == {"variable": axes, "quantiles": [*axes, 4]}
    variable, quantiles = session.run(None, {"X": X, "lengths": np.full(N, STEPS)})
    assert_same(variable[..., 0], model.predict(X))
    assert_same(quantiles[:, :, 0], model.predict_quantiles(X))


def test_the_file_holds_standard_operators_alone(tmp_path):
    model = fitted(LSTMRegressor, NUMBERS[:, 0], pooling=ALL, **QUANTILES)
    export_onnx(quantize(model), tmp_path / "model.onnx")
    file = onnx.load(tmp_path / "model.onnx")
    assert [(opset.domain, opset.version) for opset in file.opset_import] == [("", 17)]
    assert {node.domain for node in file.graph.node} == {""}
    read = {name for node in file.graph.node for name in node.input}
    written = {name for node in file.graph.node for name in node.output[:1]}
    assert written - read == {"variable", "quantiles"}  # nothing is computed in vain
    assert {constant.name for constant in file.graph.initializer} <= read


def test_the_same_model_is_the_same_file(tmp_path):
    model = fitted(LSTMClassifier, np.array(["a", "b"])[TWO[:, 0]])
    export_onnx(model, tmp_path / "one.onnx")
    export_onnx(pickle.loads(pickle.dumps(model)), str(tmp_path / "two.onnx"))
    assert (tmp_path / "one.onnx").read_bytes() == (tmp_path / "two.onnx").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.onnx", "two.onnx"]


def test_a_search_and_a_pipeline_of_nothing_else(tmp_path):
    X, y = sequences(), NUMBERS[:, 0, 0]
    search = GridSearchCV(LSTMRegressor(max_epochs=1, random_state=0), {"hidden_size": [3]}, cv=2)
    model = make_pipeline("passthrough", search).fit(X, y)
    assert_same(exported(model, tmp_path).predict(X), model.predict(X))


SCALERS = {
    "standard": [StandardScaler()],
    "standard, not centred": [StandardScaler(with_mean=False)],
    "standard, not scaled": [StandardScaler(with_std=False)],
    "minimum and maximum": [MinMaxScaler((-3, 5))],
    "minimum and maximum, clipped": [MinMaxScaler((-3, 5), clip=True)],
    "largest": [MaxAbsScaler()],
    "largest, clipped": [MaxAbsScaler(clip=True)],
    "robust": [RobustScaler(unit_variance=True)],
    "robust, not centred": [RobustScaler(with_centering=False)],
    "robust, not scaled": [RobustScaler(with_scaling=False)],
    "two": [RobustScaler(), MinMaxScaler()],
}


def with_scalers(scalers, X, target, **options):
    """A Pipeline whose LSTM does not scale, so that what is scaled in front of it counts."""
    kind = LSTMRegressor if target.dtype == float else LSTMClassifier
    options = {"max_epochs": 1, "standardize": False, "random_state": 0} | options
    model = make_pipeline(*map(clone, scalers), kind(4, **options)).fit(X, target)
    with_other_weights(model[-1])
    return model


@pytest.mark.parametrize("scalers", SCALERS.values(), ids=SCALERS.keys())
def test_scalers_are_in_the_file(scalers, tmp_path):
    X = sequences()
    steps = [SequenceWise(scaler) for scaler in scalers]
    model = with_scalers(steps, cut(X), NUMBERS[:, 0, 0])
    shipped = exported(model, tmp_path)
    for layout, rows in layouts(sequences(seed=5), codes=False):
        if layout != "float32":  # in which scikit-learn scales with less digits
            assert_same(shipped.predict(rows), model.predict(rows), layout)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    (found,) = session.run(["variable"], {"X": padded(X, 1e6), "lengths": LENGTHS})
    assert_same(found[:, 0], model.predict(cut(X)))

    table, other = (sequences(seed).reshape(N, -1) for seed in (0, 5))
    model = with_scalers(scalers, table, NUMBERS[:, 0], n_timesteps=STEPS)
    assert_same(exported(model, tmp_path).predict(other), model.predict(other))
    model = with_scalers(scalers, table, THREE[:, 0])
    assert_same(exported(model, tmp_path).predict_proba(other), model.predict_proba(other))


def test_float32_is_scaled_with_all_its_digits(tmp_path):
    X = sequences().astype(np.float32)
    model = with_scalers([SequenceWise(StandardScaler())], X, NUMBERS[:, 0, 0])
    shipped = exported(model, tmp_path)
    assert_same(shipped.predict(X), model.predict(X.astype(np.float64)))
    np.testing.assert_allclose(shipped.predict(X), model.predict(X), atol=2e-3)


def test_scalers_of_columns_read_tables_of_their_names(tmp_path):
    model = with_scalers([StandardScaler()], FRAME, NUMBERS[:, 0, 0], n_timesteps=3)
    shipped = exported(model, tmp_path)
    assert [getattr(shipped, name) for name in ATTRIBUTES] == [6, 2, 3, 3]
    assert shipped.feature_names_in_.tolist() == list("abcdef")
    assert_same(shipped.predict(FRAME), model.predict(FRAME))
    assert not hasattr(model[-1], "feature_names_in_")
    with pytest.raises(ValueError, match="The feature names should match"):
        shipped.predict(FRAME[list("bacdef")])
    for X in (FRAME.to_numpy().reshape(N, 3, 2), [np.ones((3, 2)), np.ones((2, 2))]):
        with pytest.raises(ValueError, match=r"X must be 2-D \(n, n_columns\): the step in front"):
            shipped.predict(X)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    assert session.get_inputs()[0].shape == ["n", 3, 2]


def test_sequences_of_frames_have_their_names(tmp_path):
    frames = [pd.DataFrame(x, columns=["u", "v", "w"]) for x in cut(sequences())]
    model = with_scalers([SequenceWise(StandardScaler())], frames, NUMBERS[:, 0, 0])
    shipped = exported(model, tmp_path)
    assert shipped.feature_names_in_.tolist() == ["u", "v", "w"]
    assert_same(shipped.predict(frames), model.predict(frames))
    with pytest.raises(ValueError, match="The feature names should match"):
        shipped.predict([frame[["v", "u", "w"]] for frame in frames])


def test_a_search_of_a_pipeline_in_a_pipeline(tmp_path):
    X, y = sequences(), NUMBERS[:, 0, 0]
    inner = make_pipeline(SequenceWise(MinMaxScaler()), LSTMRegressor(3, max_epochs=1))
    search = GridSearchCV(inner, {"lstmregressor__standardize": [False]}, cv=2)
    model = make_pipeline(SequenceWise(RobustScaler()), "passthrough", search).fit(X, y)
    assert_same(exported(model, tmp_path).predict(X), model.predict(X))


class OwnScaler(StandardScaler):
    pass


OTHER_STEPS = {
    "no scaler": ([SequenceWise(Normalizer())], "sequencewise"),
    "own class": ([SequenceWise(OwnScaler())], "sequencewise"),
    "two": ([SequenceWise(StandardScaler()), SequenceWise(PCA(2))], "sequencewise-2"),
    "function": ([FunctionTransformer()], "functiontransformer"),
}


@pytest.mark.parametrize("steps, name", OTHER_STEPS.values(), ids=OTHER_STEPS.keys())
def test_other_steps_in_front_are_named(steps, name, tmp_path):
    model = with_scalers(steps, sequences(), NUMBERS[:, 0, 0])
    with pytest.raises(ValueError, match=rf"writes scalers .*Pipeline has other .* it: {name}\."):
        export_onnx(model, tmp_path / "model.onnx")


def test_of_a_search_the_steps_are_those_that_it_found(tmp_path):
    X, y = sequences(), NUMBERS[:, 0, 0]
    pipeline = make_pipeline(SequenceWise(PCA(2)), LSTMRegressor(3, max_epochs=1))
    model = GridSearchCV(pipeline, {}, cv=2).fit(X, y)
    with pytest.raises(ValueError, match=r"export_onnx\(model\.best_estimator_\[-1\], path\)"):
        export_onnx(model, tmp_path / "model.onnx")
    export_onnx(model.best_estimator_[-1], tmp_path / "model.onnx")


def test_a_scaler_that_is_not_fitted_is_named(tmp_path):
    model = fitted(LSTMRegressor, NUMBERS[:, 0, 0])
    for scaler in (StandardScaler(), SequenceWise(StandardScaler())):
        with pytest.raises(NotFittedError, match=f"This {type(scaler).__name__} instance is not"):
            export_onnx(make_pipeline(scaler, model), tmp_path / "model.onnx")


def test_steps_in_front_are_not_left_out_silently(tmp_path):
    model = make_pipeline(SequenceWise(PCA(2)), LSTMRegressor(3, max_epochs=1))
    model.fit(sequences(), NUMBERS[:, 0, 0])
    path = tmp_path / "model.onnx"
    with pytest.raises(ValueError, match=r"steps in front of it: sequencewise\..*model\[-1\]"):
        export_onnx(model, path)
    assert not path.exists()
    shipped = exported(model[-1], tmp_path)
    assert_same(shipped.predict(model[:-1].transform(sequences())), model.predict(sequences()))

    table = sequences().reshape(-1, FEATURES)
    model = make_pipeline(SlidingWindow(4), LSTMRegressor(3, max_epochs=1))
    model.fit(table, table[:, 0])
    shipped = exported(model[-1], tmp_path)
    assert_same(shipped.predict(model[:-1].transform(table)), model.predict(table))


class OwnModule(torch.nn.Module):
    def __init__(self, n_features, n_outputs, random_state):
        super().__init__()
        self.head = torch.nn.Linear(n_features, n_outputs)

    def forward(self, x, lengths):
        return self.head(x.sum(dim=1))


def test_codes_are_not_scaled(tmp_path):
    codes = np.random.default_rng(0).integers(0, CODES, (N, STEPS))
    same = MaxAbsScaler().fit(np.full((2, STEPS), 1))
    model = LSTMRegressor(3, embedding_size=2, max_epochs=1).fit(codes, NUMBERS[:, 0, 0])
    with pytest.raises(ValueError, match="has other steps in front of it: maxabsscaler"):
        export_onnx(make_pipeline(same, model), tmp_path / "model.onnx")


def test_what_is_no_lstm_is_refused(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"an earlier file")
    X, y = sequences(), NUMBERS[:, 0, 0]
    with pytest.raises(ValueError, match=r"fitted LSTMRegressor or.*Got an instance of 'Ridge'"):
        export_onnx(Ridge().fit(X[:, 0], y), path)
    with pytest.raises(NotFittedError, match="LSTMRegressor instance is not fitted"):
        export_onnx(LSTMRegressor(), path)
    with pytest.raises(ValueError, match=r"a module of its own \(module=\)"):
        export_onnx(LSTMRegressor(module=OwnModule, max_epochs=1).fit(X, y), path)
    assert path.read_bytes() == b"an earlier file"


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "model.onnx"
    with pytest.raises(FileNotFoundError):
        load_onnx(path)
    path.write_bytes(b"no ONNX file")
    with pytest.raises(ValueError, match=r"cannot read .*model\.onnx as an ONNX file"):
        load_onnx(path)
    export_onnx(fitted(LSTMRegressor, NUMBERS[:, 0]), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"cannot read .*model\.onnx as an ONNX file"):
        load_onnx(path)

    def with_metadata(**entries):
        file = onnx.load_from_string(whole)
        onnx.helper.set_model_props(file, entries)
        path.write_bytes(file.SerializeToString())

    for entries in ({}, {"sklstm": "no JSON"}, {"sklstm": "[1]"}, {"other": "1"}):
        with_metadata(**entries)
        with pytest.raises(ValueError, match=r"model\.onnx was not written by .*export_onnx"):
            load_onnx(path)
    with_metadata(sklstm='{"protocol": 99, "version": "9.0"}')
    with pytest.raises(ValueError, match=r"by sklstm 9\.0, with protocol 99 .*Update it"):
        load_onnx(path)


def test_a_missing_library_is_named(tmp_path, monkeypatch):
    model = fitted(LSTMRegressor, NUMBERS[:, 0])
    export_onnx(model, tmp_path / "model.onnx")
    monkeypatch.setitem(sys.modules, "onnx", None)
    load_onnx(tmp_path / "model.onnx")
    with pytest.raises(ImportError, match=r"export_onnx requires onnx\. .*'sklstm\[onnx\]'"):
        export_onnx(model, tmp_path / "model.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ImportError, match=r"load_onnx requires onnxruntime\. .*'sklstm\[onnx\]'"):
        load_onnx(tmp_path / "model.onnx")


WITHOUT_TORCH = """
import sys

UNUSED = ("torch", "skorch", "shap", "onnx", "safetensors", "tqdm", "pandas", "matplotlib")

class Forbidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in UNUSED:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Forbidden())
import pickle
import numpy as np
from sklstm.io import load_onnx

given = np.load("given.npz")
for kind in ("regressor", "classifier"):
    model = load_onnx(f"{kind}.onnx")
    ragged = [x[:length] for x, length in zip(given["X"], given["lengths"])]
    model = pickle.loads(pickle.dumps(model))
    assert model.score(ragged, model.predict(ragged)) == 1
    np.testing.assert_allclose(model.predict_proba(ragged) if kind == "classifier" else
                               model.predict(ragged), given[kind], rtol=1e-5)
try:
    import torch
except ModuleNotFoundError:
    print("predicted without torch")
"""


def test_prediction_needs_no_torch(tmp_path):
    X = sequences()
    regressor = fitted(LSTMRegressor, NUMBERS[:, 0])
    classifier = fitted(LSTMClassifier, np.array(["a", "b"])[TWO[:, 0]])
    export_onnx(regressor, tmp_path / "regressor.onnx")
    export_onnx(classifier, tmp_path / "classifier.onnx")
    np.savez(
        tmp_path / "given.npz",
        X=X,
        lengths=LENGTHS,
        regressor=regressor.predict(cut(X)),
        classifier=classifier.predict_proba(cut(X)),
    )
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "predicted without torch\n", done.stderr
