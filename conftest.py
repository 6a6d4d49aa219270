"""What holds for all tests and all examples in docstrings."""

import os
import sys

import pytest

os.environ["MPLBACKEND"] = "agg"


@pytest.fixture(autouse=True)
def close_figures():
    """Examples draw pictures and leave them open, as a person does."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
