"""LearningCurveDisplay: the losses of training, epoch by epoch."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from . import _checks
from ._rows import fitted_lstm

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class LearningCurveDisplay:
    """Training and validation loss over the epochs of one fit.

    It is recommended to use :meth:`from_estimator`. All parameters are stored as attributes. The
    class of the same name in scikit-learn shows scores over the number of training rows, from
    many fits.

    Parameters
    ----------
    train_loss : array of shape (n_epochs,)
        Mean loss of the batches of each epoch, with dropout and augmentation.
    valid_loss : array of shape (n_epochs,), optional
        Loss of the validation rows after each epoch; NaN where there is none.
    loss : str, default="loss"
        Name of the loss.

    Raises
    ------
    ValueError
        Where a parameter is not as described.

    Attributes
    ----------
    best_epoch : int or None
        Epoch, counted from 1, with the smallest validation loss; None without one.
    ax_ : Axes
        The panel.
    figure_ : Figure
        Figure that holds it.
    lines_ : list of Line2D
        Training loss, and validation loss where there is one.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.plot import LearningCurveDisplay
    >>> X = np.random.default_rng(0).normal(size=(150, 6, 3))
    >>> model = LSTMRegressor(
    ...     hidden_size=8, early_stopping=True, max_epochs=5, random_state=0
    ... ).fit(X, X[:, 4, 1])
    >>> display = LearningCurveDisplay.from_estimator(model)
    >>> display.frame().columns.tolist()
    ['epoch', 'train_loss', 'valid_loss']
    >>> 1 <= display.best_epoch <= 5
    True
    """

    ax_: Any
    figure_: "Figure"
    lines_: list[Any]

    def __init__(
        self, train_loss: ArrayLike, *, valid_loss: ArrayLike | None = None, loss: str = "loss"
    ) -> None:
        self.train_loss = _checks.numbers("train_loss", train_loss, None)
        n = len(self.train_loss)
        if not n:
            raise ValueError("The 'train_loss' parameter must have epochs. Got none.")
        self.valid_loss = None
        if valid_loss is not None:
            self.valid_loss = _checks.numbers("valid_loss", valid_loss, n)
        self.loss = loss

    @property
    def best_epoch(self) -> int | None:
        """Epoch, counted from 1, with the smallest validation loss; None without one."""
        if self.valid_loss is None or np.isnan(self.valid_loss).all():
            return None
        return int(np.nanargmin(self.valid_loss)) + 1

    @classmethod
    def from_estimator(cls, model: Any, *, ax: Any = None) -> Self:
        """Draw the ``history_`` of a fitted model.

        Parameters
        ----------
        model : fitted LSTMRegressor or LSTMClassifier, Pipeline or search
        ax : Axes, optional
            Where to draw; None makes a figure.

        Returns
        -------
        LearningCurveDisplay

        Raises
        ------
        ValueError
            If there is no LSTM of this library at the end of the model.
        """
        lstm = fitted_lstm(model)
        history = lstm.history_
        valid = [epoch.get("valid_loss", np.nan) for epoch in history]
        name = getattr(lstm, "loss", "log_loss")
        return cls(
            [epoch.get("train_loss", np.nan) for epoch in history],
            valid_loss=None if np.isnan(valid).all() else valid,
            loss=f"loss ({name.replace('_', ' ')})" if isinstance(name, str) else "loss",
        ).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw it, on a logarithmic scale where the losses span more than a factor of 20.

        Parameters
        ----------
        ax : Axes, optional
            None makes a figure.

        Returns
        -------
        LearningCurveDisplay
            Itself.

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        canvas = _checks.canvas(self)
        self.ax_ = canvas.one_axes(ax)
        self.figure_ = canvas.root_figure(self.ax_)
        epochs = np.arange(1, len(self.train_loss) + 1)
        self.lines_ = []
        curves = {"training": self.train_loss, "validation": self.valid_loss}
        for k, (label, losses) in enumerate(curves.items()):
            if losses is not None:
                self.lines_ += self.ax_.plot(
                    epochs,
                    losses,
                    color=canvas.COLOURS[k],
                    linestyle=canvas.LINE_STYLES[k],
                    marker="." if len(epochs) <= 40 else None,
                    label=label,
                )
        if self.best_epoch is not None and self.valid_loss is not None:
            self.ax_.plot(
                self.best_epoch,
                self.valid_loss[self.best_epoch - 1],
                "o",
                markersize=8,
                markerfacecolor="none",
                markeredgecolor=canvas.ink(),
                label=f"best epoch: {self.best_epoch}",
            )
        known = np.concatenate([line.get_ydata() for line in self.lines_])
        known = known[np.isfinite(known)]
        if known.size and known.min() > 0 and known.max() > 20 * known.min():
            self.ax_.set_yscale("log")
        canvas.axis_label(self.ax_, x="epoch", y=canvas.wrapped(self.loss, self.ax_, 1))
        canvas.whole_numbers(self.ax_.xaxis)
        if len(self.lines_) > 1:
            canvas.legend_above(self.ax_)
        return self

    def frame(self) -> Any:
        """The numbers as a table.

        Returns
        -------
        pandas.DataFrame
            One row for each ``epoch``, with its ``train_loss`` and ``valid_loss``.

        Raises
        ------
        ImportError
            Without pandas.
        """
        pd = _checks.pandas(self)
        columns = {"epoch": np.arange(1, len(self.train_loss) + 1), "train_loss": self.train_loss}
        if self.valid_loss is not None:
            columns["valid_loss"] = self.valid_loss
        return pd.DataFrame(columns)
