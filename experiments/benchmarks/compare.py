"""Time train steps of this framework beside the peers: rounds over all workloads and contenders.

    python -m framework bench --peer-python torch=PYTHON --peer-python jax=PYTHON

framework/experiment/bench.py hands the options over.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from pathlib import Path

import eager
from processes import OURS, PEERS, Contender, contenders, experiment_start, measured, once
from tables import markdown, summaries
from workloads import WORKLOADS

from framework.experiment.errors import RUN_FAILED, UserError

START = "start"  # beside the workloads: the start of an experiment
EAGER = "eager"  # and single ops and steps without a program, on one thread
CHOICES = (*WORKLOADS, START, EAGER)
LIMITS = Contender("limits", sys.executable, "limits.py")
PROFILE = Contender("profile", sys.executable, "ours.py", "profile")


def run(options: argparse.Namespace) -> int:
    """Measure what the options say, print the Markdown report and keep the JSON file; returns the
    exit code: 1 where one of our own processes failed.
    """
    names = chosen(options.workloads, CHOICES, "workload")
    profiled = chosen(options.profile, tuple(WORKLOADS), "workload") if options.profile else []
    counts = [positive(text, "--threads") for text in options.threads.split(",")]
    threads = list(dict.fromkeys(counts))
    pythons = peer_pythons(options)
    rounds = positive(options.rounds, "--rounds")
    if not 0 < options.seconds < float("inf"):
        raise UserError(f"bench: --seconds: got {options.seconds:g}, wanted more than 0")
    target = None if options.json is None else writable(options.json)
    found: dict = {
        "machine": processor(),
        "cpus": os.cpu_count() or 1,
        "rounds": rounds,
        "seconds": options.seconds,
        "is_cold": options.cold,
        "versions": {},
        "limits": {},
        "results": [],
        "starts": [],
        "eager": {},
        "profiles": {},
    }
    for number in range(rounds):
        one_round(found, number, names, threads, pythons)
        keep(found, target)  # a run of an hour keeps what it has
    for name in profiled:
        tell(rounds - 1, f"{name}, line profile", 1)
        found["profiles"][name] = once(PROFILE, name, 1, 0.0)
        keep(found, target)
    print(markdown(found), end="")
    return RUN_FAILED if any("failed" in run for run in own_runs(found)) else 0


def keep(found: dict, target: Path | None) -> None:
    """Write all figures so far."""
    if target is not None:
        told = {"summaries": summaries(found["results"], found["limits"]), **found}
        target.write_text(json.dumps(told, indent=1) + "\n")


def own_runs(found: dict) -> list[dict]:
    """What our own processes told."""
    runs = [run for r in found["results"] if r["name"].startswith(OURS) for run in r["runs"]]
    runs += [run for each in found["starts"] for run in each["runs"]]
    return [*runs, *found["eager"].get(OURS, []), *found["profiles"].values()]


def chosen(text: str | None, known: tuple[str, ...], what: str) -> list[str]:
    """The names of a list with commas; None: all that are known."""
    names = list(known) if text is None else [name.strip() for name in text.split(",")]
    for name in names:
        need_known(name, known, what)
    return list(dict.fromkeys(names))


def need_known(name: str, known: tuple[str, ...], what: str) -> None:
    """UserError unless the name is one of those known."""
    if name not in known:
        raise UserError(f"bench: unknown {what} {name!r}, wanted one of {', '.join(known)}")


def positive(text: str | int, option: str) -> int:
    """A whole number of 1 or more."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise UserError(f"bench: {option}: got {text!r}, wanted whole numbers of 1 or more")
    return number


def peer_pythons(options: argparse.Namespace) -> dict[str, str]:
    """peer -> its Python, for the peers that take part: those named, or all that have a Python."""
    found = {}
    for text in options.peer_python:
        name, equals, path = text.partition("=")
        if not equals or not path:
            raise UserError(f"bench: --peer-python: got {text!r}, wanted NAME=PYTHON")
        need_known(name, PEERS, "peer")
        found[name] = path
    if options.peers is None:
        return found
    names = chosen(options.peers, PEERS, "peer")
    for name in names:
        if name not in found:
            raise UserError(
                f"bench: peer {name!r} has no Python, wanted --peer-python {name}=PYTHON"
            )
    return {name: found[name] for name in names}


def writable(name: str) -> Path:
    """The path of a file that can be written, found out before the work."""
    path = Path(name)
    try:
        path.touch()
    except OSError as error:
        raise UserError(f"bench: --json {name}: {error.strerror}") from error
    return path


def processor() -> str:
    """The processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(x.partition(":")[2].strip() for x in lines if x.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def one_round(
    found: dict, number: int, names: list[str], threads: list[int], pythons: dict[str, str]
) -> None:
    """Every contender once, on every workload; each other round backwards, because the first ones
    may find the machine in another state than the last ones.
    """
    for count in threads:
        tell(number, "limits", count)
        here = once(LIMITS, "-", count, min(1.0, found["seconds"]))
        found["limits"][count] = higher(found["limits"].get(count, {}), here)
    for name in names:
        for count in threads if name != EAGER else ():
            if name == START:
                tell(number, START, count)
                runs_of(found["starts"], threads=count).append(
                    experiment_start(count, found["is_cold"])
                )
                continue
            who = contenders(name, pythons)
            for each in who if number % 2 == 0 else reversed(who):
                tell(number, f"{name}, {each.name}", count)
                one_contender(found, number, name, count, each)
    if EAGER in names:
        for name, command in eager.commands(pythons).items():
            tell(number, f"{EAGER}, {name}", 1)
            found["eager"].setdefault(name, []).append(eager.once(command))


def one_contender(found: dict, number: int, name: str, threads: int, who: Contender) -> None:
    """Measure one; who failed once is not asked again."""
    runs = runs_of(found["results"], workload=name, threads=threads, name=who.name)
    if any("ms" not in run for run in runs):
        return
    run = measured(who, name, threads, found["seconds"], found["is_cold"])
    runs.append({**run, "round": number})
    if "version" in run:
        found["versions"][who.name.split()[0]] = run["version"]


def runs_of(results: list[dict], **key: str | int) -> list[dict]:
    """The runs of one entry of the results, which is made if it is not there."""
    for result in results:
        if all(result[name] == value for name, value in key.items()):
            return result["runs"]
    results.append({**key, "runs": []})
    return results[-1]["runs"]


def higher(before: dict, now: dict) -> dict:
    """The limit is what the machine did at its best."""
    if "gflops" not in before or "gflops" not in now:
        return before if "gflops" in before else now
    return {key: max(before[key], now[key]) for key in before}


def tell(number: int, what: str, threads: int) -> None:
    """Progress, beside the report."""
    print(f"round {number + 1}: {what}, threads {threads}", file=sys.stderr, flush=True)
