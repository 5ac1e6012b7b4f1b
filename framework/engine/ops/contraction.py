"""Contractions: einsum and tensordot, made of diagonals, transposes, sums and one matrix product.

So every case has kernels and gradients of every order from the ops that it is made of; the gradient
of a contraction is again a contraction, of the cotangent with the other input.
"""

from __future__ import annotations

import math
import re
from collections import Counter

import numpy as np

from framework.engine.dimension import meet
from framework.engine.errors import InvalidArgumentError
from framework.engine.ops.broadcast import broadcast_to, reshape, sum_
from framework.engine.ops.elementwise import multiply
from framework.engine.ops.index import gather
from framework.engine.ops.linalg import matmul
from framework.engine.ops.shape import transpose
from framework.engine.tensor import Tensor

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def parse(equation: str, count: int) -> tuple[list[str], str]:
    """(labels of each input, labels of the output), 0 for the ellipsis; checked.

    Without "->" the output has the labels that appear once, in alphabetical order.
    """
    text = equation.replace(" ", "").replace("...", "0")
    match = re.match("^([a-zA-Z0,]*)(->[a-zA-Z0]*)?$", text)
    if not match or "0" in equation:
        raise ValueError(f"Subscripts have incorrect format: {equation}")
    inputs = match[1].split(",")
    if len(inputs) != count:
        raise ValueError(f'Got {count} inputs for equation "{equation}", expecting {len(inputs)}')
    seen = Counter(match[1])
    once = "".join([c for c in sorted(seen) if c != "," and seen[c] == 1])
    output = once if match[2] is None else match[2][2:]
    if len(set(output)) != len(output):
        raise ValueError(f"Output subscripts contain a label appearing more than once: {equation}")
    unknown = "".join(sorted(set(output) - set(seen) - {"0"}))
    if unknown:
        raise ValueError(
            f"Output subscripts contain the label {unknown} not present in the input subscripts."
        )
    return inputs, output


def spelled_out(inputs: list[str], output: str, shapes: list[tuple]) -> tuple[list, list, int]:
    """The labels as lists, where the axes of an ellipsis are numbered 1, 2 ... from the right."""
    spelled, most = [], 0
    for i, (labels, shape) in enumerate(zip(inputs, shapes, strict=True)):
        count = len(shape) - len(labels.replace("0", ""))
        if labels.count("0") > 1:
            raise InvalidArgumentError(f"einsum: input {i} has more than one ellipsis")
        if (count and "0" not in labels) or count < 0:
            raise InvalidArgumentError(
                f"einsum: Expected input {i} to have rank {len(labels.replace('0', ''))} "
                f"but got: {len(shape)}"
            )
        most = max(most, count)
        spelled.append(numbered(labels, count))
    if most and "0" not in output:
        raise InvalidArgumentError(
            f"einsum: Output contains {most} broadcasting dimension(s) but no ellipsis (...) was "
            "found in the output subscripts."
        )
    return spelled, numbered(output, most), most


def numbered(labels: str, count: int) -> list:
    """The labels with the ellipsis replaced by count numbers."""
    return [n for c in labels for n in (range(count, 0, -1) if c == "0" else c)]


def sizes_of(spelled: list[list], shapes: list[tuple]) -> dict:
    """{label: size}; only the axes of an ellipsis may be broadcast."""
    sizes: dict = {}
    for i, (labels, shape) in enumerate(zip(spelled, shapes, strict=True)):
        for axis, (label, n) in enumerate(zip(labels, shape, strict=True)):
            known = sizes.setdefault(label, n)
            if known != n and (isinstance(label, str) or 1 not in (known, n)):
                raise InvalidArgumentError(
                    f"einsum: Expected dimension {known} at axis {axis} of the input {i} shaped "
                    f"{list(shape)} but got dimension {n}"
                )
            if not isinstance(label, str):
                sizes[label] = meet(known, n)
    return sizes


def arranged(x: Tensor, labels: list, wanted: list) -> Tensor:
    """x with its axes in the order of `wanted`."""
    axes = tuple([labels.index(label) for label in wanted])
    return x if axes == tuple(range(len(axes))) else transpose(x, axes=axes)


def simplified(x: Tensor, labels: list, kept: set) -> tuple[Tensor, list]:
    """x without repeated labels (the diagonal is taken) and without those outside `kept` (summed
    over)."""
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            rest = [a for a in range(len(labels)) if a not in (first, second)]
            x = transpose(x, axes=(*rest, first, second))
            n = x.array.shape[-1]
            x = reshape(x, shape=(*x.array.shape[:-2], n * n))
            x = gather(x, Tensor(np.arange(n) * (n + 1)), axis=-1)
            labels = [*[labels[a] for a in rest], label]
    gone = tuple([a for a, label in enumerate(labels) if label not in kept])
    if gone:
        x = sum_(x, axis=gone)
        labels = [label for label in labels if label in kept]
    return x, labels


def product(x: Tensor, left: list, y: Tensor, right: list, kept: set) -> tuple[Tensor, list]:
    """One product of two simplified inputs: labels of both that are kept are a stack of matrices,
    those that are not are summed over."""
    stack = [label for label in left if label in right and label in kept]
    inner = [label for label in left if label in right and label not in kept]
    rows = [label for label in left if label not in right]
    columns = [label for label in right if label not in left]
    x, y = arranged(x, left, stack + rows + inner), arranged(y, right, stack + inner + columns)
    if not inner and not (rows and columns):  # elementwise: no sum, nothing to spread
        x = reshape(x, shape=(*x.array.shape, *[1] * len(columns)))
        shape = y.array.shape
        y = reshape(y, shape=(*shape[: len(stack)], *[1] * len(rows), *shape[len(stack) :]))
        return multiply(x, y), stack + rows + columns
    outer, row_sizes = x.array.shape[: len(stack)], x.array.shape[len(stack) :][: len(rows)]
    stacks = tuple(
        [max(n, m) if n and m else 0 for n, m in zip(outer, y.array.shape, strict=False)]
    )
    column_sizes = y.array.shape[len(stack) + len(inner) :]
    length = math.prod(y.array.shape[len(stack) :][: len(inner)])
    x = reshape(x, shape=(*outer, math.prod(row_sizes), length))
    y = reshape(y, shape=(*y.array.shape[: len(stack)], length, math.prod(column_sizes)))
    out = reshape(matmul(x, y), shape=(*stacks, *row_sizes, *column_sizes))
    return out, stack + rows + columns


def pairs(spelled: list[list], output: list, sizes: dict) -> list[tuple]:
    """The order in which inputs are multiplied: NumPy's greedy path."""
    if len(spelled) < 3:
        return [(0, 1)] if len(spelled) == 2 else []
    letters = dict(zip(sizes, LETTERS, strict=False))
    words = ["".join([letters[label] for label in labels]) for labels in (*spelled, output)]
    one = np.zeros(())
    shaped = [np.broadcast_to(one, [sizes[label] for label in labels]) for labels in spelled]
    path = np.einsum_path(",".join(words[:-1]) + "->" + words[-1], *shaped, optimize="greedy")[0]
    return [step for step in path if isinstance(step, tuple)]


def einsum(equation: str, *xs: Tensor) -> Tensor:
    """The sum of products of the inputs over all labels that the output lacks.

    "ij,jk->ik" is a matrix product, "ii->i" a diagonal; "..." stands for any axes, which broadcast.
    """
    inputs, output = parse(equation, len(xs))
    shapes = [tuple(x.array.shape) for x in xs]
    spelled, wanted, _ = spelled_out(inputs, output, shapes)
    sizes = sizes_of(spelled, shapes)
    work = list(zip(xs, spelled, strict=True))
    for step in pairs(spelled, wanted, sizes):
        taken = [work[i] for i in step]
        work = [pair for i, pair in enumerate(work) if i not in step]
        while len(taken) > 1:
            others = {label for _, labels in (*taken[2:], *work) for label in labels}
            first, second, *rest = taken
            taken = [multiplied(first, second, others | set(wanted)), *rest]
        work.append(taken[0])
    x, labels = simplified(work[0][0], work[0][1], set(wanted))
    missing = [label for label in wanted if label not in labels]
    x = reshape(x, shape=(*[1] * len(missing), *x.array.shape))
    x = arranged(x, missing + labels, wanted)
    shape = tuple([sizes[label] for label in wanted])
    return x if tuple(x.array.shape) == shape else broadcast_to(x, shape=shape)


def multiplied(first: tuple, second: tuple, needed: set) -> tuple[Tensor, list]:
    """The product of two labelled inputs; `needed` are the labels that come again later."""
    x, left = simplified(first[0], first[1], needed | set(second[1]))
    y, right = simplified(second[0], second[1], needed | set(left))
    return product(x, left, y, right, needed)


def tensordot(x: Tensor, y: Tensor, axes: int | tuple) -> Tensor:
    """The sum of products over pairs of axes: axes[0] of x and axes[1] of y; n: the last n of x and
    the first n of y."""
    x_axes, y_axes = contracted_axes(x, axes)
    x_axes = [a + x.ndim if a < 0 else a for a in x_axes]
    y_axes = [a + y.ndim if a < 0 else a for a in y_axes]
    x_free = [a for a in range(x.ndim) if a not in x_axes]
    y_free = [a for a in range(y.ndim) if a not in y_axes]
    x_shape, y_shape = x.array.shape, y.array.shape
    sizes = [math.prod([x_shape[a] for a in x_axes]), math.prod([y_shape[a] for a in y_axes])]
    if sizes[0] != sizes[1]:
        raise InvalidArgumentError(
            f"tensordot: axes {x_axes} of {list(x_shape)} and {y_axes} of {list(y_shape)} do not "
            f"fit: {sizes[0]} != {sizes[1]}"
        )
    shape = [x_shape[a] for a in x_free], [y_shape[a] for a in y_free]
    x = reshape(transpose(x, axes=(*x_free, *x_axes)), shape=(math.prod(shape[0]), sizes[0]))
    y = reshape(transpose(y, axes=(*y_axes, *y_free)), shape=(sizes[0], math.prod(shape[1])))
    return reshape(matmul(x, y), shape=(*shape[0], *shape[1]))


def contracted_axes(x: Tensor, axes: int | tuple) -> tuple[list, list]:
    """The axes of both inputs that a number or a pair says; ValueError where they do not match."""
    if isinstance(axes, int):
        if axes < 0:
            raise ValueError(f"tensordot: `axes` must be at least 0. Received: {axes}.")
        if axes > x.ndim:
            raise ValueError(
                f"tensordot: `axes` must not be larger than the number of dimensions: {axes} > "
                f"{x.ndim}"
            )
        return list(range(x.ndim - axes, x.ndim)), list(range(axes))
    if len(axes) != 2:
        raise ValueError(f"`axes` must be an integer or have length 2. Received {axes}.")
    first, second = [[a] if isinstance(a, int) else list(a) for a in axes]
    if len(first) != len(second):
        raise ValueError(
            f"Different number of contraction axes `a` and `b`, {len(first)} != {len(second)}."
        )
    return first, second
