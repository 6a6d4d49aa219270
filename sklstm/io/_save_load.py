"""save and load."""

import os
from typing import Any

import numpy as np
import sklearn
import torch
from sklearn.base import BaseEstimator

from .._base import BaseLSTM
from .._utils._files import in_full, replacing
from .._version import __version__
from ..nn import ModuleFactory
from ._estimators import read_lstm, write_lstm
from ._file import Arrays, Content, pack, read
from ._net_checks import require
from ._skeleton import Slot, dumps, loads
from ._values import Reader, UnsafeError, Writer

FORMAT = "sklstm.io"
# The protocol of the files that are written. All up to it are read.
#
# A change of what is in a file that an older sklstm could not read, or would read wrongly, raises
# it by one, at most once in a release: a new place of something, a fitted attribute more, another
# packing of weights or history in `_training/_state.py`. A new parameter of an estimator does not:
# where a file has none, the default is taken, and files that have it name their version.
#
# 1. Raise PROTOCOL.
# 2. Beside `_unpacked` add a function that turns the content of the old protocol into that of the
#    new one, and call it there for the old number. It checks nothing less than was checked: a file
#    chooses its number itself.
# 3. Run `python tests/io/old_files.py`: it writes the files of the new protocol beside those of
#    the old ones, which stay and are loaded in the tests.
PROTOCOL = 1


def save(model: Any, path: str | os.PathLike[str]) -> None:
    """Write a model to a file that runs nothing when it is loaded.

    The file is a safetensors file [1]_. Weights, kept background and history are its arrays; a
    JSON header holds class, parameters, labels, names, versions and a checksum. What
    scikit-learn defines is written by skops [2]_ (``pip install 'sklstm[skops]'``), which an
    LSTMRegressor or LSTMClassifier alone does not need.

    The file appears when it is complete: whatever happens before, an older one of that name stays
    as it was. A link stays a link, and the permissions of an older file are kept.

    Parameters
    ----------
    model : estimator
        LSTMRegressor, LSTMClassifier, or a Pipeline, a ColumnTransformer, a search or another
        estimator of scikit-learn, with or without an LSTM in it; fitted or not.
    path : str or path-like
        The file. It is replaced if it exists. A leading ``~`` is your home folder.

    Raises
    ------
    ValueError
        Where something in the model would have to run code of its own when it is loaded; the
        message names it: classes that are neither of scikit-learn nor of sklstm, functions,
        callbacks, decision trees. Nothing is written then.
    TypeError
        Where ``path`` is no path.

    See Also
    --------
    load : Read the file.

    Notes
    -----
    A search is saved as a whole: ``best_estimator_``, ``best_params_`` and ``cv_results_``. Of a
    ``module`` of one's own the file has the weights and the name; `load` is given the factory
    again. Neither an optimizer's moments nor folders (``checkpoint``, and ``memory`` of a Pipeline)
    come back.

    The checksum tells damage, not an author: who can write the file can make another model with
    a right checksum.

    References
    ----------
    .. [1] https://huggingface.co/docs/safetensors
    .. [2] https://skops.readthedocs.io

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.io import load, save
    >>> X = np.random.default_rng(0).normal(size=(40, 8, 2))
    >>> model = LSTMRegressor(8, max_epochs=2).fit(X, X[:, -1, 0])
    >>> with TemporaryDirectory() as folder:
    ...     save(model, Path(folder) / "model.sklstm")
    ...     loaded = load(Path(folder) / "model.sklstm")
    >>> np.array_equal(loaded.predict(X), model.predict(X))
    True
    """
    if not isinstance(model, BaseEstimator):
        raise ValueError(f"model must be an estimator of sklstm or scikit-learn. Got {model!r}.")
    try:
        content, arrays, module = _packed(model)
        _unpacked(content, arrays, module)  # what could not be loaded is not written
        data = pack(content, arrays)
    except _OTHERS:
        raise
    except Exception as error:
        raise ValueError(
            f"{type(model).__name__} cannot be saved in a file that runs no code: {_why(error)}."
        ) from error
    with replacing(path) as file:
        file.write(data)


def load(path: str | os.PathLike[str], *, module: ModuleFactory | None = None) -> Any:
    """Read a model that :func:`save` wrote.

    It predicts, bit for bit, what the saved one predicted. Safe on files of unknown origin:
    nothing in them is run, no module that they name is imported, and no memory is taken beyond
    a multiple of their size. That is no judgement of the model itself.

    Parameters
    ----------
    path : str or path-like
        The file; a leading ``~`` is your home folder.
    module : callable, optional
        The factory of the ``module`` parameter, for a model that was saved with one.

    Returns
    -------
    estimator
        On the device of its ``device`` parameter, or on the CPU where that is missing.

    Raises
    ------
    ValueError
        If the file was not written by :func:`save`, was cut off, damaged, or claims what does
        not fit together; if a newer sklstm wrote it; if ``module`` is missing or not needed.
    TypeError
        Where ``path`` is no path.

    Warns
    -----
    InconsistentVersionWarning
        If another version of sklstm or scikit-learn wrote the file.

    See Also
    --------
    save : Write the file.

    Examples
    --------
    A file that is something else is refused:

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklstm.io import load
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "model.sklstm"
    ...     _ = path.write_text("a model, surely")
    ...     load(path)
    Traceback (most recent call last):
    ...
    ValueError: ...model.sklstm' cannot be loaded: sklstm.io.save did not write it.
    """
    path = in_full(path)
    # Whatever goes wrong inside an unknown file means the same: it is not one of ours.
    try:
        return _unpacked(*read(path), module)
    except _OTHERS:
        raise
    except Exception as error:
        raise ValueError(f"{str(path)!r} cannot be loaded: {_why(error)}.") from error


# What does not say that a model or a file is at fault.
_OTHERS = (OSError, ImportError, MemoryError, Warning)


def _why(error: Exception) -> str:
    if isinstance(error, ValueError):
        return str(error).removesuffix(".")
    return f"its parts do not fit together ({error!r})"


def _packed(model: Any) -> tuple[Content, Arrays, ModuleFactory | None]:
    """What is written of a model; its LSTMs are numbered where it is a scikit-learn estimator."""
    writer = Writer()
    estimators: list[Any] = []

    def slot_of(estimator: Any) -> Slot:
        known = [i for i, other in enumerate(estimators) if other is estimator]
        estimators.extend([] if known else [estimator])
        return Slot(known[0] if known else len(estimators) - 1)

    if isinstance(model, BaseLSTM):
        estimators.append(model)
    else:
        skeleton = np.frombuffer(dumps(model, slot_of), dtype=np.uint8)
        writer.arrays["skops"] = skeleton
    alone = not writer.arrays
    entries = [
        write_lstm(estimator, writer, "" if alone else f"estimators.{i}.")
        for i, estimator in enumerate(estimators)
    ]
    factories = {id(e.module): e.module for e in estimators if e.module is not None}
    if len(factories) > 1:
        raise UnsafeError("it holds several different 'module' factories. Save its parts")
    content = {
        "format": FORMAT,
        "protocol": PROTOCOL,
        "versions": {
            "sklstm": __version__,
            "scikit-learn": sklearn.__version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
        "skops": not alone,
        "estimators": entries,
    }
    return content, writer.arrays, next(iter(factories.values()), None)


def _unpacked(content: Content, arrays: Arrays, module: ModuleFactory | None) -> Any:
    """The model; any kind of exception where there is none."""
    require(content.get("format") == FORMAT, "sklstm.io.save did not write it")
    protocol = content["protocol"]
    require(
        type(protocol) is int and 1 <= protocol <= PROTOCOL,
        f"it is of protocol {protocol}, and sklstm {__version__} reads protocols up to {PROTOCOL}",
    )
    reader = Reader(arrays)
    skeleton = reader.arrays.pop("skops").tobytes() if content["skops"] else None
    entries = content["estimators"]
    names = [entry["module"] for entry in entries if entry["module"] is not None]
    if names and module is None:
        raise ValueError(
            f"it has the weights of a torch module, {names[0]}. Pass the factory: "
            "load(path, module=...)"
        )
    require(names or module is None, "it needs no module, which must be None then")
    estimators = [read_lstm(entry, reader, module) for entry in entries]
    require(not reader.arrays, f"it has arrays that belong to nothing: {sorted(reader.arrays)}")
    if skeleton is not None:
        return loads(skeleton, estimators)
    require(len(estimators) == 1, f"it has {len(estimators)} estimators")
    return estimators[0]
