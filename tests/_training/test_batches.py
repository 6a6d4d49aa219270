"""How many rows go through a network at once."""

from types import SimpleNamespace

import pytest

from sklstm._training._batches import inference_rows


def network(on_gpu, width=65, n_features=1):
    x_mean = SimpleNamespace(is_cuda=on_gpu)
    return SimpleNamespace(width=width, architecture={"n_features": n_features}, x_mean=x_mean)


def test_a_gpu_is_given_more_rows_at_once():
    assert inference_rows(network(True), 100) > 10 * inference_rows(network(False), 100)


@pytest.mark.parametrize(("width", "n_timesteps"), [(2, 1), (65, 1), (65, 100), (10**6, 10**6)])
def test_rows_are_few_enough_for_cudnn(width, n_timesteps):
    # It has kernels that count to 65 535.
    assert 4 <= inference_rows(network(True, width), n_timesteps) < 2**16
