"""RMSprop and Adagrad."""

from __future__ import annotations

from typing import Any

from framework.engine import ops
from framework.engine.slices import IndexedSlices
from framework.engine.tensor import Tensor
from framework.keras.optimizers.optimizer import Optimizer
from framework.keras.variable import Variable


class RMSprop(Optimizer):
    """v = rho v + (1 - rho) g^2;  p -= rate g / sqrt(v + epsilon) (Hinton 2012, lecture 6e).

    centered: the square of the gradients' mean is taken off v. momentum: steps add up as in SGD.
    """

    aliases = ("rmsprop",)

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **kwargs: Any,
    ):
        super().__init__(learning_rate, **kwargs)
        self.rho, self.momentum, self.epsilon, self.centered = rho, momentum, epsilon, centered
        optional = (("momentum", momentum), ("average_gradient", centered))
        self.slots = (("velocity",), *[(name,) for name, is_used in optional if is_used])

    def update(self, p: Any, g: Tensor, rate: Tensor, *states: Variable) -> None:
        """One op per parameter; momentum and centered take several."""
        v, *rest = states
        if not rest:
            ops.rmsprop_update(p, v, g, rate, rho=self.rho, epsilon=self.epsilon)
            return
        v.assign_add((ops.square(g) - v) * (1 - self.rho))
        denominator = v + self.epsilon
        if self.centered:
            mean = rest[-1]
            mean.assign_add((g - mean) * (1 - self.rho))
            denominator = v - ops.square(mean) + self.epsilon
        step = g * rate / ops.sqrt(denominator)
        if self.momentum:
            rest[0].assign(rest[0] * self.momentum + step)
            step = rest[0]
        p.assign_sub(step)


class Adagrad(Optimizer):
    """a += g^2;  p -= rate g / sqrt(a + epsilon) (Duchi et al. 2011)."""

    aliases = ("adagrad",)
    slots = (("accumulator",),)
    takes_rows = True  # a row without gradient stays where it is

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **kwargs: Any,
    ):
        super().__init__(learning_rate, **kwargs)
        self.initial_accumulator_value, self.epsilon = initial_accumulator_value, epsilon

    def initial(self, slot: str) -> float:
        """initial_accumulator_value"""
        return self.initial_accumulator_value

    def update(self, p: Any, g: Any, rate: Tensor, *states: Variable) -> None:
        """a, then the step; of IndexedSlices only the rows are touched."""
        (a,) = states
        if isinstance(g, IndexedSlices):
            values, _ = ops.merge_rows(g.indices, g.values, height=p.shape[0])
            ops.assign_rows(a, g.indices, ops.square(values), how="add")
            rows = ops.gather(a, g.indices)
            step = values * rate / ops.sqrt(rows + self.epsilon)
            ops.assign_rows(p, g.indices, step, how="sub")
            return
        ops.adagrad_update(p, a, g, rate, epsilon=self.epsilon)
