"""SequenceOneHotEncoder: strings or lists of symbols to one-hot sequences."""

from itertools import chain, repeat
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._utils._sklearn import StrOptions, fit_context
from ._base import SequenceTransformer
from ._items import Symbols, is_missing_cell, read_items


class SequenceOneHotEncoder(SequenceTransformer):
    """One-hot encode sequences of symbols: DNA, proteins, codons, events.

    A sequence of ``length`` symbols becomes an array of shape ``(length, n_symbols)`` with a 1
    in the column of each symbol. Nothing is learned from X.

    Parameters
    ----------
    alphabet : str or list of str or list of int
        The symbols, in the order of the columns: a string of characters, ``"ACGT"``, or a list of
        strings of any length (codons, names of events) or of integers.
    handle_unknown : {"error", "zero", "uniform"}, default="error"
        What becomes of a symbol outside the alphabet: an error; a row of zeros; or a row of
        ``1 / n_symbols``, which is what N, any base, means in DNA.

    See Also
    --------
    sklearn.preprocessing.OneHotEncoder : The same for the columns of a table.

    Notes
    -----
    A string is a sequence of characters, so symbols of several characters come in lists:
    ``["ATG", "GCC"]``. The output is always a list of arrays, also where all lengths are equal;
    :meth:`set_output` does not change it. Only the estimators of this library read such a list:
    ``ColumnTransformer`` stacks tables, so select the column of a DataFrame before this step.
    A missing sequence or symbol is an error whatever ``handle_unknown`` says.

    Examples
    --------
    >>> from sklstm.preprocessing import SequenceOneHotEncoder
    >>> encoder = SequenceOneHotEncoder("ACGT", handle_unknown="uniform")
    >>> encoder.fit_transform(["GAT", "N"])
    [array([[0., 0., 1., 0.],
           [1., 0., 0., 0.],
           [0., 0., 0., 1.]], dtype=float32),
     array([[0.25, 0.25, 0.25, 0.25]], dtype=float32)]
    >>> encoder.get_feature_names_out()
    array(['A', 'C', 'G', 'T'], dtype=object)
    >>> [sequence.shape for sequence in encoder.transform(["GATTACA", "NN"])]
    [(7, 4), (2, 4)]
    >>> encoder = encoder.set_output(transform="default")  # sequences are never a DataFrame

    In front of an LSTM:

    >>> from sklearn.pipeline import make_pipeline
    >>> from sklstm import LSTMClassifier
    >>> model = make_pipeline(
    ...     SequenceOneHotEncoder("ACGT"), LSTMClassifier(bidirectional=True, random_state=0)
    ... )
    >>> model.fit(["TATAAT", "GCGC", "ATATA", "CGGGC"], ["AT", "GC", "AT", "GC"])
    Pipeline(...)
    >>> model.predict(["TTTAAAT", "CCGC"])
    array(['AT', 'GC'], dtype='<U2')
    """

    _parameter_constraints: dict[str, Any] = {
        "alphabet": [str, "array-like"],
        "handle_unknown": [StrOptions({"error", "zero", "uniform"})],
    }

    def __init__(self, alphabet, *, handle_unknown="error"):
        self.alphabet = alphabet
        self.handle_unknown = handle_unknown

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Check the parameters and X; there is nothing to learn.

        Parameters
        ----------
        X : array-like
            As in ``transform``.
        y : object, optional
            Ignored.

        Returns
        -------
        SequenceOneHotEncoder
            The encoder itself.

        Raises
        ------
        ValueError
            As ``transform``.
        """
        self._encode(X)
        return self

    def transform(self, X):
        """Encode sequences.

        Parameters
        ----------
        X : list, array, Series or DataFrame
            Sequences of any lengths, at least 1: strings, or lists or arrays of symbols. In a
            2-D array or a DataFrame a row is a sequence, a cell a symbol; of a single column
            each cell is a sequence.

        Returns
        -------
        list of n float32 arrays of shape (length, n_symbols)

        Raises
        ------
        ValueError
            Where the alphabet is empty or names a symbol twice; where a sequence or a symbol is
            missing or of another type than the alphabet; for an unknown symbol, with
            ``handle_unknown="error"``. The message names the sample and the position.
        """
        codes, lengths = self._encode(X)
        n_symbols = len(self.alphabet)
        columns = np.arange(n_symbols, dtype=codes.dtype)
        arrays = []
        start = 0
        for end in np.cumsum(lengths).tolist():
            sequence = codes[start:end]
            # The code of an unknown symbol is no column, so its row stays zero.
            array = (sequence[:, None] == columns).astype(np.float32)
            if self.handle_unknown == "uniform":
                array[sequence == n_symbols] = 1 / n_symbols
            arrays.append(array)
            start = end
        return arrays

    def get_feature_names_out(self, input_features=None):
        """Names of the columns: the symbols.

        Parameters
        ----------
        input_features : object, optional
            Ignored.

        Returns
        -------
        ndarray of shape (n_symbols,), str objects
        """
        return np.array([str(symbol) for symbol in _check_alphabet(self.alphabet)], dtype=object)

    def _encode(self, X: Any) -> tuple[NDArray[np.unsignedinteger], NDArray[np.int64]]:
        """Codes of all symbols, one sequence after the other, and the lengths of the sequences.

        A code is the position in the alphabet, or the size of the alphabet for what is unknown.
        """
        self._validate_params()
        alphabet = _check_alphabet(self.alphabet)
        characters = [symbol for symbol in alphabet if isinstance(symbol, str) and len(symbol) == 1]
        sequences = read_items(
            X,
            "sequences",
            "a string or a list of symbols",
            cells_are_strings=bool(characters),
        )
        lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
        if not lengths.all():
            raise ValueError(
                f"Sample {lengths.argmin()} of X has no symbol; it needs at least 1. Drop it."
            )
        are_strings = [isinstance(sequence, str) for sequence in sequences]
        if any(are_strings) and isinstance(alphabet[0], str) and not characters:
            raise ValueError(
                f"Sample {are_strings.index(True)} of X is a string, which is a sequence of single "
                f"characters, but the alphabet is {_shown(alphabet)}. Pass a list of symbols."
            )
        if all(are_strings) and characters:
            codes = _encode_strings(sequences, alphabet)
        else:
            codes = _encode_symbols(sequences, alphabet)
        if self.handle_unknown == "error" and codes.max() == len(alphabet):
            first = int((codes == len(alphabet)).argmax())
            ends = np.cumsum(lengths)
            sample = int(np.searchsorted(ends, first, side="right"))
            position = first - int(ends[sample] - lengths[sample])
            raise _unknown_symbol(sequences[sample][position], sample, position, alphabet)
        return codes, lengths

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        # What scikit-learn calls a 2-D array holds numbers.
        tags.input_tags.two_d_array = False
        tags.transformer_tags.preserves_dtype = []
        tags.requires_fit = False
        return tags


def _check_alphabet(alphabet: Any) -> list[Any]:
    """The symbols as a list; an error where they are not distinct strings or integers."""
    requirement = (
        "The 'alphabet' parameter of SequenceOneHotEncoder must be a string, or a list of "
        "distinct strings or integers."
    )
    symbols = alphabet.tolist() if hasattr(alphabet, "tolist") else alphabet
    if not isinstance(symbols, str | list | tuple | range):
        raise ValueError(f"{requirement} Got {alphabet!r} instead.")
    symbols = list(symbols)
    if not symbols:
        raise ValueError(f"{requirement} Got {alphabet!r}, which is empty.")
    kind = _kind(symbols)
    for position, symbol in enumerate(symbols):
        if not isinstance(symbol, kind) or isinstance(symbol, bool) or symbol == "":
            raise ValueError(f"{requirement} Got {symbol!r} at position {position}.")
    if len(set(symbols)) < len(symbols):
        twice = next(symbol for symbol in symbols if symbols.count(symbol) > 1)
        raise ValueError(f"{requirement} Got {twice!r} more than once.")
    return symbols


def _kind(alphabet: list[Any]) -> type:
    return str if isinstance(alphabet[0], str) else Integral


def _encode_strings(sequences: list[Any], alphabet: list[str]) -> NDArray[np.unsignedinteger]:
    """Codes of all characters, looked up by their code points."""
    points = {ord(symbol): k for k, symbol in enumerate(alphabet) if len(symbol) == 1}
    # The entry past the largest code point stands for all that lie beyond it.
    table = np.full(max(points) + 2, len(alphabet), dtype=np.min_scalar_type(len(alphabet)))
    table[list(points)] = list(points.values())
    text = "".join(sequences).encode("utf-32-le", errors="surrogatepass")
    return table.take(np.frombuffer(text, dtype="<u4"), mode="clip")


def _encode_symbols(sequences: list[Any], alphabet: list[Any]) -> NDArray[np.unsignedinteger]:
    """Codes of all symbols, looked up as objects; an error for what is no symbol at all."""
    unknown = len(alphabet)
    code = {symbol: k for k, symbol in enumerate(alphabet)}
    lengths = [len(sequence) for sequence in sequences]
    found = map(code.get, chain.from_iterable(sequences), repeat(unknown))
    try:
        codes = np.fromiter(found, np.min_scalar_type(unknown), sum(lengths))
    except TypeError:  # an unhashable symbol
        for sample, sequence in enumerate(sequences):
            _check_symbols(sequence, sample, _kind(alphabet))
        raise
    samples = np.searchsorted(np.cumsum(lengths), np.flatnonzero(codes == unknown), side="right")
    for sample in np.unique(samples).tolist():
        _check_symbols(sequences[sample], sample, _kind(alphabet))
    return codes


def _check_symbols(sequence: Symbols, sample: int, kind: type) -> None:
    """Raise where a symbol is missing or of another kind than those of the alphabet."""
    for position, symbol in enumerate(sequence):
        whole = kind is Integral and isinstance(symbol, Real) and symbol % 1 == 0
        if whole or isinstance(symbol, kind):
            continue
        where = f"at sample {sample}, position {position} of X"
        if is_missing_cell(symbol):
            raise ValueError(
                f"The symbol {where} is missing ({symbol!r}). Drop it, or give missing symbols a "
                "name of their own."
            )
        needed = "strings" if kind is str else "integers"
        raise ValueError(
            f"The symbols of the alphabet are {needed}. Got {symbol!r}, of type "
            f"{type(symbol).__name__}, {where}."
        )


def _unknown_symbol(symbol: Any, sample: int, position: int, alphabet: list[Any]) -> ValueError:
    message = (
        f"Unknown symbol {symbol!r} at sample {sample}, position {position} of X: the alphabet is "
        f"{_shown(alphabet)}."
    )
    for change in ("upper", "lower") if isinstance(symbol, str) else ():
        if getattr(symbol, change)() in alphabet:
            message += f" Only the case differs: call .{change}() on the sequences first."
    return ValueError(
        f"{message} handle_unknown='zero' or 'uniform' encodes unknown symbols as rows of zeros "
        "or of equal shares."
    )


def _shown(alphabet: list[Any]) -> str:
    if all(isinstance(symbol, str) and len(symbol) == 1 for symbol in alphabet):
        return repr("".join(alphabet))
    more = f" and {len(alphabet) - 20} more" if len(alphabet) > 20 else ""
    return repr(alphabet[:20]) + more
