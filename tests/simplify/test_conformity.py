"""Simplified estimators are estimators: scikit-learn's checks, pickles, explanations, and again."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from plain import PLAIN
from rounding import assert_same_numbers
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.simplify import distill, prune, quantize, reduce_layers

SMALL = PLAIN | {"hidden_size": 16, "max_epochs": 30}


class SimplifiedInFit:
    """``fit`` ends with a network without some units, then some weights, then in 8 bits.

    Parameters stay as they are, as those of every estimator in ``fit``; so training could not go on
    from the smaller network.
    """

    def fit(self, X, y, sample_weight=None):
        super().fit(X, y, sample_weight)
        small = prune(self, fraction=0.25)
        options = {"fraction": 0.25, "epochs": 15, "sample_weight": sample_weight}
        self.net_ = quantize(prune(small, X, y, kind="weights", **options)).net_
        return self

    @property
    def partial_fit(self):
        raise AttributeError("partial_fit")


class Regressor(SimplifiedInFit, LSTMRegressor):
    pass


class Classifier(SimplifiedInFit, LSTMClassifier):
    pass


@parametrize_with_checks([Regressor(**SMALL), Classifier(**SMALL)])
def test_scikit_learn_finds_nothing(estimator, check):
    check(estimator)


X = np.random.default_rng(0).normal(size=(60, 6, 3))
Y = 2 * X[:, 4, 1] + X[:, 2, 0]
LABELS = np.array(["a", "b", "c"])[np.digitize(Y, [-1, 1])]
TINY = {"hidden_size": 6, "num_layers": 2, "max_epochs": 3, "random_state": 0}
FUNCTIONS = {
    "prune": lambda model, X, y: prune(model, X, epochs=2, random_state=0),
    "prune weights": lambda model, X, y: prune(model, X, y, kind="weights", epochs=2),
    "reduce_layers": lambda model, X, y: reduce_layers(model, X, epochs=2, random_state=0),
    "distill": lambda model, X, y: distill(model, clone(model).set_params(hidden_size=3), X),
    "quantize": lambda model, X, y: quantize(model),
}


@pytest.mark.parametrize("classify", [False, True], ids=["regressor", "classifier"])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_is_returned_is_as_good_as_any(function, classify):
    y, kind = (LABELS, LSTMClassifier) if classify else (Y, LSTMRegressor)
    model = kind(**TINY).fit(X, y)
    before = pickle.dumps(model)
    small = FUNCTIONS[function](model, X, y)
    assert type(small) is kind and pickle.dumps(model) == before
    check_is_fitted(small)
    method = "decision_function" if classify else "predict"
    outputs = getattr(small, method)(X)
    assert_array_equal(getattr(pickle.loads(pickle.dumps(small)), method)(X), outputs)
    e = small.explain_shap(X[:3], background=X[10:20])
    assert e.additivity_gap.max() < 1e-5 * np.ptp(outputs)
    assert_same_numbers(e.output_values, outputs[:3])
    assert small.explain_units(X[:2], background=X[10:15]).contribution.shape[0] == 2
    for again in FUNCTIONS.values():
        if small.num_layers > 1 or again is not FUNCTIONS["reduce_layers"]:
            smaller = again(small, X, y)
            assert getattr(smaller, method)(X).shape == outputs.shape
    refitted = clone(small).fit(X, y)
    shapes = [[p.shape for p in m.net_.module_.parameters()] for m in (small, refitted)]
    assert shapes[0] == shapes[1]
