"""What all loaders share: reading the embedded files and checking parameters."""

import io
from importlib.resources import files

import numpy as np


def read_arrays(name: str) -> dict[str, np.ndarray]:
    """Read the arrays of ``data/<name>.npz``; each call returns new arrays."""
    content = (files(__package__) / "data" / f"{name}.npz").read_bytes()
    # Through memory, because a resource of a zipped package is not a file.
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return {key: archive[key] for key in archive.files}


def read_descr(name: str) -> str:
    """Read the description ``descr/<name>.rst``."""
    return (files(__package__) / "descr" / f"{name}.rst").read_text(encoding="utf-8")


def check_flag(loader: str, parameter: str, value: object) -> None:
    """Raise a ValueError unless ``value`` is a boolean."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(
            f"The {parameter!r} parameter of {loader} must be True or False. Got {value!r} instead."
        )


def check_choice(loader: str, parameter: str, value: object, choices: tuple[str, ...]) -> None:
    """Raise a ValueError unless ``value`` is one of the strings ``choices``."""
    if not isinstance(value, str) or value not in choices:
        listed = ", ".join(map(repr, choices))
        raise ValueError(
            f"The {parameter!r} parameter of {loader} must be one of {{{listed}}}. "
            f"Got {value!r} instead."
        )
