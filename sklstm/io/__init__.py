"""Models in files: those that are loaded again, and those that predict without torch.

Names are loaded on first use, so that ``load_onnx`` does without torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._export_onnx import export_onnx
    from ._load_onnx import load_onnx
    from ._save_load import load, save

__all__ = ["export_onnx", "load", "load_onnx", "save"]

_MODULES = {
    "export_onnx": "._export_onnx",
    "load": "._save_load",
    "load_onnx": "._load_onnx",
    "save": "._save_load",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(_MODULES[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
