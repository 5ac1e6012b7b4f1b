"""Tensor: an array that ops can be applied to. Spec: its shape and dtype where it has no value."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.engine import dlpack
from framework.engine.active import ACTIVE
from framework.engine.dtypes import NAMES, OF_NUMPY, DType, as_dtype
from framework.engine.errors import ConversionError, TraceError
from framework.engine.shapes import TensorShape

SLOTS = itertools.count(1)  # every tensor has its own number: Lines name values by it


class Spec:
    """Shape and dtype of a value that is not there: what a trace computes with."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: tuple, dtype: np.dtype):
        self.shape, self.dtype = shape, dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        size = 1
        for n in self.shape:
            size *= n
        return size

    @property
    def nbytes(self) -> int:
        """The number of bytes."""
        return self.size * self.dtype.itemsize

    def _no_value(self, *_, **__):
        raise TraceError(
            f"a tensor of shape {tuple(self.shape)} and dtype {self.dtype} made while tracing has "
            "no value, then or later: branch on shapes, not on values (or run eagerly); what is "
            "wanted of it outside must be returned"
        )

    __array__ = __getitem__ = _no_value

    def __getattr__(self, name: str):
        """A forward that wants more of its array than a Spec has wants the values."""
        if name.startswith("__"):  # what others look for, and may do without
            raise AttributeError(f"Spec has no {name}")
        self._no_value()

    def __repr__(self) -> str:
        return f"Spec({tuple(self.shape)}, {self.dtype})"


for _name in "add sub mul truediv floordiv mod pow matmul and or xor".split():
    setattr(Spec, f"__{_name}__", Spec._no_value)
    setattr(Spec, f"__r{_name}__", Spec._no_value)
for _name in "neg abs invert int float lt le gt ge".split():
    setattr(Spec, f"__{_name}__", Spec._no_value)


class Tensor:
    """An immutable n-d array.  `array` is the NumPy array, or a Spec while tracing."""

    __slots__ = ("__weakref__", "array", "id")
    __array_priority__ = 100.0
    trainable = False  # a Variable may be: then tapes watch it when it is read
    is_variable = False

    if TYPE_CHECKING:  # what ops/operators.py gives to the class
        __add__: Callable[[Any], Tensor]
        __radd__: Callable[[Any], Tensor]
        __sub__: Callable[[Any], Tensor]
        __rsub__: Callable[[Any], Tensor]
        __mul__: Callable[[Any], Tensor]
        __rmul__: Callable[[Any], Tensor]
        __truediv__: Callable[[Any], Tensor]
        __rtruediv__: Callable[[Any], Tensor]
        __floordiv__: Callable[[Any], Tensor]
        __mod__: Callable[[Any], Tensor]
        __pow__: Callable[[Any], Tensor]
        __rpow__: Callable[[Any], Tensor]
        __matmul__: Callable[[Any], Tensor]
        __and__: Callable[[Any], Tensor]
        __or__: Callable[[Any], Tensor]
        __xor__: Callable[[Any], Tensor]
        __lt__: Callable[[Any], Tensor]
        __le__: Callable[[Any], Tensor]
        __gt__: Callable[[Any], Tensor]
        __ge__: Callable[[Any], Tensor]
        __neg__: Callable[[], Tensor]
        __abs__: Callable[[], Tensor]
        __invert__: Callable[[], Tensor]
        __getitem__: Callable[[Any], Tensor]

    def __init__(self, array: Any, id: int | None = None):
        self.array = array
        self.id = next(SLOTS) if id is None else id

    @property
    def shape(self) -> TensorShape:
        """The dimensions."""
        return tuple.__new__(TensorShape, self.array.shape)

    @property
    def dtype(self) -> DType:
        """The element type."""
        return OF_NUMPY[self.array.dtype]

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.array.shape)

    @property
    def device(self) -> str:
        """Where the value is: there is one CPU."""
        return "/job:localhost/replica:0/task:0/device:CPU:0"

    @property
    def is_abstract(self) -> bool:
        """True if the tensor was made while tracing and has no value."""
        return type(self.array) is Spec

    def numpy(self) -> Any:
        """A copy of the value: an array, or a NumPy scalar for shape ()."""
        array = self._value()
        return array.copy() if array.ndim else array[()]

    def get_shape(self) -> TensorShape:
        """The dimensions."""
        return self.shape

    def set_shape(self, shape: Any) -> None:
        """Check that the shape is compatible with `shape`."""
        if not self.shape.is_compatible_with(shape):
            raise ValueError(
                f"Tensor's shape {self.shape} is not compatible with supplied shape "
                f"{TensorShape(shape)}."
            )

    def ref(self) -> Reference:
        """A hashable stand-in for this tensor (tensors are not hashable: == is elementwise)."""
        return Reference(self)

    experimental_ref = ref  # its first name

    def _value(self) -> np.ndarray:
        """The array, to be read only; TraceError if there is none. Tapes are told: what is
        computed from it outside of ops has no gradient."""
        for tape in ACTIVE.tapes:
            tape.left(self)
        if type(self.array) is not Spec:
            return self.array
        known = None if ACTIVE.trace is None else ACTIVE.trace.value_of(self.id)
        return self.array.__array__() if known is None else known

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        """The tensor's own memory, read-only; or, if asked for or needed, a copy."""
        array = self._value()
        if copy or (dtype is not None and array.dtype != dtype):
            if copy is False:
                raise ValueError(f"a tensor of dtype {array.dtype} is no {dtype} without a copy")
            return np.array(array, dtype)
        view = array.view()
        view.flags.writeable = False
        return view

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple | None = None,
        dl_device: tuple | None = None,
        copy: bool | None = None,
    ) -> Any:
        """A DLPack capsule of a copy; with copy=False of the memory itself, marked read-only."""
        dlpack.check_device(stream, dl_device)
        return dlpack.of_immutable(self._value(), max_version, copy)

    def __dlpack_device__(self) -> tuple[int, int]:
        """The CPU."""
        return dlpack.CPU

    def __len__(self) -> int:
        if not self.array.shape:
            raise TypeError("Scalar tensor has no `len()`")
        return self.array.shape[0]

    def __bool__(self) -> bool:
        return bool(self._value())

    def __int__(self) -> int:
        return int(self._value())

    def __float__(self) -> float:
        return float(self._value())

    def __index__(self) -> int:
        array = self._value()
        if array.dtype.kind not in "iu" or array.ndim:
            raise TypeError(f"a tensor of shape {array.shape}, dtype {array.dtype} is no index")
        return int(array)

    def __format__(self, spec: str) -> str:
        return str(self) if self.is_abstract else format(self.numpy(), spec)

    def __hash__(self) -> int:
        if self.is_variable:
            raise TypeError("Variable is unhashable. Instead, use variable.ref() as the key.")
        raise TypeError("Tensor is unhashable. Instead, use tensor.ref() as the key.")

    def __iter__(self):
        if not self.array.shape:
            raise TypeError("Cannot iterate over a scalar tensor.")
        return (self[i] for i in range(self.array.shape[0]))

    def __setitem__(self, key, value):
        raise TypeError(
            "'Tensor' object does not support item assignment: use tf.tensor_scatter_nd_update, "
            "or keep the values in a Variable and assign to that"
        )

    def __delitem__(self, key):
        raise TypeError(f"'{type(self).__name__}' object doesn't support item deletion")

    def __str__(self) -> str:
        text = "<traced>" if self.is_abstract else str(self.array)
        text = f"\n{text}" if "\n" in text else text
        return f"tf.Tensor({text}, shape={tuple(self.array.shape)}, dtype={self.array.dtype})"

    def __repr__(self) -> str:
        head = f"<tf.Tensor: shape={tuple(self.array.shape)}, dtype={self.array.dtype}"
        return f"{head}>" if self.is_abstract else f"{head}, numpy={value_text(self.array)}>"

    def __copy__(self) -> Tensor:
        return self  # immutable

    def __deepcopy__(self, memo) -> Tensor:
        return self

    def __reduce__(self):
        return Tensor, (np.array(self._value()),)


def value_text(array: np.ndarray) -> str:
    """The value as TensorFlow shows it after `numpy=`: on a new line if it takes several."""
    text = repr(array) if array.ndim else repr(array.item())
    return f"\n{text}" if "\n" in text else text


class Reference:
    """Hashable stand-in for a tensor; `deref()` gives the tensor."""

    __slots__ = ("_tensor",)

    def __init__(self, tensor: Tensor):
        self._tensor = tensor

    def deref(self) -> Tensor:
        """The tensor."""
        return self._tensor

    def __hash__(self) -> int:
        return self._tensor.id

    def __eq__(self, other: object) -> bool:
        if other is None:
            return False
        if not isinstance(other, Reference):
            raise TypeError("Cannot compare wrapped object with unwrapped object")
        return self._tensor.id == other._tensor.id

    def __repr__(self) -> str:
        return f"<Reference wrapping {self._tensor!r}>"


def as_array(value: Any, dtype: Any = None) -> np.ndarray:
    """A NumPy array by TensorFlow's rules: Python floats are float32, ints int32, arrays as is."""
    wanted = None if dtype is None else as_dtype(dtype).dtype
    if isinstance(value, Tensor):
        value = value.__array__()
    elif type(value) is int and wanted is not None and wanted.kind == "f":
        value = float(value)  # also one of more than 64 bits
    array = regular_array(value, wanted)
    if not hasattr(value, "__array__"):
        return array_of_numbers(value, array, wanted)
    return array if wanted is None or array.dtype == wanted else array.astype(wanted)


def array_of_numbers(value: Any, array: np.ndarray, wanted: np.dtype | None) -> np.ndarray:
    """The array of a number or a list, in the dtype that is wanted or its numbers have."""
    first = first_leaf(value)
    check_kinds(array, first, wanted)
    wanted = wanted or default_dtype(array, first)
    if array.dtype.kind in "iu" and wanted.kind in "iu" and array.size:
        check_range(array, wanted)
    return array if array.dtype == wanted else rounded(value, array, wanted)


def rounded(value: Any, array: np.ndarray, wanted: np.dtype) -> np.ndarray:
    """The array of `value` in another dtype; ValueError where float32 has no such number."""
    with np.errstate(over="ignore"):
        made = array.astype(wanted)
    if wanted == np.float32 and np.isinf(made).any() and not np.isinf(array).any():
        raise ValueError(f"{value!r} is out of range for float32; give the dtype: dtype='float64'")
    return made


def regular_array(value: Any, wanted: np.dtype | None) -> np.ndarray:
    """`value` as an array of numbers; an error for strings, objects and ragged lists."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        text = "cannot make a tensor of a list whose parts differ in shape"
        raise ValueError(f"{text}: {error}") from None
    if array.dtype.kind in "OUSVMm":
        kind = ConversionError if isinstance(value, str) else ValueError
        raise kind(
            f"cannot make a tensor of {type(value).__name__} {value!r}: "
            "not a number or a regular array"
        )
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype not in OF_NUMPY:
        raise TypeError(
            f"cannot make a tensor of dtype {array.dtype}: the dtypes are {', '.join(NAMES)}"
        )
    return array


def first_leaf(value: Any) -> Any:
    """The first number or array of a nested list."""
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
    return value


def check_kinds(array: np.ndarray, first: Any, wanted: np.dtype | None) -> None:
    """Raise if Python values would change their kind: 1.5 to an int, 1 to a bool, True to 1.0."""
    kind = array.dtype.kind
    if wanted is not None and (kind + wanted.kind in ("fi", "fu", "ib", "ub", "fb")) and array.size:
        raise ConversionError(f"Cannot convert {first!r} to a tensor of dtype {wanted}")
    if type(first) is bool and kind != "b":
        raise ValueError("cannot make a tensor of a list that mixes bools and numbers")


def default_dtype(array: np.ndarray, first: Any) -> np.dtype:
    """The dtype of Python numbers; a list that starts with floats of NumPy has their dtype."""
    if isinstance(first, (np.floating, np.ndarray)) and first.dtype.kind == "f":
        return first.dtype
    if isinstance(first, Tensor):
        return first.array.dtype
    if (
        array.dtype.kind in "iu"
        and array.size
        and (array.max() > MAX_INT32 or array.min() < -MAX_INT32 - 1)
    ):
        if array.max() > MAX_INT64:
            raise ValueError(f"integer {array} is out of range for int64; give the dtype: 'uint64'")
        return np.dtype(np.int64)
    return DEFAULT.get(array.dtype.kind, array.dtype)


DEFAULT = {"f": np.dtype(np.float32), "i": np.dtype(np.int32), "u": np.dtype(np.int32)}
MAX_INT64 = 2**63 - 1
MAX_INT32 = 2**31 - 1


def check_range(array: np.ndarray, wanted: np.dtype) -> None:
    """Raise if a Python integer does not fit into `wanted`: a wrap-around is never meant."""
    limits = np.iinfo(wanted)
    if array.min() < limits.min or array.max() > limits.max:
        raise ValueError(
            f"integer {array} does not fit into {wanted}; give the dtype, e.g. dtype='int64'"
        )


def as_tensor(value: Any, dtype: Any = None) -> Tensor:
    """`value` as a Tensor; a Tensor stays as it is, but must have `dtype` if one is given."""
    if isinstance(value, Tensor):
        if dtype is not None and value.array.dtype != as_dtype(dtype).dtype:
            raise ValueError(
                f"Tensor conversion requested dtype {as_dtype(dtype).name} for Tensor with dtype "
                f"{value.dtype.name}: {value!r}"
            )
        return value
    if hasattr(value, "__tf_tensor__"):  # TensorFlow's protocol: IndexedSlices, the user's own
        return as_tensor(value.__tf_tensor__(dtype, None), dtype)
    return Tensor(as_array(value, dtype))
