"""KerasTensor: a tensor without value that remembers which layer call gave it; LayerCall: such a
call.
"""

from __future__ import annotations

import contextlib
import functools
from typing import Any

import numpy as np

from framework.engine import nest
from framework.engine.active import ACTIVE
from framework.engine.dtypes import as_dtype
from framework.engine.program import Program
from framework.engine.shapes import TensorShape
from framework.engine.tensor import Spec, Tensor

SIZES = (
    48,
    72,
)  # stand for an unknown dimension: an output dimension that differs between the two is unknown


class KerasTensor:
    """Shape (None: unknown) and dtype of a value to come; `layer_call` made it as output number
    `index`.
    """

    def __init__(self, shape: Any, dtype: Any = "float32", name: str | None = None):
        self.shape, self.dtype, self.name = TensorShape(shape), as_dtype(dtype), name
        self.layer_call: Any = None
        self.index = 0

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def __array__(self, dtype=None, copy=None):
        raise ValueError(
            f"{self!r} has no value: it stands for the input or output of a layer of a functional "
            "model"
        )

    def __bool__(self) -> bool:
        raise TypeError(f"{self!r} has no value, so it is neither true nor false")

    def __iter__(self):
        raise TypeError(f"cannot iterate over {self!r}")

    def __repr__(self) -> str:
        return f"<KerasTensor shape={tuple(self.shape)}, dtype={self.dtype.name}, name={self.name}>"


class LayerCall:
    """outputs = layer(*args, **kwargs) on KerasTensors: a line of a functional model."""

    def __init__(self, layer: Any, args: tuple, kwargs: dict, outputs: Any):
        self.layer, self.args, self.kwargs, self.outputs = layer, args, kwargs, outputs
        self.inputs = [x for x in nest.flatten([list(args), kwargs]) if isinstance(x, KerasTensor)]
        self.number = len(layer._layer_calls)
        layer._layer_calls.append(self)
        for i, out in enumerate(nest.flatten(outputs)):
            out.layer_call, out.index = self, i


class SymbolicMixin:
    """What a layer knows about its first call on KerasTensors."""

    name: str
    _layer_calls: list

    def _first_call(self) -> LayerCall:
        if not self._layer_calls:
            raise AttributeError(
                f"layer '{self.name}' was never called on a keras.Input, so it has no input or "
                "output"
            )
        return self._layer_calls[0]

    @property
    def input(self) -> Any:
        """The KerasTensors of the first symbolic call."""
        inputs = self._first_call().inputs
        return inputs[0] if len(inputs) == 1 else inputs

    @property
    def output(self) -> Any:
        """What the first symbolic call gave."""
        return self._first_call().outputs

    @property
    def input_shape(self) -> Any:
        """The shape of `input`."""
        return nest.map_structure(lambda x: tuple(x.shape), self.input)

    @property
    def output_shape(self) -> Any:
        """The shape of `output`."""
        return nest.map_structure(lambda x: tuple(x.shape), self.output)

    def compute_output_shape(self, *input_shapes: Any, **named: Any) -> Any:
        """The output's shape for inputs of these shapes (None: unknown): traces `call`."""
        dtype = getattr(self, "compute_dtype", "float32")
        args = [symbols(shape, dtype) for shape in (*input_shapes, *named.values())]
        return nest.map_structure(lambda x: tuple(x.shape), infer(self, tuple(args), {}))


def symbols(shape: Any, dtype: Any) -> Any:
    """KerasTensors for a shape or a structure of shapes."""
    if isinstance(shape, dict):
        return {k: symbols(s, dtype) for k, s in shape.items()}
    if shape and isinstance(shape[0], (list, tuple)):
        return [symbols(s, dtype) for s in shape]
    return KerasTensor(shape, dtype)


def is_symbolic(args: tuple, kwargs: dict) -> bool:
    """True if a KerasTensor is among the arguments of a call."""
    for x in (*args, *kwargs.values()):
        if isinstance(x, KerasTensor):
            return True
        if isinstance(x, (list, tuple, dict)) and any(
            isinstance(leaf, KerasTensor) for leaf in nest.flatten(x)
        ):
            return True
    return False


def call_symbolically(layer: Any, args: tuple, kwargs: dict) -> Any:
    """Build the layer, infer its output and record the call."""
    outputs = infer(layer, args, kwargs)
    LayerCall(layer, args, kwargs, outputs)
    return outputs


@contextlib.contextmanager
def abstract():
    """Within this block ops infer shapes and dtypes; nothing is computed, written, drawn or
    recorded.
    """
    trace, tapes = ACTIVE.trace, ACTIVE.tapes
    ACTIVE.trace, ACTIVE.tapes = Program(), ()
    try:
        yield ACTIVE.trace
    finally:
        ACTIVE.trace, ACTIVE.tapes = trace, tapes


def infer(layer: Any, args: tuple, kwargs: dict) -> Any:
    """The KerasTensors that layer(*args, **kwargs) gives, found by tracing the call with unknown
    dimensions filled in.
    """
    symbols = [x for x in nest.flatten([list(args), kwargs]) if is_keras(x)]
    sizes = SIZES if any(None in x.shape for x in symbols) else SIZES[:1]
    if not layer.built:
        layer._build_for(args, kwargs)  # with unknown dimensions still unknown
    results = []
    for size in sizes:
        with abstract() as program:
            given = nest.map_structure(
                functools.partial(stand_in, size=size, program=program), [list(args), kwargs]
            )
            results.append(layer(*given[0], **given[1]))
    forget_losses(layer)
    name = getattr(layer, "name", None)
    return nest.map_structure(
        lambda *ys: KerasTensor(merge(*[y.shape for y in ys]), ys[0].dtype, name), *results
    )


def is_keras(x: Any) -> bool:
    """True for KerasTensors."""
    return isinstance(x, KerasTensor)


def stand_in(x: Any, size: int, program: Program) -> Any:
    """An abstract input of `program` for a KerasTensor; other values stay."""
    if not isinstance(x, KerasTensor):
        return x
    spec: Any = Spec(
        tuple([size if n is None else n for n in tuple(x.shape)]), np.dtype(x.dtype.name)
    )
    tensor = Tensor(spec)
    program.specs[tensor.id] = spec
    return tensor


def merge(*shapes: Any) -> tuple:
    """One shape of several: None where they differ."""
    return tuple([n[0] if len(set(n)) == 1 else None for n in zip(*shapes)])


def forget_losses(layer: Any) -> None:
    """Drop what abstract calls added: it has no value."""
    for part in layer._flatten_layers():
        part._losses.clear()
