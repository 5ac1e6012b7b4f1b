"""tf.experimental.dlpack: tensors to and from other libraries."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.engine import dlpack, door
from framework.engine.dtypes import OF_NUMPY
from framework.engine.errors import InvalidArgumentError
from framework.engine.tensor import Tensor


def to_dlpack(tf_tensor: Tensor) -> Any:
    """A capsule of a copy of the tensor: who takes it may write to it, and a Tensor never changes.

    TensorFlow shares the memory, so that a writer changes its tensors. InvalidArgumentError for
    what is no Tensor (read a Variable first).
    """
    if not isinstance(tf_tensor, Tensor) or tf_tensor.is_variable:
        raise InvalidArgumentError(
            "The argument to `to_dlpack` must be a TF tensor, not Python object, got "
            f"{type(tf_tensor).__name__}"
        )
    return tf_tensor.__dlpack__()


def from_dlpack(dlcapsule: Any) -> Tensor:
    """A Tensor of the values of a capsule, or of an object with `__dlpack__`: a copy, since the
    owner may go on writing to them.

    InvalidArgumentError for a capsule that was taken before, TypeError for other objects.
    """
    try:
        array = dlpack.array_of(dlcapsule)
    except (ValueError, BufferError, RuntimeError) as error:
        raise InvalidArgumentError(
            f"from_dlpack: {error}. Note that a DLPack tensor may be consumed at most once."
        ) from None
    if array.dtype not in OF_NUMPY:
        raise InvalidArgumentError(f"from_dlpack: there is no dtype {array.dtype}")
    return Tensor(np.array(array))


__getattr__ = door.lacking(__name__, globals())
