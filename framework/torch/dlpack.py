"""Tensors to and from other libraries by DLPack: the memory is shared, both sides see writes."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.engine import dlpack
from framework.torch import dtypes
from framework.torch.tensor import Tensor


def to_dlpack(tensor: Tensor) -> Any:
    """A capsule of the tensor's memory; BufferError if it requires a gradient."""
    return tensor.__dlpack__()


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor over the memory of a capsule or of an object with `__dlpack__`; a copy of it with
    copy=True, and where the owner says that it must not be written.

    RuntimeError for other objects, and for a capsule that was taken before.
    """
    if str(device or "cpu") != "cpu":
        raise RuntimeError(f"from_dlpack: device={device!r}, but tensors here are on the CPU")
    try:
        array = dlpack.array_of(ext_tensor)
    except (ValueError, TypeError) as error:
        raise RuntimeError(
            f"from_dlpack received an invalid capsule ({error}). Note that DLTensor capsules can "
            "be consumed only once, so you might have already constructed a tensor from it once."
        ) from None
    if array.dtype not in dtypes.OF_NUMPY:
        raise RuntimeError(f"from_dlpack: there is no dtype {array.dtype}")
    if copy or not (array.flags.writeable or copy is False):
        array = np.array(array)
    return Tensor(array)
