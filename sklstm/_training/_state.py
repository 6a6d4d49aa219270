"""A fitted net as NumPy arrays and numbers, and back: what a pickle holds."""

import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skorch.history import History

from ..nn import ScaledNetwork, build_network
from ._integers import Integers, from_integers
from ._net import LSTMNet

Packed = dict[str, Any]


def pack_net(net: LSTMNet) -> Packed:
    """Weights as NumPy arrays or integers, architecture, loss and seed; no optimizer, no callbacks.

    NumPy arrays, because joblib can memory-map them and because they load on a machine
    without the device that they were trained on.
    """
    return {
        "architecture": dict(net.module_.architecture),
        "criterion": net.criterion,
        "seed": net.seed,
        "weight_unit": net.weight_unit,
        "weights": {
            name: _as_integers(array, net.integers.get(name))
            for name, array in weight_arrays(net.module_).items()
        },
    }


def weight_arrays(network: ScaledNetwork) -> dict[str, NDArray[Any]]:
    """Weights and scaling by their names in torch; on the CPU they are no copies."""
    return {name: tensor.detach().cpu().numpy() for name, tensor in network.state_dict().items()}


def _as_integers(array: NDArray[Any], integers: Integers | None) -> Any:
    """The integers where the weights are still those that they stand for."""
    same = integers is not None and np.array_equal(array, from_integers(integers))
    return integers if same else array


@torch.inference_mode(False)
def unpack_net(packed: Packed, device: torch.device, history: list[dict[str, Any]]) -> LSTMNet:
    """Rebuild the net; its weights are copies, so a memory-mapped pickle may be closed."""
    network = build_network(packed["architecture"])
    integers = {name: w for name, w in packed["weights"].items() if isinstance(w, dict)}
    arrays = packed["weights"] | {name: from_integers(w) for name, w in integers.items()}
    weights = {name: torch.tensor(np.asarray(w), device="cpu") for name, w in arrays.items()}
    network.load_state_dict(weights)
    net = build_net(network, packed["criterion"], packed["seed"], device)
    net.integers = copy.deepcopy(integers)
    net.weight_unit = packed["weight_unit"]
    net.history_ = History(dict(row, batches=[]) for row in history)
    return net


def build_net(network: ScaledNetwork, criterion: str, seed: int, device: torch.device) -> LSTMNet:
    """An initialised net in evaluation mode."""
    net = LSTMNet(network, criterion, seed, device=str(device))
    net.initialize()
    net.module_.eval()
    return net


def copy_net(net: LSTMNet) -> LSTMNet:
    """The net as it is now, for somebody who keeps it while training goes on."""
    return unpack_net(pack_net(net), torch.device(net.device), net.history)


def pack_history(history: list[dict[str, Any]]) -> Packed:
    """Rows to columns: numbers in arrays, of a size that a thousand epochs do not show in."""
    columns: Packed = {"epoch": len(history)}
    for name in dict.fromkeys(name for row in history for name in row if name != "epoch"):
        values = {i: row[name] for i, row in enumerate(history) if name in row}
        kinds = {type(value) for value in values.values()}
        if len(values) < len(history) or kinds not in ({bool}, {float}):
            columns[name] = values
            continue
        array = np.array(list(values.values()))
        single = array.astype(np.float32)
        if kinds == {bool}:
            columns[name] = np.packbits(array)
        else:
            columns[name] = single if (single == array).all() else array
    return columns


def unpack_history(columns: Packed) -> list[dict[str, Any]]:
    """Columns back to one dict per epoch."""
    n = columns["epoch"]
    rows: list[dict[str, Any]] = [{"epoch": i + 1} for i in range(n)]
    for name, values in columns.items():
        if name == "epoch":
            continue
        if isinstance(values, np.ndarray):
            if values.dtype == np.uint8:
                values = np.unpackbits(values, count=n).astype(bool)
            values = dict(enumerate(values.tolist()))
        for i, value in values.items():
            rows[i][name] = value
    return rows
