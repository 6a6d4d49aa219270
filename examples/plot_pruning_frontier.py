"""
====================================
How small can the network be
====================================

A network that predicts well is rarely the smallest one that does. This page makes a forecast of the
temperature smaller in several ways, and draws what each of them costs: the score, the predictions
that change, and the explanations that change.
"""

# %%
# The network
# -----------
# The temperature in New York an hour ahead, from twelve hours of weather: 900 windows to learn
# from, 300 to test on.

import matplotlib.pyplot as plt

from sklstm import LSTMRegressor
from sklstm.datasets import load_nyc_weather
from sklstm.preprocessing import make_windows

table = load_nyc_weather(as_frame=True).frame[["temp", "dewp", "humid", "pressure"]].ffill()
X, y, _ = make_windows(table.to_numpy(), 12, 1, target=0)
y = y.ravel()
X_train, y_train, X_test, y_test = X[:900], y[:900], X[900:1200], y[900:1200]
model = LSTMRegressor(hidden_size=48, max_epochs=10, random_state=0).fit(X_train, y_train)
print(f"R² on the hours that follow: {model.score(X_test, y_test):.3f}")

# %%
# Smaller ones
# ------------
# Hidden units go by their magnitude. Ten epochs follow in which the smaller network learns to
# answer as the large one does; it needs rows for that, and no targets. One more is trained on the
# targets instead, one keeps its size and has weights of 8 bits, and the last is a small network
# that was trained from the start.

from sklearn.base import clone

from sklstm.simplify import compare, prune, quantize

smaller = {
    f"{units} units": prune(model, X_train, fraction=1 - units / 48, epochs=10, random_state=0)
    for units in (32, 16, 8, 4, 2)
}
smaller["16, on targets"] = prune(model, X_train, y_train, fraction=2 / 3, epochs=10)
smaller["8 bits"] = quantize(model)
smaller["16, from the start"] = clone(model).set_params(hidden_size=16).fit(X_train, y_train)

comparison = compare(model, smaller, X_test, y_test, n_explained=20, n_repeats=10, random_state=0)
print(comparison)

# %%
# The frontier
# ------------
# Each column is another price. The line in the first row goes through the networks that no other
# beats in price and score: a third of the units forecasts as well as all of them. The last row
# tells whether a smaller network weighs the hours as the large one does. Of the networks of 16
# units, the one that learned to answer as the large one explains its forecasts nearly as that did;
# the one that was trained further on the targets forecasts as well, for other reasons.

comparison.plot(plt.subplots(figsize=(9, 6), layout="constrained")[1])
plt.show()

print("not beaten in parameters:", ", ".join(comparison.frontier()))
print("not beaten in bytes:", ", ".join(comparison.frontier("pickle_bytes")))
