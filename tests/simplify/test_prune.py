"""prune: networks without units and without weights."""

import pickle
from contextlib import ExitStack

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from torch import nn

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm._attribution import unit_held
from sklstm._training import _matching
from sklstm.preprocessing import SequenceWise, SlidingWindow
from sklstm.simplify import prune
from sklstm.simplify._fitted import rebuilt, weights_of
from sklstm.simplify._importance import Activity, Sampled, activity_of, mutual_information
from sklstm.simplify._units import Units

X = np.random.default_rng(0).normal(size=(60, 6, 3))
Y = 2 * X[:, 4, 1] + X[:, 2, 0]
LABELS = np.array(["a", "b", "c"])[np.digitize(Y, [-1, 1])]
SMALL = {"hidden_size": 6, "max_epochs": 3, "batch_size": 16, "random_state": 0}
EVERY = ["attention", "max", "mean", "last", "input"]
NETWORKS = {
    "default": {},
    "last": {"pooling": "last"},
    "stacked": {"num_layers": 3, "pooling": ["mean", "attention"]},
    "both ways": {"bidirectional": True},
    "everything": {"num_layers": 2, "bidirectional": True, "cell": "peephole", "pooling": EVERY},
    "relu": {"activation": "relu", "num_layers": 2},
    "steps": {"return_sequences": True, "num_layers": 2, "bidirectional": True},
    "quantile": {"loss": "quantile"},
}
IMPORTANCE = ["magnitude", "contribution", "mutual_information"]
networks = pytest.mark.parametrize("params", NETWORKS.values(), ids=NETWORKS)


def targets(model):
    return np.cumsum(X[:, :, 0], axis=1) if model.return_sequences else Y


def regressor(**params):
    """Fitted, then with weights of ordinary size everywhere, also where they start at zero."""
    model = LSTMRegressor(**{**SMALL, "max_epochs": 1, **params})
    model.fit(X, targets(model))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.net_.module_.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.5)
    return model


def trained(**params):
    return LSTMRegressor(**{**SMALL, **params}).fit(X, Y)


def n_parameters(model):
    return sum(p.numel() for p in model.net_.module_.parameters())


# ---------------------------------------------------------------- units


@networks
def test_units_that_nobody_reads_are_the_ones_that_go(params):
    model = regressor(**params)
    network = model.net_.module_
    units, choice = Units(network).shape, np.random.default_rng(3)
    with ExitStack() as silent:
        for layer in range(units[0]):
            for direction in range(units[1]):
                for unit in choice.permutation(units[2])[:2].tolist():
                    silent.enter_context(unit_held(network, layer, direction, unit, 0.0))
        before = pickle.dumps(model)
        small = prune(model, fraction=1 / 3)
        assert_allclose(small.predict(X), model.predict(X), atol=1e-5)
        assert pickle.dumps(model) == before
    assert small.hidden_size == small.net_.module_.architecture["hidden_size"] == 4
    assert n_parameters(small) == n_parameters(clone(small).fit(X, targets(small)))


@networks
@pytest.mark.parametrize("importance", IMPORTANCE)
def test_every_network_is_pruned_by_every_importance(params, importance):
    model = regressor(**params)
    before = pickle.dumps(model)
    small = prune(model, X, targets(model), importance=importance, random_state=0)
    again = prune(model, X, targets(model), importance=importance, random_state=0)
    assert small.hidden_size == 3
    assert_array_equal(small.predict(X), again.predict(X))
    assert pickle.dumps(model) == before


@networks
def test_who_read_a_unit_that_is_gone_reads_its_mean(params):
    """Of a unit that always says the same, nothing is lost."""
    model = regressor(**params)
    network = model.net_.module_
    size = network.recurrent.hidden_size
    with torch.no_grad():
        for name, parameter in network.recurrent.named_parameters():
            if "peephole" in name:
                parameter[:, 1] = 0.0
            elif "weight" in name:
                parameter[1::size] = 0.0
            else:
                parameter[size + 1] = -60.0  # forgets
            if "weight_hh" in name:
                parameter[:, 1] = 0.0  # before the first step every state is 0, and no mean
    units, weights, activity = Units(network), weights_of(model), activity_of(model, X)
    removed = np.zeros(units.shape, dtype=bool)
    removed[..., 1] = True
    assert (np.abs(activity.mean[removed]) > 0.01).any()
    units.hold(weights, removed, activity.mean, activity.pooled)
    kept = np.broadcast_to(np.delete(np.arange(size), 1), (*units.shape[:2], size - 1))
    small = rebuilt(model, units.keep(weights, kept), hidden_size=size - 1)
    assert_allclose(small.predict(X), model.predict(X), atol=1e-5)


def test_the_mean_helps_the_score():
    model = LSTMRegressor(**{**SMALL, "max_epochs": 30}).fit(X, Y)
    with_means, without = prune(model, X, fraction=1 / 3), prune(model, fraction=1 / 3)
    assert with_means.score(X, Y) > without.score(X, Y)


def test_units_of_little_contribution_go_however_large_their_other_weights():
    model = regressor(pooling="last")
    network = model.net_.module_
    with torch.no_grad():
        network.recurrent.forward_layers[0].lstm.weight_hh_l0[:, [0, 2, 5]] *= 10
        network.head.weight[:, [0, 2, 5]] *= 1e-3
    head = weights_of(model)["head.weight"]
    kept = weights_of(prune(model, X, importance="contribution", random_state=0))["head.weight"]
    assert_array_equal(kept, head[:, [1, 3, 4]])
    kept = weights_of(prune(model, X, importance="magnitude"))["head.weight"]
    assert_array_equal(kept, head[:, [0, 2, 5]])


@pytest.mark.parametrize("y", [Y, np.stack([Y, -Y], axis=1), LABELS], ids=["one", "two", "labels"])
def test_mutual_information_is_highest_for_the_unit_that_is_the_target(y):
    classify = y is LABELS
    model = (LSTMClassifier if classify else LSTMRegressor)(**{**SMALL, "max_epochs": 1}).fit(X, y)
    states = np.random.default_rng(0).normal(size=(60, 2, 1, 1, 6))
    states[:, 1, 0, 0, 4] = Y
    activity = Activity(np.zeros(()), np.zeros(()), states)
    found = mutual_information(model, Sampled(X, y), activity, np.random.RandomState(0))
    assert found.shape == (1, 1, 6)
    assert found.argmax() == 4
    assert found[0, 0, 4] > 5 * np.delete(found, 4).max()


def test_nothing_to_remove_is_a_copy():
    model = trained()
    assert_array_equal(prune(model, fraction=0.0).predict(X), model.predict(X))
    assert prune(model, fraction=0.99).hidden_size == 1


def test_states_of_sequences_of_different_length_are_those_of_each_alone():
    ragged = [row[: 2 + i % 5] for i, row in enumerate(X)]
    model = LSTMRegressor(**SMALL, bidirectional=True).fit(ragged, Y)
    together, alone = activity_of(model, ragged), [activity_of(model, [row]) for row in ragged]
    assert_allclose(together.of_rows, np.concatenate([a.of_rows for a in alone]), atol=1e-6)
    assert_allclose(together.pooled, np.mean([a.pooled for a in alone], axis=0), atol=1e-6)
    total = sum(a.mean * len(row) for a, row in zip(alone, ragged, strict=True))
    assert_allclose(together.mean, total / sum(map(len, ragged)), atol=1e-6)


# ---------------------------------------------------------------- weights


def test_the_smallest_weights_of_each_matrix_become_zero():
    model = regressor(num_layers=2, pooling=EVERY)
    before, after = weights_of(model), weights_of(prune(model, fraction=0.6, kind="weights"))
    changed = 0
    for name, matrix in before.items():
        if "weight" not in name:
            assert_array_equal(after[name], matrix)
            continue
        flat = sorted(np.abs(matrix).ravel())
        wanted = np.where(np.abs(matrix) < flat[int(0.6 * matrix.size)], 0.0, matrix)
        assert_array_equal(after[name], wanted, name)
        changed += 1
    assert changed == 6


@pytest.mark.parametrize("optimizer", ["adamw", "rmsprop", "sgd"])
def test_zeros_stay_in_fine_tuning(optimizer):
    model = trained(optimizer=optimizer, weight_decay=0.1)
    pruned = prune(model, fraction=0.5, kind="weights")
    tuned = prune(model, X, Y, fraction=0.5, kind="weights", epochs=3)
    before, after = weights_of(pruned), weights_of(tuned)
    for name in ("recurrent.forward_layers.0.lstm.weight_hh_l0", "head.weight"):
        zero = before[name] == 0
        assert 0.4 < zero.mean() <= 0.5
        assert_array_equal(after[name] == 0, zero)
    tuned.partial_fit(X, Y)  # they are no longer held
    assert (weights_of(tuned)["head.weight"] != 0).all()


# ---------------------------------------------------------------- estimators


@pytest.mark.parametrize("kind", ["units", "weights"])
def test_fine_tuning_is_a_warm_start(kind):
    model = trained(weight_decay=0.1)
    tuned = prune(model, X, Y, kind=kind, epochs=2)
    assert tuned.n_epochs_ == len(tuned.history_) == 5
    assert model.n_epochs_ == 3
    if kind == "units":
        further = prune(model, X, Y).set_params(warm_start=True, max_epochs=2).fit(X, Y)
        assert_array_equal(tuned.predict(X), further.predict(X))
    assert tuned.warm_start is False and tuned.max_epochs == 3


@pytest.mark.parametrize("y", [Y, None], ids=["targets", "answers"])
def test_fine_tuning_weighs_the_rows(y):
    model, weights = trained(), np.arange(60.0) / 30
    options = {"epochs": 1, "random_state": 0}
    weighted = prune(model, X, y, **options, sample_weight=weights).predict(X)
    assert np.abs(weighted - prune(model, X, y, **options).predict(X)).max() > 1e-4
    nothing = np.r_[np.ones(40), np.zeros(20)]
    some = prune(model, X, y, kind="weights", **options, sample_weight=nothing)
    only = prune(model, X[:40], y if y is None else y[:40], kind="weights", **options)
    assert_allclose(some.predict(X), only.predict(X), atol=1e-6)


@networks
def test_without_targets_the_network_learns_to_answer_as_before(params):
    model = LSTMRegressor(**{**SMALL, "max_epochs": 8, **params})
    model.fit(X, targets(model))
    before = pickle.dumps(model)
    pruned, tuned = (
        prune(model, X, fraction=0.34, epochs=epochs, random_state=0) for epochs in (0, 30)
    )
    assert pickle.dumps(model) == before
    outputs = [m.predict(X) for m in (model, pruned, tuned)]
    missed = [np.square(other - outputs[0]).mean() for other in outputs[1:]]
    assert missed[1] < 0.5 * missed[0]
    one, two = (prune(model, X, fraction=0.34, epochs=2, random_state=0) for _ in range(2))
    assert_array_equal(one.predict(X), two.predict(X))
    assert tuned.n_epochs_ == model.n_epochs_
    tuned.partial_fit(X, targets(model))


def test_labels_are_learned_as_logits_and_zeros_stay():
    model = LSTMClassifier(**{**SMALL, "max_epochs": 10}).fit(X, LABELS)
    pruned = prune(model, kind="weights", fraction=0.8)
    tuned = prune(model, X, kind="weights", fraction=0.8, epochs=20, random_state=0)
    wanted = model.decision_function(X)
    missed = [np.square(m.decision_function(X) - wanted).mean() for m in (pruned, tuned)]
    assert missed[1] < 0.5 * missed[0]
    for name in ("recurrent.forward_layers.0.lstm.weight_hh_l0", "head.weight"):
        assert_array_equal(weights_of(tuned)[name] == 0, weights_of(pruned)[name] == 0)


def test_answers_to_ragged_rows_are_those_to_each_alone():
    ragged = [row[: 2 + i % 5] for i, row in enumerate(X)]
    model = LSTMRegressor(**SMALL, return_sequences=True)
    model.fit(ragged, [np.cumsum(row[:, 0]) for row in ragged])
    network, teacher = (prune(model, fraction=f).net_.module_.cpu() for f in (0.5, 0.0))
    x = torch.from_numpy(X[:4]).float()
    missed = (network.encode(x) - teacher.encode(x)).square().mean(-1).detach()
    lengths = torch.tensor([6, 3, 1, 2])
    slow = [missed[i, :n].sum() / 6 for i, n in enumerate(lengths.tolist())]
    weights = torch.tensor([0.0, 2.0, 1.0, 1.0])
    expected = (torch.stack(slow) * weights).mean()
    assert_allclose(_matching._mean(missed, weights, lengths), expected, rtol=1e-6)


def test_rows_with_noise_tell_how_the_model_answers_around_them(monkeypatch):
    model = trained(max_epochs=10)
    row, near = np.repeat(X[:1], 60, axis=0), X[:1] + 0.3 * X
    found = []
    for noise in (_matching.LARGEST_NOISE, 0.0):
        monkeypatch.setattr(_matching, "LARGEST_NOISE", noise)
        tuned = prune(model, row, epochs=10, random_state=0)
        found.append(np.square(tuned.predict(near) - model.predict(near)).mean())
    assert found[0] < 0.7 * found[1]


def test_weights_that_are_no_numbers_are_an_error_and_leave_the_model(monkeypatch):
    model = trained()
    before = pickle.dumps(model)
    monkeypatch.setattr(_matching, "LEARNING_RATE", 1e25)
    with pytest.raises(ValueError, match="Fine-tuning diverged"):
        prune(model, X, epochs=5, random_state=0)
    assert pickle.dumps(model) == before


def test_a_pruned_classifier_is_like_any_other():
    model = LSTMClassifier(**SMALL, keep_background=5).fit(X, LABELS)
    small = prune(model, X, LABELS, epochs=2, importance="mutual_information", random_state=0)
    assert type(small) is LSTMClassifier
    assert_array_equal(small.classes_, ["a", "b", "c"])
    assert_array_equal(pickle.loads(pickle.dumps(small)).predict_proba(X), small.predict_proba(X))
    assert small.explain_shap(X[:3]).additivity_gap.max() < 1e-5
    assert small.explain_units(X[:3]).contribution.shape == (3, 1, 2, 3, 3)
    smaller = prune(small, X, fraction=1 / 3, importance="contribution")
    assert smaller.hidden_size == 2
    smaller.partial_fit(X, LABELS)
    assert clone(smaller).fit(X, LABELS).net_.module_.recurrent.hidden_size == 2


@pytest.mark.parametrize("importance", IMPORTANCE)
def test_containers(importance):
    flat = X.reshape(60, -1)
    options = {"importance": importance, "random_state": 0}
    expected = prune(trained(), X, Y, **options).predict(X)
    for container in (flat, pd.DataFrame(flat, columns=[f"c{i}" for i in range(18)])):
        model = LSTMRegressor(**SMALL, n_timesteps=6).fit(container, Y)
        assert_array_equal(prune(model, container, Y, **options).predict(container), expected)
    ragged = [row[: 2 + i % 5] for i, row in enumerate(X)]
    padded = np.full(X.shape, np.nan)
    for target, row in zip(padded, ragged, strict=True):
        target[: len(row)] = row
    results = []
    for container in (ragged, padded):
        model = LSTMRegressor(**SMALL).fit(container, Y)
        results.append(prune(model, container, Y, **options).predict(container))
    assert_array_equal(*results)


def test_codes():
    codes = np.random.default_rng(0).integers(0, 5, size=(40, 6))
    model = LSTMClassifier(**SMALL, embedding_size=2).fit(codes, codes[:, 0] > 2)
    small = prune(model, codes, codes[:, 0] > 2, importance="contribution", epochs=1)
    assert small.predict(codes).shape == (40,)
    assert small.hidden_size == 3


@pytest.mark.parametrize("importance", IMPORTANCE)
def test_pipelines_and_searches_keep_their_steps(importance):
    table = pd.DataFrame(X[:, 0], columns=["u", "v", "w"])
    inner = make_pipeline(SlidingWindow(4), LSTMRegressor(**SMALL))
    model = make_pipeline(PCA(2), inner).fit(table, Y)
    before = pickle.dumps(model)
    small = prune(model, table, Y, importance=importance, epochs=1, random_state=0)
    assert pickle.dumps(model) == before
    assert [name for name, _ in small.steps] == ["pca", "pipeline"]
    assert small[-1][-1].hidden_size == 3
    windows = model[-1][0].transform(model[0].transform(table))
    lone = prune(model[-1][-1], windows, Y, importance=importance, epochs=1, random_state=0)
    assert_array_equal(small.predict(table), lone.predict(windows))
    scaled = make_pipeline(SequenceWise(PCA(2)), LSTMRegressor(**SMALL))
    search = GridSearchCV(scaled, {"lstmregressor__pooling": ["last"]}, cv=2).fit(X, Y)
    found = prune(search, X, Y, importance=importance, random_state=0)
    assert found[-1].hidden_size == 3
    assert found.predict(X).shape == (60,)


@pytest.mark.parametrize(
    "params, message",
    [
        ({"fraction": 1.0}, "'fraction' parameter of prune must be"),
        ({"fraction": "half"}, "'fraction' parameter of prune must be"),
        ({"kind": "layers"}, "'kind' parameter of prune must be"),
        ({"importance": "size"}, "'importance' parameter of prune must be"),
        ({"epochs": -1}, "'epochs' parameter of prune must be"),
        ({"epochs": 2}, "needs X to train on. Got epochs=2 without X"),
        ({"X": X, "epochs": 1, "sample_weight": -np.ones(60)}, "Negative values in sample_weight"),
        ({"y": Y, "epochs": 2}, "needs X to train on. Got epochs=2 without X"),
        ({"importance": "contribution"}, "importance='contribution' needs X"),
        ({"X": X, "importance": "mutual_information"}, "needs y"),
        ({"kind": "weights", "importance": "contribution"}, "must be 'magnitude' with kind="),
        (
            {"X": X, "y": Y[:5], "importance": "mutual_information"},
            "X and y must have the same number of samples. Got 60 in X and 5",
        ),
        ({"X": X[:2], "y": Y[:2], "importance": "mutual_information"}, "more than 3 rows. Got 2"),
        ({"X": X[:, :, :2]}, "X has 2 features per time step"),
        ({"X": dict.fromkeys("ab", X)}, "X must be an array, a DataFrame or a list.* Got dict"),
        ({"X": dict(enumerate(X)).values()}, "X must be an array, .* Got dict_values"),
        (
            {"X": X[:2], "y": dict.fromkeys("ab", 1.0).values()},
            "y must be an array, .* dict_values",
        ),
        ({"random_state": "seed"}, "'random_state' parameter must be"),
    ],
)
def test_bad_input(params, message):
    model = trained()
    before = pickle.dumps(model)
    with pytest.raises(ValueError, match=message):
        prune(model, **params)
    assert pickle.dumps(model) == before


@pytest.mark.parametrize("frozen", [FrozenEstimator, lambda m: make_pipeline(FrozenEstimator(m))])
def test_a_frozen_model_is_pruned_within(frozen):
    model = trained()
    pruned = prune(frozen(model))
    assert_array_equal(pruned.predict(X), prune(model).predict(X))
    assert type(pruned) is type(frozen(model))


class Body(nn.Module):
    def __init__(self, n_features, n_outputs, random_state):
        super().__init__()
        self.linear = nn.Linear(n_features, n_outputs)

    def forward(self, x, lengths):
        return self.linear(x[:, -1])


def test_models_that_cannot_be_pruned():
    with pytest.raises(NotFittedError):
        prune(LSTMRegressor())
    with pytest.raises(ValueError, match=r"must be a fitted LSTMRegressor.*here is Ridge"):
        prune(Ridge().fit(X[:, 0], Y))
    with pytest.raises(ValueError, match="a module of its own"):
        prune(trained(module=Body))


def test_no_global_random_state_is_read_or_changed():
    model = trained()
    np.random.seed(5)
    torch.manual_seed(5)
    states = pickle.dumps(np.random.get_state()), torch.get_rng_state()
    prune(model, X, Y, importance="mutual_information", epochs=1)
    assert pickle.dumps(np.random.get_state()) == states[0]
    assert torch.equal(torch.get_rng_state(), states[1])
