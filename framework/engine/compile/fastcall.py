"""dispatch: what runs a small eager call, compiled as a C function that Python calls directly.

It finds the row of its operands' dtypes and shapes, makes the arrays of the result, fills in the
kernel's block and calls the kernel. What has no row goes to the callable of the table; quick.py
makes tables and rows.

Note [Objects]  Objects are read as CPython and NumPy lay them out for C, in words: an object begins
with reference count and type (1), an array goes on with data (2), nd (3), dimensions (4), strides,
base, descr (7), flags (8). quick.is_known tries that.

Table: 0 type of arrays, 1 None; then functions of C: 2 Py_IncRef, 3 Py_DecRef, 4 PyArray_Empty,
5 PyTuple_New, 6 PyTuple_SetItem, 7 PyObject_Vectorcall; 8 the callable, 9 whether it wants operands
that are not in C order, too; 10 the address of the first row.

Row: 0 the next row; addresses: 1 of the new arrays, 2 of their dtypes and shapes, 3 of the block
(0: the forward is to run), 4 of the places of operands in it, 5 of the control array; 6 the number
of outputs, 7 of places, 8 of inputs; from 9 on for each input dtype, nd, sizes.
"""

from __future__ import annotations

from framework.engine.compile.entry import Entry


def is_plain(x, array_type):
    """Whether an object is an array, aligned and in C order."""
    return x[1] == array_type and x[8] & 257 == 257


def is_of(row, args, count):
    """Whether a row is for operands of these dtypes and shapes."""
    at = 9
    if row[8] != count:
        return False
    for i in range(count):
        x = pointer_int64(args[i])
        nd, sizes = x[3] & 255, pointer_int64(x[4])
        if x[7] != row[at] or nd != row[at + 1]:
            return False
        for d in range(nd):
            if sizes[d] != row[at + 2 + d]:
                return False
        at += 2 + nd
    return True


def make(table, row):
    """New arrays for the outputs; False if there is no memory."""
    made, spec = pointer_int64(row[1]), row[2]
    for i in range(row[6]):
        words = pointer_int64(spec)
        invoke(table[2], (words[0],))  # PyArray_Empty takes a reference to the dtype
        made[i] = invoke(table[4], (words[1], spec + 16, words[0], 0))
        if made[i] == 0:
            return False
        spec += 16 + 8 * words[1]
    return True


def run(row, args, count):
    """Run the kernel; False if it met an error."""
    made, block = pointer_int64(row[1]), pointer_int64(row[3])
    places, control = pointer_int64(row[4]), pointer_int64(row[5])
    for p in range(row[7]):
        which = places[3 * p + 1]
        x = pointer_int64(args[which] if which < count else made[which - count])
        block[places[3 * p]] = x[2] + places[3 * p + 2]
    control[1], control[4] = 0, 0
    call(block[0], block, 0, 1)
    return control[1] == 0 and control[4] == 0


def joined(table, row, pack):
    """The new array, or `pack`, a new tuple, with all of them."""
    made = pointer_int64(row[1])
    if pack == 0:
        return made[0]
    for i in range(row[6]):
        invoke(table[6], (pack, i, made[i]))
    return pack


def nothing(table, row, used, pack):
    """None, where the forward is to run; new arrays, and the tuple, are given back."""
    made = pointer_int64(row[1])
    for i in range(used):
        invoke(table[3], (made[i],))
    if pack != 0:
        invoke(table[3], (pack,))
    invoke(table[2], (table[1],))
    return table[1]


def dispatch(owner, address, count):
    """The result of a call with `count` operands; owner: the table, an array."""
    table, args = pointer_int64(pointer_int64(owner)[2]), pointer_int64(address)
    row, is_unknown = pointer_int64(owner), False
    for i in range(count):
        if not is_plain(pointer_int64(args[i]), table[0]):
            is_unknown = True
    if is_unknown and table[9] == 0:
        return nothing(table, row, 0, 0)
    at = table[10]
    while at != 0 and not is_unknown:
        row = pointer_int64(at)
        if is_of(row, args, count):
            break
        at = row[0]
    if is_unknown or at == 0:
        return invoke(table[7], (table[8], address, count, 0))
    if row[3] == 0:
        return nothing(table, row, 0, 0)
    pack = 0
    if row[6] != 1:  # first: a new tuple may start Python's collector, and that any call, this too
        pack = invoke(table[5], (row[6],))
        if pack == 0:
            return 0
    if not make(table, row):
        return 0
    if run(row, args, count):
        return joined(table, row, pack)
    return nothing(table, row, row[6], pack)


PARTS = (is_plain, is_of, make, run, joined, nothing, dispatch)
DISPATCH = Entry(
    "def entry(owner, args, count):\n    return dispatch(owner, args, count)",
    {part.__name__: part for part in PARTS},
    signature="function",
)
