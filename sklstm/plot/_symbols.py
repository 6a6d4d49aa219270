"""Symbols of a sequence, from its codes or its one-hot features."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

UNKNOWN = "?"


def symbols_at(
    data: NDArray[np.float64], names: Sequence[str], symbols: Sequence[str] | None
) -> list[str]:
    """Symbol at each time step.

    Parameters
    ----------
    data : array of shape (n_timesteps, n_features) or (n_players,)
        Codes, of one feature; or one-hot features.
    names : sequence of str
        Of the features.
    symbols : sequence of str or None
        Of each code, or of each one-hot feature; None takes the names of the features.
    """
    if data is None or data.ndim != 2:
        raise ValueError("A logo is of sequences of symbols. This explanation is of other players.")
    if data.shape[1] == 1:
        if symbols is None:
            raise ValueError(
                "The 'symbols' parameter must name the symbol of each code for kind='logo', "
                "for example 'ACGT'. Got None."
            )
        codes = np.where(np.isnan(data[:, 0]), -1, data[:, 0]).astype(np.int64)
    else:
        if symbols is not None and len(symbols) != data.shape[1]:
            raise ValueError(
                f"The 'symbols' parameter must name {data.shape[1]} features. Got {len(symbols)}."
            )
        symbols = names if symbols is None else symbols
        if not np.isin(data, (0, 1)).all() or (data.sum(axis=1) > 1).any():
            raise ValueError("A logo is of symbols. The data are neither codes nor one-hot.")
        codes = np.where(data.any(axis=1), data.argmax(axis=1), -1)
    known: Any = list(symbols)
    return [str(known[code]) if 0 <= code < len(known) else UNKNOWN for code in codes]
