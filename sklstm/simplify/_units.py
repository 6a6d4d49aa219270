"""Networks without some of their hidden units."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..nn import LSTMNetwork
from ._fitted import Weights

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class Reader(NamedTuple):
    """A linear map that reads the hidden states of a layer.

    Attributes
    ----------
    weight, bias : str
        Names; attention has no bias.
    columns : int64 array of shape (n_directions, hidden_size)
        Of the weight, one for each unit.
    pooling : int or None
        Which pooling of the last layer it reads; None where it reads the states of every step.
    """

    weight: str
    bias: str | None
    columns: IntArray
    pooling: int | None


class Units:
    """The hidden units of a network: which weights are theirs.

    Parameters
    ----------
    network : LSTMNetwork

    Attributes
    ----------
    shape : (n_layers, n_directions, hidden_size)
    """

    def __init__(self, network: LSTMNetwork) -> None:
        stack = network.recurrent
        self.shape = len(stack.forward_layers), 1 + stack.bidirectional, stack.hidden_size
        self.n_poolings = 1 if network.pooling is None else len(network.pooling.poolings)
        self.per_step = network.pooling is None
        self.attends = network.pooling is not None and network.pooling.score is not None

    def prefix(self, layer: int, direction: int) -> str:
        """Of the names of a layer's weights in one direction."""
        return f"recurrent.{('forward', 'backward')[direction]}_layers.{layer}."

    def above(self, layer: int) -> Iterator[Reader]:
        """What reads the states of a layer, without the layer itself."""
        n_layers, n_directions, size = self.shape
        columns = np.arange(n_directions * size).reshape(n_directions, size)
        if layer + 1 < n_layers:
            for direction in range(n_directions):
                lstm = self.prefix(layer + 1, direction) + "lstm."
                yield Reader(lstm + "weight_ih_l0", lstm + "bias_ih_l0", columns, None)
            return
        for k in range(self.n_poolings):
            pooling = None if self.per_step else k
            yield Reader("head.weight", "head.bias", k * columns.size + columns, pooling)
        if self.attends:
            # What is the same at every step does not change the weights of attention.
            yield Reader("pooling.score.weight", None, columns, None)

    def magnitude(self, weights: Weights) -> FloatArray:
        """Euclidean norm of the weights by which each unit is read, shape ``self.shape``."""
        total = np.zeros(self.shape)
        for layer in range(self.shape[0]):
            for reader in self.above(layer):
                total[layer] += np.square(weights[reader.weight][:, reader.columns]).sum(0)
            for direction in range(self.shape[1]):
                own = weights[self.prefix(layer, direction) + "lstm.weight_hh_l0"]
                total[layer, direction] += np.square(own).sum(0)
        return np.sqrt(total)

    def hold(
        self, weights: Weights, removed: NDArray[np.bool_], mean: FloatArray, pooled: FloatArray
    ) -> None:
        """Add to biases, in place, what removed units say on average.

        Parameters
        ----------
        weights : dict
        removed : bool array of ``self.shape``
        mean : array of ``self.shape``
            Of the states of all steps.
        pooled : array of shape (n_poolings, n_directions, hidden_size)
            Of the pooled states of the last layer.
        """
        said = np.where(removed, mean, 0.0)
        of_head = np.where(removed[-1], pooled, 0.0)
        for layer in range(self.shape[0]):
            for reader in self.above(layer):
                if reader.bias is not None:
                    values = said[layer] if reader.pooling is None else of_head[reader.pooling]
                    columns = weights[reader.weight][:, reader.columns.ravel()]
                    weights[reader.bias] += (columns @ values.ravel()).astype(np.float32)
            for direction in range(self.shape[1]):
                lstm = self.prefix(layer, direction) + "lstm."
                own = weights[lstm + "weight_hh_l0"] @ said[layer, direction]
                weights[lstm + "bias_hh_l0"] += own.astype(np.float32)

    def keep(self, weights: Weights, kept: IntArray) -> Weights:
        """Smaller weights, of the units ``kept`` of shape (n_layers, n_directions, n_kept)."""
        n_layers, n_directions, _ = self.shape
        result = dict(weights)
        for layer in range(n_layers):
            gone = np.ones(self.shape[1:], dtype=bool)
            np.put_along_axis(gone, kept[layer], False, axis=1)
            dropped: dict[str, list[IntArray]] = {}
            for reader in self.above(layer):
                dropped.setdefault(reader.weight, []).append(reader.columns[gone])
            for name, columns in dropped.items():
                result[name] = np.delete(result[name], np.concatenate(columns), axis=1)
            for direction in range(n_directions):
                self._keep_of_layer(result, self.prefix(layer, direction), kept[layer, direction])
        return result

    def _keep_of_layer(self, weights: Weights, prefix: str, kept: IntArray) -> None:
        gates = (np.arange(4)[:, None] * self.shape[2] + kept).ravel()
        parts: dict[str, Any] = {
            "lstm.weight_ih_l0": gates,
            "lstm.weight_hh_l0": np.ix_(gates, kept),
            "lstm.bias_ih_l0": gates,
            "lstm.bias_hh_l0": gates,
            "weight_peephole": (slice(None), kept),
        }
        for name, index in parts.items():
            if prefix + name in weights:
                weights[prefix + name] = weights[prefix + name][index]
