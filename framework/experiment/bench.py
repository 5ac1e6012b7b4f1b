"""`framework bench`: the benchmarks of a checkout, which an installed package does not carry."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from types import ModuleType

from framework.experiment.errors import UserError

FOLDER = Path(__file__).resolve().parents[2] / "experiments" / "benchmarks"


def bench(options: argparse.Namespace) -> int:
    """Run experiments/benchmarks/compare.py with the options of the command; returns its exit code.

    UserError where this is no checkout.
    """
    return module("compare").run(options)


def module(name: str) -> ModuleType:
    """A module of the benchmarks, which import each other by their bare names."""
    if not (FOLDER / f"{name}.py").is_file():
        raise UserError(
            f"bench: the benchmarks are not installed with the package: got no {FOLDER}, wanted a "
            "checkout of the sources; run `python -m framework bench` there"
        )
    if str(FOLDER) not in sys.path:
        sys.path.insert(0, str(FOLDER))
    return importlib.import_module(name)
