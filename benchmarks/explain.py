"""explain_shap beside the explainers of shap and, where installed, of captum and lime, in one run.

Time is that of the process on one thread, with ``--device cuda`` until the GPU is done. In each
round every method explains some rows, one method after the other; ratios are medians over the
rounds. The error is the relative L2 distance to the true Shapley values, over all values of all
rows; the gap is the part of a row's change of output that the values miss. Run it with
``python benchmarks/explain.py`` (half an hour), or name some of the parts; ``--quick`` measures
little.
"""

import argparse
import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial

os.environ.setdefault("OMP_NUM_THREADS", "1")

import _peers
import numpy as np
import shap
import torch
from _cases import planted, sized, true_values, vowels

from sklstm.explain import explain_shap

vowels, planted = cache(vowels), cache(planted)


@dataclass
class Method:
    """Something that explains rows.

    Attributes
    ----------
    name : str
    explain : callable
        From rows to values.
    rows : "all", "few" or "one"
        What it is given in a round: all rows, a few, or one of those whose true values are known.
    """

    name: str
    explain: Callable
    rows: str = "all"
    seconds: list = field(default_factory=list)
    values: list = field(default_factory=list)


def ours(case, **options):
    """A call of explain_shap; its values at the players' axes."""
    options = {"background": case.background, "target": case.target, "random_state": 0, **options}
    return lambda X: explain_shap(case.model, X, **options).values


def measured(methods, case, n_rows):
    """Run all methods in turn, in ``n_rows`` rounds; fills their seconds and values."""
    few = case.rows[: max(n_rows, 16)]
    for method in methods:  # what is set up at the first call
        if method.rows != "one":
            method.explain(few[:1])
    for i in range(n_rows):
        for method in methods:
            X = {"all": case.rows, "few": few, "one": case.rows[i : i + 1]}[method.rows]
            begin = now(case.device)
            values = method.explain(X)
            method.seconds.append((now(case.device) - begin) / len(X))
            method.values.append(values if method.rows == "one" else values[:n_rows])
    for method in methods:
        values = np.stack(method.values)
        method.values = values[:, 0] if method.rows == "one" else values.mean(0)


def now(device):
    """Seconds: of the process, or when the work that a GPU was given is done."""
    if device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize(device)
    return time.perf_counter()


def error(values, truth, variance=0.0):
    """Relative L2 distance; what the truth's own error adds to it is taken off."""
    square = np.sum((values - truth) ** 2) - np.sum(variance)
    return np.sqrt(max(square, 0) / np.sum(truth**2))


def times_faster(method, peer):
    """Median over rounds of the ratio within a round."""
    return np.median(np.divide(peer.seconds, method.seconds))


def table(methods, case, truth, variance, peers):
    """Print time, error, gap, and the ratio to some of the methods."""
    difference = case.difference(case.rows[: len(truth)])
    columns = "".join(f"{'x ' + peer.name.split('.')[1][:9]:>12}" for peer in peers)
    print(f"  {'':<40}{'ms / row':>10}{'error':>8}{'gap':>9}{columns}")
    for method in methods:
        total = method.values.reshape(len(truth), -1).sum(1)
        gap = np.abs(total - difference).sum() / np.abs(difference).sum()
        ratios = "".join(f"{times_faster(method, peer):12.1f}" for peer in peers)
        print(
            f"  {method.name:<40}{1e3 * np.median(method.seconds):10.2f}"
            f"{error(method.values, truth, variance):8.3f}{gap:9.0e}{ratios}",
            flush=True,
        )


def our_methods(case, **options):
    """Without sampling, at any level."""
    call = partial(ours, case, **options)
    # The tolerance that stops at the first number of nodes.
    nodes = {"method": "gradient", "tolerance": 1e9}
    return [
        Method("deep", call(method="deep")),
        Method("gradient, 2 nodes", call(max_nodes=2, **nodes)),
        Method("gradient, 4 nodes", call(max_nodes=4, **nodes)),
    ]


def cells(case, n_rows, n_permutations):
    """Single cells: what is played by hundreds of players."""
    print(f"cells of {case.name}; {case.background.shape[0]} background rows")
    truth, variance = true_values(case, n_rows, n_permutations)
    standard_error = np.sqrt(variance.sum() / np.sum(truth**2))
    print(f"  truth: {n_permutations} pairs of orders, its own error {standard_error:.3f}")
    n_timesteps, n_features = case.background.shape[1:]
    players = np.arange(n_timesteps * n_features).reshape(n_timesteps, n_features)
    methods = our_methods(case)
    rounds = {2: (0.25, 0.5, 1, 2), 3: (0.5, 1), 4: (0.5, 1, 2, 4)}
    for n_blocks, n in [(n_blocks, n) for n_blocks, each in rounds.items() for n in each]:
        budget = int(n * 2 * n_blocks * len(case.background))  # a quarter is the least
        call = ours(case, method="blocked", n_blocks=n_blocks, budget=budget, tolerance=1e-9)
        name = f"blocked, {n_blocks} blocks, {n} partitions"
        methods.append(Method(name, call, "all" if n <= 1 else "few"))
    methods.append(Method("blocked, adaptive", ours(case, method="blocked"), "few"))
    gradient = Method("shap.GradientExplainer", _peers.gradient(case), "few")
    sampling = Method("shap.SamplingExplainer", _peers.sampling(case), "one")
    methods += [
        gradient,
        Method("shap.DeepExplainer", _peers.deep(case), "few"),
        *optional_methods(case),
        Method("shap.PermutationExplainer", _peers.permutation(case, players), "one"),
        Method("shap.KernelExplainer", _peers.kernel(case, players), "one"),
        sampling,
    ]
    measured(methods, case, n_rows)
    for method in methods:
        method.values = method.values.reshape(truth.shape)
    table(methods, case, truth, variance, [gradient, sampling])


def optional_methods(case):
    """Those of captum and lime, where they are installed."""
    methods = []
    if _peers.GradientShap is None:
        print("  captum is not installed")
    else:
        methods.append(Method("captum.GradientShap", _peers.captum_gradient(case), "few"))
        methods.append(Method("captum.DeepLiftShap", _peers.captum_deep(case), "few"))
    if _peers.RecurrentTabularExplainer is None:
        print("  lime is not installed")
    else:
        methods.append(Method("lime.RecurrentTabularExplainer", _peers.lime(case), "one"))
    return methods


def windows_of(n_timesteps, n=12):
    """Windows of time that differ by one step at most: their numbers, and as a level."""
    numbers = np.arange(n_timesteps) * n // n_timesteps
    ends = np.searchsorted(numbers, np.arange(n + 1))
    level = {f"window {k}": slice(*map(int, ends[k : k + 2])) for k in range(n)}
    return numbers, level


def games_of(case):
    """Level and players, shape (n_timesteps, n_features), of features and of windows."""
    n_timesteps, n_features = case.background.shape[1:]
    numbers, level = windows_of(n_timesteps)
    shape = (n_timesteps, n_features)
    return {
        f"{n_features} features": ("feature", np.broadcast_to(np.arange(n_features), shape)),
        "12 windows of time": (level, np.broadcast_to(numbers[:, None], shape)),
    }


def summed(cells, players):
    """Sums of cells (n, n_timesteps, n_features) by player."""
    return np.stack([cells[:, players == k].sum(1) for k in range(players.max() + 1)], axis=1)


def levels(case, n_rows):
    """Features and windows as players, with the true values by enumeration."""
    for name, (level, players) in games_of(case).items():
        print(f"{name} of {case.name}")
        truth = ours(case, level=level, method="exact")(case.rows[:n_rows])
        gradient = Method("shap.GradientExplainer", _peers.gradient(case), "few")
        call = partial(ours, case, level=level, method="blocked")
        methods = [
            *our_methods(case, level=level),
            Method("blocked, 2 blocks, 0.25 partitions", call(budget=1)),
            Method("blocked, adaptive", call(), "few"),
            gradient,
        ]
        measured(methods, case, n_rows)
        gradient.values = summed(gradient.values, players)
        table(methods, case, truth, 0.0, [gradient])


def exact(case, n_rows):
    """Every coalition, beside shap's explainers behind a function of coalitions."""
    for name, (level, players) in games_of(case).items():
        print(f"exact: {name} of {case.name}")
        methods = [
            Method("exact", ours(case, level=level, method="exact"), "one"),
            Method("shap.ExactExplainer", _peers.exact(case, players), "one"),
            Method("shap.KernelExplainer", _peers.kernel(case, players), "one"),
        ]
        measured(methods, case, n_rows)
        table(methods, case, methods[0].values, 0.0, methods[1:])


def sizes(hidden_sizes, lengths, n_rounds, device):
    """The rule in batch beside GradientExplainer."""
    print("deep beside shap.GradientExplainer, 8 features")
    print(f"  {'':<26}{'deep, ms / row':>16}{'Gradient, ms / row':>20}{'ratio':>8}")
    for hidden_size in hidden_sizes:
        for n_timesteps in lengths:
            case = sized(hidden_size, n_timesteps, device=device)
            deep = Method("deep", ours(case, method="deep"))
            gradient = Method("shap.GradientExplainer", _peers.gradient(case), "one")
            measured([deep, gradient], case, n_rounds)
            milliseconds = [1e3 * np.median(method.seconds) for method in (deep, gradient)]
            times = times_faster(deep, gradient)
            print(f"  {case.name:<26}{milliseconds[0]:16.2f}{milliseconds[1]:20.2f}{times:8.1f}")


def growth(largest, n_rounds, plot, device):
    """How the time of the rule grows, with a tiny network."""
    standard = {"n_timesteps": 25, "n_background": 20, "n_rows": 64}
    ranges = {
        "n_rows": [100, 300, 1000, 3000, 10_000],
        "n_timesteps": [30, 100, 300, 1000],
        "n_background": [10, 30, 100, 300, 1000],
    }
    results, before = {}, peak_memory()
    for name, values in ranges.items():
        values = [value for value in values if value <= largest]
        shapes = [{**standard, name: value, "device": device} for value in values]
        seconds = [grown(shape, n_rounds) for shape in shapes]
        results[name] = values, seconds
        exponent, at_end = (slope(values[k:], seconds[k:]) for k in (0, -2))
        print(
            f"deep, hidden 8: time grows with {name} to the power {exponent:.2f}, "
            f"{at_end:.2f} between the last two"
        )
        for value, second in zip(values, seconds, strict=True):
            print(f"  {value:>8}{second:10.3f} s{1e6 * second / value:12.1f} us each")
    print(f"peak memory of the process: {before:.0f} MiB before, {peak_memory():.0f} MiB after")
    if plot:
        draw(results, plot)


def slope(sizes, seconds):
    """Exponent of the growth: the slope of the logarithms."""
    return np.polyfit(np.log(sizes), np.log(seconds), 1)[0]


def peak_memory():
    """Of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def grown(shape, n_rounds):
    """Median seconds for all rows."""
    case = sized(8, n_features=2, **shape)
    method = Method("deep", ours(case, method="deep"))
    measured([method], case, n_rounds)
    return len(case.rows) * np.median(method.seconds)


def draw(results, path):
    """Time over size, both logarithmic."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(results), figsize=(10, 3.2), layout="constrained")
    for ax, (name, (values, seconds)) in zip(axes, results.items(), strict=True):
        ax.loglog(values, seconds, "o-", label="measured")
        linear = seconds[-1] * np.divide(values, values[-1])
        ax.loglog(values, linear, "k:", label="linear")
        ax.set(xlabel=name, ylabel="seconds", title=f"deep, over {name}")
    axes[0].legend()
    figure.savefig(path)


def main():
    """Run all of it, or what is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="*", help="cells, levels, exact, sizes, growth")
    parser.add_argument("--rows", type=int, default=8, help="whose true values are computed")
    parser.add_argument("--rounds", type=int, default=3, help="of sizes and growth")
    parser.add_argument("--permutations", type=int, default=2000, help="of the true values")
    parser.add_argument("--quick", action="store_true", help="2 rows and 200 permutations")
    parser.add_argument("--plot", help="draw growth to this file")
    parser.add_argument("--device", default="cpu", help="where all networks compute")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.backends.cudnn.allow_tf32 = False  # truth and gaps are those of float32
    quick, device = arguments.quick, arguments.device
    n_rows = 2 if quick else arguments.rows
    n_rounds = 1 if quick else arguments.rounds
    n_permutations = 200 if quick else arguments.permutations
    of_sizes = ((32, 128), (25, 100)) if quick else ((32, 64, 128, 256), (25, 100, 500))
    both = vowels, planted
    parts = {
        "cells": lambda: [cells(case(device), n_rows, n_permutations) for case in both],
        "levels": lambda: [levels(case(device), n_rows) for case in both],
        "exact": lambda: [exact(case(device), n_rows) for case in both],
        "sizes": lambda: sizes(*of_sizes, n_rounds, device),
        "growth": lambda: growth(1000 if quick else 10_000, n_rounds, arguments.plot, device),
    }
    versions = f"torch {torch.__version__}, shap {shap.__version__}"
    print(f"{versions}, {torch.get_num_threads()} thread, {device}")
    for name in arguments.part or parts:
        parts[name]()


if __name__ == "__main__":
    main()
