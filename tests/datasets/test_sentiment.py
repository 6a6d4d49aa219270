"""make_sentiment: the label follows from the words and their order, not from the words alone."""

import re

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sklstm import LSTMClassifier
from sklstm.datasets import make_sentiment
from sklstm.preprocessing import SequenceTokenizer

JOINTS = {"and", "but", "while"}
POSITIVE = set(
    "good great funny clever moving charming brilliant wonderful excellent delightful superb "
    "enjoyable".split()
)
NEGATIVE = set(
    "bad boring dull silly weak tedious clumsy awful terrible dreadful annoying poor".split()
)
NEGATIONS = {"not", "wasn't", "never", "didn't", "wouldn't", "nobody", "no"}


def slow_reading(sentence):
    """Label, place of the sentiment word and of its negation, read from the text."""
    words = sentence.split(" ")
    (place,) = (k for k, word in enumerate(words) if word in POSITIVE | NEGATIVE)
    positive, k = words[place] in POSITIVE, place
    while k >= 0 and words[k] not in JOINTS:
        if words[k] in NEGATIONS:
            return int(not positive), place, k
        k -= 1
    return int(positive), place, -1


@pytest.mark.parametrize("negation_rate", [0, 0.3, 1])
@pytest.mark.parametrize("seed", [0, 1])
def test_what_is_returned_can_be_read_from_the_text(negation_rate, seed):
    bunch = make_sentiment(negation_rate=negation_rate, random_state=seed)
    expected = np.array([slow_reading(sentence) for sentence in bunch.data])
    assert_array_equal(bunch.target, expected[:, 0])
    assert_array_equal(bunch.sentiment_position, expected[:, 1])
    assert_array_equal(bunch.negation_position, expected[:, 2])
    assert_array_equal(bunch.negated, expected[:, 2] >= 0)


def test_the_lists_of_words_are_complete():
    bunch = make_sentiment(4000, negation_rate=0.5, random_state=0)
    assert set(bunch.positive_words) == POSITIVE
    assert set(bunch.negative_words) == NEGATIVE
    assert set(bunch.negation_words) == NEGATIONS
    for words in (bunch.positive_words, bunch.negative_words, bunch.negation_words):
        assert len(words) == len(set(words))
        assert set(words) <= set(" ".join(bunch.data).split(" "))


def test_shapes_and_types():
    bunch = make_sentiment(301, random_state=0)
    for key in ("data", "target", "negated", "sentiment_position", "negation_position"):
        assert bunch[key].shape == (301,)
    assert bunch.data.dtype.kind == "U"
    assert bunch.negated.dtype == bool
    for key in ("target", "sentiment_position", "negation_position"):
        assert bunch[key].dtype == np.int64
    assert np.bincount(bunch.target).tolist() == [151, 150]
    assert bunch.target_names.tolist() == ["negative", "positive"]
    assert "probability of\n0.3" in bunch.DESCR


def test_sentences_are_two_clauses_of_plain_words():
    for sentence in make_sentiment(random_state=0).data:
        assert re.fullmatch(r"[a-z']+( [a-z']+)*", sentence)
        assert len(JOINTS & set(sentence.split())) == 1
        assert len([word for word in sentence.split() if word in NEGATIONS]) <= 2


def test_the_words_are_those_of_the_tokenizer():
    bunch = make_sentiment(200, random_state=0)
    words = SequenceTokenizer().fit(bunch.data)
    found = words.inverse_transform(words.transform(bunch.data))
    assert found == [sentence.split(" ") for sentence in bunch.data]


def test_clauses_come_in_either_order_and_negations_at_their_rate():
    n, rate = 8000, 0.3
    bunch = make_sentiment(n, random_state=0)
    tolerance = 5 * np.sqrt(rate * (1 - rate) / n)
    assert abs(bunch.negated.mean() - rate) < tolerance
    words = [sentence.split() for sentence in bunch.data]
    n_negations = np.array([sum(word in NEGATIONS for word in sentence) for sentence in words])
    elsewhere = n_negations - bunch.negated
    assert set(elsewhere) == {0, 1}
    assert abs(elsewhere.mean() - rate) < tolerance
    # The other negation says nothing: neither about this one nor about the label.
    assert abs(elsewhere[bunch.negated].mean() - rate) < 2 * tolerance
    assert abs(elsewhere[bunch.target == 1].mean() - rate) < 2 * tolerance
    last = bunch.sentiment_position == [len(sentence) - 1 for sentence in words]
    assert abs(last.mean() - 0.5) < 5 * np.sqrt(0.25 / n)


def test_a_negation_is_some_words_away():
    bunch = make_sentiment(random_state=0)
    distance = (bunch.sentiment_position - bunch.negation_position)[bunch.negated]
    assert distance.min() == 2
    assert 6 < distance.mean() < 7


def test_neither_the_sentiment_word_nor_the_number_of_negations_decides():
    """Of one negation, the words alone do not say which clause it is in."""
    bunch = make_sentiment(8000, random_state=0)
    words = [sentence.split() for sentence in bunch.data]
    one_negation = np.array([sum(word in NEGATIONS for word in found) == 1 for found in words])
    positive_word = np.array([not POSITIVE.isdisjoint(found) for found in words])
    kept = (positive_word == bunch.target)[one_negation]
    assert len(kept) > 3000
    assert abs(kept.mean() - 0.5) < 5 * np.sqrt(0.25 / len(kept))


def test_random_state():
    first, again = (make_sentiment(random_state=3) for _ in range(2))
    for key in ("data", "target", "negation_position"):
        assert_array_equal(first[key], again[key])
    rng = np.random.RandomState(3)
    assert_array_equal(make_sentiment(random_state=rng).data, first.data)
    assert (make_sentiment(random_state=rng).data != first.data).any()


def test_without_a_random_state_each_call_differs_and_no_global_state_is_touched():
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    first, second = (make_sentiment() for _ in range(2))
    assert (first.data != second.data).any()
    assert_array_equal(np.random.get_state()[1], before)


def test_return_X_y():
    bunch = make_sentiment(random_state=0)
    X, y = make_sentiment(random_state=0, return_X_y=True)
    assert_array_equal(X, bunch.data)
    assert_array_equal(y, bunch.target)


def test_an_lstm_reads_negations_and_counts_of_words_do_not():
    bunch = make_sentiment(random_state=0)
    X, y, negated = bunch.data, bunch.target, bunch.negated[1500:]

    def accuracies(model):
        right = model.fit(X[:1500], y[:1500]).predict(X[1500:]) == y[1500:]
        return right[~negated].mean(), right[negated].mean()

    for n_words in (1, 2):
        counts = CountVectorizer(token_pattern=r"\S+", ngram_range=(1, n_words))
        plain, turned = accuracies(make_pipeline(counts, LogisticRegression(max_iter=1000)))
        assert plain > 0.7
        assert turned < 0.4
    lstm = LSTMClassifier(embedding_size=16, max_epochs=20, random_state=0)
    plain, turned = accuracies(make_pipeline(SequenceTokenizer(), lstm))
    assert plain > 0.97
    assert turned > 0.93


@pytest.mark.parametrize(
    ("parameter", "value", "requirement"),
    [
        ("n_samples", 1, "an integer of at least 2"),
        ("n_samples", 10.0, "an integer of at least 2"),
        ("n_samples", True, "an integer of at least 2"),
        ("n_samples", None, "an integer of at least 2"),
        ("negation_rate", -0.1, "a finite number between 0 and 1"),
        ("negation_rate", 1.1, "a finite number between 0 and 1"),
        ("negation_rate", float("nan"), "a finite number between 0 and 1"),
        ("negation_rate", "0.1", "a finite number between 0 and 1"),
        ("random_state", -1, "an integer from 0"),
        ("random_state", np.random.default_rng(0), "an integer from 0"),
        ("return_X_y", 1, "True or False"),
    ],
)
def test_bad_parameter(parameter, value, requirement):
    start = f"The '{parameter}' parameter of make_sentiment must"
    with pytest.raises(ValueError, match=f"^{start}.*{re.escape(requirement)}") as error:
        make_sentiment(**{parameter: value})
    assert f"Got {value!r}" in str(error.value)
