"""
=====================================
Which genes answer, and in what order
=====================================

A short course of gene expression has few time steps and many genes, and often not the level of a
gene tells something but the order in which genes come on. This page makes such data, with a truth
that is known, trains :class:`~sklstm.LSTMClassifier` on them and asks it which genes it looked at.
"""

# %%
# The data
# --------
# 600 cultures, 10 genes, 24 time steps. In every culture three of the genes show one pulse. In a
# responder they follow each other, two steps apart; in a control they come at unrelated times. The
# course of each single gene looks the same in both classes.

import matplotlib.pyplot as plt
import numpy as np

from sklstm.datasets import make_expression_profiles

cultures = make_expression_profiles(random_state=0)
X, y = cultures.data, cultures.target
train, test = slice(0, 420), slice(420, 600)
print("X:", X.shape, " genes of the cascade, in order:", cultures.informative_genes)

fig, axes = plt.subplots(1, 2, figsize=(9, 3.2), sharey=True, layout="constrained")
for ax, kind in zip(axes, (1, 0), strict=True):
    culture = X[np.flatnonzero(y == kind)[0]]
    ax.plot(culture, color="#CCCCCC", linewidth=1)
    for gene, color in zip(
        cultures.informative_genes, ("#0072B2", "#D55E00", "#009E73"), strict=True
    ):
        ax.plot(culture[:, gene], color=color, linewidth=2, label=f"gene {gene}")
    ax.set(title=f"one {cultures.target_names[kind]}", xlabel="time step")
axes[0].set(ylabel="log2 fold change")
axes[0].legend(frameon=False)
plt.show()

# %%
# Four classifiers
# ----------------
# A linear model on the flattened courses has nothing to go by: no cell, and no weighted sum of
# cells, differs between the classes on average. A forest can compare two cells, one split after the
# other, but would have to learn every pair of times for itself. The LSTM reads the courses in their
# order. The last forest is told what to look for: the time between the peaks of each pair of genes.

from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMClassifier

rows = X.reshape(len(X), -1)
linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
forest = RandomForestClassifier(300, random_state=0)
told = RandomForestClassifier(300, random_state=0)
peaks = X.argmax(axis=1)
first, second = np.triu_indices(X.shape[2], k=1)
lags = peaks[:, second] - peaks[:, first]
lstm = LSTMClassifier(random_state=0)
for name, model, data in (
    ("logistic regression", linear, rows),
    ("random forest", forest, rows),
    ("LSTM", lstm, X),
    ("forest on lags", told, lags),
):
    model.fit(data[train], y[train])
    print(f"{name:20} accuracy {model.score(data[test], y[test]):.3f}")

# %%
# The LSTM was told nothing, and is about as good as the forest that was told everything.
#
# Which genes
# -----------
# The series of one gene is exchanged between the cultures: if the network rests on it, its accuracy
# falls. The genes of the cascade stand out, and no other.

result = lstm.explain_permutation(X[test], y[test], level="feature", n_repeats=10, random_state=0)
truth = np.isin(np.arange(X.shape[2]), cultures.informative_genes)

fig, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
ax.bar(
    np.arange(X.shape[2]),
    result.importances_mean,
    yerr=result.importances_std,
    color=np.where(truth, "#0072B2", "#CCCCCC"),
)
ax.axhline(0, color="black", linewidth=0.8)
ax.set(
    xticks=np.arange(X.shape[2]),
    xlabel="gene (blue: of the cascade)",
    ylabel="accuracy lost when exchanged",
)
plt.show()
