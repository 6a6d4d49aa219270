"""What a file claims about a network, checked before it is built."""

from numbers import Integral, Real
from typing import Any

import numpy as np

from .._parameters import LSTMParameters
from .._utils._sklearn import Interval, validate_parameter_constraints
from ..nn import INPUT, POOLINGS, weight_shapes

_COUNT = [Interval(Integral, 1, None, closed="left")]
_SIZES = {"n_features": _COUNT, "n_outputs": _COUNT}
_NETWORK = {
    **{
        name: LSTMParameters._parameter_constraints[name]
        for name in (
            "hidden_size",
            "num_layers",
            "bidirectional",
            "cell",
            "activation",
            "dropout",
            "recurrent_dropout",
            "tbptt_steps",
            "return_sequences",
        )
    },
    **_SIZES,
    "pooling": [tuple],
    "quantiles": [tuple, None],
    "embedding": [tuple, None],
}
_CUSTOM = {
    **_SIZES,
    "return_sequences": ["boolean"],
    "quantiles": [tuple, None],
    "random_state": [Interval(Integral, 0, 2**32 - 1, closed="both")],
}
_NET = {"architecture", "criterion", "seed", "weight_unit", "weights"}


class LyingFileError(ValueError):
    """A file whose parts contradict each other, or are of the wrong kind."""


def require(condition: Any, what: str) -> None:
    """Raise where a file is not what it claims."""
    if not condition:
        raise LyingFileError(what)


def is_count(value: Any, least: int) -> bool:
    """Whether it is an integer of at least that."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def check_net(net: dict[str, Any], custom: bool) -> None:
    """Check the packed net, whose weights are still arrays.

    Parameters
    ----------
    net : dict
        As of ``pack_net``.
    custom : bool
        Whether it has a torch module of the user's.

    Raises
    ------
    Exception
        Of any kind, where something is not as training leaves it.
    """
    require(set(net) == _NET, f"net_ has the entries {sorted(net)}")
    _check_architecture(net["architecture"], custom)
    require(is_count(net["seed"], 0), f"seed is {net['seed']!r}")
    unit = net["weight_unit"]
    require(unit is None or isinstance(unit, Real), f"weight_unit is {unit!r}")
    _check_weights(net["weights"], net["architecture"], custom)


def _check_architecture(architecture: dict[str, Any], custom: bool) -> None:
    constraints = _CUSTOM if custom else _NETWORK
    require(set(architecture) == set(constraints), f"the network has {sorted(architecture)}")
    validate_parameter_constraints(constraints, architecture, "the network in this file")
    quantiles = architecture["quantiles"]
    if quantiles is not None:
        inside = all(type(q) is float and 0 < q < 1 for q in quantiles)
        increasing = inside and list(quantiles) == sorted(set(quantiles))
        require(increasing and 0.5 in quantiles, f"quantiles are {quantiles}")
        require(architecture["n_outputs"] % len(quantiles) == 0, "n_outputs is no multiple")
    if custom:
        return
    embedding = architecture["embedding"]
    if embedding is not None:
        sizes = len(embedding) == 2 and all(is_count(size, 1) for size in embedding)
        require(sizes and architecture["n_features"] == 1, f"embedding is {embedding}")
    poolings = architecture["pooling"]
    known = all(pooling in (*POOLINGS, INPUT) for pooling in poolings)
    once = known and len(set(poolings)) == len(poolings)
    require(once and set(poolings) - {INPUT}, f"pooling is {poolings}")


def _check_weights(weights: dict[str, Any], architecture: dict[str, Any], custom: bool) -> None:
    arrays = {name: w for name, w in weights.items() if not isinstance(w, dict)}
    for name, integers in weights.items():
        if isinstance(integers, dict):
            arrays[name] = _stand_in(name, integers)
    n_features, n_outputs = architecture["n_features"], architecture["n_outputs"]
    scaling = {
        f"{s}_{p}": (n,)
        for s, n in (("x", n_features), ("y", n_outputs))
        for p in ("mean", "scale")
    }
    if not custom:
        require(architecture["num_layers"] <= len(weights), "there are fewer weights than layers")
    shapes = scaling if custom else weight_shapes(architecture)
    if custom:  # what else there is, the module knows when it is built
        require(set(shapes) <= set(arrays), "a scaling is missing")
        require(
            all(isinstance(array, np.ndarray) for array in arrays.values()), "a weight is no array"
        )
    else:
        require(set(arrays) == set(shapes), "weights are missing or do not belong to the network")
    for name, shape in shapes.items():
        dtype = np.float64 if name in scaling else np.float32
        array = arrays[name]
        require(
            array.dtype == dtype and array.shape == tuple(shape),
            f"{name} is {array.dtype} of shape {array.shape}, but the network has "
            f"{np.dtype(dtype)} of shape {tuple(shape)}",
        )
        require(np.isfinite(array).all(), f"{name} holds NaN or infinity")
    for name in ("x_scale", "y_scale"):
        require((arrays[name] > 0).all(), f"{name} must be above 0")


def _stand_in(name: str, integers: dict[str, Any]) -> Any:
    """The scale of quantised weights, spread to their shape without taking memory for it."""
    require(set(integers) == {"codes", "scale", "shape"}, f"{name} is no array")
    codes, scale, shape = integers["codes"], integers["scale"], integers["shape"]
    require(len(shape) == 2 and all(is_count(n, 0) for n in shape), f"{name} has shape {shape}")
    size = shape[0] * shape[1]
    whole = codes.dtype == np.int8 and codes.shape == tuple(shape)
    halves = codes.dtype == np.uint8 and codes.shape == (-(-size // 2),)
    require(whole or halves, f"{name} has codes of shape {codes.shape}, but is of shape {shape}")
    require(scale.shape == (shape[0], 1), f"{name} has scales of shape {scale.shape}")
    return np.broadcast_to(scale, shape)
