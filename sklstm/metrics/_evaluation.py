"""evaluate_explanation."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from .._utils._extras import load_extra
from ..explain import Explanation
from ._additivity import additivity_gap
from ._agreement import agreement
from ._checks import check_count, seed_of
from ._curves import Followed, followed, own_orders, random_orders
from ._fractions import FRACTIONS, lost_of
from ._game import check_explanation, game_of
from ._infidelity import infidelity_of
from ._outputs import Estimate, share
from ._paths import has_signs
from ._sensitivity import NothingToChangeError, max_sensitivity
from ._sparseness import sparseness

FloatArray = NDArray[np.float64]

CHANCE = "random order"
N_RANDOM = 2
# Sets of players for the infidelity, and changed copies for the sensitivity.
N_SETS, N_CHANGES = 30, 3
UNKNOWN = Estimate(np.nan, np.nan)


def evaluate_explanation(
    model: Any,
    X: Any,
    explanations: Mapping[str, Explanation | Callable[[Any, Any], Explanation]],
    *,
    background: Any = None,
    n_steps: int = 10,
    random_state: Any = None,
) -> Bunch:
    """Compare explanations of a model by what the model does, and say which to trust.

    Parameters
    ----------
    model : fitted estimator, Pipeline or search
        That was explained.
    X : array-like
        The explained rows.
    explanations : mapping from str to Explanation or callable
        To be compared, of the same rows, players and outputs. A callable from a model and rows to
        an Explanation, such as ``partial(explain_shap, background=B)``, is called for X, and again
        for changed copies of it, which gives its sensitivity.
    background : array-like, optional
        Rows that players are replaced from, as in :func:`deletion_curve`.
    n_steps : int, default=10
        Of the deletion and insertion curves.
    random_state : int, RandomState instance or None, default=None
        Fixes random orders, sets of players, changes of X, and the rows that are drawn from a
        large background.

    Returns
    -------
    Bunch
        table : pandas.DataFrame
            A row for each explanation, the most faithful first, and one for random orders. A
            column for each measure, and one for its standard error, ``..._error``:
            ``faithfulness`` (area of insertion less that of deletion: more is better),
            ``deletion`` (less), ``insertion`` (more), ``comprehensiveness`` (more),
            ``sufficiency`` (less), ``infidelity`` (less), ``additivity_gap`` (less),
            ``sensitivity`` (less), ``sparseness``, and ``agreement``, the mean rank correlation
            with the other explanations. NaN where a measure does not apply.
        recommended : str or None
            The name of an explanation; None where no order is better than random ones.
        reason : str
            Why.

    Raises
    ------
    ValueError
        If a parameter is not as described, or the explanations are not of this model and X, or not
        of the same players and outputs.
    TypeError
        Where X is sparse, or holds objects that are no numbers.
    ImportError
        Without pandas.

    Notes
    -----
    The most faithful explanation is recommended. Of those that are as faithful within two standard
    errors of the difference, row by row, it is the one with the smallest infidelity. Sparseness,
    agreement and sensitivity say how convenient an explanation is, not how right; they do not
    count. Where two explanations are as good, the one whose question is yours is better.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.explain import explain_gradients, explain_shap
    >>> from sklstm.metrics import evaluate_explanation
    >>> X = np.random.default_rng(0).normal(size=(200, 6, 3))
    >>> model = LSTMRegressor(hidden_size=8, random_state=0).fit(X, X[:, 4, 1] * X[:, 2, 0])
    >>> explanations = {
    ...     "deep": explain_shap(model, X[:20], background=X[100:]),
    ...     "saliency": explain_gradients(model, X[:20], method="saliency"),
    ... }
    >>> result = evaluate_explanation(
    ...     model, X[:20], explanations, background=X[100:], random_state=0
    ... )
    >>> result.recommended
    'deep'
    >>> list(result.table.index)
    ['deep', 'saliency', 'random order']
    """
    pandas = load_extra("pandas", "evaluate_explanation")
    check_count("n_steps", n_steps)
    seed = seed_of(random_state)
    known, callables = _read(model, X, explanations)
    measured = {}
    for name, explanation in known.items():
        try:
            game = game_of(model, X, explanation, background, seed)
        except ValueError as error:
            raise ValueError(f"The explanation {name!r}: {error}") from error
        measured[name] = _measured(game, explanation, n_steps, seed)
    chance = _areas(game, random_orders(N_RANDOM, seed), n_steps)
    table = {name: one.estimates for name, one in measured.items()}
    for name, call in callables.items():
        try:
            result = max_sensitivity(model, X, call, n_samples=N_CHANGES, random_state=seed)
        except NothingToChangeError:  # codes, symbols, or one row
            continue
        table[name]["sensitivity"] = Estimate(result.value, result.standard_error)
    for name in known:
        table[name]["agreement"] = _mean_agreement(name, known)
    faithful = {name: one.faithful for name, one in measured.items()}
    order = sorted(table, key=lambda name: -np.nan_to_num(table[name]["faithfulness"].value))
    table[CHANCE] = chance.estimates
    recommended, reason = _recommended(order, faithful, chance, table)
    rows = {name: _row(table[name]) for name in [*order, CHANCE]}
    return Bunch(
        table=pandas.DataFrame.from_dict(rows, orient="index"),
        recommended=recommended,
        reason=reason,
    )


MEASURES = (
    "faithfulness",
    "deletion",
    "insertion",
    "comprehensiveness",
    "sufficiency",
    "infidelity",
    "additivity_gap",
    "sensitivity",
    "sparseness",
    "agreement",
)


class Measured(NamedTuple):
    """Of an explanation: its measures, and for each row and output area and size, (n, k)."""

    estimates: dict[str, Estimate]
    faithful: FloatArray
    sizes: FloatArray


def _areas(game: Any, orders: Any, n_steps: int) -> Measured:
    """Measures of the two curves."""
    deleted: Followed = followed(game, orders, False, n_steps)
    inserted: Followed = followed(game, orders, True, n_steps)
    faithful, sizes = inserted.areas - deleted.areas, deleted.sizes
    estimates = {
        "faithfulness": share(faithful, sizes),
        "deletion": share(deleted.areas, sizes),
        "insertion": share(inserted.areas, sizes),
    }
    return Measured(estimates, faithful, sizes)


def _measured(game: Any, explanation: Explanation, n_steps: int, seed: int) -> Measured:
    """All measures that ask the model, or the explanation alone."""
    result = _areas(game, own_orders(explanation), n_steps)
    fractions = np.array(FRACTIONS)
    found = {
        "comprehensiveness": lost_of(game, explanation, False, fractions),
        "sufficiency": lost_of(game, explanation, True, fractions),
        "sparseness": sparseness(explanation),
    }
    if has_signs(explanation):
        found["infidelity"] = infidelity_of(game, N_SETS, seed)
    if not np.isnan(explanation.base_values).all():
        found["additivity_gap"] = additivity_gap(explanation)
    for name, one in found.items():
        result.estimates[name] = Estimate(one.value, one.standard_error)
    return result


def _mean_agreement(name: str, known: dict[str, Explanation]) -> Estimate:
    others = [agreement(known[name], known[other]) for other in known if other != name]
    if not others:
        return UNKNOWN
    correlations = np.array([one.rank_correlation for one in others])
    errors = np.array([one.rank_correlation_standard_error for one in others])
    # The same rows: errors do not cancel, and their mean is not too small.
    return Estimate(float(correlations.mean()), float(errors.mean()))


def _row(estimates: dict[str, Estimate]) -> dict[str, float]:
    row: dict[str, float] = {}
    for name in MEASURES:
        one = estimates.get(name, UNKNOWN)
        row |= {name: one.value, f"{name}_error": one.standard_error}
    return row


def _recommended(
    order: list[str],
    faithful: dict[str, FloatArray],
    chance: Measured,
    table: dict[str, dict[str, Estimate]],
) -> tuple[str | None, str]:
    """The explanation to trust, and why."""
    best = order[0]
    above = share(faithful[best] - chance.faithful, chance.sizes)
    if np.isnan(above.value):
        return None, "The output of no row differs from that of the background: nothing to explain."
    if np.isnan(above.standard_error):
        return None, "None: of one row there is no standard error. Explain more rows."
    if above.value <= 2 * above.standard_error:
        return None, (
            f"None: the best order of players, that of {best!r}, is not better than random ones by "
            f"two standard errors ({above.value:.2f} ± {above.standard_error:.2f}). Explain more "
            "rows, or larger players (features, windows of time)."
        )
    equals = [name for name in order if _as_good(faithful, best, name, chance.sizes)]
    infidelity = {name: table[name].get("infidelity", UNKNOWN).value for name in equals}
    chosen = min(
        equals, key=lambda name: np.inf if np.isnan(infidelity[name]) else infidelity[name]
    )
    own = table[chosen]["faithfulness"]
    reason = (
        f"{chosen!r}: taking players away and putting them in by its order moves the output by "
        f"{own.value:.2f} ± {own.standard_error:.2f} (insertion less deletion area; random orders "
        f"{table[CHANCE]['faithfulness'].value:.2f})"
    )
    others = [name for name in equals if name != chosen]
    if not others:
        return chosen, reason + ", more than that of all others." if len(
            order
        ) > 1 else reason + "."
    listed = ", ".join(map(repr, others))
    reason += (
        f". Within two standard errors {listed} {'is' if len(others) == 1 else 'are'} as faithful"
    )
    if np.isnan(infidelity[chosen]):
        return chosen, reason + "."
    return chosen, f"{reason}; of these it has the smallest infidelity, {infidelity[chosen]:.2g}."


def _as_good(faithful: dict[str, FloatArray], best: str, name: str, sizes: FloatArray) -> bool:
    difference = share(faithful[best] - faithful[name], sizes)
    return name == best or difference.value <= 2 * difference.standard_error


def _read(
    model: Any, X: Any, explanations: Any
) -> tuple[dict[str, Explanation], dict[str, Callable[[Any, Any], Explanation]]]:
    """Explanations, made where callables are given, and these."""
    if not isinstance(explanations, Mapping) or not explanations or CHANCE in explanations:
        raise ValueError(
            "The 'explanations' parameter must be a mapping from names, none of them "
            f"{CHANCE!r}, to Explanations. Got {explanations!r:.80} instead."
        )
    callables = {name: one for name, one in explanations.items() if callable(one)}
    known = {
        name: one(model, X) if name in callables else one for name, one in explanations.items()
    }
    for name, explanation in known.items():
        check_explanation(explanation, f"explanations[{name}]")
    first = next(iter(known))
    for name, one in known.items():
        wanted = known[first]
        same = one.values.shape == wanted.values.shape and one.player_names == wanted.player_names
        if not same or one.output_values.shape != wanted.output_values.shape:
            raise ValueError(
                "The 'explanations' parameter must hold explanations of the same rows, players and "
                f"outputs. {name!r} has values of shape {one.values.shape} ({one.level}s), and "
                f"{first!r} of shape {wanted.values.shape} ({wanted.level}s)."
            )
    return known, callables
