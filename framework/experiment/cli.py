"""The command line: `framework train`, `eval`, `doctor`, `bench`, `cache`.

Each command imports what it needs when it is called, so that `--help` and mistakes answer at once.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from typing import Any

from framework.experiment.errors import INTERRUPTED, OUTPUT_CLOSED, STOP_SIGNALS, UserError


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = argparse.ArgumentParser(
        prog="framework", description="Train and evaluate networks described in YAML files."
    )
    top.add_argument("--traceback", action="store_true", help="show where an error came from")
    after = argparse.ArgumentParser(add_help=False)  # the same option behind the command
    after.add_argument(
        "--traceback", action="store_true", default=argparse.SUPPRESS, help="as above"
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    train = commands.add_parser(
        "train", help="run an experiment", allow_abbrev=False, parents=[after]
    )
    train.add_argument("experiment", metavar="EXPERIMENT.yaml")
    train.add_argument(
        "--set",
        dest="settings",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="override one key, like optimizer.learning_rate=0.01 or model[0].Dense.units=64",
    )
    train.add_argument("--output", metavar="DIR", help="the same as --set output.folder=DIR")
    train.add_argument("--seed", metavar="N", help="the same as --set seed=N")
    train.add_argument("--quiet", action="store_true", help="print the final figures only")
    evaluate = commands.add_parser(
        "eval", help="evaluate a finished run on its test part", parents=[after]
    )
    evaluate.add_argument("folder", metavar="RUN_FOLDER")
    commands.add_parser("doctor", help="tell what this installation finds")
    bench = commands.add_parser(
        "bench", help="time train steps beside other libraries", allow_abbrev=False, parents=[after]
    )
    _bench_options(bench)
    kernels = commands.add_parser(
        "cache", help="tell how large the kernel cache is", allow_abbrev=False, parents=[after]
    )
    kernels.add_argument("--clear", action="store_true", help="remove all kernels")
    kernels.add_argument("--warm", action="store_true", help="compile the common kernels now")
    return top


def _bench_options(bench: argparse.ArgumentParser) -> None:
    bench.add_argument(
        "--peer-python",
        metavar="NAME=PYTHON",
        action="append",
        default=[],
        help="the Python that has a peer: torch, jax or tf; once for each",
    )
    bench.add_argument("--peers", metavar="NAMES", help="only these of them, as torch,jax")
    bench.add_argument(
        "--workloads", metavar="NAMES", help="as W1,W2,start,eager; all if not given"
    )
    bench.add_argument("--threads", metavar="NUMBERS", default="1,2", help="default: 1,2")
    bench.add_argument("--rounds", metavar="N", default=3, help="default: 3")
    bench.add_argument(
        "--seconds", type=float, default=2.0, help="that steps are timed per process; default: 2"
    )
    bench.add_argument(
        "--no-cold",
        dest="cold",
        action="store_false",
        help="leave out the first steps with an empty kernel cache, some 10 s each",
    )
    bench.add_argument(
        "--profile", metavar="NAMES", help="append the lines of these workloads with their times"
    )
    bench.add_argument("--json", metavar="FILE", help="keep all figures")


def settings(options: argparse.Namespace) -> list[str]:
    """All overrides; --output and --seed are other words for --set and win over it."""
    from framework.experiment.yaml_reader import dump

    found = list(options.settings)
    if options.output is not None:
        found.append(f"output.folder={dump(options.output).splitlines()[0]}")
    if options.seed is not None:
        found.append(f"seed={options.seed}")
    return found


def run(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say; returns the exit code (2 for a mistake of the user)."""
    options = parser().parse_args(arguments)
    try:
        return _command(options)
    except UserError as error:
        if options.traceback:
            raise
        return _refuse(error)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output is gone, as in `framework train X | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OUTPUT_CLOSED


def _command(options: argparse.Namespace) -> int:
    if options.command == "train":
        from framework.experiment.run import train

        return train(options.experiment, settings(options), options.quiet)
    if options.command == "eval":
        from framework.experiment.evaluate import evaluate

        return evaluate(options.folder)
    if options.command == "bench":
        from framework.experiment.bench import bench

        return bench(options)
    if options.command == "cache":
        from framework.experiment.kernel_cache import manage

        return manage(options.clear, options.warm)
    from framework.experiment.doctor import doctor

    return doctor()


def _refuse(error: UserError) -> int:
    """Tell a mistake once, whether one rank or all of them found it; returns the exit code."""
    from framework import distributed
    from framework.distributed import faults

    try:
        world = distributed.comm()
    except RuntimeError:  # MPI cannot be started; that was told already
        world = None
    if world is None or world.size == 1:
        print(error, file=sys.stderr, flush=True)
    elif error.shared:
        if world.rank == 0:
            print(error, file=sys.stderr, flush=True)
    else:  # the other ranks may be waiting for this one in the middle of an epoch
        if world.rank > 0:
            time.sleep(faults.ROOT_FIRST)  # rank 0 mostly has the same error and ends the job first
        faults.tell(str(error))
        world.abort(error.code)
    return error.code


def _stop_like_ctrl_c() -> None:
    """SIGTERM (a scheduler's or mpirun's word for stop) and SIGUSR1 (launch/train's) end a run as
    Ctrl-C does.
    """

    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    for number in STOP_SIGNALS:
        signal.signal(number, interrupt)


def main() -> None:
    """Entry point of the command: ends the process with the exit code."""
    _stop_like_ctrl_c()
    code = run()
    sys.exit(
        code
    )  # looked up late: under a launcher sys.exit remembers the code for the other ranks


if __name__ == "__main__":
    main()
