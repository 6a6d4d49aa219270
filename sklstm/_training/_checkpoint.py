"""The file in which one ``fit`` keeps its state, so that it can go on after a kill."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skorch.callbacks import EarlyStopping

from ._archive import read, write

if TYPE_CHECKING:
    from ._net import LSTMNet


class Checkpoint:
    """The state of training after the last whole epoch.

    Every epoch draws from seeds of its own, so that weights, optimizer, schedule, history and
    early stopping are all there is to keep.

    Parameters
    ----------
    folder : path
    key : str
        What the ``fit`` is known by, see ``fingerprint``.
    """

    def __init__(self, folder: str | os.PathLike[str], key: str) -> None:
        self.key = key
        self.path = Path(folder) / f"{key}.safetensors"

    def begin(self, net: "LSTMNet") -> int:
        """Bring the net as far as the file is, and return the number of epochs.

        Without a file it is written now: what stands in its way shows before the first epoch.
        """
        self.first_epoch = len(net.history)
        if not self.path.exists():
            self.save(net)
            return 0
        try:
            state = read(self.path, self.key)
            _restore(net, state)
        except (ValueError, RuntimeError) as error:
            raise ValueError(
                f"The checkpoint {str(self.path)!r} cannot be used: {error}. Delete it to train "
                "from the start."
            ) from error
        return len(state["history"])

    def save(self, net: "LSTMNet") -> None:
        """Replace the file by the state of now."""
        try:
            write(self.path, self.key, _state_of(net, self.first_epoch))
        except TypeError as error:
            raise ValueError(
                f"A checkpoint keeps tensors, numbers and text. The state of training with "
                f"optimizer={net.options_.optimizer!r} holds {error}. Use another optimizer, or "
                "checkpoint=None."
            ) from error
        except OSError as error:
            n_epochs = len(net.history) - self.first_epoch
            kept = "" if n_epochs else " Nothing has been trained."
            if n_epochs and self.path.exists():
                kept = (
                    f" That of {n_epochs - 1} epochs is kept: the same fit goes on from there as "
                    "soon as files can be written again."
                )
            raise OSError(
                error.errno,
                f"The checkpoint of {n_epochs} epochs could not be written: {error.strerror}."
                f"{kept}",
                str(self.path),
            ) from error


def _state_of(net: "LSTMNet", first_epoch: int) -> dict[str, Any]:
    return {
        "weights": net.module_.state_dict(),
        "optimizer": net.optimizer_.state_dict(),
        "schedule": net.schedule.state_dict(),
        "early_stopping": [_memory(stopping) for stopping in _early_stopping(net)],
        "stop_training": net.stop_training,
        "history": [
            {name: value for name, value in row.items() if name != "batches"}
            for row in net.history[first_epoch:]
        ],
    }


def _restore(net: "LSTMNet", state: dict[str, Any]) -> None:
    net.module_.load_state_dict(state["weights"])
    net.optimizer_.load_state_dict(state["optimizer"])
    net.schedule.load_state_dict(state["schedule"])
    for stopping, memory in zip(_early_stopping(net), state["early_stopping"], strict=True):
        vars(stopping).update(memory)
    net.stop_training = state["stop_training"]
    for row in state["history"]:
        net.history.append({**row, "batches": []})


def _early_stopping(net: "LSTMNet") -> list[EarlyStopping]:
    return [callback for _, callback in net.callbacks_ if isinstance(callback, EarlyStopping)]


def _memory(callback: EarlyStopping) -> dict[str, Any]:
    return {name: value for name, value in vars(callback).items() if name.endswith("_")}
