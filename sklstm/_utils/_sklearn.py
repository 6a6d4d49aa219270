"""The only file that imports private names of scikit-learn."""

from fractions import Fraction
from typing import Any

from sklearn.base import _fit_context as fit_context
from sklearn.metrics._scorer import _BaseScorer as BaseScorer
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._array_api import get_namespace
from sklearn.utils._missing import is_pandas_na
from sklearn.utils._param_validation import (
    HasMethods,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils._param_validation import Interval as _Interval
from sklearn.utils._set_output import (
    _get_adapter_from_container as adapter_of_frame,
)
from sklearn.utils._set_output import (
    _get_container_adapter as adapter_of_output,
)
from sklearn.utils.validation import (
    _check_feature_names as check_feature_names,
)
from sklearn.utils.validation import (
    _check_feature_names_in as check_feature_names_in,
)
from sklearn.utils.validation import (
    _get_feature_names as get_feature_names,
)
from sklearn.utils.validation import (
    _num_samples as num_samples,
)

__all__ = [
    "BaseScorer",
    "HasMethods",
    "Interval",
    "StrOptions",
    "adapter_of_frame",
    "adapter_of_output",
    "check_feature_names",
    "check_feature_names_in",
    "fit_context",
    "get_feature_names",
    "get_namespace",
    "is_pandas_na",
    "num_samples",
    "safe_indexing",
    "validate_parameter_constraints",
]


class Interval(_Interval):
    """Of numbers. In scikit-learn's own, True is the number 1, and a Fraction an error of NumPy."""

    def is_satisfied_by(self, val: Any) -> bool:
        return not isinstance(val, bool | Fraction) and super().is_satisfied_by(val)
