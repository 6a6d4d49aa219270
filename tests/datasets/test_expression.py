"""make_expression_profiles: pulses where it says, told apart by their order alone."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from sklstm import LSTMClassifier
from sklstm.datasets import make_expression_profiles

SIZES = [{}, {"n_samples": 31, "n_timesteps": 10, "n_genes": 2, "n_informative": 2}]
sizes = pytest.mark.parametrize("size", SIZES, ids=str)


def slow_pulses(bunch):
    """The courses without noise, cell by cell."""
    courses = np.zeros(bunch.data.shape)
    for i in range(courses.shape[0]):
        for j, gene in enumerate(bunch.informative_genes):
            for t in range(courses.shape[1]):
                if t > bunch.onsets[i, j]:
                    s = (t - bunch.onsets[i, j]) / 2
                    courses[i, t, gene] = 2 * s * np.exp(1 - s)
    return courses


@sizes
def test_shapes_and_classes(size):
    bunch = make_expression_profiles(**size, random_state=0)
    n_samples, n_timesteps = size.get("n_samples", 600), size.get("n_timesteps", 24)
    n_genes, n_informative = size.get("n_genes", 10), size.get("n_informative", 3)
    assert bunch.data.shape == (n_samples, n_timesteps, n_genes)
    assert bunch.data.dtype == np.float32
    assert bunch.target.dtype == bunch.informative_genes.dtype == np.int64
    assert np.bincount(bunch.target).tolist() == [n_samples - n_samples // 2, n_samples // 2]
    assert bunch.target_names.tolist() == ["control", "responder"]
    assert bunch.feature_names == [f"gene_{gene}" for gene in range(n_genes)]
    assert bunch.informative_genes.shape == (n_informative,)
    assert len(set(bunch.informative_genes.tolist())) == n_informative
    assert bunch.onsets.shape == (n_samples, n_informative)
    assert f"{n_genes} genes over {n_timesteps} time steps" in bunch.DESCR


@sizes
def test_without_noise_there_are_the_pulses_alone(size):
    bunch = make_expression_profiles(**size, noise=0, random_state=0)
    assert_allclose(bunch.data, slow_pulses(bunch), atol=1e-6)
    # Each pulse has its peak, of 2 where it falls on a time step, inside the course.
    informative = bunch.data[:, :, bunch.informative_genes]
    assert informative.max(axis=1).min() > 1.7
    assert (informative.argmax(axis=1) < bunch.data.shape[1] - 1).all()


def test_responders_are_cascades_and_controls_are_not():
    bunch = make_expression_profiles(random_state=0)
    lags = np.diff(bunch.onsets, axis=1)
    assert_allclose(lags[bunch.target == 1], 2)
    other = np.abs(lags[bunch.target == 0] - 2)
    assert (other > 1e-6).all()
    assert np.median(other) > 3
    # The stimulus comes at another time in each responder.
    stimulus = bunch.onsets[bunch.target == 1, 0]
    assert stimulus.min() < 1
    assert stimulus.max() > 14


def test_each_gene_alone_has_the_same_distribution_in_both_classes():
    bunch = make_expression_profiles(20_000, random_state=0)
    classes = [bunch.data[bunch.target == k].astype(np.float64) for k in (0, 1)]
    for moment in (1, 2):
        means = [np.mean(courses**moment, axis=0) for courses in classes]
        errors = [np.std(courses**moment, axis=0) / 100 for courses in classes]
        assert (np.abs(means[1] - means[0]) < 5 * np.hypot(*errors)).all()


def test_two_genes_together_have_another_distribution():
    bunch = make_expression_profiles(2000, random_state=0)
    first, second = bunch.data[:, :, bunch.informative_genes[:2]].transpose(2, 0, 1)
    products = (first[:, :-2] * second[:, 2:]).mean(axis=1)
    assert products[bunch.target == 1].mean() > 1.5 * products[bunch.target == 0].mean()


def test_noise_has_its_deviation_and_autocorrelation():
    bunch = make_expression_profiles(2000, noise=0.5, random_state=0)
    quiet = np.delete(bunch.data, bunch.informative_genes, axis=2).astype(np.float64)
    assert_allclose(quiet.std(axis=(0, 2)), 0.5, rtol=0.03)  # at every time step
    for lag in (1, 2):
        covariance = (quiet[:, lag:] * quiet[:, :-lag]).mean()
        assert covariance == pytest.approx(0.25 * 0.7**lag, rel=0.03)
    pulses = slow_pulses(bunch)[:, :, bunch.informative_genes]
    noise = bunch.data[:, :, bunch.informative_genes] - pulses
    assert noise.std() == pytest.approx(0.5, rel=0.03)


def test_noise_changes_nothing_else():
    first, second = (make_expression_profiles(noise=noise, random_state=0) for noise in (0, 0.4))
    for key in ("target", "informative_genes", "onsets"):
        assert_array_equal(first[key], second[key])


def test_the_informative_genes_differ_between_seeds():
    found = {
        tuple(make_expression_profiles(2, random_state=seed).informative_genes)
        for seed in range(10)
    }
    assert len(found) > 5


def test_random_state():
    first, again = (make_expression_profiles(random_state=3) for _ in range(2))
    assert_array_equal(first.data, again.data)
    rng = np.random.RandomState(3)
    assert_array_equal(make_expression_profiles(random_state=rng).data, first.data)
    assert (make_expression_profiles(random_state=rng).data != first.data).any()


def test_without_a_random_state_each_call_differs_and_no_global_state_is_touched():
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    first, second = (make_expression_profiles() for _ in range(2))
    assert (first.data != second.data).any()
    assert_array_equal(np.random.get_state()[1], before)


def test_return_X_y():
    bunch = make_expression_profiles(random_state=0)
    X, y = make_expression_profiles(random_state=0, return_X_y=True)
    assert_array_equal(X, bunch.data)
    assert_array_equal(y, bunch.target)


def test_an_lstm_learns_the_default_task_and_a_linear_model_does_not():
    X, y = make_expression_profiles(random_state=0, return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
    lstm = LSTMClassifier(max_epochs=50, random_state=0).fit(X_train, y_train)
    assert lstm.score(X_test, y_test) > 0.9
    linear = LogisticRegression(max_iter=1000).fit(X_train.reshape(len(X_train), -1), y_train)
    assert linear.score(X_test.reshape(len(X_test), -1), y_test) < 0.6


@pytest.mark.parametrize(
    ("parameter", "value", "requirement"),
    [
        ("n_samples", 1, "an integer of at least 2"),
        ("n_samples", "600", "an integer of at least 2"),
        ("n_timesteps", 11, "at least 12 with n_informative=3"),
        ("n_timesteps", 24.0, "an integer of at least 1"),
        ("n_genes", 1, "an integer of at least 2"),
        ("n_genes", None, "an integer of at least 2"),
        ("n_informative", 1, "an integer of at least 2"),
        ("n_informative", True, "an integer of at least 2"),
        ("n_informative", 11, "not exceed n_genes=10"),
        ("noise", -0.1, "a finite number between 0 and 10000"),
        ("noise", float("inf"), "a finite number between 0 and 10000"),
        ("noise", float("nan"), "a finite number between 0 and 10000"),
        ("noise", None, "a finite number between 0 and 10000"),
        ("random_state", "0", "an integer from 0"),
        ("random_state", 2**32, "an integer from 0"),
        ("return_X_y", "yes", "True or False"),
    ],
)
def test_bad_parameter(parameter, value, requirement):
    start = f"The '{parameter}' parameter of make_expression_profiles must"
    with pytest.raises(ValueError, match=f"^{start}.*{re.escape(requirement)}") as error:
        make_expression_profiles(**{parameter: value})
    assert f"Got {value!r}" in str(error.value)
