"""
===================================
Rare events: which alarm is enough?
===================================

One machine in 25 has a fault. A model that never sees any is right 96 % of the time, so that
accuracy says nothing. This page shows what ``class_weight="balanced"`` of
:class:`~sklstm.LSTMClassifier` changes, what it does not change, and how to set the alarm by what a
missed fault costs.
"""

# %%
# The machines
# ------------
# Two sensors on each machine, 30 time steps. Alone, each looks like noise. A fault shakes both of
# them together for ten steps, at any time. The recordings are made; in 1200 of them there are
# some 50 faults to learn from.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd


def record(n_machines, rng):
    """Recordings of shape (n, 30, 2), and which of them hold a fault."""
    X = rng.normal(size=(n_machines, 30, 2))
    faulty = rng.random(n_machines) < 0.04
    for row in np.flatnonzero(faulty):
        start = rng.integers(0, 20)
        X[row, start : start + 10] += 1.1 * rng.normal(size=(10, 1))
    return X, faulty


rng = np.random.default_rng(0)
X, y = record(1200, rng)
X_test, y_test = record(2500, rng)
print(f"training: {y.sum()} faults in {len(y)}; test: {y_test.sum()} in {len(y_test)}")

# %%
# With weights and without
# ------------------------
# *balanced* makes the few faults weigh as much as all the rest. Recall is the share of the faults
# that raise an alarm, precision the share of the alarms that are faults.

from sklearn.metrics import accuracy_score, average_precision_score, precision_score, recall_score

from sklstm import LSTMClassifier

models = {
    "no weights": LSTMClassifier(hidden_size=16, max_epochs=12, random_state=0),
    "balanced": LSTMClassifier(
        hidden_size=16, max_epochs=12, class_weight="balanced", random_state=0
    ),
}
rows = {"never alarm": {"accuracy": 1 - y_test.mean(), "recall": 0}}
for name, model in models.items():
    proba = model.fit(X, y).predict_proba(X_test)[:, 1]
    alarm = proba > 0.5
    rows[name] = {
        "accuracy": accuracy_score(y_test, alarm),
        "recall": recall_score(y_test, alarm),
        "precision": precision_score(y_test, alarm),
        "mean probability": proba.mean(),
        "average precision": average_precision_score(y_test, proba),
    }
print(pd.DataFrame(rows).T.round(3))

# %%
# With weights, more faults are found, at the price of more false alarms. The average precision,
# which asks how well faults are ranked before the others at *any* threshold, changes little in
# comparison. And the probabilities are no longer those of the machines: their mean should be
# 0.04. For the most part, weights move the threshold. That can be done directly.

# %%
# The alarm that is worth its price
# ---------------------------------
# A fault that is missed costs as much as 20 inspections for nothing.
# ``TunedThresholdClassifierCV`` of scikit-learn finds the threshold with the lowest cost in
# cross-validation, on the training rows alone.

from sklearn.metrics import make_scorer
from sklearn.model_selection import TunedThresholdClassifierCV


def saved(y_true, alarm):
    """Cost of false alarms and of missed faults, in inspections, with a minus sign."""
    return -(np.sum(alarm & ~y_true) + 20 * np.sum(~alarm & y_true))


tuned = TunedThresholdClassifierCV(models["no weights"], scoring=make_scorer(saved), cv=2)
tuned.fit(X, y)
print(f"alarm from a probability of {tuned.best_threshold_:.3f}")
for name, model in {**models, "tuned": tuned}.items():
    print(f"{name:10}  cost {-saved(y_test, model.predict(X_test)):4d} inspections")
print(f"never alarm  cost {20 * y_test.sum():4d}")

# %%
# All thresholds at once, and where the three models stand:

from sklearn.metrics import precision_recall_curve

COLORS = {"no weights": "#0072B2", "balanced": "#D55E00", "tuned": "#009E73"}

fig, ax = plt.subplots(figsize=(8, 4.5), layout="constrained")
for name, model in models.items():
    precision, recall, _ = precision_recall_curve(y_test, model.predict_proba(X_test)[:, 1])
    ax.plot(recall, precision, color=COLORS[name], alpha=0.7)
for name, model in {**models, "tuned": tuned}.items():
    alarm = model.predict(X_test)
    place = recall_score(y_test, alarm), precision_score(y_test, alarm)
    ax.plot(*place, "o", markersize=11, color=COLORS[name], label=name)
ax.axhline(y_test.mean(), color="black", linewidth=0.8, linestyle=":", label="alarm at random")
ax.set(xlabel="recall: faults that raise an alarm", ylabel="precision: alarms that are faults")
ax.legend(loc="lower left")
plt.show()

# %%
# The points are three choices. Weights save much beside an alarm from a probability of one half,
# and a threshold that was set by the costs saves most. It leaves the probabilities what they are,
# and is moved without another fit when the costs change. Weights are a help where nothing is
# known of the costs, and where the few would otherwise teach the network nothing at all.
