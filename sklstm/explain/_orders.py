"""Which rows exchange their values: all, those of a group, or blocks of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._data import as_array, is_missing, naming
from ._hybrids import codes_of

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Orders:
    """Permutations of n rows.

    Attributes
    ----------
    n : int
    strata : list of int64 arrays, or None where all rows are exchanged one by one
        Rows that are exchanged among themselves, in their order in X.
    block_size : int
        Rows that stay together.
    """

    n: int
    strata: list[IntArray] | None = None
    block_size: int = 1

    def draw(self, n_repeats: int, rng: np.random.RandomState) -> Iterator[IntArray]:
        """Permutations: row i takes the values of row ``order[i]``."""
        order = np.arange(self.n)
        if self.strata is None:
            # As in scikit-learn each repetition is a further shuffle of the last.
            shuffled = order.copy()
            for _ in range(n_repeats):
                rng.shuffle(shuffled)
                order = order[shuffled]
                yield order
            return
        for _ in range(n_repeats):
            for rows in self.strata:
                blocks = np.split(rows, np.arange(self.block_size, len(rows), self.block_size))
                order[rows] = np.concatenate([blocks[i] for i in rng.permutation(len(blocks))])
            yield order.copy()

    def donors(
        self, order: IntArray, needed: IntArray, lengths: IntArray, rng: np.random.RandomState
    ) -> IntArray:
        """The row that each row takes values from, where not all are of the same length.

        Rows that do not reach the player are left out of the exchange. A donor that ends too
        early is replaced by a random one that does not.

        Parameters
        ----------
        order : int64 array of shape (n,)
        needed : int64 array of shape (n,)
            Time steps that the donor of each row must have; 0 where the row does not reach the
            player.
        lengths : int64 array of shape (n,)
        rng : RandomState
        """
        strata = [np.arange(self.n)] if self.strata is None else self.strata
        donors = np.arange(self.n)
        for rows in strata:
            giving = order[rows]
            donors[rows[needed[rows] > 0]] = giving[needed[giving] > 0]
            for row in rows[lengths[donors[rows]] < needed[rows]]:
                donors[row] = rng.choice(rows[lengths[rows] >= needed[row]])
        return donors


def read_orders(groups: Any, block_size: Any, n: int) -> Orders:
    """Read the two parameters, for X of n rows."""
    if groups is None and block_size is None:
        return Orders(n)
    if block_size is not None:
        whole = isinstance(block_size, int | np.integer) and not isinstance(block_size, bool)
        if not whole or not 1 <= block_size < n:
            raise ValueError(
                "The 'block_size' parameter must be None or an int from 1 to the number of rows "
                f"of X less one, {n - 1}. Got {block_size!r} instead."
            )
    strata = [np.arange(n)] if groups is None else _read_groups(groups, n)
    size = 1 if block_size is None else int(block_size)
    longest = max(map(len, strata))
    if longest <= size:
        what = "a row" if size == 1 else f"a block of block_size={size} rows"
        raise ValueError(
            f"The 'groups' parameter must have a group with more than {what}: values are "
            f"exchanged within groups. Got {len(strata)} groups, the largest of {longest} "
            f"row{'s' * (longest > 1)}."
        )
    return Orders(n, strata, size)


def _read_groups(groups: Any, n: int) -> list[IntArray]:
    """Rows of each group, in order of its first row."""
    with naming("groups"):
        labels = as_array(groups)
    if labels.shape != (n,):
        raise ValueError(
            f"The 'groups' parameter must have one label for each of the {n} rows of X, shape "
            f"({n},). Got shape {labels.shape}."
        )
    missing = [row for row, label in enumerate(labels.tolist()) if is_missing(label)]
    if missing:
        raise ValueError(
            f"The 'groups' parameter must have a label for every row of X. Row {missing[0]} has "
            f"{labels[missing[0]]!r}."
        )
    codes = codes_of(labels)
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
