"""LSTM: long short-term memory (Hochreiter and Schmidhuber 1997)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from framework.engine import ops
from framework.engine.op import Sample
from framework.engine.tensor import Tensor
from framework.keras.layers.recurrent_cell import RecurrentCell, cell_arguments
from framework.keras.layers.rnn import RecurrentLayer


class LSTMCell(RecurrentCell):
    """One step of LSTM: call(inputs (batch, n), [h, c]) -> (h, [h, c]), states (batch, units).

    (i, f, g, o) = inputs kernel + h recurrent_kernel + bias;
    c = a(f) c + a(i) activation(g), h = a(o) activation(c), where a is recurrent_activation.
    """

    gates = 4

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
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
        implementation = kwargs.pop("implementation", 2)
        super().__init__(**kwargs)
        self.take(locals())
        self.take_gates(locals(), implementation)
        self.unit_forget_bias = unit_forget_bias
        self.state_size = [units, units]

    def make_bias(self) -> Any:
        """bias (4 units,), 1 for the forget gate with unit_forget_bias (Jozefowicz et al. 2015)."""
        if not self.unit_forget_bias:
            return super().make_bias()
        start, n = self.bias_initializer, self.units

        def draw(shape: tuple, dtype: Any = None) -> Tensor:
            parts = start((n,), dtype=dtype), start((2 * n,), dtype=dtype)
            ones = np.ones(n, parts[0].array.dtype)
            return Tensor(np.concatenate((parts[0].array, ones, parts[1].array)))

        rules = {"regularizer": self.bias_regularizer, "constraint": self.bias_constraint}
        return self.add_weight((4 * n,), draw, name="bias", **rules)

    def call(self, inputs: Any, states: Any, training: Any = False) -> tuple:
        """(h, [h, c])"""
        h, c = states
        parts = [
            x + y for x, y in zip(self.projected(inputs, training), self.recurred(h, training))
        ]
        if self.bias is not None:
            parts = [x + b for x, b in zip(parts, ops.split(self.bias, 4))]
        i, f, g, o = parts
        inside, gate = self.activation, self.recurrent_activation
        c = gate(f) * c + gate(i) * inside(g)
        h = gate(o) * inside(c)
        return h, [h, c]

    def fused(self, x: Tensor, states: list) -> tuple[Callable, list]:
        """over_time without dropout."""
        kernel = ops.concatenate((self.kernel, self.recurrent_kernel), axis=0)
        hs, h, c, *_ = ops.lstm(x, *states, kernel, self.bias_or_zeros(4 * self.units))
        return (lambda: hs), [h, c]


class LSTM(RecurrentLayer):
    """LSTMCell over the steps of x (batch, t, n): y (batch, units), or (batch, t, units) with
    return_sequences; h and c follow with return_state.

    One op computes all steps. Where the functions are others than the default ones, and while
    recurrent_dropout is used, a program has a loop over the steps instead, as one line of it.
    """

    samples = (
        Sample(((2, 5, 3),), {"units": 4}),
        Sample(
            ((3, 4, 2),),
            {"units": 3, "return_sequences": True, "go_backwards": True, "use_bias": False},
        ),
        Sample(((2, 3, 2),), {"units": 2, "activation": "relu"}),
    )

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ):
        arguments = cell_arguments(LSTMCell, locals(), kwargs)
        cell = LSTMCell(**arguments, name="lstm_cell")
        super().__init__(
            cell,
            use_cudnn=use_cudnn,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
