"""The augmentation parameter: what it changes, what it must not change, and what it gains."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from plain import PLAIN
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback, EpochScoring

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.augmentation import (
    ChannelDropout,
    Crop,
    Jitter,
    Mixup,
    Scale,
    TimeMask,
    TimeWarp,
    TrainingBatch,
)
from sklstm.datasets import load_japanese_vowels

N, STEPS, FEATURES = 30, 8, 3
ALL = [
    Jitter(0.3),
    Scale(0.3),
    TimeWarp(0.5),
    Crop(0.5),
    TimeMask(0.5),
    ChannelDropout(0.3),
    Mixup(0.5),
]
every = pytest.mark.parametrize("augmentation", [[a] for a in ALL], ids=lambda a: repr(a[0]))


def identity(batch, generator):
    return batch


def make_X(kind, seed=0):
    X = np.random.default_rng(seed).normal(2, 3, size=(N, STEPS, FEATURES))
    lengths = 1 + np.arange(N) % STEPS
    if kind == "ragged":
        return [x[:n] for x, n in zip(X, lengths, strict=True)]
    if kind == "padded":
        X[np.arange(STEPS) >= lengths[:, None]] = np.nan
    return X


def make_y(kind, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "number": rng.normal(5, 2, size=N),
        "numbers": rng.normal(5, 2, size=(N, 2)),
        "two classes": np.array(["no", "yes"])[np.arange(N) % 2],
        "three classes": np.array(["a", "b", "c"])[np.arange(N) % 3],
        "labels": rng.integers(0, 2, size=(N, 3)),
    }[kind]


def make_model(y_kind, **params):
    kind = LSTMRegressor if y_kind in ("number", "numbers") else LSTMClassifier
    fixed = {"hidden_size": 6, "max_epochs": 3, "batch_size": 8, "random_state": 0}
    return kind(**(PLAIN | fixed | params))


X_kinds = pytest.mark.parametrize("X_kind", ["uniform", "padded", "ragged"])
y_kinds = pytest.mark.parametrize(
    "y_kind", ["number", "numbers", "two classes", "three classes", "labels"]
)


def state(model):
    """Weights and losses, to be compared bit by bit."""
    weights = {name: value.cpu().numpy() for name, value in model.net_.module_.state_dict().items()}
    losses = [{k: v for k, v in row.items() if k != "dur"} for row in model.history_]
    return weights, losses


def same_state(one, two):
    (weights, losses), (other_weights, other_losses) = state(one), state(two)
    return losses == other_losses and all(
        np.array_equal(weights[name], other_weights[name]) for name in weights
    )


def outputs(model, X):
    return model.decision_function(X) if isinstance(model, LSTMClassifier) else model.predict(X)


class Spy:
    """Returns what it is given, and keeps it."""

    def __init__(self):
        self.batches = []

    def __call__(self, batch, generator):
        self.batches.append(batch)
        return batch

    def arrays(self):
        """The batches, of NumPy arrays."""
        for batch in self.batches:
            parts = {name: part for name, part in vars(batch).items() if part is not None}
            yield replace(batch, **{name: part.cpu().numpy() for name, part in parts.items()})


class BatchesOfTheNetwork(Callback):
    """Keeps the batches that the network was trained and validated on."""

    def __init__(self):
        self.seen = {True: [], False: []}

    def on_batch_begin(self, net, batch=None, training=None, **kwargs):
        self.seen[training].append(batch)

    def __deepcopy__(self, memo):
        return self


# -------------------------------------------------------------------------- what stays as it was


@X_kinds
@pytest.mark.parametrize(
    "y_kind, nothing",
    [
        ("number", []),
        ("number", ()),
        ("number", [identity]),
        ("numbers", (identity, identity)),
        ("two classes", [identity]),
        ("three classes", [identity]),
        ("labels", [identity]),
    ],
)
def test_nothing_changes_where_nothing_is_augmented(nothing, X_kind, y_kind):
    X, y = make_X(X_kind), make_y(y_kind)
    params = {"dropout": 0.3, "num_layers": 2, "early_stopping": True, "validation_fraction": 0.3}
    weights = np.random.default_rng(1).uniform(0.5, 2, size=N)
    for sample_weight in (None, weights):
        plain = make_model(y_kind, **params).fit(X, y, sample_weight)
        model = make_model(y_kind, **params, augmentation=nothing).fit(X, y, sample_weight)
        assert same_state(model, plain)


def test_probabilities_of_one_class_train_as_codes_do():
    def rewritten(batch, generator):
        return replace(batch, targets=batch.targets + 0)

    X, y = make_X("ragged"), make_y("three classes")
    params = {"class_weight": {"a": 1, "b": 2, "c": 3}}
    watches, fitted = [BatchesOfTheNetwork() for _ in range(3)], []
    for watch, augmentation in zip(watches, (None, [identity], [rewritten]), strict=True):
        model = make_model("three classes", **params, augmentation=augmentation, callbacks=[watch])
        fitted.append(outputs(model.fit(X, y), X))
    np.testing.assert_array_equal(fitted[1], fitted[0])
    np.testing.assert_allclose(fitted[2], fitted[0], atol=1e-4)
    # Targets that no augmentation changed are codes, which scoring callbacks can read.
    kinds = [{target.is_floating_point() for _, target in watch.seen[True]} for watch in watches]
    assert kinds == [{False}, {False}, {True}]


def test_callbacks_score_batches_whose_labels_are_untouched():
    X, y = make_X("uniform"), make_y("three classes")
    score = EpochScoring("accuracy", on_train=True, name="train_accuracy")
    model = make_model("three classes", augmentation=[Jitter()], callbacks=[score]).fit(X, y)
    assert 0 <= model.history_[-1]["train_accuracy"] <= 1


@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_mixup_keeps_the_base_rate_of_weighted_rows(alpha):
    """Rows that agree are merged to weights of 1 to about 1900."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2, size=(2000, 3, 1)).astype(float)
    y = (rng.random(2000) < 0.05).astype(int)
    model = LSTMClassifier(2, max_epochs=20, augmentation=[Mixup(alpha)], random_state=0)
    assert model.fit(X, y).predict_proba(X)[:, 1].mean() == pytest.approx(y.mean(), abs=0.015)


def test_negative_weights_are_an_error():
    def negative(batch, generator):
        return replace(batch, weights=-torch.ones_like(batch.x[:, 0, 0]))

    with pytest.raises(ValueError, match=r"must return weights of at least 0\. Got -1"):
        make_model("number", augmentation=[negative]).fit(make_X("uniform"), make_y("number"))


@every
def test_the_parameter_and_the_data_are_left_alone(augmentation):
    X, y = make_X("uniform"), make_y("number")
    before, X_before, y_before = copy.deepcopy(augmentation), X.copy(), y.copy()
    model = make_model("number", augmentation=augmentation).fit(X, y)
    assert model.augmentation is augmentation and augmentation == before
    assert_array_equal(X, X_before)
    assert_array_equal(y, y_before)


@every
@X_kinds
def test_no_global_random_state_is_read_or_changed(augmentation, X_kind):
    X, y = make_X(X_kind), make_y("number")
    expected = make_model("number", augmentation=augmentation).fit(X, y)
    np.random.seed(5)
    torch.manual_seed(5)
    before, torch_before = np.random.get_state()[1].copy(), torch.get_rng_state()
    assert same_state(make_model("number", augmentation=augmentation).fit(X, y), expected)
    assert_array_equal(np.random.get_state()[1], before)
    assert torch.equal(torch.get_rng_state(), torch_before)


@every
def test_random_state_decides(augmentation):
    X, y = make_X("uniform"), make_y("number")

    def fit(**params):
        return make_model("number", augmentation=augmentation, **params).fit(X, y)

    assert same_state(fit(), fit())
    assert not same_state(fit(), make_model("number").fit(X, y))


def test_every_batch_of_every_epoch_draws_anew():
    def draws(random_state):
        drawn = []

        def draw(batch, generator):
            drawn.append(torch.rand((), generator=generator).item())
            return batch

        model = make_model("number", random_state=random_state, augmentation=[draw])
        model.fit(make_X("uniform"), make_y("number"))
        return drawn

    assert len(set(draws(0))) == 12
    assert draws(0) == draws(0)
    assert not set(draws(0)) & set(draws(1))


@pytest.mark.parametrize(
    "mode", [torch.inference_mode, torch.no_grad, lambda: torch.device("meta")]
)
def test_modes_of_the_caller_change_nothing(mode):
    X, y = make_X("ragged"), make_y("three classes")
    expected = make_model("three classes", augmentation=ALL).fit(X, y)
    with mode():
        model = make_model("three classes", augmentation=ALL).fit(X, y)
    assert same_state(model, expected)


@X_kinds
def test_the_number_of_threads_changes_nothing(X_kind):
    X, y = make_X(X_kind), make_y("number")
    models, before = [], torch.get_num_threads()
    try:
        for n in (1, 2):
            torch.set_num_threads(n)
            models.append(make_model("number", augmentation=ALL).fit(X, y))
    finally:
        torch.set_num_threads(before)
    assert same_state(*models)


# ---------------------------------------------------------------------------- every way to train


@every
@X_kinds
@y_kinds
def test_every_augmentation_trains_on_everything(augmentation, X_kind, y_kind):
    X, y = make_X(X_kind), make_y(y_kind)
    weights = np.random.default_rng(1).uniform(0.5, 2, size=N)
    model = make_model(y_kind, augmentation=augmentation, bidirectional=True)
    model.fit(X, y, sample_weight=weights)
    assert np.isfinite(outputs(model, X)).all()
    assert np.isfinite([row["train_loss"] for row in model.history_]).all()
    assert model.n_epochs_ == 3


@every
@X_kinds
@y_kinds
def test_partial_fit_k_times_equals_fit_of_k_epochs(augmentation, X_kind, y_kind):
    X, y = make_X(X_kind), make_y(y_kind)
    model = make_model(y_kind, augmentation=augmentation)
    step_by_step = clone(model)
    for _ in range(3):
        step_by_step.partial_fit(X, y)
    assert same_state(step_by_step, model.fit(X, y))


@X_kinds
def test_training_goes_on_after_a_pickle_as_it_would_have(X_kind):
    X, y = make_X(X_kind), make_y("three classes")
    # Without moments, which a pickle does not hold.
    params = {"optimizer": torch.optim.SGD, "augmentation": ALL, "warm_start": True}
    expected = make_model("three classes", max_epochs=4, **params).fit(X, y)
    first = make_model("three classes", max_epochs=2, **params).fit(X, y)
    loaded = pickle.loads(pickle.dumps(first))
    assert loaded.augmentation == ALL
    assert_array_equal(outputs(loaded, X), outputs(first, X))
    assert same_state(first.fit(X, y), expected)
    assert same_state(loaded.fit(X, y), expected)


@every
@X_kinds
@pytest.mark.parametrize("y_kind", ["number", "three classes"])
def test_a_sample_weight_equals_repetition(augmentation, X_kind, y_kind):
    X, y = make_X(X_kind), make_y(y_kind)
    weights = np.arange(N) % 4
    rows = np.repeat(np.arange(N), weights)
    repeated = [X[i] for i in rows] if isinstance(X, list) else X[rows]
    model = make_model(y_kind, augmentation=augmentation)
    weighted = clone(model).fit(X, y, sample_weight=weights)
    assert same_state(weighted, clone(model).fit(repeated, y[rows]))


@every
@X_kinds
def test_row_order_does_not_matter(augmentation, X_kind):
    X, y = make_X(X_kind), make_y("number")
    rows = np.random.default_rng(3).permutation(N)
    shuffled = [X[i] for i in rows] if isinstance(X, list) else X[rows]
    model = make_model("number", augmentation=augmentation)
    assert same_state(clone(model).fit(X, y), clone(model).fit(shuffled, y[rows]))


@every
def test_padded_and_ragged_rows_give_the_same_model(augmentation):
    y = make_y("two classes")
    model = make_model("two classes", augmentation=augmentation)
    padded, ragged = (clone(model).fit(make_X(kind), y) for kind in ("padded", "ragged"))
    assert same_state(padded, ragged)


def test_a_memory_map_gives_the_same_model(tmp_path):
    X, y = make_X("uniform"), make_y("number")
    mapped = np.memmap(tmp_path / "X", dtype=X.dtype, mode="w+", shape=X.shape)
    mapped[:] = X
    mapped.flush()
    read_only = np.memmap(tmp_path / "X", dtype=X.dtype, mode="r", shape=X.shape)
    model = make_model("number", augmentation=ALL)
    assert same_state(clone(model).fit(read_only, y), clone(model).fit(X, y))


@every
def test_lbfgs_sees_one_augmented_batch_per_step(augmentation):
    X, y = make_X("uniform"), make_y("number")
    spy = Spy()
    model = make_model(
        "number",
        optimizer=torch.optim.LBFGS,
        learning_rate=0.1,
        batch_size=N,
        augmentation=[*augmentation, spy],
    ).fit(X, y)
    assert len(spy.batches) == 3
    assert np.isfinite(model.predict(X)).all()


def test_grid_search_and_clone():
    X, y = make_X("uniform"), make_y("number")
    model = make_model("number", augmentation=[Jitter(0.2), Mixup()])
    assert clone(model).augmentation == model.augmentation
    assert "augmentation=[Jitter(scale=0.2), Mixup(alpha=0.2)]" in repr(model)
    choices = [None, [Jitter(0.2)], (TimeWarp(0.1), Crop(0.1))]
    search = GridSearchCV(model, {"augmentation": choices}, cv=2).fit(X, y)
    assert search.cv_results_["param_augmentation"].tolist() == choices
    assert len(set(search.cv_results_["mean_test_score"])) == 3


# ------------------------------------------------------------- what an augmentation gets and gives


@X_kinds
@y_kinds
@pytest.mark.parametrize("weighted", [False, True])
def test_what_an_augmentation_is_given(X_kind, y_kind, weighted):
    X, y, spy = make_X(X_kind), make_y(y_kind), Spy()
    weights = np.linspace(0.5, 1.5, N) if weighted else None
    # One batch of all rows, in the order of their targets or of their first values.
    model = make_model(y_kind, batch_size=N, max_epochs=1, augmentation=[spy])
    model.fit(X, y, sample_weight=weights)
    (batch,) = spy.batches
    assert isinstance(batch, TrainingBatch)
    assert (batch.x.dtype, batch.lengths.dtype, batch.targets.dtype) == (
        torch.float32,
        torch.int64,
        torch.float32,
    )
    (batch,) = spy.arrays()
    lengths = 1 + np.arange(N) % STEPS if X_kind != "uniform" else np.full(N, STEPS)
    steps = np.concatenate([np.asarray(x)[:n] for x, n in zip(X, lengths, strict=True)])
    mean, scale = steps.mean(axis=0), steps.std(axis=0)
    if y_kind == "three classes":
        targets = (y[:, None] == model.classes_).astype(float)
    elif y_kind == "two classes":
        targets = (y == "yes")[:, None].astype(float)
    elif y_kind == "labels":
        targets = y.astype(float)
    else:
        targets = y.reshape(N, -1)
        targets = (targets - np.average(targets, axis=0, weights=weights)) / np.sqrt(
            np.average(
                (targets - np.average(targets, axis=0, weights=weights)) ** 2,
                axis=0,
                weights=weights,
            )
        )
    if weighted:
        step_weights = np.repeat(weights, lengths)
        mean = np.average(steps, axis=0, weights=step_weights)
        scale = np.sqrt(np.average((steps - mean) ** 2, axis=0, weights=step_weights))
    else:
        assert batch.weights is None
    found = batch.x[:, 0]
    expected = np.stack([(np.asarray(x)[0] - mean) / scale for x in X])
    rows = np.array([abs(expected - first).sum(axis=1).argmin() for first in found])
    assert sorted(rows) == list(range(N))
    assert_array_equal(batch.lengths, lengths[rows])
    np.testing.assert_allclose(batch.targets, targets[rows], atol=1e-5)
    if weighted:
        np.testing.assert_allclose(batch.weights, weights[rows], rtol=1e-5)
    for x, row in zip(batch.x, rows, strict=True):
        values = (np.asarray(X[row])[: lengths[row]] - mean) / scale
        np.testing.assert_allclose(x[: lengths[row]], values, atol=1e-5)
    assert np.isfinite(batch.x).all()


def test_without_standardize_an_augmentation_is_given_original_units():
    X, y, spy = make_X("uniform"), make_y("number"), Spy()
    make_model("number", standardize=False, augmentation=[spy]).fit(X, y)
    batches = list(spy.arrays())[: -(-N // 8)]
    seen = np.concatenate([batch.x for batch in batches])
    assert_array_equal(np.sort(seen.flatten()), np.sort(X.astype(np.float32).ravel()))
    targets = np.concatenate([batch.targets for batch in batches])
    assert_array_equal(np.sort(targets.flatten()), np.sort(y.astype(np.float32)))


def test_augmentations_are_applied_in_their_order():
    first, second = Spy(), Spy()
    model = make_model(
        "number", augmentation=[first, Jitter(0.1), second, lambda b, g: replace(b, x=b.x + 1)]
    )
    watch = BatchesOfTheNetwork()
    model.set_params(callbacks=[watch]).fit(make_X("uniform"), make_y("number"))
    assert len(watch.seen[True]) == len(first.batches) == 12
    for one, two, (inputs, _) in zip(first.batches, second.batches, watch.seen[True], strict=True):
        assert 0 < (two.x - one.x).abs().max() < 1
        assert torch.equal(inputs["z"], two.x + 1)


def test_all_that_an_augmentation_returns_is_used():
    def change(batch, generator):
        return TrainingBatch(
            batch.x - 1,
            batch.lengths - 1,
            batch.targets * 2,
            torch.full_like(batch.x[:, 0, 0], 3.0),
        )

    spy, watch = Spy(), BatchesOfTheNetwork()
    model = make_model("numbers", augmentation=[change, spy], callbacks=[watch])
    model.fit(make_X("uniform"), make_y("numbers"))
    for batch, (inputs, targets) in zip(spy.batches, watch.seen[True], strict=True):
        assert inputs["z"] is batch.x and inputs["lengths"] is batch.lengths
        assert inputs["weights"] is batch.weights and targets is batch.targets
        assert (batch.weights == 3).all() and (batch.lengths == STEPS - 1).all()


def test_steps_added_after_the_end_are_ignored():
    def lengthen(batch, generator):
        junk = torch.full_like(batch.x[:, :3], 1e3)
        return replace(batch, x=torch.cat([batch.x, junk], dim=1))

    X, y = make_X("uniform"), make_y("number")
    plain = make_model("number").fit(X, y)
    model = make_model("number", augmentation=[lengthen]).fit(X, y)
    np.testing.assert_allclose(model.predict(X), plain.predict(X), rtol=1e-4)


def test_an_augmentation_of_ones_own_reaches_the_network():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 5, 1))
    y = X[:, -1, 0]
    model = LSTMRegressor(
        8,
        max_epochs=20,
        random_state=0,
        augmentation=[lambda batch, generator: replace(batch, x=-batch.x)],
    ).fit(X, y)
    mirrored = 2 * X.mean() - X
    assert model.score(mirrored, y) > 0.9
    assert model.score(X, y) < 0


def twice_as_slow(batch, generator):
    return replace(batch, x=batch.x.repeat_interleave(2, dim=1), lengths=batch.lengths.mul(2))


def half_the_steps(batch, generator):
    return replace(batch, x=batch.x[:, ::2], lengths=(batch.lengths + 1) // 2)


@pytest.mark.parametrize("own", [twice_as_slow, half_the_steps])
@X_kinds
def test_the_number_of_time_steps_may_change(own, X_kind):
    X, y = make_X(X_kind), make_y("number")
    model = make_model("number", augmentation=[own]).fit(X, y)
    slow = make_model("number", augmentation=[own, Mixup(), Crop()]).fit(X, y)
    assert np.isfinite(model.predict(X)).all() and np.isfinite(slow.predict(X)).all()


def test_uniform_sequences_stay_without_lengths_where_nothing_changes_them():
    X, y = make_X("uniform"), make_y("number")
    for augmentation in ALL:
        watch = BatchesOfTheNetwork()
        make_model("number", augmentation=[augmentation], callbacks=[watch]).fit(X, y)
        kept = [inputs["lengths"] is None for inputs, _ in watch.seen[True]]
        assert kept == [not isinstance(augmentation, Crop)] * 12


# ------------------------------------------------------------------------ training batches alone


@X_kinds
def test_only_training_rows_are_augmented(X_kind):
    X, y, spy, watch = make_X(X_kind), make_y("number"), Spy(), BatchesOfTheNetwork()
    model = make_model(
        "number",
        early_stopping=True,
        validation_fraction=0.2,
        validation_split="last",
        augmentation=[spy, Jitter(3.0)],
        callbacks=[watch],
    ).fit(X, y)
    n_train = 24
    targets = np.concatenate([batch.targets for batch in spy.arrays()])[:, 0]
    mean, scale = y[:n_train].mean(), y[:n_train].std()
    expected = np.sort(np.tile(y[:n_train], model.n_epochs_))
    np.testing.assert_allclose(np.sort(targets * scale + mean), expected, rtol=1e-5)
    n_batches = len(spy.batches)
    model.predict(X)
    model.score(X, y)
    assert len(spy.batches) == n_batches
    plain = BatchesOfTheNetwork()
    model.set_params(augmentation=None, callbacks=[plain]).fit(X, y)
    assert len(watch.seen[False]) == len(plain.seen[False]) == 3
    for (inputs, _), (unchanged, _) in zip(watch.seen[False], plain.seen[False], strict=True):
        assert torch.equal(inputs["z"], unchanged["z"])
        assert len(inputs["z"]) == N - n_train


@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_the_validation_loss_is_that_of_the_plain_rows(pooling):
    X, y = make_X("ragged"), make_y("number")
    model = make_model(
        "number",
        pooling=pooling,
        early_stopping=True,
        validation_fraction=0.2,
        validation_split="last",
        max_epochs=10,
        augmentation=[*ALL, Jitter(2.0)],
    ).fit(X, y)
    error = (model.predict(X[24:]) - y[24:]) / y[:24].std()
    best = min(row["valid_loss"] for row in model.history_)
    assert best == pytest.approx((error**2).mean(), rel=1e-5)


def test_predictions_are_not_augmented():
    X, y = make_X("ragged"), make_y("three classes")
    model = make_model("three classes", augmentation=ALL).fit(X, y)
    expected = model.decision_function(X)
    assert_array_equal(model.decision_function(X), expected)
    assert_array_equal(model.set_params(augmentation=None).decision_function(X), expected)


# -------------------------------------------------------------------------------------- bad input


ESTIMATORS = [LSTMRegressor, LSTMClassifier]


@pytest.mark.parametrize("estimator_class", ESTIMATORS)
@pytest.mark.parametrize("value", [Jitter(), "jitter", 1, {"jitter": Jitter()}, Jitter])
def test_the_parameter_must_be_a_list(estimator_class, value):
    model = estimator_class(augmentation=value)
    with pytest.raises(ValueError, match=r"The 'augmentation' parameter of LSTM\w+ must be") as e:
        model.fit(make_X("uniform"), make_y("two classes") == "yes")
    assert f"Got {value!r} instead." in str(e.value)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("estimator_class", ESTIMATORS)
@pytest.mark.parametrize("item", ["jitter", 0.1, None, ("jitter", Jitter())])
def test_the_list_must_hold_callables(estimator_class, item, method):
    model = estimator_class(augmentation=[Jitter(), item])
    with pytest.raises(ValueError) as error:
        getattr(model, method)(make_X("uniform"), make_y("two classes") == "yes")
    assert str(error.value) == (
        f"The 'augmentation' parameter of {estimator_class.__name__} must hold callables (batch, "
        f"generator) -> batch, see sklstm.augmentation. Got {item!r} instead."
    )
    assert not hasattr(model, "net_")


def test_a_class_is_not_an_augmentation():
    with pytest.raises(ValueError, match=r"Got <class '.*TimeWarp'> instead. Write TimeWarp\(\)."):
        LSTMRegressor(augmentation=[TimeWarp]).fit(make_X("uniform"), make_y("number"))


WRONG = {
    "nothing": (lambda b, g: None, "a TrainingBatch. Got an instance of 'NoneType'"),
    "a tensor": (lambda b, g: b.x, "a TrainingBatch. Got an instance of 'Tensor'"),
    "an array": (
        lambda b, g: replace(b, x=b.x.cpu().numpy()),
        r"x as a tensor of torch.float32, shape \(8, 8, 3\), on \S+. Got an instance of 'ndarray'",
    ),
    "float64": (lambda b, g: replace(b, x=b.x.double()), ".*Got torch.float64, shape"),
    "another device": (lambda b, g: replace(b, x=b.x.to("meta")), ".*on meta instead"),
    "fewer rows": (lambda b, g: replace(b, x=b.x[1:]), r".*Got torch.float32, shape \(7, 8, 3\)"),
    "fewer features": (
        lambda b, g: replace(b, x=b.x[..., :2]),
        r".*shape \(8, 8, 2\), on \S+ instead",
    ),
    "two dimensions": (
        lambda b, g: replace(b, x=b.x[:, 0]),
        r".*shape \(8, 3\), on \S+ instead",
    ),
    "no steps": (
        lambda b, g: replace(b, x=b.x[:, :0]),
        r".*shape \(8, 0, 3\), on \S+ instead",
    ),
    "fewer steps": (
        lambda b, g: replace(b, x=b.x[:, :5]),
        "lengths from 1 to the number of time steps of x, 5. Got lengths from 8 to 8 instead",
    ),
    "no lengths": (lambda b, g: replace(b, lengths=None), "lengths as a tensor of torch.int64"),
    "float lengths": (lambda b, g: replace(b, lengths=b.lengths.float()), ".*Got torch.float32"),
    "length 0": (lambda b, g: replace(b, lengths=b.lengths - 8), ".*Got lengths from 0 to 0"),
    "too long": (lambda b, g: replace(b, lengths=b.lengths + 1), ".*Got lengths from 9 to 9"),
    "flat targets": (
        lambda b, g: replace(b, targets=b.targets[:, 0]),
        r"targets as a tensor of torch.float32, shape \(8, 1\), on \S+. Got",
    ),
    "integer targets": (lambda b, g: replace(b, targets=b.targets.long()), ".*Got torch.int64"),
    "one weight": (
        lambda b, g: replace(b, weights=torch.ones_like(b.x[:1, 0, 0])),
        r"weights as a tensor of torch.float32, shape \(8,\), on \S+. Got",
    ),
    "a number": (lambda b, g: replace(b, weights=1.0), ".*Got an instance of 'float'"),
}


@pytest.mark.parametrize("wrong, message", WRONG.values(), ids=WRONG.keys())
def test_what_an_augmentation_returns_is_checked(wrong, message):
    X, y = make_X("uniform")[:24], make_y("number")[:24]
    model = make_model("number").fit(X, y)
    before = state(model)
    model.set_params(augmentation=[Jitter(), wrong], warm_start=True)
    with pytest.raises(ValueError, match=r"The augmentation <function .*> must return " + message):
        model.fit(X, y)
    after = state(model)
    assert after[1] == before[1]
    for name in before[0]:
        assert_array_equal(after[0][name], before[0][name])


def test_values_that_are_not_finite_are_traced_to_the_augmentation():
    def broken(batch, generator):
        return replace(batch, x=batch.x / 0)

    X, y = make_X("uniform"), make_y("number")
    with pytest.raises(ValueError, match=r"diverged.* and in what the augmentation .* returns"):
        make_model("number", augmentation=[broken]).fit(X, y)


# ---------------------------------------------------------------------------------- what it gains


def test_augmentation_gains_on_a_small_training_set():
    X, y = load_japanese_vowels(return_X_y=True)
    X_test, y_test = load_japanese_vowels(return_X_y=True, subset="test")
    # Every class of sklstm.augmentation as it is by default: nothing is tuned to this set.
    defaults = [type(augmentation)() for augmentation in ALL]

    def accuracy(augmentation, seed):
        rng = np.random.default_rng(seed)
        rows = [i for c in np.unique(y) for i in rng.choice(np.flatnonzero(y == c), 3, False)]
        fixed = PLAIN | {"batch_size": 16, "max_epochs": 100, "random_state": seed}
        model = LSTMClassifier(16, augmentation=augmentation, **fixed)
        return model.fit([X[i] for i in rows], y[rows]).score(X_test, y_test)

    gains = np.array([accuracy(defaults, seed) - accuracy(None, seed) for seed in range(12)])
    # About 0.07 with a standard error of 0.013: from 0.74 to 0.81.
    assert gains.mean() > 0.03
    assert (gains > 0).mean() > 0.7
