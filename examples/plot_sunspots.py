"""
====================================
Sunspots: how much data is enough?
====================================

One short series, a number per year since 1700. This page forecasts the next year with
:class:`~sklstm.LSTMRegressor`, validates it in the order of time, and puts two baselines beside it.
The answer depends on how many years there are to learn from.
"""

# %%
# A series as a table
# -------------------
# The activity of the sun rises and falls in about 11 years. A row holds 11 years, and the target
# is the year after them: :func:`~sklstm.preprocessing.make_windows` cuts them, and says in which
# row of the series each window ends. Its windows have three axes, the last for the features. Here
# there is one, so that a 2-D ``X`` will do: each column is one time step of a single feature.

import numpy as np

from sklstm.datasets import load_sunspots
from sklstm.preprocessing import make_windows

YEARS = 11

sun = load_sunspots()
windows, y, last_row = make_windows(sun.data, lookback=YEARS)
X = windows[:, :, 0]
year = sun.timestamps[last_row + 1]

past = slice(0, sun.split[1] - YEARS)  # for validation
future = slice(sun.split[1] - YEARS, None)  # for the last test
print("validation:", year[past][0], "to", year[past][-1])
print("last test: ", year[future][0], "to", year[future][-1])

# %%
# Two models and a rule
# ---------------------
# *Persistence* says that next year is like this year. *Ridge* is a linear model of the 11 years.
# The LSTM has its default settings, but for half the epochs: the series is noisy. Nothing is set
# aside for early stopping, which would cost rows that are few already.

from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMRegressor

ridge = make_pipeline(StandardScaler(), Ridge())


def rmse(forecast, measured):
    """Root mean squared error."""
    return np.sqrt(np.mean((forecast - measured) ** 2))


# %%
# Folds in the order of time
# --------------------------
# :class:`~sklstm.model_selection.WindowSplit` trains on the beginning and tests on what follows,
# with more training rows in each fold. The LSTM is fitted with five seeds in each fold:
# with few rows, the seed alone makes a difference.

from sklstm.model_selection import WindowSplit

SEEDS = range(5)

folds = list(WindowSplit(5, horizon=1).split(X[past]))
rows = np.arange(len(X))
folds.append((rows[past], rows[future]))
sizes = [len(train) for train, _ in folds]

errors = {"persistence": [], "ridge": [], "LSTM": []}
for train, test in folds:
    errors["persistence"].append([rmse(X[test, -1], y[test])])
    lstms = [LSTMRegressor(max_epochs=15, random_state=seed) for seed in SEEDS]
    models = {"ridge": [ridge], "LSTM": lstms}
    for name in models:
        fits = [model.fit(X[train], y[train]) for model in models[name]]
        forecasts = [model.predict(X[test]) for model in fits]
        errors[name].append([rmse(forecast, y[test]) for forecast in forecasts])

means = {name: [np.mean(v) for v in values] for name, values in errors.items()}
print("training years  ", *(f"{size:6}" for size in sizes))
for name, values in means.items():
    print(f"RMSE {name:12}", *(f"{value:6.1f}" for value in values))

# %%
import matplotlib.pyplot as plt

STYLES = {
    "persistence": {"color": "#777777", "linestyle": ":", "marker": "s"},
    "ridge": {"color": "#E69F00", "linestyle": "--", "marker": "^"},
    "LSTM": {"color": "#0072B2", "linestyle": "-", "marker": "o"},
}

fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for name, values in means.items():
    ax.plot(sizes, values, label=name, **STYLES[name])
ax.fill_between(
    sizes,
    [min(v) for v in errors["LSTM"]],
    [max(v) for v in errors["LSTM"]],
    color=STYLES["LSTM"]["color"],
    alpha=0.2,
    label="LSTM, five seeds",
)
ax.set(
    xlabel="years to train on",
    ylabel="RMSE (sunspot number)",
    ylim=(0, None),
)
ax.grid(alpha=0.3)
ax.legend()
plt.show()

# %%
# With the fewest years the LSTM is behind ridge: it has many more weights than there are rows. With
# more years it is ahead, by more than its seeds differ.
#
# Persistence wins where the cycles are at their weakest, because little changes from year to year.
# It does worst in the last point, whose years have the strongest cycles of the whole series.
#
# So on a short series, fit the linear model first. It costs nothing, and where rows are few it is
# the better one.

# %%
# The test years
# --------------

forecasts = {
    "ridge": ridge.fit(X[past], y[past]).predict(X[future]),
    "LSTM": LSTMRegressor(max_epochs=15, random_state=0).fit(X[past], y[past]).predict(X[future]),
}
fig, ax = plt.subplots(figsize=(9, 4), layout="constrained")
ax.plot(year[future], y[future], color="black", linewidth=2.5, label="measured")
for name, forecast in forecasts.items():
    style = {key: STYLES[name][key] for key in ("color", "linestyle")}
    ax.plot(year[future], forecast, label=name, **style)
ax.set(
    xlabel="year",
    ylabel="sunspot number",
    title="Forecasts one year ahead",
)
ax.grid(alpha=0.3)
ax.legend(ncols=3, loc="upper right")
plt.show()
