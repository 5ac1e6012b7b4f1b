"""Tracking: the Variables and layers that belong to a layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from framework.engine.awaiting import WAITING, settle
from framework.engine.machine import check_fits
from framework.engine.random import SeedGenerator
from framework.keras import configurable
from framework.keras.calls import CALLS
from framework.keras.layers.structure import leaves
from framework.keras.variable import Variable

# Containers among a layer's attributes that hold no parts of it.
UNTRACKED = {"_found", "_losses", "_layer_calls", "_build_config", "_given", "_loss_tracker"}
UNTRACKED |= {"_compiled_loss", "_compiled_metrics", "_batch_runners", "_own_logs"}
UNTRACKED |= {"_known_predictors", "_rnn_states"}
CHANGES = [0]  # how often an attribute that may hold parts was set, on any layer
RULES = ("initializer", "regularizer", "constraint")


class NoVariables(list):
    """The variables of a layer that is not built: an empty list that knows its layer, so that a
    tape can explain.
    """

    def __init__(self, layer: Any):
        super().__init__()
        self.layer = layer


class Tracking:
    """What a layer knows of its weights: Variables and layers among its attributes, or in lists and
    dicts that are.
    """

    built: bool
    path: str
    variable_dtype: str
    _trainable: bool

    def add_weight(
        self,
        shape: tuple | None = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str = "none",
        name: str | None = None,
    ) -> Variable:
        """A new Variable of this layer; floats start as glorot_uniform, others as zeros."""
        shape = () if shape is None else tuple(shape)
        if None in shape:
            raise ValueError(
                f"layer '{self.path}': weight {name!r} of shape {shape} has an unknown dimension"
            )
        dtype = dtype or self.variable_dtype
        check_fits(f"layer '{self.path}': weight {name!r}", shape, str(dtype))
        default = "glorot_uniform" if np.dtype(str(dtype)).kind == "f" else "zeros"
        draw = configurable.get("initializer", initializer or default)
        with CALLS.inside(self):
            weight = Variable(draw, shape, dtype, trainable, autocast, aggregation, name)
        weight.regularizer = configurable.get("regularizer", regularizer)
        weight.constraint = configurable.get("constraint", constraint)
        return weight

    def take_rules(self, arguments: dict[str, Any]) -> None:
        """Of a constructor's arguments (its locals()), every x_initializer, x_regularizer and
        x_constraint becomes an attribute: the rules of the weight x.
        """
        for name, value in arguments.items():
            kind = name.rpartition("_")[2]
            if kind in RULES and name != "activity_regularizer":
                setattr(self, name, configurable.get(kind, value))

    def ruled_weight(
        self, name: str, shape: tuple, trainable: bool = True, rules: str | None = None
    ) -> Variable:
        """A new Variable by the rules that take_rules kept for `rules`, or else for its name."""
        kept: dict[str, Any] = {k: getattr(self, f"{rules or name}_{k}", None) for k in RULES}
        return self.add_weight(shape, trainable=trainable, name=name, **kept)

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, PARTS):
            CHANGES[0] += 1
        object.__setattr__(self, name, value)
        if WAITING and isinstance(value, PARTS):
            settle()

    def _remember(self, key: str, search: Callable[[], Iterable[Any]]) -> list[Any]:
        """What `search` finds; looked for again when an attribute of a layer or one of the lists
        and dicts in them has changed.
        """
        found = self.__dict__.setdefault("_found", {})
        known = found.get(key)
        if known and known[0] == CHANGES[0] and all([ids(c) == was for c, was in known[1]]):
            return known[2]
        result = list(search())
        layers = [self] if key == "own layers" else self._flatten_layers()
        held = [(c, ids(c)) for layer in layers for c in layer._containers()]
        found[key] = CHANGES[0], held, result
        return result

    def _containers(self) -> Iterator[Any]:
        """The lists and dicts among the attributes, and those in them."""
        todo = [v for name, v in vars(self).items() if name not in UNTRACKED]
        while todo:
            value = todo.pop()
            if isinstance(value, (list, tuple, dict)):
                yield value
                todo += value.values() if isinstance(value, dict) else value

    def _own(self, kind: type) -> Iterator[Any]:
        """Variables or Layers among the attributes, also in lists and dicts, each once."""
        seen = set()
        for name, value in vars(self).items():
            if isinstance(value, (kind, list, tuple, dict)) and name not in UNTRACKED:
                for leaf in leaves(value):
                    if isinstance(leaf, kind) and id(leaf) not in seen and leaf is not self:
                        seen.add(id(leaf))
                        yield leaf

    @property
    def _layers(self) -> list[Any]:
        return self._remember("own layers", lambda: self._own(Tracking))

    def _flatten_layers(self) -> Iterator[Any]:
        """This layer and all below it, each once."""
        seen, todo = set(), [self]
        while todo:
            layer = todo.pop(0)
            if id(layer) not in seen:
                seen.add(id(layer))
                yield layer
                todo = layer._layers + todo

    @property
    def weights(self) -> list[Variable]:
        """The Variables of the layer and of those below: its own trainable ones, its others, then
        theirs.
        """
        unique = list(self._remember("weights", self._find_weights))
        return unique if unique or self.built else NoVariables(self)

    def _find_weights(self) -> list[Variable]:
        own = list(self._own(Variable))
        found = [v for v in own if v.made_trainable] + [v for v in own if not v.made_trainable]
        for layer in self._layers:
            found += layer.weights
        return list({id(v): v for v in found}.values())

    @property
    def variables(self) -> list[Any]:
        """The weights, and the states of the seed generators."""
        generators = [g for layer in self._flatten_layers() for g in layer._own(SeedGenerator)]
        return self.weights + [g.state for g in generators] if generators else self.weights

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that training changes."""
        weights = self.weights
        return [v for v in weights if v.trainable and self._trainable] if weights else weights

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that training leaves alone."""
        weights = self.weights
        return [v for v in weights if not (v.trainable and self._trainable)] if weights else weights

    @property
    def trainable_variables(self) -> list[Variable]:
        """The same as `trainable_weights`."""
        return self.trainable_weights

    @property
    def non_trainable_variables(self) -> list[Any]:
        """The variables that training leaves alone."""
        trained = {id(v) for v in self.trainable_weights}
        variables = self.variables
        return [v for v in variables if id(v) not in trained] if variables else variables

    @property
    def trainable(self) -> bool:
        """False freezes the weights of the layer and of all below."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for v in self._own(Variable):
            v.trainable = self._trainable and v.made_trainable
        for layer in self._layers:
            layer.trainable = value

    def get_weights(self) -> list[np.ndarray]:
        """Copies of the weights' values."""
        return [np.array(v.array) for v in self.weights]

    def set_weights(self, weights: list) -> None:
        """Assign values, in the order of `weights`."""
        mine = self.weights
        if len(mine) != len(weights):
            raise ValueError(
                f"layer '{self.path}': set_weights got {len(weights)} arrays, wanted {len(mine)}"
            )
        for v, value in zip(mine, weights):
            array = np.asarray(value)
            if array.shape != v.array.shape:
                raise ValueError(
                    f"layer '{self.path}': weight {v.path} got shape {array.shape}, wanted "
                    f"{tuple(v.shape)}"
                )
            v.assign(array.astype(v.array.dtype, copy=False))

    def count_params(self) -> int:
        """The number of numbers in the weights."""
        return sum(v.array.size for v in self.weights)


PARTS = (Tracking, Variable, SeedGenerator, list, tuple, dict)


def ids(container: Any) -> list[int]:
    """What is in a list or dict, by identity."""
    return [id(x) for x in (container.values() if isinstance(container, dict) else container)]
