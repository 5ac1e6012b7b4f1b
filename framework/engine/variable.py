"""Variable: a tensor with a name that may be assigned."""

from __future__ import annotations

import enum
import itertools
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.engine.active import ACTIVE
from framework.engine.errors import TraceError
from framework.engine.tensor import Tensor, as_array, as_tensor, value_text

ALIGNMENT = 64  # bytes: one cache line, so that kernels load whole vectors
NAMES = itertools.count()
MOVES = itertools.count(1)


def aligned(shape: tuple, dtype: Any) -> np.ndarray:
    """Zeros whose first element starts a cache line."""
    dtype = np.dtype(dtype)
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    raw = np.zeros(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size].view(dtype).reshape(shape)


class VariableSynchronization(enum.Enum):
    """When the copies of a Variable on several ranks meet. Every rank here holds the same value at
    any time; what is left of the choice: ON_READ makes a Variable that is not trainable.
    """

    AUTO = 0
    NONE = 1
    ON_WRITE = 2
    ON_READ = 3


class VariableAggregation(enum.Enum):
    """How what several ranks assign becomes one value; said of a Variable, for those who ask."""

    NONE = 0
    SUM = 1
    MEAN = 2
    ONLY_FIRST_REPLICA = 3


# Arguments of tf.Variable that say nothing here, and the only values that they may have.
UNUSED = {
    "validate_shape": (True,), "caching_device": (None,), "variable_def": (None,),
    "import_scope": (None,), "experimental_enable_variable_lifting": (True, None),
}  # fmt: skip


def check_constraint(value: Any) -> None:
    """ValueError unless it is a function or None."""
    if value is not None and not callable(value):
        raise ValueError(
            f"Argument `constraint` must be None or a callable. Got a {type(value)}: {value}"
        )


def name_of(name: Any) -> str:
    """The name of a Variable that is to be called so: "w:0" of "w"."""
    if not isinstance(name, str):
        raise ValueError(f"Variable: name must be a string, got {name!r}")
    return name if ":" in name else f"{name}:0"


class Variable(Tensor):
    """A value that may be assigned: Variable(initial_value, trainable=None, name=None, dtype=None,
    constraint=None, shape=None, synchronization=AUTO, aggregation=NONE).

    constraint: a function value -> value that optimizers apply after each update.

    `array` is a read-only view of memory that programs, eager ops and all-reduces share. While
    someone (a tape, a
    tensor) still holds the old value, an assignment takes new memory; otherwise it writes in place.
    """

    __slots__ = ("__dict__", "_free", "_memory", "_raw", "name", "trainable")
    is_variable = True
    # counts over all Variables how often memory changed: programs then look addresses up again
    moves = 0
    constraint: Callable | None = None
    synchronization: Any = VariableSynchronization.AUTO
    aggregation: Any = VariableAggregation.NONE

    if TYPE_CHECKING:  # what ops/operators.py gives to the class
        assign: Callable[..., Variable]
        assign_add: Callable[..., Variable]
        assign_sub: Callable[..., Variable]
        read_value: Callable[[], Tensor]
        value: Callable[[], Tensor]

    def __init__(
        self,
        initial_value: Any = None,
        trainable: bool | None = None,
        name: str | None = None,
        dtype: Any = None,
        shape: Any = None,
        **options: Any,
    ):
        if options:
            self._take_options(options)
        if initial_value is None:
            raise ValueError("Variable: initial_value is missing")
        if isinstance(initial_value, Tensor):  # a copy: no gradient leads through it
            for tape in ACTIVE.tapes:
                tape.left(initial_value)
        trace, tapes, ACTIVE.trace, ACTIVE.tapes = ACTIVE.trace, ACTIVE.tapes, None, ()
        try:  # the value is computed now, even inside a trace
            if callable(initial_value):
                initial_value = initial_value()
            if dtype is not None and isinstance(initial_value, Tensor):
                as_tensor(initial_value, dtype)  # raises: a Tensor is not cast
            value = as_array(initial_value, dtype)
        finally:
            ACTIVE.trace, ACTIVE.tapes = trace, tapes
        if shape is not None and tuple(shape) != value.shape:
            raise ValueError(
                f"Variable: initial_value has shape {value.shape}, wanted {tuple(shape)}; a "
                "Variable's shape is that of its value, without unknown dimensions"
            )
        self.name = "Variable:0" if name is None else name_of(name)
        if trainable is None:
            trainable = self.synchronization is not VariableSynchronization.ON_READ
        self.trainable = bool(trainable)
        self._take(value)
        Tensor.__init__(self, self.array)
        if ACTIVE.trace is not None:
            ACTIVE.trace.made.append(self)

    def _take_options(self, options: dict) -> None:
        """The rarer arguments of tf.Variable."""
        for name, value in options.items():
            if name in UNUSED and value in UNUSED[name]:
                continue
            if name == "constraint":
                check_constraint(value)
            elif name == "synchronization":
                value = VariableSynchronization(value)
            elif name == "aggregation":
                value = VariableAggregation(value)
            else:
                raise TypeError(f"Variable: unknown argument {name}={value!r}")
            setattr(self, name, value)

    def is_initialized(self, name: str | None = None) -> Tensor:
        """True: a Variable has a value from the start."""
        return Tensor(np.asarray(True))

    def _take(self, value: np.ndarray) -> None:
        """Move to fresh memory that holds `value`."""
        self._memory = aligned(value.shape, value.dtype)
        self._memory[...] = value
        self.array = self._memory.view()
        self.array.flags.writeable = False
        self._raw = self._memory.base  # NumPy lets every view, of views too, refer to it
        self._free = sys.getrefcount(self._raw), sys.getrefcount(self.array)
        Variable.moves = next(MOVES)  # not += 1, which two threads may do at once

    @property
    def is_abstract(self) -> bool:
        """True while tracing: the value then is not the one that the program will see."""
        return ACTIVE.trace is not None

    def _value(self) -> np.ndarray:
        if ACTIVE.trace is not None:
            raise TraceError(
                f"the value of {self.name} is asked for while tracing; the program reads it anew "
                "at each call: branch on it with tf.cond (or run eagerly)"
            )
        return super()._value()

    def is_held(self) -> bool:
        """True while someone else refers to the present value."""
        raw, array = self._free
        return sys.getrefcount(self._raw) > raw or sys.getrefcount(self.array) > array

    def writable(self) -> np.ndarray:
        """The memory, for an op that overwrites it in place; a copy takes its place if the value
        is held."""
        if self.is_held():
            self._take(self._memory)
        return self._memory

    @property
    def address(self) -> int:
        """Where the memory starts."""
        return self._memory.ctypes.data

    def numpy(self) -> Any:
        """A copy of the value."""
        array = self._value()
        return array.copy() if array.ndim else array[()]

    def __copy__(self) -> Variable:
        return self  # a copy shares the memory: an assignment to one is seen in the other

    def __format__(self, spec: str) -> str:
        return Tensor.__format__(self, spec) if spec else str(self)

    def __deepcopy__(self, memo) -> Variable:
        copied = type(self)(np.array(self.array), trainable=self.trainable, name=self.name)
        memo[id(self)] = copied
        return copied

    def __reduce__(self):
        return restore, (type(self), np.array(self.array), self.trainable, self.name)

    def __str__(self) -> str:
        return repr(self)

    def __repr__(self) -> str:
        head = (
            f"<tf.Variable '{self.name}' shape={tuple(self.array.shape)} dtype={self.array.dtype}"
        )
        return f"{head}, numpy={value_text(self.array)}>"


def restore(kind: type, value: np.ndarray, trainable: bool, name: str) -> Variable:
    """A Variable from its pickled parts."""
    return kind(value, trainable=trainable, name=name)
