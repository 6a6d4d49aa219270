"""What a file claims about a fitted LSTM, checked before anything is built from it."""

from numbers import Real
from typing import Any

import numpy as np

from ._net_checks import check_net, is_count, require


def check_fitted(fitted: dict[str, Any], is_classifier: bool, custom: bool) -> None:
    """Check the fitted attributes, whose weights are still arrays.

    Parameters
    ----------
    fitted : dict
        Attributes by name, with the net and the history packed.
    is_classifier, custom : bool
        Whether the net has a torch module of the user's.

    Raises
    ------
    Exception
        Of any kind, where something is not as training leaves it.
    """
    net = fitted["net_"]
    check_net(net, custom)
    architecture = net["architecture"]
    n_features, n_outputs = architecture["n_features"], architecture["n_outputs"]
    _check_target(fitted, net["criterion"], architecture["quantiles"], n_outputs, is_classifier)

    require(fitted["n_sequence_features_"] == n_features, "n_sequence_features_ is another")
    for name in ("n_features_in_", "n_timesteps_in_", "_n_columns"):
        value = fitted[name]
        missing = value is None and name != "n_features_in_"
        require(missing or is_count(value, 1), f"{name} is {value!r}")
    n_columns, n_timesteps = fitted["_n_columns"], fitted["n_timesteps_in_"]
    require(
        n_columns is None
        or (n_columns % n_features == 0 and n_timesteps in (None, n_columns // n_features)),
        f"{n_columns} columns are not {n_timesteps} steps of {n_features} features",
    )
    require(
        architecture.get("embedding") is not None  # padded codes are as wide as the longest row
        or fitted["n_features_in_"] == (n_columns or n_features),
        f"n_features_in_ is {fitted['n_features_in_']}",
    )
    names = fitted.get("feature_names_in_")
    if names is not None:
        require(
            names.dtype == object
            and names.shape == (fitted["n_features_in_"],)
            and all(isinstance(name, str) for name in names),
            "feature_names_in_ are no names of the features",
        )
    _check_history(fitted["history_"], fitted["n_epochs_"])
    _check_background(fitted["_background"], n_features)


def _check_target(
    fitted: dict[str, Any], criterion: Any, quantiles: Any, n_outputs: int, is_classifier: bool
) -> None:
    if not is_classifier:
        losses = {"quantile"} if quantiles else {"squared_error", "absolute_error", "huber"}
        require(criterion in losses, f"the loss is {criterion!r}")
        single = fitted["_single_output"]
        require(isinstance(single, bool), f"_single_output is {single!r}")
        require(
            not single or n_outputs == len(quantiles or (0.5,)), f"there are {n_outputs} outputs"
        )
        return
    classes, multilabel = fitted["classes_"], fitted["_multilabel"]
    require(isinstance(multilabel, bool), f"_multilabel is {multilabel!r}")
    require(
        classes.ndim == 1 and len(classes) > 0 and np.array_equal(classes, np.unique(classes)),
        "classes_ are no different labels in their order",
    )
    if multilabel:
        wanted = ("binary_cross_entropy", len(classes))
    else:
        require(len(classes) >= 2, f"there are {len(classes)} classes")
        binary = len(classes) == 2
        wanted = ("binary_cross_entropy", 1) if binary else ("cross_entropy", len(classes))
    require(
        (criterion, n_outputs) == wanted and quantiles is None,
        f"{len(classes)} classes do not go with {n_outputs} outputs and the loss {criterion!r}",
    )


def _check_history(columns: dict[str, Any], n_epochs: Any) -> None:
    n = columns["epoch"]
    require(is_count(n, 0) and n == n_epochs, f"there are {n!r} or {n_epochs!r} epochs")
    losses = columns.get("train_loss", ())
    require(n == 0 or (len(losses) == n and _holds_numbers(losses)), f"there are not {n} epochs")
    for name, values in columns.items():
        if name == "epoch":
            continue
        if isinstance(values, dict):
            fits = all(type(i) is int and 0 <= i < n for i in values)
        else:
            packed = values.dtype == np.uint8
            fits = values.shape == (-(-n // 8) if packed else n,)
        require(isinstance(name, str) and fits, f"history_ has not {n} entries of {name!r}")


def _holds_numbers(losses: Any) -> bool:
    if isinstance(losses, dict):
        return all(isinstance(loss, Real) for loss in losses.values())
    return losses.dtype.kind == "f"


def _check_background(background: Any, n_features: int) -> None:
    if background is None:
        return
    ragged = isinstance(background, list)
    for rows in background if ragged else [background]:
        require(isinstance(rows, np.ndarray), "the background is no array")
        fits = rows.ndim == (2 if ragged else 3) and rows.shape[-1] == n_features
        fits = fits or (not ragged and rows.ndim == 2)
        require(
            fits and rows.size > 0 and rows.dtype in (np.float64, np.int64),
            f"the background is {rows.dtype} of shape {rows.shape}",
        )
