"""Ops that Python runs op by op at each call: what is too rare to have a Program of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from framework.engine.op import Op
from framework.engine.program import tracing
from framework.engine.slices import dense
from framework.engine.tape import GradientTape
from framework.engine.tensor import Spec, Tensor


class OpByOp(Op):
    """outs = function(*inputs), a function of Tensors that is run by Python at each call, inside a
    Program too; its derivatives of every order are OpByOp again. For what is rare: the second
    derivative of a loop."""

    def __init__(self, function: Callable, specs: tuple = ()):
        self._whole = function

        def op_by_op(*arrays):
            with tracing(None):  # neither a trace nor a tape of this thread sees it
                outs = [y.array for y in function(*[Tensor(np.array(a)) for a in arrays])]
            return outs[0] if len(specs) == 1 else tuple(outs)

        def infer(*inputs):
            return specs[0] if len(specs) == 1 else specs

        super().__init__(op_by_op, op_by_op, outs=len(specs), infer=infer, register=False)
        self.rule, self.needs, self.takes_wants = self.backward, ("inputs",), True

    def backward(self, g: Any, out: Any, *inputs: Tensor, wants: list) -> list:
        """The vjp: a tape around the function."""
        parts = g if isinstance(g, tuple) else (g,)
        given = [part is not None for part in parts]
        wants = of_floats(wants, inputs)
        specs = [Spec(x.array.shape, x.array.dtype) for x, w in zip(inputs, wants) if w]
        op = OpByOp(gradient_of(self._whole, given, wants), tuple(specs))
        made = op(*[part for part in parts if part is not None], *inputs)
        found = iter(made if isinstance(made, tuple) else (made,))
        return [next(found) if wanted else None for wanted in wants]


def of_floats(wants: list, inputs: tuple) -> list[bool]:
    """Those wanted that can have a gradient."""
    return [w and x.array.dtype.kind == "f" for w, x in zip(wants, inputs, strict=True)]


def gradient_of(function: Callable, given: list, wants: list) -> Callable:
    """(cotangents of the given outs of a function of Tensors, its inputs) -> the gradients of the
    wanted inputs, zeros where there is none."""
    count = sum(given)

    def gradient(*values):
        g, inputs = values[:count], values[count:]
        sources = [x for x, wanted in zip(inputs, wants, strict=True) if wanted]
        with GradientTape() as tape:
            tape.watch(sources)
            outs = function(*inputs)
        targets = [y for y, is_given in zip(outs, given, strict=True) if is_given]
        found = tape.gradient(targets, sources, g, unconnected_gradients="zero")
        return [dense(x) for x in found]

    return gradient
