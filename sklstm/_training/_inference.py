"""Predictions in batches whose make-up does not change them."""

import numpy as np
import torch
from numpy.typing import NDArray

from .._data import Sequences
from ..nn import ScaledNetwork
from ._batches import ROW_MULTIPLE, as_tensor, inference_rows


def forward_batches(network: ScaledNetwork, sequences: Sequences) -> NDArray[np.float64]:
    """Network outputs for every sequence.

    Sequences of different length are taken in order of length, so that padding costs little.

    Returns
    -------
    float64 array of shape (n, n_outputs) or (n, longest, n_outputs)
        The latter of a network that returns sequences, each from step 0 on; what stands at
        padded steps means nothing.
    """
    batch = inference_rows(network, sequences.max_length)
    n = len(sequences)
    if n <= batch:
        return _forward(network, sequences, slice(0, n))
    # One array for all: small results that stay between large buffers that go break up the heap.
    shape: tuple[int, ...] = (n, network.architecture["n_outputs"])
    if network.architecture["return_sequences"]:
        shape = (n, sequences.max_length, *shape[1:])
    outputs = np.zeros(shape)
    order = None if sequences.uniform else np.argsort(sequences.lengths, kind="stable")
    for i in range(0, n, batch):
        rows = slice(i, i + batch) if order is None else order[i : i + batch]
        part = _forward(network, sequences, rows)
        if part.ndim == 3:
            outputs[rows, : part.shape[1]] = part
        else:
            outputs[rows] = part
    return outputs


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
