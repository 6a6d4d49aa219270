"""
================================
Splits that leak, and their cost
================================

Cross-validation is to tell which error a model will have on new data. With windows of a time
series it easily tells something else: neighbouring windows are nearly the same, and a shuffled
split puts one of them into training and the other one into the test. This page measures what that
does, on the temperature 6 hours ahead, and what to do instead.
"""

# %%
# The data
# --------
# An hourly table, cut into complete windows by :func:`~sklstm.preprocessing.make_windows`, before
# any split. The target is the change of the temperature from the last hour of the window to 6 hours
# later. :ref:`sphx_glr_auto_examples_plot_weather_forecast.py` says more about the table.

import numpy as np

from sklstm.datasets import load_nyc_weather
from sklstm.preprocessing import make_windows

LOOKBACK, HORIZON = 24, 6  # hours

weather = load_nyc_weather(as_frame=True)
table = weather.frame.drop(columns="wind_gust").ffill()
wind, hour = np.deg2rad(table["wind_dir"]), 2 * np.pi * table.index.hour / 24
table = table[["temp", "dewp", "humid", "pressure"]].assign(
    wind_from_east=table["wind_speed"] * np.sin(wind),
    wind_from_north=table["wind_speed"] * np.cos(wind),
    hour_sin=np.sin(hour),
    hour_cos=np.cos(hour),
)
X, y, origin = make_windows(table, LOOKBACK, HORIZON, target="temp")
y = y[:, -1] - X[:, -1, 0]
print("X:", X.shape, " y:", y.shape)

# %%
# The last ten weeks play the future. No split below sees them: the error there is what
# cross-validation should have told. Windows whose target lies in the future are left out of the
# past.

end = weather.timestamps[weather.split[1]]
past = origin < end - np.timedelta64(HORIZON, "h")
future = origin >= end
X_past, y_past, X_future, y_future = X[past], y[past], X[future], y[future]

# %%
# Three splits
# ------------
# *Shuffled* folds leave the hours before and after each test hour in training. *Blocks* are folds
# of consecutive hours, with training hours before and after them. ``WindowSplit`` trains on the
# hours before a fold alone, less the last ones, whose targets lie in the fold.
#
# Three models: nothing changes; a linear one; and the mean of the five most similar windows, which
# has a very good memory.

from sklearn.dummy import DummyRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, cross_val_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklstm.model_selection import WindowSplit


def flatten(X):
    """One row per window."""
    return X.reshape(len(X), -1)


def rmse(forecast, truth):
    """Root mean squared error, in °F."""
    return np.sqrt(np.mean((forecast - truth) ** 2))


rows = make_pipeline(FunctionTransformer(flatten), StandardScaler())
models = {
    "persistence": DummyRegressor(strategy="constant", constant=0.0),
    "ridge": make_pipeline(rows, Ridge(alpha=100)),
    "nearest windows": make_pipeline(rows, KNeighborsRegressor(5)),
}
splits = {
    "shuffled": KFold(3, shuffle=True, random_state=0),
    "blocks": KFold(3),
    "WindowSplit": WindowSplit(3, horizon=HORIZON),
}

print(f"{'RMSE in °F':16}", *(f"{name:>12}" for name in [*splits, "future"]))
for name, model in models.items():
    errors = []
    for cv in splits.values():
        scoring = "neg_root_mean_squared_error"
        errors.append(-cross_val_score(model, X_past, y_past, cv=cv, scoring=scoring).mean())
    errors.append(rmse(model.fit(X_past, y_past).predict(X_future), y_future))
    print(f"{name:16}", *(f"{error:12.2f}" for error in errors))

# %%
# Shuffled folds prefer the nearest windows by far: for every test hour they find the hours beside
# it, with nearly the same target. In the future there are no such hours, and ridge is better.
# Blocks and ``WindowSplit`` get the order right. They do not know how hard the future is, which is
# another season; that a split cannot tell.

# %%
# How long to train?
# ------------------
# The same for an LSTM, after each epoch. Here the leak does not only flatter, it misleads.

from sklstm import LSTMRegressor

N_EPOCHS = 6


def learning_curve(folds):
    """RMSE after each epoch, mean over the folds."""
    errors = []
    for X_train, y_train, X_test, y_test in folds:
        model = LSTMRegressor(
            hidden_size=32,
            learning_rate=0.003,
            batch_size=128,
            dropout=0.0,
            random_state=0,
        )
        errors.append([])
        for _ in range(N_EPOCHS):
            model.partial_fit(X_train, y_train)
            errors[-1].append(rmse(model.predict(X_test), y_test))
    return np.mean(errors, axis=0)


def folds(cv):
    """Training and test part of each fold of the past."""
    for train, test in cv.split(X_past):
        yield X_past[train], y_past[train], X_past[test], y_past[test]


curves = {name: learning_curve(folds(splits[name])) for name in ("shuffled", "WindowSplit")}
curves["future"] = learning_curve([(X_past, y_past, X_future, y_future)])

print(f"{'LSTM, epochs':12}", *(f"{name:>12}" for name in curves))
for epoch in (1, 2, 4, 6):
    print(f"{epoch:12}", *(f"{curve[epoch - 1]:12.2f}" for curve in curves.values()))

# %%
import matplotlib.pyplot as plt

STYLES = {
    "shuffled": {"color": "#D55E00", "linestyle": "--", "marker": "^"},
    "WindowSplit": {"color": "#0072B2", "linestyle": "-", "marker": "o"},
    "future": {"color": "black", "linestyle": "-", "marker": "s"},
}
LABELS = {
    "shuffled": "cross-validation, shuffled",
    "WindowSplit": "cross-validation, WindowSplit",
    "future": "the future",
}

epochs = np.arange(1, N_EPOCHS + 1)
fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for name, curve in curves.items():
    ax.plot(epochs, curve, label=LABELS[name], **STYLES[name])
ax.set(
    xlabel="epochs",
    ylabel="RMSE (°F)",
    ylim=(0, None),
    xticks=epochs,
    title="LSTM, temperature 6 hours ahead",
)
ax.grid(alpha=0.3)
ax.legend(loc="lower left")
plt.show()

# %%
# Shuffled folds say: train on, it gets better and better. What gets better is the memory of the
# training hours. ``WindowSplit`` says: stop after a few epochs. The future, too, gets worse with
# more of them, if more slowly: the first fold trains on a quarter of the past only, and who has
# little to learn from learns it by heart sooner.

# %%
# Whole windows or short ones
# ---------------------------
# :class:`~sklstm.preprocessing.SlidingWindow` in a Pipeline cuts the windows after the split.
# Cross-validation hands it a fold alone, without the hours before: the first row of a fold has a
# window of one hour, the second of two, and so on. The LSTM reads short windows, too, but knows
# less. Windows that ``make_windows`` cut before the split are all complete.
#
# One fitted pipeline shows the difference: it forecasts the future in folds of several lengths.

from sklstm.preprocessing import SlidingWindow

lstm = LSTMRegressor(
    hidden_size=32,
    batch_size=64,
    max_epochs=3,
    random_state=0,
)
pipeline = make_pipeline(SlidingWindow(LOOKBACK), lstm).fit(table.loc[origin[past]], y_past)

table_future = table.loc[origin[future]]
for length in (25, 50, 200, 1000):
    starts = range(0, len(table_future), length)
    fold_by_fold = [pipeline.predict(table_future[start : start + length]) for start in starts]
    print(f"folds of {length:4} rows: {rmse(np.concatenate(fold_by_fold), y_future):.2f} °F")
print(f"complete windows:   {rmse(lstm.predict(X_future), y_future):.2f} °F")

# %%
# In folds of 1000 rows the 23 short windows do not count. In folds that are not much longer than
# the window they make a good model look worse than it is. So take ``SlidingWindow`` where folds are
# long, and for a model in use, and ``make_windows`` before the split where folds are short.
#
# A model in use has its full windows: forecast from a table that begins early enough, or give the
# tables a time index. A pipeline that sees that a table begins where its training table ended looks
# back into it.
