"""Permutations of rows, of blocks of rows, and within groups."""

import numpy as np
import pandas as pd
import pytest

from sklstm.explain._orders import read_orders

LABELS = np.array(list("abbabacabbab"))


def drawn(groups, block_size, n, n_repeats=200):
    orders = read_orders(groups, block_size, n)
    return list(orders.draw(n_repeats, np.random.RandomState(0)))


@pytest.mark.parametrize("groups", [None, LABELS, list(LABELS), pd.Series(LABELS)])
@pytest.mark.parametrize("block_size", [None, 1, 2, 3])
def test_an_order_is_a_permutation_within_groups(groups, block_size):
    for order in drawn(groups, block_size, 12):
        assert sorted(order) == list(range(12))
        if groups is not None:
            assert (LABELS[order] == LABELS).all()


@pytest.mark.parametrize("groups, block_size", [(None, None), (None, 1), (LABELS, None)])
def test_every_row_of_a_group_is_as_likely(groups, block_size):
    orders = np.stack(drawn(groups, block_size, 12, 6000))
    same = np.ones((12, 12), dtype=bool) if groups is None else LABELS[:, None] == LABELS
    shares = np.stack([(orders == donor).mean(axis=0) for donor in range(12)], axis=1)
    expected = same / same.sum(axis=1, keepdims=True)
    assert np.abs(shares - expected).max() < 5 * np.sqrt(0.25 / 6000)
    assert (shares[~same] == 0).all()


def test_rows_of_a_block_stay_together():
    blocks = [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    seen = set()
    for order in drawn(None, 4, 10):
        order, found = order.tolist(), []
        while order:
            block = next(block for block in blocks if block[0] == order[0])
            assert order[: len(block)] == block
            found.append(blocks.index(block))
            order = order[len(block) :]
        seen.add(tuple(found))
    assert len(seen) == 6  # all orders of three blocks


def test_blocks_are_of_the_rows_of_a_group():
    groups = np.array([0, 1] * 6)
    for order in drawn(groups, 3, 12):
        for group in (0, 1):
            rows = order[groups == group].reshape(2, 3)
            np.testing.assert_array_equal(np.diff(rows, axis=1), 2)


def test_a_row_that_is_alone_stays():
    assert all(order[6] == 6 for order in drawn(LABELS, None, 12))


@pytest.mark.parametrize("block_size", [0, -1, 10, 2.0, True, "2"])
def test_a_block_size_is_smaller_than_the_rows(block_size):
    with pytest.raises(ValueError, match=rf"'block_size'.*from 1 to .*9\. Got {block_size!r} "):
        read_orders(None, block_size, 10)


@pytest.mark.parametrize(
    "groups, block_size, message",
    [
        ([0, 1], None, r"one label for each of the 4 rows of X, shape \(4,\). Got shape \(2,\)"),
        ([[0, 0], [1, 1], [1, 1], [0, 0]], None, r"shape \(4,\). Got shape \(4, 2\)"),
        (3, None, r"Got shape \(\)"),
        ([0, 0, np.nan, 1], None, "Row 2 has nan|Row 2 has np.float64"),
        (["a", "a", None, "b"], None, "Row 2 has None"),
        ([0, 1, 2, 3], None, "more than a row.*Got 4 groups, the largest of 1 row"),
        ([0, 0, 1, 1], 2, "more than a block of block_size=2 rows.*the largest of 2 rows"),
    ],
)
def test_bad_groups_are_named(groups, block_size, message):
    with pytest.raises(ValueError, match=rf"'groups' parameter.*({message})"):
        read_orders(groups, block_size, 4)
