"""Functional: a model given by its inputs and outputs; a list of layer calls that is run again."""

from __future__ import annotations

from typing import Any

from framework.engine import nest
from framework.keras import configurable
from framework.keras.calls import CALLS
from framework.keras.layers.input_layer import InputLayer
from framework.keras.layers.layer import Layer
from framework.keras.models.inputs import in_order, match_input
from framework.keras.models.model import Model
from framework.keras.saving import objects
from framework.keras.symbolic import KerasTensor, LayerCall


class Functional(Model):
    """outputs as a function of inputs, both KerasTensors or lists or dicts of them:
    keras.Model(inputs, outputs).
    """

    def __init__(
        self,
        inputs: Any,
        outputs: Any,
        name: str | None = None,
        trainable: bool = True,
        **kwargs: Any,
    ):
        super(Model, self).__init__(name=name, trainable=trainable, **kwargs)
        self._input_structure, self._output_structure = inputs, outputs
        self._inputs, self._outputs = nest.flatten(inputs), nest.flatten(outputs)
        for x in self._inputs + self._outputs:
            if not isinstance(x, KerasTensor):
                raise ValueError(
                    f"Model: got {x!r}, wanted KerasTensors: start from keras.Input and call "
                    "layers on it"
                )
        self._calls, self._layer_list = calls_between(self._inputs, self._outputs)
        names = [layer.name for layer in self._layer_list]
        twice = {n for n in names if names.count(n) > 1}
        if twice:
            raise ValueError(f"Model: two layers are called '{twice.pop()}': names must differ")
        self._path = "/".join([*CALLS.path(), self.name])
        self._build_config = {"input_shape": None}
        self.built = True
        if not trainable:
            self.trainable = False

    def call(self, inputs: Any, training: Any = None, mask: None = None) -> Any:
        """The layer calls in order."""
        given = in_order(self, inputs)
        known = {id(k): match_input(self, x, k) for k, x in zip(self._inputs, given)}

        def value(x):
            return known[id(x)] if isinstance(x, KerasTensor) else x

        for line in self._calls:
            args = nest.map_structure(value, list(line.args))
            kwargs = {k: nest.map_structure(value, v) for k, v in line.kwargs.items()}
            results = line.layer(*args, **kwargs)
            known.update(zip(map(id, nest.flatten(line.outputs)), nest.flatten(results)))
        return nest.map_structure(value, self._output_structure)

    @property
    def layers(self) -> list[Layer]:
        """The layers from the inputs to the outputs."""
        return list(self._layer_list)

    @property
    def inputs(self) -> list:  # type: ignore[override]
        """The KerasTensors of the inputs."""
        return self._inputs

    @property
    def outputs(self) -> list:  # type: ignore[override]
        """The KerasTensors of the outputs."""
        return self._outputs

    @property
    def input(self) -> Any:
        """The inputs as they were given."""
        return self._input_structure

    @property
    def output(self) -> Any:
        """The outputs as they were given."""
        return self._output_structure

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs."""
        return [x.name for x in self._inputs]

    @property
    def output_names(self) -> list[str]:
        """The names of the layers that give the outputs."""
        return [x.layer_call.layer.name for x in self._outputs]

    def get_config(self) -> dict:
        """name, trainable, the layers with their calls, the inputs and outputs."""
        mine = {id(line) for line in self._calls} | {id(x.layer_call) for x in self._inputs}
        layers = []
        for layer in self._layer_list:
            lines = [
                line
                for line in layer._layer_calls
                if id(line) in mine and not isinstance(layer, InputLayer)
            ]
            saved = objects.serialize_keras_object(layer)
            layers.append(
                saved | {"name": layer.name, "inbound_nodes": [call_config(c, mine) for c in lines]}
            )
        return {
            "name": self.name,
            "trainable": self.trainable,
            "layers": layers,
            "input_layers": nest.map_structure(lambda x: history(x, mine), self._input_structure),
            "output_layers": nest.map_structure(lambda x: history(x, mine), self._output_structure),
        }

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> Model:
        """The model whose get_config gave `config`; a plain one if the class has its own inputs."""
        takes_ends = cls.__init__ in (Model.__init__, Functional.__init__)
        return (cls if takes_ends else Model)(
            *ends_from_config(config, custom_objects),
            name=config.get("name"),
            trainable=config.get("trainable", True),
        )


def ends_from_config(config: dict, custom_objects: dict | None) -> list:
    """The inputs and outputs of the model whose get_config gave `config`."""
    layers = {
        c["name"]: configurable.deserialize(c, "layer", custom_objects) for c in config["layers"]
    }
    made: dict[tuple, Any] = {}
    todo = []
    for c in config["layers"]:
        if isinstance(layers[c["name"]], InputLayer):
            made[c["name"], 0] = [layers[c["name"]].output]
        todo += [(c["name"], i, call) for i, call in enumerate(c.get("inbound_nodes", []))]
    while todo:
        ready = [t for t in todo if all((h[0], h[1]) in made for h in histories(t[2]))]
        if not ready:
            raise ValueError(
                f"Functional.from_config: the calls of {sorted({t[0] for t in todo})} have no "
                "inputs"
            )
        for name, i, call in ready:
            args, kwargs = (
                revive(call.get(key, empty), made) for key, empty in (("args", []), ("kwargs", {}))
            )
            made[name, i] = nest.flatten(layers[name](*args, **kwargs))
        todo = [t for t in todo if t not in ready]
    return [tensors_at(config[key], made) for key in ("input_layers", "output_layers")]


def calls_between(inputs: list, outputs: list) -> tuple[list[LayerCall], list[Layer]]:
    """The calls that lead from inputs to outputs in an order to run them, and their layers in
    Keras' order.
    """
    starts = {id(x) for x in inputs}
    ordered: list[LayerCall] = []
    seen: list[Layer] = []
    done, under_way = set(), set()

    def visit(tensor: KerasTensor) -> None:
        line = tensor.layer_call
        if line is None or id(line) in done:
            return
        if id(line) in under_way:
            raise ValueError(f"Model: the calls of layer '{line.layer.name}' go round in a circle")
        under_way.add(id(line))
        if not any(line.layer is s for s in seen):
            seen.append(line.layer)
        if id(tensor) not in starts:
            if isinstance(line.layer, InputLayer):
                raise ValueError(
                    f"Model: the outputs need input '{line.layer.name}', which is not among the "
                    "inputs"
                )
            for x in line.inputs:
                visit(x)
            ordered.append(line)
        done.add(id(line))

    for x in outputs:
        visit(x)
    for x in inputs:
        if x.layer_call is not None and not any(x.layer_call.layer is s for s in seen):
            seen.append(x.layer_call.layer)
    return ordered, by_depth(ordered, seen)


def by_depth(ordered: list[LayerCall], seen: list[Layer]) -> list[Layer]:
    """Layers farthest from the outputs first; at one depth in the order in which they were met."""
    depth = {id(layer): 0 for layer in seen}
    for line in reversed(ordered):
        for x in line.inputs:
            if x.layer_call is not None:
                key = id(x.layer_call.layer)
                depth[key] = max(depth.get(key, 0), depth[id(line.layer)] + 1)
    return sorted(seen, key=lambda layer: -depth[id(layer)])


def history(x: KerasTensor, mine: set) -> list:
    """[layer name, number of the call within the model, number of the output]"""
    line = x.layer_call
    own = [c for c in line.layer._layer_calls if id(c) in mine]
    return [line.layer.name, next(i for i, c in enumerate(own) if c is line), x.index]


def call_config(line: LayerCall, mine: set) -> dict:
    """A call as Keras writes it: its arguments, KerasTensors by their history."""

    def saved(x):
        if not isinstance(x, KerasTensor):
            return configurable.serialize(x)
        inner = {"shape": tuple(x.shape), "dtype": x.dtype.name, "keras_history": history(x, mine)}
        return {"class_name": "__keras_tensor__", "config": inner}

    no_mask = {"mask": None} if isinstance(line.layer, Model) else {}  # Keras notes it for models
    return {
        "args": nest.map_structure(saved, list(line.args)),
        "kwargs": no_mask | {k: nest.map_structure(saved, v) for k, v in line.kwargs.items()},
    }


def histories(call: Any) -> list:
    """The histories of all KerasTensors in a call's config."""
    if isinstance(call, dict):
        if call.get("class_name") == "__keras_tensor__":
            return [call["config"]["keras_history"]]
        return [h for part in call.values() for h in histories(part)]
    return [h for part in call for h in histories(part)] if isinstance(call, (list, tuple)) else []


def revive(value: Any, made: dict) -> Any:
    """An argument of a call from its config."""
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            name, number, index = value["config"]["keras_history"]
            return made[name, number][index]
        return (
            configurable.deserialize(value)
            if "class_name" in value
            else {k: revive(v, made) for k, v in value.items()}
        )
    return [revive(v, made) for v in value] if isinstance(value, (list, tuple)) else value


def tensors_at(places: Any, made: dict) -> Any:
    """The KerasTensors at one [name, call, output], or at a structure of them."""
    if isinstance(places, dict):
        return {k: tensors_at(p, made) for k, p in places.items()}
    if len(places) == 3 and isinstance(places[0], str):
        return made[places[0], places[1]][places[2]]
    return [tensors_at(p, made) for p in places]
