"""
==========================================
DNA: where does the network see the motif?
==========================================

Half of the strings on this page hold a binding site of a protein, a motif of seven bases, at a
place that differs from string to string. :class:`~sklstm.LSTMClassifier` is told which strings hold
it, but neither what it looks like nor where it is. Then the page asks the network where it is.
"""

# %%
# The strings
# -----------
# The motif is ``TGA.TCA``, where the point is any base. Everything else is drawn at random, and the
# strings of the other class hold no copy of it. The strings are made, so that the right answer is
# known.

from sklstm.datasets import make_motif_sequences

dna = make_motif_sequences(random_state=0)
print(f"{len(dna.data)} strings of {len(dna.data[0])} bases")
for row in range(6):
    print(f"\n{dna.data[row]}  {dna.target_names[dna.target[row]]}")
    if dna.target[row]:
        print(" " * dna.motif_start[row] + "^" * len(dna.motif))

# %%
# Four models
# -----------
# *Columns* gives each base of each place a column of its own. *Short words* counts the words of one
# to four bases, wherever they are: two halves of the motif count, but not that one follows the
# other. *Words of 7* counts those as long as the motif, which nobody would know beforehand.
#
# The *LSTM* reads the strings in both directions, one base at a time, and takes the maximum of its
# hidden units over the places: a motif can be anywhere.
# :class:`~sklstm.preprocessing.SequenceOneHotEncoder` turns a string into a sequence of four
# columns; an unknown symbol becomes a quarter of each base, which is for later.

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklstm import LSTMClassifier
from sklstm.preprocessing import SequenceOneHotEncoder


def flatten(sequences):
    """One row per sequence."""
    return np.reshape(sequences, (len(sequences), -1))


def words(shortest, longest):
    """Counts of all words of these lengths, and a linear model of them."""
    counts = CountVectorizer(analyzer="char", ngram_range=(shortest, longest), lowercase=False)
    return make_pipeline(counts, LogisticRegression(max_iter=1000))


one_hot = SequenceOneHotEncoder("ACGT", handle_unknown="uniform")
models = {
    "columns": make_pipeline(one_hot, FunctionTransformer(flatten), LogisticRegression()),
    "short words": words(1, 4),
    "words of 7": words(7, 7),
    "LSTM": make_pipeline(
        one_hot,
        LSTMClassifier(
            hidden_size=32,
            pooling="max",
            dropout=0.5,
            lr_schedule="constant",
            weight_decay=0.0,
            max_epochs=40,
            random_state=0,
        ),
    ),
}

# %%
# Accuracy
# --------
# One test part is small. The models are fitted on five sets of strings, each time on the first 350,
# and tested on the other 150. The settings of the LSTM were chosen on other sets.

n_train = 350
accuracy = {name: [] for name in models}
for seed in range(5):
    X, y = make_motif_sequences(random_state=seed, return_X_y=True)
    for name, model in models.items():
        model.fit(X[:n_train], y[:n_train])
        accuracy[name].append(model.score(X[n_train:], y[n_train:]))
for name, values in accuracy.items():
    print(f"{name:12} {np.mean(values):.3f} (lowest {min(values):.3f})")

# %%
# Columns do little better than guessing, because the motif has no fixed place. Short words see that
# something is there. The LSTM is nearly always right, words of 7 always: with a known length and a
# free base, four words are all there is to count.
# :ref:`sphx_glr_auto_examples_plot_protein_motifs.py` has a motif that cannot be counted like this.

# %%
# Where is it?
# ------------
# Hide three neighbouring bases, write ``N`` (any base) for them, and see by how much the log-odds
# of "motif" fall. Bases that do not matter are not missed. Each row of the picture is a string of
# the test part with a motif, which is between the two lines; the rows are sorted by its place. What
# is blue beside the lines hides one base of the motif, too.

model = models["LSTM"].fit(dna.data[:n_train], dna.target[:n_train])
test = np.arange(n_train, len(dna.data))
rows = test[dna.target[test] == 1]
rows = rows[np.argsort(dna.motif_start[rows])]
strings, start = dna.data[rows], dna.motif_start[rows]


def drops(strings, width):
    """Fall of the log-odds with ``width`` bases hidden, for each string and first hidden base."""
    n_places = len(strings[0]) - width + 1
    hidden = [s[:k] + "N" * width + s[k + width :] for s in strings for k in range(n_places)]
    log_odds = model.decision_function(hidden).reshape(len(strings), n_places)
    return model.decision_function(strings)[:, None] - log_odds


# %%
import matplotlib.pyplot as plt

WIDTH = 3

fig, ax = plt.subplots(figsize=(8, 5), layout="constrained")
image = ax.imshow(
    drops(strings, WIDTH),
    cmap="Blues",
    vmin=0,
    aspect="auto",
    interpolation="nearest",
    extent=(WIDTH // 2, len(strings[0]) - WIDTH // 2, len(strings), 0),
)
height = np.arange(len(strings) + 1)
for edge in (start, start + len(dna.motif)):
    ax.stairs(edge, height, orientation="horizontal", color="#D55E00", baseline=None)
ax.set(
    xlabel="place of the hidden bases (their middle)",
    ylabel="string of the test part",
    xlim=(0, len(strings[0])),
)
fig.colorbar(image, label="fall of the log-odds")
plt.show()

# %%
# Which bases of it?
# ------------------
# The same with one base at a time, each string shifted so that its motif begins at the same place,
# and averaged.

AROUND = 6

one_base = drops(strings, 1)
offsets = np.arange(-AROUND, len(dna.motif) + AROUND)
aligned = np.full((len(strings), len(offsets)), np.nan)
for row, first in enumerate(start):
    inside = (first + offsets >= 0) & (first + offsets < one_base.shape[1])
    aligned[row, inside] = one_base[row, (first + offsets)[inside]]

letters = [dna.motif[k] if 0 <= k < len(dna.motif) else "" for k in offsets]
fixed = [letter not in ("", ".") for letter in letters]
fig, ax = plt.subplots(figsize=(8, 4), layout="constrained")
ax.bar(
    offsets,
    np.nanmean(aligned, axis=0),
    yerr=np.nanstd(aligned, axis=0),
    color=np.where(fixed, "#0072B2", "#BBBBBB"),
    capsize=3,
)
ax.axhline(0, color="black", linewidth=0.8)
ax.set_xticks(offsets, letters, fontsize="large")
ax.set(
    xlabel="hidden base (the motif, and what is beside it)",
    ylabel="fall of the log-odds",
)
plt.show()

# %%
# The bars are means over the strings, the lines their standard deviation. The network has found the
# motif, its free base included, from labels alone.
