"""
================================================
A search and an explanation on a cluster of Dask
================================================

The fits of a search do not wait for each other, and neither do the rows of an explanation. joblib
hands both to the workers of a Dask cluster, on this machine or on others.
"""

# %%
# A cluster
# ---------
# Here it is two workers on this machine, threads of this process. On machines of your own it is
# ``Client("first-machine:8786")``, after ``dask scheduler`` there and ``dask worker`` on each; the
# rest of the page stays as it is. In a script, ``LocalCluster(n_workers=2)`` starts two worker
# processes; it belongs behind ``if __name__ == "__main__":``.

import joblib
import numpy as np
from dask.distributed import Client, LocalCluster

cluster = LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0")
client = Client(cluster)
print(f"{len(client.scheduler_info()['workers'])} workers")

# %%
# A search
# --------
# Utterances of nine speakers. Six candidates on three folds, and a fit of the best on all rows.

from sklearn.model_selection import GridSearchCV, StratifiedKFold

from sklstm import LSTMClassifier
from sklstm.datasets import load_japanese_vowels

X, y = load_japanese_vowels(return_X_y=True)
X_test, y_test = load_japanese_vowels(return_X_y=True, subset="test")
model = LSTMClassifier(bidirectional=False, batch_size=45, max_epochs=9, random_state=0)
candidates = {"hidden_size": [8, 16], "learning_rate": [0.003, 0.01, 0.03]}
folds = StratifiedKFold(3, shuffle=True, random_state=0)  # the utterances are sorted by speaker
search = GridSearchCV(model, candidates, cv=folds)

with joblib.parallel_config(backend="dask"):
    search.fit(X, y)
print(search.best_params_, f"test accuracy {search.score(X_test, y_test):.3f}")

# %%
# What the best one looks at
# --------------------------
# Importance of the twelve coefficients of the spectrum, each exchanged ten times between the
# utterances of the test set. A coefficient is a task.

with joblib.parallel_config(backend="dask"):
    importance = search.best_estimator_.explain_permutation(
        X_test, y_test, n_repeats=10, random_state=0
    )
client.close()
cluster.close()

import matplotlib.pyplot as plt

order = np.argsort(importance.importances_mean)
fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.barh(
    np.array(importance.player_names)[order],
    importance.importances_mean[order],
    xerr=importance.importances_std[order],
    color="#0072B2",
)
ax.set(xlabel="accuracy lost when it is exchanged", title="Coefficients of the spectrum")
plt.show()

# %%
# The numbers are those of a single process: every candidate has its own seed, and every row and
# player of an explanation is computed by itself.
