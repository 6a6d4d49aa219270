"""LSTM networks as scikit-learn estimators that can say why.

``LSTMRegressor`` and ``LSTMClassifier`` take the place of any scikit-learn estimator, for
sequences. Names are loaded on first use, so that importing a part of the library does not
import torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from ._classifier import LSTMClassifier
    from ._regressor import LSTMRegressor

__all__ = ["LSTMClassifier", "LSTMRegressor", "__version__"]

_MODULES = {"LSTMClassifier": "._classifier", "LSTMRegressor": "._regressor"}
_SUBMODULES = (
    "augmentation",
    "datasets",
    "distributed",
    "explain",
    "io",
    "metrics",
    "model_selection",
    "plot",
    "preprocessing",
    "simplify",
)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(_MODULES[name], __name__), name)
    if name in _SUBMODULES:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_SUBMODULES])
