"""Input: where a functional model begins."""

from __future__ import annotations

from typing import Any

from framework.engine.dtypes import as_dtype
from framework.keras.layers.layer import Layer
from framework.keras.symbolic import KerasTensor, LayerCall


class InputLayer(Layer):
    """Holds the shape (None: unknown) and dtype of one input of a model; `output` is its
    KerasTensor.
    """

    def __init__(
        self,
        shape: tuple | None = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: tuple | None = None,
        name: str | None = None,
        optional: bool = False,
    ):
        super().__init__(name=name)
        if sparse or ragged or optional:
            raise ValueError("InputLayer: sparse, ragged and optional inputs are not there")
        if (shape is None) == (batch_shape is None):
            raise ValueError(
                f"InputLayer: wanted one of shape and batch_shape, got {shape} and {batch_shape}"
            )
        self.batch_shape = (
            tuple(batch_shape) if batch_shape is not None else (batch_size, *as_tuple(shape))
        )
        self.input_dtype = as_dtype(dtype or "float32").name
        self.built = True
        LayerCall(self, (), {}, KerasTensor(self.batch_shape, self.input_dtype, self.name))

    def call(self, *args: Any) -> Any:
        """Nothing to compute."""
        raise ValueError(f"input layer '{self.name}' cannot be called")

    @property
    def input(self) -> Any:
        """The same as `output`."""
        return self.output

    def get_config(self) -> dict:
        """batch_shape, dtype and name."""
        kept = {"sparse": False, "ragged": False, "name": self.name, "optional": False}
        return {"batch_shape": self.batch_shape, "dtype": self.input_dtype} | kept


def as_tuple(shape: Any) -> tuple:
    """A shape given as a number or a sequence."""
    return (shape,) if isinstance(shape, int) else tuple(shape)


def Input(
    shape: tuple | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    batch_shape: tuple | None = None,
    name: str | None = None,
) -> KerasTensor:
    """A KerasTensor: the input of a functional model, of shape (batch, *shape)."""
    return InputLayer(shape, batch_size, dtype, batch_shape=batch_shape, name=name).output
