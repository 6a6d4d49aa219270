"""Simple models as text."""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.tree import export_text

# Inputs that are listed, and decimals beyond which nobody reads.
LONGEST_LIST = 20
MOST_DECIMALS = 12


def rules_of(simple: Pipeline, names: list[str], outputs: list[str]) -> str:
    """Rules of a tree, coefficients of a linear model, importances of a forest.

    Parameters
    ----------
    simple : fitted Pipeline
        Whose last step is named "tree", "linear" or "forest".
    names : list of str
        Of its inputs.
    outputs : list of str
        Of several numbers or labels that it predicts for a row.
    """
    kind, last = simple.steps[-1]
    if kind == "tree":
        kind = "labels" if hasattr(last, "classes_") else "values"
        several = f"{kind}: [{', '.join(outputs)}]\n" if outputs else ""
        return several + _of_tree(last, names)
    if kind == "forest":
        return _of_forest(last, names)
    titles = list(outputs) or ["output"]
    if hasattr(last, "classes_"):
        classes = last.classes_[1:] if len(last.classes_) == 2 else last.classes_
        titles = [f"log-odds of {label}" for label in classes]
    scale, deviation = simple["scale"], np.sqrt(simple["scale"].var_)
    weights = np.atleast_2d(last.coef_) / scale.scale_
    constants = np.atleast_1d(last.intercept_) - weights @ scale.mean_
    parts = zip(titles, constants, weights, strict=True)
    return "\n".join(_of_linear(*part, deviation, names) for part in parts)


def _of_tree(tree: Any, names: list[str]) -> str:
    inner = tree.tree_.feature >= 0
    numbers = [tree.tree_.threshold[inner]]
    if not hasattr(tree, "classes_"):
        numbers.append(tree.tree_.value[~inner].ravel())
    finite = [values[np.isfinite(values)] for values in numbers]
    spreads = [values.std() or abs(values).max() for values in finite if len(values)]
    depth = max(1, tree.get_depth())
    text = export_text(tree, feature_names=names, max_depth=depth, decimals=_decimals(spreads))
    if hasattr(tree, "classes_") and tree.n_outputs_ > 1:
        text = _with_several_labels(text, tree)
    # A split of the missing values from all others has no finite threshold.
    return text.replace(" <= inf", " is known").replace(" >  inf", " is missing")


def _with_several_labels(text: str, tree: Any) -> str:
    """Of every leaf all labels; scikit-learn writes a number that is none of them."""
    votes = tree.tree_.value[tree.tree_.feature < 0]  # in the order of the text
    of_outputs = [
        known[votes[:, output, : len(known)].argmax(axis=1)].tolist()
        for output, known in enumerate(tree.classes_)
    ]
    leaves = iter(zip(*of_outputs, strict=True))
    return re.sub(
        r"--- class: \d+$",
        lambda _: f"--- labels: [{', '.join(map(str, next(leaves)))}]",
        text,
        flags=re.MULTILINE,
    )


def _decimals(spreads: list[Any]) -> int:
    """Three digits of the smallest of some numbers."""
    smallest = min((spread for spread in spreads if spread > 0), default=1.0)
    return int(np.clip(2 - np.floor(np.log10(smallest)), 0, MOST_DECIMALS))


def _of_linear(
    title: str,
    constant: float,
    weights: NDArray[np.float64],
    deviation: NDArray[np.float64],
    names: list[str],
) -> str:
    effects = weights * deviation
    order = [i for i in np.argsort(-np.abs(effects), kind="stable") if effects[i] != 0]
    lines = [f"{title} = {constant:.4g}"]
    lines += [
        f"    {weights[i]:+.4g} × {names[i]}  ({effects[i]:+.3g} per standard deviation)"
        for i in order[:LONGEST_LIST]
    ]
    if len(order) > LONGEST_LIST:
        lines.append(f"    and {len(order) - LONGEST_LIST} with smaller effects")
    if len(order) < len(names):
        lines.append(f"    and {len(names) - len(order)} without")
    return "\n".join(lines) + "\n"


def _of_forest(forest: Any, names: list[str]) -> str:
    importances = forest.feature_importances_
    order = np.argsort(-importances, kind="stable")[:LONGEST_LIST]
    lines = [f"{importances[i]:.3f}  {names[i]}" for i in order if importances[i] > 0]
    return "\n".join(lines) + "\n"
