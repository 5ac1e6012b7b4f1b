"""Bidirectional: a recurrent layer from the first step on and one from the last one on."""

from __future__ import annotations

from typing import Any

from framework.engine import ops
from framework.keras import configurable
from framework.keras.layers.layer import Layer

MERGES = ("sum", "mul", "ave", "concat", None)


class Bidirectional(Layer):
    """y = what merge_mode makes of layer(x) and of backward_layer(x), whose outputs are turned
    around; None gives both.

    x (batch, t, n). layer: a recurrent layer, of which a fresh copy is made; backward_layer: one
    that goes backwards, else a copy of `layer` that does. return_state: the states of both follow.
    """

    takes_floats = True

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: None = None,
        backward_layer: Any = None,
        **kwargs: Any,
    ):
        check_layers(layer, backward_layer)
        if merge_mode not in MERGES:
            raise ValueError(
                f"Invalid merge mode. Received: {merge_mode}. Merge mode should be one of "
                '{"sum", "mul", "ave", "concat", None}'
            )
        if weights is not None:
            raise NotImplementedError("Bidirectional: weights: call set_weights on the built layer")
        super().__init__(**kwargs)
        self.forward_layer = copy_of(layer, "forward_")
        self.backward_layer = backward_layer
        if backward_layer is None:
            self.backward_layer = copy_of(layer, "backward_", go_backwards=True)
        for inner in (self.forward_layer, self.backward_layer):
            if hasattr(layer, "use_cudnn"):
                inner.use_cudnn = layer.use_cudnn
            if getattr(inner, "zero_output_for_mask", None) is not None:
                inner.zero_output_for_mask = inner.return_sequences
        check_agree(self.forward_layer, self.backward_layer)
        self.merge_mode, self.stateful = merge_mode, layer.stateful
        self.return_sequences, self.return_state = layer.return_sequences, layer.return_state
        self.input_spec = layer.input_spec

    def build(self, sequences_shape: tuple, initial_state_shape: Any = None) -> None:
        """Builds both layers."""
        for inner in (self.forward_layer, self.backward_layer):
            if not inner.built:
                inner.build(sequences_shape)

    def call(
        self, sequences: Any, initial_state: Any = None, mask: Any = None, training: Any = None
    ) -> Any:
        """The merged output, or (output, *states). mask: of the steps, for both layers."""
        first = last = None
        if initial_state is not None:
            half = len(initial_state) // 2
            first, last = initial_state[:half], initial_state[half:]
        options = {"training": training, "mask": mask}
        y = self.forward_layer(sequences, initial_state=first, **options)
        z = self.backward_layer(sequences, initial_state=last, **options)
        states: tuple = ()
        if self.return_state:
            states, y, z = (*y[1:], *z[1:]), y[0], z[0]
        if self.return_sequences:
            z = ops.flip(z, axis=1)
        merged = self._merged(y, z)
        if not self.return_state:
            return merged
        return (*merged, *states) if self.merge_mode is None else (merged, *states)

    def _merged(self, y: Any, z: Any) -> Any:
        if self.merge_mode == "concat":
            return ops.concatenate((y, z), axis=-1)
        if self.merge_mode == "sum":
            return y + z
        if self.merge_mode == "ave":
            return (y + z) / 2.0
        return y * z if self.merge_mode == "mul" else (y, z)

    def reset_state(self) -> None:
        """The states of a stateful layer become zeros."""
        if not self.stateful:
            raise AttributeError("Layer must be stateful.")
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    reset_states = reset_state

    @property
    def states(self) -> tuple | None:
        """The states of both layers; None before they are built."""
        if self.forward_layer.states and self.backward_layer.states:
            return tuple(self.forward_layer.states + self.backward_layer.states)
        return None

    def get_config(self) -> dict:
        """The constructor's arguments that Keras writes."""
        config = super().get_config()
        del config["weights"]
        return config | {
            "layer": configurable.serialize(self.forward_layer),
            "backward_layer": configurable.serialize(self.backward_layer),
        }

    @classmethod
    def from_config(cls, config: dict) -> Any:
        """The layer whose get_config gave `config`."""
        names = [name for name in ("layer", "backward_layer") if config.get(name) is not None]
        made = {name: configurable.deserialize(config[name], "layer") for name in names}
        return cls(**(config | made))


def copy_of(layer: Any, prefix: str, **changes: Any) -> Any:
    """A layer like this one, not built, under its name with the prefix."""
    name = prefix + layer.name.removeprefix(prefix)
    return type(layer).from_config(layer.get_config() | {"name": name} | changes)


def check_layers(layer: Any, backward_layer: Any) -> None:
    """ValueError, in Keras' words, unless both are layers."""
    if not isinstance(layer, Layer):
        raise ValueError(
            "Please initialize `Bidirectional` layer with a `keras.layers.Layer` instance. "
            f"Received: {layer}"
        )
    if backward_layer is not None and not isinstance(backward_layer, Layer):
        raise ValueError(
            "`backward_layer` need to be a `keras.layers.Layer` instance. Received: "
            f"{backward_layer}"
        )


def check_agree(forward: Any, backward: Any) -> None:
    """ValueError, in Keras' words, unless both layers fit together."""
    if forward.go_backwards == backward.go_backwards:
        raise ValueError(
            "Forward layer and backward layer should have different `go_backwards` value. "
            f"Received: forward_layer.go_backwards {forward.go_backwards}, "
            f"backward_layer.go_backwards={backward.go_backwards}"
        )
    for name in ("stateful", "return_sequences", "return_state"):
        first, second = getattr(forward, name), getattr(backward, name)
        if first != second:
            raise ValueError(
                "Forward layer and backward layer are expected to have the same value for "
                f'attribute "{name}", got "{first}" for forward layer and "{second}" for backward '
                "layer"
            )
