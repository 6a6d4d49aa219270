"""Whatever writes a file replaces an older one at once, and nothing else about it."""

import builtins
import errno
import os
import stat
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from sklstm import LSTMRegressor
from sklstm._utils._files import replacing
from sklstm.explain import Explanation
from sklstm.io import export_onnx, load, load_onnx, save

X = np.random.default_rng(0).normal(size=(12, 3, 2))
MODEL = LSTMRegressor(2, max_epochs=1, random_state=0).fit(X, X[:, 0, 0])
EXPLANATION = MODEL.explain_gradients(X)
# Each way to write a file, and to read it.
WAYS = {
    "save": (partial(save, MODEL), load),
    "export_onnx": (partial(export_onnx, MODEL), load_onnx),
    "Explanation": (EXPLANATION.save, Explanation.load),
}
ways = pytest.mark.parametrize("write, read", WAYS.values(), ids=WAYS.keys())


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


@ways
def test_of_a_link_the_file_that_it_leads_to_is_replaced(write, read, tmp_path):
    store, link = tmp_path / "store", tmp_path / "link"
    store.mkdir()
    link.symlink_to("store/model")
    for _ in range(2):  # a link to nothing, and one to a file
        write(link)
        assert link.is_symlink()
        assert not (store / "model").is_symlink()
        read(link)
    assert os.listdir(store) == ["model"]
    assert sorted(os.listdir(tmp_path)) == ["link", "store"]


@ways
def test_a_folder_may_be_a_link(write, read, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    write(tmp_path / "link" / "model")
    read(tmp_path / "folder" / "model")


@ways
def test_permissions_are_kept(write, read, tmp_path):
    path = tmp_path / "model"
    path.write_bytes(b"the old one")
    path.chmod(0o640)
    write(path)
    read(path)
    assert mode_of(path) == 0o640


@ways
def test_it_stays_with_its_group(write, read, tmp_path, monkeypatch):
    path = tmp_path / "model"
    path.write_bytes(b"the old one")
    # Who is not root gives files to the groups that they are in, and to nobody else.
    owner = (54321, 54321) if os.geteuid() == 0 else (os.geteuid(), max(os.getgroups()))
    os.chown(path, *owner)
    path.chmod(0o660)
    write(path)
    read(path)
    assert (path.stat().st_uid, path.stat().st_gid) == owner
    assert mode_of(path) == 0o660

    def refused(*args):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "chown", refused)
    write(path)
    assert path.stat().st_uid == os.geteuid()
    assert mode_of(path) == 0o660


@ways
def test_a_name_may_be_as_long_as_the_folder_takes(write, read, tmp_path):
    name = "n" * os.pathconf(tmp_path, "PC_NAME_MAX")
    write(tmp_path / name)
    read(tmp_path / name)
    with pytest.raises(OSError, match="name too long"):
        write(tmp_path / f"{name}n")


@ways
def test_a_leading_tilde_is_the_home_folder(write, read, tmp_path, monkeypatch):
    home, here = tmp_path / "home", tmp_path / "here"
    for folder in (home, here):
        folder.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(here)
    for name in ("~/one", Path("~") / "one"):
        write(name)
        read(name)
    write("./~")  # as a shell, too, reads it
    read("./~")
    assert (os.listdir(home), os.listdir(here)) == (["one"], ["~"])


@pytest.mark.parametrize("umask, mode", [(0o022, 0o644), (0o077, 0o600)])
def test_a_new_file_has_the_permissions_of_every_new_file(umask, mode, tmp_path):
    before = os.umask(umask)
    try:
        with replacing(tmp_path / "new") as file:
            file.write(b"content")
    finally:
        os.umask(before)
    assert mode_of(tmp_path / "new") == mode


def test_what_is_private_is_so_while_it_is_written(tmp_path):
    path = tmp_path / "private"
    path.write_bytes(b"the old one")
    path.chmod(0o600)
    with replacing(path):
        (temporary,) = set(tmp_path.iterdir()) - {path}
        assert mode_of(temporary) == 0o600


def test_a_file_that_may_not_be_written_to_is_kept(tmp_path, monkeypatch):
    path = tmp_path / "kept"
    path.write_bytes(b"the old one")
    path.chmod(0o440)
    if os.geteuid() == 0:  # who may write to every file
        monkeypatch.setattr(os, "access", lambda *args: False)
    with pytest.raises(PermissionError, match="kept"):
        save(MODEL, path)
    assert path.read_bytes() == b"the old one"
    assert os.listdir(tmp_path) == ["kept"]


def test_what_is_no_file_is_not_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    for name, error in (
        ("folder", IsADirectoryError),
        ("pipe", FileExistsError),
        ("loop", OSError),
    ):
        with pytest.raises(error):
            save(MODEL, tmp_path / name)
    assert sorted(os.listdir(tmp_path)) == ["folder", "loop", "pipe"]
    assert (tmp_path / "loop").is_symlink()
    with pytest.raises(IsADirectoryError):
        save(MODEL, "")


def test_the_file_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        save(MODEL, tmp_path / "folder" / "model")
    assert caught.value.filename == str(tmp_path / "folder" / "model")


@ways
def test_the_file_that_cannot_be_written_is_named_where_nothing_can_be_removed(
    write, read, tmp_path, monkeypatch
):
    def refused(path, *args):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    # As on a disk that may only be read.
    monkeypatch.setattr(builtins, "open", refused)
    monkeypatch.setattr(os, "unlink", refused)
    with pytest.raises(OSError, match="Read-only") as caught:
        write(tmp_path / "model")
    assert caught.value.filename == str(tmp_path / "model")
