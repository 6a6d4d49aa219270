"""
==============================
Sales: what did the offer add?
==============================

A shop sells more on Saturdays, more before Christmas, and more when there is an offer. This page
forecasts tomorrow's sales from two weeks of them and from what is known of tomorrow, its weekday
and its offer. Then it asks what an offer adds. There are two ways to ask, and they are two
questions.
"""

# %%
# The shop
# --------
# Five years, one row per day. The sales are made, so that the effect of an offer is known: 15 %
# more on Monday to Thursday, 60 % more on Friday to Sunday, when people have time. Everything
# multiplies, so that the page works with logarithms, and with sales beside their mean over the
# last four weeks. No model can know the noise, which is 8 %.

import numpy as np
import pandas as pd

WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
TRUE_EFFECT = np.array([0.15, 0.15, 0.15, 0.15, 0.6, 0.6, 0.6])

rng = np.random.default_rng(0)
days = pd.date_range("2021-01-01", periods=5 * 365)
weekday = days.day_of_week.to_numpy()
year = np.sin(2 * np.pi * days.day_of_year / 365.25)
drift = np.cumsum(0.02 * rng.normal(size=len(days)))
rhythm = np.array([-0.2, -0.2, -0.1, 0.0, 0.2, 0.5, -0.2])[weekday]
offer = rng.random(len(days)) < 0.2
effect = np.where(offer, np.log1p(TRUE_EFFECT[weekday]), 0)
noise = 0.08 * rng.normal(size=len(days))
sales = pd.Series(100 * np.exp(drift + 0.25 * year + rhythm + effect + noise), index=days)

usual = np.log(sales).rolling(28).mean()
table = pd.DataFrame({"sales": np.log(sales) - usual, "offer": offer * 1.0})
table["offer tomorrow"] = table["offer"].shift(-1)
for k, name in enumerate(WEEKDAYS):
    table[f"tomorrow is {name}"] = ((weekday + 1) % 7 == k) * 1.0
target = (np.log(sales).shift(-1) - usual)[27:-1]
table = table[27:-1]
train, test = slice(0, 1300), slice(1300, len(table))
print(f"{len(table)} days, {table.shape[1]} columns, {offer.mean():.0%} of the days with an offer")

# %%
# The forecasts
# -------------
# *Last week* says what was sold on the same weekday a week ago. *Ridge* is linear, so that an offer
# is worth the same on every day; the *forest* and the *LSTM* may find that it is not.

from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import RidgeCV
from sklearn.metrics import root_mean_squared_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklstm import LSTMRegressor
from sklstm.preprocessing import SlidingWindow


def one_row(windows):
    """One row per window; the first windows are shorter, and filled with 0."""
    return np.nan_to_num(np.asarray(windows)).reshape(len(windows), -1)


windows_as_rows = make_pipeline(SlidingWindow(14), FunctionTransformer(one_row))
models = {
    "ridge": make_pipeline(windows_as_rows, RidgeCV(np.logspace(-2, 3, 11))),
    "forest": make_pipeline(
        windows_as_rows, RandomForestRegressor(50, min_samples_leaf=3, random_state=0)
    ),
    "LSTM": make_pipeline(SlidingWindow(14), LSTMRegressor(hidden_size=32, random_state=0)),
}
last_week = np.log(sales).shift(6).reindex(table.index) - usual.reindex(table.index)
print(f"last week  {root_mean_squared_error(target[test], last_week[test]):.3f}")
for name, model in models.items():
    forecast = model.fit(table[train], target[train]).predict(table[test])
    print(f"{name:10} {root_mean_squared_error(target[test], forecast):.3f}")

# %%
# The errors are in logarithms: 0.1 is about ten per cent. The noise and the drift of one night
# alone make 0.08.

# %%
# First question: what is due to the offer?
# -----------------------------------------
# :func:`~sklstm.explain.explain_shap` shares the difference between a forecast and the mean
# forecast among all cells of the window. The share of *offer tomorrow*, on days with an offer:

from sklstm.explain import explain_shap

model = models["LSTM"]
explanation = explain_shap(model, table[test], background=table[train])
share = explanation.by("feature").values[:, table.columns.get_loc("offer tomorrow")]

# %%
# Second question: what would be sold without it?
# -----------------------------------------------
# The same windows once more, with tomorrow's offer struck out, and the difference of the two
# forecasts. Only tomorrow's: the offers of the days before were real, and so are the sales they
# made.

windows = np.asarray(model[:-1].transform(table[test]))
without = windows.copy()
without[:, -1, table.columns.get_loc("offer tomorrow")] = 0
difference = model[-1].predict(windows) - model[-1].predict(without)

# %%
import matplotlib.pyplot as plt

offered = (table["offer tomorrow"][test] == 1).to_numpy()
tomorrow = (table.index[test].day_of_week + 1) % 7
answers = {
    "share of the forecast (SHAP)": (share, "#999999"),
    "with the offer, less without": (difference, "#0072B2"),
}
fig, ax = plt.subplots(figsize=(8, 4), layout="constrained")
for shift, (label, (values, color)) in zip((-0.2, 0.2), answers.items(), strict=True):
    per_cent = [np.expm1(values[offered & (tomorrow == k)].mean()) * 100 for k in range(7)]
    ax.bar(np.arange(7) + shift, per_cent, width=0.4, color=color, label=label)
ax.hlines(100 * TRUE_EFFECT, np.arange(7) - 0.45, np.arange(7) + 0.45, color="black", label="truth")
ax.set_xticks(range(7), WEEKDAYS)
ax.set_ylabel("more sales by the offer (%)")
ax.legend(loc="upper left")
plt.show()

# %%
# The second answer is near to the truth. The first is not wrong, it answers the first question. An
# offer on a Saturday is worth more because it is Saturday, and what the two do together is shared
# between them: a part of it is credited to *tomorrow is Sat*. And the share is beside the mean over
# all days, one fifth of which have an offer already. Whoever plans offers wants the second answer;
# whoever wants to know why this forecast is high wants the first, whose parts sum to the forecast.
#
# Both speak of the model. That the model knows the effect of an offer is due to offers that were
# drawn at random. Where a shop makes them before holidays, model and page would mistake one for
# the other.
