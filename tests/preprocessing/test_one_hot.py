"""SequenceOneHotEncoder: every container of sequences, unknown symbols, scikit-learn's rules."""

import pickle
import re
import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks, get_tags
from sklearn.utils.validation import check_is_fitted

from sklstm import LSTMClassifier
from sklstm.datasets import make_motif_sequences
from sklstm.preprocessing import SequenceOneHotEncoder

CODONS = ["ATG", "GCC", "TAA"]


def slow_one_hot(sequences, alphabet, unknown=0.0):
    """The twin: one cell after the other."""
    arrays = []
    for sequence in sequences:
        array = np.full((len(sequence), len(alphabet)), unknown, dtype=np.float32)
        for position, symbol in enumerate(sequence):
            if symbol in list(alphabet):
                for column, letter in enumerate(alphabet):
                    array[position, column] = 1.0 if symbol == letter else 0.0
        arrays.append(array)
    return arrays


def assert_same(found, expected):
    assert isinstance(found, list)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == np.float32
        assert one.shape == other.shape
        assert_array_equal(one, other)


def random_strings(alphabet, n=50, seed=0):
    rng = np.random.default_rng(seed)
    draws = [rng.integers(len(alphabet), size=rng.integers(1, 40)) for _ in range(n)]
    return ["".join(alphabet[k] for k in draw) for draw in draws]


def objects(items):
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


# ------------------------------------------------------------------ encoding


@pytest.mark.parametrize("alphabet", ["ACGT", "TGCA", "ACDEFGHIKLMNPQRSTVWY", "äβ😀\x00", "A"])
@pytest.mark.parametrize(("handle_unknown", "share"), [("zero", 0), ("uniform", 1)])
def test_strings_equal_the_twin(alphabet, handle_unknown, share):
    X = random_strings(alphabet + "NΩ\U0010ffff\ud800")
    encoder = SequenceOneHotEncoder(alphabet, handle_unknown=handle_unknown)
    assert_same(encoder.fit_transform(X), slow_one_hot(X, alphabet, share / len(alphabet)))
    known = random_strings(alphabet)
    assert_same(SequenceOneHotEncoder(alphabet).transform(known), slow_one_hot(known, alphabet))


@pytest.mark.parametrize(
    "alphabet",
    [
        list("ACGT"),
        CODONS,
        ["A", "ATG", "insertion"],
        [3, 1, 2],
        [-1, 10**12],
        range(5),
        tuple("AC"),
        np.array(["login", "buy"]),
        np.array([7, 9]),
        pd.Index(["login", "buy"]),
    ],
    ids=str,
)
@pytest.mark.parametrize(("handle_unknown", "share"), [("zero", 0), ("uniform", 1)])
def test_lists_of_symbols_equal_the_twin(alphabet, handle_unknown, share):
    symbols = [*alphabet, "no symbol" if isinstance(alphabet[0], str) else 99]
    rng = np.random.default_rng(0)
    X = [[symbols[k] for k in rng.integers(len(symbols), size=n)] for n in range(1, 20)]
    encoder = SequenceOneHotEncoder(alphabet, handle_unknown=handle_unknown)
    assert_same(encoder.fit_transform(X), slow_one_hot(X, alphabet, share / len(alphabet)))


@pytest.mark.parametrize("size", [255, 256, 300, 70_000])
def test_large_alphabets(size):
    encoder = SequenceOneHotEncoder(range(size), handle_unknown="zero")
    (array,) = encoder.transform([[size - 1, size, 0]])
    assert array.shape == (3, size)
    assert np.argwhere(array).tolist() == [[0, size - 1], [2, 0]]
    # Upwards of the surrogates, which are no characters.
    letters = "".join(map(chr, range(0xE000, 0xE000 + min(size, 300))))
    encoder = SequenceOneHotEncoder(letters, handle_unknown="zero")
    (array,) = encoder.transform([letters[-1] + "A" + letters[0]])
    assert np.argwhere(array).tolist() == [[0, len(letters) - 1], [2, 0]]


STRINGS = ["ACG", "T"]
CONTAINERS = {
    "list": STRINGS,
    "tuple": tuple(STRINGS),
    "str array": np.array(STRINGS),
    "object array": np.array(STRINGS, dtype=object),
    "StringDType array": np.array(STRINGS, dtype=np.dtypes.StringDType()),
    "array of shape (n, 1)": np.array([["ACG"], ["T"]]),
    "Series": pd.Series(STRINGS, index=[7, 3]),
    "object Series": pd.Series(STRINGS, dtype=object),
    "categorical Series": pd.Series(STRINGS, dtype="category"),
    "string Series": pd.Series(STRINGS, dtype="string"),
    "extension array": pd.array(STRINGS),
    "polars Series": pl.Series(STRINGS),
    "frame of one column": pd.DataFrame({"dna": STRINGS}),
    "polars frame of one column": pl.DataFrame({"dna": STRINGS}),
    "list of lists": [["A", "C", "G"], ["T"]],
    "list of tuples": [("A", "C", "G"), ("T",)],
    "list of arrays": [np.array(["A", "C", "G"]), np.array(["T"], dtype=object)],
    "list of Series": [pd.Series(["A", "C", "G"], index=[5, 6, 7]), pl.Series(["T"])],
    "object array of lists": objects([["A", "C", "G"], ["T"]]),
    "object array of arrays": objects([np.array(["A", "C", "G"]), np.array(["T"])]),
    "Series of lists": pd.Series([["A", "C", "G"], ["T"]]),
    "polars Series of lists": pl.Series([["A", "C", "G"], ["T"]]),
    "frame of one column of lists": pd.DataFrame({"dna": [["A", "C", "G"], ["T"]]}),
    "frame of one column of arrays": pd.DataFrame(
        {"dna": objects([np.array(["A", "C", "G"]), ["T"]])}
    ),
    "polars frame of one column of lists": pl.DataFrame({"dna": [["A", "C", "G"], ["T"]]}),
    "strings and lists": ["ACG", ["T"]],
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_containers(container):
    X = CONTAINERS[container]
    assert_same(SequenceOneHotEncoder("ACGT").fit_transform(X), slow_one_hot(STRINGS, "ACGT"))


TABLES = {
    "array": np.array([["A", "C"], ["G", "T"]]),
    "object array": np.array([["A", "C"], ["G", "T"]], dtype=object),
    "frame": pd.DataFrame({"first": ["A", "G"], "second": ["C", "T"]}, index=[7, 3]),
    "polars frame": pl.DataFrame({"first": ["A", "G"], "second": ["C", "T"]}),
    "nested list": [["A", "C"], ["G", "T"]],
    "Fortran order": np.asfortranarray([["A", "C"], ["G", "T"]]),
}


@pytest.mark.parametrize("container", TABLES)
def test_a_row_of_a_table_is_a_sequence(container):
    found = SequenceOneHotEncoder("ACGT").fit_transform(TABLES[container])
    assert_same(found, slow_one_hot(["AC", "GT"], "ACGT"))


def test_tables_of_integers():
    table = np.array([[0, 2, 1], [1, 1, 0]])
    expected = slow_one_hot(table.tolist(), [0, 1, 2])
    encoder = SequenceOneHotEncoder([0, 1, 2])
    for X in (table, pd.DataFrame(table), pl.DataFrame(table), table.astype(np.uint8), list(table)):
        assert_same(encoder.fit_transform(X), expected)
    # Integers that came through a float column.
    assert_same(encoder.fit_transform(table.astype(float)), expected)


@pytest.mark.parametrize(
    "make", [np.array, pd.DataFrame, lambda rows: pl.DataFrame(rows, orient="row")]
)
def test_a_single_column_of_symbols_is_sequences_of_length_1(make):
    codons = SequenceOneHotEncoder(CODONS).transform(make([["GCC"], ["ATG"]]))
    assert_same(codons, slow_one_hot([["GCC"], ["ATG"]], CODONS))
    integers = SequenceOneHotEncoder([4, 5]).transform(make([[5], [4]]))
    assert_same(integers, slow_one_hot([[5], [4]], [4, 5]))


def test_the_output_is_a_list_whatever_the_lengths():
    encoder = SequenceOneHotEncoder("AC")
    for X in (["AC", "CA"], ["AC"], ["A", "CCC"]):
        assert_same(encoder.transform(X), slow_one_hot(X, "AC"))


def test_the_arrays_own_their_memory():
    for array in SequenceOneHotEncoder("ACGT").transform(["ACGT", "GG"]):
        assert array.base is None
        assert array.flags.writeable


def test_X_is_not_changed():
    X = [["A", "C"], np.array(["G"])]
    SequenceOneHotEncoder("ACGT").fit_transform(X)
    assert X[0] == ["A", "C"]
    assert X[1].tolist() == ["G"]


def test_memory_is_of_the_order_of_the_output():
    X = ["ACGT" * 250] * 2000
    encoder = SequenceOneHotEncoder("ACGT")
    encoder.transform(X[:1])
    tracemalloc.start()
    try:
        output = encoder.transform(X)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * sum(array.nbytes for array in output)


# --------------------------------------------------------------- bad sequences

BAD = [
    # one sequence, or no sequences at all
    ("ACGT", "list of sequences. Got one string: put it in a list"),
    (np.str_("ACGT"), "list of sequences. Got one string"),
    (b"ACGT", "list of sequences. Got one bytes object"),
    (None, "X must be a list, array or Series of sequences.*Got None"),
    (3, "X must be a list, array or Series of sequences.*Got 3"),
    ({"a": "ACGT"}, "X must be a list, array or Series of sequences.*Got {'a': 'ACGT'}"),
    ((s for s in ["ACGT"]), "X must be a list, array or Series of sequences.*Got <generator"),
    (np.array("ACGT"), "X must be a list, array or Series of sequences"),
    (np.full((2, 3, 4), "A"), r"X must be a list.*Got shape \(2, 3, 4\)"),
    ([], r"X has 0 sequence\(s\)"),
    (np.empty((0, 3), dtype="U1"), r"X has 0 sequence\(s\)"),
    (pl.DataFrame(), r"X has 0 sequence\(s\)"),
    # a sample that is no sequence
    (["A", ""], "Sample 1 of X has no symbol"),
    (["A", []], "Sample 1 of X has no symbol"),
    ([np.array([], dtype="U1")], "Sample 0 of X has no symbol"),
    (np.empty((2, 0), dtype="U1"), "Sample 0 of X has no symbol"),
    (["A", None], r"Sample 1 of X is missing \(None\)"),
    (["A", float("nan")], r"Sample 1 of X is missing \(nan\)"),
    (objects(["A", np.nan]), r"Sample 1 of X is missing \(nan\)"),
    (pd.Series(["A", None]), "Sample 1 of X is missing"),
    (pd.Series(["A", pd.NA], dtype="string"), "Sample 1 of X is missing"),
    (pl.Series(["A", None]), "Sample 1 of X is missing"),
    (pd.DataFrame({"dna": ["A", None]}), "Sample 1 of X is missing"),
    (pl.DataFrame({"dna": ["A", None]}), "Sample 1 of X is missing"),
    (np.ma.array(["A", "C"], mask=[False, True]), "Sample 1 of X is missing"),
    (["A", 3], "Sample 1 of X must be a string or a list of symbols. Got 3, of type int"),
    (np.arange(3), "Sample 0 of X must be a string or a list of symbols. Got 0, of type int"),
    (["A", b"C"], "Sample 1 of X must be .* Got b'C', of type bytes. Decode it first"),
    (np.array([b"A"]), "Sample 0 of X must be .* of type bytes. Decode it first"),
    (["A", {"C"}], "Sample 1 of X must be a string .*of type set"),
    (["A", np.array([["C"]])], r"Sample 1 of X must be .*Got shape \(1, 1\), of type ndarray"),
    (
        ["A", pd.DataFrame({"a": ["C"]})],
        r"Sample 1 of X must be .*Got shape \(1, 1\), of type DataFrame",
    ),
    # a symbol that is none
    ([["A", None]], r"symbol at sample 0, position 1 of X is missing \(None\)"),
    ([["A"], ["C", "G", np.nan]], r"symbol at sample 1, position 2 of X is missing \(nan\)"),
    ([["A", pd.NA]], r"symbol at sample 0, position 1 of X is missing \(<NA>\)"),
    (pd.DataFrame({"a": ["A", "C"], "b": ["G", None]}), "sample 1, position 1 of X is missing"),
    (pl.DataFrame({"a": ["A", "C"], "b": ["G", None]}), "sample 1, position 1 of X is missing"),
    ([["A", 1]], "alphabet are strings. Got 1, of type int, at sample 0, position 1"),
    (np.zeros((2, 3)), "alphabet are strings. Got 0.0, of type float, at sample 0, position 0"),
    (
        [["A"], ["C", b"C"]],
        "alphabet are strings. Got b'C', of type bytes, at sample 1, position 1",
    ),
    ([["A", ["C"]]], r"alphabet are strings. Got \['C'\], of type list, at sample 0, position 1"),
]


@pytest.mark.parametrize("handle_unknown", ["error", "zero", "uniform"])
@pytest.mark.parametrize("method", ["fit", "transform", "fit_transform"])
@pytest.mark.parametrize(
    ("X", "message"), BAD, ids=lambda value: repr(value).split(" at 0x")[0][:40]
)
def test_bad_sequences(X, message, method, handle_unknown):
    encoder = SequenceOneHotEncoder("ACGT", handle_unknown=handle_unknown)
    with pytest.raises(ValueError, match=message):
        getattr(encoder, method)(X)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (["012"], "alphabet are integers. Got '0', of type str, at sample 0, position 0"),
        ([[0], [1, 0.5]], "alphabet are integers. Got 0.5, of type float, at sample 1, position 1"),
        ([[0, np.inf]], "alphabet are integers. Got inf, of type float"),
        ([[0, 1j]], "alphabet are integers. Got 1j, of type complex"),
        (pd.DataFrame({"a": [0, 1], "b": [1, None]}), "sample 1, position 1 of X is missing"),
    ],
)
def test_bad_symbols_among_integers(X, message):
    for handle_unknown in ("error", "zero"):
        with pytest.raises(ValueError, match=message):
            SequenceOneHotEncoder([0, 1, 2], handle_unknown=handle_unknown).fit(X)


def test_strings_for_an_alphabet_of_longer_symbols():
    for handle_unknown in ("error", "zero"):
        encoder = SequenceOneHotEncoder(CODONS, handle_unknown=handle_unknown)
        for X in (["ATGGCC"], [["ATG"], "ATGGCC"]):
            with pytest.raises(ValueError, match=r"Sample . of X is a string.*Pass a list of symb"):
                encoder.transform(X)


@pytest.mark.parametrize(
    ("X", "alphabet", "symbol", "sample", "position"),
    [
        (["ACGT", "A", "ACNGN"], "ACGT", "N", 2, 2),
        (["NACGT"], "ACGT", "N", 0, 0),
        (["ACGT", "ACG\n"], "ACGT", "\n", 1, 3),
        (["A", "😀"], "ACGT", "😀", 1, 0),
        ([["ATG"], ["ATG", "GGG"]], CODONS, "GGG", 1, 1),
        ([["ATG"], "ACGT"], ["ATG", *"ACG"], "T", 1, 3),
        (np.array([[0, 1], [3, 1]]), [0, 1], 3, 1, 0),
        ([["ACGT"]], "ACGT", "ACGT", 0, 0),
    ],
)
def test_an_unknown_symbol_is_named_with_its_place(X, alphabet, symbol, sample, position):
    shown = repr(alphabet)
    message = (
        f"Unknown symbol {symbol!r} at sample {sample}, position {position} of X: the alphabet is "
        f"{shown}. handle_unknown='zero' or 'uniform' encodes unknown symbols as rows of zeros or "
        "of equal shares."
    )
    encoder = SequenceOneHotEncoder(alphabet)
    for method in (encoder.fit, encoder.transform):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            method(X)


@pytest.mark.parametrize(
    ("X", "alphabet", "change"),
    [(["ACg"], "ACGT", "upper"), ([["ATG", "gcc"]], CODONS, "upper"), (["aC"], "acgt", "lower")],
)
def test_an_unknown_symbol_in_the_other_case(X, alphabet, change):
    with pytest.raises(ValueError, match=rf"Only the case differs: call \.{change}\(\)"):
        SequenceOneHotEncoder(alphabet).fit(X)


def test_a_long_alphabet_is_cut_in_the_message():
    words = [f"event {k}" for k in range(500)]
    with pytest.raises(ValueError, match="'event 19'] and 480 more") as error:
        SequenceOneHotEncoder(words).fit([["event 500"]])
    assert "event 20" not in str(error.value)


# -------------------------------------------------------------- bad parameters


@pytest.mark.parametrize(
    ("alphabet", "got"),
    [
        ("", "Got '', which is empty"),
        ([], "Got [], which is empty"),
        ("ACGTA", "Got 'A' more than once"),
        (["ATG", "GCC", "ATG"], "Got 'ATG' more than once"),
        (np.array([1, 2, 1]), "Got 1 more than once"),
        (["A", None], "Got None at position 1"),
        (["A", np.nan], "Got nan at position 1"),
        (["A", pd.NA], "Got <NA> at position 1"),
        ([None, "A"], "Got None at position 0"),
        (["A", 1], "Got 1 at position 1"),
        ([1, "A"], "Got 'A' at position 1"),
        ([1, 2.0], "Got 2.0 at position 1"),
        ([0, True], "Got True at position 1"),
        (["A", ""], "Got '' at position 1"),
        ([b"A"], "Got b'A' at position 0"),
        ([["A"]], "Got ['A'] at position 0"),
        (np.array([["A", "C"]]), "Got ['A', 'C'] at position 0"),
        (frozenset("A"), "instead."),
        ({"A": 0}, "Got {'A': 0} instead."),
        (b"ACGT", "Got b'ACGT' instead."),
        (4, "Got 4 instead."),
        (None, "Got None instead."),
    ],
    ids=repr,
)
def test_bad_alphabet(alphabet, got):
    start = "The 'alphabet' parameter of SequenceOneHotEncoder must be"
    encoder = SequenceOneHotEncoder(alphabet)
    for method in ("fit", "transform", "fit_transform"):
        with pytest.raises(ValueError, match=f"^{start}.*{re.escape(got)}"):
            getattr(encoder, method)(["A"])
    with pytest.raises(ValueError, match=f"^{start}"):
        encoder.get_feature_names_out()


@pytest.mark.parametrize("value", ["ignore", None, 0, "Zero"])
def test_bad_handle_unknown(value):
    message = "The 'handle_unknown' parameter of SequenceOneHotEncoder must be a str among"
    encoder = SequenceOneHotEncoder("ACGT", handle_unknown=value)
    for method in ("fit", "transform", "fit_transform"):
        with pytest.raises(ValueError, match=f"^{message}.*Got {value!r} instead"):
            getattr(encoder, method)(["A"])


# ---------------------------------------------------------------- feature names


@pytest.mark.parametrize(
    ("alphabet", "names"),
    [("ACGT", list("ACGT")), (CODONS, CODONS), ([3, 10], ["3", "10"]), (range(2), ["0", "1"])],
)
def test_feature_names(alphabet, names):
    encoder = SequenceOneHotEncoder(alphabet)
    for found in (encoder.get_feature_names_out(), encoder.get_feature_names_out(["dna"])):
        assert found.dtype == object
        assert found.tolist() == names
        assert all(type(name) is str for name in found)


# ------------------------------------------------------------- scikit-learn's rules


class NumbersToTable(SequenceOneHotEncoder):
    """The encoder between numbers and a table, for checks that bring their own data."""

    def __init__(self, alphabet="ACGT", *, handle_unknown="error"):
        super().__init__(alphabet, handle_unknown=handle_unknown)

    @staticmethod
    def strings(X):
        return ["".join("ACGT"[int(cell) % 4] for cell in row) for row in np.asarray(X)]

    def fit(self, X, y=None):
        return super().fit(self.strings(X), y)

    def transform(self, X):
        return np.array(super().transform(self.strings(X))).reshape(len(X), -1)


WITHOUT_DATA = [
    "check_estimator_cloneable",
    "check_estimator_tags_renamed",
    "check_valid_tag_types",
    "check_estimator_repr",
    "check_no_attributes_set_in_init",
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_mixin_order",
    "check_get_params_invariance",
    "check_set_params",
    "check_param_validation",
]
WITH_DATA = [
    "check_dict_unchanged",
    "check_dont_overwrite_parameters",
    "check_estimators_fit_returns_self",
    "check_estimators_overwrite_params",
    "check_estimators_pickle",
    "check_f_contiguous_array_estimator",
    "check_fit_check_is_fitted",
    "check_fit_idempotent",
    "check_fit_score_takes_y",
    "check_fit2d_1feature",
    "check_fit2d_1sample",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_parameters_default_constructible",
    "check_pipeline_consistency",
    "check_readonly_memmap_input",
    "check_transformer_general",
    "check_transformers_unfitted_stateless",
]


@pytest.mark.parametrize("name", WITHOUT_DATA)
@pytest.mark.parametrize("alphabet", ["ACGT", CODONS, [1, 2]], ids=str)
def test_checks_without_data(name, alphabet):
    getattr(estimator_checks, name)("SequenceOneHotEncoder", SequenceOneHotEncoder(alphabet))


@pytest.mark.parametrize("name", WITH_DATA)
def test_checks_with_data(name):
    getattr(estimator_checks, name)("NumbersToTable", NumbersToTable())


def test_tags():
    tags = get_tags(SequenceOneHotEncoder("ACGT"))
    assert tags.input_tags.string
    assert not tags.input_tags.two_d_array
    assert not tags.requires_fit
    assert tags.transformer_tags.preserves_dtype == []


def test_nothing_is_learned():
    encoder = SequenceOneHotEncoder("ACGT")
    check_is_fitted(encoder)
    before = dict(vars(encoder))
    encoder.fit(pd.DataFrame({"dna": ["ACGT"]}))
    assert vars(encoder) == before
    assert_same(encoder.transform(["G"]), slow_one_hot(["G"], "ACGT"))


@pytest.mark.parametrize("alphabet", ["ACGT", CODONS, np.array([1, 2])], ids=str)
def test_clone_and_pickle(alphabet):
    encoder = SequenceOneHotEncoder(alphabet, handle_unknown="uniform")
    X = [[alphabet[1], alphabet[0]]]
    for copy in (clone(encoder), pickle.loads(pickle.dumps(encoder))):
        assert copy.handle_unknown == "uniform"
        assert_same(copy.transform(X), encoder.transform(X))


@pytest.mark.parametrize("container", ["default", "pandas", "polars"])
def test_set_output_leaves_sequences(container):
    encoder = SequenceOneHotEncoder("ACGT")
    assert encoder.set_output(transform=container) is encoder
    assert_same(encoder.fit_transform(STRINGS), slow_one_hot(STRINGS, "ACGT"))


# -------------------------------------------------------------------- pipelines


@pytest.fixture(scope="module")
def dna():
    """A motif that is easy to find, in sequences of different lengths."""
    X, y = make_motif_sequences(120, (12, 20), motif="TATAATG", random_state=0, return_X_y=True)
    return X, np.array(["without", "with"])[y]


def make_model(**parameters):
    lstm = LSTMClassifier(
        16, bidirectional=True, pooling="max", max_epochs=25, random_state=0, **parameters
    )
    return make_pipeline(SequenceOneHotEncoder("ACGT"), lstm)


def test_pipeline_predicts_the_same_from_every_container(dna):
    X, y = dna
    model = make_model().set_output(transform="pandas").fit(list(X), y)
    expected = model.predict_proba(list(X))
    assert model.score(X, y) > 0.9
    frame = pd.DataFrame({"dna": X, "other": 1.0})
    for other in (X, tuple(X), frame["dna"], frame[["dna"]], pl.Series(X), [list(x) for x in X]):
        assert_array_equal(model.predict_proba(other), expected)


def test_cross_validation_and_grid_search(dna):
    X, y = dna
    assert cross_val_score(make_model(), list(X), y, cv=3, error_score="raise").mean() > 0.8
    grid = {"sequenceonehotencoder__handle_unknown": ["uniform", "error"]}
    search = GridSearchCV(make_model(), grid, cv=2, error_score="raise").fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    assert scores[0] == scores[1] > 0.8  # X holds no unknown symbol, so the first is taken
    assert search.predict(["ACGTNTATAATGACG"]).shape == (1,)


def test_behind_a_column_selection(dna):
    X, y = dna
    frame = pd.DataFrame({"other": np.arange(len(X)), "dna": X})
    select = ColumnTransformer([("dna", "passthrough", ["dna"])])
    for container in ("default", "pandas"):
        model = make_pipeline(select, make_model()).set_output(transform=container)
        assert model.fit(frame, y).score(frame, y) > 0.9
