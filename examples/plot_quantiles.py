"""
============================
Tomorrow, and how sure of it
============================

A forecast of one number does not say how far off it may be. This page forecasts quantiles of
tomorrow's temperature, with :class:`~sklstm.LSTMRegressor` and ``loss="quantile"``. They make a
band, wide where much is possible and narrow where little is. Then it counts whether the band keeps
what it promises.
"""

# %%
# The table
# ---------
# Four years of daily weather in Seattle. The day of the year is a point on a circle, where 31
# December is next to 1 January. Rain has a long tail, so that the page takes its logarithm. The
# target is the change of the daily maximum from today to tomorrow.

import numpy as np

from sklstm.datasets import load_seattle_weather
from sklstm.preprocessing import make_windows

seattle = load_seattle_weather(as_frame=True)
angle = 2 * np.pi * seattle.frame.index.day_of_year / 365.25
table = seattle.frame.assign(
    precipitation=np.log1p(seattle.frame["precipitation"]),
    season_sin=np.sin(angle),
    season_cos=np.cos(angle),
)
X, y, today = make_windows(table, lookback=7, target="temp_max")
now = X[:, -1, table.columns.get_loc("temp_max")]
y = y - now
month = today.month.to_numpy()

print("X:", X.shape, " y:", y.shape)
for name, months in {"December to February": (12, 1, 2), "June to August": (6, 7, 8)}.items():
    print(f"standard deviation of the change, {name}: {y[np.isin(month, months)].std():.1f} °C")

# %%
# Folds in the order of time
# --------------------------
# Four folds of half a year, each with all days before it for training; the last ten months are the
# test part. Settings were chosen by the folds, which hardly tell the poolings apart; that the last
# step of the input stands beside the state ("input") helps most in the test part.

from sklstm.model_selection import WindowSplit

test_start = seattle.timestamps[seattle.split[1]]
test = np.flatnonzero(today >= test_start)
past = np.arange(test[0] - 1)  # no target lies in the test part
folds = list(WindowSplit(4, horizon=1, test_size=180).split(X[past]))

# %%
# Four forecasts
# --------------
# Each returns five quantiles for each day: the median, a band that should hold half of the days,
# and one that should hold nine of ten.
#
# * *Ridge, one band*: a linear model of the window, and the quantiles of its errors on the training
#   days.
# * *Ridge, band by month*: the same, with the errors of this month and of those on both sides of
#   it.
# * *Linear quantiles*: a :class:`~sklearn.linear_model.QuantileRegressor` of scikit-learn for each
#   quantile. Nothing keeps them in order: where the 75 % quantile lies above the 95 % quantile,
#   they cross.
# * *LSTM*: one network for all quantiles. It predicts the median and the gaps between neighbours,
#   which are positive, so that they cannot cross.

from sklearn.linear_model import QuantileRegressor, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMRegressor

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

rows = X.reshape(len(X), -1)  # one row per window


def ridge_one_band(train, test):
    """Quantiles of all training errors around the forecast."""
    ridge = make_pipeline(StandardScaler(), Ridge(100)).fit(rows[train], y[train])
    errors = y[train] - ridge.predict(rows[train])
    return ridge.predict(rows[test])[:, None] + np.quantile(errors, QUANTILES)


def ridge_by_month(train, test):
    """Quantiles of the training errors of three months around the forecast."""
    ridge = make_pipeline(StandardScaler(), Ridge(100)).fit(rows[train], y[train])
    errors = y[train] - ridge.predict(rows[train])
    band = np.zeros((13, len(QUANTILES)))
    for m in range(1, 13):
        distance = np.abs(month[train] - m)
        near = np.minimum(distance, 12 - distance) <= 1
        band[m] = np.quantile(errors[near], QUANTILES)
    return ridge.predict(rows[test])[:, None] + band[month[test]]


def linear_quantiles(train, test):
    """One linear model for each quantile."""
    models = [
        make_pipeline(StandardScaler(), QuantileRegressor(quantile=q, alpha=0.003))
        for q in QUANTILES
    ]
    return np.stack([m.fit(rows[train], y[train]).predict(rows[test]) for m in models], axis=1)


def lstm(train, test, seed=0):
    """One network for all quantiles."""
    model = LSTMRegressor(
        hidden_size=32,
        bidirectional=False,
        pooling=["last", "input"],
        loss="quantile",
        quantiles=QUANTILES,
        dropout=0.5,
        learning_rate=0.02,
        lr_schedule="one_cycle",
        weight_decay=0.1,
        batch_size=32,
        max_epochs=10,
        early_stopping=False,
        random_state=seed,
    )
    return model.fit(X[train], y[train]).predict_quantiles(X[test])


models = {
    "ridge, one band": ridge_one_band,
    "ridge, band by month": ridge_by_month,
    "linear quantiles": linear_quantiles,
    "LSTM": lstm,
}

# %%
# What the bands promise, and what they hold
# ------------------------------------------
# The *pinball loss* is least, in the long run, for the true quantiles: it asks for bands that are
# right and as narrow as they can be. Beside it the share of days inside the two bands, the mean
# width of the wider one, and the number of days on which quantiles cross.

from sklearn.metrics import mean_pinball_loss


def pinball(days, forecast):
    """Mean over the quantiles."""
    losses = [mean_pinball_loss(y[days], forecast[:, k], alpha=q) for k, q in enumerate(QUANTILES)]
    return np.mean(losses)


def inside(days, forecast, low, high):
    """Which days are inside a band."""
    return (forecast[:, low] <= y[days]) & (y[days] <= forecast[:, high])


forecasts = {name: {} for name in models}
for name, model in models.items():
    in_folds = [model(train, days) for train, days in folds]
    forecasts[name]["folds"] = np.concatenate(in_folds)
    forecasts[name]["test"] = model(past, test)
days = {"folds": np.concatenate([d for _, d in folds]), "test": test}

for part in days:
    print(
        f"{part + ',':7}{len(days[part])} days       pinball   in 50 %  in 90 %   width  crossing"
    )
    for name in models:
        forecast = forecasts[name][part]
        half = inside(days[part], forecast, 1, 3).mean()
        most = inside(days[part], forecast, 0, 4).mean()
        width = (forecast[:, 4] - forecast[:, 0]).mean()
        crossing = (np.diff(forecast, axis=1) < 0).any(axis=1).sum()
        print(
            f"  {name:22}{pinball(days[part], forecast):.3f}"
            f"{half:10.2f}{most:9.2f}{width:8.1f} °C{crossing:6}"
        )

seeds = [pinball(test, forecasts["LSTM"]["test"])]
seeds += [pinball(test, lstm(past, test, seed)) for seed in range(1, 5)]
print(f"\npinball of the LSTM on the test part, five seeds: {min(seeds):.3f} to {max(seeds):.3f}")

# %%
# All four keep their promises, as far as some hundred days can tell: the share inside a true 90 %
# band varies by some 2 % from one stretch of 292 days to another. The LSTM has the least pinball
# loss, in the folds and in the test part; it is ahead by a few percent at most. The linear
# quantiles, which come next in the test part, cross on some days of the folds.

# %%
# Is the band wide on the right days?
# -----------------------------------
# A band can hold nine days of ten and still be wrong every day: too wide in winter, too narrow in
# summer. So here are the days of the folds and of the test part, in four groups by the width of the
# LSTM's band, which is known before the day comes.

import matplotlib.pyplot as plt

STYLES = {
    "ridge, one band": {"color": "#777777", "linestyle": ":", "marker": "s"},
    "ridge, band by month": {"color": "#E69F00", "linestyle": "--", "marker": "^"},
    "LSTM": {"color": "#0072B2", "linestyle": "-", "marker": "o"},
}

every_day = np.concatenate(list(days.values()))
pooled = {name: np.concatenate(list(parts.values())) for name, parts in forecasts.items()}
width = pooled["LSTM"][:, 4] - pooled["LSTM"][:, 0]
quarters = np.array_split(np.argsort(width), 4)

fig, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for name, style in STYLES.items():
    held = inside(every_day, pooled[name], 0, 4)
    widths = pooled[name][:, 4] - pooled[name][:, 0]
    axes[0].plot(range(4), [widths[q].mean() for q in quarters], label=name, **style)
    axes[1].plot(range(4), [held[q].mean() for q in quarters], label=name, **style)
axes[0].set(title="Width of the 90 % band", ylabel="°C", ylim=(0, None))
axes[1].set(title="Days inside it", ylabel="share of days", ylim=(0.7, 1))
axes[1].axhline(0.9, color="black", linewidth=1)
for ax in axes:
    ax.set_xticks(range(4), ["most sure", "", "", "least sure"])
    ax.set_xlabel("quarters of the days")
    ax.grid(alpha=0.3)
axes[0].legend(loc="lower right")
plt.show()

# %%
# The one band of ridge holds nine days of ten in the mean, because it holds too many of the sure
# ones and too few of the others. The months put most of that right. The LSTM stays near the promise
# in all quarters.

# %%
# More room below than above
# --------------------------
# Even within one season the band is not the same every day. These are the summer days, in four
# groups by the temperature of today: how far the 90 % band reaches from its median, and how far the
# measured temperatures did.

summer = np.flatnonzero(np.isin(month[every_day], (6, 7, 8)))
by_heat = np.array_split(summer[np.argsort(now[every_day][summer])], 4)
forecast = pooled["LSTM"]
error = y[every_day] - forecast[:, 2]
print("today    the band reaches    measured, 5 % to 95 %")
for group in by_heat:
    below, above = (forecast[group][:, [0, 4]] - forecast[group][:, [2]]).mean(axis=0)
    low, high = np.quantile(error[group], [0.05, 0.95])
    heat = now[every_day[group]].mean()
    print(f"{heat:4.0f} °C   {below:5.1f} to {above:+.1f} °C   {low:8.1f} to {high:+.1f} °C")

# %%
# After a hot day the next may be much cooler, but hardly hotter, and the band has much more
# room below than above. After a cool day it is the other way round, which the band shows too little
# of. Neither band of ridge depends on today's temperature.

# %%
# The test part
# -------------
# Ten months, each day forecast on the day before. Below, the width of the 90 % bands.

import matplotlib.dates as mdates
import pandas as pd

date = today[test] + pd.Timedelta(days=1)
low, lower, median, upper, high = now[test] + forecasts["LSTM"]["test"].T
measured = now[test] + y[test]
held = inside(test, forecasts["LSTM"]["test"], 0, 4)

fig, axes = plt.subplots(
    2, 1, figsize=(9, 6.5), sharex=True, height_ratios=[3, 1], layout="constrained"
)
blue = STYLES["LSTM"]["color"]
axes[0].fill_between(date, low, high, color=blue, alpha=0.2, linewidth=0, label="90 % band")
axes[0].fill_between(date, lower, upper, color=blue, alpha=0.35, linewidth=0, label="50 % band")
axes[0].plot(date, median, color=blue, linewidth=1, label="median")
axes[0].plot(date[held], measured[held], "k.", markersize=4, label="measured")
axes[0].plot(date[~held], measured[~held], "o", color="#D55E00", markersize=4, label="outside")
axes[0].set_ylabel("daily maximum (°C)")
for name, style in STYLES.items():
    forecast = forecasts[name]["test"]
    style = {**style, "marker": ""}
    axes[1].plot(date, forecast[:, 4] - forecast[:, 0], label=name, **style)
axes[1].set(ylabel="width (°C)", ylim=(0, None))
axes[1].xaxis.set_major_formatter(mdates.DateFormatter("%b %Y"))
for ax in axes:
    ax.margins(x=0.01)
    ax.grid(alpha=0.3)
axes[0].legend(ncols=5, loc="lower center", bbox_to_anchor=(0.5, 1), frameon=False)
axes[1].legend(ncols=3, loc="lower left", frameon=False)
plt.show()

# %%
# The band promises what held in the years of training. Where the days to come are of another kind,
# no loss function can know it, and the share of days inside is the first thing to watch.
