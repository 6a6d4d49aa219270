"""Functions and classes are known by their code, wherever they are defined."""

import functools
from collections import OrderedDict

import numpy as np
import pytest
import torch

from sklstm._training._identity import identity

SCRIPT = """
import torch

def outer(factor):
    def inner(batch, generator, sign=1):
        return [value * factor for value in batch if value in {"a", "b", "c"}]
    return inner

class Base(torch.nn.Module):
    def extra(self):
        return super().extra_repr()

class Net(Base):
    size = 3

    def __init__(self, scale=0.5):
        self.scale = scale

    @staticmethod
    def doubled(x):
        return 2 * x

    @property
    def half(self):
        return self.scale / 2

    def __call__(self, batch, generator):
        return self.half
"""
VALUES = ["outer", "outer(2)", "Base", "Net", "[Net()]", "(Net(0.1), outer(1))"]


def defined(expression, script=SCRIPT):
    """As a script defines it, which pickle finds nowhere."""
    scope = {"__name__": "__main__"}
    exec(script, scope)
    return eval(expression, scope)


@pytest.mark.parametrize("value", VALUES)
def test_what_a_script_defines_is_known_again(value):
    assert identity(defined(value)) == identity(defined(value))


def test_different_values_are_different():
    assert len({identity(defined(value)) for value in [*VALUES, "Net()", "outer(3)"]}) == 8


@pytest.mark.parametrize(
    "value, old, new",
    [
        ("outer", "value * factor", "value + factor"),
        ("outer", '"c"', '"d"'),
        ("outer(2)", "sign=1", "sign=2"),
        ("outer(2)", "sign", "mark"),
        ("Net", "2 * x", "3 * x"),
        ("Net", "self.scale / 2", "self.scale / 3"),
        ("Net", "size = 3", "size = 4"),
        ("Net", "scale=0.5", "scale=0.25"),
        ("Net", "extra_repr", "get_extra_state"),
        ("Net()", "2 * x", "3 * x"),
    ],
)
def test_a_change_is_found(value, old, new):
    assert SCRIPT.count(old) >= 1
    changed = defined(value, SCRIPT.replace(old, new))
    assert identity(changed) != identity(defined(value))


def test_where_the_code_stands_does_not_count():
    moved = "# A comment\n\n" + SCRIPT.replace("\nclass", "\n\n\nclass")
    for value in VALUES:
        assert identity(defined(value, moved)) == identity(defined(value))


def test_a_spawned_process_runs_the_same_script():
    def spawned(script):
        scope = {"__name__": "__mp_main__"}
        exec(script, scope)
        return scope["Net"]

    assert identity(spawned(SCRIPT)) == identity(defined("Net"))


@pytest.mark.parametrize(
    "one, two, other",
    [
        (torch.ones(3), torch.ones(3), torch.zeros(3)),
        (torch.ones(2, 3), torch.ones(3, 2).T, torch.ones(3, 2)),
        (torch.ones(3), torch.ones(3), torch.ones(3).double()),
        (np.arange(3), np.arange(3), np.arange(3.0)),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 1, "b": 3}),
        (torch.optim.SGD, torch.optim.SGD, torch.optim.Adam),
        (functools.partial(OrderedDict, a=1), functools.partial(OrderedDict, a=1), OrderedDict),
    ],
)
def test_other_parameters_are_known_by_their_content(one, two, other):
    assert identity(one) == identity(two)
    assert identity(one) != identity(other)


def test_what_cannot_be_pickled_is_an_error():
    with pytest.raises(TypeError, match="generator"):
        identity(value for value in ())
