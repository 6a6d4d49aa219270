"""Courses of gene expression in which the order of events decides."""

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from ._checks import check_integer, check_number, new_random_state
from ._reader import check_flag

_NAME = "make_expression_profiles"
# log2 fold change at the peak of a pulse.
_AMPLITUDE = 2.0
# Time steps from the onset of a pulse to its peak.
_RISE = 2.0
# Time steps between the onsets of two genes of the cascade.
_LAG = 2.0
# Correlation of the noise between neighbouring time steps.
_AUTOCORRELATION = 0.7

_DESCR = """\
Courses of gene expression
--------------------------

log2 fold changes of {n_genes} genes over {n_timesteps} time steps, made by
sklstm.datasets.make_expression_profiles. In every sample each of the {n_informative}
``informative_genes`` shows one pulse. In a responder they follow each other, 2 time steps apart;
in a control they come at unrelated times. The other genes show noise alone.
"""


def make_expression_profiles(
    n_samples: int = 600,
    n_timesteps: int = 24,
    n_genes: int = 10,
    n_informative: int = 3,
    noise: float = 0.2,
    *,
    random_state: int | np.random.RandomState | None = None,
    return_X_y: bool = False,
) -> Bunch | tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Make short courses of gene expression, told apart by the order of events (classification).

    A sample is a culture or a patient, a feature the expression of a gene, measured at equal
    intervals as the log2 fold change against the level before the experiment. In each sample every
    informative gene shows one transient pulse. In a responder a stimulus, at a time that differs
    from sample to sample, sets off a cascade: the informative genes follow each other, 2 time
    steps apart. In a control the same genes pulse at unrelated times. All other genes show
    autocorrelated noise alone.

    Parameters
    ----------
    n_samples : int, default=600
        Number of samples, at least 2. With an odd number the controls are one more.
    n_timesteps : int, default=24
        Number of time steps, at least ``2 * n_informative + 6``.
    n_genes : int, default=10
        Number of genes.
    n_informative : int, default=3
        Number of genes that pulse, at least 2 and at most ``n_genes``.
    noise : float, default=0.2
        Standard deviation of the noise, in log2 units; a pulse has a height of 2. The noise is
        an autoregressive process with a correlation of 0.7 between neighbouring time steps.
    random_state : int, RandomState instance or None, default=None
        Fixes the samples. None is different in every call.
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    data : Bunch
        With the attributes:

        data : ndarray of shape (n_samples, n_timesteps, n_genes), float32
            log2 fold changes.
        target : ndarray of shape (n_samples,), int64
            1 for responders, 0 for controls.
        target_names : ndarray of shape (2,), str
            ``"control"`` and ``"responder"``.
        feature_names : list of n_genes str
            ``"gene_0"`` and so on.
        informative_genes : ndarray of shape (n_informative,), int64
            The genes that pulse, in the order of the cascade.
        onsets : ndarray of shape (n_samples, n_informative), float64
            The times at which their pulses begin, in time steps.
        DESCR : str
            The description of the data set.

    (data, target) : tuple of two ndarrays
        If ``return_X_y=True``.

    Raises
    ------
    ValueError
        If a parameter is not as described.

    Notes
    -----
    A pulse that begins at :math:`t_0` is :math:`2 s e^{1 - s}` with :math:`s = (t - t_0) / 2`: it
    rises for 2 time steps and then decays. Pulses and cascades are two of the patterns of [1]_.

    The course of every single gene has the same distribution in both classes. So no time step, no
    mean over time and no weighted sum of the cells differs between them in expectation: only the
    timing of the genes relative to each other does. Mean accuracy on 5 default sets, 420 samples
    to train on and 180 to test: logistic regression on flattened rows 0.48, random forest of 300
    trees 0.72, ``LSTMClassifier()`` 0.96. It fits in 3 seconds on one core.

    References
    ----------
    .. [1] Z. Bar-Joseph, A. Gitter and I. Simon (2012). Studying and modelling dynamic biological
       processes using time-series gene expression data. Nature Reviews Genetics 13, 552-564.

    Examples
    --------
    >>> from sklstm.datasets import make_expression_profiles
    >>> cultures = make_expression_profiles(random_state=0)
    >>> cultures.data.shape
    (600, 24, 10)
    >>> cultures.informative_genes
    array([8, 2, 1])
    >>> cultures.onsets[cultures.target == 1][0].round(1)
    array([10.2, 12.2, 14.2])
    """
    check_integer(_NAME, "n_samples", n_samples, minimum=2)
    check_integer(_NAME, "n_genes", n_genes, minimum=2)
    check_integer(_NAME, "n_informative", n_informative, minimum=2)
    if n_informative > n_genes:
        raise ValueError(
            f"The 'n_informative' parameter of {_NAME} must not exceed n_genes={n_genes}. "
            f"Got {n_informative!r} instead."
        )
    check_integer(_NAME, "n_timesteps", n_timesteps, minimum=1)
    if n_timesteps < 2 * n_informative + 6:
        raise ValueError(
            f"The 'n_timesteps' parameter of {_NAME} must be at least {2 * n_informative + 6} with "
            f"n_informative={n_informative}. Got {n_timesteps!r} instead."
        )
    check_number(_NAME, "noise", noise, maximum=1e4)
    check_flag(_NAME, "return_X_y", return_X_y)
    rng = new_random_state(_NAME, random_state)

    target = rng.permutation(np.arange(n_samples, dtype=np.int64) % 2)
    genes = rng.permutation(n_genes)[:n_informative].astype(np.int64)
    onsets = _draw_onsets(target, n_timesteps, n_informative, rng)
    courses = noise * _draw_autoregressive((n_samples, n_timesteps, n_genes), rng)
    courses[:, :, genes] += _pulses(np.arange(n_timesteps), onsets)
    data = courses.astype(np.float32)
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        target_names=np.array(["control", "responder"]),
        feature_names=[f"gene_{gene}" for gene in range(n_genes)],
        informative_genes=genes,
        onsets=onsets,
        DESCR=_DESCR.format(n_genes=n_genes, n_timesteps=n_timesteps, n_informative=n_informative),
    )


def _draw_onsets(
    target: NDArray[np.int64], n_timesteps: int, n_informative: int, rng: np.random.RandomState
) -> NDArray[np.float64]:
    """Time at which each informative gene begins to rise, shape (n_samples, n_informative)."""
    # The last pulse of the latest cascade has its peak, and as long again, inside the course.
    latest = n_timesteps - 1 - _LAG * (n_informative - 1) - 2 * _RISE
    delays = rng.uniform(0, latest, size=(len(target), n_informative))
    # One delay for all genes, from the same distribution as the delays of their own.
    delays[target == 1] = delays[target == 1, :1]
    return delays + _LAG * np.arange(n_informative)


def _pulses(times: NDArray[np.int64], onsets: NDArray[np.float64]) -> NDArray[np.float64]:
    """One pulse per onset, shape (n_samples, n_timesteps, n_informative)."""
    since = np.maximum((times[:, None] - onsets[:, None, :]) / _RISE, 0)
    return _AMPLITUDE * since * np.exp(1 - since)


def _draw_autoregressive(
    shape: tuple[int, int, int], rng: np.random.RandomState
) -> NDArray[np.float64]:
    """Stationary AR(1) processes of unit variance along axis 1."""
    values = rng.normal(size=shape)
    values[:, 1:] *= np.sqrt(1 - _AUTOCORRELATION**2)
    for t in range(1, shape[1]):
        values[:, t] += _AUTOCORRELATION * values[:, t - 1]
    return values
