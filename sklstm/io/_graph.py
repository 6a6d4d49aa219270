"""Nodes and constants of an ONNX graph, written down one after the other."""

from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

# The oldest operator set that has all operators in use, and the file format of its time: every
# runtime from then on reads the file.
OPSET, IR_VERSION = 17, 8

# What a node reads: the name of a value, a constant, or nothing where the operator allows it.
Input = str | ArrayLike | None


class Graph:
    """An ONNX graph under construction.

    Parameters
    ----------
    onnx : module
    """

    def __init__(self, onnx: ModuleType) -> None:
        self._onnx = onnx
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []

    def add(self, operator: str, *inputs: Input, n_outputs: int = 1, **attributes: Any) -> Any:
        """One node; the name of its output, or of each of them."""
        number = len(self._nodes)
        names = [f"{operator}_{number}", *(f"{operator}_{number}_{i}" for i in range(1, n_outputs))]
        self._nodes.append(
            self._onnx.helper.make_node(
                operator, [self._name(value) for value in inputs], names, names[0], **attributes
            )
        )
        return names[0] if n_outputs == 1 else names

    def cast(self, value: Input, dtype: type) -> str:
        """A value as another type of numbers."""
        kind = self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.add("Cast", value, to=kind)

    def input(self, name: str, dtype: type, shape: list[Any], meaning: str) -> str:
        """What the caller feeds; axes of any size have a name in place of a size."""
        self._inputs.append(self._value(name, dtype, shape, meaning))
        return name

    def output(self, name: str, value: str, dtype: type, shape: list[Any], meaning: str) -> None:
        """What the caller gets under ``name``."""
        self._nodes.append(self._onnx.helper.make_node("Identity", [value], [name], name))
        self._outputs.append(self._value(name, dtype, shape, meaning))

    def model(self, name: str, producer: tuple[str, str], metadata: dict[str, str]) -> Any:
        """The ONNX model, checked."""
        helper = self._onnx.helper
        graph = helper.make_graph(self._nodes, name, self._inputs, self._outputs, self._constants)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name=producer[0],
            producer_version=producer[1],
        )
        helper.set_model_props(model, metadata)
        self._onnx.checker.check_model(model, full_check=True)
        return model

    def _name(self, value: Input) -> str:
        if value is None:
            return ""
        if isinstance(value, str):
            return value
        array = np.asarray(value)
        name = f"constant_{len(self._constants)}"
        self._constants.append(self._tensor(array, name))
        return name

    def _tensor(self, array: NDArray[Any], name: str) -> Any:
        if array.dtype == object:  # text
            encoded = [text.encode() for text in array.ravel()]
            kind = self._onnx.TensorProto.STRING
            return self._onnx.helper.make_tensor(name, kind, array.shape, encoded)
        return self._onnx.numpy_helper.from_array(array, name)

    def _value(self, name: str, dtype: type, shape: list[Any], meaning: str) -> Any:
        kind = self._onnx.TensorProto.STRING
        if dtype is not str:
            kind = self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self._onnx.helper.make_tensor_value_info(name, kind, shape, meaning)
