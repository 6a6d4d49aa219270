"""Imports point one way, and what is heavy is imported where it is needed."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sklstm

ROOT = Path(sklstm.__file__).parent
# Each part, and the parts of the library that it may import.
ALLOWED = {
    "nn": {"nn"},
    "_utils": {"_utils"},
    "_data": {"_data", "_utils"},
    "augmentation": {"augmentation", "_utils"},
    "_training": {"_training", "_data", "_utils", "_version", "augmentation", "nn"},
    "_attribution": {"_attribution", "nn"},
    "explain": {"explain", "_attribution", "_data", "_utils", "nn", "preprocessing", "plot"},
    "metrics": {"metrics", "explain", "_attribution", "_data", "_utils"},
    "plot": {
        "plot",
        "_data",
        "nn",
        "explain",
        "metrics",
        "preprocessing",
        "simplify",
        "_utils",
        "_version",
    },
    "simplify": {
        "simplify",
        "_attribution",
        "_data",
        "_training",
        "_utils",
        "explain",
        "nn",
        "plot",
    },
    "datasets": {"datasets"},
    "io": {
        "io",
        "_base",
        "_classifier",
        "_data",
        "_parameters",
        "_regressor",
        "_training",
        "_utils",
        "_version",
        "augmentation",
        "explain",
        "model_selection",
        "nn",
        "preprocessing",
    },
    "distributed": {"_training"},
    "model_selection": {"_data", "_utils"},
    "preprocessing": {"preprocessing", "_data", "_utils"},
}

# Parts on top of all others, which functions alone may import, when they are called.
AT_CALL = {"io", "plot", "simplify"}


def imports(path):
    """Absolute names of the modules that a file imports at its top or inside functions."""
    package = ["sklstm", *path.relative_to(ROOT).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            yield ".".join([*base, *([node.module] if node.module else [])])


FILES = sorted(ROOT.rglob("*.py"))


def test_the_rules_are_read_from_the_files():
    found = set(imports(ROOT / "_training" / "_net.py"))
    assert {"skorch", "torch", "sklstm.nn", "sklstm._training._batches"} <= found


@pytest.mark.parametrize("part", ALLOWED)
def test_a_part_imports_only_what_lies_below_it(part):
    paths = [*(ROOT / part).rglob("*.py"), *ROOT.glob(f"{part}.py")]
    assert paths
    for path in paths:
        inside = {name.split(".")[1] for name in imports(path) if name.startswith("sklstm.")}
        assert inside <= ALLOWED[part], path


@pytest.mark.parametrize("part", sorted(AT_CALL))
def test_what_lies_on_top_is_imported_inside_functions_only(part):
    for path in FILES:
        if path.relative_to(ROOT).parts[0] not in (part, f"{part}.py"):
            nodes = ast.parse(path.read_text()).body
            at_top = [node for node in nodes if isinstance(node, ast.ImportFrom)]
            assert part not in {
                name.split(".")[0] for node in at_top for name in [node.module or ""]
            }
            assert not any(alias.name == part for node in at_top for alias in node.names), path


@pytest.mark.parametrize(
    "name, parts", [("skorch", {"_training"}), ("tqdm", {"_training", "explain"})]
)
def test_a_library_is_imported_by_one_part(name, parts):
    users = {
        path.relative_to(ROOT).parts[0]
        for path in FILES
        if any(module.split(".")[0] == name for module in imports(path))
    }
    assert users == parts


def test_the_network_knows_no_scikit_learn():
    for path in (ROOT / "nn").rglob("*.py"):
        assert not any(name.startswith("sklearn") for name in imports(path))


def test_private_names_of_scikit_learn_come_from_one_file():
    for path in FILES:
        if path != ROOT / "_utils" / "_sklearn.py":
            tree = ast.parse(path.read_text())
            for node in ast.walk(tree):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sklearn"):
                    names = [*node.module.split("."), *(alias.name for alias in node.names)]
                    assert not any(name.startswith("_") for name in names), path


def loaded_by(statement):
    script = f"import sys; {statement}; print(*sorted({{n.split('.')[0] for n in sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_importing_the_package_or_the_data_does_not_import_torch():
    assert "torch" not in loaded_by("import sklstm; sklstm.__version__")
    assert "torch" not in loaded_by("from sklstm.datasets import load_el_nino; load_el_nino()")
    assert "torch" not in loaded_by("import sklstm; sklstm.io")


def test_the_estimators_do_not_import_shap_or_matplotlib():
    loaded = loaded_by("from sklstm import LSTMClassifier, LSTMRegressor")
    assert "torch" in loaded
    assert not loaded & {"shap", "matplotlib", "onnx"}


def test_the_displays_import_matplotlib_when_they_draw():
    assert "matplotlib" not in loaded_by("import sklstm.plot")


def test_the_package_names_what_it_has():
    assert {"LSTMClassifier", "LSTMRegressor", "datasets", "explain"} <= set(dir(sklstm))
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = sklstm.no_such_name
