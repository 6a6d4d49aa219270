"""
=====================
El Niño, months ahead
=====================

Every few years the sea off the coast of Peru gets much warmer than usual. This page forecasts its
temperature 1, 3 and 6 months ahead with :class:`~sklstm.LSTMRegressor`, from sixty years of monthly
means. The forecasts beside it are simple and strong, and which one is best depends on the years.
"""

# %%
# The sea
# -------
# One row per month, and beside the temperature the time of the year as a point on a circle, where
# December is next to January.

import numpy as np

from sklstm.datasets import load_el_nino

sea = load_el_nino(as_frame=True)
season = 2 * np.pi * (sea.frame.index.month - 1) / 12
table = sea.frame.assign(season_sin=np.sin(season), season_cos=np.cos(season))
sst = table["sst"]
print(table.head(3).round(2))

# %%
# Windows of two years, and the temperatures of the six months after each. Months have 28 to 31
# days: :func:`~sklstm.preprocessing.make_windows` takes them for regular steps, and a missing month
# for a break. The target is the change since the last month of the window.

from sklstm.preprocessing import make_windows

LOOKBACK, HORIZONS = 24, [1, 3, 6]  # months

X, y, origin = make_windows(table, LOOKBACK, horizon=max(HORIZONS), target="sst")
now = X[:, -1, :1]
y = y[:, [h - 1 for h in HORIZONS]] - now
print("X:", X.shape, " y:", y.shape)

# %%
# Folds in the order of time
# --------------------------
# Four folds of six years, each with all years before it for training. The test part is the last
# twelve years. All settings on this page were chosen by the folds.

from sklstm.model_selection import WindowSplit

test_start = sst.index[sea.split[1]]
test = np.flatnonzero(origin >= test_start)
past = np.arange(test[0] - max(HORIZONS))  # no target lies in the test part
cv = WindowSplit(4, horizon=max(HORIZONS), test_size=72)
splits = [*cv.split(X[past]), (past, test)]
for train, rows in splits:
    print(
        f"trained on windows up to {origin[train[-1]]:%B %Y},",
        f"tested on {origin[rows[0]]:%B %Y} to {origin[rows[-1]]:%B %Y}",
    )

# %%
# Five forecasts
# --------------
# * *Persistence*: as warm as this month.
# * *Seasonal mean*: as warm as that month of the year was in the training years.
# * *Same deviation*: as far from the seasonal mean as this month is.
# * *Ridge*: a linear model of the window, with a penalty for each horizon.
# * *LSTM*: the mean of five networks that differ in their seed. With some hundred rows to learn
#   from the seed makes a difference, and the mean depends on it less.

from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklstm import LSTMRegressor

SEEDS = range(5)


def flatten(X):
    """One row per window."""
    return X.reshape(len(X), -1)


def seasonal_means(train, rows):
    """Means of the training years: for this month, and for those that are forecast."""
    known = sst[: origin[train[-1]]]
    mean = known.groupby(known.index.month).mean()
    month = origin[rows].month
    here, *ahead = [mean.loc[(month + h - 1) % 12 + 1].to_numpy() for h in [0, *HORIZONS]]
    return here[:, None], np.stack(ahead, axis=1)


def forecast(train, rows):
    """Change that each model forecasts for some rows."""
    here, ahead = seasonal_means(train, rows)
    ridge = make_pipeline(FunctionTransformer(flatten), StandardScaler(), Ridge([10, 30, 100]))
    changes = {
        "persistence": np.zeros_like(ahead),
        "seasonal mean": ahead - now[rows],
        "same deviation": ahead - here,
        "ridge": ridge.fit(X[train], y[train]).predict(X[rows]),
    }
    for seed in SEEDS:
        lstm = LSTMRegressor(max_epochs=8, random_state=seed)
        changes[f"LSTM {seed}"] = lstm.fit(X[train], y[train]).predict(X[rows])
    changes["LSTM"] = np.mean([changes[f"LSTM {seed}"] for seed in SEEDS], axis=0)
    return changes


forecasts = {}
for train, rows in splits:
    for name, change in forecast(train, rows).items():
        forecasts.setdefault(name, np.full(y.shape, np.nan))[rows] = change

# %%
# The errors
# ----------
# In all folds together; in the folds without the two great El Niños, those of 1982 and 1997; and in
# the test part.

import pandas as pd

great = (origin >= "1982-04") & (origin < "1983-11")
great |= (origin >= "1996-12") & (origin < "1998-07")
tested = np.concatenate([rows for _, rows in splits[:-1]])
parts = {
    "folds": tested,
    "folds without the two": tested[~great[tested]],
    "test part": test,
}
errors = {}
for part, rows in parts.items():
    rmse = {
        name: np.sqrt(np.mean((change[rows] - y[rows]) ** 2, axis=0))
        for name, change in forecasts.items()
    }
    errors[part] = pd.DataFrame(rmse, index=[f"{h} ahead" for h in HORIZONS]).T
    print(f"RMSE in °C, months ahead, {part}")
    print(errors[part].round(2), "\n")

# %%
import matplotlib.pyplot as plt

STYLES = {
    "seasonal mean": {"color": "#009E73", "linestyle": "-.", "marker": "D"},
    "same deviation": {"color": "#777777", "linestyle": ":", "marker": "s"},
    "ridge": {"color": "#E69F00", "linestyle": "--", "marker": "^"},
    "LSTM": {"color": "#0072B2", "linestyle": "-", "marker": "o"},
}

fig, axes = plt.subplots(1, 3, figsize=(9, 3.8), sharey=True, layout="constrained")
for ax, (part, table) in zip(axes, errors.items(), strict=True):
    for name, style in STYLES.items():
        ax.plot(HORIZONS, table.loc[name], label=name, **style)
    ax.set(title=part, xlabel="months ahead", xticks=HORIZONS, ylim=(0, None))
    ax.grid(alpha=0.3)
axes[0].set_ylabel("RMSE (°C)")
fig.legend(*ax.get_legend_handles_labels(), ncols=4, loc="outside lower center", frameon=False)
plt.show()

# %%
# Persistence is off the chart: half a year later it forecasts summer for winter.
#
# One month ahead the LSTM, ridge and the same deviation are nearly level. Three months ahead they
# are level in the folds, and the LSTM is the best of all without the two great El Niños. At six
# months it and ridge take turns. The test part has another winner: from three months on, the
# seasonal mean is ahead of all models. These years have no great El Niño. Without the two, the
# seasonal mean is much better in the folds, too, though no better than the LSTM.
#
# So twelve years of test do not settle which forecast is the best one. They contain what happened
# in them, and what matters most here happens once in fifteen.

# %%
# The years
# ---------
# Each point was forecast three months before, by models that were trained on the years before its
# fold. The deviations are those from the seasonal mean before the test part.

usual = sst[:test_start].groupby(sst[:test_start].index.month).mean()
column = HORIZONS.index(3)

fig, ax = plt.subplots(figsize=(9, 4), layout="constrained")
for part, rows in {"folds": tested, "test part": test}.items():
    time = origin[rows] + pd.DateOffset(months=HORIZONS[column])
    normal = usual.loc[time.month].to_numpy()
    lines = {
        "measured": y[rows, column],
        "LSTM, 3 months ahead": forecasts["LSTM"][rows, column],
    }
    for label, change in lines.items():
        style = {"color": "black", "linewidth": 2} if label == "measured" else {"color": "#0072B2"}
        ax.plot(time, now[rows, 0] + change - normal, label=label, **style)
    if part == "folds":
        fig.legend(ncols=2, loc="outside lower center", frameon=False)
ax.axvline(test_start, color="#777777", linestyle=":")
ax.annotate("test part", (test_start, 4.5), xytext=(5, 0), textcoords="offset points")
ax.set(ylabel="deviation from the season (°C)")
ax.margins(x=0.01)
ax.grid(alpha=0.3)
plt.show()

# %%
# The LSTM recognises an El Niño once it has begun. The beginning it does not see.
