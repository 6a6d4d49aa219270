"""
==========================================
SHAP or permutation: moved, or made better
==========================================

Two common answers to *which features matter?* can differ, and both be right. SHAP says how far a
feature moves the forecasts. Permutation importance says how much worse they are without it. On a
model that has learned its training rows by heart, the difference is the point.
"""

# %%
# A model that knows too much
# ---------------------------
# Five series of eight steps. The target depends on two of them, and on noise; the other three are
# nothing. There are 100 rows to learn from and no dropout, so that the network learns the noise,
# too.

import numpy as np
import pandas as pd

from sklstm import LSTMRegressor

NAMES = ["signal a", "signal b", "nothing 1", "nothing 2", "nothing 3"]

rng = np.random.default_rng(0)
X = rng.normal(size=(600, 8, 5))
y = X[:, -1, 0] + 0.7 * X[:, -2, 1] + 0.8 * rng.normal(size=600)
train, test = slice(0, 100), slice(100, 600)
model = LSTMRegressor(hidden_size=32, dropout=0.0, max_epochs=60, random_state=0)
model.fit(X[train], y[train])
print(f"R² on the training rows {model.score(X[train], y[train]):.2f}")
print(f"R² on new rows          {model.score(X[test], y[test]):.2f}")

# %%
# Two questions
# -------------
# How far does each series move the forecasts? The mean of the absolute SHAP values on the new
# rows. What would the score lose without it? The drop of R² when its values are exchanged between
# the rows, once on the new rows and once on those of training.

explanation = model.explain_shap(X[test], background=X[train])
moved = explanation.by("feature").abs().mean().values[0]
options = {"n_repeats": 10, "random_state": 0}
table = pd.DataFrame(
    {
        "moved by (SHAP)": moved,
        "R² lost, new rows": model.explain_permutation(
            X[test], y[test], **options
        ).importances_mean,
        "R² lost, training": model.explain_permutation(
            X[train], y[train], **options
        ).importances_mean,
    },
    index=NAMES,
)
print(table.round(2))

# %%
import matplotlib.pyplot as plt

COLORS = ["#0072B2", "#D55E00", "#BBBBBB"]

fig, axes = plt.subplots(1, 3, figsize=(9, 3.2), sharey=True, layout="constrained")
for ax, column, color in zip(axes, table, COLORS, strict=True):
    ax.barh(NAMES, table[column], color=color)
    ax.axvline(0, color="black", linewidth=0.8)
    ax.set_title(column)
axes[0].invert_yaxis()
plt.show()

# %%
# The three series that mean nothing move the forecasts a good deal: SHAP is right about the
# *model*, which has learned to follow them. On new rows nothing is lost without them: permutation
# is right about their *use*. On the training rows the network needs them for what it knows by
# heart, and that is why permutation importance wants rows that the model has not seen.
#
# So ask SHAP why a forecast is as it is, and permutation what to leave out. Where they disagree, as
# here, the network moves for no good reason.

# %%
# Left out
# --------
# The network without the three series that are worth nothing:

fewer = LSTMRegressor(hidden_size=32, dropout=0.0, max_epochs=60, random_state=0)
fewer.fit(X[train, :, :2], y[train])
print(f"R² on new rows {fewer.score(X[test, :, :2], y[test]):.2f}")

# %%
# It is not worse. It still knows its 100 rows by heart, now by the two series that are left; for
# that, dropout and early stopping are the remedy, and SHAP values none.
