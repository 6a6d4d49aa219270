"""The data sets of accuracy.py: real ones with fixed splits, ready for ``fit`` and ``score``."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedShuffleSplit

from sklstm.datasets import (
    load_el_nino,
    load_japanese_vowels,
    load_mauna_loa_co2,
    load_nyc_weather,
    load_seattle_weather,
    load_sunspots,
)
from sklstm.preprocessing import make_windows

# Train on this many digits: the split falls between two writers.
DIGITS_TRAIN = 1200
WEATHER = ["temp", "dewp", "humid", "pressure", "wind_speed"]
BIKES = ["cnt", "hr", "workingday", "temp", "hum", "weathersit"]


@dataclass(frozen=True)
class Split:
    """Training and test part; X has shape (n, n_timesteps, n_features), padding is NaN."""

    X_train: np.ndarray
    y_train: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray


@dataclass(frozen=True)
class DataSet:
    """A name, what is measured, and one split or several whose scores are averaged."""

    name: str
    metric: str  # "accuracy" or "RMSE"
    splits: Callable[[], list[Split]]


def vowels():
    """Nine speakers, 270 / 370 utterances of 7 to 29 steps x 12; the official split."""
    parts = [load_japanese_vowels(return_X_y=True, subset=part) for part in ("train", "test")]
    return [Split(*parts[0], *parts[1])]


def digits():
    """Images of 8 x 8 pixels, read row by row."""
    X, y = load_digits(return_X_y=True)
    X = X.reshape(-1, 8, 8)
    return [Split(X[:DIGITS_TRAIN], y[:DIGITS_TRAIN], X[DIGITS_TRAIN:], y[DIGITS_TRAIN:])]


def forecast(load, columns, lookback, ahead, change=False):
    """Windows of a shipped series; targets ``ahead`` rows after them, see ``windows``."""
    bunch = load(as_frame=True)
    table = bunch.frame[columns].ffill()
    return windows(table.to_numpy(), lookback, ahead, bunch.split, change)


def windows(table, lookback, ahead, split, change=False):
    """Forecast column 0: train on all before the test part, test on every target inside it.

    With ``change`` the last value is taken from the column's window and from the target: the
    model sees and predicts changes, and a trend is gone. The errors are the same numbers.
    """
    X, y, last = make_windows(table, lookback, ahead, target=0)
    y = y if ahead == 1 else y[:, -1]
    if change:
        level = table[last, 0]
        X = X - level[:, None, None] * (np.arange(X.shape[2]) == 0)
        y = y - level
    test = last + ahead >= split[1]
    return [Split(X[~test], y[~test], X[test], y[test])]


def read(folder, name):
    """Arrays of a file that is not part of the project."""
    return np.load(Path(folder) / f"{name}.npz")


def pen_digits(folder):
    """Ten digits written on a tablet, 7494 / 3498 strokes of 8 steps x 2; the official split."""
    arrays = read(folder, "PenDigits")
    return [Split(*(arrays[name] for name in ("X_train", "y_train", "X_test", "y_test")))]


def promoters(folder):
    """106 DNA sequences of 57 one-hot letters; 10 random splits that leave 10 out each."""
    arrays = read(folder, "PromotersEcoli106")
    X = np.concatenate([arrays["X_train"], arrays["X_test"]])
    y = np.concatenate([arrays["y_train"], arrays["y_test"]])
    cv = StratifiedShuffleSplit(10, test_size=10, random_state=0)
    return [Split(X[train], y[train], X[test], y[test]) for train, test in cv.split(X, y)]


def bikes(folder):
    """Bicycles hired in the next hour, from 24 hours of hires, calendar and weather."""
    arrays = read(folder, "BikeSharingHour")
    columns = [arrays["columns"].tolist().index(name) for name in BIKES]
    return windows(arrays["series"][:, columns], 24, 1, arrays["split"])


def shipped():
    """The sets that come with sklstm and scikit-learn."""
    weather = partial(forecast, load_nyc_weather, WEATHER, 48)
    el_nino = partial(forecast, load_el_nino, ["sst"], 24)
    co2 = partial(forecast, load_mauna_loa_co2, ["co2"], 104)
    seattle = ["temp_max", "temp_min", "precipitation", "wind"]
    return {
        "vowels": DataSet("Japanese vowels", "accuracy", vowels),
        "digits": DataSet("Digits, row by row", "accuracy", digits),
        "weather1": DataSet("NYC temperature, 1 h", "RMSE", partial(weather, 1)),
        "weather24": DataSet("NYC temperature, 24 h", "RMSE", partial(weather, 24)),
        "elnino1": DataSet("El Niño, 1 month", "RMSE", partial(el_nino, 1)),
        "elnino6": DataSet("El Niño, 6 months", "RMSE", partial(el_nino, 6)),
        "co2": DataSet("CO2, 26 weeks", "RMSE", partial(co2, 26)),
        "co2change": DataSet("CO2, 26 weeks, changes", "RMSE", partial(co2, 26, change=True)),
        "sunspots": DataSet(
            "Sunspots, 1 year", "RMSE", partial(forecast, load_sunspots, ["SUNACTIVITY"], 22, 1)
        ),
        "seattle": DataSet(
            "Seattle temp_max, 1 day",
            "RMSE",
            partial(forecast, load_seattle_weather, seattle, 30, 1),
        ),
    }


def from_folder(folder):
    """Sets that are not part of the project, where a folder has them."""
    return {
        "promoters": DataSet("E. coli promoters", "accuracy", partial(promoters, folder)),
        "pendigits": DataSet("Pen digits", "accuracy", partial(pen_digits, folder)),
        "bikes": DataSet("Bicycles, 1 h", "RMSE", partial(bikes, folder)),
    }
