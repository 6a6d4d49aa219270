"""Sphinx configuration."""

import os
import re
import sys
from importlib import metadata
from pathlib import Path

from docutils import nodes
from docutils.utils.math import latex2mathml

# The gallery looks up what its pages import, also where it does not run them.
from sklearn.experimental import enable_halving_search_cv  # noqa: F401

sys.path.insert(0, str(Path(__file__).parent))  # where gallery_order.py is
os.environ["TQDM_DISABLE"] = "1"  # progress bars, which a slow machine would print into the pages

project = "sklstm"
copyright = "2026, the sklstm developers"
author = "the sklstm developers"
version = release = metadata.version("sklstm")

extensions = [
    "matplotlib.sphinxext.plot_directive",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "_templates"]

html_theme = "pydata_sphinx_theme"
html_theme_options = {
    "header_links_before_dropdown": 5,
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": {"**": ["page-toc"], "coming_from": []},  # two columns of code
    "show_toc_level": 2,
}
html_title = "sklstm"
html_show_sourcelink = False
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_sidebars = {page: [] for page in ("get_started", "changes", "contributing")}  # no pages below

# MathJax would be fetched from elsewhere; browsers draw MathML by themselves.
html_math_renderer = "mathml"

# The names of other projects are links where the network may be asked for their inventories:
# `make docs ONLINE=1`. Without it they are plain text, and nothing is fetched.
if os.environ.get("ONLINE"):
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        name: (address, None)
        for name, address in {
            "python": "https://docs.python.org/3/",
            "matplotlib": "https://matplotlib.org/stable/",
            "numpy": "https://numpy.org/doc/stable/",
            "pandas": "https://pandas.pydata.org/docs/",
            "shap": "https://shap.readthedocs.io/en/latest/",
            "skorch": "https://skorch.readthedocs.io/en/stable/",
            "sklearn": "https://scikit-learn.org/stable/",
            "torch": "https://docs.pytorch.org/docs/stable/",
        }.items()
    }

# A class page holds the methods of sklstm, not those that every scikit-learn
# estimator inherits from BaseEstimator.
autodoc_default_options = {"members": True, "inherited-members": "BaseEstimator"}
numpydoc_show_class_members = False
toc_object_entries_show_parents = "hide"

plot_formats = ["png"]
plot_html_show_formats = False
plot_html_show_source_link = False
plot_rcparams = {"figure.dpi": 100}

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"(^|/)(?!plot_)\w+\.py$",
    "reset_modules": ("matplotlib",),
    "download_all_examples": False,
    "show_memory": False,
    "parallel": True,  # as many pages at once as sphinx-build --jobs says
    # Names in the code of an example are links to the reference, and the pages of the
    # reference show the examples that use them.
    "doc_module": ("sklstm",),
    "backreferences_dir": "api/backreferences",
    "minigallery_sort_order": "gallery_order.place",
    "within_subsection_order": "gallery_order.place",
    "write_computation_times": False,  # that page would fetch a table library from elsewhere
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


def write_math(writer, node):
    """Write a formula as MathML."""
    block = isinstance(node, nodes.math_block)
    formula = latex2mathml.tex2mathml(node.astext(), as_block=block)
    writer.body.append(f'<div class="formula">{formula}</div>' if block else formula)
    raise nodes.SkipNode


def setup(app):
    app.connect("autodoc-skip-member", skip_metadata_requests)
    app.connect("autodoc-process-docstring", unlink_sklearn_guide)
    app.add_html_math_renderer("mathml", (write_math, None), (write_math, None))
