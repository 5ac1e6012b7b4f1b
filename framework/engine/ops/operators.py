"""The operators and methods of Tensor and Variable: strict, as TensorFlow's.

Numbers and arrays take the tensor's dtype, tensors must have it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from framework.engine.errors import InvalidArgumentError
from framework.engine.op import Op
from framework.engine.operands import broadcast_together
from framework.engine.ops.constants import operand
from framework.engine.ops.index import getitem_of
from framework.engine.ops.rows import HOWS
from framework.engine.slices import IndexedSlices
from framework.engine.tensor import Tensor, as_tensor
from framework.engine.variable import Variable

BINARY = {
    "add": "add", "sub": "subtract", "mul": "multiply", "matmul": "matmul",
    "mod": "mod", "pow": "power",
}  # fmt: skip
COMPARE = {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal"}
LOGICAL = {"and": "logical_and", "or": "logical_or", "xor": "logical_xor"}
BITWISE = {"and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor"}
UNARY = {"neg": "negative", "abs": "abs"}
IN_PLACE = {
    "add": "+=", "sub": "-=", "mul": "*=", "truediv": "/=", "pow": "**=",
}  # fmt: skip
BOOL = np.dtype(bool)


def binary(op: Op) -> tuple[Callable, Callable]:
    """x . y and its reflected form."""
    return forms(op.apply)


def forms(apply: Callable) -> tuple[Callable, Callable]:
    """`apply`, of two inputs and attrs, as an operator and its reflected form."""

    def forward(x, y):
        return apply((x, y if isinstance(y, Tensor) else operand(y, x.array.dtype)), {})

    def reflected(x, y):
        return apply((operand(y, x.array.dtype), x), {})

    return forward, reflected


def floor_division(of_floats: Op, of_integers: Op) -> tuple[Callable, Callable]:
    """x // y and its reflected form."""

    def apply(inputs, attrs):
        op = of_floats if inputs[0].array.dtype.kind == "f" else of_integers
        return op.apply(inputs, attrs)

    return forms(apply)


def addition(op: Op) -> tuple[Callable, Callable]:
    """x + y and its reflected form: bools are refused, whose sum NumPy takes for `or`."""

    def add(x, y):
        if x.array.dtype is BOOL:
            raise InvalidArgumentError("add: got dtype bool, wanted numbers; cast the tensor")
        return apply((x, y if isinstance(y, Tensor) else operand(y, x.array.dtype)), {})

    apply, (_, reflected) = op.apply, binary(op)
    return add, reflected


def by_kind(logical: Op, bitwise: Op) -> tuple[Callable, Callable]:
    """x & y and its like: logical of bools, bit by bit of integers."""
    of_bools, of_integers = binary(logical), binary(bitwise)

    def chosen(place):
        def method(x, y):
            return (of_bools if x.array.dtype == BOOL else of_integers)[place](x, y)

        return method

    return chosen(0), chosen(1)


def inverted(logical: Op, bitwise: Op) -> Callable:
    """~x: not x of bools, every bit turned of integers."""
    return lambda x: (logical if x.array.dtype == BOOL else bitwise)(x)


def refuses_in_place(sign: str, name: str) -> Callable:
    """v += x would put a Tensor where the Variable was, unnoticed: TensorFlow's error."""
    method = {"+=": "assign_add", "-=": "assign_sub"}.get(sign, "assign")
    value = "value" if sign in ("+=", "-=") else f"variable {sign[:-1]} value"

    def refuse(variable, value_):
        raise RuntimeError(
            f"`variable {sign} value` with `tf.Variable`s is not supported. Use "
            f"`variable.{method}({value})` to modify the variable, or `out = variable "
            f"{sign[:-1]} value` if you need to get a new output Tensor."
        )

    refuse.__name__ = name
    return refuse


def rounded(op: Op) -> Callable:
    """round(x): half to even, as a tensor."""

    def __round__(x, ndigits=None):
        if ndigits:
            raise TypeError(f"round: a tensor is rounded to whole numbers, got ndigits={ndigits}")
        return op(x)

    return __round__


def true_division(divide: Op, cast: Op) -> tuple[Callable, Callable]:
    """x / y; integers are divided as floats: float32 for up to 16 bits, else float64."""

    def as_float(x: Tensor) -> Tensor:
        if x.array.dtype.kind not in "iu":
            if x.array.dtype == BOOL:
                raise TypeError("Invalid dtype tf.bool in __truediv__: wanted numbers; cast it")
            return x
        return cast(x, dtype="float32" if x.array.dtype.itemsize < 4 else "float64")

    def forward(x, y):
        y = y if isinstance(y, Tensor) else operand(y, x.array.dtype)
        return divide(as_float(x), as_float(y)) if x.array.dtype == y.array.dtype else divide(x, y)

    return forward, lambda x, y: forward(operand(y, x.array.dtype), x)


def compare(op: Op) -> Callable:
    """A comparison by size."""
    return binary(op)[0]


def compare_equal(op: Op, otherwise: bool) -> Callable:
    """== or !=: None, and a shape that does not fit, equal nothing."""

    def forward(x, y):
        if y is None:
            return otherwise
        y = y if isinstance(y, Tensor) else operand(y, x.array.dtype)
        try:
            return op(x, y)
        except ValueError:
            if x.array.dtype == y.array.dtype and not broadcast_together([x.array, y.array]):
                return Tensor(np.asarray(otherwise))
            raise

    return forward


def assigner(op: Op) -> Callable:
    """The method of Variable that runs an op which writes it."""

    def write(variable, value, read_value):
        dtype, shape = variable.array.dtype, variable.array.shape
        value = as_tensor(value, dtype)
        if value.array.shape != shape:
            raise InvalidArgumentError(
                f"Cannot assign value to variable '{variable.name}': Shape mismatch. The variable "
                f"shape {tuple(shape)}, and the assigned value shape {tuple(value.array.shape)} "
                f"are incompatible: shapes must be equal."
            )
        if dtype == BOOL and op.name != "assign":
            raise InvalidArgumentError(f"{op.name}: got dtype bool, wanted a Variable of numbers")
        op(variable, value)
        return variable if read_value else None

    def assign(variable, value, use_locking=None, name=None, read_value=True):
        return write(variable, value, read_value)

    def add(variable, delta, use_locking=None, name=None, read_value=True):
        return write(variable, delta, read_value)

    method = assign if op.name == "assign" else add
    method.__name__ = op.name
    method.__doc__ = f"{op.__doc__} The value takes the Variable's dtype; its shape must be equal."
    return method


def scatterer(op: Op, how: str) -> Callable:
    """The method of Variable that writes the rows of IndexedSlices."""

    def method(variable, sparse_delta, use_locking=False, name=None):
        if not isinstance(sparse_delta, IndexedSlices):
            raise TypeError(
                "Argument `sparse_delta` must be a `tf.IndexedSlices`. Received arg: "
                f"{sparse_delta}"
            )
        op(variable, sparse_delta.indices, as_tensor(sparse_delta.values, variable.dtype), how=how)
        return variable

    method.__name__ = f"scatter_{how}"
    method.__doc__ = (
        f"Rows of the Variable, at the indices of IndexedSlices: {how} by its values; an index "
        "that occurs twice counts twice. Returns the Variable."
    )
    return method


def sparse_read_of(gather: Op) -> Callable:
    """Variable.sparse_read."""

    def sparse_read(variable, indices, name=None):
        """The rows at `indices`."""
        return gather(variable, as_tensor(indices))

    return sparse_read


def bind(ops: dict[str, Op]) -> None:
    """Give Tensor its operators and Variable its methods that are ops."""
    pairs = {name: binary(ops[op]) for name, op in BINARY.items()}
    pairs |= {name: by_kind(ops[op], ops[BITWISE[name]]) for name, op in LOGICAL.items()}
    pairs["add"] = addition(ops["add"])
    for name, (forward, reflected) in pairs.items():
        setattr(Tensor, f"__{name}__", forward)
        setattr(Tensor, f"__r{name}__", reflected)
    floordiv = floor_division(ops["floor_quotient"], ops["floor_divide"])
    for name, function in zip(("floordiv", "rfloordiv"), floordiv, strict=True):
        setattr(Tensor, f"__{name}__", function)
    Tensor.__truediv__, Tensor.__rtruediv__ = true_division(ops["divide"], ops["cast"])
    for name, op in COMPARE.items():
        setattr(Tensor, f"__{name}__", compare(ops[op]))
    Tensor.__eq__, Tensor.__ne__ = (
        compare_equal(ops["equal"], False),
        compare_equal(ops["not_equal"], True),
    )
    for name, op in UNARY.items():
        setattr(Tensor, f"__{name}__", lambda x, op=ops[op]: op(x))
    setattr(Tensor, "__invert__", inverted(ops["logical_not"], ops["bitwise_not"]))  # noqa: B010
    setattr(Tensor, "__round__", rounded(ops["round"]))  # noqa: B010
    setattr(Tensor, "__getitem__", getitem_of)  # noqa: B010
    bind_variable(ops)


def bind_variable(ops: dict[str, Op]) -> None:
    """Give Variable its methods that are ops, and the operators that it refuses."""
    for name, sign in IN_PLACE.items():
        setattr(Variable, f"__i{name}__", refuses_in_place(sign, f"__i{name}__"))
    for name in ("assign", "assign_add", "assign_sub"):
        setattr(Variable, name, assigner(ops[name]))
    setattr(Variable, "sparse_read", sparse_read_of(ops["gather"]))  # noqa: B010
    for how in HOWS:
        setattr(Variable, f"scatter_{how}", scatterer(ops["assign_rows"], how))
    for name in ("read_value", "value"):
        setattr(Variable, name, read_of(ops["read"], name))


def read_of(op: Op, name: str) -> Callable:
    """The method of Variable that returns its present value."""

    def method(variable):
        """The present value, as a Tensor."""
        return op(variable)

    method.__name__ = name
    return method
