"""Entry: what a Line needs from the compiler, as source text, and its argument words. No Numba
here.

Note [Argument block]  A compiled kernel is `void entry(int64 *a, int64 part, int64 parts)`: a[0]
its own address, a[1] the block's length in words, a[2] the words that threads share from here on
(0: one thread does this block), then the words this file lists: addresses, sizes, attrs. Shapes are
words, never text: a new batch size compiles nothing.

Note [Shares]  Of a shared block each of `parts` threads computes its part of the output: rows of a
loop, elements in multiples of 64 (so that the same ones end up outside of whole vectors, however
many threads there are), tiles of a matrix product. No element depends on where the parts were cut.
"""

from __future__ import annotations

import dis
import functools
import hashlib
import inspect
import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

import numpy as np

from framework.engine.op import argument_names
from framework.engine.program import Line, Program
from framework.engine.tensor import Spec

HEADER = 3  # words before the operands
UNIT = 64  # elements of a vector that threads do not divide
ALIGN = 64  # bytes: where the parts of scratch memory start


@dataclass(frozen=True)
class Address:
    """A word: where the memory of a slot is, plus some bytes."""

    slot: int
    offset: int = 0


@dataclass(frozen=True)
class Scratch:
    """A word: where memory is that only this call uses. All of an Entry's lies in one piece for
    each thread, which calls one after the other may share: this part starts at `start` bytes."""

    start: int
    nbytes: int


@dataclass(frozen=True)
class ScratchStep:
    """A word: bytes from one thread's scratch memory to the next one's. The same for all calls of a
    program: threads that run several lines together are not always in the same one."""


@dataclass
class Entry:
    """`source` defines entry(); it calls `functions` (name -> scalar function or kernel body).

    words: Address, Scratch, ScratchStep, int, float (its bits), or str: a word that the VM knows
    ("control").
    """

    source: str
    functions: dict[str, Callable]
    dtype: np.dtype = field(
        default_factory=lambda: np.dtype(np.float64)
    )  # of float literals, and of real()
    words: list = field(default_factory=list)
    signature: str = "kernel"
    is_shared: bool = False  # threads can share the work
    name: str = ""  # of its op, for readers

    @property
    def inner(self) -> list[Entry]:
        """Entries that this one calls."""
        return []

    def link(self, addresses: list[int]) -> bool:
        """Learn where those were compiled to; False if one could not be."""
        return all(addresses)

    @property
    def scratch(self) -> int:
        """The bytes of scratch memory that a thread needs."""
        return sum([rounded(w.nbytes) for w in self.words if isinstance(w, Scratch)])

    def key(self, stamp: str) -> str:
        """Content hash: same text, same bytecode, same dtype, same machine and versions -> same
        compiled object."""
        codes = [
            (n, f.__code__.co_code, f.__code__.co_consts, f.__code__.co_names)
            for n, f in self.functions.items()
        ]
        text = repr((stamp, self.source, codes, self.dtype.name, self.signature))
        return hashlib.sha256(text.encode()).hexdigest()[:24]

    def task(self, symbol: str) -> Task:
        """What the compiler needs of this entry, as text; `symbol` is how the compiled function
        will be called."""
        texts = {n: textwrap.dedent(inspect.getsource(f)) for n, f in self.functions.items()}
        return Task(symbol, self.source, texts, self.dtype.name, self.signature, self.name)


@dataclass(frozen=True)
class Task:
    """An Entry as text: can be sent to another process."""

    symbol: str
    source: str
    functions: dict[str, str]
    dtype: str
    signature: str
    name: str = ""


def has_kernel(program: Program, line: Line) -> bool:
    """False where compiled code cannot do what NumPy does: float16, which no CPU of ours computes
    in, and elementwise ops whose `views` leave these inputs to NumPy."""
    outs, inputs = [program.specs[o] for o in line.outs], [program.specs[i] for i in line.inputs]
    between = [dtype for _, _, dtype, _ in getattr(line.op, "steps", ())]
    if np.dtype(np.float16) in [*[s.dtype for s in (*outs, *inputs)], *between]:
        return False
    if line.op.scalar is not None and line.op.views is not None:
        return line.op.views(outs, inputs, line.attrs) is not None
    return True


def steps_of(line: Line) -> tuple:
    """The steps of a Chain, or the line itself as one step."""
    steps = getattr(line.op, "steps", None)
    return steps or ((line.op, line.attrs, line.values[-1].dtype, tuple(range(len(line.inputs)))),)


def results_of(line: Line) -> tuple:
    """The numbers of the steps that give a line's outputs."""
    return getattr(line.op, "results", None) or (len(steps_of(line)) - 1,)


def elementwise_entry(program: Program, line: Line, overwritten: Sequence) -> Entry:
    """One loop nest over the outputs; the text knows which inputs broadcast along which axes, not
    the sizes. overwritten: of each output the input in whose place it is written, or None: two
    pointers to the same memory would keep the loop from being vectorised."""
    outs, inputs = [program.specs[o] for o in line.outs], [program.specs[i] for i in line.inputs]
    sizes, varies = collapse(outs[0].shape, [s.shape for s in inputs])
    steps = steps_of(line)
    names = {op: f"f{i}" for i, op in enumerate(dict.fromkeys([op for op, *_ in steps]))}
    words: list = [Address(slot) for slot in (*line.outs, *line.inputs)]
    first_input, first_size = HEADER + len(outs), HEADER + len(words)
    words += sizes
    text = ["def entry(a, part, parts):"]
    for i, s in enumerate(inputs):
        text.append(f"    x{i} = pointer_{stored_as(s)}(a[{first_input + i}])")
    for i, (s, under) in enumerate(zip(outs, overwritten, strict=True)):
        place = f"pointer_{stored_as(s)}(a[{HEADER + i}])" if under is None else f"x{under}"
        text.append(f"    out{i} = {place}")
    text += [f"    n{d} = a[{first_size + d}]" for d in range(len(sizes))]
    constants, calls = calls_of(steps, names, len(inputs), words)
    index = flat_index(range(len(sizes)))
    for i, (s, step) in enumerate(zip(outs, results_of(line), strict=True)):
        calls.append(f"out{i}[{index}] = to_{stored_as(s)}(v{len(inputs) + step})")
    if sizes:
        text.append(f"    first, last = share(n0, {UNIT if len(sizes) == 1 else 1}, part, parts)")
    text += [*constants, *loop_nest(inputs, varies, calls)]
    functions = {name: op.scalar for op, name in names.items()}
    dtype = loop_dtype(line, [*outs, *inputs])
    return Entry("\n".join(text), functions, dtype, words, is_shared=bool(sizes))


def loop_dtype(line: Line, specs: list[Spec]) -> np.dtype:
    """What the float literals of a loop are: of the dtype of its operands, or, where those are
    integers and bools, of the values in between."""
    steps = steps_of(line)
    dtypes = [s.dtype for s in specs] + [dtype for _, _, dtype, _ in steps]
    if len(steps) > 1 and len({d for d in dtypes if d.kind == "f"}) > 1:
        raise AssertionError(f"{line.op.name}: one loop cannot compute in two float dtypes")
    return main_dtype(dtypes)


def calls_of(steps: tuple, names: dict, inputs: int, words: list) -> tuple[list, list]:
    """The lines that read all steps' attrs (appended to `words`), and those that call them."""
    constants, calls = [], []
    for s, (op, attrs, dtype, places) in enumerate(steps):
        arguments = [f"v{p}" for p in places]
        for name, value in scalar_attrs(op, attrs).items():
            constants.append(f"    c{s}_{name} = {attr_text(HEADER + len(words), value)}")
            words.append(value if isinstance(value, float) else int(value))
            arguments.append(f"c{s}_{name}")
        calls.append(f"v{inputs + s} = to_{dtype.name}({names[op]}({', '.join(arguments)}))")
    return constants, calls


def loop_nest(inputs: list[Spec], varies: list, innermost: list[str], cut: int = 0) -> list[str]:
    """Loops over the collapsed axes; every input is loaded as far out as it still changes. Of loop
    number `cut` a thread does first ... last."""
    text, indent, axes = [], "    ", range(len(varies))
    last = [max([d for d in axes if varies[d][i]], default=-1) for i in range(len(inputs))]
    for depth in range(len(varies) + 1):
        for i, spec in enumerate(inputs):
            if last[i] == depth - 1:
                index = flat_index([d for d in range(depth) if varies[d][i]])
                is_bool = " != 0" if spec.dtype.kind == "b" else ""
                text.append(f"{indent}v{i} = x{i}[{index}]{is_bool}")
        if depth < len(varies):
            bounds = "first, last" if depth == cut else f"n{depth}"
            text.append(f"{indent}for i{depth} in range({bounds}):")
            indent += "    "
    return text + [indent + line for line in innermost]


def stored_as(spec: Spec) -> str:
    """The dtype of a pointer to such elements: Numba cannot store through a pointer to bool."""
    return "uint8" if spec.dtype.kind == "b" else spec.dtype.name


def scalar_attrs(op, attrs: dict) -> dict:
    """The attrs that the scalar function computes with, with its defaults."""
    return {name: plain(attrs.get(name, default)) for name, default in used_attrs(op.scalar)}


def plain(value):
    """A NumPy scalar as the Python number it is: words ask for Python's int and float."""
    if isinstance(value, (np.generic, np.ndarray)) and value.ndim == 0:
        return value.item()
    return value


@functools.cache
def used_attrs(scalar: Callable) -> tuple:
    """(name, default) of the keyword-only parameters that the function's body reads; the others
    are for shapes."""
    read = {i.argval for i in dis.get_instructions(scalar)}
    parameters = inspect.signature(scalar).parameters.values()
    return tuple(
        [(p.name, p.default) for p in parameters if p.kind is p.KEYWORD_ONLY and p.name in read]
    )


def attr_text(word: int, value) -> str:
    """How compiled code reads an attr: floats are stored as the bits of a float64."""
    return f"real_of_bits(a[{word}])" if isinstance(value, float) else f"a[{word}]"


def flat_index(axes) -> str:
    """The C-order index text over loop variables i0, i1 ..."""
    text = "0"
    for d in axes:
        text = f"i{d}" if text == "0" else f"({text}) * n{d} + i{d}"
    return text


def collapse(shape: tuple, input_shapes: list) -> tuple[list, list]:
    """Join neighbouring axes along which the same inputs vary: (sizes, per size which inputs
    vary)."""
    sizes, varies = [], []
    for axis in range(-len(shape), 0):
        if shape[axis] == 1:
            continue
        pattern = [len(s) >= -axis and s[axis] != 1 for s in input_shapes]
        if varies and varies[-1] == pattern:
            sizes[-1] *= shape[axis]
        else:
            sizes.append(shape[axis])
            varies.append(pattern)
    return sizes, varies


def kernel_entry(program: Program, line: Line) -> Entry | None:
    """Unpack the block into C-contiguous arrays and scalars, call the op's body. A Spec among the
    scalars is scratch memory, which the body sees as an array."""
    outs, inputs = [program.specs[o] for o in line.outs], [program.specs[i] for i in line.inputs]
    seen = views_of(line, outs, inputs)
    if seen is None:
        return None
    specs, (shapes, attrs, body) = [*outs, *inputs], seen
    names = argument_names(body)[0]
    words, places = operands(line, specs, shapes)
    is_cut = [name in line.op.rows for name in names[: len(shapes)]]
    text = ["def entry(a, part, parts):", *rows_text(line, shapes, is_cut)]
    texts = [
        array_text(spec, at, len(shape), is_mine)
        for spec, at, shape, is_mine in zip_longest(specs, places, shapes, is_cut)
    ]
    texts += scalars(names[len(shapes) :], attrs, words)
    text.append("    body(" + ", ".join(texts) + ")")
    is_shared = any(is_cut) or "part" in names
    dtype = main_dtype([s.dtype for s in specs])
    return Entry("\n".join(text), {"body": body}, dtype, words, is_shared=is_shared)


def views_of(line: Line, outs: list[Spec], inputs: list[Spec]) -> tuple | None:
    """In which shapes the line's body sees its operands, its scalars, and which body that is; None
    if there is none for this case."""
    op, attrs = line.op, attrs_of(line)
    for views, body in [*op.special, (op.views or as_they_are, op.body)]:
        seen = views(outs, inputs, attrs)
        if seen is not None:
            return [tuple(shape) or (1,) for shape in (*seen[0], *seen[1])], seen[2], body
    return None


def as_they_are(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple:
    """The views of an op that declares none."""
    return [o.shape for o in outs], [x.shape for x in inputs], attrs


def scalars(names: Sequence[str], attrs: dict, words: list) -> list[str]:
    """How the scalars are read; they are appended to `words`, but for the number of a thread."""
    texts, used = [], 0
    for name in names:
        if name in ("part", "parts"):
            texts.append(name)
            continue
        value = attrs[name]
        if isinstance(value, Spec):
            at, kind = HEADER + len(words), value.dtype.name
            texts.append(f"carray(pointer_{kind}(a[{at}] + part * a[{at + 1}]), (a[{at + 2}],))")
            words += [Scratch(used, value.nbytes), ScratchStep(), value.size]
            used += rounded(value.nbytes)
            continue
        texts.append(attr_text(HEADER + len(words), value).replace("real_of", "double_of"))
        words.append(value if isinstance(value, (float, str)) else int(value))
    return texts


def rounded(nbytes: int) -> int:
    """Bytes of scratch memory, so that what follows begins at a vector."""
    return -(-nbytes // ALIGN) * ALIGN


def operands(line: Line, specs: list[Spec], shapes: list[tuple]) -> tuple[list, list[int]]:
    """The words that say where the operands are and how long their axes, and where each begins."""
    words: list = []
    places = []
    for slot, spec, shape in zip((*line.outs, *line.inputs), specs, shapes, strict=True):
        if math.prod(shape) != spec.size:
            raise AssertionError(f"{line.op.name}: views() changes the size of {spec} to {shape}")
        places.append(HEADER + len(words))
        words += [Address(slot), *shape]
    return words, places


def rows_text(line: Line, shapes: list[tuple], is_cut: list[bool]) -> list[str]:
    """Which rows are this thread's: the first axis of all arrays that threads share by rows."""
    cut = [i for i, is_mine in enumerate(is_cut) if is_mine]
    if not cut:
        return []
    first = cut[0]
    if {shapes[i][0] for i in cut} != {shapes[first][0]}:
        raise AssertionError(f"{line.op.name}: {line.op.rows} have different rows in {shapes}")
    word = HEADER + 1 + sum([1 + len(shape) for shape in shapes[:first]])
    unit = UNIT if len(shapes[first]) == 1 else 1
    return [f"    first, last = share(a[{word}], {unit}, part, parts)"]


def array_text(spec: Spec, at: int, ndim: int, is_mine: bool) -> str:
    """The array whose address is word `at`, followed by its sizes; of one that threads share by
    rows, those of this thread."""
    sizes = [f"a[{at + 1 + d}]" for d in range(ndim)]
    address = f"a[{at}]"
    if is_mine:
        address = " * ".join(["first", *sizes[1:], str(spec.dtype.itemsize)]) + f" + a[{at}]"
        sizes[0] = "last - first"
    return f"carray(pointer_{spec.dtype.name}({address}), ({', '.join(sizes)},))"


def attrs_of(line: Line) -> dict:
    """The attrs of a line, with the defaults of its op."""
    defaults = line.op.function.__kwdefaults__ or {}
    return defaults | {name: plain(value) for name, value in line.attrs.items()}


def main_dtype(dtypes: list[np.dtype]) -> np.dtype:
    """The first floating point dtype; among integers alone float64, as in NumPy: it holds every
    int32."""
    return next((d for d in dtypes if d.kind == "f"), np.dtype(np.float64))
