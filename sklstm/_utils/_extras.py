"""The one gate for what the library can do without."""

from importlib import import_module
from types import ModuleType


def load_extra(module: str, caller: str, extra: str | None = None) -> ModuleType:
    """Import a library that is not always installed.

    Parameters
    ----------
    module : str
        What to import.
    caller : str
        What the user called, for the message.
    extra : str, optional
        The extra of this package that installs it; None where there is none.

    Raises
    ------
    ImportError
        Where it is not installed; the message says how to install it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        library = module.split(".")[0]
        how = f"it with pip install 'sklstm[{extra}]'" if extra else library
        raise ImportError(f"{caller} requires {library}. Install {how}.") from error
