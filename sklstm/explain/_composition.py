"""The estimators that a Pipeline, a search or an ensemble is made of."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

# Where scikit-learn's meta-estimators keep the estimator they were given.
_INNER = ("best_estimator_", "estimator", "regressor", "classifier", "base_estimator")


def check_model(model: Any, name: str = "model") -> None:
    """Raise where it is no fitted estimator."""
    check_estimator(model, name)
    if not hasattr(model, "__sklearn_tags__"):
        raise ValueError(
            f"The {name!r} parameter must be an estimator of scikit-learn's kind: its class must "
            f"inherit from sklearn.base.BaseEstimator. Got {model!r:.80}."
        )
    check_is_fitted(model)


def check_estimator(model: Any, name: str = "model") -> None:
    """Raise where it is no estimator, be it one of scikit-learn or not."""
    if isinstance(model, type) or not hasattr(model, "fit"):
        raise ValueError(
            f"The {name!r} parameter must be a fitted estimator, Pipeline or search. Got "
            f"{model!r:.80} instead."
        )


def named_steps(model: Any) -> Iterator[tuple[str, Any]]:
    """The steps of a Pipeline, of those in it, and of what a search has found; estimator last."""
    if hasattr(model, "cv_results_"):
        if not hasattr(model, "best_estimator_"):
            raise ValueError(
                f"This {type(model).__name__} has no best_estimator_ to explain: it was fitted "
                "with refit=False."
            )
        model = model.best_estimator_
    if type(model) is FrozenEstimator:
        model = model.estimator
    if type(model) is not Pipeline:
        yield "", model
        return
    for position, (name, step) in enumerate(model.steps):
        if position == len(model.steps) - 1 or type(step) is Pipeline:
            yield from ((inner or name, part) for inner, part in named_steps(step))
        else:
            yield name, step


def all_steps(model: Any) -> list[Any]:
    """The steps of a pipeline, of the pipelines in it, and of what a search or ensemble holds."""
    if hasattr(model, "steps"):
        return [part for _, step in model.steps for part in all_steps(step)]
    return next((all_steps(inner) for inner in _inner(model)), [model])


def _inner(model: Any) -> Iterator[Any]:
    """The estimator that a meta-estimator was given, or else those it fitted."""
    given = [getattr(model, name, None) for name in _INNER]
    members: Any = getattr(model, "estimators_", None)
    first = [estimator for estimator in given if estimator is not None][:1]
    # Never as an array of a list: a forest in it is a sequence of trees.
    members = members.ravel() if isinstance(members, np.ndarray) else members or []
    yield from first or members


def all_n_timesteps(model: Any) -> Iterator[int | None]:
    """The ``n_timesteps`` of the last estimators that there are."""
    if hasattr(model, "n_timesteps"):
        yield model.n_timesteps
    elif hasattr(model, "steps"):
        yield from all_n_timesteps(model.steps[-1][1])
    else:
        for estimator in _inner(model):
            yield from all_n_timesteps(estimator)
