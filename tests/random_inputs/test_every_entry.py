"""Every public entry, one of its arguments replaced by anything: an answer or an error to read."""

import dataclasses
import inspect
import re
import zlib
from functools import cache, partial

import numpy as np
import pandas as pd
import pytest
from arbitrary import PARAMETERS, anything, attempt, is_refused, trials
from hypothesis import given, seed
from hypothesis import strategies as st
from sklearn.metrics import mean_squared_error
from sklearn.preprocessing import StandardScaler
from test_documentation import PUBLIC, public_methods, sections

from sklstm import (
    LSTMClassifier,
    LSTMRegressor,
    augmentation,
    datasets,
    explain,
    io,
    metrics,
    model_selection,
    plot,
    preprocessing,
    simplify,
)
from sklstm.distributed import data_parallel

# Values that each argument of each entry is replaced by
TRIALS = 12
TINY = {"hidden_size": 2, "max_epochs": 1, "random_state": 0, "device": "cpu"}
X = np.random.default_rng(0).normal(size=(12, 3, 2))
Y = X.sum((1, 2))
LABELS = np.array(["a", "b", "c"])[np.arange(12) % 3]
WEIGHT = np.ones(12)
ROWS, BACKGROUND, MANY = X[:2], X[2:5], np.concatenate([X, -X])
TABLE = pd.DataFrame(
    X[:8, 0], columns=["a", "b"], index=pd.date_range("2020-01-01", periods=8, freq="D")
)
BOTH = {"X": ROWS, "background": BACKGROUND}
SEED = {"random_state": 0}
FIELDS = [field.name for field in dataclasses.fields(explain.Explanation) if field.init]
# Arguments that are data; the others are parameters.
DATA = {"X", "y", "sample_weight", "background", "classes", "groups", "series", "truth"}
DATA |= {"x", "lengths", "targets", "weights", "predictions", "observed", "hidden_state"}
DATA |= {"values", "base_values", "output_values", "data", "standard_error", "table_rows"}
DATA |= {"local_fidelity", "player_of_cell", "importances"}


@cache
def model(num_layers=1):
    return LSTMRegressor(**TINY, num_layers=num_layers).fit(X, Y)


@cache
def explanation():
    return model().explain_shap(ROWS, background=BACKGROUND)


def shap_of(model, rows):
    return explain.explain_shap(model, rows, background=BACKGROUND)


def explained_by(players, **fields):
    return explain.Explanation(**fields).by(players)


def fit_classifier(X, y, sample_weight, **params):
    return LSTMClassifier(**params).fit(X, y, sample_weight).predict_proba(X)


def fit_regressor(X, y, sample_weight, **params):
    return LSTMRegressor(**params).fit(X, y, sample_weight).predict(X)


def augmented(kind, **params):
    return fit_regressor(X, Y, None, **TINY, augmentation=[kind(**params)])


def returned(**parts):
    """A fit whose augmentation returns other parts than it was given."""
    parts = {name: part for name, part in parts.items() if part is not None}
    return fit_regressor(
        X,
        Y,
        None,
        **TINY,
        augmentation=[lambda batch, generator: dataclasses.replace(batch, **parts)],
    )


def transformed(kind, X, **params):
    with np.errstate(invalid="ignore"):  # scikit-learn's scalers compute with NaN
        return kind(**params).fit_transform(X)


def split(X, y, **params):
    return list(model_selection.WindowSplit(**params).split(X, y))


def shared(**params):
    with data_parallel(**params) as processes:
        return processes.rank


def drawn(display, **arguments):
    display = display(**arguments)
    display.plot()
    display.frame()


def entries(module, calls):
    """Full name of each entry, its call, and its arguments."""
    return {f"sklstm{module}.{name}": call for name, call in calls.items()}


def of(function, **arguments):
    return function, arguments


ENTRIES = entries(
    "",
    {
        "LSTMClassifier": of(fit_classifier, X=X, y=LABELS, sample_weight=WEIGHT, **TINY),
        "LSTMRegressor": of(fit_regressor, X=X, y=Y, sample_weight=WEIGHT, **TINY),
    },
)
ENTRIES |= entries(
    ".augmentation",
    {
        "TrainingBatch": of(returned, x=None, lengths=None, targets=None, weights=None),
        **{
            name: of(partial(augmented, getattr(augmentation, name)), **params)
            for name, params in {
                "ChannelDropout": {"p": 0.1},
                "Crop": {"max_fraction": 0.2},
                "Jitter": {"scale": 0.1},
                "Mixup": {"alpha": 0.2},
                "Scale": {"scale": 0.1},
                "TimeMask": {"max_fraction": 0.2},
                "TimeWarp": {"scale": 0.3},
            }.items()
        },
    },
)
ENTRIES |= entries(
    ".datasets",
    {
        **{
            name: of(getattr(datasets, name), as_frame=False)
            for name in datasets.__all__
            if name.startswith("load") and name != "load_japanese_vowels"
        },
        "load_japanese_vowels": of(datasets.load_japanese_vowels, subset="train", ragged=False),
        "make_expression_profiles": of(
            datasets.make_expression_profiles,
            **{"n_samples": 9, "n_timesteps": 10, "n_genes": 3, "n_informative": 2, "noise": 0.1},
            **SEED,
        ),
        "make_motif_sequences": of(
            datasets.make_motif_sequences,
            **{"n_samples": 9, "length": 12, "motif": "TGA", "alphabet": "ACGT"},
            **{"mutation_rate": 0.0, "random_state": 0},
        ),
        "make_sentiment": of(datasets.make_sentiment, n_samples=9, negation_rate=0.3, **SEED),
    },
)
ENTRIES |= entries(".distributed", {"data_parallel": of(shared, timeout=3.0)})
ENTRIES |= entries(
    ".explain",
    {
        "Explanation": of(
            explained_by,
            players="feature",
            **{field: getattr(explanation(), field) for field in FIELDS},
        ),
        "explain_gates": of(explain.explain_gates, model=model(), X=X),
        "explain_gradients": of(
            explain.explain_gradients,
            **{"model": model(), "X": ROWS, "method": "smoothgrad", "response_method": "auto"},
            **{"target": None, "n_samples": 5, "noise": 0.1, **SEED},
        ),
        "explain_lime": of(
            explain.explain_lime,
            **{"model": model(), **BOTH, "level": "feature", "n_samples": 20, "n_nonzero": None},
            **{"kernel_width": 0.5, "response_method": "auto", "target": None, **SEED},
        ),
        "explain_permutation": of(
            explain.explain_permutation,
            **{"model": model(), "X": X, "y": Y, "level": "feature", "scoring": None},
            **{"n_repeats": 2, "block_size": None, "groups": None, "sample_weight": None, **SEED},
        ),
        "explain_shap": of(
            explain.explain_shap,
            **{"model": model(), **BOTH, "method": "auto", "level": "cell", "target": None},
            **{"response_method": "auto", "n_blocks": 2, "budget": None, **SEED},
        ),
        "explain_surrogate": of(
            explain.explain_surrogate,
            **{"model": model(), "X": MANY, "kind": "tree", "inputs": "summaries", "max_depth": 2},
            **{"response_method": "auto", "test_size": 0.25, **SEED},
        ),
        "explain_units": of(
            explain.explain_units,
            **{"model": model(), "X": X, "y": None, "background": BACKGROUND, "n_excite": 2},
            **{"response_method": "auto", "target": None, "scoring": None},
        ),
        "explain_variance": of(
            explain.explain_variance,
            **{"model": model(), "X": X, "level": "feature", "n_samples": 16, "target": None},
            **{"response_method": "auto", "confidence_level": 0.9, "n_resamples": 9, **SEED},
        ),
    },
)
CURVE = {"model": model(), "explanation": explanation(), **BOTH, **SEED}
ENTRIES |= entries(
    ".metrics",
    {
        "additivity_gap": of(metrics.additivity_gap, explanation=explanation()),
        "agreement": of(metrics.agreement, first=explanation(), second=explanation(), k=2),
        "comprehensiveness": of(metrics.comprehensiveness, **CURVE, fractions=(0.1, 0.5)),
        "sufficiency": of(metrics.sufficiency, **CURVE, fractions=(0.1, 0.5)),
        "deletion_curve": of(metrics.deletion_curve, **CURVE, n_steps=3, n_random=1),
        "insertion_curve": of(metrics.insertion_curve, **CURVE, n_steps=3, n_random=1),
        "evaluate_explanation": of(
            metrics.evaluate_explanation,
            **{
                "model": model(),
                "explanations": {"a": explanation()},
                **BOTH,
                "n_steps": 3,
                **SEED,
            },
        ),
        "ground_truth_auc": of(
            metrics.ground_truth_auc,
            explanation=explanation(),
            truth=np.arange(12).reshape(2, 3, 2) % 2 == 1,
        ),
        "infidelity": of(metrics.infidelity, **CURVE, n_samples=4),
        "max_sensitivity": of(
            metrics.max_sensitivity,
            **{"model": model(), "X": ROWS, "explain": shap_of, "radius": 0.02, "n_samples": 2},
            **SEED,
        ),
        "randomization_test": of(
            metrics.randomization_test, model=model(), X=ROWS, explain=shap_of, **SEED
        ),
        "sequence_scorer": of(
            metrics.sequence_scorer, metric=mean_squared_error, response_method="predict"
        ),
        "sparseness": of(metrics.sparseness, explanation=explanation()),
    },
)
ENTRIES |= entries(
    ".model_selection",
    {
        "WindowSplit": of(
            split,
            **{"X": TABLE, "y": None, "n_splits": 2, "horizon": 1},
            **{"lookback": 2, "test_size": None, "max_train_size": None},
        )
    },
)
ENTRIES |= entries(
    ".plot",
    {
        "ActivationDisplay": of(
            partial(drawn, plot.ActivationDisplay), hidden_state=np.zeros((4, 1, 1, 2)), times=None
        ),
        "AttributionDisplay": of(
            partial(drawn, plot.AttributionDisplay),
            **{"values": np.ones((3, 2)), "names": ["a", "b"], "times": None},
        ),
        "ComparisonDisplay": of(
            partial(drawn, plot.ComparisonDisplay),
            **{"models": ["a", "b"], "costs": {"c": [1, 2]}, "qualities": {"q": [1, 2]}},
        ),
        "DeletionCurveDisplay": of(
            partial(drawn, plot.DeletionCurveDisplay),
            **{"fractions": [0, 0.5, 1], "curves": {"a": [1, 2, 3]}, "random_curve": [1, 2, 2]},
        ),
        "ForecastDisplay": of(
            partial(drawn, plot.ForecastDisplay),
            **{"predictions": np.zeros(4), "observed": np.ones(4), "index": None},
        ),
        "GateDisplay": of(plot.GateDisplay.from_estimator, model=model(), X=X),
        "ImportanceDisplay": of(
            partial(drawn, plot.ImportanceDisplay), importances=np.ones(2), names=["a", "b"]
        ),
        "LearningCurveDisplay": of(plot.LearningCurveDisplay.from_estimator, model=model()),
    },
)
ENTRIES |= entries(
    ".preprocessing",
    {
        "SequenceOneHotEncoder": of(
            partial(transformed, preprocessing.SequenceOneHotEncoder),
            **{"X": ["ACG", "T"], "alphabet": "ACGT", "handle_unknown": "error"},
        ),
        "SequenceTokenizer": of(
            partial(transformed, preprocessing.SequenceTokenizer),
            **{"X": ["a b", "b"], "tokenizer": None, "lowercase": True, "min_df": 1},
            max_features=None,
        ),
        "SequenceWise": of(
            partial(transformed, preprocessing.SequenceWise), X=X, transformer=StandardScaler()
        ),
        "SlidingWindow": of(
            partial(transformed, preprocessing.SlidingWindow),
            **{"X": TABLE, "lookback": 2, "time": None, "groups": None},
        ),
        "make_windows": of(
            preprocessing.make_windows,
            **{"series": TABLE, "lookback": 2, "horizon": 1, "target": "a", "stride": 1},
        ),
    },
)
ENTRIES |= entries(
    ".simplify",
    {
        "compare": of(
            simplify.compare,
            **{"before": model(), "after": model(), "X": X, "y": Y, "n_explained": 2},
            **{"n_repeats": 1, **SEED},
        ),
        "distill": of(
            simplify.distill,
            model=model(),
            student=LSTMRegressor(**TINY),
            X=X,
            sample_weight=WEIGHT,
        ),
        "prune": of(
            simplify.prune,
            **{"model": model(), "X": X, "y": Y, "fraction": 0.5, "kind": "units", "epochs": 1},
            **{"importance": "magnitude", "sample_weight": None, **SEED},
        ),
        "quantize": of(simplify.quantize, model=model(), bits=8),
        "reduce_layers": of(
            simplify.reduce_layers,
            **{"model": model(2), "X": X, "y": Y, "num_layers": 1, "epochs": 1},
            **{"sample_weight": None, **SEED},
        ),
    },
)
# Those that read and write files: only the model and what is in the file are random.
FILES = {"sklstm.io.save", "sklstm.io.load", "sklstm.io.export_onnx", "sklstm.io.load_onnx"}
FILES |= {"sklstm.plot.report"}


def test_every_public_name_has_an_entry():
    assert {*ENTRIES, *FILES} == set(PUBLIC)


def values_of(argument):
    """Of data, of a parameter, or of a function, which may itself raise what it likes."""
    if argument in DATA:
        return anything()
    called = argument in ("explain", "scoring")
    return PARAMETERS.filter(lambda value: not callable(value)) if called else PARAMETERS


def errors_of(thing):
    """Names of the errors that a docstring, and those of a class's methods, have under Raises."""
    listed = sections(inspect.getdoc(thing) or "").get("Raises", "")
    methods = public_methods(thing) if inspect.isclass(thing) else ()
    names = re.findall(r"^\w+(?:, \w+)*$", listed, re.M)
    return {name for row in names for name in row.split(", ")}.union(
        *(errors_of(method) for _, method in methods)
    )


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_answers_as_it_is_in_the_table(name):
    call, arguments = ENTRIES[name]
    call(**arguments)


@pytest.mark.parametrize(
    ("name", "argument"), [(name, argument) for name in ENTRIES for argument in ENTRIES[name][1]]
)
def test_an_entry_answers_or_raises_a_documented_error_that_names_the_argument(name, argument):
    call, arguments = ENTRIES[name]
    errors = errors_of(PUBLIC[name])

    @trials(TRIALS)
    @seed(zlib.crc32(f"{name}{argument}".encode()))  # or all arguments would get the same values
    @given(value=values_of(argument))
    def answers_or_says_what_is_wrong(value):
        says = rf"\b{argument}\b"
        if argument not in DATA:
            says = rf"(?s)(?=.*{says}).*([Gg]ot |{re.escape(str(value))})"
        attempt(call, **{**arguments, argument: value}, says=says, raises=errors)

    answers_or_says_what_is_wrong()


@trials(20)
@given(value=PARAMETERS)
def test_a_file_takes_a_model_or_says_what_is_wrong(value, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "random"
    report = partial(plot.report, X=X, y=Y, background=BACKGROUND)
    for call, function in {
        io.save: io.save,
        io.export_onnx: io.export_onnx,
        report: plot.report,
    }.items():
        attempt(call, value, path=path, says=r"\bmodel\b", raises=errors_of(function))


@trials(40)
@given(value=PARAMETERS.filter(lambda value: not isinstance(value, str)))
def test_a_path_is_one_or_is_refused(value):
    for name, call in {
        "sklstm.io.save": partial(io.save, model()),
        "sklstm.io.load": io.load,
        "sklstm.io.export_onnx": partial(io.export_onnx, model()),
        "sklstm.io.load_onnx": io.load_onnx,
        "sklstm.plot.report": partial(plot.report, model(), X, Y, background=BACKGROUND),
        "sklstm.explain.Explanation": explain.Explanation.load,
    }.items():
        errors = errors_of(PUBLIC[name])
        assert is_refused(attempt(call, path=value, says="'path' parameter", raises=errors))


@trials(30)
@given(data=st.data())
def test_a_damaged_file_is_refused(data, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "damaged"
    write, read = data.draw(st.sampled_from([(io.save, io.load), (io.export_onnx, io.load_onnx)]))
    write(model(), path)
    content = path.read_bytes()
    cut = data.draw(st.integers(0, len(content) - 1))
    path.write_bytes(content[:cut] + data.draw(st.binary(max_size=9)))
    attempt(read, path, says="damaged", raises=errors_of(read))
