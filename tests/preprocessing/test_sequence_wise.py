"""SequenceWise against a loop over sequences, and against scikit-learn's own checks."""

import pickle
import re
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import NMF, PCA
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    PolynomialFeatures,
    StandardScaler,
    TargetEncoder,
)
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.datasets import load_japanese_vowels
from sklstm.preprocessing import SequenceOneHotEncoder, SequenceWise, SlidingWindow

NAN = float("nan")
LENGTHS = [4, 1, 3, 4, 2]
NAMES = ["temp", "humid", "wind"]
X3 = np.random.default_rng(0).normal(size=(5, 4, 3)).round(3)


def padded(front=False, dtype=np.float64):
    """Samples of LENGTHS steps, NaN steps after them, or before them."""
    X = np.full(X3.shape, NAN, dtype)
    for target, values, length in zip(X, X3, LENGTHS, strict=True):
        target[slice(-length, None) if front else slice(length)] = values[:length]
    return X


def ragged():
    return [x[:length] for x, length in zip(X3, LENGTHS, strict=True)]


def objects(items):
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


def padded_on_both_sides():
    X = X3.copy()
    X[0, :2] = X[1, 3:] = X[2, 0] = X[2, 2:] = NAN
    return X


CONTAINERS = {
    "3-D": lambda: X3,
    "3-D in Fortran order": lambda: np.asfortranarray(X3),
    "3-D of objects": lambda: X3.astype(object),
    "nested lists": lambda: X3.tolist(),
    "padded at the end": padded,
    "padded at the start": lambda: padded(front=True),
    "padded on both sides": padded_on_both_sides,
    "list": ragged,
    "tuple": lambda: tuple(ragged()),
    "object array": lambda: objects(ragged()),
    "series": lambda: pd.Series(ragged()),
    "list of padded arrays": lambda: list(padded_on_both_sides()),
    "pandas frames": lambda: [pd.DataFrame(x, columns=NAMES) for x in ragged()],
    "polars frames": lambda: [pl.DataFrame(x, schema=NAMES) for x in ragged()],
    "windows": lambda: SlidingWindow(3).fit_transform(X3[:, 0]),
}
containers = pytest.mark.parametrize("container", CONTAINERS)


# ---------------------------------------------------------------- the slow twin


def slow_real_part(x):
    start, end = 0, len(x)
    while np.isnan(x[start]).all():
        start += 1
    while np.isnan(x[end - 1]).all():
        end -= 1
    return start, end


def slow_sequences(X):
    return [np.array(x, dtype=np.float64) for x in (X.to_list() if hasattr(X, "to_list") else X)]


def slow_fit(transformer, X, y=None, **params):
    real = [x[slice(*slow_real_part(x))] for x in slow_sequences(X)]
    if y is not None:
        y = [label for label, x in zip(y, real, strict=True) for _ in x]
    return clone(transformer).fit(np.concatenate(real), y, **params)


def slow_transform(fitted, X, method="transform"):
    """One sequence after the other, the padding put back."""
    results = []
    for x in slow_sequences(X):
        start, end = slow_real_part(x)
        inner = np.asarray(getattr(fitted, method)(x[start:end]))
        result = np.full((len(x), inner.shape[1]), NAN)
        result[start:end] = inner
        results.append(result)
    return results


def assert_same(found, expected):
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert np.shape(a) == b.shape
        assert_allclose(a, b, rtol=1e-12, atol=1e-12)


TRANSFORMERS = {
    "StandardScaler": StandardScaler(),
    "MinMaxScaler": MinMaxScaler(),
    "PCA": PCA(n_components=2),
    "PolynomialFeatures": PolynomialFeatures(2),
    "Normalizer": Normalizer(),
    "SimpleImputer": SimpleImputer(),
    "a function": FunctionTransformer(lambda steps: np.cumsum(np.asarray(steps), axis=0)),
    "KNNImputer": KNNImputer(n_neighbors=2),
    "ColumnTransformer": ColumnTransformer(
        [("scale", StandardScaler(), [0, 2]), ("pca", PCA(1), [1, 2])]
    ),
    "FeatureUnion": FeatureUnion([("scale", StandardScaler()), ("bins", PCA(1))]),
    "Pipeline": make_pipeline(StandardScaler(), "passthrough", PCA(2), MinMaxScaler()),
}
transformers = pytest.mark.parametrize("transformer", TRANSFORMERS)


@containers
@transformers
def test_same_as_a_loop_over_the_sequences(transformer, container):
    X, inner = CONTAINERS[container](), TRANSFORMERS[transformer]
    model = SequenceWise(inner)
    found = model.fit_transform(X)
    expected = slow_transform(slow_fit(inner, X), X)
    assert_same(found, expected)
    assert_same(model.transform(X), expected)
    # other sequences than those of fit
    other = [X3[0] + 1.0, X3[2, :2] - 1.0]
    if "frames" in container:
        other = [type(X[0])(x, **{list_of_names(X[0]): NAMES}) for x in other]
    assert_same(model.transform(other), slow_transform(slow_fit(inner, X), other))


def list_of_names(frame):
    return "columns" if isinstance(frame, pd.DataFrame) else "schema"


@containers
def test_container_of_the_output(container):
    X = CONTAINERS[container]()
    found = SequenceWise(StandardScaler()).fit_transform(X)
    if (
        container in ("list", "tuple", "list of padded arrays", "nested lists")
        or "frames" in container
    ):
        assert type(found) is list
        assert all(type(x) is np.ndarray and x.dtype == np.float64 for x in found)
    elif container in ("object array", "series"):
        assert type(found) is np.ndarray
        assert found.dtype == object
        assert found.shape == (5,)
    else:
        assert type(found) is np.ndarray
        assert found.dtype == np.float64
        assert found.shape == np.shape(X)


@containers
@pytest.mark.parametrize(
    "inner",
    [
        StandardScaler(copy=False),
        PCA(2, copy=False),
        FunctionTransformer(lambda steps: np.multiply(steps, 2, out=np.asarray(steps))),
    ],
)
def test_input_is_not_changed(container, inner):
    if isinstance(inner, FunctionTransformer) and "frames" in container:
        inner = FunctionTransformer(lambda frame: frame * 2)
    X = CONTAINERS[container]()
    before = pickle.dumps(X)
    model = SequenceWise(inner).fit(X)
    first = model.transform(X)
    assert pickle.dumps(X) == before
    assert_same(model.transform(X), [np.asarray(x) for x in first])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("build", [lambda X: X, list, lambda X: X[:, :, 0]])
def test_precision_is_that_of_the_transformer(build, dtype):
    for X in (X3.astype(dtype), padded(dtype=dtype)):
        X = build(X)
        if X[0].ndim == 1:
            X = np.nan_to_num(X)
        found = SequenceWise(StandardScaler()).fit_transform(X)
        assert found[0].dtype == dtype


def test_whole_numbers_become_floats_only_where_there_is_padding():
    whole = FunctionTransformer(lambda steps: np.nan_to_num(steps).astype(np.int16))
    assert SequenceWise(whole).fit_transform(X3).dtype == np.int16
    found = SequenceWise(whole).fit_transform(padded())
    assert found.dtype == np.float32
    assert_array_equal(np.isnan(found), np.isnan(padded()))
    yes = FunctionTransformer(lambda steps: steps > 0)
    assert_array_equal(
        SequenceWise(yes).fit_transform(padded()),
        np.where(np.isnan(padded()), NAN, padded() > 0),
    )


def test_integers_reach_the_transformer_as_integers():
    seen = []
    X = np.arange(12).reshape(2, 3, 2)
    SequenceWise(FunctionTransformer(lambda s: seen.append(s.dtype) or s)).fit_transform(X)
    assert set(seen) == {X.dtype}


def test_univariate_series():
    X = [np.arange(3.0), np.arange(5.0) + 2]
    found = SequenceWise(StandardScaler()).fit_transform(X)
    joined = np.concatenate(X)
    assert_same(found, [((x - joined.mean()) / joined.std())[:, None] for x in X])


# ---------------------------------------------------------------- padding and missing values


@pytest.mark.parametrize("front", [False, True])
def test_padding_is_untouched_and_unseen(front):
    X = padded(front)
    model = SequenceWise(StandardScaler()).fit(X)
    found = model.transform(X)
    assert_array_equal(np.isnan(found), np.isnan(X))
    assert np.isnan(X).any()
    real = np.concatenate(ragged())
    assert model.transformer_.n_samples_seen_ == len(real)
    assert_allclose(model.transformer_.mean_, real.mean(axis=0))


def test_padding_meets_no_transformer_that_refuses_nan():
    found = SequenceWise(PCA(2)).fit_transform(padded())
    assert found.shape == (5, 4, 2)
    assert_array_equal(np.isnan(found), np.isnan(padded()[:, :, :2]))


def with_gaps():
    """Padding at both ends, and inside: single values, whole steps, values of an end step."""
    X = padded_on_both_sides()
    X[3, 1] = X[3, 2, 0] = X[4, 0, 1] = X[4, 3, 2] = X[0, 2, 0] = NAN
    return X


@pytest.mark.parametrize("build", [lambda X: X, list, lambda X: list(X.astype(object))])
@pytest.mark.parametrize("inner", [SimpleImputer(), KNNImputer(), StandardScaler()])
def test_missing_values_inside_a_sequence_reach_the_transformer(inner, build):
    X = with_gaps()
    found = SequenceWise(inner).fit_transform(build(X))
    assert_same(found, slow_transform(slow_fit(inner, X), X))
    padding = np.isnan(padded_on_both_sides())
    if not isinstance(inner, StandardScaler):
        assert_array_equal(np.isnan(found), padding)
    else:
        assert_array_equal(np.isnan(found), np.isnan(X))


def test_what_is_missing_is_imputed_with_values_that_are_there():
    found = SequenceWise(SimpleImputer()).fit_transform(with_gaps())
    assert_allclose(found[3, 1], np.nanmean(with_gaps(), axis=(0, 1)))


def test_random_gaps_are_padding_or_missing_as_in_the_loop():
    rng = np.random.default_rng(0)
    n_padded = 0
    for _ in range(200):
        X = rng.normal(size=(4, 5, 2))
        for x in X:
            start, end = sorted(rng.choice(6, 2, replace=False))
            x[:start] = x[end:] = NAN
            x[start:end][rng.random((end - start, 2)) < 0.2] = NAN
        if np.isnan(X).all(axis=(1, 2)).any() or np.isnan(X).all(axis=(0, 1)).any():
            continue
        n_padded += 1
        inner = SimpleImputer()
        expected = slow_transform(slow_fit(inner, X), X)
        assert_same(SequenceWise(inner).fit_transform(X), expected)
        assert_same(SequenceWise(inner).fit_transform(list(X)), expected)
    assert n_padded > 100


def test_every_cell_of_a_table_is_a_step():
    X = X3[:, :, 0].copy()
    X[0, 0] = X[2, 3] = X[3] = NAN
    found = SequenceWise(SimpleImputer()).fit_transform(X)
    assert_allclose(found, np.where(np.isnan(X), np.nanmean(X), X))


@pytest.mark.parametrize("build", [lambda X: X, list, lambda X: X[:, :, 0]])
def test_infinity_is_for_the_transformer_to_judge(build):
    X = X3.copy()
    X[1, 2, 0] = np.inf
    found = SequenceWise(FunctionTransformer(np.abs)).fit_transform(build(X))
    assert_array_equal(found, np.abs(build(X)))
    with pytest.raises(ValueError, match="infinity"):
        SequenceWise(StandardScaler()).fit(build(X))


# ---------------------------------------------------------------- tables


def test_table_is_scaled_by_one_mean():
    X = X3[:, :, 0]
    found = SequenceWise(StandardScaler()).fit_transform(X)
    assert_allclose(found, (X - X.mean()) / X.std())


@pytest.mark.parametrize(
    "inner", [KBinsDiscretizer(3, encode="onehot"), OneHotEncoder(), PolynomialFeatures(2)]
)
def test_table_becomes_3d_where_the_features_are_several(inner):
    X = np.arange(20.0).reshape(5, 4) % 6
    found = SequenceWise(inner).fit_transform(X)
    flat = clone(inner).fit_transform(X.reshape(-1, 1))
    expected = flat.toarray() if scipy.sparse.issparse(flat) else flat
    assert scipy.sparse.issparse(flat) == (not isinstance(inner, PolynomialFeatures))
    assert type(found) is np.ndarray
    assert_array_equal(found, expected.reshape(5, 4, -1))


FRAMES = {
    "pandas": lambda: pd.DataFrame(X3[:, :, 0], columns=list("abcd"), index=list("vwxyz")),
    "polars": lambda: pl.DataFrame(X3[:, :, 0], schema=list("abcd")),
}


@pytest.mark.parametrize("setting", ["own", "global"])
@pytest.mark.parametrize("asked", FRAMES)
@pytest.mark.parametrize("given", [*FRAMES, "array"])
def test_table_keeps_its_column_names(given, asked, setting):
    X = X3[:, :, 0] if given == "array" else FRAMES[given]()
    model = SequenceWise(MinMaxScaler())
    expected = model.fit_transform(X)
    assert type(expected) is np.ndarray
    if setting == "own":
        assert model.set_output(transform=asked) is model
        found = clone(model).fit_transform(X)
    else:
        with config_context(transform_output=asked):
            found = clone(model).fit_transform(X)
    assert type(found) is {"pandas": pd.DataFrame, "polars": pl.DataFrame}[asked]
    names = ["x0", "x1", "x2", "x3"] if given == "array" else list("abcd")
    assert list(found.columns) == names == list(model.get_feature_names_out())
    assert_array_equal(np.asarray(found), expected)
    if given == asked == "pandas":
        assert list(found.index) == list("vwxyz")


@pytest.mark.parametrize("asked", FRAMES)
def test_table_that_becomes_3d_is_no_frame(asked):
    model = SequenceWise(PolynomialFeatures(2)).set_output(transform=asked)
    found = model.fit_transform(FRAMES[asked]())
    assert type(found) is np.ndarray
    assert found.shape == (5, 4, 3)


def test_set_output_can_be_taken_back_and_left_alone():
    model = SequenceWise(MinMaxScaler()).set_output(transform="pandas")
    assert isinstance(model.set_output().fit_transform(X3[:, :, 0]), pd.DataFrame)
    assert isinstance(model.set_output(transform="default").transform(X3[:, :, 0]), np.ndarray)


@pytest.mark.parametrize("asked", FRAMES)
@pytest.mark.parametrize("build", [lambda: X3, ragged, padded])
def test_sequences_stay_sequences_whatever_the_output_is_set_to(build, asked):
    expected = SequenceWise(StandardScaler()).fit_transform(build())
    with config_context(transform_output=asked):
        assert_same(SequenceWise(StandardScaler()).fit_transform(build()), expected)
    inner = StandardScaler().set_output(transform=asked)
    model = SequenceWise(inner).set_output(transform=asked)
    found = model.fit_transform(build())
    assert type(found) is type(expected)
    assert_same(found, expected)
    function = FunctionTransformer(lambda steps: pl.DataFrame(steps) * 2)
    assert_same(SequenceWise(function).fit_transform(build()), [2 * x for x in build()])


@pytest.mark.parametrize("asked", FRAMES)
def test_global_setting_makes_functions_over_arrays_no_trouble(asked):
    double = SequenceWise(make_pipeline(FunctionTransformer(lambda steps: 2 * steps), PCA(3)))
    expected = double.fit_transform(X3)
    with config_context(transform_output=asked):  # in which FunctionTransformer warns of arrays
        assert_array_equal(double.fit_transform(X3), expected)
        assert_allclose(double.inverse_transform(expected), 2 * X3)


def test_frame_of_whole_numbers_with_na_is_accepted_as_output():
    def whole(steps):
        return pd.DataFrame({"a": pd.array([1] * len(steps), dtype="Int64")}).where(
            steps[:, :1] > 0
        )

    found = SequenceWise(FunctionTransformer(whole)).fit_transform(X3)
    assert found.dtype == np.float64
    assert_array_equal(found, np.where(X3[:, :, :1] > 0, 1.0, NAN))


def test_pipeline_with_frames_throughout_in_front_of_an_lstm():
    y = [0, 1, 0, 1, 0]
    for X in (X3, ragged(), padded(), CONTAINERS["pandas frames"]()):
        model = make_pipeline(
            SequenceWise(StandardScaler()), LSTMClassifier(max_epochs=2, random_state=0)
        )
        expected = model.fit(X, y).predict_proba(X)
        with config_context(transform_output="pandas"):
            found = clone(model).fit(X, y).predict_proba(X)
        assert_array_equal(found, expected)
        found = clone(model).set_output(transform="pandas").fit(X, y).predict_proba(X)
        assert_array_equal(found, expected)
    frame = FRAMES["pandas"]()
    model.set_output(transform="pandas").fit(frame, y)
    assert list(model[-1].feature_names_in_) == list("abcd")


# ---------------------------------------------------------------- one sequence at a time

FILL = FunctionTransformer(lambda steps: pd.DataFrame(np.asarray(steps)).ffill().to_numpy())


def slow_fill(X):
    """Forward fill with loops over Python floats."""
    result = [np.array(x, dtype=np.float64) for x in X]
    for x in result:
        start, end = slow_real_part(x)
        for step in range(start + 1, end):
            for k in range(x.shape[1]):
                if np.isnan(x[step, k]):
                    x[step, k] = x[step - 1, k]
    return result


class OwnFill(TransformerMixin, BaseEstimator):
    """A fill that has never heard of scikit-learn's tag for transformers that learn nothing."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return pd.DataFrame(np.asarray(X)).ffill().to_numpy()


class OwnFunctionTransformer(FunctionTransformer):
    pass


FILLS = {
    "function": FILL,
    "class": OwnFill(),
    "subclass": OwnFunctionTransformer(FILL.func),
    "pipeline": make_pipeline(FILL),
    "nested pipeline": make_pipeline(make_pipeline("passthrough", FILL)),
    "columns": ColumnTransformer([("fill", FILL, [0, 1, 2])]),
    "union": FeatureUnion([("fill", FILL)]),
    "pipeline in columns": ColumnTransformer(
        [("fill", make_pipeline(StandardScaler(with_mean=False, with_std=False), FILL), [0, 1, 2])]
    ),
}


@pytest.mark.parametrize("build", [lambda X: X, list])
@pytest.mark.parametrize("kind", FILLS)
def test_forward_fill_does_not_leak_into_the_next_sequence(kind, build):
    X = with_gaps()
    found = SequenceWise(FILLS[kind]).fit_transform(build(X))
    assert_same(found, slow_fill(X))
    # what is missing at the start of a sequence stays missing
    assert np.isnan(found[4][0, 1])
    assert not np.isnan(found[3]).any()


def forward_fill(steps):
    return pd.DataFrame(np.asarray(steps)).ffill().to_numpy()


@pytest.mark.parametrize("learns", [False, True])
def test_a_frozen_pipeline_does_not_leak_either(learns):
    X = [np.array([[1.0, 6], [2, 4]]), np.array([[np.nan, 8], [3, 2]])]
    steps = [FunctionTransformer(forward_fill), *([StandardScaler()] if learns else [])]
    frozen = FrozenEstimator(make_pipeline(*steps).fit(np.concatenate(X)))
    wise = SequenceWise(frozen).fit(X)
    np.testing.assert_array_equal(wise.transform(X)[1], wise.transform(X[1:])[0])
    assert np.isnan(wise.transform(X)[1][0, 0])


def test_an_encoder_by_the_target_is_refused():
    X, y = [np.zeros((3, 1)), np.ones((2, 1))], [0.0, 1.0]
    for transformer in (TargetEncoder(), make_pipeline(TargetEncoder())):
        with pytest.raises(ValueError, match="cannot apply TargetEncoder"):
            SequenceWise(transformer).fit(X, y)


def test_forward_fill_of_a_table_goes_along_its_rows():
    X = X3[:, :, 0].copy()
    X[1, 0] = X[2, 1:3] = NAN
    found = SequenceWise(FILL).fit_transform(X)
    assert_array_equal(found, pd.DataFrame(X).ffill(axis=1))
    assert np.isnan(found[1, 0])


def test_steps_of_a_pipeline_are_fitted_on_what_each_sequence_became():
    X = with_gaps()
    filled = slow_fill(X)
    filled[4][0, 1] = filled[0][2, 0] = 0.0  # what a fill leaves
    zero = FunctionTransformer(np.nan_to_num)
    model = SequenceWise(make_pipeline(FILL, zero, make_pipeline(StandardScaler()), PCA(2)))
    found = model.fit_transform(X)
    assert_same(
        found, slow_transform(slow_fit(make_pipeline(StandardScaler(), PCA(2)), filled), filled)
    )
    scaler = model.transformer_[2][0]
    assert isinstance(scaler, StandardScaler)
    real = np.concatenate([x[slice(*slow_real_part(x))] for x in filled])
    assert_allclose(scaler.mean_, real.mean(axis=0))
    # a fill that leaks changes the mean
    leaking = pd.DataFrame(np.concatenate([x[slice(*slow_real_part(x))] for x in X])).ffill()
    assert not np.allclose(scaler.mean_, leaking.fillna(0.0).mean())


def test_pipeline_is_the_same_as_one_sequence_wise_per_step():
    X = with_gaps()
    steps = [FILL, SimpleImputer(), StandardScaler(), PCA(2)]
    one = SequenceWise(make_pipeline(*steps))
    many = make_pipeline(*map(SequenceWise, steps))
    assert_same(one.fit_transform(X), list(many.fit_transform(X)))
    assert_same(one.transform(list(X)), many.transform(list(X)))


REFUSED = {
    "columns": ColumnTransformer([("a", make_pipeline(FILL, StandardScaler()), [0])]),
    "union": FeatureUnion([("a", make_pipeline(OwnFill(), SimpleImputer(), PCA(1)))]),
    "deeper": make_pipeline(
        ColumnTransformer([("a", FeatureUnion([("b", make_pipeline(FILL, PCA(1)))]), [0])])
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_fit_that_would_leak_is_refused(kind):
    with pytest.raises(ValueError, match="joined together") as error:
        SequenceWise(REFUSED[kind]).fit(X3)
    assert re.search(
        r"make_pipeline\(SequenceWise\((Function|OwnF).*\), SequenceWise", str(error.value)
    )
    assert re.search("would fit (StandardScaler|SimpleImputer|PCA)", str(error.value))


def test_functions_that_nothing_is_fitted_on_are_not_refused():
    inner = ColumnTransformer([("a", make_pipeline(FILL, FunctionTransformer(np.abs)), [0, 1])])
    found = SequenceWise(inner).fit_transform(with_gaps())
    assert_same(found, [np.abs(x[:, :2]) for x in slow_fill(with_gaps())])


def test_what_treats_steps_alone_is_called_once():
    calls = []

    def spy(inner):
        transform = inner.transform
        inner.transform = lambda X: calls.append(len(X)) or transform(X)
        return inner

    for inner in (StandardScaler(), Normalizer(), FILL):
        model = SequenceWise(inner).fit(ragged())
        spy(model.transformer_)
        model.transform(ragged())
    assert calls == [14, 14, *LENGTHS]


def test_function_sees_a_frame_under_the_names_of_the_frames():
    X = CONTAINERS["pandas frames"]()
    doubled = FunctionTransformer(lambda frame: frame[["wind", "temp"]] * 2)
    assert_same(SequenceWise(doubled).fit_transform(X), [2 * x[:, [2, 0]] for x in ragged()])


# ---------------------------------------------------------------- y, weights and other metadata


def test_y_is_repeated_for_each_step():
    y = np.array(["a", "b", "b", "a", "b"])
    inner = SelectKBest(k=1)
    model = SequenceWise(inner)
    for X in (X3, padded(), ragged()):
        for labels in (y, y.tolist(), pd.Series(y, index=list("vwxyz"))):
            found = model.fit(X, labels)
            assert_allclose(found.transformer_.scores_, slow_fit(inner, X, y).scores_)
    assert SequenceWise(TargetEncoder()).__sklearn_tags__().target_tags.required


def test_targets_of_different_lengths_do_not_disturb():
    y = [np.zeros(length) for length in LENGTHS]
    found = SequenceWise(StandardScaler()).fit_transform(ragged(), y)
    assert_same(found, SequenceWise(StandardScaler()).fit_transform(ragged()))


WEIGHTS = np.array([1.0, 2.0, 0.0, 3.0, 1.0])


@containers
def test_sample_weight_is_that_of_repeated_sequences(container):
    X = CONTAINERS[container]()
    found = SequenceWise(StandardScaler()).fit(X, sample_weight=WEIGHTS).transformer_
    repeated = [x for x, w in zip(slow_sequences(X), WEIGHTS, strict=True) for _ in range(int(w))]
    expected = slow_fit(StandardScaler(), repeated)
    assert_allclose(found.mean_, expected.mean_)
    assert_allclose(found.scale_, expected.scale_)
    assert not np.allclose(found.mean_, slow_fit(StandardScaler(), X).mean_)


def test_sample_weight_through_pipelines_inside_and_outside():
    expected = SequenceWise(StandardScaler()).fit(X3, sample_weight=WEIGHTS).transformer_.mean_
    inside = SequenceWise(make_pipeline(FILL, StandardScaler(), PCA(2)))
    inside.fit(X3, standardscaler__sample_weight=WEIGHTS)
    assert_array_equal(inside.transformer_[1].mean_, expected)
    outside = make_pipeline(SequenceWise(StandardScaler()), LSTMRegressor(max_epochs=1))
    outside.fit(X3, np.arange(5), sequencewise__sample_weight=WEIGHTS)
    assert_array_equal(outside[0].transformer_.mean_, expected)
    assert SequenceWise(StandardScaler()).fit(X3, sample_weight=None).transformer_.mean_[
        0
    ] == pytest.approx(X3[:, :, 0].mean())


def test_sample_weight_by_metadata_routing():
    expected = SequenceWise(StandardScaler()).fit(X3, sample_weight=WEIGHTS).transformer_.mean_
    unweighted = SequenceWise(StandardScaler()).fit(X3).transformer_.mean_
    with config_context(enable_metadata_routing=True):
        asks = StandardScaler().set_fit_request(sample_weight=True)
        model = SequenceWise(asks).fit(X3, sample_weight=WEIGHTS)
        assert_array_equal(model.transformer_.mean_, expected)
        again = clone(model)
        again.fit_transform(X3, sample_weight=WEIGHTS)
        assert_array_equal(again.transformer_.mean_, expected)
        inside = SequenceWise(make_pipeline(FILL, asks, PCA(2)))
        inside.fit(X3, sample_weight=WEIGHTS)
        assert_array_equal(inside.transformer_[1].mean_, expected)
        last = SequenceWise(make_pipeline(FILL, asks)).fit(X3, sample_weight=WEIGHTS)
        assert_array_equal(last.transformer_[1].mean_, expected)
        outside = make_pipeline(SequenceWise(asks), SequenceWise(PCA(2)))
        outside.fit_transform(X3, sample_weight=WEIGHTS)
        assert_array_equal(outside[0].transformer_.mean_, expected)
        asks_not = SequenceWise(StandardScaler().set_fit_request(sample_weight=False))
        outside = make_pipeline(asks_not, SequenceWise(asks)).fit(X3, sample_weight=WEIGHTS)
        assert_array_equal(outside[0].transformer_.mean_, unweighted)
        with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError):
            SequenceWise(StandardScaler()).fit(X3, sample_weight=WEIGHTS)


@pytest.mark.parametrize(
    "inner, params, message",
    [
        (
            MinMaxScaler(),
            {"sample_weight": WEIGHTS},
            "MinMaxScaler.fit does not take 'sample_weight'",
        ),
        (StandardScaler(), {"weights": WEIGHTS}, "StandardScaler.fit does not take 'weights'"),
        (
            StandardScaler(),
            {"sample_weight": WEIGHTS[:3]},
            r"sample_weight must .* 5 .* Got 3 value",
        ),
        (StandardScaler(), {"sample_weight": 2.0}, "sample_weight must have .* Got 2.0"),
        (StandardScaler(), {"sample_weight": np.ones(20)}, "Got 20 value"),
        (make_pipeline(PCA(1)), {"sample_weight": WEIGHTS}, "stepname__sample_weight"),
        (make_pipeline(PCA(1)), {"pca2__sample_weight": WEIGHTS}, r"its steps are \['pca'\]"),
        (make_pipeline(PCA(1)), {"pca__sample_weight": WEIGHTS}, "PCA.fit does not take 'sample_w"),
        (SelectKBest(), {"y": [0, 1, 0]}, "y must have one value for each of 5 sequences. Got 3"),
        (StandardScaler(), {"y": "no"}, "y must have one value .* Got 'no'"),
    ],
)
def test_bad_targets_and_weights_are_named(inner, params, message):
    with pytest.raises(ValueError, match=message):
        SequenceWise(inner).fit(X3, **params)


# ---------------------------------------------------------------- back again


@containers
@pytest.mark.parametrize(
    "inner",
    [StandardScaler(), PCA(3), make_pipeline(StandardScaler(), "passthrough", MinMaxScaler())],
)
def test_inverse_transform_is_the_way_back(container, inner):
    X = CONTAINERS[container]()
    model = SequenceWise(inner).fit(X)
    found = model.inverse_transform(model.transform(X))
    assert_same(found, slow_sequences(X))
    assert type(found) is type(model.transform(X))


def test_inverse_transform_changes_the_number_of_features():
    for X in (X3, padded(), ragged()):
        inner = PCA(1)
        model = SequenceWise(inner).fit(X)
        found = model.inverse_transform(model.transform(X))
        fitted = slow_fit(inner, X)
        assert_same(found, slow_transform(fitted, slow_transform(fitted, X), "inverse_transform"))
        assert found[0].shape[1] == 3


def test_inverse_transform_of_frames():
    model = SequenceWise(PCA(2)).fit(CONTAINERS["polars frames"]())
    X = model.transform(CONTAINERS["polars frames"]())
    expected = model.inverse_transform(X)
    assert_same(model.inverse_transform([pl.DataFrame(x, schema=["a", "b"]) for x in X]), expected)
    assert_same(model.inverse_transform([pd.DataFrame(x) for x in X]), expected)


def test_inverse_transform_of_a_table():
    X = X3[:, :, 0]
    model = SequenceWise(MinMaxScaler()).fit(X)
    assert_allclose(model.inverse_transform(model.transform(X)), X)
    frame = model.set_output(transform="pandas").transform(X)
    assert_allclose(model.inverse_transform(frame), X)
    assert_allclose(model.inverse_transform(frame.to_numpy()[:, :, None]), X)
    whole = np.arange(20).reshape(5, 4) % 6
    model = SequenceWise(OneHotEncoder(sparse_output=False)).fit(whole)
    assert model.transform(whole).shape == (5, 4, 6)
    assert_array_equal(model.inverse_transform(model.transform(whole)), whole)


def test_inverse_function_sees_one_sequence_at_a_time():
    sums = FunctionTransformer(
        lambda steps: np.cumsum(steps, axis=0),
        lambda steps: np.diff(steps, axis=0, prepend=0.0),
        check_inverse=False,
    )
    for X in (X3, padded(), ragged()):
        model = SequenceWise(make_pipeline(MinMaxScaler(), sums)).fit(X)
        assert_same(model.inverse_transform(model.transform(X)), list(X))


@pytest.mark.parametrize(
    "inner, available",
    [
        (StandardScaler(), True),
        (FunctionTransformer(), True),
        (Normalizer(), False),
        (KNNImputer(), False),
        (SimpleImputer(), False),
        (SimpleImputer(add_indicator=True), True),
        (make_pipeline(StandardScaler(), PCA()), True),
        (make_pipeline(StandardScaler(), Normalizer()), False),
        (None, False),
    ],
)
def test_inverse_transform_is_there_where_the_transformer_has_one(inner, available):
    assert hasattr(SequenceWise(inner), "inverse_transform") == available


def test_inverse_transform_of_an_imputer_makes_values_missing_again():
    model = SequenceWise(SimpleImputer(add_indicator=True)).fit(with_gaps())
    assert_same(model.inverse_transform(model.transform(with_gaps())), list(with_gaps()))


# ---------------------------------------------------------------- names and numbers of features


def test_names_of_frames():
    for kind in ("pandas frames", "polars frames"):
        X = CONTAINERS[kind]()
        model = SequenceWise(StandardScaler()).fit(X)
        assert model.feature_names_in_.tolist() == NAMES
        assert model.n_features_in_ == 3
        assert model.get_feature_names_out().tolist() == NAMES
        model = SequenceWise(PolynomialFeatures(2, include_bias=False)).fit(X)
        assert model.get_feature_names_out()[-2:].tolist() == ["humid wind", "wind^2"]
        by_name = ColumnTransformer([("scale", StandardScaler(), ["wind", "temp"])])
        model = SequenceWise(by_name)
        found = model.fit_transform(X)
        assert model.get_feature_names_out().tolist() == ["scale__wind", "scale__temp"]
        assert_same(
            found, SequenceWise(StandardScaler()).fit_transform([x[:, [2, 0]] for x in ragged()])
        )


def test_names_without_frames():
    model = SequenceWise(StandardScaler()).fit(X3)
    assert not hasattr(model, "feature_names_in_")
    assert model.get_feature_names_out().tolist() == ["x0", "x1", "x2"]
    assert model.get_feature_names_out(NAMES).tolist() == NAMES
    with pytest.raises(ValueError, match="length equal to number of features"):
        model.get_feature_names_out(["a"])
    model = SequenceWise(make_pipeline(StandardScaler(), PCA(2))).fit(X3)
    assert model.get_feature_names_out().tolist() == ["pca0", "pca1"]
    # columns that are no strings are no names
    model.fit([pd.DataFrame(x) for x in ragged()])
    assert not hasattr(model, "feature_names_in_")


def test_names_of_tables():
    model = SequenceWise(PCA(1)).fit(FRAMES["pandas"]())
    assert model.get_feature_names_out().tolist() == list("abcd")
    assert model.get_feature_names_out(list("abcd")).tolist() == list("abcd")
    with pytest.raises(ValueError, match="not equal to feature_names_in_"):
        model.get_feature_names_out(list("abce"))
    model = SequenceWise(PolynomialFeatures(2)).fit(FRAMES["pandas"]())
    assert model.get_feature_names_out().tolist() == ["1", "x0", "x0^2"]
    model.fit(X3[:, :, 0])
    assert not hasattr(model, "feature_names_in_")


def test_names_are_there_where_the_transformer_has_them():
    assert hasattr(SequenceWise(PCA()), "get_feature_names_out")
    assert not hasattr(SequenceWise(FunctionTransformer()), "get_feature_names_out")
    with pytest.raises(NotFittedError):
        SequenceWise(PCA()).get_feature_names_out()


def test_names_must_stay_the_same():
    X = CONTAINERS["pandas frames"]()
    model = SequenceWise(StandardScaler()).fit(X)
    expected = model.transform(X)
    for wrong in ([x[["humid", "temp", "wind"]] for x in X], [x.add_suffix("2") for x in X]):
        with pytest.raises(ValueError, match="feature names should match"):
            model.transform(wrong)
    with pytest.warns(UserWarning, match="StandardScaler was fitted with feature names"):
        assert_same(model.transform(ragged()), expected)
    model.fit(ragged())
    with pytest.warns(UserWarning, match="X has feature names, but SequenceWise was") as caught:
        assert_same(model.transform(X), expected)
    assert len(caught) == 1


MISMATCHES = {
    "3-D": (X3, X3[:, :, :2], "X has 2 features, but SequenceWise is expecting 3 features"),
    "list": (ragged(), [x[:, :1] for x in ragged()], "X has 1 features, .* expecting 3"),
    "table": (X3[:, :, 0], X3[:, :3, 0], "X has 3 features, but SequenceWise is expecting 4"),
    "table, then 3-D": (X3[:, :, 0], X3, "X has 3 features, .* expecting 1"),
    "3-D, then table": (X3, X3[:, :, 0], r"X has 1 features, .* expecting 3 .* X\[None\]"),
}


@pytest.mark.parametrize("kind", MISMATCHES)
def test_other_number_of_features_is_an_error(kind):
    X, other, message = MISMATCHES[kind]
    model = SequenceWise(StandardScaler()).fit(X)
    with pytest.raises(ValueError, match=message):
        model.transform(other)


def test_layouts_of_one_feature_may_follow_each_other():
    table = X3[:, :, 0]
    for X in (table, table[:, :, None], list(table[:, :, None])):
        for other in (table[:2], table[:2, :, None], [table[0, :2], table[1]]):
            model = SequenceWise(StandardScaler()).fit(X)
            found = model.transform(other)
            for a, b in zip(found, other, strict=True):
                assert_allclose(np.ravel(a), (np.ravel(b) - table.mean()) / table.std())
    model.set_output(transform="pandas")
    assert list(model.transform(table).columns) == ["x0", "x1", "x2", "x3"]
    with pytest.warns(UserWarning, match="X has feature names"):
        assert list(model.transform(FRAMES["pandas"]()).columns) == list("abcd")


# ---------------------------------------------------------------- bad input

BAD = {
    "no sample": (np.empty((0, 4, 3)), "0 sample"),
    "no time step": (np.empty((5, 0, 3)), "0 time step"),
    "no feature": (np.empty((5, 4, 0)), "0 feature"),
    "empty list": ([], r"Got shape \(0,\)"),
    "empty table": (np.empty((0, 4)), "0 sample"),
    "empty sequence": ([X3[0], X3[1, :0]], "Sample 1 of X has no time step"),
    "sequence of padding": ([X3[0], X3[1] * NAN], "Sample 1 of X has no time step: all .* NaN"),
    "padding alone": (np.stack([X3[0], X3[1], X3[2] * NAN]), "Sample 2 of X has no time step"),
    "other features": ([X3[0], X3[1, :, :2]], "Sample 1 of X has 2 features, but sample 0 has 3"),
    "other names": (
        [pd.DataFrame(X3[0], columns=NAMES), pd.DataFrame(X3[1], columns=list("abc"))],
        "Sample 1 of X has other column names",
    ),
    "strings": ([X3[0], [["a", "b", "c"]]], "Sample 1 of X must be real numbers"),
    "four dimensions": (X3[None], r"X must be 3-D .* Got shape \(1, 5, 4, 3\)"),
    "3-D items": ([X3, X3[:1]], r"Sample 0 of X must have shape \(length, n_features\)"),
    "complex": (X3 * 1j, "Complex data not supported"),
    "one row": (X3[0, 0], r"Got shape \(3,\)\. Reshape your data: .* X\[None\]"),
    "a number": (3.0, "list of sequences. Got 3.0"),
    "a string": ("abc", "list of sequences. Got 'abc'"),
    "strings in a table": (
        np.array([["a", "b"], ["c", "d"]]),
        "X must be real numbers. Got dtype <U1",
    ),
}


@pytest.mark.parametrize("method", ["fit", "transform", "inverse_transform"])
@pytest.mark.parametrize("kind", BAD)
def test_bad_input_is_named(kind, method):
    X, message = BAD[kind]
    model = SequenceWise(StandardScaler()).fit(X3)
    fitted = model.transform(X3)
    with pytest.raises(ValueError, match=message):
        getattr(model, method)(X)
    assert_array_equal(model.transform(X3), fitted)


def test_sparse_tables_are_refused():
    with pytest.raises(TypeError, match="Sparse"):
        SequenceWise(StandardScaler()).fit(scipy.sparse.csr_array(np.eye(3)))


class FitOnly(BaseEstimator):
    def fit(self, X, y=None):
        return self


class Drops(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.asarray(X)[1:]


BAD_TRANSFORMERS = {
    "None": (None, "implementing 'fit' and 'transform'. Got None"),
    "a string": ("passthrough", "Got 'passthrough'"),
    "a function": (np.log1p, "Got <ufunc 'log1p'>"),
    "no transform": (FitOnly(), r"Got FitOnly\(\)"),
    "a regressor": (LinearRegression(), r"Got LinearRegression\(\)"),
    "an LSTM": (LSTMRegressor(), r"Got LSTMRegressor\(\)"),
    "a pipeline that predicts": (make_pipeline(PCA(), LinearRegression()), "Got Pipeline"),
    "a regressor inside": (make_pipeline(LinearRegression(), PCA()), r"Got LinearRegression\(\)"),
    "a class inside": (Pipeline([("a", StandardScaler)]), "Got <class"),
    "words": (CountVectorizer(), r"must take 2-D tables.* Got CountVectorizer\(\)"),
    "symbols": (SequenceOneHotEncoder("ACGT"), "must take 2-D tables.* Got SequenceOneHot"),
    "words inside": (make_pipeline(PCA(), CountVectorizer()), "must take 2-D tables"),
}


@pytest.mark.parametrize("kind", BAD_TRANSFORMERS)
def test_transformer_that_is_none_of_tables_is_named(kind):
    inner, message = BAD_TRANSFORMERS[kind]
    with pytest.raises(ValueError, match=message):
        SequenceWise(inner).fit(X3)


def test_class_in_place_of_a_transformer_is_named():
    with pytest.raises(ValueError, match=r"'transformer' parameter .*Write StandardScaler\(\)"):
        SequenceWise(StandardScaler).fit(X3)


BAD_OUTPUTS = {
    "3-D": (SlidingWindow(3), r"SlidingWindow\(lookback=3\) must give .*shape \(4, 3, 3\)"),
    "other rows": (Drops(), r"Drops\(\) must give a 2-D table of 4 row.* sample 0 .*\(3, 3\)"),
    "other rows at once": (None, r"Sneaky.* must give .* 20 row.* all time steps .*\(19, 3\)"),
    "1-D": (FunctionTransformer(lambda s: s[:, 0]), r"It gave shape \(4,\)"),
    "a number": (FunctionTransformer(lambda s: 3.0), r"It gave shape \(\)"),
    "strings": (
        FunctionTransformer(lambda s: s.astype(str)),
        "The output of FunctionTransformer must be real numbers",
    ),
}


@pytest.mark.parametrize("kind", BAD_OUTPUTS)
def test_output_that_is_no_table_of_the_same_rows_is_named(kind):
    inner, message = BAD_OUTPUTS[kind]
    if inner is None:
        Sneaky = type("Sneaky", (Drops,), {"__module__": "sklearn.sneaky"})
        inner = Sneaky()
    with pytest.raises(ValueError, match=message):
        SequenceWise(inner).fit_transform(X3)


def test_output_of_different_widths_is_named():
    inner = FunctionTransformer(lambda steps: steps[:, : len(steps)])
    with pytest.raises(ValueError, match="gave 1 features for sample 1 of X, but 3 for sample 0"):
        SequenceWise(inner).fit_transform(ragged())


@pytest.mark.parametrize("method", ["transform", "inverse_transform", "get_feature_names_out"])
def test_not_fitted(method):
    with pytest.raises(NotFittedError, match="SequenceWise"):
        getattr(SequenceWise(StandardScaler()), method)(X3)


# ---------------------------------------------------------------- scikit-learn's tools


def test_clone_and_pickle():
    model = SequenceWise(StandardScaler()).fit(padded())
    copy = clone(model)
    assert not hasattr(copy, "transformer_")
    assert copy.transformer is not model.transformer
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.transform(padded()), model.transform(padded()))


def test_fit_leaves_the_parameter_alone():
    inner = make_pipeline(StandardScaler(), PCA(2))
    model = SequenceWise(inner).fit(X3)
    assert not hasattr(inner[0], "mean_")
    assert model.transformer is inner
    assert model.transformer_[0].mean_.shape == (3,)


def test_nested_parameters_in_a_search():
    X, y = load_japanese_vowels(return_X_y=True)
    model = make_pipeline(
        SequenceWise(StandardScaler()), LSTMClassifier(4, max_epochs=2, random_state=0)
    )
    grid = {"sequencewise__transformer__with_mean": [False, True]}
    search = GridSearchCV(model, grid, cv=2).fit(X, y)
    assert len(search.cv_results_["params"]) == 2
    inner = search.best_estimator_[0].transformer_
    assert inner.with_mean == search.best_params_["sequencewise__transformer__with_mean"]


def test_html_shows_the_transformer():
    html = SequenceWise(PCA(n_components=2))._repr_html_()
    assert "SequenceWise" in html
    assert "PCA" in html
    assert repr(SequenceWise(PCA())) == "SequenceWise(transformer=PCA())"


def test_pipeline_with_memory(tmp_path):
    X, y = ragged(), [0, 1, 0, 1, 0]
    plain = make_pipeline(SequenceWise(PCA(2)), LSTMClassifier(max_epochs=2, random_state=0)).fit(
        X, y
    )
    for _ in range(2):
        cached = clone(plain).set_params(memory=str(tmp_path)).fit(X, y)
        assert_array_equal(cached.predict_proba(X), plain.predict_proba(X))


def test_column_transformer_with_groups_of_columns_as_series():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        rng.normal(size=(20, 6)), columns=[f"{s}{t}" for s in ("load", "temp") for t in range(3)]
    )
    groups = {s: [f"{s}{t}" for t in range(3)] for s in ("load", "temp")}
    model = ColumnTransformer(
        [(s, SequenceWise(StandardScaler()), columns) for s, columns in groups.items()],
        verbose_feature_names_out=False,
    )
    expected = np.hstack(
        [
            (frame[c].to_numpy() - frame[c].to_numpy().mean()) / frame[c].to_numpy().std()
            for c in groups.values()
        ]
    )
    assert_allclose(model.fit_transform(frame), expected)
    found = model.set_output(transform="pandas").fit_transform(frame)
    assert list(found.columns) == list(frame.columns) == list(model.get_feature_names_out())
    assert_allclose(found, expected)
    with pytest.raises(ValueError, match="should be 2D"):
        ColumnTransformer(
            [("a", SequenceWise(PolynomialFeatures()), groups["load"])]
        ).fit_transform(frame)


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
@pytest.mark.parametrize(
    "inner",
    [StandardScaler(copy=False), PCA(2, copy=False), MinMaxScaler(copy=False, clip=True)],
)
def test_memory_map_is_not_written(tmp_path, mode, inner):
    for values in (X3, padded()):
        path = tmp_path / "X.npy"
        np.save(path, values)
        content = path.read_bytes()
        X = np.load(path, mmap_mode=mode)
        found = SequenceWise(inner).fit_transform(X)
        assert_array_equal(X, values)
        del X
        assert path.read_bytes() == content
        assert_same(found, list(SequenceWise(inner).fit_transform(values)))


def test_windows_are_padded_sequences():
    table = np.random.default_rng(0).normal(size=(10, 2))
    model = make_pipeline(SlidingWindow(4), SequenceWise(StandardScaler()))
    found = model.fit_transform(table)
    windows = np.asarray(SlidingWindow(4).fit_transform(table))
    assert_same(found, slow_transform(slow_fit(StandardScaler(), windows), windows))
    assert np.isnan(found[0, :3]).all()


# ---------------------------------------------------------------- the advice of the estimators


def advice(X, y):
    with pytest.raises(ValueError, match="NaN") as error:
        LSTMRegressor(max_epochs=1).fit(X, y)
    return str(error.value)


@pytest.mark.parametrize("build", [lambda X: X, list])
def test_what_the_error_for_missing_values_says_works(build):
    X, y = with_gaps(), np.arange(5.0)
    text = advice(build(X), y)
    imputer, fill = re.findall(r"SequenceWise\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)", text)
    names = {
        "SequenceWise": SequenceWise,
        "SimpleImputer": SimpleImputer,
        "FunctionTransformer": FunctionTransformer,
        "pandas": pd,
    }
    impute, fill = eval(imputer, names), eval(fill, names)
    assert isinstance(impute.transformer, SimpleImputer)
    filled = fill.fit_transform(build(X))
    assert_same(filled, slow_fill(X))
    LSTMRegressor(max_epochs=1).fit(impute.fit_transform(filled), y)


def test_what_the_error_for_tables_says_works():
    X = pd.DataFrame(X3[:, :, 0], columns=list("abcd"))
    X.loc[2, "c"] = NAN
    text = advice(X, np.arange(5.0))
    assert "SimpleImputer()" in text
    LSTMRegressor(max_epochs=1).fit(SimpleImputer().fit_transform(X), np.arange(5.0))
    (call,) = re.findall(r"frame\.ffill\(.*?\)", text)
    filled = eval(call, {"frame": X})
    assert filled.loc[2, "c"] == X.loc[2, "b"]
    LSTMRegressor(max_epochs=1).fit(filled, np.arange(5.0))


# ---------------------------------------------------------------- real data


@pytest.mark.parametrize("as_list", [False, True])
def test_speakers_are_told_apart_from_fewer_features(as_list):
    X, y = load_japanese_vowels(return_X_y=True, ragged=as_list)
    model = make_pipeline(
        SequenceWise(make_pipeline(StandardScaler(), PCA(n_components=8))),
        LSTMClassifier(max_epochs=20, random_state=0),
    )
    scores = cross_val_score(model, X, y, cv=3)
    assert scores.min() > 0.6
    model.fit(X, y)
    assert model[-1].n_features_in_ == 8
    inner = model[0].transformer_
    expected = slow_fit(make_pipeline(StandardScaler(), PCA(n_components=8)), X)
    assert_allclose(inner[1].explained_variance_, expected[1].explained_variance_, rtol=1e-5)


# ---------------------------------------------------------------- scikit-learn's checks

CHECKED = [
    SequenceWise(StandardScaler()),
    SequenceWise(MinMaxScaler()),
    SequenceWise(SimpleImputer()),
    SequenceWise(PCA(n_components=1)),
    SequenceWise(FunctionTransformer()),
    SequenceWise(Normalizer()),
    SequenceWise(SelectKBest(k=1)),
    SequenceWise(PolynomialFeatures()),
    SequenceWise(make_pipeline(StandardScaler(), PCA(n_components=1))),
]


@parametrize_with_checks(CHECKED)
def test_estimator_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("number", range(len(CHECKED)))
def test_no_check_is_skipped(number):
    results = check_estimator(CHECKED[number], on_skip=None, on_fail=None)
    assert {result["status"] for result in results} == {"passed"}
    assert len(results) >= 45


@pytest.mark.parametrize(
    "check",
    [
        "check_sample_weights_pandas_series",
        "check_sample_weights_not_an_array",
        "check_sample_weights_list",
        "check_sample_weights_shape",
        "check_sample_weights_not_overwritten",
        "check_sample_weight_equivalence_on_dense_data",
        "check_set_output_transform",
        "check_set_output_transform_pandas",
        "check_global_output_transform_pandas",
        "check_set_output_transform_polars",
        "check_global_set_output_transform_polars",
        "check_transformer_get_feature_names_out",
        "check_transformer_get_feature_names_out_pandas",
        "check_get_feature_names_out_error",
        "check_dataframe_column_names_consistency",
        "check_n_features_in_after_fitting",
        "check_inplace_ensure_writeable",
        "check_param_validation",
    ],
)
def test_checks_that_scikit_learn_keeps_for_itself(check):
    with warnings.catch_warnings():
        # As for StandardScaler alone: the check passes frames and arrays in turn.
        warnings.filterwarnings("ignore", "X (has|does not have)( valid)? feature names")
        getattr(estimator_checks, check)("SequenceWise", SequenceWise(StandardScaler()))


def test_tags():
    for inner in (StandardScaler(), SimpleImputer(), FunctionTransformer()):
        assert SequenceWise(inner).__sklearn_tags__().input_tags.allow_nan
    tags = SequenceWise(PCA()).__sklearn_tags__()
    assert not tags.input_tags.allow_nan
    assert tags.input_tags.three_d_array
    assert tags.input_tags.two_d_array
    assert not tags.input_tags.sparse
    assert tags.requires_fit
    assert tags.transformer_tags.preserves_dtype == ["float64", "float32"]
    assert not tags.input_tags.positive_only
    assert SequenceWise(NMF()).__sklearn_tags__().input_tags.positive_only
    assert not SequenceWise(None).__sklearn_tags__().input_tags.allow_nan
