"""What is the same to the last bit on the CPU, and to rounding on a GPU.

There the products of a larger batch are summed in another order, and an explanation computes
without cuDNN.
"""

import numpy as np
import torch

ON_GPU = torch.cuda.is_available()  # conftest.py hides a GPU that the tests do not run on


def assert_same_numbers(found, expected):
    """Equal on the CPU; float32 has rounded either on a GPU."""
    if ON_GPU:
        found, expected = (np.asarray(a, dtype=np.float64) for a in (found, expected))
        assert found.shape == expected.shape
        size = np.abs(expected[np.isfinite(expected)]).max(initial=0.0)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * size)
    else:
        np.testing.assert_array_equal(found, expected)
