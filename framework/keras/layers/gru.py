"""GRU: gated recurrent units (Cho et al. 2014)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from framework.engine import ops
from framework.engine.op import Sample
from framework.engine.ops.recurrence import rows_after
from framework.engine.tensor import Tensor
from framework.keras.layers.recurrent_cell import RecurrentCell, cell_arguments, first_of
from framework.keras.layers.rnn import RecurrentLayer


class GRUCell(RecurrentCell):
    """One step of GRU: call(inputs (batch, n), [h]) -> (h, [h]), state (batch, units).

    z and r are recurrent_activation of inputs kernel + h recurrent_kernel + bias, and
    k = activation(x_k + r h_k); h = z h + (1 - z) k. reset_after: r is multiplied to h
    recurrent_kernel + bias[1], and bias is (2, 3 units); else to h, and bias is (3 units,).
    """

    gates = 3

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
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
        reset_after: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ):
        implementation = kwargs.pop("implementation", 2)
        super().__init__(**kwargs)
        self.take(locals())
        self.take_gates(locals(), implementation)
        self.reset_after = reset_after

    def make_bias(self) -> Any:
        """bias (2, 3 units), without reset_after (3 units,)"""
        shape = (2, 3 * self.units) if self.reset_after else (3 * self.units,)
        return self.ruled_weight("bias", shape)

    def call(self, inputs: Any, states: Any, training: Any = False) -> tuple:
        """(h, [h])"""
        h = first_of(states)
        inside, gate = self.activation, self.recurrent_activation
        xs, biases = self.projected(inputs, training), self._biases()
        if biases[0] is not None:
            xs = [x + b for x, b in zip(xs, ops.split(biases[0], 3))]
        if self.reset_after:
            hs = self.recurred(h, training)
            if biases[1] is not None:
                hs = [x + b for x, b in zip(hs, ops.split(biases[1], 3))]
            z, r = gate(xs[0] + hs[0]), gate(xs[1] + hs[1])
            k = inside(xs[2] + r * hs[2])
        else:
            dropped = self.dropped(h, self.recurrent_dropout, "states", training)
            h_z, h_r, h_k = dropped * 3 if len(dropped) == 1 else dropped
            kernels = ops.split(self.recurrent_kernel, 3, axis=1)
            z = gate(xs[0] + ops.matmul(h_z, kernels[0]))
            r = gate(xs[1] + ops.matmul(h_r, kernels[1]))
            k = inside(xs[2] + ops.matmul(r * h_k, kernels[2]))
        h = z * h + (1.0 - z) * k
        return h, [h] if isinstance(states, (list, tuple)) else h

    def _biases(self) -> list:
        """Of the inputs and of the states."""
        if self.bias is None or not self.reset_after:
            return [self.bias, None]
        return ops.unstack(self.bias)

    def is_fused(self, training: Any) -> bool:
        """Whether one op computes all time steps: with reset_after, too."""
        return self.reset_after and super().is_fused(training)

    def fused(self, x: Tensor, states: list) -> tuple[Callable, list]:
        """over_time without dropout."""
        bias = self.bias_or_zeros(2, 3 * self.units)
        projected = ops.matmul(x, self.kernel)
        hs, h, *_ = ops.gru(projected, *states, self.recurrent_kernel, bias)
        return (lambda: rows_after(hs)), [h]


class GRU(RecurrentLayer):
    """GRUCell over the steps of x (batch, t, n): y (batch, units), or (batch, t, units) with
    return_sequences; h follows with return_state.

    One op computes all steps. Where reset_after is False or the functions are others than the
    default ones, and while recurrent_dropout is used, a program has a loop over the steps instead,
    as one line of it.
    """

    samples = (
        Sample(((2, 5, 3),), {"units": 4}),
        Sample(((3, 4, 2),), {"units": 3, "return_sequences": True, "reset_after": False}),
        Sample(((2, 3, 2),), {"units": 2, "use_bias": False, "go_backwards": True}),
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
        reset_after: bool = True,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ):
        arguments = cell_arguments(GRUCell, locals(), kwargs)
        cell = GRUCell(**arguments, name="gru_cell")
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
