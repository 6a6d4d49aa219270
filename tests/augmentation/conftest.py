import pytest
import torch

from sklstm.augmentation import TrainingBatch


@pytest.fixture
def make_batch():
    """A function that makes a batch; after the end of a sequence it has NaN, to be ignored."""

    def make(lengths, n_features=3, *, n_timesteps=None, weighted=False, seed=0):
        generator = torch.Generator().manual_seed(seed)
        lengths = torch.tensor(lengths)
        n, n_timesteps = len(lengths), n_timesteps or int(lengths.max())
        x = torch.randn(n, n_timesteps, n_features, generator=generator)
        x[torch.arange(n_timesteps) >= lengths[:, None]] = torch.nan
        weights = torch.rand(n, generator=generator) + 0.5 if weighted else None
        # Probabilities that say which row is which, also when they are mixed.
        return TrainingBatch(x, lengths, torch.eye(n), weights)

    return make
