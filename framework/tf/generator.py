"""tf.random.Generator: random numbers from a state that one owns."""

from __future__ import annotations

import enum
import os
from typing import Any

import numpy as np

from framework.engine import door, ops
from framework.engine import random as engine
from framework.engine.dtypes import as_dtype
from framework.engine.tensor import Tensor
from framework.engine.variable import Variable
from framework.tf.draws import between, full_range, shape_of
from framework.tf.random import DETERMINISM

MIX = 0x9E3779B97F4A7C15 - (1 << 64)  # odd: different counters give different keys


class Algorithm(enum.Enum):
    """Which cipher makes the numbers; here it is always Philox."""

    PHILOX = 1
    THREEFRY = 2
    AUTO_SELECT = 3


def check_algorithm(alg: Any) -> None:
    """Philox is what there is."""
    known = ("philox", "auto_select", 1, 3, Algorithm.PHILOX, Algorithm.AUTO_SELECT)
    if isinstance(alg, Tensor):
        alg = int(alg)
    if alg not in known and alg not in ("threefry", 2, Algorithm.THREEFRY):
        raise ValueError(
            f"Argument `alg` got unsupported value {alg}. Supported values are philox for the "
            "Philox algorithm, threefry for the ThreeFry algorithm, and auto_select for "
            "auto-selection."
        )
    if alg not in known:
        raise NotImplementedError(f"Generator: alg={alg!r} is not supported, wanted 'philox'")


class Generator:
    """Random numbers from the int64 Variable `state` [counter, counter, key]; each draw counts on.

    Make one by from_seed, from_state, from_key_counter, from_non_deterministic_state or `split`;
    Generator(state=...) or Generator(copy_from=...). The numbers are not TensorFlow's; a Checkpoint
    holds the state.
    """

    def __init__(self, copy_from: Generator | None = None, state: Any = None, alg: Any = None):
        if copy_from is not None:
            if state is not None or alg is not None:
                raise ValueError("Generator: give copy_from, or state and alg, not both")
            state = copy_from.state.numpy()
        else:
            check_algorithm(alg)
        value = np.array(door.static(state), np.int64)
        if value.shape != (3,):
            raise ValueError(f"Generator: got a state of shape {value.shape}, wanted (3,)")
        self._state = Variable(value, trainable=False, name="StateVar")

    @classmethod
    def from_state(cls, state: Any, alg: Any) -> Generator:
        """A Generator that goes on from the state of another."""
        return cls(state=state, alg=alg)

    @classmethod
    def from_seed(cls, seed: Any, alg: Any = None) -> Generator:
        """The same numbers for the same seed."""
        return cls(state=state_of_seed(seed), alg="philox" if alg is None else alg)

    @classmethod
    def from_non_deterministic_state(cls, alg: Any = None) -> Generator:
        """Other numbers each time."""
        refuse_chance("from_non_deterministic_state")
        seed = int.from_bytes(os.urandom(8), "little", signed=True)
        return cls.from_seed(seed, alg)

    @classmethod
    def from_key_counter(cls, key: Any, counter: Any, alg: Any) -> Generator:
        """key: an integer; counter: two of them."""
        return cls(state=[*np.reshape(door.static(counter), -1), int(key)], alg=alg)

    def checkpointed(self) -> dict[str, Any]:
        """What a Checkpoint holds."""
        return {"_state_var": self._state}

    @property
    def state(self) -> Variable:
        """The state."""
        return self._state

    @property
    def key(self) -> Tensor:
        """The key in the state."""
        return self._state[2]

    @property
    def algorithm(self) -> int:
        """1: Philox."""
        return Algorithm.PHILOX.value

    def reset(self, state: Any) -> None:
        """Go on from this state."""
        self._state.assign(np.array(door.static(state), np.int64))

    def reset_from_seed(self, seed: Any) -> None:
        """Go on as from_seed(seed) begins."""
        self.reset(state_of_seed(seed))

    def reset_from_key_counter(self, key: Any, counter: Any) -> None:
        """Go on as from_key_counter begins."""
        self.reset([*np.reshape(door.static(counter), -1), int(key)])

    def skip(self, delta: int) -> Tensor:
        """Count on by `delta` draws; the state before."""
        before = self._state.read_value()
        self._state.assign_add(np.array([int(delta), 0, 0], np.int64))
        return before

    def _next(self) -> Tensor:
        """The state of one draw, as the engine's ops take it: [key, counter]."""
        before = self.skip(1)
        key = before[2] + before[1] * np.int64(MIX)
        return ops.stack([key, before[0]])

    def normal(
        self,
        shape: Any,
        mean: Any = 0.0,
        stddev: Any = 1.0,
        dtype: Any = "float32",
        name: str | None = None,
    ) -> Tensor:
        """Normal numbers."""
        dtype = as_dtype(dtype).name
        return engine.normal(shape_of(shape), dtype=dtype, seed=self._next()) * stddev + mean

    def truncated_normal(
        self,
        shape: Any,
        mean: Any = 0.0,
        stddev: Any = 1.0,
        dtype: Any = "float32",
        name: str | None = None,
    ) -> Tensor:
        """Normal numbers, none further than two standard deviations from the mean."""
        dtype, state = as_dtype(dtype).name, self._next()
        return engine.truncated_normal(shape_of(shape), dtype=dtype, seed=state) * stddev + mean

    def uniform(
        self,
        shape: Any,
        minval: Any = 0,
        maxval: Any = None,
        dtype: Any = "float32",
        name: str | None = None,
    ) -> Tensor:
        """Uniform numbers in [minval, maxval); integers from everywhere if both are None."""
        return between(
            shape, minval, maxval, dtype, self._next,
            "For integer dtype {0}, minval and maxval must be both `None` or both non-`None`; got "
            "minval={1} and maxval={2}",
        )  # fmt: skip

    def uniform_full_int(
        self, shape: Any, dtype: Any = "uint64", name: str | None = None
    ) -> Tensor:
        """Integers from the whole range of the dtype."""
        return full_range(shape, as_dtype(dtype), self._next())

    def make_seeds(self, count: int = 1) -> Tensor:
        """(2, count) integers, each column a seed of the stateless functions."""
        seeds = full_range((count,), as_dtype("int64"), self._next())
        return ops.stack([seeds, ops.zeros_like(seeds)])

    def split(self, count: int = 1) -> list[Generator]:
        """Generators with numbers of their own."""
        keys = full_range((count,), as_dtype("int64"), self._next()).numpy()
        return [Generator(state=[0, 0, int(key)], alg="philox") for key in keys]


def state_of_seed(seed: Any) -> list[int]:
    """The first state of a seed, which is an integer or several."""
    key = 0
    for part in np.reshape(door.static(seed), -1):
        key = engine.mixed(key, int(part))
    return [0, 0, key]


GLOBAL: dict[str, Generator] = {}


def refuse_chance(what: str) -> None:
    """RuntimeError where numbers must be the same each time."""
    if DETERMINISM["is_on"]:
        raise RuntimeError(
            f'"{what}" cannot be called if determinism is enabled, unless "set_global_generator" '
            'has already been called. Please call "set_global_generator" first.'
        )


def get_global_generator() -> Generator:
    """The Generator of the process; made at the first call."""
    if "generator" not in GLOBAL:
        refuse_chance("get_global_generator")
        GLOBAL["generator"] = Generator.from_non_deterministic_state()
    return GLOBAL["generator"]


def set_global_generator(generator: Generator) -> None:
    """Let get_global_generator give this one."""
    GLOBAL["generator"] = generator
