"""scikit-learn's own checks, with no expected failure."""

import pytest
from plain import PLAIN
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

from sklstm import LSTMClassifier, LSTMRegressor

SMALL = PLAIN | {"hidden_size": 16, "max_epochs": 60}
ESTIMATORS = [LSTMRegressor(), LSTMClassifier(), LSTMRegressor(**SMALL), LSTMClassifier(**SMALL)]
PIPELINES = [
    make_pipeline(StandardScaler(), LSTMRegressor(**SMALL, random_state=0)),
    make_pipeline(StandardScaler(), LSTMClassifier(**SMALL, random_state=0)),
]
# scikit-learn excuses every Pipeline from these two: fit replaces the steps by fitted ones.
PIPELINE_CHECKS = ("check_estimators_overwrite_params", "check_dont_overwrite_parameters")


@parametrize_with_checks(ESTIMATORS)
def test_estimator(estimator, check):
    check(estimator)


@parametrize_with_checks(
    PIPELINES,
    expected_failed_checks=lambda _: dict.fromkeys(PIPELINE_CHECKS, "Pipeline changes its steps"),
)
def test_pipeline(estimator, check):
    check(estimator)


@pytest.mark.parametrize("name", PIPELINE_CHECKS)
def test_the_excused_checks_fail_for_every_pipeline(name):
    check = getattr(estimator_checks, name)
    with pytest.raises(AssertionError, match="steps"):
        check("Pipeline", make_pipeline(StandardScaler(), LinearRegression()))


def test_no_check_is_skipped():
    for estimator in (LSTMRegressor(2, max_epochs=1), LSTMClassifier(2, max_epochs=1)):
        results = check_estimator(estimator, on_skip=None, on_fail=None)
        assert {result["status"] for result in results} <= {"passed", "failed"}
        assert len(results) >= 60
