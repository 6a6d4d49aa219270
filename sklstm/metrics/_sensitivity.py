"""max_sensitivity."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from .._data._reading import find_layout
from .._utils._sklearn import num_samples
from ..explain import Explanation
from ..explain._cells import cells_of_sequences
from ..explain._inputs import layout_of
from ._checks import check_count, check_explain, check_positive, seed_of
from ._game import check_explanation
from ._outputs import mean

FloatArray = NDArray[np.float64]


def max_sensitivity(
    model: Any,
    X: Any,
    explain: Callable[[Any, Any], Explanation],
    *,
    radius: float = 0.02,
    n_samples: int = 10,
    random_state: Any = None,
) -> Bunch:
    """How much an explanation changes, at most, when X changes a little.

    X is explained as it is and with small random changes of all cells; the largest distance of
    the values, as a share of their length, is the sensitivity [1]_. Less is better: close rows of
    a smooth model should have close explanations.

    Parameters
    ----------
    model : fitted estimator, Pipeline or search
    X : array-like
        Rows to explain. Cells that are no floats (counts, codes, labels) stay as they are.
    explain : callable
        From a model and rows to an Explanation: ``partial(explain_shap, background=B)``. With
        a fixed ``random_state`` where the method draws, or its noise is measured, too.
    radius : float, default=0.02
        Largest change of a cell, as a share of the standard deviation of its feature (column) in
        X. Changes are uniform.
    n_samples : int, default=10
        Number of changed copies, each of which is explained.
    random_state : int, RandomState instance or None, default=None
        Fixes the changes.

    Returns
    -------
    Bunch
        value, standard_error : float
            Mean over outputs and rows, and its error over rows.
        rows : array of shape (n,) + out
            Of each row. Where all values are 0, the length of the change itself.

    Raises
    ------
    ValueError
        If a parameter is not as described, or X holds no floats that vary within a column.
    TypeError
        Where X is sparse, or holds objects that are no numbers.

    References
    ----------
    .. [1] Yeh, Hsieh, Suggala, Inouye & Ravikumar (2019), "On the (in)fidelity and sensitivity of
       explanations", NeurIPS.

    Examples
    --------
    >>> from functools import partial
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.explain import explain_shap
    >>> from sklstm.metrics import max_sensitivity
    >>> X = np.random.default_rng(0).normal(size=(60, 6, 3))
    >>> model = LSTMRegressor(hidden_size=8, max_epochs=5, random_state=0).fit(X, X[:, 4, 1])
    >>> explain = partial(explain_shap, background=X[20:40])
    >>> result = max_sensitivity(model, X[:10], explain, random_state=0)
    >>> bool(0 < result.value < 0.2)
    True
    """
    check_explain(explain)
    radius, n_samples = check_positive("radius", radius), check_count("n_samples", n_samples)
    rng = np.random.default_rng(seed_of(random_state))
    first = explain(model, X)
    check_explanation(first, "explain")
    n, out = len(first), first.output_values.shape[1:]
    before = first.values.reshape(n, first.n_players, -1)
    length = np.linalg.norm(before, axis=1)
    largest = np.zeros_like(length)
    for _ in range(n_samples):
        after = explain(model, changed(X, radius, rng)).values.reshape(before.shape)
        largest = np.maximum(largest, np.linalg.norm(after - before, axis=1))
    rows = largest / np.where(length > 0, length, 1.0)
    rows[np.isnan(first.output_values.reshape(n, -1))] = np.nan
    value, error = mean(rows)
    return Bunch(value=value, standard_error=error, rows=rows.reshape(n, *out))


class NothingToChangeError(ValueError):
    """X has no cell that can change a little."""


def changed(X: Any, radius: float, rng: np.random.Generator) -> Any:
    """X with small changes of all floats, in its container."""

    def noisy(arrays: list[NDArray[Any]]) -> list[FloatArray]:
        spreads = [np.nanstd(array, axis=0, dtype=np.float64) for array in arrays]
        if not any((spread > 0).any() for spread in spreads):
            raise NothingToChangeError(
                "X must hold floats that vary within a column, because changes are a share of "
                f"their standard deviation. Got {num_samples(X)} row(s), of constant columns."
            )
        return [
            array + rng.uniform(-radius, radius, size=array.shape) * spread
            for array, spread in zip(arrays, spreads, strict=True)
        ]

    if find_layout(X)[0] != "table":
        cells = cells_of_sequences(X, layout_of(X))
        return cells.contained(noisy([_floats(cells.values)])[0])
    if not hasattr(X, "columns"):
        return noisy([_floats(np.asarray(X))])[0]
    # By position, because names may be no strings, and the same twice.
    pandas = hasattr(X, "iloc")
    columns = [X.iloc[:, k] if pandas else X.to_series(k) for k in range(X.shape[1])]
    arrays = {k: np.asarray(column) for k, column in enumerate(columns)}
    arrays = {k: array for k, array in arrays.items() if array.dtype.kind == "f"}
    if not arrays:
        _floats(np.asarray(X))
    values = dict(zip(arrays, noisy(list(arrays.values())), strict=True))
    if not pandas:
        return X.with_columns(**{X.columns[k]: array for k, array in values.items()})
    frame = X.copy(deep=False)
    for k, array in values.items():
        frame.isetitem(k, array)
    return frame


def _floats(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype.kind != "f":
        raise NothingToChangeError(
            f"X must hold floats, which can change a little. Got cells of type {values.dtype}."
        )
    return values
