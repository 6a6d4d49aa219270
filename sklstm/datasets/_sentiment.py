"""Sentences whose sentiment depends on which word a negation belongs to."""

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from ._checks import check_integer, check_number, new_random_state
from ._reader import check_flag

_NAME = "make_sentiment"
_POSITIVE = (
    *("good", "great", "funny", "clever", "moving", "charming"),
    *("brilliant", "wonderful", "excellent", "delightful", "superb", "enjoyable"),
)
_NEGATIVE = (
    *("bad", "boring", "dull", "silly", "weak", "tedious"),
    *("clumsy", "awful", "terrible", "dreadful", "annoying", "poor"),
)
_NEUTRAL = (
    *("long", "short", "loud", "quiet", "modern", "simple"),
    *("serious", "dark", "unusual", "familiar", "american", "french"),
)
_SUBJECTS = (
    *("the film", "the story", "the plot", "the acting", "the music"),
    *("the ending", "the script", "the cast", "the dialogue", "the first half"),
)
# How a clause begins: as it stands, and with a negation.
_OPENINGS = (
    ("{} was", "{} was not"),
    ("{} was", "{} wasn't"),
    ("{} was always", "{} was never"),
    ("i found {}", "i didn't find {}"),
    ("i found {}", "i never found {}"),
    ("i would call {}", "i wouldn't call {}"),
    ("everybody found {}", "nobody found {}"),
    ("some critics called {}", "no critics called {}"),
)
_NEGATIONS = ("not", "wasn't", "never", "didn't", "wouldn't", "nobody", "no")
# What stands between a negation and the word that it negates; every fourth clause has no remark.
_REMARKS = (
    *("", "", "to be honest ", "in the end "),
    *("on the whole ", "to my mind ", "if you ask me ", "all in all "),
)
_DEGREES = ("very", "really", "particularly", "so", "truly", "especially")
_JOINTS = ("and", "but", "while")

_DESCR = """\
Sentences with negations
------------------------

Sentences of two clauses, made by sklstm.datasets.make_sentiment: one with a sentiment word, one
with a neutral word, in either order. Each clause has a negation with a probability of
{negation_rate:g}. The label is the sentiment of the word, turned round where its own clause is
negated.
"""


def make_sentiment(
    n_samples: int = 2000,
    *,
    negation_rate: float = 0.3,
    random_state: int | np.random.RandomState | None = None,
    return_X_y: bool = False,
) -> Bunch | tuple[NDArray[np.str_], NDArray[np.int64]]:
    """Make sentences whose sentiment depends on the place of a negation (classification).

    A sentence has two clauses, in either order. One holds a sentiment word, *the music was not to
    my mind very good*; the other a neutral word, *the story was really long*. Either can have a
    negation, in front and some words away. Only the negation in the clause of the sentiment word
    turns the sentiment round [1]_. So the same words in another order can mean the opposite.

    Parameters
    ----------
    n_samples : int, default=2000
        Number of sentences, at least 2. With an odd number the negative ones are one more.
    negation_rate : float, default=0.3
        Probability with which a clause has a negation.
    random_state : int, RandomState instance or None, default=None
        Fixes the sentences. None is different in every call.
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    data : Bunch
        With the attributes:

        data : ndarray of shape (n_samples,), str
            The sentences: lower case, one space between words, no punctuation but apostrophes.
        target : ndarray of shape (n_samples,), int64
            1 where the sentence is positive, else 0.
        target_names : ndarray of shape (2,), str
            ``"negative"`` and ``"positive"``.
        negated : ndarray of shape (n_samples,), bool
            Whether the sentiment word is negated.
        sentiment_position : ndarray of shape (n_samples,), int64
            Which word is the sentiment word, counted from 0.
        negation_position : ndarray of shape (n_samples,), int64
            Which word is the negation that belongs to it; -1 where there is none.
        positive_words, negative_words, negation_words : list of str
            All sentiment words and negations there are.
        DESCR : str
            The description of the data set.

    (data, target) : tuple of two ndarrays
        If ``return_X_y=True``.

    Raises
    ------
    ValueError
        If a parameter is not as described.

    Notes
    -----
    Mean accuracy on 5 default sets, 1500 sentences to train on and 500 to test, on all of these,
    and on those whose sentiment word is negated:

    ====================================================  =====  =======
    model                                                   all  negated
    ====================================================  =====  =======
    logistic regression on counts of words                0.663    0.074
    the same, with pairs of neighbouring words            0.612    0.235
    random forest of 300 trees on counts of words         0.683    0.205
    ``LSTMClassifier(embedding_size=16, max_epochs=20)``  0.998    0.996
    ====================================================  =====  =======

    Counts learn the usual meaning of a word. They do not say which clause a negation is in, and
    neighbouring words do not reach from a negation to the word that it turns round. The LSTM fits
    in 4 seconds on one core.

    References
    ----------
    .. [1] L. Polanyi and A. Zaenen (2006). Contextual valence shifters. In: Computing Attitude
       and Affect in Text, 1-10. Springer.

    Examples
    --------
    >>> from sklstm.datasets import make_sentiment
    >>> reviews = make_sentiment(random_state=0)
    >>> print(reviews.data[2])
    nobody found the film to be honest truly delightful and i found the film very serious
    >>> print(reviews.target_names[reviews.target[2]])
    negative
    >>> words = reviews.data[2].split()
    >>> words[reviews.negation_position[2]], words[reviews.sentiment_position[2]]
    ('nobody', 'delightful')

    The order of the words, in an LSTM:

    >>> from sklearn.pipeline import make_pipeline
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.preprocessing import SequenceTokenizer
    >>> lstm = LSTMClassifier(embedding_size=16, max_epochs=20, random_state=0)
    >>> model = make_pipeline(SequenceTokenizer(), lstm)
    >>> _ = model.fit(reviews.data[:1500], reviews.target[:1500])
    >>> bool(model.score(reviews.data[1500:], reviews.target[1500:]) > 0.95)
    True
    """
    check_integer(_NAME, "n_samples", n_samples, minimum=2)
    check_number(_NAME, "negation_rate", negation_rate, maximum=1)
    check_flag(_NAME, "return_X_y", return_X_y)
    rng = new_random_state(_NAME, random_state)

    target = rng.permutation(np.arange(n_samples, dtype=np.int64) % 2)
    # The clauses of column 0 hold the sentiment words.
    negations = rng.uniform(size=(n_samples, 2)) < negation_rate
    negated = negations[:, 0]
    polarity = target ^ negated
    place = rng.randint(len(_POSITIVE), size=n_samples)
    sentiments = np.array([_NEGATIVE, _POSITIVE])[polarity, place]
    neutrals = np.array(_NEUTRAL)[rng.randint(len(_NEUTRAL), size=n_samples)]
    opinions = _draw_clauses(sentiments, negated, rng)
    facts = _draw_clauses(neutrals, negations[:, 1], rng)
    joints = np.array(_JOINTS)[rng.randint(len(_JOINTS), size=n_samples)]
    opinion_first = rng.randint(2, size=n_samples) == 0

    data = np.array(
        [
            " ".join([*opinion, joint, *fact] if first else [*fact, joint, *opinion])
            for opinion, fact, joint, first in zip(
                opinions, facts, joints, opinion_first, strict=True
            )
        ]
    )
    if return_X_y:
        return data, target
    starts = np.where(opinion_first, 0, [len(fact) + 1 for fact in facts])
    negation_position = starts + [_find_negation(opinion) for opinion in opinions]
    return Bunch(
        data=data,
        target=target,
        target_names=np.array(["negative", "positive"]),
        negated=negated,
        sentiment_position=starts + [len(opinion) - 1 for opinion in opinions],
        negation_position=np.where(negated, negation_position, -1),
        positive_words=list(_POSITIVE),
        negative_words=list(_NEGATIVE),
        negation_words=list(_NEGATIONS),
        DESCR=_DESCR.format(negation_rate=float(negation_rate)),
    )


def _draw_clauses(
    words: NDArray[np.str_], negated: NDArray[np.bool_], rng: np.random.RandomState
) -> list[list[str]]:
    """The words of one clause around, and ending with, each of ``words``."""
    tables = (_OPENINGS, _SUBJECTS, _REMARKS, _DEGREES)
    draws = [rng.randint(len(table), size=len(words)) for table in tables]
    clauses = []
    for word, negation, o, s, r, d in zip(words, negated, *draws, strict=True):
        opening = _OPENINGS[o][int(negation)].format(_SUBJECTS[s])
        clauses.append(f"{opening} {_REMARKS[r]}{_DEGREES[d]} {word}".split())
    return clauses


def _find_negation(clause: list[str]) -> int:
    return next((k for k, word in enumerate(clause) if word in _NEGATIONS), -1)
