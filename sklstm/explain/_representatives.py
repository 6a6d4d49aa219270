"""Rows of a large background that stand for all of it."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from .._data import Sequences

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Points = NDArray[np.float32]

# A background of more rows is stood for by representatives, of which there are so many.
MAX_ROWS = 500
N_REPRESENTATIVES = 200
# Numbers that a row is compared by at most, so that memory and time are bounded.
N_COORDINATES = 64
# Rows in which the centres of clusters are looked for, and that say in which units cells are.
SAMPLE_ROWS = 20_000
SCALE_ROWS = 1000
# Ratio of the lengths at which rows are compared.
LENGTH_RATIO = 1.25
# Of the random numbers in here: what is chosen depends on the background alone.
SEED = 0


class Clusters(NamedTuple):
    """Rows that are alike.

    Attributes
    ----------
    order : int64 array of shape (n,)
        The rows, cluster by cluster, in each from the centre outwards.
    labels : int64 array of shape (n,)
        The cluster of each row in this order.
    """

    order: IntArray
    labels: IntArray


def representatives(
    usable: NDArray[np.bool_], clusters: Clusters | None
) -> tuple[IntArray, FloatArray]:
    """Rows that stand for the usable ones, in their order, and the shares that they stand for.

    Of each cluster the usable row next to its centre; all rows, where they are few.
    """
    rows = np.flatnonzero(usable)
    if clusters is None or len(rows) <= MAX_ROWS:
        return rows, np.full(len(rows), 1 / max(1, len(rows)))
    kept = usable[clusters.order]
    _, first, counts = np.unique(clusters.labels[kept], return_index=True, return_counts=True)
    chosen = clusters.order[kept][first]
    order = chosen.argsort()
    return chosen[order], counts[order] / len(rows)


def summary(usable: NDArray[np.bool_], clusters: Clusters | None) -> tuple[str, ...]:
    """Where rows stand for others, how many, for the ``derivation`` of an Explanation."""
    n_rows = len(representatives(usable, clusters)[0])
    if n_rows == np.count_nonzero(usable):
        return ()
    return (f"{n_rows} of {len(usable)} background rows, weighted",)


def clusters_of(points: Points) -> Clusters:
    """k-means of rows that are described by some numbers each, of shape (n, n_numbers)."""
    points = np.nan_to_num(points)
    points = points / (np.abs(points).max(initial=0) or 1)
    some = points
    if len(points) > SAMPLE_ROWS:
        rng = np.random.default_rng(SEED)
        some = points[rng.choice(len(points), SAMPLE_ROWS, replace=False)]
    n_clusters = min(N_REPRESENTATIVES, len(np.unique(some, axis=0)))
    means = KMeans(n_clusters, max_iter=10, n_init=1, random_state=SEED).fit(some)
    labels = means.predict(points).astype(np.int64)
    distances = np.zeros(len(points))
    for column, centres in zip(points.T, means.cluster_centers_.T, strict=True):
        distances += (column - centres[labels]) ** 2
    order = np.lexsort((distances, labels))
    return Clusters(order, labels[order])


def projection(size: int) -> NDArray[np.float32] | None:
    """Random directions, shape (size, N_COORDINATES), that keep distances; None where few."""
    if size <= N_COORDINATES:
        return None
    rng = np.random.default_rng(SEED)
    directions = rng.normal(scale=N_COORDINATES**-0.5, size=(size, N_COORDINATES))
    return directions.astype(np.float32)


def cut_for(length: int, longest: int) -> int:
    """Where rows are cut to be compared, of which some stand for all beside a row of a length."""
    if not 0 < length < longest:
        return longest
    times = math.floor(math.log(longest / length, LENGTH_RATIO))
    return max(length, math.ceil(longest / LENGTH_RATIO**times))


def outputs_and_cells(outputs: FloatArray, sequences: Sequences, cut: int) -> Points:
    """What describes rows of a model whose inside is not known.

    Parameters
    ----------
    outputs : array of shape (n, n_outputs)
    sequences : Sequences
        Cells in any units, NaN where there is none.
    cut : int
        Cells of so many time steps are looked at.

    Returns
    -------
    float32 array of shape (n, n_numbers)
        Both with the same spread.
    """
    parts = [outputs, _projected_cells(sequences, cut)]
    return np.concatenate([_of_unit_spread(part) for part in parts], axis=1)


def _projected_cells(sequences: Sequences, cut: int) -> NDArray[Any]:
    """Cells in units of their features' spread, projected; one that is missing is a mean one."""
    n, n_features = len(sequences), sequences.n_features
    some = np.linspace(0, n - 1, min(n, SCALE_ROWS)).astype(np.int64)
    steps = _real_cells(sequences, some, cut).reshape(-1, n_features)
    known = np.isfinite(steps).any(axis=0)
    mean, scale = np.zeros(n_features), np.ones(n_features)
    mean[known], scale[known] = np.nanmean(steps[:, known], 0), np.nanstd(steps[:, known], 0)
    scale[~(scale > 0)] = 1.0
    size = cut * n_features
    directions = projection(size)
    result = np.zeros((n, size if directions is None else N_COORDINATES), dtype=np.float32)
    for rows in sequences.chunks():
        cells = np.nan_to_num((_real_cells(sequences, rows, cut) - mean) / scale).reshape(
            len(rows), -1
        )
        if directions is None:
            result[rows, : cells.shape[1]] = cells
        else:
            result[rows] = cells @ directions[: cells.shape[1]]
    return result


def _real_cells(sequences: Sequences, rows: IntArray, cut: int) -> FloatArray:
    """NaN after the end of a sequence."""
    cells = sequences.take(rows)[:, :cut].astype(np.float64)
    cells[np.arange(cells.shape[1]) >= sequences.lengths[rows, None]] = np.nan
    return cells


def _of_unit_spread(values: NDArray[Any]) -> Points:
    """Centred, the sum of the variances 1."""
    values = np.nan_to_num(values)
    values = values - values.mean(axis=0)
    spread = np.sqrt(values.var(axis=0).sum())
    return (values / (spread if spread > 0 else 1)).astype(np.float32)
