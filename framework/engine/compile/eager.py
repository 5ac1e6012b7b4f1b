"""Kernels in eager calls: for ops whose own kernel is much faster than what NumPy offers.

An op says from how many elements on (`kernel_from`); below, and where there is no kernel for these
dtypes and shapes, the NumPy forward runs. A kernel is compiled once per installation (cache.py).
"""

from __future__ import annotations

import ctypes
import threading
from array import array
from typing import Any

import numpy as np

from framework.engine.compile import cache
from framework.engine.compile.entries import entry_of
from framework.engine.compile.entry import HEADER, Address, Entry, Scratch, ScratchStep
from framework.engine.program import Line, Program
from framework.engine.tensor import Spec
from framework.engine.variable import aligned

MANY = 4096  # calls of other shapes and attrs are forgotten beyond
# What a kernel writes into control[1] where the forward would raise (see vm.py), into control[4]
# where only eager calls raise.
ERROR = 3
# A PyArrayObject begins with PyObject_HEAD and the pointer to the elements (ndarraytypes.h).
DATA = object.__basicsize__
CALLS: dict[tuple, Call | None] = {}
MISSING: Any = object()


class Memory(threading.local):
    """The scratch memory of this thread's calls: the most that one of them wanted."""

    held = aligned((0,), np.uint8)

    def at_least(self, nbytes: int) -> int:
        """The address of so many bytes."""
        if self.held.nbytes < nbytes:
            self.held = aligned((nbytes,), np.uint8)
        return address_of(self.held)


MEMORY = Memory()


class Call:
    """One op on operands of certain shapes and dtypes: its kernel, and the words of its block."""

    def __init__(self, address: int, outs: list[Spec], entry: Entry):
        self.function = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 3)(address)
        self.outs, self.scratch = outs, entry.scratch
        self.words = [address, HEADER + len(entry.words), 0]
        self.places: list[tuple[int, int, int]] = []  # (place of a word, operand, offset)
        self.control = -1  # place of the word that names the control array
        self.rooms: list[tuple[int, int]] = []  # (place of a word, offset in the scratch memory)
        for word in entry.words:
            at = len(self.words)
            if isinstance(word, Address):
                self.places.append((at, word.slot, word.offset))
            elif isinstance(word, Scratch):
                self.rooms.append((at, word.start))
            elif isinstance(word, str):
                self.control = at
            self.words.append(plain_word(word))

    def __call__(self, arrays: tuple) -> Any:
        """The outputs, as the op's forward gives them; None if the kernel met an error."""
        operands = [a if a.flags.c_contiguous else np.ascontiguousarray(a) for a in arrays]
        made = [np.empty(spec.shape, spec.dtype) for spec in self.outs]
        starts = [address_of(a) for a in (*operands, *made)]
        block = array("q", self.words)
        for at, operand, offset in self.places:
            block[at] = starts[operand] + offset
        if self.scratch:
            room = MEMORY.at_least(self.scratch)
            for at, offset in self.rooms:
                block[at] = room + offset
        if self.control < 0:
            self.function(block.buffer_info()[0], 0, 1)
        else:
            control = array("q", (0, 0, 0, 0, 0))
            block[self.control] = control.buffer_info()[0]
            self.function(block.buffer_info()[0], 0, 1)
            if control[1] == ERROR or control[4] == ERROR:
                return None
        return made[0] if len(made) == 1 else tuple(made)


def address_of(x: np.ndarray) -> int:
    """Where the elements of an array start: x.ctypes.data, at a fifth of the time."""
    return ctypes.c_int64.from_address(id(x) + DATA).value


def plain_word(word: Any) -> int:
    """A word as the VM stores it; what is filled in at each call is 0."""
    if isinstance(word, (Address, Scratch, ScratchStep, str)):
        return 0
    return int(np.float64(word).view(np.int64)) if isinstance(word, float) else int(word)


def run(op: Any, arrays: tuple, attrs: dict) -> Any:
    """op.forward(*arrays, **attrs), by the op's kernel where it has one."""
    call = call_of(op, arrays, attrs)
    result = None if call is None else call(arrays)
    if result is None:  # no kernel, or one that met an error, which the forward explains
        return op.forward(*arrays, **attrs)
    return result


def call_of(op: Any, arrays: tuple, attrs: dict) -> Call | None:
    """The Call for operands like these; None if the op has no kernel for them."""
    key = (op, *attrs.items(), *[(a.shape, a.dtype) for a in arrays])
    call = CALLS.get(key, MISSING)
    if call is MISSING:
        if len(CALLS) >= MANY:
            CALLS.clear()
        call = CALLS[key] = prepared(op, arrays, attrs)
    return call


def prepared(op: Any, arrays: tuple, attrs: dict) -> Call | None:
    """What call_of remembers."""
    found = planned(op, arrays, attrs)
    if found is None:
        return None
    entry, outs = found
    (address,) = cache.addresses([entry])
    if not address:
        return None
    return Call(address, outs, entry)


def planned(op: Any, arrays: tuple, attrs: dict) -> tuple[Entry, list[Spec]] | None:
    """The Entry for operands like these, and the outputs; None if there is no kernel."""
    specs = [Spec(a.shape, a.dtype) for a in arrays]
    inferred = op.infer(*specs, **attrs) if op.outs else ()
    outs: list[Any] = list(inferred) if isinstance(inferred, tuple) else [inferred]
    count = len(specs)
    slots, made = tuple(range(count)), tuple(range(count, count + len(outs)))
    program = Program(specs=dict(enumerate([*specs, *outs])))
    entry = entry_of(program, Line(op, slots, attrs, made, tuple([*specs, *outs])))
    if entry is None or any([s.size == 0 for s in (*specs, *outs)]):
        return None
    return entry, outs
