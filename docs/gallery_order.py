"""The order of the example gallery: from what most readers bring to what few need."""

from pathlib import Path

ORDER = [
    # forecasts
    "weather_forecast",
    "el_nino",
    "co2",
    "sunspots",
    "sales",
    "quantiles",
    "leaking_splits",
    # labels
    "japanese_vowels",
    "digits_rows",
    "sentiment",
    "sequence_labels",
    "imbalance",
    "halving_search",
    # explanations
    "explain_forecast",
    "permutation_or_shap",
    "compare_models",
    "dna_motifs",
    "protein_motifs",
    "expression",
    "inside",
    "gates",
    # in use
    "pruning_frontier",
    "onnx",
    "out_of_core",
    "dask",
]


def place(path):
    """Sort key of an example; those that are not listed come last, by name."""
    name = Path(path).stem.removeprefix("plot_")
    return (ORDER.index(name) if name in ORDER else len(ORDER), name)
