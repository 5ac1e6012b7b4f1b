"""Time the train steps of this framework beside the peers, interleaved: medians, ratios, first
step, memory.

    python experiments/benchmarks/compare.py --torch PYTHON --jax PYTHON [--rounds 5] [--threads 1
    2] [--write]

PYTHON is the interpreter of an environment that has the peer; a peer that is not given is left
out. --write keeps
the table as experiments/benchmarks/results.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def once(python: str, script: str, workload: str, mode: str, threads: int) -> dict:
    """One process: its RESULT line."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    env |= {f"{name}_NUM_THREADS": str(threads) for name in ("OMP", "MKL", "OPENBLAS")}
    command = [python, str(HERE / script), workload, mode, str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=300)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not lines:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return json.loads(lines[-1][7:])


def contenders(options: argparse.Namespace) -> list[tuple[str, str, str, str]]:
    """(name, python, script, mode)"""
    found = [
        ("ours compiled", sys.executable, "ours.py", "compiled"),
        ("ours eager", sys.executable, "ours.py", "eager"),
    ]
    if options.torch:
        found.append(("torch eager", options.torch, "peer_torch.py", "eager"))
    if options.jax:
        found.append(("jax jit", options.jax, "peer_jax.py", "jit"))
    return found


def main() -> None:
    """Run all, print and perhaps write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--torch")
    parser.add_argument("--jax")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--workloads", nargs="+", default=["W1", "W2"])
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    cases = [
        (w, t, c) for w in options.workloads for t in options.threads for c in contenders(options)
    ]
    results: dict = {}
    for _ in range(options.rounds):
        for workload, threads, (name, python, script, mode) in cases:
            found = once(python, script, workload, mode, threads)
            results.setdefault((workload, threads, name), []).append(found)
    rows = ["| workload | threads | | ms per step, median (min) | ours compiled / this, "
            "median of rounds | first step, s | peak MB |",
            "|---|---|---|---|---|---|---|"]  # fmt: skip
    for (workload, threads, name), runs in results.items():
        ours = results[workload, threads, "ours compiled"]
        ratio = statistics.median([a["ms"] / b["ms"] for a, b in zip(ours, runs, strict=True)])
        middle = {k: statistics.median([r[k] for r in runs]) for k in ("ms", "first_s", "rss_mb")}
        least = min([r["ms_min"] for r in runs])
        rows.append(f"| {workload} | {threads} | {name} | {middle['ms']:.4f} ({least:.4f}) "
                    f"| {ratio:.2f} "
                    f"| {middle['first_s']:.2f} | {middle['rss_mb']:.0f} |")  # fmt: skip
    text = "\n".join(rows)
    print(text)
    if options.write:
        head = (
            f"# Train steps beside the peers\n\n{os.cpu_count()} CPUs ({platform.machine()}), "
            f"{options.rounds} interleaved rounds, float32.\nW1: MLP 16-64-64-1, batch 32, Adam. "
            "W2: MLP 784-512-512-10, batch 128, Adam.\nMade by `compare.py`.\n\n"
        )
        (HERE / "results.md").write_text(head + text + "\n")


if __name__ == "__main__":
    main()
