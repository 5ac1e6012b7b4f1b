"""Executable: a Program assembled for the VM. One arena, one block of words per line, one call
into compiled code."""

from __future__ import annotations

import ctypes
import math
import time
from functools import partial
from typing import Any

import numpy as np

from framework.engine.compile import cache, sharing, team
from framework.engine.compile.arena import allocate
from framework.engine.compile.cost import seconds_of
from framework.engine.compile.dispatch import HELPER
from framework.engine.compile.entry import HEADER, Address, Scratch, ScratchStep
from framework.engine.compile.forked import lock_of
from framework.engine.compile.outside import Outside
from framework.engine.compile.passes import PASSES
from framework.engine.compile.passes.memory import LARGE
from framework.engine.compile.stops import Stops
from framework.engine.compile.strip_entry import assembled, lines_of, linked
from framework.engine.compile.watched import LONG_SECONDS, is_main_thread, watched
from framework.engine.machine import free_cores
from framework.engine.operands import refusal
from framework.engine.program import Line, Program
from framework.engine.variable import Variable, aligned

DONE, NOT_FINITE, INTERRUPTED = -1, -2, -3
# Words of control: where the program stopped, by which a user asks for an end, the last place where
# that is granted within a step.
PLACE, STOP, LAST_STOP = 2, 5, 6


class NotFinite(FloatingPointError):
    """A checked value was NaN or infinite: `steps` steps were finished before; nothing of the
    failing one was written. executable: the one that stopped; feeds: what it was called with."""

    def __init__(self, steps: int, executable: Executable):
        super().__init__(f"a value is NaN or infinite in step {steps + 1}")
        self.steps, self.executable = steps, executable
        self.feeds: list[np.ndarray] = []


class Stopped(RuntimeError):
    """Another thread's `stop()` ended a call before it wrote anything."""


class Executable:
    """Runs a Program: executable(*arrays) -> list of arrays; `repeat(n)` for programs that fetch
    their own batches.

    inputs: the Specs of the arrays. Large ones are read where they are, see Note [Inputs] in
    outside.py.

    Threads may share one: their calls wait for each other; `stop` does not wait. A Variable may be
    assigned while a program runs: what the program sees of that before its next call is undefined.
    What takes long leaves the main thread to signals (watched.py).
    A line may raise (an op without a kernel, an index out of range): the Variables then keep what
    the lines before it wrote, unlike after NotFinite.
    """

    def __init__(self, program: Program, passes: tuple = PASSES):
        self.source = program
        for pass_ in passes:
            program = pass_(program)
        program, self.plan, parts, functions = assembled(program, self._link)
        self.program = program
        self.arena = allocate(self.program, self.plan)
        self.constants = {s: aligned_copy(c) for s, c in program.constants.items()}
        self.control = np.zeros(16, np.int64)  # steps to do, what went wrong, where, steps done
        self.lines: list[tuple[Line, int]] = []
        self.callouts: dict[int, Line] = {}  # those without a kernel, by the place of their block
        self._line_at: dict[int, Line] = {}
        self._lock = lock_of(self)
        self._is_busy = False
        self._views: dict[int, np.ndarray] = {}  # of slots that are no Variable's memory
        self._moving: list[tuple[int, Address]] = []  # words that hold a Variable's address
        self._written = {program.variables[line.inputs[i]].id: program.variables[line.inputs[i]]
                         for line in program.lines for i in line.op.writes}  # fmt: skip
        self._take_memory()
        self._outside = Outside(program, self.plan)
        self._seconds = seconds_of(program)
        self._assemble(parts, functions)
        self.inputs = [program.specs[slot] for slot in program.inputs]
        self._copied = [(number, self._array(slot)) for number, slot in enumerate(program.inputs)
                        if slot not in self.plan.outside]  # fmt: skip

    def _link(self, parts: list) -> list[int]:
        """The addresses of the VM and of what it calls."""
        return linked(parts)

    def _assemble(self, parts: list, functions: list[int]) -> None:
        vm, *functions = functions
        if not vm:
            raise RuntimeError("the compiler cannot make the VM itself: fit with run_eagerly=True")
        self._vm = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 6)(vm)
        code: list[int] = []
        parts = [
            (part[0], part[1] if f else None) for part, f in zip(parts, functions, strict=True)
        ]
        shared = self._share(parts)
        self._step = max([entry.scratch if entry else 0 for _, entry in parts], default=0)
        self._most = free_cores() if self.is_shared else 1  # threads
        self.scratch = aligned((self._step * self._most,), np.uint8)
        for (line, entry), address, together in zip(parts, functions, shared, strict=True):
            self.lines += lines_of(line, entry, len(code))
            self._line_at[len(code)] = line
            if entry is None:
                self.callouts[len(code)] = line
            words = entry.words if entry else []
            code += [address, HEADER + len(words), together]
            code += [self._word(word, len(code) + i) for i, word in enumerate(words)]
        self.code = np.array(code, np.int64)
        self._calls_blas = bool(self.callouts) or not cache.CALL_BLAS.isdisjoint(functions)
        self._stops = Stops(self.lines, self._variable, self.constants)
        self.control[LAST_STOP] = self._stops.last
        self._places = self.code.ctypes.data, self.control.ctypes.data

    def _variable(self, slot: int) -> Variable | None:
        """The Variable whose memory a slot is."""
        return self.program.variables.get(self.plan.resolve(slot)[0])

    def _share(self, parts: list) -> list[int]:
        """What threads do together, and the function that helpers run for it."""
        shared = sharing.groups(self.program, parts, self.plan)
        (helper,) = cache.addresses([HELPER]) if any(shared) else (0,)
        self.is_shared = bool(helper)
        self._helper = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 3)(helper)
        return shared if helper else [0] * len(shared)

    def _take_memory(self) -> None:
        """Refer to the memory that the words name: an assignment of another thread may give a
        Variable new memory at any time, the old one must outlive the program's use of it."""
        self._moves = Variable.moves  # read first: what moves meanwhile is seen by the next call
        self._memory = {slot: v._memory for slot, v in self.program.variables.items()}

    def _word(self, word: Any, at: int) -> int:
        """A word as compiled code sees it, at this place."""
        if isinstance(word, Address):
            owner, start = self.plan.resolve(word.slot)
            if owner in self.plan.outside:
                return self._outside.word(owner, start + word.offset, at)
            if owner in self.program.variables:
                self._moving.append((at, word))
            return self._address(word)
        if isinstance(word, Scratch):
            return self.scratch.ctypes.data + word.start
        if isinstance(word, ScratchStep):
            return self._step
        if isinstance(word, str):
            return {"control": self.control.ctypes.data}[word]
        return int(np.float64(word).view(np.int64)) if isinstance(word, float) else int(word)

    def _address(self, word: Address) -> int:
        owner, offset = self.plan.resolve(word.slot)
        offset += word.offset
        if owner in self._memory:
            return self._memory[owner].ctypes.data + offset
        if owner in self.constants:
            return self.constants[owner].ctypes.data + offset
        return self.arena.ctypes.data + self.plan.offset[owner] + offset

    def _array(self, slot: int) -> np.ndarray:
        """The memory of a slot as an array."""
        if slot in self._views:
            return self._views[slot]
        owner, start = self.plan.resolve(slot)
        spec = self.program.specs[slot]
        if owner in self._memory:
            memory = self._memory[owner].reshape(-1).view(np.uint8)
        elif owner in self.constants:
            memory = self.constants[owner].reshape(-1).view(np.uint8)
        elif owner in self.plan.outside:
            memory = self._outside.memory(owner)
        else:
            memory = self.arena[self.plan.offset[owner] :]
        view = memory[start : start + spec.nbytes].view(spec.dtype).reshape(spec.shape)
        if owner not in self._memory and owner not in self.plan.outside:  # it stays where it is
            self._views[slot] = view
        return view

    def _prepare(self) -> None:
        """Give held Variables new memory before they are overwritten, also those that an input is a
        view of; look addresses up again if any moved."""
        for variable in self._written.values():
            variable.writable()
        if self._moves != Variable.moves:
            self._take_memory()
            for at, word in self._moving:
                self.code[at] = self._address(word)
        if self._outside.is_missing:
            self._outside.fill(self.code)

    def __call__(self, *feeds: Any) -> list[np.ndarray]:
        """Run once on arrays of the shapes and dtypes that were traced."""
        arrays = [np.asarray(feed) for feed in feeds]
        for place, array in zip(self.inputs, arrays, strict=False):
            if array.shape != place.shape or array.dtype != place.dtype:
                break
        else:
            if len(arrays) == len(self.inputs):
                return self._run_on(arrays)
        raise ValueError(wrong_feeds(arrays, self.inputs))

    def _run_on(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        with self._lock:
            if self._is_busy:  # called from a finalizer, in the middle of a call of this thread
                return [np.array(x) for x in self.program.run(*arrays)]
            self._is_busy = True
            try:
                for number, place in self._copied:
                    place[...] = arrays[number]
                if self._outside.is_used:
                    self._outside.take(arrays, self.code)
                if not self.repeat(1):
                    raise Stopped("a program was stopped from another thread during a call")
                return self.outputs()
            except NotFinite as error:
                error.feeds = arrays
                raise
            finally:
                self._is_busy = False
                if self._outside.is_used:
                    self._outside.let_go()

    def outputs(self) -> list[np.ndarray]:
        """Copies of the outputs of the last step."""
        with self._lock:
            return [self._array(slot).copy() for slot in self.program.outputs]

    def repeat(self, steps: int) -> int:
        """Run the whole program `steps` times without coming back to Python, except for ops that
        have no kernel. It is for programs without inputs: those of the last call are not kept.

        Returns the number of steps that were finished: less than `steps` after `stop()`. Raises
        NotFinite.
        """
        with self._lock:
            return self._repeat(steps)

    def _repeat(self, steps: int) -> int:
        self._prepare()
        control = self.control  # one by one: a slice takes four times as long
        control[0], control[1], control[2], control[3], control[STOP] = steps, 0, 0, 0, 0
        seconds = self._seconds * steps
        if not self.is_shared or (threads := min(team.count(), self._most)) < 2:
            return self._drive(seconds, 0, 1)
        return team.run(
            partial(self._drive, seconds),
            self._places[0],
            self._helper,
            threads=threads,
            calls_blas=self._calls_blas,
            is_long=seconds >= sharing.WAKING,
        )

    def _drive(self, seconds: float, words: int, threads: int) -> int:
        """Run the program, on this thread what has no kernel; seconds: what it may take."""
        control, pc = self.control, 0
        code, state = self._places
        is_long = seconds > LONG_SECONDS and is_main_thread()

        def enter(_read: dict = self._outside.arrays) -> int:  # kept on the thread that reads it
            place = self._vm(code, pc, len(self.code), state, words, threads)
            if place == INTERRUPTED:
                self._stops.take_back(int(control[PLACE]), self._memory)
            return place

        while True:
            pc = watched(enter, self.stop) if is_long else enter()
            if pc == NOT_FINITE:
                raise NotFinite(int(control[3]), self)
            if pc < 0:
                return int(control[3])
            self._call_out(self._line_at[pc])
            pc += int(self.code[pc + 1])

    def stopped_at(self) -> Line:
        """The line whose check ended the last run, after NotFinite."""
        return self._line_at[int(self.control[2])]

    def stop(self) -> None:
        """Ask a running `repeat` (of another thread) to end: after the present line if its step has
        not written anything, after the step otherwise."""
        self.control[STOP] = 1

    def _call_out(self, line: Line) -> None:
        """Run a line's NumPy forward on views of the memory."""
        arrays = [self._array(slot) for slot in line.inputs]
        try:
            result = line.op.forward(*arrays, **line.attrs)
        except (ValueError, TypeError, MemoryError) as error:
            raise refusal(line.op, arrays, line.attrs, error) from None
        values = result if isinstance(result, tuple) else (result,)
        for slot, value in zip(line.outs, values, strict=False):
            place = self._array(slot)
            if np.shape(value) != place.shape:
                raise AssertionError(
                    f"{line.op.name}: the forward gave {np.shape(value)}, infer {place.shape}"
                )
            place[...] = value

    def profile(self, steps: int = 100) -> list[tuple[float, Line]]:
        """[(microseconds, line)]: medians over real steps, one block at a time, less the cost of
        entering the VM."""
        with self._lock:
            self._prepare()
            return self._profile(steps)

    def _profile(self, steps: int) -> list[tuple[float, Line]]:
        seconds, end = np.zeros((steps, len(self.lines))), len(self.code)
        control = self.control.ctypes.data
        for step in range(steps):
            for i, (line, pc) in enumerate(self.lines):
                self.control[:2] = 1, 0
                start = time.perf_counter()
                if pc in self.callouts:
                    self._call_out(line)
                else:
                    self._vm(self.code[pc:].ctypes.data, 0, int(self.code[pc + 1]), control, 0, 1)
                seconds[step, i] = time.perf_counter() - start
        entering = np.zeros(1000)
        for i in range(len(entering)):
            self.control[0], start = 1, time.perf_counter()
            self._vm(self.code.ctypes.data, end, end, control, 0, 1)
            entering[i] = time.perf_counter() - start
        least = np.median(entering)
        return [
            (1e6 * max(0.0, s - least), line)
            for s, (line, _) in zip(np.median(seconds, axis=0), self.lines, strict=True)
        ]


def wrong_feeds(feeds: list[np.ndarray], places: list[np.ndarray]) -> str:
    """What is wrong with the arrays that an Executable was called with."""
    if len(feeds) != len(places):
        return f"this program has {len(places)} inputs, got {len(feeds)}"
    wrong = [
        f"input {i}: got {feed.dtype}{list(feed.shape)}, wanted {place.dtype}{list(place.shape)}"
        for i, (feed, place) in enumerate(zip(feeds, places, strict=True))
        if feed.shape != place.shape or feed.dtype != place.dtype
    ]
    return f"this program was traced for other arrays: {'; '.join(wrong)}"


def aligned_copy(array: np.ndarray) -> np.ndarray:
    """A large constant (data) stays where it is; a small one moves to aligned memory.

    Note [Constants]  An array that a program reads is a constant: its owner must not write to it.
    Whether a program would see that depends on the size: above 64 KB the array itself is read,
    because a data set may be most of the machine's memory; below, a copy. What changes between
    calls is an input of the traced function, or a Variable that is assigned.
    """
    if array.flags.c_contiguous and (array.nbytes > LARGE or math.prod(array.shape) == 0):
        return array
    made = aligned(array.shape, array.dtype)
    made[...] = array
    return made
