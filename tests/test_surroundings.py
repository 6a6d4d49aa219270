"""What surrounds a fit, and what is left of it: torch's modes and devices, the data, weights."""

import gc
import pickle
import weakref

import numpy as np
import pandas as pd
import pytest
import torch
from plain import PLAIN
from skorch.callbacks import Callback

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm._data import split_random

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 6, 2))
Y = X[:, -2:, 0].sum(axis=1)
LABELS = (Y > 0).astype(int)


def regressor(**params):
    fixed = {"hidden_size": 4, "max_epochs": 3, "random_state": 0}
    return LSTMRegressor(**(PLAIN | fixed | params))


def classifier(**params):
    fixed = {"hidden_size": 4, "max_epochs": 3, "random_state": 0}
    return LSTMClassifier(**(PLAIN | fixed | params))


class Traced(np.ndarray):
    """An array that can be watched."""


@pytest.mark.parametrize("params", [{}, {"early_stopping": True}, {"warm_start": True}])
def test_a_fitted_estimator_lets_go_of_its_data(params):
    data = X.copy().view(Traced)
    reference = weakref.ref(data)
    model = regressor(**params).fit(data, Y)
    del data
    gc.collect()
    assert reference() is None
    assert model.net_.callbacks_ == []


@pytest.mark.parametrize(
    "mode", [torch.inference_mode, torch.no_grad, lambda: torch.device("meta")]
)
def test_torch_modes_and_default_devices_of_the_caller_change_nothing(mode):
    expected = regressor(dropout=0.2, num_layers=2).fit(list(X), Y)
    with mode():
        model = regressor(dropout=0.2, num_layers=2).fit(list(X), Y)
        loaded = pickle.loads(pickle.dumps(model))
        np.testing.assert_array_equal(model.predict(X), expected.predict(X))
    loaded.partial_fit(X, Y)
    np.testing.assert_array_equal(
        loaded.predict(X), pickle.loads(pickle.dumps(expected)).partial_fit(X, Y).predict(X)
    )


def test_weights_count_between_calls_of_partial_fit():
    def moved(later_weight):
        model = regressor(optimizer=torch.optim.SGD, clip_norm=None, learning_rate=0.05)
        model.partial_fit(X, Y)
        before = model.net_.module_.head.weight.detach().clone()
        model.partial_fit(X, -Y, np.full(len(X), later_weight))
        return (model.net_.module_.head.weight - before).norm().item()

    assert moved(1e-9) < 1e-6 * moved(1.0)


def test_class_weights_count_between_calls_of_partial_fit():
    def probability(class_weight):
        model = classifier(class_weight=class_weight, optimizer=torch.optim.SGD, clip_norm=None)
        model.partial_fit(X[LABELS == 1], LABELS[LABELS == 1], classes=[0, 1])
        model.partial_fit(X[LABELS == 0], LABELS[LABELS == 0])
        return model.predict_proba(X)[:, 1].mean()

    assert probability({0: 1, 1: 50}) > probability(None)


@pytest.mark.parametrize("class_weight", [{0: 0, 1: 0}, {0: -1, 1: 1}])
def test_class_weights_that_cannot_be_are_errors(class_weight):
    with pytest.raises(ValueError, match="class_weight"):
        classifier(class_weight=class_weight).fit(X, LABELS)


def test_sample_weights_of_any_size_train():
    weights = np.r_[1e300, np.full(len(X) - 1, 1e-300)]
    assert np.isfinite(classifier().fit(X, LABELS, weights).predict_proba(X)).all()
    with pytest.raises(ValueError, match="class_weight, must be finite"):
        classifier(class_weight="balanced").fit(X, LABELS, weights)
    huge = regressor().fit(X, Y, np.full(len(X), 1.7e308))
    assert np.isfinite(huge.predict(X)).all()


class InterruptFirstBatch(Callback):
    def on_batch_end(self, net, **kwargs):
        raise KeyboardInterrupt


def test_ctrl_c_before_the_first_epoch_ends_keeps_an_earlier_model():
    model = regressor().fit(X, Y)
    before = model.predict(X)
    with pytest.raises(KeyboardInterrupt):
        model.set_params(callbacks=[InterruptFirstBatch()]).fit(X, Y)
    np.testing.assert_array_equal(model.predict(X), before)
    assert model.n_epochs_ == 3


def frames(columns=("a", "b"), order=(0, 1)):
    return [pd.DataFrame(sequence[:, list(order)], columns=list(columns)) for sequence in X]


def test_column_names_of_a_list_of_frames_are_kept_and_checked():
    model = regressor().fit(frames(), Y)
    assert model.feature_names_in_.tolist() == ["a", "b"]
    np.testing.assert_array_equal(model.predict(frames()), regressor().fit(X, Y).predict(X))
    with pytest.raises(ValueError, match="same order"):
        model.predict(frames(("b", "a"), (1, 0)))
    mixed = frames()
    mixed[5] = mixed[5][["b", "a"]]
    with pytest.raises(ValueError, match="Sample 5 of X has other column names"):
        regressor().fit(mixed, Y)


def test_classes_must_fit_the_columns_of_a_multilabel_y():
    with pytest.raises(ValueError, match="2 columns, but there are 3 labels"):
        classifier().partial_fit(X, np.c_[LABELS, 1 - LABELS], classes=[0, 1, 2])


def test_a_pickle_with_a_device_that_torch_does_not_know_loads():
    model = regressor().fit(X, Y).set_params(device="nonsense")
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))


def test_training_on_other_lengths_leaves_no_fixed_number_of_steps():
    model = regressor(warm_start=True).fit(X, Y)
    assert model.n_timesteps_in_ == 6
    assert model.partial_fit(X[:, :3], Y).n_timesteps_in_ is None


@pytest.mark.parametrize("seed", range(20))
def test_early_stopping_on_few_rows_of_many_classes_trains_on_every_class(seed):
    labels = np.array([5, 3, 6, 5, 6, 2, 6, 3, 1, 0, 1, 4, 5, 0, 2])
    training, validation = split_random(len(labels), 0.1, labels, seed)
    assert set(labels[training]) == set(labels)
    assert len(validation) == 2
