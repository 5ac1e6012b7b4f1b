"""The small types of TensorFlow's namespace."""

from __future__ import annotations

import enum
from typing import Any

from framework.engine import dtypes
from framework.engine.dtypes import DType
from framework.engine.tensor_spec import TensorSpec

__all__ = ["TensorSpec", "UnconnectedGradients", "as_dtype"]


class UnconnectedGradients(enum.Enum):
    """What gradient() gives for a source that the target does not depend on."""

    NONE = "none"
    ZERO = "zero"


def as_dtype(type_value: Any) -> DType:
    """The DType of a name, a NumPy dtype or type, a Python type or a DType."""
    return dtypes.as_dtype(type_value)
