"""The row of X that a display is of."""

from typing import Any

from ..explain._composition import check_model, named_steps
from ..explain._pipelines import SYMBOLS, Route, is_lstm
from ..preprocessing import SequenceOneHotEncoder
from ._checks import position


def one_row(model: Any, X: Any, row: Any) -> tuple[Any, int, Any]:
    """X without the rows that a row does not need, its position in them, and the index of X."""
    check_model(model)
    n = X.shape[0] if hasattr(X, "shape") else len(X)
    row = position("row", row, n)
    index = getattr(X, "index", None)
    index = None if callable(index) else index  # of a list it is a method
    if Route.of(model, X).windowed:  # its window holds rows before it
        return X, row, index
    return (X.iloc[[row]] if hasattr(X, "iloc") else X[row : row + 1]), 0, index


def symbols_of_pipeline(model: Any, X: Any) -> list[str] | None:
    """The symbol of each code, where the first step of a Pipeline makes codes of symbols."""
    first = Route.of(model, X).first
    if not first or type(first[0]) not in SYMBOLS:
        return None
    if type(first[0]) is SequenceOneHotEncoder:
        return [str(symbol) for symbol in first[0].alphabet]
    return ["<unk>", *first[0].vocabulary_]


def fitted_lstm(model: Any) -> Any:
    """The LSTM at the end of a fitted Pipeline or search."""
    check_model(model)
    *_, (_, last) = named_steps(model)
    if not is_lstm(last):
        raise ValueError(f"The model must end in an LSTM of this library. Got {last!r:.80}.")
    return last
