"""One page about a model: complete for every kind of model, and read by a real browser."""

import html
import re
import shutil
import subprocess
import sys
from functools import cache

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from rounding import ROUNDING
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.datasets import make_sentiment
from sklstm.plot import AttributionDisplay, ImportanceDisplay, report
from sklstm.plot._reading import Reading
from sklstm.preprocessing import SequenceTokenizer, SlidingWindow

SMALL = {"hidden_size": 4, "max_epochs": 2, "random_state": 0}
RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 6, 3))
Y = X[:, 4, 1]
LABELS = np.array(["low", "high"])[(Y > 0).astype(int)]
RAGGED = [row[: 3 + i % 4] for i, row in enumerate(X)]
TABLE = pd.DataFrame(X.reshape(60, 18), columns=[f"c{i}" for i in range(18)])
SERIES = pd.DataFrame(
    RNG.normal(size=(90, 2)), columns=["load", "<b>&"], index=pd.date_range("2024", periods=90)
)
SECTIONS = (
    "Data",
    "Score",
    "Training",
    "What matters",
    "Examples",
    "Inside the network",
    "Quality of the explanations",
    "Parameters and versions",
)


class OwnModule:
    """A factory of a module whose inside is not known."""

    def __call__(self, n_features, n_outputs, random_state):
        import torch

        class Mean(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.linear = torch.nn.Linear(n_features, n_outputs)

            def forward(self, x, lengths):
                return self.linear(x).sum(1) / lengths[:, None]

        with torch.random.fork_rng():
            torch.manual_seed(random_state)
            return Mean()


def texts():
    sentences = make_sentiment(40, random_state=0)
    return sentences.data, sentences.target


KINDS = {
    "numbers": lambda: (LSTMRegressor(**SMALL), X, Y),
    "labels": lambda: (LSTMClassifier(**SMALL), X, LABELS),
    "three classes": lambda: (LSTMClassifier(**SMALL), X, np.digitize(Y, [-0.5, 0.5])),
    "several labels": lambda: (LSTMClassifier(**SMALL), X, (X[:, 0, :2] > 0).astype(int)),
    "several outputs": lambda: (LSTMRegressor(**SMALL), X, X[:, 0, :2]),
    "quantiles of two layers": lambda: (
        LSTMRegressor(loss="quantile", num_layers=2, early_stopping=True, **SMALL),
        X,
        Y,
    ),
    "ragged": lambda: (LSTMRegressor(**SMALL), RAGGED, Y),
    "table": lambda: (LSTMRegressor(**SMALL), TABLE, Y),
    "long table": lambda: (LSTMRegressor(**SMALL), RNG.normal(size=(20, 60)), Y[:20]),
    "table of features": lambda: (LSTMRegressor(n_timesteps=6, **SMALL), TABLE, Y),
    "many features": lambda: (LSTMRegressor(**SMALL), RNG.normal(size=(20, 3, 60)), Y[:20]),
    "one feature": lambda: (LSTMRegressor(**SMALL), X[:, :, :1], Y),
    "steps": lambda: (LSTMRegressor(return_sequences=True, **SMALL), X, X[:, :, 0]),
    "ragged labels of steps": lambda: (
        LSTMClassifier(return_sequences=True, **SMALL),
        RAGGED,
        [(row[:, 0] > 0).astype(int) for row in RAGGED],
    ),
    "windows": lambda: (
        make_pipeline(
            StandardScaler().set_output(transform="pandas"),
            SlidingWindow(5),
            LSTMRegressor(**SMALL),
        ),
        SERIES,
        SERIES["load"].shift(-1).fillna(0),
    ),
    "mixing": lambda: (make_pipeline(PCA(4), LSTMRegressor(**SMALL)), TABLE, Y),
    "search": lambda: (GridSearchCV(LSTMRegressor(**SMALL), {"hidden_size": [3]}, cv=2), X, Y),
    "texts": lambda: (
        make_pipeline(SequenceTokenizer(), LSTMClassifier(embedding_size=3, **SMALL)),
        *texts(),
    ),
    "own module": lambda: (LSTMRegressor(module=OwnModule(), max_epochs=2, random_state=0), X, Y),
    "kept background": lambda: (LSTMRegressor(keep_background=10, **SMALL), X, Y),
    "codes": lambda: (
        LSTMClassifier(embedding_size=2, **SMALL),
        RNG.integers(0, 5, size=(60, 6)),
        LABELS,
    ),
    "one time step": lambda: (LSTMRegressor(**SMALL), X[:, :1], Y),
    "two rows": lambda: (LSTMRegressor(**SMALL), X[:2], Y[:2]),
}


def written(folder, model, X, y, **options):
    path = folder / "report.html"
    report(model, X, y, path, random_state=0, **options)
    return path.read_text("utf-8")


@cache
def fitted(kind):
    model, X, y = KINDS[kind]()
    return model.fit(X, y), X, y


# Tests that look at pixels; the others are content with the parts of the pictures.
RENDERED = (
    "test_the_same_page_from_the_same_random_state",
    "test_pictures_are_as_large_whatever_the_settings",
    "test_a_browser_shows_the_page_without_an_error",
)


@pytest.fixture(autouse=True)
def unrendered(request, monkeypatch):
    """Nothing is rendered where nobody looks."""
    if request.node.originalname not in RENDERED:
        monkeypatch.setattr(Figure, "savefig", lambda self, file, **options: file.write(b"png"))


@pytest.mark.parametrize("kind", KINDS)
def test_every_section_of_every_kind(kind, tmp_path):
    page = written(tmp_path, *fitted(kind))
    assert tuple(map(html.unescape, re.findall(r"<h2>(.*?)</h2>", page))) == SECTIONS
    body = page.split("</style>")[1]
    cells = re.findall(r"<td>(.*?)</td>", body)
    assert not {"nan", "inf"} & {*cells, *body.lower().split()}
    # Nothing is loaded from elsewhere.
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)
    n_images = page.count("<img ")
    assert n_images == len(re.findall(r'<img alt="[^"]+" src="data:image/png;base64,', page))
    n_examples = 2 if kind == "two rows" else 5
    n_inside = 0 if kind == "own module" else 2
    n_global = 1 if kind == "texts" else 2
    assert n_images == 1 + n_global + n_examples + n_inside
    assert os_files(tmp_path) == ["report.html"]


def os_files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_same_page_from_the_same_random_state(tmp_path):
    pages = [written(tmp_path, *fitted("ragged")) for _ in range(2)]
    assert pages[0] == pages[1]
    assert 2**17 < len(pages[0]) < 3 * 2**20


def test_names_are_text_and_not_html(tmp_path):
    page = written(tmp_path, *fitted("windows"))
    assert "<b>&" not in page.split("</style>")[1]
    assert "&lt;b&gt;&amp;" in page


def first_scores(page):
    """Of the model and of the constant, in the first line below the heading."""
    table = page.split("<h2>Score</h2>")[1]
    cells = re.search(r"<td>[^<]*</td><td>([^<]*)</td><td>([^<]*)</td>", table).groups()
    return [float(cell) for cell in cells]


def share(y):
    return np.unique(y, return_counts=True)[1].max() / np.size(y)


@pytest.mark.parametrize(
    ("kind", "constant"),
    [
        ("numbers", lambda y: 0),
        ("several outputs", lambda y: 0),
        ("steps", lambda y: 0),
        ("labels", share),
        ("three classes", share),
        ("ragged labels of steps", lambda y: share(np.concatenate(y))),
        ("several labels", lambda y: np.mean((y == (y.mean(axis=0) >= 0.5)).all(axis=1))),
    ],
)
def test_the_score_is_that_of_the_model(kind, constant, tmp_path):
    model, X, y = fitted(kind)
    found = first_scores(written(tmp_path, model, X, y))
    assert found == pytest.approx([model.score(X, y), constant(y)], rel=1e-3)


def test_the_examples_are_the_best_and_the_worst(tmp_path):
    model, X, y = fitted("numbers")
    page = written(tmp_path, model, X, y)
    errors = np.abs(model.predict(X) - y)
    assert f"Row {errors.argmin()} (best)" in page
    assert f"Row {errors.argmax()} (worst)" in page


@pytest.mark.parametrize("kind", ["numbers", "labels"])
def test_targets_may_be_a_column(kind, tmp_path):
    model, X, y = fitted(kind)
    column = pd.DataFrame({"y": y})
    assert written(tmp_path, model, X, column) == written(tmp_path, model, X, y)
    with pytest.raises(ValueError, match=r"y must have shape \(60,\). Got shape \(60, 2\)"):
        written(tmp_path, model, X, np.column_stack([y, y]))


def test_windows_of_groups_are_whole(monkeypatch):
    """Their rows may lie far in front of the rows that are explained."""
    monkeypatch.setattr("sklstm.plot._reading.EXPLAINED", 10)
    table = pd.DataFrame({"group": np.tile([0, 1, 2], 20), "a": RNG.normal(size=60)})
    model = make_pipeline(SlidingWindow(5, groups="group"), LSTMRegressor(**SMALL))
    reading = Reading.of(model.fit(table, Y), table, Y, None, 0)
    e = reading.explanation
    assert len(e) == 10 and not np.isnan(e.data).any()
    np.testing.assert_allclose(
        e.output_values, model.predict(table)[reading.explained], rtol=max(1e-6, ROUNDING)
    )


def test_texts_are_explained_word_by_word(monkeypatch, tmp_path):
    drawn = []
    plot = AttributionDisplay.plot

    def kept(display, *args, **options):
        drawn.append(display.symbols)
        return plot(display, *args, **options)

    monkeypatch.setattr(AttributionDisplay, "plot", kept)
    model, X, y = fitted("texts")
    page = written(tmp_path, model, X, y)
    rows = [int(row) for row in re.findall(r"<h3>Row (\d+) \(", page)]
    assert drawn == [X[row].lower().split() for row in rows]


def test_pictures_are_as_large_whatever_the_settings(tmp_path):
    model, X, y = fitted("two rows")
    page = written(tmp_path, model, X, y)
    with matplotlib.rc_context({"savefig.dpi": 300}):
        assert written(tmp_path, model, X, y) == page


def test_where_the_background_comes_from_is_said(tmp_path):
    assert "rows of X itself" in written(tmp_path, *fitted("numbers"))
    assert "the given background" in written(tmp_path, *fitted("numbers"), background=X[:20])
    assert "that the model kept" in written(tmp_path, *fitted("kept background"))


def test_many_columns_that_a_step_mixes_are_parts_and_no_time_steps(tmp_path):
    table = np.random.default_rng(0).normal(size=(40, 44))
    lstm = LSTMRegressor(hidden_size=2, max_epochs=1, random_state=0)
    model = make_pipeline(PCA(3), lstm).fit(table, table[:, 0])
    path = tmp_path / "report.html"
    report(model, table, table[:, 0], path, background=table[:5], random_state=0)
    assert path.stat().st_size > 0


def test_rows_that_no_background_reaches_are_left_out(tmp_path):
    short = [row[:4] for row in RAGGED]
    page = written(tmp_path, *fitted("ragged"), background=short)
    shown = [int(row) for row in re.findall(r"<h3>Row (\d+) \(", page)]
    assert len(shown) == 5
    assert all(len(RAGGED[row]) <= 4 for row in shown)
    with pytest.raises(ValueError, match="longest row has 2 time steps, the shortest of X 3"):
        written(tmp_path, *fitted("ragged"), background=[row[:2] for row in RAGGED])


def test_wrong_input_is_named_and_the_old_page_stays(tmp_path):
    model, X, y = fitted("numbers")
    path = tmp_path / "report.html"
    path.write_text("old")
    forest = RandomForestRegressor(2, random_state=0).fit(TABLE, Y)
    with pytest.raises(ValueError, match=r"'model' parameter must be .* Got RandomForestRegressor"):
        report(forest, TABLE, Y, path)
    with pytest.raises(ValueError, match="Got 60 rows and 59 targets"):
        report(model, X, y[:-1], path)
    with pytest.raises(ValueError, match="at least 2 rows"):
        report(model, X[:1], y[:1], path)
    with pytest.raises(ValueError, match=r"3 features"):
        report(model, X[:, :, :2], y, path)
    with pytest.raises(FileNotFoundError):
        report(model, X, y, tmp_path / "no folder" / "report.html")
    assert path.read_text() == "old"
    assert os_files(tmp_path) == ["report.html"]


def browser():
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)


@pytest.mark.skipif(browser() is None, reason="needs Chromium")
@pytest.mark.parametrize("width", [1200, 400])
def test_a_browser_shows_the_page_without_an_error(width, tmp_path):
    """The page reports on itself: errors, images that did not load, and what is too wide."""
    page = written(tmp_path, *fitted("windows"))
    watch = "<script>window.n=0;addEventListener('error',()=>{window.n++},true)</script>"
    tell = """<script>addEventListener('load', () => {
        const broken = [...document.images].filter(image => !image.naturalWidth).length
        const wide = document.documentElement.scrollWidth > innerWidth
        document.title = `${window.n} ${document.images.length} ${broken} ${wide}`
    })</script></body>"""
    watched = page.replace("<head>", f"<head>{watch}").replace("</body>", tell)
    path = tmp_path / "watched.html"
    path.write_text(watched, "utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'b'}"]
    done = subprocess.run(
        [browser(), *options, f"--window-size={width},900", "--dump-dom", path.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    errors, images, broken, wide = re.search("<title>(.*?)</title>", done.stdout)[1].split()
    assert (errors, broken, wide) == ("0", "0", "false")
    assert int(images) == page.count("<img ")


@pytest.mark.parametrize(
    "call", [lambda model, path: report(model, X, Y, path), lambda *_: display().plot()]
)
def test_what_is_missing_is_named_with_its_extra(call, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"requires matplotlib. .*pip install 'sklstm\[plot\]'"):
        call(fitted("numbers")[0], tmp_path / "report.html")
    assert os_files(tmp_path) == []


def display():
    return ImportanceDisplay([1.0, 2.0], names=["a", "b"])


def test_it_needs_matplotlib_only_when_it_draws():
    code = "import sys, sklstm.plot; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
