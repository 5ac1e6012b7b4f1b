"""DLPack: arrays handed to other libraries, and taken from them, without going through NumPy.

Who takes a capsule may write to it: PyTorch does, even where the capsule says "read-only". So the
memory of an immutable Tensor is copied before it is given away, unless the taker asks for the
memory itself (copy=False): then it is marked read-only, and the taker has to keep to that. A
torch Tensor may be written and shares its memory, as in PyTorch.
"""

from __future__ import annotations

from typing import Any

import numpy as np

CPU = (1, 0)  # kDLCPU, the first


def check_device(stream: Any, dl_device: tuple | None) -> None:
    """BufferError unless it is the CPU that is asked for."""
    if stream is not None:
        raise BufferError(f"__dlpack__: stream={stream!r}, but tensors here are on the CPU")
    if dl_device is not None and tuple(map(int, dl_device)) != CPU:
        raise BufferError(f"__dlpack__: dl_device={dl_device!r}, but tensors here are on the CPU")


def capsule(array: np.ndarray, max_version: tuple | None) -> Any:
    """A capsule of this memory; of version 1 if the taker knows that."""
    if max_version is None:
        return array.__dlpack__()
    return array.__dlpack__(max_version=max_version)


def of_immutable(array: np.ndarray, max_version: tuple | None, copy: bool | None) -> Any:
    """A capsule of a copy; with copy=False of the memory itself, marked read-only."""
    if copy is not False:
        return capsule(np.array(array), max_version)
    if max_version is None or tuple(max_version) < (1, 0):
        raise BufferError("__dlpack__: copy=False needs DLPack 1.0, which can say read-only")
    view = array.view()
    view.flags.writeable = False
    return capsule(view, max_version)


class Holder:
    """A capsule as an object that NumPy takes."""

    def __init__(self, given: Any):
        self._given = given

    def __dlpack__(self, **_asked: Any) -> Any:
        """The capsule; it can be taken once."""
        return self._given

    def __dlpack_device__(self) -> tuple[int, int]:
        """The CPU: other devices have no capsules here."""
        return CPU


def array_of(given: Any) -> np.ndarray:
    """The memory of a capsule, or of an object with __dlpack__, as an array; TypeError for others,
    ValueError for a capsule that was taken before.
    """
    if type(given).__name__ == "PyCapsule":
        return np.from_dlpack(Holder(given))
    if not hasattr(given, "__dlpack__"):
        raise TypeError(f"from_dlpack: got {type(given).__name__}, wanted a capsule or a tensor")
    return np.from_dlpack(given)
