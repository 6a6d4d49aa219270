"""Files of every protocol so far are read; see old_files.py, which wrote them."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.exceptions import InconsistentVersionWarning

from sklstm.io import load
from sklstm.io._save_load import PROTOCOL

FOLDER = Path(__file__).parent / "old_files"
X = np.sin(np.arange(72.0)).reshape(12, 3, 2)
FILES = sorted(FOLDER.glob("*.sklstm"))


def test_there_are_files_of_every_protocol():
    found = {int(path.stem.split("_")[1]) for path in FILES}
    assert found == set(range(1, PROTOCOL + 1))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_file_is_read_and_predicts_what_it_did(path):
    name, protocol = path.stem.split("_")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        model = load(path)
    rows = X.reshape(12, 6) if name == "pipeline" else X
    predicted = model.predict_proba(rows) if hasattr(model, "classes_") else model.predict(rows)
    expected = json.loads((FOLDER / f"predictions_{protocol}.json").read_text())[name]
    # Kernels of another machine may sum in another order.
    assert_allclose(predicted, expected, rtol=1e-5, atol=1e-6)
