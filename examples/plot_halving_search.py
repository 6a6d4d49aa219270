"""
==========================================
Searching parameters at a part of the cost
==========================================

A grid search trains every candidate to the end, also those that were hopeless after three
epochs.
scikit-learn's ``HalvingRandomSearchCV`` gives all candidates few epochs, the better third of them
three times as many, and so on. This page compares the two on the same candidates.
"""

# %%
# The candidates
# --------------
# Utterances of nine speakers. The one resource that is handed out is ``max_epochs``: with the
# learning rate rising and falling within a fit, a short fit is a small whole one, not the beginning
# of a long one.

import time

from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingRandomSearchCV, StratifiedKFold

from sklstm import LSTMClassifier
from sklstm.datasets import load_japanese_vowels

EPOCHS = 27

X, y = load_japanese_vowels(return_X_y=True)
X_test, y_test = load_japanese_vowels(return_X_y=True, subset="test")
candidates = {
    "hidden_size": [8, 16, 32],
    "learning_rate": [0.001, 0.01, 0.1],
}
model = LSTMClassifier(bidirectional=False, batch_size=45, max_epochs=EPOCHS, random_state=0)
folds = StratifiedKFold(3, shuffle=True, random_state=0)  # the utterances are sorted by speaker

# %%
# Two searches
# ------------
# The halving search draws nine of the nine candidates, so that both see the same.

grid = GridSearchCV(model, candidates, cv=folds)
halving = HalvingRandomSearchCV(
    model,
    candidates,
    resource="max_epochs",
    min_resources=3,
    max_resources=EPOCHS,
    n_candidates=9,
    factor=3,
    cv=folds,
    random_state=0,
)
seconds = {}
for name, search in (("grid", grid), ("halving", halving)):
    begin = time.perf_counter()
    search.fit(X, y)
    seconds[name] = time.perf_counter() - begin

epochs = {
    "grid": EPOCHS * 9,
    "halving": sum(n * r for n, r in zip(halving.n_candidates_, halving.n_resources_, strict=True)),
}
print("search    epochs per fold  seconds  test accuracy  best candidate")
for name, search in (("grid", grid), ("halving", halving)):
    best = {key: value for key, value in search.best_params_.items() if key != "max_epochs"}
    accuracy = search.score(X_test, y_test)
    print(f"{name:8}  {epochs[name]:15}  {seconds[name]:7.1f}  {accuracy:13.3f}  {best}")

# %%
# Where the epochs went
# ---------------------
# Each line is a candidate, with its accuracy in cross-validation after each of its fits. The grid
# search trains all nine to the right end.

import matplotlib.pyplot as plt
import pandas as pd

fits = pd.DataFrame(halving.cv_results_)
fits["candidate"] = [f"{p['hidden_size']} units, rate {p['learning_rate']}" for p in fits["params"]]
order = fits.groupby("candidate")["n_resources"].max().sort_values(kind="stable").index

fig, ax = plt.subplots(figsize=(8, 4), layout="constrained")
for candidate in order:
    own = fits[fits["candidate"] == candidate].sort_values("n_resources")
    last = own["n_resources"].iloc[-1]
    kept = last == EPOCHS
    ax.plot(
        own["n_resources"],
        own["mean_test_score"],
        color="#0072B2" if kept else "#BBBBBB",
        marker="o",
        label=candidate if kept else None,
    )
ax.set_xscale("log", base=3)
ax.set_xticks(halving.n_resources_, halving.n_resources_)
ax.set(xlabel="epochs of each fit", ylabel="accuracy, cross-validated")
ax.legend(loc="lower right")
plt.show()

# %%
# Both searches end at the same candidate; the halving search trained a third as many epochs. A
# candidate that starts slowly may be dropped too early: give the first round enough epochs to tell
# good from bad. ``warm_start`` saves nothing here, because every fit is a clone.
