"""LSTMClassifier."""

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.class_weight import compute_class_weight

from ._base import BaseLSTM
from ._data import (
    Sequences,
    StepLayout,
    check_same_rows,
    encode_labels,
    read_classes,
    read_labels,
    read_step_targets,
)
from ._training import Target
from ._utils._sklearn import Interval, StrOptions, fit_context


class LSTMClassifier(ClassifierMixin, BaseLSTM):
    """LSTM network for classification of sequences.

    Takes 3-D arrays, lists of sequences of different length, and 2-D tables whose rows are
    series; labels of any type, or a 0/1 indicator with one column per label. Needs no scaler:
    inputs of any unit are standardised inside the network.

    Parameters
    ----------
    hidden_size : int, default=64
        Number of hidden units of each layer and direction.
    num_layers : int, default=1
        Number of stacked LSTM layers.
    bidirectional : bool or "auto", default="auto"
        Whether each layer also reads the sequence from its end to its start, at twice the cost.
        "auto" does so unless ``return_sequences=True``, where a step would see the future.
    cell : {"lstm", "peephole"}, default="lstm"
        "peephole" lets the gates see the cell state [4]_: input and forget gate the previous one,
        the output gate the new one. It runs on our own kernel, at 1.4 to 2.1 times the cost.
    activation : {"tanh", "relu"}, default="tanh"
        Of candidate and output; "relu" is what Keras offers, on our own kernel.
    pooling : str or sequence of str, default=("last", "mean", "max")
        How the hidden states of the real time steps become one vector: "last", the final state
        of each direction, their "mean", their "max", or "attention", a mean with learned
        weights. Of several, the vectors are put side by side. "input", in company, puts the
        last step of the input itself beside them, so that its linear effect need not pass the
        LSTM.
    dropout : float, default=0.3
        Share of hidden units dropped between layers and before the head while training.
    recurrent_dropout : float, default=0.0
        Share of hidden units that are hidden from the next step, the same units at every step of
        a sequence [3]_, while training. Runs on our own kernel.
    return_sequences : bool, default=False
        Whether to predict one target per time step. y then holds one per step, and ``predict``
        returns the container of X, see there. With ``bidirectional=True`` the prediction of a
        step sees the steps after it.
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
    weight_decay : float, default=0.3
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
    max_epochs : int, default=60
        Number of passes through the training rows.
    early_stopping : bool, default=False
        Whether to set rows aside, stop when their loss has not improved for
        ``n_iter_no_change`` epochs, and go back to the best epoch.
    validation_fraction : float, default=0.1
        Share of rows set aside by early stopping.
    validation_split : {"random", "last"}, default="random"
        Which rows: at random with the classes in proportion, or the last ones, for rows
        in order of time.
    n_iter_no_change : int, default=10
        Epochs without improvement that early stopping waits.
    standardize : bool, default=True
        Whether to bring each feature to zero mean and unit variance inside the
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
        ``return_sequences=True``: logits, or targets in standardised units. ``hidden_size`` to
        ``recurrent_dropout`` and ``tbptt_steps`` are then without meaning, ``embedding_size`` must
        be None. To be pickled, it must be importable.
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
    class_weight : dict, "balanced" or None, default=None
        Weight of each class in the loss; "balanced" makes all classes weigh the same.
    label_smoothing : float, default=0.0
        Share of each label that training spreads evenly over the classes (of a multilabel y, over 0
        and 1), so that probabilities stay away from 0 and 1 (Szegedy et al., CVPR 2016).
        ``valid_loss`` is that of the labels as they are.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels, sorted; for a multilabel indicator the numbers of its columns.
    net_ : skorch.NeuralNet
        The trained net. ``net_.module_(x, lengths)`` computes predictions (logits) from float
        tensors in original units.
    history_ : list of dict
        One entry per epoch: ``epoch``, ``train_loss``, ``valid_loss`` with early stopping,
        ``dur`` in seconds, and what callbacks recorded.
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
    LSTMRegressor : The same network for numbers.

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
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.datasets import load_japanese_vowels
    >>> X, y = load_japanese_vowels(return_X_y=True)
    >>> X_test, y_test = load_japanese_vowels(return_X_y=True, subset="test")
    >>> model = LSTMClassifier(hidden_size=32, max_epochs=20, random_state=0).fit(X, y)
    >>> bool(model.score(X_test, y_test) > 0.9)
    True
    >>> model.predict(X_test[:3])
    array(['1', '1', '1'], dtype='<U1')
    >>> model.predict_proba(X_test).shape  # one column for each of the 9 speakers
    (370, 9)
    >>> model.predict_log_proba(X_test).max() <= 0
    np.True_
    >>> bool((model.decision_function(X_test).argmax(axis=1) == 0)[:3].all())
    True

    Training goes on with more rows, one epoch per call:

    >>> model.partial_fit(X_test, y_test).n_epochs_
    21
    """

    _parameter_constraints: dict[str, Any] = {
        **BaseLSTM._parameter_constraints,
        "bidirectional": ["boolean", StrOptions({"auto"})],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
    }

    def __init__(
        self,
        hidden_size=64,
        num_layers=1,
        *,
        bidirectional="auto",
        cell="lstm",
        activation="tanh",
        pooling=("last", "mean", "max"),
        dropout=0.3,
        recurrent_dropout=0.0,
        return_sequences=False,
        optimizer="adamw",
        learning_rate=0.01,
        lr_schedule="one_cycle",
        weight_decay=0.3,
        clip_norm=1.0,
        tbptt_steps=None,
        batch_size="auto",
        max_epochs=60,
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
        class_weight=None,
        label_smoothing=0.0,
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
        self.class_weight = class_weight
        self.label_smoothing = label_smoothing

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays
            Sequences. 3-D arrays may be padded at the start or end of a sample with whole
            steps of NaN; a list or object array holds ``(length, n_features)`` arrays.
        y : array-like of shape (n,) or (n, n_labels)
            Labels of any type, or a 0/1 indicator with one column per label. With
            ``return_sequences=True`` labels of every time step: an array of shape (n,
            n_timesteps), or (n, n_timesteps, n_labels) of indicators, whose entries at padded
            steps are ignored, or a list of n arrays.
        sample_weight : array-like of shape (n,), optional
            Weight of each row; an integer weight equals repetition of the row. So the scale
            counts: weights that sum to 100 n ask for more steps per epoch (up to 32), as 100 n
            rows would. Divide by the mean for the steps of n rows.

        Returns
        -------
        LSTMClassifier
            The fitted estimator.

        Raises
        ------
        ValueError
            Where X, y or a parameter is not as described, or where training diverges. What was
            fitted before is kept.
        TypeError
            Where X is sparse, or X or a weight holds objects that are no numbers.
        """
        self._fit_with_callbacks(X, y, sample_weight)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one epoch on the given rows.

        The first call fixes the classes, the scaling and the shapes. Called k times on the same
        rows it equals ``fit`` with ``max_epochs=k``, ``lr_schedule="constant"`` and no early
        stopping.

        Parameters
        ----------
        X, y, sample_weight
            As in ``fit``.
        classes : array-like, optional
            All labels that will ever come. Read in the first call; without it, they are the
            labels of that call.

        Returns
        -------
        LSTMClassifier
            The fitted estimator.

        Raises
        ------
        ValueError
            As ``fit``; and where a label is not among the classes, or with
            ``class_weight="balanced"``, which needs all rows at once.
        TypeError
            Where X is sparse, or X or a weight holds objects that are no numbers.
        """
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' needs all rows at once and does not work with "
                "partial_fit. Pass the weights as a dict, see "
                "sklearn.utils.class_weight.compute_class_weight."
            )
        known = {} if classes is None else {"classes_": read_classes(classes)}
        resume = hasattr(self, "net_")
        if resume and known and not np.array_equal(known["classes_"], self.classes_):
            raise ValueError(
                f"classes={known['classes_'].tolist()!r} differ from those of the first call, "
                f"{self.classes_.tolist()!r}."
            )
        self._fit(X, y, sample_weight, epochs=1, resume=resume, known=known)
        return self

    def decision_function(self, X):
        """Logits.

        Parameters
        ----------
        X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays
            Sequences. 3-D arrays may be padded at the start or end of a sample with whole
            steps of NaN; a list or object array holds ``(length, n_features)`` arrays.

        Returns
        -------
        float64 ndarray of shape (n,), (n, n_classes) or (n, n_labels)
            For two classes the log-odds of ``classes_[1]``; for more classes logits centred
            over the classes; for multilabel y the log-odds of each label. With
            ``return_sequences=True`` one for each time step, NaN at padded steps.

        Raises
        ------
        ValueError, TypeError
            As ``predict``.
        """
        return self._predict_with(X, self._decode_logits)

    def predict(self, X):
        """Predict the labels.

        Parameters
        ----------
        X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays
            Sequences. 3-D arrays may be padded at the start or end of a sample with whole
            steps of NaN; a list or object array holds ``(length, n_features)`` arrays.

        Returns
        -------
        ndarray of shape (n,) or (n, n_labels)
            Of the type of ``classes_``, or a 0/1 indicator. With ``return_sequences=True`` an
            array of shape (n, n_timesteps) or (n, n_timesteps, n_labels), with None at padded
            steps; for ragged X a list of n arrays.

        Raises
        ------
        ValueError
            Where X is not as described, or has other features than in ``fit``.
        TypeError
            Where X is sparse, or holds objects that are no numbers.
        """
        return self._predict_with(X, self._decode_labels, missing=None)

    def predict_proba(self, X):
        """Predict the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays
            Sequences. 3-D arrays may be padded at the start or end of a sample with whole
            steps of NaN; a list or object array holds ``(length, n_features)`` arrays.

        Returns
        -------
        float64 ndarray of shape (n, n_classes) or (n, n_labels)
            In the order of ``classes_``. Rows sum to 1, except for multilabel y, where each
            column is the probability of one label. With ``return_sequences=True`` of
            shape (n, n_timesteps, n_classes) or (n, n_timesteps, n_labels), NaN at padded steps,
            or a list, as in ``predict``.

        Raises
        ------
        ValueError, TypeError
            As ``predict``.
        """
        return self._predict_with(X, self._decode_probabilities)

    def predict_log_proba(self, X):
        """Predict the logarithm of the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays
            Sequences. 3-D arrays may be padded at the start or end of a sample with whole
            steps of NaN; a list or object array holds ``(length, n_features)`` arrays.

        Returns
        -------
        float64 ndarray of shape (n, n_classes) or (n, n_labels)
            The logarithm of ``predict_proba``, finite also where that rounds to 0; at padded
            steps it is NaN, too.

        Raises
        ------
        ValueError, TypeError
            As ``predict``.
        """
        return self._predict_with(X, self._decode_log_probabilities)

    def score(self, X, y, sample_weight=None):
        """Accuracy of the predictions.

        Parameters
        ----------
        X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays
        y : array-like of shape (n,) or (n, n_labels)
            With ``return_sequences=True`` labels of every time step, as in ``fit``: all
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
            return self._score_steps(accuracy_score, X, y, sample_weight)
        check_same_rows(X, y=y, sample_weight=sample_weight)
        return super().score(X, y, sample_weight)

    # One logit decides between two classes, or about one label. Time steps, where there are any,
    # come before the last axis.

    def _decode_logits(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        if self._multilabel:
            return logits
        if len(self.classes_) == 2:
            return logits[..., 0]
        return logits - logits.mean(axis=-1, keepdims=True)

    def _decode_labels(self, logits: NDArray[np.float64]) -> NDArray[Any]:
        if self._multilabel:
            return (logits > 0).astype(np.int64)
        if len(self.classes_) == 2:
            return self.classes_[(logits[..., 0] > 0).astype(np.int64)]
        return self.classes_[logits.argmax(axis=-1)]

    def _decode_probabilities(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        if self._multilabel:
            return expit(logits)
        if len(self.classes_) == 2:
            return np.concatenate([expit(-logits), expit(logits)], axis=-1)
        return softmax(logits, axis=-1)

    def _decode_log_probabilities(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        if self._multilabel:
            return log_expit(logits)
        if len(self.classes_) == 2:
            return np.concatenate([log_expit(-logits), log_expit(logits)], axis=-1)
        return log_softmax(logits, axis=-1)

    def _read_target(
        self, y: Any, sequences: Sequences, weights: NDArray[np.float64], known: dict[str, Any]
    ) -> tuple[Target, dict[str, Any]]:
        layout = None
        if self.return_sequences:
            y, layout = read_step_targets(y, sequences)
            weights = np.repeat(weights, layout.lengths)
        labels, multilabel = read_labels(y, len(weights))
        if known.get("_multilabel", multilabel) != multilabel:
            raise ValueError("y must be labels, or a multilabel indicator, as in the first call.")
        classes = known.get("classes_")
        if multilabel:
            if classes is not None and len(classes) != labels.shape[1]:
                raise ValueError(
                    f"y has {labels.shape[1]} columns, but there are {len(classes)} labels: "
                    f"{classes.tolist()!r}."
                )
            return self._read_multilabel(labels, layout)
        if classes is None:
            classes = np.unique(labels[weights > 0])
        if len(classes) < 2:
            raise ValueError(
                "LSTMClassifier needs rows of at least 2 classes. Got 1 class of positive "
                f"weight: {classes.tolist()[0]!r}."
            )
        used = weights > 0
        codes = np.zeros(len(labels), dtype=np.int64)
        rows = np.flatnonzero(used)
        place = "sample {}".format if layout is None else layout.where
        codes[used] = encode_labels(labels[used], classes, lambda i: place(rows[i]))
        factors = self._class_factors(labels[used], weights[used], classes)
        if factors is not None:
            factors = factors[codes]
        columns = codes[:, None].astype(np.float64)
        if layout is not None:
            columns = layout.pad(columns)
            factors = None if factors is None else layout.pad(factors)
        binary = len(classes) == 2
        target = Target(
            columns,
            criterion="binary_cross_entropy" if binary else "cross_entropy",
            n_outputs=1 if binary else len(classes),
            strata=codes if layout is None else None,
            factors=factors,
        )
        return target, {"classes_": classes, "_multilabel": False}

    def _class_factors(
        self, labels: NDArray[Any], weights: NDArray[np.float64], classes: NDArray[Any]
    ) -> NDArray[np.float64] | None:
        """The weight of each class."""
        if self.class_weight is None:
            return None
        with np.errstate(divide="ignore"):  # a class without weight is refused later
            factors = compute_class_weight(
                self.class_weight,
                classes=classes,
                y=labels,
                sample_weight=weights / weights.max(),
            )
        if (factors < 0).any():
            raise ValueError(
                "The 'class_weight' parameter of LSTMClassifier must not be negative. Got "
                f"{self.class_weight!r}."
            )
        return factors

    def _read_multilabel(
        self, indicator: NDArray[np.int64], layout: StepLayout | None
    ) -> tuple[Target, dict[str, Any]]:
        if self.class_weight is not None:
            raise ValueError(
                f"The 'class_weight' parameter must be None for a multilabel y. Got "
                f"{self.class_weight!r} instead. Use sample_weight."
            )
        n_labels = indicator.shape[1]
        columns = indicator.astype(np.float64)
        if layout is not None:
            columns = layout.pad(columns)
        target = Target(columns, "binary_cross_entropy", n_labels)
        return target, {"classes_": np.arange(n_labels), "_multilabel": True}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
