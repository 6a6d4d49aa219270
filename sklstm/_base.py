"""What LSTMRegressor and LSTMClassifier share: read, build, train, store, predict."""

import warnings
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.callback import CallbackSupportMixin
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.utils.validation import check_is_fitted

from ._data import (
    Sequences,
    StepLayout,
    flatten_steps,
    largest_code,
    read_input,
    read_known,
    read_weights,
    sample_rows,
)
from ._explain_methods import ExplainMethods
from ._parameters import LSTMParameters
from ._training import (
    Callback,
    Checkpoint,
    EpochBar,
    EpochTasks,
    LSTMNet,
    Target,
    all_or_none,
    best_epoch,
    build_net,
    copy_net,
    current_share,
    derived_seed,
    draw_seed,
    fingerprint,
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
from ._utils._sklearn import get_feature_names
from ._version import __version__
from .nn import LSTMNetwork, build_network

# Purposes of the seeds of the initial weights and of the rows to keep, which are derived from
# random_state. The validation rows use (0, 2), epochs (epoch, 1) to (epoch, 3).
_INIT = (0, 1)
_BACKGROUND = (0, 4)


class BaseLSTM(ExplainMethods, CallbackSupportMixin, LSTMParameters):
    """Everything but the target: see the two subclasses for the parameters."""

    # scikit-learn shows the documentation of parameters only beside a link; there is no public
    # address yet, so the link leads nowhere.
    _doc_link_module = "sklstm"
    _doc_link_template = "#"

    @abstractmethod
    def _read_target(
        self, y: Any, sequences: Sequences, weights: NDArray[np.float64], known: dict[str, Any]
    ) -> tuple[Target, dict[str, Any]]:
        """Read y as a ``Target``, and the fitted attributes that it fixes.

        ``known`` holds attributes that are fixed already, by an earlier fit or by the caller.
        """

    # The caller may be inside torch.no_grad or torch.inference_mode.
    @torch.inference_mode(False)
    @torch.enable_grad()
    @all_or_none()
    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        *,
        epochs: int,
        resume: bool,
        validate: bool = False,
        scheduled: bool = False,
        known: dict[str, Any] | None = None,
        context: Any = None,
        keep: bool = False,
    ) -> None:
        """Read everything, train, and only then store what was learned.

        With ``keep`` the ``checkpoint`` parameter counts.
        """
        folder = self._checkpoint_folder() if keep else None
        known = self.__dict__ if resume else known or {}
        net, attributes, rows = self._begin(X, y, sample_weight, resume, known)
        options = self._training_options(scheduled)
        training, validation = prepare_batches(
            net, *rows, self._data_options(net, validate), first=not resume
        )
        checkpoint = None
        if folder is not None:
            key = fingerprint(type(self), self.get_params(deep=False), net, *rows)
            checkpoint = Checkpoint(folder, key)

        def fitted(net: LSTMNet) -> dict[str, Any]:
            return {**attributes, **_training_attributes(net)}

        metadata = {} if sample_weight is None else {"sample_weight": sample_weight}
        task = {"estimator": self, "X": X, "y": y, "metadata": metadata}
        own_callbacks: dict[str, Callback] = {}
        if validate:
            own_callbacks["sklstm_early_stopping"] = best_epoch(self.n_iter_no_change)
        if self.verbose and current_share().rank == 0:
            own_callbacks["sklstm_bar"] = EpochBar(epochs, type(self).__name__)
        if context is not None:
            context.call_on_fit_task_begin(**task)
            own_callbacks["sklstm_tasks"] = EpochTasks(
                context, task, lambda net: fitted(copy_net(net))
            )
        with restored_on_error(net):
            net.prepare(options, own_callbacks)
            try:
                net.train(training, validation, epochs, checkpoint)
            except KeyboardInterrupt:
                # Ctrl-C: what was learned so far is usable, and the caller's loop stops too.
                # A net that saw no whole epoch does not take the place of a trained one.
                if len(net.history) or not hasattr(self, "net_"):
                    self._store(fitted(net))
                raise
        self._store(fitted(net))
        if context is not None:
            context.call_on_fit_task_end(**task, reconstruction_attributes=dict)

    def _begin(
        self, X: Any, y: Any, sample_weight: Any, resume: bool, known: dict[str, Any]
    ) -> tuple[LSTMNet, dict[str, Any], tuple[Sequences, Target, NDArray[np.float64]]]:
        """Read the rows; the net to train, new or fitted, and the attributes that they fix."""
        self._require(y)
        if resume:
            sequences = self._read_known(X)
        else:
            sequences = self._read(X, codes=self.embedding_size is not None)
        weights = read_weights(sample_weight, len(sequences.lengths))
        target, attributes = self._read_target(y, sequences, weights, known)
        if resume:
            net = self._net_to_resume(target)
            if not sequences.uniform or sequences.max_length != self.n_timesteps_in_:
                attributes["n_timesteps_in_"] = None
        else:
            attributes.update(_input_attributes(X, sequences))
            if self.embedding_size is not None:
                attributes["_n_columns"] = None  # padded codes are as wide as the longest row
            net = self._new_net(sequences, weights, target)
            attributes["_background"] = self._rows_to_keep(sequences, weights, net.seed)
        return net, attributes, (sequences, target, weights)

    def _require(self, y: Any) -> None:
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )

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
            scheduled=True,
            context=self._init_callback_context(max_subtasks=self.max_epochs),
            keep=True,
        )

    def _new_net(
        self, sequences: Sequences, weights: NDArray[np.float64], target: Target
    ) -> LSTMNet:
        seed = draw_seed(self.random_state)
        n_codes = 0
        if self.embedding_size is not None:
            n_codes = 1 + largest_code(sequences, np.flatnonzero(weights > 0))
        init_seed = derived_seed(seed, *_INIT) % 2**32
        network = build_network(
            self._architecture(sequences.n_features, target.n_outputs, n_codes, init_seed)
        )
        if isinstance(network, LSTMNetwork):
            network.reset_parameters(seeded_generator(seed, *_INIT))
        return build_net(network, target.criterion, seed, resolve_device(self.device))

    def _rows_to_keep(self, sequences: Sequences, weights: NDArray[np.float64], seed: int) -> Any:
        """The background of explanations that are given none."""
        if not self.keep_background:
            return None
        dtype = np.float64 if self.embedding_size is None else np.int64
        seed = derived_seed(seed, *_BACKGROUND)
        return sample_rows(sequences, weights, int(self.keep_background), seed, dtype)

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
        wanted = self._architecture(
            architecture["n_features"],
            target.n_outputs,
            (architecture.get("embedding") or [0])[0],
            architecture.get("random_state", 0),
        )
        for name in wanted | architecture:
            if wanted.get(name) != architecture.get(name):
                raise ValueError(
                    f"Training cannot go on from the fitted network: {name} is "
                    f"{wanted.get(name)!r}, but was {architecture.get(name)!r}. Fit with "
                    "warm_start=False, or a clone."
                )
        if self.net_.criterion != target.criterion:
            raise ValueError(
                f"Training cannot go on from the fitted network: the loss is "
                f"{target.criterion!r}, but was {self.net_.criterion!r}. Fit with "
                "warm_start=False, or a clone."
            )
        return self.net_

    def _read(self, X: Any, codes: bool) -> Sequences:
        return read_input(X, self, codes=codes)

    def _read_known(self, X: Any) -> Sequences:
        """Read X, which must have the features of the first fit."""
        return read_known(X, self, codes=self.net_.module_.embedding is not None)

    def _predict_with(
        self, X: Any, decode: Callable[[NDArray[np.float64]], NDArray[Any]], missing: Any = np.nan
    ) -> Any:
        """Decode the network's outputs: original units or logits, along the last axis.

        Where there is one output per time step, they come in the container of X, with
        ``missing`` at padded steps.
        """
        check_is_fitted(self)
        sequences = self._read_known(X)
        network = self.net_.module_
        decoded = decode(forward_batches(network, sequences))
        if not network.architecture["return_sequences"]:
            return decoded
        return StepLayout.of(sequences).restore(decoded, missing)

    def _returns_sequences(self) -> bool:
        """Whether the fitted network has one output per time step."""
        return hasattr(self, "net_") and self.net_.module_.architecture["return_sequences"]

    def _score_steps(
        self, metric: Callable[..., float], X: Any, y: Any, sample_weight: Any
    ) -> float:
        """Score the predictions of all real time steps, each once."""
        y_true, y_pred, weights = flatten_steps(y, self.predict(X), sample_weight)
        return metric(y_true, y_pred, sample_weight=weights)

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
