"""What is asked of an op's operands, and told of them: dtypes, Variables that are written,
errors in one form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from framework.engine import machine
from framework.engine.dimension import broadcast_shapes
from framework.engine.errors import InvalidArgumentError, MixedDtypesError, TraceError
from framework.engine.tensor import Spec, Tensor, as_tensor


def check_floats(name: str, x: Any) -> None:
    """InvalidArgumentError unless x (array or Spec) is of floats. Of integers NumPy makes float64
    or, of 8 bits, float16, where a program would keep integers.
    """
    if x.dtype.kind != "f":
        raise MixedDtypesError(
            f"{name}: got dtype {x.dtype.name}, wanted float16, float32 or float64; cast the tensor"
        )


def on_floats(name: str, function: Callable) -> Callable:
    """`function` (forward or infer) that refuses a first input that is not of floats."""

    def checked(x, *others, **attrs):
        if x.dtype.kind != "f":
            check_floats(name, x)
        return function(x, *others, **attrs)

    return checked


def check_is_variable(op: Any, position: int, x: Tensor) -> None:
    """What an op writes must be a Variable."""
    if not x.is_variable:
        raise TypeError(
            f"{op.name}: input {position} is written, so it must be a Variable, got {x!r}"
        )


def as_tensors(inputs: tuple) -> tuple:
    """Numbers and arrays among the inputs become Tensors of the dtype of the first Tensor."""
    if all([isinstance(x, Tensor) for x in inputs]):
        return inputs
    like = next((x.array.dtype for x in inputs if isinstance(x, Tensor)), None)
    return tuple([x if isinstance(x, Tensor) else as_tensor(x, like) for x in inputs])


def check_dtypes(op: Any, arrays: list) -> None:
    """Ops take equal dtypes only: promotion happens at the doors."""
    first = arrays[0].dtype
    for i, a in enumerate(arrays):
        if a.dtype is not first and a.dtype != first:
            raise MixedDtypesError(
                f"cannot compute {op.name} as input #{i}(zero-based) was expected to be a "
                f"{first.name} tensor but is a {a.dtype.name} tensor: inputs of different dtypes; "
                "cast one of them"
            )


def tell(tapes: tuple, op: Any, inputs: tuple) -> None:
    """Tell the tapes whose values an op without outputs took: no gradient comes back from there."""
    for tape in tapes:
        for i, x in enumerate(inputs):
            if i not in op.writes:
                tape.left(x, op)


def refusal(op: Any, arrays: list, attrs: dict, error: Exception) -> Exception:
    """The error to raise where a forward refused its inputs: what NumPy says in a ValueError is
    InvalidArgumentError, as in TensorFlow, and ResourceExhaustedError if the result is too large.
    """
    if isinstance(error, (InvalidArgumentError, TraceError)) or op.writes:
        return error
    if not isinstance(error, TypeError):
        error = excess_of(op, arrays, attrs) or error
    if isinstance(error, MemoryError):
        return error
    if op.scalar is not None and not broadcast_together(arrays):
        shapes = " vs. ".join([f"[{','.join(map(str, a.shape))}]" for a in arrays])
        return InvalidArgumentError(f"{op.name}: Incompatible shapes: {shapes}")
    if isinstance(error, TypeError):
        is_numpys = "ufunc" in str(error) or all([a.dtype.kind == "b" for a in arrays])
        return MixedDtypesError(f"{op.name}: {error}") if is_numpys else error
    text = str(error)
    return InvalidArgumentError(text if text.startswith(op.name) else f"{op.name}: {text}")


def excess_of(op: Any, arrays: list, attrs: dict) -> Exception | None:
    """What to raise if this machine has no memory for what the op would give."""
    try:
        outs = op.infer(*[Spec(a.shape, a.dtype) for a in arrays], **attrs)
    except Exception:  # it refuses the inputs, too, with other words than the forward
        return None
    specs = outs if isinstance(outs, tuple) else (outs,)
    found = [machine.excess(f"{op.name}: a result", spec.shape, spec.dtype) for spec in specs]
    return next((error for error in found if error is not None), None)


def broadcast_together(arrays: list) -> bool:
    """True if the shapes meet by broadcasting."""
    try:
        broadcast_shapes(*[a.shape for a in arrays])
    except ValueError:
        return False
    return True


def writable(op: Any, inputs: tuple, arrays: list) -> list:
    """The arrays, with the memory of the Variables that the op overwrites."""
    for i in op.writes:
        check_is_variable(op, i, inputs[i])
        arrays[i] = None  # the read-only view: do not count as a holder of the old value
        arrays[i] = inputs[i].writable()
    return arrays
