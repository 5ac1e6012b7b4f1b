"""Time 20 single ops and three training steps, run eagerly on one thread, beside TensorFlow and
PyTorch.

    python experiments/benchmarks/eager.py --tf PYTHON --torch PYTHON [--rounds 5] [--write]

PYTHON is the interpreter of an environment that has the peer; a peer that is not given is left out.
--write keeps the table as experiments/benchmarks/eager.md.
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


def once(command: list[str]) -> dict:
    """One process: its RESULT line."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    env |= {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")}
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=300)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not lines:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return json.loads(lines[-1][7:])


def main() -> None:
    """Run all, print and perhaps write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tf")
    parser.add_argument("--torch")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    script = str(HERE / "eager_tf.py")
    commands = {"ours": [sys.executable, script, "ours"]}
    if options.tf:
        commands["TF"] = [options.tf, script, "tf"]
    if options.torch:
        commands["torch"] = [options.torch, str(HERE / "eager_torch.py")]
    runs: dict[str, list] = {name: [] for name in commands}
    for _ in range(options.rounds):
        for name, command in commands.items():
            runs[name].append(once(command))
    peers = list(commands)[1:]
    rows = [f"| | {' | '.join(f'{n}, us' for n in commands)} | "
            f"{' | '.join(f'ours / {n}' for n in peers)} |",
            "|---" * (1 + len(commands) + len(peers)) + "|"]  # fmt: skip
    for what in runs["ours"][0]["us"]:
        middle = [statistics.median(r["us"][what] for r in runs[n]) for n in commands]
        ratios = [statistics.median(o["us"][what] / r["us"][what]
                                    for o, r in zip(runs["ours"], runs[n], strict=True))
                  for n in peers]  # fmt: skip
        cells = [f"{t:.1f}" for t in middle] + [f"{r:.2f}" for r in ratios]
        rows.append(f"| {what} | {' | '.join(cells)} |")
    peaks = [statistics.median(r["rss_mb"] for r in runs[n]) for n in commands]
    rows.append(f"| peak memory, MB | {' | '.join(f'{p:.0f}' for p in peaks)} |"
                + " |" * len(peers))  # fmt: skip
    text = "\n".join(rows)
    print(text)
    if options.write:
        head = (
            "# Eager: single ops and training steps beside the peers\n\n"
            f"{os.cpu_count()} CPUs ({platform.machine()}), one thread, {options.rounds} "
            "interleaved rounds, float32, medians.\nMade by `eager.py`; what is run stands in "
            "`eager_tf.py` (one text for this framework and TensorFlow) and `eager_torch.py`.\n\n"
        )
        (HERE / "eager.md").write_text(head + text + "\n")


if __name__ == "__main__":
    main()
