"""Loaders of panels: many labelled sequences."""

import numpy as np
from sklearn.utils import Bunch

from ._reader import check_choice, check_flag, read_arrays, read_descr


def load_japanese_vowels(
    *, return_X_y: bool = False, subset: str = "train", ragged: bool = False
) -> Bunch | tuple[np.ndarray, np.ndarray]:
    """Load the Japanese vowels: which of nine speakers said it (classification).

    Nine men each uttered the two Japanese vowels /ae/ in succession. An
    utterance is a sequence of 7 to 29 frames, 6.4 ms apart; a frame is 12
    cepstrum coefficients of a linear predictive coding (LPC) analysis.

    =====================  =======================================
    Classes                                                      9
    Samples, train / test                                270 / 370
    Time steps                                              7 – 29
    Features                                                    12
    Missing values                  none (NaN only pads the end)
    =====================  =======================================

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.
    subset : {"train", "test", "all"}, default="train"
        The part of the official split to load; ``"all"`` is the training
        utterances followed by the test utterances. Within each part the
        utterances are ordered by speaker, so shuffle before you split.
    ragged : bool, default=False
        If False, ``data`` is one array in which the utterances are padded at
        the end to 29 time steps with rows of NaN. If True, it is an object
        array of one array per utterance, without padding. The estimators read
        both forms and give the same predictions.

    Returns
    -------
    data : Bunch
        With the attributes:

        data : ndarray of shape (n_samples, 29, 12), float32
            The utterances, without a unit. With ``ragged=True``: ndarray of
            shape (n_samples,), dtype object, of float32 arrays of shape
            (length, 12).
        target : ndarray of shape (n_samples,), str
            The speakers, ``"1"`` to ``"9"``.
        target_names : ndarray of shape (9,), str
            The names of the speakers, sorted.
        feature_names : list of 12 str
            The coefficients in increasing order.
        lengths : ndarray of shape (n_samples,), int64
            The number of time steps of every utterance.
        DESCR : str
            The full description of the data set.

    (data, target) : tuple of two ndarrays
        If ``return_X_y=True``.

    Raises
    ------
    ValueError
        If a parameter has another value than those listed.

    Notes
    -----
    Source: M. Kudo, J. Toyama and M. Shimbo, "Japanese Vowels", UCI Machine
    Learning Repository, https://doi.org/10.24432/C5NS47. Licence: `CC BY 4.0
    <https://creativecommons.org/licenses/by/4.0/>`_. Changes: stored as
    float32, padded at the end with NaN.

    References
    ----------
    .. [1] M. Kudo, J. Toyama and M. Shimbo (1999). Multidimensional curve
       classification using passing-through regions. Pattern Recognition
       Letters 20(11-13), 1103-1111.

    Examples
    --------
    >>> from sklstm.datasets import load_japanese_vowels
    >>> X, y = load_japanese_vowels(return_X_y=True)
    >>> X.shape, y.shape
    ((270, 29, 12), (270,))
    >>> X_test, y_test = load_japanese_vowels(return_X_y=True, subset="test", ragged=True)
    >>> [x.shape for x in X_test[:3]]
    [(19, 12), (17, 12), (19, 12)]
    """
    check_flag("load_japanese_vowels", "return_X_y", return_X_y)
    check_choice("load_japanese_vowels", "subset", subset, ("train", "test", "all"))
    check_flag("load_japanese_vowels", "ragged", ragged)

    arrays = read_arrays("JapaneseVowels")
    parts = ("train", "test") if subset == "all" else (subset,)
    X = np.concatenate([arrays[f"X_{part}"] for part in parts])
    codes = np.concatenate([arrays[f"y_{part}"] for part in parts])

    lengths = np.count_nonzero(~np.isnan(X).all(axis=2), axis=1)
    data = _unpad(X, lengths) if ragged else X
    target = arrays["classes"][codes]
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        target_names=arrays["classes"],
        feature_names=[f"lpc_cepstrum_{k}" for k in range(1, X.shape[2] + 1)],
        lengths=lengths,
        DESCR=read_descr("JapaneseVowels"),
    )


def _unpad(X: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Cut the padding at the end of every sample."""
    ragged = np.empty(len(X), dtype=object)
    for i, length in enumerate(lengths):
        # A copy, because a view would carry the whole padded array along.
        ragged[i] = X[i, :length].copy()
    return ragged
