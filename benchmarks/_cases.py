"""The two trained networks of explain.py, and the true Shapley values of their cells."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.datasets import load_japanese_vowels

N_BACKGROUND = 50
N_ROWS = 64


@dataclass
class Case:
    """A trained network, the rows to explain, and what they are compared with.

    Attributes
    ----------
    name : str
    model : fitted estimator
    background, rows : float64 array of shape (n, n_timesteps, n_features)
        In units of the data, every value a float32 number.
    target : label, or None
        The class whose logit is explained.
    """

    name: str
    model: Any
    background: np.ndarray
    rows: np.ndarray
    target: Any = None

    @property
    def network(self):
        """The bare torch module."""
        return self.model.net_.module_.eval()

    @property
    def device(self):
        """Where the network computes."""
        return self.network.x_mean.device

    @property
    def weight(self):
        """From the network's outputs to the one that is explained; logits are centred."""
        if self.target is None:
            return torch.ones(1, dtype=torch.float64, device=self.device)
        classes = self.model.classes_
        return torch.from_numpy((classes == self.target) - 1 / len(classes)).to(self.device)

    def standardized(self, X):
        """As the first layer reads it, float32 and on its device."""
        return self.network.standardize(torch.from_numpy(X).to(self.device))

    def outputs(self, X):
        """What is explained, float64 of shape (n,)."""
        return forward(self, self.standardized(X)).cpu().numpy()

    def difference(self, X):
        """Output minus expected output."""
        return self.outputs(X) - self.outputs(self.background).mean()


@torch.inference_mode()
def forward(case, z, size=1024):
    """Outputs of standardised rows, in batches of the size that is fastest."""
    network = case.network
    outputs = [network.original_unit(network.encode(part)) for part in z.split(size)]
    return torch.cat(outputs) @ case.weight


def vowels(device="cpu"):
    """A: a classifier, 12 -> 32. Utterances have 7 to 29 steps, and are stretched to 25."""
    (X, y), (X_test, _) = (
        load_japanese_vowels(return_X_y=True, subset=part) for part in ("train", "test")
    )
    X, X_test = _stretched(X, 25), _stretched(X_test, 25)
    options = {"bidirectional": False, "pooling": "last", "random_state": 0, "device": device}
    model = LSTMClassifier(32, **options).fit(X, y)
    rng = np.random.default_rng(0)
    return Case(
        "A: vowels, LSTM 12 -> 32, 25 steps",
        model,
        _rounded(rng.permutation(X)[:N_BACKGROUND]),
        _rounded(rng.permutation(X_test)[:N_ROWS]),
        model.classes_[0],
    )


def planted(device="cpu", n=4096):
    """B: a regressor, 7 -> 64 -> 64. Noise, and a target that depends on four cells."""
    X = _rounded(np.random.default_rng(0).normal(size=(n + N_BACKGROUND + N_ROWS, 24, 7)))
    y = 2 * X[:, 20, 1] + X[:, 12, 3] + np.maximum(X[:, 8, 0] + X[:, 15, 2], 0)
    model = LSTMRegressor(
        64,
        num_layers=2,
        bidirectional=False,
        pooling="last",
        dropout=0.0,
        weight_decay=0.01,
        learning_rate=0.005,
        max_epochs=8,
        random_state=0,
        device=device,
    ).fit(X[:n], y[:n])
    name = "B: planted cells, two layers 7 -> 64, 24 steps"
    return Case(name, model, X[n : n + N_BACKGROUND], X[n + N_BACKGROUND :])


def sized(
    hidden_size, n_timesteps, n_features=8, n_rows=16, n_background=N_BACKGROUND, device="cpu"
):
    """A network that hardly learned: enough to measure time."""
    shape = (n_background + n_rows, n_timesteps, n_features)
    X = _rounded(np.random.default_rng(0).normal(size=shape))
    options = {"bidirectional": False, "pooling": "last", "max_epochs": 1, "random_state": 0}
    model = LSTMRegressor(hidden_size, device=device, **options).fit(X[:64], X[:64, -1, 0])
    return Case(f"hidden {hidden_size}, {n_timesteps} steps", model, X[:n_background], X[-n_rows:])


def _stretched(X, n_timesteps):
    """Padded sequences, interpolated to one length."""
    result = np.empty((len(X), n_timesteps, X.shape[2]))
    for target, row in zip(result, X, strict=True):
        row = row[~np.isnan(row[:, 0])]
        steps = np.linspace(0, len(row) - 1, n_timesteps)
        for j, feature in enumerate(row.T):
            target[:, j] = np.interp(steps, np.arange(len(row)), feature)
    return result


def _rounded(X):
    return X.astype(np.float32).astype(np.float64)


def true_values(case, n_rows, n_permutations):
    """Shapley values of the cells of the first rows, and the variance of each.

    Each permutation of the cells, forwards and backwards [1]_, leads from one reference to the
    row; the references take turns.

    References
    ----------
    .. [1] Mitchell, Cooper, Frank & Holmes (2022), "Sampling permutations for Shapley value
       estimation", JMLR.
    """
    references = case.standardized(case.background).flatten(1)
    n_cells, shape = references.shape[1], case.background.shape[1:]
    n_present = torch.arange(n_cells + 1, device=case.device)[:, None]
    rng = np.random.default_rng(1)
    means, variances = [], []
    for x in case.standardized(case.rows[:n_rows]).flatten(1):
        total = np.zeros((2, n_cells))
        for k in range(n_permutations):
            rank = torch.from_numpy(rng.permutation(n_cells)).to(case.device)
            orders = torch.stack([rank, n_cells - 1 - rank])
            states = torch.where(orders[:, None] < n_present, x, references[k % len(references)])
            values = forward(case, states.view(-1, *shape)).view(2, -1)
            added = values.diff(dim=1).gather(1, orders).mean(0).cpu().numpy()
            total += added, added**2
        mean, square = total / n_permutations
        means.append(mean.reshape(shape))
        variances.append(((square - mean**2) / (n_permutations - 1)).reshape(shape))
    return np.stack(means), np.stack(variances)
