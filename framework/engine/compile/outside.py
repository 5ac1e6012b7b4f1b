"""Outside: the large inputs of a program, which are no part of its arena.

Note [Inputs]  A call copies a small input into the arena. A large one is read where the caller has
it: a copy would take as long as many a program, and its memory. The plan (passes/memory.py) gives
no line a place in such an input, so nothing is written there. It is the program's for one call
only: the words that hold its address are set before each run, and afterwards nothing refers to it.
Another thread must not write to the array meanwhile.
"""

from __future__ import annotations

import numpy as np

from framework.engine.compile.passes.memory import Plan
from framework.engine.program import Program
from framework.engine.variable import aligned


class Outside:
    """Where the large inputs of a program are (`arrays`, by slot). is_used: there are any;
    is_missing: nobody said where, so the words that hold their addresses mean nothing."""

    def __init__(self, program: Program, plan: Plan):
        self.arrays: dict[int, np.ndarray] = {}
        self._numbers = {s: i for i, s in enumerate(program.inputs) if s in plan.outside}
        self._specs = {slot: program.specs[slot] for slot in plan.outside}
        self._words: dict[int, list[tuple[int, int]]] = {slot: [] for slot in plan.outside}
        self._own: dict[int, np.ndarray] = {}  # memory of the program, for what needs a copy
        self.is_missing = self.is_used = bool(plan.outside)

    def word(self, slot: int, offset: int, at: int) -> int:
        """The word at place `at` of the code: it will hold the address of an input plus `offset`
        bytes."""
        self._words[slot].append((at, offset))
        return 0

    def take(self, feeds: list[np.ndarray], code: np.ndarray) -> None:
        """Run on these arrays of the right shapes and dtypes, one for each input of the program."""
        self._use({s: self._readable(s, feeds[i]) for s, i in self._numbers.items()}, code)

    def fill(self, code: np.ndarray) -> None:
        """Run on memory of the program's own, whatever it holds (zeros at first): for steps that
        nobody feeds."""
        self._use({slot: self._memory_for(slot) for slot in self._specs}, code)

    def let_go(self) -> None:
        """Forget the arrays. The code keeps their addresses until the next run sets them anew."""
        self.is_missing = True
        self.arrays = {}  # a new dict: who runs on the old one keeps it (vm._drive)

    def memory(self, slot: int) -> np.ndarray:
        """The bytes of an input, read-only: a line that runs on NumPy must not change them."""
        found = self.arrays[slot].reshape(-1).view(np.uint8)
        found.flags.writeable = False
        return found

    def _use(self, arrays: dict[int, np.ndarray], code: np.ndarray) -> None:
        self.is_missing = True  # an interrupt may come between two words
        for slot, array in arrays.items():
            address = array.__array_interface__["data"][0]  # in a third of the time of array.ctypes
            for at, offset in self._words[slot]:
                code[at] = address + offset
        self.arrays, self.is_missing = arrays, False

    def _readable(self, slot: int, array: np.ndarray) -> np.ndarray:
        """The array as kernels read arrays: in C order, each element at a multiple of its size."""
        flags = array.flags
        if flags.c_contiguous and flags.aligned:
            return array
        made = self._memory_for(slot)
        made[...] = array
        return made

    def _memory_for(self, slot: int) -> np.ndarray:
        """The program's own memory for an input, made when it is wanted."""
        if slot not in self._own:
            spec = self._specs[slot]
            self._own[slot] = aligned(spec.shape, spec.dtype)
        return self._own[slot]
