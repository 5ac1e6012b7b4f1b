"""dispatch: what runs a small eager call, compiled as a C function that Python calls directly.

It finds the row of its operands' dtypes and shapes, makes the Tensors of the result, fills in the
kernel's block and calls the kernel. What has no row goes to the callable of the table; quick.py
makes tables and rows.

Note [Objects]  Objects are read as CPython and NumPy lay them out for C, in words: an object begins
with reference count and type (1), an array goes on with data (2), nd (3), dimensions (4), strides,
base, descr (7), flags (8), a tuple with its length (2), items (3). quick.places tries that.

Note [Python runs in between]  A new tuple or Tensor may start Python's collector, and that any
call, this one too, or another thread. It may change the table; then the row is not used.

Table: 0 type of arrays, 1 None, 2 type of Tensors, 3 iterator of their ids; functions of C:
4 Py_IncRef, 5 Py_DecRef, 6 PyArray_Empty, 7 PyArray_Newshape, 8 PyType_GenericAlloc, 9 PyTuple_New,
10 PyTuple_SetItem, 11 PyIter_Next, 12 PyObject_Vectorcall; 13, 14 the words of a Tensor that are
its array and its id; 15 the address of the types that have them there, 0 behind the last; 16 the
callable, 17 whether it wants operands that are not in C order, too; 18 the address of room for
operands, 19 for how many; 20 how often rows were forgotten; 21 the address of the first row.

Row: 0 the next row; addresses: 1 of the sizes of a view and their number (0: none), 2 of the
results' dtypes and shapes, 3 of the block (0: there is no kernel), 4 of the places of operands in
it, 5 of the control array; 6 the number of outputs, 7 of places, 8 of inputs; from 9 on for each
input dtype, nd, sizes. Without view and kernel the forward is to run.
"""

from __future__ import annotations

from framework.engine.compile.entry import Entry


def array_of(table, operand):
    """The array of a Tensor, aligned and in C order; 1 if it is another array, else 0."""
    x, known = pointer_int64(operand), pointer_int64(table[15])
    at = 0
    while known[at] != x[1]:
        if known[at] == 0:
            return 0
        at += 1
    found = x[table[13]]
    if found == 0:
        return 0
    array = pointer_int64(found)
    if array[1] != table[0]:
        return 0
    return found if array[8] & 257 == 257 else 1


def read(table, args, count):
    """Write the arrays of the operands into their room; 2 if all are plain, 1 if one is not in C
    order, 0 if one is strange."""
    if count > table[19]:
        return 0
    arrays, worst = pointer_int64(table[18]), 2
    for i in range(count):
        arrays[i] = array_of(table, args[i])
        if arrays[i] < worst:
            worst = arrays[i]
    return worst


def is_of(row, arrays, count):
    """Whether a row is for operands of these dtypes and shapes."""
    at = 9
    if row[8] != count:
        return False
    for i in range(count):
        x = pointer_int64(arrays[i])
        nd, sizes = x[3] & 255, pointer_int64(x[4])
        if x[7] != row[at] or nd != row[at + 1]:
            return False
        for d in range(nd):
            if sizes[d] != row[at + 2 + d]:
                return False
        at += 2 + nd
    return True


def row_for(table, count):
    """The address of the row for what was read; 0 if there is none."""
    at = table[21]
    while at != 0 and not is_of(pointer_int64(at), pointer_int64(table[18]), count):
        at = pointer_int64(at)[0]
    return at


def none(table):
    """None, for Python."""
    invoke(table[4], (table[1],))
    return table[1]


def nothing(table, result):
    """None, where the forward is to run; the new result is given back."""
    invoke(table[5], (result,))
    return none(table)


def new_result(table, count):
    """A new Tensor without array and id, or a tuple of so many; 0 if there is no memory."""
    if count == 1:
        return invoke(table[8], (table[2], 0))
    pack = invoke(table[9], (count,))
    for i in range(count if pack != 0 else 0):
        made = invoke(table[8], (table[2], 0))
        if made == 0:
            invoke(table[5], (pack,))
            return 0
        invoke(table[10], (pack, i, made))
    return pack


def part(result, i, count):
    """One Tensor of a result."""
    return pointer_int64(result if count == 1 else pointer_int64(result)[3 + i])


def fill(table, row, result):
    """Give the Tensors their ids, and new arrays; False if there is no memory."""
    spec = row[2]
    for i in range(row[6]):
        made = part(result, i, row[6])
        made[table[14]] = invoke(table[11], (table[3],))
        if row[1] != 0:
            array = pointer_int64(table[18])[0]
            made[table[13]] = invoke(table[7], (array, row[1], 0))
        else:
            words = pointer_int64(spec)
            invoke(table[4], (words[0],))  # PyArray_Empty takes a reference to the dtype
            made[table[13]] = invoke(table[6], (words[1], spec + 16, words[0], 0))
            spec += 16 + 8 * words[1]
        if made[table[13]] == 0:
            return False
    return True


def run(table, row, result, count):
    """Run the kernel; False if it met an error."""
    arrays, block = pointer_int64(table[18]), pointer_int64(row[3])
    places, control = pointer_int64(row[4]), pointer_int64(row[5])
    for p in range(row[7]):
        which = places[3 * p + 1]
        if which < count:
            x = arrays[which]
        else:
            x = part(result, which - count, row[6])[table[13]]
        block[places[3 * p]] = pointer_int64(x)[2] + places[3 * p + 2]
    control[1], control[4] = 0, 0
    call(block[0], block, 0, 1)
    return control[1] == 0 and control[4] == 0


def dispatch(owner, address, count):
    """The result of a call with `count` operands; owner: the table, an array."""
    table, args = pointer_int64(pointer_int64(owner)[2]), pointer_int64(address)
    state = read(table, args, count)
    if state == 1 and table[17] == 0:
        return none(table)
    at = row_for(table, count) if state == 2 else 0
    if at == 0:
        return invoke(table[12], (table[16], address, count, 0))
    row, forgotten = pointer_int64(at), table[20]
    if row[1] == 0 and row[3] == 0:
        return none(table)
    result = new_result(table, row[6])
    if result == 0:
        return 0
    if table[20] != forgotten or read(table, args, count) != 2:
        return nothing(table, result)
    if not fill(table, row, result):
        invoke(table[5], (result,))
        return 0
    if row[1] != 0 or run(table, row, result, count):
        return result
    return nothing(table, result)


PARTS = (
    array_of, read, is_of, row_for, none, nothing, new_result, part, fill, run, dispatch,
)  # fmt: skip
DISPATCH = Entry(
    "def entry(owner, args, count):\n    return dispatch(owner, args, count)",
    {part.__name__: part for part in PARTS},
    signature="function",
)
