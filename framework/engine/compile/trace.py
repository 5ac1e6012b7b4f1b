"""trace: the Program of a function, without running it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from framework.engine import nest, ops
from framework.engine.program import Program, tracing
from framework.engine.tensor import Spec, Tensor, as_tensor


def trace(function: Callable, *likes: Any, where: Callable[[], str] | None = None) -> Program:
    """The Program of function(*inputs) for inputs of the shape and dtype of `likes`.

    Only shapes and dtypes flow: nothing is computed, written or drawn. Reading a value raises
    TraceError. where() names the layer that is under way.
    """
    return trace_structure(function, *likes, where=where)[0]


def trace_structure(
    function: Callable, *likes: Any, where: Callable[[], str] | None = None
) -> tuple[Program, Any]:
    """trace, and the structure that `function` returned (its leaves are abstract tensors or
    None)."""
    inputs = [
        Tensor(Spec(tuple(x.shape), np.dtype(getattr(x.dtype, "dtype", x.dtype)))) for x in likes
    ]
    program = Program([x.id for x in inputs])
    program.specs.update({x.id: x.array for x in inputs})
    program.where = where
    program.known = {}
    with tracing(program):
        outputs = function(*inputs)
        leaves = [ops.identity(as_tensor(x)) for x in nest.flatten(outputs) if x is not None]
    program.outputs = tuple([x.id for x in leaves])
    return program, outputs
