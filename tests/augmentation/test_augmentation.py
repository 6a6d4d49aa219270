"""What holds for every augmentation."""

import pickle
from dataclasses import FrozenInstanceError, fields, replace

import numpy as np
import pytest
import torch
from sklearn.base import clone

import sklstm.augmentation
from sklstm.augmentation import (
    ChannelDropout,
    Crop,
    Jitter,
    Mixup,
    Scale,
    TimeMask,
    TimeWarp,
    TrainingBatch,
)

STRONG = [
    Jitter(0.5),
    Scale(0.5),
    TimeWarp(0.9),
    Crop(0.8),
    TimeMask(0.8),
    ChannelDropout(0.6),
    Mixup(1.0),
]
every = pytest.mark.parametrize("augmentation", STRONG, ids=lambda a: type(a).__name__)
keeping_rows = pytest.mark.parametrize("augmentation", STRONG[:-1], ids=lambda a: type(a).__name__)
LENGTHS = [7, 1, 4, 12, 9, 2, 12, 5]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def real(batch):
    """The real time steps of each row."""
    return [x[:n] for x, n in zip(batch.x, batch.lengths.tolist(), strict=True)]


def same(one, two):
    return len(one) == len(two) and all(map(torch.equal, one, two))


def test_every_class_is_tested_here():
    classes = {getattr(sklstm.augmentation, name) for name in sklstm.augmentation.__all__}
    assert classes == {TrainingBatch, *map(type, STRONG)}


@every
def test_the_generator_decides_everything(augmentation, make_batch):
    batch = make_batch(LENGTHS)
    numpy_state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()
    first, again, other = (real(augmentation(batch, seeded(seed))) for seed in (0, 0, 1))
    assert same(first, again)
    assert not same(first, other)
    assert not same(first, real(batch))
    assert torch.equal(torch_state, torch.get_rng_state())
    np.testing.assert_array_equal(numpy_state, np.random.get_state()[1])


@keeping_rows
def test_equal_rows_are_changed_in_different_ways(augmentation, make_batch):
    batch = replace(make_batch([12] * 8), x=make_batch([12]).x.repeat(8, 1, 1))
    changed = {tuple(row.flatten().tolist()) for row in real(augmentation(batch, seeded()))}
    assert len(changed) > 3


@every
def test_the_batch_itself_is_left_alone(augmentation, make_batch):
    batch = make_batch(LENGTHS, weighted=True)
    before = [getattr(batch, field.name).clone() for field in fields(batch)]
    augmentation(batch, seeded())
    for field, value in zip(fields(batch), before, strict=True):
        torch.testing.assert_close(
            getattr(batch, field.name), value, rtol=0, atol=0, equal_nan=True
        )


@keeping_rows
def test_targets_and_weights_are_not_touched(augmentation, make_batch):
    for weighted in (True, False):
        batch = make_batch(LENGTHS, weighted=weighted)
        result = augmentation(batch, seeded())
        assert result.targets is batch.targets
        assert result.weights is batch.weights


@every
def test_only_a_crop_changes_lengths(augmentation, make_batch):
    batch = make_batch(LENGTHS)
    assert (augmentation(batch, seeded()).lengths is batch.lengths) != isinstance(
        augmentation, Crop
    )


@every
def test_what_follows_the_end_has_no_influence(augmentation, make_batch):
    batch = make_batch(LENGTHS)
    result = real(augmentation(batch, seeded()))
    assert all(torch.isfinite(row).all() for row in result)
    filled = replace(batch, x=batch.x.nan_to_num(1e6))
    assert same(result, real(augmentation(filled, seeded())))


@every
def test_what_follows_the_end_stays_finite(augmentation, make_batch):
    batch = make_batch(LENGTHS)
    filled = replace(batch, x=batch.x.nan_to_num(0.0))
    assert torch.isfinite(augmentation(filled, seeded()).x).all()


@keeping_rows
def test_other_rows_have_no_influence(augmentation, make_batch):
    batch = make_batch(LENGTHS)
    x = batch.x.clone()
    x[1:] *= -3
    result = augmentation(batch, seeded())
    changed = augmentation(replace(batch, x=x), seeded())
    assert torch.equal(real(result)[0], real(changed)[0])
    assert not torch.equal(real(result)[3], real(changed)[3])


@every
@pytest.mark.parametrize("lengths", [[1, 1, 1], [1], [6], [2, 1]])
@pytest.mark.parametrize("n_features", [1, 4])
def test_the_smallest_batches(augmentation, lengths, n_features, make_batch):
    batch = make_batch(lengths, n_features, weighted=True)
    for seed in range(20):
        result = augmentation(batch, seeded(seed))
        assert result.x.shape == batch.x.shape
        assert (1 <= result.lengths).all() and (result.lengths <= batch.lengths).all()
        assert all(torch.isfinite(row).all() for row in real(result))
        torch.testing.assert_close(result.targets.sum(1), torch.ones(len(lengths)))


@every
def test_types_do_not_depend_on_the_caller(augmentation, make_batch):
    batch = make_batch(LENGTHS, weighted=True)
    expected = augmentation(batch, seeded())
    torch.set_default_dtype(torch.float64)
    try:
        with torch.device("meta"):
            result = augmentation(batch, seeded())
    finally:
        torch.set_default_dtype(torch.float32)
    assert same(real(result), real(expected))
    for field in fields(batch):
        before, after = getattr(batch, field.name), getattr(result, field.name)
        assert (before.dtype, before.shape, before.device) == (
            after.dtype,
            after.shape,
            after.device,
        )
        assert not after.requires_grad


@keeping_rows
def test_strength_zero_changes_nothing(augmentation, make_batch):
    (parameter,) = fields(augmentation)
    batch = make_batch(LENGTHS)
    result = replace(augmentation, **{parameter.name: 0})(batch, seeded())
    assert result.lengths.equal(batch.lengths)
    for row, before in zip(real(result), real(batch), strict=True):
        torch.testing.assert_close(row, before, rtol=1e-6, atol=1e-6)


@every
def test_it_is_a_value(augmentation):
    default = type(augmentation)()
    (parameter,) = fields(augmentation)
    value = getattr(augmentation, parameter.name)
    assert repr(augmentation) == f"{type(augmentation).__name__}({parameter.name}={value})"
    assert augmentation == type(augmentation)(value) != default
    for copy in (pickle.loads(pickle.dumps(augmentation)), clone(augmentation, safe=False)):
        assert copy == augmentation and hash(copy) == hash(augmentation)
    with pytest.raises(FrozenInstanceError):
        setattr(augmentation, parameter.name, 0.3)


LIMITS = {
    Jitter: "of at least 0",
    Scale: "of at least 0",
    TimeWarp: "of at least 0 and below 1",
    Crop: "of at least 0 and below 1",
    TimeMask: "of at least 0 and below 1",
    ChannelDropout: "of at least 0 and below 1",
    Mixup: "above 0",
}


@pytest.mark.parametrize("kind, requirement", LIMITS.items())
@pytest.mark.parametrize(
    "value", [-0.1, float("nan"), float("inf"), True, None, "0.1", [0.1], 10**400]
)
def test_bad_parameters_are_refused(kind, requirement, value):
    (parameter,) = fields(kind)
    with pytest.raises(ValueError) as error:
        kind(value)
    assert str(error.value) == (
        f"The {parameter.name!r} parameter of {kind.__name__} must be a number {requirement}. "
        f"Got {value!r} instead."
    )


@pytest.mark.parametrize("kind, requirement", LIMITS.items())
def test_the_ends_of_the_range(kind, requirement):
    for value, allowed in ((0, "above" not in requirement), (1, "below" not in requirement)):
        if allowed:
            kind(value)
            kind(np.float32(value))
        else:
            with pytest.raises(ValueError, match="must be a number"):
                kind(value)


@pytest.mark.parametrize("kind", [TimeWarp, Crop, TimeMask])
def test_just_below_the_end_of_the_range(kind, make_batch):
    largest = float(np.nextafter(1, 0))
    batch = make_batch([3, 1, 9, 30] * 50)
    result = kind(largest)(batch, seeded())
    assert (result.lengths >= 1).all()
    assert all(torch.isfinite(row).all() for row in real(result))
    masked = torch.stack([(row == 0).all() for row in real(result)])
    assert not masked.any()
