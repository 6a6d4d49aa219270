"""Transformers of tables, fitted on and applied to the time steps of sequences."""

from collections.abc import Callable
from inspect import Parameter, signature
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import get_config
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, TargetEncoder
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import process_routing

from .._data import TimeSteps, to_numeric


def fit_steps(
    transformer: Any, steps: TimeSteps, y: NDArray[Any] | None, params: dict[str, Any]
) -> None:
    """Fit on all time steps; a Pipeline step by step, each on the output of those before."""
    if not isinstance(transformer, Pipeline):
        for name in params:
            if not _takes(transformer.fit, name):
                raise ValueError(f"{type(transformer).__name__}.fit does not take {name!r}.")
        transformer.fit(steps.table(), y, **params)
        return
    own_params = _params_of_steps(transformer, params)
    before = None
    for name, step in _active_steps(transformer):
        if before is not None:
            steps = apply_steps(before, "transform", steps)
        fit_steps(step, steps, y, own_params[name])
        before = step


def apply_steps(transformer: Any, method: str, steps: TimeSteps) -> TimeSteps:
    """Transform, all time steps at once or sequence by sequence."""
    if isinstance(transformer, Pipeline):
        parts = [step for _, step in _active_steps(transformer)]
        for part in parts if method == "transform" else reversed(parts):
            steps = apply_steps(part, method, steps)
        return steps
    function = getattr(transformer, method)
    if _treats_steps_alone(transformer):
        return steps.replaced(_output(transformer, function(steps.table()), len(steps.values)))
    outputs = [
        _output(transformer, function(table), length, sample)
        for sample, (table, length) in enumerate(zip(steps.tables(), steps.lengths, strict=True))
    ]
    for sample, output in enumerate(outputs):
        if output.shape[1] != outputs[0].shape[1]:
            raise ValueError(
                f"{transformer!r} gave {output.shape[1]} features for sample {sample} of X, but "
                f"{outputs[0].shape[1]} for sample 0; all sequences need the same features."
            )
    return steps.replaced(np.concatenate(outputs))


def _output(transformer: Any, values: Any, n_rows: int, sample: int | None = None) -> NDArray[Any]:
    """What a transformer gave, as an array of one row per time step."""
    if hasattr(values, "toarray"):
        values = values.toarray()
    shape = getattr(values, "shape", None)
    if shape is None:
        values = np.asarray(values)
        shape = values.shape
    if len(shape) != 2 or shape[0] != n_rows:
        which = "all time steps" if sample is None else f"the time steps of sample {sample}"
        raise ValueError(
            f"{transformer!r} must give a 2-D table of {n_rows} row(s), one for each of {which} of "
            f"X. It gave shape {tuple(shape)}."
        )
    return to_numeric(np.asarray(values), f"The output of {type(transformer).__name__}")


def _treats_steps_alone(transformer: Any) -> bool:
    """Whether a time step is transformed without a look at the others.

    So are all of scikit-learn's transformers but those that call a function of the user. A class
    of another library is not trusted.
    """
    return all(
        type(part).__module__.partition(".")[0] == "sklearn"
        and not isinstance(part, FunctionTransformer)
        for part in _parts(transformer)
        if hasattr(part, "transform") and not isinstance(part, type)
    )


def check_transformer(transformer: Any) -> None:
    """Raise where a transformer does not take tables, or would mix sequences."""
    if isinstance(transformer, Pipeline):
        for _, step in _active_steps(transformer):
            check_transformer(step)
        return
    methods = hasattr(transformer, "fit") and hasattr(transformer, "transform")
    if isinstance(transformer, type) or not methods:
        raise ValueError(
            "Every step of a Pipeline in SequenceWise must be an object implementing 'fit' and "
            f"'transform'. Got {transformer!r} instead."
        )
    tags = tags_of(transformer)
    if tags is not None and not tags.input_tags.two_d_array:
        raise ValueError(
            "The 'transformer' parameter of SequenceWise must take 2-D tables, one row per time "
            f"step. Got {transformer!r} instead, which does not."
        )
    parts = _parts(transformer)
    if any(isinstance(part, TargetEncoder) for part in parts):
        raise ValueError(
            "SequenceWise cannot apply TargetEncoder: it would encode each time step by the target "
            "of its own sequence. Encode before the steps become sequences."
        )
    outer = [part for part in parts if isinstance(part, FrozenEstimator)]
    frozen = [inner for part in outer for inner in _parts(part.estimator)]
    for part in parts:
        if any(part is inner for inner in frozen):
            continue  # it is not fitted any more
        steps = [step for _, step in _active_steps(part)] if isinstance(part, Pipeline) else []
        for position, step in enumerate(steps):
            later = [other for other in steps[position + 1 :] if _learns(other)]
            if later and not _treats_steps_alone(step):
                name = type(transformer).__name__
                raise ValueError(
                    f"{name} would fit {later[0]!r} on what {step!r} makes of all sequences joined "
                    "together, which may carry values from one into the next. Apply the latter "
                    f"before: make_pipeline(SequenceWise({step!r}), SequenceWise({name}(...)))."
                )


def _learns(transformer: Any) -> bool:
    tags = tags_of(transformer)
    return tags is None or tags.requires_fit


def _parts(transformer: Any) -> list[Any]:
    """A transformer and all its parameters, among them the transformers that it consists of."""
    parts = [transformer, *getattr(transformer, "get_params", dict)().values()]
    frozen = [part for part in parts if isinstance(part, FrozenEstimator)]
    return parts + [inner for part in frozen for inner in _parts(part.estimator)]


def _active_steps(pipeline: Pipeline) -> list[tuple[str, Any]]:
    return [(name, step) for name, step in pipeline.steps if step not in (None, "passthrough")]


def _params_of_steps(pipeline: Pipeline, params: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Parameters of ``fit`` for each step of a Pipeline, as the Pipeline would pass them on."""
    names = [name for name, _ in _active_steps(pipeline)]
    if get_config()["enable_metadata_routing"]:
        routed = process_routing(pipeline, "fit", **params)
        # A Pipeline calls fit_transform of all steps but the last.
        return {
            name: routed[name].get("fit_transform") or routed[name].get("fit", {}) for name in names
        }
    own: dict[str, dict[str, Any]] = {name: {} for name in names}
    for key, value in params.items():
        name, _, parameter = key.partition("__")
        if name not in own or not parameter:
            raise ValueError(
                f"A Pipeline takes parameters of fit for its steps, as stepname__{key}. Got "
                f"{key!r}; its steps are {names}."
            )
        own[name][parameter] = value
    return own


def per_step(values: Any, steps: TimeSteps, name: str) -> NDArray[Any]:
    """One value per sequence, repeated for each of its time steps."""
    try:
        array = np.asarray(values)
    except ValueError:  # targets of different lengths
        array = np.empty(len(values), dtype=object)
        array[:] = values
    if array.ndim == 0 or len(array) != len(steps):
        got = f"{len(array)} value(s)" if array.ndim else repr(values)
        raise ValueError(
            f"{name} must have one value for each of {len(steps)} sequences. Got {got}."
        )
    return steps.repeat(array)


def _takes(function: Callable[..., Any], name: str) -> bool:
    parameters = signature(function).parameters
    return name in parameters or any(
        parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters.values()
    )


def tags_of(transformer: Any) -> Any:
    """Tags; None of what has no tags."""
    try:
        return get_tags(transformer)
    except (AttributeError, TypeError, ValueError):
        return None
