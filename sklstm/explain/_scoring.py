"""The ``scoring`` parameter."""

from typing import Any

from sklearn.metrics import check_scoring


def read_scorer(model: Any, scoring: Any) -> Any:
    """scikit-learn's scorer of a model, or one of several."""
    several = scoring.values() if isinstance(scoring, dict) else ()
    try:
        if not all(callable(one) or isinstance(one, str) for one in several):
            raise ValueError("The values of a dict must be names of scorers or callables.")
        return check_scoring(model, scoring=scoring)
    except (TypeError, ValueError) as error:
        if "'scoring' parameter" in str(error):
            raise
        raise ValueError(
            f"The 'scoring' parameter is no scorer: {error} Got {scoring!r:.80}."
        ) from error
