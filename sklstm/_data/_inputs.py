"""Reading the X of an estimator."""

from typing import Any

from .._utils._sklearn import check_feature_names
from ._codes import read_codes
from ._reading import read_sequences
from ._sequences import Sequences


def read_input(X: Any, estimator: Any, *, codes: bool) -> Sequences:
    """Read X as codes, or as sequences of numbers, in the layout that ``estimator`` asks for."""
    read = read_codes if codes else read_sequences
    return read(X, n_timesteps=estimator.n_timesteps, estimator=estimator)


def read_known(X: Any, estimator: Any, *, codes: bool) -> Sequences:
    """Read X, which must have the features that an estimator was fitted with.

    Parameters
    ----------
    X : array, DataFrame, list or object array
    estimator : object
        With ``n_timesteps``, ``n_sequence_features_``, ``n_features_in_``, ``_n_columns`` and,
        where there were names, ``feature_names_in_``.
    codes : bool
        Whether X holds integer codes.

    Raises
    ------
    ValueError, TypeError
        Where X has other features, or is nothing that can be read.
    """
    name = type(estimator).__name__
    if hasattr(X, "columns"):
        check_feature_names(estimator, X, reset=False)
    sequences = read_input(X, estimator, codes=codes)
    if sequences.first_frame is not None:
        check_feature_names(estimator, sequences.first_frame, reset=False)
    if sequences.layout == "table":
        if not hasattr(X, "columns"):
            check_feature_names(estimator, X, reset=False)
        if estimator._n_columns not in (None, sequences.n_columns):
            raise ValueError(
                f"X has {sequences.n_columns} features, but {name} is expecting "
                f"{estimator._n_columns} features as input."
            )
    if sequences.n_features != estimator.n_sequence_features_:
        hint = ""
        if sequences.layout == "table":
            hint = (
                " In 2-D X every column is a time step of one feature: set n_timesteps=, or "
                "pass one sequence as X[None]."
            )
        elif sequences.uniform and sequences.max_length == estimator.n_sequence_features_:
            hint = " The features are the last axis of X, and the time steps the one before."
        raise ValueError(
            f"X has {sequences.n_features} features per time step, but {name} is expecting "
            f"{estimator.n_sequence_features_} features as input.{hint}"
        )
    return sequences
