"""
======================
Looking inside a model
======================

A forecast of tomorrow's highest temperature in Seattle, and a picture for each question that one
may ask of it: has it learned, how good is it, what counts, why this day, and what does it remember?
Each picture is a display in scikit-learn's manner: ``from_estimator`` or ``from_explanation``
computes and draws, ``plot`` draws again on other axes, and ``frame`` gives the numbers.
"""

# %%
# The model
# ---------
# A table has one row per day. :class:`~sklstm.preprocessing.SlidingWindow` turns each row into the
# window of two weeks up to it. With ``loss="quantile"`` the network forecasts five quantiles of
# tomorrow's temperature instead of one number.

import matplotlib.pyplot as plt
from sklearn.pipeline import make_pipeline

from sklstm import LSTMRegressor
from sklstm.datasets import load_seattle_weather
from sklstm.preprocessing import SlidingWindow

seattle = load_seattle_weather(as_frame=True)
table = seattle.frame[["temp_max", "temp_min", "precipitation", "wind"]]
table = table.rename(columns={"temp_max": "warmest", "temp_min": "coldest"})
tomorrow = table["warmest"].shift(-1).rename("warmest tomorrow (°C)")

train, test = slice(0, seattle.split[1]), slice(seattle.split[1], len(table) - 1)
model = make_pipeline(
    SlidingWindow(14),
    LSTMRegressor(
        hidden_size=16,
        loss="quantile",
        quantiles=(0.05, 0.25, 0.5, 0.75, 0.95),
        max_epochs=25,
        early_stopping=True,
        validation_split="last",
        random_state=0,
    ),
)
model.fit(table[train], tomorrow[train])

# %%
# Has it learned?
# ---------------
# The loss of the training rows, and of the newest tenth of them, which were kept apart for
# validation. The training loss is that of a network with dropout, which the validation loss is not,
# so that the first may well lie above the second. The ring marks the weights that were kept.

from sklstm.plot import LearningCurveDisplay

LearningCurveDisplay.from_estimator(model)
plt.show()

# %%
# How good is it?
# ---------------
# Ten months that it has not seen. The index of the table becomes the axis of time, and the
# quantiles become bands. The display holds the numbers, too: nine of ten days should lie in the
# wider band.

from sklstm.plot import ForecastDisplay

fig, ax = plt.subplots(figsize=(9, 4), layout="constrained")
forecast = ForecastDisplay.from_estimator(model, table[test], tomorrow[test], ax=ax)
plt.show()

days = forecast.frame()
inside = days["observed"].between(days["quantile_0.05"], days["quantile_0.95"])
print(f"{inside.mean():.0%} of {len(days)} days inside the 90 % band")

# %%
# What counts?
# ------------
# Two answers side by side. On the left, what each measurement added to the forecasts of the test
# days, up or down, in degrees: the mean of the absolute sums over the window, with the standard
# error over the days. On the right, how much the score (R²) drops when a measurement is shuffled,
# with a box over ten shuffles.

from sklstm.explain import explain_permutation, explain_shap
from sklstm.plot import ImportanceDisplay

explanation = explain_shap(model, table[test], background=table[train], response_method="predict")
permutation = explain_permutation(model, table[test], tomorrow[test], n_repeats=10, random_state=0)

fig, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
ImportanceDisplay.from_explanation(explanation.by("feature"), ax=axes[0])
ImportanceDisplay.from_permutation(permutation, names=table.columns, ax=axes[1])
plt.show()

# %%
# The same values by measurement and day: ``Explanation.plot`` draws what fits an explanation, which
# for many rows of cells is this map.

fig, ax = plt.subplots(figsize=(9, 3), layout="constrained")
explanation.plot(ax=ax)
ax.set_xlabel("day of the window (13 is today)")
plt.show()

# %%
# Why this day?
# -------------
# The hottest forecast of the test part. Above, the two weeks that the network read; below, what
# each cell added to the usual forecast, in degrees. Red cells made it warmer, blue ones colder.
# Nearly all of it comes from how warm today is; the days before hardly count, here and in the map
# above.

from sklstm.plot import AttributionDisplay

hottest = int(explanation.output_values.argmax())
fig, ax = plt.subplots(figsize=(9, 5), layout="constrained")
dates = table.index[test.start + hottest - 13 : test.start + hottest + 1]
why = AttributionDisplay.from_explanation(explanation, row=hottest, times=dates, ax=ax)
plt.show()

# %%
# The same as a waterfall: from the usual forecast to this one, day by day.

fig, ax = plt.subplots(figsize=(9, 5), layout="constrained")
why.plot(ax, kind="waterfall")
plt.show()

# %%
# What does it remember?
# ----------------------
# The gates of the network while it read those two weeks. A forget gate near 1 keeps what a unit of
# memory holds, an input gate near 0 writes nothing to it. The units are sorted by their half-life,
# the number of days after which half of a memory is left, over all days: those on top usually
# remember longest. In weeks as hot as these others hold on.

from sklstm.plot import ActivationDisplay, GateDisplay

# sphinx_gallery_thumbnail_number = 7
fig, ax = plt.subplots(figsize=(9, 5), layout="constrained")
rows = table[: test.start + hottest + 1]  # the day and all before it
gates = GateDisplay.from_estimator(model, rows, row=-1, ax=ax)
plt.show()

half_life = gates.frame().groupby("unit")["half_life"].first()
print(f"half-life of the memories: {half_life.min():.1f} to {half_life.max():.1f} days")

# %%
# And what the units tell the head of the network, day by day.

fig, ax = plt.subplots(figsize=(9, 3.5), layout="constrained")
ActivationDisplay.from_estimator(model, rows, row=-1, ax=ax)
plt.show()

# %%
# Pictures of gates and states show what the network does, not why an output is as it is: a unit may
# be busy and count for nothing. That is the question of the pictures above.
