"""map_rows: a function of one row applied to many rows at once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from framework.engine import nest, ops
from framework.engine.active import ACTIVE
from framework.engine.batching.batch import batched, without_rules
from framework.engine.batching.rows import part_of
from framework.engine.errors import TraceError, place_of
from framework.engine.program import Program, has_rules, inner_program, tracing
from framework.engine.tensor import Spec, Tensor, as_tensor

LOG = logging.getLogger("framework")


class Elements:
    """What a function is mapped over: a structure of tensors with a first axis of length `size`,
    or of length 1, which counts as the same part in every row."""

    def __init__(self, structure: Any, tensors: list[Tensor], size: int):
        self.structure, self.size = structure, size
        self.is_batched = [x.array.shape[0] == size for x in tensors]
        self.tensors = [
            x if is_batched else part_of(x, 0)
            for x, is_batched in zip(tensors, self.is_batched, strict=True)
        ]

    def row(self, k: int) -> Any:
        """The structure of row k."""
        parts = [
            part_of(x, k) if is_batched else x
            for x, is_batched in zip(self.tensors, self.is_batched, strict=True)
        ]
        return nest.pack_sequence_as(self.structure, parts)

    def abstract(self) -> list[Tensor]:
        """Tensors without values in the place of one row's."""
        return [
            Tensor(Spec(tuple(x.array.shape[1 if is_batched else 0 :]), x.array.dtype))
            for x, is_batched in zip(self.tensors, self.is_batched, strict=True)
        ]


def map_rows(fn: Callable, elements: Elements, may_loop: bool = True, warns: bool = True) -> Any:
    """fn of every row, its results behind each other in the structure that it returns (None stays
    None); what fn makes without its argument is repeated.

    fn is traced once, then each of its ops runs for all rows. If it asks for a value, or has a
    custom gradient that someone records, it is called for each row, which is said once;
    with may_loop=False ValueError is raised instead, also for an op without a batching rule.
    """
    try:
        program, result = traced(fn, elements)
        reason = "a custom gradient in it must be recorded" if is_recorded(program) else ""
    except TraceError as error:
        reason = f"it cannot be traced: {error}{place_of(error)}"
        if not elements.size:
            raise
    if reason:
        told(f"{name_of(fn)} is called row by row: {reason}", may_loop, warns)
        return looped(fn, elements)
    slow = without_rules(program, elements.is_batched)
    if slow:
        told(f"{name_of(fn)}: {', '.join(slow)} has no batching rule", may_loop, warns)
    outs = iter(batched(program, elements.tensors, elements.is_batched, elements.size))
    leaves = [None if x is None else whole(*next(outs), elements.size) for x in result[1]]
    return nest.pack_sequence_as(result[0], leaves)


def traced(fn: Callable, elements: Elements) -> tuple[Program, tuple[Any, list]]:
    """The Program of fn for one row; its result as (structure, leaves)."""
    for _ in range(2):  # as tf.function does: Variables are made only by the first trace
        inputs = elements.abstract()
        program = inner_program(inputs)
        program.sizes = None  # gradient rules run now: what they are made of is to run for all rows
        count = len(program.made)
        with tracing(program):
            structure = fn(nest.pack_sequence_as(elements.structure, inputs))
            leaves = nest.flatten(structure)
            outs = [ops.identity(as_tensor(x)) for x in leaves if x is not None]
        program.outputs = tuple([x.id for x in outs])
        if len(program.made) == count:
            return program, (structure, leaves)
    raise ValueError(
        f"vectorized_map: {name_of(fn)} makes Variables whenever it is called: make them outside"
    )


def is_recorded(program: Program) -> bool:
    """Whether the rule of a custom gradient would be lost to someone who records."""
    return has_rules(program) and bool(ACTIVE.tapes or ACTIVE.trace)


def looped(fn: Callable, elements: Elements) -> Any:
    """fn called for each row, the results behind each other."""
    results = [fn(elements.row(k)) for k in range(elements.size)]
    columns = zip(*[nest.flatten(r) for r in results], strict=True)
    stacked = [None if c[0] is None else ops.stack([as_tensor(x) for x in c]) for c in columns]
    return nest.pack_sequence_as(results[0], stacked)


def whole(y: Tensor, is_batched: bool, size: int) -> Tensor:
    """An output with the leading axis."""
    return y if is_batched else ops.broadcast_to(y, shape=(size, *y.array.shape))


def told(reason: str, may_loop: bool, warns: bool) -> None:
    """A warning, or ValueError if rows may not be computed one by one."""
    if not may_loop:
        raise ValueError(f"vectorized_map: {reason}, and fallback_to_while_loop is False")
    if warns:
        LOG.warning("vectorized_map: %s", reason)


def name_of(fn: Callable) -> str:
    """The name of a function, for messages."""
    return getattr(fn, "__name__", type(fn).__name__)
