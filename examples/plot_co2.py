"""
========================
CO2: a series that grows
========================

The air over Mauna Loa, Hawaii, holds more CO2 every year. This page forecasts it 26 weeks ahead
with :class:`~sklstm.LSTMRegressor`. Two things need care first: weeks without a measurement, and
values higher than any before.
"""

# %%
# Missing weeks
# -------------
# One row per week. In the first decades some weeks are missing, up to 18 in a row.

import numpy as np
import pandas as pd

from sklstm.datasets import load_mauna_loa_co2

air = load_mauna_loa_co2(as_frame=True)
missing = air.frame["co2"].isna()
print(f"{len(missing)} weeks, {missing.sum()} of them missing, the last in", end=" ")
print(f"{missing.index[missing][-1]:%B %Y}")

# %%
# There are three ways to deal with them.
#
# * Leave them out. :func:`~sklstm.preprocessing.make_windows` cuts no window that spans a gap, so
#   that one missing week costs all windows that would contain it.
# * Interpolate. But a line drawn through a gap ends at the measurement behind it: half way through,
#   the model reads the future.
# * Carry the last measurement forward. It looks odd, but it is what was known in that week.
#
# This page carries forward what the model reads. It does not fill targets: forecasts are compared
# with measured weeks only.

from sklstm.preprocessing import make_windows

LOOKBACK, HORIZON = 52, 26  # weeks

season = 2 * np.pi * air.frame.index.day_of_year / 365.25
table = air.frame.ffill().assign(season_sin=np.sin(season), season_cos=np.cos(season))
X, y, origin = make_windows(table, LOOKBACK, HORIZON, target="co2")

target_week = origin + pd.Timedelta(weeks=HORIZON)
measured = ~missing[target_week].to_numpy()
X, y = X[measured], y[measured, -1]
origin, target_week = origin[measured], target_week[measured]

without_gaps, _, _ = make_windows(air.frame.dropna(), LOOKBACK, HORIZON)
print("windows, weeks left out: ", len(without_gaps))
print("windows, carried forward:", len(X))

# %%
# Folds in the order of time
# --------------------------
# Three folds of four years, for choosing the settings, and the test part, more than eight years. In
# each of them the values climb above all that were trained on.

from sklstm.model_selection import WindowSplit

test = np.flatnonzero(origin >= air.frame.index[air.split[1]])
past = np.arange(test[0] - HORIZON)
splits = [*WindowSplit(3, horizon=HORIZON, test_size=208).split(X[past]), (past, test)]
for train, rows in splits:
    print(
        f"trained on values up to {y[train].max():.0f} ppmv,",
        f"tested on {target_week[rows[0]]:%Y-%m} to {target_week[rows[-1]]:%Y-%m},",
        f"{y[rows].min():.0f} to {y[rows].max():.0f} ppmv",
    )

# %%
# Levels or changes
# -----------------
# *Levels*: the model reads the concentrations as they are and forecasts one. *Changes*: it reads
# how far each week is from the last week of the window, and forecasts the change from there.
# Changes have much the same range in all decades.
#
# Both ways go to a linear model and to the LSTM. The rules beside them need no training: no change,
# the value of last year, the change of last year.

from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklstm import LSTMRegressor

SEEDS = range(3)

now = X[:, -1, 0]
differences = X.copy()
differences[:, :, 0] -= now[:, None]


def flatten(X):
    """One row per window."""
    return X.reshape(len(X), -1)


def lstm(seed):
    """The network of this page."""
    return LSTMRegressor(
        hidden_size=32,
        pooling="last",
        dropout=0.0,
        lr_schedule="constant",
        batch_size=128,
        max_epochs=10,
        random_state=seed,
    )


def rules(rows):
    """Forecasts in ppmv that need no model."""
    one_year = pd.Timedelta(weeks=52)
    then, later = (table["co2"][t[rows] - one_year].to_numpy() for t in (origin, target_week))
    return {
        "persistence": now[rows],
        "value of last year": later,
        "change of last year": now[rows] + later - then,
    }


forecasts = {}
for train, rows in splits:
    ridge = make_pipeline(FunctionTransformer(flatten), StandardScaler(), Ridge(alpha=10))
    levels = {"ridge, levels": ridge, "LSTM, levels": lstm(seed=0)}
    changes = {"ridge, changes": ridge, **{f"LSTM, changes {seed}": lstm(seed) for seed in SEEDS}}
    result = rules(rows)
    for name, model in levels.items():
        result[name] = model.fit(X[train], y[train]).predict(X[rows])
    for name, model in changes.items():
        model.fit(differences[train], y[train] - now[train])
        result[name] = now[rows] + model.predict(differences[rows])
    for name, forecast in result.items():
        forecasts.setdefault(name, np.full(len(y), np.nan))[rows] = forecast

# %%
parts = {"folds": np.concatenate([rows for _, rows in splits[:-1]]), "test part": test}
errors = {
    part: {
        name: np.sqrt(np.mean((forecast[rows] - y[rows]) ** 2))
        for name, forecast in forecasts.items()
    }
    for part, rows in parts.items()
}
print("RMSE in ppmv")
print(pd.DataFrame(errors).round(2))

# %%
# Given levels, the LSTM is worse than persistence in the test part. Its hidden units are bounded,
# and it has learned nothing about values that it never saw. A linear model goes on in a straight
# line, so that ridge does not mind.
#
# Given changes, the LSTM and ridge are level, and ahead of the best rule: one seed of the LSTM is a
# little better, another a little worse. Ridge is the simpler choice.

# %%
import matplotlib.pyplot as plt

STYLES = {
    "change of last year": {"color": "#777777", "linestyle": ":"},
    "LSTM, levels": {"color": "#D55E00", "linestyle": "-."},
    "ridge, changes": {"color": "#E69F00", "linestyle": "--"},
    "LSTM, changes 0": {"color": "#0072B2", "linestyle": "-"},
}

fig, axes = plt.subplots(2, 1, figsize=(9, 6), sharex=True, layout="constrained")
time = target_week[test]
axes[0].plot(time, y[test], color="black", linewidth=2.5, label="measured")
for name in ("LSTM, levels", "LSTM, changes 0"):
    axes[0].plot(time, forecasts[name][test], label=name.removesuffix(" 0"), **STYLES[name])
axes[0].axhline(y[past].max(), color="#777777", label="highest value trained on")
axes[0].set(ylabel="CO2 (ppmv)", title="Forecasts 26 weeks ahead, test part")
for name in ("change of last year", "ridge, changes", "LSTM, changes 0"):
    error = (forecasts[name] - y)[test]
    axes[1].plot(time, error, label=name.removesuffix(" 0"), **STYLES[name])
axes[1].axhline(0, color="black", linewidth=0.8)
axes[1].set(ylabel="forecast - measured (ppmv)", ylim=(-3, 4))
for ax in axes:
    ax.grid(alpha=0.3)
axes[0].legend(ncols=2, loc="upper left")
axes[1].legend(ncols=3, loc="upper left")
plt.show()

# %%
# In 1998 all forecasts are too low for months. CO2 grew faster in that year than in any before, and
# nothing in the series announced it.
