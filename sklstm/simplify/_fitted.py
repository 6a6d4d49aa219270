"""Out of a fitted model its LSTM, and a copy of the model with another one in its place."""

import copy
from typing import Any, NamedTuple

from numpy.typing import NDArray

from .._training import weight_arrays
from ..explain._composition import check_model
from ..explain._pipelines import Route, is_lstm
from ..nn import LSTMNetwork

Weights = dict[str, NDArray[Any]]


class Fitted(NamedTuple):
    """A fitted model and the steps that it consists of.

    Attributes
    ----------
    model : estimator or Pipeline
        Of a search what it found.
    route : Route
        Its first steps are all steps in front of the last estimator.
    """

    model: Any
    route: Route

    @classmethod
    def of(cls, model: Any, name: str = "model") -> "Fitted":
        """Any fitted model; ``name`` is that of the parameter."""
        check_model(model, name)
        route = Route.inside(model)
        return cls(getattr(model, "best_estimator_", model), route)

    @classmethod
    def of_lstm(cls, model: Any, function: str) -> "Fitted":
        """A model whose last step has the built-in network."""
        fitted = cls.of(model)
        name = type(fitted.last).__name__
        if not is_lstm(fitted.last):
            raise ValueError(
                f"The 'model' parameter of {function} must be a fitted LSTMRegressor or "
                "LSTMClassifier, or a Pipeline or search whose last step is one. The last step "
                f"here is {name}."
            )
        if not isinstance(fitted.last.net_.module_, LSTMNetwork):
            raise ValueError(
                f"{function} changes the built-in network, and this {name} has a module of its "
                "own (module=)."
            )
        return fitted

    @property
    def last(self) -> Any:
        """The last estimator."""
        return self.route.last

    def passed(self, X: Any) -> Any:
        """X as the last estimator reads it."""
        return self.route.passed(X).X

    def with_last(self, estimator: Any) -> Any:
        """A copy of the model that ends in another estimator."""
        return copy.deepcopy(self.model, {id(self.last): estimator})


def weights_of(estimator: Any) -> Weights:
    """Copies of the network's weights and scaling, by their names in torch."""
    return {name: array.copy() for name, array in weight_arrays(estimator.net_.module_).items()}


def rebuilt(estimator: Any, weights: dict[str, Any], **changed: Any) -> Any:
    """A copy of a fitted estimator with other weights.

    Parameters
    ----------
    estimator : fitted LSTMRegressor or LSTMClassifier
    weights : dict
        As of ``weights_of``, or integers as of ``to_integers``.
    **changed : int
        Parameters of the estimator, and of its network, that the weights belong to.
    """
    state = copy.deepcopy(estimator.__getstate__())
    state["net_"]["weights"] = weights
    state["net_"]["architecture"].update(changed)
    state.update(changed)
    new = object.__new__(type(estimator))
    new.__setstate__(state)
    return new
