"""What the ops of recurrent layers share."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from framework.engine.ops.broadcast import broadcast_to, reshape
from framework.engine.ops.create import identity
from framework.engine.ops.shape import part
from framework.engine.tensor import Tensor


def sigmoid_of(x: np.ndarray) -> np.ndarray:
    """1 / (1 + e^-x), which does not overflow."""
    half = x.dtype.type(0.5)
    return half * np.tanh(half * x) + half


def zeros(shape: tuple, like: Tensor) -> Tensor:
    """Zeros of that shape and of the dtype of `like`."""
    return broadcast_to(Tensor(np.zeros((), like.array.dtype)), shape=tuple(shape))


def filled(cotangents: tuple, outs: tuple) -> list[Tensor]:
    """The cotangents of outs, zeros for None."""
    return [
        zeros(out.array.shape, out) if g is None else g
        for g, out in zip(cotangents, outs, strict=True)
    ]


def rows_before(states: Tensor) -> Tensor:
    """All but the last of states (t + 1, n, u), as a matrix (t n, u): no work in a program."""
    steps, rows, units = states.array.shape
    flat = reshape(states, shape=(steps * rows * units,))
    return part(flat, start=0, shape=((steps - 1) * rows, units))


def rows_after(states: Tensor) -> Tensor:
    """All but the first of states (t + 1, n, u): no work in a program."""
    steps, *row = states.array.shape
    size = math.prod(row)
    return part(reshape(states, shape=(steps * size,)), start=size, shape=(steps - 1, *row))


def replayed(function: Callable, inputs: tuple, cotangents: tuple) -> Any:
    """The gradients of function(*inputs), which is made of elementary ops, for the cotangents of
    its results: the rule of an op that computes the same at once.
    """
    tape = importlib.import_module("framework.engine.tape")  # which is above ops
    with tape.GradientTape(watch_accessed_variables=False) as recorder:
        # Fresh slots: what is computed here does not lead back through the inputs.
        again = [identity(x) for x in inputs]
        recorder.watch(again)
        outs = function(*again)
    pairs = [(out, g) for out, g in zip(outs, cotangents, strict=True) if g is not None]
    return recorder.gradient(
        [out for out, _ in pairs], again, output_gradients=[g for _, g in pairs]
    )
