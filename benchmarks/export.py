"""A network in ONNX Runtime beside the same network in torch: latency, throughput, size, agreement.

Times are ratios, both sides measured in turn on one thread, as the median over several rounds.
"int8" is the network after ``sklstm.simplify.quantize``, "dynamic" what onnxruntime's own
``quantize_dynamic`` makes of the file: integer arithmetic. Run it with ``python
benchmarks/export.py`` on an otherwise idle machine.
"""

import logging
import os
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from run import data, ratio, rounds

from sklstm import LSTMRegressor
from sklstm.io import export_onnx, load_onnx
from sklstm.simplify import quantize

# rows, time steps, features, hidden units
SIZES = [(1024, 12, 4, 16), (1024, 24, 7, 64), (256, 100, 1, 32), (256, 24, 7, 256)]
ONE_ROW, ROUNDS = 50, 15


def repeated(function, *arguments, times=ONE_ROW):
    """The same call many times, as one to be measured."""

    def run():
        for _ in range(times):
            function(*arguments)

    return run


def raw_session(path):
    """As somebody without this library would open the file."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def report(size, folder):
    """One network: every line is relative to its float32 network in torch."""
    n, n_timesteps, n_features, hidden = size
    X, y = data(n, n_timesteps, n_features)
    model = LSTMRegressor(hidden, max_epochs=3, random_state=0).fit(X, y)
    paths = {kind: folder / f"{kind}.onnx" for kind in ("float32", "int8", "dynamic")}
    export_onnx(model, paths["float32"])
    export_onnx(quantize(model), paths["int8"])
    quantize_dynamic(paths["float32"], paths["dynamic"], weight_type=QuantType.QInt8)

    network, one = model.net_.module_, torch.from_numpy(X[:1])
    forward = torch.inference_mode()(network)
    bulk, row = [lambda: model.predict(X)], [repeated(model.predict, X[:1])]
    module = [repeated(forward, one)]
    feed = {"X": X[:1].astype(np.float64), "lengths": np.array([n_timesteps])}
    expected = model.predict(X)
    errors, alone = [], []
    for path in paths.values():
        shipped, session = load_onnx(path), raw_session(path)
        bulk.append(repeated(shipped.predict, X, times=1))
        row.append(repeated(shipped.predict, X[:1]))
        module.append(repeated(session.run, None, feed))
        found = shipped.predict(X)
        errors.append(np.abs(found - expected).max() / expected.std())
        single = np.concatenate([shipped.predict(X[i : i + 1]) for i in range(50)])
        alone.append(np.abs(single - found[:50]).max() / expected.std())

    seconds = [rounds(functions, ROUNDS) for functions in (row, module, bulk)]
    print(f"\n{n} x {n_timesteps} x {n_features}, hidden {hidden}")
    print(f"{'relative to float32':34s}" + "".join(f"{kind:>10s}" for kind in paths))
    names = ["one row: predict / predict", "one row: raw session / module", "all rows"]
    for name, measured in zip(names, seconds, strict=True):
        ratios = [ratio(measured, k, 0) for k in (1, 2, 3)]
        print(f"  {name:32s}" + "".join(f"{value:10.2f}" for value in ratios))
    sizes = [path.stat().st_size for path in paths.values()]
    print(f"  {'bytes of the file':32s}" + "".join(f"{size / sizes[0]:10.2f}" for size in sizes))
    print(f"  {'largest error, by the spread':32s}" + "".join(f"{e:10.1e}" for e in errors))
    print(f"  {'a row alone and in the batch':32s}" + "".join(f"{e:10.1e}" for e in alone))
    microseconds = [1e6 * np.median(seconds[0][:, k]) / ONE_ROW for k in (0, 1)]
    print("  one row: torch {:.0f} µs, ONNX Runtime {:.0f} µs".format(*microseconds), flush=True)


def main():
    """All sizes."""
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)  # quantize_dynamic names each value that is no float32
    print(f"torch {torch.__version__}, onnxruntime {onnxruntime.__version__}, one thread")
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            report(size, Path(folder))


if __name__ == "__main__":
    main()
