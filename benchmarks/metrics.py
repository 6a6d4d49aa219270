"""The measures of explanations that captum or Quantus have too, beside theirs.

Each line is a measure of sklstm.metrics, the largest value of it over the rows, and the largest
difference from the other library's. Run it with ``python benchmarks/metrics.py``; a library that
is not installed is left out (``pip install captum quantus``).
"""

import os
import warnings
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

from sklstm import LSTMClassifier
from sklstm.explain import explain_shap
from sklstm.metrics import (
    additivity_gap,
    deletion_curve,
    ground_truth_auc,
    infidelity,
    insertion_curve,
    max_sensitivity,
    sparseness,
)
from sklstm.metrics._infidelity import random_sets
from sklstm.metrics._sensitivity import changed

N, T, F, SAMPLES, SEED = 8, 6, 3, 12, 3


def drawn():
    """The seed that the measures make of SEED."""
    return np.random.RandomState(SEED).randint(2**31 - 1)


class Logit(torch.nn.Module):
    """The explained number of a network, for sequences or for rows of all their cells."""

    def __init__(self, model, k):
        super().__init__()
        self.network, self.k = model.net_.module_, k

    def forward(self, x):
        logits = self.network(x.reshape(len(x), T, F).double())
        return (logits[:, self.k] - logits.mean(1))[:, None]


def of_captum(logit, explain, X, base, e):
    """Name, ours and theirs."""
    from captum import attr, metrics

    x, x0 = torch.from_numpy(X), torch.from_numpy(base)
    sets = torch.from_numpy(random_sets(T * F, SAMPLES, drawn()).reshape(-1, T, F))

    def replace(inputs, baselines=None):
        change = torch.where(sets.repeat(len(inputs) // SAMPLES, 1, 1), inputs - x0, 0.0)
        return change, inputs - change

    slopes = torch.from_numpy(e.values) / (x - x0)
    theirs = metrics.infidelity(logit, replace, x, slopes, n_perturb_samples=SAMPLES)
    options = {"background": base, "n_samples": SAMPLES, "random_state": SEED}
    yield "infidelity", infidelity(explain.model, X, e, **options).rows, theirs.detach().numpy()

    draws = np.random.default_rng(drawn())
    copies = np.stack([changed(X, 0.1, draws) for _ in range(SAMPLES)], axis=1)

    def values_of(inputs):
        [array] = (one.numpy() for one in inputs)
        return (torch.from_numpy(explain(explain.model, array).values),)

    theirs = metrics.sensitivity_max(
        values_of,
        (x,),
        lambda inputs, radius: (torch.from_numpy(copies.reshape(-1, T, F)),),
        n_perturb_samples=SAMPLES,
    )
    options = {"radius": 0.1, "n_samples": SAMPLES, "random_state": SEED}
    yield "max_sensitivity", max_sensitivity(explain.model, X, explain, **options).rows, theirs

    half = e._replace(values=e.values / 2)  # with a gap
    convergence = attr.IntegratedGradients(logit).compute_convergence_delta
    theirs = convergence(torch.from_numpy(half.values), x0, x, target=0).abs().numpy()
    yield "additivity_gap", additivity_gap(half).rows, theirs


def of_quantus(logit, explain, X, base, e):
    """Name, ours and theirs."""
    import quantus

    flat, values = X.reshape(N, 1, -1), e.values.reshape(N, 1, -1)
    plain = {"normalise": False, "disable_warnings": True, "display_progressbar": False}
    given = {"model": logit, "x_batch": flat, "y_batch": np.zeros(N, dtype=int)}
    measure = quantus.Sparseness(abs=True, **plain)
    yield "sparseness", sparseness(e).rows, measure(**given, a_batch=values.copy())

    truth = np.zeros((T, F), dtype=bool)
    truth[4:] = True
    masks = np.broadcast_to(truth.reshape(1, 1, -1), values.shape)
    measure = quantus.AUC(abs=True, **plain)
    theirs = measure(**given, a_batch=values.copy(), s_batch=masks)
    yield "ground_truth_auc", ground_truth_auc(e, truth).rows, theirs

    # Theirs go down from the largest value, ours in the direction of the output.
    sign = np.sign(e.output_values - e.base_values)[:, None, None]
    ends = flat, np.broadcast_to(base.reshape(1, 1, -1), flat.shape)
    options = {"background": base, "n_steps": T * F, "random_state": SEED}
    for ours, (row, other) in ((deletion_curve, ends), (insertion_curve, ends[::-1])):
        replace = partial(replaced, other.reshape(N, -1))
        measure = quantus.PixelFlipping(perturb_func=replace, **plain)
        theirs = measure(**given | {"x_batch": row}, a_batch=sign * values, softmax=False)
        yield ours.__name__, ours(explain.model, X, e, **options).curves[:, 1:], theirs


def replaced(other, arr, indices, **options):
    """Of each row some cells, by those of another row."""
    arr, rows = arr.copy(), np.arange(len(arr))[:, None]
    arr[rows, indices] = other[rows, indices]
    return arr


def main():
    """Print a line for each measure."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, T, F))
    y = np.digitize(X[:, 4, 1] + X[:, 2, 0], [-0.7, 0.7])
    model = LSTMClassifier(8, max_epochs=20, random_state=0).fit(X, y)
    rows, base = X[:N], X[100:101]
    explain = partial(explain_shap, background=base, target=1)
    explain.model = model
    e = explain(model, rows)
    for library, lines in (("captum", of_captum), ("quantus", of_quantus)):
        if find_spec(library) is None:
            print(f"{library} is not installed")
            continue
        print(f"\n{library} {version(library):20s}{'largest':>10s}{'difference':>12s}")
        for name, ours, theirs in lines(Logit(model, 1).eval(), explain, rows, base, e):
            theirs = np.asarray(theirs, dtype=np.float64).reshape(np.shape(ours))
            largest, difference = np.abs(ours).max(), np.abs(ours - theirs).max()
            print(f"{name:{len(library) + 21}s}{largest:10.4f}{difference:12.1e}")


if __name__ == "__main__":
    main()
