"""Validation rows: newest last, classes in proportion, no row twice."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sklstm._data import split_last, split_random

FRACTIONS = [0.01, 0.1, 0.25, 0.5, 0.9, 0.999]


def expected_count(n, fraction):
    return min(n - 1, max(1, round(fraction * n)))


@pytest.mark.parametrize("n", [2, 3, 10, 101])
@pytest.mark.parametrize("fraction", FRACTIONS)
def test_last_rows_are_watched(n, fraction):
    rows = np.random.default_rng(0).permutation(200)[:n]
    training, validation = split_last(rows, fraction)
    assert_array_equal(np.concatenate([training, validation]), rows)
    assert len(validation) == expected_count(n, fraction)


@pytest.mark.parametrize("n", [2, 3, 10, 101])
@pytest.mark.parametrize("fraction", FRACTIONS)
@pytest.mark.parametrize("n_classes", [None, 1, 2, 5])
def test_random_split_uses_every_row_once(n, fraction, n_classes):
    for seed in range(10):
        strata = None
        if n_classes is not None:
            strata = np.random.default_rng(seed).integers(0, n_classes, n)
        training, validation = split_random(n, fraction, strata, seed)
        assert sorted([*training, *validation]) == list(range(n))
        assert len(validation) == expected_count(n, fraction)
        for part in training, validation:
            assert len(part) >= 1
            assert (np.diff(part) > 0).all()


def test_random_split_depends_on_the_seed_alone():
    before = np.random.get_state()
    first = split_random(50, 0.3, None, 7)
    np.random.rand(3)
    again, other = split_random(50, 0.3, None, 7), split_random(50, 0.3, None, 8)
    np.random.set_state(before)
    assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[1], other[1])


def test_random_split_leaves_the_global_state_alone():
    before = np.random.get_state()[1].copy()
    split_random(50, 0.3, np.arange(50) % 2, 7)
    assert_array_equal(np.random.get_state()[1], before)


@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.5])
@pytest.mark.parametrize("counts", [[60, 40], [80, 20], [90, 10], [50, 30, 20]])
def test_classes_keep_their_proportions(counts, fraction):
    strata = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    for seed in range(5):
        _, validation = split_random(100, fraction, strata, seed)
        watched = np.bincount(strata[validation], minlength=len(counts))
        assert (abs(watched - fraction * np.array(counts)) < 1).all()


@pytest.mark.parametrize("fraction", [0.05, 0.2, 0.5])
@pytest.mark.parametrize("n_singles", [1, 3, 6])
def test_class_of_one_row_stays_in_training(fraction, n_singles):
    strata = np.concatenate([np.arange(40) % 2, np.arange(2, 2 + n_singles)])
    for seed in range(20):
        training, validation = split_random(len(strata), fraction, strata, seed)
        assert set(range(40, 40 + n_singles)) <= set(training)
        assert len(validation) == expected_count(len(strata), fraction)


def test_rows_that_are_all_of_their_own_class_are_split_all_the_same():
    training, validation = split_random(6, 0.3, np.arange(6), 0)
    assert len(training) == 4
    assert len(validation) == 2


def test_classes_may_have_gaps_in_their_numbers():
    strata = np.array([0, 5] * 20 + [9])
    training, validation = split_random(41, 0.25, strata, 0)
    assert 40 in training
    assert np.bincount(strata[validation])[[0, 5]].tolist() == [5, 5]


def test_every_class_is_in_both_parts_where_there_is_room():
    strata = np.repeat(np.arange(5), 4)
    for seed in range(20):
        training, validation = split_random(20, 0.25, strata, seed)
        assert set(strata[training]) == set(strata[validation]) == set(range(5))


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_rows_cannot_be_split(n):
    for split in (
        lambda: split_last(np.arange(n), 0.5),
        lambda: split_random(n, 0.5, None, 0),
        lambda: split_random(n, 0.5, np.zeros(n, int), 0),
    ):
        with pytest.raises(ValueError, match=r"at least 2 different samples") as excinfo:
            split()
        assert f"Got {n} sample" in str(excinfo.value)
        assert "early_stopping" in str(excinfo.value)
