"""Small eager calls of kernels: functions that Python calls as it calls those written in C.

NumPy takes 0.6 to 2 us for an op on a thousand numbers, a kernel 0.1: what counts is the way to it,
3 us by ctypes and 0.3 us by `dispatch` (fastcall.py). A `Quick` is such a function for one op and
its attrs, and learns what it is called with. dispatch holds the GIL: large calls go through
eager.py, which does not.
"""

from __future__ import annotations

import ctypes
import functools
import sys
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from framework.engine.compile import cache, eager
from framework.engine.compile.fastcall import DISPATCH
from framework.engine.variable import aligned

MOST = 32768  # elements of the largest operand
ROWS = 32  # rows of one op and its attrs; beyond, all are forgotten
# Calls before a kernel is loaded that gives what NumPy gives, only sooner. One that is not on the
# disk is not made for that: a program may, or `framework cache --warm`.
STORED = 100
COMPUTED = {np.dtype(t) for t in ("float32", "float64", "int32", "int64", "bool")}
FASTCALL = 0x80  # METH_FASTCALL
EMPTY = 184  # PyArray_Empty in NumPy's table of functions for C
ADDING = threading.RLock()  # else a row might name as its next one that another thread let go


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
    if sys.implementation.name != "cpython" or not is_known() or not has_one_thread():
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


def is_known() -> bool:
    """Whether an array is laid out as in Note [Objects] of fastcall.py."""
    x = np.zeros((3, 5), np.int16)
    words = (ctypes.c_int64 * 9).from_address(id(x))
    sizes = (ctypes.c_int64 * 2).from_address(words[4])
    found = (words[1], words[2], words[3] & 255, tuple(sizes), words[7], words[8] & 257)
    flags = 1 * x.flags.c_contiguous + 256 * x.flags.aligned
    return found == (id(np.ndarray), x.ctypes.data, 2, x.shape, id(x.dtype), flags)


@functools.cache
def functions() -> list[Any]:
    """The words of a table up to the callable."""
    python = ctypes.pythonapi
    kind = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)
    pointer = kind(("PyCapsule_GetPointer", python))
    numpy: Any = np
    numpys = pointer(numpy._core._multiarray_umath._ARRAY_API, None)
    empty = ctypes.c_void_p.from_address(numpys + EMPTY * ctypes.sizeof(ctypes.c_void_p)).value
    names = "Py_IncRef Py_DecRef", "PyTuple_New PyTuple_SetItem PyObject_Vectorcall"
    before, behind = [
        [ctypes.cast(getattr(python, name), ctypes.c_void_p).value for name in part.split()]
        for part in names
    ]
    return [id(np.ndarray), id(None), *before, empty, *behind]


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
    """One op with its attrs. `function(*arrays)` gives the result, or None where the forward is to
    run: dispatch with a table of its own, or `learn` itself."""

    def __init__(self, op: Any, attrs: dict):
        self.op, self.attrs = op, attrs
        self.rows: list[list] = []
        self.counts: Counter = Counter()
        self.learner: Callable = self.learn  # kept: it is made anew whenever it is read
        self.function, start = self.learner, method()
        if start is not None:
            words = [*functions(), id(self.learner), op.kernel_from is not None, 0]
            self.table = np.array(words, np.int64).view(Table)
            self.table.quick = self
            word, thing = ctypes.c_void_p, ctypes.py_object
            new = ctypes.PYFUNCTYPE(thing, word, thing, word)(
                ("PyCFunction_NewEx", ctypes.pythonapi)
            )
            self.function = new(ctypes.addressof(start), self.table, None)

    def learn(self, *arrays: Any) -> Any:
        """What is done where there is no row: a large call runs its kernel by way of eager.py;
        a small one gets a row, so that the next one finds it."""
        op, size = self.op, max([a.size for a in arrays])
        dtypes = {a.dtype for a in arrays}
        if (op.floats_only and arrays[0].dtype.kind != "f") or (op.same_dtype and len(dtypes) > 1):
            return None  # refused with words by the op
        is_wanted = op.kernel_from is not None and size >= op.kernel_from
        result = eager.run(op, arrays, self.attrs) if is_wanted else None
        if size > MOST or not self.finds_row(arrays):
            return result
        if is_wanted:
            self.add_row(arrays, eager.call_of(op, arrays, self.attrs))
        elif not op.is_exact or not dtypes <= COMPUTED:
            self.add_row(arrays, None)
        else:
            self.count(arrays)
        return result

    def finds_row(self, arrays: tuple) -> bool:
        """Whether dispatch would find the row of such operands."""
        return self.function is not self.learner and all([is_findable(a) for a in arrays])

    def count(self, arrays: tuple) -> None:
        """Give a row to what was called often enough to be worth a kernel."""
        key = tuple([(a.shape, a.dtype) for a in arrays])
        self.counts[key] += 1
        if self.counts[key] == STORED:
            planned = eager.planned(self.op, arrays, self.attrs)
            is_there = planned is not None and cache.is_at_hand(planned[0])
            call = eager.call_of(self.op, arrays, self.attrs) if is_there else None
            self.add_row(arrays, call)

    def add_row(self, arrays: tuple, call: eager.Call | None) -> None:
        """Of operands like these; call None: the forward is to run."""
        parts = row_of(arrays, call)
        with ADDING:
            if len(self.rows) >= ROWS:
                self.table[-1] = 0
                self.rows.clear()
                self.counts.clear()
            parts[0][0] = self.table[-1]  # the next row
            self.rows.append(parts)
            self.table[-1] = parts[0].ctypes.data


def is_findable(a: np.ndarray) -> bool:
    """Whether dispatch can tell an array's dtype and shape."""
    is_plain = type(a) is np.ndarray and a.flags.c_contiguous and a.flags.aligned
    return is_plain and a.dtype is lasting(a.dtype)


def row_of(arrays: tuple, call: eager.Call | None) -> list[np.ndarray]:
    """The words of a row, which is the last, and of its parts; see fastcall.py."""
    outs = call.outs if call else []
    control = np.zeros(8, np.int64)
    block = call.words.copy() if call else []
    if call and call.control >= 0:
        block[call.control] = control.ctypes.data
    room = aligned((call.scratch if call else 0,), np.uint8)  # the GIL lets one thread use it
    for at, offset in call.rooms if call else []:
        block[at] = room.ctypes.data + offset
    places = call.places if call else []
    flat = [word for place in places for word in place]
    made = np.zeros(len(outs), np.int64)
    parts = [
        made,
        *[np.array(words, np.int64) for words in (described(outs), block, flat)],
        control,
    ]
    addresses = [part.ctypes.data for part in parts]
    if call is None:
        addresses[2] = 0
    numbers = [len(outs), len(places), len(arrays)]
    row = np.array([0, *addresses, *numbers, *described(arrays)], np.int64)
    return [row, *parts, room]
