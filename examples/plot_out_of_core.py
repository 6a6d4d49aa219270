"""
=======================
Data larger than memory
=======================

Recordings of 250 sensors in a file of 200 MB, which stands for one of 200 GB. The network reads it
a few rows at a time, so that what it asks of the memory does not grow with the file.
"""

# %%
# A file
# ------
# 5000 recordings of 40 steps, written part by part. Two of the sensors decide, by what they say
# at the end.

import tempfile
from pathlib import Path

import numpy as np

folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "recordings.npy"
rng = np.random.default_rng(0)
recordings = np.lib.format.open_memmap(path, "w+", dtype=np.float32, shape=(5000, 40, 250))
for begin in range(0, 5000, 500):
    recordings[begin : begin + 500] = rng.standard_normal((500, 40, 250), dtype=np.float32)
y = 2 * recordings[:, -1, 0] - recordings[:, -1, 1]
size = path.stat().st_size / 1e6
print(f"{size:.0f} MB")

# %%
# Two ways to read it
# -------------------
# ``mmap_mode="r"`` opens the file and reads nothing yet. The usual way, without it, reads all of
# the file into an array. A thread writes down meanwhile how much memory the process has for itself.
# Parts of the file that the system keeps at hand do not count: they make room as soon as somebody
# needs it.

import math
import threading
import time

from sklstm import LSTMRegressor


def private_memory():
    """Memory of this process in MB, without parts of files; NaN where the system does not say."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(s.split()[1]) / 1000 for s in lines if s.startswith("RssAnon")), math.nan)


def watch(function):
    """What a function returns; and the seconds and the memory added while it ran."""
    seconds, added, done = [], [], threading.Event()
    begin, before = time.perf_counter(), private_memory()

    def write_down():
        while not done.wait(0.02):
            seconds.append(time.perf_counter() - begin)
            added.append(private_memory() - before)

    thread = threading.Thread(target=write_down)
    thread.start()
    try:
        return function(), seconds, added
    finally:
        done.set()
        thread.join()


def fit(mmap_mode, n_rows=4500):
    """Open the file, and train on its first rows."""
    X = np.load(path, mmap_mode=mmap_mode)
    model = LSTMRegressor(hidden_size=8, pooling=["last", "input"], max_epochs=2, random_state=0)
    return model.fit(X[:n_rows], y[:n_rows])


fit("r", n_rows=20)  # loads what the first fit of a process loads
from_file, file_seconds, file_memory = watch(lambda: fit("r"))
from_array, array_seconds, array_memory = watch(lambda: fit(None))
print(f"memory map {max(file_memory):.0f} MB, array {max(array_memory):.0f} MB")

# %%
# The same model
# --------------
# Both fits saw the same rows in the same order, and predict the same to the last bit.

X_test = np.load(path, mmap_mode="r")[4500:]
print(f"R² on {len(X_test)} new recordings: {from_file.score(X_test, y[4500:]):.2f}")
print("equal predictions:", np.array_equal(from_file.predict(X_test), from_array.predict(X_test)))

# %%
import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.plot(array_seconds, array_memory, color="#777777", label="read into an array")
ax.plot(file_seconds, file_memory, color="#0072B2", label="memory map")
ax.axhline(size, color="black", linewidth=1, linestyle=":", label="size of the file")
ax.set(
    title="What fit takes of the memory",
    xlabel="seconds of fit",
    ylabel="MB more than before",
    xlim=(0, None),
    ylim=(0, None),
)
ax.grid(alpha=0.3)
ax.legend()
plt.show()

# %%
# The array takes its own size, and once more that of the rows it is trained on. The memory map
# takes what a few batches and the checks need; of a file of 5 GB it was no more
# (:doc:`/large_data`).

del recordings, X_test
folder.cleanup()
