"""Who shares memory with whom, and which writes PyTorch refuses for it.

The rules are those of PyTorch's ATen/MemoryOverlap.cpp: where elements lie in one block without
gaps it says for certain whether two tensors overlap, elsewhere it does not ask.
"""

from __future__ import annotations

from typing import Any

import numpy as np

CLONE = "Please clone() the tensor before performing the operation."
REPEATED = (
    "unsupported operation: more than one element of the written-to tensor refers to a single "
    f"memory location. {CLONE}"
)
SHARED = (
    "unsupported operation: some elements of the input tensor and the written-to tensor refer to a "
    f"single memory location. {CLONE}"
)


def shows(array: np.ndarray, other: np.ndarray) -> bool:
    """True if `array` is `other`, or was made as a view of its memory, even of no element."""
    base = array.base
    if base is None:
        return array is other
    return (
        array is other or base is other or base is other.base or np.may_share_memory(array, other)
    )


def is_dense(array: np.ndarray) -> bool:
    """True if the elements fill one block of memory, each at a place of its own."""
    if array.flags.forc:
        return True
    wanted = array.itemsize
    for stride, n in sorted([(s, n) for s, n in zip(array.strides, array.shape) if n > 1]):
        if stride != wanted:
            return False
        wanted *= n
    return True


def check_repeated(array: np.ndarray) -> None:
    """Raise if one place in memory is several elements of the array that is to be written."""
    if array.size and 0 in [s for s, n in zip(array.strides, array.shape) if n > 1]:
        raise RuntimeError(REPEATED)


def overlap(x: np.ndarray, y: np.ndarray) -> str:
    """How two arrays lie in memory: "none", "part", "full" or, where gaps are, "unknown"."""
    if x is y:
        return "full"
    if not x.size or not y.size:
        return "none"
    if not (is_dense(x) and is_dense(y)):
        return "unknown"
    starts = x.__array_interface__["data"][0], y.__array_interface__["data"][0]
    if starts[0] == starts[1] and x.nbytes == y.nbytes:
        return "full" if x.strides == y.strides else "part"
    apart = starts[0] >= starts[1] + y.nbytes or starts[1] >= starts[0] + x.nbytes
    return "none" if apart else "part"


def is_same(x: np.ndarray, y: np.ndarray) -> bool:
    """True if the elements of two arrays of one shape are the same places in memory."""
    starts = x.__array_interface__["data"][0], y.__array_interface__["data"][0]
    if starts[0] != starts[1] or x.shape != y.shape:
        return False
    return all([n < 2 or a == b for n, a, b in zip(x.shape, x.strides, y.strides)])


def check_inputs(array: np.ndarray, inputs: Any, refused: tuple = ("part",)) -> None:
    """Raise if one of the input tensors shows a part of the array that is to be written."""
    for x in inputs:
        if np.may_share_memory(array, x.array) and overlap(array, x.array) in refused:
            raise RuntimeError(SHARED)
