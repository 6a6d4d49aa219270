"""The explain_* methods of the estimators: the functions of `sklstm.explain` on themselves."""

from typing import Any

from sklearn.utils.validation import check_is_fitted


class ExplainMethods:
    """What a fitted LSTM says of its predictions."""

    def explain_shap(
        self,
        X: Any,
        *,
        background: Any = None,
        method: Any = "auto",
        level: Any = "cell",
        response_method: Any = "auto",
        target: Any = None,
        n_blocks: int = 2,
        tolerance: float = 0.01,
        max_nodes: int = 64,
        budget: int | None = None,
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> Any:
        """What every cell of X adds to the output; see `sklstm.explain.explain_shap`.

        Parameters
        ----------
        X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays
        background : array-like of the same kind, or of shape (n, m, n_timesteps, n_features), \
                optional
        method : {"auto", "deep", "blocked", "gradient", "exact", "kernel", "permutation", \
                "partition"}, default="auto"
        level : {"cell", "feature", "timestep", "window"}, int or mapping, default="cell"
        response_method : {"auto", "decision_function", "predict_proba", "predict", \
                "predict_quantiles"}, default="auto"
        target : label, position, list or float array, optional
        n_blocks : int, default=2
        tolerance : float, default=0.01
        max_nodes : int, default=64
        budget : int, optional
        n_jobs : int, optional
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        Explanation

        Examples
        --------
        >>> import numpy as np
        >>> from sklstm import LSTMRegressor
        >>> X = np.random.default_rng(0).normal(size=(60, 6, 3))
        >>> model = LSTMRegressor(hidden_size=8, max_epochs=5, random_state=0).fit(X, X[:, 4, 1])
        >>> model.explain_shap(X[:5], background=X[5:]).values.shape
        (5, 6, 3)
        """
        from .explain import explain_shap

        return explain_shap(
            self,
            X,
            background=background,
            method=method,
            level=level,
            response_method=response_method,
            target=target,
            n_blocks=n_blocks,
            tolerance=tolerance,
            max_nodes=max_nodes,
            budget=budget,
            n_jobs=n_jobs,
            random_state=random_state,
        )

    def explain_permutation(
        self,
        X: Any,
        y: Any,
        *,
        level: Any = "feature",
        scoring: Any = None,
        n_repeats: int = 5,
        block_size: int | None = None,
        groups: Any = None,
        n_jobs: int | None = None,
        sample_weight: Any = None,
        random_state: Any = None,
    ) -> Any:
        """Permutation importance; see `sklstm.explain.explain_permutation`.

        Parameters
        ----------
        X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays
        y : array-like of shape (n,) or (n, n_outputs)
        level : {"feature", "timestep", "cell", "window"}, int or mapping, default="feature"
        scoring : str, callable, list, tuple, dict or None, default=None
        n_repeats : int, default=5
        block_size : int or None, default=None
        groups : array-like of shape (n,), optional
        n_jobs : int or None, default=None
        sample_weight : array-like of shape (n,), optional
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        Bunch
            ``importances``, ``importances_mean``, ``importances_std`` and ``player_names``.

        Examples
        --------
        >>> import numpy as np
        >>> from sklstm import LSTMRegressor
        >>> X = np.random.default_rng(0).normal(size=(60, 6, 3))
        >>> model = LSTMRegressor(hidden_size=8, max_epochs=5, random_state=0).fit(X, X[:, 4, 1])
        >>> result = model.explain_permutation(X, X[:, 4, 1], random_state=0)
        >>> result.player_names, result.importances.shape
        (['x0', 'x1', 'x2'], (3, 5))
        """
        from .explain import explain_permutation

        check_is_fitted(self)
        return explain_permutation(
            self,
            X,
            y,
            level=level,
            scoring=scoring,
            n_repeats=n_repeats,
            block_size=block_size,
            groups=groups,
            n_jobs=n_jobs,
            sample_weight=sample_weight,
            random_state=random_state,
        )

    def explain_gradients(
        self,
        X: Any,
        *,
        method: Any = "integrated",
        background: Any = None,
        response_method: Any = "auto",
        target: Any = None,
        tolerance: float = 0.01,
        max_nodes: int = 256,
        n_samples: int = 50,
        noise: float = 0.15,
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> Any:
        """How the output responds to each cell of X; see `sklstm.explain.explain_gradients`.

        Parameters
        ----------
        X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays
        method : {"integrated", "saliency", "input_x_gradient", "smoothgrad"}, default="integrated"
        background : array-like of the same kind, or of shape (n, m, n_timesteps, n_features), \
                optional
        response_method : {"auto", "decision_function", "predict_proba", "predict", \
                "predict_quantiles"}, default="auto"
        target : label, position, list or float array, optional
        tolerance : float, default=0.01
        max_nodes : int, default=256
        n_samples : int, default=50
        noise : float, default=0.15
        n_jobs : int, optional
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        Explanation

        Examples
        --------
        >>> import numpy as np
        >>> from sklstm import LSTMRegressor
        >>> X = np.random.default_rng(0).normal(size=(60, 6, 3))
        >>> model = LSTMRegressor(hidden_size=8, max_epochs=5, random_state=0).fit(X, X[:, 4, 1])
        >>> model.explain_gradients(X[:5], method="saliency").values.shape
        (5, 6, 3)
        """
        from .explain import explain_gradients

        return explain_gradients(
            self,
            X,
            method=method,
            background=background,
            response_method=response_method,
            target=target,
            tolerance=tolerance,
            max_nodes=max_nodes,
            n_samples=n_samples,
            noise=noise,
            n_jobs=n_jobs,
            random_state=random_state,
        )

    def explain_variance(
        self,
        X: Any,
        *,
        level: Any = "feature",
        n_samples: int = 2048,
        response_method: Any = "auto",
        target: Any = None,
        confidence_level: float = 0.95,
        n_resamples: int = 1000,
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> Any:
        """Sobol indices of the output; see `sklstm.explain.explain_variance`.

        Parameters
        ----------
        X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays
        level : {"feature", "timestep", "cell"}, int or mapping, default="feature"
        n_samples : int, default=2048
        response_method : {"auto", "decision_function", "predict_proba", "predict", \
                "predict_quantiles"}, default="auto"
        target : label, position, list or float array, optional
        confidence_level : float, default=0.95
        n_resamples : int, default=1000
        n_jobs : int, optional
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        Bunch
            ``first_order`` and ``total_order`` with their intervals, ``variance``, ``mean``,
            ``player_names``, ``output_names`` and ``n_evaluations``.

        Examples
        --------
        >>> import numpy as np
        >>> from sklstm import LSTMRegressor
        >>> X = np.random.default_rng(0).normal(size=(60, 6, 3))
        >>> model = LSTMRegressor(hidden_size=8, max_epochs=5, random_state=0).fit(X, X[:, 4, 1])
        >>> model.explain_variance(X, random_state=0).total_order.shape
        (3,)
        """
        from .explain import explain_variance

        return explain_variance(
            self,
            X,
            level=level,
            n_samples=n_samples,
            response_method=response_method,
            target=target,
            confidence_level=confidence_level,
            n_resamples=n_resamples,
            n_jobs=n_jobs,
            random_state=random_state,
        )

    def explain_lime(
        self,
        X: Any,
        *,
        background: Any = None,
        level: Any = "cell",
        n_samples: int | None = None,
        kernel_width: float = 0.5,
        n_nonzero: int | None = None,
        response_method: Any = "auto",
        target: Any = None,
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> Any:
        """Local linear models of the output; see `sklstm.explain.explain_lime`.

        Parameters
        ----------
        X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays
        background : array-like of the same kind, or of shape (n, m, n_timesteps, n_features), \
                optional
        level : {"cell", "feature", "timestep"}, int or mapping, default="cell"
        n_samples : int, optional
        kernel_width : float, default=0.5
        n_nonzero : int, optional
        response_method : {"auto", "decision_function", "predict_proba", "predict", \
                "predict_quantiles"}, default="auto"
        target : label, position, list or float array, optional
        n_jobs : int, optional
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        Explanation
            With ``local_fidelity``.

        Examples
        --------
        >>> import numpy as np
        >>> from sklstm import LSTMRegressor
        >>> X = np.random.default_rng(0).normal(size=(60, 6, 3))
        >>> model = LSTMRegressor(hidden_size=8, max_epochs=5, random_state=0).fit(X, X[:, 4, 1])
        >>> local = model.explain_lime(X[:2], background=X[5:], level="feature", random_state=0)
        >>> local.values.shape
        (2, 3)
        """
        from .explain import explain_lime

        return explain_lime(
            self,
            X,
            background=background,
            level=level,
            n_samples=n_samples,
            kernel_width=kernel_width,
            n_nonzero=n_nonzero,
            response_method=response_method,
            target=target,
            n_jobs=n_jobs,
            random_state=random_state,
        )

    def explain_surrogate(
        self,
        X: Any,
        *,
        kind: Any = "tree",
        inputs: Any = "summaries",
        response_method: Any = "auto",
        max_depth: int | None = 3,
        test_size: float = 0.25,
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> Any:
        """Learn a simple model of the predictions; see `sklstm.explain.explain_surrogate`.

        Parameters
        ----------
        X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays
        kind : {"tree", "linear", "forest"}, default="tree"
        inputs : {"summaries", "cells"}, default="summaries"
        response_method : {"auto", "predict", "decision_function", "predict_proba", \
                "predict_quantiles"}, default="auto"
        max_depth : int or None, default=3
        test_size : float, default=0.25
        n_jobs : int, optional
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        Bunch
            ``model``, its ``fidelity`` on held-out rows, the ``baseline`` of a constant, ``rules``,
            ``feature_names`` and ``test_rows``.

        Examples
        --------
        >>> import numpy as np
        >>> from sklstm import LSTMRegressor
        >>> X = np.random.default_rng(0).normal(size=(60, 6, 3))
        >>> model = LSTMRegressor(hidden_size=8, max_epochs=5, random_state=0).fit(X, X[:, 4, 1])
        >>> print(model.explain_surrogate(X, max_depth=1, random_state=0).rules)
        |--- x...
        """
        from .explain import explain_surrogate

        return explain_surrogate(
            self,
            X,
            kind=kind,
            inputs=inputs,
            response_method=response_method,
            max_depth=max_depth,
            test_size=test_size,
            n_jobs=n_jobs,
            random_state=random_state,
        )

    def explain_gates(self, X: Any) -> Any:
        """Gates and states of every time step; see `sklstm.explain.explain_gates`.

        Parameters
        ----------
        X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays

        Returns
        -------
        Bunch
            ``input_gate``, ``forget_gate``, ``output_gate``, ``candidate``, ``cell_state``,
            ``hidden_state``, ``forgetting``, ``writing``, ``half_life`` and ``saturation``.

        Examples
        --------
        >>> import numpy as np
        >>> from sklstm import LSTMRegressor
        >>> X = np.random.default_rng(0).normal(size=(60, 6, 3))
        >>> model = LSTMRegressor(hidden_size=8, max_epochs=5, random_state=0).fit(X, X[:, 4, 1])
        >>> model.explain_gates(X[:5]).forget_gate.shape  # rows, steps, layers, directions, units
        (5, 6, 1, 1, 8)
        """
        from .explain import explain_gates

        return explain_gates(self, X)

    def explain_units(
        self,
        X: Any,
        y: Any = None,
        *,
        background: Any = None,
        response_method: Any = "auto",
        target: Any = None,
        scoring: Any = None,
        n_excite: int = 5,
        n_jobs: int | None = None,
    ) -> Any:
        """What every hidden unit adds to the output; see `sklstm.explain.explain_units`.

        Parameters
        ----------
        X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays
        y : array-like of shape (n,) or (n, n_outputs), optional
        background : array-like of the same kind, or of shape (n, m, n_timesteps, n_features), \
                optional
        response_method : {"auto", "decision_function", "predict_proba", "predict", \
                "predict_quantiles"}, default="auto"
        target : label, position, list or float array, optional
        scoring : str, callable or None, default=None
        n_excite : int, default=5
        n_jobs : int, optional

        Returns
        -------
        Bunch
            ``contribution``, ``direct``, ``base_values``, ``output_values``, ``additivity_gap``,
            ``output_names``, ``ablation``, ``exciting``, ``exciting_state``, ``saturated`` and
            ``dead``.

        Examples
        --------
        >>> import numpy as np
        >>> from sklstm import LSTMRegressor
        >>> X = np.random.default_rng(0).normal(size=(60, 6, 3))
        >>> model = LSTMRegressor(hidden_size=8, max_epochs=5, random_state=0).fit(X, X[:, 4, 1])
        >>> units = model.explain_units(X[:20], X[:20, 4, 1], background=X[20:])
        >>> units.contribution.shape  # rows, layers, directions, units
        (20, 1, 1, 8)
        """
        from .explain import explain_units

        return explain_units(
            self,
            X,
            y,
            background=background,
            response_method=response_method,
            target=target,
            scoring=scoring,
            n_excite=n_excite,
            n_jobs=n_jobs,
        )
