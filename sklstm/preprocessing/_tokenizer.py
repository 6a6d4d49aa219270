"""SequenceTokenizer: texts or lists of words to sequences of integer codes."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._utils._sklearn import Interval, fit_context
from ._base import SequenceTransformer
from ._items import is_missing_cell, read_items

_UNKNOWN = 0
_UNKNOWN_WORD = "<unk>"
_PADDING = -1


class SequenceTokenizer(SequenceTransformer):
    """Turn texts, or lists of words, into sequences of integer codes.

    The words of the texts of ``fit`` get the codes 1, 2, 3 and so on, from the most frequent word
    on, words of equal frequency in alphabetical order. Code 0 is every other word. An estimator
    with ``embedding_size`` reads the codes, so that two steps classify texts (see Examples).

    Parameters
    ----------
    tokenizer : callable, default=None
        Takes a text and returns its words, a list of str: ``str.split``, ``list`` for
        characters, or ``re.compile(pattern).findall``. None takes runs of letters, digits and
        underscores as words: one-letter words count, ``"don't"`` is one word, punctuation and
        emoji are dropped. It is not called for what comes as a list of words.
    lowercase : bool, default=True
        Whether texts (before the tokenizer sees them) and words of lists become lower case.
    min_df : int, default=1
        Words in fewer texts than this get code 0. On real texts, try 2 (see Notes).
    max_features : int, default=None
        The largest number of words with a code of their own, the most frequent ones. Code 0 is
        not counted. None keeps all.

    Attributes
    ----------
    vocabulary_ : dict of str to int
        The code of each word, in the order of the codes.

    See Also
    --------
    SequenceOneHotEncoder : Symbols of a small, known alphabet.
    sklearn.feature_extraction.text.CountVectorizer : Counts of words, without their order.

    Notes
    -----
    The parameters mean what they mean in ``CountVectorizer``, where it has them.

    A text without a word becomes the single code 0, because a sequence needs a time step. So an
    empty comment is no error, and its prediction is that of a single unknown word. A missing text
    is an error.

    By a word that only one text has, a network learns this text by heart. With ``min_df=2`` such
    words are unknown, as new words will be, and the network learns what to do about those. With a
    name of its own in each sentence of :func:`~sklstm.datasets.make_sentiment`, the accuracy of an
    LSTM on other sentences rose from 0.87 (mean of three sets, lowest 0.62) to 1.00. With the
    default, which keeps small examples whole, unknown words are vectors of zeros to the network.

    Without ``tokenizer``, typographic apostrophes are made straight and accents are composed
    (Unicode NFC), so that one word has one code. Accents and vowel signs belong to their letter
    in every script. Chinese, Japanese and Thai do not put spaces between words: they need a
    ``tokenizer``.

    The output is an object array of int64 arrays. In a list, codes of equal length would be a
    table. A padded array would be as wide as the longest text of each call.
    ``ColumnTransformer`` stacks tables, so select the column of a DataFrame before this step.

    Long texts are not cut. A ``tokenizer`` can return the first words alone.

    Examples
    --------
    >>> from sklstm.preprocessing import SequenceTokenizer
    >>> tokenizer = SequenceTokenizer()
    >>> tokenizer.fit_transform(["A good film.", "It isn't a GOOD film!"])
    array([array([1, 3, 2]), array([5, 4, 1, 3, 2])], dtype=object)
    >>> tokenizer.vocabulary_
    {'a': 1, 'film': 2, 'good': 3, "isn't": 4, 'it': 5}
    >>> codes = tokenizer.transform(["A good book", "..."])
    >>> codes
    array([array([1, 3, 0]), array([0])], dtype=object)
    >>> tokenizer.inverse_transform(codes)
    [['a', 'good', '<unk>'], ['<unk>']]
    >>> tokenizer = tokenizer.set_output(transform="default")  # sequences are never a DataFrame

    In front of an LSTM:

    >>> from sklearn.pipeline import make_pipeline
    >>> from sklstm import LSTMClassifier
    >>> model = make_pipeline(
    ...     SequenceTokenizer(), LSTMClassifier(embedding_size=4, max_epochs=40, random_state=0)
    ... )
    >>> texts = ["good", "not good", "bad", "not bad", "very good", "not very good"]
    >>> model.fit(texts, ["+", "-", "-", "+", "+", "-"])
    Pipeline(...)
    >>> model.predict(["not good", "very good"])
    array(['-', '+'], dtype='<U1')
    """

    _parameter_constraints: dict[str, Any] = {
        "tokenizer": [callable, None],
        "lowercase": ["boolean"],
        "min_df": [Interval(Integral, 1, None, closed="left")],
        "max_features": [Interval(Integral, 1, None, closed="left"), None],
    }

    def __init__(self, *, tokenizer=None, lowercase=True, min_df=1, max_features=None):
        self.tokenizer = tokenizer
        self.lowercase = lowercase
        self.min_df = min_df
        self.max_features = max_features

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn which words have a code.

        Parameters
        ----------
        X : list, array, Series or DataFrame
            As in ``transform``.
        y : object, optional
            Ignored.

        Returns
        -------
        SequenceTokenizer
            The fitted tokenizer.

        Raises
        ------
        ValueError
            As ``transform``; where a parameter is not as described; where no word is left.
        """
        counts: Counter[str] = Counter()
        n_texts: Counter[str] = Counter()
        for words in self._read_words(X):
            counts.update(words)
            n_texts.update(set(words))
        if not counts:
            raise ValueError("X holds no word: all its texts are empty.")
        kept = [word for word in counts if n_texts[word] >= self.min_df]
        if not kept:
            raise ValueError(
                "The 'min_df' parameter of SequenceTokenizer must be at most "
                f"{max(n_texts.values())}: no word is in more texts of X. Got {self.min_df} "
                "instead."
            )
        kept.sort(key=lambda word: (-counts[word], word))
        self.vocabulary_ = {word: k for k, word in enumerate(kept[: self.max_features], start=1)}
        return self

    def transform(self, X):
        """Encode texts.

        Parameters
        ----------
        X : list, array, Series or DataFrame
            Texts, or lists or arrays of words. A DataFrame must have one column. In a 2-D array
            of several columns a row is a list of words.

        Returns
        -------
        object ndarray of shape (n,)
            Of int64 arrays of shape (length,), at least one code each.

        Raises
        ------
        ValueError
            Where a text or a word is missing or is no string, or where the tokenizer does not
            return strings. The message names the sample.
        """
        check_is_fitted(self)
        vocabulary = self.vocabulary_
        sequences = [
            np.array([vocabulary.get(word, _UNKNOWN) for word in words] or [_UNKNOWN], np.int64)
            for words in self._read_words(X)
        ]
        codes = np.empty(len(sequences), dtype=object)
        codes[:] = sequences
        return codes

    def inverse_transform(self, X):
        """Words of codes.

        Parameters
        ----------
        X : list or array of n integer arrays, or array of shape (n, n_timesteps)
            Codes; -1, the padding of arrays, is dropped.

        Returns
        -------
        list of n lists of str
            The words, lower case where ``lowercase`` made them so, and ``"<unk>"`` for code 0.

        Raises
        ------
        ValueError
            For anything but a code. The message names the sample and the position.
        """
        check_is_fitted(self)
        if not isinstance(X, Iterable):
            raise ValueError(f"X must be a list or an array of codes. Got {X!r}.")
        words = [_UNKNOWN_WORD, *self.vocabulary_]
        return [
            [words[code] for code in _read_codes(codes, sample, len(words))]
            for sample, codes in enumerate(X)
        ]

    def _read_words(self, X: Any) -> Iterator[list[str]]:
        """Words of one text after the other."""
        if hasattr(X, "columns") and len(X.columns) != 1:
            raise ValueError(
                f"X must be one column of texts. Got {len(X.columns)} columns, "
                f"{list(X.columns)!r}: select one, X[column]."
            )
        split = _split_words if self.tokenizer is None else self._call_tokenizer
        for sample, item in enumerate(read_items(X, "texts", "a text or a list of words")):
            if isinstance(item, str):
                yield split(item.lower() if self.lowercase else item, sample)
            else:
                words = _check_words(item, sample)
                yield [word.lower() for word in words] if self.lowercase else words

    def _call_tokenizer(self, text: str, sample: int) -> list[str]:
        tokenizer: Callable[[str], Iterable[str]] = self.tokenizer
        found = tokenizer(text)
        words = list(found) if isinstance(found, Iterable) and not isinstance(found, str) else None
        if words is None or not all(isinstance(word, str) for word in words):
            raise ValueError(
                "The 'tokenizer' parameter of SequenceTokenizer must return the words of a text, "
                f"as a list of str. Got {found!r} for sample {sample} of X."
            )
        return words

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        # What scikit-learn calls a 2-D array holds numbers.
        tags.input_tags.two_d_array = False
        tags.transformer_tags.preserves_dtype = []
        return tags


@cache
def _word_pattern() -> re.Pattern[str]:
    r"""Letters, digits and underscores, also with apostrophes between them.

    Accents and vowel signs, which ``\w`` leaves out, and the joiners of Persian and of Indian
    scripts do not end a word.
    """
    # Marks beyond, of historic scripts, would make every search ten times slower.
    points = map(chr, range(0x10000))
    marks = "".join(point for point in points if unicodedata.category(point) in ("Mn", "Mc"))
    part = rf"\w+(?:[{marks}\u200c\u200d]+\w*)*"
    return re.compile(rf"{part}(?:'{part})*")


def _split_words(text: str, sample: int) -> list[str]:
    text = unicodedata.normalize("NFC", text.replace("’", "'"))
    return _word_pattern().findall(text)


def _check_words(words: Any, sample: int) -> list[str]:
    for position, word in enumerate(words):
        if not isinstance(word, str):
            if is_missing_cell(word):
                raise ValueError(
                    f"The word at sample {sample}, position {position} of X is missing ({word!r}). "
                    "Drop it."
                )
            raise ValueError(
                f"Words must be strings. Got {word!r}, of type {type(word).__name__}, at sample "
                f"{sample}, position {position} of X."
            )
    return list(words)


def _read_codes(codes: Any, sample: int, n_codes: int) -> list[int]:
    """The codes of one sequence, without padding."""
    values = np.asarray(codes)
    if values.ndim != 1 or values.dtype.kind not in "iu":
        raise ValueError(
            f"Sample {sample} of X must be a 1-D array of integer codes. Got {codes!r}."
        )
    wrong = (values < _PADDING) | (values >= n_codes)
    if wrong.any():
        position = int(wrong.argmax())
        raise ValueError(
            f"Codes are integers from 0 to {n_codes - 1}. Got {values[position]} at sample "
            f"{sample}, position {position} of X."
        )
    return values[values != _PADDING].tolist()
