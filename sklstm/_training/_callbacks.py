"""The skorch callbacks that a fit adds to the user's own."""

from collections.abc import Callable
from typing import Any

from skorch.callbacks import Callback, EarlyStopping
from skorch.utils import noop
from tqdm.auto import tqdm


class EpochBar(Callback):
    """A progress bar over epochs, with the losses and the remaining time."""

    def __init__(self, n_epochs: int, description: str) -> None:
        self.n_epochs = n_epochs
        self.description = description

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Open the bar."""
        self.bar_ = tqdm(total=self.n_epochs, desc=self.description, unit="epoch")
        self.n_before_ = len(net.history)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Advance by one epoch."""
        row = net.history[-1]
        losses = {name: f"{row[name]:.4g}" for name in ("train_loss", "valid_loss") if name in row}
        self.bar_.set_postfix(losses, refresh=False)
        self._advance(net)

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Close the bar, keeping its last line."""
        self._advance(net)
        self.bar_.close()

    def _advance(self, net: Any) -> None:
        # Epochs that a checkpoint held are passed all at once.
        done = sum("dur" in row for row in net.history[self.n_before_ :])
        self.bar_.update(done - self.bar_.n)


def best_epoch(patience: int) -> EarlyStopping:
    """Stop after ``patience`` epochs without improvement, and go back to the best."""
    return EarlyStopping(patience=patience, threshold=0.0, load_best=True, sink=noop)


class EpochTasks(Callback):
    """Tells scikit-learn's callbacks of every epoch, a subtask of ``fit``.

    Parameters
    ----------
    context : sklearn.callback.CallbackContext
        Of the fit.
    task : dict
        The arguments that every event carries: estimator, X, y, metadata.
    snapshot : callable
        From the net to the attributes of an estimator fitted as far as the net is; called only
        where a callback asks for it.
    """

    def __init__(
        self, context: Any, task: dict[str, Any], snapshot: Callable[[Any], dict[str, Any]]
    ) -> None:
        self.context = context
        self.task = task
        self.snapshot = snapshot

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Open a subtask."""
        self.epoch_ = self.context.subcontext(task_name="epoch")
        self.epoch_.call_on_fit_task_begin(**self.task)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Close it; a callback that returns True stops training."""
        if self.epoch_.call_on_fit_task_end(
            **self.task, reconstruction_attributes=lambda: self.snapshot(net)
        ):
            net.stop_training = True
