"""Sequential: layers one after the other."""

from __future__ import annotations

from typing import Any

from framework.engine.errors import TraceError
from framework.engine.op import Sample
from framework.keras import configurable
from framework.keras.calls import CALLS
from framework.keras.layers.input_layer import InputLayer
from framework.keras.layers.layer import Layer
from framework.keras.layers.structure import to_shape
from framework.keras.models.inputs import match_input
from framework.keras.models.model import Model
from framework.keras.saving import objects
from framework.keras.symbolic import KerasTensor


class Sequential(Model):
    """A stack of layers: y = layer_n(... layer_1(x)).

    With a keras.Input in front it is built at once, else at the first call.
    """

    samples = (Sample(((5, 3),)),)

    def __init__(self, layers: Any = None, trainable: bool = True, name: str | None = None):
        super().__init__(trainable=trainable, name=name)
        self._stack: list[Layer] = []
        self._input: Any = None  # the KerasTensor that the stack starts with
        self._tip: Any = None  # the KerasTensor that it ends with
        for layer in (
            layers if isinstance(layers, (list, tuple)) else [] if layers is None else [layers]
        ):
            self.add(layer)

    def add(self, layer: Any) -> None:
        """Put a layer on top; a keras.Input only at the bottom."""
        if isinstance(layer, KerasTensor):
            layer = layer.layer_call.layer
        if not isinstance(layer, Layer):
            raise ValueError(f"Sequential: got {layer!r}, wanted layers")
        if any(layer.name == other.name for other in self._stack):
            raise ValueError(f"Sequential: two layers are called '{layer.name}': names must differ")
        if not self._stack and self._input is None and layer._batch_shape is not None:
            self._start(InputLayer(batch_shape=layer._batch_shape).output)
        if isinstance(layer, InputLayer):
            if self._stack or self._input is not None:
                raise ValueError(
                    f"Sequential: input '{layer.name}' must be the first and only input"
                )
            self._start(layer.output)
            return
        self._stack.append(layer)
        if self._input is not None:
            with CALLS.inside(self):
                self._tip = layer(self._tip)
            self._finish()

    def pop(self) -> Layer:
        """Take the top layer away and return it."""
        if not self._stack:
            raise ValueError(f"Sequential '{self.name}' has no layer to pop")
        layer = self._stack.pop()
        if self._input is not None:
            self._tip = layer._layer_calls[-1].inputs[0]
        return layer

    def _start(self, tensor: KerasTensor) -> None:
        self._input = self._tip = tensor

    def _finish(self) -> None:
        self._path = self._path_now()
        self._build_config = {"input_shape": tuple(self._input.shape)}
        self.built = True

    def _path_now(self) -> str:
        return self.__dict__.get("_path") or "/".join([*CALLS.path(), self.name])

    def build(self, input_shape: Any = None) -> None:
        """Build all layers for inputs of that shape."""
        if self._input is not None or input_shape is None:
            return
        if not self._stack:
            raise ValueError(
                f"Sequential '{self.name}' has no layers: add() some before it is called"
            )
        shape = to_shape(input_shape)
        try:
            x = start = InputLayer(
                batch_shape=(None, *shape[1:]), dtype=self._stack[0].compute_dtype
            ).output
            for layer in self._stack:
                x = layer(x)
        except TraceError:
            return  # a layer's call looks at values: its shapes are known when it runs
        self._input, self._tip = start, x
        self._build_config = {"input_shape": tuple(start.shape)}

    def call(self, inputs: Any, training: Any = None, mask: None = None) -> Any:
        """The layers in turn."""
        x = match_input(self, inputs, self._input) if self._input is not None else inputs
        for layer in self._stack:
            x = layer(x)
        return x

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the input."""
        return list(self._stack)

    @property
    def inputs(self) -> Any:  # type: ignore[override]
        """The input's KerasTensor in a list; None before it is known."""
        return None if self._input is None else [self._input]

    @property
    def outputs(self) -> Any:  # type: ignore[override]
        """The output's KerasTensor in a list; None before it is known."""
        return None if self._input is None else [self._tip]

    @property
    def input(self) -> KerasTensor:
        """The input's KerasTensor."""
        return self._known()._input

    @property
    def output(self) -> KerasTensor:
        """The output's KerasTensor."""
        return self._known()._tip

    def _known(self) -> Sequential:
        if self._input is None:
            raise AttributeError(
                f"Sequential '{self.name}' has no input or output before it is built"
            )
        return self

    def get_config(self) -> dict:
        """name, trainable, dtype and the layers."""
        policy = configurable.serialize_object(self.dtype_policy)
        layers = [
            *([self._input.layer_call.layer] if self._input is not None else []),
            *self._stack,
        ]
        config = {"name": self.name, "trainable": self.trainable, "dtype": policy}
        config["layers"] = [objects.serialize_keras_object(layer) for layer in layers]
        return config | (
            {} if self._input is None else {"build_input_shape": tuple(self._input.shape)}
        )

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> Sequential:
        """The model whose get_config gave `config`."""
        model = cls(name=config.get("name"))
        for layer in config["layers"]:
            model.add(configurable.deserialize(layer, "layer", custom_objects))
        shape = config.get("build_input_shape")
        if shape is not None and not model.built and model._stack:
            model.build(to_shape(shape))
        if not config.get("trainable", True):
            model.trainable = False
        return model
