"""DTypePolicy: in which dtype a layer computes and keeps its weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.engine.dtypes import as_dtype
from framework.keras.configurable import Configurable, get


class AnyPolicy(Configurable, kind="policy"):
    """Root of the registry of policies."""


class DTypePolicy(AnyPolicy):
    """Compute and variable dtype of a layer: "float32" or "float64"."""

    def __init__(self, name: str = "float32"):
        self.name = str(name)
        if self.name not in ("float16", "float32", "float64"):
            raise ValueError(
                f"DTypePolicy: got {name!r}, wanted float16, float32 or float64 (no mixed policies)"
            )
        self.compute_dtype = self.variable_dtype = self.name
        self.numpy_dtype = np.dtype(self.name)


def policy_of(dtype: Any) -> DTypePolicy:
    """The policy that a dtype name, a config or a policy stands for; None is float32."""
    if dtype is None:
        return FLOAT32
    if isinstance(dtype, (dict, DTypePolicy)):
        return get("policy", dtype)
    return DTypePolicy(dtype if isinstance(dtype, str) else as_dtype(dtype).name)


FLOAT32 = DTypePolicy("float32")
