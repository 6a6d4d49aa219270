"""
===============================================
Do an LSTM and a forest look at the same thing?
===============================================

Three models forecast how much warmer or colder it will be in six hours: an LSTM, a random forest
and a linear model. Their errors are one question. Another is what each of them looks at. The
functions of :mod:`sklstm.explain` take any fitted scikit-learn estimator, on the same levels, so
that the answers can stand side by side.
"""

# %%
# The same windows for all
# ------------------------
# One row per hour, at JFK airport, New York, in 2013, in windows of 24 hours. The forest and the
# linear model read each window as one long row.

import numpy as np
import pandas as pd

from sklstm.datasets import load_nyc_weather
from sklstm.preprocessing import make_windows

weather = load_nyc_weather(as_frame=True)
table = weather.frame[["temp", "dewp", "pressure", "wind_dir", "wind_speed"]].ffill()
wind, hour = np.deg2rad(table["wind_dir"]), 2 * np.pi * table.index.hour / 24
table = table.drop(columns=["wind_dir", "wind_speed"]).assign(
    wind_from_east=table["wind_speed"] * np.sin(wind),
    wind_from_north=table["wind_speed"] * np.cos(wind),
    hour_sin=np.sin(hour),
    hour_cos=np.cos(hour),
)
HOURS, AHEAD = 24, 6

X, y, index = make_windows(table, lookback=HOURS, horizon=AHEAD, target="temp")
y = y[:, -1] - X[:, -1, 0]  # how much warmer it will be than now
test_start = pd.Timestamp(weather.timestamps[weather.split[1]])
train = index < test_start - pd.Timedelta(hours=AHEAD)
test = index >= test_start

# What belongs together is one player.
groups = {
    "temperature": 0,
    "dew point": 1,
    "pressure": 2,
    "wind": [3, 4],
    "hour of day": [5, 6],
}

# %%
# Their errors
# ------------

from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.metrics import root_mean_squared_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklstm import LSTMRegressor


def flatten(windows):
    """One row per window."""
    return windows.reshape(len(windows), -1)


models = {
    "LSTM": LSTMRegressor(max_epochs=5, batch_size=64, random_state=0),
    "forest": make_pipeline(
        FunctionTransformer(flatten),
        RandomForestRegressor(50, min_samples_leaf=10, max_features=0.2, random_state=0),
    ),
    "ridge": make_pipeline(FunctionTransformer(flatten), StandardScaler(), Ridge(alpha=100)),
}
for name, model in models.items():
    model.fit(X[train], y[train])
    error = root_mean_squared_error(y[test], model.predict(X[test]))
    print(f"{name:7s} {error:.2f} °F")
print(f"no change {y[test].std():.2f} °F")

# %%
# What the score would lose
# -------------------------
# The series of a measurement is exchanged between windows: the drop of R² on the test part.
# Hours that follow each other have nearly the same window, and the same weather. With
# ``block_size`` whole days move together.

from sklstm.explain import explain_permutation

drops = {
    name: explain_permutation(
        model, X[test], y[test], level=groups, block_size=24, n_repeats=3, random_state=0
    )
    for name, model in models.items()
}
permutation = pd.DataFrame({k: v.importances_mean for k, v in drops.items()}, index=[*groups])
print(permutation.round(3))

# %%
# What the forecasts are made of
# ------------------------------
# Shapley values of the measurements, each a player: for these few, all coalitions are evaluated
# for all three models. The mean absolute value says how many degrees a measurement moves the
# forecast.

from sklstm.explain import explain_shap

rng = np.random.default_rng(0)
background = X[train][rng.choice(train.sum(), 10, replace=False)]
shown = X[test][rng.choice(test.sum(), 20, replace=False)]
shapley, by_hour = {}, {}
for name, model in models.items():
    options = {"background": background, "method": "exact"}
    e = explain_shap(model, shown, level=groups, **options)
    shapley[name] = e.abs().mean().values[0]
    e = explain_shap(model, shown, level=6, **options)
    by_hour[name] = e.abs().mean().values[0]
shapley = pd.DataFrame(shapley, index=[*groups])
print(shapley.round(2))

# %%
# The same for four windows of six hours.

import matplotlib.pyplot as plt

hours = ["24 to 19 h ago", "18 to 13", "12 to 7", "the last 6"]
by_hour = pd.DataFrame(by_hour, index=hours)

fig, axes = plt.subplots(1, 3, figsize=(10, 4.2), layout="constrained")
pictures = {
    "drop of R² by permutation": permutation,
    "mean |Shapley value|, °F": shapley,
    "of the hours, °F": by_hour,
}
for ax, (title, frame) in zip(axes, pictures.items(), strict=True):
    # From top to bottom.
    frame = frame.iloc[::-1, ::-1]
    colors = ["C2", "C1", "C0"]
    frame.plot.barh(ax=ax, title=title, color=colors, width=0.8, legend=False)
handles, labels = axes[0].get_legend_handles_labels()
axes[0].legend(handles[::-1], labels[::-1])
plt.show()

# %%
# The LSTM decides by the last hours and the hour of the day. The linear model weighs temperature
# and dew point of all hours, long ago as much as just now, with large parts that cancel; that it
# is no worse than it is says that the cells of a window tell nearly the same. The forest spreads
# its attention over everything, since each of its trees sees a fifth of the cells at a time.
