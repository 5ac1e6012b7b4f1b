"""Rows: the inputs of one op call for many rows at once. RULES: what each op does with them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from framework.engine import ops
from framework.engine.op import Op
from framework.engine.ops.broadcast import reshape
from framework.engine.tensor import Spec, Tensor

# name of an op -> rule(op, rows, **attrs): the outputs of all rows, each with the leading axis;
# None: this case has no rule.
RULES: dict[str, Callable] = {}


def batching(*which: Op) -> Callable:
    """Decorator: the rule by which these ops compute all rows with ops on whole arrays."""

    def declare(rule: Callable) -> Callable:
        RULES.update({op.name: rule for op in which})
        return rule

    return declare


class Rows:
    """Tensors of which some have an axis of length `size` in front: one part for each row. The
    others are the same in every row."""

    __slots__ = ("is_batched", "size", "tensors")

    def __init__(self, tensors: list[Tensor], is_batched: list[bool], size: int):
        self.tensors, self.is_batched, self.size = tensors, is_batched, size

    def __len__(self) -> int:
        return len(self.tensors)

    def shape(self, i: int) -> tuple:
        """The shape of input i in one row."""
        shape = tuple(self.tensors[i].array.shape)
        return shape[1:] if self.is_batched[i] else shape

    def spread(self, i: int) -> Tensor:
        """Input i with the leading axis."""
        x = self.tensors[i]
        if self.is_batched[i]:
            return x
        return ops.broadcast_to(x, shape=(self.size, *x.array.shape))

    def spread_all(self) -> list[Tensor]:
        """All inputs with the leading axis."""
        return [self.spread(i) for i in range(len(self.tensors))]

    def aligned(self, ndim: int | None = None) -> list[Tensor]:
        """The inputs so that they broadcast against each other as they do in one row: axes of
        length 1 behind the leading one up to `ndim` axes in a row (None: the most of them)."""
        shapes = [self.shape(i) for i in range(len(self.tensors))]
        wanted = max([len(s) for s in shapes]) if ndim is None else ndim
        # A vector of all rows gets its axis too: (n,) beside (n, 1) is what users are warned of.
        return [
            reshape(x, shape=(self.size if is_batched else 1, *[1] * (wanted - len(shape)), *shape))
            if (len(shape) < wanted if is_batched else len(shape) == wanted == 1)
            else x
            for x, shape, is_batched in zip(self.tensors, shapes, self.is_batched, strict=True)
        ]

    def joined(self, i: int) -> Tensor:
        """Input i with the leading axis joined to the first one of the row."""
        n, *rest = self.shape(i)
        return reshape(self.spread(i), shape=(self.size * n, *rest))

    def parted(self, y: Tensor) -> Tensor:
        """What `joined` joined, apart again."""
        n, *rest = y.array.shape
        return reshape(y, shape=(self.size, n // self.size, *rest))

    def row(self, k: int) -> list[Tensor]:
        """The inputs of row k."""
        return [
            part_of(x, k) if is_batched else x
            for x, is_batched in zip(self.tensors, self.is_batched, strict=True)
        ]


def part_of(x: Tensor, k: int) -> Tensor:
    """x[k]"""
    shape = tuple(x.array.shape[1:])
    begin, strides = (k, *[0] * len(shape)), (1,) * (len(shape) + 1)
    return ops.strided_slice(x, begin=begin, sizes=(1, *shape), strides=strides, shape=shape)


def elementwise(op: Op, rows: Rows, **attrs: Any) -> Any:
    """Ops on each element by itself: the rows broadcast as they do alone.

    Where all samples of an op have equal shapes (tanh_grad), its gradient rule holds for those
    only: what is the same in all rows is repeated first.
    """
    return op(*(rows.aligned() if broadcasts(op) else rows.spread_all()), **attrs)


@functools.cache
def broadcasts(op: Op) -> bool:
    """Whether an op and its gradient rule take inputs of different shapes, as its samples show."""
    return any([len(set(sample.shapes)) > 1 for sample in op.samples])


def row_by_row(op: Op, rows: Rows, **attrs: Any) -> Any:
    """Any op at all: a call for each row, the results behind each other."""
    results = [op(*rows.row(k), **attrs) for k in range(rows.size)]
    if op.outs == 1:
        return ops.stack(results)
    return tuple([ops.stack(list(column)) for column in zip(*[r or () for r in results])])


def no_rows(op: Op, rows: Rows, **attrs: Any) -> Any:
    """The outputs where there is no row."""
    inputs = [Spec(rows.shape(i), x.array.dtype) for i, x in enumerate(rows.tensors)]
    specs: Any = op.infer(*inputs, **attrs) if op.outs else ()
    made = tuple([
        Tensor(np.zeros((0, *s.shape), s.dtype))
        for s in (specs if isinstance(specs, tuple) else (specs,))
    ])  # fmt: skip
    return made[0] if op.outs == 1 else made


def rule_of(op: Op) -> Callable | None:
    """The rule of an op; None: none but row by row."""
    return RULES.get(op.name) or (elementwise if op.scalar is not None else None)


def over_rows(op: Op, rows: Rows, attrs: dict) -> tuple:
    """The outputs of op for every row, each with the leading axis."""
    if not rows.size:
        made = no_rows(op, rows, **attrs)
    else:
        rule = rule_of(op)
        made = None if rule is None else rule(op, rows, **attrs)
        if made is None and op.outs:
            made = row_by_row(op, rows, **attrs)
    if not op.outs:
        return ()
    return made if isinstance(made, tuple) else (made,)
