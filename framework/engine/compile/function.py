"""Function: a Python function that is traced once for each signature and then run compiled."""

from __future__ import annotations

import functools
import inspect
import logging
import weakref
from collections.abc import Callable
from typing import Any

from framework.engine import eagerly, ops
from framework.engine.active import ACTIVE, TRACING
from framework.engine.compile.call import PATIENCE, Compiled, Trace, replay
from framework.engine.compile.concrete import ConcreteFunction, example, has_unknown_rank, is_open
from framework.engine.compile.kept import Kept
from framework.engine.compile.method import weakly_bound
from framework.engine.compile.recent import Recent
from framework.engine.compile.signature import (
    Seen,
    as_results,
    covers,
    filled,
    fitted,
    form_at,
    likes_of,
    open_numbers,
    opened_key,
    packed,
    signature_shapes,
    specs_of,
    specs_of_tensors,
    split,
    template,
)
from framework.engine.compile.template import Mismatch, Template, refused_sizes
from framework.engine.dimension import Dim, dims_of, has_dims
from framework.engine.errors import ForeignTensorError, TraceError, is_users, place_of
from framework.engine.open_sizes import Sizes
from framework.engine.ops.constants import CONSTANTS
from framework.engine.program import Program, has_rules, tracing
from framework.engine.tensor import SLOTS, Spec, Tensor

LOG = logging.getLogger("framework")
TRACES = 256  # that are kept of a function: those of the signatures used last
ADVICE = (
    "Pass numbers that change as tensors; each shape, dtype and Python value has its own trace, of "
    f"which {TRACES} are kept."
)
SINGLETON = (
    "tf.function only supports singleton tf.Variables created on the first call. Make sure the "
    "tf.Variable is only created once or created outside tf.function."
)


class Function:
    """A function of tensors: traced at the first call of each signature, run as a Program.

    Python side effects happen while it is traced; assignments, random draws and everything made of
    ops at each call. A function that asks a traced tensor for its value (Python's `if` and `while`
    on tensors, float(), .numpy()) is run as plain Python instead, with one warning; with
    autograph=False TraceError is raised. jit_compile=True makes kernels ready at the first call
    instead of the third. A None in the input_signature admits any length and is traced once, with
    the size left open: in the function it is a Dim, which prints and compares as None. For each
    length a Program is made of that trace, since kernels and memory are planned for known shapes,
    without Python. What needs the length as a number (a Python loop over rows, NumPy, a size in an
    `if`) is traced again for lengths for which it would do something else. reduce_retracing=True:
    sizes that differ between two calls are left open from then on. Of the traces the TRACES that
    were used last are kept.
    """

    def __init__(
        self,
        function: Callable,
        input_signature: Any = None,
        autograph: bool = True,
        jit_compile: bool | None = None,
        reduce_retracing: bool = False,
    ):
        functools.update_wrapper(self, function, updated=())  # not the attributes of a Layer
        if not hasattr(function, "__name__"):  # a partial, an object that can be called
            inner = getattr(function, "func", type(function))
            self.__name__ = getattr(inner, "__name__", type(inner).__name__)
        self.python_function = function
        self.input_signature = None if input_signature is None else specs_of(input_signature)
        self._autograph, self._patience = autograph, 0 if jit_compile else PATIENCE
        self._binder = inspect.signature(function)
        kinds = [parameter.kind for parameter in self._binder.parameters.values()]
        plain = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
        self._positional = len(kinds) if {*kinds} <= {*plain} else -1
        event = f"calls of tf.function {self.__name__} triggered tf.function retracing"
        self._traces = Kept(TRACES, event, ADVICE)
        # By keys with open sizes: Templates; a Trace that is plain Python; () for numbers only
        self._templates = Recent(TRACES)
        self._seen = Seen(TRACES) if reduce_retracing else None
        self._count = 0
        self._has_warned = False
        self._lock = TRACING
        self._bound: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()  # to methods

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Of a method: a Function of its own for each instance, with traces of its own."""
        if instance is None:
            return self
        if instance not in self._bound:
            method = weakly_bound(self.python_function, instance)
            self._bound[instance] = Function(
                method,
                self.input_signature,
                self._autograph,
                reduce_retracing=self._seen is not None,
            )
            self._bound[instance]._patience = self._patience
        return self._bound[instance]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if eagerly.is_eager():
            return self.python_function(*args, **kwargs)
        return self._run(self._arguments(args, kwargs))

    def _run(self, args: tuple, signature: tuple | None = None) -> Any:
        """The result for the values of all parameters. signature: TensorSpecs in their places,
        where that is not the input_signature."""
        tensors: list[Tensor] = []
        variables: list[Any] = []
        key = tuple([split(value, tensors, variables) for value in args])
        if ACTIVE.trace is not None and has_dims([x.array.shape for x in tensors]):
            return self._run_open(key, args, tensors, variables)
        trace = self._traces.find(key) or self._make(key, args, tensors, variables, signature)
        compiled = trace.compiled
        if variables:
            compiled = trace.compiled_for(
                variables,
                self._patience,
                lambda: self._traced(key, args, specs_of_tensors(tensors), variables),
            )
        if compiled is None:
            return as_results(self._plain(args))
        if ACTIVE.trace is not None:
            if has_rules(compiled.program):  # their closures name tensors of this one trace
                return self._plain(args)
            return packed(trace.form, replay(compiled.program, tensors))
        return packed(trace.form, compiled(tensors))

    def _run_open(self, key: tuple, args: tuple, tensors: list, variables: list) -> Any:
        """A call on tensors of the trace of another function, which leaves sizes open."""
        shapes = [[None if type(n) is Dim else n for n in x.array.shape] for x in tensors]
        opened = opened_key(key, iter(map(tuple, shapes)))
        numbers = open_numbers(opened, key)
        with self._lock:
            found = self._template(opened, [n.hint for n in numbers], args, variables)
        if not isinstance(found, Template) or has_rules(found.program):
            return self._plain(args)
        if not found.admits(numbers):
            return self._plain(args)
        form = form_at(found.form, numbers)
        return packed(form, found.replay(numbers, tensors, variables))

    def _arguments(self, args: tuple, kwargs: dict) -> tuple:
        """The values of all parameters in order; those of *args and **kwargs as one each."""
        if len(args) == self._positional and not kwargs and self.input_signature is None:
            return args
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

    def _make(
        self,
        key: tuple,
        args: tuple,
        tensors: list,
        variables: list,
        signature: tuple | None = None,
    ) -> Trace:
        with self._lock:
            trace = self._traces.find(key)
            if trace is None:
                opened = self._opened(key, args, signature or self.input_signature)
                trace = None if opened is None else self._instance(opened, key, args, variables)
                if trace is None:
                    specs = specs_of_tensors(tensors)
                    attempt = functools.partial(self._traced, key, args, specs, variables)
                    with refused_sizes(opened is not None and bool(self._templates.find(opened))):
                        trace = self._attempt(key, attempt)
                    if opened is not None and not self._templates.find(opened):
                        self._templates.keep(opened, ())
                self._traces.keep(key, trace)
            return trace

    def _attempt(self, key: tuple, make: Callable) -> Any:
        """make(), which traces; a Trace that is plain Python where that cannot be."""
        self._traces.tell(key, list(self._binder.parameters))
        try:
            made = make()
        except ForeignTensorError:  # it closes over a tensor of the trace around: part of that
            made = Trace(None, None, key)
        except TraceError as error:
            if not self._autograph:
                raise
            if not self._has_warned:
                self._has_warned = True
                LOG.warning("tf.function %s runs as plain Python, since it cannot be traced: "
                            "%s%s", self.__name__, error, place_of(error))  # fmt: skip
            made = Trace(None, None, key)
        self._traces.note(key)
        return made

    def _opened(self, key: tuple, args: tuple, signature: tuple | None) -> Any:
        """The key with None in the place of the sizes that are left open; None if none is."""
        if signature is not None:
            parts = zip(args, self._aligned(signature), key, strict=True)
            shapes = [shape for part in parts for shape in signature_shapes(*part)]
        else:
            known = next((opened for opened in self._templates if covers(opened, key)), None)
            if known is not None or self._seen is None:
                return known
            shapes = self._seen.joined(key)
        is_open = any([None in shape for shape in shapes])
        return opened_key(key, iter(shapes)) if is_open else None

    def _aligned(self, signature: tuple) -> list:
        """The parts of a signature, one for each parameter; None for those that it does not name,
        several for *args."""
        rest, parts = list(signature), []
        for parameter in self._binder.parameters.values():
            if parameter.kind is parameter.VAR_POSITIONAL and self.input_signature is not None:
                parts.append(tuple(rest))
                rest = []
            else:
                parts.append(rest.pop(0) if rest else None)
        return parts

    def _instance(self, opened: tuple, key: tuple, args: tuple, variables: list) -> Trace | None:
        """The Trace for the shapes of `key`, of one that leaves sizes open; None if there is none
        that does."""
        numbers = open_numbers(opened, key)
        found = self._template(opened, numbers, args, variables)
        if not isinstance(found, Template):
            return found
        try:
            program = found.at(numbers)
        except Mismatch:
            return None
        form = form_at(found.form, numbers)
        compiled = Compiled(program, self._patience, found.captured)
        return Trace(compiled, form, key, found.variables)

    def _template(
        self, opened: tuple, numbers: list, args: tuple, variables: list
    ) -> Template | Trace | None:
        """The trace for these sizes that leaves sizes open; a Trace that is plain Python where it
        cannot be traced; None where it can be for numbers only."""
        known = self._templates.find(opened)
        if known is None:
            known = self._templates.keep(opened, [])
        if isinstance(known, Trace):
            return known
        found = next((template for template in known if template.admits(numbers)), None)
        if found is not None or known == ():
            return found
        try:
            made = self._attempt(
                opened, lambda: self._traced_open(opened, args, numbers, variables)
            )
        except TraceError:
            raise
        except Exception as error:
            if is_users(error):
                raise
            return None  # said again, in a trace for numbers, if it does not come of Dims
        if isinstance(made, Trace):
            self._templates.keep(opened, made)
        elif made is not None:
            known.append(made)
            del known[:-TRACES]
        return made

    def _traced(self, key: tuple, args: tuple, specs: list[Spec], variables: list) -> Trace:
        program, form, captured = self._captured(args, specs, None)
        return Trace(Compiled(program, self._patience, captured), form, key, variables)

    def _traced_open(self, opened: tuple, args: tuple, numbers: list, variables: list) -> Template:
        """The trace with Dims in the place of open sizes."""
        sizes = Sizes(numbers)
        dims = iter(dims_of(sizes))
        specs = [
            Spec(tuple([next(dims) if n is None else n for n in like.shape]), like.dtype)
            for like in likes_of(opened)
        ]
        program, form, captured = self._captured(args, specs, sizes)
        return Template(program, form, sizes, captured, variables)

    def _captured(self, args: tuple, specs: list, sizes: Sizes | None) -> tuple:
        """The Program, the form of its result, and the slots of constants that were tensors
        before."""
        start = next(SLOTS)
        program, form = self._program(args, specs, sizes)
        if program.made:  # as in TensorFlow: a second trace shows whether they are made only once
            is_first = not self._traces.count
            program, form = self._program(args, specs, sizes)
            if program.made or not is_first:
                raise ValueError(SINGLETON)
        shared = {x.id for x in CONSTANTS.values()}  # the numbers in formulas: nobody watches them
        return program, form, [s for s in program.constants if s < start and s not in shared]

    def _program(self, args: tuple, specs: list, sizes: Sizes | None) -> tuple[Program, Any]:
        inputs = [Tensor(spec) for spec in specs]
        program = Program([x.id for x in inputs])
        program.specs.update({x.id: x.array for x in inputs})
        if sizes is not None:
            sizes.guards.clear()
            program.sizes = sizes
        program.known = {}
        self._count += 1
        feeds, leaves = iter(inputs), []
        with tracing(program):
            result = self._plain(tuple([filled(value, feeds) for value in args]))
            form = template(result, leaves, ops.identity)
        program.outputs = tuple([x.id for x in leaves])
        return program, form

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
            values = tuple(bound.arguments.values())
            self._trace_open_signature(values)
            return ConcreteFunction(self, values, None)
        values = self._arguments(*example((args, kwargs)))
        tensors: list[Tensor] = []
        variables: list[Any] = []
        key = tuple([split(value, tensors, variables) for value in values])
        trace = self._traces.find(key) or self._make(key, values, tensors, variables)
        return ConcreteFunction(self, values, trace)

    def program(self, *args: Any, profile: int | bool = 0, **kwargs: Any) -> Any:
        """What a call on such arguments runs, as a Report; profile: with times of so many steps, of
        100 for True."""
        return self.get_concrete_function(*args, **kwargs).report(profile)

    def _trace_open_signature(self, signature: tuple) -> None:
        """Trace for a signature with open sizes, before there is a call; one of unknown rank waits
        for it."""
        if has_unknown_rank(signature):
            return
        values = example(signature)
        variables: list[Any] = []
        key = tuple([split(value, [], variables) for value in values])
        opened = self._opened(key, values, signature)
        with self._lock:
            self._template(opened, open_numbers(opened, key), values, variables)

    def __reduce__(self) -> Any:
        raise TypeError(
            f"cannot pickle or deep-copy tf.function {self.__name__!r}: its traces belong to this "
            "process; take its python_function"
        )

    def __repr__(self) -> str:
        return f"<tf.function {self.__name__}{self._binder}>"
