"""Names that sort, search and count off."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from framework.engine import door, ops
from framework.engine.errors import InvalidArgumentError
from framework.engine.tensor import Tensor
from framework.tf.call import tensor

DIRECTIONS = {"ASCENDING": False, "DESCENDING": True}


class TopKV2(NamedTuple):
    """What top_k gives."""

    values: Tensor
    indices: Tensor


class Unique(NamedTuple):
    """What unique gives: x = y[idx]."""

    y: Tensor
    idx: Tensor


class UniqueWithCounts(NamedTuple):
    """What unique_with_counts gives: x = y[idx], y[i] stands count[i] times in x."""

    y: Tensor
    idx: Tensor
    count: Tensor


def is_descending(direction: str) -> bool:
    """The meaning of "ASCENDING" and "DESCENDING"."""
    if direction not in DIRECTIONS:
        raise ValueError(
            f"Argument `direction` should be one of {', '.join(DIRECTIONS)}. "
            f"Received: direction={direction}"
        )
    return DIRECTIONS[direction]


def index_dtype(dtype: Any, names: tuple = ("int32", "int64")) -> str:
    """The name of a dtype that indices may have."""
    name = np.dtype(door.static(dtype)).name
    if name not in names:
        raise InvalidArgumentError(f"indices can not be of {name}; wanted one of {names}")
    return name


def argsort(
    values: Any,
    axis: int = -1,
    direction: str = "ASCENDING",
    stable: bool = False,
    name: str | None = None,
) -> Tensor:
    """The indices (int32) that put `values` in order along `axis`; equal elements keep theirs."""
    return ops.argsort(tensor(values), axis=door.static(axis), descending=is_descending(direction))


def sort(
    values: Any, axis: int = -1, direction: str = "ASCENDING", name: str | None = None
) -> Tensor:
    """values in order along `axis`."""
    return ops.sort(tensor(values), axis=door.static(axis), descending=is_descending(direction))


def top_k(
    input: Any, k: Any = 1, sorted: bool = True, index_type: Any = "int32", name: str | None = None
) -> TopKV2:
    """The k largest along the last axis and their indices, the largest first; of equal ones the
    first. (sorted=False promises no order: this one is given, too)
    """
    dtype = index_dtype(index_type, ("int16", "int32", "int64"))
    return TopKV2(*ops.top_k(tensor(input), k=door.static(k), dtype=dtype))


def unique(x: Any, out_idx: Any = "int32", name: str | None = None) -> Unique:
    """The different elements of a vector in the order of their first appearance, and where in them
    each element is. Has no gradient, and needs the values (no trace).
    """
    return Unique(*ops.unique(tensor(x), dtype=index_dtype(out_idx))[:2])


def unique_with_counts(x: Any, out_idx: Any = "int32", name: str | None = None) -> UniqueWithCounts:
    """unique, and how often each of the different elements appears."""
    return UniqueWithCounts(*ops.unique(tensor(x), dtype=index_dtype(out_idx)))


def searchsorted(
    sorted_sequence: Any,
    values: Any,
    side: str = "left",
    out_type: Any = "int32",
    name: str | None = None,
) -> Tensor:
    """Where each value would be put into the sorted rows: before its equals ("left") or behind
    them ("right").
    """
    if side not in ("left", "right"):
        raise ValueError(f"Argument `side` must be either 'right' or 'left'. Received: {side!r}")
    return ops.searchsorted(
        tensor(sorted_sequence), tensor(values), side=side, dtype=index_dtype(out_type)
    )


def roll(input: Any, shift: Any, axis: Any, name: str | None = None) -> Tensor:
    """The elements moved by `shift` along `axis`; what leaves at one end enters at the other."""
    shift, axis = door.static(shift), door.static(axis)
    if isinstance(shift, tuple) is not isinstance(axis, tuple):
        raise InvalidArgumentError(
            f"roll: shift and axis must have the same size, got {shift} and {axis}"
        )
    return ops.roll(tensor(input), shift=shift, axis=axis)


def meshgrid(*args: Any, **kwargs: Any) -> list[Tensor]:
    """For vectors x0, x1 ... tensors of shape (len(x1), len(x0), ...) (indexing="xy", the default)
    or (len(x0), len(x1), ...) ("ij") that hold the coordinates of every point.
    """
    indexing = kwargs.pop("indexing", "xy")
    kwargs.pop("name", None)
    if kwargs:
        raise TypeError(f"'{next(iter(kwargs))}' is an invalid keyword argument for this function")
    if indexing not in ("xy", "ij"):
        raise ValueError(
            f"Argument `indexing` parameter must be either 'xy' or 'ij', got {indexing!r}"
        )
    vectors = [ops.reshape(tensor(x), shape=(-1,)) for x in args]
    if len({x.dtype.name for x in vectors}) > 1:
        raise InvalidArgumentError(
            f"meshgrid: wanted one dtype, got {[x.dtype.name for x in vectors]}"
        )
    places = list(range(len(vectors)))
    if indexing == "xy" and len(vectors) > 1:
        places[:2] = [1, 0]
    whole = tuple([vectors[i].array.shape[0] for i in places])
    grids = []
    for i, x in enumerate(vectors):
        apart = tuple([n if place == i else 1 for n, place in zip(whole, places)])
        grids.append(ops.broadcast_to(ops.reshape(x, shape=apart), shape=whole))
    return grids


def sequence_mask(
    lengths: Any, maxlen: Any = None, dtype: Any = "bool", name: str | None = None
) -> Tensor:
    """mask[..., j] = j < lengths[...], for j < maxlen (None: the largest length; needs the values,
    no trace).
    """
    lengths = tensor(lengths)
    if maxlen is None:
        values = ops.value_of("sequence_mask without maxlen", lengths)
        count = max(0, int(np.ceil(values.max()))) if values.size else 0
    else:
        count = door.static(maxlen)
        if isinstance(count, tuple):
            raise ValueError(f"Argument `maxlen` must be scalar for sequence_mask, got {count}")
        if count < 0:
            raise InvalidArgumentError(f"sequence_mask: maxlen is {count}, wanted >= 0")
        lengths = ops.cast(lengths, dtype="int64")  # there, a length of 1.5 counts as 1
    steps = Tensor(np.arange(count).astype(lengths.array.dtype))
    mask = ops.less(steps, ops.expand_dims(lengths, -1))
    return mask if door.static(dtype) == "bool" else ops.cast(mask, dtype=door.static(dtype))


door.named(globals(), __name__)
