"""What an augmentation reads and returns."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class TrainingBatch:
    """A batch of training rows, as the network and the loss read them.

    An augmentation is any callable ``(batch, generator) -> batch`` from one such record to
    another with the same rows and features. It draws random numbers from ``generator`` alone, a
    ``torch.Generator`` on the batch's device, and writes into none of the tensors it is given.

    Parameters
    ----------
    x : float32 Tensor of shape (n, n_timesteps, n_features)
        Sequences, standardised unless the estimator has ``standardize=False``: 0 is the mean of
        a feature over the training rows, 1 its standard deviation. What follows the end of a
        sequence is ignored, but finite.
    lengths : int64 Tensor of shape (n,)
        Number of real time steps of each sequence, from 1 to ``n_timesteps``.
    targets : float32 Tensor of shape (n, n_outputs)
        Standardised values, the probability of each class (one column for two classes: of the
        second), or that of each label. With ``return_sequences=True`` of shape (n,
        n_timesteps, n_outputs).
    weights : float32 Tensor of shape (n,) or None
        Weight of each row in the loss, None where all weigh the same. With
        ``return_sequences=True`` of shape (n, n_timesteps), 0 at padded steps.

    Raises
    ------
    ValueError
        From ``fit``, where an augmentation returns tensors of another dtype, shape or device.

    See Also
    --------
    Jitter : The simplest of the augmentations of the library.

    Examples
    --------
    An augmentation of one's own, which turns a random half of the sequences upside down:

    >>> from dataclasses import replace
    >>> import torch
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.datasets import load_japanese_vowels
    >>> def flip(batch, generator):
    ...     draws = torch.rand(len(batch.x), 1, 1, generator=generator, device=batch.x.device)
    ...     return replace(batch, x=torch.where(draws < 0.5, -batch.x, batch.x))
    >>> X, y = load_japanese_vowels(return_X_y=True)
    >>> model = LSTMClassifier(16, augmentation=[flip], max_epochs=2).fit(X, y)
    """

    x: Tensor
    lengths: Tensor
    targets: Tensor
    weights: Tensor | None
