"""
==========================
A label at every time step
==========================

A signal switches between two regimes, and the task is to say at every step which one it is in. The
data are drawn from a model that is known, so that the best possible answer can be computed, for
those who see the past and for those who see the future, too. This page puts
:class:`~sklstm.LSTMClassifier` with ``return_sequences=True`` beside both.
"""

# %%
# A hidden switch
# ---------------
# In one regime the signal *drifts*: each value is 0.9 times the one before, plus noise. In the
# other it *jitters*: each value is drawn anew. Mean and spread are the same in both, so that a
# single value says nothing at all about the regime. What tells is how the values follow each other.
#
# The switch is a Markov chain: at every step it turns with a small probability, which depends on
# the regime and on nothing else. A third of all steps are jitter. Sequences have 50 to 150 steps.

import numpy as np

DRIFT, JITTER = 0, 1
TURN = np.array([[0.975, 0.025], [0.05, 0.95]])  # from a regime (row) to a regime (column)
SHARE = np.array([2 / 3, 1 / 3])  # of each regime in the long run
MEMORY = np.array([0.9, 0.0])  # share of the last value that stays
NOISE = np.sqrt(1 - MEMORY**2)  # so that the spread is 1 in both


def draw(n, rng):
    """Sequences of shape (length, 1), and the regime at each of their steps."""
    X, y = [], []
    for length in rng.integers(50, 151, size=n):
        noise, chance = rng.normal(size=length), rng.random(size=length)
        values, regimes = noise.copy(), (chance > SHARE[DRIFT]).astype(int)
        for t in range(1, length):
            regimes[t] = chance[t] > TURN[regimes[t - 1], DRIFT]
            values[t] = MEMORY[regimes[t]] * values[t - 1] + NOISE[regimes[t]] * noise[t]
        X.append(values[:, None])
        y.append(regimes)
    return X, y


rng = np.random.default_rng(0)
X, y = draw(240, rng)
steps, labels = np.concatenate(X)[:, 0], np.concatenate(y)
for regime, name in enumerate(["drift", "jitter"]):
    values = steps[labels == regime]
    print(f"{name:7}{len(values):6} steps, mean {values.mean():5.2f}, spread {values.std():.2f}")

# %%
# The best possible answers
# -------------------------
# Who knows the model can compute the probability of each regime exactly. Forwards, step by step,
# the *filter* knows it given the values up to now. Backwards, the same recursion weighs the values
# to come. The product of both is the *smoother*, which knows the probability given the whole
# sequence (Rabiner, Proceedings of the IEEE 77, 1989).
#
# No label can be right more often than that of the filter with what was measured until then, or
# than that of the smoother with the whole sequence. So they are not competitors, but the ceiling.

from sklearn.base import BaseEstimator, ClassifierMixin, clone


def likelihoods(x):
    """How likely each value is in each regime, given the value before it."""
    error = (x[1:] - MEMORY * x[:-1]) / NOISE
    return np.r_[np.ones((1, 2)), np.exp(-0.5 * error**2) / NOISE]


def forwards(x):
    """Probability of each regime given the past and the present."""
    state, states = SHARE, []
    for likelihood in likelihoods(x):
        state = state * likelihood / (state @ likelihood)
        states.append(state)
        state = state @ TURN
    return np.array(states)


def backwards(x):
    """How likely the values to come are in each regime, up to a factor."""
    weight, weights = np.ones(2), []
    for likelihood in likelihoods(x)[::-1]:
        weights.append(weight)
        weight = TURN @ (likelihood * weight)
        weight = weight / weight.sum()
    return np.array(weights)[::-1]


class StepClassifier(ClassifierMixin, BaseEstimator):
    """What both kinds of baseline on this page share."""

    def predict(self, X):
        """Label each step with its most probable regime."""
        return [p.argmax(axis=1) for p in self.predict_proba(X)]


class Exact(StepClassifier):
    """The filter, or the smoother."""

    def __init__(self, smooth=False):
        self.smooth = smooth

    def fit(self, X, y):
        """Do nothing: the model is known."""
        self.classes_ = np.array([DRIFT, JITTER])
        return self

    def predict_proba(self, X):
        """Probabilities of the regimes at each step."""
        states = [forwards(x) * backwards(x) if self.smooth else forwards(x) for x in X]
        return [state / state.sum(axis=1, keepdims=True) for state in states]


# %%
# Those who have to learn
# -----------------------
# * *Logistic regression of each step* sees one value.
# * *Boosted trees* see the last 10 values, or 10 on both sides as well, in a table with one row per
#   step.
# * The *LSTM* reads the lists of sequences as they are. One-directional, it has seen the past; with
#   ``bidirectional=True``, it has seen all of the sequence.

from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from sklstm import LSTMClassifier


class PerStep(StepClassifier):
    """A classifier of table rows: of each step the values around it, NaN beyond the ends."""

    def __init__(self, classifier, before=0, after=0):
        self.classifier = classifier
        self.before = before
        self.after = after

    def rows(self, x):
        """One row per step."""
        padded = np.pad(x[:, 0], (self.before, self.after), constant_values=np.nan)
        return np.lib.stride_tricks.sliding_window_view(padded, self.before + 1 + self.after)

    def fit(self, X, y):
        """Fit the classifier to the steps of all sequences."""
        rows = np.concatenate([self.rows(x) for x in X])
        self.classifier_ = clone(self.classifier).fit(rows, np.concatenate(y))
        self.classes_ = self.classifier_.classes_
        return self

    def predict_proba(self, X):
        """Probabilities of the regimes at each step."""
        return [self.classifier_.predict_proba(self.rows(x)) for x in X]


trees = HistGradientBoostingClassifier(learning_rate=0.2, random_state=0)
lstm = LSTMClassifier(
    hidden_size=16,
    bidirectional=False,
    dropout=0.0,
    weight_decay=0.0,
    return_sequences=True,
    learning_rate=0.02,
    lr_schedule="one_cycle",
    batch_size=16,
    max_epochs=20,
    early_stopping=False,
    random_state=0,
)
models = {
    "one step": {"logistic regression": PerStep(LogisticRegression())},
    "the past": {
        "boosted trees": PerStep(trees, before=9),
        "LSTM": lstm,
        "filter, exact": Exact(),
    },
    "the whole sequence": {
        "boosted trees": PerStep(trees, before=10, after=10),
        "LSTM, bidirectional": clone(lstm).set_params(bidirectional=True),
        "smoother, exact": Exact(smooth=True),
    },
}

# %%
# Cross-validation
# ----------------
# :func:`~sklstm.metrics.sequence_scorer` makes a scorer of any metric: it puts the steps of all
# sequences in one row, each counted once. Folds are of whole sequences. The F1 score is that of
# jitter; the log loss judges the probabilities.

from sklearn.metrics import f1_score, log_loss
from sklearn.model_selection import KFold, cross_validate

from sklstm.metrics import sequence_scorer

scoring = {
    "f1": sequence_scorer(f1_score),
    "loss": sequence_scorer(log_loss, response_method="predict_proba", greater_is_better=False),
}
fitted = {}
print(f"{'':26}F1 score        log loss")
for seen, group in models.items():
    print(f"seen: {seen}")
    for name, model in group.items():
        result = cross_validate(model, X, y, cv=KFold(3), scoring=scoring, return_estimator=True)
        fitted[seen, name] = result["estimator"][0]
        f1, loss = result["test_f1"], -result["test_loss"]
        print(f"  {name:24}{f1.mean():.3f} ± {f1.std():.3f}   {loss.mean():.3f} ± {loss.std():.3f}")

# %%
# Where a single value says nothing, logistic regression always answers with the more frequent
# regime, and never finds jitter. The trees do well. The LSTM, which was not told how far to look
# back, is between them and the exact filter; the bidirectional one is between the trees and the
# exact smoother.
#
# The bidirectional LSTM is also better than the exact *filter*. Nothing that sees only the past can
# be: a score beyond that ceiling is a sign that the future was used.

# %%
# One sequence
# ------------
# Of a hundred new ones, the one with the most switches; jitter is shaded. The lines are the
# probabilities of jitter that each model computed from the values at the top.

import matplotlib.pyplot as plt

STYLES = {
    "filter, exact": {"color": "black", "linewidth": 2.5},
    "smoother, exact": {"color": "black", "linewidth": 2.5},
    "LSTM": {"color": "#0072B2"},
    "LSTM, bidirectional": {"color": "#D55E00"},
}
PAIRS = {
    "the past": ("filter, exact", "LSTM"),
    "the whole sequence": ("smoother, exact", "LSTM, bidirectional"),
}

X_new, y_new = draw(1000, rng)
shown = int(np.argmax([np.abs(np.diff(regimes)).sum() for regimes in y_new[:100]]))

fig, axes = plt.subplots(3, 1, figsize=(9, 6.5), sharex=True, layout="constrained")
axes[0].plot(X_new[shown][:, 0], color="#777777", marker=".", linewidth=1)
axes[0].set_title("the signal", loc="left")
axes[0].set_ylabel("value")
for ax, (seen, names) in zip(axes[1:], PAIRS.items(), strict=True):
    for name in names:
        (probability,) = fitted[seen, name].predict_proba([X_new[shown]])
        ax.plot(probability[:, JITTER], label=name, **STYLES[name])
    ax.set_title(f"seen: {seen}", loc="left")
    ax.set(ylabel="P(jitter)", ylim=(-0.03, 1.03))
    ax.legend(ncols=2, loc="lower right", bbox_to_anchor=(1, 1), frameon=False)
for ax in axes:
    ax.fill_between(
        np.arange(len(y_new[shown])),
        0,
        1,
        where=y_new[shown] == JITTER,
        step="mid",
        color="#E69F00",
        alpha=0.25,
        transform=ax.get_xaxis_transform(),
    )
axes[2].set_xlabel("time step")
plt.show()

# %%
# The LSTM follows the filter, with its doubts and its mistakes. Where the regime changes, both need
# some steps to notice. The smoother knows what came after, and sees most changes where they
# happened. Just before the third spell of jitter even the smoother is mistaken: that drift looks
# like jitter, and there is no more in the data.

# %%
# At the end of the sequence
# --------------------------
# The newest step has no future. Here are the errors of the last 20 steps of 1000 new sequences.

before_end = np.arange(20)
wrong = {}
for seen, names in PAIRS.items():
    for name in names:
        errors = [p != t for p, t in zip(fitted[seen, name].predict(X_new), y_new, strict=True)]
        wrong[name] = np.mean([e[::-1][before_end] for e in errors], axis=0)

fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for name, share in wrong.items():
    dashed = {"linestyle": "--"} if name.startswith("filter") else {}
    ax.plot(before_end, share, label=name, **STYLES[name], **dashed)
ax.invert_xaxis()
ax.set(
    xlabel="steps before the end of the sequence",
    xticks=[20, 15, 10, 5, 0],
    ylabel="share of wrong labels",
    ylim=(0, None),
)
ax.grid(alpha=0.3)
ax.legend()
plt.show()

# %%
# At the last step the smoother is the filter, and the bidirectional LSTM is no better than the
# other one. Where labels are wanted while the sequence goes on, as in an alarm, it is the last step
# that counts every time: use one direction there. A mean over whole sequences, as in the table
# above, promises more. Where sequences are labelled when they are complete, as words in a
# sentence or genes in DNA, use both.
