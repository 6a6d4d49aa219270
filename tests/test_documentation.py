"""The documentation says what the code does: names, defaults, and code that runs."""

import ast
import doctest
import inspect
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sklstm
import sklstm.augmentation
import sklstm.datasets
import sklstm.distributed
import sklstm.explain
import sklstm.io
import sklstm.metrics
import sklstm.model_selection
import sklstm.plot
import sklstm.preprocessing
import sklstm.simplify
from sklstm import LSTMClassifier, LSTMRegressor

ROOT = Path(__file__).parents[1]
ESTIMATORS = [LSTMRegressor, LSTMClassifier]
MODULES = [
    sklstm,
    sklstm.augmentation,
    sklstm.datasets,
    sklstm.distributed,
    sklstm.explain,
    sklstm.io,
    sklstm.metrics,
    sklstm.model_selection,
    sklstm.plot,
    sklstm.preprocessing,
    sklstm.simplify,
]
# Full name of every public class and function
PUBLIC = {
    f"{module.__name__}.{name}": getattr(module, name)
    for module in MODULES
    for name in module.__all__
    if callable(getattr(module, name))
}
public = pytest.mark.parametrize("name", PUBLIC)
PAGES = sorted(
    path.name
    for path in (ROOT / "docs").glob("*.rst")
    if ">>> " in path.read_text(encoding="utf-8")
)


def sections(docstring):
    """Text of each section of a numpydoc docstring."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}$", docstring, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def entries(section):
    """Names that a section describes, and what follows their colon."""
    rows = re.findall(r"^(?:\*\*)?(\w[\w, ]*?) : (.+)$", section, flags=re.MULTILINE)
    return {name: text for names, text in rows for name in names.split(", ")}


def listed_in_api():
    """Full name of every entry in the tables of docs/api.rst."""
    module, names = None, []
    for line in (ROOT / "docs" / "api.rst").read_text(encoding="utf-8").splitlines():
        if found := re.fullmatch(r"\.\. currentmodule:: (\S+)", line):
            module = found[1]
        elif found := re.fullmatch(r"   (\w+)", line):
            names.append(f"{module}.{found[1]}")
    return names


def test_there_is_something_public():
    assert {"sklstm.LSTMRegressor", "sklstm.explain.explain_permutation"} <= set(PUBLIC)


def test_every_public_name_is_in_the_api_reference():
    assert sorted(listed_in_api()) == sorted(PUBLIC)


@public
def test_docstring_has_an_example_and_names_the_data(name):
    docstring = inspect.getdoc(PUBLIC[name])
    found = sections(docstring)
    assert {"Parameters", "Examples"} <= set(found)
    assert doctest.DocTestParser().get_examples(found["Examples"])
    summary = docstring.splitlines()[0]
    assert summary.endswith(".")


def code_of(thing):
    """The code of the examples in a docstring."""
    examples = doctest.DocTestParser().get_examples(inspect.getdoc(thing) or "")
    return "".join(example.source for example in examples)


def public_methods(cls):
    """Name and function of the methods and properties of a class, those of the library."""
    for name, member in inspect.getmembers(cls):
        function = member.fget if isinstance(member, property) else member
        of_sklstm = (getattr(function, "__module__", None) or "").startswith("sklstm")
        if of_sklstm and not name.startswith("_") and name != "get_metadata_routing":
            yield name, function


@pytest.mark.parametrize("name", [name for name in PUBLIC if inspect.isclass(PUBLIC[name])])
def test_an_example_calls_every_method(name):
    shown = code_of(PUBLIC[name])
    methods = dict(public_methods(PUBLIC[name]))
    missing = [
        method
        for method, function in methods.items()
        if not re.search(rf"\.{method}\b", shown + code_of(function))
    ]
    assert not missing


def test_the_methods_are_found():
    assert {"fit", "explain_shap", "predict_proba"} <= set(dict(public_methods(LSTMClassifier)))
    assert {"by", "load", "n_players"} <= set(dict(public_methods(sklstm.explain.Explanation)))


@public
def test_parameters_are_documented_with_their_defaults(name):
    parameters = inspect.signature(PUBLIC[name]).parameters
    documented = entries(sections(inspect.getdoc(PUBLIC[name]))["Parameters"])
    assert list(documented) == list(parameters)
    for parameter in parameters.values():
        text = documented[parameter.name]
        stated = re.search(r", default=(.+)$", text)
        if stated is None:
            optional = text.endswith(", optional")
            assert parameter.default is (None if optional else parameter.empty), parameter.name
        else:
            value = ast.literal_eval(stated[1])
            assert (type(value), value) == (type(parameter.default), parameter.default)


@pytest.mark.parametrize("estimator_class", ESTIMATORS)
def test_fitted_attributes_are_documented(estimator_class):
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 4)), columns=list("abcd"))
    model = estimator_class(hidden_size=2, max_epochs=1).fit(X, np.arange(20) % 2)
    fitted = {key for key in vars(model) if key.endswith("_") and not key.startswith("_")}
    assert {"net_", "feature_names_in_"} <= fitted
    assert set(entries(sections(inspect.getdoc(estimator_class))["Attributes"])) == fitted


@pytest.mark.parametrize("estimator_class", ESTIMATORS)
def test_methods_are_documented(estimator_class):
    for name, method in inspect.getmembers(estimator_class, inspect.isfunction):
        if name.startswith("_") or not method.__module__.startswith("sklstm"):
            continue
        found = sections(inspect.getdoc(method))
        assert {"Parameters", "Returns"} <= set(found), name
        names = re.findall(r"^(\w[\w, ]*?)(?: : .+)?$", found["Parameters"], flags=re.MULTILINE)
        documented = [part for row in names for part in row.split(", ")]
        assert sorted(["self", *documented]) == sorted(inspect.signature(method).parameters), name


def test_there_are_pages():
    assert {"index.rst", "get_started.rst", "explaining.rst", "coming_from.rst"} <= set(PAGES)


@pytest.mark.cpu  # its numbers are those of the CPU
@pytest.mark.parametrize("page", PAGES)
def test_the_guide_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a page may save a file
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    path = str(ROOT / "docs" / page)
    result = doctest.testfile(path, module_relative=False, optionflags=flags, encoding="utf-8")
    assert result.attempted
    assert result.failed == 0


def test_the_readme_runs(tmp_path, monkeypatch):
    path = ROOT / "README.md"
    # All blocks as one program, in which every line keeps its number in the file.
    lines, inside = [], False
    for line in path.read_text(encoding="utf-8").splitlines():
        fence = line.startswith("```")
        lines.append(line if inside and not fence else "")
        inside = line.rstrip() == "```python" or (inside and not fence)
    assert any(lines)
    monkeypatch.chdir(tmp_path)
    exec(compile("\n".join(lines), str(path), "exec"), {"__name__": "__main__"})


def test_the_citation_names_this_version():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (.+)$", text, flags=re.MULTILINE)[1] == sklstm.__version__
