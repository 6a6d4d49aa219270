"""Expected gradients with fixed nodes."""

import numpy as np
import torch
from torch import Tensor

from ..nn import ScaledNetwork
from ._readout import Readout

# Rows of a batch whose gradients are taken, and hidden-state entries that it may have.
ROWS = 256
ENTRIES = 2**24


@torch.inference_mode(False)
@torch.enable_grad()
def expected_gradients(
    network: ScaledNetwork,
    readout: Readout,
    x: Tensor,
    references: Tensor,
    weights: Tensor,
    n_nodes: int,
) -> Tensor:
    """Gradients times difference, averaged along the straight lines from the references [1]_.

    The mean along a line is by Gauss-Legendre quadrature, so that nothing is drawn.

    Parameters
    ----------
    network, readout, x, references, weights
        As in ``deep``.
    n_nodes : int
        Nodes on each line.

    Returns
    -------
    float64 Tensor of shape (n, n_timesteps, n_features, n_responses)

    References
    ----------
    .. [1] Erion, Janizek, Sturmfels, Lundberg & Lee (2021), "Improving performance of deep
       learning models with axiomatic attribution priors and expected gradients", Nature
       Machine Intelligence.
    """
    points, point_weights = np.polynomial.legendre.leggauss(n_nodes)
    nodes = torch.from_numpy((points + 1) / 2).to(weights)
    node_weights = torch.from_numpy(point_weights / 2).to(weights)
    with torch.no_grad():
        ends = network.vectors(network.standardize(x))
        starts = network.vectors(network.standardize(references.flatten(0, 1)))
        starts = starts.unflatten(0, references.shape[:2])
    result: Tensor | None = None
    n_references = starts.shape[1]
    total = len(x) * n_references * n_nodes
    size = max(1, min(ROWS, ENTRIES // (x.shape[1] * network.width)))
    for first in range(0, total, size):
        pair = torch.arange(first, min(first + size, total), device=x.device)
        row, reference, node = (
            pair // (n_references * n_nodes),
            pair // n_nodes % n_references,
            pair % n_nodes,
        )
        start = starts[row % len(starts), reference]
        difference = ends[row] - start
        gradients = gradients_at(
            network, readout, start + nodes[node, None, None].float() * difference
        )
        share = difference.double() * (weights[reference] * node_weights[node])[:, None, None]
        parts = gradients.double() * share[..., None]
        if result is None:
            result = parts.new_zeros(len(x), *parts.shape[1:])
        result.index_add_(0, row, parts)
    assert result is not None
    return result if network.embedding is None else result.sum(2, keepdim=True)


@torch.inference_mode(False)
@torch.enable_grad()
def gradients_at(network: ScaledNetwork, readout: Readout, vectors: Tensor) -> Tensor:
    """Of every response, shape (n, n_timesteps, input_size, n_responses)."""
    vectors = vectors.detach().requires_grad_()
    responses = readout(network.original_unit(network.from_vectors(vectors))).flatten(1)
    return torch.stack(
        [
            torch.autograd.grad(response.sum(), vectors, retain_graph=True, materialize_grads=True)[
                0
            ]
            for response in responses.unbind(1)
        ],
        dim=-1,
    )
