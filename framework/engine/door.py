"""Doors: tables of another library's names for our ops. `renamed` makes one entry.

A door (framework.tf, framework.torch, keras.ops) is a module of lines such as

    reduce_sum = door.renamed(ops.sum, "input_tensor, axis=None, keepdims=False, name=None")

The text is the other library's signature. Its first parameters are the op's inputs, the others are
attrs of the same name; where names or order differ, keywords say so: `x="b"`, `axis="dim"`.
Dialects (how values become tensors, which dtypes may meet) are in the door's function `call`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

import numpy as np

from framework.engine.dtypes import DType
from framework.engine.op import Op, argument_names
from framework.engine.open_calls import size_or_value, sizes_of
from framework.engine.spelling import nearest
from framework.engine.tensor import Tensor

PLAIN = {type(None), bool, int, float, str}


class Door:
    """A door: `call(op, inputs, attrs)` is how this library's values enter and leave an op.

    takes_tensors: of inputs that are all Tensors, `call` is op.apply of them, and of static attrs.
    ignored: parameters that say nothing about the result (name=); any other one without a meaning
    here must be left at its default.
    """

    def __init__(self, call: Callable, ignored: tuple = ("name",), *, takes_tensors: bool = False):
        self.call, self.ignored, self.takes_tensors = call, ignored, takes_tensors

    def renamed(
        self,
        op: Callable,
        signature: str,
        doc: str | None = None,
        pinned: dict | None = None,
        none: dict | None = None,
        unused: tuple = (),
        **words: str,
    ) -> Any:
        """A function with this signature that calls `op`, an Op or a function made of ops.

        words: the op's input or attr -> their parameter. pinned: attrs with one value at this door.
        none: their parameter -> what None means there. unused: more parameters that say nothing.
        """
        theirs = parameters_of(signature)
        inputs, attrs = match(op, theirs, words)
        source = self._source(op, inputs, attrs, pinned or {}, none or {})
        known = {name.strip("*") for name in inputs} | {*attrs.values(), *self.ignored, *unused}
        for name in theirs:
            if name not in known:
                source = f"{source} if {name} is default_{name} else refuse(op, {name!r}, {name})"
        defaults = {f"default_{name}": value for name, value in theirs.items()}
        scope = {"call": self.call, "op": op, "refuse": refuse, **defaults}
        scope |= {"PLAIN": PLAIN, "static": static, "Tensor": Tensor}
        # As namedtuple does it: a function with a real signature costs nothing at each call.
        # Under the name of this file: errors.caller looks for the first one outside the package.
        function = eval(compile(f"lambda {signature}: {source}", __file__, "eval"), scope)
        function.__doc__ = doc or op.__doc__
        function.op, function.inputs, function.attrs = op, tuple(inputs), attrs
        return function

    def _source(self, op: Callable, inputs: list, attrs: dict, pinned: dict, none: dict) -> str:
        """What the function of `renamed` returns, as text."""
        meant = {name: f"{value!r} if {name} is None else " for name, value in none.items()}
        values = f"({''.join([name + ', ' for name in inputs])})"
        fixed = [f"{ours!r}: {value!r}" for ours, value in pinned.items()]
        given = [f"{ours!r}: {meant.get(name, '')}{name}" for ours, name in attrs.items()]
        source = f"call(op, {values}, {{{', '.join([*given, *fixed])}}})"
        if self.takes_tensors and type(op) is Op and "*" not in values:
            are_tensors = " and ".join([f"type({name}) is Tensor" for name in inputs])
            plain = [f"{pair} if type({name}) in PLAIN else static({name})"
                     for pair, name in zip(given, attrs.values(), strict=True)]  # fmt: skip
            quick = f"op.apply({values}, {{{', '.join([*plain, *fixed])}}})"
            source = f"({quick} if {are_tensors} else {source})"
        return source


def parameters_of(signature: str) -> dict[str, Any]:
    """{parameter: default} of a signature text; the text itself where there is no default."""
    probe = eval(f"lambda {signature}: None")
    code = probe.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    defaults = probe.__defaults__ or ()
    tail = names[code.co_argcount - len(defaults) : code.co_argcount]
    return (
        dict.fromkeys(names, signature) | dict(zip(tail, defaults)) | (probe.__kwdefaults__ or {})
    )


def match(op: Callable, theirs: dict, words: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """Their parameters that are the op's inputs, in its order; and its attrs as {ours: theirs}.

    An op's attrs are its keyword-only parameters; of a function made of ops, all but the first.
    """
    positional, star, others = op.parameters if type(op) is Op else argument_names(op)
    ours: list[str] = [*positional, *star, *others]
    count = len(ours) - len(others) if type(op) is Op else 1
    places, keywords = ours[:count], ours[count:]
    if set(words) - set(ours) or not set(words.values()) <= set(theirs):
        raise TypeError(f"{op}: {words} does not join {ours} and {list(theirs)}")
    free = [name for name in theirs if name not in words.values()]
    stars = {name: "*" if name in star else "" for name in places}
    inputs = [star + (words[key] if key in words else free.pop(0)) for key, star in stars.items()]
    return inputs, {key: words.get(key, key) for key in keywords if words.get(key, key) in theirs}


def refuse(op: Callable, name: str, value: Any) -> None:
    """An argument of theirs that has no meaning here."""
    raise NotImplementedError(f"{op.__name__}: the argument {name}={value!r} is not supported")


def static(value: Any) -> Any:
    """An attr given as a tensor, list or dtype (axis=[0, 1]) as the plain value that ops take."""
    kind = type(value)
    if kind in PLAIN:
        return value
    if kind is tuple:
        for v in value:
            if type(v) is not int:
                break
        else:
            return value
    if isinstance(value, DType):
        return value.name
    if isinstance(value, Tensor):
        known = sizes_of(value) if value.is_abstract else None
        if known is not None:
            return known
        value = value.numpy().tolist()
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return tuple(
            [
                size_or_value(v)
                if hasattr(v, "__index__") and not isinstance(v, bool)
                else static(v)
                for v in value
            ]
        )
    return value


def named(table: dict[str, Any], module: str) -> None:
    """Give the functions of a table their names: what help(), tracebacks and tests show."""
    for name, function in table.items():
        if getattr(function, "__name__", "") == "<lambda>" and hasattr(function, "op"):
            function.__name__ = function.__qualname__ = name
            function.__module__ = module


def public(table: dict[str, Any], module: str, helpers: str = "") -> list[str]:
    """The functions and classes that a module of a door defines, but for its helpers."""
    own = [n for n, value in table.items() if getattr(value, "__module__", None) == module]
    return sorted({n for n in own if not n.startswith("_")} - set(helpers.split()))


def lacking(module: str, table: dict[str, Any], with_modules: bool = False) -> Callable:
    """The __getattr__ of a module of a door: says what is missing, and the nearest of its functions
    and classes (and modules).
    """

    def is_offered(value: Any) -> bool:
        return callable(value) or (with_modules and isinstance(value, ModuleType))

    def getattr_(name: str) -> Any:
        raise missing(module, name, [n for n, value in table.items() if is_offered(value)])

    return getattr_


def missing(module: str, name: str, names: Iterable[str]) -> AttributeError:
    """The error for a name that a door lacks, with the nearest that it has if one is near."""
    near = nearest(name, names)
    hint = f"; the nearest name it has is {near[0]!r}" if near else ""
    return AttributeError(f"{module} has no {name!r}{hint}", name=name)
