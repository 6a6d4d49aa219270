"""The main job, once through: train, cross-validate in a pipeline, explain, save, load.

On the weather of one year at JFK airport (temperature 6 hours ahead, beside persistence and
ridge regression) and on utterances of nine speakers. Pictures and models go to demo_output/.
"""

import time
from pathlib import Path

import joblib
import matplotlib

matplotlib.use("Agg")
import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import RidgeCV
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.datasets import load_japanese_vowels, load_nyc_weather
from sklstm.explain import explain_permutation, explain_shap
from sklstm.model_selection import WindowSplit
from sklstm.plot import report
from sklstm.preprocessing import SequenceWise, make_windows

OUTPUT = Path("demo_output")
LOOKBACK, HORIZON = 24, 6
FEATURES = [
    "temperature",
    "dew point",
    "humidity",
    "pressure",
    "wind from east",
    "wind from north",
    "sin(hour)",
    "cos(hour)",
]
WEEK = slice(400, 400 + 7 * 24)  # of the test period
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#777777"


def weather_table():
    """One row per hour."""
    frame = load_nyc_weather(as_frame=True).frame.ffill()  # 25 hours and single cells are missing
    wind = np.deg2rad(frame["wind_dir"])  # 359 and 1 degrees are neighbours
    hour = 2 * np.pi * frame.index.hour / 24
    columns = [
        *(frame[name] for name in ("temp", "dewp", "humid", "pressure")),
        frame["wind_speed"] * np.sin(wind),
        frame["wind_speed"] * np.cos(wind),
        np.sin(hour),
        np.cos(hour),
    ]
    return pd.DataFrame(dict(zip(FEATURES, columns, strict=True)), index=frame.index)


def flatten(X):
    """All hours of a window side by side, as linear models like them."""
    return X.reshape(len(X), -1)


def rmse(prediction, truth):
    """Root mean squared error, in the unit of the target."""
    return float(np.sqrt(np.mean((prediction - truth) ** 2)))


def weather():
    """Forecast, compare, explain, save, load."""
    data = load_nyc_weather()
    X, y, made_at = make_windows(weather_table(), LOOKBACK, HORIZON, target="temperature")
    now, later = X[:, -1, 0], y[:, -1]
    change = later - now  # what differs between the seasons is the level, not the change
    times = made_at + pd.Timedelta(hours=HORIZON)
    test_start = data.timestamps[data.split[1]]
    train, test = times < test_start, made_at >= test_start
    lstm = make_pipeline(
        SequenceWise(StandardScaler()),
        LSTMRegressor(
            hidden_size=32,
            learning_rate=0.003,
            batch_size=64,
            max_epochs=5,
            random_state=0,
        ),
    )
    ridge = make_pipeline(
        FunctionTransformer(flatten), StandardScaler(), RidgeCV(np.logspace(-2, 5, 8))
    )

    print(f"Weather: {train.sum()} training hours, {test.sum()} test hours, {X.shape[2]} features")
    print(f"  temperature {HORIZON} h ahead, RMSE in °F{'cross-validated':>22}{'test period':>14}")
    cv = WindowSplit(3, horizon=HORIZON, lookback=LOOKBACK)
    for name, model in (("persistence", None), ("ridge, 24 h of lags", ridge), ("LSTM", lstm)):
        if model is None:
            folds = [rmse(0.0, change[train][fold]) for _, fold in cv.split(X[train])]
            error = rmse(0.0, change[test])
        else:
            folds = -cross_val_score(
                model, X[train], change[train], cv=cv, scoring="neg_root_mean_squared_error"
            )
            error = rmse(model.fit(X[train], change[train]).predict(X[test]), change[test])
        print(f"  {name:<40}{np.mean(folds):>15.2f}{error:>14.2f}")

    joblib.dump(lstm, OUTPUT / "weather.joblib")
    loaded = joblib.load(OUTPUT / "weather.joblib")
    same = np.array_equal(loaded.predict(X[test]), lstm.predict(X[test]))
    size = (OUTPUT / "weather.joblib").stat().st_size / 1000
    print(f"  saved and loaded: {size:.0f} kB, predictions bitwise equal: {same}")

    by_feature = explain_permutation(lstm, X[test], change[test], level="feature", random_state=0)
    by_step = explain_permutation(lstm, X[test], change[test], level="timestep", random_state=0)
    order = np.argsort(by_feature.importances_mean)[::-1]
    print("  R² lost when a feature is shuffled between hours:")
    for i in order[:3]:
        mean, std = by_feature.importances_mean[i], by_feature.importances_std[i]
        print(f"    {FEATURES[i]:<16} {mean:.2f} ± {std:.2f}")

    why = explain_shap(lstm, X[test][WEEK], background=X[train][::30])
    row = why.output_values.argmax()
    parts = why[row].by("feature")
    largest = abs(parts.values[0]).argsort()[::-1][:3]
    when = f"{times[test][WEEK][row]:%d %B, %H:%M}"
    print(f"  why the forecast for {when} is {why.output_values[row]:+.1f} °F:")
    for i in largest:
        print(f"    {FEATURES[i]:<16} {parts.values[0, i]:+.1f}")
    print(f"    with the rest and the usual change it adds up to {why.additivity_gap.max():.0e} °F")
    draw_weather(
        times[test], now[test], later[test], loaded.predict(X[test]), by_feature, by_step, why
    )


def draw_weather(times, now, later, change, by_feature, by_step, why):
    """One week of forecasts, and what they rest on."""
    figure = plt.figure(figsize=(11, 7.4), layout="constrained")
    axes = figure.subplot_mosaic(
        [["week", "week"], ["why", "why"], ["feature", "step"]], height_ratios=(1.2, 0.8, 1)
    )
    week = WEEK
    ax = axes["week"]
    ax.plot(times[week], later[week], color="black", lw=1.8, label="observed")
    ax.plot(times[week], (now + change)[week], color=BLUE, lw=1.5, label=f"LSTM, {HORIZON} h ahead")
    ax.plot(times[week], now[week], color=GREY, lw=1, ls="--", label="persistence")
    ax.set(ylabel="temperature (°F)", title="One week of the test period, JFK airport 2013")
    ax.legend(loc="upper right", ncols=3, frameon=False)
    ax.margins(x=0, y=0.2)
    ax.tick_params(labelbottom=False)

    parts = why.by("feature").values
    largest = np.abs(parts).max()
    hours = mdates.date2num(times[week])
    image = axes["why"].imshow(
        parts.T,
        cmap="RdBu_r",
        vmin=-largest,
        vmax=largest,
        aspect="auto",
        interpolation="nearest",
        extent=(hours[0], hours[-1], len(FEATURES) - 0.5, -0.5),
    )
    axes["why"].set_yticks(range(len(FEATURES)), FEATURES, fontsize="small")
    axes["why"].xaxis_date()
    axes["why"].xaxis.set_major_formatter(mdates.DateFormatter("%d %b"))
    axes["why"].set(title="What made each forecast warmer (red) or colder (blue), in °F")
    figure.colorbar(image, ax=axes["why"], pad=0.01)

    order = np.argsort(by_feature.importances_mean)
    axes["feature"].barh(
        [FEATURES[i] for i in order],
        by_feature.importances_mean[order],
        xerr=by_feature.importances_std[order],
        color=BLUE,
    )
    axes["feature"].set(xlabel="R² lost when shuffled", title="Which features")
    hours = np.arange(LOOKBACK) - LOOKBACK + 1
    axes["step"].bar(
        hours, by_step.importances_mean, yerr=by_step.importances_std, color=ORANGE, width=0.8
    )
    axes["step"].set(xlabel="hours before the forecast", title="Which hours", ylabel="R² lost")
    figure.savefig(OUTPUT / "weather.png", dpi=110)
    plt.close(figure)


def vowels():
    """Classify, cross-validate, explain, report."""
    X, y = load_japanese_vowels(return_X_y=True)
    X_test, y_test = load_japanese_vowels(return_X_y=True, subset="test")
    model = LSTMClassifier(hidden_size=32, max_epochs=30, random_state=0)
    folds = cross_val_score(model, X, y, cv=StratifiedKFold(3, shuffle=True, random_state=0))
    model.fit(X, y)
    lengths = (~np.isnan(X[:, :, 0])).sum(axis=1)
    print(
        f"\nVowels: {len(X)} utterances of {lengths.min()} to {lengths.max()} steps, "
        f"{len(model.classes_)} speakers"
    )
    print(f"  accuracy: cross-validated {folds.mean():.3f}, test {model.score(X_test, y_test):.3f}")
    result = model.explain_permutation(X_test, y_test, scoring="neg_log_loss", random_state=0)
    best = result.importances_mean.argmax()
    print(f"  the speaker is told most by cepstrum coefficient {best + 1}")

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    ConfusionMatrixDisplay.from_estimator(
        model, X_test, y_test, ax=left, cmap="Blues", colorbar=False
    )
    left.set(xlabel="predicted speaker", ylabel="true speaker", title="Test utterances")
    right.bar(np.arange(1, 13), result.importances_mean, yerr=result.importances_std, color=BLUE)
    right.set(
        xlabel="cepstrum coefficient",
        ylabel="log loss added when shuffled",
        title="What tells the speakers apart",
        xticks=np.arange(1, 13),
    )
    figure.savefig(OUTPUT / "vowels.png", dpi=110)
    plt.close(figure)
    report(model, X_test, y_test, OUTPUT / "vowels.html", background=X, random_state=0)


def main():
    """Run both parts."""
    begin = time.perf_counter()
    # Networks this small train faster on one core than on several.
    torch.set_num_threads(1)
    OUTPUT.mkdir(exist_ok=True)
    weather()
    vowels()
    files = ", ".join(sorted(path.name for path in OUTPUT.iterdir()))
    print(f"\nIn {OUTPUT}/: {files} ({time.perf_counter() - begin:.0f} s)")


if __name__ == "__main__":
    main()
