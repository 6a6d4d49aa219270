"""Sphinx configuration."""

import re
from importlib import metadata

# The gallery looks up what its pages import, also where it does not run them.
from sklearn.experimental import enable_halving_search_cv  # noqa: F401

project = "sklstm"
copyright = "2026, the sklstm developers"
author = "the sklstm developers"
version = release = metadata.version("sklstm")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.doctest",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "_templates"]

html_theme = "pydata_sphinx_theme"
html_title = "sklstm"
html_show_sourcelink = False
html_sidebars = {"user_guide": [], "pipelines": []}  # no pages below them, and wide code

# A class page holds the methods of sklstm, not those that every scikit-learn
# estimator inherits from BaseEstimator.
autodoc_default_options = {"members": True, "inherited-members": "BaseEstimator"}
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"(^|/)(?!plot_)\w+\.py$",
    "reset_modules": ("matplotlib",),
    "download_all_examples": False,
    "show_memory": False,
    "parallel": True,  # as many pages at once as sphinx-build --jobs says
}


def skip_metadata_requests(app, what, name, obj, skip, options):
    """Leave out the routing methods that scikit-learn writes into every estimator."""
    if re.fullmatch(r"set_\w+_request|get_metadata_routing", name):
        return True
    return None  # as without this function


def unlink_sklearn_guide(app, what, name, obj, options, lines):
    """Turn the links of inherited docstrings into scikit-learn's user guide into text."""
    if (getattr(obj, "__module__", None) or "").startswith("sklearn."):
        lines[:] = [re.sub(r":ref:`([^<`]+?)\s*<[^>]+>`", r"\1", line) for line in lines]


def setup(app):
    app.connect("autodoc-skip-member", skip_metadata_requests)
    app.connect("autodoc-process-docstring", unlink_sklearn_guide)
