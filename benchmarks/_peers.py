"""shap, captum and lime on a network of this library, each in its fastest correct way.

All read standardised rows, so that nobody scales twice, and explain one output. What samples
coalitions gets a function of them that evaluates many at once; what takes gradients, the module.
"""

import warnings

import numpy as np
import shap
import torch
from _cases import forward
from torch import nn

try:
    from captum.attr import DeepLiftShap, GradientShap
except ImportError:  # it is not a dependency
    DeepLiftShap = GradientShap = None
try:
    from lime.lime_tabular import RecurrentTabularExplainer
except ImportError:
    RecurrentTabularExplainer = None


class OneOutput(nn.Module):
    """From standardised rows to the explained output, shape (n, 1), float32."""

    def __init__(self, case):
        super().__init__()
        self.network = case.network
        self.weight = (case.weight * self.network.y_scale)[:, None].float()

    def forward(self, z):
        """Up to the constant that the target's mean adds."""
        return self.network.encode(z) @ self.weight


def differentiable(explain):
    """In evaluation mode cuDNN has no gradients: torch's own kernels take its place."""

    def without_cudnn(X):
        with torch.backends.cudnn.flags(enabled=False):
            return explain(X)

    return without_cudnn


def gradient(case, n_samples=200):
    """shap.GradientExplainer: expected gradients at random points."""
    explainer = shap.GradientExplainer(
        OneOutput(case), case.standardized(case.background), batch_size=n_samples
    )
    options = {"nsamples": n_samples, "rseed": 0}
    return differentiable(lambda X: explainer.shap_values(case.standardized(X), **options)[..., 0])


def deep(case):
    """shap.DeepExplainer, which takes nn.LSTM for a linear map, and warns of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        explainer = shap.DeepExplainer(OneOutput(case), case.standardized(case.background))

    def explain(X):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            z = case.standardized(X)
            return explainer.shap_values(z, check_additivity=False)[..., 0]

    return differentiable(explain)


def captum_deep(case):
    """captum's DeepLiftShap."""
    explainer = DeepLiftShap(OneOutput(case))
    background = case.standardized(case.background)

    def explain(X):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return explainer.attribute(case.standardized(X), background).detach().cpu().numpy()

    return differentiable(explain)


def captum_gradient(case, n_samples=200):
    """captum's GradientShap, all rows and samples in one batch."""
    explainer = GradientShap(OneOutput(case))
    background = case.standardized(case.background)

    def explain(X):
        torch.manual_seed(0)
        values = explainer.attribute(case.standardized(X), background, n_samples=n_samples)
        return values.detach().cpu().numpy()

    return differentiable(explain)


def lime(case):
    """lime's RecurrentTabularExplainer: its coefficients, times what they stand before."""
    background = case.standardized(case.background).cpu().numpy()
    n_timesteps, n_features = background.shape[1:]
    explainer = RecurrentTabularExplainer(
        background,
        mode="regression",
        training_labels=np.zeros(len(background)),
        feature_names=[str(j) for j in range(n_features)],
        discretize_continuous=False,
        random_state=0,
    )
    mean, scale = background.mean(0), background.std(0)

    def values(z):
        explained = explainer.explain_instance(
            z,
            lambda rows: forward(case, as_read(case, rows)).cpu().numpy(),
            num_features=n_timesteps * n_features,
        )
        flat = np.zeros(n_timesteps * n_features)  # every step of a feature, then the next feature
        for cell, coefficient in explained.as_map()[1]:  # [0] has the opposite signs
            flat[cell] = coefficient
        return flat.reshape(n_features, n_timesteps).T * (z - mean) / scale

    return lambda X: np.stack([values(z) for z in case.standardized(X).cpu().numpy()])


def as_read(case, rows):
    """Standardised rows of NumPy as the network reads them."""
    return torch.from_numpy(rows).float().to(case.device)


def coalitions(case, row, players):
    """The game of one row: mean output over the background of coalitions (m, n_players)."""
    x, references = case.standardized(row[None])[0], case.standardized(case.background)
    players, n_references = torch.tensor(players, device=case.device), len(references)

    def value(masks):
        means = []
        present = torch.from_numpy(np.asarray(masks) > 0.5).to(case.device)
        for part in present.split(1000 // n_references):
            hybrids = torch.where(part[:, players][:, None], x, references)
            means.append(forward(case, hybrids.flatten(0, 1)).view(-1, n_references).mean(1))
        return torch.cat(means).cpu().numpy()

    return value


def kernel(case, players):
    """shap.KernelExplainer with its default number of samples."""
    return _of_games(case, players, _kernel)


def permutation(case, players):
    """shap.PermutationExplainer with ten orders, its default."""
    return _of_games(case, players, _permutation)


def exact(case, players):
    """shap.ExactExplainer."""
    return _of_games(case, players, _exact)


def sampling(case):
    """shap.SamplingExplainer with its default number of samples; it draws references itself."""
    shape = case.background.shape[1:]
    background = case.standardized(case.background).flatten(1).cpu().numpy()

    def value(flat):
        return forward(case, as_read(case, flat).view(-1, *shape)).cpu().numpy()

    explainer = shap.SamplingExplainer(value, background)
    return lambda X: np.stack(
        [
            explainer.shap_values(z.flatten(), silent=True).reshape(shape)
            for z in case.standardized(X).cpu().numpy()
        ]
    )


def _of_games(case, players, explain):
    """Values of shape (n, n_players)."""
    n_players = players.max() + 1
    explain(lambda masks: masks[:, 0], 2)  # shap compiles at its first call
    return lambda X: np.stack([explain(coalitions(case, row, players), n_players) for row in X])


def _kernel(value, n_players):
    # With its default l1_reg all but ten players have the value 0.
    explainer = shap.KernelExplainer(value, np.zeros((1, n_players)))
    return explainer.shap_values(np.ones(n_players), l1_reg=False, silent=True)


def _permutation(value, n_players):
    masker = shap.maskers.Independent(np.zeros((1, n_players)))
    explainer = shap.PermutationExplainer(value, masker, seed=0)
    max_evals = 10 * (2 * n_players + 1)
    return explainer(np.ones((1, n_players)), max_evals=max_evals, silent=True).values[0]


def _exact(value, n_players):
    explainer = shap.ExactExplainer(value, shap.maskers.Independent(np.zeros((1, n_players))))
    n = 2**n_players
    ones = np.ones((1, n_players))
    return explainer(ones, max_evals=n, batch_size=n, silent=True).values[0]
