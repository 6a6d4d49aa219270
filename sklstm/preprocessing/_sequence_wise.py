"""SequenceWise: any scikit-learn transformer over the time steps of sequences."""

from typing import Any

import numpy as np
from sklearn import config_context, get_config
from sklearn.base import clone
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .._data import TimeSteps, read_steps
from .._utils._sklearn import (
    HasMethods,
    adapter_of_output,
    check_feature_names,
    check_feature_names_in,
    fit_context,
    get_feature_names,
)
from ._base import SequenceTransformer
from ._over_steps import apply_steps, check_transformer, fit_steps, per_step, tags_of


def _names_features(self: Any) -> bool:
    return hasattr(getattr(self, "transformer_", self.transformer), "get_feature_names_out")


def _can_undo(self: Any) -> bool:
    transformer = getattr(self, "transformer_", self.transformer)
    # The method of SimpleImputer does nothing but raise where no indicator was added.
    return hasattr(transformer, "inverse_transform") and getattr(transformer, "add_indicator", True)


class SequenceWise(SequenceTransformer):
    """Apply a transformer of tables to the time steps of sequences.

    All time steps of all sequences are the rows of one table, on which the transformer is
    fitted: scaling, imputation, a projection, and so on. The number of features may change, the
    number of time steps does not. Padding is left out, and stays where it is.

    Parameters
    ----------
    transformer : transformer
        Any scikit-learn transformer of 2-D arrays with ``fit`` and ``transform``, or a Pipeline
        of them. It is cloned.

    Attributes
    ----------
    transformer_ : transformer
        The fitted clone.
    n_features_in_ : int
        Number of features; of a table, its number of columns.
    feature_names_in_ : ndarray of shape (n_columns,)
        Column names, where X is a DataFrame, or a list of them, with names that are all strings.

    See Also
    --------
    SlidingWindow : Sequences from a table with one row per time step.

    Notes
    -----
    X is what the estimators take, except that values may be missing inside a sequence. Only
    whole steps of NaN at the start or end of a 3-D or ragged sequence are padding. In a 2-D
    table, whose rows are series of one feature, every cell is a time step.

    No sequence is mixed with another when it is transformed. Transformers of scikit-learn treat
    every time step alone (all but ``MiniBatchNMF``, and those that draw random numbers), so they
    transform all of them in one call. ``FunctionTransformer`` and
    the classes of other libraries may look from one time step to the next, so they are called
    once per sequence (some 30 µs each, beside the work itself): a forward fill stops where its
    sequence stops. The steps of a Pipeline follow this rule one by one, in ``fit`` too; its
    ``memory`` is not used.

    A list of DataFrames reaches the transformer as a DataFrame under the same names, so a
    ``ColumnTransformer`` can choose columns by name.

    Put a scaler in front of ``SlidingWindow``, not behind it: windows hold every row of the table
    many times. The estimators scale their inputs themselves, so they need no ``StandardScaler``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.preprocessing import MinMaxScaler
    >>> from sklstm.preprocessing import SequenceWise
    >>> X = [np.array([[0.0, 5.0], [4.0, 6.0]]), np.array([[2.0, 7.0]])]
    >>> SequenceWise(MinMaxScaler()).fit_transform(X)
    [array([[0. , 0. ],
           [1. , 0.5]]), array([[0.5, 1. ]])]
    >>> scaler = SequenceWise(MinMaxScaler()).fit(X)
    >>> scaler.inverse_transform(scaler.transform(X))[1]
    array([[2., 7.]])
    >>> scaler.get_feature_names_out(["level", "flow"])
    array(['level', 'flow'], dtype=object)
    >>> scaler = scaler.set_output(transform="default")

    Missing values are carried forward, within each sequence, and what is missing at its start
    becomes the mean over all sequences:

    >>> import pandas as pd
    >>> from sklearn.impute import SimpleImputer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> X = [np.array([[1.0, 6.0], [np.nan, 4.0]]), np.array([[np.nan, 8.0], [3.0, 2.0]])]
    >>> fill = FunctionTransformer(lambda steps: pd.DataFrame(steps).ffill())
    >>> SequenceWise(make_pipeline(fill, SimpleImputer())).fit_transform(X)
    [array([[1., 6.],
           [1., 4.]]), array([[1.66666667, 8.        ],
           [3.        , 2.        ]])]

    In front of an LSTM, with fewer features:

    >>> from sklearn.decomposition import PCA
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.datasets import load_japanese_vowels
    >>> X, y = load_japanese_vowels(return_X_y=True)
    >>> model = make_pipeline(
    ...     SequenceWise(PCA(n_components=6)), LSTMClassifier(max_epochs=5, random_state=0)
    ... )
    >>> model.fit(X, y)[-1].n_features_in_
    6
    """

    _parameter_constraints: dict[str, Any] = {"transformer": [HasMethods(["fit", "transform"])]}

    def __init__(self, transformer):
        self.transformer = transformer

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, **fit_params):
        """Fit the transformer on all time steps.

        Parameters
        ----------
        X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays
            Sequences; those of a list are arrays or DataFrames of shape (length, n_features).
        y : array-like of n targets, default=None
            Handed to the transformer, each target once per time step of its sequence.
        **fit_params : array-like of shape (n,)
            ``sample_weight``, where the transformer's ``fit`` takes it; each weight counts for
            every time step of its sequence. For a step of a Pipeline ``stepname__sample_weight``.
            With metadata routing enabled, what the transformer requests.

        Returns
        -------
        SequenceWise
            The fitted transformer.

        Raises
        ------
        ValueError
            Where X is empty or not numeric, a sequence has no time step or other features than
            the first, y or a weight is missing, or the transformer does not take tables.
        TypeError
            Where X is sparse, or holds objects that are no numbers.
        """
        if isinstance(self.transformer, type):
            raise ValueError(
                "The 'transformer' parameter of SequenceWise must be an object implementing 'fit' "
                f"and 'transform'. Got {self.transformer!r}. Write {self.transformer.__name__}()."
            )
        transformer = clone(self.transformer)
        check_transformer(transformer)
        steps = read_steps(X, estimator=self)
        params = self._params_of_transformer(fit_params)
        params = {name: per_step(value, steps, name) for name, value in params.items()}
        target = None if y is None else per_step(y, steps, "y")
        with config_context(transform_output="default"):
            fit_steps(transformer, steps, target, params)
        self.transformer_ = transformer
        self.n_features_in_ = steps.n_columns or steps.n_features
        self._on_table = steps.n_columns is not None
        check_feature_names(self, steps.first_frame, reset=True)
        return self

    def transform(self, X):
        """Transform all time steps.

        Parameters
        ----------
        X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays
            Sequences of the features of ``fit``.

        Returns
        -------
        array or list
            3-D for 3-D X; a list or an object array of n arrays for a list or an object array.
            For a table a table, a DataFrame if :meth:`set_output` asks for it, where the
            transformer gives one feature, else 3-D.

        Raises
        ------
        ValueError
            As ``fit``, where X has other features, or where the transformer does not give one
            row per time step.
        TypeError
            Where X is sparse, or holds objects that are no numbers.
        """
        check_is_fitted(self)
        steps = self._read_known(X)
        values = self._apply("transform", steps)
        adapter = adapter_of_output("transform", self)
        if adapter is None or steps.n_columns is None or values.ndim == 3:
            return values
        names = check_feature_names_in(self) if self._on_table else get_feature_names(X)
        if names is None:
            names = [f"x{i}" for i in range(steps.n_columns)]
        return adapter.create_container(values, X, names)

    @available_if(_can_undo)
    def inverse_transform(self, X):
        """Undo the transformation.

        Parameters
        ----------
        X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays
            Sequences as ``transform`` returns them.

        Returns
        -------
        array or list
            Like X; 2-D where ``fit`` saw a table and there is one feature.

        Raises
        ------
        ValueError
            Where X is empty or not numeric, or has other features than the output of
            ``transform``.
        TypeError
            Where X is sparse, or holds objects that are no numbers.
        """
        check_is_fitted(self)
        steps = read_steps(X, estimator=self)
        values = self._apply("inverse_transform", steps)
        if self._on_table and np.ndim(values) == 3 and values.shape[2] == 1:
            return values[:, :, 0]
        return values

    @available_if(_names_features)
    def get_feature_names_out(self, input_features=None):
        """Names of the features of the sequences, or of the columns where a table stays one.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the features of X, where ``fit`` saw none.

        Returns
        -------
        ndarray of str objects, shape (n_features_out,)
        """
        check_is_fitted(self)
        names = check_feature_names_in(self, input_features)
        if not self._on_table:
            return self.transformer_.get_feature_names_out(names)
        names_of_steps = self.transformer_.get_feature_names_out()
        return names if len(names_of_steps) == 1 else names_of_steps

    def set_output(self, *, transform=None):
        """Choose the container for tables; other sequences stay what they are.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            None changes nothing.

        Returns
        -------
        SequenceWise
            The transformer itself.
        """
        if transform is not None:
            self._sklearn_output_config = {"transform": transform}
        return self

    def get_metadata_routing(self):
        """Where metadata goes: what the transformer requests in ``fit``.

        Returns
        -------
        MetadataRouter
        """
        methods = MethodMapping().add(caller="fit", callee="fit")
        return MetadataRouter(owner=self).add(transformer=self.transformer, method_mapping=methods)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        own = tags_of(self.transformer)
        if own is not None:
            tags.input_tags.allow_nan = own.input_tags.allow_nan or own.no_validation
            tags.input_tags.positive_only = own.input_tags.positive_only
            tags.target_tags.required = own.target_tags.required
            tags.transformer_tags = own.transformer_tags or tags.transformer_tags
        return tags

    def _apply(self, method: str, steps: TimeSteps) -> Any:
        # The steps are arrays, out of which a global setting would make frames without a need.
        with config_context(transform_output="default"):
            return apply_steps(self.transformer_, method, steps).restored()

    def _params_of_transformer(self, fit_params: dict[str, Any]) -> dict[str, Any]:
        if get_config()["enable_metadata_routing"]:
            fit_params = process_routing(self, "fit", **fit_params)["transformer"]["fit"]
        return {name: value for name, value in fit_params.items() if value is not None}

    def _read_known(self, X: Any) -> TimeSteps:
        """Read X, which must have the features of ``fit``."""
        steps = read_steps(X, estimator=self)
        if steps.n_columns is not None or steps.first_frame is not None:
            check_feature_names(self, steps.first_frame, reset=False)
        if not hasattr(self, "feature_names_in_"):
            steps.first_frame = None  # the transformer knows no names either
        n_features, expected = steps.n_features, 1 if self._on_table else self.n_features_in_
        if self._on_table and steps.n_columns is not None:
            n_features, expected = steps.n_columns, self.n_features_in_
        if n_features != expected:
            hint = ""
            if steps.n_columns is not None and not self._on_table:
                hint = (
                    " In 2-D X every column is a time step of one feature; pass one sequence as "
                    "X[None]."
                )
            raise ValueError(
                f"X has {n_features} features, but {type(self).__name__} is expecting {expected} "
                f"features as input.{hint}"
            )
        return steps
