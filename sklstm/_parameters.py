"""The parameters that LSTMRegressor and LSTMClassifier share, and what they ask for."""

import inspect
import os
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from sklearn.base import BaseEstimator

from ._training import (
    SCHEDULES,
    Augmentation,
    Callback,
    DataOptions,
    LSTMNet,
    TrainingOptions,
    check_optimizer,
    derived_seed,
)
from ._utils._files import in_full
from ._utils._sklearn import Interval, StrOptions
from .nn import INPUT, POOLINGS

# Purpose of the seed of the validation rows; see _base.py for the others.
_SPLIT = (0, 2)


class LSTMParameters(BaseEstimator):
    """Parameters, and the records that data, training and network are made from."""

    _parameter_constraints: dict[str, Any] = {
        "hidden_size": [Interval(Integral, 1, None, closed="left")],
        "num_layers": [Interval(Integral, 1, None, closed="left")],
        "bidirectional": ["boolean"],
        "cell": [StrOptions({"lstm", "peephole"})],
        "activation": [StrOptions({"tanh", "relu"})],
        "pooling": [StrOptions(set(POOLINGS)), list, tuple],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "recurrent_dropout": [Interval(Real, 0, 1, closed="left")],
        "return_sequences": ["boolean"],
        "optimizer": [StrOptions({"adamw", "adam", "rmsprop", "sgd"}), type],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "lr_schedule": [StrOptions(set(SCHEDULES))],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "clip_norm": [Interval(Real, 0, None, closed="neither"), None],
        "tbptt_steps": [Interval(Integral, 1, None, closed="left"), None],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "validation_split": [StrOptions({"random", "last"})],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "standardize": ["boolean"],
        "augmentation": [list, tuple, None],
        "embedding_size": [Interval(Integral, 1, None, closed="left"), None],
        "module": [callable, None],
        "keep_background": [Interval(Integral, 0, None, closed="left")],
        "n_timesteps": [Interval(Integral, 1, None, closed="left"), None],
        "warm_start": ["boolean"],
        "callbacks": [list, tuple, None],
        "checkpoint": [str, os.PathLike, None],
        "device": [str],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        hidden_size: int,
        num_layers: int,
        *,
        bidirectional: bool | str,
        cell: str,
        activation: str,
        pooling: Any,
        dropout: float,
        recurrent_dropout: float,
        return_sequences: bool,
        optimizer: Any,
        learning_rate: float,
        lr_schedule: str,
        weight_decay: float,
        clip_norm: float | None,
        tbptt_steps: int | None,
        batch_size: int | str,
        max_epochs: int,
        early_stopping: bool,
        validation_fraction: float,
        validation_split: str,
        n_iter_no_change: int,
        standardize: bool,
        augmentation: Any,
        embedding_size: int | None,
        module: Any,
        keep_background: int,
        n_timesteps: int | None,
        warm_start: bool,
        callbacks: Any,
        checkpoint: Any,
        device: str,
        random_state: Any,
        verbose: int,
    ) -> None:
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.cell = cell
        self.activation = activation
        self.pooling = pooling
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.return_sequences = return_sequences
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.lr_schedule = lr_schedule
        self.weight_decay = weight_decay
        self.clip_norm = clip_norm
        self.tbptt_steps = tbptt_steps
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.validation_split = validation_split
        self.n_iter_no_change = n_iter_no_change
        self.standardize = standardize
        self.augmentation = augmentation
        self.embedding_size = embedding_size
        self.module = module
        self.keep_background = keep_background
        self.n_timesteps = n_timesteps
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.checkpoint = checkpoint
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def _data_options(self, net: LSTMNet, validate: bool) -> DataOptions:
        return DataOptions(
            batch_size=self.batch_size,
            standardize=self.standardize,
            validation_fraction=self.validation_fraction if validate else None,
            validation_split=self.validation_split,
            split_seed=derived_seed(net.seed, *_SPLIT) % 2**32,
        )

    def _training_options(self, scheduled: bool) -> TrainingOptions:
        check_optimizer(self.optimizer, type(self).__name__)
        return TrainingOptions(
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            lr_schedule=self.lr_schedule if scheduled else "constant",
            patience=self.n_iter_no_change // 2,
            weight_decay=self.weight_decay,
            label_smoothing=getattr(self, "label_smoothing", 0.0),
            clip_norm=self.clip_norm,
            augmentation=self._checked_augmentation(),
            callbacks=self._checked_callbacks(),
            verbose=self.verbose,
        )

    def _checked_augmentation(self) -> list[Augmentation]:
        augmentation = list(self.augmentation or [])
        for item in augmentation:
            if isinstance(item, type) or not callable(item):
                hint = f" Write {item.__name__}()." if isinstance(item, type) else ""
                raise ValueError(
                    f"The 'augmentation' parameter of {type(self).__name__} must hold callables "
                    f"(batch, generator) -> batch, see sklstm.augmentation. Got {item!r} "
                    f"instead.{hint}"
                )
        return augmentation

    def _checked_callbacks(self) -> list[Any]:
        callbacks = list(self.callbacks or [])
        for item in callbacks:
            callback = item[1] if isinstance(item, tuple | list) and len(item) == 2 else item
            kind = callback if isinstance(callback, type) else type(callback)
            if not issubclass(kind, Callback):
                raise ValueError(
                    f"The 'callbacks' parameter of {type(self).__name__} must hold skorch "
                    f"callbacks, or pairs of a name and one. Got {item!r} instead."
                )
        return callbacks

    def _checkpoint_folder(self) -> Path | None:
        """The folder, made where it was missing."""
        if self.checkpoint is None:
            return None
        name = type(self).__name__
        if self.random_state is None:
            raise ValueError(
                f"The 'random_state' parameter of {name} must be an int with a checkpoint: without "
                "it every fit is another one, and none can go on after a kill. Got None."
            )
        if self.callbacks:
            raise ValueError(
                f"The 'callbacks' parameter of {name} must be None with a checkpoint, which does "
                f"not keep what callbacks remember. Got {self.callbacks!r}."
            )
        if self.checkpoint == "":  # which Path takes for the folder of now
            raise ValueError(
                f"The 'checkpoint' parameter of {name} must be a folder or None. Got '' instead."
            )
        folder = in_full(self.checkpoint)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(
                error.errno,
                f"The 'checkpoint' parameter of {name} must be a folder that can be made and "
                f"written to: {error.strerror}",
                str(folder),
            ) from error
        return folder

    def _architecture(
        self, n_features: int, n_outputs: int, n_codes: int, seed: int
    ) -> dict[str, Any]:
        """Everything that ``build_network`` needs."""
        shape: dict[str, Any] = {
            "n_features": n_features,
            "n_outputs": n_outputs,
            "return_sequences": bool(self.return_sequences),
            "quantiles": self._quantiles(),
        }
        if self.module is not None:
            if self.embedding_size is not None:
                raise ValueError(
                    "The 'embedding_size' parameter must be None with a 'module', which may hold "
                    f"an embedding itself. Got {self.embedding_size!r}."
                )
            return {**shape, "module": self.module, "random_state": seed}
        embedding = None if self.embedding_size is None else (n_codes, int(self.embedding_size))
        bidirectional = bool(self.bidirectional)
        if self.bidirectional == "auto":  # what labels a step does not see the future unasked
            bidirectional = not self.return_sequences
        return {
            **shape,
            "hidden_size": int(self.hidden_size),
            "num_layers": int(self.num_layers),
            "bidirectional": bidirectional,
            "cell": self.cell,
            "activation": self.activation,
            "dropout": float(self.dropout),
            "recurrent_dropout": float(self.recurrent_dropout),
            "tbptt_steps": None if self.tbptt_steps is None else int(self.tbptt_steps),
            "pooling": self._poolings(),
            "embedding": embedding,
        }

    def _poolings(self) -> tuple[str, ...]:
        poolings = (self.pooling,) if isinstance(self.pooling, str) else tuple(self.pooling)
        known = all(pooling in (*POOLINGS, INPUT) for pooling in poolings)
        if not known or not {*poolings} - {INPUT} or len(set(poolings)) < len(poolings):
            raise ValueError(
                f"The 'pooling' parameter of {type(self).__name__} must be one of {POOLINGS}, or "
                f"a list of different ones, {INPUT!r} possibly among them. Got {self.pooling!r} "
                "instead."
            )
        if self.return_sequences:
            self._check_pooling_is_left_alone(poolings)
        return poolings

    def _check_pooling_is_left_alone(self, poolings: tuple[str, ...]) -> None:
        parameters = inspect.signature(type(self)).parameters
        # A subclass may have no such parameter.
        default = parameters["pooling"].default if "pooling" in parameters else poolings
        if poolings != ((default,) if isinstance(default, str) else tuple(default)):
            raise ValueError(
                f"The 'pooling' parameter of {type(self).__name__} must be left at {default!r} "
                f"with return_sequences=True, which pools nothing. Got {self.pooling!r} instead."
            )

    def _quantiles(self) -> tuple[float, ...] | None:
        """What the network predicts of each target, where that is quantiles."""
        return None
