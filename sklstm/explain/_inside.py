"""The way to the network inside of a fitted model, and its states chunk by chunk."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch

from .._attribution import States, explaining, rows_of_record, states
from .._data import Sequences
from ..nn import LSTMNetwork
from ._composition import check_model
from ._pipelines import Route, is_lstm
from ._rows import Chunk, _chunks


class Inside(NamedTuple):
    """An LSTM of this library and what it reads.

    Attributes
    ----------
    route : Route
        Its first steps are all steps in front of the LSTM.
    network : LSTMNetwork
    X : array-like
        Behind those steps.
    sequences : Sequences
        The same, read.
    """

    route: Route
    network: LSTMNetwork
    X: Any
    sequences: Sequences

    @classmethod
    def of(cls, model: Any, X: Any, method: str) -> "Inside":
        """Transform X by the steps in front of the LSTM, whatever they do."""
        check_model(model)
        route = Route.inside(model)
        name = type(route.last).__name__
        if not is_lstm(route.last):
            raise ValueError(
                f"The 'model' parameter of {method} must be a fitted LSTMRegressor or "
                "LSTMClassifier, or a Pipeline or search whose last step is one. The last step "
                f"here is {name}."
            )
        network = route.last.net_.module_
        if not isinstance(network, LSTMNetwork):
            raise ValueError(
                f"{method} looks into the built-in network, and this {name} has a module of its "
                "own (module=)."
            )
        X = route.passed(X).X
        return cls(route, network, X, route.last._read_known(X))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Layers, directions and hidden units."""
        stack = self.network.recurrent
        return len(stack.forward_layers), 1 + stack.bidirectional, stack.hidden_size

    @property
    def relu(self) -> bool:
        """Whether that is the activation, in the place of tanh."""
        return self.network.architecture["activation"] == "relu"

    def states(self) -> Iterator[tuple[Chunk, States]]:
        """Gates and states of a few rows at a time, and their rows and steps of the container."""
        device = self.network.x_mean.device
        size = rows_of_record(self.network, self.sequences.max_length)
        with explaining(self.network, device):
            for chunk in _chunks(self.sequences, size):
                x = torch.from_numpy(self.sequences.take(chunk.rows).astype("float64"))
                yield chunk, states(self.network, x.to(device))
