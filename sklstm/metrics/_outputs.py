"""Which outputs of a model an explanation is of, and how several become one number."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..explain import Explanation
from ..explain._responses import Response

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Outputs are the same up to this share of what there is to explain, and this one of their size:
# networks compute the one in float32, and all models the other in float64.
SAME, ROUNDING = 1e-4, 1e-9


def columns_explained(
    explanation: Explanation, outputs: FloatArray, response: Response
) -> IntArray:
    """Of each output of the explanation, its position among all that the model returns.

    They are known by what the model returns for X; where that is the same for two, by name, or
    else the closest is meant.

    Parameters
    ----------
    explanation : Explanation
    outputs : array of shape (n,) + out
        All that the method returns for X.
    response : Response
    """
    n = len(explanation)
    if len(outputs) != n:
        raise ValueError(
            f"The 'explanation' parameter must be of this X. It has {n} rows, and X {len(outputs)}."
        )
    every = outputs.reshape(n, -1)
    if np.array_equal(outputs, explanation.output_values, equal_nan=True):
        return np.arange(every.shape[1])
    names = list(map(str, response.names or ())) if len(response.full_shape) < 2 else []
    wanted = explanation.output_values.reshape(n, -1)
    base = explanation.base_values.reshape(n, -1)
    own = explanation.output_names or ()
    found = []
    for i in range(wanted.shape[1]):
        places = np.flatnonzero(_same(every, wanted[:, [i]], base[:, [i]]))
        if not len(places):
            raise ValueError(
                "The 'explanation' parameter must be of this model and X: what "
                f"{response.method} returns for X is not among its output_values. (An explanation "
                "of a weighted sum of outputs cannot be measured; explain the outputs.)"
            )
        named = [p for p in places if len(own) > i and names[p : p + 1] == [str(own[i])]]
        if named:
            found.append(int(named[0]))
            continue
        distances = np.nan_to_num(np.abs(every[:, places] - wanted[:, [i]])).max(axis=0)
        closest = places[distances == distances.min()]
        found.append(i if i in closest else int(closest[0]))
    return np.array(found, dtype=np.int64)


def _same(a: FloatArray, b: FloatArray, base: FloatArray) -> NDArray[np.bool_]:
    """Columns that are the same, NaN where NaN is.

    The size of outputs says nothing about it: those of two models of a pressure in pascal are the
    same in six digits. What is explained, the distance from one another and from the base, does.
    """
    known = np.concatenate([part[~np.isnan(part)] for part in (b, base)])
    largest = np.abs(known).max(initial=0.0)
    spread = np.ptp(known) if len(known) else 0.0
    close = np.isclose(a, b, rtol=0, atol=SAME * spread + ROUNDING * largest, equal_nan=True)
    return np.asarray(close.all(axis=0))


class Estimate(NamedTuple):
    """A measure of all rows and its standard error over them."""

    value: float
    standard_error: float


def share(part: FloatArray, whole: FloatArray) -> Estimate:
    """Sum of parts over sum of wholes, arrays of shape (n,) or (n, k).

    Several outputs of a row are summed, so that those count most that differ most. NaN, of outputs
    that do not exist, is left out. Rows are independent draws for the standard error, that of a
    ratio; NaN where there is one row, or nothing to divide by.
    """
    part, whole = (np.nansum(a.reshape(len(a), -1), axis=1) for a in (part, whole))
    total, n = whole.sum(), len(part)
    if not total > 0:
        return Estimate(np.nan, np.nan)
    value = part.sum() / total
    if n < 2:
        return Estimate(float(value), np.nan)
    spread = np.square(part - value * whole).sum() * n / (n - 1)
    return Estimate(float(value), float(np.sqrt(spread) / total))


def mean(numbers: FloatArray) -> Estimate:
    """Mean over rows of arrays of shape (n,) or (n, k), the mean over outputs first."""
    real = ~np.isnan(numbers.reshape(len(numbers), -1))
    total = np.where(real, numbers.reshape(len(numbers), -1), 0).sum(axis=1)
    known = real.any(axis=1)
    rows = total[known] / real.sum(axis=1)[known]
    n = len(rows)
    error = rows.std(ddof=1) / np.sqrt(n) if n > 1 else np.nan
    return Estimate(float(rows.mean()) if n else np.nan, float(error))
