"""The operators and methods of torch.Tensor: bound here, once, to the functions of the table."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np

from framework.engine import ops
from framework.engine import tensor as engine
from framework.engine.accumulate import MODE, source_of
from framework.torch import autograd, dtypes, functions
from framework.torch.call import call, to
from framework.torch.tensor import Tensor, as_array

METHODS = """
abs neg square floor ceil sign relu exp expm1 log log1p sqrt rsqrt reciprocal sin cos tan sinh
cosh tanh erf sigmoid logsumexp mul pow maximum minimum eq ne lt le gt ge remainder transpose
unsqueeze add sub div where clamp sum prod mean var std max min argmax argmin any all cumsum
softmax log_softmax matmul mm bmm dot mv squeeze flatten clone equal allclose isnan isinf
isfinite multiply subtract divide negative clip
""".split()
BINARY = {
    "add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "matmul": "matmul", "pow": "pow",
    "mod": "remainder",
}  # fmt: skip
COMPARE = ("eq", "ne", "lt", "le", "gt", "ge")
CONVERSIONS = {
    "float": "float32", "double": "float64", "half": "float16", "long": "int64", "int": "int32",
    "bool": "bool",
}  # fmt: skip
IN_PLACE = ("add", "sub", "mul", "div", "pow")
IN_PLACE_UNARY = ("exp", "log", "sqrt", "neg", "abs", "relu", "sigmoid", "tanh", "clamp")
LEAF = "a leaf Variable that requires grad is being used in an in-place operation."


def may_write(x: Tensor) -> None:
    """Raise where an in-place operation would lose the gradient of a leaf."""
    if MODE.is_enabled and x._requires_grad:
        raise RuntimeError(LEAF)


def write(x: Tensor, new: engine.Tensor) -> Tensor:
    """x becomes `new`, in its own memory: views of it see that, what is remembered stays."""
    if new.array.shape != x.array.shape:
        raise RuntimeError(
            f"output with shape {list(x.array.shape)} doesn't match the broadcast shape "
            f"{list(new.array.shape)}"
        )
    if dtypes.RANK[new.array.dtype.kind] > dtypes.RANK[x.array.dtype.kind]:
        words = {"float32": "Float", "float64": "Double", "int64": "Long", "bool": "Bool"}
        kinds = [words.get(t.array.dtype.name, t.array.dtype.name) for t in (new, x)]
        raise RuntimeError(
            f"result type {kinds[0]} can't be cast to the desired output type {kinds[1]}"
        )
    x.array[...] = new.array
    x.version[0] += 1
    history = getattr(new, "history", None)
    if history is not None:
        x.history, x.id = history, new.id
    return x


def in_place(function: Callable) -> Callable:
    """The in-place form: computes from a copy, so that what is remembered keeps the old value."""

    def method(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        may_write(x)
        old = x
        if MODE.is_enabled and (x.requires_grad or any_requires(args)):
            old = Tensor(np.array(x.array), x.id)
            old.history = x.history
        return write(x, function(old, *args, **kwargs))

    method.__doc__ = f"In place: {function.__doc__}"
    return method


def any_requires(args: tuple) -> bool:
    """True if one of the operands is remembered."""
    return builtins.any([source_of(a) is not None for a in args])


def reflected(function: Callable) -> Callable:
    """y . x"""
    return lambda x, y: function(y, x)


def floor_divide(x: Tensor, y: Any) -> Tensor:
    """x // y"""
    return functions.div(x, y, rounding_mode="floor")


def getitem(x: Tensor, key: Any) -> Tensor:
    """x[key]: integers, slices, `...`, None, masks, or index tensors along the first axis."""
    parts = key if isinstance(key, tuple) else (key,)
    index = parts[0] if len(parts) == 1 else None
    if isinstance(index, list):
        index = np.asarray(index)
    array = index.array if isinstance(index, engine.Tensor) else index
    if isinstance(array, np.ndarray) and array.ndim and array.dtype.kind in "iu":
        positive = Tensor(np.where(array < 0, array + x.array.shape[0], array))
        return call(ops.gather, (x, positive), {"axis": 0})
    try:
        result = call(take, (x,), {"key": Key(key)})
    except ValueError as error:
        raise IndexError(str(error)) from None
    if result.history is not None:
        result.history.name = "SelectBackward0" if isinstance(index, int) else "SliceBackward0"
    plain = [p for p in parts if isinstance(p, (int, slice, type(None), type(...)))]
    if len(plain) == len(parts) and not isinstance(index, bool):  # a view, as in PyTorch
        result.array, result.version = x.array[key], x.version
        result.array = np.asarray(result.array) if result.array.ndim else x.array[(*parts, ...)]
    return result


class Key:
    """An index, handed through as an attr."""

    def __init__(self, key: Any):
        self.key = key


def take(x: Tensor, *, key: Key) -> engine.Tensor:
    """x[key] by the engine's rules."""
    return engine.Tensor.__getitem__(x, key.key)


def setitem(x: Tensor, key: Any, value: Any) -> None:
    """x[key] = value, in place; gradients flow into value, and into what is left of x."""
    may_write(x)
    parts = key if isinstance(key, tuple) else (key,)
    parts = tuple([p.array if isinstance(p, engine.Tensor) else p for p in parts])
    if not (MODE.is_enabled and (x.requires_grad or any_requires((value,)))):
        x.array[parts] = value.array if isinstance(value, engine.Tensor) else value
        x.version[0] += 1
        return
    mask = np.zeros(x.array.shape, bool)
    mask[parts] = True
    places = np.zeros(x.array.shape, np.int64)
    value = value if isinstance(value, engine.Tensor) else Tensor(np.asarray(value, x.array.dtype))
    value = to(value, x.array.dtype)
    order = np.arange(value.array.size).reshape(value.array.shape)
    places[parts] = order
    old = Tensor(np.array(x.array), x.id)
    old.history = x.history
    spread = call(ops.gather, (functions.reshape(value, (-1,)), Tensor(places)), {"axis": 0})
    write(x, functions.where(Tensor(mask), spread, old))


def shaped(function: Callable) -> Callable:
    """A method whose shape may be given as one tuple or as several numbers."""

    def method(x: Tensor, *sizes: Any) -> Tensor:
        first = sizes[0] if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes
        return function(x, tuple(first))

    method.__doc__ = function.__doc__
    return method


def expand(x: Tensor, size: tuple) -> Tensor:
    """x repeated along axes of length 1; -1 keeps a length."""
    lead = len(size) - x.array.ndim
    shape = [x.array.shape[i - lead] if n == -1 else n for i, n in enumerate(size)]
    return functions.broadcast_to(x, tuple(shape))


def turned(x: Tensor) -> Tensor:
    """The matrix with its axes exchanged."""
    return call(ops.transpose, (x,), {})


def converted(x: Tensor, *args: Any, dtype: Any = None, **_ignored: Any) -> Tensor:
    """x in another dtype (or that of another tensor); devices are ignored."""
    for a in args:
        if isinstance(a, engine.Tensor):
            dtype = a.dtype
        elif not isinstance(a, (str, bool)):
            dtype = a
    return x if dtype is None else to(x, dtypes.of(dtype).dtype)


def fill_(x: Tensor, value: Any) -> Tensor:
    """One value everywhere, in place."""
    setitem(x, ..., value)
    return x


def copy_(x: Tensor, src: Tensor) -> Tensor:
    """The values of src, in place."""
    setitem(x, ..., src)
    return x


def backward(
    x: Tensor,
    gradient: Tensor | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add d x / d leaf to leaf.grad of every leaf behind x."""
    autograd.backward(x, gradient, retain_graph, create_graph, inputs=inputs)


def bind() -> None:
    """Give Tensor its operators and methods."""
    for name in METHODS:
        setattr(Tensor, name, getattr(functions, name))
    for name, function in BINARY.items():
        setattr(Tensor, f"__{name}__", getattr(functions, function))
        setattr(Tensor, f"__r{name}__", reflected(getattr(functions, function)))
    Tensor.__floordiv__, Tensor.__rfloordiv__ = floor_divide, reflected(floor_divide)
    for name in COMPARE:
        setattr(Tensor, f"__{name}__", getattr(functions, name))
    for name in (*IN_PLACE, *IN_PLACE_UNARY):
        setattr(Tensor, f"{name}_", in_place(getattr(functions, name)))
    for name in IN_PLACE:
        setattr(Tensor, f"__i{name.replace('div', 'truediv')}__", getattr(Tensor, f"{name}_"))
    Tensor.__neg__, Tensor.__abs__ = functions.neg, functions.abs
    Tensor.__getitem__, Tensor.__setitem__ = getitem, setitem
    for name in ("reshape", "permute", "flip"):
        setattr(Tensor, name, shaped(getattr(functions, name)))
    Tensor.view, Tensor.expand = shaped(functions.reshape), shaped(expand)
    for name, dtype in CONVERSIONS.items():
        setattr(Tensor, name, lambda x, dtype=dtype: to(x, np.dtype(dtype)))
    Tensor.T = Tensor.mT = property(turned)
    Tensor.t, Tensor.to, Tensor.type = turned, converted, converted
    Tensor.fill_, Tensor.copy_, Tensor.backward = fill_, copy_, backward
    Tensor.zero_ = lambda x: fill_(x, 0)
    Tensor.view_as = lambda x, other: functions.reshape(x, other.shape)
    Tensor.new_tensor = lambda x, data: Tensor(as_array(data, x.dtype))


bind()
