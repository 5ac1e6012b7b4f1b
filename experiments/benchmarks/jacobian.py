"""Jacobians: all rows at once against one pullback for each of them, and against TensorFlow.

    python experiments/benchmarks/jacobian.py [python of an environment with tensorflow]

One process for each way, one thread; prints a table (median of 30 calls, peak of resident memory).
Of TensorFlow: pfor called eagerly, which traces at each call, and inside a tf.function.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
REPEATS = 30


def mlp(tf, batch):
    """A function of (batch, 16) to (batch, 10) through two layers of 64."""
    rng = np.random.default_rng(0)
    shapes = (16, 64), (64, 64), (64, 10)
    weights = [tf.constant((rng.normal(size=s) / 8).astype("f4")) for s in shapes]

    def function(x):
        for w in weights[:-1]:
            x = tf.tanh(x @ w + 0.1)
        return x @ weights[-1]

    return function, tf.constant(rng.normal(size=(batch, 16)).astype("f4"))


def chain(tf, count=100):
    """A function of a vector: three rounds of a product and elementwise ops."""
    rng = np.random.default_rng(1)
    w = tf.constant((rng.normal(size=(count, count)) / 10).astype("f4"))

    def function(x):
        for _ in range(3):
            x = tf.sin(tf.linalg.matvec(w, tf.tanh(x) * 2.0)) + x
        return x

    return function, tf.constant(rng.normal(size=count).astype("f4"))


CASES = {
    "MLP 16-64-64-10, jacobian of one sample": (lambda tf: mlp(tf, 1), "jacobian"),
    "MLP 16-64-64-10, batch_jacobian of 32": (lambda tf: mlp(tf, 32), "batch_jacobian"),
    "MLP 16-64-64-10, jacobian of 32": (lambda tf: mlp(tf, 32), "jacobian"),
    "chain of 100 elements, jacobian": (chain, "jacobian"),
}


def jacobian_of(tf, case, together, is_compiled):
    """A function without arguments: the forward and the Jacobian."""
    make, kind = CASES[case]
    function, x = make(tf)

    def call(x):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = function(x)
        return getattr(tape, kind)(y, x, experimental_use_pfor=together)

    compiled = tf.function(call) if is_compiled else call
    return lambda: compiled(x).numpy()


def measure(library, case, together, is_compiled):
    """{first call in ms, median in ms, peak MB, sum of the result}"""
    if library == "tensorflow":
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    else:
        import framework as tf
    call = jacobian_of(tf, case, together, is_compiled)
    times = []
    for _ in range(REPEATS + 3):
        start = time.perf_counter()
        result = call()
        times.append((time.perf_counter() - start) * 1e3)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [times[0], statistics.median(times[3:]), peak, float(np.abs(result).sum())]


WAYS = [
    ("ours, together", "framework", True, False),
    ("ours, together in tf.function", "framework", True, True),
    ("ours, one by one", "framework", False, False),
    ("TensorFlow, pfor", "tensorflow", True, False),
    ("TensorFlow, pfor in tf.function", "tensorflow", True, True),
]


def main(theirs):
    """Print the table; `theirs`: the python that has tensorflow, or None."""
    environment = os.environ | {
        **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"),
        **{"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
    }
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        environment.pop(name, None)
    print("| | | ms, median | together / this | first call, ms | peak MB |")
    print("|---|---|---|---|---|---|")
    for case in CASES:
        base = None
        for way, library, together, is_compiled in WAYS:
            python = sys.executable if library == "framework" else theirs
            if python is None:
                continue
            order = [python, __file__, "--one", json.dumps([library, case, together, is_compiled])]
            done = subprocess.run(
                order, env=environment, capture_output=True, text=True, check=True
            )
            first, median, peak, total = json.loads(done.stdout.splitlines()[-1])
            base = base or (median, total)
            assert np.isclose(total, base[1], rtol=1e-3), (case, way, total, base)
            row = f"| {median:.3f} | {base[0] / median:.3g} | {first:.1f} | {peak:.0f} |"
            print(f"| {case} | {way} {row}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(*json.loads(sys.argv[2]))))
    else:
        main(sys.argv[1] if len(sys.argv) > 1 else None)
