"""One target per time step: y and predictions of networks that return sequences."""

from dataclasses import dataclass
from types import NoneType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._checks import is_missing
from ._sequences import Sequences
from ._stored import as_array

# Objects that NumPy compares with a number or None, and gives a bool.
_COMPARABLE = (str, bool, int, float, np.number, np.bool_, NoneType)


@dataclass(frozen=True)
class StepLayout:
    """Where the real time steps of n samples lie.

    Attributes
    ----------
    lengths : int64 array of shape (n,)
        Number of real steps of each sample.
    sizes : int64 array of shape (n,)
        Number of steps with their padding: of an array the same for all.
    first : int64 array of shape (n,)
        First real step of each sample.
    in_list : bool
        Whether the samples are a list, not one array.
    """

    lengths: NDArray[np.int64]
    sizes: NDArray[np.int64]
    first: NDArray[np.int64]
    in_list: bool

    @classmethod
    def of(cls, sequences: Sequences) -> "StepLayout":
        """Of the container that X came in."""
        sizes, first = sequences.container_steps()
        return cls(sequences.lengths, sizes, first, sequences.layout == "ragged")

    @classmethod
    def of_predictions(cls, y_pred: Any) -> "StepLayout":
        """Of what ``predict`` returned: NaN or None mark the padding."""
        in_list = isinstance(y_pred, list | tuple)
        items = [_real_entries(item) for item in y_pred] if in_list else _real_entries(y_pred, 2)
        lengths, sizes, first = [
            np.array([measure(real) for real in items], dtype=np.int64)
            for measure in (np.count_nonzero, len, np.argmax)
        ]
        return cls(lengths, sizes, first, in_list)

    def real(self) -> NDArray[np.bool_]:
        """Which steps of the array are real, shape (n, n_timesteps)."""
        steps = np.arange(self.sizes[0])
        return (steps >= self.first[:, None]) & (steps < (self.first + self.lengths)[:, None])

    def pick(self, y: Any, name: str) -> NDArray[Any]:
        """Entries of y at the real steps, one sample after the other.

        Parameters
        ----------
        y : array-like of shape (n, n_timesteps, ...), or n array-likes
            Of each sample one entry per real step, or per step of the array, of which those in
            the padding are left out.
        name : str
            Of y, in messages.

        Returns
        -------
        array of shape (n_steps, ...)
        """
        block = _as_block(y)
        if block is not None and block.ndim == 0:
            raise ValueError(_one_per_step(name, f"an instance of {type(y).__name__!r}"))
        if block is not None and not self.in_list:
            if block.ndim > 1 and block.shape[:2] == (len(self.lengths), self.sizes[0]):
                return block[self.real()]
        items = list(y if block is None else block)
        if len(items) != len(self.lengths):
            raise ValueError(
                f"X and y must have the same number of samples. Got {len(self.lengths)} in X and "
                f"{len(items)} in {name}."
            )
        picked = [self._pick_item(i, item, name) for i, item in enumerate(items)]
        for sample, steps in enumerate(picked):
            if steps.shape[1:] != picked[0].shape[1:]:
                raise ValueError(
                    f"All samples of {name} must have the same number of targets per time step. "
                    f"Got shape {steps.shape} at sample {sample}, {picked[0].shape} at sample 0."
                )
        return np.concatenate(picked)

    def _pick_item(self, sample: int, item: Any, name: str) -> NDArray[Any]:
        length, size = int(self.lengths[sample]), int(self.sizes[sample])
        try:
            steps = _array_of(item)
        except ValueError as error:
            raise ValueError(f"Sample {sample} of {name} is not an array: {error}") from error
        if steps.ndim == 0:
            raise ValueError(_one_per_step(name, f"{item!r} at sample {sample}"))
        if len(steps) == length:
            return steps
        if len(steps) == size:
            first = int(self.first[sample])
            return steps[first : first + length]
        padded = f" ({size} with padding)" if size > length else ""
        raise ValueError(
            f"With return_sequences=True {name} must hold one target per time step. Sample "
            f"{sample} has {length} time steps{padded}, but {len(steps)} targets."
        )

    def where(self, position: int) -> str:
        """Name the sample and time step of an entry that ``pick`` returned."""
        ends = np.cumsum(self.lengths)
        sample = int(np.searchsorted(ends, position, side="right"))
        step = position - int(ends[sample] - self.lengths[sample])
        return f"sample {sample}, time step {step + int(self.first[sample])}"

    def pad(self, steps: NDArray[Any]) -> NDArray[Any]:
        """Entries of real steps as (n, longest, ...), each sample from step 0 on, then zeros."""
        longest = int(self.lengths.max())
        padded = np.zeros((len(self.lengths), longest, *steps.shape[1:]), steps.dtype)
        padded[np.arange(longest) < self.lengths[:, None]] = steps
        return padded

    def restore(self, padded: NDArray[Any], missing: Any) -> Any:
        """What ``pad`` returned in the container of X: an array, or a list where X was one.

        Parameters
        ----------
        padded : array of shape (n, longest, ...)
        missing : object
            What stands at padded steps.
        """
        dtype = object if missing is None else padded.dtype
        if self.in_list:
            items = [row[:length] for row, length in zip(padded, self.lengths, strict=True)]
            for sample in np.flatnonzero(self.sizes > self.lengths):
                first, steps = self.first[sample], items[sample]
                items[sample] = np.full((self.sizes[sample], *steps.shape[1:]), missing, dtype)
                items[sample][first : first + len(steps)] = steps
            return items
        real = self.real()
        if real.all():
            return padded
        restored = np.full((*real.shape, *padded.shape[2:]), missing, dtype)
        restored[real] = padded[np.arange(padded.shape[1]) < self.lengths[:, None]]
        return restored


def read_step_targets(y: Any, sequences: Sequences) -> tuple[NDArray[Any], StepLayout]:
    """Targets of all real time steps, shape (n_steps,) or (n_steps, n_outputs), none missing."""
    layout = StepLayout.of(sequences)
    steps = layout.pick(y, "y")
    if steps.ndim > 2:
        raise ValueError(_one_per_step("y", f"{steps.shape[1:]} targets per time step"))
    wrong = _missing(steps, infinite=True)
    if wrong.any():
        position = int(wrong.reshape(len(steps), -1).any(axis=1).argmax())
        raise ValueError(
            f"Input y contains NaN, None or infinity at {layout.where(position)}. Only steps that "
            "are padding in X may be without a target."
        )
    return _settled(steps), layout


def flatten_steps(
    y_true: Any, y_pred: Any, sample_weight: Any = None
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float64] | None]:
    """Targets, predictions and weights of the real time steps, each step once.

    Parameters
    ----------
    y_true : array-like of shape (n, n_timesteps, ...), or n array-likes
    y_pred : array of shape (n, n_timesteps, ...), or list of n arrays
        As ``predict`` returns it; NaN or None mark the padding.
    sample_weight : array-like of shape (n,), optional
        Weight of each sample, which each of its steps gets.
    """
    layout = StepLayout.of_predictions(y_pred)
    weights = None
    if sample_weight is not None:
        weights = np.asarray(sample_weight, dtype=np.float64)
        if weights.shape != layout.lengths.shape:
            raise ValueError(
                f"sample_weight must have shape ({len(layout.lengths)},), one weight per sequence. "
                f"Got shape {weights.shape}."
            )
        weights = np.repeat(weights, layout.lengths)
    y_true, y_pred = layout.pick(y_true, "y"), layout.pick(y_pred, "y_pred")
    return _settled(y_true), _settled(y_pred), weights


def _one_per_step(name: str, got: str) -> str:
    return (
        f"With return_sequences=True {name} must hold one target per time step: shape "
        "(n, n_timesteps) or (n, n_timesteps, n_outputs), or a list of n arrays. Got "
        f"{got}."
    )


def _as_block(y: Any) -> NDArray[Any] | None:
    """One array of y; None where it is a list of arrays, which may differ in shape."""
    if hasattr(y, "to_list"):  # a Series of arrays
        y = y.to_list()
    if isinstance(y, list | tuple):
        if not y or any(isinstance(item, np.ma.MaskedArray) for item in y):
            return None
        try:
            return _array_of(y)
        except ValueError:
            return None
    array = as_array(y)
    return None if array.dtype == object and array.ndim == 1 else array


def _array_of(values: Any) -> NDArray[Any]:
    array = as_array(values)
    if array.dtype.kind in "US" and isinstance(values, list | tuple):
        return np.array(values, dtype=object)  # as text, NaN would be the label "nan"
    return array


def _real_entries(y_pred: Any, n_axes: int = 1) -> NDArray[np.bool_]:
    """Which entries of the first axes have a prediction."""
    y_pred = np.asarray(y_pred)
    if y_pred.ndim < n_axes:
        raise ValueError(
            "One prediction per time step is needed, as estimators with return_sequences=True "
            f"make them. Got predictions of shape {y_pred.shape}."
        )
    missing = _missing(y_pred, infinite=False).reshape(*y_pred.shape[:n_axes], -1)
    return np.logical_not(missing.any(axis=-1))


def _settled(values: NDArray[Any]) -> NDArray[Any]:
    """Numbers, or text, that were objects only because of what stood in the padding."""
    if values.dtype != object:
        return values
    try:
        settled = np.array(values.tolist())
    except ValueError:  # objects that are arrays
        return values
    numbers = settled.dtype.kind in "biuf" and settled.shape == values.shape
    return settled if numbers or all(isinstance(value, str) for value in values.flat) else values


def _missing(values: NDArray[Any], infinite: bool) -> NDArray[np.bool_]:
    if values.dtype.kind == "f":
        return ~np.isfinite(values) if infinite else np.isnan(values)
    if values.dtype == object and all(
        issubclass(kind, _COMPARABLE) for kind in {type(value) for value in values.flat}
    ):
        nothing: Any = None
        missing = np.equal(values, nothing) | np.not_equal(values, values)
        if infinite:
            missing |= np.equal(values, np.inf) | np.equal(values, -np.inf)
        return missing
    if values.dtype.kind in "OmM":  # slowly
        flat = (
            np.ndim(value) == 0 and (is_missing(value) or (infinite and value in (np.inf, -np.inf)))
            for value in values.ravel()
        )
        return np.fromiter(flat, dtype=bool, count=values.size).reshape(values.shape)
    return np.zeros(values.shape, dtype=bool)
