"""Predictions in batches whose make-up does not change them."""

import numpy as np
import torch
from numpy.typing import NDArray

from .._data import Sequences, in_batches
from ..nn import ScaledNetwork
from ._batches import ROW_MULTIPLE, as_tensor, inference_rows


def forward_batches(network: ScaledNetwork, sequences: Sequences) -> NDArray[np.float64]:
    """Network outputs for every sequence.

    Returns
    -------
    float64 array of shape (n, n_outputs) or (n, longest, n_outputs)
        The latter of a network that returns sequences, each from step 0 on; what stands at
        padded steps means nothing.
    """
    return in_batches(
        sequences,
        inference_rows(network, sequences.max_length),
        lambda rows: _forward(network, sequences, rows),
        per_step=network.architecture["return_sequences"],
    )


@torch.inference_mode()
def _forward(
    network: ScaledNetwork, sequences: Sequences, rows: slice | NDArray[np.int64]
) -> NDArray[np.float64]:
    device = network.x_mean.device
    x = as_tensor(sequences.take(rows)).to(device)
    lengths = None
    if not sequences.uniform:
        lengths = torch.from_numpy(sequences.lengths[rows]).to(device)
    n = len(x)
    if missing := -n % ROW_MULTIPLE:
        x = torch.cat([x, x[-1:].expand(missing, -1, -1)])
        if lengths is not None:
            lengths = torch.cat([lengths, lengths[-1:].expand(missing)])
    with torch.autocast(device.type, enabled=False):
        return network(x, lengths)[:n].cpu().numpy()
