"""Shapes of the weights of a network that is not built."""

from typing import Any

from ._pooling import INPUT


def weight_shapes(architecture: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Shapes of the weights and the scaling of an `LSTMNetwork`, by their names in torch.

    What is read from a file is compared with them, before a network takes memory for sizes that
    the file claims.
    """
    a = architecture
    hidden, n_outputs = a["hidden_size"], a["n_outputs"]
    size = hidden * (2 if a["bidirectional"] else 1)
    shapes: dict[str, tuple[int, ...]] = {}
    for side, n in {"x": a["n_features"], "y": n_outputs}.items():
        shapes |= {f"{side}_mean": (n,), f"{side}_scale": (n,)}
    input_size = a["n_features"]
    if a["embedding"] is not None:
        shapes["embedding.weight"] = a["embedding"]
        input_size = a["embedding"][1]
    for direction in ("forward", "backward") if a["bidirectional"] else ("forward",):
        for i in range(a["num_layers"]):
            layer = f"recurrent.{direction}_layers.{i}"
            shapes[f"{layer}.lstm.weight_ih_l0"] = (4 * hidden, size if i else input_size)
            shapes[f"{layer}.lstm.weight_hh_l0"] = (4 * hidden, hidden)
            shapes |= {f"{layer}.lstm.bias_{part}_l0": (4 * hidden,) for part in ("ih", "hh")}
            if a["cell"] == "peephole":
                shapes[f"{layer}.weight_peephole"] = (3, hidden)
    read = size
    if not a["return_sequences"]:
        poolings = [name for name in a["pooling"] if name != INPUT]
        read = size * len(poolings) + (input_size if INPUT in a["pooling"] else 0)
        if "attention" in poolings:
            shapes["pooling.score.weight"] = (1, size)
    return shapes | {"head.weight": (n_outputs, read), "head.bias": (n_outputs,)}
