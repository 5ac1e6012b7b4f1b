"""Op calls while sizes are open: the shapes of their results, and the tensors made of sizes alone.

See Note [Open dimensions] in dimension.py.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from framework.engine.active import ACTIVE
from framework.engine.dimension import Dim, at, dims_of, has_dims
from framework.engine.errors import TraceError
from framework.engine.open_sizes import Sizes, Undecided
from framework.engine.tensor import Spec, Tensor

MANY_KNOWN = 64  # elements of a tensor of sizes whose values are followed
WHOLE = "iub"  # kinds of dtypes that sizes have


def spec_at(spec: Any, sizes: Sequence) -> Spec:
    """The shape and dtype (of an array or a Spec) for these sizes."""
    return Spec(tuple([at(n, sizes) for n in spec.shape]), spec.dtype)


def infer_open(op: Any, specs: Sequence, attrs: dict, sizes: Sizes) -> Any:
    """op.infer, whose shapes may hold Dims. Where it cannot compute with them, its results for some
    sizes are made a linear function of them; what that is worth is seen when Programs are made."""
    if not (has_dims([s.shape for s in specs]) or has_dims(attrs)):
        return op.infer(*specs, **attrs)
    for seen in (sizes.apart, sizes.usual):
        try:
            with sizes.quiet(seen):
                inferred = op.infer(*specs, **attrs)
        except TraceError:
            raise
        except Exception:  # said again, in numbers, by the inference for the hints
            continue
        if op.name == "reshape":  # with its -1 resolved once, which nothing (0) cannot be
            attrs["shape"] = inferred.shape
        return inferred

    def found(hints: Sequence) -> tuple:
        return as_tuple(op.infer(*[spec_at(s, hints) for s in specs], **at(attrs, hints)))

    try:
        linear = linear_specs(found, sizes.usual, sizes)
    except (ValueError, TypeError):
        linear = linear_specs(found, sizes.hints, sizes)
    return linear[0] if op.outs == 1 else linear


def as_tuple(inferred: Any) -> tuple:
    """Specs as a tuple."""
    return inferred if isinstance(inferred, tuple) else (inferred,)


def linear_specs(found: Callable, hints: tuple, sizes: Sizes) -> tuple:
    """found(numbers) -> Specs as a linear function of the open sizes, where it seems to be one near
    the hints."""
    first = found(hints)
    shapes: list[list] = [list(spec.shape) for spec in first]
    for i, dim in enumerate(dims_of(sizes)):
        steps = steps_along(found, hints, i, [tuple(s.shape) for s in first])
        if steps is None:
            continue
        for shape, step in zip(shapes, steps, strict=True):
            for axis, slope in enumerate(step):
                shape[axis] = shape[axis] + slope * (dim - hints[i])
    return tuple([Spec(tuple(n), s.dtype) for n, s in zip(shapes, first, strict=True)])


def steps_along(found: Callable, hints: tuple, i: int, first: list[tuple]) -> list[list] | None:
    """How much each axis grows with size i; None if that is not seen."""
    for step in (1, hints[i] or 1):
        try:
            once, twice = [
                found((*hints[:i], hints[i] + k * step, *hints[i + 1 :])) for k in (1, 2)
            ]
        except (ValueError, TypeError):
            continue
        slopes = []
        for a, b, c in zip(first, once, twice, strict=True):
            if not len(a) == len(b.shape) == len(c.shape):
                return None
            slope = [(m - n) // step for n, m in zip(a, b.shape, strict=True)]
            ends = [n + 2 * step * s for n, s in zip(a, slope, strict=True)]
            if ends != list(c.shape):
                return None
            slopes.append(slope)
        return slopes
    return None


# ------------------------------------------------------------------ tensors made of sizes


def learn(trace: Any, op: Any, inputs: tuple, attrs: dict, outs: tuple) -> None:
    """Follow the values of tensors that are computed from sizes alone."""
    if len(outs) != 1 or outs[0].array.dtype.kind not in WHOLE:
        return
    if not any([x.id in trace.known for x in inputs]):
        return
    arrays: list[Any] = [known_array(trace, x) for x in inputs]
    shape = outs[0].array.shape
    if any([a is None for a in arrays]) or has_dims(shape) or outs[0].array.size > MANY_KNOWN:
        return

    def compute() -> np.ndarray:
        if op.name == "cast":
            return arrays[0]
        found = np.empty(shape, object)
        found[...] = op.forward(*arrays, **attrs)
        return found

    trace.known[outs[0].id] = compute
    if outs[0].array.dtype.kind == "b":
        return  # asked when it is wanted: the answer is a guard
    try:
        with contextlib.nullcontext() if trace.sizes is None else trace.sizes.strict():
            trace.known[outs[0].id] = compute()
    except (Undecided, TypeError, ValueError, AttributeError, ZeroDivisionError):
        del trace.known[outs[0].id]


def known_array(trace: Any, x: Tensor) -> np.ndarray | None:
    """The value of a tensor of sizes, or of a small constant, as an array of Dims and ints."""
    if x.id in trace.known:
        found = trace.known[x.id]
        return None if callable(found) else found
    if x.is_variable or type(x.array) is Spec:
        return None
    if x.array.dtype.kind not in WHOLE or x.array.size > MANY_KNOWN:
        return None
    return x.array.astype(object)


def sizes_of(x: Tensor) -> Any:
    """The value of a tensor of sizes as an int or Dim, or as (nested) tuples of them; None for
    another tensor."""
    trace = ACTIVE.trace
    known = None if trace is None or trace.known is None else trace.known.get(x.id)
    return None if known is None or callable(known) else nested(known.tolist())


def nested(value: Any) -> Any:
    """Lists as tuples."""
    return tuple([nested(part) for part in value]) if isinstance(value, list) else value


def size_or_value(x: Any) -> Any:
    """An int, also of a tensor that is made of sizes: then perhaps a Dim."""
    if type(x) is Dim:
        return x
    if isinstance(x, Tensor) and type(x.array) is Spec:
        known = sizes_of(x)
        if known is not None and not isinstance(known, tuple):
            return known
    return x.__index__()
