"""TensorFlow's names for our things: a table. What it lacks raises AttributeError."""

from __future__ import annotations

import importlib
from typing import Any

from framework.engine import door, dtypes, ops
from framework.engine.dtypes import DType, TensorShape, as_dtype
from framework.engine.tape import GradientTape
from framework.engine.tensor import Tensor
from framework.engine.variable import Variable
from framework.tf import errors, nest
from framework.tf.call import constant, convert_to_tensor, renamed
from framework.tf.types import TensorSpec, UnconnectedGradients

bool = dtypes.DTYPES["bool"]
int8, int16 = dtypes.DTYPES["int8"], dtypes.DTYPES["int16"]
int32, int64 = dtypes.DTYPES["int32"], dtypes.DTYPES["int64"]
uint8, uint16 = dtypes.DTYPES["uint8"], dtypes.DTYPES["uint16"]
uint32, uint64 = dtypes.DTYPES["uint32"], dtypes.DTYPES["uint64"]
float16, half = dtypes.DTYPES["float16"], dtypes.DTYPES["float16"]
float32, float64 = dtypes.DTYPES["float32"], dtypes.DTYPES["float64"]
newaxis = None

LAZY = {
    "keras": "framework.keras",
    "initializers": "framework.keras.initializers",
    "losses": "framework.keras.losses",
    "metrics": "framework.keras.metrics",
    "optimizers": "framework.keras.optimizers",
    "data": "framework.data",
    "distributed": "framework.distributed",
}


def __getattr__(name: str) -> Any:
    if name in LAZY:
        return importlib.import_module(LAZY[name])
    raise door.missing("framework", name, dir())


def __dir__() -> list[str]:
    return sorted(
        {n for n in globals() if not n.startswith("_")}
        - {"Any", "annotations", "door", "importlib"}
        | set(LAZY)
    )
