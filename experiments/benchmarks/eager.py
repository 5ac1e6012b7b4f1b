"""Time 20 single ops and three training steps, run eagerly on one thread, beside TensorFlow and
PyTorch.

    python -m framework bench --workloads eager --peer-python tf=PYTHON --peer-python torch=PYTHON
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
import sys
from pathlib import Path

from processes import OURS, environment, finished, last_words, python_path

HERE = Path(__file__).parent
TITLES = {"tf": "TF"}


def commands(pythons: dict[str, str]) -> dict[str, list[str]]:
    """Who is compared -> how its process is started; pythons: peer -> its Python."""
    script = str(HERE / "eager_tf.py")
    found = {OURS: [sys.executable, script, "ours"]}
    if "tf" in pythons:
        found["tf"] = [pythons["tf"], script, "tf"]
    if "torch" in pythons:
        found["torch"] = [pythons["torch"], str(HERE / "eager_torch.py")]
    return found


def once(command: list[str]) -> dict:
    """One process: its RESULT line, or {"failed": its last words}."""
    more = {"PYTHONPATH": python_path()} if command[0] == sys.executable else {}
    code, out, err = finished(command, environment(1, **more))
    lines = [line for line in out.splitlines() if line.startswith("RESULT ")]
    if code or not lines:
        return {"failed": last_words(err) or f"it ended with code {code} and told nothing"}
    return json.loads(lines[-1].removeprefix("RESULT "))


def table(runs: dict[str, list[dict]]) -> str:
    """Markdown: medians over the rounds, and of the ratios of each round; with the last words of
    who failed."""
    words = {n: run["failed"] for n, each in runs.items() for run in each if "failed" in run}
    told = [f"{title(n)} failed: {words[n]}" for n in words]
    runs = {n: each for n, each in runs.items() if n not in words}
    if OURS not in runs:
        return "\n\n".join(told)
    peers = [n for n in runs if n != OURS]
    rows = [f"| | {' | '.join(f'{title(n)}, us' for n in runs)} | "
            f"{' | '.join(f'ours / {title(n)}' for n in peers)} |",
            "|---" * (1 + len(runs) + len(peers)) + "|"]  # fmt: skip
    for what in runs[OURS][0]["us"]:
        middle = [statistics.median(r["us"][what] for r in each) for each in runs.values()]
        ratios = [statistics.median(o["us"][what] / r["us"][what]
                                    for o, r in zip(runs[OURS], runs[n], strict=True))
                  for n in peers]  # fmt: skip
        cells = [f"{t:.1f}" for t in middle] + [f"{r:.2f}" for r in ratios]
        rows.append(f"| {what} | {' | '.join(cells)} |")
    peaks = [statistics.median(r["rss_mb"] for r in each) for each in runs.values()]
    rows.append(f"| peak memory, MB | {' | '.join(f'{p:.0f}' for p in peaks)} |"
                + " |" * len(peers))  # fmt: skip
    return "\n\n".join(["\n".join(rows), *told])


def title(name: str) -> str:
    """As readers know it."""
    return TITLES.get(name, name)


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
    given = {"tf": options.tf, "torch": options.torch}
    who = commands({name: python for name, python in given.items() if python})
    runs: dict[str, list] = {name: [] for name in who}
    for _ in range(options.rounds):
        for name, command in who.items():
            runs[name].append(once(command))
    text = table(runs)
    print(text)
    if options.write:
        head = (
            "# Eager: single ops and training steps beside the peers\n\n"
            f"{os.cpu_count()} CPUs ({platform.machine()}), one thread, {options.rounds} "
            "interleaved rounds, float32, medians.\nAfter `framework cache --warm`: small calls "
            "take kernels that are on the disk. Made by `eager.py`; what is run stands in "
            "`eager_tf.py` (one text for this framework and TensorFlow) and `eager_torch.py`.\n\n"
        )
        (HERE / "eager.md").write_text(head + text + "\n")


if __name__ == "__main__":
    main()
