"""quantize: weights as integers in the pickle."""

import io
import pickle

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.preprocessing import SequenceWise
from sklstm.simplify import compare, prune, quantize
from sklstm.simplify._fitted import weights_of

X = np.random.default_rng(0).normal(size=(60, 6, 3))
Y = 2 * X[:, 4, 1] + X[:, 2, 0]
SMALL = {"hidden_size": 5, "max_epochs": 3, "batch_size": 16, "random_state": 0}
EVERY = ["attention", "max", "mean", "last", "input"]
bits_ = pytest.mark.parametrize("bits", [8, 4])


def fitted(**params):
    return LSTMRegressor(**{**SMALL, **params}).fit(X, Y)


@bits_
def test_matrices_take_a_few_values_and_the_rest_stays(bits):
    model = fitted(num_layers=2, bidirectional=True, cell="peephole", pooling=EVERY)
    before = pickle.dumps(model)
    small = quantize(model, bits=bits)
    assert pickle.dumps(model) == before
    weights, changed = weights_of(model), 0
    for name, array in weights_of(small).items():
        if not name.endswith(("weight_ih_l0", "weight_hh_l0", "head.weight")):
            assert_array_equal(array, weights[name])
            continue
        scale = np.abs(weights[name]).max(axis=1, keepdims=True) / (2 ** (bits - 1) - 1)
        assert (np.abs(array - weights[name]) <= 0.501 * scale).all()
        np.testing.assert_allclose(array / scale, np.rint(array / scale), atol=1e-4)
        changed += (array != weights[name]).any()
    assert changed == 9


@bits_
def test_the_pickle_holds_integers_and_gives_the_same_model(bits):
    model = fitted(hidden_size=64)
    small = quantize(model, bits=bits)
    sizes = [len(pickle.dumps(m)) for m in (model, small)]
    assert sizes[1] < {8: 0.33, 4: 0.21}[bits] * sizes[0]
    again = pickle.loads(pickle.dumps(small))
    assert_array_equal(again.predict(X), small.predict(X))
    packed, repacked = (m.__getstate__()["net_"]["weights"] for m in (small, again))
    assert_array_equal(repacked["head.weight"]["codes"], packed["head.weight"]["codes"])
    assert len(pickle.dumps(again)) < 1.02 * sizes[1]
    assert_array_equal(clone(small).fit(X, Y).predict(X), model.predict(X))


def test_a_memory_mapped_file(tmp_path):
    small = quantize(fitted(), bits=4)
    joblib.dump(small, tmp_path / "small.joblib")
    loaded = joblib.load(tmp_path / "small.joblib", mmap_mode="r")
    (tmp_path / "small.joblib").unlink()
    assert_array_equal(loaded.predict(X), small.predict(X))
    joblib.dump(loaded, io.BytesIO())


def test_eight_bits_cost_little():
    model = LSTMRegressor(hidden_size=16, max_epochs=20, random_state=0).fit(X, Y)
    found = compare(model, quantize(model), X, Y, n_repeats=1, random_state=0)
    assert found.fidelity > 0.999
    assert found.rank_correlation > 0.97
    coarse = compare(model, quantize(model, bits=4), X, Y, n_repeats=1, random_state=0)
    assert 0.8 < coarse.fidelity < found.fidelity


@bits_
def test_quantised_twice_is_quantised_once(bits):
    small = quantize(fitted(), bits=bits)
    np.testing.assert_allclose(quantize(small, bits=bits).predict(X), small.predict(X), atol=1e-6)


def test_training_and_pruning_leave_the_integers():
    codes = np.random.default_rng(0).integers(0, 9, size=(40, 6))
    model = LSTMClassifier(**SMALL, embedding_size=3).fit(codes, codes[:, 0] > 4)
    small = quantize(model)
    packed = small.__getstate__()["net_"]["weights"]
    assert sorted(name for name in packed if isinstance(packed[name], dict)) == [
        "embedding.weight",
        "head.weight",
        *(
            f"recurrent.{way}_layers.0.lstm.weight_{kind}_l0"
            for way in ("backward", "forward")
            for kind in ("hh", "ih")
        ),
    ]
    pruned = prune(small, kind="weights", fraction=0.2)
    assert pruned.predict(codes).shape == (40,)
    small.partial_fit(codes, codes[:, 0] > 4)
    packed = small.__getstate__()["net_"]["weights"]
    assert not isinstance(packed["head.weight"], dict)
    assert_array_equal(
        pickle.loads(pickle.dumps(small)).predict_proba(codes), small.predict_proba(codes)
    )


def test_zeros_of_pruning_stay():
    small = quantize(prune(fitted(), kind="weights"))
    assert (weights_of(small)["head.weight"] == 0).mean() >= 0.45


def test_through_a_pipeline():
    model = make_pipeline(SequenceWise(StandardScaler()), fitted()).fit(X, Y)
    small = quantize(model)
    assert small[-1].explain_shap(X[:2], background=X[:9]).additivity_gap.max() < 1e-5
    assert small.score(X, Y) == pytest.approx(model.score(X, Y), abs=0.01)


class Body(nn.Module):
    def __init__(self, n_features, n_outputs, random_state):
        super().__init__()
        self.linear = nn.Linear(n_features, n_outputs)

    def forward(self, x, lengths):
        return self.linear(x[:, -1])


@pytest.mark.parametrize("bits", [16, "8", True, None])
def test_bad_bits(bits):
    with pytest.raises(ValueError, match="'bits' parameter of quantize must be 8 or 4"):
        quantize(fitted(), bits=bits)


def test_a_module_of_ones_own():
    with pytest.raises(ValueError, match="quantize changes the built-in network"):
        quantize(fitted(module=Body))
