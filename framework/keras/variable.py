"""keras.Variable: an engine Variable with a path."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.engine import variable
from framework.keras.calls import CALLS
from framework.keras.naming import unique_name


class Variable(variable.Variable):
    """A value that may be assigned: Variable(initializer, shape=None, dtype=None, trainable=True,
    name=None).

    initializer: a value, or a function (shape, dtype=...) -> value. path: the names of the layers
    around it and its own, e.g. "sequential/dense/kernel". aggregation: how ranks combine it
    ("none", "sum", "mean").
    """

    def __init__(
        self,
        initializer: Any,
        shape: tuple | None = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str = "none",
        name: str | None = None,
    ):
        if callable(initializer):
            if shape is None:
                raise ValueError(
                    f"Variable: initializer {initializer!r} is a function, so a shape is wanted"
                )
            draw, dims, dtype = initializer, tuple(shape), dtype or "float32"
            initializer, shape = (lambda: draw(dims, dtype=dtype)), None
        elif dtype == "int":
            dtype = "int64"
        super().__init__(initializer, trainable=trainable, dtype=dtype, shape=shape)
        self.name = name or unique_name("variable")
        self.path = "/".join([*CALLS.path(), self.name])
        self.autocast, self.aggregation = autocast, aggregation
        self.made_trainable = bool(trainable)  # what it goes back to when a frozen layer is thawed
        self.regularizer: Any = None
        self.constraint: Any = None

    def _by_operator(self, other: Any) -> Any:
        """v += x makes a tensor of v, as in Keras; tf.Variable refuses it."""
        return NotImplemented

    __iadd__ = __isub__ = __imul__ = __itruediv__ = __ipow__ = _by_operator

    @property
    def value(self) -> Variable:
        """The variable itself: it is a tensor."""
        return self

    def __repr__(self) -> str:
        text = np.array2string(self.array, separator=" ", threshold=20)
        head = f"<Variable path={self.path}, shape={tuple(self.array.shape)}"
        return f"{head}, dtype={self.array.dtype}, value={text}>"
