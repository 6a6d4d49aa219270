"""One output of one row of an Explanation, chosen where the user does not say which."""

from typing import Any

import numpy as np

from ..explain import Explanation
from ..explain._names import names_by_axis


def check_explanation(explanation: Any) -> None:
    """Whether it is one, with rows."""
    if not isinstance(explanation, Explanation):
        raise ValueError(
            f"The 'explanation' parameter must be an Explanation. Got {explanation!r:.80} instead."
        )
    if not len(explanation):
        raise ValueError("The 'explanation' parameter must have rows. Got an Explanation of none.")


def chosen_output(explanation: Explanation, output: Any) -> Explanation:
    """The explanation of one output, of a single row."""
    explanation = named_output(explanation, output)
    while explanation.output_values.ndim > 1:
        explanation = explanation.output(_first_choice(explanation))
    return explanation


def named_output(explanation: Explanation, output: Any) -> Explanation:
    """The explanation of the output that was asked for; of all outputs for None."""
    if output is None:
        return explanation
    return explanation.output(*(output if isinstance(output, tuple) else (output,)))


def _first_choice(explanation: Explanation) -> int:
    """Of classes the predicted one, of time steps the last, of quantiles the middle one, else 0."""
    outputs = explanation.output_values[0]
    if names_by_axis(explanation)[0] is None and len(outputs) == explanation.n_timesteps:
        real = ~np.isnan(outputs).reshape(len(outputs), -1).any(axis=1)
        return int(np.flatnonzero(real)[-1])
    if outputs.ndim == 1 and explanation.response_method in ("decision_function", "predict_proba"):
        return int(outputs.argmax())
    if outputs.ndim == 1 and explanation.response_method == "predict_quantiles":
        return len(outputs) // 2
    return 0


def output_text(explanation: Explanation) -> str:
    """What is explained, for the label of an axis."""
    names = explanation.output_names
    single = explanation.output_values.ndim == 1 and names
    return explanation.response_method + (f" of {names[0]}" if single and names else "")
