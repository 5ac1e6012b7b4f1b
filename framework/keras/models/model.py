"""Model: a Layer that can be trained and saved."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable
from typing import Any

from framework.engine.spelling import suggest
from framework.keras import configurable
from framework.keras.configurable import REGISTRIES, Given
from framework.keras.layers.layer import Layer
from framework.keras.layers.structure import to_shape
from framework.keras.models.summary import summary_lines
from framework.keras.saving import archive, objects, weights
from framework.keras.symbolic import infer, is_symbolic, symbols
from framework.keras.training.trainer import Trainer


class Model(Trainer, Layer, kind="model"):
    """Base of models: Model(inputs, outputs) of KerasTensors is functional; or subclass and write
    `call(x)`.
    """

    inputs: Any = None
    outputs: Any = None

    def __init__(self, *args: Any, **kwargs: Any):
        functional = REGISTRIES["model"]["Functional"]
        given = (*args, *[kwargs[k] for k in ("inputs", "outputs") if k in kwargs])
        if given and is_symbolic(given, {}):
            self.__class__ = (
                functional if type(self) is Model else with_functional(type(self), functional)
            )
            functional.__init__(self, *args, **kwargs)
            return
        if args:
            raise TypeError(
                f"{type(self).__name__}: got {args[0]!r}, wanted KerasTensors (see keras.Input) "
                "or keywords"
            )
        super().__init__(**kwargs)

    def build(self, input_shape: Any = None) -> None:
        """Build all layers for inputs of that shape, by tracing `call`."""
        if input_shape is not None and not self.__dict__.get("_is_called"):
            infer(self, (symbols(to_shape(input_shape), self.compute_dtype),), {})

    def _build_for(self, args: tuple, kwargs: dict) -> None:
        """A call is under way: it builds the layers itself."""
        self._is_called = True
        try:
            super()._build_for(args, kwargs)
        finally:
            self._is_called = False

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The outputs for inputs; written by subclasses."""
        raise NotImplementedError(f"model {type(self).__name__} has no `call` method")

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> Any:
        """The model whose get_config gave `config`: also one of inputs and outputs."""
        if cls.__init__ is Model.__init__ and {"layers", "input_layers"} <= config.keys():
            functional = REGISTRIES["model"]["Functional"]
            return functional.from_config.__func__(cls, config, custom_objects)
        return super().from_config(config)

    @property
    def layers(self) -> list[Layer]:
        """The layers of the model, not those inside of them."""
        return self._layers

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of that name, or with that index in `layers`."""
        if (name is None) == (index is None):
            raise ValueError(f"get_layer: wanted one of name and index, got {name!r} and {index!r}")
        if name is None and index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise ValueError(
                    f"get_layer: index is {index}, model '{self.name}' has {len(self.layers)} "
                    "layers"
                )
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ValueError(
            f"model '{self.name}' has no layer "
            f"{name!r}{suggest(str(name), [x.name for x in self.layers])}"
        )

    def summary(
        self,
        line_length: int | None = None,
        positions: list | None = None,
        print_fn: Callable | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: list | None = None,
    ) -> None:
        """Print a table of the layers with output shapes and weight counts."""
        options = {
            "positions": positions,
            "expand_nested": expand_nested,
            "show_trainable": show_trainable,
        }
        lines = summary_lines(self, line_length, layer_range=layer_range, **options)
        (print_fn or print)("\n".join(lines))

    def save_weights(self, filepath: Any, overwrite: bool = True) -> None:
        """Write all weights, and the optimizer's states, to a .safetensors or .weights.h5 file.

        Under a launcher every rank may call this: rank 0 writes, and nobody waits for it.
        """
        weights.save(self, filepath, overwrite)

    def load_weights(self, filepath: Any) -> None:
        """Read what save_weights wrote; .weights.h5 files of Keras 3, too.

        The optimizer takes its states only if it is built and of the class that they were saved
        from; to go on with a training, `optimizer.build(model.trainable_variables)` before.
        """
        weights.load(self, filepath)

    def to_json(self, **kwargs: Any) -> str:
        """The architecture, without weights, as Keras' JSON."""
        return json.dumps(objects.serialize_keras_object(self), **kwargs)

    def save(self, filepath: Any, overwrite: bool = True) -> None:
        """Write architecture, weights, optimizer and compile arguments to a .keras file; on rank 0
        (see save_weights).
        """
        archive.save_model(self, filepath, overwrite)

    @functools.wraps(Trainer.compile)
    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Trainer.compile, whose arguments are kept for files."""
        super().compile(*args, **kwargs)
        bound = inspect.signature(Trainer.compile).bind(self, *args, **kwargs)
        bound.apply_defaults()
        self._compile_given = Given((), {k: v for k, v in bound.arguments.items() if k != "self"})

    def get_compile_config(self) -> dict | None:
        """The arguments of compile(), serialised; None before it."""
        given = self.__dict__.get("_compile_given")
        if given is None:
            return None
        config = {"steps_per_execution": 1, **configurable.serialize(given.kwargs)}
        return config | {"optimizer": configurable.serialize(self.optimizer)}

    def compile_from_config(self, config: dict) -> None:
        """compile() with what get_compile_config gave."""
        known = inspect.signature(Trainer.compile).parameters
        config = {k: v for k, v in config.items() if k in known and k != "optimizer"} | {
            "optimizer": configurable.deserialize(config["optimizer"], "optimizer")
        }
        kinds = {"loss": "loss", "metrics": "metric", "weighted_metrics": "metric"}
        made = {k: configurable.deserialize(v, kinds.get(k)) for k, v in config.items()}
        self.compile(**made)
        if self.built:
            self.optimizer.build(self.trainable_variables)


def with_functional(cls: type, functional: type) -> type:
    """A subclass of Model that was given inputs and outputs: the same class, with Functional behind
    it.
    """
    return type(
        cls.__name__, (cls, functional), {"__module__": cls.__module__, "__doc__": cls.__doc__}
    )
