"""What the score loses when a hidden unit says nothing."""

from collections.abc import Callable
from copy import deepcopy
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from .._attribution import explaining, unit_held
from ._inside import Inside
from ._rows import PATIENCE
from ._scoring import read_scorer
from ._workers import in_order, task_of

FloatArray = NDArray[np.float64]

# Units between two steps of the progress bar.
BLOCK = 8


class Ablation:
    """Scores of an LSTM on what it reads.

    Attributes
    ----------
    baseline : float
        Score of the network as it is.
    """

    def __init__(self, model: Any, inside: Inside, y: Any, scoring: Any) -> None:
        self.estimator, self.X, self.y = inside.route.last, inside.X, y
        self.scorer = _scorer_of(model, self.estimator, scoring)
        self.shape = inside.shape
        with explaining(inside.network, inside.network.x_mean.device):
            self.baseline = self.score(self.estimator)

    def score(self, estimator: Any) -> float:
        found = self.scorer(estimator, self.X, self.y)
        if not isinstance(found, Real):
            raise ValueError(
                f"The 'scoring' parameter must be a scorer that returns one number. Got {found!r}."
            )
        return float(found)

    def drops(self, values: FloatArray, n_jobs: int | None) -> FloatArray:
        """Baseline minus score, with each unit held at its value; shape as ``values``."""
        units = np.argwhere(np.ones(self.shape, dtype=bool)).tolist()
        blocks = [units[start : start + BLOCK] for start in range(0, len(units), BLOCK)]
        task = task_of(_scores, self, values)
        scores: list[float] = []
        bar = tqdm(total=len(units), desc="Ablating", unit="unit", delay=PATIENCE, leave=False)
        for part in in_order(task, blocks, n_jobs):
            scores += part
            bar.update(len(part))
        bar.close()
        return self.baseline - np.reshape(scores, self.shape)


def _scores(ablation: Ablation, values: FloatArray, units: list[list[int]]) -> list[float]:
    # The fitted network stays as it is, also for threads that predict meanwhile.
    estimator = deepcopy(ablation.estimator)
    network = estimator.net_.module_
    scores = []
    with explaining(network, network.x_mean.device):
        for layer, direction, unit in units:
            with unit_held(network, layer, direction, unit, values[layer, direction, unit]):
                scores.append(ablation.score(estimator))
    return scores


def _scorer_of(model: Any, estimator: Any, scoring: Any) -> Callable[[Any, Any, Any], Any]:
    """A scorer for the LSTM alone; that of a search where none is given."""
    if isinstance(scoring, list | tuple | set | dict):
        raise ValueError(
            f"The 'scoring' parameter must be one scorer, a str or a callable. Got {scoring!r}."
        )
    while hasattr(model, "steps"):
        model = model.steps[-1][1]
    found = getattr(model, "scorer_", None)
    if isinstance(found, dict):
        found = found.get(model.refit) if isinstance(model.refit, str) else None
    if scoring is None and callable(found):
        return found
    return read_scorer(estimator, scoring)
