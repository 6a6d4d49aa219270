"""Gradients at the rows themselves, and at noisy copies of them."""

from typing import NamedTuple

import torch
from torch import Tensor

from ..nn import ScaledNetwork
from ._gradient import ENTRIES, ROWS, gradients_at
from ._readout import Readout


class Smoothed(NamedTuple):
    """Means over noisy copies, and the standard error of these; of the same shape."""

    mean: Tensor
    standard_error: Tensor


def saliency(network: ScaledNetwork, readout: Readout, x: Tensor) -> Tensor:
    """Gradients of the responses [1]_, per original unit of x, or of an embedding's vectors.

    Parameters
    ----------
    network : ScaledNetwork
    readout : Readout
    x : Tensor of shape (n, n_timesteps, n_features)
        In original units; every step is real.

    Returns
    -------
    float64 Tensor of shape (n, n_timesteps, input_size, n_responses)
        With ``n_timesteps * n_responses`` of a network that returns sequences. ``input_size`` is
        ``n_features``, or the size of an embedding's vectors.

    References
    ----------
    .. [1] Simonyan, Vedaldi & Zisserman (2013), "Deep inside convolutional networks:
       visualising image classification models and saliency maps".
    """
    return _per_unit(network, _in_batches(network, readout, _vectors(network, x)))


def input_x_gradient(network: ScaledNetwork, readout: Readout, x: Tensor) -> Tensor:
    """What the first layer reads, times the gradient there [1]_; parameters as of ``saliency``.

    Returns
    -------
    float64 Tensor of shape (n, n_timesteps, n_features, n_responses)
        Of an embedding, the sum over the parts of a vector.

    References
    ----------
    .. [1] Shrikumar, Greenside, Shcherbina & Kundaje (2016), "Not just a black box: learning
       important features through propagating activation differences".
    """
    vectors = _vectors(network, x)
    result = _in_batches(network, readout, vectors) * vectors.double()[..., None]
    return result if network.embedding is None else result.sum(2, keepdim=True)


def smoothgrad(network: ScaledNetwork, readout: Readout, x: Tensor, noise: Tensor) -> Smoothed:
    """Mean gradient over noisy copies of the rows [1]_; parameters as of ``saliency``.

    Parameters
    ----------
    network, readout, x
        As of ``saliency``.
    noise : float32 Tensor of shape (n_samples, n_timesteps, input_size)
        Added to what the first layer reads, the same for every row.

    References
    ----------
    .. [1] Smilkov, Thorat, Kim, Viégas & Wattenberg (2017), "SmoothGrad: removing noise by
       adding noise".
    """
    vectors, n_samples = _vectors(network, x), len(noise)
    total: Tensor | None = None
    size = _batch(network, x)
    for first in range(0, len(x) * n_samples, size):
        pair = torch.arange(first, min(first + size, len(x) * n_samples), device=x.device)
        row = pair // n_samples
        part = gradients_at(network, readout, vectors[row] + noise[pair % n_samples]).double()
        if total is None:
            total = part.new_zeros(2, len(x), *part.shape[1:])
        total[0].index_add_(0, row, part)
        total[1].index_add_(0, row, part.square())
    assert total is not None
    mean, square = total / n_samples
    variance = (square - mean.square()).clamp(min=0) / max(1, n_samples - 1)
    return Smoothed(_per_unit(network, mean), _per_unit(network, variance.sqrt()))


def _vectors(network: ScaledNetwork, x: Tensor) -> Tensor:
    with torch.no_grad():
        return network.vectors(network.standardize(x))


def _in_batches(network: ScaledNetwork, readout: Readout, vectors: Tensor) -> Tensor:
    parts = vectors.split(_batch(network, vectors))
    return torch.cat([gradients_at(network, readout, part).double() for part in parts])


def _batch(network: ScaledNetwork, x: Tensor) -> int:
    return max(1, min(ROWS, ENTRIES // (x.shape[1] * network.width)))


def _per_unit(network: ScaledNetwork, gradients: Tensor) -> Tensor:
    """From standardised to original units; vectors of an embedding have their own."""
    if network.embedding is not None:
        return gradients
    return gradients / network.x_scale[:, None]
