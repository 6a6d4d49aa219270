"""Settings that must be made before NumPy, SciPy and torch are imported."""

import os

# Without it scikit-learn skips its array API check silently.
os.environ["SCIPY_ARRAY_API"] = "1"
# On small networks a second thread costs more than it gives, the more so on a busy machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")
