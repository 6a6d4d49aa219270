"""The DeepLIFT rule, refined towards Shapley values by switching blocks of players in turn."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ..nn import LSTMNetwork
from ._deep import chunks, contributions, zeros
from ._readout import Readout
from ._recording import Recording, record


@torch.inference_mode()
def blocked(
    network: LSTMNetwork,
    readout: Readout,
    x: Tensor,
    references: Tensor,
    weights: Tensor,
    players: Tensor,
    n_blocks: int,
    rng: np.random.Generator,
) -> Tensor:
    """Contributions of blocks of players that change from the reference to x one after the other.

    For every reference the players fall into random blocks of equal size. Each change of a block
    is attributed by the DeepLIFT rule, in an order of the blocks and in its reverse. With one
    block that is ``deep``; with one player in each it is permutation sampling of Shapley
    values [1]_ with antithetic pairs [2]_. The values add up for every number of blocks.

    Parameters
    ----------
    network, readout, x, references, weights
        As in ``deep``.
    players : int64 Tensor of shape (n_timesteps, n_features)
        From 0 on.
    n_blocks : int
    rng : numpy.random.Generator
        Draws the partitions, one for each reference, the same for all rows.

    Returns
    -------
    float64 Tensor of shape ([n_means,] n, n_timesteps, n_features, n_responses)

    References
    ----------
    .. [1] Castro, Gomez & Tejada (2009), "Polynomial calculation of the Shapley value based on
       sampling", Computers & Operations Research.
    .. [2] Mitchell, Cooper, Frank & Holmes (2022), "Sampling permutations for Shapley value
       estimation", JMLR.
    """
    n, n_timesteps, _ = x.shape
    n_players = int(players.max()) + 1
    n_blocks = min(n_blocks, n_players)
    own_block = np.tile(np.arange(n_players) * n_blocks // n_players, (references.shape[1], 1))
    blocks = torch.from_numpy(rng.permuted(own_block, axis=1)).to(x.device)[:, players]
    n_outputs = len(readout.weight) * (n_timesteps if network.pooling is None else 1)
    total = zeros(network, weights, n, n_timesteps, n_outputs)
    kept: list[Recording | None] = [None, None]
    for some, rows_of in chunks(
        network, n, references.shape[1], n_timesteps, n_outputs, records_per_pair=2
    ):
        half = weights[..., some] / 2
        for rows in rows_of:
            others = references[:, some] if len(references) == 1 else references[rows][:, some]
            first, last = record(network, others), record(network, x[rows, None])
            for hybrids in _orders(x[rows, None], others, blocks[some], n_blocks):
                before = first
                for k, hybrid in enumerate(hybrids):
                    after = kept[k % 2] = record(network, hybrid, into=kept[k % 2])
                    part = contributions(network, readout, after, before, half)
                    total[..., rows, :, :, :] += part
                    before = after
                part = contributions(network, readout, last, before, half)
                total[..., rows, :, :, :] += part
    return total if network.embedding is None else total.sum(-2, keepdim=True)


def _orders(
    x: Tensor, references: Tensor, blocks: Tensor, n_blocks: int
) -> Iterator[Iterator[Tensor]]:
    """Of an order of the blocks and its reverse, what is between the references and x."""

    def hybrids(first_to_last: bool) -> Iterator[Tensor]:
        for done in range(1, n_blocks):
            switched = blocks < done if first_to_last else blocks >= n_blocks - done
            yield torch.where(switched, x, references)

    yield hybrids(True)
    yield hybrids(False)
