"""Whether the ranking of evaluate_explanation is the true one, where the truth is known.

For made data with planted cells, genes and motifs: the explanations in the order of the table, with
their faithfulness and the area under the ROC curve of the truth. Run it with ``python
benchmarks/trust.py``, or with the names of sets, ``cells``, ``genes`` or ``motifs``.
"""

import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.datasets import make_expression_profiles, make_motif_sequences
from sklstm.explain import explain_gradients, explain_lime, explain_shap
from sklstm.metrics import evaluate_explanation, ground_truth_auc
from sklstm.preprocessing import SequenceOneHotEncoder

N, BACKGROUND = 30, 25


def cells(seed):
    """A sum of three cells of 36."""
    X = np.random.default_rng(seed).normal(size=(800, 9, 4))
    truth = np.zeros((9, 4), dtype=bool)
    truth[4, 1] = truth[2, 0] = truth[7, 2] = True
    model = LSTMRegressor(16, random_state=seed).fit(
        X, 2 * X[:, 4, 1] + X[:, 2, 0] - 1.5 * X[:, 7, 2]
    )
    return model, X, truth, "cell"


def genes(seed):
    """Three genes of eight pulse one after the other."""
    data = make_expression_profiles(500, 16, 8, random_state=seed)
    model = LSTMClassifier(16, random_state=seed).fit(data.data, data.target)
    return model, data.data, np.isin(np.arange(8), data.informative_genes), "feature"


def motifs(seed):
    """Six letters of 24, where the class is the one that has them."""
    data = make_motif_sequences(800, 24, random_state=seed)
    X = np.array(SequenceOneHotEncoder("ACGT").fit_transform(data.data))
    model = LSTMClassifier(16, random_state=seed).fit(X, data.target)
    steps, starts = np.arange(24), data.motif_start
    fixed = np.flatnonzero(np.array(list("TGA.TCA")) != ".")
    truth = (steps[None, :, None] == starts[:, None, None] + fixed).any(axis=2)
    found = (starts >= 0) & (model.predict(X) == data.target)
    background = X[data.target == 0]
    return model, np.concatenate([X[found][:N], background]), truth[found][:N], "timestep"


def table(make, seed):
    """Faithfulness and truth of several explanations."""
    model, X, truth, level = make(seed)
    rows, background = X[:N], X[-BACKGROUND:]
    options = {"background": background, "level": level}
    deep = explain_shap(model, rows, **options)
    noise = np.random.default_rng([seed, 1]).normal(size=deep.values.shape) * deep.values.std()
    explanations = {
        "deep": deep,
        "integrated gradients": explain_gradients(
            model, rows, method="integrated", background=background
        ).by(level),
        "LIME": explain_lime(model, rows, **options, random_state=0),
        "deep, a little noise": deep._replace(values=deep.values + noise / 2),
        "deep, much noise": deep._replace(values=deep.values + 3 * noise),
        "noise": deep._replace(values=noise),
    }
    result = evaluate_explanation(model, rows, explanations, background=background, random_state=0)
    print(f"\n{make.__name__}, seed {seed}: {result.reason}")
    for name in result.table.index[:-1]:
        auc = ground_truth_auc(explanations[name], truth)
        line = result.table.loc[name]
        print(
            f"{name:24s}{line['faithfulness']:8.2f} ± {line['faithfulness_error']:.2f}"
            f"{line['infidelity']:10.2f}{auc.value:9.3f} ± {auc.standard_error:.3f}",
            flush=True,
        )


def main():
    """Print a table for each set."""
    torch.set_num_threads(1)
    print(f"{'':24s}{'faithfulness':>15s}{'infidelity':>12s}{'truth (AUC)':>14s}")
    sets = {"cells": cells, "genes": genes, "motifs": motifs}
    for name in sys.argv[1:] or sets:
        table(sets[name], 0)


if __name__ == "__main__":
    main()
