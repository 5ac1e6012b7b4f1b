"""Op: everything the framework knows about one operation, in one object."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy import ndarray

from framework.engine.active import ACTIVE
from framework.engine.dimension import broadcast_shapes
from framework.engine.open_calls import infer_open, learn
from framework.engine.operands import (
    as_tensors,
    check_dtypes,
    check_floats,
    check_is_variable,
    on_floats,
    refusal,
    tell,
    writable,
)
from framework.engine.quick_calls import QuickCalls, hashable, kernels
from framework.engine.tensor import SLOTS, Spec, Tensor

OPS: dict[str, Op] = {}
new = object.__new__
REFUSED = (AttributeError, MemoryError, TypeError, ValueError)


@dataclass(frozen=True)
class Sample:
    """Example inputs of an op: read by the gradient check, replay, golden, documentation and
    benchmarks.

    shapes: one per input; low, high: range of the floats; dtypes: per input, None is the float of
    the test; top: integers lie in [0, top).
    prepare: function of the arrays, where inputs must be special (positive definite, triangular);
    through: ops applied to the inputs before the gradient check, where a rule holds among special
    inputs only (of a function of symmetric matrices).
    """

    shapes: tuple
    attrs: dict = field(default_factory=dict)
    low: float = -2.0
    high: float = 2.0
    dtypes: tuple = ()
    top: int = 3
    prepare: Callable | None = None
    through: Callable | None = None

    def arrays(self, seed: int = 0, dtype: Any = np.float64) -> list[ndarray]:
        """Random inputs, the same for the same seed; no two floats closer than 1e-3 (ties have
        tests of their own)."""
        rng = np.random.default_rng(seed)
        dtypes = [d or dtype for d in self.dtypes] + [dtype] * (len(self.shapes) - len(self.dtypes))
        arrays = [
            self._array(rng, shape, np.dtype(d))
            for shape, d in zip(self.shapes, dtypes, strict=True)
        ]
        return arrays if self.prepare is None else self.prepare(*arrays)

    def _array(self, rng, shape, dtype):
        if dtype.kind in "iu":
            return rng.integers(0, self.top, shape).astype(dtype)
        if dtype.kind == "b":
            return rng.integers(0, 2, shape).astype(bool)
        count = int(np.prod(shape))
        spread = (np.arange(count) + 0.2 + 0.6 * rng.random(count)) / max(count, 1)
        values = self.low + (self.high - self.low) * rng.permutation(spread)
        return values.reshape(shape).astype(dtype)


class Op:
    """One operation.

    forward   on NumPy arrays: the eager path, and the reference for every other way to run it
    infer     (*specs, **attrs) -> Spec or tuple of Specs; default: runs forward on zeros
    rule      the vjp, written with ops: (g, out, *inputs, **attrs) -> a cotangent or None per input
    needs     of out and inputs what the rule reads the values of, not just shape and dtype
    scalar    elementwise ops: the scalar function, compiled alone or fused into a chain
    kernel_from  eager calls with an operand of so many elements run the kernel, not the forward
    is_exact  the kernel gives the bits that the forward gives: it takes over where calls are many
    floats_only  the first input must be of floats, as TensorFlow's must
    body      other ops: the kernel, on C-contiguous arrays; None: a host op, the VM calls forward
    writes    positions of the inputs (Variables) that are overwritten, the first ones
    element   updates: the new elements of those, for one of each input; the last `singles` inputs
    are numbers
    """

    singles = 0

    def __init__(
        self,
        fun: Callable,
        forward: Callable,
        samples: tuple = (),
        *,
        scalar: Callable | None = None,
        infer: Callable | None = None,
        writes: tuple = (),
        outs: int = 1,
        is_view: bool = False,
        is_random: bool = False,
        same_dtype: bool = False,
        places: Callable | None = None,
        view_start: Callable | None = None,
        is_differentiable: bool = True,
        floats_only: bool = False,
        kernel_from: int | None = None,
        is_exact: bool = False,
        register: bool = True,
    ):
        self.name = self.__name__ = fun.__name__.rstrip("_") if register else fun.__name__
        self.__doc__, self.function, self.parameters = fun.__doc__, fun, argument_names(fun)
        self.forward, self.samples, self.scalar, self.writes = forward, samples, scalar, writes
        self.outs = 0 if writes and outs == 1 else outs
        self.is_view = is_view  # the output is the input's memory in another shape
        self.is_random = is_random  # never merged with an equal call
        self.same_dtype = same_dtype
        self.view_start = view_start  # (attrs) -> the element of the input where the view begins
        self.places = (
            places  # inputs may be computed right inside the output, at these elements (pack)
        )
        self.is_differentiable = is_differentiable and not writes
        self.rule: Callable | None = None
        self.needs: tuple = ()
        self.takes_wants = False
        self.body: Callable | None = None
        self.views: Callable | None = None
        self.special: list[tuple[Callable, Callable]] = []  # (views, body), tried before the body
        self.rows: tuple = ()
        self.flops: Callable | None = None
        self.element: Callable | None = None
        self.infer = infer or self._infer_by_running
        self.floats_only, self.unchecked = floats_only, forward
        if floats_only:
            self.forward = on_floats(self.name, self.forward)
            self.infer = on_floats(self.name, self.infer)
        self.kernel_from = kernel_from  # eager calls of so many elements run the kernel
        self.is_exact = is_exact
        self.is_special = floats_only or bool(writes)
        # attrs -> the function for calls with them
        has_kernels = not writes and (is_exact or kernel_from is not None)
        self.quick: QuickCalls | None = QuickCalls(self) if has_kernels else None
        if register:
            OPS[self.name] = self

    def vjp(self, needs: str = "") -> Callable:
        """Decorator of the gradient rule.  needs: names of the rule's parameters whose values it
        reads.

        A rule with a parameter `wants` is told which inputs need a gradient (for rules with costly
        parts).
        """

        def declare(rule):
            names = [name for group in argument_names(rule) for name in group]
            self.takes_wants = "wants" in names
            wanted = set(needs.split())
            unknown = wanted - set(names)
            if unknown:
                raise TypeError(
                    f"{self.name}.vjp: needs names {sorted(unknown)}, the rule has {names}"
                )
            self.rule, self.needs = rule, self._places_of(rule, wanted)
            return rule

        return declare

    def _places_of(self, rule: Callable, wanted: set) -> tuple:
        """Positions in a Line's values (inputs, then outs) that must be kept; "*" in front: all
        inputs."""
        positional, star, _ = argument_names(rule)
        places: list = ["outs"] if (*positional, *star)[1] in wanted else []
        places += [i for i, name in enumerate(positional[2:]) if name in wanted]
        return (*places, "inputs") if wanted.intersection(star) else tuple(places)

    def kernel(
        self, views: Callable | None = None, rows: str = "", flops: Callable | None = None
    ) -> Callable:
        """Decorator: body(*outs, *inputs, **scalars) on C-contiguous arrays, compiled for
        programs, never run by Python.

        Threads share the work if `rows` names the arrays that a thread needs its part of the first
        axis of only, or if the body takes `part` and `parts` and computes that part of its output.
        flops(outs, inputs, attrs): their number, where it is not one per element.

        views(outs, inputs, attrs) -> (out shapes, input shapes, scalar attrs) says how the body
        wants to see the memory; None: this case is left to the NumPy forward. A scalar that is a
        Spec is scratch memory of that shape, which only this call uses.
        """

        def declare(body):
            self.body, self.views, self.flops = body, views, flops
            self.rows = tuple(rows.split())
            return body

        return declare

    def by_element(self, views: Callable, singles: int = 0) -> Callable:
        """Decorator of `element`; views as those of `kernel`."""
        self.views, self.singles = views, singles
        return lambda element: setattr(self, "element", element)

    def kernel_where(self, views: Callable) -> Callable:
        """Decorator: another body. It runs where its views, as in `kernel`, do not give None."""
        return lambda body: self.special.append((views, body))

    def _infer_by_running(self, *specs, **attrs):
        with np.errstate(all="ignore"):
            result = self.forward(*[np.zeros(s.shape, s.dtype) for s in specs], **attrs)
        specs = [
            Spec(np.shape(r), np.asarray(r).dtype)
            for r in (result if isinstance(result, tuple) else (result,))
        ]
        return tuple(specs) if self.outs != 1 else specs[0]

    def _special(self, inputs: tuple, arrays: list) -> tuple[Callable, list]:
        """What runs, and on what: arrays that may be written, and the kernel if one of those is
        large enough; refuses what is not of floats.
        """
        if self.floats_only:
            check_floats(self.name, arrays[0])
        if self.writes:
            arrays = writable(self, inputs, arrays)
            if self.kernel_from is not None:
                for x in arrays:
                    if x.size >= self.kernel_from:
                        return self._run_kernel, arrays
        return self.unchecked, arrays

    def _run_kernel(self, *arrays: ndarray, **attrs: Any) -> Any:
        return kernels("eager").run(self, arrays, attrs)

    def values(self, inputs: tuple, outs: tuple) -> tuple:
        """What a Line keeps: arrays where the vjp needs them, Specs elsewhere."""
        needs = self.needs
        if not needs:
            return tuple([Spec(a.shape, a.dtype) for a in [x.array for x in (*inputs, *outs)]])
        if "inputs" in needs:
            kept = [x.array for x in inputs]
        else:
            kept = [
                x.array if i in needs else Spec(x.array.shape, x.array.dtype)
                for i, x in enumerate(inputs)
            ]
        for x in outs:
            kept.append(x.array if needs[0] == "outs" else Spec(x.array.shape, x.array.dtype))
        return tuple(kept)

    def __call__(self, *inputs: Any, **attrs: Any) -> Any:
        return self.apply(inputs, attrs)

    def apply(self, inputs: tuple, attrs: dict) -> Any:
        """op(*inputs, **attrs), for callers who have them so; attrs is kept."""
        active = ACTIVE
        if active.trace is not None:
            return self._trace(inputs, attrs)
        if self.quick is not None:
            try:
                out = self.quick[(*attrs, *attrs.values()) if attrs else ()](*inputs)
            except REFUSED:  # what has no hash, or is no Tensor, or what the forward refuses better
                given, out = hashable(attrs), None
                if given is not None:
                    return self.apply(inputs, given)
            if out is not None:
                if self.outs != 1:
                    return self._outs(out, inputs, attrs)
                for tape in active.tapes:
                    tape.record(self, inputs, attrs, (out,))
                return out
        return self._run(inputs, attrs)

    def _run(self, inputs: tuple, attrs: dict) -> Any:
        """The NumPy forward, told to the tapes."""
        try:  # a comprehension costs as much as the call of a function
            arrays = [inputs[0].array] if len(inputs) == 1 else [x.array for x in inputs]
        except AttributeError:
            return self.apply(as_tensors(inputs), attrs)
        try:  # which costs nothing until something is raised
            if self.same_dtype and arrays[0].dtype is not arrays[-1].dtype:
                check_dtypes(self, arrays)
            run = self.unchecked
            if self.is_special:
                run, arrays = self._special(inputs, arrays)
            result = run(*arrays, **attrs)
        except (ValueError, TypeError, MemoryError) as error:
            raise refusal(self, arrays, attrs, error) from None
        if self.outs == 1:
            out = new(Tensor)  # Tensor(result), without the call of its __init__
            out.array = result if type(result) is ndarray else np.asarray(result)
            out.id = next(SLOTS)
            for tape in ACTIVE.tapes:
                tape.record(self, inputs, attrs, (out,))
            return out
        return self._outs(result, inputs, attrs)

    def _outs(self, result: Any, inputs: tuple, attrs: dict) -> tuple | None:
        """Several outputs, or none, after tapes were told of them."""
        if not self.outs:
            return tell(ACTIVE.tapes, self, inputs)
        outs = tuple([Tensor(np.asarray(r)) for r in result])
        for tape in ACTIVE.tapes:
            tape.record(self, inputs, attrs, outs)
        return outs

    def _trace(self, inputs: tuple, attrs: dict):
        """While tracing: only infer runs, nothing is computed, nothing is written."""
        inputs = self._read_variables(as_tensors(inputs))
        specs = [x.array for x in inputs]
        if self.same_dtype:
            check_dtypes(self, specs)
        trace = ACTIVE.trace
        inferred: Any = ()
        if self.outs:
            inferred = (
                self.infer(*specs, **attrs)
                if trace.sizes is None
                else infer_open(self, specs, attrs, trace.sizes)
            )
        outs = tuple([Tensor(s) for s in (inferred if self.outs != 1 else (inferred,))])
        trace.record(self, inputs, attrs, outs)
        if trace.known:
            learn(trace, self, inputs, attrs, outs)
        for tape in ACTIVE.tapes:
            tape.record(self, inputs, attrs, outs)
        return outs[0] if self.outs == 1 else outs or None

    def _read_variables(self, inputs: tuple) -> tuple:
        """In a trace, Variables that are not written stand for their value at this moment."""
        if self is READ[0]:
            return inputs
        for i in self.writes:
            check_is_variable(self, i, inputs[i])
        return tuple(
            [
                READ[0](x) if x.is_variable and i not in self.writes else x
                for i, x in enumerate(inputs)
            ]
        )

    @property
    def __signature__(self) -> inspect.Signature:
        """Of the function that declares the op: what help() shows."""
        return inspect.signature(self.function)

    def __repr__(self) -> str:
        return f"<op {self.name}>"


def argument_names(function: Callable) -> tuple[tuple, tuple, tuple]:
    """Names of the parameters of a plain function: positional, the one with a star, keyword-only.

    Each start asks this of hundreds of functions; inspect.signature takes 30 times as long.
    """
    code = function.__code__
    n, end = code.co_argcount, code.co_argcount + code.co_kwonlyargcount
    star = code.co_varnames[end : end + 1] if code.co_flags & inspect.CO_VARARGS else ()
    return code.co_varnames[:n], star, code.co_varnames[n:end]


# The op `read`, which puts a Variable's value at this moment into a trace; set in ops/create.py.
READ: list = [None]


def elementwise(
    numpy: Callable, *samples: Sample, dtype: Any = None, **options
) -> Callable[[Callable], Op]:
    """Declare an op by its scalar function (the kernel) and its NumPy function (the eager forward).

    A float literal in the scalar function takes the dtype of the kernel: write 1.0, not 1.  Attrs
    are keyword-only numbers.  dtype: of the output where it differs from the inputs' (comparisons).
    """
    out_dtype = None if dtype is None else np.dtype(dtype)

    def infer(*specs, **attrs):
        shape = specs[0].shape
        for s in specs[1:]:
            if s.shape != shape:
                shape = broadcast_shapes(*[s.shape for s in specs])
                break
        return Spec(shape, out_dtype or specs[-1].dtype)

    def declare(fun):
        options.setdefault("same_dtype", len([n for part in argument_names(fun) for n in part]) > 1)
        given: dict[str, Any] = {"infer": infer} | options
        return Op(fun, numpy, samples, scalar=fun, **given)

    return declare


def op(*samples: Sample, **options) -> Callable[[Callable], Op]:
    """Declare an op by its function on NumPy arrays; `.kernel` adds what programs run."""
    return lambda fun: Op(fun, fun, samples, **options)
