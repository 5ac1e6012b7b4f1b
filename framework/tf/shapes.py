"""The assertions of tf.debugging about ranks, shapes and dtypes."""

from __future__ import annotations

from typing import Any

from framework.engine.dtypes import as_dtype
from framework.engine.tensor import Tensor
from framework.tf.call import tensor


def prefix(message: Any) -> str:
    """The user's message in front of the text of an error."""
    return f"{message}.  " if message else ""


def assert_type(tensor: Any, tf_type: Any, message: Any = None, name: str | None = None) -> None:
    """TypeError unless the tensor has that dtype."""
    x, wanted = as_tensor(tensor), as_dtype(tf_type)
    if x.dtype != wanted:
        raise TypeError(f"{prefix(message)}tensor must be of type {wanted!r}; got {x.dtype!r}")


def as_tensor(x: Any) -> Tensor:
    """x as a tensor."""
    return tensor(x)


def rank_of(rank: Any) -> int:
    """A rank, given as a number or a tensor of shape ()."""
    x = tensor(rank)
    assert_type(x, "int32")
    if x.ndim:
        raise ValueError("Rank must be a scalar.")
    return int(x)


def assert_rank(x: Any, rank: Any, message: Any = None, name: str | None = None) -> None:
    """ValueError unless x has `rank` axes."""
    x, wanted = tensor(x), rank_of(rank)
    if x.ndim != wanted:
        raise ValueError(
            f"{prefix(message)}Tensor  must have rank {wanted}.  Received rank {x.ndim}, shape "
            f"{x.shape!s}"
        )


def assert_rank_at_least(x: Any, rank: Any, message: Any = None, name: str | None = None) -> None:
    """ValueError unless x has `rank` axes or more."""
    x, wanted = tensor(x), rank_of(rank)
    if x.ndim < wanted:
        raise ValueError(
            f"{prefix(message)}Tensor  must have rank at least {wanted}.  Received rank {x.ndim}, "
            f"shape {x.shape!s}"
        )


def assert_rank_in(x: Any, ranks: Any, message: Any = None, name: str | None = None) -> None:
    """ValueError unless the number of axes of x is one of `ranks`."""
    x, wanted = tensor(x), tuple([rank_of(rank) for rank in ranks])
    if x.ndim not in wanted:
        raise ValueError(
            f"{prefix(message)}Tensor  must have rank in {wanted}.  Received rank {x.ndim}, shape "
            f"{x.shape!s}"
        )


def assert_scalar(tensor: Any, message: Any = None, name: str | None = None) -> None:
    """ValueError unless the tensor has shape ()."""
    x = as_tensor(tensor)
    if x.ndim:
        raise ValueError(f"{prefix(message)}Expected scalar shape, saw shape: {x.shape!s}.")


def described(x: Tensor) -> str:
    """Shape and dtype."""
    return f"shape={x.shape!s} dtype={x.dtype.name}"


def assert_shapes(
    shapes: Any,
    data: Any = None,
    summarize: Any = None,
    message: Any = None,
    name: str | None = None,
) -> None:
    """ValueError unless each tensor has the shape said: a list of (tensor, shape) or a dict.

    An entry of a shape is a size, a name (a text or any object) that stands for the same size
    wherever it is, or None or "." for any size. `...` or "*" as the first entry stands for any
    number of axes. data and summarize are part of errors that only a graph of unknown shapes gives.
    """
    pairs = list(shapes.items()) if isinstance(shapes, dict) else list(shapes)
    known: dict[Any, tuple[int, str, int]] = {}  # name -> size, where it was first seen
    checked = [(tensor(x), entries_of(tensor(x), shape, message)) for x, shape in pairs]
    for x, entries in checked:
        check_rank(x, entries, message)
    for x, entries in checked:
        sizes = list(x.shape) or [1]
        is_open = entries[:1] in ([...], ["*"])
        entries = entries[1:] if is_open else entries
        if not entries and not is_open:
            entries = [1]
        for offset, entry in enumerate(entries):
            axis = len(sizes) - len(entries) + offset
            check_size(
                x, sizes[axis], axis - len(sizes) if is_open else axis, entry, known, message
            )


def entries_of(x: Tensor, shape: Any, message: Any) -> list:
    """The entries of a shape."""
    if not hasattr(shape, "__iter__") and not hasattr(shape, "__getitem__"):
        raise ValueError(
            f"{prefix(message)}Tensor {described(x)}.  Specified shape must be an iterable.  An "
            "iterable has the attribute `__iter__` or `__getitem__`.  Received specified shape: "
            f"{shape}"
        )
    entries = list(shape)
    for i, entry in enumerate(entries[1:], 1):
        if entry is ... or entry == "*":
            raise ValueError(
                f"{prefix(message)}Tensor {described(x)} specified shape index {i}.  Symbol `...` "
                "or `*` for a variable number of unspecified dimensions is only allowed as the "
                "first entry"
            )
    return entries


def check_rank(x: Tensor, entries: list, message: Any) -> None:
    """As many axes as the shape says; (), one name and (1,) are alike."""
    if entries[:1] in ([...], ["*"]):
        assert_rank_at_least(x, len(entries) - 1, message)
    elif len(entries) < 2:
        assert_rank_in(x, (0, 1), message)
    else:
        assert_rank(x, len(entries), message)


def check_size(x: Tensor, size: int, axis: int, entry: Any, known: dict, message: Any) -> None:
    """The size of one axis against what is said of it, here or before."""
    if entry is None or entry == ".":
        return
    try:
        wanted, why = int(entry), "Specified explicitly"
    except (TypeError, ValueError):
        if entry not in known:
            known[entry] = size, described(x), axis
            return
        wanted, first, first_axis = known[entry]
        why = f"Specified by tensor {first} dimension {first_axis}"
    if size != wanted:
        raise ValueError(
            f"{prefix(message)}{why}.  Tensor {described(x)} dimension {axis} must have size "
            f"{wanted}.  Received size {size}, shape {x.shape!s}"
        )
