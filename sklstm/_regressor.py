"""LSTMRegressor."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin

from ._base import BaseLSTM
from ._data import read_targets
from ._training import Target
from ._utils._sklearn import StrOptions, fit_context


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
    pooling : {"last", "mean", "max"}, default="last"
        How the hidden states of the real time steps become one vector: the final state of each
        direction, their mean, or their maximum.
    dropout : float, default=0.0
        Share of hidden units dropped between layers and before the head while training.
    loss : {"squared_error", "absolute_error", "huber"}, default="squared_error"
        Loss on the standardised target. "huber" is quadratic up to one standard deviation.
    optimizer : {"adamw", "adam", "rmsprop", "sgd"} or torch optimizer class, default="adamw"
        "sgd" uses Nesterov momentum 0.9. A class is called with the parameters and ``lr``.
    learning_rate : float, default=0.01
        Step size of the optimizer.
    weight_decay : float, default=0.0
        Decay of the weight matrices; biases are spared.
    clip_norm : float or None, default=1.0
        Largest norm of the gradient of a batch; longer ones are scaled down. Not applied
        with ``torch.optim.LBFGS``.
    batch_size : int, default=32
        Rows per optimizer step.
    max_epochs : int, default=100
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
    n_timesteps : int or None, default=None
        For 2-D X: the columns are this many time steps of ``n_columns / n_timesteps`` features,
        all features of the first step first. None takes each column for one step of a
        univariate series.
    warm_start : bool, default=False
        Whether ``fit`` trains the fitted network for ``max_epochs`` more epochs, with the
        scaling of the first fit.
    callbacks : list of skorch callbacks or None, default=None
        Called while training. ``fit`` works on copies, found in ``net_.callbacks_``.
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
    """

    _parameter_constraints: dict[str, Any] = {
        **BaseLSTM._parameter_constraints,
        "loss": [StrOptions({"squared_error", "absolute_error", "huber"})],
    }

    def __init__(
        self,
        hidden_size=64,
        num_layers=1,
        *,
        bidirectional=False,
        pooling="last",
        dropout=0.0,
        loss="squared_error",
        optimizer="adamw",
        learning_rate=0.01,
        weight_decay=0.0,
        clip_norm=1.0,
        batch_size=32,
        max_epochs=100,
        early_stopping=False,
        validation_fraction=0.1,
        validation_split="random",
        n_iter_no_change=10,
        standardize=True,
        augmentation=None,
        n_timesteps=None,
        warm_start=False,
        callbacks=None,
        device="auto",
        random_state=None,
        verbose=0,
    ):
        super().__init__(
            hidden_size,
            num_layers,
            bidirectional=bidirectional,
            pooling=pooling,
            dropout=dropout,
            optimizer=optimizer,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            clip_norm=clip_norm,
            batch_size=batch_size,
            max_epochs=max_epochs,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            validation_split=validation_split,
            n_iter_no_change=n_iter_no_change,
            standardize=standardize,
            augmentation=augmentation,
            n_timesteps=n_timesteps,
            warm_start=warm_start,
            callbacks=callbacks,
            device=device,
            random_state=random_state,
            verbose=verbose,
        )
        self.loss = loss

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays
            Sequences. 3-D arrays may be padded at the start or end of a sample with whole
            steps of NaN; a list or object array holds ``(length, n_features)`` arrays.
        y : array-like of shape (n,) or (n, n_outputs)
            Targets, in any unit.
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
        """
        self._fit_with_callbacks(X, y, sample_weight)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None):
        """Train for one epoch on the given rows.

        The first call fixes the scaling and the shapes. Called k times on the same rows it
        equals ``fit`` with ``max_epochs=k`` and no early stopping.

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
            In the units of y, shaped as y was in ``fit``.
        """
        outputs = self._predict_outputs(X)
        return outputs[:, 0] if self._single_output else outputs

    def _read_target(
        self, y: Any, weights: NDArray[np.float64], known: dict[str, Any]
    ) -> tuple[Target, dict[str, Any]]:
        targets = read_targets(y, len(weights))
        columns = targets.reshape(len(weights), -1)
        return (
            Target(columns, criterion=self.loss, n_outputs=columns.shape[1]),
            {"_single_output": targets.ndim == 1},
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
