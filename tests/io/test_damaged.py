"""A damaged or lying file is an error: no crash, no hang, no other model."""

import copy
import os
import re
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from rounding import assert_same_numbers

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.io import _file, load, save
from sklstm.simplify import quantize

ROOT = Path(__file__).parents[2]
N = 12
rng = np.random.default_rng(0)
X = rng.normal(size=(N, 3, 2))
LABELS = np.array(["u", "v", "w"])[np.arange(N) % 3]


@pytest.fixture(scope="module")
def model():
    model = LSTMClassifier(
        2,
        2,
        max_epochs=2,
        early_stopping=True,
        keep_background=2,
        random_state=np.random.RandomState(0),
    )
    return quantize(model.fit(X, LABELS), bits=4)


@pytest.fixture(scope="module")
def parts(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("io") / "model"
    save(model, path)
    return _file.read(path)


def flip(data, rng):
    data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))


def cut(data, rng):
    del data[rng.integers(len(data)) :]


def insert(data, rng):
    at = rng.integers(len(data) + 1)
    data[at:at] = rng.bytes(int(rng.integers(1, 20)))


def take_out(data, rng):
    at = rng.integers(len(data))
    del data[at : at + int(rng.integers(1, 50))]


def overwrite(data, rng):
    for at in rng.integers(len(data), size=5):
        data[at] = rng.integers(256)


def zero(data, rng):
    at = rng.integers(len(data))
    data[at : at + 100] = bytes(len(data[at : at + 100]))


DAMAGES = [flip, cut, insert, take_out, overwrite, zero]


def test_ten_thousand_damages(parts, tmp_path):
    whole = bytes(_file.pack(*parts))
    path = tmp_path / "model"
    rng = np.random.default_rng(1)
    damaged = 0
    with open(path, "wb", buffering=0) as file:  # kept open: closing waits for some disks
        while damaged < 10_000:
            data = bytearray(whole)
            damage = DAMAGES[damaged % len(DAMAGES)]
            damage(data, rng)
            if data == whole:
                continue
            damaged += 1
            file.seek(0)
            file.write(data)
            file.truncate()
            try:
                load(path)
            except ValueError as error:
                message = str(error)
            else:
                pytest.fail(f"{damage.__name__} was not noticed")
            assert "checksum is wrong" in message or "did not write it" in message


VALUES = [
    *(None, True, -1, 0, 1, 3, 10**6, 10**12, 2**70, 0.5, 1e308),
    *("", "x", "lstm", "relu", [], {}, [[]], [[[[]]]]),
    {"array": "net_.weights.x_mean"},
    {"tuple": [1, 2]},
    {"dict": [["a", 1]]},
    {"float": "nan"},
    {"optimizer": "Adam"},
    {"optimizer": "lr_scheduler"},
    {"augmentation": "Jitter", "options": {"dict": []}},
    {"objects": ["a"]},
    {"texts": ["a"], "width": 10**9},
    {"texts": ["a", "b", "c"], "width": 3},
    {"scalar": 3, "dtype": "int8"},
    {"RandomState": 0},
]


def places(value, path=()):
    """Every container, a key in it, and the way there."""
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            pair = isinstance(item, list) and len(item) == 2 and isinstance(item[0], str)
            way = (*path, item[0] if pair else key)
            yield value, key, way
            yield from places(item, way)


def lie_in_the_header(content, arrays, rng):
    options = list(places(content))
    container, key, way = options[rng.integers(len(options))]
    kind = rng.integers(10)
    if kind == 0:
        del container[key]
    elif kind == 1 and isinstance(container, dict):
        container["more"] = 1
    else:
        container[key] = copy.deepcopy(VALUES[rng.integers(len(VALUES))])
    return way


def lie_in_the_arrays(content, arrays, rng):
    name = list(arrays)[rng.integers(len(arrays))]
    array = arrays[name]
    match rng.integers(6):
        case 0:
            del arrays[name]
        case 1:
            arrays["more"] = array
        case 2:
            arrays[name] = array[None]
        case 3:
            arrays[name] = array.ravel()[:-1]
        case 4:
            arrays[name] = array.astype([np.float64, np.float32, np.int64, np.uint8][len(name) % 4])
        case 5:
            numbers = [np.nan, np.inf, -1, 1e30] if array.dtype.kind == "f" else [100]
            arrays[name] = np.full_like(array, numbers[rng.integers(len(numbers))])
    return ("arrays", name)


# Another network, which a right checksum makes another valid file.
ELSE = {"architecture", "arrays", "classes_", "weights"}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of predictions with weights of 1e30
def test_lies_with_a_right_checksum(parts, model, tmp_path):
    path = tmp_path / "model"
    expected = model.predict_proba(X)
    rng = np.random.default_rng(2)
    accepted = 0
    for k in range(1000):
        content, arrays = copy.deepcopy(parts[0]), dict(parts[1])
        lie = lie_in_the_arrays if k % 5 == 0 else lie_in_the_header
        way = lie(content, arrays, rng)
        path.write_bytes(_file.pack(content, arrays))
        try:
            loaded = load(path)
        except ValueError as error:
            assert "cannot be loaded: " in str(error), way
            continue
        accepted += 1
        predicted = loaded.predict_proba(X)
        assert predicted.shape == expected.shape
        if not ELSE & set(map(str, way)):
            assert_same_numbers(predicted, expected, err_msg=str(way))
    assert 30 < accepted < 300


def entry(content, *names):
    """The container of a value in the first estimator, and its key there."""
    value = content["estimators"][0]["fitted"]
    for name in names[:-1]:
        value = value[name] if name in value else dict(value["dict"])[name]
    if "dict" in value:
        pair = next(pair for pair in value["dict"] if pair[0] == names[-1])
        return pair, 1
    return value, names[-1]


NETWORK = ("net_", "architecture")
LIES = {
    "hidden units": ((*NETWORK, "hidden_size"), 10**6, "but the network has"),
    "layers": ((*NETWORK, "num_layers"), 10**12, "fewer weights than layers"),
    "features": ((*NETWORK, "n_features"), 10**12, "but the network has"),
    "outputs": ((*NETWORK, "n_outputs"), 10**12, "but the network has"),
    "embedding": ((*NETWORK, "embedding"), {"tuple": [10**9, 10**9]}, "embedding is"),
    "negative": ((*NETWORK, "hidden_size"), -3, "hidden_size"),
    "cell": ((*NETWORK, "cell"), "gru", "cell"),
    "pooling": ((*NETWORK, "pooling"), {"tuple": ["last", "median"]}, "pooling is"),
    "loss": (("net_", "criterion"), "squared_error", "3 classes do not go with"),
    "seed": (("net_", "seed"), -1, "seed is -1"),
    "labels": (("classes_",), {"texts": ["u", "v"], "width": 1}, "2 classes do not go with"),
    "equal labels": (("classes_",), {"texts": ["u", "v", "v"], "width": 1}, "no different labels"),
    "wide labels": (("classes_",), {"texts": ["u"], "width": 10**12}, "texts of width"),
    "kind of labels": (("_multilabel",), True, "do not go with"),
    "epochs": (("n_epochs_",), 10**12, "epochs"),
    "history": (("history_", "epoch"), 10**12, "epochs"),
    "features in": (("n_sequence_features_",), 3, "n_sequence_features_"),
    "features of X": (("n_features_in_",), 10**12, "n_features_in_ is 1000000000000"),
    "columns of X": (("_n_columns",), 12, "12 columns are not 3 steps of 2 features"),
    "names": (("feature_names_in_",), {"objects": ["a"]}, "feature_names_in_ are no names"),
    "background": (("_background",), {"objects": [1]}, "background"),
    "array": (("_background",), {"array": "nowhere"}, "do not fit together.*nowhere"),
}


@pytest.mark.parametrize("where, value, message", LIES.values(), ids=LIES.keys())
def test_a_lie_is_named_before_memory_is_taken(where, value, message, parts, tmp_path):
    content, arrays = copy.deepcopy(parts[0]), dict(parts[1])
    container, key = entry(content, *where)
    container[key] = value
    path = tmp_path / "model"
    path.write_bytes(_file.pack(content, arrays))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=rf"model' cannot be loaded: .*{message}"):
            load(path)
        assert tracemalloc.get_traced_memory()[1] < 2e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["recurrent.forward_layers.1.lstm.bias_hh_l0", "y_scale"])
def test_weights_are_finite(name, value, parts, tmp_path):
    content, arrays = parts[0], copy.deepcopy(parts[1])
    arrays[f"net_.weights.{name}"][0] = value
    (tmp_path / "model").write_bytes(_file.pack(content, arrays))
    with pytest.raises(ValueError, match=re.escape(f"{name} holds NaN or infinity")):
        load(tmp_path / "model")


def test_a_position_in_a_random_state_beyond_its_key(parts, tmp_path):
    content = copy.deepcopy(parts[0])
    state = dict(content["estimators"][0]["parameters"]["random_state"]["RandomState"]["dict"])
    for pair in state["state"]["dict"]:
        if pair[0] == "pos":
            pair[1] = 2000
    (tmp_path / "model").write_bytes(_file.pack(content, parts[1]))
    with pytest.raises(ValueError, match="RandomState of another size"):
        load(tmp_path / "model")


def test_deep_nesting(parts, tmp_path):
    deep = None
    for _ in range(900):
        deep = [deep]
    content = copy.deepcopy(parts[0])
    content["estimators"][0]["parameters"]["callbacks"] = deep
    (tmp_path / "model").write_bytes(_file.pack(content, parts[1]))
    with pytest.raises(ValueError, match="cannot be loaded"):
        load(tmp_path / "model")


@pytest.mark.parametrize("value", ["antigravity", "os.system", "BaseLSTM", "LSTMNet"])
def test_a_class_is_one_of_two(value, parts, tmp_path):
    content = copy.deepcopy(parts[0])
    content["estimators"][0]["class"] = value
    (tmp_path / "model").write_bytes(_file.pack(content, parts[1]))
    with pytest.raises(ValueError, match=rf"do not fit together.*{value}"):
        load(tmp_path / "model")


@pytest.mark.parametrize("protocol", [0, 2, "1", True, None])
def test_another_protocol(protocol, parts, tmp_path):
    content = dict(parts[0], protocol=protocol)
    (tmp_path / "model").write_bytes(_file.pack(content, parts[1]))
    with pytest.raises(ValueError, match=rf"of protocol {protocol}, .* reads protocols up to 1"):
        load(tmp_path / "model")


@pytest.mark.parametrize(
    "data", [b"", b"a", b"\0" * 8, b"\xff" * 5000, b"PK\3\4" * 100, b"{}" * 99]
)
def test_other_files(data, tmp_path):
    (tmp_path / "model").write_bytes(data)
    with pytest.raises(ValueError, match=r"sklstm\.io\.save did not write it"):
        load(tmp_path / "model")


def signed(data):
    """With a right checksum."""
    data = bytearray(data)
    data[_file._BEGIN : _file._END] = _file._digest(data).hexdigest().encode()
    return bytes(data)


@pytest.mark.parametrize(
    "old, new",
    [
        (rb'"shape":\[3\],"data_offsets"', b'"shape":[1000000000000],"data_offsets"'),
        (rb'"data_offsets":\[\d+,\d+\]', b'"data_offsets":[0,1000000000000]'),
        (rb'"dtype":"F64"', b'"dtype":"F16"'),
    ],
)
def test_an_array_that_is_not_there(old, new, parts, tmp_path):
    data = bytes(_file.pack(*parts))
    length = int.from_bytes(data[:8], "little")
    header = re.sub(old, new, data[8 : 8 + length], count=1)
    assert header != data[8 : 8 + length]
    (tmp_path / "model").write_bytes(
        signed(len(header).to_bytes(8, "little") + header + data[8 + length :])
    )
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="cannot be loaded"):
            load(tmp_path / "model")
        assert tracemalloc.get_traced_memory()[1] < 2e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("length", [2**63, 2**40, 150_000_000])
def test_a_header_of_a_size_that_is_not_there(length, parts, tmp_path):
    data = bytes(_file.pack(*parts))
    (tmp_path / "model").write_bytes(signed(length.to_bytes(8, "little") + data[8:]))
    with pytest.raises(ValueError, match="allowed"):
        load(tmp_path / "model")


# ----------------------------------------------------------------------------- a kill in between

KILLED = """
import os, signal, sys
from sklstm import LSTMRegressor
from sklstm.io import save

def killed(*args):
    os.kill(os.getpid(), signal.SIGKILL)

os.fsync = killed  # the bytes are on their way to the disk
save(LSTMRegressor(99), sys.argv[1])
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX")
def test_a_kill_leaves_the_old_file_whole(tmp_path):
    path = tmp_path / "model"
    save(LSTMRegressor(3), path)
    before = path.read_bytes()
    done = subprocess.run([sys.executable, "-c", KILLED, path], cwd=ROOT)
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == before
    assert load(path).hidden_size == 3
    assert len(list(tmp_path.iterdir())) == 2  # what was being written has another name
    save(LSTMRegressor(4), path)
    assert load(path).hidden_size == 4


def test_a_disk_that_is_full_leaves_the_old_file_whole(tmp_path, monkeypatch):
    path = tmp_path / "model"
    save(LSTMRegressor(3), path)

    def full(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save(LSTMRegressor(4), path)
    monkeypatch.undo()
    assert load(path).hidden_size == 3
    assert list(tmp_path.iterdir()) == [path]
