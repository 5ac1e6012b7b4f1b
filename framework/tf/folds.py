"""tf.foldl, tf.foldr and tf.scan: a function that is applied to the parts of a tensor in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from framework.engine import nest, ops
from framework.engine.active import ACTIVE
from framework.engine.errors import InvalidArgumentError, OutOfRangeError
from framework.engine.tensor import Tensor
from framework.tf.call import tensor
from framework.tf.control_flow import while_loop


def foldl(
    fn: Callable,
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
) -> Any:
    """a = fn(a, elems[i]) for i = 0, 1 ...

    a begins as `initializer`, or as elems[0], which is then not given to fn.
    elems: a tensor or a structure of them with equal first axes. parallel_iterations and
    swap_memory are advice to a graph; back_prop=False stops gradients in a tf.function.
    """
    return folded(fn, "foldl", elems, initializer, back_prop, is_reverse=False)


def foldr(
    fn: Callable,
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
) -> Any:
    """foldl from the last part to the first."""
    return folded(fn, "foldr", elems, initializer, back_prop, is_reverse=True)


def scan(
    fn: Callable,
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    reverse: bool = False,
    name: str | None = None,
) -> Any:
    """What foldl has after each part, behind each other: fn(a, elems[i]), in the structure of the
    initializer (None: of elems, whose first part is then the first result).

    reverse: from the last part to the first. The other arguments as in foldl.
    """
    flat, count = parts_of(fn, elems)
    order = list(range(count))[:: -1 if reverse else 1]
    like = elems if initializer is None else initializer
    if initializer is None:
        check_first(count)
        now = part(flat, elems, order[0])
        rows, order = {order[0]: now}, order[1:]
    else:
        now, rows = nest.map_structure(tensor, initializer), {}
    dtypes = [x.dtype for x in nest.flatten(now)]
    for i in order:
        found = fn(now, part(flat, elems, i))
        check_alike("scan", like, found)
        rows[i] = now = nest.map_structure(tensor, found)
        check_dtypes(now, dtypes)
    if not rows:
        empty = [np.zeros((0, *x.shape), x.dtype.as_numpy_dtype) for x in nest.flatten(now)]
        result = nest.pack_sequence_as(like, [Tensor(x) for x in empty])
    else:
        columns = zip(*[nest.flatten(rows[i]) for i in range(count)], strict=True)
        result = nest.pack_sequence_as(like, [ops.stack(list(column)) for column in columns])
    return result if back_prop or ACTIVE.trace is None else stopped(result)


def folded(
    fn: Callable, name: str, elems: Any, initializer: Any, back_prop: bool, is_reverse: bool
) -> Any:
    """foldl and foldr."""
    flat, count = parts_of(fn, elems)
    start = 0
    if initializer is None:
        check_first(count)
        initializer, start = part(flat, elems, count - 1 if is_reverse else 0), 1

    def body(i: Tensor, a: Any) -> tuple:
        at = ops.subtract(tensor(count - 1), i) if is_reverse else i
        found = fn(a, nest.pack_sequence_as(elems, [x[at] for x in flat]))
        check_alike(name, initializer, found)
        return i + 1, found

    start = tensor(start), initializer
    result = while_loop(lambda i, a: i < count, body, start, back_prop=back_prop)
    return result[1]


def parts_of(fn: Callable, elems: Any) -> tuple[list[Tensor], int]:
    """The tensors in elems and the length of their first axis."""
    if not callable(fn):
        raise TypeError(f"{fn.__class__.__name__!r} object is not callable: fn must be a function")
    flat = [tensor(x) for x in nest.flatten(elems)]
    if any([not x.ndim for x in flat]):
        raise IndexError("elems must have at least one axis, got a scalar")
    lengths: Sequence[int] = [int(x.shape[0]) for x in flat]
    if len(set(lengths)) > 1:
        raise ValueError(f"Dimensions {lengths[0]} and {lengths[1]} are not compatible")
    return flat, lengths[0]


def part(flat: list[Tensor], elems: Any, i: int) -> Any:
    """elems[i]"""
    return nest.pack_sequence_as(elems, [x[i] for x in flat])


def check_first(count: int) -> None:
    """Raise if there is no first part to begin with."""
    if not count:
        raise OutOfRangeError("Tried to read from index 0 but array size is: 0: give initializer")


def check_alike(name: str, like: Any, found: Any) -> None:
    """Raise unless fn gave the structure that it got."""
    if nest.form_of(found) != nest.form_of(like):
        raise ValueError(
            f"{name}: The two structures don't have the same nested structure: fn got {like} and "
            f"gave {found}"
        )


def check_dtypes(now: Any, dtypes: list) -> None:
    """Raise unless fn gave the dtypes that it got."""
    for x, dtype in zip(nest.flatten(now), dtypes, strict=True):
        if x.dtype != dtype:
            raise InvalidArgumentError(
                f"scan: fn gave {x.dtype.name}, its results are {dtype.name}"
            )


def stopped(result: Any) -> Any:
    """The same without gradient."""
    return nest.map_structure(ops.stop_gradient, result)
