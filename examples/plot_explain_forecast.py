"""
==================
Why this forecast?
==================

A model that forecasts tomorrow's highest temperature in Seattle from the last two weeks. Which
measurement, of which day, made it say 24 °C? This page explains every forecast of a year as a sum
over the cells of its window, in degrees, and looks at the sums from several sides.
"""

# %%
# The model
# ---------
# A table has one row per day. :class:`~sklstm.preprocessing.SlidingWindow` turns each row into the
# window of days up to it, and :class:`~sklstm.LSTMRegressor` forecasts the change to tomorrow: how
# much warmer or colder will it be than today?

import numpy as np
from sklearn.pipeline import make_pipeline

from sklstm import LSTMRegressor
from sklstm.datasets import load_seattle_weather
from sklstm.preprocessing import SlidingWindow

DAYS = 14

seattle = load_seattle_weather(as_frame=True)
table = seattle.frame[["temp_max", "temp_min", "precipitation", "wind"]]
table = table.rename(columns={"temp_max": "warmest", "temp_min": "coldest"})
change = table["warmest"].diff().shift(-1)  # of tomorrow

train, test = slice(0, seattle.split[1]), slice(seattle.split[1], len(table) - 1)
model = make_pipeline(SlidingWindow(DAYS), LSTMRegressor(max_epochs=15, random_state=0))
model.fit(table[train], change[train])

forecast = model.predict(table[test])
error = np.sqrt(np.mean((forecast - change[test]) ** 2))
print(f"RMSE of the model {error:.2f} °C, of 'tomorrow is like today' {change[test].std():.2f} °C")

# %%
# Every forecast, cell by cell
# ----------------------------
# :func:`~sklstm.explain.explain_shap` takes the whole pipeline, and rows of the user's own table.
# The background says what a usual forecast is; here it is every tenth window of the training years.
# The values of a day sum to the difference of its forecast from the usual one.

from sklstm.explain import explain_shap

explanation = explain_shap(model, table[test], background=table[train])
print(explanation)

# %%
# One of them
# -----------
# The forecast that differs most from the usual one, as a heat map: each cell is a measurement of a
# day. Red cells made the forecast warmer, blue ones colder. They sum to the difference.

import matplotlib.pyplot as plt

row = int(np.abs(explanation.output_values - explanation.base_values).argmax())
values = explanation.values[row]
window = table.iloc[test.start + row - DAYS + 1 : test.start + row + 1]
largest = np.abs(values).max()

fig, axes = plt.subplots(2, 1, figsize=(8, 5), sharex=True, layout="constrained")
days = np.arange(-DAYS + 1, 1)
axes[0].plot(days, window["warmest"], color="#D55E00", marker="o", label="warmest")
axes[0].plot(days, window["coldest"], color="#0072B2", marker="s", label="coldest")
axes[0].plot(
    1,
    window["warmest"].iloc[-1] + forecast[row],
    color="black",
    marker="D",
    linestyle="",
    label="forecast",
)
axes[0].set(ylabel="°C", title=f"{window.index[-1]:%d %B %Y} and the two weeks before")
axes[0].set(xlim=(days[0] - 0.5, 1.5), ylim=(0, None))
axes[0].legend(loc="lower left", ncols=3)
image = axes[1].imshow(
    values.T,
    cmap="RdBu_r",
    vmin=-largest,
    vmax=largest,
    aspect="auto",
    extent=(days[0] - 0.5, 0.5, values.shape[1] - 0.5, -0.5),
)
axes[1].set_yticks(range(values.shape[1]), explanation.feature_names)
axes[1].set(xlabel="day (0 is today)")
fig.colorbar(image, ax=axes[1], label="°C added")
plt.show()
print(
    f"usual {explanation.base_values[row]:+.2f} °C, cells {values.sum():+.2f} °C, "
    f"forecast {explanation.output_values[row]:+.2f} °C"
)

# %%
# All of them
# -----------
# The same cells summed by measurement, one point per day of the year, in a plot of shap. The colour
# is the mean of the measurement over the window.

import shap

by_measurement = explanation.by("feature")
shap.plots.beeswarm(by_measurement.to_shap(), plot_size=(8, 3.2), show=False)
plt.xlabel("°C added")
plt.tight_layout()
plt.show()

# %%
# And by day: how far back does the model look? The mean of the absolute sums of each day.

by_day = explanation.by("timestep").abs().mean()
fig, ax = plt.subplots(figsize=(8, 3), layout="constrained")
ax.bar(days, by_day.values[0], color="#0072B2")
ax.set(xlabel="day (0 is today)", ylabel="mean of |°C added|")
plt.show()

# %%
# Is it so?
# ---------
# The values above come from one sweep back through the network for each pair of a day and a
# background window. They add up, but they are not quite Shapley values. For the four measurements
# as players those can be computed exactly, from all 16 coalitions; here for the first 40 days:

n_days = 40
exact = explain_shap(
    model, table[test][:n_days], background=table[train], level="feature", method="exact"
)
print("measurement    cells, summed   players")
for name, cells, players in zip(
    exact.player_names,
    by_measurement[:n_days].abs().mean().values[0],
    exact.abs().mean().values[0],
    strict=True,
):
    print(f"{name:14} {cells:13.2f} {players:9.2f}")

# %%
# The two columns ask different questions. On the left, cells were switched one by one and summed;
# on the right, a measurement was switched for the whole two weeks at once. They agree on what
# counts.
