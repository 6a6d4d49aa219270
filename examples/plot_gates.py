"""
=========================================
Gates: a memory as long as the task needs
=========================================

How long does a network remember? It is not told; it learns it from the task, by its forget gates.
This page trains networks of one unit on tasks whose memory is known, and compares what the gates
say with what the networks do.
"""

# %%
# Tasks with a known memory
# -------------------------
# A tank leaks: at every step it loses a share of its water, and what flows in is added. The
# network reads the inflow and has to say how much is in the tank. Half of the water is gone after
# 1, 2, 4, 8 or 16 steps, and so long the network has to remember.

import numpy as np

from sklstm import LSTMRegressor

HALF_LIVES = [1, 2, 4, 8, 16]
N_STEPS = 60

rng = np.random.default_rng(0)
inflow = rng.normal(size=(300, N_STEPS, 1))


def tank(inflow, half_life):
    """What is in the tank after each step."""
    kept = 0.5 ** (1 / half_life)
    level = np.zeros(inflow.shape[:2])
    for t in range(inflow.shape[1]):
        level[:, t] = inflow[:, t, 0] + (kept * level[:, t - 1] if t else 0)
    return level


models = {}
for half_life in HALF_LIVES:
    y = tank(inflow, half_life)
    model = LSTMRegressor(
        hidden_size=1,
        dropout=0.0,
        learning_rate=0.02,
        max_epochs=40,
        return_sequences=True,
        random_state=0,
    )
    models[half_life] = model.fit(inflow[:200], y[:200])
    print(f"half-life {half_life:2d}: R² on new rows {model.score(inflow[200:], y[200:]):.3f}")

# %%
# What the gates say
# ------------------
# :func:`~sklstm.explain.explain_gates` returns the half-life that follows from the mean of each
# forget gate f: so many steps until half of what the unit holds is left, ln 2 / -ln f.

gates = {half_life: models[half_life].explain_gates(inflow[200:]) for half_life in HALF_LIVES}
print("task   mean of f   half-life by the gate")
for half_life, found in gates.items():
    forget = found.forget_gate[:, 1:].mean()
    print(f"{half_life:4d}   {forget:9.2f}   {found.half_life[0, 0, 0]:8.1f}")

# %%
# What the network does
# ---------------------
# One stroke of inflow, nothing before and nothing after: how fast does the answer fade? On the
# left, the answers, and dotted what a tank does. On the right, the half-lives by the gates and
# those of the answers.

import matplotlib.pyplot as plt

stroke = np.zeros((1, N_STEPS, 1))
stroke[0, 10] = 1.0
steps = np.arange(N_STEPS) - 10


def answer(model):
    """What the stroke adds to the output at each step."""
    return (model.predict(stroke) - model.predict(0 * stroke))[0]


def half_life_of(fading):
    """Steps from the stroke until half of the answer is left, between two steps on a line."""
    left = fading[10:] / fading[10]
    after = int(np.argmax(left < 0.5))
    return after - (0.5 - left[after]) / (left[after - 1] - left[after])


# %%
colors = plt.cm.viridis(np.linspace(0.85, 0, len(HALF_LIVES)))
fig, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained", width_ratios=[3, 2])
for half_life, color in zip(HALF_LIVES, colors, strict=True):
    fading = answer(models[half_life])
    axes[0].plot(steps, fading, color=color, label=f"{half_life}")
    axes[0].plot(steps, tank(stroke, half_life)[0], color=color, linestyle=":")
    by_gate, by_answer = gates[half_life].half_life[0, 0, 0], half_life_of(fading)
    axes[1].plot(half_life, by_gate, "o", color=color, markersize=10)
    axes[1].plot(half_life, by_answer, "x", color=color, markersize=10, markeredgewidth=3)
axes[0].set(xlabel="steps after the stroke", ylabel="answer of the network", xlim=(-5, 40))
axes[0].legend(title="half-life of the tank")
axes[1].plot([0.8, 22], [0.8, 22], color="black", linewidth=0.8, linestyle=":")
axes[1].set(
    xscale="log",
    yscale="log",
    xlabel="half-life of the tank",
    ylabel="o by the gate,  x of the answer",
)
for axis in (axes[1].xaxis, axes[1].yaxis):
    axis.set_major_locator(plt.FixedLocator(HALF_LIVES))
    axis.set_major_formatter("{x:.0f}")
    axis.set_minor_locator(plt.NullLocator())
plt.show()

# %%
# The longer the task, the longer the memory. What the network *does* is right: the crosses are on
# the line. What the gate *says* has the right order, and is up to two and a half times too long.
# A unit can forget in two ways, by its forget gate, and by writing against what it holds: the
# state it shows comes back at the next step as an input of the candidate. The half-life by the
# gate knows only the first.
#
# So a long half-life says that a unit *can* hold on, neither that it does nor that anybody
# listens. Pictures of gates, as in :ref:`sphx_glr_auto_examples_plot_inside.py`, are a place to
# begin; :func:`~sklstm.explain.explain_units` says what the units add to the output, and an
# experiment like this one what the network does.
