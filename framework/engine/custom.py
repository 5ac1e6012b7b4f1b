"""Functions whose gradient is written by hand: custom_gradient, and what is made of it.

Semantics: TensorFlow's python/ops/custom_gradient.py.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

from framework.engine import nest, ops
from framework.engine.active import ACTIVE, Recorder
from framework.engine.backward import filled_like
from framework.engine.slices import IndexedSlices
from framework.engine.tape import GradientTape
from framework.engine.tensor import Spec, Tensor, as_tensor


class Custom:
    """What a Line of a custom gradient has in the place of an Op: the rule of one call."""

    name = "custom_gradient"
    takes_wants = False
    forward = None  # in a Program it is a line that is not run
    writes, outs, needs = (), 1, ()
    is_view = is_random = False
    scalar = places = None

    def __init__(self, rule: Callable):
        self.rule = rule
        self.traces: list[Any] = []  # of a trace with open sizes: see compile/open_custom.py

    def values(self, inputs: tuple, outs: tuple) -> tuple:
        """The rule keeps what it needs by itself: Specs only."""
        return tuple([Spec(x.array.shape, x.array.dtype) for x in (*inputs, *outs)])


def custom_gradient(f: Callable | None = None) -> Any:
    """Decorator (also with empty brackets): f(*args) returns (result, grad_fn), and
    grad_fn(*upstream) the gradients of args.

    args and result may be structures; grad_fn gets a cotangent for each tensor of the result. If f
    reads trainable variables, grad_fn must take `variables` and return (gradients of args, list of
    gradients of the variables); TypeError else. grad_fn is made of ops, so that it can be
    differentiated again, also with respect to what it took from f.
    """
    if f is None:
        return custom_gradient

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        args = nest.map_structure(as_tensor, args)
        given = nest.flatten(args)
        reads = VariableReads()
        with recorded_by(*ACTIVE.tapes, reads):
            result, grad_fn = f(*args, **kwargs)
        with recorded_by():  # slots of their own: only the custom rule leads back from them
            outs = [ops.stop_gradient(as_tensor(x)) for x in nest.flatten(result)]
        ids = {x.id for x in given}
        variables = [v for v in reads.variables.values() if v.id not in ids]
        rule = rule_of(f, grad_fn, len(given), variables)
        for tape in ACTIVE.tapes:
            if tape.follows_bodies:
                for x, out in zip(nest.flatten(result), outs, strict=True):
                    tape.record(ops.identity, (as_tensor(x),), {}, (out,))
            else:
                tape.record(Custom(rule), (*given, *variables), {}, tuple(outs))
        if ACTIVE.trace is not None:
            ACTIVE.trace.record(Custom(rule), (*given, *variables), {}, tuple(outs))
        return nest.pack_sequence_as(result, outs)

    return wrapped


class VariableReads(Recorder):
    """In the place of a tape: notes which trainable variables are read, nothing else."""

    def __init__(self):
        self.variables: dict[int, Any] = {}

    def record(self, op: Any, inputs: tuple, attrs: dict, outs: tuple) -> None:
        """Called by every op call."""
        self.variables.update({x.id: x for x in inputs if x.trainable})


@contextlib.contextmanager
def recorded_by(*tapes: Any) -> Iterator[None]:
    """Within this block these tapes record, and no others."""
    outer, ACTIVE.tapes = ACTIVE.tapes, tapes
    try:
        yield
    finally:
        ACTIVE.tapes = outer


def rule_of(f: Callable, grad_fn: Callable, count: int, variables: list) -> Callable:
    """The vjp rule of a Line: the gradients of `count` arguments, then those of the variables."""
    if not callable(grad_fn):
        raise TypeError(
            f"custom_gradient: {f.__name__} must return (result, grad_fn), got {grad_fn!r} for the "
            "function"
        )
    if variables and not takes_variables(grad_fn):
        raise TypeError(
            "If using @custom_gradient with a function that uses variables, then grad_fn must "
            f"accept a 'variables' keyword argument; {f.__name__} uses "
            f"{', '.join(v.name for v in variables)}."
        )

    def rule(g: Any, out: Any, *inputs: Tensor) -> list:
        outs = out if isinstance(out, tuple) else (out,)
        parts = g if isinstance(g, tuple) else (g,)
        upstream = [filled_like(o, 0.0) if p is None else p for p, o in zip(parts, outs)]
        of_variables: list = []
        if variables:
            found, of_variables = grad_fn(*upstream, variables=variables)
        else:
            found = grad_fn(*upstream)
        found = nest.flatten(found)
        if len(found) != count or len(of_variables) != len(variables):
            raise ValueError(
                f"custom_gradient function {f.__name__} expected to return {count} gradients"
                f"{f' and {len(variables)} of variables' if variables else ''}, but returned "
                f"{len(found)}{f' and {len(of_variables)}' if variables else ''} instead."
            )
        found = (*found, *of_variables)
        return [x if x is None or type(x) is IndexedSlices else as_tensor(x) for x in found]

    return rule


def takes_variables(grad_fn: Callable) -> bool:
    """Whether a function takes the keyword `variables`."""
    parameters = inspect.signature(grad_fn).parameters.values()
    return any(p.name == "variables" or p.kind is p.VAR_KEYWORD for p in parameters)


def recompute_grad(f: Callable) -> Callable:
    """f, whose intermediate values are not kept for the gradient but computed again by it: memory
    for time (Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost").
    """

    @custom_gradient
    def recomputed(*args: Any, **kwargs: Any) -> Any:
        with recorded_by(*ACTIVE.tapes[-1:]):  # the last one only looks for variables
            result = f(*args, **kwargs)

        def grad(*upstream: Tensor, variables: Any = None) -> Any:
            with GradientTape() as tape:
                # Fresh slots: what is computed below does not lead back through the arguments.
                again = nest.map_structure(ops.identity, args)
                tape.watch(again)
                outs = nest.flatten(f(*again, **kwargs))
            sources = [*nest.flatten(again), *(variables or [])]
            found = tape.gradient(outs, sources, output_gradients=list(upstream))
            count = len(nest.flatten(again))
            return (found[:count], found[count:]) if variables else found

        return result, grad

    functools.update_wrapper(recomputed, f)
    return recomputed


def grad_pass_through(f: Callable) -> Callable:
    """f, whose gradient is that of the identity: what comes in goes out."""

    @custom_gradient
    def passed(*args: Any, **kwargs: Any) -> Any:
        def grad(*upstream: Tensor, variables: Any = None) -> Any:
            return (upstream, [None] * len(variables)) if variables else upstream

        return f(*args, **kwargs), grad

    functools.update_wrapper(passed, f)
    return passed
