"""What an LSTM makes of the rows of a background."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from .._attribution import explaining, pooled_states
from .._data import Sequences
from ..nn import LSTMNetwork, ScaledNetwork
from ._representatives import projection
from ._rows import PATIENCE, rows_of_pass


def states_of(network: ScaledNetwork, sequences: Sequences, cut: int) -> NDArray[np.float32]:
    """Pooled hidden states; of a module of the user's own its outputs.

    Those of many units are projected, batch by batch.

    Parameters
    ----------
    network : ScaledNetwork
    sequences : Sequences
    cut : int
        So many time steps of each are read at most.

    Returns
    -------
    float32 array of shape (n, n_numbers)
    """
    device = network.x_mean.device
    size = rows_of_pass(network, cut)
    cut_lengths = np.minimum(sequences.lengths, cut)
    uniform = bool((cut_lengths == cut).all())
    # Sequences of about the same length together, so that padding costs little.
    order = np.argsort(sequences.lengths, kind="stable")
    result: NDArray[np.float32] | None = None
    bar = tqdm(total=len(order), desc="Background", unit="row", delay=PATIENCE, leave=False)
    with explaining(network, device), bar:
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            x = torch.from_numpy(sequences.take(rows)[:, :cut].astype(np.float64)).to(device)
            lengths = None
            if not uniform:
                lengths = torch.from_numpy(cut_lengths[rows]).to(device)
            states = _states(network, x, lengths).float().cpu().numpy()
            directions = projection(states.shape[1])
            part = states if directions is None else states @ directions
            if result is None:
                result = np.empty((len(order), part.shape[1]), dtype=np.float32)
            result[rows] = part
            bar.update(len(rows))
    assert result is not None
    return result


@torch.inference_mode()
def _states(network: ScaledNetwork, x: Tensor, lengths: Tensor | None) -> Tensor:
    if isinstance(network, LSTMNetwork):
        return pooled_states(network, x, lengths)
    outputs = network.encode(network.standardize(x), lengths)
    if outputs.ndim == 2:
        return outputs
    if lengths is None:
        return outputs.mean(1)
    steps = torch.arange(outputs.shape[1], device=x.device)
    real = (steps < lengths[:, None])[..., None]
    return torch.where(real, outputs, 0.0).sum(1) / lengths[:, None]
