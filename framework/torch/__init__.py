"""PyTorch's names: tensors with requires_grad, backward() and .grad. A table."""

from __future__ import annotations

from framework.engine import door
from framework.torch import autograd, dtypes, hooks, methods, utils
from framework.torch.autograd import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from framework.torch.choices import clamp, clip, where
from framework.torch.create import (
    arange,
    as_tensor,
    empty,
    eye,
    from_numpy,
    full,
    full_like,
    is_tensor,
    linspace,
    manual_seed,
    ones,
    ones_like,
    rand,
    randn,
    zeros,
    zeros_like,
)
from framework.torch.device import device
from framework.torch.dlpack import from_dlpack
from framework.torch.dtypes import Size, dtype
from framework.torch.functions import *
from framework.torch.products import bmm, cat, concat, dot, matmul, mm, mv, stack
from framework.torch.tensor import Tensor, tensor

bool = dtypes.DTYPES["bool"]
uint8, int8, int16 = dtypes.DTYPES["uint8"], dtypes.DTYPES["int8"], dtypes.DTYPES["int16"]
int32 = int = dtypes.DTYPES["int32"]
int64 = long = dtypes.DTYPES["int64"]
float16 = half = dtypes.DTYPES["float16"]
float32 = float = dtypes.DTYPES["float32"]
float64 = double = dtypes.DTYPES["float64"]
HELPERS = {
    "HELPERS", "annotations", "call", "choices", "construction", "create", "dlpack", "door",
    "dtypes", "functions", "hooks", "indexing", "inplace", "memory", "methods", "printing",
    "products", "refusals", "singular", "views",
}  # fmt: skip


def __getattr__(name: str):
    raise door.missing("framework.torch", name, __dir__())


def __dir__() -> list[str]:
    return sorted({n for n in globals() if not n.startswith("_")} - HELPERS)
