"""PyTorch's dialect: dtypes are promoted, results remember how they were made."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from framework.engine import door, nest, ops
from framework.engine import tensor as engine
from framework.engine.accumulate import MODE, History, HistoryRecorder, remember, source_of
from framework.engine.op import Op
from framework.engine.ops.constants import operand
from framework.engine.tensor import Spec
from framework.torch import dtypes
from framework.torch.memory import shows
from framework.torch.refusals import explained
from framework.torch.tensor import Tensor
from framework.torch.views import VIEWS, see

# How PyTorch calls the history of what our functions give; the others are named after the function.
NAMES = {
    "multiply": "Mul", "subtract": "Sub", "divide": "Div", "negative": "Neg", "power": "Pow",
    "take": "Slice", "picked": "Index", "gather": "Index", "reshape": "View",
    "swapaxes": "Transpose",
    "concatenate": "Cat", "identity": "Clone", "cast": "ToCopy", "expand_dims": "Unsqueeze",
    "broadcast_to": "Expand", "maximum": "Maximum", "minimum": "Minimum", "clip": "Clamp",
    "variance": "Var", "transpose": "Permute", "flip": "Flip", "product": "Mm", "matmul": "Mm",
    "dot_product": "Dot", "stacked": "Stack", "square": "Pow", "mod": "Remainder",
}  # fmt: skip
WITH_DIM = {"sum", "mean", "prod"}  # Backward1 if there is a dim
WITHOUT_DIM = {"max", "min"}  # Backward1 if there is none


def call(function: Callable, inputs: tuple, attrs: dict) -> Any:
    """function(*inputs, **attrs): an op, or a function made of ops, on promoted tensors."""
    inputs = promoted(function, inputs)
    for key, value in attrs.items():
        if type(value) not in door.PLAIN:
            attrs[key] = door.static(value)
    if type(function) is Op and function.outs == 1 and function not in VIEWS:
        return simple(function, inputs, attrs)
    flat = [x for x in inputs if isinstance(x, engine.Tensor)]
    sources = [source_of(x) for x in flat] if MODE.is_enabled else []  # before the ids are read
    known = {x.id: source for x, source in zip(flat, sources)}
    try:
        with HistoryRecorder(known, [x for x in flat if type(x) is Tensor]):
            result = function(*inputs, **attrs)
    except (ValueError, IndexError, TypeError) as error:
        raise explained(function, inputs, attrs, error) from None
    name = history_name(function.__name__, attrs)
    if function in VIEWS:
        made = adopted(result, (), known.get(result.id), name)
        see(inputs[0], made, function, attrs)
        return made
    return nest.map_structure(lambda out: adopted(out, flat, known.get(out.id), name), result)


def simple(op: Op, inputs: tuple, attrs: dict) -> Tensor:
    """One op with one output: the quick way."""
    parents = None
    if MODE.is_enabled and op.rule is not None:
        for x in inputs:
            if type(x) is Tensor and (x._history is not None or x.requires_grad):
                parents = tuple([source_of(x) for x in inputs])
                break
    try:
        out, history = op.apply(inputs, attrs), None
    except (ValueError, IndexError, TypeError) as error:
        raise explained(op, inputs, attrs, error) from None
    if parents is not None and out.array.dtype.kind == "f":
        history = remember(op, inputs, attrs, (out,), parents)
    if op.name == "concatenate":  # row by row in PyTorch, whatever the order of the inputs
        out.array = np.ascontiguousarray(out.array)
    return adopted(out, inputs, history, history and history_name(op.name, attrs))


def adopted(out: engine.Tensor, inputs: Any, history: Any, name: str | None) -> Tensor:
    """The engine's result as a torch Tensor, of its own memory."""
    if type(out) is Tensor:
        return out  # an input that was handed through
    result = Tensor(out.array, out.id)
    if type(history) is History:
        result._history = history
        history.title = name
        line = history.line
        place = len(line.inputs) + line.outs.index(out.id)
        if "outs" in line.op.needs and type(line.values[place]) is not Spec:
            history.versions.append((result.version, 0, place))
    if any([shows(out.array, x.array) for x in inputs]):
        result.array = np.array(out.array)  # only what is a view in PyTorch is one here
    return result


def history_name(name: str, attrs: dict) -> str:
    """MulBackward0"""
    key = name, attrs.get("axis") is None
    if key not in KNOWN_NAMES:
        number = 1 if name in (WITHOUT_DIM if key[1] else WITH_DIM) or name == "clip" else 0
        stem = NAMES.get(name) or name.title().replace("_", "")
        KNOWN_NAMES[key] = f"{stem}Backward{number}"
    return KNOWN_NAMES[key]


KNOWN_NAMES: dict[tuple, str] = {}


def named(x: Tensor, name: str) -> Tensor:
    """x, whose history PyTorch calls so."""
    if x._history is not None:
        x._history.title = name
    return x


def numpy_words(function: Callable) -> Callable:
    """The function, which also takes NumPy's words for dim and keepdim, as PyTorch's do."""

    @functools.wraps(function)
    def worded(*args: Any, **kwargs: Any) -> Any:
        for theirs, ours in (("axis", "dim"), ("keepdims", "keepdim")):
            if theirs in kwargs and ours not in kwargs:
                kwargs[ours] = kwargs.pop(theirs)
        return function(*args, **kwargs)

    return worded


def promoted(function: Any, inputs: tuple) -> tuple:
    """The inputs as tensors, of one dtype where the op wants that."""
    if not getattr(function, "same_dtype", False):
        return as_tensors(function, inputs)
    if len(inputs) == 2 and type(inputs[0]) is Tensor and keeps_dtype(*inputs):
        return inputs[0], operand(inputs[1], inputs[0].array.dtype)
    inputs = tuple([of_numpy(x) for x in inputs])
    arrays = [x.array for x in inputs if isinstance(x, engine.Tensor)]
    if len(arrays) == len(inputs) and all([a.dtype == arrays[0].dtype for a in arrays]):
        return inputs
    numbers = [x for x in inputs if not isinstance(x, engine.Tensor)]
    dtype = dtypes.result_dtype(arrays, numbers)
    return tuple([to(x, dtype) for x in inputs])


def of_numpy(value: Any) -> Any:
    """An array as a tensor, a NumPy scalar as a Python number, anything else as it is."""
    if isinstance(value, np.generic):
        return value.item()
    return Tensor(value) if isinstance(value, np.ndarray) else value


def keeps_dtype(x: Tensor, number: Any) -> bool:
    """True if a Python number takes the dtype of the tensor that it meets."""
    kind = x.array.dtype.kind
    return (kind == "f" and type(number) in (int, float)) or (kind in "iu" and type(number) is int)


def as_tensors(function: Any, inputs: tuple) -> tuple:
    """The inputs as tensors, of whatever dtypes; a function of one input wants a tensor."""
    if not isinstance(inputs[0], engine.Tensor) and len(inputs) == 1:
        raise TypeError(
            f"{function.__name__}(): argument 'input' (position 1) must be Tensor, not "
            f"{type(inputs[0]).__name__}"
        )
    return tuple([x if isinstance(x, engine.Tensor) else as_tensor(x) for x in inputs])


def as_tensor(value: Any) -> engine.Tensor:
    """A Python number or array as a tensor."""
    if isinstance(value, (int, float, bool)):
        return operand(value, dtypes.scalar_dtype(value))
    if isinstance(value, (np.ndarray, np.generic)):
        return Tensor(np.asarray(value))
    raise TypeError(f"wanted a Tensor or a number, got {type(value).__name__} {value!r}")


def to(x: Any, dtype: np.dtype) -> engine.Tensor:
    """x in `dtype`; a cast is remembered."""
    if isinstance(x, engine.Tensor):
        return x if x.array.dtype == dtype else call(ops.cast, (x,), {"dtype": dtype.name})
    if type(x) is float and dtype.kind == "f":
        return operand(x, dtype)
    if isinstance(x, (int, float, bool)):
        return operand(dtype.type(x).item(), dtype)
    return as_tensor(x)


def call_floating(function: Callable, inputs: tuple, attrs: dict) -> Any:
    """`call` for functions whose results are floats: integers become float32 first."""
    return call(function, tuple([as_float(x) for x in inputs]), attrs)


def as_float(x: Any) -> Any:
    """x, as float32 if it is of integers or bools."""
    if isinstance(x, engine.Tensor) and x.array.dtype.kind != "f":
        return to(x, dtypes.DEFAULT_FLOAT)
    return x


IGNORED = ("out", "name")
renamed = door.Door(call, IGNORED).renamed
floating = door.Door(call_floating, IGNORED).renamed
