"""Wrapper: the base of layers around a layer."""

from __future__ import annotations

from typing import Any

from framework.keras import configurable
from framework.keras.layers.layer import Layer


class Wrapper(Layer):
    """Base of TimeDistributed and of layers of users that hold one layer, as `self.layer`."""

    def __init__(self, layer: Any, **kwargs: Any):
        if not isinstance(layer, Layer):
            raise ValueError(
                f"Layer {layer} supplied to Wrapper isn't a supported layer type. Please ensure "
                "wrapped layer is a valid Keras layer."
            )
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape: Any = None) -> None:
        """Builds the layer inside."""
        if not self.layer.built:
            self.layer.build(input_shape)

    @classmethod
    def from_config(cls, config: dict) -> Any:
        """The layer whose get_config gave `config`."""
        return cls(**(config | {"layer": configurable.deserialize(config["layer"], "layer")}))
