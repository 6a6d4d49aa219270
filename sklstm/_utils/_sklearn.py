"""The only file that imports private names of scikit-learn."""

from sklearn.base import _fit_context as fit_context
from sklearn.utils._missing import is_pandas_na
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import (
    _check_feature_names as check_feature_names,
)
from sklearn.utils.validation import (
    _check_sample_weight as check_sample_weight,
)
from sklearn.utils.validation import (
    _get_feature_names as get_feature_names,
)

__all__ = [
    "Interval",
    "StrOptions",
    "check_feature_names",
    "check_sample_weight",
    "fit_context",
    "get_feature_names",
    "is_pandas_na",
]
