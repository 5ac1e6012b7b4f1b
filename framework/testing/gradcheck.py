"""Gradient checks: a rule against central differences, by direction, in float64.

For y = f(x), a random direction v of the inputs and a random weight u of the outputs:

    <u, (f(x + h v) - f(x - h v)) / 2h>  must equal  <vjp(u), v>

Two evaluations, whatever the size. Shapes and dtypes are compared first: an inner product
broadcasts, so it would not notice a gradient of the wrong shape.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from framework.engine.op import Op, Sample
from framework.engine.slices import dense
from framework.engine.tape import GradientTape
from framework.engine.tensor import Tensor

STEP = 1e-6


def check_gradients(
    function: Callable,
    *arrays: Any,
    order: int = 2,
    rtol: float = 1e-5,
    atol: float = 1e-7,
    seed: int = 0,
    name: str | None = None,
) -> None:
    """Check the gradients of function(*tensors) -> Tensor or tuple of Tensors at the given float64
    arrays.

    order: 2 checks the gradient of the gradient, too. Integer and bool arrays are passed on and not
    differentiated; outputs that are not floats are ignored. A gradient of None must have a
    numerical derivative of 0. The function should be smooth within 1e-5 of the arrays. Raises
    AssertionError that names the order and the input.
    """
    values = [np.asarray(a) for a in arrays]
    name = name or getattr(function, "__name__", "function")
    for i, a in enumerate(values):
        if a.dtype.kind == "f" and a.dtype != np.float64:
            raise TypeError(
                f"check_gradients: array {i} is {a.dtype.name}, differences need float64"
            )
    rng = np.random.default_rng(seed)
    for n in range(1, order + 1):
        function, values = check_once(function, values, rng, f"{name}, order {n}", rtol, atol)


def check_once(function: Callable, arrays: list, rng, name: str, rtol: float, atol: float) -> tuple:
    """Check the first order; returns the gradient as a function of the inputs and output weights,
    and those.
    """
    floats = [i for i, a in enumerate(arrays) if a.dtype.kind == "f"]
    weights = [rng.standard_normal(y.shape) for y in float_outputs(function(*map(Tensor, arrays)))]

    def gradient(*tensors):
        inputs, given = tensors[: len(arrays)], tensors[len(arrays) :]
        return gradients_of(function, inputs, given, floats)

    found = gradient(*map(Tensor, arrays), *map(Tensor, weights))
    directions = [rng.standard_normal(arrays[i].shape) for i in floats]
    for k, (i, g) in enumerate(zip(floats, found, strict=True)):
        check_form(g, arrays[i], f"{name}, input {i}")
        expected = derivative(function, arrays, i, directions[k], weights)
        actual = 0.0 if g is None else float(np.sum(g.numpy() * directions[k]))
        size = 1.0 + sum([float(np.abs(w).sum()) for w in weights])
        if not abs(actual - expected) <= rtol * abs(expected) + atol * size:
            raise AssertionError(
                f"{name}, input {i}: the rule gives {actual}, differences give {expected}"
            )
    connected = [k for k, g in enumerate(found) if g is not None]

    def differentiable(*tensors):
        grads = gradient(*tensors)
        return tuple([grads[k] for k in connected])

    return differentiable, [*arrays, *weights]


def check_form(g: Tensor | None, x: np.ndarray, name: str) -> None:
    """The gradient must have the input's shape and dtype."""
    if g is not None and tuple(g.shape) != x.shape:
        raise AssertionError(
            f"{name}: the gradient has shape {tuple(g.shape)}, the input {x.shape}"
        )
    if g is not None and g.array.dtype != x.dtype:
        raise AssertionError(f"{name}: the gradient has dtype {g.array.dtype}, the input {x.dtype}")


def float_outputs(outputs: Any) -> list[Tensor]:
    """The outputs that can be differentiated."""
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    return [y for y in outputs if y is not None and y.array.dtype.kind == "f"]


def gradients_of(
    function: Callable, inputs: tuple, weights: tuple, places: list
) -> list[Tensor | None]:
    """d <weights, function(*inputs)> / d inputs[places]"""
    with GradientTape(persistent=True) as tape:
        watched = [inputs[i] for i in places]
        tape.watch(watched)
        outputs = float_outputs(function(*inputs))
    if not outputs:
        return [None] * len(places)
    return [dense(g) for g in tape.gradient(outputs, watched, output_gradients=list(weights))]


def derivative(
    function: Callable, arrays: list, i: int, direction: np.ndarray, weights: list
) -> float:
    """<weights, f(x + h v) - f(x - h v)> / 2h along one input."""

    def along(h):
        moved = [a + h * direction if k == i else a for k, a in enumerate(arrays)]
        outputs = float_outputs(function(*map(Tensor, moved)))
        return [y.numpy() for y in outputs]

    with np.errstate(all="ignore"):
        pairs = zip(along(STEP), along(-STEP), weights, strict=True)
        return float(sum([np.sum(w * (a - b)) for a, b, w in pairs])) / (2 * STEP)


def check_op(op: Op, sample: Sample, order: int = 2, seed: int = 0) -> None:
    """check_gradients of an Op on one of its samples."""
    arrays = sample.arrays(seed, np.float64)
    through = sample.through or (lambda *xs: xs)
    check_gradients(
        lambda *xs: op(*through(*xs), **sample.attrs),
        *arrays,
        order=order,
        seed=seed,
        name=f"{op.name} {sample.attrs}",
    )


def check_needs(op: Op, samples: tuple) -> None:
    """Every value that the rule declares in `needs` must be read for some sample:
    keeping it costs memory.
    """
    for place in op.needs:
        if not any([is_read(op, sample, place) for sample in samples]):
            raise AssertionError(
                f"{op.name}: its vjp declares {place!r} (input number or 'outs') and never reads it"
            )


def is_read(op: Op, sample: Sample, place: Any) -> bool:
    """True if the rule fails when it gets only the shape and dtype of one declared value."""
    kept = op.needs
    op.needs = tuple([p for p in kept if p != place])
    try:
        inputs = [Tensor(a) for a in sample.arrays(0, np.float64)]
        with GradientTape() as tape:
            floats = [x for x in inputs if x.array.dtype.kind == "f"]
            tape.watch(floats)
            outputs = float_outputs(op(*inputs, **sample.attrs))
        tape.gradient(outputs, floats)
        return False
    except Exception:  # whatever a missing value leads to
        return True
    finally:
        op.needs = kept
