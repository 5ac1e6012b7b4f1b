"""Small eager calls: functions that Python calls as it calls those written in C.

NumPy takes 0.6 to 2 us for an op on a thousand numbers, a kernel 0.1: what counts is the way to it
and back to a Tensor, 3 us by ctypes and 0.2 us by `dispatch` (fastcall.py). A `Quick` is such a
function for one op and its attrs, and learns what it is called with. dispatch holds the GIL: large
calls go through eager.py, which does not.
"""

from __future__ import annotations

import ctypes
import functools
import math
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from framework.engine.active import ProcessLock
from framework.engine.compile import cache, eager
from framework.engine.compile.fastcall import DISPATCH
from framework.engine.tensor import SLOTS, Tensor
from framework.engine.variable import Variable, aligned

MOST = 32768  # elements of the largest operand
ROWS = 32  # rows of one op and its attrs; beyond, all are forgotten
MANY = 1024  # shapes and dtypes of one op and its attrs that are counted
# Calls before a kernel is loaded that gives what NumPy gives, only sooner. One that is not on the
# disk is not made for that: a program may, or `framework cache --warm`.
STORED = 100
COMPUTED = {np.dtype(t) for t in ("float32", "float64", "int32", "int64", "bool")}
FASTCALL = 0x80  # METH_FASTCALL
EMPTY, NEWSHAPE = 184, 135  # PyArray_... in NumPy's table of functions for C
MOST_OPERANDS = 16
CALLABLE, OUTS, FIRST = 16, 20, 21  # words of a table
ADDING = ProcessLock()  # else a row might name as its next one that another thread let go


class Method(ctypes.Structure):
    """PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


@functools.cache
def method() -> Method | None:
    """dispatch for Python; None where objects are not laid out as it reads them."""
    if sys.implementation.name != "cpython" or places() is None or not has_one_thread():
        return None
    (address,) = cache.addresses([DISPATCH])
    if not address:
        return None
    made = Method(b"quick", address, FASTCALL, b"An op with its attrs, on small arrays.")
    # Functions name its address, and of two threads that come here at once one loses its own.
    cache.KEPT.append(made)
    return made


def has_one_thread() -> bool:
    """Whether there is a GIL."""
    return getattr(sys, "_is_gil_enabled", lambda: True)()


def words_of(thing: Any, count: int) -> list[int]:
    """The memory of an object."""
    return list((ctypes.c_int64 * count).from_address(id(thing)))


def places() -> tuple[int, int] | None:
    """The words of a Tensor that are its array and its id; None where objects are not as Note
    [Objects] of fastcall.py says."""
    x = np.zeros((3, 5), np.int16)
    words = words_of(x, 9)
    sizes = (ctypes.c_int64 * 2).from_address(words[4])
    found = (words[1], words[2], words[3] & 255, tuple(sizes), words[7], words[8] & 257)
    flags = 1 * x.flags.c_contiguous + 256 * x.flags.aligned
    pair = (x, None)
    is_known = found == (id(np.ndarray), x.ctypes.data, 2, x.shape, id(x.dtype), flags)
    if not is_known or words_of(pair, 5)[2:] != [2, id(x), id(None)]:
        return None
    number: Any = object()
    words = words_of(Tensor(x, number), Tensor.__basicsize__ // 8)
    if words[1] != id(Tensor) or {id(x), id(number)} - set(words):
        return None
    return words.index(id(x)), words.index(id(number))


class Kinds:
    """The types of Tensors that have been operands, for dispatch: addresses, and 0 behind them."""

    def __init__(self) -> None:
        self.words = np.zeros(8, np.int64)
        self.kept: list[type] = []
        for kind in (Tensor, Variable):
            self.add(kind)

    def add(self, kind: type) -> None:
        """Of a type that is not there, if it keeps its array where Tensor does."""
        count = len(self.kept)
        is_plain = kind.array is Tensor.array and kind.__getattribute__ is object.__getattribute__
        if is_plain and count + 1 < len(self.words) and kind not in self.kept:
            self.kept.append(kind)
            self.words[count] = id(kind)


KINDS = Kinds()


@functools.cache
def functions() -> list[int]:
    """The words of a table up to the place of a Tensor's array."""
    python = ctypes.pythonapi
    kind = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)
    pointer = kind(("PyCapsule_GetPointer", python))
    numpy: Any = np
    start = pointer(numpy._core._multiarray_umath._ARRAY_API, None)
    size = ctypes.sizeof(ctypes.c_void_p)
    numpys = [ctypes.c_int64.from_address(start + at * size).value for at in (EMPTY, NEWSHAPE)]
    first, *others = [
        [ctypes.cast(getattr(python, f"Py{name}"), ctypes.c_void_p).value or 0 for name in names]
        for names in (
            ["_IncRef", "_DecRef"],
            ["Type_GenericAlloc", "Tuple_New", "Tuple_SetItem", "Iter_Next", "Object_Vectorcall"],
        )
    ]
    return [id(np.ndarray), id(None), id(Tensor), id(SLOTS), *first, *numpys, *others[0]]


def lasting(dtype: np.dtype) -> np.dtype:
    """The object of this dtype that lives as long as NumPy: rows know dtypes by their addresses,
    and that of an unpickled array is an object of its own, whose address others take after it."""
    return np.dtype(dtype.type)


def described(specs: Any) -> list[int]:
    """dtype, nd and sizes of each."""
    return [word for s in specs for word in (id(lasting(s.dtype)), len(s.shape), *s.shape)]


class Table(np.ndarray):
    """The words of a table, and the Quick that lives as long as the function that reads them."""

    quick: Quick


class Quick:
    """One op with its attrs. `function(*inputs)` gives the result, a Tensor or arrays, or None
    where the forward is to run: dispatch with a table of its own, or `learn` itself."""

    def __init__(self, op: Any, attrs: dict):
        self.op, self.attrs = op, attrs
        self.rows: list[list] = []
        self.counts: Counter = Counter()
        self.is_adding = False
        self.learner: Callable = self.learn  # kept: it is made anew whenever it is read
        self.function, start, found = self.learner, method(), places()
        if start is not None and found is not None:
            self.room = np.zeros(MOST_OPERANDS, np.int64)
            wants_all = op.kernel_from is not None
            room = self.room.ctypes.data, MOST_OPERANDS
            rest = [KINDS.words.ctypes.data, id(self.learner), wants_all, *room, op.outs, 0]
            words = [*functions(), *found, *rest]
            self.table = np.array(words, np.int64).view(Table)
            self.table.quick = self
            word, thing = ctypes.c_void_p, ctypes.py_object
            new = ctypes.PYFUNCTYPE(thing, word, thing, word)(
                ("PyCFunction_NewEx", ctypes.pythonapi)
            )
            self.function = new(ctypes.addressof(start), self.table, None)

    def learn(self, *inputs: Any) -> Any:
        """What is done where there is no row: a large call runs its kernel by way of eager.py;
        a small one gets a row, so that the next one finds it."""
        op, arrays = self.op, tuple([x.array for x in inputs])
        size, dtypes = max([a.size for a in arrays]), {a.dtype for a in arrays}
        if self.refuses(arrays[0].dtype, len(dtypes)):
            return None
        is_wanted = op.kernel_from is not None and size >= op.kernel_from
        result = eager.run(op, arrays, self.attrs) if is_wanted else None
        kinds = {type(x) for x in inputs}
        for kind in kinds:
            KINDS.add(kind)
        is_known = kinds <= {*KINDS.kept} and self.finds_row(arrays)
        if is_known and (size <= MOST or op.is_view):
            self.note(arrays, is_wanted, dtypes <= COMPUTED)
        if result is None or op.outs > 1:
            return result
        return Tensor(np.asarray(result))

    def refuses(self, first: np.dtype, different: int) -> bool:
        """Whether the op is going to refuse these dtypes, with words."""
        return (self.op.floats_only and first.kind != "f") or (self.op.same_dtype and different > 1)

    def note(self, arrays: tuple, is_wanted: bool, is_computed: bool) -> None:
        """Give a row to operands like these, at once or when there were enough."""
        if is_wanted:
            call = eager.call_of(self.op, arrays, self.attrs)
            if call is None or is_small(call):
                self.add_row(arrays, call)
        elif self.op.is_view or (self.op.is_exact and is_computed):
            self.count(arrays)
        else:
            self.add_row(arrays, None)

    def finds_row(self, arrays: tuple) -> bool:
        """Whether dispatch would find the row of such operands."""
        is_small = len(arrays) <= MOST_OPERANDS
        return self.function is not self.learner and is_small and all(map(is_findable, arrays))

    def count(self, arrays: tuple) -> None:
        """Give a row to what was called often enough to be worth a kernel."""
        key = tuple([(a.shape, a.dtype) for a in arrays])
        if len(self.counts) >= MANY:
            self.counts.clear()
        self.counts[key] += 1
        if self.counts[key] != STORED:
            return
        result = self.op.forward(*arrays, **self.attrs)  # raises what the kernel would not refuse
        if self.op.is_view:
            self.add_row(arrays, None, result.shape)
            return
        call = self.call_at_hand(arrays)
        is_same = call is not None and is_small(call) and call.outs[0].dtype == result.dtype
        self.add_row(arrays, call if is_same else None)

    def call_at_hand(self, arrays: tuple) -> eager.Call | None:
        """The Call for operands like these, if its kernel need not be compiled."""
        planned = eager.planned(self.op, arrays, self.attrs)
        if planned is None or not cache.is_at_hand(planned[0]):
            return None
        return eager.call_of(self.op, arrays, self.attrs)

    def add_row(self, arrays: tuple, call: eager.Call | None, view: tuple | None = None) -> None:
        """Of operands like these; call None: the forward is to run, or they are seen in the shape
        `view`."""
        parts = row_of(arrays, call, view)
        with ADDING:
            if self.is_adding:  # the collector runs in between, and that this
                return
            self.is_adding = True
            try:
                if len(self.rows) >= ROWS:
                    self.table[FIRST] = 0
                    self.rows.clear()
                    self.counts.clear()
                parts[0][0] = self.table[FIRST]  # the next row
                self.rows.append(parts)
                self.table[FIRST] = parts[0].ctypes.data
            finally:
                self.is_adding = False


def is_small(call: eager.Call) -> bool:
    """Whether the results may be computed while the GIL is held."""
    return all([math.prod(out.shape) <= MOST for out in call.outs])


def is_findable(a: np.ndarray) -> bool:
    """Whether dispatch can tell an array's dtype and shape."""
    is_plain = type(a) is np.ndarray and a.flags.c_contiguous and a.flags.aligned
    return is_plain and a.dtype is lasting(a.dtype)


def row_of(arrays: tuple, call: eager.Call | None, view: tuple | None) -> list[np.ndarray]:
    """The words of a row, which is the last, and of its parts; see fastcall.py."""
    control = np.zeros(8, np.int64)
    room = aligned((call.scratch if call else 0,), np.uint8)  # the GIL lets one thread use it
    block = block_of(call, control, room) if call else []
    outs, places = (call.outs, call.places) if call else ([], [])
    flat = [word for place in places for word in place]
    sizes = np.array(view or (), np.int64)
    shown = np.array([sizes.ctypes.data, len(sizes)], np.int64)  # PyArray_Dims
    parts = [
        shown,
        *[np.array(words, np.int64) for words in (described(outs), block, flat)],
        control,
    ]
    addresses = [part.ctypes.data for part in parts]
    addresses[0] *= view is not None
    addresses[2] *= call is not None
    numbers = [len(outs) if call else 1, len(places), len(arrays)]
    row = np.array([0, *addresses, *numbers, *described(arrays)], np.int64)
    return [row, *parts, room, sizes]


def block_of(call: eager.Call, control: np.ndarray, room: np.ndarray) -> list[int]:
    """The words of a kernel's block, but for the operands."""
    block = call.words.copy()
    if call.control >= 0:
        block[call.control] = control.ctypes.data
    for at, offset in call.rooms:
        block[at] = room.ctypes.data + offset
    return block
