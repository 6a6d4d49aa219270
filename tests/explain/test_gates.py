"""explain_gates on the two estimators, in every container, and through Pipelines."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from torch import nn

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm._attribution import _states
from sklstm.datasets import load_japanese_vowels
from sklstm.explain import explain_gates
from sklstm.preprocessing import SequenceTokenizer, SequenceWise, SlidingWindow

X = np.random.default_rng(0).normal(2, 3, size=(40, 6, 3))
Y = X[:, 4, 1] + X[:, 2, 0]
SMALL = {"hidden_size": 4, "max_epochs": 2, "random_state": 0}
STATES = (
    "input_gate",
    "forget_gate",
    "output_gate",
    "candidate",
    "cell_state",
    "hidden_state",
)
PER_STEP = (*STATES, "forgetting", "writing")
DEEP = {"num_layers": 2, "bidirectional": True}


def regressor(**params):
    return LSTMRegressor(**{**SMALL, **params}).fit(X, Y)


def assert_same(found, expected, rows=slice(None)):
    for name in PER_STEP:
        np.testing.assert_allclose(found[name], expected[name][rows], atol=1e-6, err_msg=name)


def test_states_are_those_of_a_bidirectional_lstm_of_torch():
    """Layers that are wired as torch wires them, on the data as they are."""
    model = regressor(**DEEP, standardize=False)
    stack = model.net_.module_.recurrent
    lstm = nn.LSTM(3, 4, num_layers=2, bidirectional=True, batch_first=True)
    for level in range(2):
        for layers, suffix in ((stack.forward_layers, ""), (stack.backward_layers, "_reverse")):
            for name, value in layers[level].lstm.named_parameters():
                getattr(lstm, name.replace("_l0", f"_l{level}{suffix}")).data.copy_(value)
    with torch.no_grad():
        hidden, (h, c) = lstm(torch.from_numpy(X).float())
    gates = model.explain_gates(X)
    assert gates.hidden_state.shape == (40, 6, 2, 2, 4)
    last = gates.hidden_state[:, :, 1].reshape(40, 6, 8)
    np.testing.assert_allclose(last, hidden, atol=1e-6)
    for level, direction in np.ndindex(2, 2):
        end = 0 if direction else -1
        place = (slice(None), end, level, direction)
        k = 2 * level + direction
        np.testing.assert_allclose(gates.hidden_state[place], h[k], atol=1e-6)
        np.testing.assert_allclose(gates.cell_state[place], c[k], atol=1e-6)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("cell", ["lstm", "peephole"])
def test_the_parts_fit_together(cell, activation):
    gates = regressor(**DEEP, cell=cell, activation=activation).explain_gates(X)
    phi = np.tanh if activation == "tanh" else lambda c: np.maximum(c, 0)
    for name in STATES:
        assert gates[name].dtype == np.float32 and gates[name].shape == (40, 6, 2, 2, 4)
    for name in STATES[:3]:
        assert 0 < gates[name].min() < gates[name].max() < 1
    before = np.zeros_like(gates.cell_state)
    before[:, 1:, :, 0] = gates.cell_state[:, :-1, :, 0]
    before[:, :-1, :, 1] = gates.cell_state[:, 1:, :, 1]
    written = gates.input_gate * gates.candidate
    close = {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_allclose(gates.cell_state, gates.forget_gate * before + written, **close)
    np.testing.assert_allclose(
        gates.hidden_state, gates.output_gate * phi(gates.cell_state), **close
    )
    np.testing.assert_allclose(gates.forgetting, 1 - gates.forget_gate.mean(axis=-1), **close)
    np.testing.assert_allclose(gates.writing, np.abs(written).mean(axis=-1), **close)


def test_the_last_hidden_states_are_what_predict_reads():
    model = regressor(pooling="last")
    head = model.net_.module_.head
    weight, bias = (part.detach().double().cpu().numpy() for part in (head.weight[0], head.bias))
    scale, mean = (
        getattr(model.net_.module_, f"y_{name}").cpu().numpy() for name in ("scale", "mean")
    )
    hidden = model.explain_gates(X).hidden_state[:, -1, 0, 0]
    np.testing.assert_allclose(
        (hidden @ weight + bias) * scale + mean, model.predict(X), rtol=1e-5, atol=1e-5
    )


# ---------------------------------------------------------------- containers


def test_padding_is_nan_and_everything_else_is_where_it_was():
    model = regressor(**DEEP)
    padded = X[:6].copy()
    padded[0, :2] = np.nan
    padded[1, 4:] = np.nan
    padded[2, 0] = padded[2, 5] = np.nan
    missing = np.isnan(padded[:, :, 0])
    gates = model.explain_gates(padded)
    for name in PER_STEP:
        at_padding = np.isnan(gates[name])
        assert at_padding[missing].all() and not at_padding[~missing].any()
    ragged = [row[~gone] for row, gone in zip(padded, missing, strict=True)]
    alone = model.explain_gates(ragged)
    assert alone.forget_gate.shape == (6, 6, 2, 2, 4)
    for i, row in enumerate(ragged):
        for name in PER_STEP:
            own, k = gates[name][i][~missing[i]], len(row)
            np.testing.assert_allclose(alone[name][i, :k], own, atol=1e-6)
            assert np.isnan(alone[name][i, k:]).all()
        # ... and as if there were no other rows and no padding.
        single = model.explain_gates(row[None])
        np.testing.assert_allclose(single.cell_state[0], alone.cell_state[i, :k], atol=1e-6)
    np.testing.assert_allclose(gates.half_life, alone.half_life)
    for name, share in gates.saturation.items():
        np.testing.assert_array_equal(share, alone.saturation[name])


def test_rows_of_a_table_and_tokens_and_sequence_outputs():
    rng = np.random.default_rng(1)
    table = X.reshape(40, 18)
    flat = LSTMRegressor(**SMALL, n_timesteps=6).fit(table, Y)
    assert_same(flat.explain_gates(table), regressor().explain_gates(X))
    frame = pd.DataFrame(table, columns=[f"c{i}" for i in range(18)])
    named = LSTMRegressor(**SMALL, n_timesteps=6).fit(frame, Y)
    assert_same(named.explain_gates(frame), flat.explain_gates(table))
    univariate = LSTMRegressor(**SMALL).fit(table, Y)
    assert univariate.explain_gates(table).cell_state.shape == (40, 18, 1, 1, 4)
    codes = rng.integers(0, 5, size=(40, 6))
    tokens = LSTMRegressor(**SMALL, embedding_size=3).fit(codes, Y)
    gates = tokens.explain_gates([codes[0], codes[1, :3]])
    # Equal codes at the start, equal states.
    again = tokens.explain_gates([[*codes[0, :3], 0], codes[1, :3]])
    np.testing.assert_allclose(gates.cell_state[:, :3], again.cell_state[:, :3], atol=1e-6)
    assert np.isnan(gates.cell_state[1, 3:]).all()
    steps = LSTMRegressor(**SMALL, return_sequences=True).fit(X, X[:, :, 0])
    assert steps.explain_gates(X).hidden_state.shape == (40, 6, 1, 1, 4)


def test_rows_are_alone_whatever_the_chunks(monkeypatch):
    model = regressor(**DEEP)
    gates = model.explain_gates(X)
    assert_same(model.explain_gates(X[7:9]), gates, slice(7, 9))
    monkeypatch.setattr(_states, "RECORD_ENTRIES", 8000)
    few = model.explain_gates(X)
    assert_same(few, gates)
    np.testing.assert_allclose(few.half_life, gates.half_life, rtol=1e-5)


def test_real_data_of_many_lengths():
    X_train, y_train = load_japanese_vowels(return_X_y=True)[:2]
    model = LSTMClassifier(hidden_size=6, max_epochs=2, random_state=0).fit(
        X_train[::6], y_train[::6]
    )
    gates = model.explain_gates(X_train[:20])
    assert gates.forget_gate.shape == (20, X_train.shape[1], 1, 2, 6)
    missing = np.isnan(X_train[:20, :, 0])
    assert missing.any() and np.array_equal(np.isnan(gates.forget_gate[:, :, 0, 1, 3]), missing)
    assert np.isfinite(gates.half_life).all() and (gates.half_life > 0).all()


# ---------------------------------------------------------------- what the summaries mean


def crafted(W=(), b=(0, 0, 0, 0), hidden_size=1, **params):
    """A network that reads X as it is, with weights from feature j to gate k: ``W[k, j]``."""
    model = LSTMRegressor(**{**SMALL, "hidden_size": hidden_size}, standardize=False, **params)
    model.fit(X, Y)
    lstm = model.net_.module_.recurrent.forward_layers[0].lstm
    with torch.no_grad():
        for parameter in lstm.parameters():
            parameter.zero_()
        for (gate, feature), value in dict(W).items():
            lstm.weight_ih_l0[gate * hidden_size : (gate + 1) * hidden_size, feature] = value
        for gate, value in enumerate(b):
            lstm.bias_ih_l0[gate * hidden_size : (gate + 1) * hidden_size] = torch.as_tensor(value)
    return model


def test_after_the_half_life_half_of_it_is_left():
    bias = np.log(0.5 ** (1 / 4) / (1 - 0.5 ** (1 / 4)))  # of 4 steps
    model = crafted({(2, 0): 1.0}, (0.0, bias, 0.0, 0.0))
    pulse = np.zeros((1, 13, 3))
    pulse[0, 0, 0] = 1.0
    gates = model.explain_gates(pulse)
    np.testing.assert_allclose(gates.half_life, 4, rtol=1e-5)
    left = gates.cell_state[0, :, 0, 0, 0] / gates.cell_state[0, 0, 0, 0, 0]
    np.testing.assert_allclose(left[[4, 8, 12]], [1 / 2, 1 / 4, 1 / 8], rtol=1e-5)


def test_memories_that_last_forever_or_not_at_all():
    model = crafted(b=(0, torch.tensor([200.0, -200.0, 0.0]), 0, 0), hidden_size=3)
    np.testing.assert_allclose(model.explain_gates(X).half_life, [[[np.inf, 0, 1]]])
    assert np.isnan(model.explain_gates(X[:, :1]).half_life).all()


def test_the_first_step_of_either_direction_has_nothing_to_forget():
    model = regressor(**DEEP)
    forget = model.explain_gates(X).forget_gate.astype(float)
    mean = np.stack(
        [forget[:, 1:, :, 0].mean(axis=(0, 1)), forget[:, :-1, :, 1].mean(axis=(0, 1))], axis=1
    )
    expected = np.log(0.5) / np.log(mean)
    np.testing.assert_allclose(model.explain_gates(X).half_life, expected, rtol=1e-6)


def test_it_forgets_at_the_marks_and_writes_at_the_gates():
    """Feature 1 closes the forget gate, feature 2 opens the input gate."""
    rng = np.random.default_rng(1)
    marks = np.zeros((30, 20, 3))
    marks[:, :, 0] = rng.normal(size=(30, 20))
    marks[:, :, 1:] = rng.random((30, 20, 2)) < 0.2
    W = {(2, 0): 1.0, (1, 1): -12.0, (0, 2): 12.0}
    gates = crafted(W, (-6, 6, 0, 0), hidden_size=2).explain_gates(marks)
    forgetting, writing = gates.forgetting[:, :, 0, 0], gates.writing[:, :, 0, 0]
    assert (
        forgetting[marks[:, :, 1] == 1].min() > 0.99 > 0.01 > forgetting[marks[:, :, 1] == 0].max()
    )
    expected = np.abs(np.tanh(marks[:, :, 0])) * np.where(marks[:, :, 2] == 1, 0.9975, 0.0025)
    np.testing.assert_allclose(writing, expected, atol=1e-4)
    assert (gates.cell_state[marks[:, :, 1] == 1] < 1).all()


def test_a_network_that_has_learned_to_forget_forgets_at_the_marks():
    """The sum of feature 0 since the last mark, feature 1."""
    rng = np.random.default_rng(1)
    marks = rng.random((300, 10)) < 0.2
    rows = np.stack([rng.normal(size=(300, 10)), marks], axis=2)
    sums = np.zeros((300, 10))
    for t in range(10):
        sums[:, t] = rows[:, t, 0] + np.where(marks[:, t], 0, sums[:, t - 1])
    model = LSTMRegressor(6, max_epochs=20, dropout=0.0, return_sequences=True, random_state=0)
    gates = model.fit(rows[:200], sums[:200]).explain_gates(rows[200:])
    assert model.score(rows[200:], sums[200:]) > 0.8
    forgetting, at_mark = gates.forgetting[:, 1:, 0, 0], marks[200:, 1:]
    assert roc_auc_score(at_mark.ravel(), forgetting.ravel()) > 0.98


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_saturation_is_the_share_of_real_steps(activation):
    model = LSTMRegressor(**SMALL, **DEEP, activation=activation, standardize=False).fit(X, Y)
    padded = X.copy()
    padded[:10, 3:] = np.nan
    gates = model.explain_gates(padded)
    limits = {"input_gate": (0.1, 0.9), "forget_gate": (0.1, 0.9), "output_gate": (0.1, 0.9)}
    phi = np.tanh(gates.cell_state) if activation == "tanh" else gates.cell_state
    values = {**gates, "cell_output": phi}
    assert set(gates.saturation) == {*limits, "candidate", "cell_output"}
    for name, share in gates.saturation.items():
        expected = np.zeros((2, 2, 4))
        for place in np.ndindex(2, 2, 4):
            own = values[name][:, :, *place]
            own = own[~np.isnan(own)]
            if name in limits:
                hits = [v <= 0.1 or v >= 0.9 for v in own]
            elif activation == "tanh":
                hits = [abs(v) >= 0.9 for v in own]
            else:
                hits = [v == 0 for v in own]
            expected[place] = sum(hits) / (10 * 3 + 30 * 6)
        np.testing.assert_allclose(share, expected, atol=1e-9)
    assert gates.saturation.candidate.max() > 0


# ---------------------------------------------------------------- Pipelines


def test_x_goes_through_any_steps():
    pipeline = make_pipeline(SequenceWise(PCA(2)), LSTMRegressor(**SMALL)).fit(X, Y)
    expected = pipeline[-1].explain_gates(pipeline[:-1].transform(X))
    assert_same(explain_gates(pipeline, X), expected)
    search = GridSearchCV(pipeline, {"lstmregressor__hidden_size": [2, 3]}, cv=2).fit(X, Y)
    best = search.best_estimator_
    expected = best[-1].explain_gates(best[:-1].transform(X))
    assert_same(explain_gates(search, X), expected)


def test_windows_of_a_table_and_texts():
    rng = np.random.default_rng(1)
    table = pd.DataFrame(rng.normal(size=(30, 2)), columns=["a", "b"])
    model = make_pipeline(SlidingWindow(5), LSTMRegressor(**SMALL)).fit(table, table["a"])
    gates = explain_gates(model, table)
    assert gates.forget_gate.shape == (30, 5, 1, 1, 4)
    assert np.isnan(gates.forget_gate[1, :3]).all() and np.isfinite(gates.forget_gate[1, 3:]).all()
    texts = ["a bird sings", "no bird", "a cat and a bird"] * 4
    model = make_pipeline(SequenceTokenizer(), LSTMClassifier(**SMALL, embedding_size=2))
    model.fit(texts, [0, 1, 0] * 4)
    gates = explain_gates(model, texts[:3])
    assert gates.forget_gate.shape == (3, 5, 1, 2, 4)
    assert np.isfinite(gates.writing).sum(axis=(1, 2, 3)).tolist() == [6, 4, 10]


# ---------------------------------------------------------------- the world around


def mean_of_steps(n_features, n_outputs, random_state):
    class Mean(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(n_features, n_outputs)

        def forward(self, x, lengths):
            return self.linear(x.mean(1))

    return Mean()


def test_bad_input_is_named():
    with pytest.raises(NotFittedError):
        LSTMRegressor().explain_gates(X)
    model = LSTMRegressor(**SMALL, module=mean_of_steps).fit(X, Y)
    with pytest.raises(ValueError, match="LSTMRegressor has a module of its own"):
        model.explain_gates(X)
    forest = RandomForestRegressor(n_estimators=2).fit(X[:, 0], Y)
    with pytest.raises(ValueError, match=r"'model' parameter of explain_gates must.*RandomForest"):
        explain_gates(forest, X)
    search = GridSearchCV(LSTMRegressor(**SMALL), {"dropout": [0.0]}, cv=2, refit=False).fit(X, Y)
    with pytest.raises((ValueError, NotFittedError)):
        explain_gates(search, X)
    model = regressor()
    hole = X.copy()
    hole[3, 2, 1] = np.nan
    with pytest.raises(ValueError, match=r"[Ss]ample 3"):
        model.explain_gates(hole)
    with pytest.raises(ValueError, match="2 features"):
        model.explain_gates(X[:, :, :2])


def test_the_estimator_and_the_world_are_as_before():
    model = pickle.loads(pickle.dumps(regressor(**DEEP)))
    before = pickle.dumps(model)
    model.net_.module_.recurrent.train()
    state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()
    rows = X.copy()
    rows.flags.writeable = False
    gates = model.explain_gates(rows)
    assert model.net_.module_.recurrent.training
    model.net_.module_.eval()
    assert_same(model.explain_gates(X), gates)
    with torch.inference_mode():
        assert_same(model.explain_gates(X), gates)
    assert pickle.dumps(model) == before
    assert np.array_equal(state, np.random.get_state()[1])
    assert torch.equal(torch_state, torch.get_rng_state())
