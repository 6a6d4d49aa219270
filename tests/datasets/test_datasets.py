"""The loaders return the embedded data as their descriptions state them."""

import inspect
import io
import re
import subprocess
import sys
import zipfile
from importlib.resources import files

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sklstm import datasets
from sklstm.datasets import (
    load_el_nino,
    load_japanese_vowels,
    load_mauna_loa_co2,
    load_nyc_weather,
    load_seattle_weather,
    load_sunspots,
)

ROOT = files("sklstm.datasets")
PUBLIC = [getattr(datasets, name) for name in datasets.__all__ if name.startswith("load_")]

# loader: shape, first and last time stamp, split, columns
SERIES = {
    load_nyc_weather: (
        (8730, 9),
        ("2013-01-01T01", "2013-12-30T18"),
        (6111, 6984, 8730),
        "temp dewp humid wind_dir wind_speed wind_gust precip pressure visib",
    ),
    load_el_nino: ((732, 1), ("1950-01", "2010-12"), (512, 585, 732), "sst"),
    load_mauna_loa_co2: ((2284, 1), ("1958-03-29", "2001-12-29"), (1598, 1827, 2284), "co2"),
    load_sunspots: ((309, 1), ("1700", "2008"), (216, 247, 309), "SUNACTIVITY"),
    load_seattle_weather: (
        (1461, 4),
        ("2012-01-01", "2015-12-31"),
        (1022, 1168, 1461),
        "precipitation temp_max temp_min wind",
    ),
}
series = pytest.mark.parametrize("load", SERIES, ids=lambda load: load.__name__)
every = pytest.mark.parametrize("load", PUBLIC, ids=lambda load: load.__name__)


# ---------------------------------------------------------------- all loaders


@every
def test_descr_names_source_licence_and_missing_values(load):
    descr = load().DESCR
    licence = {load_japanese_vowels: "CC BY 4.0", load_nyc_weather: "CC0"}
    stated = re.search(r"\*\*Licence:\*\* (.*?)\n\n", descr, re.DOTALL).group(1)
    assert licence.get(load, "public domain") in stated
    assert "**Source:**" in descr
    assert "**Split:**" in descr
    assert ":Missing values:" in descr
    assert ".. rubric:: References" in descr
    assert licence.get(load, "public domain") in inspect.getdoc(load)


@every
def test_descr_names_every_column(load):
    bunch = load()
    named = bunch.feature_names
    if load is load_japanese_vowels:
        named = [named[0], named[-1]]
    assert all(name in bunch.DESCR for name in named)


def test_data_files_are_those_listed():
    stems = {
        "ElNinoSST",
        "JapaneseVowels",
        "MaunaLoaCO2",
        "NYCWeatherJFK",
        "SeattleWeatherDaily",
        "YearlySunspots",
    }
    assert {file.name for file in (ROOT / "data").iterdir()} == {f"{s}.npz" for s in stems}
    assert {file.name for file in (ROOT / "descr").iterdir()} == {f"{s}.rst" for s in stems}
    for folder in ("data", "descr"):
        for file in (ROOT / folder).iterdir():
            assert len(file.read_bytes()) < 1_000_000, file.name


def test_data_files_hold_no_pickles():
    for file in (ROOT / "data").iterdir():
        with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as archive:
            assert all(archive[key].dtype != object for key in archive.files)


@every
def test_each_call_returns_new_writable_arrays(load):
    spoiled, expected = load(), load()
    arrays = {key: value for key, value in spoiled.items() if isinstance(value, np.ndarray)}
    assert {"data"} < set(arrays)
    for key, array in arrays.items():
        array[...] = np.zeros((), dtype=array.dtype)
        # Fails if the two calls share the array, so the comparison below is real.
        assert not np.array_equal(array, expected[key]), key
    spoiled.feature_names.clear()

    again = load()
    for key in arrays:
        assert_array_equal(again[key], expected[key])
    assert again.feature_names == expected.feature_names != []


def test_loads_from_a_zipped_package(tmp_path):
    archive = tmp_path / "package.zip"
    with zipfile.ZipFile(archive, "w") as package:
        package.writestr("sklstm/__init__.py", "")
        for folder in ("", "data", "descr"):
            for file in (ROOT / folder).iterdir() if folder else ROOT.iterdir():
                if file.is_file():
                    name = "/".join(filter(None, ("sklstm/datasets", folder, file.name)))
                    package.writestr(name, file.read_bytes())
    code = (
        f"import sys; sys.path.insert(0, {str(archive)!r})\n"
        "from sklstm import datasets\n"
        "assert 'package.zip' in datasets.__file__, datasets.__file__\n"
        f"names = {[load.__name__ for load in PUBLIC]}\n"
        "print([getattr(datasets, name)().data.shape for name in names])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == (
        "[(732, 1), (270, 29, 12), (2284, 1), (8730, 9), (1461, 4), (309, 1)]"
    )


# ------------------------------------------------------------ Japanese vowels


@pytest.mark.parametrize(
    ("subset", "n_samples", "longest", "n_frames"),
    [("train", 270, 26, 4274), ("test", 370, 29, 5687), ("all", 640, 29, 9961)],
)
def test_vowels_shapes(subset, n_samples, longest, n_frames):
    bunch = load_japanese_vowels(subset=subset)
    assert bunch.data.shape == (n_samples, 29, 12)
    assert bunch.data.dtype == np.float32
    assert bunch.target.shape == (n_samples,)
    assert bunch.lengths.shape == (n_samples,)
    assert bunch.lengths.min() == 7
    assert bunch.lengths.max() == longest
    assert bunch.lengths.sum() == n_frames
    assert len(bunch.feature_names) == len(set(bunch.feature_names)) == 12


def test_vowels_counts_per_speaker():
    speakers = [str(k) for k in range(1, 10)]
    expected = {"train": [30] * 9, "test": [31, 35, 88, 44, 29, 24, 40, 50, 29]}
    for subset, counts in expected.items():
        bunch = load_japanese_vowels(subset=subset)
        assert bunch.target.dtype.kind == "U"
        assert bunch.target_names.tolist() == speakers
        names, found = np.unique(bunch.target, return_counts=True)
        assert names.tolist() == speakers
        assert found.tolist() == counts


def test_vowels_known_values():
    train, _ = load_japanese_vowels(return_X_y=True)
    test, _ = load_japanese_vowels(return_X_y=True, subset="test")
    assert_array_equal(train[0, 0, :3], np.float32([1.860936, -0.207383, 0.261557]))
    assert_array_equal(test[0, 0, :3], np.float32([1.635533, 0.024848, 0.432087]))


def test_vowels_default_is_the_training_part():
    X, y = load_japanese_vowels(return_X_y=True)
    bunch = load_japanese_vowels(subset="train")
    assert_array_equal(X, bunch.data)
    assert_array_equal(y, bunch.target)


def test_vowels_all_is_train_then_test():
    train, test, both = (load_japanese_vowels(subset=part) for part in ("train", "test", "all"))
    for key in ("data", "target", "lengths"):
        assert_array_equal(both[key], np.concatenate([train[key], test[key]]))


def test_vowels_nan_is_padding_at_the_end_only():
    bunch = load_japanese_vowels(subset="all")
    padded = np.arange(29) >= bunch.lengths[:, None]
    assert_array_equal(np.isnan(bunch.data), np.repeat(padded[:, :, None], 12, axis=2))


def test_vowels_ragged_and_padded_agree():
    padded = load_japanese_vowels(subset="all")
    ragged = load_japanese_vowels(subset="all", ragged=True)
    assert ragged.data.dtype == object
    assert ragged.data.shape == (640,)
    assert_array_equal(ragged.target, padded.target)
    for sample, row, length in zip(ragged.data, padded.data, ragged.lengths, strict=True):
        assert sample.shape == (length, 12)
        assert sample.dtype == np.float32
        assert sample.base is None
        assert_array_equal(sample, row[:length])


def test_vowels_ragged_return_X_y():
    X, y = load_japanese_vowels(return_X_y=True, ragged=True)
    assert [sample.shape for sample in X[:5]] == [(20, 12), (26, 12), (22, 12), (20, 12), (21, 12)]
    assert y[:5].tolist() == ["1"] * 5


@pytest.mark.parametrize("ragged", [False, True])
def test_vowels_survive_train_test_split(ragged):
    from sklearn.model_selection import train_test_split

    X, y = load_japanese_vowels(return_X_y=True, ragged=ragged)
    X_train, X_test, y_train, _ = train_test_split(X, y, stratify=y, random_state=0)
    assert (len(X_train), len(X_test)) == (202, 68)
    assert set(y_train) == set(y)


@pytest.mark.parametrize("subset", ["x", "Train", None, 0, ("train",), np.array(["train", "test"])])
def test_vowels_bad_subset(subset):
    message = (
        "The 'subset' parameter of load_japanese_vowels must be one of "
        f"{{'train', 'test', 'all'}}. Got {subset!r} instead."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        load_japanese_vowels(subset=subset)


@pytest.mark.parametrize("parameter", ["return_X_y", "ragged"])
@pytest.mark.parametrize("value", [1, "yes", None])
def test_vowels_bad_flag(parameter, value):
    message = (
        f"The '{parameter}' parameter of load_japanese_vowels must be True or False. "
        f"Got {value!r} instead."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        load_japanese_vowels(**{parameter: value})


# --------------------------------------------------------------------- series


@series
def test_series_contents(load):
    shape, (first, last), split, columns = SERIES[load]
    bunch = load()
    assert bunch.data.shape == shape
    assert bunch.data.dtype == np.float32
    assert bunch.feature_names == columns.split()
    assert bunch.timestamps.shape == shape[:1]
    assert (str(bunch.timestamps[0]), str(bunch.timestamps[-1])) == (first, last)
    assert bunch.split == split
    assert bunch.frame is None


@series
def test_series_steps_are_equal(load):
    unit, step = {
        load_nyc_weather: ("h", 1),
        load_el_nino: ("M", 1),
        load_mauna_loa_co2: ("D", 7),
        load_sunspots: ("Y", 1),
        load_seattle_weather: ("D", 1),
    }[load]
    timestamps = load().timestamps
    assert timestamps.dtype == np.dtype(f"datetime64[{unit}]")
    assert np.unique(np.diff(timestamps)).tolist() == [np.timedelta64(step, unit).item()]


@series
def test_series_split_is_in_the_docstring(load):
    assert f"``{SERIES[load][2]}``" in inspect.getdoc(load)


def test_nyc_weather_missing_values():
    bunch = load_nyc_weather()
    missing = np.isnan(bunch.data)
    assert np.count_nonzero(missing.any(axis=1)) == 7331
    assert np.count_nonzero(missing.all(axis=1)) == 25
    assert dict(zip(bunch.feature_names, missing.sum(axis=0).tolist(), strict=True)) == {
        "temp": 25,
        "dewp": 25,
        "humid": 25,
        "wind_dir": 76,
        "wind_speed": 28,
        "wind_gust": 7223,
        "precip": 25,
        "pressure": 856,
        "visib": 25,
    }
    gust = bunch.feature_names.index("wind_gust")
    assert np.count_nonzero(np.delete(missing, gust, axis=1).any(axis=1)) == 901
    skipped = bunch.timestamps == np.datetime64("2013-03-10T02")
    assert missing[skipped].all()


def test_nyc_weather_known_values():
    bunch = load_nyc_weather()
    assert_array_equal(bunch.data[0, :5], np.float32([39.02, 26.06, 59.37, 260, 12.65858]))
    outlier = int(np.flatnonzero(bunch.timestamps == np.datetime64("2013-05-08T22"))[0])
    assert_array_equal(
        bunch.data[outlier - 1 : outlier + 2, 0], np.float32([57.02, 13.1, 57.200001])
    )


def test_nyc_weather_ranges_fit_the_units():
    bunch = load_nyc_weather()
    low, high = np.nanmin(bunch.data, axis=0), np.nanmax(bunch.data, axis=0)
    ranges = {
        name: (float(a), float(b))
        for name, a, b in zip(bunch.feature_names, low, high, strict=True)
    }
    assert ranges["temp"][1] == pytest.approx(98.06)  # °F: no such air temperature in °C
    assert ranges["humid"][1] == 100
    assert ranges["wind_dir"] == (0, 360)
    assert 950 < ranges["pressure"][0] < ranges["pressure"][1] < 1060
    assert ranges["visib"][1] == 10


def test_el_nino_known_values():
    data = load_el_nino().data[:, 0]
    assert_array_equal(data[:6], np.float32([23.11, 24.2, 25.37, 23.86, 23.03, 21.57]))
    assert data[-1] == np.float32(22.07)
    assert not np.isnan(data).any()


def test_mauna_loa_known_values_and_gaps():
    bunch = load_mauna_loa_co2()
    data = bunch.data[:, 0]
    assert_array_equal(
        data[:8], np.float32([316.1, 317.3, 317.6, 317.5, 316.4, 316.9, np.nan, 317.5])
    )
    assert data[-1] == np.float32(371.5)
    gaps = np.flatnonzero(np.isnan(data))
    assert len(gaps) == 59
    assert gaps[-1] < bunch.split[0]
    assert str(bunch.timestamps[gaps[-1]]) == "1985-08-03"
    runs = np.split(gaps, np.flatnonzero(np.diff(gaps) > 1) + 1)
    longest = max(runs, key=len)
    assert len(longest) == 18
    assert str(bunch.timestamps[longest[0]]) == "1964-01-25"


def test_sunspots_known_values():
    bunch = load_sunspots()
    data = bunch.data[:, 0]
    assert data[:6].tolist() == [5, 11, 16, 23, 36, 58]
    assert data[-1] == np.float32(2.9)
    peak = int(data.argmax())
    assert (str(bunch.timestamps[peak]), data[peak]) == ("1957", np.float32(190.2))
    assert peak >= bunch.split[1]
    assert not np.isnan(data).any()


def test_seattle_known_values():
    data = load_seattle_weather().data
    assert_array_equal(data[:2], np.float32([[0, 12.8, 5, 4.7], [10.9, 10.6, 2.8, 4.5]]))
    assert not np.isnan(data).any()
    assert (data[:, 2] <= data[:, 1]).all()


# --------------------------------------------------------------------- frames


@series
def test_frame_holds_the_same_numbers(load):
    pd = pytest.importorskip("pandas")
    bunch, plain = load(as_frame=True), load()
    assert bunch.data is bunch.frame
    assert isinstance(bunch.frame, pd.DataFrame)
    assert isinstance(bunch.frame.index, pd.DatetimeIndex)
    assert bunch.frame.index.is_monotonic_increasing
    assert bunch.frame.index.is_unique
    assert_array_equal(bunch.frame.index.to_numpy(), plain.timestamps)
    assert bunch.frame.columns.tolist() == plain.feature_names
    assert (bunch.frame.dtypes == np.float32).all()
    assert_array_equal(bunch.frame.to_numpy(), plain.data)
    assert_array_equal(bunch.timestamps, plain.timestamps)
    assert bunch.split == plain.split


def test_frame_is_new_in_each_call():
    pytest.importorskip("pandas")
    first = load_seattle_weather(as_frame=True).frame
    first.iloc[:, :] = 0
    assert load_seattle_weather(as_frame=True).frame.iloc[0, 1] == np.float32(12.8)


def test_frame_of_weather_after_the_usual_cleaning():
    pd = pytest.importorskip("pandas")
    frame = load_nyc_weather(as_frame=True).frame.drop(columns="wind_gust").ffill().dropna()
    assert frame.shape == (8730, 8)
    assert frame["temp"].iloc[0] == np.float32(39.02)
    # The hour missing whole takes the values of the hour before it.
    before, skipped = pd.Timestamp("2013-03-10 01:00"), pd.Timestamp("2013-03-10 02:00")
    assert frame.loc[skipped].equals(frame.loc[before])


@series
def test_frame_needs_pandas(load, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=rf"{load.__name__} with as_frame=True requires pandas"):
        load(as_frame=True)
    assert load().frame is None


@series
def test_series_bad_flag(load):
    message = (
        f"The 'as_frame' parameter of {load.__name__} must be True or False. Got 'yes' instead."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        load(as_frame="yes")


@series
def test_series_have_no_target(load):
    assert list(inspect.signature(load).parameters) == ["as_frame"]
    assert "target" not in load()
