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
        level : {"cell", "feature", "timestep"}, int or mapping, default="cell"
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
        n_jobs: int | None = None,
        sample_weight: Any = None,
        random_state: Any = None,
    ) -> Any:
        """Permutation importance; see `sklstm.explain.explain_permutation`.

        Parameters
        ----------
        X : array-like of shape (n, n_timesteps, n_features), (n, n_columns), or n arrays
        y : array-like of shape (n,) or (n, n_outputs)
        level : {"feature", "timestep", "cell"}, default="feature"
        scoring : str, callable, list, tuple, dict or None, default=None
        n_repeats : int, default=5
        n_jobs : int or None, default=None
        sample_weight : array-like of shape (n,), optional
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        Bunch
            ``importances``, ``importances_mean`` and ``importances_std``.
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
            n_jobs=n_jobs,
            sample_weight=sample_weight,
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
