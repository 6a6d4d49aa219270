"""LSTMRegressor."""

import itertools
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.metaestimators import available_if

from ._base import BaseLSTM
from ._data import Sequences, check_same_rows, read_step_targets, read_targets
from ._training import Target
from ._utils._sklearn import StrOptions, fit_context


def _predicts_quantiles(model: Any) -> bool:
    if model.loss != "quantile":
        raise AttributeError(
            f"predict_quantiles needs loss='quantile'. The 'loss' parameter is {model.loss!r}."
        )
    return True


class LSTMRegressor(RegressorMixin, BaseLSTM):
    """LSTM network for regression on sequences.

    Takes 3-D arrays, lists of sequences of different length, and 2-D tables whose rows are
    series. Needs no scaler: inputs and targets of any unit are standardised inside the network.

    Parameters
    ----------
    hidden_size : int, default=64
        Number of hidden units of each layer and direction.
    num_layers : int, default=1
        Number of stacked LSTM layers.
    bidirectional : bool, default=False
        Whether each layer also reads the sequence from its end to its start.
    cell : {"lstm", "peephole"}, default="lstm"
        "peephole" lets the gates see the cell state [4]_: input and forget gate the previous one,
        the output gate the new one. It runs on our own kernel, at 1.4 to 2.1 times the cost.
    activation : {"tanh", "relu"}, default="tanh"
        Of candidate and output; "relu" is what Keras offers, on our own kernel.
    pooling : str or sequence of str, default=("last", "mean", "max", "input")
        How the hidden states of the real time steps become one vector: "last", the final state
        of each direction, their "mean", their "max", or "attention", a mean with learned
        weights. Of several, the vectors are put side by side. "input", in company, puts the
        last step of the input itself beside them, so that its linear effect need not pass the
        LSTM.
    dropout : float, default=0.4
        Share of hidden units dropped between layers and before the head while training.
    recurrent_dropout : float, default=0.0
        Share of hidden units that are hidden from the next step, the same units at every step of
        a sequence [3]_, while training. Runs on our own kernel.
    return_sequences : bool, default=False
        Whether to predict one target per time step. y then holds one per step, and ``predict``
        returns the container of X, see there. With ``bidirectional=True`` the prediction of a
        step sees the steps after it.
    loss : {"squared_error", "absolute_error", "huber", "quantile"}, default="squared_error"
        Loss on the standardised target. "huber" is quadratic up to one standard deviation.
        "quantile" predicts several quantiles at once, which never cross: ``predict`` returns the
        median, ``predict_quantiles`` all of them.
    quantiles : sequence of float, default=(0.1, 0.5, 0.9)
        With ``loss="quantile"``: increasing, 0.5 among them.
    optimizer : {"adamw", "adam", "rmsprop", "sgd"} or torch optimizer class, default="adamw"
        "sgd" uses Nesterov momentum 0.9. A class is called with the parameters and ``lr``.
    learning_rate : float, default=0.01
        Step size of the optimizer.
    lr_schedule : {"constant", "one_cycle", "cosine", "plateau"}, default="one_cycle"
        "one_cycle" climbs to the learning rate in the first 0.3 of the steps of ``max_epochs``
        and then falls to 0, "cosine" falls from it to 0, "plateau" divides it by 10 when the
        validation loss (without early stopping the training loss) has not improved for
        ``n_iter_no_change // 2`` epochs. ``partial_fit`` keeps it constant, and so does ``fit``
        with a learning-rate schedule among the callbacks.
    weight_decay : float, default=0.0
        Decay of the weight matrices: each step shrinks them by this times the learning rate,
        whatever the optimizer. Biases are spared.
    clip_norm : float or None, default=1.0
        Largest norm of the gradient of a batch; longer ones are scaled down. Not applied
        with ``torch.optim.LBFGS``.
    tbptt_steps : int or None, default=None
        Truncated back-propagation through time: the state passes on from each run of this many
        steps to the next, gradients do not. For sequences of thousands of steps: it takes a
        fraction of the memory, and learns nothing across more steps than this.
    batch_size : int or "auto", default="auto"
        Rows per optimizer step. "auto" is a tenth of the distinct training rows, at least 4 and
        at most 32; of more than 1280 rows it is a fortieth, at most 128.
    max_epochs : int, default=30
        Number of passes through the training rows.
    early_stopping : bool, default=False
        Whether to set rows aside, stop when their loss has not improved for
        ``n_iter_no_change`` epochs, and go back to the best epoch.
    validation_fraction : float, default=0.1
        Share of rows set aside by early stopping.
    validation_split : {"random", "last"}, default="random"
        Which rows: at random, or the last ones, for rows
        in order of time.
    n_iter_no_change : int, default=10
        Epochs without improvement that early stopping waits.
    standardize : bool, default=True
        Whether to bring each feature and each target to zero mean and unit variance inside the
        network. Inputs and predictions keep their units.
    augmentation : list of callables or None, default=None
        Random changes to the training batches, in this order: see `sklstm.augmentation`.
        Validation rows and predictions are never changed; ``train_loss`` is that of the changed
        batches.
    embedding_size : int or None, default=None
        Where X holds integer codes, as `SequenceTokenizer` makes them: size of the vector
        that is learned for each code. X is then an integer array of shape (n, n_timesteps), -1
        at the start or end of a row being padding, or a list of n integer arrays. A code
        that was not among the training rows is a vector of zeros; ``partial_fit`` learns no code
        above the largest of its first call.
    module : callable or None, default=None
        A torch module of one's own in the place of the LSTM: ``module(n_features, n_outputs,
        random_state)`` returns it. Its ``forward(x, lengths)`` reads float32 sequences ``(n,
        n_timesteps, n_features)``, standardised and zero after their ends, and their lengths
        ``(n,)``; it returns ``(n, n_outputs)``, or ``(n, n_timesteps, n_outputs)`` with
        ``return_sequences=True``: logits, or targets in standardised units (of quantiles, the
        raw numbers that the estimator puts in order). ``hidden_size`` to ``recurrent_dropout`` and
        ``tbptt_steps`` are then without meaning, ``embedding_size`` must be None. To be pickled, it
        must be importable.
    keep_background : int, default=0
        Number of training rows that ``fit`` keeps, drawn with ``random_state``, for explanations
        without ``background=``. They are part of the pickle. Training that goes on
        (``warm_start``, ``partial_fit``) leaves them.
    n_timesteps : int or None, default=None
        For 2-D X: the columns are this many time steps of ``n_columns / n_timesteps`` features,
        all features of the first step first. None takes each column for one step of a
        univariate series.
    warm_start : bool, default=False
        Whether ``fit`` trains the fitted network for ``max_epochs`` more epochs, with the
        scaling of the first fit.
    callbacks : list of skorch callbacks or None, default=None
        Called while training. ``fit`` works on copies, found in ``net_.callbacks_``.
    checkpoint : str, path or None, default=None
        Folder in which ``fit`` keeps its state after every epoch, in one file for each set of
        parameters and data: killed, the same ``fit`` goes on from there and ends with the same
        model. It needs a ``random_state`` and no ``callbacks``. The files stay until you delete
        them; ``partial_fit`` writes none. A leading ``~`` is your home folder.
    device : str, default="auto"
        "auto" takes a GPU where torch sees one, else the CPU; or a device of torch.
    random_state : int, RandomState instance or None, default=None
        Fixes initial weights, order of rows, dropout and validation rows. None is different
        in every fit. NumPy's and torch's global random states are neither read nor changed.
    verbose : int, default=0
        1 shows a progress bar with the losses and the remaining time.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        The trained net. ``net_.module_(x, lengths)`` computes predictions from float
        tensors in original units.
    history_ : list of dict
        One entry per epoch: ``epoch``, ``train_loss``, ``valid_loss`` with early stopping,
        ``dur`` in seconds, and what callbacks recorded. Losses are of the
        standardised target.
    n_epochs_ : int
        Number of epochs trained.
    n_features_in_ : int
        Number of columns of 2-D X, else number of features.
    n_sequence_features_ : int
        Number of features of each time step.
    n_timesteps_in_ : int or None
        Number of time steps, None where it differed between rows.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Column names, where X was a DataFrame, or a list of them, with string names.

    See Also
    --------
    LSTMClassifier : The same network for classes.

    Notes
    -----
    Training depends on the set of rows, not on their order; a sample weight of 2 gives, to the
    last bit, the model of the row given twice. (``validation_split="last"`` is the exception: it
    cuts the rows by their position.) Predictions of a row do not depend on the rows
    beside it. The layers are those of [1]_ with the forget gate of [2]_.

    References
    ----------
    .. [1] S. Hochreiter and J. Schmidhuber, "Long Short-Term Memory", Neural Computation 9(8),
       1997.
    .. [2] F. A. Gers, J. Schmidhuber and F. Cummins, "Learning to Forget", Neural Computation
       12(10), 2000.
    .. [3] Y. Gal and Z. Ghahramani, "A Theoretically Grounded Application of Dropout in Recurrent
       Neural Networks", NeurIPS 2016.
    .. [4] F. A. Gers and J. Schmidhuber, "Recurrent Nets that Time and Count", IJCNN 2000.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 10, 2))
    >>> y = X[:, -3:, 0].sum(axis=1)
    >>> model = LSTMRegressor(hidden_size=16, max_epochs=40, random_state=0).fit(X[:150], y[:150])
    >>> bool(model.score(X[150:], y[150:]) > 0.8)
    True
    >>> model.predict(X[150:]).shape
    (50,)

    Training goes on with more rows, one epoch per call:

    >>> model.partial_fit(X[150:], y[150:]).n_epochs_
    41

    Quantiles in place of one number:

    >>> band = LSTMRegressor(hidden_size=16, loss="quantile", quantiles=(0.1, 0.5, 0.9))
    >>> band.fit(X[:150], y[:150]).predict_quantiles(X[150:]).shape
    (50, 3)
    """

    _parameter_constraints: dict[str, Any] = {
        **BaseLSTM._parameter_constraints,
        "loss": [StrOptions({"squared_error", "absolute_error", "huber", "quantile"})],
        "quantiles": ["array-like"],
    }

    def __init__(
        self,
        hidden_size=64,
        num_layers=1,
        *,
        bidirectional=False,
        cell="lstm",
        activation="tanh",
        pooling=("last", "mean", "max", "input"),
        dropout=0.4,
        recurrent_dropout=0.0,
        return_sequences=False,
        loss="squared_error",
        quantiles=(0.1, 0.5, 0.9),
        optimizer="adamw",
        learning_rate=0.01,
        lr_schedule="one_cycle",
        weight_decay=0.0,
        clip_norm=1.0,
        tbptt_steps=None,
        batch_size="auto",
        max_epochs=30,
        early_stopping=False,
        validation_fraction=0.1,
        validation_split="random",
        n_iter_no_change=10,
        standardize=True,
        augmentation=None,
        embedding_size=None,
        module=None,
        keep_background=0,
        n_timesteps=None,
        warm_start=False,
        callbacks=None,
        checkpoint=None,
        device="auto",
        random_state=None,
        verbose=0,
    ):
        super().__init__(
            hidden_size,
            num_layers,
            bidirectional=bidirectional,
            cell=cell,
            activation=activation,
            pooling=pooling,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            return_sequences=return_sequences,
            optimizer=optimizer,
            learning_rate=learning_rate,
            lr_schedule=lr_schedule,
            weight_decay=weight_decay,
            clip_norm=clip_norm,
            tbptt_steps=tbptt_steps,
            batch_size=batch_size,
            max_epochs=max_epochs,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            validation_split=validation_split,
            n_iter_no_change=n_iter_no_change,
            standardize=standardize,
            augmentation=augmentation,
            embedding_size=embedding_size,
            module=module,
            keep_background=keep_background,
            n_timesteps=n_timesteps,
            warm_start=warm_start,
            callbacks=callbacks,
            checkpoint=checkpoint,
            device=device,
            random_state=random_state,
            verbose=verbose,
        )
        self.loss = loss
        self.quantiles = quantiles

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays
            Sequences. 3-D arrays may be padded at the start or end of a sample with whole
            steps of NaN; a list or object array holds ``(length, n_features)`` arrays.
        y : array-like of shape (n,) or (n, n_outputs)
            Targets, in any unit. With ``return_sequences=True`` one per time step: an array of
            shape (n, n_timesteps) or (n, n_timesteps, n_outputs), whose entries at padded
            steps are ignored, or a list of n arrays.
        sample_weight : array-like of shape (n,), optional
            Weight of each row; an integer weight equals repetition of the row. So the scale
            counts: weights that sum to 100 n ask for more steps per epoch (up to 32), as 100 n
            rows would. Divide by the mean for the steps of n rows.

        Returns
        -------
        LSTMRegressor
            The fitted estimator.

        Raises
        ------
        ValueError
            Where X, y or a parameter is not as described, or where training diverges. What was
            fitted before is kept.
        TypeError
            Where X is sparse, or X, y or a weight holds objects that are no numbers.
        """
        self._fit_with_callbacks(X, y, sample_weight)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None):
        """Train for one epoch on the given rows.

        The first call fixes the scaling and the shapes. Called k times on the same rows it
        equals ``fit`` with ``max_epochs=k``, ``lr_schedule="constant"`` and no early
        stopping.

        Parameters
        ----------
        X, y, sample_weight
            As in ``fit``.

        Returns
        -------
        LSTMRegressor
            The fitted estimator.

        Raises
        ------
        ValueError
            As ``fit``.
        TypeError
            Where X is sparse, or X, y or a weight holds objects that are no numbers.
        """
        self._fit(X, y, sample_weight, epochs=1, resume=hasattr(self, "net_"))
        return self

    def predict(self, X):
        """Predict the targets.

        Parameters
        ----------
        X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays
            Sequences. 3-D arrays may be padded at the start or end of a sample with whole
            steps of NaN; a list or object array holds ``(length, n_features)`` arrays.

        Returns
        -------
        float64 ndarray of shape (n,) or (n, n_outputs)
            In the units of y, shaped as y was in ``fit``. With ``return_sequences=True`` an
            array of shape (n, n_timesteps) or (n, n_timesteps, n_outputs), NaN at padded steps;
            for ragged X a list of n arrays.

        Raises
        ------
        ValueError
            Where X is not as described, or has other features than in ``fit``.
        TypeError
            Where X is sparse, or holds objects that are no numbers.
        """
        return self._predict_with(X, self._decode)

    @available_if(_predicts_quantiles)
    def predict_quantiles(self, X):
        """Predict the quantiles of the targets; only with ``loss="quantile"``.

        Parameters
        ----------
        X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays
            As in ``predict``.

        Returns
        -------
        float64 ndarray of shape (n, n_quantiles) or (n, n_outputs, n_quantiles)
            In the order of ``quantiles``, never crossing. With ``return_sequences=True`` of
            shape (n, n_timesteps, n_quantiles) or (n, n_timesteps, n_outputs, n_quantiles), or
            a list, as in ``predict``.

        Raises
        ------
        ValueError, TypeError
            As ``predict``.
        """
        return self._predict_with(X, self._decode_quantiles)

    def score(self, X, y, sample_weight=None):
        """R² of the predictions.

        Parameters
        ----------
        X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays
        y : array-like of shape (n,) or (n, n_outputs)
            With ``return_sequences=True`` one target per time step, as in ``fit``: all
            real steps of all rows are scored together, each once.
        sample_weight : array-like of shape (n,), optional

        Returns
        -------
        float

        Raises
        ------
        ValueError, TypeError
            As ``predict``; where y or a weight is not as described.
        """
        self._require(y)
        if self._returns_sequences():
            return self._score_steps(r2_score, X, y, sample_weight)
        y = read_targets(y, check_same_rows(X, y=y, sample_weight=sample_weight))
        predictions = self.predict(X)
        if y[0].size != predictions[0].size:
            raise ValueError(
                f"y must have a column for each output, {predictions[0].size}. Got shape {y.shape}."
            )
        return r2_score(y, predictions, sample_weight=sample_weight)

    def _decode(self, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        quantiles = self.net_.module_.architecture["quantiles"]
        if quantiles is not None:
            outputs = outputs[..., quantiles.index(0.5) :: len(quantiles)]
        return outputs[..., 0] if self._single_output else outputs

    def _decode_quantiles(self, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.net_.criterion != "quantile":
            raise ValueError(
                "predict_quantiles needs a fit with loss='quantile'. The fit was with "
                f"{self.net_.criterion!r}."
            )
        if self._single_output:
            return outputs
        n_quantiles = len(self.net_.module_.architecture["quantiles"])
        return outputs.reshape(*outputs.shape[:-1], -1, n_quantiles)

    def _quantiles(self) -> tuple[float, ...] | None:
        if self.loss != "quantile":
            return None
        quantiles = tuple(self.quantiles)
        inside = all(isinstance(q, Real) and 0 < float(q) < 1 for q in quantiles)
        if (
            not inside
            or any(a >= b for a, b in itertools.pairwise(quantiles))
            or 0.5 not in quantiles
        ):
            raise ValueError(
                "The 'quantiles' parameter of LSTMRegressor must be increasing numbers between 0 "
                f"and 1, among them 0.5, which predict returns. Got {self.quantiles!r} instead."
            )
        return tuple(float(q) for q in quantiles)

    def _read_target(
        self, y: Any, sequences: Sequences, weights: NDArray[np.float64], known: dict[str, Any]
    ) -> tuple[Target, dict[str, Any]]:
        n_quantiles = len(self._quantiles() or (0.5,))
        if self.return_sequences:
            steps, layout = read_step_targets(y, sequences)
            targets = read_targets(steps, len(steps))
            columns = layout.pad(targets.reshape(len(targets), -1))
        else:
            targets = read_targets(y, len(weights))
            columns = targets.reshape(len(targets), -1)
        return (
            Target(columns, criterion=self.loss, n_outputs=columns.shape[-1] * n_quantiles),
            {"_single_output": known.get("_single_output", targets.ndim == 1)},
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
