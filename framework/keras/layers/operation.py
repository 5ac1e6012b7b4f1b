"""Operators on KerasTensors: x + y in a functional model calls the layer Operation("add")."""

from __future__ import annotations

import operator
from typing import Any

from framework.keras.layers.layer import Layer
from framework.keras.naming import unique_name
from framework.keras.symbolic import KerasTensor

BINARY = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "true_divide",
    "pow": "power",
    "matmul": "matmul",
}
UNARY = {"neg": "negative", "abs": "absolute"}
WORDS = BINARY | UNARY | {"getitem": "get_item"}


class Operation(Layer):
    """function(*inputs), named as in Python's module operator: add, mul, neg, getitem ..."""

    is_shapeless = takes_values = True

    def __init__(self, function: str, name: str | None = None, **kwargs: Any):
        if function not in WORDS:
            raise ValueError(f"Operation: got {function!r}, wanted one of {', '.join(WORDS)}")
        super().__init__(name=name or unique_name(WORDS[function]), **kwargs)
        self.function, self.built = function, True

    def call(self, *inputs: Any) -> Any:
        """The operator applied to the inputs."""
        return getattr(operator, self.function)(*inputs)


def binary(function: str) -> tuple[Any, Any]:
    """x . y and its reflected form."""

    def forward(x, y):
        return Operation(function)(x, y)

    def reflected(x, y):
        return Operation(function)(y, x)

    return forward, reflected


for word in BINARY:
    straight, swapped = binary(word)
    setattr(KerasTensor, f"__{word}__", straight)
    setattr(KerasTensor, f"__r{word}__", swapped)
for word in UNARY:
    setattr(KerasTensor, f"__{word}__", lambda x, word=word: Operation(word)(x))
setattr(KerasTensor, "__getitem__", binary("getitem")[0])  # noqa: B010
