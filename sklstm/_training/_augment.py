"""The user's augmentations, applied to one training batch."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..augmentation import TrainingBatch
from ._batches import Batch

Augmentation = Callable[[TrainingBatch, torch.Generator], TrainingBatch]


@torch.no_grad()
def augment(
    batch: Batch,
    augmentations: Sequence[Augmentation],
    generator: torch.Generator,
    n_classes: int,
    reads_codes: bool,
) -> Batch:
    """Apply the augmentations in turn.

    They see class codes as probabilities of ``n_classes``; what none of them changed stays codes.
    Where the network ``reads_codes``, x must still hold integer codes after them.
    """
    inputs, codes = batch
    targets = codes
    z, lengths, weights = inputs["z"], inputs["lengths"], inputs["weights"]
    assert z is not None
    if not codes.is_floating_point():
        targets = torch.nn.functional.one_hot(codes, n_classes).float()
    if lengths is None:
        lengths = torch.full((len(z),), z.shape[1], dtype=torch.int64, device=z.device)
    given = TrainingBatch(z, lengths, targets, weights)
    result = given
    for augmentation in augmentations:
        result = augmentation(result, generator)
        _check(result, given, augmentation)
        if reads_codes and not bool(((result.x >= 0) & (result.x == result.x.floor())).all()):
            raise ValueError(
                f"The augmentation {augmentation!r} must return integer codes, because of "
                "embedding_size. It returned other numbers."
            )
    # Without lengths the network takes a faster path.
    unchanged = result.lengths is lengths and result.x.shape == z.shape
    return {
        "z": result.x,
        "lengths": inputs["lengths"] if unchanged else result.lengths,
        "weights": result.weights,
    }, codes if result.targets is targets else result.targets


def _check(result: object, given: TrainingBatch, augmentation: Augmentation) -> None:
    """Raise a ValueError where an augmentation did not return what it must."""
    if not isinstance(result, TrainingBatch):
        raise ValueError(
            f"The augmentation {augmentation!r} must return a TrainingBatch. Got an instance of "
            f"{type(result).__name__!r} instead."
        )
    n, n_steps, n_features = given.x.shape
    per_step = given.targets.ndim == 3
    if isinstance(result.x, Tensor) and result.x.ndim == 3 and result.x.shape[1] and not per_step:
        n_steps = result.x.shape[1]  # it may differ
    wanted = {
        "x": (torch.float32, (n, n_steps, n_features)),
        "lengths": (torch.int64, (n,)),
        "targets": (torch.float32, tuple(given.targets.shape)),
        "weights": (torch.float32, (n,) if given.weights is None else tuple(given.weights.shape)),
    }
    for name, (dtype, shape) in wanted.items():
        value = getattr(result, name)
        if name == "weights" and value is None and not per_step:
            continue
        if not isinstance(value, Tensor):
            found = f"an instance of {type(value).__name__!r}"
        elif (value.dtype, value.shape, value.device) != (dtype, shape, given.x.device):
            found = f"{value.dtype}, shape {tuple(value.shape)}, on {value.device}"
        else:
            continue
        raise ValueError(
            f"The augmentation {augmentation!r} must return {name} as a tensor of {dtype}, shape "
            f"{shape}, on {given.x.device}. Got {found} instead."
        )
    if result.lengths is not given.lengths or n_steps != given.x.shape[1]:
        shortest, longest = int(result.lengths.min()), int(result.lengths.max())
        if not 1 <= shortest <= longest <= n_steps:
            raise ValueError(
                f"The augmentation {augmentation!r} must return lengths from 1 to the number of "
                f"time steps of x, {n_steps}. Got lengths from {shortest} to {longest} instead."
            )
        if per_step and not torch.equal(result.lengths, given.lengths):
            raise ValueError(
                f"The augmentation {augmentation!r} must return the lengths it was given, because "
                "with return_sequences=True each time step has its own target."
            )
    weights = result.weights
    if weights is not None and weights is not given.weights and not bool((weights >= 0).all()):
        raise ValueError(
            f"The augmentation {augmentation!r} must return weights of at least 0. Got "
            f"{weights.min().item()}."
        )
