"""What holds for all tests and all examples in docstrings."""

import os
import sys

import pytest

os.environ["MPLBACKEND"] = "agg"


def pytest_addoption(parser):
    """Let the tests run on a GPU."""
    parser.addoption(
        "--device",
        choices=["cpu", "cuda"],
        default="cpu",
        help='what device="auto" is: the CPU, also beside a GPU, or the GPU',
    )


def pytest_configure(config):
    """Hide a GPU, or make sure that there is one."""
    if config.getoption("device") == "cpu":
        # Before torch looks for one. Processes that tests start see none either.
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
        return
    import torch

    if not torch.cuda.is_available():
        raise pytest.UsageError("--device cuda: torch sees no GPU on this machine")
    # torch lets cuDNN round an LSTM's products to 10 bits; the tests compare float32.
    torch.backends.cudnn.allow_tf32 = False


def pytest_collection_modifyitems(config, items):
    """Leave out on a GPU what is only about the CPU."""
    if config.getoption("device") == "cuda":
        left_out = [item for item in items if item.get_closest_marker("cpu")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("cpu")]


@pytest.fixture(autouse=True)
def close_figures():
    """Examples draw pictures and leave them open, as a person does."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
