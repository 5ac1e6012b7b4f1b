"""Who is compared, and one process of each: what it found, or why it found nothing."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workloads import PREDICTIONS, WORKLOADS

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PEERS = ("torch", "jax", "tf")
OURS = "ours"
# mode -> the workloads that it is for
MODES: dict[str, dict[str, tuple[str, ...]]] = {
    "torch": {
        "eager": tuple(WORKLOADS),
        "compile": tuple(WORKLOADS),
        "channels_last": ("W4", "W5"),
    },
    "jax": {"jit": tuple(WORKLOADS), "sparse": ("W8", "W8b")},
    "tf": {"graph": tuple(WORKLOADS), "xla": tuple(WORKLOADS), "predict": PREDICTIONS},
}
TIMEOUT = 600  # seconds; torch.compile takes the longest
FIRST_EPOCH = "Epoch 1/"  # how the line begins that `framework train` prints at its end
EXPERIMENT = ROOT / "experiments/digits_mlp.yaml"


@dataclass(frozen=True)
class Contender:
    """One row of the table: a library in one mode. cache: the variable that names the folder in
    which it keeps what it compiled, if it does.
    """

    name: str
    python: str
    script: str
    mode: str = "-"
    cache: str | None = None


def contenders(workload: str, pythons: dict[str, str]) -> list[Contender]:
    """Ours first, then the peers, each run by the Python that `pythons` names."""
    found = [Contender(OURS, sys.executable, "ours.py", "compiled", "FRAMEWORK_CACHE")]
    if workload in PREDICTIONS:
        predict = Contender("ours predict", sys.executable, "ours.py", "predict", "FRAMEWORK_CACHE")
        found.append(predict)
    for peer, python in pythons.items():
        for mode, workloads in MODES[peer].items():
            if workload in workloads and (mode != "compile" or has_compiler()):
                cache = "TORCHINDUCTOR_CACHE_DIR" if mode == "compile" else None
                found.append(Contender(f"{peer} {mode}", python, f"peer_{peer}.py", mode, cache))
    return found


def has_compiler() -> bool:
    """Whether there is a C++ compiler, which torch.compile needs."""
    names = (os.environ.get("CXX"), "g++", "clang++")
    return any(shutil.which(name) for name in names if name)


def environment(threads: int, **more: str) -> dict[str, str]:
    """The variables of a process with so many threads; none of the user's for OpenBLAS."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("OPENBLAS_")}
    names = ("OMP", "MKL", "OPENBLAS", "NUMBA")
    return kept | {f"{name}_NUM_THREADS": str(threads) for name in names} | more


def python_path() -> str:
    """PYTHONPATH with this checkout first."""
    return os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])


def measured(who: Contender, workload: str, threads: int, seconds: float, is_cold: bool) -> dict:
    """The figures of one contender: from a process that finds what an earlier one compiled, whose
    first step is "cold_s" (not is_cold: what the user's runs have left). Who keeps nothing has one
    process, cold as ever.
    """
    if who.cache is None:
        found = once(who, workload, threads, seconds)
        return found | ({"cold_s": found["first_s"]} if "first_s" in found else {})
    if not is_cold:
        return once(who, workload, threads, seconds)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        cold = once(who, workload, threads, 0.0, **{who.cache: folder})
        if "first_s" not in cold:
            return cold
        found = once(who, workload, threads, seconds, **{who.cache: folder})
    return found | {"cold_s": cold["first_s"], "cold_rss_mb": cold["rss_mb"]}


def once(who: Contender, workload: str, threads: int, seconds: float, **variables: str) -> dict:
    """One process: what it told, or {"failed": its last words}."""
    if who.python == sys.executable:
        variables["PYTHONPATH"] = python_path()
    arguments = [workload, who.mode, str(threads), str(seconds), repr(time.time())]
    command = [who.python, str(HERE / who.script), *arguments]
    code, out, err = finished(command, environment(threads, **variables))
    lines = [line for line in out.splitlines() if line.startswith("RESULT ")]
    if code or not lines:
        return {"failed": last_words(err) or f"it ended with code {code} and told nothing"}
    found = json.loads(lines[-1].removeprefix("RESULT "))
    wanted = WORKLOADS[workload].parameters if workload in WORKLOADS else None
    if "parameters" in found and found["parameters"] != wanted:
        return {"failed": f"its network has {found['parameters']} parameters, wanted {wanted}"}
    return found


def finished(command: list[str], variables: dict[str, str]) -> tuple[int, str, str]:
    """(exit code, output, errors) of a process that has TIMEOUT seconds; it never outlives ours."""
    try:
        with started(command, variables) as process:
            try:
                out, err = process.communicate(timeout=TIMEOUT)
            finally:
                end(process)
    except OSError as error:
        return -1, "", f"{command[0]}: {error.strerror}"
    except subprocess.TimeoutExpired:
        return -1, "", f"no end after {TIMEOUT} s"
    return process.returncode, out, err


def started(command: list[str], variables: dict[str, str], **options: Any) -> subprocess.Popen:
    """A process in a group of its own: torch.compile starts others, which must end with it."""
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=variables,
        start_new_session=True,
        **options,
    )


def end(process: subprocess.Popen) -> None:
    """End what is left of the process and of those that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def last_words(err: str) -> str:
    """The last line that says something."""
    lines = [line.strip() for line in err.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def experiment_start(threads: int, is_cold: bool) -> dict:
    """Seconds from the start of `framework train` to the end of its first epoch: "s" with kernels
    that an earlier start has left, "cold_s" without; or {"failed": its last words}.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        if not is_cold:
            return first_epoch(folder, environment(threads))
        variables = environment(threads, FRAMEWORK_CACHE=f"{folder}/kernels")
        cold = first_epoch(folder, variables)
        return cold if "failed" in cold else {"cold_s": cold["s"]} | first_epoch(folder, variables)


def first_epoch(folder: str, variables: dict[str, str]) -> dict:
    """One start, as launch/train makes it when its Python is there."""
    launch = ROOT / "framework/distributed/launch.py"
    options = ["--set", "epochs=1", "--output", f"{folder}/runs"]
    command = [sys.executable, str(launch), "train", str(EXPERIMENT), *options]
    variables = variables | {"PYTHONPATH": python_path()}
    start = time.perf_counter()
    with started(command, variables, cwd=folder) as process:
        watch = threading.Timer(TIMEOUT, end, [process])
        watch.start()
        try:
            for line in process.stdout:
                if line.startswith(FIRST_EPOCH):
                    return {"s": time.perf_counter() - start}
            return {"failed": last_words(process.stderr.read()) or "it ended before an epoch did"}
        finally:
            watch.cancel()
            end(process)
