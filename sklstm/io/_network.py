"""The network as ONNX: sequences in original units to outputs in original units."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._training import codes_of
from ..nn import INPUT, LARGEST
from ._front import Operations
from ._graph import Graph

# Rows of a matrix belong to the gates i, f, g, o in torch and i, o, f, g in ONNX, rows of the
# peepholes to i, f, o and i, o, f.
_GATES, _PEEPHOLES = (0, 3, 1, 2), (0, 2, 1)
# Axes of any size.
ROWS, STEPS = "n", "n_timesteps"


class NetworkGraph:
    """What ``LSTMNetwork`` computes when it does not train, in an ONNX graph.

    As there the inputs are standardised in float64, the layers compute in float32, and sums over
    units or time steps are float64 and then rounded. Inside, time is the first axis, as ONNX's
    LSTM has it.

    Parameters
    ----------
    graph : Graph
        With no inputs yet.
    architecture : dict
        What the network was built from.
    weights : dict
        Arrays, or integers as of ``to_integers``, by their names in torch.
    front : list of (str, array)
        Operations on the inputs, as of ``operations_of``.
    """

    def __init__(
        self,
        graph: Graph,
        architecture: dict[str, Any],
        weights: dict[str, Any],
        front: Operations,
    ) -> None:
        self.graph = graph
        self.architecture = architecture
        self.weights = weights
        self.front = front
        self.directions = ["forward", "backward"] if architecture["bidirectional"] else ["forward"]
        self.size = architecture["hidden_size"] * len(self.directions)
        self.vectors = self._vectors()
        self.lengths = graph.input("lengths", np.int64, [ROWS], "Time steps of each sequence.")

    def outputs(self) -> str:
        """Outputs in the target's units, float64 (n, n_outputs), or one for each time step."""
        add = self.graph.add
        hidden, final = self._recurrent()
        if not self.architecture["return_sequences"]:
            hidden = self._pooled(hidden, final)
        outputs = self._ordered(self._head(hidden))
        if self.architecture["return_sequences"]:
            # Not in front of the head: fusing Transpose, Cast and MatMul crashes ONNX Runtime 1.31.
            outputs = add("Transpose", outputs, perm=[1, 0, 2])
        return add("Add", add("Mul", outputs, self.weights["y_scale"]), self.weights["y_mean"])

    def _vectors(self) -> str:
        """What the first layer reads, (n, n_timesteps, input_size)."""
        add = self.graph.add
        if self.architecture["embedding"] is None:
            of_columns = [operand for _, operand in self.front if operand.ndim == 2]
            n_timesteps = len(of_columns[0]) if of_columns else STEPS
            shape = [ROWS, n_timesteps, self.architecture["n_features"]]
            x = self.graph.input("X", np.float64, shape, "Sequences, in original units.")
            for operator, operand in self.front:
                x = add(operator, x, operand)
            x = add("Sub", x, self.weights["x_mean"])
            x = add("Mul", x, np.reciprocal(self.weights["x_scale"]))
            largest = np.float32(LARGEST)
            return add("Clip", self.graph.cast(x, np.float32), -largest, largest)
        n_codes, size = self.architecture["embedding"]
        codes = self.graph.input("X", np.int64, [ROWS, STEPS], "Sequences of integer codes.")
        unseen = add("Or", add("Less", codes, 0), add("GreaterOrEqual", codes, n_codes))
        zeros = np.zeros((1, size), np.float32)
        table = add("Concat", self._matrix("embedding.weight"), zeros, axis=0)
        return add("Gather", table, add("Where", unseen, n_codes, codes))

    def _recurrent(self) -> tuple[str, str]:
        """Hidden states of the last layer, (n_timesteps, n, size), and ONNX's final ones.

        These are (directions, n, hidden_size), of the backward direction at the first step.
        """
        add = self.graph.add
        x = add("Transpose", self.vectors, perm=[1, 0, 2])
        lengths = self.graph.cast(self.lengths, np.int32)
        phi = self.architecture["activation"].capitalize()
        for layer in range(self.architecture["num_layers"]):
            hidden, final = add(
                "LSTM",
                x,
                *self._layer(layer, lengths),
                n_outputs=2,
                activations=["Sigmoid", phi, phi] * len(self.directions),
                direction="bidirectional" if self.architecture["bidirectional"] else "forward",
                hidden_size=self.architecture["hidden_size"],
            )
            x = add("Reshape", add("Transpose", hidden, perm=[0, 2, 1, 3]), [0, 0, self.size])
        return x, final

    def _layer(self, layer: int, lengths: str) -> list[Any]:
        """Inputs of ONNX's LSTM behind X: W, R, B, lengths, no initial states, and peepholes."""
        names = [f"recurrent.{direction}_layers.{layer}." for direction in self.directions]

        def by_direction(weight: str, blocks: Sequence[int]) -> NDArray[Any]:
            return np.stack([_in_blocks(self.weights[name + weight], blocks) for name in names])

        biases = [by_direction(f"lstm.bias_{part}_l0", _GATES) for part in ("ih", "hh")]
        inputs: list[Any] = [
            self._matrices([f"{name}lstm.weight_{part}_l0" for name in names])
            for part in ("ih", "hh")
        ]
        inputs += [np.concatenate(biases, axis=1), lengths]
        if self.architecture["cell"] == "peephole":
            peepholes = by_direction("weight_peephole", _PEEPHOLES)
            inputs += [None, None, peepholes.reshape(len(names), -1)]
        return inputs

    @cached_property
    def _real(self) -> str:
        """Which time steps are no padding, (n_timesteps, n, 1)."""
        add = self.graph.add
        n_timesteps = add("Gather", add("Shape", self.vectors), 1)
        steps = add("Unsqueeze", add("Range", 0, n_timesteps, 1), [1])
        return add("Unsqueeze", add("Less", steps, self.lengths), [2])

    def _pooled(self, hidden: str, final: str) -> str:
        """What the head reads, (n, k): the poolings, then the last step of the input."""
        add = self.graph.add
        pooled = []
        for pooling in self.architecture["pooling"]:
            if pooling == "last":
                rows = add("Transpose", final, perm=[1, 0, 2])
                pooled.append(add("Reshape", rows, [-1, self.size]))
            elif pooling == "max":
                inside = add("Where", self._real, hidden, np.float32(-np.inf))
                pooled.append(add("ReduceMax", inside, axes=[0], keepdims=0))
            elif pooling == "mean":
                pooled.append(self._mean(hidden))
            elif pooling == "attention":
                pooled.append(self._attended(hidden))
        if INPUT in self.architecture["pooling"]:
            last = add("Unsqueeze", add("Sub", self.lengths, 1), [1])
            pooled.append(add("GatherND", self.vectors, last, batch_dims=1))
        return add("Concat", *pooled, axis=1)

    def _mean(self, hidden: str) -> str:
        add, cast = self.graph.add, self.graph.cast
        inside = cast(add("Where", self._real, hidden, np.float32(0)), np.float64)
        lengths = cast(add("Unsqueeze", self.lengths, [1]), np.float64)
        return cast(add("Div", add("ReduceSum", inside, [0], keepdims=0), lengths), np.float32)

    def _attended(self, hidden: str) -> str:
        add, cast = self.graph.add, self.graph.cast
        inside = cast(add("Where", self._real, hidden, np.float32(0)), np.float64)
        score = add("MatMul", inside, self.weights["pooling.score.weight"].T.astype(np.float64))
        share = add("Softmax", add("Where", self._real, score, -np.inf), axis=0)
        return cast(add("ReduceSum", add("Mul", share, inside), [0], keepdims=0), np.float32)

    def _head(self, features: str) -> str:
        """The linear layer, float64, rounded to float32 numbers."""
        add, cast = self.graph.add, self.graph.cast
        weight = cast(self._matrix("head.weight", transposed=True), np.float64)
        product = add("MatMul", cast(features, np.float64), weight)
        sums = add("Add", product, self.weights["head.bias"].astype(np.float64))
        return cast(cast(sums, np.float32), np.float64)

    def _ordered(self, outputs: str) -> str:
        """Quantiles in their order: see ``NonCrossing``."""
        quantiles = self.architecture["quantiles"]
        if quantiles is None:
            return outputs
        add, cast = self.graph.add, self.graph.cast
        shape = [0, 0] if self.architecture["return_sequences"] else [0]
        raw = add("Reshape", outputs, [*shape, -1, len(quantiles)])
        # The median and the gaps times 1, -1 or 0 are the quantiles. ONNX Runtime has no Softplus
        # in float64.
        small = add("Log", add("Add", 1.0, add("Exp", add("Neg", add("Abs", raw)))))
        gaps = add("Add", add("Max", raw, 0.0), small)
        place, median = np.arange(len(quantiles)), quantiles.index(0.5)
        above = (place > median)[:, None] & (place[:, None] <= place)
        below = (place < median)[:, None] & (place[:, None] >= place)
        signs = above * 1.0 - below * 1.0 + (place == median)[:, None]
        parts = add("Where", place == median, raw, gaps)
        ordered = add("Reshape", add("MatMul", parts, signs), [*shape, -1])
        return cast(cast(ordered, np.float32), np.float64)

    def _matrices(self, names: list[str]) -> Any:
        """Matrices of an LSTM layer, one for each direction, their gates in ONNX's order."""
        matrices = [self._matrix(name, _GATES) for name in names]
        if not any(isinstance(matrix, str) for matrix in matrices):
            return np.stack(matrices)
        parts = [self.graph.add("Unsqueeze", matrix, [0]) for matrix in matrices]
        return self.graph.add("Concat", *parts, axis=0)

    def _matrix(
        self, name: str, blocks: Sequence[int] = (0,), transposed: bool = False
    ) -> NDArray[Any] | str:
        """A weight matrix, its blocks of rows in another order.

        Integers stay integers in the file; a runtime multiplies them by their scales once, when
        it loads the file.
        """
        weight = self.weights[name]
        integers = isinstance(weight, dict)
        parts = [codes_of(weight), weight["scale"]] if integers else [weight]
        parts = [_in_blocks(part, blocks) for part in parts]
        if transposed:
            parts = [np.ascontiguousarray(part.T) for part in parts]
        if not integers:
            return parts[0]
        codes, scale = parts
        return self.graph.add("Mul", self.graph.cast(codes, np.float32), scale)


def _in_blocks(rows: NDArray[Any], order: Sequence[int]) -> NDArray[Any]:
    """Rows in equal blocks, the blocks in another order."""
    blocks = np.split(np.asarray(rows), len(order))
    return np.concatenate([blocks[number] for number in order])
