"""One LSTM estimator as an entry of the header, and back."""

from typing import Any

from .._classifier import LSTMClassifier
from .._regressor import LSTMRegressor
from ..nn import ModuleFactory
from ._checks import check_fitted
from ._net_checks import require
from ._requests import request_of, requests_of
from ._values import Reader, UnsafeError, Writer

Entry = dict[str, Any]

ESTIMATORS: dict[str, Any] = {kind.__name__: kind for kind in (LSTMClassifier, LSTMRegressor)}
_FITTED = {
    "net_",
    "history_",
    "n_epochs_",
    "n_features_in_",
    "n_sequence_features_",
    "n_timesteps_in_",
    "_n_columns",
    "_background",
}
_TARGET: dict[Any, set[str]] = {
    LSTMClassifier: {"classes_", "_multilabel"},
    LSTMRegressor: {"_single_output"},
}
_SOMETIMES = {"feature_names_in_"}
# Code, which `load` is given again, and a folder of the machine of training, into which nobody else
# should be made to write.
_NOT_WRITTEN = {"module", "checkpoint"}
_FOR_TRAINING = ("augmentation", "callbacks", "optimizer")


def write_lstm(model: Any, writer: Writer, where: str) -> Entry:
    """Parameters and fitted attributes; their arrays go to the writer.

    Raises
    ------
    UnsafeError
        Where something would have to run code when it is loaded; with the way out.
    """
    name = type(model).__name__
    if type(model) is not ESTIMATORS.get(name):
        kind = type(model)
        raise UnsafeError(
            f"{kind.__module__}.{kind.__qualname__} is a class of its own, which a file without "
            "code cannot bring along. Save an LSTMClassifier or LSTMRegressor, or use joblib"
        )
    model._validate_params()
    state = model.__getstate__()
    entry: Entry = {"class": name, "version": state.pop("_sklstm_version")}
    factory = state["module"]
    entry["module"] = None if factory is None else _name_of(factory)
    if "net_" in state:
        state["net_"] = dict(state["net_"], architecture=dict(state["net_"]["architecture"]))
        state["net_"]["architecture"].pop("module", None)
    parameters = {key: state.pop(key) for key in sorted(model.get_params(deep=False))}
    for key in _NOT_WRITTEN:
        parameters.pop(key)
    entry["parameters"] = {}
    for key, value in parameters.items():
        try:
            entry["parameters"][key] = writer.encode(value, f"{where}{key}")
        except UnsafeError as error:
            hint = ""
            if key in _FOR_TRAINING:
                plain = '"adamw"' if key == "optimizer" else None
                hint = (
                    f". It is needed for training alone: copy.copy(model).set_params({key}={plain})"
                    " can be saved"
                )
            raise UnsafeError(f"{error}{hint}") from None
    if state.pop("_skl_callbacks", None):
        raise UnsafeError(
            "it holds callbacks of scikit-learn, which are needed for training alone: "
            "copy.copy(model).set_callbacks() can be saved"
        )
    requests = state.pop("_metadata_request", None)
    entry["requests"] = None if requests is None else requests_of(requests)
    entry["fitted"] = {}
    for key, value in state.items():
        if key not in _FITTED | _TARGET[type(model)] | _SOMETIMES:
            raise UnsafeError(
                f"{where}{key} is an attribute that no fit makes. Delete it, or use joblib"
            )
        entry["fitted"][key] = writer.encode(value, f"{where}{key}")
    return entry


def read_lstm(entry: Entry, reader: Reader, module: ModuleFactory | None) -> Any:
    """The estimator of an entry; any kind of exception where there is none."""
    require(
        set(entry) == {"class", "version", "module", "parameters", "requests", "fitted"},
        f"an estimator has the entries {sorted(entry)}",
    )
    require(isinstance(entry["version"], str), f"version is {entry['version']!r}")
    kind = ESTIMATORS[entry["class"]]
    model = kind()
    parameters = {key: reader.decode(value) for key, value in entry["parameters"].items()}
    unknown = set(parameters) - (set(model.get_params(deep=False)) - _NOT_WRITTEN)
    require(not unknown, f"{entry['class']} has no parameters {sorted(unknown)}")
    custom = entry["module"] is not None
    model.set_params(**parameters, module=module if custom else None)
    model._validate_params()
    state = dict(vars(model), _sklstm_version=entry["version"])
    if entry["requests"] is not None:
        state["_metadata_request"] = request_of(entry["requests"], entry["class"])
    if entry["fitted"]:
        fitted = {key: reader.decode(value) for key, value in entry["fitted"].items()}
        wanted = _FITTED | _TARGET[kind]
        require(
            set(fitted) - _SOMETIMES == wanted,
            f"a fitted {entry['class']} has not the attributes {sorted(fitted)}",
        )
        check_fitted(fitted, kind is LSTMClassifier, custom)
        if custom:
            fitted["net_"]["architecture"]["module"] = module
        state |= fitted
    model = kind.__new__(kind)
    model.__setstate__(state)
    return model


def _name_of(factory: Any) -> str:
    name = getattr(factory, "__qualname__", type(factory).__qualname__)
    return f"{factory.__module__}.{name}"
