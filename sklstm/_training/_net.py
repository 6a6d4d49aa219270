"""The skorch net that holds module, optimizer, callbacks and history of one estimator."""

import copy
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, LRScheduler
from torch import Tensor

from ..nn import ScaledNetwork
from ._augment import Augmentation, augment
from ._batches import Batch, Batches
from ._checkpoint import Checkpoint
from ._checksum import checksum
from ._integers import Integers
from ._losses import WeightedLoss
from ._optimizers import decay, make_optimizer
from ._schedules import make_schedule
from ._seeding import seeded_generator
from ._sharing import ALONE, current_share

_ORDER, _DROPOUT, _AUGMENTATION = 1, 2, 3


@dataclass(frozen=True)
class TrainingOptions:
    """What one call of ``fit`` asks of training."""

    optimizer: str | type[torch.optim.Optimizer]
    learning_rate: float
    weight_decay: float
    lr_schedule: str
    label_smoothing: float
    clip_norm: float | None
    patience: int
    augmentation: list[Augmentation]
    callbacks: list[Any]
    verbose: int


class LSTMNet(NeuralNet):
    """A skorch net over ``Batches``.

    It keeps skorch's components, history and callback events, and replaces the parts of its
    loop that cost time per batch: events of batches are sent, and batches written to the
    history, only where the user has callbacks.

    ``batch`` is ``({"z", "lengths", "weights"}, target)``, everything standardised. Where training
    is shared with other processes, each step takes its part of it.
    """

    callbacks_: list[tuple[str, Callback]]
    _share = ALONE

    def __init__(self, module: ScaledNetwork, criterion: str, seed: int, **kwargs: Any) -> None:
        self.seed = seed
        self.weight_unit: float | None = None
        # Integers that some weights were rounded to; training moves these weights away from them.
        self.integers: dict[str, Integers] = {}
        super().__init__(module=module, criterion=criterion, verbose=0, **kwargs)

    @property
    def _default_callbacks(self) -> list[Any]:
        return []

    @property
    def classes_(self) -> np.ndarray:
        """Class codes, for scoring callbacks."""
        if "entropy" not in self.criterion:
            raise AttributeError("classes_")
        return np.arange(max(2, self.module_.architecture["n_outputs"]))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.estimator_type = "classifier" if "entropy" in self.criterion else "regressor"
        return tags

    def initialize_criterion(self) -> "LSTMNet":
        """Look the loss up by its name."""
        self.criterion_ = WeightedLoss(self.criterion, self.module_.architecture["quantiles"])
        return self

    def prepare(self, options: TrainingOptions, own_callbacks: dict[str, Callback]) -> None:
        """Get ready for one call of ``fit``: copies of the user's callbacks, the optimizer.

        The optimizer is kept, with its moments, from an earlier call unless its class changed.
        The learning rate and its schedule begin anew in every call.
        """
        previous = getattr(self, "options_", None)
        self.options_ = options
        self.callbacks = [*own_callbacks.items(), *copy.deepcopy(options.callbacks)]
        self._initialize_callbacks()
        for _, callback in self.callbacks_:
            # skorch would go on at the epoch of the history, where torch's schedulers disagree
            # on whether the rate they find was stepped already.
            if isinstance(callback, LRScheduler) and "Plateau" not in str(callback.policy):
                vars(callback).setdefault("last_epoch", -1)
        self._n_own_callbacks = len(own_callbacks)
        self.verbose = 0  # skorch tells of every new optimizer
        if previous is None or previous.optimizer != options.optimizer:
            self._initialize_optimizer()
        for group in self.optimizer_.param_groups:
            group["lr"] = group["initial_lr"] = options.learning_rate
        self.verbose = options.verbose
        # LBFGS estimates the curvature from gradients, which a clipped one is not.
        searching = isinstance(self.optimizer_, torch.optim.LBFGS)
        self._clip_norm = None if searching else options.clip_norm

    def initialize_optimizer(self, triggered_directly: bool | None = None) -> "LSTMNet":
        """Build the optimizer that the last ``prepare`` asked for."""
        if hasattr(self, "options_"):
            options = self.options_
            self.optimizer_ = make_optimizer(self.module_, options.optimizer, options.learning_rate)
        return self

    def notify(self, method_name: str, **cb_kwargs: Any) -> None:
        """Tell the callbacks; skorch's EarlyStopping stops training by KeyboardInterrupt."""
        getattr(self, method_name)(self, **cb_kwargs)
        for _, callback in self.callbacks_:
            try:
                getattr(callback, method_name)(self, **cb_kwargs)
            except KeyboardInterrupt:
                if not isinstance(callback, EarlyStopping):
                    raise
                self.stop_training = True

    def train(
        self,
        training: Batches,
        validation: Batches | None,
        epochs: int,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        """One call of ``fit``: callbacks, epochs, and the callbacks' end also after an error.

        The first error is the one that is raised. An epoch that Ctrl-C cut off leaves no trace
        in the history. Our own callbacks, which hold on to the data, are let go.
        """
        self._share = current_share()
        try:
            self._begin_together(training, validation, epochs)
            # The caller's mixed precision is not ours; a callback may switch its own on.
            with torch.autocast(training.device.type, enabled=False):
                self._train(training, validation, epochs, checkpoint)
            self._share.end_together()
        finally:
            del self._share
            self.callbacks = self.callbacks[self._n_own_callbacks :]
            self.callbacks_ = self.callbacks_[self._n_own_callbacks :]

    def _begin_together(self, training: Batches, validation: Batches | None, epochs: int) -> None:
        if self._share.size > 1:
            batches = [training] if validation is None else [training, validation]
            tensors = [*self.module_.parameters(), *self.module_.buffers()]
            self._share.begin(checksum(self, batches, epochs), tensors)

    def _train(
        self,
        training: Batches,
        validation: Batches | None,
        epochs: int,
        checkpoint: Checkpoint | None,
    ) -> None:
        self.notify("on_train_begin", X=None, y=None)
        try:
            self.fit_loop(training, validation, epochs, checkpoint=checkpoint)
        except BaseException as error:
            try:
                self.notify("on_train_end", X=None, y=None)
            except Exception as second:
                error.add_note(f"A callback failed at the end of training, too: {second!r}")
            if self.history and "dur" not in self.history[-1]:
                del self.history[-1]
            raise
        self.notify("on_train_end", X=None, y=None)

    def fit_loop(
        self,
        X: Batches,
        y: Batches | None = None,
        epochs: int | None = None,
        checkpoint: Checkpoint | None = None,
        **fit_params: Any,
    ) -> "LSTMNet":
        """Train for ``epochs`` on the batches X, validate on the batches y.

        Epochs that the checkpoint holds are taken from there.

        Raises
        ------
        ValueError
            Where the loss or a weight is no longer finite.
        """
        self.stop_training = False
        own = any(isinstance(callback, LRScheduler) for _, callback in self.callbacks_)
        self.schedule = make_schedule(
            self.optimizer_,
            "constant" if own else self.options_.lr_schedule,
            n_steps=(epochs or 0) * X.n_batches,
            patience=self.options_.patience,
        )
        datasets = {"dataset_train": X, "dataset_valid": y}
        done = 0 if checkpoint is None else self._resume(checkpoint)
        for _ in range(done, epochs or 0):
            if self.stop_training:
                break
            begin = time.perf_counter()
            self.notify("on_epoch_begin", **datasets)
            self._record_loss("train_loss", self._share.of_first(self._train_epoch(X)))
            if y is not None:
                self._record_loss("valid_loss", self._share.of_first(self._validate(y)))
            self.schedule.end_epoch(self.history[-1])
            self.history.record("dur", _rounded(time.perf_counter() - begin))
            self.notify("on_epoch_end", **datasets)
            self.stop_training = self._share.any(self.stop_training)
            if checkpoint is not None:
                checkpoint.save(self)
        return self

    def _resume(self, checkpoint: Checkpoint) -> int:
        """Number of epochs that the checkpoint holds, the same in all processes of a training."""
        done = checkpoint.begin(self)
        first = self._share.of_first(done)
        if done != first:
            raise ValueError(
                f"All processes of data_parallel must find the same checkpoint. The first has "
                f"{first:.0f} epochs in its folder, this one has {done}."
            )
        return done

    def _train_epoch(self, batches: Batches) -> float:
        epoch = self.history[-1, "epoch"]
        dropout = seeded_generator(self.seed, epoch, _DROPOUT, device=batches.device)
        self._weights = [p for p in self.module_.parameters() if p.requires_grad]
        # A weight that was frozen since the last epoch would keep its gradient, and move by it.
        self.optimizer_.zero_grad()
        total = torch.zeros((), dtype=torch.float64, device=batches.device)
        self.module_.train()
        try:
            with self.module_.drawing_from(dropout, self._share.part):
                for batch in self._training_batches(batches, epoch):
                    self._begin_batch(batch, training=True)
                    step = self.train_step(batch)
                    self.schedule.end_batch()
                    total += step["loss"].detach() * len(batch[1])
                    self._end_batch(batch, "train", step)
        finally:
            self.module_.eval()
        return total.item() / len(batches)

    def _training_batches(self, batches: Batches, epoch: int) -> Iterator[Batch]:
        shuffled = batches.shuffled(seeded_generator(self.seed, epoch, _ORDER))
        augmentation = self.options_.augmentation
        if not augmentation:
            return shuffled
        generator = seeded_generator(self.seed, epoch, _AUGMENTATION, device=batches.device)
        n_outputs = self.module_.architecture["n_outputs"]
        reads_codes = self.module_.embedding is not None
        return (
            augment(batch, augmentation, generator, n_outputs, reads_codes) for batch in shuffled
        )

    def _validate(self, batches: Batches) -> float:
        total = 0.0
        for batch in batches.in_order():
            self._begin_batch(batch, training=False)
            step = self.validation_step(batch)
            total += step["loss"].item() * len(batch[1])
            self._end_batch(batch, "valid", step)
        return total / len(batches)

    def _record_loss(self, name: str, loss: float) -> None:
        finite = math.isfinite(loss) and all(
            bool(torch.isfinite(p.detach().sum())) for p in self.module_.parameters()
        )
        if not finite:
            options = self.options_
            self._share.end()  # all processes come here
            augmented = f" and in what the augmentation {options.augmentation!r} returns"
            raise ValueError(
                f"Training diverged in epoch {self.history[-1, 'epoch']}: the {name} is {loss}. "
                f"Try a smaller learning_rate (now {options.learning_rate}) or a smaller "
                f"clip_norm (now {options.clip_norm}), and look for extreme values in X and y"
                f"{augmented if options.augmentation else ''}."
            )
        loss = _rounded(loss)
        self.history.record(name, loss)
        if self.options_.callbacks:  # skorch's Checkpoint looks for it
            earlier = [row[name] for row in self.history[:-1] if name in row]
            self.history.record(f"{name}_best", not earlier or loss < min(earlier))

    def _begin_batch(self, batch: Batch, training: bool) -> None:
        if self.options_.callbacks:
            self.notify("on_batch_begin", batch=batch, training=training)

    def _end_batch(self, batch: Batch, prefix: str, step: dict[str, Tensor]) -> None:
        if self.options_.callbacks:
            self.history.record_batch(f"{prefix}_loss", step["loss"].item())
            self.history.record_batch(f"{prefix}_batch_size", len(batch[1]))
            self.notify("on_batch_end", batch=batch, training=prefix == "train", **step)

    def train_step(self, batch: Batch, **fit_params: Any) -> dict[str, Tensor]:
        """One optimizer step."""
        steps: list[dict[str, Tensor]] = []

        def closure() -> Any:
            for weight in self._weights:
                weight.grad = None
            steps.append(self.train_step_single(batch))
            if len(steps) == 1 and self.options_.weight_decay:
                rate = self.optimizer_.param_groups[0]["lr"]
                decay(self._weights, rate, self.options_.weight_decay)
            return steps[-1]["loss"]

        self.optimizer_.step(closure)
        return steps[0]

    def train_step_single(self, batch: Batch, **fit_params: Any) -> dict[str, Tensor]:
        """Output, loss and clipped gradients of one batch."""
        (x, target), fraction = self._share.cut(batch)
        output = self.infer(x)
        loss = self.criterion_(output, target, x["weights"], self.options_.label_smoothing)
        loss.backward(torch.full_like(loss, fraction))
        loss = self._share.sum_gradients(loss * fraction)
        if self._clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self._weights, self._clip_norm)
        if self.options_.callbacks:
            self.notify(
                "on_grad_computed",
                named_parameters=list(self.module_.named_parameters()),
                batch=batch,
                training=True,
            )
        return {"loss": loss, "y_pred": output}

    @torch.no_grad()
    def validation_step(self, batch: Batch, **fit_params: Any) -> dict[str, Tensor]:
        """Output and loss of one batch in evaluation mode."""
        x, target = batch
        output = self.infer(x)
        return {"loss": self.criterion_(output, target, x["weights"]), "y_pred": output}

    def __sklearn_is_fitted__(self) -> bool:
        return self.initialized_  # skorch 1.3 answers None, which scikit-learn takes for no

    def infer(self, x: Any, **fit_params: Any) -> Tensor:
        """Head outputs, in standardised units."""
        if not isinstance(x, dict):
            raise TypeError(
                f"The net_ of an estimator computes from batches. Got {type(x).__name__}. Pass the "
                "estimator itself as the model, or call its predict; net_.module_(x, lengths) "
                "computes from tensors."
            )
        return self.module_.encode(x["z"], x["lengths"])

    def get_dataset(self, X: Any, y: Any = None) -> Any:
        """Batches are a dataset already."""
        return X

    def get_iterator(self, dataset: Batches, training: bool = False) -> Any:
        """Batches in their order, for scoring callbacks."""
        return dataset.in_order() if isinstance(dataset, Batches) else [(dataset, None)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities, or standardised targets, for scoring callbacks."""
        output = torch.cat([y.detach().cpu() for y in self.forward_iter(X)])
        if self.criterion == "cross_entropy":
            output = output.softmax(-1)
        elif self.criterion == "binary_cross_entropy":
            output = output.sigmoid()
            if output.shape[-1] == 1:
                output = torch.cat([1 - output, output], dim=-1)
        return output.numpy()

    def predict(self, X: Any) -> np.ndarray:
        """Class codes, indicators or standardised targets, for scoring callbacks."""
        output = torch.cat([y.detach().cpu() for y in self.forward_iter(X)]).numpy()
        if self.criterion == "cross_entropy":
            return output.argmax(-1)
        if self.criterion == "quantile":
            quantiles = self.module_.architecture["quantiles"]
            return output[..., quantiles.index(0.5) :: len(quantiles)]
        return (output > 0).astype(int) if self.criterion == "binary_cross_entropy" else output


def _rounded(value: float) -> float:
    # What the history keeps takes half the room in a pickle and reads back as it was.
    return float(np.float32(value))
