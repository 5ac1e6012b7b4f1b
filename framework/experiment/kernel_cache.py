"""`framework cache`: the compiled kernels on disk, how to clear them and how to make the common
ones before the first run."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from framework.engine.compile import cache, eager, target
from framework.engine.compile.dispatch import HELPER, VM
from framework.engine.compile.entry import Entry
from framework.engine.compile.strip_entry import entries_of
from framework.engine.compile.vm import Executable
from framework.engine.machine import free_cores
from framework.engine.op import OPS
from framework.experiment import build
from framework.experiment.check import check, read_experiment
from framework.experiment.common_networks import Network, common
from framework.experiment.errors import UserError
from framework.experiment.registries import keras_catalog
from framework.keras.training.feeds import as_source
from framework.keras.training.rehearsal import rehearse

GALLERY = Path(__file__).resolve().parents[2] / "experiments"


def manage(is_cleared: bool, is_warmed: bool) -> int:
    """Clear and warm what is wished, then tell the folder, the number of kernels and their size."""
    where = cache.folder()
    if where is None:
        raise UserError(
            "the kernel cache folder cannot be used: kernels are compiled in every process. Name a "
            "folder of yours by FRAMEWORK_CACHE"
        )
    if is_cleared:
        count = clear(where)
        print(f"removed {count} kernels")
    if is_warmed:
        warm()
    print(size_of(where))
    return 0


def size_of(where: Path) -> str:
    """The folder, how many kernels it has, and their size."""
    sizes = [kernel.stat().st_size for kernel in where.glob("*.o")]
    return f"{where}: {len(sizes)} kernels, {sum(sizes) / 1e6:.1f} MB"


def clear(where: Path) -> int:
    """Remove the kernels, and what an interrupted process left; returns the number of kernels. A
    process that runs has loaded its own."""
    kernels = list(where.glob("*.o"))
    for path in [*kernels, *where.glob("*.o.*"), *where.glob("*.[0-9]*")]:
        path.unlink(missing_ok=True)
    return len(kernels)


def warm(networks: Iterable[Network] | None = None) -> int:
    """Compile what most training steps are made of: those of the gallery and of the common layers,
    losses, metrics and optimizers, in one go; returns the number of kernels. networks: these only,
    instead.
    """
    start, before = time.perf_counter(), len(cache.COMPILED)
    wanted = [] if networks is not None else [*of_ops(), *of_gallery()]
    for network in common() if networks is None else networks:
        wanted += of_network(network)
    missing = {e.key(target.stamp()): e for e in wanted if not cache.is_at_hand(e)}
    seconds = 1 + 0.45 * len(missing) / free_cores()
    if missing:
        print(
            f"compiling {len(missing)} kernels, once for this machine (about {seconds:.0f} s)",
            flush=True,
        )
    cache.addresses(list(missing.values()))
    count = len(cache.COMPILED) - before
    print(f"compiled {count} kernels in {time.perf_counter() - start:.0f} s")
    return count


class Wanted(Executable):
    """What a Program needs of the compiler (`entries`). It cannot be run."""

    def _link(self, parts: list) -> list[int]:
        self.entries = [VM, HELPER, *entries_of(parts)]
        return []

    def _assemble(self, parts: list, functions: list[int]) -> None:
        """Nothing to run."""


def of_network(network: Network) -> list[Entry]:
    """What its steps need: of training, of evaluation, of prediction."""
    model = network.model
    model.compile(network.optimizer, network.loss, metrics=network.metrics)
    found = []
    for kind in ("train", "test", "predict"):
        targets = None if kind == "predict" else network.targets
        runner = model.runner(kind, as_source(network.inputs, targets), network.rows)
        found += of_runner(model, kind, runner)
    return found


def of_runner(model: Any, kind: str, runner: Any) -> list[Entry]:
    """What a runner's step on a whole batch needs; nothing if it runs eagerly."""
    runner.assemble = Wanted
    if kind != "predict":
        rehearse(model, kind, runner)
    wanted = runner.whole_batch()
    return [] if wanted is None else wanted.entries


def of_ops() -> list[Entry]:
    """What quick calls want to find on the disk."""
    found = []
    for op in [op for op in OPS.values() if op.is_exact]:
        for sample in op.samples:
            planned = eager.planned(op, tuple(sample.arrays(0, np.float32)), sample.attrs)
            found += [] if planned is None else [planned[0]]
    return found


def of_gallery() -> list[Entry]:
    """What the experiments of a checkout need, of those whose data are installed."""
    found = []
    for path in sorted(GALLERY.glob("*.yaml")):
        try:
            plan = check(read_experiment(path, ()), keras_catalog())
            parts = build.load_data(plan)
            model = build.build_model(plan, parts)
        except UserError:
            continue  # its data are an extra
        model.checks_finite = plan.experiment.nan == "raise"
        for kind, rows in (("train", parts.train), ("test", parts.validation)):
            if len(rows[0]):
                runner = model.runner(kind, as_source(*rows), plan.experiment.batch_size)
                found += of_runner(model, kind, runner)
    return found
