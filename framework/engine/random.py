"""Seeds: which random numbers come next.

Every SeedGenerator has a seed and a counter in one int64 Variable [seed, counter]; each `next()`
counts on. Without a seed of its own a generator takes one from the global seed and the number of
generators made before it, so a program that makes its layers in the same order draws the same
numbers, on any number of processes.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

import numpy as np

from framework.engine import ops
from framework.engine.active import ACTIVE
from framework.engine.tensor import Tensor, as_tensor
from framework.engine.variable import Variable

MASK = 0xFFFFFFFFFFFFFFFF


class Global(threading.local):
    """Where this thread's batch starts in the global batch, and the generator of its draws that
    name none (None: the default one of all threads)."""

    first_row = 0
    generator: SeedGenerator | None = None


GLOBAL = Global()
STATE: dict = {"seed": None, "drawn": None, "made": 0, "places": 0, "default": None}


def mixed(seed: int, number: int) -> int:
    """A seed for generator `number` of `seed`: splitmix64 (Steele et al. 2014), as an int64."""
    z = (seed * 0x9E3779B97F4A7C15 + (number + 1) * 0xD1342543DE82EF95) & MASK
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        z = ((z ^ (z >> shift)) * factor) & MASK
    return as_int64(z ^ (z >> 31))


def as_int64(value: int) -> int:
    """The int64 with the same low 64 bits."""
    value &= MASK
    return value - (1 << 64) if value >> 63 else value


def set_seed(seed: int) -> None:
    """Start again from `seed`: generators made from now on repeat those made after the last
    set_seed(seed).
    """
    STATE.update(seed=int(seed), made=0, places=0, default=None)


def global_seed() -> int:
    """The global seed; drawn from the operating system if set_seed was never called."""
    if STATE["seed"] is not None:
        return STATE["seed"]
    if STATE["drawn"] is None:
        STATE["drawn"] = int.from_bytes(os.urandom(4), "little")
    return STATE["drawn"]


def is_seeded() -> bool:
    """Whether the global seed was set."""
    return STATE["seed"] is not None


def go_on_from(seed: int) -> None:
    """Make `seed` the global one without starting again: what was made keeps its numbers."""
    STATE["seed"] = int(seed)


def new_seed() -> int:
    """The seed of the next generator: from the global seed and the number of generators before."""
    number, STATE["made"] = STATE["made"], STATE["made"] + 1
    return mixed(global_seed(), number)


def next_place() -> int:
    """The number, for `mixed`, of the next stage of a pipeline that draws: counted apart from the
    generators, so that a data set more does not change the weights of a model."""
    STATE["places"] += 1
    return -2 - STATE["places"]


class SeedGenerator:
    """A stream of random states: SeedGenerator(seed=None).

    `state` is an int64 Variable [seed, counter]: save it to resume. Ops take what `next()` returns:
    ops.random_uniform(generator.next(), shape=(2, 3)).
    """

    def __init__(self, seed: int | None = None, name: str | None = None):
        self.seed = seed
        value = np.array([new_seed() if seed is None else as_int64(int(seed)), 0], np.int64)
        self.state = Variable(value, trainable=False, name=name or "seed_generator_state")

    def next(self) -> Tensor:
        """The next state [seed, counter]; works in a trace,
        where every run of the program counts on.
        """
        self.state.assign_add(STEP)
        return self.state.read_value()


STEP = np.array([0, 1], np.int64)


def default_generator() -> SeedGenerator:
    """The generator of calls that name none; it starts anew with set_seed."""
    if GLOBAL.generator is not None:
        return GLOBAL.generator
    if STATE["default"] is None:
        trace, ACTIVE.trace = ACTIVE.trace, None  # it is not the function's that draws first
        try:
            STATE["default"] = SeedGenerator(mixed(global_seed(), -2))
        finally:
            ACTIVE.trace = trace
    return STATE["default"]


def state_of(seed: int | SeedGenerator | Tensor | None) -> Tensor:
    """A state for one draw: of a generator its next one, of None the default generator's,
    of an int always the same.
    """
    if isinstance(seed, Tensor):
        return seed
    if seed is None or isinstance(seed, SeedGenerator):
        return (seed or default_generator()).next()
    return as_tensor(np.array([as_int64(int(seed)), 0], np.int64))


@contextlib.contextmanager
def rows_from(first_row: int) -> Iterator[None]:
    """Within this block the batch of this thread starts at row `first_row` of the global batch."""
    before, GLOBAL.first_row = GLOBAL.first_row, int(first_row)
    try:
        yield
    finally:
        GLOBAL.first_row = before


@contextlib.contextmanager
def drawing_from(generator: SeedGenerator) -> Iterator[None]:
    """Within this block the draws of this thread that name no generator come from `generator`."""
    before, GLOBAL.generator = GLOBAL.generator, generator
    try:
        yield
    finally:
        GLOBAL.generator = before


def first_row() -> int:
    """The row of the global batch at which this thread's batch starts:
    for random numbers that belong to samples.
    """
    return GLOBAL.first_row


def uniform(shape, *, low=0.0, high=1.0, dtype="float32", seed=None, first_row: int = 0) -> Tensor:
    """Uniform numbers in [low, high); seed: an int, a SeedGenerator or None."""
    return ops.random_between(
        state_of(seed), shape=tuple(shape), low=low, high=high, dtype=dtype, first_row=first_row
    )


def normal(
    shape, *, mean=0.0, stddev=1.0, dtype="float32", seed=None, first_row: int = 0
) -> Tensor:
    """Normal numbers; seed: an int, a SeedGenerator or None."""
    return scaled(
        ops.random_normal(state_of(seed), shape=tuple(shape), dtype=dtype, first_row=first_row),
        mean,
        stddev,
    )


def truncated_normal(
    shape, *, mean=0.0, stddev=1.0, dtype="float32", seed=None, first_row: int = 0
) -> Tensor:
    """Normal numbers within two standard deviations; seed: an int, a SeedGenerator or None."""
    z = ops.random_truncated_normal(
        state_of(seed), shape=tuple(shape), dtype=dtype, first_row=first_row
    )
    return scaled(z, mean, stddev)


def scaled(z: Tensor, mean: float, stddev: float) -> Tensor:
    """mean + stddev z"""
    z = z if stddev == 1.0 else z * float(stddev)
    return z if mean == 0.0 else z + float(mean)
