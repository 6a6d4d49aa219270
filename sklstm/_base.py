"""What LSTMRegressor and LSTMClassifier share: read, build, train, store, predict."""

import warnings
from abc import abstractmethod
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.utils.validation import check_is_fitted

from ._data import Sequences, read_sequences
from ._training import (
    Augmentation,
    Callback,
    DataOptions,
    EpochBar,
    EpochTasks,
    LSTMNet,
    Target,
    TrainingOptions,
    best_epoch,
    build_net,
    check_optimizer,
    copy_net,
    derived_seed,
    draw_seed,
    forward_batches,
    pack_history,
    pack_net,
    prepare_batches,
    resolve_device,
    restored_on_error,
    seeded_generator,
    unpack_history,
    unpack_net,
)
from ._utils._sklearn import (
    Interval,
    StrOptions,
    check_feature_names,
    check_sample_weight,
    get_feature_names,
)
from ._version import __version__
from .nn import POOLINGS, LSTMNetwork

# Purposes of the seeds that are derived from random_state; epochs use (epoch, 1) to (epoch, 3).
_INIT, _SPLIT = (0, 1), (0, 2)


class BaseLSTM(CallbackSupportMixin, BaseEstimator):
    """Everything but the target: see the two subclasses for the parameters."""

    # scikit-learn shows the documentation of parameters only beside a link; there is no public
    # address yet, so the link leads nowhere.
    _doc_link_module = "sklstm"
    _doc_link_template = "#"

    _parameter_constraints: dict[str, Any] = {
        "hidden_size": [Interval(Integral, 1, None, closed="left")],
        "num_layers": [Interval(Integral, 1, None, closed="left")],
        "bidirectional": ["boolean"],
        "pooling": [StrOptions(set(POOLINGS))],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "optimizer": [StrOptions({"adamw", "adam", "rmsprop", "sgd"}), type],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "clip_norm": [Interval(Real, 0, None, closed="neither"), None],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "validation_split": [StrOptions({"random", "last"})],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "standardize": ["boolean"],
        "augmentation": [list, tuple, None],
        "n_timesteps": [Interval(Integral, 1, None, closed="left"), None],
        "warm_start": ["boolean"],
        "callbacks": [list, tuple, None],
        "device": [str],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        hidden_size: int,
        num_layers: int,
        *,
        bidirectional: bool,
        pooling: str,
        dropout: float,
        optimizer: Any,
        learning_rate: float,
        weight_decay: float,
        clip_norm: float | None,
        batch_size: int,
        max_epochs: int,
        early_stopping: bool,
        validation_fraction: float,
        validation_split: str,
        n_iter_no_change: int,
        standardize: bool,
        augmentation: Any,
        n_timesteps: int | None,
        warm_start: bool,
        callbacks: Any,
        device: str,
        random_state: Any,
        verbose: int,
    ) -> None:
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.pooling = pooling
        self.dropout = dropout
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.clip_norm = clip_norm
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.validation_split = validation_split
        self.n_iter_no_change = n_iter_no_change
        self.standardize = standardize
        self.augmentation = augmentation
        self.n_timesteps = n_timesteps
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @abstractmethod
    def _read_target(
        self, y: Any, weights: NDArray[np.float64], known: dict[str, Any]
    ) -> tuple[Target, dict[str, Any]]:
        """Read y as a ``Target``, and the fitted attributes that it fixes.

        ``known`` holds attributes that are fixed already, by an earlier fit or by the caller.
        """

    # The caller may be inside torch.no_grad or torch.inference_mode.
    @torch.inference_mode(False)
    @torch.enable_grad()
    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        *,
        epochs: int,
        resume: bool,
        validate: bool = False,
        known: dict[str, Any] | None = None,
        context: Any = None,
    ) -> None:
        """Read everything, train, and only then store what was learned."""
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        sequences = self._read_known(X) if resume else self._read(X)
        weights = check_sample_weight(
            sample_weight, sequences.lengths, dtype=np.float64, ensure_non_negative=True
        )
        options = self._training_options()
        target, attributes = self._read_target(y, weights, self.__dict__ if resume else known or {})
        if resume:
            net = self._net_to_resume(target)
            if not sequences.uniform or sequences.max_length != self.n_timesteps_in_:
                attributes["n_timesteps_in_"] = None
        else:
            attributes.update(_input_attributes(X, sequences))
            net = self._new_net(sequences.n_features, target)
        training, validation = prepare_batches(
            net,
            sequences,
            target,
            weights,
            self._data_options(net, validate),
            first=not resume,
        )

        def fitted(net: LSTMNet) -> dict[str, Any]:
            return {**attributes, **_training_attributes(net)}

        metadata = {} if sample_weight is None else {"sample_weight": sample_weight}
        task = {"estimator": self, "X": X, "y": y, "metadata": metadata}
        own_callbacks: dict[str, Callback] = {}
        if validate:
            own_callbacks["sklstm_early_stopping"] = best_epoch(self.n_iter_no_change)
        if self.verbose:
            own_callbacks["sklstm_bar"] = EpochBar(epochs, type(self).__name__)
        if context is not None:
            context.call_on_fit_task_begin(**task)
            own_callbacks["sklstm_tasks"] = EpochTasks(
                context, task, lambda net: fitted(copy_net(net))
            )
        with restored_on_error(net):
            net.prepare(options, own_callbacks)
            try:
                net.train(training, validation, epochs)
            except KeyboardInterrupt:
                # Ctrl-C: what was learned so far is usable, and the caller's loop stops too.
                # A net that saw no whole epoch does not take the place of a trained one.
                if len(net.history) or not hasattr(self, "net_"):
                    self._store(fitted(net))
                raise
        self._store(fitted(net))
        if context is not None:
            context.call_on_fit_task_end(**task, reconstruction_attributes=dict)

    def _store(self, attributes: dict[str, Any]) -> None:
        if "n_features_in_" in attributes:  # a fit from the start: names of an earlier X are gone
            self.__dict__.pop("feature_names_in_", None)
        self.__dict__.update(attributes)

    def _fit_with_callbacks(self, X: Any, y: Any, sample_weight: Any) -> None:
        self._fit(
            X,
            y,
            sample_weight,
            epochs=self.max_epochs,
            resume=self.warm_start and hasattr(self, "net_"),
            validate=self.early_stopping,
            context=self._init_callback_context(max_subtasks=self.max_epochs),
        )

    def _data_options(self, net: LSTMNet, validate: bool) -> DataOptions:
        return DataOptions(
            batch_size=self.batch_size,
            standardize=self.standardize,
            validation_fraction=self.validation_fraction if validate else None,
            validation_split=self.validation_split,
            split_seed=derived_seed(net.seed, *_SPLIT) % 2**32,
        )

    def _training_options(self) -> TrainingOptions:
        check_optimizer(self.optimizer, self.weight_decay, type(self).__name__)
        return TrainingOptions(
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
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

    def _architecture(self, n_features: int, n_outputs: int) -> dict[str, Any]:
        return {
            "n_features": n_features,
            "n_outputs": n_outputs,
            "hidden_size": int(self.hidden_size),
            "num_layers": int(self.num_layers),
            "bidirectional": bool(self.bidirectional),
            "dropout": float(self.dropout),
            "pooling": self.pooling,
        }

    def _new_net(self, n_features: int, target: Target) -> LSTMNet:
        seed = draw_seed(self.random_state)
        network = LSTMNetwork(**self._architecture(n_features, target.n_outputs))
        network.reset_parameters(seeded_generator(seed, *_INIT))
        return build_net(network, target.criterion, seed, resolve_device(self.device))

    def _net_to_resume(self, target: Target) -> LSTMNet:
        """The fitted net, where the parameters and the target still fit it."""
        device = torch.device(self.net_.device)
        if (
            self.device != "auto"
            and resolve_device(self.device, fall_back=True).type != device.type
        ):
            raise ValueError(
                f"Training cannot go on on device {self.device!r}: the network is on {device}. Fit "
                "with warm_start=False, or a clone."
            )
        architecture = self.net_.module_.architecture
        wanted = self._architecture(architecture["n_features"], target.n_outputs)
        changed = [name for name in wanted if wanted[name] != architecture[name]]
        if changed:
            name = changed[0]
            raise ValueError(
                f"Training cannot go on from the fitted network: {name} is {wanted[name]!r}, but "
                f"was {architecture[name]!r}. Fit with warm_start=False, or a clone."
            )
        if self.net_.criterion != target.criterion:
            raise ValueError(
                f"Training cannot go on from the fitted network: the loss is "
                f"{target.criterion!r}, but was {self.net_.criterion!r}. Fit with "
                "warm_start=False, or a clone."
            )
        return self.net_

    def _read(self, X: Any) -> Sequences:
        return read_sequences(X, n_timesteps=self.n_timesteps, estimator=self)

    def _read_known(self, X: Any) -> Sequences:
        """Read X, which must have the features of the first fit."""
        name = type(self).__name__
        if hasattr(X, "columns"):
            check_feature_names(self, X, reset=False)
        sequences = self._read(X)
        if sequences.first_frame is not None:
            check_feature_names(self, sequences.first_frame, reset=False)
        if sequences.layout == "table":
            if not hasattr(X, "columns"):
                check_feature_names(self, X, reset=False)
            if self._n_columns not in (None, sequences.n_columns):
                raise ValueError(
                    f"X has {sequences.n_columns} features, but {name} is expecting "
                    f"{self._n_columns} features as input."
                )
        if sequences.n_features != self.n_sequence_features_:
            hint = ""
            if sequences.layout == "table":
                hint = (
                    " In 2-D X every column is a time step of one feature: set n_timesteps=, or "
                    "pass one sequence as X[None]."
                )
            raise ValueError(
                f"X has {sequences.n_features} features per time step, but {name} is expecting "
                f"{self.n_sequence_features_} features as input.{hint}"
            )
        return sequences

    def _predict_outputs(self, X: Any) -> NDArray[np.float64]:
        """Outputs of the network in original units or logits, shape (n, n_outputs)."""
        check_is_fitted(self)
        return forward_batches(self.net_.module_, self._read_known(X))

    def explain_permutation(
        self,
        X: Any,
        y: Any,
        *,
        level: Any = "feature",
        scoring: Any = None,
        n_repeats: int = 5,
        n_jobs: int | None = None,
        sample_weight: Any = None,
        random_state: Any = None,
    ) -> Any:
        """Permutation importance; see `sklstm.explain.explain_permutation`.

        Parameters
        ----------
        X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays
        y : array-like of shape (n,) or (n, n_outputs)
        level : {"feature", "timestep", "cell"}, default="feature"
        scoring : str, callable, list, tuple, dict or None, default=None
        n_repeats : int, default=5
        n_jobs : int or None, default=None
        sample_weight : array-like of shape (n,), optional
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        Bunch
            ``importances``, ``importances_mean`` and ``importances_std``.
        """
        from .explain import explain_permutation

        check_is_fitted(self)
        return explain_permutation(
            self,
            X,
            y,
            level=level,
            scoring=scoring,
            n_repeats=n_repeats,
            n_jobs=n_jobs,
            sample_weight=sample_weight,
            random_state=random_state,
        )

    def __getstate__(self) -> dict[str, Any]:
        """Parameters, fitted scalars and NumPy weights; see ``_training._state``."""
        state = dict(super().__getstate__(), _sklstm_version=__version__)
        if "net_" in state:
            state["net_"] = pack_net(state["net_"])
            state["history_"] = pack_history(state["history_"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Rebuild the net, on the CPU where its device is missing."""
        state = dict(state)
        version = state.pop("_sklstm_version")
        if version != __version__:
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=type(self).__name__,
                    current_sklearn_version=__version__,
                    original_sklearn_version=version,
                ),
                stacklevel=2,
            )
        if "net_" in state:
            state["history_"] = unpack_history(state["history_"])
            device = resolve_device(state["device"], fall_back=True)
            state["net_"] = unpack_net(state["net_"], device, state["history_"])
        super().__setstate__(state)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.target_tags.required = True
        return tags


def _input_attributes(X: Any, sequences: Sequences) -> dict[str, Any]:
    attributes = {
        "n_features_in_": sequences.n_columns or sequences.n_features,
        "n_sequence_features_": sequences.n_features,
        "n_timesteps_in_": sequences.max_length if sequences.uniform else None,
        "_n_columns": sequences.n_columns,
    }
    names = None
    if sequences.layout == "table":
        names = get_feature_names(X)
    elif sequences.first_frame is not None:
        names = get_feature_names(sequences.first_frame)
    if names is not None:
        attributes["feature_names_in_"] = names
    return attributes


def _training_attributes(net: LSTMNet) -> dict[str, Any]:
    history = [
        {
            name: value.item() if isinstance(value, np.generic | torch.Tensor) else value
            for name, value in row.items()
            if name not in ("batches", "train_loss_best", "valid_loss_best")
        }
        for row in net.history
        if "train_loss" in row
    ]
    return {"net_": net, "history_": history, "n_epochs_": len(history)}
