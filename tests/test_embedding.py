"""``embedding_size=``: estimators on integer codes."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from plain import PLAIN
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.augmentation import (
    ChannelDropout,
    Crop,
    Jitter,
    Mixup,
    Scale,
    TimeMask,
    TimeWarp,
)
from sklstm.nn._embedding import CodeEmbedding
from sklstm.preprocessing import SequenceTokenizer

N, STEPS, CODES = 40, 7, 9
SMALL = PLAIN | {"learning_rate": 0.01, "batch_size": 8, "max_epochs": 3, "random_state": 0}


def regressor(**params):
    return LSTMRegressor(6, **(SMALL | {"embedding_size": 4} | params))


def classifier(**params):
    options = SMALL | {"embedding_size": 4} | params
    if "return_sequences" in options:  # which takes no other pooling than the default
        del options["pooling"]
    return LSTMClassifier(6, **options)


def data(kind="ragged", seed=0):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, STEPS + 1, size=N)
    ragged = [rng.integers(0, CODES, size=length) for length in lengths]
    y = np.array([(row == 3).sum() - (row == 5).sum() for row in ragged], dtype=float)
    return in_container(ragged, kind), y


def in_container(ragged, kind):
    end, start = np.full((2, len(ragged), STEPS), -1)
    for i, row in enumerate(ragged):
        end[i, : len(row)] = row
        start[i, STEPS - len(row) :] = row
    objects = np.empty(len(ragged), dtype=object)
    objects[:] = ragged
    return {
        "ragged": ragged,
        "lists": [row.tolist() for row in ragged],
        "objects": objects,
        "end": end,
        "start": start,
        "3-D": end[:, :, None],
        "NaN": np.where(end < 0, np.nan, end)[:, :, None],
        "frame": pd.DataFrame(end, columns=[f"word {i}" for i in range(STEPS)]),
        "floats": end.astype(np.float32),
    }[kind]


KINDS = ["ragged", "lists", "objects", "end", "start", "3-D", "NaN", "frame", "floats"]
kinds = pytest.mark.parametrize("kind", KINDS)


def vectors(model):
    return model.net_.module_.embedding.weight.detach().cpu().numpy().copy()


def weights_of(model):
    return {k: w.cpu().numpy().copy() for k, w in model.net_.module_.state_dict().items()}


def assert_same_weights(one, other):
    one, other = weights_of(one), weights_of(other)
    assert one.keys() == other.keys()
    for name in one:
        assert_array_equal(one[name], other[name], err_msg=name)


# ---------------------------------------------------------------- the layer


def test_vectors_are_looked_up_and_unseen_codes_are_zeros():
    layer = CodeEmbedding(5, 3)
    layer.reset_parameters(torch.Generator().manual_seed(0))
    codes = torch.tensor([[0.0, 4.0, 5.0], [2.0, 2.0, 1e7]])
    expected = torch.zeros(2, 3, 3)
    for i, j in np.ndindex(2, 3):
        if codes[i, j] < 5:
            expected[i, j] = layer.weight[int(codes[i, j])]
    assert torch.equal(layer(codes), expected)
    layer(codes).sum().backward()
    assert_array_equal(layer.weight.grad, np.repeat([[1], [0], [2], [0], [1]], 3, axis=1))


def test_vectors_are_drawn_from_the_generator():
    layer, same, other = CodeEmbedding(300, 8), CodeEmbedding(300, 8), CodeEmbedding(300, 8)
    state = torch.get_rng_state()
    for drawn, seed in ((layer, 0), (same, 0), (other, 1)):
        drawn.reset_parameters(torch.Generator().manual_seed(seed))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(layer.weight, same.weight)
    assert not torch.equal(layer.weight, other.weight)
    assert abs(layer.weight.mean()) < 0.1
    assert abs(layer.weight.std() - 1) < 0.1


# ---------------------------------------------------------------- it learns


def test_order_of_words_is_learned_where_a_count_knows_nothing():
    # Negation: 1 good is good, 0 1 is bad; every row has the same words in another order.
    rng = np.random.default_rng(0)
    rows, labels = [], []
    for _ in range(300):
        words = rng.integers(3, 12, size=rng.integers(2, 9)).tolist()
        place = rng.integers(0, len(words) + 1)
        negated = bool(rng.integers(2))
        words[place:place] = [0, 1] if negated else [1, 0]
        rows.append(words)
        labels.append("bad" if negated else "good")
    model = classifier(max_epochs=20, batch_size=32).fit(rows[:200], labels[:200])
    assert model.score(rows[200:], labels[200:]) > 0.9


def test_two_lines_of_pipeline():
    texts = ["a good day", "no good day at all", "good", "no"] * 10
    labels = [1, 0, 1, 0] * 10
    model = make_pipeline(SequenceTokenizer(), classifier(max_epochs=10)).fit(texts, labels)
    assert model.score(texts, labels) == 1
    assert_array_equal(model.predict(["", "quite unknown words"]).shape, (2,))
    search = GridSearchCV(
        make_pipeline(SequenceTokenizer(), classifier()),
        {"lstmclassifier__embedding_size": [1, 3], "sequencetokenizer__min_df": [1, 2]},
        cv=2,
        error_score="raise",
    ).fit(texts, labels)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


# ---------------------------------------------------------------- containers and padding


@kinds
def test_every_container_gives_the_same_model_to_the_last_bit(kind):
    ragged, y = data()
    expected = regressor(dropout=0.2).fit(ragged, y)
    X, _ = data(kind)
    model = regressor(dropout=0.2).fit(X, y)
    assert_same_weights(model, expected)
    assert_array_equal(model.predict(X), expected.predict(ragged))
    if kind != "frame":
        assert_array_equal(expected.predict(X), expected.predict(ragged))


def test_memory_map_gives_the_same_model(tmp_path):
    X, y = data("start")
    np.save(tmp_path / "X.npy", X.astype(np.int32))
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    model = regressor().fit(mapped, y)
    assert_same_weights(model, regressor().fit(X, y))
    assert_array_equal(model.predict(mapped), model.predict(X))


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_row_alone_in_a_batch_or_padded_gives_the_same_number(pooling, bidirectional):
    X, y = data()
    model = regressor(pooling=pooling, bidirectional=bidirectional).fit(X, y)
    expected = model.predict(X)
    assert_array_equal(np.concatenate([model.predict([row]) for row in X]), expected)
    wider = np.pad(data("end")[0], ((0, 0), (3, 9)), constant_values=-1)
    assert_array_equal(model.predict(wider[:, :, None]), expected)
    assert_array_equal(model.predict(X[::-1]), expected[::-1])


def test_shapes_that_are_recorded():
    X, y = data("end")
    model = regressor().fit(X, y)
    assert (model.n_features_in_, model.n_sequence_features_) == (STEPS, 1)
    assert model.n_timesteps_in_ is None
    full = np.zeros((N, STEPS), dtype=int)
    assert regressor().fit(full, y).n_timesteps_in_ == STEPS
    fixed = regressor(n_timesteps=STEPS).fit(full, y)
    assert fixed.n_timesteps_in_ == STEPS
    with pytest.raises(ValueError, match="does not divide"):
        fixed.predict(full[:, :-1])


def test_column_names_are_checked():
    X, y = data("frame")
    model = regressor().fit(X, y)
    assert list(model.feature_names_in_) == list(X.columns)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(X[X.columns[::-1]])


@pytest.mark.parametrize("kind", ["ragged", "end", "start"])
def test_one_output_per_code(kind):
    X, _ = data(kind)
    labels = [np.where(np.asarray(row) > 4, "high", "low") for row in X]
    labels = labels if kind == "ragged" else np.stack(labels)
    model = classifier(return_sequences=True, max_epochs=12, bidirectional=True).fit(X, labels)
    for row, predicted, expected in zip(X, model.predict(X), labels, strict=True):
        real = np.asarray(row) >= 0
        assert all(label is None for label in np.asarray(predicted)[~real])
        assert (np.asarray(predicted)[real] == expected[real]).mean() > 0.5
    assert model.score(X, labels) > 0.9


# ---------------------------------------------------------------- codes that training did not see


def test_unseen_codes_are_zeros_in_gaps_and_beyond():
    X, y = data()
    model = regressor().fit([2 * row for row in X], y)
    assert vectors(model).shape == (2 * CODES - 1, 4)
    assert (vectors(model)[1::2] == 0).all()
    assert (vectors(model)[::2] != 0).all()
    unknown = model.predict([[2, 1], [2, 3], [2, 17], [2, 18], [2, 99], [2, 2**24 - 1]])
    assert (unknown == unknown[0]).all()
    assert unknown[0] != model.predict([[2, 0]])[0]


def test_rows_of_weight_zero_leave_no_trace():
    X, y = data()
    more = [*X, np.array([1000, 0, 3]), np.array([8, 8])]
    weights = np.r_[np.ones(N), 0, 0]
    model = regressor().fit(more, np.r_[y, 5, 5], sample_weight=weights)
    assert_same_weights(model, regressor().fit(X, y))


def test_codes_of_validation_rows_alone_are_unseen():
    X, y = data()
    X[-4:] = [np.array([30 + i, 1]) for i in range(4)]
    model = regressor(
        early_stopping=True, validation_split="last", validation_fraction=0.1, max_epochs=5
    ).fit(X, y)
    assert vectors(model).shape == (34, 4)
    assert (vectors(model)[CODES:] == 0).all()
    assert (vectors(model)[:CODES] != 0).all()


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("optimizer", ["adamw", "adam", "rmsprop", "sgd"])
def test_unseen_codes_stay_zeros_with_every_optimizer(optimizer, weight_decay):
    X, y = data()
    model = regressor(optimizer=optimizer, weight_decay=weight_decay).fit([3 * r for r in X], y)
    assert (np.delete(vectors(model), np.s_[::3], axis=0) == 0).all()


def test_partial_fit_fixes_the_number_of_codes_and_learns_new_ones_below_it():
    model = regressor().partial_fit([[1, 4], [4, 1], [1, 1]], [1.0, 2.0, 3.0])
    assert (vectors(model)[[0, 2, 3]] == 0).all()
    before = model.predict([[9, 9]])
    model.partial_fit([[2, 9], [9, 2], [2, 2]], [1.0, 2.0, 3.0])
    assert vectors(model).shape == (5, 4)
    assert (vectors(model)[2] != 0).all()
    assert (vectors(model)[[0, 3]] == 0).all()
    assert model.predict([[9, 9]]) == model.predict([[5, 7]])
    assert np.isfinite(before).all()


# ---------------------------------------------------------------- the estimator's contract


def test_partial_fit_equals_fit_to_the_last_bit():
    X, y = data()
    parts = regressor(dropout=0.3, recurrent_dropout=0.2)
    for _ in range(3):
        parts.partial_fit(X, y)
    assert_same_weights(parts, regressor(dropout=0.3, recurrent_dropout=0.2).fit(X, y))


def test_sample_weight_two_equals_the_row_twice():
    X, y = data()
    weights = np.ones(N)
    weights[:7] = 2
    rows = np.repeat(np.arange(N), weights.astype(int))
    weighted = regressor().fit(X, y, sample_weight=weights)
    assert_same_weights(weighted, regressor().fit([X[i] for i in rows], y[rows]))


def test_order_of_rows_does_not_matter():
    X, y = data()
    order = np.random.default_rng(0).permutation(N)
    assert_same_weights(regressor().fit([X[i] for i in order], y[order]), regressor().fit(X, y))


def test_warm_start_goes_on():
    X, y = data()
    whole = regressor(max_epochs=5).fit(X, y)
    model = regressor(max_epochs=2, warm_start=True).fit(X, y)
    assert_same_weights(model.set_params(max_epochs=3).fit(X, y), whole)


@pytest.mark.parametrize(("before", "after"), [(4, 5), (4, None), (None, 4)])
def test_training_does_not_go_on_with_another_embedding(before, after):
    X, y = data()
    model = regressor(embedding_size=before, warm_start=True).fit(X, y)
    weights = weights_of(model)
    with pytest.raises(ValueError, match="cannot go on from the fitted network: embedding is"):
        model.set_params(embedding_size=after).fit(X, y)
    with pytest.raises(ValueError, match="cannot go on from the fitted network: embedding is"):
        model.partial_fit(X, y)
    for name, weight in weights_of(model).items():
        assert_array_equal(weight, weights[name])


def test_fitted_network_says_how_x_is_read():
    X, y = data("end")
    model = regressor().fit(X, y)
    expected = model.predict(X)
    assert_array_equal(model.set_params(embedding_size=None).predict(X), expected)
    numbers = X + 0.5
    model = regressor(embedding_size=None).fit(numbers, y)
    expected = model.predict(numbers)
    assert_array_equal(model.set_params(embedding_size=3).predict(numbers), expected)


@pytest.mark.parametrize("kind", ["ragged", "frame"])
def test_pickle_and_clone(kind):
    X, y = data(kind)
    model = regressor().fit(X, y)
    copy = pickle.loads(pickle.dumps(model))
    assert_array_equal(copy.predict(X), model.predict(X))
    assert_same_weights(clone(model).fit(X, y), model)


def test_codes_are_not_standardised():
    X, y = data()
    for standardize in (True, False):
        network = regressor(standardize=standardize).fit(X, y).net_.module_
        assert (network.x_mean == 0).all()
        assert (network.x_scale == 1).all()
    # The target is.
    network = regressor().fit(X, 1e6 + y).net_.module_
    assert_allclose(network.y_mean.cpu(), 1e6 + y.mean())


def test_labels_of_any_number_of_classes():
    X, y = data()
    for labels in (y > 0, np.clip(y, -1, 1), np.stack([y > 0, y < 0], axis=1).astype(int)):
        model = classifier(label_smoothing=0.1).fit(X, labels)
        assert model.predict_proba(X).shape[0] == N


def test_numpy_integer_as_size():
    X, y = data()
    model = regressor(embedding_size=np.int64(4), tbptt_steps=np.int64(3)).fit(X, y)
    assert type(model.net_.module_.architecture["embedding"][1]) is int
    assert type(model.net_.module_.architecture["tbptt_steps"]) is int


@pytest.mark.parametrize("n", [1, 2])
def test_few_rows_and_one_step(n):
    model = regressor().fit([[3]] * n, [1.0] * n)
    assert np.isfinite(model.predict([[3], [0]])).all()
    assert regressor().fit(np.zeros((n, 1), dtype=int), np.arange(n)).predict([[0]]).shape == (1,)


# ---------------------------------------------------------------- augmentations


@pytest.mark.parametrize("augmentation", [Crop(0.5), TimeMask(0.5)])
@pytest.mark.parametrize("kind", ["ragged", "end"])
def test_augmentations_that_keep_codes_apply(augmentation, kind):
    X, y = data(kind)
    changed = regressor(augmentation=[augmentation]).fit(X, y)
    assert not np.array_equal(changed.predict(X), regressor().fit(X, y).predict(X))


def test_the_one_feature_is_not_dropped():
    X, y = data()
    assert_same_weights(
        regressor(augmentation=[ChannelDropout(0.5)]).fit(X, y), regressor().fit(X, y)
    )


@pytest.mark.parametrize("augmentation", [Jitter(), Scale(), TimeWarp(), Mixup()])
def test_augmentations_that_break_codes_are_named(augmentation):
    X, y = data()
    model = regressor().fit(X, y)
    expected = model.predict(X)
    with pytest.raises(ValueError, match=rf"{type(augmentation).__name__}.*embedding_size"):
        model.set_params(augmentation=[Crop(), augmentation]).fit(X, y)
    assert_array_equal(model.predict(X), expected)


@pytest.mark.parametrize("value", [-1.0, 0.5, torch.nan])
def test_own_augmentation_that_returns_no_codes_is_named(value):
    def broken(batch, generator):
        batch.x[0, 0, 0] = value
        return batch

    with pytest.raises(ValueError, match=r"broken.*must return integer codes"):
        regressor(augmentation=[broken]).fit(*data())


# ---------------------------------------------------------------- explanations


@pytest.mark.parametrize("kind", ["ragged", "start"])
def test_permutation_importance_of_time_steps(kind):
    X = np.random.default_rng(0).integers(0, CODES, size=(N, STEPS))
    y = (X[:, -1] == 3) - 1.0 * (X[:, -1] > 6)
    X = list(X) if kind == "ragged" else X
    model = regressor(max_epochs=10, learning_rate=0.03).fit(X, y)
    assert model.score(X, y) > 0.3
    importances = model.explain_permutation(X, y, level="timestep", random_state=0)
    assert importances.importances_mean.argmax() == STEPS - 1


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "8", [8]], ids=repr)
def test_wrong_sizes_are_named(wrong):
    with pytest.raises(ValueError, match="The 'embedding_size' parameter of LSTMRegressor"):
        regressor(embedding_size=wrong).fit(*data())


@pytest.mark.parametrize("method", ["fit", "partial_fit", "predict"])
@pytest.mark.parametrize("value", [-2, 0.5, 2**24])
def test_what_is_no_code_is_named_and_nothing_is_lost(method, value):
    X, y = data()
    model = regressor().fit(X, y)
    expected = model.predict(X)
    wrong = [*map(np.array, X)]
    wrong[3] = np.array([1, value])
    arguments = (wrong,) if method == "predict" else (wrong, y)
    with pytest.raises(ValueError, match=rf"Got {value} at sample 3, time step 1"):
        getattr(model, method)(*arguments)
    assert_array_equal(model.predict(X), expected)


def test_several_features_are_refused():
    with pytest.raises(ValueError, match=r"one integer code per time step. Got 2 features"):
        regressor().fit(np.zeros((N, STEPS, 2)), np.zeros(N))


def test_texts_are_sent_to_the_tokenizer():
    labels = [True, False]
    for texts in (["good", "not good"], np.array(["good", "bad"]), [["good"], ["not", "good"]]):
        with pytest.raises(ValueError, match=r"Got texts: put SequenceTokenizer\(\) in front"):
            LSTMClassifier(embedding_size=2, max_epochs=1).fit(texts, labels)


def test_padded_codes_may_be_wider_than_in_fit():
    codes = np.random.default_rng(0).integers(0, 5, (20, 6))
    model = LSTMRegressor(embedding_size=2, **SMALL).fit(codes, codes[:, -1])
    wide = np.full((20, 9), -1)
    wide[:, :6] = codes
    assert_array_equal(model.predict(wide), model.predict(codes))
    model.partial_fit(wide, codes[:, -1])
