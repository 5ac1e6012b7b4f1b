"""Function: a Python function that is traced once for each signature and then run compiled."""

from __future__ import annotations

import functools
import inspect
import logging
import threading
import weakref
from collections.abc import Callable
from typing import Any

from framework.engine import eagerly, ops
from framework.engine.active import ACTIVE
from framework.engine.compile.call import PATIENCE, Compiled, replay
from framework.engine.compile.concrete import ConcreteFunction, example, is_open
from framework.engine.compile.signature import (
    difference,
    filled,
    fitted,
    packed,
    specs_of,
    split,
    template,
)
from framework.engine.errors import ForeignTensorError, TraceError, place_of
from framework.engine.ops.constants import CONSTANTS
from framework.engine.program import Program, has_rules, tracing
from framework.engine.tensor import SLOTS, Spec, Tensor

LOG = logging.getLogger("framework")
MANY_TRACES = 5
SINGLETON = (
    "tf.function only supports singleton tf.Variables created on the first call. Make sure the "
    "tf.Variable is only created once or created outside tf.function."
)


class Trace:
    """What a function does for one signature: a Compiled and the structure of its result; or, if
    it cannot be traced, plain Python."""

    def __init__(self, compiled: Compiled | None, form: Any, key: tuple):
        self.compiled, self.form, self.key = compiled, form, key


class Function:
    """A function of tensors: traced at the first call of each signature, run as a Program.

    Python side effects happen while it is traced; assignments, random draws and everything made of
    ops at each call. A function that asks a traced tensor for its value (Python's `if` and `while`
    on tensors, float(), .numpy()) is run as plain Python instead, with one warning; with
    autograph=False TraceError is raised. jit_compile=True makes kernels ready at the first call
    instead of the third. A None in the input_signature admits any length; each has its own trace,
    since kernels and memory are planned for known shapes, and Python side effects happen in each.
    """

    def __init__(
        self,
        function: Callable,
        input_signature: Any = None,
        autograph: bool = True,
        jit_compile: bool | None = None,
    ):
        functools.update_wrapper(self, function, updated=())  # not the attributes of a Layer
        if not hasattr(function, "__name__"):  # a partial, an object that can be called
            inner = getattr(function, "func", type(function))
            self.__name__ = getattr(inner, "__name__", type(inner).__name__)
        self.python_function = function
        self.input_signature = None if input_signature is None else specs_of(input_signature)
        self._autograph, self._patience = autograph, 0 if jit_compile else PATIENCE
        self._binder = inspect.signature(function)
        self._traces: dict[Any, Trace] = {}
        self._count = 0
        self._has_warned = self._has_warned_often = False
        self._lock = threading.RLock()
        self._bound: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()  # to methods

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Of a method: a Function of its own for each instance, with traces of its own."""
        if instance is None:
            return self
        if instance not in self._bound:
            method = weakly_bound(self.python_function, instance)
            self._bound[instance] = Function(method, self.input_signature, self._autograph)
            self._bound[instance]._patience = self._patience
        return self._bound[instance]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if eagerly.is_eager():
            return self.python_function(*args, **kwargs)
        return self._run(self._arguments(args, kwargs))

    def _run(self, args: tuple) -> Any:
        """The result for the values of all parameters."""
        tensors: list[Tensor] = []
        key = tuple([split(value, tensors) for value in args])
        trace = self._traces.get(key) or self._make(key, args, tensors)
        if trace.compiled is None:
            return self._plain(args)
        if ACTIVE.trace is not None:
            if has_rules(trace.compiled.program):  # their closures name tensors of this one trace
                return self._plain(args)
            return packed(trace.form, replay(trace.compiled.program, tensors))
        return packed(trace.form, trace.compiled(tensors))

    def _arguments(self, args: tuple, kwargs: dict) -> tuple:
        """The values of all parameters in order; those of *args and **kwargs as one each."""
        try:
            bound = self._binder.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(
                f"Binding inputs to tf.function {self.__name__!r} failed due to `{error}`. "
                f"Received args: {args} and kwargs: {kwargs} for signature: {self._binder}."
            ) from None
        bound.apply_defaults()
        if self.input_signature is not None:
            given = fitted(bound.args, self.input_signature, self._binder, self.__name__)
            bound = self._binder.bind(*given, **bound.kwargs)
            bound.apply_defaults()
        return tuple(bound.arguments.values())

    def _plain(self, args: tuple) -> Any:
        return self._call_python(self.python_function, args)

    def _call_python(self, function: Callable, args: tuple) -> Any:
        positional, named = [], {}
        for parameter, value in zip(self._binder.parameters.values(), args, strict=True):
            if parameter.kind is parameter.VAR_POSITIONAL:
                positional += value
            elif parameter.kind is parameter.VAR_KEYWORD:
                named |= value
            elif parameter.kind is parameter.KEYWORD_ONLY:
                named[parameter.name] = value
            else:
                positional.append(value)
        return function(*positional, **named)

    def _make(self, key: tuple, args: tuple, tensors: list) -> Trace:
        with self._lock:
            if key in self._traces:
                return self._traces[key]
            self._tell_of_retrace(key)
            try:
                trace = self._traced(key, args, tensors)
            except ForeignTensorError:  # it closes over a tensor of the trace around: part of that
                trace = Trace(None, None, key)
            except TraceError as error:
                if not self._autograph:
                    raise
                if not self._has_warned:
                    self._has_warned = True
                    LOG.warning("tf.function %s runs as plain Python, since it cannot be traced: "
                                "%s%s", self.__name__, error, place_of(error))  # fmt: skip
                trace = Trace(None, None, key)
            self._traces[key] = trace
            return trace

    def _traced(self, key: tuple, args: tuple, tensors: list) -> Trace:
        start = next(SLOTS)
        program, form = self._program(args, tensors)
        if program.made:  # as in TensorFlow: a second trace shows whether they are made only once
            is_first = not self._traces
            program, form = self._program(args, tensors)
            if program.made or not is_first:
                raise ValueError(SINGLETON)
        shared = {x.id for x in CONSTANTS.values()}  # the numbers in formulas: nobody watches them
        captured = [slot for slot in program.constants if slot < start and slot not in shared]
        return Trace(Compiled(program, self._patience, captured), form, key)

    def _program(self, args: tuple, tensors: list) -> tuple[Program, Any]:
        inputs = [Tensor(Spec(tuple(x.array.shape), x.array.dtype)) for x in tensors]
        program = Program([x.id for x in inputs])
        program.specs.update({x.id: x.array for x in inputs})
        self._count += 1
        feeds, leaves = iter(inputs), []
        with tracing(program):
            result = self._plain(tuple([filled(value, feeds) for value in args]))
            form = template(result, leaves, ops.identity)
        program.outputs = tuple([x.id for x in leaves])
        return program, form

    def _tell_of_retrace(self, key: tuple) -> None:
        """Say which argument made another trace necessary."""
        if not self._traces:
            return
        near = min(self._traces, key=lambda k: sum(a != b for a, b in zip(k, key, strict=True)))
        what = difference(near, key, list(self._binder.parameters))
        LOG.info("tf.function %s is traced again: %s", self.__name__, what)
        if len(self._traces) + 1 >= MANY_TRACES and not self._has_warned_often:
            self._has_warned_often = True
            LOG.warning(
                "%d calls of tf.function %s triggered tf.function retracing: %s. Pass numbers that "
                "change as tensors; each shape, dtype and Python value has its own trace.",
                len(self._traces) + 1, self.__name__, what,
            )  # fmt: skip

    def experimental_get_tracing_count(self) -> int:
        """How often the Python function was traced."""
        return self._count

    def get_concrete_function(self, *args: Any, **kwargs: Any) -> ConcreteFunction:
        """The function for one signature; a TensorSpec stands for a tensor of its shape, where a
        None in it for any length. Without arguments that of the input_signature."""
        if not args and not kwargs and self.input_signature:
            args = self.input_signature
        if is_open((args, kwargs)):
            bound = self._binder.bind(*args, **kwargs)
            bound.apply_defaults()
            return ConcreteFunction(self, tuple(bound.arguments.values()), None)
        values = self._arguments(*example((args, kwargs)))
        tensors: list[Tensor] = []
        key = tuple([split(value, tensors) for value in values])
        trace = self._traces.get(key) or self._make(key, values, tensors)
        return ConcreteFunction(self, values, trace)

    def __reduce__(self) -> Any:
        raise TypeError(
            f"cannot pickle or deep-copy tf.function {self.__name__!r}: its traces belong to this "
            "process; take its python_function"
        )

    def __repr__(self) -> str:
        return f"<tf.function {self.__name__}{self._binder}>"


def weakly_bound(function: Callable, instance: Any) -> Callable:
    """A method that does not keep its instance alive."""
    reference = weakref.ref(instance)

    def method(*args: Any, **kwargs: Any) -> Any:
        return function(reference(), *args, **kwargs)

    functools.update_wrapper(method, function)
    # without `self`; inspect.signature takes this one
    setattr(method, "__signature__", inspect.signature(function.__get__(instance)))  # noqa: B010
    return method
