"""report: everything about a fitted model on one page."""

import os
from typing import Any

from .._utils._extras import load_extra
from .._utils._files import in_full, replacing
from ..explain._composition import check_model
from ..explain._random import own_random_state
from ._page import page
from ._reading import Reading
from ._sections import SECTIONS


def report(
    model: Any,
    X: Any,
    y: Any,
    path: str | os.PathLike[str],
    *,
    background: Any = None,
    random_state: Any = None,
) -> None:
    """Write one HTML page about a fitted model, which needs no network and no other file.

    It shows the data, the score beside that of a constant, the learning curve, which inputs
    matter by Shapley values and by permutation and how far the two agree, five explained rows (the
    best, the worst and three typical ones), the memory of the network, the quality of the
    explanations, and the parameters and versions.

    Parameters
    ----------
    model : fitted LSTMRegressor or LSTMClassifier, Pipeline or search that ends in one
    X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays
        Rows that the model was not trained on, as in its ``predict``; at least 2.
    y : array-like of shape (n,), (n, n_outputs), or as ``fit`` takes it
        Their targets.
    path : str or path-like
        Of the page. A file that is there is replaced when the page is complete. A leading ``~`` is
        your home folder.
    background : array-like of the same kind as X, optional
        Rows that the explained rows are compared with, as in ``explain_shap``: usually some
        hundred training rows. None takes those that the model kept (``keep_background``), or else
        rows of X, and the page says so.
    random_state : int, RandomState instance or None, default=None
        Fixes the rows that are drawn, and the permutations.

    Raises
    ------
    ValueError
        Where the model does not end in an LSTM of this library, or X and y do not fit.
    TypeError
        Where X is sparse, or holds objects that are no numbers; where ``path`` is no path.
    ImportError
        Without matplotlib.

    See Also
    --------
    sklstm.explain.explain_shap : The explanations.
    sklstm.explain.explain_permutation : The drops of the score.

    Notes
    -----
    At most 200 rows are explained and 1000 permuted, in front of a SlidingWindow the last ones; the
    score is that of all rows. Rows that are longer than every row of the background are not
    explained.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.plot import report
    >>> X = np.random.default_rng(0).normal(size=(120, 6, 3))
    >>> y = X[:, 4, 1]
    >>> model = LSTMRegressor(hidden_size=8, random_state=0).fit(X[:80], y[:80])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "report.html")
    ...     report(model, X[80:], y[80:], path, background=X[:80], random_state=0)
    ...     path.read_text()[:15]
    '<!DOCTYPE html>'
    """
    load_extra("matplotlib", "report", "plot")
    check_model(model)
    path = in_full(path)
    seed = int(own_random_state(random_state).randint(2**31 - 1))
    reading = Reading.of(model, X, y, background, seed)
    name = type(reading.lstm).__name__
    subtitle = (
        f"A neural network that reads sequences, fitted by sklstm, beside {len(reading)} rows and "
        "their targets. What is said below holds for new data as far as these rows were not "
        "trained on."
    )
    html = page(f"Report on a fitted {name}", subtitle, [part(reading) for part in SECTIONS])
    with replacing(path) as file:
        file.write(html.encode("utf-8"))
