"""Ops that move elements: transpose, strided slices and their inverse, pad, concatenate, pack and
part.

Note [Strided kernels]  Each of these reads or writes one side element by element with a step per
axis. Two bodies do all of them: take_strided (out in order, x with steps) and put_strided (x in
order, out with steps, filled before). Neighbouring axes are joined, so four loops suffice; what
needs more is left to NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from framework.engine.errors import InvalidArgumentError
from framework.engine.op import Sample, op
from framework.engine.tensor import Spec, Tensor

LOOPS = 4


def take_strided(out, x, start, s0, s1, s2, s3):
    """out[i] = x[start + i . s]"""
    for a in range(out.shape[0]):
        for b in range(out.shape[1]):
            for c in range(out.shape[2]):
                row = out[a, b, c]
                at = start + a * s0 + b * s1 + c * s2
                if s3 == 1:
                    copy_into(row, x[at : at + row.size])
                elif s2 != 1:
                    for d in range(row.size):
                        row[d] = x[at + d * s3]
            # A matrix, transposed: 16 rows of x at a time, whose cache lines are then used up.
            if s2 == 1 and s3 != 1:
                at = start + a * s0 + b * s1
                for first in range(0, out.shape[3], 16):
                    for c in range(out.shape[2]):
                        row = out[a, b, c]
                        for d in range(first, min(first + 16, row.size)):
                            row[d] = x[at + c + d * s3]


def put_strided(out, x, start, s0, s1, s2, s3, fill):
    """out = fill, then out[start + i . s] = x[i]"""
    for i in range(out.size):
        out[i] = fill
    for a in range(x.shape[0]):
        for b in range(x.shape[1]):
            for c in range(x.shape[2]):
                row = x[a, b, c]
                at = start + a * s0 + b * s1 + c * s2
                if s3 == 1:
                    copy_into(out[at : at + row.size], row)
                else:
                    for d in range(row.size):
                        out[at + d * s3] = row[d]


def loops_of(sizes: tuple, steps: tuple) -> tuple[tuple, dict] | None:
    """(sizes, {"s0": ...}) of the loops over axes of these sizes and steps; None if there are too
    many.
    """
    joined: list[tuple[int, int]] = []
    for n, step in zip(sizes, steps, strict=True):
        if n == 1:
            continue
        if joined and joined[-1][1] == step * n:
            joined[-1] = joined[-1][0] * n, step
        else:
            joined.append((n, step))
    if len(joined) > LOOPS:
        return None
    joined = [(1, 0)] * (LOOPS - len(joined)) + joined
    if joined[-1] == (1, 0):
        joined[-1] = 1, 1
    return tuple([n for n, _ in joined]), {f"s{i}": step for i, (_, step) in enumerate(joined)}


def steps_of(shape: tuple) -> list[int]:
    """Elements from one index to the next, per axis, of a C-contiguous array."""
    steps = [1] * len(shape)
    for i in reversed(range(len(shape) - 1)):
        steps[i] = steps[i + 1] * shape[i + 1]
    return steps


def permutation(axes: tuple | None, ndim: int) -> tuple:
    """`axes` as axes >= 0; None reverses all."""
    if axes is None:
        return tuple(reversed(range(ndim)))
    order = tuple([a % ndim if -ndim <= a < ndim else a for a in axes])
    if sorted(order) != list(range(ndim)):
        raise ValueError(
            f"transpose: axes {tuple(axes)} do not permute the {ndim} axes of the tensor"
        )
    return order


@op(
    Sample(((3, 4),)),
    Sample(((2, 3, 4),), {"axes": (1, 0, 2)}),
    Sample(((2, 3, 4, 2),), {"axes": (0, -1, 1, 2)}),
    infer=lambda x, *, axes=None: Spec(
        tuple([x.shape[a] for a in permutation(axes, x.ndim)]), x.dtype
    ),
)
def transpose(x, *, axes=None):
    """x with its axes in another order: axis i of the result is axes[i] of x; None: reversed."""
    return x.transpose(permutation(axes, x.ndim))


def see_transpose(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple | None:
    x = inputs[0]
    steps = steps_of(x.shape)
    loops = loops_of(outs[0].shape, tuple([steps[a] for a in permutation(attrs["axes"], x.ndim)]))
    return None if loops is None else ([loops[0]], [(x.size,)], {"start": 0, **loops[1]})


transpose.kernel(views=see_transpose)(take_strided)


@transpose.vjp()
def _(g: Tensor, out: Tensor, x: Tensor, *, axes: Any = None) -> tuple:
    back = np.argsort(permutation(axes, len(x.array.shape)))
    return (transpose(g, axes=tuple(back.tolist())),)


def index_of(begin: tuple, sizes: tuple, strides: tuple) -> tuple[slice, ...]:
    """The NumPy index of a strided slice."""
    index = []
    for b, n, s in zip(begin, sizes, strides, strict=True):
        end = b + n * s
        index.append(slice(b, end if end >= 0 else None, s) if n else slice(0, 0))
    return tuple(index)


SLICES = (
    Sample(((4, 5),), {"begin": (1, 0), "sizes": (2, 3), "strides": (1, 2), "shape": (2, 3)}),
    Sample(((4, 5),), {"begin": (3, 2), "sizes": (4, 1), "strides": (-1, 1), "shape": (4,)}),
    Sample(
        ((2, 3, 4),),
        {"begin": (0, 2, 3), "sizes": (2, 1, 2), "strides": (1, 1, -3), "shape": (2, 1, 1, 2)},
    ),
)


@op(*SLICES, infer=lambda x, *, begin, sizes, strides, shape: Spec(tuple(shape), x.dtype))
def strided_slice(x, *, begin, sizes, strides, shape):
    """x[begin + i strides], i from 0 to sizes - 1 per axis,
    in `shape` (sizes without or with axes of length 1).
    """
    part = x[index_of(begin, sizes, strides)]
    return part if part.shape == shape else part.reshape(shape)


def start_and_loops(
    shape: tuple, begin: Sequence, sizes: tuple, strides: tuple
) -> tuple[int, tuple[tuple, dict] | None]:
    """(first element, loops) of a strided slice of a C-contiguous array."""
    steps = steps_of(shape)
    start = sum([b * step for b, step in zip(begin, steps, strict=True)])
    return start, loops_of(sizes, tuple([s * step for s, step in zip(strides, steps, strict=True)]))


def see_slice(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple | None:
    start, loops = start_and_loops(
        inputs[0].shape, attrs["begin"], attrs["sizes"], attrs["strides"]
    )
    return (
        None if loops is None else ([loops[0]], [(inputs[0].size,)], {"start": start, **loops[1]})
    )


strided_slice.kernel(views=see_slice)(take_strided)


@strided_slice.vjp()
def _(
    g: Tensor, out: Tensor, x: Tensor, *, begin: Any, sizes: Any, strides: Any, shape: Any
) -> tuple:
    return (strided_slice_grad(g, whole=x.array.shape, begin=begin, sizes=sizes, strides=strides),)


@op(
    Sample(((2, 3),), {"whole": (4, 5), "begin": (1, 0), "sizes": (2, 3), "strides": (1, 2)}),
    Sample(((4,),), {"whole": (4, 5), "begin": (3, 2), "sizes": (4, 1), "strides": (-1, 1)}),
    infer=lambda g, *, whole, begin, sizes, strides: Spec(tuple(whole), g.dtype),
)
def strided_slice_grad(g, *, whole, begin, sizes, strides):
    """Zeros of shape `whole` with g where strided_slice would take: its gradient."""
    out = np.zeros(whole, g.dtype)
    out[index_of(begin, sizes, strides)] = g.reshape(sizes)
    return out


def see_slice_grad(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple | None:
    start, loops = start_and_loops(outs[0].shape, attrs["begin"], attrs["sizes"], attrs["strides"])
    if loops is None:
        return None
    return [(outs[0].size,)], [loops[0]], {"start": start, "fill": 0, **loops[1]}


strided_slice_grad.kernel(views=see_slice_grad)(put_strided)


@strided_slice_grad.vjp()
def _(
    u: Tensor, out: Tensor, g: Tensor, *, whole: Any, begin: Any, sizes: Any, strides: Any
) -> tuple:
    return (strided_slice(u, begin=begin, sizes=sizes, strides=strides, shape=g.array.shape),)


def padded_shape(shape: tuple, paddings: tuple) -> tuple:
    if len(paddings) != len(shape) or any([len(p) != 2 or min(p) < 0 for p in paddings]):
        raise ValueError(
            f"pad: paddings {paddings} do not fit {len(shape)} axes: wanted (before, after) each"
        )
    return tuple([n + before + after for n, (before, after) in zip(shape, paddings, strict=True)])


PADS = (
    Sample(((3, 4),), {"paddings": ((1, 0), (0, 2)), "value": 1.5}),
    Sample(((2, 3, 4),), {"paddings": ((0, 0), (1, 1), (0, 0))}),
)


@op(*PADS, infer=lambda x, *, paddings, value=0: Spec(padded_shape(x.shape, paddings), x.dtype))
def pad(x, *, paddings, value=0):
    """x with (before, after) elements of `value` around each axis."""
    out = np.full(padded_shape(x.shape, paddings), value, x.dtype)
    out[
        tuple([slice(before, before + n) for n, (before, _) in zip(x.shape, paddings, strict=True)])
    ] = x
    return out


def see_pad(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple | None:
    x = inputs[0]
    begin = [before for before, _ in attrs["paddings"]]
    start, loops = start_and_loops(outs[0].shape, begin, x.shape, (1,) * x.ndim)
    if loops is None:
        return None
    return [(outs[0].size,)], [loops[0]], {"start": start, "fill": attrs["value"], **loops[1]}


pad.kernel(views=see_pad)(put_strided)


@pad.vjp()
def _(g: Tensor, out: Tensor, x: Tensor, *, paddings: Any, value: Any = 0) -> tuple:
    shape = x.array.shape
    begin = tuple([before for before, _ in paddings])
    return (strided_slice(g, begin=begin, sizes=shape, strides=(1,) * len(shape), shape=shape),)


def infer_concatenate(*xs: Spec, axis: int = 0) -> Spec:
    ndim = xs[0].ndim
    if not -ndim <= axis < ndim:
        raise ValueError(f"concatenate: axis {axis} is out of bounds for tensors with {ndim} axes")
    axis %= ndim
    for i, x in enumerate(xs):
        if x.ndim != ndim or any(
            [n != m for a, (n, m) in enumerate(zip(x.shape, xs[0].shape)) if a != axis]
        ):
            raise InvalidArgumentError(
                f"concatenate: tensor {i} has shape {tuple(x.shape)}, 0 {tuple(xs[0].shape)}: "
                f"they may differ along axis {axis} only"
            )
    shape = list(xs[0].shape)
    shape[axis] = sum([x.shape[axis] for x in xs])
    return Spec(tuple(shape), xs[0].dtype)


@op(
    Sample(((3, 4), (2, 4))),
    Sample(((3, 4), (3, 1), (3, 2)), {"axis": -1}),
    infer=infer_concatenate,
    same_dtype=True,
    is_exact=True,
)
def concatenate(*xs, axis=0):
    """xs behind each other along `axis`."""
    try:
        return np.concatenate(xs, axis=axis)
    except ValueError:
        infer_concatenate(*xs, axis=axis)  # says what does not fit
        raise


def see_concatenate(outs: list[Spec], inputs: list[Spec], attrs: dict) -> tuple:
    """Everything as (outer, axis and behind it)."""
    outer = math.prod(outs[0].shape[: attrs["axis"] % outs[0].ndim])
    shapes = [(outer, math.prod(s.shape[attrs["axis"] % s.ndim :])) for s in (*outs, *inputs)]
    return shapes[:1], shapes[1:], {}


@concatenate.kernel(views=see_concatenate)
def _(out, *xs):
    start = 0
    for x in xs:
        width = x.shape[1]
        for i in range(x.shape[0]):
            copy_into(out[i, start : start + width], x[i])
        start += width


@concatenate.vjp()
def _(g, out, *xs, wants, axis=0):
    axis %= len(out.array.shape)
    start, parts = 0, []
    for x, wanted in zip(xs, wants, strict=True):
        shape = x.array.shape
        begin = tuple([start if a == axis else 0 for a in range(len(shape))])
        start += shape[axis]
        parts.append(
            strided_slice(g, begin=begin, sizes=shape, strides=(1,) * len(shape), shape=shape)
            if wanted
            else None
        )
    return tuple(parts)


def pack_places(inputs: Sequence) -> list[int]:
    """Element at which each input starts inside the flat array: a cache line of float32."""
    places, at = [], 0
    for x in inputs:
        places.append(at)
        at += -(-math.prod(x.shape) // 16) * 16
    return places


def packed_size(inputs: Sequence) -> int:
    return sum([-(-math.prod(x.shape) // 16) * 16 for x in inputs])


@op(
    Sample(((3, 4), (5,))),
    Sample(((2,), (4, 8), ())),
    infer=lambda *xs: Spec((packed_size(xs),), xs[0].dtype),
    places=pack_places,
    same_dtype=True,
)
def pack(*xs):
    """All xs behind each other in one flat vector, each starting a cache line (16 elements),
    zeros between.
    """
    flat = np.zeros(packed_size(xs), xs[0].dtype)
    for x, at in zip(xs, pack_places(xs), strict=True):
        flat[at : at + x.size] = x.reshape(-1)
    return flat


@pack.vjp()
def _(g, out, *xs):
    places = pack_places([x.array for x in xs])
    return tuple([part(g, start=at, shape=x.array.shape) for x, at in zip(xs, places, strict=True)])


@op(
    Sample(((32,),), {"start": 16, "shape": (2, 3)}),
    infer=lambda x, *, start, shape: Spec(tuple(shape), x.dtype),
    is_view=True,
    view_start=lambda attrs: attrs["start"],
)
def part(x, *, start, shape):
    """The elements of the vector x from `start`, in `shape`: no work in a program."""
    return x[start : start + math.prod(shape)].reshape(shape)


@part.vjp()
def _(g: Tensor, out: Tensor, x: Tensor, *, start: Any, shape: Any) -> tuple:
    n = math.prod(shape)
    return (strided_slice_grad(g, whole=x.array.shape, begin=(start,), sizes=(n,), strides=(1,)),)
