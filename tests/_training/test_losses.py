"""Losses against scikit-learn, torch and sums by hand."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.testing import assert_array_equal
from plain import PLAIN
from sklearn.metrics import log_loss, mean_pinball_loss
from torch.testing import assert_close

from sklstm import LSTMClassifier
from sklstm._training._losses import WeightedLoss
from sklstm.augmentation import Mixup

QUANTILES = (0.05, 0.3, 0.5, 0.9)
SMALL = PLAIN | {"learning_rate": 0.01, "batch_size": 8, "max_epochs": 3, "random_state": 0}
SMOOTHINGS = [0.0, 0.1, 0.5, 0.99]
smoothings = pytest.mark.parametrize("smoothing", SMOOTHINGS)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def codes(*shape, n_classes=4):
    return torch.randint(n_classes, shape, generator=torch.Generator().manual_seed(1))


def row_weights(n):
    weights = normal(n, seed=2).abs() + 0.1
    weights[0] = 0.0
    return weights


def step_weights(n, n_timesteps):
    """What ``Batches`` makes: 0 at padded steps."""
    lengths = torch.arange(n) % n_timesteps + 1
    real = torch.arange(n_timesteps) < lengths[:, None]
    return real * normal(n, n_timesteps, seed=2).abs()


# ---------------------------------------------------------------- quantiles


def test_pinball_loss_equals_that_of_scikit_learn():
    output, target = normal(50, 4), normal(50, 1, seed=1)
    loss = WeightedLoss("quantile", QUANTILES)(output, target, None)
    by_quantile = [
        mean_pinball_loss(target[:, 0], output[:, j], alpha=q) for j, q in enumerate(QUANTILES)
    ]
    assert loss.item() == pytest.approx(np.mean(by_quantile), rel=1e-5)


def test_pinball_loss_of_several_weighted_targets_by_hand():
    output, target, weights = normal(7, 12), normal(7, 3, seed=1), row_weights(7)
    total = 0.0
    for i in range(7):
        for k in range(3):
            for j, q in enumerate(QUANTILES):
                error = (target[i, k] - output[i, 4 * k + j]).item()
                loss = q * error if error >= 0 else (q - 1) * error
                total += weights[i].item() * loss / (3 * 4 * 7)
    assert WeightedLoss("quantile", QUANTILES)(output, target, weights).item() == pytest.approx(
        total, rel=1e-5
    )


def test_pinball_loss_of_time_steps_by_hand():
    output, target, weights = normal(3, 5, 8), normal(3, 5, 2, seed=1), step_weights(3, 5)
    total = 0.0
    for i in range(3):
        for t in range(5):
            for k in range(2):
                for j, q in enumerate(QUANTILES):
                    error = (target[i, t, k] - output[i, t, 4 * k + j]).item()
                    loss = max(q * error, (q - 1) * error)
                    total += weights[i, t].item() * loss / (2 * 4 * 3)
    assert WeightedLoss("quantile", QUANTILES)(output, target, weights).item() == pytest.approx(
        total, rel=1e-5
    )


def test_gradient_of_the_pinball_loss_is_the_quantile_or_its_complement():
    output = normal(20, 4).requires_grad_()
    target = normal(20, 1, seed=1)
    WeightedLoss("quantile", QUANTILES)(output, target, None).backward()
    q = torch.tensor(QUANTILES)
    expected = torch.where(target > output, -q, 1 - q) / output.numel()
    assert_close(output.grad, expected)


def test_quantiles_stay_on_the_device_of_the_output():
    loss = WeightedLoss("quantile", QUANTILES)
    output, target = (torch.empty(9, k, device="meta") for k in (4, 1))
    assert loss(output, target, None).is_meta
    assert loss.elementwise.quantiles.is_meta


def test_the_median_alone_is_half_the_absolute_error():
    output, target = normal(9, 1), normal(9, 1, seed=1)
    half = WeightedLoss("quantile", (0.5,))(output, target, None)
    assert_close(half, F.l1_loss(output, target) / 2)


# ---------------------------------------------------------------- label smoothing


@smoothings
@pytest.mark.parametrize("soft", [False, True], ids=["codes", "probabilities"])
def test_smoothing_of_classes_equals_torch(smoothing, soft):
    output = normal(11, 4)
    target = normal(11, 4, seed=3).softmax(1) if soft else codes(11)
    loss = WeightedLoss("cross_entropy")(output, target, None, smoothing)
    assert_close(loss, F.cross_entropy(output, target, label_smoothing=smoothing))


@smoothings
def test_smoothing_of_classes_by_hand(smoothing):
    output, target, weights = normal(6, 4), codes(6), row_weights(6)
    total = 0.0
    for i in range(6):
        logs = output[i].log_softmax(0).tolist()
        for k in range(4):
            share = (1 - smoothing) * (target[i] == k).item() + smoothing / 4
            total -= weights[i].item() * share * logs[k] / 6
    loss = WeightedLoss("cross_entropy")(output, target, weights, smoothing)
    assert loss.item() == pytest.approx(total, rel=1e-5)


@smoothings
def test_smoothing_of_two_classes_is_that_of_two_outputs(smoothing):
    # One logit z means the two logits (0, z).
    z, target = normal(13, 1), codes(13, 1, n_classes=2)
    loss = WeightedLoss("binary_cross_entropy")(z, target.float(), None, smoothing)
    two = torch.cat([torch.zeros_like(z), z], dim=1)
    assert_close(loss, F.cross_entropy(two, target[:, 0], label_smoothing=smoothing))


@smoothings
def test_each_label_of_a_multilabel_target_is_smoothed_by_itself(smoothing):
    output, target, weights = normal(5, 3), codes(5, 3, n_classes=2).float(), row_weights(5)
    total = 0.0
    for i in range(5):
        for k in range(3):
            p = 1 / (1 + math.exp(-output[i, k].item()))
            label = (1 - smoothing) * target[i, k].item() + smoothing / 2
            total -= weights[i] * (label * math.log(p) + (1 - label) * math.log(1 - p)) / 15
    loss = WeightedLoss("binary_cross_entropy")(output, target, weights, smoothing)
    assert_close(loss, total)


@smoothings
@pytest.mark.parametrize("soft", [False, True], ids=["codes", "probabilities"])
def test_smoothing_of_labels_of_time_steps(smoothing, soft):
    output, weights = normal(3, 6, 4), step_weights(3, 6)
    target = normal(3, 6, 4, seed=3).softmax(2) if soft else codes(3, 6)
    loss = WeightedLoss("cross_entropy")(output, target, weights, smoothing)
    total = torch.zeros(())
    for i in range(3):
        for t in range(6):
            one = F.cross_entropy(output[i, t], target[i, t], label_smoothing=smoothing)
            total += weights[i, t] * one / 3
    assert_close(loss, total)


@pytest.mark.parametrize("name", ["cross_entropy", "binary_cross_entropy"])
def test_no_smoothing_is_to_the_last_bit_the_plain_loss(name):
    output = normal(11, 4)
    target = codes(11) if name == "cross_entropy" else codes(11, 4, n_classes=2).float()
    plain = {
        "cross_entropy": F.cross_entropy,
        "binary_cross_entropy": F.binary_cross_entropy_with_logits,
    }[name]
    assert torch.equal(WeightedLoss(name)(output, target, None, 0.0), plain(output, target))


def test_targets_are_not_changed():
    target = codes(11, 3, n_classes=2).float()
    before = target.clone()
    WeightedLoss("binary_cross_entropy")(normal(11, 3), target, None, 0.3)
    assert torch.equal(target, before)


# ---------------------------------------------------------------- label smoothing of a fit


def classifier(**params):
    options = SMALL | {"label_smoothing": 0.2} | params
    if "return_sequences" in options:  # which takes no other pooling than the default
        del options["pooling"]
    return LSTMClassifier(4, **options)


def labelled(kind, n=40):
    X = np.random.default_rng(0).normal(size=(n, 5, 2))
    labels = {
        "two": np.where(X[:, -1, 0] > 0, "yes", "no"),
        "four": (X[:, -1] > 0) @ [1, 2],
        "multilabel": (X[:, -1] > 0).astype(int),
    }
    return X, labels[kind]


label_kinds = pytest.mark.parametrize("kind", ["two", "four", "multilabel"])


@label_kinds
def test_training_loss_is_smoothed_and_validation_loss_is_not(kind):
    X, y = labelled(kind)
    model = classifier(
        early_stopping=True,
        validation_split="last",
        validation_fraction=0.25,
        max_epochs=1,
        learning_rate=1e-12,  # so that the loss is that of the fitted network
    ).fit(X, y)
    (row,) = model.history_
    p = model.predict_proba(X)
    if kind == "multilabel":
        p, y = p.ravel()[:, None] * [-1, 1] + [1, 0], y.ravel()
    cut = 60 if kind == "multilabel" else 30
    labels = np.unique(y)
    assert row["valid_loss"] == pytest.approx(log_loss(y[cut:], p[cut:], labels=labels), rel=1e-4)
    smoothed = 0.8 * (y[:cut, None] == labels) + 0.2 / len(labels)
    expected = -(smoothed * np.log(p[:cut])).sum(1).mean()
    assert row["train_loss"] == pytest.approx(expected, rel=1e-4)


@label_kinds
def test_smoothed_probabilities_keep_away_from_zero_and_one(kind):
    X, y = labelled(kind)
    plain = classifier(label_smoothing=0.0, max_epochs=12, learning_rate=0.05).fit(X, y)
    smooth = classifier(max_epochs=12, learning_rate=0.05).fit(X, y)
    assert smooth.score(X, y) > 0.8
    assert 0.6 < smooth.predict_proba(X).max(-1).mean() < 0.95
    assert smooth.predict_proba(X).max() < plain.predict_proba(X).max()


@label_kinds
def test_contract_of_the_smoothed_fit(kind):
    X, y = labelled(kind)
    model = classifier().fit(X, y)
    parts = classifier()
    for _ in range(3):
        parts.partial_fit(X, y)
    assert_array_equal(parts.predict_proba(X), model.predict_proba(X))
    rows = np.repeat(np.arange(40), 1 + (np.arange(40) < 9))
    weighted = classifier().fit(X, y, sample_weight=1.0 + (np.arange(40) < 9))
    twice = classifier().fit(X[rows], y[rows])
    assert_array_equal(weighted.predict_proba(X), twice.predict_proba(X))
    none = classifier(label_smoothing=0.0).fit(X, y)
    assert not np.array_equal(model.predict_proba(X), none.predict_proba(X))


@label_kinds
@pytest.mark.parametrize("weight", [None, "rows"])
def test_smoothing_of_mixed_targets(kind, weight):
    X, y = labelled(kind)
    weights = None if weight is None else np.linspace(0.5, 1.5, 40)
    model = classifier(augmentation=[Mixup(1.0)], max_epochs=1, learning_rate=1e-12)
    (row,) = model.fit(X, y, sample_weight=weights).history_
    assert 0.5 < row["train_loss"] < 2
    other = classifier(augmentation=[Mixup(1.0)]).fit(X, y, sample_weight=weights)
    assert not np.array_equal(other.predict_proba(X), classifier().fit(X, y).predict_proba(X))


def test_smoothing_of_labels_of_steps_and_class_weights():
    X, _ = labelled("two")
    y = (X[..., 0] > 0) + 2 * (X[..., 1] > 1)
    model = classifier(return_sequences=True, class_weight="balanced", max_epochs=30).fit(X, y)
    assert model.score(X, y) > 0.8


@pytest.mark.parametrize("wrong", [-0.1, 1.0, 1.5, "0.1", None, math.nan])
def test_wrong_smoothing_is_named(wrong):
    X, y = labelled("two")
    with pytest.raises(ValueError, match="'label_smoothing' parameter of LSTMClassifier must be"):
        classifier(label_smoothing=wrong).fit(X, y)


# ---------------------------------------------------------------- weights


@pytest.mark.parametrize(
    "name", ["squared_error", "absolute_error", "huber", "quantile", "binary_cross_entropy"]
)
def test_weights_of_one_change_nothing(name):
    quantiles = QUANTILES if name == "quantile" else None
    output, target = normal(9, 8), normal(9, 2 if quantiles else 8, seed=1).abs().clamp(max=1)
    loss = WeightedLoss(name, quantiles)
    assert_close(loss(output, target, torch.ones(9)), loss(output, target, None))


@pytest.mark.parametrize("name", ["squared_error", "quantile"])
def test_steps_of_weight_zero_do_not_matter(name):
    loss = WeightedLoss(name, (0.5,) if name == "quantile" else None)
    output, target, weights = normal(3, 5, 1), normal(3, 5, 1, seed=1), step_weights(3, 5)
    expected = loss(output, target, weights)
    target[weights == 0] = 1e6
    assert torch.equal(loss(output, target, weights), expected)
