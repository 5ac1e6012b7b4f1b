"""RecurrentCell: what the cells of recurrent layers share."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from framework.engine import ops
from framework.engine.random import SeedGenerator
from framework.engine.tensor import Tensor
from framework.keras import activations
from framework.keras.layers.layer import Layer
from framework.keras.step import shard


class RecurrentCell(Layer, register=False):
    """Base of the cells: one time step, call(inputs, states, training=False) -> (output, states).

    kernel (n, gates units) for inputs (batch, n), recurrent_kernel (units, gates units), bias.
    """

    bias_initializer: Any
    bias_regularizer: Any
    bias_constraint: Any

    gates: ClassVar[int] = 1
    takes_floats = True
    implementation = 2
    recurrent_activation: Any = None

    def take(self, arguments: dict[str, Any]) -> None:
        """The constructor's arguments (its locals()) as attributes, as Keras checks them."""
        units = arguments["units"]
        if units <= 0:
            raise ValueError(
                "Received an invalid value for argument `units`, expected a positive integer, got "
                f"{units}."
            )
        self.units, self.use_bias = units, arguments["use_bias"]
        self.activation = activations.get(arguments["activation"])
        self.take_rules(arguments)
        self.dropout = min(1.0, max(0.0, arguments["dropout"]))
        self.recurrent_dropout = min(1.0, max(0.0, arguments["recurrent_dropout"]))
        self.seed = arguments["seed"]
        self.seed_generator = SeedGenerator(self.seed)
        self.state_size: Any = units
        self.output_size = units

    def take_gates(self, arguments: dict[str, Any], implementation: int) -> None:
        """The arguments that only cells with gates have. implementation 1: each gate drops inputs
        by choices of its own."""
        if implementation not in (1, 2):
            raise ValueError(
                f"{type(self).__name__}: implementation is {implementation!r}, wanted 1 or 2"
            )
        self.recurrent_activation = activations.get(arguments["recurrent_activation"])
        self.implementation = 1 if self.recurrent_dropout else implementation

    def build(self, input_shape: tuple) -> None:
        """The weights for inputs (batch, n)."""
        width = self.gates * self.units
        self.kernel = self.ruled_weight("kernel", (input_shape[-1], width))
        self.recurrent_kernel = self.ruled_weight(
            "recurrent_kernel", (self.units, width), rules="recurrent"
        )
        self.bias = self.make_bias() if self.use_bias else None

    def make_bias(self) -> Any:
        """bias (gates units,)"""
        return self.ruled_weight("bias", (self.gates * self.units,))

    def get_initial_state(self, batch_size: int | None = None) -> list[Tensor]:
        """Zeros (batch_size, n) for each state."""
        sizes = self.state_size if isinstance(self.state_size, list) else [self.state_size]
        return [initial_state(batch_size, n, self.compute_dtype) for n in sizes]

    # Dropout: choices that all time steps of a call share.

    def share_choices(self, is_shared: bool) -> None:
        """From now on the choices are kept for the next step; False: they are forgotten."""
        vars(self)["_choices"] = {} if is_shared else None

    def dropped(self, x: Tensor, rate: float, name: str, training: Any) -> list[Tensor]:
        """x with some of its elements 0: once, or for each gate; x (..., batch, n) has the same
        elements 0 at all time steps."""
        if not training or not 0 < rate < 1:
            return [x]
        kept = vars(self).get("_choices")
        masks = (kept or {}).get(name)
        if masks is None:
            masks = self._masks_for(x.array, rate)
            if kept is not None:
                kept[name] = masks
        return [ops.multiply(x, mask) for mask in masks]

    def _masks_for(self, spec: Any, rate: float) -> list[Tensor]:
        """One mask, or one for each gate."""
        count = self.gates if self.implementation == 1 else 1
        return [self._choices_for(spec, rate) for _ in range(count)]

    def _choices_for(self, spec: Any, rate: float) -> Tensor:
        """1 / (1 - rate) or 0, (batch, n); ranks draw as one process would for its rows."""
        shape, name = tuple(spec.shape[-2:]), spec.dtype.name
        draw = {"shape": shape, "dtype": name, "first_row": shard.first_row(shape[0])}
        u = ops.random_uniform(self.seed_generator.next(), **draw)
        one = ops.broadcast_to(Tensor(np.ones((), spec.dtype)), shape=shape)
        return ops.dropout(one, u, rate=float(rate))

    # Steps.

    def projected(self, x: Tensor, training: Any) -> list[Tensor]:
        """x kernel, x with dropout, as one tensor for each gate."""
        return self._by_gate(self.dropped(x, self.dropout, "inputs", training), self.kernel)

    def recurred(self, h: Tensor, training: Any) -> list[Tensor]:
        """h recurrent_kernel, h with dropout, as one tensor for each gate."""
        dropped = self.dropped(h, self.recurrent_dropout, "states", training)
        return self._by_gate(dropped, self.recurrent_kernel)

    def _by_gate(self, xs: list[Tensor], kernel: Any) -> list[Tensor]:
        if len(xs) == 1:
            return ops.split(ops.matmul(xs[0], kernel), self.gates, axis=-1)
        kernels = ops.split(kernel, self.gates, axis=1)
        return [ops.matmul(x, part) for x, part in zip(xs, kernels)]

    def is_fused(self, training: Any) -> bool:
        """Whether one op computes all time steps: with Keras' default functions, unless states, or
        inputs by gate, are dropped."""
        is_ours = type(self).__module__.startswith("framework.")  # not with a `call` of its own
        is_plain = self.activation is activations.tanh
        is_plain = is_plain and self.recurrent_activation in (None, activations.sigmoid)
        rates = self.recurrent_dropout, self.dropout if self.implementation == 1 else 0
        return is_ours and is_plain and not (training and any(0 < rate < 1 for rate in rates))

    def over_time(self, x: Tensor, states: list, training: Any) -> tuple[Callable, list]:
        """(function that gives the outputs (t, batch, units), the last states) of inputs
        (t, batch, n), all steps at once; the first one of the states is the last output."""
        (x,) = self.dropped(x, self.dropout, "inputs", training)
        return self.fused(x, states)

    def fused(self, x: Tensor, states: list) -> tuple[Callable, list]:
        """over_time without dropout."""
        raise NotImplementedError

    def bias_or_zeros(self, *shape: int) -> Any:
        """The bias; zeros of that shape if there is none."""
        if self.bias is not None:
            return self.bias
        return Tensor(np.zeros(shape, self.kernel.array.dtype))


def first_of(states: Any) -> Any:
    """The one state, also of a list of one."""
    return states[0] if isinstance(states, (list, tuple)) else states


def initial_state(batch_size: int | None, units: int, dtype: str) -> Tensor:
    """Zeros (batch_size, units)."""
    return Tensor(np.zeros((batch_size or 0, units), dtype))


def cell_arguments(cell: type, arguments: dict[str, Any], options: dict[str, Any]) -> dict:
    """Of a layer's constructor arguments (its locals()) and further options those that its cell
    takes; what only the cell takes is taken out of the options."""
    names = list(inspect.signature(cell.__init__).parameters)[1:]
    found = {name: arguments[name] for name in names if name in arguments and name != "kwargs"}
    if "implementation" in options:
        found["implementation"] = options.pop("implementation")
    return found | {name: options[name] for name in ("dtype", "trainable") if name in options}
