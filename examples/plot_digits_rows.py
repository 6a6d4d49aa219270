"""
=======================
Images, read row by row
=======================

An image is a sequence, too: of its rows, from top to bottom. This page reads small handwritten
digits so, eight time steps of eight pixels, beside models that see all pixels at once. It is an
exercise, not the best way to read digits: a row of an image has neighbours on all sides, and a time
step has only a past.
"""

# %%
# The data
# --------
# Two thirds to train on, one third to test. Writers come one after the other, so that the test part
# holds other hands than the training part.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

pixels, y = load_digits(return_X_y=True)
X = pixels.reshape(-1, 8, 8)  # time steps are the rows, features the columns of the image
test = slice(1157, None)
print("X:", X.shape)

# %%
# Few digits and many
# -------------------
# Three classifiers of the flat pixels, and the LSTM with and without augmentation: rows that come a
# little sooner or later (a stretched digit), noise, and mixtures of two digits whose labels are
# mixed as well. They change the training batches alone. The accuracy of the LSTM is the mean of two
# seeds.

from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier

from sklstm import LSTMClassifier
from sklstm.augmentation import Jitter, Mixup, TimeWarp

CHANGES = [TimeWarp(0.7), Jitter(0.4), Mixup(1.0)]
EPOCHS = {100: 60, 300: 40, 1157: 20}  # fewer digits, fewer steps per epoch


def lstm_accuracy(n, augmentation):
    """Mean test accuracy of two seeds, trained on the first n digits."""
    scores = []
    for seed in range(2):
        model = LSTMClassifier(
            hidden_size=32,
            pooling="last",
            dropout=0.5,
            lr_schedule="constant",
            weight_decay=0.0,
            batch_size=32,
            max_epochs=EPOCHS[n],
            augmentation=augmentation,
            random_state=seed,
        ).fit(X[:n], y[:n])
        scores.append(model.score(X[test], y[test]))
    return np.mean(scores), model


accuracy = {}
for n in EPOCHS:
    flat = {
        "ridge": RidgeClassifier(),
        "random forest": RandomForestClassifier(random_state=0),
        "1 nearest neighbour": KNeighborsClassifier(1),
    }
    for name, model in flat.items():
        model.fit(pixels[:n], y[:n])
        accuracy[name, n] = model.score(pixels[test], y[test])
    accuracy["LSTM", n], _ = lstm_accuracy(n, None)
    accuracy["LSTM, augmented", n], lstm = lstm_accuracy(n, CHANGES)

names = list(dict.fromkeys(name for name, _ in accuracy))
print(f"{'digits to train on':20}", *(f"{n:6}" for n in EPOCHS))
for name in names:
    print(f"{name:20}", *(f"{accuracy[name, n]:6.3f}" for n in EPOCHS))

# %%
# With many digits the augmented LSTM is better than a linear model and a forest, and the nearest
# neighbour, which compares whole images, is better still. With 100 digits it is far ahead, and
# augmentation makes up a part of the distance.

STYLES = {
    "ridge": {"color": "#777777", "linestyle": ":"},
    "random forest": {"color": "#009E73", "linestyle": "-."},
    "1 nearest neighbour": {"color": "#E69F00", "linestyle": "--"},
    "LSTM": {"color": "#56B4E9", "linestyle": "-"},
    "LSTM, augmented": {"color": "#0072B2", "linestyle": "-", "linewidth": 2.5},
}
fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for name in names:
    ax.plot(list(EPOCHS), [accuracy[name, n] for n in EPOCHS], "o", label=name, **STYLES[name])
ax.set_xscale("log")
ax.set_xticks(list(EPOCHS), [str(n) for n in EPOCHS])
ax.minorticks_off()
ax.set(xlabel="digits to train on", ylabel="accuracy on the test part")
ax.grid(alpha=0.3)
ax.legend(frameon=False)
plt.show()

# %%
# Where it fails
# --------------
# The first digits that the augmented LSTM reads wrongly, with what it read.

read = lstm.predict(X[test])
wrong = np.flatnonzero(read != y[test])[:8]
fig, axes = plt.subplots(1, 8, figsize=(9, 1.8), layout="constrained")
for ax, i in zip(axes, wrong, strict=False):
    ax.imshow(X[test][i], cmap="gray_r")
    ax.set(title=f"{y[test][i]} read as {read[i]}", xticks=[], yticks=[])
    ax.title.set_fontsize(9)
plt.show()
