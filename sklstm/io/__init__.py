"""Models in files that run nothing when they are loaded.

Names are loaded on first use, so that a part of this module does without torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._save_load import load, save

__all__ = ["load", "save"]

_MODULES = {
    "load": "._save_load",
    "save": "._save_load",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(_MODULES[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
