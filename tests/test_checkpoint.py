"""Training that is killed goes on from its checkpoint and ends as if nothing had happened."""

import errno
import os
import pickle
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from rounding import ON_GPU
from sklearn.base import clone
from sklearn.callback import ScoringMonitor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator
from skorch.callbacks import PrintLog

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.augmentation import Jitter

ROOT = Path(__file__).parents[1]
N, STEPS, FEATURES = 40, 5, 2
SEED = {"hidden_size": 4, "max_epochs": 6, "batch_size": 8, "random_state": 0}


class Killed(BaseException):
    """Nothing in the library catches it."""


class Normed(torch.nn.Module):
    """A module with buffers that training changes."""

    def __init__(self, n_features, n_outputs, random_state):
        super().__init__()
        self.norm = torch.nn.BatchNorm1d(n_features)
        self.drop = torch.nn.Dropout(0.2)
        self.head = torch.nn.Linear(n_features, n_outputs)

    def forward(self, x, lengths):
        return self.head(self.drop(self.norm(x[:, -1])))


def make_data(kind="number", layout="3-D"):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, STEPS, FEATURES))
    y = X[:, -1, 0] + rng.normal(size=N)
    if kind == "labels":
        y = np.array(["low", "high"])[(y > 0).astype(int)]
    if kind == "per step":
        y = X.cumsum(axis=1)[:, :, 0]
    if layout == "ragged":
        X = [x[: 2 + i % 4] for i, x in enumerate(X)]
    if layout == "codes":
        X = rng.integers(0, 6, size=(N, STEPS))
    return X, y


def regressor(**params):
    return LSTMRegressor(**(SEED | params))


def classifier(**params):
    return LSTMClassifier(**(SEED | params))


OPTIMIZERS = [
    *("adamw", "adam", "rmsprop", "sgd"),
    *(getattr(torch.optim, name) for name in ("ASGD", "Adadelta", "Adafactor", "Adagrad")),
    *(getattr(torch.optim, name) for name in ("Adamax", "LBFGS", "NAdam", "RAdam", "Rprop")),
]
STOPPING = {"early_stopping": True, "n_iter_no_change": 3, "learning_rate": 0.05, "max_epochs": 40}
CASES = {
    "defaults": (LSTMRegressor(16, max_epochs=4, random_state=0), *make_data()),
    "classifier defaults": (LSTMClassifier(16, max_epochs=4, random_state=0), *make_data("labels")),
    **{
        f"{schedule}{', stopping' if stopping else ''}": (
            regressor(lr_schedule=schedule, **stopping),
            *make_data(),
        )
        for schedule in ("constant", "one_cycle", "cosine", "plateau")
        for stopping in ({}, STOPPING)
    },
    "newest rows": (regressor(**STOPPING, validation_split="last"), *make_data()),
    "ragged": (regressor(num_layers=2, recurrent_dropout=0.2), *make_data(layout="ragged")),
    "quantiles": (regressor(loss="quantile"), *make_data()),
    "per step": (regressor(return_sequences=True), *make_data("per step")),
    "module": (regressor(module=Normed), *make_data()),
    "codes": (regressor(embedding_size=3), *make_data(layout="codes")),
    "augmented": (regressor(augmentation=[Jitter(0.5)]), *make_data()),
    "class weights": (classifier(class_weight="balanced", **STOPPING), *make_data("labels")),
    "NumPy numbers": (regressor(learning_rate=np.float64(0.02)), *make_data()),
    **{
        f"optimizer {getattr(optimizer, '__name__', optimizer)}": (
            regressor(optimizer=optimizer, weight_decay=0.1),
            *make_data(),
        )
        for optimizer in OPTIMIZERS
    },
}


def file_of(folder):
    (path,) = folder.glob("*.safetensors")
    return path


def weights_of(model):
    return {name: w.cpu().numpy().copy() for name, w in model.net_.module_.state_dict().items()}


def losses_of(model):
    return [{k: v for k, v in row.items() if k != "dur"} for row in model.history_]


def assert_same_model(one, two):
    first, second = weights_of(one), weights_of(two)
    assert first.keys() == second.keys()
    for name in first:
        assert_array_equal(first[name], second[name], err_msg=name, strict=True)
    assert losses_of(one) == losses_of(two)
    assert one.n_epochs_ == two.n_epochs_


def killed_at(nth, model, *data):
    """Fit, and be gone before the checkpoint is replaced for the nth time."""
    calls = 0

    def replace(*paths):
        nonlocal calls
        calls += 1
        if calls == nth:
            raise Killed
        return real_replace(*paths)

    real_replace, os.replace = os.replace, replace
    try:
        model.fit(*data)
    except Killed:
        return
    finally:
        os.replace = real_replace
    raise AssertionError("was not killed")


# ------------------------------------------------------------------------------------- going on


@pytest.mark.parametrize("model, X, y", CASES.values(), ids=CASES.keys())
def test_it_goes_on_to_the_same_model(model, X, y, tmp_path):
    expected = clone(model).fit(X, y)
    kept = clone(model).set_params(checkpoint=tmp_path)
    # The first of the calls is before the first epoch: no, one, and one more epoch are kept.
    for nth in (2, 3, 2):
        killed_at(nth, clone(kept), X, y)
    resumed = clone(kept).fit(X, y)
    assert_same_model(resumed, expected)
    assert_array_equal(resumed.predict(X), expected.predict(X))
    # and training further finds the optimizer as it was
    for estimator in (resumed, expected):
        estimator.set_params(class_weight=None) if hasattr(estimator, "classes_") else None
        estimator.partial_fit(X, y)
    assert_same_model(resumed, expected)


@pytest.mark.parametrize("before_the_end", [0, 1, 2])
def test_early_stopping_is_killed_around_its_end(before_the_end, tmp_path):
    model, X, y = CASES["one_cycle, stopping"]
    expected = clone(model).fit(X, y)
    assert 4 < expected.n_epochs_ < model.max_epochs
    kept = clone(model).set_params(checkpoint=tmp_path)
    killed_at(1 + expected.n_epochs_ - before_the_end, clone(kept), X, y)
    assert_same_model(clone(kept).fit(X, y), expected)


def test_a_finished_fit_is_not_trained_again(tmp_path, monkeypatch):
    X, y = make_data()
    expected = regressor(checkpoint=tmp_path).fit(X, y)
    stored = file_of(tmp_path).read_bytes()
    monkeypatch.setattr("sklstm._training._net.LSTMNet.train_step", None)
    again = regressor(checkpoint=tmp_path).fit(X, y)
    assert_same_model(again, expected)
    assert again.history_ == expected.history_  # durations, too
    assert file_of(tmp_path).read_bytes() == stored


def test_a_file_is_written_every_epoch(tmp_path, monkeypatch):
    written = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda *paths: written.append(paths[1]) or replace(*paths))
    regressor(checkpoint=tmp_path).fit(*make_data())
    assert len(written) == 7
    assert set(written) == {file_of(tmp_path)}
    assert len(list(tmp_path.iterdir())) == 1


def test_each_fit_finds_its_own_file(tmp_path):
    X, y = make_data()
    models = [regressor(), regressor(hidden_size=5), classifier()]
    targets = [y, y, y > 0]
    for _ in range(2):
        for model, target in zip(models, targets, strict=True):
            kept = clone(model).set_params(checkpoint=tmp_path).fit(X, target)
            assert_same_model(kept, clone(model).fit(X, target))
    assert len(list(tmp_path.iterdir())) == 3


def test_warm_start_goes_on_within_its_second_fit(tmp_path):
    X, y = make_data()
    model = regressor(warm_start=True, **STOPPING | {"max_epochs": 6, "n_iter_no_change": 3})
    expected = clone(model).fit(X, y).fit(X[:30], y[:30])
    kept = clone(model).set_params(checkpoint=tmp_path)
    killed_at(3, clone(kept).fit(X, y), X[:30], y[:30])
    files = set(tmp_path.glob("*.safetensors"))
    assert len(files) == 2
    # The script runs again from its first line.
    resumed = clone(kept).fit(X, y).fit(X[:30], y[:30])
    assert_same_model(resumed, expected)
    assert set(tmp_path.glob("*.safetensors")) == files


def test_a_folder_may_be_a_link(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    X, y = make_data()
    killed_at(4, regressor(checkpoint=tmp_path / "link"), X, y)
    assert (tmp_path / "link").is_symlink()
    resumed = regressor(checkpoint=tmp_path / "folder").fit(X, y)
    assert_same_model(resumed, regressor().fit(X, y))
    assert len(list((tmp_path / "folder").iterdir())) == 1


def test_a_file_may_be_a_link(tmp_path):
    X, y = make_data()
    killed_at(4, regressor(checkpoint=tmp_path / "one"), X, y)
    path = file_of(tmp_path / "one")
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    regressor(checkpoint=tmp_path / "one").fit(X, y)
    assert path.is_symlink()
    path.unlink()
    (tmp_path / "elsewhere").rename(path)
    assert_same_model(regressor(checkpoint=tmp_path / "one").fit(X, y), regressor().fit(X, y))


def test_a_folder_below_the_home_folder(tmp_path, monkeypatch):
    home, here = tmp_path / "home", tmp_path / "here"
    for folder in (home, here):
        folder.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(here)
    model = regressor(checkpoint="~/kept", max_epochs=1).fit(*make_data())
    assert model.checkpoint == "~/kept"
    assert file_of(home / "kept").exists()
    assert list(here.iterdir()) == []


def test_partial_fit_writes_nothing(tmp_path):
    regressor(checkpoint=tmp_path / "folder").partial_fit(*make_data())
    assert list(tmp_path.iterdir()) == []


def test_a_random_state_object_is_known_by_what_it_draws(tmp_path):
    X, y = make_data()
    for _ in range(2):
        random_state = np.random.RandomState(3)
        for _ in range(2):
            regressor(random_state=random_state, checkpoint=tmp_path).fit(X, y)
        assert len(list(tmp_path.iterdir())) == 2


def test_callbacks_of_scikit_learn_see_the_epochs_that_are_left(tmp_path):
    X, y = make_data()
    killed_at(4, regressor(checkpoint=tmp_path), X, y)
    monitor = ScoringMonitor(scoring="r2")
    resumed = regressor(checkpoint=tmp_path).set_callbacks(monitor).fit(X, y)
    rows = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(rows) == 4
    assert rows[-1]["r2"] == pytest.approx(resumed.score(X, y))


def test_the_bar_counts_the_epochs_that_were_kept(tmp_path, capsys):
    killed_at(4, regressor(checkpoint=tmp_path), *make_data())
    for _ in range(2):
        regressor(checkpoint=tmp_path, verbose=1).fit(*make_data())
        assert "6/6" in capsys.readouterr().err


def test_in_a_pipeline(tmp_path):
    X, y = make_data()
    rows = X.reshape(N, -1)
    pipeline = make_pipeline(StandardScaler(), regressor(n_timesteps=STEPS))
    expected = clone(pipeline).fit(rows, y)
    pipeline.set_params(lstmregressor__checkpoint=tmp_path)
    killed_at(4, clone(pipeline), rows, y)
    assert_array_equal(clone(pipeline).fit(rows, y).predict(rows), expected.predict(rows))


def test_a_search_in_two_processes_shares_the_folder(tmp_path):
    X, y = make_data()
    grid = {"hidden_size": [2, 3], "learning_rate": [0.01, 0.02]}
    expected = GridSearchCV(regressor(), grid, cv=2).fit(X, y)
    # As a function of a script, which workers cannot import.
    script = {"__name__": "__main__"}
    exec("def unchanged(batch, generator):\n    return batch", script)
    for n_jobs in (2, None):  # the second time everything is there
        model = regressor(checkpoint=tmp_path, augmentation=[script["unchanged"]])
        search = GridSearchCV(model, grid, cv=2, n_jobs=n_jobs).fit(X, y)
        for name, values in expected.cv_results_.items():
            if name.startswith(("split", "mean_test", "rank")):
                assert_array_equal(search.cv_results_[name], values)
        assert_same_model(search.best_estimator_, expected.best_estimator_)
        assert len(list(tmp_path.iterdir())) == 4 * 2 + 1


# ---------------------------------------------------------------------------------- kill -9

KILLED = ["ragged", "plateau, stopping", "classifier defaults", "optimizer LBFGS"]


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory):
    """Where ``killing.py`` has killed fits, and what they were."""
    if not hasattr(os, "fork"):
        pytest.skip("killing.py forks")
    folder = tmp_path_factory.mktemp("killed")
    cases = {
        name: (clone(model).set_params(max_epochs=10), X, y)
        for name in KILLED
        for model, X, y in [CASES[name]]
    }
    (folder / "in").write_bytes(pickle.dumps(cases))
    done = subprocess.run(
        [sys.executable, "tests/killing.py", folder / "in", folder],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, cases


@pytest.mark.cpu  # where processes can fork at any time, and a fit gives the same bits
@pytest.mark.parametrize("name", KILLED)
def test_killed_at_random_moments_it_ends_as_if_nothing_had_happened(name, aftermath):
    folder, cases = aftermath
    model, X, y = cases[name]
    expected = clone(model).fit(X, y)
    assert_same_model(pickle.loads((folder / f"{name}.pickle").read_bytes()), expected)
    # This process finds the same file.
    path = file_of(folder / name)
    assert_same_model(clone(model).set_params(checkpoint=folder / name).fit(X, y), expected)
    assert file_of(folder / name) == path


def test_what_a_kill_leaves_behind_begins_with_a_dot(aftermath):
    folder, _ = aftermath
    hidden = [path for path in (folder / KILLED[0]).iterdir() if path.name.startswith(".")]
    assert len(hidden) >= 2
    assert len(list((folder / KILLED[0]).iterdir())) == len(hidden) + 1


def test_a_file_that_may_not_grow_is_kept_as_it_was(aftermath):
    folder, cases = aftermath
    error = (folder / "limited.txt").read_text()
    assert "epochs could not be written: File too large. That of" in error
    assert 0 < file_of(folder / "limited").stat().st_size <= 6000
    assert len(list((folder / "limited").iterdir())) == 1
    model, X, y = cases["ragged"]
    resumed = clone(model).set_params(checkpoint=folder / "limited").fit(X, y)
    assert_same_model(resumed, clone(model).fit(X, y))


# ------------------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize("function, nth", [("fsync", 1), ("fsync", 4), ("replace", 4)])
def test_a_full_disk_loses_nothing(function, nth, tmp_path, monkeypatch):
    X, y = make_data()
    model = regressor(hidden_size=3).fit(X, y)
    before = model.predict(X)
    real, calls = getattr(os, function), []

    def full(*args):
        calls.append(args)
        if len(calls) == nth:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*args)

    model.set_params(hidden_size=4, checkpoint=tmp_path)
    monkeypatch.setattr(os, function, full)
    with pytest.raises(OSError, match=r"checkpoint of \d epochs could not be written: No space"):
        model.fit(X, y)
    assert_array_equal(model.predict(X), before)
    # The earlier file is whole, and nothing else is left.
    assert len(list(tmp_path.iterdir())) == (0 if nth == 1 else 1)
    assert_same_model(model.fit(X, y), regressor().fit(X, y))


def test_the_error_of_a_full_disk_says_what_is_kept(tmp_path, monkeypatch):
    calls = []

    def full(fd):
        calls.append(fd)
        if len(calls) == 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError) as caught:
        regressor(checkpoint=tmp_path).fit(*make_data())
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == str(file_of(tmp_path))
    assert "That of 2 epochs is kept: the same fit goes on from there" in str(caught.value)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    X, y = make_data()
    model = regressor().fit(X, y)
    before = model.predict(X)
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OSError, match=r"'checkpoint' parameter of LSTMRegressor .* folder"):
            model.set_params(checkpoint=folder).fit(X, y)
    assert_array_equal(model.predict(X), before)


def test_a_folder_that_cannot_be_written_to(tmp_path, monkeypatch):
    # For root every folder can be written to.
    def refused(path, mode):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr("sklstm._utils._files.open", refused, raising=False)
    monkeypatch.setattr("sklstm._training._net.LSTMNet.train_step", None)  # before any training
    with pytest.raises(PermissionError, match=r"Permission denied\. Nothing has been trained"):
        regressor(checkpoint=tmp_path).fit(*make_data())


def test_a_file_that_may_only_be_read_is_kept(tmp_path, monkeypatch):
    X, y = make_data()
    killed_at(4, regressor(checkpoint=tmp_path), X, y)
    path = file_of(tmp_path)
    path.chmod(0o440)
    if os.geteuid() == 0:  # who may write to every file
        monkeypatch.setattr(os, "access", lambda *args: False)
    content = path.read_bytes()
    with pytest.raises(PermissionError, match=r"3 epochs could not be written: Permission denied"):
        regressor(checkpoint=tmp_path).fit(X, y)
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("change", ["cut off", "empty", "one bit", "another fit's"])
def test_a_corrupt_checkpoint_is_an_error_that_loses_nothing(change, tmp_path):
    X, y = make_data()
    model = regressor(checkpoint=tmp_path).fit(X, y)
    before = model.predict(X)
    path = file_of(tmp_path)
    content = bytearray(path.read_bytes())
    if change == "cut off":
        content = content[:-1]
    elif change == "empty":
        content = b""
    elif change == "one bit":
        content[-1] ^= 1
    else:
        model.set_params(hidden_size=5).fit(X, y)
        (other,) = set(tmp_path.iterdir()) - {path}
        content = other.read_bytes()
        model = regressor(checkpoint=tmp_path).fit(X, y)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"cannot be used: its? .* Delete it to train") as caught:
        model.fit(X, y)
    assert repr(str(path)) in str(caught.value)
    assert path.read_bytes() == content
    assert_array_equal(model.predict(X), before)
    path.unlink()
    assert_array_equal(model.fit(X, y).predict(X), before)


def test_a_checkpoint_needs_a_seed_and_no_callbacks(tmp_path, monkeypatch):
    folder = tmp_path / "folder"
    with pytest.raises(ValueError, match=r"'random_state' parameter .* must be an int .* None"):
        regressor(checkpoint=folder, random_state=None).fit(*make_data())
    with pytest.raises(ValueError, match=r"'callbacks' parameter .* must be None .*\.PrintLog"):
        regressor(checkpoint=folder, callbacks=[PrintLog()]).fit(*make_data())
    with pytest.raises(ValueError, match=r"'checkpoint' parameter .* Got 3 instead"):
        regressor(checkpoint=3).fit(*make_data())
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"'checkpoint' .* must be a folder or None\. Got ''"):
        regressor(checkpoint="").fit(*make_data())
    assert list(tmp_path.iterdir()) == []
    assert not folder.exists()
    regressor(checkpoint=folder, callbacks=[]).fit(*make_data())


def test_a_folder_that_is_removed_meanwhile(tmp_path, monkeypatch):
    folder = tmp_path / "folder"
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda *paths: replace(*paths) or shutil.rmtree(folder))
    with pytest.raises(FileNotFoundError, match="checkpoint of 1 epochs could not") as caught:
        regressor(checkpoint=folder).fit(*make_data())
    assert "kept" not in str(caught.value)


def test_parameters_that_cannot_be_pickled(tmp_path):
    lock = threading.Lock()
    model = regressor(checkpoint=tmp_path, augmentation=[lambda batch, generator: (lock, batch)])
    with pytest.raises(ValueError, match="'augmentation' parameter must be picklable"):
        model.fit(*make_data())


class Forgetful(torch.optim.SGD):
    """Keeps something in its state that is no number."""

    def step(self, closure=None):
        loss = super().step(closure)
        self.state[self.param_groups[0]["params"][0]]["since"] = {3}
        return loss


def test_an_optimizer_whose_state_cannot_be_kept(tmp_path):
    regressor(optimizer=Forgetful).fit(*make_data())
    with pytest.raises(ValueError, match=r"Forgetful.* an instance of 'set'.* checkpoint=None"):
        regressor(optimizer=Forgetful, checkpoint=tmp_path).fit(*make_data())


# ------------------------------------------------------------------- what a fit is known by


def name_of(tmp_path, model, *data, **options):
    folder = tmp_path / str(len(list(tmp_path.iterdir())))
    clone(model).set_params(checkpoint=folder).fit(*data, **options)
    return file_of(folder).stem


def test_whatever_changes_the_model_changes_the_name(tmp_path):
    X, y = make_data()
    other_X, other_y = X.copy(), y.copy()
    other_X[-1, -1, -1] = np.nextafter(X[-1, -1, -1], 9)
    other_y[0] = np.nextafter(y[0], 9)
    labels = y > 0
    model, short = regressor(max_epochs=1), classifier(max_epochs=1)
    changed = {
        key: clone(model).set_params(**{key: value})
        for key, value in {
            "max_epochs": 2,
            "hidden_size": 3,
            "learning_rate": 0.02,
            "lr_schedule": "cosine",
            "optimizer": torch.optim.SGD,
            "dropout": 0.1,
            "loss": "huber",
            "random_state": 1,
            "augmentation": [Jitter(0.1)],
            "early_stopping": True,
        }.items()
    }
    names = [
        name_of(tmp_path, model, X, y),
        *(name_of(tmp_path, other, X, y) for other in changed.values()),
        name_of(tmp_path, changed["augmentation"].set_params(augmentation=[Jitter(0.2)]), X, y),
        name_of(tmp_path, model, other_X, y),
        name_of(tmp_path, model, X, other_y),
        name_of(tmp_path, model, X[:-1], y[:-1]),
        name_of(tmp_path, model, X, y, sample_weight=np.arange(N)),
        name_of(tmp_path, model, list(X[:, :4]), y),
        name_of(tmp_path, model, X, labels),
        name_of(tmp_path, short, X, labels),
        name_of(tmp_path, short.set_params(class_weight={True: 2, False: 1}), X, labels),
    ]
    assert len(set(names)) == len(names)


def test_what_does_not_change_the_model_does_not_change_the_name(tmp_path):
    X, y = make_data()
    model = regressor(max_epochs=1)
    name = name_of(tmp_path, model, X, y)
    same = {
        "verbose": 1,
        "device": "cuda" if ON_GPU else "cpu",
        "warm_start": True,
        "keep_background": 3,
    }
    for parameter, value in same.items():
        other = clone(model).set_params(**{parameter: value})
        assert name_of(tmp_path, other, X, y) == name, parameter
    assert name_of(tmp_path, model, list(X), y.tolist()) == name
    assert name_of(tmp_path, model, X, y, sample_weight=np.ones(N)) == name
    np.save(tmp_path / "0" / "X.npy", X)
    mapped = np.load(tmp_path / "0" / "X.npy", mmap_mode="r")
    assert name_of(tmp_path, model, mapped, y) == name


# --------------------------------------------------------------------- as any other parameter


def test_it_is_a_parameter_like_the_others(tmp_path):
    model = regressor(checkpoint=tmp_path)
    assert clone(model).checkpoint == tmp_path
    assert model.get_params()["checkpoint"] == tmp_path
    X, y = make_data()
    fitted = pickle.loads(pickle.dumps(model.fit(X, y)))
    assert fitted.checkpoint == tmp_path
    plain = pickle.loads(pickle.dumps(regressor().fit(X, y)))
    assert len(pickle.dumps(fitted.set_params(checkpoint=None))) == len(pickle.dumps(plain))


def test_scikit_learns_checks_pass_with_it(tmp_path):
    model = LSTMRegressor(2, max_epochs=1, random_state=0, checkpoint=str(tmp_path))
    found = check_estimator(model, on_skip=None, on_fail=None)
    # After one epoch the score is too low for this one; without a checkpoint all pass elsewhere.
    failed = {result["check_name"] for result in found if result["status"] == "failed"}
    assert failed <= {"check_regressors_train"}
    assert sum(result["status"] == "passed" for result in found) > 40
