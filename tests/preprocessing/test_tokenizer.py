"""SequenceTokenizer: words, their codes, every container of texts, scikit-learn's rules."""

import pickle
import re
import unicodedata

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks, get_tags
from sklearn.utils.validation import check_is_fitted

from sklstm import LSTMClassifier
from sklstm.datasets import make_sentiment
from sklstm.preprocessing import SequenceTokenizer

TEXTS = [
    "The film was good, the cast was good.",
    "the FILM wasn't good",
    "Nobody was there",
]


def objects(items):
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


def assert_codes(found, expected):
    assert isinstance(found, np.ndarray)
    assert found.dtype == object
    assert found.shape == (len(expected),)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == np.int64
        assert one.shape == (len(other),)
        assert one.tolist() == list(other)


def slow_vocabulary(texts, min_df=1, max_features=None):
    """The twin: texts that are lists of words."""
    words = sorted({word for text in texts for word in text})
    words = [word for word in words if sum(word in text for text in texts) >= min_df]
    total = {word: sum(text.count(word) for text in texts) for word in words}
    words.sort(key=total.get, reverse=True)  # stable, so equal ones stay in alphabetical order
    return {word: k + 1 for k, word in enumerate(words[:max_features])}


def random_texts(n=60, n_words=40, seed=0):
    rng = np.random.default_rng(seed)
    words = [f"w{k}" for k in range(n_words)]
    return [
        [words[min(int(k), n_words - 1)] for k in rng.pareto(0.7, size=rng.integers(0, 12))]
        for _ in range(n)
    ]


def words_of(text, **parameters):
    """The words that a tokenizer sees in one text."""
    tokenizer = SequenceTokenizer(**parameters).fit([text])
    (words,) = tokenizer.inverse_transform(tokenizer.transform([text]))
    return words


# ---------------------------------------------------------------------- codes


@pytest.mark.parametrize("min_df", [1, 2, 5])
@pytest.mark.parametrize("max_features", [None, 1, 7, 10_000])
@pytest.mark.parametrize("seed", [0, 1])
def test_codes_equal_the_twin(min_df, max_features, seed):
    texts = random_texts(seed=seed)
    expected = slow_vocabulary(texts, min_df, max_features)
    tokenizer = SequenceTokenizer(min_df=min_df, max_features=max_features)
    new = [*texts, ["w0", "nowhere"], []]
    codes = [[expected.get(word, 0) for word in text] or [0] for text in new]
    for X in (texts, [" ".join(text) for text in texts]):
        assert tokenizer.fit(X).vocabulary_ == expected
        assert list(tokenizer.vocabulary_) == list(expected)
        assert_codes(tokenizer.transform(new), codes)
        assert_codes(tokenizer.fit_transform(X), codes[: len(texts)])


def test_the_order_of_the_rows_does_not_matter():
    texts = random_texts()
    expected = SequenceTokenizer(max_features=20).fit(texts).vocabulary_
    for seed in range(3):
        shuffled = [texts[k] for k in np.random.default_rng(seed).permutation(len(texts))]
        found = SequenceTokenizer(max_features=20).fit(shuffled).vocabulary_
        assert list(found.items()) == list(expected.items())


def test_frequency_is_the_number_of_words_and_min_df_the_number_of_texts():
    texts = ["a a a a", "b c", "b c", "b d"]
    assert SequenceTokenizer(max_features=1).fit(texts).vocabulary_ == {"a": 1}
    assert SequenceTokenizer(min_df=2).fit(texts).vocabulary_ == {"b": 1, "c": 2}
    both = SequenceTokenizer(min_df=2, max_features=1).fit(texts)
    assert both.vocabulary_ == {"b": 1}
    assert_codes(both.transform(["b c a"]), [[1, 0, 0]])


@pytest.mark.parametrize("max_features", [None, 10])
@pytest.mark.parametrize("min_df", [1, 3])
def test_the_words_are_those_of_count_vectorizer(min_df, max_features):
    texts = [" ".join(text) for text in random_texts(n_words=30)]
    parameters = {"min_df": min_df, "max_features": max_features}
    counts = CountVectorizer(token_pattern=r"\S+", **parameters).fit(texts)
    assert set(SequenceTokenizer(**parameters).fit(texts).vocabulary_) == set(counts.vocabulary_)


@pytest.mark.parametrize("empty", ["", "   ", "...", "😀 !", []])
def test_a_text_without_words_is_one_unknown_word(empty):
    tokenizer = SequenceTokenizer()
    assert_codes(tokenizer.fit_transform(["a b", empty]), [[1, 2], [0]])
    assert tokenizer.inverse_transform(tokenizer.transform([empty])) == [["<unk>"]]


def test_fitting_anew_forgets():
    tokenizer = SequenceTokenizer().fit(["a b"])
    assert tokenizer.fit(["c"]).vocabulary_ == {"c": 1}


def test_a_failed_fit_keeps_what_was_fitted():
    tokenizer = SequenceTokenizer().fit(["a b"])
    for bad in (["c", None], [""]):
        with pytest.raises(ValueError):
            tokenizer.fit(bad)
        assert tokenizer.vocabulary_ == {"a": 1, "b": 2}


# ---------------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I don't like it.", ["i", "don't", "like", "it"]),
        ("a 'quoted' word, rock 'n' roll", "a quoted word rock n roll".split()),
        ("I'd've; the movies' end", ["i'd've", "the", "movies", "end"]),
        ("8/10, well-made & snake_case", ["8", "10", "well", "made", "snake_case"]),
        ("so\tmany\nlines", ["so", "many", "lines"]),
        ("Über café Ærø ΣΊΣΥΦΟΣ", ["über", "café", "ærø", "σίσυφος"]),
        ("не хорошо 不好", ["не", "хорошо", "不好"]),
        ("यह फ़िल्म अच्छी नहीं है", ["यह", "फ़िल्म", "अच्छी", "नहीं", "है"]),
        ("نمی\u200cخواهم", ["نمی\u200cخواهم"]),
        ("good ❤️ film 👨\u200d👩 !", ["good", "film"]),
    ],
)
def test_words(text, words):
    # Some letters have no composed form, so that both are compared in the composed one.
    assert words_of(text) == [unicodedata.normalize("NFC", word) for word in words]


def test_one_word_has_one_code_however_it_is_written():
    same = ["don't", "don’t", "DON'T"]
    assert SequenceTokenizer().fit(same).vocabulary_ == {"don't": 1}
    decomposed = unicodedata.normalize("NFD", "élan")
    assert decomposed != "élan"
    assert SequenceTokenizer().fit(["élan", decomposed]).vocabulary_ == {"élan": 1}


def test_lower_case():
    assert words_of("Good GOOD") == ["good", "good"]
    assert words_of("Good GOOD", lowercase=False) == ["Good", "GOOD"]
    for lowercase, expected in ((True, {"good": 1}), (False, {"GOOD": 1, "Good": 2})):
        tokenizer = SequenceTokenizer(lowercase=lowercase)
        for X in (["Good", "GOOD"], [["Good"], ["GOOD"]]):
            assert tokenizer.fit(X).vocabulary_ == expected


@pytest.mark.parametrize(
    ("tokenizer", "words"),
    [
        (str.split, ["it", "isn't", "good!"]),
        (re.compile(r"[a-z]+|!").findall, ["it", "isn", "t", "good", "!"]),
        (lambda text: (word for word in text.split(" ")), ["it", "isn't", "good!"]),
        (lambda text: np.array(text.split()), ["it", "isn't", "good!"]),
        (list, list("it isn't good!")),
    ],
)
def test_a_tokenizer_gets_the_text_in_lower_case(tokenizer, words):
    assert words_of("It isn't Good!", tokenizer=tokenizer) == words


def test_lists_of_words_are_taken_as_they_are():
    calls = []
    tokenizer = SequenceTokenizer(tokenizer=calls.append)
    assert tokenizer.fit([["New York", "", "don’t"]]).vocabulary_ == {
        "": 1,
        "don’t": 2,
        "new york": 3,
    }
    assert calls == []


# ------------------------------------------------------------------ containers

SHORT = ["good film", "bad"]
CONTAINERS = {
    "list": SHORT,
    "tuple": tuple(SHORT),
    "str array": np.array(SHORT),
    "object array": np.array(SHORT, dtype=object),
    "StringDType array": np.array(SHORT, dtype=np.dtypes.StringDType()),
    "array of shape (n, 1)": np.array(SHORT)[:, None],
    "Series": pd.Series(SHORT, index=[7, 3]),
    "object Series": pd.Series(SHORT, dtype=object),
    "categorical Series": pd.Series(SHORT, dtype="category"),
    "string Series": pd.Series(SHORT, dtype="string"),
    "polars Series": pl.Series(SHORT),
    "frame of one column": pd.DataFrame({"text": SHORT}),
    "polars frame of one column": pl.DataFrame({"text": SHORT}),
    "list of lists": [["good", "film"], ["bad"]],
    "list of tuples": [("good", "film"), ("bad",)],
    "list of arrays": [np.array(["good", "film"]), np.array(["bad"], dtype=object)],
    "list of Series": [pd.Series(["good", "film"], index=[5, 6]), pl.Series(["bad"])],
    "object array of lists": objects([["good", "film"], ["bad"]]),
    "Series of lists": pd.Series([["good", "film"], ["bad"]]),
    "polars Series of lists": pl.Series([["good", "film"], ["bad"]]),
    "frame of one column of lists": pd.DataFrame({"text": [["good", "film"], ["bad"]]}),
    "texts and lists": ["good film", ["bad"]],
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_containers(container):
    X = CONTAINERS[container]
    tokenizer = SequenceTokenizer()
    assert_codes(tokenizer.fit_transform(X), [[3, 2], [1]])
    assert tokenizer.vocabulary_ == {"bad": 1, "film": 2, "good": 3}
    assert {type(word) for word in tokenizer.vocabulary_} == {str}
    assert tokenizer.inverse_transform(tokenizer.transform(X)) == [["good", "film"], ["bad"]]


@pytest.mark.parametrize("dtype", [str, object])
def test_a_row_of_a_two_dimensional_array_is_a_list_of_words(dtype):
    X = np.array([["bad", "film"], ["good", "film"]], dtype=dtype)
    assert_codes(SequenceTokenizer().fit_transform(X), [[2, 1], [3, 1]])


def test_equal_lengths_stay_sequences():
    assert_codes(SequenceTokenizer().fit_transform(["a b", "b a", "a a"]), [[1, 2], [2, 1], [1, 1]])
    assert_codes(SequenceTokenizer().fit_transform(["a", "b"]), [[1], [2]])


def test_X_is_not_changed():
    X = [["A", "b"], np.array(["C"])]
    SequenceTokenizer().fit_transform(X)
    assert X[0] == ["A", "b"]
    assert X[1].tolist() == ["C"]


# ------------------------------------------------------------------- bad texts

BAD = [
    # one text, or no texts at all
    ("good", "list of texts. Got one string: put it in a list"),
    (np.str_("good"), "list of texts. Got one string"),
    (b"good", "list of texts. Got one bytes object"),
    (None, "X must be a list, array or Series of texts.*Got None"),
    (3, "X must be a list, array or Series of texts.*Got 3"),
    ({"a": "good"}, "X must be a list, array or Series of texts.*Got {'a': 'good'}"),
    ((s for s in ["good"]), "X must be a list, array or Series of texts.*Got <generator"),
    (np.full((2, 3, 4), "A"), r"X must be a list.*Got shape \(2, 3, 4\)"),
    ([], r"X has 0 text\(s\)"),
    (np.empty((0, 3), dtype="U1"), r"X has 0 text\(s\)"),
    (pd.DataFrame({"title": ["a"], "body": ["b"]}), r"Got 2 columns, \['title', 'body'\]: select"),
    (pl.DataFrame({"title": ["a"], "body": ["b"]}), r"Got 2 columns, \['title', 'body'\]: select"),
    (pd.DataFrame(index=[0, 1]), r"one column of texts. Got 0 columns"),
    # a sample that is no text
    (["a", None], r"Sample 1 of X is missing \(None\)"),
    (["a", float("nan")], r"Sample 1 of X is missing \(nan\)"),
    (objects(["a", np.nan]), r"Sample 1 of X is missing \(nan\)"),
    (pd.Series(["a", None]), "Sample 1 of X is missing"),
    (pd.Series(["a", pd.NA], dtype="string"), "Sample 1 of X is missing"),
    (pl.Series(["a", None]), "Sample 1 of X is missing"),
    (pd.DataFrame({"text": ["a", None]}), "Sample 1 of X is missing"),
    (pl.DataFrame({"text": ["a", None]}), "Sample 1 of X is missing"),
    (["a", 3], "Sample 1 of X must be a text or a list of words. Got 3, of type int"),
    (np.arange(3), "Sample 0 of X must be a text or a list of words. Got 0, of type int"),
    (["a", b"b"], "Sample 1 of X must be .* Got b'b', of type bytes. Decode it first"),
    (["a", {"b"}], "Sample 1 of X must be a text .*of type set"),
    (["a", np.array([["b"]])], r"Sample 1 of X must be .*Got shape \(1, 1\), of type ndarray"),
    # a word that is none
    ([["a", None]], r"word at sample 0, position 1 of X is missing \(None\)"),
    ([["a"], ["b", np.nan]], r"word at sample 1, position 1 of X is missing \(nan\)"),
    (np.array([["a", None]], dtype=object), "word at sample 0, position 1 of X is missing"),
    ([["a", 1]], "must be strings. Got 1, of type int, at sample 0, position 1 of X"),
    (np.zeros((2, 3)), "must be strings. Got 0.0, of type float, at sample 0, position 0"),
    (np.zeros((2, 1)), "must be strings. Got 0.0, of type float, at sample 0, position 0"),
    (pd.DataFrame({"a": [1, 2]}), "must be strings. Got 1, of type int, at sample 0"),
    ([["a"], [["b"]]], r"must be strings. Got \['b'\], of type list, at sample 1, position 0"),
    ([["a"], [b"b"]], "must be strings. Got b'b', of type bytes, at sample 1, position 0"),
]


@pytest.mark.parametrize("method", ["fit", "transform", "fit_transform"])
@pytest.mark.parametrize(
    ("X", "message"), BAD, ids=lambda value: repr(value).split(" at 0x")[0][:40]
)
def test_bad_texts(X, message, method):
    tokenizer = SequenceTokenizer()
    if method == "transform":
        tokenizer.fit(["a b"])
    with pytest.raises(ValueError, match=message):
        getattr(tokenizer, method)(X)


@pytest.mark.parametrize("X", [["", "..."], [[], []], ["", []]])
def test_no_word_at_all(X):
    with pytest.raises(ValueError, match="X holds no word: all its texts are empty"):
        SequenceTokenizer().fit(X)


def test_no_word_is_frequent_enough():
    message = "^The 'min_df' parameter of SequenceTokenizer must be at most 2: .* Got 3 instead.$"
    with pytest.raises(ValueError, match=message):
        SequenceTokenizer(min_df=3).fit(["a a a", "b", "a"])


@pytest.mark.parametrize("result", [None, "good", 3, [1], ["good", None], [["good"]], [b"good"]])
def test_a_tokenizer_that_does_not_return_words(result):
    message = "'tokenizer' parameter of SequenceTokenizer must return the words of a text"
    tokenizer = SequenceTokenizer(tokenizer=lambda text: text.split() if text == "a" else result)
    got = re.escape(f"Got {result!r} for sample 1 of X")
    for call in (tokenizer.fit, tokenizer.fit(["a"]).transform):
        with pytest.raises(ValueError, match=f"{message}.*{got}"):
            call(["a", "b"])


@pytest.mark.parametrize(
    ("parameter", "value", "requirement"),
    [
        ("tokenizer", "split", "a callable or None"),
        ("tokenizer", re.compile("a"), "a callable or None"),
        ("lowercase", "yes", "'bool'"),
        ("lowercase", None, "'bool'"),
        ("min_df", 0, "an int in the range [1, inf)"),
        ("min_df", 0.1, "an int in the range [1, inf)"),
        ("min_df", None, "an int in the range [1, inf)"),
        ("max_features", 0, "an int in the range [1, inf) or None"),
        ("max_features", 10.0, "an int in the range [1, inf) or None"),
        ("max_features", "all", "an int in the range [1, inf) or None"),
    ],
)
def test_bad_parameter(parameter, value, requirement):
    start = f"The '{parameter}' parameter of SequenceTokenizer must be"
    tokenizer = SequenceTokenizer(**{parameter: value})
    for method in ("fit", "fit_transform"):
        with pytest.raises(ValueError, match=f"^{start}") as error:
            getattr(tokenizer, method)(["a"])
        assert requirement in str(error.value)
        assert f"Got {value!r} instead" in str(error.value)


# ------------------------------------------------------------ codes back to words


@pytest.mark.parametrize(
    "make", [list, objects, lambda rows: [row.tolist() for row in rows], pd.Series, pl.Series]
)
def test_inverse_transform(make):
    tokenizer = SequenceTokenizer(max_features=3).fit(TEXTS)
    codes = make(tokenizer.transform(TEXTS))
    assert tokenizer.inverse_transform(codes) == [
        ["the", "<unk>", "was", "good", "the", "<unk>", "was", "good"],
        ["the", "<unk>", "<unk>", "good"],
        ["<unk>", "was", "<unk>"],
    ]


def test_inverse_transform_drops_padding():
    tokenizer = SequenceTokenizer().fit(["a b"])
    for dtype in (np.int64, np.int8):
        padded = np.array([[1, 2, -1], [-1, 2, 0], [-1, -1, 1]], dtype=dtype)
        assert tokenizer.inverse_transform(padded) == [["a", "b"], ["b", "<unk>"], ["a"]]


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([[1], [2, 3]], "integers from 0 to 2. Got 3 at sample 1, position 1 of X"),
        ([[1, -2]], "integers from 0 to 2. Got -2 at sample 0, position 1 of X"),
        ([[1], [0.5]], "Sample 1 of X must be a 1-D array of integer codes. Got .0.5."),
        ([[1], []], "Sample 1 of X must be a 1-D array of integer codes"),
        ([1, 2], "Sample 0 of X must be a 1-D array of integer codes. Got 1"),
        (np.zeros((1, 2, 1), dtype=int), "Sample 0 of X must be a 1-D array of integer codes"),
        (["a"], "Sample 0 of X must be a 1-D array of integer codes. Got 'a'"),
        ([["a"]], "Sample 0 of X must be a 1-D array of integer codes. Got .'a'."),
        (3, "X must be a list or an array of codes. Got 3"),
        (None, "X must be a list or an array of codes. Got None"),
    ],
)
def test_bad_codes(X, message):
    with pytest.raises(ValueError, match=message):
        SequenceTokenizer().fit(["a b"]).inverse_transform(X)


@pytest.mark.parametrize("method", ["transform", "inverse_transform"])
def test_not_fitted(method):
    with pytest.raises(NotFittedError):
        getattr(SequenceTokenizer(), method)([[1]])


# ------------------------------------------------------------- scikit-learn's rules


class NumbersToTable(SequenceTokenizer):
    """The tokenizer between numbers and a table, for checks that bring their own data."""

    @staticmethod
    def texts(X):
        return [" ".join(f"w{int(cell) % 7}" for cell in row) for row in np.asarray(X)]

    def fit(self, X, y=None):
        self.n_features_in_ = np.asarray(X).shape[1]
        return super().fit(self.texts(X), y)

    def transform(self, X):
        check_is_fitted(self)
        # Only because a table is compared with the one of fit; texts are of any length.
        if np.asarray(X).shape[1] != self.n_features_in_:
            raise ValueError("another number of columns")
        return np.array([*super().transform(self.texts(X))])


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
    "check_parameters_default_constructible",
]
WITH_DATA = [
    "check_dict_unchanged",
    "check_dont_overwrite_parameters",
    "check_estimators_fit_returns_self",
    "check_estimators_overwrite_params",
    "check_estimators_pickle",
    "check_estimators_unfitted",
    "check_f_contiguous_array_estimator",
    "check_fit_check_is_fitted",
    "check_fit_idempotent",
    "check_fit_score_takes_y",
    "check_fit2d_1feature",
    "check_fit2d_1sample",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_pipeline_consistency",
    "check_readonly_memmap_input",
    "check_transformer_general",
    "check_transformers_unfitted",
]


@pytest.mark.parametrize("name", WITHOUT_DATA)
def test_checks_without_data(name):
    getattr(estimator_checks, name)("SequenceTokenizer", SequenceTokenizer())


@pytest.mark.parametrize("name", WITH_DATA)
def test_checks_with_data(name):
    getattr(estimator_checks, name)("NumbersToTable", NumbersToTable())


def test_tags():
    tags = get_tags(SequenceTokenizer())
    assert tags.input_tags.string
    assert not tags.input_tags.two_d_array
    assert tags.requires_fit
    assert tags.transformer_tags.preserves_dtype == []


@pytest.mark.parametrize("tokenizer", [None, str.split, re.compile(r"\w+").findall, list])
def test_clone_and_pickle(tokenizer):
    fitted = SequenceTokenizer(tokenizer=tokenizer, max_features=5).fit(TEXTS)
    assert not hasattr(clone(fitted), "vocabulary_")
    for copy in (clone(fitted).fit(TEXTS), pickle.loads(pickle.dumps(fitted))):
        assert copy.vocabulary_ == fitted.vocabulary_
        assert_codes(copy.transform(TEXTS), fitted.transform(TEXTS))


@pytest.mark.parametrize("container", ["default", "pandas", "polars"])
def test_set_output_leaves_sequences(container):
    tokenizer = SequenceTokenizer()
    assert tokenizer.set_output(transform=container) is tokenizer
    assert_codes(tokenizer.fit_transform(SHORT), [[3, 2], [1]])


# -------------------------------------------------------------------- pipelines


@pytest.fixture(scope="module")
def reviews():
    """Sentences that a few epochs learn."""
    bunch = make_sentiment(400, negation_rate=0, random_state=0)
    return bunch.data, bunch.target_names[bunch.target]


def make_model(max_epochs=12, **parameters):
    return make_pipeline(
        SequenceTokenizer(**parameters),
        LSTMClassifier(16, embedding_size=8, max_epochs=max_epochs, random_state=0),
    )


def test_pipeline_predicts_the_same_from_every_container(reviews):
    X, y = reviews
    model = make_model().set_output(transform="pandas").fit(list(X), y)
    expected = model.predict_proba(X)
    assert model.score(X, y) > 0.8
    frame = pd.DataFrame({"text": X, "other": 1.0})
    words = [text.split() for text in X]
    for other in (list(X), frame["text"], frame[["text"]], pl.Series(X), words):
        assert_array_equal(model.predict_proba(other), expected)


def test_a_text_is_predicted_alike_alone_and_among_others(reviews):
    X, y = reviews
    model = make_model(max_epochs=2).fit(X, y)
    texts = ["a film", "the film was good", "", "word unheard of", *X[:20]]
    together = model.predict_proba(texts)
    alone = np.vstack([model.predict_proba([text]) for text in texts])
    np.testing.assert_allclose(alone, together, rtol=1e-5)


def test_cross_validation_and_grid_search(reviews):
    X, y = reviews
    scores = cross_val_score(make_model(max_epochs=1), pd.Series(X), y, cv=2, error_score="raise")
    assert scores.shape == (2,)
    # Six words are but the most frequent, which say nothing.
    grid = {"sequencetokenizer__max_features": [6, None], "lstmclassifier__embedding_size": [8]}
    search = GridSearchCV(make_model(), grid, cv=2, error_score="raise").fit(X, y)
    few, all_words = search.cv_results_["mean_test_score"]
    assert few < 0.6 < all_words
    assert search.best_params_["sequencetokenizer__max_features"] is None
    assert search.predict(["the film was very good"]).shape == (1,)
