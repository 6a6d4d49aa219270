"""sklstm beside other libraries: scores, time, memory, and scikit-learn's checks, in one run.

Every model is fitted and asked in a process of its own on one thread, the models of a data set in
turn, so that what else the machine does meets all of them. Seconds are those of the process; what
is compiled at a first call is not counted. Libraries that cannot live beside sklstm are given
environments of their own::

    python -m pip install ".[peers]"
    python benchmarks/evidence.py --python aeon=AEON/bin/python --python sktime=SKTIME/bin/python

A library that has no environment is left out, and so is a model that does not do the task.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from _conformity import LIBRARIES
from _peer import PEERS
from _sets import shipped
from accuracy import print_rst

HERE = Path(__file__).parent
RANDOM = ("sklstm", "skorch", "keras", "aeon", "sktime")  # models that a seed changes
SETS = ("vowels", "digits", "elnino6", "sunspots", "seattle")
# Of the checks: libraries that are installed under another name than the models above.
ENVIRONMENT = {"scikeras": "keras"}


def ask(python, script, *arguments):
    """What a script prints, as JSON, a line each; nothing where it fails."""
    command = [python, str(HERE / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        print(f"  {script} {arguments[0]}: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return []
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def score(data_set, split, predicted):
    """Accuracy or RMSE."""
    if data_set.metric == "accuracy":
        return np.mean(predicted == split.y_test)
    return np.sqrt(np.mean((np.ravel(predicted) - split.y_test) ** 2))


def measured(data_set, pythons, n_seeds):
    """For each model the scores and reports of its seeds; models take turns."""
    split = data_set.splits()[0]
    found = {name: [] for name in PEERS if name in pythons}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.npz"
        parts = {name: getattr(split, name) for name in ("X_train", "y_train", "X_test")}
        np.savez(path, **parts)
        for seed in range(n_seeds):
            for name, results in found.items():
                if seed and (name not in RANDOM or not results):
                    continue
                for report in ask(pythons[name], "_peer.py", name, path, seed):
                    predicted = np.load(f"{path}.npy")
                    results.append(report | {"score": score(data_set, split, predicted)})
    return found


def cells(results):
    """Score, seconds to fit, milliseconds to predict, and memory of one model."""
    if not results:
        return ["", "", "", ""]
    columns = {key: np.array([result[key] for result in results]) for key in results[0]}
    scores = columns["score"]
    spread = f" ± {scores.std():.3f}" if len(scores) > 1 else ""
    return [
        f"{scores.mean():.3f}{spread}",
        f"{np.median(columns['fit']):.3g}",
        f"{1e3 * np.median(columns['predict']):.3g}",
        f"{np.median(columns['memory']):.0f}",
    ]


def models(pythons, names, n_seeds):
    """Four tables, data sets × models: score, seconds of fit, milliseconds of predict, MB."""
    sets, versions = shipped(), {}
    tables = [[], [], [], []]
    for name in names:
        found = measured(sets[name], pythons, n_seeds)
        for results in found.values():
            for result in results:
                versions |= result.pop("versions")
        columns = zip(*(cells(results) for results in found.values()), strict=True)
        for table, column in zip(tables, columns, strict=True):
            table.append([f"{sets[name].name} ({sets[name].metric})", *column])
        print(f"  {name} done", file=sys.stderr)
    header = ["", *(name for name in PEERS if name in pythons)]
    titles = (
        "Score",
        "Seconds to fit",
        "Milliseconds to predict the test part",
        "Peak memory in MB",
    )
    for title, table in zip(titles, tables, strict=True):
        print(f"\n{title}:\n")
        print_rst(header, table)
    print("\nVersions: " + ", ".join(f"{name} {v}" for name, v in sorted(versions.items())))


def checks(pythons):
    """One table: how many of scikit-learn's checks each estimator passes."""
    print("\nChecks of scikit-learn:\n")
    rows = []
    for library in LIBRARIES:
        python = pythons.get(ENVIRONMENT.get(library, library))
        for report in ask(python, "_conformity.py", library) if python else []:
            passed, failed = report.get("passed", 0), report.get("failed", 0)
            if "error" in report:
                passed, failed = "they do not start", ""
            rows.append([library, report["estimator"], str(passed), str(failed)])
    print_rst(["Library", "Estimator", "Passed", "Failed"], rows)


def main():
    """Both parts, or one."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", help="models, checks; default: both")
    parser.add_argument("--sets", nargs="*", default=SETS, help=f"default: {' '.join(SETS)}")
    parser.add_argument("--seeds", type=int, default=3, help="fits of random models, default 3")
    parser.add_argument(
        "--python", action="append", default=[], metavar="MODEL=PATH", help="an interpreter"
    )
    arguments = parser.parse_args()
    parts = arguments.parts or ["models", "checks"]
    if unknown := set(parts) - {"models", "checks"}:
        parser.error(f"no such parts: {sorted(unknown)}")
    if unknown := set(arguments.sets) - set(shipped()):
        parser.error(f"no such sets: {sorted(unknown)}. There are {list(shipped())}")
    own = [name for name in PEERS if name not in ("aeon", "sktime")]
    pythons = dict.fromkeys(own, sys.executable)
    pythons |= dict(item.split("=", 1) for item in arguments.python)
    if "models" in parts:
        models(pythons, arguments.sets, arguments.seeds)
    if "checks" in parts:
        checks(pythons)


if __name__ == "__main__":
    main()
