"""Everything the estimators accept as sample_weight."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._checks import to_numeric
from ._stored import as_array


def read_weights(sample_weight: Any, n_samples: int) -> NDArray[np.float64]:
    """Weight of each sample: 1 for None, the same for all where it is one number.

    Raises
    ------
    ValueError, TypeError
        Where it is not one finite number of at least 0 for each sample, or none is above 0; the
        message names the sample.
    """
    if sample_weight is None:
        return np.ones(n_samples)
    try:
        given = as_array(sample_weight)
    except ValueError as error:
        raise ValueError(f"sample_weight must be one number for each sample: {error}") from error
    if given.ndim and given.shape != (n_samples,):
        raise ValueError(
            f"sample_weight must be a 1D array of shape ({n_samples},), one number for each sample "
            f"of X, or one number for all. Got shape {given.shape}."
        )
    weights = np.broadcast_to(to_numeric(given, "sample_weight").astype(np.float64), n_samples)
    finite = np.isfinite(weights)
    if not finite.all():
        sample = int(np.argmin(finite))
        what = "NaN" if np.isnan(weights[sample]) else "infinity"
        raise ValueError(f"Input sample_weight contains {what}, at sample {sample}.")
    if (weights < 0).any():
        sample = int(np.argmax(weights < 0))
        raise ValueError(
            f"Negative values in sample_weight: {weights[sample]:g} at sample {sample}. Weights "
            "must be at least 0."
        )
    if not weights.any():
        raise ValueError("sample_weight: Sample weights must contain at least one non-zero number.")
    return weights.copy()
