"""What is done with the gradient of max pooling, done before it: there are fewer elements."""

from __future__ import annotations

from framework.engine import ops
from framework.engine.ops.broadcast import axes_of
from framework.engine.program import Line, Program
from framework.engine.tensor import Spec, Tensor


def before_windows(program: Program) -> Program:
    """window_max_grad(g) puts each element of g where y is the largest of its window. Therefore

    relu_grad(window_max_grad(g), y) = window_max_grad(relu_grad(g, largest)), and its sum over all
    places is that of g, in another order.
    """
    users = program.users()
    maker = {slot: line for line in program.lines for slot in line.outs}
    lines: list[Line] = []
    for line in program.lines:
        inner = maker.get(line.inputs[0]) if line.inputs else None
        if inner is None or inner.op is not ops.window_max_grad:
            lines.append(line)
        elif len(users[line.inputs[0]]) == 1 and is_mask(line, inner, maker):
            lines.remove(inner)
            lines += masked_first(program, line, inner)
            maker[line.outs[0]] = lines[-1]
        else:
            is_sum = is_sum_of_places(line, program)
            lines.append(line.with_inputs(inner.inputs[:1]) if is_sum else line)
    return program.with_lines(lines)


def is_sum_of_places(line: Line, program: Program) -> bool:
    """Whether a line sums over images, rows and columns."""
    axes = line.attrs.get("axis")
    return line.op is ops.sum and axes_of(program.specs[line.inputs[0]].ndim, axes) == (0, 1, 2)


def is_mask(line: Line, inner: Line, maker: dict[int, Line]) -> bool:
    """Whether a line is the gradient of a relu whose result the windows of `inner` are of."""
    _, number, largest = inner.inputs
    forward = maker.get(largest)
    if line.op is not ops.relu_grad or forward is None or forward.op is not ops.window_max:
        return False
    return forward.inputs[0] == line.inputs[1] and forward.outs == (largest, number)


def masked_first(program: Program, line: Line, inner: Line) -> list[Line]:
    """The two lines in the other order."""
    g, number, largest = inner.inputs
    spec = Spec(program.specs[g].shape, program.specs[g].dtype)
    masked = Tensor(spec)
    program.specs[masked.id] = spec
    return [
        Line(ops.relu_grad, (g, largest), {}, (masked.id,), (spec, spec, spec)),
        Line(inner.op, (masked.id, number, largest), inner.attrs, line.outs, inner.values),
    ]
