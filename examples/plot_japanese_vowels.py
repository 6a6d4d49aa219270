"""
===============================================
Who is speaking? Utterances of different length
===============================================

Nine speakers each say the same two vowels, and the task is to tell who is speaking. Some say them
fast, some slowly. Most classifiers want a table, so that every utterance has to become a row of
fixed width first.
:class:`~sklstm.LSTMClassifier` reads the utterances as they are.
"""

# %%
# The data
# --------
# An utterance is an array of shape ``(length, 12)``: a frame every 6.4 ms, and in each frame 12
# coefficients that describe the sound. The official split has other recordings of the same
# speakers in its test part.

from sklstm.datasets import load_japanese_vowels

vowels = load_japanese_vowels(ragged=True)
X, y = vowels.data, vowels.target
test = load_japanese_vowels(subset="test", ragged=True)
X_test, y_test = test.data, test.target

print(f"{len(X)} utterances for training, {len(X_test)} for testing")
print("frames:", vowels.lengths.min(), "to", test.lengths.max())

# %%
# Three ways to a table
# ---------------------
# Padding with zeros keeps all frames, but the same moment of the word is in another column for a
# slow speaker. Mean and standard deviation forget the order of the frames. Stretching all
# utterances to ten frames keeps the order and lines the vowels up; it has to be invented for these
# data.

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import RidgeClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklstm import LSTMClassifier


def pad_with_zeros(X, length=29):
    """All frames of an utterance in one row, then zeros."""
    rows = np.zeros((len(X), length, X[0].shape[1]))
    for row, x in zip(rows, X, strict=True):
        row[: len(x)] = x
    return rows.reshape(len(X), -1)


def mean_and_std(X):
    """Mean and standard deviation of each coefficient."""
    return np.array([np.r_[x.mean(axis=0), x.std(axis=0)] for x in X])


def stretch(X, length=10):
    """Every utterance in ten frames, in one row."""
    rows = []
    for x in X:
        position = np.linspace(0, len(x) - 1, length)
        frames = np.arange(len(x))
        rows.append([np.interp(position, frames, channel) for channel in x.T])
    return np.array(rows).reshape(len(X), -1)


def behind(to_table, classifier):
    """A classifier of rows behind one of these functions."""
    rows = FunctionTransformer(to_table)
    return make_pipeline(rows, StandardScaler(), classifier)


alphas = np.logspace(-2, 4, 7)
forest = RandomForestClassifier(100, random_state=0)
models = {
    "zeros + ridge": behind(pad_with_zeros, RidgeClassifierCV(alphas)),
    "mean, std + forest": behind(mean_and_std, forest),
    "stretched + ridge": behind(stretch, RidgeClassifierCV(alphas)),
    "LSTM": LSTMClassifier(hidden_size=32, max_epochs=30, random_state=0),
}

# %%
# Cross-validation, then the test part
# ------------------------------------
# The utterances are sorted by speaker: the folds have to be shuffled. The LSTM goes through
# :func:`~sklearn.model_selection.cross_val_score` like the rest. Its settings were chosen by this
# cross-validation; the test part was not used for it.

from sklearn.model_selection import StratifiedKFold, cross_val_score

folds = StratifiedKFold(5, shuffle=True, random_state=0)
print(f"{'accuracy':20}cross-validation   test")
for name, model in models.items():
    cv = cross_val_score(model, X, y, cv=folds)
    accuracy = model.fit(X, y).score(X_test, y_test)
    print(f"{name:20}   {cv.mean():.3f} ± {cv.std():.3f}  {accuracy:.3f}")

# %%
# Stretching, made for these data, and the LSTM, which was told nothing, are level: they differ by
# less than the folds do. Both are ahead of the other two.

# %%
# How soon can one tell?
# ----------------------
# A fitted model reads sequences of any length, so that the beginning of an utterance can be
# classified while it is still being spoken. All models were trained on whole utterances. A
# beginning is to the LSTM what it was trained on, up to a point; to the tables it is something
# else, a row of many zeros or of a stretched fragment.

import matplotlib.pyplot as plt

STYLES = {
    "zeros + ridge": {"color": "#777777", "marker": "s"},
    "mean, std + forest": {"color": "#E69F00", "marker": "^"},
    "stretched + ridge": {"color": "#009E73", "marker": "D"},
    "LSTM": {"color": "#0072B2", "marker": "o"},
}

n_frames = [1, 2, 3, 4, 6, 8, 10, 12, 15, 20, 29]
fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for name, model in models.items():
    accuracy = []
    for n in n_frames:
        beginning = np.empty(len(X_test), dtype=object)
        beginning[:] = [x[:n] for x in X_test]
        accuracy.append(model.score(beginning, y_test))
    ax.plot(n_frames, accuracy, label=name, **STYLES[name])
ax.set(
    xlabel="frames heard (one every 6.4 ms)",
    ylabel="accuracy on the test part",
    ylim=(0, 1.03),
)
ax.grid(alpha=0.3)
ax.legend(loc="lower right")
plt.show()

# %%
# Which coefficients tell the speaker?
# ------------------------------------
# Permutation importance gives each utterance the series of one coefficient from another utterance,
# cut to its length, and measures the loss of accuracy. The bars are means over ten exchanges, the
# black lines their standard deviation.
#
# The coefficients of a frame are correlated, so that the model can make up for a missing one from
# the others. A short bar says that this model does without the coefficient, not that it carries
# nothing.

importance = models["LSTM"].explain_permutation(
    X_test,
    y_test,
    n_repeats=10,
    random_state=0,
)

order = np.argsort(importance.importances_mean)
fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.barh(
    [str(k + 1) for k in order],
    importance.importances_mean[order],
    xerr=importance.importances_std[order],
    color=STYLES["LSTM"]["color"],
    capsize=3,
)
ax.set(
    xlabel="loss of accuracy when exchanged",
    ylabel="LPC cepstrum coefficient",
)
plt.show()
