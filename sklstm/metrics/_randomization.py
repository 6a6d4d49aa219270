"""randomization_test."""

import copy
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.utils import Bunch

from ..explain import Explanation
from ..explain._composition import check_model, named_steps
from ..explain._pipelines import is_lstm
from ._agreement import agreement
from ._checks import check_explain, seed_of
from ._game import check_explanation


def randomization_test(
    model: Any, X: Any, explain: Callable[[Any, Any], Explanation], *, random_state: Any = None
) -> Bunch:
    """Whether an explanation changes when the weights of the model are lost, layer by layer.

    From the output to the input one layer after the other gets random weights, and the model is
    explained each time [1]_. An explanation that stays as it was does not speak of what the model
    has learned.

    Parameters
    ----------
    model : fitted LSTMRegressor or LSTMClassifier, Pipeline or search
        A copy of it is changed, and never itself.
    X : array-like
        Rows to explain.
    explain : callable
        From a model and rows to an Explanation: ``partial(explain_shap, background=B)``, with a
        fixed ``random_state`` where the method draws.
    random_state : int, RandomState instance or None, default=None
        Fixes the random weights.

    Returns
    -------
    Bunch
        layers : list of str
            Names of the layers, from the output on: at each, it and those before it in the list
            are random.
        rank_correlation, standard_error : arrays of shape (n_layers,)
            Mean over rows of Spearman's correlation of the absolute values with those of the
            model itself, and its error over rows. It should fall towards 0.
        value : float
            The last of them, where all layers are random.

    Raises
    ------
    ValueError
        If the model does not end in an LSTM of this library, or ``explain`` returns no
        Explanation.
    TypeError
        Where X is sparse, or holds objects that are no numbers.

    Notes
    -----
    Each weight is drawn from a normal distribution with the mean and the standard deviation of its
    matrix, so that layers stay as large as they were. Some players may matter in any network that
    has this architecture (the last steps, where the last hidden state is read, and cells with
    large values), and so a correlation above 0 may remain for a good method.

    References
    ----------
    .. [1] Adebayo, Gilmer, Muelly, Goodfellow, Hardt & Kim (2018), "Sanity checks for saliency
       maps", NeurIPS.

    Examples
    --------
    >>> from functools import partial
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.explain import explain_shap
    >>> from sklstm.metrics import randomization_test
    >>> X = np.random.default_rng(0).normal(size=(150, 6, 3))
    >>> model = LSTMRegressor(hidden_size=8, random_state=0).fit(X, X[:, 4, 1])
    >>> explain = partial(explain_shap, background=X[40:])
    >>> result = randomization_test(model, X[:40], explain, random_state=0)
    >>> result.layers
    ['head', 'recurrent.layers.0']
    >>> bool(result.value < 0.8)
    True
    """
    check_model(model)
    check_explain(explain)
    changed = copy.deepcopy(model)
    *_, (_, last) = named_steps(changed)
    if not is_lstm(last):
        raise ValueError(
            "The 'model' parameter must end in an LSTM of this library, whose weights can be "
            f"drawn anew. Got {type(last).__name__}."
        )
    generator = torch.Generator().manual_seed(seed_of(random_state))
    first = explain(model, X)
    check_explanation(first, "explain")
    layers = layers_of(last.net_.module_)
    found = []
    for parameters in layers.values():
        randomize_(parameters, generator)
        found.append(agreement(first, explain(changed, X)))
    correlations = np.array([one.rank_correlation for one in found])
    return Bunch(
        layers=list(layers),
        rank_correlation=correlations,
        standard_error=np.array([one.rank_correlation_standard_error for one in found]),
        value=float(correlations[-1]),
    )


def layers_of(network: torch.nn.Module) -> dict[str, list[torch.Tensor]]:
    """Parameters by layer, from the output on; both directions of a layer are one."""
    layers: dict[str, list[torch.Tensor]] = {}
    for name, parameter in reversed(list(network.named_parameters())):
        name = re.sub(r"(forward|backward)_layers", "layers", name)
        numbered = re.match(r"(.*?\.\d+)\.", name)
        layer = numbered[1] if numbered else name.rpartition(".")[0] or name
        layers.setdefault(layer, []).append(parameter)
    return layers


@torch.no_grad()
def randomize_(parameters: list[torch.Tensor], generator: torch.Generator) -> None:
    """Draw weights from a normal distribution of the same mean and spread, in place."""
    for parameter in parameters:
        drawn = torch.randn(parameter.shape, generator=generator)
        spread = parameter.std(correction=0).cpu()
        parameter.copy_(parameter.mean().cpu() + spread * drawn)
