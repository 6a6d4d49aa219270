"""What would have to run code is named when it is saved, and runs nothing when it is loaded."""

import copy
import functools
import io
import json
import os
import pickle
import sys
import zipfile

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
import torch
from sklearn.base import clone
from sklearn.callback import ScoringMonitor
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestRegressor, VotingRegressor
from sklearn.feature_selection import SelectFromModel
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from skorch.callbacks import EpochScoring

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.io import _file, load, save
from sklstm.io._skeleton import Drawn, Numbers
from sklstm.preprocessing import SequenceTokenizer

N = 12
TABLE = np.random.default_rng(0).normal(size=(N, 4))
y = TABLE[:, 0]


class OwnOptimizer(torch.optim.SGD):
    pass


class OwnRegressor(LSTMRegressor):
    pass


class OwnScaler(StandardScaler):
    pass


def own_function(X):
    return X


def network(n_features, n_outputs, random_state):
    return torch.nn.LSTM(n_features, n_outputs)


def unfitted(**parameters):
    return LSTMRegressor(2, **parameters)


def with_attribute(**attributes):
    model = unfitted()
    vars(model).update(attributes)
    return model


UNSAFE = {
    "callback": (unfitted(callbacks=[EpochScoring("r2")]), r"callbacks.*EpochScoring.*training"),
    "augmentation": (unfitted(augmentation=[own_function]), r"augmentation.*own_function.*None"),
    "optimizer": (unfitted(optimizer=OwnOptimizer), r"OwnOptimizer.*optimizer=\"adamw\""),
    "scikit-learn callback": (
        unfitted().set_callbacks(ScoringMonitor(scoring="r2")),
        "callbacks of scikit-learn",
    ),
    "attribute": (with_attribute(note="mine"), "note is an attribute"),
    "invalid parameter": (unfitted(dropout=3.0), "'dropout' parameter"),
    "object": (unfitted(random_state=0, n_timesteps=None, callbacks=(object(),)), "object"),
    "complex": (LSTMClassifier(class_weight={1j: 1.0}), "class_weight.*complex"),
    "subclass": (OwnRegressor(2), r"OwnRegressor is a class of its own.*joblib"),
    "subclass inside": (make_pipeline(StandardScaler(), OwnRegressor(2)), "OwnRegressor"),
    "own step": (make_pipeline(OwnScaler(), unfitted()), "OwnScaler.*joblib"),
    "function": (make_pipeline(FunctionTransformer(own_function), unfitted()), "own_function"),
    "partial": (
        make_pipeline(FunctionTransformer(functools.partial(own_function)), unfitted()),
        r"partial",
    ),
    "lambda": (make_pipeline(FunctionTransformer(lambda x: x), unfitted()), "lambda"),
    "os.system": (make_pipeline(FunctionTransformer(os.system), unfitted()), "posix.system|nt"),
    "RandomState": (make_pipeline(PCA(random_state=np.random.RandomState(0))), "RandomState"),
    "Generator": (
        make_pipeline(FunctionTransformer(kw_args={"rng": np.random.default_rng(0)})),
        "Generator",
    ),
    "bytes": (make_pipeline(FunctionTransformer(kw_args={"key": b"bytes"})), "bytes"),
    "modules": (
        VotingRegressor([("a", unfitted(module=network)), ("b", unfitted(module=own_function))]),
        "several different 'module'",
    ),
}


@pytest.mark.parametrize("model, names", UNSAFE.values(), ids=UNSAFE.keys())
def test_what_is_not_safe_is_named_and_the_old_file_stays(model, names, tmp_path):
    path = tmp_path / "model"
    path.write_text("the old one")
    with pytest.raises(ValueError, match=rf"(?s)cannot be saved.*({names})"):
        save(model, path)
    assert path.read_text() == "the old one"
    assert os.listdir(tmp_path) == ["model"]


OWN = FunctionTransformer(own_function)
TOKENS = SequenceTokenizer(tokenizer=str.split)
PLACES = {
    "alone": (TOKENS, "tokenizer, str.split, holds builtins.method_descriptor"),
    "step": (
        make_pipeline(TOKENS, LSTMClassifier(embedding_size=2, optimizer=OwnOptimizer)),
        "sequencetokenizer__tokenizer, str.split, holds builtins.method_descriptor",
    ),
    "step in a step": (
        make_pipeline(StandardScaler(), make_pipeline(OWN), unfitted()),
        "pipeline__functiontransformer__func, own_function, holds .*test_refused.own_function",
    ),
    "search": (
        GridSearchCV(make_pipeline(OWN, unfitted()), {}),
        "estimator__functiontransformer__func, own_function, holds",
    ),
    "class": (make_pipeline(OwnScaler(), unfitted()), "ownscaler, of type OwnScaler, holds"),
    "inside": (
        make_pipeline(FunctionTransformer(kw_args={"rng": np.random.default_rng(0)})),
        "functiontransformer__kw_args, of type dict, could not be loaded: .*Generator",
    ),
}


@pytest.mark.parametrize("model, place", PLACES.values(), ids=PLACES.keys())
def test_the_parameter_that_is_not_safe_is_named(model, place, tmp_path):
    with pytest.raises(ValueError, match=rf"its parameter {place}.*Replace it by .*or use joblib"):
        save(model, tmp_path / "model")


HALVES = "\ud83d\ude00"  # of a character that is written otherwise, "\U0001f600"
TEXTS = {
    "label": (LSTMClassifier(2, max_epochs=1).fit(TABLE, [HALVES, "b"] * (N // 2)), "classes_"),
    "label object": (
        LSTMClassifier(2, max_epochs=1).fit(TABLE, np.array([HALVES, "b"] * (N // 2), object)),
        r"classes_\.1",
    ),
    "key": (LSTMClassifier(class_weight={HALVES: 1.0}), "a key of class_weight"),
    "NumPy text": (LSTMClassifier(class_weight={np.str_(HALVES): 1.0}), "a key of class_weight"),
    "column": (
        unfitted(max_epochs=1).fit(pd.DataFrame(TABLE, columns=["a", "b", "c", HALVES]), y),
        r"feature_names_in_\.3",
    ),
    "step": (Pipeline([(HALVES, unfitted())]), r"its parameter steps, of type list,"),
    "parameter": (
        make_pipeline(FunctionTransformer(kw_args={"a": (HALVES,)})),
        "functiontransformer__kw_args, of type dict,",
    ),
    "set": (
        make_pipeline(FunctionTransformer(kw_args={"a": {HALVES}})),
        "functiontransformer__kw_args, of type dict,",
    ),
    "key of a parameter": (
        make_pipeline(FunctionTransformer(kw_args={"a": {(HALVES, 1): 1.5}})),
        "functiontransformer__kw_args, of type dict,",
    ),
    "word": (SequenceTokenizer(tokenizer=list).fit([[HALVES]]), "it"),
}


@pytest.mark.parametrize("model, place", TEXTS.values(), ids=TEXTS.keys())
def test_a_text_that_would_come_back_as_another_is_named(model, place, tmp_path):
    with pytest.raises(ValueError, match=rf"{place} holds the text '\\ud83d\\ude00', whose surro"):
        save(model, tmp_path / "model")
    assert os.listdir(tmp_path) == []


def test_a_fitted_forest_is_not_safe(tmp_path):
    model = make_pipeline(SelectFromModel(RandomForestRegressor(2)), unfitted(max_epochs=1))
    with pytest.raises(ValueError, match=r"sklearn\.tree\._tree\.Tree"):
        save(model.fit(TABLE, y), tmp_path / "model")
    # What an LSTM has, skops does not see.
    model[-1].set_params(optimizer=OwnOptimizer)
    with pytest.raises(ValueError, match="parameter selectfrommodel, of type SelectFromModel, hol"):
        save(model, tmp_path / "model")
    forest = RandomForestRegressor(2).fit(TABLE, y)
    with pytest.raises(ValueError, match=r"code: it holds .*Tree.*Leave it out, or use joblib"):
        save(forest, tmp_path / "model")


@pytest.mark.parametrize("hint", ["callbacks", "augmentation"])
def test_the_way_out_that_the_message_names_works(hint, tmp_path):
    own = {"callbacks": [EpochScoring("r2", on_train=True)], "augmentation": [lambda b, g: b]}
    model = unfitted(max_epochs=1, **{hint: own[hint]}).fit(TABLE, y)
    with pytest.raises(ValueError, match=rf"copy\.copy\(model\)\.set_params\({hint}=None\)"):
        save(model, tmp_path / "model")
    save(copy.copy(model).set_params(**{hint: None}), tmp_path / "model")
    assert load(tmp_path / "model").predict(TABLE).tobytes() == model.predict(TABLE).tobytes()


def test_without_callbacks_of_scikit_learn_the_model_is_saved(tmp_path):
    model = unfitted(max_epochs=1).set_callbacks(ScoringMonitor(scoring="r2")).fit(TABLE, y)
    with pytest.raises(ValueError, match=r"copy\.copy\(model\)\.set_callbacks\(\) can be saved"):
        save(model, tmp_path / "model")
    save(copy.copy(model).set_callbacks(), tmp_path / "model")
    assert load(tmp_path / "model").predict(TABLE).tobytes() == model.predict(TABLE).tobytes()
    assert model.fit(TABLE, y)._skl_callbacks  # the original keeps its own


@pytest.mark.parametrize("model", [None, LSTMRegressor, np.zeros(3), {"a": LSTMRegressor()}])
def test_what_is_no_estimator_is_refused(model, tmp_path):
    with pytest.raises(ValueError, match="model must be an estimator"):
        save(model, tmp_path / "model")


def test_without_skops_the_message_says_how_to_install_it(tmp_path, monkeypatch):
    path = tmp_path / "model"
    save(make_pipeline(unfitted()), path)
    monkeypatch.setitem(sys.modules, "skops.io", None)
    for use in (lambda: save(make_pipeline(unfitted()), path), lambda: load(path)):
        with pytest.raises(ImportError, match=r"requires skops.*pip install 'sklstm\[skops\]'"):
            use()
    save(unfitted(), path)  # alone it needs none
    assert load(path).hidden_size == 2


# ------------------------------------------------------------------------------- planted code


class Planted:
    """Leaves a file behind when a pickle of it is loaded."""

    def __reduce__(self):
        return os.system, ("touch planted",)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    assert not (tmp_path / "planted").exists()


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_pickle_runs_nothing(folder, protocol):
    (folder / "model").write_bytes(pickle.dumps(Planted(), protocol))
    with pytest.raises(ValueError, match=r"did not write it"):
        load(folder / "model")
    joblib.dump(Planted(), folder / "model")
    with pytest.raises(ValueError, match=r"looks like a pickle"):
        load(folder / "model")


@pytest.fixture
def pipeline_file(folder):
    """Content, arrays and a function that writes them with other bytes of skops."""
    model = make_pipeline(StandardScaler(), unfitted(max_epochs=1)).fit(TABLE, y)
    save(model, folder / "model")
    content, arrays = _file.read(folder / "model")

    def write(data):
        arrays["skops"] = np.frombuffer(data, dtype=np.uint8)
        (folder / "model").write_bytes(_file.pack(content, arrays))
        return folder / "model"

    return arrays["skops"].tobytes(), write


@pytest.mark.parametrize(
    "planted",
    [
        FunctionTransformer(os.system),
        FunctionTransformer(eval),
        FunctionTransformer(functools.partial(os.system, "touch planted")),
        FunctionTransformer("touch planted".encode),
        FunctionTransformer(Planted()),
        OwnScaler(),
        RandomForestRegressor(2).fit(TABLE, y),
    ],
    ids=lambda planted: str(getattr(planted, "func", planted))[:20],
)
def test_code_in_the_bytes_of_skops_runs_nothing(planted, pipeline_file):
    _, write = pipeline_file
    path = write(skops.io.dumps(make_pipeline(planted)))
    with pytest.raises(ValueError, match="cannot be loaded"):
        load(path)


def changed(data, change):
    """The archive with another schema or other members."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(members["schema.json"])
    change(schema, members)
    members["schema.json"] = json.dumps(schema).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return packed.getvalue()


def part(loader, content, number, **more):
    kind = {"ListNode": "list", "TupleNode": "tuple"}.get(loader, "dict")
    names = {"__class__": kind, "__module__": "builtins", "__loader__": loader}
    return {**names, "content": content, "__id__": number, **more}


def import_antigravity(schema, members):
    schema.update(__module__="antigravity", __class__="geohash")


def call_a_type(schema, members):
    schema.update(__loader__="ConstructorFromReduceNode")


def list_of_itself(schema, members):
    schema.update(part("ListNode", [part("ListNode", [], 1)], 1))


def doubling_lists(schema, members):
    """Thirty lists, of which each holds the one before twice."""
    inner = part("ListNode", [], 10**6)
    levels = [inner]
    for level in range(30):
        known = {
            key: levels[-1][key] for key in ("__class__", "__module__", "__loader__", "__id__")
        }
        levels.append(part("ListNode", [dict(known, content=[]), known], 10**6 + level + 1))
    schema.update(part("ListNode", levels, 1))


def many_readings_of_one_array(schema, members):
    members["large.npy"] = npy(np.zeros(1000))
    array = {"__class__": "ndarray", "__module__": "numpy", "__loader__": "NdArrayNode"}
    array |= {"type": "numpy", "file": "large.npy"}
    schema.update(part("ListNode", [dict(array, __id__=10**6 + i) for i in range(1000)], 1))


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def array_of_another_size(schema, members):
    members["large.npy"] = npy(np.zeros(3)).replace(b"(3,)", b"(10000000000,)")


def array_of_objects(schema, members):
    file = io.BytesIO()
    np.save(file, np.array([Planted()], dtype=object), allow_pickle=True)
    members["objects.npy"] = file.getvalue()


def no_array(schema, members):
    members["x.npz"] = pickle.dumps(Planted())


def newer_skops(schema, members):
    schema["protocol"] = 99


LIES = {
    import_antigravity: "antigravity.geohash",
    call_a_type: "not among the safe parts",
    list_of_itself: "the same number",
    doubling_lists: "the same number",
    many_readings_of_one_array: "repeats its arrays",
    array_of_another_size: "does not fill its place",
    array_of_objects: "does not fill its place",
    no_array: "magic",
    newer_skops: "protocol 99",
}


@pytest.mark.parametrize("change, message", LIES.items(), ids=[lie.__name__ for lie in LIES])
def test_bytes_of_skops_that_lie(change, message, pipeline_file):
    data, write = pipeline_file
    load(write(changed(data, lambda schema, members: None)))
    with pytest.raises(ValueError, match=f"cannot be loaded.*{message}"):
        load(write(changed(data, change)))
    assert "antigravity" not in sys.modules


def test_a_place_of_something_else(pipeline_file):
    _, write = pipeline_file
    numbers = Numbers({"a": 1})
    numbers.text = np.frombuffer(b'{"a": [1]}', dtype=np.uint8)
    for place, message in (
        (Drawn("bootstrap", ([1, 2], "touch planted"), {}), "bootstrap, which is no distribution"),
        (Drawn("distributions", (), {}), "distributions, which is no distribution"),
        (Drawn("norm", ("touch planted",), {"more": 1}), "cannot be loaded"),
        (numbers, "a dict of integers holds something else"),
    ):
        path = write(skops.io.dumps(FunctionTransformer(kw_args={"a": place})))
        with pytest.raises(ValueError, match=message):
            load(path)


def test_compressed_bytes_of_skops(pipeline_file):
    _, write = pipeline_file
    model = make_pipeline(FunctionTransformer(kw_args={"a": np.zeros(10**6)}))
    data = skops.io.dumps(model, compression=zipfile.ZIP_DEFLATED)
    assert len(data) < 20_000
    with pytest.raises(ValueError, match="compressed"):
        load(write(data))


def test_a_pipeline_whose_lstm_is_missing_or_another_object(pipeline_file):
    data, write = pipeline_file
    with pytest.raises(ValueError, match="no estimator"):
        load(write(skops.io.dumps(StandardScaler())))
    with pytest.raises(ValueError, match="no estimator"):
        load(write(skops.io.dumps([1, 2])))

    def another(schema, members):
        text = json.dumps(schema).replace('"content": "0"', '"content": "7"')
        schema.clear()
        schema.update(json.loads(text))

    with pytest.raises(ValueError, match="cannot be loaded"):
        load(write(changed(data, another)))


def test_a_clone_is_what_was_saved(folder):
    model = make_pipeline(StandardScaler(), unfitted())
    save(model, folder / "model")
    assert str(clone(load(folder / "model"))) == str(model)
