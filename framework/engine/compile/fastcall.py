"""dispatch: what runs a small eager call, compiled as a C function that Python calls directly.

It finds the row of its operands' dtypes and shapes, makes the arrays of the result, fills in the
kernel's block and calls the kernel. One result is a Tensor, several are a tuple of arrays. What has
no row goes to the callable of the table; quick.py makes tables and rows.

Note [Objects]  Objects are read as CPython and NumPy lay them out for C, in words: an object begins
with reference count and type (1), an array goes on with data (2), nd (3), dimensions (4), strides,
base, descr (7), flags (8), a tuple with its length (2), items (3). quick.places tries that.

Note [Python runs in between]  A new tuple or Tensor may start Python's collector, and that any
call, this one too, or another thread. So the tuple for several results is made first, and a Tensor
last, when nothing of the table or the row is read any more and its array is there to be put in.

Table: 0 type of arrays, 1 None, 2 type of Tensors, 3 iterator of their ids; functions of C:
4 Py_IncRef, 5 Py_DecRef, 6 PyArray_Empty, 7 PyArray_Newshape, 8 PyType_GenericAlloc, 9 PyTuple_New,
10 PyTuple_SetItem, 11 PyIter_Next, 12 PyObject_Vectorcall; 13, 14 the words of a Tensor that are
its array and its id; 15 the address of the types that have them there, 0 behind the last; 16 the
callable, 17 whether it wants operands that are not in C order, too; 18 the address of room for
operands, 19 for how many; 20 the number of outputs; 21 the address of the first row.

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
    """None, for Python: the forward is to run."""
    invoke(table[4], (table[1],))
    return table[1]


def tensor_of(table, array):
    """A new Tensor of a new array; 0 if there is no memory."""
    if array == 0:
        return 0
    number, made = invoke(table[11], (table[3],)), invoke(table[8], (table[2], 0))
    if made == 0:
        invoke(table[5], (array,))
        invoke(table[5], (number,))
        return 0
    words = pointer_int64(made)
    words[table[13]], words[table[14]] = array, number
    return made


def new_array(table, spec):
    """An array of the dtype, number of axes and sizes at an address; 0 if there is no memory."""
    words = pointer_int64(spec)
    invoke(table[4], (words[0],))  # PyArray_Empty takes a reference to the dtype
    return invoke(table[6], (words[1], spec + 16, words[0], 0))


def run(table, row, array, pack, count):
    """Run the kernel for one new array, or for those in a tuple; False if it met an error."""
    arrays, block = pointer_int64(table[18]), pointer_int64(row[3])
    places, control = pointer_int64(row[4]), pointer_int64(row[5])
    for p in range(row[7]):
        which = places[3 * p + 1]
        if which < count:
            x = arrays[which]
        else:
            x = array if pack == 0 else pointer_int64(pack)[3 + which - count]
        block[places[3 * p]] = pointer_int64(x)[2] + places[3 * p + 2]
    control[1], control[4] = 0, 0
    call(block[0], block, 0, 1)
    return control[1] == 0 and control[4] == 0


def one(table, row, count):
    """The result of an op with one output."""
    if row[1] != 0:
        return tensor_of(table, invoke(table[7], (pointer_int64(table[18])[0], row[1], 0)))
    array = new_array(table, row[2])
    if array == 0 or run(table, row, array, 0, count):
        return tensor_of(table, array)
    invoke(table[5], (array,))
    return none(table)


def several(table, row, pack, count):
    """The arrays of an op with several outputs, in a new tuple."""
    spec = row[2]
    for i in range(row[6]):
        array = new_array(table, spec)
        if array == 0:
            invoke(table[5], (pack,))
            return 0
        invoke(table[10], (pack, i, array))
        spec += 16 + 8 * pointer_int64(spec)[1]
    if run(table, row, 0, pack, count):
        return pack
    invoke(table[5], (pack,))
    return none(table)


def dispatch(owner, address, count):
    """The result of a call with `count` operands; owner: the table, an array."""
    table, args = pointer_int64(pointer_int64(owner)[2]), pointer_int64(address)
    pack = invoke(table[9], (table[20],)) if table[20] != 1 else 0
    state = read(table, args, count)
    at = row_for(table, count) if state == 2 else 0
    if at != 0:
        row = pointer_int64(at)
        if row[1] != 0 or row[3] != 0:
            return one(table, row, count) if pack == 0 else several(table, row, pack, count)
    if pack != 0:
        invoke(table[5], (pack,))
    if at != 0 or (state == 1 and table[17] == 0):
        return none(table)
    return invoke(table[12], (table[16], address, count, 0))


PARTS = (
    array_of, read, is_of, row_for, none, tensor_of, new_array, run, one, several, dispatch,
)  # fmt: skip
DISPATCH = Entry(
    "def entry(owner, args, count):\n    return dispatch(owner, args, count)",
    {part.__name__: part for part in PARTS},
    signature="function",
)
