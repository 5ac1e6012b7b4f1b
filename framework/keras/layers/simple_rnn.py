"""SimpleRNN: each output is a function of the inputs and of the output before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from framework.engine import ops
from framework.engine.op import Sample
from framework.engine.ops.recurrence import rows_after
from framework.engine.tensor import Tensor
from framework.keras import activations
from framework.keras.layers.recurrent_cell import RecurrentCell, cell_arguments, first_of
from framework.keras.layers.rnn import RecurrentLayer, without


class SimpleRNNCell(RecurrentCell):
    """One step of SimpleRNN: h = activation(inputs kernel + h recurrent_kernel + bias);
    call(inputs (batch, n), [h]) -> (h, [h]), state (batch, units).
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.take(locals())

    def call(self, inputs: Any, states: Any, training: Any = False) -> tuple:
        """(h, [h])"""
        h = first_of(states)
        x = self.projected(inputs, training)[0]
        x = x if self.bias is None else x + self.bias
        h = activations.applied(self.activation, x + self.recurred(h, training)[0])
        return h, [h] if isinstance(states, (list, tuple)) else h

    def fused(self, x: Tensor, states: list) -> tuple[Callable, list]:
        """over_time without dropout."""
        projected = ops.matmul(x, self.kernel)
        bias = self.bias_or_zeros(self.units)
        hs, h = ops.simple_rnn(projected, *states, self.recurrent_kernel, bias)
        return (lambda: rows_after(hs)), [h]


class SimpleRNN(RecurrentLayer):
    """SimpleRNNCell over the steps of x (batch, t, n): y (batch, units), or (batch, t, units) with
    return_sequences; h follows with return_state.

    One op computes all steps with tanh. With other functions, and while recurrent_dropout is used,
    a program has a loop over the steps instead, as one line of it.
    """

    samples = (
        Sample(((2, 5, 3),), {"units": 4}),
        Sample(((3, 4, 2),), {"units": 3, "return_sequences": True, "activation": "sigmoid"}),
    )

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ):
        arguments = cell_arguments(SimpleRNNCell, locals(), kwargs)
        cell = SimpleRNNCell(**arguments, name="simple_rnn_cell")
        super().__init__(
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )

    def get_config(self) -> dict:
        """The constructor's arguments that Keras writes: not the seed."""
        return without(super().get_config(), "seed")
