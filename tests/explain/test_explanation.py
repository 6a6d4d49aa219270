"""Explanation: the record, its views, its exports and its file."""

import builtins
import copy
import dataclasses
import io
import itertools
import json
import pickle
import warnings
import zipfile

import matplotlib
import numpy as np
import pandas as pd
import pytest

from sklstm.explain import Explanation

N, STEPS, FEATURES = 6, 4, 3
NAMES = ["temp", "wind", "rain"]
COLUMNS = [f"{name}_{step}" for step in range(STEPS) for name in NAMES]
LENGTHS = np.array([4, 1, 3, 4, 2, 4])
ARRAYS = ("values", "base_values", "output_values", "data", "additivity_gap")
OUTS = [(), (1,), (5,), (3, 2), (STEPS,), (STEPS, 2)]


def fields(out=(), layout="array", level="cell", seed=0, **changes):
    """Arguments of an explanation whose values are random and add up."""
    rng = np.random.default_rng(seed)
    data = rng.normal(size=(N, STEPS, FEATURES))
    values = rng.normal(size=(N, STEPS, FEATURES, *out))
    lengths = None
    if layout == "ragged":
        lengths = LENGTHS
        for row, length in enumerate(lengths):
            data[row, length:] = np.nan
            values[row, length:] = 0
    names = NAMES
    if layout in ("table", "steps"):
        data, values, names = data.reshape(N, -1), values.reshape(N, -1, *out), COLUMNS
    if level != "cell":
        values = values.sum(axis=1 if level == "feature" else 2)
    base = rng.normal(size=(N, *out))
    players = tuple(range(1, values.ndim - len(out)))
    arguments = {
        "values": values,
        "base_values": base,
        "output_values": base + values.sum(axis=players),
        "data": data,
        "lengths": lengths,
        "feature_names": names,
        "response_method": "predict",
        "level": level,
        "method": "deep",
        "n_timesteps": STEPS if layout == "steps" else None,
    }
    return arguments | changes


def make(*args, **kwargs):
    return Explanation(**fields(*args, **kwargs))


def assert_same(one, other):
    for field in dataclasses.fields(Explanation):
        np.testing.assert_equal(getattr(one, field.name), getattr(other, field.name))


# The record


@pytest.mark.parametrize("layout", ["array", "ragged", "table", "steps"])
@pytest.mark.parametrize("out", OUTS)
def test_fields_are_read_only_float64_and_add_up(out, layout):
    arguments = fields(out, layout)
    e = Explanation(**arguments)
    assert len(e) == N
    assert e.additivity_gap.shape == (N, *out)
    assert e.additivity_gap.max() < 1e-14
    assert e.n_players == STEPS * FEATURES == len(e.player_names)
    for name in ARRAYS:
        assert getattr(e, name).dtype == np.float64
        with pytest.raises(ValueError, match="read-only"):
            getattr(e, name)[0] = 1
    arguments["values"][0] = 1  # the caller's array stays its own


def test_the_gap_is_absolute_and_of_each_row_and_output():
    arguments = fields((2,))
    arguments["output_values"][3, 1] += 0.5
    arguments["output_values"][0, 0] -= 0.25
    expected = np.zeros((N, 2))
    expected[3, 1], expected[0, 0] = 0.5, 0.25
    np.testing.assert_allclose(Explanation(**arguments).additivity_gap, expected, atol=1e-14)


def test_float32_and_strided_arrays_are_accepted():
    arguments = fields((5,))
    expected = Explanation(**arguments)
    turned = np.asfortranarray(arguments["values"])
    assert_same(Explanation(**arguments | {"values": turned}), expected)
    small = Explanation(**arguments | {"values": turned.astype(np.float32)})
    assert small.values.dtype == np.float64
    assert 0 < small.additivity_gap.max() < 1e-5


def test_nothing_can_be_set():
    e = make()
    with pytest.raises(dataclasses.FrozenInstanceError):
        e.method = "exact"
    with pytest.raises(dataclasses.FrozenInstanceError):
        e.something = 1
    with pytest.raises(TypeError):
        Explanation(e.values)


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))]
)
def test_copies_and_pickles_are_the_same_and_read_only(duplicate):
    e = make((2,), "ragged", output_names=["a", "b"])
    other = duplicate(e)
    assert_same(other, e)
    assert not any(getattr(other, name).flags.writeable for name in (*ARRAYS, "lengths"))


def test_full_lengths_are_none():
    assert make(lengths=np.full(N, STEPS)).lengths is None
    assert make(layout="ragged").lengths.dtype == np.int64
    assert make(layout="ragged")[[0, 3]].lengths is None


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"level": "pixel"}, "level must be one of"),
        ({"feature_names": ["a"]}, r"\(6, 4, 3\) and 1 names"),
        ({"data": np.zeros(N)}, "data must be a table or 3-D"),
        ({"values": np.zeros((N, STEPS))}, r"values must have shape \(6, 4, 3\).*Got \(6, 4\)"),
        ({"values": np.zeros((N + 1, STEPS, FEATURES))}, "values must have shape"),
        ({"base_values": 0.5 * np.ones(1)}, r"base_values must have shape \(6,\).*Got \(1,\)"),
        ({"output_values": np.zeros(N + 1)}, "output_values must have shape"),
        ({"standard_error": np.zeros(N)}, "standard_error must have shape"),
        ({"level": "group"}, "player_names must name the groups"),
        ({"player_names": ["a", "b"]}, "Got 2 names"),
        ({"output_names": ["a", "b"]}, "output_names must name outputs"),
        ({"lengths": np.array([4, 1])}, "lengths must be of shape"),
        ({"lengths": np.array([0, 4, 4, 4, 4, 4])}, "lengths must be from 1 to 4"),
        ({"lengths": np.array([5, 4, 4, 4, 4, 4])}, "lengths must be from 1 to 4"),
        ({"lengths": LENGTHS}, "data must be NaN at padding"),
        ({"lengths": LENGTHS, "data": fields(layout="ragged")["data"]}, "values must be 0 at pad"),
    ],
)
def test_fields_that_disagree_are_errors(changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)


FIRST_ONLY = np.where(np.arange(N) == 1, np.nan, 0.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": None}, "values must be an array of numbers"),
        ({"values": "many"}, "values must be an array of numbers.*values must be real numbers"),
        ({"data": [[1.0], [1.0, 2.0]]}, "data must be an array of numbers"),
        ({"data": np.zeros((N, 0, FEATURES))}, r"data must have time steps .*\(6, 0, 3\)"),
        ({"values": FIRST_ONLY[:, None, None] + np.zeros((N, STEPS, FEATURES))}, "nan in row 1"),
        ({"base_values": np.full(N, np.inf)}, "base_values must be finite. Got inf in row 0"),
        ({"base_values": FIRST_ONLY}, "or NaN throughout. Got NaN in row 1"),
        ({"lengths": np.full(N, 4.0)}, "lengths must be whole numbers. Got dtype float64"),
        ({"table_rows": np.zeros(N, int)}, r"table_rows must have shape \(6, 4\)"),
        ({"feature_names": 3}, "feature_names must be a sequence of names. Got 3"),
        ({"feature_names": "abc"}, "feature_names must be a sequence of names. Got 'abc'"),
        ({"player_names": []}, r"player_names must name players of shape \(4, 3\)"),
        ({"output_names": 3}, "output_names must be a sequence of names. Got 3"),
        ({"method": None}, "method must be a text. Got None"),
        ({"level": ["cell"]}, r"level must be a text. Got \['cell'\]"),
        ({"n_timesteps": True}, "n_timesteps must be an int that divides .* Got True"),
    ],
)
def test_fields_that_are_nonsense_are_errors(changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)


def test_a_table_has_no_lengths_and_its_steps_divide_the_columns():
    with pytest.raises(ValueError, match="None for a table"):
        make(layout="table", lengths=np.full(N, 3))
    for steps in (5, 0, -4, 4.0, "4"):
        with pytest.raises(
            ValueError, match=f"n_timesteps must be .* 12 columns of data. Got {steps!r}"
        ):
            make(layout="table", n_timesteps=steps)
    with pytest.raises(ValueError, match="n_timesteps=2 is not that of data"):
        make(n_timesteps=2)


@pytest.mark.parametrize("build", [tuple, iter, pd.Series, lambda names: np.array(names, object)])
def test_names_of_outputs_come_in_any_container(build):
    names = [["a", "b"], ["c", "d"]]
    found = make((2, 2), output_names=build(names)).output_names
    assert found == (("a", "b"), ("c", "d"))


@pytest.mark.parametrize(
    "names", [["a"], [["a", "b"]], [["a"], None], [None, None, None], "ab", 2, ["abc", "ab"]]
)
def test_names_of_outputs_fit_every_axis(names):
    with pytest.raises(ValueError, match="output_names must"):
        make((3, 2), output_names=names)


def test_names_of_players():
    assert make().player_names[:4] == ("temp[0]", "wind[0]", "rain[0]", "temp[1]")
    assert make(layout="table").player_names == tuple(COLUMNS)
    assert make(layout="steps").player_names == tuple(COLUMNS)
    assert make().by("feature").player_names == tuple(NAMES)
    assert make().by("timestep").player_names == ("step 0", "step 1", "step 2", "step 3")
    assert make(layout="steps").by("feature").player_names == ("x0", "x1", "x2")
    assert make(layout="steps").by("timestep").player_names == make().by("timestep").player_names
    assert make(layout="table").by("timestep").player_names == tuple(COLUMNS)


# Views


@pytest.mark.parametrize("layout", ["array", "ragged", "steps"])
@pytest.mark.parametrize("out", OUTS)
def test_views_are_sums_of_cells_with_the_same_total(out, layout):
    e = make(out, layout)
    cells = e.values.reshape(N, STEPS, FEATURES, *out)
    twins = {
        "feature": [sum(cells[:, t, f] for t in range(STEPS)) for f in range(FEATURES)],
        "timestep": [sum(cells[:, t, f] for f in range(FEATURES)) for t in range(STEPS)],
    }
    for level, twin in twins.items():
        view = e.by(level)
        assert view.level == level
        np.testing.assert_allclose(view.values, np.stack(twin, axis=1), atol=1e-14)
        assert view.additivity_gap.max() < 1e-14
        assert view.data.shape == e.data.shape
        assert view.derivation == (f"cells summed by {level}",)
        assert view.by(level) is view
        assert view[2].by(level).values.shape == (1, *view.values.shape[1:])
    assert e.by("cell") is e


@pytest.mark.parametrize("groups", [{"air": ["wind", 0], "water": [2]}, {1: [1, 2], 2: ["temp"]}])
def test_groups_of_features(groups):
    e = make((2,), "ragged")
    view = e.by(groups)
    features = e.by("feature").values
    position = {"temp": 0, "wind": 1, "rain": 2}
    for i, members in enumerate(groups.values()):
        expected = sum(features[:, position.get(member, member)] for member in members)
        np.testing.assert_allclose(view.values[:, i], expected, atol=1e-14)
    assert view.level == "group"
    assert view.player_names == tuple(map(str, groups))
    assert view.additivity_gap.max() < 1e-14


def test_groups_of_columns_of_a_table():
    e = make(layout="table")
    view = e.by({"first": COLUMNS[:3], "rest": range(3, 12)})
    np.testing.assert_allclose(view.values[:, 0], e.values[:, :3].sum(axis=1), atol=1e-14)
    assert view.additivity_gap.max() < 1e-14


def test_windows_and_parts_of_time():
    e = make()
    view = e.by(3)
    assert view.level == "group" and view.player_names == ("steps 0 to 2", "step 3")
    np.testing.assert_allclose(view.values[:, 0], e.values[:, :3].sum(axis=(1, 2)), atol=1e-14)
    np.testing.assert_array_equal(e.by("window").values, e.by(1).values)  # of four steps
    view = e.by(
        {
            "late": slice(2, 4),
            "early wind": (slice(2), "wind"),
            "rest": [(slice(2), 0), (slice(2), 2)],
        }
    )
    np.testing.assert_allclose(view.values[:, 1], e.values[:, :2, 1].sum(axis=1), atol=1e-14)
    assert view.additivity_gap.max() < 1e-14


def test_a_series_in_a_table_is_its_own_time_steps():
    e = make(layout="table")
    view = e.by("timestep")
    np.testing.assert_array_equal(view.values, e.values)
    with pytest.raises(ValueError, match="n_timesteps="):
        e.by("feature")


def test_the_error_of_a_sum_is_not_known():
    e = make(standard_error=np.ones((N, STEPS, FEATURES)))
    for view in (e.by("feature"), e.by("timestep"), e.by({"all": NAMES}), e.abs(), e.mean()):
        assert view.standard_error is None
    np.testing.assert_array_equal(e[2:4].standard_error, np.ones((2, STEPS, FEATURES)))


def test_fidelity_belongs_to_rows_and_outputs(tmp_path):
    fidelity = np.linspace(0.1, 0.9, 2 * N).reshape(N, 2)
    fidelity[3, 0] = np.nan
    e = make((2,), "ragged", local_fidelity=fidelity)
    with pytest.raises(ValueError, match="read-only"):
        e.local_fidelity[0] = 1
    np.testing.assert_array_equal(e[2:4].local_fidelity, fidelity[2:4])
    np.testing.assert_array_equal(e.output(1).local_fidelity, fidelity[:, 1])
    np.testing.assert_array_equal(e.by("feature").local_fidelity, fidelity)
    for other in (e.abs(), e.mean(), e.sum()):
        assert other.local_fidelity is None
    assert "local fidelity (R²): at least 0.1" in repr(e)
    assert "fidelity" not in repr(e[3].output(0)) and "fidelity" not in repr(make())
    e.save(tmp_path / "file")
    assert_same(Explanation.load(tmp_path / "file"), e)
    with pytest.raises(ValueError, match=r"local_fidelity must have shape \(6, 2\)"):
        make((2,), local_fidelity=fidelity[:, 0])


@pytest.mark.parametrize(
    "players, message",
    [
        ("features", "Got 'features'"),
        ("group", "Got 'group'"),
        (None, "Got None"),
        (0, "Got 0"),
        (["temp"], r"Got \['temp'\]"),
        ({}, "is in no group"),
        ({"a": NAMES, "b": []}, "group 'b' has no cells"),
        ({"a": ["temp", "wind"]}, "feature 'rain' is in no group"),
        ({"a": NAMES, "b": ["wind"]}, "'wind' of group 'b' is in another group"),
        ({"a": ["temp", "snow"]}, "'rain'.*Got 'snow'"),
        ({"a": [3]}, "Got 3"),
        ({"a": [True]}, "Got True"),
        ({1: ["temp"], "1": [1, 2]}, "the same name"),
    ],
)
def test_bad_players_of_a_view(players, message):
    with pytest.raises(ValueError, match=message):
        make().by(players)


def test_a_name_that_two_columns_have_is_refused_in_groups():
    e = make(feature_names=["a", "a", "b"])
    with pytest.raises(ValueError, match="Got 'a'"):
        e.by({"g": ["a", "b"]})
    assert e.by({"g": [0, 1, "b"]}).n_players == 1


def test_only_cells_can_be_summed():
    e = make(level="feature")
    with pytest.raises(ValueError, match=r"of features.*level='cell'"):
        e.by("timestep")
    with pytest.raises(ValueError, match=r"of features.*level='cell'"):
        e.by("cell")
    with pytest.raises(ValueError, match=r"of features.*level='cell'"):
        e.by({"all": NAMES})
    with pytest.raises(ValueError, match=r"of groups.*level='cell'"):
        make().by({"all": NAMES}).by("feature")


# Rows and outputs


@pytest.mark.parametrize(
    "rows, expected",
    [
        (2, [2]),
        (np.int64(-1), [5]),
        (slice(1, None, 2), [1, 3, 5]),
        ([3, 0, 3], [3, 0, 3]),
        ([], []),
        (np.array([1, 4]), [1, 4]),
        (LENGTHS == 4, [0, 3, 5]),
        ([True, False] * 3, [0, 2, 4]),
    ],
)
@pytest.mark.parametrize("layout", ["array", "ragged", "table", "steps"])
def test_rows(rows, expected, layout):
    e = make((2,), layout)
    part = e[rows]
    assert len(part) == len(expected)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(part, name), getattr(e, name)[expected])
        assert not getattr(part, name).flags.writeable
    assert part.player_names == e.player_names
    assert repr(part)
    if layout != "table":
        assert part.by("feature").values.shape == (len(expected), FEATURES, 2)


@pytest.mark.parametrize("rows", [N, -N - 1, (0, 1), "temp", None, 1.5, [True], True, [[0, 1]]])
def test_bad_rows(rows):
    with pytest.raises(IndexError):
        make()[rows]


def test_rows_can_be_iterated():
    e = make(layout="ragged")
    assert [row.output_values[0] for row in e] == e.output_values.tolist()


def test_an_output_by_position_or_name():
    e = make((3,), output_names=[7, 1, 0], standard_error=np.ones((N, STEPS, FEATURES, 3)))
    for which, k in ((0, 0), ("7", 0), (1, 1), ("1", 1), (-1, 2), ("0", 2), (np.int64(2), 2)):
        one = e.output(which)
        np.testing.assert_array_equal(one.values, e.values[..., k])
        np.testing.assert_array_equal(one.base_values, e.base_values[:, k])
        np.testing.assert_array_equal(one.output_values, e.output_values[:, k])
        assert one.standard_error.shape == one.values.shape
        assert one.output_names == (("7", "1", "0")[k],)


def test_an_output_of_several_axes():
    e = make((3, 2), output_names=[["a", "b", "c"], ["0.1", "0.9"]])
    one = e.output("b", "0.9")
    np.testing.assert_array_equal(one.values, e.values[..., 1, 1])
    assert one.output_names == ("b, 0.9",)
    part = e.output(2)
    np.testing.assert_array_equal(part.values, e.values[..., 2, :])
    assert part.output_names == ("0.1", "0.9")
    assert_same(part.output("0.1"), dataclasses.replace(e.output(2, 0), output_names=["0.1"]))
    three = make((2, 3, 2), output_names=[None, ["a", "b", "c"], None])
    assert three.output(1).output_names == (("a", "b", "c"), None)
    assert three.output(1, "a").output_names is None
    assert three.output(1, "a", 0).output_names == ("1, a, 0",)


@pytest.mark.parametrize(
    "which, message",
    [
        ((), "1 to 1 of the output axes"),
        ((0, 0), "1 to 1 of the output axes"),
        ((3,), "no single output 3. There are 3 outputs"),
        ((-4,), "no single output -4"),
        (("d",), r"no single output 'd'. The outputs are \('a', 'b', 'b'\)"),
        (("b",), "no single output 'b'"),
        ((None,), "no single output None"),
        ((True,), "no single output True"),
        ((1.0,), "no single output 1.0"),
    ],
)
def test_bad_outputs(which, message):
    with pytest.raises(ValueError, match=message):
        make((3,), output_names=["a", "b", "b"]).output(*which)


def test_outputs_without_a_choice():
    with pytest.raises(ValueError, match="has one output"):
        make().output(0)
    with pytest.raises(ValueError, match=r"no single output 'a'\. The outputs have no names"):
        make((3,)).output("a")


# Over rows


@pytest.mark.parametrize("out", OUTS)
def test_mean_and_sum_over_rows_add_up(out):
    e = make(out, "ragged")
    for result, operation in ((e.mean(), np.mean), (e.sum(), np.sum)):
        assert len(result) == 1
        np.testing.assert_allclose(result.values[0], operation(e.values, axis=0), atol=1e-14)
        np.testing.assert_allclose(result.base_values[0], operation(e.base_values, axis=0))
        np.testing.assert_allclose(result.output_values[0], operation(e.output_values, axis=0))
        assert result.additivity_gap.max() < 1e-13
        for t, f in np.ndindex(STEPS, FEATURES):
            real = [e.data[i, t, f] for i in range(N) if t < LENGTHS[i]]
            np.testing.assert_allclose(result.data[0, t, f], np.mean(real))
    assert e.mean().derivation == ("mean of 6 rows",)
    assert e.sum().derivation == ("sum of 6 rows",)


def test_rows_that_are_all_short_keep_their_padding():
    short = make(layout="ragged")[[1, 2, 4]].mean()
    np.testing.assert_array_equal(short.lengths, [3])
    assert np.isnan(short.data[0, 3]).all()
    assert not np.isnan(short.data[0, :3]).any()
    np.testing.assert_array_equal(short.values[0, 3], 0)


def test_global_importance():
    e = make((2,), output_names=["a", "b"])
    result = e.by("feature").abs().mean()
    np.testing.assert_allclose(result.values[0], np.abs(e.by("feature").values).mean(axis=0))
    assert np.isnan(result.base_values).all() and np.isnan(result.additivity_gap).all()
    np.testing.assert_allclose(result.output_values[0], e.output_values.mean(axis=0))
    assert result.derivation == ("cells summed by feature", "absolute values", "mean of 6 rows")
    frame = result.output("a").to_frame()
    assert frame.feature.tolist() == NAMES
    np.testing.assert_array_equal(frame.value, result.values[0, :, 0])


def sequence_outputs():
    """One output per time step, which ends where the sequence ends."""
    arguments = fields((STEPS,), "ragged")
    for row, length in enumerate(LENGTHS):
        arguments["values"][row, ..., length:] = 0
        arguments["base_values"][row, length:] = np.nan
        arguments["output_values"][row, length:] = np.nan
    return Explanation(**arguments)


def test_outputs_that_do_not_exist_are_left_out():
    e = sequence_outputs()
    assert np.nanmax(e.additivity_gap) < 1e-14
    mean = e.mean()
    for t in range(STEPS):
        reached = LENGTHS > t
        np.testing.assert_allclose(mean.values[0, ..., t], e.values[reached, ..., t].mean(axis=0))
        np.testing.assert_allclose(mean.output_values[0, t], e.output_values[reached, t].mean())
    assert mean.additivity_gap.max() < 1e-14
    assert e.sum().additivity_gap.max() < 1e-13
    frame = e.to_frame()
    assert len(frame) == sum(length * FEATURES * length for length in LENGTHS)
    assert "at most" in repr(e)
    short = e[1].mean()  # of which only the first output exists
    assert np.isnan(short.output_values).tolist() == [[False, True, True, True]]


@pytest.mark.parametrize("operation", ["mean", "sum"])
def test_there_must_be_rows(operation):
    with pytest.raises(ValueError, match=f"no rows to take the {operation} of"):
        getattr(make()[[]], operation)()


# Tables


@pytest.mark.parametrize("layout", ["array", "ragged"])
def test_frame_of_cells(layout):
    e = make((2,), layout, output_names=["a", "b"], standard_error=None)
    frame = e.to_frame()
    assert frame.columns.tolist() == ["sample", "timestep", "feature", "output", "value", "data"]
    twin = [
        (i, t, NAMES[f], "ab"[k], e.values[i, t, f, k], e.data[i, t, f])
        for i in range(N)
        for t in range(STEPS if e.lengths is None else e.lengths[i])
        for f in range(FEATURES)
        for k in range(2)
    ]
    assert list(frame.itertuples(index=False, name=None)) == twin


def test_frame_of_a_table_and_of_views():
    e = make(layout="steps", standard_error=np.full((N, 12), 0.5))
    frame = e.to_frame()
    assert frame.columns.tolist() == ["sample", "feature", "value", "data", "standard_error"]
    assert frame.feature[:12].tolist() == COLUMNS
    np.testing.assert_array_equal(frame.data, e.data.ravel())
    assert set(frame.standard_error) == {0.5}
    assert e.by("feature").to_frame().feature[:3].tolist() == ["x0", "x1", "x2"]
    steps = e.by("timestep").to_frame()
    assert steps.columns.tolist() == ["sample", "timestep", "value", "data"]
    assert steps.timestep[:5].tolist() == [0, 1, 2, 3, 0]
    groups = make().by({"g": [0, 1], "h": [2]}).to_frame()
    assert groups.columns.tolist() == ["sample", "group", "value"]
    assert groups.group[:2].tolist() == ["g", "h"]


def test_frame_of_several_output_axes():
    e = make((3, 2), output_names=[None, ["low", "high"]], level="feature")
    frame = e.to_frame()
    assert frame.columns.tolist()[2:4] == ["output_0", "output_1"]
    line = frame[(frame["sample"] == 4) & (frame.feature == "rain")]
    line = line[(line.output_0 == 1) & (line.output_1 == "high")]
    assert line.value.tolist() == [e.values[4, 2, 1, 1]]
    assert make((2,)).to_frame().output[:2].tolist() == [0, 1]


def test_frame_of_time_steps_leaves_padding_out():
    frame = make(layout="ragged").by("timestep").to_frame()
    assert len(frame) == LENGTHS.sum()
    assert not frame.data.isna().any()
    assert len(make(layout="ragged").by("feature").to_frame()) == N * FEATURES


def test_frame_needs_pandas(monkeypatch):
    real = builtins.__import__

    def absent(name, *args, **kwargs):
        if name.split(".")[0] == "pandas":
            raise ModuleNotFoundError("No module named 'pandas'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(ImportError, match="to_frame requires pandas"):
        make().to_frame()


# shap


@pytest.mark.parametrize("layout", ["array", "ragged", "table", "steps"])
@pytest.mark.parametrize("out", OUTS)
def test_shap_has_one_flat_axis_of_players(out, layout):
    e = make(out, layout)
    s = e.to_shap()
    players = STEPS * FEATURES
    assert s.values.shape == (N, players, *out)
    assert s.base_values.shape == (N, *out)
    assert s.data.shape == (N, players)
    assert list(s.feature_names) == list(e.player_names)
    np.testing.assert_array_equal(s.values.reshape(e.values.shape), e.values)
    np.testing.assert_array_equal(s.data.reshape(e.data.shape), e.data)
    total = s.base_values + s.values.sum(axis=1)
    np.testing.assert_allclose(total, e.output_values, atol=1e-13)
    assert s.values.flags.writeable  # a copy, which is the caller's


@pytest.mark.parametrize("out", [(2,), (2, 2)])
def test_shap_chooses_rows_and_outputs(out):
    e = make(out, level="feature", output_names=["a", "b"] if len(out) == 1 else None)
    last = (-1,) * len(out)
    one = e.to_shap()[(slice(1, 3), ..., *(1,) * len(out))]
    np.testing.assert_array_equal(one.values, e.values[(slice(1, 3), ..., *last)])
    np.testing.assert_array_equal(one.base_values, e.base_values[(slice(1, 3), *last)])
    if len(out) == 1:
        np.testing.assert_array_equal(e.to_shap()[:, :, "a"].values, e.values[..., 0])


def test_shap_data_of_views():
    e = make(layout="ragged")
    features = e.by("feature").to_shap().data
    steps = e.by("timestep").to_shap().data
    for i, length in enumerate(LENGTHS):
        np.testing.assert_allclose(features[i], e.data[i, :length].mean(axis=0))
        np.testing.assert_allclose(steps[i, :length], e.data[i, :length].mean(axis=1))
        assert np.isnan(steps[i, length:]).all()
    flat = make(layout="steps")
    np.testing.assert_allclose(
        flat.by("feature").to_shap().data, flat.data.reshape(N, STEPS, FEATURES).mean(axis=1)
    )
    groups = make((2,)).by({"air": [0, 1], "water": [2]}).to_shap()
    assert groups.data is None
    assert groups[..., 1].values.shape == (N, 2)
    series = make(layout="table").by("timestep")
    np.testing.assert_array_equal(series.to_shap().data, series.data)


PLOTS = {
    "beeswarm": lambda plots, s: plots.beeswarm(s, show=False),
    "bar": lambda plots, s: plots.bar(s, show=False),
    "bar of a row": lambda plots, s: plots.bar(s[0], show=False),
    "violin": lambda plots, s: plots.violin(s, show=False),
    "heatmap": lambda plots, s: plots.heatmap(s, show=False),
    "waterfall": lambda plots, s: plots.waterfall(s[0], show=False),
    "scatter": lambda plots, s: plots.scatter(s[:, 1], show=False),
    "decision": lambda plots, s: plots.decision(
        s.base_values[0], s.values, features=s.data, feature_names=list(s.feature_names), show=False
    ),
}
VIEWS = {
    "cells": lambda: make(),
    "padded cells": lambda: make(layout="ragged"),
    "columns": lambda: make(layout="table"),
    "features": lambda: make(layout="ragged").by("feature"),
    "time steps": lambda: make(layout="ragged").by("timestep"),
    "groups": lambda: make().by({"air": [0, 1], "water": [2]}),
    "one class": lambda: make((3,), output_names=["a", "b", "c"]).output("b"),
}


@pytest.fixture
def figures(monkeypatch):
    """Matplotlib that draws nowhere, without figures of other tests."""
    matplotlib.use("Agg")
    from matplotlib import pyplot

    pyplot.close("all")
    yield pyplot
    pyplot.close("all")


@pytest.mark.parametrize(
    "plot, view",
    # A group has no value to scatter against.
    [pair for pair in itertools.product(PLOTS, VIEWS) if pair != ("scatter", "groups")],
)
def test_shap_plots(figures, plot, view):
    import shap

    state = np.random.get_state()
    try:
        PLOTS[plot](shap.plots, VIEWS[view]().to_shap())
        figures.gcf().canvas.draw()
    finally:
        np.random.set_state(state)
    assert figures.get_fignums()


# Files


@pytest.mark.parametrize("layout", ["array", "ragged", "table", "steps"])
@pytest.mark.parametrize("out", OUTS)
def test_a_saved_explanation_is_the_same(tmp_path, out, layout):
    e = make(out, layout)
    e = dataclasses.replace(e, standard_error=np.abs(e.values))
    for number, view in enumerate((e, e.by("timestep"), e.abs().mean(), e[[]])):
        path = tmp_path / str(number)
        view.save(path)
        other = Explanation.load(path)
        assert_same(other, view)
        assert repr(other) == repr(view)
        assert not any(getattr(other, name).flags.writeable for name in ARRAYS)


def test_names_of_any_script_are_saved(tmp_path):
    e = make((3, 2), feature_names=["é", "温度", ""], output_names=[None, ["a", "\x00"]])
    e.save(str(tmp_path / "e.npz"))
    assert_same(Explanation.load(str(tmp_path / "e.npz")), e)
    assert [path.name for path in tmp_path.iterdir()] == ["e.npz"]


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "e.npz"
    make().save(path)
    before = path.read_bytes()

    def fail(file, **arrays):
        file.write(b"half")
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", fail)
        with pytest.raises(OSError, match="No space left"):
            make(seed=1).save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    make(seed=1).save(path)
    assert_same(Explanation.load(path), make(seed=1))


def test_files_that_cannot_be_opened(tmp_path):
    with pytest.raises(FileNotFoundError):
        Explanation.load(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        make().save(tmp_path / "none" / "e.npz")


def saved():
    """Members of a good file."""
    stream = io.BytesIO()
    arguments = fields((2,), "ragged")
    header = {"format": "sklstm.Explanation", "version": 1}
    texts = ("response_method", "level", "method", "feature_names")
    header |= {name: arguments[name] for name in texts}
    arrays = {k: v for k, v in arguments.items() if isinstance(v, np.ndarray)}
    np.savez(stream, header=np.array(json.dumps(header)), **arrays)
    return stream.getvalue(), header, arrays


def with_header(**changes):
    _, header, arrays = saved()
    return header | changes, arrays


def without(name):
    _, header, arrays = saved()
    header.pop(name, None)
    arrays.pop(name, None)
    return header, arrays


def with_array(name, array):
    _, header, arrays = saved()
    return header, arrays | {name: array}


def claim(size):
    """A file whose values say that they are ``size`` numbers, and are none."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(saved()[0])) as old, zipfile.ZipFile(stream, "w") as new:
        for name in old.namelist():
            member = io.BytesIO(old.read(name))
            if name == "values.npy":
                shape = {"descr": "<f8", "fortran_order": False, "shape": (size,)}
                member = io.BytesIO()
                np.lib.format.write_array_header_1_0(member, shape)
            new.writestr(name, member.getvalue())
    return stream.getvalue()


def compressed():
    stream = io.BytesIO()
    _, header, arrays = saved()
    np.savez_compressed(stream, header=np.array(json.dumps(header)), **arrays)
    return stream.getvalue()


def single_array():
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    return stream.getvalue()


HOSTILE = {
    "empty": lambda: b"",
    "text": lambda: b"sample,value\n0,1\n",
    "pickle": lambda: pickle.dumps({"values": 1}),
    "one array": single_array,
    "empty zip": lambda: b"PK\x05\x06" + bytes(18),
    "truncated": lambda: saved()[0][:-200],
    "cut in an array": lambda: saved()[0].replace(b"values.npy", b"valves.npy"),
    "compressed": compressed,
    "large claim": lambda: claim(2**30),
    "huge claim": lambda: claim(2**50),
    "no header": lambda: ("none", saved()[2]),
    "header is no JSON": lambda: ("{", saved()[2]),
    "header is a list": lambda: ("[]", saved()[2]),
    "deep header": lambda: ("[" * 200_000, saved()[2]),
    "another format": lambda: with_header(format="x"),
    "later version": lambda: with_header(version=2),
    "no version": lambda: with_header(version=None),
    "unknown field": lambda: with_header(colour="red"),
    "unknown array": lambda: with_array("colour", np.zeros(2)),
    "method is a number": lambda: with_header(method=3),
    "unknown level": lambda: with_header(level="pixel"),
    "names are a number": lambda: with_header(feature_names=3),
    "too few names": lambda: with_header(feature_names=["a"]),
    "steps are a text": lambda: with_header(n_timesteps={}),
    "output names are nested": lambda: with_header(output_names=[["a"], ["b"], ["c"]]),
    "objects": lambda: with_array("values", np.array([{}], dtype=object)),
    "texts for numbers": lambda: with_array("base_values", np.array([["1", "2"]] * N)),
    "complex": lambda: with_array("base_values", np.ones((N, 2), dtype=complex)),
    "float lengths": lambda: with_array("lengths", LENGTHS + 0.0),
    "wrong lengths": lambda: with_array("lengths", LENGTHS + 1),
    "wrong shape": lambda: with_array("values", np.zeros((N, 2))),
    "a scalar": lambda: with_array("data", np.array(1.0)),
    **{f"without {name}": lambda name=name: without(name) for name in ("values", "data", "method")},
}


def test_the_good_file_is_good(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(saved()[0])
    assert_same(Explanation.load(path), make((2,), "ragged"))


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_a_value_error(tmp_path, kind):
    content = HOSTILE[kind]()
    path = tmp_path / "file.npz"
    if isinstance(content, tuple):
        header, arrays = content
        if header != "none":
            text = header if isinstance(header, str) else json.dumps(header)
            arrays = arrays | {"header": np.array(text)}
        with open(path, "wb") as file:
            np.savez(file, **arrays)
    else:
        path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=r"file.npz' is not a saved Explanation: ."):
            Explanation.load(path)


# Text


def test_repr():
    arguments = fields(
        (3,), "ragged", output_names=["a", "b", "c"], response_method="predict_proba"
    )
    arguments["output_values"][1, 1] += 0.5
    e = Explanation(**arguments, standard_error=np.full(arguments["values"].shape, 0.125))
    size = np.abs(e.values).mean(axis=(0, 3))
    step, feature = np.unravel_index(size.argmax(), size.shape)
    lines = repr(e).split("\n  ")
    assert lines[:4] == [
        "Explanation of 6 rows: method='deep', level='cell', response_method='predict_proba'",
        "values (6, 4, 3, 3): 1–4 time steps × 3 features, 3 outputs (a, b, c)",
        "additivity gap: at most 0.5",
        "standard error: at most 0.12",
    ]
    assert lines[4].startswith(f"largest mean |value|: {NAMES[feature]}[{step}] {size.max():.3g}, ")


def test_repr_of_other_shapes():
    assert "12 columns, one output" in repr(make(layout="table"))
    assert "3 features, outputs (3, 2)" in repr(make((3, 2), level="feature"))
    assert "4 time steps, 7 outputs\n" in repr(make((7,)).by("timestep"))
    assert "7 outputs (0, 1, 2, 3, 4, …)" in repr(make((7,), output_names=range(7)))
    text = repr(make((2,), output_names=["a", "b"]).output("b").abs().mean())
    assert text.startswith("Explanation of 1 row: ")
    assert "output b\n" in text
    assert "derived: absolute values, then mean of 6 rows" in text
    assert "additivity gap: none" in text


def test_no_rows_are_told_from_values_that_do_not_add_up():
    assert "gap: none, there are no rows" in repr(make()[:0])
    assert "gap: none, the values do not add up" in repr(make().abs())


def test_groups_know_their_cells(tmp_path):
    e = make((2,))
    shape = e.data.shape[1:]
    assert e.player_of_cell is None and e.by("feature").player_of_cell is None
    groups = e.by({"first": slice(0, 1), "rest": slice(1, None)})
    expected = np.ones(shape, dtype=int)
    expected[0] = 0
    groups.save(tmp_path / "groups.npz")
    copies = groups, groups[1:3], groups.abs().mean(), pickle.loads(pickle.dumps(groups))
    for one in (*copies, groups.output(1), Explanation.load(tmp_path / "groups.npz")):
        np.testing.assert_array_equal(one.player_of_cell, expected)
    with pytest.raises(ValueError, match="read-only"):
        groups.player_of_cell[0] = 1
    for cells, message in (
        (expected[:1], "player_of_cell must number the groups"),
        (expected + 1, "player_of_cell has the group 2, which has no name"),
    ):
        with pytest.raises(ValueError, match=message):
            groups._replace(player_of_cell=cells)
