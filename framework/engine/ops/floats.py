"""Ops of floats only: they refuse integers, as TensorFlow's do, eagerly and in programs."""

from __future__ import annotations

from typing import Any

from framework.engine.errors import InvalidArgumentError
from framework.engine.op import Op

# Of integers NumPy makes float64 or, of 8 bits, float16, where a program would keep integers.
FLOATS = """
    arccos arccosh arcsin arcsinh arctan arctan2 arctanh cos cosh digamma elu erf erfc erfinv
    exp expm1 gelu_erf gelu_tanh layer_normalization leaky_relu lgamma log log1p log_sigmoid
    log_softmax logsumexp multiply_no_nan reciprocal rsqrt selu sigmoid sigmoid_cross_entropy
    silu sin sinh softmax softmax_cross_entropy softplus softsign sqrt tan tanh xdivy xlog1py
    xlogy
""".split()


def check_floats(name: str, x: Any) -> None:
    """InvalidArgumentError unless x (array or Spec) is of floats."""
    if x.dtype.kind != "f":
        raise InvalidArgumentError(
            f"{name}: got dtype {x.dtype.name}, wanted float16, float32 or float64; cast the tensor"
        )


def floats_only(op: Op) -> None:
    """Let `op` refuse a first input that is not of floats."""
    forward, infer = op.forward, op.infer

    def checked_forward(x, *others, **attrs):
        if x.dtype.kind != "f":
            check_floats(op.name, x)
        return forward(x, *others, **attrs)

    def checked_infer(x, *others, **attrs):
        check_floats(op.name, x)
        return infer(x, *others, **attrs)

    op.forward, op.infer = checked_forward, checked_infer
