"""
==================================
A prediction service without torch
==================================

A speaker recogniser is trained with torch and then answers requests one at a time, on a machine
that has no torch. :func:`~sklstm.io.export_onnx` writes the network as one file, with everything
that ``predict`` does; :func:`~sklstm.io.load_onnx` reads it with onnxruntime. This page asks
whether both say the same, and how long one request takes.
"""

# %%
# Train and export
# ----------------
# Nine speakers say two vowels; an utterance has 7 to 29 frames of 12 coefficients (see
# :ref:`sphx_glr_auto_examples_plot_japanese_vowels.py`). A second file holds the same network with
# weights of eight bits.

import tempfile
from pathlib import Path

from sklstm import LSTMClassifier
from sklstm.datasets import load_japanese_vowels
from sklstm.io import export_onnx, load_onnx
from sklstm.simplify import quantize

X, y = load_japanese_vowels(return_X_y=True, ragged=True)
X_test, y_test = load_japanese_vowels(return_X_y=True, ragged=True, subset="test")
model = LSTMClassifier(hidden_size=64, max_epochs=20, random_state=0).fit(X, y)

folder = tempfile.TemporaryDirectory()
files = {"ONNX": Path(folder.name) / "speaker.onnx", "ONNX, int8": Path(folder.name) / "int8.onnx"}
export_onnx(model, files["ONNX"])
export_onnx(quantize(model), files["ONNX, int8"])
for name, path in files.items():
    print(f"{name}: {path.stat().st_size / 1000:.0f} kB")

# %%
# Load and predict
# ----------------
# This half runs where torch is not installed. What ``load_onnx`` returns takes utterances as the
# classifier did, in any layout and of any length, and has its ``predict`` methods.

import numpy as np

models = {"torch": model} | {name: load_onnx(path) for name, path in files.items()}
for name, shipped in models.items():
    print(f"{name:11s} accuracy {np.mean(shipped.predict(X_test) == y_test):.3f}")

# %%
# Agreement and latency
# ---------------------
# The agreement is the largest difference of the nine probabilities of an utterance from those of
# the classifier. The latency is that of ``predict`` for one utterance, one model after the other.

import time

probabilities = {name: shipped.predict_proba(X_test) for name, shipped in models.items()}
difference = {
    name: np.abs(probabilities[name] - probabilities["torch"]).max(axis=1) for name in files
}

milliseconds = {name: [] for name in models}
for name, shipped in models.items():
    for utterance in X_test[:200]:
        begin = time.perf_counter()
        shipped.predict([utterance])
        milliseconds[name].append(1000 * (time.perf_counter() - begin))
for name, measured in milliseconds.items():
    print(f"{name:11s} median {np.median(measured):.2f} ms")

# %%
import matplotlib.pyplot as plt

STYLES = {
    "torch": {"color": "#777777"},
    "ONNX": {"color": "#0072B2"},
    "ONNX, int8": {"color": "#E69F00", "linestyle": "--"},
}

fig, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for name, measured in milliseconds.items():
    share = np.arange(1, len(measured) + 1) / len(measured)
    axes[0].plot(np.sort(measured), share, label=name, **STYLES[name])
for name, values in difference.items():
    share = np.arange(1, len(values) + 1) / len(values)
    axes[1].plot(np.maximum(np.sort(values), 1e-9), share, label=name, **STYLES[name])
axes[0].set(
    title="How long one utterance takes",
    xlabel="milliseconds of predict",
    ylabel="share of the utterances",
    xscale="log",
)
axes[1].set(
    title="How far the probabilities are off",
    xlabel="largest difference from the classifier",
    ylabel="share of the utterances",
    xscale="log",
)
for ax in axes:
    ax.grid(alpha=0.3)
    ax.legend()
plt.show()

# %%
# The file says what the classifier says, up to the rounding of float32 (differences below 1e-9 are
# drawn at 1e-9), and takes a fraction of the time for one utterance: most of what torch needs for
# so small a network is its own bookkeeping. Eight bits make a file of a third of the size, and move
# the probabilities by up to a hundredth where an utterance is in doubt. Many utterances at once are
# another matter: there torch is the faster of the two (:doc:`/onnx`).

folder.cleanup()
