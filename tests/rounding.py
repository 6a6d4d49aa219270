"""What is the same to the last bit on the CPU, and to rounding on a GPU.

There the products of a larger batch are summed in another order, and an explanation computes
without cuDNN.
"""

import numpy as np
import torch

ON_GPU = torch.cuda.is_available()  # conftest.py hides a GPU that the tests do not run on
# Relative error of the sum of a few products.
ROUNDING = 1e-5 if ON_GPU else 1e-9


def assert_same_numbers(found, expected, err_msg=""):
    """Equal on the CPU; float32 has rounded either on a GPU."""
    found, expected = np.asarray(found), np.asarray(expected)
    if ON_GPU and expected.dtype.kind == "f":
        assert found.shape == expected.shape
        size = np.abs(expected[np.isfinite(expected)]).max(initial=0.0)
        options = {"rtol": 1e-5, "atol": 1e-5 * size, "err_msg": err_msg}
        np.testing.assert_allclose(found, expected, **options)
    else:
        np.testing.assert_array_equal(found, expected, err_msg=err_msg)
