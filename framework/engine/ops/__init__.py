"""All ops under NumPy's names; and the one place that binds the operators + @ ... to Tensor."""

from __future__ import annotations

from framework.engine.op import OPS
from framework.engine.ops import broadcast, create, elementwise, linalg, nn, operators, update  # noqa: F401

globals().update(OPS)  # ops.sum is the op that ops/broadcast.py declares as sum_: no builtin is shadowed there
from framework.engine.tensor import as_tensor  # noqa: E402, F401

operators.bind(OPS)


def __getattr__(name: str):
    raise AttributeError(f"framework.engine.ops has no op {name!r}")
